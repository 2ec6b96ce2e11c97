# SPDX-License-Identifier: BSD-2-Clause
"""
The logs of weir beside those of the nginx of this machine: the same conf text, the same requests, and what stands in the files or comes
to a syslog server is compared line by line. What is another each time (times, processes, ports, folders) is written alike first.
"""

import gzip
import re
import subprocess

import pytest

from harness import Weir, binary, request, wait_until
from harness.nginx import NGINX, Nginx
from harness.syslog import Syslog

pytestmark = pytest.mark.skipif(NGINX is None, reason="there is no nginx")


def plain(server, text):
    """Without what is another each time."""
    text = text.replace(str(server.prefix), "PREFIX")
    for name, claim in server.claims.items():
        text = text.replace(str(claim.port), name.upper())
    text = re.sub(r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d", "TIME", text)
    text = re.sub(r"\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}", "LOCAL", text)
    text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d", "ISO", text)
    text = re.sub(r"[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d", "SYSLOG", text)
    return re.sub(r"\*\d+ ", "*N ", re.sub(r"\d+#\d+", "P#T", text))


class Pair:
    def __init__(self, *, files=None, **kwargs):
        self.servers = []
        for kind in (Weir, Nginx):
            server = kind(files={"html/a": "12345", "html/one/x": "x", **(files or {})}, **kwargs)
            self.servers.append(server)
            (server.prefix / "logs").chmod(0o777)
            server.start()

    def ask(self, *messages):
        """Each on a connection of its own, which ends."""
        for server in self.servers:
            for data in messages:
                with server.connect() as client:
                    client.send(data if isinstance(data, bytes) else data.encode("latin-1"))
                    client.finish()
                    client.read_rest()

    def texts(self, name, lines=1, unpack=bytes):
        """What both have in a log."""
        found = []
        for server in self.servers:
            path = server.prefix / "logs" / name

            def content():
                try:
                    text = unpack(path.read_bytes()).decode("latin-1")
                except (OSError, EOFError):
                    return None
                return [text] if text.count("\n") >= lines else None
            text, = wait_until(content, f"{lines} line(s) in {name} of {type(server).__name__}")
            found.append(plain(server, text))
        return found

    def names(self):
        return [sorted(path.name for path in (server.prefix / "logs").iterdir() if not re.match(r"access|error|weir|nginx", path.name))
                for server in self.servers]

    def close(self):
        for server in self.servers:
            server.finish()


@pytest.fixture
def pair():
    made = []

    def make(**kwargs):
        made.append(Pair(**kwargs))
        return made[-1]
    yield make
    for one in made:
        one.close()


def get(target="/a", *fields):
    return request(target, "Connection: close", *fields, host="www.H:99")


# ---- values

VALUES = ["args", "arg_e", "arg_f", "is_args", "request", "http_x", "http_none", "http_user_agent", "http_referer", "host", "server_name", "uri",
          "request_uri", "query_string", "content_length", "content_type", "http_cookie", "cookie_a", "cookie_b", "remote_user", "remote_addr",
          "status", "body_bytes_sent", "request_length", "request_method", "scheme", "https", "server_protocol", "pipe", "connection_requests",
          "time_local", "time_iso8601", "request_completion", "document_root", "request_filename", "server_port", "limit_rate", "sent_http_none"]
ASKED = [
    get(), get("/a?"), get("/a?e="), get("/a?e=&f=1"), get("/a?e"), get("/a?f=%22x"), get("/a", "X:"), get("/a", "X: -", "User-Agent:"),
    get("/a", "X: a\"b\\c\td\xc3\xa9\x7e"), get("/a", "Cookie: a=; b=1"), get("/a", "Content-Type:"), get("/none"), get("/none?x"),
    get("/a", "Range: bytes=0-1"), request("/a", "Connection: close", method="HEAD"), get("/%61%20b"), get("/a", "X: \xff\xfe"),
    b"GET /a HTTP/1.0\r\n\r\n", get("/a", "If-None-Match: *"),
]


@pytest.mark.parametrize("escape", ["", "escape=default", "escape=json", "escape=none"])
def test_values(pair, escape):
    form = "".join(f"{name}=[${name}]" for name in VALUES)
    both = pair(http=f"log_format v {escape} '{form}';", server="access_log logs/v v;")
    asked = [data for data in ASKED if escape != "escape=json" or "\xff" not in (data if isinstance(data, str) else data.decode("latin-1"))]
    both.ask(*asked)
    mine, theirs = both.texts("v", len(asked))
    # The page of an error has a length of its own.
    mine, theirs = (re.sub(r"(status=\[404\]body_bytes_sent=)\[\d+\]", r"\1[N]", text) for text in (mine, theirs))
    assert mine.splitlines() == theirs.splitlines()


def test_pipelined_requests_are_marked(pair):
    both = pair(http="log_format v '$request_uri $pipe $connection_requests';", server="access_log logs/v v;")
    both.ask(request("/1") + request("/2") + request("/3", "Connection: close"))
    for server in both.servers:
        with server.connect() as client:
            for number in (4, 5):
                client.ask(request(f"/{number}"))
            client.send(request("/6") + request("/7"))
            client.read()
            client.read()
    mine, theirs = both.texts("v", 7)
    assert mine == theirs == "/1 . 1\n/2 p 2\n/3 p 3\n/4 . 1\n/5 . 2\n/6 . 3\n/7 p 4\n"


def test_combined(pair):
    both = pair(server="access_log logs/c combined; access_log logs/d;")
    both.ask(get("/a?b", "Referer: \"r\"", "User-Agent: u \\ u"), get("/a"))
    for name in "cd":
        mine, theirs = both.texts(name, 2)
        assert mine == theirs


def test_times_are_of_one_form(pair):
    both = pair(http="log_format v '$msec $request_time $connection_time $bytes_sent $connection $pid';", server="access_log logs/v v;")
    both.ask(get())
    mine, theirs = (re.sub(r"\d", "9", re.sub(r"\d{2,}(?!\.)", "99", text.replace(".0", ".9"))) for text in both.texts("v"))
    assert re.fullmatch(r"\d+\.\d+ 9\.9+ 9\.9+ \d+ \d+ \d+\n", mine) and re.fullmatch(r"\d+\.\d+ 9\.9+ 9\.9+ \d+ \d+ \d+\n", theirs)


# ---- which requests, and where

def test_conditions(pair):
    conf = "access_log logs/all u; access_log logs/one u if=$arg_l; access_log logs/two u if=$arg_l$arg_m; access_log logs/three u if=1 if=0;"
    both = pair(http="log_format u '$request_uri';", server=conf)
    both.ask(*(get("/a?" + args) for args in ("", "l=", "l=0", "l=1", "l=00", "l=0&m=0", "l=off", "m=0", "l=1&m=0")))
    for name in ("all", "one", "two"):
        mine, theirs = both.texts(name, 9 if name == "all" else 2)
        assert mine == theirs
    assert both.texts("three", 0) == ["", ""]


def test_places_and_off(pair):
    conf = """
        access_log logs/server u;
        location /off/ { access_log off; access_log logs/never u; }
        location /own/ { access_log logs/own u; location /own/in/ { } location /own/off/ { access_log off; } }
        location /twice/ { access_log logs/own u; access_log logs/own u; }
        location = /moved { error_page 404 /own/x; }
        location /if/ { if ($arg_i) { access_log logs/if u; } if ($arg_o) { access_log off; } }
        location /limit/ { access_log logs/limit u; limit_except GET { access_log logs/except u; deny all; } }
    """
    both = pair(http="log_format u '$request_method $request_uri $uri';", server=conf)
    both.ask(*map(get, ("/off/a", "/own/a", "/own/in/a", "/own/off/a", "/twice/a", "/moved", "/if/a", "/if/a?i=1", "/if/a?o=1", "/limit/a")),
             request("/limit/a", "Connection: close", method="PUT"), get("/last"))
    for name, lines in (("server", 2), ("own", 5), ("if", 1), ("limit", 1), ("except", 1), ("never", 0)):
        mine, theirs = both.texts(name, lines)
        assert mine == theirs, name


@pytest.mark.parametrize("where", ["server", "/auth", "none"])
def test_requests_of_the_servers_own(pair, where):
    on = {name: "log_subrequest on;" if name == where else "" for name in ("server", "/auth")}
    conf = f"""
        access_log logs/s u; {on["server"]}
        location / {{ auth_request /auth; }}
        location = /auth {{ access_log logs/auth u; {on["/auth"]} return 204; }}
    """
    both = pair(http="log_format u '$request $uri $args $status $request_method';", server=conf)
    both.ask(get("/a?b=c"), get("/a"))
    for name, lines in (("s", 2), ("auth", 0 if where == "none" else 2)):
        mine, theirs = both.texts(name, lines)
        assert mine == theirs, name


def test_compressed_log(pair):
    both = pair(http="log_format u '$request_uri';", server="access_log logs/z u gzip=3 flush=200ms;")
    for number in range(3):
        both.ask(get(f"/{number}"))
        mine, theirs = both.texts("z", number + 1, gzip.decompress)
        assert mine == theirs


def test_names_with_variables(pair):
    conf = """
        root {prefix}/html/$arg_site; access_log logs/v-$arg_site.log u; access_log logs/all u;
        location /alias { alias {prefix}/html/a; access_log logs/alias-$arg_site u; access_log logs/all u; }
        location /file/ { root {prefix}/html/a; access_log logs/file-$arg_site u; access_log logs/all u; }
        location /in/ { root {prefix}/html; access_log logs/$arg_site/x u; access_log logs/all u; }
    """
    both = pair(http="log_format u '$request_uri';", server=conf)
    targets = ["/x?site=one", "/x?site=two", "/", "/alias?site=1", "/alias/?site=2", "/aliasx?site=3", "/file/?site=1", "/in/x?site=none", "/x?site=one&b"]
    both.ask(*map(get, targets))
    mine, theirs = both.texts("all", len(targets))
    assert mine == theirs
    mine, theirs = both.names()
    assert mine == theirs and "v-one.log" in mine
    for name in ("v-one.log", "alias-1"):
        mine, theirs = both.texts(name)
        assert mine == theirs
    told = [{line.split("P#T: ", 1)[1] for line in plain(server, server.log_text()).splitlines() if "while logging request" in line}
            for server in both.servers]
    assert told[0] and told[0] <= told[1]       # each log tells but once a second


@pytest.mark.parametrize("words", ["max=2", "max=2 min_uses=2", "off", "max=1 inactive=1h valid=1h"])
def test_cached_descriptors(pair, words):
    both = pair(http=f"log_format u '$request_uri'; open_log_file_cache {words};", server="access_log logs/v-$arg_n u; access_log logs/all u;")
    both.ask(*(get(f"/?n={name}") for name in "aabcca"))
    mine, theirs = both.texts("all", 6)
    assert mine == theirs
    for name in "abc":
        mine, theirs = both.texts("v-" + name)
        assert mine == theirs


# ---- syslog and the error log

@pytest.mark.parametrize("parameters", ["", ",nohostname", ",facility=user,severity=error", ",facility=kern,severity=debug,nohostname", ",tag="])
def test_syslog(parameters):
    seen = []
    for kind in (Weir, Nginx):
        syslog = Syslog()
        target = f"syslog:server=127.0.0.1:{syslog.port}" + ("" if "tag=" in parameters else ",tag=t_9") + parameters
        server = kind(server=f"access_log {target} combined; error_log {target} info; location /a {{ access_log {target} combined if=0; }}",
                      files={"html/a": "1"})
        server.start()
        for target in ("/none", "/a", "/none?" + "x" * 500):
            server.get(target)
        seen.append([re.sub(r"404 \d+ ", "404 N ", plain(server, syslog.read())) for _ in range(4)])
        server.finish()
        assert syslog.is_silent()
        syslog.socket.close()
    assert seen[0] == seen[1]


def test_error_logs_of_each_level(pair):
    conf = """
        error_log logs/warn warn; error_log logs/info info;
        location /in/ { error_log logs/in.info info; error_log logs/in.crit crit; location /in/in/ { } }
        location /quiet/ { log_not_found off; error_log logs/quiet; }
    """
    both = pair(http="error_log logs/http;", server=conf, files={"html/quiet/f": "x"})
    both.ask(*map(get, ("/none", "/in/none?x", "/in/in/none", "/quiet/none", "/")), get("/none", "Referer: http://f/"))
    for name, lines in (("warn", 3), ("info", 3), ("in.info", 2)):
        mine, theirs = (sorted(line for line in text.splitlines() if "[error]" in line) for text in both.texts(name, lines))
        assert mine == theirs, name
    for name in ("in.crit", "quiet", "http"):
        assert both.texts(name, 0) == ["", ""]


# ---- what is refused

BROKEN = [
    "access_log {f} combined buffer=1k; access_log {f} combined buffer=2k;", "access_log {f} combined buffer=1k; access_log {f} combined;",
    "access_log {f} combined; access_log {f} combined buffer=1k;", "access_log {f} combined buffer=1k flush=1s; access_log {f} combined buffer=1k flush=2s;",
    "access_log {f} combined buffer=1k; access_log {f} combined buffer=1k gzip;", "access_log {f} combined gzip=1; access_log {f} combined gzip=2;",
    "access_log {f} later;", "access_log {f} combined gzip=0;", "access_log {f} combined gzip=10;", "access_log {f} combined gzip=x;",
    "access_log {f} combined gzip=;", "access_log {f} combined gzipx;", "access_log {f}$host combined buffer=1k;", "access_log {f}$host combined gzip;",
    "access_log {f} combined flush=1s;", "access_log {f} combined buffer=0;", "access_log {f} combined buffer=x;",
    "access_log {f} combined flush=x buffer=1k;", "access_log {f} combined flush=0 buffer=1k;", "access_log {f} combined if=1 if=0;",
    "access_log {f} combined xx;", "access_log {f} gzip;", "access_log off combined;", "access_log off; access_log off;", "access_log;",
    "open_log_file_cache;", "open_log_file_cache off;", "open_log_file_cache max=0;", "open_log_file_cache max=x;", "open_log_file_cache inactive=1s;",
    "open_log_file_cache max=1 inactive=x;", "open_log_file_cache max=1 inactive=0;", "open_log_file_cache max=1 min_uses=x;",
    "open_log_file_cache max=1 valid=x;", "open_log_file_cache max=1 bogus;", "open_log_file_cache max=1 off;", "open_log_file_cache max=-1;",
    "open_log_file_cache max=1; open_log_file_cache max=2;", "error_log {f} bogus;", "error_log {f} info warn;", "error_log {f} error error;",
    "error_log memory:;", "error_log memory:0;", "error_log memory:x;", "error_log memory:1m debug;", "error_log;", "log_subrequest x;",
    "log_not_found x;", "log_format a x;",
] + [f"{log} syslog:{words}{form};" for log, form in (("access_log", " combined"), ("error_log", "")) for words in (
    "", "server=", "server=127.0.0.1", "server=127.0.0.1:99999", "server=nosuch.invalid", "server=unix:", "server=unix:/" + "a" * 120,
    "facility=x,server=127.0.0.1", "facility=user", "severity=x,server=127.0.0.1", "server=127.0.0.1,tag=", "server=127.0.0.1,tag=a-b",
    "server=127.0.0.1,tag=" + "a" * 32, "server=127.0.0.1,tag=" + "a" * 33, "server=127.0.0.1,nohostname,nohostname",
    "server=127.0.0.1,server=127.0.0.1", "server=127.0.0.1,tag=a,tag=b", "server=127.0.0.1,facility=user,facility=user",
    "server=127.0.0.1,severity=info,severity=info", "server=127.0.0.1,bogus", "server=127.0.0.1,", "server=[::1]", "server=::1",
    "server=127.0.0.1,nohostname=x", "server=127.0.0.1,severity=err", "server=127.0.0.1,severity=warning")] + [
    "access_log syslog:server=127.0.0.1 combined buffer=1k;", "access_log syslog:server=127.0.0.1 combined gzip;",
    "access_log syslog:server=127.0.0.1 combined flush=1s;", "access_log syslog:server=127.0.0.1 combined if=1;"]
BROKEN_HTTP = ["log_format combined x;", "log_format a;", "log_format a escape=x x;", "log_format a escape= x;", "log_format a x; log_format a y;",
               "log_format a escape=json;", "log_format json x;", "access_log {f} later; log_format later x;", "log_format '' x;"]


@pytest.mark.parametrize("place, text", [("server", text) for text in BROKEN] + [("http", text) for text in BROKEN_HTTP],
                         ids=range(len(BROKEN) + len(BROKEN_HTTP)))
def test_wrong_words_are_told_in_the_same_words(folder, place, text):
    said = {}
    text = text.replace("{f}", f"{folder}/f")
    for program in (NGINX, binary()):
        conf = folder / "conf"
        inner = f"server {{ listen 127.0.0.1:18080; {text if place == 'server' else ''} }}"
        conf.write_text(f"pid {folder}/pid; events {{ }} http {{ {text if place == 'http' else ''} {inner} }}\n")
        done = subprocess.run([program, "-p", f"{folder}/", "-c", str(conf), "-e", "stderr", "-t"], capture_output=True, text=True, timeout=20)
        first = re.search(r"\[emerg\] (?:\d+#\d+: )?(.*)", done.stderr)
        said[program] = (done.returncode, first and first[1])
    assert said[binary()] == said[NGINX]
