# SPDX-License-Identifier: BSD-2-Clause
"""Asks the kernel about the server's end of a connection: how many bytes it has not read yet, and its state.

So a test that sends a request in pieces knows that the server has read one piece before it sends the next.
"""

import socket
import struct

NETLINK_SOCK_DIAG = 4
SOCK_DIAG_BY_FAMILY = 20
NLMSG_ERROR = 2
ESTABLISHED, SYN_RECV, CLOSE_WAIT, LISTEN = 1, 3, 8, 10
NO_COOKIE = 0xFFFFFFFF


class SockDiag:
    def __init__(self):
        self._netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, NETLINK_SOCK_DIAG)
        self._netlink.settimeout(5)

    def close(self):
        self._netlink.close()

    def peer_of(self, sock):
        """(state, unread bytes, inode) of the other end of a loopback connection; None when it is gone."""
        local, remote = sock.getsockname(), sock.getpeername()
        src = socket.inet_pton(sock.family, remote[0]).ljust(16, b"\0")
        dst = socket.inet_pton(sock.family, local[0]).ljust(16, b"\0")
        ident = struct.pack("!HH", remote[1], local[1]) + src + dst
        ident += struct.pack("=III", 0, NO_COOKIE, NO_COOKIE)
        body = struct.pack("=BBBBI", sock.family, socket.IPPROTO_TCP, 0, 0, 0xFFFFFFFF) + ident
        head = struct.pack("=IHHII", 16 + len(body), SOCK_DIAG_BY_FAMILY, 1, 1, 0)
        self._netlink.send(head + body)
        answer = self._netlink.recv(8192)
        if struct.unpack_from("=H", answer, 4)[0] == NLMSG_ERROR:
            return None
        state = answer[17]
        _, unread, _, _, inode = struct.unpack_from("=IIIII", answer, 16 + 4 + 48)
        return state, unread, inode

    def peer_is_closed(self, sock):
        """No process has the other end any more, though the kernel may still keep it."""
        try:
            found = self.peer_of(sock)
        except OSError:
            return True
        return found is None or found[0] == LISTEN or found[2] == 0

    def peer_has_read_all(self, sock):
        try:
            found = self.peer_of(sock)
        except OSError:                     # not connected any more
            return True
        if found is None:
            return True
        state, unread, _ = found
        if state in (LISTEN, SYN_RECV):     # still in the kernel's queue
            return False
        return state not in (ESTABLISHED, CLOSE_WAIT) or unread == 0
