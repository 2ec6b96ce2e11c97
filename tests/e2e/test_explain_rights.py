# SPDX-License-Identifier: BSD-2-Clause
"""weir explain opens what the workers may open, by their user and by their walls, and nothing else."""

import os

import pytest

from harness import run_weir
from harness.intruder import with_landlock

FILES = {"html/open": "open", "html/closed": "closed", "html/folder/index.html": "index", "users": "u:{PLAIN}secret\n"}
USERS = "location /users { auth_basic r; auth_basic_user_file users; alias html/; } "


@pytest.mark.parametrize("target, status", [("/open", 200), ("/closed", 403), ("/folder/", 403), ("/folder/x", 403), ("/users/open", 500)])
def test_answer_is_that_of_the_workers(weir, target, status):
    if os.geteuid() != 0:
        pytest.skip("root alone can do more than the workers")
    server = weir(server=USERS, files=FILES, allow=["Permission denied"])
    for name in ("html/closed", "html/folder", "users"):
        os.chmod(server.prefix / name, 0o600)
    field = "Authorization: Basic dTpzZWNyZXQ="
    assert server.get(target, field).status == status
    done = run_weir(server.prefix, "explain", target, "-H", field, "-p", str(server.prefix), "-c", str(server.prefix / "weir.conf"))
    assert (done.returncode, done.stderr) == (0, "")
    assert f"answer {status} " in " ".join(done.stdout.split())


def explain(server, target, *options):
    done = run_weir(server.prefix, "explain", target, *options, "-p", str(server.prefix), "-c", str(server.prefix / "weir.conf"))
    assert (done.returncode, done.stderr) == (0, "")
    return " ".join(done.stdout.split())


@with_landlock
@pytest.mark.parametrize("main, level", [("", "notice"), ("", "emerg"), ("master_process off;", "notice")])
def test_walls_are_those_of_the_workers(weir, main, level):
    server = weir(main=main, error_level=level, server="", files={"html/in": "in", "else/out": "out"}, start=False)
    outside = server.prefix / "else"
    server.write_conf(server.template)
    if main:                            # which may read what lies around the conf file
        (server.prefix / "conf").mkdir()
        os.rename(server.conf_path, server.prefix / "conf/weir.conf")
        (server.prefix / "weir.conf").symlink_to("conf/weir.conf")
    (server.html / "link").symlink_to(outside / "out")
    (server.html / "inner").symlink_to("in")
    assert "answer 200 OK, 2 bytes" in explain(server, "/inner")
    told = explain(server, "/link")
    assert "answer 403 Forbidden" in told
    assert f'sandbox does not open {server.html}/link, owner and mode would; "sandbox_allow_read" for a folder around it does' in told
    assert (f'error_log the sandbox refused "{server.html}/link": "sandbox_allow_read {outside};" opens ' in told) == (level == "notice")
    assert "answer 200 OK, 3 bytes" in explain(server, "/link", "-g", f"sandbox_allow_read {outside};")
    assert "answer 200 OK, 3 bytes" in explain(server, "/link", "-g", "sandbox off;")
    server.start()
    assert server.get("/link").status == 403


@with_landlock
def test_a_file_that_owner_and_mode_keep_is_not_the_sandboxs_affair(weir):
    server = weir(server="", files={"html/a": "a"}, user=65534 if os.geteuid() == 0 else None)
    os.chmod(server.html / "a", 0)
    told = explain(server, "/a")
    assert "answer 403" in told and "sandbox" not in told
