# SPDX-License-Identifier: BSD-2-Clause
"""Requests for files of a tree that changes meanwhile (torture_tree.py), and what their answers have to be (test_torture.py)."""

import gzip
import re
import time

from harness import request


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

    def __init__(self, file, place, behind, rng, tags, query=""):
        self.file, self.place, self.behind, self.tags, self.query = file, place, behind, tags, query
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
        return request(f"/{self.place}/{self.file.name}{self.query}", *self.fields, method=self.method)

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
