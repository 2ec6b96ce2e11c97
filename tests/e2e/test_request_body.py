# SPDX-License-Identifier: BSD-2-Clause
"""Bodies that a handler wants, here PUT: whole in memory or in a file, or refused on the way, with nothing left behind."""

import os
import re
import resource
import signal
import subprocess

import pytest

from harness import check_conf, now, request, wait_until
from harness.disk import small_disk

USER = 65534 if os.geteuid() == 0 else None
CHUNKED = "Transfer-Encoding: chunked"
EXPECT = "Expect: 100-continue"
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can")


def chunks(data, size):
    parts = [data[i:i + size] for i in range(0, len(data), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def bytes_of(size):
    return bytes((i * 7 + i // 251) % 256 for i in range(size))


def put(target, body, chunk=0, *fields):
    if chunk:
        return request(target, CHUNKED, *fields, method="PUT", body=chunks(body, chunk))
    return request(target, f"Content-Length: {len(body)}", *fields, method="PUT", body=body)


def file_of(server, name):
    return (server.html / name).read_bytes()


def open_files(server):
    """What the workers have open of files: those without a name are there as well."""
    found = []
    for pid in server.workers() if os.geteuid() == 0 else []:      # nobody else may look into a worker
        for fd in os.listdir(f"/proc/{pid}/fd"):
            try:
                path = os.readlink(f"/proc/{pid}/fd/{fd}")
            except OSError:
                continue
            if path.startswith(str(server.prefix)) and (path.endswith("(deleted)") or "/html/" in path):
                found.append(path)
    return found


def below(folder):
    return sorted(os.path.join(path, name) for path, _, names in os.walk(folder) for name in names)


def nothing_is_left(server, names=()):
    wait_until(lambda: not open_files(server), "the file to be closed")
    assert sorted(os.listdir(server.html)) == sorted(names)
    assert below(server.prefix / "client_body_temp") == []


@pytest.fixture
def site(weir):
    def begin(server="", http="", **kwargs):
        return weir(http="client_max_body_size 3m; " + http, server="dav_methods PUT DELETE; " + server, user=USER, **kwargs)
    return begin


# ---- whole bodies

def test_body_of_any_size_in_any_framing_arrives_whole(site):
    server = site()
    with server.connect() as client:
        for size in (0, 1, 100, 16383, 16384, 16385, 32767, 32768, 32769, 100_000, 1_000_000):
            body = bytes_of(size)
            for chunk in (0, 1 if size < 1000 else 1000, 7 if size < 1000 else 40_000, 1_000_000):
                name = f"{size}-{chunk}"
                client.send_anyway(put(f"/{name}", body, chunk))
                assert client.read().status == 201, name
                assert file_of(server, name) == body, name
                assert client.ask(request(f"/{name}")).body == body, name


@pytest.mark.parametrize("size", ["0", "1", "5", "64k", "10m"])
def test_buffer_of_any_size_makes_no_difference(site, size):
    server = site(f"client_body_buffer_size {size};")
    body = bytes_of(200_000)
    with server.connect() as client:
        for chunk in (0, 3000):
            for length in (0, 1, 4, 5, 6, 200_000):
                client.send_anyway(put("/a", body[:length], chunk))
                assert client.read().status in (201, 204)
                assert file_of(server, "a") == body[:length]


@pytest.mark.parametrize("chunk", [0, 5])
def test_body_split_at_each_byte(site, chunk):
    server = site("client_body_buffer_size 8;")
    body = bytes_of(23)
    data = put("/a", body, chunk) + request("/a")
    for at in range(1, len(data)):
        with server.connect() as client:
            client.send_pieces([data[:at], data[at:]])
            assert client.read().status in (201, 204)
            assert client.read().body == body, at
        (server.html / "a").unlink()


@pytest.mark.parametrize("chunk", [0, 3])
def test_body_byte_by_byte(site, chunk):
    server = site()
    data = put("/a", b"0123456789", chunk) + request("/a")
    with server.connect() as client:
        client.send_pieces([data[i:i + 1] for i in range(len(data))])
        assert client.read().status == 201
        assert client.read().body == b"0123456789"


def test_what_is_pipelined_behind_a_body_is_answered_in_turn(site):
    server = site()
    bodies = [bytes_of(size) for size in (10, 20_000, 3, 70_000)]
    data = b"".join(put("/a", body, index % 2 * 1000) + request("/a") for index, body in enumerate(bodies))
    with server.connect() as client:
        client.send(data * 3)
        for _ in range(3):
            for body in bodies:
                assert client.read().status in (201, 204)
                assert client.read().body == body


def test_answers_that_the_client_has_not_read_go_before_the_body(site):
    """The server must not wait for a body of somebody who waits for earlier answers."""
    server = site("keepalive_requests 10000; client_max_body_size 10m;", files={"html/big": b"b" * 30_000})
    body = bytes_of(50_000)
    with server.connect(rcvbuf=4096) as client:
        client.send(request("/big") * 300 + put("/a", b"", 0, ) .replace(b"Content-Length: 0", b"Content-Length: 50000"))
        for _ in range(300):
            assert len(client.read().body) == 30_000
        client.send(body)
        assert client.read().status == 201
    assert file_of(server, "a") == body


@pytest.mark.parametrize("expect", [[], [EXPECT]])
def test_earlier_answers_that_do_not_fit_hold_the_body_up_and_no_more(weir, expect):
    """The head of the PUT is read while the answer before it waits for the socket."""
    server = weir(http="""server { listen 127.0.0.1:{port} sndbuf=8k; dav_methods PUT; }""", user=USER, files={"html/big": b"b" * 30_000})
    for framing, body in (("Content-Length: 20", b"x" * 20), (CHUNKED, chunks(b"x" * 20, 7))):
        with server.connect(rcvbuf=2048) as client:
            client.send(request("/big") + request("/a", framing, "Connection: close", *expect, method="PUT"))
            wait_until(client.peer_has_read_all, "the server to read")
            if not expect:
                client.send(body)
            assert len(client.read().body) == 30_000
            if expect:
                assert client.read_interim().status == 100
                client.send(body)
            assert client.read().status in (201, 204)
            client.expect_close()
        assert file_of(server, "a") == b"x" * 20
        (server.html / "a").unlink()


# a way of waiting before the body is asked for: the conf, its fields
WAITS = {
    "auth_basic": ("auth_basic x; auth_basic_user_file users;", ["Authorization: Basic YTphYWFh"]),
    "limit_req": ("limit_req zone=z burst=100; ", []),
}


@pytest.mark.parametrize("sent, expect", [("with the head", False), ("meanwhile", False), ("later", False), ("later", True)])
@pytest.mark.parametrize("wait", ["auth_basic", "limit_req"])
def test_body_of_a_request_that_had_to_wait_before(site, wait, sent, expect):
    conf, fields = WAITS[wait]
    hashed = subprocess.run(["openssl", "passwd", "-6", "-salt", "salt", "aaaa"], capture_output=True, text=True, check=True).stdout
    server = site(conf, http="limit_req_zone $host zone=z:64k rate=5r/s;", files={"users": f"a:{hashed}", "html/x": "x"})
    head, body = put("/a", b"hello", 0, *fields, *([EXPECT] if expect else [])).split(b"\r\n\r\n", 1)
    head += b"\r\n\r\n"
    with server.connect() as client:
        if wait == "limit_req":
            assert client.ask(request("/x")).status == 200
        if sent == "with the head":
            client.send(head + body + request("/a", *fields))
        elif sent == "meanwhile":
            client.send_pieces([head, body + request("/a", *fields)])
        else:
            client.send(head)
            if expect:
                assert client.read_interim().status == 100
            client.send(body + request("/a", *fields))
        assert client.read().status == 201
        assert client.read().body == b"hello"


def test_http_1_0_takes_a_counted_body(site):
    server = site()
    with server.connect() as client:
        client.send(request("/a", "Content-Length: 5", method="PUT", version="1.0", body=b"hello"))
        assert client.read().status == 201
        client.expect_close()
    assert file_of(server, "a") == b"hello"


def test_put_without_a_body_makes_an_empty_file(site):
    server = site()
    assert server.ask(request("/a", method="PUT")).status == 201
    assert file_of(server, "a") == b""


def test_chunk_that_is_announced_larger_than_allowed_is_refused_before_it_comes(site):
    server = site("client_max_body_size 10;")
    for body in (b"b\r\n", b"5\r\nhello\r\n6\r\n", b"5\r\nhello\r\n00006;a=b\r\n"):
        with server.connect() as client:
            answer = client.ask(request("/a", CHUNKED, method="PUT", body=body))
            assert answer.status == 413 and answer.get("Connection") == "close"
            client.finish().expect_close()
    assert server.ask(put("/a", b"0123456789", 5)).status == 201
    (server.html / "a").unlink()
    nothing_is_left(server)


# ---- Expect

@pytest.mark.parametrize("chunk", [0, 2])
def test_100_comes_before_the_body_that_is_wanted(site, chunk):
    server = site()
    head, body = put("/a", b"hello", chunk, EXPECT).split(b"\r\n\r\n", 1)
    with server.connect() as client:
        client.send(head + b"\r\n\r\n")
        assert client.read_interim().status == 100
        answer = client.ask(body)
        assert answer.status == 201 and answer.interim == []
        assert client.ask(request("/a")).body == b"hello"


def test_100_is_not_needed_when_the_body_is_there(site):
    server = site()
    answer = server.ask(put("/a", b"hello", 0, EXPECT))
    assert answer.status == 201 and answer.interim == []


def test_100_follows_earlier_answers(site):
    server = site(files={"html/x": "x"})
    head, body = put("/a", b"hello", 0, EXPECT).split(b"\r\n\r\n", 1)
    with server.connect() as client:
        client.send(request("/x") + head + b"\r\n\r\n")
        assert client.read().body == b"x"
        assert client.read_interim().status == 100
        assert client.ask(body).status == 201


@pytest.mark.parametrize("target, fields, status", [
    ("/a", ["Content-Length: 4000000"], 413), ("/dir/", ["Content-Length: 5"], 409), ("/none/a", ["Content-Length: 5"], 409),
    ("/x", ["Content-Length: 5", 'If-Match: "y"'], 412), ("/secret/a", ["Content-Length: 5"], 401), ("/off/a", ["Content-Length: 5"], 405),
    ("/a", ["Content-Length: 5", "Content-Range: bytes 0-4/9"], 400)])
def test_no_100_for_what_is_refused(site, target, fields, status):
    server = site("location /secret/ { auth_basic x; auth_basic_user_file users; } location /off/ { dav_methods off; }",
                  files={"html/x": "x", "users": "a:{PLAIN}a"})
    with server.connect() as client:
        client.send(request(target, EXPECT, *fields, method="PUT"))
        answer = client.read()
        assert answer.status == status and answer.interim == []
        client.expect_close()


# ---- refused on the way

def test_body_that_is_not_allowed_is_not_read_first(site):
    server = site("location /secret/ { auth_basic x; auth_basic_user_file users; }", files={"users": "a:{PLAIN}a"})
    with server.connect() as client:
        client.send(request("/secret/a", "Content-Length: 1000", method="PUT"))
        assert client.read().status == 401


@pytest.mark.parametrize("chunk", [1000, 100_000, 4_000_000])
def test_chunked_body_over_the_bound_is_refused_in_the_middle(site, chunk):
    server = site()
    with server.connect() as client:
        client.send_anyway(put("/a", b"x" * 3_500_000, chunk))
        assert client.read().status == 413
        client.expect_close(reset_is_fine=True)
    nothing_is_left(server)
    assert "client intended to send too large chunked body" in server.log_text()


def test_chunked_body_of_the_very_bound_is_taken(site):
    server = site("client_max_body_size 20000;")
    with server.connect() as client:
        assert client.ask(put("/a", b"x" * 20000, 999)).status == 201
        assert client.ask(put("/a", b"x" * 20001, 999)).status == 413


@pytest.mark.parametrize("body", [b"zz\r\n\r\n", b"5\r\nhelloX\r\n", b"5\r\nhello\r\n-1\r\n", b"4e20\r\n" + b"x" * 20000 + b"xx"])
def test_malformed_chunks_are_told_of(site, body):
    server = site()
    with server.connect() as client:
        client.send(request("/a", CHUNKED, method="PUT", body=body))
        assert client.read().status == 400
        client.expect_close(reset_is_fine=True)
    nothing_is_left(server)


@pytest.mark.parametrize("length", [0, 10, 20_000, 60_000])
def test_client_that_leaves_in_the_middle_leaves_nothing(site, length):
    server = site("client_body_buffer_size 1k;")
    with server.connect() as client:
        client.send(request("/a", "Content-Length: 100000", method="PUT", body=b"x" * length))
        wait_until(client.peer_has_read_all, "the server to read")
    assert server.wait_access(1)[0].split('"')[2].split()[0] == "400"
    nothing_is_left(server)


@pytest.mark.parametrize("rule, seconds", [("client_body_timeout 500ms;", 0.5), ("client_min_rate 1k after=500ms;", 0.5)])
def test_body_that_is_late_or_slow_is_told_so(site, rule, seconds):
    server = site(rule)
    with server.connect() as client:
        begin = now()
        client.send(request("/a", "Content-Length: 100", method="PUT", body=b"x" * 50))
        assert client.read().status == 408
        assert seconds * 0.9 < now() - begin < seconds + 3
        client.expect_close()
    nothing_is_left(server)


def test_body_timeout_is_between_two_pieces(site):
    server = site("client_body_timeout 500ms;")
    with server.connect() as client:
        client.send(request("/a", "Content-Length: 8", method="PUT"))
        begin = now()
        for _ in range(8):
            wait_until(lambda: now() > begin + 0.1)
            begin = now()
            client.send(b"x")
        assert client.read().status == 201


def test_reset_timedout_connection_says_nothing(site):
    server = site("client_body_timeout 300ms; reset_timedout_connection on;")
    with server.connect() as client:
        client.send(request("/a", "Content-Length: 100", method="PUT", body=b"x" * 50))
        client.expect_close(reset_is_fine=True)
        assert client.was_reset
    assert server.wait_access(1)[0].split('"')[2].split()[0] == "408"


# ---- no room

@pytest.fixture
def disk():
    with small_disk("256k") as place:
        yield place


@pytest.mark.parametrize("chunk", [0, 10_000])
def test_full_disk_is_507_and_leaves_nothing(site, disk, chunk):
    server = site(f"root {disk}; location /b/ {{ }}", allow=["No space left"])
    with server.connect() as client:
        assert client.ask(put("/small", b"s" * 50_000, chunk)).status == 201
    for _ in range(3):
        with server.connect() as client:
            client.send_anyway(put("/large", b"x" * 1_000_000, chunk))
            assert client.read().status == 507
            client.expect_close(reset_is_fine=True)
    assert os.listdir(disk) == ["small"]
    wait_until(lambda: not [path for path in open_files(server) if "deleted" in path])
    with server.connect() as client:        # the room is there again
        assert client.ask(put("/again", b"s" * 100_000, chunk)).status == 201
    assert "No space left" in server.log_text()


def test_limit_of_file_sizes_is_507(site):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, limits[1]))
    try:
        server = site(allow=["File too large"])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    with server.connect() as client:
        client.send_anyway(put("/a", b"x" * 100_000))
        assert client.read().status == 507
    nothing_is_left(server)
    assert server.ask(put("/a", b"x" * 50_000)).status == 201


def test_temporary_folder_that_went_is_an_error_and_no_more(site):
    server = site("client_body_temp_path {prefix}/gone;", files={"html/x": "x"}, allow=["No such file"])
    os.rmdir(server.prefix / "gone")
    assert server.ask(put("/a", b"x")).status == 201        # the target's folder takes its place
    assert server.get("/x").status == 200


# ---- where it is

@pytest.mark.parametrize("setting", ["on", "clean", "off"])
def test_file_that_became_the_sites_is_not_kept_twice(site, setting):
    server = site(f"client_body_in_file_only {setting};")
    assert server.ask(put("/a", b"hello")).status == 201
    nothing_is_left(server, ["a"])
    assert (server.html / "a").stat().st_nlink == 1


VARIABLES = "log_format b '$request_length|$content_length|$request_body|$request_body_file'; access_log {prefix}/logs/b b;"


def test_variables_tell_of_the_body(weir):
    server = weir(http=VARIABLES, server="dav_methods PUT; client_body_temp_path {prefix}/t 1 2;", user=USER)
    with server.connect() as client:
        client.ask(put("/a", b"hello"))
        client.ask(put("/a", b"hello", 3))
        client.ask(request("/a"))
    lines = [line.split("|")[1:] for line in server.wait_access(3, "b")]
    assert lines[0][:2] == ["5", "-"] and lines[1][:2] == ["-", "-"] and lines[2] == ["-", "-", "-"]
    for line in lines[:2]:
        number = re.fullmatch(rf"{server.prefix}/t/(\d)/(\d\d)/(\d{{10}})", line[2])
        assert number and number[3].endswith(number[2] + number[1])
    wait_until(lambda: below(server.prefix / "t") == [], "the names to go")


# ---- the folder

@AS_ROOT
@pytest.mark.parametrize("conf, made", [("dav_methods PUT;", "client_body_temp"), ("dav_methods DELETE;", None), ("", None),
                                        ("client_body_temp_path {prefix}/mine;", "mine")])
def test_folder_is_made_where_it_is_used_and_is_the_workers(weir, conf, made):
    server = weir(server=conf)
    there = {name for name in os.listdir(server.prefix) if name in ("client_body_temp", "mine")}
    assert there == ({made} if made else set())
    if made:
        status = (server.prefix / made).stat()
        assert status.st_mode & 0o777 == 0o700
        assert status.st_uid == os.stat(f"/proc/{server.wait_workers()[0]}").st_uid != 0


@AS_ROOT
@pytest.mark.parametrize("owner, given", [(65534, False), (0, True)])
def test_root_gives_away_no_folder_that_somebody_else_links_to(weir, owner, given):
    server = weir(main="user nobody;", server="dav_methods PUT; client_body_temp_path {prefix}/mine;", start=False,
                  allow=["is a link that is not root"])
    other = server.prefix / "other"
    other.mkdir()
    os.symlink(other, server.prefix / "mine")
    os.lchown(server.prefix / "mine", owner, owner)
    if given:
        server.start()
    else:
        server.write_conf()
        assert "is a link that is not root's" in server.run("-t").stderr
        done = server.run()
        assert done.returncode != 0 and "is a link that is not root's" in done.stderr
    assert other.stat().st_uid == (65534 if given else 0)


@AS_ROOT
def test_root_goes_no_way_that_somebody_else_has_laid(weir):
    """Nor does it matter which part of the path is the link."""
    server = weir(main="user nobody;", server="dav_methods PUT; client_body_temp_path {prefix}/own/way/mine;", start=False,
                  allow=["is a symbolic link"])
    other = server.prefix / "other"
    (other / "mine").mkdir(parents=True)
    (server.prefix / "own").mkdir()
    os.symlink(other, server.prefix / "own/way")
    os.chown(server.prefix / "own", 65534, 65534)
    server.write_conf()
    for args in (["-t"], []):
        done = server.run(*args)
        assert done.returncode != 0 and '"way" in "' in done.stderr and "is a symbolic link, and others than root may change" in done.stderr
    assert (other / "mine").stat().st_uid == 0
    os.unlink(server.prefix / "own/way")
    (server.prefix / "own/way").mkdir()
    server.start()
    assert (server.prefix / "own/way/mine").stat().st_uid == 65534


def test_folder_is_made_at_reload(site):
    server = site()
    server.write_conf(server.template.replace("dav_methods PUT DELETE;", "dav_methods PUT; client_body_temp_path {prefix}/new;"))
    server.send_signal(signal.SIGHUP)
    server.wait_log("generation 2 serves")
    assert (server.prefix / "new").is_dir()


def test_folder_that_cannot_be_made_is_told_of(folder):
    conf = "events {{ }} http {{ server {{ listen 127.0.0.1:1; client_body_temp_path {}; }} }}"
    done, _ = check_conf(folder, conf.format("none/body"))
    assert done.returncode == 1 and f'mkdir() "{folder}/none/body" would fail (2: No such file or directory)' in done.stderr
    (folder / "file").write_text("")
    done, _ = check_conf(folder, conf.format("file"))
    assert done.returncode == 1 and f'"{folder}/file" is not a folder' in done.stderr
    done, _ = check_conf(folder, conf.format("body"))
    assert done.returncode == 0 and not (folder / "body").exists()


# ---- life of the server

def test_reload_in_the_middle_of_a_body_loses_nothing(site):
    server = site()
    with server.connect() as client:
        client.send(request("/a", "Content-Length: 40000", method="PUT", body=b"x" * 20_000))
        wait_until(client.peer_has_read_all, "the server to read")
        server.send_signal(signal.SIGHUP)
        server.wait_log("generation 2 serves")
        assert client.ask(b"x" * 20_000).status == 201
    assert file_of(server, "a") == b"x" * 40_000


def test_stop_in_the_middle_of_a_body_waits_for_it(site):
    server = site()
    with server.connect() as client:
        client.send(request("/a", "Content-Length: 10", method="PUT", body=b"hello"))
        wait_until(client.peer_has_read_all, "the server to read")
        server.send_signal(signal.SIGQUIT)
        server.wait_log("gracefully shutting down|exiting|shutting down")
        assert client.ask(b"world").status == 201
    assert file_of(server, "a") == b"helloworld"


def test_many_who_send_slowly_hold_nobody_up(site):
    server = site(events="worker_connections 300;", files={"html/x": "x"})
    clients = [server.connect() for _ in range(100)]
    for client in clients:
        client.send(request("/slow", "Content-Length: 30000", method="PUT", body=b"y" * 20_000))
    assert server.get("/x").body == b"x"
    for client in clients:
        client.send(b"y" * 10_000)
    for client in clients:
        assert client.read().status in (201, 204)
        client.close()
    assert file_of(server, "slow") == b"y" * 30_000
    assert sorted(os.listdir(server.html)) == ["slow", "x"]
