# SPDX-License-Identifier: BSD-2-Clause
"""The manual and the program name the same options and directives."""

import html.parser
import pathlib
import re
import shutil
import subprocess
import urllib.parse

import pytest

from harness import check_conf, run_weir
from harness.server import warnings_of

MAN = pathlib.Path(__file__).resolve().parents[2] / "man"


def directives(folder):
    done = run_weir(folder, "--list-directives")
    assert done.returncode == 0, done.stderr
    return {line.split("\t")[0]: line.split("\t") for line in done.stdout.splitlines()}


def entries():
    """Name -> (default, contexts) as weir.conf.5 has them: an item of the name, then its Default and its Context."""
    text = (MAN / "weir.conf.5").read_text()
    found = {}
    for item in re.split(r"^\.It Ic ", text, flags=re.M)[1:]:
        default = re.search(r"^\.It Default:\n(.*)", item, re.M)
        contexts = re.search(r"^\.It Context:\n(.*)", item, re.M)
        found[item.split()[0]] = (default and default[1].strip('"'), contexts and contexts[1])
    return found


def test_every_directive_is_in_the_manual(folder):
    assert sorted(set(directives(folder)) - set(entries())) == []


def test_the_manual_names_no_directive_that_is_not_there(folder):
    assert sorted(set(entries()) - set(directives(folder))) == []


def test_the_manual_names_the_contexts_of_each_directive(folder):
    manual = entries()
    wrong = {name: (contexts, manual[name][1]) for name, (_, contexts, *_) in directives(folder).items()
             if name in manual and set(contexts.split(", ")) != set(manual[name][1].split(", "))}
    assert not wrong


def test_the_manual_names_the_default_of_each_directive(folder):
    """Where the program has one in its table; that of user is chosen when it is built."""
    manual = entries()
    wrong = {name: (default, manual[name][0]) for name, (_, _, default, *_) in directives(folder).items()
             if name in manual and name != "user" and default != "-" and default != manual[name][0]}
    assert not wrong


def test_every_option_is_in_the_manual(folder):
    text = (MAN / "weir.8").read_text()
    options = set(re.findall(r"(?<![\w-])-(-?[a-zA-Z?][a-z-]*)", run_weir(folder, "-h").stderr))
    shown = set(re.findall(r"\.(?:It )?Fl (\\?-?\S+)", text)) | set(re.findall(r"Fl (\S+)", text))
    shown = {word.replace("\\", "").rstrip(",") for word in shown}
    missing = {option for option in options if option not in shown and option.lstrip("-") not in shown and f"-{option}" not in shown}
    assert not missing


def test_the_examples_of_the_manual_are_good(folder):
    shutil.copy(MAN.parent / "conf" / "mime.types", folder)
    text = re.search(r"^\.Sh EXAMPLES$(.*?)^\.Sh", (MAN / "weir.conf.5").read_text(), re.M | re.S)[1]
    examples = re.findall(r"^\.Bd -literal.*?$(.*?)^\.Ed", text, re.M | re.S)
    assert len(examples) == 2
    for example in examples:
        done, _ = check_conf(folder, example if "events {" in example else "events { }" + example)
        assert done.returncode == 0 and not warnings_of(done.stderr), done.stderr


@pytest.mark.parametrize("page", sorted(path.name for path in MAN.glob("*.[1-9]")))
def test_manual_page_is_well_formed(page):
    if not shutil.which("mandoc"):
        pytest.skip("mandoc is missing")
    done = subprocess.run(["mandoc", "-T", "lint", "-W", "error", str(MAN / page)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


class Page(html.parser.HTMLParser):
    """The links and the places of a page; its elements must nest."""

    VOID = {"meta", "link", "br", "hr", "img"}

    def __init__(self, text):
        super().__init__()
        self.links, self.places, self.open = [], set(), []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.links += [attrs[name] for name in ("href", "src") if name in attrs]
        self.places |= {attrs[name] for name in ("id",) if name in attrs}
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open.pop() == tag, self.getpos()


def test_the_manual_for_browsers_has_every_page_and_no_dead_link(folder):
    if not shutil.which("mandoc"):
        pytest.skip("mandoc is missing")
    sources = sorted(MAN.glob("*.[1-9]"))
    subprocess.run([MAN / "web" / "render", folder / "manual", *sources], check=True, cwd=MAN.parent)
    pages = {path.name: Page(path.read_text()) for path in (folder / "manual").glob("*.html")}
    assert set(pages) == {f"{path.name}.html" for path in sources} | {"index.html"}
    for name, page in pages.items():
        assert page.open == [], name
        for link in page.links:
            file, _, place = link.partition("#")
            if file in ("manual.css", "../favicon.svg"):
                continue
            target = pages["index.html" if file == "./" else file or name]
            assert not place or urllib.parse.unquote(place) in target.places, (name, link)
    index = {link.partition("#")[2] for link in pages["index.html"].links}
    assert set(entries()) <= index
