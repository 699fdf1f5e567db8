# SPDX-License-Identifier: Apache-2.0
"""What the broker owes: every definition and every copy of a message in a queue, from what clients sent and were
answered. It says what may, must and must not be there after a crash, and collects what was otherwise.

A copy's life:
    SENT    published, not confirmed: may be there
    THERE   confirmed, or found after a restart: must be there
    ACKED   acked, rejected or delivered without ack, but no synced answer came on that channel since: may come back
    LOOSE   in a queue from which a consumer without acks was served at the crash: may be there
    HELD    published in a transaction for which no commit was sent: must not be there
    GONE    acked and a synced answer came since, or found missing when it might: must never come back
A definition or a binding is THERE, GONE, or, while its request is unanswered, MAYBE."""
import threading

SENT, THERE, ACKED, LOOSE, HELD, GONE, MAYBE = "SENT", "THERE", "ACKED", "LOOSE", "HELD", "GONE", "MAYBE"

# Every fault is of one of these kinds; each is a test of the report.
PROMISES = {
    "lost": "every_confirmed_message_is_there_until_acked",
    "returned": "what_was_acked_for_sure_never_comes_back",
    "foreign": "nothing_comes_that_was_never_published_there",
    "changed": "bodies_come_back_octet_for_octet",
    "twice": "a_queue_holds_a_message_once",
    "order": "each_publisher_keeps_its_order_in_each_queue",
    "unmarked": "what_was_delivered_before_comes_back_redelivered",
    "half": "an_unconfirmed_message_is_in_all_of_its_queues_or_in_none",
    "part": "a_transaction_is_there_as_a_whole_or_not_at_all",
    "uncommitted": "what_was_not_committed_never_comes",
    "definition": "definitions_that_were_answered_are_there",
    "deleted": "definitions_whose_deletion_was_answered_are_gone",
    "broker": "the_broker_starts_again_and_answers",
}

SPACE = "segments_dropped", "rewritten_bytes"  # of the log
COUNTS = (*SPACE, "published", "repeated", "confirmed", "delivered", "redelivered", "acked",
          "settled",  # acked, and for sure
          "first",    # deliveries not marked redelivered
          "falsely",  # deliveries marked redelivered of what no client ever had in its hands
          "duplicates",  # deliveries of what had been acked, and not for sure
          "committed", "rolled_back",  # transactions
          "checked")  # looked at after a crash


def make_id(publisher, sequence, size):
    return f"{publisher}.{sequence}.{size}"


def body_of(message_id, size):
    """Octets that belong to this message and to no other."""
    pattern = message_id.encode() + b"|"
    return (pattern * (size // len(pattern) + 1))[:size]


class Copy:
    __slots__ = ("message", "state", "sure", "delivered", "taker", "group")

    def __init__(self, message, state):
        self.message = message
        self.state = state
        self.sure = False       # confirmed, or found after a crash: stays until it is acked
        self.delivered = False  # a client had it in its hands
        self.taker = None       # the connection that acked it,
        self.group = None       # and its transaction


class Message:
    __slots__ = ("id", "publisher", "sequence", "size", "persistent", "copies", "group", "confirmed")

    def __init__(self, publisher, sequence, size, persistent, group):
        self.id = make_id(publisher, sequence, size)
        self.publisher, self.sequence, self.size, self.persistent = publisher, sequence, size, persistent
        self.copies = {}
        self.confirmed = False
        self.group = group or self.id  # what is there all together


class Queue:
    def __init__(self, name):
        self.name = name
        self.state = MAYBE
        self.copies = {}
        self.loose = False  # a consumer without acks is or was there since the start


class Exchange:
    def __init__(self, name, kind):
        self.name, self.kind = name, kind
        self.state = MAYBE


def topic_matches(pattern, key):
    def match(words, parts):
        if not words:
            return not parts
        if words[0] == "#":
            return any(match(words[1:], parts[skip:]) for skip in range(len(parts) + 1))
        return bool(parts) and words[0] in ("*", parts[0]) and match(words[1:], parts[1:])
    return match(pattern.split("."), key.split("."))


MATCHES = {"fanout": lambda pattern, key: True, "direct": lambda pattern, key: pattern == key, "topic": topic_matches}


class Ledger:
    """All of it, behind one lock; methods are called by many threads."""

    def __init__(self):
        self.lock = threading.RLock()
        self.queues, self.exchanges, self.bindings = {}, {}, {}
        self.publisher_count = 0
        self.repeaters = {}  # by name: all that one of them published, by its number
        self.faults = []
        self.counts = dict.fromkeys(COUNTS, 0)

    def fault(self, kind, text):
        assert kind in PROMISES
        with self.lock:
            self.faults.append((kind, text))

    def count(self, what, many=1):
        with self.lock:
            self.counts[what] += many

    def new_publisher(self):
        with self.lock:
            self.publisher_count += 1
            return self.publisher_count

    # ---- what is there ----

    def names(self, table, prefix=""):
        """Names of queues or exchanges that are there."""
        with self.lock:
            return sorted(one.name for one in table.values() if one.state == THERE and one.name.startswith(prefix))

    def forget_bindings(self, queue=None, exchange=None):
        with self.lock:
            for key in [key for key in self.bindings if key[0] == exchange or key[1] == queue]:
                del self.bindings[key]

    def targets(self, exchange, key):
        if exchange == "":
            return [self.queues[key]] if key in self.queues and self.queues[key].state == THERE else []
        matches = MATCHES[self.exchanges[exchange].kind]
        names = {queue for (source, queue, pattern), state in self.bindings.items()
                 if source == exchange and state == THERE and matches(pattern, key)}
        return [self.queues[name] for name in sorted(names)]

    # ---- the life of a message ----

    def publish(self, publisher, sequence, size, persistent, exchange, key, group=None):
        """Before it is sent. `group`: of the transaction that it is in."""
        message = Message(publisher, sequence, size, persistent, group)
        with self.lock:
            for queue in self.targets(exchange, key):
                queue.copies[message.id] = message.copies[queue.name] = Copy(message, HELD if group else SENT)
            self.counts["published"] += 1
        return message

    def repeat(self, message):
        """Before it is published again: what got lost may come now, and only that."""
        with self.lock:
            self.counts["repeated"] += 1
            for copy in message.copies.values():
                if copy.state == GONE and not copy.delivered:
                    copy.state = SENT

    def confirm(self, message):
        with self.lock:
            self.counts["confirmed"] += 1
            message.confirmed = True
            for copy in message.copies.values() if message.persistent else ():
                copy.sure = True
                if copy.state == SENT:
                    copy.state = THERE

    def look(self, queue, message_id, body, redelivered):
        """The copy that a delivery is of, or None; notes faults that need no more than this delivery."""
        copy = queue.copies.get(message_id)
        if copy is None:
            self.fault("foreign", f"queue {queue.name}: {message_id} was never published into it")
            return None
        if body != body_of(message_id, copy.message.size):
            self.fault("changed", f"queue {queue.name}: {message_id} came with another body, {len(body)} octets")
        if copy.state == HELD:
            self.fault("uncommitted", f"queue {queue.name}: {message_id} came, and its transaction was not committed")
        if copy.state == GONE:
            self.fault("returned", f"queue {queue.name}: {message_id} came back after it was gone for sure")
        if copy.delivered and not redelivered:
            self.fault("unmarked", f"queue {queue.name}: {message_id} was delivered before and is not marked")
        self.counts["redelivered" if redelivered else "first"] += 1
        self.counts["falsely"] += redelivered and not copy.delivered
        self.counts["duplicates"] += copy.state == ACKED
        self.counts["delivered"] += 1
        copy.delivered = True
        return copy

    def deliver(self, queue, message_id, body, redelivered, last):
        """A delivery under load. `last`: by publisher, the highest sequence among this consumer's first deliveries."""
        with self.lock:
            copy = self.look(queue, message_id, body, redelivered)
            if copy is None:
                return None
            if copy.state == ACKED and not copy.taker.ended:
                self.fault("returned", f"queue {queue.name}: {message_id} came although its acking consumer lives")
            if copy.state in (ACKED, LOOSE):
                copy.group = None
                copy.state = THERE if copy.sure else SENT
            message = copy.message
            if not redelivered:
                if last.get(message.publisher, -1) > message.sequence:
                    self.fault("order", f"queue {queue.name}: {message_id} came behind {last[message.publisher]}")
                last[message.publisher] = message.sequence
            return copy

    def take(self, copies, taker, group=None):
        """Before an ack (or its commit) is sent, or when a delivery came that needs none."""
        with self.lock:
            for copy in copies:
                copy.state, copy.taker, copy.group = ACKED, taker, group
            self.counts["acked"] += len(copies)

    def settle(self, copies, taker):
        """A synced answer came behind their acks."""
        with self.lock:
            for copy in copies:
                if copy.state == ACKED and copy.taker is taker:
                    copy.state = GONE
                    self.counts["settled"] += 1

    # ---- transactions ----

    def release(self, messages, state):
        """Before the commit is sent (SENT), or when they were rolled back (GONE)."""
        with self.lock:
            for copy in (copy for message in messages for copy in message.copies.values()):
                copy.state = state

    # ---- crash and check ----

    def crash(self):
        """The broker is dead: what consumers without acks were being sent may be lost with their sockets."""
        with self.lock:
            for queue in self.queues.values():
                for copy in queue.copies.values() if queue.loose else ():
                    if copy.state in (SENT, THERE):
                        copy.state = LOOSE
                queue.loose = False

    def check_content(self, queue, found, verdicts):
        """`found`: everything in a queue, (id, body, redelivered) in order. `verdicts` gathers, for each unconfirmed
        message, whether it is in the queues that were looked into. Afterwards what was found is THERE (if it is
        persistent), the rest GONE. Gives the copies that were found."""
        with self.lock:
            present, last = {}, {}
            for message_id, body, redelivered in found:
                copy = self.look(queue, message_id, body, redelivered)
                if copy is None:
                    continue
                if message_id in present:
                    self.fault("twice", f"queue {queue.name}: {message_id} is in it twice")
                present[message_id] = copy
                if last.get(copy.message.publisher, -1) > copy.message.sequence:
                    self.fault("order", f"queue {queue.name}: {message_id} is behind {last[copy.message.publisher]}")
                last[copy.message.publisher] = copy.message.sequence
            for message_id, copy in queue.copies.items():
                if copy.state == THERE and message_id not in present:
                    self.fault("lost", f"queue {queue.name}: {message_id} was confirmed and is lost")
                if copy.state == SENT and copy.message.persistent:
                    verdicts.setdefault(copy.message.group, {})[queue.name, message_id] = message_id in present
                if copy.state == ACKED and copy.group and copy.sure:
                    verdicts.setdefault(copy.group, {})[queue.name, "the ack of", message_id] = message_id not in present
                copy.sure = copy.message.persistent
                copy.state = GONE if message_id not in present else THERE if copy.sure else SENT
            self.counts["checked"] += len(found)
            return list(present.values())

    def check_verdicts(self, verdicts):
        for group, where in verdicts.items():
            if len(set(where.values())) > 1:
                self.fault("part" if group.startswith("tx") else "half", f"{group} is in some of its queues only: {where}")

    def live(self, queue):
        """How many copies may be in a queue, and about how many octets."""
        with self.lock:
            sizes = [copy.message.size + 200 for copy in queue.copies.values() if copy.state != GONE]
            return len(sizes), sum(sizes)
