# SPDX-License-Identifier: BSD-2-Clause
"""Listening sockets over reloads: whatever changes about them, nobody who has connected is left without an answer."""

import contextlib
import os
import pathlib
import re
import signal
import socket
import stat
import subprocess
import threading
import time

import pytest

from harness import Client, now, request, wait_until
from harness.server import children_of, stat_of


def refuses(address):
    try:
        Client(address).close()
    except (ConnectionRefusedError, FileNotFoundError):
        return True
    return False


def conf(listens, workers=1):
    servers = "".join(f"server {{ listen {listen}; return 200 \"$server_addr\"; }}\n" for listen in listens)
    return (f"worker_processes {workers}; error_log {{prefix}}/logs/error.log info; pid {{prefix}}/logs/weir.pid;\n"
            "events { worker_connections 512; }\nhttp { access_log off; keepalive_timeout 10s;\n" + servers + "}\n")


def reload_to(server, listens, workers=1):
    """Returns when the new workers serve."""
    server.wait_log("generation [0-9]+ serves")
    done = len(re.findall("generation [0-9]+ serves", server.log_text()))
    server.write_conf(conf(listens, workers))
    server.send_signal(signal.SIGHUP)
    wait_until(lambda: len(re.findall("generation [0-9]+ serves", server.log_text())) > done, "the new workers to serve", 20)


class Stream:
    """Connections, one request each, without end; what went wrong with any of them."""

    def __init__(self, server, threads=3, host="127.0.0.1"):
        self.address = (host, server.port())
        self.end, self.lost, self.served = threading.Event(), [], 0
        self.threads = [threading.Thread(target=self._ask) for _ in range(threads)]

    def _ask(self):
        while not self.end.is_set():
            try:
                with Client(self.address) as client:
                    answer = client.ask(request("/", "Connection: close"))
                assert answer.status == 200
                self.served += 1
            except Exception as problem:
                self.lost.append(repr(problem))
                return

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        wait_until(lambda: self.served > 20 or self.lost, "the stream to flow")
        return self

    def __exit__(self, *_):
        self.end.set()
        for thread in self.threads:
            thread.join()


CHANGES = {
    "all and one": [(["{port}%s"], 1), (["127.0.0.1:{port}%s"], 1)],
    "all, one, both": [(["{port}%s"], 2), (["127.0.0.1:{port}%s"], 2), (["127.0.0.1:{port}%s", "{port}%s"], 2)],
    "one among others": [(["127.0.0.1:{port}%s"], 1), (["127.0.0.1:{port}%s", "127.0.0.2:{port}%s"], 1)],
    "plain and reuseport": [(["{port}%s"], 2), (["{port}%s reuseport"], 2)],
    "numbers of workers": [(["127.0.0.1:{port}%s"], 1), (["127.0.0.1:{port}%s"], 4), (["127.0.0.1:{port}%s"], 2)],
    "numbers of workers with reuseport": [(["{port}%s reuseport"], 1), (["{port}%s reuseport"], 4), (["{port}%s reuseport"], 2)],
    "all with reuseport and one without": [(["{port}%s reuseport"], 3), (["127.0.0.1:{port}%s"], 2)],
    "backlog": [(["{port}%s backlog=20"], 1), (["{port}%s backlog=1000"], 1), (["{port}%s"], 1)],
    "both families": [(["{port}%s"], 1), (["[::]:{port} ipv6only=off%s"], 1)],
}


@pytest.mark.parametrize("deferred", ["", " deferred=off"])
@pytest.mark.parametrize("name", CHANGES)
def test_nobody_is_lost_while_the_listen_lines_change(weir, name, deferred):
    steps = [([listen % deferred for listen in listens], workers) for listens, workers in CHANGES[name]]
    server = weir(conf(*steps[0]))
    with Stream(server) as stream:
        for _ in range(4):
            for listens, workers in steps[1:] + steps[:1]:
                reload_to(server, listens, workers)
                served = stream.served
                wait_until(lambda: stream.served > served + 30 or stream.lost, "the stream to go on")
    assert not stream.lost, stream.lost


@contextlib.contextmanager
def stopped(server, pids):
    """Processes that do nothing for a while: who connects waits in the backlog. All must have begun to serve."""
    wait_until(lambda: all(is_ready(pid) for pid in pids), "the workers to serve")
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def is_ready(pid):
    """It sleeps and has a loop to sleep in: that begins after the master has been told."""
    try:
        links = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")]
    except OSError:
        return False
    return "anon_inode:[signalfd]" in links and stat_of(pid)[1] == "S"


def connect_many(address, count=200):
    """More than a worker takes in a turn, so that the signal comes before all are taken."""
    clients = [Client(address) for _ in range(count)]
    for client in clients:
        client.send(request("/"))
    return clients


def all_answered(clients):
    for client in clients:
        answer = client.read()
        assert answer.status == 200
        client.close()


MOVES = {
    "from all to one": (["{port}"], ["127.0.0.1:{port}"], 1),
    "from one to all": (["127.0.0.1:{port}"], ["{port}"], 1),
    "from one of two to all": (["127.0.0.1:{port}", "127.0.0.2:{port}"], ["{port}"], 1),
    "from plain to reuseport": (["{port}"], ["{port} reuseport"], 3),
    "from reuseport to plain": (["{port} reuseport"], ["{port}"], 3),
    "from reuseport for all to one": (["{port} reuseport"], ["127.0.0.1:{port} reuseport"], 2),
    "fewer workers": (["{port} reuseport"], ["{port} reuseport"], 4),
    "to both families": (["{port}"], ["[::]:{port} ipv6only=off"], 1),
    "from both families": (["[::]:{port} ipv6only=off"], ["{port}"], 1),
    "to another port": (["127.0.0.1:{port}"], ["127.0.0.1:{port1}"], 1),
    "to another address": (["127.0.0.1:{port}"], ["127.0.0.2:{port}"], 1),
    "from both families to the other": (["[::]:{port} ipv6only=off"], ["[::]:{port1}"], 1),
}


@pytest.mark.parametrize("main", ["", "master_process off;\n"])
@pytest.mark.parametrize("name", MOVES)
def test_backlog_is_answered_when_the_listen_lines_change(weir, name, main):
    """Clients sit in the backlog of workers that are slow; then the configuration changes."""
    before, after, workers = MOVES[name]
    server = weir(main + conf(before, workers))
    server.port("port1")
    old = server.wait_workers(workers) if not main else [server.pid]
    with stopped(server, old):
        clients = connect_many(("127.0.0.1", server.port()))
        server.write_conf(main + conf(after, max(1, workers - 2) if name == "fewer workers" else workers))
        server.send_signal(signal.SIGHUP)
        if not main:
            server.wait_log("generation 2 serves")
    all_answered(clients)


def has_signal_pending(pid, number):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        shared = next(line for line in file if line.startswith("ShdPnd:"))
    return int(shared.split()[1], 16) & 1 << (number - 1) != 0


@pytest.mark.parametrize("where", ["127.0.0.1:{port}", "127.0.0.1:{port} reuseport", "unix:{prefix}/s"])
def test_quit_answers_those_who_wait_in_the_backlog(weir, where):
    server = weir(conf([where], 2))
    address = f"{server.prefix}/s" if "unix" in where else ("127.0.0.1", server.port())
    workers = server.wait_workers(2)
    with stopped(server, workers):
        clients = connect_many(address)
        server.send_signal(signal.SIGQUIT)
        wait_until(lambda: has_signal_pending(workers[0], signal.SIGQUIT), "the workers to be told")
        if "unix" in where:
            assert refuses(address)
    all_answered(clients)
    assert server.wait_end() == 0
    assert refuses(address)


def test_dropped_address_is_refused_as_soon_as_its_backlog_is_empty(weir):
    server = weir(conf(["127.0.0.1:{port}", "127.0.0.1:{port1}"], 2))
    old = server.wait_workers(2)
    address = ("127.0.0.1", server.port())
    with stopped(server, old):
        clients = connect_many(address)
        server.write_conf(conf(["127.0.0.1:{port1}"], 2))
        server.send_signal(signal.SIGHUP)
        server.wait_log("generation 2 serves")
    all_answered(clients)
    wait_until(lambda: refuses(address), "the port to be closed")
    assert server.get("/", name="port1").status == 200


def test_silent_client_of_a_worker_that_leaves_gets_its_answer(weir):
    """It has connected, and its request is on the way."""
    server = weir(conf(["127.0.0.1:{port} deferred=off"]))
    old = server.wait_workers()
    with server.connect() as client:
        wait_until(lambda: client.peer_has_read_all(), "the connection to be accepted")
        server.send_signal(signal.SIGHUP)
        server.wait_log("generation 2 serves")
        answer = client.ask(request("/"))
        assert answer.status == 200
    server.wait_workers(without=old)


def test_killed_worker_leaves_its_backlog_to_the_next(weir):
    """With reuseport each worker has sockets of its own; the one that takes its place has them too."""
    server = weir(conf(["127.0.0.1:{port} reuseport"], 2), allow=["exited on signal 9"])
    workers = server.wait_workers(2)
    with stopped(server, workers):
        clients = connect_many(("127.0.0.1", server.port()))
        for pid in workers:
            os.kill(pid, signal.SIGKILL)
    all_answered(clients)


def listening(port):
    """The listening sockets at the port, as the kernel lists them."""
    found = []
    for name in ("tcp", "tcp6"):
        with open(f"/proc/net/{name}", encoding="ascii") as file:
            for line in file.readlines()[1:]:
                fields = line.split()
                if fields[3] == "0A" and int(fields[1].split(":")[1], 16) == port:
                    found.append((fields[1].split(":")[0], fields[9]))
    return found


def test_reuseport_is_a_socket_for_each_worker(weir):
    server = weir(conf(["127.0.0.1:{port} reuseport"], 3))
    workers = server.wait_workers(3)
    inodes = [inode for _, inode in listening(server.port())]
    assert len(inodes) == 3
    held = []
    for pid in workers:
        links = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")]
        held.append([inode for inode in inodes if f"socket:[{inode}]" in links])
    assert sorted(sum(held, [])) == sorted(inodes) and all(len(one) == 1 for one in held)


def test_socket_that_fades_is_closed_in_the_end(weir):
    server = weir(conf(["{port}"]))
    reload_to(server, ["127.0.0.1:{port}"])
    # the kernel's list may miss one while others come and go
    wait_until(lambda: len(listening(server.port())) == 1 and refuses(("127.0.0.2", server.port())), "the old socket to be closed")
    assert server.get("/").text == "127.0.0.1"
    server.wait_workers(1)


def test_socket_that_fades_is_taken_up_again(weir):
    server = weir(conf(["{port}"]))
    sockets = {inode for _, inode in listening(server.port())}
    reload_to(server, ["127.0.0.1:{port}"])
    reload_to(server, ["{port}"])
    assert sockets < {inode for _, inode in listening(server.port())}
    server.wait_workers(1)
    assert server.get("/", address="127.0.0.2").text == "127.0.0.2"


@pytest.mark.parametrize("last", ["{port}", "127.0.0.1:{port}"])
def test_socket_that_fades_is_taken_up_again_after_nobody_listened_there(weir, last):
    """Workers that leave still accept at the first socket: only with that one at hand can its port be listened on."""
    server = weir(conf(["{port}"]), allow=[r"bind\(\)", "the configuration was not changed"])

    def reload_through(*steps):
        """False when it took so long that the master has let go of the first one meanwhile."""
        begin = now()
        for step in steps:
            server.write_conf(conf([step]))
            done = server.run("-s", "reload")
            if done.returncode != 0:
                assert now() - begin > 0.9, done.stderr
                return False
        return True
    steps = ["{port}", "127.0.0.1:{port}", "127.0.0.1:{port1}", last]
    wait_until(lambda: reload_through(*steps), "reloads in quick succession", 60)
    assert server.get("/").text == "127.0.0.1"


@pytest.fixture
def address_of_a_held_up_worker(weir):
    """A reload has taken an address away, and the old worker, which still listens there, does not get to know of it."""
    server = weir(conf(["127.0.0.1:{port}", "127.0.0.1:{port1}"]), allow=[r"bind\(\) to", "still could not bind", "was not changed"])
    old, = server.wait_workers(1)
    server.wait_log("generation 1 serves")          # which he says himself
    os.kill(old, signal.SIGSTOP)
    try:
        reload_to(server, ["127.0.0.1:{port}"])
        server.write_conf(conf(["127.0.0.1:{port}", "127.0.0.1:{port1}"]))
        yield server, old
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(old, signal.SIGCONT)


def test_address_is_taken_back_when_the_last_old_worker_has_let_it_go(address_of_a_held_up_worker):
    server, old = address_of_a_held_up_worker
    server.send_signal(signal.SIGHUP)
    server.wait_log(r"\[notice\].*bind\(\) to 127.0.0.1:\d+ failed \(98: Address already in use\)")
    assert server.get("/").status == 200
    server.send_signal(signal.SIGHUP)               # one more is nothing new
    os.kill(old, signal.SIGCONT)
    server.wait_log("generation [4-9] serves")
    assert server.get("/", name="port1").status == 200
    assert "was not changed" not in server.log_text()


def test_address_that_no_old_worker_lets_go_fails_the_reload(address_of_a_held_up_worker):
    server, _ = address_of_a_held_up_worker
    done = server.run("-s", "reload")
    assert done.returncode == 1
    assert re.search(r"bind\(\) to 127.0.0.1:\d+ failed \(98: Address already in use\)\n.*still could not bind\(\)\n.*was not changed\n", done.stderr)
    assert server.get("/").status == 200
    server.write_conf(conf(["127.0.0.1:{port}"]))
    assert server.run("-s", "reload").returncode == 0


def test_stop_while_a_reload_waits_for_an_address(address_of_a_held_up_worker):
    server, old = address_of_a_held_up_worker
    server.send_signal(signal.SIGHUP)
    server.wait_log("try again to bind")
    os.kill(old, signal.SIGCONT)
    server.send_signal(signal.SIGQUIT)
    assert server.wait_end() == 0


def test_failed_reload_closes_what_it_opened_and_nothing_else(weir):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        busy = taken.getsockname()[1]
        server = weir(conf(["127.0.0.1:{port} backlog=30"], 2), allow=[r"\[emerg\]"])
        workers = server.wait_workers(2)
        before = listening(server.port())
        server.write_conf(conf(["{port} reuseport backlog=40", "127.0.0.1:{port1}", "unix:{prefix}/new", f"127.0.0.1:{busy}"], 2))
        server.send_signal(signal.SIGHUP)
        server.wait_log("the configuration was not changed")
    assert listening(server.port()) == before and not listening(server.port("port1"))
    assert not os.path.exists(f"{server.prefix}/new") and server.workers() == workers
    assert backlog_of(server.port()) == 30


def backlog_of(port):
    """As the kernel has it: Send-Q of ss -l."""
    out = subprocess.run(["ss", "-Hltn", f"sport = :{port}"], capture_output=True, text=True, check=True).stdout
    return int(out.split()[2])


def test_changed_options_take_effect_on_the_open_socket(weir):
    server = weir(conf(["127.0.0.1:{port} backlog=30"]))
    sockets = listening(server.port())
    most = int(pathlib.Path("/proc/sys/net/core/somaxconn").read_text())
    for option, expected in (("backlog=60", 60), ("", min(4096, most))):
        reload_to(server, [f"127.0.0.1:{{port}} {option}"])
        assert backlog_of(server.port()) == expected and listening(server.port()) == sockets


def test_ipv6only_cannot_change_and_says_so(weir):
    server = weir(conf(["[::1]:{port} ipv6only=on"]))
    reload_to(server, ["[::1]:{port} ipv6only=off"])
    server.wait_log(r"\[warn\] .*ipv6only of \[::1\]:\d+ cannot change while it is open")


# ---- Unix sockets

def test_unix_socket_stays_the_same_file_over_reloads(weir):
    server = weir(conf(["unix:{prefix}/s"]))
    path = f"{server.prefix}/s"
    os.chmod(path, 0o600)
    before = os.stat(path)
    reload_to(server, ["unix:{prefix}/s"], 2)
    after = os.stat(path)
    assert (after.st_ino, stat.S_IMODE(after.st_mode)) == (before.st_ino, 0o600)
    with Client(path) as client:
        assert client.ask(request("/")).status == 200


def test_unix_socket_that_is_dropped_goes_with_its_file(weir):
    server = weir(conf(["unix:{prefix}/a", "127.0.0.1:{port}"]))
    old = server.wait_workers()
    with stopped(server, old):
        clients = connect_many(f"{server.prefix}/a")
        server.write_conf(conf(["unix:{prefix}/b", "127.0.0.1:{port}"]))
        server.send_signal(signal.SIGHUP)
        server.wait_log("generation 2 serves")
        assert not os.path.exists(f"{server.prefix}/a")
    all_answered(clients)
    with Client(f"{server.prefix}/b") as client:
        assert client.ask(request("/")).status == 200
    server.stop()
    assert not os.path.exists(f"{server.prefix}/b")


def test_file_of_another_servers_socket_is_left_alone(weir):
    server = weir(conf(["unix:{prefix}/s"]))
    path = f"{server.prefix}/s"
    os.unlink(path)
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(path)
        other.listen()
        server.stop()
        Client(path).close()
    os.unlink(path)


# ---- sockets that a service manager has opened

LAUNCHER = """
import os, socket, sys
first, names = 3, []
for n, fd in enumerate(int(word) for word in sys.argv[1].split(",")):
    os.dup2(fd, 100 + n)
for n in range(len(sys.argv[1].split(","))):
    os.dup2(100 + n, first + n)
    os.close(100 + n)
    names.append("s%d" % n)
os.environ.update(LISTEN_PID=str(os.getpid() + int(sys.argv[2])), LISTEN_FDS=str(len(names)), LISTEN_FDNAMES=":".join(names))
os.execv(sys.argv[3], sys.argv[3:])
"""


def pid_in(server):
    """0: not all of it is written yet."""
    with contextlib.suppress(FileNotFoundError):
        return int(server.pid_path.read_text() or 0)
    return 0


@contextlib.contextmanager
def activated(server, sockets, wrong_pid=0):
    """weir, started as systemd does it with sockets of its own."""
    server.write_conf()
    fds = ",".join(str(sock.fileno()) for sock in sockets)
    with open(server.stderr_path, "wb") as err:
        server.process = subprocess.Popen(["/usr/bin/python3", "-c", LAUNCHER, fds, str(wrong_pid), *server.command()],
                                          stdin=subprocess.DEVNULL, stderr=err, cwd=server.prefix, start_new_session=True,
                                          pass_fds=[sock.fileno() for sock in sockets])
    wait_until(lambda: pid_in(server) or server.process.poll() is not None, "weir to be ready")
    assert server.process.poll() is None, server.said()
    server.pid = int(server.pid_path.read_text())
    yield server


def bound(family, address):
    sock = socket.socket(family, socket.SOCK_STREAM)
    if family != socket.AF_UNIX:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(address)
    sock.listen(10)
    return sock


def test_sockets_of_the_service_manager_are_taken_over_and_kept(weir):
    server = weir(conf(["127.0.0.1:{port}", "[::1]:{port1}", "unix:{prefix}/s"]), start=False)
    path = f"{server.prefix}/s"
    sockets = [bound(socket.AF_INET, ("127.0.0.1", server.port())), bound(socket.AF_INET6, ("::1", server.port("port1"))),
               bound(socket.AF_UNIX, path), bound(socket.AF_INET, ("127.0.0.1", server.port("port2")))]
    addresses = [("127.0.0.1", server.port()), ("::1", server.port("port1")), path]
    waiting = [connect_many(address, 3) for address in addresses]
    with activated(server, sockets):
        for clients in waiting:
            all_answered(clients)
        unused = server.port("port2")
        assert f'no "listen" wants the inherited socket 127.0.0.1:{unused}, it is closed' in server.said() + server.log_text()
        assert b"LISTEN_" not in environment_of(server.workers()[0])
        reload_to(server, ["127.0.0.1:{port}", "[::1]:{port1}", "unix:{prefix}/s"], 2)
        for address in addresses:
            with Client(address) as client:
                assert client.ask(request("/")).status == 200
        assert len(listening(server.port())) == 1
        server.stop()
    assert os.path.exists(path)
    for sock in sockets:
        sock.close()
    os.unlink(path)


def test_the_file_of_the_service_manager_stays_after_an_upgrade_too(weir):
    server = weir(conf(["127.0.0.1:{port}", "unix:{prefix}/s"]), start=False)
    path = f"{server.prefix}/s"
    with bound(socket.AF_UNIX, path) as manager, activated(server, [manager]):
        old = server.pid
        server.send_signal(signal.SIGUSR2)
        wait_until(lambda: server.written_pid() not in ("", f"{old}\n"), "its pid file")
        server.pid = int(server.pid_path.read_text())
        os.kill(old, signal.SIGQUIT)
        assert server.process.wait(10) == 0
        with Client(path) as client:
            assert client.ask(request("/")).status == 200
        server.stop()
        assert os.path.exists(path)
    os.unlink(path)


def environment_of(pid):
    with open(f"/proc/{pid}/environ", "rb") as file:
        return file.read()


def test_sockets_that_are_meant_for_another_process_are_left_alone(weir):
    server = weir(conf(["127.0.0.1:{port}"]), start=False)
    sockets = [bound(socket.AF_INET, ("127.0.0.1", server.port("port1")))]
    with activated(server, sockets, wrong_pid=1):
        assert server.get("/").status == 200
        assert "inherited" not in server.said() + server.log_text()
    sockets[0].close()


def test_what_is_no_listening_socket_is_told(weir):
    server = weir(conf(["127.0.0.1:{port}"]), start=False)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagram:
        with activated(server, [datagram]):
            assert server.get("/").status == 200
            assert 'descriptor 3 ("s0") of LISTEN_FDS is no listening stream socket, it is closed' in \
                server.said() + server.log_text()


def test_a_socket_that_is_held_stays_while_a_reload_is_under_way(weir):
    """Back within a second, to new workers that take longer than the second to get ready."""
    server = weir("""
        pid {prefix}/logs/weir.pid; error_log {prefix}/logs/error.log notice; worker_processes 48;
        events { }
        http { access_log off; server { listen {port}; location / { return 200 "$pid"; } } }""")
    wide, generation = server.template, 1

    def reload_to(template):
        nonlocal generation
        generation += 1
        server.write_conf(template)
        server.send_signal(signal.SIGHUP)

    def caught():
        """One of the new workers is stopped before it is ready."""
        reload_to(wide.replace("listen {port};", "listen 127.0.0.1:{port};"))
        server.wait_log(f"generation {generation} serves")
        before = set(children_of(server.pid))
        reload_to(wide)
        born = wait_until(lambda: set(children_of(server.pid)) - before, "a new worker")
        os.kill(max(born), signal.SIGSTOP)
        time.sleep(0.1)
        if f"generation {generation} serves" not in server.log_text():
            return max(born)
        os.kill(max(born), signal.SIGCONT)
        return None
    slow = wait_until(caught, "a reload in its midst", 150)
    time.sleep(1.2)                         # so long a socket is held
    os.kill(slow, signal.SIGCONT)
    server.wait_log(f"generation {generation} serves")
    with server.connect(host="127.0.0.2") as client:
        assert client.ask(request()).status == 200
    reload_to(wide)
    server.wait_log(f"generation {generation} serves")
    with server.connect(host="127.0.0.2") as client:
        assert client.ask(request()).status == 200
