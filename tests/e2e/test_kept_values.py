# SPDX-License-Identifier: BSD-2-Clause
"""What a request has kept in a variable stays as it was, while it waits and while others are asked for it."""

from harness import request

SERVER = r"""
    location /time {
        set $kept $time_iso8601;
        if ($time_local ~ "(?<whole>.+)") { }
        auth_request /slow;
        add_header X-Now "$time_iso8601|$time_local|$time_local";
        add_header X-Kept "$kept|$whole|$1";
        try_files /a =404;
    }
    location = /slow { internal; limit_req zone=slow burst=5; try_files /a =404; }
    location /ask {
        auth_request /may;
        auth_request_set $mapped $by_field;
        try_files /a =404;
    }
    location = /may { internal; return 204; }
"""
HTTP = r"""
    limit_req_zone $remote_addr zone=slow:1m rate=40r/m;
    map $http_x_text $by_field { "~^(a+)+$" x; default y; }
"""


def test_time_that_was_kept_does_not_go_on(weir):
    server = weir(server=SERVER, http=HTTP, files={"html/a": "a"})
    server.get("/time")
    answer = server.get("/time")            # waits for more than a second
    assert answer.status == 200
    kept, now = (answer.get(name).split("|") for name in ("X-Kept", "X-Now"))
    assert all(old != new for old, new in zip(kept, now, strict=True))
    assert kept[1] == kept[2]


def test_expression_that_is_given_up_for_a_kept_value_fails_the_request(weir):
    server = weir(server=SERVER, http=HTTP, files={"html/a": "a"})
    for text, status in (("aaa", 200), ("b", 200), ("a" * 60 + "!", 500)):
        with server.connect() as client:
            assert client.ask(request("/ask", f"X-Text: {text}")).status == status
    assert "pcre2_match() failed" in server.log_text()
