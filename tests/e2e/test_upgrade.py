# SPDX-License-Identifier: BSD-2-Clause
"""A new program beside the old one: USR2, and forth and back, without a connection lost."""

import os
import re
import shutil
import signal

import pytest

from harness import binary, request, wait_until
from harness.faults import Faults, can_fail
from harness.server import children_of, is_alive, title_of

WHO = 'location = /who { return 200 "$pid $connection_requests"; } keepalive_requests 100000;'


def who(client):
    answer = client.ask(request("/who"))
    assert answer.status == 200 and answer.get("connection") in (None, "keep-alive"), answer
    return tuple(map(int, answer.text.split()))


def pid_in(path):
    try:
        return int(path.read_text() or 0)
    except FileNotFoundError:
        return 0


def workers_of(pid):
    return [child for child in children_of(pid) if "worker process" in title_of(child)
            and "shutting down" not in title_of(child)]


def upgrade(server):
    """USR2; the new master's number, once it serves."""
    old = server.pid
    wait_until(lambda: workers_of(old), "the old master to serve")
    started = server.log_text().count("start new binary process")
    server.send_signal(signal.SIGUSR2)
    wait_until(lambda: server.log_text().count("start new binary process") > started, "the new program")
    return wait_for_new(server)


def wait_for_new(server):
    old, new = server.pid, int(re.findall(r"start new binary process (\d+)", server.log_text())[-1])
    wait_until(lambda: pid_in(server.pid_path) == new and workers_of(new), "the new master to serve")
    assert (server.prefix / "logs" / "weir.pid.oldbin").read_text() == f"{old}\n"
    server.wait_log(rf"{new}#{new}: generation \d+ serves")
    for _ in range(2):                          # the old master has looked at all that was there before
        said = server.log_text().count(f"{old}#{old}: reopening logs")
        os.kill(old, signal.SIGUSR1)
        wait_until(lambda: server.log_text().count(f"{old}#{old}: reopening logs") > said, "the old master to look")
    return new


def test_a_kept_connection_goes_to_the_new_program_and_back(weir):
    server = weir(server=WHO, workers=2)
    old = server.pid
    with server.connect() as client, server.connect() as other:
        first, served = who(client)
        who(other)
        new = upgrade(server)
        assert who(client) == (first, served + 1)               # nothing changes before the operator says so

        def goes_to(master):
            nonlocal served
            served = who(client)[1]
            return who(client)[0] in workers_of(master)

        os.kill(old, signal.SIGWINCH)
        wait_until(lambda: not workers_of(old), "the old workers to leave")
        wait_until(lambda: goes_to(new), "the new workers")
        assert who(other)[0] in workers_of(new)

        os.kill(old, signal.SIGHUP)                             # and back
        wait_until(lambda: len(workers_of(old)) == 2, "the old master's workers")
        wait_until(lambda: server.log_text().count("start worker process ") == 6, "all workers")
        wait_until(lambda: who(other) is not None, "an answer")
        os.kill(new, signal.SIGQUIT)
        wait_until(lambda: not is_alive(new), "the new master to leave")
        assert who(client)[0] in workers_of(old)
        assert who(other)[0] in workers_of(old)
        assert who(client)[1] > served
    wait_until(lambda: server.written_pid() == f"{old}\n", "the pid file")
    assert not (server.prefix / "logs" / "weir.pid.oldbin").exists()


def test_workers_that_stop_wait_for_those_of_the_other_master_that_are_on_their_way(weir):
    """HUP to one, WINCH to the other at once: between the two nobody serves, and nobody's connection is closed."""
    server = weir(server=WHO, workers=2)
    old = server.pid
    clients = [server.connect() for _ in range(20)]
    served = [who(client)[1] for client in clients]
    new = upgrade(server)
    os.kill(old, signal.SIGWINCH)
    wait_until(lambda: not workers_of(old), "the old workers to leave")
    try:
        for goes, comes in [(new, old), (old, new)] * 2:
            begun = server.log_text().count(f" {comes}#{comes}: start worker process ")
            os.kill(comes, signal.SIGHUP)
            wait_until(lambda: server.log_text().count(f" {comes}#{comes}: start worker process ") > begun, "the first worker")
            os.kill(goes, signal.SIGWINCH)
            wait_until(lambda: not workers_of(goes), "the workers to leave")
            for number, client in enumerate(clients):
                pid, count = who(client)
                served[number] += 1
                assert count == served[number] and pid in workers_of(comes)
    finally:
        for client in clients:
            client.close()
    os.kill(old, signal.SIGQUIT)
    assert server.process.wait(10) == 0
    server.pid = new


def test_quit_to_the_old_master_leaves_all_to_the_new_one(weir):
    server = weir(server=WHO)
    old = server.pid
    with server.connect() as client:
        served = who(client)[1]
        new = upgrade(server)
        os.kill(old, signal.SIGQUIT)
        assert server.process.wait(10) == 0
        server.pid = new
        pid, requests = who(client)
        assert pid in workers_of(new) and requests == served + 1
        wait_until(lambda: server.written_pid() == f"{new}\n", "the pid file")
        assert not (server.prefix / "logs" / "weir.pid.oldbin").exists()
        # and once more, from the new one
        newest = upgrade(server)
        os.kill(new, signal.SIGQUIT)
        wait_until(lambda: not is_alive(new), "the second master to leave")
        server.pid = newest
        assert who(client)[0] in workers_of(newest)


def test_after_an_upgrade_reloads_hand_over_as_before(weir):
    """What came from another program, and what went there, fills no queue of this one's."""
    server = weir(server=WHO, events="worker_connections 64;")
    old = server.pid
    clients = [server.connect() for _ in range(30)]
    for client in clients:
        who(client)

    def reload(master):
        before, = workers_of(master)
        os.kill(master, signal.SIGHUP)
        wait_until(lambda: not is_alive(before), "the retired worker to have handed over all it had")
        for client in clients:
            assert who(client)[0] in workers_of(master)

    new = upgrade(server)
    os.kill(old, signal.SIGWINCH)
    wait_until(lambda: not workers_of(old), "the old workers to leave")
    reload(new)
    while len(clients) > 1:                                     # these will not come back
        clients.pop().close()
    os.kill(old, signal.SIGHUP)
    wait_until(lambda: len(workers_of(old)) == 1, "the old master's worker")
    os.kill(new, signal.SIGQUIT)
    wait_until(lambda: not is_alive(new), "the new master to leave")
    clients += [server.connect() for _ in range(20)]
    for client in clients:
        who(client)
    reload(old)
    for client in clients:
        client.close()


def test_new_connections_are_served_all_the_time(weir):
    server = weir(server=WHO, workers=2)
    old = server.pid
    new = upgrade(server)
    for number, pid in ((signal.SIGWINCH, old), (signal.SIGHUP, old), (signal.SIGWINCH, new), (signal.SIGHUP, new)):
        os.kill(pid, number)
        for _ in range(50):
            assert server.get("/who").status == 200
        # Of signals that wait together, those with lower numbers come first.
        server.wait_log(rf"{pid}#{pid}: signal {int(number)} ")
    os.kill(old, signal.SIGQUIT)
    for _ in range(50):
        assert server.get("/who").status == 200
    assert server.process.wait(10) == 0
    server.pid = new
    assert server.get("/who").status == 200


def test_a_program_that_cannot_start_changes_nothing(weir):
    server = weir(server=WHO, allow=["unknown directive", "exited with code 1"])
    old, served = server.pid, 0
    with server.connect() as client:
        pid, _ = who(client)
        server.write_conf(server.template + "nonsense;")
        server.send_signal(signal.SIGUSR2)
        server.wait_log(r"new binary process \d+ exited with code 1")
        wait_until(lambda: server.written_pid() == f"{old}\n", "the pid file")
        assert not (server.prefix / "logs" / "weir.pid.oldbin").exists()
        assert who(client)[0] == pid
        server.write_conf(server.template.replace("nonsense;", ""))
        new = upgrade(server)
        os.kill(old, signal.SIGQUIT)
        assert server.process.wait(10) == 0
        server.pid = new
        assert who(client)[0] in workers_of(new)


def test_the_old_workers_come_back_when_the_new_program_dies(weir):
    server = weir(server=WHO, allow=["exited on signal 9"])
    new = upgrade(server)
    server.send_signal(signal.SIGWINCH)
    wait_until(lambda: not workers_of(server.pid), "the old workers to leave")
    assert server.get("/who").status == 200
    os.kill(new, signal.SIGKILL)
    wait_until(lambda: workers_of(server.pid), "the old master's workers")
    assert server.get("/who").status == 200
    wait_until(lambda: server.written_pid() == f"{server.pid}\n", "the pid file")


def test_a_second_upgrade_waits_for_the_first(weir):
    server = weir(server=WHO)
    new = upgrade(server)
    server.send_signal(signal.SIGUSR2)
    server.wait_log("changing binary signal is ignored")
    os.kill(new, signal.SIGUSR2)
    wait_until(lambda: server.log_text().count("changing binary signal is ignored") == 2, "the new master's refusal")
    os.kill(new, signal.SIGQUIT)
    wait_until(lambda: not is_alive(new), "the new master to leave")
    assert server.get("/who").status == 200


def test_a_unix_socket_lives_through_an_upgrade(weir):
    server = weir("""
        pid {prefix}/logs/weir.pid; error_log {prefix}/logs/error.log notice;
        events { }
        http { access_log off; server { listen unix:{prefix}/logs/sock; listen 127.0.0.1:{port}; """ + WHO + "} }")
    path = str(server.prefix / "logs" / "sock")
    from harness import Client
    old = server.pid
    with Client(path) as client:
        who(client)
        new = upgrade(server)
        os.kill(old, signal.SIGQUIT)
        assert server.process.wait(10) == 0
        server.pid = new
        assert who(client)[0] in workers_of(new)
        with Client(path) as another:
            assert who(another)[0] in workers_of(new)
    server.stop()
    assert not os.path.exists(path)


@pytest.mark.parametrize("globals_", ["", "daemon off;"])
def test_upgrade_as_a_daemon_or_not(weir, globals_):
    server = weir(server=WHO, globals_=globals_)
    old = server.pid
    new = upgrade(server)
    os.kill(old, signal.SIGQUIT)
    wait_until(lambda: not is_alive(old), "the old master to leave")
    server.pid = new
    assert server.get("/who").status == 200


def test_the_unix_socket_stays_when_the_new_program_cannot_start(weir):
    server = weir("""
        pid {prefix}/logs/weir.pid; error_log {prefix}/logs/error.log notice;
        events { }
        http { access_log off; server { listen unix:{prefix}/logs/sock; listen 127.0.0.1:{port}; """ + WHO + "} }",
                  allow=["failed", "still could not bind", "exited with code 1"])
    path = str(server.prefix / "logs" / "sock")
    server.write_conf(server.template.replace("listen 127.0.0.1:{port};", "listen 192.0.2.1:{port};"))
    server.send_signal(signal.SIGUSR2)
    server.wait_log(r"new binary process \d+ exited with code 1")
    from harness import Client
    with Client(path) as client:
        assert who(client)[0] in workers_of(server.pid)


def test_many_connections_go_on_to_be_handed_over_after_an_upgrade(weir):
    """Those that came from the other master and those that went to it are nobody's debt."""
    server = weir(server=WHO)
    old = server.pid
    clients = [server.connect() for _ in range(100)]
    for client in clients:
        who(client)
    new = upgrade(server)
    os.kill(old, signal.SIGWINCH)
    wait_until(lambda: {who(client)[0] for client in clients} <= set(workers_of(new)), "the new workers")
    before = workers_of(new)
    os.kill(new, signal.SIGHUP)
    wait_until(lambda: workers_of(new) and not set(workers_of(new)) & set(before), "the next generation")
    wait_until(lambda: not any(is_alive(pid) for pid in before), "the generation before to leave")
    assert {who(client)[0] for client in clients} <= set(workers_of(new))
    for client in clients[:80]:
        client.close()
    os.kill(old, signal.SIGHUP)                             # back: 80 of those that went never return
    wait_until(lambda: workers_of(old), "the old master's workers")
    os.kill(new, signal.SIGQUIT)
    wait_until(lambda: not is_alive(new), "the new master to leave")
    before = workers_of(old)
    os.kill(old, signal.SIGHUP)
    wait_until(lambda: not any(is_alive(pid) for pid in before), "the first generation to leave")
    assert {who(client)[0] for client in clients[80:]} <= set(workers_of(old))


@pytest.mark.parametrize("with_hup", [False, True])
def test_quit_to_the_new_master_leaves_all_to_the_old_one(weir, with_hup):
    """Its workers were stopped: they start again before the new ones leave, told by HUP or not."""
    server = weir(server=WHO, workers=2)
    old = server.pid
    with server.connect() as client, server.connect() as other:
        who(client), who(other)
        new = upgrade(server)
        os.kill(old, signal.SIGWINCH)
        wait_until(lambda: not workers_of(old), "the old workers to leave")
        served = who(client)[1]
        if with_hup:
            os.kill(old, signal.SIGHUP)
        os.kill(new, signal.SIGQUIT)
        wait_until(lambda: not is_alive(new), "the new master to leave")
        pid, requests = who(client)
        assert pid in workers_of(old) and requests == served + 1
        assert who(other)[0] in workers_of(old)
    wait_until(lambda: server.written_pid() == f"{old}\n", "the pid file")


def test_what_waits_in_the_queue_goes_on_to_the_new_program(weir):
    """Handed over by one old worker, not yet taken by the next when their master is told to leave."""
    server = weir(server=WHO, workers=2)
    old = server.pid
    clients = [server.connect() for _ in range(60)]
    owners = [who(client)[0] for client in clients]
    leaving, stays = sorted(workers_of(old), key=owners.count, reverse=True)
    new = upgrade(server)
    os.kill(stays, signal.SIGSTOP)
    os.kill(old, signal.SIGSTOP)                # no other worker takes them
    os.kill(leaving, signal.SIGQUIT)
    wait_until(lambda: not is_alive(leaving), "the worker to leave")
    os.kill(old, signal.SIGQUIT)
    os.kill(old, signal.SIGCONT)
    server.wait_log(r"signal 3 \(SIGQUIT\) received from .*, shutting down\n(.*\n)*.*exited with code 0")
    os.kill(stays, signal.SIGCONT)
    for client in clients:
        assert who(client)[0] in workers_of(new)
        client.close()
    assert server.process.wait(10) == 0
    server.pid = new


@pytest.fixture
def held(weir):
    """A server whose next program does not begin before there is a file `go` in its folder."""
    server = weir(main="env WEIR_FAIL;", server=WHO, start=False)
    server.faults = Faults(server.prefix / "page")
    server.env.update(server.faults.environment)
    program, usual = server.prefix / "weir", server.command
    shutil.copy(binary(), program)
    server.command = lambda *more: [str(program), *usual(*more)[1:]]
    server.start()
    server.wait_workers()
    program.unlink()                            # it runs: it could not be written to
    program.write_text(f"""#!/bin/sh
        until [ -e {server.prefix}/go ]; do sleep 0.02; done
        exec {binary()} "$@"
    """)
    program.chmod(0o755)
    server.send_signal(signal.SIGUSR2)
    server.wait_log("start new binary process")
    yield server
    server.faults.close()


def test_what_stops_the_old_workers_waits_for_the_new_program(held):
    old = held.pid
    os.kill(old, signal.SIGWINCH)
    held.wait_log(r"waiting for new binary process \d+ to serve")
    assert workers_of(old) and held.get("/who").status == 200
    (held.prefix / "go").touch()
    new = wait_for_new(held)
    wait_until(lambda: not workers_of(old), "the old workers to leave")
    assert int(held.get("/who").text.split()[0]) in workers_of(new)
    os.kill(old, signal.SIGQUIT)
    assert held.process.wait(20) == 0
    held.pid = new


def test_workers_that_were_to_stop_stay_when_hup_comes_first(held):
    old = held.pid
    os.kill(old, signal.SIGWINCH)
    held.wait_log(r"waiting for new binary process \d+ to serve")
    os.kill(old, signal.SIGHUP)
    held.wait_log("the workers stay")
    held.wait_log(rf"{old}#{old}: generation 2 serves")
    (held.prefix / "go").touch()
    new = wait_for_new(held)
    assert workers_of(old) and workers_of(new)
    os.kill(new, signal.SIGQUIT)
    wait_until(lambda: not is_alive(new), "the new master to leave")
    assert int(held.get("/who").text.split()[0]) in workers_of(old)


@pytest.mark.skipif(not can_fail(), reason="no debug build: nothing can be made to fail")
def test_what_the_other_master_could_not_be_told_is_told_again(held):
    """That the new program serves: else the old one, told to leave, waits for it for ever."""
    old = held.pid
    new = int(re.findall(r"start new binary process (\d+)", held.log_text())[-1])
    os.kill(old, signal.SIGQUIT)
    held.wait_log(r"waiting for new binary process \d+ to serve")
    held.faults.arm(1, only="sendmsg", pid=new)
    (held.prefix / "go").touch()
    assert held.process.wait(20) == 0
    held.pid = new
    assert held.faults.failed == 1
    held.wait_log("telling the other master failed, it is tried again")
    assert int(held.get("/who").text.split()[0]) in workers_of(new)
