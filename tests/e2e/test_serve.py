# SPDX-License-Identifier: BSD-2-Clause
"""weir serve DIR: no conf file, no root; prints where, and Ctrl-C ends it."""

import contextlib
import os
import re
import signal
import socket
import subprocess

import pytest

from harness import Client, binary, request, run_weir, wait_until
from harness.ports import claim_port
from harness.server import environment, make_folder, remove_folder, sanitizer_reports


class Serving:
    def __init__(self, prefix, process):
        self.prefix, self.process = prefix, process
        self.port = None

    def output(self):
        return (self.prefix / "out").read_text(errors="replace")

    def url(self):
        found = wait_until(lambda: re.search(r"http://[\w.\[\]:-]+:(\d+)/", self.output()) or self.process.poll() is not None, "the URL")
        assert found is not True, self.output()
        self.port = int(found[1])
        return found[0]

    def get(self, target):
        with Client(("127.0.0.1", self.port)) as client:
            return client.ask(request(target))


@contextlib.contextmanager
def serve(*args, **kwargs):
    prefix = make_folder()
    (prefix / "html/index.html").write_text("served\n")
    (prefix / "html/a.txt").write_text("text\n")
    (prefix / "html/folder").mkdir()
    (prefix / "html/folder").chmod(0o755)
    with open(prefix / "out", "wb") as out:
        process = subprocess.Popen([binary(), "serve", *[arg.replace("{prefix}", str(prefix)) for arg in args]], stdin=subprocess.DEVNULL,
                                   stdout=out, stderr=out, cwd=prefix / "html", start_new_session=True, env=environment(prefix), **kwargs)
    try:
        yield Serving(prefix, process)
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
        assert not sanitizer_reports(prefix)
        assert not re.search(r"\[(alert|crit|emerg)\]", (prefix / "out").read_text(errors="replace"))
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        remove_folder(prefix)


def listen():
    claim = claim_port()
    return claim, f"127.0.0.1:{claim.port}"


def test_folder_is_served_where_it_says():
    with serve("{prefix}/html") as serving:
        serving.url()
        assert serving.get("/").body == b"served\n"
        assert serving.get("/a.txt").body == b"text\n"
        assert serving.get("/none").status == 404


def test_folder_here_is_the_default():
    with serve() as serving:
        serving.url()
        assert serving.get("/a.txt").body == b"text\n"


def test_address_may_be_given():
    claim, address = listen()
    with serve("{prefix}/html", "--listen", address) as serving:
        assert serving.url().endswith(f":{claim.port}/")
        assert serving.get("/").body == b"served\n"


def test_another_port_is_taken_when_8080_is_not_free():
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)

        def take():
            try:
                taken.bind(("0.0.0.0", 8080))
            except OSError:                     # a test beside this one may have it for a moment
                return False
            taken.listen()
            return True
        with contextlib.suppress(AssertionError):   # a stranger has it for good: that will do as well
            wait_until(take, "port 8080", 5)
        with serve("{prefix}/html") as serving:
            serving.url()
            assert serving.port != 8080
            assert serving.get("/").body == b"served\n"


def test_requests_are_shown():
    with serve("{prefix}/html") as serving:
        serving.url()
        serving.get("/a.txt?shown")
        wait_until(lambda: re.search(r"GET /a\.txt\?shown .*200", serving.output()), "the line of the request")


def test_types_of_common_files_are_known():
    with serve("{prefix}/html") as serving:
        serving.url()
        for name, kind in (("a.css", "text/css"), ("a.js", "javascript"), ("a.svg", "image/svg+xml"), ("a.png", "image/png")):
            (serving.prefix / "html" / name).write_text("x")
            assert kind in serving.get(f"/{name}").get("Content-Type")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGQUIT])
def test_signal_ends_it_with_0(number):
    with serve("{prefix}/html") as serving:
        serving.url()
        serving.process.send_signal(number)
        assert serving.process.wait(10) == 0


def test_ctrl_c_reaches_the_whole_group_and_ends_it_with_0():
    with serve("{prefix}/html") as serving:
        serving.url()
        os.killpg(serving.process.pid, signal.SIGINT)
        assert serving.process.wait(10) == 0


def test_it_leaves_nothing_in_the_folder():
    with serve("{prefix}/html") as serving:
        serving.url()
        serving.get("/")
        before = sorted(os.listdir(serving.prefix / "html"))
        assert before == ["a.txt", "folder", "index.html"]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody else")
def test_it_needs_no_root():
    with serve("{prefix}/html", user=65534, group=65534, extra_groups=[]) as serving:
        serving.url()
        assert serving.get("/").body == b"served\n"


@pytest.mark.parametrize("args, text", [
    (["nowhere"], "nowhere"), (["--listen", "127.0.0.1:99999"], "99999"), (["--listen"], "--listen"), (["--what"], "--what"),
    (["weir.conf"], "weir.conf"),
])
def test_what_cannot_be_served_is_told(folder, args, text):
    (folder / "weir.conf").write_text("")
    done = run_weir(folder, "serve", *args, timeout=10)
    assert done.returncode == 1 and text in done.stderr
