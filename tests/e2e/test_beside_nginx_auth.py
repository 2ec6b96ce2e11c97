# SPDX-License-Identifier: BSD-2-Clause
"""
weir beside the nginx of this machine: addresses, passwords, and both together. The same conf text, the same requests; compared are
status, WWW-Authenticate, what is served, and what the error log says. What differs stands in DIFFERENCES, with the reason.
"""

import base64
import re

import pytest

from harness import Weir, request, wait_until
from harness.nginx import NGINX, Nginx

pytestmark = pytest.mark.skipif(NGINX is None, reason="there is no nginx")


def basic(text):
    return "Authorization: Basic " + base64.b64encode(text if isinstance(text, bytes) else text.encode()).decode()


USERS = """\
plain:{PLAIN}secret
extra:{PLAIN}secret:comment
sha:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=
ssha:{SSHA}gVK8WC9YyFT1gMsQHTGCgT3sSv5zYWx0
#off:{PLAIN}x
  blank:{PLAIN}x
bad:zzz
nothing
empty:
end:{PLAIN}secret \n\
twice:{PLAIN}one
twice:{PLAIN}two
other:{FOO}bar
badsha:{SHA}zz
badssha:{SSHA}zz
md5:$1$abcdefgh$cHJi5PXp/ki/ktXzqlk6I1
des:abNANd1rDfiNc
apr1:$apr1$r31.....$G/cElGhD0cboYkZN5h5Ne/
sha256:$5$saltsalt$0IyaXrmV7.sGNS6tirgqHLqX/G.FBvgkYA.lpPdS5sA
bcrypt:$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a
yescrypt:$y$j75$abcdefgh$uMUXG79B2cFpoAYyDccUnsaH/aGTyBYMlnQidzyag01
:{PLAIN}secret
cr:{PLAIN}secret\r
last:{PLAIN}secret"""
FILES = {"html/a": "a", "html/in/a": "in", "html/index.html": "index", "html/sorry": "sorry", "users": USERS, "folder/x": ""}
KINDS = ("plain", "sha", "ssha", "md5", "des", "apr1", "sha256", "bcrypt", "yescrypt")
SITE = 'auth_basic "site"; auth_basic_user_file users;'
PASSWORDS = [None, *(basic(f"{kind}:{password}") for kind in KINDS for password in ("secret", "Secret", "")),
             *map(basic, ("extra:secret", "#off:x", "off:x", "  blank:x", "blank:x", "bad:zzz", "nothing:", "empty:", "empty:x", "end:secret",
                          "end:secret ", "twice:one", "twice:two", "other:bar", "badsha:x", "badssha:x", ":secret", "cr:secret", "last:secret",
                          "nobody:x", "plain", "plain:secret:x", "PLAIN:secret"))]
GOOD = basic("plain:secret")
LETTERS = GOOD.split()[-1]
FIELDS = [f"Authorization: {value}" for value in (
    "", "Basic", "Basic ", f"Basic    {LETTERS}", f"bASIC {LETTERS}", "Basic !!!", "Basic Zg", "Bearer x", LETTERS, f"Basic {LETTERS} x",
    f"Basic {LETTERS}=", "Basic " + base64.b64encode(b"plain:secret\0").decode(), f"Basic {LETTERS.rstrip('=')}",
    "Basic " + base64.b64encode(b"x" * 3000 + b":y").decode())]
ASKED = (None, GOOD, basic("plain:x"))
# name: (lines of a server, fields asked with, targets)
CASES = {
    "passwords": (SITE, PASSWORDS, ["/a"]),
    "fields": (SITE, FIELDS, ["/a"]),
    "no file": ('auth_basic "s"; auth_basic_user_file none;', ASKED, ["/a"]),
    "no folder": ('auth_basic "s"; auth_basic_user_file users/x;', ASKED, ["/a"]),
    "no directive": ('auth_basic "s";', ASKED, ["/a"]),
    "file alone": ("auth_basic_user_file users;", ASKED, ["/a"]),
    "file by variables": ('auth_basic "s"; auth_basic_user_file $arg_f;', ASKED, ["/a?f=users", "/a?f=none", "/a?f={prefix}/users"]),
    "file below root": ('auth_basic "s"; auth_basic_user_file $document_root/../users;', ASKED, ["/a"]),
    "realm empty": ('auth_basic ""; auth_basic_user_file users;', ASKED, ["/a"]),
    "realm OFF": ("auth_basic OFF; auth_basic_user_file users;", ASKED, ["/a"]),
    "realm quoted": ("auth_basic 'a\"b\\c'; auth_basic_user_file users;", ASKED, ["/a"]),
    "realm of variables": ("auth_basic $arg_r; auth_basic_user_file users;", ASKED, ["/a", "/a?r=off", "/a?r=Off", "/a?r=x"]),
    "inner off": (SITE + "location /in/ { auth_basic off; }", ASKED, ["/a", "/in/a", "/"]),
    "error page": (SITE + "error_page 401 /sorry; location = /sorry { auth_basic off; }", ASKED, ["/a"]),
    "error page that asks": (SITE + "error_page 401 /sorry;", ASKED, ["/a"]),
    "error page with 200": (SITE + "error_page 401 =200 /sorry; location = /sorry { auth_basic off; }", ASKED, ["/a"]),
    "allow": ("location /a { allow 10.0.0.0/8; deny 127.0.0.1; allow all; } location /in/ { allow 127.0.0.0/8; deny all; }", [None], ["/a", "/in/a", "/"]),
    "deny": ("deny all; location /in/ { allow all; }", [None], ["/a", "/in/a", "/in/b"]),
    "deny error page": ("deny all; error_page 403 /sorry; location = /sorry { allow all; }", [None], ["/a"]),
    "remote user": ('location / { return 200 "[$remote_user]"; }', PASSWORDS + FIELDS[:-1], ["/"]),
}
for satisfy in ("all", "any"):
    for name, rule in (("yes", "allow all;"), ("no", "deny all;"), ("silent", "deny 192.0.2.1;"), ("nothing", "")):
        for way, password in (("asked", SITE), ("off", "auth_basic off;"), ("without file", 'auth_basic "s"; auth_basic_user_file none;')):
            CASES[f"satisfy {satisfy} {name} {way}"] = (f"satisfy {satisfy};{rule}{password}", ASKED, ["/a"])

NUL = "a password with a NUL in it is none"
QUOTED = "what a quoted-string cannot hold is escaped (RFC 9110 5.6.4)"
ONCE = "one challenge is enough"
ONLY_401 = "WWW-Authenticate goes with 401 alone"
PADDED = "what is no base64 is none (RFC 4648 3.3)"
DIFFERENCES = {
    ("fields", FIELDS[11]): ((401, ['Basic realm="site"'], None), NUL),
    ("fields", FIELDS[10]): ((401, ['Basic realm="site"'], None), PADDED),
    ("remote user", FIELDS[10]): ((200, [], b"[]"), PADDED),
    ("remote user", FIELDS[11]): ((200, [], b"[]"), NUL),
    ("realm quoted", None): ((401, [r'Basic realm="a\"b\\c"'], None), QUOTED),
    ("realm quoted", ASKED[2]): ((401, [r'Basic realm="a\"b\\c"'], None), QUOTED),
    ("error page that asks", None): ((401, ['Basic realm="site"'], None), ONCE),
    ("error page that asks", ASKED[2]): ((401, ['Basic realm="site"'], None), ONCE),
    ("error page with 200", None): ((200, [], b"sorry"), ONLY_401),
    ("error page with 200", ASKED[2]): ((200, [], b"sorry"), ONLY_401),
}
# Lines of the error log are not compared there.
OTHER_LINES = {"fields"}


def said(server):
    """What the error log says of requests, without what is another each time."""
    lines = re.findall(r"^\S+ \S+ (\[(?:info|error|crit)\]) \d+#\d+: \*\d+ (.*), client: .*?, server: .*?, request: ", server.log_text(), re.M)
    return [(level, text.replace(str(server.prefix), "PREFIX")) for level, text in lines]


def answers(server, fields, targets):
    found = {}
    with_connection = server.connect()
    for target in targets:
        for field in fields:
            client = with_connection
            response = client.ask(request(target.replace("{prefix}", str(server.prefix)), *([field] if field is not None else [])))
            if response.get("Connection") == "close":
                client.close()
                with_connection = server.connect()
            body = response.body if response.status < 300 or response.body == b"sorry" else None
            found[target, field] = (response.status, response.all("WWW-Authenticate"), body)
    with_connection.close()
    return found


@pytest.mark.parametrize("name", CASES)
def test_answers_and_log_are_those_of_nginx(weir, name):
    server_lines, fields, targets = CASES[name]
    theirs = Nginx(server=server_lines, files=FILES)
    try:
        theirs.start()
        ours = weir(server=server_lines, files=FILES)
        expected, got = answers(theirs, fields, targets), answers(ours, fields, targets)
        for key in expected:
            known = DIFFERENCES.get((name, key[1]))
            if known:
                assert got[key] == known[0] and got[key] != expected[key], (key, known[1])
            else:
                assert got[key] == expected[key], key
        if name in OTHER_LINES or any(case == name for case, _ in DIFFERENCES):
            return
        wait_until(lambda: len(said(ours)) >= len(said(theirs)), "as many lines as nginx wrote")
        assert said(ours) == said(theirs)
    finally:
        theirs.finish()


@pytest.mark.parametrize("line", ["allow foo;", "deny 10.0.0.0/33;", "allow 10.0.0.1:80;", "allow;", "auth_basic a b;", "satisfy any; satisfy all;",
                                  "auth_basic a; auth_basic b;", "auth_basic_user_file;"])
def test_errors_are_told_in_the_same_words(weir, line):
    texts = []
    for kind in (Weir, Nginx):
        server = kind(server=line, files=FILES)
        server.write_conf()
        try:
            texts.append(re.search(r"\[emerg\] (?:\d+#\d+: )?(.*) in \S+:\d+", server.run("-t").stderr)[1])
        finally:
            server.finish()
    assert texts[0] == texts[1]
