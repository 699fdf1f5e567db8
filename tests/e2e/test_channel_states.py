# SPDX-License-Identifier: Apache-2.0
"""Channels: which method is allowed when, and what each one out of its place is told."""
import peers
import pytest
import wire
from pika import spec

DECLARE = spec.Queue.Declare(queue="x", passive=True)
CLOSE = spec.Channel.Close(reply_code=200, reply_text="bye", class_id=0, method_id=0)


def expect_hard(w, code, text, method):
    close = w.expect(spec.Connection.Close, 0)
    wire.check_close(close, code, text, method)
    w.abort()


@pytest.mark.parametrize("method", [
    DECLARE, CLOSE, spec.Channel.CloseOk(), spec.Channel.OpenOk(), spec.Channel.Flow(active=True), spec.Basic.Ack(),
    spec.Basic.Publish(exchange="", routing_key="x"), spec.Confirm.Select(), spec.Tx.Select(),
], ids=lambda method: method.NAME)
def test_method_on_an_unopened_channel_is_504(broker, method):
    with peers.opened(broker) as w:
        w.send_method(2, method)
        if method.NAME == "Basic.Publish":
            w.send_frame(wire.HEADER, 2, wire.encode_header(0))
        expect_hard(w, 504, "CHANNEL_ERROR - expected 'channel.open'", type(method))


def test_undecodable_method_on_an_unopened_channel_is_501(broker):
    with peers.opened(broker) as w:
        w.send_method(2, b"\0\x32\0\x0a\1")
        expect_hard(w, 501, "FRAME_ERROR - cannot decode <<1>>", spec.Queue.Declare)


def test_second_open_of_a_channel_is_504(broker):
    with peers.opened(broker) as w:
        w.send_method(1, spec.Channel.Open())
        expect_hard(w, 504, "CHANNEL_ERROR - second 'channel.open' seen", spec.Channel.Open)


@pytest.mark.parametrize("method", [
    DECLARE, spec.Channel.Open(), CLOSE, spec.Connection.Open(virtual_host="/"), spec.Connection.CloseOk(),
    spec.Connection.StartOk(client_properties={}, response="x"),
    spec.Connection.TuneOk(channel_max=1, frame_max=4096, heartbeat=0), spec.Connection.Blocked(reason="x"),
    spec.Basic.Ack(),
], ids=lambda method: method.NAME)
def test_method_that_has_no_business_on_channel_0_is_504(broker, method):
    with peers.opened(broker) as w:
        w.send_method(0, method)
        expect_hard(w, 504, "CHANNEL_ERROR - unexpected method in connection state running", type(method))


@pytest.mark.parametrize("method", [
    spec.Connection.Close(reply_code=200, reply_text="", class_id=0, method_id=0),
    spec.Connection.Open(virtual_host="/"),
    spec.Connection.StartOk(client_properties={}, response="x"),
    spec.Queue.DeclareOk(queue="x", message_count=0, consumer_count=0),
    spec.Exchange.DeclareOk(), spec.Channel.FlowOk(active=True), spec.Channel.CloseOk(), spec.Channel.OpenOk(),
    spec.Basic.QosOk(), spec.Basic.ConsumeOk(consumer_tag="x"), spec.Basic.GetEmpty(), spec.Basic.RecoverOk(),
    spec.Confirm.SelectOk(), spec.Tx.SelectOk(),
], ids=lambda method: method.NAME)
def test_method_that_only_a_server_or_channel_0_may_send_is_503(broker, method):
    with peers.opened(broker) as w:
        w.send_method(1, method)
        expect_hard(w, 503, "COMMAND_INVALID - unimplemented method", type(method))


@pytest.mark.parametrize("method", [
    spec.Basic.Deliver(consumer_tag="x", delivery_tag=1, redelivered=False, exchange="", routing_key=""),
    spec.Basic.Return(reply_code=312, reply_text="NO_ROUTE", exchange="", routing_key=""),
    spec.Basic.GetOk(delivery_tag=1, redelivered=False, exchange="", routing_key="", message_count=0),
], ids=lambda method: method.NAME)
def test_content_that_only_a_server_may_send_is_503(broker, method):
    with peers.opened(broker) as w:
        w.send_method(1, method)
        w.send_frame(wire.HEADER, 1, wire.encode_header(0))
        expect_hard(w, 503, "COMMAND_INVALID - unimplemented method", type(method))


@pytest.mark.chaski_only
def test_cancel_ok_from_a_client_is_accepted(broker):
    """Some clients answer a server's basic.cancel although it says nowait."""
    with peers.opened(broker) as w:
        w.send_method(1, spec.Basic.CancelOk(consumer_tag="x"))
        w.request(1, spec.Channel.Flow(active=True), spec.Channel.FlowOk)


def test_client_may_ask_the_flow_to_go_on_but_not_to_stop(broker):
    with peers.opened(broker) as w:
        assert w.request(1, spec.Channel.Flow(active=True), spec.Channel.FlowOk).active
        w.send_method(1, spec.Channel.Flow(active=False))
        expect_hard(w, 540, "NOT_IMPLEMENTED - active=false", spec.Channel.Flow)


def test_access_request_is_answered_with_ticket_1(broker):
    with peers.opened(broker) as w:
        w.send_method(1, b"\0\x1e\0\x0a" + wire.short_string("/data") + b"\x1f")
        assert w.read_frame().payload == b"\0\x1e\0\x0b\0\x01"


def test_open_ok_has_an_empty_channel_id(broker):
    with peers.opened(broker, 0) as w:
        w.send_method(9, b"\0\x14\0\x0a\0")
        assert w.read_any_frame().payload == b"\0\x14\0\x0b\0\0\0\0"


def test_any_channel_number_may_be_used_whatever_channel_max(broker):
    with peers.opened(broker, 0, channel_max=3) as w:
        for channel in (65535, 100, 1):
            w.open_channel(channel)
            w.declare_queue(channel)


def test_open_channels_are_counted_against_channel_max(broker):
    with peers.opened(broker, 0, channel_max=3) as w:
        for channel in (10, 20, 30):
            w.open_channel(channel)
        w.send_method(40, spec.Channel.Open())
        expect_hard(w, 530, "NOT_ALLOWED - number of channels opened (3) has reached the negotiated channel_max (3)", 0)


def test_closed_channels_no_longer_count_against_channel_max(broker):
    with peers.opened(broker, 0, channel_max=2) as w:
        for channel in range(1, 50):
            w.open_channel(channel)
            if channel > 1:
                w.request(channel, CLOSE, spec.Channel.CloseOk)
        w.open_channel(60)


def test_channel_that_failed_may_be_opened_again_after_close_ok(broker):
    with peers.opened(broker) as w:
        for _ in range(10):
            w.send_method(1, DECLARE)
            w.expect_channel_close(1, 404, "NOT_FOUND - no queue 'x' in vhost '/'", spec.Queue.Declare)
            w.open_channel(1)


def test_open_before_close_ok_is_504(broker):
    with peers.opened(broker) as w:
        w.send_method(1, DECLARE)
        w.expect(spec.Channel.Close, 1)
        w.send_method(1, spec.Channel.Open())
        expect_hard(w, 504, "CHANNEL_ERROR - second 'channel.open' seen", spec.Channel.Open)


@pytest.mark.chaski_only
def test_close_and_open_may_be_pipelined(broker):
    """On RabbitMQ it is a race: 504 if the open comes while the channel still ends."""
    with peers.opened(broker) as w:
        close, reopen = wire.encode_method(CLOSE), wire.encode_method(spec.Channel.Open())
        w.send((wire.frame(wire.METHOD, 1, close) + wire.frame(wire.METHOD, 1, reopen)) * 20)
        for _ in range(20):
            w.expect(spec.Channel.CloseOk, 1)
            w.expect(spec.Channel.OpenOk, 1)


@pytest.mark.threads
def test_pipeline_of_failing_publishes_is_closed_once(broker):
    with peers.opened(broker) as w:
        w.request(1, spec.Confirm.Select(), spec.Confirm.SelectOk)
        for number in range(200):
            w.publish(1, b"x" * number * 50, exchange=peers.unique_name("missing"))
        close = w.expect(spec.Channel.Close, 1)
        assert close.reply_code == 404
        w.open_channel(2)
        for _ in range(10):
            w.publish(1, b"ignored", exchange="amq.fanout")
        w.send_method(1, DECLARE)
        w.request(2, spec.Channel.Flow(active=True), spec.Channel.FlowOk)
        w.send_method(1, spec.Channel.CloseOk())
        w.open_channel(1)


def test_content_cut_by_a_channel_error_is_skipped_to_its_end(broker):
    """The first half of a publish is on its way when its channel fails; the second half comes and is ignored."""
    with peers.opened(broker) as w:
        octets = wire.frame(wire.METHOD, 1, wire.encode_method(spec.Basic.Publish(exchange="", routing_key="x")))
        octets += wire.content_frames(1, b"b" * 1000)
        w.send(wire.frame(wire.METHOD, 1, wire.encode_method(DECLARE)) + octets[:300])
        w.expect(spec.Channel.Close, 1)
        w.send(octets[300:])
        w.send_method(1, spec.Channel.CloseOk())
        w.open_channel(1)


def test_close_that_crosses_a_channel_error_gets_close_ok(broker):
    with peers.opened(broker) as w:
        w.send(wire.frame(wire.METHOD, 1, wire.encode_method(DECLARE))
               + wire.frame(wire.METHOD, 1, wire.encode_method(CLOSE)))
        assert w.expect(spec.Channel.Close, 1).reply_code == 404
        w.expect(spec.Channel.CloseOk, 1)
        w.send_method(1, spec.Channel.CloseOk())
        w.open_channel(1)


def test_close_after_a_channel_error_was_read_gets_close_ok(broker):
    with peers.opened(broker) as w:
        w.send_method(1, DECLARE)
        w.expect(spec.Channel.Close, 1)
        for _ in range(3):
            w.request(1, CLOSE, spec.Channel.CloseOk)
        w.send_method(1, spec.Channel.CloseOk())
        w.open_channel(1)


def test_failing_channel_leaves_others_alone(broker):
    with peers.opened(broker) as w:
        w.open_channel(2)
        queue = w.declare_queue(2)
        w.request(2, spec.Basic.Consume(queue=queue, no_ack=True), spec.Basic.ConsumeOk)
        w.send_method(1, DECLARE)
        w.publish(2, b"still here", routing_key=queue)
        got = [w.read_frame() for _ in range(4)]
        assert [frame.type for frame in got if frame.channel == 2] == [wire.METHOD, wire.HEADER, wire.BODY]
        assert [frame.method().NAME for frame in got if frame.channel == 1] == ["Channel.Close"]
        w.send_method(1, spec.Channel.CloseOk())
        w.open_channel(1)


@pytest.mark.threads
def test_unacked_messages_are_back_before_close_ok(broker):
    with peers.opened(broker) as w:
        w.open_channel(2)
        queue = w.declare_queue(1)
        for number in range(20):
            w.publish(1, b"%d" % number, routing_key=queue)
        w.request(1, spec.Basic.Consume(queue=queue), spec.Basic.ConsumeOk)
        for _ in range(20):
            w.expect_content(spec.Basic.Deliver, 1)
        w.request(1, CLOSE, spec.Channel.CloseOk)
        for number in range(20):
            w.send_method(2, spec.Basic.Get(queue=queue))
            got = w.expect_content(spec.Basic.GetOk, 2)
            assert (got.body, got.method.redelivered) == (b"%d" % number, True)


def test_unfinished_publish_ends_with_its_channel(broker):
    """A channel cannot be closed in the middle of a content: the close is a frame out of order."""
    with peers.opened(broker) as w:
        w.send_method(1, spec.Basic.Publish(exchange="", routing_key="x"))
        w.send_frame(wire.HEADER, 1, wire.encode_header(100))
        w.send_method(1, CLOSE)
        expect_hard(w, 505, "UNEXPECTED_FRAME - expected content body, got non content body frame instead",
                    spec.Basic.Publish)
