# SPDX-License-Identifier: BSD-2-Clause
"""add_trailer, and the chunks that an answer with trailers is sent in."""

import pytest

from harness import request, serving, wait_until

FILES = {"html/a": "hello file\n", "html/empty": "", "html/big": bytes(range(256)) * 4096}
TWO = "add_trailer T t; add_trailer U u always;"


def raw(weir, target, *fields, version="1.1", method="GET"):
    """The bytes of an answer: (fields without those that tell time, body as sent)."""
    with weir.connect() as client:
        client.send(request(target, "Connection: close", *fields, version=version, method=method))
        head, _, body = client.read_rest().partition(b"\r\n\r\n")
    names = [line.split(b":")[0].decode().lower() for line in head.split(b"\r\n")[1:]]
    return {name for name in names if name in ("content-length", "transfer-encoding", "trailer")}, body


def test_exact_bytes():
    with serving(server=TWO + "location /r { return 200 text; } location /404 { return 404; } location /204 { return 204; }"
                 "location /205 { return 205; }", files=FILES) as weir:
        chunked, length = {"transfer-encoding"}, {"content-length"}
        end = b"0\r\nT: t\r\nU: u\r\n\r\n"
        assert raw(weir, "/a") == (chunked, b"b\r\nhello file\n\r\n" + end)
        assert raw(weir, "/r") == (chunked, b"4\r\ntext\r\n" + end)
        assert raw(weir, "/empty") == (chunked, end)
        assert raw(weir, "/a", "Range: bytes=0-1") == (chunked, b"2\r\nhe\r\n" + end)
        assert raw(weir, "/404")[1].endswith(b"\r\n0\r\nU: u\r\n\r\n")
        assert raw(weir, "/a", method="HEAD") == (length, b"")
        assert raw(weir, "/a", version="1.0") == (length, b"hello file\n")
        assert raw(weir, "/204") == (set(), b"")
        assert raw(weir, "/205")[1] == b""
        assert raw(weir, "/a", "If-None-Match: *")[1] == b""


def test_chunks_switched_off():
    with serving(server="add_trailer T t; chunked_transfer_encoding off;", files=FILES) as weir:
        assert raw(weir, "/a") == ({"content-length"}, b"hello file\n")


@pytest.mark.parametrize("lines, trailers", [
    ("add_trailer T $arg_t;", [("T", "1")]),
    ("add_trailer T $arg_none;", []),
    ('add_trailer T "";', []),
    ("add_trailer T t; add_trailer T tt;", [("T", "t"), ("T", "tt")]),
    ("add_trailer B $body_bytes_sent;", [("B", "16")]),
    ("add_trailer S $status-$sent_http_transfer_encoding-$sent_http_content_length;", [("S", "200-chunked-")]),
])
def test_values(lines, trailers):
    with serving(server=lines, files=FILES) as weir:
        found = weir.get("/a?t=1")
        assert (found.body, found.trailers) == (b"hello file\n", trailers)


@pytest.mark.parametrize("outer, inner, values", [
    ("add_trailer X 1;", "", ["1"]),
    ("add_trailer X 1;", "add_trailer X 3;", ["3"]),
    ("add_trailer X 1;", "add_trailer_inherit merge; add_trailer X 3;", ["3", "1"]),
    ("add_trailer X 1;", "add_trailer_inherit off;", []),
    ("add_trailer X 1; add_trailer_inherit off;", "", []),
    ("add_trailer X 1; add_header_inherit off;", "", ["1"]),
])
def test_inheritance(outer, inner, values):
    with serving(server=f"{outer} location /a {{ {inner} }}", files=FILES) as weir:
        assert [value for _, value in weir.get("/a").trailers] == values


@pytest.mark.parametrize("sendfile", ["on", "off"])
def test_a_large_file_and_what_follows_it(sendfile):
    """A client that reads late gets the very bytes, and the connection goes on."""
    with serving(server=f"sendfile {sendfile}; add_trailer T $body_bytes_sent;", files=FILES) as weir, weir.connect(rcvbuf=4096) as client:
        client.send(request("/big") + request("/a") + request("/big", "Range: bytes=5-9,70000-70003"))
        assert client.read().body == FILES["html/big"]
        second = client.read()
        assert (second.body, second.trailers) == (b"hello file\n", [("T", "16")])
        third = client.read()
        assert third.body.count(b"Content-Range: bytes ") == 2 and third.trailers[0][0] == "T"


def test_limit_rate_holds_for_chunks():
    with serving(server="add_trailer T t; limit_rate 1m; limit_rate_after 900k;", files=FILES) as weir:
        found = weir.get("/big")
        assert (found.body, found.trailers) == (FILES["html/big"], [("T", "t")])


def test_a_file_that_becomes_shorter_ends_without_the_last_chunk():
    with serving(server="sendfile on; add_trailer T t;", files=FILES, allow=["file was truncated"]) as weir, weir.connect(rcvbuf=4096) as client:
        weir.write("html/long", b"x" * (8 << 20))
        client.send(request("/long"))
        client.read_head()
        with open(weir.html / "long", "r+b") as file:
            file.truncate(1000)
        rest = client.read_rest()
        assert rest.startswith(b"800000\r\nxxx") and not rest.endswith(b"0\r\nT: t\r\n\r\n") and b"T: t" not in rest
        wait_until(lambda: "file was truncated" in weir.log_text(), "the log line")


def test_variables_of_trailers_are_logged():
    http = "log_format t '$sent_trailer_t|$sent_http_transfer_encoding|$sent_http_content_length|$body_bytes_sent';"
    with serving(http=http, server="access_log logs/t t; add_trailer T $uri;", files=FILES) as weir:
        weir.get("/a")
        assert weir.wait_access(1, "t") == ["/a|chunked|-|28"]
