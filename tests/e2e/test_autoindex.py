# SPDX-License-Identifier: BSD-2-Clause
"""autoindex and random_index: lists of folders in all forms, whatever names they hold, within their limits."""

import base64
import concurrent.futures
import contextlib
import gzip
import hashlib
import html.parser
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import urllib.parse
import xml.etree.ElementTree

import pytest

from harness import request, run_weir, wait_until

HTML, JSON, XML = "Accept: text/html", "Accept: application/json", "Accept: text/xml"
BROWSER = "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
TIME = 1_700_000_000


class Page(html.parser.HTMLParser):
    """The table of weir's own page: names, links, sizes and times as they are shown, and what is around it."""

    def __init__(self, text):
        super().__init__()
        self.rows, self.columns, self.crumbs, self.pre, self.elements = [], [], [], None, []
        self.inside, self.title, self.footer, self.links = [], "", "", []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.elements.append(tag)
        if tag in ("a", "b", "span", "pre", "title", "footer", "time", "th", "h2"):
            self.inside.append((tag, attrs))
        if tag == "tr":
            self.rows.append({"cells": []})
        if tag == "td":
            self.rows[-1]["cells"].append("")
            self.rows[-1]["title"] = attrs.get("title", self.rows[-1].get("title"))
        if tag == "a":
            self.links.append(attrs["href"])
        if tag == "th":
            self.columns.append([attrs.get("aria-sort"), None, ""])
        if tag == "pre":
            self.pre = ""
        if tag == "time":
            self.rows[-1]["datetime"] = attrs["datetime"]

    def handle_endtag(self, tag):
        if self.inside and self.inside[-1][0] == tag:
            self.inside.pop()

    def handle_data(self, data):
        tags = [tag for tag, _ in self.inside]
        if "th" in tags:
            self.columns[-1][1:] = [self.inside[-1][1].get("href"), data]
        elif "pre" in tags:
            self.pre += data
        elif "title" in tags:
            self.title += data
        elif "footer" in tags:
            self.footer += data
        elif self.rows and self.rows[-1]["cells"]:
            row = self.rows[-1]
            row["cells"][-1] += data.strip("\n")
            if tags[-1:] in (["a"], ["b"]) and len(row["cells"]) == 1:
                row["name"], row["href"] = data, self.inside[-1][1].get("href")
        elif tags[-1:] in (["a"], ["span"]):
            self.crumbs.append((data, self.inside[-1][1].get("href")))

    @property
    def entries(self):
        return [row for row in self.rows if row.get("name") and row["name"] != "Parent folder"]

    @property
    def names(self):
        return [row["name"] for row in self.entries]


def page_of(server, target, *fields):
    response = server.get(target, HTML, *fields)
    assert (response.status, response.get("Content-Type")) == (200, "text/html; charset=utf-8")
    return Page(response.body.decode())


def names_of(server, target="/", *fields):
    return [entry["name"] for entry in json.loads(server.get(target, JSON, *fields).body)]


def fill(folder, count, name="name-{:06}"):
    folder.mkdir(exist_ok=True)
    folder.chmod(0o755)
    first = folder / name.format(0)
    first.write_text("x")
    for i in range(1, count):
        os.link(first, folder / name.format(i))
    return folder


def counts_of(server):
    numbers = json.loads(server.get("/numbers?format=json").body)["sum"]
    return {name: numbers[name] for name in ("autoindex_read", "autoindex_shared", "autoindex_rejected")}


NUMBERS = "location = /numbers { status; }"
FILES = {"html/b.txt": "b", "html/a.txt": "aa", "html/sub/inner.txt": "i"}


# ---- which form

FORMATS = {
    "nothing": ([], "html"), "curl": (["Accept: */*"], "html"), "a browser": ([BROWSER], "page"), "html": ([HTML], "page"),
    "json": ([JSON], "json"), "xml": ([XML], "xml"), "another xml": (["Accept: application/xml"], "xml"),
    "json before html": (["Accept: text/html;q=0.5, application/json"], "json"),
    "html before json": (["Accept: application/json;q=0.5, text/html;q=0.6"], "page"), "neither": (["Accept: image/png"], "html"),
    "html not": (["Accept: text/html;q=0, */*"], "html"), "empty": (["Accept:"], "html"),
}
TYPES = {"page": "text/html; charset=utf-8", "html": "text/html", "json": "application/json", "xml": "text/xml; charset=utf-8",
         "jsonp": "application/javascript"}


def form_of(response):
    body = response.body
    form = ("page" if body.startswith(b"<!DOCTYPE html>") else "html" if body.startswith(b"<html>\r\n<head><title>Index of ")
            else "xml" if body.startswith(b"<?xml") else "jsonp" if body.startswith(b"/* callback */") else "json" if body.startswith(b"[\r\n") else None)
    assert response.get("Content-Type") == TYPES[form]
    return form


@pytest.mark.parametrize("name", list(FORMATS))
def test_form_is_what_the_client_takes(weir, name):
    fields, form = FORMATS[name]
    response = weir(server="autoindex on;", files=FILES).get("/", *fields)
    assert (response.status, form_of(response), response.get("Vary")) == (200, form, "Accept")


@pytest.mark.parametrize("form", ["page", "html", "xml", "json", "jsonp"])
def test_form_of_the_conf_file_is_for_all(weir, form):
    server = weir(server=f"autoindex on; autoindex_format {form};", files=FILES)
    for fields in ([], [BROWSER], [JSON]):
        response = server.get("/?callback=f", *fields)
        assert (form_of(response), response.get("Vary")) == (form, None)


def test_page_is_protected_from_what_it_shows(weir):
    response = weir(server="autoindex on;", files=FILES).get("/", HTML)
    style = re.search(rb"<style>(.*)</style>", response.body, re.S)[1]
    policy = response.get("Content-Security-Policy")
    assert f"style-src 'sha256-{base64.b64encode(hashlib.sha256(style).digest()).decode()}'" in policy
    assert policy.startswith("default-src 'none';") and "script" not in policy and "unsafe" not in policy
    assert response.get("X-Content-Type-Options") == "nosniff"
    assert b"<script" not in response.body and not re.search(rb' style=| on\w+=|(?:src|href)="(?:https?:)?//', response.body)


@pytest.mark.parametrize("form", ["html", "xml", "json", "jsonp"])
def test_other_forms_have_no_policy(weir, form):
    response = weir(server=f"autoindex on; autoindex_format {form};", files=FILES).get("/")
    assert response.get("Content-Security-Policy") is None


# ---- the page

def test_page_tells_all_of_a_folder(weir):
    server = weir(server="autoindex on;", files=FILES | {"html/c/big.bin": b"x" * 1_500_000, "html/c/d/e": ""})
    for path in ("c/big.bin", "c/d"):
        os.utime(server.html / path, (TIME, TIME))
    page = page_of(server, "/c/")
    assert page.title == "Index of /c/"
    assert [(row["name"], row["href"], row["cells"][1:], row["datetime"]) for row in page.entries] == [
        ("d/", "d/", ["", "2023-11-14 22:13"], "2023-11-14T22:13Z"),
        ("big.bin", "big.bin", ["1.4 MiB", "2023-11-14 22:13"], "2023-11-14T22:13Z")]
    assert page.entries[1]["title"] == "1500000 bytes"
    assert page.footer.split("\n")[0] == "1 folder, 1 file, 1.4 MiBTimes are UTC"
    assert page.crumbs[0] == ("localhost", "../") and page.crumbs[-1] == ("c", None)
    assert "../" in page.links


def test_empty_folder_is_told_of(weir):
    server = weir(server="autoindex on;", files=FILES)
    (server.html / "empty").mkdir()
    page = page_of(server, "/empty/")
    assert page.names == [] and page.footer.startswith("0 folders, 0 files, 0 B")
    assert "This folder is empty." in server.get("/empty/", HTML).text


def test_outermost_folder_has_no_parent(weir):
    page = page_of(weir(server="autoindex on;", files=FILES), "/")
    assert "../" not in page.links and page.crumbs == [("localhost", None)]


def test_crumbs_lead_to_each_folder_above(weir):
    server = weir(server="autoindex on;", files={"html/a b/c&d/e/f.txt": "x"})
    page = page_of(server, "/a%20b/c%26d/e/")
    assert [name for name, _ in page.crumbs if name != "/"] == ["localhost", "a b", "c&d", "e"]
    for name, href in page.crumbs[:-1]:
        if href is not None:
            target = urllib.parse.urljoin("http://h/a%20b/c%26d/e/", href)[len("http://h"):]
            assert page_of(server, target).crumbs[-1] == (name, None)


def test_deep_folder_names_those_near(weir):
    server = weir(server="autoindex on;")
    os.makedirs(server.html / "/".join(["d"] * 300))
    response = server.get("/d" * 300 + "/", HTML)
    assert response.status == 200 and len(response.body) < 30_000
    assert len(Page(response.body.decode()).crumbs) < 40


def test_page_is_of_the_address_that_the_client_knows(weir):
    server = weir(server="autoindex on; rewrite ^/known/$ /sub/; error_page 404 =200 /sub/;", files=FILES)
    assert page_of(server, "/known/").title == "Index of /known/"
    assert page_of(server, "/missing").title == "Index of /sub/"


SORTED = {
    "": (["d1/", "d2/", "f2", "F10", "g"], "name"),
    "?sort=name&order=asc": (["d1/", "d2/", "f2", "F10", "g"], "name"),
    "?sort=name&order=desc": (["d2/", "d1/", "g", "F10", "f2"], "name"),
    "?sort=size&order=asc": (["d1/", "d2/", "g", "f2", "F10"], "size"),
    "?sort=size&order=desc": (["d1/", "d2/", "f2", "F10", "g"], "size"),
    "?sort=time&order=asc": (["d2/", "d1/", "F10", "f2", "g"], "time"),
    "?sort=time&order=desc": (["d1/", "d2/", "f2", "g", "F10"], "time"),
    "?sort=size": (["d1/", "d2/", "g", "f2", "F10"], "size"),
    "?order=desc": (["d2/", "d1/", "g", "F10", "f2"], "name"),
    "?sort=junk&order=junk": (["d1/", "d2/", "f2", "F10", "g"], "name"),
    "?C=S;O=D": (["d1/", "d2/", "f2", "F10", "g"], "name"),
}


@pytest.fixture
def to_sort(weir):
    server = weir(server="autoindex on;", files={"html/f2": "xxx", "html/F10": "xxx", "html/g": "x", "html/d1/x": "", "html/d2/x": ""})
    for name, when in {"f2": 2, "F10": 1, "g": 2, "d1": 9, "d2": 8}.items():
        os.utime(server.html / name, (TIME + when, TIME + when))
    return server


@pytest.mark.parametrize("query", list(SORTED))
def test_page_is_sorted(to_sort, query):
    names, by = SORTED[query]
    page = page_of(to_sort, f"/{query}")
    falls = "order=desc" in query
    assert page.names == names
    assert [column[0] for column in page.columns] == [("descending" if falls else "ascending") if c == by else None for c in ("name", "size", "time")]


def test_columns_turn_their_order(to_sort):
    for number, by in enumerate(("name", "size", "time")):
        first = page_of(to_sort, "/").columns[number][1]
        second = page_of(to_sort, "/" + first).columns[number][1]
        third = page_of(to_sort, "/" + second).columns[number][1]
        assert first == third != second and {first, second} == {f"?sort={by}&order=asc", f"?sort={by}&order=desc"}


def test_other_forms_are_not_sorted_by_arguments(to_sort):
    for form in (JSON, XML, "Accept: */*"):
        assert to_sort.get("/?sort=size&order=desc", form).body == to_sort.get("/", form).body


@pytest.mark.parametrize("when", [253402300800, 2**53, 2**62, 2**63 - 1])
def test_times_beyond_four_digits_of_a_year(weir, when):
    """As they stand on a file system that keeps any."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        os.chmod(folder, 0o755)
        path = os.path.join(folder, "late")
        subprocess.run(["touch", "-d", f"@{when}", path], check=True)
        if os.stat(path).st_mtime < 253402300800:
            pytest.skip("no such file system")
        server = weir(server=f"location /l/ {{ alias {folder}/; autoindex on; }}")
        assert b'mtime="9999-12-31T23:59:59Z"' in server.get("/l/", XML).body
        assert b">9999-12-31<" in server.get("/l/", HTML).body
        assert b" 31-Dec-9999 23:59 " in server.get("/l/").body


def test_local_time(weir):
    server = weir(main="env TZ=Asia/Tokyo;", server="autoindex on; autoindex_localtime on;", files={"html/f": "x"}, start=False)
    os.utime(server.html / "f", (TIME, TIME))
    os.environ["TZ"], before = "Asia/Tokyo", os.environ.get("TZ")
    try:
        server.start()
    finally:
        os.environ.pop("TZ") if before is None else os.environ.__setitem__("TZ", before)
    row = page_of(server, "/").entries[0]
    assert (row["datetime"], row["cells"][2]) == ("2023-11-14T22:13Z", "2023-11-15 07:13")
    assert b"15-Nov-2023 07:13" in server.get("/").body
    assert b"22:13:20 GMT" in server.get("/", JSON).body


# ---- names

def odd_names():
    names = [b"x" + bytes([byte]) + b"y" for byte in range(1, 256) if byte != ord("/")]
    return names + [bytes([byte]) for byte in range(1, 256) if byte not in b"/."] + [
        b"-rf", b"a?b=c#d%41", b"a:b", b"javascript:alert(1)", b"//x".replace(b"/", b"\\"), b"~", b"<script>alert(1)<", b"&amp;", b"n" * 255,
        b"\xff" * 255, b'"' * 255, "ü".encode() * 127, b"%2e%2e", b" lead", b"trail ", b"..x", b"{{rows}}", b"?sort=name", "\u202egpj.exe".encode()]


@pytest.fixture(scope="module")
def odd():
    from harness import serving
    with serving(server="serve_hidden on; autoindex on; autoindex_hidden on; location /nginx/ { autoindex_format html; alias {prefix}/html/; }") as server:
        for number, name in enumerate(dict.fromkeys(odd_names())):
            with open(os.fsencode(str(server.html)) + b"/" + name, "wb") as file:
                file.write(b"%d %s" % (number, name))
        yield server


@pytest.mark.parametrize("target", ["/", "/nginx/"])
def test_links_lead_to_the_very_files(odd, target):
    body = odd.get(target, HTML).body.decode("utf-8", "surrogateescape")
    links = [urllib.parse.urljoin(f"http://h{target}", link) for link in Page(body).links if not link.startswith("?") and link != "../"]
    here = sorted(os.listdir(os.fsencode(str(odd.html))))
    assert len(links) == len(here)
    contents = []
    with odd.connect() as client:
        for link in links:
            assert link.startswith("http://h/") and "?" not in link and "#" not in link
            response = client.ask(request(link[len("http://h"):]))
            assert response.status == 200, link
            contents.append(response.body.split(b" ", 1)[1])
    assert sorted(contents) == here


def test_page_of_odd_names_is_text(odd):
    page = page_of(odd, "/")
    shown = "".join(page.names)
    assert not re.search(r"[\x00-\x1f\x7f\u202a-\u202e\u2066-\u2069]", shown)
    assert {"x␊y", "x␡y", "x\ufffdy", "x<y", "x&y", "&amp;", "<script>alert(1)<", "{{rows}}", "\ufffdgpj.exe"} <= set(page.names)
    assert "script" not in page.elements and len(page.names) == len(os.listdir(odd.html))


def test_json_of_odd_names_is_utf8(odd):
    names = [entry["name"] for entry in json.loads(odd.get("/", JSON).body.decode("utf-8"))]
    expected = sorted(os.listdir(os.fsencode(str(odd.html))))
    assert names == [name.decode("utf-8", "replace") for name in expected]


def test_xml_of_odd_names_is_well_formed(odd):
    root = xml.etree.ElementTree.fromstring(odd.get("/", XML).body)
    assert len(root) == len(os.listdir(odd.html)) and {entry.tag for entry in root} == {"file"}
    assert "x\ufffdy" in {entry.text for entry in root}


def test_path_of_the_folder_is_escaped(weir):
    server = weir(server="autoindex on;")
    (server.html / "<b>&\"'\n").mkdir()
    page = page_of(server, "/%3Cb%3E&%22'%0A/")
    assert page.title == "Index of /<b>&\"'␊/" and page.crumbs[-1][0] == "<b>&\"'␊"
    assert b"Index of /&lt;b&gt;&amp;&quot;'\n/<" in server.get("/%3Cb%3E&%22'%0A/").body


# ---- what is listed

def test_hidden_and_excluded_names(weir):
    files = {f"html/{name}": "" for name in (".hidden", "a.bak", "a.txt", "b~", "keep", "keep.bak.txt", ".git/x", "old/x")}
    server = weir(server="""autoindex on; autoindex_exclude *.bak *~; autoindex_exclude old;
        location /all/ { alias {prefix}/html/; serve_hidden on; autoindex_hidden on; autoindex_exclude none; }
        location /off/ { alias {prefix}/html/; autoindex_hidden on; autoindex_exclude none; }
        location /dots/ { alias {prefix}/html/; autoindex_hidden on; serve_hidden on; } location /few/ { alias {prefix}/html/; autoindex_exclude ????; }""", files=files)
    assert names_of(server) == ["a.txt", "keep", "keep.bak.txt"]
    assert names_of(server, "/dots/") == [".git", ".hidden", "a.txt", "keep", "keep.bak.txt"]
    assert names_of(server, "/all/") == [".git", "old", ".hidden", "a.bak", "a.txt", "b~", "keep", "keep.bak.txt"]
    assert names_of(server, "/off/") == ["old", "a.bak", "a.txt", "b~", "keep", "keep.bak.txt"]
    assert "keep" not in names_of(server, "/few/") and "old" in names_of(server, "/few/")
    assert server.get("/a.bak").status == 200


def test_links_sockets_and_pipes(weir):
    server = weir(server="autoindex on;", files=FILES)
    for name, target in {"loop": "loop", "round1": "round2", "round2": "round1", "nowhere": "missing", "through": "a.txt/x", "up": "..",
                         "folder": "sub", "file": "a.txt"}.items():
        os.symlink(target, server.html / name)
    os.mkfifo(server.html / "pipe")
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(server.html / "sock"))
    kinds = {entry["name"]: entry["type"] for entry in json.loads(server.get("/", JSON).body)}
    assert kinds == {"loop": "other", "round1": "other", "round2": "other", "nowhere": "other", "through": "other", "up": "directory",
                     "folder": "directory", "file": "file", "pipe": "other", "sock": "other", "a.txt": "file", "b.txt": "file", "sub": "directory"}
    rows = {row["name"]: row["href"] for row in page_of(server, "/").entries}
    assert rows["pipe"] is None and rows["loop"] is None and rows["folder/"] == "folder/" and rows["file"] == "file"
    assert names_of(server, "/folder/") == ["inner.txt"]
    assert [server.get(f"/{name}/").status for name in ("loop", "pipe", "sock", "nowhere", "file")] == [403, 404, 404, 404, 404]


def test_links_that_may_not_be_followed(weir):
    server = weir(server="""autoindex on; location /on/ { disable_symlinks on from={prefix}/html; alias {prefix}/html/; }
        location /own/ { disable_symlinks if_not_owner; alias {prefix}/html/; }
        location /cut/ { disable_symlinks on from={prefix}; alias {prefix}/linked/; }""", files=FILES)
    os.symlink("a.txt", server.html / "link")
    os.symlink("sub", server.html / "folder")
    os.symlink("missing", server.html / "nowhere")
    os.symlink("b.txt", server.html / "README")
    os.symlink("html", server.prefix / "linked")
    assert names_of(server, "/on/") == ["sub", "a.txt", "b.txt"]
    assert {"link", "folder"} <= set(names_of(server, "/own/")) and "nowhere" not in names_of(server, "/own/")
    assert page_of(server, "/on/").pre is None and page_of(server, "/").pre.strip() == "b"
    assert server.get("/on/folder/").status == 403
    assert server.get("/cut/").status == 403
    if os.geteuid() == 0:
        os.chown(server.html / "link", 12345, 12345, follow_symlinks=False)
        assert "link" not in names_of(server, "/own/") and "folder" in names_of(server, "/own/")


def test_index_file_comes_first(weir):
    server = weir(server="autoindex on;", files=FILES | {"html/sub/index.html": "index"})
    assert server.get("/sub/").body == b"index"
    assert server.get("/", JSON).status == 200


STATUSES = {"/missing/": 404, "/a.txt/": 404, "/shut/": 403, "/off/": 403, "/" + "n" * 256 + "/": 404, "/" + "n/" * 2200: 404, "/sub": 301}


@pytest.mark.parametrize("target", list(STATUSES))
def test_folder_that_cannot_be_listed(weir, target):
    server = weir(server="autoindex on; location /off/ { autoindex off; }", http="large_client_header_buffers 4 16k;", files=FILES | {"html/off/x": ""})
    (server.html / "shut").mkdir(mode=0)
    assert server.get(target, HTML).status == STATUSES[target]
    assert server.get("/").status == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_other_methods_are_refused(weir, method):
    response = weir(server="autoindex on;", files=FILES).get("/", method=method)
    assert (response.status, response.get("Allow")) == (405, "GET, HEAD")


# ---- the readme

def readme(weir, files, server="autoindex on;"):
    return page_of(weir(server=server, files=files), "/").pre


def test_readme_is_shown_as_text(weir):
    text = "# Title\n\n<script>alert('x')</script> & \ttab\r\nnext\x1b[31m \u202e bad \n"
    assert readme(weir, {"html/README.md": text}) == "\n" + text.replace("\r", "").replace("\x1b", "␛").replace("\u202e", "\ufffd")


def test_first_readme_of_the_list_counts(weir):
    assert readme(weir, {"html/README": "plain", "html/README.md": "md", "html/README.txt": "txt"}).strip() == "md"
    assert readme(weir, {"html/README": "plain", "html/README.txt": "txt"}).strip() == "txt"
    assert readme(weir, {"html/README": "plain", "html/ABOUT": "about"}, "autoindex on; autoindex_readme ABOUT README;").strip() == "about"


def test_readme_that_is_none(weir):
    assert readme(weir, {"html/README": b"bin\0ary"}) is None
    assert readme(weir, {"html/README": ""}) is None
    assert readme(weir, {"html/README/x": "a folder"}) is None
    assert readme(weir, {"html/README": "x"}, "autoindex on; autoindex_readme off;") is None
    assert readme(weir, {"html/README": "x"}, "autoindex on; autoindex_exclude READ*;") is None


def test_readme_is_cut(weir):
    server = weir(server="autoindex on; autoindex_readme max=1k README;", files={"html/README": "ü" * 800, "html/b/README": "x" * 1024})
    assert page_of(server, "/").pre.strip() == "ü" * 512 and b"the whole text" in server.get("/", HTML).body
    assert page_of(server, "/b/").pre.strip() == "x" * 1024 and b"the whole text" not in server.get("/b/", HTML).body
    server.write("html/README", "x" + "ü" * 800)
    assert page_of(server, "/").pre.strip() == "x" + "ü" * 511      # no half of a character


def test_readme_that_cannot_be_read(weir):
    server = weir(server="autoindex on;", files={"html/README": "secret"})
    (server.html / "README").chmod(0)
    page = page_of(server, "/")
    assert page.names == ["README"] and page.pre is None


# ---- HTTP

def test_head_has_the_fields_of_get(weir):
    server = weir(server="autoindex on;", files=FILES)
    for accept in (HTML, JSON, XML, "Accept: */*"):
        get, head = server.get("/", accept), server.get("/", accept, method="HEAD")
        assert head.body == b"" and [f for f in head.headers if f[0] != "Date"] == [
            f for f in get.headers if f[0] not in ("Date", "Transfer-Encoding")]


def test_list_that_did_not_change(weir):
    server = weir(server="autoindex on; location /no/ { etag off; alias {prefix}/html/; }", files=FILES)
    for accept in (HTML, JSON, "Accept: */*"):
        tag = server.get("/", accept).get("ETag")
        assert re.fullmatch(r'W/"[0-9a-f]{16}"', tag)
        response = server.get("/", accept, f"If-None-Match: {tag}")
        assert (response.status, response.body, response.get("ETag"), response.get("Vary")) == (304, b"", tag, "Accept")
        assert server.get("/", accept, "If-Modified-Since: Sun, 06 Nov 2044 08:49:37 GMT").status == 200
    tags = {server.get(target, accept).get("ETag") for accept in (HTML, JSON, XML, "Accept: */*") for target in ("/", "/sub/")}
    tags |= {server.get(f"/?sort={by}&order=desc", HTML).get("ETag") for by in ("name", "size", "time")}
    assert len(tags) == 11
    for change in (lambda: server.write("html/c.txt", "x"), lambda: server.write("html/c.txt", "xx"),
                   lambda: os.utime(server.html / "c.txt", (5, 5)), lambda: os.remove(server.html / "c.txt")):
        before = server.get("/", JSON).get("ETag")
        change()
        assert server.get("/", JSON, f"If-None-Match: {before}").status == 200
    assert server.get("/no/", JSON).get("ETag") is None


def test_tag_covers_the_readme(weir):
    server = weir(server="autoindex on;", files={"html/README": "one"})
    os.utime(server.html / "README", (TIME, TIME))
    before = server.get("/", HTML).get("ETag")
    server.write("html/README", "two", mtime=TIME)
    assert server.get("/", HTML).get("ETag") != before


def test_old_clients_get_the_same(weir):
    server = weir(server="autoindex on;")
    fill(server.html / "many", 3000)
    with server.connect() as client:
        client.send(request("/many/", JSON, version="1.0"))
        head, _, body = client.read_rest().partition(b"\r\n\r\n")
    assert b"Transfer-Encoding" not in head and body == server.get("/many/", JSON).body
    assert len(json.loads(body)) == 3000


def test_pipelined_requests_are_answered_in_order(weir):
    server = weir(server="autoindex on;", files=FILES)
    fill(server.html / "many", 2000)
    with server.connect() as client:
        client.send(request("/sub/", JSON) + request("/a.txt") + request("/many/", JSON) + request("/many/", HTML) + request("/b.txt")
                    + request("/missing/") + request("/sub/", JSON))
        first, a, many, page, b, missing, last = (client.read() for _ in range(7))
    assert (first.body, a.body, b.body, missing.status) == (last.body, b"aa", b"b", 404)
    assert len(json.loads(many.body)) == 2000 == len(Page(page.body.decode()).names)


def test_ranges_are_not_for_lists(weir):
    response = weir(server="autoindex on;", files=FILES).get("/", "Range: bytes=0-9")
    assert (response.status, response.get("Accept-Ranges")) == (200, None)


def test_filters_change_lists(weir):
    server = weir(http="charset_map koi8-r utf-8 { C1 D0B0; }", server="""autoindex on; location /koi/ { alias {prefix}/html/; autoindex_format html;
        charset koi8-r; source_charset utf-8; } location /added/ { alias {prefix}/html/; add_header X y; expires 1h; }""", files={"html/а": "x"})
    response = server.get("/koi/")
    assert response.get("Content-Type") == "text/html; charset=koi8-r" and b">\xc1</a>" in response.body
    assert (server.get("/added/").get("X"), server.get("/added/").get("Cache-Control")) == ("y", "max-age=3600")


def test_lists_are_compressed(weir):
    server = weir(server="autoindex on; gzip on; gzip_vary on; gzip_min_length 0; gzip_types *;", files=FILES)
    fill(server.html / "many", 3000)
    for accept in (HTML, JSON, XML, "Accept: */*"):
        plain, packed = (server.get("/many/", accept, *fields) for fields in ([], ["Accept-Encoding: gzip"]))
        assert packed.get("Content-Encoding") == "gzip" and gzip.decompress(packed.body) == plain.body
        assert ", ".join(packed.all("Vary")) == "Accept, Accept-Encoding"
        head = server.get("/many/", accept, "Accept-Encoding: gzip", method="HEAD")
        assert (head.get("Content-Encoding"), head.body) == ("gzip", b"")
        tag = packed.get("ETag")
        assert server.get("/many/", accept, "Accept-Encoding: gzip", f"If-None-Match: {tag}").status == 304


def test_texts_in_lists_are_replaced(weir):
    server = weir(server="autoindex on; autoindex_format html; sub_filter 'name-0000' 'n'; sub_filter_once off; add_after_body /sub/;", files=FILES)
    fill(server.html / "many", 50)
    body = server.get("/many/").body
    assert body.count(b'"n') == 50 and b"name-" not in body and body.count(b"<h1>Index of ") == 2 and b"inner.txt" in body


def test_names_are_cut_by_characters_where_they_are_utf8(weir):
    server = weir(server="autoindex on; autoindex_format html; location /u/ { charset utf-8; alias {prefix}/html/; }", files={"html/" + "ü" * 60: "x"})
    assert ("ü" * 47 + "..&gt;").encode() in server.get("/u/").body
    assert ("ü" * 47).encode() not in server.get("/").body


def test_list_below_another_request(weir):
    server = weir(server="autoindex on; location = /asks { auth_request /sub/; alias {prefix}/html/a.txt; } location /none/ { auth_request /missing/; }",
                  files=FILES)
    assert server.get("/asks").body == b"aa"
    assert server.get("/none/x").status == 500


def test_list_stands_in_for_an_error(weir):
    server = weir(server="autoindex on; error_page 404 /sub/; error_page 403 = /sub/; location /shut/ { deny all; }", files=FILES)
    response = server.get("/missing", JSON)
    assert (response.status, json.loads(response.body)[0]["name"]) == (404, "inner.txt")
    assert server.get("/shut/x", JSON).status == 200


def test_list_is_explained(weir):
    server = weir(server="autoindex on;", files=FILES)
    done = run_weir(server.prefix, "explain", "/sub/", "-p", str(server.prefix), "-c", str(server.conf_path))
    assert done.returncode == 0 and re.search(r"autoindex +.*/html/sub/ is listed, 1 entries, as html", done.stdout), done.stdout + done.stderr


# ---- limits

def test_folder_over_the_limit_is_not_listed(weir):
    server = weir(server=f"autoindex on; autoindex_limit 10; {NUMBERS}")
    fill(server.html / "ten", 10)
    fill(server.html / "eleven", 11)
    assert len(names_of(server, "/ten/")) == 10
    assert [server.get("/eleven/", accept).status for accept in (HTML, JSON)] == [403, 403]
    server.wait_log(r'\[error\] .* directory index of "\S+/eleven/" is forbidden: it has more than 10 entries \(autoindex_limit\)')
    assert counts_of(server)["autoindex_rejected"] == 2
    (server.html / "eleven" / "name-000003").unlink()
    assert server.get("/eleven/").status == 200


def test_folder_that_does_not_fit_into_memory(weir):
    server = weir(server="autoindex on;", http="autoindex_memory 64k;")
    fill(server.html / "small", 500)
    fill(server.html / "large", 3000)
    assert [server.get(f"/{name}/").status for name in ("small", "large", "small")] == [200, 403, 200]
    server.wait_log(r"is forbidden: it does not fit into autoindex_memory")


def test_lists_that_are_held_have_a_limit(weir):
    server = weir(server=f"autoindex on; autoindex_format html; {NUMBERS}", http="autoindex_memory 6m;")
    fill(server.html / "many", 40000, "a-rather-long-name-so-that-it-takes-its-room-{:06}")
    with server.connect(rcvbuf=4096) as slow:
        slow.send(request("/many/"))
        head = slow.read_head()
        response = server.get("/many/")
        assert (response.status, response.get("Retry-After")) == (503, "1")
        server.wait_log(r"\[error\] .* too many folders are held in memory to be listed")
        assert head.status == 200 and counts_of(server)["autoindex_rejected"] == 1
    wait_until(lambda: server.get("/many/").status == 200, "room after the client has left")


def resident(pid):
    return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())[1])


@pytest.mark.parametrize("limits, status", [("autoindex_memory 6m;", 503), ("autoindex_memory 6m; autoindex_limit 39000;", 403)])
def test_list_that_is_refused_takes_no_memory(weir, limits, status):
    """Neither while the page that stands in for it is sent, nor from those of others."""
    server = weir(server="autoindex on; error_page 403 503 /sorry; location = /sorry { }", http=limits, files=FILES)
    if "sanitize" in run_weir(server.prefix, "-V").stderr:
        pytest.skip("a sanitizer keeps what was freed")
    fill(server.html / "many", 40000, "a-rather-long-name-so-that-it-takes-its-room-{:06}")
    with open(server.html / "sorry", "wb") as page:
        page.truncate(20 << 20)
    with contextlib.ExitStack() as stack:
        def ask():
            client = stack.enter_context(server.connect(rcvbuf=4096))
            client.send(request("/many/"))
            return client.read_head().status
        first = ask()
        assert (first, ask()) == (403 if status == 403 else 200, status)
        before = resident(server.wait_workers()[0])
        assert {ask() for _ in range(8)} == {status}
        assert resident(server.wait_workers()[0]) < before + 8192
        assert server.get("/sub/").status == 200


def test_queue_of_folders_has_a_limit(weir):
    server = weir(server=f"autoindex on; {NUMBERS}", http="autoindex_threads 1 queue=1;", files=FILES)
    fill(server.html / "many", 60000)
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(server.connect()) for _ in range(3)]
        for client, by in zip(clients, ("name", "size", "time")):
            client.send(request(f"/many/?sort={by}", HTML))
        answers = [client.read() for client in clients]
        assert sorted(response.status for response in answers) == [200, 200, 503]
        assert [response.get("Retry-After") for response in answers if response.status == 503] == ["1"]
    server.wait_log(r"\[error\] .* too many folders wait to be listed")
    assert counts_of(server) == {"autoindex_read": 2, "autoindex_shared": 0, "autoindex_rejected": 1}


def test_requests_that_come_together_share_a_reading(weir):
    server = weir(server=f"autoindex on; {NUMBERS}", http="autoindex_threads 1;", files=FILES)
    fill(server.html / "many", 60000)
    with contextlib.ExitStack() as stack:
        busy = stack.enter_context(server.connect())
        others = [stack.enter_context(server.connect()) for _ in range(20)]
        busy.send(request("/many/", JSON))
        for client in others:
            client.send(request("/sub/", JSON))
        assert len({client.read().body for client in others}) == 1
        assert len(json.loads(busy.read().body)) == 60000
    counts = counts_of(server)
    assert counts["autoindex_shared"] > 0 and counts["autoindex_read"] + counts["autoindex_shared"] == 21


def test_list_is_of_the_moment_at_which_it_was_asked_for(weir):
    """Whoever asks while the folder is being read is not told what was read before."""
    server = weir(server=f"autoindex on; {NUMBERS}", http="autoindex_threads 1;")
    fill(server.html / "many", 60000)
    with server.connect() as first, server.connect() as second:
        for i in range(3):
            before = counts_of(server)["autoindex_read"]
            first.send(request("/many/", JSON))
            wait_until(lambda: counts_of(server)["autoindex_read"] == before + 1, "the first to be taken")
            for k in range(30):
                (server.html / "many" / f"new-{i}-{k}").touch()
            body = second.ask(request("/many/", JSON)).body
            assert all(b'"new-%d-%d"' % (i, k) in body for k in range(30))
            first.read()


def test_client_that_leaves_while_its_folder_is_read(weir):
    server = weir(server=f"autoindex on; {NUMBERS}", http="autoindex_threads 1;", files=FILES)
    fill(server.html / "many", 30000)
    for accept in (HTML, JSON, XML):
        read = sum(counts_of(server)[name] for name in ("autoindex_read", "autoindex_shared"))
        with contextlib.ExitStack() as stack:
            clients = [stack.enter_context(server.connect()) for _ in range(6)]
            for client in clients:
                client.send(request("/many/", accept))
            wait_until(lambda: sum(counts_of(server)[name] for name in ("autoindex_read", "autoindex_shared")) == read + 6, "all to be taken")
        assert server.get("/sub/").status == 200


def test_client_that_leaves_others_who_asked_the_same(weir):
    server = weir(server=f"autoindex on; {NUMBERS}", http="autoindex_threads 1;", files=FILES)
    fill(server.html / "many", 60000)
    with contextlib.ExitStack() as stack:
        busy = stack.enter_context(server.connect())
        busy.send(request("/many/", JSON))
        stay = [stack.enter_context(server.connect()) for _ in range(4)]
        with contextlib.ExitStack() as short:
            leave = [short.enter_context(server.connect()) for _ in range(4)]
            for client in (client for both in zip(stay, leave) for client in both):
                client.send(request("/sub/", JSON))
            wait_until(lambda: sum(counts_of(server).values()) >= 9, "all to be taken")
        assert {client.read().body for client in stay} == {server.get("/sub/", JSON).body}
        assert busy.read().status == 200


def test_client_that_leaves_while_its_list_is_sent(weir):
    server = weir(server="autoindex on;", files=FILES)
    fill(server.html / "many", 20000)
    for _ in range(3):
        with server.connect(rcvbuf=4096) as client:
            client.send(request("/many/", HTML))
            assert client.read_head().status == 200
        assert server.get("/sub/").status == 200


def test_list_outlives_a_reload(weir):
    server = weir(server="autoindex on;", files=FILES)
    fill(server.html / "many", 30000)
    with server.connect(rcvbuf=4096) as client:
        client.send(request("/many/", JSON))
        old = server.wait_workers()
        assert server.run("-s", "reload").returncode == 0
        wait_until(lambda: set(server.workers()) - set(old), "the new workers")
        assert len(json.loads(client.read().body)) == 30000
    server.wait_workers(1, old)


def test_folder_that_changes_while_it_is_listed(weir):
    server = weir(server="autoindex on; keepalive_requests 1000000;", workers=2)
    folder = fill(server.html / "many", 200)
    over = threading.Event()

    def change():
        number = 0
        while not over.is_set():
            number += 1
            (folder / f"new-{number}").write_text("x")
            (folder / f"new-{number}").rename(folder / f"moved-{number % 7}")
            with contextlib.suppress(OSError):
                (folder / f"moved-{(number + 3) % 7}").unlink()

    def ask(accept):
        until = time.monotonic() + 1
        with server.connect() as client:
            while time.monotonic() < until:
                response = client.ask(request("/many/", accept))
                assert response.status == 200
                assert response.body.count(b"name-0") >= 200

    with concurrent.futures.ThreadPoolExecutor() as pool:
        changer = pool.submit(change)
        try:
            for done in [pool.submit(ask, accept) for accept in (HTML, JSON, XML)]:
                done.result()
        finally:
            over.set()
        changer.result()


# ---- random_index

def test_random_index(weir):
    server = weir(server="location /r/ { random_index on; } location /e/ { random_index on; autoindex on; } location /i/ { random_index on; }",
                  files={f"html/r/{name}": name for name in ("a.html", "b?c", "%41", ".no")} | {"html/e/.no": "", "html/i/.no": "", "html/i/d/x": ""})
    (server.html / "i" / "index.html").mkdir()
    answers = [server.get("/r/") for _ in range(60)]
    assert {response.status for response in answers} == {200}
    assert {response.body for response in answers} == {b"a.html", b"b?c", b"%41"}
    assert {response.get("ETag") is not None for response in answers} == {True}
    assert server.get("/e/", JSON).body == b"[\r\n]"
    assert server.get("/i/").status == 403
    assert server.get("/r/a.html").body == b"a.html"
    assert server.get("/r/", method="POST").status == 405 and server.get("/r/", method="HEAD").status == 200
    assert server.get("/r/none/").status == 404


# ---- browsers

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PROBE = """<iframe src="/list/?sort=size&amp;order=desc" width=%d height=800></iframe><script>
onload = () => { const d = frames[0].document, w = frames[0];
  document.title = JSON.stringify({ overflow: d.documentElement.scrollWidth - %d, rows: d.querySelectorAll("tbody tr").length,
    names: [...d.querySelectorAll("td:first-child a, td:first-child b")].map(e => e.textContent),
    dark: w.getComputedStyle(d.body).backgroundColor, font: w.getComputedStyle(d.body).fontFamily,
    sorted: [...d.querySelectorAll("th")].map(e => e.getAttribute("aria-sort")) }); };
</script>"""


@pytest.mark.real
@pytest.mark.skipif(CHROMIUM is None, reason="chromium is missing")
@pytest.mark.parametrize("width, scheme", [(360, 1), (360, 0), (1200, 1)])
def test_page_in_a_browser(weir, width, scheme):
    server = weir(server="autoindex on;", files={"html/list/a": "xx", "html/list/b": "xxx", "html/list/c/d": "", "html/list/" + "wide" * 60: "x",
                                                 "html/list/README": "wide" * 200, "html/probe.html": PROBE % (width, width)})
    (server.html / "list" / "<img src=x onerror=alert(1)>").write_text("")
    done = subprocess.run([CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={server.prefix}/profile", "--hide-scrollbars",
                           "--enable-logging=stderr", "--window-size=1300,900", f"--blink-settings=preferredColorScheme={scheme}",
                           "--virtual-time-budget=3000", "--dump-dom", f"http://127.0.0.1:{server.port()}/probe.html"],
                          capture_output=True, text=True, timeout=120)
    found = re.search("<title>(.*?)</title>", done.stdout)
    assert found, done.stderr[-2000:]
    seen = json.loads(html.unescape(found[1]))
    assert "CONSOLE" not in done.stderr, done.stderr[-3000:]       # the policy lets the style through, and nothing was refused
    assert seen["overflow"] <= 0 and seen["rows"] == 7 and "system-ui" in seen["font"]
    assert seen["names"][1:4] == ["c/", "README", "b"] and seen["sorted"] == [None, "descending", None]
    assert seen["dark"] == ("rgb(13, 20, 24)" if scheme == 0 else "rgb(245, 247, 248)")
