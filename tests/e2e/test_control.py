# SPDX-License-Identifier: BSD-2-Clause
"""The master's control socket, and the verdict that weir -s reload waits for."""

import os
import re
import signal
import socket
import stat
import subprocess

import pytest

from harness import wait_until
from harness.server import is_alive, run_weir

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
OLD = "return 200 old;"


def socket_of(server):
    return server.prefix / "logs" / "weir.ctl"


def dial(server, path=None):
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(20)
    sock.connect(str(path or socket_of(server)))
    return sock


def read_all(sock):
    data = b""
    try:
        while piece := sock.recv(65536):
            data += piece
    except ConnectionResetError:            # what the server did not want to read was thrown away
        pass
    return data


def ask(server, line, path=None):
    with dial(server, path) as sock:
        sock.sendall(line)
        return read_all(sock)


def edit(server, old, new):
    """At one blow: a reload may be reading."""
    server.template = server.template.replace(old, new)
    server.replace(server.conf_path.name, server.expand(server.template))


def answered(server, text):
    return server.get("/").text == text


# ---- the verdict

def test_s_reload_ends_when_the_new_workers_serve(weir):
    server = weir(server=OLD)
    old = server.wait_workers()
    edit(server, "old", "new")
    done = server.run("-s", "reload")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert server.get("/").text == "new"
    assert set(server.workers()) - set(old)
    server.wait_log(r"\[notice\] \d+#\d+: generation 2 serves, generation 1 is shutting down$")
    server.wait_log(r"\[notice\] \d+#\d+: process \d+ asks for a reload$")


def test_s_reload_may_not_wait(weir):
    server = weir(server=OLD)
    edit(server, "old", "new")
    done = server.run("-s", "reload", "--no-wait")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    wait_until(lambda: answered(server, "new"), "the new configuration")
    server.wait_log(r"signal 1 \(SIGHUP\) received from \d+, reconfiguring$")


def test_s_reload_tells_what_only_the_master_finds(weir):
    """The text is right, but the new address is taken."""
    server = weir(server=OLD, allow=[r"\[emerg\]"])
    workers = server.wait_workers()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        edit(server, OLD, f"listen 127.0.0.1:{port}; return 200 new;")
        done = server.run("-s", "reload")
    assert done.returncode == 1
    assert done.stderr == (f"weir: [emerg] bind() to 127.0.0.1:{port} failed (98: Address already in use)\n"
                           "weir: [emerg] still could not bind()\n"
                           "weir: [emerg] the configuration was not changed\n")
    assert server.get("/").text == "old" and server.workers() == workers


def test_s_reload_shows_the_errors_of_the_master_and_so_does_the_log(weir):
    server = weir(server=OLD, allow=[r"\[emerg\]"])
    workers = server.wait_workers()
    edit(server, OLD, "rot;")
    line = server.conf_path.read_text().splitlines().index("rot;") + 1
    done = server.run("-s", "reload")
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr == (f'weir: [emerg] unknown directive "rot" in {server.conf_path}:{line}\n'
                           f'{line:4} | rot;\n     | ^~~ did you mean "root"?\n'
                           "weir: [emerg] the configuration was not changed\n")
    server.wait_log(rf'\[emerg\] {server.pid}#{server.pid}: unknown directive "rot" in ')
    assert server.get("/").text == "old" and server.workers() == workers


@pytest.mark.parametrize("text", ["return 200 new; }", "return 200 \"new;", "include none.conf;"])
def test_s_reload_of_a_torn_file_reaches_the_master(weir, text):
    server = weir(server=OLD, allow=[r"\[emerg\]"])
    edit(server, OLD, text)
    done = server.run("-s", "reload")
    assert done.returncode == 1 and "[emerg]" in done.stderr
    assert done.stderr.endswith("the configuration was not changed\n")
    server.wait_log("the configuration was not changed$")
    assert server.get("/").text == "old"


def test_s_reload_passes_warnings_on(weir):
    server = weir(server=OLD)
    edit(server, "worker_processes 1;", "worker_processes 1; worker_cpu_affinity 1 1;")
    done = server.run("-s", "reload")
    assert done.returncode == 0
    assert re.fullmatch(r'weir: \[warn\] the number of "worker_processes" is not equal .*\n', done.stderr)


def test_s_reload_tells_that_workers_cannot_start(weir):
    server = weir(server=OLD, allow=[r"\[emerg\]", "exited with fatal code 2"])
    edit(server, "worker_processes 1;", "worker_processes 1; working_directory {prefix}/none;")
    done = server.run("-s", "reload")
    assert done.returncode == 1
    assert done.stderr == (f'weir: [emerg] chdir("{server.prefix}/none") failed (2: No such file or directory)\n'
                           "weir: [emerg] a new worker process could not start, the configuration was not changed\n")
    assert server.get("/").text == "old"
    edit(server, "working_directory {prefix}/none;", "")
    edit(server, "old", "mended")
    assert server.run("-s", "reload").returncode == 0
    assert server.get("/").text == "mended"


def test_many_callers_each_get_a_verdict_of_a_reload_after_their_asking(weir):
    server = weir(server=OLD)
    edit(server, "old", "new")
    callers = [subprocess.Popen(server.command("-s", "reload"), stderr=subprocess.PIPE) for _ in range(12)]
    assert [caller.wait(30) for caller in callers] == [0] * 12
    assert all(caller.stderr.read() == b"" for caller in callers)
    assert server.get("/").text == "new"
    assert 2 <= len(re.findall(": reconfiguring$", server.log_text(), re.M)) <= 12


def test_who_asks_during_a_reload_hears_of_the_next(weir):
    """The reload under way has read the good file; the one asked for meanwhile reads the broken one."""
    server = weir(server=OLD, workers=8, allow=[r"\[emerg\]"])
    server.wait_workers(8)
    os.kill(server.pid, signal.SIGSTOP)
    with dial(server) as first, dial(server) as second:
        first.sendall(b"reload\n")
        second.sendall(b"reload\n")
        os.kill(server.pid, signal.SIGCONT)
        assert read_all(first) == b"ok\n"
        assert read_all(second) == b"ok\n"
    assert len(re.findall(": reconfiguring$", server.log_text(), re.M)) == 2


def test_caller_that_leaves_does_no_harm(weir):
    server = weir(server=OLD)
    for _ in range(3):
        with dial(server) as sock:
            sock.sendall(b"reload\n")
    edit(server, "old", "new")
    assert server.run("-s", "reload").returncode == 0
    assert server.get("/").text == "new"


def test_timeout_ends_the_waiting(weir):
    server = weir(server=OLD)
    os.kill(server.pid, signal.SIGSTOP)
    try:
        done = server.run("-s", "reload", "--timeout", "300ms")
        assert (done.returncode, done.stderr) == (1, "weir: [error] no verdict within 300 ms\n")
        for _ in range(2):
            assert server.run("-s", "quit", "--timeout=200ms").returncode == 1
    finally:
        os.kill(server.pid, signal.SIGCONT)
    server.wait_end()


def test_verdict_that_never_comes_is_a_failure(weir):
    server = weir(server=OLD)
    os.kill(server.pid, signal.SIGSTOP)
    caller = subprocess.Popen(server.command("-s", "reload"), stderr=subprocess.PIPE, text=True)
    with dial(server) as sock:
        wait_until(lambda: server_queue(server) >= 2, "the caller in the queue")
        sock.close()
    for worker in server.workers():
        os.kill(worker, signal.SIGKILL)
    os.kill(server.pid, signal.SIGKILL)
    server.process.wait()
    server.process.returncode = 0           # as the test wanted
    assert caller.wait(20) == 1
    assert caller.stderr.read() == "weir: [error] the master process gave no verdict\n"


def server_queue(server):
    """How many have connected to the socket, accepted or not."""
    with open("/proc/net/unix") as table:
        return sum(str(socket_of(server)) in line for line in table) - 1


def test_stop_tells_those_who_wait(weir):
    server = weir(server=OLD)
    os.kill(server.pid, signal.SIGSTOP)
    with dial(server) as sock:
        sock.sendall(b"reload\n")
        server.send_signal(signal.SIGTERM)
        os.kill(server.pid, signal.SIGCONT)
        assert read_all(sock) in (b"weir: [error] the server is stopping\nfailed\n", b"ok\n", b"")
    server.wait_end()


@pytest.mark.parametrize("options, message", [
    (["--no-wait"], 'weir: option "--no-wait" goes with "-s"\n'),
    (["--timeout", "5s"], 'weir: option "--timeout" goes with "-s"\n'),
    (["-s", "reload", "--timeout"], 'weir: option "--timeout" requires a time\n'),
    (["-s", "reload", "--timeout", "soon"], 'weir: invalid time "soon" for option "--timeout"\n'),
    (["-s", "reload", "--timeout=0"], 'weir: invalid time "0" for option "--timeout"\n'),
])
def test_options_are_checked(folder, options, message):
    done = run_weir(folder, *options)
    assert (done.returncode, done.stderr) == (1, message)


def test_single_process_gives_verdicts_too(weir):
    server = weir(main="master_process off;", server=OLD, allow=[r"\[emerg\]"])
    wait_until(lambda: server.get("/").text == "old" and socket_of(server).exists(), "the socket")
    edit(server, "old", "new")
    done = server.run("-s", "reload")
    assert (done.returncode, done.stderr) == (0, "")
    assert server.get("/").text == "new"
    edit(server, "return 200 new;", "rot;")
    done = server.run("-s", "reload")
    assert done.returncode == 1
    assert 'unknown directive "rot"' in done.stderr and done.stderr.endswith("the configuration was not changed\n")
    assert server.get("/").text == "new"
    server.stop()
    assert not socket_of(server).exists()


# ---- without a socket

def test_without_a_socket_the_signal_goes_out_and_says_so(weir):
    server = weir(main="control off;", server=OLD)
    assert not socket_of(server).exists()
    edit(server, "old", "new")
    done = server.run("-s", "reload")
    assert done.returncode == 0
    assert done.stderr == f"weir: [notice] process {server.pid} was told to reload, its error log has the verdict\n"
    wait_until(lambda: answered(server, "new"), "the new configuration")


def test_without_a_master_there_is_the_usual_error(weir):
    server = weir(server=OLD)
    server.stop()
    done = server.run("-s", "reload")
    assert done.returncode == 1
    assert done.stderr == (
        f'weir: [error] open() "{server.pid_path}" failed (2: No such file or directory)\n'
        f'weir: [notice] no server runs with "{server.conf_path}"; -c and -p name another configuration\n')


# ---- the socket's file

def test_socket_is_for_its_owner_alone_and_goes_at_the_end(weir):
    server = weir(server=OLD)
    mode = socket_of(server).stat().st_mode
    assert stat.S_ISSOCK(mode) and stat.S_IMODE(mode) == 0o600
    server.stop()
    assert not socket_of(server).exists()


def test_socket_of_a_dead_master_is_replaced(weir):
    server = weir(server=OLD, start=False)
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(socket_of(server)))
        left.listen()
    server.start()
    assert server.run("-s", "reload").returncode == 0


def test_what_is_no_socket_of_ours_stays_and_weir_starts_anyway(weir):
    server = weir(server=OLD, start=False)
    socket_of(server).write_text("precious")
    server.start()
    assert f"weir: [warn] the control socket {socket_of(server)} cannot be had" in server.said()
    assert server.get("/").text == "old"
    server.stop()
    assert socket_of(server).read_text() == "precious"


def test_second_master_does_not_take_the_socket_away(weir):
    first = weir(server=OLD)
    second = weir(main=f"control {socket_of(first)};", server="return 200 second;")
    assert f"the control socket {socket_of(first)} cannot be had" in second.said()
    second.stop()
    assert first.run("-s", "reload").returncode == 0


def test_reload_may_move_the_socket(weir):
    server = weir(server=OLD)
    moved = server.prefix / "moved.sock"
    edit(server, "worker_processes 1;", "worker_processes 1; control moved.sock;")
    assert server.run("-s", "reload").returncode == 0
    assert moved.exists() and not socket_of(server).exists()
    assert server.run("-s", "reload").returncode == 0
    edit(server, "control moved.sock;", "control off;")
    server.send_signal(signal.SIGHUP)
    wait_until(lambda: not moved.exists(), "the socket to go")


def test_reload_that_cannot_have_the_new_socket_is_a_success_with_a_warning(weir):
    server = weir(server=OLD)
    edit(server, "worker_processes 1;", "worker_processes 1; control none/weir.sock;")
    done = server.run("-s", "reload")
    assert done.returncode == 0
    assert re.fullmatch(r"weir: \[warn\] the control socket .*/none/weir\.sock cannot be had, .* "
                        r"\(2: No such file or directory\)\n", done.stderr)


def test_path_that_fits_no_socket_is_refused(weir):
    server = weir(server=OLD, start=False)
    server.write_conf(server.template.replace("worker_processes 1;", f"worker_processes 1; control {'x' * 120};"))
    done = server.run("-t")
    assert done.returncode == 1 and "a path of at most 107 bytes with the prefix, or off" in done.stderr


# ---- what clients may do

@pytest.mark.parametrize("line, answer", [
    (b"reload\n", b"ok\n"),
    (b"reload\r\n", b"ok\n"),
    (b"  reload  \n", b"ok\n"),
    (b"reload\nreload\n", b"ok\n"),
    (b"reload now\n", b'weir: [error] "reload" takes no arguments\nfailed\n'),
    (b"retire\n", b'weir: [error] unknown command "retire"\nfailed\n'),
    (b"\n", b"weir: [error] unknown command\nfailed\n"),
    (b"reload\0\n", b"weir: [error] the command has control bytes\nfailed\n"),
    (b"\x1b[2J\n", b"weir: [error] the command has control bytes\nfailed\n"),
    (b"x" * 1024, b"weir: [error] the command is too long\nfailed\n"),
])
def test_line_has_its_answer(weir, line, answer):
    server = weir(server=OLD)
    assert ask(server, line) == answer
    with dial(server) as sock:                          # byte by byte, and no more to come
        for i in range(0, len(line), 1 if len(line) < 50 else 512):
            try:
                sock.sendall(line[i:i + (1 if len(line) < 50 else 512)])
            except BrokenPipeError:
                break
        try:
            sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        assert read_all(sock) == answer


def test_silent_clients_hold_nobody_up(weir):
    """They take all places; who comes then waits until one of them leaves, or has had its time."""
    server = weir(server=OLD)
    silent = [dial(server) for _ in range(8)]
    server.send_signal(signal.SIGHUP)
    server.wait_log("generation 2 serves")
    waiting = dial(server)
    waiting.sendall(b"reload\n")
    silent.pop().close()
    assert read_all(waiting) == b"ok\n"
    for sock in silent:
        assert sock.recv(1) == b""                      # its time is over
        sock.close()


@root_only
def test_stranger_is_refused(weir):
    server = weir(server=OLD)
    os.chmod(socket_of(server), 0o666)
    pid = os.fork()
    if pid == 0:
        try:
            os.setgid(65534)
            os.setuid(65534)
            os._exit(0 if ask(server, b"reload\n") == b"" else 1)
        except OSError:
            os._exit(0)
        finally:
            os._exit(2)
    assert os.waitpid(pid, 0)[1] == 0
    server.wait_log(rf"\[warn\] .*: process {pid} of user 65534 may not use the control socket$")
    assert "reconfiguring" not in server.log_text()


@root_only
def test_owner_may_be_anybody(weir):
    server = weir(server=OLD, user=65534)
    assert socket_of(server).stat().st_uid == 65534
    assert server.run("-s", "reload", user=65534, group=65534).returncode == 0
    assert server.run("-s", "reload").returncode == 0   # root may, too


def test_workers_do_not_hold_the_socket(weir):
    server = weir(server=OLD)
    workers = server.wait_workers()
    with dial(server):
        assert server.run("-s", "reload").returncode == 0
        new = server.wait_workers(without=workers)
        links = [os.readlink(f"/proc/{new[0]}/fd/{fd}") for fd in os.listdir(f"/proc/{new[0]}/fd")]
        with open("/proc/net/unix") as table:
            inodes = {line.split()[6] for line in table if str(socket_of(server)) in line}
        assert inodes and not [link for link in links if link.removeprefix("socket:[").rstrip("]") in inodes]
    assert is_alive(server.pid)
