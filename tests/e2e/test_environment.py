# SPDX-License-Identifier: BSD-2-Clause
"""${env:NAME} in the conf file: what the environment has is text, whatever it holds; and what env hands on to the workers."""

import re
import signal

import pytest

from harness import check_conf, run_weir

VALUES = {
    "PLAIN": "plain", "EMPTY": "", "BLANK": "a b; c { d } # e", "DOLLAR": "$uri ${host} $no_such $", "QUOTE": "\"'\\n", "REFERENCE": "${env:PLAIN}",
    "STAR": "*.inc", "NUMBER": "7", "SIZE": "8k", "NAME": "root", "WIDE": "ünï 漢字", "BYTES": "\udcff\udcfe",
}

# what stands in the file: what it means
ARGUMENTS = {
    "${env:PLAIN}": "plain",
    '"${env:PLAIN}"': "plain",
    "'${env:PLAIN}'": "plain",
    "<${env:PLAIN}${env:NUMBER}>": "<plain7>",
    '"${env:EMPTY}"': "",
    "${env:BLANK}": VALUES["BLANK"],
    '"${env:BLANK}"': VALUES["BLANK"],
    "${env:DOLLAR}": VALUES["DOLLAR"],
    "$uri:${env:DOLLAR}:$uri": f"/x:{VALUES['DOLLAR']}:/x",
    "${uri}${env:PLAIN}${uri}": "/xplain/x",
    "${env:QUOTE}": VALUES["QUOTE"],
    "${env:REFERENCE}": "${env:PLAIN}",
    "${env:WIDE}": VALUES["WIDE"],
    "${env:BYTES}": VALUES["BYTES"],
    "${env:NOT_SET:-other}": "other",
    '"${env:NOT_SET:-a b; c}"': "a b; c",
    "${env:NOT_SET:-$uri}": "$uri",
    "x${env:NOT_SET:-}": "x",
    "${env:EMPTY:-other}": "other",
    "${env:PLAIN:-other}": "plain",
    "${env:NOT_SET:-:-}": ":-",
    "${env::-other}${env::-}": "other",
    "<${env::-$}uri>": "<$uri>",
    '"${env::-$}{env:PLAIN}$uri"': "${env:PLAIN}/x",
    r'"${env:NOT_SET:-\"a\"}"': '"a"',
}


@pytest.fixture
def values(monkeypatch):
    for name, value in VALUES.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("NOT_SET", raising=False)


def test_values_are_text(weir, values):
    server = weir(server="".join(f"location = /{n} {{ return 200 {text}; }}\n" for n, text in enumerate(ARGUMENTS)))
    for n, (text, value) in enumerate(ARGUMENTS.items()):
        answer = server.get(f"/{n}")
        assert answer.body.decode("utf-8", "surrogateescape") == value.replace("/x", f"/{n}"), text


def site(text):
    return f"events {{ }}\nhttp {{\n    server {{\n        {text}\n    }}\n}}\n"


def test_values_count_wherever_an_argument_may_stand(folder, values):
    (folder / "plain").mkdir()
    (folder / "plain/a.inc").write_text("types { text/x-a ${env:PLAIN}; } etag ${env:NOT_SET:-off};\n")
    (folder / "plain/*.inc").write_text("client_max_body_size ${env:SIZE};\n")
    done, path = check_conf(folder, "worker_processes ${env:NUMBER};\nevents { worker_connections ${env:NUMBER}00; }\nhttp { server {\n"
                                    "server_name ${env:PLAIN}.example.com; keepalive_timeout ${env:NUMBER}s;\n"
                                    "location /${env:PLAIN} { include ${env:PLAIN}/*.inc; etag on; client_max_body_size 1; }\n"
                                    'location /b { include "${env:PLAIN}/${env:STAR}"; etag on; client_max_body_size 1; }\n'
                                    "location /c { include ${env:PLAIN}/${env:STAR}*; etag on; client_max_body_size 1; } } }\n")
    assert re.findall(r"\[emerg\] (.*)", done.stderr) == [       # the second names one file, the third what begins with its name
        f'"etag" directive is duplicate in {path}:5', f'"client_max_body_size" directive is duplicate in {path}:5',
        f'"client_max_body_size" directive is duplicate in {path}:6', f'"client_max_body_size" directive is duplicate in {path}:7']


WRONG = {
    "root ${env:NOT_SET};": ('the environment variable "NOT_SET" is not set', "set it, or give a default: ${env:NOT_SET:-default}"),
    'root "/a b/${env:NOT_SET}";': ('the environment variable "NOT_SET" is not set', "set it, or give a default: ${env:NOT_SET:-default}"),
    "root ${env:PLAIN;": ('the closing "}" of "${env:PLAIN" is missing', 'quote the word when the default has a blank, ";" or "{" in it'),
    'root "${env:PLAIN";': ('the closing "}" of "${env:PLAIN" is missing', "${env:NAME} or ${env:NAME:-default}"),
    "root ${env:};": ('invalid "${env:}"', 'a name of letters, digits and "_": ${env:NAME} or ${env:NAME:-default}'),
    "root ${env:1A};": ('invalid "${env:1A}"', 'a name of letters, digits and "_": ${env:NAME} or ${env:NAME:-default}'),
    "root ${env:A-B};": ('invalid "${env:A-B}"', 'a name of letters, digits and "_": ${env:NAME} or ${env:NAME:-default}'),
    "root ${env:A:b};": ('invalid "${env:A:b}"', 'a name of letters, digits and "_": ${env:NAME} or ${env:NAME:-default}'),
    "root ${env:CONTROL};": ('a control byte, 0x0A, in the environment variable "CONTROL"', "such bytes never come from the environment"),
    "${env:NAME} /srv;": ("the name of a directive cannot come from the environment", '"${env:NAME}" stands for arguments'),
    "keepalive_requests ${env:PLAIN};": ('invalid value "plain" in "keepalive_requests" directive', "a whole number from 0 to 4294967295"),
    "${env:NOT_SET} { rot x; }": ('the environment variable "NOT_SET" is not set', "set it, or give a default: ${env:NOT_SET:-default}"),
    "include ${env:NOT_SET}/*;": ('the environment variable "NOT_SET" is not set', "set it, or give a default: ${env:NOT_SET:-default}"),
}


@pytest.mark.parametrize("text", list(WRONG))
def test_error_stands_at_the_word_and_is_told_once(folder, values, monkeypatch, text):
    monkeypatch.setenv("CONTROL", "a\nb")
    message, hint = WRONG[text]
    done, path = check_conf(folder, site(text))
    said = done.stderr.splitlines()
    assert said[0] == f"weir: [emerg] {message} in {path}:4" and said[1] == f"   4 |         {text}"
    at = text.index("${env") if "${env" in text else 0
    at = text.rfind('"', 0, at) if '"' in text[:at] else at
    assert said[2].startswith("     | " + " " * (8 + at) + "^~") and said[2].endswith(f"~ {hint}")
    assert len(said) == 4


def test_dump_has_the_file_as_written(folder, values):
    conf = site("root ${env:PLAIN};")
    (folder / "weir.conf").write_text(conf)
    done = run_weir(folder, "-p", f"{folder}/", "-c", "weir.conf", "-T")
    assert done.stdout == f"# configuration file {folder}/weir.conf:\n{conf}\n"


def test_global_directives_have_values_too(folder, values):
    (folder / "weir.conf").write_text("events { }\n")
    done = run_weir(folder, "-p", f"{folder}/", "-c", "weir.conf", "-t", "-g", "worker_processes ${env:PLAIN};")
    assert 'invalid value "plain" in "worker_processes" directive in command line' in done.stderr


def test_reload_reads_the_environment_that_the_master_began_with(weir, values, monkeypatch):
    server = weir(main="env ADDED=1;", server="return 200 ${env:PLAIN};")
    assert server.get("/").body == b"plain"
    monkeypatch.setenv("PLAIN", "changed")
    old = server.workers()
    server.replace("weir.conf", server.conf_path.read_text().replace("200 ${env:PLAIN}", '200 "again ${env:PLAIN}${env:ADDED:-}"'))
    server.send_signal(signal.SIGHUP)
    server.wait_workers(without=old)
    assert server.get("/").body == b"again plain"


def test_file_is_formatted_whatever_is_set(folder, values):
    (folder / "a.conf").write_text("root   ${env:NOT_SET};\n")
    done = run_weir(folder, "fmt", "a.conf")
    assert done.returncode == 0 and done.stdout == "root ${env:NOT_SET};\n"


def test_values_have_a_bound_in_all(folder, monkeypatch):
    monkeypatch.setenv("LONG", "x" * 100_000)
    done, _ = check_conf(folder, site("error_page 404 /${env:LONG};\n" * 2000))
    assert "more than 67108864 bytes come from the environment" in done.stderr and len(done.stderr) < 10_000
