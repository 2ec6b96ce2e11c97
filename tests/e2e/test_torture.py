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
import subprocess
import sys
import threading
import time

import pytest

from harness import ProtocolError, binary, request
from torture_judge import Judge
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
