# SPDX-License-Identifier: BSD-2-Clause
"""
autoindex and random_index, beside the nginx of this machine: lists in each of nginx's forms byte for byte, of names, sizes, times
and kinds of all sorts. What differs stands in DIFFERENCES, with the reason; skipped where there is no nginx.
"""

import os
import socket

import pytest

from harness import Weir, request
from harness.nginx import NGINX, Nginx

pytestmark = pytest.mark.skipif(NGINX is None, reason="there is no nginx")

TIME = 1_700_000_000
SERVER = "autoindex on; autoindex_format html;" + "".join(f"location /{name}/ {{ {what} alias {{prefix}}/tree/; }}" for name, what in {
    "html": "", "utf": "charset utf-8;", "koi": "charset koi8-r;", "round": "autoindex_exact_size off;", "local": "autoindex_localtime on;",
    "xml": "autoindex_format xml;", "json": "autoindex_format json;", "jsonp": "autoindex_format jsonp;",
    "links": "disable_symlinks on;"}.items()) + "".join(f"location /bytes-{name}/ {{ autoindex_format {name}; alias {{prefix}}/bytes/; }}" for name in
    ("html", "xml", "json", "jsonp")) + "location /utf-bytes/ { charset utf-8; alias {prefix}/bytes/; }" """
location /random/ { random_index on; alias {prefix}/random/; }
location /none/ { random_index on; alias {prefix}/folders/; }
location /only/ { random_index on; autoindex off; alias {prefix}/folders/; }
location /closed/ { random_index on; alias {prefix}/closed/; }
location /missing/ { random_index on; alias {prefix}/missing/; }
location /cached/ { expires 1h; add_header X y; alias {prefix}/empty/; }
location /xempty/ { autoindex_format xml; alias {prefix}/empty/; }
location /jempty/ { autoindex_format json; alias {prefix}/empty/; }
location /pempty/ { autoindex_format jsonp; alias {prefix}/empty/; }
"""
HALVES = [n for unit in (1 << 10, 1 << 20, 1 << 30) for whole in (9, 10, 99, 1023, 1024) for half in (-1, 0, 1)
          for n in (whole * unit + unit // 2 + half, whole * unit + half)] + [0, 1, 9998, 9999, 10000, 10001]


def put(folder, name, size=0, time=TIME):
    path = os.fsencode(str(folder)) + b"/" + name
    with open(path, "wb") as file:
        file.truncate(size)
    os.utime(path, (time, time))


def make_tree(prefix):
    tree, every, chance, folders, empty = (prefix / name for name in ("tree", "bytes", "random", "folders", "empty"))
    for folder in (tree, every, chance, folders, empty, prefix / "closed", prefix / "secret"):
        folder.mkdir()
        folder.chmod(0o755)
    for size in range(45, 54):
        put(tree, b"f" * size, size)
        put(tree, b"a" * (size - 2) + "я".encode(), size)
        put(tree, "я".encode() * size, size)
        put(tree, "я".encode() * (size - 1) + b"\xff", size)
        put(tree, "€".encode() * (size - 30) + b"&" * 30, size)
        (tree / ("d" * size)).mkdir()
        (tree / ("ü" * size)).mkdir()
    for size in HALVES:
        put(tree, b"size%d" % size, size)
    put(tree, b"n" * 255, 5)
    put(tree, b".hidden")
    put(tree, b"-dash")
    put(tree, b"a:b")
    put(tree, b"unreadable", 3)
    (tree / "unreadable").chmod(0)
    for number, time in enumerate((0, -5, 1, 86399, 951782400, 1709164800, 4107542400, 1729990800, 1711846800, 1711846799)):
        put(tree, b"time%d" % number, time=time)
    (tree / ".git").mkdir()
    (tree / "shut").mkdir(mode=0)
    (tree / "shut").chmod(0)
    for link, target in {"broken": "nowhere", "loop": "loop", "to-folder": "d" * 45, "to-file": "a:b", "to-secret": "../secret/f",
                         "to-secret-folder": "../secret"}.items():
        os.symlink(target, tree / link)
        os.utime(tree / link, (TIME, TIME), follow_symlinks=False)
    os.mkfifo(tree / "fifo")
    with socket.socket(socket.AF_UNIX) as sock:
        here = os.getcwd()
        os.chdir(tree)
        sock.bind("sock")
        os.chdir(here)
    (prefix / "secret" / "f").write_text("x")
    (prefix / "secret").chmod(0o700)
    for path in tree.iterdir():
        if not path.is_symlink() and not path.name.startswith("time"):
            os.utime(path, (TIME, TIME))
    os.utime(prefix / "secret", (TIME, TIME))
    for byte in range(1, 256):
        if byte != ord("/"):
            put(every, b"x" + bytes([byte]) + b"y", byte)
    put(chance, b"one")
    put(chance, b".two")
    (chance / "folder").mkdir()
    (folders / "folder").mkdir()
    os.utime(folders / "folder", (TIME, TIME))
    os.mkfifo(folders / "fifo")
    os.utime(folders / "fifo", (TIME, TIME))
    (prefix / "html" / "sub<&\"'>").mkdir()
    (prefix / "html" / "file").write_text("x")
    for path in (prefix / "html").iterdir():
        os.utime(path, (TIME, TIME))
    (prefix / "closed").chmod(0)


@pytest.fixture(scope="module")
def pair():
    servers = [Weir(server=SERVER), Nginx(server=SERVER)]
    try:
        for server in servers:
            make_tree(server.prefix)
            server.start()
        yield servers
    finally:
        for server in servers:
            server.finish()


def allow(answer):
    return 405, [("Allow", "GET, HEAD")], None


def no_utf8_as_itself(answer):
    """Bytes that are no UTF-8, one by one, become U+FFFD."""
    return answer[0], answer[1], answer[2].decode("utf-8", "replace").encode()


def no_control_bytes(answer):
    status, fields, body = no_utf8_as_itself(answer)
    return status, fields, "".join(c if c >= " " or c in "\t\n\r" else "\ufffd" for c in body.decode()).encode()


def without_links(answer):
    lines = [line for line in answer[2].split(b"\r\n") if not any(b'href="%s"' % name in line or b'href="%s/"' % name in line for name in (
        b"broken", b"loop", b"to-folder", b"to-file", b"to-secret-folder"))]
    return answer[0], answer[1], b"\r\n".join(lines)


UTF8 = "JSON is UTF-8 (RFC 8259 8.1): what is none becomes U+FFFD"
METHODS = "405 says what is allowed (RFC 9110 15.5.6)"
DIFFERENCES = {
    **{f"GET /jsonp/{query}": (no_utf8_as_itself, UTF8)
       for query in ("", "?callback=", "?callback=f", "?CALLBACK=f", "?x=1&callback=f&callback=g")},
    "GET /json/?callback=f": (no_utf8_as_itself, UTF8),
    "GET /bytes-json/": (no_utf8_as_itself, UTF8),
    "GET /json/": (no_utf8_as_itself, UTF8),
    "GET /bytes-jsonp/?callback=a.b_C9": (no_utf8_as_itself, UTF8),
    "GET /bytes-xml/": (no_control_bytes, "XML knows no such characters (XML 1.0 2.2): the whole list would be none"),
    "GET /xml/": (no_control_bytes, "XML knows no such characters (XML 1.0 2.2): the whole list would be none"),
    "GET /links/": (without_links, "a link that is not followed is not told of, nor what it leads to"),
    "POST /html/": (allow, METHODS),
    "PUT /html/": (allow, METHODS),
    "DELETE /html/": (allow, METHODS),
    "POST /none/": (allow, METHODS),
    "PUT /random/": (allow, METHODS),
    "POST /random/": (allow, METHODS),
}
CASES = ["GET /html/", "GET /utf/", "GET /koi/", "GET /round/", "GET /local/", "GET /xml/", "GET /json/", "GET /jsonp/", "GET /jsonp/?callback=f",
         "GET /jsonp/?CALLBACK=f", "GET /jsonp/?callback=", "GET /jsonp/?x=1&callback=f&callback=g", "GET /jsonp/?callback=f%28",
         "GET /html/?callback=f", "GET /json/?callback=f", "GET /html/?sort=size&order=desc", "HEAD /html/", "HEAD /jsonp/", "HEAD /jsonp/?callback=f",
         "GET /bytes-html/", "GET /utf-bytes/", "GET /bytes-xml/", "GET /bytes-json/", "GET /bytes-jsonp/?callback=a.b_C9", "GET /links/",
         "GET /sub%3C%26%22%27%3E/", "GET /", "GET /html", "GET /sub%3C%26%22%27%3E", "GET /file/", "GET /none-such/", "GET /html/shut/",
         "GET /cached/", "HEAD /cached/", "GET /xempty/", "GET /jempty/", "GET /pempty/?callback=f", "GET /pempty/",
         "GET /html/ Range: bytes=0-9", "GET /html/ If-Modified-Since: Sun, 06 Nov 2044 08:49:37 GMT",
         "GET /random/", "HEAD /random/", "POST /random/", "PUT /random/", "GET /none/", "POST /none/", "GET /only/", "GET /closed/", "GET /missing/",
         "POST /html/", "PUT /html/", "DELETE /html/"] + [f"GET /pempty/?callback={'f' * n}" for n in (127, 128, 129)] + [
         f"GET /pempty/?callback=f{chr(c)}g" for c in range(33, 127) if chr(c) not in "#&"]


HIDDEN = {"server", "date", "etag", "content-length", "transfer-encoding", "connection", "expires", "last-modified", "location"}


def answer_of(server, case):
    """Status, fields that both give alike, body; of a page of the server's own neither its type nor its text."""
    method, target, *field = case.split(" ", 2)
    with server.connect() as client:
        response = client.ask(request(target, *field, method=method), method)
    own_page = response.status >= 300
    hidden = HIDDEN | ({"content-type"} if own_page else set())
    fields = sorted((n, v) for n, v in response.headers if n.lower() not in hidden)
    return response.status, fields, None if own_page else response.body


@pytest.mark.parametrize("case", CASES)
def test_both_answer_alike(pair, case):
    weir, nginx = (answer_of(server, case) for server in pair)
    change, _ = DIFFERENCES.get(case, (lambda answer: answer, None))
    nginx = change(nginx)
    assert weir[:2] == nginx[:2]
    if weir[2] is not None:
        assert weir[2].split(b"\r\n") == nginx[2].split(b"\r\n")


def test_differences_are_those(pair):
    """None of the rows has become idle."""
    assert not [case for case in DIFFERENCES if answer_of(pair[0], case) == answer_of(pair[1], case)]
