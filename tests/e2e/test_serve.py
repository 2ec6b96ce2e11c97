# SPDX-License-Identifier: BSD-2-Clause
"""weir serve DIR: no conf file, no root; prints where, and Ctrl-C ends it."""

import base64
import contextlib
import gzip
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
from urllib.parse import quote

import pytest

from harness import Client, binary, request, run_weir, wait_until
from harness.intruder import Intruder, capabilities, is_sanitized, root_only, status_of, taken_over, with_landlock, with_seccomp
from harness.ports import claim_port
from harness.server import environment, make_folder, remove_folder, sanitizer_reports
from harness.tmux import Terminal

TOP = pathlib.Path(__file__).resolve().parents[2]
needs_tmux = pytest.mark.skipif(not Terminal.is_there(), reason="tmux is missing")


class Serving:
    def __init__(self, prefix, process):
        self.prefix, self.process = prefix, process
        self.port = None

    def output(self):
        return (self.prefix / "out").read_text(errors="replace")

    def url(self):
        found = wait_until(lambda: re.search(r"http://[\w.\[\]:-]+:(\d+)/", self.output()) or self.process.poll() is not None, "the URL")
        assert found is not True, self.output()
        self.port = int(found[1])
        return found[0]

    def get(self, target, *fields):
        with Client(("127.0.0.1", self.port)) as client:
            return client.ask(request(target, *fields))


@contextlib.contextmanager
def serve(*args, before=None, **kwargs):
    prefix = make_folder()
    (prefix / "html/index.html").write_text("served\n")
    (prefix / "html/a.txt").write_text("text\n")
    (prefix / "html/folder").mkdir()
    (prefix / "html/folder").chmod(0o755)
    if before:
        before(prefix)
    with open(prefix / "out", "wb") as out:
        process = subprocess.Popen([binary(), "serve", *[arg.replace("{prefix}", str(prefix)) for arg in args]], stdin=subprocess.DEVNULL,
                                   stdout=out, stderr=out, cwd=prefix / "html", start_new_session=True, env=environment(prefix), **kwargs)
    try:
        yield Serving(prefix, process)
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
        assert not sanitizer_reports(prefix)
        assert not re.search(r"\[(alert|crit|emerg)\]", (prefix / "out").read_text(errors="replace"))
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        remove_folder(prefix)


def listen():
    claim = claim_port()
    return claim, f"127.0.0.1:{claim.port}"


def test_folder_is_served_where_it_says():
    with serve("{prefix}/html") as serving:
        serving.url()
        assert serving.get("/").body == b"served\n"
        assert serving.get("/a.txt").body == b"text\n"
        assert serving.get("/none").status == 404


def test_file_that_is_not_there_is_told_once():
    with serve("{prefix}/html") as serving:
        serving.url()
        for _ in range(2):
            assert serving.get("/none").status == 404
        lines = wait_until(lambda: len(lines := re.findall(".*/none.*\n", serving.output())) >= 2 and lines, "the lines")
        assert serving.get("/a.txt").status == 200
        wait_until(lambda: "GET /a.txt" in serving.output(), "the last line")
        assert len(re.findall("/none", serving.output())) == 2 and not any("error" in line for line in lines)


def test_folder_here_is_the_default():
    with serve() as serving:
        serving.url()
        assert serving.get("/a.txt").body == b"text\n"


def test_address_may_be_given():
    claim, address = listen()
    with serve("{prefix}/html", "--listen", address) as serving:
        assert serving.url().endswith(f":{claim.port}/")
        assert serving.get("/").body == b"served\n"


def test_another_port_is_taken_when_8080_is_not_free():
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)

        def take():
            try:
                taken.bind(("0.0.0.0", 8080))
            except OSError:                     # a test beside this one may have it for a moment
                return False
            taken.listen()
            return True
        with contextlib.suppress(AssertionError):   # a stranger has it for good: that will do as well
            wait_until(take, "port 8080", 5)
        with serve("{prefix}/html") as serving:
            serving.url()
            assert serving.port != 8080
            assert serving.get("/").body == b"served\n"


def test_requests_are_shown():
    with serve("{prefix}/html") as serving:
        serving.url()
        serving.get("/a.txt?shown")
        wait_until(lambda: re.search(r"200 GET /a\.txt\?shown ", serving.output()), "the line of the request")


def test_types_of_common_files_are_known():
    with serve("{prefix}/html") as serving:
        serving.url()
        for name, kind in (("a.css", "text/css"), ("a.js", "javascript"), ("a.svg", "image/svg+xml"), ("a.png", "image/png")):
            (serving.prefix / "html" / name).write_text("x")
            assert kind in serving.get(f"/{name}").get("Content-Type")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGQUIT])
def test_signal_ends_it_with_0(number):
    with serve("{prefix}/html") as serving:
        serving.url()
        serving.process.send_signal(number)
        assert serving.process.wait(10) == 0


def test_ctrl_c_reaches_the_whole_group_and_ends_it_with_0():
    with serve("{prefix}/html") as serving:
        serving.url()
        os.killpg(serving.process.pid, signal.SIGINT)
        assert serving.process.wait(10) == 0


def test_it_leaves_nothing_in_the_folder():
    with serve("{prefix}/html") as serving:
        serving.url()
        serving.get("/")
        before = sorted(os.listdir(serving.prefix / "html"))
        assert before == ["a.txt", "folder", "index.html"]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody else")
def test_it_needs_no_root():
    with serve("{prefix}/html", user=65534, group=65534, extra_groups=[]) as serving:
        serving.url()
        assert serving.get("/").body == b"served\n"


@pytest.mark.parametrize("args, text", [
    (["nowhere"], "nowhere"), (["--listen", "127.0.0.1:99999"], "99999"), (["--listen"], "--listen"), (["--what"], "--what"),
    (["--port", "0"], '"0"'), (["--port", "x"], "1 to 65535"), (["--prot=80"], '"--port"'), (["-x"], "--help"), (["--quiet=1"], "no value"),
    (["--header", "no colon"], "X-Frame-Options"), (["--header", "a b: c"], "X-Frame-Options"), (["--header", "a: b\nc: d"], "X-Frame-Options"),
    (["--cors=ftp"], "https://"), (["--cors=https://a/b"], "https://"), (["--cache", "soon"], "10m"), (["--gzip=maybe"], "on or off"),
    (["--listen", "8000", "--port", "8001"], "do not go together"), (["--listen", "8000", "--public"], "do not go together"),
    (["--spa", "--not-found", "404.html"], "do not go together"), (["a=."], None), (["=."], "NAME=PATH"), (["a/b=."], "NAME=PATH"),
    ([".", "nowhere"], "nowhere"), (["x=.", "x=.."], "other="), (["--auth", "nobody"], "htpasswd"), (["--auth", "@nowhere"], "nowhere"), (["--auth", "@"], "htpasswd"),
])
def test_what_cannot_be_served_is_told(folder, args, text):
    (folder / "weir.conf").write_text("")
    done = run_weir(folder, "serve", *args, *([] if text else ["--print-conf"]), timeout=10)
    assert done.returncode == (1 if text else 0) and (text or "") in done.stderr


def test_a_password_that_is_not_good_is_not_shown(folder):
    done = run_weir(folder, "serve", "--auth", "name:", timeout=10)
    assert done.returncode == 1 and "name" not in done.stderr


# ---- several things, and files ----

def test_several_folders_have_paths_of_their_own_and_a_start_page():
    with serve("{prefix}/html", "logs={prefix}/html/folder", "{prefix}/html/a.txt") as serving:
        serving.url()
        (serving.prefix / "html/folder/in.txt").write_text("in\n")
        page = serving.get("/")
        assert page.status == 200 and "text/html" in page.get("Content-Type")
        for link in (b'href="/html/"', b'href="/logs/"', b'href="/a.txt"'):
            assert link in page.body
        assert serving.get("/html/").body == b"served\n"
        assert serving.get("/logs/in.txt").body == b"in\n"
        assert serving.get("/a.txt").body == b"text\n"
        assert serving.get("/in.txt").status == serving.get("/html/none").status == serving.get("/other").status == 404


def test_one_file_is_where_its_address_leads():
    with serve("{prefix}/html/a.txt") as serving:
        serving.url()
        start = serving.get("/")
        assert start.status == 302 and start.get("Location").endswith("/a.txt")
        assert serving.get("/a.txt").body == b"text\n"
        assert serving.get("/index.html").status == 404


ODD = ["a b", "a$x", "${x}", "${env:PATH}", "${env:", 'quo"te', "back\\slash", "it's", "semi;colon{}", "#hash", "100%", "què?", "<b>", "new\nline"]


@pytest.mark.parametrize("name", ODD)
def test_folder_of_any_name(name):
    with serve("{prefix}/odd/" + name, "{prefix}/html", before=lambda prefix: (prefix / "odd" / name).mkdir(parents=True)) as serving:
        serving.url()
        (serving.prefix / "odd" / name / "in.txt").write_text(name)
        assert serving.get("/" + quote(name) + "/in.txt").body == name.encode()
        assert f'href="/{quote(name, safe="$&+,;=:@!*()" + chr(39) )}/"'.encode() in serving.get("/").body.replace(b"&#39;", b"'").replace(b"&amp;", b"&")
    with serve("{prefix}/odd/" + name, before=lambda prefix: (prefix / "odd" / name).mkdir(parents=True)) as serving:
        serving.url()
        (serving.prefix / "odd" / name / "in.txt").write_text(name)
        assert serving.get("/in.txt").body == name.encode()


# ---- options ----

@pytest.mark.parametrize("target, way", [("/one", "/one/"), ("/one?x=/a&y", "/one/?x=/a&y"), ("/t%20$w%22%C3%BC", "/t%20$w%22%C3%BC/")])
def test_name_without_a_slash_leads_to_the_folder(target, way):
    with serve("one={prefix}/html", 't $w"ü={prefix}/html/folder', "--auth", "me:x") as serving:
        serving.url()
        assert serving.get(target).status == 401
        found = serving.get(target, basic("me:x"))
        assert found.status == 301 and found.get("location") == f"http://localhost:{serving.port}{way}"


HTML = "Accept: text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"


def test_spa_stands_in_for_pages_and_for_nothing_else():
    with serve("{prefix}/html", "--spa") as serving:
        serving.url()
        assert serving.get("/route/of/the/app", HTML).body == b"served\n"
        assert serving.get("/a.txt", HTML).body == b"text\n"
        assert serving.get("/missing.js", "Accept: */*").status == serving.get("/missing.png").status == 404


def test_spa_of_each_folder():
    with serve("{prefix}/html", "other={prefix}/html/folder", "--spa=app.html") as serving:
        serving.url()
        (serving.prefix / "html/folder/app.html").write_text("other\n")
        assert serving.get("/other/route", HTML).body == b"other\n"
        assert serving.get("/html/route", HTML).status == 404


@pytest.mark.parametrize("option", ["--spa=none.html", "--not-found=none.html"])
def test_page_that_is_not_there_yet_is_told(option):
    with serve("{prefix}/html", *option.split("=") if "not" in option else [option]) as serving:
        serving.url()
        assert f'there is no "none.html" in {serving.prefix}/html yet\n' in serving.output()
        assert serving.get("/a.txt").status == 200


@pytest.mark.parametrize("option, page", [("--spa", "index.html"), ("--not-found", "a.txt")])
def test_page_that_is_there_is_not_worth_a_word(option, page):
    with serve("{prefix}/html", f"{option}={page}" if option == "--spa" else option, *[page] if option != "--spa" else []) as serving:
        serving.url()
        assert "there is no" not in serving.output()


def test_page_for_what_is_missing():
    with serve("{prefix}/html", "--not-found", "a.txt") as serving:
        serving.url()
        answer = serving.get("/none")
        assert answer.status == 404 and answer.body == b"text\n"


@pytest.mark.parametrize("args, status, hidden", [([], 200, False), (["--hidden"], 200, True), (["--no-listing"], 403, False)])
def test_folder_without_a_page_is_listed(args, status, hidden):
    with serve("{prefix}/html/folder", *args, before=lambda prefix: (prefix / "html/folder/.secret").write_text("x")) as serving:
        serving.url()
        (serving.prefix / "html/folder/a file").write_text("x")
        page = serving.get("/", HTML)
        assert page.status == status
        assert (b'href="a%20file"' in page.body) == (status == 200) and (b".secret" in page.body) == hidden
        assert serving.get("/.secret").status == (200 if hidden else 404)


HOSTS = {"localhost": 200, "127.0.0.1": 200, "[::1]": 200, "a.localhost": 200, "192.0.2.7:9": 200, "LOCALHOST:1": 200, "evil.example": 421,
         "localhost.evil.example": 421, "127.0.0.1.evil.example": 421, "mine.example": 421, "x.all.example": 421}


@pytest.mark.parametrize("args, more", [
    ([], {}), (["--host", "mine.example", "--host", "*.all.example"], {"mine.example": 200, "x.all.example": 200}), (["--public"], {}),
    (["--host", "*"], dict.fromkeys(HOSTS, 200)), (["--auth", "me:x"], {name: 401 for name, status in HOSTS.items() if status == 200})])
def test_only_names_of_this_machine_are_answered(args, more):
    with serve("{prefix}/html", *args) as serving:
        serving.url()
        for host, status in (HOSTS | {socket.gethostname(): HOSTS["localhost"]} | more).items():
            if args == ["--auth", "me:x"] and host == socket.gethostname():
                status = 401
            with Client(("127.0.0.1", serving.port)) as client:
                answer = client.ask(request("/a.txt", host=host))
            assert answer.status == status, host
            if status == 421:
                assert answer.text == f"{host} is no name of this server: weir serve --host {host}\n"
                assert answer.get("Content-Type").startswith("text/plain") and answer.get("X-Content-Type-Options") == "nosniff"
        if args == []:
            wait_until(lambda: re.search(r'^\d\d:\d\d:\d\d 421 GET /a.txt no name of this server, see --host: "evil.example"$', serving.output(), re.M),
                       "the line of a stranger")
        with Client(("127.0.0.1", serving.port)) as client:
            client.send(b"GET /a.txt HTTP/1.0\r\n\r\n")
            assert client.read_head().status in (200, 401)


@pytest.mark.parametrize("name", ["", "a b", "a/b", "*.", "*x", "a:1", "~x", "a" * 254, "$host", "x;"])
def test_host_must_be_a_name(folder, name):
    done = run_weir(folder, "serve", "--host", name, ".")
    assert done.returncode == 1 and "--host" in done.stderr and "sanitizer" not in done.stderr


def test_spa_lists_nothing():
    with serve("{prefix}/html", "--spa") as serving:
        serving.url()
        assert serving.get("/folder/", "Accept: */*").status == 404


def test_fields_of_each_answer():
    with serve("{prefix}/html", "--header", "X-One: 1 and $more", "--header=X-Two:2") as serving:
        serving.url()
        for path in ("/", "/none"):
            answer = serving.get(path)
            assert answer.get("X-One") == "1 and $more" and answer.get("X-Two") == "2"


@pytest.mark.parametrize("name", ["#x", "'x", "$x", "x$y", "`|~^"])
def test_odd_names_of_fields_are_names(name):
    """And swallow nothing of what comes behind them, such as the password."""
    with serve("{prefix}/html", "--header", f"{name}: a value", "--auth", "joe:sesame") as serving:
        serving.url()
        answer = serving.get("/")
        assert (answer.status, answer.get(name)) == (401, "a value")


@pytest.mark.parametrize("name", ["..x$y", "..$x", ".$", "...", "$..", "..{$}"])
def test_what_is_served_may_lie_below_dots_and_dollars(name):
    with serve("{prefix}/" + name + "/in", before=lambda prefix: (prefix / name / "in").mkdir(parents=True)) as serving:
        serving.url()
        (serving.prefix / name / "in" / "b.txt").write_text(name)
        assert serving.get("/b.txt").body == name.encode()


@pytest.mark.parametrize("args, field", [([], "no-cache"), (["--cache", "10m"], "max-age=600"), (["--cache=off"], "no-store"),
                                         (["--cache", "1h 30m"], "max-age=5400")])
def test_how_long_browsers_keep(args, field):
    with serve("{prefix}/html", *args) as serving:
        serving.url()
        assert serving.get("/").get("Cache-Control") == field


@pytest.mark.parametrize("args, encoding", [([], "gzip"), (["--gzip=on"], "gzip"), (["--gzip=off"], None), (["--no-gzip"], None)])
def test_text_is_compressed(args, encoding):
    with serve("{prefix}/html", *args, before=lambda prefix: (prefix / "html/long.txt").write_text("text\n" * 2000)) as serving:
        serving.url()
        answer = serving.get("/long.txt", "Accept-Encoding: gzip")
        assert answer.get("Content-Encoding") == encoding
        assert (gzip.decompress(answer.body) if encoding else answer.body) == b"text\n" * 2000
        assert answer.get("Vary") == ("Accept-Encoding" if encoding else None)


def test_file_that_is_compressed_already_is_sent():
    with serve("{prefix}/html", before=lambda prefix: (prefix / "html/a.txt.gz").write_bytes(gzip.compress(b"stored\n"))) as serving:
        serving.url()
        assert gzip.decompress(serving.get("/a.txt", "Accept-Encoding: gzip").body) == b"stored\n"
        assert serving.get("/a.txt").body == b"text\n"


def test_text_is_said_to_be_in_utf_8():
    with serve("{prefix}/html") as serving:
        serving.url()
        assert serving.get("/a.txt").get("Content-Type") == "text/plain; charset=utf-8"


def test_cors():
    with serve("{prefix}/html", "--cors") as serving:
        serving.url()
        assert serving.get("/").get("Access-Control-Allow-Origin") == "*"
        with Client(("127.0.0.1", serving.port)) as client:
            preflight = client.ask(request("/", "Origin: https://a.example", "Access-Control-Request-Method: GET",
                                            "Access-Control-Request-Headers: x-a, x-b", method="OPTIONS"))
        assert preflight.status == 204 and "GET" in preflight.get("Access-Control-Allow-Methods")
        assert preflight.get("Access-Control-Allow-Headers") == "x-a, x-b"
        assert serving.get("/").get("Access-Control-Allow-Methods") is None


def test_cors_of_one_origin():
    with serve("{prefix}/html", "--cors=https://a.example") as serving:
        serving.url()
        answer = serving.get("/none")
        assert answer.get("Access-Control-Allow-Origin") == "https://a.example" and "Origin" in answer.get("Vary")


def basic(text):
    return "Authorization: Basic " + base64.b64encode(text.encode()).decode()


def test_password():
    with serve("{prefix}/html", "x={prefix}/html", "--auth", "me:se:cret") as serving:
        serving.url()
        for path in ("/", "/html/", "/x/a.txt", "/x/none"):
            assert serving.get(path).status == serving.get(path, basic("me:wrong")).status == 401, path
        assert serving.get("/", basic("me:se:cret")).status == 200
        assert serving.get("/html/", basic("me:se:cret")).body == b"served\n"
        with open(f"/proc/{serving.process.pid}/cmdline", "rb") as line:
            assert b"cret" not in line.read()
        assert "cret" not in serving.output()


def test_passwords_of_a_file():
    with serve("{prefix}/html", "--auth", "@{prefix}/users", before=lambda prefix: (prefix / "users").write_text("me:{PLAIN}x\n")) as serving:
        serving.url()
        assert serving.get("/").status == 401 and serving.get("/", basic("me:x")).status == 200


def test_quiet_shows_nothing():
    claim = claim_port()
    with serve("{prefix}/html", "--quiet", "-p", str(claim.port)) as serving:
        serving.port = claim.port
        wait_until(lambda: is_open(claim.port), "the server")
        serving.get("/")
        assert serving.get("/none").status == 404
        serving.process.send_signal(signal.SIGINT)
        assert serving.process.wait(10) == 0
        assert serving.output() == ""


def is_open(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


def test_port_is_what_it_says():
    claim = claim_port()
    with serve("{prefix}/html", "--port", str(claim.port)) as serving:
        assert serving.url() == f"http://localhost:{claim.port}/"
        assert serving.get("/").body == b"served\n"


def test_port_that_is_taken_is_told(folder):
    claim = claim_port()
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", claim.port))
        taken.listen()
        done = run_weir(folder, "serve", "--port", str(claim.port), timeout=10)
    assert done.returncode == 1 and "Address already in use" in done.stderr and str(claim.port) in done.stderr


def test_sums_are_told_at_the_end():
    with serve("{prefix}/html") as serving:
        serving.url()
        serving.get("/")
        serving.get("/a.txt")
        serving.process.send_signal(signal.SIGINT)
        assert serving.process.wait(10) == 0
        assert re.search(r"served 2 requests, \d+ bytes\n$", serving.output())


def test_line_of_a_request_is_escaped():
    with serve("{prefix}/html") as serving:
        serving.url()
        with Client(("127.0.0.1", serving.port)) as client:
            client.ask(b"GET /\x1b[31m HTTP/1.1\r\nHost: a\r\n\r\n")
        wait_until(lambda: "GET" in serving.output() or " 400 " in serving.output(), "the line")
        assert "\x1b" not in serving.output()


# ---- the conf file ----

def test_conf_is_printed_while_the_port_is_taken():
    with serve("{prefix}/html") as serving:
        serving.url()
        done = run_weir(serving.prefix / "html", "serve", "--print-conf", "--port", str(serving.port))
        assert done.returncode == 0 and f"listen 127.0.0.1:{serving.port};" in done.stdout


CONFS = [[], ["--spa"], ["--cors", "--header", "X-A: $1"], ["--cors=https://a.example", "--cache", "1h"], ["--not-found", "a.txt", "--no-listing"],
         ["--auth", "me:x"], ["x=.", "--spa"], ["a.txt"], [".", "a.txt", "folder"], ["--no-gzip", "--quiet", "--hidden"]]


@pytest.mark.parametrize("args", CONFS, ids=lambda args: " ".join(args) or "none")
def test_printed_conf_answers_the_same(args):
    targets = ["/", "/a.txt", "/none", "/x/", "/x/route", "/folder/", "/html/", "/a.txt?q"]
    fields = [(), (HTML,), (basic("me:x"),), ("Accept-Encoding: gzip",), ("Range: bytes=0-1",)]

    def all_answers(port):
        with Client(("127.0.0.1", port)) as client:
            return [plain(client.ask(request(target, *field)), port) for target in targets for field in fields]

    def plain(answer, port):
        fields = [(name, value.replace(f":{port}/", "/")) for name, value in answer.headers if name.lower() not in ("date", "server", "expires")]
        return answer.status, fields, answer.body

    with serve(*args, *(["--port", str(claim_port().port)] if "--quiet" in args else [])) as serving:
        if "--quiet" in args:
            serving.port = int(serving.process.args[-1])
            wait_until(lambda: is_open(serving.port), "the server")
        else:
            serving.url()
        mine = all_answers(serving.port)
        claim = claim_port()
        done = run_weir(serving.prefix / "html", "serve", *args, "--print-conf", "--port", str(claim.port))
        assert done.returncode == 0, done.stderr
        new = serving.prefix / "new"                # nothing but the conf file, as in the example of the manual
        new.mkdir()
        (new / "printed.conf").write_text(done.stdout)
        if "--auth" in args:
            (new / "weir.users").write_text(re.search(r"^# (me:\S+)$", done.stdout, re.M)[1] + "\n")
        laid_out = subprocess.run([binary(), "fmt"], input=done.stdout, capture_output=True, text=True, env=environment(serving.prefix))
        assert laid_out.stdout == done.stdout and "me:x" not in done.stdout
        process = subprocess.Popen([binary(), "-p", new, "-c", "printed.conf"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL, cwd=serving.prefix, env=environment(serving.prefix))
        try:
            wait_until(lambda: is_open(claim.port), "the server of the printed conf")
            assert all_answers(claim.port) == mine
        finally:
            process.terminate()
            assert process.wait(10) == 0


# ---- the terminal ----

def opened(args, env):
    terminal = Terminal(120, 24, env)
    terminal.run(f"cd {args[0]} && {binary()} serve {' '.join(args[1:])}")
    return terminal


@needs_tmux
@pytest.mark.parametrize("args, env, coloured", [([], {}, True), (["--no-color"], {}, False), ([], {"NO_COLOR": "1"}, False)])
def test_lines_are_coloured_at_a_terminal(folder, args, env, coloured):
    (folder / "html").mkdir(exist_ok=True)
    claim = claim_port()
    terminal = opened([folder / "html", "-p", str(claim.port), *args], env)
    try:
        terminal.wait(lambda text: f"http://localhost:{claim.port}/" in text, "the URL")
        with Client(("127.0.0.1", claim.port)) as client:
            client.ask(request("/none"))
        terminal.wait(lambda text: "404 GET /none" in text, "the line")
        assert ("\x1b[33m" in terminal.text("-e")) == coloured
        terminal.keys("C-c")
        terminal.wait(lambda text: "served 1 request, " in text, "the sums")
    finally:
        terminal.close()


# ---- completion, and the manual ----

def options():
    text = run_weir("/", "serve", "--help").stderr
    return set(re.findall(r"(?<=[ ])(--[a-z-]+)", text.split("Options:")[1]))


def completed(*words):
    script = TOP / "completion/weir.bash"
    line = " ".join(f"'{word}'" for word in words)
    done = subprocess.run(["bash", "-c", f"source '{script}'; COMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; _weir; printf '%s\\n' \"${{COMPREPLY[@]}}\""],
                          capture_output=True, text=True, check=True, cwd=TOP)
    return set(done.stdout.split())


def test_bash_completes_the_options_of_serve():
    assert completed("weir", "serve", "-") == options()
    assert completed("weir", "serve", "--pri") == {"--print-conf"}


def test_bash_completes_commands_and_options_of_the_server():
    assert completed("weir", "") == {"ctl", "doctor", "serve", "fmt", "explain", "top"}
    assert completed("weir", "-s", "re") == {"reopen", "reload"}
    assert completed("weir", "ctl", "co") == {"connections", "conf"}
    usage = run_weir("/", "-h").stderr
    for option in completed("weir", "-"):
        assert re.search(rf"(?<![\w-]){option}\b", usage), option
    assert "Makefile" in completed("weir", "fmt", "Make")


def test_zsh_knows_the_options_of_serve():
    text = (TOP / "completion/_weir").read_text()
    serve = re.search(r"^_weir_serve\(\) \{$(.*?)^\}", text, re.M | re.S)[1]
    assert set(re.findall(r"(--[a-z-]+)", re.sub(r"\[[^\]]*\]", "", serve))) == options()


def test_zsh_completes():
    if not shutil.which("zsh"):
        pytest.skip("zsh is missing")
    subprocess.run(["zsh", "-n", TOP / "completion/_weir"], check=True)


def test_manual_names_the_command_for_every_formatter():
    page = (TOP / "man/weir-serve.1").read_text()
    assert ".Sh SYNOPSIS\n.Nm weir serve\n" in page      # a bare .Nm is "weir" alone to groff


def test_manual_knows_the_options():
    page = (TOP / "man/weir-serve.1").read_text()
    listed = set(re.findall(r"^\.It Fl (?:\w , )?(-[a-z-]+)", page, re.M))
    listed |= set(re.findall(r"^\.It Fl \w , (-[a-z-]+)", page, re.M))
    assert {"-" + name for name in listed if name != "-"} == options()


# ---- walls

def outside(prefix):
    (prefix / "else").mkdir()
    (prefix / "else/b").write_text("b")
    (prefix / "html/link").symlink_to("../else/b")


@with_landlock
def test_links_that_lead_out_are_refused_with_the_way_to_allow_them():
    with serve("{prefix}/html", before=outside) as serving:
        serving.url()
        assert serving.get("/a.txt").body == b"text\n"
        assert serving.get("/link").status == 403
        wait_until(lambda: f'"--allow-read {serving.prefix}/else" opens what links lead to' in serving.output(), "the mend")


@pytest.mark.parametrize("options", [["--allow-read", "{prefix}/else"], ["--allow-read={prefix}/else/b"], ["--sandbox", "off"], ["--sandbox=report"]])
def test_links_that_lead_out_can_be_allowed(options):
    with serve("{prefix}/html", *options, before=outside) as serving:
        serving.url()
        assert serving.get("/link").body == b"b"


def test_what_may_be_read_must_be_there(folder):
    done = run_weir(folder, "serve", ".", "--allow-read", "none")
    assert done.returncode == 1 and done.stderr == 'weir: links cannot lead to "none" (2: No such file or directory)\n'
    done = run_weir(folder, "serve", ".", "--sandbox", "of")
    assert done.returncode == 1 and done.stderr == 'weir: invalid value "of" of "--sandbox", it is on, off or report\n'


def test_the_conf_says_what_the_walls_are(folder):
    done = run_weir(folder, "serve", ".", "--print-conf", "--sandbox", "report", "--allow-read", "logs")
    assert f'sandbox report;\nsandbox_allow_read "{folder}/logs";\n' in done.stdout
    assert "sandbox" not in run_weir(folder, "serve", ".", "--print-conf").stdout


@root_only
def test_root_keeps_nothing_but_the_right_to_read():
    def secret(prefix):
        (prefix / "html/secret").write_text("x")
        os.chmod(prefix / "html/secret", 0o600)
        os.chown(prefix / "html/secret", 65534, 65534)
    with serve("{prefix}/html", before=secret) as serving:
        serving.url()
        assert serving.get("/secret").body == b"x"
        pid, mine = serving.process.pid, capabilities(os.getpid())["Prm"]
        assert capabilities(pid) == dict(Inh=0, Prm=mine & 4, Eff=mine & 4, Bnd=mine & 4, Amb=0)      # CAP_DAC_READ_SEARCH
        assert status_of(pid)["NoNewPrivs"] == "1"


def test_a_unix_socket_goes_with_the_server():
    with serve("{prefix}/html", "--listen", "unix:{prefix}/logs/sock") as serving:
        wait_until(lambda: "serving " in serving.output(), "the start")
        with Client(str(serving.prefix / "logs/sock")) as client:
            assert client.ask(request("/a.txt")).body == b"text\n"
        serving.process.send_signal(signal.SIGINT)
        assert serving.process.wait(10) == 0
        assert not (serving.prefix / "logs/sock").exists()


def test_it_ends_with_its_terminal_unless_nohup_started_it():
    with serve("{prefix}/html", preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL)) as serving:
        serving.url()
        serving.process.send_signal(signal.SIGHUP)
        assert serving.process.wait(10) == 0
        assert "served 0 requests" in serving.output()
    with serve("{prefix}/html", preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)) as serving:
        serving.url()
        serving.process.send_signal(signal.SIGHUP)
        assert serving.get("/a.txt").status == 200
        assert serving.process.poll() is None


@pytest.fixture
def intruder(monkeypatch):
    it = Intruder(monkeypatch)
    it.listen()
    yield it
    it.close()


@taken_over
@with_landlock
@with_seccomp
@pytest.mark.parametrize("options", [[], ["--auth", "u:p"], ["--listen", "unix:{prefix}/logs/sock"]])
def test_an_intruder_has_what_is_served_and_nothing_else(intruder, options):
    with serve("{prefix}/html", *options, before=outside) as serving:
        intruder.accept()
        prefix, sock = serving.prefix, any(option.startswith("unix:") for option in options)
        assert intruder("open", prefix / "html/a.txt", "r") == intruder("list", prefix / "html/folder") == intruder("thread") == "ok"
        for path in ("/etc/passwd", "/etc/os-release", prefix / "else/b", prefix / "html/link", prefix / "out", "/proc/1/environ"):
            assert (path, intruder("open", path, "r")) == (path, "EACCES")
        for path in ("/", "/etc", prefix, prefix / "logs", "/root", "/home"):
            assert (path, intruder("list", path)) == (path, "EACCES")
        for path in (prefix / "html/new", prefix / "html/a.txt", prefix / "logs/new", "/tmp/weir-intruder"):
            assert (path, intruder("open", path, "w")) == (path, "EACCES")
        refused = [("exec", "/bin/sh"), ("socket", socket.AF_INET, socket.SOCK_STREAM), ("socket", socket.AF_UNIX, socket.SOCK_STREAM),
                   ("kill", os.getpid(), 10), ("connect", 0, 80), ("bind", 0, 8000), ("code",), ("map",), ("mkdir", prefix / "html/d")]
        if not is_sanitized():
            refused += [("ptrace", os.getpid()), ("fork",), ("prctl", 4, 1)]
        assert {words: intruder(*words) for words in refused} == {words: "EPERM" for words in refused}
        assert intruder("unlink", prefix / "html/a.txt") == ("EACCES" if sock else "EPERM")
