# SPDX-License-Identifier: BSD-2-Clause
"""Who the client is when a proxy stands in front: whom the proxy names, if it is trusted, and nobody else."""

import pytest

from harness import Client, check_conf, request, serving, wait_until

SAID = "$remote_addr|$remote_port|$realip_remote_addr"


@pytest.fixture(scope="module")
def server():
    conf = """
        log_format said '$remote_addr $realip_remote_addr $realip_remote_port $request_uri';
        access_log {prefix}/logs/said.log said;
        server {
            listen 127.0.0.1:{port}; listen [::1]:{port1}; listen unix:{prefix}/logs/sock;
            server_name real;
            set_real_ip_from 127.0.0.1;
            location / { return 200 "%(said)s"; }
        }
        server {
            listen 127.0.0.1:{port};
            server_name forwarded;
            set_real_ip_from 127.0.0.0/8; set_real_ip_from ::1/128; set_real_ip_from unix:;
            set_real_ip_from 10.0.0.0/8; set_real_ip_from 2001:db8::/32;
            real_ip_header X-Forwarded-For;
            location / { return 200 "%(said)s"; }
            location /all { real_ip_recursive on; return 200 "%(said)s"; }
            location /all/other { real_ip_header Other; return 200 "%(said)s"; }
            location /all/nobody { set_real_ip_from 192.0.2.77; return 200 "%(said)s"; }
            location /all/same { return 200 "%(said)s"; location /all/same/still { return 200 "%(said)s"; } }
            location /file { real_ip_header X-Real-IP; }
            location /missing { error_page 404 /all; }
        }
        server {
            listen 127.0.0.1:{port};
            server_name rewritten;
            set_real_ip_from 127.0.0.1;
            return 200 "%(said)s";
        }
        server {
            listen 127.0.0.1:{port};
            server_name nobody;
            set_real_ip_from 192.0.2.0/24; set_real_ip_from unix:;
            location / { return 200 "%(said)s"; }
        }
        server { listen 127.0.0.1:{port}; server_name name; set_real_ip_from localhost; return 200 "%(said)s"; }
        server { listen 127.0.0.1:{port}; server_name plain; return 200 "%(said)s"; }
        server { listen [::1]:{port2}; listen unix:{prefix}/logs/sock2;
            set_real_ip_from ::1; set_real_ip_from unix:; return 200 "%(said)s"; }
        server { listen [::]:{port3} ipv6only=off; set_real_ip_from 127.0.0.0/8; return 200 "%(said)s"; }
        server {
            listen 127.0.0.1:{port4} proxy_protocol;
            set_real_ip_from 127.0.0.1;
            real_ip_header proxy_protocol;
            location / { return 200 "%(said)s|$realip_remote_port"; }
            location /field { real_ip_header X-Real-IP; return 200 "%(said)s"; }
        }
        server {
            listen 127.0.0.1:{port5} proxy_protocol;
            set_real_ip_from 192.0.2.1;
            real_ip_header proxy_protocol;
            return 200 "%(said)s|$proxy_protocol_addr";
        }
    """ % {"said": SAID}
    with serving(http=conf, files={"html/file/a": "a"}) as weir:
        yield weir


def said(server, host, *fields, target="/", source=None):
    with server.connect(source=source) as client:
        return client.ask(request(target, *fields, host=host)).text.rsplit("|", 1)


# value of X-Real-IP: who it is, and at which port
VALUES = {
    "1.2.3.4": "1.2.3.4|", "1.2.3.4:5678": "1.2.3.4|5678", "  1.2.3.4  ": "1.2.3.4|", "2001:db8::1": "2001:db8::1|",
    "2001:DB8:0:0::1": "2001:db8::1|", "[2001:db8::1]": "2001:db8::1|", "[2001:db8::1]:5678": "2001:db8::1|5678",
    "127.0.0.1": "127.0.0.1|", "9.9.9.9, 1.2.3.4": "1.2.3.4|", "bad, 1.2.3.4": "1.2.3.4|", "1.2.3.4,": "1.2.3.4|",
    ",, 1.2.3.4 , ,": "1.2.3.4|", "::ffff:1.2.3.4": "::ffff:1.2.3.4|",
}
NO_ADDRESSES = ["", "unknown", "_gateway", "localhost", "1.2.3", "1.2.3.4.5", "1.2.3.4:", "1.2.3.4:0", "1.2.3.4:65536", "1.2.3.4 5.6.7.8",
                "01.2.3.4", "1.2.3.4/32", "[1.2.3.4]", "[::1", "::1]", "[::1]:", "fe80::1%eth0", "unix:", "1.2.3.4, bad", ",", '"1.2.3.4"',
                "for=1.2.3.4", 300 * "1", "1.2.3.4;", "0x7f.1"]


@pytest.mark.parametrize("value", list(VALUES))
def test_trusted_proxy_names_the_client(server, value):
    assert said(server, "real", f"X-Real-IP: {value}") == [VALUES[value], "127.0.0.1"]
    assert said(server, "real", f"x-REAL-ip: {value}") == [VALUES[value], "127.0.0.1"]
    assert said(server, "rewritten", f"X-Real-IP: {value}") == [VALUES[value], "127.0.0.1"]


@pytest.mark.parametrize("value", NO_ADDRESSES)
def test_what_is_no_address_names_nobody(server, value):
    for host, field in (("real", "X-Real-IP"), ("forwarded", "X-Forwarded-For")):
        who, direct = said(server, host, f"{field}: {value}")
        address, port = who.split("|")
        assert address == direct == "127.0.0.1" and port.isdigit()


def test_nobody_else_is_believed(server):
    for host, fields in (("nobody", ["X-Real-IP: 1.2.3.4"]), ("plain", ["X-Real-IP: 1.2.3.4"]), ("real", ["X-Forwarded-For: 1.2.3.4"]),
                         ("real", []), ("forwarded", ["X-Real-IP: 1.2.3.4"])):
        assert said(server, host, *fields)[0].startswith("127.0.0.1|")
    assert said(server, "real", "X-Real-IP: 1.2.3.4", source="127.0.0.2")[0].startswith("127.0.0.2|")
    assert said(server, "forwarded", "X-Forwarded-For: 1.2.3.4", source="127.0.0.2") == ["1.2.3.4|", "127.0.0.2"]


# X-Forwarded-For, line by line: (the last, the last that is not trusted)
LISTS = [
    (["1.1.1.1"], "1.1.1.1", "1.1.1.1"),
    (["2.2.2.2, 1.1.1.1"], "1.1.1.1", "1.1.1.1"),
    (["1.1.1.1, 10.0.0.1"], "10.0.0.1", "1.1.1.1"),
    (["9.9.9.9, 1.1.1.1, 10.0.0.1,10.255.0.1"], "10.255.0.1", "1.1.1.1"),
    (["9.9.9.9", "1.1.1.1", "10.0.0.1"], "10.0.0.1", "1.1.1.1"),
    (["9.9.9.9, 1.1.1.1", "10.0.0.1, 10.0.0.2", ""], "10.0.0.2", "1.1.1.1"),
    (["10.0.0.3, 10.0.0.2, 10.0.0.1"], "10.0.0.1", "10.0.0.3"),
    (["1.1.1.1, 2001:db8::1, 10.0.0.1"], "10.0.0.1", "1.1.1.1"),
    (["2001:db9::1, [2001:db8::1]:80"], "2001:db8::1", "2001:db9::1"),
    (["1.1.1.1, unknown, 10.0.0.1"], "10.0.0.1", "10.0.0.1"),
    (["unknown"], "127.0.0.1", "127.0.0.1"),
    (["1.1.1.1, ::ffff:10.0.0.1"], "::ffff:10.0.0.1", "1.1.1.1"),
    ([", ".join(["3.3.3.3"] + 60 * ["10.0.0.1"])], "10.0.0.1", "3.3.3.3"),
]


@pytest.mark.parametrize("lines, last, last_stranger", LISTS)
def test_list_is_read_from_its_end(server, lines, last, last_stranger):
    fields = [f"X-Forwarded-For: {line}" for line in lines]
    assert said(server, "forwarded", *fields)[0].split("|")[0] == last
    assert said(server, "forwarded", *fields, target="/all")[0].split("|")[0] == last_stranger
    assert said(server, "forwarded", *fields, target="/all/same/still")[0].split("|")[0] == last


def test_port_is_that_of_the_address_that_counts(server):
    fields = ["X-Forwarded-For: 1.1.1.1:1, 10.0.0.1:2"]
    assert said(server, "forwarded", *fields) == ["10.0.0.1|2", "127.0.0.1"]
    assert said(server, "forwarded", *fields, target="/all") == ["1.1.1.1|1", "127.0.0.1"]


def test_settings_of_the_location_count(server):
    fields = ["X-Forwarded-For: 1.1.1.1", "Other: 2.2.2.2", "X-Real-IP: 3.3.3.3"]
    assert said(server, "forwarded", *fields, target="/all/other")[0] == "2.2.2.2|"
    assert said(server, "forwarded", *fields, target="/all/nobody")[0].startswith("127.0.0.1|")
    assert said(server, "forwarded", *fields, target="/missing")[0] == "1.1.1.1|"
    with server.connect() as client:
        assert client.ask(request("/file/a?1", *fields, host="forwarded")).body == b"a"
    wait_until(lambda: "3.3.3.3 127.0.0.1 " in server.access_text("said.log"), "the log line")


def test_each_request_of_a_connection_has_its_own_client(server):
    with server.connect() as client:
        for value, who in (("1.1.1.1", "1.1.1.1"), (None, "127.0.0.1"), ("2.2.2.2", "2.2.2.2"), ("bad", "127.0.0.1")):
            fields = [f"X-Real-IP: {value}"] if value else []
            assert client.ask(request("/", *fields, host="real")).text.split("|")[::2] == [who, "127.0.0.1"]
        client.send(b"".join(request("/", f"X-Real-IP: 1.1.1.{n}", host="real") for n in range(20)))
        assert [client.read().text for _ in range(20)] == [f"1.1.1.{n}||127.0.0.1" for n in range(20)]


def test_other_kinds_of_proxies(server):
    with server.connect("port2", "::1") as client:
        assert client.ask(request("/", "X-Real-IP: 1.1.1.1")).text == "1.1.1.1||::1"
    with Client(str(server.prefix / "logs" / "sock2")) as client:
        assert client.ask(request("/", "X-Real-IP: 1.1.1.1")).text == "1.1.1.1||unix:"
        assert client.ask(request("/")).text == "unix:||unix:"
    with Client(str(server.prefix / "logs" / "sock")) as client:
        assert client.ask(request("/", "X-Real-IP: 1.1.1.1", host="real")).text == "unix:||unix:"
    with server.connect("port1", "::1") as client:
        assert client.ask(request("/", "X-Real-IP: 1.1.1.1", host="real")).text.startswith("::1|")
    with server.connect("port3") as client:
        assert client.ask(request("/", "X-Real-IP: 1.1.1.1")).text == "1.1.1.1||::ffff:127.0.0.1"
    assert said(server, "name", "X-Real-IP: 1.1.1.1") == ["1.1.1.1|", "127.0.0.1"]


def test_proxy_protocol_names_the_client(server):
    with server.connect("port4") as client:
        port = client.sock.getsockname()[1]
        client.send(b"PROXY TCP4 1.2.3.4 5.6.7.8 4660 80\r\n")
        for _ in range(3):
            assert client.ask(request("/", "X-Real-IP: 9.9.9.9")).text == f"1.2.3.4|4660|127.0.0.1|{port}"
        assert client.ask(request("/field", "X-Real-IP: 9.9.9.9")).text == "9.9.9.9||127.0.0.1"
        assert client.ask(request("/field")).text == f"127.0.0.1|{port}|127.0.0.1"
    with server.connect("port4") as client:
        assert client.ask(b"PROXY UNKNOWN\r\n" + request("/")).text.startswith("127.0.0.1|")
    with server.connect("port5") as client:
        text = client.ask(b"PROXY TCP4 1.2.3.4 5.6.7.8 4660 80\r\n" + request("/")).text
        assert text.startswith("127.0.0.1|") and text.endswith("|1.2.3.4")


def test_logs_name_the_client(server):
    with server.connect() as client:
        assert client.ask(request("/file/none", "X-Real-IP: 5.5.5.5", host="forwarded")).status == 404
    server.wait_log(r"file/none\" failed .*, client: 5\.5\.5\.5, server: forwarded")
    wait_until(lambda: "5.5.5.5 127.0.0.1 " in server.access_text("said.log"), "the log line")


BAD = [
    ("set_real_ip_from 192.0.2.0/33;", 'invalid parameter "192.0.2.0/33"'),
    ("set_real_ip_from 192.0.2.1:80;", 'invalid parameter "192.0.2.1:80"'),
    ("set_real_ip_from 80;", 'invalid parameter "80"'),
    ("set_real_ip_from [::1];", 'invalid parameter "[::1]"'),
    ("set_real_ip_from '';", 'invalid parameter ""'),
    ("set_real_ip_from unix:/a;", 'invalid parameter "unix:/a"'),
    ("set_real_ip_from no-such-host.invalid;", 'host not found in set_real_ip_from "no-such-host.invalid"'),
    ("real_ip_header '';", "empty field name"),
    ("real_ip_header 'X Real';", 'invalid field name "X Real"'),
    ("real_ip_header X-Real-IP:;", 'invalid field name "X-Real-IP:"'),
]


@pytest.mark.parametrize("line, text", BAD)
def test_wrong_words_are_refused(folder, line, text):
    done, path = check_conf(folder, "events { } http {\n%s\n}" % line)
    assert done.returncode == 1 and f"[emerg] {text} in {path}:2" in done.stderr


def test_meaningless_bits_are_warned_of(folder):
    done, path = check_conf(folder, "events { } http {\nset_real_ip_from 192.0.2.1/24;\n}")
    assert done.returncode == 0
    assert f"[warn] low address bits of 192.0.2.1/24 are meaningless in {path}:2" in done.stderr
