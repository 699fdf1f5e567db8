# SPDX-License-Identifier: Apache-2.0
"""The disk alarm: publishers are held back while little is free, or while the log has only its reserve left; acks,
deliveries, deletes and definitions go on, and it ends by itself."""
import os
import re
import time

import peers
import pytest
from client import *
from lib import http
from lib.broker import wait_until
from pika import spec
from publisher import *
from stored import chaski, order, order_file, start, data_dir, take_order  # pylint: disable=unused-import

# Sanitizers want to be loaded before the shim.
with_shim = pytest.mark.release_only
pytestmark = [pytest.mark.chaski_only]

PERSISTENT = {"delivery_mode": 2}
LOW = "low on disk"


def durable_queue(connection, q):
    connection.channel().queue_declare(q, durable=True)
    return q


def own(broker):
    return http.api(broker, "/overview")["chaski"]


def wait_for_alarm(broker, *alarms):
    wait_until(lambda: own(broker)["alarms"] == list(alarms), f"alarms {alarms}")


# ---- little is free ----


@with_shim
@pytest.mark.parametrize("properties", [PERSISTENT, {}], ids=["persistent", "transient"])
def test_with_little_free_publishers_are_held_and_all_else_goes_on(start, properties):
    broker = start(shim=True)
    with connected(broker) as connect:
        q = durable_queue(connect(), "q")
        publisher = Publisher(connect(), q, **properties)
        publisher.publish(3)
        sync(publisher.channel)
        order(broker, "fstatvfs 1 full")
        wait_for_alarm(broker, "disk")
        publisher.publish()
        publisher.wait_to_hear(LOW)
        other = connect().channel()
        inbox = Inbox(other)
        inbox.consume(q)
        inbox.wait(3)
        for tag in inbox.tags():
            other.basic_ack(tag)
        sync(other)
        assert counts(other, q)[0] == 0
        other.queue_declare("another", durable=True)
        other.queue_bind("another", "amq.fanout")
        other.queue_purge("another")
        other.queue_delete("another")
        other.exchange_declare("x", "topic", durable=True)
        assert publisher.heard == [LOW]
        take_order(broker)
        publisher.wait_to_hear(LOW, "unblocked")
        inbox.wait(4)
        assert numbers(inbox) == [0, 1, 2, 3]
        other.basic_ack(inbox.tags()[-1])


@with_shim
def test_what_was_published_before_is_confirmed_and_what_is_held_later(start):
    broker = start(shim=True)
    with connected(broker) as connect:
        q = durable_queue(connect(), "q")
        publisher = Publisher(connect(), q, **PERSISTENT)
        confirms = Confirms(publisher.channel)
        publisher.publish(50)
        asking = connect().channel()
        wait_until(lambda: counts(asking, q)[0] == 50, "all of them in the queue")
        order(broker, "fstatvfs 1 full")
        assert confirms.wait(50) == ["ack"] * 50
        wait_for_alarm(broker, "disk")
        publisher.publish(5)
        publisher.wait_to_hear(LOW)
        assert counts(asking, q)[0] == 50 and len(confirms.settled()) == 50
        take_order(broker)
        assert confirms.wait(55) == ["ack"] * 55
        publisher.wait_to_hear(LOW, "unblocked")


@with_shim
def test_it_says_what_is_free_and_what_the_limit_is(start):
    broker = start({"disk_free_limit.absolute": "2MB"}, shim=True)
    line = broker.wait_for_log("disk alarm set|Server startup complete").group(0)
    assert line == "Server startup complete"
    assert own(broker)["disk_free_limit_bytes"] == 2000000 and own(broker)["alarms"] == []
    metrics = http.metrics(broker)
    assert metrics["rabbitmq_disk_space_available_limit_bytes"] == 2000000
    assert metrics["rabbitmq_alarms_free_disk_space_watermark"] == 0
    order(broker, "fstatvfs 1 full")
    broker.wait_for_log(r"\[warning\] disk alarm set, publishers are held back: 0 octets are free on the disk, "
                        r"the limit is 2000000")
    wait_for_alarm(broker, "disk")
    assert http.metrics(broker)["rabbitmq_alarms_free_disk_space_watermark"] == 1
    _, said = chaski("status", "--url", f"http://guest:guest@127.0.0.1:{broker.http_port}")
    assert "0 octets free; publishers are held back below 1.9 MiB" in said
    assert "alarms:       disk: publishers are held back" in said
    take_order(broker)
    broker.wait_for_log(r"\[warning\] disk alarm cleared: \d+ octets are free on the disk, the limit is 2000000")
    wait_for_alarm(broker)


@with_shim
def test_a_disk_that_does_not_say_what_is_free_changes_nothing(start):
    broker = start(shim=True)
    with connected(broker) as connect:
        q = durable_queue(connect(), "q")
        order(broker, "fstatvfs 1 fail")
        broker.wait_for_log(r"\[error\] store: cannot ask for the free space of \S+: Input/output error; "
                            "the disk alarm stays as it is")
        put(connect().channel(), "", q, "taken", **PERSISTENT)
        assert own(broker)["alarms"] == [] and "disk_free_bytes" not in own(broker)
        take_order(broker)
        assert sum("cannot ask for the free space" in one for one in broker.lines) == 1


@with_shim
def test_a_start_with_little_free_serves_what_is_there(start):
    broker = start(shim=True)
    with connected(broker) as connect:
        q = durable_queue(connect(), "q")
        put(connect().channel(), "", q, "kept", **PERSISTENT)
    broker.stop()
    order(broker, "fstatvfs 1 full")
    broker = start(shim=True)
    wait_for_alarm(broker, "disk")
    with connected(broker) as connect:
        publisher = Publisher(connect(), "q", **PERSISTENT)
        publisher.publish()
        publisher.wait_to_hear(LOW)
        assert drain(connect().channel(), "q") == [b"kept"]
        take_order(broker)
        publisher.wait_to_hear(LOW, "unblocked")


@with_shim
def test_with_both_alarms_both_are_named_and_the_last_one_counts(start):
    broker = start({"vm_memory_high_watermark.absolute": "2MB"}, shim=True)
    with connected(broker) as connect:
        owner = connect().channel()
        owner.queue_declare("q")
        first = Publisher(connect(), "q")
        first.publish_until_blocked()
        order(broker, "fstatvfs 1 full")
        wait_for_alarm(broker, "memory", "disk")
        second = Publisher(connect(), "q")
        second.publish()
        second.wait_to_hear("low on memory & disk")
        owner.queue_purge("q")
        wait_for_alarm(broker, "disk")
        third = Publisher(connect(), "q")
        third.publish()
        third.wait_to_hear(LOW)
        assert first.heard == ["low on memory"] and second.heard == ["low on memory & disk"]
        take_order(broker)
        for one in (first, second, third):
            one.wait_to_hear(one.heard[0], "unblocked")


@pytest.mark.threads
def test_a_limit_above_what_is_free_holds_publishers_from_the_start(start):
    broker = start({"disk_free_limit.absolute": "1000TiB"})
    wait_for_alarm(broker, "disk")
    with peers.opened(broker) as w:
        w.request(1, spec.Queue.Declare(queue="q", durable=True), spec.Queue.DeclareOk)
        w.publish(1, b"held", routing_key="q")
        assert w.expect(spec.Connection.Blocked, 0).reason == LOW
        with peers.opened(broker) as other:
            assert peers.ready_count(other, 1, "q") == 0
            other.request(1, spec.Queue.Delete(queue="q"), spec.Queue.DeleteOk)


@pytest.mark.parametrize("settings, limit", [
    ({}, 50000000), ({"disk_free_limit.absolute": "1GB"}, 10**9), ({"disk_free_limit.absolute": 0}, 0),
    ({"disk_free_limit.relative": 10, "disk_free_limit.absolute": "12345"}, 12345)],
    ids=["default", "absolute", "none", "both"])
def test_the_limit_is_what_is_set(start_broker, settings, limit):
    assert own(start_broker(settings))["disk_free_limit_bytes"] == limit


def test_the_limit_may_be_a_share_of_memory(start_broker):
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    limits = [own(start_broker({"disk_free_limit.relative": share}))["disk_free_limit_bytes"] for share in (0.5, 1)]
    assert limits[1] <= memory and abs(limits[1] - 2 * limits[0]) <= 2


# ---- the log has its reserve only ----


FULL = {"disk_free_limit.absolute": 0, "store.checkpoint_bytes": "4MiB"}  # four segments, as by default


@with_shim
def test_draining_alone_gets_out_of_a_full_disk(start):
    broker = start(FULL, shim=True)
    order(broker, "folder 9000000 holds")
    with connected(broker) as connect:
        q = durable_queue(connect(), "q")
        inbox, count = Inbox(connect().channel()), 0
        inbox.channel.basic_qos(prefetch_count=1)  # each ack goes alone
        for _ in range(3):
            publisher = Publisher(connect(), q, **PERSISTENT)
            publisher.count = count
            publisher.publish_until_blocked()
            assert publisher.heard == [LOW] and publisher.count - count > 200
            count = publisher.count
            tag = inbox.consume(q)
            acknowledge_all(inbox, publisher)
            publisher.wait_to_be_let_go()
            inbox.channel.basic_cancel(tag)
        assert numbers(inbox) == list(range(count))
    assert not any("the log waits" in line for line in broker.lines)


def publish_small_until_blocked(publisher):
    while publisher.heard != [LOW]:
        assert publisher.count < 30000
        publisher.publish(50, body=b"small" * 20)
        publisher.connection.process_data_events(0)


@with_shim
def test_small_messages_that_are_acked_one_by_one_get_out_too(start):
    """Their acks, each alone, would take more of the log than they themselves do."""
    broker = start({**FULL, "store.segment_bytes": "256KiB", "store.checkpoint_bytes": "1MiB"}, shim=True)
    order(broker, "folder 2500000 holds")
    with connected(broker) as connect:
        q = durable_queue(connect(), "q")
        publisher = Publisher(connect(), q, **PERSISTENT)
        publish_small_until_blocked(publisher)
        taken, taking = [], connect()
        channel = taking.channel()
        channel.basic_qos(prefetch_count=1)

        def take(_channel, method, _properties, body):
            taken.append(int(body[:6]))
            channel.basic_ack(method.delivery_tag)

        channel.basic_consume(q, take)
        deadline = time.monotonic() + 30
        while len(taken) < publisher.count:
            assert time.monotonic() < deadline, f"{len(taken)} of {publisher.count} messages came; {own(broker)}"
            taking.process_data_events(time_limit=0.5)
        publisher.wait_to_be_let_go()
        assert taken == list(range(publisher.count)) and publisher.count > 2000


@with_shim
def test_a_few_that_nobody_acks_do_not_keep_it_full(start):
    """One in fifty stays in each segment: these are rewritten, for which a little room was kept."""
    broker = start(FULL, shim=True)
    order(broker, "folder 8468608 holds")
    with connected(broker) as connect:
        q = durable_queue(connect(), "q")
        publisher = Publisher(connect(), q, **PERSISTENT)
        publisher.publish_until_blocked()
        inbox = Inbox(connect().channel())
        inbox.consume(q)
        inbox.wait(publisher.count - 1)  # one is held
        for number, tag in enumerate(inbox.tags()):
            if number % 50:
                inbox.channel.basic_ack(tag)
        publisher.wait_to_be_let_go()
        assert own(broker)["store"]["rewritten_bytes"] > 0
        inbox.wait(publisher.count)
    broker.stop()  # after a kill acks of the last moment come back, too
    broker = start(FULL, shim=True)
    with connected(broker) as connect:
        kept = [int(body[:6]) for body in drain(connect().channel(), "q")]
        assert kept[:-1] == [n for n in range(publisher.count - 1) if n % 50 == 0] and kept[-1] == publisher.count - 1


@with_shim
def test_what_is_on_its_way_fits_into_the_reserve_and_leaves_room(start):
    broker = start(FULL, shim=True)
    order(broker, "folder 6000000 holds")
    with connected(broker) as connect, peers.opened(broker) as other:
        q = durable_queue(connect(), "q")
        publishers = [Publisher(connect(), q, **PERSISTENT) for _ in range(4)]
        confirms = [Confirms(one.channel) for one in publishers]
        for _ in range(60):  # nobody waits for anything
            for one in publishers:
                one.publish(4)
        for one in publishers:
            one.wait_to_hear(LOW)
        taken = peers.ready_count(other, 1, q)
        wait_until(lambda: own(broker)["store"]["record"] == own(broker)["store"]["durable_record"],
                   "all of it in the log")
        for number in range(20):
            other.request(1, spec.Queue.Declare(queue=f"q{number}", durable=True), spec.Queue.DeclareOk)
        for one, confirmed in zip(publishers, confirms):
            pump(one.connection, lambda: True, "what has come")
        assert sum(len(one.settled()) for one in confirms) <= taken < 960
        os.remove(order_file(broker.data_dir))
        for one, confirmed in zip(publishers, confirms):
            assert confirmed.wait(240) == ["ack"] * 240
        assert peers.ready_count(other, 1, q) == 960


@with_shim
def test_a_large_body_that_is_on_its_way_when_it_fills_comes_whole(start):
    broker = start(FULL, shim=True)
    order(broker, "folder 6000000 holds")
    body = os.urandom(3000000)
    with connected(broker) as connect:
        q = durable_queue(connect(), "q")
        publisher = Publisher(connect(), q, **PERSISTENT)
        confirms = Confirms(publisher.channel)
        send(publisher.channel, "", q, body, **PERSISTENT)
        send(publisher.channel, "", q, body, **PERSISTENT)
        publisher.wait_to_hear(LOW)
        taker = connect().channel()
        taker.queue_declare("other", durable=True)  # the log has room for that
        os.remove(order_file(broker.data_dir))
        assert confirms.wait(2) == ["ack"] * 2
        assert drain(taker, q) == [body, body]


@with_shim
@pytest.mark.parametrize("failure, reason", [
    ("create 1 readonly", "cannot create DIR/log.N: Read-only file system"),
    ("create 1 busy", "cannot create DIR/log.N: Too many open files"),
    ("fallocate 1 fail", "cannot take space for DIR/log.N: Input/output error")], ids=["readonly", "descriptors", "space"])
def test_a_folder_that_takes_no_file_is_the_alarm_too(start, failure, reason):
    broker = start(FULL, shim=True)
    with connected(broker) as connect:
        q = durable_queue(connect(), "q")
        publisher = Publisher(connect(), q, **PERSISTENT)
        order(broker, failure)
        publisher.publish_until_blocked()
        words = re.escape(reason).replace("DIR", r"\S+").replace("N:", r"\d+:")
        broker.wait_for_log(rf"\[error\] store: cannot make room for the log: {words}")
        broker.wait_for_log(r"disk alarm set, publishers are held back: the log cannot get more room \(\d segments lie "
                            r"ready\)")
        take_order(broker)
        publisher.wait_to_be_let_go()
        inbox = Inbox(connect().channel())
        receive_all(inbox, q, publisher)
        assert numbers(inbox) == list(range(publisher.count))


@with_shim
def test_transactions_of_one_ack_each_get_out_too(start):
    """Each takes a block of the log, and its answer is waited for: so there is nothing to gather."""
    broker = start({**FULL, "store.segment_bytes": "256KiB", "store.checkpoint_bytes": "1MiB"}, shim=True)
    order(broker, "folder 1600000 holds")
    with connected(broker) as connect, peers.opened(broker) as taker:
        q = durable_queue(connect(), "q")
        publisher = Publisher(connect(), q, **PERSISTENT)
        publish_small_until_blocked(publisher)
        taker.request(1, spec.Tx.Select(), spec.Tx.SelectOk)
        for number in range(publisher.count - 1):
            taker.send_method(1, spec.Basic.Get(queue=q))
            got = taker.expect_content(spec.Basic.GetOk)
            assert int(got.body[:6]) == number
            taker.send_method(1, spec.Basic.Ack(delivery_tag=got.method.delivery_tag))
            taker.request(1, spec.Tx.Commit(), spec.Tx.CommitOk)
        publisher.wait_to_be_let_go()
