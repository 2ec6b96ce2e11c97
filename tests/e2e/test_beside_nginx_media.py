# SPDX-License-Identifier: BSD-2-Clause
"""
empty_gif, flv and mp4 beside the nginx of this machine: the same bytes from the same conf text, but for what nginx
answers with 500, runs of no samples that it leaves, and bytes of tracks that are over; skipped where there is no nginx.
"""

import itertools
import random

import pytest

from harness import Weir, serving
from harness.films import boxes, entries, make_film, one, pictures, read_film, sound
from harness.nginx import NGINX, Nginx

pytestmark = pytest.mark.skipif(NGINX is None, reason="there is no nginx")

MTIME = 1_700_000_000
SERVER = """
    types { video/mp4 mp4; video/x-flv flv; } default_type text/plain;
    location = /gif { empty_gif; } location = /gif1h { empty_gif; etag on; expires 1h; }
    location ~ [.]flv$ { flv; }
    location ~ [.]mp4$ { mp4; }
    location ^~ /key/ { alias {prefix}/html/; mp4; mp4_start_key_frame on; }
    location ^~ /small/ { alias {prefix}/html/; mp4; mp4_max_buffer_size 2k; mp4_buffer_size 1k; }
"""


def random_track(rng):
    make = pictures if rng.random() < 0.5 else sound
    track = make(rng.random(), count=rng.randrange(20, 120), wide=rng.random() < 0.3,
                 chunks=[rng.randrange(1, 9) for _ in range(rng.randrange(1, 5))], version=int(rng.random() < 0.3))
    if make is pictures and rng.random() < 0.5:
        for sample in track.samples:
            sample.shift = rng.choice((0, 512, 512, 1024))
    if rng.random() < 0.3:
        for sample in track.samples:
            sample.duration = rng.choice((500, 512, 1000))
    return track


def random_film(seed):
    rng = random.Random(seed)
    return make_film([random_track(rng) for _ in range(rng.randrange(1, 4))], moov_last=rng.random() < 0.4, version=int(rng.random() < 0.3),
                     wide_moov=rng.random() < 0.2, wide_mdat=rng.random() < 0.3, between=b"\0\0\0\x08free" if rng.random() < 0.3 else b"")


FLV = bytes(range(256)) * 100
FILES = {"html/a.flv": FLV, "html/two.mp4": make_film([pictures(1, shifts=(0, 1024, 512)), sound(2, chunks=[3, 1, 4])]),
         "html/last.mp4": make_film([pictures(3), sound(4)], moov_last=True), "html/not.mp4": b"hello, this is no film at all" * 20,
         "html/empty.mp4": b"", "html/cut.mp4": make_film([pictures(5)])[:-20], "html/d.mp4/x": "",
         **{f"html/r{seed}.mp4": random_film(seed) for seed in range(60)}}
TIMES = ["start=1", "start=0.5", "start=1.234", "start=2&end=3", "end=1.5", "start=0.02&end=0.5", "start=1.5&end=1.9", "start=2.0005", "start=.5",
         "start=2.", "start=3&end=2", "start=1&end=900", "START=1", "start=0", "start=x", "start=1,5", "start=-1", "start=1e1", "start=", "end=0"]

# what is asked for in vain is no fault of the server: 404 for 500
IN_VAIN = ["/two.mp4?start=900", "/two.mp4?start=1&end=1.001", "/two.mp4?start=99999999999999"]

ASKS = [*(("GET", f"/{place}{name}.mp4?{when}", ()) for place, name, when in itertools.product(("", "key/"), ("two", "last"), TIMES)),
        *(("GET", f"/{'key/' if seed % 2 else ''}r{seed}.mp4?{when}", ()) for seed in range(60) for when in TIMES[seed % 3:9:3]),
        *(("GET", target, ()) for target in IN_VAIN),
        *(("GET", f"/{name}.mp4?start=1", ()) for name in ("not", "empty", "cut", "missing", "d")),
        ("GET", "/small/two.mp4?start=1", ()), ("GET", "/small/two.mp4", ()), ("GET", "/not.mp4", ()), ("POST", "/two.mp4?start=1", ()),
        *((method, f"/two.mp4?start=1", fields) for method in ("GET", "HEAD") for fields in (
            (), ("Range: bytes=0-9",), ("Range: bytes=-9",), ("Range: bytes=100-5000",), ("If-None-Match: *",), ("Range: bytes=999999-",))),
        *(("GET", f"/a.flv?start={start}", ()) for start in ("0", "1", "100", "25599", "25600", "x", "1.5", "", "-1", "9" * 30)),
        *((method, "/a.flv?start=100", fields) for method in ("GET", "HEAD") for fields in (
            (), ("Range: bytes=0-9",), ("Range: bytes=20-29",), ("If-None-Match: *",))),
        ("POST", "/a.flv?start=100", ()), ("GET", "/missing.flv?start=1", ()),
        *((method, target, fields) for method in ("GET", "HEAD", "POST") for target in ("/gif", "/gif1h") for fields in (
            (), ("Range: bytes=0-9",), ("If-Modified-Since: Mon, 28 Sep 1970 06:00:00 GMT",)))]


def told(answer):
    """What counts of an answer: not the server's own pages, and not what changes with the second."""
    own_page = answer.status >= 300 and answer.status != 304
    fields = sorted((name, value) for name, value in answer.headers if name.lower() not in (
        "server", "date", "expires", "allow", *(("content-length", "content-type", "location") if own_page else ())))
    return answer.status, fields, None if own_page else answer.body


@pytest.fixture(scope="module")
def both():
    with serving(kind=Nginx, server=SERVER) as nginx, serving(kind=Weir, server=SERVER) as weir:
        for server in (nginx, weir):
            for name, content in FILES.items():
                server.write(name, content, mtime=MTIME)
        yield nginx, weir


@pytest.mark.parametrize("method, target, fields", ASKS)
def test_the_same_bytes(both, method, target, fields):
    more = ("Content-Length: 0",) if method == "POST" else ()
    expected, found = (told(server.get(target, *fields, *more, method=method)) for server in both)
    if found[0] == 404 and expected[0] == 500:
        assert target in IN_VAIN or target.lstrip("/key").startswith("r")
        return
    if found != expected and (has_empty_run(expected[2]) or has_lost_track(target, expected[2])):
        expected = shortened(expected)
        found = shortened(found)
    assert found[:2] == expected[:2]
    assert found[2] == expected[2]


def has_empty_run(film):
    """nginx leaves a run of no samples at the end of a table that ends between two runs."""
    for kind, trak in boxes(one(film, b"moov")):
        stbl = dict(boxes(one(one(one(trak, b"mdia"), b"minf"), b"stbl"))) if kind == b"trak" else {}
        if any(count == 0 for name in (b"stts", b"ctts") if name in stbl for count, _ in entries(stbl[name], ">II")):
            return True
    return False


def has_lost_track(target, film):
    """One ends before the start: nginx sends its bytes all the same when they come last."""
    name = "html" + target[target.rindex("/"):target.index("?")]
    return len(read_film(film)[0]) < len(read_film(FILES[name])[0])


def shortened(answer):
    """Without what differs by the length of either; the film itself is read."""
    status, fields, body = answer
    return status, [field for field in fields if field[0].lower() not in ("content-length", "etag")], read_film(body)
