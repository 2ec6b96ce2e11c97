# SPDX-License-Identifier: BSD-2-Clause
"""
What is asked of conf files with rewrites, and what is answered: test_rewrite.py asks weir, test_beside_nginx_rewrite.py nginx, too.

A row is "[METHOD] target [| Field: value …] -> answer". An answer is the status, and the place of a redirect or the body; a page of the
server's own is written [page], a connection closed without an answer: closed. Where nginx answers something else, "## nginx: its
answer ## REASON" follows.
"""

import re
from dataclasses import dataclass, field

from harness import request

# Why weir answers otherwise than nginx 1.22 does.
REASONS = {
    "ENCODED": "an address that is sent has no blanks, no bytes beyond ASCII, and no \"?\" that was a part of a name",
    "KEPT": "what the client has encoded stays as it is: the redirect leads to the same place",
    "TWICE": "nginx encodes what a group holds when \"set\" takes it; it is encoded already",
    "BROKEN": "nginx cuts the address off at a \"%\" that does not begin an escape",
    "SLASH": "a path begins with a slash, whatever the replacement says",
    "UNSAFE": "a path that leads through \"..\" is not gone",
    "FILE": "-x is for files that can be executed, as nginx's documentation has it",
    "LAST_MATCH": "groups are those of the last expression that matched and had any; one that fails takes nothing away",
    "PAGE": "an answer that is an error has a page",
    "408": "an answer that the file asks for is given",
    "444": "444 is no status that could be sent",
    "OWN_SERVER": "merge_slashes is that of the server that is asked, not of the default one",
    "STANDS_IN": "a page that stands in for a redirect leads nowhere else",
    "NO_FOLDER": "an index is a file",
    "NO_HOST": "a request for nobody's host is a good one (RFC 9112 3.2)",
    "ONLY_401": "the field WWW-Authenticate goes with 401 alone (RFC 9110 11.6.1)",
    "ALIASED": "below an alias, names of try_files without variables are paths of the site, too",
    "JOINED": "fields of the same name are one list (RFC 9110 5.3), as in nginx since 1.23",
}

OWN_PAGE = re.compile(rb"<center>nginx[^<]*</center>|<small>weir[^<]*</small></body></html>$")


@dataclass
class Case:
    asks: str
    server: str = None
    http: str = ""
    files: dict = field(default_factory=dict)

    def rows(self):
        """(question, weir's answer, nginx's answer) of all rows."""
        found = []
        for line in self.asks.splitlines():
            if line.strip():
                question, answers = [part.strip() for part in line.split(" -> ", 1)]
                own, *other = [part.strip() for part in answers.split(" ## ")]
                assert not other or other[1] in REASONS
                found.append((question, own, other[0].removeprefix("nginx: ") if other else own))
        return found

    def arguments(self):
        return dict(http=self.http, server=self.server, files=self.files)


def bytes_of(question):
    """(method, request) of a row's question; a Host of its own takes the place of the usual one."""
    head, *fields = [part.strip() for part in question.split(" | ")]
    method, _, target = head.rpartition(" ")
    hosts = [line.split(":", 1)[1].strip() for line in fields if line.startswith("Host:")]
    others = [line for line in fields if not line.startswith("Host:")]
    target = target.encode().decode("latin-1")
    return method or "GET", request(target, "Connection: close", *others, method=method or "GET", host=hosts[0] if hosts else "h")


def put(server, question):
    """The answer to a question; None: the connection was closed without one."""
    method, data = bytes_of(question)
    with server.connect() as client:
        client.send(data)
        return client.read(method) if client.sock.recv(1, 2) else None      # 2: MSG_PEEK


def short(server, response):
    if response is None:
        return "closed"
    place = response.get("Location")
    if place is not None:
        text = place.encode("latin-1").decode()
    else:
        text = "[page]" if OWN_PAGE.search(response.body) else response.text.replace(str(server.prefix), "{prefix}")
    return f"{response.status} {text}".replace(str(server.port()), "{port}").strip()


CASES = {}

# ---- what is encoded in a redirect

CASES["escapes"] = Case(server="""
    location /redirect/ { rewrite ^/redirect/(.*)$ /new/$1 redirect; }
    location /permanent/ { rewrite ^/permanent/(.*)$ /new/$1? permanent; }
    location /query/ { rewrite ^/query/(.*)$ /new?path=$1 redirect; }
    location /url/ { rewrite ^/url/(.*)$ http://other.example/$1; }
    location /url-drops/ { rewrite ^/url-drops/(.*)$ https://other.example/$1? permanent; }
    location /scheme/ { rewrite ^/scheme/(.*)$ $scheme://other.example/$1 last; }
    location /uri/ { return 301 /new$uri; }
    location /request-uri/ { return 308 /new$request_uri; }
    location /whole-uri/ { rewrite ^ /new$uri permanent; }
    location /whole-request-uri/ { rewrite ^ /new$request_uri? permanent; }
    location /named/ { rewrite ^/named/(?<rest>.*)$ /new/$rest redirect; }
    location /if-group/ { if ($uri ~ ^/if-group/(.*)$) { return 302 /new/$1; } }
    location /set/ { set $rest "none"; if ($request_uri ~ ^/set/([^?]*)) { set $rest $1; } rewrite ^ /new/$rest? redirect; }
    location ~ ^/location-group/(.*)$ { return 307 /new/$1$is_args$args; }
    location ~ ^/arg/(?<what>[^/]+)$ { return 303 "/new?what=$what&q=$arg_q"; }
""", asks="""
    /redirect/a%20b -> 302 http://h:{port}/new/a%20b
    /redirect/a%3Fb -> 302 http://h:{port}/new/a%3Fb ## nginx: 302 http://h:{port}/new/a?b ## ENCODED
    /redirect/a+b -> 302 http://h:{port}/new/a+b
    /redirect/a%2Bb -> 302 http://h:{port}/new/a+b
    /redirect/a&b -> 302 http://h:{port}/new/a&b
    /redirect/a%26b -> 302 http://h:{port}/new/a&b
    /redirect/a%3Bb;c -> 302 http://h:{port}/new/a;b;c
    /redirect/a%25b -> 302 http://h:{port}/new/a%25b
    /redirect/a%22b -> 302 http://h:{port}/new/a%22b
    /redirect/a%2Fb -> 302 http://h:{port}/new/a/b
    /redirect/%C3%A9 -> 302 http://h:{port}/new/%C3%A9
    /redirect/é -> 302 http://h:{port}/new/%C3%A9 ## nginx: 302 http://h:{port}/new/é ## ENCODED
    /redirect/a%23b -> 302 http://h:{port}/new/a%23b
    /redirect/a:b@c,d=e -> 302 http://h:{port}/new/a:b@c,d=e
    /redirect/a?q=1 -> 302 http://h:{port}/new/a?q=1
    /redirect/a%20b?q=1%20+2%26 -> 302 http://h:{port}/new/a%20b?q=1%20+2%26
    /permanent/a%20b -> 301 http://h:{port}/new/a%20b
    /permanent/a%3Fb -> 301 http://h:{port}/new/a%3Fb ## nginx: 301 http://h:{port}/new/a?b ## ENCODED
    /permanent/a+b -> 301 http://h:{port}/new/a+b
    /permanent/a%2Bb -> 301 http://h:{port}/new/a+b
    /permanent/a&b -> 301 http://h:{port}/new/a&b
    /permanent/a%26b -> 301 http://h:{port}/new/a&b
    /permanent/a%3Bb;c -> 301 http://h:{port}/new/a;b;c
    /permanent/a%25b -> 301 http://h:{port}/new/a%25b
    /permanent/a%22b -> 301 http://h:{port}/new/a%22b
    /permanent/a%2Fb -> 301 http://h:{port}/new/a/b
    /permanent/%C3%A9 -> 301 http://h:{port}/new/%C3%A9
    /permanent/é -> 301 http://h:{port}/new/%C3%A9 ## nginx: 301 http://h:{port}/new/é ## ENCODED
    /permanent/a%23b -> 301 http://h:{port}/new/a%23b
    /permanent/a:b@c,d=e -> 301 http://h:{port}/new/a:b@c,d=e
    /permanent/a?q=1 -> 301 http://h:{port}/new/a
    /permanent/a%20b?q=1%20+2%26 -> 301 http://h:{port}/new/a%20b
    /query/a%20b -> 302 http://h:{port}/new?path=a%20b
    /query/a%3Fb -> 302 http://h:{port}/new?path=a%3Fb
    /query/a+b -> 302 http://h:{port}/new?path=a%2Bb
    /query/a%2Bb -> 302 http://h:{port}/new?path=a%2Bb
    /query/a&b -> 302 http://h:{port}/new?path=a&b
    /query/a%26b -> 302 http://h:{port}/new?path=a%26b
    /query/a%3Bb;c -> 302 http://h:{port}/new?path=a%3Bb%3Bc
    /query/a%25b -> 302 http://h:{port}/new?path=a%25b
    /query/a%22b -> 302 http://h:{port}/new?path=a%22b
    /query/a%2Fb -> 302 http://h:{port}/new?path=a/b
    /query/%C3%A9 -> 302 http://h:{port}/new?path=%C3%A9
    /query/é -> 302 http://h:{port}/new?path=%C3%A9 ## nginx: 302 http://h:{port}/new?path=é ## ENCODED
    /query/a%23b -> 302 http://h:{port}/new?path=a%23b
    /query/a:b@c,d=e -> 302 http://h:{port}/new?path=a:b@c,d=e
    /query/a?q=1 -> 302 http://h:{port}/new?path=a&q=1
    /query/a%20b?q=1%20+2%26 -> 302 http://h:{port}/new?path=a%20b&q=1%20+2%26
    /url/a%20b -> 302 http://other.example/a%20b
    /url/a%3Fb -> 302 http://other.example/a%3Fb ## nginx: 302 http://other.example/a?b ## ENCODED
    /url/a+b -> 302 http://other.example/a+b
    /url/a%2Bb -> 302 http://other.example/a+b
    /url/a&b -> 302 http://other.example/a&b
    /url/a%26b -> 302 http://other.example/a&b
    /url/a%3Bb;c -> 302 http://other.example/a;b;c
    /url/a%25b -> 302 http://other.example/a%25b
    /url/a%22b -> 302 http://other.example/a%22b
    /url/a%2Fb -> 302 http://other.example/a/b
    /url/%C3%A9 -> 302 http://other.example/%C3%A9
    /url/é -> 302 http://other.example/%C3%A9 ## nginx: 302 http://other.example/é ## ENCODED
    /url/a%23b -> 302 http://other.example/a%23b
    /url/a:b@c,d=e -> 302 http://other.example/a:b@c,d=e
    /url/a?q=1 -> 302 http://other.example/a?q=1
    /url/a%20b?q=1%20+2%26 -> 302 http://other.example/a%20b?q=1%20+2%26
    /url-drops/a%20b -> 301 https://other.example/a%20b
    /url-drops/a%3Fb -> 301 https://other.example/a%3Fb ## nginx: 301 https://other.example/a?b ## ENCODED
    /url-drops/a+b -> 301 https://other.example/a+b
    /url-drops/a%2Bb -> 301 https://other.example/a+b
    /url-drops/a&b -> 301 https://other.example/a&b
    /url-drops/a%26b -> 301 https://other.example/a&b
    /url-drops/a%3Bb;c -> 301 https://other.example/a;b;c
    /url-drops/a%25b -> 301 https://other.example/a%25b
    /url-drops/a%22b -> 301 https://other.example/a%22b
    /url-drops/a%2Fb -> 301 https://other.example/a/b
    /url-drops/%C3%A9 -> 301 https://other.example/%C3%A9
    /url-drops/é -> 301 https://other.example/%C3%A9 ## nginx: 301 https://other.example/é ## ENCODED
    /url-drops/a%23b -> 301 https://other.example/a%23b
    /url-drops/a:b@c,d=e -> 301 https://other.example/a:b@c,d=e
    /url-drops/a?q=1 -> 301 https://other.example/a
    /url-drops/a%20b?q=1%20+2%26 -> 301 https://other.example/a%20b
    /scheme/a%20b -> 302 http://other.example/a%20b
    /scheme/a%3Fb -> 302 http://other.example/a%3Fb ## nginx: 302 http://other.example/a?b ## ENCODED
    /scheme/a+b -> 302 http://other.example/a+b
    /scheme/a%2Bb -> 302 http://other.example/a+b
    /scheme/a&b -> 302 http://other.example/a&b
    /scheme/a%26b -> 302 http://other.example/a&b
    /scheme/a%3Bb;c -> 302 http://other.example/a;b;c
    /scheme/a%25b -> 302 http://other.example/a%25b
    /scheme/a%22b -> 302 http://other.example/a%22b
    /scheme/a%2Fb -> 302 http://other.example/a/b
    /scheme/%C3%A9 -> 302 http://other.example/%C3%A9
    /scheme/é -> 302 http://other.example/%C3%A9 ## nginx: 302 http://other.example/é ## ENCODED
    /scheme/a%23b -> 302 http://other.example/a%23b
    /scheme/a:b@c,d=e -> 302 http://other.example/a:b@c,d=e
    /scheme/a?q=1 -> 302 http://other.example/a?q=1
    /scheme/a%20b?q=1%20+2%26 -> 302 http://other.example/a%20b?q=1%20+2%26
    /uri/a%20b -> 301 http://h:{port}/new/uri/a%20b ## nginx: 301 http://h:{port}/new/uri/a b ## ENCODED
    /uri/a%3Fb -> 301 http://h:{port}/new/uri/a?b
    /uri/a+b -> 301 http://h:{port}/new/uri/a+b
    /uri/a%2Bb -> 301 http://h:{port}/new/uri/a+b
    /uri/a&b -> 301 http://h:{port}/new/uri/a&b
    /uri/a%26b -> 301 http://h:{port}/new/uri/a&b
    /uri/a%3Bb;c -> 301 http://h:{port}/new/uri/a;b;c
    /uri/a%25b -> 301 http://h:{port}/new/uri/a%b
    /uri/a%22b -> 301 http://h:{port}/new/uri/a"b
    /uri/a%2Fb -> 301 http://h:{port}/new/uri/a/b
    /uri/%C3%A9 -> 301 http://h:{port}/new/uri/é
    /uri/é -> 301 http://h:{port}/new/uri/é
    /uri/a%23b -> 301 http://h:{port}/new/uri/a#b
    /uri/a:b@c,d=e -> 301 http://h:{port}/new/uri/a:b@c,d=e
    /uri/a?q=1 -> 301 http://h:{port}/new/uri/a
    /uri/a%20b?q=1%20+2%26 -> 301 http://h:{port}/new/uri/a%20b ## nginx: 301 http://h:{port}/new/uri/a b ## ENCODED
    /request-uri/a%20b -> 308 http://h:{port}/new/request-uri/a%20b
    /request-uri/a%3Fb -> 308 http://h:{port}/new/request-uri/a%3Fb
    /request-uri/a+b -> 308 http://h:{port}/new/request-uri/a+b
    /request-uri/a%2Bb -> 308 http://h:{port}/new/request-uri/a%2Bb
    /request-uri/a&b -> 308 http://h:{port}/new/request-uri/a&b
    /request-uri/a%26b -> 308 http://h:{port}/new/request-uri/a%26b
    /request-uri/a%3Bb;c -> 308 http://h:{port}/new/request-uri/a%3Bb;c
    /request-uri/a%25b -> 308 http://h:{port}/new/request-uri/a%25b
    /request-uri/a%22b -> 308 http://h:{port}/new/request-uri/a%22b
    /request-uri/a%2Fb -> 308 http://h:{port}/new/request-uri/a%2Fb
    /request-uri/%C3%A9 -> 308 http://h:{port}/new/request-uri/%C3%A9
    /request-uri/é -> 308 http://h:{port}/new/request-uri/%C3%A9 ## nginx: 308 http://h:{port}/new/request-uri/é ## ENCODED
    /request-uri/a%23b -> 308 http://h:{port}/new/request-uri/a%23b
    /request-uri/a:b@c,d=e -> 308 http://h:{port}/new/request-uri/a:b@c,d=e
    /request-uri/a?q=1 -> 308 http://h:{port}/new/request-uri/a?q=1
    /request-uri/a%20b?q=1%20+2%26 -> 308 http://h:{port}/new/request-uri/a%20b?q=1%20+2%26
    /whole-uri/a%20b -> 301 http://h:{port}/new/whole-uri/a%20b ## nginx: 301 http://h:{port}/new/whole-uri/a b ## ENCODED
    /whole-uri/a%3Fb -> 301 http://h:{port}/new/whole-uri/a?b
    /whole-uri/a+b -> 301 http://h:{port}/new/whole-uri/a+b
    /whole-uri/a%2Bb -> 301 http://h:{port}/new/whole-uri/a+b
    /whole-uri/a&b -> 301 http://h:{port}/new/whole-uri/a&b
    /whole-uri/a%26b -> 301 http://h:{port}/new/whole-uri/a&b
    /whole-uri/a%3Bb;c -> 301 http://h:{port}/new/whole-uri/a;b;c
    /whole-uri/a%25b -> 301 http://h:{port}/new/whole-uri/a%b ## nginx: 301 http://h:{port}/new/whole-uri/a ## BROKEN
    /whole-uri/a%22b -> 301 http://h:{port}/new/whole-uri/a"b
    /whole-uri/a%2Fb -> 301 http://h:{port}/new/whole-uri/a/b
    /whole-uri/%C3%A9 -> 301 http://h:{port}/new/whole-uri/é
    /whole-uri/é -> 301 http://h:{port}/new/whole-uri/é
    /whole-uri/a%23b -> 301 http://h:{port}/new/whole-uri/a#b
    /whole-uri/a:b@c,d=e -> 301 http://h:{port}/new/whole-uri/a:b@c,d=e
    /whole-uri/a?q=1 -> 301 http://h:{port}/new/whole-uri/a?q=1
    /whole-uri/a%20b?q=1%20+2%26 -> 301 http://h:{port}/new/whole-uri/a%20b?q=1%20+2%26 ## nginx: 301 http://h:{port}/new/whole-uri/a b?q=1%20+2%26 ## ENCODED
    /whole-request-uri/a%20b -> 301 http://h:{port}/new/whole-request-uri/a%20b
    /whole-request-uri/a%3Fb -> 301 http://h:{port}/new/whole-request-uri/a%3Fb ## nginx: 301 http://h:{port}/new/whole-request-uri/a?b ## KEPT
    /whole-request-uri/a+b -> 301 http://h:{port}/new/whole-request-uri/a+b
    /whole-request-uri/a%2Bb -> 301 http://h:{port}/new/whole-request-uri/a%2Bb ## nginx: 301 http://h:{port}/new/whole-request-uri/a+b ## KEPT
    /whole-request-uri/a&b -> 301 http://h:{port}/new/whole-request-uri/a&b
    /whole-request-uri/a%26b -> 301 http://h:{port}/new/whole-request-uri/a%26b ## nginx: 301 http://h:{port}/new/whole-request-uri/a&b ## KEPT
    /whole-request-uri/a%3Bb;c -> 301 http://h:{port}/new/whole-request-uri/a%3Bb;c ## nginx: 301 http://h:{port}/new/whole-request-uri/a;b;c ## KEPT
    /whole-request-uri/a%25b -> 301 http://h:{port}/new/whole-request-uri/a%25b
    /whole-request-uri/a%22b -> 301 http://h:{port}/new/whole-request-uri/a%22b
    /whole-request-uri/a%2Fb -> 301 http://h:{port}/new/whole-request-uri/a%2Fb ## nginx: 301 http://h:{port}/new/whole-request-uri/a/b ## KEPT
    /whole-request-uri/%C3%A9 -> 301 http://h:{port}/new/whole-request-uri/%C3%A9
    /whole-request-uri/é -> 301 http://h:{port}/new/whole-request-uri/%C3%A9 ## nginx: 301 http://h:{port}/new/whole-request-uri/é ## ENCODED
    /whole-request-uri/a%23b -> 301 http://h:{port}/new/whole-request-uri/a%23b
    /whole-request-uri/a:b@c,d=e -> 301 http://h:{port}/new/whole-request-uri/a:b@c,d=e
    /whole-request-uri/a?q=1 -> 301 http://h:{port}/new/whole-request-uri/a?q=1
    /whole-request-uri/a%20b?q=1%20+2%26 -> 301 http://h:{port}/new/whole-request-uri/a%20b?q=1%20+2%26
    /named/a%20b -> 302 http://h:{port}/new/a%20b ## nginx: 302 http://h:{port}/new/a b ## ENCODED
    /named/a%3Fb -> 302 http://h:{port}/new/a?b
    /named/a+b -> 302 http://h:{port}/new/a+b
    /named/a%2Bb -> 302 http://h:{port}/new/a+b
    /named/a&b -> 302 http://h:{port}/new/a&b
    /named/a%26b -> 302 http://h:{port}/new/a&b
    /named/a%3Bb;c -> 302 http://h:{port}/new/a;b;c
    /named/a%25b -> 302 http://h:{port}/new/a%b ## nginx: 302 http://h:{port}/new/a ## BROKEN
    /named/a%22b -> 302 http://h:{port}/new/a"b
    /named/a%2Fb -> 302 http://h:{port}/new/a/b
    /named/%C3%A9 -> 302 http://h:{port}/new/é
    /named/é -> 302 http://h:{port}/new/é
    /named/a%23b -> 302 http://h:{port}/new/a#b
    /named/a:b@c,d=e -> 302 http://h:{port}/new/a:b@c,d=e
    /named/a?q=1 -> 302 http://h:{port}/new/a?q=1
    /named/a%20b?q=1%20+2%26 -> 302 http://h:{port}/new/a%20b?q=1%20+2%26 ## nginx: 302 http://h:{port}/new/a b?q=1%20+2%26 ## ENCODED
    /if-group/a%20b -> 302 http://h:{port}/new/a%20b ## nginx: 302 http://h:{port}/new/a b ## ENCODED
    /if-group/a%3Fb -> 302 http://h:{port}/new/a?b
    /if-group/a+b -> 302 http://h:{port}/new/a+b
    /if-group/a%2Bb -> 302 http://h:{port}/new/a+b
    /if-group/a&b -> 302 http://h:{port}/new/a&b
    /if-group/a%26b -> 302 http://h:{port}/new/a&b
    /if-group/a%3Bb;c -> 302 http://h:{port}/new/a;b;c
    /if-group/a%25b -> 302 http://h:{port}/new/a%b
    /if-group/a%22b -> 302 http://h:{port}/new/a"b
    /if-group/a%2Fb -> 302 http://h:{port}/new/a/b
    /if-group/%C3%A9 -> 302 http://h:{port}/new/é
    /if-group/é -> 302 http://h:{port}/new/é
    /if-group/a%23b -> 302 http://h:{port}/new/a#b
    /if-group/a:b@c,d=e -> 302 http://h:{port}/new/a:b@c,d=e
    /if-group/a?q=1 -> 302 http://h:{port}/new/a
    /if-group/a%20b?q=1%20+2%26 -> 302 http://h:{port}/new/a%20b ## nginx: 302 http://h:{port}/new/a b ## ENCODED
    /set/a%20b -> 302 http://h:{port}/new/a%20b ## nginx: 302 http://h:{port}/new/a%2520b ## TWICE
    /set/a%3Fb -> 302 http://h:{port}/new/a%3Fb ## nginx: 302 http://h:{port}/new/a%253Fb ## TWICE
    /set/a+b -> 302 http://h:{port}/new/a+b
    /set/a%2Bb -> 302 http://h:{port}/new/a%2Bb ## nginx: 302 http://h:{port}/new/a%252Bb ## TWICE
    /set/a&b -> 302 http://h:{port}/new/a&b
    /set/a%26b -> 302 http://h:{port}/new/a%26b ## nginx: 302 http://h:{port}/new/a%2526b ## TWICE
    /set/a%3Bb;c -> 302 http://h:{port}/new/a%3Bb;c ## nginx: 302 http://h:{port}/new/a%253Bb;c ## TWICE
    /set/a%25b -> 302 http://h:{port}/new/a%25b ## nginx: 302 http://h:{port}/new/a%2525b ## TWICE
    /set/a%22b -> 302 http://h:{port}/new/a%22b ## nginx: 302 http://h:{port}/new/a%2522b ## TWICE
    /set/a%2Fb -> 302 http://h:{port}/new/a%2Fb ## nginx: 302 http://h:{port}/new/a%252Fb ## TWICE
    /set/%C3%A9 -> 302 http://h:{port}/new/%C3%A9 ## nginx: 302 http://h:{port}/new/%25C3%25A9 ## TWICE
    /set/é -> 302 http://h:{port}/new/%C3%A9 ## nginx: 302 http://h:{port}/new/é ## ENCODED
    /set/a%23b -> 302 http://h:{port}/new/a%23b ## nginx: 302 http://h:{port}/new/a%2523b ## TWICE
    /set/a:b@c,d=e -> 302 http://h:{port}/new/a:b@c,d=e
    /set/a?q=1 -> 302 http://h:{port}/new/a
    /set/a%20b?q=1%20+2%26 -> 302 http://h:{port}/new/a%20b ## nginx: 302 http://h:{port}/new/a%2520b ## TWICE
    /location-group/a%20b -> 307 http://h:{port}/new/a%20b ## nginx: 307 http://h:{port}/new/a b ## ENCODED
    /location-group/a%3Fb -> 307 http://h:{port}/new/a?b
    /location-group/a+b -> 307 http://h:{port}/new/a+b
    /location-group/a%2Bb -> 307 http://h:{port}/new/a+b
    /location-group/a&b -> 307 http://h:{port}/new/a&b
    /location-group/a%26b -> 307 http://h:{port}/new/a&b
    /location-group/a%3Bb;c -> 307 http://h:{port}/new/a;b;c
    /location-group/a%25b -> 307 http://h:{port}/new/a%b
    /location-group/a%22b -> 307 http://h:{port}/new/a"b
    /location-group/a%2Fb -> 307 http://h:{port}/new/a/b
    /location-group/%C3%A9 -> 307 http://h:{port}/new/é
    /location-group/é -> 307 http://h:{port}/new/é
    /location-group/a%23b -> 307 http://h:{port}/new/a#b
    /location-group/a:b@c,d=e -> 307 http://h:{port}/new/a:b@c,d=e
    /location-group/a?q=1 -> 307 http://h:{port}/new/a?q=1
    /location-group/a%20b?q=1%20+2%26 -> 307 http://h:{port}/new/a%20b?q=1%20+2%26 ## nginx: 307 http://h:{port}/new/a b?q=1%20+2%26 ## ENCODED
    /arg/a%20b -> 303 http://h:{port}/new?what=a%20b&q= ## nginx: 303 http://h:{port}/new?what=a b&q= ## ENCODED
    /arg/a%3Fb -> 303 http://h:{port}/new?what=a?b&q=
    /arg/a+b -> 303 http://h:{port}/new?what=a+b&q=
    /arg/a%2Bb -> 303 http://h:{port}/new?what=a+b&q=
    /arg/a&b -> 303 http://h:{port}/new?what=a&b&q=
    /arg/a%26b -> 303 http://h:{port}/new?what=a&b&q=
    /arg/a%3Bb;c -> 303 http://h:{port}/new?what=a;b;c&q=
    /arg/a%25b -> 303 http://h:{port}/new?what=a%b&q=
    /arg/a%22b -> 303 http://h:{port}/new?what=a"b&q=
    /arg/a%2Fb -> 404 [page]
    /arg/%C3%A9 -> 303 http://h:{port}/new?what=é&q=
    /arg/é -> 303 http://h:{port}/new?what=é&q=
    /arg/a%23b -> 303 http://h:{port}/new?what=a#b&q=
    /arg/a:b@c,d=e -> 303 http://h:{port}/new?what=a:b@c,d=e&q=
    /arg/a?q=1 -> 303 http://h:{port}/new?what=a&q=1
    /arg/a%20b?q=1%20+2%26 -> 303 http://h:{port}/new?what=a%20b&q=1%20+2%26 ## nginx: 303 http://h:{port}/new?what=a b&q=1%20+2%26 ## ENCODED
""")

# ---- rewrites within the server

TELLS = 'return 200 "$uri|$args|$request_uri|$document_uri";'

CASES["flags"] = Case(server="""
    location /plain/ { rewrite ^/plain/(.*)$ /show/$1; }
    location /last/ { rewrite ^/last/(.*)$ /show/$1 last; return 500; }
    location /break/ { rewrite ^/break/(.*)$ /files/$1 break; return 500; }
    location /both/ { rewrite ^/both/(.*)$ /files/$1 break; rewrite ^ /show/never last; }
    location /chain/ { rewrite ^/chain/(.*)$ /chain2/$1; rewrite ^/chain2/(.*)$ /show/chained/$1; }
    location /chain-return/ { rewrite ^/chain-return/(.*)$ /x/$1; %(tells)s }
    location /query/ { rewrite ^/query/(.*)$ /show/$1?own=1; }
    location /drops/ { rewrite ^/drops/(.*)$ /show/$1?own=1?; }
    location /drops-all/ { rewrite ^/drops-all/(.*)$ /show/$1? last; }
    location /query-group/ { rewrite ^/query-group/([^/]*)/(.*)$ /show/$1?p=$2 last; }
    location /two-marks/ { rewrite ^/two-marks/(.*)$ /show/$1?a=1?b=2 last; }
    location /no-slash/ { rewrite ^/no-slash/(.*)$ show/$1 last; }
    location /dots/ { rewrite ^/dots/(.*)$ /show/../show/$1 last; }
    location /slashes/ { rewrite ^/slashes/(.*)$ //show//$1 last; }
    location /escaped/ { rewrite ^/escaped/(.*)$ /show/a%20b/$1 last; }
    location /case/ { rewrite (?i)^/CASE/(.*)$ /show/$1 last; }
    location /optional/ { rewrite ^/optional/(a)?(b)?(c)?$ /show/[$1][$2][$3][$4] last; }
    location /no-match/ { rewrite ^/other/(.*)$ /show/$1 last; %(tells)s }
    location /group-ten/ { rewrite ^/group-ten/(.)(.)(.)(.)(.)(.)(.)(.)(.)(.)$ /show/$9$10 last; }
    location /breaks/ { break; return 500; }
    location /set-uri/ { set $saved $uri; rewrite ^ /show/$saved last; }
    location /set-args/ { set $args "new=1"; rewrite ^/set-args/(.*)$ /show/$1 last; }
    location /set-args-only/ { set $args "$args&more"; %(tells)s }
    location /loop/ { rewrite ^/loop/(.*)$ /loop/$1x last; }
    location /loop-plain/ { rewrite ^ /loop-plain/; }
    location /ping/ { rewrite ^ /pong/ last; }
    location /pong/ { rewrite ^ /ping/ last; }
    location /show/ { %(tells)s }
    location /files/ { }
""".replace("%(tells)s", TELLS), files={"html/files/a": "file a\n", "html/breaks/a": "breaks a\n"}, asks="""
    /plain/a -> 200 /show/a||/plain/a|/show/a
    /plain/a?q=1 -> 200 /show/a|q=1|/plain/a?q=1|/show/a
    /plain/ -> 200 /show/||/plain/|/show/
    /last/a%20b -> 200 /show/a b||/last/a%20b|/show/a b
    /last/a%3Fb?q -> 200 /show/a?b|q|/last/a%3Fb?q|/show/a?b
    /break/a -> 200 file a
    /break/none -> 404 [page]
    /both/a -> 200 file a
    /chain/a -> 200 /show/chained/a||/chain/a|/show/chained/a
    /chain-return/a?q -> 200 /x/a|q|/chain-return/a?q|/x/a
    /query/a -> 200 /show/a|own=1|/query/a|/show/a
    /query/a?q=1 -> 200 /show/a|own=1&q=1|/query/a?q=1|/show/a
    /drops/a?q=1 -> 200 /show/a|own=1|/drops/a?q=1|/show/a
    /drops-all/a?q=1 -> 200 /show/a||/drops-all/a?q=1|/show/a
    /query-group/a/b -> 200 /show/a|p=b|/query-group/a/b|/show/a
    /query-group/a/b%20c -> 200 /show/a|p=b%20c|/query-group/a/b%20c|/show/a
    /query-group/a/b%26c?d -> 200 /show/a|p=b%26c&d|/query-group/a/b%26c?d|/show/a
    /two-marks/a?q -> 200 /show/a|a=1?b=2&q|/two-marks/a?q|/show/a
    /no-slash/a -> 200 /show/a||/no-slash/a|/show/a ## nginx: 404 [page] ## SLASH
    /dots/a -> 400 [page] ## nginx: 200 /show/../show/a||/dots/a|/show/../show/a ## UNSAFE
    /slashes/a -> 404 [page]
    /escaped/a -> 200 /show/a%20b/a||/escaped/a|/show/a%20b/a
    /case/a -> 200 /show/a||/case/a|/show/a
    /optional/ -> 200 /show/[][][][]||/optional/|/show/[][][][]
    /optional/b -> 200 /show/[][b][][]||/optional/b|/show/[][b][][]
    /optional/ac -> 200 /show/[a][][c][]||/optional/ac|/show/[a][][c][]
    /no-match/a -> 200 /no-match/a||/no-match/a|/no-match/a
    /group-ten/abcdefghij -> 200 /show/ia0||/group-ten/abcdefghij|/show/ia0
    /breaks/a -> 200 breaks a
    /set-uri/a -> 200 /show//set-uri/a||/set-uri/a|/show//set-uri/a
    /set-args/a?old=1 -> 200 /show/a|new=1|/set-args/a?old=1|/show/a
    /set-args-only/a?old=1 -> 200 /set-args-only/a|old=1&more|/set-args-only/a?old=1|/set-args-only/a
    /set-args-only/a -> 200 /set-args-only/a|&more|/set-args-only/a|/set-args-only/a
    /loop/a -> 500 [page]
    /loop-plain/ -> 500 [page]
    /ping/ -> 500 [page]
""")

CASES["server_level"] = Case(server="""
    set $seen "$seen+";
    rewrite ^/plain/(.*)$ /show/plain/$1;
    rewrite ^/show/plain/twice/(.*)$ /show/twice/$1;
    rewrite ^/last/(.*)$ /show/last/$1 last;
    rewrite ^/break/(.*)$ /show/break/$1 break;
    rewrite ^/show/last/(.*)$ /show/not-last/$1;
    rewrite ^/moved/(.*)$ /show/$1 permanent;
    if ($arg_stop) { break; }
    rewrite ^/stopped/(.*)$ /show/stopped/$1 last;
    if ($uri = /gone) { return 410; }
    if ($http_x_agent ~* bot) { return 403 "no bots"; }
    if ($host !~ ^(h|www\\.example\\.com)$) { return 421 "$host"; }
    location / { return 200 "root $uri $seen"; }
    location /show/ { return 200 "$uri|$args|$seen"; }
    location /in/ { rewrite ^/in/(.*)$ /plain/$1 last; }
    location /missing/ { error_page 404 /plain/error; }
    location /named/ { error_page 404 @named; }
    location @named { return 200 "named $uri $seen"; }
    location /dir/ { index index.txt; }
    location = /dir/index.txt { return 200 "index $uri $seen"; }
""", files={"html/dir/index.txt": "index\n"}, asks="""
    / -> 200 root / +
    /plain/a -> 200 /show/plain/a||+
    /plain/twice/a?q -> 200 /show/twice/a|q|+
    /last/a -> 200 /show/last/a||+
    /break/a -> 200 /show/break/a||+
    /moved/a?b -> 301 http://h:{port}/show/a?b
    /stopped/a -> 200 /show/stopped/a||+
    /stopped/a?stop=1 -> 200 root /stopped/a +
    /stopped/a?stop=0 -> 200 /show/stopped/a|stop=0|+
    /gone -> 410 [page]
    /a | X-Agent: GoodBot/1 -> 403 no bots
    /a | X-Agent: human -> 200 root /a +
    /a | Host: other.example -> 421 other.example
    /a | Host: www.example.com -> 200 root /a +
    /a | Host: WWW.Example.COM. -> 200 root /a +
    /in/a -> 200 root /plain/a +
    /missing/a -> 404 /show/plain/error||++
    /named/a -> 404 named /named/a +
    /dir/ -> 200 index /dir/index.txt ++
    /dir -> 200 root /dir +
""")

CASES["cycles"] = Case(server="""
    rewrite ^/server-loop(.*)$ /server-loop$1x;
    location /count/ { if ($uri ~ ^/count/(x*)$) { set $n $1; } rewrite ^/count/xxxxx$ /end last; rewrite ^ /count/${n}x last; }
    location = /end { return 200 end; }
    location /index-loop/ { index /index-loop/; }
    location /error-loop/ { error_page 404 /error-loop/again; recursive_error_pages on; }
    location /to-named/ { error_page 404 @a; recursive_error_pages on; }
    location @a { error_page 404 @b; recursive_error_pages on; }
    location @b { error_page 404 @a; recursive_error_pages on; }
    location /nine/ { rewrite "^/nine/x{9}$" /end last; rewrite ^/nine/(.*)$ /nine/$1x last; }
    location /ten/ { rewrite "^/ten/x{10}$" /end last; rewrite ^/ten/(.*)$ /ten/$1x last; }
    location /eleven/ { rewrite "^/eleven/x{11}$" /end last; rewrite ^/eleven/(.*)$ /eleven/$1x last; }
""", asks="""
    /server-loop -> 404 [page]
    /count/ -> 200 end
    /count/xxxxxx -> 500 [page]
    /index-loop/ -> 500 [page]
    /error-loop/a -> 500 [page]
    /to-named/a -> 500 [page]
    /nine/ -> 200 end
    /ten/ -> 500 [page]
    /ten/x -> 200 end
    /eleven/ -> 500 [page]
    /eleven/x -> 500 [page]
""")

# ---- if

CASES["if_operators"] = Case(server="""
    set $found "";
    set $zero 0;
    location /value { if ($arg_v) { return 200 yes; } return 200 no; }
    location /equal { if ($arg_v = abc) { return 200 yes; } return 200 no; }
    location /not-equal { if ($arg_v != abc) { return 200 yes; } return 200 no; }
    location /equal-variable { if ($arg_v = $arg_w) { return 200 yes; } return 200 no; }
    location /equal-text { if ($arg_v = "a $arg_w b") { return 200 yes; } return 200 no; }
    location /match { if ($arg_v ~ ^a(b+)c$) { return 200 "yes $1"; } return 200 no; }
    location /match-any-case { if ($arg_v ~* ^a(b+)c$) { return 200 "yes $1"; } return 200 no; }
    location /no-match { if ($arg_v !~ ^a(b+)c$) { return 200 "yes $1"; } return 200 "no $1"; }
    location /no-match-any-case { if ($arg_v !~* ^a(b+)c$) { return 200 yes; } return 200 no; }
    location /quoted { if ($arg_v ~ "^[0-9]{2,3};$") { return 200 yes; } return 200 no; }
    location /file { if (-f $document_root$uri) { return 200 yes; } return 200 no; }
    location /not-file { if (!-f $document_root$uri) { return 200 yes; } return 200 no; }
    location /folder { if (-d $document_root$uri) { return 200 yes; } return 200 no; }
    location /not-folder { if (!-d $request_filename) { return 200 yes; } return 200 no; }
    location /exists { if (-e $request_filename) { return 200 yes; } return 200 no; }
    location /not-exists { if (!-e $request_filename) { return 200 yes; } return 200 no; }
    location /executable { if (-x $request_filename) { return 200 yes; } return 200 no; }
    location /not-executable { if (!-x $request_filename) { return 200 yes; } return 200 no; }
    location /empty { if ($found) { return 200 yes; } return 200 no; }
    location /zero { if ($zero) { return 200 yes; } return 200 no; }
    location /glued { if ($arg_v ~ a){ return 200 yes; } return 200 no; }
    location /spaced { if ( $arg_v = a ) { return 200 yes; } return 200 no; }
    location /method { if ($request_method ~ ^(POST|PUT)$) { return 200 $1; } return 200 no; }
    location /cookie { if ($http_cookie ~* "id=([^;]+)(?:;|$)") { return 200 $1; } return 200 none; }
    location /referer { if ($http_referer = "") { return 200 none; } return 200 $http_referer; }
""", files={"html/file/a": "", "html/folder/d/x": "", "html/exists/a": "", "html/executable/a": "", "html/not-file/a": "",
            "html/not-folder/d/x": "", "html/not-exists/d/x": ""}, asks="""
    /value -> 200 no
    /value?v -> 200 no
    /value?v= -> 200 no
    /value?v=0 -> 200 no
    /value?v=00 -> 200 yes
    /value?v=1 -> 200 yes
    /value?v=false -> 200 yes
    /value?v=%30 -> 200 yes
    /value?V=1 -> 200 yes
    /equal -> 200 no
    /equal?v=abc -> 200 yes
    /equal?v=ABC -> 200 no
    /equal?v=ab -> 200 no
    /not-equal -> 200 yes
    /not-equal?v=abc -> 200 no
    /equal-variable -> 200 yes
    /equal-variable?v=1&w=1 -> 200 yes
    /equal-variable?v=1&w=2 -> 200 no
    /equal-variable?v= -> 200 yes
    /equal-text?v=a%20c%20b&w=c -> 200 no
    /match?v=abbbc -> 200 yes bbb
    /match?v=ABC -> 200 no
    /match -> 200 no
    /match-any-case?v=aBbC -> 200 yes Bb
    /no-match?v=abc -> 200 no b
    /no-match?v=x -> 200 yes
    /no-match-any-case?v=ABC -> 200 no
    /no-match-any-case -> 200 yes
    /quoted?v=12; -> 200 yes
    /quoted?v=1; -> 200 no
    /file/a -> 200 yes
    /file -> 200 no
    /file/none -> 200 no
    /not-file/a -> 200 no
    /not-file -> 200 yes
    /folder/d -> 200 yes
    /folder/d/x -> 200 no
    /not-folder/d -> 200 no
    /not-folder/d/x -> 200 yes
    /exists/a -> 200 yes
    /exists -> 200 yes
    /exists/none -> 200 no
    /not-exists/d -> 200 no
    /not-exists/none -> 200 yes
    /executable/a -> 200 no
    /executable -> 200 no ## nginx: 200 yes ## FILE
    /not-executable/none -> 200 yes
    /empty -> 200 no
    /zero -> 200 no
    /glued?v=cat -> 200 yes
    /spaced?v=a -> 200 yes
    POST /method -> 200 POST
    DELETE /method -> 200 no
    /cookie | Cookie: a=b; id=77; c=d -> 200 77
    /cookie | Cookie: ID=78 -> 200 78
    /cookie -> 200 none
    /referer -> 200 none
    /referer | Referer: http://x.example/ -> 200 http://x.example/
""")

CASES["if_places"] = Case(server="""
    add_header X-Server 1;
    location /header/ { add_header X-Location 1; if ($arg_a) { add_header X-A 1; } if ($arg_b) { add_header X-B 1; } return 200 "x"; }
    location /root/ { if ($arg_a) { root {prefix}/other; } }
    location /last-wins/ { if ($arg_a) { set $x a; } if ($arg_b) { set $x "${x}b"; } if ($arg_c) { return 200 "$x"; } return 201 "$x"; }
    location /in-if/ { if ($arg_a) { rewrite ^ /show/a last; } if ($arg_b) { rewrite ^ /other/b break; } }
    location /break-in-if/ { if ($arg_a) { break; } return 200 "behind"; }
    location /set-after/ { set $x 1; if ($x = 2) { return 200 early; } set $x 2; if ($x = 2) { return 200 late; } }
    location /condition-first/ { if ($arg_a = 1) { set $args "a=2"; } if ($arg_a = 2) { return 200 changed; } return 200 same; }
    location /empty-if/ { if ($arg_a) { } return 200 on; }
    location /text/ { default_type text/plain; if ($arg_a) { return 200 "a\\tb"; } return 404 "nothing here"; }
    location /page/ { if ($arg_a) { return 403; } error_page 403 /show/forbidden; error_page 404 /show/none; }
    location /page-in-if/ { if ($arg_a) { error_page 404 /show/in-if; } error_page 404 /show/outside; }
    location /rate/ { if ($arg_a) { limit_rate 1m; } }
    location /show/ { return 200 "$uri"; }
    location /other/ { return 200 never; }
""", files={"html/root/f": "html", "other/root/f": "other", "html/other/b": "file of other b", "html/break-in-if/f": "file",
            "html/rate/f": "rate"}, asks="""
    /header/ -> 200 x
    /header/?a=1 -> 200 x
    /header/?b=1 -> 200 x
    /header/?a=1&b=1 -> 200 x
    /root/f -> 200 html
    /root/f?a=1 -> 200 other
    /last-wins/?a=1&c=1 -> 200 a
    /last-wins/?a=1&b=1&c=1 -> 200 ab
    /last-wins/?b=1 -> 201 b
    /in-if/ -> 404 [page]
    /in-if/?a=1 -> 200 /show/a
    /in-if/?b=1 -> 200 file of other b
    /in-if/?a=1&b=1 -> 200 /show/a
    /break-in-if/f -> 200 behind
    /break-in-if/f?a=1 -> 200 file
    /set-after/ -> 200 late
    /condition-first/?a=1 -> 200 changed
    /condition-first/?a=2 -> 200 changed
    /condition-first/?a=3 -> 200 same
    /empty-if/ -> 200 on
    /empty-if/?a=1 -> 200 on
    /text/?a=1 -> 200 a	b
    /text/ -> 404 nothing here
    /page/?a=1 -> 403 /show/forbidden
    /page/ -> 404 /show/none
    /page-in-if/none -> 404 /show/outside
    /page-in-if/none?a=1 -> 404 /show/in-if
    /rate/f?a=1 -> 200 rate
""")

CASES["groups"] = Case(server="""
    location ~ ^/keep/(.*)$ { set $first $1; if ($arg_x ~ ^(b)$) { return 200 "$first|$1"; } return 200 "$first|$1"; }
    location ~ ^/after-failed/(.*)$ { if ($arg_x ~ ^(never)$) { return 500; } return 200 "[$1]"; }
    location ~ ^/no-groups/(.*)$ { if ($arg_x ~ y) { return 200 "[$1]"; } return 200 "[$1]"; }
    location ~ ^/negated/(.*)$ { if ($arg_x !~ (y)) { return 200 "[$1]"; } return 201 "[$1]"; }
    location /rewrite/ { rewrite ^/rewrite/(.*)$ /show/$1; }
    location /failed-rewrite/ { if ($uri ~ ^/failed-rewrite/(.*)$) { set $n 1; } rewrite ^/no/(x)$ /no; return 200 "[$1]"; }
    location /show/ { return 200 "[$1]"; }
    location ~ ^/named/(?<section>[a-z]+)/(?<page>\\d+)$ { return 200 "$section-$page-$1-$2"; }
    location ~ ^/outer/(.+)/ { location ~ ^/outer/a/(.+)$ { return 200 "inner [$1]"; } return 200 "outer [$1]"; }
    location ~* \\.(gif|PNG)$ { return 200 "image $1"; }
    location ~ "^/brace/(\\d{2})$" { return 200 "$1"; }
""", asks="""
    /keep/a?x=b -> 200 a|b
    /keep/a -> 200 a|a ## nginx: 200 a| ## LAST_MATCH
    /after-failed/a?x=b -> 200 [a] ## nginx: 200 [] ## LAST_MATCH
    /after-failed/a -> 200 [a] ## nginx: 200 [] ## LAST_MATCH
    /no-groups/a?x=y -> 200 [a] ## nginx: 200 [] ## LAST_MATCH
    /no-groups/a -> 200 [a] ## nginx: 200 [] ## LAST_MATCH
    /negated/a?x=y -> 201 [y]
    /negated/a?x=z -> 200 [a] ## nginx: 200 [] ## LAST_MATCH
    /rewrite/a -> 200 [a]
    /failed-rewrite/a -> 200 [a] ## nginx: 200 [] ## LAST_MATCH
    /show/a -> 200 []
    /named/news/12 -> 200 news-12-news-12
    /named/news/x -> 404 [page]
    /outer/a/b -> 200 inner [b]
    /outer/b/c -> 200 outer [b]
    /a.GIF -> 200 image GIF
    /a.png -> 200 image png
    /brace/12 -> 200 12
    /brace/123 -> 404 [page]
""")

# ---- return

CASES["return"] = Case(server="""
    location = /200 { return 200; }
    location = /200text { return 200 "text\\n"; }
    location = /200html { default_type text/html; return 200 "<p>$remote_addr</p>"; }
    location = /json.json { default_type application/json; return 200 '{"a":"$arg_a","b":[1,2]}'; }
    location = /201 { return 201; }
    location = /201text { return 201 made; }
    location = /202 { return 202; }
    location = /204 { return 204; }
    location = /204text { return 204 text; }
    location = /206 { return 206 part; }
    location = /226 { return 226; }
    location = /300 { return 300; }
    location = /300text { return 300 /x; }
    location = /301 { return 301 /x; }
    location = /301none { return 301; }
    location = /301empty { return 301 ""; }
    location = /302 { return 302 x; }
    location = /302other { return 302 //other.example/x; }
    location = /302mail { return 302 mailto:a@b.example; }
    location = /303 { return 303 https://h.example/x; }
    location = /304 { return 304; }
    location = /305 { return 305 /x; }
    location = /307 { return 307 /x; }
    location = /308 { return 308 /x; }
    location = /309 { return 309 /x; }
    location = /bare-url { return https://h.example/$arg_a; }
    location = /bare-scheme { return $scheme://h.example/; }
    location = /400 { return 400; }
    location = /401 { return 401; }
    location = /402 { return 402 pay; }
    location = /403 { return 403; }
    location = /404 { return 404; }
    location = /404text { return 404 "no such thing"; }
    location = /405 { return 405; }
    location = /408 { return 408; }
    location = /410 { return 410; }
    location = /413 { return 413; }
    location = /414 { return 414; }
    location = /416 { return 416; }
    location = /418 { return 418; }
    location = /418text { return 418 teapot; }
    location = /421 { return 421; }
    location = /429 { return 429; }
    location = /444 { return 444; }
    location = /444text { return 444 text; }
    location = /499 { return 499; }
    location = /500 { return 500; }
    location = /500text { return 500 oops; }
    location = /501 { return 501; }
    location = /502 { return 502; }
    location = /503 { return 503; }
    location = /504 { return 504; }
    location = /505 { return 505; }
    location = /507 { return 507; }
    location = /599 { return 599; }
""", asks="""
    /200 -> 200
    HEAD /200 -> 200
    POST /200 -> 200
    /200text -> 200 text
    HEAD /200text -> 200
    /200html -> 200 <p>127.0.0.1</p>
    /json.json?a=1 -> 200 {"a":"1","b":[1,2]}
    /201 -> 201
    /201text -> 201 made
    /202 -> 202
    /204 -> 204
    /204text -> 204
    /206 -> 206 part
    /226 -> 226
    /300 -> 300 [page] ## nginx: 300 ## PAGE
    /300text -> 300 /x
    /301 -> 301 http://h:{port}/x
    HEAD /301 -> 301 http://h:{port}/x
    POST /301 -> 301 http://h:{port}/x
    /301none -> 301 [page] ## nginx: 301 ## PAGE
    /301empty -> 301 [page] ## nginx: 301 ## PAGE
    /302 -> 302 x
    /302other -> 302 http://h:{port}//other.example/x
    /302mail -> 302 mailto:a@b.example
    /303 -> 303 https://h.example/x
    /304 -> 304
    /305 -> 305 /x
    /307 -> 307 http://h:{port}/x
    /308 -> 308 http://h:{port}/x
    /309 -> 309 /x
    /bare-url?a=b%20c -> 302 https://h.example/b%20c
    /bare-scheme -> 302 http://h.example/
    /400 -> 400 [page]
    /401 -> 401 [page]
    /402 -> 402 pay
    /403 -> 403 [page]
    /404 -> 404 [page]
    HEAD /404 -> 404
    /404text -> 404 no such thing
    HEAD /404text -> 404
    /405 -> 405 [page]
    /408 -> 408 [page] ## nginx: closed ## 408
    /410 -> 410 [page]
    /413 -> 413 [page]
    /414 -> 414 [page]
    /416 -> 416 [page]
    /418 -> 418 [page] ## nginx: 418 ## PAGE
    /418text -> 418 teapot
    /421 -> 421 [page]
    /429 -> 429 [page]
    /444 -> closed
    /444text -> closed ## nginx: 444 text ## 444
    /499 -> closed
    /500 -> 500 [page]
    /500text -> 500 oops
    /501 -> 501 [page]
    /502 -> 502 [page]
    /503 -> 503 [page]
    /504 -> 504 [page]
    /505 -> 505 [page]
    /507 -> 507 [page]
    /599 -> 599 [page] ## nginx: 599 ## PAGE
""")

# ---- locations

CASES["locations"] = Case(server="""
    location = / { return 200 "= /"; }
    location / { return 200 "/"; }
    location /docs { return 200 "/docs"; }
    location /docs/ { return 200 "/docs/"; }
    location /docs/a/ { return 200 "/docs/a/"; }
    location = /docs/a/exact { return 200 "= /docs/a/exact"; }
    location ^~ /images/ { return 200 "^~ /images/"; }
    location /images/old/ { return 200 "/images/old/"; }
    location ~ \\.gif$ { return 200 "~ gif"; }
    location ~* \\.(gif|jpe?g)$ { return 200 "~* gif jpg"; }
    location ~ ^/docs/.*\\.txt$ { return 200 "~ docs txt"; }
    location ~ /$ { return 200 "~ slash"; }
    location /nest/ {
        return 200 "nest";
        location /nest/a/ { return 200 "nest a"; }
        location ~ \\.gif$ { return 200 "nest gif"; }
        location = /nest/exact.gif { return 200 "nest exact"; }
    }
    location ^~ /final/ {
        return 200 "final";
        location ~ \\.gif$ { return 200 "final gif"; }
        location /final/deep/ { return 200 "deep"; location ~ \\.jpg$ { return 200 "deep jpg"; } }
    }
    location ~ ^/re/ { return 200 "re"; location ~ \\.gif$ { return 200 "re gif"; } location ~ ^/re/b { return 200 "re b"; } }
    location "/with space/" { return 200 "space $uri"; }
    location /caf%C3%A9/ { return 200 "escaped"; }
    location /café/ { return 200 "utf-8"; }
    location /CASE { return 200 "CASE"; }
    location @named { return 200 named; }
    location = /to-named { error_page 418 = @named; return 418; }
    location = /to-none { error_page 418 = @none; return 418; }
    location /inner { internal; return 200 "inner $uri"; }
    location = /to-inner { rewrite ^ /inner/x last; }
    location = /to-inner-error { error_page 404 /inner/error; }
    location = /gif-inner { rewrite ^ /inner/x.gif last; }
""", asks="""
    / -> 200 = /
    // -> 200 = /
    /x -> 200 /
    /docs -> 200 /docs
    /docs/ -> 200 ~ slash
    /docsx -> 200 /docs
    /docs/x -> 200 /docs/
    /docs/a -> 200 /docs/
    /docs/a/x -> 200 /docs/a/
    /docs/a/exact -> 200 = /docs/a/exact
    /docs/a/exact/ -> 200 ~ slash
    /docs/a/x.txt -> 200 ~ docs txt
    /docs/x.gif -> 200 ~ gif
    /docs/x.GIF -> 200 ~* gif jpg
    /docs/x.jpeg -> 200 ~* gif jpg
    /images/x.gif -> 200 ^~ /images/
    /images/old/x.gif -> 200 ~ gif
    /images/old/x -> 200 /images/old/
    /images/../x.gif -> 200 ~ gif
    /images/%2e%2e/x.gif -> 200 ~ gif
    /nest/x -> 200 nest
    /nest/x.gif -> 200 nest gif
    /nest/a/x -> 200 nest a
    /nest/a/x.gif -> 200 nest gif
    /nest/exact.gif -> 200 nest exact
    /nest/x.jpg -> 200 ~* gif jpg
    /final/x.gif -> 200 final gif
    /final/x.jpg -> 200 final
    /final/deep/x.jpg -> 200 deep jpg
    /final/deep/x.gif -> 200 final gif
    /re/x -> 200 re
    /re/x.gif -> 200 ~ gif
    /re/b.gif -> 200 ~ gif
    /re/b -> 200 re b
    /with%20space/a -> 200 space /with space/a
    /caf%C3%A9/ -> 200 ~ slash
    /caf%C3%A9/x -> 200 utf-8
    /café/x -> 200 utf-8
    /caf%25C3%25A9/x -> 200 escaped
    /case -> 200 /
    /CASEY -> 200 CASE
    /@named -> 200 /
    @named -> 400 [page]
    /to-named -> 200 named
    /to-none -> 500 [page]
    /inner -> 404 [page]
    /inner/x -> 404 [page]
    /to-inner -> 200 inner /inner/x
    /to-inner-error -> 404 inner /inner/error
    /gif-inner -> 200 ~ gif
    /a%00b -> 400 [page]
    /a%2 -> 400 [page]
    /.. -> 400 [page]
    /a/../b -> 200 /
    /a/./b -> 200 /
    /a/b/.. -> 200 ~ slash
    /a?b?c -> 200 /
""")

MERGED = """location / { return 200 "/ $uri"; } location /a/b { return 200 "/a/b $uri"; } location ~ ^/re(//)x { return 200 "re $1"; }
            location //two { return 200 "two $uri"; }"""
CASES["merge_slashes"] = Case(server=MERGED, asks="""
    //a//b -> 200 /a/b /a/b
    /a///b/c -> 200 /a/b /a/b/c
    /a/b// -> 200 /a/b /a/b/
    /a/b//c -> 200 /a/b /a/b/c
    /a%2F%2Fb -> 200 /a/b /a/b
    /a//../b -> 200 / /b
    /a/..//b -> 200 / /b
    /a//./b -> 200 /a/b /a/b
    //..//a -> 400 [page]
    /re//x -> 200 / /re/x
    //two/x -> 200 / /two/x
    /two/x -> 200 / /two/x
""")
CASES["merge_slashes_off"] = Case(server="merge_slashes off;" + MERGED, asks="""
    //a//b -> 200 / //a//b
    /a///b/c -> 200 / /a///b/c
    /a/b// -> 200 /a/b /a/b//
    /a/b//c -> 200 /a/b /a/b//c
    /a%2F%2Fb -> 200 / /a//b
    /a//../b -> 200 /a/b /a/b
    /a/..//b -> 200 / //b
    /a//./b -> 200 / /a//b
    //..//a -> 200 / //a
    /re//x -> 200 re //
    //two/x -> 200 two //two/x
    /two/x -> 200 / /two/x
""")
CASES["merge_slashes_of_two"] = Case(http="""
    server { listen 127.0.0.1:{port}; server_name on.example; location / { return 200 "$uri"; } }
    server { listen 127.0.0.1:{port}; server_name off.example; merge_slashes off; location / { return 200 "$uri"; } }
""", asks="""
    //a | Host: on.example -> 200 /a
    //a | Host: off.example -> 200 //a ## nginx: 200 /a ## OWN_SERVER
""")

CASES["limit_except"] = Case(server="""
    add_header X-Method $request_method always;
    location /read/ { limit_except GET { deny all; } return 200 "after $request_method"; }
    location /moved/ { rewrite ^/moved(/.*) /free$1 last; limit_except GET { deny all; } }
    location /free/ { rewrite ^/free(/.*) $1 break; error_page 405 =200 /shown; }
    location /parted/ { limit_except GET { deny all; } if ($uri) { add_header X-Part yes; return 200 parted; } }
    location /files/ { limit_except GET { deny all; } }
    location /head/ { limit_except HEAD { deny all; } }
    location /post/ { limit_except POST { deny all; } error_page 405 =200 /shown; }
    location /many/ { limit_except GET POST PUT { deny all; } error_page 403 /shown; }
    location /allow/ { limit_except GET { allow 127.0.0.1; deny all; } error_page 404 405 = /shown; }
    location = /shown { return 200 "shown $uri $request_method"; }
""", files={"html/files/a": "file", "html/head/a": "file"}, asks="""
    /read/ -> 200 after GET
    POST /read/ -> 403 [page]
    /moved/files/a -> 200 file
    POST /moved/files/a -> 403 [page]
    /parted/ -> 200 parted
    POST /parted/ -> 403 [page]
    /files/a -> 200 file
    HEAD /files/a -> 200
    POST /files/a -> 403 [page]
    DELETE /files/a -> 403 [page]
    OPTIONS /files/a -> 403 [page]
    PUT /files/none -> 403 [page]
    /head/a -> 403 [page]
    HEAD /head/a -> 200
    /post/a -> 403 [page]
    POST /post/a -> 404 [page]
    /many/a -> 404 [page]
    POST /many/a -> 404 [page]
    PUT /many/a -> 405 [page]
    DELETE /many/a -> 403 shown /shown GET
    POST /allow/a -> 200 shown /shown GET
    /allow/a -> 200 shown /shown GET
""")

# ---- try_files, index, error_page

CASES["try_files"] = Case(server="""
    location / { try_files $uri $uri/ =404; }
    location /spa/ { try_files $uri $uri/ /spa/index.txt; }
    location /html/ { try_files $uri $uri.html $uri/index.txt =404; }
    location /only-files/ { try_files $uri =404; }
    location /folders/ { try_files /other/ $uri/ =404; }
    location /last/ { try_files /none /show/last; }
    location /last-query/ { try_files /none /show/last?own=1; }
    location /last-args/ { try_files /none /show/last$is_args$args; }
    location /last-args2/ { try_files /none /show/last?q=$uri&$args; }
    location /named/ { try_files $uri @named; }
    location /chain/ { try_files $uri @first; }
    location @first { try_files /none$uri @second; }
    location @second { return 200 "second $uri $args"; }
    location @named { return 200 "named $uri|$args"; }
    location /alias/ { alias {prefix}/aliased/; try_files $uri $uri/ /alias/f; }
    location /alias-last/ { alias {prefix}/aliased/; try_files $uri /show/last?q=$uri; }
    location /alias-in/ {
        alias {prefix}/aliased/;
        location ~ "/f$" { try_files $uri =404; }
        location /alias-in/d/ { try_files f =404; }
        location /alias-in/e/ { try_files index.html =404; }
    }
    location /code/ { try_files $uri =410; error_page 410 /show/gone; }
    location /code-200/ { try_files $uri =204; }
    location /rewritten/ { rewrite ^/rewritten/(.*)$ /deep/$1 break; try_files $uri $uri/ =404; }
    location /if/ { set $ext ".html"; try_files $uri$ext /if$ext =403; }
    location /empty/ { try_files $arg_f /show/none; }
    location ~ ^/re/(?<n>.*)$ { try_files /deep/$n /other/$n =404; }
    location /twice/ { try_files /show/a /deep/f; }
    location /slash/ { try_files $uri/ /show/slash; }
    location /show/ { return 200 "$uri|$args|$request_uri"; }
""", files={"html/f": "f", "html/dir/index.html": "dir index", "html/spa/index.txt": "spa", "html/spa/dir/index.html": "spa dir",
            "html/html/a.html": "a html", "html/html/b/index.txt": "b index", "html/only-files/d/x": "x", "html/other/f": "other f",
            "html/deep/f": "deep f", "html/deep/d/index.html": "deep d", "aliased/f": "aliased f", "aliased/d/index.html": "aliased d",
            "html/if/a.html": "if a", "html/slash/d/index.html": "slash d", "html/noindex/f": "f", "html/folders/d/f": "f"}, asks="""
    / -> 403 [page]
    /f -> 200 f
    /f/ -> 404 [page]
    /dir -> 301 http://h:{port}/dir/
    /dir?q=1 -> 301 http://h:{port}/dir/?q=1
    /dir/ -> 200 dir index
    /dir// -> 200 dir index
    /noindex -> 301 http://h:{port}/noindex/
    /noindex/ -> 403 [page]
    /none -> 404 [page]
    /none/ -> 404 [page]
    POST /f -> 405 [page]
    POST /none -> 404 [page]
    /spa/x/y?z=1 -> 200 spa
    /spa/ -> 403 [page]
    /spa/dir -> 301 http://h:{port}/spa/dir/
    /spa/dir/ -> 200 spa dir
    POST /spa/x -> 405 [page]
    /html/a -> 200 a html
    /html/b -> 200 b index
    /html/b/ -> 200 b index
    /html/c -> 404 [page]
    /only-files/d -> 404 [page]
    /only-files/d/ -> 404 [page]
    /only-files/d/x -> 200 x
    /folders/x -> 301 http://h:{port}/other/
    /last/x?a=1 -> 200 /show/last||/last/x?a=1
    /last-query/x?a=1 -> 200 /show/last|own=1|/last-query/x?a=1
    /last-args/x?a=1 -> 200 /show/last|a=1|/last-args/x?a=1
    /last-args/x -> 200 /show/last||/last-args/x
    /last-args2/x?a=1 -> 200 /show/last|q=/last-args2/x&a=1|/last-args2/x?a=1
    /named/a%20b?c=d -> 200 named /named/a b|c=d
    POST /named/a -> 200 named /named/a|
    /chain/x?y -> 200 second /chain/x y
    /alias-last/f -> 200 aliased f
    /alias-last/none -> 200 /show/last|q=/alias-last/none|/alias-last/none
    /alias-in/f -> 200 aliased f
    /alias-in/d/x -> 200 aliased f
    /alias-in/e/index.html -> 404 [page]
    /alias/f -> 200 aliased f
    /alias/d -> 301 http://h:{port}/alias/d/
    /alias/d/ -> 200 aliased d
    /alias/none -> 200 aliased f
    /code/x -> 410 /show/gone||/code/x
    /code-200/x -> 204
    /rewritten/f -> 200 deep f
    /rewritten/d -> 301 http://h:{port}/deep/d/
    /rewritten/none -> 404 [page]
    /if/a -> 200 if a
    /if/none -> 403 [page]
    /empty/ -> 200 /show/none||/empty/
    /empty/?f=f -> 200 f ## nginx: 200 /show/none||/empty/?f=f ## SLASH
    /empty/?f=/deep/f -> 200 deep f
    /empty/?f=/../html/f -> 200 /show/none||/empty/?f=/../html/f ## nginx: 200 f ## UNSAFE
    /re/f -> 200 deep f
    /re/none -> 404 [page]
    /twice/x -> 200 deep f
    /slash/d -> 301 http://h:{port}/slash/d/
    /slash/none -> 200 /show/slash||/slash/none
""")

CASES["error_pages"] = Case(server="""
    error_page 404 /pages/404.txt;
    error_page 500 502 503 504 /pages/50x.txt;
    location /files/ { }
    location /own/ { error_page 404 =200 /show/own; }
    location /result/ { error_page 404 = /show/result; }
    location /result-code/ { error_page 404 = /code/result; }
    location /code/ { return 202 "code $uri"; }
    location /named/ { error_page 404 @named; }
    location /named-200/ { error_page 404 =200 @named; }
    location /named-result/ { error_page 404 = @named-code; }
    location @named { return 200 "named $uri $request_method"; }
    location @named-code { return 206 "named code"; }
    location /url/ { error_page 404 http://other.example/sorry; }
    location /url-301/ { error_page 404 =301 http://other.example$request_uri; }
    location /url-307/ { error_page 403 404 =307 https://other.example/; return 403; }
    location /scheme/ { error_page 404 =302 $scheme://other.example/; }
    location /variable/ { error_page 404 /show/$arg_page; }
    location /query/ { error_page 404 /show/q?status=$status&old=$args; }
    location /lost/ { error_page 404 /none/at/all; }
    location /forbidden/ { return 403; }
    location /503/ { return 503; }
    location /503-text/ { return 503 text; }
    location /changed/ { error_page 404 =503 /pages/404.txt; }
    location /recursive/ { recursive_error_pages on; error_page 404 /recursive2/; }
    location /recursive2/ { recursive_error_pages on; error_page 403 =200 /show/twice; return 403; }
    location /not-recursive/ { error_page 404 /recursive3/; }
    location /recursive3/ { error_page 403 =200 /show/twice; return 403; }
    location /internal/ { internal; }
    location /several/ { error_page 404 403 =410 /show/several; location /several/403 { return 403; } }
    location /redirects/ { error_page 301 =200 /show/redirect; return 301 /x; }
    location /redirects-text/ { error_page 302 /show/redirect; return 302 /x; }
    location /empty-200/ { error_page 404 =200 /empty.txt; }
    location /204/ { error_page 404 =204 /show/x; }
    location /444/ { error_page 404 =444 /show/x; }
    location /405/ { error_page 405 =200 $uri; }
    location /inherit/ { location /inherit/in/ { error_page 403 /show/in; return 403; } location /inherit/not/ { } }
    location /first-on/ { recursive_error_pages on; error_page 404 /second-off/; }
    location /second-off/ { recursive_error_pages off; error_page 403 =200 /show/second; return 403; }
    location /first-off/ { error_page 404 /second-on/; }
    location /second-on/ { recursive_error_pages on; error_page 403 =200 /show/second; return 403; }
    location /status/ { error_page 404 /tells/; location /status/200/ { return 200 "$status"; } location /status/503/ { return 503 "$status"; } }
    location /tells/ { return 200 "$status $uri"; }
    location /show/ { return 200 "$uri|$args|$request_method|$request_uri"; }
    location /pages/ { internal; add_header X-Page 1 always; }
""", files={"html/pages/404.txt": "my 404\n", "html/pages/50x.txt": "my 50x\n", "html/empty.txt": "", "html/405/f": "f of 405"}, asks="""
    /files/none -> 404 my 404
    HEAD /files/none -> 404
    POST /files/none -> 404 my 404
    PUT /files/none -> 405 [page]
    /pages/404.txt -> 404 my 404
    /own/x -> 200 /show/own||GET|/own/x
    /result/x -> 200 /show/result||GET|/result/x
    POST /result/x -> 200 /show/result||GET|/result/x
    /result-code/x -> 202 code /code/result
    /named/x -> 404 named /named/x GET
    POST /named/x -> 404 named /named/x POST
    /named-200/x -> 200 named /named-200/x GET
    /named-result/x -> 206 named code
    /url/x?q -> 302 http://other.example/sorry
    /url-301/x?q -> 301 http://other.example/url-301/x?q
    /url-307/x -> 307 https://other.example/
    /scheme/x -> 302 http://other.example/
    /variable/x?page=sorry -> 404 /show/sorry||GET|/variable/x?page=sorry
    /variable/x -> 404 /show/||GET|/variable/x
    /query/x?a=b -> 404 /show/q|status=404&old=a=b|GET|/query/x?a=b
    /lost/x -> 404 [page]
    /forbidden/ -> 403 [page]
    /503/ -> 503 my 50x
    /503-text/ -> 503 text
    /changed/x -> 503 my 404
    /recursive/x -> 200 /show/twice||GET|/recursive/x
    /not-recursive/x -> 403 [page]
    /internal/x -> 404 my 404
    /several/x -> 410 /show/several||GET|/several/x
    /several/403 -> 410 /show/several||GET|/several/403
    /redirects/ -> 200 /show/redirect||GET|/redirects/ ## nginx: 200 http://h:{port}/x ## STANDS_IN
    /redirects-text/ -> 302 /show/redirect||GET|/redirects-text/ ## nginx: 302 http://h:{port}/x ## STANDS_IN
    /empty-200/x -> 200
    /204/x -> 204
    POST /405/f -> 200 f of 405
    /inherit/in/x -> 403 /show/in||GET|/inherit/in/x
    /first-on/x -> 200 /show/second||GET|/first-on/x
    /first-off/x -> 403 [page]
    /status/x -> 404 404 /tells/
    /status/200/ -> 200 200
    /status/503/ -> 503 503
    /tells/ -> 200 200 /tells/
    /inherit/not/x -> 404 my 404
""")

CASES["index"] = Case(server="""
    index index.txt index.html;
    location /none/ { index none.txt; }
    location /second/ { }
    location /absolute/ { index none.txt /show/absolute; }
    location /variable/ { index $arg_i.txt index.html; }
    location /deep/ { index sub/index.txt; }
    location /alias/ { alias {prefix}/aliased/; }
    location ~ ^/~(?<who>[a-z]+)(?<rest>/.*)$ { alias {prefix}/home/$who/public$rest; }
    location ~ ^/g/(.*)$ { alias {prefix}/home/$1; index $arg_i.html a.html; }
    location /dir/ { }
    location ~ \\.php$ { return 200 "php $uri $args"; }
    location /php/ { index index.php; }
    location /folder-index/ { index sub; }
    location /show/ { return 200 "$uri|$args"; }
    location /empty/ { }
""", files={"html/second/index.html": "html", "html/absolute/x": "", "html/variable/a.txt": "a", "html/variable/index.html": "variable html",
            "html/deep/sub/index.txt": "deep sub", "aliased/index.txt": "aliased index", "html/dir/index.txt": "text", "html/dir/index.html": "html",
            "html/php/index.php": "<?php",
            "home/al/public/index.txt": "al", "home/al/public/sub/index.html": "sub of al", "home/al/a.html": "a", "home/al/b.html": "b",
            "html/folder-index/sub/x": "", "html/empty/x": "", "html/none/index.html": "not asked"}, asks="""
    / -> 403 [page]
    /none/ -> 403 [page]
    /second/ -> 200 html
    /second -> 301 http://h:{port}/second/
    /second?a=b -> 301 http://h:{port}/second/?a=b
    /absolute/?q -> 200 /show/absolute|q
    /variable/?i=a -> 200 a
    /variable/?i=b -> 200 variable html
    /variable/ -> 200 variable html
    /deep/ -> 200 deep sub
    /alias/ -> 200 aliased index
    /alias -> 404 [page]
    /dir/ -> 200 text
    HEAD /dir/ -> 200
    POST /dir/ -> 405 [page]
    POST /empty/ -> 403 [page]
    POST /dir -> 301 http://h:{port}/dir/
    /php/?x=1 -> 200 php /php/index.php x=1
    /folder-index/ -> 403 [page] ## nginx: 301 http://h:{port}/folder-index/sub/ ## NO_FOLDER
    /empty/ -> 403 [page]
    /~al/ -> 200 al
    /~al/sub/ -> 200 sub of al
    /~al/sub -> 301 http://h:{port}/~al/sub/
    /~al/index.txt -> 200 al
    /~bo/ -> 404 [page]
    /g/al/ -> 200 a
    /g/al/?i=b -> 200 b
    /missing/ -> 404 [page]
""")

# ---- as it is written in the wild

CASES["habits"] = Case(server="""
    server_name h ~^www\\.(?<bare>.+)$;
    if ($host ~* ^www\\.(.*)$) { set $without_www $1; rewrite ^(.*)$ http://$without_www$1 permanent; }
    if ($args ~ "(?:^|&)id=(\\d+)") { set $id $1; set $args ""; rewrite ^/product\\.php$ /product/$id? permanent; }
    if ($http_user_agent ~ MSIE) { rewrite ^(.*)$ /msie/$1 break; }
    if ($arg_never) { set $never 1; }
    location /drupal/ { if (!-e $request_filename) { rewrite ^/drupal/(.*)$ /drupal/index.php?q=$1 last; break; } }
    location ~ \\.php$ { return 200 "php $uri?$args"; }
    location /front/ { if (-f $request_filename) { break; } if (-d $request_filename) { rewrite (.*) $1/index.html break; } rewrite ^ /show/front last; }
    location /alias-if/ { alias {prefix}/aliased/; if (!-f $request_filename) { return 200 "none at $request_filename"; } }
    location /only-get/ { if ($request_method !~ ^(GET|HEAD)$) { return 405; } return 200 "$request_method"; }
    location /flags/ { set $f ""; if ($arg_a) { set $f A; } if ($arg_b) { set $f "${f}B"; } if ($f = AB) { return 200 both; } return 200 "[$f]"; }
    location /names/ { add_header X-File $request_filename; add_header X-Uri $uri; add_header X-Root $document_root; try_files $uri $uri.txt =404; }
    location /names-break/ { add_header X-File $request_filename; rewrite ^/names-break/(.*)$ /names/$1.txt break; }
    location /if-names/ { if ($uri ~ ^/if-names/(?<part>[^/]+)/) { set $first $part; } return 200 "$first-$part-$1"; }
    location ~ ^/outer/(?<outer>[^/]+)/ { if ($uri ~ /(?<last>[^/]+)$) { return 200 "$outer $last $1"; } return 200 "$outer [$last]"; }
    location /msie/ { return 200 "old browser $uri"; }
    location /unset/ { return 200 "[$never][$id]"; }
    location /set-self/ { set $x "$x$uri"; set $x "$x-$x"; return 200 "$x"; }
    location /dollar-end/ { rewrite ^/dollar-end/(.*)$ "/show/$1 and more" last; }
    location /quotes/ { rewrite "^/quotes/([a-z]{2,3})/(.*)$" '/show/$2?l=$1' last; }
    location /escape/ { rewrite ^/escape/(a\\.b)$ /show/$1-dot last; rewrite ^/escape/(\\d+)$ /show/$1-digits last; return 200 "neither"; }
    location /ci/ { rewrite "(?i)^/CI/(abc)$" /show/$1 last; if ($uri ~* ^/CI/(D.F)$) { return 200 "$1"; } return 200 "no"; }
    location /long/ { rewrite ^/long/(.)(.)(.)(.)(.)(.)(.)(.)(.)$ /show/$9$8$7$6$5$4$3$2$1 last; }
    location /re { location ~ ^/re/(\\d+)$ { rewrite ^ /show/re-$1 last; } location ~ ^/re/([a-z]+)$ { rewrite ^/re/(.)(.*)$ /show/$2$1 last; } }
    location /internal/ { internal; return 200 "internal $uri $args"; }
    location /to-internal-try/ { try_files /none /internal/try?x=1; }
    location /to-internal-error/ { error_page 403 = /internal/error; deny all; }
    location /to-internal-index/ { index /internal/index; }
    location /to-internal-break/ { rewrite ^ /internal/break break; }
    location /to-internal-302/ { return 302 /internal/; }
    location /show/ { return 200 "$uri|$args"; }
""", files={"html/drupal/a.txt": "drupal a", "html/front/f": "front f", "html/front/d/index.html": "front d", "aliased/f": "aliased f",
            "html/names/a.txt": "names a", "html/names/b": "names b"}, asks="""
    /x/y?q=1 | Host: www.site.example -> 301 http://site.example/x/y?q=1
    /x%20y | Host: WWW.site.example -> 301 http://site.example/x%20y
    /product.php?id=42&x=1 -> 301 http://h:{port}/product/42
    /product.php?xid=42 -> 200 php /product.php?xid=42
    /a/b | User-Agent: MSIE 6 -> 200 old browser /msie//a/b
    /drupal/a.txt -> 200 drupal a
    /drupal/node/1?x=2 -> 200 php /drupal/index.php?q=node/1&x=2
    /drupal/n%20o -> 200 php /drupal/index.php?q=n%20o
    /front/f -> 200 front f
    /front/d -> 200 front d
    /front/none -> 200 /show/front|
    /alias-if/f -> 200 aliased f
    /alias-if/none -> 200 none at {prefix}/aliased/none
    /alias-if/ -> 200 none at {prefix}/aliased/
    /only-get/ -> 200 GET
    POST /only-get/ -> 405 [page]
    DELETE /only-get/ -> 405 [page]
    /flags/ -> 200 []
    /flags/?a=1 -> 200 [A]
    /flags/?b=1 -> 200 [B]
    /flags/?a=1&b=1 -> 200 both
    /flags/?a=0&b=1 -> 200 [B]
    /names/a -> 200 names a
    /names/b -> 200 names b
    /names/c -> 404 [page]
    /names-break/a -> 200 names a
    /if-names/one/two -> 200 one-one-one
    /if-names/ -> 200 --
    /outer/a/b -> 200 a b b
    /outer/a/ -> 200 a []
    /unset/ -> 200 [][]
    /set-self/ -> 200 /set-self/-/set-self/
    /dollar-end/x -> 200 /show/x and more|
    /quotes/de/a/b -> 200 /show/a/b|l=de
    /quotes/x/a -> 404 [page]
    /escape/a.b -> 200 /show/a.b-dot|
    /escape/axb -> 200 neither
    /escape/12 -> 200 /show/12-digits|
    /ci/abc -> 200 /show/abc|
    /ci/def -> 200 def
    /ci/DXF -> 200 DXF
    /long/123456789 -> 200 /show/987654321|
    /re/12 -> 200 /show/re-12| ## nginx: 200 /show/re-| ## LAST_MATCH
    /re/abc -> 200 /show/bca|
    /re/a1 -> 404 [page]
    /internal/x -> 404 [page]
    /to-internal-try/x -> 200 internal /internal/try x=1
    /to-internal-error/x -> 200 internal /internal/error
    /to-internal-index/ -> 200 internal /internal/index
    /to-internal-break/ -> 404 [page]
    /to-internal-302/ -> 302 http://h:{port}/internal/
""")

# ---- servers

CASES["server_names"] = Case(http="""
    server { listen 127.0.0.1:{port}; server_name _; return 200 "default $host"; }
    server { listen 127.0.0.1:{port}; server_name ~^(?<sub>[a-z]+)\\.regex\\.example$; return 200 "regex $sub $server_name"; }
    server { listen 127.0.0.1:{port}; server_name ~^[a-z]+\\.regex\\.; return 200 "second regex $server_name"; }
    server { listen 127.0.0.1:{port}; server_name www.example.com; return 200 "exact $server_name $host"; }
    server { listen 127.0.0.1:{port}; server_name *.example.com; return 200 "leading $server_name"; }
    server { listen 127.0.0.1:{port}; server_name *.deep.example.com; return 200 "longer leading $server_name"; }
    server { listen 127.0.0.1:{port}; server_name www.example.*; return 200 "trailing $server_name"; }
    server { listen 127.0.0.1:{port}; server_name www.*; return 200 "short trailing $server_name"; }
    server { listen 127.0.0.1:{port}; server_name .dotted.example; return 200 "dotted $server_name"; }
    server { listen 127.0.0.1:{port}; server_name b.dotted.example; return 200 "exact below dotted"; }
    server { listen 127.0.0.1:{port}; server_name first.example second.example; return 200 "$server_name"; }
    server { listen 127.0.0.1:{port}; server_name ~^no-match$ www.regex.example; return 200 "exact goes before regex"; }
    server { listen 127.0.0.1:{port}; server_name *.wild.regex.example; return 200 "wildcard goes before regex"; }
    server { listen 127.0.0.1:{port}; server_name ~^(.+)\\.(?<tld>test)$; location / { return 200 "$1|$tld"; }
             location ~ ^/(.)x { return 200 "$1|$tld"; } }
    server { listen 127.0.0.1:{port}; server_name ""; return 200 "nameless [$host]"; }
""", asks="""
    / | Host: www.example.com -> 200 exact www.example.com www.example.com
    / | Host: WWW.EXAMPLE.COM -> 200 exact www.example.com www.example.com
    / | Host: www.example.com. -> 200 exact www.example.com www.example.com
    / | Host: www.example.com:8080 -> 200 exact www.example.com www.example.com
    / | Host: a.example.com -> 200 leading *.example.com
    / | Host: a.b.example.com -> 200 leading *.example.com
    / | Host: a.deep.example.com -> 200 longer leading *.deep.example.com
    / | Host: deep.example.com -> 200 leading *.example.com
    / | Host: example.com -> 200 default example.com
    / | Host: www.example.org -> 200 trailing www.example.*
    / | Host: www.example.co.uk -> 200 trailing www.example.*
    / | Host: www.other.example -> 200 short trailing www.*
    / | Host: dotted.example -> 200 dotted dotted.example
    / | Host: a.dotted.example -> 200 dotted dotted.example
    / | Host: a.a.dotted.example -> 200 dotted dotted.example
    / | Host: b.dotted.example -> 200 exact below dotted
    / | Host: xdotted.example -> 200 default xdotted.example
    / | Host: first.example -> 200 first.example
    / | Host: second.example -> 200 first.example
    / | Host: blog.regex.example -> 200 regex blog ~^(?<sub>[a-z]+)\\.regex\\.example$
    / | Host: BLOG.Regex.Example -> 200 regex blog ~^(?<sub>[a-z]+)\\.regex\\.example$
    / | Host: blog.regex.other -> 200 second regex ~^[a-z]+\\.regex\\.
    / | Host: www.regex.example -> 200 exact goes before regex
    / | Host: a.wild.regex.example -> 200 wildcard goes before regex
    / | Host: a.test -> 200 a|test
    /yx | Host: a.b.test -> 200 y|test
    / | Host: unknown.example -> 200 default unknown.example
    / | Host: 127.0.0.1 -> 200 default 127.0.0.1
    / | Host: [::1]:80 -> 200 default [::1]
    http://www.example.com/ | Host: other.example -> 200 exact www.example.com www.example.com
    http://a.test/x?y | Host: www.example.com -> 200 a|test
""")

# ---- values

SAYS = '"$host|$http_host|$server_name|$request_uri|$uri|$document_uri|$args|$is_args|$request_filename|$document_root"'
CASES["values"] = Case(http="""
    server {
        listen 127.0.0.1:{port}; server_name first.example other.example; root {prefix}/html;
        location / { return 200 %(says)s; }
        location /alias/ { alias {prefix}/aliased/; return 200 %(says)s; }
        location ~ ^/re-alias/(.*)$ { alias {prefix}/aliased/$1; return 200 %(says)s; }
        location /root/ { root {prefix}/other; return 200 %(says)s; }
        location /rewritten/ { rewrite ^/rewritten/(.*)$ /$1?new=1 last; }
        location /broken/ { set $before $uri; rewrite ^/broken/(.*)$ /x/$1 break; add_header X 1; }
        location /index/ { index index.txt; }
        location = /index/index.txt { return 200 %(says)s; }
        location /error/ { error_page 404 /missing; }
        location /named/ { error_page 404 = @named; }
        location @named { return 200 %(says)s; }
        location /args/ { set $args ""; return 200 %(says)s; }
        location /arg/ { return 200 "$arg_a|$arg_A|$arg_b|$arg_c_d|$arg_none"; }
        location /cookie/ { return 200 "$cookie_a|$cookie_A|$cookie_b|$cookie_none"; }
        location /fields/ { return 200 "$http_x_one|$http_x_none|$content_type|$content_length|$http_user_agent"; }
        location /request/ { return 200 "$request_method|$request|$server_protocol|$scheme|$https|$server_port|$remote_user"; }
        location /braces/ { return 200 "${uri}x$uri-${arg_a}"; }
    }
""".replace("%(says)s", SAYS), files={"html/index/index.txt": "index"}, asks="""
    /a | Host: first.example -> 200 first.example|first.example|first.example|/a|/a|/a|||{prefix}/html/a|{prefix}/html
    /a?b=c | Host: OTHER.example:99 -> 200 other.example|OTHER.example:99|first.example|/a?b=c|/a|/a|b=c|?|{prefix}/html/a|{prefix}/html
    /a?b=c | Host: unknown.example. -> 200 unknown.example|unknown.example.|first.example|/a?b=c|/a|/a|b=c|?|{prefix}/html/a|{prefix}/html
    /a%20b?c%20d | Host: first.example -> 200 first.example|first.example|first.example|/a%20b?c%20d|/a b|/a b|c%20d|?|{prefix}/html/a b|{prefix}/html
    //a/./b/../c?x | Host: first.example -> 200 first.example|first.example|first.example|//a/./b/../c?x|/a/c|/a/c|x|?|{prefix}/html/a/c|{prefix}/html
    /a? | Host: first.example -> 200 first.example|first.example|first.example|/a?|/a|/a|||{prefix}/html/a|{prefix}/html
    http://first.example/abs?q | Host: ignored.example -> 200 first.example|ignored.example|first.example|/abs?q|/abs|/abs|q|?|{prefix}/html/abs|{prefix}/html
    http://first.example | Host: ignored.example -> 200 first.example|ignored.example|first.example|/|/|/|||{prefix}/html/|{prefix}/html
    /alias/f | Host: first.example -> 200 first.example|first.example|first.example|/alias/f|/alias/f|/alias/f|||{prefix}/aliased/f|{prefix}/aliased/
    /alias/ | Host: first.example -> 200 first.example|first.example|first.example|/alias/|/alias/|/alias/|||{prefix}/aliased/|{prefix}/aliased/
    /re-alias/f/g | Host: first.example -> 200 first.example|first.example|first.example|/re-alias/f/g|/re-alias/f/g|/re-alias/f/g|||{prefix}/aliased/f/g|{prefix}/aliased/f/g
    /root/f | Host: first.example -> 200 first.example|first.example|first.example|/root/f|/root/f|/root/f|||{prefix}/other/root/f|{prefix}/other
    /rewritten/a%20b?old=1 | Host: first.example -> 200 first.example|first.example|first.example|/rewritten/a%20b?old=1|/a b|/a b|new=1&old=1|?|{prefix}/html/a b|{prefix}/html
    /index/?q | Host: first.example -> 200 first.example|first.example|first.example|/index/?q|/index/index.txt|/index/index.txt|q|?|{prefix}/html/index/index.txt|{prefix}/html
    /error/x?q | Host: first.example -> 404 first.example|first.example|first.example|/error/x?q|/missing|/missing|||{prefix}/html/missing|{prefix}/html
    /named/x?q | Host: first.example -> 200 first.example|first.example|first.example|/named/x?q|/named/x|/named/x|q|?|{prefix}/html/named/x|{prefix}/html
    /args/x?q | Host: first.example -> 200 first.example|first.example|first.example|/args/x?q|/args/x|/args/x|||{prefix}/html/args/x|{prefix}/html
    /arg/?a=1&b=2&c_d=3&a=4 -> 200 1|1|2|3|
    /arg/?A=1 -> 200 1|1|||
    /arg/?a -> 200 ||||
    /arg/?a=%20%41+&b== -> 200 %20%41+|%20%41+|=||
    /arg/?xa=1&a=2 -> 200 2|2|||
    /arg/?a=1;b=2 -> 200 1;b=2|1;b=2|||
    /cookie/ | Cookie: a=1; b=2 -> 200 1|1|2|
    /cookie/ | Cookie: A=1 -> 200 1|1||
    /cookie/ | Cookie: xa=1; a="2 3" -> 200 "2 3"|"2 3"||
    /cookie/ | Cookie: a=1;b=2,c=3 -> 200 1|1|2,c=3|
    /cookie/ | Cookie: a=1; a=2 -> 200 1|1||
    /fields/ | X-One: 1 -> 200 1||||
    /fields/ | X-One: 1 | X-One: 2 -> 200 1, 2|||| ## nginx: 200 1|||| ## JOINED
    /fields/ | x-ONE: 1 | Content-Type: a/b | User-Agent: me -> 200 1||a/b||me
    /request/?a%20b -> 200 GET|GET /request/?a%20b HTTP/1.1|HTTP/1.1|http||{port}|
    HEAD /request/ -> 200
    OPTIONS /request/ -> 200 OPTIONS|OPTIONS /request/ HTTP/1.1|HTTP/1.1|http||{port}|
    /braces/?a=1 -> 200 /braces/x/braces/-1
""")
