# SPDX-License-Identifier: Apache-2.0
"""Clients of the crash loop for which each thing happens once: transactions, and publishers that publish again what was
not confirmed."""
import itertools

from pika import spec

from actors import CHANNEL, Actor, any_key, any_size
from ledger import GONE, SENT


class Transactor(Actor):
    """Gets messages from one queue and publishes others to many, acks and all in one transaction; commits, and now and
    then rolls back and has its messages given back."""

    select = spec.Tx.Select, spec.Tx.SelectOk

    def __init__(self, world, name, queue):
        super().__init__(world, name)
        self.queue = queue

    def work(self):
        exchanges, queues = (self.ledger.names(table, "m.") for table in (self.ledger.exchanges, self.ledger.queues))
        for number in itertools.count():
            group = f"tx.{self.world.cycle}.{self.name}.{number}"
            taken = [one for one in (self.get() for _ in range(self.rng.randrange(3))) if one]
            messages = [self.publish(group, self.rng.choice([*exchanges, "", ""]), queues)
                        for _ in range(self.rng.randint(1, 8))]
            for tag, _ in taken:
                self.connection.client.send_method(CHANNEL, spec.Basic.Ack(delivery_tag=tag))
            copies = [copy for _, copy in taken]
            if self.rng.random() < 0.2:
                self.roll_back(messages, bool(taken))
            else:
                self.commit(group, messages, copies)

    def get(self):
        """One message as its tag and copy, or None."""
        self.connection.client.send_method(CHANNEL, spec.Basic.Get(queue=self.queue.name))
        event = self.connection.read_event()
        copy = event and self.note_delivery(*event)
        return copy and (event[0].delivery_tag, copy)

    def note_delivery(self, method, properties, body):
        return self.ledger.deliver(self.queue, properties.message_id, body, method.redelivered, {})

    def publish(self, group, exchange, queues):
        key = any_key(self.rng) if exchange else self.rng.choice(queues)
        return self.connection.publish_in(group, exchange, key, any_size(self.rng))

    def commit(self, group, messages, copies):
        ledger, taker = self.ledger, self.connection
        ledger.take(copies, taker, group)
        ledger.release(messages, SENT)
        self.connection.client.request(CHANNEL, spec.Tx.Commit(), spec.Tx.CommitOk)
        for message in messages:
            ledger.confirm(message)
        ledger.settle(copies, taker)
        ledger.count("committed")

    def roll_back(self, messages, has_taken):
        client = self.connection.client
        client.request(CHANNEL, spec.Tx.Rollback(), spec.Tx.RollbackOk)
        self.ledger.release(messages, GONE)
        if has_taken:
            client.request(CHANNEL, spec.Basic.Recover(requeue=True), spec.Basic.RecoverOk)
        self.ledger.count("rolled_back")


class Repeater(Actor):
    """Publishes into a queue of its own, numbered under an id that lives on: begins with what was not confirmed when the
    broker died, and with some that was."""

    ONCE_MORE, MESSAGES_MOST = 20, 500

    def __init__(self, world, name, queue):
        super().__init__(world, name)
        self.queue = queue
        self.sent = self.ledger.repeaters.setdefault(name, [])

    def work(self):
        first = next((at for at, message in enumerate(self.sent) if not message.confirmed), len(self.sent))
        for number in range(max(0, first - self.rng.randrange(self.ONCE_MORE)), len(self.sent)):
            self.ledger.repeat(self.sent[number])
            self.send(number)
        window = self.rng.choice((1, 10, 100))
        for _ in range(self.MESSAGES_MOST):
            connection = self.connection
            self.sent.append(self.ledger.publish(connection.publisher, connection.sequence, any_size(self.rng), True, "",
                                                 self.queue.name))
            self.send(len(self.sent) - 1)
            while len(connection.unconfirmed) >= window or connection.has_input():
                connection.read_event()
        self.wait_for_death()

    def send(self, number):
        headers = {"x-publisher-id": self.name, "x-publisher-sequence": number}
        self.connection.publish_message(self.sent[number], "", self.queue.name, headers)
