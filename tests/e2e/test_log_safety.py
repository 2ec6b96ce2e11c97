# SPDX-License-Identifier: BSD-2-Clause
"""Logs in a folder of the workers' user: what is planted there does not lead root astray."""

import os
import re
import signal
import time

import pytest

from harness import request, wait_until

NOBODY = 65534
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root has something to give away")


def prepare(weir, options="", **kwargs):
    """The folder "own" is the workers' user's, the file "secret" is root's."""
    server = weir(start=False, main="user nobody;", http="log_format u '$request_uri';", files={"html/a": "a", "secret": "secret\n"},
                  server=f"access_log own/a.log u {options}; keepalive_requests 100000;", **kwargs)
    (server.prefix / "own").mkdir()
    os.chown(server.prefix / "own", NOBODY, NOBODY)
    os.chmod(server.prefix / "secret", 0o600)
    return server


def log_of(server):
    return server.prefix / "own/a.log"


def is_untouched(server):
    secret = server.prefix / "secret"
    stat = secret.stat()
    return secret.read_text() == "secret\n" and (stat.st_uid, stat.st_mode & 0o777) == (0, 0o600)


def plant(server, kind, path):
    if kind == "hard":
        os.link(server.prefix / "secret", path)
    else:
        os.symlink(server.prefix / "secret", path)
        os.lchown(path, NOBODY, NOBODY)


@pytest.mark.parametrize("kind, told", [("symbolic", "is a symbolic link"), ("hard", r"is a file that has other names \(hard links\), too")])
@pytest.mark.parametrize("main", ["", "master_process off;"])
def test_link_that_was_planted_is_not_opened_anew(weir, kind, told, main):
    server = prepare(weir)
    server.template = server.template.replace("user nobody;", "user nobody;" + main)
    server.start()
    server.get("/a?1")
    os.rename(log_of(server), server.prefix / "own/old")
    plant(server, kind, log_of(server))
    server.send_signal(signal.SIGUSR1)
    server.wait_log(rf'\[error\] .*own/a\.log" is not opened: "a\.log" in "{server.prefix}/own" {told}, and others than root may change that folder')
    server.get("/a?2")
    wait_until(lambda: (server.prefix / "own/old").read_text() == "/a?1\n/a?2\n", "the lines in the file that was open")
    assert is_untouched(server)
    os.unlink(log_of(server))
    server.send_signal(signal.SIGUSR1)
    wait_until(lambda: log_of(server).exists(), "the log to be made anew")
    server.get("/a?3")
    wait_until(lambda: log_of(server).read_text() == "/a?3\n", "the line")
    if main == "":
        assert log_of(server).stat().st_uid == NOBODY


@pytest.mark.parametrize("kind", ["symbolic", "hard"])
def test_link_that_was_planted_stops_the_start(weir, kind):
    server = prepare(weir)
    plant(server, kind, log_of(server))
    server.write_conf()
    done = server.run("-g", "daemon off;")
    assert done.returncode == 1
    assert re.search(r'\[emerg\] "[^"]*own/a\.log" is not opened: .* name the file itself in the configuration, or let the folders be root\'s alone', done.stderr)
    assert is_untouched(server)


def test_folder_above_that_is_not_roots_is_enough(weir):
    server = prepare(weir)
    (server.prefix / "own/deep").mkdir()
    server.template = server.template.replace("own/a.log", "own/deep/a.log")
    plant(server, "symbolic", server.prefix / "own/deep/a.log")
    server.write_conf()
    done = server.run("-g", "daemon off;")
    assert done.returncode == 1 and "is a symbolic link" in done.stderr
    assert is_untouched(server)


def test_link_that_root_made_is_followed(weir):
    server = prepare(weir)
    server.template = server.template.replace("own/a.log", "link/b.log")
    (server.prefix / "elsewhere").mkdir()
    os.symlink("elsewhere", server.prefix / "link")
    os.symlink("../own/c.log", server.prefix / "elsewhere/b.log")
    server.start()
    server.get("/a?1")
    wait_until(lambda: (server.prefix / "own/c.log").read_text() == "/a?1\n", "the line")
    os.rename(server.prefix / "own/c.log", server.prefix / "own/d.log")
    server.send_signal(signal.SIGUSR1)
    wait_until(lambda: (server.prefix / "own/c.log").exists(), "the log to be made anew")


def test_rotation_is_not_led_astray(weir):
    server = prepare(weir, "rotate=daily keep=1")
    log_of(server).write_text("/old\n")
    os.chown(log_of(server), NOBODY, NOBODY)
    then = time.time() - 86400
    os.utime(log_of(server), (then, then))
    day = time.strftime("-%Y%m%d", time.localtime(then))
    plant(server, "symbolic", server.prefix / f"own/a.log{day}")
    plant(server, "hard", server.prefix / "own/a.log-20250101")
    server.start()
    server.get("/a")
    wait_until(lambda: log_of(server).read_text() == "/a\n", "the line")
    assert (server.prefix / f"own/a.log{day}.1").read_text() == "/old\n"
    assert (server.prefix / f"own/a.log{day}").is_symlink()         # no former file
    assert not (server.prefix / "own/a.log-20250101").exists()      # one of its names is gone, no more
    assert is_untouched(server)
    stat = log_of(server).stat()
    assert (stat.st_uid, stat.st_gid, stat.st_mode & 0o777) == (NOBODY, NOBODY, 0o644)


@pytest.mark.parametrize("kind, told", [("symbolic", "is a symbolic link"), ("hard", "is a file that has other names")])
def test_rotation_gives_up_what_is_a_link_by_now(weir, kind, told):
    server = prepare(weir, "rotate=4k")
    server.start()
    os.rename(log_of(server), server.prefix / "own/old")
    plant(server, kind, log_of(server))
    with server.connect() as client:
        for _ in range(100):
            client.ask(request("/a?" + "x" * 60))
    server.wait_log(rf"\[error\] .*{told}.*; it is not rotated, and written to as before")
    time.sleep(2.5)                     # it looks each second
    assert server.log_text().count("is not opened") == 1
    assert is_untouched(server)
    assert len((server.prefix / "own/old").read_text().splitlines()) == 100
