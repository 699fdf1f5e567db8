# SPDX-License-Identifier: Apache-2.0
"""Subscribers that are behind, each in the way its port is set to: what is lost for them is whole messages, is counted, and
nobody else's. And late joiners of topics that are kept."""
import json
import re
import struct
import subprocess

import pika
import pytest
import zmq

import peers
import zwire
from bus import *
from bus import wait_for
from client import put, sync
from lib import broker as brokers
from lib import http
from stored import data_dir, start  # noqa: F401: fixtures

pytestmark = pytest.mark.threads

HIGH = 50
SIZE = 4096


def slow(how, high=HIGH):
    return listen(events=EVENTS, slow=f"{EVENTS} slow={how} hwm={high} hwm_bytes=64MiB",
                  lossless=f"{EVENTS} slow=block")


def body(number, size=SIZE):
    return struct.pack(">I", number) + bytes(size - 4)


def number_of(frames):
    return struct.unpack(">I", frames[1][:4])[0]


def stuck_subscriber(broker, push, prefix=b"n"):
    """One that subscribes and then reads nothing, with little room in its kernel."""
    w = zwire.connect(broker.host, broker.bus_port("slow"), receive_bytes=4096)
    w.meet("SUB")
    w.send(zwire.subscribe(prefix) + zwire.subscribe(b"hello"))
    for _ in range(500):
        push.send_multipart([b"hello", b"?"])
        if not w.is_silent(0.02):
            return w
    raise AssertionError("the subscriber hears nothing")


def read_numbers(w, limit_s=0.5):
    """What it finds when it reads again, until no more comes."""
    w.read_fast()
    numbers = []
    while not w.is_silent(limit_s):
        frames = w.read_message()
        if frames[0] != b"hello":
            numbers.append(number_of(frames))
    return numbers


def dropped(broker):
    return http.metrics(broker)["chaski_messages_dropped_total"]


def publish_beside_a_fast_one(zocket, broker, push, count):
    """Publishes numbered messages; another subscriber, which reads, gets every one."""
    fast = joined_sub(zocket, broker, push, b"n", name="lossless", rcvhwm=0)
    for number in range(count):
        push.send_multipart([b"n", body(number)])
    assert [number_of(got) for got in receive_all(fast, count)] == list(range(count))


COUNT = 2000  # 8 MB: more than the kernel's buffers and the broker's output take


# ---- the four ways ----


@pytest.mark.broker(settings=slow("drop-newest"))
def test_drop_newest_keeps_what_came_first_and_goes_on_when_there_is_room(broker, zocket):
    push = zocket(zmq.PUSH, address(broker, "events"))
    w = stuck_subscriber(broker, push)
    publish_beside_a_fast_one(zocket, broker, push, COUNT)
    lost = dropped(broker)
    got = read_numbers(w)
    assert got[:HIGH] == list(range(HIGH)) and got == sorted(set(got))
    assert len(got) == COUNT - lost and lost > 0
    push.send_multipart([b"n", body(COUNT)])
    assert number_of(w.read_message()) == COUNT
    w.abort()


@pytest.mark.broker(settings=slow("drop-oldest"))
def test_drop_oldest_keeps_what_came_last(broker, zocket):
    push = zocket(zmq.PUSH, address(broker, "events"))
    w = stuck_subscriber(broker, push)
    publish_beside_a_fast_one(zocket, broker, push, COUNT)
    lost = dropped(broker)
    got = read_numbers(w)
    assert got[-HIGH:] == list(range(COUNT - HIGH, COUNT)) and got == sorted(set(got))
    assert len(got) == COUNT - lost and lost > 0
    w.abort()


@pytest.mark.broker(settings=slow("block"))
def test_block_makes_the_publisher_wait_and_nothing_is_lost(broker, zocket):
    push = zocket(zmq.PUSH, address(broker, "events"), sndhwm=10)
    w = stuck_subscriber(broker, push)
    sent = 0
    push.sndtimeo = 500
    try:
        for sent in range(20 * COUNT):
            push.send_multipart([b"n", body(sent)])
        raise AssertionError("the publisher was never made to wait")
    except zmq.Again:
        pass
    w.read_fast()
    got = []
    while len(got) < sent:
        frames = w.read_message()
        if frames[0] != b"hello":
            got.append(number_of(frames))
    assert got == list(range(sent))
    assert dropped(broker) == 0
    push.sndtimeo = LIMIT_S * 1000
    push.send_multipart([b"n", body(sent)])
    assert number_of(w.read_message()) == sent
    w.abort()


@pytest.mark.broker(settings=slow("block"))
def test_a_blocking_subscriber_that_goes_lets_its_publishers_go_on(broker, zocket):
    push = zocket(zmq.PUSH, address(broker, "events"), sndhwm=10)
    w = stuck_subscriber(broker, push)
    push.sndtimeo = 500
    with pytest.raises(zmq.Again):
        for sent in range(20 * COUNT):
            push.send_multipart([b"n", body(sent)])
    with peers.Bystander(broker):
        peers.abort_hard(w)
        push.sndtimeo = LIMIT_S * 1000
        joined_sub(zocket, broker, push, b"n")


@pytest.mark.broker(settings=slow("disconnect"))
def test_disconnect_ends_the_connection_of_who_is_behind_and_the_log_says_so(broker, zocket):
    push = zocket(zmq.PUSH, address(broker, "events"))
    w = stuck_subscriber(broker, push)
    mine = ":%d" % w.sock.getsockname()[1]
    publish_beside_a_fast_one(zocket, broker, push, COUNT)
    broker.wait_for_log(rf"{mine}\b.*disconnected")
    w.read_fast()
    peers.read_until_eof(w, LIMIT_S)
    w.abort()


@pytest.mark.broker(settings=listen(events=EVENTS, slow=f"{EVENTS} hwm=1000000 hwm_bytes=200KiB"))
def test_octets_are_a_mark_too(broker, zocket):
    push = zocket(zmq.PUSH, address(broker, "events"))
    w = stuck_subscriber(broker, push)
    for number in range(COUNT):
        push.send_multipart([b"n", body(number)])
    wait_for(lambda: dropped(broker) > COUNT // 4, "messages are dropped")
    lost = peers.settled(lambda: dropped(broker))
    assert len(read_numbers(w)) == COUNT - lost
    w.abort()


@pytest.mark.broker(settings=listen(events=EVENTS, slow=f"{EVENTS} slow=drop-newest hwm={HIGH}"))
def test_what_is_dropped_is_seen_in_metrics_in_the_api_and_in_the_tools_status(broker, zocket):
    push = zocket(zmq.PUSH, address(broker, "events"))
    assert dropped(broker) == 0
    w = stuck_subscriber(broker, push)
    for number in range(COUNT):
        push.send_multipart([b"n", body(number)])
    wait_for(lambda: dropped(broker) > 0, "messages are dropped")
    lost = peers.settled(lambda: dropped(broker))
    queues = {one["name"]: one for one in http.api(broker, "/queues") if one["name"].startswith("amq.sub-")}
    assert [one["messages_dropped"] for one in queues.values()] == [lost]
    status = subprocess.run([brokers.tool(), "status", "--json", "--url", f"http://guest:guest@127.0.0.1:{broker.http_port}"],
                            env=brokers.environment(), capture_output=True, text=True, timeout=30, check=True).stdout
    assert re.search(rf'"[a-z_]*dropped[a-z_]*": ?{int(lost)}\b', json.dumps(json.loads(status)))
    broker.wait_for_log(rf"{next(iter(queues))}.*drop|drop.*{next(iter(queues))}")
    w.abort()


@pytest.mark.release_only
@pytest.mark.broker(settings=listen(events=EVENTS, slow=EVENTS))
def test_a_hundred_stuck_subscribers_take_bounded_memory_and_a_fast_one_loses_nothing(broker, zocket):
    push = zocket(zmq.PUSH, address(broker, "events"))
    with peers.memory_grows_at_most(broker, 250 * peers.MIB):  # twice net.output_bytes each, where all would be 2 GB
        stuck = [zwire.connect(broker.host, broker.bus_port("slow"), receive_bytes=4096) for _ in range(100)]
        for w in stuck:
            w.meet("SUB")
            w.send(zwire.subscribe(b"n"))
        fast = joined_sub(zocket, broker, push, b"n", rcvhwm=0)
        for number in range(10 * COUNT):
            push.send_multipart([b"n", body(number, 1024)])
            if number % 500 == 499:
                assert [number_of(got) for got in receive_all(fast, 500)] == list(range(number - 499, number + 1))
    for w in stuck:
        w.abort()


# ---- welcome ----


@pytest.mark.broker(settings=listen(events=f"{EVENTS} welcome=hello"))
def test_a_subscriber_is_welcomed_before_anything_else(broker, zocket):
    push = zocket(zmq.PUSH, address(broker, "events"))
    sub = zocket(zmq.SUB, address(broker, "events"), subscribe=[b""])
    assert receive(sub)[0] == b"hello"
    join(sub, push)
    push.send(b"x")
    expect(sub, b"x")


# ---- joining late ----


def kept(**topics):
    return {**listen(events=EVENTS), **{f"bus.topic.{name}": f"{EVENTS} {options}" for name, options in topics.items()}}


LAST = kept(state="prefix=state. replay=last")
SOME = kept(log="prefix=log. replay=10")
ALL = kept(log="prefix=log. replay=all")


def publish(push, *messages):
    for topic, text in messages:
        push.send_multipart([topic, text])


def late_sub(zocket, broker, *prefixes):
    return zocket(zmq.SUB, address(broker, "events"), subscribe=prefixes, rcvhwm=0)


def publish_and_wait(zocket, broker, *messages):
    """Published and in the broker: a subscriber of the time has got them."""
    push = zocket(zmq.PUSH, address(broker, "events"))
    sub = joined_sub(zocket, broker, push, b"?done")
    publish(push, *messages, (b"?done", b""))
    expect(sub, b"?done", b"")
    return push


@pytest.mark.broker(settings=LAST)
def test_of_a_kept_topic_a_late_joiner_gets_the_last_message_of_each_name(broker, zocket):
    push = publish_and_wait(zocket, broker, (b"state.a", b"1"), (b"state.b", b"1"), (b"other", b"1"), (b"state.a", b"2"))
    sub = late_sub(zocket, broker, b"")
    assert receive_all(sub, 2) == [[b"state.b", b"1"], [b"state.a", b"2"]]
    join(sub, push)
    publish(push, (b"state.a", b"3"))
    expect(sub, b"state.a", b"3")


@pytest.mark.broker(settings=LAST)
def test_what_is_kept_comes_once_for_each_prefix_that_is_new_to_a_connection(broker, zocket):
    push = publish_and_wait(zocket, broker, (b"state.a", b"1"), (b"state.b", b"1"))
    sub = late_sub(zocket, broker, b"state.a")
    expect(sub, b"state.a", b"1")
    sub.subscribe(b"state.a")
    sub.subscribe(b"state.b")
    expect(sub, b"state.b", b"1")
    join(sub, push)
    assert nothing_comes(sub)


@pytest.mark.broker(settings=SOME)
def test_of_a_log_of_ten_a_late_joiner_gets_the_last_ten_in_order(broker, zocket):
    publish_and_wait(zocket, broker, *((b"log.%d" % (n % 3), b"%d" % n) for n in range(25)))
    sub = late_sub(zocket, broker, b"log.")
    assert [int(text) for _, text in receive_all(sub, 10)] == list(range(15, 25))
    assert nothing_comes(sub)


@pytest.mark.parametrize("settings", [LAST, SOME, ALL], ids=["last", "ten", "all"])
@pytest.mark.parametrize("how", ["SIGTERM", "SIGKILL"])
def test_what_is_kept_outlives_the_broker(start, zocket, settings, how):
    broker = start(settings)
    topics = [b"state.%d" % n for n in range(5)] if settings is LAST else [b"log.x"] * 5
    publish_and_wait(zocket, broker, *((topic, b"%d" % n) for n, topic in enumerate(topics)))
    flushed(broker)
    broker.stop() if how == "SIGTERM" else broker.kill()
    broker = start(settings)
    sub = late_sub(zocket, broker, b"")
    assert receive_all(sub, 5) == [[topic, b"%d" % n] for n, topic in enumerate(topics)]


def flushed(broker):
    """Returns when all that was published before is on disk: a confirm says so of what came after it."""
    with pika.BlockingConnection(pika.URLParameters(broker.url)) as connection:
        channel = connection.channel()
        channel.queue_declare("flushed", durable=True)
        put(channel, "", "flushed", b"", delivery_mode=2)


@pytest.mark.broker(settings=ALL)
def test_who_joins_under_load_gets_all_from_the_first_to_the_last_without_a_gap_or_a_double(broker, zocket):
    count = 1500 if peers.is_tiny() else 10000
    push = zocket(zmq.PUSH, address(broker, "events"), sndhwm=0)
    joiners = []
    for number in range(count):
        push.send_multipart([b"log.x", b"%d" % number])
        if number % (count // 5) == count // 10:
            joiners.append(late_sub(zocket, broker, b"log."))
    for sub in joiners:
        for number in range(count):
            got = receive(sub)
            assert got == [b"log.x", b"%d" % number], (number, got)


@pytest.mark.broker(settings=ALL)
def test_an_amqp_publisher_is_kept_too(broker, zocket, amqp):
    for number in range(3):
        amqp.basic_publish("amq.events", "log.y", b"%d" % number)
    sync(amqp)
    sub = late_sub(zocket, broker, b"log.y")
    assert receive_all(sub, 3) == [[b"log.y", b"%d" % number] for number in range(3)]
