# SPDX-License-Identifier: BSD-2-Clause
"""What a process without a master (master_process off) has given up, and what it goes on to do within its walls."""

import os
import signal
import socket

import pytest

from harness import check_conf, wait_until
from harness.intruder import Intruder, capabilities, is_sanitized, root_only, status_of, taken_over, with_landlock, with_seccomp
from harness.server import is_alive, make_folder, remove_folder

ALONE = "master_process off;"
KEPT = 1 << 0 | 1 << 1 | 1 << 2 | 1 << 3 | 1 << 10      # CHOWN, DAC_OVERRIDE, DAC_READ_SEARCH, FOWNER, NET_BIND_SERVICE


@pytest.fixture
def elsewhere():
    """A folder that no configuration has to do with: that of the conf file is open, for it is read again."""
    folder = make_folder()
    (folder / "html/b").write_text("b")
    yield folder
    remove_folder(folder)


@pytest.fixture
def weir(weir):
    """Its conf file lies in a folder of its own, for what is around that is open."""
    def begin(*args, start=True, **kwargs):
        server = weir(*args, start=False, **kwargs)
        (server.prefix / "conf").mkdir()
        server.conf_path.symlink_to("conf/weir.conf")
        return server.start() if start else server
    return begin


@pytest.fixture
def intruder(weir, monkeypatch):
    made = []

    def begin(**kwargs):
        it = Intruder(monkeypatch)
        made.append(it)
        it.listen()
        it.server = weir(**{"main": ALONE, "server": "", "files": {"html/a": "a"}, **kwargs})
        it.accept()
        return it
    yield begin
    for one in made:
        one.close()


# ---- rights

@root_only
def test_root_keeps_what_serving_and_reloading_take(weir):
    server = weir(main=ALONE, server="", files={"html/secret": "x"})
    os.chmod(server.html / "secret", 0o600)
    os.chown(server.html / "secret", 65534, 65534)
    assert server.get("/secret").text == "x"                # whoever answers has given up what it does not need
    mine = capabilities(os.getpid())["Prm"]
    assert capabilities(server.pid) == dict(Inh=0, Prm=mine & KEPT, Eff=mine & KEPT, Bnd=mine & KEPT, Amb=0)
    assert status_of(server.pid)["NoNewPrivs"] == "1"


def test_anybody_gets_no_new_privileges(weir):
    server = weir(main=ALONE, server="", user=65534 if os.geteuid() == 0 else None, files={"html/a": "a"})
    assert server.get("/a").text == "a"
    assert status_of(server.pid)["NoNewPrivs"] == "1"
    assert {name: capabilities(server.pid)[name] for name in ("Inh", "Prm", "Eff", "Amb")} == dict(Inh=0, Prm=0, Eff=0, Amb=0)


# ---- files

@with_landlock
def test_links_that_lead_out_are_refused(weir, elsewhere):
    server = weir(main=ALONE, server="", files={"html/a": "a"})
    (server.html / "link").symlink_to(elsewhere / "html/b")
    assert server.get("/a").text == "a"
    assert server.get("/link").status == 403
    server.wait_log(rf'the sandbox refused ".*/link": "sandbox_allow_read {elsewhere}/html;" opens .*, a new start a folder')
    server.wait_log(r'\[notice\] .*: sandbox: wider with "master_process off", by what a reload takes$')


@with_landlock
@pytest.mark.parametrize("main", ["sandbox off;", "sandbox report;", "sandbox_allow_read {elsewhere};"])
def test_what_opens_them(weir, elsewhere, main):
    server = weir(main=ALONE + main.replace("{elsewhere}", str(elsewhere)), server="")
    (server.html / "link").symlink_to(elsewhere / "html/b")
    assert server.get("/link").text == "b"


@with_landlock
def test_a_reload_that_wants_more_is_refused_and_says_why(weir, elsewhere):
    server = weir(main=ALONE, server="root {prefix}/html; location = /v { return 200 one; }", files={"html/a": "a"}, allow=[r"\[emerg\]"])
    template = server.template
    server.write_conf(template.replace("root {prefix}/html;", f"root {elsewhere}/html;").replace("one", "two"))
    done = server.run("-s", "reload")
    assert done.returncode == 1
    assert f'does not open "{elsewhere}/html": start weir anew, or with "sandbox_allow_read" for a folder around it' in done.stderr
    assert server.get("/v").text == "one" and server.get("/a").text == "a"
    server.write_conf(template.replace("one", "two"))
    assert server.run("-s", "reload").returncode == 0
    assert server.get("/v").text == "two"


@with_landlock
def test_a_reload_cannot_turn_them_off(weir, elsewhere):
    server = weir(main=ALONE, server="", files={"html/a": "a"})
    (server.html / "link").symlink_to(elsewhere / "html/b")
    server.write_conf("sandbox off;\n" + server.template)
    done = server.run("-s", "reload")
    assert done.returncode == 0 and "[warn] a change of sandbox takes effect at the next start" in done.stderr
    assert server.get("/link").status == 403


@with_landlock
def test_a_reload_within_them_is_as_ever(weir, elsewhere):
    """New folders below what was open, addresses, logs, Unix sockets, names of hosts and regular expressions."""
    server = weir(main=ALONE + f"sandbox_allow_read {elsewhere} {{prefix}}/more;", server="", files={"html/a": "a", "more/c": "c"})
    port = server.port("port2")
    server.write_conf(server.template.replace("http {", "http { server { listen localhost:{port2}; listen unix:{prefix}/logs/sock; "
                                              f"root {elsewhere}/html; access_log {{prefix}}/logs/other.log; "
                                              "location ~ ^/x(.)$ { return 200 $1; } location /c { root {prefix}/more; } }", 1))
    done = server.run("-s", "reload")
    assert done.returncode == 0, done.stderr
    assert server.get("/b", name="port2").text == "b"
    assert server.get("/c", name="port2").text == "c"
    assert server.get("/xy", name="port2").text == "y"
    assert len(server.wait_access(3, name="other.log")) == 3
    os.rename(server.prefix / "logs/other.log", server.prefix / "logs/old.log")
    os.kill(server.pid, signal.SIGUSR1)
    wait_until((server.prefix / "logs/other.log").exists, "the new log")
    server.get("/b", name="port2")
    server.wait_access(1, name="other.log")
    assert (server.prefix / "logs/sock").exists() and port
    server.stop()
    assert sorted(os.listdir(server.prefix / "logs")) == ["access.log", "error.log", "old.log", "other.log"]


def test_t_tells_what_it_opens(folder):
    done, _ = check_conf(folder, "master_process off; pid run/x; events { } http { access_log logs/a.log; server { root /srv/a; } }")
    assert done.returncode == 0, done.stderr
    reads = [line.split("sandbox: read ")[1] for line in done.stderr.splitlines() if "sandbox: read " in line]
    writes = [line.split("sandbox: write ")[1] for line in done.stderr.splitlines() if "sandbox: write " in line]
    assert reads == [f"/srv/a, {folder}"]        # around the conf file, which editors replace
    assert writes == [f"{folder}/logs, {folder}/run"]


# ---- taken over

@taken_over
@with_landlock
def test_an_intruder_reaches_no_strangers_files(intruder, elsewhere):
    it = intruder(main=ALONE + ("user root;" if os.geteuid() == 0 else ""))
    assert it("open", it.server.html / "a", "r") == it("list", it.server.html) == "ok"
    for path in (elsewhere / "html/b", "/etc/os-release", "/etc/shadow", "/proc/1/environ"):
        assert (path, it("open", path, "r")) == (path, "EACCES")
    for path in ("/", "/etc", elsewhere, "/root", "/usr"):
        assert (path, it("list", path)) == (path, "EACCES")
    for path in (it.server.html / "new", it.server.conf_path, "/tmp/weir-intruder", elsewhere / "new"):
        assert (path, it("open", path, "w")) == (path, "EACCES")
    assert it("unlink", it.server.html / "a") == it("mkdir", it.server.prefix / "logs/d") == "EACCES"


@taken_over
@with_seccomp
def test_an_intruder_runs_nothing_and_makes_no_code(intruder):
    it = intruder()
    refused = [("exec", "/bin/sh"), ("kill", os.getpid(), 10), ("kill", -1, 9), ("code",), ("map",), ("limit", 7),
               ("socket", socket.AF_INET, socket.SOCK_RAW), ("socket", 17, 3), ("socket", 40, 1)]
    if not is_sanitized():
        refused += [("ptrace", os.getpid()), ("fork",)]
    assert {words: it(*words) for words in refused} == {words: "EPERM" for words in refused}
    assert it("socket", socket.AF_INET, socket.SOCK_STREAM) == it("thread") == "ok"
    assert it.server.get("/a").text == "a"
    it.server.wait_log(r"\[error\] .*: the sandbox refused system call \d+ \(execve\); this is told once$")


def test_a_pid_file_goes_when_a_reload_names_another(weir):
    server = weir(main=ALONE, server="return 200 x;", files={"run/x": ""})
    server.write_conf(server.template.replace("logs/weir.pid", "logs/other.pid"))
    os.kill(server.pid, signal.SIGHUP)
    wait_until(lambda: (server.prefix / "logs/other.pid").exists() and not (server.prefix / "logs/weir.pid").exists(), "the other pid file alone")
    server.stop()
    assert not (server.prefix / "logs/other.pid").exists()


def test_its_files_go_with_it(weir):
    server = weir(main=ALONE, server="", http="server { listen unix:{prefix}/run/sock; }", files={"run/x": ""})
    assert (server.prefix / "run/sock").exists() and (server.prefix / "logs/weir.pid").exists()
    server.stop()
    assert not is_alive(server.pid)
    assert os.listdir(server.prefix / "run") == ["x"] and not (server.prefix / "logs/weir.pid").exists()
