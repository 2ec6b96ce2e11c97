# SPDX-License-Identifier: BSD-2-Clause
"""The calls of a weir made to fail: what src/base/faults.h calls a struct faults, in a file that weir and a test share."""

import functools
import mmap
import os
import shutil
import struct
import subprocess

from harness.server import binary

HEAD = struct.Struct("=QIIII32sQQII32s12I")     # struct faults before its calls
CALL = struct.Struct("=II24s")
CALLS_MAX = 1 << 16
NEVER = 1 << 63


@functools.cache
def can_fail():
    """Whether it is a debug build."""
    said = subprocess.run([binary(), "-V"], capture_output=True, text=True, timeout=60)
    return "--with-debug" in said.stderr


@functools.cache
def place_of(offset):
    """function (file:line) of a return address."""
    if shutil.which("addr2line") is None:
        return hex(offset)
    said = subprocess.run(["addr2line", "-f", "-s", "-e", binary(), hex(offset - 1)], capture_output=True, text=True, timeout=60)
    return " at ".join(said.stdout.split("\n")[:2])


class Faults:
    def __init__(self, path):
        self.path = path
        with open(path, "wb") as file:
            file.truncate(HEAD.size + CALL.size * CALLS_MAX)
        os.chmod(path, 0o666)
        self._file = open(path, "r+b")
        self._map = mmap.mmap(self._file.fileno(), 0)

    def close(self):
        self._map.close()
        self._file.close()

    @property
    def environment(self):
        return {"WEIR_FAIL": f"@{self.path}"}

    def arm(self, at, way=0, goes_on=False, pid=0, only=""):
        """From now on the at-th call fails, in the given way (from 0)."""
        self._map[:8] = bytes(8)
        self._map[8:HEAD.size] = HEAD.pack(0, way, goes_on, pid, 0, only.encode(), 0, 0, 0, 0, b"", *[0] * 12)[8:]
        self._map[:8] = struct.pack("=Q", at)

    def count(self, way=0, pid=0):
        """From now on calls are counted, and none fails."""
        self.arm(NEVER, way, pid=pid)

    def disarm(self):
        self._map[:8] = bytes(8)

    def _head(self):
        return HEAD.unpack_from(self._map)

    @property
    def met(self):
        return self._head()[6]

    @property
    def failed(self):
        return self._head()[7]

    @property
    def first(self):
        """What failed first, in words."""
        head = self._head()
        places = [place_of(offset) for offset in head[11:11 + min(head[9], 12)]]
        return f"{head[10].split(bytes(1))[0].decode()}() of {head[8]} in " + " < ".join(places)

    def calls(self):
        """(name, return address, hash of the way that led there) of each call that counted, in turn."""
        for index in range(min(self.met, CALLS_MAX)):
            at, way_here, name = CALL.unpack_from(self._map, HEAD.size + index * CALL.size)
            yield name.split(b"\0")[0].decode(), at, way_here
