# SPDX-License-Identifier: BSD-2-Clause
"""What the tests stand on: a server of their own, exact bytes to it and from it, and waiting for conditions."""

from harness.client import Client, ProtocolError, Response, request
from harness.server import Weir, binary, check_conf, run_weir, serving
from harness.wait import now, wait_until

__all__ = [
    "Client", "ProtocolError", "Response", "Weir",
    "binary", "check_conf", "now", "request", "run_weir", "serving", "wait_until",
]
