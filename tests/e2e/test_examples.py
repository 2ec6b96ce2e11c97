# SPDX-License-Identifier: BSD-2-Clause
"""The examples of weir.conf(5): each directive has one, each is good where it may stand, and what it claims is so."""

import functools
import pathlib
import re

import pytest

from harness import check_conf, run_weir
from harness.server import warnings_of

TOP = pathlib.Path(__file__).resolve().parents[2]
PAGE = TOP / "man" / "weir.conf.5"

# Files that examples name, below /etc.
FILES = {"weir/api.dict": "a dictionary"}

# What stands around an example, from the outermost context on: the first in which all of it may stand is taken.
FRAMES = {
    "main": "%s",
    "events": "events {\n%s\n}\n",
    "http": "http {\n%s\n}\n",
    "server": "http {\nserver {\n%s\n}\n}\n",
    "location": "http {\nserver {\nlocation / {\n%s\n}\n}\n}\n",
    "if in server": "http {\nserver {\nif ($uri) {\n%s\n}\n}\n}\n",
    "if in location": "http {\nserver {\nlocation / {\nif ($uri) {\n%s\n}\n}\n}\n}\n",
    "limit_except": "http {\nserver {\nlocation / {\nlimit_except GET {\n%s\n}\n}\n}\n}\n",
}

WORD = re.compile(r'\s+|#[^\n]*|"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|[;{}]|(?:\\.|\$\{|[^\s;{\\])+', re.S)
IS = re.compile(r"#.*?(/\S+) is (/srv/\S+)$", re.M)
ANSWERS = re.compile(r"#.*?(/\S*) answers (\d{3})\b", re.M)
LEADS = re.compile(r"#.*?(/\S*) leads to (\S+)$", re.M)
REFUSED = re.compile(r"# refused$", re.M)


def plain(roff):
    """The text of a literal block."""
    text = re.sub(r"^\\&", "", roff.strip("\n"), flags=re.M)
    return text.replace("\\(dq", '"').replace("\\&", "").replace("\\-", "-").replace("\\e", "\\") + "\n"


def examples():
    """(directive or section, number among those of its entry, text); text None where a directive has none."""
    found = []
    for entry in re.split(r"^\.(?=It Ic |S[sh] )", PAGE.read_text(), flags=re.M)[1:]:
        is_directive = entry.startswith("It Ic ")
        name = entry.split()[2] if is_directive else entry.split("\n")[0]
        texts = re.findall(r"^\.Bd -literal.*?$(.*?)^\.Ed", entry, re.M | re.S)
        found += [(name, number, plain(text)) for number, text in enumerate(texts)] or [(name, 0, None)] * is_directive
    return found


EXAMPLES = examples()
each_example = pytest.mark.parametrize("name, text", [(name, text) for name, _, text in EXAMPLES if text is not None],
                                       ids=[f"{name}-{number}" if number else name for name, number, text in EXAMPLES if text is not None])


def statements(text):
    """The statements of the outermost level, as (name, text with the comments around it)."""
    found, name, start, depth = [], None, 0, 0
    for word in WORD.finditer(text):
        if name is None and not re.match(r"[\s#;{}]", word[0]):
            name = word[0]
        depth += {"{": 1, "}": -1}.get(word[0], 0)
        if depth == 0 and word[0] in ";}":
            found.append((name, text[start:word.end()]))
            name, start = None, word.end()
    if found:
        found[-1] = (found[-1][0], found[-1][1] + text[start:])
    return found


@functools.cache
def contexts():
    """Directive -> where it may stand."""
    done = run_weir("/", "--list-directives")
    return {line.split("\t")[0]: line.split("\t")[1].split(", ") for line in done.stdout.splitlines()}


def places(name):
    found = contexts()[name]
    return ["http"] if found == ["any"] else [place for place in FRAMES if place in found]


def nest(parts):
    """Statements of several levels in one text: (place, text) each; what belongs into a block stands in one, behind what is outside."""
    inside = {place: "".join(text for where, text in parts if where == place) for place in FRAMES}
    location = f"location / {{\n{inside['location']}\n}}\n" if inside["location"] else ""
    server = f"server {{\n{inside['server']}{location}\n}}\n" if inside["server"] + location else ""
    http = f"http {{\n{inside['http']}{server}\n}}\n" if inside["http"] + server else ""
    events = f"events {{\n{inside['events']}\n}}\n" if inside["events"] else ""
    return inside["main"] + events + http


def wrap(text):
    """A whole configuration around an example."""
    parts = statements(text)
    common = [place for place in FRAMES if all(place in places(name) for name, _ in parts)]
    if common:
        whole = FRAMES[common[0]] % text
    else:
        whole = nest([(places(name)[0], part) for name, part in parts])
    return whole if re.search(r"^\s*events\b", whole, re.M) else "events {\n}\n" + whole


def settle(text, prefix):
    """Absolute folders of the example move below the prefix, and are made there."""
    text = re.sub(r"(?<![\w/.:$])/(srv|run|var|etc)/", rf"{prefix}/\1/", text)
    for path in re.findall(rf"{prefix}/(?:srv|run|var|etc)/[^\s;{{}}$]*", text):
        path = pathlib.Path(path)
        (path if path.suffix == "" else path.parent).mkdir(parents=True, exist_ok=True)
    return text


def make_files(prefix):
    for name in ("mime.types",):
        (prefix / name).write_bytes((TOP / "conf" / name).read_bytes())
    for name, content in FILES.items():
        path = prefix / "etc" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


def test_every_directive_has_an_example():
    assert [name for name, _, text in EXAMPLES if text is None] == []


@each_example
def test_example_has_its_directive_in_it(name, text):
    assert re.match("S[sh] ", name) or re.search(rf"(?:^|[\s;{{]){name}(?=[\s;{{])", text)


@each_example
def test_example_is_good(folder, monkeypatch, name, text):
    make_files(folder)
    for variable in re.findall(r"\$\{env:(\w+)\}", text):
        monkeypatch.setenv(variable, "example.org")
    done, _ = check_conf(folder, settle(wrap(text), folder))
    said = [line for line in done.stderr.splitlines() if re.match(r"weir: \[\w+\]", line)]
    if REFUSED.search(text):
        assert done.returncode == 1 and len(said) == 1 and re.search(rf"\| +{name}\b", done.stderr), done.stderr
    else:
        assert done.returncode == 0, done.stderr
        assert not [line for line in warnings_of(done.stderr) if "makes sense only if the master process runs with super-user" not in line]


def with_port(whole):
    """The configuration with a server at a port of the test's own: the example's, if it has one."""
    listen = "listen 127.0.0.1:{port};"
    whole = re.sub(r"\blisten(\s+)(?:[\d.]+:)?\d+\b", r"listen\g<1>127.0.0.1:{port}", whole)
    if "listen" in whole:
        return whole
    if "server {" in whole:
        return whole.replace("server {", "server {\n" + listen, 1)
    return whole.replace("http {", "http {\nserver {\n" + listen + "\n}", 1)


CLAIMS = [(name, text) for name, _, text in EXAMPLES if text and any(claim.search(text) for claim in (IS, ANSWERS, LEADS))]


@pytest.mark.parametrize("name, text", CLAIMS, ids=[name for name, _ in CLAIMS])
def test_example_answers_what_it_claims(weir, name, text):
    whole = with_port(wrap(text)).replace("http {", "http {\naccess_log off;", 1)
    server = weir("pid {prefix}/logs/weir.pid;\nerror_log {prefix}/logs/error.log info;\n" + whole, start=False)
    server.template = settle(server.template, server.prefix)
    make_files(server.prefix)
    for path, file in IS.findall(text):
        server.write(file.lstrip("/"), f"{path} of {name}")
    server.start()
    for path, file in IS.findall(text):
        answer = server.get(path)
        assert (answer.status, answer.text) == (200, f"{path} of {name}")
    for path, status in ANSWERS.findall(text):
        assert server.get(path).status == int(status), path
    for path, url in LEADS.findall(text):
        answer = server.get(path)
        assert answer.status in (301, 302, 303, 307, 308) and answer.get("Location") == url
