# SPDX-License-Identifier: BSD-2-Clause
"""The directives that bound a request's head, and memory that does not grow."""

import pathlib
import re

import pytest

from harness import request, run_weir, wait_until


@pytest.mark.parametrize("buffers, size, status", [
    ("2 1k", 900, 200), ("2 1k", 1500, 431), ("4 16k", 9000, 200), ("4 16k", 15_000, 200), ("4 16k", 17_000, 431), ("1 64k", 60_000, 200),
])
def test_large_client_header_buffers_bounds_one_field(weir, buffers, size, status):
    server = weir(server=f"large_client_header_buffers {buffers}; return 200 ok;")
    assert server.get("/", "X: " + "x" * size).status == status


@pytest.mark.parametrize("buffers, size, status", [("2 1k", 900, 200), ("2 1k", 1500, 414), ("4 16k", 15_000, 200), ("4 16k", 17_000, 414)])
def test_large_client_header_buffers_bounds_the_request_line(weir, buffers, size, status):
    server = weir(server=f"large_client_header_buffers {buffers}; return 200 ok;")
    assert server.get("/?" + "x" * size).status == status


def test_large_client_header_buffers_bound_the_whole_head(weir):
    server = weir(server="large_client_header_buffers 2 1k; client_header_buffer_size 1k; return 200 ok;")
    assert server.get("/", *["X: " + "x" * 400] * 4).status == 200
    assert server.get("/", *["X: " + "x" * 400] * 10).status == 431


@pytest.mark.parametrize("target, cookie, status", [(1, 16_000, 200), (16_000, 1, 200), (1, 33_000, 431), (33_000, 1, 414)])
def test_client_header_buffer_size_admits_a_line_as_large_as_itself(weir, target, cookie, status):
    server = weir(server="client_header_buffer_size 32k; return 200 ok;")
    assert server.get("/?" + "t" * target, "Cookie: " + "c" * cookie).status == status


@pytest.mark.parametrize("count, statuses", [(3, {200}), (30, {400, 431})])
def test_max_headers_bounds_the_number_of_fields(weir, count, statuses):
    server = weir(server="max_headers 10; return 200 ok;")
    assert server.get("/", *["X: x"] * count).status in statuses


@pytest.mark.parametrize("switches, status, value", [
    ("", 200, "-"), ("underscores_in_headers off;", 200, "-"), ("underscores_in_headers on;", 200, "v"),
    ("underscores_in_headers off; ignore_invalid_headers off;", 400, "-"),
])
def test_names_with_underscores_are_ignored_unless_wanted(weir, switches, status, value):
    server = weir(http="log_format u '[$http_x_y]';", server=f"{switches} access_log logs/u.log u; return 200 ok;")
    assert server.get("/", "X_Y: v").status == status
    if status == 200:
        assert server.wait_access(1, "u.log") == [f"[{value}]"]


def test_name_with_a_dash_is_not_hidden_by_one_with_an_underscore(weir):
    server = weir(http="log_format u '[$http_x_y]';", server="access_log logs/u.log u; return 200 ok;")
    server.get("/", "X_Y: forged", "X-Y: true")
    assert server.wait_access(1, "u.log") == ["[true]"]


def resident(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"^VmRSS:\s+(\d+) kB", text, re.M)[1])


def skip_sanitizers(server):
    if "sanitize" in run_weir(server.prefix, "-V").stderr:
        pytest.skip("a sanitizer keeps what was freed")


def test_memory_does_not_grow_with_requests(weir):
    server = weir(server="keepalive_requests 1000000; access_log off; error_log /dev/null; location /e/ { error_page 404 /a; }",
                  files={"html/a": "a" * 100, "html/b": "b" * 100_000, "html/d/index.html": "d"})
    skip_sanitizers(server)
    worker = server.wait_workers()[0]
    mixed = [request("/a"), request("/none"), request("/b", method="HEAD"), request("/d"), request("/d/"), request("/a", "Range: bytes=0-1,5-6"),
             request("/a", "If-None-Match: *"), request("/a", "Content-Length: 5000", body=b"x" * 5000), request("/e/x"), request("/" + "x" * 3000),
             request("/a", *[f"X-{n}: {'y' * 50}" for n in range(50)])]

    def turn(times):
        with server.connect() as client:
            for _ in range(times):
                client.send(b"".join(mixed))
                for data in mixed:
                    client.read("HEAD" if data.startswith(b"HEAD") else "GET")
        for _ in range(20):
            server.ask(b"GET / HTTP/1.1\r\nbad\r\n\r\n")
    turn(100)
    before = resident(worker)
    turn(1000)
    assert resident(worker) - before < 1024


def test_memory_of_many_connections_does_not_grow_from_flood_to_flood(weir):
    server = weir(server="", files={"html/a": "a"}, events="worker_connections 600;")
    skip_sanitizers(server)
    worker = server.wait_workers()[0]

    def many():
        clients = [server.connect() for _ in range(450)]
        for client in clients:
            client.send(request("/a", "X: " + "x" * 4000)[:-10])        # each holds an unfinished head
        wait_until(lambda: all(client.peer_has_read_all() for client in clients), "the server to read")
        for client in clients:
            client.close()
        server.get("/a")
    many()
    before = resident(worker)
    for _ in range(5):
        many()
    assert resident(worker) - before < 1024
