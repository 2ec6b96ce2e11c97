# SPDX-License-Identifier: BSD-2-Clause
"""
gzip beside the nginx of this machine: the same conf and requests to both. Compared are status, fields and what the body is once it is
decoded; how long it is, and whether that is said beforehand, is each server's own affair. What differs stands in DIFFERENCES, with the
reason; skipped where there is no nginx. (gzip_no_buffer is missing: what nginx 1.22 sends with it cannot be decoded.)
"""

import gzip
from email.utils import parsedate_to_datetime

import pytest

from harness import Weir, request, serving
from harness.nginx import NGINX, Nginx, with_fields_of

pytestmark = pytest.mark.skipif(NGINX is None, reason="there is no nginx")

MTIME = 1_700_000_000
WORDS = "".join(f"line {i} of a text that is worth compressing\n" for i in range(3000))
FILES = {"html/a.html": WORDS[:5000], "html/a.txt": WORDS[:5000], "html/a.png": WORDS[:5000], "html/big.html": WORDS * 4, "html/big.txt": WORDS * 4,
         "html/empty.html": "", "html/404.html": WORDS[:3000], "html/d/index.html": WORDS[:600],
         **{f"html/{n}.html": ("ab" * 400)[:n] for n in (1, 19, 20, 21, 99, 100, 101, 700)}}
TYPES = "types { text/html html; text/plain txt; image/png png; } default_type text/html;"
TAKES = ["gzip", "x-gzip", "GZIP", "deflate", "", "*", "identity", "gzip;q=0", "gzip;q=0.0", "gzip;q=0.001", "gzip;q=1", "gzip;q=1.000", "gzip ;q=0.5",
         "gzip; q=0.5", "gzip, deflate, br", "br, gzip;q=0.8", "deflate,gzip", "sgzip", "gzips", "gzip;q=2", "gzip;q=", "gzip;q=x", "gzip;q=0.0000",
         "*;q=0", "gzip,", ",gzip", "gzip\t;q=1", "gzip;q=.5", "identity;q=0", "br;q=1, *;q=0.5"]
STATUSES = (200, 201, 202, 203, 206, 207, 226, 300, 400, 401, 403, 404, 405, 410, 429, 500, 502, 503)
RETURNS = "".join(f"location /r{s} {{ return {s} '{WORDS[:400]}'; }} location /page{s} {{ error_page {s} /404.html; return {s}; }}" for s in STATUSES if s not in (300,)
                  and s >= 400) + "".join(f"location /r{s} {{ return {s} '{WORDS[:400]}'; }}" for s in STATUSES if s < 300)
PROXIED = ["any", "off", "expired", "no-cache", "no-store", "private", "no_last_modified", "no_etag", "auth", "expired no-cache", "off any", "no_etag any"]
CONTROLS = {"e": "expires -1;", "f": "expires 1h;", "c": "add_header Cache-Control no-store;", "p": "add_header Cache-Control private;", "n": "",
            "x": "etag off;"}
GZ = "Accept-Encoding: gzip"

CASES = {
    "plain": ("", "gzip on;", ["GET /a.html", "HEAD /a.html", "GET /a.txt", "GET /a.png", "GET /empty.html", "GET /big.html", "HEAD /big.html", "GET /none", "HEAD /none",
                               "GET /d", "GET /d/", "POST /a.html", "GET /a.html Range: bytes=0-9", "GET /a.html Range: bytes=0-9,20-29",
                               "GET /a.html Range: bytes=99999-", "GET /a.html If-None-Match: *", 'GET /a.html If-None-Match: "6553f100-1388"',
                               'GET /a.html If-None-Match: W/"6553f100-1388"', 'GET /a.html If-Match: "6553f100-1388"', "GET /a.html If-Match: \"x\"",
                               'GET /a.html Range: bytes=0-9|If-Range: "6553f100-1388"', 'GET /a.html Range: bytes=0-9|If-Range: W/"6553f100-1388"',
                               "GET /a.html If-Modified-Since: Tue, 14 Nov 2023 22:13:20 GMT", "GET /a.html 1.0", "GET /big.html 1.0"]),
    "vary": ("", "gzip on; gzip_vary on; gzip_types text/plain;", ["GET /a.html", "GET /a.txt", "GET /a.png", "HEAD /a.html", "GET /none", "GET /d", "GET /empty.html",
                                                                  "GET /19.html", "GET /20.html", "GET /700.html", "GET /a.html If-None-Match: *",
                                                                  "GET /a.html Range: bytes=0-9", "GET /a.html 1.0"]),
    "takes": ("", "gzip on; gzip_vary on;", [f"GET /a.html {takes}" for takes in TAKES]),
    "lengths": ("", "gzip on; gzip_min_length 100;", [f"GET /{n}.html" for n in (1, 19, 20, 21, 99, 100, 101, 700)]),
    "statuses": ("", "gzip on; gzip_vary on;" + RETURNS, [f"GET /r{s}" for s in STATUSES if s != 300] + [f"GET /page{s}" for s in STATUSES if s >= 400]),
    "types": ("", "gzip on; location /all/ { gzip_types *; alias {prefix}/html/; } location /case/ { gzip_types Text/PLAIN; alias {prefix}/html/; }"
              "location /param { default_type 'text/plain; charset=x'; gzip_types text/plain; return 200 '" + WORDS[:300] + "'; }"
              "location /none { types { } default_type ''; gzip_types *; alias {prefix}/html/; } location /charset/ { charset utf-8; alias {prefix}/html/; }",
              ["GET /all/a.png", "GET /case/a.txt", "GET /case/a.html", "GET /param", "GET /none/a.txt", "GET /charset/a.html", "GET /charset/big.html", "HEAD /charset/a.html"]),
    "inherited": ("gzip on; gzip_types text/plain; gzip_min_length 1000;", "location /off/ { gzip off; alias {prefix}/html/; } location /types/ { gzip_types image/png; alias {prefix}/html/; }"
                  "location /if/ { alias {prefix}/html/; if ($arg_off) { gzip off; } } location /min/ { gzip_min_length 10; alias {prefix}/html/; }",
                  ["GET /off/a.txt", "GET /a.txt", "GET /700.html", "GET /types/a.txt", "GET /types/a.png", "GET /if/a.txt", "GET /if/a.txt?off=1", "GET /min/700.html"]),
    "versions": ("", "gzip on; location /old/ { gzip_http_version 1.0; alias {prefix}/html/; }", ["GET /old/a.html 1.0", "GET /old/big.html 1.0", "GET /a.html 1.0", "HEAD /old/a.html 1.0"]),
    "with encoding": ("", "gzip on; location /e/ { add_header Content-Encoding x; alias {prefix}/html/; } location /v/ { gzip_vary on; add_header Vary Origin; alias {prefix}/html/; }",
                      ["GET /e/a.html", "GET /v/a.html"]),
    "proxied": ("", "gzip on; gzip_vary on;" + "".join(f"location /{i}{c}/ {{ gzip_proxied {p}; {control} alias {{prefix}}/html/; }}"
                                                       for i, p in enumerate(PROXIED) for c, control in CONTROLS.items()),
                [f"GET /{i}{c}/a.html Via: 1.1 x{more}" for i in range(len(PROXIED)) for c in CONTROLS for more in ("", "|Authorization: x")]),
    "disabled": ("", 'gzip on; gzip_vary on; gzip_disable Robot "^Old.*1$"; location /m/ { gzip_disable msie6; alias {prefix}/html/; }',
                 [f"GET {where}a.html User-Agent: {agent}" for where in ("/", "/m/") for agent in
                  ("Robot", "a robot", "Old x1", "Old x2", "Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1)", "Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1; SV1)",
                   "Mozilla/4.0 (compatible; MSIE 5.5; Windows 98)", "Mozilla/4.0 (compatible; MSIE 7.0)", "Opera MSIE 4.01", "MSIE 6.")]),
    "told to streams": ("", "gzip on; gzip_window 1k; gzip_hash 1k; gzip_buffers 4 1k; postpone_gzipping 4k; gzip_comp_level 9;",
                        ["GET /a.html", "GET /big.html"]),
}


def changed(*, drop=(), add=()):
    return lambda answer: (answer[0], sorted([f for f in answer[1] if f[0] not in drop] + list(add)), answer[2])


def plain(answer):
    """The same, not compressed: of the file a.html, or another of that length."""
    fields = [(n, v.removeprefix("W/") if n == "ETag" else v) for n, v in answer[1] if n != "Content-Encoding"]
    return answer[0], sorted(fields + [("Accept-Ranges", "bytes"), ("Content-Length", str(len(answer[2])))]), answer[2]


def packed(answer):
    fields = [(n, "W/" + v if n == "ETag" else v) for n, v in answer[1] if n not in ("Accept-Ranges", "Content-Length")]
    return answer[0], sorted(fields + [("Content-Encoding", "gzip")]), answer[2]


ALLOW = "405 says what is allowed (RFC 9110 15.5.6)"
GROWS = "what would become larger is sent as it is"
SYNTAX = "as RFC 9110 12.5.3 has it"
PAGE = "a page that stands in for an error says nothing of its file"
DOCUMENTED = "as nginx's documentation has it"
DIFFERENCES = {
    ("plain", "POST /a.html"): (changed(add=[("Allow", "GET, HEAD")]), ALLOW),
    ("statuses", "GET /r405"): (changed(add=[("Allow", "")]), ALLOW),
    **{("statuses", f"GET /page{s}"): (changed(drop=["ETag"], add=[("Allow", "")] if s == 405 else []), PAGE) for s in STATUSES if s >= 400},
    **{("vary", f"GET /{n}.html"): (plain, GROWS) for n in (20,)},
    **{("takes", f"GET /a.html {takes}"): (packed, SYNTAX) for takes in ("x-gzip", "*", "gzip\t;q=1", "br;q=1, *;q=0.5")},
    ("types", "GET /param"): (packed, "a type is the same with parameters"),
    ("with encoding", "GET /e/a.html"): (lambda answer: (200, sorted([f for f in plain(answer)[1] if f[0] != "Vary"] + [("Content-Encoding", "x")]), answer[2]),
                                         "what is encoded already is not encoded once more"),
    ("with encoding", "GET /v/a.html"): (changed(drop=["Vary"], add=[("Vary", "Origin, Accept-Encoding")]), "one field says it all"),
    **{("proxied", f"GET /3e/a.html Via: 1.1 x{more}"): (packed, DOCUMENTED) for more in ("", "|Authorization: x")},
    **{("proxied", f"GET /6{c}/a.html Via: 1.1 x{more}"): (plain, DOCUMENTED) for c in "nx" for more in ("", "|Authorization: x")},
    ("disabled", "GET /m/a.html User-Agent: Opera MSIE 4.01"): (plain, DOCUMENTED),
}


def data_of(case, line):
    method, target, *rest = line.split(" ", 2)
    fields, version = [GZ], "1.1"
    if case == "takes":
        fields = [f"Accept-Encoding: {rest[0] if rest else ''}"]
    elif rest and rest[0] == "1.0":
        version = "1.0"
    elif rest:
        fields += rest[0].split("|")
    return request(target, *fields, method=method, version=version, body=b""), method


def ask(server, case, line):
    data, method = data_of(case, line)
    with server.connect() as client:
        found = client.ask(data, method=method)
    encoding = found.all("Content-Encoding")[-1:] == ["gzip"] and "gzip"
    body = gzip.decompress(found.body) if encoding == "gzip" and method != "HEAD" else found.body
    own_page = body.startswith((b"<html>", b"<!DOCTYPE"))
    hidden = ("server", "date", "transfer-encoding", "connection")
    fields = sorted((n, v) for n, v in found.headers if n.lower() not in hidden and not (n == "Content-Length" and (encoding == "gzip" or own_page or method == "HEAD")))
    fields = [(n, v.replace(f":{server.port()}", ":PORT")) for n, v in fields]
    fields = [(n, str(parsedate_to_datetime(v) - parsedate_to_datetime(found.get("Date"))) if n == "Expires" else v) for n, v in fields]
    fields = [(n, v.rsplit("=", 1)[0] if v.startswith("multipart") else v) for n, v in fields]
    return found.status, fields, None if own_page or found.status == 206 else body


@pytest.mark.parametrize("name", list(CASES))
def test_answers(name):
    http, lines, asks = CASES[name]
    found = {}
    for kind in (Nginx, Weir):
        with serving(kind=kind, http=http, server=TYPES + lines, files=FILES) as server:
            for file, content in FILES.items():
                server.write(file, content, mtime=MTIME)
            found[kind] = {line: ask(server, name, line) for line in asks}
    wrong = {}
    for line in asks:
        expected = found[Nginx][line]
        if expected[0] == 304 and " If-" in line:
            expected = with_fields_of(found[Nginx][" ".join(line.split(" ")[:2])], expected)
        if (name, line) in DIFFERENCES:
            expected = DIFFERENCES[name, line][0](expected)
            assert expected != found[Nginx][line], f"{line} does not differ any more"
        if expected != found[Weir][line]:
            wrong[line] = f"\n  nginx {str(expected)[:400]}\n  weir  {str(found[Weir][line])[:400]}"
    assert not wrong, "".join(f"{line}:{text}\n" for line, text in wrong.items())
