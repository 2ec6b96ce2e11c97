# SPDX-License-Identifier: BSD-2-Clause
"""Rewrites beside the nginx of this machine: it answers what rewrite_cases.py says of it, and with the same fields as weir."""

import pytest

from harness import Weir, serving
from harness.nginx import NGINX, Nginx
from rewrite_cases import CASES, OWN_PAGE, put, short
from test_rewrite import LINES, LOGGED, rewrite_lines

pytestmark = pytest.mark.skipif(NGINX is None, reason="there is no nginx")

# Another each time, or weir's own: it says with 405 what is allowed. A page of the server's own has a length of its own.
HIDDEN = {"server", "date", "etag", "last-modified", "allow"}
# (case, question): why the fields are others than nginx's.
FIELDS = {
    ("return", "/304"): "an answer without a body has no type that would mean anything",
    ("groups", "/a.png"): "without \"types\" weir knows those of all common files, nginx three",
    ("locations", "/docs/x.jpeg"): "the same",
}


def fields_of(server, response):
    if response is None:
        return None
    own_page = OWN_PAGE.search(response.body) or (response.status >= 300 and not response.body)
    hidden = HIDDEN | ({"content-length"} if own_page else set())
    return sorted((name, value.replace(str(server.port()), "{port}").replace(str(server.prefix), "{prefix}"))
                  for name, value in response.headers if name.lower() not in hidden)


@pytest.mark.parametrize("name", list(CASES))
def test_both_answer_the_same(name):
    case = CASES[name]
    answers, fields = {}, {}
    for kind in (Nginx, Weir):
        with serving(kind=kind, **case.arguments()) as server:
            for question, *_ in case.rows():
                response = put(server, question)
                answers[kind, question] = short(server, response)
                fields[kind, question] = fields_of(server, response)
    assert {question: answers[Nginx, question] for question, *_ in case.rows()} == {question: other for question, _, other in case.rows()}
    alike = [question for question, own, other in case.rows() if own == other and (name, question) not in FIELDS]
    assert {question: fields[Weir, question] for question in alike} == {question: fields[Nginx, question] for question in alike}


@pytest.mark.parametrize("target", list(LINES))
def test_rewrite_log_has_the_same_lines(target):
    with serving(kind=Nginx, server=LOGGED, error_level="notice") as server:
        server.get(target, host="h")
        server.wait_log("rewritten|does not match")
        assert rewrite_lines(server) == LINES[target]
