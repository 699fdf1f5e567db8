# SPDX-License-Identifier: Apache-2.0
"""basic.get: one message at a time, by asking."""
import pytest
from pika import spec

import peers
from client import *


def test_get_from_an_empty_queue_is_empty(channel, queue):
    assert channel.basic_get(queue()) == (None, None, None)


def test_get_gives_the_first_message_and_how_many_are_left(channel, exchange, queue):
    x, q = exchange(), queue()
    channel.queue_bind(q, x, "k")
    put(channel, x, "k", "a", "b", "c")
    for body, left in (("a", 2), ("b", 1), ("c", 0)):
        method, _, got = channel.basic_get(q)
        assert (got.decode(), method.message_count) == (body, left)
        assert (method.exchange, method.routing_key, method.redelivered) == (x, "k", False)
    assert channel.basic_get(q) == (None, None, None)


def test_get_counts_ready_messages_only(channel, connection, queue):
    q = queue()
    put(channel, "", q, *"abcd")
    connection.channel().basic_get(q)
    assert channel.basic_get(q)[0].message_count == 2


def test_get_tags_count_up(channel, queue):
    q = queue()
    put(channel, "", q, *"abc")
    assert [channel.basic_get(q, auto_ack=no_ack)[0].delivery_tag for no_ack in (False, True, False)] == [1, 2, 3]


def test_get_with_no_ack_takes_the_message_for_good(connection, channel, queue):
    q = queue()
    put(channel, "", q, "a")
    channel.basic_get(q, auto_ack=True)
    channel.close()
    assert counts(connection.channel(), q) == (0, 0)


def test_get_is_not_limited_by_the_prefetch(channel, queue):
    q = queue()
    put(channel, "", q, *"abc")
    channel.basic_qos(prefetch_count=1)
    assert [channel.basic_get(q)[2] for _ in range(3)] == [b"a", b"b", b"c"]


def test_get_does_not_count_against_the_prefetch_of_a_consumer(channel, queue):
    q, inbox = queue(), Inbox(channel)
    put(channel, "", q, *"abc")
    channel.basic_qos(prefetch_count=1)
    channel.basic_get(q)
    inbox.consume(q)
    assert inbox.wait(1) == ["b"]


def test_get_works_beside_a_consumer(channel, connection, queue):
    q, inbox = queue(), Inbox(connection.channel())
    inbox.channel.basic_qos(prefetch_count=1)
    inbox.consume(q)
    put(channel, "", q, *"abc")
    assert inbox.wait(1) == ["a"]
    assert channel.basic_get(q, auto_ack=True)[2] == b"b"
    inbox.channel.basic_ack(inbox.tags()[0])
    assert inbox.wait(2) == ["a", "c"]


def test_get_from_a_missing_queue_is_refused(channel, name):
    q = name()
    with refused(404, f"no queue '{q}' in vhost '/'"):
        channel.basic_get(q)


def test_a_row_of_gets_is_answered_in_order(broker, queue):
    q, empty = queue(), queue()
    with peers.opened(broker) as client:
        for number in range(30):
            client.publish(1, b"%d" % number, routing_key=q)
        for _ in range(30):
            client.send_method(1, spec.Basic.Get(queue=q))
            client.send_method(1, spec.Basic.Get(queue=empty))
        for number in range(30):
            got = client.expect_content(spec.Basic.GetOk, 1)
            assert (got.body, got.method.message_count) == (b"%d" % number, 29 - number)
            client.expect(spec.Basic.GetEmpty, 1)


@pytest.mark.parametrize("size", [0, 100, 300000])
def test_get_gives_a_body_of_any_size(channel, queue, size):
    q = queue()
    put(channel, "", q, b"x" * size)
    assert channel.basic_get(q)[2] == b"x" * size
