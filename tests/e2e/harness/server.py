# SPDX-License-Identifier: BSD-2-Clause
"""A weir of a test's own: its folder, its ports, its conf file; started, watched, ended, and looked over afterwards."""

import atexit
import contextlib
import functools
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile

from harness.client import Client, request
from harness.ports import claim_port
from harness.wait import wait_until

PLACE = re.compile(r"(?<!\$)\{(port[0-9]?|prefix)\}")
TROUBLE = re.compile(r"\[(?:alert|emerg)\]|exited on signal|exited with code [1-9]|assertion .* failed|Assertion .* failed")
SANITIZER = re.compile(r"(?:Address|Leak|Memory|Thread|UndefinedBehavior)Sanitizer|runtime error:")

FRAME = """\
pid {prefix}/logs/weir.pid;
error_log {prefix}/logs/error.log %(error_level)s;
worker_processes %(workers)s;
%(main)s
events {
    %(events)s
}
http {
    access_log {prefix}/logs/access.log;
    %(http)s
    %(servers)s
}
"""


@functools.cache
def binary():
    default = pathlib.Path(__file__).resolve().parents[3] / "build" / "weir"
    path = pathlib.Path(os.path.abspath(os.environ.get("WEIR_BINARY", default)))
    if os.geteuid() != 0 or not path.exists() or all(p.stat().st_mode & 0o001 for p in [path, *path.parents]):
        return str(path)
    folder = tempfile.mkdtemp(prefix="weir-binary-")    # a checkout below /root: tests run it as nobody, too
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.chmod(folder, 0o755)
    return shutil.copy(path, folder)


def make_folder():
    """A temporary folder that the workers' user can read, whoever that is."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="weir-e2e-")).resolve()
    path.chmod(0o755)
    for name in ("html", "logs"):
        (path / name).mkdir()
        (path / name).chmod(0o755)
    (path / "sanitizer").mkdir()
    (path / "sanitizer").chmod(0o1777)
    return path


def remove_folder(path):
    for name, folders, _ in os.walk(path):      # a test may have closed a folder within
        for folder in folders:
            inner = os.path.join(name, folder)
            if not os.path.islink(inner):
                os.chmod(inner, 0o755)
    shutil.rmtree(path, ignore_errors=True)


def environment(prefix):
    env = dict(os.environ)
    for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS"):
        options = [env[name]] if env.get(name) else []
        env[name] = ":".join(options + [f"log_path={prefix}/sanitizer/report"])
    return env


def run_weir(prefix, *args, timeout=20, **kwargs):
    """Runs weir to its end, without a server in mind."""
    return subprocess.run([binary(), *args], stdin=subprocess.DEVNULL, capture_output=True, text=True, cwd=prefix,
                          errors="surrogateescape", timeout=timeout, env=environment(prefix), **kwargs)


def check_conf(prefix, text, *args, name="weir.conf"):
    """weir -t on a conf text; returns the finished process and the conf's path."""
    path = pathlib.Path(prefix) / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape"))
    return run_weir(prefix, "-p", f"{prefix}/", "-c", str(path), "-t", *args), path


def warnings_of(stderr):
    """The warnings of a configuration test, but for folders that are not on this machine."""
    return [line for line in stderr.splitlines() if "[warn]" in line and not re.search(r'\[warn\] "\S+" is not there in ', line)]


def sanitizer_reports(prefix):
    return "".join(path.read_text(errors="replace") for path in (prefix / "sanitizer").iterdir())


def stat_of(pid):
    """(parent, state) of a process; None when there is none."""
    try:
        text = pathlib.Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return None
    rest = text.rsplit(")", 1)[1].split()
    return int(rest[1]), rest[0]


def is_alive(pid):
    stat = stat_of(pid)
    return stat is not None and stat[1] not in "ZX"


def children_of(pid):
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            stat = stat_of(name)
            if stat and stat[0] == pid and stat[1] not in "ZX":
                found.append(int(name))
    return sorted(found)


def processes_within(prefix):
    """The processes called weir that hold something below prefix open."""
    found = []
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            if not pathlib.Path(f"/proc/{name}/comm").read_text(errors="replace").startswith("weir"):
                continue
            links = [os.readlink(f"/proc/{name}/fd/{fd}") for fd in os.listdir(f"/proc/{name}/fd")]
        except OSError:
            continue
        if any(link.startswith(str(prefix)) for link in links):
            found.append(int(name))
    return found


def title_of(pid):
    try:
        raw = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return ""
    return raw.replace(b"\0", b" ").decode(errors="replace").strip()


class Weir:
    """
    conf: the whole text of the conf file; or, within a usual frame, any of
      main, events, http: lines of those levels,
      server: the lines of one server, listening on 127.0.0.1:{port}.
    {prefix} and {port}, {port1} … {port9} are replaced. files: name below the prefix -> content.
    allow: patterns of log lines of trouble that the test brings about itself.
    env: what is added to its environment.
    """

    def __init__(self, conf=None, *, main="", events="worker_connections 256;", http="", server=None, workers=1,
                 error_level="info", files=None, args=(), globals_="daemon off;", allow=(), user=None, env=None):
        self.prefix = make_folder()
        self.html = self.prefix / "html"
        self.claims = {}
        self.process = None
        self.pid = None
        self.allow = [re.compile(pattern) for pattern in allow]
        self.args, self.globals_, self.user = args, globals_, user
        self.env = env or {}
        self.conf_path = self.prefix / "weir.conf"
        self.pid_path = self.prefix / "logs" / "weir.pid"
        self.access_log = self.prefix / "logs" / "access.log"
        self.error_log = self.prefix / "logs" / "error.log"
        self.stderr_path = self.prefix / "stderr"
        self.stdout_path = self.prefix / "stdout"
        if conf is None:
            servers = "" if server is None else "server {\nlisten 127.0.0.1:{port};\n" + server + "\n}"
            conf = FRAME % dict(main=main, events=events, http=http, servers=servers, workers=workers,
                                error_level=error_level)
        self.template = conf
        for name, content in (files or {}).items():
            self.write(name, content)
        if user is not None:
            for path in (self.prefix, self.html, self.prefix / "logs"):
                os.chown(path, user, user)

    # ---- its folder

    def written_pid(self):
        """What the pid file says; "" while there is none, as between two of that name."""
        try:
            return self.pid_path.read_text()
        except FileNotFoundError:
            return ""

    def write(self, name, content=b"", mtime=None):
        path = self.prefix / name
        missing = [p for p in path.parents if not p.exists()]
        path.parent.mkdir(parents=True, exist_ok=True)
        for parent in missing:
            parent.chmod(0o755)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        path.chmod(0o644)
        if mtime is not None:
            os.utime(path, (mtime, mtime))
        return path

    def replace(self, name, content):
        """A new file in the place of another, at one blow."""
        path = self.write(name + ".new", content)
        os.rename(path, self.prefix / name)

    def port(self, name="port"):
        if name not in self.claims:
            self.claims[name] = claim_port()
        return self.claims[name].port

    def expand(self, text):
        return PLACE.sub(lambda m: str(self.prefix) if m[1] == "prefix" else str(self.port(m[1])), text)

    def write_conf(self, template=None):
        if template is not None:
            self.template = template
        self.conf_path.write_text(self.expand(self.template))

    # ---- its life

    def command(self, *more):
        return [binary(), "-p", f"{self.prefix}/", "-c", str(self.conf_path), "-e", "stderr",
                *(["-g", self.globals_] if self.globals_ else []), *self.args, *more]

    def start(self):
        for attempt in range(4):
            self.write_conf()
            if self._launch():
                return self
            assert attempt < 3 and "Address already in use" in self.said(), \
                f"weir did not start:\n{self.said()}\n{self.conf_path.read_text()}"
            for claim in self.claims.values():
                claim.release()
            self.claims.clear()
        raise AssertionError("unreachable")

    def _launch(self):
        with open(self.stdout_path, "wb") as out, open(self.stderr_path, "wb") as err:
            self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                                            cwd=self.prefix, start_new_session=True, env={**environment(self.prefix), **self.env},
                                            **({"user": self.user, "group": self.user, "extra_groups": []}
                                               if self.user is not None else {}))
        ended = wait_until(lambda: self._ready() or self.process.poll() is not None, "weir to be ready", 20)
        if ended and self.process.poll() is not None and not self._ready():
            return False
        self.pid = int(self.pid_path.read_text())
        return True

    def _ready(self):
        try:
            text = self.pid_path.read_text()
        except OSError:
            return False
        return text.endswith("\n") and is_alive(int(text))

    def run(self, *args, **kwargs):
        """Runs weir with the same folder and conf file to its end: -t, -s …"""
        return run_weir(self.prefix, "-p", f"{self.prefix}/", "-c", str(self.conf_path), "-e", "stderr", *args, **kwargs)

    def send_signal(self, number, pid=None):
        os.kill(pid or self.pid, number)

    def workers(self):
        return [pid for pid in children_of(self.pid) if "worker process" in title_of(pid)]

    def wait_workers(self, count=1, without=()):
        """The workers, once there are so many of them and those named have left."""
        def there():
            found = self.workers()
            return found if len(found) == count and not set(found) & set(without) else None
        return wait_until(there, f"{count} worker(s)")

    def wait_end(self, timeout=10):
        """Waits until it has ended by itself; returns the exit code, None for a daemon."""
        if self.process.poll() is None or self.pid == self.process.pid:
            code = self.process.wait(timeout)
        else:
            wait_until(lambda: not is_alive(self.pid), "weir to end", timeout)
            code = None
        return code

    def stop(self, number=signal.SIGTERM):
        if self.pid and is_alive(self.pid):
            os.kill(self.pid, number)
        if self.process is not None:
            try:
                self.wait_end()
            except (subprocess.TimeoutExpired, AssertionError):
                self.kill()
                raise AssertionError(f"weir did not end on signal {number}:\n{self.log_text()[-3000:]}") from None

    def kill(self):
        for pid in processes_within(self.prefix):
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        if self.process is not None:
            with contextlib.suppress(OSError):
                self.process.kill()
            self.process.wait()

    def finish(self):
        """Ends it, and fails if anything about its life was wrong."""
        try:
            self.stop()
            self._look_over()
        finally:
            self.kill()
            for claim in self.claims.values():
                claim.release()
            remove_folder(self.prefix)

    def _look_over(self):
        if self.process is not None and self.process.returncode != 0:
            raise AssertionError(f"weir ended with {self.process.returncode}:\n{self.said()[-3000:]}")
        wait_until(lambda: not processes_within(self.prefix), "the workers to leave")
        reports = sanitizer_reports(self.prefix)
        assert not reports, reports[-6000:]
        for text in (self.said(), self.log_text()):
            assert not SANITIZER.search(text), text[-6000:]
            bad = [line for line in text.splitlines()
                   if TROUBLE.search(line) and not any(p.search(line) for p in self.allow)]
            assert not bad, "\n".join(bad)

    # ---- what it said

    def said(self):
        return self.stderr_path.read_text(errors="surrogateescape") if self.stderr_path.exists() else ""

    def log_text(self):
        return self.error_log.read_text(errors="surrogateescape") if self.error_log.is_file() else ""

    def access_text(self, name="access.log"):
        path = self.prefix / "logs" / name
        return path.read_text(errors="surrogateescape") if path.exists() else ""

    def access_lines(self, name="access.log"):
        return [line for line in self.access_text(name).split("\n") if line]

    def wait_access(self, count=1, name="access.log"):
        wait_until(lambda: len(self.access_lines(name)) >= count, f"{count} line(s) in {name}")
        return self.access_lines(name)

    def wait_log(self, pattern, timeout=10.0):
        return wait_until(lambda: re.search(pattern, self.log_text(), re.M), f"{pattern!r} in the error log", timeout)

    # ---- asking it

    def connect(self, name="port", host="127.0.0.1", **kwargs):
        return Client((host, self.port(name)), **kwargs)

    def get(self, target="/", *fields, name="port", address="127.0.0.1", method="GET", **kwargs):
        """One request on a connection of its own."""
        with self.connect(name, address) as client:
            return client.ask(request(target, "Connection: close", *fields, method=method, **kwargs), method)

    def ask(self, data, method="GET", name="port"):
        with self.connect(name) as client:
            return client.ask(data, method)


@contextlib.contextmanager
def serving(*args, start=True, kind=None, **kwargs):
    """kind: another class than Weir."""
    weir = (kind or Weir)(*args, **kwargs)
    try:
        if start:
            weir.start()
        yield weir
    except BaseException:
        weir.kill()
        for claim in weir.claims.values():
            claim.release()
        remove_folder(weir.prefix)
        raise
    weir.finish()
