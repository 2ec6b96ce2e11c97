# SPDX-License-Identifier: BSD-2-Clause
"""add_early_hint, early_hints: 103 in front of the answer."""

import json

import pytest

from harness import request, run_weir, serving
from harness.films import make_film, pictures

CSS, JS = "</a.css>; rel=preload; as=style", "</a.js>; rel=preload; as=script"
NAVIGATE = "Sec-Fetch-Mode: navigate"
SERVER = f"""
    add_early_hint Link "{CSS}";
    add_early_hint Link "{JS}";
    location / {{ error_page 404 /404.html; }}
    location /inherited/ {{ alias {{prefix}}/html/; }}
    location /own/ {{ alias {{prefix}}/html/; add_early_hint Link "<$uri>; rel=preload"; add_early_hint X-Empty $arg_none; }}
    location /none/ {{ alias {{prefix}}/html/; add_early_hint X-Empty $arg_none; }}
    location /any/ {{ alias {{prefix}}/html/; early_hints 1; }}
    location /off/ {{ alias {{prefix}}/html/; early_hints 0; }}
    location /asked/ {{ alias {{prefix}}/html/; early_hints $arg_a $arg_b; }}
    location /if/ {{ alias {{prefix}}/html/; if ($arg_a) {{ add_early_hint Link "<if>"; }} }}
    location /secret/ {{ alias {{prefix}}/html/; deny all; }}
    location /checked/ {{ alias {{prefix}}/html/; auth_request /allow; }}
    location = /allow {{ add_early_hint Link "<below>"; return 204; }}
    location /moved {{ return 301 /; }}
    location /large/ {{ alias {{prefix}}/html/; {' '.join(f'add_early_hint X-{i} "$http_large";' for i in range(12))} }}
    location ~ [.]mp4$ {{ mp4; }}
"""
FILES = {"html/index.html": "<p>hello", "html/a.html": "page", "html/404.html": "none", "html/a.mp4": make_film([pictures(1)])}


@pytest.fixture(scope="module")
def weir():
    allow = ["would hold a control byte", "is left out"]
    with serving(server=SERVER, files=FILES, allow=allow) as weir:
        yield weir


def hints(answer):
    """The fields of each interim answer."""
    assert all(interim.status == 103 and interim.reason == "Early Hints" for interim in answer.interim)
    return [[tuple(field) for field in interim.headers] for interim in answer.interim]


BOTH = [[("Link", CSS), ("Link", JS)]]


@pytest.mark.parametrize("target, fields, expected", [
    ("/a.html", (NAVIGATE,), BOTH),
    ("/inherited/a.html", ("sec-fetch-mode: navigate",), BOTH),
    ("/a.html", (), []),
    ("/a.html", ("Sec-Fetch-Mode: cors",), []),
    ("/a.html", ("Sec-Fetch-Mode: navigate, x",), []),
    ("/", (NAVIGATE,), BOTH),                                   # index goes elsewhere: said once
    ("/nothing", (NAVIGATE,), BOTH),                            # and its page has none of its own
    ("/moved", (NAVIGATE,), []),                                # answered before it is settled that anything is served
    ("/secret/a.html", (NAVIGATE,), []),
    ("/checked/a.html", (NAVIGATE,), BOTH),                     # once, and not for the request below it
    ("/own/a.html", (NAVIGATE,), [[("Link", "</own/a.html>; rel=preload")]]),
    ("/none/a.html", (NAVIGATE,), []),
    ("/any/a.html", (), BOTH),
    ("/off/a.html", (NAVIGATE,), []),
    ("/asked/a.html", (NAVIGATE,), []),
    ("/asked/a.html?a=0&b=", (NAVIGATE,), []),
    ("/asked/a.html?a=0&b=x", (), BOTH),
    ("/if/a.html", (NAVIGATE,), BOTH),
    ("/if/a.html?a=1", (NAVIGATE,), [[("Link", "<if>")]]),
    ("/a.html", (NAVIGATE, 'If-None-Match: "x"'), []),          # who asks whether it has changed knows its links
    ("/a.html", (NAVIGATE, "If-Modified-Since: Tue, 14 Nov 2023 22:13:20 GMT"), []),
    ("/a.html", (NAVIGATE, "Range: bytes=0-1"), []),
    ("/a.mp4?start=1", (NAVIGATE,), BOTH),                      # a handler that waits
])
def test_who_is_told(weir, target, fields, expected):
    found = weir.get(target, *fields)
    assert hints(found) == expected
    plain = weir.get(target, *(field for field in fields if "etch" not in field))
    assert (found.status, found.body) == (plain.status, plain.body)


def test_exact_bytes(weir):
    with weir.connect() as client:
        client.send(request("/a.html", NAVIGATE))
        head = f"HTTP/1.1 103 Early Hints\r\nLink: {CSS}\r\nLink: {JS}\r\n\r\nHTTP/1.1 200 OK\r\n".encode()
        assert client.read_some(len(head)) == head


def test_not_for_other_methods_and_versions(weir):
    assert not weir.get("/any/a.html", NAVIGATE, method="HEAD").interim
    assert not weir.get("/any/a.html", NAVIGATE, "Content-Length: 0", method="POST").interim
    found = weir.ask(request("/any/a.html", NAVIGATE, version="1.0"))
    assert not found.interim and found.body == b"page"


def test_each_of_many_in_one_go_has_its_own(weir):
    with weir.connect() as client:
        client.send(b"".join(request(f"/own/a.html?{i}", *((NAVIGATE,) if i % 3 else ())) for i in range(30)))
        for i in range(30):
            found = client.read()
            assert found.status == 200 and found.body == b"page" and len(found.interim) == (1 if i % 3 else 0)


def test_together_with_100(weir):
    with weir.connect() as client:
        found = client.ask(request("/any/a.html", "Content-Length: 3", "Expect: 100-continue") + b"abc")
        assert found.status == 200 and 103 in [interim.status for interim in found.interim]


def test_nothing_that_a_client_sends_ends_a_field(weir):
    found = weir.get("/own/x%0d%0aEvil:%20yes", NAVIGATE)
    assert hints(found) == [] and found.all("Evil") == []
    weir.wait_log('the field "Link" would hold a control byte and is left out')


def test_more_than_there_is_room_for_is_left_out(weir):
    large = "Large: " + "x" * 7000
    for count in (1, 3):
        with weir.connect() as client:
            client.send(request("/large/a.html", NAVIGATE, large) * count)
            for _ in range(count):
                found = client.read()
                assert found.status == 200 and found.body == b"page" and not found.interim
    weir.wait_log("an interim answer of [0-9]+ bytes is left out")
    assert len(weir.get("/large/a.html", NAVIGATE, "Large: " + "x" * 2000).interim[0].headers) == 12


def test_a_client_that_reads_nothing(weir):
    """What cannot be sent is kept in order."""
    with weir.connect(rcvbuf=4096) as client:
        count = 400
        client.send(request("/large/a.html", NAVIGATE, "Large: " + "x" * 1500) * 4)
        for _ in range(4):
            assert len(client.read().interim) == 1
        client.send(request("/own/a.html", NAVIGATE) * count)
        for _ in range(count):
            found = client.read()
            assert found.body == b"page" and len(found.interim) == 1


def test_they_are_counted(weir):
    status = "location /status { status; }"
    with serving(server=SERVER + status, files=FILES) as weir:
        weir.get("/a.html", NAVIGATE)
        weir.get("/a.html")
        assert json.loads(weir.get("/status?format=json").body)["sum"]["responses_1xx"] == 1


def test_it_is_explained(weir):
    done = run_weir(weir.prefix, "explain", f"http://127.0.0.1:{weir.port()}/a.html", "-H", NAVIGATE, "-p", str(weir.prefix), "-c", str(weir.conf_path))
    assert "103 with 2 fields, before the answer" in done.stdout and "200 OK, 4 bytes" in done.stdout, done.stdout + done.stderr
