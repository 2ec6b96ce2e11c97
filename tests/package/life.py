# SPDX-License-Identifier: BSD-2-Clause
"""The life of a package: life.py ROOT FIRST SECOND [PID], in a network of its own. ROOT is a Debian with all that the package
needs, FIRST and SECOND are two versions of it, as paths within ROOT. PID is a systemd that runs there; without it there is none."""

import http.client
import os
import pathlib
import re
import subprocess
import sys
import threading
import time

ROOT, FIRST, SECOND = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3]
BOOTED = sys.argv[4] if len(sys.argv) > 4 else None
ENTER = ["nsenter", "-t", BOOTED, "-a", "-r", "-w"] if BOOTED else ["chroot", str(ROOT)]
PID_FILE = ROOT / "run/weir/weir.pid"
SITE = ROOT / "etc/weir/sites-enabled/default.conf"

# What the package manager and the machine write of their own.
NOT_OURS = re.compile(r"/(proc|sys|dev|tmp)/|/var/(lib/(dpkg|apt|systemd/deb-systemd-\S+)|cache|log/(apt|dpkg\.log|alternatives\.log))\b"
                      r"|/etc/(\.pwd\.lock|(passwd|group|shadow|gshadow)-?$)")


ENVIRONMENT = ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C"]


def inside(*command, check=True):
    done = subprocess.run([*ENTER, "env", "-i", *ENVIRONMENT, *command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True)
    if check and done.returncode != 0:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout}")
    return done.stdout


def apt(*words):
    return inside("apt-get", "-q", "-y", "-o", "Dpkg::Use-Pty=0", *words)


def files():
    if BOOTED:
        return {path for path in inside("find", "/", "/run", "-xdev").splitlines() if not NOT_OURS.search(path)
                and not path.startswith(("/run/systemd/", "/var/lib/systemd/", "/var/log/journal/", "/sys/"))}
    found = set()
    for folder, folders, names in os.walk(ROOT):
        for name in folders + names:
            path = "/" + os.path.relpath(os.path.join(folder, name), ROOT)
            if not NOT_OURS.search(path + ("/" if name in folders else "")):
                found.add(path)
    return found


def say(text):
    print(text, flush=True)


def wait_until(condition, what):
    end = time.monotonic() + 60
    while not condition():
        if time.monotonic() > end:
            sys.exit(f"waited too long for {what}")
        time.sleep(0.02)


def master():
    try:
        return int(PID_FILE.read_text())
    except (FileNotFoundError, ValueError):
        return 0


def is_alive(pid):
    try:
        return pid != 0 and pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def get(client):
    client.request("GET", "/")
    answer = client.getresponse()
    body = answer.read()
    if answer.status != 200 or b"weir" not in body or answer.getheader("Connection") == "close":
        raise ConnectionError(f"{answer.status}, {len(body)} bytes, {answer.getheaders()}")


class Connection(http.client.HTTPConnection):
    """One that is never made anew."""
    auto_open = 0

    def __init__(self):
        super().__init__("127.0.0.1", 80, timeout=30)
        self.connect()


class Load:
    """Clients who ask without a pause, and others who only hold their connections."""

    def __init__(self):
        self.over, self.counts, self.lost, self.fresh = threading.Event(), [], [], 0
        self.idle = [Connection() for _ in range(100)]
        for client in self.idle:
            get(client)
        self.threads = [threading.Thread(target=self.ask_on, daemon=True) for _ in range(8)] + [threading.Thread(target=self.come_anew, daemon=True)]
        for thread in self.threads:
            thread.start()

    def ask_on(self):
        count = 0
        try:
            client = Connection()
            while not self.over.is_set():
                get(client)
                count += 1
                time.sleep(0.001)
        except Exception as error:                              # pylint: disable=broad-except
            self.lost.append(f"after {count} requests: {error!r}")
        self.counts.append(count)

    def come_anew(self):
        try:
            while not self.over.is_set():
                get(Connection())
                self.fresh += 1
                time.sleep(0.005)
        except Exception as error:                              # pylint: disable=broad-except
            self.lost.append(f"new connection {self.fresh}: {error!r}")

    def end(self):
        for client in self.idle:
            try:
                get(client)
            except Exception as error:                          # pylint: disable=broad-except
                self.lost.append(f"an idle one: {error!r}")
        self.over.set()
        for thread in self.threads:
            thread.join()
        say(f"  {len(self.counts)} busy connections with {sum(self.counts)} requests, {len(self.idle)} idle ones, "
            f"{self.fresh} new ones: {len(self.lost)} lost")
        if self.lost:
            sys.exit("\n".join(self.lost))


def start():
    inside("weir")
    get(Connection())


def edit_site():
    SITE.write_text("keepalive_requests 1000000;\n" + SITE.read_text() + "# mine\n")


def install(package):
    apt("install", package)
    version = re.search(r"weir/(\S+)", inside("weir", "-v"))[1]
    say(f"installed {version}")
    return version


def service(*properties):
    shown = inside("systemctl", "show", "-p", ",".join(properties), "weir.service")
    return dict(line.split("=", 1) for line in shown.splitlines())


def with_systemd():
    before = files()
    install(FIRST)
    edit_site()
    inside("systemctl", "reload", "weir")
    state = service("ActiveState", "MainPID", "NRestarts", "User")
    assert state["ActiveState"] == "active" and state["User"] == "weir", state
    get(Connection())
    say(f"systemd runs it as process {state['MainPID']}, user {state['User']}")
    load = Load()
    install(SECOND)
    after = service("ActiveState", "MainPID", "NRestarts", "User")
    assert after["MainPID"] != state["MainPID"], "another program"
    assert {**after, "MainPID": ""} == {**state, "MainPID": ""}, after
    inside("systemctl", "reload", "weir")
    load.end()
    say(f"upgraded: process {after['MainPID']}, the unit was active all the time")
    inside("systemctl", "restart", "weir")
    get(Connection())
    log = inside("cat", "/var/log/weir/error.log")
    assert not re.search(r"\[(alert|emerg|crit)\]|not permitted", log), log
    inside("systemctl", "stop", "weir")
    inside("systemctl", "start", "weir.socket")
    assert service("ActiveState")["ActiveState"] == "inactive"
    get(Connection())
    assert service("ActiveState")["ActiveState"] == "active"
    say("started by its first client, through weir.socket")
    apt("purge", "weir")
    after = files()
    if after != before:
        sys.exit(f"left behind: {sorted(after - before)}, missing: {sorted(before - after)}")
    say("purged: nothing left")


def main():
    subprocess.run(["mount", "-t", "proc", "proc", str(ROOT / "proc")], check=True)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    before = files()

    version = install(FIRST)
    assert inside("id", "-nu", "weir") == "weir\n"
    assert inside("weir", "-t", "-q") == "", "the conf file as shipped is good"
    edit_site()
    start()
    first = master()
    workers = inside("sh", "-c", "cat /proc/[0-9]*/task/*/children > /dev/null; stat -c %U /proc/$(cat /proc/$(cat /run/weir/weir.pid)/task/*/children | cut -d' ' -f1)").split()
    assert workers == ["weir"], workers
    say(f"started as process {first}, its workers are {workers[0]}'s")

    load = Load()
    other = install(SECOND)
    assert other != version
    second = master()
    assert second != first and is_alive(second)
    wait_until(lambda: not is_alive(first), "the first program to be gone")
    load.end()
    assert f"weir {other}" in inside("weir", "-s", "status"), "the second version answers"
    assert SITE.read_text().endswith("# mine\n"), "what the operator wrote stays"
    say(f"upgraded: process {second}, version {other}")

    good = SITE.read_text()
    SITE.write_text(good + "nonsense;\n")
    told = apt("install", "--allow-downgrades", FIRST)
    assert "nonsense" in told and "the program before goes on" in told, told
    assert master() == second
    get(Connection())
    SITE.write_text(good)
    say("with a broken conf file the program before goes on")
    load = Load()
    inside("weir", "-s", "upgrade")
    wait_until(lambda: not is_alive(second), "the second program to be gone")
    load.end()

    last = master()
    apt("remove", "weir")
    assert not is_alive(last), "removed is stopped"
    left = files() - before
    assert "/etc/weir/weir.conf" in left and "/var/log/weir/access.log" in left and "/usr/sbin/weir" not in left
    say(f"removed: stopped, {len(left)} files of the operator's left")
    apt("purge", "weir")
    after = files()
    if after != before:
        sys.exit(f"left behind: {sorted(after - before)}, missing: {sorted(before - after)}")
    say("purged: nothing left")

    install(SECOND)
    start()
    last = master()
    apt("purge", "weir")
    assert not is_alive(last) and files() == before
    say("and once more: installed, started, purged, nothing left")


with_systemd() if BOOTED else main()
