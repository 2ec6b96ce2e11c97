# SPDX-License-Identifier: BSD-2-Clause
"""Every connection ends for exactly one reason, and it is the right one; whatever happens, the sums are right."""

import json
import random
import socket
import struct
import threading
import time

import pytest

from harness import ProtocolError, request, serving, wait_until

CONF = """
    limit_req_zone $arg_zone zone=waiting:1m rate=1r/m;
    client_header_timeout 300ms;
    client_body_timeout 300ms;
    send_timeout 300ms;
    keepalive_timeout 300ms;
    lingering_timeout 200ms;
    server {
        listen 127.0.0.1:{port} deferred=off;
        location = /status { keepalive_timeout 30s; status; }
        location /text { return 200 text; }
        location /silence { return 444; }
        location /reset/ { reset_timedout_connection on; alias {prefix}/html/; }
        location /small { client_max_body_size 1k; return 200 text; }
        location /slow/ { client_min_rate 1m after=100ms; send_timeout 10s; client_body_timeout 10s; alias {prefix}/html/; }
        location /waiting/ { limit_req zone=waiting burst=100; alias {prefix}/html/; }
        location /paced/ { limit_rate 1k; alias {prefix}/html/; }
    }
    server {
        listen 127.0.0.1:{port1} deferred=off;
        client_header_timeout 10s;
        client_min_rate 1k after=100ms;
    }
"""
FILES = {"html/a": "a", "html/big": b"b" * (16 << 20)}


@pytest.fixture(scope="module")
def server():
    with serving(http=CONF, files=FILES) as weir:
        yield weir


def counters(watcher):
    return json.loads(watcher.ask(request("/status?format=json")).body)["sum"]


def ends(sums):
    return {name[7:]: count for name, count in sums.items() if name.startswith("closed_")}


# What the client does; then it waits for the server to close.
def says_nothing(client):
    pass


def sends_half_a_head(client):
    client.send(b"GET /a HTT")


def sends_half_a_head_after_an_answer(client):
    client.ask(request("/a"))
    client.send(b"GET /a HTT")


def sends_half_a_body(client):
    client.send(request("/text", "Content-Length: 100", method="POST", body=b"x"))


def reads_nothing(client):
    client.send(request("/big"))


def reads_nothing_and_is_reset(client):
    client.send(request("/reset/big"))


def stays_idle(client):
    client.ask(request("/a"))


def asks_for_the_end(client):
    client.ask(request("/a", "Connection: close"))


def asks_in_http_1_0(client):
    client.ask(request("/a", version="1.0"))


def is_answered_with_silence(client):
    client.send(request("/silence"))


def sends_nonsense(client):
    client.send(b"nonsense\r\n\r\n")


def sends_a_bad_target(client):
    client.send(request("/../a"))


def sends_a_bad_chunk(client):
    client.send(request("/text", "Transfer-Encoding: chunked", method="POST", body=b"x\r\n"))


def sends_too_much(client):
    client.send(request("/small", "Content-Length: 100000", method="POST"))


def drips_a_body(client):
    client.send(request("/slow/a", "Content-Length: 1000000", method="POST", body=b"x"))


def reads_too_slowly(client):
    client.send(request("/slow/big"))


def drips_a_head(client):
    client.send(b"GET /a HTT")


# (what it does, what the end is counted as, the port)
ENDS = [
    (says_nothing, "timeout", "port"),
    (sends_half_a_head, "timeout", "port"),
    (sends_half_a_head_after_an_answer, "timeout", "port"),
    (sends_half_a_body, "timeout", "port"),
    (reads_nothing, "timeout", "port"),
    (reads_nothing_and_is_reset, "timeout", "port"),
    (stays_idle, "idle", "port"),
    (asks_for_the_end, "normal", "port"),
    (asks_in_http_1_0, "normal", "port"),
    (is_answered_with_silence, "normal", "port"),
    (sends_nonsense, "bad_request", "port"),
    (sends_a_bad_target, "bad_request", "port"),
    (sends_a_bad_chunk, "bad_request", "port"),
    (sends_too_much, "timeout", "port"),            # it lingers, for the client never ends
    (drips_a_body, "slow", "port"),
    (reads_too_slowly, "slow", "port"),
    (drips_a_head, "slow", "port1"),
]


@pytest.mark.parametrize("act, reason, port", ENDS, ids=[act.__name__ for act, _, _ in ENDS])
def test_end_is_counted_as_what_it_was(server, act, reason, port):
    with server.connect() as watcher:
        before = ends(counters(watcher))

        def difference():
            after = ends(counters(watcher))
            return {name: count - before[name] for name, count in after.items() if count != before[name]}
        with server.connect(port, rcvbuf=4096) as client:
            act(client)
            assert wait_until(difference, "the end") == {reason: 1}
        watcher.finish()
        watcher.expect_close()


def some_client(server, seed):
    """Opens connections, does a thing or several on each, and leaves in some way."""
    chance = random.Random(seed)
    acts = [act for act, _, port in ENDS if port == "port" and not act.__name__.startswith("reads_")] + [
        lambda client: client.send(request("/big")),
        lambda client: client.send(request("/paced/big")),
        lambda client: client.send(request("/waiting/a?zone=x")),
        lambda client: client.send(request("/a") * chance.randrange(100)),
    ]
    for _ in range(25):
        with server.connect(rcvbuf=4096) as client:
            try:
                chance.choice(acts)(client)
            except (ProtocolError, OSError):
                pass
            time.sleep(chance.choice([0, 0, 0.01, 0.4]))
            if chance.random() < 0.3:
                client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            elif chance.random() < 0.3:
                client.finish()


@pytest.mark.parametrize("workers", [1, 3])
def test_sums_are_right_after_a_mixed_load(weir, workers):
    server = weir(http=CONF, files=FILES, workers=workers, events="worker_connections 64; requests_per_turn 3;",
                  allow=["worker_connections are not enough"])
    threads = [threading.Thread(target=some_client, args=(server, seed)) for seed in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    def settled():
        sums = json.loads(server.get("/status?format=json").body)["sum"]
        return sums if sums["curr_connections"] == 1 else None
    sums = wait_until(settled, "the last connection to end", 20)
    refused = sum(count for name, count in sums.items() if name.startswith("rejected_"))
    assert sums["total_connections"] == sums["handled"] + refused
    assert sums["handled"] == 1 + sum(ends(sums).values()) and sums["handled"] >= 300
    assert sums["processing"] == 1
    assert [sums[name] for name in ("accepted", "reading", "writing", "waiting", "lingering", "reusable_connections")] == [0] * 6
    assert sums["free_connections"] == sums["max_connections"] - 1
