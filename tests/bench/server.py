# SPDX-License-Identifier: BSD-2-Clause
"""A running server: started for a workload, asked, measured, ended."""
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import time

import machine
from peers import Setup

READY_S = 5             # to accept its first connection
END_S = 2               # to go after SIGTERM, and again after SIGKILL
BODY_KEPT = 1 << 20     # get() reads no more of a body


def free_ports(first):
    """The first port from `first` on that is free together with the next one."""
    for port in range(first, 65000, 2):
        try:
            for p in (port, port + 1):
                with socket.socket() as s:
                    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    s.bind(("127.0.0.1", p))
        except OSError:
            continue
        return port
    raise OSError("no free port from %d on" % first)


class Server:
    def __init__(self, name, peer, tmp, port):
        self.name, self.peer, self.tmp, self.port = name, peer, tmp, port
        self.dir = "%s/run/%s" % (tmp, name)
        self.process = None

    @property
    def pid(self):
        return self.process.pid

    def up(self, workload, log=False, connections=0):
        """Starts it with as many features as it can do. False: it cannot do the workload."""
        for features in self.peer.ladder:
            setup = Setup(name=self.name, dir=self.dir, tmp=self.tmp, www=self.tmp + "/www",
                          port=self.port, workload=workload, log=log, features=features,
                          connections=connections or machine.NOFILE - 500)
            conf = self.peer.conf(setup)
            if conf is None:
                return False
            if self._start(setup, conf):
                return True
            self.down()
        return False

    def _start(self, setup, conf):
        shutil.rmtree(self.dir, ignore_errors=True)
        os.makedirs(self.dir + "/logs")
        os.chmod(self.dir, 0o777)               # workers may run as another user
        with open(setup.conf_path, "w") as f:
            f.write(conf)
        with open(self.dir + "/out", "wb") as out:
            self.process = subprocess.Popen(
                [self.peer.binary] + self.peer.command(setup), cwd=self.dir,
                stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True,
                preexec_fn=machine.pin(machine.SERVER_CPU),
                env=dict(os.environ, HOME=self.dir, **self.peer.environment))
        deadline = time.monotonic() + READY_S
        while self.process.poll() is None and time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return True
            except OSError:
                time.sleep(0.05)
        return False

    def down(self):
        """Ends the process that was started and those that descend from it."""
        if self.process is None:
            return
        members = machine.tree(self.pid)
        self._signal([self.pid], signal.SIGTERM)
        if self._wait(members):
            self._signal(members, signal.SIGKILL)
            self._wait(members)
        self.process = None

    @staticmethod
    def _signal(pids, number):
        for pid in pids:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass

    def _wait(self, members):
        """Those that are still there after END_S."""
        deadline = time.monotonic() + END_S
        while True:
            self.process.poll()                 # reaps
            left = members & set(machine.processes())
            if not left or time.monotonic() > deadline:
                return left
            time.sleep(0.02)

    def reload(self):
        if callable(self.peer.reload):
            self.peer.reload(self)
        else:
            os.kill(self.pid, self.peer.reload)

    def run_aside(self, command):
        """A helper of the server's, on the load's cpu; nobody waits for it."""
        subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                         preexec_fn=machine.pin(machine.LOAD_CPU))

    def get(self, path, headers="", tls=False):
        """One request by a client that is no benchmark: (status, head, body)."""
        s = socket.create_connection(("127.0.0.1", self.port + bool(tls)), 3)
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            context.minimum_version = ssl.TLSVersion.TLSv1_3
            s = context.wrap_socket(s, server_hostname="localhost")
        with s:
            request = "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\n%s\r\n" % (path, headers)
            s.sendall(request.encode())
            data = b""
            while b"\r\n\r\n" not in data:
                data += self._some(s)
            head, body = data.split(b"\r\n\r\n", 1)
            head = head.decode("latin1")
            length = re.search(r"(?i)\r\ncontent-length: *(\d+)", head)
            want = min(int(length[1]) if length else 0, BODY_KEPT)
            while len(body) < want:
                body += self._some(s)
        return int(head.split()[1]), head, body

    @staticmethod
    def _some(s):
        data = s.recv(65536)
        if not data:
            raise OSError("closed early")
        return data
