# SPDX-License-Identifier: BSD-2-Clause
"""debug_connection: the requests of some clients are told of step by step."""

import re

import pytest

from harness import check_conf, request


def debug_lines(server):
    return [line for line in server.log_text().splitlines() if "[debug]" in line]


def ask_from(server, source, target="/none"):
    before = len(server.access_lines())
    with server.connect(source=source) as client:
        client.ask(request(target))
    server.wait_access(before + 1)


@pytest.mark.parametrize("value, sources", [
    ("127.0.0.9", {"127.0.0.9"}), ("127.0.0.8/30", {"127.0.0.9", "127.0.0.10"}), ("127.0.0.0/8", {"127.0.0.1", "127.0.0.9", "127.0.0.10"}),
    ("::1", set()), ("unix:", set()), ("localhost", {"127.0.0.1"}), ("127.0.0.9; debug_connection 127.0.0.10", {"127.0.0.9", "127.0.0.10"}),
])
def test_clients_that_are_meant(weir, value, sources):
    server = weir(events=f"debug_connection {value};", server="location /loc/ { }", error_level="error")
    for source in ("127.0.0.1", "127.0.0.9", "127.0.0.10"):
        ask_from(server, source, "/loc/none")
    assert {re.search(r"client: (\S+),", line)[1] for line in debug_lines(server)} == sources


def test_all_logs_of_the_place_have_the_steps(weir):
    server = weir(events="debug_connection 127.0.0.9;", error_level="error",
                  server="location /loc/ { error_log logs/a crit; error_log logs/j emerg json; }")
    ask_from(server, "127.0.0.9", "/loc/none")
    text = (server.prefix / "logs/a").read_text()
    assert "[debug]" in text and "[error]" in text and '"level":"debug"' in (server.prefix / "logs/j").read_text()
    ask_from(server, "127.0.0.1", "/loc/none")
    assert (server.prefix / "logs/a").read_text() == text


def test_level_debug_has_the_steps_too(weir):
    server = weir(error_level="error", server="location /loc/ { error_log logs/a debug; }")
    ask_from(server, "127.0.0.1", "/loc/none")
    assert "[debug]" in (server.prefix / "logs/a").read_text() and not debug_lines(server)


def test_reload_takes_others(weir):
    server = weir(events="debug_connection 127.0.0.9;", error_level="error", server="")
    ask_from(server, "127.0.0.9")
    count = len(debug_lines(server))
    old = server.wait_workers()
    server.write_conf(server.template.replace("debug_connection 127.0.0.9", "debug_connection 127.0.0.10"))
    assert server.run("-s", "reload").returncode == 0
    server.wait_workers(1, without=old)
    ask_from(server, "127.0.0.9")
    assert count > 0 and len(debug_lines(server)) == count
    ask_from(server, "127.0.0.10")
    assert len(debug_lines(server)) > count


@pytest.mark.parametrize("value, text", [("nosuch.invalid", 'host not found in debug_connection "nosuch.invalid"'), ("127.0.0.1/33", "host not found"),
                                         ("1.2.3.4 2.3.4.5", 'invalid number of arguments in "debug_connection" directive')])
def test_wrong_words_are_told(folder, value, text):
    done, _ = check_conf(folder, f"events {{ debug_connection {value}; }}")
    assert done.returncode == 1 and text in done.stderr


def test_low_bits_are_told(folder):
    done, _ = check_conf(folder, "events { debug_connection 1.2.3.4/24; }")
    assert done.returncode == 0 and "[warn] low address bits of 1.2.3.4/24 are meaningless" in done.stderr
