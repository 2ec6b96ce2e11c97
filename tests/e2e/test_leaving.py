# SPDX-License-Identifier: BSD-2-Clause
"""A client leaves, by FIN or RST, at any moment: the connection is closed at once, and the log says what became of the request."""

import json
import os
import re
import socket
import struct

import pytest

from harness import now, request, serving, wait_until

BIG = 16 << 20


@pytest.fixture(scope="module")
def server():
    http = """
        limit_req_zone $arg_zone zone=waiting:1m rate=1r/m;
        server {
            listen 127.0.0.1:{port} deferred=off;
            client_max_body_size 1m;
            location = /status { status; }
            location /text { return 200 text; }
            location /small { client_max_body_size 1k; return 200 text; }
            location /paced/ { limit_rate 5k; alias {prefix}/html/; }
            location /sendfile/ { sendfile on; alias {prefix}/html/; }
            location /waiting/ { limit_req zone=waiting burst=100; alias {prefix}/html/; }
        }
    """
    with serving(http=http, files={"html/a": "a", "html/10k": b"k" * 10240, "html/big": b"b" * BIG}) as weir:
        yield weir


def sockets(server):
    """How many connections the worker has."""
    folder = f"/proc/{server.wait_workers()[0]}/fd"
    count = 0
    for name in os.listdir(folder):
        try:
            count += os.readlink(f"{folder}/{name}").startswith("socket:")
        except OSError:
            pass
    return count


def nothing(client, tag):
    pass


def half_a_head(client, tag):
    client.send(f"GET /a?{tag} HTTP/1.1\r\nHo".encode())


def one_answer(client, tag):
    assert client.ask(request(f"/a?{tag}")).body == b"a"


def half_a_head_on_a_kept_connection(client, tag):
    one_answer(client, tag)
    half_a_head(client, tag)


def half_a_body(client, tag):
    client.send(request(f"/text?{tag}", "Content-Length: 1000", method="POST", body=b"x" * 10))
    assert client.read().text == "text"


def half_a_chunk(client, tag):
    client.send(request(f"/text?{tag}", "Transfer-Encoding: chunked", method="POST", body=b"64\r\nxx"))
    assert client.read().text == "text"


def the_head_of_an_answer(client, tag):
    client.send(request(f"/big?{tag}"))
    client.read_head()


def some_of_an_answer_by_sendfile(client, tag):
    client.send(request(f"/sendfile/big?{tag}"))
    client.read_head()
    client.read_some(100_000)


def some_of_a_paced_answer(client, tag):
    client.send(request(f"/paced/10k?{tag}"))
    client.read_head()
    client.read_some(1024)


def pipeline_behind_a_large_answer(client, tag):
    client.send(request(f"/big?{tag}") + request(f"/a?{tag}") * 3 + b"GET /")
    client.read_head()


def first_of_two(client, tag):
    """The next one has to wait for a minute."""
    target = f"/waiting/a?zone={tag}&{tag}"
    assert client.ask(request(target)).body == b"a"
    return target


def a_handler_that_waits(client, tag):
    client.send(request(first_of_two(client, tag)))


def a_pipeline_behind_a_handler_that_waits(client, tag):
    client.send(request(first_of_two(client, tag)) * 2 + b"GET /")


def half_a_body_behind_a_handler_that_waits(client, tag):
    client.send(request(first_of_two(client, tag), "Content-Length: 100", method="POST", body=b"x" * 10))


def answer_that_lingers(client, tag):
    client.send(request(f"/small?{tag}", "Content-Length: 100000", method="POST", body=b"x" * 10))
    assert client.read().status == 413


# How far it came -> for FIN and for RST the statuses that are logged, None where the answer goes on, and what the end is counted as.
GOES_ON = (None, "client")
MOMENTS = {
    nothing: (([], "client"), ([], "client")),
    half_a_head: ((["400"], "client"), (["400"], "client")),
    one_answer: ((["200"], "client"), (["200"], "client")),
    half_a_head_on_a_kept_connection: ((["200", "400"], "client"), (["200", "400"], "client")),
    half_a_body: ((["200"], "client"), (["200"], "client")),
    half_a_chunk: ((["200"], "client"), (["200"], "client")),
    the_head_of_an_answer: (GOES_ON, (["200"], "client")),
    some_of_an_answer_by_sendfile: (GOES_ON, (["200"], "client")),
    some_of_a_paced_answer: (GOES_ON, (["200"], "client")),
    pipeline_behind_a_large_answer: (GOES_ON, (["200"], "client")),
    a_handler_that_waits: ((["200", "499"], "client"), (["200", "499"], "client")),
    a_pipeline_behind_a_handler_that_waits: ((["200", "499"], "client"), (["200", "499"], "client")),
    half_a_body_behind_a_handler_that_waits: ((["200", "499"], "client"), (["200", "499"], "client")),
    answer_that_lingers: ((["413"], "normal"), (["413"], "normal")),
}


def reset(client):
    client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def closed(watcher):
    """Reason -> how many connections have ended for it."""
    counters = json.loads(watcher.ask(request("/status?format=json")).body)["sum"]
    return {name[7:]: count for name, count in counters.items() if name.startswith("closed_")}


def logged(server, tag):
    """The statuses of the requests that carry the tag."""
    parts = [line.split('"') for line in server.access_lines()]
    return [part[2].split()[0] for part in parts if re.search(rf"[?&]{tag}( |$)", part[1])]


@pytest.mark.parametrize("way", ["fin", "rst"])
@pytest.mark.parametrize("moment", list(MOMENTS))
def test_connection_is_closed_at_once_and_logged(server, moment, way):
    tag = f"{moment.__name__}-{way}"
    statuses, reason = MOMENTS[moment][way == "rst"]
    watcher = server.connect()
    ends = closed(watcher)
    before = sockets(server)
    client = server.connect(rcvbuf=4096, timeout=20)
    wait_until(lambda: sockets(server) == before + 1, "the server to accept")
    moment(client, tag)
    wait_until(client.peer_has_read_all if moment is not pipeline_behind_a_large_answer else lambda: True, "the server to read")
    begin = now()
    if way == "rst":
        reset(client)
    else:
        client.finish()
    if statuses is None:                        # one who only says that nothing more comes still reads
        assert len(client.read_rest()) > 2000
        assert set(logged(server, tag)) >= {"200"}
    else:
        wait_until(lambda: sockets(server) == before, "the server to close", 3)
        assert now() - begin < 2
        wait_until(lambda: len(logged(server, tag)) >= len(statuses), "the log lines")
        assert logged(server, tag) == statuses
    client.close()
    wait_until(lambda: sockets(server) == before, "the server to close", 3)
    assert {name: count - ends[name] for name, count in closed(watcher).items() if count != ends[name]} == {reason: 1}
    watcher.close()
    wait_until(lambda: sockets(server) == before - 1, "the server to close", 3)


@pytest.mark.parametrize("count", [1, 5, 50])
def test_requests_and_their_end_at_once_are_answered(server, count):
    """The end comes with the requests: all of them are served first."""
    with server.connect() as client:
        client.send(request("/a") * count).finish()
        for _ in range(count):
            assert client.read().body == b"a"
        client.expect_close()


def test_reset_right_behind_a_request_harms_nobody(server):
    before = sockets(server)
    for n in range(100):
        client = server.connect()
        client.send(request(f"/sendfile/big?{n}") if n % 2 else request("/a") * (n % 40))
        reset(client)
    wait_until(lambda: sockets(server) == before, "the server to close")
    assert server.get("/a").body == b"a"
