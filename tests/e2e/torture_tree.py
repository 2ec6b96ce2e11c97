# SPDX-License-Identifier: BSD-2-Clause
"""
A tree of files that is changed in all the ways in which people change what is served, and a history of it, so that each answer
can be judged: which versions may it be of?

Each version of a file has bytes of its own at every place: its path and number in each 16 bytes, mixed with the place. So no
two versions share a piece, and none can be taken for another. Sizes differ, too, as entity tags are made of second and size.
"""

import functools
import os
import random
import threading
import time
from dataclasses import dataclass

LARGEST = 500_000
SIZES = [0, 16, 1000, 4090, 8000, 20_000, 32_000, 70_000, 300_000]
PLACES = int.from_bytes(b"".join(b"%015x\n" % i for i in range(LARGEST // 16 + 1)), "little")


@functools.lru_cache(maxsize=400)
def content(path, number, size):
    unit = b"%04x%012x" % (path, number)
    whole = int.from_bytes(unit * (size // 16 + 1), "little") ^ (PLACES & ((1 << (8 * (size + 16))) - 1))
    return whole.to_bytes(size + 32, "little")[:size]


@dataclass
class Version:
    path: int
    number: int
    size: int | None            # None: there is no file
    begin: float                # before the change
    end: float = None           # after it; None: it is under way

    @property
    def bytes(self):
        return content(self.path, self.number, self.size)


class File:
    """One name, and what has stood there. `whole`: it is only ever replaced at one blow."""

    def __init__(self, name, path, kind):
        self.name, self.path, self.kind = name, path, kind
        self.whole = kind not in ("inplace", "truncate")
        self.history = []

    def begin(self, size):
        number = self.history[-1].number + 1 if self.history else 1
        if size:
            size = min(size + number % 64 * 16, LARGEST)
        version = Version(self.path, number, size, time.monotonic())
        self.history = self.history[-200:] + [version]
        return version

    def end(self):
        self.history[-1].end = time.monotonic()

    def possible(self, since, until):
        """Versions that stood there at any time between the two, or may have."""
        history = self.history
        found = []
        for version, following in zip(history, history[1:] + [None]):
            gone = following.end if following else None
            if version.begin <= until and (gone is None or gone >= since):
                found.append(version)
        return found


class Tree:
    KINDS = ("rename", "delete", "inplace", "truncate")

    def __init__(self, root, seed=1, each=3):
        self.root = str(root)
        self.random = random.Random(seed)
        self.files, self.links = [], []
        self.changes = 0
        for kind in self.KINDS:
            os.mkdir(f"{self.root}/{kind}")
            os.chmod(f"{self.root}/{kind}", 0o755)
            self.files += [File(f"{kind}/{i}", len(self.files) + i, kind) for i in range(each)]
        self.links = [File(f"site/{i}", 1000 + i, "link") for i in range(each)]
        self.release = 0
        for file in self.files:
            self._replace(file, self._size())
        self._deploy()
        self._stop = threading.Event()
        self._threads = []

    def all(self):
        return self.files + self.links

    # ---- changes

    def _size(self):
        return self.random.choice(SIZES)

    def _write(self, name, data):
        with open(name, "wb", buffering=0) as out:
            out.write(data)
            os.fchmod(out.fileno(), 0o644)

    def _replace(self, file, size):
        version = file.begin(size)
        place = f"{self.root}/{file.name}"
        self._write(place + ".new", version.bytes)
        if self.random.random() < 0.1:
            self._chill(place + ".new")
        os.rename(place + ".new", place)
        file.end()

    @staticmethod
    def _chill(name):
        fd = os.open(name, os.O_RDONLY)
        os.fsync(fd)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(fd)

    def _delete(self, file):
        file.begin(None)
        os.unlink(f"{self.root}/{file.name}")
        file.end()

    def _overwrite(self, file, size):
        """Piece by piece from the front, then the end is cut off: as rsync --inplace does."""
        version = file.begin(size)
        data = version.bytes
        fd = os.open(f"{self.root}/{file.name}", os.O_WRONLY)
        for at in range(0, len(data), 50_000):
            os.pwrite(fd, data[at:at + 50_000], at)
        os.ftruncate(fd, len(data))
        os.close(fd)
        file.end()

    def _truncate(self, file, size):
        """Emptied, then written anew: as cp does."""
        version = file.begin(size)
        data = version.bytes
        fd = os.open(f"{self.root}/{file.name}", os.O_WRONLY | os.O_TRUNC)
        for at in range(0, len(data), 50_000):
            os.write(fd, data[at:at + 50_000])
        os.close(fd)
        file.end()

    def _deploy(self):
        """A new release in a folder of its own, then the link "site" leads there."""
        old, self.release = self.release, self.release + 1
        folder = f"{self.root}/release-{self.release}"
        os.mkdir(folder)
        os.chmod(folder, 0o755)
        sizes = [self._size() for _ in self.links]
        for file, size in zip(self.links, sizes):
            self._write(f"{folder}/{file.name[5:]}", file.begin(size).bytes)
        os.symlink(f"release-{self.release}", f"{self.root}/site.new")
        os.rename(f"{self.root}/site.new", f"{self.root}/site")
        for file in self.links:
            file.end()
        if old > 1:
            for name in os.listdir(f"{self.root}/release-{old - 1}"):
                os.unlink(f"{self.root}/release-{old - 1}/{name}")
            os.rmdir(f"{self.root}/release-{old - 1}")

    def change(self, file):
        """None: a new release."""
        self.changes += 1
        if file is None:
            self._deploy()
        elif file.kind == "rename":
            self._replace(file, self._size())
        elif file.kind == "delete" and file.history[-1].size is not None:
            self._delete(file)
        elif file.kind == "delete":
            self._replace(file, self._size())
        elif file.kind == "inplace":
            self._overwrite(file, self._size())
        else:
            self._truncate(file, self._size())

    # ---- its life

    def _run(self, files, pause):
        while not self._stop.is_set():
            self.change(self.random.choice(files))
            self._stop.wait(self.random.choice(pause))

    def start(self, threads=3, pause=(0, 0, 0, 0.001, 0.02)):
        files = self.files + [None]
        self._stop.clear()
        self._threads = [threading.Thread(target=self._run, args=[files[i::threads], pause]) for i in range(threads)]
        for thread in self._threads:
            thread.start()

    def stop(self):
        self._stop.set()
        for thread in self._threads:
            thread.join()
