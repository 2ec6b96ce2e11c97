# SPDX-License-Identifier: BSD-2-Clause
"""satisfy and auth_delay: what addresses and passwords say together, and how long a no takes."""

import base64

import pytest

from harness import now, request, wait_until

FAST = "{PLAIN}secret"
SLOW = "$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a"
BASIC = 'auth_basic "site"; auth_basic_user_file users;'
FIELD = 'Basic realm="site"'
NO = "deny all;"
YES = "allow all;"
SILENT = "deny 192.0.2.1;"
FORBIDDEN = "access forbidden by rule"


def basic(text):
    return "Authorization: Basic " + base64.b64encode(text.encode()).decode()


GOOD, BAD = basic("u:secret"), basic("u:wrong")


def with_users(server, hash_=FAST, **kwargs):
    files = {"html/a": "a", "html/in/a": "in", "html/sorry": "sorry", "users": f"u:{hash_}\n"}
    return dict(server=server, files=files, **kwargs)


# (rules, status without a password, with a wrong one, with the right one)
VERDICTS = [
    ("satisfy all;" + YES + BASIC, 401, 401, 200),
    ("satisfy all;" + NO + BASIC, 403, 403, 403),
    ("satisfy all;" + SILENT + BASIC, 401, 401, 200),
    (YES + BASIC, 401, 401, 200),
    (NO + BASIC, 403, 403, 403),
    ("satisfy any;" + YES + BASIC, 200, 200, 200),
    ("satisfy any;" + NO + BASIC, 401, 401, 200),
    ("satisfy any;" + SILENT + BASIC, 401, 401, 200),
    ("satisfy any;" + BASIC, 401, 401, 200),
    ("satisfy any;" + YES, 200, 200, 200),
    ("satisfy any;" + NO, 403, 403, 403),
    ("satisfy any;" + SILENT, 200, 200, 200),
    ("satisfy any;", 200, 200, 200),
    ("satisfy any; auth_basic off;" + NO, 403, 403, 403),
    ("satisfy any; auth_basic off; auth_basic_user_file users;", 200, 200, 200),
    ('satisfy any; auth_basic "x"; auth_basic_user_file none;' + NO, 401, 403, 403),
    ('satisfy any; auth_basic "x"; auth_basic_user_file none;' + YES, 200, 200, 200),
    ('satisfy any; auth_basic "x"; auth_basic_user_file html;' + NO, 401, 500, 500),
    ("auth_request /ask/yes;" + BASIC, 401, 401, 200),
    ("auth_request /ask/no;" + BASIC, 401, 401, 403),
    ("satisfy any; auth_request /ask/yes;" + BASIC, 200, 200, 200),
    ("satisfy any; auth_request /ask/no;" + BASIC, 401, 401, 200),
    ("satisfy any; auth_request /ask/no;" + NO, 403, 403, 403),
    ("satisfy any; auth_request /ask/no;" + YES, 200, 200, 200),
    ("satisfy any; auth_request /ask/who;" + NO, 401, 401, 401),
    ('satisfy any; auth_request /ask/yes; auth_basic "x"; auth_basic_user_file html;' + NO, 200, 500, 500),
]
ASK = """
    location = /ask/yes { auth_request off; return 204; }
    location = /ask/no { auth_request off; return 403; }
    location = /ask/who { auth_request off; return 401; }
"""


@pytest.mark.parametrize("hash_", [FAST, SLOW], ids=["fast", "slow"])
@pytest.mark.parametrize("delay", ["", "auth_delay 10ms;"], ids=["at once", "delayed"])
@pytest.mark.parametrize("rules, statuses", [(rules, statuses) for rules, *statuses in VERDICTS])
def test_verdicts_together(weir, rules, statuses, hash_, delay):
    server = weir(**with_users(rules + delay + ASK, hash_))
    with server.connect() as client:
        for fields, status in zip(([], [BAD], [GOOD]), statuses):
            if status == 500:
                with server.connect() as other:
                    response = other.ask(request("/a", *fields))
            else:
                response = client.ask(request("/a", *fields))
            assert response.status == status, fields
            assert (response.get("WWW-Authenticate") is not None) == (status == 401 and "auth_basic " in rules)


def test_forbidden_by_rule_is_logged_only_if_that_is_the_answer(weir):
    server = weir(**with_users("location /a { satisfy any; deny all; " + BASIC + "} location /in/ { satisfy any; deny all; }"))
    assert (server.get("/a").status, server.get("/a", GOOD).status) == (401, 200)
    assert server.get("/in/a").status == 403
    server.wait_log(FORBIDDEN)
    assert server.log_text().count(FORBIDDEN) == 1


def test_inner_level_may_be_satisfied_otherwise(weir):
    server = weir(**with_users("satisfy any; deny all;" + BASIC + "location /in/ { satisfy all; }"))
    assert [server.get(path, GOOD).status for path in ("/a", "/in/a")] == [200, 403]


def test_error_page_after_a_refusal_of_any(weir):
    server = weir(**with_users("satisfy any; deny all;" + BASIC + "error_page 401 /sorry; location = /sorry { allow all; }"))
    response = server.get("/a")
    assert (response.status, response.body, response.get("WWW-Authenticate")) == (401, b"sorry", FIELD)


def test_refusal_of_one_leaves_nothing_behind_when_another_allows(weir):
    server = weir(**with_users("satisfy any; deny all;" + BASIC + 'location = /teapot { return 200 "x"; } error_page 404 /gone; location = /gone { allow all; }'))
    assert server.get("/nothing", GOOD).status == 404
    response = server.get("/a", GOOD)
    assert response.status == 200 and response.get("WWW-Authenticate") is None


# ---- auth_delay


def took(server, *fields, target="/a"):
    start = now()
    response = server.get(target, *fields)
    return response.status, now() - start


def test_only_401_is_delayed(weir):
    server = weir(**with_users("auth_delay 1s;" + BASIC + "location /in/ { deny all; } location /open/ { auth_basic off; }"))
    for fields in ([], [BAD]):
        status, seconds = took(server, *fields)
        assert status == 401 and seconds >= 0.99
    for fields, target, expected in (([GOOD], "/a", 200), ([], "/in/a", 403), ([], "/open/a", 404)):
        status, seconds = took(server, *fields, target=target)
        assert status == expected and seconds < 1


def test_401_by_return_is_not_delayed(weir):
    server = weir(**with_users("auth_delay 1s; location /a { return 401; }"))
    status, seconds = took(server)
    assert status == 401 and seconds < 1


def test_delays_go_on_beside_each_other_and_hold_nobody_up(weir):
    server = weir(**with_users("auth_delay 500ms;" + BASIC, events="worker_connections 512;"))
    start = now()
    clients = [server.connect() for _ in range(100)]
    for client in clients:
        client.send(request("/a"))
    assert server.get("/a", GOOD).status == 200 and now() - start < 0.5
    assert [client.read().status for client in clients] == [401] * 100
    assert 0.49 <= now() - start < 5
    for client in clients:
        client.close()


def test_error_page_is_delayed_once(weir):
    server = weir(**with_users("auth_delay 1s; error_page 401 /sorry;" + BASIC))
    status, seconds = took(server)
    assert status == 401 and 0.99 <= seconds < 2


def test_client_that_leaves_during_the_delay_is_forgotten(weir):
    server = weir(**with_users("auth_delay 1h;" + BASIC))
    with server.connect() as client:
        client.send(request("/a"))
        wait_until(lambda: "no user/password was provided" in server.log_text(), "the delay to begin")
    assert ' 499 0 "' in server.wait_access()[0]
    assert server.get("/a", GOOD).status == 200


def test_client_that_sends_no_more_during_the_delay_counts_as_gone(weir):
    server = weir(**with_users("auth_delay 1h;" + BASIC))
    with server.connect() as client:
        client.send(request("/a"))
        wait_until(lambda: "no user/password was provided" in server.log_text(), "the delay to begin")
        client.finish().expect_close()
    assert ' 499 0 "' in server.wait_access()[0]


def test_end_during_the_delay(weir):
    server = weir(**with_users("auth_delay 1h;" + BASIC))
    with server.connect() as client:
        client.send(request("/a"))
        wait_until(lambda: "no user/password was provided" in server.log_text(), "the delay to begin")
        server.stop()
