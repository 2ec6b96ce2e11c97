# SPDX-License-Identifier: BSD-2-Clause
"""Files that are not in memory: threads read them (aio), and every byte is the same as ever."""

import ctypes
import json
import mmap
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import struct
import subprocess
import threading

import pytest

from harness import binary, check_conf, request, serving, wait_until
from harness.nginx import NGINX, Nginx

SIZES = [1, 4096, 4097, 30_000, 70_000, 300_000, 1_048_576, 3_500_001]
BIG = 3_500_001


def content(size, seed=1):
    return random.Random(seed * 1000003 + size).randbytes(size)


LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.mmap.restype = ctypes.c_void_p
LIBC.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
LIBC.mincore.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p]
LIBC.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]


def pages_in_memory(path):
    """How many of a file's pages are in memory. Asking brings none there."""
    size = os.path.getsize(path)
    fd = os.open(path, os.O_RDONLY)
    place = LIBC.mmap(None, size, mmap.PROT_READ, mmap.MAP_SHARED, fd, 0)
    os.close(fd)
    room = ctypes.create_string_buffer((size + mmap.PAGESIZE - 1) // mmap.PAGESIZE)
    assert LIBC.mincore(place, size, room) == 0
    LIBC.munmap(place, size)
    return sum(byte & 1 for byte in room.raw)


def chill(path):
    """Throws the file's pages away. False: they stay."""
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(fd)
    return pages_in_memory(path) == 0


def tells_of_cold(path):
    """Whether the file system knows reads that do not wait."""
    chill(path)
    fd = os.open(path, os.O_RDONLY)
    try:
        os.preadv(fd, [bytearray(1)], 0, os.RWF_NOWAIT)
        return False
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(fd)


@pytest.fixture(scope="module", autouse=True)
def disk(tmp_path_factory):
    path = tmp_path_factory.mktemp("cold") / "f"
    path.write_bytes(b"x" * 8192)
    if not chill(path) or not tells_of_cold(path):
        pytest.skip("temporary files do not leave memory here")


# a filter that changes nothing
CHARSET = "charset_map windows-1251 koi8-r {" + "".join(f" {i:02x} {i:02x};" for i in range(128, 256)) + " }"
PLACES = """
    location = /status { status; }
    location /read/ { sendfile off; alias {prefix}/html/; }
    location /sent/ { sendfile on; alias {prefix}/html/; }
    location /off/ { sendfile on; aio off; alias {prefix}/html/; }
    location /off-read/ { aio off; alias {prefix}/html/; }
    location /on/ { sendfile on; aio on; alias {prefix}/html/; }
    location /other/ { sendfile on; aio threads=other; alias {prefix}/html/; }
    location /named/ { sendfile on; aio threads=$arg_pool; alias {prefix}/html/; }
    location /cached/ { sendfile on; open_file_cache max=100; alias {prefix}/html/; }
    location /chunk/ { sendfile on; sendfile_max_chunk 64k; alias {prefix}/html/; }
    location /slow/ { sendfile on; limit_rate 20m; alias {prefix}/html/; }
    location /direct/ { sendfile on; directio 4k; alias {prefix}/html/; }
    location /direct-4k/ { directio 1; directio_alignment 4k; output_buffers 1 4k; alias {prefix}/html/; }
    location /direct-off/ { directio 4k; aio off; alias {prefix}/html/; }
    location /coded/ { sendfile on; charset koi8-r; source_charset windows-1251; charset_types *; alias {prefix}/html/; }
"""
OTHER = "thread_pool other threads=2;"
THREADED = ["read", "sent", "on", "other", "cached", "chunk", "slow", "coded"]
ALL = THREADED + ["off", "off-read", "direct", "direct-4k", "direct-off", "named"]


@pytest.fixture
def server(weir):
    slow = "sandbox_allow_write /tmp;" if "DISK_ASKED" in os.environ else ""    # what stands for a slow disk makes a file
    return weir(http=CHARSET, server=PLACES, main=OTHER + slow)


def counter(server, name):
    with server.connect() as client:
        return json.loads(client.ask(request("/status?format=json")).body)["sum"][name]


def by_threads(server):
    return counter(server, "thread_reads")


def put(server, size, name=None, cold=True):
    data = content(size)
    path = server.write(f"html/{name or size}", data)
    if cold:
        assert chill(path)
    return data, path


@pytest.mark.parametrize("place", ALL)
def test_cold_file_is_served_whole(server, place):
    with server.connect() as client:
        for size in SIZES:
            data, path = put(server, size)
            for _ in range(2):
                assert client.ask(request(f"/{place}/{size}?pool=default")).body == data


@pytest.mark.parametrize("place", THREADED)
@pytest.mark.parametrize("size", [1, 30_000, 300_000])
def test_threads_read_what_is_cold_and_nothing_else(server, place, size):
    data, path = put(server, size)
    with server.connect() as client:
        assert client.ask(request(f"/{place}/{size}")).body == data
        assert by_threads(server) == 1
        for _ in range(5):
            assert client.ask(request(f"/{place}/{size}")).body == data
    assert by_threads(server) == 1


@pytest.mark.parametrize("place", ["off", "off-read", "direct-off"])
def test_aio_off_never_uses_threads(server, place):
    with server.connect() as client:
        for size in SIZES:
            data, path = put(server, size)
            assert client.ask(request(f"/{place}/{size}")).body == data
    assert by_threads(server) == 0


@pytest.mark.parametrize("place", ["sent", "read", "direct", "cached"])
def test_ranges_of_cold_files(server, place):
    data, path = put(server, BIG)
    pieces = [(0, 0), (4095, 4096), (1_000_000, 2_000_000), (BIG - 1, BIG - 1), (123_457, 123_999)]
    with server.connect() as client:
        for first, last in pieces:
            chill(path)
            answer = client.ask(request(f"/{place}/{BIG}", f"Range: bytes={first}-{last}"))
            assert answer.status == 206 and answer.body == data[first:last + 1]
        chill(path)
        answer = client.ask(request(f"/{place}/{BIG}", "Range: bytes=5-9,2000000-2500000,-3"))
        assert answer.status == 206
        for piece in (data[5:10], data[2_000_000:2_500_001], data[-3:]):
            assert b"\r\n\r\n" + piece + b"\r\n--" in answer.body


@pytest.mark.parametrize("place", ["sent", "read", "direct"])
def test_head_and_304_read_nothing(server, place):
    data, path = put(server, BIG)
    with server.connect() as client:
        answer = client.ask(request(f"/{place}/{BIG}", method="HEAD"), method="HEAD")
        assert answer.get("Content-Length") == str(BIG)
        assert client.ask(request(f"/{place}/{BIG}", f"If-None-Match: {answer.get('ETag')}")).status == 304
    assert pages_in_memory(path) == 0
    assert by_threads(server) == 0


@pytest.mark.parametrize("place", ["sent", "read", "direct", "coded"])
def test_http_1_0(server, place):
    data, path = put(server, BIG)
    with server.connect() as client:
        client.send(request(f"/{place}/{BIG}", version="1.0"))
        got = client.read_rest()
    assert got.partition(b"\r\n\r\n")[2] == data


@pytest.mark.parametrize("place", ["sent", "read", "direct", "coded"])
def test_pipelined_answers_keep_their_order(server, place):
    names = [1, 30_000, 300_000, 1, 70_000, BIG, 4096]
    data = {size: put(server, size)[0] for size in names}
    with server.connect() as client:
        client.send(b"".join(request(f"/{place}/{size}") for size in names))
        for size in names:
            assert client.read().body == data[size]


@pytest.mark.parametrize("size", [30_000, 300_000, 2_000_000])
def test_cold_files_in_one_answer(weir, size):
    """Three of them, each changed on its way: the one above waits for those below, and goes on."""
    server = weir(http=CHARSET, server=PLACES + "location /framed/ { sub_filter zz yy; sub_filter_types *; addition_types *; add_before_body /coded/first;"
                  "add_after_body /sent/last; alias {prefix}/html/; }", main=OTHER)
    for _ in range(2):
        first, middle, last = (put(server, size, name=name)[0] for name in ("first", "middle", "last"))
        with server.connect() as client:
            client.send(request("/framed/middle") * 2)
            assert client.read().body == client.read().body == first + re.sub(b"(?i)zz", b"yy", middle, count=1) + last
    assert by_threads(server) > 0


def test_others_are_served_meanwhile_and_clients_may_leave(weir):
    """One thread, so that most jobs wait: their clients go, and the worker ends, while they do."""
    server = weir(http=CHARSET, server=PLACES, main="thread_pool other threads=2; thread_pool default threads=1 max_queue=3;", error_level="error")
    paths = [put(server, BIG, name=f"f{i}")[1] for i in range(12)]
    hot, _ = put(server, 1000, cold=False)
    for path in paths:
        chill(path)
    left = []
    for i in range(12):
        sock = socket.create_connection(("127.0.0.1", server.port()))
        sock.sendall(request(f"/sent/f{i}"))
        left.append(sock)
    with server.connect() as client:
        assert client.ask(request("/sent/1000")).body == hot
    for sock in left[::2]:
        sock.close()
    with server.connect() as client:
        assert client.ask(request("/sent/1000")).body == hot
    server.stop()


def test_a_full_queue_is_told_of_and_the_worker_reads(weir):
    server = weir(http=CHARSET, server=PLACES, main="thread_pool other threads=2; thread_pool default threads=1 max_queue=0;",
                  error_level="error")
    datas = [put(server, BIG, name=f"f{i}") for i in range(8)]

    def overflowed():
        for _, path in datas:
            chill(path)
        got = [None] * len(datas)

        def fetch(i):
            with server.connect() as client:
                got[i] = client.ask(request(f"/sent/f{i}")).body
        threads = [threading.Thread(target=fetch, args=[i]) for i in range(len(datas))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert got == [data for data, _ in datas]
        return counter(server, "thread_reads_refused") > 0
    wait_until(overflowed, "the queue to be full", 30)
    assert re.search(r'\[error\].*thread pool "default" queue overflow, the worker reads by itself', server.log_text())


def test_pool_named_by_a_variable(server):
    with server.connect() as client:
        for name, read in (("other", 1), ("default", 2)):
            data, path = put(server, 30_000)
            assert client.ask(request(f"/named/30000?pool={name}")).body == data
            assert by_threads(server) == read
        data, path = put(server, 30_000)
        assert client.ask(request("/named/30000?pool=nothing")).body == data
    assert by_threads(server) == 2
    assert re.search(r'\[error\].*thread pool "nothing" not found', server.log_text())


def test_direct_reads_leave_the_page_cache_alone(server):
    data, path = put(server, BIG)
    with server.connect() as client:
        assert client.ask(request(f"/direct/{BIG}")).body == data
        assert pages_in_memory(path) == 0
        assert by_threads(server) >= BIG // 65536
        small, small_path = put(server, 4095)
        assert client.ask(request("/direct/4095")).body == small
        assert pages_in_memory(small_path) == 1


def test_parts_of_a_file_are_read_one_way_and_by_its_size(weir):
    """Not by that of a part; and the file that is sent is not the first that was opened."""
    data = content(BIG)
    server = weir(server="sendfile on; directio 1m; gzip_static on; gzip_vary on;", files={"html/x": data, "html/x.gz": b"packed"})
    pieces = [(0, 8191), (2_000_000, 2_010_000), (524_288, 1_044_479)]
    assert chill(server.html / "x")
    with server.connect() as client:
        answer = client.ask(request("/x", "Range: bytes=" + ",".join(f"{first}-{last}" for first, last in pieces)))
        assert answer.status == 206 and all(b"\r\n\r\n" + data[first:last + 1] + b"\r\n--" in answer.body for first, last in pieces)
    assert pages_in_memory(server.html / "x") == 0


def test_direct_reads_fall_back_where_there_are_none(weir):
    server = weir(server="directio 1;", files={"html/x": content(100_000)})
    with server.connect() as client:
        for _ in range(2):
            assert client.ask(request("/x")).body == content(100_000)


@pytest.mark.parametrize("place", ["sent", "read", "direct"])
def test_a_file_that_shrinks_is_visibly_cut(weir, place):
    server = weir(http=CHARSET, server=PLACES, main=OTHER, allow=["file was truncated while it was sent"])
    path = server.html / "big"
    path.write_bytes(content(8 << 20))
    path.chmod(0o644)
    with server.connect(rcvbuf=4096) as client:
        client.send(request(f"/{place}/big"))
        assert client.read_head().get("Content-Length") == str(8 << 20)
        os.truncate(path, 4096)
        chill(path)
        rest = client.read_rest()
    assert len(rest) < 8 << 20 and content(8 << 20).startswith(rest[:4096])


@pytest.mark.parametrize("place", ["sent", "read", "direct"])
def test_a_file_that_grows_keeps_its_length(server, place):
    data = content(4 << 20)
    path = server.write("html/big", data)
    with server.connect(rcvbuf=4096) as client:
        client.send(request(f"/{place}/big"))
        assert client.read_head().get("Content-Length") == str(4 << 20)
        with open(path, "ab") as file:
            file.write(b"more" * 100_000)
        chill(path)
        assert client.read_some(4 << 20) == data
        assert client.ask(request(f"/{place}/big")).body == data + b"more" * 100_000


def test_the_log_tells_which_bytes_a_thread_reads(weir):
    server = weir(http=CHARSET, server=PLACES, main=OTHER, error_level="debug")
    put(server, 30_000)
    with server.connect() as client:
        client.ask(request("/sent/30000"))
    assert f'aio: a thread reads 30000 bytes at 0 of "{server.html}/30000"' in server.log_text()


# ---- file systems that do not tell

@pytest.fixture
def mounted(server):
    """mounted(kind): html/mounted is of that kind of file system."""
    place = server.html / "mounted"

    def mount(kind):
        if os.geteuid() != 0:
            pytest.skip("only root mounts")
        for name in ("mounted", "lower", "upper", "work"):
            (server.html / name).mkdir()
            (server.html / name).chmod(0o755)
        options = f"lowerdir={server.html}/lower,upperdir={server.html}/upper,workdir={server.html}/work" if kind == "overlay" \
            else "mode=755"
        done = subprocess.run(["mount", "-t", kind, "-o", options, kind, place], capture_output=True)
        if done.returncode != 0:
            pytest.skip(f"no {kind} can be mounted here")
        return place
    yield mount
    subprocess.run(["umount", "-l", place], capture_output=True)


def test_what_a_file_system_does_not_tell_is_remembered_for_small_files(mounted, server):
    place = mounted("overlay")
    os.chmod(place, 0o755)
    server.write("html/mounted/small", content(300_000))
    server.write("html/mounted/large", content(BIG))
    if tells_of_cold(place / "small"):
        pytest.skip("an overlay tells here")
    with server.connect() as client:
        for way in ("sent", "read"):
            before = by_threads(server)
            for _ in range(3):
                assert client.ask(request(f"/{way}/mounted/small")).body == content(300_000)
            assert by_threads(server) - before == (way == "sent")
            before = by_threads(server)
            for _ in range(3):
                assert client.ask(request(f"/{way}/mounted/large")).body == content(BIG)
            assert by_threads(server) - before == 3 * 4
        before = by_threads(server)
        assert client.ask(request("/off/mounted/large")).body == content(BIG)
        assert by_threads(server) == before


def test_what_lives_in_memory_needs_no_threads(mounted, server):
    mounted("tmpfs")
    server.write("html/mounted/large", content(BIG))
    with server.connect() as client:
        for way in ("sent", "read", "coded", "cached"):
            assert client.ask(request(f"/{way}/mounted/large")).body == content(BIG)
    assert by_threads(server) == 0


# ---- a disk that answers when the test says so

SLOW_DISK = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* Reads of threads wait until the file named by DISK_WORKS is there, and leave one named by DISK_ASKED. */
static char works[256], asked[256];      /* a worker has no environment */

__attribute__((constructor)) static void note(void)
{
    snprintf(works, sizeof(works), "%s", getenv("DISK_WORKS"));
    snprintf(asked, sizeof(asked), "%s", getenv("DISK_ASKED"));
}

static void wait_for_disk(void)
{
    if (gettid() == getpid())
        return;
    close(open(asked, O_CREAT | O_WRONLY, 0666));
    while (access(works, F_OK) != 0)
        usleep(1000);
}

static ssize_t slow(int fd, void *p, size_t n, off_t at)
{
    wait_for_disk();
    return syscall(SYS_pread64, fd, p, n, at);
}

static ssize_t slow_to(int fd, const struct iovec *room, int count, off_t at, int flags)
{
    wait_for_disk();
    return syscall(SYS_preadv2, fd, room, (long)count, (long)at, 0L, (long)flags);
}

ssize_t preadv2(int fd, const struct iovec *room, int count, off_t at, int flags) { return slow_to(fd, room, count, at, flags); }
ssize_t preadv64v2(int fd, const struct iovec *room, int count, off_t at, int flags) { return slow_to(fd, room, count, at, flags); }
ssize_t pread(int fd, void *p, size_t n, off_t at) { return slow(fd, p, n, at); }
ssize_t pread64(int fd, void *p, size_t n, off_t at) { return slow(fd, p, n, at); }
ssize_t __pread_chk(int fd, void *p, size_t n, off_t at, size_t room) { (void)room; return slow(fd, p, n, at); }
ssize_t __pread64_chk(int fd, void *p, size_t n, off_t at, size_t room) { (void)room; return slow(fd, p, n, at); }
"""


@pytest.fixture
def slow_disk(tmp_path, monkeypatch):
    """The file that sets the disk going, and the one that tells that it was asked."""
    if shutil.which("cc") is None:
        pytest.skip("needs a compiler")
    first = []                  # the sanitizer's library, where there is one, has to come before all others
    if b"__asan_init" in pathlib.Path(binary()).read_bytes():
        linked = subprocess.run(["ldd", binary()], capture_output=True, text=True).stdout
        first = re.findall(r"(/\S*libasan\S*)", linked)
        if not first:
            pytest.skip("the sanitizer is part of the binary, which takes no preloaded libraries then")
    tmp_path.chmod(0o777)
    tmp_path.parent.chmod(tmp_path.parent.stat().st_mode | 0o055)
    (tmp_path / "slow.c").write_text(SLOW_DISK)
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", tmp_path / "slow.so", tmp_path / "slow.c"], check=True)
    works, asked = pathlib.Path(f"/tmp/weir-disk-{os.getpid()}-works"), pathlib.Path(f"/tmp/weir-disk-{os.getpid()}-asked")
    monkeypatch.setenv("LD_PRELOAD", ":".join([*first, str(tmp_path / "slow.so")]))
    monkeypatch.setenv("DISK_WORKS", str(works))
    monkeypatch.setenv("DISK_ASKED", str(asked))
    yield works, asked
    works.unlink(missing_ok=True)
    asked.unlink(missing_ok=True)


@pytest.mark.parametrize("place", ["sent", "read", "coded", "direct"])
def test_the_worker_serves_others_while_a_disk_is_slow(slow_disk, server, place):
    works, asked = slow_disk
    data, _ = put(server, BIG)
    hot, _ = put(server, 1000, cold=False)
    with server.connect() as first, server.connect() as second:
        first.send(request(f"/{place}/{BIG}"))
        wait_until(asked.exists, "a thread to read")
        for _ in range(20):
            assert second.ask(request("/sent/1000")).body == hot
        first.sock.setblocking(False)
        got = b""
        try:
            got = first.sock.recv(100_000)
        except BlockingIOError:
            pass
        assert data[:1] not in got.partition(b"\r\n\r\n")[2]
        first.sock.settimeout(10)
        first._buffer += got
        works.touch()
        assert first.read().body == data
        assert first.ask(request("/sent/1000")).body == hot


@pytest.mark.parametrize("size", [0, 1460])
def test_what_is_ready_does_not_wait_for_the_disk(slow_disk, weir, size):
    """With postpone_output not at all, else no longer than the kernel holds it back."""
    works, _ = slow_disk
    server = weir(server=f"sendfile on; postpone_output {size};")
    data, _ = put(server, BIG)
    with server.connect() as client:
        client.send(request(f"/{BIG}"))
        assert client.read_head().get("Content-Length") == str(BIG)
        works.touch()
        assert client.read_some(BIG) == data


@pytest.mark.parametrize("place", ["sent", "read", "coded", "direct"])
def test_the_client_leaves_while_a_disk_is_slow(slow_disk, server, place):
    works, asked = slow_disk
    put(server, BIG)
    hot, _ = put(server, 1000, cold=False)
    with server.connect() as first:
        first.send(request(f"/{place}/{BIG}"))
        wait_until(asked.exists, "a thread to read")
        first.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    with server.connect() as second:
        wait_until(lambda: f"/{place}/{BIG}" in server.access_log.read_text(), "the request to end")
        works.touch()
        assert second.ask(request("/sent/1000")).body == hot


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGQUIT])
def test_the_worker_ends_while_a_disk_is_slow(slow_disk, server, number):
    works, asked = slow_disk
    data, _ = put(server, BIG)
    with server.connect() as first:
        first.send(request(f"/sent/{BIG}"))
        wait_until(asked.exists, "a thread to read")
        server.send_signal(number)
        if number == signal.SIGQUIT:
            works.touch()
            assert first.read().body == data
        else:
            assert len(first.read_rest()) < BIG
        server.wait_end()


# ---- beside nginx

BESIDE = ["aio threads; sendfile on;", "aio threads=other; sendfile off;", "aio off; sendfile on;", "directio 4k;",
          "directio 4k; aio threads; directio_alignment 4k; output_buffers 1 64k;", "read_ahead 1m; postpone_output 0;"]
ASKED = [[], ["Range: bytes=0-0"], ["Range: bytes=4000-300000"], ["Range: bytes=-1"], ["Range: bytes=1-2,5000-9999"],
         ["Range: bytes=9999999-"]]


@pytest.mark.skipif(NGINX is None, reason="there is no nginx")
@pytest.mark.parametrize("lines", BESIDE)
def test_nginx_answers_alike(weir, lines):
    ours = weir(server=lines, main=OTHER)
    with serving(kind=Nginx, server=lines, main=OTHER) as theirs:
        for size in (1, 4096, BIG):
            for server in (ours, theirs):
                path = server.write(f"html/{size}", content(size), mtime=1_700_000_000)
                chill(path)
            for fields in ASKED:
                for method in ("GET", "HEAD"):
                    def answer(server):
                        got = server.get(f"/{size}", *fields, method=method)
                        boundary = re.search("boundary=(.*)", got.get("Content-Type") or "")
                        body = got.body.replace(boundary[1].encode(), b"BOUNDARY") if boundary else got.body
                        return got.status, got.get("ETag"), got.get("Content-Range"), body if got.status != 416 else b""
                    assert answer(ours) == answer(theirs), (size, fields, method)


REFUSED = [
    ("aio sometimes;", 'invalid value "sometimes" in "aio" directive'),
    ("aio threads=nobody;", 'unknown thread pool "nobody"'),
    ("aio threads=;", 'unknown thread pool ""'),
    ("aio_write maybe;", 'invalid value "maybe" in "aio_write" directive'),
    ("directio many;", 'invalid value "many"'),
    ("directio_alignment 100;", 'invalid value "100" in "directio_alignment" directive'),
    ("directio_alignment 0;", 'invalid value "0" in "directio_alignment" directive'),
    ("output_buffers 0 32k;", 'invalid number of buffers "0"'),
    ("read_ahead x;", 'invalid value "x"'),
    ("postpone_output x;", 'invalid value "x"'),
]


@pytest.mark.parametrize("line, said", REFUSED)
def test_refused(folder, line, said):
    done, _ = check_conf(folder, f"events {{ }} http {{ {line} }}")
    assert done.returncode == 1 and said in done.stderr


@pytest.mark.parametrize("main, said", [
    ("thread_pool a threads=1; thread_pool a threads=2;", 'duplicate thread pool "a"'),
    ("thread_pool a threads=2000000;", 'invalid threads value "threads=2000000"'),
])
def test_refused_pools(folder, main, said):
    done, _ = check_conf(folder, f"{main} events {{ }}")
    assert done.returncode == 1 and said in done.stderr


def test_a_pool_may_stand_behind_http(folder):
    done, _ = check_conf(folder, "events { } http { aio threads=late; server { listen 127.0.0.1:1; } } thread_pool late threads=2;")
    assert done.returncode == 0, done.stderr


# ---- a disk that fetches nothing before it is asked for it

LAZY_DISK = r"""
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* Each sendfile() of bytes that are not in memory adds a line to the file named by DISK_WAITED. */
static char waited[256];                /* a worker has no environment */

__attribute__((constructor)) static void note(void) { snprintf(waited, sizeof(waited), "%s", getenv("DISK_WAITED")); }

ssize_t readahead(int fd, off_t at, size_t n) { (void)fd, (void)at, (void)n; return 0; }

ssize_t preadv2(int fd, const struct iovec *room, int count, off_t at, int flags)
{
    posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM);
    return syscall(SYS_preadv2, fd, room, count, (long)at, 0L, flags);
}

ssize_t sendfile(int out, int fd, off_t *at, size_t n)
{
    char byte;
    struct iovec room = { &byte, 1 };
    off_t place = *at;

    while (place < *at + (off_t)n && (preadv2(fd, &room, 1, place, RWF_NOWAIT) >= 0 || errno != EAGAIN))
        place += 4096;
    if (place < *at + (off_t)n)
        dprintf(open(waited, O_CREAT | O_WRONLY | O_APPEND, 0666), "%lld\n", (long long)place);
    return syscall(SYS_sendfile, out, fd, at, n);
}
ssize_t sendfile64(int out, int fd, off_t *at, size_t n) { return sendfile(out, fd, at, n); }
"""


def test_sendfile_is_asked_for_nothing_that_no_thread_has_brought(tmp_path, monkeypatch, weir):
    """The socket takes what it likes, so that the pieces do not end where what a thread has brought does."""
    if shutil.which("cc") is None:
        pytest.skip("needs a compiler")
    (tmp_path / "lazy.c").write_text(LAZY_DISK)
    tmp_path.chmod(0o777)
    tmp_path.parent.chmod(tmp_path.parent.stat().st_mode | 0o055)
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", tmp_path / "lazy.so", tmp_path / "lazy.c"], check=True)
    monkeypatch.setenv("LD_PRELOAD", str(tmp_path / "lazy.so"))
    monkeypatch.setenv("DISK_WAITED", str(tmp_path / "waited"))
    monkeypatch.setenv("ASAN_OPTIONS", "verify_asan_link_order=0")
    server = weir(http="server { listen 127.0.0.1:{port} sndbuf=100000; location = /status { status; } sendfile on; }")
    data, path = put(server, BIG)
    with server.connect(rcvbuf=30_000) as client:
        client.send(request(f"/{BIG}"))
        assert client.read().body == data
    assert by_threads(server) == 4
    assert not (tmp_path / "waited").exists()
