# SPDX-License-Identifier: BSD-2-Clause
"""
map, geo, split_clients, valid_referers and secure_link beside the nginx of this machine: what the tests of each expect of weir is
expected of nginx, too, from the same conf text. What differs stands in DIFFERENCES, with the reason; skipped where there is no nginx.
"""

import contextlib

import pytest

import test_geo
import test_map
import test_map_errors
import test_referer
import test_secure_link
import test_split_clients
from harness import serving
from harness.nginx import NGINX, Nginx

pytestmark = pytest.mark.skipif(NGINX is None, reason="there is no nginx")

SHORT = "nginx takes what has less than 11 bytes for a blocked one, whatever it is"
NO_LABEL = "a star stands for a label at least"
ODD_NAME = "a key that no host name can fit is told of"
SERVERS_OWN = "what the server itself gives its value is not taken away from it"
EACH_PAIR = "a part has one value, neither none nor two"
DOCUMENTED = "it belongs where nginx's documentation has it"
VOLATILE = "a parameter of newer versions"
ANY_ORDER = "the narrowest range counts in any order, and there are ranges of IPv6"
WHOLE = "a range may have all addresses"
ALONE = "none and blocked may stand alone"
TWICE = "a name that server_names brings in once more does no harm"

# (test, what was asked): why not as nginx
DIFFERENCES = {
    ("referer", "/all", "http://example."): NO_LABEL,
    ("referer", "/blocked ", "http://"): SHORT,
    ("referer", "/blocked ", "http://x.y"): SHORT,
    ("refused", test_map_errors.in_map("hostnames; «.» 1;")): ODD_NAME,
    ("refused", test_map_errors.in_map("hostnames; «.*» 1;")): ODD_NAME,
    ("refused", test_map_errors.in_map("hostnames; «.a.*» 1;")): ODD_NAME,
    ("refused", "map $uri «$a-b» { }"): "a name that a text cannot have",
    ("refused", "geo «$args» { }"): SERVERS_OWN,
    ("refused", test_map_errors.in_split("«5%»;")): EACH_PAIR,
    ("refused", test_map_errors.in_split("5% «a» b;")): EACH_PAIR,
    ("refused", test_map_errors.in_server("«secure_link_secret» a;")): DOCUMENTED,
    ("taken", test_map_errors.in_geo("proxy 1.2.3.4; proxy_recursive; ranges; volatile;")): VOLATILE,
    ("taken", test_map_errors.in_geo("ranges; 1.0.0.5-1.0.0.6 a; 1.0.0.0-1.0.0.9 b; ::1-::9 c;")): ANY_ORDER,
    ("taken", test_map_errors.in_geo("ranges; 0.0.0.0-255.255.255.255 a;")): WHOLE,
    ("taken", test_map_errors.in_server("server_name a.com; valid_referers server_names a.com;")): TWICE,
    ("taken", test_map_errors.in_server("valid_referers none; valid_referers blocked;")): ALONE,
}


@pytest.fixture(scope="module")
def nginx_of():
    """nginx_of(http=…, server=…): one that serves this conf text; kept for the whole file."""
    running = {}

    with contextlib.ExitStack() as stack:
        def begin(**kwargs):
            key = repr(kwargs)
            if key not in running:
                running[key] = stack.enter_context(serving(kind=Nginx, **kwargs))
            return running[key]

        yield begin


def ask_all(server, targets):
    """Texts of the answers to exact heads, on one connection."""
    found = []
    with server.connect() as client:
        for target, fields in targets:
            head = "".join(f"{field}\r\n" for field in fields)
            found.append(client.ask(f"GET {target} HTTP/1.1\r\nHost: localhost\r\n{head}\r\n".encode("latin-1")).text)
    return found


def test_map_beside_nginx(nginx_of):
    http = test_map.HTTP.replace('"include" word; ', "")
    nginx = nginx_of(http=http, server=test_map.SERVER, files=test_map.FILES)
    texts = ask_all(nginx, [(f"/?k={key}", []) for key in test_map.PLAIN])
    assert {key: text.split("|")[0] for key, text in zip(test_map.PLAIN, texts)} == test_map.PLAIN
    texts = ask_all(nginx, [("/", [f"X-Name: {name}"]) for name in test_map.HOSTS])
    assert {name: text.split("|")[1] for name, text in zip(test_map.HOSTS, texts)} == test_map.HOSTS
    texts = ask_all(nginx, [(f"/?{query}", []) for query in test_map.SEVERAL])
    assert {query: text.split("|")[2] for query, text in zip(test_map.SEVERAL, texts)} == test_map.SEVERAL
    texts = ask_all(nginx, [(f"/?k={key}", []) for key in test_map.CHAINS])
    assert {key: text.split("|")[3] for key, text in zip(test_map.CHAINS, texts)} == test_map.CHAINS
    texts = ask_all(nginx, [(f"/included?k={key}", []) for key in test_map.INCLUDED])
    assert dict(zip(test_map.INCLUDED, texts)) == test_map.INCLUDED
    assert ask_all(nginx, [("/?k=abc", []), ("/captures?k=rexy", []), ("/captures?k=abc", [])]) == [
        "exact|nothing|none|both|yes|yes||<some>|second", "x:y:x x y x", "exact   "]


def test_geo_beside_nginx(nginx_of):
    nginx = nginx_of(http=test_geo.HTTP, server=test_geo.SERVER, files=test_geo.FILES)
    texts = ask_all(nginx, [(f"/?a={address}", []) for address in test_geo.ADDRESSES])
    assert {address: tuple(text.split("|")[:2]) for address, text in zip(test_geo.ADDRESSES, texts)} == test_geo.ADDRESSES
    texts = ask_all(nginx, [(f"/?a={text}", []) for text in test_geo.NO_ADDRESSES])
    assert {text: got for text, got in zip(test_geo.NO_ADDRESSES, texts) if got != "bad|D|bad|bad"} == {}
    cases = [(address, [f"X-Forwarded-For: {field}" for field in fields]) for address, fields, _ in test_geo.FORWARDED]
    texts = ask_all(nginx, [(f"/?a={address}", fields) for address, fields in cases])
    assert [tuple(text.split("|")[2:]) for text in texts] == [expected for _, _, expected in test_geo.FORWARDED]
    assert ask_all(nginx, [("/me", [])]) == ["loop|loop|[]|[]|second"]


def test_split_clients_beside_nginx(nginx_of):
    nginx = nginx_of(http=test_split_clients.HTTP, server=test_split_clients.SERVER)
    keys = [*test_split_clients.KEYS, "", "a", "ab", "abc", "abcd", "abcde", "x" * 900]
    assert ask_all(nginx, [(f"/?k={key}", []) for key in keys]) == [test_split_clients.expected(key) for key in keys]
    nginx = nginx_of(http=test_split_clients.EDGE_HTTP, server=test_split_clients.EDGE_SERVER)
    texts = ask_all(nginx, [(f"/?k={key}", []) for _, key in test_split_clients.EDGES])
    assert all(f"{share}=behind" in text.split("|") for (share, _), text in zip(test_split_clients.EDGES, texts))


@pytest.mark.parametrize("place", list(test_referer.CASES))
def test_referer_beside_nginx(nginx_of, place):
    nginx = nginx_of(server=test_referer.SERVER)
    cases = test_referer.CASES[place]
    got = {referer: test_referer.answer(nginx, place, referer) for referer in cases}
    as_weir = {referer: "[]" if valid else "[1]" for referer, valid in cases.items()}
    unlike = {referer for referer in cases if got[referer] != as_weir[referer]}
    assert unlike == {key[2] for key in DIFFERENCES if key[:2] == ("referer", place)}


def test_secure_link_beside_nginx(nginx_of):
    nginx = nginx_of(server=test_secure_link.SERVER)
    names = list(test_secure_link.TARGETS)
    texts = ask_all(nginx, [(test_secure_link.TARGETS[name][0], []) for name in names])
    assert dict(zip(names, texts)) == {name: test_secure_link.TARGETS[name][1] for name in names}


# ---- what is refused


def is_taken(text):
    with serving(kind=Nginx, http=text.replace("«", "").replace("»", ""), start=False, allow=[r"\[emerg\]"]) as nginx:
        nginx.write_conf()
        return nginx.run("-t").returncode == 0


@pytest.mark.parametrize("text", list(test_map_errors.ERRORS))
def test_what_weir_refuses_nginx_does(text):
    assert is_taken(text) == (("refused", text) in DIFFERENCES)


@pytest.mark.parametrize("text", [*test_map_errors.GOOD, *test_map_errors.WARNINGS])
def test_what_weir_takes_nginx_does(text):
    assert is_taken(text) == (("taken", text) not in DIFFERENCES)
