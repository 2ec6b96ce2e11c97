# SPDX-License-Identifier: BSD-2-Clause
"""What a service manager hears: the datagrams of sd_notify(3), to a socket that the test plays the manager with."""

import os
import re
import signal
import socket
import time

import pytest

from harness import now, run_weir, wait_until


class Manager:
    def __init__(self, monkeypatch, address, name):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.bind(address)
        self.sock.settimeout(10)
        monkeypatch.setenv("NOTIFY_SOCKET", name)

    def hear(self):
        return self.sock.recv(4096).decode()

    def silent(self):
        """Whether nothing waits to be heard."""
        self.sock.setblocking(False)
        try:
            return not self.sock.recv(4096)
        except BlockingIOError:
            return True
        finally:
            self.sock.settimeout(10)


@pytest.fixture(params=["path", "abstract"])
def manager(request, monkeypatch, folder):
    path = str(folder / "notify")
    if request.param == "path":
        found = Manager(monkeypatch, path, path)
    else:
        found = Manager(monkeypatch, "\0" + path, "@" + path)
    yield found
    found.sock.close()


def check_reloading(text):
    found = re.fullmatch(r"RELOADING=1\nMONOTONIC_USEC=(\d+)\nSTATUS=reloading\n", text)
    assert found, text
    age = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000 - int(found[1])
    assert 0 <= age < 10_000_000


def ready(server, generation, more=""):
    return f"READY=1\nMAINPID={server.pid}\nSTATUS=generation {generation} serves{more}\n"


def test_start_reload_and_stop_are_told_in_order(weir, manager):
    server = weir(server="return 200 x;", workers=2)
    assert manager.hear() == ready(server, 1)
    assert len(server.workers()) == 2 and server.get("/").text == "x"
    server.send_signal(signal.SIGHUP)
    check_reloading(manager.hear())
    assert manager.hear() == ready(server, 2)
    assert server.run("-s", "reload").returncode == 0
    check_reloading(manager.hear())
    assert manager.hear() == ready(server, 3)
    server.stop()
    assert manager.hear() == "STOPPING=1\nSTATUS=stopping\n"
    assert manager.silent()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGQUIT])
def test_each_way_to_stop_is_told_once(weir, manager, number):
    server = weir(server="return 200 x;")
    assert manager.hear() == ready(server, 1)
    for _ in range(2):
        server.send_signal(number)
    server.wait_end()
    assert manager.hear() == "STOPPING=1\nSTATUS=stopping\n"
    assert manager.silent()


def test_failed_reload_is_ready_again_and_says_why(weir, manager):
    server = weir(server="return 200 old;", allow=[r"\[emerg\]"])
    assert manager.hear() == ready(server, 1)
    server.write_conf(server.template.replace("return 200 old;", "rot;"))
    line = server.conf_path.read_text().splitlines().index("rot;") + 1
    server.send_signal(signal.SIGHUP)
    check_reloading(manager.hear())
    why = f'weir: [emerg] unknown directive "rot" in {server.conf_path}:{line}'
    assert manager.hear() == ready(server, 1, f", the reload failed: {why}")
    assert server.get("/").text == "old"


def test_two_reloads_at_once_are_two(weir, manager):
    server = weir(server="return 200 x;", workers=4)
    assert manager.hear() == ready(server, 1)
    server.send_signal(signal.SIGHUP)
    check_reloading(manager.hear())
    server.send_signal(signal.SIGHUP)
    assert manager.hear() == ready(server, 2)
    check_reloading(manager.hear())
    assert manager.hear() == ready(server, 3)


def test_daemon_tells_its_own_number(weir, manager):
    server = weir(server="return 200 x;", globals_="daemon on;")
    assert server.pid != server.process.pid
    assert manager.hear() == ready(server, 1)


def test_single_process_tells_the_same(weir, manager):
    server = weir(main="master_process off;", server="return 200 x;", allow=[r"\[emerg\]"])
    assert manager.hear() == ready(server, 1)
    server.send_signal(signal.SIGHUP)
    check_reloading(manager.hear())
    assert manager.hear() == ready(server, 2)
    server.write_conf(server.template.replace("return 200 x;", "rot;"))
    server.send_signal(signal.SIGHUP)
    check_reloading(manager.hear())
    assert manager.hear().startswith(ready(server, 2, ', the reload failed: weir: [emerg] unknown directive "rot" in ')[:-1])
    server.stop()
    assert manager.hear() == "STOPPING=1\nSTATUS=stopping\n"


def test_start_that_fails_is_never_ready(weir, manager):
    server = weir(server="rot;", start=False)
    server.write_conf()
    assert server.run("-g", "daemon off;").returncode == 1
    assert manager.silent()
    server.error_log.unlink(missing_ok=True)


@pytest.mark.parametrize("alone", ["", "master_process off;"])
def test_watchdog_gets_signs_of_life_at_half_its_interval(weir, manager, monkeypatch, alone):
    monkeypatch.setenv("WATCHDOG_USEC", "400000")
    server = weir(main=alone, server="return 200 x;")
    heard = [manager.hear() for _ in range(2)]
    begin = now()
    assert [manager.hear() for _ in range(5)] == ["WATCHDOG=1\n"] * 5
    assert 0.8 < now() - begin < 3
    assert sorted(heard) == [ready(server, 1), "WATCHDOG=1\n"]


def test_watchdog_goes_on_with_the_new_program(weir, manager, monkeypatch):
    monkeypatch.setenv("WATCHDOG_USEC", "200000")
    server = weir(server="return 200 x;", start=False)
    command = server.command
    server.command = lambda *more: ["/bin/sh", "-c", 'export WATCHDOG_PID=$$; exec "$@"', "sh", *command(*more)]
    server.start()
    old = server.pid
    server.send_signal(signal.SIGUSR2)
    wait_until(lambda: server.written_pid() not in ("", f"{old}\n"), "the new program")
    server.pid = int(server.pid_path.read_text())
    os.kill(old, signal.SIGQUIT)
    assert server.process.wait(10) == 0
    while not manager.silent():             # what was said before
        pass
    assert [manager.hear() for _ in range(3)] == ["WATCHDOG=1\n"] * 3


def test_watchdog_of_another_process_gets_none(weir, manager, monkeypatch):
    monkeypatch.setenv("WATCHDOG_USEC", "1000")
    monkeypatch.setenv("WATCHDOG_PID", "1")
    server = weir(server="return 200 x;")
    assert manager.hear() == ready(server, 1)
    server.send_signal(signal.SIGHUP)
    check_reloading(manager.hear())
    assert manager.hear() == ready(server, 2)


def test_workers_do_not_know_the_manager(weir, manager):
    server = weir(server="return 200 x;")
    pid = server.wait_workers()[0]
    try:
        with open(f"/proc/{pid}/environ", "rb") as environ:
            assert b"NOTIFY_SOCKET" not in environ.read()
    except PermissionError:
        pytest.skip("a worker's memory cannot be looked into")


@pytest.mark.parametrize("name", ["", "@", "none", "/none/notify", "/dev/null", "/" + "x" * 200])
def test_manager_that_cannot_be_reached_does_no_harm(weir, monkeypatch, name):
    monkeypatch.setenv("NOTIFY_SOCKET", name)
    monkeypatch.setenv("WATCHDOG_USEC", "soon")
    server = weir(server="return 200 x;")
    assert server.run("-s", "reload").returncode == 0
    assert server.get("/").text == "x"


def test_manager_that_does_not_listen_holds_nobody_up(weir, manager, monkeypatch):
    monkeypatch.setenv("WATCHDOG_USEC", "2000")         # fills the socket
    server = weir(server="return 200 x;")
    for _ in range(5):
        assert server.run("-s", "reload").returncode == 0
    assert server.get("/").text == "x"


def test_other_commands_tell_nothing(weir, manager, folder):
    server = weir(server="return 200 x;")
    assert manager.hear() == ready(server, 1)
    assert server.run("-t").returncode == 0
    assert run_weir(folder, "-v").returncode == 0
    assert manager.silent()
    wait_until(lambda: os.path.exists(server.pid_path), "the server to be there still")
