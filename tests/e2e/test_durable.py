# SPDX-License-Identifier: Apache-2.0
"""What was promised is there after the broker was killed, and after it was stopped: definitions, messages, and that what
was done with does not come back."""
import random
import signal
import threading

import peers
import pytest
import wire
from lib import http
from pika import spec
from stored import *

pytestmark = pytest.mark.chaski_only
ENDS = ["kill", "stop"]


def end_with(w):
    """Answers connection.close of a broker that stops, whatever comes before it."""
    while True:
        frame = w.read_frame()
        if frame.channel == 0 and frame.type == wire.METHOD and isinstance(frame.method(), spec.Connection.Close):
            w.send_method(0, spec.Connection.CloseOk())
            w.expect_eof()
            w.abort()
            return


def end(broker, how, *clients):
    """Kills or stops it, while these clients are connected."""
    if how == "kill":
        broker.kill()
        return
    broker.signal(signal.SIGTERM)
    for w in clients:
        end_with(w)
    assert broker.wait_for_exit() == 0


@pytest.fixture(params=ENDS)
def again(request, start):
    """again(broker, client, …): it is killed (or stopped), and the next one stands on its folder."""
    def follow(broker, *clients):
        end(broker, request.param, *clients)
        return start()

    follow.how = request.param
    return follow


def exists(broker, method, answer):
    """Whether a passive declare is answered."""
    with peers.opened(broker) as w:
        w.send_method(1, method)
        _, got = w.read_method()
        assert isinstance(got, (answer, spec.Channel.Close)), got
        return isinstance(got, answer)


def queue_is_there(broker, name):
    return exists(broker, spec.Queue.Declare(queue=name, passive=True), spec.Queue.DeclareOk)


def exchange_is_there(broker, name):
    return exists(broker, spec.Exchange.Declare(exchange=name, type="", passive=True), spec.Exchange.DeclareOk)


def bodies(contents):
    return [one.body for one in contents]


def count(w, queue):
    return peers.ready_count(w, 1, queue)


# ---- definitions ----

EXCHANGES = [("x.direct", "direct", {}), ("x.fanout", "fanout", {"auto_delete": True}), ("x.topic", "topic", {}),
             ("x.headers", "headers", {"arguments": {"note": "kept"}}), ("x.inner", "fanout", {"internal": True})]
# source, queue (or exchange, with a *), key, arguments, then what is routed there: key, headers.
BINDINGS = [("x.direct", "q.direct", "k", {}, "k", {}), ("x.fanout", "q.fanout", "", {}, "any", {}),
            ("x.topic", "q.topic", "a.*.#", {}, "a.b.c.d", {}),
            ("x.headers", "q.headers", "", {"x-match": "all", "h": 7, "s": "text"}, "", {"h": 7, "s": "text", "o": True}),
            ("x.topic", "*x.inner", "to.inner", {}, "to.inner", {}), ("x.inner", "q.inner", "", {}, None, {}),
            ("amq.topic", "q.amq", "#.end", {}, "the.end", {})]


def bind_method(source, target, key, arguments, undo=False):
    if target[0] == "*":
        kind = spec.Exchange.Unbind if undo else spec.Exchange.Bind
        return kind(destination=target[1:], source=source, routing_key=key, arguments=arguments)
    kind = spec.Queue.Unbind if undo else spec.Queue.Bind
    return kind(queue=target, exchange=source, routing_key=key, arguments=arguments)


def bind_ok(target, undo=False):
    if target[0] == "*":
        return spec.Exchange.UnbindOk if undo else spec.Exchange.BindOk
    return spec.Queue.UnbindOk if undo else spec.Queue.BindOk


def properties_with(headers):
    return b"".join(spec.BasicProperties(headers=headers, delivery_mode=2).encode())


@pytest.mark.threads
def test_definitions_of_every_kind_are_there_again(start, again):
    broker = start()
    with peers.opened(broker) as w:
        for name, kind, how in EXCHANGES:
            w.request(1, spec.Exchange.Declare(exchange=name, type=kind, durable=True, **how), spec.Exchange.DeclareOk)
        for _, target, _, _, _, _ in BINDINGS:
            if target[0] != "*":
                declare(w, target)
        for source, target, key, arguments, _, _ in BINDINGS:
            w.request(1, bind_method(source, target, key, arguments), bind_ok(target))
    broker = again(broker)
    with peers.opened(broker) as w:
        for name, kind, how in EXCHANGES:
            w.request(1, spec.Exchange.Declare(exchange=name, type=kind, durable=True, **how), spec.Exchange.DeclareOk)
        for source, target, _, _, key, headers in BINDINGS:
            if key is None:
                continue
            publish(w, key, target.encode(), properties=properties_with(headers), exchange=source)
            reached = get(w, "q.inner" if target[0] == "*" else target, no_ack=True)
            assert reached and reached.body == target.encode(), target
        for source, target, key, arguments, _, _ in reversed(BINDINGS):
            w.request(1, bind_method(source, target, key, arguments, undo=True), bind_ok(target, undo=True))
    broker = again(broker)
    with peers.opened(broker) as w:
        for source, target, _, _, key, headers in BINDINGS:
            if key is not None and source != "x.fanout":
                publish(w, key, b"to nobody", properties=properties_with(headers), exchange=source)
        assert all(count(w, target) == 0 for _, target, *_ in BINDINGS if target[0] != "*")
    assert not exchange_is_there(broker, "x.fanout")  # auto-delete: it went with its last binding


def test_queues_keep_their_arguments_and_flags(start, again):
    arguments = {"x-queue-type": "classic", "x-expires": 3600000, "n": -5, "t": {"in": [1, "two", True]}}
    broker = start()
    with peers.opened(broker) as w:
        declare(w, "q", arguments=arguments)
        declare(w, "auto", auto_delete=True)
    before = http.api(broker, "/queues/%2F/q")
    broker = again(broker)
    after = http.api(broker, "/queues/%2F/q")
    for field in ("arguments", "durable", "auto_delete", "exclusive"):
        assert after[field] == before[field], field
    with peers.opened(broker) as w:
        declare(w, "q", arguments=arguments)
        declare(w, "auto", auto_delete=True)
        tag = w.request(1, spec.Basic.Consume(queue="auto"), spec.Basic.ConsumeOk).consumer_tag
        w.request(1, spec.Basic.Cancel(tag), spec.Basic.CancelOk)
    assert not queue_is_there(broker, "auto")
    sync(broker)
    assert not queue_is_there(again(broker), "auto")


def test_what_is_transient_or_exclusive_is_gone(start, again):
    broker = start()
    with peers.opened(broker) as w:
        declare(w, "transient", durable=False)
        declare(w, "exclusive", exclusive=True)
        declare(w, "kept")
        w.request(1, spec.Exchange.Declare(exchange="x.transient", type="fanout"), spec.Exchange.DeclareOk)
        w.request(1, spec.Queue.Bind(queue="kept", exchange="x.transient"), spec.Queue.BindOk)
        put(broker, "kept", b"goes", properties=TRANSIENT)
        put(broker, "kept", b"stays")
        put(broker, "kept", b"goes too", properties=b"\0\0")
        put(broker, "transient", b"lost", b"lost")
        broker = again(broker, w)
    assert not queue_is_there(broker, "transient") and not queue_is_there(broker, "exclusive")
    assert not exchange_is_there(broker, "x.transient")
    with peers.opened(broker) as w:
        assert bodies(take_all(w, "kept")) == [b"stays"]


# ---- messages ----


def all_properties(number):
    """Properties of every kind but expiration, and headers with a value of every type, in octets."""
    headers = (b"\x05aboolt\x01" b"\x02s8b\xfb" b"\x02u8B\xfb" b"\x03s16s\xff\xfe" b"\x03u16u\xff\xfe" b"\x03s32I\xff\xff\xff\xfd"
               b"\x03u32i\xff\xff\xff\xfd" b"\x03s64l\xff\xff\xff\xff\xff\xff\xff\xfc" b"\x01ff\x3f\x80\0\0"
               b"\x01dd\x3f\xf0\0\0\0\0\0\0" b"\x03decD\x02\0\0\x01\x00" b"\x03strS\0\0\0\x02ab" b"\x04timeT\0\0\0\0\x65\0\0\0"
               b"\x05tableF\0\0\0\x04\x01kt\0" b"\x05arrayA\0\0\0\x03Vt\x01" b"\x04voidV" b"\x05bytesx\0\0\0\x03\0\xff\x01")
    pieces = [wire.short_string("text/plain"), wire.short_string("utf-8"), wire.long_string(headers), b"\x02", b"\x09",
              wire.short_string("correlation"), wire.short_string("reply"),
              wire.short_string(f"id-{number}"), b"\0\0\0\0\x65\0\0\x01", wire.short_string("type"),
              wire.short_string("guest"), wire.short_string("app"), wire.short_string("")]
    return b"\xfe\xfc" + b"".join(pieces)


SIZES = [0, 1, 511, 512, 513, 1023, 1024, 1025, 5000, 70000, 256 * 1024 + 1, 700000]


@pytest.mark.threads
def test_messages_come_back_octet_for_octet_and_in_order(start, again):
    sent = [(all_properties(i), random.Random(i).randbytes(size)) for i, size in enumerate(SIZES)]
    broker = start()
    with peers.opened(broker) as w:
        declare(w, "q")
        confirm_select(w)
        for properties, body in sent:
            publish(w, "q", body, properties=properties)
        wait_confirmed(w, len(sent))
    broker = again(again(broker))
    with peers.opened(broker) as w:
        got = take_all(w, "q")
        assert [len(one.body) for one in got] == SIZES
        assert [(one.properties_octets, one.body) for one in got] == sent
        assert all((one.method.exchange, one.method.routing_key) == ("", "q") for one in got)


def test_one_message_is_in_all_its_queues_and_leaves_each_alone(start, again):
    broker = start()
    names = [f"q{i}" for i in range(20)]
    with peers.opened(broker) as w:
        for name in names:
            declare(w, name)
            w.request(1, spec.Queue.Bind(queue=name, exchange="amq.fanout"), spec.Queue.BindOk)
        put(broker, "", b"first", b"second", exchange="amq.fanout")
        for name in names[:7]:
            ack(w, get(w, name))
        confirm_select(w)
        publish(w, "q0", b"third")
        wait_confirmed(w, 1)  # and so the acks before are in the log
    broker = again(broker)
    with peers.opened(broker) as w:
        for i, name in enumerate(names):
            wanted = ([] if i < 7 else [b"first"]) + [b"second"] + ([b"third"] if i == 0 else [])
            assert bodies(take_all(w, name)) == wanted, name


# ---- at any moment ----


class Killer:
    """Kills the broker after a while, from a thread of its own."""

    def __init__(self, broker, after_s):
        self.broker = broker
        self.timer = threading.Timer(after_s, lambda: broker.signal(9))
        self.timer.start()

    def wait(self):
        self.timer.join()
        self.broker.wait_for_exit()


def publish_until_the_end(broker, rng, next_number):
    """Publishes numbers from `next_number` on; gives how many were sent, and how many confirmed."""
    sent, confirmed = next_number, next_number
    try:
        with peers.opened(broker) as w:
            confirm_select(w)
            while True:
                for _ in range(rng.randint(1, 30)):
                    publish(w, "q", b"%d:" % sent + rng.randbytes(rng.choice((0, 10, 600, 3000))))
                    sent += 1
                while confirmed < sent - 40 or (confirmed < sent and wire.readable(w.sock, 0)):
                    got = w.expect(spec.Basic.Ack)
                    assert got.multiple or next_number + got.delivery_tag == confirmed + 1
                    confirmed = next_number + got.delivery_tag
    except (AssertionError, OSError):
        return sent, confirmed


@pytest.mark.threads
def test_what_was_confirmed_is_there_whenever_the_kill_comes(start):
    rng = random.Random(5)
    many = {"limits.unacked_per_channel": None}  # all are looked at before one is acked
    broker = start(many)
    with peers.opened(broker) as w:
        declare(w, "q")
    sent = acked = 0
    for _ in range(4 if peers.is_tiny() else 12):
        killer = Killer(broker, rng.uniform(0.02, 0.15 if not peers.is_tiny() else 0.4))
        sent, confirmed = publish_until_the_end(broker, rng, sent)
        killer.wait()
        broker = start(many)
        with peers.opened(broker) as w:
            got = [int(one.body.partition(b":")[0]) for one in take_all(w, "q", no_ack=False)]
            assert got == list(range(acked, acked + len(got))), "a gap, or another order"
            assert confirmed <= acked + len(got) <= sent
            sent = acked + len(got)  # what was not confirmed may be lost: those numbers are given again
            if got:
                w.send_method(1, spec.Basic.Ack(len(got), True))
            acked = sent
            declare(w, "q")  # a round trip: the ack was heard
        sync(broker)


def change_at_random(w, rng, state):
    """One change of `state` ({queue: bindings, messages}), answered."""
    name = rng.choice("abcdef")
    keys, filled = state.get(name, (None, None))
    choice = rng.choice(("declare", "bind", "unbind", "fill", "purge", "delete") if keys is not None else ("declare",))
    key = rng.choice("xyz")
    if choice == "declare":
        declare(w, name)
        state.setdefault(name, (set(), [0]))
    elif choice == "bind":
        w.request(1, spec.Queue.Bind(queue=name, exchange="amq.direct", routing_key=name + key), spec.Queue.BindOk)
        keys.add(key)
    elif choice == "unbind":
        w.request(1, spec.Queue.Unbind(queue=name, exchange="amq.direct", routing_key=name + key), spec.Queue.UnbindOk)
        keys.discard(key)
    elif choice == "fill":
        publish(w, name, b"content")
        filled[0] += 1
    elif choice == "purge":
        assert w.request(1, spec.Queue.Purge(queue=name), spec.Queue.PurgeOk).message_count == filled[0]
        filled[0] = 0
    else:
        w.request(1, spec.Queue.Delete(queue=name), spec.Queue.DeleteOk)
        del state[name]
    return choice


@pytest.mark.threads
def test_every_ok_counts_when_the_kill_comes_right_behind_it(start):
    rng = random.Random(6)
    broker, state = start(), {}
    for _ in range(4 if peers.is_tiny() else 10):
        with peers.opened(broker) as w:
            for _ in range(rng.randint(3, 25)):
                change_at_random(w, rng, state)
            while change_at_random(w, rng, state) == "fill":
                pass  # an answered one comes last, and behind it nothing is undecided
            broker.kill()
        broker = start()
        for name in "abcdef":
            assert queue_is_there(broker, name) == (name in state), name
        with peers.opened(broker) as w:
            for name, (keys, filled) in state.items():
                assert count(w, name) == filled[0], name
                for key in "xyz":
                    w.publish(1, b"content", "amq.direct", name + key, PERSISTENT)
                filled[0] += len(keys)
                assert count(w, name) == filled[0], (name, keys)


def test_a_redeclare_is_answered_only_when_the_first_declare_is_durable(start):
    broker = start()
    with peers.opened(broker) as first, peers.opened(broker) as second:
        for number in range(20):
            first.send_method(1, spec.Queue.Declare(queue=f"q{number}", durable=True))
            declare(second, f"q{number}")
        broker.kill()
    broker = start()
    assert all(queue_is_there(broker, f"q{number}") for number in range(20))


# ---- redelivered ----


def flags(contents):
    return [one.method.redelivered for one in contents]


def test_what_was_delivered_comes_back_redelivered_and_what_was_not_does_not(start, again):
    """To the message after a stop; after a kill only a queue that nobody took from is sure to be unmarked."""
    broker = start()
    with peers.opened(broker) as w:
        for name in ("taken", "requeued", "untouched"):
            declare(w, name)
            put(broker, name, *(b"%d" % number for number in range(6)))
        for _ in range(3):
            assert get(w, "taken").method.redelivered is False
        last = [get(w, "requeued") for _ in range(2)][-1]
        w.send_method(1, spec.Basic.Nack(last.method.delivery_tag, multiple=True, requeue=True))
        assert count(w, "requeued") in (5, 6)
        broker = again(broker, w)
    with peers.opened(broker) as w:
        taken, requeued, untouched = (take_all(w, name) for name in ("taken", "requeued", "untouched"))
        assert [len(taken), len(requeued), len(untouched)] == [6, 6, 6]
        assert flags(taken)[:3] == [True] * 3 and flags(requeued)[:2] == [True] * 2
        assert flags(untouched) == [False] * 6
        if again.how == "stop":
            assert flags(taken)[3:] == [False] * 3 and flags(requeued)[2:] == [False] * 4


def test_a_consumer_gets_what_it_had_marked(start, again):
    broker = start()
    with peers.opened(broker) as w:
        declare(w, "q")
        w.request(1, spec.Basic.Qos(prefetch_count=4), spec.Basic.QosOk)
        w.request(1, spec.Basic.Consume(queue="q"), spec.Basic.ConsumeOk)
        put(broker, "q", *(b"%d" % number for number in range(10)))
        had = [w.expect_content(spec.Basic.Deliver).body for _ in range(4)]
        broker = again(broker, w)
    put(broker, "q", b"later")
    with peers.opened(broker) as w:
        got = take_all(w, "q")
        assert bodies(got)[:4] == had and len(got) == 11
        assert flags(got)[:4] == [True] * 4 and flags(got)[-1] is False
        if again.how == "stop":
            assert flags(got)[4:] == [False] * 7


# ---- done with ----


@pytest.mark.threads
def test_what_was_acked_before_something_confirmed_never_comes_back(start, again):
    broker = start()
    with peers.opened(broker) as w:
        declare(w, "q")
        put(broker, "q", *(b"%d" % number for number in range(30)))
        confirm_select(w)
        got = [get(w, "q") for _ in range(30)]
        for one in got[::2]:
            ack(w, one)
        w.send_method(1, spec.Basic.Reject(got[1].method.delivery_tag, requeue=False))
        publish(w, "q", b"end")
        wait_confirmed(w, 1)
        broker = again(broker, w)
    with peers.opened(broker) as w:
        left = bodies(take_all(w, "q"))
        assert left == [b"%d" % number for number in range(3, 30, 2)] + [b"end"]


def test_a_stop_writes_all_acks(start):
    broker = start()
    with peers.opened(broker) as w:
        declare(w, "q")
        put(broker, "q", *(b"%d" % number for number in range(20)))
        for _ in range(20):
            ack(w, get(w, "q"))
        declare(w, "q")
    broker.stop()
    broker = start()
    with peers.opened(broker) as w:
        assert count(w, "q") == 0


def test_positions_are_not_given_twice(start, again):
    """Messages that were acked must not take new ones with them when the log is read again and again."""
    broker = start()
    with peers.opened(broker) as w:
        declare(w, "q")
    for number in range(5):
        put(broker, "q", b"%d" % number, b"-")
        with peers.opened(broker) as w:
            if number:
                assert get(w, "q").body == b"-"  # of the round before
            one = get(w, "q")
            assert one.body == b"%d" % number
            ack(w, one, multiple=True)
            declare(w, "q")
            sync(broker)
        broker = again(broker)
    with peers.opened(broker) as w:
        assert bodies(take_all(w, "q")) == [b"-"]
