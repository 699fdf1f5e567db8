# SPDX-License-Identifier: Apache-2.0
"""Handlers and publishers of synchronous events, the same on both wires: AMQP by pika, ZMTP by pyzmq.

    h = HANDLERS["zmtp"](broker); h.join("orders.", "billing")      the group `billing`; without a name one of its own
    event = h.next_event(); h.done(event, "42")                     or fail(event, reason), again(event), die(), leave()

    p = PUBLISHERS["amqp-reply"](broker); n = p.ask("orders.new", "1")
    told(p, n, "ok", need=1, ok=1)                                  a report, or what a confirm makes of that

Where the wires differ: ZMTP does not say how often an event was delivered before (`before` is None) and has no way to
give it back but dying. A Bus makes them for one test, and ends them with it."""
import collections
import contextlib
import dataclasses
import json
import socket
import struct
import time
import uuid

import pika
import zmq

from client import Confirms, pump, sync
from lib.link import Link

EXCHANGE = "amq.events"
LIMIT_S = 10.0


@dataclasses.dataclass
class Event:
    topic: str
    body: bytes
    seq: int
    before: int | None      # how often it was delivered before, as far as the wire says
    redelivered: bool | None
    token: object           # what its answer needs


def octets(text):
    return text if isinstance(text, bytes) else str(text).encode()


def pika_connection(where, heartbeat=0):
    parameters = pika.ConnectionParameters(where.host, where.port, heartbeat=heartbeat, socket_timeout=LIMIT_S,
                                           stack_timeout=LIMIT_S, blocked_connection_timeout=LIMIT_S)
    try:
        return pika.BlockingConnection(parameters)
    except ValueError as error:  # what pika says of a socket that is gone as soon as it is there
        raise pika.exceptions.AMQPConnectionError(str(error)) from error


def reset(connection):
    """The socket of a pika connection ends with a reset; pika finds out when it is used again."""
    sock = raw_socket(connection)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def raw_socket(connection):
    return connection._impl._transport._sock  # pylint: disable=protected-access


def zmq_socket(kind, where, identity=None, **options):
    made = zmq.Context.instance().socket(kind)
    made.setsockopt(zmq.LINGER, 0)
    if identity is not None:
        made.setsockopt(zmq.IDENTITY, octets(identity))
    for option, value in options.items():
        made.setsockopt(getattr(zmq, option), value)
    made.connect(f"tcp://{where.host}:{where.port}")
    return made


def received(made, limit_s, what):
    assert made.poll(max(limit_s, 0) * 1000), f"not within its limit: {what}"
    return made.recv_multipart()


# ---- handlers ----


class AmqpHandler:
    """A queue, bound, and consumed with acks."""

    wire = "amqp"

    def __init__(self, where, heartbeat=0, prefetch=0, exchange=EXCHANGE, **_):
        self.connection = pika_connection(where, heartbeat)
        self.channel = self.connection.channel()
        self.channel.basic_qos(prefetch_count=prefetch)
        self.exchange = exchange
        self.joined = {}  # group: (queue, consumer tag, prefixes)
        self.events = collections.deque()
        self.reports = {}
        self.asked = 0
        self.replies = None

    def join(self, prefix, group=None, **_):
        """In it once this returns: what is published from now on comes. Gives the group's name."""
        if group in self.joined:
            queue, tag, prefixes = self.joined[group]
        elif group is None:
            queue = self.channel.queue_declare("", exclusive=True, auto_delete=True).method.queue
        else:
            queue = self.channel.queue_declare(group, durable=True).method.queue
        self.channel.queue_bind(queue, self.exchange, prefix + "#")
        if group in self.joined:
            prefixes.append(prefix)
        else:
            tag = self.channel.basic_consume(queue, self._on_event)
            self.joined[group] = (queue, tag, [prefix])
        return queue

    def _on_event(self, _channel, method, properties, body):
        headers = properties.headers
        self.events.append(Event(method.routing_key, body, headers["x-seq"], headers.get("x-delivery-count"),
                                 method.redelivered, (method.delivery_tag, properties)))

    def next_event(self, limit_s=LIMIT_S):
        return self.wait_for(lambda: self.events and self.events.popleft(), "an event", limit_s)

    def wait_for(self, condition, what, limit_s=LIMIT_S):
        deadline = time.monotonic() + limit_s
        while not (value := condition()):
            left_s = deadline - time.monotonic()
            assert left_s > 0, f"not within {limit_s} s: {what}"
            self.connection.process_data_events(time_limit=left_s)
        return value

    def poll(self, limit_s=0):
        """The next event, if there is one by then."""
        if not self.events:
            self.connection.process_data_events(time_limit=limit_s)
        return self.events.popleft() if self.events else None

    def say(self, event, what, **how):
        properties = event.token[1]
        if properties.reply_to is not None:
            self.channel.basic_publish("", properties.reply_to, octets(what), pika.BasicProperties(
                correlation_id=properties.correlation_id, **how))

    def done(self, event, result=None):
        if result is not None:
            self.say(event, result)
        self.channel.basic_ack(event.token[0])

    def fail(self, event, reason=None):
        if reason is not None:
            self.say(event, reason)
        self.channel.basic_reject(event.token[0], requeue=False)

    def again(self, event):
        self.channel.basic_nack(event.token[0], requeue=True)

    def ask(self, topic, body):
        """Publishes on the connection that handles, and waits for what became of it."""
        if self.replies is None:
            self.replies = self.channel.queue_declare("", exclusive=True).method.queue
            self.channel.basic_consume(self.replies, self._on_report, auto_ack=True)
        self.asked += 1
        number = str(self.asked)
        self.channel.basic_publish(self.exchange, topic, octets(body), pika.BasicProperties(
            reply_to=self.replies, correlation_id=number))
        return number

    def _on_report(self, _channel, _method, properties, body):
        self.reports[properties.correlation_id] = json.loads(body)

    def report(self, number, limit_s=LIMIT_S):
        return self.wait_for(lambda: self.reports.get(number), "its own report", limit_s)

    def die(self):
        reset(self.connection)

    def leave(self):
        for queue, tag, prefixes in self.joined.values():
            for prefix in prefixes:
                self.channel.queue_unbind(queue, self.exchange, prefix + "#")
            self.channel.basic_cancel(tag)
        self.connection.close()

    def close(self):
        with contextlib.suppress(pika.exceptions.AMQPError, OSError):
            if self.connection.is_open and raw_socket(self.connection).fileno() >= 0:
                self.connection.close()


class ZmtpHandler:
    """A DEALER that says `01 prefix`."""

    wire = "zmtp"

    def __init__(self, where, identity=None, **_):
        self.socket = zmq_socket(zmq.DEALER, where, identity)
        self.joined = []
        self.events = collections.deque()
        self.reports = {}
        self.asked = 0
        self.own = f"own.{uuid.uuid4().hex}"

    def join(self, prefix, group=None, wanted=lambda: True):
        said = [b"\1" + octets(prefix)] + ([octets(group)] if group else [])
        self.socket.send_multipart(said)
        deadline, frames = time.monotonic() + LIMIT_S, None
        while frames != said:
            if frames:
                self._take(frames)
            assert time.monotonic() < deadline and wanted(), f"not within its limit: the echo of {said}"
            frames = self.socket.recv_multipart() if self.socket.poll(50) else None
        self.joined.append(said)
        return group

    def _take(self, frames):
        if frames[0].startswith(b"own."):
            self.reports[frames[0].decode()] = json.loads(frames[2])
            return
        name, empty, topic, *body = frames
        assert empty == b"", frames
        self.events.append(Event(topic.decode(), b"".join(body), int(name.partition(b"/")[0]), None, None, name))

    def _until(self, condition, what, limit_s):
        deadline = time.monotonic() + limit_s
        while not (value := condition()):
            self._take(received(self.socket, deadline - time.monotonic(), what))
        return value

    def next_event(self, limit_s=LIMIT_S):
        return self._until(lambda: self.events and self.events.popleft(), "an event", limit_s)

    def poll(self, limit_s=0):
        if not self.events and self.socket.poll(limit_s * 1000):
            self._take(self.socket.recv_multipart())
        return self.events.popleft() if self.events else None

    def done(self, event, *result):
        self.socket.send_multipart([event.token, b"", *(octets(frame) for frame in result if frame is not None)])

    def fail(self, event, reason=b""):
        self.socket.send_multipart([event.token, b"", b"", octets(reason)])

    def ask(self, topic, body):
        self.asked += 1
        number = f"{self.own}.{self.asked}"
        self.socket.send_multipart([number.encode(), b"", octets(topic), octets(body)])
        return number

    def report(self, number, limit_s=LIMIT_S):
        return self._until(lambda: self.reports.get(number), "its own report", limit_s)

    def leave(self):
        """A last answer comes back behind all this: then it has left."""
        for said in self.joined:
            self.socket.send_multipart([b"\0" + said[0][1:], *said[1:]])
        self.report(self.ask("nobody.handles.this", ""))
        self.close()

    def close(self):
        self.socket.close(0)

    die = close


HANDLERS = {"amqp": AmqpHandler, "zmtp": ZmtpHandler}


# ---- publishers ----


class Publisher:
    """ask() gives a number; outcome(number) waits for what its asker is told: a report, or "ack" or "nack"."""

    takes_id = True      # sent again with the same id it is the same event
    pipelines = True

    def __init__(self):
        self.asked = 0
        self.outcomes = {}

    def ask(self, topic, body, id=None, **how):  # pylint: disable=redefined-builtin
        self.asked += 1
        self.send(self.asked, topic, octets(body), id, **how)
        return self.asked

    def outcome(self, number, limit_s=LIMIT_S):
        deadline = time.monotonic() + limit_s
        while number not in self.outcomes:
            left_s = deadline - time.monotonic()
            assert left_s > 0, f"{type(self).__name__} was not told within {limit_s} s what became of {number}"
            self.read(left_s)
        return self.outcomes[number]


class AmqpPublisher(Publisher):
    def __init__(self, where, exchange=EXCHANGE, **_):
        super().__init__()
        self.connection = pika_connection(where)
        self.channel = self.connection.channel()
        self.exchange = exchange
        self.returned = []

    def properties(self, id, timeout_ms=None, **how):  # pylint: disable=redefined-builtin
        return pika.BasicProperties(message_id=id, delivery_mode=2,
                                    expiration=None if timeout_ms is None else str(timeout_ms), **how)

    def read(self, limit_s):
        self.connection.process_data_events(time_limit=limit_s)

    def knows_nothing_of(self, number):
        sync(self.channel)
        self.read(0)
        return number not in self.outcomes

    def die(self):
        reset(self.connection)

    def close(self):
        with contextlib.suppress(pika.exceptions.AMQPError, OSError):
            if self.connection.is_open and raw_socket(self.connection).fileno() >= 0:
                self.connection.close()


class AmqpReply(AmqpPublisher):
    """Asks by reply-to and correlation-id."""

    def __init__(self, where, **how):
        super().__init__(where, **how)
        self.replies = self.channel.queue_declare("", exclusive=True).method.queue
        self.channel.basic_consume(self.replies, self._on_report, auto_ack=True)
        self.channel.add_on_return_callback(lambda *returned: self.returned.append(returned[3]))

    def _on_report(self, _channel, _method, properties, body):
        assert properties.content_type == "application/json"
        number = int(properties.correlation_id)
        assert number not in self.outcomes, f"{number} was answered twice"
        self.outcomes[number] = json.loads(body)

    def send(self, number, topic, body, id, mandatory=False, **how):  # pylint: disable=redefined-builtin
        self.channel.basic_publish(self.exchange, topic, body, self.properties(
            id, reply_to=self.replies, correlation_id=str(number), **how), mandatory)


class AmqpConfirm(AmqpPublisher):
    """Asks by a channel's confirms."""

    def __init__(self, where, **how):
        super().__init__(where, **how)
        self.confirms = Confirms(self.channel)

    def send(self, number, topic, body, id, mandatory=False, **how):  # pylint: disable=redefined-builtin
        self.channel.basic_publish(self.exchange, topic, body, self.properties(id, **how), mandatory)

    def read(self, limit_s):
        before = len(self.confirms.events)
        with contextlib.suppress(AssertionError):
            pump(self.connection, lambda: len(self.confirms.events) > before, "a confirm", limit_s)
        self.outcomes = self.confirms.settled()
        self.returned = [one[3] for one in self.confirms.events if one[0] == "return"]


class ZmtpReq(Publisher):
    takes_id = False
    pipelines = False

    def __init__(self, where, **_):
        super().__init__()
        self.socket = zmq_socket(zmq.REQ, where)

    def send(self, number, topic, body, _id):
        assert number == 1 or number - 1 in self.outcomes, "one at a time"
        self.socket.send_multipart([octets(topic), body])

    def read(self, limit_s):
        if self.socket.poll(limit_s * 1000):
            self.outcomes[self.asked] = self.socket.recv_json()

    def knows_nothing_of(self, number):
        self.read(0.02)
        return number not in self.outcomes

    def close(self):
        self.socket.close(0)

    die = close


class ZmtpDealer(ZmtpReq):
    """Many at a time, each with a frame of its own in front of the delimiter. With an Identity that frame is its id."""

    pipelines = True
    identity = None

    def __init__(self, where, identity=None, **options):
        Publisher.__init__(self)
        self.name = uuid.uuid4().hex
        self.numbers = {}
        self.socket = zmq_socket(zmq.DEALER, where, identity or self.identity, **options)

    def send(self, number, topic, body, id, flags=0):  # pylint: disable=redefined-builtin
        frame = octets(id or f"{self.name}.{number}")
        self.numbers.setdefault(frame, collections.deque()).append(number)
        try:
            self.socket.send_multipart([frame, b"", octets(topic), body], flags)
        except zmq.Again:
            self.numbers[frame].pop()
            self.asked -= 1
            raise

    def read(self, limit_s):
        if self.socket.poll(limit_s * 1000):
            frame, empty, report = self.socket.recv_multipart()
            assert empty == b""
            self.outcomes[self.numbers[frame].popleft()] = json.loads(report)


class ZmtpNamedDealer(ZmtpDealer):
    takes_id = True
    identity = "publisher"


ZmtpDealer.takes_id = False

PUBLISHERS = {"amqp-reply": AmqpReply, "amqp-confirm": AmqpConfirm, "zmtp-req": ZmtpReq, "zmtp-dealer": ZmtpDealer,
              "zmtp-named": ZmtpNamedDealer}


def told(publisher, number, status, handlers=None, limit_s=LIMIT_S, **counts):
    """Asserts what its asker is told of an event: the report's status and these of its counts, of its handlers (by
    name) these members; or the confirm that this status means. Gives the report, or None."""
    outcome = publisher.outcome(number, limit_s)
    if isinstance(outcome, str):
        assert outcome == ("ack" if status in ("ok", "none") else "nack"), (status, outcome)
        return None
    assert (outcome["status"], {key: outcome[key] for key in counts}) == (status, counts), outcome
    by_name = {one["name"]: one for one in outcome["handlers"]}
    assert len(by_name) == len(outcome["handlers"])
    for name, members in (handlers or {}).items():
        assert {key: by_name[name].get(key) for key in members} == members, outcome
    return outcome


# ---- one test's ----


class Bus:
    """The clients of a test. `wires` are the wires of its handlers, taken in turn."""

    def __init__(self, broker, wires=("amqp",)):
        self.broker = broker
        self.wires = wires
        self.made = []
        self.links = []
        self.handler_count = 0

    def _keep(self, one):
        self.made.append(one)
        return one

    def handler(self, prefix="", group=None, wire=None, where=None, **how):
        """The next handler, already in its group; `group_name` is its group's name, where the wire tells."""
        wire = wire or self.wires[self.handler_count % len(self.wires)]
        self.handler_count += 1
        one = self._keep(HANDLERS[wire](where or self.broker, **how))
        one.group_name = one.join(prefix, group)
        return one

    def publisher(self, kind, where=None, **how):
        return self._keep(PUBLISHERS[kind](where or self.broker, **how))

    def publishers(self, only=lambda kind: True):
        return [self.publisher(name) for name, kind in PUBLISHERS.items() if only(kind)]

    def channel(self):
        """Of somebody else's."""
        return self._keep(pika_connection(self.broker)).channel()

    def link(self):
        """A way to its broker that can go silent."""
        self.links.append(Link(self.broker))
        return self.links[-1]

    def close(self):
        for one in self.links + self.made:  # who speaks through a silent one must not wait for an answer
            with contextlib.suppress(pika.exceptions.AMQPError):
                one.close()
