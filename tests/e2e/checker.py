# SPDX-License-Identifier: Apache-2.0
"""Consistency that can be seen: what publishers and subscribers of an exchange noted, and whether it can have been so.

A History holds only what clients saw, each with the time at which it saw it, on one clock: publishes and what became of
them, sessions (a subscriber's connection, from its join to its end) and what was delivered to each. faults() proves, or
names what contradicts it:

    seq       a number is one event's, and rises from life to life of the broker
    order     every session saw its events in the order of their numbers; so did each publisher number them
    twice     nothing comes twice to a group while who had it before is there, nor without being marked, save after a kill
    skipped   who was told ok was told so after every group that was there all the while had done it
    lost      a durable group has done every event that was told as stored, and all others that no kill can have cost
    report    a report says what its handlers did
"""
import bisect
import collections
import dataclasses
import math

GOOD = ("ok", "none", "ack")
NOTICE_S = 2.0  # the broker learns of an end within this


@dataclasses.dataclass
class Ask:
    """One publish. `body` is its own and no other's."""

    publisher: str
    number: int
    topic: str
    body: str
    asks: bool               # it will be told what became of it
    life: int                # of the broker, when it was first sent
    asked_at: float = 0.0    # before it was first sent
    told_at: float = math.inf
    outcome: object = None   # a report, "ack", "nack"; None: never told

    @property
    def status(self):
        return self.outcome["status"] if isinstance(self.outcome, dict) else self.outcome


@dataclasses.dataclass
class Delivery:
    body: str
    at: float
    seq: int | None = None       # None: the wire does not say
    marked: bool | None = None   # as delivered before; None: the wire does not say
    answer: tuple | None = None  # ("ok", result), ("failed", reason), ("again", ""), or none was given
    answered_at: float = math.inf


@dataclasses.dataclass
class Session:
    name: str
    prefix: str
    life: int
    handles: bool                # it answers; else it only looks on
    group: str | None = None     # durable, of this name; None: its own
    joined_at: float = 0.0       # after it was in
    ended_at: float = math.inf   # before it began to end
    deliveries: list = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class History:
    asks: list = dataclasses.field(default_factory=list)
    sessions: list = dataclasses.field(default_factory=list)
    groups: dict = dataclasses.field(default_factory=dict)  # durable ones that were bound before all: {name: prefix}
    first_seqs: list = dataclasses.field(default_factory=list)  # of each life of the broker, lowest number in it
    kills: list = dataclasses.field(default_factory=list)  # times


class Checker:
    def __init__(self, history):
        self.history = history
        self.found = []
        self.asks = {ask.body: ask for ask in history.asks}
        self.members = collections.defaultdict(list)  # a group's name, or a session's own: its sessions
        for session in history.sessions:
            if session.handles:
                self.members[session.group or session.name].append(session)
        self.seqs = collections.defaultdict(set)     # of a body
        self.handled_seqs = collections.defaultdict(set)
        self.bodies = collections.defaultdict(set)   # of a seq
        self.came = collections.defaultdict(list)    # of (group, body): [(session, delivery)]
        for session in history.sessions:
            for one in session.deliveries:
                self._note(one.body, one.seq)
                if session.handles:
                    self.handled_seqs[one.body].add(one.seq)
                    self.came[session.group or session.name, one.body].append((session, one))
        for ask in history.asks:
            if isinstance(ask.outcome, dict):
                self._note(ask.body, ask.outcome["seq"])

    def _note(self, body, seq):
        if seq is not None:
            self.seqs[body].add(seq)
            self.bodies[seq].add(body)

    def fault(self, kind, text):
        self.found.append((kind, text))

    def life_of(self, seq):
        return bisect.bisect_right(self.history.first_seqs, seq)

    def killed_between(self, begin, end):
        return any(begin <= at <= end for at in self.history.kills)

    # ---- numbers ----

    def check_seqs(self):
        for seq, bodies in self.bodies.items():
            if len(bodies) > 1:
                self.fault("seq", f"{seq} is {sorted(bodies)}")
        for body, seqs in self.seqs.items():
            lives = [self.life_of(seq) for seq in seqs]
            if len(set(lives)) < len(lives):
                self.fault("seq", f"{body} is {sorted(seqs)}, of one life")
            if len(self.handled_seqs[body]) > 1:
                self.fault("seq", f"handlers met {body} as {sorted(self.handled_seqs[body])}")
        if self.history.first_seqs != sorted(set(self.history.first_seqs)):
            self.fault("seq", f"lives of the broker begin with {self.history.first_seqs}")
        for session in self.history.sessions:
            for one in session.deliveries:
                if one.body not in self.asks:
                    self.fault("seq", f"{session.name} saw {one.body}, which was never published")
                life = session.life if one.seq is None else self.life_of(one.seq)
                if life > session.life or life < session.life and not session.handles:
                    self.fault("seq", f"{session.name}, of life {session.life}, saw {one.seq}, of life {life}")

    # ---- order ----

    def seq_of(self, session, one):
        """Also where the wire does not say: what others saw it as in that life."""
        if one.seq is not None:
            return one.seq
        return next((seq for seq in self.seqs[one.body] if self.life_of(seq) == session.life), None)

    def is_again(self, session, one):
        """It may have come to the group before, so its place is not behind all that came. Where the wire does not say
        it may, if somebody of the group had it, or may have had it at his end."""
        if not session.handles or one.marked is not None:
            return bool(one.marked)
        asked_at = self.asks[one.body].asked_at if one.body in self.asks else 0
        others = [other for other in self.members[session.group or session.name] if other is not session]
        return (any(asked_at - NOTICE_S <= other.ended_at <= one.at for other in others) or
                any(other is not session and earlier.at <= one.at
                    for other, earlier in self.came[session.group or session.name, one.body]))

    def check_order(self):
        for session in self.history.sessions:
            last, last_body = 0, None
            for one in session.deliveries:
                seq = self.seq_of(session, one)
                if seq is None or self.is_again(session, one):
                    continue
                if seq < last:
                    self.fault("order", f"{session.name} saw {one.body} ({seq}) behind {last_body} ({last})")
                last, last_body = seq, one.body
        by_publisher = collections.defaultdict(list)
        for ask in self.history.asks:
            if self.seqs[ask.body]:
                by_publisher[ask.publisher].append((ask.number, max(self.seqs[ask.body])))
        for publisher, numbered in by_publisher.items():
            numbered.sort()
            for (before, low), (behind, high) in zip(numbered, numbered[1:]):
                if low >= high:
                    self.fault("order", f"{publisher} published {before}, then {behind}: they are {low} and {high}")

    # ---- twice ----

    def check_twice(self):
        for (group, _), came in self.came.items():
            came.sort(key=lambda pair: pair[1].at)
            for index, (session, one) in enumerate(came):
                self._check_repeat(group, came[:index], session, one)
        for session in self.history.sessions:
            bodies = [one.body for one in session.deliveries]
            if not session.handles and len(set(bodies)) < len(bodies):
                self.fault("twice", f"{session.name} saw {collections.Counter(bodies).most_common(3)}")

    def _check_repeat(self, group, before, session, one):
        for other, earlier in before:
            gave_back = earlier.answer and earlier.answer[0] == "again"
            if not gave_back and (other is session or other.ended_at > one.at):
                self.fault("twice", f"{group} got {one.body} again at {session.name}, while {other.name} had it")
        if before and one.marked is False and not self.killed_between(before[0][1].at, one.at):
            self.fault("twice", f"{group} got {one.body} again at {session.name}, unmarked")

    # ---- nothing missing ----

    def answers(self, group, body):
        """[(when, answer)] of a group, or of a session that is one."""
        return [(one.answered_at, one.answer) for _, one in self.came[group, body]
                if one.answer and one.answer[0] != "again"]

    def check_skipped(self):
        """What synchronous means. Groups that came or went meanwhile are not judged here."""
        for ask in self.history.asks:
            if not ask.asks or ask.status not in (*GOOD, "failed"):
                continue
            for group, sessions in self.members.items():
                there = any(session.life == ask.life and session.joined_at < ask.asked_at and
                            session.ended_at > ask.told_at and ask.topic.startswith(session.prefix)
                            for session in sessions)
                if there and ask.status == "none":
                    self.fault("skipped", f"{ask.body} was told as none, while {group} was there")
                    continue
                if there and not any(when < ask.told_at and (ask.status == "failed" or answer[0] == "ok")
                                     for when, answer in self.answers(group, ask.body)):
                    self.fault("skipped", f"{ask.body} was told as {ask.status}, before {group} had done it")

    def check_lost(self):
        for ask in self.history.asks:
            owed = ask.status in GOOD
            if not owed and (ask.outcome is not None or not ask.asks):
                owed = not self.killed_between(ask.asked_at, math.inf)
            for group, prefix in self.history.groups.items():
                if owed and ask.topic.startswith(prefix) and not self.answers(group, ask.body):
                    self.fault("lost", f"{group} never did {ask.body}, told as {ask.status}")

    # ---- reports ----

    def check_reports(self):
        for ask in self.history.asks:
            if isinstance(ask.outcome, dict):
                self._check_counts(ask.body, ask.outcome)
                for row in ask.outcome["handlers"]:
                    self._check_row(ask, row)

    def _check_counts(self, body, report):
        rows = collections.Counter(row["status"] for row in report["handlers"])
        if any(rows[status] != report[status] for status in ("ok", "failed", "pending", "gone")):
            self.fault("report", f"{body}: its counts are not those of its rows: {report}")
        wanted = "timeout" if rows["pending"] else "failed" if rows["failed"] else "ok" if rows["ok"] else "none"
        if report["status"] != wanted:
            self.fault("report", f"{body}: {report['status']} is not what its rows say: {report}")

    def _check_row(self, ask, row):
        """Handlers say in their results and reasons who they are: "NAME …"."""
        if row["status"] not in ("ok", "failed"):
            return
        said = row.get("result" if row["status"] == "ok" else "error", "")
        name = row["name"] if row["name"] in self.history.groups else said.partition(" ")[0]
        answers = self.answers(name, ask.body)
        if not any(answer == (row["status"], said) and when < ask.told_at for when, answer in answers):
            self.fault("report", f"{ask.body}: {name} did {answers}, and is told to have done {row}")
        came = [one for _, one in self.came[name, ask.body] if one.at < ask.told_at]
        if row["attempts"] < len(came) and not self.killed_between(ask.asked_at, ask.told_at):
            self.fault("report", f"{ask.body}: it came to {name} {len(came)} times, not {row['attempts']}")


def faults(history):
    """[(kind, text)]; empty if all of it can have been so."""
    checker = Checker(history)
    for check in (checker.check_seqs, checker.check_order, checker.check_twice, checker.check_skipped,
                  checker.check_lost, checker.check_reports):
        check()
    return checker.found
