# SPDX-License-Identifier: BSD-2-Clause
"""What weir is to reach on a workload, as data, and whether it did.

A summary (report.py) gives for each server the medians of its rounds, and the ratios of its CPU to
another server's in the same rounds.
"""
from dataclasses import dataclass

SUBJECT = "weir-tuned"


@dataclass(frozen=True)
class Goal:
    text: str
    subject: str            # the server that is to reach it
    value: object           # of a summary; None: not measured
    reached: object         # of the value
    unit: str = ""

    def judge(self, summary):
        """(value as text, verdict)"""
        value = self.value(summary)
        if value is None:
            return "-", "n/a"
        text = ("%.2f" if isinstance(value, float) and not self.unit else "%.0f") % value
        return (text + " " + self.unit).strip(), "reached" if self.reached(value) else "MISSED"


def _field(server, name):
    def value(summary):
        row = summary.get(server)
        return None if row is None else row.get(name)
    return value


def ratio(most, to="nginx-tuned"):
    """CPU for the same work, relative to another server's."""
    def value(summary):
        row = summary.get(SUBJECT)
        return None if row is None else row["ratios"].get(to)
    return Goal("CPU <= %.2f of %s" % (most, to), SUBJECT, value, lambda v: round(v, 2) <= most)


def at_most(name, most, unit, server=SUBJECT):
    return Goal("%s <= %d %s" % (name, most, unit), server, _field(server, name),
                lambda v: v <= most, unit)


def at_least(name, least, unit, server=SUBJECT):
    return Goal("%s >= %d %s" % (name, least, unit), server, _field(server, name),
                lambda v: v >= least, unit)


def none_of(name, server=SUBJECT):
    return Goal("no %s" % name, server, _field(server, name), lambda v: v == 0)
