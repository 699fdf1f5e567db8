# SPDX-License-Identifier: Apache-2.0
"""Transactions as clients use them: nothing of one is seen before its commit, all of it after, whatever it is a mix of;
what is refused, and how much one may be."""
import pytest
from pika import spec

import peers
from client import *
from lib import http
from lib.broker import wait_until

pytestmark = pytest.mark.threads


def in_tx(connection):
    channel = connection.channel()
    channel.tx_select()
    return channel


def unacked(channel, called, count):
    """Gets so many messages; gives their tags."""
    return [channel.basic_get(called)[0].delivery_tag for _ in range(count)]


# ---- what is seen, and when ----


def test_publishes_are_seen_with_the_commit(connection, queue, exchange):
    first, second, x = queue(durable=True), queue(), exchange("fanout")
    channel, other = in_tx(connection), connection.channel()
    for one in (first, second):
        channel.queue_bind(one, x)
    send(channel, x, "", "both", delivery_mode=2)
    send(channel, "", first, "one", delivery_mode=2)
    send(channel, "", first, "transient")
    sync(channel)
    assert counts(other, first) == counts(other, second) == (0, 0)
    channel.tx_commit()
    assert drain(other, first) == [b"both", b"one", b"transient"]
    assert drain(other, second) == [b"both"]


def test_a_mix_of_publishes_and_acks_happens_at_once(connection, queue):
    source, target, refused_, back = queue(), queue(durable=True), queue(), queue()
    channel, other = in_tx(connection), connection.channel()
    put(other, "", source, "a", "b"), put(other, "", refused_, "c"), put(other, "", back, "d", "e")
    first, second = unacked(channel, source, 2)
    channel.basic_ack(first)
    channel.basic_nack(unacked(channel, refused_, 1)[0], requeue=False)
    fourth, fifth = unacked(channel, back, 2)
    channel.basic_reject(fourth, requeue=True)
    channel.basic_nack(fifth, requeue=True)
    channel.basic_ack(second)
    send(channel, "", target, "done", delivery_mode=2)
    sync(channel)
    assert [counts(other, one)[0] for one in (source, target, refused_, back)] == [0, 0, 0, 0]
    channel.tx_commit()
    assert drain(other, target) == [b"done"] and drain(other, back) == [b"d", b"e"]
    channel.close()
    assert drain(other, source) == drain(other, refused_) == []


def test_a_rollback_undoes_both(connection, queue):
    source, target = queue(), queue()
    channel, other = in_tx(connection), connection.channel()
    put(other, "", source, "a", "b")
    first, second = unacked(channel, source, 2)
    channel.basic_ack(second, multiple=True)
    send(channel, "", target, "never")
    channel.tx_rollback()
    assert counts(other, source) == counts(other, target) == (0, 0)  # outstanding again, and not redelivered
    channel.basic_ack(first)
    channel.basic_nack(second)
    channel.tx_commit()
    assert drain(other, source) == [b"b"] and drain(other, target) == []


def test_one_transaction_follows_the_other(connection, queue):
    q, channel = queue(), in_tx(connection)
    for number in range(10):
        send(channel, "", q, number)
        channel.tx_commit() if number % 2 else channel.tx_rollback()
    channel.tx_select()  # again: changes nothing
    send(channel, "", q, "last")
    channel.tx_commit()
    channel.tx_commit()
    assert drain(connection.channel(), q) == [b"1", b"3", b"5", b"7", b"9", b"last"]


def test_a_consumer_is_given_more_with_the_commit_of_its_acks(connection, queue):
    q, channel = queue(), in_tx(connection)
    put(channel, "", q, *range(6))
    channel.basic_qos(prefetch_count=2)
    inbox = Inbox(channel)
    inbox.consume(q)
    inbox.wait(2)
    channel.basic_ack(inbox.tags()[-1], multiple=True)
    assert inbox.settle(q) == ["0", "1"]
    channel.tx_rollback()
    assert inbox.settle(q) == ["0", "1"]
    channel.basic_ack(inbox.tags()[-1], multiple=True)
    channel.tx_commit()
    assert inbox.wait(4) == ["0", "1", "2", "3"]
    assert inbox.settle(q) == ["0", "1", "2", "3"]


@pytest.mark.parametrize("how", ["close", "refused", "goodbye"])
def test_nothing_of_it_survives_its_channel(connect, queue, how):
    source, target = queue(), queue(durable=True)
    channel, other = in_tx(connect()), connect().channel()
    put(other, "", source, "a", "b")
    channel.basic_ack(unacked(channel, source, 2)[0])
    send(channel, "", target, "never", delivery_mode=2)
    sync(channel)
    if how == "close":
        channel.close()
    elif how == "goodbye":
        channel.connection.close()
    else:
        with refused(404, f"no {exchange_text('nobody has this')}"):
            send(channel, "nobody has this", "k", "b")
            channel.tx_commit()
    wait_until(lambda: counts(other, source)[0] == 2, "unacked messages to come back")
    assert drain(other, source) == [b"a", b"b"] and drain(other, target) == []


def test_nor_does_it_survive_a_client_that_is_gone(broker, connect, queue):
    source, target, other = queue(), queue(durable=True), connect().channel()
    put(other, "", source, "a", "b")
    client = peers.opened(broker)
    client.request(1, spec.Tx.Select(), spec.Tx.SelectOk)
    client.send_method(1, spec.Basic.Get(queue=source))
    client.send_method(1, spec.Basic.Ack(client.expect_content(spec.Basic.GetOk, 1).method.delivery_tag))
    client.publish(1, b"never", routing_key=target, properties=b"\x10\0\2")
    client.request(1, spec.Basic.Qos(), spec.Basic.QosOk)
    peers.abort_hard(client)
    wait_until(lambda: counts(other, source)[0] == 2, "unacked messages to come back")
    assert drain(other, target) == []


def test_many_channels_do_not_see_each_others(connect, queue):
    q, connections = queue(durable=True), [connect() for _ in range(4)]
    channels = [in_tx(one) for one in connections for _ in range(8)]
    for number, channel in enumerate(channels):
        send(channel, "", q, f"{number} a", delivery_mode=2)
    for number, channel in enumerate(channels):
        send(channel, "", q, f"{number} b", delivery_mode=2)
    other, expected = connections[0].channel(), []
    for number, channel in reversed(list(enumerate(channels))):
        channel.tx_commit() if number % 3 else channel.tx_rollback()
        if number % 3:
            expected += [b"%d a" % number, b"%d b" % number]
    assert drain(other, q) == expected


# ---- returns ----


def test_returns_come_before_commit_ok_and_not_before_the_commit(broker):
    body = b"x" * (300 if peers.is_tiny() else 700000)  # one that travels in parts
    with peers.opened(broker) as client:
        client.request(1, spec.Tx.Select(), spec.Tx.SelectOk)
        client.publish(1, b"lost", routing_key="nobody at all")
        client.publish(1, b"back", routing_key="nobody at all", mandatory=True)
        client.publish(1, body * 5, routing_key="nobody at all", mandatory=True, properties=b"\x10\0\2")
        client.publish(1, b"last", routing_key="nobody at all", mandatory=True)
        client.request(1, spec.Basic.Qos(prefetch_count=1), spec.Basic.QosOk)  # nothing came yet
        client.send_method(1, spec.Tx.Commit())
        for expected in (b"back", body * 5, b"last"):
            got = client.expect_content(spec.Basic.Return, 1)
            assert got.body == expected and got.method.reply_code == 312 and got.method.reply_text == "NO_ROUTE"
        client.expect(spec.Tx.CommitOk, 1)
        client.publish(1, b"never", routing_key="nobody at all", mandatory=True)
        client.request(1, spec.Tx.Rollback(), spec.Tx.RollbackOk)
        client.close()


# ---- what is refused ----


@pytest.mark.parametrize("method", [spec.Tx.Commit, spec.Tx.Rollback], ids=["commit", "rollback"])
def test_ending_a_transaction_that_was_not_begun_is_refused(broker, method):
    with peers.opened(broker) as client:
        client.send_method(1, method())
        client.expect_channel_close(1, 406, "PRECONDITION_FAILED - channel is not transactional", method)
        client.close()


def test_a_channel_has_confirms_or_transactions(broker):
    with peers.opened(broker) as client:
        client.request(1, spec.Confirm.Select(), spec.Confirm.SelectOk)
        client.send_method(1, spec.Tx.Select())
        client.expect_channel_close(1, 406, "PRECONDITION_FAILED - cannot switch from confirm to tx mode",
                                    spec.Tx.Select)
        client.open_channel(1)
        client.request(1, spec.Tx.Select(), spec.Tx.SelectOk)
        client.send_method(1, spec.Confirm.Select())
        client.expect_channel_close(1, 406, "PRECONDITION_FAILED - cannot switch from tx to confirm mode",
                                    spec.Confirm.Select)
        client.close()


@pytest.mark.parametrize("acks", [[(9, False)], [(1, False), (1, False)], [(2, True), (1, False)], [(2, True), (2, True)]],
                         ids=str)
def test_a_tag_is_checked_when_its_ack_comes(connection, queue, acks):
    q, channel = queue(), in_tx(connection)
    put(channel, "", q, "a", "b")
    unacked(channel, q, 2)
    with refused(406, f"unknown delivery tag {acks[-1][0]}"):
        for tag, multiple in acks:
            channel.basic_ack(tag, multiple)
        sync(channel)
    assert drain(connection.channel(), q) == [b"a", b"b"]


def test_publish_errors_come_when_it_is_published(broker):
    with peers.opened(broker) as client:
        client.request(1, spec.Tx.Select(), spec.Tx.SelectOk)
        client.publish(1, b"a", exchange="nobody has this")
        client.expect_channel_close(1, 404, "NOT_FOUND - no exchange 'nobody has this' in vhost '/'", spec.Basic.Publish)
        client.close()


@pytest.mark.chaski_only
def test_what_becomes_of_an_event_cannot_be_asked_in_a_transaction(connection, queue):
    channel, q = in_tx(connection), queue()
    channel.queue_bind(q, "amq.events", "#")
    send(channel, "amq.events", "a.topic", "first")
    send(channel, "amq.events", "a.topic", "second")
    sync(channel)
    assert counts(connection.channel(), q)[0] == 0
    channel.tx_commit()
    assert drain(connection.channel(), q) == [b"first", b"second"]
    with refused(406, "exchange 'amq.events' in vhost '/' is synchronous: a publish in a transaction cannot ask what "
                      "becomes of it (reply-to)"):
        send(channel, "amq.events", "a.topic", "third", reply_to=q)
        sync(channel)


SMALL = {"limits.transaction_bytes": 20000, "limits.transaction_actions": 20}


@pytest.mark.chaski_only
@pytest.mark.broker(settings=SMALL)
def test_too_large_a_transaction_ends_its_connection(connect, queue):
    q, other = queue(), connect().channel()
    channel = in_tx(connect())
    for _ in range(5):
        for _ in range(4):
            send(channel, "", q, b"x" * 4000)
        channel.tx_commit()
    with refused(506, "transaction on channel 1 has more than 20000 octets of messages (limits.transaction_bytes)"):
        for _ in range(6):
            send(channel, "", q, b"x" * 4000)
        channel.tx_commit()
    assert len(drain(other, q)) == 20
    why = "transaction on channel 1 has more than 20 publishes to queues and acks (limits.transaction_actions)"
    channel = in_tx(connect())
    with refused(506, why):
        for _ in range(21):
            send(channel, "", q, "x")
        channel.tx_commit()
    put(other, "", q, *range(21))
    channel = in_tx(connect())
    tags = unacked(channel, q, 21)
    channel.basic_ack(tags[19], multiple=True)
    channel.tx_commit()
    channel.close()
    channel = in_tx(connect())
    put(other, "", q, *range(20))
    with refused(506, why):
        channel.basic_ack(unacked(channel, q, 21)[-1], multiple=True)
        channel.tx_commit()
    assert len(drain(other, q)) == 21


# ---- when memory is short ----


@pytest.mark.chaski_only
@pytest.mark.broker(settings={"vm_memory_high_watermark.absolute": "2MB", "limits.transaction_bytes": "16MiB"})
def test_transactions_alone_do_not_jam_the_broker(connect, queue):
    """What several of them hold together is what the alarm is for: each can end."""
    q, channels = queue(), [in_tx(connect()) for _ in range(3)]
    sent = 0
    for _ in range(12):
        for channel in channels:
            send(channel, "", q, b"x" * 65536)
            sent += 1
    # round trips: each has been taken, and not held
    for channel in channels:
        sync(channel)
    channels[0].tx_rollback()
    for channel in channels[1:]:
        channel.tx_commit()
    other = connect().channel()
    assert len(drain(other, q)) == sent - 12


# ---- what is counted ----


@pytest.mark.chaski_only
def test_ends_of_transactions_are_counted(broker, connection, queue):
    def counted():
        metrics = http.metrics(broker)
        return [metrics[f"chaski_transactions_{one}_total"] for one in ("committed", "rolled_back")]

    before, q, channel = counted(), queue(), in_tx(connection)
    send(channel, "", q, "a"), channel.tx_commit()
    channel.tx_commit()
    send(channel, "", q, "b"), channel.tx_rollback()
    assert [now - then for now, then in zip(counted(), before)] == [2, 1]
