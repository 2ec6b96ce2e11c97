# SPDX-License-Identifier: BSD-2-Clause
"""How long a connection lives, and how many requests travel on it."""

import signal

import pytest

from harness import request, serving, wait_until
from harness.server import stat_of

# name: (version, Connection lines, stays)
CONNECTIONS = {
    "1.1 stays by default": ("1.1", [], True),
    "1.1 keep-alive stays": ("1.1", ["keep-alive"], True),
    "1.1 close": ("1.1", ["close"], False),
    "1.1 close in capitals": ("1.1", ["CLOSE"], False),
    "1.1 close at the end of a list": ("1.1", ["foo, close"], False),
    "1.1 close at the head of a list": ("1.1", ["close, foo"], False),
    "1.1 close in a list without blanks": ("1.1", ["foo,close,bar"], False),
    "1.1 close in a second line": ("1.1", ["foo", "close"], False),
    "1.1 close wins over keep-alive": ("1.1", ["keep-alive, close"], False),
    "1.1 closed-x is not close": ("1.1", ["closed-x"], True),
    "1.1 x-close is not close": ("1.1", ["x-close"], True),
    "1.1 close; is not close": ("1.1", ["close;x"], True),
    "1.0 closes by default": ("1.0", [], False),
    "1.0 close": ("1.0", ["close"], False),
    "1.0 keep-alive stays": ("1.0", ["keep-alive"], True),
    "1.0 Keep-Alive stays": ("1.0", ["Keep-Alive"], True),
    "1.0 keep-alive in a list stays": ("1.0", ["foo, keep-alive"], True),
    "1.0 keep-alive and close": ("1.0", ["keep-alive, close"], False),
    "1.0 keep-alivex closes": ("1.0", ["keep-alivex"], False),
    "1.5 stays by default": ("1.5", [], True),
}


@pytest.fixture(scope="module")
def server():
    conf = """
        keepalive_requests 100000;
        location /off/ { keepalive_timeout 0; alias {prefix}/html/; }
        location /three/ { keepalive_requests 3; alias {prefix}/html/; }
        location /told/ { keepalive_timeout 5s 7s; alias {prefix}/html/; }
        location /text { return 200 text; }
    """
    files = {f"html/{n}.txt": f"file {n}\n" for n in range(64)} | {"html/big": b"b" * 300_000}
    with serving(server=conf, files=files) as weir:
        yield weir


@pytest.mark.parametrize("target, status", [("/1.txt", 200), ("/none", 404), ("/text", 200), ("/big", 200)])
@pytest.mark.parametrize("name", list(CONNECTIONS))
def test_connection_stays_or_closes(server, name, target, status):
    version, values, stays = CONNECTIONS[name]
    data = request(target, *[f"Connection: {value}" for value in values], version=version)
    with server.connect() as client:
        answer = client.ask(data)
        assert answer.status == status and answer.complete
        if stays:
            assert (answer.get("Connection") or "").lower() in (("keep-alive",) if version == "1.0" else ("", "keep-alive"))
            assert client.ask(request("/2.txt")).body == b"file 2\n"
        else:
            assert answer.get("Connection") == "close"
            client.expect_close()


def test_what_follows_a_closing_request_is_not_answered(server):
    with server.connect() as client:
        client.send(request("/1.txt", "Connection: close") + request("/2.txt") * 10)
        assert client.read().body == b"file 1\n"
        client.expect_close(reset_is_fine=True)


def test_keepalive_timeout_0_closes_after_the_answer(server):
    with server.connect() as client:
        assert client.ask(request("/off/1.txt")).get("Connection") == "close"
        client.expect_close()


def test_keepalive_requests_ends_the_connection_with_that_request(server):
    with server.connect() as client:
        assert client.ask(request("/three/1.txt")).get("Connection") != "close"
        assert client.ask(request("/three/1.txt")).get("Connection") != "close"
        assert client.ask(request("/three/1.txt")).get("Connection") == "close"
        client.expect_close()


def test_second_word_of_keepalive_timeout_is_told_to_the_client(server):
    with server.connect() as client:
        assert client.ask(request("/told/1.txt")).get("Keep-Alive") == "timeout=7"


def test_sixty_four_pipelined_requests_are_answered_in_order(server):
    with server.connect() as client:
        client.send(b"".join(request(f"/{n}.txt") for n in range(64)))
        for n in range(64):
            assert client.read().body == b"file %d\n" % n


def test_two_thousand_pipelined_requests_are_answered_in_order(server):
    data = b"".join(request(f"/{n % 64}.txt") for n in range(2000))
    with server.connect() as client:
        client.send(data[:30_000])
        sent = 30_000
        for n in range(2000):
            if sent < len(data):
                client.send(data[sent:sent + 100])
                sent += 100
            assert client.read().body == b"file %d\n" % (n % 64)


def test_pipelined_large_and_small_answers_do_not_mix(server):
    with server.connect() as client:
        client.send((request("/big") + request("/1.txt") + request("/big", method="HEAD") + request("/none")) * 10)
        for _ in range(10):
            assert client.read().body == b"b" * 300_000
            assert client.read().body == b"file 1\n"
            assert client.read("HEAD").get("Content-Length") == "300000"
            assert client.read().status == 404


def test_request_cut_by_a_pipeline_is_finished_later(server):
    data = request("/1.txt") * 3
    with server.connect() as client:
        client.send(data + request("/2.txt")[:20])
        for _ in range(3):
            assert client.read().body == b"file 1\n"
        assert client.ask(request("/2.txt")[20:]).body == b"file 2\n"


def test_empty_lines_between_requests_are_skipped(server):
    with server.connect() as client:
        for _ in range(5):
            assert client.ask(request("/1.txt") + b"\r\n").body == b"file 1\n"


def test_client_that_has_finished_sending_is_still_answered(server):
    with server.connect() as client:
        client.send(request("/1.txt") + request("/big")).finish()
        assert client.read().body == b"file 1\n"
        assert client.read().body == b"b" * 300_000
        client.expect_close()


def test_client_that_says_nothing_and_leaves_is_no_error(server):
    for _ in range(20):
        server.connect().close()
    assert server.get("/1.txt").status == 200


def test_client_that_leaves_within_a_head_is_no_error(server):
    for cut in range(1, 30):
        with server.connect() as client:
            client.send(request("/1.txt")[:cut]).finish()
            client.read_rest()
    assert server.get("/1.txt").status == 200


def test_ten_thousand_requests_on_one_connection(weir):
    server = weir(server="keepalive_requests 20000; access_log off;", files={"html/a": "a"})
    with server.connect() as client:
        for _ in range(100):
            client.send(request("/a") * 100)
            for _ in range(100):
                assert client.read().body == b"a"


@pytest.mark.parametrize("size, count", [(30_000, 3), (3000, 18)])
def test_incomplete_head_behind_answers_that_wait_is_finished_later(weir, size, count):
    """Whether each answer waits for the one before, or all of them wait for the socket, gathered."""
    server = weir(http="server { listen 127.0.0.1:{port} sndbuf=4k; root {prefix}/html; }",
                  files={"html/a.bin": b"a" * size, "html/b.bin": b"b" * size})
    last = request("/b.bin")
    begun = len("GET /b.bin HT")
    with server.connect(rcvbuf=4096, timeout=30) as client:
        client.send(request("/a.bin") * count + last[:begun])
        wait_until(client.peer_has_read_all, "the server to read")
        for _ in range(count):
            assert client.read().body == b"a" * size
        assert client.ask(last[begun:]).body == b"b" * size
    lines = server.wait_access(count + 1)
    assert [line.split('"')[1:3] for line in lines] == \
        [[f"GET /{name}.bin HTTP/1.1", f" 200 {size} "] for name in ["a"] * count + ["b"]]


@pytest.mark.parametrize("turn, place", [(1, 1), (7, 7), (20, 20), (1000, 100)])
def test_others_have_their_turn_after_requests_per_turn(weir, turn, place):
    """Two connections have something at once: the first is served so many requests, then the other its one."""
    server = weir(events=f"worker_connections 64; requests_per_turn {turn};", server="access_log {prefix}/logs/turns.log;",
                  files={"html/a": "a"})
    worker = server.wait_workers()[0]
    with server.connect() as greedy, server.connect() as modest:
        for client in (greedy, modest):
            client.ask(request("/a?before"))
        server.send_signal(signal.SIGSTOP, worker)
        wait_until(lambda: stat_of(worker)[1] == "T", "the worker to stand still")
        greedy.send(request("/a?greedy") * 100)
        modest.send(request("/a?modest"))
        wait_until(lambda: not greedy.peer_has_read_all() and not modest.peer_has_read_all(), "the bytes to arrive")
        server.send_signal(signal.SIGCONT, worker)
        assert modest.read().body == b"a"
        for _ in range(100):
            assert greedy.read().body == b"a"
    lines = [line for line in server.wait_access(103, "turns.log") if "?before" not in line]
    assert len(lines) == 101
    assert [n for n, line in enumerate(lines) if "?modest" in line] == [place]
