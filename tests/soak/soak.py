# SPDX-License-Identifier: BSD-2-Clause
"""
soak: the real server under all that can happen to it, at once and at random, and the accounts afterwards.

    soak.py SECONDS [SEED]          WEIR_BINARY names the binary; the same seed makes the same choices

The time is cut into stretches. In gentle ones nobody is killed and nothing is taken away: all must add up to the connection, the answer and
the line. In wild ones bounds hold instead. In the last, steady one the operator rests, and workers must not grow. Behind each stretch the
clients leave, and everything must be as at the start.
"""

import ctypes
import os
import pathlib
import random
import re
import resource
import shutil
import sys
import time

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "e2e")]

from harness import Weir, now, wait_until                       # noqa: E402
from harness.processes import descriptors_of, is_sanitized      # noqa: E402
from harness.server import processes_within, remove_folder, sanitizer_reports  # noqa: E402
from books import Books, memory_of                              # noqa: E402
from chaos import Chaos, serving_of, workers_of                 # noqa: E402
from clients import Processes                                   # noqa: E402
from soak_site import NOFILE, WORKERS, Site                     # noqa: E402

SETTLE = 5                      # seconds that a stretch leaves for its end
SLACK = {False: 1536, True: 24 << 10}       # KiB of anonymous memory, plain and with a sanitizer
WARM = 15                       # seconds of load after which a worker has all the buffers, slots and files in memory that it will have
COLD = 6 << 10                  # KiB that one may still get that has had less
SUBREAPER = 36


class Soak:
    def __init__(self, seconds, seed):
        self.seconds, self.seed = seconds, seed
        self.begin = now()
        self.server = Weir("", allow=[])
        self.site = Site(self.server)
        self.server.template = self.site.text()
        self.server.start()
        self.is_sanitized = is_sanitized(self.server)
        self.chaos = Chaos(self.server, self.site, random.Random(f"{seed} chaos"), self.is_sanitized)
        self.chaos.wrk = shutil.which("wrk")
        self.books = Books(self.server, self.chaos)
        place = {name: self.server.port(name) for name in ("port", "port1", "port2", "port3")}
        place.update(html=str(self.server.html), unix=f"{self.server.prefix}/logs/sock")
        self.clients = Processes(seed, place)
        self.memory = {}

    # ---- stretches

    def plan(self):
        """(kind, seconds) of each; the last ends when the time is over."""
        steady = min(60, max(10, self.seconds * 0.2))
        count = max(2, round((self.seconds - steady) / 50 / 2) * 2)
        return [("wild" if i % 2 else "gentle", (self.seconds - steady) / count) for i in range(count)] + [("steady", steady)]

    def settle(self):
        """Everything usual again, all clients gone, no worker of an old configuration left."""
        chaos = self.chaos
        chaos.give_back()
        chaos.end_wrk()
        for _ in range(2):
            chaos.reload_usual()
        self.wait_calm()

    def wait_calm(self):
        def calm():
            master = self.server.pid
            if len(workers_of(master)) != WORKERS or len(serving_of(master)) != WORKERS:
                return False
            return self.chaos.ask()["sum"]["curr_connections"] == 0
        wait_until(calm, "the last connection and the last old worker to end", 30)

    def measure(self):
        return {"master": memory_of(self.server.pid)["Anonymous"],
                "workers": max(memory_of(pid)["Anonymous"] for pid in self.server.workers())}

    def stretch(self, number, kind, until):
        self.books.open()
        self.clients.begin(number, until)
        if kind == "steady":
            self.rest(until)
        else:
            self.chaos.work(kind == "wild", until)
        well, rude = self.clients.end()
        return well, rude

    def rest(self, until):
        """No deeds but bursts."""
        while now() < until:
            time.sleep(min(1.0, max(0, until - now())))
            if until - now() > 3:
                self.chaos.burst()

    def warm_up(self):
        self.clients.begin(0, now() + min(5, self.seconds / 15))
        self.chaos.conf(self.site.widest_text())
        self.chaos.reload()
        self.clients.end()
        self.settle()
        self.baseline = {"master": descriptors_of(self.server.pid), "worker": descriptors_of(self.server.workers()[0])}
        self.memory["start"] = self.measure()
        self.books.new_log()

    def run(self):
        self.server.wait_workers(WORKERS)
        self.warm_up()
        plan = self.plan()
        left = self.seconds - (now() - self.begin)
        scale = left / self.seconds
        end = now()
        for number, (kind, seconds) in enumerate(plan, 1):
            end += seconds * scale
            if kind == "steady":
                self.steady(number, end)
            else:
                well, rude = self.stretch(number, kind, max(now() + 3, end - SETTLE))
                self.settle()
                self.books.close(well, rude, kind == "wild")
                self.books.calm(self.baseline)
            print(f"{now() - self.begin:6.0f} s  {kind}: {well.counts['answers'] if kind != 'steady' else self.answers} answers, "
                  f"slowest {(well if kind != 'steady' else self.last).slowest:.1f} s, "
                  f"{len(self.books.unexplained)} unexplained, {len(self.books.problems) + len(self.chaos.problems)} problems", flush=True)
        self.memory["end"] = self.measure()

    def steady(self, number, end):
        """The same workers, twice the same load."""
        self.answers = 0
        half = self.half = max(3.0, (end - now() - SETTLE) / 2)
        for name in ("half", "whole"):
            well, rude = self.stretch(number, "steady", now() + half)
            number += 1
            self.chaos.end_wrk()
            self.wait_calm()
            self.memory[name] = self.measure()
            if name == "whole":
                self.settle()
            else:
                self.flush_logs()
            self.books.close(well, rude, False)
            self.books.calm(self.baseline if name == "whole" else None)
            self.answers += well.counts["answers"]
            self.last = well

    def flush_logs(self):
        """What the workers have in their buffers is written by flush=."""
        time.sleep(0.7)

    # ---- the end

    def memory_is_flat(self):
        for first, last in (("start", "end"), ("half", "whole")):
            for who in ("master", "workers"):
                a, b = self.memory[first][who], self.memory[last][who]
                is_cold = first == "half" and who == "workers" and self.half < WARM
                if b - a > SLACK[self.is_sanitized] + is_cold * COLD:
                    self.books.fail(f"memory of the {who}: {a} KiB ({first}) became {b} KiB ({last})")

    def nothing_is_left(self):
        server = self.server
        folders = [server.prefix, *( [self.site.far] if self.site.far.exists() else [])]
        hidden = [path for folder in folders for path in folder.rglob(".weir-*")]
        temporary = [path for folder in (server.prefix / "body", self.site.far) if folder.exists() for path in folder.rglob("*") if path.is_file()]
        # a worker that is killed between giving a file its hidden name and its own leaves it
        if len(hidden) > self.chaos.counts["worker killed"] + self.chaos.counts["new program killed"] or temporary:
            self.books.fail(f"left over: {hidden[:5]} {temporary[:5]}")
        self.books.sums["hidden files of killed workers"] = len(hidden)
        server.stop()
        wait_until(lambda: not processes_within(server.prefix), "the last process to leave", 10)
        names = [name for name in ("weir.pid", "weir.pid.oldbin", "weir.ctl", "weir.ctl.oldbin", "sock") if (server.prefix / "logs" / name).exists()]
        if names:
            self.books.fail(f"left over in logs: {names}")
        if server.process.returncode != 0:
            self.books.fail(f"weir ended with {server.process.returncode}")
        reports = sanitizer_reports(server.prefix)
        if reports:
            self.books.fail(f"sanitizer: {reports[:6000]}")

    def table(self):
        books, chaos = self.books, self.chaos
        rows = [("seed", self.seed), ("seconds", round(now() - self.begin)), ("binary", "sanitized" if self.is_sanitized else "plain")]
        rows += sorted(books.sums.items())
        rows += [("operator: " + name, count) for name, count in sorted(chaos.counts.items())]
        rows += [(f"operator: slowest deed ({chaos.slowest[1]}), s", round(chaos.slowest[0], 1))]
        rows += [("explained: " + name, count) for name, count in sorted(books.explained.items())]
        rows += [("unexplained", len(books.unexplained))]
        rows += [("error log: " + why, count) for why, count in sorted(books.warnings.items())]
        rows += [(f"memory of the {who}, KiB", " -> ".join(str(self.memory[name][who]) for name in ("start", "half", "whole", "end") if name in self.memory))
                 for who in ("master", "workers")]
        rows += [("descriptors of the master", sum(self.baseline["master"].values())), ("descriptors of a worker", sum(self.baseline["worker"].values()))]
        width = max(len(name) for name, _ in rows)
        for name, value in rows:
            print(f"  {name:<{width}}  {value}")

    def problems(self):
        found = [f"not explained: {incident}\n" + "\n".join(f"        {line}" for line in lines[:5]) for incident, lines in self.books.unexplained]
        return self.books.problems + self.chaos.problems + found

    def close(self, failed):
        self.clients.stop()
        self.chaos.end_wrk()
        self.server.kill()
        if failed and (kept := os.environ.get("WEIR_SOAK_KEEP")):
            shutil.rmtree(kept, ignore_errors=True)
            shutil.copytree(self.server.prefix / "logs", kept, ignore=lambda folder, names: [n for n in names if n.startswith(("access", "sock", "weir.ctl"))])
            shutil.copy(self.server.conf_path, kept)
            print(f"its logs are in {kept}")
        for claim in self.server.claims.values():
            claim.release()
        self.site.remove()
        remove_folder(self.server.prefix)


def main(arguments):
    seconds = float(arguments[0])
    seed = int(arguments[1]) if len(arguments) > 1 and arguments[1] else random.SystemRandom().randrange(10 ** 6)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192) if hard != resource.RLIM_INFINITY else 8192, hard))
    ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0)              # a new program outlives the old one that started it
    # What was freed is kept for a while by a sanitizer; a little of it, so that growth is seen.
    os.environ["ASAN_OPTIONS"] = ":".join(filter(None, [os.environ.get("ASAN_OPTIONS"), "quarantine_size_mb=2"]))
    print(f"soak: {seconds:.0f} seconds, seed {seed}", flush=True)
    soak, failed = Soak(seconds, seed), True
    try:
        soak.run()
        soak.memory_is_flat()
        soak.nothing_is_left()
        soak.table()
        found = soak.problems()
        for problem in found[:80]:
            print(problem)
        failed = bool(found)
        print(f"soak: {'FAILED, ' + str(len(found)) + ' problems' if failed else 'all adds up'}; seed {seed}")
    finally:
        soak.close(failed)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
