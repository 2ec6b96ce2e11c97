# SPDX-License-Identifier: BSD-2-Clause
"""The list of all connections: who is there, in which state, at which worker."""

import json
import os
import re
import signal
import socket

import pytest

from harness import Client, request, wait_until

PLACE = "location = /connections { connections; }"
KEYS = ["pid", "generation", "connection", "state", "peer", "local", "age_ms", "quiet_ms", "requests", "bytes_received", "bytes_sent"]


def listed(server, **kwargs):
    answer = server.get("/connections?format=json", **kwargs)
    assert answer.status == 200 and answer.get("content-type") == "application/json", answer
    return json.loads(answer.body)


def control(server, line):
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(10)
        s.connect(str(server.prefix / "logs" / "weir.ctl"))
        s.sendall(line.encode() + b"\n")
        text = b""
        while data := s.recv(65536):
            text += data
    return text.decode()


def peer_of(client):
    return "%s:%d" % client.sock.getsockname()[:2]


def test_each_connection_stands_in_the_list_with_its_state(weir):
    body = os.urandom(8 << 20)
    server = weir(server=PLACE, files={"html/a": "a", "html/big": body}, workers=3)
    with server.connect() as idle, server.connect() as reading, server.connect(rcvbuf=4096) as writing:
        assert idle.ask(request("/a")).body == b"a"
        assert reading.ask(request("/a")).body == b"a"
        reading.send(b"GET /a HT")
        wait_until(reading.peer_has_read_all, "the server to read")
        writing.send(request("/big"))
        writing.read_some(1000)
        found = {row["peer"]: row for row in listed(server)["connections"]}
        assert len(found) == 4
        workers = server.wait_workers(3)
        for row in found.values():
            assert list(row) == KEYS and row["pid"] in workers and row["generation"] == 1
            assert row["local"] == f"127.0.0.1:{server.port()}"
            assert 0 <= row["quiet_ms"] <= row["age_ms"] < 60000
        first = found[peer_of(idle)]
        assert first["state"] == "idle" and first["requests"] == 1
        assert first["bytes_received"] == len(request("/a")) and first["bytes_sent"] > 100
        assert found[peer_of(reading)]["state"] == "reading"
        assert found[peer_of(writing)]["state"] == "writing"
        states = [row["state"] for row in found.values()]
        assert sorted(states) == ["idle", "processing", "reading", "writing"]


def test_table_for_people(weir):
    server = weir(server=PLACE)
    with server.connect() as client:
        client.ask(request("/none"))
        answer = server.get("/connections")
        assert answer.get("content-type") == "text/plain; charset=utf-8" and answer.get("cache-control") == "no-store"
        head, *rows = answer.text.splitlines()
        assert head.split() == ["PID", "GEN", "CONNECTION", "STATE", "PEER", "LOCAL", "AGE", "s", "QUIET", "s", "REQUESTS", "RECEIVED", "SENT"]
        assert len(rows) == 2 and "processing" in rows[0] and "idle" in rows[1] and peer_of(client) in rows[1]
        table = control(server, "connections")
        assert re.search(rf"(?m)^ *\d+ +1 +\d+ idle +{re.escape(peer_of(client))} ", table), table
        assert table.endswith("\nok\n")
    assert "has the forms text and json" in control(server, "connections now")
    assert "has the forms text and json" in server.run("-s", "connections", "--format=metrics").stderr


@pytest.mark.parametrize("main", ["", "master_process off;"])
def test_list_at_the_terminal(weir, main):
    server = weir(main=main, server="")
    with server.connect() as client:
        client.ask(request("/none"))
        done = server.run("-s", "connections")
        assert (done.returncode, done.stderr) == (0, "") and peer_of(client) in done.stdout
        done = server.run("-s", "connections", "--format=json")
        row, = json.loads(done.stdout)["connections"]
        assert row["peer"] == peer_of(client) and row["state"] == "idle"


def test_old_generations_are_in_the_list(weir):
    body = os.urandom(8 << 20)
    server = weir(server=PLACE, files={"html/big": body})
    with server.connect(rcvbuf=4096) as slow, server.connect() as kept:
        slow.send(request("/big"))
        slow.read_some(1000)
        kept.ask(request("/none"))
        server.send_signal(signal.SIGHUP)
        wait_until(lambda: {row["generation"] for row in listed(server)["connections"]} == {1, 2}, "two generations")
        found = {row["peer"]: row for row in listed(server)["connections"]}
        assert found[peer_of(slow)]["generation"] == 1 and found[peer_of(kept)]["generation"] == 2


def test_without_a_master_and_over_a_unix_socket(weir):
    server = weir("""
        pid {prefix}/logs/weir.pid; error_log {prefix}/logs/error.log notice; master_process off;
        events { }
        http { access_log off; server { listen unix:{prefix}/logs/sock; listen {port}; """ + PLACE + "} }")
    with Client(str(server.prefix / "logs" / "sock")) as client:
        rows = json.loads(client.ask(request("/connections", "Accept: application/json")).body)["connections"]
        assert [(row["peer"], row["local"], row["bytes_sent"]) for row in rows] == [("unix:", f"unix:{server.prefix}/logs/sock", 0)]
        with server.connect() as other:
            rows = json.loads(other.ask(request("/connections?format=json")).body)["connections"]
            assert {row["local"] for row in rows} == {f"unix:{server.prefix}/logs/sock", f"127.0.0.1:{server.port()}"}


def test_a_worker_that_does_not_answer_is_left_out(weir):
    server = weir(server=PLACE, workers=2)
    clients = [server.connect() for _ in range(8)]
    for client in clients:
        client.ask(request("/none"))
    wait_until(lambda: len({row["pid"] for row in listed(server)["connections"]}) == 2, "both workers to have some")
    stopped = server.wait_workers(2)[0]
    os.kill(stopped, signal.SIGSTOP)
    try:
        table = control(server, "connections")
        assert table.endswith("ok\n") and not re.search(rf"(?m)^ *{stopped} ", table)
    finally:
        os.kill(stopped, signal.SIGCONT)
    for client in clients:
        client.close()


def test_many_ask_at_once(weir):
    server = weir(server=PLACE, workers=2)
    clients = [server.connect() for _ in range(40)]
    for client in clients:
        client.send(request("/connections?format=json") * 3)
    for client in clients:
        for _ in range(3):
            assert json.loads(client.read().body)["connections"]
        client.close()


def test_each_of_several_questions_of_one_connection_has_its_own_list(weir):
    server = weir(server=PLACE)
    with server.connect() as client:
        client.send(request("/connections?format=json") * 5)
        for served in range(5):
            row, = json.loads(client.read().body)["connections"]
            assert row["requests"] == served and row["state"] == "processing"


def test_page_of_an_error_may_have_to_wait(weir):
    """What is answered without being parsed waits for its page, too."""
    server = weir(server=PLACE + "error_page 400 /connections;")
    with server.connect() as client:
        client.send(b"no request at all\r\n\r\n")
        answer = client.read()
        assert answer.status == 400 and "STATE" in answer.text
        client.expect_close()


def test_a_client_that_leaves_while_it_waits_harms_nobody(weir):
    server = weir(server=PLACE, workers=2)
    other = server.wait_workers(2)[0]
    os.kill(other, signal.SIGSTOP)
    try:
        for _ in range(20):
            with server.connect() as client:
                client.send(request("/connections"))
    finally:
        os.kill(other, signal.SIGCONT)
    wait_until(lambda: listed(server)["connections"], "a list that was made after the others had left")


def test_only_this_machine_may_see_it(weir):
    server = weir(server=PLACE + "location = /open { connections public; } set_real_ip_from 127.0.0.1;",
                  allow=["access forbidden"])
    assert server.get("/connections", "X-Real-IP: 192.0.2.1").status == 403
    assert server.get("/open", "X-Real-IP: 192.0.2.1").status == 200
    assert server.get("/connections", method="POST", body=b"").status in (405, 411)
