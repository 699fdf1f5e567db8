# SPDX-License-Identifier: Apache-2.0
"""Field tables: each type, at each depth, in each place; and tables that lie about their lengths."""
import struct

import peers
import pytest
import wire
from pika import spec

FIELDS = {
    "t true": b"t\x01", "t false": b"t\x00", "t odd": b"t\x7f",
    "b": b"b\x80", "B": b"B\xff", "s": b"s\xff\xfe", "u": b"u\xff\xfe",
    "I": b"I" + struct.pack(">i", -(1 << 31)), "i": b"i" + struct.pack(">I", (1 << 32) - 1),
    "l": b"l" + struct.pack(">q", -(1 << 63)), "L": b"L" + struct.pack(">q", -1),
    "f": b"f" + struct.pack(">f", 1.5), "d": b"d" + struct.pack(">d", -0.0),
    "D": b"D\xff" + struct.pack(">I", 12345),
    "S": b"S" + wire.long_string("text"), "S not UTF-8": b"S" + wire.long_string(b"\xff\x00"),
    "S empty": b"S" + wire.long_string(b""),
    "T": b"T" + struct.pack(">Q", 1700000000), "V": b"V", "x": b"x" + wire.long_string(b"\x00\x01\xff"),
    "A empty": b"A" + wire.long_string(b""), "F empty": b"F" + wire.long_string(b""),
}
FIELDS["A of all"] = b"A" + wire.long_string(b"".join(FIELDS.values()))
FIELDS["F of all"] = b"F" + wire.long_string(
    b"".join(wire.short_string(name) + field for name, field in list(FIELDS.items())[:-1]))
LARGE = {"S of 70000": b"S" + wire.long_string(b"s" * 70000)}

TRUNCATED = {
    "unknown tag": b"\x01aZ",
    "unknown tag 0": b"\x01a\x00",
    "key without value": b"\x01a",
    "key cut": b"\x05ab",
    "half an I": b"\x01aI\0\0",
    "half an l": b"\x01al" + b"\0" * 7,
    "half a D": b"\x01aD\0\0\0\0",
    "half a T": b"\x01aT" + b"\0" * 7,
    "S longer than the table": b"\x01aS" + struct.pack(">I", 50) + b"abc",
    "S of 4 GiB": b"\x01aS\xff\xff\xff\xff",
    "x longer than the table": b"\x01ax" + struct.pack(">I", 50) + b"abc",
    "F longer than the table": b"\x01aF" + struct.pack(">I", 50) + b"\x01bV",
    "A longer than the table": b"\x01aA" + struct.pack(">I", 50) + b"V",
    "bad tag in F": b"\x01aF" + wire.long_string(b"\x01bq"),
    "bad tag in A": b"\x01aA" + wire.long_string(b"Vq"),
    "half an I in A in F": b"\x01aF" + wire.long_string(b"\x01bA" + wire.long_string(b"I\0")),
    "F ends in a key": b"\x01aF" + wire.long_string(b"\x01bV\x03cc"),
}


def field(name):
    return b"\x01k" + {**FIELDS, **LARGE}[name]


def nested(depth, tag=b"F"):
    """A table's content with `depth` tables (or arrays) in it, one in the other."""
    value = wire.long_string(b"")
    for _ in range(depth - 1):
        value = wire.long_string((b"\x01n" if tag == b"F" else b"") + tag + value)
    return b"\x01n" + tag + value


def declare(name, table, passive=False):
    """queue.declare of an exclusive queue whose arguments are these octets."""
    return (b"\0\x32\0\x0a\0\0" + wire.short_string(name) + (b"\x05" if passive else b"\x04")
            + wire.long_string(table))


@pytest.mark.parametrize("name", [*FIELDS, *LARGE])
def test_field_comes_back_octet_for_octet_in_headers(broker, name):
    with peers.opened(broker) as w:
        queue = w.declare_queue(1)
        properties = b"\x20\0" + wire.long_string(field(name))
        w.publish(1, b"x", routing_key=queue, properties=properties)
        w.send_method(1, spec.Basic.Get(queue=queue, no_ack=True))
        assert w.expect_content(spec.Basic.GetOk).properties_octets == properties


@pytest.mark.parametrize("name", [*FIELDS, *LARGE])
def test_field_is_accepted_in_arguments_that_mean_nothing(broker, name):
    with peers.opened(broker) as w:
        w.send_method(1, declare("", field(name)))
        w.expect(spec.Queue.DeclareOk)


@pytest.mark.parametrize("name", FIELDS)
def test_field_is_accepted_in_client_properties(broker, name):
    with wire.connect(broker) as w:
        w.send_header()
        w.expect_start()
        w.send_method(0, struct.pack(">I", spec.Connection.StartOk.INDEX) + wire.long_string(field(name))
                      + wire.short_string("PLAIN") + wire.long_string("\0guest\0guest") + wire.short_string("en_US"))
        w.expect(spec.Connection.Tune, 0)


@pytest.mark.parametrize("tag", [b"F", b"A"], ids=["tables", "arrays"])
@pytest.mark.parametrize("depth", [1, 2, 10, 30])
def test_nesting_that_people_use_is_carried(broker, depth, tag):
    with peers.opened(broker) as w:
        queue = w.declare_queue(1)
        properties = b"\x20\0" + wire.long_string(nested(depth, tag))
        w.publish(1, b"x", routing_key=queue, properties=properties)
        w.send_method(1, spec.Basic.Get(queue=queue, no_ack=True))
        assert w.expect_content(spec.Basic.GetOk).properties_octets == properties


@pytest.mark.chaski_only
@pytest.mark.parametrize("name", TRUNCATED)
def test_malformed_arguments_are_refused_by_name(broker, name):
    """RabbitMQ 3.10 drops the socket for most of these; a word is better."""
    with peers.opened(broker) as w:
        w.send_method(1, declare("", TRUNCATED[name]))
        close = w.expect(spec.Connection.Close, 0)
        assert close.reply_code in (501, 502)
        assert close.reply_text.startswith(("FRAME_ERROR - cannot decode <<", "SYNTAX_ERROR - "))
        assert (close.class_id, close.method_id) == (50, 10)


@pytest.mark.parametrize("name", TRUNCATED)
def test_malformed_arguments_end_the_connection(broker, name):
    with peers.Bystander(broker), peers.opened(broker) as w:
        w.send_method(1, declare("", TRUNCATED[name]))
        got = w.read_frame_or_end()
        assert got is None or isinstance(got.method(), spec.Connection.Close)


@pytest.mark.parametrize("name", TRUNCATED)
def test_malformed_headers_end_the_connection_with_541(broker, name):
    with peers.Bystander(broker), peers.opened(broker) as w:
        w.publish(1, b"x", routing_key="nobody", properties=b"\x20\0" + wire.long_string(TRUNCATED[name]))
        close = w.expect(spec.Connection.Close, 0)
        wire.check_close(close, 541, "INTERNAL_ERROR")


@pytest.mark.parametrize("tag", [b"F", b"A"], ids=["tables", "arrays"])
@pytest.mark.parametrize("place", ["arguments", "headers", "client properties"])
def test_64_kib_of_nesting_harm_nobody(broker, place, tag):
    """Carried or refused, as the broker likes, but it goes on, and so does everybody else."""
    depth = 65000 // (7 if tag == b"F" else 5)
    with peers.Bystander(broker) as other:
        if place == "client properties":
            w = wire.connect(broker)
            w.send_header()
            w.expect_start()
            w.send_method(0, struct.pack(">I", spec.Connection.StartOk.INDEX) + wire.long_string(nested(500, tag))
                          + wire.short_string("PLAIN") + wire.long_string("\0guest\0guest") + wire.short_string("C"))
        else:
            w = peers.opened(broker)
            queue = w.declare_queue(1)
            if place == "arguments":
                w.send_method(1, declare("", nested(depth, tag)))
            else:
                w.publish(1, b"x", routing_key=queue, properties=b"\x20\0" + wire.long_string(nested(depth, tag)))
                w.send_method(1, spec.Basic.Get(queue=queue))
        got = w.read_frame_or_end()
        allowed = (spec.Connection.Close, spec.Connection.Tune, spec.Queue.DeclareOk, spec.Basic.GetOk)
        assert got is None or isinstance(got.method(), allowed)
        other.check()
        w.abort()


@pytest.mark.parametrize("method, answer", [
    (lambda table: b"\0\x28\0\x0a\0\0" + wire.short_string(peers.unique_name("tables")) + b"\x06direct\x04"
     + wire.long_string(table), spec.Exchange.DeclareOk),
    (lambda table: b"\0\x32\0\x14\0\0\0\x0aamq.direct\x01k\0" + wire.long_string(table), spec.Queue.BindOk),
    (lambda table: b"\0\x32\0\x32\0\0\0\x0aamq.direct\x01k" + wire.long_string(table), spec.Queue.UnbindOk),
    (lambda table: b"\0\x3c\0\x14\0\0\0\0\x02" + wire.long_string(table), spec.Basic.ConsumeOk),
], ids=["exchange.declare", "queue.bind", "queue.unbind", "basic.consume"])
def test_every_method_with_a_table_takes_every_type(broker, method, answer):
    with peers.opened(broker) as w:
        w.declare_queue(1)
        table = b"".join(wire.short_string(f"x-k{number}") + value for number, value in enumerate(FIELDS.values()))
        w.send_method(1, method(table))
        w.expect(answer, 1)
