# SPDX-License-Identifier: BSD-2-Clause
"""kill -9 of workers under load: the master replaces them at once, and nobody else's connection notices."""

import os
import pathlib
import signal
import threading
import time

import pytest

from harness import ProtocolError, request, wait_until

WORKERS, ROUNDS = 3, 3


def started_at(pid):
    """In seconds since the machine's start, to a hundredth."""
    return int(pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[19]) / os.sysconf("SC_CLK_TCK")


class Asker(threading.Thread):
    """A client that asks on one connection as fast as it is answered, and notes when that connection ends."""

    def __init__(self, server, stop):
        super().__init__()
        self.server, self.stop = server, stop
        self.client = server.connect()
        self.pid = int(self.client.ask(request("/pid")).text)
        self.answers, self.ended = 0, False

    def run(self):
        with self.client:
            while not self.stop.is_set():
                try:
                    answer = self.client.ask(request("/pid"))
                except (ProtocolError, OSError):
                    self.ended = True
                    return
                assert int(answer.text) == self.pid
                self.answers += 1
                time.sleep(0.001)


@pytest.mark.parametrize("listen", ["", "reuseport"])
def test_worker_killed_under_load_is_replaced_at_once_and_the_others_go_on(weir, listen):
    server = weir(http="server { listen 127.0.0.1:{port} %s; keepalive_requests 10000000; location /pid { return 200 $pid; } }" % listen,
                  workers=WORKERS, events="worker_connections 512;", allow=["exited on signal 9"])
    for _ in range(ROUNDS):
        workers = server.wait_workers(WORKERS)
        stop, askers = threading.Event(), []

        def each_has_some():
            askers.append(Asker(server, stop))
            counts = [sum(asker.pid == pid for asker in askers) for pid in workers]
            return min(counts) >= 2
        wait_until(each_has_some, "clients of each worker")
        for asker in askers:
            asker.start()
        try:
            wait_until(lambda: all(asker.answers > 5 for asker in askers), "load")
            victim = workers[0]
            killed = time.clock_gettime(time.CLOCK_BOOTTIME)
            os.kill(victim, signal.SIGKILL)
            new, = set(server.wait_workers(WORKERS, [victim])) - set(workers)
            # Some milliseconds on a machine with nothing else to do.
            assert -0.02 < started_at(new) - killed < 0.5
            wait_until(lambda: all(asker.ended for asker in askers if asker.pid == victim), "its clients to notice")
            then = {asker: asker.answers for asker in askers if asker.pid != victim}
            wait_until(lambda: all(asker.answers > count + 20 for asker, count in then.items()), "the others to go on")
            assert not any(asker.ended for asker in then)
            wait_until(lambda: int(server.get("/pid").text) == new, "the new worker to serve")
        finally:
            stop.set()
            for asker in askers:
                asker.join()
