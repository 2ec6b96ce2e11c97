# SPDX-License-Identifier: BSD-2-Clause
"""
A browser seeks in films: by ranges of a file as it is, and by start= where mp4 is on. films/levels.mp4 is a film of 10 seconds, each of
another grey, made by ffmpeg from "color=black:s=64x64:r=5:d=10,format=yuv420p,geq=lum='30+20*floor(T)':cb=128:cr=128" with libvpx-vp9 -g 10.
"""

import pathlib
import re
import shutil
import struct
import subprocess
import urllib.parse

import pytest

from harness import serving
from harness.films import Track, box, boxes, make_film, one, read_film, trak_of
from harness.wait import wait_until

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
LEVELS = (pathlib.Path(__file__).parent / "films" / "levels.mp4").read_bytes()
GAP = 24 << 20      # more than a browser reads ahead

PAGE = """<!DOCTYPE html><title>films</title><video id=v muted preload=auto></video><script>
const v = document.getElementById('v'), told = text => fetch('/told?' + encodeURIComponent(text));
const event = name => new Promise((done, fail) => { v.addEventListener(name, done, { once: true }); v.onerror = () => fail(v.error.message); });
function grey() {
    const c = document.createElement('canvas'); c.width = c.height = 8;
    const x = c.getContext('2d'); x.drawImage(v, 0, 0, 8, 8);
    return Math.round((x.getImageData(4, 4, 1, 1).data[0] * 219 / 255 + 16 - 30) / 20);
}
async function open(src) { const ready = event('loadeddata'); v.src = src; v.load(); await ready; }
async function seek(t) { const there = event('seeked'); v.currentTime = t; await there; await new Promise(r => setTimeout(r, 100)); return grey(); }
(async () => {
    for (const src of ['/far.mp4', '/last.mp4']) {
        await open(src);
        const found = [Math.round(v.duration)];
        for (const t of [8.5, 1.5, 6.5, 0.5, 9.5]) found.push(await seek(t));
        await told(src + ' ' + found);
    }
    for (const [src, times] of [['/from/far.mp4?start=6', [0.5, 3.5, 1.5]], ['/from/far.mp4?start=3&end=8', [0.5, 4.5]], ['/from/last.mp4?start=0', [7.5]],
                                ['/from/far.mp4?start=8.4', [0.1]]]) {
        await open(src);
        const found = [v.duration.toFixed(1)];
        for (const t of times) found.push(await seek(t));
        await told(src + ' ' + found);
    }
    await told('end');
})().catch(e => told('failed: ' + e));
</script>"""

SEEN = {
    "/far.mp4": "10,8,1,6,0,9", "/last.mp4": "10,8,1,6,0,9",
    "/from/far.mp4?start=6": "4.0,6,9,7", "/from/far.mp4?start=3&end=8": "5.0,3,7", "/from/last.mp4?start=0": "10.0,7", "/from/far.mp4?start=8.4": "1.6,8",
}


def spread(moov_last):
    """The film with a chunk for each two seconds, and much that is nothing after the third."""
    moov = one(LEVELS, b"moov")
    trak = one(moov, b"trak")
    found = read_film(LEVELS)[0][0]
    stbl = one(one(one(trak, b"mdia"), b"minf"), b"stbl")
    track = Track(found.samples, found.timescale, chunks=[10], stsd=box(b"stsd", one(stbl, b"stsd")), tkhd=one(trak, b"tkhd")[24:])
    chunks = [b"".join(sample.data for sample in found.samples[i:i + 10]) for i in range(0, 50, 10)]
    ftyp, mvhd = LEVELS[:28], box(b"mvhd", one(moov, b"mvhd"))

    def moov_at(begin):
        offsets, at = [], begin
        for i, chunk in enumerate(chunks):
            at += GAP if i == 3 else 0
            offsets.append(at)
            at += len(chunk)
        return box(b"moov", mvhd, trak_of(0, track, offsets, 1000))

    mdat = box(b"mdat", *chunks[:3], bytes(GAP), *chunks[3:])
    if moov_last:
        return ftyp + mdat + moov_at(len(ftyp) + 8)
    return ftyp + moov_at(len(ftyp) + len(moov_at(0)) + 8) + mdat


def test_the_film_is_what_it_should_be():
    tracks, length = read_film(spread(False))
    assert len(tracks[0].samples) == 50 and length == 10_000 and tracks[0].samples == read_film(LEVELS)[0][0].samples


@pytest.mark.real
@pytest.mark.skipif(CHROMIUM is None, reason="chromium is missing")
def test_a_browser_seeks(tmp_path):
    server = ("location = /told { return 204; } location /from/ { alias {prefix}/html/; mp4; mp4_start_key_frame on; }"
              "access_log {prefix}/logs/ranges.log ranges;")
    files = {"html/index.html": PAGE, "html/far.mp4": spread(False), "html/last.mp4": spread(True)}
    log_format = "log_format ranges '$request_uri|$status|$http_range';"
    with serving(http=log_format + "sendfile on;", server=server, files=files) as weir:
        browser = subprocess.Popen([CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                                    "--disable-background-networking", "--disable-component-update", f"--user-data-dir={tmp_path}/profile",
                                    "--remote-debugging-port=0", f"http://127.0.0.1:{weir.port()}/"],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        try:
            wait_until(lambda: re.search(r"/told\?(end|failed)", weir.access_text("ranges.log")), "the browser to be through", 60)
        finally:
            browser.kill()
            browser.wait()
        lines = [line.split("|") for line in weir.access_lines("ranges.log")]
        told = [urllib.parse.unquote(target.partition("?")[2]) for target, *_ in lines if target.startswith("/told")]
        assert dict(line.rsplit(" ", 1) for line in told[:-1]) == SEEN and told[-1] == "end", told
        ranges = [wanted for target, status, wanted in lines if target == "/far.mp4" and status == "206"]
        assert any(int(wanted[6:].split("-")[0]) >= GAP for wanted in ranges), lines
