# SPDX-License-Identifier: BSD-2-Clause
"""
Sources of answers × filters × requests. Each pair of these three is met, three filters at a time; COMBINATIONS=all meets everything (some minutes).
A model of a few lines says which bytes must come; whatever else must hold of any answer is checked of each.
"""

import functools
import gzip
import itertools
import os
import random
import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness import Client, ProtocolError, Response, request, serving
from harness.films import make_film, pictures
from harness.nginx import NGINX, Nginx

ALL = os.environ.get("COMBINATIONS") == "all"
MTIME = 1_700_000_000
DATE = "Tue, 14 Nov 2023 22:13:20 GMT"
LATER, EARLIER = "Wed, 15 Nov 2023 22:13:20 GMT", "Mon, 13 Nov 2023 22:13:20 GMT"
KOI = "charset_map koi8-r utf-8 { " + " ".join(f"{b:02X} {bytes([b]).decode('koi8-r').encode().hex().upper()};" for b in range(0x80, 0x100)) + " }"
TOOLS = {"br": ["brotli", "-dc"], "zstd": ["zstd", "-dcq"]}

# ---- filters

FILTERS = {
    "gzip": "gzip on;", "br": "brotli on;", "zstd": "zstd on;", "gunzip": "gunzip on;",
    "sub": "sub_filter foo [$server_port]; sub_filter_once off;", "cs": "charset utf-8; source_charset koi8-r;", "ssi": "ssi on;",
    "add": "add_before_body /parts/before.html; add_after_body /parts/after.html;",
    "head": "add_header X-A a always; add_trailer T t always;", "rate": "limit_rate 12m;",
}
TEXT_FILTERS = {"sub", "cs", "ssi", "add"}
ENCODERS = {"gzip": "gzip", "br": "br", "zstd": "zstd"}
if not all(shutil.which(tool[0]) for tool in TOOLS.values()):
    del FILTERS["br"], FILTERS["zstd"], ENCODERS["br"], ENCODERS["zstd"]
SETS = [frozenset(s) for n in range(4) for s in itertools.combinations(FILTERS, n)]
SETS += [frozenset(FILTERS), frozenset(FILTERS) - {"ssi"}, frozenset(FILTERS) - {"rate", "head"}]
INNER = [frozenset(), frozenset({"sub", "cs"}), frozenset({"ssi"}), frozenset({"add", "sub"}), frozenset(FILTERS) - TEXT_FILTERS]  # of what is put into others


def name_of(filters):
    return "-".join(sorted(filters)) or "none"


def lines_of(filters, without=()):
    return " ".join(FILTERS[name] for name in sorted(filters) if name not in without)


# ---- sources: the lines of a location, what is asked for below it, its bytes

COMMAND = '<!--#echo var="nobody" default="D"-->'
TEXT = "a foo, Съешь Foo булок " + COMMAND + " FO foo"
TEXT_ROW = "<p>" + TEXT + "</p>\n"
PAGE = (TEXT_ROW * 3).encode("koi8-r")
BIG = b"".join(TEXT_ROW.encode("koi8-r") + b"%d\n" % i for i in range(13000))
PACKED = b"packed " + PAGE
RETURNED = "a foo, text " + COMMAND + " of the conf file"
BEFORE, AFTER = "до foo|".encode("koi8-r"), "|после foo".encode("koi8-r")
FILM = make_film([pictures(1)])


def of_folder(lines="", folder="data"):
    return f"alias {{prefix}}/{folder}/; {lines}"


SOURCES = {
    "small": (of_folder(), "f.html", PAGE), "big": (of_folder(), "big.html", BIG), "empty": (of_folder(), "empty.html", b""),
    "text": (f"default_type text/html; return 200 '{RETURNED}';", "x", RETURNED.encode()),
    "page": ("error_page 404 /small/{name}/f.html; alias {prefix}/none/;", "x.html", PAGE), "own": ("alias {prefix}/none/;", "x.html", None),
    "list": (of_folder("autoindex on;", "list"), "", None), "packed": (of_folder("gzip_static on;"), "p.html", PAGE),
    "always": (of_folder("gzip_static always;"), "p.html", PACKED), "film": (of_folder("mp4;"), "film.mp4?start=0.5", None),
    "put": (of_folder("", "put"), "new.html", PAGE), "index": (of_folder("index f.html;"), "", PAGE),
    "tried": ("root {prefix}/data; try_files /none /f.html =404;", "x", PAGE), "fallback": ("try_files /none /small/{name}/f.html;", "x", PAGE),
    "moved": ("rewrite ^ /small/{name}/f.html last;", "x", PAGE), "refused": ("error_page 403 =200 /small/{name}/f.html; return 403;", "x", PAGE),
}
PLAIN = {"film"}                        # no text: filters leave it alone
OWN = {"own"}
HAS_TAG = {"small", "big", "empty", "packed", "always", "film", "put", "index", "tried", "fallback", "moved", "refused"}
STATUS = {"page": 404, "own": 404}


class Spot:
    """One source behind one set of filters; `inner` of it, where it is put into another page by `way`."""

    def __init__(self, source, filters, way=None, inner=frozenset()):
        self.source, self.filters, self.way, self.inner = source, filters, way, inner
        self.base = f"/{way + '-' if way else ''}{source}/{name_of(filters)}{'/' + name_of(inner) if way else ''}/"
        self.status = STATUS.get(source, 200) if way is None else 200
        self.has_tag = source in HAS_TAG or way is not None
        lines, self.tail, self.bytes = SOURCES[source]
        name = name_of(filters)
        if way is None:
            self.lines = lines.replace("{name}", name) + lines_of(filters)
            self.target = self.base + self.tail
        else:
            part = f"/{source}/{name_of(inner)}/{self.tail}"
            self.lines = of_folder(lines_of(filters, ("ssi", "add")), "wraps")
            if way == "include":
                self.lines += "ssi on;"
                self.target = self.base + f"{source}-{name_of(inner)}.html"
            else:
                self.lines += f"add_before_body {part}; add_after_body {part};"
                self.target = self.base + "f.html"
        self.answers = {}

    def __str__(self):
        return self.target

    @property
    def location(self):
        return f"location {self.base} {{ {self.lines} }}\n"

    @property
    def is_text(self):
        return self.way is not None or self.source not in PLAIN


class Model:
    """What the bytes are. `seen` are those that only the server knows (a list, a page of its own), without filters."""

    def __init__(self, port, seen):
        self.port, self.seen = port, seen

    def source(self, spot, for_part):
        if for_part and spot.source == "always":
            return PAGE                                     # requests below another get the file alone
        if spot.bytes is not None:
            return spot.bytes
        return self.seen[spot.source].replace(f"/{spot.source}/none/".encode(), spot.base.encode())

    def filtered(self, spot, filters, to, for_part=False, uri=None):
        """to: the charset of the client's answer."""
        data = self.source(spot, for_part)
        if not spot.is_text:                                # but what is put into another is in its charset
            return data.decode("koi8-r").encode() if for_part and "cs" in filters and to else data
        if "sub" in filters:
            data = re.sub(b"foo", b"[%d]" % self.port, data, flags=re.I)
        if "cs" in filters and to == "utf-8":
            data = data.decode("koi8-r").encode()
        if "ssi" in filters and spot.source not in OWN:
            data = data.replace(COMMAND.encode(), b"D")
        return data

    def part(self, source, inner, to):
        spot = Spot(source, inner)
        return self.filtered(spot, inner, to, for_part=True)

    def body(self, spot):
        """Without its encoding."""
        to = "utf-8" if "cs" in spot.filters else None
        if spot.way is None:
            data = self.filtered(spot, spot.filters, to)
            if "add" in spot.filters and spot.is_text and spot.status == 200:
                before, after = (text.decode("koi8-r").encode() if to else text for text in (BEFORE, AFTER))
                data = before + data + after
            return data
        part = self.part(spot.source, spot.inner, to)
        if spot.way == "added":
            return part + self.wrapping(b"{foo}", spot) + part
        return self.wrapping("я[foo ".encode("koi8-r"), spot) + part + self.wrapping(b"|", spot) + part + self.wrapping(b"]", spot)

    def wrapping(self, text, spot):
        if "sub" in spot.filters:
            text = text.replace(b"foo", b"[%d]" % self.port)
        return text.decode("koi8-r").encode() if "cs" in spot.filters else text


def wrap_of(spot):
    part = f'<!--#include virtual="/{spot.source}/{name_of(spot.inner)}/{spot.tail}"-->'
    return ("я[foo " + part + "|" + part + "]").encode("koi8-r")


# ---- what holds of every answer

ENTITY = ("Vary", "ETag", "Cache-Control", "Expires", "X-A", "Last-Modified")


class Wrong(AssertionError):
    pass


def demand(condition, *what):
    if not condition:
        raise Wrong(" ".join(str(w) for w in what))


@functools.lru_cache(maxsize=512)
def unpacked(coding, data):
    if coding == "gzip":
        return gzip.decompress(data)
    return subprocess.run(TOOLS[coding], input=data, capture_output=True, check=True).stdout if coding else data


def fields(answer, *hidden):
    return sorted((n, v) for n, v in answer.headers if n not in ("Date", *hidden))


def varies(answer):
    return (answer.get("Vary") or "").replace(" ", "").split(",")


def is_strong(tag):
    return tag is not None and not tag.startswith("W/")


class Asker:
    """Asks on one connection as long as it is kept, and makes sure after each answer that the next comes whole."""

    def __init__(self, server):
        self.server, self.client = server, None

    def close(self):
        if self.client:
            self.client.close()
        self.client = None

    def ask(self, target, *lines, method="GET", version="1.1", **kwargs):
        if self.client is None:
            self.client = self.server.connect(timeout=20)
        answer = self.client.ask(request(target, *lines, method=method, version=version), method)
        demand(answer.complete, "body ended early")
        keeps = version == "1.1" and (answer.get("Connection") or "").lower() != "close"
        if keeps:
            demand(self.client.ask(request("/pong")).body == b"pong", "what came behind it is damaged")
        else:
            demand(version == "1.0" or "close" in "".join(lines), "the connection was closed")
            self.client.expect_close()
            self.close()
        self.check(answer, method, version)
        return answer

    @staticmethod
    def check(answer, method, version):
        demand(not (version == "1.0" and answer.get("Transfer-Encoding")), "chunks for HTTP/1.0")
        demand(answer.status != 206 or answer.get("ETag") is None or is_strong(answer.get("ETag")), "parts of what has a weak tag")
        demand(answer.get("Accept-Ranges") is None or not (answer.get("ETag") or "").startswith("W/"), "ranges offered with a weak tag")
        demand(answer.get("Accept-Ranges") is None or answer.status != 200 or answer.get("Content-Length") is not None or answer.get("Transfer-Encoding"),
               "ranges offered without a length")
        demand(len(set(varies(answer))) == len(varies(answer)), "Vary", answer.get("Vary"))


def accepts(coding, said):
    return said is not None and (coding in said or said == "*") and f"{coding};q=0" not in said


def whole(asker, spot, model, said=None, **kwargs):
    """GET, and all that can be said of it."""
    key = said, kwargs.get("version", "1.1")
    lines = [] if said is None else [f"Accept-Encoding: {said}"]
    answer = asker.ask(spot.target, *lines, **kwargs)
    demand(answer.status == spot.status, "status", answer.status)
    coding = answer.get("Content-Encoding")
    text_filters = spot.filters & TEXT_FILTERS
    data = model.body(spot)
    takes_gzip = accepts("gzip", said) and key[1] == "1.1"
    is_packed = spot.way is None and (spot.source == "always" and (takes_gzip or "gunzip" not in spot.filters) or spot.source == "packed" and takes_gzip)
    if is_packed:
        demand(coding == "gzip", "is packed, but is said to be", coding)
        data, text_filters = PACKED, frozenset()
    else:
        allowed = {ENCODERS[f] for f in spot.filters & set(ENCODERS) if accepts(ENCODERS[f], said)} if spot.is_text and key[1] == "1.1" else set()
        demand(coding is None or coding in allowed, "coding", coding)
        demand(coding is not None or not allowed or len(data) < 1000, "is not compressed")
    found = unpacked(coding, answer.body)
    if found != data:
        at = next((i for i, (a, b) in enumerate(zip(found, data)) if a != b), min(len(found), len(data)))
        raise Wrong(f"bytes: {len(found)} instead of {len(data)}, from {at}: {found[max(0, at - 20):at + 60]!r} instead of {data[max(0, at - 20):at + 60]!r}")
    changed = not is_packed and (spot.is_text and bool(text_filters) or spot.way is not None or coding is not None or spot.source == "always")
    if changed and not (spot.source == "empty" and not spot.way) and spot.source not in ("page", "own", "list"):
        demand(not is_strong(answer.get("ETag")) and answer.get("Accept-Ranges") is None, "a strong tag, or ranges, of what was changed")
    if not changed and spot.has_tag:
        demand(is_strong(answer.get("ETag")) and answer.get("Last-Modified") and answer.get("Accept-Ranges") == "bytes", "no strong tag, or no ranges")
        demand("head" in spot.filters or answer.get("Content-Length") is not None, "no length")
    has_head = "head" in spot.filters
    demand(answer.get("X-A") == ("a" if has_head else None), "add_header")
    demand(answer.trailers == ([("T", "t")] if has_head and key[1] == "1.1" else []), "trailers", answer.trailers)
    demand(not coding or "Accept-Encoding" in varies(answer) or spot.source == "always", "Vary", answer.get("Vary"))
    for other in spot.answers.values():
        tag = answer.get("ETag")
        demand(not is_strong(tag) or tag != other.get("ETag") or (other.body, other.get("Content-Encoding")) == (answer.body, coding), "one strong tag of two texts")
        demand((coding == other.get("Content-Encoding") or key[1] == "1.0") or "Accept-Encoding" in set(varies(answer)) & set(varies(other)), "Vary is not of all")
    spot.answers[key] = answer
    return answer


def base_of(asker, spot, model, said=None):
    return spot.answers.get((said, "1.1")) or whole(asker, spot, model, said)


# ---- requests

SAID = [None, "gzip", "br", "zstd", "gzip, br, zstd", "*", "identity", "gzip;q=0, identity"]


def head(asker, spot, model, said, version="1.1"):
    lines = [f"Accept-Encoding: {said}"] if said else []
    get = whole(asker, spot, model, said, version=version)
    answer = asker.ask(spot.target, *lines, method="HEAD", version=version)
    demand(answer.status == spot.status and answer.body == b"", "HEAD", answer.status)
    demand(None in (get.get("Content-Length"), answer.get("Content-Length")) or get.get("Content-Length") == answer.get("Content-Length"), "HEAD has another length")
    hidden = ("Transfer-Encoding", "Connection")
    if "head" in spot.filters or answer.get("Content-Length") is None:
        hidden += ("Content-Length",)
    demand(fields(answer, *hidden) == fields(get, *hidden), "HEAD:", fields(answer), "GET:", fields(get))


def not_modified(asker, spot, model, said, condition, method="GET"):
    get = base_of(asker, spot, model, said)
    name = "ETag" if "None-Match" in condition else "Last-Modified"
    if get.get(name) is None or spot.status != 200:
        return
    tag = get.get("ETag") or ""
    line = condition.format(tag=tag, bare=tag.removeprefix("W/"), date=get.get("Last-Modified"))
    answer = asker.ask(spot.target, *([f"Accept-Encoding: {said}"] if said else []), line, method=method)
    demand(answer.status == 304, line, "has", answer.status)
    demand(answer.body == b"" and answer.get("Transfer-Encoding") is None and answer.get("Content-Length") in (None, get.get("Content-Length")), "304 with a body")
    for field in ENTITY:
        demand(answer.get(field) == get.get(field), "304:", field, answer.get(field), "instead of", get.get(field))


def is_modified(asker, spot, model, said, line):
    get = base_of(asker, spot, model, said)
    answer = asker.ask(spot.target, *([f"Accept-Encoding: {said}"] if said else []), line)
    demand(answer.status == get.status and answer.body == get.body or get.get("Content-Encoding"), line, answer.status)


def failed(asker, spot, model, said, line, unless=None):
    get = base_of(asker, spot, model, said)
    tag = get.get("ETag")
    if tag is None and "{tag}" in line or get.get("Last-Modified") is None and "Since" in line or spot.status != 200 or tag is None and "Match" in line:
        return
    wanted = 200 if "{tag}" in line and is_strong(tag) else 412
    answer = asker.ask(spot.target, *([f"Accept-Encoding: {said}"] if said else []), line.format(tag=tag))
    demand(answer.status == wanted, line.format(tag=tag), "has", answer.status)


def parts_of(answer):
    kind = answer.get("Content-Type")
    boundary = re.fullmatch(r"multipart/byteranges; boundary=(\S+)", kind)
    demand(boundary, "Content-Type", kind)
    pieces = (b"\r\n" + answer.body.removeprefix(b"\r\n")).split(b"\r\n--" + boundary[1].encode())
    demand(pieces[0] == b"" and pieces[-1] == b"--\r\n", "multipart")
    for piece in pieces[1:-1]:
        top, _, data = piece.partition(b"\r\n\r\n")
        where = re.search(rb"Content-Range: bytes (\d+)-(\d+)/(\d+)", top)
        yield int(where[1]), int(where[2]), int(where[3]), data


def ranged(asker, spot, model, said, ranges, *more, method="GET"):
    """ranges: (first, last) as in a list of Python, last None: to the end, first None: that many from the end."""
    get = base_of(asker, spot, model, said)
    if more and get.get("ETag") is None:
        return
    holds = all("other" not in m and EARLIER not in m for m in more)
    text = ",".join(f"{'' if a is None else a}-{'' if b is None else b}" for a, b in ranges)
    lines = [m.format(tag=get.get("ETag"), date=get.get("Last-Modified") or EARLIER) for m in more]
    answer = asker.ask(spot.target, f"Range: bytes={text}", *([f"Accept-Encoding: {said}"] if said else []), *lines, method=method)
    size = len(get.body)
    wanted = [(max(0, size - b), size - 1) if a is None else (a, min(size - 1, size if b is None else b)) for a, b in ranges]
    wanted = [(a, b) for a, b in wanted if a < size and a <= b]
    if get.get("Accept-Ranges") is None or not holds or size == 0 or get.status != 200:
        demand(answer.status == get.status, "Range is answered with", answer.status)
        demand(method == "HEAD" or unpacked(answer.get("Content-Encoding"), answer.body) == unpacked(get.get("Content-Encoding"), get.body), "bytes with Range")
        return
    if not wanted:
        demand(answer.status == 416 and answer.get("Content-Range") == f"bytes */{size}", "416:", answer.status, answer.get("Content-Range"))
        return
    demand(answer.status == 206, "Range is answered with", answer.status)
    for field in ENTITY:
        demand(answer.get(field) == get.get(field), "206:", field, answer.get(field), "instead of", get.get(field))
    if method == "HEAD":
        return
    if len(wanted) == 1 and len(ranges) == 1:
        (first, last), = wanted
        demand(answer.get("Content-Range") == f"bytes {first}-{last}/{size}" and answer.body == get.body[first:last + 1], "part", answer.get("Content-Range"))
    else:
        found = list(parts_of(answer)) if answer.get("Content-Range") is None else []
        demand(not found or [(a, b) for a, b, _, _ in found] == wanted, "parts", found)
        demand(all(n == size and data == get.body[a:b + 1] for a, b, n, data in found), "bytes of parts")


def pipelined(asker, spot, model, said):
    line = [f"Accept-Encoding: {said}"] if said else []
    get = base_of(asker, spot, model, said)
    tag = get.get("ETag")
    data = request(spot.target, *line) + request("/pong") + request(spot.target, *line, method="HEAD") + request(spot.target, *line, "Range: bytes=1-2")
    data += request(spot.target, f"If-None-Match: {tag or chr(34)*2}", *line) + request(spot.target) + request("/pong", "Connection: close")
    with asker.server.connect(timeout=20) as client:
        client.send(data)
        answers = [client.read("HEAD" if i == 2 else "GET") for i in range(7)]
        client.expect_close()
    demand(answers[1].body == answers[6].body == b"pong", "pipelining")
    demand(unpacked(answers[0].get("Content-Encoding"), answers[0].body) == unpacked(get.get("Content-Encoding"), get.body), "bytes of a pipelined answer")
    demand(answers[2].status == spot.status and (answers[4].status == 304) == (tag is not None and spot.status == 200), "pipelined", [a.status for a in answers])


def slowly(asker, spot, model, said):
    get = base_of(asker, spot, model, said)
    with asker.server.connect(timeout=20, rcvbuf=4096) as client:
        client.send(request(spot.target, *([f"Accept-Encoding: {said}"] if said else [])) + request("/pong"))
        demand(asker.ask("/pong").body == b"pong", "others wait")
        answer = client.read()
        demand(unpacked(answer.get("Content-Encoding"), answer.body) == unpacked(get.get("Content-Encoding"), get.body), "bytes for who is slow")
        demand(client.read().body == b"pong", "what came behind it")


def leaving(asker, spot, model, said):
    """Who leaves in the midst of an answer takes nobody along."""
    for lines in ([], ["Range: bytes=0-9,20-"]):
        client = Client(("127.0.0.1", asker.server.port()), rcvbuf=4096)
        client.send(request(spot.target, *lines, *([f"Accept-Encoding: {said}"] if said else [])))
        client.sock.recv(1)
        client.close()
    demand(asker.ask("/pong").body == b"pong", "pong")


def old(asker, spot, model, said):
    whole(asker, spot, model, said, version="1.0")


def in_all_encodings(asker, spot, model, said):
    for other in SAID:
        if other != "*" or said == "*":         # nginx takes that for none
            whole(asker, spot, model, other)


def head_of_old(asker, spot, model, said):
    head(asker, spot, model, said, "1.0")


REQUESTS = {
    "get": whole, "encodings": in_all_encodings, "head": head, "1.0": old, "head 1.0": head_of_old, "pipelined": pipelined, "slowly": slowly, "leaving": leaving,
    "none-match": lambda *a: not_modified(*a, "If-None-Match: {tag}"), "none-match list": lambda *a: not_modified(*a, 'If-None-Match: "a", W/{bare}, "b"'),
    "none-match any": lambda *a: not_modified(*a, "If-None-Match: *"), "none-match head": lambda *a: not_modified(*a, "If-None-Match: {tag}", method="HEAD"),
    "since": lambda *a: not_modified(*a, "If-Modified-Since: {date}"), "since head": lambda *a: not_modified(*a, "If-Modified-Since: {date}", method="HEAD"),
    "other tag": lambda *a: is_modified(*a, 'If-None-Match: "other"'), "since before": lambda *a: is_modified(*a, f"If-Modified-Since: {EARLIER}"),
    "match other": lambda *a: failed(*a, 'If-Match: "other"'), "match": lambda *a: failed(*a, "If-Match: {tag}"),
    "unmodified": lambda *a: failed(*a, f"If-Unmodified-Since: {EARLIER}"),
    "range": lambda *a: ranged(*a, [(3, 30)]), "range open": lambda *a: ranged(*a, [(5, None)]), "range suffix": lambda *a: ranged(*a, [(None, 7)]),
    "ranges": lambda *a: ranged(*a, [(0, 1), (5, 9), (None, 3)]), "range beyond": lambda *a: ranged(*a, [(1 << 40, None)]),
    "range of head": lambda *a: ranged(*a, [(0, 4)], method="HEAD"), "if-range tag": lambda *a: ranged(*a, [(2, 4)], "If-Range: {tag}"),
    "if-range date": lambda *a: ranged(*a, [(2, 4)], "If-Range: {date}"), "if-range other": lambda *a: ranged(*a, [(2, 4)], 'If-Range: "other"'),
    "if-range before": lambda *a: ranged(*a, [(2, 4)], f"If-Range: {EARLIER}"),
}

# ---- the servers

SETTINGS = {
    "usual": "", "sendfile off": "sendfile off; aio off;", "threads": "aio threads; sendfile on; sendfile_max_chunk 64k;",
    "open_file_cache": "open_file_cache max=1000; open_file_cache_valid 60s; open_file_cache_errors on;", "postpone": "postpone_output 1; sendfile off;",
    "direct": "directio 1; output_buffers 1 8k; aio threads;", "direct without threads": "directio 1; output_buffers 3 512; aio off;",
}


def spots_of():
    found = [Spot(source, filters) for source in SOURCES for filters in SETS]
    outer = [s for s in SETS if not s & {"ssi", "add"}]
    found += [Spot(source, filters, way, inner) for way in ("include", "added") for source in SOURCES for inner in INNER for filters in outer]
    return found


def chosen(turn, fits=lambda *item: True):
    """(spot, name of a request, Accept-Encoding): all of them, or a part in which each two things meet, another one each turn."""
    spots, rng = [spot for spot in spots_of() if fits(spot, "get", None)], random.Random(turn)
    if ALL:
        return [(spot, name, said) for spot in spots[turn::len(SETTINGS)] for name in (REQUESTS if spot.way is None else rng.sample(list(REQUESTS), 5))
                for said in (SAID if name == "get" else rng.sample(SAID, 1))]
    rng.shuffle(spots)
    met, found = set(), []
    names = itertools.cycle(REQUESTS)
    for spot in spots:
        kinds = [spot.source, *spot.filters, spot.way, spot.inner if spot.way else None]
        pairs = {(a, b) for a in map(str, kinds) for b in map(str, kinds)}
        asked = [name for name in REQUESTS if any((kind, name) not in met for kind in map(str, kinds))]
        if not pairs - met and not asked:
            continue
        asked = asked[:6] or [next(names)]
        met |= pairs | {(str(kind), name) for kind in kinds for name in asked}
        found += [(spot, name, rng.choice(SAID)) for name in asked]
    return [item for item in found if fits(*item)]


def server_of(spots, settings):
    needed = {}
    for spot in spots:
        needed[spot.base] = spot
        if spot.way:
            part = Spot(spot.source, spot.inner)
            needed[part.base] = part
    for spot in list(needed.values()):                      # what redirects lead to
        inner = Spot("small", spot.filters)
        needed.setdefault(inner.base, inner)
    for source in SOURCES:
        spot = Spot(source, frozenset())
        needed.setdefault(spot.base, spot)
    return ("types { text/html html; video/mp4 mp4; } max_ranges 100; gzip_vary on; " + settings + "location = /pong { return 200 pong; }"
            "location /parts/ { alias {prefix}/data/; charset utf-8; source_charset koi8-r; }"
            "location /new/ { alias {prefix}/put/; dav_methods PUT; }" + "".join(spot.location for spot in needed.values()))


def files_of(spots):
    files = {"data/f.html": PAGE, "data/big.html": BIG, "data/empty.html": b"", "data/p.html": PAGE, "data/p.html.gz": gzip.compress(PACKED, mtime=0),
             "data/film.mp4": FILM, "data/before.html": BEFORE, "data/after.html": AFTER, "list/foo.txt": "x", "list/other.html": "y", "wraps/f.html": "{foo}"}
    for spot in spots:
        if spot.way == "include":
            files[f"wraps/{spot.source}-{name_of(spot.inner)}.html"] = wrap_of(spot)
    return files


def try_all(server, model, todo):
    asker, wrong = Asker(server), []
    for spot, name, said in todo:
        try:
            REQUESTS[name](asker, spot, model, said)
        except (Wrong, ProtocolError, OSError, EOFError, subprocess.CalledProcessError) as problem:
            wrong.append(f"{spot}: {name}, {said}: {type(problem).__name__} {problem}"[:600])
            asker.close()
    asker.close()
    return wrong


def wrong_of(kind, todo, settings, http=""):
    """What is wrong of the answers of a server to all that is to be asked."""
    spots = {spot.base: spot for spot, _, _ in todo}
    with serving(kind=kind, http=KOI + http, server=server_of(spots.values(), settings), allow=["."], error_level="error",
                 main="" if kind is Nginx else "sandbox_allow_write {prefix};", events="worker_connections 1024;") as server:
        for name, content in files_of(spots.values()).items():
            server.write(name, content, mtime=MTIME)
        server.write("put/.keep").parent.chmod(0o777)
        with server.connect() as client:
            assert client.ask(request("/new/new.html", f"Content-Length: {len(PAGE)}", method="PUT", body=PAGE), "PUT").status == 201
        seen = {source: server.get(f"/{source}/none/{SOURCES[source][1]}").body for source in SOURCES if SOURCES[source][2] is None}
        model = Model(server.port(), seen)
        by_spot = {}
        for item in todo:
            by_spot.setdefault(item[0].base, []).append(item)
        parts = [[] for _ in range(4)]
        for i, items in enumerate(by_spot.values()):
            parts[i % 4] += items
        with ThreadPoolExecutor(4) as pool:
            return sum(pool.map(lambda part: try_all(server, model, part), parts), [])


@pytest.mark.parametrize("turn, settings", list(enumerate(SETTINGS)), ids=list(SETTINGS))
def test_combinations(turn, settings):
    todo = chosen(turn)
    wrong = wrong_of(None, todo, SETTINGS[settings])
    assert not wrong, f"{len(wrong)} of {len(todo)}:\n" + "\n".join(sorted(wrong)[:400])


# ---- nginx by the same model

OF_NGINX = [        # where it differs, and why
    (lambda spot, name, said: (spot.filters | spot.inner) & {"br", "zstd"}, "it has but gzip"),
    (lambda spot, name, said: "head" in spot.filters, "it sends a trailer twice after a redirect or a request below"),
    (lambda spot, name, said: "cs" in spot.filters | spot.inner and (spot.way or spot.filters & {"ssi", "add"}), "its worker dies of it, at times"),
    (lambda spot, name, said: name.startswith(("none-match", "since")) and (spot.way or spot.filters & (TEXT_FILTERS | {"gzip"})), "304 says what is true of the file"),
    (lambda spot, name, said: spot.source in ("packed", "always"), "filters change packed bytes, which are put into pages, too, and are not sent in parts"),
    (lambda spot, name, said: spot.source == "film" and spot.way == "added", "what is added has no query"),
    (lambda spot, name, said: spot.source == "empty" and "range" in name, "a range of an empty file is refused"),
    (lambda spot, name, said: "cs" in spot.filters and spot.has_tag and "sub" not in spot.filters, "what charset converts keeps tag and ranges"),
    (lambda spot, name, said: name in ("match", "match other", "unmodified"), "it closes the connection behind 412, though it says that it keeps it"),
    (lambda spot, name, said: spot.source == "film" and name == "ranges", "several parts of a film are not sent"),
    (lambda spot, name, said: said == "*", "any encoding is none"),
]


@pytest.mark.skipif(NGINX is None, reason="there is no nginx")
def test_nginx_says_the_same():
    todo = chosen(len(SETTINGS), lambda *item: not any(differs(*item) for differs, _ in OF_NGINX))
    wrong = wrong_of(Nginx, todo, "", "types_hash_max_size 4096;")
    assert not wrong, f"{len(wrong)} of {len(todo)}:\n" + "\n".join(sorted(wrong)[:400])
