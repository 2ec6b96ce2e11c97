# SPDX-License-Identifier: BSD-2-Clause
"""Variables of the core: what $name says of a request."""

import pytest

from harness import request, serving

NAMES = ["arg_a", "arg_none", "args", "query_string", "is_args", "http_x", "http_x_y", "http_two", "cookie_a", "cookie_b", "cookie_c", "http_cookie",
         "host", "http_host", "request_port", "is_request_port", "uri", "document_uri", "request_uri", "request", "request_method",
         "server_protocol", "scheme", "https", "content_length", "content_type", "request_body", "limit_rate", "remote_addr", "server_addr",
         "connection_requests", "pipe", "request_completion", "status", "weir_version", "document_root", "request_filename"]


@pytest.fixture(scope="module")
def server():
    shown = "".join(f"{name}=[${name}]\\n" for name in NAMES)
    conf = f"""
        location / {{ return 200 "{shown}"; }}
        location /tcp {{ return 200 "$tcpinfo_rtt $tcpinfo_rttvar $tcpinfo_snd_cwnd $tcpinfo_rcv_space"; }}
        location /ids {{ return 200 "$request_id ${{request_id}} $request_time $msec $time_iso8601"; }}
        location /set {{ set $args "x=1"; return 200 "$args $arg_x $query_string"; }}
        location /rate {{ set $limit_rate 1k; return 200 "$limit_rate"; }}
        location /sent {{ add_header A 1; add_header A 2; add_trailer T "$sent_http_a"; return 200 x; }}
        location /digits {{ set $a x; if ($uri ~ (d)(i)) {{ return 200 "$1$2 $10 ${{a}}b $3|"; }} }}
    """
    with serving(server=conf, files={}) as weir:
        yield weir


def shown(server, data):
    with server.connect() as client:
        lines = client.ask(data).text.splitlines()
    return {line.partition("=")[0]: line.partition("=[")[2].removesuffix("]") for line in lines}


def test_what_a_request_says(server):
    said = shown(server, request("/a%20b/../c?a=1&b=%20&A=2", "X: 1", "X-Y: 2", "Two: a", "two: b", "Cookie: a=1; c=3", "Cookie: b=2",
                                 "Content-Type: text/x", host="Local.HOST:81"))
    assert {name: said[name] for name in NAMES if name not in ("document_root", "request_filename", "weir_version")} == {
        "arg_a": "1", "arg_none": "", "args": "a=1&b=%20&A=2", "query_string": "a=1&b=%20&A=2", "is_args": "?", "http_x": "1", "http_x_y": "2",
        "http_two": "a, b", "cookie_a": "1", "cookie_b": "2", "cookie_c": "3", "http_cookie": "a=1; c=3; b=2", "host": "local.host",
        "http_host": "Local.HOST:81", "request_port": "81", "is_request_port": ":", "uri": "/c", "document_uri": "/c",
        "request_uri": "/a%20b/../c?a=1&b=%20&A=2", "request": "GET /a%20b/../c?a=1&b=%20&A=2 HTTP/1.1", "request_method": "GET",
        "server_protocol": "HTTP/1.1", "scheme": "http", "https": "", "content_length": "", "content_type": "text/x", "request_body": "",
        "limit_rate": "0", "remote_addr": "127.0.0.1", "server_addr": "127.0.0.1", "connection_requests": "1", "pipe": ".",
        "request_completion": "", "status": "200"}
    assert said["request_filename"] == said["document_root"] + "/c"


@pytest.mark.parametrize("host, port", [("a", ""), ("a:8080", "8080"), ("[::1]", ""), ("[::1]:90", "90")])
def test_port_of_the_request(server, host, port):
    said = shown(server, request("/", host=host))
    assert (said["request_port"], said["is_request_port"]) == (port, ":" if port else "")


def test_values_of_the_moment(server):
    assert all(int(number) > 0 for number in server.get("/tcp").text.split())
    first, again, time, msec, iso = server.get("/ids").text.split()
    assert first == again and len(first) == 32 and float(time) < 60 and float(msec) > 1e9 and iso[10] == "T"
    assert server.get("/ids").text.split()[0] != first


def test_variables_that_can_be_set(server):
    assert server.get("/set?y=2").text == "x=1 1 x=1"
    assert server.get("/rate").text == "1024"


def test_several_fields_of_one_name_are_joined(server):
    assert server.get("/sent").trailers == [("T", "1, 2")]


def test_groups_have_one_digit(server):
    assert server.get("/digits").text == "di d0 xb |"
