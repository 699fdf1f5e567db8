# SPDX-License-Identifier: Apache-2.0
"""Exchanges: what is there from the start, declaring, equivalence, deleting, and how auto-delete ones end."""
import re

import pytest

from client import *

PREDECLARED = [("amq.direct", "direct", False), ("amq.fanout", "fanout", False), ("amq.topic", "topic", False),
               ("amq.headers", "headers", False), ("amq.match", "headers", False),
               ("amq.rabbitmq.trace", "topic", True)]
DEFAULT_REFUSED = "operation not permitted on the default exchange"


def exists(connection, called):
    """Whether there is such an exchange, asked on a channel of its own."""
    asking = connection.channel()
    try:
        asking.exchange_declare(called, passive=True)
    except Exception as error:  # pylint: disable=broad-except
        assert getattr(error, "reply_code", None) == 404, error
        return False
    asking.close()
    return True


# ---- predeclared ----


@pytest.mark.parametrize("called, kind, internal", PREDECLARED)
def test_predeclared_exchange_is_there_durable_and_of_its_type(channel, called, kind, internal):
    channel.exchange_declare(called, kind, durable=True, internal=internal)


def test_a_reserved_exchange_is_checked_for_equivalence(channel):
    with refused(406, "inequivalent arg 'type' for exchange 'amq.direct' in vhost '/': "
                      "received 'fanout' but current is 'direct'"):
        channel.exchange_declare("amq.direct", "fanout", durable=True)


def test_amq_default_is_no_name_of_the_default_exchange(channel):
    with refused(404, "no exchange 'amq.default' in vhost '/'"):
        channel.exchange_declare("amq.default", passive=True)


@pytest.mark.parametrize("called", ["amq.mine", "amq."])
def test_a_new_exchange_with_the_reserved_prefix_is_refused(channel, called):
    with refused(403, f"exchange name '{called}' contains reserved prefix 'amq.*'"):
        channel.exchange_declare(called, "direct")


def test_an_exchange_that_starts_with_amq_but_no_dot_is_fine(channel, name):
    channel.exchange_declare(name("amqx"), "direct")


@pytest.mark.parametrize("operation", [
    lambda c: c.exchange_declare("", "direct"),
    lambda c: c.exchange_declare("", "direct", passive=True),
    lambda c: c.exchange_delete(""),
    lambda c: c.queue_bind("amq.direct", "", "k"),
    lambda c: c.exchange_bind("amq.direct", "", "k"),
    lambda c: c.exchange_bind("", "amq.direct", "k"),
    lambda c: c.exchange_unbind("amq.direct", "", "k"),
    lambda c: c.exchange_unbind("", "amq.direct", "k"),
], ids=["declare", "declare passive", "delete", "bind queue", "bind as source", "bind as destination",
        "unbind as source", "unbind as destination"])
def test_the_default_exchange_cannot_be_touched(channel, operation):
    with refused(403, DEFAULT_REFUSED):
        operation(channel)


def test_a_queue_cannot_be_bound_to_the_default_exchange(channel, queue):
    q = queue()
    with refused(403, DEFAULT_REFUSED):
        channel.queue_bind(q, "", "k")


def test_a_queue_cannot_be_unbound_from_the_default_exchange(channel, queue):
    q = queue()
    with refused(403, DEFAULT_REFUSED):
        channel.queue_unbind(q, "", q)


@pytest.mark.parametrize("called", ["amq.direct", "amq.fanout", "amq.topic", "amq.headers", "amq.match",
                                    "amq.rabbitmq.trace"])
def test_predeclared_exchange_cannot_be_deleted(channel, called):
    with refused(403, f"deletion of system exchange '{called}' in vhost '/' not allowed"):
        channel.exchange_delete(called)


# ---- declaring ----


@pytest.mark.parametrize("kind", ["direct", "fanout", "topic", "headers"])
@pytest.mark.parametrize("flags", [{}, {"durable": True}, {"auto_delete": True}, {"internal": True}], ids=str)
def test_an_equal_redeclare_succeeds(channel, name, kind, flags):
    x = name()
    channel.exchange_declare(x, kind, **flags)
    channel.exchange_declare(x, kind, **flags)


def test_passive_declare_of_a_missing_exchange(channel, name):
    x = name()
    with refused(404, f"no exchange '{x}' in vhost '/'"):
        channel.exchange_declare(x, passive=True)


def test_passive_declare_of_a_missing_exchange_with_nowait_closes_the_channel_too(channel, name):
    x = name()
    with refused(404, f"no exchange '{x}' in vhost '/'"):
        raw(channel).exchange_declare(x, passive=True)
        sync(channel)


def test_passive_declare_ignores_type_and_flags(channel, exchange):
    x = exchange("direct", durable=True)
    raw(channel).exchange_declare(x, "x-no-such-type", passive=True, auto_delete=True, internal=True)
    sync(channel)


def test_declare_with_nowait_declares(channel, name):
    x = name()
    raw(channel).exchange_declare(x, "topic")
    channel.exchange_declare(x, "topic")


@pytest.mark.parametrize("kind, changed, text", [
    ("fanout", {}, "'type' for {}: received 'fanout' but current is 'direct'"),
    ("direct", {"durable": True}, "'durable' for {}: received 'true' but current is 'false'"),
    ("direct", {"auto_delete": True}, "'auto_delete' for {}: received 'true' but current is 'false'"),
    ("direct", {"internal": True}, "'internal' for {}: received 'true' but current is 'false'"),
    ("topic", {"durable": True, "internal": True}, "'type' for {}: received 'topic' but current is 'direct'"),
    ("direct", {"durable": True, "auto_delete": True}, "'durable' for {}: received 'true' but current is 'false'"),
    ("direct", {"auto_delete": True, "internal": True},
     "'auto_delete' for {}: received 'true' but current is 'false'"),
], ids=str)
def test_an_unequal_redeclare_names_the_first_difference(channel, exchange, kind, changed, text):
    x = exchange("direct")
    with refused(406, "inequivalent arg " + text.format(exchange_text(x))):
        channel.exchange_declare(x, kind, **changed)


def test_the_flags_of_the_first_declare_count(channel, exchange):
    x = exchange("direct", durable=True)
    with refused(406, f"inequivalent arg 'durable' for {exchange_text(x)}: received 'false' but current is 'true'"):
        channel.exchange_declare(x, "direct")


def test_unknown_arguments_are_ignored(channel, exchange):
    x = exchange("direct", arguments={"x-of-mine": 1})
    channel.exchange_declare(x, "direct")
    channel.exchange_declare(x, "direct", arguments={"x-of-mine": 2, "x-other": "a"})


@pytest.mark.chaski_only
@pytest.mark.parametrize("kind", ["no-such-type", "x-consistent-hash", "", "DIRECT"])
def test_an_unknown_type_is_refused_on_the_channel(channel, name, kind):
    with refused(406, re.compile(f"(unknown|invalid) exchange type '{kind}'")):
        channel.exchange_declare(name(), kind)


@pytest.mark.chaski_only
def test_the_connection_survives_an_unknown_type(connection, channel, name):
    with refused(406, re.compile("(unknown|invalid) exchange type 'nope'")):
        channel.exchange_declare(name(), "nope")
    sync(connection.channel())


def test_an_alternate_exchange_must_be_a_string(channel, name):
    x = name()
    with refused(406, f"invalid type 'signedint' for arg 'alternate-exchange' in {exchange_text(x)}"):
        channel.exchange_declare(x, "direct", arguments={"alternate-exchange": 5})


@pytest.mark.chaski_only
def test_an_alternate_exchange_is_not_implemented_yet(channel, name):
    with refused(540, re.compile(".*alternate-exchange.*")):
        channel.exchange_declare(name(), "direct", arguments={"alternate-exchange": "amq.fanout"})


@pytest.mark.parametrize("given", ["with space", "slash/and#hash*", "ñandú-鳥", "a" * 200, "'quoted'"],
                         ids=["spaces", "signs", "not ASCII", "long", "quotes"])
def test_any_text_is_a_name(channel, name, given):
    x = name() + given
    channel.exchange_declare(x, "fanout", auto_delete=False)
    channel.exchange_declare(x, passive=True)
    channel.exchange_delete(x)
    with refused(404, f"no exchange '{x}' in vhost '/'"):
        channel.exchange_declare(x, passive=True)


def test_line_ends_are_taken_out_of_names(channel, name):
    x = name()
    channel.exchange_declare(f"\r\n{x}\n", "direct")
    channel.exchange_declare(x, passive=True)
    channel.exchange_delete(x + "\r")
    with refused(404, f"no exchange '{x}' in vhost '/'"):
        channel.exchange_declare(x, passive=True)


# ---- deleting ----


def test_deleting_a_missing_exchange_succeeds(channel, name):
    channel.exchange_delete(name())
    channel.exchange_delete(name(), if_unused=True)


@pytest.mark.parametrize("bind_queue", [True, False], ids=["queue", "exchange"])
def test_if_unused_refuses_a_source_of_bindings(channel, exchange, queue, bind_queue):
    x = exchange()
    if bind_queue:
        channel.queue_bind(queue(), x, "k")
    else:
        channel.exchange_bind(exchange(), x, "k")
    with refused(406, f"{exchange_text(x)} in use"):
        channel.exchange_delete(x, if_unused=True)


def test_if_unused_does_not_count_bindings_to_the_exchange(channel, connection, exchange):
    x, source = exchange(), exchange()
    channel.exchange_bind(x, source, "k")
    channel.exchange_delete(x, if_unused=True)
    assert not exists(connection, x)
    channel.exchange_delete(source, if_unused=True)
    assert not exists(connection, source)


def test_if_unused_deletes_after_the_last_unbind(channel, connection, exchange, queue):
    x, q = exchange(), queue()
    channel.queue_bind(q, x, "k")
    channel.queue_unbind(q, x, "k")
    channel.exchange_delete(x, if_unused=True)
    assert not exists(connection, x)


def test_deleting_removes_bindings_in_both_directions(channel, exchange, queue):
    first, middle, q = exchange("fanout"), exchange("fanout"), queue()
    channel.exchange_bind(middle, first)
    channel.queue_bind(q, middle)
    channel.exchange_delete(middle)
    channel.exchange_declare(middle, "fanout")  # the same name, but the bindings of the former are gone
    send(channel, first, "", "through the former middle")
    send(channel, middle, "", "to the former queue")
    assert counts(channel, q) == (0, 0)
    channel.queue_bind(q, middle)
    send(channel, first, "", "not bound any more")
    send(channel, middle, "", "bound again")
    assert drain(channel, q) == [b"bound again"]


def test_delete_with_nowait_deletes(channel, connection, exchange):
    x = exchange()
    raw(channel).exchange_delete(x)
    sync(channel)
    assert not exists(connection, x)


# ---- auto-delete ----


@pytest.mark.parametrize("end", [lambda c, q, x: c.queue_unbind(q, x, "k"), lambda c, q, x: c.queue_delete(q)],
                         ids=["unbind", "queue delete"])
def test_auto_delete_goes_with_its_last_queue_binding(channel, connection, exchange, queue, end):
    x, q, other = exchange(auto_delete=True), queue(), queue()
    channel.queue_bind(q, x, "k")
    channel.queue_bind(other, x, "k")
    channel.queue_unbind(other, x, "k")
    assert exists(connection, x)
    end(channel, q, x)
    assert not exists(connection, x)


@pytest.mark.parametrize("end", [lambda c, d, x: c.exchange_unbind(d, x, "k"), lambda c, d, x: c.exchange_delete(d)],
                         ids=["unbind", "exchange delete"])
def test_auto_delete_goes_with_its_last_exchange_binding(channel, connection, exchange, end):
    x, destination = exchange(auto_delete=True), exchange()
    channel.exchange_bind(destination, x, "k")
    assert exists(connection, x)
    end(channel, destination, x)
    assert not exists(connection, x)


def test_auto_delete_exchanges_go_one_after_the_other(channel, connection, exchange, queue):
    first, second, third, q = (exchange("fanout", auto_delete=True), exchange("fanout", auto_delete=True),
                               exchange("fanout", auto_delete=True), queue())
    channel.exchange_bind(second, first)
    channel.exchange_bind(third, second)
    channel.queue_bind(q, third)
    channel.queue_delete(q)
    assert [exists(connection, x) for x in (first, second, third)] == [False, False, False]


def test_auto_delete_goes_when_an_exclusive_queue_ends_with_its_connection(channel, connection, connect, exchange):
    x, other = exchange(auto_delete=True), connect()
    other_channel = other.channel()
    q = other_channel.queue_declare("", exclusive=True).method.queue
    other_channel.queue_bind(q, x, "k")
    other.close()
    assert not exists(connection, x)


def test_auto_delete_stays_before_its_first_binding(channel, connection, exchange):
    x = exchange(auto_delete=True)
    channel.queue_unbind("no-such-queue", x, "k")
    assert exists(connection, x)


def test_auto_delete_does_not_count_bindings_to_the_exchange(channel, connection, exchange):
    x, source = exchange(auto_delete=True), exchange()
    channel.exchange_bind(x, source, "k")
    channel.exchange_unbind(x, source, "k")
    assert exists(connection, x)


def test_an_exchange_without_auto_delete_stays(channel, connection, exchange, queue):
    x, q = exchange(), queue()
    channel.queue_bind(q, x, "k")
    channel.queue_unbind(q, x, "k")
    assert exists(connection, x)


# ---- internal ----


def test_publishing_to_an_internal_exchange_is_refused(channel, exchange):
    x = exchange(internal=True)
    with refused(403, f"cannot publish to internal {exchange_text(x)}"):
        send(channel, x, "k")
        sync(channel)


def test_an_internal_exchange_routes_what_exchanges_give_it(channel, exchange, queue):
    outside, inside, q = exchange("fanout"), exchange("direct", internal=True), queue()
    channel.exchange_bind(inside, outside)
    channel.queue_bind(q, inside, "k")
    send(channel, outside, "k", "in")
    send(channel, outside, "other", "out")
    assert drain(channel, q) == [b"in"]
