# SPDX-License-Identifier: BSD-2-Clause
"""secure_link: links with a hash, and links that end. test_beside_nginx_maps.py asks nginx the same."""

import base64
import hashlib
import time

import pytest

from harness import serving

SERVER = """
    location /s { secure_link $arg_m,$arg_e; secure_link_md5 "$secure_link_expires$uri k"; return 200 "[$secure_link][$secure_link_expires]"; }
    location /forever { secure_link $arg_m; secure_link_md5 "$uri k"; return 200 "[$secure_link][$secure_link_expires]"; }
    location /raw { secure_link $arg_v; secure_link_md5 x; return 200 "[$secure_link][$secure_link_expires]";
        location /raw/inherits { return 200 "[$secure_link]"; }
        location /raw/other { secure_link_md5 y; return 200 "[$secure_link]"; } }
    location /half { secure_link $arg_v; return 200 "[$secure_link]"; }
    location /otherhalf { secure_link_md5 x; return 200 "[$secure_link]"; }
    location /none { return 200 "[$secure_link][$secure_link_expires]"; }
    location /p/ { secure_link_secret word; return 200 "[$secure_link][$secure_link_expires]"; }
    location /deep/er/ { secure_link_secret word; return 200 "[$secure_link]"; }
    location /off/ { secure_link_secret ""; return 200 "[$secure_link]"; }
    location /expires { secure_link $arg_m,$arg_e; secure_link_md5 x; return 200 "[$secure_link_expires]"; }
"""


def signed(text):
    return base64.urlsafe_b64encode(hashlib.md5(text.encode()).digest()).decode().rstrip("=")


def hexed(link):
    return hashlib.md5((link + "word").encode()).hexdigest()


def link(expires, path="/s", text=None):
    return f"{path}?m={signed(f'{expires}{path} k' if text is None else text)}&e={expires}"


LATER, BEFORE = 4102444800, 1000000000
X = signed("x")
TARGETS = {
    "good": (link(LATER), f"[1][{LATER}]"),
    "past": (link(BEFORE), f"[0][{BEFORE}]"),
    "zeros in front": (link(f"00{LATER}"), f"[1][00{LATER}]"),
    "no time": (link("", text="/s k"), "[][]"),
    "word as time": (link("x", text="x/s k"), "[][]"),
    "time 0": (link(0), "[][]"),
    "negative time": (link(-1), "[][]"),
    "too large a time": (link("99999999999999999999"), "[][]"),
    "two times": (link(f"{LATER},1"), "[][]"),
    "wrong hash": (f"/s?m=x&e={LATER}", f"[][{LATER}]"),
    "other time": (link(LATER).replace(str(LATER), str(LATER + 1)), f"[][{LATER + 1}]"),
    "other path": (link(LATER, "/sx").replace("/sx", "/s"), f"[][{LATER}]"),
    "wrong and past": (f"/s?m=x&e={BEFORE}", f"[][{BEFORE}]"),
    "padded": (link(LATER).replace("&", "==&"), f"[1][{LATER}]"),
    "half padded": (link(LATER).replace("&", "=&"), f"[1][{LATER}]"),
    "forever": (f"/forever?m={signed('/forever k')}", "[1][]"),
    "forever with a comma": (f"/forever?m={signed('/forever k')},", "[][]"),
    "forever with a time": (f"/forever?m={signed('/forever k')},{LATER}", f"[1][{LATER}]"),
    "nothing": ("/forever", "[][]"),
    "empty": ("/forever?m=", "[][]"),
    "raw": (f"/raw?v={X}", "[1][]"),
    "raw later": (f"/raw?v={X},{LATER}", f"[1][{LATER}]"),
    "raw past": (f"/raw?v={X},{BEFORE}", f"[0][{BEFORE}]"),
    "raw time and more": (f"/raw?v={X},{LATER}x", "[][]"),
    "raw with a blank": (f"/raw?v={X}%20", "[][]"),
    "raw too short": (f"/raw?v={X[:-1]}", "[][]"),
    "raw too long": (f"/raw?v={X}A", "[][]"),
    "raw far too long": (f"/raw?v={X}{'A' * 4000}", "[][]"),
    "raw bits behind": (f"/raw?v={X[:-1]}{chr(ord(X[-1]) + 1)}", "[1][]"),
    "raw without a hash": (f"/raw?v=,{LATER}", f"[][{LATER}]"),
    "raw letters of the other alphabet": (f"/raw?v={'+/' * 11}", "[][]"),
    "inherits": (f"/raw/inherits?v={X}", "[1]"),
    "another text": (f"/raw/other?v={X}", "[]"),
    "another text good": (f"/raw/other?v={signed('y')}", "[1]"),
    "link alone": (f"/half?v={X}", "[]"),
    "text alone": ("/otherhalf", "[]"),
    "neither": ("/none", "[][]"),
    "secret": (f"/p/{hexed('link')}/link", "[link][]"),
    "secret capitals": (f"/p/{hexed('link').upper()}/link", "[link][]"),
    "secret path": (f"/p/{hexed('a/b/c')}/a/b/c", "[a/b/c][]"),
    "secret query": (f"/p/{hexed('a?x=1')}/a?x=1", "[a?x=1][]"),
    "secret without its query": (f"/p/{hexed('a')}/a?x=1", "[][]"),
    "secret as sent": (f"/p/{hexed('a%20b')}/a%20b", "[a%20b][]"),
    "secret decoded": (f"/p/{hexed('a b')}/a%20b", "[][]"),
    "secret dots": (f"/p/{hexed('x/../link')}/x/../link", "[x/../link][]"),
    "secret nothing": (f"/p/{hexed('')}/", "[][]"),
    "secret no link": (f"/p/{hexed('a')}", "[][]"),
    "secret wrong": (f"/p/{hexed('a')}/b", "[][]"),
    "secret too long": (f"/p/{hexed('a')}0/a", "[][]"),
    "secret too short": (f"/p/{hexed('a')[:-1]}/a", "[][]"),
    "secret no hash": (f"/p/{'x' * 32}/a", "[][]"),
    "secret nothing at all": ("/p/", "[][]"),
    "secret deep": (f"/deep/er/{hexed('a')}/a", "[]"),
    "secret two slashes": (f"/p//{hexed('a')}/a", "[][]"),
    "secret off": (f"/off/{hexed('a')}/a", "[]"),
}


@pytest.fixture(scope="module")
def server():
    with serving(server=SERVER) as weir:
        yield weir


@pytest.mark.parametrize("name", list(TARGETS))
def test_link(server, name):
    target, expected = TARGETS[name]
    assert server.get(target).text == expected


def test_time_is_known_without_the_hash(server):
    assert server.get(f"/expires?m=x&e={LATER}").text == f"[{LATER}]"


def test_link_is_good_to_the_end_of_its_second(server):
    at = int(time.time()) + 3600
    assert server.get(link(at)).text == f"[1][{at}]"
    at = int(time.time()) - 2
    assert server.get(link(at)).text == f"[0][{at}]"


def test_conditions_refuse(weir):
    server = weir(server="""location /s/ { secure_link $arg_md5,$arg_expires; secure_link_md5 "$secure_link_expires$uri$remote_addr secret";
        if ($secure_link = "") { return 403; } if ($secure_link = "0") { return 410; } }
        location /p/ { secure_link_secret word; if ($secure_link = "") { return 403; } rewrite ^ /secure/$secure_link; }
        location /secure/ { internal; root html; }""", files={"html/s/file": "file", "html/secure/link": "found"})
    for at, status in ((LATER, 200), (BEFORE, 410)):
        assert server.get(f"/s/file?md5={signed(f'{at}/s/file127.0.0.1 secret')}&expires={at}").status == status
    assert server.get("/s/file").status == 403
    assert server.get(f"/s/file?md5={signed(f'{LATER}/s/file127.0.0.1 secret')}&expires={LATER + 1}").status == 403
    assert server.get("/s/file?md5=_e4Nc3iduzkWRm01TBBNYw&expires=2147483647").status == 403
    assert server.get(f"/p/{hexed('link')}/link").text == "found" and server.get("/p/x/link").status == 403


def test_manual_s_hash(weir):
    server = weir(server="""location /s/ { secure_link $arg_md5,$arg_expires;
        secure_link_md5 "$secure_link_expires$uri$remote_addr secret"; return 200 "$secure_link"; }""")
    assert server.get("/s/link?md5=_e4Nc3iduzkWRm01TBBNYw&expires=2147483647").text == "1"
