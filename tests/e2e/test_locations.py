# SPDX-License-Identifier: BSD-2-Clause
"""Which location { } answers, and what it inherits."""

import pytest

from harness import serving


@pytest.fixture(scope="module")
def server():
    locations = {
        "/": "root", "= /": "exactroot", "/a": "a", "/a/": "aslash", "/a/b/c/": "abc", "= /a/b/c": "exactabc", "^~ /img/": "img",
        "/img/deep/": "imgdeep", "= /img/deep/x": "imgexact", "/A/": "capital", "/sp ace/": "blank", "/é/": "accent", "/prefix": "prefix",
        "= /eq": "eq", '"/quoted;{}/"': "quoted",
    }
    conf = "".join(f'location {where if where[0] == chr(34) or " a" not in where else chr(34) + where + chr(34)} {{ return 200 {what}; }}\n'
                   for where, what in locations.items())
    conf += """
        location /n/ {
            location /n/one/ { return 200 none; location /n/one/two/ { return 200 ntwo; } location = /n/one/x { return 200 nx; } }
            location = /n/exact { return 200 nexact; }
            location ^~ /n/caret/ { return 200 ncaret; }
            return 200 n;
        }
        location /m/ { location /m/sub/ { return 200 msub; } }
        location /r { return 403; location /r/sub/ { location /r/sub/more/ { } } location = /r/exact { } }
    """
    # the same again, the other way round: order has no meaning
    http = "server { listen 127.0.0.1:{port1}; " + "".join(
        f"location {where} {{ return 200 {what}; }}\n" for where, what in reversed(list(locations.items()))
        if " " not in where.removeprefix("= ").removeprefix("^~ ")) + "}"
    with serving(server=conf, http=http, files={"html/m/file": "m file\n", "html/m/sub/file": "no",
                                                 "html/r/sub/file": "r file\n", "html/r/sub/more/file": "r more\n"}) as weir:
        yield weir


CHOSEN = {
    "/": "exactroot", "/x": "root", "/index": "root", "/a": "a", "/ab": "a", "/a/": "aslash", "/a/x": "aslash", "/a/b/c": "exactabc",
    "/a/b/c/": "abc", "/a/b/c/d": "abc", "/a/b/cd": "aslash", "/img/": "img", "/img/x": "img", "/img": "root", "/img/deep/": "imgdeep",
    "/img/deep/x": "imgexact", "/img/deep/y": "imgdeep", "/A/": "capital", "/A": "root", "/%61": "a", "/%41/": "capital",
    "/prefix": "prefix", "/prefixed/more": "prefix", "/eq": "eq", "/eq/": "root", "/eqx": "root", "/a?/img/": "a", "/?": "exactroot",
    "/%C3%A9/": "accent", "/a/../img/x": "img", "/a//b///c": "exactabc",
}


@pytest.mark.parametrize("port", ["port", "port1"])
@pytest.mark.parametrize("target", list(CHOSEN))
def test_location_is_chosen_whatever_the_order(server, target, port):
    assert server.get(target, name=port).text == CHOSEN[target]


@pytest.mark.parametrize("target, text", [
    ("/n/", "n"), ("/n/x", "n"), ("/n/one/", "none"), ("/n/one/two/", "ntwo"), ("/n/one/two/x", "ntwo"), ("/n/one/x", "nx"),
    ("/n/exact", "nexact"), ("/n/exactx", "n"), ("/n/caret/x", "ncaret"), ("/m/file", "m file\n"), ("/m/sub/file", "msub"),
    ("/sp%20ace/", "blank"), ("/quoted;%7B%7D/", "quoted"), ("/quoted;{}/", "quoted"),
])
def test_nested_and_quoted_locations(server, target, text):
    assert server.get(target).text == text


@pytest.mark.parametrize("target, status", [
    ("/r", 403), ("/r/", 403), ("/r/x", 403), ("/r/sub", 403), ("/r/sub/file", 200), ("/r/sub/none", 404), ("/r/sub/more/file", 200), ("/r/exact", 404),
])
def test_return_holds_for_its_own_level_alone(server, target, status):
    assert server.get(target).status == status


def test_settings_are_inherited_and_replaced_level_by_level(weir):
    http = """
        default_type text/x-http;
        index http.html;
        types { text/x-http-md md; }
        server {
            listen 127.0.0.1:{port};
            root {prefix}/html;
            location /plain/ { }
            location /own/ {
                default_type text/x-own;
                index own.html;
                location /own/inner/ { default_type text/x-inner; }
                location /own/types/ { types { text/x-own-md md; } }
            }
        }
    """
    files = {f"html/{place}/{name}": f"{place} {name}" for place in ("plain", "own", "own/inner", "own/types")
             for name in ("http.html", "own.html", "x.md", "x.none")}
    server = weir(http=http, files=files)
    seen = {target: (server.get(target).text, server.get(target).get("Content-Type"))
            for target in ("/plain/", "/own/", "/own/inner/", "/plain/x.md", "/own/x.md", "/own/inner/x.none", "/own/types/x.md",
                           "/own/types/x.none")}
    assert seen == {
        "/plain/": ("plain http.html", "text/x-http"),
        "/own/": ("own own.html", "text/x-own"),
        "/own/inner/": ("own/inner own.html", "text/x-inner"),
        "/plain/x.md": ("plain x.md", "text/x-http-md"),
        "/own/x.md": ("own x.md", "text/x-http-md"),
        "/own/inner/x.none": ("own/inner x.none", "text/x-inner"),
        "/own/types/x.md": ("own/types x.md", "text/x-own-md"),
        "/own/types/x.none": ("own/types x.none", "text/x-own"),
    }


def test_index_leads_into_another_location(weir):
    """index redirects internally: /dir/ becomes /dir/page.html, which has a location of its own."""
    server = weir(server="index page.html; location = /dir/page.html { return 200 chosen; }", files={"html/dir/page.html": "file"})
    assert server.get("/dir/").text == "chosen"


def test_a_thousand_locations(weir):
    server = weir(server="".join(f"location /l{n}/ {{ return 200 {n}; }}\n" for n in range(1000)))
    for n in (0, 9, 10, 99, 100, 500, 999):
        assert server.get(f"/l{n}/x").text == str(n)
