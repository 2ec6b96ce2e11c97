# SPDX-License-Identifier: BSD-2-Clause
"""weir doctor: what operators forget. Each check finds its fault, says it with the mend, and is quiet without it."""

import json
import os
import pathlib
import pty
import re
import resource
import shutil
import socket
import struct
import subprocess
import time

import pytest

from harness import binary, check_conf, run_weir
from harness.server import environment

TOP = pathlib.Path(__file__).resolve().parents[2]
ROOT = os.geteuid() == 0
NOBODY = 65534
STRANGER = {"user": 12345, "group": 12345, "extra_groups": []}
PLAIN = {"user": NOBODY, "group": NOBODY, "extra_groups": []}

BASE = """\
{main}
worker_processes 1;
pid logs/weir.pid;
error_log logs/error.log;
events {{ {events} }}
http {{
    access_log logs/access.log;
    client_body_temp_path {prefix}/body;
    {http}
    server {{
        listen {listen};
        {root}
        {server}
    }}
}}
"""

# What depends on the machine that the tests run on.
OF_THE_MACHINE = ("logs.room", "logs.kept", "clock.synchronised", "network.ipv6", "network.handshakes", "walls.kernel", "limits.shell")

needs_root = pytest.mark.skipif(not ROOT, reason="root alone can be another user")


@pytest.fixture
def site(folder):
    disk = shutil.disk_usage(folder)
    if disk.free < disk.total / 20 and disk.free < 64 << 30:
        pytest.skip("the disk is nearly full, which is told of")
    for name in ("html", "sub"):
        (folder / name).mkdir()
        (folder / name).chmod(0o755)
    (folder / "logs").chmod(0o755)
    (folder / "html/index.html").write_text("index\n")
    (folder / "html/index.html").chmod(0o644)
    yield folder
    for name, folders, _ in os.walk(folder):
        for inner in folders:
            if not os.path.islink(os.path.join(name, inner)):
                os.chmod(os.path.join(name, inner), 0o755)


def write(site, main="", events="", http="", server="", root="root html;", listen="unix:{prefix}/sock"):
    text = BASE.format(main=main, events=events, http=http, server=server, root=root, prefix=site,
                       listen=listen.replace("{prefix}", str(site)))
    (site / "weir.conf").write_text(text.replace("{site}", str(site)))
    (site / "weir.conf").chmod(0o644)


def run(site, *args, **kwargs):
    return run_weir(site, "doctor", "-p", str(site), "-c", "weir.conf", *args, **kwargs)


def told(site, *args, **kwargs):
    """{check: [findings]} of all that is not ok."""
    done = run(site, "--json", *args, **kwargs)
    assert done.stderr == "", done.stderr
    said = json.loads(done.stdout)
    found = [f for f in said["findings"] if f["level"] != "ok"]
    expected = 1 if said["problems"] else 3 if said["warnings"] else 0
    assert done.returncode == expected
    for level, name in (("error", "problems"), ("warning", "warnings"), ("notice", "notices")):
        assert sum(f["level"] == level for f in found) == said[name]
    result = {}
    for finding in found:
        for name in ("about", "text", "why", "mend", "file"):
            if finding[name]:
                finding[name] = finding[name].replace(str(site), "{site}")
        result.setdefault(f"{finding['group']}.{finding['check']}", []).append(finding)
    return result


def told_by_text(site, *args, **kwargs):
    """{check: (level, about, text, mend, line)} of the first finding of each, without what only this machine has."""
    return {check: tuple(found[0][name] for name in ("level", "about", "text", "mend", "line"))
            for check, found in told(site, *args, **kwargs).items() if check not in OF_THE_MACHINE}


def tree(folder):
    return sorted((str(path), stat.st_mtime_ns, stat.st_size, stat.st_mode)
                  for path, stat in ((path, path.lstat()) for path in folder.rglob("*")) if "sanitizer" not in path.parts)


# ---- nothing is wrong ----


def who(user):
    if user == "root" and not ROOT:
        pytest.skip("we are not root")
    return PLAIN if user == "plain" and ROOT else {}


def give(site, user):
    if user == "plain" and ROOT:
        for path in [site, *site.rglob("*")]:
            os.chown(path, NOBODY, NOBODY, follow_symlinks=False)


@pytest.mark.parametrize("user", ["root", "plain"])
def test_nothing_is_wrong_with_what_is_right(site, user):
    kwargs = who(user)
    write(site)
    give(site, user)
    before = tree(site)
    assert told_by_text(site, **kwargs) == {}
    assert tree(site) == before


@pytest.mark.parametrize("user", ["root", "plain"])
@pytest.mark.parametrize("name", ["weir.conf", "run.conf"])
def test_nothing_is_wrong_with_the_shipped_configuration(site, name, user):
    kwargs = who(user)
    text = (TOP / "conf" / name).read_text()
    assert len(re.findall(r"^ *listen .*\b(80|8080);", text, re.M)) == 1
    (site / "manual").mkdir()
    shutil.copy(TOP / "conf" / "mime.types", site)
    shutil.copytree(TOP / "html", site / "html", dirs_exist_ok=True)
    extra = ("-g", "env WEIR_MANUAL;") if name == "run.conf" else ()
    os.environ["WEIR_MANUAL"] = "manual"
    try:
        with socket.socket() as claimed:        # so that no other test listens there
            claimed.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            claimed.bind(("0.0.0.0", 0))
            port = claimed.getsockname()[1]
            (site / "weir.conf").write_text(re.sub(r"^( *listen .*)\b(80|8080);", rf"\g<1>{port};", text, flags=re.M))
            give(site, user)
            assert told_by_text(site, *extra, **kwargs) == {}
    finally:
        del os.environ["WEIR_MANUAL"]


def test_text_ends_with_the_count(site):
    write(site)
    done = run(site)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"{site}/weir.conf, which does not run; it would be started by ")
    assert re.search(r"\n0 problems, 0 warnings, \d\d checks fine\n\Z", done.stdout)
    assert "\033" not in done.stdout
    assert run(site, "-q").stdout == ""


# ---- each check finds its fault ----


def chmod(name, mode):
    return lambda site: (site / name).chmod(mode)


def make(name, text="x\n", mode=0o644, mtime=None):
    def do(site):
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).parent.chmod(0o755)
        (site / name).write_text(text)
        (site / name).chmod(mode)
        if mtime is not None:
            os.utime(site / name, (mtime, mtime))
    return do


def link(name, target):
    return lambda site: os.symlink(target, site / name)


def folder_of(name, mode=0o755):
    def do(site):
        (site / name).mkdir(parents=True)
        (site / name).chmod(mode)
    return do


def large(name):
    def do(site):
        (site / name).touch()
        os.truncate(site / name, (1 << 30) + 5)
    return do


KEY = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n-----END PRIVATE KEY-----\n"
DATE = 4000000000

# name: (what is done, the conf file, the check, level, about, text, mend). The last three may be patterns.
FAULTS = {
    "conf with a trap": (None, dict(server="location x { }"), "conf.test", "warning", None,
                         r'location "x" never matches: each path begins with a slash', "location /x"),
    "root that repeats the location": (make("img/a.png"), dict(server="location /img/ { root img; }"), "conf.test", "warning", "root {site}/img",
                                       'files of "/img/" are looked for in {site}/img/img, which is not there', "alias {site}/img/;"),
    "conf that all may write": (chmod("weir.conf", 0o666), {}, "conf.owners", "error", "{site}/weir.conf",
                                r"everybody on this machine may write to it \(mode 0666\)", "chmod o-w {site}/weir.conf"),
    "include in an open folder": (lambda site: (make("sub/a.conf", "")(site), chmod("sub", 0o777)(site)), dict(http="include sub/a.conf;"),
                                  "conf.owners", "error", "{site}/sub",
                                  r"everybody on this machine may replace files of the configuration in it \(mode 0777\)",
                                  "chmod o-w {site}/sub"),
    "few descriptors": (None, dict(main="worker_rlimit_nofile 100;", events="worker_connections 500;"), "limits.descriptors", "error",
                        "worker_rlimit_nofile", r"100, and a worker may want 5\d\d: 500 connections, cached files, logs and listeners",
                        "worker_rlimit_nofile 1024;"),
    "descriptors without those of files": (None, dict(main="worker_rlimit_nofile 600;", events="worker_connections 500;",
                                                      http="open_file_cache max=5000;"), "limits.descriptors", "warning",
                                           "worker_rlimit_nofile", r"600, and a worker may want 55\d\d: .*", "worker_rlimit_nofile 8192;"),
    "more than the kernel allows": (None, dict(main="worker_rlimit_nofile 2147483647;"), "limits.descriptors", "error", "worker_rlimit_nofile",
                                    r"2147483647, and the kernel allows \d+ to a process \(fs.nr_open\)", r"sysctl -w fs.nr_open=2147483647"),
    "memory": (None, dict(events="worker_connections 40000000;", main="worker_rlimit_nofile 50000000;"), "limits.memory", "warning",
               "worker_connections", r"1 worker with 40000000 connections each may want .* TiB, and there is .*", r"worker_connections less, .*"),
    "backlog": (None, dict(listen="unix:{prefix}/sock backlog=70000000"), "network.backlog", "warning", "unix:{site}/sock",
                r"backlog=70000000, and the kernel cuts it to \d+ \(net.core.somaxconn\)", r"sysctl -w net.core.somaxconn=70000000 .*"),
    "no such address": (None, dict(listen="192.0.2.77:8099"), "network.addresses", "error", "192.0.2.77:8099",
                        "this machine has no such address", "listen 8099; .*"),
    "socket without a folder": (None, dict(listen="unix:{prefix}/gone/sock"), "network.addresses", "error", "unix:{site}/gone/sock",
                                "there is no folder {site}/gone/", "mkdir -p {site}/gone/"),
    "no folder to work in": (None, dict(main="working_directory gone;"), "files.access", "error", "working_directory {site}/gone",
                             "it is not there", None),
    "root is missing": (None, dict(root="root gone/deep;"), "files.access", "error", "root {site}/gone/deep", "{site}/gone is not there",
                        "mkdir -p {site}/gone/deep"),
    "alias is missing": (None, dict(server="location /a/ { alias gone/; }"), "files.access", "error", "alias {site}/gone/", ".*is not there",
                         None),
    "root is a file": (None, dict(root="root html/index.html;"), "files.kinds", "error", "root {site}/html/index.html", "it is no folder",
                       "alias {site}/html/index.html; .*"),
    "file on the way": (None, dict(root="root html/index.html/x;"), "files.access", "error", "root {site}/html/index.html/x",
                        "{site}/html/index.html is no folder", "ls -ld {site}/html/index.html"),
    "links in a ring": (lambda site: (link("one", "two")(site), link("two", "one")(site)), dict(root="root one;"), "files.access", "error",
                        "root {site}/one", ".*: links that lead to each other", "ls -ld .*"),
    "link to nowhere": (link("current", "releases/5"), dict(root="root current;"), "files.access", "error", "root {site}/current",
                        "{site}/releases is not there", "mkdir -p {site}/current"),
    "page is missing": (None, dict(server="error_page 404 /404.html;"), "files.access", "warning", "error_page {site}/html/404.html",
                        "it is not there", None),
    "page is missing in its location": (None, dict(server="error_page 500 502 /50x.html; location = /50x.html { root sub; }"), "files.access",
                                        "warning", "error_page {site}/sub/50x.html", "it is not there", None),
    "fallback is missing": (None, dict(server="location / { try_files $uri /app.html; }"), "files.access", "warning",
                            "try_files {site}/html/app.html", "it is not there", None),
    "users are missing": (None, dict(server="auth_basic x; auth_basic_user_file users;"), "files.access", "error",
                          "auth_basic_user_file {site}/users", "it is not there", "htpasswd -cB {site}/users NAME"),
    "users that all may read": (make("users", mode=0o644), dict(server="auth_basic x; auth_basic_user_file users;"), "files.passwords", "warning",
                                "auth_basic_user_file {site}/users",
                                r"everybody on this machine may read the hashes of passwords \(mode 0644\)",
                                r"setfacl -m u:\w+:r {site}/users && chmod o-r {site}/users"),
    "users that are served": (make("html/users"), dict(server="auth_basic x; auth_basic_user_file html/users;"), "files.passwords", "error",
                              "auth_basic_user_file {site}/html/users", "it lies below {site}/html, which is served",
                              "mv {site}/html/users ELSEWHERE .*"),
    "root that all may write": (chmod("html", 0o777), {}, "files.open", "warning", "root {site}/html",
                                r"everybody on this machine may write to it \(mode 0777\)", "chmod o-w {site}/html"),
    "key": (make("html/site.key", KEY), {}, "files.exposed", "error", "root {site}/html", "it has private keys: site.key",
            "mv {site}/html/site.key ELSEWHERE"),
    "pem": (make("html/all.pem", KEY), {}, "files.exposed", "error", "root {site}/html", "it has private keys: all.pem", "mv .*"),
    "dumps": (lambda site: [make(f"html/{i}.sql")(site) for i in range(5)], {}, "files.exposed", "warning", "root {site}/html",
              r"it has dumps of databases: \d.sql, \d.sql, \d.sql and 2 more", r"mv {site}/html/\d.sql ELSEWHERE"),
    "copies": (make("html/a b.php~"), {}, "files.exposed", "warning", "root {site}/html",
               "it has copies that editors and people leave behind: a b.php~", "mv {site}/html/'a b.php~' ELSEWHERE"),
    "hidden": (make("html/.git/config"), {}, "files.exposed", "notice", "root {site}/html",
               'it has .git; whoever asks gets 404, as "serve_hidden" is off', None),
    "hidden and served": (make("html/.env"), dict(server="serve_hidden on;"), "files.exposed", "error", "root {site}/html",
                          'it has .env; whoever asks gets that, by "serve_hidden on"', "serve_hidden off;"),
    "types": (lambda site: (make("html/a.css")(site), make("html/b.wasm")(site), make("html/c.xyz")(site)),
              dict(http="types { text/html html; }"), "types.types", "warning", "root {site}/html",
              'there are files that "types" does not name: .css, .wasm',
              'include mime.types;    # or in "types { }": text/css css; application/wasm wasm;'),
    "log without a folder": (None, dict(http="access_log gone/a.log;"), "logs.logs", "error", "{site}/gone/a.log", "there is no folder {site}/gone/",
                             "mkdir -p {site}/gone/"),
    "folder of logs that all may write": (chmod("logs", 0o777), {}, "logs.folders", "warning", "{site}/logs/",
                                          r"everybody on this machine may write to this folder of logs \(mode 0777\)", "chmod o-w {site}/logs/"),
    "folder of logs where all may put links": (chmod("logs", 0o1777), {}, "logs.folders", "warning", "{site}/logs/",
                                               r"everybody on this machine may write to this folder of logs \(mode 1777\)", "chmod o-w {site}/logs/"),
    "log that nobody rotates": (large("logs/access.log"), {}, "logs.rotation", "warning", "{site}/logs/access.log",
                                '1.00? GiB, and nobody rotates it: .*', "rotate=daily keep=14 .*"),
    "pid without a folder": (None, dict(main="pid gone/weir.pid;"), "logs.pid", "error", "pid {site}/gone/weir.pid",
                             "there is no folder {site}/gone/", "mkdir -p {site}/gone/"),
    "pid of one that was killed": (make("logs/weir.pid", "999999999\n"), {}, "logs.pid", "notice", "pid {site}/logs/weir.pid",
                                   "it is there, and no server of that number runs", None),
    "pid of another program": (make("logs/weir.pid", f"{os.getpid()}\n"), {}, "logs.pid", "notice", "pid {site}/logs/weir.pid",
                               "it is there, and no server of that number runs", None),
    "body folder is a file": (make("body"), {}, "logs.bodies", "error", "{site}/body", "it is no folder", "rm {site}/body"),
    "body folder cannot be made": (None, dict(http="server { client_body_temp_path gone/body; }"), "logs.bodies", "error", "{site}/gone/body",
                                   r"\S+ cannot make it \(2: No such file or directory\)", "mkdir -p {site}/gone/"),
    "file of the future": (make("html/a.css", mtime=DATE), {}, "clock.files", "warning", "root {site}/html",
                           "1 file of the future, such as a.css: 2096-10-02 07:06:40 UTC", "touch {site}/html/a.css"),
    "sandbox off": (None, dict(main="sandbox off;"), "walls.sandbox", "warning", "sandbox",
                    "off: workers can open all files that their user can", "sandbox on; .*"),
    "sandbox reports": (None, dict(main="sandbox report;"), "walls.sandbox", "notice", "sandbox",
                        "report: nothing is refused while it reports", "sandbox on;"),
    "no master": (None, dict(main="master_process off;"), "walls.sandbox", "notice", "master_process", "off: it is for looking for errors",
                  "master_process on;"),
}
if ROOT:
    FAULTS |= {
        "workers are root": (None, dict(main="user root;"), "walls.user", "warning", "user", "the workers are root", "user nobody;"),
        "root without a master": (None, dict(main="master_process off;"), "walls.user", "warning", "master_process",
                                  "without a master, whoever starts the server serves: root", "master_process on;"),
        "conf is the workers'": (lambda site: os.chown(site / "weir.conf", NOBODY, -1), {}, "conf.owners", "warning", "{site}/weir.conf",
                                 "it belongs to the workers' user, nobody", "chown root {site}/weir.conf"),
        "log behind a link of another's": (lambda site: (os.chown(site / "logs", NOBODY, -1), link("logs/access.log", "/tmp/x")(site)), {},
                                           "logs.logs", "error", "{site}/logs/access.log", ".*link.*", None),
    }


def matches(pattern, text, site):
    if pattern is None or text is None:
        return pattern is None or pattern == text
    return re.fullmatch(pattern.replace("{site}", re.escape("{site}")), text) is not None or pattern == text


@pytest.mark.parametrize("name", FAULTS)
def test_fault_is_found(site, name):
    prepare, conf, check, level, about, text, mend = FAULTS[name]
    conf = dict(conf)
    if "pid gone" in conf.get("main", "") or "access_log gone" in conf.get("http", "") or "client_body_temp_path" in conf.get("http", ""):
        write(site, **{k: v for k, v in conf.items() if k not in ("main", "http")})
        whole = (site / "weir.conf").read_text()
        for k in ("main", "http"):
            if conf.get(k, "").startswith("pid"):
                whole = whole.replace("pid logs/weir.pid;", conf[k])
            elif conf.get(k, "").startswith("access_log"):
                whole = whole.replace("access_log logs/access.log;", conf[k])
            elif conf.get(k):
                whole = whole.replace(f"client_body_temp_path {site}/body;", "client_body_temp_path gone/body;")
        (site / "weir.conf").write_text(whole)
    else:
        write(site, **conf)
    if prepare is not None:
        prepare(site)
    before = tree(site)
    found = told(site)
    assert tree(site) == before
    assert check in found, found
    told_of = found[check][0]
    assert told_of["level"] == level
    assert matches(about, told_of["about"], site) or about is None, told_of
    assert matches(text, told_of["text"], site), told_of
    assert matches(mend, told_of["mend"], site), told_of
    if about and about.split()[0] in ("root", "alias", "auth_basic_user_file", "error_page", "try_files"):
        assert told_of["file"] == "{site}/weir.conf"
        line = (site / "weir.conf").read_text().splitlines()[told_of["line"] - 1]
        assert about.split()[0] in line


# Near misses: what looks like a fault, and is none.
RIGHT = {
    "certificate": (make("html/all.pem", "-----BEGIN CERTIFICATE-----\n"), {}),
    "slides with the name of a key": (make("html/talk.key", "PK\n"), {}),
    "hidden that is nothing": (make("html/.well-known/x"), {}),
    "page that is there": (make("html/404.html"), dict(server="error_page 404 /404.html;")),
    "page that a location makes": (None, dict(server="error_page 404 /404.html; location = /404.html { return 404 none; }")),
    "page by an expression": (None, dict(server="error_page 404 /404.html; location ~ html { root sub; }")),
    "page elsewhere": (None, dict(server="error_page 404 http://example.org/404.html; error_page 500 @x; location @x { return 500; }")),
    "root with a variable": (None, dict(root="root {site}/html/$host;")),
    "root with a variable at its begin": (None, dict(main="sandbox_allow_read /srv;", root="root $document_uri;")),
    "types that are there": (make("html/a.css"), dict(http="types { text/html html; text/css CSS; }")),
    "types that are built in": (make("html/a.css"), {}),
    "log at the terminal": (None, dict(http="access_log /dev/stdout; error_log stderr;")),
    "large log that weir rotates": (large("logs/access.log"), dict(http="access_log logs/access.log combined rotate=daily keep=3;")),
    "link that leads there": (link("current", "html"), dict(root="root current;")),
    "file by alias": (None, dict(server="location = /x { alias html/index.html; }")),
    "root that repeats the location, and is right": (make("img/img/a.png"), dict(server="location /img/ { root img; }")),
    "root that ends as the location": (make("theimg/a.png"), dict(server="location /img/ { root theimg; }")),
    "users nobody else reads": (lambda site: (make("users", mode=0o640)(site), ROOT and os.chown(site / "users", 0, NOBODY)),
                                dict(server="auth_basic x; auth_basic_user_file users;")),
}


@pytest.mark.parametrize("name", RIGHT)
def test_what_is_right_is_not_told_of(site, name):
    prepare, conf = RIGHT[name]
    write(site, **{k: v for k, v in conf.items() if "access_log logs" not in v})
    if "access_log logs" in conf.get("http", ""):
        text = (site / "weir.conf").read_text()
        (site / "weir.conf").write_text(text.replace("access_log logs/access.log;", conf["http"]))
    if prepare is not None:
        prepare(site)
    found = told_by_text(site)
    found.pop("conf.test", None)            # what -t warns of, such as a variable at the begin of a root
    assert found == {}


# ---- whom files are looked at for ----


@needs_root
@pytest.mark.parametrize("close, at, what, mode", [
    ("", "{site}/html", "search", "0750"), ("/..", "{site}", "search", "0700"), ("/index.html", "{site}/html/index.html", "read", "0600"),
])
def test_root_looks_as_the_workers_do(site, close, at, what, mode):
    write(site)
    path = pathlib.Path(os.path.normpath(f"{site}/html{close}"))
    path.chmod(int(mode, 8))
    try:
        found = told(site)["files.access"][0]
    finally:
        path.chmod(0o755)
    assert found["level"] == "error"
    on_the_way = ", which is on the way to {site}/html" if close == "/.." else ""
    bits = "x" if what == "search" else "r"
    assert found["text"] == f"user nobody may not {what} {at} (mode {mode}, root:root){on_the_way}"
    assert found["mend"] == f"chmod o+{bits} {at}    # or for this user alone: setfacl -m u:nobody:{bits} {at}"
    assert found["line"] == 12


@needs_root
def test_first_folder_that_refuses_is_named_behind_links(site):
    (site / "closed/releases/5").mkdir(parents=True)
    (site / "closed").chmod(0o700)
    os.symlink("closed/releases/5", site / "current")
    write(site, root="root current;")
    found = told(site)["files.access"][0]
    assert found["about"] == "root {site}/current"
    assert found["text"] == "user nobody may not search {site}/closed (mode 0700, root:root), which is on the way to {site}/current"


def acl(*entries):
    """The bytes of a POSIX ACL: (tag, bits, id)."""
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", tag, bits, number) for tag, bits, number in entries)


ANY = 0xFFFFFFFF
FOR_NOBODY = acl((1, 7, ANY), (2, 5, NOBODY), (4, 0, ANY), (16, 5, ANY), (32, 0, ANY))
FOR_OTHERS = acl((1, 7, ANY), (2, 7, 1234), (4, 5, ANY), (16, 7, ANY), (32, 0, ANY))
MASKED = acl((1, 7, ANY), (2, 7, NOBODY), (4, 5, ANY), (16, 4, ANY), (32, 5, ANY))
NO_MASK = acl((1, 7, ANY), (2, 0, NOBODY), (4, 5, ANY), (16, 0, ANY), (32, 5, ANY))   # then others' bits count, says the kernel


@needs_root
@pytest.mark.parametrize("attribute, may", [(FOR_NOBODY, True), (FOR_OTHERS, False), (MASKED, False), (NO_MASK, True)], ids=["granted", "for others", "masked", "no mask"])
@pytest.mark.parametrize("by", ["root", "another"])
def test_acl_is_looked_at(site, attribute, may, by):
    write(site)
    try:
        os.setxattr(site / "html", "system.posix_acl_access", attribute)
    except OSError:
        pytest.skip("no ACLs here")
    # Somebody else works it out; the conf file is root's, and so is the server.
    kwargs = STRANGER if by == "another" else {}
    found = told(site, **kwargs)
    assert ("files.access" in found) != may
    if not may:
        assert found["files.access"][0]["text"].endswith("by its mode, for root alone can try it") == (by == "another")


@needs_root
def test_who_cannot_start_it_is_told_of_a_server_that_root_starts(site):
    write(site, main="user nobody;", listen="127.0.0.1:1")
    (site / "html").chmod(0o711)
    (site / "html/index.html").chmod(0o640)
    done = run(site, **STRANGER)
    assert f"which does not run; it would be started by root, and its workers are nobody\n" in done.stdout
    assert "warning" not in done.stdout.split("\n\n")[1]           # "user" makes sense: it is root's
    found = told(site, **STRANGER)
    assert set(found) - set(OF_THE_MACHINE) == {"files.access"}
    assert found["files.access"][0]["text"] == f"user nobody may not read " "{site}/html/index.html (mode 0640, root:root); " \
        "by its mode, for root alone can try it"


@needs_root
def test_who_starts_it_himself_is_told_of_his_own_rights(site):
    write(site, listen="127.0.0.1:1")
    give(site, "plain")
    os.chown(site / "logs", 0, 0)
    found = told(site, **PLAIN)
    assert found["logs.logs"][0]["text"] == "nobody may not write to {site}/logs/ (mode 0755, root:root)"
    assert found["logs.logs"][0]["mend"] == "chown nobody {site}/logs/"
    assert found["logs.pid"][0]["text"] == "nobody cannot write it (13: Permission denied)"
    start = int(pathlib.Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text())
    assert ("network.addresses" in found) == (start > 1)
    if start > 1:
        assert found["network.addresses"][0]["text"] == \
            f"nobody may not bind port 1: it is below {start}, and CAP_NET_BIND_SERVICE is not there"


@needs_root
def test_folders_for_dav_can_be_written(site):
    write(site, server="location /dav/ { dav_methods PUT; }")
    assert told(site)["files.written"][0]["text"] == "user nobody may not write to {site}/html (mode 0755, root:root)"
    os.chown(site / "html", NOBODY, -1)
    assert "files.written" not in told(site)


@needs_root
def test_files_at_the_top_are_looked_at(site):
    write(site)
    make("html/b.txt", mode=0o600)(site)
    (site / "html/c").mkdir(mode=0o700)
    found, = told(site)["files.entries"]
    assert (found["level"], found["about"]) == ("warning", "root {site}/html")
    assert re.fullmatch(r"user nobody may not open (b.txt, c|c, b.txt) \(mode 0[67]00, root:root and others\)", found["text"])
    assert re.fullmatch(r"setfacl -R -m u:nobody:rX {site}/html/\S+ {site}/html/\S+", found["mend"])
    for i in range(10):
        make(f"html/{i}.txt", mode=0o600)(site)
    found, = told(site)["files.entries"]
    assert " and 9 more (mode" in found["text"] and found["mend"].endswith("    # and the others")


@needs_root
def test_secrets_are_not_opened_to_all(site):
    make("users", mode=0o600)(site)
    write(site, server="auth_basic x; auth_basic_user_file users;")
    assert told(site)["files.access"][0]["mend"] == "setfacl -m u:nobody:r {site}/users    # not chmod: it is for nobody else"


def test_user_that_is_not_there_is_told_of(site):
    write(site, main="user nosuchuser;")
    if ROOT:
        done = run(site)
        assert (done.returncode, done.stdout) == (1, "")
        assert 'getpwnam("nosuchuser") failed' in done.stderr
        found = told(site, **STRANGER)
        assert found["walls.user"][0]["text"] == 'there is no user "nosuchuser", or no such group'


# ---- the machine ----


def limits(soft, hard):
    return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_hard_limit_is_what_counts(site):
    write(site, events="worker_connections 300;")
    assert "limits.descriptors" not in told(site, preexec_fn=limits(64, 1000))
    found = told(site, preexec_fn=limits(64, 310))["limits.descriptors"][0]
    assert (found["level"], found["about"]) == ("warning", "worker_connections")
    assert re.fullmatch(r"a worker may want 3\d\d descriptors for 300 connections, cached files, logs and listeners, "
                        r"and may have 310 \(soft 64\)", found["text"])
    assert found["mend"].startswith("worker_rlimit_nofile 1024;")
    assert told(site, preexec_fn=limits(64, 200))["limits.descriptors"][0]["level"] == "error"


@needs_root
def test_plain_user_cannot_raise_the_hard_limit(site):
    write(site, main="worker_rlimit_nofile 5000;")
    give(site, "plain")

    def become():
        limits(100, 1000)()
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    found = told(site, preexec_fn=become)["limits.descriptors"][0]
    assert found["text"] == "5000, and nobody may have 1000 (the hard limit)"
    assert "limits.descriptors" not in told(site, preexec_fn=limits(100, 1000))


def test_workers_for_processors_that_are_there(site):
    write(site)
    text = (site / "weir.conf").read_text()
    cpu = {min(os.sched_getaffinity(0))}
    one = {"preexec_fn": lambda: os.sched_setaffinity(0, cpu)}
    for workers, warns in (("1", False), ("2", False), ("3", True), ("auto", False)):
        (site / "weir.conf").write_text(text.replace("worker_processes 1;", f"worker_processes {workers};"))
        found = told(site, **one)
        assert ("limits.workers" in found) == warns
        if warns:
            assert found["limits.workers"][0]["text"] == "3, and 1 processor may be used (affinity and cgroup counted)"


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one processor")
def test_one_worker_that_nobody_asked_for(site):
    write(site)
    (site / "weir.conf").write_text((site / "weir.conf").read_text().replace("worker_processes 1;", ""))
    found = told(site)["limits.workers"][0]
    assert (found["level"], found["mend"]) == ("notice", "worker_processes auto;")


def test_address_in_use_is_told_with_who_has_it(site):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        write(site, listen=f"127.0.0.1:{port}")
        found = told(site)["network.addresses"][0]
        name = pathlib.Path("/proc/self/comm").read_text().strip()
        assert (found["level"], found["about"]) == ("error", f"127.0.0.1:{port}")
        assert found["text"] == f"process {os.getpid()} ({name}) listens there"
        write(site, listen=f"*:{port}")
        assert told(site)["network.addresses"][0]["text"] == f"process {os.getpid()} ({name}) listens there"
    assert "network.addresses" not in told(site)


@needs_root
def test_address_of_another_user_is_told_without_his_name(site):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        write(site, listen=f"127.0.0.1:{port}")
        give(site, "plain")
        found = told(site, **PLAIN)["network.addresses"][0]
    assert found["text"] == "another process (root can tell which) listens there"


def test_running_server_is_no_fault(weir):
    server = weir(server="location / { root html; }", files={"html/index.html": "x"})
    done = run_weir(server.prefix, "doctor", "--json", "-p", str(server.prefix), "-c", str(server.conf_path))
    said = json.loads(done.stdout)
    assert said["running"] == server.pid
    assert not [f for f in said["findings"] if f["level"] in ("error", "warning") and f["group"] != "logs"], done.stdout
    done = run_weir(server.prefix, "doctor", "-p", str(server.prefix), "-c", str(server.conf_path))
    assert f", with which process {server.pid} runs as " in done.stdout
    assert server.get("/").status == 200


@needs_root
def test_running_server_of_another_user_is_judged_by_his_rights(weir):
    server = weir(server="", files={"html/index.html": "x"}, user=NOBODY, start=False)
    for path in [server.prefix, *server.prefix.rglob("*")]:
        os.chown(path, NOBODY, NOBODY)
    server.start()
    (server.prefix / "html/index.html").chmod(0o600)
    os.chown(server.prefix / "html/index.html", 0, 0)
    done = run_weir(server.prefix, "doctor", "--json", "-p", str(server.prefix), "-c", str(server.conf_path))
    said = json.loads(done.stdout)
    assert (said["running"], said["started_by"], said["workers"]) == (server.pid, "nobody", "nobody")
    assert any(f["check"] == "access" and f["level"] == "error" for f in said["findings"])


@needs_root
def test_running_server_that_proc_hides_is_no_fault(weir):
    server = weir(server="", files={"html/index.html": "x"})
    command = f"mount -t proc -o hidepid=2 none /proc && exec setpriv --reuid 12345 --regid 12345 --clear-groups {binary()} doctor " \
        f"--json -p {server.prefix} -c {server.conf_path}"
    done = subprocess.run(["unshare", "-m", "sh", "-c", command], capture_output=True, text=True, env=environment(server.prefix))
    if not done.stdout:
        pytest.skip(f"no mounts here: {done.stderr}")
    said = json.loads(done.stdout)
    assert (said["running"], said["started_by"], said["workers"]) == (server.pid, "root", "nobody")
    assert not [f for f in said["findings"] if f["group"] == "network" and f["level"] in ("error", "warning")]


@needs_root
def test_limit_of_the_running_master_counts(weir):
    server = weir(server="", events="worker_connections 256;")
    subprocess.run(["prlimit", "--pid", str(server.pid), "--nofile=200:200"], check=True)
    done = run_weir(server.prefix, "doctor", "--json", "-p", str(server.prefix), "-c", str(server.conf_path))
    found = {f["check"]: f for f in json.loads(done.stdout)["findings"]}
    assert found["descriptors"]["level"] == "error"
    assert "and may have 200 (soft 200)" in found["descriptors"]["text"]
    assert found["shell"]["text"].startswith("the running master may have 200 descriptors (soft 200), this shell ")


@needs_root
def test_full_disk_is_told_of(site):
    write(site, http="access_log {site}/full/access.log;")
    (site / "full").mkdir()
    text = (site / "weir.conf").read_text().replace("access_log logs/access.log;", "")
    (site / "weir.conf").write_text(text)
    command = f"mount -t tmpfs -o size=1m,nr_inodes=200 none {site}/full && head -c $1 /dev/zero > {site}/full/fill; " \
        f"i=0; while [ $i -lt $2 ]; do : > {site}/full/$i; i=$((i+1)); done; exec {binary()} doctor --json -p {site} -c weir.conf"
    for size, files, level, what in ((1048576, 0, "error", "0 B of 1.0 MiB are left"), (1000000, 0, "warning", "KiB of 1.0 MiB are left"),
                                     (0, 194, "warning", "of 200 inodes are left"), (0, 0, None, None)):
        done = subprocess.run(["unshare", "-m", "sh", "-c", command, "sh", str(size), str(files)], capture_output=True, text=True,
                              env=environment(site))
        if not done.stdout:
            pytest.skip(f"no mounts here: {done.stderr}")
        found = [f for f in json.loads(done.stdout)["findings"] if f["check"] == "room" and f["about"] == f"{site}/full/"]
        assert [f["level"] for f in found] == ([level] if level else [])
        assert not level or found[0]["text"].endswith(what)
        assert any(f["check"] == "kept" and f["level"] == "notice" for f in json.loads(done.stdout)["findings"])


@pytest.mark.parametrize("zone, warns", [("Nowhere/Atall", True), ("/nowhere/zone", True), ("CET-1CEST", False), (None, False)])
def test_zone_that_is_not_there(site, monkeypatch, zone, warns):
    write(site)
    if zone is None:
        monkeypatch.delenv("TZ", raising=False)
    else:
        monkeypatch.setenv("TZ", zone)
    assert ("clock.zone" in told(site)) == warns


@needs_root
def test_program_of_tomorrow_shows_a_slow_clock(site):
    write(site)
    program = shutil.copy(binary(), site / "weir")
    os.utime(program, (time.time() + 3 * 86400,) * 2)
    done = subprocess.run([program, "doctor", "--json", "-p", str(site), "-c", "weir.conf"], capture_output=True, text=True,
                          env=environment(site))
    found = [f for f in json.loads(done.stdout)["findings"] if f["check"] == "date"][0]
    assert (done.returncode, found["level"]) == (1, "error")
    assert found["text"].endswith(" UTC, which is before this program was installed")


# ---- how it is told ----


def test_worst_comes_first_with_the_line_and_the_mend(site):
    write(site, main="sandbox off;", root="root gone;", server="location / { root sub; }")
    make("sub/a.sql")(site)
    done = run(site, "--no-color")
    assert done.returncode == 1
    blocks = done.stdout.replace(str(site), "{site}").split("\n\n")
    assert blocks[1].startswith("error    files.access          root {site}/gone: it is not there  weir.conf:12\n"
                                "         clients get 404 for all of it\n"
                                "         > mkdir -p {site}/gone")
    assert [line.split()[:2] for line in blocks[2].splitlines() if not line.startswith(" ")] == [
        ["warning", "files.exposed"], ["warning", "walls.sandbox"]]
    assert re.fullmatch(r"1 problem, 2 warnings, \d+ checks fine\n", blocks[-1])
    quiet = run(site, "-q").stdout.replace(str(site), "{site}")
    assert quiet == "\n\n".join(blocks[1:3]) + "\n\n"


def test_only_warnings_have_a_status_of_their_own(site):
    write(site, main="sandbox off;")
    assert run(site).returncode == 3
    assert run(site, "-g", "worker_rlimit_nofile 1;").returncode == 1


def test_errors_of_the_configuration_are_told_as_by_t(site):
    write(site, server="rot x; listen nowhere:x;")
    by_t, _ = check_conf(site, (site / "weir.conf").read_text())
    done = run(site)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == by_t.stderr.replace("test failed\n", "test failed\n")
    done = run(site, "--json")
    said = json.loads(done.stdout)
    assert (done.returncode, done.stderr, said["good"]) == (1, by_t.stderr, False)
    assert said["problems"] == len(said["findings"]) == 2
    assert said["findings"][0]["text"] == 'unknown directive "rot"'
    assert (said["findings"][0]["mend"], said["findings"][0]["line"]) == ('did you mean "root"?', 13)


def test_json_has_all_names_always(site):
    write(site)
    done = run(site, "--json")
    said = json.loads(done.stdout)
    assert list(said) == ["version", "conf", "good", "running", "started_by", "workers", "problems", "warnings", "notices", "fine", "findings"]
    assert (said["conf"], said["good"], said["running"]) == (f"{site}/weir.conf", True, None)
    assert {tuple(f) for f in said["findings"]} == {("group", "check", "level", "about", "text", "why", "mend", "file", "line")}
    assert {f["level"] for f in said["findings"]} <= {"ok", "notice"}


NAMES = ["a\033[31m.sql", "b\n.sql", "c'\"\\.sql", "d\udcff.sql", "-e.sql"]


@pytest.mark.parametrize("name", NAMES)
def test_names_move_no_terminal_and_break_no_shell(site, name):
    write(site)
    (site / "html" / name).write_text("x")
    done = run(site, "--json")
    found = [f for f in json.loads(done.stdout)["findings"] if f["check"] == "exposed"][0]
    shown = name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    assert found["text"] == f"it has dumps of databases: {shown}"
    text = run(site).stdout
    assert "\033" not in text and name not in (set(NAMES[:2]) & {name} and text)
    if name != NAMES[3]:
        words = subprocess.run(["sh", "-c", f"printf '%s\\n' {found['mend'].removeprefix('mv ').removesuffix(' ELSEWHERE')}"],
                               capture_output=True, text=True).stdout
        assert words == f"{site}/html/{name}\n"


@pytest.mark.parametrize("variable, option, colours", [("", (), True), ("1", (), False), ("", ("--no-color",), False)])
def test_colours_are_for_terminals(site, variable, option, colours):
    write(site)
    ours, theirs = pty.openpty()
    env = {**environment(site), "NO_COLOR": variable}
    process = subprocess.Popen([binary(), "doctor", "-p", str(site), "-c", "weir.conf", *option], stdout=theirs, cwd=site, env=env)
    os.close(theirs)
    text = b""
    try:
        while block := os.read(ours, 65536):
            text += block
    except OSError:             # the other side is closed
        pass
    os.close(ours)
    assert process.wait() == 0
    assert (b"\033[32mok\033[0m" in text) == colours
    assert b"checks fine" in text


@pytest.mark.parametrize("args, said", [
    (["-t"], 'only -c, -p, -g, -q, --json and --no-color go with "doctor"'),
    (["-s", "stop"], 'only -c, -p, -g, -q, --json and --no-color go with "doctor"'),
    (["--bind"], 'invalid option: "--bind"'),
    (["x"], 'invalid option: "x"'),
    (["-c"], 'option "-c" requires file name'),
])
def test_wrong_options_are_refused(site, args, said):
    write(site)
    done = run_weir(site, "doctor", *args)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"weir: {said}\n" in done.stderr


def test_help_tells_of_it(site):
    done = run_weir(site, "doctor", "--help")
    assert done.returncode == 0
    assert "weir doctor [-q] [--json]" in done.stderr


def test_each_check_is_in_the_manual(site):
    write(site)
    checks = {f"{f['group']}.{f['check']}" for f in json.loads(run(site, "--json").stdout)["findings"]}
    manual = (TOP / "man/weir.8").read_text()
    section = manual[manual.index(".Ss Looking for what was forgotten"):manual.index(".Ss Watching the server")]
    assert checks == set(re.findall(r"^\.It ([a-z]+\.[a-z0-9]+)$", section, re.M))
