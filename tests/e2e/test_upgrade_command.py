# SPDX-License-Identifier: BSD-2-Clause
"""weir -s upgrade: the new program takes over in one step, or nothing changes."""

import os
import signal
import threading

import pytest

from harness import wait_until
from harness.server import is_alive, run_weir
from test_upgrade import WHO, pid_in, upgrade, who, workers_of


def is_undisturbed(server, old):
    return pid_in(server.pid_path) == old and is_alive(old) and server.get("/who").status == 200 \
        and not (server.prefix / "logs" / "weir.pid.oldbin").exists()


def test_a_new_program_takes_over_and_no_connection_ends(weir):
    server = weir(server=WHO, workers=2)
    old, over, counts = server.pid, threading.Event(), []

    def ask_on():
        with server.connect() as client:
            count = 0
            while not over.is_set() or count == 0:
                count += 1
                assert who(client)[1] == count
            counts.append(count)

    clients = [threading.Thread(target=ask_on) for _ in range(8)]
    for client in clients:
        client.start()
    try:
        with server.connect() as idle:
            before = who(idle)
            done = server.run("-s", "upgrade")
            assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
            new = pid_in(server.pid_path)
            assert new != old and server.process.wait(20) == 0
            server.pid = new
            pid, requests = who(idle)
            assert pid in workers_of(new) and pid != before[0] and requests == before[1] + 1
    finally:
        over.set()
        for client in clients:
            client.join()
    assert len(counts) == len(clients)
    assert not (server.prefix / "logs" / "weir.pid.oldbin").exists()
    server.wait_log(rf"{old}#{old}: process \d+ asks for an upgrade$")
    server.wait_log(rf"{old}#{old}: new binary process {new} serves, shutting down$")


def test_what_is_wrong_with_the_conf_is_told_and_nothing_begins(weir):
    server = weir(server=WHO)
    old = server.pid
    server.write_conf(server.template + "nonsense;")
    done = server.run("-s", "upgrade")
    assert done.returncode == 1 and 'unknown directive "nonsense"' in done.stderr
    assert is_undisturbed(server, old) and "asks for an upgrade" not in server.log_text()


def test_a_program_that_cannot_serve_changes_nothing(weir):
    """What only the start finds: the address of another."""
    other = weir(server="return 200 other;")
    server = weir(server=WHO, allow=["Address already in use", "still could not bind", "exited with code 1"])
    old = server.pid
    good = server.template
    server.write_conf(good.replace("http {", "http { server { listen 127.0.0.1:%d; }" % other.port(), 1))
    with server.connect() as client:
        served = who(client)
        done = server.run("-s", "upgrade")
        assert done.returncode == 1
        assert done.stderr == ("weir: [error] the new program did not serve, the error log says why; "
                               "the old one goes on\n")
        assert who(client) == (served[0], served[1] + 1)
    assert is_undisturbed(server, old)
    server.write_conf(good)
    assert server.run("-s", "upgrade").returncode == 0
    assert server.process.wait(20) == 0
    server.pid = pid_in(server.pid_path)
    assert server.get("/who").status == 200


def test_one_upgrade_at_a_time(weir):
    server = weir(server=WHO)
    old = server.pid
    new = upgrade(server)
    done = server.run("-s", "upgrade")          # the pid file and the socket are the new one's by now
    assert done.returncode == 1
    assert done.stderr == ("weir: [error] an upgrade is under way: the old or the new master must end first\n")
    os.kill(new, signal.SIGQUIT)
    wait_until(lambda: not is_alive(new), "the new master to leave")
    wait_until(lambda: is_undisturbed(server, old), "all to be as before")


def test_without_waiting_it_is_the_signal(weir):
    server = weir(server=WHO)
    old = server.pid
    done = server.run("-s", "upgrade", "--no-wait")
    assert (done.returncode, done.stderr) == (0, "")
    server.wait_log(r"signal 12 \(SIGUSR2\) received from \d+, changing binary")
    wait_until(lambda: pid_in(server.pid_path) not in (0, old), "the new master")
    new = pid_in(server.pid_path)
    wait_until(lambda: workers_of(new), "its workers")
    assert is_alive(old)
    server.wait_log(rf"{new}#{new}: generation \d+ serves")
    os.kill(old, signal.SIGQUIT)
    assert server.process.wait(10) == 0
    server.pid = new


@pytest.mark.parametrize("main, message", [
    ("master_process off;", 'weir: [error] with "master_process off" there is no upgrade\n'),
    ("control off;", 'weir: [error] the server takes no commands: "control" is off in "{prefix}/weir.conf"\n'
                     'weir: [notice] without that directive, or with a path in the place of "off", it does after a reload\n'),
])
def test_where_it_is_not_possible_that_is_told(weir, main, message):
    server = weir(server=WHO, main=main)
    done = server.run("-s", "upgrade")
    assert (done.returncode, done.stderr) == (1, message.replace("{prefix}", str(server.prefix)))
    assert is_undisturbed(server, server.pid)


def test_where_nobody_runs_that_is_told(folder):
    (folder / "weir.conf").write_text("events { } http { }")
    done = run_weir(folder, "-p", f"{folder}/", "-c", "weir.conf", "-s", "upgrade")
    assert done.returncode == 1
    assert f'connect() to "{folder}/logs/weir.ctl" failed (2: No such file or directory)' in done.stderr
    assert not (folder / "logs" / "weir.pid").exists()


def test_who_asked_may_leave(weir):
    """The decision was made: the new program takes over all the same."""
    server = weir(server=WHO)
    server.run("-s", "upgrade", "--timeout", "1ms")
    assert server.process.wait(20) == 0
    server.pid = pid_in(server.pid_path)
    assert server.get("/who").status == 200
