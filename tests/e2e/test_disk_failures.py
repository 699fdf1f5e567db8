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


@pytest.mark.parametrize("failure, words", [
    ("fdatasync 1 fail", "cannot sync .*/log.*: Input/output error"),
    ("pwritev 1 fail", "cannot write .*/log.*: Input/output error"),
    ("pread 1 fail", r"log.\d+ at 0: the header cannot be read, and no other segment has the key to what is in it"),
    ("readdir 1 fail", "cannot list .*/data: Input/output error"),
    ("create 1 readonly", "cannot open .*/data/lock: Read-only file system")],
    ids=["sync", "write", "read", "list", "readonly"])
def test_a_broker_whose_disk_fails_does_not_start(start, data_dir, failure, words):
    broker = start()
    with peers.opened(broker) as w:
        declare(w, "q")
    put(broker, "q", b"kept")
    broker.kill()
    order(broker, failure)
    with pytest.raises(brokers.BrokerFailure, match=f"chaskid: {words}\n"):
        start(shim=True)
    take_order(broker)
    with peers.opened(start()) as w:
        assert [one.body for one in take_all(w, "q")] == [b"kept"]


def test_a_file_system_that_takes_no_space_ahead_is_written_over(start, data_dir):
    broker = start()
    broker.stop()
    order(broker, "fallocate 1 unsupported")
    broker = start(shim=True)
    bodies = [b"%d:" % number + bytes(200000) for number in range(24)]  # several segments
    with peers.opened(broker) as w:
        declare(w, "q")
    put(broker, "q", *bodies)
    broker.kill()
    assert len(files_of(data_dir)) > 4
    assert not [line for line in broker.lines if "[error]" in line]
    with peers.opened(start()) as w:
        assert [one.body for one in take_all(w, "q")] == bodies


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


# ---- full: the last of the reserve is gone (test_disk_alarm.py is about what comes before) ----


LARGE = {"note": "x" * 100000}


def declare_until_no_answer(w):
    """Durable queues with a large argument until one is not answered within half a second; gives how many."""
    for number in range(1, 100):
        w.send_method(1, spec.Queue.Declare(queue=f"q{number}", durable=True, arguments=LARGE))
        if w.is_silent(0.5):
            return number
        w.expect(spec.Queue.DeclareOk)
    raise AssertionError("a disk without room takes everything")


def with_a_reserve(broker):
    """Until three segments lie ready: all but the first come when the log has left its first."""
    with peers.opened(broker) as w:
        declare(w, "q")
    put(broker, "q", bytes(100000))
    brokers.wait_until(lambda: http.api(broker, "/overview")["chaski"]["store"]["segments_free"] == 3, "the reserve")


def queues_of(broker):
    return {row["name"] for row in http.api(broker, "/queues")}


def test_a_full_log_makes_who_needs_it_wait_and_nothing_is_lost(start):
    broker = start(shim=True)
    with peers.opened(broker) as w, peers.opened(broker) as other:
        with_a_reserve(broker)
        order(broker, "fstatvfs 1 full")
        count = declare_until_no_answer(w)
        assert count > 10  # some of the reserve is for what makes the log shorter
        other.request(1, spec.Queue.Declare(queue="transient"), spec.Queue.DeclareOk)  # needs no disk
        line = broker.wait_for_log(r"\[error\] store: cannot make room for the log: (.*)").group(1)
        assert line == ("a segment of 1048576 octets, and 131072 to rewrite others, do not fit on the disk, which has 0 "
                        "left")
        _, said = chaski("status", "--url", f"http://guest:guest@127.0.0.1:{broker.http_port}")
        assert "and 0 ready" in said
        take_order(broker)
        w.expect(spec.Queue.DeclareOk, limit_s=5)
        assert sum("cannot make room" in one for one in broker.lines) == 1
    broker.kill()
    assert queues_of(start()) == {"q", *(f"q{number}" for number in range(1, count + 1))}


def test_its_status_can_be_seen_when_it_takes_no_more_requests(start):
    broker = start({"store.unwritten_bytes": "256KiB"}, shim=True)
    with peers.opened(broker) as w, peers.opened(broker) as other:
        with_a_reserve(broker)
        for number in range(2, 6):
            w.open_channel(number)
        order(broker, "fstatvfs 1 full")
        declare_until_no_answer(w)
        for number in range(2, 6):
            w.send_method(number, spec.Queue.Declare(queue=f"on{number}", durable=True, arguments=LARGE))
        peers.settled(lambda: http.api(broker, "/overview")["chaski"]["store"]["record"])
        other.send_method(1, spec.Queue.Declare(queue="transient"))
        assert other.is_silent(0.3)
        _, said = chaski("status", "--url", f"http://guest:guest@127.0.0.1:{broker.http_port}")
        assert "and 0 ready" in said and "alarms:       disk: publishers are held back" in said
        take_order(broker)
        for _ in range(5):
            w.expect(spec.Queue.DeclareOk, limit_s=5)
        other.expect(spec.Queue.DeclareOk)


def test_a_broker_on_a_full_disk_stops_in_time_and_keeps_what_it_answered(start):
    broker = start(shim=True)
    with peers.opened(broker) as w:
        with_a_reserve(broker)
        order(broker, "fstatvfs 1 full")
        count = declare_until_no_answer(w)
    began = time.monotonic()
    broker.signal(15)
    code = broker.wait_for_exit(10)
    assert time.monotonic() - began < 5.5
    take_order(broker)
    assert len(queues_of(start())) in (count, count + 1)
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
