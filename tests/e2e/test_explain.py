# SPDX-License-Identifier: BSD-2-Clause
"""weir explain URL: what would answer a request, and why, without serving it."""

import json
import os
import re

import pytest

from harness import run_weir
from harness.server import sanitizer_reports

CONF = """\
error_log logs/error.log info;
events { }
http {
    access_log logs/access.log;
    include more.conf;
    types { text/html html; }
    default_type text/plain;
    server {
        listen 8080;
        listen 127.0.0.1:9090;
        listen unix:sock;
        server_name www.example.com;
        root html;
        %s
    }
    server {
        listen 8080;
        server_name other.example.com;
        root html/docs;
    }
}
"""
FILES = {"a.txt": "text\n", "docs/index.html": "index\n", "404.html": "none\n", "empty/.keep": ""}


def tree(folder):
    """All that is there, with what could show that somebody was at it."""
    return sorted((path, stat.st_mtime_ns, stat.st_size, stat.st_mode)
                  for path, stat in ((path, path.lstat()) for path in folder.rglob("*") if "sanitizer" not in path.parts))


def explain(folder, url, *args, conf="", whole=None):
    """stdout of a run that succeeds; the folder is {prefix} in it, and Date and the times of files are gone."""
    for name, text in FILES.items():
        (folder / "html" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "html" / name).write_text(text)
    (folder / "more.conf").write_text("keepalive_timeout 75s;\n")
    (folder / "weir.conf").write_text(whole if whole is not None else CONF % conf)
    before = tree(folder)
    done = run_weir(folder, "explain", url, "-p", str(folder), "-c", "weir.conf", *args)
    assert tree(folder) == before
    assert not sanitizer_reports(folder)
    return done


def told(folder, *args, **kwargs):
    done = explain(folder, *args, **kwargs)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout.replace(str(folder), "{prefix}")


@pytest.fixture
def folder(folder):
    for name in ("html", "sanitizer"):
        (folder / name).mkdir(exist_ok=True)
    return folder


def steps(text):
    """[(label, text, place)] of the numbered lines."""
    return [re.fullmatch(r" *\d+  (\S*) +(.*?)(?:  +(\S+:\d+))?", line).groups() for line in text.splitlines()
            if re.match(r" *\d+  ", line)]


def answer(text):
    return re.search(r"^    answer +(.*)$", text, re.M)[1]


# ---- who is asked, and what is told ----


def test_answer_is_told_with_its_fields_and_log_lines(folder):
    text = told(folder, "/a.txt")
    assert text.startswith("GET http://localhost/a.txt\n 1  address")
    assert answer(text) == "200 OK, 5 bytes of {prefix}/html/a.txt"
    assert re.search(r"^ +Content-Type: text/plain\n +Content-Length: 5\n +Last-Modified: .*\n +ETag: .*\n +Accept-Ranges: bytes\n", text, re.M)
    assert re.search(r'^    log +\{prefix\}/logs/access.log would get  weir.conf:4\n +127.0.0.1 - - \[.*\] "GET /a.txt HTTP/1.1" 200 5 "-" "-"\n\Z', text, re.M)


def test_json_says_the_same(folder):
    done = explain(folder, "/a.txt", "--json")
    said = json.loads(done.stdout)
    assert (said["method"], said["url"]) == ("GET", "http://localhost/a.txt")
    assert said["steps"][0] == {"step": "address", "text": "*:8080, which 2 servers have; the default is www.example.com",
                                "file": str(folder / "weir.conf"), "line": 9}
    assert said["steps"][-1] == {"step": "file", "text": str(folder / "html/a.txt"), "file": str(folder / "weir.conf"), "line": 13}
    fields = {field["name"]: field["value"] for field in said["answer"].pop("fields")}
    assert said["answer"] == {"status": 200, "closed": False, "bytes": 5, "file": str(folder / "html/a.txt")}
    assert fields["Content-Length"] == "5" and fields["Date"]
    assert said["logs"][0]["file"] == str(folder / "logs/access.log")


@pytest.mark.parametrize("conf, logs", [
    ("access_log off;", []),
    ("access_log logs/$host.log short;", [("{prefix}/logs/localhost.log", "200 5")]),
    ("access_log logs/b.log short gzip flush=1m;", [("{prefix}/logs/b.log", "200 5")]),
    ("access_log syslog:server=127.0.0.1 short;", [("syslog:server=127.0.0.1", "200 5")]),
    ("access_log stderr short if=$http_x; access_log logs/c.log short if=$host;",
     [("stderr", None), ("{prefix}/logs/c.log", "200 5")]),
])
def test_line_of_each_access_log_is_told(folder, conf, logs):
    whole = CONF.replace("include more.conf;", "log_format short '$status $body_bytes_sent';") % conf
    done = explain(folder, "/a.txt", "--json", whole=whole)
    assert (done.returncode, done.stderr) == (0, "")
    assert [(log["file"].replace(str(folder), "{prefix}"), log["text"]) for log in json.loads(done.stdout)["logs"]] == logs
    text = told(folder, "/a.txt", whole=whole)
    assert text.count("would get") == len(logs) and text.count('would get nothing, by its "if="') == sum(line is None for _, line in logs)


def test_line_of_an_included_file_is_named(folder):
    text = told(folder, "/a.txt", whole=CONF.replace("root html;\n", "include sub.conf;\n") % ""
                if (folder / "sub.conf").write_text("\nroot html;\n") else None)
    assert ("file", "{prefix}/html/a.txt", "sub.conf:2") in steps(text)


@pytest.mark.parametrize("args, address", [
    (["http://www.example.com:8080/"], "*:8080, which 2 servers have; the default is www.example.com"),
    (["http://127.0.0.1:9090/"], "127.0.0.1:9090, which one server has"),
    (["http://anything:9090/"], "127.0.0.1:9090, which one server has"),
    (["http://192.0.2.1:8080/"], "*:8080, which 2 servers have; the default is www.example.com"),
    (["/", "--to", "127.0.0.1:9090"], "127.0.0.1:9090, which one server has"),
])
def test_address_is_chosen_by_the_url(folder, args, address):
    assert steps(told(folder, *args))[0][:2] == ("address", address)


def test_unix_socket_is_an_address(folder):
    text = told(folder, "/a.txt", "--to", f"unix:{folder}/sock")
    assert steps(text)[0][1] == "unix:{prefix}/sock, which one server has"
    assert '\n' in text and "unix: - - [" in text


@pytest.mark.parametrize("url, args", [
    ("http://other.example.com:8080/", []),
    ("/", ["-H", "Host: other.example.com"]),
    ("/", ["-HHost:other.example.com"]),
])
def test_host_chooses_the_server(folder, url, args):
    assert answer(told(folder, url, *args)) == "200 OK, 6 bytes of {prefix}/html/docs/index.html"


def test_method_and_fields_are_those_given(folder):
    text = told(folder, "/a.txt", "-X", "HEAD", "-H", "User-Agent: x", "-H", "If-None-Match: *")
    assert text.startswith("HEAD http://localhost/a.txt\n")
    assert answer(text) == "304 Not Modified, 0 bytes of {prefix}/html/a.txt"
    assert '"HEAD /a.txt HTTP/1.1" 304 0 "-" "x"' in text


def test_client_is_the_one_given(folder):
    text = told(folder, "/a.txt", "--from", "192.0.2.7", conf="deny 192.0.2.0/24;")
    assert ("access", "denied", "weir.conf:14") in steps(text)
    assert answer(text).startswith("403 Forbidden, ") and answer(text).endswith(" bytes, a page of weir's own")
    assert re.search(r"^ +192\.0\.2\.7 - - \[", text, re.M)


def test_lines_of_the_error_log_stand_among_the_steps(folder):
    assert steps(told(folder, "/none"))[-2:] == [
        ("open", "{prefix}/html/none: No such file or directory", "weir.conf:13"),
        ("error_log", 'open() "{prefix}/html/none" failed (2: No such file or directory)', None)]


def test_rate_is_told_and_not_waited_for(folder):
    text = told(folder, "/a.txt", conf="limit_rate 1;")
    assert ("limit_rate", "1 bytes a second", None) in steps(text)
    assert answer(text) == "200 OK, 5 bytes of {prefix}/html/a.txt"


def test_large_file_is_not_read(folder):
    with open(folder / "html/large", "wb") as file:
        file.truncate(1 << 32)
    assert answer(told(folder, "/large")) == "200 OK, 4,294,967,296 bytes of {prefix}/html/large"


def test_body_that_is_announced_is_not_waited_for(folder):
    text = told(folder, "/a.txt", "-X", "POST", "-H", "Content-Length: 1000")
    assert answer(text).startswith("405 Method Not Allowed, ")
    text = told(folder, "/a.txt", "-X", "POST", "-H", "Content-Length: 10000000")
    assert answer(text).startswith("413 ")


def test_malformed_request_is_explained(folder):
    text = told(folder, "/a b")
    assert [step[0] for step in steps(text)] == ["address", "error_log", "framing"]
    assert answer(text).startswith("400 Bad Request, ")


def test_closed_connection_is_an_answer(folder):
    text = told(folder, "/", conf="return 444;")
    assert answer(text) == "444, the connection is closed without an answer"
    assert json.loads(explain(folder, "/", "--json", conf="return 444;").stdout)["answer"]["closed"] is True


def test_control_bytes_do_not_reach_the_terminal(folder):
    text = told(folder, "/%1b%5b31m")
    assert "\x1b" not in text and "\\x1B[31m" in text


def test_limits_are_told_and_not_exceeded(folder):
    conf = CONF.replace("    include more.conf;", "    limit_req_zone $binary_remote_addr zone=one:1m rate=1r/m; limit_conn_zone $server_name zone=two:1m;")
    text = told(folder, "/a.txt", whole=conf % "limit_req zone=one; limit_conn two 1;")
    assert ("limit_req", "zone one, counted by $binary_remote_addr", "weir.conf:14") in steps(text)
    assert ("limit_conn", "zone two, counted by $server_name", "weir.conf:14") in steps(text)
    assert answer(text).startswith("200 ")


def test_server_that_runs_is_not_disturbed(weir):
    server = weir(server="root html;", files={"html/a.txt": "text\n"})
    done = run_weir(server.prefix, "explain", "/a.txt", "-p", str(server.prefix), "-c", str(server.prefix / "weir.conf"))
    assert (done.returncode, done.stderr) == (0, "")
    assert "200 OK, 5 bytes" in done.stdout
    assert "a.txt" not in (server.prefix / "logs/access.log").read_text()


def test_unprivileged_user_may_ask(folder):
    if os.geteuid() != 0:
        pytest.skip("is one")
    told(folder, "/a.txt")
    done = run_weir(folder, "explain", "/a.txt", "-p", str(folder), "-c", "weir.conf", user=65534, group=65534, extra_groups=[])
    assert done.returncode == 0 and "200 OK, 5 bytes" in done.stdout, done.stderr


def test_warnings_are_left_to_the_test_of_the_configuration(folder):
    told(folder, "/a.txt", conf="server_name www.example.com;")


# ---- what cannot be explained ----


@pytest.mark.parametrize("args, said", [
    ([], 'weir: "explain" requires a URL, or a path\n'),
    (["a.txt"], 'weir: invalid URL "a.txt": it begins with http://HOST or https://HOST, or is a path that begins with "/"\n'),
    (["http:///a"], 'weir: invalid URL "http:///a": it begins with http://HOST or https://HOST, or is a path that begins with "/"\n'),
    (["http://a:0/"], 'weir: invalid URL "http://a:0/": it begins with http://HOST or https://HOST, or is a path that begins with "/"\n'),
    (["http://[::1/"], 'weir: invalid URL "http://[::1/": it begins with http://HOST or https://HOST, or is a path that begins with "/"\n'),
    (["http://u:p@a/"], 'weir: invalid URL "http://u:p@a/": say who asks with -H "Authorization: …"\n'),
    (["/", "/b"], 'weir: more than one URL: "/b"\n'),
    (["/", "-H"], 'weir: option "-H" requires field\n'),
    (["/", "-X"], 'weir: option "-X" requires method\n'),
    (["/", "-H", "nothing"], 'weir: invalid field "nothing", it must be "Name: value"\n'),
    (["/", "-H", "A: b\r\nC: d"], 'weir: invalid field "A: b\\x0D\nC: d", it must be "Name: value"\n'),
    (["/", "-X", "A\nB"], 'weir: invalid method "A\nB"\n'),
    (["/", "--from"], 'weir: option "--from" requires an address\n'),
    (["/", "--from", "here"], 'weir: invalid address "here" for option "--from"\n'),
    (["/", "--to", "1.2.3.4:99999"], 'weir: invalid port in "--to 1.2.3.4:99999"\n'),
    (["/", "--what"], 'weir: invalid option: "--what"\n'),
    (["/", "-t"], 'weir: only -c, -p, -g, -H, -X, --from, --to, --json and --no-color go with "explain"\n'),
    (["/", *["-HA: b"] * 65], "weir: more than 64 fields\n"),
])
def test_question_that_makes_no_sense(folder, args, said):
    done = run_weir(folder, "explain", *args)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", said)


def test_address_that_nobody_listens_on(folder):
    done = explain(folder, "http://www.example.com/")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.replace(str(folder), "") == "weir: nothing listens there: the configuration has *:8080, 127.0.0.1:9090, unix:/sock\n"


def test_errors_of_the_configuration_are_told(folder):
    done = explain(folder, "/", conf="rot html;")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith('weir: [emerg] unknown directive "rot" in ')


def test_configuration_without_a_server(folder):
    done = explain(folder, "/", whole="events { }\nhttp { }\n")
    assert (done.returncode, done.stderr) == (1, 'weir: the configuration has no "server"\n')


def test_configuration_without_http(folder):
    done = explain(folder, "/", whole="events { }\n")
    assert (done.returncode, done.stderr) == (1, 'weir: the configuration has no "http" section\n')
