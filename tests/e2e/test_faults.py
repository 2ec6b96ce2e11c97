# SPDX-License-Identifier: BSD-2-Clause
"""
Each call that can fail is made to fail, one after the other (src/base/faults.h): while a conf file is read, a server starts, reloads, answers
and leaves. Whatever fails, nobody crashes, nothing leaks, nobody waits in vain, an answer is right or says that it is not, and the server
goes on. Debug builds alone.

In the usual suite each place of the source fails once; with FAULTS=all ("make faults") each call of each scenario does, until a run passes
untouched, and in each way that its row knows.
"""

import base64
import contextlib
import gzip
import hashlib
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass, field

import pytest

from harness import Client, ProtocolError, Weir, now, request, wait_until
from harness.faults import Faults, can_fail, place_of
from harness.films import make_film, pictures, sound
from harness.server import binary, environment, is_alive, processes_within, remove_folder, sanitizer_reports, stat_of

pytestmark = pytest.mark.skipif(not can_fail(), reason="no debug build: nothing can be made to fail")

ALL = os.environ.get("FAULTS") == "all"
WAYS = int(os.environ.get("FAULT_WAYS", "3" if ALL else "1"))
MOST = int(os.environ.get("FAULT_MOST", "0"))
PATIENCE = 20                       # seconds; who waits longer waits in vain

STAMP = 1_700_000_000
TEXT = b"<p>some words of a page, and more of them</p>\n" * 40
LARGE = bytes(range(256)) * 4096    # 1 MiB
PART = b"part of a page\n"
USERS = "joe:{SHA}" + base64.b64encode(hashlib.sha1(b"secret").digest()).decode() + "\n" \
    "eve:" + "$apr1$r31.....$HqJZimcKQFAMYayBlzkrA/" + "\n"
LOGIN = "Authorization: Basic " + base64.b64encode(b"joe:secret").decode()

FILES = {
    "html/page.html": TEXT, "html/large.bin": LARGE, "html/part.txt": PART, "html/index.html": b"front\n",
    "html/films/film.mp4": make_film([pictures(1), sound(2)]),
    "html/list/a.txt": b"a", "html/list/b.txt": b"bb", "html/list/c/d.txt": b"d",
    "html/packed.txt": TEXT, "html/packed.txt.gz": gzip.compress(TEXT, mtime=0),
    "html/s.shtml": b'[<!--#set var="x" value="1" --><!--#if expr="$x = 1" -->yes<!--#endif -->'
                    b'<!--#include virtual="/part.txt" --><!--#echo var="DATE_LOCAL" -->]',
    "html/40x.html": b"no such page\n",
    "users": USERS,
}

MAIN = "env WEIR_FAIL;"
HTTP = r"""
    log_format full '$remote_addr $request $status $http_user_agent $request_time $upper';
    map $uri $upper { default none; ~^/re/(?<word>.*)$ "$word!"; }
    geo $near { default 0; 127.0.0.0/8 1; }
    limit_req_zone $binary_remote_addr zone=req:1m rate=10000r/s;
    limit_conn_zone $binary_remote_addr zone=conn:1m;
    open_file_cache max=32;
    server {
        listen 127.0.0.1:{port1} proxy_protocol;
        location / { return 200 "$proxy_protocol_addr\n"; }
    }
"""
SERVER = r"""
    server_name localhost ~^(?<who>.+)[.]example$;
    root {prefix}/html;
    access_log {prefix}/logs/full.log full;
    error_page 404 /40x.html;
    location /plain { return 200 "plain\n"; }
    location /gz/ { alias {prefix}/html/; gzip on; gzip_types *; }
    location /br/ { alias {prefix}/html/; brotli on; brotli_types *; }
    location /zstd/ { alias {prefix}/html/; zstd on; zstd_types *; }
    location /packed { gzip_static on; }
    location /list/ { autoindex on; }
    location ~ [.]shtml$ { ssi on; }
    location /sub/ { alias {prefix}/html/; sub_filter words WORDS; sub_filter_once off; }
    location /add/ { alias {prefix}/html/; add_before_body /part.txt; add_after_body /part.txt; }
    location /dav/ { dav_methods PUT DELETE MKCOL COPY MOVE; create_full_put_path on; client_max_body_size 8m; client_body_buffer_size 8k; }
    location /auth/ { alias {prefix}/html/; auth_basic closed; auth_basic_user_file {prefix}/users; }
    location /re/ { rewrite ^/re/(.*)$ /plain?$1; }
    location /if/ { alias {prefix}/html/; if ($near) { add_header X-Near yes; } }
    location /limit/ { alias {prefix}/html/; limit_req zone=req burst=5; limit_conn conn 100; }
    location /films/ { mp4; }
    location /slow/ { alias {prefix}/html/; limit_rate 100m; }
    location /try/ { try_files $uri /page.html; }
    location /echo { return 200 "$uri $args $http_user_agent $upper $who\n"; }
    location /status { status; }
    location /metrics { metrics; }
    location /koi/ { alias {prefix}/html/; charset utf-8; }
"""


@dataclass
class Ask:
    """A request; what comes back when nothing fails is what has to come back whenever the answer says that it is well."""
    data: object                            # bytes, or a function of the number of the try
    method: str = "GET"
    port: str = "port"
    before: object = None                   # called with the server and the number of the try
    changes: bool = False                   # the body is another each time
    well: tuple = (200,)
    parts: int = 1                          # the request is sent in so many pieces


def get(target, *fields, **more):
    return Ask(request(target, *fields, "Connection: close"), **more)


def fresh(server, number):
    """A file that no cache knows."""
    folder = server.html / "fresh"
    shutil.rmtree(folder, ignore_errors=True)
    server.write(f"html/fresh/{number}.html", TEXT)
    server.write(f"html/fresh/{number}.bin", LARGE)


def dav_folder(server, number):
    folder = server.html / "dav"
    shutil.rmtree(folder, ignore_errors=True)
    for path in (folder, folder / "tree"):
        path.mkdir(exist_ok=True)       # who put a file there may still be about it
        path.chmod(0o777)
    for name in ("old.txt", "tree/a.txt"):
        (folder / name).write_bytes(PART)
        (folder / name).chmod(0o666)


def dav(method, target, *fields, body=b"", **more):
    length = [f"Content-Length: {len(body)}"] if body else []
    return Ask(request(target, *fields, *length, "Connection: close", method=method, body=body), method=method, before=dav_folder,
               well=(200, 201, 204), **more)


REQUESTS = {
    "plain": get("/plain"),
    "small": get("/page.html"),
    "head": Ask(request("/page.html", "Connection: close", method="HEAD"), method="HEAD"),
    "fresh": Ask(lambda n: request(f"/fresh/{n}.html", "Connection: close"), before=fresh),
    "large": get("/large.bin"),
    "range": get("/large.bin", "Range: bytes=100-70000", well=(206,)),
    "ranges": get("/large.bin", "Range: bytes=0-9,100-199,-5", well=(206,), changes=True),
    "not modified": get("/page.html", "If-Modified-Since: Tue, 14 Nov 2023 22:13:20 GMT", well=(304,)),
    "gzip": get("/gz/page.html", "Accept-Encoding: gzip"),
    "gzip large": get("/gz/large.bin", "Accept-Encoding: gzip"),
    "gzip fresh": Ask(lambda n: request(f"/gz/fresh/{n}.html", "Accept-Encoding: gzip", "Connection: close"), before=fresh),
    "gzip fresh large": Ask(lambda n: request(f"/gz/fresh/{n}.bin", "Accept-Encoding: gzip", "Connection: close"), before=fresh),
    "brotli fresh large": Ask(lambda n: request(f"/br/fresh/{n}.bin", "Accept-Encoding: br", "Connection: close"), before=fresh),
    "zstd fresh large": Ask(lambda n: request(f"/zstd/fresh/{n}.bin", "Accept-Encoding: zstd", "Connection: close"), before=fresh),
    "fresh large": Ask(lambda n: request(f"/fresh/{n}.bin", "Connection: close"), before=fresh),
    "brotli large": get("/br/large.bin", "Accept-Encoding: br"),
    "brotli fresh": Ask(lambda n: request(f"/br/fresh/{n}.html", "Accept-Encoding: br", "Connection: close"), before=fresh),
    "zstd large": get("/zstd/large.bin", "Accept-Encoding: zstd"),
    "zstd fresh": Ask(lambda n: request(f"/zstd/fresh/{n}.html", "Accept-Encoding: zstd", "Connection: close"), before=fresh),
    "packed": get("/packed.txt", "Accept-Encoding: gzip"),
    "list": get("/list/", changes=True),        # what may not be looked at is not shown
    "list json": get("/list/", "Accept: application/json", changes=True),
    "ssi": get("/s.shtml", changes=True),
    "sub": get("/sub/page.html"),
    "addition": get("/add/page.html"),
    "put": dav("PUT", "/dav/new/file.txt", body=PART * 10),
    "put large": dav("PUT", "/dav/file.txt", body=LARGE),
    "delete": dav("DELETE", "/dav/tree/", "Depth: infinity"),
    "mkcol": dav("MKCOL", "/dav/folder/"),
    "copy": dav("COPY", "/dav/tree/", "Destination: /dav/copy/"),
    "move": dav("MOVE", "/dav/old.txt", "Destination: /dav/new.txt"),
    "login": get("/auth/page.html", LOGIN),
    "login apr1": get("/auth/page.html", "Authorization: Basic " + base64.b64encode(b"eve:myPassword").decode()),
    "no login": get("/auth/page.html", well=(401,)),
    "not there": get("/none", well=(404,)),
    "rewrite": get("/re/word?x"),
    "if": get("/if/page.html"),
    "limits": get("/limit/page.html"),
    "film": get("/films/film.mp4?start=1"),
    "rate": get("/slow/large.bin"),
    "try": get("/try/none"),
    "variables": Ask(request("/echo?a=b", "User-Agent: me", "Connection: close", host="joe.example")),
    "status": get("/status", changes=True),
    "metrics": get("/metrics", changes=True),
    "charset": get("/koi/page.html"),
    "body thrown away": Ask(request("/plain", "Content-Length: 200000", "Connection: close", method="POST", body=bytes(200000)), method="POST"),
    "chunked": Ask(request("/dav/file.txt", "Transfer-Encoding: chunked", "Connection: close", method="PUT",
                           body=b"5\r\nhello\r\n0\r\nX: y\r\n\r\n"), method="PUT", before=dav_folder, well=(201, 204)),
    "in pieces": get("/page.html", parts=3),
    "proxied": Ask(b"PROXY TCP4 192.0.2.1 192.0.2.2 5 6\r\n" + request("/", "Connection: close"), port="port1"),
    "bad": Ask(b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", well=(400,)),
}


# ---- the table

HERE = pathlib.Path(__file__).resolve().parent
TABLE = HERE.parents[1] / "src" / "base" / "faults.h"


def library():
    """libweir.a of the binary that is tested."""
    path = pathlib.Path(os.environ.get("WEIR_BINARY", HERE.parents[1] / "build" / "weir"))
    return path.parent / "libweir.a"


def in_no_table():
    text = re.sub(r"#.*|\[.*?\]", "", (HERE / "no_faults").read_text())
    return text.split()


def called():
    """What our objects want of the libraries, and one of the objects that wants it. What is for tests alone is left out."""
    said = subprocess.run(["nm", "-A", library()], capture_output=True, text=True, timeout=60, check=True).stdout
    defined, wanted = set(), {}
    for line in said.splitlines():
        place, kind, name = re.match(r"(\S+?):\s*[0-9a-f]*\s*(\S) (\S+)", line).groups()
        if kind not in "Uw":
            defined.add(name)
        elif not re.search(r"(?:faults|taken_over)[.]o$|/llhttp/|:(?:api|http|llhttp)[.]o$", place):
            wanted[name] = place
    return {name: place for name, place in wanted.items() if name not in defined}


DATA = {"environ", "stderr", "stdout", "in6addr_any", "in6addr_loopback", "_GLOBAL_OFFSET_TABLE_", "__ehdr_start", "__executable_start", "etext"}


@pytest.mark.skipif(shutil.which("nm") is None or not library().exists(), reason="needs nm and the objects")
def test_whatever_is_called_has_a_row_or_a_reason():
    rows = set(re.findall(r"^    (?:FAIL|WAIT|MOVE|CODE|HAND)\((\w+),", TABLE.read_text(), re.M))
    reasons = in_no_table()
    assert len(set(reasons)) == len(reasons) and not set(reasons) & rows
    calls = {name: place for name, place in called().items()
             if name not in DATA and not re.match(r"__(?:asan|ubsan|sanitizer|tsan)_|__(?:start|stop)_", name)}
    unknown = {name: place for name, place in calls.items() if name not in rows and name not in reasons}
    assert not unknown, f"new rows for src/base/faults.h, or reasons for tests/e2e/no_faults: {unknown}"


# ---- what has to hold, whatever failed

def problems_of(weir, seen=set()):
    """What no fault is an excuse for, but for what was found before."""
    text = weir.said() + sanitizer_reports(weir.prefix) + weir.log_text()
    found = [line for line in text.splitlines() if re.search(r"exited on signal|Sanitizer|runtime error|ssertion", line)
             and not re.search("LeakSanitizer (?:has encountered a fatal error|does not work under ptrace)", line)]  # by the sandbox
    new = [line for line in found if line not in seen]
    seen.update(new)
    return "\n".join(new)


def threads_of(pid):
    found = []
    for path in pathlib.Path(f"/proc/{pid}/task").iterdir():
        found.append((path / "stat").read_text().rsplit(")", 1)[1].split()[0])
    return found


def rests(pid, faults):
    """Whether the process has nothing to do any more."""
    try:
        met = faults.met
        return all(state not in "RD" for state in threads_of(pid)) and faults.met == met
    except OSError:
        return True


def settle(pid, faults):
    for _ in range(2):
        wait_until(lambda: rests(pid, faults), "the worker to rest", PATIENCE)


def descriptors_of(pid):
    """What each descriptor of a process is."""
    found = []
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            found.append(os.readlink(f"/proc/{pid}/fd/{fd}"))
        except OSError:
            continue
    return sorted(re.sub(r"\d{3,}", "N", name) for name in found if "/html/" not in name)     # the cache of files holds those


class Run:
    """The tries of one scenario: which calls fail, and what is told when one went wrong."""

    def __init__(self, name):
        self.name, self.tries, self.wrong = name, 0, []

    def fault(self, faults, what):
        self.wrong.append(f"{self.name}, {faults.first}: {what}")

    def end(self):
        print(f"{self.name}: {self.tries} tried, {len(self.wrong)} wrong", flush=True)
        if self.wrong:
            pytest.fail("\n".join(self.wrong[:50]), pytrace=False)


SEEN = set()


def sample(faults, deep):
    """The calls whose place in the source has not failed yet; deep: or not on this way there."""
    for number, (name, at, way_here) in enumerate(faults.calls(), 1):
        place = name, way_here if deep else at
        if place not in SEEN:
            SEEN.update([(name, at), (name, way_here)])
            yield number


def numbers(faults, way, dry, deep=False, most=40):
    """
    The calls that are to fail. Ended by whoever sees that a run went untouched, when it is all of them; else at most so many, from the whole
    of the run.
    """
    dry(way)
    if ALL:
        met, number = faults.met, 0
        while number < (MOST or met * 3 + 50):
            number += 1
            yield number
    else:
        found = list(sample(faults, deep))
        yield from found[::max(1, -(-len(found) // most))]


# ---- requests

TOOLS = {"br": ["brotli", "-dc"], "zstd": ["zstd", "-dcq"]}


def decoded(answer):
    coding = answer.get("Content-Encoding")
    if coding == "gzip":
        return gzip.decompress(answer.body)
    if coding is None or shutil.which(TOOLS[coding][0]) is None:
        return answer.body
    return subprocess.run(TOOLS[coding], input=answer.body, capture_output=True, timeout=PATIENCE, check=True).stdout


CLIENT = ("recv(", "send(", "sendmsg(")       # what fails in these is the client's doing: it is counted, not told of


class Server:
    def __init__(self, weir, faults):
        self.weir, self.faults = weir, faults
        self.pid = weir.wait_workers(1)[0]

    def answer(self, ask, number):
        """(status, body) of an answer; None when the connection ended without a whole one."""
        data = ask.data(number) if callable(ask.data) else ask.data
        with Client(("127.0.0.1", self.weir.port(ask.port)), timeout=PATIENCE) as client:
            try:
                step = -(-len(data) // ask.parts)
                for at in range(0, len(data), step):
                    client.send_anyway(data[at:at + step])
                    if ask.parts > 1:
                        time.sleep(0.001)
                answer = client.read(ask.method)
                client.read_rest()
            except ProtocolError as problem:
                if "no answer in time" in str(problem):
                    raise
                return None
            return (answer.status, decoded(answer)) if answer.complete else None

    def still_serves(self):
        with Client(("127.0.0.1", self.weir.port()), timeout=PATIENCE) as client:
            answer = client.ask(request("/plain", "Connection: close"))
            return answer.status == 200 and answer.body == b"plain\n"


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    page = Faults(tmp_path_factory.mktemp("faults") / "page")
    page.path.parent.chmod(0o755)
    weir = Weir(main=MAIN, http=HTTP, server=SERVER, files=FILES, env=page.environment)
    dav_folder(weir, 0)
    for name in FILES:
        os.utime(weir.prefix / name, (STAMP, STAMP))
    weir.start()
    yield Server(weir, page)
    weir.allow = [re.compile(r"\[(alert|emerg)\]")]
    try:
        weir.finish()
    finally:
        page.close()


def one_try(server, ask, number, way, right, run, goes_on=False):
    """Whether anything failed."""
    faults, weir = server.faults, server.weir
    said = len(weir.log_text())
    if ask.before:
        ask.before(weir, number)
    faults.arm(number, way, pid=server.pid, goes_on=goes_on)
    try:
        got = server.answer(ask, number)
        settle(server.pid, faults)
    except (ProtocolError, AssertionError) as problem:
        faults.disarm()
        run.fault(faults, f"{problem}")
        return True
    faults.disarm()
    if faults.failed == 0:
        return False
    run.tries += 1
    problems = problems_of(weir)
    if problems:
        run.fault(faults, problems)
    if not is_alive(server.pid):
        run.fault(faults, "the worker left: " + weir.log_text()[said:])
        server.pid = weir.wait_workers(1, without=[server.pid])[0]
    if got is not None and got[1] != right[1] and got[0] in ask.well and not ask.changes:
        run.fault(faults, f"a wrong answer: {got[0]}, {len(got[1])} bytes for {len(right[1])}")
    if got is not None and got[0] not in ask.well and got[0] < 400:
        run.fault(faults, f"status {got[0]}")
    if got is not None and got[0] == 500 and not re.search(r"\[(error|crit|alert|emerg)\]", weir.log_text()[said:]):
        run.fault(faults, "500, and no word in the error log")
    if got is None and not faults.first.startswith(CLIENT) and not weir.log_text()[said:].strip():
        run.fault(faults, "the connection was closed, and no word in the error log")
    try:
        if not server.still_serves():
            run.fault(faults, "then it serves no more")
    except (ProtocolError, OSError) as problem:
        run.fault(faults, f"then {problem}")
    return True


@pytest.mark.parametrize("name", REQUESTS)
def test_a_request_survives_each_fault(served, name):
    ask, run = REQUESTS[name], Run(name)
    served.pid = served.weir.wait_workers(1)[0]
    if ask.before:
        ask.before(served.weir, 0)
    right = served.answer(ask, 0)
    assert right is not None and right[0] in ask.well, right
    settle(served.pid, served.faults)
    opened = descriptors_of(served.pid)

    def dry(way):
        if ask.before:
            ask.before(served.weir, 0)
        served.faults.count(way, pid=served.pid)
        served.answer(ask, 0)
        settle(served.pid, served.faults)

    for way in range(WAYS):
        untouched = 0
        for number in numbers(served.faults, way, dry, deep=True):
            untouched = 0 if one_try(served, ask, number, way, right, run) else untouched + 1
            if ALL and untouched == 3:
                break
    settle(served.pid, served.faults)
    left = descriptors_of(served.pid)
    assert len(left) <= len(opened) + 3, f"descriptors were lost: {left}, before {opened}"
    run.end()


# ---- the same from one call on

LOUD = ("accept4", "epoll_ctl")                 # of these somebody is told at once; while all fails not even the log can be written


@pytest.mark.parametrize("only", ["", "malloc", "calloc", "open", "openat", "accept4", "epoll_ctl", "send", "pthread_create", "preadv2", "write"])
@pytest.mark.parametrize("name", ["small", "fresh", "gzip large", "list", "put large", "login", "ssi"] if ALL else ["small", "put large"])
def test_a_worker_goes_on_after_a_time_in_which_calls_fail(served, name, only):
    """No answer can be expected while nothing works; but it does not spin, it says what is wrong, and it serves when that is over."""
    ask, faults, weir, run = REQUESTS[name], served.faults, served.weir, Run(f"{name}, {only or 'all'} and all behind")
    served.pid = weir.wait_workers(1)[0]
    steps = range(1, 200) if ALL else (1, 3, 9) if only == "" else (1,)
    for number in steps:
        if ask.before:
            ask.before(weir, number)
        settle(served.pid, faults)
        said, ticks, begun = len(weir.log_text()), ticks_of(served.pid), now()
        faults.arm(number, pid=served.pid, goes_on=True, only=only)
        with Client(("127.0.0.1", weir.port()), timeout=PATIENCE) as client:
            client.send_anyway(ask.data(number) if callable(ask.data) else ask.data)
            time.sleep(0.15)
            spent = (ticks_of(served.pid) - ticks) / 100 / (now() - begun)
            if only in LOUD:
                with contextlib.suppress(AssertionError):       # told of below
                    wait_until(lambda: faults.failed == 0 or len(weir.log_text()) > said, "a word in the log", 5)
            faults.disarm()
            if faults.failed == 0:
                break
            run.tries += 1
            problems = problems_of(weir)
            if problems:
                run.fault(faults, problems)
            if spent > 0.6:
                run.fault(faults, f"{spent:.0%} of a CPU")
            if not is_alive(served.pid):
                served.pid = weir.wait_workers(1, without=[served.pid])[0]
            if only in LOUD and len(weir.log_text()) == said:
                run.fault(faults, "no word in the error log")
            try:
                if not served.still_serves():
                    run.fault(faults, "then it serves no more")
            except (ProtocolError, OSError) as problem:
                run.fault(faults, f"then {problem}")
    run.end()


# ---- commands

def ticks_of(pid):
    try:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return 0
    return int(fields[11]) + int(fields[12])


COMMANDS = {
    "-t": (["-t"], (0, 1)),
    "-t --bind": (["-t", "--bind"], (0, 1)),
    "-T": (["-T", "-q"], (0, 1)),
    "explain": (["explain", "http://localhost:{port}/page.html", "-H", "Accept-Encoding: gzip", "--no-color"], (0, 1)),
    "doctor": (["doctor"], (0, 1, 3)),
    "doctor --json": (["doctor", "--json"], (0, 1, 3)),
    "fmt": (["fmt", "{conf}"], (0, 1)),
    "-V": (["-V"], (0, 1)),
    "--list-directives": (["--list-directives"], (0, 1)),
}


@pytest.fixture
def page(tmp_path):
    page = Faults(tmp_path / "page")
    yield page
    page.close()


def command_of(weir, args):
    args = [weir.expand(arg.replace("{conf}", str(weir.conf_path))) for arg in args]
    if args[0] in ("fmt", "-V", "--list-directives"):
        return [binary(), *args]
    place = ["-p", f"{weir.prefix}/", "-c", str(weir.conf_path)]
    return [binary(), *args, *place] if args[0] in ("explain", "doctor") else [binary(), *args, *place, "-e", "stderr"]


def run_command(weir, page, args):
    return subprocess.run(command_of(weir, args), stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
                          cwd=weir.prefix, timeout=60, env={**environment(weir.prefix), **page.environment})


def check_end(weir, page, run, code, codes, said):
    """How a process ended in which a call failed."""
    problems = problems_of(weir) or "".join(line for line in said.splitlines() if "Sanitizer" in line or "runtime error" in line)
    if problems:
        run.fault(page, problems)
    if code not in codes:
        run.fault(page, f"it ended with {code}: {said[-600:]}")
    if code != 0 and not re.search(r"weir: |\[(?:emerg|alert|crit|error)\]", said) and not page.first.startswith(("write(", "dprintf(")):
        run.fault(page, f"it ended with {code} and said {said[-600:]!r}")


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_survives_each_fault(name, weir, page):
    server = weir(start=False, main=MAIN, http=HTTP, server=SERVER, files=FILES)
    server.write_conf()
    args, codes = COMMANDS[name]
    run = Run("weir " + name)
    page.disarm()
    right = run_command(server, page, args)
    assert right.returncode == 0 or (args[0] == "doctor" and right.returncode in codes), right.stderr

    def dry(way):
        page.count(way)
        run_command(server, page, args)

    for way in range(WAYS):
        for number in numbers(page, way, dry):
            page.arm(number, way)
            got = run_command(server, page, args)
            if page.failed == 0:
                break
            run.tries += 1
            # What the doctor finds wrong he says on standard output.
            found = "weir: " * (args[0] == "doctor" and re.search(r"^(error|warning) |\"level\": \"(error|warning)\"", got.stdout, re.M) is not None)
            check_end(server, page, run, got.returncode, codes, got.stderr + found)
            if got.returncode == 0 and got.stdout != right.stdout and not page.first.startswith(("write(", "dprintf(")) \
                    and args[0] not in ("explain", "doctor"):
                run.fault(page, f"it ended well, with another output: {got.stdout[-300:]!r} {got.stderr[-300:]!r}")
    run.end()


# ---- a server's life

SMALL = r"""
    root {prefix}/html;
    location /plain { return 200 "plain\n"; }
"""


def small_server(page, main="daemon off;", **more):
    server = Weir(main=MAIN + main, http="include {prefix}/more.conf;", server=SMALL, files={**FILES, "more.conf": "map $uri $m { ~^/(a) 1; }"},
                  env=page.environment, globals_="", **more)
    server.allow = [re.compile(r"\[(alert|emerg)\]|exited with code [1-9]")]
    return server


def serves(server):
    try:
        with Client(("127.0.0.1", server.port()), timeout=5) as client:
            answer = client.ask(request("/plain", "Connection: close"))
            return answer.status == 200 and answer.body == b"plain\n"
    except (OSError, ProtocolError):
        return False


def begin(server):
    """Starts it; whether it serves (else it has ended)."""
    with open(server.stdout_path, "wb") as out, open(server.stderr_path, "wb") as err:
        server.process = subprocess.Popen(server.command(), stdin=subprocess.DEVNULL, stdout=out, stderr=err, cwd=server.prefix,
                                          start_new_session=True, env={**environment(server.prefix), **server.env})
    server.pid = server.process.pid
    wait_until(lambda: server.process.poll() is not None or serves(server), "the server to serve or to end", PATIENCE)
    return server.process.poll() is None


def end(server, number=signal.SIGQUIT):
    if server.process.poll() is None:
        os.kill(server.pid, number)
    code = server.process.wait(PATIENCE)
    wait_until(lambda: not processes_within(server.prefix), "the workers to leave", PATIENCE)
    return code


def clear(server):
    for path in (server.error_log, server.access_log, server.pid_path):
        path.unlink(missing_ok=True)


def live(server, page, way, number, goes_on, run):
    """A start, an answer and an end. Whether anything failed."""
    clear(server)
    page.arm(number, way, goes_on=goes_on)
    try:
        started = begin(server)
        page_failed = page.failed
        code = end(server)
    except (AssertionError, subprocess.TimeoutExpired) as problem:
        run.fault(page, f"{problem}: {server.said()[-600:]} {server.log_text()[-600:]}")
        server.kill()
        return True
    if page.failed == 0:
        return False
    run.tries += 1
    check_end(server, page, run, code, (0,) if started and page_failed else (0, 1), server.said() + server.log_text())
    return True


@pytest.mark.parametrize("mode", ["daemon off;", "daemon off; master_process off;"])
def test_a_start_and_an_end_survive_each_fault(page, mode):
    server, run = small_server(page, mode), Run("start and end, " + mode)
    try:
        server.write_conf()

        def dry(way):
            page.count(way)
            assert begin(server)
            end(server)

        for way in range(WAYS):
            for number in numbers(page, way, dry):
                if not live(server, page, way, number, False, run):
                    break
    finally:
        server.kill()
        remove_folder(server.prefix)
    run.end()


ONLY = ("malloc", "calloc", "mmap", "open", "socket", "bind", "listen", "fork", "socketpair", "epoll_create1", "epoll_ctl", "signalfd",
        "setuid", "fcntl", "getrlimit", "prctl", "write", "stat", "pipe2", "eventfd", "getpwnam")


def test_a_start_fails_with_a_word_where_a_function_always_does(page):
    """Or it serves without; but it does not go on and on. Leaks are looked for elsewhere: no leak checker looks into a worker without the files it wants."""
    server, run = small_server(page), Run("start, and all calls of a function behind")
    server.env["ASAN_OPTIONS"] = environment(server.prefix)["ASAN_OPTIONS"] + ":detect_leaks=0"
    try:
        server.write_conf()
        for only in ONLY if ALL else ("malloc", "fork", "epoll_ctl", "setuid"):
            for number in range(1, 400, 7 if ALL else 1000):
                clear(server)
                page.arm(number, goes_on=True, only=only)
                try:
                    begun = begin(server)
                    if begun:
                        page.disarm()
                        end(server)
                except (AssertionError, subprocess.TimeoutExpired) as problem:
                    page.disarm()
                    # Without memory there is no answer, but a line for each request.
                    if "no memory for a request" not in server.log_text():
                        run.fault(page, f"{only} from {number}, {problem}: {server.said()[-600:]} {server.log_text()[-600:]}")
                    server.kill()
                    continue
                run.tries += page.failed > 0
                if page.failed == 0:
                    break
                if not begun:
                    check_end(server, page, run, server.process.returncode, (1,), server.said() + server.log_text())
    finally:
        server.kill()
        remove_folder(server.prefix)
    run.end()


TURNS = {"reload": ["-s", "reload"], "reopen": ["-s", "reopen"], "status": ["-s", "status"], "connections": ["-s", "connections"]}


def held_on(client):
    """A connection that was there before is served, or has been closed."""
    with client:
        try:
            assert client.send_anyway(request("/plain", "Connection: close")).read().body == b"plain\n"
        except ProtocolError as problem:
            assert "connection ended" in str(problem), problem


@pytest.mark.parametrize("name", TURNS)
def test_a_running_server_survives_each_fault_of(name, page):
    """A command from outside, while calls of master and workers fail."""
    server, run = small_server(page), Run("weir -s " + name)
    command = [binary(), *TURNS[name], "-p", f"{server.prefix}/", "-c", str(server.conf_path), "-e", "stderr", "--timeout", "20s"]
    env = environment(server.prefix)

    def told():
        return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, cwd=server.prefix, timeout=60, env=env)

    def rest():
        wait_until(lambda: len(server.workers()) == 1 and serves(server), "one worker", PATIENCE)
        for pid in [server.pid, *server.workers()]:
            settle(pid, page)

    def dry(way):
        page.count(way)
        told()
        rest()

    try:
        server.write_conf()
        page.disarm()
        assert begin(server)
        for way in range(WAYS):
            untouched = 0
            for number in numbers(page, way, dry):
                said = len(server.log_text())
                held = Client(("127.0.0.1", server.port()), timeout=PATIENCE)
                held.ask(request("/plain"))
                page.arm(number, way)
                got = told()
                try:
                    rest()
                    held_on(held)
                except AssertionError as problem:
                    page.disarm()
                    run.fault(page, f"{problem}: {got.stderr[-500:]} {server.log_text()[said:][-2000:]}")
                    held.close()
                    end(server, signal.SIGTERM)
                    clear(server)
                    assert begin(server)
                    continue
                page.disarm()
                if page.failed == 0:
                    untouched += 1
                    if ALL and untouched == 3:
                        break
                    continue
                untouched = 0
                run.tries += 1
                problems = problems_of(server)
                if problems:
                    run.fault(page, problems)
                if got.returncode not in (0, 1) or got.returncode == 1 and not got.stderr.strip():
                    run.fault(page, f"the command ended with {got.returncode} and said {got.stderr[-500:]!r}")
                if not is_alive(server.pid):
                    run.fault(page, f"the master is gone: {server.log_text()[said:]} {server.said()[-600:]}")
                    assert begin(server)
        assert end(server) == 0
    finally:
        server.kill()
        remove_folder(server.prefix)
    run.end()


def test_what_is_handed_over_waits_for_memory(page):
    """Messages between processes stay in their queue until there is memory for them: no connection is lost, and nobody leaves for good."""
    server, run = small_server(page), Run("hand-over without memory")
    try:
        server.write_conf()
        page.disarm()
        assert begin(server)
        for number in range(1, 9):
            with Client(("127.0.0.1", server.port()), timeout=PATIENCE) as held:
                held.ask(request("/plain"))
                said = server.log_text().count(" serves, generation ")
                page.arm(number, only="recvmsg")
                server.send_signal(signal.SIGHUP)
                wait_until(lambda: server.log_text().count(" serves, generation ") > said, "the reload", PATIENCE)
                answer = held.ask(request("/plain"))
                assert answer.body == b"plain\n"
            page.disarm()
            server.wait_workers(1)
            run.tries += page.failed
        assert run.tries > 0
        assert end(server) == 0
    finally:
        server.kill()
        remove_folder(server.prefix)
    run.end()


def test_a_worker_that_cannot_take_the_place_of_another_is_tried_again(page):
    """What keeps it from beginning would end a start; where others have served before it does not last."""
    server, run = small_server(page), Run("a worker in the place of another")
    try:
        server.write_conf()
        page.disarm()
        assert begin(server)
        for only in ("setuid", "epoll_create1"):
            pid = server.wait_workers(1)[0]
            wait_until(lambda: serves(server), "an answer", PATIENCE)
            page.arm(1, only=only)
            os.kill(pid, signal.SIGKILL)
            try:
                server.wait_workers(1, without=[pid])
                wait_until(lambda: serves(server), "an answer", PATIENCE)
            except AssertionError as problem:
                run.fault(page, f"{problem}: {server.log_text()[-1500:]}")
                break
            run.tries += 1
            assert page.failed == 1 or os.geteuid() != 0, only
        page.disarm()
        assert end(server) == 0
    finally:
        server.kill()
        remove_folder(server.prefix)
    run.end()


# ---- an upgrade

def master_of(server):
    try:
        return int(server.pid_path.read_text() or 0)
    except (FileNotFoundError, ValueError):
        return 0


def upgrade(server):
    """SIGUSR2. The number of the new master once it serves; None when it came to nothing."""
    said = len(server.log_text())
    server.send_signal(signal.SIGUSR2)

    def over():
        text = server.log_text()[said:]
        started = re.findall(r"start new binary process (\d+)", text)
        if not started:
            return "no" if re.search(r"\[(?:emerg|alert|crit|error)\]", text) else ""
        if not is_alive(int(started[-1])):
            return "no" if master_of(server) == server.pid else ""
        return started[-1] if re.search(rf"{started[-1]}#{started[-1]}: generation \d+ serves", text) \
            and master_of(server) == int(started[-1]) else ""
    told = wait_until(over, "the upgrade to begin or to fail", PATIENCE)
    return None if told == "no" else int(told)


def end_all(server):
    for number in (signal.SIGQUIT, signal.SIGTERM):
        for pid in {server.pid, master_of(server)} - {0}:
            if is_alive(pid):
                os.kill(pid, number)
        try:
            wait_until(lambda: not processes_within(server.prefix), "all to leave", PATIENCE)
            return True
        except AssertionError:
            continue
    server.kill()
    return False


def test_an_upgrade_survives_each_fault(page):
    server, run = small_server(page), Run("upgrade")
    try:
        server.write_conf()

        def dry(way):
            page.disarm()
            clear(server)
            assert begin(server)
            page.count(way)
            assert upgrade(server)
            page.disarm()
            assert end_all(server)

        for way in range(WAYS):
            for number in numbers(page, way, dry, most=8):
                page.disarm()
                clear(server)
                assert begin(server)
                page.arm(number, way)
                try:
                    new = upgrade(server)
                    wait_until(lambda: serves(server), "an answer", PATIENCE)
                    page.disarm()
                    if new:
                        os.kill(server.pid, signal.SIGQUIT)
                        wait_until(lambda: not is_alive(server.pid), "the old master to leave", 3 * PATIENCE)
                        if not serves(server):
                            run.fault(page, "the new master does not serve")
                except AssertionError as problem:
                    if not page.first.startswith("write("):         # a line was lost that is waited for here
                        run.fault(page, f"{problem}: {server.log_text()[-2500:]}")
                page.disarm()
                if not end_all(server):
                    run.fault(page, f"not all left: {server.log_text()[-2500:]}")
                problems = problems_of(server)
                if problems:
                    run.fault(page, problems)
                if page.failed == 0:
                    break
                run.tries += 1
    finally:
        server.kill()
        remove_folder(server.prefix)
    run.end()
