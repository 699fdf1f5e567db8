# SPDX-License-Identifier: Apache-2.0
"""Clients that know nothing of the broker, in C (czmq), JavaScript (zeromq.js) and Java (JeroMQ 0.3.6, which speaks ZMTP 2.0):
each pattern works with each, and across."""
import contextlib
import threading

import pytest
import zmq

import zeromq_clients
from bus import *
from bus import probe_until

SETTINGS = listen(events=EVENTS, tasks="queue=tasks", billing="queue=billing bind=orders.")
pytestmark = [pytest.mark.threads, pytest.mark.broker(settings=SETTINGS)]


@pytest.fixture(scope="module")
def processes():
    """One a language, for all tests: some take long to start."""
    with contextlib.ExitStack() as ends:
        started = {}

        def get(language):
            if language not in started:
                started[language] = zeromq_clients.Client(language)
                ends.callback(started[language].end)
            return started[language]

        yield get


class Sockets:
    """The sockets that a test has in one client; they end with it."""

    def __init__(self, client, broker):
        self.client, self.broker, self.names = client, broker, []

    def open(self, kind, port):
        self.names.append(f"{kind}{len(self.names)}")
        self.client.open(self.names[-1], kind, address(self.broker, port))
        return Socket(self.client, self.names[-1])

    def close(self):
        for name in self.names:
            self.client.close(name)


class Socket:
    """As much of pyzmq's as these tests need."""

    def __init__(self, client, name):
        self.client, self.name = client, name

    def subscribe(self, prefix):
        self.client.subscribe(self.name, prefix)

    def send(self, *frames):
        self.client.send(self.name, *frames)

    def receive(self):
        return self.client.receive(self.name)


@pytest.fixture(params=zeromq_clients.LANGUAGES)
def sockets(request, processes, broker):
    mine = Sockets(processes(request.param), broker)
    yield mine
    mine.close()


def probed(sub, publish):
    """Publishes until the foreign SUB has got something. It waits for it in another thread than its publisher."""
    done = threading.Event()

    def keep_publishing():
        while not done.wait(0.02):
            publish()

    publishing = threading.Thread(target=keep_publishing, daemon=True)
    publishing.start()
    try:
        assert sub.receive()[-1] == b"?"
    finally:
        done.set()
        publishing.join()


def receive_past_probes(receive_):
    while True:
        got = receive_()
        if got[-1] != b"?":
            return got


def test_a_sub_gets_what_begins_with_its_prefix_whole(sockets, broker, zocket):
    push, sub = zocket(zmq.PUSH, address(broker, "events")), sockets.open("SUB", "events")
    sub.subscribe(b"a.")
    sub.subscribe(b"c.")
    probed(sub, lambda: push.send_multipart([b"c.", b"?"]))
    for frames in ([b"b.1", b"x"], [b"a.1", b"", b"y" * 300], [b"c.2"]):
        push.send_multipart(frames)
    assert receive_past_probes(sub.receive) == [b"a.1", b"", b"y" * 300]
    assert sub.receive() == [b"c.2"]


def test_a_pub_is_heard_by_libzmqs_sub(sockets, broker, zocket):
    pub, sub = sockets.open("PUB", "events"), zocket(zmq.SUB, address(broker, "events"), subscribe=[b"a."])
    probe_until(lambda: pub.send(b"a.", b"?"), sub)
    pub.send(b"b.1", b"x")
    pub.send(b"a.1", b"", b"y" * 300)
    assert receive_past_probes(lambda: receive(sub)) == [b"a.1", b"", b"y" * 300]


def test_a_push_on_the_bus_is_heard_by_its_own_languages_sub(sockets, broker, zocket):
    push, sub = sockets.open("PUSH", "events"), sockets.open("SUB", "events")
    sub.subscribe(b"")
    prober = zocket(zmq.PUSH, address(broker, "events"))
    probed(sub, lambda: prober.send_multipart([b"t", b"?"]))
    push.send(b"t", b"1")
    assert receive_past_probes(sub.receive) == [b"t", b"1"]


def test_work_is_pushed_and_pulled(sockets, broker):
    push, pull = sockets.open("PUSH", "tasks"), sockets.open("PULL", "tasks")
    for number in range(20):
        push.send(b"%d" % number, b"", b"x" * 300)
    for number in range(20):
        assert pull.receive() == [b"%d" % number, b"", b"x" * 300]


def test_a_pull_gets_the_topics_of_a_bound_queue(sockets, broker):
    push, pull = sockets.open("PUSH", "events"), sockets.open("PULL", "billing")
    push.send(b"others.1", b"0")
    push.send(b"orders.1", b"1", b"2")
    assert pull.receive() == [b"orders.1", b"1", b"2"]


def test_a_req_is_answered_by_libzmqs_rep(sockets, broker, zocket):
    req, rep = sockets.open("REQ", "tasks"), zocket(zmq.REP, address(broker, "tasks"))
    for number in range(3):
        req.send(b"question", b"%d" % number)
        expect(rep, b"question", b"%d" % number)
        rep.send_multipart([b"answer", b"%d" % number])
        assert req.receive() == [b"answer", b"%d" % number]


def test_a_rep_answers_libzmqs_req(sockets, broker, zocket):
    req, rep = zocket(zmq.REQ, address(broker, "tasks")), sockets.open("REP", "tasks")
    for number in range(3):
        req.send_multipart([b"question", b"%d" % number])
        assert rep.receive() == [b"question", b"%d" % number]
        rep.send(b"answer", b"%d" % number)
        expect(req, b"answer", b"%d" % number)


def test_req_and_rep_of_one_language_work_over_the_queue(sockets, broker):
    req, rep = sockets.open("REQ", "tasks"), sockets.open("REP", "tasks")
    req.send(b"question")
    assert rep.receive() == [b"question"]
    rep.send(b"answer")
    assert req.receive() == [b"answer"]


def test_a_dealer_asks_much_at_once_and_a_router_answers_in_any_order(sockets, broker):
    dealer, router = sockets.open("DEALER", "tasks"), sockets.open("ROUTER", "tasks")
    for number in range(5):
        dealer.send(b"id%d" % number, b"", b"question")
    asked = [router.receive() for _ in range(5)]
    for who, eid, empty, question in reversed(asked):
        assert (empty, question) == (b"", b"question")
        router.send(who, eid, b"", b"answer")
    assert [dealer.receive() for _ in range(5)] == [[b"id%d" % number, b"", b"answer"] for number in reversed(range(5))]
