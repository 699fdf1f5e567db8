# SPDX-License-Identifier: Apache-2.0
"""The life of a queue: exclusive ones end with their connection, auto-delete ones with their last consumer, idle ones
by x-expires."""
import time

import pytest

from client import *

LIMIT_S = 10


def locked(q):
    return (f"cannot obtain exclusive access to locked {queue_text(q)}. It could be originally declared on another "
            "connection or the exclusive property value does not match that of the original declaration.")


# ---- exclusive ----


@pytest.mark.parametrize("operation", [
    lambda c, q: c.queue_declare(q, exclusive=True),
    lambda c, q: c.queue_declare(q),
    lambda c, q: c.queue_declare(q, passive=True),
    lambda c, q: c.basic_consume(q, lambda *_: None),
    lambda c, q: c.basic_get(q),
    lambda c, q: c.queue_bind(q, "amq.direct", "k"),
    lambda c, q: c.queue_unbind(q, "amq.direct", "k"),
    lambda c, q: c.queue_purge(q),
    lambda c, q: c.queue_delete(q),
], ids=["declare exclusive", "declare", "declare passive", "consume", "get", "bind", "unbind", "purge", "delete"])
def test_another_connection_cannot_touch_an_exclusive_queue(channel, connect, queue, operation):
    q = queue(exclusive=True)
    channel.queue_bind(q, "amq.direct", "k")
    with refused(405, locked(q)):
        operation(connect().channel(), q)


def test_other_channels_of_the_connection_may_use_an_exclusive_queue(connection, channel, queue):
    q = queue(exclusive=True)
    send(connection.channel(), "", q, "a")
    assert drain(connection.channel(), q) == [b"a"]


def test_another_connection_may_publish_to_an_exclusive_queue(channel, connect, queue):
    q = queue(exclusive=True)
    other = connect().channel()
    send(other, "", q, "a")
    sync(other)
    assert drain(channel, q) == [b"a"]


@pytest.mark.parametrize("first", [True, False])
def test_the_exclusive_flag_must_be_the_same(channel, queue, first):
    q = queue(exclusive=first)
    with refused(405, locked(q)):
        channel.queue_declare(q, exclusive=not first)


def test_exclusive_is_checked_before_the_other_flags(connect, queue):
    q = queue(exclusive=True)
    with refused(405, locked(q)):
        connect().channel().queue_declare(q, auto_delete=True, arguments={"x-expires": 1000})


def test_exclusive_queues_are_gone_when_the_connection_has_closed(connection, connect, name):
    other, q = connect(), name()
    other.channel().queue_declare(q, exclusive=True)
    other.close()
    assert not queue_exists(connection, q)


def test_an_exclusive_queue_outlives_its_channel(connection, queue):
    declaring = connection.channel()
    q = queue(on=declaring, exclusive=True)
    declaring.close()
    assert queue_exists(connection, q)


# ---- auto-delete ----


def test_auto_delete_goes_with_its_last_consumer(channel, connection, queue):
    q, inbox = queue(auto_delete=True), Inbox(channel)
    first, second = inbox.consume(q), inbox.consume(q)
    channel.basic_cancel(first)
    assert queue_exists(connection, q)
    channel.basic_cancel(second)
    assert not queue_exists(connection, q)


def test_auto_delete_goes_with_the_channel_of_its_last_consumer(connection, queue):
    consuming = connection.channel()
    q = queue(auto_delete=True)
    Inbox(consuming).consume(q)
    consuming.close()
    assert not queue_exists(connection, q)


def test_auto_delete_goes_with_the_connection_of_its_last_consumer(connection, connect, queue):
    q, other = queue(auto_delete=True), connect()
    Inbox(other.channel()).consume(q)
    other.close()
    assert not queue_exists(connection, q)


def test_auto_delete_goes_even_when_messages_are_left(channel, connection, queue):
    q, inbox = queue(auto_delete=True), Inbox(channel)
    channel.basic_qos(prefetch_count=1)
    tag = inbox.consume(q)
    send(channel, "", q, "a")
    send(channel, "", q, "b")
    inbox.wait(1)
    channel.basic_cancel(tag)
    assert not queue_exists(connection, q)


def test_auto_delete_without_a_consumer_ever_stays(channel, connection, queue):
    q = queue(auto_delete=True)
    send(channel, "", q, "a")
    channel.basic_get(q)
    channel.close()
    assert queue_exists(connection, q)


# ---- x-expires ----


def wait_until_expired(channel, q):
    """Publishing neither keeps a queue nor wakes it: a mandatory message comes back once the queue is gone. Gives the
    seconds waited."""
    started, returned = time.monotonic(), []
    raw(channel).add_on_return_callback(lambda *_: returned.append(True))
    while not returned:
        assert time.monotonic() - started < LIMIT_S, f"{q} is still there after {LIMIT_S} s"
        send(channel, "", q, "are you there?", mandatory=True)
        channel.connection.process_data_events(time_limit=0.01)
    return time.monotonic() - started


def test_an_idle_queue_expires_although_messages_come_in(channel, connection, queue):
    q = queue(arguments={"x-expires": 200})
    assert wait_until_expired(channel, q) > 0.1
    assert not queue_exists(connection, q)


def test_using_a_queue_restarts_its_expiry(channel, queue):
    expiring = {"x-expires": 800}
    seen, declared, emptied = (queue(arguments=expiring) for _ in range(3))
    started = time.monotonic()
    while time.monotonic() - started < 1.6:  # twice the time after which unused ones would have gone
        channel.queue_declare(seen, passive=True)
        channel.queue_declare(declared, arguments=expiring)
        channel.basic_get(emptied)
        channel.connection.process_data_events(time_limit=0.02)
    assert wait_until_expired(channel, seen) > 0.4
    wait_until_expired(channel, declared)
    wait_until_expired(channel, emptied)


def test_a_consumed_queue_does_not_expire(channel, connection, queue):
    q, control = queue(arguments={"x-expires": 150}), queue(arguments={"x-expires": 300})
    inbox = Inbox(channel)
    tag = inbox.consume(q)
    wait_until_expired(connection.channel(), control)
    send(channel, "", q, "still here")
    assert inbox.wait(1) == ["still here"]
    channel.basic_cancel(tag)
    wait_until_expired(connection.channel(), q)


def test_an_expired_queue_leaves_its_bindings_behind_no_more(channel, exchange, queue):
    x, q = exchange(auto_delete=True), queue(arguments={"x-expires": 100})
    channel.queue_bind(q, x, "k")
    wait_until_expired(channel, q)
    with refused(404, f"no exchange '{x}' in vhost '/'"):
        channel.exchange_declare(x, passive=True)
