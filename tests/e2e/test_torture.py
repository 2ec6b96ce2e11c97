# SPDX-License-Identifier: BSD-2-Clause
"""
A tree that is changed, replaced, truncated, deleted and deployed anew under load: no wrong byte in any answer that ends with its full
length, and no dead worker.

What is promised, and looked at in each answer:
- A file that is replaced at one blow (rename, a link that is switched), or deleted: an answer is of one version, whole, or of one piece
  of one version, and of a version that stood there while the request was under way; with open_file_cache, or up to open_file_cache_valid
  before. It is never cut, and there is no 404 but for a file that was deleted.
- A file that is written in place: no server can give one version of it. An answer that ends with its full length has at each place the
  byte of a version that stood there, or was being written, meanwhile, or 0 where one of these versions ends before (the kernel clears
  the rest of the last page, which may be on its way to the client); what is not there any more is visibly cut off.
- When the writing ends, what is served is what is there.

WEIR_TORTURE_SECONDS tells how long it goes on; `make torture` makes that a minute.
"""

import gzip
import os
import random
import re
import subprocess
import sys
import threading
import time

import pytest

from harness import ProtocolError, binary, request
from torture_tree import Tree

SECONDS = float(os.environ.get("WEIR_TORTURE_SECONDS", "4"))
VALID = 1.0
CLOCK = 1.0             # of a machine under load: between a look at the clock and the work that follows
CLIENTS = 5

PLACES = {              # name: (lines, seconds that an answer may be behind)
    "default": ("", 0),
    "sent": ("sendfile on;", 0),
    "chunk": ("sendfile on; sendfile_max_chunk 16k;", 0),
    "cached": ("sendfile on; open_file_cache max=20; open_file_cache_valid 1s; open_file_cache_errors on;", VALID + CLOCK),
    "rarely": ("open_file_cache max=20 inactive=1s; open_file_cache_valid 1s; open_file_cache_min_uses 3;", VALID + CLOCK),
    "direct": ("directio 4k; directio_alignment 4k;", 0),
    "waits": ("aio off; sendfile on;", 0),
    "own": ("disable_symlinks if_not_owner;", 0),
    "no-links": ("disable_symlinks on from={prefix}/html; open_file_cache max=20; open_file_cache_valid 1s;", VALID + CLOCK),
}
GZIP = {"gzip": ("gzip on; gzip_types *; gzip_min_length 1;", 0),
        "gzip-cached": ("gzip on; gzip_types *; open_file_cache max=20; open_file_cache_valid 1s;", VALID + CLOCK)}


class Wrong(AssertionError):
    pass


def mixed(body, versions, first=0):
    """Whether each byte, from `first` on, is that of some version at its place, or 0 where one of them ends before."""
    candidates = [v.bytes[first:] for v in versions if v.size is not None]
    shortest = min(map(len, candidates))
    for at in range(0, len(body), 4096):
        piece = body[at:at + 4096]
        if any(c[at:at + 4096] == piece for c in candidates):
            continue
        for i, byte in enumerate(piece, at):
            if not any(i < len(c) and c[i] == byte for c in candidates) and (byte != 0 or i < shortest):
                return False
    return True


class Judge:
    """One request, and what its answer has to be."""

    def __init__(self, file, place, behind, rng, tags):
        self.file, self.place, self.behind, self.tags = file, place, behind, tags
        self.fields, self.first, self.last, self.tag = [], None, None, None
        self.method = "HEAD" if rng.random() < 0.05 else "GET"
        kind = rng.random()
        if kind < 0.25 and not place.startswith("gzip"):
            self.first = rng.choice([0, 0, 1, 4095, 5000, 33_000])
            self.last = self.first + rng.choice([0, 10, 4096, 100_000])
            self.fields.append(f"Range: bytes={self.first}-{self.last}")
        elif kind < 0.5 and file.whole and (file, place) in tags:
            self.tag = tags[file, place]
            self.fields.append(f"If-None-Match: {self.tag[0]}")
        if place.startswith("gzip"):
            self.fields.append("Accept-Encoding: gzip")

    def bytes(self):
        self.since = time.monotonic()
        return request(f"/{self.place}/{self.file.name}", *self.fields, method=self.method)

    def fail(self, answer, why):
        said = ", ".join(f"{v.number}: {v.size}" for v in self.versions)
        raise Wrong(f"{why}: {self.method} /{self.place}/{self.file.name} {self.fields} -> {answer.status} {answer.headers} "
                    f"{len(answer.body)} bytes {answer.body[:32]!r} complete={answer.complete}; possible {{{said}}}")

    def judge(self, answer):
        self.versions = self.file.possible(self.since - self.behind, time.monotonic())
        if self.place == "no-links" and self.file.kind == "link":
            return answer.status == 403 or self.fail(answer, "a link was followed")
        if answer.status == 404:
            return any(v.size is None for v in self.versions) or self.fail(answer, "it is there")
        if answer.status == 304:
            return self.tag is not None and any(v.number == self.tag[1].number or v.size == self.tag[1].size == 0 for v in self.versions) \
                or self.fail(answer, "it has changed")
        if answer.status not in (200, 206, 416):
            self.fail(answer, "status")
        if not answer.complete:
            return not self.file.whole or self.fail(answer, "cut")
        if self.method == "HEAD" or answer.status == 416:
            return True
        body = answer.body
        if answer.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        return self.judge_bytes(answer, body)

    def judge_bytes(self, answer, body):
        first = 0
        if answer.status == 206:
            match = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", answer.get("Content-Range"))
            first, total = int(match[1]), int(match[3])
            if first != self.first or int(match[2]) != min(self.last, total - 1):
                self.fail(answer, "range")
        if self.file.whole:
            for version in self.versions:
                if version.size is not None and version.bytes[first:first + len(body)] == body \
                        and version.size == (total if answer.status == 206 else len(body)):
                    if answer.status == 200 and answer.get("ETag"):
                        self.tags[self.file, self.place] = (answer.get("ETag"), version)
                    return True
            self.fail(answer, "of no version")
        return mixed(body, self.versions, first) or self.fail(answer, "bytes of no version")


class Load:
    def __init__(self, server, tree, places):
        self.server, self.tree, self.places = server, tree, places
        self.until = time.monotonic() + SECONDS
        self.answers = self.cuts = 0
        self.problem = None
        self.lock = threading.Lock()

    def ask(self, client, rng, tags):
        """Some requests in a row, answered in their order. False: the connection has ended."""
        names = list(self.places)
        judges = []
        for _ in range(rng.choice([1, 1, 1, 2, 4])):
            place = rng.choice(names)
            judges.append(Judge(rng.choice(self.tree.all()), place, self.places[place][1], rng, tags))
        client.send_anyway(b"".join(judge.bytes() for judge in judges))
        for judge in judges:
            try:
                answer = client.read(judge.method)
            except ProtocolError as problem:
                if judge.file.whole or "gzip" not in judge.place or "connection ended" not in str(problem):
                    raise
                self.count(True)            # within its chunks
                return False
            judge.judge(answer)
            self.count(not answer.complete)
            if not answer.complete:
                return False
        return True

    def count(self, is_cut):
        with self.lock:
            self.answers += 1
            self.cuts += is_cut

    def run(self, seed):
        rng, tags = random.Random(seed), {}
        try:
            while time.monotonic() < self.until and self.problem is None:
                with self.server.connect(timeout=30) as client:
                    while time.monotonic() < self.until and self.ask(client, rng, tags):
                        pass
        except BaseException as problem:
            self.problem = problem


def has_gzip():
    return " http_compress " in subprocess.run([binary(), "-V"], capture_output=True, text=True).stderr + " "


@pytest.fixture
def fair_threads():
    """Those who change the tree have their turn beside those who ask."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(0.0005)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("fair_threads")
@pytest.mark.parametrize("seed", [1])
def test_torture(weir, seed):
    places = dict(PLACES, **(GZIP if has_gzip() else {}))
    locations = "".join(f"location /{name}/ {{ {lines} alias {{prefix}}/html/; }}\n" for name, (lines, _) in places.items())
    server = weir(workers=2, server=f"keepalive_requests 1000000;\n{locations}", error_level="warn",
                  allow=["file was truncated while it was sent"])
    tree = Tree(server.html, seed)
    workers = server.wait_workers(2)
    load = Load(server, tree, places)
    threads = [threading.Thread(target=load.run, args=[seed * 100 + i]) for i in range(CLIENTS)]
    tree.start()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    tree.stop()
    if load.problem is not None:
        raise load.problem
    assert server.workers() == workers
    assert load.answers > 100 and tree.changes > 50, (load.answers, tree.changes)
    print(f"{load.answers} answers, {load.cuts} of them cut; {tree.changes} changes")
    check_calm(server, tree, places)


def check_calm(server, tree, places):
    """Nothing changes any more: what was trusted is looked at again in time, and all is what is there."""
    end = time.monotonic()
    with server.connect() as client:
        for file in tree.all():
            version = file.history[-1]
            for place, (_, behind) in places.items():
                while time.monotonic() - end <= behind:
                    time.sleep(0.05)
                for fields in [], [], ["Accept-Encoding: gzip"]:
                    answer = client.ask(request(f"/{place}/{file.name}", *fields))
                    if answer.get("Content-Encoding") == "gzip":
                        answer.body = gzip.decompress(answer.body)
                    if place == "no-links" and file.kind == "link":
                        assert answer.status == 403
                    elif version.size is None:
                        assert answer.status == 404, (place, file.name)
                    else:
                        assert answer.status == 200 and answer.body == version.bytes, (place, file.name, len(answer.body), version)
