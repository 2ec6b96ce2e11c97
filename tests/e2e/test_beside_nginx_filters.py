# SPDX-License-Identifier: BSD-2-Clause
"""
Filters that change the text of an answer (sub_filter, and what goes with it), beside the nginx of this machine: the same files
and requests to both. What differs stands in DIFFERENCES, with the reason; skipped where there is no nginx.
"""

import pytest

from harness import Weir, request, serving
from harness.nginx import NGINX, Nginx, with_fields_of

pytestmark = pytest.mark.skipif(NGINX is None, reason="there is no nginx")

MTIME = 1_700_000_000
FILES = {
    "html/a.html": "a foo b Foo c\n", "html/empty.html": "", "html/a.txt": "text foo\n", "html/d/index.html": "folder foo bar",
    "html/d/e/index.html": "deeper foo bar", "html/404.html": "nothing, foo", "html/koi.html": b"foo \xc0 b", "html/utf.html": "foo ю b",
    "html/long.html": "x" * 40000 + "foo" + "y" * 40000 + "foo", "html/overlaps.html": "xabcabx ab abc abcd abcde bcd aaaa AAAA ababab abbab",
    "html/before.html": "before foo|", "html/after.html": "|after foo", "html/koi.txt": b"koi \xc0",
    "html/binary.html": bytes(range(256)) * 3, "html/lines.html": "one\ntwo\r\n\n\tthree  four",
}
TYPES = "types { text/html html; text/plain txt; } default_type text/html;"
ASKS = ["GET /a.html", "HEAD /a.html", "GET /a.html 1.0", "HEAD /a.html 1.0", "GET /empty.html", "HEAD /empty.html", "GET /a.txt", "GET /long.html", "GET /d",
        "GET /d/", "GET /none", "HEAD /none", "POST /a.html", "GET /a.html Range: bytes=0-1", "GET /a.html Range: bytes=99-", "GET /a.html If-None-Match: *",
        'GET /a.html If-None-Match: "6553f100-e"', 'GET /a.html If-None-Match: W/"6553f100-e"', 'GET /a.html If-Match: "x"',
        "GET /a.html If-Modified-Since: Tue, 14 Nov 2023 22:13:20 GMT", 'GET /a.html Range: bytes=0-1|If-Range: "6553f100-e"']
RETURNS = ("location /r { return 200 'foo'; } location /r0 { return 200 ''; } location /r201 { return 201 foo; } location /r204 { return 204; } "
           "location /r301 { return 301 /foo; } location /r302 { return 302 http://foo/; } location /r304 { return 304 foo; } location /r402 { return 402 foo; } "
           "location /r404 { return 404; } location /r500 { return 500 foo; } location /page { error_page 404 /404.html; } "
           "location /page200 { error_page 404 =200 /404.html; } location /type { default_type text/plain; return 200 foo; } "
           "location /notype { types { } default_type ''; return 200 foo; } location /if { if ($arg_x) { return 200 'foo x'; } return 200 'foo'; } ")
RETURN_ASKS = [f"GET /{name}" for name in ("r", "r0", "r201", "r204", "r301", "r302", "r304", "r402", "r404", "r500", "page/x", "page200/x", "type", "notype",
                                           "if", "if?x=1")] + ["HEAD /r", "HEAD /r0", "HEAD /r404", "POST /r", "GET /r Range: bytes=0-1", "GET /r 1.0"]
PAIRS = ["ab [1]; sub_filter abc [2]", "abc [2]; sub_filter ab [1]", "bc [1]; sub_filter abcd [2]", "abcde [2]; sub_filter bc [1]; sub_filter c [3]",
         "aa X", "a ba; sub_filter ba X", "ab [1]; sub_filter AB [2]", "a ''; sub_filter b ''", "abab [1]; sub_filter b [2]", "x $uri"]
MAPS = "charset_map koi8-r utf-8 { C0 D18E; C1 D0B0; } "

ADDED = "add_before_body /before.html; add_after_body /after.html;"
ALONE = "location = /before.html { add_before_body ''; add_after_body ''; } "
KOI = "location = /koi.txt { default_type text/html; types { } "

CASES = {
    "sub": ("", "sub_filter foo [$uri];", ASKS),
    "sub all": ("", "sub_filter foo ''; sub_filter_once off; sub_filter_last_modified on;", ASKS),
    "sub any type": ("", "sub_filter foo bar; sub_filter_types *;" + RETURNS, RETURN_ASKS + ["GET /a.txt"]),
    "sub types": ("", "sub_filter foo bar; sub_filter_types Text/Plain;" + RETURNS, RETURN_ASKS + ["GET /a.txt", "GET /a.html"]),
    "sub own pages": ("", "sub_filter 'Not Found' bar;" + RETURNS, RETURN_ASKS),
    "sub overlaps": ("", "".join(f"location /{once}{i}/ {{ alias {{prefix}}/html/; sub_filter_once {once}; sub_filter {pair}; }} "
                                 for i, pair in enumerate(PAIRS) for once in ("on", "off")),
                     [f"GET /{once}{i}/overlaps.html" for i in range(len(PAIRS)) for once in ("on", "off")]),
    "sub variables": ("", "sub_filter_once off; location /one { sub_filter $arg_p [$arg_r]; alias {prefix}/html/overlaps.html; }"
                      "location /three { sub_filter $arg_p [$arg_r]; sub_filter b B; sub_filter x$arg_q [q]; alias {prefix}/html/overlaps.html; }",
                      [f"GET /{where}?{args}" for where in ("one", "three") for args in
                       ("p=a&r=1", "p=AB&r=2", "r=3", "p=&r=4", "p=bc&r=$uri", "p=" + "z" * 300, "q=A", "p=ab&q=ab", "p=%61", "p=bb&r=%20")]),
    "sub odd bytes": ("", "sub_filter_once off; location /n { sub_filter '\\n' <br>; alias {prefix}/html/lines.html; } location /t { sub_filter '\\t' TAB;"
                      "sub_filter '  ' SPACES; alias {prefix}/html/lines.html; } location /b { sub_filter 'AB' 1; sub_filter '}~' 2; alias {prefix}/html/binary.html; }",
                      ["GET /n", "GET /t", "GET /b"]),
    "sub inherited": ("sub_filter foo H;", "location /d/ { sub_filter bar L; location /d/e/ { sub_filter_once off; } } location /a { sub_filter_once off; }",
                      ["GET /a.html", "GET /d/", "GET /d/e/", "GET /long.html", "GET /404.html"]),
    "sub fields": ("", "sub_filter foo bar; add_header ETag '\"x\"'; add_header X $sent_http_content_length; expires 1h; location /l { sub_filter_last_modified on;"
                   "add_header Last-Modified 'Sun, 06 Nov 1994 08:49:37 GMT'; alias {prefix}/html/; } location /e { etag off; alias {prefix}/html/; }",
                   ["GET /a.html", "GET /l/a.html", "GET /e/a.html", 'GET /a.html If-None-Match: "x"']),
    "sub charset": (MAPS, "charset utf-8; sub_filter foo 'ю'; location /koi/ { source_charset koi8-r; sub_filter b [b]; alias {prefix}/html/; }"
                    "location /utf/ { charset koi8-r; source_charset utf-8; sub_filter foo 'ю'; alias {prefix}/html/; }",
                    ["GET /utf.html", "GET /koi/koi.html", "GET /utf/utf.html", "HEAD /koi/koi.html"]),
    "added": ("", ADDED + ALONE, ASKS + ["GET /before.html", "GET /after.html"]),
    "added before": ("", "add_before_body /before.html;", ASKS),
    "added after": ("", "add_after_body /after.html;", ASKS),
    "added to any type": ("", ADDED + "addition_types *;" + RETURNS, RETURN_ASKS + ["GET /a.txt"]),
    "added to types": ("", ADDED + "addition_types Text/Plain;" + RETURNS, RETURN_ASKS + ["GET /a.txt", "GET /a.html"]),
    "added texts": ("", "add_before_body /t; add_after_body /long.html; location = /t { return 200 '[$uri $args $request_uri $request_method]'; }",
                    ["GET /a.html", "GET /a.html?x=y", "GET /empty.html", "POST /t2"]),
    "added what fails": ("", "location /1/ { add_before_body /none; alias {prefix}/html/; } location /2/ { add_after_body /moved; alias {prefix}/html/; }"
                         "location /3/ { add_before_body /nothing; add_after_body /refused; alias {prefix}/html/; } location /nothing { return 204; }"
                         "location /moved { return 302 /x; } location /refused { return 403; } location /304 { return 304 x; } error_page 404 /404.html; error_page 302 /a.txt;"
                         "location /4/ { add_before_body /304; add_after_body /if?x=1; alias {prefix}/html/; }",
                         ["GET /1/a.html", "GET /3/a.html", "GET /4/a.html"]),
    "added by whom it is hidden": ("", ADDED + "location /in/ { internal; alias {prefix}/html/; } location /hidden/ { add_before_body /in/a.txt; add_after_body /not/a.txt;"
                                   "alias {prefix}/html/; } location /not/ { deny all; alias {prefix}/html/; }",
                                   ["GET /hidden/a.html", "GET /in/a.txt"]),
    "added inherited": ("add_before_body /before.html;", "location /d/ { add_after_body /after.html; } location /d/e/ { add_before_body ''; } location /a { addition_types *; }",
                        ["GET /a.html", "GET /a.txt", "GET /d/", "GET /d/e/"]),
    "added and replaced": ("", ADDED + ALONE + "sub_filter foo [$uri]; location = /after.html { sub_filter foo own; }", ["GET /a.html", "GET /empty.html", "GET /r", "HEAD /a.html"]),
    "added to replaced, times kept": ("", ADDED + "sub_filter foo ''; sub_filter_last_modified on;", ["GET /a.html", "HEAD /a.html", "GET /a.html If-None-Match: *"]),
    "added fields": ("", ADDED + "add_header X x; expires 1h; charset utf-8; etag off; location = /after.html { add_header Y y; charset koi8-r; }",
                     ["GET /a.html", "GET /empty.html"]),
    "added charsets": (MAPS, "charset utf-8; location /1/ { add_before_body /koi.txt; alias {prefix}/html/; } location /2/ { add_before_body /utf.html; source_charset koi8-r;"
                       "alias {prefix}/html/; }" + KOI + "source_charset koi8-r; }", ["GET /1/a.html", "GET /2/koi.html"]),
}

ALLOW = "405 says what is allowed (RFC 9110 15.5.6)"
TAG = "a page that stands in for an error says nothing of its file"
NO_BODY = "304 has no body, and neither has one that is put into another"
EMPTY = "in an empty body nothing is replaced: it stays what it was"
LAST = "a text is found in the last bytes, too, where a longer one could have begun"


def having(*fields):
    return lambda answer: (answer[0], sorted(answer[1] + list(fields)), answer[2])


def without(*names):
    return lambda answer: (answer[0], [f for f in answer[1] if f[0].lower() not in names], answer[2])


def ending(old, new):
    return lambda answer: (answer[0], answer[1], answer[2].removesuffix(old.encode()) + new.encode())


# (case, what was asked): (what weir says, made of what nginx says; why)
DIFFERENCES = {
    ("sub", "POST /a.html"): (having(("Allow", "GET, HEAD")), ALLOW),
    ("sub all", "POST /a.html"): (having(("Allow", "GET, HEAD")), ALLOW),
    ("added", "POST /a.html"): (having(("Allow", "GET, HEAD")), ALLOW),
    ("added before", "POST /a.html"): (having(("Allow", "GET, HEAD")), ALLOW),
    ("added after", "POST /a.html"): (having(("Allow", "GET, HEAD")), ALLOW),
    ("added to any type", "GET /r304"): (without("content-length"), NO_BODY),
    ("added to types", "GET /r304"): (without("content-length"), NO_BODY),
    ("added to any type", "GET /page/x"): (without("etag"), TAG),
    ("added to types", "GET /page/x"): (without("etag"), TAG),
    ("added what fails", "GET /4/a.html"): (lambda answer: (answer[0], answer[1], answer[2].removeprefix(b"x")), NO_BODY),
    ("added and replaced", "GET /empty.html"): (having(("ETag", 'W/"6553f100-0"'), ("Last-Modified", "Tue, 14 Nov 2023 22:13:20 GMT")), EMPTY),
    ("sub overlaps", "GET /off1/overlaps.html"): (ending("[1]bab", "[1]b[1]"), LAST),
    ("sub overlaps", "GET /off8/overlaps.html"): (ending("ab", "a[2]"), LAST),
    ("sub variables", "GET /three?p=bc&r=$uri"): (ending("b", "B"), LAST),
    ("sub variables", "GET /three?p=bb&r=%20"): (ending("b", "B"), LAST),
}


def ask(server, line):
    method, target, *fields = line.split(" ", 2)
    version = "1.0" if fields == ["1.0"] else "1.1"
    fields = fields[0].split("|") if fields and version == "1.1" else []
    answer = server.ask(request(target, *fields, "Connection: close", method=method, version=version), method)
    of_server = b"<html>" in answer.body or b"<!DOCTYPE html>" in answer.body
    def value(name, text):
        return "N" if (of_server or method == "HEAD" and answer.status >= 300) and name == "Content-Length" else text.replace(f":{server.port()}", ":PORT")
    fields = sorted((n, value(n, v)) for n, v in answer.headers if n.lower() not in ("server", "date", "connection", "transfer-encoding", "expires"))
    return answer.status, fields, None if of_server else answer.body


@pytest.mark.parametrize("name", list(CASES))
def test_answers(name):
    http, lines, asks = CASES[name]
    found = {}
    for kind in (Nginx, Weir):
        with serving(kind=kind, http=http, server=TYPES + lines, files=FILES) as server:
            for file, content in FILES.items():
                server.write(file, content, mtime=MTIME)
            found[kind] = {line: ask(server, line) for line in asks}
    wrong = {}
    for line in asks:
        expected = found[Nginx][line]
        if expected[0] == 304 and " If-" in line:
            expected = with_fields_of(found[Nginx][" ".join(line.split(" ")[:2])], expected)
        if (name, line) in DIFFERENCES:
            expected = DIFFERENCES[name, line][0](expected)
            assert expected != found[Nginx][line], f"{line} does not differ any more"
        if expected != found[Weir][line]:
            wrong[line] = f"\n  nginx {expected}\n  weir  {found[Weir][line]}"
    assert not wrong, "".join(f"{line}:{text}\n" for line, text in wrong.items())
