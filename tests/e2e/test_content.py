# SPDX-License-Identifier: Apache-2.0
"""What is carried: bodies of every size, cut into frames, and properties that come back octet for octet."""
import hashlib
import struct

import peers
import pytest
import wire
from pika import spec
from wire import BODY, HEADER, METHOD

MIB = 1024 * 1024

# Flag bit and octets of each property, in the order of the wire.
PROPERTIES = {
    "content-type": (15, wire.short_string("text/plain")),
    "content-encoding": (14, wire.short_string("utf-8")),
    "headers": (13, wire.long_string(b"\x01at\x05" + b"\x01bL" + struct.pack(">q", -7))),
    "delivery-mode": (12, b"\x01"),
    "priority": (11, b"\x09"),
    "correlation-id": (10, wire.short_string(b"\x00\xff opaque")),
    "reply-to": (9, wire.short_string("answers")),
    "message-id": (7, wire.short_string("m" * 255)),
    "timestamp": (6, struct.pack(">Q", (1 << 64) - 1)),
    "type": (5, wire.short_string("")),
    "user-id": (4, wire.short_string("guest")),
    "app-id": (3, wire.short_string("tests")),
    "cluster-id": (2, wire.short_string("c")),
}


def packed(*names):
    flags = sum(1 << PROPERTIES[name][0] for name in names)
    return struct.pack(">H", flags) + b"".join(PROPERTIES[name][1] for name in PROPERTIES if name in names)


def pattern(count):
    """Octets in which every slice is unlike every other."""
    block = b"".join(hashlib.sha256(struct.pack(">I", number)).digest() for number in range(2048))
    return (block * (count // len(block) + 1))[:count]


def carried(w, queue, body, properties=None):
    """Publishes and gets one message back."""
    w.publish(1, body, routing_key=queue, properties=properties)
    w.send_method(1, spec.Basic.Get(queue=queue, no_ack=True))
    return w.expect_content(spec.Basic.GetOk, 1)


def slices(count, frame_max):
    return [min(frame_max - 8, count - at) for at in range(0, count, frame_max - 8)]


@pytest.mark.parametrize("frame_max", [4096, 131072])
@pytest.mark.parametrize("count", [0, 1, 255, 256, 4087, 4088, 4089, 8176, 65536, 131063, 131064, 131065, 262144, MIB])
def test_body_comes_back_whole_in_full_frames(broker, count, frame_max):
    with peers.opened(broker, frame_max=frame_max) as w:
        got = carried(w, w.declare_queue(1), pattern(count))
        assert got.body == pattern(count)
        assert got.body_sizes == slices(count, frame_max)


@pytest.mark.threads
@pytest.mark.parametrize("frame_max", [4096, 131072])
@pytest.mark.parametrize("count", [0, 1, 4088, 4089, 131064, 131065, MIB])
def test_delivered_body_is_whole_too(broker, count, frame_max):
    with peers.opened(broker, frame_max=frame_max) as w:
        queue = w.declare_queue(1)
        w.request(1, spec.Basic.Consume(queue=queue), spec.Basic.ConsumeOk)
        for number in range(3):
            w.publish(1, pattern(count), routing_key=queue)
            got = w.expect_content(spec.Basic.Deliver, 1)
            assert (got.body, got.method.delivery_tag) == (pattern(count), number + 1)
            assert got.body_sizes == slices(count, frame_max)


@pytest.mark.threads
def test_returned_body_is_whole_too(broker):
    with peers.opened(broker) as w:
        for count in (0, 10, 5000, 300000):
            w.publish(1, pattern(count), routing_key=peers.unique_name("nobody"), mandatory=True,
                      properties=packed(*PROPERTIES))
            got = w.expect_content(spec.Basic.Return, 1)
            assert (got.body, got.properties_octets) == (pattern(count), packed(*PROPERTIES))
            assert (got.method.reply_code, got.method.reply_text) == (312, "NO_ROUTE")


@pytest.mark.parametrize("piece", [1000, 4088])
def test_body_may_be_cut_in_any_way_on_input(broker, piece):
    with peers.opened(broker) as w:
        queue, body = w.declare_queue(1), pattern(300000)
        w.send_method(1, spec.Basic.Publish(exchange="", routing_key=queue))
        w.send_frame(HEADER, 1, wire.encode_header(len(body)))
        w.send(b"".join(wire.frame(BODY, 1, body[at:at + piece]) for at in range(0, len(body), piece)))
        w.send_method(1, spec.Basic.Get(queue=queue, no_ack=True))
        got = w.expect_content(spec.Basic.GetOk)
        assert got.body == body
        assert got.body_sizes == slices(len(body), 131072)


@pytest.mark.parametrize("frame_max", [4096, 131072])
def test_20_mib_are_carried(broker, frame_max):
    body = pattern(20 * MIB)
    with peers.opened(broker, frame_max=frame_max) as w:
        got = carried(w, w.declare_queue(1), body)
        assert got.body == body
        assert got.body_sizes == slices(len(body), frame_max)


@pytest.mark.threads
def test_one_large_body_reaches_many_consumers(broker):
    body = pattern(2 * MIB)
    with peers.opened(broker) as w:
        exchange = peers.unique_name("many")
        w.request(1, spec.Exchange.Declare(exchange=exchange, type="fanout", auto_delete=True),
                  spec.Exchange.DeclareOk)
        readers = [peers.opened(broker, frame_max=4096 if number % 2 else None) for number in range(4)]
        for reader in readers:
            queue = reader.declare_queue(1)
            reader.request(1, spec.Queue.Bind(queue=queue, exchange=exchange), spec.Queue.BindOk)
            reader.request(1, spec.Basic.Consume(queue=queue, no_ack=True), spec.Basic.ConsumeOk)
        w.publish(1, body, exchange=exchange)
        w.publish(1, b"last", exchange=exchange)
        for reader in readers:
            assert reader.expect_content(spec.Basic.Deliver).body == body
            assert reader.expect_content(spec.Basic.Deliver).body == b"last"
            reader.close()


def test_no_properties_come_back_as_none(broker):
    with peers.opened(broker) as w:
        got = carried(w, w.declare_queue(1), b"x", b"\0\0")
        assert got.properties_octets == b"\0\0"


@pytest.mark.parametrize("names", [[name] for name in PROPERTIES] + [list(PROPERTIES)],
                         ids=[*PROPERTIES, "all of them"])
def test_properties_come_back_octet_for_octet(broker, names):
    with peers.opened(broker) as w:
        assert carried(w, w.declare_queue(1), b"x", packed(*names)).properties_octets == packed(*names)


def test_flag_bit_1_is_ignored(broker):
    with peers.opened(broker) as w:
        octets = b"\x80\x02" + wire.short_string("text/plain")
        got = carried(w, w.declare_queue(1), b"x", octets)
        assert got.properties.content_type == "text/plain"


@pytest.mark.parametrize("table", [
    b"\x01ct\x02",
    b"\x01ct\xff",
    b"\x01nL" + struct.pack(">q", -1) + b"\x01ml" + struct.pack(">q", -1),
    b"\x01zV" + b"\x01aV",
    b"\x01aI\0\0\0\1" + b"\x01aI\0\0\0\2",
    b"\x00S\0\0\0\0",
    b"\x03\xff\xfe\xfdS" + wire.long_string(b"\xff\x00"),
    b"",
], ids=["bool 2", "bool 255", "L stays L", "keys unsorted", "a key twice", "empty key", "key and value not UTF-8",
        "empty table"])
def test_odd_headers_come_back_octet_for_octet(broker, table):
    with peers.opened(broker) as w:
        octets = b"\x20\0" + wire.long_string(table)
        assert carried(w, w.declare_queue(1), b"x", octets).properties_octets == octets


@pytest.mark.parametrize("how", ["delivered", "requeued", "returned"])
def test_headers_stay_as_they_are_however_they_come_back(broker, how):
    octets = packed(*PROPERTIES)
    with peers.opened(broker) as w:
        queue = w.declare_queue(1)
        key = peers.unique_name("nobody") if how == "returned" else queue
        w.publish(1, b"x", routing_key=key, properties=octets, mandatory=True)
        if how == "returned":
            got = w.expect_content(spec.Basic.Return)
        else:
            w.request(1, spec.Basic.Consume(queue=queue), spec.Basic.ConsumeOk)
            got = w.expect_content(spec.Basic.Deliver)
        if how == "requeued":
            w.send_method(1, spec.Basic.Nack(delivery_tag=1, requeue=True))
            got = w.expect_content(spec.Basic.Deliver)
            assert got.method.redelivered
        assert got.properties_octets == octets


@pytest.mark.parametrize("count", [3000, 10000, 100000])
def test_content_header_is_never_split(broker, count):
    """RabbitMQ sends it whole, even where it is larger than the receiver's frame_max."""
    table = b"\x01bS" + wire.long_string(pattern(count))
    octets = b"\x20\0" + wire.long_string(table)
    with peers.opened(broker, frame_max=4096) as reader, peers.opened(broker) as w:
        queue = w.declare_queue(1, exclusive=False, auto_delete=True)
        reader.request(1, spec.Basic.Consume(queue=queue, no_ack=True), spec.Basic.ConsumeOk)
        w.publish(1, b"b" * 5000, routing_key=queue, properties=octets)
        got = reader.expect_content(spec.Basic.Deliver)
        assert got.properties_octets == octets
        assert got.body_sizes == [4088, 912]


@pytest.mark.chaski_only
@pytest.mark.broker(settings={"frame_max": 0})
def test_without_a_frame_limit_a_body_is_one_frame(broker):
    body = pattern(3 * MIB)
    with peers.opened(broker, frame_max=0) as w:
        got = carried(w, w.declare_queue(1), body)
        assert (got.body, got.body_sizes) == (body, [len(body)])


@pytest.mark.chaski_only
@pytest.mark.broker(settings={"max_message_size": 10000})
def test_message_over_the_configured_size_ends_its_channel(broker):
    with peers.opened(broker) as w:
        queue = w.declare_queue(1)
        assert len(carried(w, queue, pattern(10000)).body) == 10000
        w.publish(1, pattern(10001), routing_key=queue)
        w.expect_channel_close(1, 406, "PRECONDITION_FAILED - message size 10001 is larger than configured max size "
                               "10000", spec.Basic.Publish)
        w.open_channel(1)
        assert carried(w, queue, b"next").body == b"next"


@pytest.mark.chaski_only
@pytest.mark.broker(settings={"max_message_size": 10000})
def test_message_over_the_configured_size_is_refused_in_its_turn(broker):
    with peers.opened(broker) as w:
        queue = w.declare_queue(1)
        for _ in range(100):
            w.publish(1, b"good", routing_key=queue)
        w.publish(1, pattern(50 * MIB), routing_key=queue)
        w.expect_channel_close(1, 406, "PRECONDITION_FAILED - message size 52428800 is larger than configured max "
                               "size 10000")
        w.open_channel(2)
        assert peers.ready_count(w, 2, queue) == 100


@pytest.mark.threads
def test_many_contents_in_flight_on_many_channels_stay_apart(broker):
    """Bodies of 50 channels arrive in slices that take turns."""
    with peers.opened(broker, 0) as w:
        channels = range(1, 51)
        for channel in channels:
            w.send_method(channel, spec.Channel.Open())
        for channel in channels:
            w.expect(spec.Channel.OpenOk)
        w.open_channel(60)
        queue = w.declare_queue(60)
        bodies = {channel: pattern(3000 + channel * 17)[channel:] for channel in channels}
        octets = b""
        for channel, body in bodies.items():
            publish = spec.Basic.Publish(exchange="", routing_key=queue)
            octets += wire.frame(METHOD, channel, wire.encode_method(publish))
            octets += wire.frame(HEADER, channel, wire.encode_header(len(body)))
        for at in range(0, 4000, 500):
            for channel, body in bodies.items():
                if body[at:at + 500]:
                    octets += wire.frame(BODY, channel, body[at:at + 500])
        w.send(octets)
        w.request(60, spec.Basic.Consume(queue=queue, no_ack=True), spec.Basic.ConsumeOk)
        got = [w.expect_content(spec.Basic.Deliver, 60).body for _ in channels]
        assert sorted(got) == sorted(bodies.values())
