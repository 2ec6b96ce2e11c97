# SPDX-License-Identifier: BSD-2-Clause
"""flv: Flash films from a byte on."""

import re

import pytest

from harness import request, run_weir, serving

HEAD = b"FLV\x01\x05\0\0\0\x09\0\0\0\0"
FILM = bytes(range(256)) * 1000
STAMP = 1_700_000_000


def film_from(start):
    return HEAD + FILM[start:]


@pytest.fixture(scope="module", params=["memory", "sendfile", "read"])
def weir(request):
    http = {"memory": "open_file_cache max=10;", "sendfile": "open_file_cache_body_memory 0; sendfile on;",
            "read": "open_file_cache_body_memory 0; sendfile off;"}[request.param]
    server = ("location ~ [.]flv$ { flv; } location ^~ /none/ { alias {prefix}/html/; max_ranges 0; flv; etag off; }"
              "location ^~ /plain/ { alias {prefix}/html/; } location ^~ /in/ { flv; location ^~ /in/in/ { alias {prefix}/html/; } }")
    with serving(http=http, server=server) as weir:
        weir.write("html/a.flv", FILM, mtime=STAMP)
        weir.write("html/b.flv", FILM[:500], mtime=STAMP)
        weir.write("html/d.flv/x", "")
        yield weir


@pytest.mark.parametrize("start", [1, 12, 100, 65536, len(FILM) - 1])
def test_from_a_byte_on(weir, start):
    for _ in range(3):
        found = weir.get(f"/a.flv?start={start}")
        assert (found.status, found.body) == (200, film_from(start))
        assert found.get("Content-Type") == "video/x-flv" and found.get("Accept-Ranges") == "bytes"
        assert found.get("ETag") == f'"{STAMP:x}-{len(FILM) - start + 13:x}"'
    assert weir.get(f"/b.flv?start={min(start, 499)}").body == HEAD + FILM[min(start, 499):500]


@pytest.mark.parametrize("query", ["", "?start=", "?start=0", "?start=x", "?start=-1", "?start=1.5", "?start=256000", "?start=99999999999999999999999",
                                   "?start=%31", "?end=5", "?xstart=5", "?start=0&start=9"])
def test_the_file_as_it_is(weir, query):
    found = weir.get(f"/a.flv{query}")
    assert (found.status, found.body, found.get("ETag")) == (200, FILM, f'"{STAMP:x}-{len(FILM):x}"')


def test_arguments_of_any_case_and_among_others(weir):
    assert weir.get("/a.flv?x=1&START=7&end=9").body == film_from(7)


@pytest.mark.parametrize("first, last", [(0, 0), (0, 12), (5, 12), (5, 13), (12, 13), (13, 13), (13, 20), (0, 99), (14, 200_000)])
def test_ranges_over_both_parts(weir, first, last):
    found = weir.get("/a.flv?start=1000", f"Range: bytes={first}-{last}")
    whole = film_from(1000)
    assert (found.status, found.body) == (206, whole[first:last + 1])
    assert found.get("Content-Range") == f"bytes {first}-{last}/{len(whole)}"


def test_many_ranges(weir):
    whole = film_from(1000)
    found = weir.get("/a.flv?start=1000", "Range: bytes=11-15,0-3,20-30,-2")
    boundary = found.get("Content-Type").split("boundary=")[1].encode()
    pieces = [part.split(b"\r\n\r\n", 1)[1][:-2] for part in found.body.split(b"--" + boundary)[1:-1]]
    assert pieces == [whole[11:16], whole[:4], whole[20:31], whole[-2:]]
    assert int(found.get("Content-Length")) == len(found.body)


def test_head_conditions_and_versions(weir):
    found = weir.get("/a.flv?start=1000", method="HEAD")
    assert (found.status, found.body, found.get("Content-Length")) == (200, b"", str(len(film_from(1000))))
    tag = found.get("ETag")
    assert weir.get("/a.flv?start=1000", f"If-None-Match: {tag}").status == 304
    assert weir.get("/a.flv?start=1001", f"If-None-Match: {tag}").status == 200
    assert weir.get("/a.flv?start=1000", f'If-Match: "{STAMP:x}-1"').status == 412
    assert weir.get("/a.flv?start=1000", "Range: bytes=0-3", f"If-Range: {tag}").status == 206
    assert weir.get("/a.flv?start=1000", "Range: bytes=0-3", 'If-Range: "x"').status == 200
    assert weir.get("/a.flv?start=1000", f"Range: bytes={len(FILM)}-").status == 416
    assert weir.ask(request("/a.flv?start=1000", version="1.0")).body == film_from(1000)


def test_many_in_one_go(weir):
    starts = [1, 255_990, 0, 5, 255_999, 100_000]
    with weir.connect() as client:
        client.send(b"".join(request(f"/a.flv?start={start}") for start in starts))
        assert [client.read().body for _ in starts] == [film_from(start) if start else FILM for start in starts]


def test_what_is_not_there_is_told_of_as_ever(weir):
    assert weir.get("/no.flv?start=5").status == 404
    found = weir.get("/d.flv?start=5")
    assert (found.status, found.get("Location").split("/", 3)[3]) == (301, "d.flv/?start=5")
    assert weir.get("/a.flv?start=5", "Content-Length: 0", method="POST").status == 405
    assert weir.get("/none/?start=5").status == 403


def test_without_ranges_and_tags_and_elsewhere(weir):
    found = weir.get("/none/a.flv?start=5", "Range: bytes=0-3")
    assert (found.status, found.body, found.get("ETag"), found.get("Accept-Ranges")) == (200, film_from(5), None, None)
    for place in ("/plain/", "/in/in/"):
        assert weir.get(f"{place}a.flv?start=5").body == FILM


def test_it_is_explained(weir):
    done = run_weir(weir.prefix, "explain", f"http://127.0.0.1:{weir.port()}/a.flv?start=1000", "-p", str(weir.prefix), "-c", str(weir.conf_path))
    assert re.search(r"flv +from byte 1000 on", done.stdout), done.stdout + done.stderr
