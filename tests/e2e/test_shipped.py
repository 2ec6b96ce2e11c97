# SPDX-License-Identifier: BSD-2-Clause
"""What comes with weir: its conf file, its types, its pages."""

import pathlib
import re

import pytest

from harness import check_conf, run_weir, serving
from harness.server import warnings_of

TOP = pathlib.Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("path", sorted((TOP / "conf").glob("*.conf")), ids=lambda path: path.name)
def test_shipped_conf_passes_the_test(folder, path):
    done = run_weir(folder, "-p", f"{folder}/", "-c", str(path), "-t")
    assert done.returncode == 0, done.stderr
    assert not warnings_of(done.stderr)


def test_what_is_commented_out_in_the_shipped_conf_is_good_as_well(folder):
    text = (TOP / "conf" / "weir.conf").read_text()
    (folder / "mime.types").write_bytes((TOP / "conf" / "mime.types").read_bytes())
    whole = re.sub(r"^( *)#(?=\S|    )", r"\1", text, flags=re.M).replace("/usr/local/weir/", f"{folder}/")
    assert whole.count("status;") == 1 and whole.count("example.org;") == 2
    done, _ = check_conf(folder, whole)
    assert done.returncode == 0, done.stderr
    assert not warnings_of(done.stderr)


@pytest.fixture(scope="module")
def site():
    files = {f"html/{path.relative_to(TOP / 'html')}": path.read_bytes() for path in (TOP / "html").rglob("*") if path.is_file()}
    with serving(http=f"include {TOP}/conf/mime.types; default_type application/octet-stream;", server="", files=files) as weir:
        yield weir


def test_welcome_page_is_a_page_in_light_and_dark(site):
    answer = site.get("/")
    assert answer.status == 200 and answer.get("Content-Type").startswith("text/html")
    assert "<title>" in answer.text and "prefers-color-scheme" in answer.text or "color-scheme" in answer.text
    assert "weir" in answer.text


@pytest.mark.parametrize("name, kind", [
    ("a.html", "text/html"), ("a.css", "text/css"), ("a.js", "javascript"), ("a.json", "application/json"), ("a.png", "image/png"),
    ("a.svg", "image/svg+xml"), ("a.webp", "image/webp"), ("a.woff2", "font/woff2"), ("a.wasm", "application/wasm"),
    ("a.pdf", "application/pdf"), ("a.mp4", "video/mp4"), ("a.txt", "text/plain"), ("a.xml", "xml"), ("a.unknown", "application/octet-stream"),
])
def test_shipped_types_know_the_common_names(site, name, kind):
    site.write(f"html/{name}", "x")
    assert kind in site.get(f"/{name}").get("Content-Type")
