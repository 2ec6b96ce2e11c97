# SPDX-License-Identifier: BSD-2-Clause
"""Broken conf files, each with the whole explanation that weir -t gives of it: broken/NAME.conf and broken/NAME.expected.

With REWRITE_EXPECTED=1 in the environment the explanations are written anew, to be read over before they are committed.
"""

import os
import pathlib

import pytest

from harness import run_weir

FOLDER = pathlib.Path(__file__).resolve().parent / "broken"
NAMES = sorted(path.stem for path in FOLDER.glob("*.conf"))
VALUES = {"WORDS": "a few", "CONTROL": "a\nb"}
NOT_SET = ("CONTENT_ROOT", "SITE")


def test_there_are_a_hundred():
    assert len(NAMES) >= 100 and sorted(path.stem for path in FOLDER.glob("*.expected")) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_explanation(folder, monkeypatch, name):
    for variable in NOT_SET:
        monkeypatch.delenv(variable, raising=False)
    for variable, value in VALUES.items():
        monkeypatch.setenv(variable, value)
    done = run_weir(folder, "-p", f"{FOLDER}/", "-c", f"{name}.conf", "-e", "stderr", "-t")
    said = done.stderr.replace(f"{FOLDER}/", "")
    expected = FOLDER / f"{name}.expected"
    if os.environ.get("REWRITE_EXPECTED"):
        expected.write_text(said, errors="surrogateescape")
    assert done.returncode == (" test failed\n" in said) and done.stdout == ""
    assert said == expected.read_text(errors="surrogateescape")
