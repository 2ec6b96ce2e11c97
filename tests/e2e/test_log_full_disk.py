# SPDX-License-Identifier: BSD-2-Clause
"""Logs on a disk that is full for a while: lines are lost whole, and what is there can be read, before that time and behind it."""

import gzip
import os
import re
import resource
import subprocess

import pytest

from harness import request


@pytest.fixture
def disk(tmp_path):
    """A disk of 128k, half of which the file "ballast" takes."""
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=128k,mode=755", "none", tmp_path], capture_output=True).returncode != 0:
        pytest.skip("nothing can be mounted here")
    (tmp_path / "ballast").write_bytes(b"b" * 65536)
    yield tmp_path
    subprocess.run(["umount", "-l", tmp_path], check=True)


def ask(server, count):
    with server.connect() as client:
        for _ in range(0, count, 100):
            client.send(request("/a") * 100)
            for _ in range(100):
                assert client.read().status == 200


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("options", ["", "buffer=10k", "gzip buffer=10k"])
def test_log_goes_on_when_there_is_room_again(weir, disk, options, workers):
    server = weir(http="log_format u '$request_id $request_id $request_id';", server=f"access_log {disk}/log u {options}; keepalive_requests 100000;",
                  files={"html/a": "a"}, workers=workers, allow=["No space left"])
    read = gzip.decompress if "gzip" in options else bytes
    while "No space left" not in server.said():
        ask(server, 500)
    full = (disk / "log").stat().st_size
    (disk / "ballast").unlink()
    ask(server, 500)
    server.stop()
    assert (disk / "log").stat().st_size > full
    lines = read((disk / "log").read_bytes()).decode().splitlines(keepends=True)
    assert [line for line in lines if not re.fullmatch(r"([0-9a-f]{32}) \1 \1\n", line)] == []
    assert len(lines) > 500


def test_largest_size_of_a_file_costs_lines_alone(weir):
    server = weir(start=False, server="keepalive_requests 100000;", files={"html/a": "a"}, allow=["File too large"])
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (32768, limits[1]))
    try:
        server.start()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    workers = server.wait_workers()
    while "File too large" not in server.said():
        ask(server, 500)
    assert server.wait_workers() == workers
    assert server.access_log.stat().st_size <= 32768
    assert server.access_text().endswith("\n")
