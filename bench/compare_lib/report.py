# SPDX-License-Identifier: Apache-2.0
"""What was measured, for people and for programs. A report is one dict, which is also the JSON; text and Markdown are
made of it alone, so a JSON of another day gives the same tables.

    {"format": 1, "date", "machine": {…}, "commit", "command", "rounds", "seconds", "base": BROKER,
     "brokers": {BROKER: {"kind", "product", "version", "program" | "url"}},
     "rows": [{"name", "text", "main", "figures": [FIGURE], "budgets": [text],
               "commands": {STEP: text},
               "results": {BROKER: {"figures": {FIGURE: {"median", "least", "most", "count"}},
                                    "ratio": {…} | null, of its main figure to the base's,
                                    "verdicts": [{"budget", "value", "limit", "kept": true | false | null}],
                                    "runs": [{"figures": {…}, "reports": {STEP: …}} | {"fault": text}]}}}]}"""
from .figures import FIGURES, written, written_ratio
from .machine import text_of
from .rows import budget_text, commands_of

NONE = "–"
KEPT = {True: "kept", False: "missed", None: "not measured"}


# ---- the report ----

def _plain(tuple_):
    return tuple_._asdict() if tuple_ else None


def _run_part(run):
    return {"fault": run.fault} if run.fault else {"figures": run.figures, "reports": run.reports}


def _verdict_part(verdict):
    return {"budget": budget_text(verdict.budget), "value": verdict.value, "limit": verdict.limit, "kept": verdict.kept}


def _broker_part(results, broker, base, budgeted):
    names = {name for run in results.runs[broker] if not run.fault for name in run.figures}
    return {
        "figures": {name: _plain(results.summary(broker, name)) for name in sorted(names)},
        "ratio": _plain(results.ratio(broker, base)),
        "verdicts": [_verdict_part(one) for one in results.verdicts(broker)] if budgeted else [],
        "runs": [_run_part(run) for run in results.runs[broker]],
    }


def _row_part(results, base, budgeted, seconds):
    row = results.row
    return {
        "name": row.name, "text": row.text, "main": row.main, "figures": list(row.figures),
        "budgets": [budget_text(budget) for budget in row.budgets],
        "commands": commands_of(row, seconds),
        "results": {broker: _broker_part(results, broker, base, broker in budgeted) for broker in results.runs},
    }


def make(all_results, base, budgeted, facts):
    """`budgeted`: the brokers that have chaski's budgets to keep; `facts`: date, machine and so on, as they are."""
    return {"format": 1, **facts, "base": base,
            "rows": [_row_part(results, base, budgeted, facts["seconds"]) for results in all_results]}


# ---- cells ----

def range_cell(figure, summary):
    if not summary:
        return NONE
    if summary["count"] == 1:
        return written(figure, summary["median"])
    return "{} ({} to {})".format(*(written(figure, summary[part]) for part in ("median", "least", "most")))


def ratio_cell(row, result, broker, base):
    if broker == base:
        return "1" if result["figures"].get(row["main"]) else NONE
    return written_ratio(result["ratio"]["median"]) if result["ratio"] else NONE


def verdict_cell(result):
    return "; ".join(f"{KEPT[verdict['kept']]}: {verdict['budget']}" for verdict in result["verdicts"])


def _heads(row):
    return ["", *(FIGURES[name].title for name in row["figures"]), f"ratio of {FIGURES[row['main']].title}", "budget"]


def _lines(report, row):
    """The cells of a row's table, a list for each broker."""
    lines = []
    for broker, result in row["results"].items():
        cells = [range_cell(name, result["figures"].get(name)) for name in row["figures"]]
        lines.append([broker, *cells, ratio_cell(row, result, broker, report["base"]), verdict_cell(result)])
    return lines


def _faults(row):
    """One line for each run that does not count."""
    return [f"{broker}, round {number}: not counted: {run['fault']}" for broker, result in row["results"].items()
            for number, run in enumerate(result["runs"], 1) if "fault" in run]


# ---- text ----

def _aligned(table):
    widths = [max(len(line[column]) for line in table) for column in range(len(table[0]))]
    return ["  " + "  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in table]


def row_text(report, row):
    return "\n".join([f"{row['name']}: {row['text']}", *_aligned([_heads(row), *_lines(report, row)]),
                      *(f"  {fault}" for fault in _faults(row))])


def _facts(report):
    return f"{report['date'][:10]}, {text_of(report['machine'])}, commit {report['commit'] or 'unknown'}"


def rounds_text(report):
    return f"medians of {report['rounds']} rounds" if report["rounds"] > 1 else "one round"


def _how_many(report):
    return f"{rounds_text(report)} in turn (least to most), {report['seconds']:g} s each; ratios to {report['base']}"


def text(report):
    return "\n\n".join([f"{_facts(report)}\n{_how_many(report)}", *(row_text(report, row) for row in report["rows"])])


# ---- Markdown ----

def _markdown_table(head, lines):
    def line(cells):
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
    return "\n".join([line(head), line(["---"] * len(head)), *(line(cells) for cells in lines)])


def _overview_cell(row, result):
    """The main figure, with the throughput behind it where that is another."""
    if not result or not result["figures"].get(row["main"]):
        return NONE
    cell = written(row["main"], result["figures"][row["main"]]["median"])
    rate = result["figures"].get("rate")
    beside = rate and row["main"] != "rate" and "rate" in row["figures"]
    return f"{cell} ({written('rate', rate['median'])}/s)" if beside else cell


def overview(report):
    """A line a row, a column a broker."""
    brokers = list(report["brokers"])
    lines = []
    for row in report["rows"]:
        cells = [_overview_cell(row, row["results"].get(broker)) for broker in brokers]
        verdicts = verdict_cell(row["results"].get(report["base"], {"verdicts": []}))
        lines.append([f"{row['name']}: {row['text']}", FIGURES[row["main"]].title, *cells, verdicts or NONE])
    return _markdown_table(["", "", *brokers, f"budget of {report['base']}"], lines)


def _markdown_row(report, row):
    parts = [f"### {row['name']}", row["text"][0].upper() + row["text"][1:] + ".",
             _markdown_table(_heads(row), _lines(report, row))]
    if _faults(row):
        parts.append("\n".join(f"- {fault}" for fault in _faults(row)))
    if row["commands"]:
        parts.append("\n".join(["```sh", *row["commands"].values(), "```"]))
    return "\n\n".join(parts)


def _broker_line(name, broker):
    what = " ".join(part for part in (broker.get("product", ""), broker.get("version", "")) if part)
    return f"- {name}: {what or broker['kind']}"


def markdown(report):
    """For docs/performance.md: an overview, then a table for each row, then where it came from."""
    return "\n\n".join([
        f"Measured on {_facts(report)}: {_how_many(report)}. Load beside the broker. CPU s/M: user and system seconds of "
        "the broker for a million messages. What was started here was started for each run, in an empty folder.",
        overview(report), *(_markdown_row(report, row) for row in report["rows"]),
        "\n".join(_broker_line(name, broker) for name, broker in report["brokers"].items()),
        f"```sh\n{report['command']}\n```"]) + "\n"
