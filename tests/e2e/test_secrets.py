# SPDX-License-Identifier: BSD-2-Clause
"""What is secret is not left in the memory of the server: passwords that were sent, and secrets of a configuration that is gone."""

import base64
import re

import pytest

from harness import request, wait_until

USER, PASSWORD = "somebody", "a-Passw0rd-that-is-nowhere-else"
LETTERS = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
HASH = "$6$rounds=1000$saltsalt$" + "never/the/right/one" * 3


def memory_of(pid):
    """Each mapping of a process that can be written to: its bytes, and whether a core file would hold it."""
    parts = []
    with open(f"/proc/{pid}/smaps") as maps, open(f"/proc/{pid}/mem", "rb") as memory:
        for line in maps:
            if found := re.match(r"([0-9a-f]+)-([0-9a-f]+) (....) ", line):
                begin, end, rights = int(found[1], 16), int(found[2], 16), found[3]
            elif line.startswith("VmFlags:") and rights.startswith("rw") and end - begin < 1 << 28:
                try:
                    memory.seek(begin)
                    parts.append((memory.read(end - begin), "dd" not in line.split()))
                except OSError:
                    pass                # the kernel's own
    return parts


def found_in(pid, text):
    """How often the text is in the memory of a process, in what a core file holds, and outside of that."""
    counts = {True: 0, False: 0}
    for data, is_dumped in memory_of(pid):
        counts[is_dumped] += data.count(text.encode())
    return counts[True], counts[False]


@pytest.fixture
def readable(weir):
    def start(**kwargs):
        server = weir(**kwargs)
        try:
            memory_of(server.wait_workers()[0])
        except PermissionError:
            pytest.skip("the memory of a worker cannot be read by this user")
        return server
    return start


CONF = """auth_basic x; auth_basic_user_file users; location /open/ { auth_basic off; alias {prefix}/html/; }"""


@pytest.mark.parametrize("cache", ["off", "max=10"])
def test_password_is_not_kept(readable, cache):
    server = readable(server=CONF, http=f"auth_basic_cache {cache};", files={"html/a": "a", "users": f"{USER}:{{PLAIN}}{PASSWORD}x\nother:{HASH}\n{USER}2:{{PLAIN}}x\n"})
    worker = server.wait_workers()[0]
    for path in ("/a", "/open/a"):
        with server.connect() as client:
            for field in (f"Authorization: Basic {LETTERS}", f"authorization:   BASIC {LETTERS}"):
                answer = client.ask(request(path, field))
                assert answer.status == (401 if path == "/a" else 200)
            for part in (f"GET {path} HTTP/1.1\r\nHost: a\r\nAuthorization: Basic {LETTERS[:9]}", f"{LETTERS[9:]}\r\n\r\n"):
                client.send(part.encode())
            client.read()
            client.ask(request(path, f"Authorization: Basic {LETTERS}", f"Authorization: Basic {LETTERS}"))
    secret = PASSWORD.encode()
    # A request stays until its connection is closed, which a client sees before it is done.
    wait_until(lambda: found_in(worker, LETTERS) == (0, 0), "what was sent to be gone")
    assert found_in(worker, f"{USER}:{PASSWORD}")[0] == 0
    wait_until(lambda: found_in(worker, PASSWORD)[0] == 0, "the password to be gone")
    assert found_in(worker, HASH) == (0, 1)         # of the file, which a core file does not hold
    assert secret in (server.prefix / "users").read_bytes()


def test_secret_of_a_link_is_not_put_into_requests(readable):
    server = readable(server=f"""location /p/ {{ secure_link_secret {PASSWORD}; return 200 "$secure_link"; }}
        location /m/ {{ secure_link $arg_m; secure_link_md5 "$uri {PASSWORD}-md5 $arg_x"; return 200 "$secure_link"; }}""")
    worker = server.wait_workers()[0]
    before = found_in(worker, PASSWORD)
    for path in ("/p/0123456789abcdef0123456789abcdef/link", "/m/a?m=AAAAAAAAAAAAAAAAAAAAAA"):
        assert server.get(path).status == 200
        assert server.get(path).status == 200
    assert found_in(worker, PASSWORD) == before


def test_secret_of_a_configuration_that_is_gone(readable):
    server = readable(server=f"location /p/ {{ secure_link_secret {PASSWORD}; }}")
    master = server.pid
    assert found_in(master, PASSWORD)[0] > 0
    server.write_conf(server.template.replace(PASSWORD, "another"))
    assert server.run("-s", "reload").returncode == 0
    wait_until(lambda: found_in(master, PASSWORD) == (0, 0), "the secret to be gone")
