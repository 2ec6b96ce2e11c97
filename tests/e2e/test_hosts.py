# SPDX-License-Identifier: BSD-2-Clause
"""Which server { } answers: by address first, then by name."""

import socket

import pytest

from harness import Client, request, serving


def named(names, answer, listen="127.0.0.1:{port}"):
    return f"server {{ listen {listen}; server_name {names}; return 200 {answer}; }}\n"


@pytest.fixture(scope="module")
def server():
    http = "".join([
        "server_names_hash_max_size 1024;\n",
        named("first.example", "first"),
        named("*.wild.example", "wild"),
        named("*.deep.wild.example", "deep"),
        named("exact.wild.example", "exact"),
        named("mail.*", "mail"),
        named("mail.exact.*", "mailexact"),
        named(".dot.example", "dot"),
        named("MixedCase.Example", "mixed"),
        named("two.example three.example", "several"),
        named("ends.wild.example ends.*", "ends"),
        named('""', "nameless"),
        named("_", "underscore"),
        named("[::1]", "literal"),
        named("192.0.2.7", "address"),
        named("x.example", "x-here"),
        "server { listen 127.0.0.1:{port}; listen 127.0.0.1:{port1}; server_name both.example; return 200 both; }\n",
        named("second.example", "second", "127.0.0.1:{port1}"),
        named("chosen.example", "chosen", "127.0.0.1:{port1} default_server"),
        named("x.example", "x-there", "127.0.0.1:{port1}"),
        named("v6.example", "v6", "[::1]:{port3}"),
        named("unix.example", "unix", "unix:{prefix}/logs/sock"),
    ])
    with serving(http=http) as weir:
        yield weir


NAMES = {
    "first.example": "first", "FIRST.Example": "first", "first.example:80": "first", "first.example:12345": "first",
    "first.example.": "first", "first.example.:80": "first",
    "a.wild.example": "wild", "a.b.wild.example": "wild", "wild.example": "first", "xwild.example": "first",
    "a.deep.wild.example": "deep", "deep.wild.example": "wild", "a.b.deep.wild.example": "deep",
    "exact.wild.example": "exact", "EXACT.wild.EXAMPLE": "exact", "a.exact.wild.example": "wild",
    "mail.org": "mail", "mail.co.uk": "mail", "mail": "first", "xmail.org": "first", "mail.exact.org": "mailexact",
    "mail.wild.example": "wild",
    "dot.example": "dot", "www.dot.example": "dot", "a.b.dot.example": "dot", "xdot.example": "first",
    "mixedcase.example": "mixed", "MIXEDCASE.EXAMPLE": "mixed", "two.example": "several", "three.example": "several",
    "ends.wild.example": "ends", "ends.org": "ends", "ends.deep.wild.example": "deep",
    "unknown.example": "first", "_": "underscore", "192.0.2.7": "address", "192.0.2.7:99": "address", "[::1]": "literal",
    "[::1]:80": "literal", "both.example": "both", "second.example": "first", "x.example": "x-here",
}


@pytest.mark.parametrize("host", list(NAMES))
def test_name_chooses_the_server(server, host):
    assert server.get("/", host=host).text == NAMES[host]


@pytest.mark.parametrize("host", list(NAMES))
def test_name_of_absolute_form_chooses_the_server(server, host):
    assert server.get(f"http://{host}/", host="other.example").text == NAMES[host]


def test_request_without_host_goes_to_the_nameless_server(server):
    assert server.get("/", host=None, version="1.0").text == "nameless"


@pytest.mark.parametrize("host, answer", [
    ("both.example", "both"), ("second.example", "second"), ("first.example", "chosen"), ("unknown", "chosen"), ("x.example", "x-there"),
])
def test_names_of_a_second_address_are_its_own(server, host, answer):
    assert server.get("/", host=host, name="port1").text == answer


@pytest.mark.parametrize("first, second", [("{port}", "127.0.0.2:{port}"), ("127.0.0.2:{port}", "*:{port}")])
def test_one_address_goes_before_all_addresses(weir, first, second):
    server = weir(http=named("first", "first", first) + named("second", "second", second))
    one, all_ = ("first", "second") if "127" in first else ("second", "first")
    for address, host, answer in (("127.0.0.1", all_, all_), ("127.0.0.1", one, all_), ("127.0.0.2", one, one), ("127.0.0.2", all_, one),
                                  ("127.0.0.3", "unknown", all_)):
        assert server.get("/", host=host, address=address).text == answer


def test_different_hosts_on_one_connection(server):
    with server.connect() as client:
        for host in ("first.example", "exact.wild.example", "dot.example", "first.example"):
            assert client.ask(request(host=host)).text == NAMES[host]


def test_ipv6_is_served(server):
    with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
        try:
            probe.bind(("::1", 0))
        except OSError:
            pytest.skip("no IPv6 here")
    assert server.get("/", name="port3", address="::1").text == "v6"


def test_unix_socket_is_served(server):
    with Client(str(server.prefix / "logs/sock")) as client:
        assert client.ask(request()).text == "unix"


@pytest.mark.parametrize("host", ["dotted.example", "www.dotted.example"])
def test_server_name_of_a_name_with_a_dot_is_without_it(weir, host):
    server = weir(server='server_name .dotted.example; return 200 "$server_name";')
    assert server.get("/", host=host).text == "dotted.example"


def test_conflicting_name_is_warned_about_and_ignored(weir):
    server = weir(http=named("a.example b.example", "one") + named("a.example", "two"))
    assert server.get("/", host="a.example").text == "one"
    text = server.said() + server.log_text()
    assert f'conflicting server name "a.example" on 127.0.0.1:{server.port()}, ignored' in text


def test_default_server_may_stand_anywhere(weir):
    server = weir(http=named("a.example", "a") + named("b.example", "b", "127.0.0.1:{port} default_server") + named("c.example", "c"))
    assert [server.get("/", host=host).text for host in ("a.example", "c.example", "x", "b.example")] == ["a", "c", "b", "b"]


def test_thousands_of_names(weir):
    server = weir(http="server_names_hash_max_size 8192;\n" + "".join(named(f"h{n}.example *.h{n}.example", n) for n in range(1500)))
    with server.connect() as client:
        for n in (0, 1, 700, 1499):
            assert client.ask(request(host=f"h{n}.example")).text == str(n)
            assert client.ask(request(host=f"a.b.h{n}.example")).text == str(n)


@pytest.mark.parametrize("options", ["backlog=10", "reuseport", "deferred", "rcvbuf=64k sndbuf=64k", "so_keepalive=on", "so_keepalive=30s::5",
                                     "fastopen=3", "bind", "default_server backlog=100 reuseport"])
def test_listen_takes_options(weir, options):
    server = weir(http="server { listen 127.0.0.1:{port} %s; return 200 ok; }" % options, workers=2)
    for _ in range(10):
        assert server.get("/").text == "ok"
