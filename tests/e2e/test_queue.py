# SPDX-License-Identifier: Apache-2.0
"""Queues: names, the last one declared, equivalence, purge, delete."""
import re

import pytest

from client import *


def missing(q):
    return f"no queue '{q}' in vhost '/'"


# ---- names ----


def test_an_empty_name_makes_the_broker_invent_one(channel):
    first, second = (channel.queue_declare("", exclusive=True).method.queue for _ in range(2))
    assert re.fullmatch(r"amq\.gen-[A-Za-z0-9_-]{22}", first) and re.fullmatch(r"amq\.gen-[A-Za-z0-9_-]{22}", second)
    assert first != second


def test_an_invented_name_cannot_be_declared_again(channel):
    q = channel.queue_declare("", exclusive=True).method.queue
    with refused(403, f"queue name '{q}' contains reserved prefix 'amq.*'"):
        channel.queue_declare(q, exclusive=True)


def test_an_invented_name_can_be_declared_passively(channel):
    q = channel.queue_declare("", exclusive=True).method.queue
    assert channel.queue_declare(q, passive=True).method.queue == q


@pytest.mark.parametrize("q", ["amq.mine", "amq."])
def test_a_queue_with_the_reserved_prefix_is_refused(channel, q):
    with refused(403, f"queue name '{q}' contains reserved prefix 'amq.*'"):
        channel.queue_declare(q)


def test_line_ends_are_taken_out_of_names(channel, name):
    q = name()
    raw(channel).queue_declare(f"\n{q}\r\n")  # nowait: pika would wait for an answer with the name that it sent
    channel.queue_bind(q + "\n", "amq.direct", q)
    send(channel, "amq.direct", q, "a")
    channel.queue_delete(q + "\r\n")
    with refused(404, missing(q)):
        channel.queue_declare(q, passive=True)


@pytest.mark.parametrize("given", [" with space", "/and#hash*", "ñandú-鳥", "'quoted'", "a" * 200],
                         ids=["spaces", "signs", "not ASCII", "quotes", "long"])
def test_any_text_is_a_name_and_routes(channel, name, given):
    q = name() + given
    channel.queue_declare(q)
    send(channel, "", q, "a")
    assert drain(channel, q) == [b"a"]
    channel.queue_delete(q)


def test_declare_with_nowait_declares(channel, name):
    q = name()
    raw(channel).queue_declare(q)
    assert counts(channel, q) == (0, 0)


# ---- the last queue of the channel ----


def test_an_empty_name_means_the_queue_declared_last(channel, queue):
    queue()
    q = queue()
    channel.queue_bind("", "amq.direct", f"key of {q}")
    send(channel, "amq.direct", f"key of {q}", "a")
    assert channel.basic_get("")[2] == b"a"
    put(channel, "", q, "b")
    assert channel.queue_purge("").method.message_count == 1
    inbox = Inbox(channel)
    inbox.consume("")
    send(channel, "", q, "c")
    assert inbox.wait(1) == ["c"]
    channel.queue_unbind("", "amq.direct", f"key of {q}")
    send(channel, "amq.direct", f"key of {q}", "unbound")
    assert counts(channel, q) == (0, 1)
    channel.queue_delete("")
    with refused(404, missing(q)):
        channel.queue_declare(q, passive=True)


def test_a_passive_declare_sets_the_last_queue_too(channel, queue):
    first, _second = queue(), queue()
    channel.queue_declare(first, passive=True)
    send(channel, "", first, "a")
    assert channel.basic_get("", auto_ack=True)[2] == b"a"


def test_the_last_queue_belongs_to_the_channel(channel, connection, queue):
    queue()
    with refused(404, "no previously declared queue"):
        connection.channel().basic_get("")


@pytest.mark.parametrize("operation", [
    lambda c: c.basic_get(""),
    lambda c: c.basic_consume("", lambda *_: None),
    lambda c: c.queue_purge(""),
    lambda c: c.queue_delete(""),
    lambda c: c.queue_bind("", "amq.direct", "k"),
    lambda c: c.queue_unbind("", "amq.direct", "k"),
], ids=["get", "consume", "purge", "delete", "bind", "unbind"])
def test_an_empty_name_with_nothing_declared_is_refused(channel, operation):
    with refused(404, "no previously declared queue"):
        operation(channel)


def test_an_empty_name_in_a_passive_declare_does_not_mean_the_last_queue(channel, queue):
    queue()
    with refused(404, missing("")):
        channel.queue_declare("", passive=True)


# ---- what is not there ----


@pytest.mark.parametrize("operation", [
    lambda c, q: c.queue_declare(q, passive=True),
    lambda c, q: (raw(c).queue_declare(q, passive=True), sync(c)),
    lambda c, q: c.basic_get(q),
    lambda c, q: c.basic_consume(q, lambda *_: None),
    lambda c, q: c.queue_purge(q),
    lambda c, q: (raw(c).queue_purge(q), sync(c)),
    lambda c, q: c.queue_bind(q, "amq.direct", "k"),
], ids=["declare passive", "the same with nowait", "get", "consume", "purge", "purge with nowait", "bind"])
def test_a_missing_queue_is_refused(channel, name, operation):
    q = name()
    with refused(404, missing(q)):
        operation(channel, q)


def test_deleting_a_missing_queue_succeeds(channel, name):
    assert channel.queue_delete(name()).method.message_count == 0
    assert channel.queue_delete(name(), if_unused=True, if_empty=True).method.message_count == 0


def test_a_channel_error_leaves_the_connection_and_its_other_channels_alone(connection, channel, name):
    other = connection.channel()
    with refused(404, missing(q := name())):
        channel.queue_declare(q, passive=True)
    sync(other)
    sync(connection.channel())


# ---- counts ----


def test_declare_counts_ready_messages_and_all_consumers(channel, connection, queue):
    q, consuming = queue(), connection.channel()
    put(channel, "", q, *"abc")
    assert counts(channel, q) == (3, 0)
    channel.basic_get(q)
    assert counts(channel, q) == (2, 0)
    consuming.basic_qos(prefetch_count=1)
    inbox = Inbox(consuming)
    inbox.consume(q)
    inbox.consume(q)
    inbox.wait(2)
    assert counts(channel, q) == (0, 2)
    declared = channel.queue_declare(q).method
    assert (declared.message_count, declared.consumer_count) == (0, 2)


# ---- equivalence ----


@pytest.mark.parametrize("flags", [{}, {"durable": True}, {"auto_delete": True}, {"exclusive": True},
                                   {"arguments": {"x-expires": 60000}}], ids=str)
def test_an_equal_redeclare_succeeds_and_keeps_the_messages(channel, queue, flags):
    q = queue(**flags)
    put(channel, "", q, "a")
    assert channel.queue_declare(q, **flags).method.message_count == 1


@pytest.mark.parametrize("first, second, text", [
    ({}, {"durable": True}, "'durable' for {}: received 'true' but current is 'false'"),
    ({"durable": True}, {}, "'durable' for {}: received 'false' but current is 'true'"),
    ({}, {"auto_delete": True}, "'auto_delete' for {}: received 'true' but current is 'false'"),
    ({"durable": True}, {"auto_delete": True}, "'durable' for {}: received 'false' but current is 'true'"),
    ({}, {"arguments": {"x-expires": 60000}},
     "'x-expires' for {}: received the value '60000' of type 'signedint' but current is none"),
    ({"arguments": {"x-expires": 60000}}, {},
     "'x-expires' for {}: received none but current is the value '60000' of type 'signedint'"),
    ({"arguments": {"x-expires": 60000}}, {"arguments": {"x-expires": 60001}},
     "'x-expires' for {}: received '60001' but current is '60000'"),
    ({"arguments": {"x-expires": 60000}}, {"auto_delete": True},
     "'auto_delete' for {}: received 'true' but current is 'false'"),
], ids=str)
def test_an_unequal_redeclare_names_the_first_difference(channel, queue, first, second, text):
    q = queue(**first)
    with refused(406, "inequivalent arg " + text.format(queue_text(q))):
        channel.queue_declare(q, **second)


@pytest.mark.parametrize("value", [Typed("l", "q", 60000), Typed("i", "I", 60000), Typed("L", "q", 60000)],
                         ids=["long", "unsigned int", "L"])
def test_integers_of_any_width_are_equivalent(channel, queue, value):
    q = queue(arguments={"x-expires": 60000})
    channel.queue_declare(q, arguments={"x-expires": value})


def test_unknown_arguments_are_kept_out_of_the_comparison(channel, queue):
    q = queue(arguments={"x-of-mine": "a", "other": {"deep": [1, None]}})
    channel.queue_declare(q)
    channel.queue_declare(q, arguments={"x-of-mine": 5})


def test_an_absent_queue_type_equals_classic(channel, queue):
    q = queue(durable=True)
    channel.queue_declare(q, durable=True, arguments={"x-queue-type": "classic"})
    other = queue(durable=True, arguments={"x-queue-type": "classic"})
    channel.queue_declare(other, durable=True)


def test_a_passive_declare_ignores_flags_and_arguments(channel, queue):
    q = queue()
    channel.queue_declare(q, passive=True, durable=True, auto_delete=True,
                          arguments={"x-expires": 60000, "x-queue-type": "quorum"})


@pytest.mark.parametrize("first, second", [(True, False), (False, True)])
def test_durable_means_nothing_for_an_exclusive_queue(channel, queue, first, second):
    q = queue(exclusive=True, durable=first)
    channel.queue_declare(q, exclusive=True, durable=second)


# ---- purge ----


def test_purge_drops_what_is_ready_and_counts_it(channel, queue):
    q = queue()
    put(channel, "", q, *"abcd")
    method, _, _ = channel.basic_get(q)
    assert channel.queue_purge(q).method.message_count == 3
    assert channel.queue_purge(q).method.message_count == 0
    channel.basic_nack(method.delivery_tag)
    assert drain(channel, q) == [b"a"]


def test_purge_with_nowait_purges(channel, queue):
    q = queue()
    put(channel, "", q, "a")
    raw(channel).queue_purge(q)
    assert counts(channel, q) == (0, 0)


# ---- delete ----


def test_delete_counts_what_was_ready(channel, queue):
    q = queue()
    put(channel, "", q, *"abc")
    channel.basic_get(q)
    assert channel.queue_delete(q).method.message_count == 2


def test_delete_with_nowait_deletes(channel, connection, queue):
    q = queue()
    raw(channel).queue_delete(q)
    sync(channel)
    assert not queue_exists(connection, q)


def test_delete_if_unused_refuses_a_consumed_queue(channel, queue):
    q = queue()
    Inbox(channel).consume(q)
    with refused(406, f"{queue_text(q)} in use"):
        channel.queue_delete(q, if_unused=True)


def test_delete_if_empty_refuses_a_queue_with_messages(channel, queue):
    q = queue()
    put(channel, "", q, "a")
    with refused(406, f"{queue_text(q)} not empty"):
        channel.queue_delete(q, if_empty=True)


def test_delete_if_unused_and_if_empty_deletes_when_both_hold(channel, connection, queue):
    q = queue()
    assert channel.queue_delete(q, if_unused=True, if_empty=True).method.message_count == 0
    assert not queue_exists(connection, q)


def test_delete_if_unused_deletes_a_queue_with_messages(channel, connection, queue):
    q = queue()
    put(channel, "", q, "a")
    assert channel.queue_delete(q, if_unused=True).method.message_count == 1
    assert not queue_exists(connection, q)


def test_a_queue_declared_anew_has_neither_messages_nor_bindings_of_the_former(channel, queue):
    q = queue()
    channel.queue_bind(q, "amq.direct", f"k{q}")
    send(channel, "", q, "a")
    channel.queue_delete(q)
    channel.queue_declare(q)
    send(channel, "amq.direct", f"k{q}", "b")
    assert counts(channel, q) == (0, 0)


def test_delete_tells_the_consumers(channel, connect, queue):
    q, inbox = queue(), Inbox(connect().channel())
    tags = {inbox.consume(q), inbox.consume(q)}
    channel.queue_delete(q)
    inbox.wait_for(lambda: len(inbox.cancelled) == 2, "two cancels")
    assert set(inbox.cancelled) == tags


def test_delete_tells_a_consumer_on_the_same_channel(channel, queue):
    q, inbox = queue(), Inbox(channel)
    tag = inbox.consume(q)
    channel.queue_delete(q)
    inbox.wait_for(lambda: inbox.cancelled == [tag], "the cancel")


def test_acks_for_a_deleted_queue_are_accepted(channel, connection, queue):
    q, inbox = queue(), Inbox(channel)
    put(channel, "", q, *"abc")
    inbox.consume(q)
    inbox.wait(3)
    connection.channel().queue_delete(q)
    first, second, third = inbox.tags()
    channel.basic_ack(first)
    channel.basic_nack(second, requeue=True)
    channel.basic_ack(third, multiple=True)
    sync(channel)
    with refused(406, f"unknown delivery tag {first}"):
        channel.basic_ack(first)
        sync(channel)
