# SPDX-License-Identifier: BSD-2-Clause
"""Methods, forms of targets, and the fields that every answer carries."""

import email.utils
import html
import re
import time

import pytest

from harness import check_conf, request, serving


@pytest.fixture(scope="module")
def server():
    conf = """
        server_name a.example;
        keepalive_requests 1000000;
        location /text { return 200 text; }
        location /moved { return 301 /new; }
        location /empty { return 204; }
        location /small { client_max_body_size 1; return 200 small; }
        location /loud/ { server_tokens on; alias {prefix}/html/; }
        location /built/ { server_tokens build; alias {prefix}/html/; }
        location /named/ { server_tokens "<$arg_x>"; alias {prefix}/html/; add_header X-Said $sent_http_server; }
        location /nameless/ { server_tokens ""; alias {prefix}/html/; }
    """
    http = """
        server { listen 127.0.0.1:{port}; server_name b.example; return 200 b; }
        server { listen 127.0.0.1:{port1}; server_tokens on; root html; }
    """
    files = {"html/index.html": "<p>hello\n", "html/a.txt": "a" * 5000, "html/dir/index.html": "dir"}
    frame = """
        pid {prefix}/logs/weir.pid; error_log {prefix}/logs/error.log info;
        events { worker_connections 128; }
        http {
            access_log {prefix}/logs/access.log;
            server { listen 127.0.0.1:{port} default_server; %s }
            %s
        }
    """ % (conf, http)
    with serving(frame, files=files) as weir:
        yield weir


# ---- methods

@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "PROPFIND", "MKCOL", "LOCK", "TRACE"])
def test_file_refuses_a_method_with_405_and_allow(server, method):
    answer = server.get("/a.txt", method=method)
    assert answer.status == 405
    allowed = {word.strip() for word in answer.get("Allow").split(",")}
    assert {"GET", "HEAD"} <= allowed and method not in allowed


@pytest.mark.parametrize("method, target, status", [
    ("POST", "/none.txt", 404), ("PUT", "/none.txt", 405), ("POST", "/a.txt", 405), ("POST", "/a.txt/below", 404),
])
def test_post_for_what_is_missing_is_not_found(server, method, target, status):
    assert server.get(target, method=method).status == status


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_405_keeps_the_connection_when_there_is_no_body(server, method):
    with server.connect() as client:
        assert client.ask(request("/a.txt", "Content-Length: 0", method=method)).status == 405
        assert client.ask(request("/a.txt")).status == 200


def test_options_of_a_file_names_what_is_allowed(server):
    answer = server.get("/a.txt", method="OPTIONS")
    assert answer.status in (200, 204, 405)
    assert {"GET", "HEAD"} <= {word.strip() for word in answer.get("Allow").split(",")}


def test_options_of_the_server_is_answered(server):
    with server.connect() as client:
        answer = client.ask(request("*", method="OPTIONS"))
        assert answer.status in (200, 204)
        assert answer.body == b"" and "GET" in answer.get("Allow")
        assert client.ask(request("/a.txt")).status == 200


@pytest.mark.parametrize("target", ["/", "/a.txt", "http://a.example/", "*"])
def test_trace_echoes_nothing(server, target):
    answer = server.get(target, "X-Secret: 1", method="TRACE")
    assert answer.status in (400, 405, 501) and b"Secret" not in answer.body


@pytest.mark.parametrize("target", ["a.example:443", "/", "127.0.0.1:22"])
def test_connect_is_refused(server, target):
    with server.connect() as client:
        assert client.ask(request(target, method="CONNECT")).status in (400, 405, 501)


def test_upgrade_is_not_taken_and_the_stream_goes_on(server):
    data = request("/a.txt", "Connection: Upgrade", "Upgrade: websocket") + request("/index.html")
    with server.connect() as client:
        assert client.ask(data).status == 200
        assert client.read().body == b"<p>hello\n"


def test_upgrade_to_http2_is_not_taken(server):
    data = request("/a.txt", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__")
    with server.connect() as client:
        assert client.ask(data).status == 200


@pytest.mark.parametrize("method", ["FOO", "GETTER", "X-CUSTOM", "BREW"])
def test_unknown_method_is_501(server, method):
    assert server.get("/a.txt", method=method).status == 501


# ---- HEAD

@pytest.mark.parametrize("target", ["/", "/a.txt", "/none", "/text", "/moved", "/empty", "/dir", "/%zz", "/a.txt/"])
def test_head_has_the_fields_of_get_and_no_body(server, target):
    with server.connect() as client:
        got = client.ask(request(target))
    with server.connect() as client:
        head = client.ask(request(target, method="HEAD"), "HEAD")
        if head.get("Connection") == "close":
            client.expect_close()
        else:
            assert client.ask(request("/a.txt")).status == 200

    def fields(answer):
        return {key: value for key, value in answer.headers if key != "Date"}
    assert (head.status, head.reason, fields(head)) == (got.status, got.reason, fields(got))


def test_head_of_http_1_0_has_no_body(server):
    with server.connect() as client:
        client.ask(request("/a.txt", method="HEAD", version="1.0"), "HEAD")
        client.expect_close()


# ---- absolute-form

def test_absolute_form_names_the_host(server):
    assert server.get("http://b.example/", host="a.example").body == b"b"


def test_absolute_form_names_the_host_in_any_case(server):
    assert server.get("http://B.Example:80/", host="a.example").body == b"b"


def test_absolute_form_leaves_the_path(server):
    assert server.get("http://a.example/a.txt?x=/y", host="b.example").body == b"a" * 5000


def test_absolute_form_without_path_is_the_root(server):
    assert server.get("http://a.example", host="a.example").body == b"<p>hello\n"


def test_absolute_form_works_in_http_1_0(server):
    assert server.get("http://b.example/", version="1.0", host=None).body == b"b"


# ---- Date and Server

ANSWERS = {
    "200": (request("/a.txt"), 200),
    "204": (request("/empty"), 204),
    "206": (request("/a.txt", "Range: bytes=0-1"), 206),
    "301": (request("/dir"), 301),
    "304": (request("/a.txt", "If-None-Match: *"), 304),
    "400": (b"GET / HTTP/1.1\r\n\r\n", 400),
    "400 of garbage": (b"\x01\x02\r\n\r\n", 400),
    "404": (request("/none"), 404),
    "405": (request("/a.txt", method="PUT"), 405),
    "412": (request("/a.txt", 'If-Match: "x"'), 412),
    "413": (request("/small", "Content-Length: 10", method="POST"), 413),
    "414": (request("/" + "a" * 20000), 414),
    "416": (request("/a.txt", "Range: bytes=9999-"), 416),
    "431": (request("/", "X: " + "a" * 20000), 431),
    "501": (request("/", method="FOO"), 501),
    "505": (request("/", version="2.0"), 505),
    "OPTIONS *": (request("*", method="OPTIONS"), 200),
}


@pytest.mark.parametrize("name", list(ANSWERS))
def test_every_answer_has_date_and_server(server, name):
    data, status = ANSWERS[name]
    answer = server.ask(data)
    assert answer.status == status or (name == "OPTIONS *" and answer.status == 204)
    date = answer.get("Date")
    assert re.fullmatch(r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT", date)
    assert abs(email.utils.parsedate_to_datetime(date).timestamp() - time.time()) < 3


VERSION = r"weir/\d+(\.\d+)+\S*"


@pytest.mark.parametrize("name", list(ANSWERS))
def test_no_answer_tells_the_version(server, name):
    answer = server.ask(ANSWERS[name][0])
    assert answer.get("Server") == "weir"
    assert not re.search(rb"weir/\d", answer.body)
    assert (b"<small>weir</small>" in answer.body) == (answer.status >= 300 and answer.status != 304)


@pytest.mark.parametrize("name", list(ANSWERS))
def test_server_tokens_on_tells_it_everywhere(server, name):
    answer = server.ask(ANSWERS[name][0], name="port1")
    assert re.fullmatch(VERSION, answer.get("Server"))
    if answer.status >= 300 and answer.status != 304:
        assert f"<small>{answer.get('Server')}</small>".encode() in answer.body


@pytest.mark.parametrize("path, named", [("/loud/", VERSION), ("/built/", VERSION), ("/named/", "<you>")])
def test_server_tokens_in_a_location(server, path, named):
    answer, missing = server.get(path + "a.txt?x=you"), server.get(path + "none?x=you")
    assert re.fullmatch(named, answer.get("Server")) and re.fullmatch(named, missing.get("Server"))
    foot = html.escape(missing.get("Server"))
    assert f"<small>{foot}</small></body>".encode() in missing.body
    assert path != "/named/" or answer.get("X-Said") == "<you>"


def test_server_tokens_may_leave_the_field_out(server):
    for path, status in (("/nameless/a.txt", 200), ("/nameless/none", 404)):
        answer = server.get(path)
        assert (answer.status, answer.get("Server")) == (status, None) and b"<small>" not in answer.body


@pytest.mark.parametrize("length, kept", [(254, True), (255, False)])
def test_server_tokens_are_bounded(server, length, kept):
    said = server.get("/named/a.txt?x=" + "y" * length).get("Server")
    assert said == ("<" + "y" * length + ">" if kept else None)
    message = '"server_tokens" makes 257 bytes, more than 256: the field "Server" is left out'
    assert kept or message in server.log_text()


@pytest.mark.parametrize("name", ["OFF", "On", "none", "no", "true", "0", '"a\\nb"', "a" * 257])
def test_server_tokens_that_are_a_mistake(folder, name):
    done, _ = check_conf(folder, f"events {{ }}\nhttp {{ server_tokens {name}; server {{ listen 127.0.0.1:8080; }} }}\n")
    assert done.returncode == 1 and "server_tokens" in done.stderr
    assert len(name) > 9 or 'off, on or build, a text for the field "Server", or "" for no such field' in done.stderr


def test_date_moves_on_while_the_connection_is_kept(server):
    with server.connect() as client:
        first = client.ask(request("/a.txt")).get("Date")
        end = time.monotonic() + 4
        while client.ask(request("/a.txt")).get("Date") == first:
            assert time.monotonic() < end, "Date stands still"


# ---- the server's own pages

PAGES = {404: request("/none"), 405: request("/a.txt", method="PUT"), 400: b"GET / HTTP/1.1\r\n\r\n",
         301: request("/dir"), 413: request("/small", "Content-Length: 10", method="POST"),
         501: request("/", method="FOO"), 416: request("/a.txt", "Range: bytes=9999-")}


@pytest.mark.parametrize("status", list(PAGES))
def test_own_page_says_its_status_in_html(server, status):
    answer = server.ask(PAGES[status])
    assert answer.status == status
    assert answer.get("Content-Type").startswith("text/html")
    assert str(status) in answer.text and answer.reason in answer.text
    assert "<title>" in answer.text and answer.text.rstrip().endswith("</html>")


def test_own_page_does_not_repeat_what_the_client_sent(server):
    answer = server.get("/<script>alert(1)</script>")
    assert answer.status == 404 and b"script>alert" not in answer.body
