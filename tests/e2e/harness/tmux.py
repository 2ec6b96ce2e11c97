# SPDX-License-Identifier: BSD-2-Clause
"""A terminal of a test's own, to see what a program draws on it and to type: tmux, with a server of its own."""

import os
import shutil
import signal
import subprocess
import tempfile

from harness.server import children_of
from harness.wait import wait_until


class Terminal:
    """A shell in a terminal of that size; its prompt is "$ "."""

    def __init__(self, width=80, height=24, env=()):
        self.folder = tempfile.mkdtemp(prefix="weir-tmux-")
        self.env = {"PATH": os.environ["PATH"], "HOME": self.folder, "LC_ALL": "C.UTF-8", "TERM": "xterm", **dict(env)}
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", str(width), "-y", str(height), "exec sh")
        self.wait(str.strip, "a prompt")
        self.run("PS1='$ '; clear")
        self.wait(lambda text: text.startswith("$ ") or text.startswith("$\n"), "the prompt")

    @staticmethod
    def is_there():
        return shutil.which("tmux") is not None

    def tmux(self, *args):
        return subprocess.run(["tmux", "-S", f"{self.folder}/socket", *args], check=True, capture_output=True, text=True,
                              env=self.env, timeout=20).stdout

    def text(self, *options):
        return self.tmux("capture-pane", "-p", *options)

    def lines(self):
        return self.text().rstrip("\n").split("\n")

    def keys(self, *keys):
        self.tmux("send-keys", *keys)

    def run(self, command):
        self.tmux("send-keys", "-l", command)
        self.keys("Enter")

    def resize(self, width, height):
        self.tmux("resize-window", "-x", str(width), "-y", str(height))

    def flag(self, name):
        """Of the terminal: alternate_on, cursor_flag …"""
        return self.tmux("display-message", "-p", "#{%s}" % name).strip()

    def wait(self, condition, what, timeout=10):
        seen = ""

        def holds():
            nonlocal seen
            seen = self.text()
            return condition(seen)
        try:
            return wait_until(holds, what, timeout)
        except AssertionError as problem:
            raise AssertionError(f"{problem}; the terminal shows:\n{seen}") from None

    def _end_programs(self):
        """Whatever still runs in it: a leak checker that the end of its terminal interrupts would go on for ever."""
        panes = subprocess.run(["tmux", "-S", f"{self.folder}/socket", "list-panes", "-a", "-F", "#{pane_pid}"], capture_output=True, text=True,
                               env=self.env).stdout.split()
        programs = [int(pane) for pane in panes]
        for pid in programs:                # grows: those of those
            programs += children_of(pid)
        for pid in programs[len(panes):]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def close(self):
        self._end_programs()
        subprocess.run(["tmux", "-S", f"{self.folder}/socket", "kill-server"], capture_output=True, env=self.env)
        shutil.rmtree(self.folder, ignore_errors=True)
