# SPDX-License-Identifier: BSD-2-Clause
"""
What is asked of conf files with rewrites, and what is answered: test_rewrite.py asks weir, test_beside_nginx_rewrite.py nginx, too.

A row is "[METHOD] target [| Field: value …] -> answer". An answer is the status, and the place of a redirect or the body; a page of the
server's own is written [page], a connection closed without an answer: closed.
"""

import re
from dataclasses import dataclass, field

from harness import request

OWN_PAGE = re.compile(rb"<center>nginx[^<]*</center>|<small>weir[^<]*</small></body></html>$")


@dataclass
class Case:
    asks: str
    server: str = None
    http: str = ""
    files: dict = field(default_factory=dict)
    differs: dict = field(default_factory=dict)     # a row's question: (what weir answers, why)

    def rows(self):
        """(question, answer) of all rows."""
        lines = [line.strip() for line in self.asks.splitlines() if line.strip()]
        return [tuple(part.strip() for part in line.split(" -> ", 1)) for line in lines]

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
        for name, claim in server.claims.items():
            text = text.replace(f":{claim.port}/", f":{{{name}}}/")
    else:
        text = "[page]" if OWN_PAGE.search(response.body) else response.text.replace(str(server.prefix), "{prefix}")
    return f"{response.status} {text}".strip()


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
    /redirect/a%20b -> ?
    /redirect/a%3Fb -> ?
    /redirect/a+b -> ?
    /redirect/a%2Bb -> ?
    /redirect/a&b -> ?
    /redirect/a%26b -> ?
    /redirect/a%3Bb;c -> ?
    /redirect/a%25b -> ?
    /redirect/a%22b -> ?
    /redirect/a%2Fb -> ?
    /redirect/%C3%A9 -> ?
    /redirect/é -> ?
    /redirect/a%23b -> ?
    /redirect/a:b@c,d=e -> ?
    /redirect/a?q=1 -> ?
    /redirect/a%20b?q=1%20+2%26 -> ?
    /permanent/a%20b -> ?
    /permanent/a%3Fb -> ?
    /permanent/a+b -> ?
    /permanent/a%2Bb -> ?
    /permanent/a&b -> ?
    /permanent/a%26b -> ?
    /permanent/a%3Bb;c -> ?
    /permanent/a%25b -> ?
    /permanent/a%22b -> ?
    /permanent/a%2Fb -> ?
    /permanent/%C3%A9 -> ?
    /permanent/é -> ?
    /permanent/a%23b -> ?
    /permanent/a:b@c,d=e -> ?
    /permanent/a?q=1 -> ?
    /permanent/a%20b?q=1%20+2%26 -> ?
    /query/a%20b -> ?
    /query/a%3Fb -> ?
    /query/a+b -> ?
    /query/a%2Bb -> ?
    /query/a&b -> ?
    /query/a%26b -> ?
    /query/a%3Bb;c -> ?
    /query/a%25b -> ?
    /query/a%22b -> ?
    /query/a%2Fb -> ?
    /query/%C3%A9 -> ?
    /query/é -> ?
    /query/a%23b -> ?
    /query/a:b@c,d=e -> ?
    /query/a?q=1 -> ?
    /query/a%20b?q=1%20+2%26 -> ?
    /url/a%20b -> ?
    /url/a%3Fb -> ?
    /url/a+b -> ?
    /url/a%2Bb -> ?
    /url/a&b -> ?
    /url/a%26b -> ?
    /url/a%3Bb;c -> ?
    /url/a%25b -> ?
    /url/a%22b -> ?
    /url/a%2Fb -> ?
    /url/%C3%A9 -> ?
    /url/é -> ?
    /url/a%23b -> ?
    /url/a:b@c,d=e -> ?
    /url/a?q=1 -> ?
    /url/a%20b?q=1%20+2%26 -> ?
    /url-drops/a%20b -> ?
    /url-drops/a%3Fb -> ?
    /url-drops/a+b -> ?
    /url-drops/a%2Bb -> ?
    /url-drops/a&b -> ?
    /url-drops/a%26b -> ?
    /url-drops/a%3Bb;c -> ?
    /url-drops/a%25b -> ?
    /url-drops/a%22b -> ?
    /url-drops/a%2Fb -> ?
    /url-drops/%C3%A9 -> ?
    /url-drops/é -> ?
    /url-drops/a%23b -> ?
    /url-drops/a:b@c,d=e -> ?
    /url-drops/a?q=1 -> ?
    /url-drops/a%20b?q=1%20+2%26 -> ?
    /scheme/a%20b -> ?
    /scheme/a%3Fb -> ?
    /scheme/a+b -> ?
    /scheme/a%2Bb -> ?
    /scheme/a&b -> ?
    /scheme/a%26b -> ?
    /scheme/a%3Bb;c -> ?
    /scheme/a%25b -> ?
    /scheme/a%22b -> ?
    /scheme/a%2Fb -> ?
    /scheme/%C3%A9 -> ?
    /scheme/é -> ?
    /scheme/a%23b -> ?
    /scheme/a:b@c,d=e -> ?
    /scheme/a?q=1 -> ?
    /scheme/a%20b?q=1%20+2%26 -> ?
    /uri/a%20b -> ?
    /uri/a%3Fb -> ?
    /uri/a+b -> ?
    /uri/a%2Bb -> ?
    /uri/a&b -> ?
    /uri/a%26b -> ?
    /uri/a%3Bb;c -> ?
    /uri/a%25b -> ?
    /uri/a%22b -> ?
    /uri/a%2Fb -> ?
    /uri/%C3%A9 -> ?
    /uri/é -> ?
    /uri/a%23b -> ?
    /uri/a:b@c,d=e -> ?
    /uri/a?q=1 -> ?
    /uri/a%20b?q=1%20+2%26 -> ?
    /request-uri/a%20b -> ?
    /request-uri/a%3Fb -> ?
    /request-uri/a+b -> ?
    /request-uri/a%2Bb -> ?
    /request-uri/a&b -> ?
    /request-uri/a%26b -> ?
    /request-uri/a%3Bb;c -> ?
    /request-uri/a%25b -> ?
    /request-uri/a%22b -> ?
    /request-uri/a%2Fb -> ?
    /request-uri/%C3%A9 -> ?
    /request-uri/é -> ?
    /request-uri/a%23b -> ?
    /request-uri/a:b@c,d=e -> ?
    /request-uri/a?q=1 -> ?
    /request-uri/a%20b?q=1%20+2%26 -> ?
    /whole-uri/a%20b -> ?
    /whole-uri/a%3Fb -> ?
    /whole-uri/a+b -> ?
    /whole-uri/a%2Bb -> ?
    /whole-uri/a&b -> ?
    /whole-uri/a%26b -> ?
    /whole-uri/a%3Bb;c -> ?
    /whole-uri/a%25b -> ?
    /whole-uri/a%22b -> ?
    /whole-uri/a%2Fb -> ?
    /whole-uri/%C3%A9 -> ?
    /whole-uri/é -> ?
    /whole-uri/a%23b -> ?
    /whole-uri/a:b@c,d=e -> ?
    /whole-uri/a?q=1 -> ?
    /whole-uri/a%20b?q=1%20+2%26 -> ?
    /whole-request-uri/a%20b -> ?
    /whole-request-uri/a%3Fb -> ?
    /whole-request-uri/a+b -> ?
    /whole-request-uri/a%2Bb -> ?
    /whole-request-uri/a&b -> ?
    /whole-request-uri/a%26b -> ?
    /whole-request-uri/a%3Bb;c -> ?
    /whole-request-uri/a%25b -> ?
    /whole-request-uri/a%22b -> ?
    /whole-request-uri/a%2Fb -> ?
    /whole-request-uri/%C3%A9 -> ?
    /whole-request-uri/é -> ?
    /whole-request-uri/a%23b -> ?
    /whole-request-uri/a:b@c,d=e -> ?
    /whole-request-uri/a?q=1 -> ?
    /whole-request-uri/a%20b?q=1%20+2%26 -> ?
    /named/a%20b -> ?
    /named/a%3Fb -> ?
    /named/a+b -> ?
    /named/a%2Bb -> ?
    /named/a&b -> ?
    /named/a%26b -> ?
    /named/a%3Bb;c -> ?
    /named/a%25b -> ?
    /named/a%22b -> ?
    /named/a%2Fb -> ?
    /named/%C3%A9 -> ?
    /named/é -> ?
    /named/a%23b -> ?
    /named/a:b@c,d=e -> ?
    /named/a?q=1 -> ?
    /named/a%20b?q=1%20+2%26 -> ?
    /if-group/a%20b -> ?
    /if-group/a%3Fb -> ?
    /if-group/a+b -> ?
    /if-group/a%2Bb -> ?
    /if-group/a&b -> ?
    /if-group/a%26b -> ?
    /if-group/a%3Bb;c -> ?
    /if-group/a%25b -> ?
    /if-group/a%22b -> ?
    /if-group/a%2Fb -> ?
    /if-group/%C3%A9 -> ?
    /if-group/é -> ?
    /if-group/a%23b -> ?
    /if-group/a:b@c,d=e -> ?
    /if-group/a?q=1 -> ?
    /if-group/a%20b?q=1%20+2%26 -> ?
    /set/a%20b -> ?
    /set/a%3Fb -> ?
    /set/a+b -> ?
    /set/a%2Bb -> ?
    /set/a&b -> ?
    /set/a%26b -> ?
    /set/a%3Bb;c -> ?
    /set/a%25b -> ?
    /set/a%22b -> ?
    /set/a%2Fb -> ?
    /set/%C3%A9 -> ?
    /set/é -> ?
    /set/a%23b -> ?
    /set/a:b@c,d=e -> ?
    /set/a?q=1 -> ?
    /set/a%20b?q=1%20+2%26 -> ?
    /location-group/a%20b -> ?
    /location-group/a%3Fb -> ?
    /location-group/a+b -> ?
    /location-group/a%2Bb -> ?
    /location-group/a&b -> ?
    /location-group/a%26b -> ?
    /location-group/a%3Bb;c -> ?
    /location-group/a%25b -> ?
    /location-group/a%22b -> ?
    /location-group/a%2Fb -> ?
    /location-group/%C3%A9 -> ?
    /location-group/é -> ?
    /location-group/a%23b -> ?
    /location-group/a:b@c,d=e -> ?
    /location-group/a?q=1 -> ?
    /location-group/a%20b?q=1%20+2%26 -> ?
    /arg/a%20b -> ?
    /arg/a%3Fb -> ?
    /arg/a+b -> ?
    /arg/a%2Bb -> ?
    /arg/a&b -> ?
    /arg/a%26b -> ?
    /arg/a%3Bb;c -> ?
    /arg/a%25b -> ?
    /arg/a%22b -> ?
    /arg/a%2Fb -> ?
    /arg/%C3%A9 -> ?
    /arg/é -> ?
    /arg/a%23b -> ?
    /arg/a:b@c,d=e -> ?
    /arg/a?q=1 -> ?
    /arg/a%20b?q=1%20+2%26 -> ?
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
    location /escaped/ { rewrite ^/escaped/(.*)$ /show/a%%20b/$1 last; }
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
""".replace("%(tells)s", TELLS).replace("%%", "%"), files={"html/files/a": "file a\n", "html/breaks/a": "breaks a\n"}, asks="""
    /plain/a -> ?
    /plain/a?q=1 -> ?
    /plain/ -> ?
    /last/a%20b -> ?
    /last/a%3Fb?q -> ?
    /break/a -> ?
    /break/none -> ?
    /both/a -> ?
    /chain/a -> ?
    /chain-return/a?q -> ?
    /query/a -> ?
    /query/a?q=1 -> ?
    /drops/a?q=1 -> ?
    /drops-all/a?q=1 -> ?
    /query-group/a/b -> ?
    /query-group/a/b%20c -> ?
    /query-group/a/b%26c?d -> ?
    /two-marks/a?q -> ?
    /no-slash/a -> ?
    /dots/a -> ?
    /slashes/a -> ?
    /escaped/a -> ?
    /case/a -> ?
    /optional/ -> ?
    /optional/b -> ?
    /optional/ac -> ?
    /no-match/a -> ?
    /group-ten/abcdefghij -> ?
    /breaks/a -> ?
    /set-uri/a -> ?
    /set-args/a?old=1 -> ?
    /set-args-only/a?old=1 -> ?
    /set-args-only/a -> ?
    /loop/a -> ?
    /loop-plain/ -> ?
    /ping/ -> ?
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
    / -> ?
    /plain/a -> ?
    /plain/twice/a?q -> ?
    /last/a -> ?
    /break/a -> ?
    /moved/a?b -> ?
    /stopped/a -> ?
    /stopped/a?stop=1 -> ?
    /stopped/a?stop=0 -> ?
    /gone -> ?
    /a | X-Agent: GoodBot/1 -> ?
    /a | X-Agent: human -> ?
    /a | Host: other.example -> ?
    /a | Host: www.example.com -> ?
    /a | Host: WWW.Example.COM. -> ?
    /in/a -> ?
    /missing/a -> ?
    /named/a -> ?
    /dir/ -> ?
    /dir -> ?
""")

CASES["cycles"] = Case(server="""
    rewrite ^/server-loop(.*)$ /server-loop$1x;
    location /count/ { if ($uri ~ ^/count/(x*)$) { set $n $1; } rewrite ^/count/x{%d}$ /end last; rewrite ^ /count/${n}x last; }
    location = /end { return 200 end; }
    location /index-loop/ { index /index-loop/; }
    location /error-loop/ { error_page 404 /error-loop/again; recursive_error_pages on; }
    location /to-named/ { error_page 404 @a; recursive_error_pages on; }
    location @a { error_page 404 @b; recursive_error_pages on; }
    location @b { error_page 404 @a; recursive_error_pages on; }
    location /nine/ { rewrite ^/nine/(x{9})$ /end last; rewrite ^/nine/(.*)$ /nine/$1x last; }
    location /ten/ { rewrite ^/ten/(x{10})$ /end last; rewrite ^/ten/(.*)$ /ten/$1x last; }
    location /eleven/ { rewrite ^/eleven/(x{11})$ /end last; rewrite ^/eleven/(.*)$ /eleven/$1x last; }
""".replace("{%d}", "{5}").replace("x{", '"x{').replace('"x{5}$', "xxxxx$").replace('("x{9})', "(xxxxxxxxx)")
    .replace('("x{10})', "(xxxxxxxxxx)").replace('("x{11})', "(xxxxxxxxxxx)"), asks="""
    /server-loop -> ?
    /count/ -> ?
    /count/xxxxxx -> ?
    /index-loop/ -> ?
    /error-loop/a -> ?
    /to-named/a -> ?
    /nine/ -> ?
    /ten/ -> ?
    /ten/x -> ?
    /eleven/ -> ?
    /eleven/x -> ?
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
    /value -> ?
    /value?v -> ?
    /value?v= -> ?
    /value?v=0 -> ?
    /value?v=00 -> ?
    /value?v=1 -> ?
    /value?v=false -> ?
    /value?v=%30 -> ?
    /value?V=1 -> ?
    /equal -> ?
    /equal?v=abc -> ?
    /equal?v=ABC -> ?
    /equal?v=ab -> ?
    /not-equal -> ?
    /not-equal?v=abc -> ?
    /equal-variable -> ?
    /equal-variable?v=1&w=1 -> ?
    /equal-variable?v=1&w=2 -> ?
    /equal-variable?v= -> ?
    /equal-text?v=a%20c%20b&w=c -> ?
    /match?v=abbbc -> ?
    /match?v=ABC -> ?
    /match -> ?
    /match-any-case?v=aBbC -> ?
    /no-match?v=abc -> ?
    /no-match?v=x -> ?
    /no-match-any-case?v=ABC -> ?
    /no-match-any-case -> ?
    /quoted?v=12; -> ?
    /quoted?v=1; -> ?
    /file/a -> ?
    /file -> ?
    /file/none -> ?
    /not-file/a -> ?
    /not-file -> ?
    /folder/d -> ?
    /folder/d/x -> ?
    /not-folder/d -> ?
    /not-folder/d/x -> ?
    /exists/a -> ?
    /exists -> ?
    /exists/none -> ?
    /not-exists/d -> ?
    /not-exists/none -> ?
    /executable/a -> ?
    /executable -> ?
    /not-executable/none -> ?
    /empty -> ?
    /zero -> ?
    /glued?v=cat -> ?
    /spaced?v=a -> ?
    POST /method -> ?
    DELETE /method -> ?
    /cookie | Cookie: a=b; id=77; c=d -> ?
    /cookie | Cookie: ID=78 -> ?
    /cookie -> ?
    /referer -> ?
    /referer | Referer: http://x.example/ -> ?
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
    /header/ -> ?
    /header/?a=1 -> ?
    /header/?b=1 -> ?
    /header/?a=1&b=1 -> ?
    /root/f -> ?
    /root/f?a=1 -> ?
    /last-wins/?a=1&c=1 -> ?
    /last-wins/?a=1&b=1&c=1 -> ?
    /last-wins/?b=1 -> ?
    /in-if/ -> ?
    /in-if/?a=1 -> ?
    /in-if/?b=1 -> ?
    /in-if/?a=1&b=1 -> ?
    /break-in-if/f -> ?
    /break-in-if/f?a=1 -> ?
    /set-after/ -> ?
    /condition-first/?a=1 -> ?
    /condition-first/?a=2 -> ?
    /condition-first/?a=3 -> ?
    /empty-if/ -> ?
    /empty-if/?a=1 -> ?
    /text/?a=1 -> ?
    /text/ -> ?
    /page/?a=1 -> ?
    /page/ -> ?
    /page-in-if/none -> ?
    /page-in-if/none?a=1 -> ?
    /rate/f?a=1 -> ?
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
    location ~ ^/brace/(\\d{2})$ { return 200 never; }
""".replace("location ~ ^/brace/(\\d{2})$ {", 'location ~ "^/brace/(\\d{2})$" {').replace("200 never", '200 "$1"'), asks="""
    /keep/a?x=b -> ?
    /keep/a -> ?
    /after-failed/a?x=b -> ?
    /after-failed/a -> ?
    /no-groups/a?x=y -> ?
    /no-groups/a -> ?
    /negated/a?x=y -> ?
    /negated/a?x=z -> ?
    /rewrite/a -> ?
    /failed-rewrite/a -> ?
    /show/a -> ?
    /named/news/12 -> ?
    /named/news/x -> ?
    /outer/a/b -> ?
    /outer/b/c -> ?
    /a.GIF -> ?
    /a.png -> ?
    /brace/12 -> ?
    /brace/123 -> ?
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
    location = /bare { return /x; }
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
    location = /600 { return 600; }
    location = /666 { return 666 beast; }
    location = /999 { return 999 far; }
""", asks="".join(f"    {line} -> ?\n" for line in """/200|HEAD /200|POST /200|/200text|HEAD /200text|/200html|/json.json?a=1|/201|/201text|/202|/204
/204text|/206|/226|/300|/300text|/301|HEAD /301|POST /301|/301none|/301empty|/302|/302other|/302mail|/303|/304|/305|/307|/308|/309|/bare
/bare-url?a=b%20c|/bare-scheme|/400|/401|/402|/403|/404|HEAD /404|/404text|HEAD /404text|/405|/408|/410|/413|/414|/416|/418|/418text
/421|/429|/444|/444text|/499|/500|/500text|/501|/502|/503|/504|/505|/507|/599|/600|/666|/999""".replace("\n", "|").split("|")))

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
    / -> ?
    // -> ?
    /x -> ?
    /docs -> ?
    /docs/ -> ?
    /docsx -> ?
    /docs/x -> ?
    /docs/a -> ?
    /docs/a/x -> ?
    /docs/a/exact -> ?
    /docs/a/exact/ -> ?
    /docs/a/x.txt -> ?
    /docs/x.gif -> ?
    /docs/x.GIF -> ?
    /docs/x.jpeg -> ?
    /images/x.gif -> ?
    /images/old/x.gif -> ?
    /images/old/x -> ?
    /images/../x.gif -> ?
    /images/%2e%2e/x.gif -> ?
    /nest/x -> ?
    /nest/x.gif -> ?
    /nest/a/x -> ?
    /nest/a/x.gif -> ?
    /nest/exact.gif -> ?
    /nest/x.jpg -> ?
    /final/x.gif -> ?
    /final/x.jpg -> ?
    /final/deep/x.jpg -> ?
    /final/deep/x.gif -> ?
    /re/x -> ?
    /re/x.gif -> ?
    /re/b.gif -> ?
    /re/b -> ?
    /with%20space/a -> ?
    /caf%C3%A9/ -> ?
    /caf%C3%A9/x -> ?
    /café/x -> ?
    /caf%25C3%25A9/x -> ?
    /case -> ?
    /CASEY -> ?
    /@named -> ?
    @named -> ?
    /to-named -> ?
    /to-none -> ?
    /inner -> ?
    /inner/x -> ?
    /to-inner -> ?
    /to-inner-error -> ?
    /gif-inner -> ?
    /a%00b -> ?
    /a%2 -> ?
    /.. -> ?
    /a/../b -> ?
    /a/./b -> ?
    /a/b/.. -> ?
    /a?b?c -> ?
    /a#b -> ?
""")

MERGED = """location / { return 200 "/ $uri"; } location /a/b { return 200 "/a/b $uri"; } location ~ ^/re(//)x { return 200 "re $1"; }
            location //two { return 200 "two $uri"; }"""
ODD_PATHS = """
    //a//b -> ?
    /a///b/c -> ?
    /a/b// -> ?
    /a/b//c -> ?
    /a%2F%2Fb -> ?
    /a//../b -> ?
    /a/..//b -> ?
    /a//./b -> ?
    //..//a -> ?
    /re//x -> ?
    //two/x -> ?
    /two/x -> ?
"""
CASES["merge_slashes"] = Case(server=MERGED, asks=ODD_PATHS)
CASES["merge_slashes_off"] = Case(server="merge_slashes off;" + MERGED, asks=ODD_PATHS)
CASES["merge_slashes_of_two"] = Case(http="""
    server { listen 127.0.0.1:{port}; server_name on.example; location / { return 200 "$uri"; } }
    server { listen 127.0.0.1:{port}; server_name off.example; merge_slashes off; location / { return 200 "$uri"; } }
""", asks="""
    //a | Host: on.example -> ?
    //a | Host: off.example -> ?
""")

CASES["limit_except"] = Case(server="""
    add_header X-Method $request_method always;
    location /read/ { limit_except GET { deny all; } return 200 "after $request_method"; }
    location /files/ { limit_except GET { deny all; } }
    location /head/ { limit_except HEAD { deny all; } }
    location /post/ { limit_except POST { deny all; } error_page 405 =200 /shown; }
    location /many/ { limit_except GET POST PUT { deny all; } error_page 403 /shown; }
    location /allow/ { limit_except GET { allow 127.0.0.1; deny all; } error_page 404 405 = /shown; }
    location = /shown { return 200 "shown $uri $request_method"; }
""", files={"html/files/a": "file", "html/head/a": "file"}, asks="""
    /read/ -> ?
    POST /read/ -> ?
    /files/a -> ?
    HEAD /files/a -> ?
    POST /files/a -> ?
    DELETE /files/a -> ?
    OPTIONS /files/a -> ?
    PUT /files/none -> ?
    /head/a -> ?
    HEAD /head/a -> ?
    /post/a -> ?
    POST /post/a -> ?
    /many/a -> ?
    POST /many/a -> ?
    PUT /many/a -> ?
    DELETE /many/a -> ?
    POST /allow/a -> ?
    /allow/a -> ?
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
    / | Host: www.example.com -> ?
    / | Host: WWW.EXAMPLE.COM -> ?
    / | Host: www.example.com. -> ?
    / | Host: www.example.com:8080 -> ?
    / | Host: a.example.com -> ?
    / | Host: a.b.example.com -> ?
    / | Host: a.deep.example.com -> ?
    / | Host: deep.example.com -> ?
    / | Host: example.com -> ?
    / | Host: www.example.org -> ?
    / | Host: www.example.co.uk -> ?
    / | Host: www.other.example -> ?
    / | Host: dotted.example -> ?
    / | Host: a.dotted.example -> ?
    / | Host: a.a.dotted.example -> ?
    / | Host: b.dotted.example -> ?
    / | Host: xdotted.example -> ?
    / | Host: first.example -> ?
    / | Host: second.example -> ?
    / | Host: blog.regex.example -> ?
    / | Host: BLOG.Regex.Example -> ?
    / | Host: blog.regex.other -> ?
    / | Host: www.regex.example -> ?
    / | Host: a.wild.regex.example -> ?
    / | Host: a.test -> ?
    /yx | Host: a.b.test -> ?
    / | Host: unknown.example -> ?
    / | Host: 127.0.0.1 -> ?
    / | Host: [::1]:80 -> ?
    http://www.example.com/ | Host: other.example -> ?
    http://a.test/x?y | Host: www.example.com -> ?
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
        location /arg/ { return 200 "$arg_a|$arg_A|$arg_b|$arg_c_d|$arg_|$arg_none"; }
        location /cookie/ { return 200 "$cookie_a|$cookie_A|$cookie_b|$cookie_none"; }
        location /fields/ { return 200 "$http_x_one|$http_x_none|$content_type|$content_length|$http_user_agent"; }
        location /request/ { return 200 "$request_method|$request|$server_protocol|$scheme|$https|$server_port|$remote_user"; }
        location /braces/ { return 200 "${uri}x$uri-${arg_a}"; }
    }
""".replace("%(says)s", SAYS), files={"html/index/index.txt": "index"}, asks="""
    /a | Host: first.example -> ?
    /a?b=c | Host: OTHER.example:99 -> ?
    /a?b=c | Host: unknown.example. -> ?
    /a%20b?c%20d | Host: first.example -> ?
    //a/./b/../c?x | Host: first.example -> ?
    /a? | Host: first.example -> ?
    http://first.example/abs?q | Host: ignored.example -> ?
    http://first.example | Host: ignored.example -> ?
    /alias/f | Host: first.example -> ?
    /alias/ | Host: first.example -> ?
    /re-alias/f/g | Host: first.example -> ?
    /root/f | Host: first.example -> ?
    /rewritten/a%20b?old=1 | Host: first.example -> ?
    /index/?q | Host: first.example -> ?
    /error/x?q | Host: first.example -> ?
    /named/x?q | Host: first.example -> ?
    /args/x?q | Host: first.example -> ?
    /arg/?a=1&b=2&c_d=3&a=4 -> ?
    /arg/?A=1 -> ?
    /arg/?a -> ?
    /arg/?a=%20%41+&b== -> ?
    /arg/?xa=1&a=2 -> ?
    /arg/?a=1;b=2 -> ?
    /cookie/ | Cookie: a=1; b=2 -> ?
    /cookie/ | Cookie: A=1 -> ?
    /cookie/ | Cookie: xa=1; a="2 3" -> ?
    /cookie/ | Cookie: a=1;b=2,c=3 -> ?
    /cookie/ | Cookie: a=1; a=2 -> ?
    /fields/ | X-One: 1 -> ?
    /fields/ | X-One: 1 | X-One: 2 -> ?
    /fields/ | x-ONE: 1 | Content-Type: a/b | User-Agent: me -> ?
    /request/?a%20b -> ?
    HEAD /request/ -> ?
    OPTIONS /request/ -> ?
    /braces/?a=1 -> ?
""")
