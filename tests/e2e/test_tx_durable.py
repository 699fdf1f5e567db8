# SPDX-License-Identifier: Apache-2.0
"""A transaction and a crash: whenever the kill comes, all of it is there or nothing, over all its queues, and what was
committed is there."""
import random
import threading

import peers
import pytest
from pika import spec
from stored import *

pytestmark = [pytest.mark.chaski_only, pytest.mark.threads]

OUTS = ["out-%d" % number for number in range(4)]
CHANNELS = 3


def tx_select(w, channel=1):
    w.request(channel, spec.Tx.Select(), spec.Tx.SelectOk)


def commit(w, channel=1):
    w.request(channel, spec.Tx.Commit(), spec.Tx.CommitOk)


def numbers(contents):
    return [int(one.body.partition(b":")[0]) for one in contents]


def test_what_is_committed_is_there_and_what_is_not_is_not(start):
    broker = start()
    with peers.opened(broker) as w:
        for q in ("in", *OUTS):
            declare(w, q)
        declare(w, "transient", durable=False)
        put(broker, "in", b"1:", b"2:")
        tx_select(w)
        ack(w, get(w, "in"))
        for q in OUTS:
            publish(w, q, b"1:")
        publish(w, "transient", b"1:"), publish(w, OUTS[0], b"7:", properties=TRANSIENT)
        commit(w)
        ack(w, get(w, "in"))
        for q in OUTS:
            publish(w, q, b"2:")
        w.request(1, spec.Basic.Qos(), spec.Basic.QosOk)  # it has heard all of that
        broker.kill()
    broker = start()
    with peers.opened(broker) as w:
        assert numbers(take_all(w, "in")) == [2]
        for q in OUTS:
            assert numbers(take_all(w, q)) == [1]


def process(w, channel, rng):
    """Takes the next of `in`, and says so in all the others, in one transaction; a rollback now and then. Gives its number
    when commit-ok has come, None if there is no more."""
    one = get(w, "in", channel)
    if one is None:
        return None
    if rng.random() < 0.2:
        publish(w, rng.choice(OUTS), b"%d:wrong" % numbers([one])[0], channel)
        ack(w, one, channel)
        w.request(channel, spec.Tx.Rollback(), spec.Tx.RollbackOk)
    for q in OUTS:
        publish(w, q, b"%d:" % numbers([one])[0] + rng.randbytes(rng.choice((0, 10, 3000))), channel)
    ack(w, one, channel)
    commit(w, channel)
    return numbers([one])[0]


def process_until_the_end(broker, rng, done):
    """Several channels at it by turns, until the broker is killed or nothing is left."""
    try:
        with peers.opened(broker) as w:
            for channel in range(2, 2 + CHANNELS):
                w.open_channel(channel)
                tx_select(w, channel)
            while True:
                number = process(w, rng.randint(2, 1 + CHANNELS), rng)
                if number is None:
                    return
                done.append(number)
    except (AssertionError, OSError):
        pass


def test_all_of_it_or_nothing_whenever_the_kill_comes(start):
    rng = random.Random(11)
    many = {"limits.unacked_per_channel": None}
    rounds, jobs = (3, 100) if peers.is_tiny() else (12, 600)
    broker = start(many)
    with peers.opened(broker) as w:
        for q in ("in", *OUTS):
            declare(w, q)
    put(broker, "in", *(b"%d:" % number for number in range(jobs)))
    done = []
    for _ in range(rounds):
        killer = threading.Timer(rng.uniform(0.02, 0.1 if not peers.is_tiny() else 0.5), broker.signal, (9,))
        killer.start()
        process_until_the_end(broker, rng, done)
        killer.join()
        broker.wait_for_exit()
        broker = start(many)
        with peers.opened(broker) as w:
            left = numbers(take_all(w, "in", no_ack=False))
            outs = [numbers(take_all(w, q, no_ack=False)) for q in OUTS]
            w.request(1, spec.Basic.Recover(requeue=True), spec.Basic.RecoverOk)
        for out in outs:
            assert sorted(out) == sorted(outs[0]), "a transaction is in one queue and not in another"
        assert sorted(left + outs[0]) == list(range(jobs)), "a message was lost, or is there twice"
        assert set(done) <= set(outs[0]), "what was committed is gone"
    assert done, "nothing was ever committed"


def test_a_large_transaction_is_whole(start):
    """More than a batch of the log, and than one of its segments."""
    count, octets = (200, 1000) if peers.is_tiny() else (3000, 5000)
    broker = start()
    with peers.opened(broker) as w:
        declare(w, "a"), declare(w, "b")
        tx_select(w)
        for number in range(count):
            publish(w, "ab"[number % 2], b"%d:" % number + b"x" * octets)
        commit(w)
        broker.kill()
    broker = start({"limits.unacked_per_channel": None})
    with peers.opened(broker) as w:
        assert numbers(take_all(w, "a")) == list(range(0, count, 2))
        assert numbers(take_all(w, "b")) == list(range(1, count, 2))


def test_large_bodies_are_part_of_it(start):
    body = b"large " * (1000 if peers.is_tiny() else 200000)  # travels in parts
    broker = start()
    with peers.opened(broker) as w:
        declare(w, "a"), declare(w, "b")
        tx_select(w)
        publish(w, "a", b"1:" + body), publish(w, "b", b"1:" + body)
        commit(w)
        publish(w, "a", b"2:" + body), publish(w, "b", b"2:small")
        w.request(1, spec.Tx.Rollback(), spec.Tx.RollbackOk)
        publish(w, "a", b"3:" + body)
        w.request(1, spec.Basic.Qos(), spec.Basic.QosOk)
        broker.kill()
    broker = start()
    with peers.opened(broker) as w:
        for q in "ab":
            assert [one.body for one in take_all(w, q)] == [b"1:" + body]
