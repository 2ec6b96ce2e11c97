# SPDX-License-Identifier: BSD-2-Clause
"""Serving files: where they are found, what is said about them, every byte of them."""

import email.utils
import os
import random
import socket
import threading

import pytest

from harness import request, serving, wait_until

STAMP = 1_700_000_000
SIZES = [0, 1, 2, 511, 1023, 1024, 1025, 4095, 4096, 4097, 8191, 8192, 8193, 16383, 16384, 16385, 32767, 32768, 32769,
         65535, 65536, 65537, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, (2 << 20) + 1, 20 << 20]


def content(size):
    return random.Random(size).randbytes(size)


@pytest.fixture(scope="module")
def server():
    http = """
        types { text/html html htm; text/css css; application/x-thing thing THING2; }
        default_type application/octet-stream;
        server {
            listen 127.0.0.1:{port};
            location /typed/ {
                types { text/x-mine html; }
                default_type text/x-other;
                alias {prefix}/html/;
            }
            location /untyped/ { types { } default_type text/x-any; alias {prefix}/html/; }
            location /a/ { alias {prefix}/other/; }
            location /noslash { alias {prefix}/other; }
            location /glued { alias {prefix}/other/; }
            location = /exact { alias {prefix}/other/x.txt; }
            location = /exact.html { alias {prefix}/other/x.txt; }
            location = /exact.thing { alias {prefix}/other/x.txt; }
            location /b/ { root {prefix}/other; }
            location /outer/ { root {prefix}/other; location /outer/inner/ { index inner.txt; } }
            location /idx/ { index first.txt second.txt /fallback.html; }
            location /idx2/ { index second.txt; }
            location /noindex/ { index nothing.here; }
            location /noetag/ { etag off; alias {prefix}/html/; }
            location /sendfile/ { sendfile on; alias {prefix}/html/sizes/; }
            location /nopush/ { sendfile on; tcp_nopush on; tcp_nodelay off; alias {prefix}/html/sizes/; }
            location /chunks/1k/ { sendfile on; sendfile_max_chunk 1k; alias {prefix}/html/sizes/; }
            location /chunks/0/ { sendfile on; sendfile_max_chunk 0; alias {prefix}/html/sizes/; }
            location /relative/ { root other; }
            location /missingroot/ { root {prefix}/nowhere; }
        }
        server { listen 127.0.0.1:{port1}; root other; absolute_redirect off; }
        server { listen 127.0.0.1:{port2}; root other; port_in_redirect off; }
        server { listen 127.0.0.1:{port3}; root other; server_name first.example second.example; server_name_in_redirect on; }
    """
    files = {
        "html/index.html": "root index\n", "html/fallback.html": "fallback\n", "html/plain": "plain\n", "html/x.HTM": "upper\n",
        "html/x.css": "css", "html/x.thing": "t", "html/x.thing2": "t", "html/x.unknown": "u", "html/.html": "dot", "html/x.": "x",
        "html/noext.html/file": "f", "html/two.css.thing": "t",
        "html/idx/one/first.txt": "first\n", "html/idx/one/second.txt": "second\n", "html/idx/two/second.txt": "second\n",
        "html/idx/none/other": "o", "html/idx2/d/first.txt": "first\n", "html/noindex/x": "x", "html/dir with blank/index.html": "blank\n",
        "html/odd%20dir/index.html": "odd\n", "html/dé/index.html": "accent\n", "html/dir/index.html": "dir index\n",
        "html/empty": "", "other/x.txt": "other x\n", "other/index.html": "other index\n", "other/sub/index.html": "other sub\n",
        "other/b/y.txt": "other b y\n", "other/outer/inner/inner.txt": "inner\n", "other/outer/index.html": "outer index\n",
        "other/relative/z.txt": "relative z\n", "secret/s.txt": "secret\n",
        "html/unreadable": "no", "html/closed/x": "no", "html/target": "target\n",
    }
    files |= {f"html/sizes/{size}": content(size) for size in SIZES}
    with serving(main="sandbox_allow_read {prefix}/secret;", http=http, files=files, start=False, allow=[r"\[crit\]"]) as weir:
        html = weir.html
        os.utime(html / "plain", (STAMP, STAMP))
        os.utime(html / "empty", (STAMP, STAMP))
        os.symlink("target", html / "link")
        os.symlink("nowhere", html / "dangling")
        os.symlink("loop", html / "loop")
        os.symlink(weir.prefix / "secret", html / "away")
        os.symlink("dir", html / "dirlink")
        os.symlink("/dev/null", html / "null")
        os.mkfifo(html / "fifo", 0o644)
        (html / "unreadable").chmod(0)
        (html / "closed").chmod(0)
        with socket.socket(socket.AF_UNIX) as sock:
            here = os.getcwd()
            os.chdir(html)                  # the name of a Unix socket is short
            sock.bind("socket")
            os.chdir(here)
        weir.start()
        yield weir
        (html / "closed").chmod(0o755)


# ---- where a file is found

FOUND = {
    "root by default": ("/plain", b"plain\n"),
    "index of the root": ("/", b"root index\n"),
    "index of a folder": ("/dir/", b"dir index\n"),
    "arguments do not matter": ("/plain?a=../../x", b"plain\n"),
    "alias": ("/a/x.txt", b"other x\n"),
    "alias of a folder with an index": ("/a/", b"other index\n"),
    "alias deeper": ("/a/sub/", b"other sub\n"),
    "alias without slashes": ("/noslash/x.txt", b"other x\n"),
    "alias with one slash of two": ("/gluedx.txt", b"other x\n"),
    "alias of one file": ("/exact", b"other x\n"),
    "root of a location adds the whole path": ("/b/y.txt", b"other b y\n"),
    "root is inherited by nested locations": ("/outer/inner/", b"inner\n"),
    "index of the outer location is its own": ("/outer/", b"outer index\n"),
    "relative root is below the prefix": ("/relative/z.txt", b"relative z\n"),
    "first index that exists": ("/idx/one/", b"first\n"),
    "second index when the first is missing": ("/idx/two/", b"second\n"),
    "index with a path of its own as the last resort": ("/idx/none/", b"fallback\n"),
    "folder whose name looks like a page": ("/noext.html/file", b"f"),
    "symbolic link": ("/link", b"target\n"),
    "symbolic link out of the root": ("/away/s.txt", b"secret\n"),
    "symbolic link to a folder": ("/dirlink/", b"dir index\n"),
    "folder with a blank": ("/dir%20with%20blank/", b"blank\n"),
    "folder with a percent sign": ("/odd%2520dir/", b"odd\n"),
}


@pytest.mark.parametrize("name", list(FOUND))
def test_file_is_found(server, name):
    target, body = FOUND[name]
    answer = server.get(target)
    assert (answer.status, answer.body) == (200, body)


MISSING = {
    "missing file": ("/none", {404}),
    "missing folder": ("/none/", {404}),
    "below a file": ("/plain/x", {404}),
    "file with a slash": ("/plain/", {404}),
    "name too long": ("/" + "n" * 300, {404, 414}),
    "path too long": ("/" + "d/" * 3000, {404, 414}),
    "missing root": ("/missingroot/x", {404}),
    "folder without an index": ("/noindex/", {403}),
    "folder whose other index is not looked for": ("/idx2/d/", {403}),
    "file nobody may read": ("/unreadable", {403}),
    "file in a folder nobody may enter": ("/closed/x", {403}),
    "index in a folder nobody may enter": ("/closed/", {403}),
    "dangling link": ("/dangling", {404}),
    "link to itself": ("/loop", {403, 404}),
    "FIFO": ("/fifo", {403, 404}),
    "socket": ("/socket", {403, 404}),
    "device": ("/null", {403, 404}),
    "alias does not eat half a name": ("/noslashx.txt", {404}),
    "alias is not left by dots behind its name": ("/glued../html/plain", {404}),
    "alias is not left by dots behind its name, with a file beside it": ("/glued../other/x.txt", {404}),
    "name in another case": ("/PLAIN", {404}),
}


@pytest.mark.parametrize("name", list(MISSING))
def test_file_is_not_given(server, name):
    target, statuses = MISSING[name]
    answer = server.get(target)
    assert answer.status in statuses
    assert server.get("/plain").body == b"plain\n"


def test_many_requests_for_a_fifo_do_not_stop_others(server):
    for _ in range(50):
        assert server.get("/fifo").status in (403, 404)
    assert server.get("/plain").status == 200


def test_disable_symlinks_refuses_links_alone(weir):
    conf = "location /on/ { disable_symlinks on; alias {prefix}/html/; } location /owner/ { disable_symlinks if_not_owner; alias {prefix}/html/; }"
    server = weir(server=conf, files={"html/file": "file\n", "html/real/x": "x\n"})
    os.symlink("file", server.html / "link")
    os.symlink("real", server.html / "folder")
    targets = ("/on/file", "/on/link", "/on/real/x", "/on/folder/x", "/owner/link", "/owner/folder/x", "/link", "/folder/x")
    assert [server.get(target).status for target in targets] == [200, 403, 200, 403, 200, 200, 200, 200]


# ---- redirects of folders

def test_folder_without_slash_is_redirected(server):
    answer = server.get("/dir", host="shop.example")
    assert answer.status == 301
    assert answer.get("Location") == f"http://shop.example:{server.port()}/dir/"


REDIRECTS = {
    "arguments are kept": ("port", "/dir?a=b&c", "h", "http://h:{port}/dir/?a=b&c"),
    "port of Host is replaced": ("port", "/dir", "h:99", "http://h:{port}/dir/"),
    "blank is encoded": ("port", "/dir%20with%20blank", "h", "http://h:{port}/dir%20with%20blank/"),
    "percent is encoded": ("port", "/odd%2520dir", "h", "http://h:{port}/odd%2520dir/"),
    "UTF-8 is encoded": ("port", "/d%C3%A9", "h", "http://h:{port}/d%C3%A9/"),
    "folder below an alias": ("port", "/a/sub", "h", "http://h:{port}/a/sub/"),
    "no Host: the address": ("port", "/dir", None, "http://127.0.0.1:{port}/dir/"),
    "Host is an address": ("port", "/dir", "[::1]", "http://[::1]:{port}/dir/"),
    "absolute_redirect off": ("port1", "/sub", "h", "/sub/"),
    "port_in_redirect off": ("port2", "/sub", "h", "http://h/sub/"),
    "server_name_in_redirect on": ("port3", "/sub", "second.example", "http://first.example:{port3}/sub/"),
    "two slashes at the head lead nowhere else": ("port1", "//sub", "h", "/sub/"),
}


@pytest.mark.parametrize("name", list(REDIRECTS))
def test_redirect_of_a_folder(server, name):
    port, target, host, location = REDIRECTS[name]
    answer = server.get(target, name=port, host=host, version="1.1" if host else "1.0")
    assert answer.status == 301
    assert answer.get("Location") == server.expand(location)


# ---- types

TYPES = {
    "/index.html": "text/html", "/x.css": "text/css", "/x.thing": "application/x-thing", "/x.thing2": "application/x-thing",
    "/x.HTM": "text/html", "/plain": "application/octet-stream", "/x.unknown": "application/octet-stream",
    "/x.": "application/octet-stream", "/noext.html/file": "application/octet-stream", "/two.css.thing": "application/x-thing",
    "/typed/index.html": "text/x-mine", "/typed/x.css": "text/x-other", "/untyped/index.html": "text/x-any",
    "/": "text/html", "/empty": "application/octet-stream",
}


@pytest.mark.parametrize("target", list(TYPES))
def test_content_type(server, target):
    assert server.get(target).get("Content-Type") == TYPES[target]


def test_type_is_that_of_the_address_whoever_asked_before(server):
    types = {"/exact.html": "text/html", "/exact.thing": "application/x-thing", "/exact": "application/octet-stream"}
    for _ in range(3):
        for target, type_ in types.items():
            assert server.get(target).get("Content-Type") == type_


# ---- validators and fields

def test_fields_of_a_file(server):
    answer = server.get("/plain")
    assert answer.get("ETag") == f'"{STAMP:x}-6"'
    assert answer.get("Last-Modified") == email.utils.formatdate(STAMP, usegmt=True)
    assert answer.get("Content-Length") == "6"
    assert answer.get("Accept-Ranges") == "bytes"
    assert answer.get("Transfer-Encoding") is None


def test_fields_of_an_empty_file(server):
    answer = server.get("/empty")
    assert (answer.status, answer.body, answer.get("Content-Length")) == (200, b"", "0")
    assert answer.get("ETag") == f'"{STAMP:x}-0"'


def test_etag_off(server):
    answer = server.get("/noetag/plain")
    assert answer.get("ETag") is None and answer.get("Last-Modified")


# ---- every byte

@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("how", ["sizes", "sendfile", "nopush"])
def test_file_arrives_byte_for_byte(server, how, size):
    with server.connect() as client:
        for _ in range(2):                  # the second may come from a cache
            answer = client.ask(request(f"/{how}/{size}"))
            assert answer.status == 200 and answer.complete
            assert answer.get("Content-Length") == str(size)
            assert answer.body == content(size)
        head = client.ask(request(f"/{how}/{size}", method="HEAD"), "HEAD")
        assert head.get("Content-Length") == str(size)
        assert client.ask(request("/plain")).body == b"plain\n"


@pytest.mark.parametrize("chunk", ["1k", "0"])
def test_large_file_arrives_whatever_sendfile_max_chunk_is(server, chunk):
    with server.connect(timeout=30) as client:
        assert client.ask(request(f"/chunks/{chunk}/{20 << 20}")).body == content(20 << 20)
        assert client.ask(request("/plain")).body == b"plain\n"


@pytest.mark.parametrize("how", ["sizes", "sendfile"])
def test_slow_reader_with_a_small_window_gets_every_byte(server, how):
    with server.connect(rcvbuf=4096) as client:
        assert client.ask(request(f"/{how}/{2 << 20 | 1}")).body == content(2 << 20 | 1)


@pytest.mark.parametrize("how", ["sizes", "sendfile"])
def test_large_downloads_at_once_do_not_mix(server, how):
    sizes = [20 << 20, 1 << 20, (2 << 20) + 1, 65537] * 3
    wrong = []

    def download(size):
        if server.get(f"/{how}/{size}").body != content(size):
            wrong.append(size)
    threads = [threading.Thread(target=download, args=(size,)) for size in sizes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_small_request_is_served_while_a_large_file_waits_for_its_reader(server):
    with server.connect(rcvbuf=4096) as slow:
        slow.send(request(f"/sizes/{20 << 20}"))
        slow.read_some(100)
        for _ in range(20):
            assert server.get("/plain").body == b"plain\n"


# ---- files that change while they are sent

BIG = 20 << 20


def begin(server, target="/file"):
    client = server.connect(rcvbuf=8192)
    client.send(request(target))
    head = client.read_head()
    assert head.get("Content-Length") == str(BIG)
    return client


@pytest.mark.parametrize("sendfile", ["on", "off"])
def test_file_truncated_while_sent_ends_its_connection_alone(weir, sendfile):
    server = weir(server=f"sendfile {sendfile};", files={"html/file": content(BIG), "html/a": "a\n"},
                  allow=["truncated", "reported that file"])
    workers = server.wait_workers()
    with begin(server) as client:
        os.truncate(server.html / "file", 100_000)
        rest = client.read_rest()
        assert len(rest) < BIG and content(BIG).startswith(rest[:100_000])
    assert server.get("/a").body == b"a\n"
    assert server.workers() == workers
    assert server.get("/file").body == content(BIG)[:100_000]


@pytest.mark.parametrize("sendfile", ["on", "off"])
@pytest.mark.parametrize("what", ["replaced", "deleted", "moved"])
def test_file_gone_while_sent_is_sent_to_its_end(weir, sendfile, what):
    server = weir(server=f"sendfile {sendfile};", files={"html/file": content(BIG)})
    with begin(server) as client:
        if what == "replaced":
            server.replace("html/file", b"new\n")
        elif what == "deleted":
            os.unlink(server.html / "file")
        else:
            os.rename(server.html / "file", server.html / "moved")
        assert client.read_some(BIG) == content(BIG)
        after = client.ask(request("/file"))
        assert (after.status, after.body) == (200, b"new\n") if what == "replaced" else after.status == 404


@pytest.mark.parametrize("sendfile", ["on", "off"])
def test_file_that_grows_while_sent_is_sent_as_long_as_said(weir, sendfile):
    server = weir(server=f"sendfile {sendfile};", files={"html/file": content(BIG)})
    with begin(server) as client:
        with open(server.html / "file", "ab") as file:
            file.write(b"more")
        assert client.read_some(BIG) == content(BIG)
        assert client.ask(request("/file")).body == content(BIG) + b"more"


@pytest.mark.parametrize("sendfile", ["on", "off"])
def test_client_that_leaves_a_download_costs_nobody_else(weir, sendfile):
    server = weir(server=f"sendfile {sendfile};", files={"html/file": content(BIG), "html/a": "a\n"})
    workers = server.wait_workers()
    for _ in range(20):
        begin(server).close()
    assert server.get("/a").body == b"a\n"
    wait_until(lambda: len(server.access_lines()) == 21, "the aborted downloads in the log")
    assert server.workers() == workers


def test_descriptors_do_not_leak(weir):
    server = weir(server="", files={f"html/{n}": "x" * n for n in range(0, 40_000, 1000)}, events="worker_connections 512;")
    worker = server.wait_workers()[0]

    def count():
        return len(os.listdir(f"/proc/{worker}/fd"))

    def sockets():
        links = []
        for fd in os.listdir(f"/proc/{worker}/fd"):
            try:
                links.append(os.readlink(f"/proc/{worker}/fd/{fd}"))
            except OSError:
                pass
        return sum(link.startswith("socket:") for link in links)
    if not os.access(f"/proc/{worker}/fd", os.R_OK):
        pytest.skip("may not look into the worker")
    server.get("/0")
    before = sockets()
    for turn in range(300):
        server.get(f"/{turn % 40 * 1000}")
        server.get("/none")
        server.connect().close()
    wait_until(lambda: sockets() <= before, "the sockets to be closed")
    assert count() < 300
