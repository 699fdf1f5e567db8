# SPDX-License-Identifier: Apache-2.0
"""basic.qos: how many unacknowledged messages a consumer, and a whole channel, may hold."""
import pytest

from client import *

pytestmark = pytest.mark.threads


def filled(channel, queue, count=10):
    q = queue()
    put(channel, "", q, *range(count))
    return q


def numbers(*given):
    return [str(number) for number in given]


def test_a_consumer_holds_no_more_than_its_prefetch(channel, queue):
    q, inbox = filled(channel, queue), Inbox(channel)
    channel.basic_qos(prefetch_count=3)
    inbox.consume(q)
    inbox.wait(3)
    assert inbox.settle(q) == numbers(0, 1, 2)
    assert counts(channel, q) == (7, 1)
    channel.basic_ack(inbox.tags()[1])
    inbox.wait(4)
    assert inbox.settle(q) == numbers(0, 1, 2, 3)
    channel.basic_ack(inbox.tags()[-1], multiple=True)
    inbox.wait(7)
    assert inbox.settle(q) == numbers(*range(7))


@pytest.mark.parametrize("settle", [lambda c, tag: c.basic_ack(tag), lambda c, tag: c.basic_reject(tag, False),
                                    lambda c, tag: c.basic_nack(tag, requeue=False)], ids=["ack", "reject", "nack"])
def test_whatever_settles_a_message_makes_room(channel, queue, settle):
    q, inbox = filled(channel, queue), Inbox(channel)
    channel.basic_qos(prefetch_count=1)
    inbox.consume(q)
    for count in range(1, 6):
        inbox.wait(count)
        settle(channel, inbox.tags()[-1])
    assert inbox.wait(6) == numbers(*range(6))


def test_a_requeued_message_makes_room_for_itself(channel, queue):
    q, inbox = filled(channel, queue, 2), Inbox(channel)
    channel.basic_qos(prefetch_count=1)
    inbox.consume(q)
    inbox.wait(1)
    channel.basic_nack(inbox.tags()[0])
    assert inbox.wait(2) == numbers(0, 0)
    assert inbox.items[1][0].redelivered


def test_without_qos_there_is_no_limit(channel, queue):
    q, inbox = filled(channel, queue, 200), Inbox(channel)
    inbox.consume(q)
    assert len(inbox.wait(200)) == 200


def test_0_means_no_limit(channel, queue):
    q, inbox = filled(channel, queue, 50), Inbox(channel)
    channel.basic_qos(prefetch_count=1)
    channel.basic_qos(prefetch_count=0)
    inbox.consume(q)
    assert len(inbox.wait(50)) == 50


def test_each_consumer_has_its_own_window(channel, queue):
    q, first, second = filled(channel, queue), Inbox(channel), Inbox(channel)
    channel.basic_qos(prefetch_count=2)
    first.consume(q)
    second.consume(q)
    first.wait(2)
    second.wait(2)
    first.settle(q)
    assert (len(first.items), len(second.items)) == (2, 2)
    assert counts(channel, q) == (6, 2)


def test_qos_is_for_consumers_that_start_later(channel, queue):
    q, early, late = filled(channel, queue, 0), Inbox(channel), Inbox(channel)
    channel.basic_qos(prefetch_count=1)
    early.consume(q)
    channel.basic_qos(prefetch_count=3)
    late.consume(q)
    put(channel, "", q, *range(10))
    late.wait(3)
    early.settle(q)
    assert (len(early.items), len(late.items)) == (1, 3)


def test_qos_is_for_its_channel(channel, connection, queue):
    q, other = filled(channel, queue), Inbox(connection.channel())
    channel.basic_qos(prefetch_count=1)
    other.consume(q)
    assert len(other.wait(10)) == 10


def test_no_ack_ignores_the_prefetch(channel, queue):
    q, inbox = filled(channel, queue), Inbox(channel)
    channel.basic_qos(prefetch_count=1)
    inbox.consume(q, auto_ack=True)
    assert inbox.wait(10) == numbers(*range(10))


def test_a_global_window_is_shared_by_all_consumers(channel, queue):
    q, other_q = filled(channel, queue), filled(channel, queue)
    first, second = Inbox(channel), Inbox(channel)
    channel.basic_qos(prefetch_count=3, global_qos=True)
    first.consume(q)
    first.wait(3)
    second.consume(other_q)
    second.settle(other_q)
    assert (len(first.items), len(second.items)) == (3, 0)
    channel.basic_ack(first.tags()[-1], multiple=True)
    first.wait_for(lambda: len(first.items) + len(second.items) >= 6, "three more")
    first.settle(q)
    assert len(first.items) + len(second.items) == 6


def test_both_limits_hold_at_once(channel, queue):
    q, other_q = filled(channel, queue), filled(channel, queue)
    first, second = Inbox(channel), Inbox(channel)
    channel.basic_qos(prefetch_count=2)
    channel.basic_qos(prefetch_count=3, global_qos=True)
    first.consume(q)
    first.wait(2)
    second.consume(other_q)
    second.wait(1)
    second.settle(other_q)
    assert (len(first.items), len(second.items)) == (2, 1)


def test_a_wider_global_window_takes_effect_at_once(channel, queue):
    q, inbox = filled(channel, queue), Inbox(channel)
    channel.basic_qos(prefetch_count=2, global_qos=True)
    inbox.consume(q)
    inbox.wait(2)
    channel.basic_qos(prefetch_count=5, global_qos=True)
    inbox.wait(5)
    assert inbox.settle(q) == numbers(*range(5))


def test_a_global_window_of_0_is_none(channel, queue):
    q, inbox = filled(channel, queue), Inbox(channel)
    channel.basic_qos(prefetch_count=2, global_qos=True)
    inbox.consume(q)
    inbox.wait(2)
    channel.basic_qos(prefetch_count=0, global_qos=True)
    assert inbox.wait(10) == numbers(*range(10))


def test_gets_fill_no_window_of_a_consumer(channel, queue):
    q, inbox = filled(channel, queue), Inbox(channel)
    channel.basic_qos(prefetch_count=2)
    for _ in range(3):
        channel.basic_get(q)
    inbox.consume(q)
    assert inbox.wait(2) == numbers(3, 4)


def test_a_cancelled_consumer_takes_nothing_from_its_successor(channel, queue):
    q, inbox = filled(channel, queue), Inbox(channel)
    channel.basic_qos(prefetch_count=2)
    for _ in range(3):
        tag = inbox.consume(q)
        inbox.wait(len(inbox.items) + 2)
        channel.basic_cancel(tag)
    assert inbox.settle(q) == numbers(*range(6))


@pytest.mark.parametrize("size", [1, 4294967295])
def test_a_window_in_octets_is_not_implemented(channel, size):
    with refused(540, f"prefetch_size!=0 ({size})"):
        channel.basic_qos(prefetch_size=size)


def test_the_largest_prefetch_is_accepted(channel, queue):
    q, inbox = filled(channel, queue, 3), Inbox(channel)
    channel.basic_qos(prefetch_count=65535)
    inbox.consume(q)
    assert inbox.wait(3) == numbers(0, 1, 2)


def test_slow_consumers_do_not_hold_up_others(channel, connection, queue):
    q, inboxes = queue(), [Inbox(connection.channel()) for _ in range(3)]
    for inbox in inboxes:
        inbox.channel.basic_qos(prefetch_count=1)
        inbox.consume(q)
    put(channel, "", q, *range(9))
    quick, done = inboxes[1], 0
    while done < 7:  # nobody else acknowledges
        quick.wait(done + 1)
        quick.channel.basic_ack(quick.tags()[done])
        done += 1
    inboxes[0].wait(1)
    inboxes[2].wait(1)
    assert sorted(int(body) for inbox in inboxes for body in inbox.bodies()) == list(range(9))
