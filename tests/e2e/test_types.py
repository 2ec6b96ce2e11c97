# SPDX-License-Identifier: BSD-2-Clause
"""types and default_type whose values hold variables."""

import pytest

from harness import check_conf, request, serving

FILES = {"html/a.foo": "foo", "html/a.bar": "bar", "html/a.html": "html", "html/none": "x"}


def type_of(weir, target, *fields):
    return weir.get(target, *fields).get("Content-Type")


def test_they_are_made_for_each_request():
    server = "types { $arg_t foo; text/$arg_t bar; text/html html; } default_type $arg_d; location /r { return 200 x; }"
    with serving(server=server, files=FILES) as weir, weir.connect() as client:
        for t in ("text/x", "text/y", "text/x; charset=q") * 2:
            found = client.ask(request("/a.foo?t=" + t.replace(" ", "")))
            assert (found.get("Content-Type"), found.body) == (t.replace(" ", ""), b"foo")
            assert found.get("Content-Length") == "3" and found.get("ETag") and found.get("Accept-Ranges") == "bytes"
        assert type_of(weir, "/a.bar?t=z") == "text/z"
        assert type_of(weir, "/a.html?t=z") == "text/html"
        assert type_of(weir, "/none?d=a/b") == type_of(weir, "/r?d=a/b") == "a/b"
        assert type_of(weir, "/none") is None and type_of(weir, "/a.foo") is None
        assert weir.get("/a.foo?t=text/x", "If-None-Match: *").get("Content-Type") is None
        assert b"Content-Type: text/x\r\n" in weir.get("/a.foo?t=text/x", "Range: bytes=0-0,2-2").body


def test_charset_goes_by_the_value():
    with serving(server="charset utf-8; types { $arg_t foo; }", files=FILES) as weir:
        assert type_of(weir, "/a.foo?t=text/plain") == "text/plain; charset=utf-8"
        assert type_of(weir, "/a.foo?t=image/png") == "image/png"


@pytest.mark.parametrize("target", ["/x%0d%0aEvil:%20yes.foo", "/r%0aEvil:%20yes"])
def test_nothing_that_a_client_sends_ends_a_type(target):
    server = "types { $uri foo; } default_type $uri; location /r { return 200 r; }"
    with serving(server=server, files=FILES, allow=["would hold a control byte"]) as weir:
        weir.write("html/x\r\nEvil: yes.foo", "x")
        found = weir.get(target)
        assert (found.status, found.get("Content-Type"), found.all("Evil")) == (200, None, [])
        weir.wait_log('the field "Content-Type" would hold a control byte and is left out')


def test_a_file_under_two_types():
    """The fields kept ready for a file are those of the place and name that it is asked for by."""
    server = ("location /foo { alias {prefix}/html/a; types { a/$arg_t foo; } }"
              "location /fix { alias {prefix}/html/a; types { b/fix foo; } }"
              "location /bare { alias {prefix}/html/a.foo; types { b/fix foo; } default_type b/none; }")
    with serving(server=server, files=FILES) as weir, weir.connect() as client:
        for target, type_ in (("/foo.foo?t=1", "a/1"), ("/fix.foo", "b/fix"), ("/bare", "b/none")) * 3:
            assert client.ask(request(target)).get("Content-Type") == type_


@pytest.mark.parametrize("lines, text", [
    ("types { $nobody_knows foo; }", 'unknown "nobody_knows" variable'),
    ("default_type $nobody_knows;", 'unknown "nobody_knows" variable'),
    ("default_type 'a\n';", "invalid content type"),
    ("types { 'a\x01' foo; }", "invalid content type"),
    ("types { '' foo; }", "invalid content type"),
    ("types { text/html; }", 'invalid number of arguments in "types" entry'),
])
def test_what_makes_no_sense(folder, lines, text):
    done, _ = check_conf(folder, f"events {{ }} http {{ {lines} }}")
    assert done.returncode == 1 and text in done.stderr.split("\n")[0], done.stderr
