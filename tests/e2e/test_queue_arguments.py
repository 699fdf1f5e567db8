# SPDX-License-Identifier: Apache-2.0
"""The arguments of queue.declare: each bad value is refused with its reason; what does not work yet is refused too."""
import datetime
import re

import pytest

from client import *

TEN_YEARS_MS = 315360000000
CLASSIC, QUORUM = "classic", "quorum"


def declare(channel, q, kind, **arguments):
    """Declares a queue of this kind with arguments whose names begin with x-."""
    given = {"x-" + key.replace("_", "-"): value for key, value in arguments.items()}
    if kind == QUORUM:
        given["x-queue-type"] = QUORUM
    return channel.queue_declare(q, durable=kind == QUORUM, arguments=given)


def not_integer(kind):
    return f'"expected integer, got {kind}"'


# queue type, argument, value, reason
INVALID = [
    *[(kind, argument, value, reason)
      for kind in (CLASSIC, QUORUM)
      for argument in ("message_ttl", "expires", "max_length", "max_length_bytes")
      for value, reason in ((-1, "{value_negative,-1}"), ("10", not_integer("longstr")),
                            (True, not_integer("bool")), (None, not_integer("void")))],
    (CLASSIC, "expires", 0, "{value_zero,0}"),
    (QUORUM, "expires", 0, "{value_zero,0}"),
    *[(CLASSIC, argument, TEN_YEARS_MS + 1, f"{{value_too_large,{TEN_YEARS_MS + 1}}}")
      for argument in ("message_ttl", "expires")],
    (CLASSIC, "message_ttl", Typed("d", "d", 10.0), not_integer("double")),
    (CLASSIC, "message_ttl", datetime.datetime(2020, 1, 1), not_integer("timestamp")),
    (CLASSIC, "message_ttl", Typed("b", "b", -5), "{value_negative,-5}"),
    (CLASSIC, "message_ttl", Typed("s", "h", -300), "{value_negative,-300}"),
    (CLASSIC, "message_ttl", {}, not_integer("table")),
    (CLASSIC, "message_ttl", [], not_integer("array")),
    *[(kind, "overflow", "drop-tail", "invalid_overflow") for kind in (CLASSIC, QUORUM)],
    (CLASSIC, "overflow", 5, "{unacceptable_type,signedint}"),
    (CLASSIC, "dead_letter_routing_key", "k", "routing_key_but_no_dlx_defined"),
    (QUORUM, "dead_letter_routing_key", "k", "routing_key_but_no_dlx_defined"),
    (QUORUM, "dead_letter_strategy", "twice", "invalid_dlx_strategy"),
    (CLASSIC, "max_priority", -1, "{value_negative,-1}"),
    (CLASSIC, "max_priority", 256, "{max_value_exceeded,256}"),
    (CLASSIC, "max_priority", "5", not_integer("longstr")),
    *[(kind, "single_active_consumer", 1, "{unacceptable_type,signedint}") for kind in (CLASSIC, QUORUM)],
    (CLASSIC, "queue_version", 3, "\"unsupported queue version '3'\""),
    (QUORUM, "quorum_initial_group_size", 0, "{value_zero,0}"),
    (QUORUM, "max_in_memory_length", -1, "{value_negative,-1}"),
    (QUORUM, "max_in_memory_bytes", "1", not_integer("longstr")),
    (QUORUM, "queue_leader_locator", "nearby", "invalid_queue_locator_arg"),
]

# queue type, argument, value: known, but only to queues of another type
FOREIGN = [
    (QUORUM, "max_priority", 5),
    (CLASSIC, "delivery_limit", 5),
    (CLASSIC, "dead_letter_strategy", "at-most-once"),
    (CLASSIC, "max_in_memory_length", 5),
    (CLASSIC, "quorum_initial_group_size", 3),
    (CLASSIC, "max_age", "1h"),
    (QUORUM, "max_age", "1h"),
    (CLASSIC, "stream_max_segment_size_bytes", 1000),
    (QUORUM, "stream_max_segment_size_bytes", 1000),
    (QUORUM, "queue_mode", "lazy"),
]

# queue type, arguments that are known and mean nothing on one node
HARMLESS = [
    (CLASSIC, {"max_priority": 0}),
    (CLASSIC, {"single_active_consumer": False}),
    (QUORUM, {"single_active_consumer": False}),
    (CLASSIC, {"queue_mode": "default"}),
    (CLASSIC, {"queue_mode": "lazy"}),
    (CLASSIC, {"queue_version": 1}),
    (CLASSIC, {"queue_version": 2}),
    (CLASSIC, {"queue_master_locator": "min-masters"}),
    (QUORUM, {"queue_leader_locator": "client-local"}),
    (QUORUM, {"queue_leader_locator": "balanced"}),
    (QUORUM, {"quorum_initial_group_size": 3}),
    (QUORUM, {"max_in_memory_length": 0}),
    (QUORUM, {"max_in_memory_bytes": 1000}),
    (CLASSIC, {"expires": TEN_YEARS_MS}),
    (QUORUM, {"expires": 60000}),
    (CLASSIC, {"expires": Typed("B", "B", 200)}),
    (CLASSIC, {"expires": Typed("u", "H", 60000)}),
    (CLASSIC, {"expires": Typed("s", "h", 30000)}),
    (CLASSIC, {"of_mine": "anything"}),
    (QUORUM, {"of_mine": [1, {"a": None}]}),
]

# queue type, arguments, the argument to be named: right, but without an effect yet
NOT_YET = [
    *[(kind, arguments, named) for kind in (CLASSIC, QUORUM) for arguments, named in (
        ({"message_ttl": 0}, "x-message-ttl"),
        ({"message_ttl": TEN_YEARS_MS}, "x-message-ttl"),
        ({"max_length": 0}, "x-max-length"),
        ({"max_length": 10}, "x-max-length"),
        ({"max_length_bytes": 10}, "x-max-length-bytes"),
        ({"overflow": "drop-head"}, "x-overflow"),
        ({"overflow": "reject-publish"}, "x-overflow"),
        ({"dead_letter_exchange": "amq.fanout"}, "x-dead-letter-exchange"),
        ({"dead_letter_exchange": "missing is fine"}, "x-dead-letter-exchange"),
        ({"single_active_consumer": True}, "x-single-active-consumer"),
    )],
    (CLASSIC, {"overflow": "reject-publish-dlx"}, "x-overflow"),
    (CLASSIC, {"max_priority": 1}, "x-max-priority"),
    (CLASSIC, {"max_priority": 255}, "x-max-priority"),
    (QUORUM, {"delivery_limit": 5}, "x-delivery-limit"),
    (QUORUM, {"dead_letter_strategy": "at-most-once"}, "x-dead-letter-strategy"),
]


def argument_id(value):
    if isinstance(value, Typed):
        return value.octets.hex()
    return str(value) if not isinstance(value, str) or len(value) < 40 else "text"


@pytest.mark.parametrize("kind, argument, value, reason", INVALID, ids=argument_id)
def test_a_bad_value_is_refused_with_its_reason(channel, name, kind, argument, value, reason):
    q = name()
    with refused(406, f"invalid arg 'x-{argument.replace('_', '-')}' for {queue_text(q)}: {reason}"):
        declare(channel, q, kind, **{argument: value})


@pytest.mark.parametrize("kind, argument, value", FOREIGN, ids=argument_id)
def test_an_argument_of_another_queue_type_is_refused(channel, name, kind, argument, value):
    q, named = name(), argument.replace("_", "-")
    with refused(406, f"invalid arg 'x-{named}' for {queue_text(q)} of queue type rabbit_{kind}_queue"):
        declare(channel, q, kind, **{argument: value})


@pytest.mark.parametrize("value, kind", [(5, "signedint"), (True, "bool"), (None, "void"), ([], "array")], ids=str)
def test_a_dead_letter_exchange_must_be_a_string(channel, name, value, kind):
    q = name()
    with refused(406, f"invalid type '{kind}' for arg 'x-dead-letter-exchange' in {queue_text(q)}"):
        channel.queue_declare(q, arguments={"x-dead-letter-exchange": value})


@pytest.mark.parametrize("kind, arguments", HARMLESS, ids=argument_id)
def test_an_argument_without_meaning_on_one_node_is_accepted(channel, name, kind, arguments):
    q = name()
    declare(channel, q, kind, **arguments)
    declare(channel, q, kind, **arguments)


@pytest.mark.chaski_only
@pytest.mark.parametrize("arguments", [{"queue_mode": "foo"}, {"queue_leader_locator": "client-local"},
                                       {"queue_leader_locator": "balanced"}], ids=str)
def test_what_later_releases_accept_is_accepted(channel, name, arguments):
    declare(channel, name(), CLASSIC, **arguments)


@pytest.mark.chaski_only
@pytest.mark.parametrize("kind, arguments, named", NOT_YET, ids=argument_id)
def test_what_has_no_effect_yet_is_refused_and_named(connect, connection, channel, name, kind, arguments, named):
    q = name()
    with refused(540, re.compile(f".*{re.escape(named)}.*")):
        declare(connect().channel(), q, kind, **arguments)
    with refused(404, f"no queue '{q}' in vhost '/'"):
        channel.queue_declare(q, passive=True)
    assert connection.is_open


@pytest.mark.chaski_only
def test_several_arguments_without_effect_are_refused_too(connect, name):
    with refused(540, re.compile(".*x-dead-letter-(exchange|routing-key).*")):
        declare(connect().channel(), name(), CLASSIC, dead_letter_exchange="x", dead_letter_routing_key="k")


def test_a_bad_value_makes_no_queue(connection, channel, name):
    q = name()
    with refused(406, f"invalid arg 'x-message-ttl' for {queue_text(q)}: {{value_negative,-1}}"):
        declare(channel, q, CLASSIC, message_ttl=-1)
    with refused(404, f"no queue '{q}' in vhost '/'"):
        connection.channel().queue_declare(q, passive=True)


# ---- queue types ----


@pytest.mark.parametrize("kind", ["tape", "", "QUORUM"])
def test_an_unknown_queue_type_is_refused(channel, name, kind):
    q = name()
    with refused(406, f"invalid arg 'x-queue-type' for {queue_text(q)}: \"unsupported queue type '{kind}'\""):
        channel.queue_declare(q, arguments={"x-queue-type": kind})


@pytest.mark.parametrize("value, kind", [(5, "signedint"), (True, "bool")], ids=str)
def test_a_queue_type_must_be_a_string(channel, name, value, kind):
    q = name()
    with refused(406, f"invalid arg 'x-queue-type' for {queue_text(q)}: {{unacceptable_type,{kind}}}"):
        channel.queue_declare(q, arguments={"x-queue-type": value})


@pytest.mark.chaski_only
def test_streams_are_not_implemented_yet(channel, name):
    with refused(540, re.compile(".*stream.*")):
        channel.queue_declare(name(), durable=True, arguments={"x-queue-type": "stream"})


@pytest.mark.parametrize("flags, named", [
    ({}, "non-durable"), ({"durable": True, "exclusive": True}, "exclusive-owner"),
    ({"durable": True, "auto_delete": True}, "auto-delete"), ({"auto_delete": True}, "auto-delete")], ids=str)
def test_a_quorum_queue_is_durable_and_shared(channel, name, flags, named):
    q = name()
    with refused(406, f"invalid property '{named}' for {queue_text(q)}"):
        channel.queue_declare(q, arguments={"x-queue-type": "quorum"}, **flags)


def test_a_quorum_queue_needs_a_name(channel):
    with refused(406, "Cannot declare a server-named queue for type rabbit_quorum_queue"):
        channel.queue_declare("", durable=True, arguments={"x-queue-type": "quorum"})


@pytest.mark.parametrize("first, second", [(CLASSIC, QUORUM), (QUORUM, CLASSIC)])
def test_the_queue_type_is_part_of_the_comparison(channel, name, first, second):
    q = name()
    channel.queue_declare(q, durable=True, arguments={"x-queue-type": first})
    with refused(406, f"inequivalent arg 'x-queue-type' for {queue_text(q)}: received '{second}' but "
                      f"current is '{first}'"):
        channel.queue_declare(q, durable=True, arguments={"x-queue-type": second})


def test_a_quorum_queue_carries_messages(channel, name):
    q = name()
    declare(channel, q, QUORUM)
    confirms, inbox = Confirms(channel), Inbox(channel)
    for body in "abc":
        send(channel, "", q, body)
    assert confirms.wait(3) == ["ack"] * 3
    assert channel.queue_purge(q).method.message_count == 3
    send(channel, "", q, "d", delivery_mode=2)
    inbox.consume(q)
    assert inbox.wait(1) == ["d"]
    channel.basic_ack(inbox.tags()[0])
    assert channel.queue_delete(q).method.message_count == 0


def test_a_quorum_queue_knows_no_global_qos(channel, name):
    q = name()
    declare(channel, q, QUORUM)
    channel.basic_qos(prefetch_count=5, global_qos=True)
    with refused(540, f"{queue_text(q)} does not support global qos"):
        channel.basic_consume(q, lambda *_: None)


@pytest.mark.parametrize("flag", ["if-unused", "if-empty"])
def test_a_quorum_queue_cannot_be_deleted_on_a_condition(channel, name, flag):
    q = name()
    declare(channel, q, QUORUM)
    with refused(540, f"cannot delete {queue_text(q)}. queue.delete operations with {flag} flag set are not supported "
                      "by quorum queues"):
        channel.queue_delete(q, **{flag.replace("-", "_"): True})
