# SPDX-License-Identifier: Apache-2.0
"""Peers that lie, stammer or say nothing: each gets the right error or the end, others notice nothing, and memory
follows what has arrived, never what was announced."""
import random
import struct

import peers
import pytest
import wire
from peers import MIB
from pika import spec
from wire import BODY, HEADER, METHOD, frame

PUBLISH = frame(METHOD, 1, wire.encode_method(spec.Basic.Publish(exchange="", routing_key="nobody")))


def plain_handshake(heartbeat=0):
    return (wire.PROTOCOL_HEADER
            + frame(METHOD, 0, struct.pack(">II", spec.Connection.StartOk.INDEX, 0) + wire.short_string("PLAIN")
                    + wire.long_string("\0guest\0guest") + wire.short_string("en_US"))
            + frame(METHOD, 0, wire.encode_method(
                spec.Connection.TuneOk(channel_max=2047, frame_max=131072, heartbeat=heartbeat)))
            + frame(METHOD, 0, wire.encode_method(spec.Connection.Open(virtual_host="/"))))


def expect_answer_or_end(w, limit_s=10):
    """Whatever comes must be whole frames; gives the last method before silence or the end."""
    last = None
    while not w.is_silent(0.02):
        got = w.read_frame_or_end(limit_s)
        if got is None:
            break
        last = got.method() if got.type == METHOD else last
    return last


@pytest.mark.threads
@pytest.mark.parametrize("seed", range(6))
def test_random_octets_instead_of_a_header(broker, seed):
    dice = random.Random(seed)
    with peers.Bystander(broker) as other, peers.memory_grows_at_most(broker, 4 * MIB):
        for _ in range(30):
            w = wire.connect(broker)
            w.send(bytes([dice.randrange(255)]))  # not ff, which would be ZMTP's
            w.send(dice.randbytes(dice.randrange(7, 2000)))
            octets, _ = peers.read_until_eof(w, 10)
            assert octets == b"AMQP\x00\x00\x09\x01"
            w.abort()
        other.check()


@pytest.mark.threads
@pytest.mark.parametrize("seed", range(6))
def test_random_octets_after_the_handshake(broker, seed):
    dice = random.Random(seed)
    with peers.Bystander(broker) as other, peers.memory_grows_at_most(broker, 8 * MIB):
        for _ in range(30):
            w = peers.opened(broker)
            peers.send_what_is_taken(w, dice.randbytes(dice.randrange(1, 3000)))
            last = expect_answer_or_end(w)
            assert last is None or isinstance(last, spec.Connection.Close)
            w.abort()
        other.check()


@pytest.mark.threads
@pytest.mark.parametrize("seed", range(6))
def test_good_frames_with_octets_changed(broker, seed):
    """A conversation in which some octets were changed: a close, an error on the channel, or luck."""
    dice = random.Random(seed)
    with peers.Bystander(broker) as other, peers.memory_grows_at_most(broker, 8 * MIB):
        for _ in range(40):
            w = peers.opened(broker)
            octets = bytearray(conversation(peers.unique_name("changed")))
            for _ in range(dice.randrange(1, 6)):
                octets[dice.randrange(len(octets))] = dice.randrange(256)
            peers.send_what_is_taken(w, octets)
            expect_answer_or_end(w)
            w.abort()
        other.check()


def conversation(queue):
    methods = [spec.Queue.Declare(queue=queue, exclusive=True, arguments={"a": [1, {"b": "c"}]}),
               spec.Queue.Bind(queue=queue, exchange="amq.topic", routing_key="a.*.#"),
               spec.Confirm.Select(), spec.Basic.Qos(prefetch_count=3),
               spec.Basic.Consume(queue=queue, consumer_tag="t")]
    octets = b"".join(frame(METHOD, 1, wire.encode_method(method)) for method in methods)
    properties = spec.BasicProperties(content_type="text/plain", headers={"k": 1, "t": {"n": None}}, delivery_mode=2)
    for key in ("a.b.c", "b"):
        octets += frame(METHOD, 1, wire.encode_method(
            spec.Basic.Publish(exchange="amq.topic", routing_key=key, mandatory=True)))
        octets += wire.content_frames(1, b"body" * 10, properties)
    for method in (spec.Basic.Ack(delivery_tag=0, multiple=True), spec.Basic.Recover(requeue=True),
                   spec.Basic.Cancel(consumer_tag="t"), spec.Basic.Get(queue=queue), spec.Queue.Purge(queue=queue),
                   spec.Queue.Delete(queue=queue)):
        octets += frame(METHOD, 1, wire.encode_method(method))
    return octets


def test_the_conversation_unchanged_is_answered(broker):
    """What the test above breaks works."""
    with peers.opened(broker) as w:
        w.send(conversation(peers.unique_name("unchanged")))
        w.send_method(1, spec.Channel.Flow(active=True))
        names = []
        while "Channel.FlowOk" not in names:
            got = w.read_frame()
            if got.type == METHOD:
                names.append(got.method().NAME)
        assert "Channel.Close" not in names
        assert names[:4] == ["Queue.DeclareOk", "Queue.BindOk", "Confirm.SelectOk", "Basic.QosOk"]
        assert names.count("Basic.Return") == 1
        assert names.index("Queue.PurgeOk") < names.index("Queue.DeleteOk")


@pytest.mark.chaski_only
@pytest.mark.broker(settings={"handshake_timeout": 500})
def test_slow_loris_headers_are_dropped_by_the_hundred(broker):
    """Many clients that send one octet now and then: all are gone when the handshake's time is up."""
    with peers.Bystander(broker) as other, peers.memory_grows_at_most(broker, 4 * MIB):
        slow = [wire.connect(broker) for _ in range(200)]
        for octet in wire.PROTOCOL_HEADER[:3]:
            for w in slow:
                w.send(bytes([octet]))
        other.check()
        for w in slow:
            w.expect_eof(5)
            w.abort()


def test_clients_that_say_nothing_disturb_nobody(broker):
    with peers.Bystander(broker) as other, peers.memory_grows_at_most(broker, 4 * MIB):
        silent = [wire.connect(broker) for _ in range(300)]
        assert other.check() < 2
        for w in silent:
            assert w.is_silent(0)
            w.abort()


@pytest.mark.threads
def test_clients_silent_in_mid_frame_disturb_nobody(broker):
    octets = PUBLISH + wire.content_frames(1, b"b" * 20000)
    with peers.Bystander(broker) as other, peers.memory_grows_at_most(broker, 16 * MIB):
        silent = [peers.opened(broker) for _ in range(100)]
        for number, w in enumerate(silent):
            w.send(octets[:1 + number * (len(octets) - 2) // len(silent)])
        assert other.check() < 2
        for w in silent:
            assert w.is_silent(0)
            w.abort()


@pytest.mark.parametrize("size", [131073, 1 << 24, (1 << 32) - 1])
def test_announced_frame_size_takes_no_memory(broker, size):
    with peers.Bystander(broker) as other, peers.memory_grows_at_most(broker, 4 * MIB):
        for frame_type in (METHOD, HEADER, BODY):
            for _ in range(20):
                w = peers.opened(broker)
                w.send(frame(frame_type, 1, b"", size=size)[:7])
                assert w.expect(spec.Connection.Close, 0).reply_code == 501
                w.abort()
        other.check()


@pytest.mark.threads
def test_announced_bodies_take_no_memory(broker):
    """2000 channels announce 128 MiB each, 250 GiB in all, and send an octet of it."""
    with peers.Bystander(broker) as other:
        w = peers.opened(broker, 0)
        for channel in range(1, 2001):
            w.send_method(channel, spec.Channel.Open())
        for channel in range(1, 2001):
            w.expect(spec.Channel.OpenOk, channel)
        with peers.memory_grows_at_most(broker, 8 * MIB):
            for channel in range(1, 2001):
                w.send(frame(METHOD, channel, wire.encode_method(spec.Basic.Publish(exchange="", routing_key="n")))
                       + frame(HEADER, channel, wire.encode_header(128 * MIB)) + frame(BODY, channel, b"1"))
            # On one more channel, to know that everything before was read.
            w.open_channel(2001)
            other.check()
        w.abort()


@pytest.mark.threads
def test_unfinished_bodies_go_with_their_connection(broker):
    """60 MiB in bodies that never end, again and again: later rounds take the memory that earlier ones gave back."""
    def round_of_halves():
        w = peers.opened(broker, 0)
        piece = b"h" * 131064
        for channel in range(1, 21):
            w.open_channel(channel)
            w.send(frame(METHOD, channel, wire.encode_method(spec.Basic.Publish(exchange="", routing_key="n")))
                   + frame(HEADER, channel, wire.encode_header(100 * MIB)))
            for _ in range(24):
                w.send(frame(BODY, channel, piece))
        w.open_channel(100)
        w.abort()

    with peers.Bystander(broker) as other:
        for _ in range(4):
            round_of_halves()
            other.check()
        peers.settled(lambda: peers.memory_bytes(broker))
        with peers.memory_grows_at_most(broker, 8 * MIB):
            for _ in range(2):
                round_of_halves()
                other.check()
            peers.settled(lambda: peers.memory_bytes(broker))  # the last one's socket may be closed an instant later


@pytest.mark.parametrize("end", [0x00, 0xcd, 0xcf, 0xff])
def test_wrong_end_octet_after_good_traffic(broker, end):
    with peers.Bystander(broker) as other:
        w = peers.opened(broker)
        queue = w.declare_queue(1)
        w.publish(1, b"before", routing_key=queue)
        w.send_frame(METHOD, 1, wire.encode_method(spec.Basic.Get(queue=queue)), end=end)
        assert w.expect(spec.Connection.Close, 0).reply_code == 501
        other.check()
        w.abort()


def test_frames_for_closed_channels(broker):
    with peers.Bystander(broker) as other:
        for octets in (PUBLISH, frame(HEADER, 1, wire.encode_header(5)), frame(BODY, 1, b"body"),
                       frame(METHOD, 1, wire.encode_method(spec.Basic.Ack(delivery_tag=1)))):
            w = peers.opened(broker)
            w.request(1, spec.Channel.Close(reply_code=200, reply_text="", class_id=0, method_id=0),
                      spec.Channel.CloseOk)
            w.send(octets)
            if octets == PUBLISH:
                w.send(frame(HEADER, 1, wire.encode_header(0)))
            assert w.expect(spec.Connection.Close, 0).reply_code in (504, 505)
            w.abort()
        other.check()


@pytest.mark.threads
def test_channels_opened_and_closed_without_end_leave_nothing(broker):
    opening = wire.encode_method(spec.Channel.Open())
    close = wire.encode_method(spec.Channel.Close(reply_code=200, reply_text="", class_id=0, method_id=0))
    with peers.Bystander(broker) as other, peers.opened(broker, 0) as w:
        def round_of_channels():
            for first in range(1, 10001, 500):
                channels = range(first, first + 500)
                w.send(b"".join(frame(METHOD, channel, opening) for channel in channels))
                for channel in channels:
                    w.expect(spec.Channel.OpenOk, channel)
                w.send(b"".join(frame(METHOD, channel, close) for channel in channels))
                for channel in channels:
                    w.expect(spec.Channel.CloseOk, channel)
        peers.expect_no_leak(broker, round_of_channels, MIB)
        other.check()


def test_headers_by_the_thousand_against_as_many_criteria_stop_nobody(broker):
    """A comparison that looked each criterion up in the headers would keep the broker busy for seconds here."""
    keys = [b"%05x" % number for number in range(14000)]
    void = [bytes([len(key)]) + key + b"V" for key in keys]
    arguments, headers = wire.long_string(b"".join(void)), wire.long_string(b"".join(reversed(void)))
    with peers.Bystander(broker) as other, peers.opened(broker) as w:
        queue = w.declare_queue(1)
        for key in "abcd":
            w.send_method(1, struct.pack(">IH", spec.Queue.Bind.INDEX, 0) + wire.short_string(queue)
                          + wire.short_string("amq.headers") + wire.short_string(key) + b"\0" + arguments)
            w.expect(spec.Queue.BindOk, 1)
        publish = frame(METHOD, 1, wire.encode_method(spec.Basic.Publish(exchange="amq.headers", routing_key="")))
        header = frame(HEADER, 1, wire.encode_header(0, struct.pack(">H", spec.BasicProperties.FLAG_HEADERS) + headers))
        w.send((publish + header) * 10)
        assert other.check() < 2
        assert w.request(1, spec.Queue.Purge(queue=queue), spec.Queue.PurgeOk).message_count == 10


def test_names_and_tags_of_the_largest_size_leave_nothing(broker):
    with peers.Bystander(broker) as other, peers.opened(broker) as w:
        def round_of_names():
            for number in range(200):
                name = f"{number:05}" + "n" * 250
                w.request(1, spec.Queue.Declare(queue=name, exclusive=True, arguments={"k" * 255: "v" * 10000}),
                          spec.Queue.DeclareOk)
                w.request(1, spec.Queue.Bind(queue=name, exchange="amq.topic", routing_key=".".join("abc#*" * 25),
                                             arguments={"k" * 255: "v" * 10000}), spec.Queue.BindOk)
                w.request(1, spec.Basic.Consume(queue=name, consumer_tag="t" * 250 + f"{number:05}"),
                          spec.Basic.ConsumeOk)
                w.request(1, spec.Basic.Cancel(consumer_tag="t" * 250 + f"{number:05}"), spec.Basic.CancelOk)
            for number in range(200):
                w.request(1, spec.Queue.Delete(queue=f"{number:05}" + "n" * 250), spec.Queue.DeleteOk)
        peers.expect_no_leak(broker, round_of_names, MIB)
        other.check()


def test_whole_session_in_one_segment_that_ends_in_garbage(broker):
    with peers.Bystander(broker) as other:
        for tail in (b"\0", b"\xff" * 7, b"GET / HTTP/1.1\r\n\r\n", frame(9, 0, b"")):
            w = wire.connect(broker)
            w.send(plain_handshake() + frame(METHOD, 1, wire.encode_method(spec.Channel.Open())) + tail)
            for kind in (spec.Connection.Start, spec.Connection.Tune, spec.Connection.OpenOk, spec.Channel.OpenOk):
                w.expect(kind)
            if len(tail) >= 7:
                assert w.expect(spec.Connection.Close, 0).reply_code == 501
            w.abort()
        other.check()
