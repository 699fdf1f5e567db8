# SPDX-License-Identifier: Apache-2.0
"""What bench/compare measures, and what a row is. A row has steps, each a run of its load tool, one after the other on the
same broker, which is started for this row and round alone; a row without steps looks at the start."""
import shlex
from collections import namedtuple

from .figures import FIGURES, written_limit

MIB = 1 << 20

# At least or at most so much of a figure; `of` a broker: times that broker's figure in the same rounds.
Budget = namedtuple("Budget", "figure most least of", defaults=(None, None, None))

# program      in the folder of the build
# arguments    in front of --url URL --pid PID and those of a step
# shown        how the document calls all that
Tool = namedtuple("Tool", "program arguments shown")
PERF_AMQP = Tool("chaski", ("perf", "amqp", "--json", "--quiet"), "chaski perf amqp")

# name, text   how to call it on the command line, what it is
# steps        (name, arguments): {seconds} is how long; figures_of (measure.py) makes figures of their reports
# kind         what figures_of does with them
# main         the figure that is compared; figures: all that are shown
# budgets      what chaski has to keep
# not_for      brokers for which it means nothing
# tool         the load
Row = namedtuple("Row", "name text steps kind main figures budgets not_for tool", defaults=((), (), PERF_AMQP))

LOAD_FIGURES = ("rate", "cpu", "rss_peak")
TIMED = "--warmup 1 --time {seconds}"
PERSISTENT = "--size 1024 --persistent --durable"
MANUAL_ACKS = "--ack-every 250 --prefetch 2000"


def load(name, text, arguments, budgets=(), main="cpu", figures=LOAD_FIGURES, not_for=()):
    return Row(name, text, (("load", f"{arguments} {TIMED}"),), "load", main, figures, budgets, not_for)


def transient(name, size_text, size, most):
    return load(name, f"1 producer, 1 queue, 1 consumer, transient, automatic acks, {size_text}", f"--size {size}",
                (Budget("cpu", most=most),))


def fanout(name, size_text, size, most):
    return load(name, f"fan-out to 10 queues, {size_text}; figures of each delivery",
                f"--type fanout --queues 10 --size {size}", (Budget("cpu", most=most),))


ROWS = (
    transient("transient-16", "16 B", 16, 0.15),
    transient("transient-1k", "1 KiB", 1024, 0.7),
    transient("transient-16k", "16 KiB", 16384, 8),
    fanout("fanout-16", "16 B", 16, 0.1),
    fanout("fanout-1k", "1 KiB", 1024, 0.5),
    load("topic-10k", "topic exchange with 10 000 bindings, 1000 routing keys in turn, 16 B",
         "--type topic --bindings 10000 --keys 1000 --size 16", (Budget("cpu", most=0.4),), not_for=("ceiling",)),
    load("persistent-1k", "persistent 1 KiB, 1000 confirms outstanding, manual acks",
         f"{PERSISTENT} --confirms 1000 {MANUAL_ACKS}", (Budget("cpu", most=2),),
         figures=LOAD_FIGURES + ("confirm_p50", "confirm_p99")),
    # Its budget is a ratio to the bare disk and loopback, which `make bench-confirm` measures in the same run.
    load("confirm-1", "persistent 1 KiB, 1 confirm outstanding, manual acks",
         f"{PERSISTENT} --confirms 1 {MANUAL_ACKS}",
         main="confirm_p50", figures=("confirm_p50", "confirm_p99") + LOAD_FIGURES),
    load("latency-20k", "20 000 messages/s of 16 B, from publish to delivery", "--size 16 --rate 20000",
         (Budget("p50", most=1.2, of="ceiling"),), main="p50", figures=("p50", "p99") + LOAD_FIGURES),
    Row("deep", "1 M persistent messages of 1 KiB queued, then drained with manual acks; CPU of the drain",
        steps=(("fill", f"--fill {PERSISTENT} --confirms 1000 --messages 1000000"),
               ("drain", f"--drain {PERSISTENT} {MANUAL_ACKS}")),
        kind="deep", main="cpu", figures=("rate", "cpu", "rss_peak", "fill_rate", "fill_cpu"),
        budgets=(Budget("rss_peak", most=100 * MIB), Budget("cpu", most=1.5)), not_for=("ceiling",)),
    Row("start", "start to the first answer in an empty folder, and memory a second later",
        steps=(), kind="start", main="start_ms", figures=("start_ms", "idle_rss"),
        budgets=(Budget("start_ms", most=50), Budget("idle_rss", most=6 * MIB))),
    Row("connections", "5000 connections with a channel each, that do nothing; CPU of a million of them",
        steps=(("idle", "--idle 5000 --time 1"),), kind="idle", main="connection_rss",
        figures=("connection_rss", "connection_rate", "cpu", "rss_peak"),
        budgets=(Budget("connection_rss", most=4096),)),
    Row("declares", "10 000 durable queues from 32 channels at once; CPU of a million of them",
        steps=(("declare", "--declare 10000"),), kind="declare", main="declare_rate",
        figures=("declare_rate", "rss", "cpu"),
        budgets=(Budget("declare_rate", least=10000), Budget("rss", most=15 * MIB)), not_for=("ceiling",)),
    Row("churn", "8 connections at once opened and closed, again and again; CPU of a million of them",
        steps=(("churn", "--churn 8 --time {seconds}"),), kind="churn", main="cpu",
        figures=("connection_rate", "cpu", "rss_peak")),
    Row("stalled", "1 KiB transient, without and with a consumer beside it that never reads its full queue",
        steps=(("alone", f"--size 1024 {TIMED}"), ("beside", f"--size 1024 --stalled 1 {TIMED}")),
        kind="stalled", main="stalled_share", figures=("stalled_share", "rate", "stalled_rate", "rss_peak"),
        not_for=("ceiling",)),
)

BY_NAME = {row.name: row for row in ROWS}


def arguments_of(row, seconds):
    """The words of each step's command behind those of the tool: {step: [word]}."""
    return {name: text.format(seconds=f"{seconds:g}").split() for name, text in row.steps}


def commands_of(row, seconds):
    """Each step's command as the document has it: {step: text}."""
    return {name: f"{row.tool.shown} {shlex.join(words)}" for name, words in arguments_of(row, seconds).items()}


def budget_text(budget):
    """"CPU s/M at most 0.15", as a person reads it."""
    title = FIGURES[budget.figure].title
    word, limit = ("at most", budget.most) if budget.most is not None else ("at least", budget.least)
    if budget.of:
        return f"{title} {word} {limit:g} times that of {budget.of}"
    return f"{title} {word} {written_limit(budget.figure, limit)}"
