# SPDX-License-Identifier: Apache-2.0
"""bench/history.jsonl: one line a run, and a run beside the ones before it on the same machine.

    {"commit": "1a2b3c4" | "1a2b3c4+dirty", "date": "2026-01-31T12:00:00Z", "machine": text,
     "rows": {ROW: {"rate": messages a second, "cpu_s_per_million": seconds, "rss_peak": octets}}}"""
import json
import statistics
from collections import namedtuple

from .figures import FIGURES, written

# How a line calls a figure, and what is said of one that is worse.
KEYS = {"rate": ("rate", "slower"), "cpu": ("cpu_s_per_million", "slower"), "rss_peak": ("rss_peak", "larger")}
LINES_BEFORE = 5
WORSE_BY = 0.15

# `before` is None where there is nothing to compare with; `change` is the share that it grew by.
Change = namedtuple("Change", "row figure now before change worse")


def _short(value):
    """Without digits that nobody measured."""
    return round(value) if value >= 1000 else round(value, 4)


def line_of(commit, date, machine, medians):
    """medians: {row: {figure: value}}"""
    return {"commit": commit, "date": date, "machine": machine,
            "rows": {row: {KEYS[name][0]: _short(value) for name, value in figures.items()}
                     for row, figures in medians.items()}}


def read(path):
    """The lines of the file, the oldest first; ValueError names one that is none."""
    if not path.exists():
        return []
    lines = []
    for number, text in enumerate(path.read_text().splitlines(), 1):
        try:
            lines.append(json.loads(text))
        except ValueError:
            raise ValueError(f"{path}:{number} is no JSON") from None
    return lines


def append(path, line):
    with open(path, "a") as out:
        out.write(json.dumps(line, ensure_ascii=False) + "\n")


def before(lines, machine, row, key):
    """The median of the last lines of this machine that have the figure, or None."""
    values = [line["rows"][row][key] for line in lines
              if line["machine"] == machine and key in line["rows"].get(row, {})]
    return statistics.median(values[-LINES_BEFORE:]) if values else None


def _change(row, name, now, old):
    change = now / old - 1 if old else None
    worse = change is not None and (-change if FIGURES[name].more_is_better else change) > WORSE_BY
    return Change(row, name, now, old, change, worse)


def changes(line, lines):
    """What became of each figure of a line since the lines before it."""
    return [_change(row, name, figures[key], before(lines, line["machine"], row, key))
            for row, figures in line["rows"].items() for name, (key, _) in KEYS.items() if key in figures]


def _line_text(one):
    now = f"  {one.row:15} {FIGURES[one.figure].title:11} {written(one.figure, one.now):>10}"
    if one.change is None:
        return f"{now}   nothing to compare with"
    mark = f"   {KEYS[one.figure][1].upper()}" if one.worse else ""
    return f"{now}   before {written(one.figure, one.before):>10}   {one.change * 100:+4.0f} %{mark}"


def text(line, lines):
    same = sum(one["machine"] == line["machine"] for one in lines)
    head = (f"{line['commit']} on {line['machine']}, beside the median of the last {min(same, LINES_BEFORE)} of {same} runs"
            if same else f"{line['commit']} on {line['machine']}: the first run here")
    return "\n".join([head, *map(_line_text, changes(line, lines))])
