# SPDX-License-Identifier: BSD-2-Clause
"""gzip_static, brotli_static, zstd_static: what lies compressed beside a file, and who gets it."""

import itertools
import os
import re

import pytest

from harness import request, run_weir, wait_until

MTIME = 1_700_000_000
PLAIN = b"the file itself\n"
SUFFIXES = {"br": ".br", "zstd": ".zst", "gzip": ".gz"}
ORDER = ["br", "zstd", "gzip"]
EXISTING = [subset for n in range(4) for subset in itertools.combinations(ORDER, n)]
# Accept-Encoding: encodings in the order in which the client likes them, those in one set alike
ACCEPTS = {
    None: [], "": [], "gzip": [{"gzip"}], "br": [{"br"}], "zstd": [{"zstd"}], "x-gzip": [{"gzip"}], "GZIP": [{"gzip"}],
    "gzip, deflate": [{"gzip"}], "gzip, deflate, br": [{"gzip", "br"}], "gzip, deflate, br, zstd": [{"gzip", "br", "zstd"}],
    "zstd, gzip;q=0.9, br;q=0.1": [{"zstd"}, {"gzip"}, {"br"}], "br;q=0, *": [{"zstd", "gzip"}], "*": [{"br", "zstd", "gzip"}],
    "*;q=0": [], "gzip;q=0.5, *;q=0.4": [{"gzip"}, {"br", "zstd"}], "identity, *;q=0.9": [], "deflate, identity": [],
    "br;q=2, zstd;x=1, gzip": [{"gzip"}], "identity;q=0": [],
}


def content(encoding):
    return f"packed by {encoding}\n".encode()


def names(subset):
    return "f-" + "-".join(subset) + ".txt"


@pytest.fixture(scope="module")
def files():
    made = {}
    for subset in EXISTING:
        made["html/" + names(subset)] = PLAIN
        for encoding in subset:
            made["html/" + names(subset) + SUFFIXES[encoding]] = content(encoding)
    return made


def best(accept, existing, order=ORDER):
    for alike in ACCEPTS[accept]:
        for encoding in order:
            if encoding in alike and encoding in existing:
                return encoding
    return None


def fields_of(accept):
    return [] if accept is None else [f"Accept-Encoding: {accept}"]


@pytest.mark.parametrize("vary", ["on", "off"])
@pytest.mark.parametrize("order", [ORDER, ["gzip", "zstd", "br"]], ids=["usual", "turned"])
def test_every_combination(weir, files, order, vary):
    turned = "" if order is ORDER else f"encoding_order {' '.join(order[:2])};"
    server = weir(server=f"gzip_static on; brotli_static on; zstd_static on; gzip_vary {vary}; {turned}"
                         "types { text/x-own txt; application/gzip gz; }", files=files)
    with server.connect() as client:
        for existing, accept in itertools.product(EXISTING, ACCEPTS):
            response = client.ask(request("/" + names(existing), *fields_of(accept)))
            encoding = best(accept, existing, order)
            assert response.body == (content(encoding) if encoding else PLAIN), (existing, accept)
            assert response.get("Content-Encoding") == encoding
            assert response.get("Content-Type") == "text/x-own"
            assert response.get("Vary") == ("Accept-Encoding" if existing and vary == "on" else None), (existing, accept)
            assert response.get("Accept-Ranges") == "bytes"


def test_always_is_for_those_who_take_nothing_else(weir, files):
    server = weir(server="gzip_static always; brotli_static on; zstd_static always; gzip_vary on;", files=files)
    with server.connect() as client:
        for existing, accept in itertools.product(EXISTING, ACCEPTS):
            encoding = best(accept, existing) or best("gzip, deflate, br, zstd", set(existing) - {"br"})
            response = client.ask(request("/" + names(existing), *fields_of(accept)))
            assert response.body == (content(encoding) if encoding else PLAIN), (existing, accept)
            assert response.get("Content-Encoding") == encoding


def test_the_only_form_does_not_vary(weir):
    server = weir(server="gzip_static always; gzip_vary on;", files={"html/a.gz": b"x"})
    for fields in ([], ["Accept-Encoding: gzip"]):
        response = server.get("/a", *fields)
        assert response.get("Vary") is None and response.get("Content-Encoding") == "gzip"


@pytest.fixture
def server(weir):
    made = weir(server="gzip_static on; types { text/plain txt; application/gzip gz; } location /v10/ { gzip_http_version 1.0; alias {prefix}/html/; }"
                       "location /always/ { gzip_static always; alias {prefix}/html/; }"
                       "location ~ ^/re/(.*)$ { alias {prefix}/html/$1; } location /off/ { gzip_static off; alias {prefix}/html/; }"
                       "location /page { error_page 404 /a.txt; } location /asis { error_page 404 =200 /a.txt; }"
                       "location /try/ { try_files /none /a.txt =404; } location /d/ { index a.txt; alias {prefix}/html/; }"
                       "location /untagged/ { etag off; max_ranges 0; alias {prefix}/html/; } location /vars/ { default_type text/$arg_t; types { } alias {prefix}/html/; }"
                       "location /below/ { auth_request /auth.txt; alias {prefix}/html/; }",
                  files={"html/a.txt": PLAIN, "html/only.txt.gz": b"packed", "html/folder.txt": PLAIN, "html/empty.txt": PLAIN,
                         "html/empty.txt.gz": b"", "html/auth.txt": PLAIN, "html/auth.txt.gz": b"packed"})
    made.write("html/a.txt", PLAIN, mtime=MTIME)
    made.write("html/a.txt.gz", b"packed", mtime=MTIME + 1)
    (made.prefix / "html/folder.txt.gz").mkdir()
    return made


GZIP = "Accept-Encoding: gzip"


def test_dates_tags_and_lengths_are_those_of_the_packed(server):
    response = server.get("/a.txt", GZIP)
    assert response.headers[-6:] == [
        ("Content-Type", "text/plain"), ("Content-Encoding", "gzip"), ("Content-Length", "6"), ("Last-Modified", "Tue, 14 Nov 2023 22:13:21 GMT"),
        ("ETag", '"6553f101-6"'), ("Accept-Ranges", "bytes")]
    head = server.get("/a.txt", GZIP, method="HEAD")
    assert head.headers[1:] == response.headers[1:] and head.body == b""


@pytest.mark.parametrize("target, fields, status, body, encoding", [
    ("/a.txt", ["Range: bytes=1-2"], 206, b"ac", "gzip"),
    ("/a.txt", ["Range: bytes=9-"], 416, None, None),
    ("/a.txt", ['If-None-Match: "6553f101-6"'], 304, b"", None),
    ("/a.txt", ['If-None-Match: "6553f100-10"'], 200, b"packed", "gzip"),
    ("/a.txt", ["If-Modified-Since: Tue, 14 Nov 2023 22:13:21 GMT"], 304, b"", None),
    ("/a.txt", ['If-Match: "x"'], 412, None, None),
    ("/a.txt", ["Range: bytes=0-1", 'If-Range: "6553f101-6"'], 206, b"pa", "gzip"),
    ("/a.txt", ["Range: bytes=0-1", 'If-Range: "6553f100-10"'], 200, b"packed", "gzip"),
    ("/a.txt.gz", [], 200, b"packed", None),
    ("/only.txt", [], 200, b"packed", "gzip"),
    ("/empty.txt", [], 200, b"", "gzip"),
    ("/folder.txt", [], 200, PLAIN, None),
    ("/off/a.txt", [], 200, PLAIN, None),
    ("/re/a.txt", [], 200, b"packed", "gzip"),
    ("/d/", [], 200, b"packed", "gzip"),
    ("/try/x", [], 200, b"packed", "gzip"),
    ("/page", [], 404, b"packed", "gzip"),
    ("/asis", [], 200, b"packed", "gzip"),
    ("/untagged/a.txt", [], 200, b"packed", "gzip"),
    ("/vars/a.txt?t=y", [], 200, b"packed", "gzip"),
    ("/below/a.txt", [], 200, b"packed", "gzip"),
    ("/none.txt", [], 404, None, None),
])
def test_whoever_takes_gzip(server, target, fields, status, body, encoding):
    for _ in range(4):                                  # the third of a file comes from memory
        response = server.get(target, GZIP, *fields)
        assert (response.status, response.get("Content-Encoding")) == (status, encoding)
        assert body is None or response.body == body


def test_one_file_under_two_names_has_two_heads(server):
    with server.connect() as client:
        for _ in range(5):
            packed = client.ask(request("/a.txt", GZIP))
            itself = client.ask(request("/a.txt.gz", GZIP))
            assert packed.body == itself.body == b"packed"
            assert (packed.get("Content-Encoding"), itself.get("Content-Encoding")) == ("gzip", None)
            assert (packed.get("Content-Type"), itself.get("Content-Type")) == ("text/plain", "application/gzip")


def test_what_is_asked_of_a_client(server):
    with server.connect() as client:
        assert client.ask(request("/a.txt")).body == PLAIN
        assert client.ask(request("/only.txt")).status == 404
        assert client.ask(request("/only.txt", GZIP, method="POST")).status == 404
        assert client.ask(request("/a.txt", GZIP, method="POST")).status == 405
        assert client.ask(request("/always/only.txt")).body == b"packed"
    assert server.get("/a.txt", GZIP, version="1.0").body == PLAIN
    assert server.get("/v10/a.txt", GZIP, version="1.0").body == b"packed"


def test_lines_of_accept_encoding_are_one_list(server):
    assert server.get("/a.txt", "Accept-Encoding: br", "Accept-Encoding: gzip").body == b"packed"


def test_pipelined(server):
    with server.connect() as client:
        client.send(request("/a.txt", GZIP) + request("/a.txt") + request("/a.txt", GZIP, method="HEAD") + request("/folder.txt", GZIP))
        assert [client.read(method).body for method in ("GET", "GET", "HEAD", "GET")] == [b"packed", PLAIN, b"", PLAIN]


def test_it_comes_and_goes(server):
    with server.connect() as client:
        for n in range(5):
            server.replace("html/a.txt.gz", b"packed anew %d" % n)
            assert client.ask(request("/a.txt", GZIP)).body == b"packed anew %d" % n
            (server.prefix / "html/a.txt.gz").unlink()
            assert client.ask(request("/a.txt", GZIP)).body == PLAIN


def test_remembered_where_open_file_cache_says_so(weir):
    server = weir(server="gzip_static on; open_file_cache max=100; open_file_cache_valid 1h; open_file_cache_errors on;",
                  files={"html/a": PLAIN, "html/b": PLAIN, "html/b.gz": b"packed"})
    with server.connect() as client:
        assert client.ask(request("/a", GZIP)).body == PLAIN
        assert client.ask(request("/b", GZIP)).body == b"packed"
        server.write("html/a.gz", b"packed")
        (server.prefix / "html/b.gz").unlink()
        assert client.ask(request("/a", GZIP)).body == PLAIN
        assert client.ask(request("/b", GZIP)).body == b"packed"


@pytest.mark.parametrize("symlinks, body", [("off", b"packed"), ("on from={prefix}", PLAIN), ("if_not_owner from={prefix}", b"packed")])
def test_symlinks_are_followed_or_not(weir, symlinks, body):
    server = weir(main="sandbox_allow_read {prefix}/else;", server=f"gzip_static on; disable_symlinks {symlinks};", files={"html/a": PLAIN, "else/a.gz": b"packed"},
                  allow=["Too many levels"] if symlinks.startswith("on") else [])
    (server.prefix / "html/a.gz").symlink_to(server.prefix / "else/a.gz")
    assert server.get("/a", GZIP).body == body
    assert ("Too many levels" in server.log_text()) == symlinks.startswith("on")


def test_a_link_that_leads_nowhere_is_no_file(server):
    (server.prefix / "html/link.txt.gz").symlink_to("nowhere")
    server.write("html/link.txt", PLAIN)
    assert server.get("/link.txt", GZIP).body == PLAIN


def test_a_fifo_holds_nobody_up(server):
    os.mkfifo(server.prefix / "html/fifo.txt.gz")
    server.write("html/fifo.txt", PLAIN)
    assert server.get("/fifo.txt", GZIP).body == PLAIN


def test_long_names(server):
    name = "n" * 252
    server.write(f"html/{name}", PLAIN)                 # with ".gz" it is as long as a name can be
    assert server.get(f"/{name}", GZIP).body == PLAIN
    server.write(f"html/{name}.gz", b"packed")
    assert server.get(f"/{name}", GZIP).body == b"packed"
    server.write(f"html/{name}abc", PLAIN)
    assert server.get(f"/{name}abc", GZIP).body == PLAIN


@pytest.mark.parametrize("before, vary", [
    ("add_header Vary Origin;", "Origin, Accept-Encoding"),
    ("add_header Vary Origin; add_header Vary Cookie;", "Origin, Cookie, Accept-Encoding"),
    ("add_header Vary 'Origin, accept-encoding';", "Origin, accept-encoding"),
    ("add_header Vary *;", "*"),
    ("add_header X y;", "Accept-Encoding"),
    ("", "Accept-Encoding"),
])
def test_vary_stands_once(weir, before, vary):
    server = weir(server=f"gzip_static on; gzip_vary on; {before}", files={"html/a": PLAIN, "html/a.gz": b"packed", "html/b": PLAIN})
    with server.connect() as client:
        for fields in ([GZIP], []):
            response = client.ask(request("/a", *fields))
            assert response.get("Vary") == vary
            assert client.ask(request("/a", *fields, f"If-None-Match: {response.get('ETag')}")).get("Vary") == vary
        assert client.ask(request("/b", GZIP)).all("Vary") == re.findall(r"Vary '?([^';]+)", before)


def test_an_error_varies_too(weir):
    server = weir(server="gzip_static on; gzip_vary on;", files={"html/a.gz": b"packed"})
    assert server.get("/a").status == 404 and server.get("/a").get("Vary") == "Accept-Encoding"
    assert server.get("/none").get("Vary") is None


def test_variables_and_logs_know_the_encoding(weir):
    server = weir(http='log_format e "[$sent_http_content_encoding] $request_filename";',
                  server="gzip_static on; access_log logs/e.log e;", files={"html/a": PLAIN, "html/a.gz": b"packed"})
    server.get("/a", GZIP)
    server.get("/a")
    wait_until(lambda: len(server.access_lines("e.log")) == 2)
    assert server.access_lines("e.log") == [f"[gzip] {server.prefix}/html/a", f"[-] {server.prefix}/html/a"]


def test_packed_bytes_are_not_converted(weir):
    server = weir(http="charset_map koi8-r utf-8 { C0 D18E; }",
                  server="gzip_static on; charset utf-8; location /koi/ { source_charset koi8-r; alias {prefix}/html/; }",
                  files={"html/a.txt": b"\xc0", "html/a.txt.gz": b"\xc0\xc0"})
    response = server.get("/koi/a.txt", GZIP)
    assert (response.body, response.get("Content-Type")) == (b"\xc0\xc0", "text/plain")
    assert server.get("/koi/a.txt").body == "ю".encode()
    assert server.get("/a.txt", GZIP).get("Content-Type") == "text/plain; charset=utf-8"


def test_explained(weir):
    server = weir(server="gzip_static on; brotli_static on; gzip_http_version 1.1;", files={"html/a": PLAIN})
    server.write("html/a", PLAIN, mtime=MTIME + 5)
    server.write("html/a.gz", b"packed", mtime=MTIME)
    told = run_weir(server.prefix, "explain", "/a", "-p", str(server.prefix), "-c", str(server.conf_path), "-H", "Accept-Encoding: gzip, br").stdout
    for text in (f"there is no {server.prefix}/html/a.br", f"{server.prefix}/html/a.gz is there",
                 f"it is older than {server.prefix}/html/a"):
        assert text in told
