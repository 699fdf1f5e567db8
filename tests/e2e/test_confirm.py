# SPDX-License-Identifier: Apache-2.0
"""Publisher confirms: every publish is settled once, returns come first."""

import pika
import pytest
from pika import spec

import peers
from client import *

pytestmark = pytest.mark.threads


def test_each_publish_is_acknowledged_once(channel, queue):
    q, confirms = queue(), Confirms(channel)
    for number in range(300):
        send(channel, "", q, number)
    assert confirms.wait(300) == ["ack"] * 300
    assert counts(channel, q) == (300, 0)


def test_a_single_publish_gets_a_single_ack(channel, queue):
    q, confirms = queue(), Confirms(channel)
    for number in (1, 2, 3):
        send(channel, "", q, "a")
        confirms.wait(number)
    assert confirms.events == [("ack", 1, False), ("ack", 2, False), ("ack", 3, False)]


@pytest.mark.parametrize("flags, properties", [
    ({}, {}), ({"durable": True}, {}), ({}, {"delivery_mode": 2}), ({"durable": True}, {"delivery_mode": 2})], ids=str)
def test_a_confirm_comes_for_every_kind_of_message_and_queue(channel, queue, flags, properties):
    q, confirms = queue(**flags), Confirms(channel)
    for _ in range(10):
        send(channel, "", q, "a", **properties)
    assert confirms.wait(10) == ["ack"] * 10


def test_an_unroutable_message_is_acknowledged(channel, exchange):
    x, confirms = exchange(), Confirms(channel)
    send(channel, x, "nowhere", "a")
    send(channel, "", "nobody at all", "b")
    assert confirms.wait(2) == ["ack"] * 2


def test_a_return_comes_before_the_ack_of_its_message(channel, queue):
    q, confirms = queue(), Confirms(channel)
    for number in range(1, 21):
        send(channel, "", "nobody at all" if number % 3 == 0 else q, number, mandatory=True)
    assert confirms.wait(20) == ["ack"] * 20
    returned, settled = set(), set()
    for event in confirms.events:
        if event[0] == "return":
            number = int(event[3])
            assert number not in settled
            returned.add(number)
        else:
            settled |= set(range(1, event[1] + 1)) if event[2] else {event[1]}
            assert {number for number in settled if number % 3 == 0} <= returned
    assert returned == {3, 6, 9, 12, 15, 18}


def test_numbers_start_with_the_first_publish_after_select(channel, queue):
    q = queue()
    send(channel, "", q, "before")
    send(channel, "", q, "before")
    confirms = Confirms(channel)
    send(channel, "", q, "after")
    assert confirms.wait(1) == ["ack"]
    assert confirms.events == [("ack", 1, False)]


def test_each_channel_counts_for_itself(connection, queue):
    q, first, second = queue(), Confirms(connection.channel()), Confirms(connection.channel())
    for confirms in (first, second, first):
        send(confirms.channel, "", q, "a")
    assert first.wait(2) == ["ack"] * 2
    assert second.wait(1) == ["ack"]


def test_select_may_be_repeated_and_goes_on_counting(broker, queue):
    q = queue()
    with peers.opened(broker) as client:
        for number in (1, 2):
            client.request(1, spec.Confirm.Select(), spec.Confirm.SelectOk)
            client.publish(1, b"a", routing_key=q)
            assert client.expect(spec.Basic.Ack, 1).delivery_tag == number


def test_select_with_nowait_has_no_answer(broker, queue):
    q = queue()
    with peers.opened(broker) as client:
        client.send_method(1, spec.Confirm.Select(nowait=True))
        client.publish(1, b"a", routing_key=q)
        ack = client.expect(spec.Basic.Ack, 1)
        assert (ack.delivery_tag, ack.multiple) == (1, False)


def test_without_select_nothing_is_confirmed(channel, queue):
    q, seen = queue(), []
    raw(channel).add_callback(seen.append, [spec.Basic.Ack], one_shot=False)
    send(channel, "", q, "a")
    assert drain(channel, q) == [b"a"]
    assert seen == []


def test_a_publish_to_a_missing_exchange_closes_the_channel_unconfirmed(channel, queue, name):
    q, x, confirms = queue(), name(), Confirms(channel)
    send(channel, "", q, "a")
    confirms.wait(1)
    with refused(404, f"no exchange '{x}' in vhost '/'"):
        send(channel, x, "k", "b")
        sync(channel)
    assert confirms.settled() == {1: "ack"}


def test_a_message_for_many_queues_is_confirmed_once(channel, exchange, queue):
    x, confirms = exchange("fanout"), Confirms(channel)
    queues = [queue() for _ in range(10)]
    for q in queues:
        channel.queue_bind(q, x)
    send(channel, x, "", "a")
    assert confirms.wait(1) == ["ack"]
    assert confirms.events == [("ack", 1, False)]
    assert all(drain(channel, q) == [b"a"] for q in queues)


def test_publishes_and_acks_of_deliveries_mix(channel, queue):
    q, confirms, inbox = queue(), Confirms(channel), Inbox(channel)
    inbox.consume(q)
    for number in range(40):
        send(channel, "", q, number)
        if inbox.items:
            channel.basic_ack(inbox.tags()[-1], multiple=True)
            inbox.items.clear()
    assert confirms.wait(40) == ["ack"] * 40


def test_pika_waits_for_each_confirm(channel, queue):
    q = queue()
    channel.confirm_delivery()
    for number in range(20):
        send(channel, "", q, number, mandatory=True)
        assert counts(channel, q) == (number + 1, 0)
    with pytest.raises(pika.exceptions.UnroutableError) as caught:
        send(channel, "", "nobody at all", "x", mandatory=True)
    assert caught.value.messages[0].body == b"x"
    send(channel, "", q, "goes on")
