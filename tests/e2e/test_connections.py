# SPDX-License-Identifier: BSD-2-Clause
"""More clients than connections: nobody who asks is turned away."""

import asyncio
import json
import os
import pathlib
import re
import resource
import select
import signal
import time

import pytest

from harness import Client, now, request, wait_until


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


@pytest.mark.parametrize("events, kept", [("", 27), ("close_when_free 1/4;", 23), ("close_when_free 50%;", 15), ("close_when_free 0%;", 31)])
def test_answers_ask_to_close_from_the_threshold_on(weir, events, kept):
    """34 connections: one for the listener, one for the channel to the master, 32 for clients."""
    server = weir(server="", files={"html/a": "a"}, events=f"worker_connections 34; {events}")
    clients = []
    for number in range(1, 33):
        client = server.connect()
        clients.append(client)
        answer = client.ask(request("/a"))
        assert (answer.get("Connection") == "close") == (number > kept), number
        if number > kept:
            client.expect_close()
            assert clients[0].ask(request("/a")).get("Connection") != "close", "it is no longer full"
            break
    for client in clients:
        client.close()


def test_a_full_worker_may_be_told_not_to_ask(weir):
    server = weir(server="", files={"html/a": "a"}, events="worker_connections 34; close_when_free off; drain_idle 1h;")
    clients = [server.connect() for _ in range(32)]
    for client in clients:
        assert client.ask(request("/a")).get("Connection") != "close"
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


async def one_client(port, count, failures, done, patient):
    """Asks count times on connections that it keeps, as a browser would. patient: a kept connection may be closed before it asks again."""
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
            if fresh or not patient:
                failures.append(repr(problem))
                return
            writer.close()
            writer = None
    if writer:
        writer.close()


@pytest.mark.parametrize("slots, clients, events, patient", [
    (64, 250, "", True),
    (256, 1000, "", True),
    (256, 1000, "drain_idle 30s;", False),      # these clients are slow to ask again, and none of them may lose a request
])
def test_many_clients_take_turns_on_few_slots_and_none_fails(weir, slots, clients, events, patient):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < clients + 200:
        pytest.skip("too few descriptors here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, clients + 200), hard))
    server = weir(server="", files={"html/a": "a"}, events=f"worker_connections {slots}; {events}", error_level="error",
                  allow=["worker_connections are not enough"])
    failures, done = [], []

    async def run():
        await asyncio.gather(*[one_client(server.port(), 5, failures, done, patient) for _ in range(clients)])
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


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_worker_without_descriptors_rests_and_goes_on_at_the_very_release(weir):
    """48 descriptors, 200 clients, all of those served are busy: who waits is served when one leaves, and nothing spins meanwhile."""
    server = weir(main="worker_rlimit_nofile 48;", server="", files={"html/a": "a", "html/big": b"b" * (4 << 20)},
                  events="worker_connections 512; accept_retry 30s 30s;", allow=["Too many open files", "exceed open file resource limit"])
    clients = []
    for _ in range(200):
        client = server.connect(rcvbuf=4096, timeout=20)
        client.send(request("/big"))
        clients.append(client)
    wait_until(lambda: "Too many open files" in server.log_text(), "the descriptors to run out")
    pid, = server.workers()
    before = cpu_seconds(pid)
    time.sleep(1)
    assert cpu_seconds(pid) - before < 0.3
    begin = now()
    for _ in range(3):                      # accept_retry is far away: it is the release that lets the next one in
        served = [client for client in clients if select.select([client.sock], [], [], 0)[0]]
        waiting = [client for client in clients if client not in served]
        gone = served[0]
        clients.remove(gone)
        gone.close()
        wait_until(lambda: select.select([client.sock for client in waiting], [], [], 0)[0], "the next client to be served")
    assert now() - begin < 10
    for client in clients:
        client.close()


def test_files_are_served_though_idle_clients_hold_all_descriptors(weir):
    names = [f"f{n}" for n in range(12)]
    server = weir(main="worker_rlimit_nofile 48;", server="keepalive_timeout 60s; location = /none { return 204; }",
                  files={f"html/{name}": name for name in names}, events="worker_connections 256; close_when_free off; drain_idle 1ms;",
                  allow=["Too many open files", "exceed open file resource limit"])
    idle = []
    descriptors = pathlib.Path(f"/proc/{server.wait_workers()[0]}/fd")
    while len(os.listdir(descriptors)) < 48:
        idle.append(server.connect())
        assert idle[-1].ask(request("/none")).status == 204
    last = idle[-1]
    for name in names:
        assert last.ask(request(f"/{name}")).body == name.encode()
    for client in idle:
        client.close()


def is_accepted(client):
    """Whether the server has taken it from the kernel's queue, and has it still."""
    found = Client._diag.peer_of(client.sock)
    return found is not None and found[2] != 0


@pytest.mark.parametrize("events", ["drain_idle 1h; drain_silent 1h; accept_retry 30s 30s;", ""], ids=["nobody is drained", "as by default"])
@pytest.mark.parametrize("data", [request("/a"), b"GET /a HT", b""], ids=["kept connections", "half heads", "silence"])
def test_descriptors_that_idle_clients_hold_are_missed_without_spinning(weir, data, events):
    """48 descriptors, 200 clients: nothing spins, and who waits is served when one of the others leaves or is drained."""
    server = weir(main="worker_rlimit_nofile 48;", http="server { listen 127.0.0.1:{port} deferred=off; return 200 a; }",
                  events=f"worker_connections 512; {events}", allow=["Too many open files", "exceed open file resource limit"])
    clients = [server.connect(timeout=20).send(data) for _ in range(200)]
    server.wait_log("Too many open files")
    pid, = server.workers()
    before, begin = cpu_seconds(pid), now()
    time.sleep(1)
    assert cpu_seconds(pid) - before < 0.2 * (now() - begin)
    clients[0].peer_is_gone()
    if events:                              # accept_retry is far away: it is the release that lets the next one in
        for _ in range(3):
            waiting = next(client for client in clients if not is_accepted(client))
            begin = now()
            clients.pop(0).close()
            wait_until(lambda: is_accepted(waiting), "the next client to be let in")
            waiting.send(request("/a")[len(data):])
            assert waiting.read().body == b"a"
            assert now() - begin < 2
    else:
        with server.connect(timeout=20) as waiting:
            assert waiting.ask(request("/a")).body == b"a"
    for client in clients:
        client.close()
    wait_until(lambda: server.get("/a").body == b"a", "service")


def sums_of(server):
    """The counters in sum, once only the one who asks for them is there, and they add up."""
    def settled():
        counters = json.loads(server.get("/status?format=json").body)["sum"]
        return counters if counters["curr_connections"] == 1 else None
    counters = wait_until(settled, "all others to be gone")

    def sum_of(prefix):
        return sum(value for name, value in counters.items() if name.startswith(prefix))
    assert counters["total_connections"] == counters["handled"] + sum_of("rejected_")
    assert counters["handled"] == 1 + sum_of("closed_")
    assert counters["drained_connections"] == counters["closed_drained"] >= counters["drained_silent"]
    assert counters["free_connections"] == counters["max_connections"] - 1
    assert counters["accepting_conns"] == 1
    return counters


def idle_client(server, source):
    client = Client(("127.0.0.1", server.port()), timeout=20, source=source)
    assert client.ask(request("/a")).status == 200
    return client


def test_flood_of_idle_connections_leaves_those_of_others_alone(weir):
    server = weir(server="keepalive_timeout 60s; location = /status { status; }", files={"html/a": "a"},
                  events="worker_connections 130; close_when_free off;",
                  allow=["worker_connections are not enough"])
    others = [idle_client(server, f"127.0.0.{10 + n}") for n in range(20)]
    flood = [idle_client(server, "127.0.0.2") for _ in range(400)]
    for client in others:
        assert client.ask(request("/a")).status == 200
    newcomer = idle_client(server, "127.0.0.3")
    for client in others + flood + [newcomer]:
        client.close()
    assert "reusing connections" in server.log_text()
    counters = sums_of(server)
    assert counters["drained_over_share"] == counters["drained_connections"] > 250
    assert counters["drained_silent"] == 0


def test_flood_behind_a_trusted_proxy_leaves_the_proxys_other_clients_alone(weir):
    server = weir(conf=None, server=None, http="""server {
        listen 127.0.0.1:{port} proxy_protocol; keepalive_timeout 60s; set_real_ip_from 127.0.0.1; real_ip_header proxy_protocol; }""",
                  files={"html/a": "a"}, events="worker_connections 130; close_when_free off; drain_idle 200ms;",
                  allow=["worker_connections are not enough"])

    def client_of_proxy(address):
        client = server.connect(timeout=20)
        assert client.ask(b"PROXY TCP4 %s 10.9.9.9 1000 80\r\n" % address.encode() + request("/a")).status == 200
        return client
    others = [client_of_proxy(f"10.0.0.{n}") for n in range(20)]
    flood = [client_of_proxy("10.0.1.1") for _ in range(300)]
    for client in others:
        assert client.ask(request("/a")).status == 200
    assert "reusing connections" in server.log_text()
    for client in others + flood:
        client.close()


def test_flood_of_silent_connections_leaves_those_of_others_alone(weir):
    server = weir(conf=None, server=None, http="server { listen 127.0.0.1:{port} deferred=off; keepalive_timeout 60s; }", files={"html/a": "a"},
                  events="worker_connections 130; close_when_free off; drain_silent 300ms;", allow=["worker_connections are not enough"])
    others = [idle_client(server, f"127.0.0.{10 + n}") for n in range(20)]
    flood = [Client(("127.0.0.1", server.port()), source="127.0.0.2") for _ in range(300)]
    newcomer = idle_client(server, "127.0.0.3")
    for client in others:
        assert client.ask(request("/a")).status == 200
    for client in others + flood + [newcomer]:
        client.close()


@pytest.mark.parametrize("bytes_sent", [b"GET /a HT", b"GET /a HTTP/1.1\r\nHost: h\r\n\r\nGET /a HT"])
def test_clients_that_send_half_a_head_do_not_shut_the_door(small, bytes_sent):
    """Those who are slow for a second may be thrown out; who asks is served soon after."""
    half = []
    for _ in range(60):
        client = small.connect()
        client.send(bytes_sent)
        half.append(client)
    begin = now()
    assert small.get("/a").body == b"a"
    assert now() - begin < 10
    for client in half:
        client.close()
    assert small.get("/a").body == b"a"


REJECTED = (b"HTTP/1.1 503 Service Unavailable\r\n%sContent-Type: text/html\r\nContent-Length: %d\r\n%s"
            b"Connection: close\r\n\r\n")


@pytest.mark.parametrize("events, tokens, retry_after", [
    ("overload reject;", "on", b"Retry-After: 1\r\n"),
    ("overload reject retry_after=2m;", "off", b"Retry-After: 120\r\n"),
    ("overload reject retry_after=0;", '"$host"', b""),
])
@pytest.mark.parametrize("limit", ["slots", "descriptors"])
def test_overload_may_be_told_in_words(weir, events, tokens, retry_after, limit):
    main, slots = ("", 34) if limit == "slots" else ("worker_rlimit_nofile 48;", 512)
    server = weir(main=main, server=f"server_tokens {tokens}; location = /status {{ status; }}", files={"html/a": "a", "html/big": b"b" * (4 << 20)},
                  events=f"worker_connections {slots}; {events}",
                  allow=["worker_connections are not enough", "Too many open files", "exceed open file resource limit"])
    busy = []
    while True:
        client = server.connect(rcvbuf=4096)
        client.send(request("/big"))
        if client.read_head().status != 200:
            break
        busy.append(client)
        assert len(busy) <= 48
    assert limit != "slots" or len(busy) == 32
    for _ in range(20):
        rejected = server.connect()
        rejected.send(request("/a"))
        text = rejected.read_rest()
        assert not rejected.was_reset
        page = text.split(b"\r\n\r\n", 1)[1]
        name = {"on": rb"weir/[0-9.]+", "off": b"weir", '"$host"': b""}[tokens]
        field = re.search(rb"(Server: " + name + rb"\r\n)?", text[text.index(b"\r\n") + 2:])[0]
        assert (field == b"") == (name == b"") and text == REJECTED % (field, len(page), retry_after) + page
        assert b"503 Service Unavailable" in page and (b"<small>" in page) == (name != b"")
    for _ in range(3):                      # a file takes a descriptor, too
        busy.pop().close()
    wait_until(lambda: server.get("/a").status == 200, "room")
    for client in busy:
        client.close()
    assert sums_of(server)["rejected_overload"] >= 21


def test_who_is_rejected_may_have_said_nothing(weir):
    server = weir(conf=None, server=None, http="server { listen 127.0.0.1:{port} deferred=off; }", files={"html/big": b"b" * (4 << 20)},
                  events="worker_connections 10; overload reject;", allow=["worker_connections are not enough"])
    busy = [server.connect(rcvbuf=4096) for _ in range(8)]
    for client in busy:
        client.send(request("/big"))
        assert client.read_head().status == 200
    assert server.connect().read_rest().startswith(b"HTTP/1.1 503 ")
    for client in busy:
        client.close()


def sockets_of(pid):
    links = []
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            links.append(os.readlink(f"/proc/{pid}/fd/{fd}"))
        except OSError:
            pass
    return sum(link.startswith("socket:") for link in links)


@pytest.mark.parametrize("deferred", ["", "deferred=off"])
@pytest.mark.parametrize("burst", [1, 100])
def test_long_lived_connections_are_spread_evenly(weir, deferred, burst):
    server = weir(conf=None, server=None, http="server { listen 127.0.0.1:{port} %s; keepalive_timeout 600s; }" % deferred, workers=4,
                  events="worker_connections 1024;", files={"html/a": "a"})
    workers = server.wait_workers(4)
    before = {pid: sockets_of(pid) for pid in workers}
    clients = []
    while len(clients) < 480:
        new = [server.connect() for _ in range(burst)]
        for client in new:
            client.send(request("/a"))
        for client in new:
            client.read()
        clients += new
    held = [sockets_of(pid) - before[pid] for pid in workers]
    assert sum(held) >= len(clients)
    assert max(held) <= 1.3 * len(clients) / 4, held
    for client in clients:
        client.close()


def test_reload_of_a_process_without_master_takes_the_new_limits(weir):
    server = weir(main="master_process off;", server="", files={"html/a": "a"}, events="worker_connections 34; close_when_free 0%;")
    with server.connect() as client:
        assert client.ask(request("/a")).get("Connection") != "close"
    server.write_conf(server.template.replace("close_when_free 0%", "close_when_free 100%"))
    server.send_signal(signal.SIGHUP)

    def told():
        with server.connect() as client:
            return client.ask(request("/a")).get("Connection") == "close"
    wait_until(told, "the new limit")
