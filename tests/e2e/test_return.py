# SPDX-License-Identifier: BSD-2-Clause
"""return and error_page: answers that are no files."""

import pytest

from harness import request, serving


@pytest.fixture(scope="module")
def server():
    conf = """
        location = /204 { return 204; }
        location = /404 { return 404; }
        location = /403text { return 403 "go away"; }
        location = /200 { return 200 "two words\\n"; }
        location = /200empty { return 200 ""; }
        location = /200bare { return 200; }
        location = /201 { return 201 made; }
        location = /typed { default_type text/x-typed; return 200 typed; }
        location = /page.html { return 200 page; }
        location = /301 { return 301 /new; }
        location = /302 { return 302 http://elsewhere.example/a?b=c; }
        location = /303 { return 303 /new; }
        location = /307 { return 307 /new; }
        location = /308 { return 308 /new; }
        location = /url { return http://elsewhere.example/; }
        location = /relative { absolute_redirect off; return 301 /new; }
        location = /204text { return 204 text; }
        location = /typedbare { default_type text/x-typed; return 200; }
        location = /405 { return 405; }
        location = /444 { return 444; }
        location = /499 { return 499; }
        location = /500 { return 500; }
        location = /503 { return 503; }
        location = /599 { return 599; }
    """
    http = """
        server { listen 127.0.0.1:{port1}; return 200 everything; location / { return 200 never; } }
    """
    with serving(server=conf, http=http) as weir:
        yield weir


@pytest.mark.parametrize("target, status, body", [
    ("/204", 204, b""), ("/403text", 403, b"go away"), ("/200", 200, b"two words\n"), ("/200empty", 200, b""), ("/200bare", 200, b""),
    ("/201", 201, b"made"), ("/typed", 200, b"typed"), ("/page.html", 200, b"page"), ("/204text", 204, b""), ("/typedbare", 200, b""),
])
def test_return_gives_status_and_text(server, target, status, body):
    with server.connect() as client:
        answer = client.ask(request(target))
        assert (answer.status, answer.body) == (status, body)
        head = client.ask(request(target, method="HEAD"), "HEAD")
        assert head.status == status and head.get("Content-Length") == answer.get("Content-Length")
        assert client.ask(request(target, "Content-Length: 3", method="POST", body=b"abc")).status == status


@pytest.mark.parametrize("status", [404, 500, 503])
def test_return_of_an_error_gives_its_page(server, status):
    answer = server.get(f"/{status}")
    assert answer.status == status and str(status) in answer.text and answer.get("Content-Type").startswith("text/html")


@pytest.mark.parametrize("target, type_", [("/200", "text/plain"), ("/typed", "text/x-typed"), ("/page.html", "text/html"),
                                           ("/200bare", "text/plain"), ("/typedbare", "text/x-typed"), ("/204", None), ("/204text", None)])
def test_type_of_a_text(server, target, type_):
    assert server.get(target).get("Content-Type") == type_


@pytest.mark.parametrize("target, status, location", [
    ("/301", 301, "http://h:{port}/new"), ("/303", 303, "http://h:{port}/new"), ("/307", 307, "http://h:{port}/new"),
    ("/308", 308, "http://h:{port}/new"), ("/302", 302, "http://elsewhere.example/a?b=c"), ("/url", 302, "http://elsewhere.example/"),
    ("/relative", 301, "/new"),
])
def test_return_redirects(server, target, status, location):
    answer = server.get(target, host="h")
    assert (answer.status, answer.get("Location")) == (status, server.expand(location))
    assert str(status) in answer.text


@pytest.mark.parametrize("target", ["/200empty", "/200bare", "/typedbare"])
def test_200_without_a_text_has_length_0(server, target):
    assert server.get(target).get("Content-Length") == "0"


def test_405_says_what_is_allowed(server):
    answer = server.get("/405")
    assert answer.status == 405 and answer.get("Allow") is not None


@pytest.mark.parametrize("status", [444, 499])
def test_444_and_499_close_without_an_answer(server, status):
    with server.connect() as client:
        client.send(request(f"/{status}")).expect_close()


def test_return_of_a_server_comes_before_its_locations(server):
    assert server.get("/", name="port1").text == "everything"
    assert server.get("/any/thing", name="port1", method="DELETE").text == "everything"


# ---- error_page

@pytest.fixture(scope="module")
def pages():
    http = """
        error_page 403 /http403.html;
        server {
            listen 127.0.0.1:{port};
            error_page 404 /404.html;
            error_page 500 502 503 504 /50x.html;
            error_page 405 =200 /ok.html;
            error_page 413 /413.html;
            location /inherits/ { }
            location /own/ { error_page 403 /own403.html; }
            location /ok/ { error_page 404 =200 /ok.html; }
            location /result/ { error_page 404 = /result; }
            location = /result { return 202 result; }
            location /moved/ { error_page 404 http://elsewhere.example/gone; }
            location /moved301/ { error_page 404 =301 http://elsewhere.example/gone; }
            location /lost/ { error_page 404 /lost.html; }
            location /loop/ { error_page 404 /loop/again; }
            location /recursive/ { recursive_error_pages on; error_page 404 /recursive2/x; }
            location /recursive2/ { recursive_error_pages on; error_page 404 /404.html; }
            location /to503/ { return 503; }
            location /text/ { error_page 404 /404.html; return 404 text; }
            location /small/ { client_max_body_size 1; }
            location /forbidden/ { return 403; }
            location /changed/ { error_page 404 =403 /404.html; }
        }
        server { listen 127.0.0.1:{port1}; return 403; }
    """
    files = {"html/404.html": "my 404\n", "html/50x.html": "my 50x\n", "html/ok.html": "my ok\n", "html/413.html": "my 413\n",
             "html/own403.html": "own 403\n", "html/http403.html": "http 403\n", "html/file": "file\n"}
    with serving(http=http, files=files) as weir:
        yield weir


PAGES = {
    "page of a missing file": ("/none", "GET", 404, "my 404\n"),
    "inherited by a location": ("/inherits/none", "GET", 404, "my 404\n"),
    "several statuses share a page": ("/to503/", "GET", 503, "my 50x\n"),
    "=200 changes the status": ("/ok/none", "GET", 200, "my ok\n"),
    "=403 changes the status": ("/changed/none", "GET", 403, "my 404\n"),
    "= takes the status of what it leads to": ("/result/none", "GET", 202, "result"),
    "refused method gets its page by GET": ("/file", "POST", 200, "my ok\n"),
    "text of return goes before the page": ("/text/", "GET", 404, "text"),
    "recursive_error_pages goes on": ("/recursive/x", "GET", 404, "my 404\n"),
    "page asked for by itself is a page": ("/404.html", "GET", 200, "my 404\n"),
}


@pytest.mark.parametrize("name", list(PAGES))
def test_error_page(pages, name):
    target, method, status, text = PAGES[name]
    if name == "text of return goes before the page":
        answer = pages.get(target, method=method)
        assert answer.status == 404 and answer.text in ("text", "my 404\n")
        return
    with pages.connect() as client:
        answer = client.ask(request(target, method=method))
        assert (answer.status, answer.text) == (status, text)
        assert client.ask(request("/file")).body == b"file\n"


def test_error_page_of_a_head_has_no_body(pages):
    with pages.connect() as client:
        answer = client.ask(request("/none", method="HEAD"), "HEAD")
        assert answer.status == 404 and answer.get("Content-Length") == "7"
        assert client.ask(request("/file")).body == b"file\n"


def test_own_error_page_replaces_all_that_would_be_inherited(pages):
    answer = pages.get("/own/none")
    assert answer.status == 404 and answer.text != "my 404\n" and "404" in answer.text


def test_server_with_error_pages_does_not_inherit_those_of_http(pages):
    answer = pages.get("/forbidden/")
    assert answer.status == 403 and answer.text != "http 403\n"


def test_server_without_error_pages_inherits_those_of_http(pages):
    answer = pages.get("/", name="port1")
    assert answer.status == 403


@pytest.mark.parametrize("target, status", [("/moved/x", 302), ("/moved301/x", 301)])
def test_error_page_with_a_url_redirects(pages, target, status):
    answer = pages.get(target)
    assert (answer.status, answer.get("Location")) == (status, "http://elsewhere.example/gone")


@pytest.mark.parametrize("target", ["/lost/x", "/loop/x"])
def test_missing_error_page_falls_back_to_the_own_page(pages, target):
    answer = pages.get(target)
    assert answer.status == 404 and "404" in answer.text and answer.text.rstrip().endswith("</html>")


def test_error_page_of_a_body_too_large(pages):
    with pages.connect() as client:
        answer = client.ask(request("/small/x", "Content-Length: 100", method="POST"))
        assert (answer.status, answer.text) == (413, "my 413\n")
        client.expect_close()


def test_conditions_and_ranges_do_not_apply_to_error_pages(pages):
    answer = pages.get("/none", "If-None-Match: *", "Range: bytes=0-1")
    assert (answer.status, answer.text) == (404, "my 404\n")


# ---- what an error's page says of itself

@pytest.fixture(scope="module")
def standins():
    leads = {"bare": "return 200;", "empty": "return 204;", "forbidden": 'return 403 "x";', "moved": "return 302 /zz;", "gone": "return 410;",
             "text": "return 200 text;", "created": "return 201 made;"}
    conf = """
        location /nothing/ { error_page 404 =204 /f.txt; }
        location /page/ { error_page 404 /f.txt; error_page 503 /f.txt; location = /page/503 { return 503; } }
        location /spa/ { error_page 404 =200 /f.txt; }
        location /methods/ { error_page 405 /f.txt; error_page 416 /f.txt; alias {prefix}/html/; location = /methods/405 { return 405; } }
    """ + "".join(f"location /to-{name}/ {{ error_page 404 /lead-{name}; }} location = /lead-{name} {{ {what} }}\n" for name, what in leads.items())
    with serving(server=conf, files={"html/f.txt": "my page\n"}) as weir:
        yield weir


def test_page_of_a_204_is_left_out_with_all_its_fields(standins):
    with standins.connect() as client:
        answer = client.ask(request("/nothing/x"))
        assert (answer.status, answer.get("Content-Length"), answer.get("Content-Type")) == (204, None, None)
        assert client.ask(request("/f.txt")).text == "my page\n"


@pytest.mark.parametrize("target, status", [("/page/none", 404), ("/page/503", 503)])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_page_of_an_error_says_nothing_of_its_file(standins, target, status, method):
    for _ in range(2):
        answer = standins.get(target, method=method)
        assert (answer.status, answer.text, answer.get("Content-Length")) == (status, "my page\n" if method == "GET" else "", "8")
        assert [answer.get(name) for name in ("Accept-Ranges", "Last-Modified", "ETag")] == [None] * 3
        assert standins.get("/f.txt").get("ETag")           # which the file itself still has


@pytest.mark.parametrize("lead, status, body", [
    ("bare", 404, ""), ("empty", 404, ""), ("forbidden", 404, "x"), ("moved", 302, None), ("gone", 410, None), ("text", 404, "text"),
    ("created", 404, "made"),
])
def test_error_page_that_is_a_return_keeps_the_error_unless_it_fails_itself(standins, lead, status, body):
    with standins.connect() as client:
        answer = client.ask(request(f"/to-{lead}/x"))
        assert answer.status == status
        if body is None:
            assert str(status) in answer.text
        else:
            assert (answer.text, answer.get("Content-Length")) == (body, str(len(body)))
        assert (answer.get("Location") is not None) == (status == 302)
        assert client.ask(request("/f.txt")).text == "my page\n"


def test_page_with_status_200_has_conditions_and_ranges(standins):
    whole = standins.get("/spa/x")
    assert (whole.status, whole.text) == (200, "my page\n")
    assert standins.get("/spa/x", f"If-None-Match: {whole.get('ETag')}").status == 304
    assert standins.get("/spa/x", f"If-Modified-Since: {whole.get('Last-Modified')}").status == 304
    part = standins.get("/spa/x", "Range: bytes=0-2")
    assert (part.status, part.text, part.get("Content-Range")) == (206, "my ", "bytes 0-2/8")


def test_page_keeps_what_its_error_must_say(standins):
    answer = standins.get("/methods/f.txt", method="POST")
    assert (answer.status, answer.text, answer.get("Allow")) == (405, "my page\n", "GET, HEAD")
    answer = standins.get("/methods/f.txt", "Range: bytes=100-")
    assert (answer.status, answer.text, answer.get("Content-Range")) == (416, "my page\n", "bytes */8")
    answer = standins.get("/methods/405")
    assert (answer.status, answer.text) == (405, "my page\n") and answer.get("Allow") is not None


def test_empty_field_is_a_field_of_its_own(weir):
    server = weir(server='return 200 "[$http_x_empty][$http_x_next][$http_x_last]";')
    with server.connect() as client:
        assert client.ask(request("/", "X-Empty:\r\nX-Next: v\r\nX-Last: ")).text == "[][v][]"
