# SPDX-License-Identifier: BSD-2-Clause
"""geo: a variable that goes by an address. test_beside_nginx_maps.py asks nginx the same."""

import pytest

from harness import Client, request, serving

HTTP = """
    geo $arg_a $networks {
        default D;
        1.0.0.0/8 a; 1.1.0.0/16 b; 1.1.1.1 c; 1.2.0.0/16 e; delete 1.2.0.0/16; 1.3.0.0/16 f; 1.3.0.0/16 g; 1.4.0.0/16 h; delete 1.4.0.0/17;
        1.1.1.0/30 four; 2001:db8::/32 six; 2001:db8::1 one; ::1 loop; ::/0 any6; 255.255.255.255 bad; 9.0.0.0/8 "with blank"; 8.8.8.8 "";
        include more.geo;
    }
    geo $arg_a $ranges {
        ranges;
        default D;
        1.0.0.0-1.0.0.255 a; 1.0.0.10-1.0.0.20 b; delete 1.0.0.10-1.0.0.20; 1.0.1.0-1.0.1.255 c; 1.0.1.20-1.0.1.30 d; 1.0.1.22-1.0.1.24 e;
        1.0.1.0-1.0.1.5 f; 1.0.1.250-1.0.1.255 g; 0.0.0.0-0.0.0.255 zero; 2.0.0.0-3.255.255.255 wide; 1.0.2.0-1.0.2.0 single;
        255.255.255.0-255.255.255.254 high;
    }
    geo $arg_a $last { default D; proxy 10.0.0.0/8; proxy 2001:db8::/32; proxy 192.0.2.1;
        1.1.1.1 one; 1.1.1.2 two; 10.0.0.0/8 ten; 2001:db8::/32 db8; 255.255.255.255 bad; ::1 loop; 192.0.2.1 proxy; }
    geo $arg_a $recursive { default D; proxy 10.0.0.0/8; proxy_recursive; 1.1.1.1 one; 1.1.1.2 two; 10.0.0.0/8 ten; 255.255.255.255 bad; ::1 loop; }
    geo $me { 127.0.0.0/8 loop; 127.0.0.2 second; default D; 255.255.255.255 unix; ::1 six; }
    geo $remote_addr $me_too { 127.0.0.0/8 loop; 127.0.0.2 second; default D; }
    geo $without { 10.0.0.0/8 ten; }
    geo $nothing { }
    geo $args_twice { default first; }
    geo $args_twice { default second; }
"""
SERVER = """
    location / { return 200 "$networks|$ranges|$last|$recursive"; }
    location /me { return 200 "$me|$me_too|[$without]|[$nothing]|$args_twice"; }
"""
FILES = {"more.geo": "7.0.0.0/8 seven; # a comment\n7.7.7.7/32 sevens;\n"}

# address: (networks, ranges)
ADDRESSES = {
    "1.0.0.0": ("a", "a"), "1.0.0.9": ("a", "a"), "1.0.0.10": ("a", "D"), "1.0.0.20": ("a", "D"), "1.0.0.21": ("a", "a"), "1.0.0.255": ("a", "a"),
    "1.0.1.0": ("a", "f"), "1.0.1.5": ("a", "f"), "1.0.1.6": ("a", "c"), "1.0.1.19": ("a", "c"), "1.0.1.20": ("a", "d"), "1.0.1.22": ("a", "e"),
    "1.0.1.24": ("a", "e"), "1.0.1.25": ("a", "d"), "1.0.1.30": ("a", "d"), "1.0.1.31": ("a", "c"), "1.0.1.250": ("a", "g"),
    "1.0.1.255": ("a", "g"), "1.0.2.0": ("a", "single"), "1.0.2.1": ("a", "D"), "0.255.255.255": ("D", "D"), "0.0.0.0": ("D", "zero"),
    "0.0.0.255": ("D", "zero"), "0.0.1.0": ("D", "D"), "2.0.0.0": ("D", "wide"), "3.255.255.255": ("D", "wide"), "4.0.0.0": ("D", "D"),
    "1.1.0.0": ("b", "D"), "1.1.1.1": ("c", "D"), "1.1.1.0": ("four", "D"), "1.1.1.3": ("four", "D"), "1.1.1.4": ("b", "D"),
    "1.1.255.255": ("b", "D"), "1.2.3.4": ("a", "D"), "1.3.3.4": ("g", "D"), "1.4.3.4": ("h", "D"), "1.255.255.255": ("a", "D"),
    "9.9.9.9": ("with blank", "D"), "8.8.8.8": ("", "D"), "7.1.1.1": ("seven", "D"), "7.7.7.7": ("sevens", "D"),
    "255.255.255.254": ("D", "high"), "255.255.255.255": ("bad", "D"), "2001:db8::1": ("one", "D"), "2001:db8::2": ("six", "D"),
    "2001:DB8:FFFF::": ("six", "D"), "2001:db9::": ("any6", "D"), "::1": ("loop", "D"), "::": ("any6", "D"),
    "::ffff:1.1.1.1": ("c", "D"), "::ffff:1.0.1.22": ("a", "e"), "::ffff:0:0": ("D", "zero"), "ffff:ffff::": ("any6", "D"),
}
NO_ADDRESSES = ["", "x", "1.1.1", "1.1.1.1.1", "1.1.1.1:80", "1.1.1.1/32", "[::1]", "::1%25lo", "%201.1.1.1", "1.1.1.1%20", "localhost", "1.1.1.256",
                "unix:", "-1.1.1.1", "1.1.1.1-1.1.1.2", "::1::", 300 * "1", "%00", "0x1.1.1.1"]
# address, fields of X-Forwarded-For: (last, recursive)
FORWARDED = [
    ("10.0.0.1", ["1.1.1.1"], ("one", "one")),
    ("10.0.0.1", ["1.1.1.2, 1.1.1.1"], ("one", "one")),
    ("10.0.0.1", ["1.1.1.1, 10.0.0.2"], ("ten", "one")),
    ("10.0.0.1", ["1.1.1.1", "10.0.0.2"], ("ten", "one")),
    ("10.0.0.1", ["1.1.1.2", "1.1.1.1, 10.1.1.1 , 10.0.0.2"], ("ten", "one")),
    ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], ("ten", "ten")),
    ("10.0.0.1", ["junk"], ("ten", "ten")),
    ("10.0.0.1", ["1.1.1.1, junk, 10.0.0.2"], ("ten", "ten")),
    ("10.0.0.1", [], ("ten", "ten")),
    ("10.0.0.1", ["1.1.1.1:80"], ("one", "one")),
    ("10.0.0.1", ["::1"], ("loop", "loop")),
    ("1.1.1.2", ["1.1.1.1"], ("two", "two")),
    ("192.0.2.1", ["1.1.1.1"], ("one", "D")),
    ("2001:db8::5", ["1.1.1.1"], ("one", "D")),
    ("x", ["1.1.1.1"], ("bad", "bad")),
]


@pytest.fixture(scope="module")
def server():
    with serving(http=HTTP, server="listen [::1]:{port}; listen unix:{prefix}/logs/sock;" + SERVER, files=FILES) as weir:
        yield weir


def values(server, address, *fields):
    return server.get(f"/?a={address}", *fields).text.split("|")


@pytest.mark.parametrize("address", list(ADDRESSES))
def test_narrowest_area_counts(server, address):
    assert tuple(values(server, address)[:2]) == ADDRESSES[address]


@pytest.mark.parametrize("text", NO_ADDRESSES)
def test_what_is_no_address_is_the_last_of_all(server, text):
    assert values(server, text) == ["bad", "D", "bad", "bad"]


@pytest.mark.parametrize("case", FORWARDED, ids=lambda case: f"{case[0]} {case[1]}")
def test_proxies_name_the_client(server, case):
    address, fields, expected = case
    assert tuple(values(server, address, *(f"X-Forwarded-For: {field}" for field in fields))[2:]) == expected


def test_client_itself(server):
    assert server.get("/me").text == "loop|loop|[]|[]|second"
    with server.connect(source="127.0.0.2") as client:
        assert client.ask(request("/me")).text.startswith("second|second|")
    with server.connect(host="::1") as client:
        assert client.ask(request("/me")).text.startswith("six|D|")
    with Client(f"{server.prefix}/logs/sock") as client:
        assert client.ask(request("/me")).text.startswith("unix|D|")


def test_client_is_whom_realip_finds(weir):
    server = weir(http="geo $v { 127.0.0.1 me; 1.2.3.0/24 other; }", server='set_real_ip_from 127.0.0.1; return 200 "[$v]";')
    assert server.get("/").text == "[me]" and server.get("/", "X-Real-IP: 1.2.3.4").text == "[other]"


def test_value_is_asked_for_once_unless_volatile(weir):
    server = weir(http="""
        map $uri $address { volatile; /a 1.1.1.1; /b 2.2.2.2; }
        geo $address $once { 1.1.1.1 one; 2.2.2.2 two; } geo $address $each { volatile; 1.1.1.1 one; 2.2.2.2 two; }""",
                  server='location /a { if ($once = x) { return 500; } if ($each = x) { return 500; } error_page 404 /b; } location /b { return 200 "$once $each"; }')
    assert server.get("/a").text == "one two"


def test_many_areas_load_and_are_found(weir):
    lines = "".join(f"{10 + i // 65536}.{i // 256 % 256}.{i % 256}.0/24 v{i};\n" for i in range(50000))
    server = weir(http="geo $arg_a $v { include big.geo; }", server='return 200 "$v";', files={"big.geo": lines})
    for i in (0, 1, 255, 256, 25000, 49999):
        assert server.get(f"/?a=10.{i // 256}.{i % 256}.77").text == f"v{i}"
    assert server.get("/?a=11.0.0.0").text == ""
