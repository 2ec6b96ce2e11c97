# SPDX-License-Identifier: BSD-2-Clause
"""Fixtures of the end-to-end tests; README.md says how to run them."""

import os
import pathlib
import shutil
import sys
import tempfile

sys.dont_write_bytecode = True

import pytest

from harness import Weir, binary


def pytest_configure(config):
    config.addinivalue_line("markers", "real: with real clients and real content; skipped where they are missing")


def pytest_sessionstart(session):
    if not os.access(binary(), os.X_OK):
        pytest.exit(f"{binary()} is missing: build weir, or name the binary in WEIR_BINARY", returncode=2)


@pytest.hookimpl(tryfirst=True, hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Puts what a failed test's servers said into its report."""
    outcome = yield
    report = outcome.get_result()
    if report.when == "call" and report.failed:
        for weir in getattr(item, "servers", []):
            report.sections.append(("weir's stderr", weir.said()[-2000:]))
            report.sections.append(("weir's error log", weir.log_text()[-4000:]))


@pytest.fixture
def weir(request):
    """weir(server="…", files={…}) starts a server (start=False only prepares it); it is ended and looked over afterwards."""
    request.node.servers = servers = []

    def begin(*args, start=True, **kwargs):
        server = Weir(*args, **kwargs)
        servers.append(server)
        return server.start() if start else server

    yield begin
    problems = []
    for server in servers:
        try:
            server.finish()
        except AssertionError as problem:
            problems.append(str(problem))
    assert not problems, "\n".join(problems)


@pytest.fixture
def folder():
    """A folder for conf files to check, readable for everybody."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="weir-e2e-")).resolve()
    path.chmod(0o755)
    (path / "sanitizer").mkdir()
    (path / "logs").mkdir()
    yield path
    reports = "".join(p.read_text(errors="replace") for p in (path / "sanitizer").iterdir())
    shutil.rmtree(path)
    assert not reports, reports[-6000:]
