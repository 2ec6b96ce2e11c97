# SPDX-License-Identifier: BSD-2-Clause
"""Hidden files: names that begin with a dot are not served, unless the conf file names them itself or serve_hidden is on."""

import json
import re
import stat

import pytest

from harness import request, run_weir, serving

FILES = {f"html/{name}": name for name in (
    ".env", ".git/config", ".git/index.html", "a/.htpasswd", "a/b", "...", "..x/y", ".well-known/acme/token", ".well-known/.git", "a/.well-known/x",
    ".well-knownx", ".errors/404.html", ".errors/index.html", ".pages/in.html", ".pages/.in.html", "sub/.index.html", "sub/b", "c.txt",
    ".z.txt", ".z.txt.gz", "packed.txt", "err/.git/x", "site/.well-known/t", "site/plain")} | {
    "html/page.shtml": '<!--#include file=".env" -->', "html/own.shtml": '<!--#include virtual="/$arg_p" -->'.replace("/$arg_p", "/a/b"),
    "html/asked.shtml": '<!--#include virtual="/$arg_p" -->', "html/.pages/all.shtml": '<!--#include file="in.html" -->',
    "data/.cache/x": "cached", "data/.cache/.git/y": "secret", "data/x": "data", "data/.git/y": "secret", ".srv/x": "a hidden root"}
NAMED = {                           # what is served in spite of its dots
    "/.well-known/acme/token": ".well-known/acme/token", "/a/.well-known/x": "a/.well-known/x", "/%2ewell-known/acme/token": ".well-known/acme/token",
    "/x/../.well-known/acme/token": ".well-known/acme/token", "/cached/x": "cached", "/.cache/x": "cached", "/dot/": "sub/.index.html",
    "/tried": ".env", "/rewritten": ".env", "/rewritten/in.html": ".pages/in.html", "/open/.env": ".env", "/root/x": "a hidden root", "/.return": "told", "/to-cached/x": "cached",
    "/regex/x": "cached", "/own.shtml": "a/b", "/all": ".pages/in.html", "/added": ".envadded.env", "/.exact": "data", "/vhost/.well-known/t": "site/.well-known/t",
}
REFUSED = [
    "/.env", "/.env?x", "/%2eenv", "/%2Eenv", "/./.env", "/a/../.env", "//.env", "/a/.htpasswd", "/.git/config", "/.git/", "/.git", "/.git/none", "/.none",
    "/...", "/..x/y", "/.well-known/.git", "/.well-knownx", "/cached/.git/y", "/data/.git/y", "/try/.env", "/named/.env", "/asked?f=.env",
    "/rewritten/.in.html", "/back/.env", "/byhost", "/regex/.git/y", "/z/.z.txt", "/film/.z.txt", "/list/.git/", "/random/.git/",
    "/vhost/.env", "/glued.git/y", "/to-cached/.git/y",
]


@pytest.fixture(scope="module")
def server():
    conf = """
        error_log {prefix}/logs/error.log info;
        ssi on; ssi_types *; default_type text/plain;
        location /cached/ { alias {prefix}/data/.cache/; }
        location /data/ { alias {prefix}/data/; }
        location /glued { alias {prefix}/data/; }
        location /.cache/ { alias {prefix}/data/.cache/; }
        location /to-cached/ { rewrite ^/to-cached/(.*)$ /.cache/$1 last; }
        location = /.exact { alias {prefix}/data/x; }
        location ~ ^/regex/(.*)$ { alias {prefix}/data/.cache/$1; }
        location /dot/ { alias {prefix}/html/sub/; index .index.html; }
        location = /tried { try_files /.env =404; }
        location /try/ { alias {prefix}/html/; try_files $uri =404; }
        location /named/ { try_files $uri $uri/ @rest; }
        location @rest { return 404 "not there"; }
        location = /asked { try_files /$arg_f =404; }
        location /indexed/ { alias {prefix}/html/sub/; index $arg_i; }
        location = /rewritten { rewrite ^ /.env break; }
        location /rewritten/ { rewrite ^/rewritten/(.*)$ /.pages/$1 break; }
        location /back/ { rewrite ^/back(/.*)$ $1 last; }
        location /vhost/ { rewrite ^/vhost(/.*)$ /site$1 break; }
        location = /all { ssi on; rewrite ^ /.pages/all.shtml break; }
        location = /added { add_before_body /.env; add_after_body /.env; default_type text/html; return 200 added; }
        location /open/ { serve_hidden on; alias {prefix}/html/; }
        location /root/ { root {prefix}/.srv; rewrite ^/root(.*)$ $1 break; }
        location = /byhost { root {prefix}/$http_x_folder; rewrite ^ /config break; }
        location /z/ { alias {prefix}/html/; gzip_static always; gunzip off; }
        location /film/ { alias {prefix}/html/; mp4; flv; }
        location /list/ { alias {prefix}/html/; autoindex on; index none; }
        location /random/ { alias {prefix}/html/; random_index on; }
        location /.return { return 200 told; }
    """
    frame = "pid {prefix}/logs/weir.pid; error_log {prefix}/logs/error.log info; events { } http { access_log off; server { listen 127.0.0.1:{port}; %s } }"
    with serving(frame % conf, files=FILES) as weir:
        yield weir


@pytest.mark.parametrize("target", NAMED)
def test_what_the_conf_names_is_served(server, target):
    answer = server.get(target)
    assert (answer.status, answer.text) == (200, NAMED[target])


@pytest.mark.parametrize("target", REFUSED)
def test_hidden_is_not_there(server, target):
    answer = server.get(target, "X-Folder: html/.git")
    assert answer.status == 404
    server.wait_log(r'\[info\] .*".*" has a name that begins with a dot and is hidden: "serve_hidden" is off.*request: "GET '
                    + target.split("?")[0].replace(".", r"\."))


@pytest.mark.parametrize("method, prefix", [("GET", "/"), ("HEAD", "/"), ("POST", "/"), ("OPTIONS", "/"), ("GET", "/list/"), ("GET", "/named/")])
def test_answer_is_that_of_what_is_missing(server, method, prefix):
    fields = [] if method != "POST" else ["Content-Length: 0"]
    there, missing = (server.get(prefix + name, *fields, method=method) for name in (".env", "none"))
    shape = lambda a: (a.status, [(n, v) for n, v in a.headers if n != "Date"], a.body)
    assert shape(there) == shape(missing)


@pytest.mark.parametrize("target, body", [("/page.shtml", "[an error occurred"), ("/asked.shtml?p=.env", "<h1>404"), ("/asked.shtml?p=a/b", "a/b")])
def test_included_is_judged(server, target, body):
    text = server.get(target).text
    assert ".env" not in text and (body in text or "404" in text)


def test_error_page_may_be_hidden(weir):
    server = weir(server="error_page 404 /.errors/404.html; error_page 403 /.errors/; location = /no { return 403; } location /err/ { error_page 404 /err$uri; }",
                  files=FILES)
    assert server.get("/none").text == ".errors/404.html"
    assert server.get("/.errors/404.html").status == 404        # by the client it is not there, and the page says so
    assert server.get("/no").text == ".errors/index.html"
    assert ".git/x" not in server.get("/err/.git/x").text


def test_requests_are_counted_once(weir):
    server = weir(server="location = /status { status; } location /t/ { alias {prefix}/html/; try_files $uri $uri/ $uri.html =404; }", files=FILES)
    for target in ("/.env", "/t/.env", "/.git/", "/c.txt", "/.none", "/.well-known/none"):
        server.get(target)
    assert json.loads(server.get("/status?format=json").body)["sum"]["hidden_refused"] == 4


def test_index_that_the_client_names_is_judged(server):
    answer = server.get("/indexed/?i=.index.html")
    assert (answer.status, answer.body) == (403, server.get("/indexed/?i=none").body)


def test_deny_and_password_come_first(weir):
    server = weir(server=r"location ~ /\.ht { deny all; } location /p/ { auth_basic x; auth_basic_user_file none; }", files=FILES)
    assert server.get("/a/.htpasswd").status == 403 and server.get("/p/.env").status == server.get("/p/none").status
    assert server.log_text().count("is hidden") == 0


DAV = [
    ("PUT", "/.git/hooks/x", None, 403), ("PUT", "/.env", None, 403), ("MKCOL", "/.new/", None, 403), ("DELETE", "/.env", None, 404),
    ("MOVE", "/c.txt", "/.c.txt", 403), ("COPY", "/c.txt", "/%2ec.txt", 403), ("COPY", "/c.txt", "/.git/c.txt", 403), ("MOVE", "/.env", "/env", 404),
    ("COPY", "/.env", "/env", 404), ("PUT", "/.well-known/new", None, 201), ("COPY", "/c.txt", "/.well-known/c.txt", 201),
]


@pytest.mark.parametrize("method, target, to, status", DAV)
def test_nothing_hidden_is_changed(weir, method, target, to, status):
    server = weir(server="dav_methods PUT DELETE MKCOL COPY MOVE; create_full_put_path on;", start=False,
                  files={"html/c.txt": "c", "html/.env": "e", "html/.git/config": "g", "html/.well-known/x": "w"})
    for folder in (server.html, server.html / ".git", server.html / ".well-known"):
        folder.chmod(folder.stat().st_mode | stat.S_IRWXO)
    server.start()
    before = sorted(str(p.relative_to(server.html)) for p in server.html.rglob("*"))
    body = b"new" if method == "PUT" else b""
    fields = [f"Content-Length: {len(body)}"] + ([f"Destination: {to}"] if to else [])
    with server.connect() as client:
        assert client.ask(request(target, *fields, method=method) + body).status == status
    after = sorted(str(p.relative_to(server.html)) for p in server.html.rglob("*"))
    assert (before == after) == (status != 201)


def test_explain_tells_why(server):
    done = run_weir(server.prefix, "explain", "/.env", "-p", str(server.prefix), "-c", "weir.conf")
    assert re.search(r"serve_hidden +it is off, and /.env has a name", done.stdout) and "404" in done.stdout
