# SPDX-License-Identifier: BSD-2-Clause
"""A syslog server of a test's own: what was sent to it, message by message."""

import contextlib
import os
import socket


class Syslog:
    def __init__(self, path=None, family=socket.AF_INET, host="127.0.0.1"):
        """path: of a Unix socket; none: a port of `host`."""
        self.path = path
        self.socket = socket.socket(socket.AF_UNIX if path else family, socket.SOCK_DGRAM)
        self.socket.bind(str(path) if path else (host, 0))
        self.socket.settimeout(10)
        if path:
            os.chmod(path, 0o777)

    @property
    def port(self):
        return self.socket.getsockname()[1]

    def read(self):
        return self.socket.recv(1 << 17).decode(errors="surrogateescape")

    def is_silent(self):
        """Whether nothing has come that was not read."""
        self.socket.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            self.socket.recv(1 << 17, socket.MSG_PEEK)
            return False
        self.socket.settimeout(10)
        return True

    def close(self):
        self.socket.close()
        if self.path:
            os.unlink(self.path)
