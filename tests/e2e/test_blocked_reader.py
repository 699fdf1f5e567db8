# SPDX-License-Identifier: Apache-2.0
"""Clients that never read: what they are owed stops growing, and nobody else notices."""
import peers
import pytest
import wire
from peers import MIB
from pika import spec

# What one connection may hold that does not read: socket buffers of both ends, the broker's own bounds, and slack.
UNREAD_LIMIT = 24 * MIB


def fill(w, queue, count, body):
    """Queues messages and waits until all are there."""
    octets = wire.frame(wire.METHOD, 1, wire.encode_method(spec.Basic.Publish(exchange="", routing_key=queue)))
    octets += wire.content_frames(1, body)
    for _ in range(count):
        w.send(octets)
    peers.wait_until(lambda: peers.ready_count(w, 1, queue) == count, "all messages are queued")


@pytest.mark.chaski_only
@pytest.mark.threads
@pytest.mark.parametrize("count, size", [(60, MIB), (6000, 10000), (60000, 100)], ids=["1 MiB", "10 KB", "100 B"])
def test_consumer_that_never_reads_is_owed_a_bounded_part_of_a_queue(broker, count, size):
    if peers.is_tiny():
        count //= 4
    with peers.Bystander(broker) as other, peers.opened(broker) as w, peers.opened(broker) as reader:
        queue = w.declare_queue(1, exclusive=False, auto_delete=True)
        fill(w, queue, count, b"b" * size)
        with peers.memory_grows_at_most(broker, UNREAD_LIMIT):
            reader.send_method(1, spec.Basic.Consume(queue=queue, no_ack=True))
            left = peers.settled(lambda: peers.ready_count(w, 1, queue))
            assert (count - left) * size <= UNREAD_LIMIT
            assert other.check() < 2
        # What it did not get is there for others, in order, and complete.
        w.request(1, spec.Basic.Consume(queue=queue, no_ack=True), spec.Basic.ConsumeOk)
        for _ in range(left):
            assert len(w.expect_content(spec.Basic.Deliver).body) == size


@pytest.mark.threads
def test_reader_that_starts_late_gets_everything_in_order(broker):
    with peers.opened(broker) as w, peers.opened(broker) as reader:
        queue = w.declare_queue(1, exclusive=False, auto_delete=True)
        count, padding = 3000, b"p" * 10000
        reader.send_method(1, spec.Basic.Consume(queue=queue, no_ack=True))
        for number in range(count):
            w.publish(1, b"%06d" % number + padding, routing_key=queue)
        w.request(1, spec.Channel.Flow(active=True), spec.Channel.FlowOk)
        reader.expect(spec.Basic.ConsumeOk)
        for number in range(count):
            assert reader.expect_content(spec.Basic.Deliver).body[:6] == b"%06d" % number


def frame_of(method):
    return wire.frame(wire.METHOD, 1, wire.encode_method(method))


REQUESTS = {
    "declares": lambda queue: frame_of(spec.Queue.Declare(queue=queue, passive=True)),
    "flows": lambda queue: frame_of(spec.Channel.Flow(active=True)),
    "gets": lambda queue: frame_of(spec.Basic.Get(queue=queue, no_ack=True)),
    "returned publishes": lambda queue: frame_of(
        spec.Basic.Publish(exchange="", routing_key=queue + "-nobody", mandatory=True))
    + wire.content_frames(1, b"r" * 4000),
}


@pytest.mark.chaski_only
@pytest.mark.threads
@pytest.mark.parametrize("kind", REQUESTS)
def test_requests_of_a_client_that_never_reads_the_answers_are_bounded(broker, kind):
    """Its socket is no longer read once too much waits to be sent to it."""
    with peers.Bystander(broker) as other:
        w = peers.opened(broker)
        octets = REQUESTS[kind](w.declare_queue(1)) * 500
        with peers.memory_grows_at_most(broker, UNREAD_LIMIT):
            limit = 64 * MIB
            sent = peers.send_until_blocked(w, octets, limit, 0.5)
            assert sent < limit, "the broker took everything"
            assert other.check() < 2
        w.abort()
        other.check()


@pytest.mark.threads
def test_gets_of_large_messages_never_read_are_bounded(broker):
    size, count = 256 * 1024, 200
    with peers.Bystander(broker) as other, peers.opened(broker) as w, peers.opened(broker) as reader:
        queue = w.declare_queue(1, exclusive=False)
        fill(w, queue, count, b"g" * size)
        with peers.memory_grows_at_most(broker, UNREAD_LIMIT):
            reader.send(wire.frame(wire.METHOD, 1, wire.encode_method(spec.Basic.Get(queue=queue))) * count)
            peers.settled(lambda: peers.ready_count(w, 1, queue))
            assert other.check() < 2
        reader.abort()
        peers.wait_until(lambda: peers.ready_count(w, 1, queue) == count, "the messages are back")
        w.request(1, spec.Queue.Delete(queue=queue), spec.Queue.DeleteOk)


@pytest.mark.threads
def test_echo_that_publishes_before_it_reads_is_read_all_the_same(broker):
    """Publisher and consumer in one connection and one thread: a broker that stopped reading it because it does not read
    would wait for ever, as would the client."""
    with peers.Bystander(broker) as other:
        w = peers.opened(broker)
        queue = w.declare_queue(1)
        w.request(1, spec.Basic.Consume(queue=queue, no_ack=True), spec.Basic.ConsumeOk)
        count, padding = 400, b"e" * 100000
        with peers.memory_grows_at_most(broker, count * len(padding) + UNREAD_LIMIT):
            for number in range(count):
                w.publish(1, b"%06d" % number + padding, routing_key=queue)
            assert other.check() < 2
        for number in range(count):
            assert w.expect_content(spec.Basic.Deliver).body[:6] == b"%06d" % number
        w.abort()


@pytest.mark.threads
def test_one_of_many_consumers_of_a_queue_that_stops_reading_does_not_stop_the_others(broker):
    with peers.opened(broker) as w, peers.opened(broker) as stuck, peers.opened(broker) as reader:
        queue = w.declare_queue(1, exclusive=False, auto_delete=True)
        for one in (stuck, reader):
            one.request(1, spec.Basic.Consume(queue=queue, no_ack=True), spec.Basic.ConsumeOk)
        body, count = b"s" * 50000, 1000
        for _ in range(count):
            w.publish(1, body, routing_key=queue)
        w.request(1, spec.Channel.Flow(active=True), spec.Channel.FlowOk)
        # The stuck one holds at most UNREAD_LIMIT; the reader gets all others.
        for _ in range(count - UNREAD_LIMIT // len(body)):
            assert reader.expect_content(spec.Basic.Deliver).body == body
