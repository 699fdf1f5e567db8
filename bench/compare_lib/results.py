# SPDX-License-Identifier: Apache-2.0
"""What the rounds of a row came to. Rounds pair what stood side by side: a ratio is the median of the ratios of each
round, so that a slow minute of the machine is in both. A run with a fault counts nowhere."""
import statistics
from collections import namedtuple

# One measurement: its figures, or the fault that keeps it from counting. `reports` are the load tool's own.
Run = namedtuple("Run", "figures fault reports", defaults=(None, None, None))

# What a figure came to over the rounds.
Summary = namedtuple("Summary", "median least most count")

# `kept` is None where it could not be told.
Verdict = namedtuple("Verdict", "budget value limit kept")


def summary(values):
    """None of no values."""
    values = list(values)
    return Summary(statistics.median(values), min(values), max(values), len(values)) if values else None


class RowResults:
    """All runs of one row: of each broker one a round, in the order of the rounds."""

    def __init__(self, row, brokers):
        self.row = row
        self.runs = {name: [] for name in brokers if name not in row.not_for}

    def add(self, broker, run):
        self.runs[broker].append(run)

    def values(self, broker, figure):
        """One a round, None where the run was faulty or has no such figure."""
        return [None if run.fault else run.figures.get(figure) for run in self.runs.get(broker, ())]

    def summary(self, broker, figure):
        return summary(value for value in self.values(broker, figure) if value is not None)

    def faults(self, broker):
        """(round, text) of each run that does not count."""
        return [(number, run.fault) for number, run in enumerate(self.runs.get(broker, ()), 1) if run.fault]

    def ratio(self, broker, base, figure=None):
        """The figure (the row's main one) of a broker over that of another, of the rounds that both have; or None."""
        figure = figure or self.row.main
        pairs = zip(self.values(broker, figure), self.values(base, figure))
        return summary(mine / other for mine, other in pairs if mine is not None and other)

    def verdict(self, budget, broker):
        limit = budget.most if budget.most is not None else budget.least
        found = self.ratio(broker, budget.of, budget.figure) if budget.of else self.summary(broker, budget.figure)
        if found is None:
            return Verdict(budget, None, limit, None)
        kept = found.median <= limit if budget.most is not None else found.median >= limit
        return Verdict(budget, found.median, limit, kept)

    def verdicts(self, broker):
        return [self.verdict(budget, broker) for budget in self.row.budgets] if broker in self.runs else []


def base_of(brokers):
    """The broker that the others are compared with: chaski, or the first."""
    return "chaski" if "chaski" in brokers else brokers[0]


def fault_count(results):
    return sum(len(one.faults(broker)) for one in results for broker in one.runs)
