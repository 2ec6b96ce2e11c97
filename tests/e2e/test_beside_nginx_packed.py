# SPDX-License-Identifier: BSD-2-Clause
"""
Who gets packed files and unpacked ones, beside the nginx of this machine: gzip_static, gunzip, and the directives about proxies, versions and
browsers. What differs is made by differing(), with the reason; skipped where there is no nginx, or it has not these modules.
"""

import gzip
import subprocess

import pytest

from harness import Weir, request, serving
from harness.nginx import NGINX, Nginx


def has_modules():
    if NGINX is None:
        return False
    told = subprocess.run([NGINX, "-V"], capture_output=True, text=True, check=False).stderr
    return all(name in told for name in ("http_gzip_static_module", "http_gunzip_module"))


pytestmark = pytest.mark.skipif(not has_modules(), reason="there is no nginx with gzip_static and gunzip")

MTIME = 1_700_000_000
TEXT = b"some text that is packed well, well, well\n" * 50
PACKED = gzip.compress(TEXT, mtime=0)
FILES = {"html/a.txt": TEXT, "html/a.txt.gz": PACKED, "html/only.txt.gz": PACKED, "html/plain.txt": TEXT, "html/two.txt.gz": PACKED + PACKED,
         "html/d/index.html": TEXT, "html/d/index.html.gz": PACKED, "html/folder.txt": TEXT, "html/folder.txt.gz/x": b"x", "html/e/x.html.gz": PACKED}
GZIP = "Accept-Encoding: gzip"
TYPES = "types { text/html html; text/plain txt; application/gzip gz; } "
ACCEPTS = ["gzip", "GZIP", "gzip, deflate, br", "deflate, gzip", "gzip;q=0", "gzip;q=0.0", "gzip;q=0.001", "gzip;q=0.0001", "gzip;q=1.000", "gzip;q=1.0000",
           "gzip;q=1.001", "gzip; q=0.5", "gzip ;q=0", "gzip;Q=0", "gzip;q=", "gzip;q=abc", "gzip;q=2", "gzip;q=.5", "gzip;x=1", "gzip;q=0.5;x=1", "gzippy",
           "agzip", "agzip, gzip", "br", "", "deflate", "br, gzip;q=0, gzip", "gzip, identity;q=0", "*;q=0", "*", "x-gzip", "identity, gzip;q=0.1"]
AGENTS = ["foobar", "FOO", "other", "Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1)", "Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1; SV1)",
          "Mozilla/4.0 (compatible; MSIE 5.5; SV1)", "MSIE 4.0;", "MSIE 3.0;", "MSIE 7.0;", "MSIE 6.0", "MSIE 6.", "MSIE 4", "MSIE 10.0; MSIE 6.0"]
PROXIED = ["off", "any", "expired", "no-cache", "no-store", "private", "no_last_modified", "no_etag", "auth", "off any", "expired no-cache no-store private auth",
           "expired no_etag", "expired no-cache no-store private no_last_modified no_etag auth"]
SAYS = {"nothing": "", "past": "expires -1;", "future": "expires 1h;", "no-cache": "add_header Cache-Control no-cache;", "no-store": "add_header Cache-Control no-store;",
        "private": "add_header Cache-Control 'max-age=1, PRIVATE';", "max-age": "add_header Cache-Control max-age=9;", "untagged": "etag off;"}
PROXY_PLACES = "".join(f"location /p{p}/{name}/ {{ gzip_proxied {which}; {says} alias {{prefix}}/html/; }}"
                       for p, which in enumerate(PROXIED) for name, says in SAYS.items())
PROXY_ASKS = [f"GET /p{p}/{name}/a.txt {GZIP}|Via: 1.1 p{auth}" for p in range(len(PROXIED)) for name in SAYS for auth in ("", "|Authorization: Basic eDp5")]

CASES = {
    "accept": ("gzip_static on; gzip_vary on;", [f"GET /a.txt Accept-Encoding: {accept}" for accept in ACCEPTS] + ["GET /a.txt"]),
    "static": ("gzip_static on; location /alias/ { alias {prefix}/html/; } location ~ ^/re/(.*) { alias {prefix}/html/$1; } location /page { error_page 404 /a.txt; }"
               "location /asis { error_page 404 =200 /a.txt; } location /try { try_files /none /a.txt =404; } location /tryonly { try_files /only.txt =404; }"
               "location /e/ { index x.html; } location /tag/ { etag off; alias {prefix}/html/; } location /links/ { disable_symlinks on; alias {prefix}/html/; }"
               "location /404/ { error_page 404 =410 /only.txt; }",
               [f"{method} {target} {fields}" for method in ("GET", "HEAD") for fields in (GZIP, "X: y") for target in
                ("/a.txt", "/only.txt", "/plain.txt", "/none.txt", "/alias/a.txt", "/re/a.txt", "/page", "/asis", "/try", "/tryonly", "/d/", "/d", "/e/",
                 "/folder.txt", "/a.txt.gz", "/tag/a.txt", "/links/a.txt", "/404/x")]
               + [f"GET /a.txt {GZIP}|Range: bytes=0-3", f"GET /a.txt {GZIP}|If-Modified-Since: Tue, 14 Nov 2023 22:13:20 GMT", f"GET /a.txt {GZIP}|If-None-Match: *",
                  f"GET /a.txt {GZIP}|If-Match: \"x\"", f"POST /a.txt {GZIP}", f"POST /only.txt {GZIP}"]),
    "always": ("gzip_static always; gzip_vary on;", [f"{method} {target} {fields}" for method in ("GET", "HEAD") for fields in (GZIP, "Accept-Encoding: br", "Via: x")
                                                    for target in ("/a.txt", "/only.txt", "/plain.txt", "/none.txt")]),
    "vary": ("gzip_static on; gzip_vary on; location /o/ { add_header Vary Origin; alias {prefix}/html/; } location /s/ { add_header Vary Accept-Encoding; alias {prefix}/html/; }"
             "location /off/ { gzip_vary off; alias {prefix}/html/; }",
             [f"GET {target} {fields}" for fields in (GZIP, "X: y", f"{GZIP}|If-None-Match: *") for target in ("/a.txt", "/only.txt", "/plain.txt", "/none.txt", "/o/a.txt", "/s/a.txt", "/off/a.txt")]),
    "agents": ("gzip_static on; location /own/ { gzip_disable foo.*; gzip_disable 'x y' msie6; alias {prefix}/html/; }",
               [f"GET {target} {GZIP}|User-Agent: {agent}" for agent in AGENTS for target in ("/a.txt", "/own/a.txt")]),
    "proxies": ("gzip_static on; " + PROXY_PLACES, PROXY_ASKS),
    "proxies of gzip": ("gzip on; gzip_types *; " + PROXY_PLACES.replace("/html/;", "/html/d/;"),
                        [ask.replace("a.txt", "index.html") for ask in PROXY_ASKS]),
    "gunzip": ("gzip_static always; gunzip on; gzip_vary on; location /via/ { gzip_proxied any; alias {prefix}/html/; } location /ua/ { gzip_disable foo msie6; alias {prefix}/html/; }"
               "location /page { error_page 404 /a.txt; } location /off/ { gunzip off; alias {prefix}/html/; } location /cs/ { charset utf-8; alias {prefix}/html/; }",
               [f"{method} {target} {fields}" for method in ("GET", "HEAD") for target in ("/a.txt", "/two.txt", "/only.txt", "/plain.txt", "/via/a.txt", "/ua/a.txt", "/page", "/off/a.txt", "/cs/a.txt")
                for fields in (GZIP, "X: y", f"{GZIP}|Via: x", f"{GZIP}|User-Agent: foo", "Range: bytes=0-3", "If-None-Match: *")]),
}

BY_FIELDS = "gzip_proxied goes by all fields of the answer, and one parameter that fits is enough"
VALIDATORS = "no_last_modified goes by the field that is sent"


def packed(answer):
    return 200, sorted([f for f in answer[1] if f[0] not in ("Content-Length", "ETag", "Accept-Ranges")] + [
        ("Accept-Ranges", "bytes"), ("Content-Encoding", "gzip"), ("Content-Length", str(len(PACKED))), ("ETag", f'"6553f100-{len(PACKED):x}"')]), PACKED


def plain(answer):
    return 200, sorted([f for f in answer[1] if f[0] not in ("Content-Length", "ETag", "Content-Encoding", "Accept-Ranges")] + [
        ("Accept-Ranges", "bytes"), ("Content-Length", str(len(TEXT))), ("ETag", f'"6553f100-{len(TEXT):x}"')]), TEXT


def replaced(name, *values):
    return lambda answer: (answer[0], sorted([f for f in answer[1] if f[0] != name] + [(name, v) for v in values]), answer[2])


def part(answer, method):
    return 206, sorted([f for f in answer[1] if f[0] not in ("Content-Length", "Accept-Ranges")]
                       + [("Content-Length", "4"), ("Content-Range", f"bytes 0-3/{len(PACKED)}")]), b"" if method == "HEAD" else PACKED[:4]


def differing(name, line, answer):
    """What weir is to say where nginx says that, and why; for the rest the same."""
    status, fields, _ = answer
    if name == "accept":
        accept = line.partition("Accept-Encoding: ")[2]
        if accept in ("*", "x-gzip"):           # any encoding; gzip (RFC 9110 12.5.3, 8.4.1.3)
            return packed(answer)
        if accept == "identity, gzip;q=0.1":    # a client that likes identity better gets that
            return plain(answer)
    if status == 200 and ("Content-Encoding", "gzip") in fields and not any(f[0] == "Transfer-Encoding" for f in fields):
        # a packed file may be asked for in parts, as any other
        if "Range: bytes=0-3" in line:
            return part(answer, line.split()[0])
        answer = replaced("Accept-Ranges", "bytes")(answer)
    if status >= 400:                           # a page that stands in for an error says nothing of its file
        answer = replaced("ETag")(answer)
    if status == 405:                           # 405 says what is allowed (RFC 9110 15.5.6)
        answer = replaced("Allow", "GET, HEAD")(answer)
    varies = [value for field, value in fields if field == "Vary"]
    if len(varies) > 1:                         # one Vary, that says it once
        answer = replaced("Vary", ", ".join(sorted(set(varies), key=["Origin", "Accept-Encoding"].index)))(answer)
    if name == "gunzip" and status == 304 and "/off/" not in line and "plain" not in line and GZIP not in line:
        # 304 says what 200 would (RFC 9110 15.4.5)
        answer = replaced("Vary", "Accept-Encoding")(replaced("ETag", "W/" + dict(fields)["ETag"])(answer))
    return answer


def ask(server, line):
    method, target, fields = (line.split(" ", 2) + [""])[:3]
    with server.connect() as client:
        response = client.send(request(target, *filter(None, fields.split("|")), "Connection: close", method=method)).read(method)
    own_page = response.status >= 300 and TEXT not in response.body and PACKED not in response.body
    hidden = {"server", "date", "connection", "expires", "cache-control"} | ({"content-length"} if own_page else set())
    headers = sorted((n, v.replace(f":{server.port()}", ":PORT")) for n, v in response.headers if n.lower() not in hidden)
    return response.status, headers, b"" if own_page else response.body


def write(server):
    for file, content in FILES.items():
        server.write(file, content, mtime=MTIME)


def ask_both(name):
    lines, asks = CASES[name]
    found = {}
    for kind in (Nginx, Weir):
        with serving(kind=kind, server=TYPES + lines, files=FILES, allow=["takes gzip", "do not take gzip"]) as server:
            write(server)
            found[kind] = {line: ask(server, line) for line in asks}
    return found


@pytest.mark.parametrize("name", [name for name in CASES if name != "proxies of gzip"])
def test_who_gets_what(name):
    found = ask_both(name)
    wrong = {}
    for line, answer in found[Nginx].items():
        expected = differing(name, line, answer)
        if found[Weir][line] != expected:
            wrong[line] = f"\n  nginx {answer}\n  weir  {found[Weir][line]}"
    assert not wrong, "".join(f"{line}:{text}\n" for line, text in list(wrong.items())[:10]) + f"{len(wrong)} in all"


# The lines of "proxies of gzip" that differ: parameter, what the answer says, with Authorization; packed by weir
PROXY_DIFFERENCES = {
    **{("no_last_modified", says, auth): (False, VALIDATORS) for says in ("nothing", "untagged") for auth in (False, True)},
    **{("no-cache", "past", auth): (True, BY_FIELDS) for auth in (False, True)},
}


def test_what_proxies_get_of_answers_that_are_packed_on_their_way():
    found = ask_both("proxies of gzip")
    wrong = {}
    lines = iter(found[Nginx])
    for which in PROXIED:
        for says in SAYS:
            for auth in (False, True):
                line = next(lines)
                theirs, mine = (any(f == ("Content-Encoding", "gzip") for f in found[kind][line][1]) for kind in (Nginx, Weir))
                expected = PROXY_DIFFERENCES.get((which, says, auth), (theirs, ""))[0]
                if mine != expected or ((which, says, auth) in PROXY_DIFFERENCES and theirs == expected):
                    wrong[which, says, auth] = (theirs, mine)
    assert not wrong, "\n".join(f"{key}: nginx {theirs} weir {mine}" for key, (theirs, mine) in wrong.items())
