# SPDX-License-Identifier: Apache-2.0
"""bench/compare, bench/events and bench/history without a broker: what they make of runs, what they say, what they
refuse."""
import contextlib
import json
import pathlib
import re
import signal
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bench"))

from compare_lib import brokers, chart, event_brokers, event_rows, hello, history, measure, names, processes  # noqa: E402
from compare_lib import report, results, rows  # noqa: E402
from compare_lib.figures import FIGURES, written, written_limit  # noqa: E402
from compare_lib.results import Run  # noqa: E402
from compare_lib.rows import Budget  # noqa: E402

BROKER = {"cpu_seconds_per_million": 0.5, "rss_before_bytes": 1000000, "rss_bytes": 3000000, "rss_peak_bytes": 4000000}
LATENCY = {"p50": 50.0, "p99": 200.0}
REPORT = {"send_rate": 900.0, "receive_rate": 1000.0, "declare_rate": 7.0, "connections_rate": 5.0, "connections": 5001,
          "count": 1000, "latency_us": LATENCY, "confirm_us": LATENCY, "broker": BROKER}


def results_of(budgets=(), **runs):
    """The results of a row with the main figure `cpu`: each broker's runs as numbers, None for a fault."""
    row = rows.load("a-row", "what it is", "--size 16", budgets)
    made = results.RowResults(row, list(runs))
    for broker, values in runs.items():
        for value in values:
            made.add(broker, Run(fault="it lost 3") if value is None else Run({"cpu": value, "rate": 1e6}, reports={}))
    return made


def report_of(*all_results, **facts):
    known = list(dict.fromkeys(broker for one in all_results for broker in one.runs))
    facts = {"date": "2026-01-31T12:00:00Z", "commit": "1a2b3c4", "command": "bench/compare --rows a-row", "rounds": 3,
             "seconds": 5, "brokers": {name: {"kind": name, "product": name.title(), "version": "9.8"} for name in known},
             "machine": {"cores": 2, "cpu": "A CPU", "memory_bytes": 8 << 30, "kernel": "Linux 6.1", "system": ""}} | facts
    return report.make(all_results, results.base_of(known), {"chaski"}, facts)


# ---- medians, ratios, verdicts ----

def test_a_summary_is_median_and_range():
    assert results.summary([5, 1, 2]) == (2, 1, 5, 3)
    assert results.summary([4, 2]) == (3, 2, 4, 2)
    assert results.summary([]) is None


def test_faulty_runs_count_nowhere():
    made = results_of(chaski=[1, None, 3, 100], other=[2, 2, None, 200])
    assert made.summary("chaski", "cpu") == (3, 1, 100, 3)
    assert made.faults("chaski") == [(2, "it lost 3")] and made.faults("other") == [(3, "it lost 3")]
    assert results.fault_count([made]) == 2


def test_a_ratio_pairs_the_rounds_that_both_have():
    made = results_of(chaski=[1, None, 3, 100], other=[2, 2, None, 200])
    assert made.ratio("other", "chaski") == (2, 2, 2, 2)
    assert made.ratio("chaski", "chaski").median == 1
    assert results_of(chaski=[None], other=[1]).ratio("other", "chaski") is None
    assert results_of(chaski=[1]).ratio("nobody", "chaski") is None


@pytest.mark.parametrize("budget, kept", [
    (Budget("cpu", most=2), True), (Budget("cpu", most=1.9), False), (Budget("cpu", least=2), True),
    (Budget("cpu", least=2.1), False), (Budget("rss", most=1), None),
    (Budget("cpu", most=4, of="ceiling"), True), (Budget("cpu", most=3.9, of="ceiling"), False),
    (Budget("cpu", most=4, of="absent"), None)])
def test_a_budget_is_kept_missed_or_not_measured(budget, kept):
    made = results_of((budget,), chaski=[2, 2], ceiling=[0.5, 0.5])
    assert [verdict.kept for verdict in made.verdicts("chaski")] == [kept]


def test_others_are_compared_with_chaski_or_with_the_first():
    assert results.base_of(["ceiling", "chaski"]) == "chaski" and results.base_of(["ceiling", "old"]) == "ceiling"


# ---- one run ----

def tool(folder, script):
    path = folder / "chaski"
    path.write_text(f"#!/bin/bash\n{script}\n")
    path.chmod(0o755)
    return path


class Broker:
    """One that is always there; `ends` is what its end comes to."""

    def __init__(self, ends=None):
        self.ends = ends

    @contextlib.contextmanager
    def running(self, folder):
        yield brokers.Running("127.0.0.1", 5672, "amqp://u:p@127.0.0.1:5672/%2f", 4711, None)
        if self.ends:
            raise processes.BrokerFailed(self.ends)


def measured(folder, script, broker=None, row="transient-16"):
    tool(folder, script)
    return measure.measure(rows.BY_NAME[row], broker or Broker(), folder, folder, 1)


def test_a_run_has_the_figures_of_the_tool_s_report(tmp_path):
    run = measured(tmp_path, f"echo \"$@\" >{tmp_path}/arguments; echo '{json.dumps(REPORT)}'")
    assert run.fault is None and run.reports == {"load": REPORT}
    assert run.figures["rate"] == 1000 and run.figures["cpu"] == 0.5 and run.figures["p99"] == 200
    assert (tmp_path / "arguments").read_text() == (
        "perf amqp --json --quiet --url amqp://u:p@127.0.0.1:5672/%2f --pid 4711 --size 16 --warmup 1 --time 1\n")


@pytest.mark.parametrize("script, fault", [
    ("echo '%s'; echo 'chaski: it lost messages' >&2; exit 1" % json.dumps(REPORT | {"lost": 3, "damaged": 1}),
     "chaski: it lost messages (3 lost, 1 damaged)"),
    ("echo 'first' >&2; echo 'the connection ended' >&2; exit 1", "the connection ended"),
    ("exit 2", "the load tool ended with 2"),
    ("echo no object", "the load tool printed no JSON: 'no object\\n'")])
def test_a_run_in_which_the_tool_finds_a_fault_does_not_count(tmp_path, script, fault):
    assert measured(tmp_path, script) == Run(fault=fault)


def test_a_broker_that_ends_badly_makes_its_run_a_fault(tmp_path):
    assert measured(tmp_path, f"echo '{json.dumps(REPORT)}'", Broker("it ended with -11")) == Run(fault="it ended with -11")


def test_a_run_without_the_broker_s_process_has_no_cpu_time():
    report_ = {key: value for key, value in REPORT.items() if key != "broker"}
    assert "cpu" not in measure.load({"load": report_}) and measure.load({"load": report_})["rate"] == 1000
    assert measure.idle({"idle": report_}) == {"connection_rate": 5}


@pytest.mark.parametrize("row", [row for row in (*rows.ROWS, *event_rows.ROWS) if row.steps], ids=lambda row: row.name)
def test_every_row_has_the_figures_it_shows(row):
    figures = measure.figures_of(row, {step: REPORT for step, _ in row.steps})
    assert row.main in row.figures and set(row.figures) <= set(figures)
    assert {budget.figure for budget in row.budgets} <= set(row.figures) <= set(FIGURES)


def test_figures_of_several_steps_come_from_the_right_one():
    fill = REPORT | {"broker": BROKER | {"rss_peak_bytes": 9000000}, "confirm_us": LATENCY}
    deep = measure.deep({"fill": fill, "drain": REPORT})
    assert (deep["fill_rate"], deep["rate"], deep["rss_peak"]) == (900, 1000, 9000000)
    stalled = measure.stalled({"alone": REPORT, "beside": REPORT | {"receive_rate": 800.0}})
    assert (stalled["rate"], stalled["stalled_rate"], stalled["stalled_share"]) == (1000, 800, 0.8)
    assert measure.idle({"idle": REPORT})["connection_rss"] == 400  # 2 MB of 5000 connections
    assert measure.late({"late": REPORT}) == {"waiting": 1000, "event_rss": 2000, "rss": 3000000}


def test_a_tool_of_another_broker_is_told_where_and_what_else(tmp_path):
    running = brokers.Running("127.0.0.1", 1, "tcp://127.0.0.1:1", 4711, 0.1, ("--subscribe", "tcp://127.0.0.1:2"))
    assert measure.command_of(event_rows.BUS_LOAD, tmp_path, running, ["--size", "16"]) == [
        f"{tmp_path}/bench/bus-load", "--url", "tcp://127.0.0.1:1", "--subscribe", "tcp://127.0.0.1:2", "--pid", "4711",
        "--size", "16"]


# ---- processes ----

def test_a_group_is_stopped_in_the_end(tmp_path):
    with processes.Group() as group:
        process = group.start(["bash", "-c", "trap 'exit 0' TERM; echo up; while :; do sleep 0.01; done"], tmp_path / "log")
        assert process.wait_for_line("^up$", 10, "it is up")
    assert process.ended().startswith("bash ended with 0")


def test_a_bad_end_of_a_process_is_a_failure(tmp_path):
    with pytest.raises(processes.BrokerFailed, match="bash ended with 7: up; bye"):
        with processes.Group() as group:
            process = group.start(["bash", "-c", "trap 'echo bye; exit 7' TERM; echo up; while :; do sleep 0.01; done"],
                                  tmp_path / "log")
            process.wait_for_line("^up$", 10, "it is up")


def test_a_process_that_died_is_why_a_run_failed(tmp_path):
    with pytest.raises(processes.BrokerFailed, match="bash ended with 3: oh"):
        with processes.Group() as group:
            process = group.start(["bash", "-c", "echo oh; exit 3"], tmp_path / "log")
            process.wait_for(process.ended, 10, "its end")
            raise measure.Fault("the connection ended")


def test_processes_are_killed_where_something_went_wrong(tmp_path):
    with pytest.raises(measure.Fault):
        with processes.Group() as group:
            process = group.start(["bash", "-c", "trap '' TERM; while :; do sleep 0.01; done"], tmp_path / "log")
            raise measure.Fault("lost")
    assert process.ended().startswith(f"bash ended with {-signal.SIGKILL}")


# ---- tables ----

@pytest.mark.parametrize("figure, value, text", [
    ("rate", 20312345, "20.3 M"), ("rate", 1234567, "1.23 M"), ("rate", 54321, "54.3 k"), ("rate", 9876, "9876"),
    ("cpu", 0.0449, "0.0449"), ("cpu", 0.15, "0.15"), ("cpu", 1.5, "1.50"), ("cpu", 147.4, "147"), ("cpu", 0, "0.00"),
    ("rss_peak", 100 << 20, "100 MiB"), ("connection_rss", 3.5 * 1024, "3.50 KiB"), ("connection_rss", 700, "700 B"),
    ("p50", 58.4, "58 us"), ("stalled_share", 0.955, "96 %")])
def test_values_are_written_with_three_digits(figure, value, text):
    assert written(figure, value) == text


def test_limits_are_written_without_zeros():
    assert [written_limit(*one) for one in (("cpu", 1.5), ("cpu", 2), ("rss", 6 << 20), ("rss", 100 << 20))] == [
        "1.5", "2", "6 MiB", "100 MiB"]


def test_the_text_has_a_table_with_ratios_verdicts_and_faults():
    made = report_of(results_of((Budget("cpu", most=1.5),), chaski=[1, 2, 3], old=[2, None, 9]))
    text = report.text(made)
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert lines[0] == "2026-01-31, 2 cores of A CPU, 8 GiB, Linux 6.1, commit 1a2b3c4"
    assert "medians of 3 rounds in turn" in lines[1] and lines[3] == "a-row: what it is"
    assert lines[5] == "chaski 1.00 M (1.00 M to 1.00 M) 2.00 (1.00 to 3.00) – 1 missed: CPU s/M at most 1.5"
    assert lines[6] == "old 1.00 M (1.00 M to 1.00 M) 5.50 (2.00 to 9.00) – 2.50"
    assert lines[7] == "old, round 2: not counted: it lost 3"


def test_a_broker_of_which_no_run_counts_has_no_figures():
    made = report_of(results_of((Budget("cpu", most=1.5),), chaski=[None, None], old=[1, 1]))
    line = next(line for line in report.text(made).splitlines() if line.startswith("  chaski"))
    assert line.split() == ["chaski", "–", "–", "–", "–", "not", "measured:", "CPU", "s/M", "at", "most", "1.5"]


def test_only_chaski_has_budgets_to_keep():
    made = report_of(results_of((Budget("cpu", most=1.5),), chaski=[1], other=[9]))
    found = made["rows"][0]["results"]
    assert [one["kept"] for one in found["chaski"]["verdicts"]] == [True] and found["other"]["verdicts"] == []


def test_the_markdown_has_an_overview_details_and_where_it_came_from():
    text = report.markdown(report_of(results_of((Budget("cpu", most=1.5),), chaski=[1, 1, 1], old=[2, 2, None])))
    lines = text.splitlines()
    assert "|  |  | chaski | old | budget of chaski |" in lines
    assert "| a-row: what it is | CPU s/M | 1.00 (1.00 M/s) | 2.00 (1.00 M/s) | kept: CPU s/M at most 1.5 |" in lines
    assert "### a-row" in lines and "| old | 1.00 M (1.00 M to 1.00 M) | 2.00 (2.00 to 2.00) | – | 2.00 |  |" in lines
    assert "- old, round 3: not counted: it lost 3" in lines
    assert "chaski perf amqp --size 16 --warmup 1 --time 5" in lines and "bench/compare --rows a-row" in lines
    assert "- chaski: Chaski 9.8" in lines and "2 cores of A CPU, 8 GiB, Linux 6.1" in text


def test_every_line_of_a_markdown_table_has_as_many_cells():
    text = report.markdown(report_of(results_of(chaski=[1], **{"a|b": [2]})))
    tables = [[line for line in part.splitlines()] for part in text.split("\n\n") if part.startswith("|")]
    assert tables and all(len({line.replace("\\|", "").count("|") for line in table}) == 1 for table in tables)


def test_a_report_read_back_from_json_gives_the_same_tables():
    made = report_of(results_of((Budget("cpu", most=1.5),), chaski=[1, 2, None], old=[2, 2, 2]))
    again = json.loads(json.dumps(made))
    assert report.text(again) == report.text(made) and report.markdown(again) == report.markdown(made)


def test_the_json_has_the_commands_and_every_run():
    row = report_of(results_of(chaski=[1, None]))["rows"][0]
    assert row["commands"] == {"load": "chaski perf amqp --size 16 --warmup 1 --time 5"}
    assert row["results"]["chaski"]["runs"] == [{"figures": {"cpu": 1, "rate": 1e6}, "reports": {}}, {"fault": "it lost 3"}]


def test_the_chart_leaves_out_what_has_no_logarithm():
    made = report_of(results_of((Budget("cpu", most=1.5),), chaski=[1, 2, 3], ceiling=[0, 1, 2], old=[None]))
    assert chart.data(made) == '"a-row" 2 1 3 NaN NaN NaN NaN NaN NaN 1.5'
    assert "$data" in chart.script(made) and "budget of chaski" in chart.script(made)


# ---- who answers ----

def test_a_field_table_is_read_past_every_type():
    nested = b"\x01aS\x00\x00\x00\x01z"
    table = b"\x07productS\x00\x00\x00\x03abc" + b"\x01tt\x01" + b"\x01iI\x00\x00\x00\x07" + b"\x01vV"
    table += b"\x0ccapabilitiesF" + len(nested).to_bytes(4, "big") + nested + b"\x07versionS\x00\x00\x00\x031.2"
    assert hello.parse_table(table) == {"product": "abc", "version": "1.2"}


# ---- history ----

def line(machine="here", commit="1a2b3c4", **figures):
    return history.line_of(commit, "2026-01-31T12:00:00Z", machine, {"a-row": figures})


def test_a_line_has_the_figures_by_their_names():
    assert line(rate=1234567.89, cpu=0.123456, rss_peak=1048576)["rows"] == {
        "a-row": {"rate": 1234568, "cpu_s_per_million": 0.1235, "rss_peak": 1048576}}


def test_a_run_is_compared_with_the_last_five_of_the_same_machine():
    lines = [line(cpu=value) for value in (100, 1, 2, 3, 4, 5)] + [line("there", cpu=1000), line(rate=5)]
    assert history.before(lines, "here", "a-row", "cpu_s_per_million") == 3
    assert history.before(lines, "nowhere", "a-row", "cpu_s_per_million") is None
    assert history.before(lines, "here", "another", "cpu_s_per_million") is None


@pytest.mark.parametrize("figure, now, worse", [
    ("cpu", 1.14, False), ("cpu", 1.16, True), ("cpu", 0.5, False),
    ("rate", 0.86, False), ("rate", 0.84, True), ("rate", 2, False), ("rss_peak", 1.16, True)])
def test_what_is_worse_by_more_than_fifteen_percent_is_marked(figure, now, worse):
    changes = history.changes(line(**{figure: now}), [line(**{figure: 1.0})])
    assert [change.worse for change in changes] == [worse]


def test_the_comparison_is_written_a_line_a_figure():
    text = history.text(line(cpu=1.2, rate=20000, rss_peak=1 << 20), [line(cpu=1.0, rate=20000), line("there", cpu=9)])
    lines = [" ".join(one.split()) for one in text.splitlines()]
    assert lines == ["1a2b3c4 on here, beside the median of the last 1 of 1 runs",
                     "a-row messages/s 20.0 k before 20.0 k +0 %", "a-row CPU s/M 1.20 before 1.00 +20 % SLOWER",
                     "a-row RSS peak 1.00 MiB nothing to compare with"]
    assert history.text(line(cpu=1), []).startswith("1a2b3c4 on here: the first run here\n")


def test_the_file_grows_by_a_line_and_is_read_back(tmp_path):
    path = tmp_path / "history.jsonl"
    assert history.read(path) == []
    history.append(path, line(cpu=1))
    history.append(path, line(cpu=2))
    assert history.read(path) == [line(cpu=1), line(cpu=2)]
    path.write_text("{}\nno line\n")
    with pytest.raises(ValueError, match="history.jsonl:2 is no JSON"):
        history.read(path)


# ---- wrong use ----

def refused(program, *arguments):
    """What it says: it must end with 2 before anything is measured."""
    done = subprocess.run([ROOT / "bench" / program, *arguments], capture_output=True, text=True, timeout=30)
    assert done.returncode == 2 and done.stdout == "", done
    return done.stderr


def test_unknown_rows_are_refused_with_the_nearest_names():
    assert refused("compare", "--rows", "transient-61") == (
        "compare: no row 'transient-61'; did you mean transient-1k or transient-16 or transient-16k?\n")
    assert "there are transient-16, transient-1k, " in refused("compare", "--rows", "xyz")
    assert refused("compare", "--list", "--rows", "stalle") == "compare: no row 'stalle'; did you mean stalled or start?\n"


def test_unknown_brokers_are_refused_with_the_nearest_names():
    assert refused("compare", "--brokers", "chasky") == "compare: no broker 'chasky'; did you mean chaski?\n"
    assert "did you mean older?" in refused("compare", "--brokers", "chaski,odler", "--broker", "older=amqp://127.0.0.1")


@pytest.mark.parametrize("text", ["old", "=x", "a b=x", "old=http://x", "old=amqp://x,pid=y", "old=amqp://x,y",
                                  "old=/no/chaskid"])
def test_a_broker_that_cannot_be_is_refused(text):
    with pytest.raises(names.WrongUse, match="--broker"):
        brokers.parse(text)


def test_a_broker_that_runs_has_an_address_and_perhaps_a_process(tmp_path):
    one = brokers.parse("rival=amqp://guest:secret@[::1]:5673/%2f,pid=4711")
    assert (one.name, one.host, one.port, one.pid) == ("rival", "::1", 5673, 4711)
    assert "secret" not in str(one.describe())
    assert brokers.parse("rival=amqp://there").pid is None
    assert brokers.parse(f"old={tool(tmp_path, '')}").budgeted


@pytest.mark.parametrize("arguments, said", [
    (("--rounds", "0"), "more than 0"), (("--seconds", "nan"), "more than 0"), (("--dir", "/no/folder"), "/no/folder"),
    (("--json", "/no/folder/x"), "/no/folder"), (("--build", "/"), "there is no /chaski"), (("--fast",), "--fast"),
    (("--rows", "start", "--svg", "x.svg"), "none of these rows")])
def test_wrong_options_are_refused_before_anything_is_measured(arguments, said):
    assert said in refused("compare", "--brokers", "chaski", *arguments)


def test_events_refuses_the_same_way(tmp_path):
    assert "did you mean sync-1-16 or sync-1-1" in refused("events", "--rows", "sync-1-116")
    assert refused("events", "--brokers", "ceiling") == "events: no broker 'ceiling'; there are chaski, relay, proxy\n"
    assert "expected NAME=PATH" in refused("events", "--broker", "other=amqp://127.0.0.1")
    assert "libzmq is not installed" in refused("events", "--brokers", "proxy", "--build", tmp_path)
    assert "there is no" in refused("events", "--brokers", "relay", "--build", tmp_path)


def test_history_refuses_the_same_way(tmp_path):
    (tmp_path / "chaskid").write_text("")
    tool(tmp_path, "exit 1")
    assert "did you mean deep?" in refused("history", "--build", tmp_path, "--rows", "deeep")
    assert "there is no" in refused("history", "--build", "/no/folder")


@pytest.mark.parametrize("program, table, command", [
    ("compare", rows.ROWS, "chaski perf amqp --size 16 --warmup 1 --time 2"),
    ("events", event_rows.ROWS,
     "build/bench/bus-load --url URL --pid PID --handlers 1 --window 16 --warmup 1 --time 2")])
def test_the_list_shows_every_row_and_its_commands(program, table, command):
    done = subprocess.run([ROOT / "bench" / program, "--list", "--seconds", "2"], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0 and all(f"{row.name}: {row.text}\n" in done.stdout for row in table)
    assert f"    {command}\n" in done.stdout


# ---- the document ----

@pytest.mark.parametrize("heading, table, known", [
    ("Rows", rows.ROWS, ("chaski", "ceiling", "rabbitmq")),
    ("The event bus", event_rows.ROWS, ("chaski", "relay", "proxy"))])
def test_each_row_stands_in_the_document_with_its_brokers(heading, table, known):
    document = (ROOT / "docs" / "performance.md").read_text()
    text = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", document, re.M | re.S).group(1)
    assert re.search(r"^Measured on \d{4}-\d\d-\d\d, \d+ cores of .+, commit [0-9a-f]+", text, re.M)
    for row in table:
        found = re.search(rf"^### {row.name}\n(.*?)(?=^##|\Z)", text, re.M | re.S)
        assert found, f"{row.name} is missing"
        for broker in set(known) - set(row.not_for):
            assert f"| {broker} |" in found.group(1), f"{row.name}: no {broker}"
        for words in rows.arguments_of(row, 1).values():
            assert f"{row.tool.shown} {words[0]} {words[1]}" in found.group(1), f"{row.name}: no command"

