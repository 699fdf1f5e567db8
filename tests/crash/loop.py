#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""tests/crash/loop.py: a broker under random load is killed and started again, and must have kept its word.

With --power a kill is mostly a power cut as well: of what was not synced anything is lost (power.py).

In each cycle publishers, consumers and definers (actors.py) work on random queues, exchanges and bindings until kill -9
comes at a random moment, now and then a second one while the broker starts again. Then definitions and the content of
queues are compared with what the ledger says (ledger.py); some queues are emptied, some looked into and given back,
some left as they are for a later crash. One has no consumer and gets deep. After the last cycle all are emptied.

    --cycles N    (100)      --seed N       all that is drawn comes from it; the moments in which threads meet do not
    --dir DIR     (build)    --results DIR  where a report in JUnit's form goes
    --keep        leaves the work folder
    --forget      removes the data at every kill: so one sees that this fails
    --power LIB   the library of powercut/
    --lie         the disk of those power cuts says that it synced, and did nothing: so one sees that this fails
    --cut         cuts the connections instead of killing: what a broker that keeps everything looks like"""
import argparse
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.dont_write_bytecode = True
sys.path[:0] = [str(ROOT / "tests" / "e2e"), str(ROOT / "tests" / "crash")]

from pika import spec  # noqa: E402

import topology  # noqa: E402
import wire  # noqa: E402
from actors import CHANNEL, DEEP, KINDS, Consumer, Definer, Publisher, any_pattern  # noqa: E402
from exactly import Repeater, Transactor  # noqa: E402
from ledger import GONE, PROMISES, SPACE, Ledger  # noqa: E402
from lib import http  # noqa: E402
from lib.broker import REPORT, Broker, environment, wait_until  # noqa: E402
from lib.passes import TINY_SETTINGS  # noqa: E402
from power import Power  # noqa: E402
from report import write_report  # noqa: E402

LIMIT_S = 30
QUEUES_MOST, EXCHANGES_MOST = 12, 6
COPIES_MOST, OCTETS_MOST = 3000, 20000000  # a queue with more is emptied at the next look,
REPEATERS = {"repeater0": "r.q0", "repeater1": "r.q1"}  # and their queues
LOOKS = {DEEP: (4, 0.1, 0),  # a queue's own: how many times as much it may have, how often it is looked into, and emptied;
         "r.q0": (1, 1, 0.25), "r.q1": (1, 1, 0.25)}  # what is to be published again depends on what is there
EVENTS_MOST = {"names": 5, "syncs": 40}    # after so many at most one is ended
DOOMED_S = 2
SYNC_US = (0, 2000, 20000)                 # of a disk whose power goes

# One of these at each start: what one size of segments wrote, a broker with another one has to read.
SETTINGS = (
    {},
    {},
    {"store.segment_bytes": "1MiB", "store.first_segment_bytes": "64KiB", "store.segments_ahead": 2,
     "store.checkpoint_bytes": "1MiB"},
    {"store.segment_bytes": "64KiB", "store.first_segment_bytes": "4KiB", "store.frame_bytes": "4KiB",
     "store.part_bytes": "4KiB", "store.read_bytes": "4KiB", "memory.bodies": 0,
     "store.checkpoint_bytes": "64KiB"},
    TINY_SETTINGS,
    {"memory.bodies": "64KiB", "store.part_bytes": "16KiB", "store.ring_items": 8, "store.unwritten_bytes": "64KiB"},
)


class World:
    """The broker, its data, and what it owes."""

    def __init__(self, options, work):
        self.seed, self.options, self.work = options.seed, options, work
        self.ledger = Ledger()
        self.killed = threading.Event()
        self.limit_s = LIMIT_S
        self.cycle, self.port, self.broker = 0, 0, None
        self.barriers = 0
        self.doomed = False
        self.what = "powercut" if options.power else "crash"
        self.power = Power(options.power, work / "data", work / "power") if options.power else None

    def start(self, rng):
        # Looking into a queue holds all of it unacknowledged, so the tiny limit of that is left out.
        settings = {"data_dir": self.work / "data", **rng.choice(SETTINGS), "limits.unacked_per_channel": None}
        prefix = self.power.prefix(rng.choice(SYNC_US)) if self.power else ()
        self.broker = Broker(settings, io_threads=rng.choice((0, 2)), name=f"cycle {self.cycle}", prefix=prefix).start()
        self.port = self.broker.port
        self.killed.clear()

    def doom(self, rng):
        """The broker will end itself, at the very moment that names or syncs are at stake."""
        event = rng.choice(sorted(EVENTS_MOST))
        self.power.end(event, rng.randint(1, EVENTS_MOST[event]))
        self.doomed = True

    def is_dead(self):
        """True if it was killed, or ended itself as it was told to."""
        try:
            if not self.killed.is_set() and self.doomed:
                wait_until(lambda: not self.broker.is_running(), "its end", 2)
        except AssertionError:
            return False
        return self.killed.is_set() or self.doomed

    def load(self, seconds):
        try:
            wait_until(lambda: not self.broker.is_running(), "its end", seconds)
        except AssertionError:
            pass  # killed then

    def kill(self, actors, rng):
        if not (self.broker.is_running() or self.doomed) or REPORT.search(self.broker.stderr()):
            self.ledger.fault("broker", f"cycle {self.cycle}: it ended by itself\n{self.broker.log_tail()}")
        self.killed.set()
        if self.options.cut:
            self.broker.signal(signal.SIGSTOP)  # so that none gets what was taken from another
            for actor in actors:
                actor.cut()
            return
        self.broker.kill()
        self.end_power(rng)
        if self.options.forget:
            shutil.rmtree(self.work / "data", ignore_errors=True)

    def end_power(self, rng):
        """The process is dead. Mostly the power went with it."""
        self.doomed = False
        if self.power and rng.random() < 0.8:
            self.power.cut(rng)
        elif self.power:
            self.power.keep()

    def kill_while_starting(self, seconds, rng):
        """A crash in the middle of recovery."""
        if self.power and rng.random() < 0.5:
            self.doom(rng)
        process = subprocess.Popen(self.broker.command, env=environment(), stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.returncode != -signal.SIGKILL:
            self.ledger.fault("broker", f"cycle {self.cycle}: it ended with {process.returncode} while it started")
        self.end_power(rng)

    def count_space(self):
        """What the log did for its space since the broker is up again."""
        store = http.api(self.broker, "/overview")["chaski"]["store"]
        for what in SPACE:
            self.ledger.count(what, store[what])

    def connect(self):
        client = wire.connect(("127.0.0.1", self.port), LIMIT_S)
        client.handshake()
        client.open_channel(CHANNEL)
        return client


# ---- topology of publishers and consumers, changed between crashes ----

def change_topology(world, client, rng):
    ledger = world.ledger
    queues, exchanges = ledger.names(ledger.queues, "m."), ledger.names(ledger.exchanges, "m.")
    for name in [name for name in queues if rng.random() < 0.1 and len(queues) > 3]:
        rng.choice((topology.delete_queue, topology.purge_queue))(ledger, client, name)
    for name in [name for name in exchanges if rng.random() < 0.1]:
        topology.delete_exchange(ledger, client, name)
    for name in (DEEP, *REPEATERS.values()):
        topology.declare_queue(ledger, client, name)
    for _ in range(rng.randint(1, 4)):
        topology.declare_queue(ledger, client, f"m.q{rng.randrange(QUEUES_MOST)}")
        topology.declare_exchange(ledger, client, f"m.e{rng.randrange(EXCHANGES_MOST)}",
                                  rng.choice(KINDS))
    queues, exchanges = ledger.names(ledger.queues, "m."), ledger.names(ledger.exchanges, "m.")
    for _ in range(rng.randint(2, 12)):
        exchange = rng.choice(exchanges)
        topology.bind(ledger, client, exchange, rng.choice(queues), any_pattern(rng, ledger.exchanges[exchange].kind))
    for binding in [one for one in sorted(ledger.bindings) if rng.random() < 0.1]:
        topology.unbind(ledger, client, *binding)


def start_actors(world, rng):
    ledger = world.ledger
    queues = ledger.names(ledger.queues, "m.")
    actors = [Publisher(world, f"publisher{number}") for number in range(rng.randint(1, 4))]
    for number in range(rng.randint(0, 6)):
        actors.append(Consumer(world, f"consumer{number}", ledger.queues[rng.choice(queues)], rng.random() < 0.2))
    actors += [Transactor(world, f"transactor{number}", ledger.queues[rng.choice(queues)])
               for number in range(rng.randint(0, 2))]
    actors += [Repeater(world, name, ledger.queues[queue]) for name, queue in REPEATERS.items()]
    actors += [Definer(world, f"d{number}") for number in range(rng.randint(1, 2))]
    for actor in actors:
        actor.start()
    return actors


# ---- looking into queues ----

def read_content(world, client, queue):
    """Everything in a queue, unacknowledged, as (id, body, redelivered), and the last delivery tag."""
    count = client.request(CHANNEL, spec.Queue.Declare(queue=queue.name, passive=True),
                           spec.Queue.DeclareOk).message_count
    client.request(CHANNEL, spec.Basic.Consume(queue=queue.name), spec.Basic.ConsumeOk)
    found, tag = [], 0
    while len(found) < count or not client.is_silent(0.01):
        content = client.expect_content(spec.Basic.Deliver, CHANNEL)
        found.append((content.properties.message_id, content.body, content.method.redelivered))
        tag = content.method.delivery_tag
    if len(found) != count:
        world.ledger.fault("broker", f"queue {queue.name}: said {count} messages, delivered {len(found)}")
    return found, tag


def empty(world, client, copies, tag):
    """Acks all, and waits for an answer that is synced behind it."""
    client.send_method(CHANNEL, spec.Basic.Ack(delivery_tag=tag, multiple=True))
    world.barriers += 1
    name = f"barrier.{world.barriers}"
    client.request(CHANNEL, spec.Queue.Declare(queue=name, durable=True), spec.Queue.DeclareOk)
    for copy in copies:
        copy.state = GONE
    client.request(CHANNEL, spec.Queue.Delete(queue=name), spec.Queue.DeleteOk)


def look_into(world, queue, and_empty, verdicts):
    client = world.connect()
    found, tag = read_content(world, client, queue)
    copies = world.ledger.check_content(queue, found, verdicts)
    if and_empty and tag:
        empty(world, client, copies, tag)
    client.request(CHANNEL, spec.Channel.Close(reply_code=200, reply_text="", class_id=0, method_id=0),
                   spec.Channel.CloseOk)
    client.close()


def check_world(world, rng, all_empty=False):
    verdicts = {}
    client = world.connect()
    topology.check_definitions(world.ledger, client, rng)
    client.close()
    for name in world.ledger.names(world.ledger.queues):
        queue = world.ledger.queues[name]
        dice = rng.random()
        copies, octets = world.ledger.live(queue)
        factor, looks, empties = LOOKS.get(name, (1, 0.75, 0.25))
        full = copies > COPIES_MOST * factor or octets > OCTETS_MOST * factor
        if all_empty or full or dice < looks:
            look_into(world, queue, all_empty or full or dice < empties, verdicts)
    world.ledger.check_verdicts(verdicts)
    world.count_space()


# ---- the loop ----

def run_cycle(world):
    rng = random.Random(f"{world.seed}.{world.cycle}")
    client = world.connect()
    change_topology(world, client, rng)
    client.close()
    load_s = rng.choice((0.02, 0.3, 1.5)) * rng.random()
    if world.power and rng.random() < 0.5:
        world.doom(rng)
        load_s = DOOMED_S
    actors = start_actors(world, rng)
    begin = time.monotonic()
    world.load(load_s)
    load_s = time.monotonic() - begin
    world.kill(actors, rng)
    for actor in actors:
        actor.join(LIMIT_S)
        if actor.is_alive():
            raise AssertionError(f"{actor.name} does not notice that the broker is dead")
    world.ledger.crash()
    start = time.monotonic()
    restart(world, rng)
    start_s = time.monotonic() - start
    check_world(world, rng)
    return load_s, start_s


def wait_until_settled(world):
    """After connections were cut: until all consumers are gone and what was unacknowledged is back."""
    client, before = world.connect(), None
    deadline = time.monotonic() + LIMIT_S
    while True:
        answers = [topology.is_there(client, spec.Queue.Declare(queue=name, passive=True), spec.Queue.DeclareOk)
                   for name in sorted(world.ledger.queues)]
        now = [(answer.message_count, answer.consumer_count) for answer in answers if answer]
        if now == before and not any(consumers for _, consumers in now):
            break
        assert time.monotonic() < deadline, f"consumers of cut connections stay: {now}"
        before = now
        time.sleep(0.3)
    client.close()


def restart(world, rng):
    if world.options.cut:
        world.broker.signal(signal.SIGCONT)
        wait_until_settled(world)
        world.killed.clear()
        return
    while rng.random() < 0.2:
        world.kill_while_starting(rng.choice((0.01, 0.05, 0.3)) * rng.random(), rng)
    world.start(rng)


def run(world):
    """True if all cycles ran; a broker that does not start or answer again ends it."""
    try:
        world.start(random.Random(world.seed))
        if world.options.lie:
            world.power.lie()
        for world.cycle in range(1, world.options.cycles + 1):
            before, faults = dict(world.ledger.counts), len(world.ledger.faults)
            load_s, start_s = run_cycle(world)
            said = ", ".join(f"{count - before[what]} {what}" for what, count in world.ledger.counts.items()
                             if what in ("published", "confirmed", "delivered", "settled", "checked"))
            print(f"cycle {world.cycle}: {load_s:.2f} s of load, up in {start_s:.2f} s, {said}, "
                  f"{len(world.ledger.faults) - faults} faults", flush=True)
        check_world(world, random.Random(world.seed), all_empty=True)
        world.broker.stop()
    except (AssertionError, OSError) as error:
        world.ledger.fault("broker", f"cycle {world.cycle}: {error}")
    finally:
        if world.broker:
            world.killed.set()
            world.broker.kill()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cycles", type=int, default=100)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--dir", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--results", type=pathlib.Path)
    parser.add_argument("--forget", action="store_true")
    parser.add_argument("--cut", action="store_true")
    parser.add_argument("--power", type=pathlib.Path)
    parser.add_argument("--lie", action="store_true")
    parser.add_argument("--keep", action="store_true")
    options = parser.parse_args()
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(1 << 32)
    work = pathlib.Path(tempfile.mkdtemp(prefix="crash-loop.", dir=options.dir))
    world = World(options, work)
    print(f"{world.what}: {options.cycles} cycles, SEED={options.seed}", flush=True)
    try:
        run(world)
    finally:
        if not options.keep:
            shutil.rmtree(work)
    ledger, counts = world.ledger, world.ledger.counts
    for kind, text in ledger.faults[:40]:
        print(f"FAILED: {kind}: {text}")
    if options.results:
        write_report(options.results, world.what, {name: [text for one, text in ledger.faults if one == kind]
                                               for kind, name in PROMISES.items()})
    print(f"{world.what}: {counts['published']} published, {counts['confirmed']} confirmed, {counts['repeated']} published again, "
          f"{counts['acked']} acked, {counts['settled']} of them for sure, {counts['committed']} transactions committed, "
          f"{counts['rolled_back']} rolled back")
    print(f"{world.what}: {counts['delivered']} deliveries, {counts['redelivered']} of them marked redelivered, "
          f"{counts['falsely']} of these though new to clients, {counts['duplicates']} duplicates of what was acked, "
          f"{counts['checked']} looked at after a crash")
    print(f"{world.what}: when it was up again, {counts['segments_dropped']} segments were dropped, "
          f"{counts['rewritten_bytes']} octets of others rewritten")
    if world.power:
        print(f"{world.what}: {world.power.cuts} power cuts took {world.power.lost_octets} octets, "
              f"{world.power.lost_names} changes of names")
    print(f"{world.what}: {world.cycle} cycles, {len(ledger.faults)} faults, SEED={options.seed}")
    return 1 if ledger.faults else 0


if __name__ == "__main__":
    sys.exit(main())
