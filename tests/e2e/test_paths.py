# SPDX-License-Identifier: BSD-2-Clause
"""Paths as they come over the wire: decoded, normalised, and never outside the root."""

import os

import pytest

from harness import serving

NAMES = ["with blank", "100%", "what?", "number#", 'quote"', "tick'", "less<more>", "amp&and;", "plus+", "back\\slash", "tab\there",
         "line\nfeed", "bell\x07", "tilde~", "star*", "a..b", "...", "..x", "x..", ".hidden", "é", "日本", "a:b", "[x]", "{x}", "a|b",
         "%2e%2e", "%00", "é".encode("latin-1"), b"\x80\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"del\x7f", "a=b", "a,b", "$uri",
         "n" * 255]


def raw(name):
    return name if isinstance(name, bytes) else name.encode()


def encoded(name):
    return "".join(chr(c) if chr(c).isalnum() and c < 128 else f"%{c:02X}" for c in raw(name))


@pytest.fixture(scope="module")
def server():
    http = """
        server { listen 127.0.0.1:{port}; serve_hidden on; location /loc/deep/ { return 200 deep; } location /safe/ { return 200 safe; } }
        server { listen 127.0.0.1:{port1}; merge_slashes off; location /loc/deep/ { return 200 deep; } }
    """
    files = {"html/index.html": "root\n", "html/dir/file": "file\n", "html/dir/sub/file": "sub file\n", "html/top": "top\n",
             "secret": "SECRET\n", "secrets/x": "SECRET\n", "html-more/x": "SECRET\n"}
    with serving(http=http, files=files, start=False) as weir:
        for name in NAMES:
            with open(os.fsencode(weir.html) + b"/" + raw(name), "wb") as file:
                file.write(b"it is " + raw(name))
        weir.start()
        yield weir


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_odd_name_is_served_when_encoded(server, name):
    answer = server.get("/" + encoded(name))
    assert (answer.status, answer.body) == (200, b"it is " + raw(name))


@pytest.mark.parametrize("name", [n for n in NAMES if not set(raw(n)) & set(b" %?#\t\n\x07\x7f")], ids=ascii)
def test_odd_name_is_served_as_it_is(server, name):
    with server.connect() as client:
        answer = client.ask(b"GET /" + raw(name) + b" HTTP/1.1\r\nHost: h\r\n\r\n")
        assert (answer.status, answer.body) == (200, b"it is " + raw(name))


# target: what is served, or the statuses of the refusal
NORMAL = {
    "/dir/file": b"file\n", "/dir/./file": b"file\n", "/./dir/file": b"file\n", "/dir/sub/../file": b"file\n",
    "/dir/../top": b"top\n", "/dir/sub/../../top": b"top\n", "/x/../top": b"top\n", "//top": b"top\n", "/dir//file": b"file\n",
    "///dir////sub//file": b"sub file\n", "/dir/sub/..//file": b"file\n", "/%64ir/file": b"file\n", "/dir%2ffile": b"file\n",
    "/dir%2Ffile": b"file\n", "/dir/%2e/file": b"file\n", "/dir/sub/%2e%2e/file": b"file\n", "/dir/sub/.%2E/file": b"file\n",
    "/dir/sub%2f..%2ffile": b"file\n", "/dir/..": b"root\n", "/dir/../": b"root\n", "/.": b"root\n", "/./": b"root\n", "/dir/sub/../../": b"root\n",
    "/top?/../x": b"top\n", "/top?%zz": b"top\n", "/top?": b"top\n", "/loc//deep/x": b"deep", "/loc/./deep/": b"deep", "/loc/x/../deep/": b"deep",
    "/l%6fc/deep/": b"deep", "/%73afe/": b"safe", "/x/../safe/": b"safe", "/dir/...": {404}, "/dir/..file": {404},
    "/%2574op": {404}, "/TOP": {404}, "/dir\\file": {404}, "/dir%5cfile": {404}, "/+": {404}, "/dir%20file": {404},
    "/..": {400}, "/../": {400}, "/../top": {400}, "/../secret": {400}, "/../../../../etc/passwd": {400}, "/dir/../../secret": {400},
    "/dir/../../html/top": {400}, "/%2e%2e/secret": {400}, "/%2e%2e%2fsecret": {400}, "/..%2fsecret": {400}, "/.%2e/secret": {400},
    "/dir/%2e%2e/%2e%2e/secret": {400}, "//../secret": {400}, "/./../secret": {400}, "/x/../../secret": {400}, "/..//secret": {400},
    "/dir/..%2f..%2fsecret": {400}, "/..%00/secret": {400}, "/top%00": {400}, "/%00": {400}, "/dir%00/file": {400}, "/dir/%00/../file": {400},
    "/..\\secret": {400, 404}, "/..%5csecret": {400, 404}, "/dir\\..\\..\\secret": {400, 404}, "/.../secret": {404}, "/....//secret": {404},
    "/%252e%252e/secret": {404}, "/..;/secret": {404}, "/%c0%ae%c0%ae/secret": {404}, "/%c0%af../secret": {404}, "/..%c0%afsecret": {404},
    "/%": {400}, "/%4": {400}, "/%4g": {400}, "/%g4": {400}, "/top%": {400}, "/%u002e": {400}, "/-more/x": {404}, "/../html-more/x": {400},
    "/dir/file/../../../secret": {400}, "http://h/../secret": {400}, "http://h/dir/../top": b"top\n", "http://h//top": b"top\n",
}


def check(answer, wanted):
    assert b"SECRET" not in answer.body and b"root:" not in answer.body
    if isinstance(wanted, bytes):
        assert (answer.status, answer.body) == (200, wanted)
    else:
        assert answer.status in wanted


@pytest.mark.parametrize("target", list(NORMAL))
def test_path_is_normalised_and_stays_within_the_root(server, target):
    check(server.get(target), NORMAL[target])


UNMERGED = {
    "/dir/file": b"file\n", "/dir//file": b"file\n", "//top": b"top\n", "/loc/deep/": b"deep", "/loc//deep/": {404}, "//../secret": {400, 404},
    "//dir/../../secret": {400, 404}, "/dir//../../secret": {400, 404, 200}, "/..//secret": {400}, "//..//..//secret": {400, 404}, "//../../secret": {400}, "/../secret": {400},
}


@pytest.mark.parametrize("target", list(UNMERGED))
def test_merge_slashes_off_keeps_slashes_and_stays_within_the_root(server, target):
    check(server.get(target, name="port1"), UNMERGED[target])


# ---- paths made of variables

@pytest.fixture(scope="module")
def made():
    conf = """
        location /e { error_page 404 /$arg_p; }
        location /e2 { error_page 404 $arg_p; }
        location /i/ { index $arg_p; }
        location /i2/ { index /$arg_p; }
        location /h/ { root {prefix}/html/$host; }
        location /h2/ { root {prefix}/html/hosts/x$arg_p; }
        location /h3/ { alias {prefix}/html/hosts/$arg_p/; }
        location /h4/ { alias {prefix}/html/../html/./hosts/x..$arg_p/; }
    """
    files = {"html/page.html": "page\n", "html/i/page.html": "page\n", "html/i2/x": "x", "secret": "SECRET\n", "h/secret": "SECRET\n",
             "h3/secret": "SECRET\n", "html/good/h/secret": "mine\n", "html/hosts/good/x": "mine\n", "html/hosts/x..y/x": "mine\n", "html/h/secret": "SECRET\n"}
    with serving(server=conf, files=files, start=False) as weir:
        weir.write("logs/error.log", "SECRET\n")
        weir.start()
        yield weir


UP = "../../../../../../../../etc/passwd"
# (target, Host): what is served, or the statuses of the refusal
MADE = {
    ("/e/x?p=page.html", "h"): (404, b"page\n"), ("/e2/x?p=/page.html", "h"): (404, b"page\n"),
    ("/i/?p=page.html", "h"): (200, b"page\n"), ("/i2/?p=page.html", "h"): (200, b"page\n"),
    ("/h/secret", "good"): (200, b"mine\n"), ("/h3/x?p=good", "h"): (200, b"mine\n"), ("/h4/x?p=y", "h"): (200, b"mine\n"),
    ("/e/x?p=../secret", "h"): {404}, (f"/e/x?p={UP}", "h"): {404}, ("/e/x?p=../../../../etc/hostname", "h"): {404},
    ("/e/x?p=x/../../secret", "h"): {404}, ("/e2/x?p=/../secret", "h"): {404}, ("/e/x?p=..", "h"): {404},
    ("/i/?p=../../secret", "h"): {404}, (f"/i/?p={UP}", "h"): {404}, ("/i/?p=../../logs/error.log", "h"): {404},
    ("/i/?p=x/../../../secret", "h"): {404}, ("/i2/?p=../secret", "h"): {404}, ("/i2/?p=../logs/error.log", "h"): {404}, ("/i2/?p=..", "h"): {404},
    ("/h/secret", "..."): {400, 404}, ("/h/secret", "...:80"): {400, 404}, ("/h/secret", "...."): {400, 404},
    ("/h2/secret?p=/../../../", "h"): {404}, ("/h3/secret?p=../..", "h"): {404}, ("/h3/secret?p=..", "h"): {404},
    ("/h4/secret?p=/..", "h"): {404}, ("/h4/x?p=y/.", "h"): {404}, ("/h4/x?p=y/../x..y", "h"): {404},
}


@pytest.mark.parametrize("host", [".", "..", ".:80", "..:80"])
def test_host_of_dots_is_no_folder_of_hosts(made, host):
    assert made.get("/h/secret", host=host).status in (400, 404)


@pytest.mark.parametrize("target, host", list(MADE))
def test_path_made_of_variables_stays_within_the_root(made, target, host):
    answer, wanted = made.get(target, host=host), MADE[target, host]
    assert b"SECRET" not in answer.body and b"root:" not in answer.body
    if isinstance(wanted, tuple):
        assert (answer.status, answer.body) == wanted
    else:
        assert answer.status in wanted and answer.text.rstrip().endswith("</html>")
