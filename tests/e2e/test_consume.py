# SPDX-License-Identifier: Apache-2.0
"""Consumers: tags, exclusive ones, cancelling, whose turn it is, and what a delivery says."""
import re

import pytest
from pika import spec

import peers
from client import *

pytestmark = pytest.mark.threads

# ---- tags ----


def consume_on_wire(client, q, tag="", **flags):
    """basic.consume as it is, without a tag of pika's; gives the tag of consume-ok."""
    return client.request(1, spec.Basic.Consume(queue=q, consumer_tag=tag, **flags), spec.Basic.ConsumeOk).consumer_tag


def test_an_empty_tag_makes_the_broker_invent_one(broker, channel, queue):
    q = queue()
    with peers.opened(broker) as client:
        first, second = consume_on_wire(client, q), consume_on_wire(client, q)
    assert re.fullmatch(r"amq\.ctag-[A-Za-z0-9_-]{22}", first) and first != second


def test_a_tag_in_use_ends_the_connection(broker, queue):
    q = queue()
    with peers.opened(broker) as client:
        consume_on_wire(client, q, "mine")
        client.send_method(1, spec.Basic.Consume(queue=q, consumer_tag="mine"))
        client.expect_close(530, "NOT_ALLOWED - attempt to reuse consumer tag 'mine'", spec.Basic.Consume)


def test_another_channel_may_use_the_same_tag(connection, channel, queue):
    q = queue()
    for used in (channel, connection.channel()):
        used.basic_consume(q, lambda *_: None, consumer_tag="mine")
    assert counts(channel, q) == (0, 2)


def test_a_tag_is_free_after_its_cancel(channel, queue):
    q = queue()
    for _ in range(3):
        channel.basic_consume(q, lambda *_: None, consumer_tag="mine")
        channel.basic_cancel("mine")
    assert counts(channel, q) == (0, 0)


def test_a_delivery_says_which_consumer_it_is_for(channel, exchange, queue):
    x, q, inbox = exchange(), queue(), Inbox(channel)
    channel.queue_bind(q, x, "k")
    inbox.consume(q, consumer_tag="ñ-tag")
    send(channel, x, "k", "a")
    inbox.wait(1)
    method = inbox.items[0][0]
    assert (method.consumer_tag, method.exchange, method.routing_key) == ("ñ-tag", x, "k")
    assert (method.delivery_tag, method.redelivered) == (1, False)


# ---- starting ----


def test_consuming_a_missing_queue_is_refused(channel, name):
    q = name()
    with refused(404, f"no queue '{q}' in vhost '/'"):
        channel.basic_consume(q, lambda *_: None)


def test_consume_with_nowait_consumes(broker, queue):
    q = queue()
    with peers.opened(broker) as client:
        client.send_method(1, spec.Basic.Consume(queue=q, consumer_tag="quiet", no_ack=True, nowait=True))
        client.publish(1, b"a", routing_key=q)
        got = client.expect_content(spec.Basic.Deliver, 1)
        assert (got.method.consumer_tag, got.body) == ("quiet", b"a")


def test_consume_ok_comes_before_the_first_delivery(broker, queue):
    q = queue()
    with peers.opened(broker) as client:
        for number in range(20):
            client.publish(1, b"%d" % number, routing_key=q)
        consume_on_wire(client, q)
        assert [client.expect_content(spec.Basic.Deliver, 1).body for _ in range(20)] == [
            b"%d" % number for number in range(20)]


def test_waiting_messages_are_delivered_in_order(channel, queue):
    q, inbox = queue(), Inbox(channel)
    for number in range(100):
        send(channel, "", q, number)
    inbox.consume(q, auto_ack=True)
    assert inbox.wait(100) == [str(number) for number in range(100)]
    assert inbox.tags() == list(range(1, 101))


def test_no_local_is_ignored(broker, queue):
    q = queue()
    with peers.opened(broker) as client:
        consume_on_wire(client, q, no_local=True, no_ack=True)
        client.publish(1, b"a", routing_key=q)
        assert client.expect_content(spec.Basic.Deliver, 1).body == b"a"


@pytest.mark.parametrize("value, kind", [("5", "longstr"), (True, "bool"), (None, "void"), ({}, "table"),
                                         ([], "array")], ids=str)
def test_a_priority_must_be_an_integer(channel, queue, value, kind):
    q = queue()
    with refused(406, re.compile(f".*x-priority.*{kind}.*")):
        channel.basic_consume(q, lambda *_: None, arguments={"x-priority": value})


@pytest.mark.chaski_only
@pytest.mark.parametrize("value", [0, 5, -5])
def test_consumer_priorities_are_not_implemented_yet(channel, queue, value):
    q = queue()
    with refused(540, re.compile(".*x-priority.*")):
        channel.basic_consume(q, lambda *_: None, arguments={"x-priority": value})


def test_unknown_arguments_of_a_consumer_are_ignored(channel, queue):
    q, inbox = queue(), Inbox(channel)
    inbox.consume(q, arguments={"x-cancel-on-ha-failover": True, "x-of-mine": {"a": 1}})
    send(channel, "", q, "a")
    assert inbox.wait(1) == ["a"]


@pytest.mark.chaski_only
def test_direct_reply_to_is_not_implemented_yet(channel):
    with refused(540, re.compile(".*amq.rabbitmq.reply-to.*")):
        channel.basic_consume("amq.rabbitmq.reply-to", lambda *_: None, auto_ack=True)


# ---- exclusive ----


@pytest.mark.parametrize("first, second", [(True, True), (True, False), (False, True)])
def test_an_exclusive_consumer_stands_alone(channel, connection, queue, first, second):
    q, other = queue(), connection.channel()
    channel.basic_consume(q, lambda *_: None, exclusive=first)
    with refused(403, f"{queue_text(q)} in exclusive use"):
        other.basic_consume(q, lambda *_: None, exclusive=second)
    assert counts(channel, q) == (0, 1)


@pytest.mark.parametrize("end", [lambda c, tag: c.basic_cancel(tag), lambda c, tag: c.close(),
                                 lambda c, tag: c.connection.close()], ids=["cancel", "channel", "connection"])
def test_after_an_exclusive_consumer_others_may_consume(channel, connect, queue, end):
    q, first = queue(), connect().channel()
    end(first, first.basic_consume(q, lambda *_: None, exclusive=True))
    channel.basic_consume(q, lambda *_: None, exclusive=True)
    assert counts(channel, q) == (0, 1)


def test_others_may_get_beside_an_exclusive_consumer(channel, connection, queue):
    q, other = queue(), connection.channel()
    channel.basic_qos(prefetch_count=1)
    inbox = Inbox(channel)
    inbox.consume(q, exclusive=True)
    put(channel, "", q, "a", "b")
    inbox.wait(1)
    assert drain(other, q) == [b"b"]


# ---- cancelling ----


def test_after_cancel_ok_nothing_is_delivered(channel, queue):
    q, inbox = queue(), Inbox(channel)
    tag = inbox.consume(q)
    channel.basic_cancel(tag)
    put(channel, "", q, "a")
    assert inbox.settle(q) == []
    assert counts(channel, q) == (1, 0)


def test_cancelling_keeps_unacked_messages_on_the_channel(channel, queue):
    q, inbox = queue(), Inbox(channel)
    tag = inbox.consume(q)
    for body in "abc":
        send(channel, "", q, body)
    inbox.wait(3)
    channel.basic_cancel(tag)
    assert counts(channel, q) == (0, 0)
    channel.basic_ack(inbox.tags()[0])
    channel.basic_nack(inbox.tags()[1], requeue=True)
    sync(channel)
    assert drain(channel, q) == [b"b"]
    channel.basic_ack(inbox.tags()[2])
    sync(channel)


def test_cancelling_an_unknown_tag_succeeds(broker):
    with peers.opened(broker) as client:
        answer = client.request(1, spec.Basic.Cancel(consumer_tag="unknown"), spec.Basic.CancelOk)
        assert answer.consumer_tag == "unknown"


def test_cancel_with_nowait_cancels(broker, queue):
    q = queue()
    with peers.opened(broker) as client:
        consume_on_wire(client, q, "quiet")
        client.send_method(1, spec.Basic.Cancel(consumer_tag="quiet", nowait=True))
        answer = client.request(1, spec.Queue.Declare(queue=q, passive=True), spec.Queue.DeclareOk)
        assert answer.consumer_count == 0


@pytest.mark.parametrize("capable", [True, False])
def test_a_consumer_is_told_of_its_end_only_if_the_client_can_hear_it(channel, connect, queue, capable):
    other = connect(consumer_cancel_notify=capable).channel()
    q, control, inbox = queue(), queue(), Inbox(other)
    tag = inbox.consume(q)
    inbox.consume(control)
    channel.queue_delete(q)
    put(channel, "", control, "after the end")  # comes behind the cancel, if there is one
    inbox.wait(1)
    inbox.settle(control)
    assert inbox.cancelled == ([tag] if capable else [])


def test_a_server_side_cancel_wants_no_answer(channel, connect, queue):
    q, other, seen = queue(), connect().channel(), []
    raw(other).add_callback(seen.append, [spec.Basic.Cancel], one_shot=False)
    inbox = Inbox(other)
    tag = inbox.consume(q)
    channel.queue_delete(q)
    inbox.wait_for(lambda: seen, "basic.cancel")
    assert (seen[0].method.consumer_tag, seen[0].method.nowait) == (tag, True)


# ---- whose turn ----


def test_consumers_take_turns(channel, queue):
    q, inboxes = queue(), [Inbox(channel) for _ in range(3)]
    for inbox in inboxes:
        inbox.consume(q, auto_ack=True)
    for number in range(30):
        put(channel, "", q, number)
    inboxes[0].wait_for(lambda: sum(len(inbox.items) for inbox in inboxes) == 30, "30 deliveries")
    assert [len(inbox.items) for inbox in inboxes] == [10, 10, 10]
    merged = sorted((int(body) for inbox in inboxes for body in inbox.bodies()))
    assert merged == list(range(30))
    assert all(inbox.bodies() == sorted(inbox.bodies(), key=int) for inbox in inboxes)


def test_a_consumer_without_credit_is_passed_over(connection, channel, queue):
    q, slow, quick = queue(), Inbox(connection.channel()), Inbox(connection.channel())
    slow.channel.basic_qos(prefetch_count=1)
    slow.consume(q)
    quick.consume(q, auto_ack=True)
    put(channel, "", q, *range(10))
    quick.wait_for(lambda: len(slow.items) + len(quick.items) == 10, "10 deliveries")
    assert len(slow.items) == 1


def test_two_channels_share_a_queue(connection, connect, channel, queue):
    q, first, second = queue(), Inbox(connection.channel()), Inbox(connect().channel())
    first.consume(q, auto_ack=True)
    second.consume(q, auto_ack=True)
    put(channel, "", q, *range(20))
    first.wait(10)
    second.wait(10)
    assert sorted(map(int, first.bodies() + second.bodies())) == list(range(20))


# ---- delivery tags ----


def test_delivery_tags_count_every_delivery_and_get_of_the_channel(channel, connection, queue):
    q, other_q, inbox = queue(), queue(), Inbox(channel)
    put(channel, "", other_q, "x", "y")
    assert channel.basic_get(other_q, auto_ack=True)[0].delivery_tag == 1
    inbox.consume(q, auto_ack=True)
    send(channel, "", q, "a")
    inbox.wait(1)
    assert channel.basic_get(other_q)[0].delivery_tag == 3
    inbox.consume(q)
    send(channel, "", q, "b")
    inbox.wait(2)
    assert inbox.tags() == [2, 4]
    send(channel, "", q, "c")
    inbox.wait(3)
    assert inbox.tags() == [2, 4, 5]
    other = Inbox(connection.channel())
    put(channel, "", other_q, "z")
    other.consume(other_q)
    other.wait(1)
    assert other.tags() == [1]


def test_no_ack_deliveries_are_settled(channel, queue):
    q, inbox = queue(), Inbox(channel)
    inbox.consume(q, auto_ack=True)
    send(channel, "", q, "a")
    inbox.wait(1)
    with refused(406, "unknown delivery tag 1"):
        channel.basic_ack(1)
        sync(channel)


def test_a_lost_connection_gives_its_messages_back(broker, channel, queue):
    q = queue()
    put(channel, "", q, "a", "b", "c")
    with peers.opened(broker) as client:
        consume_on_wire(client, q)
        for _ in range(3):
            client.expect_content(spec.Basic.Deliver, 1)
    again = Inbox(channel)  # the other client's socket is closed now, without a goodbye
    again.consume(q)
    assert again.wait(3) == ["a", "b", "c"]
    assert [method.redelivered for method, _, _ in again.items] == [True] * 3
