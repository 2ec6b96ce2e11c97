# SPDX-License-Identifier: BSD-2-Clause
"""
What leaves the server, beside the nginx of this machine: fields of all kinds of answers, expires, charsets, trailers, and the
places that redirects name. What differs stands in DIFFERENCES, with the reason; skipped where there is no nginx.
"""

import re

import pytest

from harness import Client, Weir, request, serving
from harness.nginx import NGINX, Nginx

pytestmark = pytest.mark.skipif(NGINX is None, reason="there is no nginx")

MTIME = 1_700_000_000
FILES = {"html/a.html": "hello file\n", "html/k.html": b"\xc0\xc1 koi\xff", "html/u.html": "я ю €".encode(), "html/d/index.html": "x",
         "html/empty.html": "", "html/a.txt": "text", "html/big": bytes(range(256)) * 2000}
OWN_LENGTH = ("content-length",)        # of the server's own pages

def without(*names):
    return lambda answer: (answer[0], [f for f in answer[1] if f[0].lower() not in names], answer[2])


def having(*fields):
    return lambda answer: (answer[0], sorted(answer[1] + list(fields)), answer[2])


def replaced(name, *values):
    def change(answer):
        return answer[0], sorted([f for f in answer[1] if f[0].lower() != name.lower()] + [(name, v) for v in values]), answer[2]
    return change


def both(*changes):
    def change(answer):
        for one in changes:
            answer = one(answer)
        return answer
    return change


def weak(answer):
    return answer[0], [(n, "W/" + v if n == "ETag" else v) for n, v in answer[1]], answer[2]


def body(text):
    return lambda answer: (answer[0], answer[1], text)


ALLOW = "405 says what is allowed (RFC 9110 15.5.6)"
OF_416 = "a page for 416 has the fields of its own status, once"
ONE = "a field of one value stands once (RFC 9110 5.3)"
FRAMING = "how long an answer is says the server alone"
WEAK = "other bytes than those of the file have another entity tag (RFC 9110 8.8.1)"
WHOLE = "converted bytes are not served in parts"
LINE_END = "no line end comes into a field"
NOWHERE = "an empty Location is none"
NO_VALUE = "a variable without a value names no charset, and is no reason to give up the answer"
PAGE = "text/html; charset=utf-8"
# (case, what was asked): (what weir says, made of what nginx says; why)
DIFFERENCES = {
    ("plain", "POST /a.html"): (having(("Allow", "GET, HEAD")), ALLOW),
    ("added", "POST /a.html"): (having(("Allow", "GET, HEAD")), ALLOW),
    ("added", "GET /a.html Range: bytes=99-"): (both(replaced("B", "b"), without("a", "expires", "cache-control")), OF_416),
    ("own", "GET /type/a.html"): (replaced("Content-Type", "text/x"), ONE),
    ("own", "GET /location"): (replaced("Location", "/z"), ONE),
    ("own", "GET /framing/a.html"): (both(replaced("Content-Length", "11"), without("transfer-encoding")), FRAMING),
    ("injected", "GET /x%0d%0aEvil:%20yes"): (without("evil", "x"), LINE_END),
    ("charsets", "GET /koi-utf/k.html"): (weak, WEAK),
    ("charsets", "GET /koi-utf/a.html"): (weak, WEAK),
    ("charsets", "HEAD /koi-utf/k.html"): (weak, WEAK),
    ("charsets", "GET /koi-utf/k.html Range: bytes=0-1"): (weak, WEAK),
    ("charsets", "GET /utf-koi/u.html"): (weak, WEAK),
    ("charsets", "GET /koi-win/k.html"): (both(weak, without("accept-ranges")), WHOLE),
    ("charsets", "GET /koi-win/k.html Range: bytes=0-1"): (lambda _: (200, [
        ("Connection", "keep-alive"), ("Content-Length", "7"), ("Content-Type", "text/html; charset=windows-1251"),
        ("ETag", 'W/"6553f100-7"'), ("Last-Modified", "Tue, 14 Nov 2023 22:13:20 GMT")], b"\xfe\xe0 koi?"), WHOLE),
    ("charsets", "GET /variable/k.html?c=utf-8"): (weak, WEAK),
    ("charsets", "GET /variable/k.html?c=windows-1251"): (both(weak, without("accept-ranges")), WHOLE),
    ("charsets", "GET /named?c=off"): (replaced("Content-Type", "text/plain"), "off means off in a variable, too"),
    ("charsets", "GET /named"): (lambda _: (200, [("Connection", "keep-alive"), ("Content-Length", "1"), ("Content-Type", "text/plain")], b"x"), NO_VALUE),
    ("charsets", "GET /variable/k.html"): (lambda _: (200, [
        ("Accept-Ranges", "bytes"), ("Connection", "keep-alive"), ("Content-Length", "7"), ("Content-Type", "text/html"),
        ("ETag", '"6553f100-7"'), ("Last-Modified", "Tue, 14 Nov 2023 22:13:20 GMT")], FILES["html/k.html"]), NO_VALUE),
    ("added", "GET /403"): (without("etag"), "a page that stands in for an error says nothing of its file"),
    ("statuses", "GET /303"): (without("location"), NOWHERE),
    ("statuses", "GET /307"): (without("location"), NOWHERE),
    ("statuses", "GET /308"): (without("location"), NOWHERE),
    ("statuses", "GET /405"): (having(("Allow", "")), ALLOW),
    ("statuses", "GET /text405"): (having(("Allow", "")), ALLOW),
    ("statuses", "GET /408"): (lambda _: (408, [("B", "b"), ("Connection", "keep-alive"), ("Content-Type", PAGE)], None),
                               "408 is said, too"),
    ("statuses", "GET /511"): (having(("Content-Type", PAGE)), "each status has a page"),
    ("statuses", "GET /599"): (having(("Content-Type", PAGE)), "each status has a page"),
}


def answer_of(response, own_page):
    """Status, fields but those that tell time or name the server, body; of a page of the server's own not its length."""
    hidden = {"server", "date"} | (set(OWN_LENGTH) if own_page else set())
    fields = sorted((n, re.sub(r"boundary=\d+", "boundary=N", v)) for n, v in response.headers if n.lower() not in hidden)
    return response.status, fields, None if own_page else re.sub(rb"\d{20}", b"N", response.body)


def raw(server, data):
    """An answer that a strict client may not take: fields as they come, the body to the end."""
    with server.connect() as client:
        client.send(data.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1))
        head, _, rest = client.read_rest().partition(b"\r\n\r\n")
    if not head:
        return 0, [], b""
    lines = head.decode("latin-1").split("\r\n")
    fields = [(n, v) for n, _, v in (line.partition(": ") for line in lines[1:])]
    status = int(lines[0].split()[1])
    if ("Transfer-Encoding", "chunked") in fields:
        rest, chunks = b"", rest
        while True:
            size, _, chunks = chunks.partition(b"\r\n")
            if int(size, 16) == 0:
                break
            rest, chunks = rest + chunks[:int(size, 16)], chunks[int(size, 16) + 2:]
    fields = [(n, "keep-alive" if n == "Connection" else v) for n, v in fields]
    return status, fields, rest


CASES = {
    "plain": ("", "location /r { return 200 text; } location /204 { return 204; } location /301 { return 301 /x; }"
              "location /302 { return 302 http://h/; } location /500 { return 500; } location /small { client_max_body_size 1; }",
              ["GET /a.html", "HEAD /a.html", "GET /empty.html", "GET /a.txt", "GET /big", "GET /r", "HEAD /r", "GET /204", "GET /301", "GET /302",
               "GET /500", "GET /none", "GET /d", "GET /d?x=1", "GET /d/", "HEAD /none", "POST /a.html", "POST /r", "POST /small Content-Length: 5",
               "GET /a.html Range: bytes=0-1", "GET /a.html Range: bytes=99-", "GET /a.html Range: bytes=0-0,2-3",
               "GET /a.html If-None-Match: *", "GET /a.html If-Match: \"x\"", "HEAD /a.html If-None-Match: *", "HEAD /a.html Range: bytes=0-1",
               "GET /a.html If-Modified-Since: Tue, 14 Nov 2023 22:13:20 GMT", "GET /r If-None-Match: *", "GET /r Range: bytes=0-1"]),
    "added": ("", "add_header A a; add_header B b always; expires 1h; location /404 { return 404; } location /204 { return 204; }"
              "location /301 { return 301 /x; } location /500 { return 500 text; } location /403 { return 403; error_page 403 /a.html; }"
              "location /402 { return 402; error_page 402 =200 /a.html; } location /r { return 200 x; }",
              ["GET /a.html", "HEAD /a.html", "GET /404", "GET /204", "GET /301", "GET /500", "GET /403", "GET /402", "GET /d", "GET /none",
               "GET /r", "POST /a.html", "GET /a.html Range: bytes=0-1", "GET /a.html Range: bytes=99-", "GET /a.html Range: bytes=0-0,2-3",
               "GET /a.html If-None-Match: *", "GET /a.html If-Match: \"x\""]),
    "statuses": ("", "add_header A a; add_header B b always; expires 1h; charset utf-8;" + "".join(
        f"location /{s} {{ return {s}; }} location /text{s} {{ return {s} text; }}" for s in
        (200, 201, 202, 203, 206, 207, 226, 303, 307, 308, 400, 401, 402, 403, 404, 405, 406, 408, 409, 410, 411, 412, 413, 414, 415,
         416, 421, 429, 500, 501, 502, 503, 504, 505, 507, 511, 599)),
        [f"GET /{t}{s}" for s in (200, 201, 202, 203, 206, 207, 226, 303, 307, 308, 400, 401, 402, 403, 404, 405, 406, 408, 409, 410,
                                  411, 412, 413, 414, 415, 416, 421, 429, 500, 501, 502, 503, 504, 505, 507, 511, 599) for t in ("", "text")]),
    "own": ("", "".join(f"location /{name}/ {{ alias {{prefix}}/html/; add_header {what}; }}" for name, what in {
        "modified": 'Last-Modified "Sun, 06 Nov 1994 08:49:37 GMT"', "no-modified": 'Last-Modified ""', "text-modified": "Last-Modified lately",
        "tag": "ETag '\"x\"'", "no-tag": "ETag ''", "type": "Content-Type text/x", "ranges": "X-Accept none", "control": "Cache-Control private",
        "empty": "X ''", "none": "X $arg_none", "framing": "Content-Length 3; add_header Transfer-Encoding gzip"}.items())
        + "location /location { add_header Location /z; return 301 /y; } location /created { add_header Location /z; return 201 x; }"
          "location /both { expires 1h; add_header Cache-Control private; add_header Cache-Control public; return 200 x; }",
        [f"GET /{name}/a.html" for name in ("modified", "no-modified", "text-modified", "tag", "no-tag", "type", "ranges", "control", "empty", "none",
                                            "framing")]
        + ["GET /location", "GET /created", "GET /both", "GET /tag/a.html If-None-Match: \"x\"",
           "GET /tag/a.html Range: bytes=0-1|If-Range: \"x\"", "GET /tag/a.html Range: bytes=0-1|If-Range: \"y\"",
           "GET /modified/a.html If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT", "GET /no-modified/a.html If-None-Match: *"]),
    "inherited": ("add_header H h;", "add_header S s; location /a/ { alias {prefix}/html/; } location /b/ { alias {prefix}/html/; add_header L l; }"
                  "location /c/ { alias {prefix}/html/; expires 1h; } location /d/ { alias {prefix}/html/; location /d/a { alias {prefix}/html/a; add_header N n; } }",
                  ["GET /a/a.html", "GET /b/a.html", "GET /c/a.html", "GET /d/a.html", "GET /d/empty.html"]),
    "in if": ("", "add_header S s; if ($arg_s) { return 204; } location / { add_header L l; if ($arg_a) { add_header I i; } if ($arg_b) { expires 1h; } }"
              "location /d/ { if ($arg_a) { add_header I i; } }",
              ["GET /a.html", "GET /a.html?s=1", "GET /a.html?a=1", "GET /a.html?b=1", "GET /d/index.html", "GET /d/index.html?a=1"]),
    "injected": ("", "add_header A a; add_header X x$uri; location / { return 200 ok; }", ["GET /x", "GET /x%0d%0aEvil:%20yes"]),
    "expiring": ("", "".join(f"location /{i}/ {{ alias {{prefix}}/html/; expires {value}; }}" for i, value in enumerate(
        ["0", "-1", "-5m", "1h30m", "+1d", "epoch", "max", "off", "modified 1h", "modified -1h", "modified 10y", "@24h", "@0", "-0", "$arg_e", "modified $arg_e"])),
        [f"GET /{i}/a.html" for i in range(16)] + [f"GET /{i}/a.html?e={e}" for i in (14, 15)
                                                   for e in ("1h", "-1", "max", "off", "epoch", "junk", "@1", "+5", "modified", "10y")]),
    "charsets": ("charset_map koi8-r windows-1251 { C0 FE; C1 E0; } charset_map koi8-r utf-8 { C0 D18E; C1 D0B0; } ",
                 "charset utf-8; types { text/html html; text/plain txt; application/json json; } default_type text/plain;"
                 "location /koi-utf/ { source_charset koi8-r; alias {prefix}/html/; } location /koi-win/ { source_charset koi8-r; charset windows-1251; alias {prefix}/html/; }"
                 "location /utf-koi/ { source_charset utf-8; charset koi8-r; alias {prefix}/html/; } location /named { charset $arg_c; return 200 x; }"
                 "location /variable/ { charset $arg_c; source_charset koi8-r; alias {prefix}/html/; }"
                 "location /json { default_type application/json; return 200 '{}'; } location /any { charset_types *; default_type application/json; return 200 '{}'; }"
                 "location /has { default_type 'text/html; charset=x'; return 200 x; } location /301 { return 301 /x; } location /off/ { charset off; alias {prefix}/html/; }",
                 ["GET /a.html", "GET /a.txt", "GET /empty.html", "HEAD /a.html", "GET /none", "GET /d", "GET /301", "GET /json", "GET /any", "GET /has", "GET /off/a.html",
                  "GET /a.html If-None-Match: *", "GET /a.html Range: bytes=0-1", "GET /a.html Range: bytes=0-0,2-2",
                  "GET /koi-utf/k.html", "GET /koi-utf/a.html", "HEAD /koi-utf/k.html", "GET /koi-utf/k.html Range: bytes=0-1", "GET /koi-win/k.html",
                  "GET /koi-win/k.html Range: bytes=0-1", "GET /utf-koi/u.html", "GET /named?c=koi8-r", "GET /named?c=KOI8-R", "GET /named?c=off", "GET /named",
                  "GET /named?c=other", "GET /variable/k.html?c=utf-8", "GET /variable/k.html?c=windows-1251", "GET /variable/k.html?c=koi8-r",
                  "GET /variable/k.html?c=other", "GET /variable/k.html", "GET /variable/k.html?c=off"]),
    "trailers": ("", "add_trailer T t$arg_t; add_trailer U u always; add_trailer E ''; location /404 { return 404; } location /204 { return 204; }"
                 "location /r { return 200 x; } location /off/ { chunked_transfer_encoding off; alias {prefix}/html/; } location /301 { return 301 /x; }",
                 ["GET /a.html", "GET /a.html?t=1", "HEAD /a.html", "GET /empty.html", "GET /404", "GET /204", "GET /r", "HEAD /r", "GET /301", "GET /off/a.html",
                  "GET /a.html Range: bytes=0-1", "GET /a.html Range: bytes=0-0,2-2", "GET /a.html If-None-Match: *", "GET /big"]),
}


def ask(server, line):
    method, target, *fields = line.split(" ", 2)
    fields = fields[0].split("|") if fields else []
    data = request(target, *fields, method=method, body=b"12345" if "Content-Length: 5" in fields else b"")
    status, fields, body_ = raw(server, data)
    own_page = status >= 300 and not body_.startswith((b"hello", b"text"))
    trailers = [] if own_page else re.findall(rb"\r\n([TUE]: [^\r]*)", body_)
    fields = sorted((n, re.sub(r"boundary=\d+", "boundary=N", v.replace(f":{server.port()}", ":PORT"))) for n, v in fields
                    if n.lower() not in ("server", "date") and not (own_page and n.lower() in OWN_LENGTH))
    return status, fields, None if own_page else re.sub(rb"\d{20}", b"N", body_), *trailers


def near(one, other):
    """Alike but for a second that may have passed between the two."""
    def seconds(answer):
        return re.sub(r"(\d\d:\d\d):\d\d GMT'\)|(max-age=\d+)\d'", r"\1\2", repr(answer))
    return one == other or seconds(one) == seconds(other)


@pytest.mark.parametrize("name", list(CASES))
def test_fields_and_bodies(name):
    http, lines, asks = CASES[name]
    found = {}
    for kind in (Nginx, Weir):
        with serving(kind=kind, http=http, server=lines, files=FILES, allow=["charset_map", "control byte", "is not added"]) as server:
            for file, content in FILES.items():
                server.write(file, content, mtime=MTIME)
            found[kind] = {line: ask(server, line) for line in asks}
    wrong = {}
    for line in asks:
        expected = found[Nginx][line]
        if (name, line) in DIFFERENCES:
            expected = DIFFERENCES[name, line][0](expected)
            assert not near(expected, found[Nginx][line]), f"{line} does not differ any more"
        if not near(expected, found[Weir][line]):
            wrong[line] = f"\n  nginx {expected}\n  weir  {found[Weir][line]}"
    assert not wrong, "".join(f"{line}:{text}\n" for line, text in wrong.items())


# ---- where redirects lead

PLACES = ("location /r { return 301 /x?y=1; } location /full { return 302 https://other/z; } location /scheme { return 302 $scheme://$host/; }"
          "location /bare { return 302 x; } location /e { return 404; error_page 404 =301 /moved; } location /e2 { return 404; error_page 404 =302 http://o/m; }"
          "location /w { rewrite ^ /new redirect; } location /wp { rewrite ^ /new?a=b permanent; } location /wq { rewrite ^ /new? redirect; } location /t { rewrite ^ http://h/t; }")
TARGETS = ("/r", "/full", "/scheme", "/e2", "/w", "/wp?c=d", "/wq?c=d", "/t", "/d", "/d?q=%20x", "/d%20e")
HOSTS = ("h", "h:81", "H.Example.", "127.0.0.1", "127.0.0.1:80", "[::1]", "[::1]:8080", "")


def mended(text, prefix):
    """nginx names an IPv6 address without brackets, and a Unix socket by its file: no client can go there."""
    return text.replace("http://::1", "http://[::1]").replace(f"http://unix:{prefix}/s", "http://first.example")


def places_of(server, name, host_fields):
    found = {}
    for target in TARGETS:
        for fields in host_fields:
            where = str(server.prefix / "s") if name == "unix" else ("::1" if name == "port2" else "127.0.0.1", server.port(name))
            with Client(where) as client:
                version = "1.0" if not fields else "1.1"
                response = client.ask(request(target, *fields, "Connection: close", version=version, host=None))
            text = response.get("Location") or ""
            for port in ("port", "port1", "port2"):
                text = text.replace(f":{server.port(port)}", f":{port}")
            found[target, fields] = response.status, text
    return found


@pytest.mark.parametrize("name", ["port", "port1", "port2", "unix"])
@pytest.mark.parametrize("settings", [f"absolute_redirect {a}; server_name_in_redirect {s}; port_in_redirect {p};"
                                      for a, s, p in (("on", "off", "on"), ("on", "on", "on"), ("on", "off", "off"), ("on", "on", "off"),
                                                      ("off", "on", "on"))])
def test_where_redirects_lead(settings, name):
    """Over an address, all addresses, IPv6 and a Unix socket."""
    listen = "listen *:{port1}; listen [::1]:{port2}; listen unix:{prefix}/s; server_name first.example second;"
    fields = [()] + [(f"Host: {host}",) for host in HOSTS if host]
    found = {}
    for kind in (Nginx, Weir):
        with serving(kind=kind, server=f"{listen} {settings} {PLACES}", files={**FILES, "html/d e/x": "x"}) as server:
            found[kind] = places_of(server, name, fields)
            if kind is Nginx:
                found[kind] = {key: (status, mended(text, server.prefix)) for key, (status, text) in found[kind].items()}
    wrong = {key: (found[Weir][key], text) for key, text in found[Nginx].items() if found[Weir][key] != text}
    assert not wrong, "\n".join(f"{key}: weir {one} nginx {other}" for key, (one, other) in wrong.items())
