# SPDX-License-Identifier: BSD-2-Clause
"""Where a request ends: expressions, names, parts of a location, try_files, and who asks another place first."""

import pytest

from harness import check_conf, request, serving

CONF = r"""
    location / { return 200 "root $uri"; }
    location /p/ { return 200 prefix; }
    location ^~ /p/final/ { return 200 final; }
    location = /p/a.x { return 200 exact; }
    location ~ "\.x$" { return 200 "x $uri"; }
    location ~* "\.IMG$" { return 200 "img $uri"; }
    location ~ "^/u/(?<name>[a-z]+)/([0-9]+)$" { return 200 "$name $2 $1 [$3]"; }
    location /n/ {
        return 200 n;
        location ~ "\.x$" { return 200 "nested x"; }
        location /n/deep/ { return 200 deep; location ~ "/(q)$" { return 200 "deep $1"; } }
    }
    location ~ ^/re/ { return 200 re; location ~ ^/re/(in)$ { return 200 "re $1"; } }
    location /named { error_page 404 = @first; return 404; }
    location /kept { error_page 404 @first; return 404; }
    location /lost { error_page 404 = @nobody; return 404; }
    location /round { error_page 404 = @round; recursive_error_pages on; return 404; }
    location @first { return 200 "first $uri $request_method"; }
    location @round { recursive_error_pages on; error_page 404 = @round; return 404; }

    location /limit/ {
        limit_except GET { deny all; }
        root html;
    }
    location /limited/ {
        set $seen "yes";
        limit_except GET { allow all; access_log off; }
        if ($arg_deep) { root html/deep; }
        root html;
        try_files $uri @seen;
    }
    location /parts/ {
        root html;
        if ($arg_a) { error_page 404 =410 @gone; }
        if ($arg_b) { root html/other; }
        if ($arg_c) { error_page 404 =451 @gone; }
    }
    location @gone { return 200 gone; }
    location @seen { return 200 "seen $seen"; }

    location /try/ { root html; try_files $uri $uri.html $uri/ /try/last.html?from=$uri; }
    location /try/deep/ { root html; }
    location /try-code/ { root html; try_files $uri =418; }
    location /try-name/ { root html; try_files $uri /nothing @seen2; }
    location @seen2 { return 200 "named $uri"; }
    location /try-alias/ { alias html/try/; try_files $uri $uri.html /try-alias/last.html; }
    location /try-loop/ { try_files /nothing /try-loop/; }
    location /try-arg/ { root html; try_files $arg_f =404; }

    location /ask/ { auth_request /may?$args; auth_request_set $how "$sent_http_content_type $status"; try_files /try/last.html =404; add_header X-How $how; }
    location = /may {
        internal;
        if ($arg_code = 401) { return 401; }
        if ($arg_code = 403) { return 403; }
        if ($arg_code = 302) { return 302 /elsewhere; }
        if ($arg_code = 444) { return 444; }
        default_type text/x-yes;
        return 200 yes;
    }
    location /ask-slow/ { auth_request /slow; root html; }
    location = /slow { internal; limit_req zone=slow burst=100; try_files /try/last.html =404; }
    location /ask-itself/ { auth_request /ask-itself/; root html; try_files /try/last.html =404; }
    location /ask-any/ { satisfy any; deny all; auth_request /may?$args; try_files /try/last.html =404; root html; }
    location /ask-page/ { auth_request /may?$args; error_page 401 = @login; root html; }
    location @login { return 302 /login?from=$uri; }
"""
FILES = {
    "html/limit/a": "a", "html/limited/a": "a", "html/other/limited/a": "other a", "html/deep/limited/a": "deep a",
    "html/parts/a": "a", "html/other/parts/a": "other", "html/try/a": "a", "html/try/b.html": "b", "html/try/folder/index.html": "folder",
    "html/try/last.html": "last", "html/try-code/a": "a", "html/try/deep/a": "deep", "html/ask-slow/a": "slow",
}


@pytest.fixture(scope="module")
def server():
    with serving(server=CONF, http="limit_req_zone $remote_addr zone=slow:1m rate=20r/s;", files=FILES) as weir:
        yield weir


ANSWERS = [
    ("/q", 200, "root /q"), ("/p/q", 200, "prefix"), ("/p/b.x", 200, "x /p/b.x"), ("/p/a.x", 200, "exact"), ("/p/final/b.x", 200, "final"),
    ("/q.X", 200, "root /q.X"), ("/q.img", 200, "img /q.img"), ("/q.Img", 200, "img /q.Img"), ("/u/bob/12", 200, "bob 12 bob []"),
    ("/u/bob/x", 200, "root /u/bob/x"), ("/u/%62ob/1", 200, "bob 1 bob []"),
    ("/n/", 200, "n"), ("/n/a.x", 200, "nested x"), ("/n/deep/a", 200, "deep"), ("/n/deep/q", 200, "deep q"), ("/n/deep/a.x", 200, "nested x"),
    ("/n/deep/a.img", 200, "img /n/deep/a.img"), ("/re/x", 200, "re"), ("/re/in", 200, "re in"),
    ("/named", 200, "first /named GET"), ("/kept", 404, "first /kept GET"), ("/lost", 500, None), ("/round", 500, None),
    ("/limit/a", 200, "a"), ("/limited/a", 200, "a"), ("/limited/a?deep=1", 200, "deep a"), ("/limited/b", 200, "seen yes"),
    ("/parts/a", 200, "a"), ("/parts/b?a=1", 410, None), ("/parts/a?b=1", 200, "other"), ("/parts/b?a=1&b=1", 410, "gone"), ("/parts/a?a=1&b=1", 200, "other"), ("/parts/a?b=1&c=1&a=1", 200, "other"),
    ("/parts/b?a=1&b=0", 410, None), ("/parts/b?a=1&c=1", 451, None), ("/parts/b?c=1&b=1", 451, "gone"), ("/parts/b?a=1&b=1&c=1", 451, "gone"), ("/parts/b", 404, None),
    ("/try/a", 200, "a"), ("/try/b", 200, "b"), ("/try/folder", 301, None), ("/try/folder/", 200, "folder"), ("/try/none", 200, "last"), ("/try/deep/a", 200, "deep"),
    ("/try/deep/none", 404, None), ("/try-code/a", 200, "a"), ("/try-code/b", 418, None), ("/try-name/x", 200, "named /try-name/x"),
    ("/try-alias/a", 200, "a"), ("/try-alias/b", 200, "b"), ("/try-alias/none", 200, "last"), ("/try-loop/", 500, None),
    ("/try-arg/?f=/try/a", 200, "a"), ("/try-arg/?f=/../weir.conf", 404, None), ("/try-arg/?f=/try/../../weir.conf", 404, None), ("/try-arg/?f=try/a", 200, "a"),
    ("/ask/", 200, "last"), ("/ask/?code=401", 401, None), ("/ask/?code=403", 403, None), ("/ask/?code=302", 500, None), ("/ask/?code=444", 500, None),
    ("/may", 404, None), ("/ask-slow/a", 200, "slow"), ("/ask-itself/", 200, "last"), ("/ask-any/", 200, "last"), ("/ask-any/?code=403", 403, None),
    ("/ask-page/?code=401", 302, None),
]


@pytest.mark.parametrize("target, status, text", ANSWERS)
def test_request_ends_where_it_belongs(server, target, status, text):
    for _ in range(2):                  # the second time the worker remembers the way
        answer = server.get(target)
        assert answer.status == status
        assert text in (None, answer.text)


@pytest.mark.parametrize("method, target, status, text", [
    ("HEAD", "/limit/a", 200, ""), ("POST", "/limit/a", 403, None), ("DELETE", "/limit/a", 403, None), ("BREW", "/limit/a", 501, None),
    ("POST", "/named", 200, "first /named POST"), ("POST", "/limited/b", 200, "seen "), ("POST", "/limited/b?deep=1", 200, "seen "),
])
def test_methods(server, method, target, status, text):
    with server.connect() as client:
        answer = client.ask(request(target, method=method), method)
    assert answer.status == status and text in (None, answer.text)


def test_the_answer_of_who_was_asked_can_be_kept(server):
    assert server.get("/ask/").get("X-How") == "text/x-yes 200"
    assert server.get("/ask-page/?code=401").get("Location").endswith("/login?from=/ask-page/")


def test_client_may_leave_while_another_place_is_asked(server):
    clients = [server.connect() for _ in range(20)]
    for client in clients:
        client.send(request("/ask-slow/a"))
    for client in clients[::2]:
        client.close()
    for client in clients[1::2]:
        assert client.read().text == "slow"
        client.close()


def test_expression_that_goes_astray_is_given_up(weir):
    server = weir(server=r'''
        location ~ "^/(a+)+$" { return 200 found; }
        location / { if ($arg_x ~ "^(b+)+$") { return 200 yes; } return 200 no; }
    ''', http="server { listen 127.0.0.1:{port1}; return 200 first; } server { listen 127.0.0.1:{port1}; server_name ~^(c+)+$; return 200 named; }")
    assert server.get("/aaa").text == "found"
    for target, fields in (("/" + "a" * 60 + "!", ()), ("/?x=" + "b" * 60 + "!", ())):
        assert server.get(target, *fields).status == 500
    with server.connect("port1") as client:
        assert client.ask(request("/", host="ccc")).text == "named"
        assert client.ask(request("/", host="d")).text == "first"
        assert client.ask(request("/", host="c" * 60 + "-")).status == 500
    assert server.get("/?x=bbb").text == "yes"
    assert server.log_text().count("pcre2_match() failed: match limit exceeded") >= 2


@pytest.mark.parametrize("conf, first, hint", [
    ("location ~ ( { }", "pcre2_compile() failed: missing closing parenthesis", "in quotes"),
    ("location @a { location @b { } }", 'named location "@b" can be on the server level only', "outermost"),
    ("location = /a { location /a/b { } }", 'location "/a/b" cannot be inside the exact location "/a"', ""),
    ("location @a { location /b { } }", 'location "/b" cannot be inside the named location "@a"', ""),
    ("location ~ a { location /b { } }", 'location "/b" is outside location "a"', "only regular expressions"),
    ("location @a { } location @a { }", 'duplicate location "@a"', ""),
    ("location @a { alias /x; }", 'the "alias" directive cannot be used inside the named location', "root"),
    ("location !~ x { }", 'invalid location modifier "!~"', "one of =, ^~, ~, ~*"),
    ("location / { limit_except FETCH { deny all; } }", 'invalid method "FETCH"', "in capitals"),
    ("location / { if ($a) { if ($b) { } } }", '"if" directive is not allowed here', "server or location"),
    ("if $a { }", 'invalid condition "$a"', "in brackets"),
    ("if ($a = b { }", 'invalid condition "b"', "closing bracket"),
    ("if ($a == b) { }", 'unexpected "==" in condition', "one of ="),
    ("if (a = b) { }", 'invalid condition "a"', "($name)"),
    ("if ($a$b = c) { }", 'invalid condition "$a$b"', "one variable"),
    ("if ($host = a b) { }", 'invalid condition "b)"', "in quotes"),
    ("if (-f) { }", 'invalid condition "-f"', "one file"),
    ("set foo bar;", 'invalid variable name "foo"', '"$"'),
    ("set $host bar;", 'the duplicate "host" variable', "another name"),
    ("return 200 $nobody;", 'unknown "nobody" variable', ""),
    ("return 200 $remote_adr;", 'unknown "remote_adr" variable', 'did you mean "$remote_addr"?'),
    ("rewrite ^ /x lost;", 'invalid parameter "lost"', "one of last"),
    ("rewrite ^ '';", "empty replacement", ""),
    ("return 199;", 'invalid return code "199"', "200 to 999"),
    ("try_files /a;", 'invalid number of arguments in "try_files" directive', "at least 2"),
    ("try_files /a =40x;", 'invalid code "=40x"', "=404"),
    ("auth_request may;", 'invalid URI "may"', "/auth"),
])
def test_mistake_is_told_with_its_mend(tmp_path, conf, first, hint):
    done, _ = check_conf(tmp_path, "events { } http { server { listen 127.0.0.1:1; %s } }" % conf)
    assert done.returncode == 1
    assert first in done.stderr.splitlines()[0]
    assert hint in done.stderr


def test_variable_may_be_used_before_it_is_defined(weir):
    server = weir(http='log_format late "$late";', server='location /a { return 200 "$late"; } location /b { set $late x; return 200 "$late"; }')
    assert server.get("/a").text == "" and server.get("/b").text == "x"


def test_long_path_is_matched(weir):
    """More than fits into a small stack: each step keeps a place to come back to."""
    server = weir(http="large_client_header_buffers 4 64k;", server='location ~ "^(/[a-z]|/[a-y][a-z])*!$" { return 200 found; } location / { return 200 no; }')
    assert server.get("/ab" * 8000 + "!").text == "found"
    assert server.get("/ab" * 8000 + "?").text == "no"


def test_limit_of_a_match_can_be_chosen(weir):
    conf = r'location ~ "^/(a+)+$" { return 200 found; } location / { return 200 no; }'
    target = "/" + "a" * 12 + "b"
    few, many = weir(http="regex_match_limit 50;", server=conf), weir(server=conf)
    assert few.get(target).status == 500 and "match limit exceeded" in few.log_text()
    assert many.get(target).text == "no"


def test_groups_of_a_name_are_those_of_each_request(weir):
    server = weir(http="server { listen 127.0.0.1:{port1}; } server { listen 127.0.0.1:{port1}; server_name ~^(?<who>[a-z]+)\\.example$ x.test; return 200 \"[$who]\"; }",
                  server="")
    with server.connect("port1") as client:
        for host, text in (("a.example", "[a]"), ("a.example", "[a]"), ("b.example", "[b]"), ("x.test", "[]"), ("a.example", "[a]")):
            assert client.ask(request("/", host=host)).text == text
