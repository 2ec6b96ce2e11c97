# SPDX-License-Identifier: BSD-2-Clause
"""What every run needs: options, programs, files, servers."""
import fcntl
import os
import random
import shutil
import subprocess
import sys
import tempfile

import machine
from peers import peers
from server import Server, free_ports

HERE = os.path.dirname(os.path.abspath(__file__))
LISTED = 100000     # entries of the folder that is listed
CFLAGS = ["-std=gnu17", "-D_GNU_SOURCE", "-O2"]
NEEDED = {"wrk": "wrk", "openssl": "openssl", os.environ.get("CC", "cc"): "gcc"}


def make_programs(o):
    for name in ("limit", "load"):
        source, program = "%s/%s.c" % (HERE, name), "%s/%s" % (o.tmp, name)
        if not os.path.exists(program) or os.path.getmtime(program) < os.path.getmtime(source):
            subprocess.run([os.environ.get("CC", "cc"), *CFLAGS, "-o", program, source], check=True)
        setattr(o, name, program)


def make_files(www):
    """The same bytes and dates in each run, so that validators and compression are comparable."""
    rnd = random.Random(42)
    for folder in ["gz"] + ["many/%02d" % i for i in range(100)]:
        os.makedirs("%s/%s" % (www, folder), exist_ok=True)

    def put(name, *pieces):
        with open("%s/%s" % (www, name), "wb") as f:
            f.writelines(pieces)
        os.utime("%s/%s" % (www, name), (1700000000, 1700000000))

    put("1k.bin", rnd.randbytes(1024))
    put("64k.bin", rnd.randbytes(65536))
    put("100m.bin", *(rnd.randbytes(1 << 20) for _ in range(100)))
    for i in range(10000):
        put("many/%02d/%04d.bin" % (i % 100, i), rnd.randbytes(rnd.randint(1024, 16384)))
    put("gz/100k.txt", make_text(rnd).encode())


def make_listing(folder):
    """Many names of few files: it is the names that count."""
    if os.path.exists(folder):
        return
    os.makedirs(folder + ".new")
    for i in range(LISTED):
        name = "%s.new/document-%06d.txt" % (folder, i)
        if i % 1000 == 0:
            first = name
            open(first, "w").close()
        else:
            os.link(first, name)
    os.rename(folder + ".new", folder)


def make_text(rnd, size=102400):
    """Words of a made-up language, few of them frequent: it compresses about as prose does."""
    words = ["".join(rnd.choice("etaoinshrdlucmfwyp") for _ in range(rnd.randint(2, 9)))
             for _ in range(900)]
    text, length = [], 0
    while length < size:
        text.append(words[min(int(rnd.expovariate(.012)), 899)] + rnd.choice("     .,\n"))
        length += len(text[-1])
    return "".join(text)[:size]


def make_certificate(o):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-days", "3650",
                    "-keyout", o.tmp + "/key.pem", "-out", o.tmp + "/cert.pem",
                    "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
                   check=True, stderr=subprocess.DEVNULL)
    os.chmod(o.tmp + "/key.pem", 0o644)     # a throwaway key that every server's user must read


def prepare(o):
    """Everything below o.tmp; kept, so that the next run starts at once."""
    for program, package in NEEDED.items():
        if shutil.which(program) is None:
            sys.exit("bench: %s is missing: apt-get install %s" % (program, package))
    os.makedirs(o.tmp, mode=0o755, exist_ok=True)
    o.lock = open(o.tmp + "/lock", "w")
    try:
        fcntl.flock(o.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        sys.exit("bench: another run uses %s: wait for it, or give --tmp" % o.tmp)
    machine.raise_descriptor_limit()
    os.sched_setaffinity(0, {machine.LOAD_CPU})
    make_programs(o)
    if not os.path.exists(o.tmp + "/made"):
        make_files(o.tmp + "/www")
        make_certificate(o)
        open(o.tmp + "/made", "w").close()
    make_listing(o.tmp + "/www/listing")


def make_servers(o):
    available = peers(o.weir, o.nginx, o.limit)
    names = o.servers.split(",") if o.servers else list(available)
    servers, port = [], o.port
    for name in available:
        if name in names:
            port = free_ports(port)
            servers.append(Server(name, available[name], o.tmp, port))
            port += 2
    return servers


def add_options(parser):
    """Those that every program here has."""
    os.environ["PATH"] += ":/usr/sbin:/sbin"        # where Debian keeps servers
    parser.add_argument("weir", metavar="WEIR_BINARY")
    parser.add_argument("--nginx", default=shutil.which("nginx"),
                        help="the nginx of the reference rows")
    parser.add_argument("-s", "--servers",
                        help="a,b,… of: " + " ".join(peers("sh", "sh", "sh")))
    parser.add_argument("--port", type=int, default=18000, help="look for free ports from here on")
    parser.add_argument("--tmp", default="%s/weir-bench-%d" % (tempfile.gettempdir(), os.geteuid()))
    parser.add_argument("-v", "--verbose", action="store_true")


def read_options(parser, workloads):
    o = parser.parse_args()
    for name in filter(None, (o.workloads or "").split(",")):
        if name not in workloads:
            parser.error("no workload is called %s" % name)
    weir = shutil.which(o.weir)
    if weir is None:
        parser.error("%s is no program" % o.weir)
    o.weir = os.path.abspath(weir)
    o.tmp = os.path.abspath(o.tmp)
    return o
