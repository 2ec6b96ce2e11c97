# SPDX-License-Identifier: BSD-2-Clause
"""Reads metrics strictly: whatever OpenMetrics 1.0 (or Prometheus text 0.0.4) does not allow fails the test."""

import math
import re
from dataclasses import dataclass, field

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
META = re.compile(rf"# (HELP|TYPE|UNIT) ({NAME}) (.*)")
SAMPLE = re.compile(rf"({NAME})(?:\{{(.*)\}})? (\S+)")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\n"])*)"')
NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?|Inf)|NaN")
SUFFIXES = {
    "counter": ("_total",),
    "gauge": ("",),
    "histogram": ("_bucket", "_count", "_sum"),
    "info": ("_info",),
}


class MetricsError(AssertionError):
    pass


def demand(condition, what):
    if not condition:
        raise MetricsError(what)


@dataclass
class Family:
    name: str
    type: str = None
    help: str = None
    unit: str = None
    samples: dict = field(default_factory=dict)     # (name, sorted labels) -> value


def unescape(value):
    return re.sub(r"\\(.)", lambda m: "\n" if m[1] == "n" else m[1], value)


def parse_labels(text):
    labels, at = {}, 0
    while text is not None and at < len(text):
        match = LABEL.match(text, at)
        demand(match, f"bad labels: {text!r}")
        demand(match[1] not in labels, f"label {match[1]} twice: {text!r}")
        labels[match[1]] = unescape(match[2])
        at = match.end()
        if at < len(text):
            demand(text[at] == "," and at + 1 < len(text), f"bad labels: {text!r}")
            at += 1
    demand(text != "", "empty braces")
    return labels


def parse_number(text):
    demand(NUMBER.fullmatch(text), f"{text!r} is no number")
    return float(text)


def check_histogram(family, is_open):
    series = {}
    for (name, labels), value in family.samples.items():
        others = tuple((k, v) for k, v in labels if k != "le")
        one = series.setdefault(others, {"buckets": []})
        if name.endswith("_bucket"):
            bound = dict(labels)["le"]
            demand(bound == "+Inf" or not is_open or "." in bound or "e" in bound, f"le={bound} is no canonical float")
            one["buckets"].append((parse_number(bound), value))
        else:
            one[name[len(family.name):]] = value
    for labels, one in series.items():
        bounds = [bound for bound, _ in one["buckets"]]
        counts = [count for _, count in one["buckets"]]
        demand(bounds == sorted(set(bounds)), f"{labels}: the bounds do not rise")
        demand(bounds and bounds[-1] == math.inf, f"{labels}: no +Inf")
        demand(counts == sorted(counts), f"{labels}: the buckets are not cumulative")
        demand(one["_count"] == counts[-1], f"{labels}: the last bucket is not the count")
        demand(one["_sum"] >= 0 and (one["_sum"] == 0 or one["_count"] > 0), f"{labels}: bad sum")


class Metrics:
    def __init__(self, body, is_open):
        self.families = {}
        self._is_open = is_open
        text = body.decode("utf-8")
        demand(text.endswith("\n") and "\r" not in text, "the last line does not end")
        lines = text[:-1].split("\n")
        if is_open:
            demand(lines.pop() == "# EOF", "no # EOF")
        self._family = None
        for line in lines:
            demand(line not in ("", "# EOF"), f"line {line!r} within")
            if line.startswith("#"):
                self._meta(line)
            else:
                self._sample(line)
        for family in self.families.values():
            demand(family.type in SUFFIXES, f"{family.name} has no known type")
            demand(family.help, f"{family.name} has no help")
            if family.type == "histogram":
                check_histogram(family, is_open)

    def _meta(self, line):
        match = META.fullmatch(line)
        demand(match, f"bad line: {line!r}")
        kind, name, text = match.groups()
        if self._family is None or self._family.name != name:
            demand(name not in self.families, f"{name} stands in two places")
            self._family = self.families[name] = Family(name)
        demand(not self._family.samples, f"{kind} of {name} comes after its samples")
        demand(getattr(self._family, kind.lower()) is None, f"{kind} of {name} twice")
        if kind == "TYPE":
            demand(text in SUFFIXES and (self._is_open or text != "info"), f"{name} is a {text!r}")
        if kind == "UNIT":
            demand(self._is_open and name.endswith("_" + text), f"unit {text} of {name}")
        demand(not re.search(r'\\(?![\\n"])', text), f"bad escape in {line!r}")
        setattr(self._family, kind.lower(), text)

    def _sample(self, line):
        match = SAMPLE.fullmatch(line)
        demand(match, f"bad line: {line!r}")
        family, name = self._family, match[1]
        labels = tuple(sorted(parse_labels(match[2]).items()))
        value = parse_number(match[3])
        demand(family is not None and family.type is not None, f"{name} has no TYPE before it")
        suffixes = SUFFIXES[family.type]
        if not self._is_open and family.type == "counter":
            suffixes = ("",)
            demand(family.name.endswith("_total"), f"counter {family.name}")
        demand(name in [family.name + suffix for suffix in suffixes], f"{name} stands in {family.name}")
        demand(("le" in dict(labels)) == name.endswith("_bucket"), f"le in {line!r}")
        demand((name, labels) not in family.samples, f"{line!r}: twice")
        demand(family.type == "gauge" or value >= 0, f"{line!r} is below zero")
        family.samples[(name, labels)] = value

    def value(self, name, **labels):
        key = (name, tuple(sorted(labels.items())))
        for family in self.families.values():
            if key in family.samples:
                return family.samples[key]
        raise MetricsError(f"{key} is not there")

    def series(self, name):
        """labels -> value of all samples of that name."""
        return {labels: value for family in self.families.values()
                for (sample, labels), value in family.samples.items() if sample == name}


def parse_open_metrics(body):
    return Metrics(body, True)


def parse_prometheus(body):
    return Metrics(body, False)
