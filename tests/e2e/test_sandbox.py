# SPDX-License-Identifier: BSD-2-Clause
"""What workers have given up before their first client: rights, files, system calls."""

import os
import pathlib
import platform
import re
import shutil
import signal
import socket
import subprocess

import pytest

from harness import check_conf, request, wait_until
from harness.intruder import (Intruder, capabilities, is_sanitized, landlock_version, root_only, status_of, taken_over, with_landlock,
                              with_seccomp)
from harness.server import binary, stat_of, warnings_of

KEPT_BY_ROOT = 1 << 1 | 1 << 2 | 1 << 3         # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER


def worker_with(server, **expected):
    """A worker, once it has these capabilities and no others: it is seen before it has given them up."""
    pid = server.wait_workers()[0]
    wait_until(lambda: capabilities(pid) == {**capabilities(pid), **expected}, f"capabilities {expected}")
    wait_until(lambda: status_of(pid)["NoNewPrivs"] == "1", "no new privileges")
    return pid


# ---- rights

@root_only
def test_workers_have_no_capability_and_get_none(weir):
    server = weir(main="user nobody;", server="")
    worker_with(server, Inh=0, Prm=0, Eff=0, Bnd=0, Amb=0)
    assert status_of(server.pid)["NoNewPrivs"] == status_of(os.getpid())["NoNewPrivs"]


@root_only
def test_workers_that_stay_root_keep_what_reads_and_writes_files(weir):
    server = weir(main="user root;", server="", files={"html/secret": "x"})
    os.chmod(server.html / "secret", 0o600)
    os.chown(server.html / "secret", 65534, 65534)
    mine = capabilities(os.getpid())["Prm"]
    kept = mine & KEPT_BY_ROOT
    worker_with(server, Inh=0, Prm=kept, Eff=kept, Bnd=kept, Amb=0)
    assert server.get("/secret").text == "x"


def test_workers_of_anybody_get_no_new_privileges(weir):
    server = weir(server="", user=65534 if os.geteuid() == 0 else None)
    worker_with(server, Inh=0, Prm=0, Eff=0, Amb=0)


@root_only
@pytest.mark.skipif(shutil.which("setpriv") is None, reason="needs setpriv")
def test_what_the_service_manager_gives_the_master_is_not_the_workers(weir):
    server = weir(server="return 200 x;", user=65534, start=False)
    command = server.command
    server.command = lambda: [shutil.which("setpriv"), "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=+net_bind_service",
                              "--ambient-caps=+net_bind_service", *command()]
    server.user = None
    server.start()
    assert capabilities(server.pid)["Eff"] == capabilities(server.pid)["Amb"] == 1 << 10
    worker_with(server, Inh=0, Prm=0, Eff=0, Amb=0)



# Who is not dumpable has files in /proc that are root's.
@root_only
@pytest.mark.skipif(is_sanitized(), reason="the leak checker must look into the process")
def test_nobody_looks_into_a_worker(weir):
    server = weir(main="user nobody;", server="")
    assert os.stat(f"/proc/{server.wait_workers()[0]}/environ").st_uid == 0
    server = weir(main="user nobody; worker_rlimit_core 1m;", server="")
    assert os.stat(f"/proc/{server.wait_workers()[0]}/environ").st_uid == 65534


# ---- files

REFUSED = r'the sandbox refused "{path}": "sandbox_allow_{access} {folder};" opens .* \(13: Permission denied\), client: '


def refused(server, path, folder, access="read"):
    server.wait_log(REFUSED.format(path=re.escape(str(path)), folder=re.escape(str(folder)), access=access))


@with_landlock
def test_links_that_lead_out_are_refused_until_they_are_allowed(weir):
    server = weir(server="", files={"html/a": "a", "else/b": "b"})
    (server.html / "link").symlink_to("../else/b")
    (server.html / "inner").symlink_to("a")
    assert server.get("/inner").text == "a"
    assert server.get("/link").status == 403
    refused(server, server.html / "link", server.prefix / "else")
    server.write_conf("sandbox_allow_read {prefix}/else;\n" + server.template)
    assert server.run("-s", "reload").returncode == 0
    assert server.get("/link").text == "b"


@with_landlock
def test_a_file_that_owner_and_mode_keep_is_not_the_sandboxs_affair(weir):
    server = weir(server="", files={"html/a": "a"}, user=65534 if os.geteuid() == 0 else None)
    os.chmod(server.html / "a", 0)
    assert server.get("/a").status == 403
    server.wait_log("Permission denied")
    assert "sandbox" not in server.log_text()


@with_landlock
@pytest.mark.parametrize("sandbox", ["off", "report"])
def test_off_and_report_refuse_nothing(weir, sandbox):
    server = weir(main=f"sandbox {sandbox};", server="", files={"else/b": "b"})
    (server.html / "link").symlink_to("../else/b")
    assert server.get("/link").text == "b"
    assert ("files are not confined while it reports" in server.log_text()) == (sandbox == "report")


@with_landlock
def test_refusals_are_counted(weir):
    server = weir(server="location = /status { status; }", files={"else/b": "b"})
    (server.html / "link").symlink_to("../else/b")
    assert [server.get("/link").status for _ in range(3)] == [403] * 3
    assert '"sandbox_refused":3' in server.get("/status?format=json").text.replace(" ", "")


@with_landlock
def test_a_site_is_changed_by_a_link_on_the_way_to_it(weir):
    """As deployments do: the next release is unpacked beside the present one, and the link exchanged."""
    server = weir(server="root {prefix}/site/current/public;", start=False)
    for name in ("1", "2"):
        server.write(f"site/releases/{name}/public/a", name)
    (server.prefix / "site/current").symlink_to("releases/1")
    server.start()
    assert server.get("/a").text == "1"
    server.write("site/releases/3/public/a", "3")
    for name in ("2", "3", "1"):
        (server.prefix / "site/next").symlink_to(f"releases/{name}")
        os.rename(server.prefix / "site/next", server.prefix / "site/current")
        assert server.get("/a").text == name
    server.write("site/other", "x")
    (server.prefix / "site/releases/1/public/up").symlink_to("../../../other")
    assert server.get("/up").status == 403


def deploy(link, target):
    """As deployments do, so that there is no moment without."""
    new = link.with_name(link.name + ".new")
    new.symlink_to(target)
    os.rename(new, link)


@with_landlock
@pytest.mark.parametrize("main", ["", "master_process off;"])
@pytest.mark.parametrize("absolute", [False, True])
def test_sites_of_one_folder_are_deployed_each_by_itself(weir, main, absolute):
    server = weir(main=main, server="root {prefix}/apps/one/current; location /two/ { alias {prefix}/apps/two/current/; }", start=False)
    apps = server.prefix / "apps"
    for site, name in (("one", "r5"), ("two", "r1")):
        server.write(f"apps/{site}/releases/{name}/a", name)
        (apps / site / "current").symlink_to(f"{apps}/{site}/releases/{name}" if absolute else f"releases/{name}")
    server.start()
    assert (server.get("/a").text, server.get("/two/a").text) == ("r5", "r1")
    for site, name in (("one", "r6"), ("two", "r2"), ("one", "r7")):
        server.write(f"apps/{site}/releases/{name}/a", name)
        deploy(apps / site / "current", f"{apps}/{site}/releases/{name}" if absolute else f"releases/{name}")
        assert server.get("/a" if site == "one" else "/two/a").text == name
    assert "the sandbox refused" not in server.log_text()


@with_landlock
def test_a_link_that_leads_nowhere_yet_may_lead_to_the_first_release(weir):
    server = weir(server="root {prefix}/site/current;", start=False)
    (server.prefix / "site/releases").mkdir(parents=True)
    (server.prefix / "site/current").symlink_to("releases/1")
    server.start()
    assert server.get("/a").status == 404
    server.write("site/releases/1/a", "1")
    assert server.get("/a").text == "1"
    server.write("site/releases/2/a", "2")
    deploy(server.prefix / "site/current", "releases/2")
    assert server.get("/a").text == "2"


@with_landlock
def test_a_link_that_is_led_elsewhere_is_opened_by_a_reload_as_the_log_says(weir):
    server = weir(server="root {prefix}/site/current;", start=False)
    server.write("site/releases/1/a", "1")
    server.write("disk/releases/2/a", "2")
    (server.prefix / "site/current").symlink_to("releases/1")
    server.start()
    assert server.get("/a").text == "1"
    deploy(server.prefix / "site/current", server.prefix / "disk/releases/2")
    assert server.get("/a").status == 403
    refused(server, server.prefix / "site/current/a", server.prefix / "disk/releases/2")
    server.wait_log("opens what the configuration does not, a reload a folder of it that was replaced")
    assert server.run("-s", "reload").returncode == 0
    assert server.get("/a").text == "2"
    deploy(server.prefix / "site/current", "releases/1")           # back: now that is elsewhere
    assert server.get("/a").status == 403
    server.write_conf("sandbox_allow_read {prefix}/site {prefix}/disk;\n" + server.template)
    assert server.run("-s", "reload").returncode == 0
    for target, text in ((server.prefix / "disk/releases/2", "2"), ("releases/1", "1")):
        deploy(server.prefix / "site/current", target)
        assert server.get("/a").text == text


def test_all_of_the_machine_can_be_the_root(weir):
    server = weir(server="root /;", files={"html/a": "a"})
    assert server.get(f"{server.html}/a").text == "a"
    assert "sandbox: read /\n" in server.run("-t").stderr


@with_landlock
def test_a_root_that_is_replaced_is_opened_by_a_reload(weir):
    server = weir(server="", files={"html/a": "old", "html.new/a": "new"})
    assert server.get("/a").text == "old"
    os.rename(server.html, server.prefix / "html.old")
    os.rename(server.prefix / "html.new", server.html)
    assert server.get("/a").status == 403
    server.wait_log("the sandbox refused .* a reload a folder of it that was replaced")
    assert server.run("-s", "reload").returncode == 0
    assert server.get("/a").text == "new"


def test_t_tells_where_a_link_may_be_led(folder):
    (folder / "site/releases/1").mkdir(parents=True)
    (folder / "site/current").symlink_to("releases/1")
    done, _ = check_conf(folder, f"events {{ }} http {{ server {{ root {folder}/site/current; }} }}")
    assert f"sandbox: read {folder}/site/current, {folder}/site/releases\n" in done.stderr


@with_landlock
def test_a_link_may_lead_to_a_link(weir):
    server = weir(server="root {prefix}/current;", start=False)
    server.write("site/v/1/a", "1")
    server.write("site/v/2/a", "2")
    (server.prefix / "site/now").symlink_to("v/1")
    (server.prefix / "current").symlink_to(server.prefix / "site/../site/now")
    server.start()
    assert server.get("/a").text == "1"
    (server.prefix / "site/next").symlink_to("v/2")
    os.rename(server.prefix / "site/next", server.prefix / "site/now")
    assert server.get("/a").text == "2"


@with_landlock
def test_a_file_of_users_can_be_replaced(weir):
    server = weir(server='auth_basic x; auth_basic_user_file {prefix}/etc/users;', files={"html/a": "a", "etc/users": "a:{PLAIN}b\n"})
    fields = ("Authorization: Basic YTpi",)
    assert server.get("/a", *fields).status == 200
    server.replace("etc/users", "a:{PLAIN}c\n")
    assert server.get("/a", *fields).status == 401
    assert "sandbox" not in server.log_text()


@with_landlock
def test_one_file_can_be_a_place(weir):
    server = weir(server="location = /icon { alias {prefix}/etc/icon; }", files={"etc/icon": "1"})
    assert server.get("/icon").text == "1"
    server.replace("etc/icon", "2")
    assert server.get("/icon").text == "2"


@with_landlock
def test_a_root_that_comes_later_is_opened_by_a_reload(weir):
    server = weir(server="root {prefix}/late;")
    assert server.get("/a").status == 404
    server.write("late/a", "a")
    assert server.get("/a").status == 403
    server.wait_log("the sandbox refused .* a reload")
    assert server.run("-s", "reload").returncode == 0
    assert server.get("/a").text == "a"


@with_landlock
def test_what_is_written_stays_where_it_belongs(weir):
    server = weir(server="client_body_temp_path {prefix}/temp; location /up/ { dav_methods PUT DELETE MKCOL COPY MOVE; root {prefix}/dav; }",
                  files={"dav/up/old": "old"})
    for path in (server.prefix / "dav/up", server.prefix / "dav/up/old"):
        os.chmod(path, 0o777)
    os.chmod(server.html, 0o777)
    (server.prefix / "dav/up/out").symlink_to(server.html)

    def ask(method, target, *fields, body=None):
        return server.get(target, *fields, method=method, **({"body": body} if body is not None else {})).status
    assert ask("PUT", "/up/new", body=b"x" * 100000) == 201
    assert ask("MOVE", "/up/new", "Destination: /up/newer") in (201, 204)
    assert ask("PUT", "/up/out/new", body=b"x") in (403, 500)
    assert ask("MKCOL", "/up/out/folder/") in (403, 500)
    assert ask("COPY", "/up/old", "Destination: /up/out/old") in (403, 500)
    assert os.listdir(server.html) == []
    server.wait_log('the sandbox refused ".*": "sandbox_allow_write ')


@with_landlock
def test_logs_whose_names_hold_variables(weir):
    server = weir(server="access_log {prefix}/logs/$arg_a.log;")
    os.chmod(server.prefix / "logs", 0o777)
    (server.prefix / "logs/out.log").symlink_to(server.prefix / "html/out.log")
    os.chmod(server.html, 0o777)
    server.get("/?a=in")
    server.wait_access(name="in.log")
    server.get("/?a=out")
    server.wait_log('the sandbox refused .*"sandbox_allow_write ')
    assert os.listdir(server.html) == []


GRANTS = [
    ("server { root /srv/a; location /b/ { alias /srv/b/; } location /c { root /srv/a/c; } }", ["read /srv/a, /srv/b"]),
    ("server { root /srv/$host; location / { try_files $uri =404; } }", ["read /srv"]),
    ("server { root /srv/sites-$host/x; }", ["read /srv"]),
    ("server { root /srv/a; auth_basic x; auth_basic_user_file users; }", ["read /srv/a, {folder}/users"]),
    ("server { root /srv/a; auth_basic x; auth_basic_user_file users/$host; }", ["read /srv/a, {folder}/users"]),
    ("server { root /srv/a; access_log /var/log/weir-$host.log; }", ["read /srv/a", "write /var/log"]),
    ("server { root /srv/a; location /up { dav_methods PUT; client_body_temp_path {folder}/temp; root {folder}/up; } }",
     ["read /srv/a, {folder}/up", "write {folder}/temp, {folder}/up"]),
    ("server { root /srv/a; location / { if ($arg_x) { root /srv/x; } } }", ["read /srv/a, /srv/x"]),
]


@pytest.mark.parametrize("http, told", GRANTS)
def test_t_tells_what_a_conf_opens(folder, http, told):
    done, _ = check_conf(folder, "events { } http { " + http.replace("{folder}", str(folder)) + " }")
    assert done.returncode == 0, done.stderr
    assert [line.split("sandbox: ")[1] for line in done.stderr.splitlines() if "[notice] sandbox: " in line] == \
        [line.replace("{folder}", str(folder)) for line in told]
    done, _ = check_conf(folder, "events { } http { " + http.replace("{folder}", str(folder)) + " }", "-q")
    assert "sandbox" not in done.stderr


def test_t_tells_what_is_allowed_beside_it(folder):
    done, _ = check_conf(folder, "sandbox_allow_read /b /a/b; sandbox_allow_read /a; sandbox_allow_write w; events { }")
    assert "sandbox: read /a, /b\n" in done.stderr and f"sandbox: write {folder}/w\n" in done.stderr
    done, _ = check_conf(folder, "sandbox off; events { }")
    assert "[notice] sandbox: off\n" in done.stderr


def test_long_lists_are_told_in_lines_that_can_be_read(folder):
    done, _ = check_conf(folder, "events { } http { " + "".join(f"server {{ server_name s{n}; root /srv/site-{n:03}; }}\n" for n in range(500)) + "}")
    lines = [line.split("sandbox: read ")[1] for line in done.stderr.splitlines() if "sandbox: read " in line]
    assert max(map(len, lines)) <= 110
    assert [path for line in lines for path in line.split(", ")] == [f"/srv/site-{n:03}" for n in range(500)]


@pytest.mark.parametrize("line, word", [("root $host;", "$host"), ("root /$host;", "/$host"), ("access_log /$host.log;", "/$host.log"),
                                        ("auth_basic x; auth_basic_user_file $host;", "$host")])
def test_a_path_that_opens_everything_is_warned_of(folder, line, word):
    done, _ = check_conf(folder, "events { } http { server { " + line + " } }")
    assert len([w for w in warnings_of(done.stderr) if f'"{word}" lets the workers open all files, as a variable comes first in it' in w]) == 1
    done, _ = check_conf(folder, "sandbox off; events { } http { server { " + line + " } }")
    assert "lets the workers open" not in done.stderr


# ---- a worker that somebody has taken over

@pytest.fixture
def intruder(weir, monkeypatch):
    made = []

    def begin(**kwargs):
        it = Intruder(monkeypatch)
        made.append(it)
        it.listen()
        it.server = weir(**{"server": "", "files": {"html/a": "a", "else/b": "b"}, **kwargs})
        it.accept()
        it.worker = it.server.wait_workers()[0]
        return it
    yield begin
    for one in made:
        one.close()


@taken_over
@with_landlock
def test_an_intruder_reads_what_is_served_and_nothing_else(intruder):
    it = intruder()
    prefix = it.server.prefix
    assert it("open", prefix / "html/a", "r") == it("list", prefix / "html") == "ok"
    for path in ("/etc/passwd", "/etc/os-release", prefix / "else/b", it.server.conf_path, it.server.error_log, prefix / "html/../else/b",
                 f"/proc/{it.server.pid}/environ", binary(), "/proc/self/../../etc/passwd"):
        assert (path, it("open", path, "r")) == (path, "EACCES")
    for path in ("/", "/etc", prefix, prefix / "html/..", "/root", "/home", "/usr"):
        assert (path, it("list", path)) == (path, "EACCES")
    assert it("open", prefix / "html/a", "r") == "ok"


@taken_over
@with_landlock
def test_an_intruder_sees_no_other_sites_neighbours(intruder):
    it = intruder(server="root {prefix}/sites/one/html; location /two/ { alias {prefix}/sites/two/html/; }",
                  files={"sites/one/html/a": "a", "sites/one/secret": "x", "sites/two/html/b": "b", "sites/two/secret": "x"})
    sites = it.server.prefix / "sites"
    assert it("open", sites / "one/html/a", "r") == it("open", sites / "two/html/b", "r") == "ok"
    for path in (sites / "one/secret", sites / "two/secret", sites / "one/html/../secret"):
        assert it("open", path, "r") == "EACCES"
    assert it("list", sites / "two") == it("list", sites) == "EACCES"


@taken_over
@with_landlock
def test_an_intruder_writes_nothing(intruder):
    it = intruder(main="user root;" if os.geteuid() == 0 else "")
    prefix = it.server.prefix
    for path in (prefix / "html/new", "/tmp/weir-intruder", it.server.access_log, it.server.conf_path, "/dev/null"):
        assert (path, it("open", path, "w")) == (path, "EACCES")
    for words in (("mkdir", prefix / "html/d"), ("unlink", prefix / "html/a"), ("symlink", "/etc/passwd", prefix / "html/s"),
                  ("rename", prefix / "html/a", prefix / "html/b"), ("chmod", prefix / "html/a", "777")):
        assert it(*words) in ("EACCES", "EPERM"), words
    assert sorted(os.listdir(prefix / "html")) == ["a"]


@taken_over
@with_landlock
def test_an_intruder_where_files_are_written(intruder):
    it = intruder(main="user root;" if os.geteuid() == 0 else "", server="location /up { root {prefix}/dav; dav_methods PUT; }",
                  files={"dav/up/x": "x", "html/a": "a"})
    prefix = it.server.prefix
    assert it("open", prefix / "dav/up/new", "w") == it("mkdir", prefix / "dav/d") == it("unlink", prefix / "dav/up/x") == "ok"
    assert it("open", prefix / "html/new", "w") == it("unlink", prefix / "html/a") == it("mkdir", prefix / "d") == "EACCES"
    assert it("symlink", "/etc/passwd", prefix / "dav/link") == "ok"
    assert it("open", prefix / "dav/link", "r") == "EACCES"
    assert it("rename", prefix / "dav/up/new", prefix / "html/new") in ("EACCES", "EXDEV")


@taken_over
@with_landlock
def test_an_intruder_sees_no_whole_disk_for_the_sake_of_a_link_to_it(intruder, folder):
    """Neither where a link leads to a folder of it, nor where a file of it is read."""
    disk = folder / "disk"
    disk.mkdir()
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "none", disk], capture_output=True).returncode != 0:
        pytest.skip("nothing can be mounted here")
    try:
        (disk / "site").mkdir()
        for name in ("site/a", "other", "users"):
            (disk / name).write_text("u:p\n")
        (folder / "current").symlink_to(disk / "site")
        it = intruder(server=f"root {folder}/current; location /users {{ auth_basic x; auth_basic_user_file {disk}/users; }}")
        assert it("open", disk / "site/a", "r") == it("open", disk / "users", "r") == "ok"
        assert it("open", disk / "other", "r") == it("list", disk) == "EACCES"
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


PROGRAM = shutil.which("true")


@taken_over
@with_seccomp
def test_an_intruder_makes_few_calls(intruder):
    it = intruder(main="user root;" if os.geteuid() == 0 else "")
    SYS = {"execveat": 322, "io_uring_setup": 425, "bpf": 321, "unshare": 272, "mount": 165, "setns": 308, "keyctl": 250, "chroot": 161,
           "process_vm_readv": 310, "pidfd_open": 434, "pidfd_getfd": 438, "memfd_create": 319, "userfaultfd": 323, "setuid": 105,
           "setgid": 106, "capset": 126, "personality": 135, "init_module": 175, "reboot": 169, "listen": 50, "socketpair": 53,
           "chmod": 90, "chown": 92, "perf_event_open": 298, "seccomp": 317, "landlock_create_ruleset": 444, "kexec_load": 246}
    refused = [("exec", PROGRAM), ("exec", "/bin/sh"), ("socket", socket.AF_INET, socket.SOCK_STREAM), ("socket", socket.AF_INET, socket.SOCK_DGRAM),
               ("socket", socket.AF_UNIX, socket.SOCK_STREAM), ("socket", socket.AF_UNIX, socket.SOCK_DGRAM), ("socket", 16, 3), ("socket", 17, 3),
               ("kill", os.getpid(), 10), ("kill", it.server.pid, 15), ("kill", -1, 9), ("kill", 0, 9), ("code",), ("map",), ("ioctl", 0, 0x5412),
               ("connect", 0, 80), ("bind", 0, 8000), ("limit", 7), *([] if platform.machine() != "x86_64" else [("call", number, 0) for number in SYS.values()])]
    if not is_sanitized():
        refused += [("ptrace", it.server.pid), ("fork",), ("prctl", 4, 1), ("prctl", 22, 0)]
    assert {words: it(*words) for words in refused} == {words: "EPERM" for words in refused}
    assert it("kill", it.server.pid, 0) in ("ok", "EPERM")
    assert it("kill", it.worker, 0) == it("thread") == "ok"
    assert it.server.get("/a").text == "a"
    for name in ("execve", "socket", "kill", "mprotect"):
        it.server.wait_log(rf"\[error\] .*: the sandbox refused system call \d+ \({name}\); this is told once$")
    assert it.server.log_text().count("(kill); this is told once") == 1


@taken_over
@with_seccomp
def test_refused_calls_are_counted(intruder):
    it = intruder(server="location = /status { status; }")
    for _ in range(5):
        assert it("socket", socket.AF_INET, socket.SOCK_STREAM) == "EPERM"
    wait_until(lambda: '"sandbox_refused":5' in it.server.get("/status?format=json").text.replace(" ", ""), "the count")


@taken_over
@with_seccomp
def test_datagrams_go_where_a_syslog_server_is(intruder):
    it = intruder(main="error_log syslog:server=127.0.0.1:9 crit;")
    assert it("socket", socket.AF_INET, socket.SOCK_DGRAM) == "ok"
    for family, kind in ((socket.AF_INET, socket.SOCK_STREAM), (socket.AF_INET6, socket.SOCK_DGRAM), (socket.AF_UNIX, socket.SOCK_DGRAM),
                         (socket.AF_INET, socket.SOCK_RAW)):
        assert it("socket", family, kind) == "EPERM"


@taken_over
@with_landlock
@pytest.mark.skipif(landlock_version() < 4, reason="the kernel's Landlock knows no TCP")
def test_sockets_that_are_there_are_connected_and_bound_nowhere(intruder):
    """Even where system calls are not confined."""
    it = intruder(main="error_log syslog:server=127.0.0.1:9 crit;", server="root {prefix}/html;")
    found = [int(fd) for fd in os.listdir(f"/proc/{it.worker}/fd") if os.readlink(f"/proc/{it.worker}/fd/{fd}").startswith("socket:")]
    results = {it("connect", fd, 80) for fd in found}
    assert "ok" not in results and "ECONNREFUSED" not in results


@taken_over
def test_an_intruder_where_the_sandbox_is_off_has_the_users_rights(intruder):
    it = intruder(main="sandbox off;")
    assert it("open", it.server.prefix / "else/b", "r") == it("socket", socket.AF_INET, socket.SOCK_STREAM) == "ok"


@taken_over
@with_seccomp
def test_reported_calls_are_made(intruder):
    it = intruder(main="sandbox report;")
    assert it("open", it.server.prefix / "else/b", "r") == it("socket", socket.AF_INET, socket.SOCK_STREAM) == "ok"


@taken_over
@with_landlock
def test_a_reload_brings_new_walls(intruder):
    it = intruder()
    it.server.write_conf("sandbox_allow_read {prefix}/else;\n" + it.server.template)
    assert it("open", it.server.prefix / "else/b", "r") == "EACCES"
    it.listen()
    assert it.server.run("-s", "reload").returncode == 0
    it.accept()
    assert it("open", it.server.prefix / "else/b", "r") == "ok"
    assert it("open", "/etc/passwd", "r") == "EACCES"


def descriptors(worker, kind):
    """Those of a worker that are sockets, or pipes."""
    links = {int(fd): os.readlink(f"/proc/{worker}/fd/{fd}") for fd in os.listdir(f"/proc/{worker}/fd")}
    return {fd: link for fd, link in links.items() if link.startswith(kind + ":")}


@taken_over
def test_an_intruder_passes_the_master_no_descriptor(intruder):
    """To close one may take as long as the intruder wants (SO_LINGER)."""
    it = intruder()
    inherited = descriptors(it.server.pid, "socket").values()
    own = [fd for fd, link in descriptors(it.worker, "socket").items() if link not in inherited]
    assert {it("pass", fd, own[0]) for fd in own} == {"EINVAL", "EPIPE"}
    assert it.server.get("/a").text == "a" and it.server.run("-s", "status").returncode == 0


@taken_over
def test_an_intruder_who_does_not_stop_talking_does_not_hold_the_master_up(intruder):
    it = intruder()
    pipes = descriptors(it.server.pid, "pipe").values()
    line = next(fd for fd, link in descriptors(it.worker, "pipe").items() if link in pipes and fd > 2)
    assert it("flood", line, 4) == "ok"
    for _ in range(5):
        assert it.server.run("-s", "status").returncode == 0
    assert it.server.run("-s", "reload").returncode == 0


def inherited_listener(it):
    """The worker's descriptor of the socket on which the server listens."""
    port = f"{it.server.port():04X}"
    rows = [line.split() for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]]
    inodes = {f"socket:[{row[9]}]" for row in rows if row[1].endswith(":" + port) and row[3] == "0A"}
    return next(fd for fd, link in descriptors(it.worker, "socket").items() if link in inodes)


@taken_over
@with_seccomp
def test_an_intruder_takes_nothing_from_the_others_who_have_the_same_sockets(intruder):
    """A listening socket is the master's and the other workers', too: also its flags are."""
    it = intruder()
    listener = inherited_listener(it)
    assert [it("shutdown", listener, how) for how in (socket.SHUT_RD, socket.SHUT_RDWR)] == ["EPERM", "EPERM"]
    assert {it("flags", fd, 0) for fd in (2, listener)} == {"EPERM"}
    assert it("shutdown", listener, socket.SHUT_WR) in ("ok", "ENOTCONN")
    assert it.server.get("/a").text == "a"


@taken_over
@with_seccomp
def test_an_intruder_sets_no_options_that_the_others_would_have(intruder):
    it = intruder()
    listener = inherited_listener(it)
    options = [(socket.SOL_SOCKET, socket.SO_REUSEPORT), (socket.SOL_SOCKET, socket.SO_RCVBUF), (socket.SOL_SOCKET, 25),
               (socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT), (socket.IPPROTO_IP, socket.IP_TTL)]
    assert {it("option", listener, f"{level}:{name}") for level, name in options} == {"EPERM"}
    assert it("option", listener, f"{socket.IPPROTO_TCP}:{socket.TCP_CORK}") == "ok"
    assert it.server.get("/a").text == "a"


@taken_over
@with_seccomp
def test_an_intruder_connects_no_socket_that_listened(intruder):
    """Neither by connect() nor by a send that does the same, of which Landlock did not know for long."""
    it = intruder()
    listener = inherited_listener(it)
    with socket.create_server(("127.0.0.1", 0)) as target:
        target.setblocking(False)
        port = target.getsockname()[1]
        it("shutdown", listener, socket.SHUT_RD)
        assert it("send-to", listener, port) not in ("ok", "EINPROGRESS")
        with pytest.raises(BlockingIOError):
            target.accept()


@taken_over
@with_seccomp
def test_datagrams_have_no_protocol_of_an_intruders_choice(intruder):
    it = intruder(main="error_log syslog:server=127.0.0.1:9 crit;")
    udp, udp_lite = 17, 136
    assert it("socket", socket.AF_INET, f"{socket.SOCK_DGRAM}:{udp_lite}") == "EPERM"
    assert it("socket", socket.AF_INET, f"{socket.SOCK_DGRAM}:1") == "EPERM"
    assert it("socket", socket.AF_INET, f"{socket.SOCK_DGRAM}:{udp}") == "EPERM"
    assert it("socket", socket.AF_INET, socket.SOCK_DGRAM) == "ok"


@taken_over
def test_what_an_intruder_leaves_in_the_queue_does_not_hold_the_end_up(intruder):
    """The last who closes a socket may have to wait, but not at his exit."""
    it = intruder(files={"html/a": "a", "html/big": "x" * 50_000_000}, allow=["malformed message"])
    rows = lambda: [line.split() for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]]
    with it.server.connect() as client:
        client.send(request("/big"))
        def connection():
            stuck = {f"socket:[{row[9]}]" for row in rows() if row[1].endswith(f":{it.server.port():04X}") and row[3] == "01" and row[4] > "00010000"}
            return next((fd for fd, link in descriptors(it.worker, "socket").items() if link in stuck), None)
        fd = wait_until(connection, "a socket with unsent bytes")
        assert it("linger", fd, 60) == "ok"
        inherited = descriptors(it.server.pid, "socket").values()
        assert "ok" in [it("pass", to, fd) for to, link in descriptors(it.worker, "socket").items() if link in inherited]
        assert it.server.run("-s", "stop").returncode == 0


# ---- logs that are opened anew, beyond the walls

@pytest.mark.parametrize("main", ["", "sandbox off;"])
def test_a_worker_that_is_told_to_reopen_its_logs_gets_them_from_the_master(weir, main):
    server = weir(main=main + ("user nobody;" if os.geteuid() == 0 else ""), workers=2, server="", files={"html/a": "a"})
    server.get("/a")
    server.wait_access(1)
    for n in range(2):
        os.rename(server.access_log, server.prefix / f"logs/old{n}.log")
        os.kill(server.wait_workers(2)[n], signal.SIGUSR1)
        wait_until(server.access_log.exists, "the new log")
        wait_until(lambda: server.get("/a") and server.access_lines(), "a line in the new log")
    assert server.log_text().count("reopening logs") == 4         # two workers, and the master for each
    assert "the sandbox refused" not in server.log_text() and "Permission denied" not in server.log_text()


def test_logs_reach_a_worker_that_was_busy_when_they_were_opened(weir):
    """More than the channel holds: a hundred logs, opened anew many times while nobody reads."""
    count, times = 100, 12
    server = weir(main="user nobody;" if os.geteuid() == 0 else "", files={"html/a": "a"},
                  server="".join(f"location = /{n} {{ alias {{prefix}}/html/a; access_log {{prefix}}/logs/{n}.log; }}" for n in range(count)))
    worker = server.wait_workers()[0]
    server.get("/0")
    server.wait_access(1, name="0.log")
    os.kill(worker, signal.SIGSTOP)
    try:
        wait_until(lambda: stat_of(worker)[1] == "T", "the worker to stop")
        for n in range(times):
            os.rename(server.prefix / "logs/0.log", server.prefix / "logs/0.old")
            os.rename(server.prefix / "logs/99.log", server.prefix / "logs/99.old")
            server.send_signal(signal.SIGUSR1)
            wait_until(lambda: (server.prefix / "logs/99.log").exists() and server.log_text().count(": reopening logs") == n + 1, "the new logs")
    finally:
        os.kill(worker, signal.SIGCONT)
    for name in ("0", "99"):
        wait_until(lambda: server.get(f"/{name}") and server.access_lines(f"{name}.log"), "a line in the new log")
    assert server.wait_workers() == [worker]
    assert "the sandbox refused" not in server.log_text() and "Permission denied" not in server.log_text()
