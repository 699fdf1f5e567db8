# SPDX-License-Identifier: Apache-2.0
"""basic.publish: what it refuses and in which order, what comes back, and what arrives."""
import datetime
import re

import pika
import pytest
from pika import spec

from client import *

ALL_PROPERTIES = dict(
    content_type="text/plain", content_encoding="utf-8", headers={"a": 1, "b": ["x", None], "c": {"d": True}},
    delivery_mode=2, priority=7, correlation_id="c-1", reply_to="somewhere", message_id="m-1", timestamp=1700000000,
    type="kind", user_id="guest", app_id="tests", cluster_id="old")


def returned_messages(channel):
    """A list that fills with (method, properties, body) of what comes back."""
    returned = []
    raw(channel).add_on_return_callback(lambda _c, method, properties, body: returned.append(
        (method, properties, body)))
    return returned


def publish_immediate(channel, key):
    raw(channel)._send_method(spec.Basic.Publish(exchange="", routing_key=key, immediate=True),
                              (pika.BasicProperties(), b"a"))


# ---- what arrives ----


def test_properties_and_body_arrive_as_they_were_sent(channel, queue):
    q = queue()
    send(channel, "", q, b"\x00\xffbody", **ALL_PROPERTIES)
    method, properties, body = channel.basic_get(q, auto_ack=True)
    assert (method.exchange, method.routing_key, method.redelivered, body) == ("", q, False, b"\x00\xffbody")
    assert {key: getattr(properties, key) for key in ALL_PROPERTIES} == ALL_PROPERTIES
    assert properties.expiration is None


def test_a_message_without_properties_arrives_without(channel, queue):
    q = queue()
    send(channel, "", q, "a")
    assert channel.basic_get(q, auto_ack=True)[1] == pika.BasicProperties()


def test_headers_with_values_of_every_kind_arrive(channel, queue):
    q = queue()
    headers = {"int": -5, "long": 2 ** 40, "text": "ñandú", "bytes": b"\x00\xff", "yes": True, "no": False,
               "nothing": None, "when": datetime.datetime(2024, 2, 29, 12), "table": {"deep": {"deeper": [1, "a", {}]}},
               "list": [[], {}, [None]], "": "empty name", "empty": ""}
    send(channel, "", q, "a", headers=headers)
    assert channel.basic_get(q, auto_ack=True)[1].headers == headers


@pytest.mark.parametrize("size", [0, 1, 4087, 4088, 4089, 131063, 131064, 131065, 1024 * 1024])
def test_a_body_of_any_size_arrives_whole(channel, queue, size):
    q, body = queue(), bytes(range(256)) * (size // 256) + bytes(size % 256)
    send(channel, "", q, body)
    inbox = Inbox(channel)
    channel.basic_consume(q, lambda _c, m, p, b: inbox.items.append((m, p, b)), auto_ack=True)
    inbox.wait_for(lambda: inbox.items, "the message")
    assert inbox.items[0][2] == body


def test_messages_of_a_channel_stay_in_order(channel, queue):
    q = queue()
    for number in range(500):
        send(channel, "", q, number)
    assert drain(channel, q) == [str(number).encode() for number in range(500)]


def test_a_message_for_many_queues_arrives_in_each(channel, exchange, queue):
    x, queues = exchange("fanout"), [queue() for _ in range(60)]
    for q in queues:
        channel.queue_bind(q, x)
    body = b"b" * 5000
    send(channel, x, "k", body, content_type="text/plain")
    for q in queues:
        _, properties, got = channel.basic_get(q, auto_ack=True)
        assert (properties.content_type, got) == ("text/plain", body)


@pytest.mark.chaski_only
@pytest.mark.parametrize("mode", [0, 3, 255])
def test_a_delivery_mode_other_than_persistent_is_transient(channel, queue, mode):
    q = queue()
    send(channel, "", q, "a", delivery_mode=mode)
    _, properties, body = channel.basic_get(q, auto_ack=True)
    assert (properties.delivery_mode, body) == (mode, b"a")


# ---- what is refused ----


def test_a_missing_exchange_closes_the_channel(channel, name):
    x = name()
    with refused(404, f"no exchange '{x}' in vhost '/'"):
        send(channel, x, "k")
        sync(channel)


def test_a_row_of_failing_publishes_closes_the_channel_once(connection, channel, name):
    x, closes = name(), []
    raw(channel).add_callback(closes.append, [spec.Channel.Close], one_shot=False)
    other = connection.channel()
    for _ in range(20):
        raw(channel).basic_publish(x, "k", b"some body")
    with refused(404, f"no exchange '{x}' in vhost '/'"):
        sync(channel)
    sync(other)
    assert len(closes) == 1
    sync(connection.channel(channel.channel_number))


def test_what_was_published_before_a_failing_publish_counts_and_what_comes_after_does_not(connection, channel, queue,
                                                                                         name):
    q, x = queue(), name()
    raw(channel).basic_publish("", q, b"before")
    raw(channel).basic_publish(x, "k", b"fails")
    raw(channel).basic_publish("", q, b"after")
    with refused(404, f"no exchange '{x}' in vhost '/'"):
        sync(channel)
    assert drain(connection.channel(), q) == [b"before"]


def test_immediate_is_not_implemented(channel, queue):
    q = queue()
    with refused(540, "immediate=true"):
        publish_immediate(channel, q)
        sync(channel)


def test_immediate_is_refused_before_the_exchange_is_looked_for(channel, name):
    with refused(540, "immediate=true"):
        raw(channel)._send_method(spec.Basic.Publish(exchange=name(), routing_key="k", immediate=True),
                                  (pika.BasicProperties(), b"a"))
        sync(channel)


@pytest.mark.parametrize("user", ["bob", "", "Guest"])
def test_a_user_id_must_be_the_login(channel, queue, user):
    q = queue()
    with refused(406, f"user_id property set to '{user}' but authenticated user was 'guest'"):
        send(channel, "", q, "a", user_id=user)
        sync(channel)


@pytest.mark.parametrize("value, reason", [
    ("", "no_integer"), ("abc", "no_integer"), (" 5", "no_integer"), ("-", "no_integer"),
    ("5.5", '{leftover_string,".5"}'), ("10ms", '{leftover_string,"ms"}'), ("5 ", '{leftover_string," "}'),
    ("-1", "{value_negative,-1}"), ("315360000001", "{value_too_large,315360000001}"),
])
def test_a_bad_expiration_is_refused_with_its_reason(channel, queue, value, reason):
    q = queue()
    with refused(406, f"invalid expiration '{value}': {reason}"):
        send(channel, "", q, "a", expiration=value)
        sync(channel)


def test_an_expiration_is_checked_even_without_a_route(channel, name):
    with refused(406, "invalid expiration 'abc': no_integer"):
        send(channel, "", name(), "a", expiration="abc")
        sync(channel)


@pytest.mark.chaski_only
@pytest.mark.parametrize("value", ["0", "60000", "+5", "315360000000"])
def test_expiration_is_not_implemented_yet(channel, queue, value):
    q = queue()
    with refused(540, re.compile(".*expiration.*")):
        send(channel, "", q, "a", expiration=value)
        sync(channel)


def test_a_direct_reply_without_its_consumer_is_refused(channel, queue):
    q = queue()
    with refused(406, "fast reply consumer does not exist"):
        send(channel, "", q, "a", reply_to="amq.rabbitmq.reply-to")
        sync(channel)


@pytest.mark.parametrize("reply_to", ["amq.rabbitmq.reply-t", "amq.rabbitmq.reply-to.", "amq.rabbitmq.reply-to.x.y"])
def test_other_reply_addresses_pass_through(channel, queue, reply_to):
    q = queue()
    send(channel, "", q, "a", reply_to=reply_to)
    assert channel.basic_get(q, auto_ack=True)[1].reply_to == reply_to


def test_a_missing_exchange_is_found_before_a_bad_property(channel, name):
    x = name()
    with refused(404, f"no exchange '{x}' in vhost '/'"):
        send(channel, x, "k", expiration="abc", user_id="bob", headers={"CC": 5})
        sync(channel)


def test_an_internal_exchange_is_found_before_a_bad_property(channel, exchange):
    x = exchange(internal=True)
    with refused(403, f"cannot publish to internal {exchange_text(x)}"):
        send(channel, x, "k", expiration="abc", user_id="bob")
        sync(channel)


# ---- what comes back ----


def test_an_unroutable_mandatory_message_comes_back_whole(channel, exchange):
    x, body = exchange(), bytes(range(256)) * 1024
    returned = returned_messages(channel)
    send(channel, x, "nowhere", body, mandatory=True, **ALL_PROPERTIES)
    sync(channel)
    [(method, properties, got)] = returned
    assert (method.reply_code, method.reply_text) == (312, "NO_ROUTE")
    assert (method.exchange, method.routing_key, got) == (x, "nowhere", body)
    assert {key: getattr(properties, key) for key in ALL_PROPERTIES} == ALL_PROPERTIES


def test_returns_come_in_the_order_of_the_publishes(channel, queue):
    q, returned = queue(), returned_messages(channel)
    for number in range(50):
        send(channel, "", q if number % 2 else "nobody at all", number, mandatory=True)
    sync(channel)
    assert bodies(returned) == [str(number) for number in range(0, 50, 2)]
    assert len(drain(channel, q)) == 25


def test_without_mandatory_nothing_comes_back(channel, exchange):
    x, returned = exchange(), returned_messages(channel)
    send(channel, x, "nowhere")
    send(channel, "", "nobody at all")
    sync(channel)
    assert returned == []


def test_a_returned_message_has_lost_its_bcc(channel):
    returned = returned_messages(channel)
    send(channel, "", "nobody at all", mandatory=True, headers={"BCC": ["nor here"], "CC": ["nor there"], "n": 1})
    sync(channel)
    assert returned[0][1].headers == {"CC": ["nor there"], "n": 1}


def test_a_returned_empty_message_has_an_empty_body(channel):
    returned = returned_messages(channel)
    send(channel, "", "nobody at all", mandatory=True)
    send(channel, "", "nobody at all", "second", mandatory=True)
    sync(channel)
    assert bodies(returned) == ["", "second"]


def test_a_message_through_an_exchange_without_queues_comes_back(channel, exchange):
    first, second, returned = exchange("fanout"), exchange("fanout"), returned_messages(channel)
    channel.exchange_bind(second, first)
    send(channel, first, "k", "a", mandatory=True)
    sync(channel)
    assert returned[0][0].exchange == first
