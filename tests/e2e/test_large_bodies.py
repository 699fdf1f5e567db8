# SPDX-License-Identifier: Apache-2.0
"""Persistent bodies around and above the size of a part: they travel in parts, as they arrive and as they leave, and
nobody can tell."""
import contextlib
import hashlib
import struct

import peers
import pytest
import wire
from pika import spec
from wire import BODY, HEADER, METHOD

MIB = 1024 * 1024
PART = 256 * 1024
SIZES = [PART - 1, PART, PART + 1, MIB, 3 * MIB + 17]
PERSISTENT = b"\x10\0\2"


def pattern(count, salt=0):
    """Octets in which every slice is unlike every other, and that differ by salt."""
    block = b"".join(hashlib.sha256(struct.pack(">II", number, salt)).digest() for number in range(1024))
    return b"".join(struct.pack(">I", number) + block for number in range(count // len(block) + 1))[:count]


def digest(body):
    return len(body), hashlib.sha256(body).hexdigest()


@contextlib.contextmanager
def durable_queues(broker, count=1):
    """Names of durable queues, deleted at the end."""
    names = [peers.unique_name("large") for _ in range(count)]
    with peers.opened(broker) as w:
        for name in names:
            w.declare_queue(1, name, durable=True, exclusive=False)
        yield names
        for name in names:
            w.request(1, spec.Queue.Delete(queue=name), spec.Queue.DeleteOk)


@pytest.fixture
def queue(broker):
    with durable_queues(broker) as (name,):
        yield name


def publish(w, body, routing_key="", exchange="", mandatory=False, channel=1):
    w.publish(channel, body, exchange, routing_key, PERSISTENT, mandatory)


def confirmed(broker, routing_key, *bodies, exchange=""):
    """Publishes on a connection of its own and waits until the broker has all of it."""
    with peers.opened(broker) as w:
        w.request(1, spec.Confirm.Select(), spec.Confirm.SelectOk)
        for body in bodies:
            publish(w, body, routing_key, exchange)
        count = 0
        while count < len(bodies):
            ack = w.expect(spec.Basic.Ack, 1)
            count = ack.delivery_tag if ack.multiple else count + 1


def assert_carried(got, body):
    assert got.properties_octets == PERSISTENT
    assert digest(got.body) == digest(body)


def consume(w, queue, channel=1, prefetch=0):
    w.request(channel, spec.Basic.Qos(prefetch_count=prefetch), spec.Basic.QosOk)
    w.request(channel, spec.Basic.Consume(queue=queue), spec.Basic.ConsumeOk)


def ack(w, got, channel=1):
    w.send_method(channel, spec.Basic.Ack(delivery_tag=got.method.delivery_tag))


def read_contents(w, count):
    """`count` deliveries whose frames may interleave, as pairs of channel and body, in the order of their ends."""
    under_way, done = {}, []
    while len(done) < count:
        frame = w.read_frame(what="content")
        if frame.type == METHOD:
            assert isinstance(frame.method(), spec.Basic.Deliver) and frame.channel not in under_way, frame
            under_way[frame.channel] = None
        elif frame.type == HEADER:
            assert under_way[frame.channel] is None, frame
            under_way[frame.channel] = (wire.decode_header(frame.payload)[2], bytearray())
        else:
            assert frame.type == BODY, frame
            under_way[frame.channel][1].extend(frame.payload)
        left = under_way[frame.channel]
        if left and len(left[1]) >= left[0]:
            assert len(left[1]) == left[0], frame
            done.append((frame.channel, bytes(under_way.pop(frame.channel)[1])))
    return done


# ---- there and back ----


@pytest.mark.threads
@pytest.mark.parametrize("size", SIZES)
def test_large_bodies_are_delivered_whole(broker, queue, size):
    with peers.opened(broker) as w:
        consume(w, queue, prefetch=1)
        for salt in range(3):
            publish(w, pattern(size, salt), queue)
        for salt in range(3):
            got = w.expect_content(spec.Basic.Deliver, 1)
            assert_carried(got, pattern(size, salt))
            ack(w, got)
        w.request(1, spec.Basic.Qos(prefetch_count=2), spec.Basic.QosOk)
        assert peers.ready_count(w, 1, queue) == 0


@pytest.mark.parametrize("size", SIZES)
def test_large_bodies_are_got_whole(broker, queue, size):
    confirmed(broker, queue, pattern(size), b"small")
    with peers.opened(broker, frame_max=4096) as w:
        for body in (pattern(size), b"small"):
            w.send_method(1, spec.Basic.Get(queue=queue))
            got = w.expect_content(spec.Basic.GetOk, 1)
            assert_carried(got, body)
            assert max(got.body_sizes) <= 4088
            ack(w, got)
        w.request(1, spec.Basic.Get(queue=queue), spec.Basic.GetEmpty)


@pytest.mark.threads
@pytest.mark.parametrize("size", SIZES)
def test_large_bodies_are_returned_whole(broker, size):
    with peers.opened(broker) as w:
        for salt in range(2):
            publish(w, pattern(size, salt), peers.unique_name("nobody"), mandatory=True)
        for salt in range(2):
            got = w.expect_content(spec.Basic.Return, 1)
            assert_carried(got, pattern(size, salt))
            assert (got.method.reply_code, got.method.reply_text) == (312, "NO_ROUTE")


@pytest.mark.parametrize("piece", [1000, 4088, 100000])
def test_large_bodies_may_be_cut_in_any_way(broker, queue, piece):
    body = pattern(MIB + 1)
    with peers.opened(broker) as w:
        w.send_method(1, spec.Basic.Publish(exchange="", routing_key=queue))
        w.send_frame(HEADER, 1, wire.encode_header(len(body), PERSISTENT))
        w.send(b"".join(wire.frame(BODY, 1, body[at:at + piece]) for at in range(0, len(body), piece)))
        w.send_method(1, spec.Basic.Get(queue=queue, no_ack=True))
        assert_carried(w.expect_content(spec.Basic.GetOk, 1), body)


# ---- one message, many ways ----


@pytest.mark.threads
@pytest.mark.parametrize("size", SIZES)
def test_large_bodies_reach_three_queues(broker, size):
    exchange = peers.unique_name("fan")
    with peers.opened(broker) as w, durable_queues(broker, 3) as queues:
        w.request(1, spec.Exchange.Declare(exchange=exchange, type="fanout", auto_delete=True),
                  spec.Exchange.DeclareOk)
        for queue in queues:
            w.request(1, spec.Queue.Bind(queue=queue, exchange=exchange), spec.Queue.BindOk)
        confirmed(broker, "", pattern(size), b"last", exchange=exchange)
        for number, queue in enumerate(queues):
            with peers.opened(broker, frame_max=4096 if number == 1 else None) as reader:
                consume(reader, queue)
                for body in (pattern(size), b"last"):
                    got = reader.expect_content(spec.Basic.Deliver, 1)
                    assert_carried(got, body)
                    ack(reader, got)


@pytest.mark.threads
@pytest.mark.parametrize("size", SIZES)
def test_large_bodies_are_requeued_and_delivered_again(broker, queue, size):
    body = pattern(size)
    confirmed(broker, queue, body)
    with peers.opened(broker) as w:
        consume(w, queue)
        for again in (False, True, True):
            got = w.expect_content(spec.Basic.Deliver, 1)
            assert got.method.redelivered == again
            assert_carried(got, body)
            w.send_method(1, spec.Basic.Nack(delivery_tag=got.method.delivery_tag, requeue=True))
        assert_carried(w.expect_content(spec.Basic.Deliver, 1), body)
        w.abort()
    with peers.opened(broker) as w:
        consume(w, queue)
        got = w.expect_content(spec.Basic.Deliver, 1)
        assert got.method.redelivered
        assert_carried(got, body)
        ack(w, got)
        w.request(1, spec.Basic.Qos(prefetch_count=1), spec.Basic.QosOk)


# ---- beside others ----


@pytest.mark.threads
def test_two_channels_publish_large_bodies_at_once(broker, queue):
    """Their frames take turns."""
    bodies = {1: pattern(MIB + 5, 1), 2: pattern(MIB + 5, 2)}
    with peers.opened(broker) as w:
        w.open_channel(2)
        for channel, body in bodies.items():
            w.send_method(channel, spec.Basic.Publish(exchange="", routing_key=queue))
            w.send_frame(HEADER, channel, wire.encode_header(len(body), PERSISTENT))
        for at in range(0, MIB + 5, 50000):
            for channel, body in bodies.items():
                w.send_frame(BODY, channel, body[at:at + 50000])
        w.open_channel(3)
        consume(w, queue, 3)
        got = [digest(w.expect_content(spec.Basic.Deliver, 3).body) for _ in bodies]
        assert sorted(got) == sorted(digest(body) for body in bodies.values())


@pytest.mark.threads
def test_two_channels_consume_large_bodies_at_once(broker):
    bodies = {channel: [pattern(size, channel) for size in (MIB, 10, 3 * MIB + 17, PART + 1)] for channel in (1, 2)}
    with durable_queues(broker, 2) as queues, peers.opened(broker) as w:
        w.open_channel(2)
        for channel, queue in enumerate(queues, 1):
            confirmed(broker, queue, *bodies[channel])
        for channel, queue in enumerate(queues, 1):
            w.send_method(channel, spec.Basic.Consume(queue=queue, nowait=True))
        got = read_contents(w, 8)
        for channel in bodies:
            assert [digest(body) for number, body in got if number == channel] == list(map(digest, bodies[channel]))


@pytest.mark.threads
def test_a_slow_reader_gets_large_bodies_whole(broker, queue):
    """It reads nothing until much more waits for it than sockets take, then a little at a time."""
    bodies = [pattern(3 * MIB + 17, salt) for salt in range(5)]
    with peers.Bystander(broker) as other, peers.opened(broker) as slow:
        consume(slow, queue)
        confirmed(broker, queue, *bodies)
        for _ in range(10):
            other.check()
        for body in bodies:
            got = slow.expect_content(spec.Basic.Deliver, 1)
            other.check()
            assert_carried(got, body)
            ack(slow, got)


@pytest.mark.threads
def test_a_reader_that_goes_in_the_middle_leaves_the_body_whole(broker, queue):
    body = pattern(3 * MIB + 17)
    confirmed(broker, queue, body)
    for _ in range(3):
        with peers.opened(broker) as w:
            w.send_method(1, spec.Basic.Consume(queue=queue, nowait=True))
            w.read_exactly(MIB)
            peers.abort_hard(w)
    with peers.opened(broker) as w:
        consume(w, queue)
        got = w.expect_content(spec.Basic.Deliver, 1)
        assert_carried(got, body)
        ack(w, got)
        w.request(1, spec.Basic.Qos(prefetch_count=1), spec.Basic.QosOk)


@pytest.mark.threads
def test_a_publisher_that_goes_in_the_middle_leaves_nothing(broker, queue):
    frames = wire.content_frames(1, pattern(3 * MIB + 17), PERSISTENT)
    for count in (100, PART + 100, 2 * MIB, len(frames) - 1):
        with peers.opened(broker) as w:
            w.send_method(1, spec.Basic.Publish(exchange="", routing_key=queue))
            w.send(frames[:count])
            peers.abort_hard(w)
    confirmed(broker, queue, b"whole")
    with peers.opened(broker) as w:
        consume(w, queue)
        assert_carried(w.expect_content(spec.Basic.Deliver, 1), b"whole")


def test_a_channel_that_is_refused_in_the_middle_goes_on(broker, queue):
    """The publish is behind a request that ends the channel; the number is used again at once."""
    body = pattern(MIB + 1)
    with peers.opened(broker) as w:
        w.send_method(1, spec.Queue.Declare(queue=peers.unique_name("nowhere"), passive=True))
        publish(w, body, queue)
        assert w.expect(spec.Channel.Close, 1).reply_code == 404
        w.send_method(1, spec.Channel.CloseOk())
        w.open_channel(1)
        publish(w, body, queue)
        w.send_method(1, spec.Basic.Get(queue=queue, no_ack=True))
        got = w.expect_content(spec.Basic.GetOk, 1)
        assert got.method.message_count == 0
        assert_carried(got, body)


# ---- memory ----


def pieces_of_128_mib():
    """Frames' payloads that make 128 MiB, the largest message there may be."""
    for number in range(2048):
        yield struct.pack(">I", number) * (64 * 1024 // 4)


def read_digest(w, kind, limit_s):
    """A content whose body is not kept: (method, octets of the body, their digest)."""
    method = w.expect(kind, 1, limit_s)
    total = wire.decode_header(w.read_frame(limit_s).payload)[2]
    count, sha = 0, hashlib.sha256()
    while count < total:
        frame = w.read_frame(limit_s)
        assert frame.type == BODY and frame.channel == 1, frame
        sha.update(frame.payload)
        count += len(frame.payload)
    return method, count, sha.hexdigest()


@pytest.mark.chaski_only
@pytest.mark.release_only
@pytest.mark.broker(settings={"memory.bodies": "16MiB"}, fresh=True)
def test_128_mib_pass_through_a_broker_that_stays_small(broker, queue):
    sha = hashlib.sha256()
    with peers.opened(broker) as w:
        w.request(1, spec.Confirm.Select(), spec.Confirm.SelectOk)
        w.send_method(1, spec.Basic.Publish(exchange="", routing_key=queue))
        w.send_frame(HEADER, 1, wire.encode_header(128 * MIB, PERSISTENT))
        for piece in pieces_of_128_mib():
            sha.update(piece)
            w.send_frame(BODY, 1, piece)
        w.expect(spec.Basic.Ack, 1, 30)
    with peers.opened(broker) as w:
        w.send_method(1, spec.Basic.Consume(queue=queue, nowait=True))
        for again in (False, True):
            method, *got = read_digest(w, spec.Basic.Deliver, 30)
            assert (method.redelivered, *got) == (again, 128 * MIB, sha.hexdigest())
            w.send_method(1, spec.Basic.Reject(delivery_tag=method.delivery_tag, requeue=not again))
        w.request(1, spec.Basic.Qos(prefetch_count=1), spec.Basic.QosOk)
    peak = broker.peak_rss_bytes()
    assert peak < 100 * MIB, f"{peak / MIB:.1f} MiB were resident at once"
