# SPDX-License-Identifier: BSD-2-Clause
"""Files of users: how often a large one is read."""

import os
import time

import pytest

from harness import wait_until

USERS = "".join(f"user{i}:{{PLAIN}}secret\n" for i in range(40_000)) + "u:{PLAIN}secret\n"
FIELD = "Authorization: Basic dTpzZWNyZXQ="


def bytes_read(server):
    with open(f"/proc/{server.wait_workers()[0]}/io", encoding="ascii") as io:
        return int(io.readline().split()[1])


@pytest.mark.skipif(os.geteuid() != 0, reason="others may not look at what a worker reads")
def test_file_is_read_once_soon_after_it_was_changed(weir):
    server = weir(server="auth_basic r; auth_basic_user_file users;", files={"html/a": "a", "users": USERS})
    os.utime(server.prefix / "users")
    changed = time.monotonic()

    def is_kept():
        before = bytes_read(server)
        assert server.get("/a", FIELD).status == 200
        return bytes_read(server) - before < len(USERS)

    server.get("/a", FIELD)
    wait_until(is_kept, "the file to be kept")
    assert time.monotonic() - changed < 1.5     # where times have whole seconds it would be two
