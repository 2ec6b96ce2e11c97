# SPDX-License-Identifier: BSD-2-Clause
"""Every timeout, measured: never before its time, and within 10 % and a slack for a busy machine."""

import os
import threading
import time

import pytest

from harness import now, request, serving, wait_until

SLACK = 0.6
BIG = 64 << 20


@pytest.fixture(scope="module")
def server():
    http = """
        client_header_timeout 400ms;
        client_body_timeout 500ms;
        lingering_timeout 300ms;
        lingering_time 600ms;
        send_timeout 500ms;
        keepalive_timeout 600ms;
        limit_req_zone $arg_zone zone=waiting:1m rate=1r/s;
        server {
            listen 127.0.0.1:{port};
            location /text { return 200 text; }
            location /reset/ { reset_timedout_connection on; alias {prefix}/html/; }
            location /silent { reset_timedout_connection on; return 444; }
            location /waiting/ { limit_req zone=waiting burst=100; alias {prefix}/html/; }
            location /silence { return 444; }
            location /patient/ { send_timeout 1500ms; alias {prefix}/html/; }
            location /old/ { keepalive_time 400ms; keepalive_timeout 30s; alias {prefix}/html/; }
            location /sendfile/ { sendfile on; alias {prefix}/html/; }
            location /long/ { keepalive_timeout 30s; alias {prefix}/html/; }
            location /short/ { keepalive_timeout 200ms; alias {prefix}/html/; }
            location /small { client_max_body_size 1k; return 200 small; }
        }
    """
    with serving(http=http, files={"html/a": "a", "html/big": b"b" * BIG}) as weir:
        yield weir


def took(begin, seconds, what):
    """begin: taken before that was sent with which the time began. The server's clock has milliseconds."""
    passed = now() - begin
    assert seconds - .002 <= passed <= 1.1 * seconds + SLACK, f"{what} took {passed:.2f} s instead of {seconds} s"


def used_cpu(server):
    with open(f"/proc/{server.wait_workers()[0]}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def drip(client, data, pause, enough):
    """Sends byte after byte until the server has had enough."""
    def run():
        for n in range(len(data)):
            if enough.wait(pause):
                return
            client.send_anyway(data[n:n + 1])
    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_idle_connection_is_closed_after_keepalive_timeout(server):
    with server.connect() as client:
        begin = now()
        client.ask(request("/a"))
        client.expect_close()
        took(begin, 0.6, "keepalive_timeout")


def test_keepalive_timeout_begins_anew_with_each_request(server):
    with server.connect() as client:
        begin = now()
        while now() - begin < 1.5:
            client.ask(request("/a"))
            time.sleep(0.2)
        begin = now()
        client.ask(request("/a"))
        client.expect_close()
        took(begin, 0.6, "keepalive_timeout")


def test_keepalive_timeout_is_that_of_the_location(server):
    with server.connect() as short, server.connect() as long:
        long.ask(request("/long/a"))
        begin = now()
        short.ask(request("/short/a"))
        short.expect_close()
        took(begin, 0.2, "keepalive_timeout")
        wait_until(lambda: now() - begin > 0.8)
        assert long.ask(request("/a")).status == 200


def test_head_begun_on_a_new_connection_has_client_header_timeout(server):
    with server.connect() as client:
        begin = now()
        client.send(b"GET /a HTT")
        answer = client.read_rest()
        took(begin, 0.4, "client_header_timeout")
        assert answer == b"" or answer.startswith(b"HTTP/1.1 408 ")


def test_head_begun_on_a_kept_connection_has_client_header_timeout(server):
    with server.connect() as client:
        client.ask(request("/long/a"))
        begin = now()
        client.send(b"GET /a HTT")
        answer = client.read_rest()
        took(begin, 0.4, "client_header_timeout")
        assert answer == b"" or answer.startswith(b"HTTP/1.1 408 ")


def test_dripping_head_is_given_client_header_timeout_in_all(server):
    with server.connect() as client:
        begin, enough = now(), threading.Event()
        thread = drip(client, request("/a", "X: " + "x" * 200), 0.05, enough)
        client.read_rest()
        took(begin, 0.4, "client_header_timeout")
        enough.set()
        thread.join()


def test_head_begun_behind_a_body_has_client_header_timeout(weir):
    server = weir(server="client_header_timeout 400ms; client_body_timeout 7s; location / { return 200 text; }")
    data = request("/", "Content-Length: 10", method="POST")
    with server.connect() as client:
        begin = now()
        client.send_pieces([data, b"x" * 5, b"x" * 5 + b"GET /a HTT"])
        assert client.read().text == "text"
        answer = client.read_rest()
        took(begin, 0.4, "client_header_timeout")
        assert answer == b"" or answer.startswith(b"HTTP/1.1 408 ")


def test_body_that_does_not_come_ends_the_connection(server):
    with server.connect() as client:
        begin = now()
        client.send(request("/text", "Content-Length: 100", method="POST", body=b"x" * 10))
        rest = client.read_rest()
        took(begin, 0.5, "client_body_timeout")
        assert b"HTTP/1.1 200 " in rest or b"HTTP/1.1 408 " in rest or rest == b""


def test_connection_that_says_nothing_is_closed(server):
    """The kernel keeps a silent newcomer back for a while, so this one may take longer."""
    with server.connect() as client:
        begin = now()
        client.expect_close(reset_is_fine=True)
        assert 0.4 <= now() - begin < 6


@pytest.mark.parametrize("target", ["/big", "/sendfile/big"])
def test_reader_that_does_not_read_has_send_timeout(server, target):
    def timed_out():
        return [line for line in server.access_lines() if f"GET {target}?{os.getpid()} " in line]
    with server.connect(rcvbuf=4096) as client:
        begin = now()
        client.send(request(f"{target}?{os.getpid()}"))
        wait_until(timed_out, "the server to give up")
        took(begin, 0.5, "send_timeout")
        assert len(client.read_rest()) < BIG


def test_slow_reader_that_reads_on_is_served_to_the_end(server):
    """send_timeout is between two writes, not for the whole answer."""
    with server.connect(rcvbuf=1 << 20) as client:
        begin, got = now(), 0
        client.send(request("/patient/big"))
        client.read_head()
        while got < BIG:
            got += len(client.read_some(min(BIG // 8, BIG - got)))
            time.sleep(0.3)
        assert now() - begin > 2


def test_reset_timedout_connection_resets(server):
    with server.connect(rcvbuf=4096) as client:
        client.send(request(f"/reset/big?{os.getpid()}"))
        wait_until(lambda: [line for line in server.access_lines() if f"/reset/big?{os.getpid()} " in line], "the server to give up")
        client.read_rest()
        assert client.was_reset


def was_cut_by_reset(client):
    data = client.read_rest()
    return data == b"" and client.was_reset


def test_reset_timedout_connection_resets_a_head_that_is_late(weir):
    server = weir(server="client_header_timeout 400ms; reset_timedout_connection on;", files={"html/a": "a"})
    for sent in (b"GET /a HTT", request("/a") + b"GET /a HTT"):
        with server.connect() as client:
            begin = now()
            client.send(sent)
            if len(sent) > 10:
                assert client.read().body == b"a"
            assert was_cut_by_reset(client)
            took(begin, 0.4, "client_header_timeout")
    assert [line.split('"')[1:3] for line in server.wait_access(3)] == \
        [["GET /a HTT", " 408 0 "], ["GET /a HTTP/1.1", " 200 1 "], ["GET /a HTT", " 408 0 "]]


def test_reset_timedout_connection_leaves_idle_connections_alone(weir):
    server = weir(server="keepalive_timeout 300ms; reset_timedout_connection on;", files={"html/a": "a"})
    with server.connect() as client:
        begin = now()
        client.ask(request("/a"))
        client.expect_close()
        took(begin, 0.3, "keepalive_timeout")


def test_444_resets_where_that_is_wanted(server):
    with server.connect() as client:
        client.send(request("/silent"))
        assert was_cut_by_reset(client)
    with server.connect() as client:
        client.send(request("/silence"))
        client.expect_close()


def test_keepalive_time_ends_the_connection_with_the_next_answer(server):
    with server.connect() as client:
        begin = now()
        assert client.ask(request("/old/a")).get("Connection") != "close"
        wait_until(lambda: now() - begin >= 0.5)
        assert client.ask(request("/old/a")).get("Connection") == "close"
        client.expect_close()


def test_deadlines_that_come_nearer_and_go_farther_are_kept(server):
    """30 s, then 0.4 s for a head, then 30 s again, then 0.2 s: each is what counts."""
    with server.connect() as client:
        client.ask(request("/long/a"))
        head = request("/long/a")
        client.send(head[:10])
        wait_until(client.peer_has_read_all, "the server to read")
        client.ask(head[10:])
        begin = now()
        wait_until(lambda: now() - begin > 0.8)
        client.ask(request("/long/a"))
        begin = now()
        client.ask(request("/short/a"))
        client.expect_close()
        took(begin, 0.2, "keepalive_timeout")


def test_head_that_waited_behind_answers_has_its_whole_time(weir):
    """While the client reads earlier answers the time for a head that has begun does not run."""
    server = weir(http="server { listen 127.0.0.1:{port} sndbuf=4k; client_header_timeout 400ms; send_timeout 10s; }",
                  files={"html/a": "a" * 10_000})
    with server.connect(rcvbuf=4096) as client:
        client.send(request("/a") * 10 + b"GET /a HTT")
        wait_until(client.peer_has_read_all, "the server to read")
        begin = now()
        wait_until(lambda: now() - begin > 0.6)
        begin = now()
        for _ in range(10):
            assert len(client.read().body) == 10_000
        assert client.read().status == 408
        took(begin, 0.4, "client_header_timeout")


@pytest.fixture
def lingering(weir):
    return weir(server="client_max_body_size 1k; lingering_timeout 300ms; lingering_time 600ms; location / { return 200 x; }")


def test_lingering_close_waits_lingering_timeout_for_more(lingering):
    with lingering.connect() as client:
        begin = now()
        assert client.ask(request("/", "Content-Length: 100000", method="POST")).status == 413
        client.expect_close()
        wait_until(client.peer_is_gone, "the server to close")
        took(begin, 0.3, "lingering_timeout")


def test_lingering_close_waits_lingering_time_in_all(lingering):
    with lingering.connect() as client:
        begin, enough = now(), threading.Event()
        assert client.ask(request("/", "Content-Length: 100000", method="POST")).status == 413
        thread = drip(client, b"x" * 1000, 0.05, enough)
        wait_until(client.peer_is_gone, "the server to close")
        took(begin, 0.6, "lingering_time")
        enough.set()
        thread.join()


@pytest.mark.parametrize("zero", ["lingering_time", "lingering_timeout"])
def test_lingering_for_no_time_closes_at_once(weir, zero):
    server = weir(server=f"client_max_body_size 1k; {zero} 0; location / {{ return 200 x; }}")
    with server.connect() as client:
        assert client.ask(request("/", "Content-Length: 100000", method="POST")).status == 413
        begin = now()
        wait_until(client.peer_is_gone, "the server to close")
        took(begin, 0, zero)
        client.expect_close()


def test_no_timeout_runs_while_a_handler_waits(server):
    """Neither the one for the head that came before nor any other, and what is pipelined meanwhile makes no work."""
    target = "/waiting/a?zone=1"
    with server.connect() as client:
        begin = now()
        client.ask(request(target))
        client.send_pieces([request(target)[:10], request(target)[10:] + request("/a") * 3 + b"GET /a HTT"])
        before = used_cpu(server)
        assert client.read().body == b"a"
        took(begin, 1, "limit_req")
        assert used_cpu(server) - before < 0.1
        for _ in range(3):
            assert client.read().body == b"a"
        begin = now()
        assert client.read().status == 408
        assert now() - begin >= 0.3


def test_timeouts_do_not_disturb_others(server):
    """While many connections time out, one that is used goes on."""
    with server.connect() as used:
        silent = [server.connect() for _ in range(60)]
        for client in silent:
            client.send(b"GET /")
        end = now() + 1.2
        while now() < end:
            assert used.ask(request("/a")).body == b"a"
            time.sleep(0.05)
        for client in silent:
            client.read_rest()
            client.close()


def test_worker_sleeps_when_there_is_nothing_to_do(server):
    """No timer makes an idle worker busy: in a second it uses next to no CPU."""
    with server.connect() as client:
        client.ask(request("/long/a"))
        before = used_cpu(server)
        time.sleep(1)
        assert used_cpu(server) - before < 0.1
