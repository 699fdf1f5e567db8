# SPDX-License-Identifier: Apache-2.0
"""The CPU seconds of all rows and brokers as grouped bars on a logarithmic scale, drawn by gnuplot."""
import shutil
import subprocess

from .machine import text_of
from .names import WrongUse
from .report import rounds_text

# Of a bar, and of the number in it.
COLOURS = (("#1f6fb4", "#ffffff"), ("#c3c8cd", "#222222"), ("#d9772b", "#ffffff"), ("#3f8f55", "#ffffff"),
           ("#7d57ad", "#ffffff"), ("#b9434b", "#ffffff"))
MISSING = "NaN"
TITLE = "CPU seconds of the broker for a million messages (less is better)"


def is_drawn(main, figures):
    """CPU time of messages; connections cost a thousand times as much."""
    return main == "cpu" and "rate" in figures


def check(rows):
    """Before anything is measured: can it be drawn?"""
    if not any(is_drawn(row.main, row.figures) for row in rows):
        raise WrongUse("--svg: none of these rows is about the CPU time of messages")
    if not shutil.which("gnuplot"):
        raise WrongUse("--svg needs gnuplot (Debian: gnuplot-nox)")


def rows_of(report):
    return [row for row in report["rows"] if is_drawn(row["main"], row["figures"])
            and any("cpu" in result["figures"] for result in row["results"].values())]


def _bar(row, broker):
    summary = row["results"].get(broker, {"figures": {}})["figures"].get("cpu")
    values = [summary[part] for part in ("median", "least", "most")] if summary else []
    # A run so short that no clock tick fell into it has no place on a logarithmic scale.
    return " ".join(f"{value:.6g}" for value in values) if values and min(values) > 0 else " ".join([MISSING] * 3)


def _budget(row, base):
    limits = [verdict["limit"] for verdict in row["results"].get(base, {"verdicts": []})["verdicts"]
              if verdict["budget"].startswith("CPU")]
    return f"{limits[0]:g}" if limits else MISSING


def data(report):
    """A line a row: its name, (median, least, most) of each broker, the budget."""
    return "\n".join(" ".join([f'"{row["name"]}"', *(_bar(row, broker) for broker in report["brokers"]),
                               _budget(row, report["base"])]) for row in rows_of(report))


def _quoted(text):
    return "'" + text.replace("'", "''") + "'"


def _bars(brokers):
    parts = []
    for index, broker in enumerate(brokers):
        column = 2 + 3 * index
        parts.append(f"$data using {column}:{column + 1}:{column + 2}:xtic(1) title {_quoted(broker)} "
                     f"linecolor rgb '{COLOURS[index % len(COLOURS)][0]}'")
    return parts


def _budgets(report):
    """A line over the group, where any row has one."""
    if all(_budget(row, report["base"]) == MISSING for row in rows_of(report)):
        return []
    return [f"$data using ($0-0.45):{2 + 3 * len(report['brokers'])}:(0.9):(0) with vectors nohead linewidth 1.5 "
            f"dashtype 2 linecolor rgb '#222222' title {_quoted('budget of ' + report['base'])}"]


def _numbers(brokers, lowest):
    """The median at the foot of each bar, where it has its place in the group."""
    parts = []
    for index in range(len(brokers)):
        place = (index - (len(brokers) - 1) / 2) / (len(brokers) + 1)
        median = f"${2 + 3 * index}"
        parts.append(f"$data using ($0+{place:.4f}):({median}>0?{lowest * 1.15:g}:NaN):(sprintf('%.3g',{median})) "
                     f"with labels rotate by 90 left font ',10' textcolor rgb '{COLOURS[index % len(COLOURS)][1]}' notitle")
    return parts


HEAD = """set encoding utf8
set tmargin 4.5
set style data histograms
set style histogram errorbars gap 1 lw 1.5
set style fill solid 1 noborder
set errorbars 0.6 linecolor rgb '#333333'
set boxwidth 0.92
set logscale y
set format y '%g'
set ytics nomirror textcolor rgb '#333333'
set xtics nomirror scale 0 noenhanced textcolor rgb '#222222'
set grid ytics linecolor rgb '#e4e6e8' linetype 1
set border 3 linecolor rgb '#999999'
set key outside bottom center horizontal noenhanced samplen 1.5 width -3"""


def script(report):
    brokers, rows = list(report["brokers"]), rows_of(report)
    lowest, highest = _limits(report)
    width = max(760, 160 + len(rows) * (34 * len(brokers) + 40))
    facts = f"{text_of(report['machine'])}; {report['date'][:10]}; {rounds_text(report)}, least to most"
    return "\n".join([
        f"$data << END\n{data(report)}\nEND",
        f"set terminal svg size {width},520 dynamic font 'sans-serif,12' background '#ffffff'", HEAD,
        f"set title {_quoted(TITLE)} noenhanced font ',16' offset 0,1.2",
        f"set label 1 {_quoted(facts)} at graph 0.5,1.045 center noenhanced font ',11' textcolor rgb '#555555'",
        f"set xrange [-0.6:{len(rows) - 0.4}]",
        f"set yrange [{lowest:g}:{highest:g}]",
        "plot " + ", \\\n  ".join([*_bars(brokers), *_budgets(report), *_numbers(brokers, lowest)])]) + "\n"


def _limits(report):
    """Room below the lowest bar's top for its number."""
    values = [summary[part] for row in rows_of(report) for result in row["results"].values()
              for summary in [result["figures"].get("cpu")] if summary for part in ("least", "most") if summary[part] > 0]
    budgets = [float(limit) for limit in (_budget(row, report["base"]) for row in rows_of(report)) if limit != MISSING]
    return min(values, default=0.01) / 4, max(values + budgets, default=1) * 2


def draw(report, path):
    """Nothing where no run counts."""
    if not rows_of(report):
        return
    commands = f"set output {_quoted(str(path))}\n{script(report)}"
    done = subprocess.run(["gnuplot"], input=commands, capture_output=True, text=True)
    if done.returncode != 0:
        raise OSError(f"gnuplot: {done.stderr.strip()}")
