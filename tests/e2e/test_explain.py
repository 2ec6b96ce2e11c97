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
FILES = {"a.txt": "text\n", "docs/index.html": "index\n", "404.html": "none\n", "empty/.keep": "", "users": "me:{PLAIN}secret\n"}


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


# ---- ways of requests ----

# A conf for the first server, each of its statements on a line of its own, from 14 on; what is asked; what is told, but for the lines that
# are the same for all: the address, and the server where it is the first.
WAYS = [
    ("the path itself", "location = /a.txt { } location /a { }", ["/a.txt"], """
location = /a.txt, the very path  weir.conf:14
file {prefix}/html/a.txt  weir.conf:13
= 200 OK, 5 bytes of {prefix}/html/a.txt
"""),
    ("longest prefix", "location / { } location /docs/ { } location /docs/i { }", ["/docs/index.html"], """
location /docs/i, the longest prefix  weir.conf:18
file {prefix}/html/docs/index.html  weir.conf:13
= 200 OK, 6 bytes of {prefix}/html/docs/index.html
"""),
    ("prefix that is final", "location ^~ /docs/ { } location ~ html$ { return 404; }", ["/docs/index.html"], """
location ^~ /docs/, the longest prefix, and no expression is tried  weir.conf:14
file {prefix}/html/docs/index.html  weir.conf:13
= 200 OK, 6 bytes of {prefix}/html/docs/index.html
"""),
    ("expression before prefix", "location /docs/ { } location ~ txt$ { } location ~* HTML$ { return 204; }", ["/docs/index.html"], """
tried ~ txt$ does not match  weir.conf:16
tried /docs/ is the longest prefix, but an expression goes before it  weir.conf:14
location ~* HTML$, the first expression that matches  weir.conf:18
return 204  weir.conf:19
= 204 No Content, 0 bytes
"""),
    ("nested", "location /docs/ { location ~ html$ { return 204; } }", ["/docs/index.html"], """
tried /docs/ is the longest prefix, but an expression goes before it  weir.conf:14
location ~ html$, the first expression that matches  weir.conf:15
return 204  weir.conf:16
= 204 No Content, 0 bytes
"""),
    ("no location", "location /docs/ { }", ["/a.txt"], """
location none for /a.txt, the server itself  weir.conf:8
file {prefix}/html/a.txt  weir.conf:13
= 200 OK, 5 bytes of {prefix}/html/a.txt
"""),
    ("alias", "location /i/ { alias html/docs/; }", ["/i/index.html"], """
location /i/, the longest prefix  weir.conf:14
file {prefix}/html/docs/index.html  weir.conf:15
= 200 OK, 6 bytes of {prefix}/html/docs/index.html
"""),
    ("root of a location", "location /docs/ { root html; }", ["/docs/index.html"], """
location /docs/, the longest prefix  weir.conf:14
file {prefix}/html/docs/index.html  weir.conf:15
= 200 OK, 6 bytes of {prefix}/html/docs/index.html
"""),
    ("index", "", ["/docs/"], """
location none for /docs/, the server itself  weir.conf:8
index {prefix}/html/docs/index.html is there
redirect internally to /docs/index.html
location none for /docs/index.html, the server itself  weir.conf:8
file {prefix}/html/docs/index.html  weir.conf:13
= 200 OK, 6 bytes of {prefix}/html/docs/index.html
"""),
    ("index that is not there", "index a.html b.html;", ["/docs/"], """
location none for /docs/, the server itself  weir.conf:8
index {prefix}/html/docs/a.html is not there  weir.conf:14
index {prefix}/html/docs/b.html is not there  weir.conf:14
index the folder has none, and its list is not shown
error_log directory index of "{prefix}/html/docs/" is forbidden
= 403 Forbidden, a page of weir's own
"""),
    ("index that is an address", "index none.html /a.txt;", ["/docs/"], """
location none for /docs/, the server itself  weir.conf:8
index {prefix}/html/docs/none.html is not there  weir.conf:14
index the address /a.txt  weir.conf:14
redirect internally to /a.txt
location none for /a.txt, the server itself  weir.conf:8
file {prefix}/html/a.txt  weir.conf:13
= 200 OK, 5 bytes of {prefix}/html/a.txt
"""),
    ("folder without its slash", "", ["/docs"], """
location none for /docs, the server itself  weir.conf:8
static {prefix}/html/docs is a folder, its address ends with "/"  weir.conf:13
= 301 Moved Permanently, a page of weir's own
"""),
    ("return with a text", "location /x { return 200 hello; }", ["/x"], """
location /x, the longest prefix  weir.conf:14
return 200  weir.conf:15
= 200 OK, 5 bytes
"""),
    ("return with a place", "return 301 https://$host$request_uri;", ["/x?y"], """
return 301  weir.conf:14
= 301 Moved Permanently, a page of weir's own
"""),
    ("return without an answer", "return 444;", ["/"], """
return 444  weir.conf:14
= 444, the connection is closed without an answer
"""),
    ("rewrite to another location", "rewrite ^/old/(.*)$ /docs/$1; location /docs/ { }", ["/old/index.html"], """
rewrite ^/old/(.*)$ matches, the path is /docs/index.html now  weir.conf:14
location /docs/, the longest prefix  weir.conf:15
file {prefix}/html/docs/index.html  weir.conf:13
= 200 OK, 6 bytes of {prefix}/html/docs/index.html
"""),
    ("rewrite last in a location", "location /old/ { rewrite ^/none$ /x; rewrite ^/old/(.*)$ /docs/$1 last; return 404; }", ["/old/index.html"], """
location /old/, the longest prefix  weir.conf:14
rewrite ^/none$ does not match /old/index.html  weir.conf:15
rewrite ^/old/(.*)$ matches, the path is /docs/index.html now  weir.conf:16
redirect the location is looked for again
location none for /docs/index.html, the server itself  weir.conf:8
file {prefix}/html/docs/index.html  weir.conf:13
= 200 OK, 6 bytes of {prefix}/html/docs/index.html
"""),
    ("rewrite break", "location /old/ { rewrite ^/old/(.*)$ /docs/$1 break; return 404; }", ["/old/index.html"], """
location /old/, the longest prefix  weir.conf:14
rewrite ^/old/(.*)$ matches, the path is /docs/index.html now  weir.conf:15
file {prefix}/html/docs/index.html  weir.conf:13
= 200 OK, 6 bytes of {prefix}/html/docs/index.html
"""),
    ("rewrite to the client", "rewrite ^/old/ /docs/? permanent;", ["/old/x?y"], """
rewrite ^/old/ matches, redirect to /docs/  weir.conf:14
= 301 Moved Permanently, a page of weir's own
"""),
    ("if that holds", "if ($http_user_agent ~ bot) { return 403; }", ["/a.txt", "-H", "User-Agent: a bot"], """
if ($http_user_agent ~ bot) holds  weir.conf:14
return 403  weir.conf:15
= 403 Forbidden, a page of weir's own
"""),
    ("if that does not", "if ($http_user_agent ~ bot) { return 403; }", ["/a.txt"], """
if ($http_user_agent ~ bot) does not hold  weir.conf:14
location none for /a.txt, the server itself  weir.conf:8
file {prefix}/html/a.txt  weir.conf:13
= 200 OK, 5 bytes of {prefix}/html/a.txt
"""),
    ("set and break", "set $a b; break; set $c d;", ["/a.txt"], """
set $a is "b"  weir.conf:14
break no more of these directives  weir.conf:15
location none for /a.txt, the server itself  weir.conf:8
file {prefix}/html/a.txt  weir.conf:13
= 200 OK, 5 bytes of {prefix}/html/a.txt
"""),
    ("if in a location", "location / { if ($arg_d) { add_header X-D $arg_d; } }", ["/a.txt?d=1"], """
location /, the longest prefix  weir.conf:14
if ($arg_d) holds  weir.conf:15
file {prefix}/html/a.txt  weir.conf:13
add_header X-D: 1  weir.conf:16
= 200 OK, 5 bytes of {prefix}/html/a.txt
"""),
    ("error page", "error_page 404 /404.html;", ["/none"], """
location none for /none, the server itself  weir.conf:8
open {prefix}/html/none: No such file or directory  weir.conf:13
error_log open() "{prefix}/html/none" failed (2: No such file or directory)
error_page for 404: /404.html  weir.conf:14
redirect internally to /404.html
location none for /404.html, the server itself  weir.conf:8
file {prefix}/html/404.html  weir.conf:13
= 404 Not Found, 5 bytes of {prefix}/html/404.html
"""),
    ("error page with a status", "error_page 404 =200 /404.html;", ["/none"], """
location none for /none, the server itself  weir.conf:8
open {prefix}/html/none: No such file or directory  weir.conf:13
error_log open() "{prefix}/html/none" failed (2: No such file or directory)
error_page for 404, with status 200: /404.html  weir.conf:14
redirect internally to /404.html
location none for /404.html, the server itself  weir.conf:8
file {prefix}/html/404.html  weir.conf:13
= 200 OK, 5 bytes of {prefix}/html/404.html
"""),
    ("error page by name", "error_page 404 = @none; location @none { return 200 here; }", ["/none"], """
location none for /none, the server itself  weir.conf:8
open {prefix}/html/none: No such file or directory  weir.conf:13
error_log open() "{prefix}/html/none" failed (2: No such file or directory)
error_page for 404, with the status it has itself: @none  weir.conf:14
location @none, by its name  weir.conf:15
return 200  weir.conf:16
= 200 OK, 4 bytes
"""),
    ("error page elsewhere", "error_page 404 http://example.com/;", ["/none"], """
location none for /none, the server itself  weir.conf:8
open {prefix}/html/none: No such file or directory  weir.conf:13
error_log open() "{prefix}/html/none" failed (2: No such file or directory)
error_page for 404, with status 302: http://example.com/  weir.conf:14
= 302 Found, a page of weir's own
"""),
    ("error pages do not follow each other", "error_page 404 /no.html;", ["/none"], """
location none for /none, the server itself  weir.conf:8
open {prefix}/html/none: No such file or directory  weir.conf:13
error_log open() "{prefix}/html/none" failed (2: No such file or directory)
error_page for 404: /no.html  weir.conf:14
redirect internally to /no.html
location none for /no.html, the server itself  weir.conf:8
open {prefix}/html/no.html: No such file or directory  weir.conf:13
error_log open() "{prefix}/html/no.html" failed (2: No such file or directory)
error_page not once more, recursive_error_pages is off
= 404 Not Found, a page of weir's own
"""),
    ("internal location", "location /docs/ { internal; }", ["/docs/index.html"], """
location /docs/, the longest prefix  weir.conf:14
internal the location is for internal redirects alone  weir.conf:14
= 404 Not Found, a page of weir's own
"""),
    ("limit_except", "location / { limit_except GET { deny all; } }", ["/a.txt", "-X", "DELETE"], """
location /, the longest prefix  weir.conf:14
limit_except it holds for DELETE  weir.conf:14
access denied  weir.conf:16
error_log access forbidden by rule
= 403 Forbidden, a page of weir's own
"""),
    ("access", "allow 127.0.0.0/8; deny all;", ["/a.txt"], """
location none for /a.txt, the server itself  weir.conf:8
access allowed  weir.conf:14
file {prefix}/html/a.txt  weir.conf:13
= 200 OK, 5 bytes of {prefix}/html/a.txt
"""),
    ("access from elsewhere", "allow 127.0.0.0/8; deny all;", ["/a.txt", "--from", "192.0.2.1"], """
location none for /a.txt, the server itself  weir.conf:8
access denied  weir.conf:15
error_log access forbidden by rule
= 403 Forbidden, a page of weir's own
"""),
    ("any of several", "satisfy any; allow 192.0.2.0/24; deny all;", ["/a.txt"], """
location none for /a.txt, the server itself  weir.conf:8
access denied  weir.conf:16
error_log access forbidden by rule
= 403 Forbidden, a page of weir's own
"""),
    ("realip", "set_real_ip_from 127.0.0.1; real_ip_header X-Forwarded-For;", ["/a.txt", "-H", "X-Forwarded-For: 203.0.113.9"], """
realip X-Forwarded-For says that the client is 203.0.113.9
location none for /a.txt, the server itself  weir.conf:8
file {prefix}/html/a.txt  weir.conf:13
= 200 OK, 5 bytes of {prefix}/html/a.txt
"""),
    ("headers", "add_header X-A a; add_header X-B b always; add_header X-C $arg_c;", ["/none"], """
location none for /none, the server itself  weir.conf:8
open {prefix}/html/none: No such file or directory  weir.conf:13
error_log open() "{prefix}/html/none" failed (2: No such file or directory)
add_header X-A not, the status is 404 and "always" is missing  weir.conf:14
add_header X-B: b  weir.conf:15
add_header X-C not, the status is 404 and "always" is missing  weir.conf:16
= 404 Not Found, a page of weir's own
"""),
    ("range", "", ["/a.txt", "-H", "Range: bytes=0-1"], """
location none for /a.txt, the server itself  weir.conf:8
file {prefix}/html/a.txt  weir.conf:13
range a part of the 5 bytes
= 206 Partial Content, 2 bytes of {prefix}/html/a.txt
"""),
    ("range beyond", "", ["/a.txt", "-H", "Range: bytes=9-"], """
location none for /a.txt, the server itself  weir.conf:8
file {prefix}/html/a.txt  weir.conf:13
range none of the parts lies in the 5 bytes
= 416 Range Not Satisfiable, a page of weir's own
"""),
    ("not modified", "", ["/a.txt", "-H", "If-None-Match: *"], """
location none for /a.txt, the server itself  weir.conf:8
file {prefix}/html/a.txt  weir.conf:13
conditional the client has it already
= 304 Not Modified, 0 bytes of {prefix}/html/a.txt
"""),
    ("precondition", "", ["/a.txt", "-H", "If-Match: \"x\""], """
location none for /a.txt, the server itself  weir.conf:8
file {prefix}/html/a.txt  weir.conf:13
conditional it is not what the client expects
= 412 Precondition Failed, a page of weir's own
"""),
    ("method", "", ["/a.txt", "-X", "PUT"], """
location none for /a.txt, the server itself  weir.conf:8
static files are for GET and HEAD
= 405 Method Not Allowed, a page of weir's own
"""),
    ("body too large", "client_max_body_size 10;", ["/a.txt", "-X", "POST", "-H", "Content-Length: 11"], """
location none for /a.txt, the server itself  weir.conf:8
client_max_body_size the request has 11 bytes, more than 10
error_log client intended to send too large body: 11 bytes
= 413 Content Too Large, a page of weir's own
"""),
    ("folder without index", "", ["/empty/"], """
location none for /empty/, the server itself  weir.conf:8
index {prefix}/html/empty/index.html is not there
index the folder has none, and its list is not shown
error_log directory index of "{prefix}/html/empty/" is forbidden
= 403 Forbidden, a page of weir's own
"""),
    ("path out of the root", "", ["/../etc/passwd"], """
error_log client sent invalid request target
target refused with 400: no path within the root, or one with %00, an incomplete %XX or a fragment
= 400 Bad Request, a page of weir's own
"""),
    ("server by default", "", ["http://none.example.com:8080/a.txt"], """
server www.example.com, the default, for none has the name "none.example.com"  weir.conf:8
location none for /a.txt, the server itself  weir.conf:8
file {prefix}/html/a.txt  weir.conf:13
= 200 OK, 5 bytes of {prefix}/html/a.txt
"""),
    ("server by name", "", ["http://other.example.com:8080/index.html"], """
server other.example.com, by its name  weir.conf:18
location none for /index.html, the server itself  weir.conf:16
file {prefix}/html/docs/index.html  weir.conf:19
= 200 OK, 6 bytes of {prefix}/html/docs/index.html
"""),
    ("try_files that finds", "location / { try_files $uri $uri/ /404.html; }", ["/a.txt"], """
location /, the longest prefix  weir.conf:14
try_files the file /a.txt is there  weir.conf:15
file {prefix}/html/a.txt  weir.conf:13
= 200 OK, 5 bytes of {prefix}/html/a.txt
"""),
    ("try_files that goes on", "location / { try_files $uri $uri/ /404.html; }", ["/none"], """
location /, the longest prefix  weir.conf:14
try_files there is no file /none  weir.conf:15
try_files there is no folder /none  weir.conf:15
redirect internally to /404.html
location /, the longest prefix  weir.conf:14
try_files the file /404.html is there  weir.conf:15
file {prefix}/html/404.html  weir.conf:13
= 200 OK, 5 bytes of {prefix}/html/404.html
"""),
    ("try_files with a status", "location / { try_files $uri =404; }", ["/none"], """
location /, the longest prefix  weir.conf:14
try_files there is no file /none  weir.conf:15
try_files answers 404  weir.conf:15
= 404 Not Found, a page of weir's own
"""),
    ("try_files by name", "location / { try_files $uri @none; } location @none { return 200 here; }", ["/none"], """
location /, the longest prefix  weir.conf:14
try_files there is no file /none  weir.conf:15
location @none, by its name  weir.conf:17
return 200  weir.conf:18
= 200 OK, 4 bytes
"""),
    ("password that is missing", "auth_basic closed; auth_basic_user_file html/users;", ["/a.txt"], """
location none for /a.txt, the server itself  weir.conf:8
auth_basic no name and password were sent  weir.conf:14
error_log no user/password was provided for basic authentication
= 401 Unauthorized, a page of weir's own
"""),
    ("password", "auth_basic closed; auth_basic_user_file html/users;", ["/a.txt", "-H", "Authorization: Basic bWU6c2VjcmV0"], """
location none for /a.txt, the server itself  weir.conf:8
auth_basic user "me" has this password  weir.conf:14
file {prefix}/html/a.txt  weir.conf:13
= 200 OK, 5 bytes of {prefix}/html/a.txt
"""),
    ("password that is wrong", "auth_basic closed; auth_basic_user_file html/users;", ["/a.txt", "-H", "Authorization: Basic bWU6eA=="], """
location none for /a.txt, the server itself  weir.conf:8
auth_basic user "me" has another password  weir.conf:14
error_log user "me": password mismatch
= 401 Unauthorized, a page of weir's own
"""),
    ("password or address", "satisfy any; allow 127.0.0.1; deny all; auth_basic closed; auth_basic_user_file html/users;", ["/a.txt"], """
location none for /a.txt, the server itself  weir.conf:8
access allowed  weir.conf:15
file {prefix}/html/a.txt  weir.conf:13
= 200 OK, 5 bytes of {prefix}/html/a.txt
"""),
    ("another place is asked", "location / { auth_request /auth; } location = /auth { internal; return 403; }", ["/a.txt"], """
location /, the longest prefix  weir.conf:14
subrequest /auth
location = /auth, the very path  weir.conf:17
return 403  weir.conf:19
subrequest /auth is answered with 403
auth_request the answer was 403  weir.conf:15
= 403 Forbidden, a page of weir's own
"""),
    ("expires", "location / { expires 1h; }", ["/a.txt"], """
location /, the longest prefix  weir.conf:14
file {prefix}/html/a.txt  weir.conf:13
expires max-age=3600  weir.conf:15
= 200 OK, 5 bytes of {prefix}/html/a.txt
"""),
]


@pytest.mark.parametrize("conf, args, way", [pytest.param(*case[1:], id=case[0]) for case in WAYS])
def test_way_of_a_request(folder, conf, args, way):
    text = told(folder, *args, conf=re.sub(r"([;{}]) ", r"\1\n", conf))
    shown = [" ".join(filter(None, (label, words))) + (f"  {place}" if place else "") for label, words, place in steps(text)
             if label != "address" and not (label == "server" and "localhost" in words)]
    assert shown + ["= " + re.sub(r", \d+ bytes, (?=a page)", ", ", answer(text))] == way.strip().splitlines()


@pytest.mark.parametrize("conf", ["ssi on;", "add_after_body /part;"])
def test_file_is_that_of_the_page_and_not_of_its_parts(folder, conf):
    (folder / "html").mkdir(exist_ok=True)
    (folder / "html/page.html").write_text('<!--#include virtual="/part" -->')
    text = told(folder, "/page.html", conf=conf + " location /part { alias html/a.txt; }")
    assert "html/a.txt" in text and answer(text).endswith(f"of {folder}/html/page.html".replace(str(folder), "{prefix}"))


def test_values_that_are_looked_up_are_told(folder):
    conf = CONF.replace("include more.conf;", "map $arg_x $y { default none; a 404; }\n    geo $near { default 0; 127.0.0.0/8 1; }") % """
        if ($near) { return 200 $y; }"""
    assert steps(told(folder, "/?x=a", whole=conf))[-4:] == [
        ("geo", '$near is "1"', "weir.conf:6"), ("if", "($near) holds", "weir.conf:16"), ("return", "200", "weir.conf:16"),
        ("map", '$y is "404" for "a"', "weir.conf:5")]


@pytest.mark.parametrize("names, host, why", [
    ("a.example b.example", "b.example", "a.example, by its name"),
    ("a.example *.example", "x.y.example", "a.example, by *.example"),
    ("a.example www.*", "www.a.b", "a.example, by www.*"),
    ("a.example .b.example", "x.b.example", "a.example, by .b.example"),
    (".b.example", "b.example", "b.example, by .b.example"),
    ("a.example ~^x[.] ~^(?<first>.+)[.]z$", "y.z", "a.example, by ~^(?<first>.+)[.]z$"),
    ("a.example *.example .z", "example", None),
    ("a.example", "b.example", None),
])
def test_name_of_the_server_is_told(folder, names, host, why):
    conf = CONF.replace("        server_name other.example.com;\n        root", f"        server_name {names};\n        root") % ""
    server = steps(told(folder, "/", "-H", f"Host: {host}", whole=conf))[1]
    default = f'www.example.com, the default, for none has the name "{host}"'
    assert server == ("server", why, "weir.conf:18") if why else server == ("server", default, "weir.conf:8")


@pytest.mark.parametrize("log", ["stderr", "syslog:server=127.0.0.1:1", "memory:1m", "logs/e.log"])
def test_nothing_is_written_to_an_error_log(folder, log):
    text = told(folder, "/none", conf=f"error_log {log};")
    assert steps(text)[-1] == ("error_log", 'open() "{prefix}/html/none" failed (2: No such file or directory)', None)


def test_line_of_a_json_log_is_told_as_it_would_be(folder):
    label, text, _ = steps(told(folder, "/none", conf="error_log logs/e.log debug json;"))[-1]
    assert label == "error_log"
    assert json.loads(text)["message"] == 'open() "{prefix}/html/none" failed'


def test_circle_is_seen(folder):
    text = told(folder, "/x", conf="location / { rewrite ^ /x last; }")
    assert steps(text).count(("rewrite", "^ matches, the path is /x now", "weir.conf:14")) == 11
    assert ("redirect", "more than 10 times", None) in steps(text)
    assert answer(text).startswith("500 ")


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
