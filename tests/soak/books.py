# SPDX-License-Identifier: BSD-2-Clause
"""The accountant: what must add up after a stretch, and what becomes of each thing that a client did not expect."""

import pathlib
import re
from collections import Counter

from chaos import numbers_of
from harness.processes import descriptors_of
from soak_site import DRAIN_IDLE, WORKERS

SLOTS_MOST = 256                # of a worker, in any of the conf files
LINES_MOST = 400                # that a worker has in its buffers: 16 KiB of lines of 40 bytes
GAUGES = ("curr_connections", "accepted", "reading", "processing", "writing", "waiting", "lingering", "reusable_connections")
SHORT = re.compile(r"\((?:24|23|12|11): ")     # EMFILE, ENFILE, ENOMEM, EAGAIN (of a thread)
LINE = re.compile(r'(\S+) (\d{3}) "[^"]*" (\d+) ')

# What may stand in the error log, from level warn on, and why.
EXPECTED = [
    (r"is buffered to a temporary file", "bodies beyond client_body_buffer_size"),
    (r"worker_connections are not enough", "the flood of idle clients"),
    (r"too many folders wait to be listed", "autoindex_threads had enough to do"),
    (r"limiting requests|limiting connections|delaying request", "limit_req, limit_conn"),
    (r"file was truncated while it was sent", "files written in place"),
    (r"refused: ", "what dav refuses: names that somebody else has just changed"),
    (r"password mismatch|was not found in|no user/password", "wrong passwords"),
    (r"client (?:sent|intended|closed)|too (?:large|long)|client_min_rate", "rude clients"),
    (r"open\(\) .* failed \((?:2|20|13): |is not found|directory index of .* is forbidden", "files that are not there, any more"),
    (r"listing sockets|conflicting", "conf files"),
    (r"\[emerg\].* in \S+weir\.conf:\d+|\[emerg\].*none/|the configuration was not changed|bind\(\) to .* failed|still could not bind",
     "mistakes in conf files"),
    (r"that was handed over cannot be served here", "a port that two reloads took away while its connections were on their way"),
    (r"no \"listen\" wants the inherited socket", "a port that the new program's conf file has not"),
    (r"changing binary signal is ignored", "an upgrade on top of another"),
]
WILD = [
    (r"worker process \d+ exited on signal 9", "workers killed"),
    (r"new binary process \d+ exited on signal 9", "a new program killed"),
    (r"\((?:24|23|12|11): ", "descriptors or memory taken"),
    (r"no memory|memory is short|cannot be answered|cannot be compared|cannot be handed over|cannot be begun|too many changes of files|accepting is paused", "descriptors or memory taken"),
    (r"died within", "a worker killed twice"),
]


def lines_of(server):
    """The access log's lines by kind and status, those that are none under \"\"; the renamed files are removed."""
    lines = Counter()
    for path in sorted(server.access_log.parent.glob("access.log*")):
        with open(path, "r", errors="replace") as log:
            for line in log:
                match = LINE.match(line)
                lines[(match[1], int(match[2]), match[3] != "0") if match else ("", 0, False)] += 1
        if path != server.access_log:
            path.unlink()
    return lines


def memory_of(pid):
    """Anonymous and proportional memory in KiB."""
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    return {name: int(re.search(rf"^{name}:\s+(\d+)", text, re.M)[1]) for name in ("Anonymous", "Pss")}


def unsent_most(lines):
    """Answers that were made for a client that was gone: to none of a well-behaved one does this happen."""
    return sum(count for (kind, status, is_sent), count in lines.items() if not is_sent and kind in ("rude", "-") and status not in (408, 499))


class Books:
    def __init__(self, server, chaos):
        self.server, self.chaos = server, chaos
        self.log_read = 0
        self.sums = Counter()           # all there is to tell at the end
        self.explained, self.unexplained = Counter(), []
        self.problems = []
        self.warnings = Counter()

    # ---- a stretch

    def total(self):
        return self.chaos.closed_books + numbers_of(self.chaos.ask()["sum"])

    def open(self):
        self.before = self.total()
        self.lines_before = self.current_lines()
        self.deeds_before = len(self.chaos.deeds)
        self.chaos.is_closed_book_whole = True
        self.chaos.wrk_saw.clear()

    def current_lines(self):
        return lines_of(self.server)

    def close(self, well, rude, is_wild):
        """After the stretch, when everything is calm."""
        total = self.total()
        saw = Counter({name: total[name] - self.before[name] for name in total})
        lines = self.current_lines()
        lines.subtract(self.lines_before)
        deeds = self.chaos.deeds[self.deeds_before:]
        kills = sum(deed.kind == "kill" for deed in deeds)
        log = self.new_log()
        self.explain(well, deeds, log)
        self.read_log(log, is_wild)
        self.add_up(saw, lines, well, kills)
        self.sums.update({"connections of well-behaved clients": well.counts["connections"], "connections of rude clients": rude.counts["connections"],
                          "answers read": well.counts["answers"], "of these refused by limits": well.counts["limited"],
                          "answers cut while a file was written in place": well.counts["cut in place"],
                          "lines logged": sum(lines.values())})
        for name in ("total_connections", "handled", "requests", "handed_over_connections", "adopted_connections", "lost_connections", "drained_connections",
                     "listen_disabled_num", "stale_events", "bytes_sent", "log_lines_lost"):
            self.sums["counter " + name] += saw[name]
        for name in saw:
            if name.startswith(("closed_", "rejected_", "responses_")):
                self.sums["counter " + name] += saw[name]

    def fail(self, text):
        self.problems.append(text)

    def same(self, what, a, b, slack, low=None):
        """a is b, but for what was killed."""
        if not -(slack if low is None else low) <= a - b <= slack:
            self.fail(f"{what}: {a} and {b}, with a slack of {slack}")

    def add_up(self, saw, lines, well, kills):
        if not self.chaos.is_closed_book_whole:     # a master was killed, and its numbers with it
            kills += 10 ** 6
        slots, buffered = kills * SLOTS_MOST, kills * LINES_MOST
        rejected = sum(count for name, count in saw.items() if name.startswith("rejected_"))
        closed = sum(count for name, count in saw.items() if name.startswith("closed_"))
        answers = sum(saw[f"responses_{n}xx"] for n in range(2, 6))
        self.same("accepted = handled + rejected", saw["total_connections"], saw["handled"] + rejected, kills)
        self.same("handled + adopted = closed, by reason", saw["handled"] + saw["adopted_connections"], closed, slots)
        self.same("handed over = closed as handed over", saw["handed_over_connections"], saw["closed_handed_over"], slots)
        self.same("handed over = adopted + lost", saw["handed_over_connections"], saw["adopted_connections"] + saw["lost_connections"], slots)
        sent = sum(count for (_, _, is_sent), count in lines.items() if is_sent)
        self.same("answers = lines logged of which a byte was sent", answers, sent, unsent_most(lines) + buffered, low=buffered)
        self.same("requests = lines logged, without those of bad heads", saw["requests"], sum(count for (kind, _, _), count in lines.items() if kind != "-"),
                  buffered)
        if saw["total_connections"] + slots < well.counts["connections"]:
            self.fail(f"clients had {well.counts['connections']} connections, {saw['total_connections']} were accepted")
        seen = Counter()
        for (kind, status, _), count in lines.items():
            if kind == "well" and status not in (444, 499):
                seen[status // 100] += count
        incidents = well.counts["incidents"] + well.counts["cut in place"]
        for n in range(2, 6):
            self.same(f"answers {n}xx read = lines logged of these clients", seen[n], well.classes[n], incidents + buffered, low=buffered)
        if saw["lost_connections"] > 3 * self.chaos.counts["reload"]:
            self.fail(f"{saw['lost_connections']} connections were handed over and lost")
        if saw["log_lines_lost"]:
            self.fail(f"{saw['log_lines_lost']} log lines lost")
        wrk = sum(count for (kind, _, _), count in lines.items() if kind == "wrk")
        self.sums["answers that wrk read"] += self.chaos.wrk_saw["answers"]
        if kills == 0 and (self.chaos.wrk_saw["errors"] or self.chaos.wrk_saw["other statuses"] or wrk < self.chaos.wrk_saw["answers"]):
            self.fail(f"wrk says {dict(self.chaos.wrk_saw)}, {wrk} lines were logged")
        if kills == 0:
            if saw["closed_shutdown"]:
                self.fail(f"closed_shutdown is {saw['closed_shutdown']} though nobody was killed")

    # ---- what clients did not expect

    def explain(self, well, deeds, log):
        for incident in well.incidents:
            why = self.reason_of(incident, deeds, log)
            if why is not None:
                self.explained[f"{incident.what}: {why}"] += 1
            else:
                lines = [line for line in log.splitlines() if incident.id and re.search(rf"[?&]id={re.escape(incident.id)}[ &]", line)]
                self.unexplained.append((incident, lines))

    @staticmethod
    def reason_of(incident, deeds, log):
        def during(kind, begin):
            return any(deed.kind == kind and deed.begin <= incident.end and deed.end >= begin for deed in deeds)
        if incident.what.startswith("status 50") or incident.what == "wrong":       # of a part of the page
            lines = re.findall(rf"^.*[?&]id={re.escape(incident.id)}[ &].*$", log, re.M) if incident.id else []
            if any(SHORT.search(line) for line in lines) and (during("descriptors", incident.begin) or during("memory", incident.begin)):
                return "descriptors or memory were short, and the log says so"
            if any("the request cannot be answered" in line or "cannot be compared" in line for line in lines) and during("memory", incident.begin):
                return "memory was short, and the log says so"
            if any("too many changes of files wait" in line for line in lines):
                return "dav_threads had enough to do, and the log says so"
            if any("too many folders wait to be listed" in line for line in lines):
                return "autoindex_threads had enough to do, and the log says so"
            return None
        if incident.what == "ended" and during("kill", incident.since):
            return "its worker was killed"
        if incident.what == "ended" and incident.begin - incident.since >= DRAIN_IDLE and "within an answer" not in incident.text:
            return "idle for longer than drain_idle"
        if incident.what == "ended" and during("memory", incident.since):
            return "memory was short"
        if incident.what == "hop" and during("reload", incident.since):
            return "the port was closed by a reload"
        return None

    # ---- the error log

    def new_log(self):
        with open(self.server.error_log, "r", errors="replace") as log:
            log.seek(self.log_read)
            text = log.read()
            self.log_read = log.tell()
        return text

    def read_log(self, text, is_wild):
        patterns = [(re.compile(pattern), why) for pattern, why in EXPECTED + (WILD if is_wild else [])]
        for line in text.splitlines():
            if not re.search(r" \[(?:warn|error|crit|alert|emerg)\] \d+#\d+: (?! +\d* \| )", line):
                continue
            for pattern, why in patterns:
                if pattern.search(line):
                    self.warnings[why] += 1
                    break
            else:
                if len(self.problems) < 200:
                    self.fail(f"the error log says: {line[:400]}")

    # ---- calm

    def calm(self, baseline):
        """Nobody is there any more: gauges, descriptors and processes are as at the start."""
        status = self.chaos.ask()
        for worker in [status["sum"]] + status["workers"]:
            off = {name: worker[name] for name in GAUGES if worker[name]}
            off.update({name: count for name, count in worker.items() if isinstance(count, int) and count < 0})
            if worker["free_connections"] != worker["max_connections"]:
                off["free_connections"] = worker["free_connections"]
            if off:
                self.fail(f"gauges of {worker.get('pid', 'all')}: {off}")
        if status["sum"]["accepting_conns"] != WORKERS:
            self.fail(f"accepting_conns is {status['sum']['accepting_conns']}")
        if baseline is not None:
            self.same_descriptors(baseline)

    def same_descriptors(self, baseline):
        master, workers = self.server.pid, self.server.workers()
        found = descriptors_of(master)
        if found != baseline["master"]:
            self.fail(f"descriptors of the master: {dict(baseline['master'])} became {dict(found)}")
        for pid in workers:
            found = descriptors_of(pid)
            if found != baseline["worker"]:
                self.fail(f"descriptors of worker {pid}: {dict(baseline['worker'])} became {dict(found)}")
