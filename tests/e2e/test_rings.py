# SPDX-License-Identifier: Apache-2.0
"""Rings of the smallest size, full in both directions, and long jobs beside short requests: everything completes,
in order, nothing is lost, and nobody waits for another's work."""
import contextlib
import re
import struct
import threading

import peers
import pytest
import wire
from lib import passes
from pika import spec

SMALLEST = pytest.mark.broker(settings={"engine.ring_items": 2}, anywhere=True)
STEP_LIMIT_US = 10000


@contextlib.contextmanager
def at_the_same_time(*works):
    """Runs each work in a thread; fails if one failed or is not done when the block has ended and a minute more."""
    failures = []

    def run(work):
        try:
            work()
        except BaseException as failure:  # noqa: BLE001: handed to the test's own thread
            failures.append(failure)

    threads = [threading.Thread(target=run, args=(work,), daemon=True) for work in works]
    for thread in threads:
        thread.start()
    yield lambda: any(thread.is_alive() for thread in threads)
    for thread in threads:
        thread.join(50)
        assert not thread.is_alive(), "one of the clients never got to its end"
    if failures:
        raise failures[0]


def publish_frames(queue, number):
    return (wire.frame(wire.METHOD, 1, wire.encode_method(spec.Basic.Publish(exchange="", routing_key=queue)))
            + wire.content_frames(1, struct.pack(">I", number)))


def flood(w, queue, count):
    """Numbered messages, many in one send."""
    for first in range(0, count, 500):
        w.send(b"".join(publish_frames(queue, number) for number in range(first, min(first + 500, count))))


def expect_numbers(w, count, first=0):
    for number in range(first, first + count):
        got = w.expect_content(spec.Basic.Deliver, 1, 30)
        assert struct.unpack(">I", got.body)[0] == number, f"expected number {number}"


def confirm(unconfirmed, ack):
    """Takes out what an ack confirms; each number is confirmed once."""
    tag = ack.delivery_tag
    assert tag in unconfirmed, f"{tag} is confirmed twice"
    if not ack.multiple:
        unconfirmed.remove(tag)
        return
    unconfirmed.difference_update([number for number in unconfirmed if number <= tag])


def message_count(w, queue):
    return peers.ready_count(w, 1, queue)


def fewer(count):
    """A sanitizer takes ten times as long for each."""
    return count // 10 if peers.is_tiny() else count


# ---- full rings ----


@pytest.mark.threads
@SMALLEST
def test_flood_in_flood_out_and_requests_complete_beside_each_other(broker):
    count, requests = fewer(20000), fewer(1000)
    with peers.opened(broker) as publisher, peers.opened(broker) as consumer, peers.opened(broker) as asker, \
            peers.opened(broker) as keeper:
        inbound, outbound = keeper.declare_queue(1, exclusive=False), keeper.declare_queue(1, exclusive=False)
        flood(keeper, outbound, count)
        peers.wait_until(lambda: message_count(keeper, outbound) == count, "all messages are queued")

        def publish():
            flood(publisher, inbound, count)
            publisher.request(1, spec.Channel.Flow(active=True), spec.Channel.FlowOk, 30)

        def consume():
            consumer.request(1, spec.Basic.Consume(queue=outbound, no_ack=True), spec.Basic.ConsumeOk, 30)
            expect_numbers(consumer, count)

        def ask():
            for number in range(requests):
                queue = asker.declare_queue(1)
                asker.publish(1, b"%d" % number, routing_key=queue)
                asker.send_method(1, spec.Basic.Get(queue=queue, no_ack=True))
                assert asker.expect_content(spec.Basic.GetOk, 1, 30).body == b"%d" % number
                asker.request(1, spec.Queue.Delete(queue=queue), spec.Queue.DeleteOk, 30)

        with at_the_same_time(publish, consume, ask):
            pass
        peers.wait_until(lambda: message_count(keeper, inbound) == count, "all messages have arrived")
        keeper.request(1, spec.Basic.Consume(queue=inbound, no_ack=True), spec.Basic.ConsumeOk)
        expect_numbers(keeper, count)
        for queue in (inbound, outbound):
            publisher.request(1, spec.Queue.Delete(queue=queue), spec.Queue.DeleteOk)


@pytest.mark.threads
@SMALLEST
def test_pipelined_requests_of_many_clients_are_answered_in_order(broker):
    count = fewer(3000)
    clients = [peers.opened(broker) for _ in range(8)]
    queues = [w.declare_queue(1) for w in clients]
    for w, queue in zip(clients, queues):
        w.send(b"".join(publish_frames(queue, number)
                        + wire.frame(wire.METHOD, 1, wire.encode_method(spec.Basic.Get(queue=queue, no_ack=True)))
                        + wire.frame(wire.METHOD, 1, wire.encode_method(spec.Channel.Flow(active=True)))
                        for number in range(count // 8)))
    for w in clients:
        for number in range(count // 8):
            assert struct.unpack(">I", w.expect_content(spec.Basic.GetOk, 1, 30).body)[0] == number
            w.expect(spec.Channel.FlowOk, 1, 30)
        w.close()


@pytest.mark.threads
@SMALLEST
def test_confirms_returns_and_deliveries_to_the_publisher_itself_are_complete(broker):
    """Every publish causes three events for its own connection: both rings are full of one client's work."""
    count = fewer(5000)
    with peers.opened(broker) as w:
        queue = w.declare_queue(1)
        w.open_channel(2)
        w.request(1, spec.Basic.Consume(queue=queue, no_ack=True), spec.Basic.ConsumeOk)
        w.request(2, spec.Confirm.Select(), spec.Confirm.SelectOk)
        nobody = wire.encode_method(spec.Basic.Publish(exchange="", routing_key=queue + "-nobody", mandatory=True))
        publish = wire.encode_method(spec.Basic.Publish(exchange="", routing_key=queue))

        def send():
            for number in range(count):
                body = wire.content_frames(2, struct.pack(">I", number))
                w.send(wire.frame(wire.METHOD, 2, publish) + body + wire.frame(wire.METHOD, 2, nobody) + body)

        with at_the_same_time(send):
            delivered, returned, unconfirmed = [], [], set(range(1, 2 * count + 1))
            while len(delivered) < count or len(returned) < count or unconfirmed:
                got = w.read_frame(30)
                if got.type == wire.BODY:
                    (delivered if got.channel == 1 else returned).append(struct.unpack(">I", got.payload)[0])
                elif got.type == wire.METHOD and isinstance(got.method(), spec.Basic.Ack):
                    confirm(unconfirmed, got.method())
        assert delivered == returned == list(range(count))


@pytest.mark.threads
@SMALLEST
def test_client_that_stops_reading_holds_nobody_up(broker):
    count = fewer(10000)
    with peers.opened(broker) as keeper, peers.opened(broker) as stuck, peers.opened(broker) as consumer, \
            peers.Bystander(broker) as other:
        exchange = peers.unique_name("stuck")
        keeper.request(1, spec.Exchange.Declare(exchange=exchange, type="fanout", auto_delete=True),
                       spec.Exchange.DeclareOk)
        for w in (stuck, consumer):
            queue = w.declare_queue(1)
            w.request(1, spec.Queue.Bind(queue=queue, exchange=exchange), spec.Queue.BindOk)
            w.request(1, spec.Basic.Consume(queue=queue, no_ack=True), spec.Basic.ConsumeOk)
        publish = wire.frame(wire.METHOD, 1, wire.encode_method(spec.Basic.Publish(exchange=exchange, routing_key="")))
        padding = b"p" * 2000

        def send():
            for number in range(count):
                keeper.send(publish + wire.content_frames(1, struct.pack(">I", number) + padding))

        with at_the_same_time(send):
            for number in range(count):
                got = consumer.expect_content(spec.Basic.Deliver, 1, 30)
                assert got.body[:4] == struct.pack(">I", number)
                if number % 1000 == 0:
                    other.check()
        # And when it reads again, it has missed nothing.
        for number in range(count):
            got = stuck.expect_content(spec.Basic.Deliver, 1, 30)
            assert got.body[:4] == struct.pack(">I", number)


@pytest.mark.threads
@SMALLEST
def test_connections_come_and_go_while_rings_are_full(broker):
    count = fewer(20000)
    with peers.opened(broker) as publisher, peers.opened(broker) as consumer:
        queue = consumer.declare_queue(1, exclusive=False, auto_delete=True)
        consumer.request(1, spec.Basic.Consume(queue=queue, no_ack=True), spec.Basic.ConsumeOk)
        with at_the_same_time(lambda: flood(publisher, queue, count),
                              lambda: expect_numbers(consumer, count)) as is_going_on:
            rounds = 0
            while is_going_on() or rounds < 5:
                rounds += 1
                w = peers.opened(broker)
                own = w.declare_queue(1)
                flood(w, own, 50)
                w.request(1, spec.Basic.Consume(queue=own), spec.Basic.ConsumeOk, 30)
                end = (wire.Client.abort, peers.abort_hard)[rounds % 2]
                end(w)


# ---- long jobs beside short requests ----


@pytest.fixture
def jobs_broker(start_broker):
    """At its end the longest step of its engine is known: within the limit in the release build."""
    broker = start_broker({"limits.unacked_per_channel": 1000000})
    yield broker
    broker.stop()
    longest_us = max(int(us) for line in broker.lines for us in re.findall(r"longest engine step: (\d+) us", line))
    if passes.current_pass().name == "release":
        assert longest_us < STEP_LIMIT_US, f"a step of the engine took {longest_us} us"


def answered_beside(other, w, kind, limit_s=30):
    """Waits for a long answer while another client's round trips go on; gives the answer and their longest time."""
    longest_s = other.check()
    while w.is_silent(0):
        longest_s = max(longest_s, other.check())
    return w.expect(kind, None, limit_s), max(longest_s, other.check())


def delivery_octets(tag, queue):
    method = spec.Basic.Deliver(consumer_tag=tag, delivery_tag=1, redelivered=False, exchange="", routing_key=queue)
    return len(wire.frame(wire.METHOD, 1, wire.encode_method(method)) + wire.content_frames(1, b"1234"))


def fast(seconds):
    """What another client may wait beside a job: far less than the job takes in one piece."""
    assert seconds < (5 if peers.is_tiny() else 0.5), f"a round trip of another client took {seconds:.3f} s"


@pytest.mark.chaski_only
@pytest.mark.threads
@pytest.mark.parametrize("end", ["channel", "connection", "nack all", "recover"])
def test_200000_unacked_messages_come_back_beside_others(jobs_broker, end):
    count = 2000 if peers.is_tiny() else 200000
    with peers.Bystander(jobs_broker) as other, peers.opened(jobs_broker) as keeper:
        queue = keeper.declare_queue(1, exclusive=False)
        flood(keeper, queue, count)
        assert message_count(keeper, queue) == count
        w = peers.opened(jobs_broker)
        w.request(1, spec.Basic.Consume(queue=queue, consumer_tag="c"), spec.Basic.ConsumeOk)
        w.read_exactly(count * delivery_octets("c", queue), 30)
        assert message_count(keeper, queue) == 0
        w.request(1, spec.Basic.Cancel(consumer_tag="c"), spec.Basic.CancelOk)
        if end == "channel":
            w.send_method(1, spec.Channel.Close(reply_code=200, reply_text="", class_id=0, method_id=0))
            _, longest_s = answered_beside(other, w, spec.Channel.CloseOk)
        elif end == "nack all":
            w.send_method(1, spec.Basic.Nack(delivery_tag=0, multiple=True, requeue=True))
            w.send_method(1, spec.Channel.Flow(active=True))
            _, longest_s = answered_beside(other, w, spec.Channel.FlowOk)
        elif end == "recover":
            w.send_method(1, spec.Basic.Recover(requeue=True))
            _, longest_s = answered_beside(other, w, spec.Basic.RecoverOk)
        else:
            w.abort()
            longest_s = other.check()
            while message_count(keeper, queue) < count:
                longest_s = max(longest_s, other.check())
        fast(longest_s)
        assert message_count(keeper, queue) == count
        for number in (0, 1):
            keeper.send_method(1, spec.Basic.Get(queue=queue))
            got = keeper.expect_content(spec.Basic.GetOk)
            assert (struct.unpack(">I", got.body)[0], got.method.redelivered) == (number, True)
        keeper.request(1, spec.Queue.Delete(queue=queue), spec.Queue.DeleteOk, 30)


@pytest.mark.chaski_only
@pytest.mark.threads
@pytest.mark.parametrize("method, kind", [(spec.Queue.Purge, spec.Queue.PurgeOk),
                                          (spec.Queue.Delete, spec.Queue.DeleteOk)], ids=["purge", "delete"])
def test_purge_and_delete_of_200000_messages_beside_others(jobs_broker, method, kind):
    count = 2000 if peers.is_tiny() else 200000
    with peers.Bystander(jobs_broker) as other, peers.opened(jobs_broker) as w:
        name = peers.unique_name("deep")
        for _ in range(2):
            queue = w.declare_queue(1, name)
            flood(w, queue, count)
            assert message_count(w, queue) == count
            w.send_method(1, method(queue=queue))
            answer, longest_s = answered_beside(other, w, kind)
            assert answer.message_count == count
            fast(longest_s)
            # The name is free, or the queue empty, for the very next request.
            assert w.declare_queue(1, name) == name
            assert message_count(w, name) == 0


@pytest.mark.chaski_only
@pytest.mark.threads
def test_requests_behind_a_job_wait_for_it_in_order(jobs_broker):
    count = fewer(20000)
    with peers.opened(jobs_broker) as w:
        queue = w.declare_queue(1, peers.unique_name("behind"))
        flood(w, queue, count)
        w.send(wire.frame(wire.METHOD, 1, wire.encode_method(spec.Queue.Purge(queue=queue)))
               + publish_frames(queue, 7)
               + wire.frame(wire.METHOD, 1, wire.encode_method(spec.Queue.Declare(queue=queue, passive=True)))
               + wire.frame(wire.METHOD, 1, wire.encode_method(spec.Basic.Get(queue=queue)))
               + wire.frame(wire.METHOD, 1, wire.encode_method(spec.Queue.Delete(queue=queue)))
               + wire.frame(wire.METHOD, 1, wire.encode_method(spec.Queue.Declare(queue=queue, exclusive=True)))
               + wire.frame(wire.METHOD, 1, wire.encode_method(spec.Channel.Flow(active=True))))
        assert w.expect(spec.Queue.PurgeOk, 1, 30).message_count == count
        assert w.expect(spec.Queue.DeclareOk, 1).message_count == 1
        assert struct.unpack(">I", w.expect_content(spec.Basic.GetOk, 1).body)[0] == 7
        assert w.expect(spec.Queue.DeleteOk, 1).message_count == 0
        assert w.expect(spec.Queue.DeclareOk, 1).message_count == 0
        w.expect(spec.Channel.FlowOk, 1)


@pytest.mark.chaski_only
@pytest.mark.threads
def test_fan_out_to_3000_queues_beside_others(jobs_broker):
    count = 300 if peers.is_tiny() else 3000
    with peers.Bystander(jobs_broker) as other, peers.opened(jobs_broker) as w, peers.opened(jobs_broker) as owner:
        exchange = peers.unique_name("wide")
        owner.request(1, spec.Exchange.Declare(exchange=exchange, type="fanout", auto_delete=True),
                      spec.Exchange.DeclareOk)
        queues = [f"{exchange}-{number}" for number in range(count)]
        for first in range(0, count, 100):
            some = queues[first:first + 100]
            owner.send(b"".join(
                wire.frame(wire.METHOD, 1, wire.encode_method(spec.Queue.Declare(queue=queue, exclusive=True)))
                + wire.frame(wire.METHOD, 1, wire.encode_method(spec.Queue.Bind(queue=queue, exchange=exchange)))
                for queue in some))
            for _ in some:
                owner.expect(spec.Queue.DeclareOk, 1)
                owner.expect(spec.Queue.BindOk, 1)
        w.request(1, spec.Confirm.Select(), spec.Confirm.SelectOk)
        messages = 20
        for number in range(messages):
            w.publish(1, struct.pack(">I", number), exchange=exchange)
        unconfirmed, longest_s = set(range(1, messages + 1)), 0
        while unconfirmed:
            answer, seconds = answered_beside(other, w, spec.Basic.Ack)
            longest_s = max(longest_s, seconds)
            confirm(unconfirmed, answer)
        for queue in (queues[0], queues[count // 2], queues[-1]):
            assert message_count(owner, queue) == messages
            for number in range(messages):
                owner.send_method(1, spec.Basic.Get(queue=queue, no_ack=True))
                assert struct.unpack(">I", owner.expect_content(spec.Basic.GetOk).body)[0] == number
        # All queues go at once, with what is in them.
        owner.send_method(0, spec.Connection.Close(reply_code=200, reply_text="", class_id=0, method_id=0))
        _, seconds = answered_beside(other, owner, spec.Connection.CloseOk)
        fast(max(longest_s, seconds))


@pytest.mark.chaski_only
@pytest.mark.threads
def test_ack_of_200000_deliveries_at_once_beside_others(jobs_broker):
    count = 2000 if peers.is_tiny() else 200000
    with peers.Bystander(jobs_broker) as other, peers.opened(jobs_broker) as w:
        queue = w.declare_queue(1)
        flood(w, queue, count)
        w.request(1, spec.Basic.Consume(queue=queue, consumer_tag="c"), spec.Basic.ConsumeOk)
        w.read_exactly(count * delivery_octets("c", queue), 30)
        w.send_method(1, spec.Basic.Ack(delivery_tag=count, multiple=True))
        w.send_method(1, spec.Basic.Recover(requeue=True))
        _, longest_s = answered_beside(other, w, spec.Basic.RecoverOk)
        fast(longest_s)
        assert message_count(w, queue) == 0
