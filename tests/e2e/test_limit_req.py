# SPDX-License-Identifier: BSD-2-Clause
"""limit_req: how fast requests of one key may come, who waits, who is refused and when to come again."""

import os
import signal
import socket
import struct

import pytest

from harness import now, request, wait_until

FILES = {"html/a": "a", "html/b": "b", "html/busy": "busy"}
MINUTE = "limit_req_zone $binary_remote_addr zone=one:64k rate=1r/m;"
FIVE = "limit_req_zone $binary_remote_addr zone=one:64k rate=5r/s;"     # one in 200 ms
STATUS_LOG = "log_format s '$status $limit_req_status';"


def retry_after(response):
    return int(response.get("Retry-After"))


def statuses(server, count, target="/a"):
    return [server.get(target).status for _ in range(count)]


# ---- refusing


def test_second_request_of_a_minute_is_refused_until_the_minute_is_over(weir):
    server = weir(http=MINUTE, server="limit_req zone=one;", files=FILES)
    start = now()
    assert server.get("/a").status == 200
    response = server.get("/a")
    assert response.status == 503 and response.reason == "Service Unavailable"
    assert 60 - (now() - start) <= retry_after(response) <= 60
    server.wait_log(r'\[error\] .* limiting requests, excess: (1\.000|0\.9\d\d) by zone "one", client: 127\.0\.0\.1, server: , request: "GET /a HTTP/1\.1"')


def test_connection_of_a_refused_request_goes_on(weir):
    server = weir(http=MINUTE, server="location /a { limit_req zone=one; }", files=FILES)
    with server.connect() as client:
        assert [client.ask(request(path)).status for path in ("/a", "/a", "/b", "/a", "/b")] == [200, 503, 200, 503, 200]


@pytest.mark.parametrize("status, has_field", [(429, True), (503, True), (420, False), (599, False)])
def test_limit_req_status_is_the_answers(weir, status, has_field):
    server = weir(http=MINUTE, server=f"limit_req zone=one; limit_req_status {status};", files=FILES)
    server.get("/a")
    response = server.get("/a")
    assert response.status == status
    assert (response.get("Retry-After") is not None) == has_field


def test_limit_req_status_444_closes_without_an_answer(weir):
    server = weir(http=MINUTE, server="limit_req zone=one; limit_req_status 444;", files=FILES)
    server.get("/a")
    with server.connect() as client:
        client.send(request("/a")).expect_close(reset_is_fine=True)


def test_error_page_of_a_refusal_has_retry_after_and_is_not_limited_itself(weir):
    server = weir(http=MINUTE, server="limit_req zone=one; error_page 503 /busy;", files=FILES)
    assert server.get("/a").status == 200
    response = server.get("/a")
    assert (response.status, response.body) == (503, b"busy")
    assert 1 <= retry_after(response) <= 60


def test_error_page_with_a_status_of_its_own_has_no_retry_after(weir):
    server = weir(http=MINUTE, server="limit_req zone=one; error_page 503 =200 /busy;", files=FILES)
    server.get("/a")
    response = server.get("/a")
    assert (response.status, response.body, response.get("Retry-After")) == (200, b"busy", None)


def test_error_page_of_a_malformed_request_does_not_wait(weir):
    server = weir(http=MINUTE, server="limit_req zone=one burst=5; error_page 400 /busy;", files=FILES)
    for _ in range(3):
        response = server.ask(b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n")
        assert (response.status, response.body) == (400, b"busy")


# ---- bursts


def test_burst_with_nodelay_is_served_at_once_and_then_refused(weir):
    server = weir(http=MINUTE, server="limit_req zone=one burst=3 nodelay;", files=FILES)
    start = now()
    assert statuses(server, 6) == [200] * 4 + [503] * 2
    assert now() - start < 10
    assert 60 - (now() - start) <= retry_after(server.get("/a")) <= 60


def ask_together(server, count, target="/a"):
    """The answers of so many requests sent at once, and when each came, both in order of arrival."""
    clients = [server.connect() for _ in range(count)]
    start = now()
    for client in clients:
        client.send(request(target))
        wait_until(client.peer_has_read_all, "the server to read")
    answers = [(client.read().status, now() - start) for client in clients]
    for client in clients:
        client.close()
    return answers


def test_burst_waits_its_turn(weir):
    server = weir(http=FIVE, server="limit_req zone=one burst=3;", files=FILES)
    answers = ask_together(server, 4)
    assert [status for status, _ in answers] == [200] * 4
    for index, (_, time) in enumerate(answers):
        assert time >= 0.2 * index - 0.005, answers
    server.wait_log(r'\[warn\] .* delaying request, excess: [01]\.\d\d\d, by zone "one", client: ')


def test_part_of_a_burst_waits_with_delay(weir):
    server = weir(http=MINUTE.replace("1r/m", "60r/m"), server="limit_req zone=one burst=2 delay=1;", files=FILES)
    start = now()
    answers = ask_together(server, 4)
    assert sorted(status for status, _ in answers) == [200, 200, 200, 503]
    assert answers[2][0] == 200 and answers[2][1] >= 0.99 and now() - start < 10


def test_pipelined_requests_wait_one_after_the_other(weir):
    server = weir(http=FIVE, server="location /a { limit_req zone=one burst=9; }", files=FILES)
    with server.connect() as client:
        start = now()
        client.send(request("/a") + request("/b") + request("/a") + request("/b") + request("/a"))
        assert [client.read().body for _ in range(5)] == [b"a", b"b", b"a", b"b", b"a"]
        assert now() - start >= 0.395


def test_waiting_is_not_bounded_by_the_timeouts_of_reading(weir):
    server = weir(http=FIVE + "client_header_timeout 100ms; client_body_timeout 100ms; keepalive_timeout 100ms;",
                  server="limit_req zone=one burst=9;", files=FILES)
    assert [status for status, _ in ask_together(server, 4)] == [200] * 4


def test_body_that_comes_while_its_request_waits_is_no_request(weir):
    server = weir(http=FIVE, server="location /a { limit_req zone=one burst=9; }", files=FILES)
    server.get("/a")
    with server.connect() as client:
        client.send(request("/a", "Content-Length: 20"))
        wait_until(client.peer_has_read_all, "the server to read")
        client.send(b"GET /b HTTP/1.1\r\n\r\n?" + request("/b"))
        assert [client.read().body for _ in range(2)] == [b"a", b"b"]


def test_client_that_breaks_off_waits_no_longer(weir):
    server = weir(http=FIVE.replace("5r/s", "2r/s") + STATUS_LOG, server="access_log logs/s.log s; limit_req zone=one burst=2;", files=FILES)
    server.get("/a")
    client = server.connect()
    client.send(request("/a"))
    server.wait_log("delaying request")
    client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    assert server.wait_access(2, "s.log") == ["200 PASSED", "499 DELAYED"]
    assert statuses(server, 2) == [200, 200]        # later than its turn would have come


def test_server_stops_though_requests_wait(weir):
    server = weir(http=MINUTE, server="limit_req zone=one burst=5;", files=FILES)
    server.get("/a")
    with server.connect() as client, server.connect() as other:
        client.send(request("/a"))
        other.send(request("/a") + request("/b"))
        server.wait_log(r"(?s)delaying request.*delaying request")
        server.stop()


# ---- keys and zones


def test_keys_are_counted_apart_and_an_empty_one_not_at_all(weir):
    server = weir(http="limit_req_zone $arg_k$http_k zone=one:64k rate=1r/m;", server="limit_req zone=one;", files=FILES)
    assert [server.get(f"/a?k={key}").status for key in ("x", "y", "x", "y", "z")] == [200, 200, 503, 503, 200]
    assert statuses(server, 5) == [200] * 5
    assert server.get("/a", "K: x").status == 503
    assert server.get("/a?k=" + "long" * 1000).status == 200
    assert server.get("/a?k=" + "long" * 1000).status == 503


def test_binary_remote_addr_is_the_clients_address(weir):
    server = weir(http=MINUTE + "log_format b '[$binary_remote_addr]';", server="access_log logs/b.log b; limit_req zone=one;", files=FILES)
    for source in ("127.0.0.1", "127.0.0.2"):
        for status in (200, 503):
            with server.connect(source=source) as client:
                assert client.ask(request("/a")).status == status
    assert sorted(set(server.wait_access(4, "b.log"))) == [r"[\x7F\x00\x00\x01]", r"[\x7F\x00\x00\x02]"]


def test_request_must_be_within_all_limits_and_counts_in_none_that_let_it_pass_in_vain(weir):
    server = weir(http="limit_req_zone $arg_a zone=a:64k rate=1r/m; limit_req_zone $arg_b zone=b:64k rate=1r/m;",
                  server="limit_req zone=a burst=1 nodelay; limit_req zone=b;", files=FILES)
    asked = ["a=1&b=1", "a=1&b=1", "a=1&b=1", "a=1&b=2", "a=1&b=3", "a=2&b=3", "b=4", "b=4", "a=3"]
    assert [server.get(f"/a?{args}").status for args in asked] == [200, 503, 503, 200, 503, 200, 200, 503, 200]


def test_place_with_limits_of_its_own_has_none_of_the_outer_ones(weir):
    server = weir(http="limit_req_zone $uri zone=out:64k rate=1r/m; limit_req_zone $uri zone=in:64k rate=1r/m;",
                  server="limit_req zone=out; location = /a { } location = /b { limit_req zone=in burst=2 nodelay; }", files=FILES)
    assert statuses(server, 2, "/a") == [200, 503]
    assert statuses(server, 4, "/b") == [200, 200, 200, 503]


def test_zone_has_room_for_new_keys_always(weir):
    server = weir(http="limit_req_zone $arg_k zone=one:32k rate=1r/m;", server="limit_req zone=one;", files=FILES)
    with server.connect() as client:
        assert all(client.ask(request(f"/a?k={key}")).status == 200 for key in range(900))
        assert client.ask(request("/a?k=899")).status == 503        # still known
        assert client.ask(request("/a?k=0")).status == 200          # forgotten


# ---- dry runs, the status variable, the log


@pytest.mark.parametrize("burst, told, logged", [
    ("", "REJECTED_DRY_RUN", r'\[error\] .* limiting requests, dry run, excess: [01]\.\d\d\d by zone "one"'),
    (" burst=5", "DELAYED_DRY_RUN", r'\[warn\] .* delaying request, dry run, excess: [01]\.\d\d\d, by zone "one"'),
])
def test_dry_run_only_tells(weir, burst, told, logged):
    server = weir(http=MINUTE + STATUS_LOG, server=f"access_log logs/s.log s; limit_req zone=one{burst}; limit_req_dry_run on;", files=FILES)
    assert statuses(server, 2) == [200, 200]
    assert server.wait_access(2, "s.log") == ["200 PASSED", f"200 {told}"]
    server.wait_log(logged)


def test_limit_req_status_variable_tells_what_became_of_a_request(weir):
    server = weir(http=FIVE + STATUS_LOG, server="access_log logs/s.log s; location = /a { limit_req zone=one burst=1; }", files=FILES)
    ask_together(server, 3)
    server.get("/b")
    assert sorted(server.wait_access(4, "s.log")) == ["200 -", "200 DELAYED", "200 PASSED", "503 REJECTED"]


@pytest.mark.parametrize("level, refused, delayed", [("info", "info", None), ("notice", "notice", "info"), ("warn", "warn", "notice")])
def test_limit_req_log_level(weir, level, refused, delayed):
    server = weir(http=FIVE, server=f"limit_req zone=one burst=1; limit_req_log_level {level};", files=FILES)
    ask_together(server, 3)
    server.wait_log(rf"\[{refused}\] .* limiting requests")
    assert ("delaying request" in server.log_text()) == (delayed is not None)
    if delayed:
        server.wait_log(rf"\[{delayed}\] .* delaying request")


# ---- processes


def test_workers_count_together(weir):
    server = weir(http=MINUTE, server="limit_req zone=one burst=9 nodelay; location = /pid { return 200 $pid; }", files=FILES, workers=2)
    workers, found = server.wait_workers(2), []
    for turn in range(4):
        one, other = workers[turn % 2], workers[1 - turn % 2]
        os.kill(other, signal.SIGSTOP)          # so that it is known who answers
        with server.connect() as client:
            assert client.ask(request("/pid")).text == str(one)
            found.append([client.ask(request("/a")).status for _ in range(4)])
        os.kill(other, signal.SIGCONT)
    assert found == [[200] * 4, [200] * 4, [200, 200, 503, 503], [503] * 4]


def reload(server, text, master):
    before = server.workers() if master else None
    server.write_conf(server.template.replace(*text))
    server.send_signal(signal.SIGHUP)
    if master:
        server.wait_workers(1, without=before)
    else:
        server.wait_log(r"(?s)reconfiguring.*reconfiguring")
        wait_until(lambda: server.get("/new").status == 200, "the new configuration to serve")


@pytest.mark.parametrize("master", [True, False], ids=["with a master", "alone"])
@pytest.mark.parametrize("change, kept", [
    (("", ""), True), (("rate=1r/m", "rate=2r/m"), True), (("one:64k", "one:32k"), False), (("zone=one", "zone=two"), False),
    (("$binary_remote_addr", "$remote_addr"), False),
], ids=["nothing", "rate", "size", "name", "key"])
def test_reload_keeps_a_zone_that_stays_the_same(weir, master, change, kept):
    server = weir(main="" if master else "master_process off;", http=MINUTE,
                  server="location = /a { limit_req zone=one; } #new", files=FILES | {"html/n": "n"})
    assert statuses(server, 2) == [200, 503]
    server.template = server.template.replace("#new", "\nlocation = /new { return 200; }")
    reload(server, change, master)
    assert statuses(server, 2) == ([503, 503] if kept else [200, 503])


def test_zone_outlives_its_workers(weir):
    server = weir(http=MINUTE, server="limit_req zone=one;", files=FILES, allow=["exited on signal 9"])
    assert statuses(server, 2) == [200, 503]
    for _ in range(3):
        pid = server.wait_workers()[0]
        os.kill(pid, signal.SIGKILL)
        server.wait_workers(1, without=[pid])
        assert server.get("/a").status == 503
