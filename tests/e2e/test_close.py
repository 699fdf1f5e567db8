# SPDX-License-Identifier: Apache-2.0
"""How connections end: goodbyes that cross, answers that do not come, and what is gone when close-ok arrives."""
import time

import peers
import pytest
import wire
from pika import spec

GOODBYE = spec.Connection.Close(reply_code=200, reply_text="bye", class_id=0, method_id=0)


def provoke(w):
    """Makes the broker close the connection."""
    w.send_method(0, spec.Connection.Open(virtual_host="/"))


@pytest.mark.threads
def test_close_is_answered_with_close_ok_and_the_end(broker):
    for _ in range(20):
        peers.opened(broker).close()


def test_close_before_any_channel_is_answered(broker):
    peers.opened(broker, 0).close()


@pytest.mark.chaski_only
def test_nothing_behind_a_close_is_answered(broker):
    with peers.opened(broker) as w:
        w.send(wire.frame(wire.METHOD, 0, wire.encode_method(GOODBYE))
               + wire.frame(wire.METHOD, 1, wire.encode_method(spec.Channel.Flow(active=True))))
        w.expect(spec.Connection.CloseOk, 0)
        w.expect_eof()


def test_requests_before_a_close_are_carried_out(broker):
    with peers.opened(broker) as reader, peers.opened(broker) as w:
        queue = reader.declare_queue(1)
        reader.request(1, spec.Queue.Bind(queue=queue, exchange="amq.fanout"), spec.Queue.BindOk)
        for number in range(500):
            w.publish(1, b"%d" % number, exchange="amq.fanout", routing_key=queue)
        w.close()
        assert peers.ready_count(reader, 1, queue) >= 500


def test_close_that_crosses_the_brokers_close_is_answered(broker):
    with peers.opened(broker) as w:
        provoke(w)
        w.send_method(0, GOODBYE)
        assert w.expect(spec.Connection.Close, 0).reply_code == 504
        w.expect(spec.Connection.CloseOk, 0)


def test_everything_but_close_is_ignored_after_the_brokers_close(broker):
    with peers.opened(broker) as w:
        queue = w.declare_queue(1)
        provoke(w)
        assert w.expect(spec.Connection.Close, 0).reply_code == 504
        w.publish(1, b"late", routing_key=queue)
        w.send_method(1, spec.Channel.Flow(active=True))
        w.send_method(2, spec.Channel.Open())
        w.send_method(0, spec.Connection.CloseOk())
        w.expect_eof()


def test_close_ok_ends_the_connection_at_once(broker):
    with peers.opened(broker) as w:
        provoke(w)
        w.expect(spec.Connection.Close, 0)
        started = time.monotonic()
        w.send_method(0, spec.Connection.CloseOk())
        w.expect_eof()
        assert time.monotonic() - started < 2


def test_missing_close_ok_is_waited_for_one_heartbeat(broker):
    """min(heartbeat, 30) seconds, then the socket is closed."""
    with peers.opened(broker, heartbeat=1) as w:
        provoke(w)
        w.expect(spec.Connection.Close, 0)
        octets, waited_s = peers.read_until_eof(w, 5)
        assert 0.7 < waited_s < 2.5
        assert octets.replace(wire.frame(wire.HEARTBEAT, 0, b""), b"") == b""


@pytest.mark.chaski_only
@pytest.mark.broker(settings={"close_timeout": "300ms"})
def test_missing_close_ok_is_waited_for_at_most_close_timeout(broker):
    with peers.opened(broker, heartbeat=0) as w:
        provoke(w)
        w.expect(spec.Connection.Close, 0)
        octets, waited_s = peers.read_until_eof(w, 5)
        assert octets == b"" and 0.2 < waited_s < 2.5


@pytest.mark.threads
def test_exclusive_queues_are_gone_when_close_ok_comes(broker):
    with peers.opened(broker) as other:
        for _ in range(10):
            w = peers.opened(broker)
            queues = [w.declare_queue(1) for _ in range(10)]
            w.request(0, GOODBYE, spec.Connection.CloseOk)
            for queue in queues:
                other.send_method(1, spec.Queue.Declare(queue=queue, passive=True))
                other.expect_channel_close(1, 404, f"NOT_FOUND - no queue '{queue}' in vhost '/'")
                other.open_channel(1)
            w.abort()


@pytest.mark.threads
def test_bindings_of_exclusive_queues_are_gone_when_close_ok_comes(broker):
    """Their auto-delete exchange is gone too, then, and one that stays is no longer in use."""
    with peers.opened(broker) as other:
        lasting, passing = peers.unique_name("lasting"), peers.unique_name("passing")
        other.request(1, spec.Exchange.Declare(exchange=lasting, type="topic"), spec.Exchange.DeclareOk)
        w = peers.opened(broker)
        w.request(1, spec.Exchange.Declare(exchange=passing, type="topic", auto_delete=True), spec.Exchange.DeclareOk)
        for number in range(300 if peers.is_tiny() else 2000):
            queue = f"{passing}-{number}"
            w.send_method(1, spec.Queue.Declare(queue=queue, exclusive=True, nowait=True))
            for exchange in (lasting, passing):
                w.send_method(1, spec.Queue.Bind(queue=queue, exchange=exchange, routing_key="a.#", nowait=True))
        for _ in range(10):
            w.publish(1, b"left behind", exchange=passing, routing_key="a.b")
        w.request(1, spec.Channel.Flow(active=True), spec.Channel.FlowOk)
        w.request(0, GOODBYE, spec.Connection.CloseOk)
        other.request(1, spec.Exchange.Delete(exchange=lasting, if_unused=True), spec.Exchange.DeleteOk)
        other.send_method(1, spec.Exchange.Declare(exchange=passing, type="topic", passive=True))
        other.expect_channel_close(1, 404, f"NOT_FOUND - no exchange '{passing}' in vhost '/'")
        w.abort()


@pytest.mark.threads
def test_unacked_messages_are_back_when_close_ok_comes(broker):
    with peers.opened(broker) as other:
        queue = other.declare_queue(1, exclusive=False, auto_delete=True)
        for number in range(50):
            other.publish(1, b"%d" % number, routing_key=queue)
        assert peers.ready_count(other, 1, queue) == 50  # another connection may be faster than these
        with peers.opened(broker) as w:
            for _ in range(50):
                w.send_method(1, spec.Basic.Get(queue=queue))
                w.expect_content(spec.Basic.GetOk)
            w.close()
        assert peers.ready_count(other, 1, queue) == 50
        other.send_method(1, spec.Basic.Get(queue=queue))
        got = other.expect_content(spec.Basic.GetOk)
        assert (got.body, got.method.redelivered) == (b"0", True)
        other.request(1, spec.Queue.Delete(queue=queue), spec.Queue.DeleteOk)


@pytest.mark.threads
@pytest.mark.parametrize("end", [lambda w: w.abort(), peers.abort_hard], ids=["fin", "reset"])
def test_unacked_messages_are_back_after_a_lost_connection(broker, end):
    with peers.opened(broker) as other:
        queue = other.declare_queue(1, exclusive=False, auto_delete=True)
        other.request(1, spec.Basic.Qos(prefetch_count=1), spec.Basic.QosOk)
        w = peers.opened(broker)
        w.request(1, spec.Basic.Consume(queue=queue), spec.Basic.ConsumeOk)
        for number in range(50):
            other.publish(1, b"%d" % number, routing_key=queue)
        for _ in range(50):
            w.expect_content(spec.Basic.Deliver)
        other.request(1, spec.Basic.Consume(queue=queue), spec.Basic.ConsumeOk)
        end(w)
        for number in range(50):
            got = other.expect_content(spec.Basic.Deliver)
            assert (got.body, got.method.redelivered) == (b"%d" % number, True)
            other.send_method(1, spec.Basic.Ack(delivery_tag=got.method.delivery_tag))


def test_reply_text_is_cut_to_a_short_string(broker):
    with peers.opened(broker) as w:
        name = "n" * 255
        w.send_method(1, spec.Queue.Declare(queue=name, passive=True))
        text = f"NOT_FOUND - no queue '{name}' in vhost '/'"
        w.expect_channel_close(1, 404, text[:252] + "...", spec.Queue.Declare)


def test_reply_text_that_just_fits_is_not_cut(broker):
    with peers.opened(broker) as w:
        room = 255 - len("NOT_FOUND - no queue '' in vhost '/'")
        for length in (room, room + 1):
            name = "n" * length
            w.send_method(1, spec.Queue.Declare(queue=name, passive=True))
            text = f"NOT_FOUND - no queue '{name}' in vhost '/'"
            w.expect_channel_close(1, 404, text if length == room else text[:252] + "...")
            w.open_channel(1)


def test_half_closed_connection_is_a_closed_one(broker):
    """A client that shuts down its sending side is gone."""
    with peers.opened(broker) as w:
        w.sock.shutdown(1)
        w.expect_eof()


def test_client_may_vanish_in_the_middle_of_anything(broker):
    with peers.Bystander(broker) as other:
        queue = peers.unique_name("vanish")
        octets = (wire.frame(wire.METHOD, 2, wire.encode_method(spec.Channel.Open()))
                  + wire.frame(wire.METHOD, 1, wire.encode_method(spec.Queue.Declare(queue=queue, exclusive=True)))
                  + wire.frame(wire.METHOD, 1, wire.encode_method(spec.Basic.Consume(queue=queue)))
                  + wire.frame(wire.METHOD, 1, wire.encode_method(
                      spec.Basic.Publish(exchange="", routing_key=queue, mandatory=True)))
                  + wire.content_frames(1, b"body" * 20)
                  + wire.frame(wire.METHOD, 2, wire.encode_method(spec.Queue.Declare(queue="missing", passive=True)))
                  + wire.frame(wire.METHOD, 0, wire.encode_method(GOODBYE)))
        for cut in range(0, len(octets), 9):
            w = peers.opened(broker)
            w.send(octets[:cut])
            (peers.abort_hard if cut % 2 else wire.Client.abort)(w)
        other.check()
