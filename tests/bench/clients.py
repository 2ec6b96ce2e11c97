# SPDX-License-Identifier: BSD-2-Clause
"""The load: wrk, h2load and our own load.c, on the load's cpu. Each gives a dict with requests,
secs, bytes, p50 and p99 (microseconds) and errors."""
import json
import os
import re
import subprocess

import machine

GRACE_S = 20        # a client that takes so much longer than asked is given up

PLAIN = ""

RANDOM_FILES = """
local r = {}
init = function(args)
  math.randomseed(1)
  for i = 0, 9999 do
    r[i] = wrk.format('GET', string.format('/many/%02d/%04d.bin', i % 100, i))
  end
end
request = function() return r[math.random(0, 9999)] end
"""

PIPELINE = """
local r
init = function(args)
  local t = {}
  for i = 1, 16 do t[i] = wrk.format('GET', '/1k.bin') end
  r = table.concat(t)
end
request = function() return r end
"""

REPORT = """
done = function(summary, latency)
  local e = summary.errors
  io.write(string.format('JSON {"requests":%d,"secs":%f,"bytes":%d,"p50":%f,"p99":%f,' ..
    '"connect":%d,"read":%d,"write":%d,"status":%d,"timeout":%d}\\n', summary.requests,
    summary.duration / 1e6, summary.bytes, latency:percentile(50), latency:percentile(99),
    e.connect, e.read, e.write, e.status, e.timeout))
end
"""


def run(command, secs):
    p = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                       timeout=secs + GRACE_S, preexec_fn=machine.pin(machine.LOAD_CPU))
    return p.stdout.decode("utf-8", "replace")


def wrk(o, server, path, connections, script=PLAIN, headers=(), tls=False, errors_expected=False):
    name = {PLAIN: "plain", RANDOM_FILES: "random", PIPELINE: "pipeline"}[script]
    lua = "%s/wrk-%s.lua" % (o.tmp, name)
    with open(lua, "w") as f:
        f.write(script + REPORT)
    fields = [a for h in headers for a in ("-H", h)]
    scheme, port = ("https", server.port + 1) if tls else ("http", server.port)
    out = run(["wrk", "-t1", "-c%d" % connections, "-d%ds" % o.secs, "-s", lua] + fields
              + ["%s://127.0.0.1:%d%s" % (scheme, port, path)], o.secs)
    r = json.loads(out.split("JSON ")[1].split("\n")[0])
    r["errors"] = r["connect"] + r["read"] + r["write"] + r["timeout"]
    if not errors_expected:
        r["errors"] += r["status"]
    return r


def h2load(o, server, path, connections, streams, options=()):
    log = o.tmp + "/h2load.log"
    if os.path.exists(log):
        os.unlink(log)
    out = run(["h2load", "-t1", "-c%d" % connections, "-m%d" % streams, "-D%d" % o.secs,
               "--log-file", log, *options,
               "https://127.0.0.1:%d%s" % (server.port + 1, path)], o.secs)
    m = re.search(r"(\d+) succeeded, (\d+) failed", out)
    with open(log) as f:
        times = sorted(int(line.split()[2]) for line in f if len(line.split()) > 2)

    def percentile(p):
        return times[min(len(times) - 1, len(times) * p // 100)] if times else 0

    return dict(requests=int(m[1]), secs=float(o.secs), errors=int(m[2]), p50=percentile(50),
                p99=percentile(99), bytes=int(re.search(r"traffic: \S+ \((\d+)\)", out)[1]))


def failures(r):
    """What a client of load.c has to suffer from a server."""
    return (r["connect_failed"] + r["fresh_failed"] + r["reused_failed"] + r["cut"]
            + r["not_200"] + r["stuck"])


def load_command(o, mode, server, path, *numbers):
    return [o.load, mode, str(server.port), path] + [str(n) for n in numbers]


def load(o, mode, server, path, *numbers):
    r = json.loads(run(load_command(o, mode, server, path, *numbers), o.secs + 60))
    r["errors"] = failures(r)
    return r


class Background:
    """load.c beside other work."""

    def __init__(self, command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        preexec_fn=machine.pin(machine.LOAD_CPU))

    def __enter__(self):
        return self

    def result(self):
        return json.loads(self.process.stdout.readline())

    def __exit__(self, *exception):
        self.process.stdin.close()              # ends "load idle"
        try:
            self.process.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
