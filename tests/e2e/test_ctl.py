# SPDX-License-Identifier: BSD-2-Clause
"""weir ctl: commands to the running server; ctl conf: what it has loaded, and whether the files are still the same."""

import os
import pathlib
import re
import socket
import subprocess

import pytest

from harness import binary
from harness.server import environment, is_alive, run_weir

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
SAME = "# the files on disk are the same\n"
OTHER = "# a reload would load something else:\n"


def serve(weir, **kwargs):
    server = weir(start=False, main="include main.d/*.conf;", server="return 200 old;", **kwargs)
    server.write("main.d/a.conf", "worker_priority 0;\n")
    return server.start()


def ctl(server, *words):
    return run_weir(server.prefix, *words, "-p", f"{server.prefix}/", "-c", str(server.conf_path))


def conf(server):
    return ctl(server, "ctl", "conf")


def dump(server):
    """What -T says of what is on disk."""
    return server.run("-T").stdout


@pytest.mark.parametrize("main", ["", "master_process off;"])
@pytest.mark.parametrize("words", [("ctl", "conf"), ("-s", "conf")])
def test_what_is_loaded_is_shown_as_it_was(weir, words, main):
    server = serve(weir)
    if main:
        server.stop()
        server.template = main + server.template
        server.start()
    before = dump(server)
    done = ctl(server, *words)
    assert (done.returncode, done.stdout, done.stderr) == (0, before + SAME, "")
    server.write("main.d/a.conf", "not a directive at all }\n")
    server.write_conf(server.template.replace("old;", "new;"))
    done = ctl(server, *words)
    assert done.stdout == before + OTHER + f"# {server.conf_path} is another one on disk\n# {server.prefix}/main.d/a.conf is another one on disk\n"
    assert done.returncode == 0


def test_files_that_have_gone_or_come_are_named(weir):
    server = serve(weir)
    before = dump(server)
    (server.prefix / "main.d/a.conf").unlink()
    server.write("main.d/b.conf", "\n")
    assert conf(server).stdout == (before + OTHER + f"# {server.prefix}/main.d/a.conf is not there any more\n"
                                   f"# {server.prefix}/main.d/b.conf is on disk, and not loaded\n")
    assert ctl(server, "ctl", "reload").returncode == 0
    after = conf(server).stdout
    assert after == dump(server) + SAME and "b.conf" in after and "a.conf" not in after


def test_reload_that_fails_changes_nothing(weir):
    server = serve(weir, allow=["unknown directive", "was not changed", "nonsense", r"\^~"])
    before = conf(server).stdout
    text = server.conf_path.read_text()
    server.conf_path.write_text(text + "nonsense;\n")
    assert ctl(server, "ctl", "reload").returncode == 1
    assert conf(server).stdout == before.replace(SAME, OTHER + f"# {server.conf_path} is another one on disk\n")


def test_text_that_looks_like_a_dump_is_text(weir):
    server = weir(start=False, main="include x.conf;", server="return 200 old;")
    server.write("x.conf", "# configuration file /etc/passwd:\n# 3 4\n\n")
    server.start()
    assert conf(server).stdout == dump(server) + SAME


def test_large_configuration_goes_out_while_it_is_reloaded(weir):
    """More than any buffer holds; the old text stays until its reader has it."""
    server = weir(start=False, main="include big.conf;", server="return 200 old;")
    line = "#" + "x" * 98 + "\n"
    server.write("big.conf", line * 80000)
    server.start()
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(60)
        sock.connect(str(server.prefix / "logs/weir.ctl"))
        sock.sendall(b"conf\n")
        data = sock.recv(1000)
        server.write("big.conf", "")
        assert ctl(server, "ctl", "reload").returncode == 0          # the master is there for others
        assert ctl(server, "ctl", "status").returncode == 0
        while piece := sock.recv(1 << 20):
            data += piece
    assert data.endswith(b"\nok\n") and data.count(line.encode()) == 80000
    assert len(conf(server).stdout) < 10000
    with socket.socket(socket.AF_UNIX) as sock:                     # who leaves in the midst of it harms nobody
        sock.connect(str(server.prefix / "logs/weir.ctl"))
        sock.sendall(b"conf\n")
    assert conf(server).returncode == 0


def memory_of(pid):
    data = []
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps:
            start, end = (int(n, 16) for n in line.split()[0].split("-"))
            if " rw" in line and end - start < 1 << 26:
                try:
                    memory.seek(start)
                    data.append(memory.read(end - start))
                except OSError:
                    continue
    return b"".join(data)


@root_only
def test_workers_do_not_inherit_the_text(weir):
    server = weir(start=False, main="include x.conf;", server="return 200 old;")
    secret = "# a comment that is in no setting: " + "correct horse " * 3
    server.write("x.conf", secret + "\n")
    server.start()
    if b"__asan_init" in pathlib.Path(binary()).read_bytes():
        pytest.skip("what was freed is kept by AddressSanitizer")
    assert secret.encode() in memory_of(server.pid)
    assert secret.encode() not in memory_of(server.wait_workers()[0])


@root_only
def test_only_root_and_the_masters_user_may_ask(weir):
    server = serve(weir)
    done = subprocess.run([binary(), "ctl", "conf", "-p", f"{server.prefix}/", "-c", str(server.conf_path)], capture_output=True, text=True,
                          user=65534, group=65534, extra_groups=[], env=environment(server.prefix), cwd=server.prefix)
    assert done.returncode == 1 and done.stdout == ""
    assert "only root and the user of the master process may ask it" in done.stderr


# ---- the command line

def test_ctl_is_another_spelling_of_s(weir):
    server = serve(weir)
    said = ctl(server, "ctl", "status", "--format", "json")
    assert said.returncode == 0 and said.stdout.startswith("{")
    assert ctl(server, "ctl", "connections").returncode == 0
    assert ctl(server, "ctl", "reload", "--timeout", "20s").returncode == 0
    assert ctl(server, "ctl", "reopen").returncode == 0
    server.wait_log("reopening logs")
    assert ctl(server, "ctl", "quit").returncode == 0
    assert not is_alive(server.pid)


@pytest.mark.parametrize("args, told", [
    (("ctl",), '"ctl" requires a command: stop, quit, reopen, reload, upgrade, status, connections, conf'),
    (("ctl", "restart"), 'unknown command "restart", known are: stop, quit'),
    (("ctl", "stop", "quit"), 'invalid option: "quit"'),
    (("ctl", "stop", "-t"), 'only -c, -p, -g, --format, --no-wait and --timeout go with "ctl"'),
    (("ctl", "conf", "--format", "json"), 'option "--format" goes with "-s status" and "-s connections"'),
    (("ctl", "conf", "--once"), 'options "--interval", "--once" and "--no-color" go with "top"'),
])
def test_mistakes_are_told(folder, args, told):
    done = subprocess.run([binary(), *args], capture_output=True, text=True, env=environment(folder), cwd=folder)
    assert done.returncode == 1 and done.stderr.startswith("weir: " + told), done.stderr


def test_without_a_server_it_is_told_why(folder):
    (folder / "weir.conf").write_text("events { }\n")
    done = subprocess.run([binary(), "ctl", "conf", "-p", f"{folder}/", "-c", f"{folder}/weir.conf"], capture_output=True, text=True,
                          env=environment(folder), cwd=folder)
    assert done.returncode == 1 and re.search(r"connect\(\) to .* failed", done.stderr)
