# SPDX-License-Identifier: BSD-2-Clause
"""access_log and log_format: every request leaves its line, and nothing that a client sends can forge one."""

import json
import os
import re
import signal
import socket

import pytest

from harness import now, request, serving, wait_until

TIME = r"\[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\]"


def test_combined_line_is_exact(weir):
    server = weir(server="", files={"html/a.txt": "12345"})
    server.get("/a.txt?x=1", "Referer: http://from.example/", "User-Agent: tester/1.0 (x; y)")
    server.get("/none")
    lines = server.wait_access(2)
    assert re.fullmatch(r'127\.0\.0\.1 - - ' + TIME + r' "GET /a\.txt\?x=1 HTTP/1\.1" 200 5 "http://from\.example/" "tester/1\.0 \(x; y\)"',
                        lines[0])
    assert re.fullmatch(r'127\.0\.0\.1 - - ' + TIME + r' "GET /none HTTP/1\.1" 404 \d+ "-" "-"', lines[1])


def test_combined_stands_for_itself_and_for_the_default(weir):
    server = weir(server="access_log logs/named.log combined; access_log logs/default.log;")
    server.get("/x")
    server.wait_access(1, "default.log")
    assert server.wait_access(1, "named.log") == server.access_lines("default.log")


BODY_BYTES = [
    (request("/a"), "GET", 200, 1000), (request("/a", method="HEAD"), "HEAD", 200, 0), (request("/a", "If-None-Match: *"), "GET", 304, 0),
    (request("/a", "Range: bytes=0-9"), "GET", 206, 10), (request("/204"), "GET", 204, 0), (request("/empty"), "GET", 200, 0),
]


@pytest.mark.parametrize("data, method, status, sent", BODY_BYTES)
def test_status_and_bytes_of_the_body(weir, data, method, status, sent):
    server = weir(server="location = /204 { return 204; }", files={"html/a": "a" * 1000, "html/empty": ""})
    server.ask(data, method)
    assert re.search(rf'" {status} {sent} "-"', server.wait_access()[0])


REFUSED = {
    "bad head": (b"GET  / HTTP/1.1\r\nHost: h\r\n\r\n", 400), "no Host": (b"GET /x HTTP/1.1\r\n\r\n", 400),
    "garbage": (b"\x01\x02\x03\r\n\r\n", 400), "unknown method": (request(method="FOO"), 501),
    "other version": (request(version="2.0"), 505), "too long a line": (request("/" + "a" * 20_000), 414),
    "too large a field is 494": (request("/", "X: " + "a" * 20_000), 494),
}


@pytest.mark.parametrize("name", list(REFUSED))
def test_refused_request_leaves_one_line(weir, name):
    server = weir(server="")
    data, status = REFUSED[name]
    server.ask(data)
    server.get("/last")
    lines = server.wait_access(2)
    assert len(lines) == 2 and f'" {status} ' in lines[0] and '"GET /last HTTP/1.1" 404' in lines[1]


def test_444_is_logged(weir):
    server = weir(server="return 444;")
    with server.connect() as client:
        client.send(request("/x")).expect_close()
    assert '"GET /x HTTP/1.1" 444 0 ' in server.wait_access()[0]


def test_client_that_says_nothing_leaves_no_line(weir):
    server = weir(server="")
    for _ in range(10):
        server.connect().close()
    server.get("/x")
    assert len(server.wait_access()) == 1


@pytest.mark.parametrize("sent, line", [(b"GET /half HTTP/1.1\r\nHost: h\r\n", "GET /half HTTP/1.1"), (b"GET /hal", "GET /hal")])
def test_client_that_leaves_within_a_head_is_logged_as_400(weir, sent, line):
    server = weir(server="")
    with server.connect() as client:
        client.send(sent)
        wait_until(client.peer_has_read_all, "the server to read")
    assert f' "{line}" 400 0 ' in server.wait_access()[0]


def test_pipelined_requests_are_logged_in_order(weir):
    server = weir(server="", files={"html/a": "a"})
    with server.connect() as client:
        client.send(b"".join(request(f"/a?{n}") for n in range(200)))
        for _ in range(200):
            client.read()
    lines = server.wait_access(200)
    assert [int(re.search(r"/a\?(\d+)", line)[1]) for line in lines] == list(range(200))


def test_every_worker_logs_every_request(weir):
    server = weir(server="", files={"html/a": "a"}, workers=3)
    for n in range(150):
        server.get(f"/a?{n}")
    assert len({re.search(r"/a\?(\d+)", line)[1] for line in server.wait_access(150)}) == 150


# ---- where and whether

def test_logs_are_inherited_replaced_several_or_off(weir):
    conf = """
        access_log {prefix}/logs/server.log;
        location /off/ { access_log off; }
        location /own/ { access_log logs/own.log; location /own/inner/ { } location /own/off/ { access_log off; } }
        location /two/ { access_log logs/one.log; access_log logs/two.log tiny; }
        location /back/ { access_log off; location /back/on/ { access_log logs/back.log; } }
    """
    server = weir(server=conf, http='log_format tiny "$request_uri!";')
    for target in ("/x", "/off/x", "/own/x", "/own/inner/x", "/own/off/x", "/two/x", "/back/x", "/back/on/x"):
        server.get(target)
    server.wait_access(1, "back.log")

    def targets(name):
        return [re.search(r"GET (\S+)", line)[1] for line in server.access_lines(name)]
    assert targets("server.log") == ["/x"]
    assert targets("own.log") == ["/own/x", "/own/inner/x"]
    assert targets("one.log") == ["/two/x"] and server.access_lines("two.log") == ["/two/x!"]
    assert targets("back.log") == ["/back/on/x"]
    assert server.access_lines("access.log") == []


def test_log_of_the_location_where_the_request_ended(weir):
    server = weir(server="error_page 404 /e.html; location = /e.html { access_log logs/e.log; }", files={"html/e.html": "e"})
    server.get("/none")
    assert '"GET /none HTTP/1.1" 404 1 ' in server.wait_access(1, "e.log")[0]


def test_buffered_log_is_written_within_its_flush_time(weir):
    server = weir(server="access_log logs/buffered.log combined buffer=64k flush=1s;")
    begin = now()
    server.get("/x")
    wait_until(lambda: server.access_lines("buffered.log"), "the buffer to be flushed", 5)
    assert now() - begin < 3


def test_buffered_log_is_written_at_the_end(weir):
    server = weir(server="access_log logs/buffered.log combined buffer=64k;")
    server.get("/x")
    server.stop(signal.SIGQUIT)
    assert len(server.access_lines("buffered.log")) == 1


def test_buffer_of_any_size_loses_no_line(weir):
    server = weir(server="access_log logs/buffered.log combined buffer=128k; keepalive_requests 1000;")
    with server.connect() as client:
        for n in range(300):
            client.ask(request(f"/{n}", "User-Agent: " + "u" * 3000))
    server.stop(signal.SIGQUIT)
    lines = server.access_lines("buffered.log")
    assert [int(re.search(r'"GET /(\d+) ', line)[1]) for line in lines] == list(range(300))
    assert all(line.endswith("u" * 3000 + '"') for line in lines)


@pytest.mark.parametrize("options", ["", "combined buffer=1k", "combined buffer=64k"])
def test_line_is_never_too_long_for_the_log(weir, options):
    server = weir(server=f"access_log logs/long.log {options};")
    before = b"GET /before HTTP/1.1\r\nHost: h\r\n\r\n"
    long = b"GET /x?" + b"\xff" * 600 + b" HTTP/1.1\r\nHost: h\r\nReferer: " + b"\xff" * 8170 + b"\r\nUser-Agent: " + b"\xfe" * 8170 + b"\r\n\r\n"
    with server.connect() as client:
        client.send(before + long + before)
        assert [client.read().status for _ in range(3)] == [404] * 3
    server.stop(signal.SIGQUIT)
    lines = server.access_lines("long.log")
    assert ["/before" in line for line in lines] == [True, False, True]
    one, two = r"\xFF", r"\xFE"
    assert f'"GET /x?{one * 600} HTTP/1.1" 404 ' in lines[1] and lines[1].endswith(f'"{one * 8170}" "{two * 8170}"')


@pytest.mark.parametrize("what", ["access_log /dev/full;", "access_log /dev/full combined buffer=1k;", "error_log /dev/full info;"])
def test_full_disk_costs_lines_not_requests(weir, what):
    server = weir(server=what, files={"html/a": "a"}, allow=[r"No space left on device"])
    with server.connect() as client:
        for _ in range(200):
            assert client.ask(request("/a", "User-Agent: " + "u" * 100)).body == b"a"
            assert client.ask(request("/none")).status == 404


def test_log_that_is_a_device_is_no_matter(weir):
    server = weir(server="access_log /dev/null; error_log /dev/null;")
    assert server.get("/none").status == 404


# ---- variables

VARIABLES = {
    "remote_addr": r"127\.0\.0\.1", "remote_port": r"\d{4,5}", "remote_user": "-", "server_addr": r"127\.0\.0\.1",
    "server_port": "{port}", "server_name": r"vars\.example", "host": r"www\.vars\.example", "http_host": r"www\.Vars\.example:99",
    "uri": r"/dir/file\.txt", "document_uri": r"/dir/file\.txt", "request_uri": r"/x/\.\./dir/f%69le\.txt\?a=1&B=two&a=3&empty=",
    "args": "a=1&B=two&a=3&empty=", "query_string": "a=1&B=two&a=3&empty=", "is_args": r"\?", "arg_a": "1", "arg_b": "two", "arg_none": "-",
    "arg_empty": "",
    "request": r"GET /x/\.\./dir/f%69le\.txt\?a=1&B=two&a=3&empty= HTTP/1\.1", "request_method": "GET", "server_protocol": r"HTTP/1\.1",
    "scheme": "http", "https": "", "status": "200", "body_bytes_sent": "5", "bytes_sent": r"\d{3}", "request_length": "{length}",
    "request_time": r"\d+\.\d{3}", "msec": r"\d{10}\.\d{3}", "time_iso8601": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d",
    "time_local": r"\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}", "connection": r"\d+", "connection_requests": "1", "pid": r"\d+",
    "pipe": r"\.", "request_filename": "{prefix}/html/dir/file.txt", "document_root": "{prefix}/html", "content_length": "-",
    "content_type": "application/x-test", "http_user_agent": "agent", "http_x_some_field": "some value", "http_none": "-",
    "sent_http_content_type": "text/plain", "sent_http_content_length": "5", "sent_http_etag": r'\\x22[0-9a-f]+-5\\x22',
    "sent_http_none": "-", "hostname": re.escape(socket.gethostname().lower()), "request_id": r"[0-9a-f]{32}", "request_completion": "OK",
    "realpath_root": "{prefix}/html", "cookie_one": "1", "cookie_two": "2", "cookie_none": "-",
    "http_cookie": "one=1; two=2",
}


@pytest.fixture(scope="module")
def logged():
    """One request, and its line: a dict of variables; and what {…} stands for."""
    def http(names):
        return "log_format vars '" + "".join(f"{name}=[${name}]\\t" for name in names) + "';"
    conf = "server_name vars.example *.vars.example; access_log logs/vars.log vars;"
    with serving(server=conf, http=http(VARIABLES), start=False) as trial:
        known = list(VARIABLES)
        while True:
            trial.write_conf(trial.template.replace(http(VARIABLES), http(known)))
            unknown = set(re.findall(r'unknown "(\w+)" variable', trial.run("-t").stderr))
            if not unknown & set(known):
                break
            known = [name for name in known if name not in unknown]
    data = request("/x/../dir/f%69le.txt?a=1&B=two&a=3&empty=", "User-Agent: agent", "X-Some-Field: some value",
                   "Content-Type: application/x-test", "Cookie: one=1; two=2", host="www.Vars.example:99")
    with serving(server=conf, http=http(known), files={"html/dir/file.txt": "12345"}) as weir:
        assert weir.ask(data).body == b"12345"
        line = weir.wait_access(1, "vars.log")[0]
        values = dict(re.findall(r"(\w+)=\[([^\t]*)\](?:\t|\\t)", line))
        yield values, {"{port}": str(weir.port()), "{prefix}": re.escape(str(weir.prefix)), "{length}": str(len(data))}


@pytest.mark.parametrize("name", list(VARIABLES))
def test_variable(logged, name):
    values, places = logged
    assert name in values, f"${name} is not known"
    pattern = VARIABLES[name]
    for place, value in places.items():
        pattern = pattern.replace(place, value)
    assert re.fullmatch(pattern, values[name]), f"${name} is {values[name]!r}, not {pattern!r}"


def test_format_is_made_of_pieces_words_and_braces(weir):
    http = r"""log_format pieces '$request_method:' "${status}x" ' <${uri}>' tail$is_args;"""
    server = weir(server="access_log logs/p.log pieces;", http=http)
    server.get("/a")
    assert server.wait_access(1, "p.log") == ["GET:404x </a>tail"]


def test_variables_of_a_refused_request_are_empty(weir):
    server = weir(server="access_log logs/v.log v;", http="log_format v '[$host][$uri][$http_x][$status][$request_method]';")
    server.ask(b"GET /x HTTP/1.1\r\nbad\r\n\r\n")
    assert re.fullmatch(r"\[.*\]\[.*\]\[-?\]\[400\]\[.*\]", server.wait_access(1, "v.log")[0])


def test_request_counts_and_numbers_of_connections(weir):
    server = weir(server="access_log logs/c.log c;", http="log_format c '$connection $connection_requests';")
    with server.connect() as client:
        for _ in range(3):
            client.ask(request("/a"))
    with server.connect() as client:
        client.ask(request("/a"))
    rows = [line.split() for line in server.wait_access(4, "c.log")]
    assert [row[1] for row in rows] == ["1", "2", "3", "1"]
    assert rows[0][0] == rows[1][0] == rows[2][0] != rows[3][0]


def test_request_time_is_how_long_the_answer_took(weir):
    server = weir(server="access_log logs/t.log t;", http="log_format t '$request_time';")
    with server.connect() as client:
        client.send(request("/a")[:10])
        begin = now()
        wait_until(lambda: now() - begin > 0.3)
        client.ask(request("/a")[10:])
    assert 0.25 < float(server.wait_access(1, "t.log")[0]) < 2


# ---- escaping

NASTY = b'a"b\\c\td\xc3\xa9'


@pytest.mark.parametrize("escape, wanted", [
    ("", r"a\x22b\x5Cc\x09d\xC3\xA9"), ("escape=default", r"a\x22b\x5Cc\x09d\xC3\xA9"),
    ("escape=json", 'a\\"b\\\\c\\td\xc3\xa9'), ("escape=none", 'a"b\\c\td\xc3\xa9'),
])
def test_value_is_escaped(weir, escape, wanted):
    server = weir(server="access_log logs/e.log e;", http=f"log_format e {escape} '<$http_x>';")
    server.ask(b"GET / HTTP/1.1\r\nHost: h\r\nX: " + NASTY + b"\r\n\r\n")
    server.wait_access(1, "e.log")
    assert (server.prefix / "logs/e.log").read_bytes() == f"<{wanted}>\n".encode("latin-1")


def test_json_lines_are_json(weir):
    form = """log_format j escape=json '{"uri":"$uri","x":"$http_x","none":"$http_none","request":"$request"}';"""
    server = weir(server="access_log logs/j.log j;", http=form)
    server.ask(b'GET /a%22%0a%5c%01b HTTP/1.1\r\nHost: h\r\nX: "\\\t\r\n\r\n')
    seen = json.loads(server.wait_access(1, "j.log")[0])
    assert seen == {"uri": '/a"\n\\\x01b', "x": '"\\', "none": "", "request": "GET /a%22%0a%5c%01b HTTP/1.1"} or \
        seen == {"uri": '/a"\n\\\x01b', "x": '"\\\t', "none": "", "request": "GET /a%22%0a%5c%01b HTTP/1.1"}


@pytest.mark.parametrize("data", [
    request("/%0a127.0.0.1 - - forged".replace(" ", "%20")), b'GET /" 200 0 "x" HTTP/1.1\r\nHost: h\r\n\r\n',
    b"GET /\n127.0.0.1 forged HTTP/1.1\r\nHost: h\r\n\r\n", b"GET / HTTP/1.1\r\nHost: h\r\nReferer: a\nforged\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: h\r\nUser-Agent: \x1b[31m\r\n\r\n", b"\x1b[2J\n\n\nforged\r\n\r\n", b"GET /\x80\xff HTTP/1.1\r\nHost: h\r\n\r\n",
])
def test_no_client_forges_a_line(weir, data):
    server = weir(server="access_log logs/access.log; access_log logs/u.log u;", http="log_format u '<$uri>';")
    server.ask(data)
    server.get("/last")
    wait_until(lambda: any("/last" in line for line in server.access_lines()), "the last line")
    raw = (server.prefix / "logs/access.log").read_bytes()
    assert raw.count(b"\n") == 2 and all(32 <= c < 127 or c == 10 for c in raw)
    for line in raw.decode().splitlines():
        assert re.fullmatch(r'127\.0\.0\.1 - - ' + TIME + r' "[^"]*" \d{3} \d+ "[^"]*" "[^"]*"', line)
    assert (server.prefix / "logs/u.log").read_bytes().count(b"\n") == 2


# ---- rotation

@pytest.mark.parametrize("how", ["USR1", "-s reopen"])
def test_logs_are_reopened_after_rotation(weir, how):
    server = weir(server="", workers=2, files={"html/a": "a"})
    server.wait_workers(2)
    server.get("/a?before")
    server.wait_access()
    for name in ("access.log", "error.log"):
        os.rename(server.prefix / "logs" / name, server.prefix / "logs" / f"{name}.1")
    server.get("/a?between")
    server.wait_access(2, "access.log.1")
    if how == "USR1":
        server.send_signal(signal.SIGUSR1)
    else:
        done = server.run("-s", "reopen")
        assert (done.returncode, done.stderr) == (0, "")
    wait_until(lambda: server.access_log.exists() and server.error_log.exists(), "the new files")

    def lands_in_the_new():
        server.get("/a?after")
        return any("?after" in line for line in server.access_lines())
    wait_until(lands_in_the_new, "a line in the new file")
    size = len(server.access_lines("access.log.1"))

    def all_land_in_the_new():
        before = len(server.access_lines())
        for n in range(20):
            server.get(f"/a?{n}")
        return len(wait_until(lambda: len(server.access_lines()) >= before + 20 and server.access_lines() or
                              len(server.access_lines("access.log.1")) > size and [0])) >= before + 20
    wait_until(all_land_in_the_new, "both workers to use the new file")
    assert "?before" in server.access_lines("access.log.1")[0]
