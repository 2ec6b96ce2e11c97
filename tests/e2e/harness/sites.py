# SPDX-License-Identifier: BSD-2-Clause
"""
Sites of real kinds: a folder below tests/e2e/sites with nginx.conf as its owner would write it, `files` and `answers`.

files: "== PATH" begins a file, what follows is its text; "== PATH 5000 bytes" has that many; "== PATH lines 1 to 9: text {n}" has a
line a number. answers: blocks of a request ("> GET host/path", "> Field: value") and its answer ("< 200", "< Field: value", "| a line
of the body"; a last line that does not end has a backslash). Every answer has "Connection: close", which is not listed. `normalise` and
`is_listed` say what else is not written as it came.

A new site: write nginx.conf, files, and the requests alone into answers, then
    (cd tests/e2e && python3 -m harness.sites NAME)
lists what the nginx of the machine answers and how weir differs, with -w it writes weir's answers into the file. Read them.
"""

import hashlib
import os
import pathlib
import re
from email.utils import parsedate_to_datetime

from harness.client import ProtocolError, request
from harness.nginx import Nginx
from harness.server import Weir

ROOT = pathlib.Path(__file__).resolve().parents[1] / "sites"
MIME_TYPES = ROOT.parents[2] / "conf" / "mime.types"
MTIME = 1_700_000_000           # of all files: Tue, 14 Nov 2023 22:13:20 GMT
OWN_PAGE = re.compile(rb"<center>nginx[^<]*</center>|<small>weir[^<]*</small></body></html>$")
PLACES = [                      # what stands in a conf file -> where it is here
    (re.compile(r"(?<=[\s\"'=])/(var/www|srv|home|etc/nginx)\b"), r"{prefix}/\1"),
    (re.compile(r"(?<=[\s\"'=])/var/log/nginx\b"), "{prefix}/logs"),
    (re.compile(r"(?<=[\s\"'=])/run/nginx\.pid\b"), "{prefix}/logs/weir.pid"),
    (re.compile(r"^user www-data;", re.M), "user nobody nogroup;" if os.geteuid() == 0 else ""),
    (re.compile(r"\blisten(\s+)80\b"), r"listen\g<1>127.0.0.1:{port}"),
    (re.compile(r"\blisten(\s+)8080\b"), r"listen\g<1>127.0.0.1:{port1}"),
]


def names():
    return sorted(path.parent.name for path in ROOT.glob("*/nginx.conf"))


# ---- a site's folder


def conf_of(name, kind):
    text = (ROOT / name / "nginx.conf").read_text()
    for pattern, place in PLACES:
        text = pattern.sub(place, text)
    if kind is Nginx:
        folders = "".join(f" {what}_temp_path {{prefix}}/{what};" for what in ("client_body", "proxy", "fastcgi", "scgi", "uwsgi"))
        text = re.sub(r"^http \{", "http {" + folders, text, count=1, flags=re.M)
    return text


def files_of(name):
    """(path below the prefix, content) of each file."""
    parts = re.split(r"^== (.*)\n", (ROOT / name / "files").read_text(), flags=re.M)
    for head, text in zip(parts[1::2], parts[2::2]):
        path, _, rest = head.partition(" ")
        size, lines = re.fullmatch(r"(\d+) bytes", rest), re.fullmatch(r"lines (\d+) to (\d+): (.*)", rest)
        if size:
            text = ("0123456789abcdef" * (int(size[1]) // 16 + 1))[:int(size[1])]
        elif lines:
            text = "".join(lines[3].replace("{n}", str(n)) + "\n" for n in range(int(lines[1]), int(lines[2]) + 1))
        yield path.lstrip("/"), text


def site(name, kind=Weir):
    """A server of that kind with the site's files, not started."""
    server = kind(conf_of(name, kind))
    server.conf_path = server.prefix / "etc" / "nginx" / "nginx.conf"
    server.write("etc/nginx/mime.types", MIME_TYPES.read_bytes())
    for path, content in files_of(name):
        server.write(path, server.expand(content), MTIME)
    return server


# ---- what is asked, and answered


def blocks_of(name):
    """(lines of the request, lines of the answer) of each block."""
    found = []
    for block in (ROOT / name / "answers").read_text().split("\n\n"):
        lines = [line for line in block.split("\n") if line and not line.startswith("#")]
        asked = tuple(line[2:] for line in lines if line.startswith("> "))
        if asked:
            found.append((asked, tuple(line for line in lines if not line.startswith("> "))))
    return found


def put(server, asked):
    """The answer to a request's lines; None: the connection was closed without one; or what was wrong with it."""
    method, target = asked[0].split(" ", 1)
    host, slash, path = target.partition("/")
    data = request((slash + path).encode().decode("latin-1"), "Connection: close", *asked[1:], method=method, host=host or None)
    with server.connect("port1" if host.endswith(":8080") else "port") as client:
        client.send(data)
        try:
            return client.read(method) if client.sock.recv(1, 2) else None      # 2: MSG_PEEK
        except ProtocolError as error:
            return error


def normalise(server, response, name, value):
    """A field's value without what is another each time, or another server's own form of the same."""
    for key, port in (("port", ""), ("port1", ":8080")):    # the ports are the harness's
        if key in server.claims:
            value = value.replace(f":{server.port(key)}", port)
    if name.lower() == "expires" and value.endswith(" GMT"):
        ahead = parsedate_to_datetime(value) - parsedate_to_datetime(response.get("Date"))
        seconds = round(ahead.total_seconds())
        return f"(Date {seconds:+d} s)" if value[12:16] not in ("1970", "2023", "2037") else value
    if name.lower() == "etag":      # each has a form of its own, but weak is weak
        return "W/(tag)" if value.startswith("W/") else "(tag)"
    return value


def body_lines(server, response):
    if OWN_PAGE.search(response.body):
        return ["| (a page of the server's own)"]
    text = response.body.decode("latin-1")
    if len(text) > 1000:
        return [f"| ({len(text)} bytes, SHA-256 {hashlib.sha256(response.body).hexdigest()[:16]})"]
    text = response.body.decode("utf-8", "backslashreplace").replace(str(server.prefix), "{prefix}")
    lines = ["| " + line for line in text.split("\n")]
    return lines[:-1] if lines[-1] == "| " else lines[:-1] + [lines[-1] + "\\"]     # the last line has no end


def is_listed(response, name):
    """
    All fields are but these: an own page has a length of its own; 405 says what is allowed, in weir; the page of an error has no
    entity tag there, as only a 200 has one that could be asked with.
    """
    own_page = OWN_PAGE.search(response.body) or (response.status >= 300 and not response.body)
    hidden = {"date", "server", "connection"} | ({"content-length"} if own_page else set())
    if response.status >= 400:
        hidden |= {"allow", "etag"}
    return name.lower() not in hidden


def lines_of(server, response):
    if response is None:
        return ("< closed",)
    if isinstance(response, ProtocolError):
        return (f"< no HTTP: {response}",)
    assert response.get("Connection") == "close" and response.get("Server") and response.get("Date")
    fields = sorted(f"< {name}: {normalise(server, response, name, value)}" for name, value in response.headers if is_listed(response, name))
    return (f"< {response.status}", *fields, *body_lines(server, response))


def main(args):
    import contextlib

    for name in [arg for arg in args if arg != "-w"]:
        found = {}
        for kind in (Nginx, Weir):
            with contextlib.closing(contextlib.ExitStack()) as stack:
                server = site(name, kind)
                stack.callback(server.finish)
                server.start()
                for asked, _ in blocks_of(name):
                    found[kind, asked] = lines_of(server, put(server, asked))
        text = ""
        for asked, _ in blocks_of(name):
            nginx, weir = found[Nginx, asked], found[Weir, asked]
            text += "\n".join([*("> " + line for line in asked), *weir]) + "\n\n"
            if nginx != weir:
                print(f"{name}: {' '.join(asked)}", *(f"    nginx {line}" for line in nginx if line not in weir),
                      *(f"    weir  {line}" for line in weir if line not in nginx), sep="\n")
        if "-w" in args:
            (ROOT / name / "answers").write_text(text.rstrip("\n") + "\n")


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
