# SPDX-License-Identifier: Apache-2.0
"""Ports of queues, as libzmq's sockets see them: PUSH and PULL share out work, SUB is a subscription that outlives its
connection, REQ and DEALER ask, REP and ROUTER work; and what each end's death means."""
import struct

import pytest
import zmq

import peers
import zwire
from bus import *
from bus import wait_for
from lib import http

SETTINGS = listen(events=EVENTS, tasks="queue=tasks", billing="queue=billing exchange=amq.events",
                  few="queue=tasks credit=3")
pytestmark = pytest.mark.broker(settings=SETTINGS)


def numbered(socket, count, size=16):
    for number in range(count):
        socket.send(struct.pack(">I", number) + bytes(size - 4))


def number_of(frames):
    return struct.unpack(">I", frames[0][:4])[0]


# ---- PUSH and PULL ----


@pytest.mark.threads
def test_pushed_work_is_pulled_in_order_frames_and_all(broker, zocket):
    push, pull = zocket(zmq.PUSH, address(broker, "tasks")), zocket(zmq.PULL, address(broker, "tasks"))
    sent = [[b"task", b"", b"1"], [b""], [b"x" * 300000], [b"a", b"b"], [b"", b""]]
    for frames in sent:
        push.send_multipart(frames)
    assert receive_all(pull, len(sent)) == sent


def test_work_waits_for_who_pulls_it(broker, zocket, amqp):
    push = zocket(zmq.PUSH, address(broker, "tasks"))
    numbered(push, 100)
    ready_in(amqp, "tasks", 100)
    pull = zocket(zmq.PULL, address(broker, "tasks"))
    assert [number_of(got) for got in receive_all(pull, 100)] == list(range(100))
    ready_in(amqp, "tasks", 0)


@pytest.mark.threads
def test_each_task_goes_to_one_of_those_who_pull(broker, zocket, amqp):
    pulls = [zocket(zmq.PULL, address(broker, "tasks")) for _ in range(3)]
    wait_for_consumers(amqp, "tasks", 3)
    numbered(zocket(zmq.PUSH, address(broker, "tasks")), 300)
    got = [[] for _ in pulls]
    poller = zmq.Poller()
    for pull in pulls:
        poller.register(pull, zmq.POLLIN)
    while sum(map(len, got)) < 300:
        ready = dict(poller.poll(LIMIT_S * 1000))
        assert ready, f"only {sum(map(len, got))} came"
        for mine, pull in zip(got, pulls):
            if pull in ready:
                mine.append(number_of(pull.recv_multipart()))
    assert sorted(number for mine in got for number in mine) == list(range(300))
    assert all(mine == sorted(mine) for mine in got) and all(got)


@pytest.mark.threads
def test_a_pull_that_dies_has_lost_at_most_what_was_handed_over_and_the_next_gets_the_rest_in_order(broker, zocket, amqp):
    count, size, read = 3000, 4096, 20  # more than the kernel takes
    w = zwire.connect(broker.host, broker.bus_port("tasks"), receive_bytes=8192)
    w.meet("PULL")
    wait_for_consumers(amqp, "tasks", 1)
    push = zocket(zmq.PUSH, address(broker, "tasks"), sndhwm=0)
    numbered(push, count, size)
    for number in range(read):
        assert number_of(w.read_message()) == number
    peers.settled(lambda: amqp.queue_declare("tasks", passive=True).method.message_count)
    peers.abort_hard(w)
    pull = zocket(zmq.PULL, address(broker, "tasks"), rcvhwm=0)
    first = number_of(receive(pull))
    assert read <= first < count // 2, "too little or too much was handed over"
    assert [number_of(got) for got in receive_all(pull, count - first - 1)] == list(range(first + 1, count))
    assert nothing_comes(pull)


def test_a_pull_does_not_swallow_a_queue_that_another_could_work_on(broker, zocket, amqp):
    """One that does not read takes what the kernel and a small buffer hold, no more."""
    count, size = 1000, 16384
    w = zwire.connect(broker.host, broker.bus_port("tasks"), receive_bytes=8192)
    w.meet("PULL")
    wait_for_consumers(amqp, "tasks", 1)
    numbered(zocket(zmq.PUSH, address(broker, "tasks"), sndhwm=0), count, size)
    pull = zocket(zmq.PULL, address(broker, "tasks"), rcvhwm=0)
    wait_for_consumers(amqp, "tasks", 2)
    got = []
    while not got or got[-1] != count - 1:
        got.append(number_of(receive(pull)))
    assert len(got) > count // 2
    w.abort()
    left = set(range(count)) - set(got)
    while pull.poll(300):
        left.discard(number_of(pull.recv_multipart()))
    assert len(left) * size < 8 * peers.MIB


# ---- SUB: a subscription that stays ----


def test_a_sub_on_a_queues_port_finds_what_came_while_it_was_away(broker, zocket, amqp):
    push = zocket(zmq.PUSH, address(broker, "events"))
    sub = zocket(zmq.SUB, address(broker, "billing"), subscribe=[b"orders."])
    wait_until_bound(broker, push, amqp, sub)
    sub.close()
    wait_for_consumers(amqp, "billing", 0)
    for number in range(10):
        push.send_multipart([b"orders.new", b"%d" % number])
        push.send_multipart([b"other", b"%d" % number])
    ready_in(amqp, "billing", 10)
    sub = zocket(zmq.SUB, address(broker, "billing"), subscribe=[b"orders."])
    assert receive_all(sub, 10) == [[b"orders.new", b"%d" % number] for number in range(10)]


def wait_until_bound(broker, push, amqp, sub, topic=b"orders."):
    """Publishes until the subscription's queue has given something to its SUB; takes that."""
    def has_heard():
        push.send_multipart([topic, b"?"])
        return sub.poll(20)
    wait_for(has_heard, "the queue is bound")
    push.send_multipart([topic, b"bound"])
    while receive(sub)[1] != b"bound":
        pass


def test_only_cancel_takes_a_prefix_from_a_queue(broker, zocket, amqp):
    push = zocket(zmq.PUSH, address(broker, "events"))
    sub = zocket(zmq.SUB, address(broker, "billing"), subscribe=[b"orders.", b"bills."])
    wait_until_bound(broker, push, amqp, sub)
    sub.unsubscribe(b"bills.")
    sub.subscribe(b"next.")
    wait_until_bound(broker, push, amqp, sub, b"next.")
    sub.close()
    wait_for_consumers(amqp, "billing", 0)
    for topic in (b"bills.1", b"orders.1", b"next.1"):
        push.send_multipart([topic, b""])
    ready_in(amqp, "billing", 2)
    sub = zocket(zmq.SUB, address(broker, "billing"), subscribe=[b""])
    assert [got[0] for got in receive_all(sub, 2)] == [b"orders.1", b"next.1"]


@pytest.mark.broker(settings=listen(events=EVENTS, billing="queue=billing bind=orders."))
def test_a_queue_is_bound_from_the_start_with_the_prefix_that_its_port_names(broker, zocket, amqp):
    push = zocket(zmq.PUSH, address(broker, "events"))
    push.send_multipart([b"orders.new", b"1"])
    push.send_multipart([b"others", b"2"])
    push.send_multipart([b"orders.old", b"3", b"4"])
    ready_in(amqp, "billing", 2)
    pull = zocket(zmq.PULL, address(broker, "billing"))
    assert receive_all(pull, 2) == [[b"orders.new", b"1"], [b"orders.old", b"3", b"4"]]


# ---- REQ, DEALER, REP, ROUTER ----


def answer(worker, make=lambda body: b"re: " + body):
    got = worker.recv()
    worker.send(make(got))
    return got


@pytest.mark.threads
def test_a_request_goes_to_a_worker_and_its_answer_comes_back(broker, zocket):
    req, rep = zocket(zmq.REQ, address(broker, "tasks")), zocket(zmq.REP, address(broker, "tasks"))
    for number in range(5):
        req.send(b"%d" % number)
        assert answer(rep) == b"%d" % number
        assert req.recv() == b"re: %d" % number


def test_requests_and_answers_are_of_as_many_frames_as_one_likes(broker, zocket):
    req, rep = zocket(zmq.REQ, address(broker, "tasks")), zocket(zmq.REP, address(broker, "tasks"))
    req.send_multipart([b"a", b"", b"b" * 100000])
    assert receive(rep) == [b"a", b"", b"b" * 100000]
    rep.send_multipart([b"1", b"", b"3"])
    assert receive(req) == [b"1", b"", b"3"]


@pytest.mark.threads
def test_each_of_many_callers_gets_its_own_answers(broker, zocket):
    reps = [zocket(zmq.REP, address(broker, "tasks")) for _ in range(2)]
    reqs = [zocket(zmq.REQ, address(broker, "tasks")) for _ in range(10)]
    poller = zmq.Poller()
    for rep in reps:
        poller.register(rep, zmq.POLLIN)
    for round_ in range(3):
        for who, req in enumerate(reqs):
            req.send(b"%d of %d" % (round_, who))
        for _ in reqs:
            ready = poller.poll(LIMIT_S * 1000)
            assert ready, "a request got lost"
            answer(ready[0][0])
        for who, req in enumerate(reqs):
            assert req.recv() == b"re: %d of %d" % (round_, who)


@pytest.mark.threads
def test_a_worker_is_given_its_next_request_only_after_it_has_answered(broker, zocket, amqp):
    """The one that is slow has one; the other does the rest."""
    slow = zocket(zmq.REP, address(broker, "tasks"))
    dealer = zocket(zmq.DEALER, address(broker, "tasks"))
    dealer.send_multipart([b"0", b"", b"0"])
    assert slow.recv() == b"0"
    fast = zocket(zmq.REP, address(broker, "tasks"))
    for number in range(1, 20):
        dealer.send_multipart([b"%d" % number, b"", b"%d" % number])
    for number in range(1, 20):
        assert answer(fast) == b"%d" % number
        expect(dealer, b"%d" % number, b"", b"re: %d" % number)
    slow.send(b"late")
    expect(dealer, b"0", b"", b"late")


@pytest.mark.threads
def test_a_request_of_a_worker_that_dies_goes_to_the_next(broker, zocket, amqp):
    req, first = zocket(zmq.REQ, address(broker, "tasks")), zocket(zmq.REP, address(broker, "tasks"))
    req.send(b"precious")
    assert first.recv() == b"precious"
    second = zocket(zmq.REP, address(broker, "tasks"))
    wait_for_consumers(amqp, "tasks", 2)
    first.close()
    assert answer(second) == b"precious"
    assert req.recv() == b"re: precious"


def test_a_request_waits_for_the_first_worker(broker, zocket, amqp):
    req = zocket(zmq.REQ, address(broker, "tasks"))
    req.send(b"anybody?")
    ready_in(amqp, "tasks", 1)
    answer(zocket(zmq.REP, address(broker, "tasks")))
    assert req.recv() == b"re: anybody?"


def test_a_caller_that_asks_again_takes_the_answer_to_its_last_question(broker, zocket):
    req = zocket(zmq.REQ, address(broker, "tasks"), req_relaxed=1, req_correlate=1)
    rep = zocket(zmq.REP, address(broker, "tasks"))
    req.send(b"first try")
    assert rep.recv() == b"first try"
    req.send(b"second try")
    rep.send(b"too late")
    answer(rep)
    assert req.recv() == b"re: second try"


@pytest.mark.threads
def test_answers_for_a_caller_that_is_gone_disturb_nobody(broker, zocket):
    rep = zocket(zmq.REP, address(broker, "tasks"))
    gone = zocket(zmq.REQ, address(broker, "tasks"))
    gone.send(b"never mind")
    assert rep.recv() == b"never mind"
    gone.close()
    req = zocket(zmq.REQ, address(broker, "tasks"))
    req.send(b"next")
    rep.send(b"for nobody")
    assert answer(rep) == b"next"
    assert req.recv() == b"re: next"


@pytest.mark.threads
def test_a_dealer_asks_many_things_at_once_and_gets_each_answer_behind_its_own_envelope(broker, zocket):
    dealer, router = zocket(zmq.DEALER, address(broker, "tasks")), zocket(zmq.ROUTER, address(broker, "tasks"))
    for number in range(50):
        dealer.send_multipart([b"id", b"%d" % number, b"", b"question", b"%d" % number])
    asked = receive_all(router, 50)
    for who, eid, empty, *body in reversed(asked):
        assert empty == b"" and body[0] == b"question"
        router.send_multipart([who, eid, b"", b"answer", body[1]])
    answers = receive_all(dealer, 50)
    assert all(got[:1] + got[2:4] == [b"id", b"", b"answer"] and got[1] == got[4] for got in answers)
    assert [int(got[1]) for got in answers] == list(reversed(range(50)))


def test_a_router_has_as_many_requests_at_a_time_as_its_port_gives_it_credit_for(broker, zocket):
    dealer, router = zocket(zmq.DEALER, address(broker, "tasks")), zocket(zmq.ROUTER, address(broker, "few"))
    for number in range(5):
        dealer.send_multipart([b"", b"%d" % number])
    asked = receive_all(router, 3)
    assert nothing_comes(router), "more than its credit"
    router.send_multipart([*asked[1][:-1], b"done"])
    assert receive(router)[-1] == b"3"
    assert nothing_comes(router)
    expect(dealer, b"", b"done")


def test_a_probe_of_a_router_is_no_request(broker, zocket):
    req = zocket(zmq.REQ, address(broker, "tasks"), probe_router=1)
    dealer = zocket(zmq.DEALER, address(broker, "tasks"), probe_router=1)
    rep = zocket(zmq.REP, address(broker, "tasks"))
    req.send(b"1")
    assert answer(rep) == b"1"
    dealer.send_multipart([b"", b"2"])
    assert answer(rep) == b"2"


@pytest.mark.threads
def test_of_two_connections_of_one_identity_the_newer_stays(broker, zocket):
    first, second = (zwire.connect(broker.host, broker.bus_port("tasks")) for _ in range(2))
    rep = zocket(zmq.REP, address(broker, "tasks"))
    for newer in (first, second):
        newer.meet("DEALER", b"bob")
        newer.send(zwire.message(b"", b"hello"))
        answer(rep)
        assert newer.read_message() == [b"", b"re: hello"]  # so the broker knows it, on whatever thread it is
    first.expect_eof()
    second.abort()


def test_those_whose_identity_is_empty_do_not_replace_each_other(broker):
    clients = [zwire.connect(broker.host, broker.bus_port("tasks")) for _ in range(3)]
    for w in clients:
        w.meet("DEALER", b"")
    assert all(w.is_silent(0.05) for w in clients)
    for w in clients:
        w.abort()


def test_a_worker_says_that_a_request_failed_and_it_is_not_given_out_again(broker, zocket, amqp):
    dealer, rep = zocket(zmq.DEALER, address(broker, "tasks")), zocket(zmq.REP, address(broker, "tasks"))
    dealer.send_multipart([b"", b"poison"])
    assert rep.recv() == b"poison"
    rep.send_multipart([b"", b"cannot"])
    dealer.send_multipart([b"", b"next"])
    assert answer(rep) == b"next"
    ready_in(amqp, "tasks", 0)


def test_a_pair_has_no_place_on_a_queues_port(broker):
    with zwire.connect(broker.host, broker.bus_port("tasks")) as w:
        w.greet()
        w.send(zwire.ready("PAIR"))
        assert w.read_command()[0] == b"ERROR"
        w.expect_eof()
    broker.wait_for_log("bus.listen.tasks.*PAIR|PAIR.*bus.listen.tasks")


# ---- a queue that applications make and delete ----


@pytest.mark.broker(settings=SETTINGS, fresh=True)
@pytest.mark.parametrize("queue", [{"durable": True, "arguments": {"x-queue-type": "quorum"}}, {"auto_delete": True}],
                         ids=["quorum", "transient"])
def test_a_queue_that_an_application_has_made_is_served_as_it_is(broker, zocket, amqp, queue):
    amqp.queue_delete("tasks")
    amqp.queue_declare("tasks", **queue)
    req, rep = zocket(zmq.REQ, address(broker, "tasks")), zocket(zmq.REP, address(broker, "tasks"))
    req.send(b"question")
    expect(rep, b"question")
    rep.send(b"answer")
    expect(req, b"answer")
    zocket(zmq.PUSH, address(broker, "tasks")).send(b"work")
    expect(rep, b"work")


@pytest.mark.broker(settings=SETTINGS, fresh=True)
@pytest.mark.parametrize("kind", [zmq.PUSH, zmq.DEALER], ids=["PUSH", "DEALER"])
def test_who_sends_to_a_queue_that_was_deleted_is_closed_and_finds_it_made_again(broker, zocket, amqp, kind):
    sender = zocket(kind, address(broker, "tasks"))
    sender.send_multipart([b"", b"first"])
    ready_in(amqp, "tasks", 1)
    amqp.queue_delete("tasks")
    sender.send_multipart([b"", b"lost"])
    broker.wait_for_log("closed, its queue is gone")
    wait_for(lambda: any(queue["name"] == "tasks" for queue in http.api(broker, "/queues")), "the queue is there again")
    sender.send_multipart([b"", b"second"])
    ready_in(amqp, "tasks", 1)
