#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes vectors.h: methods and frames as pika encodes them, beside the values they were made from.

pika (1.2, Debian's python3-pika) is an AMQP 0-9-1 client that shares nothing with our codec, so octets that
both agree on are octets that clients send and read. Methods that pika does not have are written out by hand,
and so are the table types that it never sends. Run it again after a change; the result is kept in the tree:

    /usr/bin/python3 tests/unit/amqp/make_vectors.py > tests/unit/amqp/vectors.h
    clang-format -i tests/unit/amqp/vectors.h

With a folder as argument it writes the seeds of the fuzzers instead: make_vectors.py tests/fuzz/corpus
"""
import datetime
import decimal
import os
import struct
import sys

from pika import frame, spec
from pika.data import encode_table

TABLE = {
    "x-queue-type": "classic",
    "x-expires": 1800000,
    "x-big": 1 << 40,
    "x-negative": -5,
    "flag": True,
    "nothing": None,
    "blob": b"\x00\xff",
    "price": decimal.Decimal("3.14"),
    "when": datetime.datetime(2024, 2, 29, 12, 0, 0),
    "list": ["one", 2, False, {"deep": "er"}],
    "inner": {"capabilities": {"basic.nack": True}},
}
EMPTY = {}
TEXT = "grün-Привет-😀"
LONG = "n" * 255


# class.method, values in the order of the table. The octets of a large number differ: none can change places.
METHODS = [
    ("connection.start", [0, 9, TABLE, b"PLAIN AMQPLAIN", b"en_US"]),
    ("connection.start_ok", [TABLE, "PLAIN", b"\x00guest\x00guest", "en_US"]),
    ("connection.start_ok", [EMPTY, "", b"", ""]),
    ("connection.secure", [b"Please tell me your password"]),
    ("connection.secure_ok", [b"My password is \x00\xff"]),
    ("connection.tune", [2047, 131072, 60]),
    ("connection.tune_ok", [0x0102, 0x03040506, 0x0708]),
    ("connection.open", ["/", "", False]),
    ("connection.open", [TEXT, "caps", True]),
    ("connection.open_ok", [""]),
    ("connection.close", [320, "CONNECTION_FORCED - bye", 0, 0]),
    ("connection.close", [501, TEXT, 60, 40]),
    ("connection.close_ok", []),
    ("connection.blocked", ["low on memory & low on disk"]),
    ("connection.unblocked", []),
    ("channel.open", [""]),
    ("channel.open_ok", [b""]),
    ("channel.open_ok", [b"\x80id"]),
    ("channel.flow", [True]),
    ("channel.flow", [False]),
    ("channel.flow_ok", [True]),
    ("channel.close", [404, "NOT_FOUND - no queue 'q' in vhost '/'", 50, 10]),
    ("channel.close_ok", []),
    ("access.request", ["/data", False, True, True, True, True]),
    ("access.request", ["/data", True, False, False, False, False]),
    ("access.request_ok", [0x0a0b]),
    ("exchange.declare", [0, "logs", "topic", False, True, False, True, False, TABLE]),
    ("exchange.declare", [0x0102, LONG, TEXT, True, False, True, False, True, EMPTY]),
    ("exchange.declare_ok", []),
    ("exchange.delete", [0, "logs", True, False]),
    ("exchange.delete", [0, "logs", False, True]),
    ("exchange.delete_ok", []),
    ("exchange.bind", [0, "to", "from", "a.#", True, TABLE]),
    ("exchange.bind_ok", []),
    ("exchange.unbind", [0, "to", "from", "a.#", False, EMPTY]),
    ("exchange.unbind_ok", []),
    ("queue.declare", [0, "", False, False, False, False, False, EMPTY]),
    ("queue.declare", [0, "q", True, False, False, False, False, TABLE]),
    ("queue.declare", [0, "q", False, True, False, False, False, TABLE]),
    ("queue.declare", [0, "q", False, False, True, False, False, TABLE]),
    ("queue.declare", [0, "q", False, False, False, True, False, TABLE]),
    ("queue.declare", [0xfffe, LONG, False, False, False, False, True, TABLE]),
    ("queue.declare_ok", ["amq.gen-x", 0x01020304, 0x05060708]),
    ("queue.bind", [0, "q", "logs", TEXT, False, TABLE]),
    ("queue.bind", [0, "", "", "", True, EMPTY]),
    ("queue.bind_ok", []),
    ("queue.purge", [0, "q", True]),
    ("queue.purge_ok", [0xfffefdfc]),
    ("queue.delete", [0, "q", True, False, False]),
    ("queue.delete", [0, "q", False, True, False]),
    ("queue.delete", [0, "q", False, False, True]),
    ("queue.delete_ok", [3]),
    ("queue.unbind", [0, "q", "logs", "key", TABLE]),
    ("queue.unbind_ok", []),
    ("basic.qos", [0x01020304, 0x0506, True]),
    ("basic.qos", [0, 100, False]),
    ("basic.qos_ok", []),
    ("basic.consume", [0, "q", "", False, True, False, False, EMPTY]),
    ("basic.consume", [0, "q", TEXT, True, False, True, False, TABLE]),
    ("basic.consume", [0, "q", "ctag", False, False, False, True, TABLE]),
    ("basic.consume_ok", ["amq.ctag-1"]),
    ("basic.cancel", ["amq.ctag-1", True]),
    ("basic.cancel_ok", [""]),
    ("basic.publish", [0, "", "q", False, False]),
    ("basic.publish", [0, "amq.topic", "a.b.c", True, False]),
    ("basic.publish", [0x0102, LONG, TEXT, False, True]),
    ("basic.return", [312, "NO_ROUTE", "ex", "key"]),
    ("basic.deliver", ["ctag", 0x0102030405060708, True, "ex", "key"]),
    ("basic.deliver", ["", 1, False, "", LONG]),
    ("basic.get", [0, "q", True]),
    ("basic.get", [0, "q", False]),
    ("basic.get_ok", [0xfffefdfcfbfaf9f8, True, "ex", "key", 0x01020304]),
    ("basic.get_empty", [""]),
    ("basic.ack", [0x0102030405060708, True]),
    ("basic.ack", [0, False]),
    ("basic.reject", [7, True]),
    ("basic.recover_async", [True]),
    ("basic.recover", [True]),
    ("basic.recover", [False]),
    ("basic.recover_ok", []),
    ("basic.nack", [9, True, False]),
    ("basic.nack", [9, False, True]),
    ("confirm.select", [True]),
    ("confirm.select_ok", []),
    ("tx.select", []),
    ("tx.select_ok", []),
    ("tx.commit", []),
    ("tx.commit_ok", []),
    ("tx.rollback", []),
    ("tx.rollback_ok", []),
]


class Content(bytes):
    """A table's content, written out."""


# Every type tag of RabbitMQ (errata, "Type tags in use"), also those that pika does not send.
ALL_TAGS = Content(
    b"\x01tt\x01" b"\x01bb\x80" b"\x01BB\xff" b"\x01ss\x80\x00" b"\x01uu\xff\xff"
    b"\x01II\x80\x00\x00\x00" b"\x01ii\xff\xff\xff\xff"
    b"\x01ll\x80\x00\x00\x00\x00\x00\x00\x01" b"\x01LL\x00\x00\x00\x00\x00\x00\x00\x02"
    b"\x01ff\x3f\x80\x00\x00" b"\x01dd\x3f\xf8\x00\x00\x00\x00\x00\x00" b"\x01DD\x02\x00\x00\x01\x3a"
    b"\x01SS\x00\x00\x00\x02hi" b"\x01AA\x00\x00\x00\x03Vt\x00" b"\x01FF\x00\x00\x00\x03\x01kV"
    b"\x01TT\x00\x00\x00\x00\x65\xe0\x7c\x40" b"\x01VV" b"\x01xx\x00\x00\x00\x01\x00")

# By hand: octets of the whole payload.
BY_HAND = [
    ("connection.update_secret", [b"new\x00secret", "refresh"],
     b"\x00\x0a\x00\x46" b"\x00\x00\x00\x0anew\x00secret" b"\x07refresh"),
    ("connection.update_secret_ok", [], b"\x00\x0a\x00\x47"),
    ("queue.bind", [0, "q", "e", "k", False, ALL_TAGS],
     b"\x00\x32\x00\x14" b"\x00\x00" b"\x01q" b"\x01e" b"\x01k" b"\x00"
     + struct.pack(">I", len(ALL_TAGS)) + ALL_TAGS),
    # neighbouring bits, the first in the lowest place
    ("basic.nack", [1, True, True], b"\x00\x3c\x00\x78" b"\x00\x00\x00\x00\x00\x00\x00\x01" b"\x03"),
    ("queue.declare", [0, "q", True, True, True, True, True, EMPTY],
     b"\x00\x32\x00\x0a" b"\x00\x00" b"\x01q" b"\x1f" b"\x00\x00\x00\x00"),
]


def content_of(table):
    if isinstance(table, Content):
        return bytes(table)
    pieces = []
    encode_table(pieces, table)
    return b"".join(pieces)[4:]


def pika_class(name):
    class_name, method = name.split(".")
    return getattr(getattr(spec, class_name.capitalize()),
                   "".join(word.capitalize() for word in method.split("_")))


def pika_octets(name, values):
    method = pika_class(name)(*values)
    return struct.pack(">I", method.INDEX) + b"".join(method.encode())


def c_octets(octets):
    # three digits each: no escape can swallow what follows
    plain = set(range(32, 127)) - set(b'"\\?')
    return '"%s"' % "".join(chr(o) if o in plain else "\\%03o" % o for o in octets)


def c_value(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return "%#x" % value
    if isinstance(value, dict) or isinstance(value, Content):
        value = content_of(value)
    if isinstance(value, str):
        value = value.encode()
    return "BYTES(%s)" % c_octets(value)


def all_methods():
    for name, values in METHODS:
        yield name, values, pika_octets(name, values)
    yield from BY_HAND


def properties():
    full = spec.BasicProperties(
        content_type="text/plain", content_encoding="utf-8", headers=TABLE, delivery_mode=2, priority=9,
        correlation_id="c-1", reply_to="amq.rabbitmq.reply-to", expiration="60000", message_id="m-1",
        timestamp=1709208000, type="t", user_id="guest", app_id="app", cluster_id="cluster")
    return [("none", spec.BasicProperties()), ("persistent", spec.BasicProperties(delivery_mode=2)),
            ("headers", spec.BasicProperties(headers={"k": "v"})), ("full", full)]


def frames():
    """name, octets of the frame"""
    yield "heartbeat", frame.Heartbeat().marshal()
    yield "method", frame.Method(0x0102, spec.Basic.Publish(0, "ex", "key", True, False)).marshal()
    yield "body", frame.Body(7, b"hello").marshal()
    for name, props in properties():
        yield "header_" + name, frame.Header(0x0304, 0x0102030405060708, props).marshal()


def write_header():
    print("/* SPDX-License-Identifier: Apache-2.0\n *\n"
          " * vectors.h: methods and frames as another implementation encodes them.\n"
          " * Made by make_vectors.py. */\n"
          "#pragma once\n\n#include \"amqp/codec.h\"\n\n"
          "/* A method, the octets of its payload and the values they stand for. */\n"
          "typedef struct vector {\n    amqp_method_id id;\n    const char *name;\n    bytes_t payload;\n"
          "    amqp_method_t method;\n} vector_t;\n\n"
          "static const vector_t vectors[] = {")
    for name, values, octets in all_methods():
        symbol = name.replace(".", "_")
        fields = "".join(c_value(v) + ", " for v in values)
        print("{AMQP_%s, \"%s\", BYTES(%s), {.%s = {%s0}}}," %
              (symbol, name, c_octets(octets), symbol, fields))
    print("};\n\n/* Whole frames. */")
    for name, octets in frames():
        print("#define FRAME_%s BYTES(%s)" % (name.upper(), c_octets(octets)))


def write_seed(folder, name, octets):
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "wb") as seed:
        seed.write(octets)


def write_corpus(folder):
    codec, tables = os.path.join(folder, "amqp_codec"), os.path.join(folder, "amqp_table")
    seeds = {}
    for name, _, octets in all_methods():
        whole = b"\x01\x00\x01" + struct.pack(">I", len(octets)) + octets + b"\xce"
        seeds[name] = seeds.get(name, b"") + whole
    for name, octets in seeds.items():
        write_seed(codec, name, octets)
    for name, octets in frames():
        write_seed(codec, "frame-" + name, octets)
    write_seed(codec, "publish", b"".join([
        frame.Method(1, spec.Basic.Publish(0, "", "q", False, False)).marshal(),
        frame.Header(1, 5, spec.BasicProperties(delivery_mode=2)).marshal(),
        frame.Body(1, b"hello").marshal()]))
    # the first octet says what follows (fuzz_amqp_table.c)
    write_seed(tables, "table-empty", b"t")
    write_seed(tables, "table-pika", b"t" + content_of(TABLE))
    write_seed(tables, "table-all-tags", b"t" + ALL_TAGS)
    write_seed(tables, "array",
               b"a" + b"Vt\x01I\x00\x00\x00\x01S\x00\x00\x00\x02hiA\x00\x00\x00\x01V")
    write_seed(tables, "table-twice-a-key", b"t" + b"\x01kV" + b"\x01at\x01" + b"\x01kI\x00\x00\x00\x01")
    for name, props in properties():
        write_seed(tables, "properties-" + name, b"p" + b"".join(props.encode()))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        write_corpus(sys.argv[1])
    else:
        write_header()
