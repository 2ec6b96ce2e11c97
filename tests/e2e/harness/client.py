# SPDX-License-Identifier: BSD-2-Clause
"""A client that sends exact bytes and reads answers strictly: anything that RFC 9112 does not allow fails the test."""

import re
import socket
from dataclasses import dataclass, field

from harness.sockdiag import SockDiag
from harness.wait import wait_until

STATUS_LINE = re.compile(rb"HTTP/1\.1 ([1-5][0-9][0-9]) ([\t \x21-\x7e]*)")
FIELD_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\x21-\x7e\x80-\xff]?(?:[\t\x20-\x7e\x80-\xff]*"
                        rb"[\x21-\x7e\x80-\xff])?)[ \t]*")
CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,8})(?:;[\t\x20-\x7e]*)?")
ONCE_ONLY = ("content-length", "transfer-encoding", "date", "server", "content-type", "etag", "location",
             "last-modified", "connection", "content-range", "accept-ranges", "allow")
MAX_HEAD = 64 * 1024


class ProtocolError(AssertionError):
    pass


@dataclass
class Response:
    status: int
    reason: str
    headers: list
    body: bytes = b""
    trailers: list = field(default_factory=list)
    interim: list = field(default_factory=list)     # the 1xx answers that came before
    complete: bool = True                           # False: the connection ended within the body

    def all(self, name):
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def get(self, name):
        values = self.all(name)
        assert len(values) <= 1, f"{name} stands {len(values)} times"
        return values[0] if values else None

    @property
    def text(self):
        return self.body.decode("utf-8", "surrogateescape")


def request(target="/", *fields, method="GET", version="1.1", host="localhost", body=b""):
    """The bytes of a well-formed request; host None leaves Host out."""
    lines = [f"{method} {target} HTTP/{version}"]
    if host is not None:
        lines.append(f"Host: {host}")
    lines.extend(fields)
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


class Client:
    _diag = None

    def __init__(self, address, timeout=10.0, rcvbuf=None, source=None):
        family = socket.AF_UNIX if isinstance(address, str) else (
            socket.AF_INET6 if ":" in address[0] else socket.AF_INET)
        self.sock = socket.socket(family, socket.SOCK_STREAM)
        self.sock.settimeout(timeout)
        if rcvbuf is not None:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        if family != socket.AF_UNIX:
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if source is not None:
            self.sock.bind((source, 0))
        self.sock.connect(address)
        self._buffer = bytearray()
        self._ended = False
        self.was_reset = False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.sock.close()

    # ---- sending

    def send(self, data):
        self.sock.sendall(data)
        return self

    def send_anyway(self, data):
        """Sends to a server that may have closed already."""
        try:
            self.sock.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass
        return self

    def peer_has_read_all(self):
        if Client._diag is None:
            Client._diag = SockDiag()
        return Client._diag.peer_has_read_all(self.sock)

    def peer_is_gone(self):
        """Whether the server's process has closed its end, not only said that it sends no more."""
        if Client._diag is None:
            Client._diag = SockDiag()
        return Client._diag.peer_is_closed(self.sock)

    def send_pieces(self, pieces):
        """Sends each piece once the server has read the one before."""
        for index, piece in enumerate(pieces):
            if index:
                wait_until(self.peer_has_read_all, "the server to read")
            self.send_anyway(piece)
        return self

    def finish(self):
        """Says that nothing more will be sent."""
        try:
            self.sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        return self

    # ---- receiving

    def _fill(self):
        if self._ended:
            return False
        try:
            data = self.sock.recv(1 << 18)
        except (ConnectionResetError, BrokenPipeError):
            self.was_reset = True
            data = b""
        except socket.timeout:
            raise ProtocolError(f"no answer in time; so far {bytes(self._buffer[:200])!r}") from None
        if not data:
            self._ended = True
            return False
        self._buffer += data
        return True

    def _line(self, limit=MAX_HEAD):
        start = 0
        while True:
            end = self._buffer.find(b"\n", start)
            if end >= 0:
                break
            start = len(self._buffer)
            if start > limit:
                raise ProtocolError(f"endless line: {bytes(self._buffer[:200])!r}")
            if not self._fill():
                raise ProtocolError(f"connection ended within a line: {bytes(self._buffer[:200])!r}")
        line = bytes(self._buffer[:end + 1])
        del self._buffer[:end + 1]
        if not line.endswith(b"\r\n") or b"\r" in line[:-2] or b"\0" in line:
            raise ProtocolError(f"bad line: {line[:200]!r}")
        return line[:-2]

    def _exactly(self, count):
        while len(self._buffer) < count:
            if not self._fill():
                return None
        data = bytes(self._buffer[:count])
        del self._buffer[:count]
        return data

    def _fields(self):
        headers = []
        while True:
            line = self._line()
            if not line:
                return headers
            match = FIELD_LINE.fullmatch(line)
            if not match:
                raise ProtocolError(f"bad field line: {line!r}")
            headers.append((match[1].decode("latin-1"), match[2].decode("latin-1")))

    def read_head(self):
        line = self._line()
        match = STATUS_LINE.fullmatch(line)
        if not match:
            raise ProtocolError(f"bad status line: {line!r}")
        response = Response(int(match[1]), match[2].decode(), self._fields())
        for name in ONCE_ONLY:
            response.get(name)
        return response

    def read(self, method="GET"):
        """One whole answer to a request of that method."""
        interim = []
        while True:
            response = self.read_head()
            if response.status >= 200:
                break
            self._check_no_body(response)
            interim.append(response)
        response.interim = interim
        self._read_body(response, method)
        return response

    def read_interim(self):
        response = self.read_head()
        assert 100 <= response.status < 200, f"status {response.status} came instead of a 1xx"
        self._check_no_body(response)
        return response

    @staticmethod
    def _check_no_body(response):
        for name in ("Content-Length", "Transfer-Encoding"):
            if response.get(name) is not None:
                raise ProtocolError(f"{name} in an answer of status {response.status}")

    def _read_body(self, response, method):
        length, coding = response.get("Content-Length"), response.get("Transfer-Encoding")
        if length is not None and coding is not None:
            raise ProtocolError("both Content-Length and Transfer-Encoding")
        if length is not None and not re.fullmatch("[0-9]{1,18}", length):
            raise ProtocolError(f"bad Content-Length: {length!r}")
        if response.status == 204:
            self._check_no_body(response)
        if method == "HEAD" or response.status in (204, 304):
            return
        if coding is not None:
            if coding != "chunked":
                raise ProtocolError(f"unexpected Transfer-Encoding: {coding!r}")
            self._read_chunks(response)
        elif length is not None:
            body = self._exactly(int(length))
            if body is None:
                response.complete, body = False, bytes(self._buffer)
                self._buffer.clear()
            response.body = body
        else:
            if (response.get("Connection") or "").lower() != "close":
                raise ProtocolError("a body that ends with the connection, without Connection: close")
            while self._fill():
                pass
            response.body = bytes(self._buffer)
            self._buffer.clear()

    def _read_chunks(self, response):
        parts = []
        while True:
            line = self._line()
            match = CHUNK_SIZE.fullmatch(line)
            if not match:
                raise ProtocolError(f"bad chunk size: {line!r}")
            size = int(match[1], 16)
            if size == 0:
                break
            part = self._exactly(size)
            if part is None or self._exactly(2) != b"\r\n":
                raise ProtocolError("bad chunk")
            parts.append(part)
        response.trailers = self._fields()
        response.body = b"".join(parts)

    def ask(self, data, method="GET"):
        """Sends a request and reads its answer."""
        return self.send(data).read(method)

    def expect_close(self, reset_is_fine=False):
        """The server closes, having sent nothing more."""
        self._fill()
        if self._buffer:
            raise ProtocolError(f"more bytes came: {bytes(self._buffer[:200])!r}")
        if self.was_reset and not reset_is_fine:
            raise ProtocolError("connection was reset")

    def read_rest(self):
        """Everything until the connection ends."""
        while self._fill():
            pass
        data = bytes(self._buffer)
        self._buffer.clear()
        return data

    def read_some(self, count):
        """At least count raw bytes."""
        data = self._exactly(count)
        assert data is not None, "connection ended"
        return data
