# SPDX-License-Identifier: BSD-2-Clause
"""types and default_type whose values hold variables."""

import pathlib
import re

import pytest

from harness import check_conf, request, serving

FILES = {"html/a.foo": "foo", "html/a.bar": "bar", "html/a.html": "html", "html/none": "x"}


TABLE = pathlib.Path(__file__).resolve().parents[2] / "conf" / "mime.types"
NGINX_TABLE = pathlib.Path("/etc/nginx/mime.types")


def rows_of(path):
    """extension -> type of a file of types."""
    lines = re.findall(r"^\s+(\S+/\S+)\s+([^;]+);", path.read_text(), re.M)
    return {extension: type_ for type_, extensions in lines for extension in extensions.split()}


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


def test_without_types_those_of_the_shipped_file_are_built_in():
    """Each extension, as if the file had been included."""
    rows = rows_of(TABLE)
    assert len(rows) > 200
    files = {f"html/a.{extension}": "x" for extension in rows}
    with serving(server="default_type a/none;", files={**files, "html/a.unknown": "x", "html/b.GIF": "x"}) as weir, weir.connect() as client:
        found = {name: client.ask(request(f"/a.{name}")).get("Content-Type") for name in rows}
        assert found == rows
        assert type_of(weir, "/a.unknown") == "a/none" and type_of(weir, "/b.GIF") == "image/gif"


@pytest.mark.parametrize("extension, type_", [
    ("js", "text/javascript"), ("mjs", "text/javascript"), ("woff2", "font/woff2"), ("avif", "image/avif"), ("webp", "image/webp"),
    ("wasm", "application/wasm"), ("webmanifest", "application/manifest+json"), ("jsonld", "application/ld+json"), ("opus", "audio/ogg"),
    ("mkv", "video/matroska"), ("epub", "application/epub+zip"), ("jxl", "image/jxl"), ("md", "text/markdown"), ("toml", "application/toml"),
    ("yaml", "application/yaml"), ("mp4", "video/mp4"), ("svg", "image/svg+xml"), ("json", "application/json"),
])
def test_what_pages_of_today_are_made_of(extension, type_):
    assert rows_of(TABLE)[extension] == type_


@pytest.mark.skipif(not NGINX_TABLE.exists(), reason="there is no nginx")
def test_every_extension_that_nginx_knows():
    assert not set(rows_of(NGINX_TABLE)) - set(rows_of(TABLE))


def test_types_replace_all_that_is_built_in():
    """Also for what lies within, and for a place within another that has none of its own."""
    server = ("default_type a/none; location /own/ { alias {prefix}/html/; types { x/y foo; } location /own/in/ { alias {prefix}/html/; } }"
              "location /none/ { alias {prefix}/html/; types { } }")
    with serving(server=server, files={**FILES, "html/a.css": "css"}) as weir:
        assert type_of(weir, "/a.css") == "text/css"
        for place in ("/own/", "/own/in/"):
            assert (type_of(weir, place + "a.css"), type_of(weir, place + "a.foo")) == ("a/none", "x/y")
        assert type_of(weir, "/none/a.css") == "a/none"
