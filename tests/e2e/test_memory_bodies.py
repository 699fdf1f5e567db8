# SPDX-License-Identifier: Apache-2.0
"""Queues whose messages are in the log and not in memory: nobody can tell but by the memory."""
import random

import peers
import pytest
import wire
from lib import http
from pika import spec
from stored import *

pytestmark = pytest.mark.chaski_only
MIB = 1024 * 1024
NONE = {"memory.bodies": 0}


def body(number, size=1024):
    return b"%09d" % number + bytes([number % 251]) * (size - 9)


def fill(broker, queue, first, count, size=1024):
    """Publishes numbered messages; at most 1000 wait for their confirm."""
    with peers.opened(broker) as w:
        confirm_select(w)
        confirmed = 0
        for number in range(count):
            publish(w, queue, body(first + number, size))
            while number + 1 - confirmed > 1000:
                confirmed = w.expect(spec.Basic.Ack).delivery_tag
        while confirmed < count:
            confirmed = w.expect(spec.Basic.Ack).delivery_tag


def consume(w, queue, prefetch=200):
    w.request(1, spec.Basic.Qos(prefetch_count=prefetch), spec.Basic.QosOk)
    w.request(1, spec.Basic.Consume(queue=queue), spec.Basic.ConsumeOk)


def drain(w, first, count, size=1024):
    """`count` deliveries in order, acked 20 at a time."""
    for number in range(count):
        got = w.expect_content(spec.Basic.Deliver)
        assert got.body == body(first + number, size), number
        if number % 20 == 19 or number == count - 1:
            ack(w, got, multiple=True)


@pytest.mark.release_only
@pytest.mark.timeout(120)
def test_200000_messages_take_little_memory_and_come_back_in_order(start_broker, data_dir):
    broker = start_broker({"data_dir": str(data_dir)})
    count = 200000
    with peers.opened(broker) as w:
        declare(w, "q")
        fill(broker, "q", 0, count)
        assert broker.rss_bytes() < (64 + 40) * MIB, f"{broker.rss_bytes() / MIB:.0f} MiB"
        assert peers.ready_count(w, 1, "q") == count
        consume(w, "q")
        drain(w, 0, count)
        declare(w, "q")
        assert peers.ready_count(w, 1, "q") == 0
    assert broker.peak_rss_bytes() < (64 + 50) * MIB, f"{broker.peak_rss_bytes() / MIB:.0f} MiB"


@pytest.mark.threads
def test_with_no_memory_for_bodies_all_of_it_works(start):
    broker = start(NONE)
    count = 300
    with peers.opened(broker) as w:
        declare(w, "q")
        fill(broker, "q", 0, count)
        first = get(w, "q")
        assert first.body == body(0) and not first.method.redelivered
        w.send_method(1, spec.Basic.Nack(first.method.delivery_tag, requeue=True))
        again = get(w, "q")
        assert again.body == body(0) and again.method.redelivered
        others = [get(w, "q") for _ in range(99)]
        assert [one.body for one in others] == [body(n) for n in range(1, 100)]
        w.send_method(1, spec.Basic.Nack(0, multiple=True, requeue=True))
        declare(w, "q")
        assert peers.ready_count(w, 1, "q") == count
        got = take_all(w, "q", no_ack=False)
        assert [one.body for one in got] == [body(n) for n in range(count)]
        assert [one.method.redelivered for one in got] == [True] * 100 + [False] * (count - 100)
        for one in got[::2]:
            ack(w, one)
        w.send_method(1, spec.Basic.Recover(requeue=True))
        w.expect(spec.Basic.RecoverOk)
        assert [one.body for one in take_all(w, "q")] == [body(n) for n in range(1, count, 2)]


@pytest.mark.threads
def test_several_consumers_share_a_queue_that_is_not_in_memory(start):
    broker = start(NONE)
    count = 600
    with peers.opened(broker) as a, peers.opened(broker) as b, peers.opened(broker) as c:
        declare(a, "q")
        fill(broker, "q", 0, count)
        got = {w: [] for w in (a, b, c)}
        for w in got:
            consume(w, "q", prefetch=10)
        while sum(map(len, got.values())) < count:
            w = next((one for one in got if not one.is_silent(0.01)), None)
            if w:
                one = w.expect_content(spec.Basic.Deliver)
                got[w].append(one.body)
                ack(w, one)
        assert sorted(got[a] + got[b] + got[c]) == [body(n) for n in range(count)]
        assert all(taken and taken == sorted(taken) for taken in got.values())


@pytest.mark.threads
def test_one_message_in_many_queues_is_read_for_each(start):
    broker = start(NONE)
    names = [f"q{n}" for n in range(12)]
    with peers.opened(broker) as w:
        for name in names:
            declare(w, name)
            w.request(1, spec.Queue.Bind(queue=name, exchange="amq.fanout"), spec.Queue.BindOk)
        put(broker, "", *(body(n) for n in range(20)), exchange="amq.fanout")
        for name in names:
            assert [one.body for one in take_all(w, name)] == [body(n) for n in range(20)]


@pytest.mark.parametrize("bodies", ["0", "20KiB"])
@pytest.mark.threads
def test_a_queue_deeper_than_memory_while_publishing_and_consuming(start, bodies):
    broker = start({"memory.bodies": bodies})
    with peers.opened(broker) as publisher, peers.opened(broker) as w:
        declare(w, "q")
        fill(broker, "q", 0, 300)
        consume(w, "q", prefetch=50)
        confirm_select(publisher)
        for begin in range(300, 900, 100):
            for number in range(begin, begin + 100):
                publish(publisher, "q", body(number))
            drain(w, begin - 300, 100)
        while publisher.expect(spec.Basic.Ack).delivery_tag < 600:
            pass
        drain(w, 600, 300)


@pytest.mark.threads
def test_transient_and_persistent_messages_keep_their_order(start):
    broker = start(NONE)
    with peers.opened(broker) as w:
        declare(w, "q")
        confirm_select(w)
        for number in range(200):
            publish(w, "q", body(number), properties=TRANSIENT if number % 3 else PERSISTENT)
        wait_confirmed(w, 200)
        assert [one.body for one in take_all(w, "q")] == [body(n) for n in range(200)]


def test_sizes_of_every_kind_are_read_back(start):
    broker = start(NONE)
    rng = random.Random(4)
    sent = [rng.randbytes(size) for size in (0, 1, 100, 511, 4096, 50000, 100000, 300000, 12)]
    with peers.opened(broker) as w:
        declare(w, "q")
        put(broker, "q", *sent)
        assert [one.body for one in take_all(w, "q", no_ack=False)] == sent
        w.send_method(1, spec.Basic.Nack(0, multiple=True, requeue=True))
        assert [one.body for one in take_all(w, "q")] == sent


def wait_for_cancel(w):
    """What was delivered before it is passed over."""
    while True:
        frame = w.read_frame()
        if frame.type == wire.METHOD and isinstance(frame.method(), spec.Basic.Cancel):
            return


def test_a_purge_and_a_delete_while_messages_are_read_back(start):
    broker = start(NONE)
    with peers.opened(broker) as w, peers.opened(broker) as other:
        for _ in range(5):
            declare(w, "q")
            fill(broker, "q", 0, 100)
            w.send_method(1, spec.Basic.Get(queue="q", no_ack=True))  # before the purge, behind it, or in its middle
            other.request(1, spec.Queue.Purge(queue="q"), spec.Queue.PurgeOk)
            if isinstance(w.read_frame().method(), spec.Basic.GetOk):
                assert w.read_frame() and w.read_frame().payload == body(0)
            fill(broker, "q", 500, 20)
            assert [one.body for one in take_all(w, "q")] == [body(n) for n in range(500, 520)]
            fill(broker, "q", 0, 100)
            consume(w, "q", prefetch=5)
            other.request(1, spec.Queue.Delete(queue="q"), spec.Queue.DeleteOk)
            wait_for_cancel(w)
        assert http.api(broker, "/overview")["object_totals"]["queues"] == 0


@pytest.mark.release_only
def test_memory_goes_back_to_the_machine_when_messages_are_gone(start):
    """Also what one thread read back and another one let go of."""
    broker = start({"memory.bodies": "32MiB"})
    count, size = 40000, 2000
    with peers.opened(broker) as w:
        declare(w, "q")
        fill(broker, "q", 0, count, size)
        assert broker.rss_bytes() > 32 * MIB
        consume(w, "q")
        drain(w, 0, count, size)
        assert peers.memory_falls_to(broker, 16 * MIB) <= 16 * MIB
