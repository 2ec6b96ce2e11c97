# SPDX-License-Identifier: BSD-2-Clause
"""The machine: its cpus, and what processes cost on it, read from /proc."""
import os
import re
import resource
import threading

TICK = os.sysconf("SC_CLK_TCK")

# Bounded, so that servers which size tables by it do the same work on every machine.
NOFILE = min(20000, resource.getrlimit(resource.RLIMIT_NOFILE)[1] & (1 << 62) - 1)


class Cold:
    """While it is entered, a file's pages are thrown out of memory again and again."""

    def __init__(self, path):
        self.fd = os.open(path, os.O_RDONLY)
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.chill)

    def chill(self):
        os.fsync(self.fd)
        while True:
            os.posix_fadvise(self.fd, 0, 0, os.POSIX_FADV_DONTNEED)
            if self.stop.wait(0.2):
                return

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *exception):
        self.stop.set()
        self.thread.join()
        os.close(self.fd)


# One for the server, one for the load. With a single cpu both share it.
_allowed = sorted(os.sched_getaffinity(0))
SERVER_CPU, LOAD_CPU = _allowed[0], _allowed[min(1, len(_allowed) - 1)]


def raise_descriptor_limit():
    resource.setrlimit(resource.RLIMIT_NOFILE, (NOFILE, NOFILE))


def pin(cpu):
    """For subprocess's preexec_fn: the child stays on that cpu."""
    def in_child():
        os.sched_setaffinity(0, {cpu})
        raise_descriptor_limit()
    return in_child


def processes():
    """pid -> (parent, user + system ticks of the process and its reaped children)"""
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/stat" % pid) as f:
                text = f.read()
        except OSError:
            continue
        fields = text[text.rindex(")") + 2:].split()
        found[int(pid)] = (int(fields[1]), sum(map(int, fields[11:15])))
    return found


def tree(root, all_processes=None):
    """The process and all that descend from it."""
    ps = all_processes or processes()
    members, grew = {root} & set(ps), True
    while grew:
        more = {pid for pid, (parent, _) in ps.items() if parent in members} - members
        grew = bool(more)
        members |= more
    return members


def cpu_seconds(root):
    ps = processes()
    return sum(ps[pid][1] for pid in tree(root, ps)) / TICK


def memory_kib(root):
    """PSS now and peak RSS, summed over the process tree."""
    pss = rss = 0
    for pid in tree(root):
        try:
            with open("/proc/%d/smaps_rollup" % pid) as f:
                pss += int(re.search(r"^Pss:\s+(\d+)", f.read(), re.M)[1])
            with open("/proc/%d/status" % pid) as f:
                rss += int(re.search(r"^VmHWM:\s+(\d+)", f.read(), re.M)[1])
        except (OSError, TypeError):
            pass
    return pss, rss


def stolen():
    """Ticks that the hypervisor took from the server's cpu, and all its ticks."""
    with open("/proc/stat") as f:
        line = re.search(r"^cpu%d (.*)$" % SERVER_CPU, f.read(), re.M)[1]
    ticks = [int(x) for x in line.split()]
    return ticks[7], sum(ticks[:8])


def describe():
    with open("/proc/cpuinfo") as f:
        model = re.search(r"^model name\s*:\s*(.*)$", f.read(), re.M)
    return {"cpu": model[1] if model else os.uname().machine, "cpus": len(_allowed),
            "kernel": os.uname().release.split("-")[0], "descriptors": NOFILE}
