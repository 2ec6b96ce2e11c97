# SPDX-License-Identifier: BSD-2-Clause
"""
PUT, DELETE, MKCOL, COPY and MOVE beside the nginx of this machine: the same conf and requests to both; statuses, fields and the
files that are there afterwards are compared. What differs stands beside the case, with the reason.
"""

import os
import subprocess

import pytest

from harness import Weir, request
from harness.nginx import NGINX, Nginx

pytestmark = [pytest.mark.skipif(NGINX is None, reason="there is no nginx"),
              pytest.mark.skipif(NGINX is not None and "dav" not in subprocess.run([NGINX, "-V"], capture_output=True, text=True).stderr,
                                 reason="the nginx has no dav")]

CONF = """
    dav_methods PUT DELETE MKCOL COPY MOVE;
    location /deep/ { min_delete_depth 3; }
    location /full/ { create_full_put_path on; }
    location /access/ { dav_access group:r all:rw; }
    location /some/ { dav_methods PUT; }
    location /off/ { dav_methods off; }
    location /alias/ { alias {prefix}/html/d/; }
    location /small/ { client_max_body_size 10; }
    location /file/ { client_body_in_file_only on; }
    location /secret/ { deny all; }
"""
FILES = {"html/a": "a", "html/d/x": "x", "html/d/e/y": "y", "html/full/z": "z", "html/over/z": "z", "html/deep/f": "f", "html/deep/g/h": "h", "html/some/f": "f",
         "html/off/f": "f", "html/access/f": "f", "html/small/f": "f", "html/file/f": "f", "html/secret/f": "f"}
H = "Destination: http://localhost"
CHUNKED = "Transfer-Encoding: chunked"

NEW = "what is new is answered with 201 (RFC 4918 9.8.5, 9.9.4)"
OVER = "what was replaced is answered with 204 (RFC 4918 9.8.5, 9.9.4)"
MISSING = "a folder that is missing is a conflict, no failure of the server (RFC 4918 9.7.1, 9.8.5)"
SAME = "source and destination are the same (RFC 4918 9.8.5); nginx empties the file"

# a name, then method, target, fields, body; and what weir does otherwise: its status, and why
CASES = {
    "put new": ("PUT", "/new", [], b"new"),
    "put over": ("PUT", "/a", [], b"over"),
    "put empty": ("PUT", "/a", [], b""),
    "put chunked": ("PUT", "/new", [CHUNKED], b"3\r\nnew\r\n0\r\n\r\n"),
    "put nothing": ("PUT", "/new", [], None, 201, "a body of no length is an empty one (RFC 9112 6.3)"),
    "put date": ("PUT", "/new", ["Date: Sun, 06 Nov 1994 08:49:37 GMT"], b"new"),
    "put bad date": ("PUT", "/new", ["Date: rubbish"], b"new"),
    "put range": ("PUT", "/new", ["Content-Range: bytes 0-0/2"], b"n", 400, "RFC 9110 9.3.4"),
    "put folder": ("PUT", "/d", [], b"n"),
    "put folder slash": ("PUT", "/d/", [], b"n"),
    "put root": ("PUT", "/", [], b"n"),
    "put no folder": ("PUT", "/none/new", [], b"n", 409, MISSING),
    "put below file": ("PUT", "/a/new", [], b"n", 409, MISSING),
    "put full": ("PUT", "/full/n/e/w", [], b"n"),
    "put access": ("PUT", "/access/new", [], b"n"),
    "put alias": ("PUT", "/alias/new", [], b"n"),
    "put too large": ("PUT", "/small/new", [], b"12345678901"),
    "put too large in chunks": ("PUT", "/small/new", [CHUNKED], b"b\r\n12345678901\r\n0\r\n\r\n"),
    "put bad chunks": ("PUT", "/new", [CHUNKED], b"zz\r\n\r\n"),
    "put in file": ("PUT", "/file/new", [], b"n" * 20_000),
    "put secret": ("PUT", "/secret/new", [], b"n"),
    "put off": ("PUT", "/off/f", [], b"n"),
    "put if-match": ("PUT", "/a", ['If-Match: "x"'], b"n", 412, "preconditions are honoured (RFC 9110 13)"),
    "put traversal": ("PUT", "/../new", [], b"n"),
    "delete": ("DELETE", "/a", [], None),
    "delete none": ("DELETE", "/none", [], None),
    "delete slash": ("DELETE", "/a/", [], None),
    "delete folder": ("DELETE", "/d", [], None),
    "delete folder slash": ("DELETE", "/d/", [], None),
    "delete folder infinity": ("DELETE", "/d/", ["Depth: infinity"], None),
    "delete folder 0": ("DELETE", "/d/", ["Depth: 0"], None),
    "delete folder 1": ("DELETE", "/d/", ["Depth: 1"], None),
    "delete 0": ("DELETE", "/a", ["Depth: 0"], None),
    "delete 1": ("DELETE", "/a", ["Depth: 1"], None),
    "delete bad depth": ("DELETE", "/a", ["Depth: x"], None),
    "delete with body": ("DELETE", "/a", [], b"body"),
    "delete deep": ("DELETE", "/deep/g/h", [], None),
    "delete not deep": ("DELETE", "/deep/f", [], None),
    "delete not deep folder": ("DELETE", "/deep/g/", [], None),
    "delete not some": ("DELETE", "/some/f", [], None),
    "mkcol": ("MKCOL", "/new/", [], None),
    "mkcol no slash": ("MKCOL", "/new", [], None),
    "mkcol there": ("MKCOL", "/d/", [], None),
    "mkcol file": ("MKCOL", "/a/", [], None),
    "mkcol missing": ("MKCOL", "/none/new/", [], None),
    "mkcol body": ("MKCOL", "/new/", [], b"body"),
    "mkcol root": ("MKCOL", "/", [], None),
    "copy": ("COPY", "/a", [f"{H}/new"], None, 201, NEW),
    "copy path": ("COPY", "/a", ["Destination: /new"], None, 201, NEW),
    "copy encoded": ("COPY", "/a", [f"{H}/n%20w"], None, 201, NEW),
    "copy over": ("COPY", "/a", [f"{H}/d/x"], None),
    "copy over F": ("COPY", "/a", [f"{H}/d/x", "Overwrite: F"], None),
    "copy over T": ("COPY", "/a", [f"{H}/d/x", "Overwrite: T"], None),
    "copy bad overwrite": ("COPY", "/a", [f"{H}/d/x", "Overwrite: x"], None),
    "copy nowhere": ("COPY", "/a", [], None),
    "copy other host": ("COPY", "/a", ["Destination: http://other/new"], None),
    "copy host alone": ("COPY", "/a", [H], None, 409, "it is the root of the site, a folder"),
    "copy traversal": ("COPY", "/a", [f"{H}/../new"], None),
    "copy encoded traversal": ("COPY", "/a", [f"{H}/%2e%2e/new"], None),
    "copy missing": ("COPY", "/none", [f"{H}/new"], None),
    "copy to missing": ("COPY", "/a", [f"{H}/none/new"], None, 409, MISSING),
    "copy same": ("COPY", "/a", [f"{H}/a"], None, 403, SAME),
    "copy to folder": ("COPY", "/a", [f"{H}/d"], None),
    "copy to folder slash": ("COPY", "/a", [f"{H}/d/"], None),
    "copy 1": ("COPY", "/a", [f"{H}/new", "Depth: 1"], None),
    "copy body": ("COPY", "/a", [f"{H}/new"], b"body"),
    "copy folder": ("COPY", "/d/", [f"{H}/new/"], None),
    "copy folder over": ("COPY", "/d/", [f"{H}/over/"], None, 204, OVER),
    "copy folder over F": ("COPY", "/d/", [f"{H}/over/", "Overwrite: F"], None),
    "copy folder 0": ("COPY", "/d/", [f"{H}/new/", "Depth: 0"], None, 201, "Depth: 0 is the folder alone (RFC 4918 9.8.3)"),
    "copy folder 1": ("COPY", "/d/", [f"{H}/new/", "Depth: 1"], None),
    "copy folder no slash": ("COPY", "/d", [f"{H}/new"], None),
    "copy folder to no slash": ("COPY", "/d/", [f"{H}/new"], None),
    "copy to secret": ("COPY", "/a", [f"{H}/secret/f"], None, 403, "what guards the other location was not asked"),
    "move": ("MOVE", "/a", [f"{H}/new"], None, 201, NEW),
    "move over": ("MOVE", "/a", [f"{H}/d/x"], None),
    "move over F": ("MOVE", "/a", [f"{H}/d/x", "Overwrite: F"], None),
    "move 0": ("MOVE", "/a", [f"{H}/new", "Depth: 0"], None),
    "move missing": ("MOVE", "/none", [f"{H}/new"], None),
    "move folder": ("MOVE", "/d/", [f"{H}/new/"], None),
    "move folder over": ("MOVE", "/d/e/", [f"{H}/over/"], None, 204, OVER),
    "move folder over F": ("MOVE", "/d/e/", [f"{H}/over/", "Overwrite: F"], None),
    "move folder 0": ("MOVE", "/d/", [f"{H}/new/", "Depth: 0"], None),
    "options": ("OPTIONS", "/a", [], None),
    "propfind": ("PROPFIND", "/a", [], None),
    "post": ("POST", "/a", [], b"x"),
}


def tree(folder):
    """Path -> mode and content of all that is there, times where they were given."""
    found = {}
    for path, folders, files in os.walk(folder):
        for name in folders + files:
            full = os.path.join(path, name)
            state = os.stat(full)
            old = int(state.st_mtime) if state.st_mtime < 1e9 else None
            content = open(full, "rb").read() if os.path.isfile(full) else None
            found[os.path.relpath(full, folder)] = (oct(state.st_mode), content, old)
    return found


def restore(server):
    subprocess.run(["find", server.html, "-mindepth", "1", "-delete"], check=True)
    for name, content in FILES.items():
        server.write(name, content)
    for path, folders, files in os.walk(server.html):
        for name in [".", *folders, *files]:
            if os.geteuid() == 0:
                os.chown(os.path.join(path, name), 65534, 65534)


@pytest.fixture(scope="module")
def both():
    servers = [kind(server=CONF) for kind in (Weir, Nginx)]
    try:
        for server in servers:
            restore(server)
            server.start()
        yield servers
    finally:
        for server in servers:
            server.finish()


def outcome(server, method, target, fields, body):
    before = tree(server.html)
    if body is not None and CHUNKED not in fields:
        fields = [*fields, f"Content-Length: {len(body)}"]
    answer = server.ask(request(target, *fields, method=method, body=body or b""))
    after = tree(server.html)
    if after != before:
        restore(server)
    location = (answer.get("Location") or "").replace(str(server.port()), "PORT")
    changed = {name: after.get(name) for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    return answer.status, location, changed


@pytest.mark.parametrize("name", CASES)
def test_weir_does_as_nginx_or_says_why_not(both, name):
    method, target, fields, body, *otherwise = CASES[name]
    weirs, nginxs = (outcome(server, method, target, fields, body) for server in both)
    if otherwise:
        assert weirs[0] == otherwise[0]
        assert weirs != nginxs, "nginx does the same: this is no difference"
    else:
        assert weirs == nginxs
