# SPDX-License-Identifier: BSD-2-Clause
"""
weir beside the nginx of this machine: both run the same conf text and are asked the same, and what they answer, log and return is
compared. What differs stands in DIFFERENCES, with the reason; skipped where there is no nginx.
"""

import re
import socket
import struct
import subprocess

import pytest

from harness import Client, Weir, binary, now, request, serving, wait_until
from harness.nginx import NGINX, Nginx

pytestmark = pytest.mark.skipif(NGINX is None, reason="there is no nginx")

# (case, what was looked at): (what weir does, why not as nginx)
STRICT = "what REQUESTS THAT ARE REFUSED of the manual lists is refused"
UNKNOWN = "an unknown method is answered with 501 (RFC 9110 15.6.2)"
ONE_VALUE = "what is between commas is an address or nothing, also when one with a blank could be guessed"
LAST_WINS = "of several fields the last is believed, which the trusted proxy has written"
BRACKETS = "an IPv6 address in brackets is one without a port, too"
NO_STORE = "Cache-Control: no-store, as the numbers are of this moment"
SAYS_408 = "who has sent a part of a request is told why he is left"
CHECKED = "addresses and commands that are none are not passed on"
BAD_VALUE = "every value that is none is told of in the same words; a hint says what is possible"
EMPTY_STATUS = ("Active connections: 1 \nserver accepts handled requests\n 1 1 %d \n"
                "Reading: 0 Writing: 1 Waiting: 0 \n")
STATUS_HEAD = [("Cache-Control", "no-store"), ("Connection", "keep-alive"), ("Content-Length", "97"), ("Content-Type", "text/plain")]
DIFFERENCES = {
    ("realip_forwarded", ("1.2.3.4 10.0.0.1",)): ("the connection's", ONE_VALUE),
    ("realip_forwarded_recursive", ("1.2.3.4 10.0.0.1",)): ("the connection's", ONE_VALUE),
    ("realip_real_ip", ("1.2.3.4 10.0.0.1",)): ("the connection's", ONE_VALUE),
    ("realip_custom_recursive", ("1.2.3.4 10.0.0.1",)): ("the connection's", ONE_VALUE),
    ("realip_forwarded", ("[2001:db9::1]",)): ("2001:db9::1 ", BRACKETS),
    ("realip_forwarded_recursive", ("[2001:db9::1]",)): ("2001:db9::1 ", BRACKETS),
    ("realip_real_ip", ("[2001:db9::1]",)): ("2001:db9::1 ", BRACKETS),
    ("realip_custom_recursive", ("[2001:db9::1]",)): ("2001:db9::1 ", BRACKETS),
    ("realip_real_ip", ("1.2.3.4", "5.6.7.8")): ("5.6.7.8 ", LAST_WINS),
    ("realip_real_ip", ("1.2.3.4", "10.0.0.1")): ("10.0.0.1 ", LAST_WINS),
    ("realip_custom_recursive", ("1.2.3.4", "5.6.7.8")): ("5.6.7.8 ", LAST_WINS),
    ("realip_access_log", "lines"): (["1.2.3.4 77 127.0.0.1 200", "2001:db9::1 - 127.0.0.1 200"],
                                     "a port that is not known is written as -, as all that is not known"),
    ("proxy_protocol", "v2 unix"): ("unix:||unix:|", "a client of a Unix socket is named as in $remote_addr"),
    ("proxy_protocol", "v1 bad address"): (b"", CHECKED),
    ("proxy_protocol", "v2 bad command"): (b"", CHECKED),
    ("proxy_protocol", "broken headers"): (11, "every broken header is logged, those of version 2 and of no known address, too"),
    ("stub_status", "first"): ((200, STATUS_HEAD, (EMPTY_STATUS % 1).encode()), NO_STORE),
    ("stub_status", "second"): ((200, STATUS_HEAD, (EMPTY_STATUS % 2).encode()), NO_STORE),
    ("stub_status", "HEAD"): ((200, STATUS_HEAD), NO_STORE),
    ("client_header_timeout", "half a line"): ((b"HTTP/1.1 408 Re", False, True), SAYS_408),
    ("client_header_timeout", "half a head"): ((b"HTTP/1.1 408 Re", False, True), SAYS_408),
    ("malformed", "empty host"): (200, "a request for nobody's host is a good one (RFC 9112 3.2)"),
    ("malformed", "no version"): (400, STRICT),
    ("malformed", "small method"): (501, UNKNOWN),
    ("malformed", "unknown method"): (501, UNKNOWN),
    ("malformed", "long field"): (431, "RFC 6585 5"),
    ("malformed", "long head"): (431, "RFC 6585 5"),
    ("malformed", "unknown last coding"): (400, "RFC 9112 6.3: the length cannot be told"),
    ("malformed", "bare newlines"): (400, STRICT),
    ("malformed", "CONNECT"): (405, "the method is known, and not allowed (RFC 9110 15.5.6)"),
    ("malformed", "HTTP/2"): (505, "RFC 9110 15.6.6"),
    ("malformed", "asterisk"): (200, "OPTIONS * is answered (RFC 9110 9.3.7)"),
}

# ---- looking


def head_of(response):
    """Status and fields but those that tell time or name the server; of a page of the server's own not its length either."""
    own_page = response.status >= 300
    hidden = {"server", "date", "etag", "last-modified", "retry-after"} | ({"content-length"} if own_page else set())
    return response.status, sorted((name, value) for name, value in response.headers if name.lower() not in hidden)


def answer_of(response):
    return (*head_of(response), response.body if response.status < 300 else None)


def said(server, pattern=""):
    """The texts of the error log's lines that have the pattern, without what is another each time: time, process, connection."""
    found = []
    for line in server.log_text().splitlines():
        match = re.fullmatch(r"\S+ \S+ (\[\w+\]) \d+#\d+: (?:\*\d+ )?(.*)", line)
        if match and re.search(pattern, match[2]):
            text = re.sub(r"excess: \d+\.\d+", "excess: N", match[2])
            for name, claim in server.claims.items():
                text = text.replace(str(claim.port), name)
            found.append(f"{match[1]} {text}")
    return found


def logged(server, count=1):
    """The lines of the access log that a case writes into logs/case."""
    return server.wait_access(count, "case")


def status_of(server, data):
    """The status that exact bytes bring; what else comes first when it is none."""
    with server.connect() as client:
        client.send(data).finish()
        got = client.read_rest()
    match = re.match(rb"HTTP/1\.1 (\d+) ", got)
    return int(match[1]) if match else got[:20]


CASES = {}


def case(http="", server="", files=None, conf=None):
    def register(function):
        CASES[function.__name__] = (dict(http=http, server=server, files=files or {"html/a": "a", "html/b": "bb"}), function)
        return function
    return register


# ---- limit_req

STATUS_LOG = "log_format case '$status $limit_req_status'; access_log {prefix}/logs/case case;"
MINUTE = STATUS_LOG + "limit_req_zone $binary_remote_addr zone=one:64k rate=1r/m;"
TWO = STATUS_LOG + "limit_req_zone $binary_remote_addr zone=one:64k rate=2r/s;"


def limited(server, count=4, target="/a"):
    answers = [answer_of(server.get(target)) for _ in range(count)]
    return {"answers": answers, "access log": logged(server, count), "error log": said(server, "limiting|delaying")}


@case(MINUTE, "limit_req zone=one;")
def limit_req(server):
    return limited(server)


@case(MINUTE, "limit_req zone=one burst=2 nodelay;")
def limit_req_burst_nodelay(server):
    return limited(server, 5)


@case(MINUTE, "limit_req zone=one burst=3 delay=3; limit_req_status 429; limit_req_log_level info;")
def limit_req_status_and_level(server):
    return limited(server, 6)


@case(MINUTE, "limit_req zone=one burst=1; limit_req_dry_run on;")
def limit_req_dry_run(server):
    return limited(server, 4)


@case(MINUTE, "limit_req zone=one; limit_req_dry_run on; limit_req_status 429;")
def limit_req_dry_run_without_burst(server):
    return limited(server, 3)


@case(MINUTE.replace("$binary_remote_addr", "$http_x_key"), "limit_req zone=one;")
def limit_req_key(server):
    return {"no key": [server.get("/a").status for _ in range(3)],
            "a key": [server.get("/a", "X-Key: k").status for _ in range(2)],
            "another": server.get("/a", "X-Key: l").status,
            "long": server.get("/a", "X-Key: " + 200 * "k").status}


@case(MINUTE + "limit_req_zone $server_name zone=two:64k rate=60r/m;", "limit_req zone=two burst=9 nodelay; limit_req zone=one burst=1 nodelay;")
def limit_req_two_zones(server):
    return limited(server, 4)


@case(MINUTE, "limit_req zone=one; error_page 503 /b; location = /b { limit_req zone=one; }")
def limit_req_error_page(server):
    return limited(server, 3)


@case(MINUTE, "limit_req zone=one; location /r { return 204; } location /a { }")
def limit_req_is_behind_return(server):
    return limited(server, 3, "/r")


@case(TWO, "limit_req zone=one burst=5;")
def limit_req_delays(server):
    start = now()
    answers = [answer_of(server.get("/a")) for _ in range(3)]
    return {"answers": answers, "took a second": 0.9 < now() - start < 5, "access log": logged(server, 3),
            "error log": said(server, "limiting|delaying")}


@case(TWO.replace("2r/s", "1r/s"), "limit_req zone=one burst=5 delay=1;")
def limit_req_delays_what_exceeds_the_delay(server):
    start = now()
    first = [server.get("/a").status for _ in range(2)]
    quick = now() - start < 0.9
    third = server.get("/a").status
    return {"statuses": [*first, third], "two at once": quick, "third waits": 0.9 < now() - start < 5,
            "access log": logged(server, 3)}


# ---- limit_conn

CONN = ("log_format case '$status $limit_conn_status'; access_log {prefix}/logs/case case;"
        "limit_conn_zone $binary_remote_addr zone=one:64k;")
SLOW = {"html/slow": 40000 * "s", "html/a": "a"}


def while_one_downloads(server, ask):
    with server.connect() as client:
        client.send(request("/slow")).read_some(100)
        return ask()


def crowded(server):
    answers = while_one_downloads(server, lambda: [answer_of(server.get("/a")) for _ in range(2)])
    return {"answers": answers, "access log": logged(server, 2)[:2], "error log": said(server, "limiting")}


@case(CONN, "limit_conn one 1; limit_rate 1k;", SLOW)
def limit_conn(server):
    return crowded(server)


@case(CONN, "limit_conn one 1; limit_rate 1k; limit_conn_status 429; limit_conn_log_level warn;", SLOW)
def limit_conn_status_and_level(server):
    return crowded(server)


@case(CONN, "limit_conn one 1; limit_rate 1k; limit_conn_dry_run on;", SLOW)
def limit_conn_dry_run(server):
    return crowded(server)


@case(CONN, "limit_conn one 1;")
def limit_conn_counts_requests_not_connections(server):
    with server.connect() as idle:
        return {"first": idle.ask(request("/a")).status, "beside an idle one": server.get("/a").status}


# ---- limit_rate


def timed(server, target, *fields):
    start = now()
    response = server.get(target, *fields)
    return response.status, len(response.body), now() - start


def paced(server, seconds, *fields):
    status, size, took = timed(server, "/slow", *fields)
    return {"answer": (status, size), "pace": "as said" if seconds * 0.8 - 0.2 < took < seconds * 1.25 + 2 else took}


@case("", "limit_rate 20k;", {"html/slow": 80000 * "s"})
def limit_rate(server):
    return paced(server, 80000 / 20480 - 1)


@case("", "limit_rate_after 40k; limit_rate 20k;", {"html/slow": 120000 * "s"})
def limit_rate_after(server):
    return paced(server, (120000 - 40960) / 20480 - 0.5)


@case("", "limit_rate $http_x_rate;", {"html/slow": 80000 * "s"})
def limit_rate_of_a_variable(server):
    return {**paced(server, 0), "slow": paced(server, 3, "X-Rate: 20k")["pace"]}


# ---- realip

REAL = ("log_format case '$remote_addr $remote_port $realip_remote_addr $status'; access_log {prefix}/logs/case case;"
        "set_real_ip_from 127.0.0.0/8; set_real_ip_from 10.0.0.0/8; set_real_ip_from 2001:db8::/32;")
REAL_SAYS = 'location / { return 200 "$remote_addr $remote_port"; }'
CHAINS = [
    (), ("1.2.3.4",), ("1.2.3.4, 5.6.7.8",), ("1.2.3.4, 10.0.0.1",), ("1.2.3.4,10.0.0.1",), ("1.2.3.4 , 10.0.0.1 ",), ("1.2.3.4 10.0.0.1",),
    ("10.0.0.1, 10.0.0.2",), ("1.2.3.4", "5.6.7.8"), ("1.2.3.4", "10.0.0.1"), ("nobody",), ("nobody, 10.0.0.1",), ("1.2.3.4, nobody",), ("",),
    ("2001:db9::1",), ("2001:db9::1, 2001:db8::5",), ("[2001:db9::1]",), ("[2001:db9::1]:80",), ("1.2.3.4:5678",), ("1.2.3.4:0",),
    ("1.2.3.4:65536",), ("1.2.3.4:",), ("[2001:db9::1]:",), ("1.2.3.4,",), (", 1.2.3.4",), ("::ffff:1.2.3.4",), ("unix:",), ("1.2.3",), ("1.2.3.4, 10.0.0.1:8080",),
]


def told(server, name):
    found = {}
    for chain in CHAINS:
        text = server.get("/", *(f"{name}: {value}" for value in chain)).text
        address, _, port = text.partition(" ")
        own = address == "127.0.0.1" and port.isdigit() and int(port) > 0
        found[chain] = "the connection's" if own else text
    return found


@case(REAL + "real_ip_header X-Forwarded-For;", REAL_SAYS)
def realip_forwarded(server):
    return told(server, "X-Forwarded-For")


@case(REAL + "real_ip_header X-Forwarded-For; real_ip_recursive on;", REAL_SAYS)
def realip_forwarded_recursive(server):
    return told(server, "X-Forwarded-For")


@case(REAL, REAL_SAYS)
def realip_real_ip(server):
    return told(server, "X-Real-IP")


@case(REAL + "real_ip_header X-Client; real_ip_recursive on;", REAL_SAYS)
def realip_custom_recursive(server):
    return told(server, "X-Client")


@case(REAL.replace("127.0.0.0/8", "192.0.2.1") + "real_ip_header X-Forwarded-For;", REAL_SAYS)
def realip_of_somebody_else(server):
    return told(server, "X-Forwarded-For")


@case(REAL + "server { listen [::1]:{port1}; real_ip_header X-Real-IP; set_real_ip_from ::1; location / { return 200 $remote_addr; } }"
      "server { listen unix:{prefix}/logs/sock; set_real_ip_from unix:; real_ip_header X-Real-IP; location / { return 200 \"$remote_addr $realip_remote_addr\"; } }",
      REAL_SAYS)
def realip_over_ipv6_and_unix(server):
    with Client(str(server.prefix / "logs" / "sock")) as client:
        texts = [client.ask(request("/", *fields)).text for fields in ((), ("X-Real-IP: 1.2.3.4",), ("X-Real-IP: 2001:db9::1",))]
    return {"ipv6": server.get("/", "X-Real-IP: 1.2.3.4", name="port1", address="::1").text, "unix": texts}


@case(REAL, "location / { return 200; }")
def realip_access_log(server):
    server.get("/", "X-Real-IP: 1.2.3.4:77")
    server.get("/", "X-Real-IP: 2001:db9::1")
    return {"lines": logged(server, 2)}


# ---- the PROXY protocol

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def v2(block=b"", family=0x11, command=0x21):
    return SIGNATURE + struct.pack("!BBH", command, family, len(block)) + block


IPV4 = socket.inet_aton("1.2.3.4") + socket.inet_aton("5.6.7.8") + struct.pack("!HH", 4660, 80)
IPV6 = (socket.inet_pton(socket.AF_INET6, "2001:db9::1") + socket.inet_pton(socket.AF_INET6, "2001:db9::2")
        + struct.pack("!HH", 4660, 80))
PROXIED = {
    "v1": b"PROXY TCP4 1.2.3.4 5.6.7.8 4660 80\r\n",
    "v1 ipv6": b"PROXY TCP6 2001:db9::1 2001:db9::2 4660 80\r\n",
    "v1 unknown": b"PROXY UNKNOWN\r\n",
    "v1 unknown more": b"PROXY UNKNOWN a b c\r\n",
    "v2": v2(IPV4),
    "v2 ipv6": v2(IPV6, 0x21),
    "v2 local": v2(b"", 0, 0x20),
    "v2 local with addresses": v2(IPV4, 0x11, 0x20),
    "v2 unspecified": v2(b"", 0),
    "v2 datagram": v2(IPV4, 0x12),
    "v2 with a TLV": v2(IPV4 + b"\x02\x00\x01a"),
    "v2 unix": v2(bytes(216), 0x31),
    "none": b"",
    "v1 wrong word": b"PROXI TCP4 1.2.3.4 5.6.7.8 4660 80\r\n",
    "v1 without ports": b"PROXY TCP4 1.2.3.4 5.6.7.8\r\n",
    "v1 bad address": b"PROXY TCP4 1.2.3.400 5.6.7.8 4660 80\r\n",
    "v1 bad port": b"PROXY TCP4 1.2.3.4 5.6.7.8 66000 80\r\n",
    "v1 bad family": b"PROXY TCP5 1.2.3.4 5.6.7.8 4660 80\r\n",
    "v1 bare newline": b"PROXY TCP4 1.2.3.4 5.6.7.8 4660 80\n",
    "v1 too long": b"PROXY TCP4 1.2.3.4 5.6.7.8 4660 80" + 100 * b" " + b"\r\n",
    "v2 bad version": v2(IPV4, 0x11, 0x11),
    "v2 bad command": v2(IPV4, 0x11, 0x22),
    "v2 short addresses": v2(IPV4[:6]),
}


@case("", """
    listen 127.0.0.1:{port1} proxy_protocol;
    location / { return 200 "$proxy_protocol_addr|$proxy_protocol_port|$proxy_protocol_server_addr|$proxy_protocol_server_port"; }
""")
def proxy_protocol(server):
    found = {}
    for name, header in PROXIED.items():
        with server.connect("port1") as client:
            client.send(header + request("/", "Connection: close"))
            client.finish()
            got = client.read_rest()
        found[name] = got.rpartition(b"\r\n\r\n")[2].decode() if got.startswith(b"HTTP/1.1 200") else got[:12]
    found["broken headers"] = len([line for line in said(server, "broken header") if line.startswith("[error]")])
    return found


@case("set_real_ip_from 127.0.0.1; real_ip_header proxy_protocol; log_format case '$remote_addr $realip_remote_addr';"
      "access_log {prefix}/logs/case case;",
      "listen 127.0.0.1:{port1} proxy_protocol; location / { return 200 \"$remote_addr $remote_port\"; }")
def proxy_protocol_is_the_real_ip(server):
    with server.connect("port1") as client:
        texts = [client.ask(PROXIED["v1"] + request("/")).text, client.ask(request("/")).text]
    with server.connect("port1") as client:
        texts.append(client.ask(PROXIED["v2 ipv6"] + request("/")).text)
    return {"texts": texts, "access log": logged(server, 3)}


# ---- stub_status


@case("", """
    location = /status { stub_status; }
    location = /says { return 200 "$connections_active $connections_reading $connections_writing $connections_waiting"; }
""")
def stub_status(server):
    with server.connect() as client:
        found = {"first": answer_of(client.ask(request("/status"))), "second": answer_of(client.ask(request("/status")))}
        with server.connect() as other:
            other.ask(request("/a"))
            found["beside an idle one"] = client.ask(request("/status")).text
            found["variables"] = client.ask(request("/says")).text
        found["HEAD"] = head_of(client.ask(request("/status", method="HEAD"), "HEAD"))
        found["POST"] = client.ask(request("/status", "Content-Length: 0", method="POST")).status
    return found


# ---- keepalive


def connections_of(server, *requests):
    """What the answers on one connection say of it, until it is closed."""
    found = []
    with server.connect() as client:
        for data in requests:
            response = client.send(data).read()
            found.append((response.status, response.get("Connection"), response.get("Keep-Alive")))
            if (response.get("Connection") or "").lower() == "close":
                client.expect_close()
                break
    return found


@case("", "keepalive_requests 3;")
def keepalive_requests(server):
    return {"answers": connections_of(server, *[request("/a")] * 4)}


@case("", "keepalive_timeout 75s 60s;")
def keepalive_timeout_field(server):
    old = request("/a", "Connection: keep-alive", version="1.0")
    return {"1.1": connections_of(server, request("/a"), request("/a", "Connection: close")),
            "1.0": connections_of(server, request("/a", version="1.0")), "1.0 kept": connections_of(server, old, old)[:2],
            "error": connections_of(server, request("/none"), request("/none")),
            "both words": connections_of(server, request("/a", "Connection: close, keep-alive"))}


@case("", "keepalive_timeout 0;")
def keepalive_timeout_of_zero(server):
    return {"answers": connections_of(server, request("/a"))}


@case("", "keepalive_time 1ms;")
def keepalive_time(server):
    def answers():
        with server.connect() as client:
            client.ask(request("/a"))
            start = now()
            wait_until(lambda: now() - start > 0.02, "20 ms to pass")
            return client.ask(request("/a")).get("Connection")
    return {"after the time": answers()}


@case("", "keepalive_disable safari;")
def keepalive_disable(server):
    agent = "User-Agent: Mozilla/5.0 (Macintosh; Intel Mac OS X 10_1) AppleWebKit/600 (KHTML, like Gecko) Version/8.0 Safari/600"
    return {"safari": connections_of(server, request("/a", agent)),
            "others": connections_of(server, request("/a", "User-Agent: curl"), request("/a", "Connection: close"))}


@case("", "keepalive_timeout 1s;")
def keepalive_timeout_ends_an_idle_connection(server):
    with server.connect() as client:
        client.ask(request("/a"))
        start = now()
        client.expect_close()
        return {"after a second": 0.8 < now() - start < 5}


# ---- timeouts and lingering

STATUSES = "log_format case '$status \"$request\"'; access_log {prefix}/logs/case case;"


@case(STATUSES, "client_header_timeout 1s;")
def client_header_timeout(server):
    found = {}
    for name, data in (("silent", b""), ("half a line", b"GET /a"), ("half a head", b"GET /a HTTP/1.1\r\nHost: a\r\n")):
        with server.connect() as client:
            start = now()
            client.send(data)
            found[name] = (client.read_rest()[:15], client.was_reset, 0.8 < now() - start < 5)
    server.get("/a")
    wait_until(lambda: any('"GET /a HTTP' in line and line.startswith("200") for line in logged(server)), "the last line")
    found["access log"] = logged(server)
    return found


@case(STATUSES, "client_header_timeout 1s; reset_timedout_connection on;")
def reset_timedout_connection(server):
    with server.connect() as client:
        client.send(b"GET /a HTTP/1.1\r\nHost: a\r\n")
        return {"answer": client.read_rest(), "reset": client.was_reset, "access log": logged(server)}


@case(STATUSES, "send_timeout 1s; reset_timedout_connection on; sendfile off;", {"html/large": 30_000_000 * "l"})
def reset_of_one_who_does_not_read(server):
    with server.connect(rcvbuf=4096) as client:
        client.send(request("/large"))
        line = logged(server)[0]
        client.read_rest()
        return {"reset": client.was_reset, "status": line.split()[0]}


@case(STATUSES, "client_body_timeout 1s; lingering_timeout 1s; lingering_time 2s; location / { return 200 x; } location /a { }")
def body_that_does_not_come(server):
    found = {}
    for target in ("/a", "/x"):
        with server.connect() as client:
            client.send(request(target, "Content-Length: 10", body=b"12345"))
            response = client.read()
            start = now()
            client.expect_close(reset_is_fine=True)
            found[target] = (*answer_of(response), now() - start < 5)
    found["access log"] = sorted(logged(server, 2))
    return found


@case(STATUSES, "client_max_body_size 10; location / { return 200 x; } location /a { }")
def body_that_is_too_large(server):
    found = {}
    for target in ("/a", "/x"):
        with server.connect() as client:
            client.send(request(target, "Content-Length: 100000"))
            found[target] = answer_of(client.read())
            client.send_anyway(100000 * b"x").finish()
            client.expect_close(reset_is_fine=True)
            found[target] = (found[target], client.was_reset)
    found["chunked"] = server.ask(request("/x", "Transfer-Encoding: chunked", "Connection: close", body=b"14\r\n" + 20 * b"x" + b"\r\n0\r\n\r\n")).status
    found["access log"] = logged(server, 3)[:2]
    return found


@case(STATUSES, "client_max_body_size 10; lingering_close off;")
def lingering_close_off(server):
    with server.connect() as client:
        client.send(request("/a", "Content-Length: 100000"))
        return {"answer": answer_of(client.read()), "closed": client.expect_close(reset_is_fine=True)}


# ---- malformed requests

MALFORMED = {
    "space in the target": b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
    "no host": b"GET /a HTTP/1.1\r\n\r\n",
    "two hosts": b"GET /a HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "bad host": b"GET /a HTTP/1.1\r\nHost: a/b\r\n\r\n",
    "empty host": b"GET /a HTTP/1.1\r\nHost:\r\n\r\n",
    "version 2": b"GET /a HTTP/2.0\r\nHost: a\r\n\r\n",
    "version 1.2": b"GET /a HTTP/1.2\r\nHost: a\r\nConnection: close\r\n\r\n",
    "version 1": b"GET /a HTTP/1\r\nHost: a\r\n\r\n",
    "no version": b"GET /none\r\n",
    "small method": b"get /a HTTP/1.1\r\nHost: a\r\n\r\n",
    "unknown method": b"FROB /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    "method of signs": b"G@T /a HTTP/1.1\r\nHost: a\r\n\r\n",
    "relative target": b"GET a HTTP/1.1\r\nHost: a\r\n\r\n",
    "target that leaves": b"GET /../a HTTP/1.1\r\nHost: a\r\n\r\n",
    "NUL in the target": b"GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n",
    "bad escape": b"GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n",
    "NUL in a field": b"GET /a HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n",
    "long line": b"GET /" + 9000 * b"a" + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    "long field": b"GET /a HTTP/1.1\r\nHost: a\r\nX: " + 9000 * b"a" + b"\r\n\r\n",
    "long head": b"GET /a HTTP/1.1\r\nHost: a\r\n" + b"".join(b"X: " + 6000 * b"a" + b"\r\n" for _ in range(8)) + b"\r\n",
    "bad length": b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 1x\r\n\r\n",
    "two lengths": b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    "length and chunked": b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "unknown coding": b"POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "unknown last coding": b"POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n",
    "chunked in 1.0": b"POST /a HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "unknown expectation": b"GET /a HTTP/1.1\r\nHost: a\r\nExpect: much\r\nConnection: close\r\n\r\n",
    "folded field": b"GET /a HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\nConnection: close\r\n\r\n",
    "space before the colon": b"GET /a HTTP/1.1\r\nHost: a\r\nX : a\r\nConnection: close\r\n\r\n",
    "underscore in a name": b"GET /a HTTP/1.1\r\nHost: a\r\nX_Y: a\r\nConnection: close\r\n\r\n",
    "field without a name": b"GET /a HTTP/1.1\r\nHost: a\r\n: a\r\nConnection: close\r\n\r\n",
    "empty lines in front": b"\r\n\r\nGET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    "bare newlines": b"GET /a HTTP/1.1\nHost: a\nConnection: close\n\n",
    "TRACE": b"TRACE /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    "CONNECT": b"CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\nConnection: close\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(20) + b"\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "asterisk": b"OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
}


@case("", "")
def malformed(server):
    return {name: status_of(server, data) for name, data in MALFORMED.items()}


@pytest.mark.parametrize("name", list(CASES))
def test_both_say_the_same(name):
    arguments, look = CASES[name]
    found = {}
    for kind in (Nginx, Weir):
        with serving(kind=kind, **arguments) as server:
            found[kind] = look(server)
    expected = {key: DIFFERENCES[name, key][0] if (name, key) in DIFFERENCES else text for key, text in found[Nginx].items()}
    wrong = {key: (found[Weir][key], text) for key, text in expected.items() if found[Weir][key] != text}
    assert not wrong, "\n".join(f"{key}: weir: {one!r}\n    expected: {other!r}" for key, (one, other) in wrong.items())


# ---- the command line


@pytest.mark.parametrize("kind", [Nginx, Weir])
def test_signals_by_command_end_with_the_same_status(kind):
    found = {}
    with serving(kind=kind, server="location / { return 200 x; }", start=False, allow=[r"\[emerg\]"]) as server:
        server.write_conf()
        for word in ("reload", "reopen", "quit", "stop", "nonsense"):
            found[word, "nobody there"] = server.run("-s", word).returncode
        server.start()
        for word in ("reload", "reopen", "nonsense", ""):
            found[word] = server.run("-s", word).returncode
        good = server.template
        server.write_conf(good.replace("return 200", "returns 200"))
        found["reload", "broken conf"] = server.run("-s", "reload").returncode
        found["still serves"] = server.get("/").text
        server.write_conf(good)
        found["quit"] = server.run("-s", "quit").returncode
        assert server.wait_end() == 0
    assert found == {("reload", "nobody there"): 1, ("reopen", "nobody there"): 1, ("quit", "nobody there"): 1,
                     ("stop", "nobody there"): 1, ("nonsense", "nobody there"): 1, "reload": 0, "reopen": 0, "nonsense": 1, "": 1,
                     ("reload", "broken conf"): 1, "still serves": "x", "quit": 0}


ONE = "limit_req_zone $binary_remote_addr zone=one:64k rate=1r/s;"
CON = "limit_conn_zone $binary_remote_addr zone=con:64k;"
# Lines of http, of its server; and weir's text, where it is another than nginx's, with the reason.
BROKEN = [
    (ONE.replace("$binary_remote_addr", "$none"), "", ('unknown "none" variable in CONF:1', "weir says where")),
    (ONE.replace("64k", "x"), "", None),
    (ONE.replace(":64k", ""), "", None),
    (ONE.replace("64k", "1k"), "", ('zone "one" is too small in CONF:1', "the zone's name is enough")),
    (ONE.replace("1r/s", "1r/h"), "", None),
    (ONE.replace("1r/s", "0r/s"), "", None),
    (ONE.replace("1r/s", "xr/s"), "", None),
    (ONE + ONE, "", None),
    (ONE.replace(";", " more=1;"), "", None),
    ("", "limit_req burst=1;", None),
    (ONE, "limit_req zone=one burst=x;", None),
    (ONE, "limit_req zone=one delay=x;", None),
    (ONE, "limit_req zone=one more;", None),
    (ONE, "limit_req zone=one; limit_req zone=one;", None),
    (ONE, "limit_req_status 200;", ('invalid value "200" in "limit_req_status" directive in CONF:1', BAD_VALUE)),
    (ONE, "limit_req_log_level debug;", ('invalid value "debug" in "limit_req_log_level" directive, it must be "info", "notice", "warn" '
                                         'or "error" in CONF:1', BAD_VALUE)),
    (ONE, "limit_req_dry_run x;", None),
    (ONE, "limit_conn one 1;", None),
    (CON, "limit_req zone=con;", None),
    (CON, "limit_conn con 0;", None),
    (CON, "limit_conn con x;", None),
    (CON, "limit_conn con;", None),
    (CON, "limit_conn con 1; limit_conn con 1;", None),
    (CON + CON, "", None),
    ("limit_conn_zone $binary_remote_addr;", "", None),
    ("", "set_real_ip_from x;", None),
    ("", "real_ip_header;", None),
    ("", "real_ip_recursive x;", None),
    ("", "stub_status a b;", None),
    ("stub_status;", "", None),
    ("", "keepalive_disable x;", None),
    ("", "keepalive_requests x;", ('invalid value "x" in "keepalive_requests" directive in CONF:1', BAD_VALUE)),
    ("", "lingering_close x;", ('invalid value "x" in "lingering_close" directive, it must be "on", "off" or "always" in CONF:1', BAD_VALUE)),
    ("", "reset_timedout_connection x;", None),
    ("", "listen 18081 x;", None),
    ("", "listen [::1]:18081 ipv6only=x;", None),
    ("", "listen unix:;", None),
    ("", "listen 70000;", None),
    ("", "listen 18081; listen 18081;", ("a duplicate listen 18081 in CONF:1", "as it is written there")),
    ("", "proxy_protocol on;", None),
    ("", "location / { " + ONE + " }", None),
]


@pytest.mark.parametrize("http, server, differs", BROKEN)
def test_broken_conf_is_told_of_in_the_same_words(folder, http, server, differs):
    texts = {}
    for program in (NGINX, binary()):
        conf = folder / "conf"
        conf.write_text(f"pid {folder}/pid; events {{ }} http {{ {http} server {{ listen 127.0.0.1:18080; {server} }} }}\n")
        done = subprocess.run([program, "-p", f"{folder}/", "-c", str(conf), "-e", "stderr", "-t"], capture_output=True, text=True, timeout=20)
        first = done.stderr.split("\n", 1)[0].replace(str(conf), "CONF")
        texts[program] = re.sub(r"^.*?\[emerg\] (?:\d+#\d+: )?", "", first)
        assert done.returncode == 1
    assert texts[binary()] == (differs[0] if differs else texts[NGINX])
