# SPDX-License-Identifier: BSD-2-Clause
"""Logs that are pipes, devices, or gone: nobody waits for them, lines are lost whole, and counted."""

import contextlib
import os
import re
import shutil
import signal

import pytest

from harness import request, wait_until

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


METRICS = "location = /metrics { metrics; access_log off; }"


def lost(server):
    return int(re.search(r"^weir_log_lines_lost(?:_total)?(?:\{.*\})? (\d+)$", server.get("/metrics").body.decode(), re.M)[1])


@pytest.mark.parametrize("kind", ["access", "error"])
def test_pipe_without_a_reader_waits_for_one(weir, kind):
    line = "access_log logs/pipe u;" if kind == "access" else "error_log logs/pipe info;"
    server = weir(start=False, http="log_format u '$request_uri';", server=line + METRICS, files={"html/a": "a"})
    os.mkfifo(server.prefix / "logs/pipe", 0o666)
    server.start()
    target = "/a" if kind == "access" else "/none"
    assert server.get(target).status == (200 if kind == "access" else 404)
    fd = os.open(server.prefix / "logs/pipe", os.O_RDONLY | os.O_NONBLOCK)
    wait_until(lambda: target.encode() in read_all(fd, 4096), "the line")
    os.close(fd)
    assert server.get(target).status in (200, 404)
    assert lost(server) == 0


@pytest.mark.parametrize("options", ["", "buffer=4k flush=10ms"])
def test_full_device_costs_lines_alone(weir, options):
    server = weir(http="log_format u '$request_uri';", server=f"access_log /dev/full u {options};" + METRICS, files={"html/a": "a"}, allow=["No space left"])
    for _ in range(3):
        assert server.get("/a").status == 200
    wait_until(lambda: lost(server) > 0, "the loss to be counted")
    assert 'write() to "/dev/full" failed (28: No space left on device)' in server.said()


def test_folder_that_vanished_is_told_and_nobody_waits(weir):
    server = weir(http="log_format u '$request_uri';", server="access_log own/a.log u;" + METRICS, files={"html/a": "a", "own/x": ""}, allow=["No such file"])
    shutil.rmtree(server.prefix / "own")
    server.send_signal(signal.SIGUSR1)
    server.wait_log(r'open\(\) "[^"]*own/a\.log" failed; the file that was open goes on to be written \(2: No such file')
    assert server.get("/a").status == 200
    (server.prefix / "own").mkdir()
    server.send_signal(signal.SIGUSR1)
    wait_until(lambda: (server.prefix / "own/a.log").exists(), "the log to be made anew")
    server.get("/a?new")
    wait_until(lambda: (server.prefix / "own/a.log").read_text() == "/a?new\n", "the line")
