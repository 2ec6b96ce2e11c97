# SPDX-License-Identifier: BSD-2-Clause
"""error_log beyond text in files: lines of JSON, memory, several outputs at each level."""

import json
import re

import pytest

from harness import check_conf, request


def lines_of(server, name):
    return (server.prefix / "logs" / name).read_text(errors="surrogateescape").splitlines()


def ask_and_wait(server, data):
    before = len(server.access_lines())
    server.ask(data)
    server.wait_access(before + 1)


def test_line_of_json_is_exact(weir):
    server = weir(server="server_name s.example; error_log logs/j error json; error_log logs/t;")
    worker = server.wait_workers()[0]
    ask_and_wait(server, request("/no%22ne", "Referer: http://from/", host="www.h:99"))
    line = json.loads(lines_of(server, "j")[0])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d", line.pop("time"))
    assert isinstance(line.pop("connection"), int)
    assert list(line.items()) == [
        ("level", "error"), ("pid", worker), ("tid", worker), ("errno", 2), ("error", "No such file or directory"),
        ("message", f'open() "{server.html}/no"ne" failed'), ("client", "127.0.0.1"), ("server", "s.example"),
        ("request", "GET /no%22ne HTTP/1.1"), ("host", "www.h:99"), ("referrer", "http://from/")]
    assert len(lines_of(server, "t")) == 1 and "[error]" in lines_of(server, "t")[0]


NASTY = [b"GET /\x80\xff\xc3\xa4\xed\xa0\x80 HTTP/1.1\r\nHost: h\r\nReferer: \"\\\xff\t\r\n\r\n", request("/%00%01%1b%0a%22%5c"),
         request("/" + "x" * 3000), request("/%c3%28"), b"GET /" + b"\xff" * 1000 + b" HTTP/1.1\r\nHost: " + b"h" * 3000 + b"\r\n\r\n",
         request("/none", "Referer: " + '"' * 5000), b"\x01\x02\x03\r\n\r\n", b"GET / HTTP/1.1\r\nbad\r\n\r\n"]


@pytest.mark.parametrize("data", NASTY, ids=range(len(NASTY)))
def test_line_of_json_is_json_whatever_is_asked(weir, data):
    server = weir(server="error_log logs/j info json;")
    ask_and_wait(server, data)
    raw = (server.prefix / "logs/j").read_bytes()
    assert raw.endswith(b"\n")
    for line in raw.splitlines():
        assert len(line) < 4096
        seen = json.loads(line.decode())
        assert seen["client"] == "127.0.0.1" and seen["message"]


def test_main_level_is_json_and_has_the_signal(weir):
    server = weir(main="error_log logs/j json notice;")
    server.stop()
    seen = [json.loads(line) for line in lines_of(server, "j")]
    assert {"start worker processes", "exit"} <= {line["message"] for line in seen}
    assert all("connection" not in line and "errno" not in line for line in seen if line["message"] == "exit")


def test_levels_of_several_outputs_at_each_level(weir):
    conf = """
        error_log logs/server.warn warn; error_log logs/server.info info;
        location /in/ { error_log logs/in.info info json; error_log logs/in.crit crit; location /in/in/ { } }
    """
    server = weir(http="error_log logs/http;", server=conf)
    for target in ("/none", "/in/none", "/in/in/none"):
        ask_and_wait(server, request(target))
    counts = {name: len([line for line in lines_of(server, name) if "open()" in line])
              for name in ("http", "server.warn", "server.info", "in.info", "in.crit")}
    assert counts == {"http": 0, "server.warn": 1, "server.info": 1, "in.info": 2, "in.crit": 0}


def test_memory_keeps_the_last_bytes(weir):
    """As a debugger would find them."""
    server = weir(server="error_log memory:4k;")
    for number in range(60):
        ask_and_wait(server, request(f"/none{number}"))
    worker = server.wait_workers()[0]
    with open(f"/proc/{worker}/maps") as maps, open(f"/proc/{worker}/mem", "rb") as memory:
        found = b""
        for line in maps:
            area, mode, rest = line.split(None, 2)
            if not mode.startswith("rw") or "[v" in rest:
                continue
            first, last = (int(end, 16) for end in area.split("-"))
            if last - first > 64 << 20:
                continue
            memory.seek(first)
            try:
                found += memory.read(last - first)
            except OSError:
                pass
    assert b"/none59 HTTP/1.1" in found
    assert b'/none1" failed (2: No such file' not in found
    assert not server.error_log.read_text().count("failed (2")


@pytest.mark.parametrize("directive, text", [
    ("error_log x info warn;", 'duplicate log level "warn"'), ("error_log x json json;", 'invalid log level "json"'),
    ("error_log x loud;", 'invalid log level "loud"'), ("error_log memory:;", 'invalid buffer size ""'),
    ("error_log memory:0;", 'invalid buffer size "0"'), ("error_log memory:2g;", 'invalid buffer size "2g"'),
    ("error_log memory:x debug;", 'invalid buffer size "x"'), ("error_log a b c d e f;", 'invalid number of arguments in "error_log" directive'),
])
def test_wrong_words_are_told(folder, directive, text):
    done, _ = check_conf(folder, directive + "events { }")
    assert done.returncode == 1 and "[emerg] " + text in done.stderr


@pytest.mark.parametrize("directive", ["error_log x json;", "error_log stderr json info;", "error_log memory:1k debug;", "error_log a; error_log a info;"])
def test_other_words_are_taken(folder, directive):
    done, _ = check_conf(folder, directive + "events { }")
    assert done.returncode == 0, done.stderr
