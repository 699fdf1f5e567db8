# SPDX-License-Identifier: Apache-2.0
"""Frames: each way in which one can be wrong has its code and text; what is legal but unusual passes."""
import struct

import peers
import pytest
import wire
from pika import spec
from wire import BODY, HEADER, HEARTBEAT, METHOD, frame

FLOW = wire.encode_method(spec.Channel.Flow(active=True))
PUBLISH = wire.encode_method(spec.Basic.Publish(exchange="", routing_key="nobody"))
DECLARE_X = wire.encode_method(spec.Queue.Declare(queue="x"))


def opened_with(broker, octets, **how):
    w = peers.opened(broker, **how)
    w.send(octets)
    return w


def expect_fatal(w, code, text, method=None):
    """connection.close with code, text and ids; the end of the connection has tests of its own."""
    close = w.expect(spec.Connection.Close, 0)
    wire.check_close(close, code, text, method)
    w.abort()


def big(frame_type, size):
    """Only the first seven octets of a frame: enough to know that it is too large."""
    return frame(frame_type, 1, b"", size=size)[:7]


# A body is due on channel 1 after these.
PUBLISHING = frame(METHOD, 1, PUBLISH) + frame(HEADER, 1, wire.encode_header(100))

BAD_FRAMES = [
    ("method of frame_max + 1", big(METHOD, 131073), "type 1, all octets = <<>>: {frame_too_large,131073,131064}"),
    ("header of 200000", big(HEADER, 200000), "type 2, all octets = <<>>: {frame_too_large,200000,131064}"),
    ("body of 4 GiB", big(BODY, 0xffffffff), "type 3, all octets = <<>>: {frame_too_large,4294967295,131064}"),
    ("heartbeat of 1 GiB", big(HEARTBEAT, 1 << 30), "type 8, all octets = <<>>: {frame_too_large,1073741824,131064}"),
    ("wrong end of a method", frame(METHOD, 1, FLOW, end=0),
     "type 1, all octets = <<0,20,0,20,1>>: {invalid_frame_end_marker,0}"),
    ("wrong end, text", PUBLISHING + frame(BODY, 1, b"hello", end=0x21),
     'type 3, all octets = <<"hello">>: {invalid_frame_end_marker,33}'),
    ("wrong end, 16 octets", PUBLISHING + frame(BODY, 1, b"0123456789abcdef", end=1),
     'type 3, all octets = <<"0123456789abcdef">>: {invalid_frame_end_marker,1}'),
    ("wrong end, 17 octets", PUBLISHING + frame(BODY, 1, b"0123456789abcdefg", end=1),
     'type 3, first 16 octets = <<"0123456789abcdef">>: {invalid_frame_end_marker,1}'),
    ("wrong end, numbers", PUBLISHING + frame(BODY, 1, bytes([0, 1, 255, 10, 65]), end=206 ^ 1),
     "type 3, all octets = <<0,1,255,10,65>>: {invalid_frame_end_marker,207}"),
    ("wrong end of a heartbeat", frame(HEARTBEAT, 0, b"", end=0),
     "type 8, all octets = <<>>: {invalid_frame_end_marker,0}"),
    ("type 0", frame(0, 1, b""), "type 0, all octets = <<>>: unknown_frame"),
    ("type 4", frame(4, 1, b"abc"), 'type 4, all octets = <<"abc">>: unknown_frame'),
    ("type 7 on channel 0", frame(7, 0, b""), "type 7, all octets = <<>>: unknown_frame"),
    ("type 255", frame(255, 1, b"\0"), "type 255, all octets = <<0>>: unknown_frame"),
    ("heartbeat with payload", frame(HEARTBEAT, 0, b"\0"), "type 8, all octets = <<0>>: unknown_frame"),
    ("heartbeat with payload on channel 1", frame(HEARTBEAT, 1, b"x"), 'type 8, all octets = <<"x">>: unknown_frame'),
    ("empty method", frame(METHOD, 1, b""), "type 1, all octets = <<>>: unknown_frame"),
    ("half a method id", frame(METHOD, 1, b"\0\x0a"), "type 1, all octets = <<0,10>>: unknown_frame"),
    ("half a method id on channel 0", frame(METHOD, 0, b"\0\x0a"), "type 1, all octets = <<0,10>>: unknown_frame"),
    ("half a content header", frame(METHOD, 1, PUBLISH) + frame(HEADER, 1, b"\0\x3c\0\0\0\0"),
     "type 2, all octets = <<0,60,0,0,0,0>>: unknown_frame"),
]


@pytest.mark.parametrize("octets, text", [row[1:] for row in BAD_FRAMES], ids=[row[0] for row in BAD_FRAMES])
def test_bad_frame_is_501_and_quotes_its_octets(broker, octets, text):
    expect_fatal(opened_with(broker, octets), 501, "FRAME_ERROR - " + text, 0)


@pytest.mark.parametrize("octets, text", [
    (frame(HEARTBEAT, 1, b""), "type 8, all octets = <<>>"),
    (frame(HEADER, 0, wire.encode_header(0)), "type 2, all octets = <<0,60,0,0,0,0,0,0,0,0,0,0,0,0>>"),
    (frame(BODY, 0, b"abc"), 'type 3, all octets = <<"abc">>'),
    (frame(BODY, 0, b"a" * 300), 'type 3, first 16 octets = <<"aaaaaaaaaaaaaaaa">>'),
], ids=["heartbeat on channel 1", "header on channel 0", "body on channel 0", "long body on channel 0"])
def test_frame_on_the_wrong_channel_is_505(broker, octets, text):
    expect_fatal(opened_with(broker, octets), 505, "UNEXPECTED_FRAME - " + text, 0)


def test_frame_limit_is_the_negotiated_one(broker):
    w = opened_with(broker, frame(METHOD, 1, b"", size=4097)[:7], frame_max=4096)
    expect_fatal(w, 501, "FRAME_ERROR - type 1, all octets = <<>>: {frame_too_large,4097,4088}", 0)


@pytest.mark.parametrize("size", [4088, 4089, 4096])
def test_frame_up_to_8_octets_over_the_limit_is_tolerated(broker, size):
    with peers.opened(broker, frame_max=4096) as w:
        queue = w.declare_queue(1)
        w.send_method(1, spec.Basic.Publish(exchange="", routing_key=queue))
        w.send_frame(HEADER, 1, wire.encode_header(size))
        w.send_frame(BODY, 1, b"x" * size)
        w.send_method(1, spec.Basic.Get(queue=queue, no_ack=True))
        assert w.expect_content(spec.Basic.GetOk).body == b"x" * size


@pytest.mark.threads
@pytest.mark.parametrize("rest", [b"", b"\0" * 5000, frame(METHOD, 1, FLOW) * 200],
                         ids=["nothing", "zeros", "good frames"])
def test_after_a_frame_error_nothing_is_parsed_and_the_connection_ends(broker, rest):
    w = opened_with(broker, frame(4, 0, b"") + rest)
    w.expect(spec.Connection.Close, 0)
    w.send_method(0, spec.Connection.CloseOk())
    w.expect_eof()


@pytest.mark.parametrize("octets, text, method", [
    (frame(HEADER, 1, wire.encode_header(0)), "expected method frame, got non method frame instead", 0),
    (frame(HEADER, 1, b"\0\x3c" + b"\0" * 10), "expected method frame, got non method frame instead", 0),
    (frame(BODY, 1, b"x"), "expected method frame, got non method frame instead", 0),
    (frame(BODY, 1, b"x" * 131072), "expected method frame, got non method frame instead", 0),
    (frame(HEADER, 2, wire.encode_header(0)), "expected method frame, got non method frame instead", 0),
    (frame(BODY, 2, b"x"), "expected method frame, got non method frame instead", 0),
    (frame(METHOD, 1, PUBLISH) * 2, "expected content header for class 60, got non content header frame instead",
     spec.Basic.Publish),
    (frame(METHOD, 1, PUBLISH) + frame(BODY, 1, b"x"),
     "expected content header for class 60, got non content header frame instead", spec.Basic.Publish),
    (frame(METHOD, 1, PUBLISH) + frame(HEADER, 1, wire.encode_header(1, weight=1)),
     "expected content header for class 60, got non content header frame instead", spec.Basic.Publish),
    (frame(METHOD, 1, PUBLISH) + frame(HEADER, 1, wire.encode_header(1, class_id=10)),
     "expected content header for class 60, got one for class 10 instead", spec.Basic.Publish),
    (frame(METHOD, 1, PUBLISH) + frame(HEADER, 1, wire.encode_header(10)) * 2,
     "expected content body, got non content body frame instead", spec.Basic.Publish),
    (frame(METHOD, 1, PUBLISH) + frame(HEADER, 1, wire.encode_header(10)) + frame(METHOD, 1, FLOW),
     "expected content body, got non content body frame instead", spec.Basic.Publish),
    (frame(METHOD, 1, PUBLISH) + frame(HEADER, 1, wire.encode_header(10)) + frame(BODY, 1, b"half.")
     + frame(METHOD, 1, FLOW), "expected content body, got non content body frame instead", spec.Basic.Publish),
], ids=["header alone", "header without flags alone", "body alone", "large body alone", "header on an unopened channel",
        "body on an unopened channel", "method for header", "body for header", "weight", "another class",
        "header for body", "method for body", "method for the rest of a body"])
def test_content_out_of_order_is_505(broker, octets, text, method):
    expect_fatal(opened_with(broker, octets), 505, "UNEXPECTED_FRAME - " + text, method)


@pytest.mark.chaski_only
def test_body_beyond_its_announced_size_is_501(broker):
    w = opened_with(broker, frame(METHOD, 1, PUBLISH) + frame(HEADER, 1, wire.encode_header(3))
                    + frame(BODY, 1, b"four"))
    expect_fatal(w, 501, "FRAME_ERROR - content body frame exceeds remaining content size")


@pytest.mark.chaski_only
def test_body_frame_after_a_whole_body_is_not_part_of_it(broker):
    w = opened_with(broker, frame(METHOD, 1, PUBLISH) + frame(HEADER, 1, wire.encode_header(3))
                    + frame(BODY, 1, b"all") + frame(BODY, 1, b""))
    expect_fatal(w, 505, "UNEXPECTED_FRAME - expected method frame, got non method frame instead")


@pytest.mark.chaski_only
@pytest.mark.parametrize("size", [536870913, 1 << 40, (1 << 64) - 1])
def test_body_over_512_mib_is_501_when_announced(broker, size):
    w = opened_with(broker, frame(METHOD, 1, PUBLISH) + frame(HEADER, 1, wire.encode_header(size)))
    expect_fatal(w, 501, f"FRAME_ERROR - content body size {size} exceeds maximum allowed size 536870912")


@pytest.mark.parametrize("properties", [
    b"\0\1\0\0",
    b"\x80\0\x05abc",
    b"\x80\0",
    b"\x80\0\x03abcde",
    b"\x20\0" + wire.long_string(b"\x01aZ"),
    b"\x20\0" + struct.pack(">I", 100) + b"\x01at\x01",
    b"\x00\x40\x00\x00\x00",
], ids=["continuation bit", "truncated", "missing", "octets left over", "unknown tag", "table too long", "half a time"])
def test_undecodable_properties_are_541(broker, properties):
    w = opened_with(broker, frame(METHOD, 1, PUBLISH) + frame(HEADER, 1, wire.encode_header(0, properties)))
    expect_fatal(w, 541, "INTERNAL_ERROR")


def test_undecodable_properties_are_541_once_the_body_is_there(broker):
    w = opened_with(broker, frame(METHOD, 1, PUBLISH) + frame(HEADER, 1, wire.encode_header(4, b"\x80\0\x05abc")))
    w.send_frame(BODY, 1, b"body")
    expect_fatal(w, 541, "INTERNAL_ERROR")


def short_string_cases():
    """Methods with a short string that is not UTF-8."""
    bad = wire.short_string(b"\xff\xfe")
    return {
        "queue.declare": b"\0\x32\0\x0a\0\0" + bad + b"\0\0\0\0\0",
        "cut in a character": b"\0\x32\0\x0a\0\0" + wire.short_string(b"caf\xc3") + b"\0\0\0\0\0",
        "overlong form": b"\0\x32\0\x0a\0\0" + wire.short_string(b"\xc0\xaf") + b"\0\0\0\0\0",
        "queue.bind routing key": b"\0\x32\0\x14\0\0\0\x0aamq.direct" + bad + b"\0\0\0\0\0",
        "exchange.declare type": b"\0\x28\0\x0a\0\0\x01e" + bad + b"\0\0\0\0\0",
        "basic.consume queue": b"\0\x3c\0\x14\0\0" + bad + b"\0\0\0\0\0\0",
        "basic.cancel tag": b"\0\x3c\0\x1e" + bad + b"\0",
    }


@pytest.mark.parametrize("name", short_string_cases())
def test_short_string_that_is_not_utf8_is_501(broker, name):
    w = opened_with(broker, frame(METHOD, 1, short_string_cases()[name]))
    expect_fatal(w, 501, "FRAME_ERROR - Malformed UTF-8 in shortstr", 0)


def test_routing_key_of_a_publish_may_be_any_octets(broker):
    """Queue and exchange names are text; the key of a message is not looked at, so that old publishers go on."""
    with peers.opened(broker) as w:
        queue = w.declare_queue(1)
        w.request(1, spec.Queue.Bind(queue=queue, exchange="amq.fanout"), spec.Queue.BindOk)
        w.send_method(1, b"\0\x3c\0\x28\0\0" + wire.short_string("amq.fanout") + wire.short_string(b"caf\xe9") + b"\0")
        w.send_frame(HEADER, 1, wire.encode_header(0))
        w.send_method(1, spec.Basic.Get(queue=queue, no_ack=True))
        payload = w.read_frame().payload
        assert payload[:4] == b"\0\x3c\0\x47"
        assert b"\x04caf\xe9" in payload


@pytest.mark.parametrize("name", ["ein name", "ключ", "🐫", "a/b#c*d", "tab\there", "nul\0inside", "x" * 255])
def test_queue_name_may_be_any_utf8(broker, name):
    with peers.opened(broker) as w:
        assert w.declare_queue(1, name) == name
        w.publish(1, b"here", routing_key=name)
        w.send_method(1, spec.Basic.Get(queue=name, no_ack=True))
        got = w.expect_content(spec.Basic.GetOk)
        assert (got.method.routing_key, got.body) == (name, b"here")


def test_line_ends_are_stripped_from_names(broker):
    with peers.opened(broker) as w:
        name = peers.unique_name("lines")
        assert w.declare_queue(1, f"\r{name[:3]}\r\n{name[3:]}\n") == name
        w.request(1, spec.Queue.Bind(queue=f"{name}\n", exchange="amq.\rdirect", routing_key="k"), spec.Queue.BindOk)
        w.publish(1, b"here", exchange="amq.direct", routing_key="k")
        w.send_method(1, spec.Basic.Get(queue=name, no_ack=True))
        assert w.expect_content(spec.Basic.GetOk).body == b"here"
        w.request(1, spec.Queue.Delete(queue=f"{name}\r\n"), spec.Queue.DeleteOk)


@pytest.mark.parametrize("payload, quoted, method", [
    (b"\0\x32\0\x0a\1\2\3", "<<1,2,3>>", spec.Queue.Declare),
    (b"\0\x32\0\x0a\0\0\x05abc", "<<0,0,5,97,98,99>>", spec.Queue.Declare),
    (b"\0\x32\0\x0a", "<<>>", spec.Queue.Declare),
    (DECLARE_X + b"\7", "<<0,0,1,120,0,0,0,0,0,7>>", spec.Queue.Declare),
    (DECLARE_X[:-4] + b"\0\0\0\x09", "<<0,0,1,120,0,0,0,0,9>>", spec.Queue.Declare),
    (wire.encode_method(spec.Basic.Ack(delivery_tag=1)) + b"\7", "<<0,0,0,0,0,0,0,1,0,7>>", spec.Basic.Ack),
    (wire.encode_method(spec.Basic.Qos())[:-1], "<<0,0,0,0,0,0>>", spec.Basic.Qos),
    (wire.encode_method(spec.Confirm.Select())[:-1], "<<>>", spec.Confirm.Select),
    (PUBLISH[:-1], "<<0,0,0,6,110,111,98,111,100,121>>", spec.Basic.Publish),
], ids=["too short", "short string too short", "no arguments", "an octet left over", "table too long", "ack and more",
        "qos without bits", "confirm without bits", "publish without bits"])
def test_arguments_that_do_not_decode_are_501_with_ids_and_octets(broker, payload, quoted, method):
    w = opened_with(broker, frame(METHOD, 1, payload))
    expect_fatal(w, 501, f"FRAME_ERROR - cannot decode {quoted}", method)


def test_long_quotation_is_cut_to_255_octets(broker):
    w = opened_with(broker, frame(METHOD, 1, b"\0\x32\0\x0a" + b"\xff" * 300))
    text = "FRAME_ERROR - cannot decode <<" + "255," * 100
    expect_fatal(w, 501, text[:252] + "...", spec.Queue.Declare)


@pytest.mark.chaski_only
@pytest.mark.parametrize("channel, payload", [(1, b"\0\x63\0\x01"), (1, b"\0\x32\0\x63"), (0, b"\0\x63\0\x01"),
                                              (0, b"\0\x0a\0\x63"), (7, b"\0\x63\0\x01"), (1, b"\xff\xff\xff\xff")],
                         ids=["class", "method", "class on 0", "method on 0", "class on unopened", "all bits"])
def test_unknown_method_is_refused_by_name(broker, channel, payload):
    """RabbitMQ 3.10 drops the socket; a word is better."""
    w = opened_with(broker, frame(METHOD, channel, payload))
    close = w.expect(spec.Connection.Close, 0)
    assert (close.reply_code, close.reply_text) in [(503, "COMMAND_INVALID - unimplemented method"),
                                                    (540, "NOT_IMPLEMENTED - unimplemented method")]
    w.abort()


def test_channels_and_heartbeats_may_interleave_anywhere(broker):
    with peers.opened(broker) as w:
        w.open_channel(2)
        queue = w.declare_queue(1)
        first, second = b"first" * 100, b"second" * 100
        streams = []
        for channel, body in ((1, first), (2, second)):
            streams.append([frame(METHOD, channel, wire.encode_method(
                spec.Basic.Publish(exchange="", routing_key=queue))),
                            frame(HEADER, channel, wire.encode_header(len(body))),
                            *(frame(BODY, channel, body[at:at + 100]) for at in range(0, len(body), 100))])
        octets = b""
        for place in range(max(map(len, streams))):
            for stream in streams:
                octets += (stream[place] if place < len(stream) else b"") + frame(HEARTBEAT, 0, b"")
        w.send(octets)
        w.request(2, spec.Channel.Flow(active=True), spec.Channel.FlowOk)
        for body in (first, second):
            w.send_method(1, spec.Basic.Get(queue=queue, no_ack=True))
            assert w.expect_content(spec.Basic.GetOk).body == body


def test_empty_body_frames_are_legal(broker):
    with peers.opened(broker) as w:
        queue = w.declare_queue(1)
        w.send_method(1, spec.Basic.Publish(exchange="", routing_key=queue))
        w.send_frame(HEADER, 1, wire.encode_header(6))
        for piece in (b"", b"abc", b"", b"", b"def"):
            w.send_frame(BODY, 1, piece)
        w.send_method(1, spec.Basic.Get(queue=queue, no_ack=True))
        assert w.expect_content(spec.Basic.GetOk).body == b"abcdef"


@pytest.mark.threads
def test_conversation_may_come_octet_by_octet(broker):
    with peers.opened(broker) as w:
        queue = w.declare_queue(1)
        octets = (frame(METHOD, 1, wire.encode_method(spec.Confirm.Select()))
                  + frame(METHOD, 1, wire.encode_method(spec.Basic.Publish(exchange="", routing_key=queue)))
                  + wire.content_frames(1, b"slowly", spec.BasicProperties(headers={"a": [1, {"b": None}]}))
                  + frame(HEARTBEAT, 0, b"")
                  + frame(METHOD, 1, wire.encode_method(spec.Basic.Get(queue=queue, no_ack=True))))
        for octet in octets:
            w.send(bytes([octet]))
        w.expect(spec.Confirm.SelectOk)
        got = [w.read_frame() for _ in range(4)]  # the confirm comes before or after the answer to get
        methods = [one.method().NAME for one in got if one.type == METHOD]
        assert sorted(methods) == ["Basic.Ack", "Basic.GetOk"]
        assert [one.payload for one in got if one.type == BODY] == [b"slowly"]
        header, = [one.payload for one in got if one.type == HEADER]
        assert wire.decode_header(header)[3].headers == {"a": [1, {"b": None}]}


def test_half_a_frame_waits_for_its_rest_without_a_word(broker):
    with peers.opened(broker) as w, peers.Bystander(broker) as other:
        octets = frame(METHOD, 1, FLOW)
        for cut in range(1, len(octets)):
            w.send(octets[:cut])
            other.check()
            assert w.is_silent(0)
            w.send(octets[cut:])
            w.expect(spec.Channel.FlowOk, 1)
