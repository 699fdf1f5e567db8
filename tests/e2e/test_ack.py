# SPDX-License-Identifier: Apache-2.0
"""basic.ack, nack and reject: which tags they settle, what they refuse, and where requeued messages go."""
import pytest
from pika import spec

import peers
from client import *

pytestmark = pytest.mark.threads


def deliver(channel, q, *given):
    """Puts these messages into the queue and takes them with basic.get; gives their delivery tags."""
    put(channel, "", q, *given)
    return [channel.basic_get(q)[0].delivery_tag for _ in given]


def flags(channel, q):
    """What is ready, as basic.get gives it: (body, redelivered)."""
    taken = []
    while True:
        method, _, body = channel.basic_get(q, auto_ack=True)
        if body is None:
            return taken
        taken.append((body.decode(), method.redelivered))


def refuses_tag(channel, tag, operation):
    with refused(406, f"unknown delivery tag {tag}"):
        operation()
        sync(channel)


# ---- ack ----


def test_an_acked_message_is_gone(connection, channel, queue):
    q = queue()
    for tag in deliver(channel, q, "a", "b"):
        channel.basic_ack(tag)
    channel.close()
    assert counts(connection.channel(), q) == (0, 0)


def test_what_was_not_acked_comes_back(connection, channel, queue):
    q = queue()
    first, _second, third = deliver(channel, q, "a", "b", "c")
    channel.basic_ack(third)
    channel.basic_ack(first)
    channel.close()
    assert flags(connection.channel(), q) == [("b", True)]


def test_ack_multiple_settles_all_up_to_the_tag(connection, channel, queue):
    q = queue()
    tags = deliver(channel, q, *"abcde")
    channel.basic_ack(tags[2], multiple=True)
    channel.close()
    assert flags(connection.channel(), q) == [("d", True), ("e", True)]


def test_ack_multiple_settles_over_all_queues_and_consumers_of_the_channel(connection, channel, queue):
    first, second, inbox = queue(), queue(), Inbox(channel)
    inbox.consume(first)
    inbox.consume(second)
    send(channel, "", first, "a")
    send(channel, "", second, "b")
    inbox.wait(2)
    channel.basic_ack(2, multiple=True)
    channel.close()
    looking = connection.channel()
    assert counts(looking, first) == counts(looking, second) == (0, 0)


def test_ack_multiple_of_tag_0_settles_everything(connection, channel, queue):
    q = queue()
    deliver(channel, q, *"abc")
    channel.basic_ack(0, multiple=True)
    channel.basic_ack(0, multiple=True)  # nothing outstanding is fine too
    sync(channel)
    channel.close()
    assert counts(connection.channel(), q) == (0, 0)


@pytest.mark.parametrize("multiple", [False, True])
def test_ack_of_a_tag_that_never_was(channel, queue, multiple):
    tags = deliver(channel, queue(), "a")
    refuses_tag(channel, tags[-1] + 1, lambda: channel.basic_ack(tags[-1] + 1, multiple=multiple))


def test_ack_of_tag_0_alone(channel, queue):
    deliver(channel, queue(), "a")
    refuses_tag(channel, 0, lambda: channel.basic_ack(0))


def test_ack_twice(channel, queue):
    [tag] = deliver(channel, queue(), "a")
    channel.basic_ack(tag)
    refuses_tag(channel, tag, lambda: channel.basic_ack(tag))


def test_the_largest_tag_is_written_in_full(channel):
    refuses_tag(channel, 2 ** 64 - 1, lambda: channel.basic_ack(2 ** 64 - 1))


def test_ack_multiple_of_a_settled_tag_below_an_outstanding_one_settles_nothing(connection, channel, queue):
    q = queue()
    _first, second, third, _fourth = deliver(channel, q, *"abcd")
    channel.basic_ack(third)
    channel.basic_ack(second)
    refuses_tag(channel, third, lambda: channel.basic_ack(third, multiple=True))
    assert flags(connection.channel(), q) == [("a", True), ("d", True)]


def test_ack_multiple_passes_over_settled_tags_below_it(connection, channel, queue):
    q = queue()
    tags = deliver(channel, q, *"abcd")
    channel.basic_ack(tags[1])
    channel.basic_ack(tags[3])
    channel.basic_ack(tags[2], multiple=True)
    sync(channel)
    channel.close()
    assert counts(connection.channel(), q) == (0, 0)


def test_ack_multiple_of_a_settled_tag_above_all_outstanding_settles_nothing(connection, channel, queue):
    q = queue()
    _first, _second, third = deliver(channel, q, *"abc")
    channel.basic_ack(third)
    refuses_tag(channel, third, lambda: channel.basic_ack(third, multiple=True))
    assert flags(connection.channel(), q) == [("a", True), ("b", True)]


def test_a_refused_ack_gives_everything_outstanding_back(connection, channel, queue):
    q = queue()
    deliver(channel, q, *"ab")
    refuses_tag(channel, 99, lambda: channel.basic_ack(99))
    assert flags(connection.channel(), q) == [("a", True), ("b", True)]


def test_a_delivery_belongs_to_its_channel(connection, channel, queue):
    q, other = queue(), connection.channel()
    [tag] = deliver(channel, q, "a")
    refuses_tag(other, tag, lambda: other.basic_ack(tag))
    channel.basic_ack(tag)
    sync(channel)


def test_get_without_ack_leaves_nothing_to_settle(channel, queue):
    q = queue()
    put(channel, "", q, "a")
    tag = channel.basic_get(q, auto_ack=True)[0].delivery_tag
    refuses_tag(channel, tag, lambda: channel.basic_ack(tag))


# ---- reject and nack ----


@pytest.mark.parametrize("operation", [
    lambda c, tag: c.basic_reject(tag, requeue=False), lambda c, tag: c.basic_nack(tag, requeue=False)],
    ids=["reject", "nack"])
def test_refused_without_requeue_a_message_is_gone(connection, channel, queue, operation):
    q = queue()
    [tag] = deliver(channel, q, "a")
    operation(channel, tag)
    channel.close()
    assert counts(connection.channel(), q) == (0, 0)


@pytest.mark.parametrize("operation", [
    lambda c, tag: c.basic_reject(tag, requeue=True), lambda c, tag: c.basic_nack(tag, requeue=True)],
    ids=["reject", "nack"])
def test_requeued_a_message_is_first_again(channel, queue, operation):
    q = queue()
    first, _second = deliver(channel, q, "a", "b")
    put(channel, "", q, "c")
    operation(channel, first)
    sync(channel)
    assert flags(channel, q) == [("a", True), ("c", False)]


@pytest.mark.parametrize("order", [(0, 2, 1), (2, 1, 0), (1, 0, 2), (2, 0, 1)], ids=str)
def test_requeued_messages_return_to_their_places(channel, queue, order):
    q = queue()
    tags = deliver(channel, q, *"abc")
    put(channel, "", q, "d")
    for place in order:
        channel.basic_nack(tags[place])
    sync(channel)
    assert flags(channel, q) == [("a", True), ("b", True), ("c", True), ("d", False)]


def test_a_message_returns_between_its_neighbours(channel, queue):
    q = queue()
    tags = deliver(channel, q, *"abcde")
    for place in (3, 1):
        channel.basic_nack(tags[place])
    sync(channel)
    assert [body for body, _ in flags(channel, q)] == ["b", "d"]
    for place in (4, 0, 2):
        channel.basic_nack(tags[place])
    sync(channel)
    assert [body for body, _ in flags(channel, q)] == ["a", "c", "e"]


def test_nack_multiple_requeues_all_up_to_the_tag(channel, queue):
    q = queue()
    tags = deliver(channel, q, *"abcd")
    channel.basic_nack(tags[2], multiple=True, requeue=True)
    sync(channel)
    assert flags(channel, q) == [("a", True), ("b", True), ("c", True)]
    channel.basic_ack(tags[3])
    sync(channel)


def test_nack_multiple_of_tag_0_requeues_everything(channel, queue):
    q = queue()
    deliver(channel, q, *"abc")
    channel.basic_nack(0, multiple=True)
    channel.basic_nack(0, multiple=True)
    sync(channel)
    assert flags(channel, q) == [("a", True), ("b", True), ("c", True)]


@pytest.mark.parametrize("operation", [
    lambda c, tag: c.basic_reject(tag), lambda c, tag: c.basic_reject(tag, requeue=False),
    lambda c, tag: c.basic_nack(tag), lambda c, tag: c.basic_nack(tag, multiple=True),
    lambda c, tag: c.basic_nack(tag, requeue=False)],
    ids=["reject", "reject for good", "nack", "nack multiple", "nack for good"])
def test_refusing_an_unknown_tag(channel, queue, operation):
    [tag] = deliver(channel, queue(), "a")
    refuses_tag(channel, tag + 5, lambda: operation(channel, tag + 5))


def test_a_requeued_message_goes_to_a_consumer_marked_as_redelivered(channel, queue):
    q, inbox = queue(), Inbox(channel)
    inbox.consume(q)
    send(channel, "", q, "a")
    inbox.wait(1)
    channel.basic_reject(inbox.tags()[0], requeue=True)
    assert inbox.wait(2) == ["a", "a"]
    assert [method.redelivered for method, _, _ in inbox.items] == [False, True]
    assert inbox.tags() == [1, 2]


def test_requeued_messages_reach_a_waiting_consumer_in_order(connection, channel, queue):
    q, inbox = queue(), Inbox(connection.channel())
    deliver(channel, q, *"abcd")
    inbox.consume(q)
    channel.basic_nack(4, multiple=True)
    assert inbox.wait(4) == ["a", "b", "c", "d"]


def test_a_copy_in_another_queue_is_untouched(channel, exchange, queue):
    x, first, second = exchange("fanout"), queue(), queue()
    for q in (first, second):
        channel.queue_bind(q, x)
    put(channel, x, "", "a")
    method, _, _ = channel.basic_get(first)
    channel.basic_nack(method.delivery_tag)
    sync(channel)
    assert flags(channel, first) == [("a", True)]
    assert flags(channel, second) == [("a", False)]


# ---- the end of a channel ----


def test_closing_a_channel_gives_back_before_it_answers(connection, channel, queue):
    q, holding = queue(), connection.channel()
    deliver(holding, q, *"abc")
    holding.close()
    assert flags(channel, q) == [("a", True), ("b", True), ("c", True)]


def test_closing_a_connection_gives_back_before_it_answers(connect, channel, queue):
    q, other = queue(), connect()
    deliver(other.channel(), q, *"abc")
    other.close()
    assert flags(channel, q) == [("a", True), ("b", True), ("c", True)]


def test_messages_given_back_go_to_another_consumer(connection, channel, queue):
    q, holding, inbox = queue(), Inbox(connection.channel()), Inbox(channel)
    put(channel, "", q, *range(50))
    holding.consume(q)
    holding.wait(50)
    inbox.consume(q)
    holding.channel.close()
    assert inbox.wait(50) == [str(number) for number in range(50)]


def test_many_unacked_messages_are_settled_by_one_ack(broker, queue):
    q = queue()
    with peers.opened(broker) as client:
        for number in range(900):
            client.publish(1, b"%d" % number, routing_key=q)
        client.request(1, spec.Basic.Consume(queue=q), spec.Basic.ConsumeOk)
        for number in range(900):
            assert client.expect_content(spec.Basic.Deliver, 1).body == b"%d" % number
        client.send_method(1, spec.Basic.Ack(delivery_tag=900, multiple=True))
        client.request(1, spec.Channel.Close(reply_code=200, reply_text="", class_id=0, method_id=0),
                       spec.Channel.CloseOk)
        client.open_channel(1)
        assert peers.ready_count(client, 1, q) == 0
