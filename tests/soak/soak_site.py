# SPDX-License-Identifier: BSD-2-Clause
"""The site that is soaked: its files, and conf files for it, usual ones, changed ones and broken ones."""

import gzip
import hashlib
import os
import pathlib
import shutil
import socket
import tempfile

WORKERS, WORKERS_MOST, SLOTS = 4, 6, 128
PROCESSES = 3                   # of well-behaved clients, each with a tree that it changes
DRAIN_IDLE = 0.3                # seconds; see drain_idle below
BEHIND = 4.0                    # how old an answer from open_file_cache may be: 1 s valid, a clock under load, a worker held up
RUDE = "127.0.0.2"              # the address from which rude clients come
NOFILE = 2000

MAIN = """\
pid {prefix}/logs/weir.pid;
error_log {prefix}/logs/error.log notice;
worker_processes %(workers)d;
worker_rlimit_nofile %(nofile)d;
worker_shutdown_timeout 10s;
worker_generations 20;
events {
    worker_connections %(slots)d;
    drain_idle 300ms;
    requests_per_turn 5;
}
http {
    log_format soak '$http_soak $status "$request" $bytes_sent $request_time $pid';
    access_log {prefix}/logs/access.log soak %(log)s;
    limit_req_zone $arg_key zone=rate:1m rate=20r/s;
    limit_conn_zone $arg_key zone=count:1m;
    client_body_temp_path {prefix}/body 1;
    client_max_body_size 4m;
    client_body_buffer_size 8k;
    client_header_timeout 30s;
    client_body_timeout 30s;
    send_timeout 30s;
    keepalive_timeout 30s;
    keepalive_requests 1000000;
    lingering_timeout 500ms;
    reset_timedout_connection on;
    %(cache)s
    sendfile %(sendfile)s;
    gzip on;
    gzip_types *;
    gzip_min_length 1000;
    gzip_comp_level %(level)d;
    server {
        listen 127.0.0.1:{port} %(reuseport)s;
        listen unix:{prefix}/logs/sock;
        listen 127.0.0.1:{port1};
        root {prefix}/html;
%(places)s
    }
    server {
        listen 127.0.0.1:{port2} deferred=off;
        root {prefix}/html;
        client_header_timeout 800ms;
        client_body_timeout 800ms;
        send_timeout 800ms;
        keepalive_timeout 5s;
        client_min_rate 1k after=500ms;
%(places)s
    }
%(more)s
}
"""
PLACES = """\
        location = /echo { return 200 "$arg_id $connection_requests"; }
        location = /status { status; }
        location /list/ { autoindex on; autoindex_format json; }
        location /ssi/ { ssi on; }
        location /locked/ { auth_basic soak; auth_basic_user_file {prefix}/users; }
        location /rate/ { limit_req zone=rate burst=5; alias {prefix}/html/fixed/; }
        location /count/ { limit_conn count 2; limit_rate 400k; alias {prefix}/html/fixed/; }
        location /slow/ { limit_rate 200k; alias {prefix}/html/fixed/; }
        location /dav/ { open_file_cache off; dav_methods PUT DELETE MKCOL COPY MOVE; create_full_put_path on; }
        location /far/ { open_file_cache off; dav_methods PUT DELETE MKCOL COPY MOVE; create_full_put_path on; client_body_temp_path %(far)s; }
%(trees)s"""
TREE = """\
        location /plain-%(k)d/ { open_file_cache off; gzip off; alias {prefix}/html/tree%(k)d/; }
        location /cached-%(k)d/ { open_file_cache max=20; open_file_cache_valid 1s; open_file_cache_errors on; gzip off; alias {prefix}/html/tree%(k)d/; }
        location /gzip-%(k)d/ { open_file_cache off; gzip_min_length 1; alias {prefix}/html/tree%(k)d/; }
"""
HOP = """\
    server { listen 127.0.0.1:{port3}; return 200 "hop $arg_id"; }
"""
USUAL = dict(workers=WORKERS, slots=SLOTS, nofile=NOFILE, log="buffer=16k flush=500ms", sendfile="on", level=1, reuseport="", more="",
             cache="open_file_cache max=200 inactive=10s; open_file_cache_valid 1s;")

# What an operator does to a conf file by mistake. "in use" is somebody else's port.
MISTAKES = [
    ("no directive", lambda text, port: text + "nonsense;\n"),
    ("no end", lambda text, port: text.rstrip().rstrip("}")),
    ("no file", lambda text, port: text.replace("events {", "include {prefix}/none.conf;\nevents {")),
    ("no folder", lambda text, port: text.replace("http {\n", "http {\n    access_log {prefix}/none/access.log;\n", 1)),
    ("no value", lambda text, port: text.replace("worker_connections 128", "worker_connections many")),
    ("twice", lambda text, port: text.replace("gzip on;", "gzip on; gzip off;", 1)),
    ("in use", lambda text, port: text.replace("listen 127.0.0.1:{port1};", f"listen 127.0.0.1:{{port1}}; listen 127.0.0.1:{port};", 1)),
]


def fixed_bytes(name, size):
    """Bytes that a client knows by heart, different at each place."""
    out, n = bytearray(), 0
    while len(out) < size:
        out += hashlib.sha256(f"{name} {n}".encode()).hexdigest().encode() + b"\n"
        n += 1
    return bytes(out[:size])


SIZES = {"empty": 0, "one": 1, "small": 700, "page": 9000, "middle": 60_000, "large": 400_000, "huge": 2_000_000}
FIXED = {name: fixed_bytes(name, size) for name, size in SIZES.items()}
SSI = '<p>a</p><!--#include virtual="/echo?id=inner" -->|<!--#include virtual="/fixed/small" -->|<!--#echo var="arg_id" -->|end'


def ssi_answer(name):
    return b"<p>a</p>inner %d|" + FIXED["small"] + b"|" + name.encode() + b"|end"


class Site:
    """The files, below the folder of a server that has not started; and what its conf file may say."""

    def __init__(self, server):
        self.server = server
        self.far = self._far_folder()
        self.blocker = None
        html = server.html
        for name, data in FIXED.items():
            server.write(f"html/fixed/{name}", data)
            server.write(f"html/list/{name}", data)
            server.write(f"html/locked/{name}", data)
        server.write("html/fixed/page.gz", gzip.compress(FIXED["page"]))
        server.write("html/ssi/page.html", SSI)
        server.write("users", "reader:{PLAIN}secret\n")
        for k in range(PROCESSES):
            (html / f"tree{k}").mkdir()
            (html / f"tree{k}").chmod(0o755)
        for name in ("dav", "far"):
            (html / name).mkdir()
            (html / name).chmod(0o777)      # for the workers' user, whoever that is

    def _far_folder(self):
        """Another file system for the bodies of requests, where there is one."""
        shm = pathlib.Path("/dev/shm")
        if not shm.is_dir() or not os.access(shm, os.W_OK | os.X_OK):
            return self.server.prefix / "far"
        folder = pathlib.Path(tempfile.mkdtemp(prefix="weir-soak-", dir=shm))
        folder.chmod(0o755)
        return folder / "far"

    def block_port(self):
        """A port that is in use, for a mistake."""
        self.blocker = socket.create_server(("127.0.0.1", 0))
        return self.blocker.getsockname()[1]

    def text(self, **changes):
        trees = "".join(TREE % {"k": k} for k in range(PROCESSES))
        places = PLACES % {"trees": trees, "far": self.far}
        return MAIN % {**USUAL, "places": places, **changes}

    def widest_text(self):
        """With all the sockets that an address will ever have: there are never fewer again while it is listened on."""
        return self.text(workers=WORKERS_MOST, reuseport="reuseport", more=HOP)

    def any_text(self, chance):
        """A good conf file that differs from the usual one in some ways."""
        return self.text(
            workers=chance.choice([1, 2, WORKERS, WORKERS, WORKERS_MOST]),
            slots=chance.choice([96, SLOTS, 256]),
            log=chance.choice(["", "buffer=16k flush=500ms", "buffer=4k"]),
            sendfile=chance.choice(["on", "off"]),
            level=chance.choice([1, 4, 9]),
            reuseport=chance.choice(["", "", "reuseport"]),
            cache=chance.choice([USUAL["cache"], "", "open_file_cache max=5 inactive=1s; open_file_cache_events on; open_file_cache_valid 1s;"]),
            more=chance.choice(["", HOP]))

    def remove(self):
        if self.blocker is not None:
            self.blocker.close()
        if self.far.parent != self.server.prefix:
            shutil.rmtree(self.far.parent)
