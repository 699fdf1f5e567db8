#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A broker under clients of every kind, of which some die, join, leave, and which itself is killed; what all of them saw
goes to checker.py. What is drawn comes from a seed; the moments in which threads meet do not.

    tests/e2e/consistency.py --seeds 20 [--first N] [--seconds S] [--kills K]      ends with 1 if anything was found"""
import argparse
import collections
import contextlib
import pathlib
import random
import sys
import tempfile
import threading
import time
import traceback

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import pika  # noqa: E402
import zmq  # noqa: E402

from checker import Ask, Delivery, History, Session, faults  # noqa: E402
from events import HANDLERS, PUBLISHERS, octets, pika_connection, zmq_socket  # noqa: E402
from lib import http  # noqa: E402
from lib.broker import Broker, wait_until  # noqa: E402

TOPICS = ("check.a", "check.b")
LOST = (pika.exceptions.AMQPError, OSError, zmq.ZMQError)  # what clients say when the broker is gone
AHEAD = 8         # publishes of one publisher that are under way
LIMIT_S = 30.0
TICK_S = 0.005


class World:
    """The broker, one life after the other, and what was seen."""

    def __init__(self, data_dir, seed, io_threads=0):
        self.data_dir, self.seed, self.io_threads = data_dir, seed, io_threads
        self.history = History()
        self.life = 0
        self.broker = None
        self.up = threading.Event()
        self.publishing = True
        self.running = True
        self.lock = threading.Lock()
        self.failures = []

    def start(self):
        self.broker = Broker({"data_dir": self.data_dir}, io_threads=self.io_threads, name=f"life {self.life + 1}").start()
        with contextlib.closing(PUBLISHERS["amqp-reply"](self.broker)) as first:
            report = first.outcome(first.ask("nobody.handles.this", ""))
        self.history.first_seqs.append(report["seq"])
        self.life += 1
        self.up.set()

    def kill(self):
        self.up.clear()
        self.history.kills.append(time.monotonic())
        self.broker.kill()

    def add(self, where, one):
        with self.lock:
            where.append(one)
        return one


class Actor(threading.Thread):
    """A thread with a client that is connected again in each life of the broker."""

    def __init__(self, world, name):
        super().__init__(name=name, daemon=True)
        self.world = world
        self.rng = random.Random(f"{world.seed}.{name}")
        self.client = None
        self.life = 0

    def run(self):
        try:
            while self.wanted():
                if not self.world.up.wait(0.1):
                    continue
                with contextlib.suppress(*LOST):
                    self.live()
                self.close()
        except Exception:  # pylint: disable=broad-except
            self.world.add(self.world.failures, f"{self.name}: {traceback.format_exc()}")
            self.close()

    def wanted(self):
        return self.world.running

    def live(self):
        """One connection, until it ends."""
        self.life = self.world.life
        try:
            self.connect()
            while self.wanted() and self.is_alive_there():
                self.step()
        except AssertionError:  # nobody answered; no fault if the broker was killed meanwhile
            if self.is_alive_there():
                raise

    def is_alive_there(self):
        return self.world.up.is_set() and self.world.life == self.life

    def close(self):
        client, self.client = self.client, None
        if client is not None:
            with contextlib.suppress(*LOST):
                client.close()


class Publisher(Actor):
    """Asks, some at a time; on any doubt it asks again, with the same id, where its kind has ids."""

    def __init__(self, world, kind, number):
        super().__init__(world, f"{kind}.{number}")
        self.kind = PUBLISHERS[kind]
        self.asked = 0
        self.open = collections.OrderedDict()  # client's number: Ask
        self.again = []

    def wanted(self):
        return self.world.running and (self.world.publishing or self.open or self.again)

    def connect(self):
        self.again = [*self.open.values(), *self.again] if self.kind.takes_id else []
        self.open = collections.OrderedDict()
        self.client = self.kind(self.world.broker, identity=self.name)

    def step(self):
        if self.again:
            self.send(self.again.pop(0))
        elif self.world.publishing and len(self.open) < (AHEAD if self.kind.pipelines else 1):
            self.asked += 1
            ask = Ask(self.name, self.asked, self.rng.choice(TOPICS), f"{self.name}.{self.asked}", True, self.life)
            ask.asked_at = time.monotonic()
            self.world.add(self.world.history.asks, ask)
            self.send(ask)
        self.client.read(TICK_S if self.rng.random() < 0.5 else 0)
        for number in [number for number in self.open if number in self.client.outcomes]:
            ask = self.open.pop(number)
            ask.told_at, ask.outcome = time.monotonic(), self.client.outcomes[number]

    def send(self, ask):
        number = self.client.ask(ask.topic, ask.body, id=ask.body if self.kind.takes_id else None)
        self.open[number] = ask


class PlainPublisher(Actor):
    """Does not ask. ZMTP's PUSH is not lossy; both stop at a bound that the subscribers can follow."""

    def __init__(self, world, wire):
        super().__init__(world, f"plain-{wire}")
        self.wire = wire
        self.asked = 0

    def wanted(self):
        return self.world.running and self.world.publishing

    def connect(self):
        where = self.world.broker
        self.client = pika_connection(where) if self.wire == "amqp" else zmq_socket(zmq.PUSH, where)
        self.channel = self.client.channel() if self.wire == "amqp" else None

    def close(self):
        """What a PUSH has not sent yet it sends, while there is somebody who takes it."""
        if self.client is not None and self.wire == "zmtp":
            self.client.close(5000 if self.is_alive_there() else 0)
            self.client = None
        super().close()

    def step(self):
        self.asked += 1
        ask = Ask(self.name, self.asked, self.rng.choice(TOPICS), f"{self.name}.{self.asked}", False, self.life)
        ask.asked_at = time.monotonic()
        self.world.add(self.world.history.asks, ask)
        if self.wire == "amqp":
            self.channel.basic_publish("amq.events", ask.topic, ask.body, pika.BasicProperties(delivery_mode=2))
        else:
            self.client.send_multipart([octets(ask.topic), octets(ask.body)])
        time.sleep(self.rng.random() * 4 * TICK_S)


class Handler(Actor):
    """A member of a group; a new session at each join. The driver says when it dies or leaves."""

    def __init__(self, world, name, wires, prefix="check.", group=None):
        super().__init__(world, name)
        self.wires, self.prefix, self.group = wires, prefix, group
        self.order = None
        self.away_s = 0
        self.joins = 0
        self.session = None

    def connect(self):
        if self.away_s:
            time.sleep(self.away_s)
            self.away_s = 0
        self.joins += 1
        session = Session(f"{self.name}#{self.joins}", self.prefix, self.life, True, self.group)
        self.client = HANDLERS[self.rng.choice(self.wires)](self.world.broker)
        self.client.join(self.prefix, self.group, wanted=self.is_alive_there)
        session.joined_at = time.monotonic()
        self.session = self.world.add(self.world.history.sessions, session)

    def step(self):
        if self.order:
            self.end(self.order)
            return
        event = self.client.poll(TICK_S)
        if event is None:
            return
        one = Delivery(event.body.decode(), time.monotonic(), event.seq, event.redelivered)
        self.session.deliveries.append(one)
        if self.rng.random() < 0.02:
            time.sleep(self.rng.random() * 2 * TICK_S)
        self.answer(event, one)

    def answer(self, event, one):
        dice = self.rng.random()
        if dice < 0.02 and self.client.wire == "amqp" and not event.before and not event.redelivered:
            one.answer, one.answered_at = ("again", ""), time.monotonic()
            self.client.again(event)
            return
        failed = int(one.body.rpartition(".")[2]) % 50 == 17
        one.answer = ("failed" if failed else "ok", f"{self.session.name} saw {event.seq}")
        one.answered_at = time.monotonic()
        (self.client.fail if failed else self.client.done)(event, one.answer[1])

    def end(self, how):
        self.session.ended_at = time.monotonic()
        self.order, client, self.client = None, self.client, None
        self.away_s = 0.001 + self.rng.random() * 0.1
        if how == "die" or self.group:  # who leaves a durable group by word unbinds it
            client.die()
        else:
            client.leave()
        raise OSError("ended")

    def close(self):
        if self.session is not None:
            self.session.ended_at = min(self.session.ended_at, time.monotonic())
            self.session = None
        super().close()


class Observer(Actor):
    """A SUB, or a consumer without acks: sees the order, answers nothing."""

    def __init__(self, world, wire, number):
        super().__init__(world, f"observer-{wire}.{number}")
        self.wire = wire
        self.seen = collections.deque()

    def connect(self):
        self.seen.clear()
        if self.wire == "amqp":
            self.client = pika_connection(self.world.broker)
            channel = self.client.channel()
            queue = channel.queue_declare("", exclusive=True).method.queue
            channel.queue_bind(queue, "amq.events", "check.#")
            channel.basic_consume(queue, lambda _channel, _method, properties, body: self.seen.append(
                (body, properties.headers["x-seq"])), auto_ack=True)
        else:
            self.client = zmq_socket(zmq.SUB, self.world.broker, RCVHWM=0)
            self.client.subscribe("check.")
        self.session = self.world.add(self.world.history.sessions, Session(
            f"{self.name}#{self.life}", "check.", self.life, False))

    def step(self):
        if self.wire == "amqp":
            self.client.process_data_events(time_limit=TICK_S)
        elif self.client.poll(TICK_S * 1000):
            self.seen.append((self.client.recv_multipart()[1], None))
        while self.seen:
            body, seq = self.seen.popleft()
            self.session.deliveries.append(Delivery(body.decode(), time.monotonic(), seq, None))


# ---- the driver ----

DURABLE = {"billing": "check.", "stock": "check.a", "mail": "check."}


def actors_of(world):
    handlers = [Handler(world, f"billing-{number}", ["amqp", "zmtp"], group="billing") for number in range(2)]
    handlers += [Handler(world, "stock-0", ["zmtp"], "check.a", "stock"), Handler(world, "mail-0", ["amqp"], group="mail")]
    handlers += [Handler(world, f"own-{wire}", [wire], prefix) for wire in ("amqp", "zmtp")
                 for prefix in ("check.", "check.b")[: 1 if wire == "amqp" else 2]]
    for number, handler in enumerate(handlers):
        handler.name = f"{handler.name}.{number}"
    publishers = [Publisher(world, kind, number) for kind in PUBLISHERS
                  for number in range(2 if kind == "zmtp-named" else 1)]
    others = [PlainPublisher(world, wire) for wire in ("amqp", "zmtp")]
    others += [Observer(world, wire, number) for wire in ("amqp", "zmtp") for number in range(2)]
    return handlers, publishers, others


def bind_groups(world):
    """Before all, so that they miss nothing."""
    world.history.groups = dict(DURABLE)
    with pika_connection(world.broker) as connection:
        channel = connection.channel()
        for group, prefix in DURABLE.items():
            channel.queue_declare(group, durable=True)
            channel.queue_bind(group, "amq.events", prefix + "#" if prefix.endswith(".") else prefix)


class Trouble:
    """Who dies, and when. A group's members do not die again before it has done what they left: three deaths would be
    one event's end."""

    def __init__(self, world, handlers, rng):
        self.world, self.handlers, self.rng = world, handlers, rng
        self.left = {}  # group: highest seq that anybody had seen when a member of it died

    def highest_seq(self, sessions):
        return max((one.seq for session in sessions for one in session.deliveries[-1:] if one.seq), default=0)

    def may_die(self, handler):
        if handler.group is None or handler.group not in self.left:
            return True
        of_group = [session for session in list(self.world.history.sessions) if session.group == handler.group]
        return self.highest_seq(of_group) > self.left[handler.group]

    def strike(self):
        handler = self.rng.choice(self.handlers)
        if not self.may_die(handler):
            return
        if handler.group:
            self.left[handler.group] = self.highest_seq(list(self.world.history.sessions)) + 200
        handler.order = self.rng.choice(("die", "leave"))


def idle(world):
    """Nothing is left in any durable group."""
    queues = {one["name"]: one for one in http.api(world.broker, "/queues")}
    return all(queues[group]["messages"] == 0 for group in DURABLE)


def run(world, seconds, kills, enough=lambda: True):
    """One history, from the first publish until all that is owed was delivered. On a machine that is busy it takes longer
    than `seconds`: until there is enough of it."""
    rng = random.Random(world.seed)
    world.start()
    bind_groups(world)
    handlers, publishers, others = actors_of(world)
    trouble = Trouble(world, handlers, rng)
    for actor in handlers + publishers + others:
        actor.start()
    begun = time.monotonic()
    kill_at = sorted(begun + seconds * (0.2 + 0.7 * rng.random()) for _ in range(kills))
    while time.monotonic() < begun + (seconds if enough() else LIMIT_S):
        time.sleep(0.02 + 0.06 * rng.random())
        if kill_at and time.monotonic() > kill_at[0]:
            kill_at.pop(0)
            world.kill()
            world.start()
            trouble.left.clear()
        else:
            trouble.strike()
    world.publishing = False
    for actor in publishers + others[:2]:
        actor.join(LIMIT_S)
        if actor.is_alive():
            world.failures.append(f"{actor.name} waits for {[ask.body for ask in getattr(actor, 'open', {}).values()]}")
    wait_until(lambda: idle(world), "all groups have done all they owe", LIMIT_S, 0.05)
    world.running = False
    for actor in handlers + others[2:]:
        actor.join(LIMIT_S)
    world.broker.stop()
    return world


def found_in(world):
    return [("client", failure) for failure in world.failures] + faults(world.history)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--kills", type=int, default=3)
    options = parser.parse_args()
    bad = 0
    for seed in range(options.first, options.first + options.seeds):
        with tempfile.TemporaryDirectory(prefix="chaski-order-") as folder:
            world = World(f"{folder}/data", seed, io_threads=seed % 2 * 2)
            try:
                found = found_in(run(world, options.seconds, options.kills))
            except AssertionError as error:
                found = [("broker", str(error)), *found_in(world)]
            finally:
                world.running = False
                world.broker.kill()
        history = world.history
        print(f"seed {seed}: {len(history.asks)} published, {sum(ask.outcome is not None for ask in history.asks)} told, "
              f"{sum(len(one.deliveries) for one in history.sessions)} seen in {len(history.sessions)} sessions, "
              f"{len(history.kills)} kills, {len(found)} faults", flush=True)
        for kind, text in found[:20]:
            print(f"FAILED: seed {seed}: {kind}: {text[-1500:]}")
        bad += bool(found)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
