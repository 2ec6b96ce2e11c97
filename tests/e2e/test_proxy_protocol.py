# SPDX-License-Identifier: BSD-2-Clause
"""What a proxy says in front of the first request: who is believed, what is refused."""

import signal
import socket
import struct

import pytest

from harness import Client, check_conf, request, serving, wait_until

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
SAID = "$proxy_protocol_addr|$proxy_protocol_port|$proxy_protocol_server_addr|$proxy_protocol_server_port"
TLVS = "|".join(f"$proxy_protocol_tlv_{name}" for name in (
    "alpn", "0x01", "authority", "unique_id", "netns", "0xea", "ssl_version", "ssl_0x21", "ssl_cn", "ssl_verify", "ssl_cipher"))


def ipv4(client="1.2.3.4", server="5.6.7.8", ports=(4660, 80)):
    return socket.inet_aton(client) + socket.inet_aton(server) + struct.pack("!HH", *ports)


def ipv6(client="2001:db8::1", server="2001:db8::2", ports=(4660, 80)):
    return socket.inet_pton(socket.AF_INET6, client) + socket.inet_pton(socket.AF_INET6, server) + struct.pack("!HH", *ports)


def tlv(kind, value):
    return struct.pack("!BH", kind, len(value)) + value


def v2(block=b"", family=0x11, command=0x21, length=None):
    return SIGNATURE + struct.pack("!BBH", command, family, len(block) if length is None else length) + block


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def with_sum(block):
    zeros = v2(block + tlv(3, bytes(4)))
    return zeros[:-4] + struct.pack("!I", crc32c(zeros))


V1 = b"PROXY TCP4 1.2.3.4 5.6.7.8 4660 80\r\n"
SSL = tlv(0x20, struct.pack("!BI", 7, 1) + tlv(0x21, b"TLSv1.3") + tlv(0x22, b"a cn"))
MANY = tlv(1, b"h2") + tlv(2, b"a.example") + tlv(4, b"padding") + tlv(5, b"id") + tlv(0x30, b"ns") + tlv(0xEA, b"vpce") + SSL

# name: (header, what the variables say)
HEADERS = {
    "v1": (V1, "1.2.3.4|4660|5.6.7.8|80"),
    "v1 over IPv6": (b"PROXY TCP6 2001:db8::1 2001:db8::2 65535 1\r\n", "2001:db8::1|65535|2001:db8::2|1"),
    "v1 unknown": (b"PROXY UNKNOWN\r\n", "|||"),
    "v1 unknown, with more": (b"PROXY UNKNOWN 1.2.3.4 5.6.7.8 1 2\r\n", "|||"),
    "v1 unknown, as long as can be": (b"PROXY UNKNOWN " + 91 * b"x" + b"\r\n", "|||"),
    "v2": (v2(ipv4()), "1.2.3.4|4660|5.6.7.8|80"),
    "v2 over IPv6": (v2(ipv6(), 0x21), "2001:db8::1|4660|2001:db8::2|80"),
    "v2 over a Unix socket": (v2(b"/a".ljust(108, b"\0") + b"/b".ljust(108, b"\0"), 0x31), "unix:||unix:|"),
    "v2 datagrams": (v2(ipv4(), 0x12), "|||"),
    "v2 unspecified": (v2(b"", 0), "|||"),
    "v2 local": (v2(b"", 0, 0x20), "|||"),
    "v2 local with addresses": (v2(ipv4(), 0x11, 0x20), "|||"),
    "v2 with TLVs": (v2(ipv4() + MANY), "1.2.3.4|4660|5.6.7.8|80"),
    "v2 with a checksum": (with_sum(ipv4() + MANY), "1.2.3.4|4660|5.6.7.8|80"),
    "v2 with a lot of TLVs": (v2(ipv4() + tlv(0xE0, bytes(4081))), "1.2.3.4|4660|5.6.7.8|80"),
}


@pytest.fixture(scope="module")
def server():
    conf = """
        log_format said '$remote_addr %s';
        server {
            listen 127.0.0.1:{port} proxy_protocol;
            access_log {prefix}/logs/said.log said;
            location / { return 200 "$remote_addr $request_uri %s"; }
            location /tlv { return 200 "%s"; }
        }
        server { listen [::1]:{port1} proxy_protocol; location / { return 200 "%s"; } }
        server { listen unix:{prefix}/logs/sock proxy_protocol; location / { return 200 "$remote_addr %s"; } }
        server { listen 127.0.0.1:{port2} proxy_protocol deferred=off; location / { return 200 "%s"; } }
        server { listen 127.0.0.1:{port3}; location / { return 200 "%s"; } }
        server { listen *:{port4}; listen 127.0.0.9:{port4} proxy_protocol; location / { return 200 "%s"; } }
    """ % (SAID, SAID, TLVS, SAID, SAID, SAID, SAID, SAID)
    with serving(http=conf) as weir:
        yield weir


@pytest.mark.parametrize("name", list(HEADERS))
def test_header_tells_the_addresses_for_all_requests_of_the_connection(server, name):
    header, said = HEADERS[name]
    with server.connect() as client:
        assert client.ask(header + request("/1")).text == f"127.0.0.1 /1 {said}"
        assert client.ask(request("/2")).text == f"127.0.0.1 /2 {said}"
        client.send(request("/3") + request("/4"))
        assert [client.read().text for _ in range(2)] == [f"127.0.0.1 /{n} {said}" for n in (3, 4)]


@pytest.mark.parametrize("name", list(HEADERS))
def test_header_may_come_alone(server, name):
    header, said = HEADERS[name]
    with server.connect("port2") as client:
        client.send(header)
        wait_until(client.peer_has_read_all, "the server to read")
        assert client.ask(request("/")).text == said


@pytest.mark.parametrize("name", [name for name in HEADERS if "a lot" not in name])
@pytest.mark.parametrize("port", ["port", "port2"])
def test_header_may_come_byte_by_byte(server, name, port):
    header, said = HEADERS[name]
    data = header + request("/x")
    with server.connect(port) as client:
        client.send_pieces([data[i:i + 1] for i in range(len(data))])
        assert client.read().text.endswith(said)


@pytest.mark.parametrize("cut", range(1, len(V1) + 3))
def test_header_may_be_split_anywhere(server, cut):
    for header in (V1, v2(ipv4() + SSL)):
        data = header + request("/a") + request("/b")
        with server.connect("port2") as client:
            client.send_pieces([data[:cut], data[cut:]])
            assert [client.read().text for _ in range(2)] == ["1.2.3.4|4660|5.6.7.8|80"] * 2


def test_tlvs_are_told_by_name_and_number(server):
    with server.connect() as client:
        for header in (v2(ipv4() + MANY), b""):
            said = client.ask(header + request("/tlv")).text
            assert said == "h2|h2|a.example|id|ns|vpce|TLSv1.3|TLSv1.3|a cn|1|"
    assert server.ask(v2(ipv4()) + request("/tlv", "Connection: close")).text == "|" * 10


def test_header_over_ipv6_and_unix_sockets(server):
    with server.connect("port1", "::1") as client:
        assert client.ask(v2(ipv6(), 0x21) + request("/")).text == "2001:db8::1|4660|2001:db8::2|80"
    with Client(str(server.prefix / "logs" / "sock")) as client:
        assert client.ask(V1 + request("/")).text == "unix: 1.2.3.4|4660|5.6.7.8|80"


def test_address_of_its_own_on_the_socket_of_all(server):
    with server.connect("port4") as client:
        assert client.ask(request("/")).text == "|||"
    with server.connect("port4", "127.0.0.9") as client:
        assert client.ask(V1 + request("/")).text == "1.2.3.4|4660|5.6.7.8|80"


def test_header_where_none_is_expected_is_a_bad_request(server):
    for header in (V1, v2(ipv4())):
        with server.connect("port3") as client:
            answer = client.send(header + request("/")).read()
            assert answer.status == 400 and answer.get("Connection") == "close"


def test_log_line_of_a_connection_that_ends_in_a_head_tells_the_client(server):
    with server.connect() as client:
        client.send_pieces([b"PROXY TCP4 9.8.7.6 5.6.7.8 4660 80\r\nGET /half HT", b"TP"])
        wait_until(client.peer_has_read_all, "the server to read")
    wait_until(lambda: "127.0.0.1 9.8.7.6|4660|5.6.7.8|80" in server.access_text("said.log"), "the line")


BROKEN = {
    "no header": (request("/"), rb'"GET / HTTP/1.1\x0D\x0AHost: localhost'),
    "small letters": (b"proxy TCP4 1.2.3.4 5.6.7.8 1 2\r\n", b'"proxy TCP4'),
    "a line without an end": (b"PROXY TCP4 " + 97 * b"1", b'"PROXY TCP4 1111'),
    "a line one byte too long": (b"PROXY UNKNOWN " + 92 * b"x" + b"\r\n" + request("/"), b'"PROXY UNKNOWN xxx'),
    "a bare line feed": (b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n" + request("/"), rb"5.6.7.8 1 2\x0AGET / HTTP/1.1\x0D\x0A"),
    "a quote": (b'PROXY "\r\n', rb'"PROXY \x22\x0D\x0A"'),
    "a NUL in an address": (b"PROXY TCP4 1.2.3.4\0 5.6.7.8 1 2\r\n" + request("/"), rb"1.2.3.4\x00 5.6.7.8"),
    "IPv6 as IPv4": (b"PROXY TCP4 ::1 ::1 1 2\r\n" + request("/"), b"::1 ::1"),
    "a port with a zero in front": (b"PROXY TCP4 1.2.3.4 5.6.7.8 010 2\r\n" + request("/"), b" 010 2"),
    "a port too large": (b"PROXY TCP4 1.2.3.4 5.6.7.8 65536 2\r\n" + request("/"), b" 65536 2"),
    "garbage behind the ports": (b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2 x\r\n" + request("/"), b"1 2 x"),
    "version 3": (v2(ipv4(), command=0x31), rb"QUIT\x0A1\x11"),
    "an unknown command": (v2(ipv4(), command=0x22), rb"QUIT\x0A\x22\x11"),
    "an unknown family": (v2(ipv4(), 0x41), rb"QUIT\x0A!A"),
    "too short for IPv4": (v2(ipv4(), length=11) + request("/"), rb"QUIT\x0A!\x11\x00\x0B"),
    "too short for IPv6": (v2(ipv4(), 0x21) + request("/"), rb"QUIT\x0A!!\x00\x0C"),
    "too long": (v2(ipv4(), length=4097), rb"QUIT\x0A!\x11\x10\x01"),
    "a TLV that is cut": (v2(ipv4() + b"\1\0\5h2") + request("/"), rb"QUIT\x0A!\x11\x00\x11"),
    "a wrong checksum": (v2(ipv4() + tlv(3, b"abcd")) + request("/"), rb"QUIT\x0A!\x11\x00\x13"),
    "TLS": (b"\x16\x03\x01\x02\x00\x01", rb'"\x16\x03\x01\x02\x00\x01"'),
}


@pytest.mark.parametrize("name", list(BROKEN))
def test_broken_header_ends_the_connection(server, name):
    data, logged = BROKEN[name]
    before = server.log_text().count("broken header")
    with server.connect() as client:
        client.send_anyway(data)
        client.expect_close(reset_is_fine=True)
    wait_until(lambda: server.log_text().count("broken header") == before + 1, "the log line")
    line = [line for line in server.log_text().splitlines() if "broken header" in line][-1]
    assert logged.decode() in line and line.isprintable()
    assert "[error]" in line and "while reading PROXY protocol, client: 127.0.0.1, server: 127.0.0.1:" in line


def test_length_of_the_header_says_where_the_request_begins(server):
    """What looks like a request within the header is none; a byte behind it is the request's."""
    with server.connect() as client:
        assert client.ask(v2(ipv4()) + b"\0" + request("/")).status == 400
    block = ipv4() + tlv(0xE1, b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n")
    with server.connect() as client:
        assert client.ask(v2(block) + request("/plain")).text.startswith("127.0.0.1 /plain ")
        assert client.ask(request("/next")).text.startswith("127.0.0.1 /next ")


def test_second_header_is_no_request(server):
    with server.connect() as client:
        assert client.ask(V1 + request("/")).status == 200
        assert client.ask(V1 + request("/")).status == 400


def test_client_that_leaves_within_the_header_is_let_go(server):
    for part in (b"", b"PROXY TCP4 1.2", v2(ipv4())[:20]):
        with server.connect("port2") as client:
            client.send(part).finish()
            client.expect_close()


def test_header_must_come_in_time(weir):
    server = weir(http="""client_header_timeout 300ms;
        server { listen 127.0.0.1:{port} proxy_protocol deferred=off; return 200; }""")
    for part in (b"", b"PROXY TCP4 1.2", V1):
        with server.connect() as client:
            if part:
                client.send(part)
            client.expect_close()
    server.wait_log(r"client timed out \(110: .*\) while reading PROXY protocol, client: 127.0.0.1, server: 127.0.0.1:")


def reloaded(server):
    """HUP, until the old worker has left."""
    before = server.wait_workers()
    server.send_signal(signal.SIGHUP)
    server.wait_workers(1, before)


@pytest.mark.parametrize("header", [V1, v2(ipv4() + MANY), with_sum(ipv4() + tlv(0xE0, bytes(4000)))], ids=["v1", "v2", "long"])
def test_what_was_said_outlives_a_reload(weir, header):
    server = weir(http="server { listen 127.0.0.1:{port} proxy_protocol; set_real_ip_from 127.0.0.1; real_ip_header proxy_protocol;"
                       'return 200 "$pid $remote_addr %s %s"; }' % (SAID, TLVS))
    with server.connect() as client:
        old, said = client.ask(header + request("/")).text.split(" ", 1)
        assert said.startswith("1.2.3.4 1.2.3.4|4660|5.6.7.8|80 ")
        for _ in range(3):
            reloaded(server)
            new, same = client.ask(request("/")).text.split(" ", 1)
            assert same == said and new != old
            old = new


def test_clients_of_a_proxy_are_told_apart_after_a_reload_too(weir):
    """A flood of one of them takes nothing from the others, though none has asked since for anything."""
    server = weir(http="server { listen 127.0.0.1:{port} proxy_protocol; set_real_ip_from 127.0.0.1;"
                       "real_ip_header proxy_protocol; return 200 $remote_addr; }",
                  events="worker_connections 130; close_when_free off;", allow=["worker_connections are not enough"])

    def idle_client(address):
        client = server.connect()
        header = f"PROXY TCP4 {address} 192.0.2.1 4711 80\r\n".encode()
        assert client.ask(header + request("/")).text == address
        return client
    others = [idle_client(f"198.51.100.{n}") for n in range(20)]
    flood = [idle_client("203.0.113.1") for _ in range(60)]
    reloaded(server)
    flood += [idle_client("203.0.113.1") for _ in range(150)]
    assert "reusing connections" in server.log_text()
    for n, client in enumerate(others):
        assert client.ask(request("/")).text == f"198.51.100.{n}"
    for client in others + flood:
        client.close()


@pytest.mark.parametrize("cut", [1, 12, 20])
@pytest.mark.parametrize("header", [V1, v2(ipv4() + MANY)], ids=["v1", "v2"])
def test_half_a_header_outlives_a_reload(weir, header, cut):
    server = weir(http="server { listen 127.0.0.1:{port} proxy_protocol deferred=off; return 200 $proxy_protocol_addr; }")
    with server.connect() as client:
        client.send(header[:cut])
        wait_until(client.peer_has_read_all, "the server to read")
        reloaded(server)
        assert client.ask(header[cut:] + request("/")).text == "1.2.3.4"


def test_silent_connection_says_who_it_is_after_a_reload(weir):
    server = weir(http="server { listen 127.0.0.1:{port} proxy_protocol deferred=off; return 200 $proxy_protocol_addr; }")
    with server.connect() as client, server.connect() as other:
        assert other.ask(V1 + request("/")).status == 200       # accepted, so the first one was too
        reloaded(server)
        assert client.ask(V1 + request("/")).text == "1.2.3.4"


def test_listens_of_one_address_agree(folder):
    conf = """events { } http {
        server { listen 127.0.0.1:3 proxy_protocol; server_name a; }
        server { listen 127.0.0.1:3; server_name b; } }"""
    done, path = check_conf(folder, conf)
    assert done.returncode == 1
    assert f'listen 127.0.0.1:3 both with and without "proxy_protocol" in {path}:3' in done.stderr
    assert check_conf(folder, conf.replace(":3;", ":3 proxy_protocol;"))[0].returncode == 0
