# SPDX-License-Identifier: Apache-2.0
"""What happens to a synchronous event when something fails: to its handlers, on both wires, and to those who wait for it.

Each test has handlers on the wires that its name says, and asks by each kind of publisher there is."""
import contextlib
import threading

import pytest

import client
import peers
from events import LIMIT_S, PUBLISHERS, Bus, pika_connection, told
from lib import passes
from lib.broker import wait_until
import stored
from stored import data_dir, start  # noqa: F401: fixtures

pytestmark = [pytest.mark.chaski_only, pytest.mark.threads]

WIRES = {"amqp": ["amqp"], "zmtp": ["zmtp"], "mixed": ["zmtp", "amqp"]}

# Topics with rules of their own: a short deadline, and one event at a time.
SHORT_S = 0.4 if passes.current_pass().name == "release" else 2
RULES = {"flow.held_bytes": "64KiB",
         "bus.topic.short": f"exchange=amq.events prefix=short. timeout={int(SHORT_S * 1000)}ms",
         "bus.topic.lock": "exchange=amq.events prefix=lock. window=1",
         "bus.topic.lockshort": f"exchange=amq.events prefix=lockshort. window=1 timeout={int(SHORT_S * 1000)}ms"}
BODY = b"the body"


@pytest.fixture(params=WIRES)
def wires(request):
    return WIRES[request.param]


@pytest.fixture
def bus(start_broker, wires):
    one = Bus(start_broker(RULES), wires)
    yield one
    one.close()




def ask_all(bus, topic, **how):
    """One question by each kind of publisher: [(publisher, number)], in the order in which they were numbered."""
    asked = []
    for publisher in bus.publishers():
        asked.append((publisher, publisher.ask(topic, BODY, **how)))
    return asked


def all_told(asked, status, **expected):
    return [told(publisher, number, status, **expected) for publisher, number in asked]


def take(handler, count, topic=None):
    """So many events, one after the other; seq rises."""
    events = [handler.next_event() for _ in range(count)]
    assert [event.seq for event in events] == sorted({event.seq for event in events})
    assert all(event.body == BODY and topic in (None, event.topic) for event in events)
    return events


def queue_counts(bus, queue):
    with contextlib.closing(pika_connection(bus.broker)) as asking:
        return client.counts(asking.channel(), queue)


def is_empty(bus, queue):
    """Once what was settled has been carried out."""
    return wait_until(lambda: queue_counts(bus, queue)[0] == 0, f"queue {queue} is empty") and True


KINDS = len(PUBLISHERS)

# ---- nobody handles it ----


def test_no_group_at_all(bus):
    """None, at once."""
    all_told(ask_all(bus, "nobody"), "none", need=0, ok=0, failed=0, pending=0, gone=0)


def test_no_group_but_a_durable_queue_that_is_away(bus):
    """It is stored for those who come later, and none all the same."""
    handler = bus.handler("t.", "away")
    handler.die()
    wait_until(lambda: queue_counts(bus, "away")[1] == 0, "the member is gone")
    all_told(ask_all(bus, "t.1"), "none", need=0, ok=0, failed=0, pending=0, gone=0)
    assert queue_counts(bus, "away")[0] == KINDS
    later = bus.handler("t.", "away")
    for event in take(later, KINDS, "t.1"):
        later.done(event)
    is_empty(bus, "away")


def test_no_group_and_mandatory_comes_back(bus):
    for kind in ("amqp-reply", "amqp-confirm"):
        publisher = bus.publisher(kind)
        told(publisher, publisher.ask("nobody", BODY, mandatory=True), "none")
        assert publisher.returned == [BODY]


# ---- somebody fails ----


def test_a_handler_says_failed(bus):
    """The others are not concerned; all are waited for."""
    bad, good = bus.handler("t.", "bad"), bus.handler("t.", "good")
    asked = ask_all(bus, "t.1")
    for event in take(bad, KINDS):
        bad.fail(event, "out of stock")
    assert all(publisher.knows_nothing_of(number) for publisher, number in asked)
    for event in take(good, KINDS):
        good.done(event, "42")
    all_told(asked, "failed", need=2, ok=1, failed=1, pending=0, gone=0, handlers={
        "bad": {"status": "failed", "attempts": 1, "error": "out of stock"},
        "good": {"status": "ok", "attempts": 1, "result": "42"}})
    is_empty(bus, "bad"), is_empty(bus, "good")


def test_a_handler_is_slower_than_the_deadline(bus):
    """It goes on; its late answer settles its queue and is no second report."""
    fast, slow = bus.handler("short.", "fast"), bus.handler("short.", "slow")
    asked = ask_all(bus, "short.1")
    for event in take(fast, KINDS):
        fast.done(event)
    late = take(slow, KINDS)
    all_told(asked, "timeout", need=2, ok=1, failed=0, pending=1, gone=0, handlers={
        "fast": {"status": "ok"}, "slow": {"status": "pending", "attempts": 1}})
    for event in late:
        slow.done(event, "late")
    is_empty(bus, "slow")
    publisher = bus.publisher("amqp-reply")
    number = publisher.ask("short.2", BODY)
    for handler in (fast, slow):
        handler.done(handler.next_event(), "in time")
    told(publisher, number, "ok", ok=2, handlers={"slow": {"result": "in time"}})
    assert all(publisher.knows_nothing_of(number + 1) for publisher, number in asked)


def test_a_poison_event_is_tried_three_times(bus):
    """AMQP gives it back, ZMTP dies of it; the last one is not given back but has failed."""
    asked = ask_all(bus, "t.1")
    all_told(asked, "none")
    handler = bus.handler("t.", "poisoned")
    witness = bus.handler("t.", "witness")
    for kind in PUBLISHERS:
        publisher = bus.publisher(kind)
        number = publisher.ask("t.2", BODY)
        witness.done(witness.next_event())
        for before in range(3):
            event = handler.next_event()
            assert event.before in (None, before)
            if handler.wire == "amqp":
                handler.again(event)
            else:
                handler.die()
                handler = bus.handler("t.", "poisoned", wire="zmtp")
        told(publisher, number, "failed", need=2, ok=1, failed=1, handlers={
            "poisoned": {"status": "failed", "attempts": 3, "error": "delivered 3 times"}})
    is_empty(bus, "poisoned")


# ---- somebody dies ----


def test_a_member_of_a_named_group_dies(bus):
    """The next member gets it."""
    first = bus.handler("t.", "group")
    asked = ask_all(bus, "t.1")
    lost = take(first, KINDS)
    second = bus.handler("t.", "group")
    first.die()
    again = take(second, KINDS)
    assert [event.seq for event in again] == [event.seq for event in lost]
    assert all(event.before in (None, 1) and event.redelivered in (None, True) for event in again)
    for event in again:
        second.done(event, "done")
    all_told(asked, "ok", need=1, ok=1, failed=0, pending=0, gone=0, handlers={
        "group": {"status": "ok", "attempts": 2, "result": "done"}})


def test_the_only_member_of_a_named_group_dies(bus):
    """Whoever joins gets it, in time or not."""
    first = bus.handler("t.", "group")
    asked = ask_all(bus, "t.1")
    take(first, KINDS)
    first.die()
    wait_until(lambda: queue_counts(bus, "group") == (KINDS, 0), "all came back")
    assert all(publisher.knows_nothing_of(number) for publisher, number in asked)
    joined = bus.handler("t.", "group")
    for event in take(joined, KINDS):
        joined.done(event)
    all_told(asked, "ok", need=1, ok=1, handlers={"group": {"attempts": 2}})


def test_the_only_member_of_a_named_group_dies_and_nobody_joins(bus):
    first = bus.handler("short.", "group")
    asked = ask_all(bus, "short.1")
    take(first, KINDS)
    first.die()
    all_told(asked, "timeout", need=1, ok=0, failed=0, pending=1, gone=0,
             handlers={"group": {"status": "pending", "attempts": 1}})
    assert queue_counts(bus, "group") == (KINDS, 0)


def test_a_nameless_member_dies(bus):
    """Its group ends with it, and is not waited for."""
    named, nameless = bus.handler("t.", "named"), bus.handler("t.")
    asked = ask_all(bus, "t.1")
    take(nameless, KINDS)
    for event in take(named, KINDS):
        named.done(event)
    assert all(publisher.knows_nothing_of(number) for publisher, number in asked)
    nameless.die()
    for report in all_told(asked, "ok", need=1, ok=1, failed=0, pending=0, gone=1, handlers={"named": {"status": "ok"}}):
        assert report is None or sorted(one["status"] for one in report["handlers"]) == ["gone", "ok"]


def test_every_group_is_gone(bus):
    handlers = [bus.handler("t."), bus.handler("t.")]
    asked = ask_all(bus, "t.1")
    for handler in handlers:
        take(handler, KINDS)
        handler.die()
    all_told(asked, "none", need=0, ok=0, failed=0, pending=0, gone=2)


def test_it_dies_after_the_work_before_the_answer(bus):
    """The work is done twice, with the same seq: who keeps the last one that it did does nothing twice. What AMQP said
    before the ack that never came counts for nothing."""
    first = bus.handler("t.", "group")
    asked = ask_all(bus, "t.1")
    worked = []
    for event in take(first, KINDS):
        worked.append(event.seq)
        if first.wire == "amqp":
            first.say(event, "from the dead")
    first.die()
    second = bus.handler("t.", "group")
    for event in take(second, KINDS):
        assert event.seq in worked
        second.done(event, "known")
    all_told(asked, "ok", ok=1, handlers={"group": {"attempts": 2, "result": "known"}})


def test_somebody_leaves_politely(bus):
    """Who says that it goes is like one that dies; a named group that nobody is bound to any more sees nothing new."""
    stays, leaves = bus.handler("t.", "stays"), bus.handler("t.", "leaves")
    leaves.leave()
    asked = ask_all(bus, "t.1")
    for event in take(stays, KINDS):
        stays.done(event)
    all_told(asked, "ok", need=1, ok=1, gone=0)
    assert queue_counts(bus, "leaves") == (0, 0)


def test_somebody_joins_mid_way(bus):
    """It owes nothing, and sees what comes later."""
    first = bus.handler("t.", "first")
    asked = ask_all(bus, "t.1")
    events = take(first, KINDS)
    second = bus.handler("t.", "second")
    for event in events:
        first.done(event)
    reports = all_told(asked, "ok", need=1, ok=1)
    publisher = bus.publisher("amqp-reply")
    number = publisher.ask("t.2", BODY)
    seen = second.next_event()
    assert seen.topic == "t.2" and seen.seq > events[-1].seq
    second.done(seen), first.done(first.next_event())
    report = told(publisher, number, "ok", need=2, ok=2)
    assert report["view"] > max(one["view"] for one in reports if one)


# ---- publishers ----


def test_the_publisher_dies(bus):
    """The event goes on. Who gave it an id can ask for the report later, from wherever it comes back."""
    handler = bus.handler("t.", "group")
    for name, kind in PUBLISHERS.items():
        publisher = bus.publisher(name)
        publisher.ask("t.1", BODY, id=f"id of {name}" if kind.takes_id else None)
        event = handler.next_event()
        publisher.die()
        handler.done(event, "done")
        is_empty(bus, "group")
        if kind.takes_id:
            again = bus.publisher(name)
            report = told(again, again.ask("t.1", BODY, id=f"id of {name}"), "ok", ok=1,
                          handlers={"group": {"result": "done", "attempts": 1}})
            assert report is None or report["seq"] == event.seq
    assert handler.poll() is None


def test_the_publisher_sends_again(bus):
    """While it is open, and when it is over: nothing twice, the same report."""
    handler = bus.handler("t.", "group")
    for publisher in bus.publishers(lambda kind: kind.takes_id):
        first = publisher.ask("t.1", BODY, id="one and the same " + type(publisher).__name__)
        event = handler.next_event()
        second = publisher.ask("t.1", BODY, id="one and the same " + type(publisher).__name__)
        assert publisher.knows_nothing_of(second)
        handler.done(event, "done")
        third = publisher.ask("t.1", BODY, id="one and the same " + type(publisher).__name__)
        reports = all_told([(publisher, n) for n in (first, second, third)], "ok", ok=1,
                           handlers={"group": {"result": "done"}})
        assert reports[0] == reports[1] == reports[2]
    last = bus.publisher("zmtp-req")
    last.ask("t.last", BODY)
    assert handler.next_event().topic == "t.last"


# ---- the broker dies ----


@pytest.fixture
def life(start, wires):
    """life(kill=bus): a bus on a broker with this test's folder; the one before it is killed."""
    made = []

    def begin(kill=None, **how):
        if kill:
            kill.broker.kill()
            kill.close()
        made.append(Bus(start(RULES, **how), wires))
        return made[-1]

    yield begin
    for one in made:
        one.close()


def has_id(kind):
    return kind.takes_id


@stored.release_only
def test_the_broker_dies_before_the_write(life):
    """What was published with an id has run nowhere: it waits for the disk. Sent again it is a new event, of a new seq."""
    bus = life(shim=True)
    handler = bus.handler("t.", "group")
    publisher = bus.publisher("amqp-reply")
    number = publisher.ask("t.0", BODY)
    first = handler.next_event()
    handler.done(first)
    told(publisher, number, "ok")
    stored.order(bus.broker, "fdatasync 1 slow")
    asked = [(one, one.ask("t.1", BODY, id="1")) for one in bus.publishers(has_id)]
    assert all(one.knows_nothing_of(number) for one, number in asked) and handler.poll() is None
    bus = life(kill=bus)
    handler = bus.handler("t.", "group")
    asked = [(one, one.ask("t.1", BODY, id="1")) for one in bus.publishers(has_id)]
    events = take(handler, 2, "t.1")  # the two of AMQP are of one user
    assert events[0].seq > first.seq
    for event in events:
        handler.done(event)
    all_told(asked, "ok", ok=1)
    is_empty(bus, "group")


@stored.release_only
def test_the_broker_dies_before_the_write_of_what_has_no_id(life):
    """It may have run; then it runs again under another seq, as no seq is used twice."""
    bus = life(shim=True)
    handler = bus.handler("t.", "group")
    publisher = bus.publisher("amqp-reply")
    number = publisher.ask("t.0", BODY)
    handler.done(handler.next_event())
    told(publisher, number, "ok")
    stored.order(bus.broker, "fdatasync 1 slow")
    asked = ask_all(bus, "t.1")
    ran = [event.seq for event in take(handler, KINDS, "t.1")]
    assert all(one.knows_nothing_of(number) for one, number in asked)
    bus = life(kill=bus)
    handler = bus.handler("t.", "group")
    publisher = bus.publisher("zmtp-dealer")
    number = publisher.ask("t.1", BODY)
    new = handler.next_event()
    while new.seq in ran:  # written after all
        handler.done(new)
        new = handler.next_event()
    assert new.seq > max(ran)
    handler.done(new)
    told(publisher, number, "ok", ok=1)


def test_the_broker_dies_after_the_write(life):
    """Who has not settled it gets it again; who asks again, with its id, is told what became of that."""
    bus = life()
    handler, nameless = bus.handler("t.", "group"), bus.handler("t.")
    kinds = [name for name, kind in PUBLISHERS.items() if has_id(kind)]
    for kind in kinds:
        bus.publisher(kind).ask("t.1", BODY, id=kind)
    seqs = [event.seq for event in take(handler, len(kinds), "t.1")]
    take(nameless, len(kinds))
    bus = life(kill=bus)
    asked = []
    for kind in kinds:
        publisher = bus.publisher(kind)
        asked.append((publisher, publisher.ask("t.1", BODY, id=kind)))
    handler = bus.handler("t.", "group")
    events = take(handler, len(kinds), "t.1")
    assert [event.seq for event in events] == seqs and all(event.redelivered in (None, True) for event in events)
    for event in events:
        handler.done(event, "done")
    all_told(asked, "ok", need=1, ok=1, handlers={"group": {"result": "done"}})
    last = bus.publisher("zmtp-req")
    number = last.ask("t.2", BODY)
    event = handler.next_event()
    assert event.topic == "t.2" and event.seq > max(seqs)
    handler.done(event)
    told(last, number, "ok", ok=1)


def test_the_broker_dies_after_the_report(life):
    bus = life()
    handler = bus.handler("t.", "group")
    asked = [(one, one.ask("t.1", BODY, id=type(one).__name__)) for one in bus.publishers(has_id)]
    for event in take(handler, len(asked)):
        handler.done(event, "done")
    before = all_told(asked, "ok", ok=1)
    stored.sync(bus.broker)
    bus = life(kill=bus)
    handler = bus.handler("t.", "group")
    asked = [(one, one.ask("t.1", BODY, id=type(one).__name__)) for one in bus.publishers(has_id)]
    assert all_told(asked, "ok", ok=1) == before
    bus.publisher("zmtp-req").ask("t.last", BODY)
    assert handler.next_event().topic == "t.last"


def test_the_broker_dies_right_after_the_report(life):
    """The group's ack may be lost with it: then it gets the event again, marked, with its seq; and the report is ok."""
    bus = life()
    handler = bus.handler("t.", "group")
    asked = [(one, one.ask("t.1", BODY, id=type(one).__name__)) for one in bus.publishers(has_id)]
    seqs = [event.seq for event in take(handler, len(asked)) if handler.done(event, "done") is None]
    all_told(asked, "ok", ok=1)
    bus = life(kill=bus)
    handler = bus.handler("t.", "group")
    asked = [(one, one.ask("t.1", BODY, id=type(one).__name__)) for one in bus.publishers(has_id)]
    asked.append((last := bus.publisher("zmtp-dealer"), last.ask("t.last", BODY)))
    while (event := handler.next_event()).topic != "t.last":
        assert event.seq in seqs and event.redelivered in (None, True)
        handler.done(event, "done")
    assert event.seq > max(seqs)
    handler.done(event, "done")
    all_told(asked, "ok", ok=1, handlers={"group": {"result": "done"}})


# ---- windows ----


def test_a_handler_waits_for_its_own_event(bus):
    """One at a time, and it holds the one: it is told at once, and the event it holds goes on."""
    handler = bus.handler("lock.", "group")
    for publisher in bus.publishers():
        number = publisher.ask("lock.1", BODY)
        event = handler.next_event()
        report = handler.report(handler.ask("lock.own", BODY))
        assert (report["status"], report["error"], report["handlers"]) == ("failed", "own event", []), report
        handler.done(event, "done")
        told(publisher, number, "ok", ok=1, handlers={"group": {"result": "done"}})


def test_a_handler_waits_for_its_own_event_on_another_connection(bus):
    """Nobody can see that: it is a deadlock until the deadline of the one that it holds."""
    handler, other = bus.handler("lockshort.", "group"), bus.publisher("zmtp-dealer")
    for kind in ("amqp-reply", "amqp-confirm", "zmtp-req"):
        publisher = bus.publisher(kind)
        number = publisher.ask("lockshort.1", BODY)
        event = handler.next_event()
        own = other.ask("lockshort.own", BODY)
        told(publisher, number, "timeout", ok=0, pending=1)
        handler.done(handler.next_event())
        told(other, own, "ok", ok=1)
        handler.done(event)


@pytest.mark.parametrize("kind", ["amqp-reply", "amqp-confirm", "zmtp-dealer"])
def test_a_full_window_holds_its_publishers_back(bus, kind):
    """One event at a time, and nobody answers: the publisher's socket is not read, until it cannot send any more. Then
    all of it goes on, in order."""
    handler, body, many, sent = bus.handler("lock.", "group"), b"x" * 65536, 256, []
    how = {"SNDHWM": 4} if kind == "zmtp-dealer" else {}
    failure = []

    def publish():
        publisher = PUBLISHERS[kind](bus.broker, **how)
        with contextlib.closing(publisher):
            try:
                for number in range(many):
                    publisher.ask("lock.1", b"%d " % number + body)
                    sent.append(number)
                for number in range(many):
                    told(publisher, number + 1, "ok", ok=1)
            except (Exception, AssertionError) as error:  # pylint: disable=broad-except
                failure.append(error)

    thread = threading.Thread(target=publish, daemon=True)
    thread.start()
    event = handler.next_event()
    assert peers.settled(lambda: len(sent), times=6) < many and not failure, failure
    for number in range(many):
        assert event.body.startswith(b"%d " % number)
        handler.done(event)
        event = handler.next_event() if number + 1 < many else None
    thread.join(LIMIT_S)
    assert not failure and not thread.is_alive(), failure


# ---- nobody is there any more ----


@pytest.fixture
def beating(start_broker, wires):
    """A bus that misses who is silent after about three seconds."""
    one = Bus(start_broker({**RULES, "bus.heartbeat": "1s"}), wires)
    yield one
    one.close()


def test_a_half_open_handler_is_missed(beating):
    """A nameless one is gone, the event of a named one goes to the next member."""
    bus, link = beating, beating.link()
    named = bus.handler("t.", "group", where=link, heartbeat=1)
    nameless = bus.handler("t.", where=link, heartbeat=1)
    asked = ask_all(bus, "t.1")
    take(named, KINDS), take(nameless, KINDS)
    second = bus.handler("t.", "group", heartbeat=0)
    link.freeze()
    for event in take(second, KINDS):
        second.done(event)
    all_told(asked, "ok", need=1, ok=1, gone=1, handlers={"group": {"attempts": 2}})


def test_a_new_connection_of_an_identity_replaces_the_old(bus):
    """Without waiting for a heartbeat."""
    link = bus.link()
    old = bus.handler("t.", "group", wire="zmtp", where=link, identity="worker 7")
    asked = ask_all(bus, "t.1")
    take(old, KINDS)
    link.freeze()
    new = bus.handler("t.", "group", wire="zmtp", identity="worker 7")
    for event in take(new, KINDS):
        new.done(event)
    all_told(asked, "ok", need=1, ok=1, handlers={"group": {"attempts": 2}})
