# SPDX-License-Identifier: BSD-2-Clause
"""The work: for each workload its probe, one measurement of it, and weir's goals."""
import http.client
import re
import time
from dataclasses import dataclass

import machine
from clients import (PIPELINE, RANDOM_FILES, Background, failures, h2load, load, load_command, run,
                     wrk)
from fixture import LISTED
from goals import at_least, at_most, none_of, ratio

FILE_1K, FILE_64K, FILE_100M = "/1k.bin", "/64k.bin", "/100m.bin"
TEXT_100K = "/gz/100k.txt"
LISTING = "/listing/"
CLOSE = ["Connection: close"]
GZIP = ["Accept-Encoding: gzip"]
WEIR = ("weir", "weir-tuned", "weir-undeferred")


@dataclass
class Workload:
    """`probe(server)` raises or is false where the server cannot do it: n/a. `cell(o, server)`
    measures once, with the fields of clients.py; its own "cpu" takes precedence over that of the
    whole cell."""
    probe: object
    cell: object
    goals: tuple = ()
    unit: str = "request"       # or "GB"
    rounds: int = 100           # at most
    connections: int = 0        # worker_connections; 0: as many as descriptors allow
    log: bool = False
    warm: object = None         # called with the server before its first cell
    only: tuple = ()            # servers that take part only here


# ---- probes

def serves(path, size=None, tls=False):
    def probe(server):
        status, _, body = server.get(path, tls=tls)
        return status == 200 and (size is None or len(body) == size)
    return probe


def conditions(server):
    """The fields of a client that has the file already."""
    head = server.get(FILE_1K)[1]
    fields = []
    for validator, condition in (("etag", "If-None-Match"), ("last-modified", "If-Modified-Since")):
        m = re.search(r"(?i)\r\n%s: *([^\r]+)" % validator, head)
        if m:
            fields.append("%s: %s" % (condition, m[1]))
    return fields


def knows_conditions(server):
    fields = conditions(server)
    return fields and server.get(FILE_1K, "".join(f + "\r\n" for f in fields))[0] == 304


def compresses(server):
    status, head, _ = server.get(TEXT_100K, "Accept-Encoding: gzip\r\n")
    return status == 200 and re.search(r"(?i)\r\ncontent-encoding: *gzip", head)


def speaks_h2(server):
    out = run(["h2load", "-n1", "-c1", "https://127.0.0.1:%d%s" % (server.port + 1, FILE_1K)], 5)
    return "protocol: h2" in out and " 1 succeeded" in out


def misses(server):
    return server.get("/no/such")[0] == 404


def lists(server):
    client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    client.request("GET", LISTING)
    answer = client.getresponse()
    return answer.status == 200 and answer.read().count(b"<a href=") == LISTED + 1


def can_reload(server):
    return server.peer.reload and serves(FILE_1K, 1024)(server)


# ---- warming

def ask_for_all_files(server):
    """So that no cell pays for the first look at a file: how many first looks a short one has is a
    matter of its speed."""
    client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    for i in range(10000):
        client.request("GET", "/many/%02d/%04d.bin" % (i % 100, i))
        client.getresponse().read()
    client.close()


# ---- cells

def requests(path, connections, **more):
    return lambda o, server: wrk(o, server, path, connections, **more)


def conditional_cell(o, server):
    return wrk(o, server, FILE_1K, 64, headers=conditions(server))


def pss_of_fresh(server, workload, connections):
    """PSS in KiB of a server that has answered once."""
    server.down()
    server.up(workload, connections=connections)
    server.get(FILE_1K)
    return machine.memory_kib(server.pid)[0]


def idle_cell(o, server):
    """Memory for a connection that waits and for a slot never used, and the speed beside them."""
    few, many = 512, machine.NOFILE - 500
    small = pss_of_fresh(server, "idle", few)
    before = pss_of_fresh(server, "idle", many)
    with Background(load_command(o, "idle", server, FILE_1K, o.idle)) as idle:
        held = idle.result()
        after = machine.memory_kib(server.pid)[0]
        cpu = machine.cpu_seconds(server.pid)
        r = wrk(o, server, FILE_1K, 64)
        r["cpu"] = machine.cpu_seconds(server.pid) - cpu
    r["errors"] += o.idle - held["ready"] + failures(held)
    r["connection_bytes"] = (after - before) * 1024 // max(1, held["ready"])
    r["slot_bytes"] = max(0, (before - small) * 1024 // (many - few))
    r["note"] = "%(connection_bytes)d B/connection, %(slot_bytes)d B/unused slot" % r
    return r


def cold_cell(o, server):
    """Small requests beside a client that reads a large file which is never in memory."""
    reader = load_command(o, "drain", server, FILE_100M, 1, o.secs)
    with machine.Cold(o.tmp + "/www" + FILE_100M), Background(reader) as cold:
        r = wrk(o, server, FILE_1K, 4)
        read = cold.result()
    r["errors"] += failures(read)
    r["note"] = "%.2f GB/s of the cold file" % (read["bytes"] / read["secs"] / 1e9)
    return r


def reload_cell(o, server):
    command = load_command(o, "cycle", server, FILE_1K, 64, o.reload_secs, 100, 0)
    with Background(command) as clients:
        for _ in range(o.reloads):
            time.sleep(o.reload_secs / (o.reloads + 1))
            server.reload()
        r = clients.result()
    r["errors"] = failures(r)
    r["closed"] = r["reused_failed"] + r["told_to_close"] + r["cut"]
    r["note"] = failure_note(r) + ", closed %(closed)d, slowest %(slowest_ms).0f ms" % r
    return r


def exhaustion_cell(o, server):
    """1,000 clients take turns: 10 requests each, 20 ms apart, then a new connection."""
    o.secs, secs = max(3, o.secs), o.secs
    try:
        r = load(o, "cycle", server, FILE_1K, 1000, o.secs, 10, 20)
    finally:
        o.secs = secs
    r["note"] = failure_note(r) + ", oldest %(oldest_s).1f s" % r
    return r


def listing_cell(o, server):
    """One client asks for the list again and again, while others want small files: p50 and p99 are
    of the list, slowest_ms of the others."""
    others = load_command(o, "cycle", server, FILE_1K, 4, o.secs, 1000000, 1)
    with Background(others) as clients:
        r = wrk(o, server, LISTING, 1)
        beside = clients.result()
    r["errors"] += failures(beside)
    r["slowest_ms"] = beside["slowest_ms"]
    r["note"] = "beside it p50 %(p50)d us, p99 %(p99)d us, slowest %(slowest_ms).1f ms" % beside
    return r


def failure_note(r):
    return ("connect %(connect_failed)d, fresh %(fresh_failed)d, reused %(reused_failed)d,"
            " cut %(cut)d, stuck %(stuck)d" % r)


# ---- all of them; the goals are those of the project's performance plan

SMALL = serves(FILE_1K, 1024)
SMALL_TLS = serves(FILE_1K, 1024, tls=True)

WORKLOADS = {
    "small-hot": Workload(SMALL, requests(FILE_1K, 64), (ratio(0.64),)),
    "small-hot-log": Workload(SMALL, requests(FILE_1K, 64), (ratio(0.65),), log=True),
    "small-many": Workload(serves("/many/07/0007.bin"),
                           requests("/", 64, script=RANDOM_FILES), (ratio(0.75),),
                           warm=ask_for_all_files),
    "medium": Workload(serves(FILE_64K, 65536), requests(FILE_64K, 64),
                       (ratio(0.84), at_most("p99", 2000, "us"))),
    "large": Workload(serves(FILE_100M), lambda o, s: load(o, "drain", s, FILE_100M, 8, o.secs),
                      (ratio(0.66),), unit="GB"),
    "cold": Workload(serves(FILE_100M), cold_cell, (at_most("p99", 5000, "us"),)),
    "no-keepalive": Workload(SMALL, requests(FILE_1K, 64, headers=CLOSE),
                             (ratio(0.86), ratio(0.55, to="nginx-default"))),
    "conditional": Workload(knows_conditions, conditional_cell, (ratio(0.85),)),
    "miss": Workload(misses, requests("/no/such", 64, errors_expected=True), (ratio(0.85),)),
    "pipelined": Workload(SMALL, requests(FILE_1K, 64, script=PIPELINE), (ratio(0.20),)),
    "idle": Workload(SMALL, idle_cell,
                     (at_most("connection_bytes", 240, "B"), at_most("slot_bytes", 0, "B")),
                     rounds=2),
    "exhaustion": Workload(SMALL, exhaustion_cell,
                           tuple(goal(server) for server in WEIR for goal in (
                               lambda s: none_of("errors", s),
                               lambda s: at_least("rate", 25000, "/s", s),
                               lambda s: at_most("p99", 20000, "us", s))),
                           rounds=2, connections=256, only=("weir-undeferred",)),
    "reload": Workload(can_reload, reload_cell, (none_of("errors"), none_of("closed")), rounds=1),
    # a folder of 100,000 entries, and what others have to wait meanwhile
    "listing": Workload(lists, listing_cell,
                        (at_most("p50", 300000, "us"), at_most("slowest_ms", 10, "ms")), rounds=3),
    # compressed for each request, and kept: weir alone does the latter
    "gzip-cold": Workload(compresses, requests(TEXT_100K, 16, headers=GZIP), (ratio(0.25),)),
    "gzip-hot": Workload(compresses, requests(TEXT_100K, 16, headers=GZIP), (ratio(0.03),)),
    "tls-small": Workload(SMALL_TLS, requests(FILE_1K, 64, tls=True), (ratio(0.80),)),
    "tls-handshake": Workload(SMALL_TLS, requests(FILE_1K, 32, tls=True, headers=CLOSE),
                              (ratio(0.90),)),
    "tls-large": Workload(serves(FILE_100M, tls=True), requests(FILE_100M, 4, tls=True),
                          (ratio(0.58),), unit="GB"),
    "h2-small": Workload(speaks_h2, lambda o, s: h2load(o, s, FILE_1K, 16, 10), (ratio(0.28),)),
    "h2-large": Workload(speaks_h2, lambda o, s: h2load(o, s, FILE_100M, 4, 1, ("-w24", "-W26")),
                         (ratio(0.60),), unit="GB"),
}
