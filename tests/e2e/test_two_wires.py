# SPDX-License-Identifier: Apache-2.0
"""One message on two wires: what a ZeroMQ socket publishes and an AMQP client gets, and the other way round."""
import time

import pika
import pytest
import zmq

from bus import *
from client import Inbox, put, send

SETTINGS = listen(events=EVENTS, tasks="queue=tasks", billing="queue=billing bind=orders.")
pytestmark = [pytest.mark.threads, pytest.mark.broker(settings=SETTINGS)]

CUT = b"w" * 255


@pytest.fixture
def listener(amqp):
    """An AMQP client that hears everything on the bus."""
    queue = amqp.queue_declare("", exclusive=True).method.queue
    amqp.queue_bind(queue, "amq.events", "#")
    inbox = Inbox(amqp)
    inbox.consume(queue, auto_ack=True)
    return inbox


def heard(listener, count=1):
    """(routing key in octets, body, frames header or None) of the first deliveries."""
    listener.wait(count)
    return [(octets_of(method.routing_key), body, (properties.headers or {}).get("frames"))
            for method, properties, body in listener.items[:count]]


def octets_of(text):
    """pika gives a short string that is no UTF-8 as octets."""
    return text if isinstance(text, bytes) else text.encode()


# ---- ZMTP → AMQP ----


@pytest.mark.parametrize("frames, key, body, header", [
    ([b"orders.new", b"payload"], b"orders.new", b"payload", None),
    ([b"orders.new", b""], b"orders.new", b"", None),
    ([b"", b"payload"], b"", b"payload", None),
    ([b"t", b"ab", b"", b"c"], b"t", b"abc", [2, 0, 1]),
    ([b"t", b"", b""], b"t", b"", [0, 0]),
    ([b"event 17 is over"], b"event", b"event 17 is over", []),
    ([b"event\0more"], b"event", b"event\0more", []),
    ([b"event\r\nmore"], b"event", b"event\r\nmore", []),
    ([b"event\nmore"], b"event", b"event\nmore", []),
    ([b"one-word"], b"one-word", b"one-word", []),
    ([b" begins with a space"], b"", b" begins with a space", []),
    ([b""], b"", b"", []),
    ([b"w" * 300], CUT, b"w" * 300, []),
    ([b"w" * 255, b"1"], CUT, b"1", None),
    ([b"w" * 256, b"1"], CUT, b"w" * 256 + b"1", [256, 1]),
    ([b"first " + b"w" * 256, b"1", b"2"], b"first", b"first " + b"w" * 256 + b"12", [262, 1, 1]),
], ids=["two", "empty-body", "empty-topic", "four", "three-empty", "space", "NUL", "CRLF", "LF", "one-word", "space-first",
        "empty", "300", "topic255", "topic256", "long-words"])
def test_an_amqp_consumer_sees_topic_and_frames_as_key_body_and_header(broker, zocket, listener, frames, key, body, header):
    zocket(zmq.PUSH, address(broker, "events")).send_multipart(frames)
    assert heard(listener) == [(key, body, header)]


def test_a_topic_is_matched_by_amqps_patterns_word_by_word(broker, zocket, amqp):
    queue = amqp.queue_declare("", exclusive=True).method.queue
    amqp.queue_bind(queue, "amq.events", "orders.*.new")
    inbox = Inbox(amqp)
    inbox.consume(queue, auto_ack=True)
    push = zocket(zmq.PUSH, address(broker, "events"))
    for topic in (b"orders.new", b"orders.a.new", b"orders.b.old", b"orders.c.new"):
        push.send_multipart([topic, topic])
    assert inbox.wait(2) == ["orders.a.new", "orders.c.new"]


def test_what_zmtp_publishes_has_a_timestamp_and_is_persistent(broker, zocket, listener):
    before = int(time.time())
    zocket(zmq.PUSH, address(broker, "events")).send_multipart([b"t", b"1"])
    listener.wait(1)
    properties = listener.items[0][1]
    assert before <= properties.timestamp <= time.time() + 1
    assert properties.delivery_mode == 2
    assert properties.user_id is None  # nobody was asked who he is


def test_work_pushed_to_a_queue_is_consumed_by_amqp(broker, zocket, amqp):
    push, inbox = zocket(zmq.PUSH, address(broker, "tasks")), Inbox(amqp)
    inbox.consume("tasks", auto_ack=True)
    for frames in ([b"whole"], [b"in", b"two"], [b""], [b"", b""]):
        push.send_multipart(frames)
    inbox.wait(4)
    assert [(body, (properties.headers or {}).get("frames")) for _, properties, body in inbox.items] == [
        (b"whole", None), (b"intwo", [2, 3]), (b"", None), (b"", [0, 0])]


# ---- AMQP → ZMTP ----


@pytest.mark.parametrize("key, body, headers, frames", [
    ("orders.new", b"payload", None, [b"orders.new", b"payload"]),
    ("", b"", None, [b"", b""]),
    ("t", b"abc", {"frames": [2, 0, 1]}, [b"t", b"ab", b"", b"c"]),
    ("t", b"abc", {"frames": [3]}, [b"t", b"abc"]),
    ("t", b"abc", {"frames": []}, [b"abc"]),
    ("t", b"abc", {"frames": [2, 2]}, [b"t", b"abc"]),
    ("t", b"abc", {"frames": [-1, 4]}, [b"t", b"abc"]),
    ("t", b"abc", {"frames": "2,1"}, [b"t", b"abc"]),
    ("t", b"abc", {"frames": ["2", "1"]}, [b"t", b"abc"]),
    ("t", b"abc", {"frames": [2**63 - 1, 2**63 - 1, 5]}, [b"t", b"abc"]),
    ("t", b"abc", {"other": 1}, [b"t", b"abc"]),
], ids=["plain", "empty", "three", "one", "none", "too-long", "negative", "text", "texts", "overflow", "other"])
def test_a_sub_sees_key_and_body_as_frames_split_where_a_right_header_says(broker, zocket, amqp, key, body, headers, frames):
    sub = joined_sub(zocket, broker, zocket(zmq.PUSH, address(broker, "events")), b"")
    send(amqp, "amq.events", key, body, headers=headers, content_type="text/plain", message_id="does not cross")
    expect(sub, *frames)


def test_a_prefix_is_compared_with_the_routing_key_of_what_amqp_publishes(broker, zocket, amqp):
    sub = joined_sub(zocket, broker, zocket(zmq.PUSH, address(broker, "events")), b"orders.n")
    for key in ("orders.old", "orders.new", "orders", "orders.next"):
        send(amqp, "amq.events", key, key)
    assert [got[0] for got in receive_all(sub, 2)] == [b"orders.new", b"orders.next"]


def test_a_pull_gets_the_body_of_what_amqp_put_into_the_queue(broker, zocket, amqp):
    pull = zocket(zmq.PULL, address(broker, "tasks"))
    send(amqp, "", "tasks", b"task")
    send(amqp, "", "tasks", b"task", headers={"frames": [1, 3]})
    send(amqp, "", "tasks", b"last", headers={"frames": [1]})
    expect(pull, b"task")
    expect(pull, b"t", b"ask")
    expect(pull, b"last")


def test_a_large_message_crosses_both_ways(broker, zocket, listener, amqp):
    large = bytes(range(256)) * 8192
    push = zocket(zmq.PUSH, address(broker, "events"))
    sub = joined_sub(zocket, broker, push, b"large")
    push.send_multipart([b"large", large, large])
    expect(sub, b"large", large, large)
    listener.wait_for(lambda: any(method.routing_key == "large" for method, _, _ in listener.items), "the large one")
    send(amqp, "amq.events", "large", large, delivery_mode=2)
    expect(sub, b"large", large)
    assert [body for method, _, body in listener.items if method.routing_key == "large"] == [large * 2]


# ---- ZMTP → ZMTP, over what AMQP sees of it ----


def test_frames_that_amqp_would_have_to_join_reach_a_sub_untouched_also_through_a_queue(broker, zocket, amqp):
    sent = [[b"orders.1", b"a", b"b"], [b"orders.2 only one frame"], [b"orders." + b"x" * 300, b"", b"1"],
            [b"orders." + b"y" * 300]]
    push = zocket(zmq.PUSH, address(broker, "events"))
    for frames in sent:
        push.send_multipart(frames)
    ready_in(amqp, "billing", len(sent))
    pull = zocket(zmq.PULL, address(broker, "billing"))
    assert receive_all(pull, len(sent)) == sent


def test_what_amqp_consumes_and_publishes_again_with_its_headers_is_the_same_message_to_a_sub(broker, zocket, listener, amqp):
    sent = [[b"t", b"a", b"", b"b"], [b"only one frame"], [b"x" * 300, b"1"]]
    push = zocket(zmq.PUSH, address(broker, "events"))
    for frames in sent:
        push.send_multipart(frames)
    listener.wait(len(sent))
    sub = joined_sub(zocket, broker, push, b"")
    for method, properties, body in listener.items[:len(sent)]:
        amqp.basic_publish("amq.events", method.routing_key, body, properties)
    assert receive_all(sub, len(sent)) == sent


# ---- RPC ----


def test_a_req_is_answered_by_an_amqp_worker(broker, zocket, amqp):
    def work(channel, method, properties, body):
        channel.basic_publish("", properties.reply_to, b"re: " + body,
                              pika.BasicProperties(correlation_id=properties.correlation_id))
        channel.basic_ack(method.delivery_tag)

    amqp.basic_consume("tasks", work)
    req, dealer = zocket(zmq.REQ, address(broker, "tasks")), zocket(zmq.DEALER, address(broker, "tasks"))
    req.send_multipart([b"hello", b", you"])
    dealer.send_multipart([b"id", b"", b"again"])
    for _ in range(100):
        amqp.connection.process_data_events(time_limit=0.05)
        if req.poll(0) and dealer.poll(0):
            break
    expect(req, b"re: hello, you")
    expect(dealer, b"id", b"", b"re: again")


def test_an_amqp_client_is_answered_by_a_rep(broker, zocket, amqp):
    rep, inbox = zocket(zmq.REP, address(broker, "tasks")), Inbox(amqp)
    replies = amqp.queue_declare("", exclusive=True).method.queue
    inbox.consume(replies, auto_ack=True)
    for number in range(3):
        send(amqp, "", "tasks", b"question %d" % number, reply_to=replies, correlation_id=f"c{number}")
        assert rep.recv() == b"question %d" % number
        rep.send_multipart([b"answer", b" %d" % number])
        assert inbox.wait(number + 1)[-1] == f"answer {number}"
        properties = inbox.items[-1][1]
        assert properties.correlation_id == f"c{number}" and properties.headers == {"frames": [6, 2]}


def test_a_request_without_reply_to_is_done_when_its_rep_has_answered(broker, zocket, amqp):
    rep = zocket(zmq.REP, address(broker, "tasks"))
    put(amqp, "", "tasks", "1", "2")
    for body in (b"1", b"2"):
        assert rep.recv() == body
        rep.send(b"nobody wants to know")
    wait_for_consumers(amqp, "tasks", 1)
    rep.close()
    wait_for_consumers(amqp, "tasks", 0)
    ready_in(amqp, "tasks", 0)
