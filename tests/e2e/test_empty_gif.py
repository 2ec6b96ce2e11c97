# SPDX-License-Identifier: BSD-2-Clause
"""empty_gif: a pixel from memory."""

import pytest

from harness import request, serving

PIXEL = bytes.fromhex("47494638396101000100800100000000ffffff21f90401000001002c00000000010001000002024c01003b")
MADE = "Mon, 28 Sep 1970 06:00:00 GMT"


@pytest.fixture(scope="module")
def weir():
    server = ("location = /p.gif { empty_gif; expires 1h; } location /any { empty_gif; location /any/in/ { } }"
              "location = /off { if ($arg_gif) { set $x 1; } } error_page 404 /p.gif;")
    with serving(server=server) as server:
        yield server


def test_the_pixel(weir):
    found = weir.get("/p.gif")
    assert (found.status, found.body, found.get("Content-Type"), found.get("Last-Modified")) == (200, PIXEL, "image/gif", MADE)
    assert found.get("Cache-Control") == "max-age=3600" and found.get("ETag") is None
    assert weir.get("/any/thing/").body == PIXEL


def test_head_and_the_version_before(weir):
    found = weir.get("/p.gif", method="HEAD")
    assert (found.status, found.body, found.get("Content-Length")) == (200, b"", "43")
    assert weir.ask(request("/p.gif", version="1.0")).body == PIXEL


def test_whoever_has_it_is_told_so(weir):
    found = weir.get("/p.gif", f"If-Modified-Since: {MADE}")
    assert (found.status, found.body) == (304, b"")


def test_it_is_sent_whole(weir):
    found = weir.get("/p.gif", "Range: bytes=0-3")
    assert (found.status, found.body) == (200, PIXEL)


def test_no_other_method(weir):
    with weir.connect() as client:
        found = client.ask(request("/p.gif", "Content-Length: 1", method="POST", body=b"x"), "POST")
        assert (found.status, found.get("Allow")) == (405, "GET, HEAD")
        assert client.ask(request("/p.gif")).body == PIXEL


def test_many_in_one_go_and_as_a_page(weir):
    with weir.connect() as client:
        client.send(request("/p.gif") * 20)
        assert [client.read().body for _ in range(20)] == [PIXEL] * 20
    found = weir.get("/nothing")
    assert (found.status, found.body, found.get("Content-Type")) == (404, PIXEL, "image/gif")


def test_not_for_locations_within(weir):
    assert weir.get("/any/in/x").status == 404 and weir.get("/off").status == 404
