# SPDX-License-Identifier: BSD-2-Clause
"""Bodies of requests: read, bounded, discarded; Expect: 100-continue; the lingering close."""

import pytest

from harness import request, serving

CHUNKED = "Transfer-Encoding: chunked"
EXPECT = "Expect: 100-continue"


def chunks(data, size):
    parts = [data[i:i + size] for i in range(0, len(data), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


@pytest.fixture(scope="module")
def server():
    conf = """
        location /ok { return 200 ok; }
        location /k { client_max_body_size 1k; return 200 k; }
        location /k/any { client_max_body_size 0; return 200 any; }
        location /gone { return 410; }
        location /hurried { lingering_close off; client_max_body_size 1k; return 200 hurried; }
    """
    with serving(server=conf, files={"html/a.txt": "file a\n"}) as weir:
        yield weir


TARGETS = [("/ok", "POST", 200), ("/ok", "PUT", 200), ("/a.txt", "GET", 200), ("/a.txt", "POST", 405), ("/none", "POST", {404, 405}),
           ("/none", "GET", 404)]


@pytest.mark.parametrize("size", [0, 1, 100, 8191, 8192, 8193, 100_000, 1_000_000])
@pytest.mark.parametrize("target, method, status", TARGETS)
def test_body_by_length_is_discarded_and_the_connection_goes_on(server, target, method, status, size):
    with server.connect() as client:
        client.send_anyway(request(target, f"Content-Length: {size}", method=method, body=b"x" * size))
        answer = client.read()
        assert answer.status in (status if isinstance(status, set) else {status})
        if answer.get("Connection") != "close":
            assert client.ask(request("/a.txt")).body == b"file a\n"


@pytest.mark.parametrize("size, chunk", [(0, 1), (1, 1), (100, 7), (8192, 8192), (100_000, 4096), (1_000_000, 65_536), (3000, 1)])
@pytest.mark.parametrize("target, method, status", TARGETS)
def test_body_in_chunks_is_discarded_and_the_connection_goes_on(server, target, method, status, size, chunk):
    with server.connect() as client:
        client.send_anyway(request(target, CHUNKED, method=method, body=chunks(b"x" * size, chunk)))
        answer = client.read()
        assert answer.status in (status if isinstance(status, set) else {status})
        if answer.get("Connection") != "close":
            assert client.ask(request("/a.txt")).body == b"file a\n"


@pytest.mark.parametrize("body", [request("/none"), b"\r\n\r\n\r\n", b"0\r\n\r\n"])
def test_short_body_sent_with_its_head_never_closes(server, body):
    with server.connect() as client:
        for _ in range(5):
            assert client.ask(request("/ok", f"Content-Length: {len(body)}", method="POST", body=body)).body == b"ok"


def test_bodies_in_a_pipeline_are_skipped_exactly(server):
    one = request("/ok", "Content-Length: 10", method="POST", body=b"GET / HTTP")
    two = request("/ok", CHUNKED, method="POST", body=chunks(b"GET / HTTP/1.1\r\n\r\n" * 10, 17))
    with server.connect() as client:
        client.send((one + two + request("/a.txt")) * 20)
        for _ in range(20):
            assert [client.read().body for _ in range(3)] == [b"ok", b"ok", b"file a\n"]


def test_body_byte_by_byte(server):
    body = chunks(b"0123456789", 3)
    data = request("/ok", CHUNKED, method="POST") + body
    with server.connect() as client:
        client.send_pieces([data[i:i + 1] for i in range(len(data))])
        assert client.read().body == b"ok"
        assert client.ask(request("/a.txt")).body == b"file a\n"


# ---- client_max_body_size

@pytest.mark.parametrize("target, size, status", [
    ("/k", 1024, 200), ("/k", 1025, 413), ("/k", 10**17, 413), ("/ok", 1 << 20, 200), ("/ok", (1 << 20) + 1, 413),
    ("/a.txt", (1 << 20) + 1, 413), ("/k/any", 5_000_000, 200),
])
def test_client_max_body_size_bounds_content_length(server, target, size, status):
    with server.connect() as client:
        client.send_anyway(request(target, f"Content-Length: {size}", method="POST" if target != "/a.txt" else "GET"))
        if status == 200:
            client.send_anyway(b"x" * size)
        answer = client.read()
        assert answer.status == status
        if status == 413:
            assert answer.get("Connection") == "close"
            client.expect_close()


def test_chunked_body_within_the_bound_is_taken(server):
    with server.connect() as client:
        assert client.ask(request("/k", CHUNKED, method="POST", body=chunks(b"x" * 1024, 100))).body == b"k"
        assert client.ask(request("/a.txt")).body == b"file a\n"


@pytest.mark.parametrize("chunk", [1, 100, 2000])
def test_chunked_body_over_the_bound_ends_the_connection(server, chunk):
    with server.connect() as client:
        client.send_anyway(request("/k", CHUNKED, method="POST", body=chunks(b"x" * 2000, chunk)))
        client.send_anyway(request("/a.txt"))
        answer = client.read()
        assert answer.status in (200, 413)
        client.expect_close(reset_is_fine=True)


def test_one_endless_chunk_ends_the_connection(server):
    with server.connect() as client:
        client.send(request("/k", CHUNKED, method="POST", body=b"7fffffffffffffff\r\n"))
        for _ in range(100):
            client.send_anyway(b"x" * 10_000)
        assert client.read().status in (200, 413)
        client.expect_close(reset_is_fine=True)


# ---- Expect: 100-continue

@pytest.mark.parametrize("value", ["100-continue", "100-Continue"])
def test_100_comes_before_a_final_200(server, value):
    with server.connect() as client:
        client.send(request("/ok", f"Expect: {value}", "Content-Length: 5", method="POST"))
        assert client.read_interim().status == 100
        answer = client.ask(b"hello")
        assert answer.status == 200 and answer.interim == []
        assert client.ask(request("/a.txt")).body == b"file a\n"


def test_100_comes_before_a_chunked_body(server):
    with server.connect() as client:
        client.send(request("/ok", EXPECT, CHUNKED, method="POST"))
        assert client.read_interim().status == 100
        assert client.ask(chunks(b"hello", 2)).status == 200
        assert client.ask(request("/a.txt")).body == b"file a\n"


def test_100_is_not_needed_when_the_body_is_there(server):
    with server.connect() as client:
        answer = client.ask(request("/ok", EXPECT, "Content-Length: 5", method="POST", body=b"hello"))
        assert answer.status == 200 and len(answer.interim) <= 1
        assert client.ask(request("/a.txt")).body == b"file a\n"


def test_100_is_not_sent_without_a_body(server):
    with server.connect() as client:
        assert client.ask(request("/a.txt", EXPECT)).interim == []
        assert client.ask(request("/ok", EXPECT, "Content-Length: 0", method="POST")).interim == []


def test_100_is_not_sent_to_http_1_0(server):
    with server.connect() as client:
        client.send(request("/ok", EXPECT, "Content-Length: 5", method="POST", version="1.0", body=b"hello"))
        assert client.read().interim == []


@pytest.mark.parametrize("target, size, status", [("/k", 2000, 413), ("/gone", 5, 410), ("/a.txt", 5, 405)])
def test_refusal_comes_without_100_and_closes(server, target, size, status):
    with server.connect() as client:
        answer = client.ask(request(target, EXPECT, f"Content-Length: {size}", method="POST"))
        assert (answer.status, answer.interim) == (status, [])
        assert answer.get("Connection") == "close"
        client.expect_close()


# ---- the lingering close

@pytest.mark.parametrize("size", [10_000, 1_000_000, 20_000_000])
def test_client_that_sends_all_before_it_reads_gets_its_413(server, size):
    with server.connect() as client:
        client.send(request("/k", f"Content-Length: {size}", method="POST"))
        for _ in range(0, size, 10_000):
            client.send(b"x" * 10_000)
        assert client.read().status == 413
        client.expect_close()


def test_client_that_sends_on_after_a_bad_request_gets_its_400(server):
    with server.connect() as client:
        client.send(b"GET / HTTP/1.1\r\n\r\n")
        for _ in range(500):
            client.send(b"x" * 10_000)
        assert client.read().status == 400
        client.expect_close()


def test_lingering_close_off_does_not_wait(server):
    with server.connect() as client:
        answer = client.ask(request("/hurried", "Content-Length: 100000", method="POST"))
        assert answer.status == 413
        client.expect_close()
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            for _ in range(1000):
                client.send(b"x" * 10_000)
