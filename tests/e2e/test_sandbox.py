# SPDX-License-Identifier: BSD-2-Clause
"""What workers have given up before their first client: rights, files, system calls."""

import os
import pathlib
import shutil

import pytest

from harness.server import binary

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
KEPT_BY_ROOT = 1 << 1 | 1 << 2 | 1 << 3         # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER


def status_of(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)


def capabilities(pid):
    status = status_of(pid)
    return {name: int(status["Cap" + name], 16) for name in ("Inh", "Prm", "Eff", "Bnd", "Amb")}


# ---- rights

@root_only
def test_workers_have_no_capability_and_get_none(weir):
    server = weir(main="user nobody;", server="")
    pid = server.wait_workers()[0]
    assert capabilities(pid) == dict(Inh=0, Prm=0, Eff=0, Bnd=0, Amb=0)
    assert status_of(pid)["NoNewPrivs"] == "1"
    assert status_of(server.pid)["NoNewPrivs"] == status_of(os.getpid())["NoNewPrivs"]


@root_only
def test_workers_that_stay_root_keep_what_reads_and_writes_files(weir):
    server = weir(main="user root;", server="", files={"html/secret": "x"})
    os.chmod(server.html / "secret", 0o600)
    os.chown(server.html / "secret", 65534, 65534)
    mine = capabilities(os.getpid())["Prm"]
    pid = server.wait_workers()[0]
    assert capabilities(pid) == dict(Inh=0, Prm=mine & KEPT_BY_ROOT, Eff=mine & KEPT_BY_ROOT, Bnd=mine & KEPT_BY_ROOT, Amb=0)
    assert status_of(pid)["NoNewPrivs"] == "1"
    assert server.get("/secret").text == "x"


def test_workers_of_anybody_get_no_new_privileges(weir):
    server = weir(server="", user=65534 if os.geteuid() == 0 else None)
    pid = server.wait_workers()[0]
    assert status_of(pid)["NoNewPrivs"] == "1"
    assert {name: capabilities(pid)[name] for name in ("Inh", "Prm", "Eff", "Amb")} == dict(Inh=0, Prm=0, Eff=0, Amb=0)


@root_only
@pytest.mark.skipif(shutil.which("setpriv") is None, reason="needs setpriv")
def test_what_the_service_manager_gives_the_master_is_not_the_workers(weir):
    server = weir(server="return 200 x;", user=65534, start=False)
    command = server.command
    server.command = lambda: [shutil.which("setpriv"), "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=+net_bind_service",
                              "--ambient-caps=+net_bind_service", *command()]
    server.user = None
    server.start()
    assert capabilities(server.pid)["Eff"] == capabilities(server.pid)["Amb"] == 1 << 10
    pid = server.wait_workers()[0]
    assert {name: capabilities(pid)[name] for name in ("Inh", "Prm", "Eff", "Amb")} == dict(Inh=0, Prm=0, Eff=0, Amb=0)



# Who is not dumpable has files in /proc that are root's.
@root_only
@pytest.mark.skipif(b"__asan_init" in pathlib.Path(binary()).read_bytes(),
                    reason="the leak checker must look into the process")
def test_nobody_looks_into_a_worker(weir):
    server = weir(main="user nobody;", server="")
    assert os.stat(f"/proc/{server.wait_workers()[0]}/environ").st_uid == 0
    server = weir(main="user nobody; worker_rlimit_core 1m;", server="")
    assert os.stat(f"/proc/{server.wait_workers()[0]}/environ").st_uid == 65534
