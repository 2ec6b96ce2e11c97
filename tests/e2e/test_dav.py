# SPDX-License-Identifier: BSD-2-Clause
"""PUT, DELETE, MKCOL, COPY and MOVE: what they do to the files, what they refuse, and that nobody sees half of anything."""

import os
import re
import signal
import stat
import subprocess
import threading

import pytest

from harness import check_conf, now, request, run_weir, wait_until
from harness.disk import small_disk

USER = 65534 if os.geteuid() == 0 else None
ALL = "dav_methods PUT DELETE MKCOL COPY MOVE;"


@pytest.fixture
def site(weir):
    def begin(server="", http="", files=None, methods=ALL, **kwargs):
        it = weir(http="client_max_body_size 10m; " + http, server=f"{methods} {server}", files=files or {}, user=USER, start=False, **kwargs)
        own(it.html)
        return it.start()
    return begin


def own(folder):
    if USER is not None:
        for path, folders, files in os.walk(folder):
            for name in [".", *folders, *files]:
                os.lchown(os.path.join(path, name), USER, USER)


def do(server, method, target, *fields, body=None):
    if body is not None:
        fields = (f"Content-Length: {len(body)}", *fields)
    return server.ask(request(target, *fields, method=method, body=body or b""))


def put(server, target, body, *fields):
    return do(server, "PUT", target, *fields, body=body).status


def to(target, *fields):
    return (f"Destination: http://localhost{target}", *fields)


def tree(folder):
    """Path -> content, None for a folder, the target for a link."""
    found = {}
    for path, folders, files in os.walk(folder):
        for name in folders + files:
            full = os.path.join(path, name)
            key = os.path.relpath(full, folder)
            if os.path.islink(full):
                found[key] = "-> " + os.readlink(full)
            else:
                found[key] = open(full, "rb").read() if os.path.isfile(full) else None
    return found


FILES = {"html/a": "a", "html/d/x": "x", "html/d/e/y": "y", "html/full/z": "z"}

# ---- statuses

# method, target, fields, body: status, what is different afterwards
CASES = [
    ("PUT", "/new", (), b"n", 201, {"new": b"n"}),
    ("PUT", "/a", (), b"b", 204, {"a": b"b"}),
    ("PUT", "/a", (), b"", 204, {"a": b""}),
    ("PUT", "/sp%20ace%C3%A4", (), b"n", 201, {"sp ace\u00e4": b"n"}),
    ("PUT", "/d", (), b"n", 409, {}),
    ("PUT", "/d/", (), b"n", 409, {}),
    ("PUT", "/", (), b"n", 409, {}),
    ("PUT", "/none/new", (), b"n", 409, {}),
    ("PUT", "/a/new", (), b"n", 409, {}),
    ("PUT", "/new", ("Content-Range: bytes 0-0/2",), b"n", 400, {}),
    ("PUT", "/.weir-new", (), b"n", 403, {}),
    ("PUT", "/" + "n" * 255, (), b"n", 201, {"n" * 255: b"n"}),
    ("PUT", "/" + "n" * 256, (), b"n", 414, {}),
    ("PUT", "/d/../new", (), b"n", 201, {"new": b"n"}),
    ("PUT", "/../new", (), b"n", 400, {}),
    ("PUT", "/%2e%2e/new", (), b"n", 400, {}),
    ("PUT", "/a", ('If-Match: "x"',), b"n", 412, {}),
    ("PUT", "/new", ("If-Match: *",), b"n", 412, {}),
    ("PUT", "/a", ("If-Match: *",), b"n", 204, {"a": b"n"}),
    ("PUT", "/a", ("If-None-Match: *",), b"n", 412, {}),
    ("PUT", "/new", ("If-None-Match: *",), b"n", 201, {"new": b"n"}),
    ("PUT", "/a", ("If-Unmodified-Since: Sun, 06 Nov 1994 08:49:37 GMT",), b"n", 412, {}),
    ("PUT", "/a", ("If-Unmodified-Since: Sun, 06 Nov 2094 08:49:37 GMT",), b"n", 204, {"a": b"n"}),
    ("PUT", "/new", ("If-Unmodified-Since: Sun, 06 Nov 1994 08:49:37 GMT",), b"n", 201, {"new": b"n"}),
    ("DELETE", "/a", (), None, 204, {"a": KeyError}),
    ("DELETE", "/none", (), None, 404, {}),
    ("DELETE", "/none/none", (), None, 404, {}),
    ("DELETE", "/a/b", (), None, 404, {}),
    ("DELETE", "/a/", (), None, 409, {}),
    ("DELETE", "/d", (), None, 409, {}),
    ("DELETE", "/d/", (), None, 204, {"d": KeyError, "d/x": KeyError, "d/e": KeyError, "d/e/y": KeyError}),
    ("DELETE", "/d/", ("Depth: infinity",), None, 204, {"d": KeyError, "d/x": KeyError, "d/e": KeyError, "d/e/y": KeyError}),
    ("DELETE", "/d/", ("Depth: 0",), None, 400, {}),
    ("DELETE", "/d/", ("Depth: 1",), None, 400, {}),
    ("DELETE", "/a", ("Depth: 0",), None, 204, {"a": KeyError}),
    ("DELETE", "/a", ("Depth: 1",), None, 400, {}),
    ("DELETE", "/a", ("Depth: x",), None, 400, {}),
    ("DELETE", "/a", (), b"n", 415, {}),
    ("DELETE", "/", (), None, 403, {}),
    ("DELETE", "/a", ('If-Match: "x"',), None, 412, {}),
    ("DELETE", "/a", ("If-Unmodified-Since: Sun, 06 Nov 1994 08:49:37 GMT",), None, 412, {}),
    ("DELETE", "/none", ('If-Match: "x"',), None, 404, {}),
    ("DELETE", "/d/../../a", (), None, 400, {}),
    ("MKCOL", "/new/", (), None, 201, {"new": None}),
    ("MKCOL", "/new", (), None, 409, {}),
    ("MKCOL", "/d/", (), None, 405, {}),
    ("MKCOL", "/a/", (), None, 405, {}),
    ("MKCOL", "/", (), None, 405, {}),
    ("MKCOL", "/none/new/", (), None, 409, {}),
    ("MKCOL", "/new/", (), b"n", 415, {}),
    ("MKCOL", "/new/", ("Transfer-Encoding: chunked",), "0\r\n\r\n", 415, {}),
    ("COPY", "/a", to("/new"), None, 201, {"new": b"a"}),
    ("COPY", "/a", to("/d/x"), None, 204, {"d/x": b"a"}),
    ("COPY", "/a", ("Destination: /new",), None, 201, {"new": b"a"}),
    ("COPY", "/a", ("Destination: http://LOCALHOST:1234/new?x=1",), None, 201, {"new": b"a"}),
    ("COPY", "/a", to("/sp%20ace"), None, 201, {"sp ace": b"a"}),
    ("COPY", "/a", to("/d/e/../new"), None, 201, {"d/new": b"a"}),
    ("COPY", "/a", (), None, 400, {}),
    ("COPY", "/a", ("Destination: http://other/new",), None, 400, {}),
    ("COPY", "/a", ("Destination: new",), None, 400, {}),
    ("COPY", "/a", ("Destination: *",), None, 400, {}),
    ("COPY", "/a", ("Destination: ",), None, 400, {}),
    ("COPY", "/a", ("Destination: /n ew",), None, 400, {}),
    ("COPY", "/a", ("Destination: /n%0new",), None, 400, {}),
    ("COPY", "/a", ("Destination: /n%00ew",), None, 400, {}),
    ("COPY", "/a", to("/../new"), None, 400, {}),
    ("COPY", "/a", to("/%2e%2e/new"), None, 400, {}),
    ("COPY", "/a", to("/.weir-x"), None, 403, {}),
    ("COPY", "/a", to("/a"), None, 403, {}),
    ("COPY", "/a", to("/d/../a"), None, 403, {}),
    ("COPY", "/a", to("/d"), None, 409, {}),
    ("COPY", "/a", to("/d/"), None, 409, {}),
    ("COPY", "/a", to("/none/new"), None, 409, {}),
    ("COPY", "/none", to("/new"), None, 404, {}),
    ("COPY", "/a", to("/d/x", "Overwrite: F"), None, 412, {}),
    ("COPY", "/a", to("/d/x", "Overwrite: T"), None, 204, {"d/x": b"a"}),
    ("COPY", "/a", to("/new", "Overwrite: F"), None, 201, {"new": b"a"}),
    ("COPY", "/a", to("/new", "Overwrite: x"), None, 400, {}),
    ("COPY", "/a", to("/new", "Depth: 1"), None, 400, {}),
    ("COPY", "/a", to("/new", "Depth: 0"), None, 201, {"new": b"a"}),
    ("COPY", "/a", to("/new"), b"n", 415, {}),
    ("COPY", "/a", to("/new", 'If-Match: "x"'), None, 412, {}),
    ("COPY", "/d/", to("/new/"), None, 201, {"new": None, "new/x": b"x", "new/e": None, "new/e/y": b"y"}),
    ("COPY", "/d/", to("/new"), None, 409, {}),
    ("COPY", "/d", to("/new"), None, 400, {}),
    ("COPY", "/d/", to("/new/", "Depth: 0"), None, 201, {"new": None}),
    ("COPY", "/d/", to("/new/", "Depth: 1"), None, 400, {}),
    ("COPY", "/d/", to("/full/"), None, 204, {"full/z": KeyError, "full/x": b"x", "full/e": None, "full/e/y": b"y"}),
    ("COPY", "/d/", to("/full/", "Overwrite: F"), None, 412, {}),
    ("COPY", "/d/", to("/a/"), None, 409, {}),
    ("COPY", "/d/", to("/d/new/"), None, 403, {}),
    ("COPY", "/d/e/", to("/d/"), None, 403, {}),
    ("COPY", "/d/", to("/"), None, 403, {}),
    ("COPY", "/", to("/new/"), None, 403, {}),
    ("MOVE", "/a", to("/new"), None, 201, {"a": KeyError, "new": b"a"}),
    ("MOVE", "/a", to("/d/x"), None, 204, {"a": KeyError, "d/x": b"a"}),
    ("MOVE", "/a", to("/d/x", "Overwrite: F"), None, 412, {}),
    ("MOVE", "/a", to("/new", "Overwrite: F"), None, 201, {"a": KeyError, "new": b"a"}),
    ("MOVE", "/a", to("/a"), None, 403, {}),
    ("MOVE", "/a", to("/new", "Depth: 0"), None, 400, {}),
    ("MOVE", "/a", to("/none/new"), None, 409, {}),
    ("MOVE", "/none", to("/new"), None, 404, {}),
    ("MOVE", "/d/e/", to("/new/"), None, 201, {"d/e": KeyError, "d/e/y": KeyError, "new": None, "new/y": b"y"}),
    ("MOVE", "/d/e/", to("/full/"), None, 204, {"d/e": KeyError, "d/e/y": KeyError, "full/z": KeyError, "full/y": b"y"}),
    ("MOVE", "/d/e/", to("/full/", "Overwrite: F"), None, 412, {}),
    ("MOVE", "/d/", to("/d/new/"), None, 403, {}),
    ("MOVE", "/", to("/new/"), None, 403, {}),
    ("MOVE", "/d/", to("/new/", "Depth: 0"), None, 400, {}),
]


def test_each_method_has_its_status_and_does_what_it_says(site):
    server = site(files=FILES)
    before = tree(server.html)
    for method, target, fields, body, status, changed in CASES:
        case = (method, target, fields)
        if isinstance(body, str):
            answer = server.ask(request(target, *fields, method=method, body=body.encode()))
        else:
            answer = do(server, method, target, *fields, body=body)
        assert answer.status == status, case
        after = {**before, **changed}
        assert tree(server.html) == {name: what for name, what in after.items() if what is not KeyError}, case
        if tree(server.html) != before:
            subprocess.run(["find", server.html, "-mindepth", "1", "-delete"], check=True)
            for name, content in FILES.items():
                server.write(name, content)
            own(server.html)


def test_answers_say_where_and_what_is_allowed(site):
    server = site(files=FILES, methods="dav_methods PUT MKCOL;")
    base = f"http://localhost:{server.port()}"
    answer = do(server, "PUT", "/n%20w", body=b"x")
    assert (answer.get("Location"), answer.get("Content-Length"), answer.body) == (f"{base}/n%20w", "0", b"")
    assert do(server, "MKCOL", "/m/").get("Location") == f"{base}/m/"
    answer = do(server, "PUT", "/a", body=b"x")
    assert (answer.status, answer.get("Location"), answer.get("Content-Length")) == (204, None, None)
    for method in ("DELETE", "COPY", "POST", "OPTIONS", "PROPFIND", "LOCK"):
        answer = do(server, method, "/a", *to("/b"))
        assert (answer.status, answer.get("Allow")) == (405, "GET, HEAD, PUT, MKCOL"), method


def test_methods_are_those_of_the_place(site):
    server = site("location /off/ { dav_methods off; } location /put/ { dav_methods PUT; } location /guard/ { limit_except GET { deny all; } }",
                  files={"html/off/a": "a", "html/put/a": "a", "html/guard/a": "a"})
    assert put(server, "/off/a", b"x") == 405
    assert put(server, "/put/a", b"x") == 204
    assert do(server, "DELETE", "/put/a").status == 405
    assert put(server, "/guard/a", b"x") == 403
    assert server.get("/guard/a").body == b"a"


def test_a_destination_elsewhere_is_not_asked_who_may(site):
    server = site("location /secret/ { deny all; } location = /one { } location ~ \\.php$ { }",
                  files={"html/a": "a", "html/secret/s": "s", "html/one": "1"})
    for target in ("/secret/a", "/one", "/x.php", "/secret/s"):
        for method in ("COPY", "MOVE"):
            assert do(server, method, "/a", *to(target)).status == 403
    assert tree(server.html) == {"a": b"a", "secret": None, "secret/s": b"s", "one": b"1"}
    assert "served by another location" in server.log_text()


def test_alias_is_a_root_of_its_own(site):
    server = site("location /up/ { alias {prefix}/html/d/; } location ~ ^/u/(\\w+)/(\\w+)$ { alias {prefix}/html/$1/$2; }", files=FILES)
    assert put(server, "/up/n", b"n") == 201
    assert do(server, "COPY", "/up/n", *to("/up/e/n")).status == 201
    assert do(server, "COPY", "/u/d/n", *to("/u/full/m")).status == 201
    assert do(server, "DELETE", "/up/").status == 403
    assert tree(server.html) == {"a": b"a", "d": None, "d/x": b"x", "d/n": b"n", "d/e": None, "d/e/y": b"y", "d/e/n": b"n",
                                 "full": None, "full/z": b"z", "full/m": b"n"}


# ---- settings

MODES = [("", 0o600, 0o700), ("dav_access user:rw group:r;", 0o640, 0o750), ("dav_access group:rw all:r;", 0o664, 0o775),
         ("dav_access group:r all:rw;", 0o646, 0o757), ("dav_access user:r;", 0o400, 0o500)]


@pytest.mark.parametrize("rule, file_mode, folder_mode", MODES)
def test_dav_access_says_who_may_what(site, rule, file_mode, folder_mode):
    server = site(rule + " location /full/ { create_full_put_path on; }", files=FILES)
    assert put(server, "/f", b"x") == 201
    assert do(server, "MKCOL", "/m/").status == 201
    if file_mode != 0o400:
        assert put(server, "/full/o/p/q", b"x") == 201
    for name in ("f", "m", "full/o", "full/o/p", "full/o/p/q"):
        if (server.html / name).exists():
            mode = (server.html / name).stat().st_mode
            assert stat.S_IMODE(mode) == (folder_mode if stat.S_ISDIR(mode) else file_mode), name


def test_create_full_put_path_makes_what_is_missing(site):
    server = site("create_full_put_path on;", files=FILES)
    assert put(server, "/n/e/w/f", b"x") == 201
    assert put(server, "/n/e/w/g", b"y") == 201
    assert put(server, "/a/b/c", b"y") == 409
    assert tree(server.html / "n") == {"e": None, "e/w": None, "e/w/f": b"x", "e/w/g": b"y"}


@pytest.mark.parametrize("depth, target, status", [(0, "/a", 204), (1, "/a", 204), (2, "/a", 409), (2, "/d/x", 204), (2, "/d/", 409),
                                                   (3, "/d/e/", 409), (3, "/d/e/y", 204), (3, "//d//e//y", 204), (4, "/d/e/y", 409)])
def test_min_delete_depth_counts_elements(site, depth, target, status):
    server = site(f"min_delete_depth {depth};", files=FILES)
    assert do(server, "DELETE", target).status == status


def test_date_is_the_files_time(site):
    server = site()
    assert put(server, "/a", b"x", "Date: Sun, 06 Nov 1994 08:49:37 GMT") == 201
    assert server.get("/a").get("Last-Modified") == "Sun, 06 Nov 1994 08:49:37 GMT"
    begin = int((server.html / "a").stat().st_ctime)
    assert put(server, "/a", b"x", "Date: yesterday") == 204
    assert (server.html / "a").stat().st_mtime >= begin


@pytest.mark.parametrize("text, hint", [("dav_methods GET", "some of PUT"), ("dav_methods off PUT", "some of PUT"), ("dav_methods put", "some of PUT"),
                                        ("dav_access user:w", "user:rw"), ("dav_access other:r", "user:rw"), ("dav_access rw", "user:rw"),
                                        ("client_body_temp_path x 4", "digits"), ("client_body_temp_path x 0", "digits")])
def test_mistakes_are_told_of(folder, text, hint):
    done, _ = check_conf(folder, f"events {{ }} http {{ {text}; }}")
    assert done.returncode == 1 and hint in done.stderr


# ---- what is there at once

def test_entity_tag_guards_against_lost_updates(site):
    server = site(files=FILES)
    etag = server.get("/a").get("ETag")
    assert put(server, "/a", b"first", f"If-Match: {etag}") == 204
    assert put(server, "/a", b"second", f"If-Match: {etag}") == 412
    assert server.get("/a").body == b"first"


@pytest.mark.parametrize("cache", ["", "open_file_cache max=100; open_file_cache_valid 1h; open_file_cache_errors on;"])
def test_change_shows_at_once_in_the_same_worker(site, cache):
    server = site(cache, files=FILES)
    for body in (b"one", b"other", b"three"):
        assert put(server, "/a", body) == 204
        for _ in range(5):
            assert server.get("/a").body == body
    assert server.get("/new").status == 404
    assert put(server, "/new", b"new") == 201
    assert server.get("/new").body == b"new"
    assert server.get("/d/e/y").body == b"y"
    assert do(server, "MOVE", "/d/", *to("/m/")).status == 201
    assert server.get("/d/e/y").status == 404
    assert server.get("/m/e/y").body == b"y"
    assert do(server, "DELETE", "/m/").status == 204
    assert server.get("/m/e/y").status == 404
    assert do(server, "DELETE", "/a").status == 204
    assert server.get("/a").status == 404


def whole(body):
    """Whether a body is one version: a letter, repeated."""
    return len(set(body)) == 1


def read_while_others_write(server):
    sizes = [1, 10_000, 50_000, 300_000]
    problems, done, ends = [], [], now() + 3

    def write(letter, size):
        with server.connect() as client:
            while now() < ends:
                status = client.ask(request("/a", f"Content-Length: {size}", method="PUT", body=letter * size)).status
                if status != 204:
                    problems.append(status)
        done.append("writer")

    def read():
        with server.connect() as client:
            while now() < ends:
                answer = client.ask(request("/a"))
                if answer.status != 200 or not whole(answer.body) or len(answer.body) not in sizes:
                    problems.append((answer.status, len(answer.body)))
        done.append("reader")

    threads = [threading.Thread(target=write, args=(bytes([65 + i]), sizes[i])) for i in range(4)]
    threads += [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == [] and len(done) == 8
    assert os.listdir(server.html) == ["a"]
    server.stop()


MANY = "keepalive_requests 1000000;"


def test_who_reads_while_others_write_gets_one_version_whole(site):
    """Many write the same name, with bodies of their own; each who reads gets all of one of them."""
    read_while_others_write(site(MANY, workers=2, files={"html/a": "0" * 50_000}))


def test_the_same_from_another_file_system(site):
    with small_disk("8m") as place:
        read_while_others_write(site(f"client_body_temp_path {place};" + MANY, workers=2, files={"html/a": "0" * 50_000}))


def test_folder_that_the_body_cannot_come_to_is_refused_as_such(site):
    """The body cannot be gathered where it is to come to: that is no failure of the server."""
    with small_disk("8m") as place:
        server = site(f"client_body_temp_path {place}; create_full_put_path on;", files={"html/d/x": "x"})
        (server.html / "d").chmod(0o555)
        assert put(server, "/d/new/y", b"y") == 403
        (server.html / "d").chmod(0o755)
        assert put(server, "/d/new/y", b"y") == 201


def test_folder_that_goes_while_a_body_begins_to_come(site):
    """Removed by others between two looks at it: it is a conflict, or it is made anew."""
    with small_disk("8m") as place:
        server = site("location /a/ { } location /b/ { create_full_put_path on; }", http=f"keepalive_requests 1000000; client_body_temp_path {place};", workers=2)
        until, seen = now() + 1.5, {"a": set(), "b": set()}

        def change(name):
            with server.connect() as client:
                while now() < until:
                    client.ask(request(f"/{name}/", method="MKCOL"))
                    client.ask(request(f"/{name}/", method="DELETE"))

        def upload(name):
            with server.connect() as client:
                while now() < until:
                    seen[name].add(client.ask(request(f"/{name}/x", "Content-Length: 1", method="PUT", body=b"x")).status)
        threads = [threading.Thread(target=act, args=[name]) for name in "ab" for act in (change, upload, upload)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert seen["a"] <= {201, 204, 409} and seen["b"] <= {201, 204, 409}


def test_only_one_of_many_creates(site):
    server = site(workers=2)
    for _ in range(20):
        clients = [server.connect() for _ in range(8)]
        for index, client in enumerate(clients):
            client.send(request("/new", "If-None-Match: *", "Content-Length: 1", method="PUT", body=b"%d" % index))
        answers = [client.read().status for client in clients]
        assert sorted(answers) == [201] + [412] * 7
        assert (server.html / "new").read_bytes() == b"%d" % answers.index(201)
        assert do(server, "DELETE", "/new").status == 204
        for client in clients:
            client.close()


def test_only_one_of_many_updates(site):
    server = site(workers=2, files=FILES)
    for turn in range(10):
        etag = server.get("/a").get("ETag")
        clients = [server.connect() for _ in range(8)]
        for client in clients:
            body = b"x" * (turn + 2)
            client.send(request("/a", f"If-Match: {etag}", f"Content-Length: {len(body)}", method="PUT", body=body))
        assert sorted(client.read().status for client in clients) == [204] + [412] * 7
        for client in clients:
            client.close()


# ---- trees

def test_links_are_taken_as_links(site):
    server = site(files=FILES)
    outside = server.prefix / "outside"
    outside.mkdir()
    (outside / "secret").write_text("s")
    own(outside)
    os.symlink(outside, server.html / "d" / "link")
    os.symlink("x", server.html / "d" / "same")
    os.symlink("nowhere", server.html / "d" / "broken")
    assert do(server, "COPY", "/d/", *to("/c/")).status == 201
    assert tree(server.html / "c") == tree(server.html / "d")
    assert do(server, "DELETE", "/d/").status == 204
    assert do(server, "DELETE", "/c/link/").status == 409        # it is no folder, but a link to one
    assert do(server, "DELETE", "/c/link").status == 204
    assert do(server, "MOVE", "/c/broken", *to("/c/moved")).status == 201
    assert put(server, "/c/same", b"own") == 204
    assert tree(server.html / "c") == {"x": b"x", "e": None, "e/y": b"y", "moved": "-> nowhere", "same": b"own"}
    assert (outside / "secret").read_text() == "s"


@pytest.mark.parametrize("mode, status", [("on", 403), ("if_not_owner", 403), ("off", 201)])
def test_disable_symlinks_holds_on_the_way(site, mode, status):
    server = site(f"disable_symlinks {mode};", files=FILES, main="sandbox_allow_write {prefix};")
    outside = server.prefix / "outside"
    outside.mkdir()
    outside.chmod(0o777)
    os.symlink(outside, server.html / "link")
    if USER is not None:
        os.lchown(server.html / "link", USER, USER)
    elif mode == "if_not_owner":
        pytest.skip("all has one owner")
    assert put(server, "/link/new", b"x") == status
    assert do(server, "MKCOL", "/link/m/").status == status
    assert do(server, "COPY", "/a", *to("/link/c")).status == status
    assert do(server, "MOVE", "/a", *to("/link/a")).status == status
    assert do(server, "DELETE", "/link/new").status == (204 if status == 201 else status)


def test_special_files_are_not_copied(site):
    server = site(files=FILES)
    os.mkfifo(server.html / "d" / "fifo")
    own(server.html)
    assert do(server, "COPY", "/d/", *to("/c/")).status == 403
    assert do(server, "COPY", "/d/fifo", *to("/c")).status == 403
    assert sorted(os.listdir(server.html)) == ["a", "d", "full"]
    assert do(server, "MOVE", "/d/", *to("/c/")).status == 201
    assert put(server, "/c/fifo", b"x") == 204
    assert do(server, "DELETE", "/c/").status == 204


def test_depth_of_folders_is_bounded(site):
    server = site("client_header_buffer_size 16k;")
    for count, status in ((120, 201), (140, 403)):
        path = "/".join(f"d{i % 10}" for i in range(count))
        (server.html / "deep" / path).mkdir(parents=True)
        own(server.html)
        assert do(server, "COPY", "/deep/", *to("/copy/")).status == status
        assert do(server, "DELETE", "/deep/").status == 204
        assert [name for name in os.listdir(server.html) if name != "copy"] == []
        if status == 201:
            assert do(server, "DELETE", "/copy/").status == 204


def test_modes_and_times_are_kept_by_a_copy(site):
    server = site(files=FILES)
    os.chmod(server.html / "d" / "x", 0o640)
    os.utime(server.html / "d" / "x", (1000, 1000))
    os.chmod(server.html / "d" / "e", 0o750)
    os.utime(server.html / "d" / "e", (2000, 2000))
    assert do(server, "COPY", "/d/", *to("/c/")).status == 201
    for name in ("x", "e"):
        old, new = (server.html / "d" / name).stat(), (server.html / "c" / name).stat()
        assert (old.st_mode, old.st_mtime) == (new.st_mode, new.st_mtime)


def test_two_names_of_one_file_can_become_one(site):
    server = site(files=FILES)
    os.link(server.html / "a", server.html / "b")
    assert do(server, "MOVE", "/a", *to("/b")).status == 204
    assert not (server.html / "a").exists() and (server.html / "b").read_bytes() == b"a"


def test_a_link_to_the_folder_does_not_make_two_of_one(site):
    server = site(files=FILES)
    os.symlink("d", server.html / "same")
    for method in ("COPY", "MOVE"):
        assert do(server, method, "/d/x", *to("/same/x")).status == 403
        assert do(server, method, "/d/", *to("/same/e/d/")).status == 403
    assert tree(server.html)["d/x"] == b"x"


def test_large_files_and_trees_are_copied_whole(site):
    server = site(files={f"html/t/{i % 10}/{i}": b"%d" % i for i in range(500)})
    with open(server.html / "large", "wb") as file:
        file.truncate(50_000_000)
        file.seek(30_000_000)
        file.write(b"here")
    own(server.html)
    assert do(server, "COPY", "/large", *to("/copy")).status == 201
    assert (server.html / "copy").read_bytes() == (server.html / "large").read_bytes()
    assert do(server, "COPY", "/t/", *to("/u/")).status == 201
    assert tree(server.html / "t") == tree(server.html / "u")


@pytest.mark.skipif(os.geteuid() != 0, reason="nothing can be mounted here")
def test_other_file_systems(site):
    server = site(files=FILES)
    other = server.html / "other"
    other.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,mode=777", "none", other], check=True)
    try:
        assert put(server, "/other/p", b"p" * 50_000) == 201
        assert do(server, "MOVE", "/a", *to("/other/a")).status == 201
        assert do(server, "MOVE", "/d/", *to("/other/d/")).status == 201
        assert do(server, "COPY", "/full/z", *to("/other/a")).status == 204
        assert tree(other) == {"p": b"p" * 50_000, "a": b"z", "d": None, "d/x": b"x", "d/e": None, "d/e/y": b"y"}
        assert not (server.html / "a").exists() and not (server.html / "d").exists()
        assert do(server, "DELETE", "/other/").status == 409        # its own files go, a mounted folder does not
        assert os.listdir(other) == []
        server.allow.append(re.compile("No space left"))
        (server.html / "big").write_bytes(b"b" * 2_000_000)
        own(server.html)
        assert do(server, "COPY", "/big", *to("/other/big")).status == 507
        assert do(server, "MOVE", "/big", *to("/other/big")).status == 507
        assert put(server, "/other/big", b"b" * 2_000_000) == 507
        assert os.listdir(other) == [] and (server.html / "big").stat().st_size == 2_000_000
    finally:
        subprocess.run(["umount", "-l", other], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="root alone makes what others may not change")
def test_what_the_workers_may_not_change_is_403(site):
    server = site(files=FILES)
    os.chown(server.html / "full", 0, 0)
    os.chmod(server.html / "full", 0o755)
    assert put(server, "/full/new", b"x") == 403
    assert do(server, "DELETE", "/full/z").status == 403
    assert do(server, "DELETE", "/full/").status == 403
    assert do(server, "MKCOL", "/full/m/").status == 403
    assert do(server, "COPY", "/a", *to("/full/a")).status == 403
    assert do(server, "MOVE", "/a", *to("/full/a")).status == 403
    assert (server.html / "a").exists() and os.listdir(server.html / "full") == ["z"]


# ---- limits, life

def test_too_many_changes_are_told_to_come_again(site):
    server = site(http="dav_threads 1 queue=1;", events="worker_connections 256;", files={f"html/t/{i // 100}/{i}": "x" for i in range(3000)})
    clients = [server.connect() for _ in range(12)]
    for index, client in enumerate(clients):
        client.send(request("/t/", *to(f"/u{index}/"), method="COPY"))
    answers = [client.read() for client in clients]
    assert {answer.status for answer in answers} == {201, 503}
    assert {answer.get("Retry-After") for answer in answers if answer.status == 503} == {"1"}
    assert "too many changes of files wait" in server.log_text()
    assert [name for name in os.listdir(server.html) if name.startswith(".")] == []


def test_others_are_served_while_a_tree_is_copied(site):
    server = site(files={f"html/t/{i // 100}/{i}": "x" for i in range(5000)})
    with server.connect() as client:
        client.send(request("/t/", *to("/u/"), method="COPY"))
        wait_until(lambda: any(name.startswith(".weir-") for name in os.listdir(server.html)), "the copy to begin")
        begin = now()
        assert server.get("/t/0/1").body == b"x"
        assert now() - begin < 1
        assert not (server.html / "u").exists()
        assert client.read().status == 201


def test_client_that_leaves_does_not_stop_what_has_begun(site):
    server = site(files={f"html/t/{i // 100}/{i}": "x" for i in range(3000)})
    with server.connect() as client:
        client.send(request("/t/", *to("/u/"), method="COPY"))
        wait_until(lambda: any(name.startswith(".weir-") for name in os.listdir(server.html)), "the copy to begin")
    wait_until(lambda: (server.html / "u").exists(), "the copy")
    assert len(tree(server.html / "u")) == len(tree(server.html / "t"))
    assert server.get("/t/0/1").body == b"x"


def test_quit_waits_for_what_has_begun(site):
    server = site(files={f"html/t/{i // 100}/{i}": "x" for i in range(3000)})
    with server.connect() as client:
        client.send(request("/t/", *to("/u/"), method="COPY"))
        wait_until(lambda: any(name.startswith(".weir-") for name in os.listdir(server.html)), "the copy to begin")
        server.send_signal(signal.SIGQUIT)
        assert client.read().status == 201
    server.wait_end()
    assert sorted(os.listdir(server.html)) == ["t", "u"]


def test_pipelined_changes_come_in_turn(site):
    server = site()
    data = b"".join([request("/m/", method="MKCOL"), request("/m/a", "Content-Length: 1", method="PUT", body=b"1"), request("/m/a"),
                     request("/m/a", *to("/m/b"), method="MOVE"), request("/m/b"), request("/m/", method="DELETE"), request("/m/b")])
    with server.connect() as client:
        client.send(data * 5)
        for _ in range(5):
            assert [client.read().status for _ in range(7)] == [201, 201, 200, 201, 200, 204, 404]


def test_error_page_stands_in(site):
    server = site("error_page 409 /full/z; error_page 404 =200 /full/z; error_page 403 @named; location @named { return 418 named; }", files=FILES)
    answer = do(server, "PUT", "/none/x", body=b"x")
    assert (answer.status, answer.body) == (409, b"z")
    assert (do(server, "DELETE", "/none").status, do(server, "DELETE", "/").body) == (200, b"named")
    assert tree(server.html) == {"a": b"a", "d": None, "d/x": b"x", "d/e": None, "d/e/y": b"y", "full": None, "full/z": b"z"}


def test_explain_changes_nothing(site):
    server = site(files=FILES)
    before = tree(server.html)
    for args in (["-X", "PUT", "/new"], ["-X", "PUT", "/a"], ["-X", "DELETE", "/d/"], ["-X", "MKCOL", "/m/"],
                 ["-X", "MOVE", "-H", "Destination: /z", "/a"]):
        done = run_weir(server.prefix, "explain", "-p", f"{server.prefix}/", "-c", str(server.conf_path), *args[:-1],
                        f"http://127.0.0.1:{server.port()}{args[-1]}")
        assert "would change" in done.stdout, done.stdout + done.stderr
    assert tree(server.html) == before


@pytest.mark.parametrize("method, target, destination", [
    ("PUT", "/new", None), ("PUT", "/a", None), ("PUT", "/none/new", None), ("MKCOL", "/m/", None), ("MKCOL", "/d/", None), ("MKCOL", "/none/m/", None),
    ("DELETE", "/a", None), ("DELETE", "/none", None), ("COPY", "/a", "/z"), ("COPY", "/a", "/none/z"), ("MOVE", "/none", "/z"), ("COPY", "/a", "/b")])
def test_explain_foresees_the_status(site, method, target, destination):
    server = site(files={**FILES, "html/b": "b"})
    fields = [f"Destination: {destination}"] if destination else []
    done = run_weir(server.prefix, "explain", "-p", f"{server.prefix}/", "-c", str(server.conf_path), "-X", method,
                    *[word for field in fields for word in ("-H", field)], f"http://127.0.0.1:{server.port()}{target}")
    foreseen = int(re.search(r"^    answer +(\d+)", done.stdout, re.M)[1])
    assert do(server, method, target, *fields, body=b"x" if method == "PUT" else None).status == foreseen
    assert ("would change" in done.stdout) == (foreseen < 300)


def test_real_curl_uploads(site, tmp_path):
    server = site()
    (tmp_path / "file").write_bytes(b"from curl" * 10_000)
    try:
        done = subprocess.run(["curl", "-sS", "-T", tmp_path / "file", f"http://127.0.0.1:{server.port()}/c", "-w", "%{http_code}"],
                              capture_output=True, text=True, timeout=20)
    except FileNotFoundError:
        pytest.skip("there is no curl")
    assert done.stdout == "201"
    with open(tmp_path / "file", "rb") as file:
        done = subprocess.run(["curl", "-sS", "-T", "-", f"http://127.0.0.1:{server.port()}/d", "-w", "%{http_code}"], stdin=file,
                              capture_output=True, text=True, timeout=20)
    assert done.stdout == "201"
    assert (server.html / "c").read_bytes() == (server.html / "d").read_bytes() == b"from curl" * 10_000
