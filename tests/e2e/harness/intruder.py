# SPDX-License-Identifier: BSD-2-Clause
"""A process of weir's that somebody has taken over (src/proc/taken_over.h, in debug builds), and what its walls can be made of here."""

import ctypes
import errno
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile

import pytest

from harness.server import binary


def is_sanitized():
    return b"__asan_init" in pathlib.Path(binary()).read_bytes()


def landlock_version():
    return max(ctypes.CDLL(None, use_errno=True).syscall(444, None, 0, 1), 0)


root_only = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
with_landlock = pytest.mark.skipif(landlock_version() == 0, reason="the kernel has no Landlock")
with_seccomp = pytest.mark.skipif("libseccomp none" in subprocess.run([binary(), "-V"], capture_output=True, text=True).stderr,
                                  reason="built without libseccomp")
taken_over = pytest.mark.skipif(b"WEIR_TAKEN_OVER" not in pathlib.Path(binary()).read_bytes(), reason="a release build has no such thing")


def status_of(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)


def capabilities(pid):
    status = status_of(pid)
    return {name: int(status["Cap" + name], 16) for name in ("Inh", "Prm", "Eff", "Bnd", "Amb")}


class Intruder:
    """Has a process make system calls; each gives the error's name, or "ok". What is started between listen() and accept() calls."""

    def __init__(self, monkeypatch):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="weir-in-"))
        self.folder.chmod(0o755)
        self.line = None
        monkeypatch.setenv("WEIR_TAKEN_OVER", str(self.folder / "line"))

    def listen(self):
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        (self.folder / "line").unlink(missing_ok=True)
        self.listener.bind(str(self.folder / "line"))
        os.chmod(self.folder / "line", 0o777)
        self.listener.listen()
        self.listener.settimeout(20)

    def accept(self):
        if self.line:
            self.line.close()
        self.line, _ = self.listener.accept()
        self.line.settimeout(20)
        self.listener.close()

    def __call__(self, *words):
        self.line.send(" ".join(map(str, words)).encode())
        return errno.errorcode.get(int(self.line.recv(100)), "ok")

    def close(self):
        if self.line:
            self.line.close()
        shutil.rmtree(self.folder)
