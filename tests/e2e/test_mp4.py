# SPDX-License-Identifier: BSD-2-Clause
"""mp4: films from one moment to another. The answers are read by harness/films.py, sample by sample."""

import contextlib
import random
import re
import shutil
import signal
import struct
import subprocess

import pytest

from harness import request, run_weir, serving, wait_until
from harness.films import Sample, Track, box, boxes, entries, make_film, one, pictures, read_film, sound, trak_of
from test_cold_files import slow_disk     # noqa: F401

STAMP = 1_700_000_000
SERVER = """
    location ~ [.]mp4$ { mp4; }
    location ^~ /key/ { alias {prefix}/html/; mp4; mp4_start_key_frame on; }
    location ^~ /plain/ { alias {prefix}/html/; }
    location ^~ /bare/ { alias {prefix}/html/; mp4; max_ranges 0; etag off; types { } default_type x/y; }
    location ^~ /tight/ { alias {prefix}/html/; mp4; mp4_buffer_size 256; mp4_max_buffer_size 3k; }
    location ^~ /in/ { mp4; location ^~ /in/in/ { alias {prefix}/html/; } }
"""


def uniform(track):
    for sample in track.samples:
        sample.data = (sample.data * 20)[:20]
    track.uniform = True
    return track


TRACKS = {
    "two": [pictures(1, shifts=(1024, 2048, 0, 512)), sound(2, chunks=[3, 1, 4, 1, 5])],
    "one": [pictures(3, chunks=[7])],
    "big-chunks": [pictures(4, chunks=[60, 3]), sound(5, chunks=[1000])],
    "wide": [pictures(6, wide=True, version=1), sound(7)],
    "uniform": [uniform(pictures(8, chunks=[4, 9])), uniform(sound(9, chunks=[2, 2, 3]))],
    "edited": [pictures(10, shifts=(1024, 2048, 0, 512), edits=[(4000, 1024)]), sound(11, edits=[(4000, 1024)])],
    "late": [pictures(12, edits=[(500, -1), (3500, 1024)]), sound(13)],
    "uneven": [pictures(14, count=50), sound(15, count=40), pictures(16, count=200, timescale=90000, duration=3003)],
    "more": [pictures(17, stbl=box(b"sdtp", bytes(104)) + box(b"sgpd", bytes(20)), trak=box(b"udta", b"x") + box(b"tref", bytes(12)))],
    "all-keys": [pictures(18, every=1)],
    "no-first-key": [Track([Sample(b"%d" % i, 512, 0, i in (40, 60)) for i in range(100)], 12800)],
}
FILMS = {name: make_film(tracks) for name, tracks in TRACKS.items()}
FILMS.update({
    "last": make_film(TRACKS["two"], moov_last=True), "wide-boxes": make_film(TRACKS["two"], wide_moov=True, wide_mdat=True, version=1),
    "between": make_film(TRACKS["two"], between=box(b"free", bytes(3000)) + box(b"uuid", bytes(40), wide=True)),
    "other-boxes": make_film(TRACKS["two"], moov_more=box(b"udta", bytes(50)) + box(b"iods", b"keep") + box(b"mvex", bytes(20))),
    "no-ftyp": make_film(TRACKS["two"], ftyp=False),
})
TRACKS.update(dict.fromkeys(("last", "wide-boxes", "between", "other-boxes", "no-ftyp"), TRACKS["two"]))


def expected(track, start, length, key=False):
    """The samples from `start` on, as many as lie in `length`, and how many of them come before the start."""
    at = index = 0
    while index < len(track.samples) and at + track.samples[index].duration <= int(start * 1000) * track.timescale // 1000:
        at += track.samples[index].duration
        index += 1
    end, until = index, 0
    while end < len(track.samples) and (length is None or until + track.samples[end].duration <= int(length * 1000 + 0.5) * track.timescale // 1000):
        until += track.samples[end].duration
        end += 1
    before = 0
    if key and index < end and not all(sample.is_key for sample in track.samples):
        keys = [i for i in range(index + 1) if track.samples[i].is_key]
        before = index - keys[-1] if keys else 0
    return track.samples[index - before:end], before


def check(film, tracks, start, length=None, key=False):
    wanted = [(track, *expected(track, start, length, key)) for track in tracks]
    wanted = [(track, samples, before) for track, samples, before in wanted if len(samples) > before]
    found, shown = read_film(film)
    assert len(found) == len(wanted)
    for got, (track, samples, before) in zip(found, wanted):
        assert got.samples == samples and got.timescale == track.timescale
        if not track.edits:
            assert got.edits == ([(got.shown, sum(sample.duration for sample in samples[:before]))] if before else [])
    whole = max(track.duration * 1000 // track.timescale for track in tracks)
    assert shown == min(whole - int(start * 1000), int(length * 1000 + 0.5) if length else whole)


@pytest.fixture(scope="module", params=["memory", "file"])
def weir(request):
    http = "open_file_cache max=100;" if request.param == "memory" else "open_file_cache_body_memory 0; sendfile on;"
    allow = ["is no mp4 file", "mp4 moov atom is too large"]
    with serving(http=http, server=SERVER, allow=allow) as weir:
        for name, film in FILMS.items():
            weir.write(f"html/{name}.mp4", film, mtime=STAMP)
        weir.write("html/d.mp4/x", "")
        yield weir


@pytest.mark.parametrize("name", list(FILMS))
def test_each_sample_from_a_moment_on(weir, name):
    for start, end in ((0.5, None), (1, None), (1.234, 1.9), (0.04, 0.05), (0.013, 3), (2.5, 2.501), (3.99, None), (0, 1.7), (0, 900), (2, 3)):
        for place, key in (("", False), ("key/", True)):
            query = f"start={start}" + (f"&end={end}" if end is not None else "")
            found = weir.get(f"/{place}{name}.mp4?{query}")
            length = None if end is None else end - start
            if not any(len(samples) > before for samples, before in (expected(track, start, length, key) for track in TRACKS[name])):
                assert found.status == 404
                continue
            assert (found.status, found.get("Content-Type"), found.get("Accept-Ranges")) == (200, "video/mp4", "bytes")
            assert found.get("ETag") == f'"{STAMP:x}-{len(found.body):x}"'
            check(found.body, TRACKS[name], start, length, key)


def shown_at(track, found, sample):
    """When a sample of the track that was found is shown, in seconds."""
    at = sum(s.duration for s in found.samples[:sample]) + found.samples[sample].shift
    delay = sum(duration for duration, time in found.edits if time == -1) / 1000
    return (at - sum(time for _, time in found.edits if time >= 0)) / found.timescale + delay


@pytest.mark.parametrize("name", ["edited", "late"])
@pytest.mark.parametrize("place", ["", "key/"])
def test_edit_lists_go_on_to_hold(weir, name, place):
    """Each sample is shown at its time in the film less the start: sound and pictures stay together."""
    whole = read_film(FILMS[name])[0]
    for start in (0.3, 1, 1.234, 2.017, 3.5):
        found = read_film(weir.get(f"/{place}{name}.mp4?start={start}").body)[0]
        for old, new in zip(whole, found):
            if not old.edits:
                continue
            first = len(old.samples) - len(new.samples)
            for i in (0, len(new.samples) - 1):
                assert abs(shown_at(None, old, first + i) - start - shown_at(None, new, i)) < 2 / new.timescale + 0.0011


def test_start_of_nothing_brings_moov_in_front(weir):
    found = weir.get("/last.mp4?start=0")
    assert [kind for kind, _ in boxes(found.body)] == [b"ftyp", b"moov", b"mdat"]
    check(found.body, TRACKS["two"], 0)
    assert weir.get("/two.mp4?start=0").body == FILMS["two"]


@pytest.mark.parametrize("query", ["", "?", "?start=", "?start=x", "?start=-1", "?start=1e1", "?start=1,5", "?start=.", "?start=1.2.3", "?end=0",
                                   "?end=x", "?x=1&y=2", "?start=%31"])
def test_the_file_as_it_is(weir, query):
    found = weir.get(f"/two.mp4{query}")
    assert (found.status, found.body, found.get("ETag")) == (200, FILMS["two"], f'"{STAMP:x}-{len(FILMS["two"]):x}"')


@pytest.mark.parametrize("query, start, length", [
    ("START=1&END=2", 1, 1), ("x&start=1&y=5", 1, None), ("start=.5", 0.5, None), ("start=2.", 2, None), ("start=1.0009999", 1, None),
    ("start=2&end=1", 2, None), ("start=2&end=2", 2, None), ("end=1.5", 0, 1.5), ("start=x&end=1.5", 0, 1.5), ("start=1&start=2", 1, None),
    ("start=00001", 1, None)])
def test_how_moments_are_written(weir, query, start, length):
    check(weir.get(f"/two.mp4?{query}").body, TRACKS["two"], start, length)


@pytest.mark.parametrize("query", ["start=5", "start=99999999999", "start=999999999999999999999999999", "start=1&end=1.001"])
def test_where_nothing_lies(weir, query):
    assert weir.get(f"/two.mp4?{query}").status == 404
    weir.wait_log("no data between start time and end time in .*two.mp4")


def test_other_boxes_stay_or_go(weir):
    moov = one(weir.get("/other-boxes.mp4?start=1").body, b"moov")
    assert [kind for kind, _ in boxes(moov)] == [b"mvhd", b"trak", b"trak", b"iods"]
    trak = one(one(weir.get("/more.mp4?start=1").body, b"moov"), b"trak")
    assert [kind for kind, _ in boxes(trak)] == [b"tkhd", b"mdia", b"tref"]
    stbl = one(one(one(trak, b"mdia"), b"minf"), b"stbl")
    assert [kind for kind, _ in boxes(stbl)] == [b"stsd", b"stts", b"stss", b"stsc", b"stsz", b"stco"]


def test_offsets_that_need_more_bits_in_front(weir):
    """moov comes in front of almost 4 GiB of data: what 32 bits could say behind it they cannot any more."""
    first, second = b"the first sample", b"the last of them"
    places = (32, (1 << 32) - 300)
    track = Track([Sample(first, 1000), Sample(second, 1000)], 1000)
    moov = box(b"moov", box(b"mvhd", one(one(make_film([track]), b"moov"), b"mvhd")), trak_of(0, track, places, 1000))
    path = weir.html / "huge.mp4"
    with open(path, "wb") as out:
        out.write(box(b"ftyp", b"isom" + bytes(4) + b"isom") + struct.pack(">I4s", (1 << 32) - 100 - 20, b"mdat"))
        for place, data in zip(places, (first, second)):
            out.seek(place)
            out.write(data)
        out.seek((1 << 32) - 100)
        out.write(moov)
    path.chmod(0o644)
    length = int(weir.get("/huge.mp4?start=0", method="HEAD").get("Content-Length"))
    assert length > (1 << 32) - 400
    head = weir.get("/huge.mp4?start=0", "Range: bytes=0-2000").body
    begin = head.index(b"moov") - 4
    moov = head[begin + 8:begin + struct.unpack_from(">I", head, begin)[0]]
    stbl = dict(boxes(one(one(one(one(moov, b"trak"), b"mdia"), b"minf"), b"stbl")))
    offsets = [offset for offset, in entries(stbl[b"co64"], ">Q")]
    assert offsets[1] >= 1 << 32 and b"stco" not in stbl
    for offset, data in zip(offsets, (first, second)):
        assert weir.get("/huge.mp4?start=0", f"Range: bytes={offset}-{offset + len(data) - 1}").body == data
    found = weir.get("/huge.mp4?start=1")
    assert read_film(found.body)[0][0].samples == [Sample(second, 1000)]
    path.unlink()


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="there is no ffmpeg")
def test_a_decoder_sees_the_same_pictures(weir):
    """From a key frame on, with what lies before the start hidden: picture by picture those of the whole film."""
    path = weir.html / "real.mp4"
    subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc=duration=4:size=64x48:rate=25", "-f", "lavfi", "-i",
                    "sine=frequency=440:duration=4", "-c:v", "libx264", "-g", "20", "-bf", "2", "-c:a", "aac", str(path)], check=True)
    path.chmod(0o644)

    def pictures_of(name):
        done = subprocess.run(["ffmpeg", "-v", "error", "-i", name, "-map", "0:v", "-fps_mode", "passthrough", "-f", "framemd5", "-"],
                              check=True, capture_output=True, text=True)
        assert not done.stderr
        return [line.split(",")[-1].strip() for line in done.stdout.splitlines() if not line.startswith("#")]

    whole = pictures_of(str(path))
    assert len(whole) == 100
    for start, last in ((1, None), (1.28, None), (2.36, None), (0.52, 2)):
        query = f"start={start}" + (f"&end={last}" if last else "")
        cut = weir.write("html/cut.mp4", weir.get(f"/key/real.mp4?{query}").body)
        found = pictures_of(str(cut))
        first = round(start * 25)
        wanted = whole[first:] if last is None else whole[first:round(last * 25)]
        assert found[:len(wanted) - 2] == wanted[:len(wanted) - 2] and len(found) >= len(wanted) - 2


# ---- as an answer

def test_ranges_over_both_parts(weir):
    whole = weir.get("/two.mp4?start=1").body
    rng = random.Random(1)
    moov = sum(8 + len(content) for kind, content in boxes(whole) if kind != b"mdat") + 8
    for first, last in [(0, 0), (0, moov - 1), (moov - 1, moov), (moov, moov), (0, len(whole) - 1),
                        *(sorted(rng.randrange(len(whole)) for _ in range(2)) for _ in range(20))]:
        found = weir.get("/two.mp4?start=1", f"Range: bytes={first}-{last}")
        assert (found.status, found.body, found.get("Content-Range")) == (206, whole[first:last + 1], f"bytes {first}-{last}/{len(whole)}")
    found = weir.get("/two.mp4?start=1", f"Range: bytes={moov - 2}-{moov + 1},-3")
    assert found.status == 206 and whole[moov - 2:moov + 2] in found.body and found.body.count(b"Content-Range") == 2
    assert weir.get("/two.mp4?start=1", f"Range: bytes={len(whole)}-").status == 416


def test_head_conditions_and_versions(weir):
    whole = weir.get("/two.mp4?start=1")
    found = weir.get("/two.mp4?start=1", method="HEAD")
    assert (found.status, found.body, found.get("Content-Length")) == (200, b"", str(len(whole.body)))
    tag, date = whole.get("ETag"), whole.get("Last-Modified")
    for field in (f"If-None-Match: {tag}", f"If-Modified-Since: {date}"):
        found = weir.get("/two.mp4?start=1", field)
        assert (found.status, found.body) == (304, b"")
    assert weir.get("/two.mp4?start=2", f"If-None-Match: {tag}").status == 200
    assert weir.get("/two.mp4?start=1", "Range: bytes=0-3", f"If-Range: {tag}").status == 206
    assert weir.ask(request("/two.mp4?start=1", version="1.0")).body == whole.body


def test_many_in_one_go(weir):
    moments = [0.5, 3, None, 1, 2, 900, 0.1, 1.5] * 3
    targets = [f"/two.mp4?start={moment}" if moment else "/two.mp4" for moment in moments]
    single = {target: weir.get(target).body for target in targets}
    with weir.connect() as client:
        client.send(b"".join(request(target) for target in targets))
        for target, moment in zip(targets, moments):
            found = client.read()
            assert found.status == (404 if moment == 900 else 200) and (found.body == single[target] or moment == 900)


def test_what_is_not_there_is_told_of_as_ever(weir):
    assert weir.get("/no.mp4?start=1").status == 404
    found = weir.get("/d.mp4?start=1")
    assert (found.status, found.get("Location").split("/", 3)[3]) == (301, "d.mp4/?start=1")
    found = weir.get("/two.mp4?start=1", "Content-Length: 0", method="POST")
    assert (found.status, found.get("Allow")) == (405, "GET, HEAD")


def test_other_places(weir):
    found = weir.get("/bare/two.mp4?start=1", "Range: bytes=0-3")
    assert (found.status, found.get("Content-Type"), found.get("ETag"), found.get("Accept-Ranges")) == (200, "x/y", None, None)
    check(found.body, TRACKS["two"], 1)
    for place in ("/plain/", "/in/in/"):
        assert weir.get(f"{place}two.mp4?start=1").body == FILMS["two"]


def test_a_moov_that_is_too_large(weir):
    assert weir.get("/tight/two.mp4?start=1").status == 500
    weir.wait_log("two.mp4\" mp4 moov atom is too large: [0-9]+, you may want to increase mp4_max_buffer_size")
    assert weir.get("/tight/two.mp4").body == FILMS["two"]
    check(weir.get("/tight/one.mp4?start=1").body, TRACKS["one"], 1)


def test_a_client_that_leaves_while_it_is_made(weir):
    """And then others go on, and the worker with them."""
    for _ in range(50):
        with weir.connect() as client:
            client.send(request("/two.mp4?start=1"))
    check(weir.get("/two.mp4?start=1").body, TRACKS["two"], 1)


def test_it_is_explained(weir):
    done = run_weir(weir.prefix, "explain", f"http://127.0.0.1:{weir.port()}/two.mp4?start=1&end=2", "-p", str(weir.prefix), "-c", str(weir.conf_path))
    assert re.search(r"mp4 +from 1000 ms on, up to a moment", done.stdout) and re.search(r"mp4 +a new begin of \d+ bytes", done.stdout), done.stdout


def test_only_so_many_wait(folder):
    server = "location / { mp4; }"
    film = make_film([pictures(1, count=30_000, largest=3)])
    with serving(http="mp4_threads 1 queue=1;", server=server, allow=["too many films wait"]) as weir:
        weir.write("html/a.mp4", film)
        with weir.connect() as client:
            clients = [weir.connect() for _ in range(40)]
            for one_ in clients:
                one_.send(request("/a.mp4?start=1"))
            answers = [one_.read() for one_ in clients]
            for one_ in clients:
                one_.close()
            assert {answer.status for answer in answers} <= {200, 503}
            assert all(answer.get("Retry-After") == "1" for answer in answers if answer.status == 503)
            assert client.ask(request("/a.mp4?start=1")).status == 200


@pytest.mark.parametrize("memory, held", [("28m", 3), ("20m", 2), ("1k", 1), ("0", 1)])
def test_films_that_are_held_have_a_limit(folder, memory, held):
    """What clients do not take stays in memory; refused ones take none, and others are served again when it is free."""
    server = "error_page 503 /sorry; location / { mp4; }"
    film = make_film([pictures(1)], moov_more=box(b"iods", bytes(9 << 20)))
    with serving(http=f"mp4_memory {memory};", server=server, allow=["too many films are held in memory"]) as weir:
        weir.write("html/a.mp4", film)
        with open(weir.prefix / "html/sorry", "wb") as page:
            page.truncate(20 << 20)
        with contextlib.ExitStack() as stack:
            def ask():
                client = stack.enter_context(weir.connect(rcvbuf=4096))
                client.send(request("/a.mp4?start=1"))
                return client.read_head().status
            assert [ask() for _ in range(held + 2)] == [200] * held + [503, 503]
            assert weir.get("/a.mp4?start=100000").status == (503 if memory in ("1k", "0") else 404)
        wait_until(lambda: weir.get("/a.mp4?start=1").status == 200, "memory that is free again")


# ---- a disk that answers when the test says so

@pytest.fixture
def slow(slow_disk):
    server = "location / { mp4; add_early_hint Link '</a.css>; rel=preload'; }"
    with serving(main="sandbox_allow_write /tmp;", server=server, files={"html/a.mp4": FILMS["two"], "html/a.txt": "text"}) as weir:
        yield weir


def test_others_are_served_while_a_film_is_read(slow, slow_disk):
    """And what is to be sent before the answer has been sent."""
    works, asked = slow_disk
    with slow.connect() as first, slow.connect() as second:
        first.send(request("/a.mp4?start=1", "Sec-Fetch-Mode: navigate") + request("/a.txt"))
        wait_until(asked.exists, "a thread to read")
        assert first.read_interim().headers == [("Link", "</a.css>; rel=preload")]
        for _ in range(20):
            assert second.ask(request("/a.txt")).body == b"text"
        works.touch()
        check(first.read().body, TRACKS["two"], 1)
        assert first.read().body == b"text"


def test_the_client_leaves_while_a_film_is_read(slow, slow_disk):
    works, asked = slow_disk
    with slow.connect() as first:
        first.send(request("/a.mp4?start=1"))
        wait_until(asked.exists, "a thread to read")
    slow.wait_access(1)
    works.touch()
    with slow.connect() as second:
        check(second.ask(request("/a.mp4?start=1")).body, TRACKS["two"], 1)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGQUIT])
def test_the_worker_ends_while_a_film_is_read(slow, slow_disk, number):
    works, asked = slow_disk
    with slow.connect() as first:
        first.send(request("/a.mp4?start=1"))
        wait_until(asked.exists, "a thread to read")
        slow.send_signal(number)
        if number == signal.SIGQUIT:
            works.touch()
            check(first.read().body, TRACKS["two"], 1)
        else:
            assert first.read_rest() == b""
        slow.wait_end()


# ---- files that are no films

def broken_films():
    film = FILMS["two"]
    yield "empty", b""
    yield "short", film[:6]
    yield "text", b"what is this? " * 50
    yield "head alone", film[:24]
    yield "no moov", b"".join(box(kind, content) for kind, content in boxes(film) if kind != b"moov")
    yield "empty moov", box(b"moov")
    yield "cut in moov", film[:1000]
    yield "many boxes", box(b"free") * 5000
    yield "a box of no length", struct.pack(">I4s", 4, b"free")
    yield "a box without an end", struct.pack(">I4sQ", 1, b"moov", 1 << 63) + bytes(100)
    yield "many tracks", box(b"moov", one(film, b"moov") + box(b"trak") * 100)
    for kind in (b"mvhd", b"tkhd", b"mdia", b"mdhd", b"minf", b"stbl", b"stts", b"stsc", b"stsz", b"stco"):
        yield f"no {kind.decode()}", film.replace(kind, b"free")
    for kind, at, value in ((b"stts", 8, 0xffffffff), (b"stss", 8, 0xffffffff), (b"ctts", 8, 0xffffffff), (b"stsc", 8, 0xffffffff),
                            (b"stco", 8, 0xffffffff), (b"stsz", 12, 0x7fffffff), (b"stsz", 12, 1), (b"stsc", 12, 0), (b"stsc", 12, 2),
                            (b"stsc", 12, 0xffffffff), (b"stsc", 16, 0), (b"mdhd", 16, 0), (b"mvhd", 16, 0)):
        place = film.index(kind) + at
        yield f"{kind.decode()} has {value} at {at}", film[:place] + struct.pack(">I", value) + film[place + 4:]
    place = film.index(b"stco") + 12
    yield "offsets behind the end", film[:place] + b"\xff\xff\xff\xff" * 90 + film[place + 360:]


BROKEN = dict(broken_films())


@pytest.mark.parametrize("name", list(BROKEN))
def test_a_file_that_is_no_film(weir, name):
    path = f"broken-{name.replace(' ', '-')}.mp4"
    weir.write(f"html/{path}", BROKEN[name])
    for query in ("start=1", "start=0.5&end=1", "end=2"):
        assert weir.get(f"/{path}?{query}").status == 500
        assert weir.get(f"/key/{path}?{query}").status == 500
    weir.wait_log(f'{path}" is no mp4 file that can be cut: ')
    assert weir.get(f"/{path}").body == BROKEN[name]


def test_a_film_that_is_cut_off(weir):
    """What is there can be had."""
    weir.write("html/off.mp4", FILMS["two"][:-10])
    check(weir.get("/off.mp4?start=1&end=2").body, TRACKS["two"], 1, 1)
    assert weir.get("/off.mp4?start=1").status == 500
    weir.wait_log('off.mp4" is no mp4 file that can be cut: an offset .* lies behind the end of the file')


def test_damage_anywhere_harms_nobody(weir):
    """Bytes changed at random: any answer, and the next request has its own."""
    rng = random.Random(5)
    film = bytearray(FILMS["two"])
    moov = len(film) - len(one(bytes(film), b"mdat"))
    with weir.connect() as client:
        for turn in range(60):
            damaged = bytearray(film)
            for _ in range(rng.randrange(1, 4)):
                damaged[rng.randrange(moov)] = rng.choice((0, 1, 0x7f, 0x80, 0xff, rng.randrange(256)))
            weir.write(f"html/damaged-{turn}.mp4", bytes(damaged))
            found = weir.get(f"/{rng.choice(('', 'key/'))}damaged-{turn}.mp4?start={rng.randrange(4)}.{rng.randrange(100)}")
            assert found.status in (200, 404, 500) and found.complete
        check(client.ask(request("/two.mp4?start=1")).body, TRACKS["two"], 1)
