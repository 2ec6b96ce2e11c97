# SPDX-License-Identifier: BSD-2-Clause
"""What is a request and what is not: each malformed one is refused with its status, the connection closes, the worker lives."""

import random

import pytest

from harness import ProtocolError, request, serving

CRLF = b"\r\n"
HOST = b"Host: h\r\n"


def get(*fields, target=b"/", host=HOST, version=b"HTTP/1.1", method=b"GET"):
    return method + b" " + target + b" " + version + CRLF + host + b"".join(f + CRLF for f in fields) + CRLF


def post(*fields, body=b"", target=b"/echo", version=b"HTTP/1.1"):
    return get(*fields, target=target, version=version, method=b"POST") + body


CHUNKED = b"Transfer-Encoding: chunked"

# name: (bytes, status)
GOOD = {
    "plain": (get(), 200),
    "one empty line before": (CRLF + get(), 200),
    "two empty lines before": (CRLF * 2 + get(), 200),
    "HTTP/1.0 without Host": (b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 200),
    "HTTP/1.0 with Host": (get(b"Connection: keep-alive", version=b"HTTP/1.0"), 200),
    **{f"HTTP/1.{minor} is 1.1": (get(version=b"HTTP/1.%d" % minor), 200) for minor in (2, 5, 9)},
    "raw UTF-8 in the target": (get(target="/é.txt".encode()), 200),
    "raw latin-1 in the query": (get(target=b"/?caf\xe9"), 200),
    "encoded UTF-8 in the target": (get(target=b"/%C3%a9.txt"), 200),
    "query with odd but legal characters": (get(target=b"/?a=%20&b[]=1|2^{}\"<>`"), 200),
    "value with a tab within": (get(b"X: a\tb"), 200),
    "value with bytes above 0x7f": (get(b"X: caf\xc3\xa9 \xff"), 200),
    "value with all kinds of marks": (get(b"X: !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"), 200),
    "empty value": (get(b"X:"), 200),
    "value without a blank before it": (get(b"X:y"), 200),
    "blanks and tabs around a value": (get(b"X: \t y \t "), 200),
    "name of all token characters": (get(b"!#$%&'*+-.^_`|~09azAZ: v"), 200),
    "Host in capitals": (get(host=b"HOST: h\r\n"), 200),
    "Host with port": (get(host=b"Host: h:8080\r\n"), 200),
    "Host with an empty port": (get(host=b"Host: h:\r\n"), 200),
    "Host as IPv6 literal": (get(host=b"Host: [::1]:80\r\n"), 200),
    "Host with the marks that a name may have": (get(host=b"Host: a-._~!$&'()*+,;=b\r\n"), 200),
    "Host with an underscore": (get(host=b"Host: a_b.c-d\r\n"), 200),
    "Host with a blank after it": (get(host=b"Host: h \r\n"), 200),
    "absolute-form": (get(target=b"http://h/"), 200),
    "absolute-form without a path": (get(target=b"http://h"), 200),
    "absolute-form with a query alone": (get(target=b"http://h?q"), 200),
    "absolute-form with a scheme in capitals": (get(target=b"HTTP://h/"), 200),
    "Content-Length 0": (post(b"Content-Length: 0"), 200),
    "Content-Length with a body": (post(b"Content-Length: 5", body=b"hello"), 200),
    "Content-Length with zeros before": (post(b"Content-Length: 0005", body=b"hello"), 200),
    "chunked": (post(CHUNKED, body=b"5\r\nhello\r\n0\r\n\r\n"), 200),
    "chunked in capitals": (post(b"Transfer-Encoding: CHUNKED", body=b"5\r\nhello\r\n0\r\n\r\n"), 200),
    "chunked with blanks around": (post(b"Transfer-Encoding: \t chunked \t", body=b"1\r\nx\r\n0\r\n\r\n"), 200),
    "chunk sizes in hex": (post(CHUNKED, body=b"0A\r\n0123456789\r\n00a\r\n0123456789\r\n000\r\n\r\n"), 200),
    "chunk extension": (post(CHUNKED, body=b'5;a=b\r\nhello\r\n0;x\r\n\r\n'), 200),
    "chunk extension in quotes": (post(CHUNKED, body=b'5;a="b c"\r\nhello\r\n0\r\n\r\n'), 200),
    "chunk extensions between blanks": (post(CHUNKED, body=b'5 ; a = b\t;\tc="\\"\xff"\r\nhello\r\n0 ;a\r\n\r\n'), 200),
    "two chunk extensions": (post(CHUNKED, body=b"5;a=b;c=d\r\nhello\r\n0\r\n\r\n"), 200),
    "trailers": (post(CHUNKED, body=b"5\r\nhello\r\n0\r\nX-Sum: 1\r\nY: 2\r\n\r\n"), 200),
    "body of a GET": (get(b"Content-Length: 3") + b"abc", 200),
    "chunked body of a GET": (get(CHUNKED) + b"3\r\nabc\r\n0\r\n\r\n", 200),
    "body that looks like a request": (post(b"Content-Length: 21", body=b"GET /smuggled HTTP/1."), 200),
    "not there": (get(target=b"/nothing"), 404),
}

CONTROLS = [c for c in range(32) if c not in (9, 10, 13)] + [127]

# name: (bytes, statuses)
BAD = {
    **{f"control 0x{c:02x} in a value": (get(b"X: a" + bytes([c]) + b"b"), {400}) for c in CONTROLS},
    **{f"control 0x{c:02x} in the target": (get(target=b"/a" + bytes([c]) + b"b"), {400}) for c in CONTROLS + [9]},
    "NUL at the end of a value": (get(b"X: a\0"), {400}),
    "NUL as the first byte": (b"\0" + get(), {400}),
    "blank in the target": (get(target=b"/a b"), {400}),
    "blank in the query": (get(target=b"/?a b"), {400}),
    "CR alone ends the request line": (b"GET / HTTP/1.1\rHost: h\r\n\r\n", {400}),
    "CR alone in a value": (get(b"X: a\rb"), {400}),
    "CR alone, then a field": (get(b"X: a\rEvil: b"), {400}),
    "CR CR LF ends a line": (get(b"X: a\r"), {400}),
    "CR alone before the request": (b"\r" + get(), {400}),
    "LF alone before the request": (b"\n" + get(), {400}),
    "LF alone ends the request line": (b"GET / HTTP/1.1\nHost: h\r\n\r\n", {400}),
    "LF alone ends a field": (b"GET / HTTP/1.1\r\nHost: h\nX: y\r\n\r\n", {400}),
    "LF alone ends the head": (b"GET / HTTP/1.1\r\nHost: h\r\n\n", {400}),
    "LF alone throughout": (b"GET / HTTP/1.1\nHost: h\n\n", {400}),
    "LF CR in the place of CR LF": (b"GET / HTTP/1.1\n\rHost: h\n\r\n\r", {400}),
    "folded with a blank": (get(b"X: a\r\n b"), {400}),
    "folded with a tab": (get(b"X: a\r\n\tb"), {400}),
    "folded Host": (b"GET / HTTP/1.1\r\nHost:\r\n h\r\n\r\n", {400}),
    "blank before the first field": (b"GET / HTTP/1.1\r\n Host: h\r\n\r\n", {400}),
    "tab before the first field": (b"GET / HTTP/1.1\r\n\tX: y\r\nHost: h\r\n\r\n", {400}),
    "line of blanks alone": (get(b"  "), {400}),
    "empty name": (get(b": v"), {400}),
    "line without a colon": (get(b"Nothing"), {400}),
    "blank before the colon": (get(b"X : v"), {400}),
    "tab before the colon": (get(b"X\t: v"), {400}),
    "blank before Content-Length's colon": (post(b"Content-Length : 5", body=b"hello"), {400}),
    "blank before Transfer-Encoding's colon": (post(b"Transfer-Encoding : chunked", body=b"0\r\n\r\n"), {400}),
    **{f"{mark!r} in a name": (get(b"X" + mark + b"Y: v"), {400})
       for mark in (b" ", b"(", b")", b",", b"/", b";", b"<", b"=", b">", b"?", b"@", b"[", b"\\", b"]", b"{", b"}",
                    b'"', b"\x01", b"\x7f", b"\x80", b"\xff")},
    "two blanks after the method": (b"GET  / HTTP/1.1\r\nHost: h\r\n\r\n", {400}),
    "two blanks before the version": (b"GET /  HTTP/1.1\r\nHost: h\r\n\r\n", {400}),
    "blank before the method": (b" GET / HTTP/1.1\r\nHost: h\r\n\r\n", {400}),
    "blank after the version": (b"GET / HTTP/1.1 \r\nHost: h\r\n\r\n", {400}),
    "tab after the method": (b"GET\t/ HTTP/1.1\r\nHost: h\r\n\r\n", {400}),
    "tab before the version": (b"GET /\tHTTP/1.1\r\nHost: h\r\n\r\n", {400}),
    "no target": (b"GET HTTP/1.1\r\nHost: h\r\n\r\n", {400}),
    "empty target": (b"GET  HTTP/1.1\r\nHost: h\r\n\r\n", {400}),
    "method alone": (b"GET\r\nHost: h\r\n\r\n", {400}),
    "HTTP/0.9": (b"GET /\r\n\r\n", {400}),
    "version 0.9": (get(version=b"HTTP/0.9"), {400, 505}),
    "version 2.0": (get(version=b"HTTP/2.0"), {505}),
    "version 3.0": (get(version=b"HTTP/3.0"), {505}),
    "version 9.9": (get(version=b"HTTP/9.9"), {505}),
    "preface of HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {400, 505}),
    **{f"version {v.decode()}": (get(version=v), {400})
       for v in (b"HTTP/1", b"HTTP/1.", b"HTTP/.1", b"HTTP/11", b"HTTP/1.1x", b"HTTP/1.10", b"HTTP/01.1", b"HTTP/1,1",
                 b"HTTP/-1.1", b"HTTP/1.x", b"http/1.1", b"Http/1.1", b"HTTPS/1.1", b"HTP/1.1", b"RTSP/1.0", b"ICE/1.0",
                 b"FTP/1.1", b"X", b"HTTP")},
    "target that is a path without slash": (get(target=b"index.html"), {400}),
    "target * of a GET": (get(target=b"*"), {400}),
    "absolute-form without a host": (get(target=b"http:///"), {400}),
    "absolute-form with a bad host": (get(target=b"http://a b/"), {400}),
    "absolute-form with a bad port": (get(target=b"http://h:x/"), {400}),
    "fragment": (get(target=b"/a#b"), {400}),
    "fragment behind a query": (get(target=b"/?a#b"), {400}),
    "absolute-form with a fragment": (get(target=b"http://h#a"), {400}),
    "percent with one digit": (get(target=b"/%4"), {400}),
    "percent without digits": (get(target=b"/%zz"), {400}),
    "percent alone": (get(target=b"/%"), {400}),
    "no Host in 1.1": (get(host=b""), {400}),
    "no Host in 1.1 with absolute-form": (get(target=b"http://h/", host=b""), {400}),
    "two Hosts": (get(b"Host: i"), {400}),
    "two Hosts of the same": (get(b"Host: h"), {400}),
    "two Hosts in 1.0": (get(b"Host: i", version=b"HTTP/1.0"), {400}),
    "two Hosts in different case": (get(b"hOST: h"), {400}),
    **{f"Host {host!r}": (get(host=b"Host: " + host + b"\r\n"), {400})
       for host in (b"a b", b"a/b", b"/", b"a@b", b"a:b", b"a:80:80", b"a:-1", b"a:8 0", b"[::1", b"::1", b"[::1]x",
                    b"[]", b"[g::1]", b"a\\b", b"a?b", b"a#b", b"<a>", b'"a"', b"a\tb", b"caf\xe9", b"h%", b"h%zz",
                    b"http://h", b"{h}", b"h|")},
    "Content-Length twice, the same": (post(b"Content-Length: 5", b"Content-Length: 5", body=b"hello"), {400}),
    "Content-Length twice, different": (post(b"Content-Length: 5", b"Content-Length: 6", body=b"hello"), {400}),
    **{f"Content-Length {v!r}": (post(b"Content-Length: " + v, body=b"hello"), {400})
       for v in (b"5, 5", b"5,6", b"5;", b"+5", b"-5", b"-0", b"", b"0x5", b"5 5", b"5a", b"a", b"1e1", b"5.0", b'"5"', b",5",
                 b"5,", b"\xd9\xa5", b"1234567890123456789", b"99999999999999999999", b"18446744073709551621",
                 b"0000000000000000005")},
    "Content-Length of a GET that is none": (get(b"Content-Length: x"), {400}),
    **{f"Transfer-Encoding {v!r}": (post(b"Transfer-Encoding: " + v, body=b"0\r\n\r\n"), {400, 501})
       for v in (b"gzip", b"identity", b"", b"chunked, chunked", b"chunked,", b",chunked", b"gzip, chunked",
                 b"chunked, gzip", b"chunked, identity", b"xchunked", b"chunkedx", b"chunked;q=1", b'"chunked"', b"chun ked",
                 b"chunked\xa0")},
    "Transfer-Encoding with a vertical tab": (post(b"Transfer-Encoding: \x0bchunked", body=b"0\r\n\r\n"), {400}),
    "Transfer-Encoding twice": (post(CHUNKED, CHUNKED, body=b"0\r\n\r\n"), {400, 501}),
    "Transfer-Encoding twice, second unknown": (post(CHUNKED, b"Transfer-encoding: x", body=b"0\r\n\r\n"), {400, 501}),
    "Transfer-Encoding and Content-Length": (post(CHUNKED, b"Content-Length: 5", body=b"0\r\n\r\n"), {400}),
    "Content-Length and Transfer-Encoding": (post(b"Content-Length: 5", CHUNKED, body=b"0\r\n\r\n"), {400}),
    "Transfer-Encoding in HTTP/1.0": (post(CHUNKED, body=b"0\r\n\r\n", version=b"HTTP/1.0"), {400, 501}),
    "method unknown": (get(method=b"FOO"), {501}),
    "method in small letters": (get(method=b"get"), {400, 501}),
    "method of one letter": (get(method=b"G"), {501}),
    "method that begins like GET": (get(method=b"GETT"), {501}),
    "method with a mark that no token has": (get(method=b"G@T"), {400}),
    "method empty": (b" / HTTP/1.1\r\nHost: h\r\n\r\n", {400}),
    "method very long": (get(method=b"M" * 200), {400, 501}),
    "TLS hello": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(64)) + b"\r\n\r\n", {400}),
    "garbage in a line": (b"hello\r\n\r\n", {400}),
}

# what is refused although the method is known: an answer to HEAD has no body (RFC 9110 9.3.2)
BAD_HEADS = {name: data.replace(b"GET ", b"HEAD ", 1) for name, (data, _) in BAD.items() if data.startswith(b"GET ")} | {
    "line too long": get(target=b"/" + b"a" * 9000, method=b"HEAD"), "field too long": get(b"X: " + b"a" * 9000, method=b"HEAD")}

# bodies whose chunks are wrong: what follows them must never be read as a request
BAD_CHUNKS = {
    "no size": b"\r\nhello\r\n0\r\n\r\n",
    "size that is no number": b"xyz\r\nhello\r\n0\r\n\r\n",
    "size with a sign": b"+5\r\nhello\r\n0\r\n\r\n",
    "size with a minus": b"-5\r\nhello\r\n0\r\n\r\n",
    "size with 0x": b"0x5\r\nhello\r\n0\r\n\r\n",
    "size with a blank before": b" 5\r\nhello\r\n0\r\n\r\n",
    "size with a blank after": b"5 \r\nhello\r\n0\r\n\r\n",
    "size with an underscore": b"0_5\r\nhello\r\n0\r\n\r\n",
    "size ended by LF": b"5\nhello\r\n0\r\n\r\n",
    "size ended by CR": b"5\rhello\r\n0\r\n\r\n",
    "size beyond 64 bits": b"fffffffffffffffff\r\nhello\r\n0\r\n\r\n",
    "size that wraps round to 5": b"10000000000000005\r\nhello\r\n0\r\n\r\n",
    "data longer than its size": b"4\r\nhello\r\n0\r\n\r\n",
    "data ended by LF": b"5\r\nhello\n0\r\n\r\n",
    "data ended by CR": b"5\r\nhello\r0\r\n\r\n",
    "data not ended": b"5\r\nhello0\r\n\r\n",
    "extension with a control byte": b"5;a=\x01\r\nhello\r\n0\r\n\r\n",
    "extension without a name": b"5;\r\nhello\r\n0\r\n\r\n",
    "extension that is no token": b"5;a@\r\nhello\r\n0\r\n\r\n",
    "extension with two values": b"5;a=b=c\r\nhello\r\n0\r\n\r\n",
    "extension without a value": b"5;a=\r\nhello\r\n0\r\n\r\n",
    "extension with blanks behind": b"5;a=b \r\nhello\r\n0\r\n\r\n",
    "extension with a blank within": b"5;a b\r\nhello\r\n0\r\n\r\n",
    "extension with a quote that is not closed": b'5;a="\r\nhello\r\n0\r\n\r\n',
    "extension with a quote that a backslash hides": b'5;a="b\\"\r\nhello\r\n0\r\n\r\n',
    "extension with bytes behind a quote": b'5;a="b"c\r\nhello\r\n0\r\n\r\n',
    "extension with a byte above 0x7f": b"5;a=\xff\r\nhello\r\n0\r\n\r\n",
    "extension with LF": b"5;a\nb\r\nhello\r\n0\r\n\r\n",
    "extension with CR": b"5;a\rb\r\nhello\r\n0\r\n\r\n",
    "end by LF": b"5\r\nhello\r\n0\r\n\n",
    "trailer without a colon": b"5\r\nhello\r\n0\r\nnothing\r\n\r\n",
    "trailer with an empty name": b"5\r\nhello\r\n0\r\n: x\r\n\r\n",
    "trailer folded": b"5\r\nhello\r\n0\r\nX: a\r\n b\r\n\r\n",
    "trailer with a blank in its name": b"5\r\nhello\r\n0\r\nX Y: a\r\n\r\n",
    "trailer with NUL": b"5\r\nhello\r\n0\r\nX: a\0\r\n\r\n",
    "trailer ended by LF": b"5\r\nhello\r\n0\r\nX: a\n\r\n",
    "endless extension": b"5;" + b"a" * 200_000 + b"\r\nhello\r\n0\r\n\r\n",
    "endless trailer": b"5\r\nhello\r\n0\r\nX: " + b"a" * 200_000 + b"\r\n\r\n",
    "endless trailers": b"5\r\nhello\r\n0\r\n" + b"X: y\r\n" * 50_000 + b"\r\n",
}

SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n"


def rows(table):
    return pytest.mark.parametrize("name", list(table))


@pytest.fixture(scope="module")
def server():
    files = {"html/index.html": "welcome\n", "html/é.txt": "accent\n"}
    with serving(server="location /echo { return 200 echo; }\nlocation /smuggled { return 200 smuggled; }\nkeepalive_requests 100000;",
                 files=files, error_level="crit") as weir:
        yield weir


def assert_refused(client, statuses, clean=True):
    response = client.read()
    assert response.status in statuses
    assert response.complete and response.get("Connection") == "close" and response.get("Date")
    client.expect_close(reset_is_fine=not clean)


def assert_served(client, status):
    """The answer is right, and the connection is in step: a second request is answered as well."""
    assert client.read().status == status
    assert client.ask(get(target=b"/index.html")).body == b"welcome\n"


@rows(GOOD)
def test_good_request_is_served_and_the_connection_stays(server, name):
    data, status = GOOD[name]
    with server.connect() as client:
        client.send(data)
        assert_served(client, status)


@rows(GOOD)
def test_good_request_is_served_split_anywhere(server, name):
    data, status = GOOD[name]
    for cut in range(1, len(data)):
        with server.connect() as client:
            client.send_pieces([data[:cut], data[cut:]])
            assert client.read().status == status, f"cut at {cut}: {data[:cut]!r}"


@rows(GOOD)
def test_good_request_is_served_byte_by_byte(server, name):
    data, status = GOOD[name]
    with server.connect() as client:
        client.send_pieces([data[i:i + 1] for i in range(len(data))])
        assert_served(client, status)


@rows(BAD)
def test_bad_request_is_refused_and_the_connection_closes(server, name):
    data, statuses = BAD[name]
    with server.connect() as client:
        client.send(data)
        assert_refused(client, statuses)


@rows(BAD_HEADS)
def test_refusal_of_head_has_no_body(server, name):
    with server.connect() as client:
        client.send_anyway(BAD_HEADS[name])
        answer = client.read("HEAD")
        assert answer.status >= 400 and answer.get("Connection") == "close"
        client.expect_close(reset_is_fine=True)


@rows(BAD)
def test_bad_request_is_refused_split_anywhere(server, name):
    data, statuses = BAD[name]
    for cut in range(1, len(data)):
        with server.connect() as client:
            client.send_pieces([data[:cut], data[cut:]])
            try:
                assert_refused(client, statuses, clean=False)
            except AssertionError as problem:
                raise AssertionError(f"cut at {cut}: {data[:cut]!r}: {problem}") from None


@rows(BAD)
def test_bad_request_is_refused_byte_by_byte(server, name):
    data, statuses = BAD[name]
    with server.connect() as client:
        client.send_pieces([data[i:i + 1] for i in range(len(data))])
        assert_refused(client, statuses, clean=False)


@rows(BAD)
def test_nothing_after_a_bad_request_is_answered(server, name):
    data, statuses = BAD[name]
    with server.connect() as client:
        client.send(get() + data + SMUGGLED * 3)
        assert client.read().status == 200
        assert_refused(client, statuses, clean=False)


@rows(BAD_CHUNKS)
@pytest.mark.parametrize("target", ["/echo", "/index.html", "/nothing"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_nothing_after_bad_chunks_is_answered(server, name, target, method):
    data = request(target, CHUNKED.decode(), method=method) + BAD_CHUNKS[name] + SMUGGLED * 3
    with server.connect() as client:
        client.send_anyway(data)
        answer = client.read()
        assert answer.status in (200, 400, 404, 405, 413, 431)
        assert answer.body != b"smuggled"
        client.expect_close(reset_is_fine=True)


@rows(BAD_CHUNKS)
def test_nothing_after_bad_chunks_is_answered_byte_by_byte(server, name):
    body = BAD_CHUNKS[name]
    if len(body) > 1000:
        pytest.skip("too long for single bytes")
    head = request("/echo", CHUNKED.decode(), method="POST")
    data = body + SMUGGLED
    with server.connect() as client:
        client.send_pieces([head] + [data[i:i + 1] for i in range(len(data))])
        answer = client.read()
        assert answer.status in (200, 400) and answer.body != b"smuggled"
        client.expect_close(reset_is_fine=True)


# each holds one request within the body of another, for a server that reads the length in another way
SMUGGLING = {
    "CL.TE": b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG",
    "TE.CL": b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n5c\r\n" + SMUGGLED + b"\r\n0\r\n\r\n",
    "TE.TE with a blank before the colon": b"Transfer-Encoding: chunked\r\nTransfer-Encoding : x\r\n\r\n0\r\n\r\n",
    "TE with a control byte": b"Transfer-Encoding: \x0cchunked\r\n\r\n0\r\n\r\n",
    "TE folded": b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    "TE after a bare LF": b"X: y\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "TE after a bare CR": b"X: y\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "CL after a bare CR": b"X:\rContent-Length: 37\r\n\r\n",
    "CL twice": b"Content-Length: 0\r\nContent-Length: 37\r\n\r\n",
    "CL as a list": b"Content-Length: 0, 37\r\n\r\n",
    "CL with a sign": b"Content-Length: +0\r\n\r\n",
    "CL in hex": b"Content-Length: 0x25\r\n\r\n",
    "CL with NUL": b"Content-Length: 0\x00\r\n\r\n",
    "CL with a tail": b"Content-Length: 0abc\r\n\r\n",
    "name with NUL": b"Content-Length\x00: 0\r\nContent-Length: 37\r\n\r\n",
    "identity and CL": b"Transfer-Encoding: identity\r\nContent-Length: 0\r\n\r\n",
    "x, chunked": b"Transfer-Encoding: x, chunked\r\n\r\n0\r\n\r\n",
}


@rows(SMUGGLING)
def test_smuggling_ends_the_connection(server, name):
    data = b"POST /echo HTTP/1.1\r\nHost: h\r\n" + SMUGGLING[name] + SMUGGLED * 2
    with server.connect() as client:
        client.send(data)
        assert_refused(client, {400, 501})


@pytest.mark.parametrize("seed", range(20))
def test_mixed_pipeline_is_answered_in_order_until_the_bad_one(server, seed):
    chance = random.Random(seed)
    chosen = [GOOD[chance.choice(list(GOOD))] for _ in range(chance.randint(5, 40))]
    bad, statuses = BAD[chance.choice(list(BAD))]
    data = b"".join(one for one, _ in chosen) + bad + SMUGGLED
    cuts = sorted(chance.sample(range(1, len(data)), chance.randint(0, 8)))
    with server.connect() as client:
        client.send_pieces([data[a:b] for a, b in zip([0] + cuts, cuts + [len(data)])])
        for index, (one, status) in enumerate(chosen):
            assert client.read().status == status, f"answer {index} of {one!r}"
        assert_refused(client, statuses, clean=False)


HEAD_REFUSED = {
    "by its framing": get(CHUNKED, method=b"HEAD", version=b"HTTP/1.0"),
    "by a byte in its target": b"HEAD /\x01",
    "by a field": get(b"X : y", method=b"HEAD"),
    "by the parser": get(method=b"HEAD", target=b"\xc7x"),
    "by its path": get(method=b"HEAD", target=b"/%00"),
    "by its length": get(b"X: " + b"a" * 9000, method=b"HEAD"),
}


@rows(HEAD_REFUSED)
def test_a_refusal_of_head_has_no_body(server, name):
    with server.connect() as client:
        client.send_anyway(HEAD_REFUSED[name])
        response = client.read(method="HEAD")
        assert response.status in (400, 431) and int(response.get("Content-Length")) > 0
        client.expect_close(reset_is_fine=name == "by its length")


HEADS_TOO_LARGE = {
    "request line over one buffer": (get(target=b"/" + b"a" * 9000), {414}),
    "request line over all buffers": (get(target=b"/" + b"a" * 70_000), {414}),
    "request line without an end": (b"GET /" + b"a" * 200_000, {414}),
    "query too long": (get(target=b"/?" + b"a" * 9000), {414}),
    "field over one buffer": (get(b"X: " + b"a" * 9000), {431}),
    "name over one buffer": (get(b"X" * 9000 + b": a"), {431}),
    "field without an end": (b"GET / HTTP/1.1\r\nHost: h\r\nX: " + b"a" * 200_000, {431}),
    "fields over all buffers": (get(*[b"X: " + b"a" * 4000] * 12), {431}),
    "more fields than max_headers": (get(*[b"X: a"] * 1100), {400, 431}),
    "fields without an end": (b"GET / HTTP/1.1\r\nHost: h\r\n" + b"X: y\r\n" * 50_000, {400, 431}),
    "empty lines without an end": (b"\r\n" * 100_000, {400, 414, 431}),
}


@rows(HEADS_TOO_LARGE)
def test_head_too_large_is_refused(server, name):
    data, statuses = HEADS_TOO_LARGE[name]
    with server.connect() as client:
        client.send_anyway(data)
        assert_refused(client, statuses, clean=False)


FITTING = {
    "request line near one buffer": (get(target=b"/?" + b"a" * 8000), 200),
    "field near one buffer": (get(b"X: " + b"a" * 8000), 200),
    "many fields that fit": (get(*[b"X: " + b"a" * 1000] * 20), 200),
    "five hundred fields": (get(*[b"X: a"] * 500), 200),
}


@rows(FITTING)
def test_large_head_that_fits_is_served(server, name):
    data, status = FITTING[name]
    with server.connect() as client:
        client.send(data)
        assert_served(client, status)


def random_load(chance, kind):
    if kind == "bytes":
        return chance.randbytes(65536)
    if kind == "text":
        return bytes(chance.choices(b" \t\r\n:/%.HTPGE0123456789abc\0\xff", k=65536))
    if kind == "after a request line":
        return b"GET / HTTP/1.1\r\nHost: h\r\n" + chance.randbytes(65536)
    if kind == "as chunks":
        return request("/echo", CHUNKED.decode(), method="POST") + chance.randbytes(65536)
    data = bytearray(b"".join(GOOD[chance.choice(list(GOOD))][0] for _ in range(300)))
    for _ in range(chance.randint(1, 20)):
        data[chance.randrange(len(data))] = chance.randrange(256)
    return bytes(data)


@pytest.mark.parametrize("kind", ["bytes", "text", "after a request line", "as chunks", "requests with broken bytes"])
@pytest.mark.parametrize("seed", range(4))
def test_64_kib_at_random_leave_the_worker_alive(server, kind, seed):
    """Fifty times for each of the twenty: a thousand in all."""
    workers = server.wait_workers()
    chance = random.Random(f"{kind} {seed}")
    for _ in range(50):
        with server.connect() as client:
            client.sock.settimeout(20)
            data = random_load(chance, kind)
            sent = 0
            while sent < len(data):         # reads as it sends, so that neither side waits for the other
                try:
                    sent += client.sock.send(data[sent:sent + 65536])
                    client.sock.setblocking(False)
                    client._fill()
                except BlockingIOError:
                    pass
                except (BrokenPipeError, ConnectionResetError):
                    break
                finally:
                    client.sock.settimeout(20)
            client.finish()
            try:
                client.read_rest()
            except ProtocolError:
                raise AssertionError(f"the server neither answers nor closes ({kind}, seed {seed})") from None
    assert server.workers() == workers
    assert server.get("/index.html").body == b"welcome\n"


def test_nothing_smuggled_was_ever_logged(weir):
    """One server sees every smuggling attempt and every bad chunk; its access log names no request from within a body."""
    server = weir(server="location /echo { return 200 echo; }\nlocation /smuggled { return 200 smuggled; }")
    attempts = [b"POST /echo HTTP/1.1\r\nHost: h\r\n" + data + SMUGGLED for data in SMUGGLING.values()]
    attempts += [request("/echo", CHUNKED.decode(), method="POST") + data + SMUGGLED for data in BAD_CHUNKS.values()]
    for data in attempts:
        with server.connect() as client:
            client.send_anyway(data).finish().read_rest()
    server.get("/last")
    lines = server.wait_access(len(attempts) + 1)
    assert not [line for line in lines if '"GET /smuggled' in line]
