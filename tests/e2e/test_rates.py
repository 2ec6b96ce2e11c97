# SPDX-License-Identifier: BSD-2-Clause
"""limit_rate holds answers back, evenly and exactly; client_min_rate closes clients that drip."""

import os
import socket
import threading
import time

import pytest

from harness import check_conf, now, request, serving, wait_until

K = 1024
LATE = 0.6              # a busy machine; rates are never too fast, so that bound is exact
PORTION = 0.125


@pytest.fixture(scope="module")
def server():
    http = """
        server {
            listen 127.0.0.1:{port};
            listen unix:{prefix}/sock;
            root {prefix}/html;
            location /paced/ { limit_rate 100k; alias {prefix}/html/; }
            location /sendfile/ { limit_rate 100k; sendfile on; alias {prefix}/html/; }
            location /after/ { limit_rate 100k; limit_rate_after 100k; sendfile on; alias {prefix}/html/; }
            location /variable/ { limit_rate $arg_rate; limit_rate_after $arg_after; alias {prefix}/html/; }
            location /itself/ { limit_rate $limit_rate; alias {prefix}/html/; }
            location /fast/ { limit_rate 20m; sendfile on; alias {prefix}/html/; }
            location /crawl/ { limit_rate 100; alias {prefix}/html/; }
            location /short/ { limit_rate 40k; send_timeout 50ms; alias {prefix}/html/; }
            location /value { limit_rate 7k; return 200 $limit_rate; }
            location /none { return 200 $limit_rate; }
            location /text { limit_rate 1k; return 200 "TEXT"; }
        }
    """.replace("TEXT", "t" * 2000)
    files = {f"html/{n}k": bytes(range(256)) * (4 * n) for n in (1, 2, 10, 50, 100, 200)}
    files["html/4m"] = bytes(range(256)) * (16 * K)
    with serving(http=http, files=files) as weir:
        yield weir


def content(size):
    return bytes(range(256)) * (size // 256)


class Arrivals:
    """Reads the body of an answer and notes when how much of it had come."""

    def __init__(self, client, size, begin):
        self.begin, self.when, self.body = begin, [], b""
        while len(self.body) < size:
            if not client._buffer:
                assert client._fill(), "connection ended"
            count = min(len(client._buffer), size - len(self.body))
            self.body += client._exactly(count)
            self.when.append((now() - begin, len(self.body)))
        self.seconds = self.when[-1][0]


def fetch(client, target, *fields):
    begin = now()
    client.send(request(target, *fields))
    answer = client.read_head()
    return answer, Arrivals(client, int(answer.get("Content-Length")), begin)


def check_pace(got, size, rate, after=0):
    """Nothing comes before its time, at any time; all has come in time; nothing comes in bursts."""
    portion = max(rate * PORTION, min(rate, 1460))
    for seconds, count in got.when:
        assert count <= after + portion + rate * seconds + 1, f"{count} bytes after {seconds:.3f} s"
    assert got.seconds <= 1.1 * (size - after) / rate + LATE
    assert got.body == content(size)


@pytest.mark.parametrize("place", ["paced", "sendfile"])
def test_answer_takes_its_time(server, place):
    with server.connect() as client:
        _, got = fetch(client, f"/{place}/200k")
        check_pace(got, 200 * K, 100 * K)
        assert got.seconds >= 2 - PORTION
        assert client.ask(request("/1k")).body == content(K)


def test_long_answer_does_not_drift(server):
    with server.connect() as client:
        _, got = fetch(client, "/variable/200k?rate=50k")
        check_pace(got, 200 * K, 50 * K)
        assert 4 - PORTION <= got.seconds


def test_bytes_come_evenly(server):
    """After each quarter of a second so much has come as the rate says, give or take two portions and a busy machine."""
    with server.connect() as client:
        _, got = fetch(client, "/sendfile/200k")
    for quarter in range(1, 8):
        seconds = quarter / 4
        count = max([count for when, count in got.when if when <= seconds + LATE / 2], default=0)
        assert count >= 100 * K * (seconds - PORTION * 2)


def test_two_connections_have_a_rate_each(server):
    got = []

    def run():
        with server.connect() as client:
            got.append(fetch(client, "/sendfile/100k")[1])
    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 3
    for one in got:
        check_pace(one, 100 * K, 100 * K)
        assert one.seconds >= 1 - PORTION


def test_limit_rate_after_comes_at_once(server):
    with server.connect() as client:
        _, got = fetch(client, "/after/200k")
        check_pace(got, 200 * K, 100 * K, after=100 * K)
        assert got.seconds >= 1 - PORTION
        assert min(when for when, count in got.when if count >= 100 * K) < 1
        begin = now()
        assert client.ask(request("/after/100k")).body == content(100 * K)
        assert now() - begin < 1


def test_limit_rate_after_may_hold_variables(server):
    with server.connect() as client:
        _, got = fetch(client, "/variable/100k?rate=50k&after=50k")
        check_pace(got, 100 * K, 50 * K, after=50 * K)
        assert got.seconds >= 1 - PORTION


def test_range_has_the_rate_of_its_own_length(server):
    with server.connect() as client:
        begin = now()
        client.send(request("/sendfile/200k", "Range: bytes=10240-61439"))
        answer = client.read_head()
        got = Arrivals(client, 50 * K, begin)
        assert answer.status == 206 and got.body == content(200 * K)[10240:61440]
        assert 0.5 - PORTION <= got.seconds <= 0.5 + LATE


def test_several_ranges_come_whole(server):
    with server.connect() as client:
        begin = now()
        answer = client.ask(request("/sendfile/200k", "Range: bytes=0-20479,40960-61439,100000-100009"))
        assert answer.status == 206
        assert content(200 * K)[40960:61440] in answer.body and len(answer.body) > 40 * K
        assert now() - begin >= 40 / 100 - PORTION


def test_head_has_nothing_to_wait_for(server):
    with server.connect() as client:
        begin = now()
        for _ in range(20):
            assert client.ask(request("/sendfile/200k", method="HEAD"), "HEAD").get("Content-Length") == str(200 * K)
        assert now() - begin < 1


def test_pipelined_answers_are_paced_each_and_in_order(server):
    with server.connect() as client:
        begin = now()
        client.send(request("/sendfile/50k") + request("/1k") + request("/paced/50k") + request("/10k"))
        for size in (50, 1, 50, 10):
            assert client.read().body == content(size * K)
        assert 1 - 2 * PORTION <= now() - begin <= 1 + 2 * LATE


def test_body_from_memory_is_paced(server):
    with server.connect() as client:
        begin = now()
        assert client.ask(request("/text")).body == b"t" * 2000
        assert now() - begin >= 0.9


def test_first_bytes_come_at_once_and_a_second_s_worth_each_second(server):
    with server.connect() as client:
        begin = now()
        client.send(request("/crawl/1k"))
        client.read_head()
        client.read_some(100)
        assert now() - begin < 0.9
        client.read_some(100)
        assert 1 <= now() - begin < 1 + LATE + 0.4


def test_high_rate_is_kept(server):
    with server.connect() as client:
        _, got = fetch(client, "/fast/4m")
        assert got.body == content(4 << 20)
        assert 0.2 - PORTION <= got.seconds < 0.2 + LATE


def test_client_that_did_not_take_its_bytes_gets_no_burst(server):
    """What it did not take in time is not made up for: the rest takes its time all the same."""
    with server.connect(rcvbuf=4096) as client:
        client.send(request("/variable/4m?rate=2m"))
        client.read_head()
        time.sleep(2)
        begin, got = now(), 0
        while got < 4 << 20:
            got += len(client.read_some(min(4 * K, (4 << 20) - got)))
        assert now() - begin >= 0.3


def test_send_timeout_does_not_run_while_bytes_are_held_back(server):
    with server.connect() as client:
        _, got = fetch(client, "/short/50k")
        assert got.body == content(50 * K) and got.seconds >= 50 / 40 - PORTION


def test_client_that_leaves_while_bytes_are_held_back_is_forgotten_at_once(server):
    for number, leave in enumerate(("fin", "rst")):
        with server.connect() as client:
            client.send(request(f"/crawl/10k?{number}"))
            client.read_head()
            if leave == "rst":
                client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            client.close()
        begin = now()
        wait_until(lambda: any(f"/crawl/10k?{number} " in line for line in server.access_lines()), "the log line")
        assert now() - begin < (1 if leave == "rst" else 3)


def test_client_that_has_finished_sending_gets_the_whole_answer(server):
    with server.connect() as client:
        client.send(request("/sendfile/50k")).finish()
        assert client.read().body == content(50 * K)
        client.expect_close()


def test_unix_socket_is_paced_too(server):
    from harness import Client
    with Client(f"{server.prefix}/sock") as client:
        _, got = fetch(client, "/sendfile/50k")
        check_pace(got, 50 * K, 100 * K)
        assert got.seconds >= 0.5 - PORTION


def test_waiting_for_the_pace_needs_no_cpu(server):
    with server.connect() as client:
        client.send(request("/crawl/10k") + request("/1k"))
        client.read_head()
        used = cpu(server)
        time.sleep(1)
        assert cpu(server) - used < 0.1


def cpu(server):
    with open(f"/proc/{server.wait_workers()[0]}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_variable_has_the_rate(server):
    assert server.get("/value").body == str(7 * K).encode()
    assert server.get("/none").body == b"0"


@pytest.mark.parametrize("rate", ["", "0", "x", "-1", "12kk"])
def test_rate_that_is_none_does_not_limit(server, rate):
    begin = now()
    assert server.get(f"/variable/200k?rate={rate}").body == content(200 * K)
    assert now() - begin < 1.5
    if rate and rate != "0":
        server.wait_log(f'invalid size "{rate}"')


def test_rate_that_asks_for_itself_does_not_limit(server):
    assert server.get("/itself/100k").body == content(100 * K)


# ---- client_min_rate


@pytest.fixture(scope="module")
def strict():
    conf = """
        client_min_rate 10k after=400ms;
        client_max_body_size 0;
        location /off/ { client_min_rate off; alias {prefix}/html/; }
        location /reset/ { reset_timedout_connection on; alias {prefix}/html/; }
        location /text { return 200 text; }
        location /paced/ { limit_rate 5k; alias {prefix}/html/; }
    """
    with serving(server=conf, files={"html/a": "a", "html/big": b"b" * (32 << 20), "html/10k": content(10 * K)}) as weir:
        yield weir


def drip(client, data, count, pause, enough):
    def run():
        for at in range(0, len(data), count):
            if enough.wait(pause):
                return
            client.send_anyway(data[at:at + count])
    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_dripping_head_is_answered_408_and_closed(strict):
    with strict.connect() as client:
        begin, enough = now(), threading.Event()
        thread = drip(client, request("/a", "X: " + "x" * 800), 10, 0.02, enough)
        answer = client.read()
        assert 0.4 <= now() - begin < 0.4 + LATE
        enough.set()
        thread.join()
        assert answer.status == 408 and answer.get("Connection") == "close"
    strict.wait_log(r"\[info\] .*client sends its request too slowly: [0-9]+ bytes in 4[0-9][0-9] ms")


def test_head_that_is_fast_enough_is_served_though_it_takes_long(strict):
    head = request("/a", *[f"X-{n}: {'x' * 700}" for n in range(20)])
    with strict.connect() as client:
        enough = threading.Event()
        begin = now()
        thread = drip(client, head, 1400, 0.08, enough)
        answer = client.read()
        thread.join()
        assert answer.status == 200 and now() - begin > 0.7


def test_dripping_body_is_closed(strict):
    with strict.connect() as client:
        client.send(request("/text", "Content-Length: 100000", method="POST", body=b"x" * 10))
        assert client.read().text == "text"
        begin, enough = now(), threading.Event()
        thread = drip(client, b"x" * 99990, 10, 0.02, enough)
        wait_until(client.peer_is_gone, "the server to close")
        assert 0.3 <= now() - begin < 0.4 + LATE
        enough.set()
        thread.join()
    strict.wait_log("client sends the body of its request too slowly")


def test_body_that_is_fast_enough_is_read_to_its_end(strict):
    with strict.connect() as client:
        client.send(request("/text", "Content-Length: 40000", method="POST"))
        assert client.read().text == "text"
        for _ in range(40):
            client.send(b"x" * 1000)
            time.sleep(0.03)
        assert client.ask(request("/a")).body == b"a"


def test_reader_that_drips_is_closed(strict):
    """It takes enough for send_timeout, not enough for the rate."""
    with strict.connect(rcvbuf=4096) as client:
        client.send(request("/big?dripping"))
        client.read_head()
        begin = now()
        while not any("/big?dripping " in line for line in strict.access_lines()):
            client.read_some(20)
            time.sleep(0.02)
            assert now() - begin < 8
        assert now() - begin >= 0.3
    strict.wait_log("client reads the answer too slowly")


def test_slow_reader_is_reset_where_that_is_wanted(strict):
    with strict.connect(rcvbuf=4096) as client:
        client.send(request("/reset/big?reset"))
        wait_until(lambda: any("/reset/big?reset " in line for line in strict.access_lines()), "the server to give up")
        client.read_rest()
        assert client.was_reset


def test_reader_that_is_fast_enough_is_served(strict):
    with strict.connect(rcvbuf=65536, timeout=30) as client:
        client.send(request("/big"))
        client.read_head()
        begin, got = now(), 0
        while now() - begin < 2:
            got += len(client.read_some(64 * K))
            time.sleep(0.02)
        while got < 32 << 20:
            got += len(client.read_some(min(1 << 20, (32 << 20) - got)))


def test_location_may_turn_the_rate_off(strict):
    with strict.connect(rcvbuf=4096) as client:
        client.send(request("/off/big"))
        client.read_head()
        time.sleep(1.2)
        assert client.read_some(1 << 20)


def test_answer_that_we_hold_back_is_not_the_client_s_fault(strict):
    with strict.connect() as client:
        begin = now()
        assert client.ask(request("/paced/10k")).body == content(10 * K)
        assert now() - begin > 1.5


def test_idle_client_is_not_slow(strict):
    with strict.connect() as client:
        client.ask(request("/a"))
        time.sleep(1)
        assert client.ask(request("/a")).body == b"a"


# ---- the conf file


@pytest.mark.parametrize("line, message", [
    ("client_min_rate fast;", 'invalid value "fast" in "client_min_rate" directive'),
    ("client_min_rate 1k before=5s;", 'invalid parameter "before=5s"'),
    ("client_min_rate 1k after=0;", '"after=0" must be more than 0'),
    ("client_min_rate 1k after=x;", 'invalid value "x" in "client_min_rate" directive'),
    ("limit_rate fast;", 'invalid value "fast" in "limit_rate" directive'),
    ("limit_rate_after 1q;", 'invalid value "1q" in "limit_rate_after" directive'),
    ("limit_rate $nothing;", 'unknown "nothing" variable'),
    ("client_header_timeout 0;", '"client_header_timeout" must be more than 0'),
])
def test_bad_value_is_told(folder, line, message):
    done, path = check_conf(folder, "events { }\nhttp {\n    %s\n}\n" % line)
    assert done.returncode == 1 and f"{message} in {path}:3" in done.stderr


@pytest.mark.parametrize("value", ["0", "-1", "x"])
def test_bad_number_of_requests_a_turn_is_told(folder, value):
    done, path = check_conf(folder, "events {\n    requests_per_turn %s;\n}\nhttp { }\n" % value)
    assert done.returncode == 1 and f'invalid value "{value}" in "requests_per_turn" directive in {path}:2' in done.stderr
