# SPDX-License-Identifier: BSD-2-Clause
"""Filters on top of one another: texts replaced, brought into another charset, framed by other answers, compressed, cut."""

import gzip

import pytest

from harness import request, serving

KOI = "charset_map koi8-r utf-8 { " + " ".join(f"{b:02X} {bytes([b]).decode('koi8-r').encode().hex().upper()};" for b in range(0xc0, 0x100)) + " }"
WORDS = "Съешь ещё этих булок, да выпей foo\n".replace("ё", "е")
PAGE = WORDS * 2000
SERVER = """
    types { text/html html; } gzip_min_length 1;
    location / { charset utf-8; source_charset koi8-r; sub_filter foo $arg_to; sub_filter_once off; add_before_body /parts/before.html; add_after_body /parts/after.html; gzip on; }
    location /parts/ { sub_filter part $uri; }
    location /plain/ { alias {prefix}/html/; }
    location /packed/ { alias {prefix}/html/; gzip_static always; gunzip on; sub_filter foo bar; add_after_body /parts/after.html; }
"""
FILES = {"html/a.html": PAGE.encode("koi8-r"), "html/parts/before.html": "<a part>", "html/parts/after.html": "<b part>", "html/empty.html": "",
         "html/p.html": "never read", "html/p.html.gz": gzip.compress(b"a foo b")}
WHOLE = ("<a /parts/before.html>" + PAGE.replace("foo", "tea") + "<b /parts/after.html>").encode()
TO = "/a.html?to=tea"


@pytest.fixture
def weir():
    with serving(http=KOI, server=SERVER, files=FILES) as weir:
        yield weir


def ask(client, *fields, **kwargs):
    return client.ask(request(TO, *fields, **kwargs), kwargs.get("method", "GET"))


@pytest.mark.parametrize("version", ["1.0", "1.1"])
@pytest.mark.parametrize("fields", [(), ("Accept-Encoding: gzip",)])
def test_all_at_once(weir, version, fields):
    packs = bool(fields) and version == "1.1"
    with weir.connect() as client:
        found = ask(client, *fields, version=version)
    assert found.get("Content-Encoding") == ("gzip" if packs else None)
    assert (gzip.decompress(found.body) if packs else found.body) == WHOLE
    assert found.get("Content-Type") == "text/html; charset=utf-8"
    assert [found.get(name) for name in ("ETag", "Last-Modified", "Content-Length", "Accept-Ranges")] == [None] * 4


def test_heads_parts_and_conditions(weir):
    with weir.connect() as client:
        whole = ask(client)
        head = ask(client, method="HEAD")
        assert head.body == b"" and [f for f in head.headers if f[0] != "Date"] == [f for f in whole.headers if f[0] not in ("Date", "Transfer-Encoding")]
        assert ask(client, "Range: bytes=0-1").body == WHOLE
        again = ask(client, "If-None-Match: *")
        assert again.status == 304 and again.body == b""
        assert client.ask(request("/empty.html")).body == b"<a /parts/before.html><b /parts/after.html>"
        assert client.ask(request("/plain/empty.html", "Range: bytes=0-1")).body == b""


def test_many_at_once_in_one_connection(weir):
    with weir.connect() as client:
        client.send((request(TO) + request(TO, "Accept-Encoding: gzip")) * 5)
        found = [client.read() for _ in range(10)]
    assert all(r.body == WHOLE for r in found[::2]) and all(gzip.decompress(r.body) == WHOLE for r in found[1::2])


def test_what_is_unpacked_is_text_again(weir):
    assert weir.get("/packed/p.html").body == b"a bar b<b /parts/after.html>"
    found = weir.get("/packed/p.html", "Accept-Encoding: gzip")
    assert found.get("Content-Encoding") == "gzip" and gzip.decompress(found.body) == b"a foo b"


def test_what_the_server_writes_itself():
    """A folder's list, a page for an error, a text of the conf file: none is special."""
    server = ("types { text/html html; } default_type text/html; sub_filter a.html [FILE]; sub_filter 'There is nothing' 'No page'; add_after_body /foot;"
              "location = /foot { return 200 '(a.html)'; } location /list/ { autoindex on; alias {prefix}/html/; } location /text { return 200 'see a.html'; }")
    with serving(server=server, files={"html/a.html": "x"}) as weir:
        found = weir.get("/list/")
        assert found.text.count("[FILE]") == 2 and found.text.endswith("([FILE])") and found.get("Content-Length") is None
        assert weir.get("/list/", method="HEAD").body == b""
        assert weir.get("/text").text == "see [FILE]([FILE])"
        assert weir.get("/foot").text == "([FILE])([FILE])"
        missing = weir.get("/none")
        assert missing.status == 404 and "No page at this" in missing.text and "FILE" not in missing.text


NOT_MODIFIED = [
    ("gzip on; gzip_vary on;", {"ETag": 'W/"6553f100-1b58"', "Vary": "Accept-Encoding"}), ("charset utf-8; source_charset koi8-r;", {"ETag": 'W/"6553f100-1b58"'}),
    ("charset utf-8;", {"ETag": '"6553f100-1b58"'}), ("add_after_body /parts/after.html;", {"ETag": 'W/"6553f100-1b58"'}),
    ("sub_filter a b; sub_filter_last_modified on;", {"ETag": 'W/"6553f100-1b58"'}), ("ssi on; ssi_last_modified on;", {"ETag": 'W/"6553f100-1b58"'}),
    ("sub_filter a b;", {"ETag": None, "Last-Modified": None}), ("ssi on;", {"ETag": None, "Last-Modified": None}),
    ("expires $by_type;", {"ETag": '"6553f100-1b58"', "Cache-Control": "max-age=3600"}),
]


@pytest.mark.parametrize("lines, said", NOT_MODIFIED)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_304_says_what_200_says(lines, said, method):
    """A cache finds by it what it has (RFC 9111 4.3.4), and nothing is said of the body."""
    http = KOI + "map $sent_http_content_type $by_type { ~^text/html 1h; default off; }"
    with serving(http=http, server=f"types {{ text/html html; }} {lines}") as weir:
        weir.write("html/a.html", "text a\n" * 1000, mtime=1_700_000_000)
        weir.write("html/parts/after.html", "x")
        for condition in ("If-None-Match: *", 'If-None-Match: "6553f100-1b58"', "If-Modified-Since: Tue, 14 Nov 2023 22:13:20 GMT"):
            whole = weir.get("/a.html", "Accept-Encoding: gzip", method=method)
            found = weir.get("/a.html", "Accept-Encoding: gzip", condition, method=method)
            assert found.status == 304 and {name: found.get(name) for name in said} == said == {name: whole.get(name) for name in said}
            hidden = ("Date", "Expires", "Transfer-Encoding", "Content-Length", "Content-Type", "Content-Encoding", "Accept-Ranges")
            assert [f for f in found.headers if f[0] not in hidden] == [f for f in whole.headers if f[0] not in hidden]
            assert [found.get(name) for name in hidden[2:]] == [None] * 5
