# SPDX-License-Identifier: BSD-2-Clause
"""error_log: who asked for what, and what went wrong with it."""

import re

import pytest

from harness import request

STAMP = r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d "


def errors(server, name="error.log", level="error"):
    path = server.prefix / "logs" / name
    text = path.read_text(errors="surrogateescape") if path.exists() else ""
    return [line for line in text.splitlines() if f"[{level}]" in line]


def ask_and_wait(server, data=None):
    """The request's answer; its lines are in the log when the access log has its line."""
    before = len(server.access_lines())
    answer = server.ask(data or request("/none", host="h"))
    server.wait_access(before + 1)
    return answer


def test_missing_file_is_told_exactly(weir):
    server = weir(server="server_name s.example;")
    ask_and_wait(server, request("/none?a=b", host="www.h.example:99"))
    line = errors(server)[0]
    assert re.fullmatch(
        STAMP + r"\[error\] \d+#\d+: \*\d+ open\(\) \"" + re.escape(str(server.html)) + r"/none\" failed \(2: No such file or directory\), "
        r"client: 127\.0\.0\.1, server: s\.example, request: \"GET /none\?a=b HTTP/1\.1\", host: \"www\.h\.example:99\"", line), line


def test_referrer_is_told(weir):
    server = weir(server="")
    ask_and_wait(server, request("/none", "Referer: http://from.example/", host="h"))
    assert errors(server)[0].endswith(
        'client: 127.0.0.1, server: , request: "GET /none HTTP/1.1", host: "h", referrer: "http://from.example/"')


def test_pid_is_the_workers(weir):
    server = weir(server="")
    worker = server.wait_workers()[0]
    ask_and_wait(server)
    assert f" {worker}#" in errors(server)[0]


def test_number_is_the_connections(weir):
    server = weir(server="")
    with server.connect() as client:
        client.ask(request("/one"))
        client.ask(request("/two"))
    with server.connect() as client:
        client.ask(request("/three"))
    server.wait_access(3)
    numbers = [re.search(r": \*(\d+) ", line)[1] for line in errors(server)]
    assert numbers[0] == numbers[1] != numbers[2]


def test_forbidden_file_is_told(weir):
    server = weir(server="", files={"html/f": "x"})
    (server.html / "f").chmod(0)
    ask_and_wait(server, request("/f"))
    assert f'open() "{server.html}/f" failed (13: Permission denied), client: ' in errors(server)[0]


def test_folder_without_an_index_is_told(weir):
    server = weir(server="")
    ask_and_wait(server, request("/"))
    assert f'directory index of "{server.html}/" is forbidden, client: ' in errors(server)[0]


def test_log_not_found_off_is_silent_about_missing_files_alone(weir):
    server = weir(server="location /quiet/ { log_not_found off; }", files={"html/quiet/f": "x"})
    (server.html / "quiet/f").chmod(0)
    ask_and_wait(server, request("/quiet/none"))
    ask_and_wait(server, request("/quiet/f"))
    ask_and_wait(server, request("/none"))
    lines = errors(server)
    assert len(lines) == 2 and "Permission denied" in lines[0] and '/none"' in lines[1]


def test_bad_request_is_told_at_info(weir):
    server = weir(server="", error_level="info")
    ask_and_wait(server, b"GET / HTTP/1.1\r\nbad\r\n\r\n")
    assert any("client: 127.0.0.1" in line for line in errors(server, level="info"))
    assert not errors(server)


@pytest.mark.parametrize("level, told", [("debug", True), ("info", True), ("notice", True), ("warn", True), ("error", True), ("crit", False),
                                         ("alert", False), ("emerg", False)])
def test_level_is_a_threshold(weir, level, told):
    server = weir(server=f"error_log logs/own.log {level};")
    ask_and_wait(server)
    assert bool(errors(server, "own.log")) is told
    assert not errors(server)


def test_level_is_error_by_default(weir):
    server = weir(server="error_log logs/own.log;")
    ask_and_wait(server)
    ask_and_wait(server, b"GET / HTTP/1.1\r\nbad\r\n\r\n")
    text = (server.prefix / "logs/own.log").read_text()
    assert text.count("\n") == 1 and "[error]" in text


def test_logs_are_replaced_by_level_and_may_be_several(weir):
    conf = """
        error_log logs/server.log;
        location /own/ { error_log logs/own.log; error_log logs/crit.log crit; }
    """
    server = weir(server=conf)
    ask_and_wait(server, request("/one"))
    ask_and_wait(server, request("/own/two"))
    assert [len(errors(server, name)) for name in ("server.log", "own.log", "crit.log", "error.log")] == [1, 1, 0, 0]


def test_stderr_is_a_log(weir):
    server = weir(server="error_log stderr;")
    ask_and_wait(server)
    assert '/none" failed (2: No such file or directory)' in server.said()


def test_start_and_end_are_told_at_notice(weir):
    server = weir(server="", error_level="notice")
    worker = server.wait_workers()[0]
    server.wait_log(r"start worker process %d$" % worker)
    server.stop()
    text = server.log_text()
    for pattern in (r"start worker processes$", r"signal 15 \(SIGTERM\) received from \d+, exiting$",
                    rf"worker process {worker} exited with code 0$", r"\d+#\d+: exit$"):
        assert re.search(r"\[notice\] .*" + pattern, text, re.M), pattern


@pytest.mark.parametrize("target", ["/a%0aforged", "/a%0d%0aforged", "/%1b%5b2J", "/%00", "/%22%20forged%3a%20%22", "/%ff%fe"])
def test_no_client_forges_a_line(weir, target):
    server = weir(server="")
    ask_and_wait(server, request(target))
    server.stop()
    for line in server.log_text().split("\n")[:-1]:
        assert re.match(STAMP, line), line
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", line), ascii(line)
