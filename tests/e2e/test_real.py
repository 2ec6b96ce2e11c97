# SPDX-License-Identifier: BSD-2-Clause
"""Real clients and real content."""

import glob
import html
import os
import pathlib
import re
import shutil
import subprocess

import pytest

from harness import serving

pytestmark = pytest.mark.real

MIME = pathlib.Path(__file__).resolve().parents[2] / "conf" / "mime.types"


def documentation():
    for name in sorted(glob.glob("/usr/share/doc/python3*/html")):
        path = pathlib.Path(os.path.realpath(name))
        if (path / "index.html").is_file() and (path / "library").is_dir():
            return path
    return None


def need(name):
    if not shutil.which(name):
        pytest.skip(f"{name} is missing")
    return name


@pytest.fixture(scope="module")
def docs():
    path = documentation()
    if path is None:
        pytest.skip("no Python documentation here")
    types = f"include {MIME};" if MIME.exists() else ""
    with serving(http=types + "sendfile on; tcp_nopush on;", server=f"root {path};", workers=2,
                 main="sandbox_allow_read /usr/share;") as weir:
        weir.docs = path
        yield weir


@pytest.fixture(scope="module")
def site():
    files = {"html/index.html": "<title>x</title>" + "x" * 1000, "html/big": os.urandom(5_000_000), "html/dir/index.html": "dir"}
    with serving(server="client_max_body_size 10m; location /post { return 200 posted; }", files=files,
                 events="worker_connections 1024;") as weir:
        yield weir


def statuses(weir):
    return [(line.split('"')[1], int(line.split('"')[2].split()[0])) for line in weir.access_lines()]


def test_wget_mirrors_the_documentation_byte_for_byte(docs, tmp_path):
    need("wget")
    done = subprocess.run(["wget", "--no-config", "-r", "-l", "inf", "-nH", "-q", "-e", "robots=off", "--tries=1", "-P", str(tmp_path),
                           f"http://127.0.0.1:{docs.port()}/index.html"], capture_output=True, text=True, timeout=170)
    got = [path for path in tmp_path.rglob("*") if path.is_file() and "?" not in path.name]
    assert len(got) > 400, done.stderr[-2000:]
    different = []
    for path in got:
        name = path.relative_to(tmp_path)
        if path.read_bytes() != (docs.docs / name).read_bytes():
            different.append(str(name))
    assert not different
    there = {str(path.relative_to(docs.docs)) for path in docs.docs.rglob("*.html")}
    bad = [(line, status) for line, status in statuses(docs) if status not in (200, 301, 304)
           and line.split()[1].lstrip("/").split("?")[0] in there]
    assert not bad


PAGES = ["index.html", "library/index.html", "library/socket.html", "tutorial/index.html", "genindex.html"]


def chromium(tmp_path, *args):
    return subprocess.run([need("chromium"), "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                           "--disable-background-networking", "--disable-component-update", f"--user-data-dir={tmp_path}/profile", *args],
                          capture_output=True, timeout=120, stdin=subprocess.DEVNULL)


def test_chromium_walks_the_documentation_without_a_failed_request(docs, tmp_path):
    need("chromium")
    for page in PAGES:
        done = chromium(tmp_path, "--dump-dom", f"http://127.0.0.1:{docs.port()}/{page}?walk")
        title = re.search("<title>(.*?)</title>", (docs.docs / page).read_text(), re.S)[1]
        assert html.unescape(title) in html.unescape(done.stdout.decode()), done.stderr[-2000:].decode(errors="replace")
    seen = statuses(docs)
    asked = [line.split()[1] for line, _ in seen]
    assert all(f"/{page}?walk" in asked for page in PAGES)
    missing = [(line, status) for line, status in seen if status >= 400 and (docs.docs / line.split()[1].lstrip("/").split("?")[0]).exists()]
    assert not missing


def test_chromium_takes_a_picture(docs, tmp_path):
    need("chromium")
    done = chromium(tmp_path, f"--screenshot={tmp_path}/page.png", "--window-size=1000,800", f"http://127.0.0.1:{docs.port()}/index.html")
    assert (tmp_path / "page.png").stat().st_size > 10_000, done.stderr[-2000:]


CURL = {
    "plain": (["/"], "200"), "HEAD": (["-I", "/"], "200"), "HTTP/1.0": (["--http1.0", "/"], "200"),
    "range": (["-r", "0-99", "/big"], "206"), "compressed": (["--compressed", "/"], "200"), "following": (["-L", "/dir"], "200"),
    "posting": (["-d", "a=b", "/post"], "200"), "posting with 100-continue": (["-H", "Expect: 100-continue", "--data-binary", "@{big}", "/post"], "200"),
    "posting in chunks": (["-H", "Transfer-Encoding: chunked", "--data-binary", "@{big}", "/post"], "200"),
    "uploading to a file": (["-T", "{big}", "/index.html"], "405"), "upgrading": (["--http2", "/"], "200"),
    "time condition": (["-z", "tomorrow", "/"], "200"), "resuming": (["-C", "100", "/big"], "206"),
}


@pytest.mark.parametrize("name", list(CURL))
def test_curl(site, name):
    need("curl")
    args, status = CURL[name]
    args = [f"http://127.0.0.1:{site.port()}{a}" if a.startswith("/") else a.replace("{big}", str(site.html / "big")) for a in args]
    done = subprocess.run(["curl", "-q", "-sS", "-o", "/dev/null", "-w", "%{http_code}", *args], capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stdout) == (0, status), done.stderr


def test_curl_reuses_a_connection(site):
    need("curl")
    url = f"http://127.0.0.1:{site.port()}/"
    done = subprocess.run(["curl", "-q", "-sS", "-o", "/dev/null", "-w", "%{num_connects} ", url, "-o", "/dev/null", url, "-o", "/dev/null", url],
                          capture_output=True, text=True, timeout=30)
    assert done.stdout.split() == ["1", "0", "0"]


def test_wrk_finds_no_error(site):
    need("wrk")
    done = subprocess.run(["wrk", "-t1", "-c50", "-d1s", f"http://127.0.0.1:{site.port()}/"], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0 and "requests in" in done.stdout
    assert "Socket errors" not in done.stdout and "Non-2xx" not in done.stdout, done.stdout


def test_h2load_finds_no_error(site):
    need("h2load")
    done = subprocess.run(["h2load", "--h1", "-n", "5000", "-c", "20", "-m", "8", f"http://127.0.0.1:{site.port()}/"],
                          capture_output=True, text=True, timeout=60)
    assert "5000 succeeded, 0 failed, 0 errored, 0 timeout" in done.stdout, done.stdout
