# SPDX-License-Identifier: BSD-2-Clause
"""weir explain, asked by root: it opens what the workers may open, and nothing else."""

import os

import pytest

from harness import run_weir

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
