# SPDX-License-Identifier: BSD-2-Clause
"""Master and workers: signals, reload, replacement, pid file, titles, users, the daemon."""

import os
import pathlib
import pwd
import re
import resource
import signal
import socket
import threading

import pytest

from harness import ProtocolError, now, request, wait_until
from harness.server import children_of, is_alive, processes_within, title_of

BIG = 8 << 20
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def slow_download(server, target="/big"):
    """A download whose client has read its head and nothing more."""
    client = server.connect(rcvbuf=8192)
    client.send(request(target))
    assert client.read_head().status == 200
    return client


def refuses(server, name="port"):
    try:
        server.connect(name).close()
    except (ConnectionRefusedError, ConnectionResetError):
        return True
    return False


def status_of(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)


# ---- reload

def test_hup_serves_the_change_and_the_old_workers_leave(weir):
    server = weir(server="return 200 old;", workers=2)
    old = server.wait_workers(2)
    server.write_conf(server.template.replace("old", "new"))
    server.send_signal(signal.SIGHUP)
    wait_until(lambda: server.get("/").text == "new", "the new configuration")
    server.wait_workers(2, without=old)
    assert all(server.get("/").text == "new" for _ in range(20))
    for pattern in (r"signal 1 \(SIGHUP\) received from \d+, reconfiguring$", "reconfiguring$", r"start worker process \d+$",
                    "gracefully shutting down$", rf"worker process {old[0]} exited with code 0$"):
        server.wait_log(pattern)


BROKEN = ["return 200 new; rot;", "return 200 new; sendfile maybe;", "return 200 new; }", "include none.conf; return 200 new;"]


@pytest.mark.parametrize("text", BROKEN)
def test_broken_edit_is_told_and_the_old_goes_on(weir, text):
    server = weir(server="return 200 old;", allow=[r"\[emerg\]"])
    workers = server.wait_workers()
    line = server.expand(server.template).splitlines().index("return 200 old;") + 1
    server.write_conf(server.template.replace("return 200 old;", text))
    server.send_signal(signal.SIGHUP)
    server.wait_log(rf"\[emerg\] \d+#\d+: .* in {re.escape(str(server.conf_path))}:{line}" if "}" not in text else r"\[emerg\]")
    assert server.get("/").text == "old"
    assert server.workers() == workers
    server.write_conf(server.template.replace(text, "return 200 mended;"))
    server.send_signal(signal.SIGHUP)
    wait_until(lambda: server.get("/").text == "mended", "the mended configuration")


def test_s_reload_of_a_broken_edit_tells_whoever_asked(weir):
    server = weir(server="return 200 old;", allow=[r"\[emerg\]"])
    server.write_conf(server.template.replace("return 200 old;", "rot;"))
    done = server.run("-s", "reload")
    assert done.returncode == 1
    assert f'[emerg] unknown directive "rot" in {server.conf_path}:' in done.stderr
    assert server.get("/").text == "old"


def test_generations_are_numbered(weir):
    server = weir(server="", files={"html/big": os.urandom(BIG)})
    old = server.wait_workers()
    server.wait_log(r"\[notice\] .*: generation 1 serves$")
    with slow_download(server) as client:
        server.send_signal(signal.SIGHUP)
        server.wait_log(r"\[notice\] .*: generation 2 serves, generation 1 is shutting down$")
        wait_until(lambda: title_of(old[0]) == "weir: worker process is shutting down (generation 1)", "the title")
        new = [pid for pid in server.wait_workers(2) if pid not in old]
        wait_until(lambda: title_of(new[0]) == "weir: worker process (generation 2)", "the title")
        assert client.read_some(BIG) == (server.html / "big").read_bytes()


def test_too_many_old_generations_end_the_oldest(weir):
    server = weir(main="worker_generations 2;", server="", files={"html/big": os.urandom(BIG)})
    workers, clients = [], []
    for generation in range(1, 5):
        wait_until(lambda: set(server.workers()) - set(workers), "a new worker")
        workers += set(server.workers()) - set(workers)
        clients.append(slow_download(server))
        assert server.run("-s", "reload").returncode == 0
        if generation < 3:
            assert all(is_alive(pid) for pid in workers)
    wait_until(lambda: not is_alive(workers[0]) and not is_alive(workers[1]), "the oldest to end")
    assert is_alive(workers[2]) and is_alive(workers[3])
    for generation in (1, 2):
        server.wait_log(rf"\[warn\] .*: 3 old generations are shutting down, generation {generation} has to end now "
                        r"\(worker_generations is 2\)$")
    assert "generation 3 has to end" not in server.log_text()
    for client in clients[2:]:
        assert client.read_some(BIG) == (server.html / "big").read_bytes()
    for client in clients:
        client.close()


def test_old_worker_that_hangs_is_told_at_one_reload_and_killed_at_the_next(weir):
    server = weir(main="worker_generations 1;", server="return 200 x;", allow=["exited on signal 9"])
    hanging = []
    for _ in range(3):
        newest = wait_until(lambda: set(server.workers()) - set(hanging), "a worker of the newest generation").pop()
        os.kill(newest, signal.SIGSTOP)
        hanging.append(newest)
        assert all(is_alive(pid) for pid in hanging)
        assert server.run("-s", "reload").returncode == 0
    wait_until(lambda: not is_alive(hanging[0]), "the first to be killed")
    assert is_alive(hanging[1]) and is_alive(hanging[2])
    for pid in hanging[1:]:
        os.kill(pid, signal.SIGCONT)


def test_hup_opens_new_addresses_and_closes_old_ones(weir):
    server = weir(server="return 200 here;")
    server.port("port1")
    server.write_conf(server.template.replace("{port}", "{port1}"))
    server.send_signal(signal.SIGHUP)
    wait_until(lambda: not refuses(server, "port1") and server.get("/", name="port1").text == "here", "the new address")
    wait_until(lambda: refuses(server), "the old address to be closed")


def test_hup_changes_between_one_address_and_all(weir):
    server = weir(http="server { listen {port}; return 200 all; }")
    all_, one = "listen {port}; return 200 all;", "listen 127.0.0.1:{port}; return 200 one;"

    def answered(text):
        try:
            return server.get("/").text == text
        except (ProtocolError, OSError):        # came to the address that was just being closed
            return False
    for _ in range(3):
        server.write_conf(server.template.replace(all_, one))
        server.send_signal(signal.SIGHUP)
        wait_until(lambda: answered("one"), "the one address")
        server.write_conf(server.template.replace(one, all_))
        server.send_signal(signal.SIGHUP)
        wait_until(lambda: answered("all"), "all addresses")


def test_hup_changes_the_number_of_workers(weir):
    server = weir(server="return 200 x;", workers=1)
    server.wait_workers(1)
    for number in (3, 2):
        server.write_conf(re.sub("worker_processes .;", f"worker_processes {number};", server.template))
        server.send_signal(signal.SIGHUP)
        server.wait_workers(number)
    assert server.get("/").text == "x"


def test_download_lives_through_a_reload(weir):
    server = weir(server="", files={"html/big": os.urandom(BIG)})
    old = server.wait_workers()
    with slow_download(server) as client:
        server.send_signal(signal.SIGHUP)
        server.wait_workers(2)
        wait_until(lambda: "is shutting down" in title_of(old[0]), "the old worker to say that it is leaving")
        assert client.read_some(BIG) == (server.html / "big").read_bytes()
    server.wait_workers(1, without=old)


def test_no_request_is_lost_over_twenty_reloads(weir):
    """Whoever asks on a new connection is answered, and so is whoever asks again when a kept connection was closed unanswered."""
    server = weir(server="", files={"html/a": "a"}, workers=2, events="worker_connections 512;")
    end, lost, served = threading.Event(), [], []

    def ask():
        while not end.is_set():
            try:
                with server.connect() as client:
                    for n in range(5):
                        try:
                            answer = client.ask(request("/a"))
                        except (ProtocolError, OSError):
                            if n == 0:
                                raise
                            break
                        served.append(1)
                        if answer.get("Connection") == "close":
                            break
            except Exception as problem:
                lost.append(repr(problem))
                return
    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        codes = [server.run("-s", "reload").returncode for _ in range(20)]
    finally:
        end.set()
        for thread in threads:
            thread.join()
    assert codes == [0] * 20
    assert not lost and len(served) > 20


def test_reloads_leak_no_descriptor_in_the_master(weir):
    server = weir(server="access_log logs/b.log;", files={"html/a": "a"})

    def count():
        return len(os.listdir(f"/proc/{server.pid}/fd"))
    for _ in range(3):
        server.run("-s", "reload")
    server.wait_workers(1)
    before = count()
    for _ in range(20):
        assert server.run("-s", "reload").returncode == 0
    server.wait_workers(1)
    wait_until(lambda: count() <= before, "the descriptors to be closed")


def test_reload_without_descriptors_fails_at_once_and_says_why(weir):
    """Wherever they run out: the old workers serve on, and nobody waits for a descriptor that does not come."""
    server = weir(server="return 200 x;", workers=3, main="worker_rlimit_nofile 1000;", allow=[r"\[alert\].*\(24: Too many open files\)", r"\[emerg\]"])
    workers = server.wait_workers(3)
    whole = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)
    codes = []
    for spare in range(1, 30):
        begin = now()
        used = max(int(fd) for fd in os.listdir(f"/proc/{server.pid}/fd")) + 1
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (used + spare, whole[1]))
        done = server.run("-s", "reload", "--timeout", "15s")
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, whole)
        codes.append(done.returncode)
        if done.returncode == 0:
            break
        assert "(24: Too many open files)" in done.stderr, (spare, done.stderr)
        assert "the configuration was not changed" in done.stderr, (spare, done.stderr)
        assert now() - begin < 8
        assert server.wait_workers(3) == workers
        assert server.get("/").status == 200
    assert codes[-1] == 0 and len(codes) > 3
    server.wait_workers(3, without=workers)


# ---- workers

@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGABRT])
def test_killed_worker_is_replaced(weir, number):
    server = weir(server="return 200 x;", allow=[r"exited on signal (9|6)"])
    old = server.wait_workers()
    os.kill(old[0], number)
    server.wait_workers(1, without=old)
    assert server.get("/").text == "x"
    server.wait_log(rf"\[alert\] .*worker process {old[0]} exited on signal {int(number)}")


def test_worker_killed_again_and_again_is_replaced_each_time(weir):
    server = weir(server="return 200 x;", allow=[r"exited on signal 9"])
    for _ in range(4):
        old = server.wait_workers()
        assert server.get("/").text == "x"
        os.kill(old[0], signal.SIGKILL)
        server.wait_workers(1, without=old)
    assert server.get("/").text == "x"


def test_master_does_not_spin_when_workers_die_at_once(weir):
    """Respawning backs off: in a second there are few attempts."""
    server = weir(server="return 200 x;", allow=[r"exited on signal 9"])
    end, seen = now() + 1.5, set()

    def kill_all():
        for pid in server.workers():
            if pid not in seen:
                seen.add(pid)
                os.kill(pid, signal.SIGKILL)
        return now() > end
    wait_until(kill_all)
    assert len(seen) < 100
    server.wait_workers(1, without=seen)
    wait_until(lambda: not refuses(server) and server.get("/").text == "x", "service", 20)


def test_killed_worker_is_missed_for_a_moment_only_and_by_its_own_clients(weir):
    """Under load, with connections on all workers: those of the others are untouched."""
    server = weir(server="location = /pid { return 200 $pid; } location / { return 200 x; }", workers=3,
                  allow=[r"exited on signal 9"], events="worker_connections 512;")
    workers = server.wait_workers(3)
    end, clients = threading.Event(), {}

    def load():
        while not end.is_set():
            try:
                server.get("/")
            except (ProtocolError, OSError):        # was with the one that is killed
                pass
    threads = [threading.Thread(target=load) for _ in range(2)]
    for thread in threads:
        thread.start()

    def each_worker_has_one():
        client = server.connect()
        clients.setdefault(int(client.ask(request("/pid")).text), []).append(client)
        return len(clients) == 3
    try:
        wait_until(each_worker_has_one, "a connection to each worker")
        victim = workers[0]
        begin = now()
        os.kill(victim, signal.SIGKILL)
        wait_until(lambda: set(children_of(server.pid)) - set(workers), "a new process")
        assert now() - begin < 0.5                  # some milliseconds, on a machine with nothing else to do
        for worker in workers[1:]:
            for client in clients[worker]:
                assert int(client.ask(request("/pid")).text) == worker
        for client in clients[victim]:
            client.expect_close()
    finally:
        end.set()
        for thread in threads:
            thread.join()
        for client in sum(clients.values(), []):
            client.close()
    new = server.wait_workers(3, without=[victim])
    log = server.log_text().splitlines()
    died = next(i for i, line in enumerate(log) if f"worker process {victim} exited on signal 9" in line)
    assert any(re.search(rf"start worker process ({'|'.join(map(str, new))})$", line) for line in log[died:died + 3])


def test_worker_told_to_leave_by_itself_leaves_gracefully(weir):
    server = weir(server="", files={"html/big": os.urandom(BIG)})
    old = server.wait_workers()
    with slow_download(server) as client:
        os.kill(old[0], signal.SIGQUIT)
        assert client.read_some(BIG) == (server.html / "big").read_bytes()
    wait_until(lambda: not is_alive(old[0]), "the worker to leave")


def test_workers_follow_their_master_into_death(weir):
    server = weir(server="return 200 x;", workers=2)
    workers = server.wait_workers(2)
    os.kill(server.pid, signal.SIGKILL)
    server.process.wait()
    server.process.returncode = 0           # as the test wanted
    wait_until(lambda: not any(is_alive(pid) for pid in workers), "the workers to leave")


def test_master_killed_amid_reloads_leaves_nobody(weir):
    """Nobody holds the port, those in the midst of becoming workers included."""
    server = weir(server="return 200 x;", workers=6)
    server.wait_workers(6)

    def amid_a_reload():
        server.send_signal(signal.SIGHUP)
        return len(children_of(server.pid)) > 6
    wait_until(amid_a_reload, "new workers being born")
    os.kill(server.pid, signal.SIGKILL)
    server.process.wait()
    server.process.returncode = 0           # as the test wanted
    begin = now()
    wait_until(lambda: not processes_within(server.prefix), "all processes to leave")
    assert now() - begin < 5
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("127.0.0.1", server.port()))
        sock.listen()


def test_worker_processes_auto_is_the_number_of_cpus(weir):
    server = weir(server="return 200 x;", workers="auto")
    server.wait_log("start worker process")
    wait_until(lambda: server.workers(), "workers")
    wait_until(lambda: 1 <= len(server.workers()) <= len(os.sched_getaffinity(0)), "workers")


def test_all_workers_serve(weir):
    server = weir(server="access_log logs/p.log p;", http="log_format p '$pid';", workers=3, files={"html/a": "a"})
    workers = server.wait_workers(3)

    def served_by_all():
        clients = [server.connect() for _ in range(20)]
        for client in clients:
            client.send(request("/a"))
        for client in clients:
            client.read()
            client.close()
        return {int(line) for line in server.access_lines("p.log")} == set(workers)
    wait_until(served_by_all, "each worker to have served", 15)


def test_titles_say_who_is_who(weir):
    server = weir(server="", workers=2)
    workers = server.wait_workers(2)
    assert title_of(server.pid).startswith("weir: master process ") and str(server.conf_path) in title_of(server.pid)
    assert {title_of(pid) for pid in workers} == {"weir: worker process (generation 1)"}


@root_only
def test_workers_run_as_nobody_when_started_as_root(weir):
    server = weir(main="user nobody;", server="", files={"html/a": "a"}, workers=4)
    nobody = pwd.getpwnam("nobody")
    workers = server.wait_workers(4)
    for pid in workers:
        status = status_of(pid)
        assert set(status["Uid"].split()) == {str(nobody.pw_uid)}
        assert set(status["Gid"].split()) == {str(nobody.pw_gid)}
        assert set(status["Groups"].split()) <= {str(nobody.pw_gid)}
        assert int(status["CapEff"], 16) == 0 and int(status["CapPrm"], 16) == 0
    assert status_of(server.pid)["Uid"].split()[0] == "0"
    assert all(server.get("/a").body == b"a" for _ in range(20))


@root_only
def test_user_takes_a_group(weir):
    server = weir(main="user nobody daemon;", server="")
    import grp
    status = status_of(server.wait_workers()[0])
    assert set(status["Gid"].split()) == {str(grp.getgrnam("daemon").gr_gid)}


@root_only
def test_anybody_may_run_a_server(weir):
    server = weir(server="", files={"html/a": "a"}, user=65534, workers=2)
    server.wait_workers(2)
    assert server.get("/a").body == b"a"
    server.send_signal(signal.SIGHUP)
    server.wait_log("gracefully shutting down")
    assert server.get("/a").body == b"a"


@root_only
def test_user_without_root_is_ignored_with_a_warning(weir):
    server = weir(main="user nobody;", server="", user=65534)
    assert 'the "user" directive makes sense only if the master process runs with super-user privileges, ignored' in \
        server.said() + server.log_text()


def test_worker_rlimit_nofile_is_the_limit(weir):
    server = weir(main="worker_rlimit_nofile 1234;", server="")
    limits = pathlib.Path(f"/proc/{server.wait_workers()[0]}/limits").read_text()
    assert re.search(r"^Max open files\s+1234\s", limits, re.M)


# ---- the end

def test_quit_finishes_downloads_and_takes_no_more(weir):
    server = weir(server="", files={"html/big": os.urandom(BIG)})
    server.wait_workers()
    with slow_download(server) as client:
        server.send_signal(signal.SIGQUIT)
        wait_until(lambda: refuses(server), "the listening socket to be closed")
        assert is_alive(server.pid)
        assert client.read_some(BIG) == (server.html / "big").read_bytes()
    assert server.wait_end() == 0


def test_quit_closes_idle_connections(weir):
    server = weir(server="", files={"html/a": "a"})
    with server.connect() as client:
        client.ask(request("/a"))
        server.send_signal(signal.SIGQUIT)
        assert server.wait_end() == 0
        client.expect_close()


def test_idle_connection_is_kept_for_keepalive_min_timeout_when_its_worker_leaves(weir):
    server = weir(server="location / { keepalive_min_timeout 2s; } location /at-once/ { alias {prefix}/html/; }", files={"html/a": "a"})
    server.wait_workers()
    with server.connect() as kept, server.connect() as used, server.connect() as other:
        assert other.ask(request("/at-once/a")).body == b"a"
        assert used.ask(request("/a")).body == b"a"
        assert kept.ask(request("/a")).body == b"a"
        begin = now()
        server.send_signal(signal.SIGQUIT)
        other.expect_close()                                    # the worker has been told
        assert now() - begin < 1.5
        assert used.ask(request("/a")).body == b"a"             # and still answers on one that was promised
        kept.expect_close()
        assert 1.8 <= now() - begin < 3.5
    assert server.wait_end() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_term_and_int_end_at_once(weir, number):
    server = weir(server="", files={"html/big": os.urandom(BIG)})
    with slow_download(server):
        begin = now()
        server.send_signal(number)
        assert server.wait_end() == 0
        assert now() - begin < 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_fast_stop_has_a_deadline_for_a_worker_that_hangs(weir, number):
    server = weir(server="return 200 x;", workers=2, allow=["exited on signal 9"])
    os.kill(server.wait_workers(2)[0], signal.SIGSTOP)
    begin = now()
    server.send_signal(number)
    assert server.wait_end(20) == 0
    assert 2.5 < now() - begin < 8
    server.wait_log(rf"signal {int(number)} \({number.name}\) received from {os.getpid()}, exiting$")


def test_graceful_stop_has_a_deadline_for_a_worker_that_hangs(weir):
    server = weir(main="worker_shutdown_timeout 500ms;", server="return 200 x;", workers=2,
                  allow=["exited on signal 9", "did not end within worker_shutdown_timeout"])
    hanging = server.wait_workers(2)[0]
    os.kill(hanging, signal.SIGSTOP)
    begin = now()
    assert server.run("-s", "quit").returncode == 0
    assert 4 < now() - begin < 12
    server.wait_log(rf"worker process {hanging} \(generation 1\) did not end within worker_shutdown_timeout, killing it$")
    server.wait_end()


def test_worker_shutdown_timeout_ends_the_wait(weir):
    server = weir(main="worker_shutdown_timeout 1s;", server="", files={"html/big": os.urandom(BIG)})
    server.wait_workers()
    with slow_download(server):
        begin = now()
        server.send_signal(signal.SIGQUIT)
        assert server.wait_end() == 0
        assert 0.9 < now() - begin < 2.5


@pytest.mark.parametrize("name", ["stop", "quit"])
def test_s_waits_until_the_process_is_gone(weir, name):
    server = weir(server="")
    done = server.run("-s", name)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not server.pid_path.exists() and refuses(server)
    server.wait_end()


def test_pid_file_holds_the_number_and_goes_at_the_end(weir):
    server = weir(server="")
    assert server.pid_path.read_text() == f"{server.process.pid}\n"
    server.stop()
    assert not server.pid_path.exists()


def test_pid_file_may_move_at_reload(weir):
    server = weir(server="")
    server.write_conf(server.template.replace("weir.pid", "moved.pid"))
    server.send_signal(signal.SIGHUP)
    moved = server.prefix / "logs/moved.pid"
    wait_until(lambda: moved.exists() and moved.read_text() == f"{server.pid}\n", "the new pid file")
    wait_until(lambda: not server.pid_path.exists(), "the old pid file to go")
    server.stop()
    assert not moved.exists()


def test_winch_stops_the_workers_and_keeps_the_master(weir):
    server = weir(server="return 200 x;", globals_="daemon on;")
    server.wait_workers()
    server.send_signal(signal.SIGWINCH)
    wait_until(lambda: not children_of(server.pid), "the workers to leave")
    server.wait_log(rf"signal 28 \(SIGWINCH\) received from {os.getpid()}, stopping worker processes$")
    assert is_alive(server.pid)
    server.send_signal(signal.SIGHUP)
    server.wait_workers()
    assert server.get("/").text == "x"


def test_winch_then_quit_ends(weir):
    server = weir(server="return 200 x;", globals_="daemon on;")
    server.wait_workers()
    server.send_signal(signal.SIGWINCH)
    wait_until(lambda: not children_of(server.pid), "the workers to leave")
    server.send_signal(signal.SIGQUIT)
    server.wait_end()
    assert not server.pid_path.exists()


def test_daemon_goes_to_the_background(weir):
    server = weir(server="return 200 x;", globals_="daemon on;")
    assert server.process.wait(10) == 0
    assert server.pid != server.process.pid and server.get("/").text == "x"
    assert os.getsid(server.pid) not in (os.getsid(0), server.process.pid)
    assert (server.said(), server.stdout_path.read_text()) == ("", "")


def test_daemon_is_the_default(weir):
    server = weir(server="return 200 x;", globals_="")
    assert server.process.wait(10) == 0
    assert server.get("/").text == "x"


def test_daemon_that_cannot_start_says_so_before_it_leaves(weir):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        server = weir(http=f"server {{ listen 127.0.0.1:{port}; }}", start=False, globals_="daemon on;")
        server.write_conf()
        done = server.run()
        assert done.returncode == 1
        lines = [line for line in done.stderr.splitlines() if "bind()" in line]
        assert lines[0].endswith(f"bind() to 127.0.0.1:{port} failed (98: Address already in use)")
        assert "still could not bind()" in done.stderr
        assert not server.pid_path.exists()
        server.error_log.unlink(missing_ok=True)


def test_single_process_serves_and_ends(weir):
    server = weir(main="master_process off;", server="", files={"html/a": "a"})
    assert not children_of(server.pid)
    assert server.get("/a").body == b"a"
    server.stop()
    assert server.process.returncode == 0


@pytest.mark.parametrize("number", [signal.SIGPIPE, signal.SIGCHLD, signal.SIGURG, signal.SIGCONT])
def test_other_signals_do_no_harm(weir, number):
    server = weir(server="return 200 x;")
    for pid in [server.pid, *server.wait_workers()]:
        os.kill(pid, number)
    assert server.get("/").text == "x"


def test_hundred_signals_at_once_leave_it_alive(weir):
    server = weir(server="return 200 x;")
    for _ in range(50):
        server.send_signal(signal.SIGHUP)
        server.send_signal(signal.SIGUSR1)
    server.wait_log("reconfiguring")
    wait_until(lambda: len(server.workers()) == 1, "one worker to be left", 20)
    assert server.get("/").text == "x"


def test_fewer_connections_than_listeners_is_refused(weir):
    http = "".join("server { listen 127.0.0.1:{port%s}; }\n" % n for n in ("", 1, 2, 3, 4))
    server = weir(events="worker_connections 4;", http=http, start=False)
    server.write_conf()
    done = server.run("-g", "daemon off;", timeout=10)
    assert done.returncode == 1 and "worker_connections" in done.stderr
    server.error_log.unlink(missing_ok=True)


def test_new_workers_that_serve_already_finish_when_the_reload_fails(weir):
    """One of them dies at its birth; the master learns of that before it hears that the others are ready."""
    body = b"b" * (1 << 20)
    server = weir(server="", workers=12, files={"html/big": body}, allow=["exited on signal 9", "could not start"])
    server.wait_workers(12)

    def caught():
        failed = server.log_text().count("could not start")
        children = pathlib.Path(f"/proc/{server.pid}/task/{server.pid}/children")
        before = set(children.read_text().split())
        server.send_signal(signal.SIGHUP)
        while len(born := set(children.read_text().split()) - before) < 4:
            assert server.process.poll() is None
        os.kill(max(map(int, born)), signal.SIGKILL)        # the youngest: it is least likely to serve already
        server.send_signal(signal.SIGSTOP)
        clients = [server.connect(rcvbuf=4096) for _ in range(40)]
        for client in clients:
            client.send(request("/big", "Connection: close"))
        for client in clients:
            client.sock.recv(1, socket.MSG_PEEK)
        server.send_signal(signal.SIGCONT)
        for client in clients:
            assert client.read().body == body
            client.close()
        server.wait_workers(12)
        return server.log_text().count("could not start") > failed
    wait_until(caught, "a reload that fails", 60)
