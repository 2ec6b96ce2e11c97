# SPDX-License-Identifier: BSD-2-Clause
"""PUT, MOVE, COPY and DELETE by those who mean harm: names that lead astray, folders within each other, trees too deep, leftovers."""

import os
import stat

import pytest

from harness import request
from test_dav import FILES, do, own, put, site, to, tree   # noqa: F401


# ---- a folder that comes to where it, or what it lies in, is

@pytest.mark.parametrize("source, destination", [("/link/e/x/", "/d/e/"), ("/link/e/x/y/", "/d/e/"), ("/d/e/x/", "/link/e/"),
                                                ("/link/e/", "/d/e/x/"), ("/d/e/", "/link/e/x/new/"), ("/link/e/x/y/", "/d/")])
@pytest.mark.parametrize("method", ["MOVE", "COPY"])
def test_nothing_is_lost_when_a_link_hides_that_one_is_within_the_other(site, method, source, destination):
    server = site(files={"html/d/e/x/y/file": "f", "html/d/e/z": "z"})
    os.symlink("d", server.html / "link")
    before = tree(server.html)
    answer = do(server, method, source, *to(destination))
    after = tree(server.html)
    assert b"f" in [v for v in after.values()]
    if answer.status >= 300:
        assert after == before


# ---- leftovers

@pytest.mark.parametrize("method", ["MOVE", "COPY"])
def test_a_tree_too_deep_is_replaced_as_a_whole_or_stays(site, method):
    server = site("client_header_buffer_size 16k;", files={"html/new/n": "n"})
    (server.html / "deep" / "/".join(f"d{i % 10}" for i in range(140))).mkdir(parents=True)
    own(server.html)
    before = tree(server.html)
    answer = do(server, method, "/new/", *to("/deep/"))
    names = sorted(os.listdir(server.html))
    assert [name for name in names if name.startswith(".")] == []
    assert (answer.status == 204) == ((server.html / "deep" / "n").exists())
    assert answer.status == 204 or tree(server.html) == before


# ---- names

@pytest.fixture
def aliased(site):
    """Everything below /d and /r lies in data, beside which there is something to be had."""
    server = site("location /d { alias {prefix}/data/; } location ~ ^/r(.*)$ { alias {prefix}/data/$1; }")
    for name in ("data", "data/sub"):
        (server.prefix / name).mkdir()
    (server.prefix / "victim").write_text("v")
    (server.prefix / "data" / "in").write_text("i")
    own(server.prefix / "data")
    os.chmod(server.prefix, 0o777)
    return server


@pytest.mark.parametrize("method, target", [
    ("PUT", "/d../evil"), ("DELETE", "/d../victim"), ("DELETE", "/d../"), ("MKCOL", "/d../new/"), ("PUT", "/d/x%00y"), ("PUT", "/d/%2e%2e/%2e%2e/evil"), ("DELETE", "/d/"), ("DELETE", "/d"), ("PUT", "/r../evil"), ("DELETE", "/r../victim"),
    ("DELETE", "/r../"), ("DELETE", "/r/../r../"), ("DELETE", "/r.."), ("DELETE", "/r."), ("DELETE", "/r"), ("DELETE", "/r/")])
@pytest.mark.parametrize("by", ["target", "destination"])
def test_no_path_leads_out_of_an_alias(aliased, method, target, by):
    before = tree(aliased.prefix / "data")
    if by == "target":
        answer = do(aliased, method, target, body=b"e" if method == "PUT" else None)
    else:
        end = "/" if target.endswith("/") else ""
        answer = do(aliased, "COPY", (target[:2] + "/in") if not end else target[:2] + "/sub/", *to(target))
    assert answer.status >= 400
    assert (aliased.prefix / "victim").read_text() == "v"
    assert not (aliased.prefix / "evil").exists() and not (aliased.prefix / "new").exists()
    assert tree(aliased.prefix / "data") == before


@pytest.mark.parametrize("conf, target", [("merge_slashes off;", "//"), ("merge_slashes off;", "///"), ("location /d { alias {prefix}/html; }", "/d/"),
                                          ("location /d { alias {prefix}/html/; }", "/d/"), ("location /d/ { alias {prefix}/html/; }", "/d/"),
                                          ("location ~ ^/d/(.*) { alias {prefix}/html/$1; }", "/d/"), ("location ~ ^/d { alias {prefix}/html/; }", "/d/")])
@pytest.mark.parametrize("method", ["DELETE", "MOVE"])
def test_root_stays_however_it_is_called(site, conf, target, method):
    server = site(conf, files=FILES)
    os.chmod(server.prefix, 0o777)
    before = tree(server.html)
    assert do(server, method, target, *to(target[:-1] + "2/")).status == 403
    assert tree(server.html) == before


@pytest.mark.parametrize("target", ["/.weir-new", "/.weir-new/f", "/d/.weir-new/e/f", "/.weir-there/f"])
def test_names_of_what_is_on_its_way_are_nobodys(site, target):
    server = site("create_full_put_path on; serve_hidden on;", files={**FILES, "html/.weir-there/x": "x"})
    before = tree(server.html)
    assert put(server, target, b"f") == 403
    assert do(server, "COPY", "/a", *to(target)).status == 403
    assert do(server, "DELETE", "/.weir-there/x").status == 403
    assert tree(server.html) == before


# ---- rights

@pytest.mark.skipif(os.geteuid() != 0, reason="root alone makes what others may not change")
def test_folder_without_rights_is_403_before_the_body_comes(site):
    """Wherever the body would have come to: in a folder of the target's own file system, too."""
    server = site("client_body_temp_path /dev/shm;", files=FILES)
    os.chown(server.html / "full", 0, 0)
    os.chmod(server.html / "full", 0o755)
    with server.connect() as client:
        assert client.ask(request("/full/new", "Content-Length: 5", "Expect: 100-continue", method="PUT")).status == 403
    assert put(server, "/full/new", b"x") == 403
    assert put(server, "/full/z", b"x") == 403
    assert os.listdir(server.html / "full") == ["z"]


def test_folders_hand_their_group_on(site):
    server = site("create_full_put_path on; dav_access user:rw group:rw;", files=FILES)
    os.chmod(server.html / "d", 0o2775)
    assert do(server, "MKCOL", "/d/new/").status == 201
    assert put(server, "/d/p/q/f", b"f") == 201
    assert do(server, "COPY", "/full/", *to("/d/copy/")).status == 201
    modes = [stat.S_IMODE((server.html / "d" / name).stat().st_mode) for name in ("new", "p", "p/q", "copy")]
    assert modes == [0o2770, 0o2770, 0o2770, 0o2000 | stat.S_IMODE((server.html / "full").stat().st_mode)]
