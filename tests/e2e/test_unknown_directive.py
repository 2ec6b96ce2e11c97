# SPDX-License-Identifier: BSD-2-Clause
"""A directive that nginx has and weir does not yet: an error, or a warning where unknown_directive allows it."""

import re

import pytest

from harness import check_conf, run_weir

NGINX_HAS = "nginx has this directive, weir does not yet"

# few sites need them, in the order: a context, a directive, whether it may be passed over
CASES = [
    ("main", "ssl_engine x;", True),
    ("http", "userid on;", True),
    ("http", "ssl_protocols TLSv1.2 TLSv1.3;", True),
    ("http", "ssl_prefer_server_ciphers on;", True),
    ("server", "ssl_session_cache shared:a:1m;", True),
    ("http", "fastcgi_cache_path /x keys_zone=a:1m;", True),
    ("server", "userid on;", True),
    ("location", "userid on;", True),
    ("location", "slice 1m;", True),
    ("main", "stream { server { listen 1; rot x; } }", False),
    ("http", "upstream a { server b; }", False),
    ("server", "ssl_certificate x;", False),
    ("server", "ssl_crl x;", False),
    ("server", "ssl_verify_client on;", False),
    ("location", "proxy_pass http://127.0.0.1:1;", False),
    ("location", "fastcgi_pass 127.0.0.1:1;", False),
]
PLACES = {
    "main": "{}events {{ }}\nhttp {{ server {{ listen 127.0.0.1:1; }} }}\n",
    "http": "events {{ }}\nhttp {{ {} server {{ listen 127.0.0.1:1; }} }}\n",
    "server": "events {{ }}\nhttp {{ server {{ listen 127.0.0.1:1; {} }} }}\n",
    "location": "events {{ }}\nhttp {{ server {{ listen 127.0.0.1:1; location / {{ {} }} }} }}\n",
}


def check(folder, place, text, setting):
    done, path = check_conf(folder, setting + PLACES[place].format(text))
    found = re.findall(rf'^weir: \[(\w+)\] unknown directive "(\w+)"(, ignored)? in {re.escape(str(path))}:\d+\n.*\n.*\^~* (.*)$', done.stderr, re.M)
    if f'unknown directive "{text.split()[0].rstrip(";")}"' not in done.stderr:
        pytest.skip("weir has it")
    return done.returncode, found


@pytest.mark.parametrize("setting", ["", "unknown_directive error;\n"])
@pytest.mark.parametrize("place, text, light", CASES)
def test_it_is_an_error(folder, place, text, light, setting):
    code, found = check(folder, place, text, setting)
    hint = NGINX_HAS + '; "unknown_directive warn" passes over it' * light
    assert code == 1 and found == [("emerg", text.split()[0].rstrip(";"), "", hint)]


@pytest.mark.parametrize("place, text, light", CASES)
def test_it_is_a_warning_where_it_may_be_passed_over(folder, place, text, light):
    code, found = check(folder, place, text, "unknown_directive warn;\n")
    name = text.split()[0].rstrip(";")
    if light:
        assert code == 0 and found == [("warn", name, ", ignored", NGINX_HAS)]
    else:
        assert code == 1
        assert found == [("emerg", name, "", NGINX_HAS + "; a site without it would be another, so it is not passed over")]


def test_block_is_passed_over_as_a_whole(folder):
    done, _ = check_conf(folder, "unknown_directive warn;\nevents { }\nhttp { server { userid_p3p { rot x; b { a; } } } }\n")
    assert done.returncode == 0 and done.stderr.count("[warn]") == 1 and "[emerg]" not in done.stderr


def test_name_that_nobody_has_is_always_an_error(folder):
    done, _ = check_conf(folder, "unknown_directive warn;\nevents { }\nhttp { server { rot /srv; useridd on; } }\n")
    assert done.returncode == 1 and done.stderr.count("[emerg]") == 2 and 'did you mean "root"?' in done.stderr


def test_setting_may_stand_behind_what_it_is_for_or_in_the_command_line(folder):
    done, path = check_conf(folder, "events { }\nhttp { userid on; }\nunknown_directive warn;\n")
    assert done.returncode == 0 and "[warn]" in done.stderr
    path.write_text("events { }\nhttp { userid on; }\n")
    done = run_weir(folder, "-p", f"{folder}/", "-c", "weir.conf", "-t", "-g", "unknown_directive warn;")
    assert done.returncode == 0 and "[warn]" in done.stderr


def test_wrong_setting_is_told(folder):
    done, path = check_conf(folder, "unknown_directive ignore;\nevents { }\n")
    assert f'invalid value "ignore" in "unknown_directive" directive, it must be "error" or "warn" in {path}:1' in done.stderr


def test_server_runs_with_the_warning_in_its_log(weir):
    server = weir(main="unknown_directive warn;", server="userid on;\nreturn 200 served;")
    assert server.get("/").body == b"served"
    assert 'unknown directive "userid", ignored' in server.log_text() + server.said()
