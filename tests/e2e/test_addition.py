# SPDX-License-Identifier: BSD-2-Clause
"""add_before_body, add_after_body: answers to requests below in one answer. Which answers get them: test_beside_nginx_filters.py."""

import re

import pytest

from harness import request, run_weir, serving

TYPES = "types { text/html html; text/plain txt; } default_type text/html;"
FILES = {"html/a.html": "the page\n", "html/before.html": "before\n", "html/after.html": "after\n", "html/empty.html": ""}
BOTH = "add_before_body /before.html; add_after_body /after.html;"


def serve(lines, files=None, **kwargs):
    return serving(server=TYPES + lines, files={**FILES, **(files or {})}, **kwargs)


def test_what_it_says_of_itself():
    with serve(BOTH) as weir:
        for version, method in (("1.1", "GET"), ("1.1", "HEAD"), ("1.0", "GET"), ("1.0", "HEAD")):
            found = weir.get("/a.html", method=method, version=version)
            assert found.get("Content-Length") is None and found.get("Accept-Ranges") is None
            assert re.fullmatch(r'W/"[0-9a-f]+-9"', found.get("ETag")) and found.get("Last-Modified")
            assert found.body == (b"before\nthe page\nafter\n" if method == "GET" else b"")
        again = weir.get("/a.html", f"If-None-Match: {found.get('ETag')}")
        assert again.status == 304 and again.body == b""
        assert weir.get("/a.html", "Range: bytes=0-1").status == 200


def test_answers_one_behind_the_other():
    asks = [request("/a.html"), request("/a.html", method="HEAD"), request("/none"), request("/a.html", "If-None-Match: *"), request("/a.html")]
    with serve(BOTH) as weir, weir.connect() as client:
        client.send(b"".join(asks))
        found = [client.read("HEAD" if data.startswith(b"HEAD") else "GET") for data in asks]
        assert [r.status for r in found] == [200, 200, 404, 304, 200]
        assert found[0].body == found[4].body == b"before\nthe page\nafter\n" and found[1].body == b""


@pytest.mark.parametrize("size", [0, 1, 16384, 100_000, 3_000_000])
def test_bodies_of_all_sizes(size):
    one, two, three = (bytes([c]) * size + bytes([c + 1]) for c in b"adg")
    with serve(BOTH, {"html/before.html": one, "html/a.html": two, "html/after.html": three}) as weir:
        for _ in range(3):
            assert weir.get("/a.html").body == one + two + three


def test_an_answer_below_that_has_to_wait():
    """The second request in a second waits for its turn: then the one above waits, and others are served meanwhile."""
    with serve("location /slow/ { limit_req zone=z burst=9; alias {prefix}/html/; } location = /a.html { add_before_body /slow/before.html;"
               "add_after_body /slow/after.html; } location = /list { connections public; }"
               "location = /b.html { add_after_body /list; alias {prefix}/html/a.html; }", http="limit_req_zone all zone=z:64k rate=5r/s;",
               workers=2) as weir:
        with weir.connect() as client, weir.connect() as other:
            client.send(request("/a.html") + request("/a.html"))
            assert other.ask(request("/empty.html")).body == b""
            assert client.read().body == client.read().body == b"before\nthe page\nafter\n"
        assert re.fullmatch(rb"the page\n.*127\.0\.0\.1.*", weir.get("/b.html").body, re.S)


def test_a_client_that_leaves_while_an_answer_below_waits():
    with serve("location /slow/ { limit_req zone=z burst=9; alias {prefix}/html/; } location = /a.html { add_before_body /slow/before.html;"
               "add_after_body /slow/after.html; }", http="limit_req_zone all zone=z:64k rate=1r/s;") as weir:
        with weir.connect() as client:
            client.send(request("/a.html"))
            client.read_head()
        assert weir.get("/before.html").body == b"before\n"


def test_addresses():
    """A query, variables, and one that a variable makes unsafe: then the answer is cut, and the log says why."""
    with serve("location = /q { return 200 '[$uri|$args|$arg_x]'; } location /v { add_before_body /$arg_n.html; alias {prefix}/html/a.html; }"
               "location /x { add_after_body /q?x=$arg_n&y; alias {prefix}/html/a.html; }") as weir:
        assert weir.get("/v?n=before").text == "before\nthe page\n"
        assert weir.get("/x?n=1").text == "the page\n[/q|x=1&y|1]"
        with weir.connect() as client:
            client.send(request("/v?n=../../a"))
            assert b"the page" not in client.read_rest()
        weir.wait_log(r'\[error\] .*unsafe URI "/../../a.html" of "add_before_body"')


def test_an_answer_below_is_filtered_as_where_it_is():
    with serve(BOTH + "sub_filter page P; sub_filter before main; location = /before.html { sub_filter before B; } location = /after.html { gzip_static off; }") as weir:
        assert weir.get("/a.html").text == "B\nthe P\nafter\n"


def test_an_answer_below_adds_nothing_of_its_own():
    with serve(BOTH) as weir:           # which hold for before.html, too
        assert weir.get("/a.html").text == "before\nthe page\nafter\n"
        assert weir.get("/before.html").text == "before\nbefore\nafter\n"


def test_encoded_answers_stay_as_they_are():
    with serve(BOTH + "add_header Content-Encoding x; gzip_static on; location /gz/ { alias {prefix}/html/; add_header X y; }",
               {"html/a.html.gz": b"\x1f\x8bpage"}) as weir:
        assert weir.get("/a.html").body == b"the page\n"
        assert weir.get("/gz/a.html", "Accept-Encoding: gzip").body == b"\x1f\x8bpage"
        assert weir.get("/gz/a.html").body == b"before\nthe page\nafter\n"


def test_a_file_that_is_cut_meanwhile_ends_the_answer_visibly():
    with serve(BOTH, {"html/before.html": b"y" * 8_000_000}, allow=["file was truncated"]) as weir, weir.connect(rcvbuf=4096) as client:
        client.send(request("/a.html"))
        client.read_head()
        (weir.prefix / "html" / "before.html").write_bytes(b"y" * 10)
        assert not client.read_rest().endswith(b"0\r\n\r\n")


def test_explain_tells_of_them(folder):
    (folder / "html").mkdir(exist_ok=True)
    (folder / "html" / "a.html").write_text("page")
    (folder / "weir.conf").write_text("events { }\nhttp { server { listen 8080; root html;\nadd_before_body /a.html;\nadd_after_body /none; } }\n")
    done = run_weir(folder, "explain", "http://localhost:8080/a.html", "-p", str(folder), "-c", "weir.conf")
    assert re.search(r"add_before_body +/a.html +weir.conf:3\n", done.stdout), done.stdout + done.stderr
    assert re.search(r"subrequest +/none is answered with 404", done.stdout)
