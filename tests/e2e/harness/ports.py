# SPDX-License-Identifier: BSD-2-Clause
"""Free ports that no other test process takes in between.

A port below the system's ephemeral range is claimed by binding an abstract Unix socket of its name: the claim is visible to
every test process of the machine and goes with the process that holds it. Strangers are found out by binding the port itself.
"""

import os
import random
import socket

FIRST, LAST = 10240, 32000


class PortClaim:
    def __init__(self, port, lock):
        self.port = port
        self._lock = lock

    def release(self):
        self._lock.close()


def _is_free(port):
    for family, host in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
        try:
            probe = socket.socket(family, socket.SOCK_STREAM)
        except OSError:
            continue
        with probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            try:
                probe.bind((host, port))
            except OSError as error:
                if error.errno == 99:      # no such address: a machine without IPv6
                    continue
                return False
    return True


def claim_port():
    chooser = random.Random(os.urandom(8))
    for _ in range(1000):
        port = chooser.randint(FIRST, LAST)
        lock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            lock.bind(f"\0weir-e2e-port-{port}")
        except OSError:
            lock.close()
            continue
        if _is_free(port):
            return PortClaim(port, lock)
        lock.close()
    raise RuntimeError("no free port")
