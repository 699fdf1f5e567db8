# SPDX-License-Identifier: Apache-2.0
"""The figures a row can have: how each is called, and how a person reads it."""
import re
from collections import namedtuple

# What it is in a table's head, how its values are written, and whether more of it is better.
Figure = namedtuple("Figure", "title kind more_is_better")

FIGURES = {
    "rate": Figure("messages/s", "count", True),
    "cpu": Figure("CPU s/M", "seconds", False),
    "rss_peak": Figure("RSS peak", "bytes", False),
    "p50": Figure("p50", "us", False),
    "p99": Figure("p99", "us", False),
    "confirm_p50": Figure("confirm p50", "us", False),
    "confirm_p99": Figure("confirm p99", "us", False),
    "fill_rate": Figure("filled/s", "count", True),
    "fill_cpu": Figure("fill CPU s/M", "seconds", False),
    "start_ms": Figure("start", "ms", False),
    "idle_rss": Figure("idle RSS", "bytes", False),
    "connection_rss": Figure("RSS/connection", "bytes", False),
    "connection_rate": Figure("connections/s", "count", True),
    "declare_rate": Figure("declares/s", "count", True),
    "rss": Figure("RSS", "bytes", False),
    "stalled_rate": Figure("messages/s beside it", "count", True),
    "event_rss": Figure("RSS/event", "bytes", False),
    "waiting": Figure("waiting", "count", True),
    "stalled_share": Figure("share left", "share", True),
}


def _count(value):
    if value >= 1e6:
        return f"{_significant(value / 1e6)} M"
    if value >= 1e4:
        return f"{_significant(value / 1e3)} k"
    return f"{value:.0f}"


def _bytes(value):
    for unit, size in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if abs(value) >= size:
            return f"{_significant(value / size)} {unit}"
    return f"{value:.0f} B"


def _significant(value):
    """Three digits of it, all digits in front of the point."""
    if abs(value) >= 100:
        return f"{value:.0f}"
    if abs(value) >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if abs(value) >= 1 or value == 0 else f"{value:.3g}"


WRITERS = {
    "count": _count,
    "seconds": _significant,
    "bytes": _bytes,
    "us": lambda value: f"{value:.0f} us",
    "ms": lambda value: f"{_significant(value)} ms",
    "share": lambda value: f"{value * 100:.0f} %",
}


def written(name, value):
    """One value of the figure as a person reads it."""
    return WRITERS[FIGURES[name].kind](value)


def written_limit(name, value):
    """The same of a number that somebody chose: without the zeros that say how exact it was measured."""
    return re.sub(r"\.0+(?!\d)|(\.\d*?[1-9])0+(?!\d)", lambda found: found.group(1) or "", written(name, value))


def written_ratio(value):
    return _significant(value)
