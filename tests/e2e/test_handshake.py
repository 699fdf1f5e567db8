# SPDX-License-Identifier: Apache-2.0
"""From the first octet to connection.open-ok: the protocol header, connection.start, open, and the time it may take."""
import re
import struct
import time

import peers
import pytest
import wire
from pika import spec

WORKING_CAPABILITIES = ["publisher_confirms", "exchange_exchange_bindings", "basic.nack", "consumer_cancel_notify",
                        "connection.blocked", "authentication_failure_close", "per_consumer_qos"]
UPDATE_SECRET, UPDATE_SECRET_OK = b"\x00\x0a\x00\x46", b"\x00\x0a\x00\x47"


@pytest.mark.parametrize("header", [b"AMQP\x00\x00\x09\x01", b"AMQP\x01\x01\x00\x09"], ids=["0-9-1", "0-9"])
def test_supported_header_is_answered_with_start_0_9(broker, header):
    with wire.connect(broker) as w:
        w.send_header(header)
        got = w.read_any_frame()
        assert (got.type, got.channel) == (wire.METHOD, 0)
        assert got.payload[:6] == b"\x00\x0a\x00\x0a\x00\x09"


@pytest.mark.parametrize("header", [
    b"AMQP\x00\x00\x09\x02",
    b"AMQP\x00\x00\x0a\x00",
    b"AMQP\x01\x01\x00\x0a",
    b"amqp\x00\x00\x09\x01",
    b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x5a" * 60,
    pytest.param(b"AMQP\x01\x01\x08\x00", marks=pytest.mark.chaski_only),
    pytest.param(b"AMQP\x00\x01\x00\x00", marks=pytest.mark.chaski_only),
    pytest.param(b"AMQP\x03\x01\x00\x00", marks=pytest.mark.chaski_only),
], ids=["0-9-2", "0-10", "qpid 0-10", "lower case", "http", "tls", "0-8", "1.0", "1.0 sasl"])
def test_other_header_is_answered_with_the_supported_one_and_the_end(broker, header):
    with wire.connect(broker) as w:
        w.send_header(header)
        octets, _ = peers.read_until_eof(w, 10)
        assert octets == b"AMQP\x00\x00\x09\x01"


def test_header_may_come_octet_by_octet(broker):
    with wire.connect(broker) as w:
        for octet in wire.PROTOCOL_HEADER:
            w.send(bytes([octet]))
        w.expect_start()


@pytest.mark.threads
def test_whole_handshake_may_come_octet_by_octet(broker):
    with wire.connect(broker) as w:
        pieces = wire.PROTOCOL_HEADER + plain_start_ok() + tune_ok() + wire.frame(
            wire.METHOD, 0, wire.encode_method(spec.Connection.Open(virtual_host="/")))
        for octet in pieces:
            w.send(bytes([octet]))
        w.expect(spec.Connection.Start, 0)
        w.expect(spec.Connection.Tune, 0)
        w.expect(spec.Connection.OpenOk, 0)


def test_whole_handshake_may_be_pipelined(broker):
    with wire.connect(broker) as w:
        w.send(wire.PROTOCOL_HEADER + plain_start_ok() + tune_ok()
               + wire.frame(wire.METHOD, 0, wire.encode_method(spec.Connection.Open(virtual_host="/")))
               + wire.frame(wire.METHOD, 5, wire.encode_method(spec.Channel.Open())))
        w.expect(spec.Connection.Start, 0)
        w.expect(spec.Connection.Tune, 0)
        assert w.expect(spec.Connection.OpenOk, 0).known_hosts == ""
        w.expect(spec.Channel.OpenOk, 5)


def test_start_offers_plain_and_amqplain_and_one_locale(broker):
    with wire.connect(broker) as w:
        w.send_header()
        start = w.expect_start()
        assert set(start.mechanisms.split(b" ")) >= {b"PLAIN", b"AMQPLAIN"}
        assert start.locales == b"en_US"


@pytest.mark.chaski_only
def test_start_prefers_plain(broker):
    with wire.connect(broker) as w:
        w.send_header()
        assert w.expect_start().mechanisms == b"PLAIN AMQPLAIN"


def test_server_properties_say_who_and_what(broker):
    with wire.connect(broker) as w:
        w.send_header()
        properties = w.expect_start().server_properties
        assert sorted(properties) == ["capabilities", "cluster_name", "copyright", "information", "platform",
                                      "product", "version"]
        assert all(properties[key] for key in properties)
        assert re.fullmatch(r"\d+\.\d+\.\d+", properties["version"])
        for name in WORKING_CAPABILITIES:
            assert properties["capabilities"][name] is True


def test_server_properties_have_capabilities_first_then_sorted_strings(broker):
    with wire.connect(broker) as w:
        w.send_header()
        payload = w.read_any_frame().payload
    keys = []
    at, end = 10, 10 + struct.unpack_from(">I", payload, 6)[0]
    while at < end:
        name = payload[at + 1:at + 1 + payload[at]]
        at += 1 + payload[at]
        keys.append((name, payload[at:at + 1]))
        at += 5 + struct.unpack_from(">I", payload, at + 1)[0]  # tables and strings are length and octets alike
    assert at == end
    assert keys == [(b"capabilities", b"F")] + [
        (key, b"S") for key in (b"cluster_name", b"copyright", b"information", b"platform", b"product", b"version")]


@pytest.mark.chaski_only
def test_only_capabilities_that_work_are_announced(broker):
    with wire.connect(broker) as w:
        w.send_header()
        assert sorted(w.expect_start().server_properties["capabilities"]) == sorted(WORKING_CAPABILITIES)


@pytest.mark.chaski_only
def test_product_is_chaski(broker):
    with wire.connect(broker) as w:
        w.send_header()
        assert w.expect_start().server_properties["product"] == "chaski"


@pytest.mark.chaski_only
@pytest.mark.broker(settings={"amqp.product": "RabbitMQ", "amqp.version": "3.13.7", "cluster_name": "relay@here"})
def test_product_version_and_cluster_name_are_settings(broker):
    with wire.connect(broker) as w:
        w.send_header()
        properties = w.expect_start().server_properties
        assert (properties["product"], properties["version"]) == ("RabbitMQ", "3.13.7")
        assert properties["cluster_name"] == "relay@here"


def test_unknown_vhost_is_refused_by_name(broker):
    with before_open(broker) as w:
        w.send_method(0, spec.Connection.Open(virtual_host="nowhere"))
        w.expect_close(530, "NOT_ALLOWED - vhost nowhere not found", spec.Connection.Open)


def test_vhost_name_in_utf8_is_refused_by_name(broker):
    with before_open(broker) as w:
        w.send_method(0, b"\x00\x0a\x00\x28" + wire.short_string("nö") + b"\x00\x00")
        close = w.expect(spec.Connection.Close, 0)
        assert (close.reply_code, close.reply_text) == (530, "NOT_ALLOWED - vhost nö not found")


def test_update_secret_is_acknowledged(broker):
    with peers.opened(broker, 0) as w:
        w.send_method(0, UPDATE_SECRET + wire.long_string("guest") + wire.short_string("token renewed"))
        assert w.read_frame().payload == UPDATE_SECRET_OK
        w.open_channel(1)


def test_update_secret_of_a_password_user_accepts_any_secret(broker):
    """RabbitMQ's internal users keep their password; amqplib's own tests send another."""
    with peers.opened(broker, 0) as w:
        w.send_method(0, UPDATE_SECRET + wire.long_string("another") + wire.short_string(""))
        assert w.read_frame().payload == UPDATE_SECRET_OK


@pytest.mark.chaski_only
@pytest.mark.broker(settings={"handshake_timeout": 400})
@pytest.mark.parametrize("steps", ["nothing", "half a header", "header", "half a start-ok", "start-ok", "tune-ok"])
def test_unfinished_handshake_is_dropped_in_silence(broker, steps):
    with wire.connect(broker) as w:
        started = time.monotonic()
        if steps == "half a header":
            w.send(b"AMQP")
        elif steps != "nothing":
            w.send_header()
            w.expect_start()
        if steps == "half a start-ok":
            w.send(plain_start_ok()[:-10])
        elif steps in ("start-ok", "tune-ok"):
            w.send_start_ok()
            w.expect(spec.Connection.Tune, 0)
        if steps == "tune-ok":
            w.send(tune_ok())
        w.expect_eof(5)
        assert 0.3 < time.monotonic() - started < 3


@pytest.mark.chaski_only
@pytest.mark.broker(settings={"handshake_timeout": 400})
def test_handshake_that_trickles_is_dropped_too(broker):
    """One octet now and then does not buy more time."""
    with wire.connect(broker) as w, peers.Bystander(broker) as other:
        started = time.monotonic()
        octets = iter(wire.PROTOCOL_HEADER + plain_start_ok())
        while not w.ends_within(0.1):
            assert time.monotonic() - started < 5, "still connected"
            try:
                w.send(bytes([next(octets)]))
            except (BrokenPipeError, ConnectionResetError):
                break
        other.check()


@pytest.mark.chaski_only
@pytest.mark.broker(settings={"handshake_timeout": 400})
def test_opened_connection_outlives_the_handshake_timeout(broker):
    with peers.opened(broker) as w:
        assert w.is_silent(0.8)
        w.open_channel(2)


def plain_start_ok():
    empty_table = struct.pack(">I", 0)
    return wire.frame(wire.METHOD, 0, struct.pack(">I", spec.Connection.StartOk.INDEX) + empty_table
                      + wire.short_string("PLAIN") + wire.long_string("\0guest\0guest") + wire.short_string("en_US"))


def tune_ok(channel_max=2047, frame_max=131072, heartbeat=0):
    return wire.frame(wire.METHOD, 0, wire.encode_method(
        spec.Connection.TuneOk(channel_max=channel_max, frame_max=frame_max, heartbeat=heartbeat)))


def before_open(broker):
    w = wire.connect(broker)
    w.send_header()
    w.expect_start()
    w.send_start_ok()
    w.expect(spec.Connection.Tune, 0)
    w.send(tune_ok())
    return w
