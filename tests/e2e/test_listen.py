# SPDX-License-Identifier: BSD-2-Clause
"""The parameters of listen, as the kernel tells them of the sockets themselves."""

import ctypes
import grp
import os
import pwd
import socket
import stat

import pytest

from harness import Client, check_conf, request, wait_until

PIDFD_GETFD = 438
MPTCP = 262
TCP_DEFER_ACCEPT, TCP_FASTOPEN = 9, 23


def sockets_of(pid):
    """Copies of a process's own sockets, as far as the system lets us have them."""
    libc = ctypes.CDLL(None, use_errno=True)
    process = os.pidfd_open(pid)
    found = []
    try:
        for name in os.listdir(f"/proc/{pid}/fd"):
            try:
                is_socket = os.readlink(f"/proc/{pid}/fd/{name}").startswith("socket:")
            except FileNotFoundError:           # closed meanwhile
                continue
            if not is_socket:
                continue
            fd = libc.syscall(PIDFD_GETFD, process, int(name), 0)
            if fd < 0:
                pytest.skip("the system shows nobody's sockets")
            found.append(socket.socket(fileno=fd))
    finally:
        os.close(process)
    return found


def listening(weir, name="port"):
    for sock in sockets_of(weir.pid):
        if sock.family == socket.AF_UNIX or not sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            continue
        if sock.getsockname()[1] == weir.port(name):
            return sock
    raise AssertionError("nobody listens")


def accepted(weir, client):
    """The worker's end of a connection."""
    worker, = weir.workers()
    for sock in sockets_of(worker):
        if sock.family == client.sock.family and sock.getsockname() == client.sock.getpeername():
            try:
                if sock.getpeername() == client.sock.getsockname():
                    return sock
            except OSError:
                pass
    raise AssertionError("the worker has no such connection")


def backlog_of(port):
    """The kernel's own figure: the limit of the queue stands where others have their bytes to send."""
    out = os.popen(f"ss -Hltn 'sport = :{port}'").read().split()
    return int(out[2]) if len(out) > 2 else pytest.skip("ss is missing")


def served(weir, parameters, address="127.0.0.1"):
    return weir(http="server { listen %s:{port} %s; return 200 ok; }" % (address, parameters))


def integer(sock, level, option):
    return sock.getsockopt(level, option)


INHERITED = {(socket.SOL_SOCKET, socket.SO_KEEPALIVE), (socket.SOL_SOCKET, socket.SO_RCVBUF), (socket.SOL_SOCKET, socket.SO_SNDBUF),
             (socket.IPPROTO_TCP, socket.TCP_NODELAY), (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE),
             (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL), (socket.IPPROTO_TCP, socket.TCP_KEEPCNT)}
# parameters, level, option, value
OPTIONS = [
    ("", socket.IPPROTO_TCP, socket.TCP_NODELAY, True),
    ("", socket.SOL_SOCKET, socket.SO_KEEPALIVE, False),
    ("", socket.IPPROTO_TCP, TCP_DEFER_ACCEPT, True),
    ("deferred", socket.IPPROTO_TCP, TCP_DEFER_ACCEPT, True),
    ("deferred=on", socket.IPPROTO_TCP, TCP_DEFER_ACCEPT, True),
    ("deferred=off", socket.IPPROTO_TCP, TCP_DEFER_ACCEPT, False),
    ("rcvbuf=32k", socket.SOL_SOCKET, socket.SO_RCVBUF, 65536),
    ("sndbuf=20000", socket.SOL_SOCKET, socket.SO_SNDBUF, 40000),
    ("so_keepalive=on", socket.SOL_SOCKET, socket.SO_KEEPALIVE, True),
    ("so_keepalive=off", socket.SOL_SOCKET, socket.SO_KEEPALIVE, False),
    ("so_keepalive=30m::10", socket.SOL_SOCKET, socket.SO_KEEPALIVE, True),
    ("so_keepalive=30m::10", socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 1800),
    ("so_keepalive=30m::10", socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 10),
    ("so_keepalive=:5:", socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5),
    ("so_keepalive=:5:", socket.SOL_SOCKET, socket.SO_KEEPALIVE, True),
    ("fastopen=17", socket.IPPROTO_TCP, TCP_FASTOPEN, 17),
    ("reuseport", socket.SOL_SOCKET, socket.SO_REUSEPORT, True),
    ("bind", socket.SOL_SOCKET, socket.SO_REUSEPORT, False),
]


@pytest.mark.parametrize("parameters, level, option, value", OPTIONS)
def test_socket_has_the_option(weir, parameters, level, option, value):
    server = served(weir, parameters)
    found = integer(listening(server), level, option)
    assert bool(found) == value if isinstance(value, bool) else found == value
    with server.connect() as client:
        assert client.ask(request("/")).text == "ok"
        if (level, option) in INHERITED:
            found = integer(accepted(server, client), level, option)
            assert bool(found) == value if isinstance(value, bool) else found == value


@pytest.mark.parametrize("parameters, backlog", [("", 4096), ("backlog=7", 7), ("backlog=1024", 1024)])
def test_backlog_is_as_long_as_told(weir, parameters, backlog):
    most = int(open("/proc/sys/net/core/somaxconn").read())
    assert backlog_of(served(weir, parameters).port()) == min(backlog, most)


@pytest.mark.parametrize("parameters, both", [("", False), ("ipv6only=on", False), ("ipv6only=off", True)])
def test_ipv6_address_takes_ipv4_as_told(weir, parameters, both):
    server = weir(http="server { listen [::]:{port} %s; return 200 $remote_addr; }" % parameters)
    assert server.get(address="::1").text == "::1"
    if both:
        assert server.get().text == "::ffff:127.0.0.1"
    else:
        with pytest.raises(ConnectionRefusedError):
            server.connect()


def test_options_may_stand_in_any_listen_of_the_address(weir):
    server = weir(http="""
        server { listen 127.0.0.1:{port}; server_name a; return 200 a; }
        server { listen 127.0.0.1:{port} rcvbuf=32k default_server; server_name b; return 200 b; }""")
    assert integer(listening(server), socket.SOL_SOCKET, socket.SO_RCVBUF) == 65536
    assert [server.get(host=name).text for name in "abc"] == ["a", "b", "b"]


def test_default_in_its_old_spelling(weir):
    server = weir(http="""
        server { listen 127.0.0.1:{port}; server_name a; return 200 a; }
        server { listen 127.0.0.1:{port} default; server_name b; return 200 b; }""")
    assert server.get(host="c").text == "b"


def test_multipath_where_the_kernel_has_it(weir):
    try:
        socket.socket(socket.AF_INET, socket.SOCK_STREAM, MPTCP).close()
    except OSError:
        server = weir(http="server { listen 127.0.0.1:{port} multipath; return 200 ok; }", start=False, allow=["IPPROTO_MPTCP"])
        server.write_conf()
        done = server.run()
        assert done.returncode == 1 and "socket(IPPROTO_MPTCP) to 127.0.0.1:" in done.stderr
        return
    server = served(weir, "multipath")
    assert integer(listening(server), socket.SOL_SOCKET, socket.SO_PROTOCOL) == MPTCP
    assert server.get().text == "ok"
    with server.connect() as client:
        client.close()
        client.sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, MPTCP)
        client.sock.settimeout(10)
        client.sock.connect(("127.0.0.1", server.port()))
        for _ in range(3):
            assert client.ask(request("/")).text == "ok"


# ---- Unix sockets

def unix(weir, parameters="", **kwargs):
    return weir(http="server { listen unix:{prefix}/logs/s %s; return 200 ok; }" % parameters, **kwargs)


@pytest.mark.parametrize("parameters, mode", [("", 0o666), ("mode=0600", 0o600), ("mode=660", 0o660), ("mode=0777", 0o777)])
def test_unix_socket_has_its_mode(weir, parameters, mode):
    server = unix(weir, parameters)
    path = server.prefix / "logs" / "s"
    assert stat.S_IMODE(path.stat().st_mode) == mode
    with Client(str(path)) as client:
        assert client.ask(request("/")).text == "ok"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_unix_socket_has_its_owner(weir):
    user = pwd.getpwnam("nobody")
    group = grp.getgrgid(user.pw_gid)
    for parameters, owner in ((f"user=nobody group={group.gr_name}", (user.pw_uid, group.gr_gid)), ("user=nobody", (user.pw_uid, 0)),
                              (f"group={group.gr_name}", (0, group.gr_gid))):
        server = unix(weir, f"mode=0640 {parameters}")
        found = (server.prefix / "logs" / "s").stat()
        assert (stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid) == (0o640, *owner)


def test_mode_changes_with_a_reload(weir):
    server = unix(weir, "mode=0600")
    path = server.prefix / "logs" / "s"
    before = path.stat()
    server.conf_path.write_text(server.conf_path.read_text().replace("mode=0600", "mode=0660"))
    assert server.run("-s", "reload").returncode == 0
    wait_until(lambda: stat.S_IMODE(path.stat().st_mode) == 0o660, "the new mode")
    server.conf_path.write_text(server.conf_path.read_text().replace("mode=0660", ""))
    assert server.run("-s", "reload").returncode == 0
    wait_until(lambda: stat.S_IMODE(path.stat().st_mode) == 0o666, "the default")
    assert path.stat().st_ino == before.st_ino
    with Client(str(path)) as client:
        assert client.ask(request("/")).text == "ok"


def test_path_of_a_unix_socket_is_relative_to_the_prefix(weir):
    server = weir(http="server { listen unix:logs/s; return 200 ok; }")
    with Client(str(server.prefix / "logs" / "s")) as client:
        assert client.ask(request("/")).text == "ok"
    server.stop()
    assert not (server.prefix / "logs" / "s").exists()


def test_file_in_the_place_of_a_socket_stays(weir):
    server = unix(weir, start=False, files={"logs/s": "precious"}, allow=["File exists"])
    server.write_conf()
    done = server.run()
    assert done.returncode == 1
    assert f"bind() to unix:{server.prefix}/logs/s failed (17: File exists)" in done.stderr
    assert "try again" not in done.stderr
    assert (server.prefix / "logs" / "s").read_text() == "precious"


# ---- what is refused

BAD = [
    ("127.0.0.1:3 setfib=1", 'the "setfib=1" parameter is not supported', "only the BSDs have it"),
    ("127.0.0.1:3 accept_filter=dataready", 'the "accept_filter=dataready" parameter is not supported', "only the BSDs have it"),
    ("127.0.0.1:3 ssl", 'the "ssl" parameter is not supported', "TLS"),
    ("127.0.0.1:3 quic", 'the "quic" parameter is not supported', "HTTP/3"),
    ("127.0.0.1:3 mode=0600", 'invalid parameter "mode=0600"', "only Unix sockets have permissions"),
    ("127.0.0.1:3 user=root", 'invalid parameter "user=root"', "only Unix sockets have permissions"),
    ("unix:/s mode=0800", 'invalid mode "0800"', "mode=0660"),
    ("unix:/s mode=1777", 'invalid mode "1777"', "mode=0660"),
    ("unix:/s mode=00777", 'invalid mode "00777"', "mode=0660"),
    ("unix:/s mode=6", 'invalid mode "6"', "mode=0660"),
    ("unix:/s mode=", 'invalid mode ""', "mode=0660"),
    ("unix:/s user=no-such-user", 'unknown user "no-such-user"', ""),
    ("unix:/s group=no-such-group", 'unknown group "no-such-group"', ""),
    ("unix:", 'no path in the unix domain socket in "unix:"', ""),
    ("unix:/" + 108 * "s", "too long path in the unix domain socket", ""),
    ("127.0.0.1:3 backlog=0", '"backlog=0" must be at least 1', ""),
    ("127.0.0.1:3 backlog=-1", '"-1"', ""),
    ("127.0.0.1:3 rcvbuf=x", '"x"', ""),
    ("127.0.0.1:3 sndbuf=4g", 'invalid size "4g"', ""),
    ("127.0.0.1:3 ipv6only", 'invalid parameter "ipv6only"', "ipv6only="),
    ("[::1]:3 ipv6only=yes", 'invalid parameter "ipv6only=yes"', "on or off"),
    ("127.0.0.1:3 deferred=1", 'invalid parameter "deferred=1"', "on or off"),
    ("127.0.0.1:3 so_keepalive=", 'invalid so_keepalive value: "so_keepalive="', "IDLE"),
    ("127.0.0.1:3 so_keepalive=1:2", 'invalid so_keepalive value: "so_keepalive=1:2"', "IDLE"),
    ("127.0.0.1:3 so_keepalive=1:2:3:4", 'invalid so_keepalive value: "so_keepalive=1:2:3:4"', "IDLE"),
    ("127.0.0.1:3 so_keepalive=0::", 'invalid so_keepalive value: "so_keepalive=0::"', "IDLE"),
    ("127.0.0.1:3 so_keepalive=::128", 'invalid so_keepalive value: "so_keepalive=::128"', "IDLE"),
    ("127.0.0.1:3 proxy_protocol=on", 'invalid parameter "proxy_protocol=on"', "known: "),
]


@pytest.mark.parametrize("words, text, hint", BAD, ids=[row[0][:60] for row in BAD])
def test_wrong_words_are_refused(folder, words, text, hint):
    done, path = check_conf(folder, "events { } http { server {\nlisten %s;\n} }" % words)
    assert done.returncode == 1
    first = done.stderr.splitlines()[0]
    assert first.startswith("weir: [emerg] ") and text in first and first.endswith(f" in {path}:2"), done.stderr
    assert hint in done.stderr


def test_options_of_one_address_are_given_once(folder):
    conf = """events { } http {
        server { listen 127.0.0.1:3 backlog=3; server_name a; }
        server { listen 127.0.0.1:3 backlog=4; server_name b; } }"""
    done, path = check_conf(folder, conf)
    assert done.returncode == 1 and f"duplicate listen options for 127.0.0.1:3 in {path}:3" in done.stderr


@pytest.mark.parametrize("words", ["127.0.0.1:3 ipv6only=on", "unix:/s deferred", "unix:/s reuseport", "unix:/s so_keepalive=on",
                                   "unix:/s fastopen=3", "unix:/s multipath", "unix:/s ipv6only=off"])
def test_what_means_nothing_is_warned_of(folder, words):
    done, path = check_conf(folder, "events { } http { server {\nlisten %s;\n} }" % words)
    address, parameter = words.split()
    assert done.returncode == 0
    assert f'[warn] "{parameter}" means nothing for "{address}", ignored in {path}:2' in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has something to give away")
@pytest.mark.parametrize("kind", ["symbolic", "file", "socket"])
def test_permissions_are_those_of_the_socket_and_of_no_other_file(weir, kind):
    """Where the folder is somebody's, he may put what he likes in the place of the socket."""
    server = weir(http="server { listen unix:{prefix}/own/s mode=0666 user=nobody; return 200 ok; }", start=False, allow=[r"failed, ignored"])
    own, secret = server.prefix / "own", server.prefix / "secret"
    own.mkdir()
    os.chown(own, 65534, 65534)
    server.start()
    (own / "s").unlink()
    if kind == "socket":
        other = socket.socket(socket.AF_UNIX)
        other.bind(str(secret))
    else:
        secret.write_text("x")
    secret.chmod(0o600)
    if kind == "symbolic":
        (own / "s").symlink_to(secret)
    else:
        os.link(secret, own / "s")
    server.conf_path.write_text(server.conf_path.read_text().replace("mode=0666", "mode=0777"))
    assert server.run("-s", "reload").returncode == 0
    server.wait_log(r"own/s failed, ignored")
    found = secret.stat()
    assert (stat.S_IMODE(found.st_mode), found.st_uid) == (0o600, 0)
