# SPDX-License-Identifier: Apache-2.0
"""SASL: PLAIN and AMQPLAIN, how a refused login is told, and what comes out of order before connection.open."""
import struct
import time

import peers
import pytest
import wire
from pika import spec

REFUSED_DELAY_S = 0.4
pytestmark = pytest.mark.broker(settings={"login.refused_delay": "400ms"}, anywhere=True)

REFUSED = "ACCESS_REFUSED - Login was refused using authentication mechanism {}. For details see the broker logfile."


def greeted(broker):
    w = wire.connect(broker)
    w.send_header()
    w.expect_start()
    return w


def expect_drop(w):
    """The connection ends without another octet, and not at once: the delay brakes those who try passwords."""
    started = time.monotonic()
    w.expect_eof(8)
    assert time.monotonic() - started > REFUSED_DELAY_S * 0.75


def amqplain(user, password, user_key=b"LOGIN", password_key=b"PASSWORD"):
    """A table without its length."""
    return b"".join(wire.short_string(key) + b"S" + wire.long_string(value)
                    for key, value in ((user_key, user), (password_key, password)))


def expect_running(w):
    w.expect(spec.Connection.Tune, 0)
    w.send_method(0, spec.Connection.TuneOk(channel_max=0x7ff, frame_max=131072, heartbeat=0))
    w.send_method(0, spec.Connection.Open(virtual_host="/"))
    w.expect(spec.Connection.OpenOk, 0)


@pytest.mark.parametrize("mechanism, response", [
    ("PLAIN", b"\0guest\0guest"),
    pytest.param("PLAIN", b"somebody else\0guest\0guest", marks=pytest.mark.chaski_only),  # RabbitMQ 3.10 drops it
    ("AMQPLAIN", amqplain("guest", "guest")),
    ("AMQPLAIN", amqplain("guest", "guest") + wire.short_string("more") + b"t\x01"),
], ids=["PLAIN", "PLAIN with an authorization id", "AMQPLAIN", "AMQPLAIN with another key"])
def test_right_credentials_open_a_connection(broker, mechanism, response):
    with greeted(broker) as w:
        w.send_start_ok(mechanism=mechanism, response=response)
        expect_running(w)


def test_client_locale_is_ignored(broker):
    with greeted(broker) as w:
        w.send_method(0, struct.pack(">II", spec.Connection.StartOk.INDEX, 0) + wire.short_string("PLAIN")
                      + wire.long_string("\0guest\0guest") + wire.short_string("tlh_QO"))
        expect_running(w)


WRONG = [
    ("PLAIN", b"\0guest\0wrong"),
    ("PLAIN", b"\0nobody\0guest"),
    ("PLAIN", b"\0guest\0"),
    ("PLAIN", b"\0\0"),
    ("AMQPLAIN", amqplain("guest", "wrong")),
    ("AMQPLAIN", amqplain("guest", "")),
]
WRONG_NAMES = ["wrong password", "unknown user", "blank password", "blank both", "AMQPLAIN wrong", "AMQPLAIN blank"]


@pytest.mark.parametrize("mechanism, response", WRONG, ids=WRONG_NAMES)
def test_wrong_credentials_are_closed_with_403_for_clients_that_know_it(broker, mechanism, response):
    with greeted(broker) as w:
        w.send_start_ok(mechanism=mechanism, response=response, capabilities={"authentication_failure_close": True})
        close = w.expect(spec.Connection.Close, 0)
        wire.check_close(close, 403, REFUSED.format(mechanism), 0)
        w.expect_eof()


@pytest.mark.parametrize("capabilities", [{}, {"authentication_failure_close": False}], ids=["absent", "false"])
@pytest.mark.parametrize("mechanism, response", [WRONG[0], WRONG[2], WRONG[4]],
                         ids=[WRONG_NAMES[0], WRONG_NAMES[2], WRONG_NAMES[4]])
def test_wrong_credentials_are_met_with_silence_otherwise(broker, mechanism, response, capabilities):
    with greeted(broker) as w:
        w.send_start_ok(mechanism=mechanism, response=response, capabilities=capabilities)
        expect_drop(w)


@pytest.mark.parametrize("mechanism, response", [
    ("CRAM-MD5", b"guest"),
    ("", b"\0guest\0guest"),
    ("plain", b"\0guest\0guest"),
    ("EXTERNAL", b""),
    ("ANONYMOUS", b""),
    ("PLAIN", b"guest"),
    ("PLAIN", b"\0guest"),
    ("PLAIN", b""),
    ("AMQPLAIN", b""),
    ("AMQPLAIN", b"\x05LOG"),
    ("AMQPLAIN", amqplain("guest", "guest", b"login", b"password")),
    ("AMQPLAIN", amqplain("guest", "guest")[:-1]),
    ("AMQPLAIN", struct.pack(">I", len(amqplain("guest", "guest"))) + amqplain("guest", "guest")),
])
def test_unknown_mechanism_or_malformed_response_is_dropped(broker, mechanism, response):
    with greeted(broker) as w:
        w.send_start_ok(mechanism=mechanism, response=response)
        expect_drop(w)


@pytest.mark.parametrize("method", [
    spec.Connection.TuneOk(channel_max=2047, frame_max=131072, heartbeat=0),
    spec.Connection.Open(virtual_host="/"),
    spec.Connection.SecureOk(response="x"),
    spec.Queue.Declare(queue="q"),
    spec.Connection.Start(server_properties={}),
], ids=lambda method: method.NAME)
def test_method_out_of_order_before_start_ok_is_dropped(broker, method):
    with greeted(broker) as w:
        w.send_method(0, method)
        expect_drop(w)


def test_channel_open_before_start_ok_is_dropped(broker):
    with greeted(broker) as w:
        w.send_method(1, spec.Channel.Open())
        expect_drop(w)


@pytest.mark.parametrize("method", [
    spec.Connection.Open(virtual_host="/"),
    spec.Connection.StartOk(client_properties={}, response="\0guest\0guest"),
    spec.Channel.Open(),
], ids=lambda method: method.NAME)
def test_method_out_of_order_before_tune_ok_is_dropped(broker, method):
    with greeted(broker) as w:
        w.send_start_ok()
        w.expect(spec.Connection.Tune, 0)
        w.send_method(0, method)
        expect_drop(w)


@pytest.mark.parametrize("octets", [
    wire.frame(wire.METHOD, 0, b"\x00\x0a\x00\x0b\x00\x00", end=0),
    wire.frame(wire.BODY, 0, b"body"),
    wire.frame(9, 0, b""),
    wire.frame(wire.METHOD, 0, b"\x00\x0a"),
    wire.frame(wire.METHOD, 0, b"\x00\x0a\x00\x0b" + b"\xff" * 20),
], ids=["wrong end octet", "body frame", "unknown frame type", "half a method id", "malformed arguments"])
def test_bad_frame_before_start_ok_ends_the_connection(broker, octets):
    with greeted(broker) as w:
        w.send(octets)
        w.expect_eof(8)


def test_start_ok_larger_than_the_first_frame_limit_is_dropped(broker):
    with greeted(broker) as w:
        w.send_start_ok(response=b"\0guest\0" + b"x" * 20000)
        w.expect_eof(8)


@pytest.mark.chaski_only
def test_start_ok_may_have_8192_octets(broker):
    """Long tokens are passed as passwords; RabbitMQ 4.1 raised its limit to this."""
    with greeted(broker) as w:
        w.send_start_ok(properties={"token": "x" * 7500})
        expect_running(w)


@pytest.mark.chaski_only
@pytest.mark.broker(settings={"default_user": "relay", "default_pass": "run#fast", "login.refused_delay": "100ms"})
def test_default_user_and_password_are_settings(broker):
    with wire.connect(broker) as w:
        w.handshake(user="relay", password="run#fast")
    with greeted(broker) as w:
        w.send_start_ok()
        w.expect_close(403, REFUSED.format("PLAIN"), 0)


@pytest.mark.threads
def test_refused_login_delays_nobody_else(broker):
    with peers.Bystander(broker) as other:
        refused = [greeted(broker) for _ in range(20)]
        for w in refused:
            w.send_start_ok(password="wrong", capabilities={})
        other.check(REFUSED_DELAY_S)
        for w in refused:
            w.expect_eof(8)
            w.abort()
