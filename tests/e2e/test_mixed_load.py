# SPDX-License-Identifier: BSD-2-Clause
"""A mixed hour of load compressed into seconds, amid reloads, upgrades and killed workers: afterwards all accounts add up."""

import json
import os
import random
import signal
import socket
import struct
import threading
import time
from collections import Counter

import pytest

from harness import Client, ProtocolError, now, request, wait_until
from harness.processes import descriptors_of, family_of, is_sanitized, resident
from harness.server import is_alive, title_of

SLOTS, WORKERS, DRAIN_IDLE = 64, 3, 0.3
BIG = 1 << 20
CONF = """
    limit_req_zone $arg_key zone=rate:1m rate=5r/s;
    limit_conn_zone $arg_key zone=count:1m;
    client_header_timeout 800ms;
    client_body_timeout 800ms;
    lingering_timeout 300ms;
    keepalive_timeout 60s;
    keepalive_requests 1000000;
    server {
        listen 127.0.0.1:{port} deferred=off;
        listen unix:{prefix}/logs/sock;
        root {prefix}/html;
        location /kept { return 200 "$arg_n $connection_requests"; }
        location /idle { keepalive_timeout 300ms; return 200 x; }
        location /rate { limit_req zone=rate; alias {prefix}/html/; }
        location /count { limit_conn count 1; alias {prefix}/html/; limit_rate 200k; }
        location /hasty { send_timeout 300ms; alias {prefix}/html/; }
        location /slow { client_min_rate 1m after=100ms; alias {prefix}/html/; }
        location /later { limit_req zone=rate burst=20; alias {prefix}/html/; }
        location /silence { return 444; }
    }
    server {
        listen 127.0.0.1:{port1} proxy_protocol;
        set_real_ip_from 127.0.0.0/8;
        real_ip_header proxy_protocol;
        location / { return 200 $remote_addr; }
    }
"""
FILES = {"html/a": "a", "html/ten": "0123456789", "html/big": b"b" * BIG}
# What belongs to the load itself.
EXPECTED = ["worker_connections are not enough", r"\[emerg\]"]
KILLED = EXPECTED + ["exited on signal 9"]


# ---- clients

class Tally:
    """What the clients of a round saw."""

    def __init__(self):
        self.connections = self.answers_read = self.bytes_read = self.bad_requests = self.proxy_errors = 0
        self.unread_heads = 0               # answered, but no request
        self.classes = Counter()

    def add(self, other):
        for name, value in vars(other).items():
            if name == "classes":
                self.classes.update(value)
            else:
                setattr(self, name, getattr(self, name) + value)


class Counted(Client):
    """A client that keeps a tally."""

    def __init__(self, tally, address, **kwargs):
        self.tally = tally
        super().__init__(address, timeout=30, **kwargs)
        tally.connections += 1

    def _fill(self):
        before = len(self._buffer)
        more = super()._fill()
        self.tally.bytes_read += len(self._buffer) - before
        return more

    def read(self, method="GET"):
        response = super().read(method)
        self.tally.classes[response.status // 100] += 1
        self.tally.answers_read += 1
        return response

    def expect_answers(self, count, status, body):
        for _ in range(count):
            answer = self.read()
            assert (answer.status, answer.body, answer.complete) == (status, body, True)

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()


class Round:
    """Clients on threads of their own until the time is over; what goes wrong in one of them fails the test."""

    def __init__(self, server, seconds):
        self.server, self.end = server, now() + seconds
        self.tally, self.problems, self.kills = Tally(), [], []
        self.threads = []
        self.chance = random.Random(7)

    def over(self):
        return now() > self.end or bool(self.problems)

    def start(self, act, times=1):
        for number in range(times):
            thread = threading.Thread(target=self._run, args=(act, f"{act.__name__} {number}"))
            self.threads.append(thread)
            thread.start()

    def _run(self, act, name):
        tally = Tally()
        chance = random.Random(name)

        def connect(port="port", **kwargs):
            address = f"{self.server.prefix}/logs/sock" if port == "unix" else ("127.0.0.1", self.server.port(port))
            return Counted(tally, address, **kwargs)
        try:
            act(self, connect, chance)
        except Exception as problem:
            self.problems.append(f"{name}: {problem!r} at {problem.__traceback__.tb_next.tb_lineno}")
        self.tallies.append(tally)

    tallies = property(lambda self: self.__dict__.setdefault("_tallies", []))

    def join(self):
        for thread in self.threads:
            thread.join()
        for tally in self.tallies:
            self.tally.add(tally)
        assert not self.problems, "\n".join(self.problems)


def stays_and_asks(load, connect, chance, port="port"):
    """The well-behaved client: it is answered whatever happens, and loses its connection for a reason that it was told of only."""
    number = 0
    while not load.over():
        with connect(port) as client:
            for served in range(1, 1 << 30):
                if load.over():
                    return
                number += 1
                begin = time.monotonic()
                try:
                    answer = client.ask(request(f"/kept?n={number}"))
                except (ProtocolError, OSError):
                    assert any(begin - DRAIN_IDLE < moment for moment in load.kills) or begin - asked > DRAIN_IDLE, "closed unasked"
                    break
                asked = begin
                assert answer.text == f"{number} {served}" and answer.complete
                if answer.get("Connection") == "close":
                    client.expect_close()
                    break
                time.sleep(chance.uniform(0, 0.02))


def stays_and_asks_at_the_unix_socket(load, connect, chance):
    stays_and_asks(load, connect, chance, "unix")


def sends_ahead(load, connect, chance):
    with connect() as client:
        while not load.over():
            count = chance.randrange(1, 50)
            client.send(request("/a") * count)
            client.expect_answers(count, 200, b"a")
            time.sleep(chance.uniform(0, 0.1))


def comes_and_goes(load, connect, chance):
    while not load.over():
        with connect(chance.choice(["port", "unix"])) as client:
            client.send(request("/a", *chance.choice([["Connection: close"], []])))
            client.expect_answers(1, 200, b"a")
        time.sleep(chance.uniform(0, 0.02))


def reads_slowly(load, connect, chance):
    while not load.over():
        with connect(rcvbuf=4096) as client:
            client.send(request("/big") + request("/a"))
            head = client.read_head()
            assert head.status == 200
            left = BIG
            while left:
                piece = min(left, 1 << 16)
                assert client.read_some(piece) == b"b" * piece
                left -= piece
                time.sleep(0.01)
            client.tally.classes[2] += 1
            client.expect_answers(1, 200, b"a")


def sends_chunks(load, connect, chance):
    with connect() as client:
        while not load.over():
            size = chance.choice([1, 100, 5000, 100000])
            body = f"{size:x}\r\n".encode() + b"c" * size + b"\r\n0\r\n\r\n"
            client.send(request("/kept?n=c", "Transfer-Encoding: chunked", method="POST"))
            for at in range(0, len(body), 7001):
                client.send(body[at:at + 7001])
            assert client.read().text.startswith("c ")
            time.sleep(chance.uniform(0, 0.05))


def asks_this_and_that(load, connect, chance):
    cases = [
        (request("/none"), "GET", 404),
        (request("/ten", "Range: bytes=2-4"), "GET", 206),
        (request("/ten", "Range: bytes=0-0,3-5"), "GET", 206),
        (request("/ten", "Range: bytes=90-"), "GET", 416),
        (request("/ten", method="HEAD"), "HEAD", 200),
        (request("/ten", "If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT", "If-None-Match: *"), "GET", 304),
        (request("/big", method="HEAD"), "HEAD", 200),
        (request("/ten", method="DELETE"), "GET", 405),
    ]
    with connect() as client:
        while not load.over():
            data, method, status = chance.choice(cases)
            assert client.ask(data, method).status == status
            time.sleep(chance.uniform(0, 0.02))


def asks_too_often(load, connect, chance):
    while not load.over():
        with connect() as client:
            for _ in range(5):
                assert client.ask(request("/rate/a?key=r")).status in (200, 503)
            assert client.ask(request("/count/a?key=c")).status in (200, 503)
            assert client.ask(request("/count/big?key=c", "Range: bytes=0-20000")).status in (206, 503)
        time.sleep(chance.uniform(0, 0.1))


def talks_nonsense(load, connect, chance):
    while not load.over():
        with connect() as client:
            good = chance.randrange(3)
            client.send(request("/a") * good)
            client.expect_answers(good, 200, b"a")
            whole = request("/../..")       # only its target is refused
            bad = chance.choice([whole, b"nonsense\r\n\r\n", request("/a", "A b: c"), request("/a", host=None),
                                 request("/a", "Content-Length: 1", "Transfer-Encoding: chunked"), request("/a", "Host: b")])
            client.send(bad)
            assert client.read().status == 400
            client.tally.bad_requests += 1
            client.tally.unread_heads += bad is not whole
            client.finish()
            client.expect_close(reset_is_fine=True)
        time.sleep(chance.uniform(0, 0.1))


def comes_by_proxy(load, connect, chance):
    block = socket.inet_aton("192.0.2.7") + bytes(4) + struct.pack("!HH", 1, 2)
    version2 = b"\r\n\r\n\0\r\nQUIT\n" + struct.pack("!BBH", 0x21, 0x11, len(block) + 7) + block + b"\xe0\0\4more"
    while not load.over():
        with connect("port1") as client:
            data = chance.choice([b"PROXY TCP4 192.0.2.7 1.2.3.4 1 2\r\n", version2]) + request("/") * 3
            cut = chance.randrange(len(data))
            client.send(data[:cut])
            time.sleep(chance.choice([0, 0, 0.02]))
            client.send(data[cut:])
            client.expect_answers(3, 200, b"192.0.2.7")
            for _ in range(chance.randrange(4)):
                time.sleep(chance.uniform(0, 0.1))
                client.send(request("/"))
                client.expect_answers(1, 200, b"192.0.2.7")


def comes_by_broken_proxy(load, connect, chance):
    while not load.over():
        with connect("port1") as client:
            client.send(chance.choice([b"PROXY TCP9 1.2.3.4 1.2.3.4 1 2\r\n", b"\r\n\r\n\0\r\nQUIT\n\x31\x11\0\0", b"PROXY " + b"x" * 200]))
            client.expect_close(reset_is_fine=True)
            client.tally.proxy_errors += 1
        time.sleep(chance.uniform(0, 0.2))


def says_nothing_or_half(load, connect, chance):
    while not load.over():
        with connect() as client:
            data = chance.choice([b"", b"G", b"GET /a HTTP/1.1\r\nHost: "])
            client.send(data)
            if data:
                assert client.read().status == 408
                client.tally.unread_heads += 1
            client.finish()
            client.expect_close()


def stays_idle(load, connect, chance):
    while not load.over():
        with connect() as client:
            client.send(request("/idle"))
            client.expect_answers(1, 200, b"x")
            client.expect_close()


def leaves_anywhere(load, connect, chance):
    """In the midst of anything: of the PROXY header, a head, a body, an answer, a wait, a pipeline; by FIN, by RST, by half."""
    stories = [
        ("port", request("/a") * 30),
        ("port", request("/big")),
        ("port", request("/big") * 3 + request("/a")),
        ("port", request("/hasty/big")),
        ("port", request("/slow/big")),
        ("port", request("/count/big?key=x")),
        ("port", request("/later/a?key=l") * 2),
        ("port", request("/silence")),
        ("port", request("/kept", "Content-Length: 5000", method="POST", body=b"x" * 5000)),
        ("port", request("/kept", "Transfer-Encoding: chunked", method="POST", body=b"5\r\nabcde\r\n0\r\n\r\n") * 2),
        ("port", request("/kept", "Expect: 100-continue", "Content-Length: 3", method="POST", body=b"abc")),
        ("port", request("/a") + b"nonsense\r\n\r\n" + request("/a") * 20),
        ("port", b"x" * 20000),
        ("port1", b"PROXY TCP4 192.0.2.8 1.2.3.4 1 2\r\n" + request("/") * 3),
        ("unix", request("/a") * 3 + request("/big")),
        ("unix", request("/hasty/big")),
    ]
    while not load.over():
        try:
            port, data = chance.choice(stories)
            client = connect(port, rcvbuf=chance.choice([None, 4096]))
            with client:
                cut = chance.choice([0, len(data), chance.randrange(len(data))])
                client.send(data[:cut])
                time.sleep(chance.choice([0, 0, 0.001, 0.02, 0.5]))
                if chance.random() < 0.5:
                    client.sock.settimeout(0.05)
                    for _ in range(chance.randrange(1, 4)):
                        client.sock.recv(chance.choice([1, 1000, 100000]))
                if chance.random() < 0.4:
                    client.send(data[cut:])
                if chance.random() < 0.4:
                    client.reset()
                elif chance.random() < 0.3:
                    client.finish()
                    time.sleep(chance.choice([0, 0.05]))
        except OSError:                     # the server was the first to leave, or was killed
            pass
        time.sleep(chance.uniform(0, 0.02))


ORDERLY = [
    (stays_and_asks, 6), (stays_and_asks_at_the_unix_socket, 1), (sends_ahead, 2), (comes_and_goes, 2), (reads_slowly, 3),
    (sends_chunks, 1), (asks_this_and_that, 2), (asks_too_often, 2), (talks_nonsense, 2), (comes_by_proxy, 2),
    (comes_by_broken_proxy, 1), (says_nothing_or_half, 3), (stays_idle, 3),
]


def survives(act):
    """For rounds in which workers are killed: whoever loses a connection begins anew."""
    def again(load, connect, chance):
        while not load.over():
            try:
                act(load, connect, chance)
            except (ProtocolError, OSError, AssertionError):
                time.sleep(0.01)
    again.__name__ = act.__name__
    return again


# ---- the server

def status_of(server):
    """The master tells by itself, so that nobody's connection is in the numbers."""
    done = server.run("-s", "status", "--format", "json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def sum_of(sums, prefix):
    return sum(count for name, count in sums.items() if name.startswith(prefix))


def serving_workers(server):
    """Those that were not told to leave."""
    return [pid for pid in server.workers() if "shutting down" not in title_of(pid)]


def settle(server):
    """Waits until the clients' connections and the old workers are gone; the status then."""
    def settled():
        if len(server.workers()) != WORKERS or len(serving_workers(server)) != WORKERS:
            return None
        status = status_of(server)
        return status if status["sum"]["curr_connections"] == 0 else None
    try:
        return wait_until(settled, "the last connection to end", 20)
    except AssertionError as problem:
        titles = [title_of(pid) for pid in family_of(server.pid)]
        raise AssertionError(f"{problem}: {titles} {status_of(server)['sum']}") from None


def nothing_is_left_over(server, status, before):
    """Gauges, descriptors, processes are as at the start."""
    for worker in [status["sum"]] + status["workers"]:
        assert {name: count for name, count in worker.items() if isinstance(count, int) and count < 0} == {}
        names = ("curr_connections", "accepted", "reading", "processing", "writing", "waiting", "lingering", "reusable_connections")
        assert {name: worker[name] for name in names if worker[name]} == {}
        assert worker["free_connections"] == worker["max_connections"]
    assert status["sum"]["accepting_conns"] == WORKERS
    assert set(family_of(server.pid).values()) <= set("SRD") and len(family_of(server.pid)) == WORKERS

    def as_before():
        return descriptors_of(server.pid) == before["master"] and all(
            descriptors_of(pid) == before["worker"] for pid in server.workers())
    try:
        wait_until(as_before, "the descriptors", 5)
    except AssertionError:
        raise AssertionError(f"{before} became {descriptors_of(server.pid)} "
                             f"{[descriptors_of(pid) for pid in server.workers()]}") from None


def prepare(weir, allow=EXPECTED, events=""):
    server = weir(http=CONF, files=FILES, workers=WORKERS, allow=allow, main="worker_shutdown_timeout 20s; worker_generations 100;",
                  events=f"worker_connections {SLOTS}; drain_idle 300ms; requests_per_turn 5; {events}")
    server.wait_workers(WORKERS)
    for _ in range(3):
        reload(server)
    settle(server)
    before = {"master": descriptors_of(server.pid), "worker": descriptors_of(server.workers()[0]), "memory": resident(server.pid)}
    return server, before


def memory_is_flat(server, before):
    if not is_sanitized(server):
        assert resident(server.pid) < before["memory"] + 2048


def reload(server, code=0):
    done = server.run("-s", "reload")
    assert done.returncode == code, done.stderr


# ---- the operator

def rotate(server, number):
    os.rename(server.access_log, f"{server.access_log}.{number}")
    assert server.run("-s", "reopen").returncode == 0


def lines_logged(server):
    return sum(path.read_text(errors="replace").count("\n") for path in server.access_log.parent.glob("access.log*"))


def fail_to_reload(server):
    reload(server)                          # nobody else's reload is to find the broken text
    good = server.conf_path.read_text()
    server.replace("weir.conf", good + "nonsense")
    reload(server, 1)
    server.replace("weir.conf", good)


def operate(server, load, steps):
    """A step each 300 ms."""
    turn = 0
    while not load.over():
        begin = now()
        steps[turn % len(steps)](turn)
        turn += 1
        time.sleep(max(0, 0.3 - (now() - begin)))


def usual_steps(server, load):
    def tell_one(number):
        workers = serving_workers(server)
        if workers:
            try:
                os.kill(load.chance.choice(workers), number)
            except ProcessLookupError:      # it left meanwhile
                pass
    return [
        lambda turn: server.send_signal(signal.SIGHUP),
        lambda turn: reload(server),
        lambda turn: rotate(server, turn),
        lambda turn: tell_one(signal.SIGQUIT),
        lambda turn: server.send_signal(signal.SIGHUP),
        lambda turn: fail_to_reload(server),
        lambda turn: tell_one(signal.SIGWINCH),
        lambda turn: reload(server),
    ]


# ---- the rounds

def test_orderly_clients_and_the_server_count_the_same(weir):
    """Nobody aborts and no worker is killed: to the connection, to the answer, to the byte, to the line."""
    server, before = prepare(weir)
    start = status_of(server)["sum"]
    load = Round(server, 7)
    for act, times in ORDERLY:
        load.start(act, times)
    try:
        operate(server, load, usual_steps(server, load))
    finally:
        load.end = 0
        load.join()
    status = settle(server)
    sums = {name: count - start.get(name, 0) for name, count in status["sum"].items()}
    saw = load.tally
    assert saw.answers_read > 200 and min(saw.classes[n] for n in (2, 3, 4, 5)) > 0
    assert sums["total_connections"] == saw.connections == sums["handled"] + sum_of(sums, "rejected_")
    assert sums["handled"] + sums["adopted_connections"] == sum_of(sums, "closed_")
    assert sums["closed_handed_over"] == sums["adopted_connections"] == sums["handed_over_connections"]
    assert sums["lost_connections"] == sums["closed_error"] == sums["closed_shutdown"] == 0
    assert {n: sums[f"responses_{n}xx"] for n in range(1, 6)} == {n: saw.classes[n] for n in range(1, 6)}
    assert sums["limit_req_rejected"] + sums["limit_conn_rejected"] == saw.classes[5]
    assert sums["bytes_sent"] == saw.bytes_read
    assert sums["closed_bad_request"] == saw.bad_requests + saw.proxy_errors
    assert sums["requests"] == sum(saw.classes.values()) - saw.unread_heads
    assert sums["proxy_protocol_errors"] == saw.proxy_errors
    assert sum(saw.classes.values()) == lines_logged(server)
    assert status["reloads"]["failed"] >= 1
    nothing_is_left_over(server, status, before)
    memory_is_flat(server, before)


def test_accounts_add_up_after_everything_at_once(weir):
    """Aborts everywhere, killed workers: what those held is all that may be missing."""
    server, before = prepare(weir, KILLED)
    load = Round(server, 8)
    for act, times in ORDERLY:
        load.start(act if act.__name__.startswith("stays_and_asks") else survives(act), times)
    load.start(leaves_anywhere, 12)

    def kill_one(turn):
        workers = server.workers()
        if workers:
            load.kills.append(time.monotonic() + 0.5)       # who asks until then may have been served by it
            os.kill(load.chance.choice(workers), signal.SIGKILL)
    steps = usual_steps(server, load)
    try:
        operate(server, load, steps[:3] + [kill_one] + steps[3:])
    finally:
        load.end = 0
        load.join()
    status = settle(server)
    sums, killed = status["sum"], len(load.kills)
    assert killed > 0 and status["workers_killed"] <= killed
    assert 0 <= sums["total_connections"] - sums["handled"] - sum_of(sums, "rejected_") <= killed
    assert abs(sums["handled"] + sums["adopted_connections"] - sum_of(sums, "closed_")) <= SLOTS * killed
    assert sums["total_connections"] >= load.tally.connections - SLOTS * killed
    assert sum_of(sums, "responses_") >= load.tally.answers_read - SLOTS * killed
    nothing_is_left_over(server, status, before)
    memory_is_flat(server, before)


def test_accounts_add_up_when_clients_abort(weir):
    """The slots run out as well, and who finds none is told so: nothing may be missing."""
    server, before = prepare(weir, events="overload reject;")
    load = Round(server, 5)
    for act, times in ORDERLY:
        if act is not says_nothing_or_half:
            load.start(survives(act), times)
    load.start(leaves_anywhere, 12)
    try:
        operate(server, load, usual_steps(server, load))
    finally:
        load.end = 0
        load.join()
    status = settle(server)
    sums = status["sum"]
    assert sums["total_connections"] == sums["handled"] + sum_of(sums, "rejected_")
    assert sums["handled"] + sums["adopted_connections"] == sum_of(sums, "closed_")
    assert sums["closed_handed_over"] == sums["adopted_connections"] == sums["handed_over_connections"]
    assert sum_of(sums, "responses_") >= load.tally.answers_read - sums["rejected_overload"]
    nothing_is_left_over(server, status, before)


def test_accounts_add_up_after_an_upgrade_and_back(weir):
    """The counters of the old program, when it serves again: what went to the new one and what came back is in them."""
    server, before = prepare(weir)
    load, old = Round(server, 60), server.pid
    for act, times in ORDERLY:
        load.start(act if act.__name__.startswith("stays_and_asks") else survives(act), times)
    load.start(leaves_anywhere, 6)

    def told_to_work(master):
        return [pid for pid in family_of(master) if "worker process" in title_of(pid) and "shutting down" not in title_of(pid)]
    try:
        server.send_signal(signal.SIGUSR2)
        new = int(server.wait_log(r"start new binary process (\d+)")[1])
        wait_until(lambda: len(told_to_work(new)) == WORKERS, "the new workers", 20)
        os.kill(old, signal.SIGWINCH)
        wait_until(lambda: not told_to_work(old), "the old workers to be told")
        time.sleep(1)                       # the load goes on at the new program
        os.kill(old, signal.SIGHUP)
        wait_until(lambda: len(told_to_work(old)) == WORKERS, "the old master's workers", 20)
        os.kill(new, signal.SIGQUIT)
        wait_until(lambda: not is_alive(new), "the new master to leave", 30)
        time.sleep(0.5)
    finally:
        load.end = 0
        load.join()
    sums = settle(server)["sum"]
    assert sums["total_connections"] == sums["handled"] + sum_of(sums, "rejected_")
    assert sums["handled"] + sums["adopted_connections"] == sum_of(sums, "closed_")
    assert sums["adopted_connections"] > 0 and sums["handed_over_connections"] > 0
    nothing_is_left_over(server, status_of(server), before)
    memory_is_flat(server, before)
