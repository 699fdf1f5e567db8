# SPDX-License-Identifier: Apache-2.0
"""What the tests of the broker's semantics share: a pika connection, names of their own, refusals with their exact
texts, deliveries in the order in which they came.

    from client import *            # fixtures: connection, channel, connect, name, queue, exchange

    def test_something(channel, queue):
        q = queue(durable=True)
        with refused(405, f"cannot obtain exclusive access to locked {queue_text(q)}. It could …"):
            channel.queue_declare(q, exclusive=True)
"""
import contextlib
import os
import re
import struct
import time
import uuid

import pika
import pytest
from pika import spec

__all__ = ["Confirms", "Inbox", "Typed", "bodies", "channel", "connect", "connected", "connection",
           "connection_to", "counts", "drain",
           "exchange", "exchange_text", "name", "pump", "put", "queue", "queue_exists", "queue_text",
           "raw", "refused", "send", "sync"]

LIMIT_S = 10.0

CODE_NAMES = {312: "NO_ROUTE", 320: "CONNECTION_FORCED", 403: "ACCESS_REFUSED", 404: "NOT_FOUND",
              405: "RESOURCE_LOCKED", 406: "PRECONDITION_FAILED", 501: "FRAME_ERROR", 503: "COMMAND_INVALID",
              504: "CHANNEL_ERROR", 506: "RESOURCE_ERROR", 530: "NOT_ALLOWED", 540: "NOT_IMPLEMENTED",
              541: "INTERNAL_ERROR"}
CHANNEL_CODES = {312, 403, 404, 405, 406}


class Typed:
    """A field value with its tag and octets, for types that pika does not send: Typed("s", "h", -5)."""

    def __init__(self, tag, layout=None, value=None, octets=b""):
        self.octets = tag.encode() + (struct.pack(">" + layout, value) if layout else octets)

    def __repr__(self):
        """Without an address: it becomes part of the names of tests, which must be the same in every process."""
        return f"Typed({self.octets.hex()})"


def _teach_pika_typed_values():
    plain = pika.data.encode_value

    def encode_value(pieces, value):
        if isinstance(value, Typed):
            pieces.append(value.octets)
            return len(value.octets)
        return plain(pieces, value)

    pika.data.encode_value = encode_value


_teach_pika_typed_values()


# ---- fixtures ----


@pytest.fixture
def name(broker, request):
    """name() gives a name of this test's own; a queue or exchange called so is deleted at the end."""
    given = []

    def new_name(prefix="e2e"):
        given.append(f"{prefix}-{os.getpid()}-{uuid.uuid4().hex[:12]}")
        return given[-1]

    yield new_name
    if given:
        with pika.BlockingConnection(pika.URLParameters(broker.url)) as cleaning:
            channel_ = cleaning.channel()
            for one in given:
                channel_.queue_delete(one)
                channel_.exchange_delete(one)


def connection_to(broker, **capabilities):
    parameters = pika.URLParameters(broker.url)
    parameters.heartbeat = 0
    parameters.socket_timeout = parameters.stack_timeout = LIMIT_S
    parameters.client_properties = {"capabilities": {
        "consumer_cancel_notify": True, "connection.blocked": True, "basic.nack": True,
        "publisher_confirms": True, "authentication_failure_close": True,
        **{key.replace("__", "."): value for key, value in capabilities.items()}}}
    return pika.BlockingConnection(parameters)


@contextlib.contextmanager
def connected(broker):
    """A function that opens connections, as connection_to; they are closed at the end, if the broker still answers."""
    opened = []

    def connect(**capabilities):
        opened.append(connection_to(broker, **capabilities))
        return opened[-1]

    yield connect
    for one in opened:
        if one.is_open:
            one.close()


@pytest.fixture
def connect(broker, name):
    """connect(capability=False, …) opens a further connection; all are closed at the end of the test."""
    with connected(broker) as open_connection:
        yield open_connection


@pytest.fixture
def connection(connect):
    return connect()


@pytest.fixture
def channel(connection):
    return connection.channel()


@pytest.fixture
def queue(channel, name):
    """queue(**flags) declares a queue and gives its name."""
    def declare(on=None, **how):
        return (on or channel).queue_declare(how.pop("called", None) or name("q"), **how).method.queue

    return declare


@pytest.fixture
def exchange(channel, name):
    """exchange(type, **flags) declares an exchange and gives its name."""
    def declare(kind="direct", **how):
        called = name("x")
        channel.exchange_declare(called, kind, **how)
        return called

    return declare


# ---- what a broker answers ----


def queue_text(called):
    return f"queue '{called}' in vhost '/'"


def exchange_text(called):
    return f"exchange '{called}' in vhost '/'"


def reply_text(text):
    """As it fits into a short string."""
    octets = text.encode()
    return text if len(octets) <= 255 else octets[:252].decode() + "..."


@contextlib.contextmanager
def refused(code, text):
    """The block must end with the broker closing the channel or, for a hard code, the connection, with this code and
    text (a string to be equal, or a compiled pattern to match in full)."""
    exceptions = pika.exceptions
    kind = exceptions.ChannelClosedByBroker if code in CHANNEL_CODES else exceptions.ConnectionClosedByBroker
    with pytest.raises((exceptions.ChannelClosedByBroker, exceptions.ConnectionClosedByBroker)) as caught:
        yield
    assert isinstance(caught.value, kind) and caught.value.reply_code == code, repr(caught.value)
    said, start = caught.value.reply_text, f"{CODE_NAMES[code]} - "
    if isinstance(text, re.Pattern):
        assert said.startswith(start) and text.fullmatch(said[len(start):]), said
    else:
        assert said == reply_text(start + text)


def raw(channel_):
    """pika's channel underneath: its methods send without waiting, and with nowait where no callback is given."""
    return channel_._impl  # pylint: disable=protected-access


def sync(channel_):
    """A round trip on this channel: everything sent on it before has been carried out, or was refused."""
    channel_.exchange_declare("amq.direct", passive=True)


def pump(connection_, condition, what, limit_s=LIMIT_S):
    """Reads from the connection until the condition, which callbacks of raw() make true, holds. `what` is awaited: a
    text, or a function that gives it."""
    with pika.adapters.blocking_connection._IoloopTimerContext(limit_s, connection_._impl) as timer:
        connection_._flush_output(timer.is_ready, condition)
    assert condition(), f"not within {limit_s} s: {what() if callable(what) else what}"


# ---- messages ----


def send(channel_, exchange_, key, body=b"", mandatory=False, **properties):
    """Publishes with these properties."""
    body = body if isinstance(body, bytes) else str(body).encode()
    channel_.basic_publish(exchange_, key, body, pika.BasicProperties(**properties), mandatory)


def put(channel_, exchange_, key, *bodies_, **properties):
    """Publishes and waits until the broker has confirmed, so that counts are true afterwards."""
    confirming = channel_.connection.channel()
    confirming.confirm_delivery()
    for body in bodies_:
        send(confirming, exchange_, key, body, **properties)
    confirming.close()


def queue_exists(connection_, called):
    """Whether there is such a queue, asked on a channel of its own."""
    asking = connection_.channel()
    try:
        asking.queue_declare(called, passive=True)
    except Exception as error:  # pylint: disable=broad-except
        assert getattr(error, "reply_code", None) == 404, error
        return False
    asking.close()
    return True


def counts(channel_, called):
    """(messages ready, consumers) of a queue."""
    declared = channel_.queue_declare(called, passive=True).method
    return declared.message_count, declared.consumer_count


def drain(channel_, called):
    """Takes everything that is ready with basic.get, unacknowledged; gives the bodies."""
    taken = []
    while True:
        _, _, body = channel_.basic_get(called, auto_ack=True)
        if body is None:
            return taken
        taken.append(body)


class Inbox:
    """What consumers were given, in the order in which it came: items of method, properties, body.

    inbox = Inbox(channel); tag = inbox.consume(q); inbox.wait(3)"""

    def __init__(self, channel_):
        self.channel = channel_
        self.items = []
        self.cancelled = []
        channel_.add_on_cancel_callback(lambda frame: self.cancelled.append(frame.method.consumer_tag))

    def _on_message(self, _channel, method, properties, body):
        self.items.append((method, properties, body))

    def consume(self, called, **how):
        return self.channel.basic_consume(called, self._on_message, **how)

    def wait_for(self, condition, what):
        deadline = time.monotonic() + LIMIT_S
        while not condition():
            left_s = deadline - time.monotonic()
            assert left_s > 0, f"not within {LIMIT_S} s: {what}; got {self.bodies()}"
            self.channel.connection.process_data_events(time_limit=left_s)

    def wait(self, count):
        """Waits until `count` deliveries have come in all; gives their bodies."""
        self.wait_for(lambda: len(self.items) >= count, f"{count} deliveries")
        return self.bodies()

    def settle(self, called):
        """Takes what the broker has sent by now. Asking the queue first, then the channel, puts everything that the
        queue gave out before into the socket ahead of the second answer. Gives all bodies."""
        counts(self.channel, called)
        sync(self.channel)
        self.channel.connection.process_data_events(time_limit=0)
        return self.bodies()

    def bodies(self):
        return bodies(self.items)

    def tags(self):
        return [method.delivery_tag for method, _, _ in self.items]


def bodies(items):
    return [body.decode() for _, _, body in items]


class Confirms:
    """Switches publisher confirms on without waiting for each: events as they come, ("ack", tag, multiple),
    ("nack", tag, multiple), ("return", method, properties, body)."""

    def __init__(self, channel_):
        self.channel = channel_
        self.events = []
        selected = []
        raw(channel_).add_on_return_callback(
            lambda _c, method, properties, body: self.events.append(("return", method, properties, body)))
        raw(channel_).confirm_delivery(self._on_confirm, callback=selected.append)
        self.wait_for(lambda: selected, "confirm.select-ok")

    def _on_confirm(self, frame):
        kind = "ack" if isinstance(frame.method, spec.Basic.Ack) else "nack"
        self.events.append((kind, frame.method.delivery_tag, frame.method.multiple))

    def wait_for(self, condition, what):
        pump(self.channel.connection, condition, lambda: f"{what}; saw {self.events}")

    def settled(self):
        """{number: "ack" or "nack"} of all publishes that were settled; a number settled twice is an error."""
        outcome = {}
        for kind, *details in self.events:
            if kind == "return":
                continue
            tag, multiple = details
            numbers = [n for n in range(1, tag + 1) if n not in outcome] if multiple else [tag]
            assert multiple or tag not in outcome, f"{tag} was settled twice: {self.events}"
            outcome.update(dict.fromkeys(numbers, kind))
        return outcome

    def wait(self, count):
        """Waits until `count` publishes are settled; gives the outcomes in order of the publishes."""
        self.wait_for(lambda: len(self.settled()) >= count, f"{count} publishes settled")
        outcome = self.settled()
        assert sorted(outcome) == list(range(1, count + 1))
        return [outcome[number] for number in sorted(outcome)]
