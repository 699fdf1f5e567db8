# SPDX-License-Identifier: Apache-2.0
"""The memory alarm: publishers are told and held back, everybody else goes on, and nothing is lost."""
import socket

import pika
import pytest
from pika import spec

import peers
from client import *
from lib.broker import wait_until
from publisher import *

ALARM = {"vm_memory_high_watermark.absolute": "2MB", "memory.bodies": "64MiB"}  # what is in memory stays there

pytestmark = [pytest.mark.chaski_only, pytest.mark.threads, pytest.mark.broker(settings=ALARM)]


@pytest.fixture
def blocked(connect, channel, queue):
    """A publisher that was just blocked, and the queue that it filled."""
    publisher = Publisher(connect(), queue())
    publisher.publish_until_blocked()
    yield publisher
    if channel.is_open:
        channel.queue_purge(publisher.q)  # ends the alarm; until then a held channel does not get to its close


def test_a_publisher_is_told_why_it_is_blocked(blocked):
    assert blocked.heard == ["low on memory"]


def test_nothing_is_lost_and_the_order_is_kept(blocked, connection):
    blocked.publish(2)  # publishing goes on; these are held
    inbox = Inbox(connection.channel())
    receive_all(inbox, blocked.q, blocked)
    blocked.wait_to_hear("low on memory", "unblocked")
    assert numbers(inbox) == list(range(blocked.count))
    blocked.publish()  # and goes on afterwards
    inbox.wait(blocked.count)


def test_what_is_held_is_in_no_queue(blocked, connect, channel, queue):
    late = Publisher(connect(), queue())
    late.publish(2)
    late.wait_to_hear("low on memory")
    sync(late.connection.channel())
    assert counts(channel, late.q) == (0, 0)
    channel.queue_purge(blocked.q)
    sync(late.channel)
    assert counts(channel, late.q) == (2, 0)


def test_a_held_publish_is_confirmed_when_it_is_let_through(blocked, channel, connect, queue):
    q, confirms = queue(), Confirms(connect().channel())
    send(confirms.channel, "", q, BODY)
    sync(channel)
    assert counts(channel, q) == (0, 0) and confirms.events == []
    channel.queue_purge(blocked.q)
    assert confirms.wait(1) == ["ack"]
    assert counts(channel, q) == (1, 0)


def test_acks_of_a_blocked_connection_count(blocked, connect, channel, queue):
    late = Publisher(connect(), queue())
    inbox = Inbox(late.connection.channel())
    inbox.channel.basic_qos(prefetch_count=1)
    inbox.consume(blocked.q)
    late.publish()
    late.wait_to_hear("low on memory")
    for count in range(1, 6):  # each further delivery needs the ack of the one before
        inbox.wait(count)
        inbox.channel.basic_ack(inbox.tags()[-1])
    inbox.wait(6)
    assert numbers(inbox) == list(range(6))
    assert late.heard == ["low on memory"]
    assert counts(channel, late.q) == (0, 0)


def test_acks_of_a_blocked_connection_may_end_its_own_alarm(blocked, connect, channel, queue):
    late = Publisher(connect(), queue())
    late.publish()
    late.wait_to_hear("low on memory")
    inbox = Inbox(late.connection.channel())
    receive_all(inbox, blocked.q, blocked)
    late.wait_to_hear("low on memory", "unblocked")
    blocked.wait_to_hear("low on memory", "unblocked")
    assert numbers(inbox) == list(range(blocked.count))
    sync(late.channel)
    assert counts(channel, late.q) == (1, 0)


def test_connections_that_do_not_publish_notice_nothing(blocked, channel, connect, queue):
    other = connect()
    heard = []
    other.add_on_connection_blocked_callback(lambda *_: heard.append(True))
    q = queue(on=other.channel())
    working = other.channel()
    working.queue_bind(q, "amq.fanout")
    assert working.basic_get(blocked.q)[2][:6] == b"000000"
    working.queue_delete(q)
    sync(working)
    assert heard == []


def test_a_connection_opened_during_the_alarm_is_blocked_by_its_first_publish(blocked, connect, channel, queue):
    late = Publisher(connect(), queue())
    sync(late.channel)
    assert late.heard == []
    late.publish()
    late.wait_to_hear("low on memory")
    channel.queue_purge(blocked.q)
    late.wait_to_hear("low on memory", "unblocked")
    blocked.wait_to_hear("low on memory", "unblocked")
    sync(late.channel)
    assert counts(channel, late.q) == (1, 0)


def test_a_client_that_cannot_hear_it_is_held_without_a_word(blocked, connect, channel, queue):
    deaf = Publisher(connect(connection__blocked=False), queue())
    deaf.publish()
    other_channel = deaf.connection.channel()  # a round trip behind the publish, on a channel that nothing holds
    sync(other_channel)
    assert counts(channel, deaf.q) == (0, 0)
    channel.queue_purge(blocked.q)
    sync(deaf.channel)
    assert counts(channel, deaf.q) == (1, 0)
    assert deaf.heard == []


def test_later_requests_of_a_held_channel_wait_in_order(blocked, channel, connect, queue):
    q = queue()
    late = connect().channel()
    send(late, "", q, "first")
    answers = []
    raw(late).queue_purge(q, callback=answers.append)
    sync(channel)
    assert answers == []
    channel.queue_purge(blocked.q)
    sync(late)
    assert [answer.method.message_count for answer in answers] == [1]


def test_what_a_lost_connection_had_held_is_dropped(blocked, broker, channel, queue):
    q, consumed = queue(), queue()
    with peers.opened(broker) as client:
        client.request(1, spec.Basic.Consume(queue=consumed), spec.Basic.ConsumeOk)
        client.publish(1, BODY, routing_key=q)
        assert client.expect(spec.Connection.Blocked, 0).reason == "low on memory"
    wait_until(lambda: counts(channel, consumed) == (0, 0), "the broker has seen the end of the connection")
    channel.queue_purge(blocked.q)
    blocked.wait_to_hear("low on memory", "unblocked")
    put(channel, "", q, "from another")
    assert drain(channel, q) == [b"from another"]


def test_a_goodbye_waits_for_what_is_held(blocked, broker, channel, queue):
    q = queue()
    with peers.opened(broker) as client:
        client.publish(1, BODY, routing_key=q)
        client.expect(spec.Connection.Blocked, 0)
        client.send_method(0, spec.Connection.Close(200, "", 0, 0))
        assert counts(channel, q) == (0, 0)
        channel.queue_purge(blocked.q)
        client.expect(spec.Connection.Unblocked, 0)
        client.expect(spec.Connection.CloseOk, 0)
    assert counts(channel, q) == (1, 0)


def test_a_goodbye_waits_for_what_is_held_also_of_a_client_that_does_not(blocked, broker, channel, queue):
    q = queue()
    with peers.opened(broker) as client:
        client.publish(1, BODY, routing_key=q)
        client.expect(spec.Connection.Blocked, 0)
        client.send_method(0, spec.Connection.Close(200, "", 0, 0))
        client.sock.shutdown(socket.SHUT_WR)
        sync(channel)
        channel.queue_purge(blocked.q)
        client.expect(spec.Connection.Unblocked, 0)
        client.expect(spec.Connection.CloseOk, 0)
    assert counts(channel, q) == (1, 0)


def is_gone(connection_, q):
    """True when this exclusive queue of another connection is (405 while it is there)."""
    asking = connection_.channel()
    with pytest.raises(pika.exceptions.ChannelClosedByBroker) as closed:
        asking.queue_declare(q, passive=True)
    return closed.value.reply_code == 404


def test_what_was_held_for_a_goodbye_is_dropped_when_the_socket_is_lost(blocked, broker, connection, channel, queue):
    q = queue()
    with peers.opened(broker) as client:
        own = client.declare_queue(1)
        client.publish(1, BODY, routing_key=q)
        client.expect(spec.Connection.Blocked, 0)
        client.send_method(0, spec.Connection.Close(200, "", 0, 0))
        peers.abort_hard(client)
    wait_until(lambda: is_gone(connection, own), "the broker has seen the end of the connection")
    channel.queue_purge(blocked.q)
    blocked.wait_to_hear("low on memory", "unblocked")
    assert counts(channel, q) == (0, 0)


def test_the_alarm_comes_again(blocked, channel, connect):
    channel.queue_purge(blocked.q)
    blocked.wait_to_hear("low on memory", "unblocked")
    for _ in range(3):
        again = Publisher(connect(), blocked.q)
        again.publish_until_blocked()
        assert again.heard == ["low on memory"]
        channel.queue_purge(blocked.q)
        again.wait_to_hear("low on memory", "unblocked")
        sync(again.channel)
        channel.queue_purge(blocked.q)
    assert blocked.heard == ["low on memory", "unblocked"]
