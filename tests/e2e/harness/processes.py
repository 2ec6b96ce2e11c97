# SPDX-License-Identifier: BSD-2-Clause
"""What the kernel tells of the server's processes: descriptors, memory, children."""

import os
import pathlib
import re
from collections import Counter

from harness.server import stat_of


def descriptors_of(pid):
    """How many descriptors of each kind; a worker's open files are its cache."""
    kinds = Counter()
    for name in os.listdir(f"/proc/{pid}/fd"):
        link = os.readlink(f"/proc/{pid}/fd/{name}")
        kinds[link.split(":")[0] if ":" in link else "log" if ".log" in link else "file"] += 1
    del kinds["file"]
    return kinds


def resident(pid):
    return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())[1])


def family_of(pid):
    """All children with their states, zombies too."""
    found = {}
    for name in os.listdir("/proc"):
        stat = stat_of(name) if name.isdigit() else None
        if stat and stat[0] == pid:
            found[int(name)] = stat[1]
    return found


def is_sanitized(server):
    return "sanitizer" in server.run("-V").stderr
