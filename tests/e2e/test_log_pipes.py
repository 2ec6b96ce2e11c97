# SPDX-License-Identifier: BSD-2-Clause
"""Logs that are pipes: a reader that is slow loses lines, but none by half."""

import contextlib
import os
import re

import pytest

from harness import request

AGENT = "User-Agent: " + "x" * 90


def read_all(fd, most):
    with contextlib.suppress(BlockingIOError):
        return os.read(fd, most)
    return b""


@pytest.mark.parametrize("options", ["", "buffer=4k", "buffer=64k"])
def test_lines_are_lost_whole(weir, options):
    server = weir(start=False, allow=["Resource temporarily"], http="log_format u '$request_uri $http_user_agent';",
                  server=f"access_log logs/pipe u {options}; keepalive_requests 10000;", files={"html/a": "a"})
    os.mkfifo(server.prefix / "logs/pipe", 0o666)
    fd = os.open(server.prefix / "logs/pipe", os.O_RDONLY | os.O_NONBLOCK)
    server.start()
    data = b""
    with server.connect() as client:
        for turn in range(30):
            client.send(b"".join(request(f"/a?{turn}-{n}", AGENT) for n in range(100)))
            for _ in range(100):
                client.read()
            if turn % 5 == 4:
                data += read_all(fd, 3000)      # not at the end of a line, as it happens
    server.stop()
    while (more := read_all(fd, 65536)):
        data += more
    os.close(fd)
    lines = data.decode().splitlines(keepends=True)
    assert [line for line in lines if not re.fullmatch(r"/a\?\d+-\d+ x{90}\n", line)] == []
    assert 400 < len(lines) < 3000      # a full pipe, and what was read from it meanwhile
