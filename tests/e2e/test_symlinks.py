# SPDX-License-Identifier: BSD-2-Clause
"""disable_symlinks in all its forms, beside nginx where there is one; and links that are exchanged while they are looked at."""

import os
import threading
import time

import pytest

from harness import request
from harness.nginx import NGINX, Nginx

OWNER, OTHER = 12001, 12002

PLACES = {
    "off": "disable_symlinks off;",
    "on": "disable_symlinks on;",
    "owner": "disable_symlinks if_not_owner;",
    "from-root": "disable_symlinks on from=$document_root;",
    "from-slash": "disable_symlinks on from={prefix}/html/;",
    "from-inner": "disable_symlinks on from={prefix}/html/trusted;",
    "owner-from": "disable_symlinks if_not_owner from={prefix}/html/trusted;",
    "from-elsewhere": "disable_symlinks on from=/usr;",
    "from-part-of-a-name": "disable_symlinks on from={prefix}/html/trus;",
    "from-file": "disable_symlinks on from={prefix}/html/plain;",
    "cached": "disable_symlinks on; open_file_cache max=10;",
    "cached-owner": "disable_symlinks if_not_owner; open_file_cache max=10; open_file_cache_errors on;",
}
SERVER = "keepalive_requests 1000000; root {prefix}/html;\n" + "".join(
    f"location /{name}/ {{ {lines} alias {{prefix}}/html/; }}\n" for name, lines in PLACES.items())
TARGETS = ["plain", "own-link", "foreign-link", "real/x", "own-folder/x", "foreign-folder/x", "trusted/x", "trusted/own-link",
           "trusted/foreign-link", "trusted/foreign-folder/x", "chain", "foreign-chain", "broken", "loop", "missing", "plain/x", "real",
           "own-folder", "foreign-folder", "own-link/x", "missing/x", "outside/hosts", "real/", "foreign-folder/", "to-dots/x"]


def build(html):
    """Files of two owners, and links of the first to both."""
    def write(name, owner=OWNER):
        path = html / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(name.encode() + b"\n")
        path.chmod(0o644)
        path.parent.chmod(0o755)
        os.chown(path, owner, owner)
        if path.parent != html:
            os.chown(path.parent, owner, owner)

    def link(name, target, owner=OWNER):
        os.symlink(target, html / name)
        os.chown(html / name, owner, owner, follow_symlinks=False)

    for name in ("plain", "real/x", "trusted/x"):
        write(name)
    for name in ("foreign", "other/x"):
        write(name, OTHER)
    for folder in ("", "trusted/"):
        up = "../" if folder else ""
        link(f"{folder}own-link", f"{up}plain")
        link(f"{folder}foreign-link", f"{up}foreign")
        link(f"{folder}foreign-folder", f"{up}other")
    link("own-folder", "real")
    link("chain", "own-link")
    link("foreign-chain", "foreign-link")
    link("broken", "nowhere")
    link("loop", "loop")
    link("outside", "/etc")
    link("to-dots", "real/../other")


@pytest.fixture
def server(weir):
    if os.geteuid() != 0:
        pytest.skip("needs files of several owners")
    server = weir(server=SERVER, main="sandbox_allow_read /etc;", error_level="crit", start=False)
    build(server.html)
    return server.start()


EXPECTED = {
    "on": {"plain": 200, "own-link": 403, "foreign-link": 403, "real/x": 200, "own-folder/x": 403, "plain/x": 404, "missing": 404,
           "broken": 403, "loop": 403, "trusted/own-link": 403, "outside/hosts": 403, "real": 301, "own-folder": 403},
    "owner": {"plain": 200, "own-link": 200, "foreign-link": 403, "own-folder/x": 200, "foreign-folder/x": 403, "chain": 200,
              "foreign-chain": 403, "plain/x": 404, "broken": 404, "outside/hosts": 403, "own-folder": 301, "foreign-folder": 403,
              "to-dots/x": 403},
    "from-inner": {"plain": 403, "trusted/x": 200, "trusted/own-link": 403, "own-link": 403},
    "off": {"foreign-link": 200, "foreign-folder/x": 200, "broken": 404, "outside/hosts": 200},
}
EXPECTED["cached"] = EXPECTED["from-root"] = EXPECTED["from-slash"] = EXPECTED["on"]
EXPECTED["cached-owner"] = EXPECTED["owner"]
del EXPECTED["from-inner"]["plain"], EXPECTED["from-inner"]["own-link"]


@pytest.mark.parametrize("place", list(EXPECTED))
def test_what_is_followed(server, place):
    with server.connect() as client:
        for _ in range(3):
            for target, status in EXPECTED[place].items():
                assert (target, client.ask(request(f"/{place}/{target}")).status) == (target, status)


# A link on the way is refused like one at the end, where nginx says 404 to the first and 403 to the second.
ON_THE_WAY = ["foreign-folder/", "foreign-folder/x", "outside/hosts", "own-folder/x", "own-link/x", "to-dots/x", "trusted/foreign-folder/x"]
DIFFERENCES = {f"{place}/{target}": (403, 404) for place, lines in PLACES.items() if "disable_symlinks on" in lines for target in ON_THE_WAY}


@pytest.mark.skipif(NGINX is None, reason="there is no nginx")
def test_beside_nginx(server):
    peer = Nginx(server=SERVER)
    try:
        build(peer.html)
        peer.start()
        differences = {}
        for place in PLACES:
            for target in TARGETS:
                ours, theirs = (s.get(f"/{place}/{target}") for s in (server, peer))
                if (ours.status, ours.body if ours.status == 200 else b"") != (theirs.status, theirs.body if theirs.status == 200 else b""):
                    differences[f"{place}/{target}"] = (ours.status, theirs.status)
        assert differences == DIFFERENCES
    finally:
        peer.finish()


@pytest.mark.parametrize("place", ["on", "owner"])
@pytest.mark.parametrize("secret", ["foreign", "foreign-folder/x"])
def test_a_link_that_is_exchanged_while_it_is_looked_at_leads_nowhere_else(server, place, secret):
    """The name is a file of its owner's and a link to somebody else's, in turn."""
    html = server.html
    (html / "mine").mkdir()
    (html / "mine/x").write_bytes(b"mine\n")
    for path in (html / "mine", html / "mine/x"):
        os.chown(path, OWNER, OWNER)
    stop = threading.Event()
    folder = "/" in secret

    def exchange():
        turn = 0
        while not stop.is_set():
            new, turn = html / "new", turn + 1
            if turn % 2:
                os.symlink("other" if folder else "foreign", new)
                os.chown(new, OWNER, OWNER, follow_symlinks=False)
            elif folder:
                os.symlink("mine", new)
                os.chown(new, OWNER, OWNER, follow_symlinks=False)
            else:
                os.link(html / "mine/x", new)
            os.rename(new, html / "turns")

    thread = threading.Thread(target=exchange)
    thread.start()
    try:
        seen = set()
        until = time.monotonic() + 0.7
        with server.connect() as client:
            while time.monotonic() < until:
                client.send(request(f"/{place}/turns{'/x' if folder else ''}") * 50)
                for _ in range(50):
                    answer = client.read()
                    seen.add(answer.body if answer.status == 200 else answer.status)
    finally:
        stop.set()
        thread.join()
    assert seen <= {b"mine\n", 403, 404} and 403 in seen
