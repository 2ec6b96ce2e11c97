# SPDX-License-Identifier: BSD-2-Clause
"""add_header: what it adds to which answers, how levels inherit it, and that nothing a peer sends ends a field."""

import pytest

from harness import check_conf, request, serving

FILES = {"html/a.html": "hello file\n", "html/d/index.html": "x"}
USUAL = (200, 201, 204, 301, 302, 303, 307, 308)
OTHERS = (202, 203, 205, 300, 305, 400, 401, 403, 404, 405, 410, 416, 500, 503, 599)


def answers(server, *asks, files=None, http="", allow=()):
    with serving(http=http, server=server, files={**FILES, **(files or {})}, allow=allow) as weir:
        return [weir.get(*((ask,) if isinstance(ask, str) else ask)) for ask in asks]


def test_without_always_only_usual_statuses_have_the_field():
    places = "".join(f"location /{status} {{ return {status}; }}" for status in USUAL + OTHERS)
    found = answers("add_header A a; add_header B b always;" + places, *(f"/{status}" for status in USUAL + OTHERS))
    assert [r.status for r in found] == list(USUAL + OTHERS)
    assert {r.status for r in found if r.all("A") == ["a"]} == set(USUAL)
    assert all(r.all("B") == ["b"] for r in found)


@pytest.mark.parametrize("ask, status, fields", [
    (("/a.html",), 200, ["a"]),
    (("/a.html", "Range: bytes=0-1"), 206, ["a"]),
    (("/a.html", "Range: bytes=0-1,3-4"), 206, ["a"]),
    (("/a.html", "Range: bytes=99-"), 416, []),
    (("/a.html", "If-None-Match: *"), 304, ["a"]),
    (("/a.html", 'If-Match: "x"'), 412, []),
    (("/none",), 404, []),
    (("/d",), 301, ["a"]),
])
def test_answers_of_files(ask, status, fields):
    found = answers("add_header A a; add_header B b always;", ask)[0]
    assert (found.status, found.all("A"), found.all("B")) == (status, fields, ["b"])


def test_what_is_refused_before_any_place_is_known_has_the_server_s():
    with serving(server="add_header A a; add_header B b always;", files=FILES) as weir:
        found = weir.ask(b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n")
    assert (found.status, found.all("A"), found.all("B")) == (400, [], ["b"])


def test_a_page_that_stands_in_for_an_error():
    found = answers("add_header A a; add_header B b always; error_page 404 /a.html; error_page 403 =200 /a.html;"
                    "location /403 { return 403; }", "/none", "/403")
    assert [(r.status, r.all("A"), r.all("B")) for r in found] == [(404, [], ["b"]), (200, ["a"], ["b"])]


# Lines of the server, of its location: the values of X that a file in it gets.
LEVELS = [
    ("add_header X 1; add_header X 2;", "", ["1", "2"]),
    ("add_header X 1;", "add_header X 3;", ["3"]),
    ("add_header X 1;", "add_header Y 3;", []),
    ("add_header X 1;", "add_header_inherit merge;", ["1"]),
    ("add_header X 1; add_header X 2;", "add_header_inherit merge; add_header X 3;", ["3", "1", "2"]),
    ("add_header X 1; add_header_inherit merge;", "add_header X 3;", ["3", "1"]),
    ("add_header X 1;", "add_header_inherit off;", []),
    ("add_header X 1; add_header_inherit off;", "", []),
    ("add_header X 1; add_header_inherit off;", "expires 1h;", []),
    ("add_header X 1; add_header_inherit off;", "add_header X 3;", ["3"]),
    ("add_header X 1; add_header_inherit off;", "add_header_inherit on;", ["1"]),
    ("add_header X 1; add_header_inherit off;", "add_header_inherit merge; add_header X 3;", ["3", "1"]),
    ("add_header X 1; add_header_inherit merge;", "add_header_inherit on; add_header X 3;", ["3"]),
]


@pytest.mark.parametrize("outer, inner, values", LEVELS)
def test_inheritance(outer, inner, values):
    found = answers(f"{outer} location /d/ {{ {inner} }}", "/d/index.html")[0]
    assert found.all("X") == values


def test_inheritance_over_three_levels():
    """What a level has that says nothing is what the level within inherits."""
    places = ("location /d/ { location /d/i { add_header_inherit merge; add_header X 3; } }"
              "location /e/ { add_header X 2; location /e/i { add_header X 3; } }")
    found = answers("add_header X 1; add_header_inherit off; error_page 404 =200 /a.html;" + places, "/d/index.html",
                    http="add_header X 0;")[0]
    assert found.all("X") == ["3"]
    found = answers("add_header X 1; add_header_inherit merge;" + places, "/d/index.html", "/e/i", "/a.html",
                    files={"html/e/i": "x"}, http="add_header X 0;")
    assert [r.all("X") for r in found] == [["3", "1", "0"], ["3", "2", "1", "0"], ["1", "0"]]


# What is added, and the answer's fields of that name to GET /a.html.
OWN = [
    ('Content-Type "text/x"', "Content-Type", ["text/x"]),
    ('content-type "text/x; charset=utf-8"', "Content-Type", ["text/x; charset=utf-8"]),
    ('Content-Type ""', "Content-Type", ["text/html"]),
    ('ETag \'"x"\'', "ETag", ['"x"']),
    ('ETag ""', "ETag", []),
    ('Last-Modified ""', "Last-Modified", []),
    ('Last-Modified "Sun, 06 Nov 1994 08:49:37 GMT"', "Last-Modified", ["Sun, 06 Nov 1994 08:49:37 GMT"]),
    ('Last-Modified "lately"', "Last-Modified", ["lately"]),
    ("Content-Length 3", "Content-Length", ["11"]),
    ("Transfer-Encoding gzip", "Transfer-Encoding", []),
    ('X ""', "X", []),
    ("X $arg_none", "X", []),
    ("X a$arg_x", "X", ["a1"]),
    ('X "a\n    b"', "X", ["a b"]),
    ('X "a;\r\n\tb$arg_x\n"', "X", ["a; b1"]),
    ('X "\ta"', "X", ["a"]),
]


@pytest.mark.parametrize("added, name, values", OWN)
def test_fields_that_the_answer_has_itself(added, name, values):
    found = answers(f"add_header {added};", "/a.html?x=1", allow=[r"is not added"])[0]
    assert found.all(name) == values
    assert found.body == b"hello file\n"


def test_location_is_replaced_and_a_created_thing_has_one():
    found = answers("add_header Location /z; location /301 { return 301 /y; } location /201 { return 201 x; }", "/301", "/201")
    assert [(r.status, r.all("Location")) for r in found] == [(301, ["/z"]), (201, ["/z"])]


def test_a_range_is_asked_for_by_the_tag_that_was_sent():
    with serving(server="add_header ETag '\"x\"'; add_header A a;", files=FILES) as weir:
        assert weir.get("/a.html", "Range: bytes=0-1", 'If-Range: "x"').status == 206
        assert weir.get("/a.html", "Range: bytes=0-1", 'If-Range: "y"').status == 200


def test_variables_about_the_answer_are_known():
    found = answers("add_header S $status; add_header T $sent_http_content_type; add_header U $uri;", "/a.html", "/d")
    assert [(r.get("S"), r.get("T"), r.get("U")) for r in found] == [("200", "text/html", "/a.html"), ("301", "text/html", "/d")]


@pytest.mark.parametrize("byte", ["%0d%0a", "%0a", "%0d", "%01", "%7f"])
def test_nothing_that_a_client_sends_ends_a_field(byte):
    """A decoded path may hold any byte: the field that would hold it is left out, the others are there."""
    server = "add_header A a; add_header X $uri; add_trailer T $uri; add_trailer U u; location / { return 200 ok; }"
    with serving(server=server, files=FILES, allow=["would hold a control byte"]) as weir:
        found = weir.get(f"/x{byte}Evil:%20yes")
        assert (found.all("A"), found.all("X"), found.all("Evil"), found.trailers) == (["a"], [], [], [("U", "u")])
        assert found.text == "ok"
        weir.wait_log('the field "X" would hold a control byte and is left out')
        weir.wait_log('the field "T" would hold a control byte and is left out')


@pytest.mark.parametrize("name, byte", [("Content-Type", "%0a"), ("ETag", "%0d"), ("Last-Modified", "%0a"), ("Location", "%0d%0a")])
def test_nor_one_of_the_answer_s_own(name, byte):
    server = f"add_header {name} $uri; location / {{ return 200 ok; }}"
    with serving(server=server, files=FILES, allow=["would hold a control byte"]) as weir:
        assert weir.get(f"/x{byte}Evil:%20yes").all(name) == []


def test_fields_of_answers_on_one_connection():
    """The fields kept encoded are those of their own place alone."""
    server = "location /a { add_header A a; add_header AA aa; } location /d { add_header D $args; } location /n { return 200 n; }"
    with serving(server=server, files=FILES) as weir, weir.connect() as client:
        for target, fields in (("/a.html", [("A", "a"), ("AA", "aa")]), ("/d/index.html?q", [("D", "q")]), ("/n", [])) * 3:
            found = client.ask(request(target))
            assert [f for f in found.headers if f[0] in ("A", "AA", "D")] == fields


def test_many_and_long_fields():
    server = "".join(f"add_header X{i} {'v' * 120};" for i in range(60)) + "add_header V $arg_v;"
    found = answers(server, "/a.html?v=" + "w" * 900)[0]
    assert [len(found.get(f"X{i}")) for i in range(60)] == [120] * 60 and len(found.get("V")) == 900


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_head_that_is_too_large_is_refused(method):
    """A client's fields, told back to it twenty times."""
    server = "location /d/ { " + "".join(f"add_header X{i} $http_x;" for i in range(20)) + "}"
    with serving(server=server, files=FILES, allow=["head of the answer is too large"]) as weir, weir.connect() as client:
        large = request("/d/index.html", "X: " + 7000 * "x", method=method)
        fine = request("/d/index.html", "X: " + 3000 * "x", method=method)
        assert len(client.ask(fine, method).get("X19")) == 3000
        found = client.send(fine + large + fine).read(method)
        assert (found.status, len(found.get("X19"))) == (200, 3000)
        found = client.read(method)
        assert (found.status, found.all("X0"), found.get("Connection")) == (500, [], "close")
        client.expect_close(reset_is_fine=True)
        weir.wait_log("the head of the answer is too large")


@pytest.mark.parametrize("lines, text", [
    ("add_header A;", 'invalid number of arguments in "add_header" directive'),
    ("add_header A b c;", 'invalid parameter "c"'),
    ('add_header A b "";', 'invalid parameter ""'),
    ("add_header A b always c;", 'invalid number of arguments in "add_header" directive'),
    ('add_header "" b;', 'invalid field name ""'),
    ('add_header "A B" b;', 'invalid field name "A B"'),
    ("add_header A: b;", 'invalid field name "A:"'),
    ("add_header A \x01;", "a control byte in the value of a field"),
    ("add_header A $nobody_knows;", 'unknown "nobody_knows" variable'),
    ("add_header_inherit yes;", 'invalid value "yes" in "add_header_inherit" directive, it must be "on", "off" or "merge"'),
    ("add_trailer_inherit on; add_trailer_inherit on;", '"add_trailer_inherit" directive is duplicate'),
    ("add_trailer A b maybe;", 'invalid parameter "maybe"'),
])
def test_what_makes_no_sense(folder, lines, text):
    done, _ = check_conf(folder, f"events {{ }} http {{ server {{ listen 127.0.0.1:1; {lines} }} }}")
    assert done.returncode == 1 and text in done.stderr.split("\n")[0], done.stderr


@pytest.mark.parametrize("lines", ["add_header Content-Length 0;", "add_header transfer-encoding x;", "add_trailer Content-Type x;"])
def test_what_is_left_out_with_a_warning(folder, lines):
    done, _ = check_conf(folder, f"events {{ }} http {{ server {{ listen 127.0.0.1:1; {lines} }} }}")
    assert done.returncode == 0 and "[warn]" in done.stderr and "is not added" in done.stderr
