# SPDX-License-Identifier: BSD-2-Clause
"""Connections that outlive their worker: at a reload they are handed to the new one, with all that was known of them."""

import json
import signal
import time

import pytest

from harness import request, wait_until

WHO = 'location = /who { return 200 "$pid $connection_requests $remote_addr $remote_port"; }'


def who(client, *fields):
    """(worker, requests so far, client's address and port) of the answer."""
    answer = client.ask(request("/who", *fields))
    assert answer.status == 200 and answer.get("connection") in (None, "keep-alive"), answer
    pid, requests, *address = answer.text.split()
    return int(pid), int(requests), address


def state(server):
    return json.loads(server.get("/status?format=json").body)["sum"]


def reload(server, count=1):
    """HUP, until the old workers have left."""
    before = server.wait_workers(count)
    server.send_signal(signal.SIGHUP)
    return server.wait_workers(count, before)


def test_a_kept_connection_outlives_a_thousand_reloads(weir):
    server = weir(server=WHO + "keepalive_requests 1000000000;")
    with server.connect() as client:
        pid, served, address = who(client)
        for turn in range(1000):
            server.send_signal(signal.SIGHUP)
            old = pid
            while pid == old:
                pid, requests, same = who(client)
                served += 1
                assert requests == served and same == address, f"reload {turn}"
    server.wait_workers(1)


def test_many_connections_spread_over_the_new_workers(weir):
    server = weir(server=WHO, workers=4, events="worker_connections 512;")
    clients = [server.connect() for _ in range(400)]
    for client in clients:
        who(client)
    reload(server, 4)
    pids = [who(client)[0] for client in clients]
    assert set(pids) == set(server.workers())
    for client in clients:
        client.close()


def test_worker_whose_clients_have_all_its_descriptors_hands_them_over_when_it_is_told_to_leave(weir):
    server = weir(server=WHO, main="worker_rlimit_nofile 40;", events="worker_connections 64; drain_idle 60s;")
    worker, = server.wait_workers(1)
    clients = []
    try:
        while "accept4() on" not in server.log_text():
            clients.append(server.connect(timeout=1))
            clients[-1].send(request("/who"))
            wait_until(lambda: clients[-1].peer_has_read_all() or "accept4() on" in server.log_text(), "the client to be served, or none to be any more")
        served = clients[:-1]
        for client in served:
            assert client.read().status == 200
        assert len(served) > 10
        server.send_signal(signal.SIGQUIT, worker)
        server.wait_workers(1, [worker])
        for client in [clients[-1]] + served[-4:]:      # the next worker has let in who waited, and has no more than the one before
            client.close()
        for client in served[:-4]:
            assert who(client)[:2] == (server.workers()[0], 2)
    finally:
        for client in clients:
            client.close()


def test_half_a_head_is_finished_at_the_new_worker(weir):
    server = weir(server=WHO)
    data = request("/who")
    with server.connect() as client:
        old = who(client)[0]
        client.send(data[:20])
        wait_until(client.peer_has_read_all, "the server to read")
        new, = reload(server)
        client.send(data[20:])
        assert client.read().text.split()[:2] == [str(new), "2"]
        assert new != old
    assert not [line for line in server.access_lines() if " 400 " in line]


def test_a_first_half_head_goes_over_too(weir):
    server = weir(server=WHO)
    data = request("/who")
    with server.connect() as client:
        client.send(data[:30])
        wait_until(client.peer_has_read_all, "the server to read")
        new, = reload(server)
        client.send(data[30:])
        assert client.read().text.split()[:2] == [str(new), "1"]


def test_half_a_head_has_no_more_time_however_often_it_moves(weir):
    server = weir(server=WHO + "client_header_timeout 2s;")
    with server.connect() as client:
        client.send(request("/who")[:30])
        wait_until(client.peer_has_read_all, "the server to read")
        start = time.monotonic()
        for due in (0.6, 1.2, 1.6):
            wait_until(lambda: time.monotonic() - start >= due, "some time to pass")
            reload(server)
        assert client.read().status == 408
        assert 1.9 <= time.monotonic() - start < 2.6


def test_half_a_head_is_measured_at_the_new_worker_too(weir):
    server = weir(server=WHO + "client_min_rate 1k after=300ms; client_header_timeout 9s;")
    with server.connect() as client:
        client.send(request("/who")[:30])
        wait_until(client.peer_has_read_all, "the server to read")
        start = time.monotonic()
        reload(server)
        assert client.read().status == 408
        assert time.monotonic() - start < 5
    server.wait_log("too slowly")


def test_a_silent_connection_goes_over_too(weir):
    server = weir("""
        pid {prefix}/logs/weir.pid; error_log {prefix}/logs/error.log notice;
        events { }
        http { access_log off; server { listen 127.0.0.1:{port} deferred=off; location / { return 200 "$pid"; } } }""")
    with server.connect() as client, server.connect() as second:
        second.ask(request())           # whoever came before is accepted by now
        new, = reload(server)
        assert client.ask(request()).text == str(new)
        assert second.ask(request()).text == str(new)


def test_after_a_download_the_connection_goes_on_at_the_new_worker(weir):
    body = bytes(range(256)) * 65536
    server = weir(server=WHO, files={"html/large": body})
    with server.connect(rcvbuf=65536) as client:
        client.send(request("/large"))
        old, = server.wait_workers()
        server.send_signal(signal.SIGHUP)
        new = wait_until(lambda: [w for w in server.workers() if w != old], "the new worker")[0]
        server.wait_log("gracefully shutting down")
        answer = client.read()
        assert answer.body == body and answer.get("connection") != "close"
        assert who(client)[:2] == (new, 2)
        server.wait_workers(1, [old])


def test_requests_sent_ahead_are_all_answered(weir):
    """More than one turn's worth, sent while the worker is on its way out."""
    server = weir(server=WHO + "keepalive_requests 100000;")
    with server.connect() as client:
        who(client)
        for _ in range(20):
            client.send(request("/who") * 200)
            server.send_signal(signal.SIGHUP)
            for _ in range(200):
                assert client.read().status == 200


def test_a_dropped_address_gets_one_more_answer(weir):
    server = weir("""
        pid {prefix}/logs/weir.pid; error_log {prefix}/logs/error.log notice;
        events { }
        http {
            access_log off;
            server { listen 127.0.0.1:{port}; location / { return 200 "$pid"; } }
            server { listen 127.0.0.1:{port1}; location / { return 200 "$pid"; } }
        }""")
    with server.connect() as stays, server.connect("port1") as goes:
        old = int(stays.ask(request()).text)
        goes.ask(request())
        server.write_conf(server.template.replace("listen 127.0.0.1:{port1};", "listen 127.0.0.1:{port2};"))
        server.send_signal(signal.SIGHUP)
        new = wait_until(lambda: [w for w in server.workers() if w != old], "the new worker")[0]
        wait_until(lambda: stays.ask(request()).text == str(new), "the new worker's answer")
        answer = goes.ask(request())
        assert answer.text == str(old) and answer.get("connection") == "close"
        goes.expect_close()
        server.wait_workers(1, [old])


def test_one_address_and_all_addresses_hand_over_to_each_other(weir):
    server = weir("""
        pid {prefix}/logs/weir.pid; error_log {prefix}/logs/error.log notice;
        events { }
        http { access_log off; server { listen 127.0.0.1:{port}; location / { return 200 "$pid"; } } }""")
    with server.connect() as client:
        pid = client.ask(request()).text
        for listen in ("listen {port}", "listen 127.0.0.1:{port}"):
            server.write_conf(server.template.replace("listen 127.0.0.1:{port}", listen))
            reload(server)
            answer = client.ask(request())
            assert answer.text != pid and answer.get("connection") != "close"
            pid = answer.text


def test_an_idle_timeout_goes_on_counting(weir):
    server = weir(server=WHO + "keepalive_timeout 1s;")
    with server.connect() as client:
        who(client)
        start = time.monotonic()
        reload(server)
        client.expect_close()
        passed = time.monotonic() - start
        assert 0.9 <= passed < 1.9


def test_without_a_master_the_new_configuration_takes_over(weir):
    server = weir(main="master_process off;", server='location / { return 200 "one $connection_requests"; }')
    with server.connect() as client:
        assert client.ask(request()).text == "one 1"
        server.write_conf(server.template.replace("one", "two"))
        server.send_signal(signal.SIGHUP)
        served = 1

        def changed():
            nonlocal served
            served += 1
            word, count = client.ask(request()).text.split()
            assert int(count) == served
            return word == "two"
        wait_until(changed, "the new configuration")


def test_without_a_master_a_full_pool_hands_itself_over(weir):
    """The slot for the new one is not made by closing the very connection that goes."""
    server = weir(main="master_process off;", server='location / { return 200 "one"; }',
                  events="worker_connections 34; drain_idle 1ms; close_when_free 0%; drain_when_free 50%;")
    clients = [server.connect() for _ in range(16)]
    for client in clients:
        assert client.ask(request()).text == "one"
    server.write_conf(server.template.replace("one", "two"))
    server.send_signal(signal.SIGHUP)
    for client in clients:
        wait_until(lambda: client.ask(request()).text == "two", "the new configuration")


@pytest.mark.parametrize("number", [signal.SIGQUIT, signal.SIGWINCH])
def test_a_worker_that_is_told_to_leave_hands_over_to_the_others(weir, number):
    server = weir(server=WHO, workers=2)
    clients = [server.connect() for _ in range(20)]
    owners = [who(client)[0] for client in clients]
    leaving = owners[0]
    server.send_signal(number, leaving)
    wait_until(lambda: leaving not in server.workers(), "the worker to leave")
    assert leaving not in [who(client)[0] for client in clients]
    for client in clients:
        client.close()


def test_more_connections_than_the_queue_holds(weir):
    server = weir(server=WHO, events="worker_connections 2000;", main="worker_rlimit_nofile 8000;")
    clients = [server.connect() for _ in range(1500)]
    for client in clients:
        who(client)
    new, = reload(server)
    assert {who(client)[0] for client in clients} == {new}
    for client in clients:
        client.close()


def test_fewer_slots_than_connections_lose_none(weir):
    """What finds no room in the new worker stays with the old one, or in the queue, until there is some."""
    server = weir(server=WHO, events="worker_connections 400;")
    clients = [server.connect() for _ in range(300)]
    for client in clients:
        who(client)
    old, = server.wait_workers()
    server.write_conf(server.template.replace("worker_connections 400", "worker_connections 100"))
    server.send_signal(signal.SIGHUP)
    wait_until(lambda: [w for w in server.workers() if w != old], "the new worker")
    for client in clients:              # each asks for the last time, and makes room for another
        answer = client.ask(request("/who", "Connection: close"))
        assert answer.status == 200
        client.close()
    server.wait_workers(1, [old])


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGUSR1])
def test_a_worker_without_a_free_descriptor_hears_the_master(weir, number):
    """What the master says comes with a descriptor: that there is no room for it is no reason to end."""
    body = b"b" * (4 << 20)
    server = weir(main="worker_rlimit_nofile 40;", server="", files={"html/big": body},
                  allow=["Too many open files", "exceed open file resource limit"])
    clients = [server.connect(rcvbuf=4096, timeout=20) for _ in range(60)]
    for client in clients:
        client.send(request("/big"))
    server.wait_log("Too many open files")
    server.send_signal(number)
    server.wait_log("gracefully shutting down" if number == signal.SIGHUP else "reopening logs")
    for client in clients:
        assert client.read().body == body
        client.close()


def test_a_worker_that_is_stuck_keeps_no_connection_from_the_others(weir):
    """It has fewer than they have, but they do not leave to it for ever what it does not take."""
    server = weir(server=WHO, workers=3)
    stuck = max(server.wait_workers(3))
    server.wait_log("generation 1 serves")
    server.send_signal(signal.SIGSTOP, stuck)
    clients = [server.connect() for _ in range(200)]
    try:
        leaving = {who(client)[0] for client in clients}.pop()
        server.send_signal(signal.SIGQUIT, leaving)
        wait_until(lambda: leaving not in server.workers(), "the worker to leave")
        assert not {who(client)[0] for client in clients} & {leaving, stuck}
    finally:
        server.send_signal(signal.SIGCONT, stuck)
    for client in clients:
        client.close()


@pytest.mark.parametrize("main", ["", "master_process off;"])
def test_who_has_handed_over_is_not_woken_any_more(weir, main):
    """The descriptor is open elsewhere: closing it alone would leave it in the old worker's epoll, which would not rest."""
    server = weir(main=main, server=WHO + "location = /status { status; } keepalive_requests 100000;",
                  files={"html/large": bytes(8 << 20)})
    with server.connect(rcvbuf=4096) as slow, server.connect() as client:
        who(client)
        slow.send(request("/large"))
        slow.read_some(1000)                    # it keeps the old worker alive, or the old configuration
        server.send_signal(signal.SIGHUP)
        wait_until(lambda: state(server)["adopted_connections"] == 1, "the hand-over")
        for _ in range(200):
            who(client)
        assert state(server)["stale_events"] < 20
