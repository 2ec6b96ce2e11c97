# SPDX-License-Identifier: BSD-2-Clause
"""The options, what they print and where, and how the program ends."""

import os
import re
import socket
import subprocess

import pytest

from harness import binary, check_conf, run_weir

GOOD = "events { }\nhttp { server { listen 127.0.0.1:1; } }\n"
BAD = "events { }\nhttp { rot; }\n"


@pytest.mark.parametrize("option", ["-h", "-?"])
def test_help_names_every_option(folder, option):
    done = run_weir(folder, option)
    assert (done.returncode, done.stdout) == (0, "")
    for wanted in ("-h", "-v", "-V", "-t", "-T", "-q", "-s", "-p", "-e", "-c", "-g", "serve"):
        assert wanted in done.stderr


def test_version_is_one_line(folder):
    done = run_weir(folder, "-v")
    assert (done.returncode, done.stdout) == (0, "")
    assert re.fullmatch(r"weir version: weir/\d+(\.\d+)+\S*\n", done.stderr)


def test_long_version_tells_how_it_was_built(folder):
    done = run_weir(folder, "-V")
    lines = done.stderr.splitlines()
    assert (done.returncode, done.stdout) == (0, "")
    assert re.fullmatch(r"weir version: weir/\d+(\.\d+)+\S*", lines[0])
    assert "configure arguments:" in done.stderr
    assert lines[-1].startswith("modules: ") and "http_static" in lines[-1].split()


@pytest.mark.parametrize("args, text", [
    (["-x"], 'weir: invalid option: "x"'), (["-tx"], 'weir: invalid option: "x"'),
    (["stray"], 'weir: invalid option: "stray", "weir -h" lists those that there are'),
    (["reload"], 'weir: invalid option: "reload", did you mean "weir ctl reload"?'),
    (["-q", "status"], 'weir: invalid option: "status", did you mean "weir ctl status"?'),
    (["-t", "ctl", "reload"], 'weir: invalid option: "ctl", it stands before all others: "weir ctl ..."'),
    (["-c"], 'weir: option "-c" requires file name'), (["-p"], 'weir: option "-p" requires directory name'),
    (["-e"], 'weir: option "-e" requires file name'), (["-g"], 'weir: option "-g" requires parameter'),
    (["-s"], 'weir: option "-s" requires parameter'), (["-s", "jump"], 'weir: invalid option: "-s jump"'),
])
def test_wrong_option_is_told(folder, args, text):
    done = run_weir(folder, *args)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[0] == text


def test_good_file_passes_the_test(folder):
    done, path = check_conf(folder, GOOD)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == (f"weir: the configuration file {path} syntax is ok\n"
                           f"weir: [notice] sandbox: read {folder}/html\n"
                           f"weir: configuration file {path} test is successful\n")


def test_bad_file_fails_the_test(folder):
    done, path = check_conf(folder, BAD)
    assert (done.returncode, done.stdout) == (1, "")
    lines = done.stderr.splitlines()
    assert lines[0] == f'weir: [emerg] unknown directive "rot" in {path}:2'
    assert lines[-1] == f"weir: configuration file {path} test failed"
    assert "successful" not in done.stderr and "syntax is ok" not in done.stderr


@pytest.mark.parametrize("args", [["-q"], ["-tq"]])
def test_quiet_hides_the_good_lines_alone(folder, args):
    done, _ = check_conf(folder, GOOD, *args)
    assert (done.returncode, done.stderr) == (0, "")
    done, path = check_conf(folder, BAD, *args)
    assert done.returncode == 1 and f"in {path}:2" in done.stderr and "test failed" in done.stderr


@pytest.mark.parametrize("args", [["-t", "-q"], ["-tq"], ["-qt"]])
def test_letters_cluster(folder, args):
    (folder / "weir.conf").write_text(GOOD)
    done = run_weir(folder, "-p", f"{folder}/", "-c", "weir.conf", *args)
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "")


def test_values_may_be_glued(folder):
    (folder / "weir.conf").write_text(GOOD)
    done = run_weir(folder, f"-p{folder}/", "-cweir.conf", "-t", "-gworker_processes 2;")
    assert done.returncode == 0 and f"{folder}/weir.conf syntax is ok" in done.stderr


def test_prefix_needs_no_slash(folder):
    (folder / "weir.conf").write_text(GOOD)
    done = run_weir(folder, "-p", str(folder), "-c", "weir.conf", "-t")
    assert done.returncode == 0 and f"the configuration file {folder}/weir.conf syntax is ok" in done.stderr


def test_dump_goes_to_stdout_file_by_file(folder):
    (folder / "types.conf").write_text("types { text/x-a a; }\n")
    (folder / "site.conf").write_text("server { listen 127.0.0.1:1; }  # a comment stays\n")
    conf = "events { }\nhttp {\n    include types.conf;\n    include site.co*;\n}\n"
    path = folder / "weir.conf"
    path.write_text(conf)
    done = run_weir(folder, "-p", f"{folder}/", "-c", str(path), "-T")
    assert done.returncode == 0
    assert "test is successful" in done.stderr and "successful" not in done.stdout
    pieces = re.split(r"^# configuration file (.*):\n", done.stdout, flags=re.M)
    assert pieces[0] == ""
    shown = dict(zip(pieces[1::2], pieces[2::2]))
    assert list(shown) == [str(path), str(folder / "types.conf"), str(folder / "site.conf")]
    for name, text in shown.items():
        assert text.rstrip("\n") == open(name).read().rstrip("\n")


def test_dump_of_a_bad_file_fails(folder):
    path = folder / "weir.conf"
    path.write_text(BAD)
    done = run_weir(folder, "-p", f"{folder}/", "-c", str(path), "-T")
    assert done.returncode == 1 and "test failed" in done.stderr


def test_g_is_read_first(folder):
    done, path = check_conf(folder, "pid a;\n" + GOOD, "-g", "pid b;")
    assert done.returncode == 1
    assert done.stderr.splitlines()[0] == f'weir: [emerg] "pid" directive is duplicate in {path}:1'


def test_errors_of_g_end_in_command_line(folder):
    done, _ = check_conf(folder, GOOD, "-g", "rot /a;")
    assert done.returncode == 1
    assert re.match(r'weir: \[emerg\] unknown directive "rot" in command line(:\d+)?\n', done.stderr)


@pytest.mark.parametrize("text", ["daemon off; pid x;", "daemon off", "worker_processes 2;master_process off;"])
def test_g_takes_several_directives(folder, text):
    done, _ = check_conf(folder, GOOD, "-g", text)
    if text.endswith(";"):
        assert done.returncode == 0, done.stderr
    else:
        assert done.returncode == 1 and "command line" in done.stderr


def test_test_binds_nothing(folder):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done, _ = check_conf(folder, GOOD.replace(":1;", f":{taken.getsockname()[1]};"))
    assert done.returncode == 0, done.stderr


def test_test_with_bind_tries_the_addresses(folder):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done, _ = check_conf(folder, GOOD.replace(":1;", f":{port};"), "--bind")
        assert done.returncode == 1
        assert f"bind() to 127.0.0.1:{port} failed (98: Address already in use)" in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody else")
def test_anybody_may_test(folder):
    (folder / "weir.conf").write_text("user nobody;\n" + GOOD)
    done = run_weir(folder, "-p", f"{folder}/", "-c", "weir.conf", "-t", user=65534, group=65534, extra_groups=[])
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ["stop", "quit", "reload", "reopen"])
def test_signal_without_a_server_is_told(folder, name):
    (folder / "weir.conf").write_text(f"pid {folder}/none.pid;\n" + GOOD)
    done = run_weir(folder, "-p", f"{folder}/", "-c", "weir.conf", "-s", name)
    assert (done.returncode, done.stdout) == (1, "")
    assert f'weir: [error] open() "{folder}/none.pid" failed (2: No such file or directory)' in done.stderr


@pytest.mark.parametrize("text", ["", "\n", "abc\n", "0\n", "99999999999999\n"])
def test_signal_with_a_broken_pid_file_hits_nobody(folder, text):
    """In a session of its own: 0 would mean everybody in it."""
    (folder / "weir.conf").write_text(f"pid {folder}/broken.pid;\n" + GOOD)
    (folder / "broken.pid").write_text(text)
    done = run_weir(folder, "-p", f"{folder}/", "-c", "weir.conf", "-s", "stop", start_new_session=True)
    assert done.returncode == 1 and "weir: [error]" in done.stderr


def test_signal_to_a_process_that_is_gone_is_told(folder):
    gone = subprocess.Popen(["true"])
    gone.wait()
    (folder / "weir.conf").write_text(f"pid {folder}/old.pid;\n" + GOOD)
    (folder / "old.pid").write_text(f"{gone.pid}\n")
    done = run_weir(folder, "-p", f"{folder}/", "-c", "weir.conf", "-s", "quit")
    assert done.returncode == 1 and f"kill({gone.pid}, 3) failed (3: No such process)" in done.stderr


def test_list_of_directives_is_a_table(folder):
    done = run_weir(folder, "--list-directives")
    assert (done.returncode, done.stderr) == (0, "")
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    assert all(len(row) == 4 and re.fullmatch("[a-z][a-z0-9_]*", row[0]) for row in rows)
    names = [row[0] for row in rows]
    assert len(names) == len(set(names)) and {"root", "listen", "worker_processes", "access_log"} <= set(names)
    assert {row[0]: row[3] for row in rows if row[0] in ("include", "allow", "gzip_types")} \
        == {"include": "conf", "allow": "access", "gzip_types": "compress"}


def test_output_that_cannot_be_written_is_no_crash(folder):
    (folder / "weir.conf").write_text(GOOD)
    with open("/dev/full", "wb") as full:
        done = subprocess.run([binary(), "-p", f"{folder}/", "-c", "weir.conf", "-T"], stdin=subprocess.DEVNULL, stdout=full,
                              stderr=subprocess.PIPE, cwd=folder, timeout=10)
    assert done.returncode in (0, 1)
