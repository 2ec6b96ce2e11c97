# SPDX-License-Identifier: BSD-2-Clause
"""gzip, brotli, zstd: what is compressed while it is sent; Python's gzip and the tools brotli and zstd read it."""

import gzip
import itertools
import json
import os
import pathlib
import re
import shutil
import subprocess
import time

import pytest

from harness import request, run_weir, serving, wait_until

NAMES = {"gzip": "gzip", "br": "brotli", "zstd": "zstd"}     # of the encoding: the directive
LEVELS = [("gzip", level) for level in range(1, 10)] + [("br", level) for level in range(12)] \
    + [("zstd", level) for level in range(1, 23)]
TOOLS = {"br": ["brotli", "-dc"], "zstd": ["zstd", "-dcq", "--no-check"]}
WORDS = "Eins zwei drei, vier fünf sechs sieben; in der Schule wird geschrieben. "


def prose(size):
    """Text that repeats, but never quite."""
    text = "".join(f"{WORDS[i % 60:]}{i * 7919 % 104729}\n" for i in range(size // 30 + 1))
    return text.encode()[:size]


SMALL, MEDIUM, LARGE = prose(700), prose(60_000), prose(3_000_000)
NOISE = os.urandom(30_000)
TYPES = "types { text/html html; text/plain txt; application/json json; image/png png; }"
FILES = {"html/s.txt": SMALL, "html/m.txt": MEDIUM, "html/m.html": MEDIUM, "html/l.txt": LARGE, "html/n.txt": NOISE, "html/e.txt": b"",
         "html/m.png": MEDIUM, "html/m.json": MEDIUM}


def decode(encoding, body):
    if encoding is None:
        return body
    if encoding == "gzip":
        return gzip.decompress(body)
    if shutil.which(TOOLS[encoding][0]) is None:
        pytest.skip(f"there is no {TOOLS[encoding][0]}")
    return subprocess.run(TOOLS[encoding], input=body, capture_output=True, check=True).stdout


def built(encoding):
    said = run_weir(pathlib.Path("/"), "-V").stderr
    return encoding == "gzip" or re.search(rf"\b{NAMES[encoding]} none\b", said) is None


each_encoding = pytest.mark.parametrize("encoding", [pytest.param(e, marks=pytest.mark.skipif(not built(e), reason="not built in")) for e in NAMES])


def on(*encodings, types="text/plain application/json", more=""):
    """The lines that turn encodings on."""
    return TYPES + more + "".join(f"{NAMES[e]} on; {NAMES[e]}_types {types};" for e in encodings)


def accept(encoding, *more):
    return (f"Accept-Encoding: {encoding}", *more)


STATUS = "location = /status { gzip off; status; }"


def counters(weir):
    return json.loads(weir.get("/status?format=json").body)["sum"]


# ---- every level, every size

@pytest.mark.parametrize("encoding, level", [(e, n) for e, n in LEVELS if built(e)])
def test_each_level_gives_what_it_took(encoding, level):
    """In one go, and piece by piece; anew, as the files are young, and as HEAD."""
    large = LARGE if level < (10 if encoding == "br" else 17) else LARGE[:200_000]
    with serving(server=on(encoding, more=f"{NAMES[encoding]}_comp_level {level};"), files=dict(FILES, **{"html/l.txt": large})) as weir:
        for name, text in (("/s.txt", SMALL), ("/m.txt", MEDIUM), ("/l.txt", large)):
            found = weir.get(name, *accept(encoding))
            assert found.get("Content-Encoding") == encoding
            assert decode(encoding, found.body) == text
            assert found.get("ETag").startswith('W/"') and found.get("Last-Modified") and found.get("Accept-Ranges") is None
            assert len(found.body) < len(text) * 0.7


@each_encoding
def test_all_lengths_around_the_least_and_none_that_grows(encoding):
    texts = {size: (b"ab" * 40)[:size] for size in range(71)}
    with serving(server=on(encoding, more=f"{NAMES[encoding]}_min_length 30; "), files={f"html/{n}.txt": t for n, t in texts.items()}) as weir, \
            weir.connect() as client:
        for size, text in texts.items():
            found = client.ask(request(f"/{size}.txt", *accept(encoding)))
            used = found.get("Content-Encoding")
            assert decode(used, found.body) == text
            assert int(found.get("Content-Length")) == len(found.body) <= size
            assert used is None or size >= 30
            assert used is not None or size < 60 or encoding == "gzip" and size < 64
            assert found.get("ETag").startswith('W/"' if used else '"') and (found.get("Accept-Ranges") is None) == (used is not None)


@each_encoding
def test_what_cannot_be_compressed_is_sent_as_it_is(encoding):
    with serving(server=on(encoding, more="gzip_vary on;"), files=FILES) as weir:
        for _ in range(2):
            found = weir.get("/n.txt", *accept(encoding))
            assert (found.get("Content-Encoding"), found.body, found.get("Vary")) == (None, NOISE, "Accept-Encoding")
            assert found.get("Accept-Ranges") == "bytes" and found.get("ETag").startswith('"')
        assert weir.get("/n.txt", *accept(encoding, "Range: bytes=5-9")).body == NOISE[5:10]
        assert weir.get("/e.txt", *accept(encoding)).get("Content-Encoding") is None


# ---- which answers, and for whom

# Lines, what is asked for, fields: whether it is compressed.
WHICH = [
    ("", "/m.txt", "gzip", True), ("", "/m.txt", "x-gzip", True), ("", "/m.txt", "GZIP;q=0.1", True), ("", "/m.txt", "*", True),
    ("", "/m.txt", "gzip;q=0", False), ("", "/m.txt", "identity", False), ("", "/m.txt", "", False), ("", "/m.txt", "deflate", False),
    ("", "/m.txt", "identity;q=1, gzip;q=0.5", False), ("", "/m.html", "gzip", True), ("", "/m.png", "gzip", False), ("", "/m.json", "gzip", True),
    ("location /m { gzip_types *; }", "/m.png", "gzip", True), ("location /m { gzip off; }", "/m.txt", "gzip", False),
    ("location / { if ($arg_off) { gzip off; } }", "/m.txt?off=1", "gzip", False), ("location / { if ($arg_off) { gzip off; } }", "/m.txt", "gzip", True),
    ("location /m { add_header Content-Encoding x; }", "/m.txt", "gzip", False), ("charset utf-8;", "/m.txt", "gzip", True),
    ("location /m { gzip_min_length 60001; }", "/m.txt", "gzip", False), ("location /m { gzip_min_length 60000; }", "/m.txt", "gzip", True),
    ("location /m { gzip_http_version 1.0; }", "/m.txt", "gzip", True),
    ("gzip_disable Robot;", "/m.txt", "gzip", True),
]


@pytest.mark.parametrize("lines, target, takes, compressed", WHICH)
def test_which_answers_are_compressed(lines, target, takes, compressed):
    with serving(server=on("gzip", more=lines), files=FILES) as weir:
        found = weir.get(target, *accept(takes))
        other = "x" if "Content-Encoding" in lines else None
        assert found.get("Content-Encoding") == ("gzip" if compressed else other)
        assert decode("gzip" if compressed else None, found.body) == MEDIUM


@pytest.mark.parametrize("status, compressed", [(200, True), (201, False), (400, False), (403, True), (404, True), (410, False), (500, False), (503, False)])
def test_which_statuses_are_compressed(status, compressed):
    text = "a text that is long enough, a text that is long enough, a text that is long enough"
    lines = f"location /text {{ default_type text/plain; return {status} '{text}'; }} location /page {{ return {status}; }}"
    if status >= 400:
        lines += f"location /own {{ error_page {status} /m.html; return {status}; }}"
    with serving(server=on("gzip", more=lines), files=FILES) as weir:
        text_ = weir.get("/text", *accept("gzip"))
        assert (text_.status, text_.get("Content-Encoding")) == (status, "gzip" if compressed else None)
        assert decode(text_.get("Content-Encoding"), text_.body) == text.encode()
        if status >= 400:
            page, own = weir.get("/page", *accept("gzip")), weir.get("/own", *accept("gzip"))
            assert [p.get("Content-Encoding") for p in (page, own)] == ["gzip" if compressed else None] * 2
            assert decode(page.get("Content-Encoding"), page.body).startswith(b"<!DOCTYPE html>")
            assert (own.status, decode(own.get("Content-Encoding"), own.body)) == (status, MEDIUM)


def test_the_client_s_weights_and_the_server_s_order_choose():
    all_ = [e for e in NAMES if built(e)]
    with serving(server=on(*all_, more="location /g { alias {prefix}/html/; brotli off; zstd off; }"), files=FILES) as weir:
        def used(takes, target="/m.txt"):
            found = weir.get(target, *accept(takes))
            assert decode(found.get("Content-Encoding"), found.body) == MEDIUM
            return found.get("Content-Encoding")
        assert used("gzip, deflate, br, zstd") == all_[1] if len(all_) > 1 else "gzip"
        assert used("gzip, deflate, br, zstd", "/g/m.txt") == "gzip"
        for one, two in itertools.permutations(all_, 2):
            assert used(f"{one};q=0.5, {two};q=0.4") == one
        assert used("br;q=0, zstd;q=0, *;q=0.1") == "gzip"


def test_vary_is_said_to_those_who_get_it_as_it_is_too():
    with serving(server=on("gzip", more="gzip_vary on; add_header X x;"), files=FILES) as weir:
        for takes in ("gzip", "identity"):
            assert [weir.get(name, *accept(takes)).get("Vary") for name in ("/m.txt", "/m.png")] == ["Accept-Encoding", None]
        assert weir.get("/l.txt", *accept("gzip")).get("Vary") == "Accept-Encoding"
        assert weir.get("/m.txt").get("X") == "x"


# ---- HEAD, 304, ranges, versions, pipelines

@each_encoding
@pytest.mark.parametrize("name", ["/s.txt", "/m.txt", "/l.txt", "/n.txt", "/none"])
def test_head_has_the_fields_of_get(encoding, name):
    with serving(server=on(encoding, more="gzip_vary on;"), files=FILES) as weir, weir.connect() as client:
        for _ in range(2):
            head = client.ask(request(name, *accept(encoding), method="HEAD"), method="HEAD")
            get = client.ask(request(name, *accept(encoding)))
            assert [(n, v) for n, v in head.headers if n not in ("Date", "Transfer-Encoding")] \
                == [(n, v) for n, v in get.headers if n not in ("Date", "Transfer-Encoding")]
            assert head.body == b""


def test_conditions_hold_for_the_weak_tag():
    with serving(server=on("gzip"), files=FILES) as weir:
        tag = weir.get("/m.txt", *accept("gzip")).get("ETag")
        assert tag == "W/" + weir.get("/m.txt").get("ETag")
        again = weir.get("/m.txt", *accept("gzip", f"If-None-Match: {tag}"))
        assert (again.status, again.body, again.get("Content-Encoding")) == (304, b"", None)
        assert weir.get("/m.txt", *accept("gzip", 'If-None-Match: W/"x"')).status == 200
        assert weir.get("/m.txt", *accept("gzip", f"If-Match: {tag}")).status == 412


@pytest.mark.parametrize("name", ["/m.txt", "/l.txt"])
def test_parts_cannot_be_asked_for(name):
    with serving(server=on("gzip"), files=FILES) as weir:
        found = weir.get(name, *accept("gzip", "Range: bytes=0-99"))
        assert (found.status, gzip.decompress(found.body)) == (200, FILES["html" + name])
        assert weir.get(name, "Range: bytes=3-9").body == FILES["html" + name][3:10]


@pytest.mark.parametrize("name", ["/m.txt", "/l.txt"])
def test_http_1_0(name):
    with serving(server=on("gzip", more="location /old/ { gzip_http_version 1.0; alias {prefix}/html/; }"), files=FILES) as weir:
        assert weir.get(name, *accept("gzip"), version="1.0").get("Content-Encoding") is None
        found = weir.get("/old" + name, *accept("gzip"), version="1.0")
        assert gzip.decompress(found.body) == FILES["html" + name] and found.get("Transfer-Encoding") is None
        assert (found.get("Content-Length") is None) == (name == "/l.txt")


@each_encoding
def test_pipelined(encoding):
    targets = ["/m.txt", "/l.txt", "/n.txt", "/m.png", "/s.txt", "/l.txt", "/none", "/m.txt"]
    with serving(server=on(encoding), files=FILES) as weir, weir.connect() as client:
        client.send(b"".join(request(t, *accept(encoding)) for t in targets))
        for target in targets:
            found = client.read()
            text = decode(found.get("Content-Encoding"), found.body)
            assert text == FILES["html" + target] if target != "/none" else b"404" in text


# ---- with other filters

def test_texts_that_were_converted_are_compressed():
    text = "Съешь же ещё этих мягких французских булок, да выпей чаю! " * 300
    koi = "".join(f"{c:02x} {bytes([c]).decode('koi8-r').encode().hex().upper()};" for c in range(0x80, 0x100))
    with serving(http=f"charset_map koi8-r utf-8 {{ {koi} }}", server=on("gzip", more="charset utf-8; source_charset koi8-r;"),
                 files={"html/k.txt": text.encode("koi8-r")}) as weir:
        for _ in range(3):
            found = weir.get("/k.txt", *accept("gzip"))
            assert found.get("Content-Type") == "text/plain; charset=utf-8"
            assert gzip.decompress(found.body) == text.encode() and found.get("Transfer-Encoding") == "chunked"


# Lines of the server, what is asked for, what is in it.
FILTERED = {
    "sub_filter": ("sub_filter_types *; sub_filter Eins EINS; sub_filter_once off;", "/m.txt", MEDIUM.replace(b"Eins", b"EINS")),
    "addition": ("addition_types *; location /m { add_before_body /s.txt; add_after_body /l.txt; }", "/m.txt", SMALL + MEDIUM + LARGE),
    "ssi": ("ssi_types *; ssi on; location = /s.txt { ssi off; } location = /l.txt { ssi off; }", "/ssi.txt", b"a" + SMALL + b"b" + LARGE + b"c"),
    "ssi below ssi": ("ssi_types *; ssi on;", "/two.txt", b"<a" + SMALL + b"b" + LARGE + b"c>"),
    "autoindex": ("autoindex on; autoindex_format html;", "/d/", None),
    "return": (f"location /r {{ default_type text/plain; return 200 '{'x y ' * 500}'; }}", "/r", b"x y " * 500),
    "gunzip": ("gunzip on; gzip_static always; gzip off;", "/packed.txt", MEDIUM),
    "gzip_static": ("gzip_static on; location / { gzip_static on; }", "/m.txt", MEDIUM),
    "limit_rate": ("limit_rate 5m;", "/l.txt", LARGE),
    "sendfile off": ("sendfile off; aio off;", "/l.txt", LARGE),
    "open_file_cache": ("open_file_cache max=100; open_file_cache_min_uses 2;", "/m.txt", MEDIUM),
    "directio": ("directio 1k;", "/m.txt", MEDIUM),
    "status": ("location /t { status; default_type text/html; }", "/t", None),
}


@each_encoding
@pytest.mark.parametrize("name", FILTERED)
def test_with_other_filters_and_sources(name, encoding):
    """The same as without compression; HEAD tells the fields of GET."""
    lines, target, text = FILTERED[name]
    files = dict(FILES, **{"html/ssi.txt": 'a<!--#include virtual="/s.txt" -->b<!--#include virtual="/l.txt" -->c',
                           "html/two.txt": '<<!--#include virtual="/ssi.txt" -->>', "html/packed.txt.gz": gzip.compress(MEDIUM),
                           **{f"html/d/{i}-a-file": "" for i in range(200)}})
    off = "gzip off;" in lines
    server = on(*({"gzip", encoding} - ({"gzip"} if off else set())), more=lines, types="text/plain text/html application/json")
    if off:
        server = server.replace("gzip on;", "")
    with serving(server=server, files=files) as weir, weir.connect() as client:
        for _ in range(3):
            found = client.ask(request(target, *accept(encoding)))
            used = found.get("Content-Encoding")
            assert used == encoding
            plain = client.ask(request(target, "Accept-Encoding: identity"))
            if text is None:
                assert len(decode(used, found.body)) > 500 and len(found.body) < len(plain.body)
            else:
                assert decode(used, found.body) == text == plain.body
            head = client.ask(request(target, *accept(encoding), method="HEAD"), method="HEAD")
            skipped = ("Date", "Transfer-Encoding", "Content-Length") if text is None else ("Date", "Transfer-Encoding")
            assert [f for f in head.headers if f[0] not in skipped] == [f for f in found.headers if f[0] not in skipped]


def test_requests_below_another_are_not_compressed():
    long = "this is long enough to be compressed, to be compressed, to be compressed, to be compressed"
    lines = STATUS + f"default_type text/plain; location /auth {{ return 200 '{long}'; }} location /m {{ auth_request /auth; }}"
    with serving(server=on("gzip", more=lines), files=FILES) as weir:
        assert gzip.decompress(weir.get("/m.txt", *accept("gzip")).body) == MEDIUM
        assert counters(weir)["compressed_whole"] == 1
        assert gzip.decompress(weir.get("/auth", *accept("gzip")).body) == long.encode()
        assert counters(weir)["compressed_whole"] == 2


def test_trailers_and_limit_rate():
    with serving(server=on("gzip", more="limit_rate 200k; limit_rate_after 50k; add_trailer T t;"), files={"html/l.txt": LARGE[:600_000]}) as weir:
        found = weir.get("/l.txt", *accept("gzip"))
        assert gzip.decompress(found.body) == LARGE[:600_000] and found.trailers == [("T", "t")]


@pytest.mark.parametrize("lines", ["gzip_no_buffer on;", "postpone_gzipping 10k;", "postpone_gzipping 1m;", "gzip_window 512; gzip_hash 512;", "gzip_window 1k; gzip_hash 128k;",
                                   "gzip_no_buffer on; postpone_gzipping 1;", "sendfile off;"])
def test_streams_as_they_are_told(lines):
    with serving(server=on("gzip", more=lines), files=FILES) as weir:
        for name in ("/s.txt", "/m.txt", "/l.txt"):
            assert gzip.decompress(weir.get(name, *accept("gzip")).body) == FILES["html" + name]


@pytest.mark.skipif(not built("br"), reason="not built in")
@pytest.mark.parametrize("size", ["1k", "16m"])
def test_window_of_brotli(size):
    with serving(server=on("br", more=f"brotli_window {size};"), files=FILES) as weir:
        for name in ("/s.txt", "/m.txt", "/l.txt"):
            assert decode("br", weir.get(name, *accept("br")).body) == FILES["html" + name]


@pytest.mark.skipif(not built("zstd") or shutil.which("zstd") is None, reason="no zstd")
def test_dictionary_of_zstd(tmp_path):
    with serving(http="zstd_dict_file own.dict;", server=on("zstd", more="location /o { zstd_comp_level 7; }"),
                 files={"own.dict": MEDIUM, "html/m.txt": MEDIUM, "html/o.txt": MEDIUM}) as weir:
        for name in ("/m.txt", "/o.txt"):
            found = weir.get(name, *accept("zstd"))
            assert found.get("Content-Encoding") == "zstd" and len(found.body) < 200
            done = subprocess.run(["zstd", "-dcq", "-D", str(weir.prefix / "own.dict")], input=found.body, capture_output=True, check=True)
            assert done.stdout == MEDIUM


@pytest.mark.skipif(not built("zstd"), reason="not built in")
def test_a_dictionary_makes_no_window_that_clients_refuse():
    """Of a text whose length is not known: at most 8 MiB (RFC 9659)."""
    with serving(http="zstd_dict_file own.dict;", server=on("zstd", more="zstd_comp_level 22; sub_filter Eins eins; sub_filter_types *;"),
                 files={"own.dict": MEDIUM, "html/l.txt": LARGE[:200_000]}) as weir:
        body = weir.get("/l.txt", *accept("zstd")).body
        assert body[:4] == bytes.fromhex("28b52ffd") and body[4] & 0x20 == 0      # a window follows
        assert (1 << 10 + (body[5] >> 3)) * (8 + (body[5] & 7)) // 8 <= 8 << 20


# ---- what is kept

def wait_kept(weir, name="/m.txt", encoding="gzip"):
    """Asks until an answer comes from what was kept: a file must be some seconds old."""
    def kept():
        before = counters(weir)["compressed_cached"]
        found = weir.get(name, *accept(encoding))
        return found if counters(weir)["compressed_cached"] > before else None
    return wait_until(kept, "the file to be kept compressed", 40)


@each_encoding
def test_what_is_kept_is_what_was_sent(encoding):
    with serving(server=on(encoding, more=STATUS), files=FILES) as weir:
        first = weir.get("/m.txt", *accept(encoding))
        kept = wait_kept(weir, encoding=encoding)
        assert [(n, v) for n, v in kept.headers if n != "Date"] == [(n, v) for n, v in first.headers if n != "Date"]
        assert kept.body == first.body and decode(encoding, kept.body) == MEDIUM
        before = counters(weir)
        for _ in range(5):
            assert weir.get("/m.txt", *accept(encoding)).body == first.body
        assert weir.get("/m.txt").body == MEDIUM
        after = counters(weir)
        assert after["compressed_cached"] == before["compressed_cached"] + 5
        assert after["compressed_whole"] == before["compressed_whole"]
        assert weir.get("/m.txt", *accept(encoding, f"If-None-Match: {first.get('ETag')}")).status == 304


def test_a_file_is_kept_once_for_each_level_and_the_fields_are_those_of_the_place():
    lines = STATUS + "".join(f"location /{i}/ {{ alias {{prefix}}/html/; {extra} }}" for i, extra in enumerate(
        ["gzip_comp_level 9;", "etag off;", "types { } default_type text/plain;", "charset utf-8;", "add_header X x; gzip_vary on;", "expires 1h;"]))
    with serving(server=on("gzip", more=lines), files=FILES) as weir:
        wait_kept(weir)
        wait_kept(weir, "/0/m.txt")
        before = counters(weir)["compressed_whole"]
        for _ in range(2):
            found = [weir.get(f"/{i}/m.txt", *accept("gzip")) for i in range(6)]
            assert len(found[0].body) < len(found[1].body) and all(gzip.decompress(f.body) == MEDIUM for f in found)
            assert len({f.body for f in found[1:]}) == 1
            assert [f.get("ETag") is None for f in found] == [False, True, False, False, False, False]
            assert [f.get("Content-Type") for f in found] == ["text/plain"] * 3 + ["text/plain; charset=utf-8"] + ["text/plain"] * 2
            assert (found[4].get("X"), found[4].get("Vary"), found[5].get("Cache-Control")) == ("x", "Accept-Encoding", "max-age=3600")
        assert counters(weir)["compressed_whole"] == before


@each_encoding
def test_what_was_compressed_piece_by_piece_is_kept_too(encoding):
    with serving(server=on(encoding, more=STATUS), files=FILES) as weir:
        kept = wait_kept(weir, "/l.txt", encoding)
        assert decode(encoding, kept.body) == LARGE and int(kept.get("Content-Length")) == len(kept.body)
        before = counters(weir)
        head = weir.get("/l.txt", *accept(encoding), method="HEAD")
        assert head.get("Content-Length") == kept.get("Content-Length")
        assert weir.get("/l.txt", *accept(encoding)).body == kept.body
        assert counters(weir)["compressed_streams"] == before["compressed_streams"]
        weir.write("html/l.txt", LARGE[::-1])
        assert decode(encoding, weir.get("/l.txt", *accept(encoding)).body) == LARGE[::-1]


def test_a_client_that_leaves_in_the_middle_leaves_no_half_of_a_file():
    text = LARGE * 3
    with serving(http="server { listen 127.0.0.1:{port} sndbuf=4k; " + on("gzip", more=STATUS) + " root {prefix}/html; }", files={"html/l.txt": text}) as weir:
        old = time.time() + 3.5
        wait_until(lambda: time.time() > old, "the file to be old enough")
        for _ in range(3):
            with weir.connect(rcvbuf=4096) as client:
                client.send(request("/l.txt", *accept("gzip")))
                client.read_head()
        assert counters(weir)["compressed_cached"] == 0
        for _ in range(2):
            assert gzip.decompress(weir.get("/l.txt", *accept("gzip")).body) == text
        assert counters(weir)["compressed_cached"] == 1


def test_a_slow_client_keeps_nobody_from_keeping_a_file():
    """Its copy comes late, or never; and when it comes after all, one is kept already."""
    text = LARGE * 3
    with serving(http="server { listen 127.0.0.1:{port} sndbuf=4k; " + on("gzip", more=STATUS) + " root {prefix}/html; }", files={"html/l.txt": text}) as weir:
        old = time.time() + 3.5
        wait_until(lambda: time.time() > old, "the file to be old enough")
        with weir.connect(rcvbuf=4096) as slow, weir.connect(rcvbuf=4096) as leaver:
            for client in (slow, leaver):
                client.send(request("/l.txt", *accept("gzip")))
            wait_until(lambda: counters(weir)["compressed_streams"] == 2, "both answers to begin")
            kept = wait_kept(weir, "/l.txt")
            assert gzip.decompress(slow.read().body) == gzip.decompress(kept.body) == text
        assert weir.get("/l.txt", *accept("gzip")).body == kept.body


def test_what_takes_too_much_room_is_not_kept():
    with serving(http="compress_cache 1m;", server=on("gzip", more=STATUS), files=FILES) as weir:
        wait_kept(weir)
        for _ in range(3):
            assert gzip.decompress(weir.get("/l.txt", *accept("gzip")).body) == LARGE
        assert counters(weir)["compressed_streams"] >= 3
        wait_kept(weir)


@pytest.mark.parametrize("how", ["replaced", "in place"])
def test_a_file_that_changes_is_compressed_anew(how):
    with serving(server=on("gzip", more=STATUS), files=FILES) as weir:
        wait_kept(weir)
        for text in (MEDIUM[::-1], MEDIUM[1:] + b"x", SMALL):
            if how == "replaced":
                weir.replace("html/m.txt", text)
            else:
                weir.write("html/m.txt", text)
            assert gzip.decompress(weir.get("/m.txt", *accept("gzip")).body) == text


def test_no_more_is_kept_than_may_be():
    files = {f"html/{i}.txt": prose(30_000 + i) for i in range(20)}
    with serving(http="compress_cache 30k;", server=on("gzip", more=STATUS), files=files) as weir:
        wait_kept(weir, "/0.txt")
        for _ in range(3):
            for i in range(20):
                assert gzip.decompress(weir.get(f"/{i}.txt", *accept("gzip")).body) == files[f"html/{i}.txt"]
        before = counters(weir)
        for i in range(20):
            weir.get(f"/{i}.txt", *accept("gzip"))
        after = counters(weir)
        assert after["compressed_whole"] - before["compressed_whole"] >= 10
        wait_kept(weir, "/19.txt")              # the last one is among them


def test_nothing_is_kept_with_a_cache_of_0():
    with serving(http="compress_cache 0;", server=on("gzip", more=STATUS), files=FILES) as weir:
        old = time.time() + 3.5
        wait_until(lambda: time.time() > old, "the file to be old enough")
        for _ in range(3):
            assert gzip.decompress(weir.get("/m.txt", *accept("gzip")).body) == MEDIUM
        assert counters(weir)["compressed_cached"] == 0 and counters(weir)["compressed_whole"] == 3


def test_what_is_kept_outlives_its_place_while_it_is_sent():
    """The file changes, and others push it out, while a client has read but its begin."""
    big = os.urandom(200_000) + b"x" * 200_000
    with serving(http="compress_cache 500k; server { listen 127.0.0.1:{port} sndbuf=4k; " + on("gzip", more=STATUS) + " root {prefix}/html; }",
                 files={"html/b.txt": big, **{f"html/{i}.txt": big[i:] for i in range(1, 6)}}) as weir:
        wait_kept(weir, "/b.txt")
        with weir.connect(rcvbuf=4096) as client:
            client.send(request("/b.txt", *accept("gzip")))
            size = int(client.read_head().get("Content-Length"))
            weir.replace("html/b.txt", b"another")
            for i in range(1, 6):
                weir.get(f"/{i}.txt", *accept("gzip"))
            assert weir.get("/b.txt").body == b"another"
            assert gzip.decompress(client.read_some(size)) == big


# ---- limits

def test_streams_have_no_more_memory_than_they_may():
    with serving(http="compress_memory 700k; server { listen 127.0.0.1:{port} sndbuf=4k; " + on("gzip", more=STATUS) + " root {prefix}/html; }",
                 files=FILES, allow=["compress_memory"]) as weir:
        clients = [weir.connect(rcvbuf=4096) for _ in range(3)]
        for client in clients:
            client.send(request("/l.txt", *accept("gzip")))
            assert client.read_head().get("Content-Encoding") == "gzip"
        found = weir.get("/l.txt", *accept("gzip"))
        assert (found.get("Content-Encoding"), found.body) == (None, LARGE)
        weir.wait_log("compress_memory is used up")
        assert counters(weir)["compress_refused"] == 1
        assert weir.get("/m.txt", *accept("gzip")).get("Content-Encoding") == "gzip"
        for client in clients:
            client.close()                      # in the middle
        wait_until(lambda: weir.get("/l.txt", *accept("gzip")).get("Content-Encoding") == "gzip", "the streams to be given back")


@pytest.mark.parametrize("encoding, level", [p for p in (("br", 9), ("zstd", 15)) if built(p[0])])
def test_streams_that_have_not_begun_count_as_what_they_come_to(encoding, level):
    """Many at once, which wait for two threads: each takes 30 MiB and more, but not before it is its turn."""
    text = LARGE * 3
    with serving(http="compress_memory 64m;", server=on(encoding, more=f"{NAMES[encoding]}_comp_level {level};" + STATUS),
                 files={"html/l.txt": text}, allow=["compress_memory"]) as weir:
        clients = [weir.connect(rcvbuf=4096) for _ in range(12)]
        for client in clients:
            client.send(request("/l.txt", *accept(encoding)))
        found = [client.read_head().get("Content-Encoding") for client in clients]
        # Two at a time; who comes when one is done may be one more.
        assert set(found) == {encoding, None} and found.count(encoding) <= 6
        for client in clients:
            client.close()


@each_encoding
def test_a_slow_reader_and_others_meanwhile(encoding):
    with serving(http="server { listen 127.0.0.1:{port} sndbuf=4k; " + on(encoding) + " root {prefix}/html; }", files=FILES) as weir, \
            weir.connect(rcvbuf=4096) as client:
        client.send(request("/l.txt", *accept(encoding)) + request("/s.txt"))
        for _ in range(10):
            assert decode(encoding, weir.get("/s.txt", *accept(encoding)).body) == SMALL
        assert decode(encoding, client.read().body) == LARGE
        assert client.read().body == SMALL


SLOW = [("br", 11), ("zstd", 22)]


@pytest.mark.parametrize("encoding, level", [p for p in SLOW if built(p[0])])
def test_slow_levels_hold_up_nobody(encoding, level):
    """Threads do their work: small answers that are asked for meanwhile are there long before the large one is whole."""
    text = LARGE[:1_500_000]
    lines = on(encoding, more=f"{NAMES[encoding]}_comp_level {level}; location /s {{ {NAMES[encoding]} off; }}")
    with serving(server=lines, files=dict(FILES, **{"html/l.txt": text})) as weir, weir.connect(timeout=60) as client:
        begin = time.monotonic()
        client.send(request("/l.txt", *accept(encoding)) + request("/s.txt"))
        took = []
        for _ in range(20):
            asked = time.monotonic()
            assert weir.get("/s.txt").body == SMALL
            took.append(time.monotonic() - asked)
        found = client.read()
        assert sorted(took)[10] < (time.monotonic() - begin) / 4
        assert found.get("Content-Encoding") == encoding and decode(encoding, found.body) == text
        assert client.read().body == SMALL


@pytest.mark.parametrize("encoding, level", [p for p in [("gzip", 9), ("br", 5), ("zstd", 3)] + SLOW if built(p[0])])
def test_what_gives_more_than_there_is_room_for(encoding, level):
    """Noise is no smaller than it was: a step's room is full before all of its bytes are taken."""
    text = os.urandom(500_000) + LARGE[:300_000] + os.urandom(300_000)
    with serving(server=on(encoding, more=f"{NAMES[encoding]}_comp_level {level};"), files={"html/l.txt": text}) as weir:
        for _ in range(2):
            found = weir.get("/l.txt", *accept(encoding))
            assert found.get("Content-Encoding") == encoding and decode(encoding, found.body) == text


@pytest.mark.parametrize("encoding, level", [p for p in SLOW if built(p[0])])
def test_clients_that_leave_while_a_thread_works(encoding, level):
    with serving(http="compress_memory 1g;", server=on(encoding, more=f"{NAMES[encoding]}_comp_level {level};" + STATUS), files=FILES) as weir:
        for _ in range(3):
            clients = [weir.connect() for _ in range(4)]
            for client in clients:
                client.send(request("/l.txt", *accept(encoding)))
            clients[0].read_head()
            for client in clients:
                client.close()
        assert decode(encoding, weir.get("/s.txt", *accept(encoding)).body) == SMALL
        wait_until(lambda: counters(weir)["curr_connections"] == 1, "the others to be gone", 60)
        assert decode(encoding, weir.get("/m.txt", *accept(encoding)).body) == MEDIUM


def test_a_file_that_becomes_shorter_ends_the_answer_visibly():
    with serving(http="server { listen 127.0.0.1:{port} sndbuf=4k; " + on("gzip") + " root {prefix}/html; }",
                 files={"html/l.txt": LARGE * 4}, allow=["file was truncated"]) as weir, weir.connect(rcvbuf=4096) as client:
        client.send(request("/l.txt", *accept("gzip")))
        client.read_head()
        with open(weir.html / "l.txt", "r+b") as file:
            file.truncate(1000)
        assert not client.read_rest().endswith(b"0\r\n\r\n")
        weir.wait_log("file was truncated")


# ---- what is told

def test_ratios_in_the_log():
    encodings = [e for e in NAMES if built(e)]
    http = "log_format r '$uri $gzip_ratio $brotli_ratio $zstd_ratio $body_bytes_sent'; access_log {prefix}/logs/r r;"
    with serving(http=http, server=on(*encodings), files=FILES) as weir:
        lines = 0
        for encoding in encodings:
            for name in ("/m.txt", "/l.txt"):
                found = weir.get(name, *accept(encoding))
                lines += 1
                ratio = f"{len(FILES['html' + name]) / len(found.body):.2f}"
                values = [ratio if e == encoding else "-" for e in NAMES]
                line = weir.wait_access(lines, "r")[-1].split()
                assert line[:1] + line[1:4] == [name] + values
        weir.get("/m.txt")
        assert weir.wait_access(lines + 1, "r")[-1].split()[1:4] == ["-", "-", "-"]


def test_weir_explain_tells_of_it():
    with serving(server=on("gzip", more="gzip_comp_level 4; gzip_min_length 800;"), files=FILES) as weir:
        def told(target, *more):
            return run_weir(weir.prefix, "explain", f"http://127.0.0.1:{weir.port()}{target}", "-p", str(weir.prefix), "-c", "weir.conf", *more).stdout.replace("\n ", " ")
        assert re.search(r"\d +compress +as gzip, level 4 +weir\.conf:", told("/m.txt", "-H", "Accept-Encoding: gzip"))
        assert re.search(r"\d +compress +60000 bytes became \d+ in one go", told("/m.txt", "-H", "Accept-Encoding: gzip"))
        assert re.search(r"\d +compress +piece by piece", told("/l.txt", "-H", "Accept-Encoding: gzip"))
        assert re.search(r"\d +compress +the client takes nothing that is offered here", told("/m.txt"))
        assert re.search(r"\d +compress +it does not get smaller: sent as it is", told("/n.txt", "-H", "Accept-Encoding: gzip"))
        assert re.search(r"\d +compress +image/png is not among gzip_types +weir\.conf:", told("/m.png", "-H", "Accept-Encoding: gzip"))
        assert re.search(r"\d +compress +700 bytes are fewer than gzip_min_length +weir\.conf:", told("/s.txt", "-H", "Accept-Encoding: gzip"))


@each_encoding
def test_types_of_several_lines_add_up(encoding):
    name = NAMES[encoding]
    lines = f"{name}_types text/plain; {name}_types application/json text/html;"
    with serving(http=f"{name}_types image/png;", server=TYPES + f"{name} on;" + lines, files=FILES) as weir:
        for target, expected in ("/m.txt", encoding), ("/m.json", encoding), ("/m.html", encoding), ("/m.png", None):
            assert weir.get(target, *accept(encoding)).get("content-encoding") == expected
