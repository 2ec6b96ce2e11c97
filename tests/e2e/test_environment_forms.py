# SPDX-License-Identifier: BSD-2-Clause
"""${env:NAME} in texts that are cut into pieces or put together of several words: what the environment has stays text."""

import pytest

from harness import request, wait_until

# the words of a log_format, its line; V is "$http_cookie"
FORMATS = [("'${env:V} ' '$status'", "$http_cookie 200"), ("'$status ' '${env:V}'", "200 $http_cookie"), ("'a' '${env:V}' 'b'", "a$http_cookieb"),
           ("'$status ${env:V}' ' $status'", "200 $http_cookie 200"), ("'${env:V}' \"$status ${env:V}\" '$status'", "$http_cookie200 $http_cookie200"),
           ("'$status' 'x' ' ${status}' x", "200x 200x"), ("escape=none", ""), ("escape=none '${env:V}'", "$http_cookie")]


@pytest.mark.parametrize("words, line", FORMATS)
def test_words_of_a_log_format(weir, monkeypatch, words, line):
    monkeypatch.setenv("V", "$http_cookie")
    server = weir(http=f"log_format u {words};", server="access_log logs/u u;", files={"html/a": "a"})
    server.get("/a", "Cookie: secret")
    wait_until(lambda: server.access_text("u") == line + "\n", f"{line!r}, not {server.access_text('u')!r}")


# a replacement, its Location; V is "$arg_x", Q "/q"
REWRITES = [("/${env:V}?h=$uri", "/$arg_x?h=/r&x=1"), ("/$arg_x?h=${env:V}", "/1?h=$arg_x&x=1"), ("/${env:V}$arg_x?${env:V}=$arg_x?", "/$arg_x1?$arg_x=1"),
            ("${env:Q}/$arg_x?", "/q/1"), ("/$arg_x${env:V}?", "/1$arg_x")]


@pytest.mark.parametrize("replacement, location", REWRITES)
def test_path_and_query_of_a_replacement(weir, monkeypatch, replacement, location):
    monkeypatch.setenv("V", "$arg_x")
    monkeypatch.setenv("Q", "/q")
    server = weir(server=f"absolute_redirect off; rewrite ^ {replacement} redirect;")
    assert server.ask(request("/r?x=1")).get("Location") == location
