# SPDX-License-Identifier: Apache-2.0
"""basic.recover: everything unacknowledged on a channel goes back."""
import pytest
from pika import spec

import peers
from client import *

pytestmark = pytest.mark.threads


def test_recover_requeues_everything_in_order_and_marks_it(channel, queue):
    q = queue()
    put(channel, "", q, *"abcd")
    for _ in range(3):
        channel.basic_get(q)
    channel.basic_recover(requeue=True)
    assert counts(channel, q) == (4, 0)
    got = [channel.basic_get(q) for _ in range(4)]
    assert bodies(got) == ["a", "b", "c", "d"]
    assert [method.redelivered for method, _, _ in got] == [True, True, True, False]


def test_recovered_messages_come_to_the_consumer_again(channel, queue):
    q, inbox = queue(), Inbox(channel)
    put(channel, "", q, *"abc")
    inbox.consume(q)
    inbox.wait(3)
    channel.basic_recover(requeue=True)
    assert inbox.wait(6) == ["a", "b", "c"] * 2
    assert [method.redelivered for method, _, _ in inbox.items] == [False] * 3 + [True] * 3
    assert inbox.tags() == [1, 2, 3, 4, 5, 6]


def test_recovered_tags_are_unknown_afterwards(channel, queue):
    q = queue()
    put(channel, "", q, "a")
    channel.basic_get(q)
    channel.basic_recover(requeue=True)
    with refused(406, "unknown delivery tag 1"):
        channel.basic_ack(1)
        sync(channel)


def test_recover_makes_room_in_the_window(channel, queue):
    q, inbox = queue(), Inbox(channel)
    put(channel, "", q, *"abc")
    channel.basic_qos(prefetch_count=2)
    inbox.consume(q)
    inbox.wait(2)
    channel.basic_recover(requeue=True)
    inbox.wait(4)
    assert inbox.settle(q) == ["a", "b", "a", "b"]


def test_recover_leaves_other_channels_alone(connection, channel, queue):
    q, other = queue(), connection.channel()
    put(channel, "", q, *"ab")
    tag = other.basic_get(q)[0].delivery_tag
    channel.basic_get(q)
    channel.basic_recover(requeue=True)
    assert drain(channel, q) == [b"b"]
    other.basic_ack(tag)
    sync(other)


def test_recover_with_nothing_outstanding_succeeds(channel):
    channel.basic_recover(requeue=True)
    sync(channel)


def test_recover_async_requeues_without_an_answer(broker, queue):
    q = queue()
    with peers.opened(broker) as client:
        client.publish(1, b"a", routing_key=q)
        client.send_method(1, spec.Basic.Get(queue=q))
        assert client.expect_content(spec.Basic.GetOk, 1).body == b"a"
        client.send_method(1, spec.Basic.RecoverAsync(requeue=True))
        client.send_method(1, spec.Basic.Get(queue=q))
        again = client.expect_content(spec.Basic.GetOk, 1)
        assert (again.body, again.method.redelivered) == (b"a", True)


@pytest.mark.parametrize("method", [spec.Basic.Recover, spec.Basic.RecoverAsync], ids=["recover", "recover-async"])
def test_recover_without_requeue_is_not_implemented(broker, method):
    with peers.opened(broker) as client:
        client.send_method(1, method(requeue=False))
        client.expect_close(540, "NOT_IMPLEMENTED - requeue=false", method)
