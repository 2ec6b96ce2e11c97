# SPDX-License-Identifier: BSD-2-Clause
"""Every byte that a peer or a file name can bring: no log, list, page or report lets it act on a terminal, a browser or a reader of lines."""

import base64
import json
import os
import re
import xml.etree.ElementTree

import pytest

from harness import run_weir, serving

PLACES = {                              # the bytes of a request with x in one place
    "method": b"G%sT /a HTTP/1.1\r\nHost: a\r\n\r\n",
    "path": b"GET /none/%s HTTP/1.1\r\nHost: a\r\n\r\n",
    "path, encoded": b"GET /none/%s HTTP/1.1\r\nHost: a\r\n\r\n",
    "query": b"GET /none?%s HTTP/1.1\r\nHost: a\r\n\r\n",
    "version": b"GET / HTTP/%s\r\nHost: a\r\n\r\n",
    "field": b"GET /none HTTP/1.1\r\nHost: a\r\nUser-Agent: m%sm\r\nReferer: r%sr\r\n\r\n",
    "name of a field": b"GET /none HTTP/1.1\r\nHost: a\r\nX%sY: a\r\n\r\n",
    "host": b"GET /none HTTP/1.1\r\nHost: a%sb\r\n\r\n",
    "user": b"GET /user HTTP/1.1\r\nHost: a\r\nAuthorization: Basic %s\r\n\r\n",
    "file": b"GET /folder/%s HTTP/1.1\r\nHost: a\r\n\r\n",
}
BYTES = [bytes([byte]) for byte in range(256)]
# What moves a terminal or breaks a line: C0 but the line's end, C1 as UTF-8, and C1 bare, which is no UTF-8. (DEL does nothing; JSON has it as it is.)
ACTS = re.compile(rb"[\x00-\x09\x0b-\x1f]|\xc2[\x80-\x9f]|(?<![\xc2-\xf4\x80-\xbf])[\x80-\x9f]")
FOLDER = {"/list/": "text/html", "/list/?format=html": "text/html", "/plain/": "text/html"}


def filled(place, byte):
    data = PLACES[place]
    if place in ("path, encoded", "file"):
        byte = b"%%%02X" % byte[0]
    if place == "user":
        byte = base64.b64encode(b"me" + byte + b"you:secret")
    return data.replace(b"%s", byte)


@pytest.fixture(scope="module")
def server():
    frame = """
        pid {prefix}/logs/weir.pid; events { }
        error_log {prefix}/logs/error.log info; error_log {prefix}/logs/error.json info json;
        http {
            log_format all '$remote_addr $remote_user "$request" $request_uri $uri $args $http_user_agent $http_referer $http_host $host $request_filename $request_method';
            log_format json escape=json '{"user":"$remote_user","request":"$request","uri":"$uri","agent":"$http_user_agent","host":"$http_host","file":"$request_filename"}';
            access_log {prefix}/logs/all.log all; access_log {prefix}/logs/json.log json; access_log {prefix}/logs/access.log;
            server { listen 127.0.0.1:{port};
                location /user { auth_basic x; auth_basic_user_file users; }
                location /list/ { alias {prefix}/html/folder/; autoindex on; }
                location /html/ { alias {prefix}/html/folder/; autoindex on; autoindex_format html; }
                location /xml/ { alias {prefix}/html/folder/; autoindex on; autoindex_format xml; }
                location /json/ { alias {prefix}/html/folder/; autoindex on; autoindex_format json; }
                location /jsonp/ { alias {prefix}/html/folder/; autoindex on; autoindex_format jsonp; }
                location /status { status; } location /metrics { metrics; } location /connections { connections; }
            }
        }"""
    with serving(frame, files={"html/folder/a": "a", "users": "me:{PLAIN}x"}) as weir:
        for byte in BYTES:
            if byte not in (b"\0", b"/"):
                with open(os.fsencode(str(weir.html)) + b"/folder/x" + byte + b"y", "wb"):
                    pass
        for place in PLACES:
            for byte in BYTES:
                with weir.connect() as client:
                    client.send_anyway(filled(place, byte))
                    client.finish()
                    client.read_rest()
        weir.wait_log("user.*you")
        yield weir


@pytest.mark.parametrize("name", ["access.log", "all.log", "json.log", "error.log", "error.json"])
def test_lines_of_logs_hold_nothing_that_acts(server, name):
    text = (server.prefix / "logs" / name).read_bytes()
    assert len(text) > 10_000 and not ACTS.search(text)
    for line in text.splitlines():
        if "json" in name:
            assert isinstance(json.loads(line), dict)
        elif name == "access.log":
            assert re.fullmatch(rb'127\.0\.0\.1 - .+ \[[^]]+\] "[^"]*" \d{3} \d+ "[^"]*" "[^"]*"', line)


@pytest.mark.parametrize("target, fields", [
    ("/list/", ["Accept: text/html"]), ("/html/", []), ("/xml/", []), ("/json/", []), ("/jsonp/?callback=f", []), ("/status", []),
    ("/status?format=json", []), ("/status?format=html", []), ("/metrics", []), ("/connections", []), ("/connections?format=json", [])])
def test_pages_hold_nothing_that_acts(server, target, fields):
    answer = server.get(target, *fields)
    assert answer.status == 200
    if target == "/html/":              # as nginx writes it: names are HTML, and bytes are theirs
        assert not re.search(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]", re.sub(rb">[^<]*<", b"><", answer.body))
        return
    body = answer.body.replace(b"\r\n", b"\n")
    if target != "/xml/":
        assert not ACTS.search(body.replace(b"\t", b" "))
    if "json" in target and "jsonp" not in target:
        json.loads(body)
    if target == "/xml/":
        xml.etree.ElementTree.fromstring(body)


@pytest.mark.parametrize("args", [["-s", "status"], ["top", "--once"]])
def test_reports_on_a_terminal_hold_nothing_that_acts(server, args):
    done = run_weir(server.prefix, *args, "-p", str(server.prefix), "-c", str(server.conf_path))
    assert done.returncode == 0 and not ACTS.search(os.fsencode(done.stdout))


@pytest.mark.parametrize("target", ["/none/\x1b[31m\x9b", "/a?\x1b]0;x\x07", "/folder/x\x7fy"])
def test_explain_holds_nothing_that_acts(server, target):
    for target in (target, "".join(f"%{byte:02x}" if byte not in b"/?" else chr(byte) for byte in target.encode("latin-1"))):
        done = run_weir(server.prefix, "explain", target, "-H", "User-Agent: m\x1b[1m", "-p", str(server.prefix), "-c", "weir.conf")
        assert len(done.stdout + done.stderr) > 50 and not ACTS.search(os.fsencode(done.stdout + done.stderr))
