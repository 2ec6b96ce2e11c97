# SPDX-License-Identifier: BSD-2-Clause
"""weir top: the numbers as they move, on a terminal."""

import os
import pty
import re
import shlex
import signal
import subprocess

import pytest

from harness import request, wait_until
from harness.server import children_of, is_alive, run_weir
from harness.tmux import Terminal

needs_tmux = pytest.mark.skipif(not Terminal.is_there(), reason="tmux is missing")
CONF = "server_name a.example; location / { return 200 ok; } location /no { return 404; }"
HOST = "Host: a.example"


@pytest.fixture
def terminal():
    opened = []

    def begin(*args, **kwargs):
        opened.append(Terminal(*args, **kwargs))
        return opened[-1]
    yield begin
    for one in opened:
        one.close()


def command(server, *options):
    """As it is typed."""
    return shlex.join([server.command()[0], "top", "-p", f"{server.prefix}/", "-c", str(server.conf_path), *options])


def watch(terminal, server, *options):
    terminal.run("clear; echo before; " + command(server, "--interval", "100ms", *options))
    terminal.wait(lambda text: text.startswith("weir "), "weir top")


def row_of(text, word):
    return next(line for line in text.split("\n") if word in line)


@needs_tmux
def test_numbers_move_and_the_screen_is_restored(weir, terminal):
    server = weir(server=CONF, workers=2)
    t = terminal()
    watch(t, server)
    assert t.flag("alternate_on") == "1" and t.flag("cursor_flag") == "0"
    with server.connect() as client:
        def busy(text):
            client.ask(request("/"))
            client.ask(request("/no"))
            found = re.search(r"requests/s +([0-9.]+)  2xx +([0-9.]+)  3xx +0  4xx +([0-9.]+)  5xx +0 ", text)
            return found and all(float(number) > 0 for number in found.groups())
        t.wait(busy, "rates")
        t.wait(lambda text: busy(text) and re.search(r"p50 +0\.\d+  p90 +\d", text), "latencies")
        text = t.text()
        assert re.fullmatch(r"weir [0-9.]+  up \d+ s  generation 1  2 workers", text.split("\n")[0])
        assert "no reload yet" in text and "open 1 of 508" in text
        for pid in server.workers():
            assert re.search(rf"^ *{pid} +1 serving \[[RWL=.]{{20}}\] ", text, re.M)
        t.wait(lambda text: re.search(r"\[=\.{19}\] +1 ", text), "the idle connection in the pool")
        assert row_of(text, " a.example").split()[-1] == "a.example"
        assert t.lines()[-1] == "q quit  p pause  +- 0.1 s  s sort: requests  c connections"
    t.keys("q")
    t.wait(lambda text: text.startswith("before\n$"), "the shell's screen")
    assert t.flag("alternate_on") == "0" and t.flag("cursor_flag") == "1"
    t.run("echo status $?; stty -a | tr ' ' '\\n' | grep -x -e icanon -e echo")
    t.wait(lambda text: "\nstatus 0\nicanon\necho\n" in text, "a shell that works")


@needs_tmux
def test_terminal_changes_its_size(weir, terminal):
    server = weir(server=CONF, workers=2)
    t = terminal()
    watch(t, server)
    t.resize(60, 10)
    t.wait(lambda text: text.rstrip("\n").split("\n")[-1].startswith("q quit") and "REFUS/S" not in text and "HOST" not in text,
           "less")
    assert len(t.lines()) == 10
    t.resize(200, 40)
    t.wait(lambda text: re.search(r"serving \[\.{100}\] ", text) and "a.example" in text, "more")
    assert len(t.lines()) == 40
    t.resize(5, 2)
    t.wait(lambda text: text.startswith("weir \n") or text.startswith("weir\n"), "next to nothing")
    t.resize(80, 24)
    t.wait(lambda text: "REFUS/S" in text and "a.example" in text, "all")


@needs_tmux
def test_master_goes_and_comes_back(weir, terminal):
    server = weir(server=CONF)
    t = terminal()
    watch(t, server)
    server.stop()
    t.wait(lambda text: "no master process answers, trying again (2: No such file or directory)" in text, "the news")
    assert t.flag("alternate_on") == "1"
    server.start()
    t.wait(lambda text: "trying again" not in text and str(server.wait_workers()[0]) in text, "the new master")
    t.keys("q")
    t.wait(lambda text: text.startswith("before\n$"), "the shell's screen")


@needs_tmux
def test_master_that_does_not_answer(weir, terminal):
    """Keys work all the while."""
    server = weir(server=CONF)
    t = terminal()
    watch(t, server)
    os.kill(server.pid, signal.SIGSTOP)
    try:
        t.wait(lambda text: "the master process does not answer, trying again" in text, "the news")
        t.keys("s")
        t.wait(lambda text: "sort: 4xx+5xx" in text, "the key")
    finally:
        os.kill(server.pid, signal.SIGCONT)
    t.wait(lambda text: "trying again" not in text, "the master")


@needs_tmux
def test_reload_is_told(weir, terminal):
    server = weir(server=CONF, allow=[r"\[emerg\]"])
    t = terminal()
    watch(t, server)
    assert server.run("-s", "reload").returncode == 0
    t.wait(lambda text: "generation 2" in text and re.search("last reload ok, .* UTC: the new configuration serves", text),
           "the reload")
    server.replace(server.conf_path.name, server.expand(server.template).replace("return", "retrun"))
    assert server.run("-s", "reload").returncode == 1
    t.wait(lambda text: re.search(r'last reload failed, .* UTC: weir: \[emerg\] unknown', text), "the failure")


@needs_tmux
def test_keys(weir, terminal):
    server = weir(server=CONF)
    t = terminal()
    watch(t, server)
    for order in ("4xx+5xx", "p99", "bytes", "name", "requests"):
        t.keys("s")
        t.wait(lambda text: f"sort: {order} " in text, order)
    t.keys("+")
    t.wait(lambda text: "+- 0.2 s" in text, "a longer interval")
    t.keys("-", "-", "-")
    t.wait(lambda text: "+- 0.1 s" in text, "the shortest interval")
    t.keys("p")
    t.wait(lambda text: "1 worker   paused" in text and "p go on" in text, "a pause")
    assert server.run("-s", "reload").returncode == 0
    t.keys("s")
    t.wait(lambda text: "sort: 4xx" in text, "the key")
    assert "generation 1" in t.text()
    t.keys("p")
    t.wait(lambda text: "generation 2" in text and "paused" not in text, "the end of the pause")
    t.keys("F5", "x", "Escape", "M-q")                      # nothing to us
    t.wait(lambda text: text.startswith("weir "), "weir top")


@needs_tmux
def test_connections(weir, terminal):
    server = weir(server=CONF)
    t = terminal(80, 12)
    watch(t, server)
    clients = [server.connect() for _ in range(20)]
    try:
        for client in clients:
            client.ask(request("/"))
        t.keys("c")
        t.wait(lambda text: text.split("\n")[2].split()[:5] == ["PID", "GEN", "CONNECTION", "STATE", "PEER"]
               and text.count(" idle ") == 8, "the connections")
        first = t.lines()[3]
        t.keys("Down")
        t.wait(lambda text: first not in text and text.count(" idle ") == 8, "the next")
        t.keys("Up")
        t.wait(lambda text: first in text, "the first")
        t.keys("End", "Down", "NPage")
        ports = {client.sock.getsockname()[1] for client in clients}
        t.wait(lambda text: first not in text and text.count(" idle ") == 8, "the last")
        assert {int(port) for port in re.findall(r"127\.0\.0\.1:(\d+) ", t.text())} & ports
        t.keys("Home", "Right", "Right", "Right", "Right", "Right", "Right", "Right")
        t.wait(lambda text: "QUIET s" in text and "PID" not in text, "the right side")
        t.keys("p", "c", "c")
        t.wait(lambda text: "paused" in text and text.count(" idle ") == 8, "the connections in a pause")
        t.keys("c")
        t.wait(lambda text: "requests/s" in text, "the numbers")
    finally:
        for client in clients:
            client.close()


@needs_tmux
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, "C-c"])
def test_screen_is_restored_however_it_ends(weir, terminal, how):
    server = weir(server=CONF)
    t = terminal()
    watch(t, server)
    shell = int(t.flag("pane_pid"))
    top, = children_of(shell)
    if how == "C-c":
        t.keys(how)
    else:
        os.kill(top, how)
    wait_until(lambda: not is_alive(top), "the end")
    t.run("echo; echo status $?")
    status = 0 if how in (signal.SIGINT, "C-c") else 128 + how
    t.wait(lambda text: text.startswith("before\n") and t.flag("cursor_flag") == "1", "the shell's screen")
    t.run(":; stty -a | tr ' ' '\\n' | grep -x -e icanon -e echo")
    t.wait(lambda text: "\nicanon\necho\n" in text, "a shell that works")
    if status:
        assert t.flag("alternate_on") == "0"


@needs_tmux
def test_stopped_and_continued(weir, terminal):
    server = weir(server=CONF)
    t = terminal()
    t.run("set -m")
    watch(t, server)
    t.keys("C-z")
    t.wait(lambda text: text.startswith("before\n") and t.flag("alternate_on") == "0", "the shell's screen")
    t.run("fg")
    t.wait(lambda text: text.startswith("weir ") and "q quit" in text, "weir top again")
    t.keys("q")
    t.wait(lambda text: text.startswith("before\n"), "the shell's screen")


@needs_tmux
@pytest.mark.parametrize("options, env, coloured", [
    ([], {}, True), (["--no-color"], {}, False), ([], {"NO_COLOR": "1"}, False), ([], {"NO_COLOR": ""}, True)])
def test_colours_can_be_switched_off(weir, terminal, options, env, coloured):
    server = weir(server=CONF)
    t = terminal(env=env)
    watch(t, server, *options)
    t.wait(lambda text: "[....." in text, "the pool")
    assert bool(re.search(r"\x1b\[[0-9;]*\b(3[0-7]|9[0-7])m", t.text("-e"))) == coloured


def once(server, *options):
    return run_weir(server.prefix, "top", "-p", f"{server.prefix}/", "-c", str(server.conf_path), "--once", *options)


def test_once_is_text(weir):
    server = weir(server=CONF, workers=2)
    done = once(server, "--interval=100ms")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.split("\n")
    assert re.fullmatch(r"weir [0-9.]+  up \d+ s  generation 1  2 workers", lines[0])
    assert lines[3:6] == [
        "requests/s     0  2xx     0  3xx     0  4xx     0  5xx     0  1xx     0",
        "bytes/s in     0  out     0  open 0 of 508  drained/s   0  refused/s   0",
        "latency ms  p50      -  p90      -  p99      -"]
    assert lines[7:9] == [
        "pool  R reading  W writing  = idle  L lingering  . free",
        "    PID  GEN STATE   POOL                     OPEN  REQ/S DRAIN/S REFUS/S PAUSES"]
    assert sorted(lines[9:11]) == [
        f"{pid:7}    1 serving [....................]      0      0       0       0      0" for pid in server.workers()]
    assert lines[11:] == [
        "",
        " REQ/S  4XX/S  5XX/S  P50 MS  P99 MS  OUT/S  HOST",
        "     0      0      0       -       -      0  a.example",
        ""]


def test_without_a_terminal_there_is_an_error(weir):
    server = weir(server=CONF)
    done = run_weir(server.prefix, "top", "-p", f"{server.prefix}/", "-c", str(server.conf_path))
    assert (done.returncode, done.stdout, done.stderr) == (
        1, "", 'weir: [error] standard output is no terminal, "weir top --once" writes text '
               "(25: Inappropriate ioctl for device)\n")


@pytest.mark.parametrize("kind", ["", "dumb", None])
def test_terminal_that_cannot_be_drawn_on(weir, kind):
    server = weir(server=CONF)
    main, side = pty.openpty()
    env = {name: value for name, value in os.environ.items() if name != "TERM"} | ({} if kind is None else {"TERM": kind})
    done = subprocess.run(shlex.split(command(server)), stdin=side, stdout=side, stderr=subprocess.PIPE, text=True, env=env,
                          timeout=20)
    os.close(side)
    os.close(main)
    assert done.returncode == 1
    assert done.stderr == (f'weir: [error] the terminal cannot be drawn on (TERM is "{kind or ""}"), '
                           '"weir top --once" writes text\n')


def test_terminal_that_hangs_up_ends_it(weir):
    server = weir(server=CONF)
    main, side = pty.openpty()
    process = subprocess.Popen(shlex.split(command(server)), stdin=side, stdout=side, stderr=subprocess.DEVNULL,
                               env={**os.environ, "TERM": "xterm"})
    os.close(side)
    assert os.read(main, 100)
    os.close(main)
    assert process.wait(20) == 0


def test_terminal_that_takes_nothing_does_not_hold_it(weir):
    """Output that nobody reads: keys and signals are heard all the same."""
    server = weir(server=CONF)
    main, side = pty.openpty()
    process = subprocess.Popen(shlex.split(command(server, "--interval=100ms")), stdin=side, stdout=side,
                               stderr=subprocess.DEVNULL, env={**os.environ, "TERM": "xterm"})
    os.close(side)

    def moved(what):
        with open(f"/proc/{process.pid}/io") as numbers:
            return int(re.search(rf"{what}: (\d+)", numbers.read())[1])

    def strike():
        before = moved("rchar")
        os.write(main, b"s")
        wait_until(lambda: moved("rchar") > before, "the key to be read")

    def is_full():
        """Each key has its picture, before the next is read."""
        before = moved("wchar")
        strike()
        strike()
        return moved("wchar") == before
    assert os.read(main, 100)
    wait_until(is_full, "the terminal to be full")
    process.terminate()
    assert process.wait(20) == -signal.SIGTERM
    os.close(main)


def test_without_a_server(weir):
    server = weir(server=CONF, start=False)
    server.write_conf()
    done = once(server)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f'weir: [error] connect() to "{server.prefix}/logs/weir.ctl" failed (2: No such file or directory)\n'
        f'weir: [notice] no server runs with "{server.conf_path}"; -c and -p name another configuration\n')


def test_without_a_socket(weir):
    server = weir(main="control off;", server=CONF)
    done = once(server)
    assert done.returncode == 1
    assert done.stderr.startswith(
        f'weir: [error] the server takes no commands: "control" is off in "{server.conf_path}"\n')


@pytest.mark.parametrize("options, message", [
    (["top", "--interval"], 'option "--interval" requires a time'),
    (["top", "--interval=soon"], 'invalid time "soon" for option "--interval", it must be from 100ms to 1h'),
    (["top", "--interval", "99ms"], 'invalid time "99ms" for option "--interval", it must be from 100ms to 1h'),
    (["top", "--interval", "2h"], 'invalid time "2h" for option "--interval", it must be from 100ms to 1h'),
    (["top", "-s", "stop"], 'only -c, -p, -g, --interval, --once and --no-color go with "top"'),
    (["top", "-t"], 'only -c, -p, -g, --interval, --once and --no-color go with "top"'),
    (["top", "--no-wait"], 'option "--no-wait" goes with "-s"'),
    (["top", "all"], 'invalid option: "all"'),
    (["--once"], 'options "--interval", "--once" and "--no-color" go with "top"'),
    (["-s", "status", "--interval", "1s"], 'options "--interval", "--once" and "--no-color" go with "top"'),
])
def test_options_are_checked(folder, options, message):
    done = run_weir(folder, *options)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"weir: {message}\n")
