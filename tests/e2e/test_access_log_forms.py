# SPDX-License-Identifier: BSD-2-Clause
"""access_log beyond lines in a file: conditions, gzip, names with variables, the format json."""

import gzip
import json
import os
import re
import signal

import pytest

from harness import check_conf, now, request, serving, wait_until

FORM = "log_format u '$request_uri';"


def lines_of(server, name):
    path = server.prefix / "logs" / name
    return path.read_text(errors="surrogateescape").splitlines() if path.exists() else []


def wait_lines(server, name, wanted):
    wait_until(lambda: lines_of(server, name) == wanted, f"{wanted} in {name}, not {lines_of(server, name)}")


def open_files(server):
    return [os.readlink(f"/proc/{pid}/fd/{fd}") for pid in server.wait_workers() for fd in os.listdir(f"/proc/{pid}/fd")]


@pytest.fixture
def open_weir(weir):
    """Its workers may make files among the logs."""
    def make(**kwargs):
        server = weir(start=False, **kwargs)
        (server.prefix / "logs").chmod(0o777)
        return server.start()
    return make


# ---- if=

CONDITIONS = [("$arg_l", ["l=1", "l=00", "l=off", "l=0.0", "l=-"]), ("$arg_l$arg_m", ["l=1", "l=00", "l=off", "l=0.0", "l=-", "l=0&m=0"]),
              ("", []), ("0", []), ("1", None), ("x$arg_l", None)]


@pytest.mark.parametrize("condition, logged", CONDITIONS)
def test_condition(weir, condition, logged):
    server = weir(http=FORM, server=f"access_log logs/c u if={condition};")
    asked = ["", "l=", "l=0", "l=1", "l=00", "l=off", "l=0.0", "l=-", "l=0&m=0", "m="]
    for args in asked:
        server.get("/?" + args)
    server.stop()
    assert lines_of(server, "c") == ["/?" + args for args in (asked if logged is None else logged)]


def test_condition_is_each_logs_own(weir):
    server = weir(http=FORM, server="access_log logs/a u if=$arg_a; access_log logs/a u if=$arg_b; access_log logs/all u;")
    server.get("/?a=1")
    server.get("/?b=1&a=1")
    server.get("/")
    wait_lines(server, "all", ["/?a=1", "/?b=1&a=1", "/"])
    assert lines_of(server, "a") == ["/?a=1", "/?b=1&a=1", "/?b=1&a=1"]


# ---- gzip

@pytest.mark.parametrize("options", ["gzip flush=300ms", "gzip=9 buffer=4k flush=300ms", "buffer=1k flush=300ms gzip=1"])
def test_compressed_log_can_be_read_after_each_flush(weir, options):
    server = weir(http=FORM, server=f"access_log logs/z u {options};")
    path = server.prefix / "logs/z"
    for number in (1, 2, 3):
        server.get(f"/{number}")
        wait_until(lambda: gzip.decompress(path.read_bytes() or gzip.compress(b"")).decode().splitlines()
                   == [f"/{n}" for n in range(1, number + 1)], "a member of the line")
    assert path.read_bytes().count(b"\x1f\x8b\x08") == 3


def test_compressed_log_loses_nothing(weir):
    server = weir(http="log_format long '$request_uri $http_user_agent';", server="access_log logs/z long gzip=6 buffer=2k; keepalive_requests 3000;")
    with server.connect() as client:
        for number in range(300):
            client.ask(request(f"/{number}", "User-Agent: " + "u" * (number * 10)))
        client.ask(request("/long", "User-Agent: " + "u" * 8000))
    server.send_signal(signal.SIGUSR1)
    server.stop(signal.SIGQUIT)
    text = gzip.decompress((server.prefix / "logs/z").read_bytes()).decode()
    assert text == "".join(f"/{n} {'u' * n * 10}\n" for n in range(300)) + f"/long {'u' * 8000}\n"


def test_flush_time_is_kept(weir):
    server = weir(http=FORM, server="access_log logs/b u buffer=64k flush=300ms;")
    begin = now()
    server.get("/x")
    assert not lines_of(server, "b")
    wait_lines(server, "b", ["/x"])
    assert 0.2 < now() - begin < 3


def test_file_is_buffered_wherever_it_is_named(weir):
    server = weir(http=FORM, server="access_log logs/b u; location /in/ { access_log logs/b u buffer=64k; }")
    server.get("/one")
    server.get("/in/two")
    assert not lines_of(server, "b")
    server.stop(signal.SIGQUIT)
    assert lines_of(server, "b") == ["/one", "/in/two"]


# ---- names with variables

def test_name_is_put_together_and_the_file_made_by_the_worker(open_weir):
    server = open_weir(http=FORM, server="access_log logs/$arg_n-$status.log u; access_log logs/all u;")
    for target in ("/?n=a", "/?n=b", "/?n=a&x", "/"):
        server.get(target)
    wait_lines(server, "all", ["/?n=a", "/?n=b", "/?n=a&x", "/"])
    assert lines_of(server, "a-403.log") == ["/?n=a", "/?n=a&x"]
    assert lines_of(server, "b-403.log") == ["/?n=b"] and lines_of(server, "-403.log") == ["/"]
    assert not [name for name in open_files(server) if "-403.log" in name]


UNSAFE = ["..", ".", "../x", "a/../../x", "/..", "a/..", "a/", "", "a\x07b", "a\x7f", "a" * 300, "none/x", "\xff/../a"]


@pytest.mark.parametrize("form", ["logs/v/$http_n", "logs/v/$http_n$http_none", "../{name}/logs/v/$http_n"])
def test_no_client_leaves_the_folder(weir, form):
    with serving(server="", start=False) as server:
        server.template = server.template.replace("http {", "http {" + FORM).replace(
            "{port};", "{port}; access_log " + form.replace("{name}", server.prefix.name) + " u; access_log logs/all u;")
        (server.prefix / "logs/v").mkdir()
        (server.prefix / "logs/v").chmod(0o777)
        server.start()
        before = sorted(server.prefix.rglob("*"))
        for number, name in enumerate(UNSAFE):
            server.ask(f"GET /{number} HTTP/1.1\r\nHost: h\r\nN: {name}\r\nConnection: close\r\n\r\n".encode("latin-1"))
        server.ask(request("/good", "N: good"))
        wait_until(lambda: "/good" in lines_of(server, "all"), "the last line")
        made = set(server.prefix.rglob("*")) - set(before)
        assert {path.relative_to(server.prefix).as_posix() for path in made} <= {"logs/v/good", "logs/access.log", "logs/all"}
        assert lines_of(server, "v/good") == ["/good"]
        assert re.search(r'\[error\] .* unsafe name "[^"]*" of an access log while logging request, client: ', server.log_text())


def test_failure_to_open_is_told_and_counted(weir):
    server = weir(http=FORM, server="access_log logs/none/$arg_n u; location = /status { status; access_log off; }", files={"html/a": "a"})
    for _ in range(20):
        assert server.get("/a?n=1").body == b"a"
    server.wait_log(r'\[crit\] \d+#\d+: \*\d+ open\(\) "\S+/logs/none/1" failed \(2: No such file or directory\) while logging request, client: ')
    assert server.log_text().count("[crit]") < 10
    assert re.search(r'log_lines_lost"?:\s*20\b', server.get("/status?format=json").body.decode()) or b"20" in server.get("/status").body


def test_site_that_is_not_there_gets_no_log(open_weir):
    conf = """
        root {prefix}/html/$arg_site; access_log logs/$arg_site.log u; access_log logs/all u;
        location /alias { alias {prefix}/html/one/file; access_log logs/alias-$arg_site u; access_log logs/all u; }
        location /file/ { root {prefix}/html/one/file; access_log logs/file-$arg_site u; access_log logs/all u; }
    """
    server = open_weir(http=FORM, server=conf, files={"html/one/file": "x"})
    targets = ["/?site=one", "/?site=two", "/?site=one&b", "/alias?site=a", "/alias/?site=b", "/file/?site=f", "/?site=.."]
    for target in targets:
        server.get(target)
    wait_lines(server, "all", targets)
    assert lines_of(server, "one.log") == ["/?site=one", "/?site=one&b"]
    assert sorted(path.name for path in (server.prefix / "logs").iterdir() if not path.name.startswith(("weir", "access", "error"))) \
        == ["alias-a", "all", "one.log"]
    assert re.search(r'testing "\S+/html/two" existence failed \(2: No such file or directory\) while logging request, client: ', server.log_text())


def test_name_of_a_device_or_fifo_does_not_block(open_weir):
    server = open_weir(http=FORM, server="access_log logs/$arg_n u;", files={"html/a": "a"}, allow=["No space left"])
    os.mkfifo(server.prefix / "logs/fifo", 0o666)
    os.symlink("/dev/full", server.prefix / "logs/full")
    for _ in range(3):
        assert server.get("/a?n=fifo").body == b"a"
        assert server.get("/a?n=full").body == b"a"


# ---- open_log_file_cache

CACHED = "access_log logs/v-$arg_n u; access_log logs/all u; "


def ask(server, *names):
    wanted = len(lines_of(server, "all")) + len(names)
    for name in names:
        server.get(f"/?n={name}")
    wait_until(lambda: len(lines_of(server, "all")) == wanted, "the last line")


def cached(server):
    return sorted(name.rsplit("/v-", 1)[1] for name in open_files(server) if "/logs/v-" in name)


def test_cache_keeps_the_files_used_last(open_weir):
    server = open_weir(http=FORM, server=CACHED + "open_log_file_cache max=2;")
    ask(server, "a", "b", "a", "c")
    assert cached(server) == ["a", "c"]
    ask(server, "b")
    assert cached(server) == ["b", "c"]
    assert [len(lines_of(server, f"v-{name}")) for name in "abc"] == [2, 2, 1]


def test_cache_wants_uses(open_weir):
    server = open_weir(http=FORM, server=CACHED + "open_log_file_cache max=10 min_uses=3 inactive=1m;")
    ask(server, "a", "a", "b")
    assert cached(server) == []
    ask(server, "a", "b", "a")
    assert cached(server) == ["a"]
    assert [len(lines_of(server, f"v-{name}")) for name in "ab"] == [4, 2]


def test_cache_closes_what_is_not_used(open_weir):
    server = open_weir(http=FORM, server=CACHED + "open_log_file_cache max=10 inactive=300ms;")
    ask(server, "a")
    assert cached(server) == ["a"]
    wait_until(lambda: not cached(server), "the file to be closed")
    ask(server, "a")
    assert lines_of(server, "v-a") == ["/?n=a"] * 2


@pytest.mark.parametrize("is_replaced", [False, True])
@pytest.mark.parametrize("valid, anew", [("0", True), ("1h", False)])
def test_cache_looks_whether_the_file_is_the_same(open_weir, valid, anew, is_replaced):
    server = open_weir(http=FORM, server=CACHED + f"open_log_file_cache max=10 inactive=1m valid={valid};")
    ask(server, "a")
    (server.prefix / "logs/v-a").rename(server.prefix / "logs/old")
    if is_replaced:
        (server.prefix / "logs/v-a").touch()
        (server.prefix / "logs/v-a").chmod(0o666)
    ask(server, "a")
    assert (len(lines_of(server, "old")), len(lines_of(server, "v-a"))) == ((1, 1) if anew else (2, 0))
    server.send_signal(signal.SIGUSR1)
    wait_until(lambda: not [name for name in open_files(server) if re.search("/logs/(v-a|old)$", name)], "the files to be closed")
    ask(server, "a")
    assert len(lines_of(server, "v-a")) == (2 if anew else 1)


def test_cache_is_inherited_replaced_or_off(open_weir):
    server = open_weir(http=FORM + "open_log_file_cache max=10;", server=CACHED + """
        location /off/ { open_log_file_cache off; } location /in/ { open_log_file_cache max=1; }""")
    for target in ("/?n=a", "/off/?n=b", "/in/?n=c", "/in/?n=d", "/?n=e"):
        server.get(target)
    wait_until(lambda: len(lines_of(server, "all")) == 5, "the last line")
    assert cached(server) == ["a", "d", "e"]


def test_reload_leaves_no_file_open(open_weir):
    server = open_weir(http=FORM + "open_log_file_cache max=10 inactive=1m;", server=CACHED)
    ask(server, "a", "b")
    old = server.wait_workers()
    assert server.run("-s", "reload").returncode == 0
    server.wait_workers(1, without=old)
    ask(server, "c")
    assert cached(server) == ["c"]


# ---- the default

@pytest.mark.parametrize("conf, is_made", [
    ("server { %s access_log logs/own; location /in/ { access_log off; } }", False), ("server { %s access_log off; }", False),
    ("server { %s access_log logs/own; } server { server_name other; access_log logs/access.log; %s }", True),
    ("server { %s }", True), ("server { %s access_log off; } server { server_name other; %s }", True), ("access_log logs/own; server { %s }", False),
])
def test_default_is_opened_where_it_holds(weir, conf, is_made):
    conf = "pid logs/weir.pid; error_log logs/error.log notice; events { } http { " + conf.replace("%s", "listen 127.0.0.1:{port};") + " }"
    server = weir(conf)
    server.get("/none")
    assert server.access_log.exists() is is_made
    server.access_log.unlink(missing_ok=True)
    server.send_signal(signal.SIGUSR1)
    wait_until(lambda: (server.prefix / "logs/error.log").exists() and server.access_log.exists() is is_made, "the logs to be reopened")
    server.get("/none")


# ---- the format json

NASTY = [request("/a?b=%22", "Referer: \"\\\x01", "User-Agent: \xff\xc3", host="WWW.h"), b"GET /\x80\xff HTTP/1.1\r\nHost: h\r\n\r\n", b"\x01\x02\r\n\r\n",
         b"GET / HTTP/1.1\r\nbad\r\n\r\n", request("/" + "\xed\xa0\x80" * 10), request("/", "User-Agent: " + '"' * 8000), request(method="FOO"), b"GET /hal"]


@pytest.mark.parametrize("data", NASTY, ids=range(len(NASTY)))
def test_line_of_json_is_json_whatever_is_asked(weir, data):
    server = weir(server="access_log logs/j json;")
    with server.connect() as client:
        client.send(data if isinstance(data, bytes) else data.encode("latin-1"))
        wait_until(client.peer_has_read_all, "the server to read")
    server.wait_access(1, "j")
    for line in (server.prefix / "logs/j").read_bytes().splitlines():
        seen = json.loads(line.decode())
        assert seen["remote_addr"] == "127.0.0.1" and isinstance(seen["status"], int)


def test_members_of_json(weir):
    server = weir(server="server_name s.example; access_log logs/j json;", files={"html/a": "12345"})
    data = request("/a?x=%22", "Referer: http://from/", "User-Agent: t\t\"1\"", host="WWW.h:99")
    server.ask(data)
    seen = json.loads(server.wait_access(1, "j")[0])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d", seen.pop("time"))
    assert re.fullmatch(r"[0-9a-f]{32}", seen.pop("request_id"))
    assert 0 <= seen.pop("request_time") < 5 and seen.pop("connection") > 0
    assert seen == {"remote_addr": "127.0.0.1", "remote_user": "", "method": "GET", "uri": "/a?x=%22", "protocol": "HTTP/1.1", "status": 200,
                    "bytes": 5, "request_length": len(data), "referer": "http://from/", "user_agent": 't\t"1"', "host": "www.h",
                    "server_name": "s.example"}


def test_json_of_the_conf_file_takes_the_place_of_ours(weir):
    server = weir(http="log_format json 'mine $status';", server="access_log logs/j json;")
    server.get("/none")
    assert server.wait_access(1, "j") == ["mine 404"]


# ---- what is refused

REFUSED = [
    ("access_log x combined gzip=0;", 'invalid compression level "0"'), ("access_log x combined gzip=10;", 'invalid compression level "10"'),
    ("access_log x combined gzip=;", 'invalid compression level ""'), ("access_log x combined gzipx;", 'invalid parameter "gzipx"'),
    ("access_log $host combined buffer=1k;", "buffered logs cannot have variables in name"),
    ("access_log $host combined gzip;", "buffered logs cannot have variables in name"),
    ("access_log x combined flush=1s;", 'no buffer is defined for access_log "x"'),
    ("access_log x combined buffer=0;", 'invalid buffer size "0"'), ("access_log x combined buffer=65m;", 'invalid buffer size "65m"'),
    ("access_log x combined flush=0 buffer=1k;", 'invalid flush time "0"'),
    ("access_log x combined buffer=1k; access_log x combined buffer=2k;", 'access_log "{prefix}/x" already defined with conflicting parameters'),
    ("access_log x combined gzip=1; access_log x combined gzip=2;", 'already defined with conflicting parameters'),
    ("access_log x later;", 'unknown log format "later"'), ("access_log x combined if=$nosuch;", 'unknown "nosuch" variable'),
    ("access_log syslog:server=127.0.0.1 combined buffer=1k;", "logs to syslog cannot be buffered"),
    ("open_log_file_cache max=0;", '"open_log_file_cache" must have "max" parameter'), ("open_log_file_cache inactive=1;", 'must have "max"'),
    ("open_log_file_cache max=1 more;", 'invalid "open_log_file_cache" parameter "more"'),
    ("open_log_file_cache max=1 valid=x;", 'invalid "open_log_file_cache" parameter "valid=x"'),
    ("open_log_file_cache max=4294967296;", 'invalid "open_log_file_cache" parameter "max=4294967296"'),
]


@pytest.mark.parametrize("directive, text", REFUSED, ids=range(len(REFUSED)))
def test_wrong_words_are_told(folder, directive, text):
    done, _ = check_conf(folder, f"events {{ }} http {{ server {{ {directive} }} }}")
    assert done.returncode == 1 and "[emerg] " in done.stderr and text.replace("{prefix}", str(folder)) in done.stderr


@pytest.mark.parametrize("directive", [
    "access_log x combined buffer=1k; access_log x;", "access_log x; access_log x combined buffer=1k;", "access_log x combined gzip buffer=4k;",
    "access_log x combined buffer=1k flush=1s; location / { access_log x combined flush=1s buffer=1024; }", "access_log off; access_log x;",
    "access_log x combined if=1 if=0;", "open_log_file_cache max=1 off;", "access_log x json;",
])
def test_other_words_are_taken(folder, directive):
    done, _ = check_conf(folder, f"events {{ }} http {{ server {{ {directive} }} }}")
    assert done.returncode == 0, done.stderr
