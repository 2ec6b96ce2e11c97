# SPDX-License-Identifier: BSD-2-Clause
"""
Streams of requests to be read in more than one way, made by chance from a seed: sound requests in a pipeline, then altered where the
grammar lets them be altered, then where it does not, byte by byte.
"""

CRLF = b"\r\n"
HOST = b"Host: h"
METHODS = [b"GET"] * 6 + [b"POST"] * 5 + [b"PUT"] * 6 + [b"HEAD", b"OPTIONS", b"DELETE", b"PATCH", b"TRACE", b"CONNECT", b"PROPFIND", b"MKCOL",
                                          b"FOO", b"get", b"GETT", b"PRI", b"M-SEARCH", b"QUERY", b"Put", b"G@T", b""]
PUTS = [b"/put/a", b"/put/b", b"/put/c1", b"/put/%61", b"/x/../put/a", b"//put//b", b"/put/./a", b"/put%2Fa", b"http://h/put/a"]
TARGETS = [b"/", b"/a", b"/a/b/c", b"/a?b=c", b"/?", b"/a//b", b"//", b"/./a", b"/a/..", b"/a/../", b"/a/./b", b"/..", b"/a/../../b", b"/%61%2f%62",
           b"/%2e%2e/a", b"/a/%2E%2e/b", b"/%00", b"/%0a", b"/%", b"/%4", b"/%zz", b"/a?%zz", b"/a?%00", b"/a#b", b"/a?b#c", b"/\xc3\xa9", b"/a?\xff",
           b"/a;b", b"/a|b", b"/\\", b"/{}", b"/...", b"/..a", b"/.a", b"/a.", b"*", b"a", b"", b"?", b"http://h/", b"http://h", b"http://h?q",
           b"http://h/a/../b", b"HTTP://H/x", b"http://i:80/", b"http://[::1]:8/a", b"http:///", b"http://", b"http:/a", b"https://h/", b"ftp://h/",
           b"http://u@h/", b"http://u:p@h/", b"http://h:/", b"http://h:x/", b"http://h..i/", b"http://a b/", b"h:80", b"h", b"h:", b"[::1]:443", b"//h/a",
           b"/a?http://b/", b"/" + b"a" * 60, b"/" + b"a" * 130, b"/a?" + b"b" * 200, b"/a/../b/../c/..//d", b"/%2F%2f/a", b"/a%2f..%2f..%2f..", b"/%25%32%65",
           b"http://h#f", b"http://h\\i/", b"http://h/%zz", b"/a%3fb", b"/%c3%a9", b"/%7f", b"/a%20b", b"/a+b", b"/\"", b"/<>", b"/`^"]
VERSIONS = [b"HTTP/1.1"] * 30 + [b"HTTP/1.0"] * 6 + [b"HTTP/1.2", b"HTTP/1.9", b"HTTP/2.0", b"HTTP/0.9", b"HTTP/1.", b"HTTP/1", b"HTTP/1.10",
                                                    b"HTTP/01.1", b"http/1.1", b"HTTP/1.x", b"HTTPS/1.1", b"RTSP/1.0", b"", b"HTTP/3.1 ", b"HTTP/9.9"]
HOSTS = [b"h"] * 4 + [b"h:80", b"h:", b"", b"H", b"[::1]", b"[::1]:80", b"[::1", b"::1", b"[v1.a]", b"[::ffff:1.2.3.4]", b"[1]", b"a.b.", b"a..b", b".", b"..", b".a",
                      b"a b", b"a/b", b"a@b", b"a:b", b"a:80:80", b"a,b", b"a%41", b"a%4", b"a\xe9", b"\xe9", b"a_b", b"1.2.3.4", b"a\tb", b"a#", b"a?b", b"a*b",
                      b"(a)", b"[::1%25lo]", b"[]", b"[::1]x", b"a:99999999", b"h h", b"~", b"'a'", b"a\\b", b"<a>", b"h, i", b"h:-1", b"[::1:]", b"[1:2:3:4:5:6:7::]",
                      b"[::01.2.3.4]", b"[::1.2.3]", b"[1:2:3:4:5:6:7:8:9]", b"[12345::]", b"[V1f.a:b]", b"[v.a]", b"[v1.]"]
LENGTHS = [b"0", b"1", b"3", b"5", b"10", b"05", b"000", b"+5", b"-5", b"-0", b"0x5", b"5a", b"", b"5,5", b"5, 5", b"5 5", b"1e1", b"5.", b"5\t", b"4096", b"4097",
           b"99999999999999999", b"999999999999999999", b"9999999999999999999", b"18446744073709551616", b"18446744073709551621", b"00000000000000000005",
           b"000000000000000005", b"\xb25", b"5;", b"5\x00", b"5\x0b", b"'5'", b"5\x0c"]
CODINGS = [b"chunked"] * 6 + [b"CHUNKED", b"Chunked", b" \tchunked\t ", b"gzip", b"identity", b"", b"chunked, chunked", b"chunked,", b",chunked", b", chunked",
                              b"gzip, chunked", b"chunked, gzip", b"chunked;q=1", b'"chunked"', b"xchunked", b"chunkedx", b"chun ked", b"chunked\x0b", b"\x0bchunked",
                              b"chunked\xa0", b"chunked;", b"trailers", b"chunked, identity", b"x;a=b, chunked", b"x;a=\"b,c\", chunked", b",", b"=", b"a b, chunked",
                              b"deflate, gzip, chunked", b"chunked ;a=b", b"chunke", b"c", b"chunked\x00"]
CONNECTIONS = [b"close", b"Close", b"keep-alive", b"Keep-Alive", b"close, keep-alive", b"keep-alive, close", b"x, close", b"closed", b"xclose", b"close;x",
               b"", b",", b",close,", b"close close", b"upgrade", b"TE, close", b"\tclose\t", b"close\xff", b"keep-alive;x", b"\"close\"", b"x,keep-alive ,y", b"close,",
               b"Upgrade, HTTP2-Settings", b"x-a", b"host", b"content-length", b"Transfer-Encoding"]
EXPECTS = [b"100-continue", b"100-Continue", b"100-continue, x", b"x", b"", b"100-continue;a", b"200-ok"]
NAMES = [b"X-A", b"X-A", b"x-a", b"X_B", b"X_B", b"X.C", b"X-D", b"X", b"Accept", b"Cookie", b"!#$%&'*+-.^_`|~0", b"X-A ", b" X-A", b"X A", b"", b"X(", b"X\x00", b"X\xff", b"\tX-A",
         b"Content_Length", b"Content-Length_", b"Transfer_Encoding", b"Content-Lengt", b"Content-Lengthx", b"Transfer-Encodin", b"Hos", b"Hostx", b"Upgrade", b"HTTP2-Settings",
         b"Proxy-Connection", b"TE", b"Trailer", b"Content-Range", b"Keep-Alive", b"Connectio", b"Expec", b"X-" + b"n" * 70, b"X-" + b"n" * 130, b"Range", b"X@", b"X\"", b"X/", b"X=", b"X[", b"X{}",
         b"Content Length", b"Transfer-Encoding\t", b"Content-Length\x0b"]
VALUES = [b"", b"1", b"a", b"two words", b"a\tb", b"\xc3\xa9", b"a,b", b"\"q\"", b"\\", b"a\x00b", b"a\x01", b"\x7f", b"\x80", b"a\x0bb", b"a\x0cb", b"a\x1bb", b"v" * 100, b"v" * 126, b"v" * 250, b": b", b"a: b",
          b"GET / HTTP/1.1", b"chunked", b"  x  ", b"\t", b"{}", b"%00", b"bytes 0-1/2"]
FOLDS = [b"\r\n ", b"\r\n\t", b"\n ", b"\r "]
ENDS = [b"\n", b"\r", b"\r\r\n", b"\n\r", b"\n\n", b"\r\n\r\n", b"", b" \r\n", b"\t\r\n", b"\0\r\n", b"\x0b\r\n", b"\x85", b"\r\n ", b"\r\n\t", b"\r\n \r\n"]
SIZES = [b"0", b"1", b"5", b"05", b"000000000000000005", b"00000000000000000000000005", b"+5", b"-1", b"0x5", b" 5", b"5 ", b"\t5", b"5\t", b"", b"g", b"5g", b"f", b"F", b"a", b"7fffffffffffffff", b"ffffffffffffffff",
         b"10000000000000000", b"10000000000000005", b"fffffffffffffffff", b"1000", b"1001", b"5_0", b"5.0", b"\x005", b"5,", b"00", b"ffffffff", b"100000005"]
EXTENSIONS = [b";a", b";a=b", b";a=\"b c\"", b";a=\"\\\"\"", b" ;a", b"; a", b";a =b", b";a= b", b" ; a = \"b\" ", b";", b";;", b";a=", b";=b", b";a=\"", b";a=\"b", b";a=b c", b";a b", b";a\x00", b";a=\"\x01\"", b";a=\xff",
              b";a=\"\xff\"", b";a;b=c;d=\"e\"", b";a=\"b;c\"", b";a=\"b\rc\"", b";a=\"b\nc\"", b";a=\"\\\n\"", b";\xe9", b";a=b=c", b";a@", b" a", b"a", b";" + b"a" * 300, b";a=\"b\"c", b";a=\"\\\x01\"", b";a\t=\t\"b\"",
              b";a=\"b\\\"", b"\t;\ta"]
BODIES = [b"", b"a", b"hello", b"0123456789", b"GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n", b"0\r\n\r\n", b"\r\n", b"\r\n\r\n", b"\0\x01\xff", b"x" * 300, b"a\r\nb", b"5\r\nhello\r\n0\r\n\r\n", b"x" * 4096, b"x" * 4097]
TRAILERS = [b"X-T: 1", b"X-A: trailer", b"Content-Length: 5", b"Transfer-Encoding: chunked", b"Host: i", b"X : 1", b" X: 1", b"X", b": 1", b"X: a\x00", b"X_T: 1", b"X:", b"\tX: 1", b"X: \xff", b"Connection: close",
            b"X: " + b"t" * 500, b"X(: 1", b"X: a\rb", b"X: a\nb"]
MARKS = [b"\r", b"\n", b"\r\n", b"\0", b" ", b"\t", b":", b",", b";", b"=", b"\"", b"/", b"%", b"?", b"#", b".", b"\x7f", b"\x80", b"\xff", b"0", b"1", b"a", b"\x0b", b"\x1a", b"\\", b"@", b"[", b"]", b"*", b"+", b"-"]
LAST = b"GET /last HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"


def chance_of(chance, share):
    return chance.random() < share


def chunked(chance, body, odd):
    """A body in chunks; odd: how likely each part is to be a strange one."""
    parts = []
    while body:
        size = chance.randint(1, max(1, min(len(body), chance.choice((1, 5, 300, 5000)))))
        piece, body = body[:size], body[size:]
        number = b"%x" % size if not chance_of(chance, 0.1) else b"%04X" % size
        if chance_of(chance, odd):
            number = chance.choice(SIZES)
        extension = chance.choice(EXTENSIONS) if chance_of(chance, odd) else b";a=b" if chance_of(chance, 0.05) else b""
        end = chance.choice(ENDS) if chance_of(chance, odd / 2) else CRLF
        behind = chance.choice(ENDS) if chance_of(chance, odd / 2) else CRLF
        parts.append(number + extension + end + piece + behind)
    last = chance.choice([b"0", b"00", b"0;a", b"000000000000000000", b"0 ", b"0;", b"-0", b""]) if chance_of(chance, odd) else b"0"
    parts.append(last + (chance.choice(ENDS) if chance_of(chance, odd / 2) else CRLF))
    for _ in range(chance.choice((0, 0, 0, 1, 2))):
        parts.append((chance.choice(TRAILERS) if chance_of(chance, odd * 2) else b"X-T: 1") + CRLF)
    parts.append(chance.choice(ENDS) if chance_of(chance, odd / 2) else CRLF)
    return b"".join(parts)


def request(chance, odd):
    """One request: a list of lines without their ends, and a body."""
    strange = lambda: chance_of(chance, odd)
    method = chance.choice(METHODS) if strange() else chance.choice((b"GET", b"POST", b"PUT", b"PUT"))
    target = chance.choice(TARGETS) if chance_of(chance, odd * 2) else chance.choice(PUTS) if method == b"PUT" else chance.choice((b"/", b"/a", b"/a?b"))
    if method == b"CONNECT" and chance_of(chance, 0.7):
        target = b"h:443"
    version = chance.choice(VERSIONS) if strange() else chance.choice((b"HTTP/1.1", b"HTTP/1.1", b"HTTP/1.1", b"HTTP/1.0")) if strange() else b"HTTP/1.1"
    fields = [b"Host: " + chance.choice(HOSTS) if strange() else HOST]
    for _ in range(chance.choice((0, 0, 1, 2, 3))):
        name = chance.choice(NAMES) if strange() else b"X-A"
        value = chance.choice(VALUES) if strange() else b"v%d" % chance.randint(0, 9)
        fields.append(name + chance.choice((b": ", b": ", b":", b":\t", b":  ")) + value)
    if version == b"HTTP/1.0" and chance_of(chance, 0.6):
        fields.append(b"Connection: keep-alive")
    if strange():
        fields.append(b"Connection: " + chance.choice(CONNECTIONS))
    if strange():
        fields.append(b"Expect: " + chance.choice(EXPECTS))
    body = b""
    if method in (b"POST", b"PUT", b"PATCH") or chance_of(chance, 0.1):
        content = chance.choice(BODIES) if chance_of(chance, 0.5) else b"hello"
        way = chance.random()
        if way < 0.5:
            length = chance.choice(LENGTHS) if strange() else b"%d" % len(content)
            fields.append(b"Content-Length: " + length)
            body = content
        elif way < 0.95:
            fields.append(b"Transfer-Encoding: " + (chance.choice(CODINGS) if strange() else b"chunked"))
            body = chunked(chance, content, odd)
        if chance_of(chance, odd / 3):
            fields.append(chance.choice((b"Content-Length: 5", b"Transfer-Encoding: chunked", b"content-length: 0", b"TRANSFER-ENCODING: gzip")))
    if chance_of(chance, odd / 2):
        chance.shuffle(fields)
    return [method + b" " + target + b" " + version] + fields, body


def alter_lines(chance, lines):
    """One change to the lines of a head."""
    at = chance.randrange(len(lines))
    what = chance.randrange(8)
    if what == 0:
        lines.insert(at, lines[chance.randrange(len(lines))])           # repeated
    elif what == 1 and len(lines) > 1:
        del lines[at]
    elif what == 2:
        other = chance.randrange(len(lines))
        lines[at], lines[other] = lines[other], lines[at]
    elif what == 3:
        place = chance.randint(0, len(lines[at]))
        lines[at] = lines[at][:place] + chance.choice(FOLDS) + lines[at][place:]
    elif what == 4:
        lines[at] = lines[at].replace(b":", chance.choice((b" :", b"\t:", b"", b"::", b": :", b"\r\n:", b":\r\n ")), 1)
    elif what == 5:
        lines[at] = lines[at].replace(b" ", chance.choice((b"  ", b"\t", b"", b"\x0b", b"\xa0", b" \t ")), 1)
    elif what == 6:
        lines[at] += chance.choice((b" ", b"\t", b"\0", b"\x0b", b" x", b"," + lines[at][-3:], b"\xff", b"\r"))
    else:
        lines[at] = chance.choice((bytes.swapcase, bytes.upper, bytes.lower))(lines[at])


def alter_bytes(chance, data):
    """One change to the bytes of a stream."""
    if not data:
        return data
    at = chance.randrange(len(data))
    size = chance.choice((1, 1, 1, 2, 4, 20))
    what = chance.randrange(9)
    if what == 0:
        return data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1:]
    if what == 1:
        return data[:at] + data[at + size:]
    if what == 2:
        return data[:at] + chance.choice(MARKS) + data[at:]
    if what == 3:
        return data[:at] + chance.choice(MARKS) + data[at + 1:]
    if what == 4:
        return data[:at + size] + data[at:]
    if what == 5:
        other = chance.randrange(len(data))
        a, b = min(at, other), max(at, other)
        return data[:a] + data[b:b + 1] + data[a + 1:b] + data[a:a + 1] + data[b + 1:] if a < b else data
    if what == 6:
        return data[:at] + bytes([chance.randrange(256)]) + data[at + 1:]
    if what == 7:
        ends = [i for i in range(len(data)) if data.startswith(CRLF, i)]
        if not ends:
            return data
        at = chance.choice(ends)
        return data[:at] + chance.choice(ENDS) + data[at + 2:]
    return data[:at]                                                    # cut off


def stream(chance):
    """The bytes of a pipeline."""
    odd = chance.choice((0, 0.02, 0.05, 0.05, 0.1, 0.25))
    parts = []
    for _ in range(chance.choice((1, 1, 2, 3, 4, 6))):
        lines, body = request(chance, odd)
        if chance_of(chance, odd * 1.5):
            for _ in range(chance.choice((1, 1, 2))):
                alter_lines(chance, lines)
        before = CRLF * chance.choice((1, 1, 2, 5, 31, 32, 33, 40)) if chance_of(chance, odd) else b""
        end = chance.choice(ENDS) if chance_of(chance, odd / 2) else CRLF
        parts.append(before + CRLF.join(lines) + end + (chance.choice(ENDS) if chance_of(chance, odd / 2) else CRLF) + body)
    if chance_of(chance, 0.9):
        parts.append(LAST)
    data = b"".join(parts)
    for _ in range(chance.choice((0, 0, 0, 1, 1, 2, 3))):
        data = alter_bytes(chance, data)
    return data


def cuts(chance, data):
    """Where it is cut when it is sent: nowhere, or at some places, at times byte by byte around one."""
    if len(data) < 2 or chance_of(chance, 0.7):
        return []
    if chance_of(chance, 0.15):
        at = chance.randrange(1, len(data))
        return list(range(max(1, at - 6), min(len(data), at + 6)))
    return sorted(chance.sample(range(1, len(data)), min(len(data) - 1, chance.choice((1, 1, 2, 3)))))
