# SPDX-License-Identifier: BSD-2-Clause
"""More clients than connections: nobody who asks is turned away."""

import asyncio
import resource
import time

import pytest

from harness import now, request, wait_until


@pytest.fixture
def small(weir):
    return weir(server="keepalive_timeout 60s; client_header_timeout 60s;", files={"html/a": "a", "html/big": b"b" * (4 << 20)},
                events="worker_connections 32;", allow=["worker_connections are not enough"])


def test_clients_that_stay_idle_make_room_for_others(small):
    clients = []
    for _ in range(150):
        client = small.connect()
        clients.append(client)
        assert client.ask(request("/a")).body == b"a"
    for client in clients:
        client.close()


def test_longest_idle_goes_first(weir):
    small = weir(server="keepalive_timeout 60s;", files={"html/a": "a"}, events="worker_connections 32; close_when_free off; drain_idle 0;",
                 allow=["worker_connections are not enough"])
    first, second = small.connect(), small.connect()
    first.ask(request("/a"))
    second.ask(request("/a"))
    others = []
    while not first._ended:
        client = small.connect()
        others.append(client)
        assert len(others) < 200, "the oldest is never closed"
        client.ask(request("/a"))
        if not second._ended:
            answer = second.ask(request("/a"))
            assert answer.status == 200
            if answer.get("Connection") == "close":
                second._ended = True
        first.sock.setblocking(False)
        try:
            first._fill()
        except BlockingIOError:
            pass
    for client in others + [first, second]:
        client.close()


def test_answers_near_the_end_of_the_slots_ask_to_close(small):
    clients = [small.connect() for _ in range(30)]
    answers = []
    for client in clients:
        answers.append(client.ask(request("/a")))
    assert answers[0].get("Connection") != "close"
    assert any(answer.get("Connection") == "close" for answer in answers) or any(client._fill() is False for client in clients[:1])
    for client in clients:
        client.close()


def test_downloads_are_never_the_victims(small):
    slow = [small.connect(rcvbuf=4096) for _ in range(15)]
    for client in slow:
        client.send(request("/big"))
        assert client.read_head().status == 200
    for _ in range(100):
        assert small.get("/a").body == b"a"
    for client in slow:
        assert client.read_some(4 << 20) == b"b" * (4 << 20)
        client.close()


def test_waiting_clients_are_served_when_a_slot_is_released(small):
    """All slots are in use by downloads: a newcomer waits in the backlog, and is served as soon as one ends."""
    slow = []
    for _ in range(40):
        client = small.connect(rcvbuf=4096)
        client.send(request("/big"))
        slow.append(client)
    waiting = small.connect(timeout=20)
    waiting.send(request("/a", "Connection: close"))
    for client in slow:
        client.close()
    assert waiting.read().body == b"a"
    waiting.close()


async def one_client(port, count, failures, done):
    """Asks count times on connections that it keeps, as a browser would; a kept connection may be closed before it is asked again."""
    reader = writer = None
    fresh = True
    n = 0
    while n < count:
        try:
            if writer is None:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                fresh = True
            writer.write(b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n")
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)
            assert head.startswith(b"HTTP/1.1 200 "), head
            await reader.readexactly(1)
            n += 1
            fresh = False
            done.append(1)
            if b"\r\nConnection: close\r\n" in head:
                writer.close()
                writer = None
            await asyncio.sleep(0.001)
        except (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError) as problem:
            if fresh:
                failures.append(repr(problem))
                return
            writer.close()
            writer = None
    if writer:
        writer.close()


@pytest.mark.parametrize("slots, clients", [(64, 250), (256, 1000)])
def test_many_clients_take_turns_on_few_slots_and_none_fails(weir, slots, clients):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < clients + 200:
        pytest.skip("too few descriptors here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, clients + 200), hard))
    server = weir(server="", files={"html/a": "a"}, events=f"worker_connections {slots};", error_level="error",
                  allow=["worker_connections are not enough"])
    failures, done = [], []

    async def run():
        await asyncio.gather(*[one_client(server.port(), 5, failures, done) for _ in range(clients)])
    asyncio.run(run())
    assert not failures, failures[:5]
    assert len(done) == 5 * clients


def test_worker_at_its_descriptor_limit_recovers_at_once(weir):
    server = weir(main="worker_rlimit_nofile 40;", server="keepalive_timeout 60s;", files={"html/a": "a", "html/big": b"b" * (4 << 20)},
                  events="worker_connections 256;", allow=["Too many open files", "exceed open file resource limit"])
    slow = []
    for _ in range(60):
        client = server.connect(rcvbuf=4096)
        client.send(request("/big"))
        slow.append(client)
    waiting = server.connect(timeout=20)
    waiting.send(request("/a", "Connection: close"))
    for client in slow:
        client.close()
    begin = time.monotonic()
    waiting.read()
    assert time.monotonic() - begin < 2
    waiting.close()
    wait_until(lambda: server.get("/a").body == b"a", "service")
