# SPDX-License-Identifier: Apache-2.0
"""Synchronous events by clients of both wires: how many must have handled one, in which order, what is told of it.

What becomes of them when something fails is in test_events_matrix.py."""
import base64
import re
import types

import client
import pytest
import stored
import zmq
from events import Bus, pika_connection, told, zmq_socket
from lib import http
from lib.broker import wait_until
from stored import data_dir, start  # noqa: F401: fixtures

pytestmark = [pytest.mark.chaski_only, pytest.mark.threads]

RULES = {f"bus.topic.{sync}": f"exchange=amq.events prefix={sync}. sync={sync}" for sync in ("quorum", "one", "none", "2")}
RULES |= {"bus.topic.short": "exchange=amq.events prefix=short. timeout=300ms",
          "bus.topic.lock": "exchange=amq.events prefix=lock. window=1"}


@pytest.fixture
def bus(start_broker):
    one = Bus(start_broker(RULES), ["amqp", "zmtp"])
    yield one
    one.close()


def bus_port(broker, name):
    """Where to connect for bus.listen.NAME."""
    pattern = re.compile(r"listening for ZMTP and AMQP on \S+:(\d+) \(bus\.listen\." + re.escape(name) + r"\)")
    ports = [found for line in broker.lines for found in pattern.findall(line)]
    return types.SimpleNamespace(host="127.0.0.1", port=int(ports[0]))


def declare(bus, exchange, kind="topic", **arguments):
    with pika_connection(bus.broker) as connection:
        connection.channel().exchange_declare(exchange, kind, durable=True, arguments={
            "x-" + key.replace("_", "-"): value for key, value in arguments.items()})


# ---- how many ----

POLICIES = [("all", 3), ("quorum", 2), ("one", 1), ("2", 2), ("none", 0)]


def answered_after(publisher, number, handlers, count, **counts):
    """Its asker is told when `count` handlers are done, and not before."""
    events = [handler.next_event() for handler in handlers]
    for done in range(len(handlers)):
        if done == count:
            told(publisher, number, "ok", ok=count, pending=len(handlers) - count, **counts)
        elif done < count:
            assert publisher.knows_nothing_of(number), done
        handlers[done].done(events[done])
    told(publisher, number, "ok", ok=count, **counts)


@pytest.mark.parametrize("policy, count", POLICIES)
def test_a_policy_in_a_header(bus, policy, count):
    handlers = [bus.handler("t.") for _ in range(3)]
    publisher = bus.publisher("amqp-reply")
    number = publisher.ask("t.1", "1", headers={"x-sync": policy})
    answered_after(publisher, number, handlers, count, need=count)


@pytest.mark.parametrize("policy, count", POLICIES[1:])
def test_a_policy_of_a_topic(bus, policy, count):
    handlers = [bus.handler() for _ in range(3)]
    for kind in ("zmtp-req", "zmtp-dealer", "amqp-confirm"):
        publisher = bus.publisher(kind)
        answered_after(publisher, publisher.ask(f"{policy}.1", "1"), handlers, count, need=count)


@pytest.mark.parametrize("policy, count", POLICIES)
def test_a_policy_of_an_exchange(bus, policy, count):
    declare(bus, "own", sync=policy)
    handlers = [bus.handler("t.", exchange="own", wire="amqp") for _ in range(3)]
    publisher = bus.publisher("amqp-reply", exchange="own")
    answered_after(publisher, publisher.ask("t.1", "1"), handlers, count, need=count)


def test_it_has_failed_as_soon_as_too_few_are_left(bus):
    first, second = bus.handler("one."), bus.handler("one.")
    publisher = bus.publisher("zmtp-req")
    number = publisher.ask("one.1", "1")
    first.fail(first.next_event(), "not I")
    assert publisher.knows_nothing_of(number)
    second.fail(second.next_event(), "nor I")
    report = told(publisher, number, "failed", need=1, ok=0, failed=2)
    assert sorted(one["error"] for one in report["handlers"]) == ["nor I", "not I"]


@pytest.mark.parametrize("how", ["exchange", "topic", "expiration"])
def test_a_deadline(bus, how):
    declare(bus, "own", sync="all", sync_timeout=300)
    exchange, topic = ("own" if how == "exchange" else "amq.events"), ("short.1" if how == "topic" else "t.1")
    handler = bus.handler(exchange=exchange, wire="amqp")
    publisher = bus.publisher("amqp-reply", exchange=exchange)
    number = publisher.ask(topic, "1", **({"timeout_ms": 300} if how == "expiration" else {}))
    event = handler.next_event()
    report = told(publisher, number, "timeout", ok=0, pending=1)
    assert 300 <= report["ms"] < 3000
    handler.done(event)


# ---- in which order ----


def test_lockstep(bus):
    """No handler starts n+1 before all have finished n."""
    handlers = [bus.handler("lock.") for _ in range(4)]
    publishers = [bus.publisher("zmtp-dealer"), bus.publisher("amqp-reply"), bus.publisher("amqp-confirm")]
    asked = [(publisher, publisher.ask("lock.1", str(number))) for number in range(5) for publisher in publishers]
    last = 0
    for turn in range(len(asked)):
        events = [handler.next_event() for handler in handlers]
        assert len({(event.seq, event.body) for event in events}) == 1 and events[0].seq > last
        last = events[0].seq
        order = list(zip(handlers, events))[:: 1 if turn % 2 else -1]
        for handler, event in order:
            assert all(other.poll() is None for other in handlers)
            handler.done(event)
    for publisher, number in asked:
        told(publisher, number, "ok", ok=4)


def test_everybody_sees_one_order(bus):
    """Handlers, a SUB, a consumer without acks and a binding that only observes; whoever publishes, and however."""
    handlers = [bus.handler("t.", "named"), bus.handler("t."), bus.handler("t."), bus.handler("t.")]
    channel = bus.channel()
    inbox = client.Inbox(channel)
    for arguments, no_ack in (({}, True), ({"x-sync": "never"}, False)):
        queue = channel.queue_declare("", exclusive=True).method.queue
        channel.queue_bind(queue, "amq.events", "t.#", arguments)
        inbox.consume(queue, auto_ack=no_ack)
    sub = zmq_socket(zmq.SUB, bus.broker)
    sub.subscribe("t.")
    first = bus.publisher("zmtp-req")
    while not sub.poll(0):  # until it is subscribed
        number = first.ask("t.first", "")
        for handler in handlers:
            handler.done(handler.next_event())
        told(first, number, "ok", need=4)
    publishers = bus.publishers(lambda kind: kind.pipelines)
    push, pub = zmq_socket(zmq.PUSH, bus.broker), zmq_socket(zmq.XPUB, bus.broker)
    assert pub.recv() == b"\1"  # what it says before is lost, as its peer has not asked for anything
    total = 10 * (len(publishers) + 3)
    asked = []
    for number in range(10):
        for index, publisher in enumerate(publishers):
            asked.append((publisher, publisher.ask("t.1", f"{index}.{number}")))
        push.send_multipart([b"t.1", f"push.{number}".encode()])
        pub.send_multipart([b"t.1", f"pub.{number}".encode()])
        channel.basic_publish("amq.events", "t.1", f"plain.{number}")
    seen = []
    for handler in handlers:
        events = [handler.next_event() for _ in range(total)]
        assert [event.seq for event in events] == sorted(event.seq for event in events)
        seen.append([event.body for event in events])
        for event in events:
            handler.done(event)
    for publisher, number in asked:
        told(publisher, number, "ok", need=4, ok=4)
    inbox.wait_for(lambda: sum(body != b"" for _, _, body in inbox.items) >= 2 * total, "both consumers got all")
    for tag in {method.consumer_tag for method, _, _ in inbox.items}:
        seen.append([body for method, _, body in inbox.items if method.consumer_tag == tag and body])
    from_sub = []
    while len(from_sub) < total:
        assert sub.poll(10000)
        from_sub += [frames[1] for frames in [sub.recv_multipart()] if frames[1]]
    seen.append(from_sub)
    assert all(bodies == seen[0] for bodies in seen)
    for name in [str(index) for index in range(len(publishers))] + ["push", "pub", "plain"]:
        own = [int(body.split(b".")[1]) for body in seen[0] if body.startswith(name.encode() + b".")]
        assert own == list(range(10))
    for one in (sub, push, pub):
        one.close(0)


def test_every_join_and_leave_is_a_new_view(bus):
    publisher, views = bus.publisher("zmtp-req"), []

    def view(*handlers):
        number = publisher.ask("t.1", "")
        for handler in handlers:
            handler.done(handler.next_event())
        views.append(told(publisher, number, "ok" if handlers else "none", need=len(handlers))["view"])

    view()
    first, second = bus.handler("t."), bus.handler("t.")
    view(first, second)
    third = bus.handler("t.")
    view(first, second, third)
    third.leave()
    view(first, second)
    second.leave()
    view(first)
    view(first)
    assert views[:5] == sorted(set(views[:5])) and views[5] == views[4]


# ---- groups ----


def test_members_of_a_group_share_its_events(bus):
    members = [bus.handler("t.", "group") for _ in range(4)]
    asked = [(publisher, publisher.ask("t.1", str(n))) for publisher in bus.publishers(lambda kind: kind.pipelines)
             for n in range(3)]
    seqs = []
    while len(seqs) < len(asked):
        for member in members:
            if event := member.poll(0.01):
                seqs.append(event.seq)
                member.done(event, "done")
    assert len(set(seqs)) == len(asked) and all(member.poll() is None for member in members)
    for publisher, number in asked:
        told(publisher, number, "ok", need=1, ok=1, handlers={"group": {"attempts": 1, "result": "done"}})


def test_a_handler_of_several_prefixes_gets_an_event_once(bus):
    for wire in ("amqp", "zmtp"):
        handler = bus.handler(f"{wire}.a.", f"group of {wire}", wire=wire)
        handler.join(f"{wire}.", f"group of {wire}")
        publisher = bus.publisher("zmtp-dealer")
        numbers = [publisher.ask(f"{wire}.{topic}", "1") for topic in ("a.1", "b", "a.2")]
        for number in numbers:
            handler.done(handler.next_event())
            told(publisher, number, "ok", need=1, ok=1)
        assert handler.poll() is None


def test_a_rep_on_the_port_of_a_bound_queue_is_a_handler(start_broker):
    """It needs no word, and its answer is the result."""
    broker = start_broker({"bus.listen.work": "tcp://127.0.0.1:0 queue=work bind=t."})
    bus = Bus(broker)
    channel = bus.channel()
    rep = zmq_socket(zmq.REP, bus_port(broker, "work"))
    wait_until(lambda: client.counts(channel, "work")[1] == 1, "it is there")
    for publisher in bus.publishers():
        number = publisher.ask("t.1", "the body")
        assert rep.poll(10000) and rep.recv_multipart() == [b"t.1", b"the body"]
        rep.send(b"42")
        told(publisher, number, "ok", need=1, ok=1, handlers={"work": {"result": "42"}})
        number = publisher.ask("t.1", "the body")
        assert rep.poll(10000) and rep.recv_multipart() == [b"t.1", b"the body"]
        rep.send_multipart([b"", b"a reason"])
        told(publisher, number, "failed", need=1, failed=1, handlers={"work": {"error": "a reason"}})
    rep.close(0)
    bus.close()


# ---- what handlers say ----

BINARY = b"\xff\0binary"


@pytest.mark.parametrize("said, shown", [
    ("42", {"result": "42"}), ('a "text" \\ of\nlines \u00e9', {"result": 'a "text" \\ of\nlines \u00e9'}),
    (BINARY, {"result64": base64.b64encode(BINARY).decode()}), (None, {"result": None, "result64": None}),
    (b"x" * (1 << 20), {"truncated": True, "result": None})], ids=["text", "quoted", "binary", "nothing", "too-long"])
def test_a_result(bus, said, shown):
    groups = [bus.handler("t.", "amqp"), bus.handler("t.", "zmtp")]
    publisher = bus.publisher("zmtp-req")
    number = publisher.ask("t.1", "1")
    for handler in groups:
        handler.done(handler.next_event(), said)
    told(publisher, number, "ok", handlers={"amqp": shown, "zmtp": shown})
    if said is None:
        return
    number = publisher.ask("t.1", "1")
    for handler in groups:
        handler.fail(handler.next_event(), said)
    shown = {key.replace("result", "error"): value for key, value in shown.items()}
    told(publisher, number, "failed", handlers={"amqp": shown, "zmtp": shown})


def test_a_result_of_several_frames(bus):
    amqp, zmtp = bus.handler("t.", "amqp"), bus.handler("t.", "zmtp")
    publisher = bus.publisher("amqp-reply")
    number = publisher.ask("t.1", "1")
    event = amqp.next_event()
    amqp.say(event, "onetwo", headers={"frames": [3, 3]})
    amqp.done(event)
    zmtp.done(zmtp.next_event(), "one", "", "two")
    told(publisher, number, "ok", handlers={"amqp": {"result": ["one", "two"]}, "zmtp": {"result": ["one", "", "two"]}})


def test_many_results_that_are_too_long_together(bus):
    """The report stays within its bound, and says where something is missing."""
    handlers = [bus.handler("t.") for _ in range(4)]
    publisher = bus.publisher("zmtp-req")
    number = publisher.ask("t.1", "1")
    for handler in handlers:
        handler.done(handler.next_event(), b"x" * 400000)
    report = told(publisher, number, "ok", ok=4)
    assert sorted("result" in one for one in report["handlers"]) == [False, False, True, True]
    assert all(one.get("truncated", False) != ("result" in one) for one in report["handlers"])


# ---- what publishers are told ----


def test_a_dealer_asks_many_at_once(bus):
    """They are answered as each is over, and each under its own frame."""
    handler, publisher = bus.handler("t.", wire="zmtp"), bus.publisher("zmtp-dealer")
    numbers = [publisher.ask("t.1", str(n)) for n in range(100)]
    events = [handler.next_event() for _ in numbers]
    for event in reversed(events):
        handler.done(event, event.body)
    for number in numbers:
        assert told(publisher, number, "ok")["handlers"][0]["result"] == str(number - 1)
    assert list(publisher.outcomes) == numbers[::-1]


def test_confirms_are_held_and_nacked_while_others_go_on(bus):
    handler, publisher = bus.handler("t."), bus.publisher("amqp-confirm")
    outside = [publisher.ask("nobody", "")]
    held = publisher.ask("t.1", "1")
    publisher.channel.basic_publish("amq.topic", "elsewhere", b"")
    publisher.asked += 1
    failed = publisher.ask("t.2", "2")
    outside += [held + 1, publisher.ask("nobody", "")]
    first, second = handler.next_event(), handler.next_event()
    handler.fail(second)
    assert publisher.outcome(failed) == "nack" and publisher.knows_nothing_of(held)
    assert publisher.outcome(outside[0]) == "ack"
    handler.done(first)
    assert [publisher.outcome(number) for number in (held, *outside)] == ["ack"] * 4


def test_what_is_kept_can_be_looked_at(bus):
    declare(bus, "kept", sync="all", keep_results=3)
    handler = bus.handler("t.", exchange="kept", wire="amqp")
    publisher = bus.publisher("amqp-reply", exchange="kept")
    for number in range(5):
        n = publisher.ask("t.1", "1")
        handler.done(handler.next_event(), str(number))
        told(publisher, n, "ok")
    kept = http.api(bus.broker, "/events/%2F/kept")
    assert [one["handlers"][0]["result"] for one in kept] == ["4", "3", "2"]
    assert http.api(bus.broker, "/events/%2F/amq.events") == []


def test_at_its_deadline_an_event_that_expires_leaves_all_queues(bus):
    channel = bus.channel()
    channel.queue_declare("away", durable=True)
    channel.queue_bind("away", "amq.events", "t.#")
    handler, publisher = bus.handler("t."), bus.publisher("amqp-reply")
    number = publisher.ask("t.1", "1", timeout_ms=300)
    event = handler.next_event()
    assert client.counts(channel, "away")[0] == 1
    told(publisher, number, "timeout", pending=1)
    wait_until(lambda: client.counts(channel, "away")[0] == 0, "it has left")
    handler.done(event)


def test_who_is_not_asked_is_not_told_where_to_answer(bus):
    """What it says would come to the publisher in the place of the report."""
    bus.handler("t.", "group").die()
    wait_until(lambda: client.counts(bus.channel(), "group")[1] == 0, "the member is gone")
    publisher = bus.publisher("amqp-reply")
    told(publisher, publisher.ask("t.1", "1"), "none")
    later = bus.handler("t.", "group", wire="amqp")
    _, properties = later.next_event().token
    assert properties.reply_to is None and properties.correlation_id == "1"


# ---- ids and numbers ----


def test_an_id_is_its_publishers_own(bus):
    """The same one of another DEALER, or of another user's, is another; without an Identity a frame is no id."""
    handler = bus.handler("t.", wire="zmtp")
    named = [bus.publisher("zmtp-named", identity=name) for name in ("one", "two")]
    for publisher in [*named, bus.publisher("amqp-reply"), *[bus.publisher("zmtp-dealer")] * 2]:
        number = publisher.ask("t.1", "1", id="id")
        handler.done(handler.next_event())
        told(publisher, number, "ok", ok=1)
    seqs = [told(publisher, publisher.ask("t.1", "1", id="id"), "ok")["seq"] for publisher in named]
    assert len(set(seqs)) == 2 and handler.poll() is None


def test_a_seq_is_never_used_twice(start):
    """A clean stop skips none, a kill skips some."""
    last, seqs = 0, []
    for life in range(5):
        broker = start()
        bus = Bus(broker)
        handler = bus.handler("t.", wire="zmtp" if life % 2 else "amqp")
        for publisher in bus.publishers():
            number = publisher.ask("t.1", "1")
            event = handler.next_event()
            handler.done(event)
            told(publisher, number, "ok")
            seqs.append(event.seq)
        assert seqs[-5] == last + 1 if life in (0, 1, 3) else seqs[-5] > last + 1000
        last = seqs[-1]
        bus.close()
        if life % 2:
            broker.kill()
        else:
            broker.stop()
    assert seqs == sorted(set(seqs))


def test_what_has_an_id_is_told_again_after_a_stop(start):
    told_first = {}
    for life in ("first", "second", "third"):
        broker = start()
        bus = Bus(broker)
        handler = bus.handler("t.", "group")
        for publisher in bus.publishers(lambda kind: kind.takes_id):
            number = publisher.ask("t.1", "1", id=type(publisher).__name__)
            if life == "first":
                handler.done(handler.next_event(), BINARY)
            outcome = publisher.outcome(number)
            assert outcome == told_first.setdefault(type(publisher), outcome)
        assert handler.poll() is None
        stored.sync(broker)
        bus.close()
        if life == "first":
            broker.kill()
        else:
            broker.stop()
