# SPDX-License-Identifier: BSD-2-Clause
"""limit_conn: how many requests of one key are in progress at a time, whoever serves them, and whoever dies."""

import contextlib
import os
import signal

import pytest

from harness import request, wait_until

FILES = {"html/a": "a", "html/busy": "busy", "html/big": b"b" * (32 << 20)}
ZONE = "limit_conn_zone $binary_remote_addr zone=addr:64k;"
KEYS = "limit_conn_zone $arg_k zone=keys:32k;"
STATUS_LOG = "log_format s '$status $limit_conn_status';"


@contextlib.contextmanager
def download(server, target="/big"):
    """A client that has the head of a long answer, and reads no more for now. Of several workers one may still be about to end what is answered."""
    def begin():
        client = server.connect(rcvbuf=4096)
        if client.send(request(target)).read_head().status == 200:
            return client
        client.close()
        return None

    with wait_until(begin, "a download to begin") as client:
        yield client


def status(server, target="/a", *fields):
    return server.get(target, *fields).status


def wait_free(server, target="/a"):
    wait_until(lambda: status(server, target) == 200, "a place to be free")


# ---- counting


def test_request_beyond_the_limit_is_refused_until_another_is_over(weir):
    server = weir(http=ZONE, server="limit_conn addr 2;", files=FILES)
    with download(server) as one, download(server):
        response = server.get("/a")
        assert (response.status, response.get("Retry-After")) == (503, "1")
        server.wait_log(r'\[error\] .* limiting connections by zone "addr", client: 127\.0\.0\.1, server: , request: "GET /a HTTP/1\.1"')
        one.close()
        wait_free(server)
        assert [status(server) for _ in range(5)] == [200] * 5


def test_idle_connections_do_not_count(weir):
    server = weir(http=ZONE, server="limit_conn addr 1;", files=FILES)
    with server.connect() as one, server.connect() as two, server.connect() as three:
        three.send(request("/a")[:-2])          # and neither does an unfinished head
        for _ in range(3):
            assert [client.ask(request("/a")).status for client in (one, two)] == [200, 200]
        assert three.send(b"\r\n").read().status == 200


def test_pipelined_requests_count_one_after_the_other(weir):
    server = weir(http=ZONE, server="limit_conn addr 1;", files=FILES)
    with server.connect() as client:
        client.send(request("/a") * 20)
        assert [client.read().status for _ in range(20)] == [200] * 20


def test_finished_download_frees_its_place(weir):
    server = weir(http=ZONE, server="limit_conn addr 1;", files=FILES)
    with server.connect() as client:
        client.send(request("/big"))
        head = client.read_head()
        assert status(server) == 503
        client.read_some(int(head.get("Content-Length")))
        wait_free(server)
        assert client.ask(request("/a")).status == 200


@pytest.mark.parametrize("code, field", [(429, "1"), (503, "1"), (451, None)])
def test_limit_conn_status_is_the_answers(weir, code, field):
    server = weir(http=ZONE, server=f"limit_conn addr 1; limit_conn_status {code};", files=FILES)
    with download(server):
        response = server.get("/a")
        assert (response.status, response.get("Retry-After")) == (code, field)


def test_error_page_of_a_refusal_is_not_limited_itself(weir):
    server = weir(http=ZONE, server="limit_conn addr 1; error_page 503 /busy;", files=FILES)
    with download(server):
        response = server.get("/a")
        assert (response.status, response.body, response.get("Retry-After")) == (503, b"busy", "1")


# ---- keys and zones


def test_keys_are_counted_apart_and_an_empty_one_not_at_all(weir):
    server = weir(http=KEYS, server="limit_conn keys 1;", files=FILES)
    with download(server, "/big?k=1"), download(server, "/big?k=2"), download(server), download(server):
        assert [status(server, f"/a?k={key}") for key in ("1", "2", "3", "")] == [503, 503, 200, 200]


def test_refusal_by_one_zone_holds_no_place_in_another(weir):
    server = weir(http=ZONE + KEYS, server="limit_conn addr 2; limit_conn keys 1; client_body_timeout 5s;", files=FILES)
    with download(server, "/big?k=1"), server.connect() as waiting:
        waiting.send(request("/a?k=1", "Content-Length: 1"))    # refused, and its body still to come
        assert waiting.read().status == 503
        assert status(server, "/a?k=2") == 200
        with download(server, "/big?k=2"):
            assert status(server, "/a?k=3") == 503


def test_place_with_limits_of_its_own_has_none_of_the_outer_ones(weir):
    server = weir(http=ZONE + KEYS, server="limit_conn addr 1; location = /a { limit_conn keys 1; } location = /busy { }", files=FILES)
    with download(server):
        assert [status(server, target) for target in ("/a", "/a?k=1", "/busy")] == [200, 200, 503]


def test_full_zone_refuses_what_it_cannot_count(weir):
    server = weir(http=KEYS, server="limit_conn keys 9; client_body_timeout 60s;", files=FILES, events="worker_connections 1200;")
    with contextlib.ExitStack() as stack:
        for key in range(1000):
            client = stack.enter_context(server.connect())
            client.send(request(f"/a?k={key}", "Content-Length: 1"))        # in progress until its body is there
            if client.read().status == 503:
                break
        assert 500 < key < 600
        server.wait_log(r'\[error\] .* zone "keys" is full, requests are refused, client: ')
        assert status(server, "/a?k=x") == 503 and status(server, "/a?k=1") == 200 and status(server) == 200
        assert server.log_text().count("is full") <= 3
    wait_free(server, "/a?k=x")


# ---- dry runs, the status variable, the log


def test_dry_run_only_tells(weir):
    server = weir(http=ZONE + STATUS_LOG, server="access_log logs/s.log s; limit_conn addr 1; limit_conn_dry_run on;", files=FILES)
    with download(server):
        assert status(server) == 200
    assert sorted(server.wait_access(2, "s.log")) == ["200 PASSED", "200 REJECTED_DRY_RUN"]
    server.wait_log(r'\[error\] .* limiting connections, dry run, by zone "addr"')


def test_limit_conn_status_variable_tells_what_became_of_a_request(weir):
    server = weir(http=ZONE + STATUS_LOG, server="access_log logs/s.log s; location /busy { } location / { limit_conn addr 1; limit_conn_log_level info; }",
                  files=FILES)
    with download(server):
        status(server), status(server, "/busy")
    assert sorted(server.wait_access(3, "s.log")) == ["200 -", "200 PASSED", "503 REJECTED"]
    server.wait_log(r"\[info\] .* limiting connections")


# ---- processes


def test_workers_count_together(weir):
    server = weir(http=ZONE, server="limit_conn addr 2; location = /pid { return 200 $pid; }", files=FILES, workers=2)
    workers = server.wait_workers(2)
    with contextlib.ExitStack() as stack:
        for one, other in (workers, workers[::-1]):
            os.kill(other, signal.SIGSTOP)      # so that it is known who serves
            stack.enter_context(download(server))
            assert server.get("/pid").text == str(one)
            os.kill(other, signal.SIGCONT)
        assert [status(server) for _ in range(8)] == [503] * 8
    wait_free(server)


def test_what_a_killed_worker_had_in_progress_does_not_count(weir):
    server = weir(http=ZONE, server="limit_conn addr 2;", files=FILES, workers=2, allow=["exited on signal 9"])
    for _ in range(3):
        workers = server.wait_workers(2)
        with download(server), download(server):
            assert status(server) == 503
            for pid in workers:
                os.kill(pid, signal.SIGKILL)
            server.wait_workers(2, without=workers)
            wait_free(server)
            with download(server), download(server):
                assert status(server) == 503
        wait_free(server)


def test_entries_of_killed_workers_fill_no_zone(weir):
    server = weir(http=KEYS, server="limit_conn keys 1; client_body_timeout 60s;", files=FILES, events="worker_connections 1200;",
                  allow=["exited on signal 9"])
    for turn in range(3):
        worker = server.wait_workers(1)[0]
        with contextlib.ExitStack() as stack:
            for key in range(400):
                client = stack.enter_context(server.connect())
                client.send(request(f"/a?k={turn}-{key}", "Content-Length: 1"))
                assert client.read().status == 200
            os.kill(worker, signal.SIGKILL)
            server.wait_workers(1, without=[worker])


@pytest.mark.parametrize("master", [True, False], ids=["with a master", "alone"])
def test_reload_goes_on_counting(weir, master):
    server = weir(main="" if master else "master_process off;", http=ZONE, server="limit_conn addr 2;", files=FILES)
    with download(server) as one, download(server):
        for turn in range(3):
            server.send_signal(signal.SIGHUP)
            if master:
                wait_until(lambda: server.log_text().count("gracefully shutting down") == turn + 1, "the old worker to retire")
            else:
                wait_until(lambda: server.log_text().count("reconfiguring") >= 2 * (turn + 1), "the reload")
            assert [status(server) for _ in range(3)] == [503] * 3
        one.close()
        wait_free(server)
    wait_free(server)


def test_reload_without_the_zone_ends_its_old_requests_well(weir):
    server = weir(main="master_process off;", http=ZONE, server="limit_conn addr 1;", files=FILES)
    with download(server) as client:
        assert status(server) == 503
        for turn in range(2):
            server.write_conf(server.template.replace(ZONE, "").replace("limit_conn addr 1;", ""))
            server.send_signal(signal.SIGHUP)
            wait_free(server)
            wait_until(lambda: server.log_text().count("reconfiguring") >= 2 * (turn + 1), "the reload")
        client.read_some(32 << 20)
