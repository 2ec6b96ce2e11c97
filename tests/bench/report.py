# SPDX-License-Identifier: BSD-2-Clause
"""From measurements to tables."""
import statistics

STALLS = 0.01       # of the best rate: below it a server hangs, and its CPU says nothing


def _amount(unit, r):
    return r["bytes"] / 1e9 if unit == "GB" else r["requests"]


def _cost(unit, r):
    """CPU seconds for a GB, or for 100,000 requests."""
    return r["cpu"] / _amount(unit, r) * (1 if unit == "GB" else 1e5)


def _ratios(unit, mine, others):
    """Of cells of the same round."""
    return [_cost(unit, a) / _cost(unit, b) for a, b in zip(mine, others)
            if a and b and _amount(unit, a) and _amount(unit, b) and b["cpu"] > 0]


def summarise(unit, rounds):
    """rounds: server -> cells, one a round, None where it failed. Medians of what was measured."""
    summary = {}
    for name, cells in rounds.items():
        good = [c for c in cells if c and _amount(unit, c)]
        if not good:
            continue

        def median(field):
            return statistics.median(c[field] for c in good)

        row = {"rate": statistics.median(_amount(unit, c) / c["secs"] for c in good),
               "cost": statistics.median(_cost(unit, c) for c in good),
               "ratios": {}, "spread": {}, "rounds": len(good),
               "p50": median("p50"), "p99": median("p99"),
               "errors": sum(c["errors"] for c in good) + cells.count(None),
               "pss_kib": max(c["pss_kib"] for c in good),
               "rss_kib": max(c["rss_kib"] for c in good),
               "stolen": max(c["stolen"] for c in good), "note": good[-1].get("note", "")}
        for extra in ("connection_bytes", "slot_bytes", "closed", "slowest_ms"):
            if extra in good[0]:
                row[extra] = int(median(extra))
        for other, other_cells in rounds.items():
            ratios = _ratios(unit, cells, other_cells)
            if ratios:
                row["ratios"][other] = statistics.median(ratios)
                row["spread"][other] = (min(ratios), max(ratios))
        summary[name] = row
    return summary


def table(head, rows):
    """Columns of one width, so that it reads well as text and as Markdown."""
    widths = [max(len(r[i]) for r in [head] + rows) for i in range(len(head))]

    def line(cells):
        return "| " + " | ".join(c.ljust(w) for c, w in zip(cells, widths)) + " |"

    return "\n".join([line(head), "|" + "|".join("-" * (w + 2) for w in widths) + "|"]
                     + [line(r) for r in rows])


def _ratio_text(row, reference):
    if reference not in row["ratios"]:
        return "-"
    return "%.2f (%.2f-%.2f)" % (row["ratios"][reference], *row["spread"][reference])


def workload_table(unit, summary, reference):
    """Ranked by CPU for the same work."""
    best = max((row["rate"] for row in summary.values()), default=0)
    ranked = []
    for name, row in summary.items():
        stalls = row["rate"] < best * STALLS
        note = ("STALLS " if stalls else "") + row["note"]
        ranked.append(((stalls, row["cost"]), [
            name, ("%.2f" if unit == "GB" else "%.0f") % row["rate"], "%.3f" % row["cost"],
            _ratio_text(row, reference), "%.0f" % row["p50"], "%.0f" % row["p99"],
            "%d" % row["errors"], "%.1f" % (row["pss_kib"] / 1024),
            "%.1f" % (row["rss_kib"] / 1024), "%.0f%%" % (100 * row["stolen"]), note]))
    ranked.sort(key=lambda r: r[0])
    head = ["server", unit + "/s", "CPU s/" + ("GB" if unit == "GB" else "100k"),
            "CPU vs " + reference, "p50 us", "p99 us", "errors", "PSS MiB", "peak RSS MiB",
            "stolen", "note"]
    return table(head, [cells for _, cells in ranked])


def judge(workload, goals, summary):
    """One record for each goal."""
    records = []
    for goal in goals:
        value, verdict = goal.judge(summary)
        records.append({"workload": workload, "server": goal.subject, "goal": goal.text,
                        "measured": value, "verdict": verdict})
    return records


def goal_table(records):
    head = ["workload", "server", "goal", "measured", "verdict"]
    return table(head, [[r[h] for h in head] for r in records])
