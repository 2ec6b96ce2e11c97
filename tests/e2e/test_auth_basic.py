# SPDX-License-Identifier: BSD-2-Clause
"""auth_basic: names, passwords and hashes; what an attacker can learn; threads that hash, and what is remembered."""

import base64
import json
import os
import re
import signal
import socket

import pytest

from harness import check_conf, now, request, run_weir, wait_until

FAST = "{PLAIN}secret"
BCRYPT_5 = "$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a"       # 2 ms
BCRYPT_10 = "$2y$10$abcdefghijklmnopqrstuuqflPDzB6gcMhKa1rZqKiun2YGL5sa2u"      # 70 ms
BCRYPT_12 = "$2y$12$abcdefghijklmnopqrstuuT1Iwu6o8Wx7BoOyIMHfgVJq6JO/IJhW"      # 300 ms
SHA512 = "$6$rounds=1000$saltsalt$LAV5VE5Y7w1d73x1mFNspYWUpazfmwv2SoepNXNKJ/otop/Zok96Hr8Q13LEv0DRY/x8v0/crpIjl8NJSAqXV/"
HASHES = {
    "plain": FAST,
    "sha": "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=",
    "ssha": "{SSHA}gVK8WC9YyFT1gMsQHTGCgT3sSv5zYWx0",
    "apr1": "$apr1$r31.....$G/cElGhD0cboYkZN5h5Ne/",
    "des": "abNANd1rDfiNc",
    "md5": "$1$abcdefgh$cHJi5PXp/ki/ktXzqlk6I1",
    "sha256": "$5$saltsalt$0IyaXrmV7.sGNS6tirgqHLqX/G.FBvgkYA.lpPdS5sA",
    "sha512": SHA512,
    "bcrypt": BCRYPT_5,
    "2a": "$2a$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW",
    "yescrypt": "$y$j75$abcdefgh$uMUXG79B2cFpoAYyDccUnsaH/aGTyBYMlnQidzyag01",
}
SITE = 'auth_basic "site"; auth_basic_user_file users;'
STATUS = "location = /status { auth_basic off; allow all; status; }"
MISMATCH = r'\[error\] \d+#\d+: \*\d+ user "%s": password mismatch, client: 127\.0\.0\.1, server: , request: "GET /a HTTP/1\.1", host: "localhost"'
UNKNOWN = r'\[error\] \d+#\d+: \*\d+ user "%s" was not found in "%s/users", client: 127\.0\.0\.1, server: , request: "GET /a HTTP/1\.1", host: "localhost"'
NOBODY = r'\[info\] \d+#\d+: \*\d+ no user/password was provided for basic authentication, client: 127\.0\.0\.1'


def basic(name, password="secret"):
    text = f"{name}:{password}" if isinstance(name, str) else name
    return "Authorization: Basic " + base64.b64encode(text.encode() if isinstance(text, str) else text).decode()


def with_users(users, server=SITE, http="", **kwargs):
    files = {"html/a": "a", "html/index.html": "index", "html/sorry": "sorry", "users": users, **kwargs.pop("files", {})}
    return dict(server=server + STATUS, http=http, files=files, **kwargs)


def counted(server):
    """(hashed, remembered, rejected)"""
    numbers = json.loads(server.get("/status?format=json").body)
    found = json.dumps(numbers)
    return tuple(int(re.search(rf'"auth_basic_{name}": ?(\d+)', found)[1]) for name in ("hashed", "remembered", "rejected"))


def log_in(server, name="u", password="secret", target="/a"):
    return server.get(target, basic(name, password))


# ---- who may


def test_without_a_password_401_says_how_to_log_in(weir):
    server = weir(**with_users(f"u:{FAST}\n"))
    response = server.get("/a")
    assert (response.status, response.reason) == (401, "Unauthorized")
    assert response.get("WWW-Authenticate") == 'Basic realm="site"'
    assert b"401 Unauthorized" in response.body
    server.wait_log(NOBODY)


@pytest.mark.parametrize("kind", HASHES)
def test_hash_of_each_kind(weir, kind):
    server = weir(**with_users(f"u:{HASHES[kind]}\n"))
    assert log_in(server).status == 200
    assert log_in(server, password="secreT").status == 401
    server.wait_log(MISMATCH % "u")
    assert log_in(server, password="").status == 401
    assert log_in(server).status == 200


def test_connection_goes_on_through_all_of_it(weir):
    server = weir(**with_users(f"u:{BCRYPT_5}\n"))
    with server.connect() as client:
        asked = [client.ask(request("/a", *fields)).status for fields in ([], [basic("u")], [basic("u", "x")], [basic("v")], [basic("u")])]
    assert asked == [401, 200, 401, 401, 200]


def test_pipelined_requests_are_answered_in_order(weir):
    server = weir(**with_users(f"u:{BCRYPT_5}\n"))
    with server.connect() as client:
        client.send(request("/a", basic("u", "x")) + request("/a", basic("u")) + request("/a") + request("/a", basic("u")))
        assert [client.read().status for _ in range(4)] == [401, 200, 401, 200]


def test_who_is_unknown_is_told_in_the_log_alone(weir):
    server = weir(**with_users(f"u:{FAST}\n"))
    known, unknown = log_in(server, password="x"), log_in(server, "v")
    server.wait_log(UNKNOWN % ("v", re.escape(str(server.prefix))))
    for response in (known, unknown):
        response.headers = [field for field in response.headers if field[0] != "Date"]
    assert known == unknown


LINES = ("# comment:{PLAIN}secret\n#com:{PLAIN}secret\n\nu:{PLAIN}secret\nextra:{PLAIN}secret:a comment:more\ncr:{PLAIN}secret\r\n"
         "nothing\nempty:\n:{PLAIN}secret\n  blank:{PLAIN}secret\nend:{PLAIN}secret \ntwice:{PLAIN}secret\ntwice:{PLAIN}other\n"
         "utf-\u00fc:{PLAIN}secr\u00e9t\nbad:zzz\nstar:*0\nlast:{PLAIN}secret")


@pytest.mark.parametrize("name, password, status", [
    ("u", "secret", 200), ("extra", "secret", 200), ("cr", "secret", 200), ("last", "secret", 200), ("  blank", "secret", 200),
    ("end", "secret ", 200), ("twice", "secret", 200), ("utf-\u00fc", "secr\u00e9t", 200),
    ("end", "secret", 401), ("twice", "other", 401), ("#com", "secret", 401), ("# comment", "secret", 401), ("blank", "secret", 401),
    ("nothing", "", 401), ("empty", "", 401), ("empty", "secret", 401), ("", "secret", 401), ("bad", "zzz", 401), ("star", "*0", 401),
    ("U", "secret", 401), ("u", "secret:", 401), ("u:", "secret", 401), ("u\n", "secret", 401), ("x" * 3000, "y" * 3000, 401),
])
def test_lines_of_the_file(weir, name, password, status):
    assert log_in(weir(**with_users(LINES)), name, password).status == status


GOOD = base64.b64encode(b"u:secret").decode()


@pytest.mark.parametrize("field, status", [
    (f"Basic {GOOD}", 200), (f"basic {GOOD}", 200), (f"BASIC   {GOOD}", 200), (f"Basic {GOOD.rstrip('=')}", 200),
    (f"Basic{GOOD}", 401), ("Basic", 401), ("Basic ", 401), (GOOD, 401), (f"Bearer {GOOD}", 401), ("Basic !!!", 401), ("Basic Zg", 401),
    ("Basic =", 401), (f"Basic {GOOD} x", 401), (f"Basic {GOOD}, Basic {GOOD}", 401), ("Basic dTpzZWNyZXQA", 401), ("Basic dQA6c2VjcmV0", 401),
    ("Basic Og==", 401), ("Basic dQ==", 401), ("Basic " + "A" * 7000, 401), ("Basic " + "=" * 7000, 401), ("", 401),
])
def test_fields_that_are_malformed_are_none(weir, field, status):
    server = weir(**with_users(f"u:{BCRYPT_5}\n"))     # crypt(3) sees nothing behind a NUL
    assert server.get("/a", f"Authorization: {field}").status == status


@pytest.mark.parametrize("kind", ["plain", "apr1", "bcrypt"])
def test_longest_password(weir, kind):
    server = weir(**with_users(f"u:{HASHES[kind]}\n"))
    assert log_in(server, password="secret" + "x" * 6000).status == 401
    assert log_in(server).status == 200


# ---- the realm and the file

@pytest.mark.parametrize("realm, field", [
    ('"two words"', 'Basic realm="two words"'),
    ("OFF", 'Basic realm="OFF"'),
    ('""', 'Basic realm=""'),
    ("'a\"b\\c'", r'Basic realm="a\"b\\c"'),
    ("$host", 'Basic realm="localhost"'),
    ("$arg_r", 'Basic realm=""'),
])
def test_realm(weir, realm, field):
    server = weir(**with_users(f"u:{FAST}\n", f"auth_basic {realm}; auth_basic_user_file users;"))
    assert server.get("/a").get("WWW-Authenticate") == field


def test_realm_of_variables_may_be_off(weir):
    server = weir(**with_users(f"u:{FAST}\n", "auth_basic $arg_r; auth_basic_user_file users;"))
    assert [server.get(f"/a?r={r}").status for r in ("off", "Off", "x")] == [200, 401, 401]


def test_realm_that_no_field_can_hold_is_left_out(weir):
    server = weir(**with_users(f"u:{FAST}\n", "auth_basic $uri; auth_basic_user_file users;"))
    response = server.get("/a%0d%0aX-Evil:%20yes")
    assert response.status == 401 and response.get("X-Evil") is None and response.get("WWW-Authenticate") is None


def test_off_ends_what_the_outer_level_asks(weir):
    server = weir(**with_users(f"u:{FAST}\n", SITE + "location /sorry { auth_basic off; }"))
    assert [server.get(path).status for path in ("/a", "/sorry", "/")] == [401, 200, 401]


def test_without_a_file_nobody_is_asked(weir):
    server = weir(**with_users("", 'auth_basic "site";'))
    assert server.get("/a").status == 200
    assert '[warn] "auth_basic" asks nobody without "auth_basic_user_file" in ' in server.run("-t").stderr


def test_file_by_variables_and_by_its_whole_path(weir):
    server = weir(**with_users(f"u:{FAST}\n", 'auth_basic "s"; auth_basic_user_file $arg_f;', files={"more/users": f"v:{FAST}\n"}))
    asked = [server.get(f"/a?f={path}", basic(name)).status for name in "uv" for path in ("users", "more/users", f"{server.prefix}/more/users", "none", "")]
    assert asked == [200, 401, 401, 403, 500, 401, 200, 200, 403, 500]


@pytest.mark.parametrize("path, status, log", [
    ("none", 403, r'\[error\] .* open\(\) "%s/none" failed \(2: No such file or directory\), client: '),
    ("users/x", 500, r'\[crit\] .* open\(\) "%s/users/x" failed \(20: Not a directory\), client: '),
    ("html", 500, r'\[crit\] .* "%s/html" is not a regular file, client: '),
    ("fifo", 500, r'\[crit\] .* "%s/fifo" is not a regular file, client: '),
    ("huge", 500, r'\[crit\] .* "%s/huge" is larger than 67108864 bytes, client: '),
])
def test_file_that_cannot_be_had(weir, path, status, log):
    server = weir(**with_users(f"u:{FAST}\n", f'auth_basic "s"; auth_basic_user_file {path};', start=False))
    os.mkfifo(server.prefix / "fifo")
    with open(server.prefix / "huge", "wb") as huge:
        huge.truncate((64 << 20) + 1)
    server.start()
    assert server.get("/a").status == 401       # who sends no password learns nothing
    assert log_in(server).status == status
    server.wait_log(log % re.escape(str(server.prefix)))


@pytest.mark.parametrize("change", ["replace", "write", "append"])
def test_change_of_the_file_is_seen_at_once(weir, change):
    server = weir(**with_users(f"u:{BCRYPT_5}\n"))
    assert (log_in(server).status, log_in(server, "v").status) == (200, 401)
    if change == "append":
        with open(server.prefix / "users", "a") as users:
            users.write(f"v:{FAST}\n")
    else:
        {"replace": server.replace, "write": server.write}[change]("users", f"v:{FAST}\n")
    assert log_in(server, "v").status == 200
    assert log_in(server).status == (200 if change == "append" else 401)


def test_old_file_is_read_once_and_again_when_it_changes(weir):
    server = weir(**with_users(f"u:{FAST}\n"))
    for password in ("first", "other", "third"):
        server.write("users", f"u:{{PLAIN}}{password}\n", mtime=1_000_000_000)     # size and time stay
        assert [log_in(server, password=p).status for p in ("first", "other", "third")].count(200) == 1
        assert log_in(server, password=password).status == 200


def test_file_that_goes_and_comes(weir):
    server = weir(**with_users(f"u:{FAST}\n"))
    for _ in range(2):
        assert log_in(server).status == 200
        os.rename(server.prefix / "users", server.prefix / "gone")
        assert log_in(server).status == 403
        os.rename(server.prefix / "gone", server.prefix / "users")


def test_hundred_thousand_users(weir):
    users = "".join(f"user{i}:{{PLAIN}}password{i}\n" for i in range(100_000))
    server = weir(**with_users(users))
    with server.connect() as client:
        for i in (0, 1, 50_000, 99_999):
            assert client.ask(request("/a", basic(f"user{i}", f"password{i}"))).status == 200
            assert client.ask(request("/a", basic(f"user{i}", f"password{i + 1}"))).status == 401
        assert client.ask(request("/a", basic("user100000", "password100000"))).status == 401


def test_more_files_than_are_kept(weir):
    files = {f"many/{i}": f"u{i}:{FAST}\n" for i in range(100)}
    server = weir(**with_users("", 'auth_basic "s"; auth_basic_user_file many/$arg_f;', files=files))
    with server.connect() as client:
        for _ in range(2):
            for i in range(100):
                assert client.ask(request(f"/a?f={i}", basic(f"u{i}"))).status == 200
                assert client.ask(request(f"/a?f={i}", basic(f"u{i + 1}"))).status == 401


# ---- other places


def test_error_page_keeps_the_field(weir):
    server = weir(**with_users(f"u:{FAST}\n", SITE + "error_page 401 /sorry; location = /sorry { auth_basic off; }"))
    response = server.get("/a")
    assert (response.status, response.body, response.get("WWW-Authenticate")) == (401, b"sorry", 'Basic realm="site"')


def test_error_page_with_another_status_asks_for_no_password(weir):
    server = weir(**with_users(f"u:{FAST}\n", SITE + "error_page 401 =200 /sorry; location = /sorry { auth_basic off; }"))
    response = server.get("/a")
    assert (response.status, response.body, response.get("WWW-Authenticate")) == (200, b"sorry", None)


def test_error_page_that_asks_itself_ends_with_our_own(weir):
    server = weir(**with_users(f"u:{BCRYPT_5}\n", SITE + "error_page 401 /sorry;"))
    response = log_in(server, password="x")
    assert response.status == 401 and b"401 Unauthorized" in response.body and response.get("WWW-Authenticate") == 'Basic realm="site"'
    assert counted(server)[0] == 1              # at both places the same was asked


def test_internal_redirect_compares_once(weir):
    server = weir(**with_users(f"u:{BCRYPT_5}\n", http="auth_basic_cache off;"))
    assert log_in(server, target="/").body == b"index"
    assert counted(server)[0] == 1


def test_head_and_post(weir):
    server = weir(**with_users(f"u:{BCRYPT_5}\n"))
    assert server.get("/a", basic("u"), method="HEAD").status == 200
    assert server.get("/a", method="HEAD").status == 401
    with server.connect() as client:
        body = b"x" * 5000
        assert client.ask(request("/a", basic("u", "x"), f"Content-Length: {len(body)}", method="POST", body=body)).status == 401
        assert client.ask(request("/a", basic("u"))).status == 200


def test_password_for_other_methods(weir):
    server = weir(**with_users(f"u:{BCRYPT_5}\n", "location /a { limit_except GET { " + SITE + " } }"))
    assert [server.get("/a", *fields, method=method).status for method in ("GET", "POST") for fields in ([], [basic("u", "x")], [basic("u")])] == \
        [200, 200, 200, 401, 401, 405]


# ---- $remote_user

@pytest.mark.parametrize("field, user", [
    (None, ""), (basic("joe"), "joe"), (basic("joe", ""), "joe"), (basic(b"joe"), ""), (basic("", "x"), ""), ("Authorization: Bearer x", ""),
    (basic("a", "b:c"), "a"),
])
def test_remote_user_needs_no_auth_basic(weir, field, user):
    server = weir(server='location / { return 200 "[$remote_user]"; }')
    assert server.get("/", *([field] if field else [])).body == f"[{user}]".encode()
    assert server.wait_access()[0].startswith(f"127.0.0.1 - {user or '-'} [")


def test_remote_user_is_escaped_in_the_log(weir):
    server = weir(server='location / { return 200 "x"; }')
    server.get("/", basic('a"\n\\b'))
    assert server.wait_access()[0].startswith(r"127.0.0.1 - a\x22\x0A\x5Cb [")


def test_name_cannot_forge_a_line_of_the_error_log(weir):
    server = weir(**with_users(f"u:{FAST}\n"))
    log_in(server, 'x"\n2026/01/01 00:00:00 [emerg] forged')
    server.wait_log("was not found in")
    assert not re.search(r"^2026/01/01 00:00:00 \[emerg\] forged", server.log_text(), re.M)


# ---- what it costs


def test_unknown_name_costs_what_a_known_one_costs(weir):
    """Hashes are counted, not time. The commonest kind of the file is what is hashed."""
    server = weir(**with_users("".join(f"u{i}:{BCRYPT_5}\n" for i in range(3)) + f"p1:{FAST}\np2:{FAST}\nnone:\n", http="auth_basic_cache off;"))
    costs = {}
    for name, password in (("u1", "x"), ("nobody", "x"), ("none", "x"), ("nobody", "secret"), ("u1", "secret")):
        before = counted(server)[0]
        status = log_in(server, name, password).status
        assert status == (200 if (name, password) == ("u1", "secret") else 401)
        costs[name, password] = counted(server)[0] - before
    assert set(costs.values()) == {1}


def test_unknown_name_is_hashed_by_threads_too(weir):
    server = weir(**with_users(f"u:{BCRYPT_12}\n"))
    assert log_in(server, "").status == 401
    before = threads_of(server)
    with server.connect() as client, server.connect() as other:
        client.send(request("/a", basic("nobody")))
        wait_until(lambda: threads_of(server) == before + 1, "a thread")
        assert other.ask(request("/a")).status == 401
        assert client.read().status == 401


def threads_of(server):
    return len(os.listdir(f"/proc/{server.workers()[0]}/task"))


def test_password_that_was_right_is_remembered(weir):
    server = weir(**with_users(f"u:{BCRYPT_5}\nv:{BCRYPT_5}\n"))
    for _ in range(5):
        assert log_in(server).status == 200
    assert counted(server) == (1, 4, 0)
    assert log_in(server, password="wrong").status == 401
    assert log_in(server, password="wrong").status == 401
    assert log_in(server, "v").status == 200
    assert counted(server) == (4, 4, 0)


def test_what_unknown_names_sent_is_not_remembered(weir):
    server = weir(**with_users(f"u:{BCRYPT_5}\n"))
    for _ in range(2):
        assert log_in(server, "nobody").status == 401       # with the password of u, whose hash stands in
    assert counted(server) == (2, 0, 0)


def test_fast_hashes_are_not_remembered(weir):
    server = weir(**with_users(f"u:{FAST}\n"))
    assert server.get("/a").status == 401
    before = threads_of(server)
    assert [log_in(server).status for _ in range(3)] == [200] * 3
    assert counted(server) == (3, 0, 0) and threads_of(server) == before


def test_remembering_ends(weir):
    server = weir(**with_users(f"u:{BCRYPT_5}\n", http="auth_basic_cache valid=50ms;"))
    log_in(server)
    wait_until(lambda: log_in(server).status == 200 and counted(server)[0] >= 3, "it to be forgotten twice")


def test_least_used_is_forgotten_first(weir):
    server = weir(**with_users("".join(f"{name}:{BCRYPT_5}\n" for name in "abc"), http="auth_basic_cache max=2;"))
    for name in "abacab":                       # c takes the place of b, then b that of c
        assert log_in(server, name).status == 200
    assert counted(server) == (4, 2, 0)


@pytest.mark.parametrize("cache", ["off", "max=0", "valid=0"])
def test_cache_off(weir, cache):
    server = weir(**with_users(f"u:{BCRYPT_5}\n", http=f"auth_basic_cache {cache};"))
    assert [log_in(server).status for _ in range(3)] == [200] * 3
    assert counted(server) == (3, 0, 0)


# ---- threads


def test_others_are_served_while_a_thousand_log_in(weir):
    server = weir(**with_users(f"u:{BCRYPT_5}\n", http="auth_basic_threads 2 queue=1000; auth_basic_cache off;",
                               events="worker_connections 2048;"))
    clients = [server.connect(timeout=60) for _ in range(1000)]
    before = threads_of(server)
    for i, client in enumerate(clients):
        client.send(request("/a", basic("u" if i % 2 else "nobody")))
    with server.connect() as other:
        waits = []
        for _ in range(20):
            start = now()
            assert other.ask(request("/sorry")).status == 401
            waits.append(now() - start)
    left = sum(1 for client in clients if not has_answer(client))
    assert left > 0, "all were done before the others were served"
    assert [client.read().status for client in clients] == [401, 200] * 500
    assert counted(server) == (1000, 0, 0)
    assert threads_of(server) == before + 2
    for client in clients:
        client.close()


def has_answer(client):
    client.sock.setblocking(False)
    try:
        return client.sock.recv(1, socket.MSG_PEEK) != b""
    except BlockingIOError:
        return False
    finally:
        client.sock.settimeout(60)


def test_full_queue_is_told_with_503(weir):
    server = weir(**with_users(f"u:{BCRYPT_12}\n", http="auth_basic_threads 1 queue=1;"))
    with server.connect() as first, server.connect() as second, server.connect() as third:
        first.send(request("/a", basic("u")))
        wait_until(lambda: counted(server)[0] == 1, "the first to be taken")
        second.send(request("/a", basic("u")))
        wait_until(lambda: counted(server)[0] == 2, "the second to wait")
        response = third.ask(request("/a", basic("u")))
        assert (response.status, response.get("Retry-After"), response.get("WWW-Authenticate")) == (503, "1", None)
        assert [client.read().status for client in (first, second)] == [200, 200]
        assert third.ask(request("/a", basic("u"))).status == 200
    server.wait_log(r"\[error\] .* too many passwords wait to be compared, client: ")
    assert counted(server)[2] == 1


def test_client_that_leaves_makes_room(weir):
    server = weir(**with_users(f"u:{BCRYPT_12}\n", http="auth_basic_threads 1 queue=1; auth_basic_cache off;"))
    with server.connect() as first:
        first.send(request("/a", basic("u")))
        wait_until(lambda: counted(server)[0] == 1, "the first to be taken")
        for i in range(3):
            with server.connect() as leaver:
                leaver.send(request("/a", basic("u")))
                wait_until(lambda: counted(server)[0] == 2 + i, "it to wait")
            server.wait_access(i + 1 + len([line for line in server.access_lines() if "/status" in line]))
            wait_until(lambda: sum(" 499 " in line for line in server.access_lines()) == i + 1, "it to be gone")
        assert first.read().status == 200
    assert counted(server)[2] == 0


def test_client_that_leaves_while_its_password_is_hashed(weir):
    server = weir(**with_users(f"u:{BCRYPT_10}\n", http="auth_basic_threads 2; auth_basic_cache off;"))
    for _ in range(4):
        with server.connect() as leaver:
            taken = counted(server)[0]
            leaver.send(request("/a", basic("u")))
            wait_until(lambda: counted(server)[0] == taken + 1, "it to be taken")
    assert log_in(server).status == 200


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGQUIT])
def test_end_while_passwords_are_hashed(weir, number):
    server = weir(**with_users(f"u:{BCRYPT_10}\n", http="auth_basic_threads 2 queue=10; auth_basic_cache off;"))
    clients = [server.connect() for _ in range(6)]
    for client in clients:
        client.send(request("/a", basic("u")))
    wait_until(lambda: counted(server)[0] == 6, "all to wait")
    server.stop(number)
    if number == signal.SIGQUIT:
        assert [client.read().status for client in clients] == [200] * 6
    for client in clients:
        client.close()


def test_reload_while_passwords_are_hashed(weir):
    server = weir(**with_users(f"u:{BCRYPT_10}\n", http="auth_basic_threads 1 queue=10; auth_basic_cache off;"))
    old = server.wait_workers()
    with server.connect() as one, server.connect() as two:
        for client in (one, two):
            client.send(request("/a", basic("u")))
        wait_until(lambda: counted(server)[0] == 2, "both to be taken")
        server.send_signal(signal.SIGHUP)
        server.wait_workers(1, without=old)
        assert [client.read().status for client in (one, two)] == [200, 200]
        assert one.ask(request("/a", basic("u"))).status == 200


def test_one_process_reloads_while_passwords_are_hashed(weir):
    server = weir(**with_users(f"u:{BCRYPT_10}\n", http="auth_basic_threads 1 queue=10; auth_basic_cache off;", main="master_process off;"))
    with server.connect() as one, server.connect() as two:
        for client in (one, two):
            client.send(request("/a", basic("u")))
        wait_until(lambda: counted(server)[0] == 2, "both to be taken")
        server.send_signal(signal.SIGHUP)
        server.wait_log("gracefully shutting down|reconfiguring")
        assert [client.read().status for client in (one, two)] == [200, 200]
    assert log_in(server).status == 200


def test_signals_are_the_workers_own(weir):
    server = weir(**with_users(f"u:{BCRYPT_5}\n"))
    assert log_in(server).status == 200
    worker = server.workers()[0]
    for task in os.listdir(f"/proc/{worker}/task"):
        if int(task) != worker:
            text = open(f"/proc/{worker}/task/{task}/status").read()
            assert int(re.search(r"SigBlk:\t(\w+)", text)[1], 16) & (1 << signal.SIGTERM - 1)


# ---- weir explain

@pytest.mark.parametrize("fields, step", [
    ([], "no name and password were sent"),
    ([basic("u")], 'user "u" has this password'),
    ([basic("u", "x")], 'user "u" has another password'),
    ([basic("v")], 'user "v" is not in the file'),
])
def test_explained(weir, fields, step):
    server = weir(**with_users(f"u:{BCRYPT_5}\n", start=False))
    server.write_conf()
    done = run_weir(server.prefix, "explain", "-p", str(server.prefix), "-c", "weir.conf", f"http://localhost:{server.port()}/a", *(word for field in fields for word in ("-H", field)))
    assert re.search(rf"^ *\d+ +auth_basic +{re.escape(step)} +\S*weir\.conf:\d+$", done.stdout, re.M), done.stdout + done.stderr


# ---- the conf file

@pytest.mark.parametrize("text, error", [
    ("auth_basic a b;", 'invalid number of arguments in "auth_basic" directive'),
    ("auth_basic;", 'invalid number of arguments in "auth_basic" directive'),
    ("auth_basic a; auth_basic b;", '"auth_basic" directive is duplicate'),
    ("auth_basic_threads 0;", '"auth_basic_threads" must be at least 1'),
    ("auth_basic_threads 65;", 'invalid value "65" in "auth_basic_threads" directive'),
    ("auth_basic_threads 2 queue=x;", 'invalid value "x" in "auth_basic_threads" directive'),
    ("auth_basic_threads 2 length=4;", 'invalid parameter "length=4"'),
    ("auth_basic_cache on;", 'invalid parameter "on"'),
    ("auth_basic_cache off max=1;", 'invalid parameter "off"'),
    ("auth_basic_cache max=1000001;", 'invalid value "1000001" in "auth_basic_cache" directive'),
    ("auth_basic_cache valid=x;", 'invalid value "x" in "auth_basic_cache" directive'),
])
def test_what_is_wrong_is_told(folder, text, error):
    done, path = check_conf(folder, f"events {{ }} http {{\n{text}\nserver {{ }} }}")
    assert done.returncode == 1
    assert f"weir: [emerg] {error} in {path}:2\n" in done.stderr
