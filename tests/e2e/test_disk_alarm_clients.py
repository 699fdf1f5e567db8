# SPDX-License-Identifier: Apache-2.0
"""Who else publishes while the disk is short: transactions, publishers on the bus, handlers of events."""
import os

import peers
import pika
import pytest
import zmq
from bus import *
from client import Inbox
from lib import http
from lib.broker import wait_until
from pika import spec
from stored import PERSISTENT, order, order_file, start, data_dir, take_order  # pylint: disable=unused-import

# Sanitizers want to be loaded before the shim.
pytestmark = [pytest.mark.chaski_only, pytest.mark.release_only]

LOW = "low on disk"
FULL = {"disk_free_limit.absolute": 0, "store.checkpoint_bytes": "4MiB"}  # four segments, as by default


def own(broker):
    return http.api(broker, "/overview")["chaski"]


def wait_for_alarm(broker, *alarms):
    wait_until(lambda: own(broker)["alarms"] == list(alarms), f"alarms {alarms}")


def transactional(w, channel, queue="q"):
    if channel > 1:
        w.open_channel(channel)
    w.request(channel, spec.Queue.Declare(queue=queue, durable=True), spec.Queue.DeclareOk)
    w.request(channel, spec.Tx.Select(), spec.Tx.SelectOk)


def put(w, channel, body, queue="q"):
    w.publish(channel, body, routing_key=queue, properties=PERSISTENT)


def get(w, channel, queue="q"):
    w.send_method(channel, spec.Basic.Get(queue=queue))
    return w.expect_content(spec.Basic.GetOk, channel).method.delivery_tag


def test_a_commit_with_publishes_waits_and_one_of_acks_passes(start):
    broker = start(shim=True)
    with peers.opened(broker) as w, peers.opened(broker) as other:
        transactional(w, 1), transactional(other, 1)
        for body in (b"1", b"2"):
            put(w, 1, body)
        w.request(1, spec.Tx.Commit(), spec.Tx.CommitOk)
        tag = get(other, 1)
        w.send_method(1, spec.Basic.Ack(get(w, 1)))
        put(w, 1, b"3")
        w.request(1, spec.Basic.Qos(), spec.Basic.QosOk)
        order(broker, "fstatvfs 1 full")
        wait_for_alarm(broker, "disk")
        w.send_method(1, spec.Tx.Commit())
        assert w.expect(spec.Connection.Blocked, 0).reason == LOW
        other.send_method(1, spec.Basic.Ack(tag))
        other.request(1, spec.Tx.Commit(), spec.Tx.CommitOk)
        assert peers.ready_count(other, 1, "q") == 0 and w.is_silent(0.2)
        take_order(broker)
        w.expect(spec.Connection.Unblocked, 0), w.expect(spec.Tx.CommitOk, 1)
        assert peers.ready_count(other, 1, "q") == 1


def test_transactions_leave_the_reserve_to_others(start):
    """Each is as large as a segment, which is what the reserve is of: were they applied they would need all of it."""
    broker = start({**FULL, "limits.transaction_bytes": "2MiB"}, shim=True)
    order(broker, "folder 6000000 holds")
    with peers.opened(broker) as w, peers.opened(broker) as other:
        for channel in range(1, 9):
            transactional(w, channel)
            for _ in range(15):
                put(w, channel, bytes(65536))
        for channel in range(1, 9):
            w.send_method(channel, spec.Tx.Commit())
        wait_for_alarm(broker, "disk")
        for number in range(20):
            other.request(1, spec.Queue.Declare(queue=f"q{number}", durable=True), spec.Queue.DeclareOk)
        assert peers.ready_count(other, 1, "q") < 8 * 15
        os.remove(order_file(broker.data_dir))
        wait_until(lambda: peers.ready_count(other, 1, "q") == 8 * 15, "all of them")
    assert not any("the log waits" in line for line in broker.lines)


@pytest.mark.parametrize("where", ["events", "tasks"])
def test_publishers_on_the_bus_wait_too(start, zocket, where):
    broker = start(listen(events=EVENTS, tasks="queue=tasks"), shim=True)
    channel = pika.BlockingConnection(pika.URLParameters(broker.url)).channel()
    queue = "tasks"
    if where == "events":
        queue = channel.queue_declare("", exclusive=True).method.queue
        channel.queue_bind(queue, "amq.events", "#")
    inbox = Inbox(channel)
    inbox.consume(queue, auto_ack=True)
    publisher = zocket(zmq.PUSH, address(broker, where))
    publisher.send(b"on 1")
    inbox.wait(1)
    order(broker, "fstatvfs 1 full")
    wait_for_alarm(broker, "disk")
    late = zocket(zmq.PUSH, address(broker, where))
    for number in range(2, 5):
        publisher.send(b"on %d" % number)
        late.send(b"late %d" % number)
    inbox.channel.connection.process_data_events(time_limit=0.3)
    assert len(inbox.items) == 1
    take_order(broker)
    inbox.wait(7)
    for who in ("on", "late"):
        numbers = [int(words[1]) for words in map(str.split, inbox.bodies()) if words[0] == who]
        assert [number for number in numbers if number > 1] == [2, 3, 4]
    channel.connection.close()
