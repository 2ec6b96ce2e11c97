# SPDX-License-Identifier: BSD-2-Clause
"""sub_filter: texts replaced in answers on their way out. Which answers and which finds: test_beside_nginx_filters.py."""

import re

import pytest

from harness import request, run_weir, serving

TYPES = "types { text/html html; text/plain txt; } default_type text/html;"
READ = 16384        # the body is read in pieces of at most so many


def serve(lines, files, **kwargs):
    return serving(server=TYPES + lines, files=files, **kwargs)


@pytest.mark.parametrize("text", ["foo", "x", "a long text that may lie across two pieces of the body"])
@pytest.mark.parametrize("once", [True, False])
def test_finds_at_every_edge_of_a_piece(text, once):
    """A find, and what is nearly one, before, across and behind the place where a piece of the body ends, from a file and from memory."""
    edges = (0, *range(READ - len(text) - 1, READ + len(text) + 2, 3), 2 * READ - 2)
    bodies = {f"/{kind}{at}.html": "y" * at + nearly + text + "z" * 40 + text for at in edges for kind, nearly in enumerate(("", text[:-1] + "#"))}
    with serve(f"sub_filter '{text}' '<$uri>'; sub_filter_once {'on' if once else 'off'};",
               {"html" + name: body for name, body in bodies.items()}) as weir, weir.connect() as client:
        for name, body in bodies.items():
            expected = body.replace(text, f"<{name}>", 1 if once else -1).encode()
            for _ in range(3):
                assert client.ask(request(name)).body == expected


def test_a_replacement_may_be_longer_than_what_leaves_at_a_time():
    with serve("sub_filter_once off; sub_filter a $arg_r$arg_r$arg_r$arg_r$arg_r$arg_r$arg_r$arg_r;", {"html/a.html": "xaya"},
               ) as weir:
        long = "r" * 6000
        assert weir.get(f"/a.html?r={long}").text == f"x{long * 8}y{long * 8}"


def test_a_large_body():
    line = b"<p>one and two and three</p>\n"
    with serve("sub_filter and <b>; sub_filter three 3; sub_filter_once off;", {"html/a.html": line * 200_000}) as weir:
        assert weir.get("/a.html").body == line.replace(b"and", b"<b>").replace(b"three", b"3") * 200_000


def test_what_it_says_of_itself():
    with serve("sub_filter foo bar; location /l/ { sub_filter_last_modified on; alias {prefix}/html/; }", {"html/a.html": "foo"}) as weir:
        for version, method in (("1.1", "GET"), ("1.1", "HEAD"), ("1.0", "GET"), ("1.0", "HEAD")):
            found = weir.get("/a.html", method=method, version=version)
            assert [found.get(name) for name in ("Content-Length", "ETag", "Last-Modified", "Accept-Ranges")] == [None] * 4
            assert found.get("Transfer-Encoding") == ("chunked" if (version, method) == ("1.1", "GET") else None)
            assert found.body == (b"bar" if method == "GET" else b"")
        kept = weir.get("/l/a.html")
        assert re.fullmatch(r'W/"[0-9a-f]+-3"', kept.get("ETag")) and kept.get("Last-Modified")
        for field in (f"If-None-Match: {kept.get('ETag')}", f"If-Modified-Since: {kept.get('Last-Modified')}"):
            again = weir.get("/l/a.html", field)
            assert again.status == 304 and again.body == b"" and again.get("Content-Length") is None


def test_answers_one_behind_the_other():
    asks = [request("/a.html"), request("/a.html", method="HEAD"), request("/none"), request("/a.html", "If-None-Match: *"), request("/b.txt"),
            request("/a.html")]
    with serve("sub_filter foo bar; sub_filter 'nothing at this' 'no'; ", {"html/a.html": "a foo", "html/b.txt": "foo"}) as weir:
        with weir.connect() as client:
            client.send(b"".join(asks))
            found = [client.read("HEAD" if data.startswith(b"HEAD") else "GET") for data in asks]
        assert [r.status for r in found] == [200, 200, 404, 304, 200, 200]
        assert [found[i].body for i in (0, 1, 3, 4, 5)] == [b"a bar", b"", b"", b"foo", b"a bar"]
        assert b"There is no address." in found[2].body


def test_encoded_answers_stay_as_they_are():
    with serve("sub_filter foo bar; add_header Content-Encoding x;", {"html/a.html": "foo"}, error_level="debug") as weir:
        found = weir.get("/a.html")
        assert found.body == b"foo" and found.get("Content-Length") == "3" and found.get("ETag")
        weir.wait_log("sub_filter: the answer is encoded, and stays as it is")


def test_each_request_has_its_own_texts():
    with serve("sub_filter $arg_a $arg_b; sub_filter $arg_c-$arg_a $arg_d; sub_filter_once off;", {"html/t.html": "one two-one three"}) as weir:
        with weir.connect() as client:      # an empty argument makes "-one" of the second
            assert client.ask(request("/t.html?a=one&b=1")).body == b"1 two three"
            assert client.ask(request("/t.html?a=one&b=1&c=two&d=2")).body == b"1 2 three"
            assert client.ask(request("/t.html?a=three&b=")).body == b"one two-one "
            assert client.ask(request("/t.html?a=o&b=$uri")).body == b"$urine tw$urine three"


def test_a_stranger_s_text_costs_no_more_than_another():
    """A text of thousands of bytes that nearly is everywhere: a search that compares it at each place takes minutes."""
    size = 20_000_000
    with serve("sub_filter $arg_t x; sub_filter_once off; large_client_header_buffers 4 32k; client_header_buffer_size 32k;",
               {"html/a.html": b"a" * size}) as weir:
        found = weir.get("/a.html?t=" + "a" * 15000 + "b")
        assert found.body == b"a" * size


def test_a_file_that_is_cut_meanwhile_ends_the_answer_visibly():
    with serve("sub_filter foo bar;", {"html/a.html": b"y" * 8_000_000}, allow=["file was truncated"]) as weir, weir.connect(rcvbuf=4096) as client:
        client.send(request("/a.html"))
        client.read_head()
        (weir.prefix / "html" / "a.html").write_bytes(b"y" * 10)
        assert not client.read_rest().endswith(b"0\r\n\r\n")


def test_explain_tells_of_it(folder):
    (folder / "html").mkdir(exist_ok=True)
    (folder / "html" / "a.html").write_text("foo")
    (folder / "weir.conf").write_text("events { }\nhttp { server { listen 8080; root html;\nsub_filter foo bar;\n} }\n")
    done = run_weir(folder, "explain", "http://localhost:8080/a.html", "-p", str(folder), "-c", "weir.conf")
    assert "encoded" not in done.stdout
    assert re.search(r"sub_filter +texts in the answer are replaced, each once +weir.conf:3\n", done.stdout), done.stdout + done.stderr


def test_compressed_files_stay_as_they_are():
    with serve("sub_filter foo bar; gzip_static on;", {"html/a.html": "foo", "html/a.html.gz": b"\x1f\x8bfoo"}) as weir:
        found = weir.get("/a.html", "Accept-Encoding: gzip")
        assert found.body == b"\x1f\x8bfoo" and found.get("Content-Encoding") == "gzip"
        assert weir.get("/a.html").body == b"bar"
