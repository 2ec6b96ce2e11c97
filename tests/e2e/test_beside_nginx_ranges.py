# SPDX-License-Identifier: BSD-2-Clause
"""
Parts of answers (Range, If-Range, Accept-Ranges) beside the nginx of this machine: forms of the field, and kinds of answers that
may be asked for in parts. What differs stands in DIFFERENCES, with the reason; skipped where there is no nginx.
"""

import re

import pytest

from harness import Weir, request, serving
from harness.nginx import NGINX, Nginx

pytestmark = pytest.mark.skipif(NGINX is None, reason="there is no nginx")

MTIME = 1_700_000_000
TIME = "Tue, 14 Nov 2023 22:13:20 GMT"
FILES = {"html/a.html": "0123456789abcdef", "html/empty.html": "", "html/one.html": "x", "html/big.bin": bytes(range(256)) * 1000, "html/d/index.html": "the index",
         "html/e404.html": "nothing is there", "html/long name.txt": "a text"}
TAG = '"6553f100-10"'

FORMS = ["bytes=0-0", "bytes=0-1", "bytes=2-3", "bytes=15-15", "bytes=15-", "bytes=0-", "bytes=16-", "bytes=16-20", "bytes=-1", "bytes=-16", "bytes=-17", "bytes=-0", "bytes=-",
         "bytes=5-2", "bytes=0-99", "bytes=0-0,2-2", "bytes=0-1,1-2", "bytes=0-3,2-5", "bytes=2-2,0-0", "bytes=0-0,-1", "bytes=0-0,99-", "bytes=99-,0-0", "bytes=99-,98-",
         "bytes=0-15,0-15", "bytes=0-,1-", "bytes=0-0,1-1,2-2,3-3,4-4,5-5,6-6,7-7", "bytes= 0-0", "bytes=0 - 0", "bytes=0-0 , 2-2", "bytes=0-0,", "bytes=,0-0", "bytes=0-0,,2-2",
         "bytes=", "bytes", "bytes=a-b", "bytes=0", "bytes=0-0x", "bytes 0-0", "BYTES=0-0", "Bytes=0-0", "lines=0-0", "bytes=00-01", "bytes=1-0", "bytes=-5,0-1", "bytes=--1", "bytes=+0-1",
         "bytes=0-9223372036854775807", "bytes=0-18446744073709551616", "bytes=9223372036854775807-", "bytes=99999999999999999999-", "bytes=-99999999999999999999", "bytes=\t0-0", "bytes=0-0;x"]

PLACES = {
    "/r": "return 200 0123456789;", "/r404": "return 404 0123456789;", "/try/": "try_files /none /a.html;", "/elsewhere": "rewrite ^ /a.html last;",
    "/404": "error_page 404 /e404.html; return 404;", "/404200": "error_page 404 =200 /e404.html; return 404;", 
    "/off/": "alias {prefix}/html/; max_ranges 0;", "/two/": "alias {prefix}/html/; max_ranges 2;",
    "/charset/": "alias {prefix}/html/; charset utf-8;", "/no-tag/": "alias {prefix}/html/; etag off;",
    "/added/": "alias {prefix}/html/; add_header ETag '\"x\"';", "/untimed/": "alias {prefix}/html/; add_header Last-Modified '';",
    "/stub": "stub_status;", "/sub/": "alias {prefix}/html/; sub_filter zzz y;", "/added-to/": "alias {prefix}/html/; add_after_body /one.html;", "/text/": "alias {prefix}/html/; default_type text/plain;",
    "/if/": "alias {prefix}/html/; if ($arg_x) { add_header X x; }", "/limit/": "alias {prefix}/html/; limit_except GET { deny all; }", "/201": "return 201 0123456789;",
    "/no-type/": "alias {prefix}/html/; types { } default_type '';",
}
KINDS = ["/a.html", "/empty.html", "/one.html", "/d/", "/d", "/none", "/big.bin", "/r", "/r404", "/try/x", "/elsewhere", "/404", "/404200", "/off/a.html", "/two/a.html",
          "/charset/a.html", "/no-tag/a.html", "/untimed/a.html",
         "/stub", "/sub/a.html", "/added-to/a.html", "/text/long%20name.txt", "/if/a.html?x=1", "/limit/a.html", "/201", "/no-type/a.html"]
WHAT = ["", "Range: bytes=0-1", "Range: bytes=0-0,2-2", "Range: bytes=0-0,1-1,2-2", "Range: bytes=999999-", "Range: bytes=-1"]
CONDITIONS = [f"If-Range: {TAG}", 'If-Range: "x"', f"If-Range: W/{TAG}", f"If-Range: {TIME}", "If-Range: Tue, 14 Nov 2023 22:13:21 GMT", "If-Range: Tue, 14 Nov 2023 22:13:19 GMT", "If-Range: junk",
              "If-Range: ", f"If-None-Match: {TAG}", 'If-None-Match: "x"', f"If-Match: {TAG}", 'If-Match: "x"', f"If-Modified-Since: {TIME}", "If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT",
              f"If-Unmodified-Since: {TIME}", "If-Unmodified-Since: Sun, 06 Nov 1994 08:49:37 GMT"]

CASES = {
    "forms": [f"GET /a.html Range: {form}" for form in FORMS],
    "forms of nothing": [f"GET /empty.html Range: {form}" for form in FORMS[:30]],
    "forms of a byte": [f"GET /one.html Range: {form}" for form in FORMS[:30]],
    "two at most": [f"GET /two/a.html Range: {form}" for form in FORMS[:40]],
    "kinds": [f"{method} {kind}{('|' if ' ' in kind else ' ') + what if what else ''}" for kind in KINDS for what in WHAT for method in ("GET", "HEAD")],
    "conditions": [f"{method} {target} {range_}|{condition}" for method in ("GET", "HEAD") for target in ("/a.html", "/no-tag/a.html", "/untimed/a.html", "/added/a.html")
                   for range_ in ("Range: bytes=0-1", "Range: bytes=99-") for condition in CONDITIONS],
    "versions": [f"GET /a.html 1.0|Range: {form}" for form in FORMS[:20]],
    "two fields": ["GET /a.html Range: bytes=0-0|Range: bytes=1-1", "POST /a.html Range: bytes=0-0", "POST /r Range: bytes=0-0", "OPTIONS /a.html Range: bytes=0-0"],
}
IGNORED = "a field that is no list of ranges is as if it was not there (RFC 9110 14.2); nginx says 416"
LIST = "a list may have empty members, and blanks of both kinds around them (RFC 9110 5.6.1, 5.6.3)"
HUGE = "a number may be larger than any file"
# What weir takes a form for; None: as if there was no Range.
LIKE = {
    "bytes=-": (None, IGNORED), "bytes=5-2": (None, IGNORED), "bytes=0 - 0": (None, IGNORED), "bytes=a-b": (None, IGNORED), "bytes=0": (None, IGNORED),
    "bytes=0-0x": (None, IGNORED), "bytes=1-0": (None, IGNORED), "bytes=--1": (None, IGNORED), "bytes=+0-1": (None, IGNORED), "bytes=0-0;x": (None, IGNORED),
    "bytes=0-0,": ("bytes=0-0", LIST), "bytes=,0-0": ("bytes=0-0", LIST), "bytes=0-0,,2-2": ("bytes=0-0,2-2", LIST), "bytes=\t0-0": ("bytes=0-0", LIST),
    "bytes=0-18446744073709551616": ("bytes=0-99", HUGE), "bytes=-99999999999999999999": ("bytes=-99", HUGE),
}


def like(line):
    """The request that nginx answers as weir answers this one."""
    head, found, form = line.partition("Range: bytes")
    form = "bytes" + form
    if not found or "|" in form:
        return line
    # of nothing there are no parts: the field is as if it was not there; nginx says 416 to some forms
    instead = None if "/empty.html" in line else LIKE.get(form, (form,))[0]
    return head + "Range: " + instead if instead else head.rstrip(" |")


def of_weir(line, answer):
    """What weir says, made of what nginx says."""
    status, fields, body = answer
    if status == 405:                   # says what is allowed (RFC 9110 15.5.6)
        fields = sorted(fields + [("Allow", "GET, HEAD")])
    if status == 416:                   # has the fields of its own status
        fields = [f for f in fields if f[0] != "X"]
    if " /404" in line and status == 404:       # a page that stands in for an error says nothing of its file
        fields = [f for f in fields if f[0] != "ETag"]
    return status, fields, body


def ask(server, line):
    method, target, *fields = line.split(" ", 2)
    fields = fields[0].split("|") if fields else []
    version = "1.0" if "1.0" in fields else "1.1"
    answer = server.ask(request(target, *[f for f in fields if f != "1.0"], "Connection: close", method=method, version=version), method)
    of_server = b"<html" in answer.body or method == "HEAD" and answer.status >= 300 or target == "/stub"
    def value(name, text):
        if name == "Content-Length" and (of_server or method == "HEAD" and "multipart" in (answer.get("Content-Type") or "")):
            return "N"
        return re.sub(r"boundary=\d+", "boundary=N", text.replace(f":{server.port()}", ":PORT"))
    fields = sorted((n, value(n, v)) for n, v in answer.headers if n.lower() not in ("server", "date", "connection", "transfer-encoding", "cache-control"))
    return answer.status, fields, None if of_server else re.sub(rb"--\d{20}", b"--N", answer.body)


@pytest.mark.parametrize("name", list(CASES))
def test_answers(name):
    found = {}
    lines = "types { text/html html; text/plain txt; } default_type application/octet-stream;" + "".join(f"location {where} {{ {what} }} " for where, what in PLACES.items())
    for kind in (Nginx, Weir):
        with serving(kind=kind, server=lines, files=FILES) as server:
            for file, content in FILES.items():
                server.write(file, content, mtime=MTIME)
            found[kind] = {line: ask(server, like(line) if kind is Nginx else line) for line in CASES[name]}
    wrong = {}
    for line in CASES[name]:
        expected = of_weir(line, found[Nginx][line])
        if expected != found[Weir][line]:
            wrong[line] = f"\n  nginx {expected}\n  weir  {found[Weir][line]}"
    assert not wrong, "".join(f"{line}:{text}\n" for line, text in wrong.items())
