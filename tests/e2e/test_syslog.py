# SPDX-License-Identifier: BSD-2-Clause
"""syslog: in error_log and access_log; messages are exact, and a server that is not there costs messages alone."""

import re
import socket

import pytest

from harness import check_conf, request, serving, wait_until
from harness.syslog import Syslog

TIME = r"[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d"
HOST = re.escape(socket.gethostname().lower())
ERROR = (r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d \[error\] \d+#\d+: \*\d+ open\(\) \"[^\"]*/none\" failed \(2: No such file or directory\), "
         r'client: 127\.0\.0\.1, server: , request: "GET /none HTTP/1\.1", host: "h"')
ACCESS = r'127\.0\.0\.1 - - \[[^]]+\] "GET /none HTTP/1\.1" 404 \d+ "-" "-"'


@pytest.fixture
def syslog():
    server = Syslog()
    yield server
    server.socket.close()


def ask(server, target="/none"):
    server.ask(request(target, host="h"))


PARAMETERS = [
    ("error_log", "", rf"<187>{TIME} {HOST} weir: {ERROR}"),
    ("error_log", ",nohostname", rf"<187>{TIME} weir: {ERROR}"),
    ("error_log", ",facility=kern,tag=x_9,nohostname", rf"<3>{TIME} x_9: {ERROR}"),
    ("error_log", ",severity=debug,nohostname", rf"<187>{TIME} weir: {ERROR}"),
    ("access_log", "", rf"<190>{TIME} {HOST} weir: {ACCESS}"),
    ("access_log", ",nohostname,tag=" + "t" * 32, rf"<190>{TIME} {'t' * 32}: {ACCESS}"),
    ("access_log", ",nohostname,tag=", rf"<190>{TIME} : {ACCESS}"),
    ("access_log", ",nohostname,facility=user,severity=error", rf"<11>{TIME} weir: {ACCESS}"),
    ("access_log", ",nohostname,facility=local0,severity=emerg", rf"<128>{TIME} weir: {ACCESS}"),
    ("access_log", ",nohostname,facility=cron,severity=debug", rf"<127>{TIME} weir: {ACCESS}"),
]


@pytest.mark.parametrize("directive, parameters, wanted", PARAMETERS, ids=range(len(PARAMETERS)))
def test_message_is_exact(weir, syslog, directive, parameters, wanted):
    server = weir(server=f"{directive} syslog:server=127.0.0.1:{syslog.port}{parameters};")
    ask(server)
    message = syslog.read()
    assert re.fullmatch(wanted, message), message
    server.stop()
    assert syslog.is_silent()


def test_server_has_a_name_or_an_address_of_ipv6(weir):
    six = Syslog(family=socket.AF_INET6, host="::1")
    four = Syslog()
    with serving(server=f"error_log syslog:server=[::1]:{six.port}; error_log syslog:server=localhost:{four.port} error;") as server:
        ask(server)
        assert "failed (2: No such file" in six.read()


def test_server_may_be_a_unix_socket_and_several_are_served(weir, syslog, folder):
    local = Syslog(folder / "log")
    folder.chmod(0o755)
    server = weir(server=f"error_log syslog:server=unix:{folder}/log,nohostname info; error_log syslog:server=127.0.0.1:{syslog.port} crit; "
                         "error_log logs/own.log;")
    ask(server)
    assert re.fullmatch(rf"<187>{TIME} weir: {ERROR}", local.read())
    assert "/none" in (server.prefix / "logs/own.log").read_text()
    assert syslog.is_silent()


def test_socket_that_comes_later_or_anew_is_found(weir, folder):
    folder.chmod(0o755)
    server = weir(server=f"error_log syslog:server=unix:{folder}/log,nohostname;", allow=[r"send\(\) to .* failed"])
    ask(server)
    wait_until(lambda: "send() to" in server.said(), "the complaint")
    assert re.search(r"weir: \[alert\] send\(\) to \"syslog:server=unix:\S+/log,nohostname\" failed \(2: No such file or directory\), "
                     r"1 writes lost so far", server.said())
    for _ in range(2):
        local = Syslog(folder / "log")
        local.socket.settimeout(0.3)

        def found():
            ask(server)
            try:
                return local.read()
            except TimeoutError:
                return None
        assert "/none" in wait_until(found, "a message")
        local.close()


def test_nobody_listens_and_nothing_blocks(weir, folder):
    full = Syslog(folder / "log")               # nobody reads: its queue is full soon
    folder.chmod(0o755)
    server = weir(server=f"error_log syslog:server=127.0.0.1:9; error_log syslog:server=unix:{folder}/log;",
                  allow=[r"send\(\) to .* failed"], files={"html/a": "a"})
    with server.connect() as client:
        for _ in range(500):
            assert client.ask(request("/none")).status == 404
        assert client.ask(request("/a")).body == b"a"
    assert "send() to" in server.said()
    full.socket.close()


def test_long_message_is_sent_in_one_piece_and_what_is_too_long_is_cut(weir, syslog):
    server = weir(server=f"access_log syslog:server=127.0.0.1:{syslog.port},nohostname u; large_client_header_buffers 4 32k;",
                  http="log_format u '$http_x';")
    for sent, wanted in ((b"x" * 5000, "x" * 5000), (b"\xff" * 30000, (r"\xFF" * 16250)[:65000])):
        server.ask(b"GET / HTTP/1.1\r\nHost: h\r\nX: " + sent + b"\r\n\r\n")
        assert syslog.read().split("weir: ", 1)[1] == wanted


def test_main_level_goes_to_syslog_from_all_processes(weir, folder):
    folder.chmod(0o755)
    local = Syslog(folder / "log")
    server = weir(main=f"error_log syslog:server=unix:{folder}/log,nohostname notice;")
    worker = server.wait_workers()[0]
    wait_until(lambda: f"start worker process {worker}" in local.read(), "the notice of the start")
    server.stop()
    seen = []
    wait_until(lambda: seen.append(local.read()) or seen[-1].endswith(": exit"), "the last notice of the master")
    assert all(re.match(rf"<189>{TIME} weir: \d{{4}}/", message) for message in seen)
    assert any(f" {worker}#" in message for message in seen)


REFUSED = {
    "": 'unknown syslog parameter ""', "server=": 'no host in syslog server ""', "facility=user": "no syslog server specified",
    "server=127.0.0.1:99999": 'invalid port in syslog server "127.0.0.1:99999"', "server=127.0.0.1:0": 'invalid port in',
    "server=127.0.0.1:": "invalid port in", "server=::1": 'invalid port in syslog server "::1"', "server=[::1]x": "invalid port in",
    "server=nosuch.invalid": 'host not found in syslog server "nosuch.invalid"',
    "server=unix:": 'no path in the unix domain socket in syslog server "unix:"',
    "server=unix:/" + "a" * 107: "too long path in the unix domain socket in syslog server",
    "server=127.0.0.1,facility=x": 'unknown syslog facility "x"', "server=127.0.0.1,severity=err": 'unknown syslog severity "err"',
    "server=127.0.0.1,tag=a-b": 'syslog "tag" only allows alphanumeric characters and underscore',
    "server=127.0.0.1,tag=" + "a" * 33: "syslog tag length exceeds 32", "server=127.0.0.1,server=127.0.0.1": 'duplicate syslog "server"',
    "server=127.0.0.1,tag=a,tag=b": 'duplicate syslog "tag"', "server=127.0.0.1,bogus": 'unknown syslog parameter "bogus"',
    "server=127.0.0.1,": 'unknown syslog parameter ""', "server=127.0.0.1,nohostname=x": 'unknown syslog parameter "nohostname=x"',
}


@pytest.mark.parametrize("parameters", list(REFUSED), ids=range(len(REFUSED)))
def test_wrong_parameter_is_told(folder, parameters):
    done, _ = check_conf(folder, f"error_log syslog:{parameters}; events {{ }}")
    assert done.returncode == 1 and "[emerg] " + REFUSED[parameters] in done.stderr


@pytest.mark.parametrize("parameters", ["server=unix:/" + "a" * 106, "server=[::1]", "server=localhost,nohostname,nohostname,tag="])
def test_unusual_parameter_is_taken(folder, parameters):
    done, _ = check_conf(folder, f"error_log syslog:{parameters}; events {{ }}")
    assert done.returncode == 0, done.stderr
