# SPDX-License-Identifier: BSD-2-Clause
"""
Clients that are slow, broken, gone or malicious. They come from an address of their own and expect nothing; what they do is counted
by the server alone.
"""

import contextlib
import socket
import ssl
import struct
import time

from harness import now, request
from soak_site import RUDE

SLOW, USUAL = "port2", "port"   # short timeouts; those of everybody
IDLE = 1000                     # connections that want nothing: more than there are slots


def open_one(person, port=SLOW, rcvbuf=None):
    sock = socket.socket()
    try:
        if rcvbuf is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        sock.settimeout(5)
        sock.bind((RUDE, 0))
        sock.connect(person.address(port))
    except OSError:
        sock.close()
        raise
    person.tally.counts["connections"] += 1
    return sock


def rude_request(target, *fields, **kwargs):
    return request(target, "Soak: rude", *fields, **kwargs)


def reset(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def read_a_bit(sock, chance):
    sock.settimeout(0.05)
    with contextlib.suppress(TimeoutError):
        for _ in range(chance.randrange(1, 4)):
            if not sock.recv(chance.choice([1, 1000, 100_000])):
                return


def run_on(act):
    """An act gets a connection of its own each time."""
    def again(person):
        try:
            with open_one(person, person.chance.choice([SLOW, SLOW, USUAL])) as sock:
                act(person, sock, person.chance)
        except OSError:
            pass
        person.rest(0.1)
    again.__name__ = act.__name__
    return again


# ---- acts

@run_on
def sends_half_a_head(person, sock, chance):
    sock.sendall(rude_request("/echo?id=half")[:chance.randrange(1, 30)])
    time.sleep(chance.choice([0, 0.01, 1.2]))
    if chance.random() < 0.5:
        reset(sock)


@run_on
def sends_byte_by_byte(person, sock, chance):
    for byte in rude_request("/fixed/small"):
        sock.sendall(bytes([byte]))
        time.sleep(chance.choice([0, 0, 0.01, 0.05]))
    read_a_bit(sock, chance)


@run_on
def drips_a_body(person, sock, chance):
    size = 100_000
    sock.sendall(rude_request(f"/dav/rude/{chance.randrange(5)}", f"Content-Length: {size}", method="PUT"))
    until = now() + chance.choice([0.1, 1.5])
    while now() < until and not person.over():
        sock.sendall(b"d" * chance.choice([1, 500]))
        time.sleep(0.02)


@run_on
def leaves_an_upload(person, sock, chance):
    size = chance.choice([1000, 100_000, 3_000_000])
    path = chance.choice(["/dav/rude/up", "/far/rude/up", "/dav/rude/new/up", "/echo"])
    sock.sendall(rude_request(path, f"Content-Length: {size}", method="PUT"))
    sock.sendall(b"u" * chance.randrange(size))
    time.sleep(chance.choice([0, 0, 0.05]))
    if chance.random() < 0.5:
        reset(sock)


@run_on
def sends_too_much(person, sock, chance):
    sock.sendall(rude_request("/dav/rude/much", "Content-Length: 5000000", *chance.choice([[], ["Expect: 100-continue"]]), method="PUT"))
    sock.sendall(b"m" * 200_000)
    read_a_bit(sock, chance)


@run_on
def leaves_an_answer(person, sock, chance):
    path = chance.choice(["/fixed/huge", "/slow/huge", "/count/huge?key=x", "/list/", "/ssi/page.html?id=r", "/gzip-0/rename/0"])
    sock.sendall(rude_request(path, *chance.choice([[], ["Accept-Encoding: gzip"]])) * chance.choice([1, 1, 20]))
    read_a_bit(sock, chance)
    if chance.random() < 0.6:
        reset(sock)


@run_on
def talks_garbage(person, sock, chance):
    good = rude_request("/fixed/small") * chance.randrange(3)
    sock.sendall(good + chance.choice([
        b"nonsense\r\n\r\n", chance.randbytes(300), b"\x16\x03\x01\x02\x00" * 100, b"x" * 40_000, b"GET / HTTP/9.9\r\n\r\n",
        rude_request("/../.."), rude_request("/a", "A b: c"), rude_request("/a", "Content-Length: 1", "Transfer-Encoding: chunked"),
        rude_request("/echo", "Transfer-Encoding: chunked", method="POST") + b"zz\r\n", b"\0" * 100, b"\r\n" * 2000,
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"]))
    read_a_bit(sock, chance)


@run_on
def greets_in_tls(person, sock, chance):
    context = ssl.create_default_context()
    with contextlib.suppress(ssl.SSLError):
        context.wrap_socket(sock, server_hostname="localhost").close()


@run_on
def closes_half(person, sock, chance):
    sock.sendall(rude_request("/fixed/middle") * chance.randrange(1, 5))
    sock.shutdown(socket.SHUT_WR)
    read_a_bit(sock, chance)


def never_reads(person):
    """Answers that nobody takes, a few at the same time."""
    chance, socks = person.chance, []
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):
            for _ in range(chance.randrange(1, 6)):
                sock = stack.enter_context(open_one(person, rcvbuf=4096))
                sock.sendall(rude_request(chance.choice(["/fixed/huge", "/fixed/large", "/echo?id=n"])) * chance.choice([1, 30]))
                socks.append(sock)
        wait(person, chance.choice([0.2, 2.0]))


def vanishes(person):
    """Connects, and is gone."""
    for _ in range(20):
        with contextlib.suppress(OSError):
            sock = open_one(person, person.chance.choice([SLOW, USUAL]))
            if person.chance.random() < 0.5:
                reset(sock)
            sock.close()
    person.rest(0.4)


def wait(person, seconds):
    until = min(now() + seconds, person.until)
    while (left := until - now()) > 0:
        time.sleep(min(left, 0.1))


def floods_with_idle_ones(person):
    """Takes all slots there are, and more, for a while: half of them silent, half with half a head or after an answer."""
    chance = person.chance
    wait(person, chance.uniform(0.5, 4))
    with contextlib.ExitStack() as stack:
        for _ in range(IDLE):
            if person.over():
                break
            with contextlib.suppress(OSError):
                sock = stack.enter_context(open_one(person, USUAL))
                kind = chance.random()
                if kind < 0.2:
                    sock.sendall(b"GET /ech")
                elif kind < 0.5:
                    sock.sendall(rude_request("/echo?id=idle"))
        wait(person, chance.uniform(0.5, 3))


RUDE_ACTS = [
    (sends_half_a_head, 2), (sends_byte_by_byte, 1), (drips_a_body, 1), (leaves_an_upload, 2), (sends_too_much, 1), (leaves_an_answer, 2), (talks_garbage, 1),
    (greets_in_tls, 1), (closes_half, 1), (never_reads, 1), (vanishes, 1), (floods_with_idle_ones, 1),
]
