# SPDX-License-Identifier: Apache-2.0
"""A disk that fails under a running broker (lib/shim.c): it ends at once rather than promise what it cannot keep; and one
that is slow, which holds up nobody but those who wait for it."""
import contextlib
import socket
import time

import peers
import pytest
from lib import broker as brokers
from lib import http
from pika import spec
from stored import *

# Sanitizers want to be loaded first.
pytestmark = [pytest.mark.chaski_only, pytest.mark.release_only]


def quiet(broker):
    """Until the log has written its mark, and the next segment lies ready: no call is under way."""
    def free():
        return http.api(broker, "/overview")["chaski"]["store"]["segments_free"] > 0

    brokers.wait_until(free, "a segment that lies ready")
    peers.settled(lambda: http.api(broker, "/overview")["chaski"]["store"]["syncs"])


def expect_end(broker, *words):
    """It ends with exit code 1, and a line says why."""
    assert broker.wait_for_exit() == 1
    line = next(one for one in broker.lines if "the log cannot be written" in one)
    assert "[error]" in line and all(word in line for word in words), line


@pytest.mark.parametrize("failure, words", [
    ("fdatasync {} fail", ("cannot sync", "log.0", "Input/output error")),
    ("pwritev {} fail", ("cannot write", "log.0", "Input/output error")),
    ("pwritev {} full", ("cannot write", "log.0", "No space left on device"))], ids=["sync", "write", "full"])
@pytest.mark.parametrize("nth", [1, 2, 5])
def test_nothing_is_answered_any_more_when_the_log_fails(start, failure, words, nth):
    broker = start(shim=True)
    with peers.opened(broker) as w:
        declare(w, "q")
        confirm_select(w)
        publish(w, "q", b"0")
        wait_confirmed(w, 1)
        quiet(broker)
        order(broker, failure.format(nth))
        answered = 1
        for number in range(1, 20):
            publish(w, "q", b"%d" % number)
            while (frame := w.read_frame_or_end()) is None or isinstance(frame.method(), spec.Basic.Ack):
                if frame is None:
                    break
                answered = frame.method().delivery_tag
                if answered == number + 1:
                    break
            if frame is None:
                break
        assert answered < 20 and frame is None
    expect_end(broker, *words)
    take_order(broker)
    with peers.opened(start()) as w:
        got = [int(one.body) for one in take_all(w, "q")]
        assert got[:answered] == list(range(answered)) and len(got) <= answered + 1


def test_a_declare_is_not_answered_when_its_sync_fails(start):
    broker = start(shim=True)
    with peers.opened(broker) as w:
        declare(w, "q")
        quiet(broker)
        order(broker, "fdatasync 1 fail")
        w.send_method(1, spec.Queue.Declare(queue="other", durable=True))
        assert w.read_frame_or_end() is None
    expect_end(broker, "cannot sync")


@pytest.mark.parametrize("call", ["fdatasync", "pwritev"])
def test_a_broker_whose_disk_fails_does_not_start(start, data_dir, call):
    broker = start()
    with peers.opened(broker) as w:
        declare(w, "q")
    put(broker, "q", b"kept")
    broker.kill()
    order(broker, f"{call} 1 fail")
    with pytest.raises(brokers.BrokerFailure, match="Input/output error"):
        start(shim=True)
    take_order(broker)
    with peers.opened(start()) as w:
        assert [one.body for one in take_all(w, "q")] == [b"kept"]


def test_a_message_that_cannot_be_read_is_left_out_and_named(start):
    broker = start({"memory.bodies": 0}, shim=True)
    with peers.opened(broker) as w:
        declare(w, "q")
        declare(w, "other")
        put(broker, "q", b"unreadable" * 100)
        quiet(broker)
        order(broker, "pread 1 fail")
        assert get(w, "q") is None
        broker.wait_for_log(r"\[error\] queue 'q' in vhost '/': the message at position \d+ .* cannot be read")
        take_order(broker)
        put(broker, "q", b"fine")
        assert get(w, "q").body == b"fine"
        assert http.api(broker, "/queues/%2F/q")["messages_damaged"] == 1
    broker.stop()
    broker = start()
    with peers.opened(broker) as w:  # the disk gives it now
        assert [one.body for one in take_all(w, "q")] == [b"unreadable" * 100, b"fine"]


def test_a_message_is_not_left_out_because_clients_have_all_descriptors(start):
    broker = start()
    with peers.opened(broker) as w:
        declare(w, "q")
    bodies = [b"%d:" % number + bytes(200000) for number in range(24)]  # several segments
    put(broker, "q", *bodies)
    broker.stop()
    broker = start({"memory.bodies": 0}, prefix=["prlimit", "--nofile=64:64"])
    with peers.opened(broker) as w, contextlib.ExitStack() as clients:
        for _ in range(64):
            clients.enter_context(socket.create_connection(("127.0.0.1", broker.port)))
        broker.wait_for_log("cannot accept connections: Too many open files")
        w.send_method(1, spec.Basic.Get(queue="q"))
        broker.wait_for_log(r"\[error\] store: cannot read messages back: .*: Too many open files; trying again")
        assert w.is_silent(0.1)
        clients.close()
        assert w.expect_content(spec.Basic.GetOk, limit_s=5).body == bodies[0]
        assert [one.body for one in take_all(w, "q")] == bodies[1:]
        assert http.api(broker, "/queues/%2F/q")["messages_damaged"] == 0


# ---- full ----


def publish_until_no_confirm(w, queue):
    """Persistent messages of 100 KB until one is not confirmed within half a second; gives how many were sent."""
    for number in range(1, 200):
        publish(w, queue, b"%d:" % number + bytes(100000))
        if w.is_silent(0.5):
            return number
        w.expect(spec.Basic.Ack)
    raise AssertionError("a disk without room takes everything")


def test_a_full_disk_makes_who_needs_it_wait_and_nothing_is_lost(start):
    broker = start(shim=True)
    with peers.opened(broker) as w, peers.Bystander(broker) as other:
        declare(w, "q")
        confirm_select(w)
        quiet(broker)
        order(broker, "fstatvfs 1 full")
        count = publish_until_no_confirm(w, "q")
        other.check()  # transient queues need no disk
        line = broker.wait_for_log(r"\[error\] store: cannot make room for the log: (.*)").group(1)
        assert line == "a segment of 1048576 octets does not fit on the disk, which has 0 left"
        _, said = chaski("status", "--url", f"http://guest:guest@127.0.0.1:{broker.http_port}")
        assert "and 0 ready" in said
        take_order(broker)
        while w.expect(spec.Basic.Ack, limit_s=5).delivery_tag < count:
            pass
        assert sum("cannot make room" in one for one in broker.lines) == 1
    broker.kill()
    with peers.opened(start()) as w:
        assert [int(one.body.partition(b":")[0]) for one in take_all(w, "q")] == list(range(1, count + 1))


def test_its_status_can_be_seen_when_it_takes_no_more_requests(start):
    broker = start({"store.unwritten_bytes": "512KiB"}, shim=True)
    with peers.opened(broker) as w:
        declare(w, "q")
        quiet(broker)
        order(broker, "fstatvfs 1 full")
        for _ in range(40):
            publish(w, "q", bytes(100000))
        broker.wait_for_log("cannot make room for the log")
        _, said = chaski("status", "--url", f"http://guest:guest@127.0.0.1:{broker.http_port}")
        assert "and 0 ready" in said
        take_order(broker)
        declare(w, "q")


def test_a_broker_on_a_full_disk_stops_in_time_and_keeps_what_it_confirmed(start):
    broker = start(shim=True)
    with peers.opened(broker) as w:
        declare(w, "q")
        confirm_select(w)
        quiet(broker)
        order(broker, "fstatvfs 1 full")
        count = publish_until_no_confirm(w, "q")
    began = time.monotonic()
    broker.signal(15)
    code = broker.wait_for_exit(10)
    assert time.monotonic() - began < 5.5
    take_order(broker)
    with peers.opened(start()) as w:
        assert len(take_all(w, "q")) in (count - 1, count)
    assert code == 1 and "the log did not take" in broker.log()


# ---- slow ----


def test_a_slow_sync_holds_up_only_who_waits_for_it(start):
    broker = start(shim=True)
    with peers.opened(broker) as w, peers.opened(broker) as waiting:
        declare(waiting, "q")
        confirm_select(waiting)
        quiet(broker)
        with peers.Bystander(broker) as other:
            order(broker, "fdatasync 1 slow")
            began = time.monotonic()
            publish(waiting, "q", b"slow")
            longest = max(other.check() for _ in range(50))
            w.request(1, spec.Queue.Declare(queue="transient"), spec.Queue.DeclareOk)
            beside_s = time.monotonic() - began
            wait_confirmed(waiting, 1)
            waited_s = time.monotonic() - began
    assert longest < 0.15 and beside_s < 0.28 <= waited_s, (longest, beside_s, waited_s)


def test_replies_of_a_channel_stay_in_order_while_one_waits_for_the_disk(start):
    broker = start(shim=True)
    with peers.opened(broker) as w:
        w.open_channel(2)
        declare(w, "q")
        quiet(broker)
        order(broker, "fdatasync 1 slow")
        w.send_method(1, spec.Queue.Declare(queue="durable", durable=True))
        w.send_method(1, spec.Queue.Declare(queue="transient"))
        w.send_method(1, spec.Queue.Bind(queue="transient", exchange="amq.direct", routing_key="k"))
        w.send_method(1, spec.Basic.Get(queue="transient"))
        w.send_method(2, spec.Queue.Declare(queue="beside"))
        assert w.expect(spec.Queue.DeclareOk, 2).queue == "beside"  # the other channel does not wait
        assert w.expect(spec.Queue.DeclareOk, 1).queue == "durable"
        assert w.expect(spec.Queue.DeclareOk, 1).queue == "transient"
        w.expect(spec.Queue.BindOk, 1)
        w.expect(spec.Basic.GetEmpty, 1)


@pytest.mark.timeout(30)
def test_heartbeats_and_deliveries_go_on_beside_slow_syncs(start):
    broker = start({"heartbeat": 1}, shim=True)
    with peers.opened(broker) as publisher:
        declare(publisher, "q")
        confirm_select(publisher)
        quiet(broker)
        order(broker, "fdatasync 1 slow")
        with peers.opened(broker, heartbeat=1) as w:
            w.request(1, spec.Basic.Consume(queue="q", no_ack=True), spec.Basic.ConsumeOk)
            for number in range(6):  # 2 s
                publish(publisher, "q", b"%d" % number)
                wait_confirmed(publisher, number + 1) if number == 0 else publisher.expect(spec.Basic.Ack)
                w.send_heartbeat()
                assert w.expect_content(spec.Basic.Deliver).body == b"%d" % number
            w.send_heartbeat()
            declare(w, "q")
