# SPDX-License-Identifier: Apache-2.0
"""One order, nothing missing, nothing twice: a short run of what `make check-order` does at length; and that the checker
finds what it is for, in records of a good run that were spoiled."""
import copy
import time

import pytest
from checker import Ask, Delivery, History, Session, faults
from consistency import World, found_in, run
from stored import data_dir  # noqa: F401: fixture

pytestmark = [pytest.mark.chaski_only]

SECONDS = 2.0


def told_in(world):
    return [ask.status for ask in world.history.asks if ask.asks]


@pytest.mark.threads
@pytest.mark.parametrize("kills", [0, 2])
def test_clients_of_all_kinds_see_one_order(data_dir, io_threads, kills):
    """The seed is another one each time; a failure names it."""
    world = World(str(data_dir), time.time_ns() % 1000000, io_threads)
    try:
        run(world, SECONDS, kills, lambda: any(status in ("failed", "nack") for status in told_in(world)))
    finally:
        world.running = False
        world.broker.kill()
    found = found_in(world)
    assert not found, f"seed {world.seed}: " + "\n".join(f"{kind}: {text}" for kind, text in found[:20])
    told = told_in(world)
    assert told.count("ok") + told.count("ack") > len(told) / 2 and told.count("failed") + told.count("nack") > 0


# ---- the checker itself ----


def good():
    """Two publishers, a durable group of two members, one of its own, a SUB and a consumer without acks; the second event
    came twice to the group, as its first member died; the fourth failed."""
    asks, topic = [], "t.1"
    for seq in range(1, 6):
        ask = Ask("p" if seq % 2 else "q", seq, topic, f"e{seq}", True, 1, float(seq), seq + 0.9)
        status, key = ("failed", "error") if seq == 4 else ("ok", "result")
        rows = [{"name": "group", "status": status, "attempts": 2 if seq == 2 else 1, key: f"g{min(seq, 2)} did {seq}"},
                {"name": "amq.gen", "status": "ok", "attempts": 1, "result": f"own did {seq}"}]
        ask.outcome = {"status": status, "seq": seq, "ok": 1 if seq == 4 else 2, "failed": int(seq == 4), "pending": 0,
                       "gone": 0, "handlers": rows}
        asks.append(ask)
    asks.append(Ask("plain", 1, topic, "e6", False, 1, 6.0))

    def session(name, seqs, group=None, handles=True, joined_at=0.0, marked=False):
        made = Session(name, "t.", 1, handles, group, joined_at)
        for seq in seqs:
            answer = ("failed" if seq == 4 and group else "ok", f"{name} did {seq}")
            made.deliveries.append(Delivery(f"e{seq}", seq + 0.2, seq, marked, answer if handles else None,
                                            seq + 0.5 if handles else float("inf")))
        return made

    first, second = session("g1", [1, 2], "group"), session("g2", [2, 3, 4, 5, 6], "group", joined_at=2.3)
    first.ended_at = 2.25
    first.deliveries[1].answer = None
    second.deliveries[0].at, second.deliveries[0].marked = 2.4, True
    sub = session("sub", range(1, 7), handles=False)
    for one in sub.deliveries:
        one.seq = one.marked = None
    return History(asks, [first, second, session("own", range(1, 7)), sub, session("no-ack", range(2, 7), handles=False)],
                   {"group": "t."}, [1], [])


def of(history, name):
    return next(session for session in history.sessions if session.name == name).deliveries


def swap(deliveries, low, high):
    one, other = deliveries[low], deliveries[high]
    deliveries[low], deliveries[high] = other, one
    one.at, other.at = other.at, one.at


def rename(history, body, seq):
    """All that saw `body` saw it under this number."""
    for session in history.sessions:
        for one in session.deliveries:
            if one.body == body and one.seq is not None:
                one.seq = seq
    for ask in history.asks:
        if ask.body == body and ask.outcome:
            ask.outcome["seq"] = seq


def come_again(history, name, marked, at):
    first = of(history, name)[-1]
    of(history, name).append(Delivery(first.body, at, first.seq, marked, first.answer, at))


SPOILED = {
    "a SUB saw two in another order": ("order", lambda h: swap(of(h, "sub"), 1, 3)),
    "a consumer without acks saw two in another order": ("order", lambda h: swap(of(h, "no-ack"), 0, 4)),
    "a handler saw two in another order": ("order", lambda h: swap(of(h, "own"), 2, 3)),
    "a publisher's second is in front of its first": ("order", lambda h: (rename(h, "e1", 9), rename(h, "e3", 1),
                                                                          rename(h, "e1", 3))),
    "a number was used twice": ("seq", lambda h: rename(h, "e5", 3)),
    "an event has two numbers": ("seq", lambda h: setattr(of(h, "own")[4], "seq", 17)),
    "handlers met an event twice, in two lives": ("seq", lambda h: (h.first_seqs.append(60000), h.kills.append(5.95),
                                                                    setattr(of(h, "own")[5], "seq", 60001))),
    "numbers begin again after a kill": ("seq", lambda h: h.first_seqs.append(1)),
    "an observer saw one of an earlier life": ("seq", lambda h: (h.first_seqs.append(60000), setattr(
        next(one for one in h.sessions if one.name == "no-ack"), "life", 2))),
    "somebody saw what nobody published": ("seq", lambda h: setattr(of(h, "sub")[0], "body", "e7")),
    "a group lost one": ("lost", lambda h: of(h, "g2").pop(1)),
    "a group lost one that nobody asked for": ("lost", lambda h: of(h, "g2").pop()),
    "one of its own group missed one": ("skipped", lambda h: of(h, "own").pop(2)),
    "ok was said before all had done it": ("skipped", lambda h: setattr(of(h, "own")[2], "answered_at", 3.95)),
    "a confirm was given before all had done it": ("skipped", lambda h: (setattr(h.asks[2], "outcome", "ack"), setattr(
        of(h, "own")[2], "answered_at", 3.95))),
    "none was said while somebody was there": ("skipped", lambda h: setattr(h.asks[2], "outcome", {
        "status": "none", "seq": 3, "ok": 0, "failed": 0, "pending": 0, "gone": 0, "handlers": []})),
    "one came twice to a living handler": ("twice", lambda h: come_again(h, "own", True, 6.9)),
    "one came twice to a SUB": ("twice", lambda h: come_again(h, "sub", None, 6.9)),
    "one came again unmarked": ("twice", lambda h: setattr(of(h, "g2")[0], "marked", False)),
    "it came to two members that live": ("twice", lambda h: setattr(h.sessions[0], "ended_at", 99.0)),
    "a report has another result": ("report", lambda h: h.asks[0].outcome["handlers"][0].update(result="g1 did 2")),
    "a report says ok of one that failed": ("report", lambda h: h.asks[3].outcome.update(status="ok")),
    "a report has lost a row": ("report", lambda h: h.asks[0].outcome["handlers"].pop()),
    "a report forgets that it came twice": ("report", lambda h: h.asks[1].outcome["handlers"][0].update(attempts=1)),
}


def test_a_good_record_is_found_good():
    assert faults(good()) == []


@pytest.mark.parametrize("spoiled", SPOILED)
def test_the_checker_finds(spoiled):
    kind, spoil = SPOILED[spoiled]
    history = copy.deepcopy(good())
    spoil(history)
    assert kind in {found for found, _ in faults(history)}, faults(history)


def test_what_a_kill_may_cost_is_no_fault():
    """Of what was not told as stored; and what comes again after it need not be marked."""
    history = good()
    history.asks[4].outcome = None
    of(history, "g2").pop(), of(history, "g2").pop()
    history.kills.append(6.5)
    of(history, "g2")[0].marked = False
    history.kills.append(2.3)
    assert faults(history) == []
