# SPDX-License-Identifier: BSD-2-Clause
"""What an operator's system gets: make install, the systemd unit and its companions, rotation of logs, the Debian package's
files. The package's whole life is "make check-package"."""

import fcntl
import os
import pathlib
import pwd
import re
import shutil
import stat
import subprocess

import pytest

from harness import check_conf, wait_until
from harness.ports import claim_port
from harness.server import is_alive, warnings_of

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("WEIR_BINARY", TOP / "build" / "weir")).resolve().parent
EXAMPLES = sorted(path.name for path in (TOP / "conf").glob("weir.*") if path.name != "weir.conf")
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
configured = pytest.mark.skipif(not (BUILD / "config.mk").exists(), reason="the program is not in its build folder")


def needs(program):
    return pytest.mark.skipif(shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin:/sbin") is None, reason=f"needs {program}")


def make(prefix, *words):
    """Of what is built, under another prefix; one at a time, as it writes into the build folder."""
    with open(BUILD / "install.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = subprocess.run(
            ["make", "-C", str(TOP), f"BUILDDIR={BUILD}", "-o", f"{BUILD}/weir", "-o", f"{BUILD}/config.mk", *words, f"PREFIX={prefix}", f"SBIN_PATH={prefix}/sbin/weir",
             f"CONF_PATH={prefix}/conf/weir.conf", f"ERROR_LOG_PATH={prefix}/logs/error.log",
             f"HTTP_LOG_PATH={prefix}/logs/access.log", f"PID_PATH={prefix}/logs/weir.pid", f"DATAROOTDIR={prefix}/share",
             f"CLIENT_BODY_TEMP_PATH={prefix}/client_body_temp"],
            capture_output=True, text=True, timeout=120, env={k: v for k, v in os.environ.items() if not k.startswith("MAKE")})
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def files_below(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}


@pytest.fixture
def prefix(folder):
    if not (BUILD / "config.mk").exists():
        pytest.skip("the program is not in its build folder")
    path = folder / "there"
    make(path, "install")
    return path


# ---- make install

def test_all_that_is_shipped_is_installed_and_named_by_its_new_paths(prefix):
    share = prefix / "share"
    there = files_below(prefix)
    assert {f"share/weir/{name}" for name in EXAMPLES} <= there
    for page in (TOP / "man").glob("*.[1-9]"):
        assert f"share/man/man{page.suffix[1:]}/{page.name}" in there
    for path in list(share.rglob("weir*")) + [prefix / "conf/weir.conf"]:
        if path.is_file():
            assert "/usr/local/weir" not in path.read_text(), path
    assert stat.S_IMODE((prefix / "sbin/weir").stat().st_mode) == 0o755


def test_what_the_operator_wrote_stays_and_all_else_goes(prefix):
    conf, page = prefix / "conf/weir.conf", prefix / "html/mine.html"
    conf.write_text(conf.read_text() + "# mine\n")
    page.write_text("mine")
    (prefix / "logs/access.log").write_text("a line\n")
    assert "KEPT" in make(prefix, "install")
    assert conf.read_text().endswith("# mine\n") and not (prefix / "conf/weir.conf.default").read_text().endswith("# mine\n")
    make(prefix, "uninstall")
    assert files_below(prefix) == {"conf/weir.conf", "html/mine.html", "logs/access.log"}
    for path in (conf, page, prefix / "logs/access.log"):
        path.unlink()
    make(prefix, "uninstall")
    make(prefix, "install")
    make(prefix, "uninstall")
    assert not prefix.exists()


@root_only
def test_a_plain_user_installs_and_runs_it(folder):
    """Ports below 1024 are not his, so what he is given listens on 8080."""
    nobody = pwd.getpwnam("nobody")
    prefix = folder / "home" / "weir"
    prefix.parent.mkdir()
    os.chown(prefix.parent, nobody.pw_uid, nobody.pw_gid)
    build = folder / "build"            # he could not write into this one
    build.mkdir()
    for name in ("config.mk", "weir"):
        shutil.copy2(BUILD / name, build / name)
    os.chown(build, nobody.pw_uid, nobody.pw_gid)
    as_nobody = ["setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups"]
    paths = [f"PREFIX={prefix}", f"SBIN_PATH={prefix}/sbin/weir", f"CONF_PATH={prefix}/conf/weir.conf", f"PID_PATH={prefix}/logs/weir.pid",
             f"ERROR_LOG_PATH={prefix}/logs/error.log", f"HTTP_LOG_PATH={prefix}/logs/access.log", f"DATAROOTDIR={prefix}/share",
             f"CLIENT_BODY_TEMP_PATH={prefix}/client_body_temp"]
    if not os.access(TOP / "Makefile", os.R_OK) or any(not p.stat().st_mode & 1 for p in TOP.parents):
        pytest.skip("a plain user cannot read this tree")

    def run(*words):
        done = subprocess.run([*as_nobody, *words], capture_output=True, text=True, timeout=120, cwd=TOP,
                              env={"PATH": os.environ["PATH"], "HOME": str(prefix.parent)})
        assert done.returncode == 0, done.stdout + done.stderr
        return done

    # -o: what is built is as it shall be; nothing is built anew.
    run("make", f"BUILDDIR={build}", "-o", f"{build}/weir", "-o", f"{build}/config.mk", "install", *paths)
    conf = prefix / "conf/weir.conf"
    assert re.search(r"^ +listen 8080;", conf.read_text(), re.M) and not re.search(r"listen 80;", conf.read_text())
    claim = claim_port()
    port = claim.port
    conf.write_text(conf.read_text().replace("listen 8080;", f"listen 127.0.0.1:{port};"))
    weir = [str(prefix / "sbin/weir"), "-p", f"{prefix}/", "-c", "conf/weir.conf"]
    assert not warnings_of(run(*weir, "-t").stderr)
    run(*weir)
    try:
        pid = int((prefix / "logs/weir.pid").read_text())
        page = subprocess.run(["curl", "-sS", f"http://127.0.0.1:{port}/"], capture_output=True, text=True, timeout=20)
        assert "<title>" in page.stdout, page
    finally:
        run(*weir, "-s", "quit")
    assert not is_alive(pid)
    run("make", f"BUILDDIR={build}", "uninstall", *paths)
    assert files_below(prefix) == {"conf/weir.conf", "logs/access.log", "logs/error.log"}


# ---- systemd

@needs("systemd-analyze")
@configured
def test_the_units_are_good_and_expose_little(prefix):
    share = prefix / "share/weir"
    for name in ("weir.service", "weir.socket"):
        done = subprocess.run(["systemd-analyze", "verify", "--man=no", str(share / name)], capture_output=True, text=True, timeout=60)
        told = [line for line in (done.stdout + done.stderr).splitlines() if str(share) in line or "weir" in line]
        assert done.returncode == 0 and not told, done.stdout + done.stderr
    done = subprocess.run(["systemd-analyze", "security", "--no-pager", "--offline=true", "--threshold=15", str(share / "weir.service")],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr


@configured
@pytest.mark.parametrize("version, kind", [("yes", "notify-reload"), ("", "notify")])
def test_the_unit_is_for_the_systemd_there_is(folder, version, kind):
    make(folder / "there", "install", f"SYSTEMD_RELOADS={version}")
    unit = (folder / "there/share/weir/weir.service").read_text()
    assert re.findall(r"^Type=(.*)$", unit, re.M) == [kind]
    assert re.findall(r"^ExecReload=(.*)$", unit, re.M) == ([] if version else [f"{folder}/there/sbin/weir -s reload $WEIR_ARGS"])


@configured
@pytest.mark.parametrize("option, known", [("252", False), ("252.38-1", False), ("253", True), ("257~rc1", True), ("", None)])
def test_configure_knows_what_a_systemd_can(option, known):
    script = f". auto/say; log=/dev/null; systemd_version='{option}'; user=nobody; group=nogroup; has_program() {{ false; }}; . auto/systemd; " \
             'echo "=$systemd_reloads=$service_user"'
    done = subprocess.run(["sh", "-euc", script], capture_output=True, text=True, cwd=TOP, timeout=20)
    assert done.stdout.splitlines()[-1] == f"={'yes' if known else ''}=weir", done


@root_only
@needs("systemd-sysusers")
@needs("systemd-tmpfiles")
@configured
def test_user_and_folders_are_made(prefix, folder):
    root = folder / "root"
    (root / "etc").mkdir(parents=True)
    (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    (root / "etc/group").write_text("root:x:0:\nadm:x:4:\n")
    share = prefix / "share/weir"
    subprocess.run(["systemd-sysusers", f"--root={root}", str(share / "weir.sysusers")], check=True, timeout=60, capture_output=True)
    user = re.search(r"^weir:[^:]*:(\d+):(\d+):", (root / "etc/passwd").read_text(), re.M)
    logs = root / str(prefix).lstrip("/") / "logs"
    logs.mkdir(parents=True)
    done = subprocess.run(["systemd-tmpfiles", f"--root={root}", "--create", str(share / "weir.tmpfiles")], capture_output=True, text=True,
                          timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    found = logs.stat()
    assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (int(user[1]), 4, 0o2750)
    assert (root / "run/weir").is_dir()


# ---- logrotate

@root_only
@needs("logrotate")
def test_logs_are_rotated_by_the_file_that_comes_along(weir, folder):
    server = weir(server="return 200 x;")
    logs = server.prefix / "logs"
    nobody = pwd.getpwnam("nobody")
    os.chown(logs, nobody.pw_uid, nobody.pw_gid)        # as tmpfiles makes it
    for log in logs.glob("*.log"):
        os.chown(log, nobody.pw_uid, nobody.pw_gid)
    text = (TOP / "conf/weir.logrotate").read_text().replace("/usr/local/weir", str(server.prefix)).replace("weir adm", "nobody nogroup")
    rules = folder / "rules"
    rules.write_text(text)
    rules.chmod(0o644)

    def asked(name):
        assert server.get(f"/{name}").status == 200
        return f"GET /{name} " in (logs / "access.log").read_text()

    for number in range(3):
        wait_until(lambda: asked(number), "the line in the log")
        done = subprocess.run(["/usr/sbin/logrotate", "-f", "-s", str(folder / "state"), str(rules)], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0 and done.stderr == "", done
        wait_until(lambda: "reopening logs" in (logs / "error.log.1").read_text(), "the signal")
    assert "GET /2 " in (logs / "access.log.1").read_text()
    assert (logs / "access.log.2.gz").exists()
    wait_until(lambda: asked("last"), "the line in the new log")
    found = (logs / "access.log").stat()
    assert (found.st_uid, stat.S_IMODE(found.st_mode)) == (nobody.pw_uid, 0o640)


# ---- the Debian package

def apt_names():
    """What auto/packages says that a build needs, as apt calls it."""
    text = (TOP / "auto/packages").read_text()
    table = dict(re.findall(r"^(\S+) +(\S+) +\S+ +\S+ +\S+$", text, re.M))
    wanted = [need for name in ("build_needs", "optional_needs") for need in re.search(rf"^{name}='([^']*)'", text, re.M)[1].split()]
    # What every Debian build has.
    return {table[need].replace("/", " | ") for need in wanted if need not in ("compiler", "make")} | {"check"}


def test_the_package_is_built_of_what_deps_installs():
    control = (TOP / "debian/control").read_text()
    named = re.search(r"^Build-Depends:(.*?)\n(?=\S)", control, re.M | re.S)[1]
    named = {re.sub(r"\s*[(<].*", "", " ".join(word.split())) for word in named.split(",")}
    assert named - {"debhelper-compat", "mandoc"} == apt_names()      # the manual for browsers, which install can do without


def test_the_conf_of_the_package_is_good(folder):
    for name in ("mime.types",):
        shutil.copy(TOP / "conf" / name, folder / name)
    (folder / "sites-enabled").mkdir()
    shutil.copy(TOP / "debian/default.conf", folder / "sites-enabled/default.conf")
    done, _ = check_conf(folder, (TOP / "debian/weir.conf").read_text())
    assert done.returncode == 0 and not warnings_of(done.stderr), done.stderr
    # What is commented out is good as well.
    site = folder / "sites-enabled/default.conf"
    site.write_text(re.sub(r"^( *)#(?=location|listen|    status|\})", r"\1", site.read_text(), flags=re.M))
    assert re.search(r"^    location = /status \{\n        status;", re.sub("#", "", site.read_text()), re.M)
    done, _ = check_conf(folder, (TOP / "debian/weir.conf").read_text())
    assert done.returncode == 0 and not warnings_of(done.stderr), done.stderr


@pytest.mark.parametrize("path", sorted((TOP / "debian").glob("weir.p*")) + sorted((TOP / "pack").glob("[a-z]*")) + sorted((TOP / "tests/package").glob("[brt]*")),
                         ids=lambda path: path.name)
def test_scripts_are_good_shell(path):
    done = subprocess.run(["sh", "-n", str(path)], capture_output=True, text=True, timeout=20)
    assert done.returncode == 0, done.stderr
