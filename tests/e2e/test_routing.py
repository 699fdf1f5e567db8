# SPDX-License-Identifier: Apache-2.0
"""Bindings, and which queues a message reaches: direct, fanout, topic, headers, CC and BCC, exchange to exchange."""
import datetime

import pika
import pytest

from client import *


def bound(channel, queue, x, *keys, **arguments):
    """A queue bound to the exchange by these keys."""
    q = queue()
    for key in keys:
        channel.queue_bind(q, x, key, arguments=arguments or None)
    return q


def reaches(channel, q, x, key, **properties):
    """Whether a message published so gets into the queue. A second one, sent straight to the queue, ends the wait."""
    send(channel, x, key, "routed", **properties)
    send(channel, "", q, "marker")
    got = drain(channel, q)
    assert got in ([b"marker"], [b"routed", b"marker"]), got
    return len(got) == 2


# ---- binding ----


@pytest.mark.parametrize("missing_queue", [True, False])
def test_binding_to_a_missing_exchange_is_refused_whether_or_not_the_queue_is_there(channel, name, queue,
                                                                                   missing_queue):
    x, q = name(), name() if missing_queue else queue()
    with refused(404, f"no exchange '{x}' in vhost '/'"):
        channel.queue_bind(q, x, "k")


@pytest.mark.parametrize("missing", ["source", "destination"])
def test_binding_exchanges_needs_both(channel, exchange, name, missing):
    x, absent = exchange(), name()
    with refused(404, f"no exchange '{absent}' in vhost '/'"):
        if missing == "source":
            channel.exchange_bind(x, absent, "k")
        else:
            channel.exchange_bind(absent, x, "k")


def test_unbinding_what_is_not_bound_succeeds(channel, exchange, queue, name):
    x, q = exchange(), queue()
    channel.queue_unbind(q, x, "never")
    channel.queue_unbind(q, name(), "k")
    channel.queue_unbind(name(), x, "k")
    channel.exchange_unbind(exchange(), x, "never")
    channel.exchange_unbind(name(), x, "k")
    channel.exchange_unbind(x, name(), "k")


def test_binding_twice_is_binding_once(channel, exchange, queue):
    x = exchange()
    q = bound(channel, queue, x, "k", "k", "k")
    assert reaches(channel, q, x, "k")
    channel.queue_unbind(q, x, "k")
    assert not reaches(channel, q, x, "k")


def test_arguments_are_part_of_a_binding(channel, exchange, queue):
    x, q = exchange(), queue()
    channel.queue_bind(q, x, "k", arguments={"a": 1})
    channel.queue_bind(q, x, "k", arguments={"a": 2, "b": "c"})
    channel.queue_unbind(q, x, "k")  # without arguments: another binding, which is not there
    channel.queue_unbind(q, x, "k", arguments={"a": 1})
    assert reaches(channel, q, x, "k")
    channel.queue_unbind(q, x, "k", arguments={"b": "c", "a": 2})
    assert not reaches(channel, q, x, "k")


def test_bind_and_unbind_with_nowait(channel, exchange, queue):
    x, q = exchange(), queue()
    raw(channel).queue_bind(q, x, "k")
    assert reaches(channel, q, x, "k")
    destination, q_behind = exchange("fanout"), queue()
    channel.queue_bind(q_behind, destination)
    raw(channel).exchange_bind(destination, x, "e")
    assert reaches(channel, q_behind, x, "e")
    raw(channel).exchange_unbind(destination, x, "e")
    assert not reaches(channel, q_behind, x, "e")


def test_with_queue_and_key_empty_the_key_is_the_name_of_the_last_queue(channel, exchange, queue):
    x, q = exchange(), queue()
    channel.queue_bind("", x, "")
    assert reaches(channel, q, x, q)
    assert not reaches(channel, q, x, "")


def test_an_empty_key_alone_is_an_empty_key(channel, exchange, queue):
    x = exchange()
    q = bound(channel, queue, x, "")
    assert reaches(channel, q, x, "")
    assert not reaches(channel, q, x, q)


# ---- default, direct, fanout ----


def test_the_default_exchange_routes_to_the_queue_of_that_name(channel, queue):
    q, other = queue(), queue()
    send(channel, "", q, "a")
    assert drain(channel, q) == [b"a"] and drain(channel, other) == []


def test_a_direct_exchange_compares_keys_exactly(channel, exchange, queue):
    x = exchange("direct")
    q = bound(channel, queue, x, "a.b", "*", "#")
    assert reaches(channel, q, x, "a.b") and reaches(channel, q, x, "*") and reaches(channel, q, x, "#")
    assert not any(reaches(channel, q, x, key) for key in ("a", "a.b.", "A.B", "", "a.c"))


def test_one_key_may_reach_many_queues(channel, exchange, queue):
    x = exchange("direct")
    many = [bound(channel, queue, x, "k") for _ in range(5)]
    send(channel, x, "k", "a")
    assert [drain(channel, q) for q in many] == [[b"a"]] * 5


def test_a_fanout_exchange_ignores_the_key(channel, exchange, queue):
    x = exchange("fanout")
    first, second = bound(channel, queue, x, "k"), bound(channel, queue, x, "")
    send(channel, x, "anything", "a")
    assert drain(channel, first) == drain(channel, second) == [b"a"]


@pytest.mark.parametrize("kind, keys, key", [
    ("direct", ["k"], "k"), ("fanout", ["a", "b", "c"], "k"), ("topic", ["#", "k", "*", "k.#", "#.k"], "k"),
    ("headers", ["a", "b"], "k")])
def test_a_queue_gets_one_copy_however_many_bindings_match(channel, exchange, queue, kind, keys, key):
    x = exchange(kind)
    q = bound(channel, queue, x, *keys)
    send(channel, x, key, "once")
    send(channel, "", q, "marker")
    assert drain(channel, q) == [b"once", b"marker"]


@pytest.mark.parametrize("kind", ["direct", "fanout", "topic", "headers"])
def test_an_unbound_queue_gets_nothing_more(channel, exchange, queue, kind):
    x = exchange(kind)
    q = bound(channel, queue, x, "a.b")
    assert reaches(channel, q, x, "a.b")
    channel.queue_unbind(q, x, "a.b")
    assert not reaches(channel, q, x, "a.b")


def test_the_route_of_a_key_follows_the_bindings(channel, exchange, queue):
    x = exchange("topic")
    first, second = bound(channel, queue, x, "a.*"), queue()
    for bind in (True, False, True):
        (channel.queue_bind if bind else channel.queue_unbind)(second, x, "#")
        send(channel, x, "a.b", "again")
        assert drain(channel, first) == [b"again"]
        assert drain(channel, second) == ([b"again"] if bind else [])


# ---- topic ----


@pytest.mark.parametrize("pattern, matching, others", [
    ("#", ["", "a", "a.b", ".", "..", "a..b"], []),
    ("*", ["a", "*", "#"], ["", "a.b", "."]),
    ("a.#", ["a", "a.", "a.b", "a.b.c", "a.."], ["", "b", "aa", ".a", "b.a"]),
    ("a.*", ["a.", "a.b"], ["a", "a.b.c", "", "b.a"]),
    ("*.*", [".", "a.b", "a.", ".b"], ["", "a", "a.b.c"]),
    ("#.a", ["a", ".a", "b.a", "c.b.a"], ["", "a.", "a.b"]),
    ("a.#.b", ["a.b", "a..b", "a.c.b", "a.b.b"], ["a", "b", "ab", "a.c", "a.b."]),
    ("*.#", ["a", "a.b", ".", "a."], [""]),
    ("#.*", ["a", "a.b", "."], [""]),
    ("", [""], ["a", "."]),
    ("a..b", ["a..b"], ["a.b", "a.c.b", "a...b"]),
    ("a.*.b", ["a..b", "a.c.b"], ["a.b", "a.c.d.b"]),
    ("#.#", ["", "a", "a.b", "."], []),
    ("a#", ["a#"], ["a", "ab", "a.b"]),
    ("*a", ["*a"], ["aa", "a"]),
    ("#.b.#", ["b", "a.b", "b.c", "a.b.c", "b.b"], ["", "a", "a.c", "ab"]),
    ("*.b.#", ["a.b", "a.b.c", ".b"], ["b", "b.c", "a.a.b"]),
    ("a.*.#.c", ["a.b.c", "a.b.b.c"], ["a.c", "a.b"]),
    ("a.b", ["a.b"], ["a", "b", "a.b.c", "A.b", "a.B", ".a.b"]),
], ids=lambda value: value if isinstance(value, str) else None)
def test_topic_pattern(channel, exchange, queue, pattern, matching, others):
    x = exchange("topic")
    q = bound(channel, queue, x, pattern)
    assert [key for key in matching if not reaches(channel, q, x, key)] == []
    assert [key for key in others if reaches(channel, q, x, key)] == []


def test_topic_patterns_side_by_side_do_not_disturb_each_other(channel, exchange, queue):
    x = exchange("topic")
    patterns = ["#", "*", "a", "a.b", "a.*", "*.b", "a.#", "#.b", "a.#.b", "#.a.#", "*.*", ""]
    queues = {pattern: bound(channel, queue, x, pattern) for pattern in patterns}

    def reached(key):
        send(channel, x, key, "a")
        sync(channel)
        return {pattern for pattern, q in queues.items() if drain(channel, q)}

    assert reached("a.b") == {"#", "a.b", "a.*", "*.b", "a.#", "#.b", "a.#.b", "#.a.#", "*.*"}
    for gone in ("a.*", "#.b", "#"):
        channel.queue_unbind(queues[gone], x, gone)
    assert reached("a.b") == {"a.b", "*.b", "a.#", "a.#.b", "#.a.#", "*.*"}
    assert reached("a") == {"*", "a", "a.#", "#.a.#"}
    assert reached("") == {""}


def test_many_wildcards_end_in_good_time(channel, exchange, queue):
    x = exchange("topic")
    q = bound(channel, queue, x, "#.a.#.a")
    other = bound(channel, queue, x, ".".join(["#", "a"] * 2 + ["#", "z"]))
    send(channel, x, ".".join("a" * 120), "a")
    send(channel, "", other, "marker")
    assert drain(channel, q) == [b"a"]
    assert drain(channel, other) == [b"marker"]


# ---- headers ----

MATCHES = [
    # criteria, headers, whether they match
    ({"x-match": "all", "a": 1, "b": "2"}, {"a": 1, "b": "2", "c": 3}, True),
    ({"x-match": "all", "a": 1, "b": "2"}, {"a": 1}, False),
    ({"x-match": "all", "a": 1, "b": "2"}, {"a": 1, "b": "3"}, False),
    ({"a": 1, "b": "2"}, {"a": 1, "b": "2"}, True),
    ({"a": 1, "b": "2"}, {"a": 1}, False),
    ({"x-match": "any", "a": 1, "b": "2"}, {"b": "2"}, True),
    ({"x-match": "any", "a": 1, "b": "2"}, {"a": 2, "b": "3"}, False),
    ({"x-match": "any", "a": 1, "b": "2"}, {}, False),
    # names that begin with x- count only when asked for
    ({"x-match": "all", "x-a": 1, "b": 2}, {"b": 2}, True),
    ({"x-match": "any", "x-a": 1, "b": 2}, {"x-a": 1}, False),
    ({"x-match": "all-with-x", "x-a": 1, "b": 2}, {"b": 2}, False),
    ({"x-match": "all-with-x", "x-a": 1, "b": 2}, {"x-a": 1, "b": 2}, True),
    ({"x-match": "any-with-x", "x-a": 1, "b": 2}, {"x-a": 1}, True),
    ({"x-match": "all-with-x", "a": 1}, {"a": 1, "x-match": "anything"}, True),
    # nothing asked for
    ({}, {}, True),
    ({}, None, True),
    ({"x-match": "all"}, {"a": 1}, True),
    ({"x-match": "any"}, {"a": 1}, False),
    ({"x-match": "any"}, None, False),
    # void: present, with whatever value
    ({"a": None}, {"a": "anything"}, True),
    ({"a": None}, {"a": None}, True),
    ({"a": None}, {"b": 1}, False),
    ({"x-match": "any", "a": None, "b": 1}, {"a": 5}, True),
    ({"a": 1}, {"a": None}, False),
    # values: integers of any width are equal, strings are never numbers, booleans never integers
    ({"a": 1}, {"a": Typed("l", "q", 1)}, True),
    ({"a": Typed("b", "b", -1)}, {"a": Typed("s", "h", -1)}, True),
    ({"a": Typed("B", "B", 200)}, {"a": 200}, True),
    ({"a": 1}, {"a": "1"}, False),
    ({"a": 1}, {"a": True}, False),
    ({"a": 0}, {"a": False}, False),
    ({"a": True}, {"a": True}, True),
    ({"a": True}, {"a": False}, False),
    ({"a": "text"}, {"a": b"text"}, True),
    ({"a": "text"}, {"a": "Text"}, False),
    ({"a": ""}, {"a": ""}, True),
    ({"a": Typed("d", "d", 1.5)}, {"a": Typed("d", "d", 1.5)}, True),
    ({"a": datetime.datetime(2024, 2, 29)}, {"a": datetime.datetime(2024, 2, 29)}, True),
    ({"a": {"b": 1, "c": [1, "x"]}}, {"a": {"b": 1, "c": [1, "x"]}}, True),
    ({"a": {"b": 1}}, {"a": {"b": 2}}, False),
    ({"a": [1, 2]}, {"a": [1, 2]}, True),
    ({"a": [1, 2]}, {"a": [2, 1]}, False),
    ({"a": {"b": 1}}, {"a": {"b": Typed("l", "q", 1)}}, False),
]


def shown(value):
    if isinstance(value, dict):
        return str({key: one.octets.hex() if isinstance(one, Typed) else one for key, one in value.items()})
    return str(value)


@pytest.mark.parametrize("criteria, headers, matches", MATCHES, ids=shown)
def test_headers_binding(channel, exchange, queue, criteria, headers, matches):
    x, q = exchange("headers"), queue()
    channel.queue_bind(q, x, "ignored", arguments=criteria)
    properties = {} if headers is None else {"headers": headers}
    assert reaches(channel, q, x, "whatever", **properties) == matches


@pytest.mark.chaski_only
def test_an_integer_does_not_equal_a_fraction(channel, exchange, queue):
    x, q = exchange("headers"), queue()
    channel.queue_bind(q, x, arguments={"a": 1})
    assert not reaches(channel, q, x, "", headers={"a": Typed("d", "d", 1.0)})


@pytest.mark.parametrize("value, text", [
    ("foo", "Invalid x-match field value <<\"foo\">>; expected all, any, all-with-x, or any-with-x"),
    ("", "Invalid x-match field value <<>>; expected all, any, all-with-x, or any-with-x"),
    (1, "Invalid x-match field type signedint (value 1); expected longstr"),
], ids=str)
def test_a_bad_x_match_is_refused(channel, exchange, queue, value, text):
    x, q = exchange("headers"), queue()
    with refused(406, text):
        channel.queue_bind(q, x, "k", arguments={"x-match": value, "a": 1})


def test_x_match_means_nothing_to_other_exchanges(channel, exchange, queue):
    x, q = exchange("direct"), queue()
    channel.queue_bind(q, x, "k", arguments={"x-match": "foo"})
    assert reaches(channel, q, x, "k")


def test_two_headers_bindings_of_one_queue(channel, exchange, queue):
    x, q = exchange("headers"), queue()
    channel.queue_bind(q, x, "", arguments={"a": 1})
    channel.queue_bind(q, x, "", arguments={"b": 1})
    assert reaches(channel, q, x, "", headers={"a": 1}) and reaches(channel, q, x, "", headers={"b": 1})
    assert reaches(channel, q, x, "", headers={"a": 1, "b": 1})
    channel.queue_unbind(q, x, "", arguments={"a": 1})
    assert not reaches(channel, q, x, "", headers={"a": 1})
    assert reaches(channel, q, x, "", headers={"b": 1})


# ---- CC and BCC ----


@pytest.mark.parametrize("header", ["CC", "BCC"])
def test_further_keys_reach_further_queues(channel, exchange, queue, header):
    x = exchange("direct")
    first, second, third = (bound(channel, queue, x, key) for key in ("one", "two", "three"))
    send(channel, x, "one", "a", headers={header: ["two", "three", "nobody"]})
    assert drain(channel, first) == drain(channel, second) == drain(channel, third) == [b"a"]


def test_cc_and_bcc_together_with_the_key_give_one_copy_a_queue(channel, queue):
    q, other = queue(), queue()
    send(channel, "", q, "a", headers={"CC": [q, other], "BCC": [other, q]})
    send(channel, "", q, "marker")
    assert drain(channel, q) == [b"a", b"marker"] and drain(channel, other) == [b"a"]


def test_further_keys_are_looked_at_by_every_exchange_on_the_way(channel, exchange, queue):
    first, second, q = exchange("direct"), exchange("topic"), queue()
    channel.exchange_bind(second, first, "via")
    channel.queue_bind(q, second, "deep.*")
    assert not reaches(channel, q, first, "deep.key")
    assert reaches(channel, q, first, "nowhere", headers={"CC": ["via"], "BCC": ["deep.key"]})


def test_the_key_that_is_delivered_is_the_original_one(channel, queue):
    q = queue()
    send(channel, "amq.direct", f"nobody-{q}", "dropped")
    send(channel, "", f"nobody-{q}", "a", headers={"CC": [q]})
    method, _, body = channel.basic_get(q, auto_ack=True)
    assert (method.exchange, method.routing_key, body) == ("", f"nobody-{q}", b"a")


def test_bcc_is_taken_out_and_cc_stays(channel, queue):
    q, headers = queue(), {"BCC": ["hidden"], "CC": ["seen"], "other": 5}
    send(channel, "", q, "a", headers=headers, content_type="text/plain", message_id="m")
    _, properties, _ = channel.basic_get(q, auto_ack=True)
    assert properties.headers == {"CC": ["seen"], "other": 5}
    assert (properties.content_type, properties.message_id) == ("text/plain", "m")


def test_further_keys_that_are_no_strings_are_ignored(channel, queue):
    q = queue()
    send(channel, "", "nobody", "a", headers={"CC": [5, True, None, q, {}]})
    assert drain(channel, q) == [b"a"]


@pytest.mark.parametrize("header", ["CC", "BCC"])
@pytest.mark.parametrize("value, kind", [("text", "longstr"), (5, "signedint"), ({}, "table"), (None, "void")],
                         ids=str)
def test_further_keys_must_be_an_array(channel, queue, header, value, kind):
    q = queue()
    with refused(406, f'invalid message: {{unacceptable_type_in_header,"{header}",{kind}}}'):
        send(channel, "", q, "a", headers={header: value})
        sync(channel)


# ---- exchange to exchange ----


def test_a_message_goes_through_a_chain_with_its_exchange_and_key_kept(channel, exchange, queue):
    first, second, third, q = exchange("direct"), exchange("topic"), exchange("headers"), queue()
    channel.exchange_bind(second, first, "a.b")
    channel.exchange_bind(third, second, "a.*")
    channel.queue_bind(q, third, "", arguments={"h": 1})
    send(channel, first, "a.b", "no header")
    send(channel, first, "a.b", "arrives", headers={"h": 1})
    method, _, body = channel.basic_get(q, auto_ack=True)
    assert (method.exchange, method.routing_key, body) == (first, "a.b", b"arrives")
    assert drain(channel, q) == []


def test_an_exchange_bound_to_itself_routes_once(channel, exchange, queue):
    x, q = exchange("fanout"), queue()
    channel.exchange_bind(x, x, "")
    channel.queue_bind(q, x)
    assert reaches(channel, q, x, "k")


def test_cycles_end(channel, exchange, queue):
    ring = [exchange("fanout") for _ in range(4)]
    for number, x in enumerate(ring):
        channel.exchange_bind(ring[(number + 1) % 4], x)
        channel.exchange_bind(ring[(number + 2) % 4], x)
    queues = [bound(channel, queue, x, "") for x in ring]
    send(channel, ring[2], "", "once")
    sync(channel)
    assert [drain(channel, q) for q in queues] == [[b"once"]] * 4


def test_many_ways_to_a_queue_give_one_copy(channel, exchange, queue):
    top, bottom, q = exchange("fanout"), exchange("fanout"), queue()
    for _ in range(5):
        middle = exchange("fanout")
        channel.exchange_bind(middle, top)
        channel.exchange_bind(bottom, middle)
    channel.queue_bind(q, bottom)
    channel.queue_bind(q, top)
    assert reaches(channel, q, top, "k")


def test_exchange_bindings_have_arguments_too(channel, exchange, queue):
    source, destination, q = exchange("headers"), exchange("fanout"), queue()
    channel.exchange_bind(destination, source, "", arguments={"a": 1})
    channel.queue_bind(q, destination)
    assert reaches(channel, q, source, "", headers={"a": 1})
    assert not reaches(channel, q, source, "", headers={"a": 2})
    channel.exchange_unbind(destination, source, "", arguments={"a": 2})
    assert reaches(channel, q, source, "", headers={"a": 1})
    channel.exchange_unbind(destination, source, "", arguments={"a": 1})
    assert not reaches(channel, q, source, "", headers={"a": 1})


def test_a_queue_and_an_exchange_of_one_name_are_two_destinations(channel, exchange, name):
    source, both = exchange("direct"), name()
    channel.exchange_declare(both, "fanout")
    channel.queue_declare(both)
    channel.exchange_bind(both, source, "exchange")
    channel.queue_bind(both, source, "queue")
    assert reaches(channel, both, source, "queue")
    assert not reaches(channel, both, source, "exchange")


# ---- nowhere ----


def test_a_message_without_a_queue_is_dropped(channel, exchange, queue):
    x, q = exchange(), queue()
    send(channel, x, "k", "before the binding")
    channel.queue_bind(q, x, "k")
    send(channel, x, "k", "after the binding")
    assert drain(channel, q) == [b"after the binding"]


@pytest.mark.parametrize("header", ["CC", "BCC"])
def test_a_mandatory_message_is_content_with_any_key(channel, queue, header):
    q = queue()
    channel.confirm_delivery()
    send(channel, "", "nobody", "a", mandatory=True, headers={header: [q]})
    assert drain(channel, q) == [b"a"]
    with pytest.raises(pika.exceptions.UnroutableError):
        send(channel, "", "nobody", "a", mandatory=True, headers={header: ["nobody either"]})
