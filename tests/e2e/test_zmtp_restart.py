# SPDX-License-Identifier: Apache-2.0
"""A broker that goes and comes back on its ports: ZeroMQ's sockets reconnect by themselves, and what was queued is there."""
import contextlib

import pika
import pytest
import zmq

from bus import *
from bus import wait_for
from client import put
from lib import http
from lib.ports import kept_port
from stored import data_dir, start  # noqa: F401: fixtures

pytestmark = pytest.mark.threads

PORTS = {"events": EVENTS, "tasks": "queue=tasks", "billing": "queue=billing exchange=amq.events"}


class Lives:
    """A broker that can end and start again on the same folder and ports."""

    def __init__(self, start_):
        self.start = start_
        self.settings = {f"bus.listen.{name}": f"tcp://127.0.0.1:{kept_port()} {options}" for name, options in PORTS.items()}
        self.broker = start_(self.settings)

    def end(self, how):
        self.broker.stop() if how == "SIGTERM" else self.broker.kill()

    def begin(self):
        self.broker = self.start(self.settings)

    def address(self, name):
        return address(self.broker, name)


@pytest.fixture
def lives(start):
    return Lives(start)


@pytest.fixture
def channel(lives):
    """with channel() as c: a channel of pika's to the broker that is there now."""
    @contextlib.contextmanager
    def open_channel():
        with pika.BlockingConnection(pika.URLParameters(lives.broker.url)) as connection:
            yield connection.channel()

    return open_channel


HOW = pytest.mark.parametrize("how", ["SIGTERM", "SIGKILL"])


@HOW
def test_subscribers_and_publishers_go_on_after_a_restart_with_their_prefixes(lives, zocket, how):
    push = zocket(zmq.PUSH, lives.address("events"))
    pub = zocket(zmq.PUB, lives.address("events"))
    sub = joined_sub(zocket, lives.broker, push, b"a.", b"b.")
    join(sub, pub)
    lives.end(how)
    lives.begin()
    join(sub, push)
    join(sub, pub)
    for publisher in (push, pub):
        publisher.send_multipart([b"b.1", b""])
        publisher.send_multipart([b"c.1", b""])
        publisher.send_multipart([b"a.1", b""])
        expect(sub, b"b.1", b"")
        expect(sub, b"a.1", b"")


@HOW
def test_work_that_was_queued_is_pulled_after_a_restart_in_order(lives, zocket, channel, how):
    push = zocket(zmq.PUSH, lives.address("tasks"))
    for number in range(200):
        push.send_multipart([b"%d" % number, b"frames"])
    with channel() as c:
        ready_in(c, "tasks", 200)
        put(c, "", "tasks", b"the last", delivery_mode=2)  # when this one is on disk, so are those before it
    lives.end(how)
    lives.begin()
    pull = zocket(zmq.PULL, lives.address("tasks"))
    assert receive_all(pull, 200) == [[b"%d" % number, b"frames"] for number in range(200)]
    expect(pull, b"the last")


@HOW
def test_what_is_pushed_while_there_is_no_broker_arrives_when_it_is_back(lives, zocket, channel, how):
    push, pull = zocket(zmq.PUSH, lives.address("tasks")), zocket(zmq.PULL, lives.address("tasks"))
    push.send(b"before")
    expect(pull, b"before")
    wait_for(lambda: http.api(lives.broker, "/queues/%2F/tasks")["messages"] == 0, "it is known to be handed over")
    lives.end(how)
    for number in range(50):
        push.send(b"%d" % number)
    lives.begin()
    got = [receive(pull)[0]]
    while got[-1] != b"49":
        got.append(receive(pull)[0])
    if how == "SIGKILL" and got[0] == b"before":
        del got[0]  # that it was handed over was not on disk yet
    # ZeroMQ has no acknowledgement: what libzmq had given to the dying connection is lost. The rest is in order.
    assert got == [b"%d" % number for number in range(50)][-len(got):]


@HOW
def test_a_subscription_of_a_queues_port_holds_over_a_restart_without_its_subscriber(lives, zocket, channel, how):
    push = zocket(zmq.PUSH, lives.address("events"))
    sub = zocket(zmq.SUB, lives.address("billing"), subscribe=[b"orders."])

    def has_heard():
        push.send_multipart([b"orders.0", b"?"])
        return sub.poll(20)

    wait_for(has_heard, "the queue is bound")
    sub.close()
    with channel() as c:
        wait_for_consumers(c, "billing", 0)
        put(c, "", "tasks", b"the last", delivery_mode=2)  # when this one is on disk, so is the binding
    lives.end(how)
    lives.begin()
    join(zocket(zmq.SUB, lives.address("events")), push)
    push.send_multipart([b"others", b""])
    push.send_multipart([b"orders.1", b"after"])
    sub = zocket(zmq.SUB, lives.address("billing"), subscribe=[b"orders."])
    while (got := receive(sub)) == [b"orders.0", b"?"]:
        pass
    assert got == [b"orders.1", b"after"]


@HOW
def test_a_caller_that_asks_again_after_a_restart_is_answered(lives, zocket, how):
    req = zocket(zmq.REQ, lives.address("tasks"), req_relaxed=1, req_correlate=1)
    rep = zocket(zmq.REP, lives.address("tasks"))
    req.send(b"1")
    assert rep.recv() == b"1"
    lives.end(how)
    lives.begin()
    rep.send(b"too late")
    answered = set()

    def is_answered():
        req.send(b"2")
        while rep.poll(50):  # a request from before the restart, which nobody had answered, may come again
            request = rep.recv()
            answered.add(request)
            rep.send(b"re: " + request)
        return req.poll(200)

    wait_for(is_answered, "an answer")
    assert req.recv() == b"re: 2"
    assert answered <= {b"1", b"2"}
