# SPDX-License-Identifier: BSD-2-Clause
"""allow, deny: who may by address; and what satisfy makes of them alone."""

import pytest

from harness import Client, check_conf, request

FILES = {"html/a": "a", "html/in/a": "in", "html/in/deep/a": "deep", "html/sorry": "sorry"}
FORBIDDEN = r'\[error\] \d+#\d+: \*\d+ access forbidden by rule, client: 127\.0\.0\.1, server: , request: "GET /a HTTP/1\.1", host: "localhost"'

# (rules, status for 127.0.0.1)
RULES = [
    ("deny all;", 403),
    ("allow all;", 200),
    ("allow all; deny all;", 200),
    ("deny all; allow all;", 403),
    ("deny 127.0.0.1;", 403),
    ("deny 127.0.0.2;", 200),
    ("deny 127.0.0.0/8;", 403),
    ("deny 0.0.0.0/0;", 403),
    ("allow 127.0.0.1; deny all;", 200),
    ("allow 127.0.0.0/31; deny all;", 200),
    ("allow 127.0.0.2/31; deny all;", 403),
    ("deny 127.0.0.1; allow 127.0.0.0/8; deny all;", 403),
    ("allow 127.0.0.0/8; deny 127.0.0.1; deny all;", 200),
    ("allow 10.0.0.0/8;", 200),             # nobody says that others may not
    ("allow 10.0.0.0/8; deny all;", 403),
    ("deny ::/0;", 200),
    ("deny unix:;", 200),
    ("allow unix:; deny all;", 403),
    ("deny 127.0.0.1; deny 127.0.0.1;", 403),
    ("satisfy any; allow all;", 200),
    ("satisfy any; deny all;", 403),
    ("satisfy any; deny 10.0.0.0/8;", 200),
    ("satisfy any;", 200),
]


@pytest.mark.parametrize("rules, status", RULES)
def test_first_rule_that_has_the_address_decides(weir, rules, status):
    server = weir(server=rules, files=FILES)
    assert server.get("/a").status == status
    if status == 403:
        server.wait_log(FORBIDDEN)


def test_a_connection_goes_on_after_a_refusal(weir):
    server = weir(server="location /in/ { deny all; }", files=FILES)
    with server.connect() as client:
        assert [client.ask(request(path)).status for path in ("/in/a", "/a", "/in/a", "/a")] == [403, 200, 403, 200]


def test_rules_of_a_level_replace_those_of_the_outer_one(weir):
    server = weir(http="deny all;", server="location /in/ { allow all; location /in/deep/ { deny 127.0.0.1; } }", files=FILES)
    assert [server.get(path).status for path in ("/a", "/in/a", "/in/deep/a")] == [403, 200, 403]


def test_an_unmatched_request_of_a_server_is_guarded_too(weir):
    server = weir(server="deny all; location /in/ { allow all; }", files=FILES)
    assert [server.get(path).status for path in ("/a", "/nothing", "/in/a")] == [403, 403, 200]


def test_clients_of_other_kinds(weir):
    server = weir(server="listen [::1]:{port1}; listen unix:{prefix}/sock; allow 127.0.0.1; allow unix:; deny all;", files=FILES)
    assert server.get("/a").status == 200
    with Client(("::1", server.port("port1"))) as client:
        assert client.ask(request("/a")).status == 403
    with Client(f"{server.prefix}/sock") as client:
        assert client.ask(request("/a")).status == 200


def test_ipv4_over_ipv6_is_in_the_rules_of_ipv4(weir):
    server = weir(server="listen [::]:{port1} ipv6only=off; allow ::1; deny 127.0.0.0/8; allow all;", files=FILES)
    with Client(("127.0.0.1", server.port("port1"))) as client:
        assert client.ask(request("/a")).status == 403
    with Client(("::1", server.port("port1"))) as client:
        assert client.ask(request("/a")).status == 200


def test_the_address_is_that_of_the_client_behind_a_proxy(weir):
    server = weir(server="set_real_ip_from 127.0.0.1; allow 192.0.2.0/24; deny all;", files=FILES)
    with server.connect() as client:
        asked = [client.ask(request("/a", f"X-Real-IP: {ip}")).status for ip in ("192.0.2.7", "192.0.3.7", "127.0.0.1")]
    assert asked == [200, 403, 403]


def test_error_page_of_a_refusal_is_guarded_by_its_own_place(weir):
    server = weir(server="location / { deny all; error_page 403 /sorry; } location = /sorry { allow all; }", files=FILES)
    response = server.get("/a")
    assert (response.status, response.body) == (403, b"sorry")


def test_error_page_that_is_forbidden_itself_ends_with_our_own(weir):
    server = weir(server="deny all; error_page 403 /sorry;", files=FILES)
    response = server.get("/a")
    assert response.status == 403 and b"403 Forbidden" in response.body


def test_rules_for_other_methods(weir):
    server = weir(server="location /a { limit_except GET { allow 192.0.2.1; deny all; } }", files=FILES)
    assert [server.get("/a", method=method).status for method in ("GET", "HEAD", "POST", "DELETE")] == [200, 200, 403, 403]


def test_ten_thousand_rules(weir):
    rules = "".join(f"deny 10.{i // 250}.{i % 250}.0/24;\n" for i in range(10_000))
    server = weir(server="set_real_ip_from 127.0.0.1;" + rules + "allow 10.0.0.0/8; deny all;", files=FILES)
    expected = {"10.0.0.1": 403, "10.39.249.255": 403, "10.40.0.0": 200, "10.0.250.0": 200, "11.0.0.0": 403, "9.255.255.255": 403}
    with server.connect() as client:
        assert {ip: client.ask(request("/a", f"X-Real-IP: {ip}")).status for ip in expected} == expected


# ---- the conf file

BAD = [
    ("allow foo;", 'invalid parameter "foo"'),
    ("deny 10.0.0.0/33;", 'invalid parameter "10.0.0.0/33"'),
    ("deny 10.0.0.1:80;", 'invalid parameter "10.0.0.1:80"'),
    ("allow 10.0.0;", 'invalid parameter "10.0.0"'),
    ("allow ALL;", 'invalid parameter "ALL"'),
    ("allow;", 'invalid number of arguments in "allow" directive'),
    ("allow 10.0.0.1 10.0.0.2;", 'invalid number of arguments in "allow" directive'),
    ("satisfy some;", 'invalid value "some" in "satisfy" directive, it must be "all" or "any"'),
    ("satisfy any; satisfy all;", '"satisfy" directive is duplicate'),
    ("auth_delay x;", 'invalid value "x" in "auth_delay" directive'),
    ("auth_delay -1;", 'invalid value "-1" in "auth_delay" directive'),
]


@pytest.mark.parametrize("text, error", BAD)
def test_what_is_wrong_is_told(folder, text, error):
    done, path = check_conf(folder, f"events {{ }} http {{ server {{\n{text}\n}} }}")
    assert done.returncode == 1
    assert f"weir: [emerg] {error} in {path}:2\n" in done.stderr


def test_low_bits_are_warned_of(folder):
    done, path = check_conf(folder, "events { } http { server {\nallow 10.1.2.3/8;\n} }")
    assert done.returncode == 0
    assert f"weir: [warn] low address bits of 10.1.2.3/8 are meaningless in {path}:2\n" in done.stderr


def test_bad_rule_is_told_together_with_what_is_possible(folder):
    done, _ = check_conf(folder, "events { } http { server {\nallow example.org;\n} }")
    assert "an address, a block of them like 192.0.2.0/24, unix: or all" in done.stderr
