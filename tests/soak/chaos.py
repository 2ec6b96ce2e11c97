# SPDX-License-Identifier: BSD-2-Clause
"""
The operator who does everything at once: reloads good and broken conf files, rotates logs, ends and kills workers, holds them up, takes
descriptors and memory from them, and goes over to a new program, or back. Each deed that may cost somebody an answer is noted, with its time.
"""

import contextlib
import json
import os
import pathlib
import re
import resource
import signal
import subprocess
import time
from collections import Counter
from dataclasses import dataclass

from harness import now, wait_until
from harness.processes import family_of
from harness.server import is_alive, title_of
from soak_site import MISTAKES

MEMORY_SPARE = 256 << 10        # what a worker may still have, in bytes
STEP = 0.35                     # seconds between two deeds


@dataclass
class Deed:
    """What may cost an answer: connections of a worker that is killed, requests while something is short."""

    kind: str                   # "kill", "descriptors", "memory", "reload"
    pid: int
    begin: float
    end: float


def workers_of(master):
    return [pid for pid in family_of(master) if title_of(pid).startswith("weir: worker process") and is_alive(pid)]


def serving_of(master):
    """Those that were not told to leave."""
    return [pid for pid in workers_of(master) if "shutting down" not in title_of(pid)]


def limits_of(pid, name):
    """Soft and hard, as numbers or "unlimited"."""
    title = {"nofile": "Max open files", "as": "Max address space"}[name]
    text = pathlib.Path(f"/proc/{pid}/limits").read_text()
    return tuple(re.search(rf"^{title} +(\S+) +(\S+)", text, re.M).groups())


def set_limit(pid, name, soft, hard):
    """By a process of the worker's user: not every root may do it to others (CAP_SYS_RESOURCE). False: it could not be done."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    uid, gid = (int(re.search(rf"^{kind}:\s+(\d+)", status, re.M)[1]) for kind in ("Uid", "Gid"))
    who = {"user": uid, "group": gid, "extra_groups": []} if os.geteuid() == 0 else {}
    return subprocess.run(["prlimit", f"--pid={pid}", f"--{name}={soft}:{hard}"], capture_output=True, **who).returncode == 0


class Chaos:
    def __init__(self, server, site, chance, is_sanitized):
        self.server, self.site, self.chance = server, site, chance
        self.is_sanitized = is_sanitized
        self.deeds, self.counts, self.problems = [], Counter(), []
        self.closed_books = Counter()       # of masters that have gone
        self.is_closed_book_whole = True
        self.rotations = 0
        self.is_wild = False
        self.wrk_saw = Counter()            # of a stretch
        self.slowest = (0.0, "")            # deed
        self.limited = {}                   # pid: what is to be given back
        self.masters = [server.pid]
        self.taken_port = site.block_port()

    # ---- small things

    def note(self, kind, pid=0, before=0.0, after=0.0):
        self.deeds.append(Deed(kind, pid, now() - before, now() + after))

    def count(self, what):
        self.counts[what] += 1

    def conf(self, text):
        self.server.replace("weir.conf", self.server.expand(text))

    def ask(self, old=False):
        """What the master tells of itself; of the old one it is asked at the name that it gave way to."""
        args = ["-s", "status", "--format", "json"] + (["-g", f"control {self.server.prefix}/logs/weir.ctl.oldbin;"] if old else [])
        done = self.server.run(*args, timeout=30)
        assert done.returncode == 0, f"weir -s status: {done.stderr}"
        return json.loads(done.stdout)

    def some_worker(self):
        workers = [pid for master in self.masters for pid in workers_of(master)]
        return self.chance.choice(workers) if workers else None

    def send(self, pid, number):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)

    # ---- deeds that cost nobody anything

    def reload_usual(self):
        self.conf(self.site.text())
        return self.reload()

    def reload(self, code=0):
        done = self.server.run("-s", "reload", "--timeout", "40s", timeout=60)
        self.count("reload" if code == 0 else "broken reload")
        if done.returncode != code and not self.is_short():
            self.problems.append(f"weir -s reload ended with {done.returncode}: {done.stderr}")
        return done

    def reload_changed(self):
        self.conf(self.site.any_text(self.chance))
        self.note("reload", after=2)
        self.reload()

    def reload_twice(self):
        """The second while the first is under way."""
        self.conf(self.site.any_text(self.chance))
        self.note("reload", after=4)
        self.send(self.server.pid, signal.SIGHUP)
        self.count("reload")
        self.reload()

    def reload_broken(self):
        name, spoil = self.chance.choice(MISTAKES)
        self.conf(spoil(self.site.text(), self.taken_port))
        self.reload(1)
        self.count(f"mistake: {name}")
        self.conf(self.site.text())

    def rotate(self):
        """As logrotate does it; and each master is told."""
        self.rotations += 1
        log = str(self.server.access_log)
        with contextlib.suppress(FileNotFoundError):
            os.rename(log, f"{log}.{self.rotations}")
        for master in self.masters:
            self.send(master, signal.SIGUSR1)
        self.count("rotation")

    def end_gracefully(self):
        worker = self.some_worker()
        if worker:
            self.send(worker, self.chance.choice([signal.SIGQUIT, signal.SIGWINCH]))
            self.count("worker told to leave")

    def hold_up(self):
        """A worker that does not run for a while; nobody is lost."""
        worker = self.some_worker()
        if worker:
            self.send(worker, signal.SIGSTOP)
            time.sleep(self.chance.uniform(0.05, 0.6))
            self.send(worker, signal.SIGCONT)
            self.count("worker held up")

    def change_users(self):
        self.server.replace("users", f"# {self.chance.random()}\nreader:{{PLAIN}}secret\n")
        self.count("password file replaced")

    def burst(self):
        """wrk, where it is: more requests than Python can ask."""
        if self.wrk is None:
            return
        path = self.chance.choice(["/fixed/small", "/fixed/middle", "/echo"])
        url = f"http://127.0.0.1:{self.server.port()}{path}"
        if self.running_wrk is not None and self.running_wrk.poll() is None:
            return
        self.end_wrk()
        self.running_wrk = subprocess.Popen([self.wrk, "-t1", "-c8", "-d2s", "--timeout", "30s", "-H", "Soak: wrk", url], stdout=subprocess.PIPE,
                                            stderr=subprocess.STDOUT, text=True)
        self.count("burst of wrk")

    wrk = running_wrk = None

    def end_wrk(self):
        """What it says of the last burst."""
        if self.running_wrk is None:
            return
        text, _ = self.running_wrk.communicate(timeout=60)
        self.running_wrk = None
        found = re.search(r"(\d+) requests in", text)
        self.wrk_saw["answers"] += int(found[1]) if found else 0
        found = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text)
        self.wrk_saw["errors"] += sum(map(int, found.groups())) if found else 0
        found = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
        self.wrk_saw["other statuses"] += int(found[1]) if found else 0

    # ---- deeds that may cost answers

    def kill_worker(self):
        worker = self.some_worker()
        if worker:
            number = self.chance.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM])
            self.note("kill", worker, before=0.05, after=1.0)
            self.send(worker, number)
            self.count("worker killed" if number == signal.SIGKILL else "worker ended at once")

    def is_short(self):
        return bool(self.limited)

    def limit(self, kind, name, value):
        worker = self.some_worker()
        if worker is None or worker in self.limited:
            return
        with contextlib.suppress(OSError):          # it has just ended
            old, begin = limits_of(worker, name), now()
            if set_limit(worker, name, value(worker), old[1]):
                self.limited[worker] = (name, old, kind, begin)
                self.count(f"{kind} taken from a worker")
            elif is_alive(worker):
                self.count(f"{kind} could not be taken from a worker")

    def take_descriptors(self):
        """As many as it has now, and a few more."""
        self.limit("descriptors", "nofile", lambda pid: len(os.listdir(f"/proc/{pid}/fd")) + self.chance.choice([0, 3, 20]))

    def take_memory(self):
        """What is mapped now, and a little more: malloc and threads begin to fail."""
        if self.is_sanitized:               # a sanitizer ends the process when its own memory is short
            return self.take_descriptors()

        def mapped(pid):
            with open(f"/proc/{pid}/statm") as f:
                return int(f.read().split()[0]) * resource.getpagesize() + self.chance.choice([0, MEMORY_SPARE])
        self.limit("memory", "as", mapped)

    def give_back(self):
        for pid, (name, old, kind, begin) in list(self.limited.items()):
            with contextlib.suppress(OSError):
                set_limit(pid, name, *old)
            self.deeds.append(Deed(kind, pid, begin, now() + 0.5))
        self.limited.clear()

    def starve_master(self):
        """A reload for which descriptors may not be enough: it is carried out or it is not, and nobody notices."""
        master = self.server.pid
        old = resource.prlimit(master, resource.RLIMIT_NOFILE)
        resource.prlimit(master, resource.RLIMIT_NOFILE, (len(os.listdir(f"/proc/{master}/fd")) + self.chance.choice([0, 1, 5, 15]), old[1]))
        try:
            self.conf(self.site.any_text(self.chance))
            begin = now()
            done = self.server.run("-s", "reload", "--timeout", "40s", timeout=60)
            self.count("reload without descriptors: " + ("carried out" if done.returncode == 0 else "given up"))
        finally:
            resource.prlimit(master, resource.RLIMIT_NOFILE, old)
            # the workers that were started meanwhile have the limit of the conf file, or the master's
            self.deeds.append(Deed("descriptors", master, begin, now() + 1.0))
        self.reload_usual()

    # ---- another program

    def new_program(self):
        """USR2; the new master's number, or None when it did not come to serve."""
        old = self.server.pid
        self.conf(self.site.text())
        self.send(old, signal.SIGUSR2)
        oldbin = self.server.prefix / "logs" / "weir.pid.oldbin"

        def its_number():
            text = self.server.written_pid().strip()
            return int(text) if oldbin.exists() and text and int(text) != old else None
        new = wait_until(its_number, "the new program", 30)
        self.masters.append(new)
        wait_until(lambda: len(serving_of(new)) >= 1 and re.search(rf" {new}#{new}: (generation \d+ serves|start worker processes)", self.server.log_text()),
                   "the new program to serve", 30)
        self.server.pid = new
        return new

    def rest_master(self, master):
        """WINCH: its workers hand over and end."""
        self.send(master, signal.SIGWINCH)
        wait_until(lambda: not workers_of(master), f"the workers of master {master} to leave", 30)

    def close_book(self, old):
        """The numbers of a master that is about to go."""
        try:
            self.closed_books.update(numbers_of(self.ask(old)["sum"]))
        except AssertionError:
            self.is_closed_book_whole = False
            raise

    def gone(self, master):
        """Waits for its end; it may be a child of ours by now."""
        def ended():
            with contextlib.suppress(ChildProcessError):
                if master != self.server.process.pid:
                    os.waitpid(master, os.WNOHANG)
                else:
                    self.server.process.poll()
            return not is_alive(master)
        wait_until(ended, f"master {master} to end", 30)
        self.masters.remove(master)

    def upgrade(self):
        """To the end; or, now and then, back in the midst of it."""
        old, begin = self.server.pid, now()
        try:
            self.upgrade_and_go_on(old)
        finally:                                    # ports of the old program alone have nobody who accepts there
            self.deeds.append(Deed("reload", old, begin, now() + 2))

    def upgrade_and_go_on(self, old):
        new = self.new_program()
        self.meanwhile()
        if self.chance.random() < 0.6:
            self.rest_master(old)
            self.meanwhile()
            self.close_book(old=True)
            self.send(old, signal.SIGQUIT)
            self.gone(old)
            self.count("upgrade")
            return
        if self.chance.random() < 0.5:
            self.rest_master(old)
            self.meanwhile()
            self.send(old, signal.SIGHUP)           # the workers come back
            wait_until(lambda: serving_of(old), "the old workers to come back", 30)
        self.rest_master(new)
        self.close_book(old=False)
        self.send(new, signal.SIGQUIT)
        self.gone(new)
        self.server.pid = old
        wait_until(lambda: self.server.written_pid().strip() == str(old) and (self.server.prefix / "logs" / "weir.ctl").exists(),
                   "the names to be the old master's again", 30)
        self.count("upgrade abandoned")

    def upgrade_killed(self):
        """The new program is killed: the old one goes on."""
        old = self.server.pid
        new = self.new_program()
        self.meanwhile()
        self.is_closed_book_whole = False
        self.note("kill", new, before=0.05, after=3.0)
        self.send(new, signal.SIGKILL)
        self.server.pid = old
        self.gone(new)
        wait_until(lambda: self.server.written_pid().strip() == str(old) and (self.server.prefix / "logs" / "weir.ctl").exists(),
                   "the names to be the old master's again", 30)
        self.count("new program killed")

    def meanwhile(self):
        """Something else, while two programs serve."""
        deeds = [self.rotate, self.hold_up, self.burst, self.change_users] + ([self.kill_worker, self.take_descriptors] if self.is_wild else [])
        self.chance.choice(deeds)()

    # ---- a stretch

    GENTLE = [("reload_usual", 3), ("reload_changed", 6), ("reload_twice", 1), ("reload_broken", 2), ("rotate", 3), ("end_gracefully", 3), ("hold_up", 2),
              ("change_users", 1), ("burst", 2), ("upgrade", 1)]
    WILD = GENTLE + [("kill_worker", 5), ("take_descriptors", 3), ("take_memory", 3), ("give_back", 3), ("starve_master", 1),
                     ("upgrade_killed", 0.5)]

    def work(self, is_wild, until, slow=5):
        """Deed after deed; those that take seconds are begun only while there is time."""
        self.is_wild = is_wild
        deeds = self.WILD if is_wild else self.GENTLE
        names, weights = zip(*deeds)
        while now() < until:
            begin = now()
            name = self.chance.choices(names, weights)[0]
            if name.startswith("upgrade") and until - now() < slow:
                continue
            try:
                getattr(self, name)()
            except AssertionError as problem:
                self.problems.append(f"{name}: {problem}")
                return
            self.slowest = max(self.slowest, (now() - begin, name))
            time.sleep(max(0.0, min(STEP - (now() - begin), until - now())))


def numbers_of(sums):
    return Counter({name: count for name, count in sums.items() if isinstance(count, int)})
