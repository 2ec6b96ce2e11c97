# SPDX-License-Identifier: BSD-2-Clause
"""rewrite, return, set, if, break, and how they go with locations, servers and error pages: what rewrite_cases.py lists is answered."""

import pytest

from harness import serving
from rewrite_cases import CASES, put, short


@pytest.mark.parametrize("name", list(CASES))
def test_rewrites_answer_as_listed(name):
    case = CASES[name]
    with serving(**case.arguments()) as server:
        found = {question: short(server, put(server, question)) for question, *_ in case.rows()}
    assert found == {question: own for question, own, _ in case.rows()}


@pytest.mark.parametrize("bad", ["%0D%0AX-Evil:%201", "%0AX-Evil:%201", "%0D", "a%0Ab"])
@pytest.mark.parametrize("place", ["redirect", "return", "url", "set", "named", "query", "field"])
def test_no_line_is_smuggled_into_a_head(place, bad):
    conf = """
        location /redirect/ { rewrite ^/redirect/((?s:.*))$ /new/$1 redirect; }
        location /return/ { return 302 $uri; }
        location /url/ { return 302 http://h.example$uri?x; }
        location /set/ { set $there $uri; return 301 $there; }
        location ~ "^/named/(?<rest>(?s:.*))$" { return 308 /new/$rest; }
        location ~ "^/query/(?<rest>(?s:.*))$" { return 302 /?q=$rest; }
        location /field/ { add_header X-Path $uri; return 204; }
    """
    with serving(server=conf) as server:
        answer = server.get(f"/{place}/{bad}")
        assert answer.get("X-Evil") is None
        assert answer.status in (204, 301, 302, 308)
        assert "\r" not in (answer.get("Location") or "") and "\n" not in (answer.get("X-Path") or "")


LOGGED = """
    rewrite_log on;
    set $x 1;
    rewrite ^/none$ /never;
    rewrite ^/(first)/(.*)$ /second/$2?by=$1;
    if ($arg_go) { rewrite ^/second/(.*)$ /third/$1? last; }
    location / { rewrite ^/second/(.*)$ /moved/$1 redirect; }
    location /third/ { rewrite_log off; rewrite ^/third/(.*)$ /fourth/$1 last; }
    location /if/ {
        if ($arg_a ~ ^(x+)$) { set $y 1; }
        if ($arg_a !~* "^Y") { rewrite ^/if/(.*)$ /show/$1 break; return 204; }
        if ($arg_a = y) { return 204; }
    }
    location /fourth/ { rewrite ^/fourth/a(.*)$ /html/$1 break; return 204; }
"""
LINES = {
    "/first/a": ['"^/none$" does not match "/first/a"', '"^/(first)/(.*)$" matches "/first/a"',
                 'rewritten data: "/second/a", args: "by=first"', '"^/second/(.*)$" matches "/second/a"',
                 'rewritten redirect: "/moved/a?by=first"'],
    "/first/a?go=1": ['"^/none$" does not match "/first/a"', '"^/(first)/(.*)$" matches "/first/a"',
                      'rewritten data: "/second/a", args: "by=first&go=1"', '"^/second/(.*)$" matches "/second/a"',
                      'rewritten data: "/third/a", args: ""', '"^/fourth/a(.*)$" matches "/fourth/a"',
                      'rewritten data: "/html/", args: ""'],
    "/if/a?a=xx": ['"^/none$" does not match "/if/a"', '"^/(first)/(.*)$" does not match "/if/a"', '"^(x+)$" matches "xx"',
                   '"^Y" does not match "xx"', '"^/if/(.*)$" matches "/if/a"', 'rewritten data: "/show/a", args: "a=xx"'],
    "/if/a?a=y": ['"^/none$" does not match "/if/a"', '"^/(first)/(.*)$" does not match "/if/a"', '"^(x+)$" does not match "y"',
                  '"^Y" matches "y"'],
    "/fourth/b": ['"^/none$" does not match "/fourth/b"', '"^/(first)/(.*)$" does not match "/fourth/b"',
                  '"^/fourth/a(.*)$" does not match "/fourth/b"'],
}


def rewrite_lines(server):
    return [line.split("*", 1)[1].split(" ", 1)[1].split(", client:")[0].replace(str(server.port()), "{port}")
            for line in server.log_text().splitlines() if "[notice]" in line and "*" in line]


@pytest.mark.parametrize("target", list(LINES))
def test_rewrite_log_tells_of_each_rewrite(target):
    with serving(server=LOGGED, error_level="notice") as server:
        server.get(target, host="h")
        server.wait_log("rewritten|does not match")
        assert rewrite_lines(server) == LINES[target]
