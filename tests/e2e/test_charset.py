# SPDX-License-Identifier: BSD-2-Clause
"""charset: what Content-Type says, and texts brought from one charset into another; Python knows what must come out."""

import pathlib

import pytest

from harness import check_conf, request, serving
from harness.server import warnings_of
from harness.nginx import NGINX, Nginx

SHIPPED = pathlib.Path(__file__).resolve().parents[2] / "conf"
HIGH = range(0x80, 0x100)


def table(name, other):
    """charset_map between two of Python's codecs."""
    rows = []
    for byte in HIGH:
        char = bytes([byte]).decode(name, "ignore")
        code = char.encode(other, "ignore")
        if code:
            rows.append(f"{byte:02x} {code.hex().upper()};")
    return f"charset_map {name} {other} {{ {' '.join(rows)} }}"


KOI_UTF = table("koi8-r", "utf-8")
KOI_WIN = table("koi8-r", "windows-1251")
MAPS = KOI_UTF + KOI_WIN + table("windows-1251", "utf-8")
TEXT = "Съешь же ещё этих мягких французских булок, да выпей чаю! - 0123456789 <b>\n" * 300
FILES = {
    "html/a.html": "text", "html/a.txt": "text", "html/a.json": "{}", "html/a.jpg": "x", "html/empty.html": "", "html/d/i.html": "x",
    "html/koi.html": TEXT.encode("koi8-r"), "html/utf.html": TEXT.encode(), "html/win.html": TEXT.encode("windows-1251"),
}
TYPES = "types { text/html html; text/plain txt; application/json json; image/jpeg jpg; }"


def types(weir, *targets):
    return [weir.get(target).get("Content-Type") for target in targets]


# Lines of the server, what is asked for, its Content-Type.
NAMED = [
    ("charset utf-8;", "/a.html", "text/html; charset=utf-8"),
    ("charset utf-8;", "/a.txt", "text/plain; charset=utf-8"),
    ("charset utf-8;", "/a.json", "application/json"),
    ("charset utf-8;", "/a.jpg", "image/jpeg"),
    ("charset utf-8;", "/empty.html", "text/html; charset=utf-8"),
    ("charset off;", "/a.html", "text/html"),
    ("charset utf-8; location /a { charset off; }", "/a.html", "text/html"),
    ("charset UTF-8;", "/a.html", "text/html; charset=UTF-8"),
    ("charset utf-8; charset_types application/json;", "/a.json", "application/json; charset=utf-8"),
    ("charset utf-8; charset_types application/json;", "/a.html", "text/html; charset=utf-8"),
    ("charset utf-8; charset_types application/json;", "/a.txt", "text/plain"),
    ("charset utf-8; charset_types *;", "/a.jpg", "image/jpeg; charset=utf-8"),
    ("charset utf-8; charset_types Text/Plain;", "/a.txt", "text/plain; charset=utf-8"),
    ("charset utf-8; location /a { return 200 x; default_type text/plain; types { } }", "/a", "text/plain; charset=utf-8"),
    ("charset utf-8; types { } default_type 'text/html; charset=koi8-r';", "/a.html", "text/html; charset=koi8-r"),
    ("charset utf-8; charset_types *; types { } default_type 'text/html; Charset=\"x\"';", "/a.html", 'text/html; Charset="x"'),
    ("charset utf-8; types { } default_type 'text/html; level=1';", "/a.html", "text/html; level=1; charset=utf-8"),
    ("charset utf-8; types { } default_type '';", "/a.html", None),
    ("charset utf-8; add_header Content-Type text/plain;", "/a.html", "text/plain; charset=utf-8"),
    ("charset utf-8; add_header Content-Type 'text/plain; charset=x';", "/a.html", "text/plain; charset=x"),
    ("charset utf-8;", "/none", "text/html; charset=utf-8"),
    ("charset utf-8;", "/d", "text/html"),
    ("charset utf-8; location /r { return 302 /x; }", "/r", "text/html"),
    ("charset utf-8; location /r { return 204; }", "/r", None),
    ("charset $arg_c;", "/a.html?c=koi8-r", "text/html; charset=koi8-r"),
    ("charset $arg_c;", "/a.html?c=off", "text/html"),
    ("charset $arg_c;", "/a.html", "text/html"),
    ("charset x-$arg_c;", "/a.html?c=y", "text/html; charset=x-y"),
    ("charset $arg_c;", "/a.html?c=utf-8;q", "text/html"),
    ("charset utf-8; override_charset on;", "/a.html", "text/html; charset=utf-8"),
    ("charset utf-8; source_charset UTF-8;", "/a.html", "text/html; charset=utf-8"),
]


@pytest.mark.parametrize("lines, target, type_", NAMED)
def test_what_content_type_says(lines, target, type_):
    types_ = "" if "types { }" in lines else TYPES
    with serving(server=types_ + lines, files=FILES, allow=["invalid charset"]) as weir:
        assert types(weir, target) == [type_]


def test_it_is_known_to_variables_and_parts_of_a_range():
    http = "log_format t '$sent_http_content_type'; access_log {prefix}/logs/t t;"
    with serving(http=http, server="charset utf-8; add_header T $sent_http_content_type;", files=FILES) as weir:
        found = weir.get("/a.html", "Range: bytes=0-0,2-2")
        assert found.status == 206 and found.body.count(b"Content-Type: text/html; charset=utf-8\r\n") == 2
        assert weir.get("/a.html").get("T") == "text/html"         # added before
        assert weir.wait_access(2, "t")[1] == "text/html; charset=utf-8"


def test_a_file_s_answer_has_all_its_other_fields():
    with serving(server="charset utf-8; location /d/ { }", files=FILES) as weir, weir.connect() as client:
        for _ in range(5):              # the body comes into memory meanwhile
            found = client.ask(request("/a.html"))
            names = [name for name, _ in found.headers]
            assert sorted(names) == sorted(["Server", "Date", "Connection", "Content-Type", "Content-Length", "Last-Modified", "ETag",
                                            "Accept-Ranges"])
            assert found.body == b"text" and found.get("ETag").startswith('"')


# charset, source_charset, file, what Python makes of the same text.
WAYS = [("utf-8", "koi8-r", "koi"), ("koi8-r", "utf-8", "utf"), ("windows-1251", "koi8-r", "koi"), ("koi8-r", "windows-1251", "win"),
        ("UTF-8", "Windows-1251", "win"), ("windows-1251", "utf-8", "utf")]


@pytest.mark.parametrize("to, source, name", WAYS)
@pytest.mark.parametrize("version", ["1.1", "1.0"])
def test_conversion(to, source, name, version):
    with serving(http=MAPS, server=f"charset {to}; source_charset {source};", files=FILES) as weir:
        found = weir.get(f"/{name}.html", version=version)
        assert found.get("Content-Type") == f"text/html; charset={to}"
        assert found.body == TEXT.encode(to)
        same_length = "utf-8" not in (to.lower(), source.lower())
        assert (found.get("Content-Length") is not None) == same_length
        assert (found.get("Transfer-Encoding") == "chunked") == (not same_length and version == "1.1")
        assert found.get("ETag").startswith('W/"') and found.get("Accept-Ranges") is None
        head = weir.get(f"/{name}.html", method="HEAD")
        assert {n: v for n, v in head.headers if n not in ("Date", "Transfer-Encoding")} \
            == {n: v for n, v in weir.get(f"/{name}.html").headers if n not in ("Date", "Transfer-Encoding")}
        assert weir.get(f"/{name}.html", "Range: bytes=0-5").status == 200
        assert weir.get(f"/{name}.html", f"If-None-Match: {found.get('ETag')}").status == 304


@pytest.mark.parametrize("file, name, other", [("koi-utf", "koi8-r", "utf-8"), ("koi-win", "koi8-r", "windows-1251"),
                                               ("win-utf", "windows-1251", "utf-8")])
def test_the_maps_that_are_shipped(file, name, other):
    """Each byte as Python knows it, there and back."""
    def ways(one, two):
        def char(byte):
            text = bytes([byte]).decode(one, "ignore")
            return text.encode(two, "ignore") or b"?"
        return b"".join(char(byte) for byte in HIGH)
    high = bytes(HIGH)
    back = high.decode(name, "ignore").encode(other) if other == "utf-8" else high
    with serving(http=f"include {SHIPPED}/{file};", server=f"charset {other}; source_charset {name}; location /back {{ charset {name}; source_charset {other}; }}",
                 files={"html/there.html": high, "html/back.html": back}) as weir:
        assert weir.get("/there.html").body == ways(name, other)
        assert weir.get("/back.html").body == (ways(other, name) if other == "windows-1251" else back.decode(other).encode(name))


def test_what_the_charset_has_not():
    text = "ю € 😀 z"
    with serving(http=KOI_UTF, server="charset koi8-r; source_charset utf-8; default_type text/plain; location /r { return 200 'ю € 😀 z'; }",
                 files={"html/a.html": text, "html/bad.html": b"a\xffb\xd1c\xe2\x82"}) as weir:
        expected = text.encode("koi8-r", "xmlcharrefreplace")
        assert weir.get("/a.html").body == weir.get("/r").body == expected == b"\xc0 &#8364; &#128512; z"
        assert weir.get("/bad.html").body == b"a?b?c?"


def test_missing_bytes_are_question_marks():
    http = "charset_map a b { C0 FE; 41 42; } charset_map a utf-8 { C0 D18E; }"
    with serving(http=http, server="source_charset a; charset b; location /u { charset utf-8; }",
                 files={"html/t.html": b"xA\xc0\xc1B", "html/u.html": b"xA\xc0\xc1B"}) as weir:
        assert weir.get("/t.html").body == b"xB\xfe?B"
        assert weir.get("/u.html").body == "xAю?B".encode()


def test_charset_of_variables_with_conversion():
    with serving(http=MAPS, server="charset $arg_c; source_charset koi8-r;", files=FILES, allow=["no \"charset_map\""]) as weir:
        for charset in ("utf-8", "windows-1251", "koi8-r"):
            found = weir.get(f"/koi.html?c={charset}")
            assert (found.get("Content-Type"), found.body) == (f"text/html; charset={charset}", TEXT.encode(charset))
        found = weir.get("/koi.html?c=latin1")
        assert (found.get("Content-Type"), found.body) == ("text/html", TEXT.encode("koi8-r"))
        weir.wait_log('no "charset_map" between the charsets "koi8-r" and "latin1"')


def test_source_of_variables():
    with serving(http=MAPS, server="charset utf-8; source_charset $arg_s;", files=FILES) as weir:
        assert weir.get("/koi.html?s=koi8-r").body == weir.get("/win.html?s=windows-1251").body == weir.get("/utf.html").body == TEXT.encode()


def test_override_takes_the_charset_that_the_answer_names():
    server = ("charset utf-8; types { } default_type 'text/html; level=1; charset=\"koi8-r\"; x=y';"
              "location /win { override_charset on; default_type 'text/html;charset=windows-1251'; }"
              "location /koi { override_charset on; } location /utf { default_type 'text/html; charset=utf-8'; override_charset on; }"
              "location /a { default_type 'text/html; charset=klingon'; override_charset on; }")
    with serving(http=MAPS, server=server, files=FILES, allow=["no \"charset_map\""]) as weir:
        assert types(weir, "/koi.html", "/win.html", "/utf.html", "/a.html", "/empty.html") == [
            "text/html; level=1; charset=utf-8; x=y", "text/html; charset=utf-8", "text/html; charset=utf-8", "text/html; charset=klingon",
            'text/html; level=1; charset="koi8-r"; x=y']
        assert [weir.get(f"/{n}.html").body == TEXT.encode() for n in ("koi", "win", "utf")] == [True] * 3


def test_a_long_text_for_a_slow_client_and_the_requests_behind_it():
    """The conversion goes on as the client reads; other clients have their turns meanwhile."""
    text = TEXT * 40
    with serving(http=KOI_UTF, server="charset utf-8; source_charset koi8-r; location /big { }",
                 files={"html/big.html": text.encode("koi8-r"), "html/a.html": "x"}) as weir, weir.connect(rcvbuf=4096) as client:
        client.send(request("/big.html") + request("/a.html") + request("/big.html", method="HEAD") + request("/a.html"))
        for _ in range(20):
            assert weir.get("/a.html").body == b"x"
        assert client.read().body == text.encode()
        assert client.read().body == b"x"
        assert client.read("HEAD").body == b""
        assert client.read().body == b"x"


def test_limit_rate_and_trailers():
    with serving(http=KOI_UTF, server="charset utf-8; source_charset koi8-r; limit_rate 2000; limit_rate_after 38k; add_trailer T t;",
                 files={"html/koi.html": TEXT[:22000].encode("koi8-r")}) as weir:
        found = weir.get("/koi.html")
        assert (found.body, found.trailers) == (TEXT[:22000].encode(), [("T", "t")])


@pytest.mark.parametrize("version", ["1.1", "1.0"])
def test_a_file_that_becomes_shorter(version):
    with serving(http=KOI_UTF, server="charset utf-8; source_charset koi8-r;", files={"html/long.html": b"\xc0" * (8 << 20)},
                 allow=["file was truncated"]) as weir, weir.connect(rcvbuf=4096) as client:
        client.send(request("/long.html", version=version))
        client.read_head()
        with open(weir.html / "long.html", "r+b") as file:
            file.truncate(1000)
        rest = client.read_rest()
        assert len(rest) < 16 << 20 and not rest.endswith(b"0\r\n\r\n")
        assert client.was_reset == (version == "1.0")       # nothing else would tell that it is not whole
        weir.wait_log("file was truncated")


CONF = "events {{ }} http {{ {} server {{ listen 127.0.0.1:1; {} }} }}"
SMALL = "charset_map koi8-r utf-8 { C0 D18E; }"


@pytest.mark.parametrize("http, server, text", [
    (SMALL, "charset utf-8; source_charset windows-1251;", 'no "charset_map" between the charsets "windows-1251" and "utf-8"'),
    (SMALL, "charset utf-8; location / { source_charset x; }", 'no "charset_map" between the charsets "x" and "utf-8"'),
    (SMALL + SMALL, "", 'duplicate "charset_map" between "koi8-r" and "utf-8"'),
    (SMALL + "charset_map UTF-8 KOI8-R { }", "", 'duplicate "charset_map" between "UTF-8" and "KOI8-R"'),
    ("charset_map utf-8 koi8-r { D18E C0; }", "", '"charset_map" from utf-8'),
    ("charset_map a A { }", "", '"charset_map" between the same charsets "a" and "A"'),
    ("charset_map a;", "", 'directive "charset_map" has no opening "{"'),
    ("charset_map a { }", "", 'invalid number of arguments in "charset_map" directive'),
    ("charset_map a b { C0; }", "", "invalid parameters number"),
    ("charset_map a b { C0 C1 C2; }", "", "invalid parameters number"),
    ("charset_map a b { C0 { } }", "", "invalid parameters number"),
    ("charset_map a b { C0 100; }", "", 'invalid value "100"'),
    ("charset_map a b { G0 10; }", "", 'invalid value "G0"'),
    ("charset_map a b { 100 10; }", "", 'invalid value "100"'),
    ("charset_map a utf-8 { C0 D18; }", "", 'invalid value "D18"'),
    ("charset_map a utf-8 { C0 FFFF; }", "", 'invalid value "FFFF"'),
    ("charset_map a utf-8 { C0 D18EFFFFFF; }", "", 'invalid value "D18EFFFFFF"'),
    ("charset_map a utf-8 { C0 D1D1; }", "", 'invalid value "D1D1"'),
    ("charset_map 'a b' c { }", "", 'invalid charset "a b"'),
    ("", "charset_map a b { }", '"charset_map" directive is not allowed here'),
    ("", "charset a b;", 'invalid number of arguments in "charset" directive'),
    ("", 'charset "";', 'invalid charset ""'),
    ("", "charset 'utf-8; x';", 'invalid charset "utf-8; x"'),
    ("", "source_charset 'a b';", 'invalid charset "a b"'),
    ("", "override_charset x;", 'invalid value "x" in "override_charset" directive, it must be "on" or "off"'),
    ("", "charset $nobody_knows;", 'unknown "nobody_knows" variable'),
])
def test_what_makes_no_sense(folder, http, server, text):
    done, _ = check_conf(folder, CONF.format(http, server))
    assert done.returncode == 1 and text in done.stderr.split("\n")[0], done.stderr


@pytest.mark.parametrize("http, server", [
    ("charset_map iso-8859-5 _ { }", "charset iso-8859-5;"),
    ("charset_map a b { c0 C1; c0 C2; 1 2; }", ""),
    ("charset utf-8; " + SMALL, "source_charset koi8-r;"),
    ("charset utf-8; source_charset utf-8;", "location / { charset off; source_charset x; }"),
    (SMALL, "charset utf-8; source_charset koi8-r; location / { source_charset off; }"),
    ("", "charset_types *;"),
])
def test_what_makes_sense(folder, http, server):
    done, _ = check_conf(folder, CONF.format(http, server))
    assert done.returncode == 0 and not warnings_of(done.stderr), done.stderr


def test_compressed_files_are_not_converted():
    """Their bytes are none of any charset, so that nothing is said of one; where nothing is converted, it is named."""
    files = {"html/a.html": b"\xc0", "html/a.html.gz": b"\x1f\x8b\xc0"}
    with serving(http=KOI_UTF, server="charset utf-8; gzip_static on; location /k/ { source_charset koi8-r; alias {prefix}/html/; }",
                 files=files) as weir:
        found = weir.get("/k/a.html", "Accept-Encoding: gzip")
        assert found.body == files["html/a.html.gz"] and found.get("Content-Type") == "text/html"
        assert weir.get("/k/a.html").body == "ю".encode()
        found = weir.get("/a.html", "Accept-Encoding: gzip")
        assert found.body == files["html/a.html.gz"] and found.get("Content-Type") == "text/html; charset=utf-8"


# Settings of what is put into an answer, and of that answer: source_charset of the one, charset of the other, or None.
PARTS = {"both": ("charset utf-8; source_charset koi8-r;", "koi8-r"), "source": ("source_charset koi8-r;", "koi8-r"), "name": ("charset koi8-r;", None),
         "other": ("charset koi8-r; source_charset utf-8;", "utf-8"), "type": ("charset utf-8; source_charset koi8-r; default_type x/y;", "koi8-r"),
         "untyped": ("source_charset koi8-r; default_type '';", "koi8-r"), "types": ("charset utf-8; source_charset koi8-r; charset_types a/b;", "koi8-r"),
         "failed": ("error_page 404 /parts/both; try_files /none =404;", "koi8-r"), "none": ("", None)}
WHOLES = {"utf": ("charset utf-8;", "utf-8", "utf-8"), "from": ("charset utf-8; source_charset koi8-r;", "koi8-r", "utf-8"), "off": ("", "koi8-r", None),
          "koi": ("charset koi8-r; source_charset utf-8;", "utf-8", "koi8-r"), "type": ("charset utf-8; default_type text/css; ssi_types *; addition_types *;", "utf-8", None)}


@pytest.mark.parametrize("kind", [None, pytest.param(Nginx, marks=pytest.mark.skipif(NGINX is None, reason="there is no nginx"))])
def test_what_is_put_into_another(kind):
    """It is converted once, into the charset of that answer, and not again with it."""
    server, files, expected = "types { } default_type text/html;", {}, {}
    for name, (lines, source) in PARTS.items():
        server += f"location = /parts/{name} {{ {lines} }}"
        files[f"html/parts/{name}"] = "ты".encode(source or "koi8-r")
    for whole, (lines, source, to) in WHOLES.items():
        server += f"location /{whole}/ {{ ssi on; {lines} }}"
        for name, (_, own) in PARTS.items():
            server += f"location = /{whole}/added/{name} {{ {lines} add_after_body /parts/{name}; }}"
            files[f"html/{whole}/{name}"] = f"я<!--#include virtual='/parts/{name}'-->я".encode(source)
            files[f"html/{whole}/added/{name}"] = "я".encode(source)
            me, part = "я".encode(to or source), "ты".encode(to if to and own else own or "koi8-r")
            expected |= {f"/{whole}/{name}": me + part + me, f"/{whole}/added/{name}": me + part}
    if kind is Nginx:       # of these its worker dies
        expected = {target: body for target, body in expected.items() if not target.startswith("/from/added/")}
    with serving(kind=kind, http=KOI_UTF, server=server, files=files) as weir:
        assert {target: weir.get(target).body for target in expected} == expected


def test_what_is_put_into_a_value():
    """The text is in the charset of the page, as all that the page says."""
    page = "я<!--#include virtual='/parts/x' set='v'--><!--#echo var='v' encoding='none'-->".encode("koi8-r")
    with serving(http=KOI_UTF, server="ssi on; charset utf-8; source_charset koi8-r; location /parts/ { ssi off; }",
                 files={"html/a.html": page, "html/parts/x": "ты".encode("koi8-r")}) as weir:
        assert weir.get("/a.html").text == "яты"
