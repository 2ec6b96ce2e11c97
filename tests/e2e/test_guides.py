# SPDX-License-Identifier: BSD-2-Clause
"""weir-modules(7) and weir-nginx(7) say what is so: modules, directives, variables, examples, what is missing."""

import pathlib
import re

import pytest
from test_examples import make_files, plain, settle, wrap

from harness import check_conf, run_weir
from harness.server import warnings_of

TOP = pathlib.Path(__file__).resolve().parents[2]
MODULES = (TOP / "man" / "weir-modules.7").read_text()
GUIDE = (TOP / "man" / "weir-nginx.7").read_text()


def entries():
    """Module -> its entry, in the order of the page."""
    body = re.search(r"^\.Sh MODULES$(.*?)^\.Sh ", MODULES, re.M | re.S)[1]
    return {entry.split("\n")[0]: entry for entry in re.split(r"^\.It Sy ", body, flags=re.M)[1:]}


def listed(entry, label, macro):
    found = re.search(rf"^\.It {label}:\n\.{macro} (.*)$", entry, re.M)
    return found[1].split(" , ") if found else []


ENTRIES = entries()
SAMPLES = {name: plain(re.search(r"^\.Bd -literal.*?$(.*?)^\.Ed", entry, re.M | re.S)[1]) for name, entry in ENTRIES.items()}


def test_every_module_has_an_entry_in_running_order():
    lines = (TOP / "auto" / "modules").read_text().splitlines()
    assert list(ENTRIES) == [line.split()[0] for line in lines if line.strip() and not line.startswith("#")]


def test_the_directives_of_each_module_are_named(folder):
    rows = [line.split("\t") for line in run_weir(folder, "--list-directives").stdout.splitlines()]
    has = {name: [row[0] for row in rows if row[3] == name] for name in ENTRIES}
    assert {name: listed(entry, "Directives", "Ic") for name, entry in ENTRIES.items()} == has


def test_the_variables_named_are_those_of_the_manual():
    lines = re.findall(r"^\.It Va .*", (TOP / "man" / "weir.conf.5").read_text(), re.M)
    manual = {variable for line in lines for variable in re.findall(r"\$\w+", line)}
    named = {variable for entry in ENTRIES.values() for variable in listed(entry, "Variables", "Va")}
    assert named and named <= manual


@pytest.mark.parametrize("name", SAMPLES)
def test_example_of_a_module_is_good(folder, name):
    make_files(folder)
    done, _ = check_conf(folder, settle(wrap(SAMPLES[name]), folder))
    assert done.returncode == 0 and not warnings_of(done.stderr), done.stderr


def test_example_of_the_guide_is_good(folder):
    make_files(folder)
    whole = plain(re.search(r"^\.Sh AN EXAMPLE$.*?^\.Bd -literal.*?$(.*?)^\.Ed", GUIDE, re.M | re.S)[1])
    user = re.search(r"^user .*\n", whole, re.M)[0]
    done, _ = check_conf(folder, settle(whole.replace(user, ""), folder))
    assert done.returncode == 0 and not warnings_of(done.stderr), done.stderr


def section(title):
    return re.search(rf"^\.Sh {title}$(.*?)^\.Sh ", GUIDE, re.M | re.S)[1]


MISSING = re.findall(r"^\.Ql (\w+)", section("WHAT IS MISSING").split("With\n")[0], re.M)


@pytest.mark.parametrize("name", MISSING)
def test_what_the_guide_says_is_missing_is_named_as_such(folder, name):
    block = f"{name} {{ }}" if name in ("stream", "mail") else f"http {{ {name} x {{ }} }}" if name == "upstream" \
        else f"http {{ server {{ location / {{ {name} x; }} }} }}"
    done, _ = check_conf(folder, "events { }\n" + block)
    assert done.returncode == 1 and "does not" in done.stderr and "yet" in done.stderr, done.stderr


def test_the_directives_that_the_guide_names_are_there(folder):
    has = {line.split("\t")[0] for line in run_weir(folder, "--list-directives").stdout.splitlines()}
    named = set(re.findall(r"^\.(?:It )?Ic (\w+)", GUIDE, re.M))
    assert len(MISSING) > 10 and named - has == set()
