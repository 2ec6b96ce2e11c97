# SPDX-License-Identifier: BSD-2-Clause
"""
Clients that know what they have to get: each byte of each answer is looked at, and whatever is not as it should be is an incident
that the accountant (books.py) has to explain.

A process has its own threads, its own tree of files that it changes meanwhile, and its own names below /dav/.
"""

import gzip
import json
import multiprocessing
import random
import re
import sys
import threading
import time
import traceback
from collections import Counter
from dataclasses import dataclass

from harness import Client, ProtocolError, now, request
from rude import RUDE_ACTS
from soak_site import BEHIND, FIXED, PROCESSES, ssi_answer
from torture_judge import Judge, Wrong
from torture_tree import Tree

PATIENCE = 40                   # seconds for an answer, on a machine that has more to do than this


@dataclass
class Incident:
    """Something that a well-behaved client did not expect, between two moments."""

    act: str
    what: str                   # "ended", "refused", "silent", "status 500", "wrong"
    id: str                     # of the request, or its target; "" when there was none
    since: float                # when the connection was known to be well: the last answer, or the try to connect
    begin: float                # when the request was sent
    end: float
    text: str = ""


class Lost(Exception):
    """The connection is over; an incident has been noted."""


class Done(Exception):
    """The server has said that it closes."""


class Tally:
    def __init__(self):
        self.counts = Counter()         # connections, answers, limited, …
        self.classes = Counter()        # answers to well-behaved clients by hundred
        self.incidents = []
        self.slowest = 0.0

    def add(self, other):
        self.counts.update(other.counts)
        self.classes.update(other.classes)
        self.incidents += other.incidents
        self.slowest = max(self.slowest, other.slowest)


class Well(Client):
    """A connection of a client that does nothing wrong."""

    def __init__(self, person, port="port", **kwargs):
        self.person, self.since = person, now()
        self.served = 0
        try:
            super().__init__(person.address(port), timeout=PATIENCE, **kwargs)
        except OSError as problem:
            person.note("refused", "", self.since, self.since, repr(problem))
            raise Lost from None
        person.tally.counts["connections"] += 1

    def lose(self, id, begin, problem):
        """Whatever made the connection useless."""
        if self._ended:
            what = "ended"
            text = "reset" if self.was_reset else "closed"
            if "within a line" not in str(problem) or "b''" not in str(problem):
                text += " within an answer"
        elif "no answer in time" in str(problem):
            what, text = "silent", str(problem)
        else:
            what, text = "wrong", f"{problem!r}"
        self.person.note(what, id, self.since, begin, text)
        raise Lost

    def answer(self, id, begin, method="GET"):
        """The next answer; Lost when there is none, or not all of it."""
        try:
            response = self.read(method)
        except (ProtocolError, OSError) as problem:
            self.lose(id, begin, problem)
        if not response.complete:
            self.lose(id, begin, "cut")
        self.answered(response, begin)
        return response

    def answered(self, response, begin):
        self.since, self.served = now(), self.served + 1
        tally = self.person.tally
        tally.counts["answers"] += 1
        tally.classes[response.status // 100] += 1
        tally.slowest = max(tally.slowest, self.since - begin)

    def check(self, response, id, begin, statuses, body=None, close=True):
        """A status that is none of those expected is an incident, other bytes are worse."""
        if response.status not in statuses:
            self.person.note(f"status {response.status}", id, self.since, begin, response.body[:80].decode("latin-1"))
        elif body is not None and response.body != body:
            self.person.note("wrong", id, self.since, begin, f"{response.status} {response.headers} {len(response.body)} bytes "
                             f"{response.body[:40]!r} in the place of {len(body)} {body[:40]!r}")
        if close:
            self.go_on(response)
        return response

    def go_on(self, response):
        if response.get("Connection") == "close":
            raise Done

    def get(self, path, *fields, method="GET", statuses=(200,), body=None, data=b""):
        id = self.person.next_id()
        begin = now()
        self.send_anyway(self.person.request(path, id, *fields, method=method, body=data))
        response = self.answer(id, begin, method)
        return self.check(response, id, begin, statuses, None if method == "HEAD" or response.status >= 300 else body)


class Person:
    """One thread of a process: a name, a chance of its own, and a tally."""

    def __init__(self, crowd, name, until):
        self.crowd, self.name, self.until = crowd, name, until
        self.chance = random.Random(f"{crowd.seed} {name} {crowd.stretch}")
        self.tally = Tally()
        self.number = 0

    def over(self):
        return now() >= self.until

    def address(self, port):
        if port == "unix":
            return self.crowd.place["unix"]
        return ("127.0.0.1", self.crowd.place[port])

    def next_id(self):
        self.number += 1
        return f"{self.crowd.stretch}-{self.crowd.index}-{self.name}-{self.number}"

    @staticmethod
    def request(path, id, *fields, method="GET", body=b""):
        mark = "&" if "?" in path else "?"
        return request(f"{path}{mark}id={id}", "Soak: well", *fields, method=method, body=body)

    def note(self, what, id, since, begin, text=""):
        self.tally.counts["incidents"] += 1
        if len(self.tally.incidents) < 2000:
            self.tally.incidents.append(Incident(self.name, what, id, since, begin, now(), text))

    def rest(self, most=0.03):
        time.sleep(self.chance.uniform(0, most))


# ---- what they do on a connection

def echo(c, chance):
    id = c.person.next_id()
    begin = now()
    c.send_anyway(c.person.request("/echo", id))
    c.check(c.answer(id, begin), id, begin, (200,), b"%s %d" % (id.encode(), c.served))


def fixed(c, chance):
    name = chance.choice(list(FIXED))
    fields = chance.choice([[], [], ["Accept-Encoding: gzip"]]) if name != "huge" else []
    response = c.get(f"/fixed/{name}", *fields, body=None if fields else FIXED[name])
    if response.status == 200 and fields:
        body = gzip.decompress(response.body) if response.get("Content-Encoding") == "gzip" else response.body
        if body != FIXED[name]:
            c.person.note("wrong", f"/fixed/{name}", c.since, c.since, "compressed")


def part(c, chance):
    name = chance.choice(["small", "page", "middle", "large", "huge"])
    first = chance.randrange(len(FIXED[name]))
    last = min(first + chance.choice([0, 100, 30_000, 300_000]), len(FIXED[name]) - 1)
    c.get(f"/fixed/{name}", f"Range: bytes={first}-{last}", statuses=(206,), body=FIXED[name][first:last + 1])


def head_and_tag(c, chance):
    name = chance.choice(list(FIXED))
    response = c.get(f"/fixed/{name}", method="HEAD")
    if response.status == 200:
        c.get(f"/fixed/{name}", f"If-None-Match: {response.get('ETag')}", statuses=(304,))


def missing(c, chance):
    c.get("/fixed/none", statuses=(404,))


def page_with_parts(c, chance):
    id = c.person.next_id()
    begin = now()
    c.send_anyway(c.person.request("/ssi/page.html", id))
    response = c.answer(id, begin)
    # how many requests the connection has had stands in the page, and is that of the outer one
    body = ssi_answer(id) % c.served if response.status == 200 else None
    c.check(response, id, begin, (200,), body)


def locked(c, chance):
    c.get("/locked/page", "Authorization: Basic cmVhZGVyOnNlY3JldA==", body=FIXED["page"])
    c.get("/locked/page", *chance.choice([[], ["Authorization: Basic cmVhZGVyOndyb25n"]]), statuses=(401,))


def listing(c, chance):
    response = c.get("/list/")
    if response.status == 200 and {entry["name"] for entry in json.loads(response.body)} != set(FIXED):
        c.person.note("wrong", "/list/", c.since, c.since, response.text[:300])


def pipeline(c, chance):
    count = chance.randrange(2, 40)
    ids = [c.person.next_id() for _ in range(count)]
    begin = now()
    c.send_anyway(b"".join(c.person.request("/fixed/small", id) for id in ids))
    for id in ids:
        response = c.answer(id, begin)
        c.check(response, id, begin, (200,), FIXED["small"], close=False)
        c.go_on(response)


def post(c, chance):
    size = chance.choice([0, 10, 5000, 100_000])
    if chance.random() < 0.5:
        fields, data = [f"Content-Length: {size}"], b"x" * size
    else:
        fields, data = ["Transfer-Encoding: chunked"], (b"%x\r\n%s\r\n" % (size, b"y" * size) if size else b"") + b"0\r\n\r\n"
    c.get("/echo", *fields, method="POST", data=data)


MIXED = [(echo, 8), (fixed, 6), (part, 3), (head_and_tag, 2), (missing, 1), (page_with_parts, 2), (locked, 1), (listing, 1), (pipeline, 2), (post, 2)]


def mixed(person, port="port"):
    """A kept connection on which this and that is asked for."""
    acts, weights = zip(*MIXED)
    with Well(person, port) as c:
        while not person.over():
            person.chance.choices(acts, weights)[0](c, person.chance)
            person.rest()


def mixed_unix(person):
    mixed(person, "unix")


def comes_and_goes(person):
    with Well(person) as c:
        c.get("/fixed/page", *person.chance.choice([[], ["Connection: close"]]), body=FIXED["page"])
    person.rest(0.05)


def reads_slowly(person):
    with Well(person, rcvbuf=4096) as c:
        c.get(person.chance.choice(["/fixed/huge", "/slow/large"]))
        person.rest(0.3)


def reaches_limits(person):
    """503 is what the limits are for: it is counted, by them and here."""
    with Well(person) as c:
        for path, statuses in (("/rate/small?key=r", (200, 503)), ("/count/middle?key=c", (200, 503))):
            response = c.get(path, statuses=statuses)
            person.tally.counts["limited"] += response.status == 503
        person.rest(0.1)


def hops(person):
    """At a port that comes and goes with reloads: nobody may listen there; who is let in is answered."""
    person.rest(0.2)
    try:
        c = Client(person.address("port3"), timeout=PATIENCE)
    except OSError:
        person.tally.counts["nobody at the port"] += 1
        return
    with c:
        id = person.next_id()
        begin = now()
        person.tally.counts["connections"] += 1
        try:
            response = c.send_anyway(person.request("/", id)).read()
        except ProtocolError as problem:
            if c._ended:
                # between the last look into the backlog and close() somebody may have come
                person.note("hop", id, begin, begin, str(problem))
            else:
                person.note("wrong", id, begin, begin, str(problem))
            return
        person.tally.counts["answers"] += 1
        person.tally.classes[response.status // 100] += 1
        if response.body != b"hop " + id.encode():
            person.note("wrong", id, begin, begin, response.text[:100])


# ---- the changing tree

def asks_the_tree(person):
    """As in test_torture.py."""
    crowd, chance = person.crowd, person.chance
    with Well(person) as c:
        while not person.over():
            judges, ids = [], []
            for _ in range(chance.choice([1, 1, 1, 2, 4])):
                place, behind = chance.choice(crowd.places)
                ids.append(person.next_id())
                judge = Judge(chance.choice(crowd.tree.all()), place, behind, chance, person.tags, f"?id={ids[-1]}")
                judge.fields.append("Soak: well")
                judges.append(judge)
            begin = now()
            c.send_anyway(b"".join(judge.bytes() for judge in judges))
            for judge, id in zip(judges, ids):
                read_from_tree(c, judge, id, begin)
            person.rest()


def read_from_tree(c, judge, id, begin):
    """What is written in place may be cut; nothing else may."""
    try:
        response = c.read(judge.method)
    except (ProtocolError, OSError) as problem:
        if c._ended and not judge.file.whole and "gzip" in judge.place:
            c.person.tally.counts["cut in place"] += 1
            raise Done from None
        c.lose(id, begin, problem)
    if not response.complete:
        if judge.file.whole:
            c.lose(id, begin, "cut")
        c.person.tally.counts["cut in place"] += 1
        raise Done
    c.answered(response, begin)
    if response.status >= 500:
        c.check(response, id, begin, ())
        return
    try:
        judge.judge(response)
    except Wrong as problem:
        c.person.note("wrong", id, c.since, begin, str(problem))
    c.go_on(response)


# ---- dav

def own_bytes(person, size):
    """Bytes that tell their own number and length, so that half a file shows."""
    number = person.chance.randrange(1 << 32)
    return (b"%08x %08x\n" % (number, size) * (size // 18 + 1))[:max(size, 18)]


def is_sound(body):
    match = re.match(rb"[0-9a-f]{8} ([0-9a-f]{8})\n", body)
    size = int(match[1], 16) if match else -1
    return match is not None and body == (match[0] * (size // 18 + 1))[:max(size, 18)]


def put(c, chance, path, body, statuses):
    fields, data = [f"Content-Length: {len(body)}"], body
    if chance.random() < 0.3:
        cut = chance.randrange(1, len(body))
        fields = ["Transfer-Encoding: chunked"]
        data = b"%x\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n" % (cut, body[:cut], len(body) - cut, body[cut:])
    return c.get(path, *fields, method="PUT", data=data, statuses=statuses)


SHELF = 6                       # names of one owner


def keeps_files(person):
    """Names of its own: what it put there is there, byte for byte, until it changes it. None: there is nothing."""
    chance, known = person.chance, person.known
    home = f"/{chance.choice(['dav', 'far'])}/{person.crowd.index}-{person.name}/{person.crowd.stretch}"

    def change(name, new):
        """While it is under way the old and the new may be there; afterwards the new."""
        known[name] = known.get(name, [None]) + [new]
        return lambda response: known.__setitem__(name, [new]) if response.status < 300 else known.__setitem__(name, known[name][:-1])

    with Well(person) as c:
        while not person.over():
            name = f"{home}/{chance.randrange(SHELF)}"
            may_be = known.get(name, [None])
            kind = chance.random()
            if kind < 0.4:
                body = own_bytes(person, chance.choice([20, 3000, 9000, 70_000, 300_000]))
                done = change(name, body)
                done(put(c, chance, name, body, (201, 204)))
            elif kind < 0.5:
                done = change(name, None)
                response = c.get(name, method="DELETE", statuses=(204, 404))
                if response.status in (204, 404):
                    known[name] = [None]
            elif kind < 0.6 and len(may_be) == 1 and may_be[0] is not None:
                other = f"{home}/copy"
                done = change(other, may_be[0])
                done(c.get(name, f"Destination: {other}", method="COPY", statuses=(201, 204)))
            else:
                look_at_file(c, name, known)
            person.rest()


def look_at_file(c, name, known):
    response = c.get(name, statuses=(200, 404))
    may_be = known.get(name, [None])
    if response.status == 404 and None not in may_be or response.status == 200 and response.body not in may_be:
        c.person.note("wrong", name, c.since, c.since, f"{response.status} {response.body[:40]!r} {len(response.body)} in the place of "
                      f"{[(len(b), b[:20]) if b is not None else None for b in may_be]}")


SHARED = ["a", "b", "c/d", "c/e", "c/f/g"]


def shares_files(person):
    """Names that all change at the same time, and folders that come and go: any answer but half a file, or a failure of the server."""
    chance = person.chance
    root = chance.choice(["/dav/shared", "/far/shared"])
    with Well(person) as c:
        while not person.over():
            name = f"{root}/{chance.choice(SHARED)}"
            kind = chance.random()
            if kind < 0.45:
                put(c, chance, name, own_bytes(person, chance.choice([20, 3000, 20_000, 100_000])), (201, 204, 409))
            elif kind < 0.6:
                c.get(chance.choice([name, f"{root}/c/", f"{root}/c/f/"]), method="DELETE", statuses=(204, 404, 409))
            elif kind < 0.7:
                c.get(f"{root}/c/", method="MKCOL", statuses=(201, 405, 409))
            elif kind < 0.8:
                other = f"{root}/{chance.choice(SHARED)}"
                if other != name:
                    c.get(name, f"Destination: {other}", method=chance.choice(["COPY", "MOVE"]), statuses=(201, 204, 400, 404, 409))
            else:
                response = c.get(name, statuses=(200, 301, 403, 404))
                if response.status == 200 and not is_sound(response.body):
                    person.note("wrong", name, c.since, c.since, f"{len(response.body)} {response.body[:60]!r}")
            person.rest(0.02)


ACTS = [(mixed, 4), (mixed_unix, 1), (comes_and_goes, 1), (reads_slowly, 1), (reaches_limits, 1), (hops, 1), (asks_the_tree, 2), (keeps_files, 2),
        (shares_files, 2)]


# ---- processes of them

class Crowd:
    """What the threads of a process share."""

    def __init__(self, index, seed, place):
        self.index, self.seed, self.place = index, seed, place
        self.stretch = 0
        self.known, self.tags = {}, {}
        self.is_rude = index >= PROCESSES
        if not self.is_rude:
            self.tree = Tree(f"{place['html']}/tree{index}", f"{seed} tree {index}", each=2)
            self.places = [(f"plain-{index}", 0), (f"cached-{index}", BEHIND), (f"gzip-{index}", 0)]

    def _run(self, act, name, until, tallies):
        person = Person(self, name, until)
        person.known, person.tags = self.known.setdefault(name, {}), {}
        try:
            while not person.over():
                try:
                    act(person)
                except (Lost, Done):
                    pass
        except Exception:
            person.note("wrong", "", now(), now(), traceback.format_exc())
        tallies.append(person.tally)

    def run(self, stretch, until):
        """A stretch; the sum of what was seen."""
        self.stretch = stretch
        self.known.clear()
        tallies = []
        acts = RUDE_ACTS if self.is_rude else ACTS
        threads = [threading.Thread(target=self._run, args=(act, f"{act.__name__}-{n}", until, tallies)) for act, times in acts for n in range(times)]
        if not self.is_rude:
            self.tree.start(threads=1, pause=(0.001, 0.01, 0.02, 0.05))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if not self.is_rude:
            self.tree.stop()
        sum = Tally()
        for tally in tallies:
            sum.add(tally)
        return sum


def live(pipe, index, seed, place):
    """The life of a process: a stretch each time it is told to."""
    sys.setswitchinterval(0.001)
    crowd = Crowd(index, seed, place)
    while (order := pipe.recv()) is not None:
        pipe.send(crowd.run(*order))


class Processes:
    def __init__(self, seed, place, rude=2):
        context = multiprocessing.get_context("fork")
        self.pipes, self.processes = [], []
        for index in range(PROCESSES + rude):
            ours, theirs = context.Pipe()
            process = context.Process(target=live, args=(theirs, index, seed, place), daemon=True)
            process.start()
            theirs.close()
            self.pipes.append(ours)
            self.processes.append(process)

    def begin(self, stretch, until):
        for pipe in self.pipes:
            pipe.send((stretch, until))

    def end(self):
        """The sums of all well-behaved, and of all rude clients."""
        well, rude = Tally(), Tally()
        for index, pipe in enumerate(self.pipes):
            (well if index < PROCESSES else rude).add(pipe.recv())
        return well, rude

    def stop(self):
        for pipe, process in zip(self.pipes, self.processes):
            try:
                pipe.send(None)
            except OSError:
                pass
            process.join(5)
            if process.is_alive():
                process.kill()
                process.join()
