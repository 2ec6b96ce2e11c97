# SPDX-License-Identifier: BSD-2-Clause
"""
Sends streams to the real server and compares what it does with what the model says: how many answers come, with which statuses, behind
which of them the connection is closed, and, from the access log, what each served request was understood to be: method, target, path,
host, fields, the bytes of its body and the length of the whole message.
"""

import random
import re
import threading

from harness import ProtocolError, now, serving, wait_until
from model import mutations
from model.rfc9112 import Site, read_stream

LOCATIONS = """
    server_name site;
    keepalive_requests 1000000;
    client_max_body_size 4k;
    add_header X-Told "$connection $connection_requests" always;
    location / { return 200 other; }
    location ~ ^/put/[a-z0-9]+$ {
        root {prefix}/put/$connection;
        client_body_buffer_size 16k;
        create_full_put_path on;
        dav_methods PUT;
        if ($request_method != PUT) { return 200 other; }
    }
"""

# name: (what the conf file says, what the model is told of it)
SITES = {
    "port": ("", Site()),
    "port1": ("large_client_header_buffers 3 128; client_header_buffer_size 64; max_headers 6; merge_slashes off; underscores_in_headers on;",
              Site(128, 128, 3 * 128 + 64, 6, merge_slashes=False, underscores=True)),
    "port2": ("ignore_invalid_headers off;", Site(ignore_invalid=False)),
}
FORMAT = """log_format model '$connection $connection_requests $status "$request_method" "$request_uri" "$uri" "$host" "$http_x_a" "$http_x_b" "$content_length"'
    ' $request_length';"""
FACTS = ("method", "request_uri", "uri", "host", "x", "x_b", "length", "bytes")
LINE = re.compile(rb'(\d+) (\d+) (\d+)' + rb' "([^"]*)"' * 7 + rb' (\d+)')
CONF = """
pid {prefix}/logs/weir.pid; error_log {prefix}/logs/error.log crit; worker_processes 1;
events { worker_connections 2048; }
http {
    %s
    access_log {prefix}/logs/model.log model;
    client_body_temp_path {prefix}/temp;
    %s
}
""" % (FORMAT, "\n".join(f"server {{ listen 127.0.0.1:{{{port}}}; {lines} {LOCATIONS} }}" for port, (lines, _) in SITES.items()))


PATIENCE = 5.0          # seconds for an answer; less while a stream is made shorter
SHRINK_SECONDS = 8


LEFT = {400, 408, 499}  # in the log, of what has no answer since its client left within it


class Disagreement(AssertionError):
    pass


def unescape(text):
    return re.sub(rb"\\x([0-9A-Fa-f]{2})", lambda m: bytes([int(m[1], 16)]), text)


class Log:
    """The access log, read as it grows: (connection, request) -> (status, facts)."""

    def __init__(self, server):
        self.path = server.prefix / "logs" / "model.log"
        self.at, self.half, self.lines, self.answered = 0, b"", {}, {}
        self.lock = threading.Lock()

    def read(self):
        with open(self.path, "rb") as file:
            file.seek(self.at)
            data = file.read()
        self.at += len(data)
        *lines, self.half = (self.half + data).split(b"\n")
        for line in lines:
            match = LINE.fullmatch(line)
            if not match:
                raise Disagreement(f"a line of the log: {line!r}")
            key = int(match[1]), int(match[2])
            self.lines.setdefault(key, []).append((int(match[3]), dict(zip(FACTS, (unescape(g) for g in match.groups()[3:])))))

    def look_over(self, server):
        """Nothing was served, or begun, that no client has heard of."""
        last = int(server.get("/last").get("X-Told").split()[0])
        self.of(last, 1)
        self.answered[last] = 1
        return [f"connection {connection}: the log has {entries} for request {number}, of {self.answered.get(connection, 0)} that were answered"
                for (connection, number), entries in self.lines.items()
                if number > self.answered.get(connection, 0) and not (len(entries) == 1 and entries[0][0] in LEFT)]

    def of(self, connection, count):
        """The requests of a connection, in their order, once there are so many of them."""
        def there():
            with self.lock:
                self.read()
                found = [entry for number in range(1, count + 2) for entry in self.lines.get((connection, number), ())]
            return found if len(found) >= count else None
        return wait_until(there, f"{count} lines of connection {connection} in the log")


def compare(server, port, data, cut, log, patience=PATIENCE):
    """Raises Disagreement."""
    expected, why = read_stream(data, SITES[port][1])
    got = []
    with server.connect(port, timeout=patience) as client:
        try:
            client.send_pieces([data[a:b] for a, b in zip([0] + cut, cut + [len(data)])])
            for number, answer in enumerate(expected):
                if not client._buffer and not client._fill():
                    raise Disagreement(f"{number} answers came; the next one is missing: {answer}")
                response = client.read(answer.method.decode("latin-1"))
                got.append(response)
                if response.status not in answer.statuses:
                    raise Disagreement(f"answer {number} has {response.status}, and should be {answer}")
                if response.interim and not answer.interim:
                    raise Disagreement(f"answer {number} came behind an interim one; it should be {answer}")
                closes = (response.get("Connection") or "").lower() == "close"
                if answer.closes is not None and closes != answer.closes:
                    raise Disagreement(f"answer {number} says {'close' if closes else 'nothing of close'}, and should be {answer}")
                if closes:
                    break
            client.finish()         # not before: who says so while he is being served has left (499)
            rest = client.read_rest()
            if rest:
                raise Disagreement(f"behind {len(got)} answers more came, though {why}: {rest[:300]!r}")
        except ProtocolError as problem:
            raise Disagreement(f"answer {len(got)}: {problem}") from None
    if not got:
        return 0
    connection = int(got[0].get("X-Told").split()[0])
    log.answered[connection] = len(got)
    entries = log.of(connection, len(got))
    stored = {}
    for number, (answer, response) in enumerate(zip(expected, got)):
        status, facts = entries[number]
        if status != response.status and (status, response.status) not in ((494, 431), (494, 414)):
            raise Disagreement(f"answer {number} is {status} in the log, and was {response.status}")
        if answer.body is not None:
            stored[facts["uri"].decode()] = answer.body
        for name, value in answer.facts.items():
            if facts[name] != value:
                raise Disagreement(f"answer {number}: {name} was {facts[name]!r}, and should be {value!r} ({answer})")
    for name, body in stored.items():
        found = (server.prefix / "put" / str(connection) / name[1:]).read_bytes()
        if found != body:
            raise Disagreement(f"the last body of {name} was {found!r}, and should be {body!r}")
    return len(got)


def shrink(server, port, data, cut, log):
    """The shortest stream that is found on which the two disagree, and what they say of it."""
    def fails(candidate, cut=()):
        try:
            compare(server, port, candidate, list(cut), log, 0.5)
        except Disagreement as problem:
            return str(problem)
        return None

    end = now() + SHRINK_SECONDS
    whole = fails(data)
    if not whole:
        return data, cut, fails(data, cut)
    said = whole
    size = max(1, len(data) // 2)
    while size:
        at = 0
        while at < len(data) and now() < end:
            candidate = data[:at] + data[at + size:]
            found = fails(candidate) if candidate else None
            if found:
                data, said = candidate, found
            else:
                at += size
        size //= 2
    return data, [], said


def report(server, port, data, cut, log, seed, first):
    data, cut, said = shrink(server, port, data, cut, log)
    said = said or f"{first} (not again)"
    expected, why = read_stream(data, SITES[port][1])
    return "\n".join([f"the model and the server disagree (seed {seed}, {SITES[port][0] or 'default limits'}):",
                      f"    data = {data!r}", f"    cuts = {cut}", f"  the server: {said}",
                      "  the model: " + ("; ".join(map(str, expected)) or "no answer") + f"; {why}"])


class Run:
    """So many streams of a seed, several at once."""

    def __init__(self, server, seed, count, threads=16, most=5):
        self.server, self.seed, self.count, self.most = server, seed, count, most
        self.log = Log(server)
        self.numbers = iter(range(count))
        self.lock = threading.Lock()
        self.messages, self.streams, self.found = 0, 0, []
        self.threads = [threading.Thread(target=self.work) for _ in range(threads)]
        self.error = None

    def next(self):
        with self.lock:
            return None if len(self.found) >= self.most or self.error else next(self.numbers, None)

    def work(self):
        try:
            while (number := self.next()) is not None:
                seed = f"{self.seed}/{number}"
                chance = random.Random(seed)
                port = chance.choice(list(SITES))
                data = mutations.stream(chance)
                cut = mutations.cuts(chance, data)
                try:
                    messages = compare(self.server, port, data, cut, self.log)
                except Disagreement as problem:
                    with self.lock:
                        self.found.append((seed, port, data, cut, str(problem)))
                    continue
                with self.lock:
                    self.messages += messages
                    self.streams += 1
        except BaseException as error:
            self.error = error
            raise

    def go(self):
        for thread in self.threads:
            thread.start()
        for thread in self.threads:
            thread.join()
        if self.error:
            raise self.error                # such as a server that is gone
        self.found = self.found[:self.most]
        return self.log.look_over(self.server)[:self.most] + [report(self.server, port, data, cut, self.log, seed, first) for seed, port, data, cut, first in self.found]


def run(seed, count):
    """On a server of its own: (what was done, the disagreements)."""
    with serving(CONF, files={"put/README": ""}) as server:
        (server.prefix / "put").chmod(0o777)
        begun = now()
        streams = Run(server, seed, count)
        problems = streams.go()
    return (f"model: seed {seed}, {streams.streams} streams, {streams.messages} answers, {now() - begun:.1f} s, {len(problems)} disagreements",
            problems)
