# SPDX-License-Identifier: BSD-2-Clause
"""
A slow, obvious reader of HTTP/1.1: which messages a stream of bytes holds, how each is framed, and what it has to be answered.

It is written from RFC 9112, RFC 9110, RFC 3986 and weir.conf(5) alone, and says of each rule where that stands; what the manual page
settles where the RFCs leave a choice is marked "man". It must never be brought into step with the source: where the server says
something else, one of the two is wrong, and the RFC says which.

    expected, why = read_stream(data, Site())

`expected` are the answers in their order, `why` tells how the reading ended.
"""

import ipaddress
import re
from dataclasses import dataclass, field

CR, LF, SP, HTAB, DEL = 13, 10, 32, 9, 127
CRLF = b"\r\n"
DIGITS = frozenset(b"0123456789")
HEX = frozenset(b"0123456789abcdefABCDEF")
LETTERS = frozenset(range(65, 91)) | frozenset(range(97, 123))
TCHAR = DIGITS | LETTERS | frozenset(b"!#$%&'*+-.^_`|~")                        # RFC 9110 5.6.2
VALUE = frozenset([HTAB]) | frozenset(range(0x20, 0x7F)) | frozenset(range(0x80, 0x100))    # RFC 9110 5.5: the same with blanks
TARGET = frozenset(range(0x21, 0x7F)) | frozenset(range(0x80, 0x100))           # RFC 9112 3.2: no blanks; from 0x80 on: man

TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
QUOTED = r'"(?:[\t !#-\[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*"'                   # RFC 9110 5.6.4
OWS = r"[ \t]*"
CHUNK_LINE = re.compile(rf"([0-9A-Fa-f]+)((?:{OWS};{OWS}{TOKEN}(?:{OWS}={OWS}(?:{TOKEN}|{QUOTED}))?)*)".encode("latin-1"))
CODING = re.compile(rf"({TOKEN})((?:{OWS};{OWS}{TOKEN}{OWS}={OWS}(?:{TOKEN}|{QUOTED}))*)".encode("latin-1"))
REG_NAME = re.compile(rb"(?:[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*")      # RFC 3986 3.2.2
IP_FUTURE = re.compile(rb"[vV][0-9A-Fa-f]+\.[A-Za-z0-9._~!$&'()*+,;=:-]+")
AUTHORITY = re.compile(rb"(\[[^\]]*\]|[^:\[\]]*)(?::([0-9]*))?")
ABSOLUTE = re.compile(rb"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)([^?#]*)(.*)", re.S)

# RFC 9110 9.3, and others; man: 501
METHODS = frozenset(b"""GET HEAD POST PUT DELETE CONNECT OPTIONS TRACE PATCH
    COPY MOVE LOCK UNLOCK MKCOL PROPFIND PROPPATCH SEARCH BIND REBIND UNBIND ACL REPORT MKACTIVITY CHECKOUT MERGE M-SEARCH NOTIFY SUBSCRIBE
    UNSUBSCRIBE PURGE MKCALENDAR LINK UNLINK SOURCE""".split())

EMPTY_BYTES = 64            # man: so many bytes of empty lines before a request are passed over
EXTENSIONS_MAX = 8192       # man: chunk extensions, or trailers, in a row


@dataclass
class Site:
    """What the conf file says, as far as it matters here."""
    request_line_max: int = 8192        # large_client_header_buffers 4 8k
    field_max: int = 8192
    head_max: int = 4 * 8192 + 1024     # and client_header_buffer_size 1k
    fields_max: int = 1000              # max_headers
    body_max: int = 4096                # client_max_body_size
    merge_slashes: bool = True
    underscores: bool = False           # underscores_in_headers
    ignore_invalid: bool = True         # ignore_invalid_headers
    name: str = "site"                  # server_name


@dataclass
class Answer:
    """What an answer must be like, and what the server must have understood."""
    statuses: frozenset
    why: str
    method: bytes = b""                 # HEAD: no body follows
    closes: object = None               # True: says Connection: close; False: does not; None: either, and the server does what it says
    interim: bool = False               # 100 (Continue) may come before
    facts: dict = field(default_factory=dict)       # of requests that were served
    body: object = None                 # where somebody wants it

    def __str__(self):
        says = {True: "close", False: "stay", None: "close or stay"}[self.closes]
        return f"{'/'.join(map(str, sorted(self.statuses)))} {says} {self.facts} ({self.why})"


class Refused(Exception):
    """at: the byte with which it was beyond mending."""

    def __init__(self, at, statuses, why):
        self.at, self.statuses, self.why = at, frozenset(statuses), why
        self.method, self.interim = b"", False


class Incomplete(Exception):
    """The stream ends before this does."""


class Faults:
    """The first fault in the stream decides (man); of two at the same byte either may be told."""

    def __init__(self):
        self.all = []

    def add(self, at, status, why):
        self.all.append((at, status, why))

    def check(self):
        if self.all:
            at = min(fault[0] for fault in self.all)
            first = [fault for fault in self.all if fault[0] == at]
            raise Refused(at, {status for _, status, _ in first}, "; ".join(why for _, _, why in first))


# ---- lines (RFC 9112 2.2)

def read_line(data, at, faults):
    """The bytes of the line, whether its end has begun, and where the next one begins; None when that is not there."""
    end = at
    while end < len(data) and data[end] not in (CR, LF):
        end += 1
    line = data[at:end]
    if end == len(data):
        return line, False, None
    if data[end] == LF:
        faults.add(end, 400, "9112 2.2: a line feed alone ends no line (man)")
        return line, True, None
    if end + 1 == len(data):
        return line, True, None
    if data[end + 1] != LF:
        faults.add(end + 1, 400, "9112 2.2: a carriage return alone is invalid")
        return line, True, None
    return line, True, end + 2


def bound_line(data, at, after, limit, status, what, faults):
    """The limit counts the line's end, and is passed once so many bytes are there that have none."""
    if len(data) - at >= limit and (after is None or after - at > limit):
        faults.add(at + limit - 1, status, f"man: {what} is longer than large_client_header_buffers allows")


# ---- the request line (RFC 9112 3)

def read_request_line(data, at, site):
    faults = Faults()
    line, ended, after = read_line(data, at, faults)
    end = at + len(line)
    bound_line(data, at, after, site.request_line_max, 414, "the request line", faults)
    blanks = [i for i, byte in enumerate(line) if byte == SP]

    method = line[:blanks[0]] if blanks else line
    for i, byte in enumerate(method):
        if byte not in TCHAR:
            faults.add(at + i, 400, "9112 3.1: a method is a token")
    if blanks and not method:
        faults.add(at, 400, "9112 3.1: there is no method")

    target = b""
    if blanks:
        first = blanks[0] + 1
        second = blanks[1] if len(blanks) > 1 else len(line)
        target = line[first:second]
        for i, byte in enumerate(target):
            if byte not in TARGET:
                faults.add(at + first + i, 400, "9112 3.2: a target has no blanks and controls")
        if len(blanks) > 1 and not target:
            faults.add(at + second, 400, "9112 3: there is no target, or more than one blank")

    minor = None
    if len(blanks) > 1:
        first = at + blanks[1] + 1
        version = data[first:end]
        form = [{byte} for byte in b"HTTP/"] + [DIGITS, {ord(".")}, DIGITS]      # 9112 2.3
        for i, byte in enumerate(version):
            if i >= len(form) or byte not in form[i]:
                faults.add(first + i, 400, "9112 2.3: this is no version of HTTP")
        if ended and len(version) < len(form):
            faults.add(end, 400, "9112 2.3: this is no version of HTTP")
        if len(version) >= len(form) and version[5:6] != b"1":
            faults.add(first + len(form) - 1, 505, "9110 15.6.6: another major version")
        if after is not None and len(version) == len(form):
            minor = version[7] - ord("0")
    elif ended:
        faults.add(end, 400, "9112 3: method, target and version")
    faults.check()
    if after is None:
        raise Incomplete
    return method, target, minor, after


# ---- fields (RFC 9112 5)

def read_field(data, at, site, count, trailer=False):
    """(name in small letters, value) and where the next line begins; None for the empty line at the end."""
    faults = Faults()
    line, ended, after = read_line(data, at, faults)
    end = at + len(line)
    if not trailer:
        bound_line(data, at, after, site.field_max, 431, "a field", faults)
        if line and count == site.fields_max:
            faults.add(at, 431, "man: more fields than max_headers")
    if line[:1] in (b" ", b"\t"):
        faults.add(at, 400, "9112 5.2: folding, or (2.2) a blank before the first field")
    colon = line.find(b":")
    name = line if colon < 0 else line[:colon]
    for i, byte in enumerate(name):
        if byte not in TCHAR:
            faults.add(at + i, 400, "9112 5.1: a name is a token, and no blank is before the colon")
    if colon == 0:
        faults.add(at, 400, "9110 5.1: there is no name")
    if colon < 0 and line and ended:
        faults.add(end, 400, "9112 5: there is no colon")
    if colon >= 0:
        for i, byte in enumerate(line[colon + 1:]):
            if byte not in VALUE:
                faults.add(at + colon + 1 + i, 400, "9110 5.5: a control byte in a value")
    faults.check()
    if after is None:
        raise Incomplete
    if not line:
        return None, after
    return (name.lower(), line[colon + 1:].strip(b" \t")), after


# ---- hosts (RFC 9110 7.2, RFC 3986 3.2.2)

def host_of(text):
    """uri-host [":" port]: the host; None when it is none."""
    match = AUTHORITY.fullmatch(text)
    if not match or int(match[2] or 0) > 65535:         # man: a port is a port
        return None
    host = match[1]
    if host.startswith(b"["):
        inner = host[1:-1]
        if IP_FUTURE.fullmatch(inner):
            return host
        try:
            ipaddress.IPv6Address(inner.decode("ascii"))
        except ValueError:
            return None
        return host if b"%" not in inner else None
    if not REG_NAME.fullmatch(host):
        return None
    if host and b"" in (host[:-1] if host.endswith(b".") else host).split(b"."):
        return None                                     # man: an empty label
    return host


# ---- how the body is framed (RFC 9112 6)

def transfer_coding(value):
    """None for chunked alone, else the statuses that tell what is wrong."""
    if value.lower() == b"chunked":
        return None
    codings = []
    for part in split_list(value):
        part = part.strip(b" \t")
        if not part:
            return {400, 501}               # 9110 5.6.1.2: empty elements count for nothing; man: refused in any case
        match = CODING.fullmatch(part)
        if not match:
            return {400}
        codings.append((match[1].lower(), match[2]))
    names = [name for name, _ in codings]
    if names.count(b"chunked") == 1 and codings[-1] == (b"chunked", b""):
        return {501}                        # 9112 6.1: a coding before it that we do not know
    return {400}                            # 9112 6.3, 4.: the end of the body cannot be known


def split_list(value):
    """At the commas that stand in no quoted string."""
    parts, quoted, i = [b""], False, 0
    while i < len(value):
        byte = value[i:i + 1]
        if quoted and byte == b"\\":
            byte = value[i:i + 2]
        elif byte == b'"':
            quoted = not quoted
        if byte == b"," and not quoted:
            parts.append(b"")
        else:
            parts[-1] += byte
        i += len(byte)
    return parts


class Framing:
    """Collects what the fields say of the body and the host, in their order."""

    def __init__(self, minor):
        self.minor = minor
        self.hosts, self.lengths, self.codings = [], [], []

    def see(self, name, value, at):
        faults = Faults()
        if name == b"host":
            self.hosts.append(value)
            if len(self.hosts) > 1:
                faults.add(at, 400, "9112 3.2: more than one Host")
            if host_of(value) is None:
                faults.add(at, 400, "9110 7.2: Host is no host")
        if name == b"content-length":
            self.lengths.append(value)
            if len(self.lengths) > 1:
                faults.add(at, 400, "9112 6.3: Content-Length comes twice (man: even with the same value)")
            if not re.fullmatch(rb"[0-9]{1,18}", value):
                faults.add(at, 400, "9110 8.6: Content-Length is plain digits (man: at most 18)")
        if name == b"transfer-encoding":
            self.codings.append(value)
            if len(self.codings) > 1:
                faults.add(at, 400, "man: Transfer-Encoding comes twice")
            if self.minor == 0:
                faults.add(at, 400, "9112 6.1: Transfer-Encoding in HTTP/1.0 is faulty framing")
            for status in transfer_coding(value) or ():
                faults.add(at, status, "9112 6.1, 6.3: a transfer coding other than chunked")
        if name in (b"content-length", b"transfer-encoding") and self.lengths and self.codings:
            faults.add(at, 400, "9112 6.3: both Content-Length and Transfer-Encoding")
        faults.check()


@dataclass
class Head:
    method: bytes
    target: bytes
    minor: int
    fields: list
    framing: Framing
    start: int          # of the request line, or the empty lines before it
    end: int            # of the empty line

    def all(self, name):
        return [value for key, value in self.fields if key == name]

    def tokens(self, name):
        """RFC 9110 5.6.1: all lines are one list."""
        return [word.strip(b" \t").lower() for value in self.all(name) for word in value.split(b",")]


def read_head(data, start, site):
    at = start
    while data.startswith(CRLF, at) and at - start < EMPTY_BYTES:    # 9112 2.2: empty lines before a request are ignored
        at += 2
    if at - start == EMPTY_BYTES and data[at:at + 1] == b"\r":
        raise Refused(at, {400}, "man: too many empty lines")
    if data[at:] in (b"", b"\r"):
        raise Incomplete
    try:
        return read_lines(data, at, start, site)
    except Refused as refused:
        if data.startswith(b"HEAD ", at):
            refused.method = b"HEAD"            # 9110 9.3.2: no body then
        raise


def read_lines(data, at, start, site):
    bound = start + site.head_max

    def bounded(read, status, *args):
        """A head that cannot end within its limit is refused; what is wrong before that comes first."""
        nonlocal at
        try:
            result = read(data, at, *args)
        except Refused as refused:
            if refused.at >= bound:
                raise Refused(bound, {status}, "man: the head is larger than large_client_header_buffers allows") from None
            raise
        except Incomplete:
            if len(data) >= bound:
                raise Refused(bound, {status}, "man: the head is larger than large_client_header_buffers allows") from None
            raise
        after = result[-1]
        if after > bound:
            raise Refused(bound, {status}, "man: the head is larger than large_client_header_buffers allows")
        at = after
        return result

    method, target, minor, _ = bounded(read_request_line, 414, site)
    framing = Framing(minor)
    fields = []
    while True:
        found, _ = bounded(read_field, 431, site, len(fields))
        if found is None:
            break
        fields.append(found)
        framing.see(*found, at - 1)
    if minor > 0 and not framing.hosts:
        raise Refused(at, {400}, "9112 3.2: HTTP/1.1 without Host")
    return Head(method, target, minor, fields, framing, start, at)


# ---- bodies (RFC 9112 6.2, 7.1)

class TooLarge(Exception):
    def __init__(self, at):
        self.at = at


def read_length(data, at, head, site):
    length = int(head.framing.lengths[0]) if head.framing.lengths else 0
    if len(data) - at < length:
        raise Incomplete
    return data[at:at + length], at + length


def chunk_fault(line):
    """Where the line of a chunk's size ceases to be one."""
    return "9112 7.1: this is no chunk size" if not CHUNK_LINE.fullmatch(line) else None


def read_chunks(data, at, head, site):
    body = b""
    row = 0                     # bytes of extensions in a row
    while True:
        faults = Faults()
        line, ended, after = read_line(data, at, faults)
        faults.check()
        if after is None:
            check_begun_chunk_line(line, at)
            raise Incomplete
        match = CHUNK_LINE.fullmatch(line)
        if not match:
            raise Refused(after, {400}, "9112 7.1: this is no line of a chunk")
        row = row + len(match[2])
        if row > EXTENSIONS_MAX:
            raise Refused(after, {400}, "man: too many chunk extensions")
        size = int(match[1], 16)
        if size >= 1 << 60:
            raise Refused(after, {400, 413}, "9112 7.1: a size that does not fit")
        at = after
        if size == 0:
            break
        if len(body) + size > site.body_max:
            raise TooLarge(at)
        body += data[at:at + size]
        ending = data[at + size:at + size + 2]
        if len(ending) < 2:
            if not CRLF.startswith(ending):
                raise Refused(at + size, {400}, "9112 7.1: a chunk ends with CRLF")
            raise Incomplete
        if ending != CRLF:
            raise Refused(at + size, {400}, "9112 7.1: a chunk ends with CRLF")
        at += size + 2
    first = at
    while True:                 # 9112 7.1.2: trailers are read like fields
        try:
            found, at = read_field(data, at, site, 0, trailer=True)
        except Incomplete:
            if len(data) - first > EXTENSIONS_MAX:
                raise Refused(first + EXTENSIONS_MAX, {400}, "man: too many trailers") from None
            raise
        if at - first > EXTENSIONS_MAX + 2:
            raise Refused(at, {400}, "man: too many trailers")
        if found is None:
            return body, at


def check_begun_chunk_line(line, at):
    """The line is not all there: is it beyond mending?"""
    for cut in range(len(line) + 1):
        begun = line[:cut]
        if not any(CHUNK_LINE.fullmatch(begun + rest) for rest in (b"", b"0", b";a", b"a", b"=a", b"\"", b"a\"")):
            raise Refused(at + cut - 1, {400}, "9112 7.1: this begins no line of a chunk") from None


# ---- targets (RFC 9112 3.2, RFC 3986)

class BadTarget(Exception):
    pass


def normalise(path, site):
    """Percent-decoding, then slashes, then dot segments (RFC 3986 5.2.4, 6.2.2); man: "How the location is chosen"."""
    decoded = bytearray()
    i = 0
    while i < len(path):
        if path[i] == ord("%"):
            digits = path[i + 1:i + 3]
            if len(digits) < 2 or not set(digits) <= HEX:
                raise BadTarget("3986 2.1: % without two digits")
            if digits == b"00":
                raise BadTarget("man: %00")
            decoded.append(int(digits, 16))
            i += 3
        else:
            decoded.append(path[i])
            i += 1
    segments = bytes(decoded).split(b"/")[1:]
    if site.merge_slashes:
        segments = [s for s in segments[:-1] if s] + segments[-1:]
    output = []
    for i, segment in enumerate(segments):
        last = i == len(segments) - 1
        if segment == b"..":
            if not output:
                raise BadTarget("man: .. leads above the root")
            output.pop()
            if last:
                output.append(b"")
        elif segment == b".":
            if last:
                output.append(b"")
        else:
            output.append(segment)
    return b"/" + b"/".join(output)


def read_target(head, site):
    """(host or None, what $request_uri is, what $uri is)"""
    method = head.method
    target = b"".join(b"%%%02X" % byte if byte >= 0x80 else bytes([byte]) for byte in head.target)      # man
    if target == b"*":
        if method != b"OPTIONS":
            raise BadTarget("9112 3.2.4: * is for OPTIONS alone")
        return None, b"*", b"*"
    host = None
    if method == b"CONNECT":
        return None, target, b""
    if not target.startswith(b"/"):
        match = ABSOLUTE.fullmatch(target)
        if not match or match[1].lower() not in (b"http", b"https"):      # 9110 7.4: a gateway may have seen to the s
            raise BadTarget("9112 3.2: no form of a target")
        host = host_of(match[2])
        if not host:
            raise BadTarget("9110 4.2.1: an http URI with an empty host is invalid")
        if match[3] == b"" or match[3].startswith(b"/"):
            target = (match[3] or b"/") + match[4]
    if b"#" in target:
        raise BadTarget("9112 3.2: a target has no fragment")
    path, _, _ = target.partition(b"?")
    return host, target, normalise(path, site)


# ---- a request, and the stream (RFC 9112 9.3)

def persists(head):
    words = head.tokens(b"connection")
    if b"close" in words:
        return False
    return head.minor >= 1 or b"keep-alive" in words


def odd_name(name, site):
    """man: characters other than letters, digits and hyphens."""
    return any(byte not in LETTERS | DIGITS and byte != ord("-") and not (site.underscores and byte == ord("_")) for byte in name)


def shown(values):
    """As the access log has it."""
    return b", ".join(values) if values else b"-"


WANTED = re.compile(rb"/put/[a-z0-9]+")


def judge(head, site):
    """What the head alone settles: (statuses, closes, why, facts, whether somebody wants the body)."""
    faults = Faults()
    at = head.end
    host, request_uri, uri = None, b"", b""
    if head.method not in METHODS:
        faults.add(at, 501, "9110 15.6.2: a method that is not known")
    if not site.ignore_invalid and any(odd_name(name, site) for name, _ in head.fields):
        faults.add(at, 400, "man: ignore_invalid_headers off")
    try:
        host, request_uri, uri = read_target(head, site)
    except BadTarget as problem:
        faults.add(at, 400, str(problem))
    faults.check()
    too_large = bool(head.framing.lengths) and int(head.framing.lengths[0]) > site.body_max
    stays = persists(head)
    if too_large and (head.method in (b"TRACE", b"CONNECT") or head.target == b"*"):
        stays = None if stays else False        # it is not said which comes first
    elif too_large:
        raise Refused(at, {413}, "man: client_max_body_size")
    if head.method in (b"TRACE", b"CONNECT"):
        return {405} | ({413} if too_large else set()), stays, "man: TRACE and CONNECT are never served, whatever their target", {}, False
    if uri == b"*":
        return {200, 204}, stays, "9110 9.3.7: OPTIONS *", {}, False

    used = [(name, value) for name, value in head.fields if not odd_name(name, site)]
    name = host if host is not None else head.framing.hosts[0] if head.framing.hosts else b""
    if host is None and name:
        name = host_of(name)
    name = name.lower()
    name = name[:-1] if name.endswith(b".") else name
    wants = head.method == b"PUT" and WANTED.fullmatch(uri) is not None
    if wants and any(key == b"content-range" for key, _ in used):
        return {400}, None, "9110 14.4: PUT with Content-Range", {}, False
    facts = {
        "method": head.method, "request_uri": request_uri, "uri": uri, "host": name or site.name.encode(),
        "x": shown([value for key, value in used if key.replace(b"-", b"_") == b"x_a"]),
        "x_b": shown([value for key, value in used if key.replace(b"-", b"_") == b"x_b"]),
        "length": shown([value for key, value in used if key == b"content-length"]),
    }
    return ({201, 204} if wants else {200}), stays, "served", facts, wants


def read_message(data, start, site):
    """(answer, where the next message begins, or None when there is none, why)"""
    head = read_head(data, start, site)
    try:
        statuses, stays, why, facts, wants = judge(head, site)
    except Refused as refused:
        refused.method = head.method
        raise
    expects = b"100-continue" in head.tokens(b"expect") and head.minor >= 1
    has_body = bool(head.framing.codings) or bool(head.framing.lengths and int(head.framing.lengths[0]))
    closes = None if stays is None or (stays and expects and has_body and not statuses <= {200, 201, 204}) else not stays
    answer = Answer(frozenset(statuses), why, head.method, closes, expects and has_body, facts)
    try:
        body, after = (read_chunks if head.framing.codings else read_length)(data, head.end, head, site)
    except TooLarge:
        if wants:
            refused = Refused(head.end, {413}, "man: client_max_body_size")
            refused.interim = answer.interim
            raise refused from None
        answer.closes = None if answer.closes is False else answer.closes
        return answer, None, "the body has grown too large"
    except Refused as refused:
        if wants:
            refused.interim = answer.interim    # it was asked for before it came
            raise
        answer.closes = None if answer.closes is False else answer.closes
        return answer, None, "the body is broken: " + refused.why
    except Incomplete:
        if wants:
            raise
        answer.closes = None if answer.closes is False else answer.closes
        return answer, None, "the body ends with the stream"
    if facts and (wants or not answer.closes):          # else the body is not read
        answer.facts["bytes"] = b"%d" % (after - head.start)
        if wants:
            answer.body = body
    return answer, (after if answer.closes is not True else None), "closed as the request asks"


def read_stream(data, site):
    """The answers that a client gets that sends these bytes, and no more."""
    answers, at = [], 0
    while True:
        try:
            answer, after, why = read_message(data, at, site)
        except Incomplete:
            return answers, "the stream ends within a message" if data[at:] else "the stream ends"
        except Refused as refused:
            answers.append(Answer(refused.statuses, refused.why, refused.method, True, refused.interim))
            return answers, "refused"
        answers.append(answer)
        if after is None:
            return answers, why
        at = after
