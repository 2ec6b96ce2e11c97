# SPDX-License-Identifier: BSD-2-Clause
"""The nginx of this machine as another Weir: a folder and ports of its own, the same conf text, the same ways to ask it."""

import contextlib
import os
import shutil
import signal
import subprocess

from harness.server import Weir, remove_folder

NGINX = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
KINDS_OF_BODY = ("client_body", "proxy", "fastcgi", "scgi", "uwsgi")


def with_fields_of(whole, answer):
    """
    Each (status, fields, body). RFC 9110 15.4.5: what 304 says of tag, dates and caches is what the answer with 200 says; nginx
    says what is true of the file, before filters change it.
    """
    kept = ("etag", "last-modified", "vary", "cache-control", "expires")
    fields = [f for f in answer[1] if f[0].lower() not in kept] + [f for f in whole[1] if f[0].lower() in kept]
    return answer[0], sorted(fields), answer[2]


class Nginx(Weir):
    def __init__(self, *args, http="", main="", **kwargs):
        folders = "".join(f"{kind}_temp_path {{prefix}}/{kind};\n" for kind in KINDS_OF_BODY)
        user = "user nobody nogroup;\n" if os.geteuid() == 0 else ""
        super().__init__(*args, http=folders + http, main=user + main, **kwargs)

    def command(self, *more):
        return [NGINX, "-p", f"{self.prefix}/", "-c", str(self.conf_path), "-e", "stderr", "-g", self.globals_, *more]

    def run(self, *args, timeout=20):
        return subprocess.run([NGINX, "-p", f"{self.prefix}/", "-c", str(self.conf_path), "-e", "stderr", *args],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout)

    def kill(self):
        if self.process is not None:
            with contextlib.suppress(OSError):
                os.killpg(self.process.pid, signal.SIGKILL)     # its workers, too: the session is their own
            self.process.wait()

    def finish(self):
        self.kill()
        for claim in self.claims.values():
            claim.release()
        remove_folder(self.prefix)
