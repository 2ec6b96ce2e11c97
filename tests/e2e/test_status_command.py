# SPDX-License-Identifier: BSD-2-Clause
"""weir -s status: the master tells the numbers at the terminal."""

import json
import os
import re
import signal
import subprocess

import pytest

from harness import request, wait_until
from harness.server import run_weir

OK = "return 200 ok;"


def failed(done):
    assert (done.returncode, done.stdout) == (1, "")
    return done.stderr


def test_text_has_head_counters_workers_and_hosts(weir):
    server = weir(server="server_name a.example;\n" + OK, workers=2)
    with server.connect() as client:
        for _ in range(3):
            assert client.ask(request("/")).status == 200
        # an answer is counted for its host once it is out, and a worker once it has begun
        wait_until(lambda: re.search(r"2 workers\n(.*\n)* +3 .* a\.example\n", server.run("-s", "status").stdout), "two workers and three answers")
        done = server.run("-s", "status")
    assert (done.returncode, done.stderr) == (0, "")
    head, counters, workers, hosts = done.stdout.split("\n\n")
    assert re.fullmatch(r"weir [0-9.]+, generation 1, up \d+ s, 2 workers\n"
                        r"reloads 0 ok, 0 failed; workers 0 respawned, 0 killed", head)
    numbers = dict(line.split() for line in counters.splitlines())
    assert numbers["requests"] == numbers["responses_2xx"] == "3" and numbers["curr_connections"] == "1"
    assert {int(line.split()[0]) for line in workers.splitlines()[1:]} == set(server.workers())
    assert re.fullmatch(r" +3 .* a\.example\n", hosts.split("\n", 1)[1])
    assert server.run("-s", "status", "--format=text").stdout.split("\n\n")[1] != ""


def test_json(weir):
    server = weir(server=OK)
    server.get("/")
    done = server.run("-s", "status", "--format", "json")
    assert (done.returncode, done.stderr) == (0, "")
    status = json.loads(done.stdout)
    assert status["sum"]["requests"] == 1 and status["workers"][0]["pid"] in server.workers()


def test_metrics(weir):
    server = weir(server=OK)
    server.get("/")
    done = server.run("-s", "status", "--format=metrics")
    assert (done.returncode, done.stderr) == (0, "")
    assert "\nweir_requests_total 1\n" in done.stdout and "# EOF" not in done.stdout


def test_status_without_a_master(weir):
    server = weir(main="master_process off;", server=OK)
    server.get("/")
    status = json.loads(server.run("-s", "status", "--format=json").stdout)
    assert status["sum"]["requests"] == 1 and [worker["pid"] for worker in status["workers"]] == [server.pid]


def test_status_does_not_need_the_workers(weir):
    server = weir(server=OK)
    worker, = server.wait_workers()
    os.kill(worker, signal.SIGSTOP)
    try:
        assert server.run("-s", "status").returncode == 0
    finally:
        os.kill(worker, signal.SIGCONT)


def test_status_does_not_need_the_whole_conf(weir):
    """It is asked for when something is wrong, and that may be the conf file."""
    server = weir(server=OK)
    server.replace(server.conf_path.name, server.expand(server.template).replace("return", "retrun") + "}")
    assert server.run("-s", "status").stdout.startswith("weir ")


def test_status_tells_of_the_last_reload(weir):
    server = weir(server=OK, allow=[r"\[emerg\]"])
    server.replace(server.conf_path.name, server.expand(server.template).replace("return", "retrun"))
    assert server.run("-s", "reload").returncode == 1
    assert 'last reload failed, ' in (text := server.run("-s", "status").stdout)
    assert 'unknown directive "retrun"' in text


def test_without_a_server(weir):
    server = weir(server=OK, start=False)
    server.write_conf()
    assert failed(server.run("-s", "status")) == (
        f'weir: [error] connect() to "{server.prefix}/logs/weir.ctl" failed (2: No such file or directory)\n'
        f'weir: [notice] no server runs with "{server.conf_path}"; -c and -p name another configuration\n')


def test_without_a_conf(folder):
    assert failed(run_weir(folder, "-s", "status", "-p", str(folder), "-c", "none.conf")) == (
        f'weir: [error] open() "{folder}/none.conf" failed (2: No such file or directory)\n')


def test_without_a_socket(weir):
    server = weir(main="control off;", server=OK)
    assert failed(server.run("-s", "status")) == (
        f'weir: [error] the server takes no commands: "control" is off in "{server.conf_path}"\n'
        'weir: [notice] without that directive, or with a path in the place of "off", it does after a reload\n')


def test_socket_that_goes_off_only_with_the_next_reload_is_used(weir):
    server = weir(server=OK)
    server.replace(server.conf_path.name, "control off;" + server.expand(server.template))
    assert server.run("-s", "status").returncode == 0


def test_socket_that_the_conf_names(weir):
    server = weir(main="control {prefix}/here;", server=OK)
    assert (server.prefix / "here").is_socket()
    assert server.run("-s", "status").returncode == 0


def test_master_that_does_not_answer(weir):
    server = weir(server=OK)
    os.kill(server.pid, signal.SIGSTOP)
    try:
        assert failed(server.run("-s", "status", "--timeout=100ms")) == "weir: [error] no answer within 100 ms\n"
    finally:
        os.kill(server.pid, signal.SIGCONT)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_who_may_not_ask_is_told_so(weir):
    server = weir(server=OK)
    assert failed(server.run("-s", "status", user=65534, group=65534, extra_groups=[])) == (
        f'weir: [error] connect() to "{server.prefix}/logs/weir.ctl" failed (13: Permission denied)\n'
        "weir: [notice] only root and the user of the master process may ask it\n")


def test_answer_that_cannot_be_written_is_a_failure(weir):
    server = weir(server=OK)
    with open("/dev/full", "wb") as full:
        done = subprocess.run(server.command("-s", "status"), stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1
    assert done.stderr == "weir: [error] write() to the standard output failed (28: No space left on device)\n"


@pytest.mark.parametrize("options, message", [
    (["-s", "status", "--format"], 'option "--format" requires a form'),
    (["-s", "status", "--format=xml"],
     'invalid form "xml" for option "--format", it must be text, json or metrics'),
    (["-s", "status", "--format", "raw"],
     'invalid form "raw" for option "--format", it must be text, json or metrics'),
    (["-s", "reload", "--format=json"], 'option "--format" goes with "-s status" and "-s connections"'),
    (["--format=json"], 'option "--format" goes with "-s status" and "-s connections"'),
    (["-s", "status", "--formatting=json"], 'invalid option: "--formatting=json"'),
    (["-s", "stat"], 'invalid option: "-s stat"'),
])
def test_options_are_checked(folder, options, message):
    done = run_weir(folder, *options)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"weir: {message}\n")
