# SPDX-License-Identifier: Apache-2.0
"""A publisher that is held back by an alarm, and who takes what it has published."""
import time

from client import *

__all__ = ["BODY", "Publisher", "acknowledge_all", "numbers", "receive_all"]

LIMIT_S = 20
BODY = b"x" * 16384
PUBLISHES_AT_MOST = 1000  # 16 MB; an alarm comes long before


class Publisher:
    """A connection that publishes numbered messages and hears of being blocked and unblocked."""

    def __init__(self, connection, q, **properties):
        self.connection, self.q, self.properties = connection, q, properties
        self.channel = connection.channel()
        self.heard = []
        self.count = 0
        connection._impl.add_on_connection_blocked_callback(lambda _c, frame: self.heard.append(frame.method.reason))
        connection._impl.add_on_connection_unblocked_callback(lambda *_: self.heard.append("unblocked"))

    def publish(self, count=1, body=BODY):
        for _ in range(count):
            send(self.channel, "", self.q, b"%06d" % self.count + body, **self.properties)
            self.count += 1

    def publish_until_blocked(self):
        """Publishes one message after the confirm of the other, so that only the last one is held."""
        confirms, before, words = Confirms(self.channel), self.count, len(self.heard)
        while len(self.heard) == words:
            assert self.count - before < PUBLISHES_AT_MOST, "never blocked"
            self.publish()
            confirms.wait_for(lambda: len(confirms.events) == self.count - before or len(self.heard) > words,
                              "a confirm or the alarm")

    def wait_to_hear(self, *words):
        pump(self.connection, lambda: self.heard == list(words), lambda: f"{words}; heard {self.heard}")

    def wait_to_be_let_go(self, still_s=0.3):
        """It was held, and is not any more. While a full disk is drained that may happen more than once: what acks take of
        the reserve may not be there again yet."""
        before, deadline = None, time.monotonic() + LIMIT_S
        while self.heard[-1:] != ["unblocked"] or len(self.heard) != before:
            assert time.monotonic() < deadline, f"it is still held; heard {self.heard}"
            before = len(self.heard)
            self.connection.process_data_events(still_s)


def numbers(inbox):
    return [int(body[:6]) for body in inbox.bodies()]


def receive_all(inbox, q, publisher):
    """Takes and acknowledges everything the publisher published."""
    inbox.channel.basic_qos(prefetch_count=20)
    inbox.consume(q)
    acknowledge_all(inbox, publisher)


def acknowledge_all(inbox, publisher):
    """The same, from where it stands; it consumes already."""
    acknowledged = len(inbox.items)
    deadline = time.monotonic() + LIMIT_S
    while len(inbox.items) < publisher.count:
        assert time.monotonic() < deadline, f"{len(inbox.items)} of {publisher.count} messages came"
        inbox.channel.connection.process_data_events(time_limit=0.1)
        for tag in inbox.tags()[acknowledged:]:
            inbox.channel.basic_ack(tag)
        acknowledged = len(inbox.items)
