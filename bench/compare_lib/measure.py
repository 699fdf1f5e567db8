# SPDX-License-Identifier: Apache-2.0
"""One row against one broker, once: runs the load tool and makes figures of its reports."""
import json
import subprocess
import time

from . import rows
from .processes import BrokerFailed, rss_bytes
from .results import Run

# On top of what a step is told to take: RabbitMQ needs a while for a million messages.
LIMIT_S = 180


class Fault(Exception):
    """The run does not count."""


# ---- figures ----

def _of_broker(report, names):
    """What is only known where the broker's process is: {figure: key of the report}."""
    broker = report.get("broker", {})
    return {figure: broker[key] for figure, key in names.items() if key in broker}


def _of_load(report, rate="receive_rate"):
    figures = {"rate": report[rate], **_of_broker(report, {"cpu": "cpu_seconds_per_million", "rss_peak": "rss_peak_bytes"})}
    for prefix, key in (("", "latency_us"), ("confirm_", "confirm_us")):
        for percentile in ("p50", "p99"):
            if key in report:
                figures[prefix + percentile] = report[key][percentile]
    return figures


def load(reports):
    return _of_load(reports["load"])


def deep(reports):
    fill, drain = _of_load(reports["fill"], "send_rate"), _of_load(reports["drain"])
    figures = {**drain, "fill_rate": fill["rate"]}
    if "cpu" in fill:
        figures |= {"fill_cpu": fill["cpu"], "rss_peak": max(fill["rss_peak"], drain["rss_peak"])}
    return figures


def idle(reports):
    report = reports["idle"]
    figures = {"connection_rate": report["connections_rate"],
               **_of_broker(report, {"cpu": "cpu_seconds_per_million", "rss_peak": "rss_peak_bytes"})}
    if "broker" in report:
        grown = report["broker"]["rss_bytes"] - report["broker"]["rss_before_bytes"]
        figures["connection_rss"] = grown / (report["connections"] - 1)  # the tool's own one was there before
    return figures


def declare(reports):
    report = reports["declare"]
    return {"declare_rate": report["declare_rate"],
            **_of_broker(report, {"cpu": "cpu_seconds_per_million", "rss": "rss_bytes", "rss_peak": "rss_peak_bytes"})}


def churn(reports):
    report = reports["churn"]
    return {"connection_rate": report["connections_rate"],
            **_of_broker(report, {"cpu": "cpu_seconds_per_million", "rss_peak": "rss_peak_bytes"})}


def stalled(reports):
    alone, beside = _of_load(reports["alone"]), _of_load(reports["beside"])
    return {**beside, "rate": alone["rate"], "stalled_rate": beside["rate"], "stalled_share": beside["rate"] / alone["rate"]}


def late(reports):
    """Of events that wait: what each of them takes."""
    report = reports["late"]
    grown = report["broker"]["rss_bytes"] - report["broker"]["rss_before_bytes"]
    return {"waiting": report["count"], "event_rss": grown / report["count"], "rss": report["broker"]["rss_bytes"]}


KINDS = {"late": late, "load": load, "deep": deep, "idle": idle, "declare": declare, "churn": churn, "stalled": stalled}


def figures_of(row, reports):
    return KINDS[row.kind](reports)


# ---- the load tool ----

def command_of(tool, build, running, arguments):
    pid = ["--pid", str(running.pid)] if running.pid else []
    return [str(build / tool.program), *tool.arguments, "--url", running.url, *running.more, *pid, *arguments]


def run_step(command, seconds):
    """The report of one run of the tool; a Fault with what it said, if it found any."""
    limit_s = LIMIT_S + 2 * seconds
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=limit_s)
    except subprocess.TimeoutExpired:
        raise Fault(f"the load tool did not end within {limit_s:g} s") from None
    if done.returncode != 0:
        raise Fault(fault_text(done))
    try:
        return json.loads(done.stdout)
    except ValueError:
        raise Fault(f"the load tool printed no JSON: {done.stdout[:200]!r}") from None


def fault_text(done):
    """What the tool said last, and what it counted."""
    said = [line for line in done.stderr.splitlines() if line.strip()]
    text = said[-1] if said else f"the load tool ended with {done.returncode}"
    try:
        report = json.loads(done.stdout)
    except ValueError:
        return text
    counts = [f"{report[name]} {name}" for name in ("lost", "duplicates", "out_of_order", "damaged", "misrouted")
              if report.get(name)]
    return f"{text} ({', '.join(counts)})" if counts else text


# ---- a run ----

def _look_at_start(running):
    time.sleep(1)  # what it still does after it is ready is not idle
    return {"start_ms": running.ready_s * 1000, "idle_rss": rss_bytes(running.pid)}


def _measure(row, running, build, seconds):
    if row.kind == "start":
        return Run(_look_at_start(running), reports={})
    reports = {name: run_step(command_of(row.tool, build, running, arguments), seconds)
               for name, arguments in rows.arguments_of(row, seconds).items()}
    return Run(figures_of(row, reports), reports=reports)


def measure(row, broker, folder, build, seconds):
    """A Run, of a broker started for it; with a fault instead of figures if anything went wrong, its end too. `build`: where
    the load tools are."""
    try:
        with broker.running(folder) as running:
            return _measure(row, running, build, seconds)
    except (Fault, BrokerFailed, OSError) as error:
        return Run(fault=str(error))
