# SPDX-License-Identifier: BSD-2-Clause
"""Parts of files: one, several, none (RFC 9110, 14)."""

import email.utils
import random
import re

import pytest

from harness import request, serving

STAMP = 1_700_000_000
SIZE = 1000
DATA = random.Random(1).randbytes(SIZE)
BIG = random.Random(2).randbytes(20 << 20)
ETAG = f'"{STAMP:x}-{SIZE:x}"'
DATE = email.utils.formatdate(STAMP, usegmt=True)

# Range: (first, last) served
SINGLE = {
    "bytes=0-0": (0, 0), "bytes=0-9": (0, 9), "bytes=10-19": (10, 19), "bytes=999-999": (999, 999), "bytes=0-": (0, 999),
    "bytes=500-": (500, 999), "bytes=0-999": (0, 999), "bytes=0-1000": (0, 999), "bytes=990-5000": (990, 999), "bytes=-1": (999, 999),
    "bytes=-10": (990, 999), "bytes=-1000": (0, 999), "bytes=-5000": (0, 999), "bytes=007-009": (7, 9), "BYTES=0-1": (0, 1),
    "bytes=0-1,5000-": (0, 1), "bytes=5000-,0-1": (0, 1), "bytes=0-9223372036854775806": (0, 999), "bytes= 0-1": (0, 1),
}
UNSATISFIABLE = ["bytes=1000-", "bytes=1000-1001", "bytes=5000-6000", "bytes=-0", "bytes=5000-,6000-", "bytes=9223372036854775806-"]
# not a range at all: the whole file, or 416
STRANGE = ["bytes=", "bytes=-", "bytes=a-b", "bytes=5-3", "bytes=0", "bytes=1-2-3", "bytes=--1", "bytes=0x0-0x1", "bytes=+0-1",
           "bytes=0-99999999999999999999", "bytes=99999999999999999999-", "bytes=-99999999999999999999", "bytes=0-1;", "bytes=0-1,x",
           "bytes=18446744073709551616-18446744073709551617"]
IGNORED = ["items=0-1", "bytes 0-1", "byte=0-1", "0-1", "", "=0-1", "bytesx=0-1"]

MULTIPLE = {
    "bytes=0-1,10-11": [(0, 1), (10, 11)],
    "bytes=0-1, 10-11 ,20-": [(0, 1), (10, 11), (20, 999)],
    "bytes=0-0,-1": [(0, 0), (999, 999)],
    "bytes=500-599,0-99": [(500, 599), (0, 99)],
    "bytes=0-1,5000-,10-11": [(0, 1), (10, 11)],
    "bytes=" + ",".join(f"{n * 10}-{n * 10 + 1}" for n in range(50)): [(n * 10, n * 10 + 1) for n in range(50)],
}


@pytest.fixture(scope="module")
def server():
    conf = """
        types { text/x-data data; }
        location /none/ { max_ranges 0; alias {prefix}/html/; }
        location /one/ { max_ranges 1; alias {prefix}/html/; }
        location /two/ { max_ranges 2; alias {prefix}/html/; }
        location /sendfile/ { sendfile on; alias {prefix}/html/; }
        location /cached/ { open_file_cache max=10; alias {prefix}/html/; }
        location /text { return 200 0123456789; }
    """
    with serving(server=conf, start=False) as weir:
        weir.write("html/file.data", DATA, mtime=STAMP)
        weir.write("html/empty.data", b"", mtime=STAMP)
        weir.write("html/big.data", BIG)
        weir.start()
        yield weir


@pytest.mark.parametrize("where", ["", "/sendfile", "/cached", "/one"])
@pytest.mark.parametrize("text", list(SINGLE))
def test_one_range(server, where, text):
    if where == "/one" and "," in text:
        pytest.skip("more than max_ranges")
    first, last = SINGLE[text]
    with server.connect() as client:
        answer = client.ask(request(f"{where}/file.data", f"Range: {text}"))
        assert answer.status == 206 and answer.body == DATA[first:last + 1]
        assert answer.get("Content-Range") == f"bytes {first}-{last}/{SIZE}"
        assert answer.get("Content-Length") == str(last + 1 - first)
        assert answer.get("Content-Type") == "text/x-data"
        assert answer.get("ETag") == ETAG and answer.get("Last-Modified") == DATE
        assert client.ask(request("/file.data")).body == DATA


@pytest.mark.parametrize("text", UNSATISFIABLE)
def test_range_beyond_the_end_is_416(server, text):
    with server.connect() as client:
        answer = client.ask(request("/file.data", f"Range: {text}"))
        assert answer.status == 416 and answer.get("Content-Range") == f"bytes */{SIZE}"
        assert client.ask(request("/file.data")).body == DATA


@pytest.mark.parametrize("text", STRANGE)
def test_strange_range_does_no_harm(server, text):
    answer = server.get("/file.data", f"Range: {text}")
    if answer.status == 200:
        assert answer.body == DATA
    elif answer.status == 206:
        found = re.fullmatch(r"bytes (\d+)-(\d+)/1000", answer.get("Content-Range"))
        assert answer.body == DATA[int(found[1]):int(found[2]) + 1]
    else:
        assert answer.status == 416 and answer.get("Content-Range") == f"bytes */{SIZE}"


@pytest.mark.parametrize("text", IGNORED)
def test_other_units_are_ignored(server, text):
    answer = server.get("/file.data", f"Range: {text}")
    assert (answer.status, answer.body) == (200, DATA)


def parts_of(answer):
    """The parts of a multipart/byteranges body, checked strictly: [(fields, data)]."""
    kind = re.fullmatch(r"multipart/byteranges; boundary=([0-9A-Za-z'()+_,./:=?-]{1,70})", answer.get("Content-Type"))
    assert kind, answer.get("Content-Type")
    boundary = kind[1].encode()
    assert answer.get("Content-Range") is None
    body, parts = b"\r\n" + answer.body.removeprefix(b"\r\n"), []
    pieces = body.split(b"\r\n--" + boundary)
    assert pieces[0] == b"" and pieces[-1] in (b"--\r\n", b"--")
    for piece in pieces[1:-1]:
        head, _, data = piece.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        parts.append((dict(line.decode().split(": ", 1) for line in head.split(b"\r\n")), data))
    return parts


@pytest.mark.parametrize("where", ["", "/sendfile", "/cached"])
@pytest.mark.parametrize("text", list(MULTIPLE), ids=lambda text: text[:40])
def test_several_ranges(server, where, text):
    with server.connect() as client:
        answer = client.ask(request(f"{where}/file.data", f"Range: {text}"))
        assert answer.status == 206 and int(answer.get("Content-Length")) == len(answer.body)
        parts = parts_of(answer)
        assert [data for _, data in parts] == [DATA[a:b + 1] for a, b in MULTIPLE[text]]
        for (fields, _), (a, b) in zip(parts, MULTIPLE[text]):
            assert fields["Content-Range"] == f"bytes {a}-{b}/{SIZE}"
            assert fields["Content-Type"] == "text/x-data"
        assert client.ask(request("/file.data")).body == DATA


@pytest.mark.parametrize("text", ["bytes=0-,0-", "bytes=" + ",".join(["0-"] * 500), "bytes=0-999,0-999,0-999", "bytes=0-500,400-999"])
def test_ranges_that_overlap_do_not_multiply_the_file(server, text):
    answer = server.get("/file.data", f"Range: {text}")
    assert answer.status in (200, 206, 416)
    assert len(answer.body) < 3 * SIZE


@pytest.mark.parametrize("where, text, status", [
    ("none", "bytes=0-1", 200), ("none", "bytes=0-1,3-4", 200), ("one", "bytes=0-1", 206), ("one", "bytes=0-1,3-4", 200),
    ("two", "bytes=0-1,3-4", 206), ("two", "bytes=0-1,3-4,6-7", 200),
])
def test_max_ranges(server, where, text, status):
    answer = server.get(f"/{where}/file.data", f"Range: {text}")
    assert answer.status == status
    if status == 200:
        assert answer.body == DATA


IF_RANGE = {
    "its tag": (ETAG, 206), "another tag": ('"x"', 200), "its tag, weak": ("W/" + ETAG, 200), "its date": (DATE, 206),
    "an earlier date": (email.utils.formatdate(STAMP - 1, usegmt=True), 200),
    "a later date": (email.utils.formatdate(STAMP + 1, usegmt=True), 200), "no date": ("soon", 200),
}


@pytest.mark.parametrize("name", list(IF_RANGE))
def test_if_range(server, name):
    value, status = IF_RANGE[name]
    answer = server.get("/file.data", "Range: bytes=0-1", f"If-Range: {value}")
    assert (answer.status, answer.body) == (status, DATA[:2] if status == 206 else DATA)


def test_if_range_without_range_is_ignored(server):
    assert server.get("/file.data", f"If-Range: {ETAG}").status == 200


@pytest.mark.parametrize("field, status", [
    (f"If-None-Match: {ETAG}", 304), ('If-Match: "x"', 412), (f"If-Match: {ETAG}", 206), (f"If-Modified-Since: {DATE}", 304),
])
def test_conditions_come_before_ranges(server, field, status):
    assert server.get("/file.data", "Range: bytes=0-1", field).status == status


@pytest.mark.parametrize("text, statuses", [("bytes=0-", {200}), ("bytes=-5", {200, 416}), ("bytes=0-0", {200, 416}), ("bytes=5-", {200, 416})])
def test_range_of_an_empty_file(server, text, statuses):
    answer = server.get("/empty.data", f"Range: {text}")
    assert answer.status in statuses and (answer.status == 416 or answer.body == b"")


def test_range_of_a_missing_file_is_404(server):
    assert server.get("/nothing", "Range: bytes=0-1").status == 404


@pytest.mark.parametrize("text", ["bytes=0-9", "bytes=0-1,5-6", "bytes=5000-"])
def test_head_with_range_has_no_body(server, text):
    with server.connect() as client:
        answer = client.ask(request("/file.data", f"Range: {text}", method="HEAD"), "HEAD")
        assert answer.status in (200, 206, 416)
        assert client.ask(request("/file.data")).body == DATA


@pytest.mark.parametrize("where", ["", "/sendfile"])
@pytest.mark.parametrize("first, last", [(0, 0), (16_383, 16_385), (1 << 20, (5 << 20) - 1), ((20 << 20) - 1, (20 << 20) - 1),
                                         (1, (20 << 20) - 2)])
def test_range_of_a_large_file(server, where, first, last):
    answer = server.get(f"{where}/big.data", f"Range: bytes={first}-{last}")
    assert answer.status == 206 and answer.body == BIG[first:last + 1]


@pytest.mark.parametrize("where", ["", "/sendfile"])
def test_several_ranges_of_a_large_file(server, where):
    wanted = [(0, 99), (1 << 20, 3 << 20), (5, 70_000), ((20 << 20) - 3, (20 << 20) - 1)]
    text = ",".join(f"{a}-{b}" for a, b in wanted)
    answer = server.get(f"{where}/big.data", f"Range: bytes={text}")
    assert [data for _, data in parts_of(answer)] == [BIG[a:b + 1] for a, b in wanted]


def test_download_resumed_piece_by_piece_is_the_file(server):
    got = b""
    with server.connect() as client:
        while len(got) < 5 << 20:
            got += client.ask(request("/big.data", f"Range: bytes={len(got)}-{len(got) + 700_000}")).body
    assert BIG.startswith(got)
