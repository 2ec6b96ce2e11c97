# SPDX-License-Identifier: BSD-2-Clause
"""Logs that weir rotates itself: by time, by size, over restarts, reloads and upgrades; former files, failures, and what cannot be rotated."""

import contextlib
import gzip
import os
import re
import select
import signal
import subprocess
import threading
import time

import pytest

from harness import check_conf, request, wait_until
from harness.server import is_alive

FORMER = re.compile(r"access\.log-[0-9-]+(?:\.[0-9]+)?$")
A_DAY = 86400
SERVER = "keepalive_requests 1000000;"


def log(options, name="logs/access.log", form="u"):
    return f"access_log {name} {form} {options};" + SERVER


FORMAT = "log_format u '$request_uri';"


def former(server, pattern=FORMER):
    return sorted(p.name for p in (server.prefix / "logs").iterdir() if pattern.fullmatch(p.name))


def lines_of(server, names):
    return [line for name in names for line in (server.prefix / "logs" / name).read_text().splitlines()]


def age(path, seconds):
    then = time.time() - seconds
    os.utime(path, (then, then))


@contextlib.contextmanager
def hour_that_ends_in(seconds):
    """A time zone in which the next hour, from 23 to 24, is over in so many seconds; gives the moment."""
    end = int(time.time()) + seconds
    west = end % A_DAY
    sign, away = ("", west) if west <= A_DAY // 2 else ("-", A_DAY - west)
    before = os.environ.get("TZ")
    os.environ["TZ"] = f"XXX{sign}{away // 3600:02d}:{away // 60 % 60:02d}:{away % 60:02d}"
    try:
        yield end
    finally:
        if before is None:
            del os.environ["TZ"]
        else:
            os.environ["TZ"] = before


def start_before_the_hour(server):
    """A slow machine gets more time."""
    for seconds in (3, 8, 20):
        with hour_that_ends_in(seconds) as end:
            server.start()
        if time.time() < end - 1:
            break
        server.stop()
    return server


class Clients:
    """Asks without pause; knows each request that was answered."""

    def __init__(self, server, count=2):
        self.server, self.asked, self.going = server, [], True
        self.threads = [threading.Thread(target=self.run, args=(i,)) for i in range(count)]
        for thread in self.threads:
            thread.start()

    def run(self, number):
        at = 0
        while self.going:
            with self.server.connect() as client:
                for _ in range(50):
                    if not self.going:
                        break
                    target = f"/a?{number}-{at}"
                    at += 1
                    assert client.ask(request(target)).status == 200
                    self.asked.append(target)
                    time.sleep(0.0005)

    def end(self):
        self.going = False
        for thread in self.threads:
            thread.join()
        return sorted(self.asked)


# ---- by time

@pytest.mark.parametrize("when, days, label", [
    ("hourly", 1, "%Y%m%d%H"), ("daily", 1, "%Y%m%d"), ("weekly", 8, None), ("monthly", 32, "%Y%m")])
@pytest.mark.parametrize("main", ["", "master_process off;"])
def test_what_was_missed_is_made_up_for_at_the_start(weir, when, days, label, main):
    server = weir(start=False, main=main, http=FORMAT, server=log(f"rotate={when}"), files={"html/a": "a", "logs/access.log": "/old\n"})
    age(server.access_log, days * A_DAY)
    os.chmod(server.access_log, 0o640)
    then = time.localtime(time.time() - days * A_DAY)
    server.start()
    assert server.get("/a").status == 200
    assert server.wait_access() == ["/a"]
    name = "access.log-" + (time.strftime(label, then) if label else time.strftime("%Y%m%d", time.localtime(time.mktime(then) - then.tm_wday * A_DAY)))
    assert former(server) == [name]
    assert lines_of(server, [name]) == ["/old"]
    assert server.access_log.stat().st_mode & 0o777 == 0o640
    server.wait_log(rf'"{server.access_log}" rotated, its lines so far are in "{name}"')


def test_nothing_is_rotated_before_its_time_or_without_lines(weir):
    server = weir(start=False, main="", http=FORMAT, server=log("rotate=daily") + "error_log logs/other.log rotate=daily;",
                  files={"html/a": "a", "logs/access.log": "/now\n", "logs/other.log": ""})
    age(server.prefix / "logs/other.log", 3 * A_DAY)
    server.start()
    server.get("/a")
    server.wait_access(2)
    assert former(server) == [] and former(server, re.compile(r"other\.log-.*")) == []


@pytest.mark.parametrize("workers, main, options", [(2, "", ""), (2, "", "gzip flush=100ms"), (1, "master_process off;", "buffer=4k flush=100ms")])
def test_no_line_is_lost_or_torn_at_the_hour(weir, workers, main, options):
    server = weir(start=False, main=main, http=FORMAT, server=log("rotate=hourly " + options), files={"html/a": "a"}, workers=workers)
    start_before_the_hour(server)
    clients = Clients(server)
    wait_until(lambda: former(server), "the hour to be over", 30)
    count = len(clients.asked)
    wait_until(lambda: len(clients.asked) > count + 20, "more requests")
    asked = clients.end()
    server.stop()
    assert [name[-2:] for name in former(server)] == ["23"]
    read = (lambda p: gzip.decompress(p.read_bytes()).decode()) if "gzip" in options else (lambda p: p.read_text())
    old, new = (read(server.prefix / "logs" / name).splitlines() for name in (*former(server), "access.log"))
    assert sorted(old + new) == asked
    assert old and new


def test_lines_of_json_and_errors_are_rotated_alike(weir):
    server = weir(start=False, main="error_log {prefix}/logs/more.log info json rotate=hourly;", http="access_log logs/json.log json rotate=hourly;",
                  server="", files={"html/a": "a"})
    start_before_the_hour(server)
    assert server.get("/a").status == 200
    for name in ("json.log", "more.log"):
        wait_until(lambda: former(server, re.compile(re.escape(name) + r"-\d{8}23")), f"{name} to be rotated", 30)
        for path in (server.prefix / "logs").glob(name + "*"):
            assert all(line.startswith("{") and line.endswith("}") for line in path.read_text().splitlines())


# ---- by size

@pytest.mark.parametrize("workers, main", [(2, ""), (1, "master_process off;")])
def test_a_log_that_has_grown_is_rotated(weir, workers, main):
    server = weir(main=main, http=FORMAT, server=log("rotate=4k"), files={"html/a": "a"}, workers=workers)
    clients = Clients(server)
    wait_until(lambda: len(former(server)) >= 2, "two rotations")
    asked = clients.end()
    server.stop()
    assert all(re.fullmatch(r"access\.log-\d{8}-\d{6}(\.\d)?", name) for name in former(server))
    assert all((server.prefix / "logs" / name).stat().st_size >= 4096 for name in former(server))
    assert sorted(lines_of(server, [*former(server), "access.log"])) == asked


def test_time_and_size_together_number_what_is_of_one_day(weir):
    server = weir(start=False, http=FORMAT, server=log("rotate=daily,4k"), files={"html/a": "a", "logs/access.log": "x" * 5000 + "\n"})
    today = time.strftime("access.log-%Y%m%d")
    server.write("logs/" + today + ".3.gz")
    server.start()
    wait_until(lambda: (server.prefix / "logs" / (today + ".4")).exists(), "the log to be rotated")


# ---- former files

def names(server):
    return sorted(p.name for p in (server.prefix / "logs").iterdir() if p.name.startswith("access.log"))


def test_keep_removes_the_oldest_and_nothing_else(weir):
    others = ["access.log.1", "access.log-2026", "access.log-20269999", "access.log-20250101.txt", "access.logs-20250101", "access.log-20250101.gz.tmp"]
    old = ["access.log-20250101", "access.log-20250102.gz", "access.log-20250102", "access.log-2025010301", "access.log-20250103-120000",
           "access.log-20250103-120000.9.gz", "access.log-20250103-120000.10"]
    server = weir(start=False, http=FORMAT, server=log("rotate=daily keep=3"), files={"html/a": "a", "logs/access.log": "/old\n"})
    for name in others + old:
        server.write("logs/" + name)
    (server.prefix / "logs/access.log-20250104").mkdir()
    os.symlink("/etc/passwd", server.prefix / "logs/access.log-20250105")
    age(server.access_log, A_DAY)
    server.start()
    made = "access.log-" + time.strftime("%Y%m%d", time.localtime(time.time() - A_DAY))
    left = sorted([*others, "access.log", "access.log-20250104", "access.log-20250105", made, *old[-2:]])
    wait_until(lambda: names(server) == left, "what is too old to be removed")
    server.wait_log(re.escape('"access.log-20250101" of "') + ".*" + re.escape('removed (keep=3)'))


def test_keep_holds_for_a_reload_too(weir):
    server = weir(start=False, http=FORMAT, server=log("rotate=monthly keep=5"), files={"html/a": "a"})
    for month in range(1, 6):
        server.write(f"logs/access.log-20250{month}")
    server.start()
    assert len(former(server)) == 5
    server.write_conf(server.template.replace("keep=5", "keep=2"))
    assert server.run("-s", "reload").returncode == 0
    assert former(server) == ["access.log-202504", "access.log-202505"]


def test_what_was_made_last_stays_though_the_clock_was_set(weir):
    server = weir(start=False, http=FORMAT, server=log("rotate=daily keep=1"), files={"html/a": "a", "logs/access.log": "/old\n"})
    server.write("logs/access.log-20991231")
    age(server.access_log, A_DAY)
    server.start()
    left = ["access.log-" + time.strftime("%Y%m%d", time.localtime(time.time() - A_DAY))]
    wait_until(lambda: former(server) == left, "the other one to be removed")


# ---- with others

def test_what_somebody_else_has_rotated_is_opened_anew(weir):
    server = weir(start=False, http=FORMAT, server=log("rotate=4k"), files={"html/a": "a"})
    server.start()
    server.get("/a")
    os.rename(server.access_log, server.prefix / "logs/mine")
    with server.connect() as client:
        for _ in range(10):
            client.send(request("/a?" + "x" * 60) * 10)
            for _ in range(10):
                client.read()
        wait_until(lambda: server.access_log.exists(), "the log to be opened anew")
        client.ask(request("/new"))
    server.wait_access(1)
    assert former(server) == []
    assert len(lines_of(server, ["mine"])) + len(server.access_lines()) == 102
    server.send_signal(signal.SIGUSR1)
    server.wait_log("reopening logs")


def test_reload_changes_what_is_rotated(weir):
    server = weir(http=FORMAT, server=log(""), files={"html/a": "a"}, workers=2)
    server.get("/a")
    server.wait_access()
    age(server.access_log, 2 * A_DAY)
    assert former(server) == []
    server.write_conf(server.template.replace("access.log u ;", "access.log u rotate=daily;"))
    assert server.run("-s", "reload").returncode == 0
    wait_until(lambda: former(server), "the log to be rotated")
    server.get("/new")
    wait_until(lambda: server.access_lines() == ["/new"], "the workers to write to the new file")


def test_only_one_of_two_masters_rotates(weir):
    server = weir(http=FORMAT, server=log("rotate=4k"), files={"html/a": "a"}, workers=2, globals_="")
    old = server.pid
    os.kill(old, signal.SIGUSR2)
    wait_until(lambda: server.written_pid().strip() not in ("", str(old)), "the new program's pid file")
    server.pid = int(server.written_pid())
    wait_until(lambda: len(server.workers()) == 2, "its workers")
    clients = Clients(server)
    wait_until(lambda: len(former(server)) >= 2, "two rotations")
    os.kill(old, signal.SIGQUIT)
    wait_until(lambda: not is_alive(old), "the old master to leave")
    count = len(former(server))
    wait_until(lambda: len(former(server)) > count, "the new master to rotate")
    asked = clients.end()
    server.stop()
    wait_until(lambda: sorted(lines_of(server, [*former(server), "access.log"])) == asked, "all lines")
    text = server.log_text()
    by = set(re.findall(r'\[notice\] (\d+)#\d+: "[^"]*access\.log" rotated', text))
    assert by == {str(old), str(server.pid)}
    made = re.findall(r'access\.log" rotated, its lines so far are in "([^"]*)"', text)
    assert sorted(made) == former(server)


def test_counters_tell_of_rotations(weir):
    server = weir(start=False, http=FORMAT, server=log("rotate=daily") + "location = /metrics { metrics; }",
                  files={"html/a": "a", "logs/access.log": "/old\n"})
    age(server.access_log, A_DAY)
    server.start()
    text = server.get("/metrics").body.decode()
    assert re.search(r"^weir_log_rotations(_total)? 1$", text, re.M)
    assert re.search(r"^weir_log_rotations_failed(_total)? 0$", text, re.M)


# ---- failures

def test_file_system_that_is_read_only_is_told_once(weir):
    server = weir(http=FORMAT, server=log("rotate=4k", "own/a.log"), files={"html/a": "a", "own/x": ""})
    own = server.prefix / "own"
    if os.geteuid() != 0 or subprocess.run(["mount", "--bind", own, own], capture_output=True).returncode != 0:
        pytest.skip("nothing can be mounted here")
    try:        # what is open goes on to be written
        subprocess.run(["mount", "-o", "remount,bind,ro", own], check=True)
        with server.connect() as client:
            for _ in range(100):
                client.ask(request("/a?" + "x" * 60))
        server.wait_log(r'own/a\.log" cannot be rotated, rename\(\) failed.*its file system is mounted read-only \(30: Read-only')
        assert server.log_text().count("cannot be rotated") == 1
        assert len((own / "a.log").read_text().splitlines()) == 100
    finally:
        subprocess.run(["umount", "-l", own], check=True)


def test_folder_that_may_not_be_changed_is_told_once(weir):
    if os.geteuid() != 0:
        pytest.skip("only root can start it as another user")
    server = weir(start=False, http=FORMAT, server=log("rotate=4k", "own/a.log"), files={"html/a": "a", "own/a.log": "x" * 5000 + "\n"}, user=65534)
    os.chown(server.prefix / "own/a.log", 65534, 65534)
    server.start()
    server.wait_log(r'\[error\] .*"[^"]*/own/a\.log" cannot be rotated, rename\(\) failed; it is written to as before.*'
                    r'the user of the master process must be allowed to write to its folder \(13: Permission denied\)')
    assert server.get("/a").status == 200
    wait_until(lambda: (server.prefix / "own/a.log").read_text().endswith("/a\n"), "the line")
    time.sleep(2.2)         # two more looks: nothing is said again, nothing is tried
    assert server.log_text().count("cannot be rotated") == 1


def test_folder_that_is_gone_is_told_and_made_again(weir):
    server = weir(http=FORMAT, server=log("rotate=4k", "own/a.log"), files={"html/a": "a", "own/x": ""})
    (server.prefix / "own/a.log").unlink()
    (server.prefix / "own/x").unlink()
    (server.prefix / "own").rmdir()
    with server.connect() as client:
        for _ in range(100):
            client.send(request("/a?" + "x" * 60))
            assert client.read().status == 200
        server.wait_log(r'own/a\.log" cannot be rotated, finding it failed.*make its folder again, then "weir -s reopen" \(2: No such file')
        (server.prefix / "own").mkdir()
        assert server.run("-s", "reopen").returncode == 0
        wait_until(lambda: (server.prefix / "own/a.log").exists(), "the log to be made")
        wait_until(lambda: client.ask(request("/new")) and (server.prefix / "own/a.log").read_text(), "a line in it")


# ---- what cannot be

@pytest.mark.parametrize("line, told", [
    ("access_log logs/a.log combined rotate=;", 'invalid parameter "rotate="'),
    ("access_log logs/a.log combined rotate=yearly;", 'invalid parameter "rotate=yearly"'),
    ("access_log logs/a.log combined rotate=100;", 'invalid parameter "rotate=100"'),
    ("access_log logs/a.log combined rotate=daily,weekly;", 'invalid parameter "rotate=daily,weekly"'),
    ("access_log logs/a.log combined rotate=1m,2m;", 'invalid parameter "rotate=1m,2m"'),
    ("access_log logs/a.log combined rotate=daily,;", 'invalid parameter "rotate=daily,"'),
    ("access_log logs/a.log combined rotate=daily rotate=1m;", 'duplicate parameter "rotate=1m"'),
    ("access_log logs/a.log combined rotate=daily keep=0;", 'invalid parameter "keep=0"'),
    ("access_log logs/a.log combined rotate=daily keep=x;", 'invalid parameter "keep=x"'),
    ("access_log logs/a.log combined keep=3;", '"keep" without "rotate"'),
    ("access_log logs/$host.log combined rotate=daily;", "logs with variables in their name are not rotated by weir"),
    ("access_log syslog:server=127.0.0.1 combined rotate=daily;", "is no file that can be rotated"),
    ("access_log stderr combined rotate=daily;", '"stderr" is no file that can be rotated'),
    ("error_log memory:32k info rotate=daily;", '"memory:32k" is no file that can be rotated'),
    ("error_log logs/" + "e" * 240 + " rotate=daily;", "the name of the log is too long to be rotated"),
    ("access_log logs/a.log combined rotate=daily; error_log logs/a.log rotate=weekly;", "is already rotated in another way"),
    ("access_log logs/a.log combined rotate=daily keep=2; server { access_log logs/a.log combined rotate=daily keep=3; }",
     "is already rotated in another way"),
])
def test_mistakes_are_told_with_their_place(folder, line, told):
    done, path = check_conf(folder, "events { } http { " + line + " }")
    assert done.returncode == 1
    assert re.search(r"\[emerg\] .*" + re.escape(told) + rf".* in {re.escape(str(path))}:1", done.stderr), done.stderr


@pytest.mark.parametrize("line", [
    "access_log logs/a.log combined rotate=daily; server { access_log logs/a.log; }",
    "access_log logs/a.log rotate=daily keep=7 buffer=4k; server { access_log logs/a.log combined keep=7 rotate=daily; }",
    "error_log logs/a.log rotate=1g,hourly keep=100000 info json;",
])
def test_a_file_is_rotated_wherever_it_is_named(folder, line):
    done, _ = check_conf(folder, "events { } http { " + line + " }")
    assert done.returncode == 0, done.stderr


def test_what_is_no_file_is_told(weir):
    server = weir(start=False, http=FORMAT, server=log("rotate=daily", "logs/pipe"), files={"html/a": "a"})
    os.mkfifo(server.prefix / "logs/pipe")
    server.write_conf()
    assert '/logs/pipe" is no regular file, it is not rotated' in server.run("-t").stderr
    server.start()
    fd = os.open(server.prefix / "logs/pipe", os.O_RDONLY | os.O_NONBLOCK)
    server.get("/a")
    assert select.select([fd], [], [], 10)[0] and os.read(fd, 100) == b"/a\n"
    os.close(fd)
