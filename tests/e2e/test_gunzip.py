# SPDX-License-Identifier: BSD-2-Clause
"""gunzip: what lies packed by gzip is unpacked for clients that do not take that; what is damaged is cut where that shows."""

import gzip
import pathlib
import random
import shutil
import subprocess

import pytest

from harness import request, run_weir, wait_until

GZIP = "Accept-Encoding: gzip"
RANDOM = random.Random(1)
TEXTS = {
    "short": b"hello\n", "nothing": b"", "zeros": bytes(3_000_000), "noise": RANDOM.randbytes(300_000),
    "lines": b"".join(b"line %d of some text\n" % RANDOM.randrange(1000) for _ in range(40_000)), "one": b"x",
}
SERVER = ("gzip_static always; gunzip on; gzip_vary on; location /plain/ { gzip_static on; alias {prefix}/html/; }"
          "location /koi/ { charset utf-8; source_charset koi8-r; charset_types *; alias {prefix}/html/; }"
          "location /v10/ { gzip_http_version 1.0; alias {prefix}/html/; } location /page { error_page 404 /short.txt; }"
          "location /via/ { gzip_proxied any; alias {prefix}/html/; } location /off/ { gunzip off; alias {prefix}/html/; }"
          "location /robot/ { gzip_disable robot msie6; alias {prefix}/html/; } location /trailer/ { add_trailer X y; alias {prefix}/html/; }"
          "location /slow/ { limit_rate 100k; alias {prefix}/html/; }")


@pytest.fixture
def server(weir):
    files = {f"html/{name}.txt.gz": gzip.compress(text) for name, text in TEXTS.items()}
    files["html/k.txt.gz"] = gzip.compress(b"\xc0\xc1" * 5000)
    return weir(http="charset_map koi8-r utf-8 { C0 D18E; C1 D0B0; }", server=SERVER, files=files)


@pytest.mark.parametrize("name", list(TEXTS))
def test_unpacked_for_who_does_not_take_it(server, name):
    packed = server.get(f"/{name}.txt", GZIP)
    assert packed.get("Content-Encoding") == "gzip" and gzip.decompress(packed.body) == TEXTS[name]
    for fields in ([], ["Accept-Encoding: br"], ["Accept-Encoding: gzip;q=0"], ["Accept-Encoding: identity, gzip;q=0.5"], ["Range: bytes=1-2"]):
        response = server.get(f"/{name}.txt", *fields)
        assert (response.status, response.complete) == (200, True) and response.body == TEXTS[name]
        assert response.get("Content-Encoding") is None and response.get("Accept-Ranges") is None
        assert response.get("Transfer-Encoding") == "chunked"
        assert response.get("ETag") == "W/" + packed.get("ETag")
        assert response.get("Vary") == packed.get("Vary") == "Accept-Encoding"


def test_to_the_end_of_the_connection_for_1_0(server):
    with server.connect() as client:
        client.send(request("/lines.txt", version="1.0"))
        head, _, body = client.read_rest().partition(b"\r\n\r\n")
    assert body == TEXTS["lines"] and b"Content-Length" not in head and b"chunked" not in head


def test_head_is_that_of_get(server):
    head = server.get("/lines.txt", method="HEAD")
    assert head.headers[1:] == [f for f in server.get("/lines.txt").headers[1:] if f[0] != "Transfer-Encoding"] and head.body == b""


def test_a_tag_holds_for_both_forms(server):
    strong = server.get("/short.txt", GZIP).get("ETag")
    for tag in (strong, "W/" + strong):
        plain = server.get("/short.txt", f"If-None-Match: {tag}")
        assert (plain.status, plain.get("ETag"), plain.get("Vary")) == (304, "W/" + strong, "Accept-Encoding")
        packed = server.get("/short.txt", GZIP, f"If-None-Match: {tag}")
        assert (packed.status, packed.get("ETag"), packed.get("Vary")) == (304, strong, "Accept-Encoding")


@pytest.mark.parametrize("target, fields, version, encoding", [
    ("/short.txt", [GZIP], "1.0", None), ("/v10/short.txt", [GZIP], "1.0", "gzip"), ("/short.txt", [GZIP, "Via: 1.1 p"], "1.1", None),
    ("/via/short.txt", [GZIP, "Via: 1.1 p"], "1.1", "gzip"), ("/robot/short.txt", [GZIP, "User-Agent: A Robot"], "1.1", None),
    ("/robot/short.txt", [GZIP, "User-Agent: MSIE 6.0; x"], "1.1", None), ("/robot/short.txt", [GZIP, "User-Agent: MSIE 6.0; SV1"], "1.1", "gzip"),
    ("/robot/short.txt", [GZIP, "User-Agent: MSIE 7.0"], "1.1", "gzip"), ("/robot/short.txt", [GZIP], "1.1", "gzip"),
    ("/off/short.txt", [], "1.1", "gzip"), ("/page", [], "1.1", None), ("/page", [GZIP], "1.1", "gzip"), ("/trailer/short.txt", [], "1.1", None),
])
def test_who_takes_it(server, target, fields, version, encoding):
    with server.connect() as client:
        client.send(request(target, *fields, "Connection: close", version=version))
        head, _, body = client.read_rest().partition(b"\r\n\r\n")
    assert (b"Content-Encoding: gzip" in head) == (encoding == "gzip")
    assert (gzip.decompress(body) == TEXTS["short"]) if encoding else (TEXTS["short"] in body)
    assert target != "/trailer/short.txt" or body.endswith(b"0\r\nX: y\r\n\r\n")


def test_the_plain_file_is_not_touched(server):
    server.write("html/short.txt", b"plain\n")
    response = server.get("/plain/short.txt")
    assert (response.body, response.get("ETag")[:1]) == (b"plain\n", '"')


def test_a_packed_file_that_is_asked_for_stays_packed(server):
    response = server.get("/short.txt.gz")
    assert gzip.decompress(response.body) == TEXTS["short"] and response.get("Content-Encoding") is None


def test_text_is_converted_once_it_is_unpacked(server):
    assert server.get("/koi/k.txt").body == "юа".encode() * 5000
    assert gzip.decompress(server.get("/koi/k.txt", GZIP).body) == b"\xc0\xc1" * 5000


def test_pipelined(server):
    with server.connect() as client:
        client.send(request("/lines.txt") + request("/short.txt", GZIP) + request("/lines.txt", method="HEAD") + request("/zeros.txt")
                    + request("/short.txt"))
        got = [client.read(method).body for method in ("GET", "GET", "HEAD", "GET", "GET")]
    assert got[0] == TEXTS["lines"] and got[2] == b"" and got[3] == TEXTS["zeros"] and got[4] == TEXTS["short"]


MEMBER = gzip.compress(b"hello " * 20_000)
SOUND = {
    "two members": (MEMBER + gzip.compress(b"second"), b"hello " * 20_000 + b"second"),
    "many members": (b"".join(gzip.compress(b"%d," % n) for n in range(3000)), b"".join(b"%d," % n for n in range(3000))),
    "empty members": (gzip.compress(b"") * 5000 + gzip.compress(b"x"), b"x"),
    "named": (b"\x1f\x8b\x08\x08\0\0\0\0\0\x03name\0" + MEMBER[10:], b"hello " * 20_000),
    "a bomb": (gzip.compress(bytes(50_000_000), 9), bytes(50_000_000)),
}


@pytest.mark.parametrize("name", list(SOUND))
def test_files_of_all_kinds(server, name):
    packed, text = SOUND[name]
    server.write("html/f.txt.gz", packed)
    assert server.get("/f.txt").body == text


DAMAGED = {
    "cut": (MEMBER[:-12], "ends too early"), "cut in the trailer": (MEMBER[:-3], "ends too early"), "cut in the head": (MEMBER[:5], "ends too early"),
    "cut second": (MEMBER + MEMBER[:20], "ends too early"), "checksum": (MEMBER[:-8] + b"xxxx" + MEMBER[-4:], "is damaged"),
    "length": (MEMBER[:-4] + b"xxxx", "is damaged"), "tail": (MEMBER + b"tail", "is damaged"), "zeros behind": (MEMBER + bytes(50), "is damaged"),
    "no gzip": (b"plain text, and more of it", "is damaged"), "middle": (MEMBER[:30] + b"\xff" * 40 + MEMBER[70:], "is damaged"),
}


@pytest.mark.parametrize("name", list(DAMAGED))
def test_damage_is_seen(weir, name):
    packed, why = DAMAGED[name]
    server = weir(server=SERVER, http="charset_map koi8-r utf-8 { C0 D18E; }", files={"html/f.txt.gz": packed, "html/short.txt.gz": MEMBER},
                  allow=["gunzip: "])
    for version in ("1.1", "1.0"):
        with server.connect() as client:
            client.send(request("/f.txt", version=version))
            rest = client.read_rest()
            assert rest.startswith(b"HTTP/1.1 200 ") and not rest.endswith(b"\r\n0\r\n\r\n")
            assert client.was_reset == (version == "1.0")       # nothing else would tell that it is not whole
    server.wait_log(rf'gunzip: "{server.prefix}/html/f.txt.gz" .*{why}')
    assert server.get("/f.txt", GZIP).body == packed            # who takes it may see what he can do with it
    assert server.get("/short.txt").body == b"hello " * 20_000


def test_an_empty_file_is_none(weir):
    server = weir(server=SERVER, http="charset_map koi8-r utf-8 { C0 D18E; }", files={"html/f.txt.gz": b""}, allow=["gunzip: "])
    for method in ("GET", "HEAD"):
        assert server.get("/f.txt", method=method).status == 500
    assert "is empty, and no gzip file" in server.log_text()


def test_a_file_that_is_cut_while_it_is_sent(weir):
    server = weir(server="gzip_static always; gunzip on;", files={"html/f.txt.gz": gzip.compress(TEXTS["noise"] * 20)}, allow=["truncated"])
    with server.connect(rcvbuf=4096) as client:
        client.send(request("/f.txt"))
        client.read_head()
        with open(server.prefix / "html/f.txt.gz", "r+b") as file:
            file.truncate(1000)
        client.read_rest()
    server.wait_log("truncated while it was sent")
    server.wait_workers()


def test_a_client_that_leaves(server):
    for _ in range(20):
        with server.connect(rcvbuf=4096) as client:
            client.send(request("/slow/zeros.txt"))
            client.read_some(100)
    assert server.get("/short.txt").body == TEXTS["short"]


def test_others_have_their_turn(server):
    """While several clients have a text unpacked that is a thousand times as long as its file."""
    server.write("html/bomb.txt.gz", gzip.compress(bytes(100_000_000), 9))
    with server.connect() as one, server.connect() as two, server.connect() as other:
        for client in (one, two):
            client.send(request("/bomb.txt"))
            client.read_head()
        for _ in range(20):
            assert other.ask(request("/short.txt", GZIP)).status == 200


def test_variables_and_log(weir):
    server = weir(http='log_format e "[$sent_http_content_encoding] $body_bytes_sent";', server="gzip_static always; gunzip on; access_log logs/e.log e;",
                  files={"html/a.gz": MEMBER})
    server.get("/a", GZIP)
    server.get("/a")
    wait_until(lambda: len(server.access_lines("e.log")) == 2)
    first, second = server.access_lines("e.log")
    assert first == f"[gzip] {len(MEMBER)}" and second.startswith("[-] 1200")


@pytest.mark.skipif("zstd none" in run_weir(pathlib.Path("/"), "-V").stderr or shutil.which("zstd") is None, reason="no zstd")
def test_what_is_unpacked_is_text_for_the_filters_behind(weir):
    """Replaced, and packed once more for a client that takes something else; packed bytes pass by them all."""
    server = weir(server="gzip_static always; gunzip on; sub_filter_types *; sub_filter hello bye; sub_filter_once off; zstd on; zstd_types *; zstd_min_length 1;",
                  files={"html/a.txt.gz": MEMBER})
    assert server.get("/a.txt").body == b"bye " * 20_000
    assert server.get("/a.txt", GZIP).body == MEMBER
    response = server.get("/a.txt", "Accept-Encoding: zstd")
    assert response.get("Content-Encoding") == "zstd"
    assert subprocess.run(["zstd", "-dc"], input=response.body, capture_output=True, check=True).stdout == b"bye " * 20_000


def test_below_another(weir):
    """A request below another gets the file itself, so that what it brings can stand in an answer."""
    server = weir(server="gzip_static on; gunzip on; location = /b.txt { } location / { add_before_body /b.txt; addition_types *; }",
                  files={"html/a.txt": b"a", "html/b.txt": b"b", "html/b.txt.gz": gzip.compress(b"packed"), "html/c.txt": b"c",
                         "html/c.txt.gz": gzip.compress(b"packed c")})
    assert server.get("/a.txt", GZIP).body == b"ba"
    assert gzip.decompress(server.get("/c.txt", GZIP).body) == b"packed c"


@pytest.mark.parametrize("which, field, is_packed", [
    ("no-cache", "Cache-Control no-cache", True), ("no-cache", "Cache-Control 'max-age=1, No-Cache'", True), ("no-cache", "Cache-Control 'no-cache=\"Set-Cookie\"'", True),
    ("no-cache", "Cache-Control no-cached", False), ("no-cache", "Cache-Control x-no-cache", False), ("private", "Cache-Control 'public, private'", True),
    ("private", "Cache-Control public", False), ("no-store", "Cache-Control no-store", True), ("no-store", "X no-store", True), ("expired", "Expires 0", True),
    ("expired", "Expires 'Thu, 01 Jan 1970 00:00:01 GMT'", True), ("expired", "Expires 'Thu, 01 Jan 2099 00:00:01 GMT'", False),
    ("expired private", "Expires 'Thu, 01 Jan 2099 00:00:01 GMT'; add_header Cache-Control private", True), ("no_etag", "X y", False), ("no_etag", "ETag ''", True),
    ("no_last_modified", "X y", False), ("no_last_modified", "Last-Modified ''", True), ("auth", "Cache-Control public", False), ("off any", "X y", False),
])
def test_proxies_by_what_the_answer_says(weir, which, field, is_packed):
    server = weir(server=f"gzip_static always; gunzip on; gzip_proxied {which}; add_header {field};", files={"html/a.gz": MEMBER})
    assert (server.get("/a", GZIP, "Via: 1.1 p").get("Content-Encoding") == "gzip") == is_packed
    assert server.get("/a", GZIP).get("Content-Encoding") == "gzip"
    assert which != "auth" or server.get("/a", GZIP, "Via: 1.1 p", "Authorization: Basic eDp5").get("Content-Encoding") == "gzip"
