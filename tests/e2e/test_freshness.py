# SPDX-License-Identifier: BSD-2-Clause
"""What is served is what is there: at once by default, within open_file_cache_valid when asked for."""

import os
import time

import pytest

from harness import now, request, wait_until

SIZES = [4, 20_000, 100_000, 2_000_000]


def text(letter, size):
    return letter.encode() * size


@pytest.fixture
def server(weir):
    conf = """
        keepalive_requests 1000000;
        location /cached/ {
            open_file_cache max=100 inactive=60s;
            open_file_cache_valid 60s;
            alias {prefix}/html/;
        }
        location /second/ {
            open_file_cache max=100 inactive=60s;
            open_file_cache_valid 1s;
            alias {prefix}/html/;
        }
        location /errors/ {
            open_file_cache max=100;
            open_file_cache_errors on;
            open_file_cache_valid 1s;
            alias {prefix}/html/;
        }
    """
    return weir(server=conf, files={"html/a": "old\n"})


def overwrite(path, data):
    """In place, with another time of modification as the clock of the file system sees it."""
    before = path.stat().st_mtime_ns

    def written():
        with open(path, "r+b") as file:
            file.write(data)
            file.truncate()
        return path.stat().st_mtime_ns != before
    wait_until(written)


@pytest.mark.parametrize("size", SIZES)
def test_replaced_file_is_seen_at_once(server, size):
    with server.connect() as client:
        for letter in "abcdefgh":
            server.replace("html/f", text(letter, size))
            for _ in range(3):
                assert client.ask(request("/f")).body == text(letter, size)


@pytest.mark.parametrize("size", SIZES)
def test_file_overwritten_in_place_is_seen_at_once(server, size):
    path = server.write("html/f", text("0", size))
    with server.connect() as client:
        for letter in "abcdefgh":
            overwrite(path, text(letter, size))
            for _ in range(3):
                assert client.ask(request("/f")).body == text(letter, size)


@pytest.mark.parametrize("size", SIZES)
def test_file_that_grows_and_shrinks_is_seen_at_once(server, size):
    path = server.write("html/f", text("0", size))
    with server.connect() as client:
        for factor in (2, 3, 1, 2):
            overwrite(path, text("x", size * factor))
            answer = client.ask(request("/f"))
            assert answer.get("Content-Length") == str(size * factor)
            assert answer.body == text("x", size * factor)


def test_replaced_file_with_the_old_size_and_time_is_seen_at_once(server):
    with server.connect() as client:
        for letter in "abcdefgh":
            path = server.write("html/f.new", text(letter, 100), mtime=1_700_000_000)
            os.rename(path, server.html / "f")
            assert client.ask(request("/f")).body == text(letter, 100)


def test_deleted_and_created_files_are_seen_at_once(server):
    with server.connect() as client:
        for turn in range(5):
            assert client.ask(request("/f")).status == 404
            server.write("html/f", f"turn {turn}\n")
            assert client.ask(request("/f")).text == f"turn {turn}\n"
            os.unlink(server.html / "f")


def test_file_that_becomes_a_folder_and_back_is_seen_at_once(server):
    with server.connect() as client:
        for _ in range(3):
            server.write("html/f", "file\n")
            assert client.ask(request("/f")).body == b"file\n"
            os.unlink(server.html / "f")
            server.write("html/f/index.html", "folder\n")
            assert client.ask(request("/f")).status == 301
            assert client.ask(request("/f/")).body == b"folder\n"
            os.unlink(server.html / "f/index.html")
            os.rmdir(server.html / "f")


def test_rights_withdrawn_are_seen_at_once(server):
    path = server.write("html/f", "mine\n")
    with server.connect() as client:
        for _ in range(3):
            path.chmod(0o644)
            assert client.ask(request("/f")).status == 200
            path.chmod(0)
            assert client.ask(request("/f")).status == 403


def test_rights_of_a_folder_withdrawn_are_seen_at_once(server):
    server.write("html/d/f", "mine\n")
    with server.connect() as client:
        for _ in range(3):
            (server.html / "d").chmod(0o755)
            assert client.ask(request("/d/f")).status == 200
            (server.html / "d").chmod(0)
            assert client.ask(request("/d/f")).status == 403
    (server.html / "d").chmod(0o755)


def test_index_that_appears_is_seen_at_once(server):
    (server.html / "d").mkdir()
    (server.html / "d").chmod(0o755)
    with server.connect() as client:
        assert client.ask(request("/d/")).status == 403
        server.write("html/d/index.html", "index\n")
        assert client.ask(request("/d/")).body == b"index\n"


def test_retargeted_link_is_seen_at_once(server):
    server.write("html/one", "one\n")
    server.write("html/two", "two\n")
    with server.connect() as client:
        for name in ("one", "two", "one", "two"):
            os.symlink(name, server.html / "link.new")
            os.rename(server.html / "link.new", server.html / "link")
            assert client.ask(request("/link")).text == f"{name}\n"


def test_retargeted_link_in_the_path_is_seen_at_once(server):
    """As a deployment does: a link "current" moves from release to release."""
    server.write("html/r1/f", "release 1\n")
    server.write("html/r2/f", "release 2\n")
    with server.connect() as client:
        for name in ("r1", "r2", "r1"):
            os.symlink(name, server.html / "current.new")
            os.rename(server.html / "current.new", server.html / "current")
            assert client.ask(request("/current/f")).text == f"release {name[1]}\n"


def test_many_files_are_each_served_right(server):
    for n in range(3000):
        server.write(f"html/many/{n}", f"number {n}\n")
    with server.connect() as client:
        for turn in range(2):
            for start in range(0, 3000, 100):
                client.send(b"".join(request(f"/many/{n}") for n in range(start, start + 100)))
                for n in range(start, start + 100):
                    assert client.read().text == f"number {n}\n"


def test_open_file_cache_keeps_the_old_within_valid(server):
    with server.connect() as client:
        assert client.ask(request("/cached/a")).body == b"old\n"
        server.replace("html/a", "new\n")
        for _ in range(20):
            assert client.ask(request("/cached/a")).body == b"old\n"
        assert client.ask(request("/a")).body == b"new\n"


def test_open_file_cache_serves_the_new_after_valid(server):
    with server.connect() as client:
        assert client.ask(request("/second/a")).body == b"old\n"
        server.replace("html/a", "new\n")
        replaced = now()
        wait_until(lambda: client.ask(request("/second/a")).body == b"new\n", "the new content", 5)
        assert now() - replaced < 2.5


def test_open_file_cache_without_errors_sees_a_new_file_at_once(server):
    with server.connect() as client:
        assert client.ask(request("/cached/later")).status == 404
        server.write("html/later", "there\n")
        assert client.ask(request("/cached/later")).body == b"there\n"


def test_open_file_cache_errors_remembers_a_missing_file(server):
    with server.connect() as client:
        assert client.ask(request("/errors/later")).status == 404
        server.write("html/later", "there\n")
        created = now()
        assert client.ask(request("/errors/later")).status == 404
        wait_until(lambda: client.ask(request("/errors/later")).status == 200, "the file to be seen", 5)
        assert now() - created < 2.5


def test_open_file_cache_off_in_a_location_is_fresh(weir):
    server = weir(server="open_file_cache max=10; location /fresh/ { open_file_cache off; alias {prefix}/html/; }",
                  files={"html/a": "old\n"})
    with server.connect() as client:
        assert client.ask(request("/fresh/a")).body == b"old\n"
        server.replace("html/a", "new\n")
        assert client.ask(request("/fresh/a")).body == b"new\n"


def test_open_file_cache_smaller_than_the_site_serves_all_of_it(weir):
    server = weir(server="open_file_cache max=3 inactive=1s; open_file_cache_min_uses 2;",
                  files={f"html/{n}": f"number {n}\n" for n in range(50)})
    with server.connect() as client:
        for _ in range(10):
            for n in range(50):
                assert client.ask(request(f"/{n}")).text == f"number {n}\n"


def test_body_in_memory_outlives_its_place_in_the_cache_while_it_is_sent(weir):
    """Only one of the two files fits into memory: the other one, asked for more often, must not push it out from under an answer."""
    body = {name: os.urandom(30_000) for name in ("a.bin", "b.bin")}
    server = weir(http="open_file_cache_body_memory 40k; server { listen 127.0.0.1:{port} sndbuf=4k; root {prefix}/html; }",
                  files={f"html/{name}": data for name, data in body.items()})
    changed = max((server.html / name).stat().st_ctime for name in body)
    wait_until(lambda: time.time() > changed + 4, "the files to be old enough for memory")
    for _ in range(3):
        assert server.get("/a.bin").body == body["a.bin"]
    with server.connect(rcvbuf=4096, timeout=30) as slow:
        slow.send(request("/a.bin") * 4)
        wait_until(slow.peer_has_read_all, "the server to read")
        for _ in range(120):
            assert server.get("/b.bin").body == body["b.bin"]
        for _ in range(4):
            assert slow.read().body == body["a.bin"]


def test_a_shortage_is_not_remembered_as_an_error_of_the_file(weir):
    """All descriptors are those of clients that read slowly; when they are gone, the file is there."""
    server = weir(main="worker_rlimit_nofile 40;", events="worker_connections 64; drain_idle 1h; drain_silent 1h;",
                  server="open_file_cache max=100; open_file_cache_errors on; open_file_cache_valid 1h;",
                  files={"html/a": "there\n", "html/big": b"x" * 8_000_000}, error_level="emerg")
    worker = server.wait_workers()[0]
    with server.connect() as client:
        assert client.ask(request("/big", method="HEAD"), method="HEAD").status == 200
        slow = []
        while len(os.listdir(f"/proc/{worker}/fd")) < 40:
            slow.append(server.connect(rcvbuf=4096))
            slow[-1].send(request("/big"))
            wait_until(slow[-1].peer_has_read_all, "the server to read", 2)
        assert client.ask(request("/a")).status == 500
        for other in slow:
            other.close()
        wait_until(lambda: len(os.listdir(f"/proc/{worker}/fd")) < 30, "the others to be gone")
    assert server.get("/a").body == b"there\n"


@pytest.mark.parametrize("cache", ["", "open_file_cache max=100000 inactive=1h; open_file_cache_valid 1h;"])
def test_files_that_are_kept_open_leave_descriptors_to_clients(weir, cache):
    server = weir(main="worker_rlimit_nofile 80;", events="worker_connections 64;", server=cache,
                  files={f"html/{n}": f"number {n}\n" for n in range(400)})
    worker = server.wait_workers()[0]
    clients = []
    with server.connect() as client:
        for n in range(400):
            assert client.ask(request(f"/{n}")).text == f"number {n}\n"
    assert 40 < len(os.listdir(f"/proc/{worker}/fd")) <= 80
    for n in range(50):
        clients.append(server.connect())
        assert clients[-1].ask(request(f"/{n}")).text == f"number {n}\n"
    for client in clients:
        client.close()
