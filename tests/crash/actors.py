# SPDX-License-Identifier: Apache-2.0
"""The clients of the crash loop: publishers, consumers and definers, a thread and a connection each. They work until
the broker dies, and note in the ledger what they sent before they send it, and what they were told when they are told.

An actor that fails while the broker lives is itself a fault."""
import itertools
import random
import socket
import threading
import time

from pika import spec

import topology
import wire
from ledger import body_of

CHANNEL = topology.CHANNEL
KINDS = ("fanout", "direct", "topic")
WORDS = ("kuntur", "puma", "mayu", "inti")
DEEP, DEEP_OCTETS_MOST = "deep", 2000  # the queue without a consumer, and its messages
MESSAGES_MOST = 4000         # of one publisher in one load,
BODY_OCTETS_MOST = 12000000  # and their octets


def any_key(rng):
    return ".".join(rng.choice(WORDS) for _ in range(rng.randint(1, 3)))


def any_pattern(rng, kind):
    if kind != "topic":
        return any_key(rng)
    return ".".join(rng.choice((*WORDS, "*", "#")) for _ in range(rng.randint(1, 3)))


def any_size(rng):
    """Mostly small, some of the size of parts of the log, a few large ones, and nothing at all."""
    dice = rng.random()
    if dice < 0.05:
        return 0
    if dice < 0.80:
        return rng.randint(1, 2000)
    return rng.randint(2000, 40000) if dice < 0.97 else rng.randint(40000, 300000)


class Connection:
    """One connection with one channel in confirm mode, and what was published on it and not confirmed."""

    def __init__(self, world):
        self.world, self.ledger = world, world.ledger
        self.client = wire.connect(("127.0.0.1", world.port), world.limit_s)
        self.ended = False
        self.publisher, self.sequence, self.next_tag = self.ledger.new_publisher(), 0, 1
        self.unconfirmed = {}

    def open(self, select, select_ok):
        self.client.handshake()
        self.client.open_channel(CHANNEL)
        self.client.request(CHANNEL, select(), select_ok)

    def end(self):
        self.ended = True
        self.client.abort()

    def cut(self):
        try:
            self.client.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # it was not open any more

    def has_input(self, seconds=0.0):
        return not self.client.is_silent(seconds)

    def publish(self, exchange, key, size, persistent=True, then=None):
        """`then()` is called when its confirm came."""
        message = self.ledger.publish(self.publisher, self.sequence, size, persistent, exchange, key)
        self.publish_message(message, exchange, key, then=then)
        return message

    def publish_message(self, message, exchange, key, headers=None, then=None):
        self.unconfirmed[self.next_tag] = message, then
        self.next_tag += 1
        self.send(message, exchange, key, headers)

    def publish_in(self, group, exchange, key, size):
        """In a transaction: nobody gets it before the commit is sent."""
        message = self.ledger.publish(self.publisher, self.sequence, size, True, exchange, key, group)
        self.send(message, exchange, key)
        return message

    def send(self, message, exchange, key, headers=None):
        self.sequence += 1
        properties = spec.BasicProperties(message_id=message.id, delivery_mode=2 if message.persistent else 1,
                                          headers=headers)
        self.client.publish(CHANNEL, body_of(message.id, message.size), exchange, key, properties)

    def note_confirm(self, ack):
        up_to = itertools.takewhile(lambda tag: tag <= ack.delivery_tag, self.unconfirmed)
        tags = list(up_to) if ack.multiple else [ack.delivery_tag]
        for tag in tags:
            message, then = self.unconfirmed.pop(tag)
            self.ledger.confirm(message)
            if then:
                then()

    def read_event(self):
        """The next delivery as (method, properties, body), or None if it was something else."""
        _, method = self.client.read_method()
        if isinstance(method, (spec.Connection.Blocked, spec.Connection.Unblocked, spec.Basic.GetEmpty)):
            return None
        if isinstance(method, spec.Basic.Ack):
            self.note_confirm(method)
            return None
        assert isinstance(method, (spec.Basic.Deliver, spec.Basic.GetOk)), f"unexpected: {method}"
        header = self.client.read_frame()
        _, _, size, properties = wire.decode_header(header.payload)
        body = bytearray()
        while len(body) < size:
            body += self.client.read_frame().payload
        return method, properties, bytes(body)

    def wait_for_confirms(self, at_most):
        while len(self.unconfirmed) > at_most:
            assert self.read_event() is None, "a delivery without a consumer"


class ConnectedTooLate(ConnectionError):
    """Connected when the others were cut off already: nobody will cut this connection."""


class Actor(threading.Thread):
    select = spec.Confirm.Select, spec.Confirm.SelectOk

    def __init__(self, world, name):
        super().__init__(name=name, daemon=True)
        self.world, self.ledger = world, world.ledger
        self.rng = random.Random(f"{world.seed}.{world.cycle}.{name}")
        self.connection = None

    def run(self):
        try:
            self.connect()
            self.work()
        except (AssertionError, OSError) as error:
            if not self.world.is_dead():
                self.ledger.fault("broker", f"cycle {self.world.cycle}: {self.name} failed: {error}")
            elif self.connection and not isinstance(error, ConnectedTooLate):
                self.read_rest()
        except Exception as error:  # a fault of ours must not go unseen in a thread
            self.ledger.fault("broker", f"cycle {self.world.cycle}: {self.name}: {error!r}")
        finally:
            if self.connection:
                self.connection.end()

    def connect(self):
        self.connection = Connection(self.world)
        if self.world.killed.is_set():
            raise ConnectedTooLate
        self.connection.open(*self.select)

    def cut(self):
        """Ends its connection from outside of its thread."""
        if self.connection:
            self.connection.cut()

    def read_rest(self):
        """What the broker had sent before it died, behind a send of ours that failed."""
        try:
            while True:
                event = self.connection.read_event()
                if event:
                    self.note_delivery(*event)
        except (AssertionError, OSError):
            pass

    def note_delivery(self, method, properties, body):
        raise RuntimeError(f"a delivery without a consumer: {properties.message_id}")

    def wait_for_death(self):
        """Notes confirms until the connection ends, which is an exception."""
        while True:
            if self.connection.has_input(0.05):
                self.connection.read_event()


class Publisher(Actor):
    """Publishes to exchanges and, by name, to queues, with up to `window` unconfirmed."""

    def work(self):
        window, octets = self.rng.choice((1, 10, 100, 1000)), 0
        exchanges = self.ledger.names(self.ledger.exchanges, "m.")
        queues = self.ledger.names(self.ledger.queues, "m.")
        for _ in range(MESSAGES_MOST):
            exchange = self.rng.choice([*exchanges, ""])
            key = any_key(self.rng) if exchange else self.rng.choice([*queues, DEEP])
            size = any_size(self.rng) if key != DEEP else self.rng.randint(0, DEEP_OCTETS_MOST)
            octets += size
            if octets > BODY_OCTETS_MOST:
                break
            self.connection.publish(exchange, key, size, self.rng.random() < 0.9)
            while len(self.connection.unconfirmed) >= window or self.connection.has_input():
                self.connection.read_event()
        self.wait_for_death()


class Consumer(Actor):
    """Consumes from one queue: acks one by one or many at once, rejects, gives back, keeps; or needs no acks. Now and
    then a message is published behind the acks, whose confirm makes them sure; now and then the connection is cut."""

    def __init__(self, world, name, queue, no_ack):
        super().__init__(world, name)
        self.queue, self.no_ack = queue, no_ack
        if no_ack:
            queue.loose = True

    def begin(self):
        client = self.connection.client
        self.unacked, self.last, self.unsure = {}, {}, []
        prefetch = self.rng.choice((0, 1, 10, 100))
        client.request(CHANNEL, spec.Basic.Qos(prefetch_count=prefetch), spec.Basic.QosOk)
        client.request(CHANNEL, spec.Basic.Consume(queue=self.queue.name, no_ack=self.no_ack), spec.Basic.ConsumeOk)
        self.keeps = self.rng.random() * (0.3 if prefetch == 0 else 0.02)

    def work(self):
        self.begin()
        while not self.world.killed.is_set() or self.connection.has_input():
            if not self.connection.has_input(0.02):
                self.release_all()
                continue
            event = self.connection.read_event()
            if event:
                self.take(*event)
            if self.rng.random() < 0.01:
                self.make_sure()
            if self.rng.random() < 0.001:
                self.connection.end()
                self.connect()
                self.begin()

    def note_delivery(self, method, properties, body):
        return self.ledger.deliver(self.queue, properties.message_id, body, method.redelivered, self.last)

    def take(self, method, properties, body):
        copy = self.note_delivery(method, properties, body)
        if copy is None:
            return
        if self.no_ack:
            self.ledger.take([copy], self.connection)
            self.unsure.append(copy)
            return
        self.unacked[method.delivery_tag] = copy
        dice = self.rng.random()
        if dice < 0.6:
            self.ack(method.delivery_tag, False)
        elif dice < 0.7:
            self.ack(method.delivery_tag, True)
        elif dice < 0.8:
            self.reject(method.delivery_tag)
        elif dice < 0.85:
            self.give_back(method.delivery_tag, self.rng.random() < 0.3)
        elif dice > 0.99 - self.keeps:
            pass
        else:
            self.ack(method.delivery_tag, False)

    def tags_up_to(self, tag, multiple):
        return [one for one in self.unacked if one <= tag] if multiple else [tag]

    def ack(self, tag, multiple):
        self.remove([self.unacked.pop(one) for one in self.tags_up_to(tag, multiple)])
        self.connection.client.send_method(CHANNEL, spec.Basic.Ack(delivery_tag=tag, multiple=multiple))

    def reject(self, tag):
        self.remove([self.unacked.pop(tag)])
        self.connection.client.send_method(CHANNEL, spec.Basic.Reject(delivery_tag=tag, requeue=False))

    def remove(self, copies):
        self.ledger.take(copies, self.connection)
        self.unsure += copies

    def give_back(self, tag, multiple):
        for one in self.tags_up_to(tag, multiple):
            del self.unacked[one]
        self.connection.client.send_method(CHANNEL, spec.Basic.Nack(delivery_tag=tag, multiple=multiple, requeue=True))

    def release_all(self):
        """Nothing comes: perhaps because all of the prefetch is kept."""
        if self.unacked and self.rng.random() < 0.2:
            self.ack(max(self.unacked), True)

    def make_sure(self):
        copies, taker, self.unsure = self.unsure, self.connection, []
        self.connection.publish("", self.queue.name, 10, then=lambda: self.ledger.settle(copies, taker))


class Definer(Actor):
    """Declares, binds, publishes, unbinds, purges and deletes in names of its own, one request after the other, so
    that at most one is unanswered when the broker dies."""

    def work(self):
        client, ledger = self.connection.client, self.ledger
        queues = [f"{self.name}.q{number}" for number in range(3)]
        exchanges = [f"{self.name}.e{number}" for number in range(2)]
        while not self.world.killed.is_set():
            queue, exchange = self.rng.choice(queues), self.rng.choice(exchanges)
            topology.declare_queue(ledger, client, queue)
            kind = topology.declare_exchange(ledger, client, exchange, self.rng.choice(KINDS)).kind
            pattern = any_pattern(self.rng, kind)
            topology.bind(ledger, client, exchange, queue, pattern)
            self.publish_some(exchange, pattern)
            action = self.rng.randrange(6)
            if action == 0:
                topology.unbind(ledger, client, exchange, queue, pattern)
                self.publish_some(exchange, pattern)
            elif action == 1:
                topology.delete_queue(ledger, client, queue)
            elif action == 2:
                topology.delete_exchange(ledger, client, exchange)
            elif action == 3:
                topology.purge_queue(ledger, client, queue)
            time.sleep(self.rng.random() * 0.01)

    def publish_some(self, exchange, pattern):
        key = pattern.replace("*", "puma").replace("#", "mayu")
        for _ in range(self.rng.randrange(4)):
            self.connection.publish(exchange, key, any_size(self.rng))
        self.connection.wait_for_confirms(0)
