# SPDX-License-Identifier: Apache-2.0
"""A port of the bus, as libzmq's PUB, SUB, XPUB, XSUB and PUSH see it: what one publishes every subscriber gets whose
prefix it has; whole, once, and in the publisher's order."""
import re

import pytest
import zmq

import peers
import zwire
from bus import *
from bus import probe_until, wait_for
from lib import http

pytestmark = pytest.mark.broker(settings=listen(events=EVENTS))


def raw(broker, kind, minor=1, **how):
    w = zwire.connect(broker.host, broker.bus_port("events"))
    w.meet(kind, minor=minor, **how)
    return w


def subscribers(broker):
    """Queues of the bus's own that are there now."""
    return [one["name"] for one in http.api(broker, "/queues") if one["name"].startswith("amq.sub-")]


# ---- publishing and subscribing ----


@pytest.mark.threads
@pytest.mark.parametrize("kind", [zmq.PUB, zmq.XPUB, zmq.PUSH], ids=["PUB", "XPUB", "PUSH"])
def test_what_one_publishes_each_subscriber_gets(broker, zocket, kind):
    publisher = zocket(kind, address(broker, "events"))
    subs = [joined_sub(zocket, broker, publisher, b"") for _ in range(3)]
    publisher.send(b"event 0")
    publisher.send_multipart([b"event", b"", b"payload"])
    for sub in subs:
        expect(sub, b"event 0")
        expect(sub, b"event", b"", b"payload")


def test_a_subscriber_gets_what_begins_with_its_prefixes_and_each_message_once(broker, zocket):
    push = zocket(zmq.PUSH, address(broker, "events"))
    sub = joined_sub(zocket, broker, push, b"a", b"ab", b"abc", b"x.y")
    for topic in (b"abcd", b"ac", b"b", b"x.", b"x.yz", b"", b"a"):
        push.send_multipart([topic, b"1"])
    push.send(b"a the end")
    assert [got[0] for got in receive_all(sub, 5)] == [b"abcd", b"ac", b"x.yz", b"a", b"a the end"]


def test_the_first_frame_is_what_a_prefix_is_compared_with(broker, zocket):
    push = zocket(zmq.PUSH, address(broker, "events"))
    sub = joined_sub(zocket, broker, push, b"news and")
    push.send_multipart([b"news ", b"and weather"])
    push.send(b"news and weather")
    expect(sub, b"news and weather")


def test_topics_and_prefixes_are_octets_of_any_value_and_of_any_length(broker, zocket):
    every, long = bytes(range(256)), b"t" * 3000
    push = zocket(zmq.PUSH, address(broker, "events"))
    sub = joined_sub(zocket, broker, push, every, long, b"\0")
    push.send_multipart([every + b"!", b"1"])
    push.send_multipart([long[:-1], b"too short"])
    push.send_multipart([long + b"!", b"2"])
    push.send_multipart([b"\0\0", b"3"])
    push.send_multipart([every[:-1], b"too short, but begins with NUL"])
    assert [got[1] for got in receive_all(sub, 4)] == [b"1", b"2", b"3", b"too short, but begins with NUL"]


@pytest.mark.parametrize("frames", [
    [b""], [b"", b""], [b"", b"", b"x"], [b"t", b"a", b"", b"bc"], [b"t"] + [b"f%d" % n for n in range(1000)],
    [b"t", b"x" * 255, b"y" * 256, b"z" * 70000], [b"t", b"large" * 400000, b"and small"], [b"k" * 255, b"1"],
    [b"k" * 256, b"1"], [b"a key\r\nand more", b"1"], [b"\xff\xfe no text", b"\xff"],
], ids=["empty", "two-empty", "empty-topic", "empty-inside", "1001-frames", "sizes", "2MB", "topic255", "topic256",
        "lines", "no-utf8"])
def test_a_message_arrives_with_the_frames_it_was_sent_with(broker, zocket, frames):
    push = zocket(zmq.PUSH, address(broker, "events"))
    sub = joined_sub(zocket, broker, push, b"")
    push.send_multipart(frames)
    expect(sub, *frames)


def test_a_cancelled_prefix_is_no_longer_matched_and_the_others_are(broker, zocket):
    push = zocket(zmq.PUSH, address(broker, "events"))
    sub = joined_sub(zocket, broker, push, b"a", b"b")
    sub.unsubscribe(b"a")
    join(sub, push)
    for topic in (b"a1", b"b1"):
        push.send_multipart([topic, b""])
    expect(sub, b"b1", b"")


def test_prefixes_are_a_set_so_one_cancel_ends_what_was_subscribed_twice(broker, zocket):
    push = zocket(zmq.PUSH, address(broker, "events"))
    with raw(broker, "SUB") as w:
        w.send(zwire.subscribe(b"twice") * 2 + zwire.subscribe(b"end") + zwire.cancel(b"twice") + zwire.cancel(b"never"))
        other = joined_sub(zocket, broker, push, b"twice")
        peers.wait_until(lambda: len(subscribers(broker)) == 2, "both subscribers are there")
        until_it_hears(w, push, b"end")
        push.send_multipart([b"twice", b"once"])
        push.send_multipart([b"end", b"the last"])
        expect(other, b"twice", b"once")
        assert read_past_probes(w) == [b"end", b"the last"]


def until_it_hears(w, publisher, topic):
    """Publishes on the topic until the raw subscriber has got something."""
    for _ in range(500):
        publisher.send_multipart([topic, b"?"])
        if not w.is_silent(0.02):
            return
    raise AssertionError("nothing reaches the subscriber")


def read_past_probes(w):
    while True:
        got = w.read_message()
        if got[-1] != b"?":
            return got


@pytest.mark.threads
def test_each_publishers_order_is_kept_for_every_subscriber(broker, zocket):
    count = 300 if peers.is_tiny() else 900  # no more than the mark at which a subscriber loses some
    pushes = [zocket(zmq.PUSH, address(broker, "events")) for _ in range(3)]
    subs = [joined_sub(zocket, broker, pushes[0], b"n", rcvhwm=0) for _ in range(2)]
    for push in pushes[1:]:
        join(subs[0], push)
    for number in range(count // 3):
        for who, push in enumerate(pushes):
            push.send_multipart([b"n%d" % who, b"%d" % number])
    for sub in subs:
        got = [message for message in receive_all(sub, count)]
        for who in range(3):
            assert [int(body) for topic, body in got if topic == b"n%d" % who] == list(range(count // 3))


def test_a_subscriber_sees_all_publishers_in_the_same_order_as_any_other(broker, zocket):
    pushes = [zocket(zmq.PUSH, address(broker, "events")) for _ in range(3)]
    subs = [joined_sub(zocket, broker, pushes[0], b"n") for _ in range(3)]
    for number in range(100):
        for who, push in enumerate(pushes):
            push.send_multipart([b"n", b"%d of %d" % (number, who)])
    first, *others = [receive_all(sub, 300) for sub in subs]
    assert all(other == first for other in others)


# ---- XPUB and XSUB ----


def test_an_xpub_is_told_at_once_that_the_bus_wants_everything(broker, zocket):
    xpub = zocket(zmq.XPUB, address(broker, "events"))
    sub = zocket(zmq.SUB, address(broker, "events"), subscribe=[b"e"])
    wait_for(lambda: subscribers(broker), "the subscriber is there")
    assert xpub.recv() == b"\x01"
    probe_until(lambda: xpub.send_multipart([b"e", b"1"]), sub)
    expect(sub, b"e", b"1")


def test_an_xsub_subscribes_by_messages_and_what_else_it_says_is_dropped(broker, zocket):
    push = zocket(zmq.PUSH, address(broker, "events"))
    everything = joined_sub(zocket, broker, push, b"")
    xsub = zocket(zmq.XSUB, address(broker, "events"))
    for octets in (b"\x01ev", b"upstream", b"\x00ev", b"\x01en"):
        xsub.send(octets)
    probe_until(lambda: push.send_multipart([b"en", b"?"]), xsub)
    push.send_multipart([b"ev", b"cancelled"])
    push.send_multipart([b"en", b"the last"])
    while (got := receive(xsub)) == [b"en", b"?"]:
        pass
    assert got == [b"en", b"the last"]
    while (got := receive(everything))[1] == b"?":
        pass
    assert [got, receive(everything)] == [[b"ev", b"cancelled"], [b"en", b"the last"]]


@pytest.mark.parametrize("minor", [0, 1, 7])
def test_both_forms_of_subscription_are_taken_from_every_version(broker, zocket, minor):
    push = zocket(zmq.PUSH, address(broker, "events"))
    with raw(broker, "SUB", minor) as w:
        w.send(zwire.frame(b"\x01form.message") + zwire.subscribe(b"form.command"))
        until_it_hears(w, push, b"form.command")
        push.send_multipart([b"form.message", b"1"])
        assert read_past_probes(w) == [b"form.message", b"1"]


@pytest.mark.parametrize("minor, octets", [(0, b"\0\x01\x01"), (1, b"\x04\x0a\x09SUBSCRIBE")])
def test_a_publisher_is_asked_for_everything_in_the_form_of_its_version(broker, minor, octets):
    with raw(broker, "PUB", minor) as w:
        assert w.read_exactly(len(octets)) == octets


# ---- coming and going ----


@pytest.mark.threads
def test_subscribers_that_are_gone_leave_no_queue_behind(broker, zocket):
    push = zocket(zmq.PUSH, address(broker, "events"))
    subs = [joined_sub(zocket, broker, push, b"") for _ in range(5)]
    assert len(subscribers(broker)) == 5
    for sub in subs:
        sub.close()
    wait_for(lambda: not subscribers(broker), "all queues of subscribers are gone")


@pytest.mark.broker(settings=listen(mine="exchange=mine"))
def test_a_subscriber_whose_exchange_is_made_anew_comes_back_to_it(broker, zocket, amqp):
    push = zocket(zmq.PUSH, address(broker, "mine"))
    sub = joined_sub(zocket, broker, push, b"", name="mine")
    amqp.exchange_delete("mine")
    broker.wait_for_log("closed, what it listens to is gone")
    amqp.exchange_declare("mine", "topic", durable=True)
    join(sub, push)
    push.send_multipart([b"after", b"1"])
    expect(sub, b"after", b"1")


@pytest.mark.threads
def test_a_message_whose_publisher_goes_in_its_middle_is_dropped_whole(broker, zocket):
    push = zocket(zmq.PUSH, address(broker, "events"))
    sub = joined_sub(zocket, broker, push, b"")
    with raw(broker, "PUSH") as w:
        w.send(zwire.message(b"whole", b"1") + zwire.frame(b"half", zwire.MORE) + zwire.frame(b"body", size=100))
        expect(sub, b"whole", b"1")
    join(sub, push)
    push.send(b"after")
    expect(sub, b"after")


@pytest.mark.parametrize("kind", ["PULL", "REP", "ROUTER", "PAIR"])
def test_a_socket_that_has_no_place_on_the_bus_is_refused_for_good_and_the_log_says_why(broker, kind):
    w = zwire.connect(broker.host, broker.bus_port("events"))
    w.greet()
    w.send(zwire.ready(kind))
    name, _ = w.read_command()
    assert name == b"ERROR"
    w.expect_eof()
    mine = re.escape("%s:%d" % w.sock.getsockname() if w.sock.fileno() < 0 else ":%d" % w.sock.getsockname()[1])
    broker.wait_for_log(rf"{mine}.*{kind}")
