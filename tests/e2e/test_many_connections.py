# SPDX-License-Identifier: Apache-2.0
"""Connections by the thousand, opened and dropped in every way: nothing of them stays, and others go on."""
import re
import resource

import peers
import pytest
import wire
from lib import http
from peers import MIB
from pika import spec

ROUND = 2000
OPENING = (wire.PROTOCOL_HEADER
           + wire.frame(wire.METHOD, 0, wire.encode_method(
               spec.Connection.StartOk(client_properties={}, response="\0guest\0guest")))
           + wire.frame(wire.METHOD, 0, wire.encode_method(
               spec.Connection.TuneOk(channel_max=2047, frame_max=131072, heartbeat=0)))
           + wire.frame(wire.METHOD, 0, wire.encode_method(spec.Connection.Open(virtual_host="/"))))
WORK = (wire.frame(wire.METHOD, 1, wire.encode_method(spec.Channel.Open()))
        + wire.frame(wire.METHOD, 1, wire.encode_method(spec.Queue.Declare(queue="", exclusive=True)))
        + wire.frame(wire.METHOD, 1, wire.encode_method(spec.Queue.Bind(exchange="amq.fanout")))
        + wire.frame(wire.METHOD, 1, wire.encode_method(spec.Basic.Consume())))
ANSWERS = [spec.Channel.OpenOk, spec.Queue.DeclareOk, spec.Queue.BindOk, spec.Basic.ConsumeOk]


@pytest.fixture(autouse=True)
def descriptors():
    """This process needs one descriptor for each of its connections."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert most == resource.RLIM_INFINITY or most >= ROUND + 500, "the hard limit of descriptors is too low for this"
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 65536) if most != resource.RLIM_INFINITY else 65536, most))


def raw(broker, count):
    return [wire.connect(broker) for _ in range(count)]


def end_all(clients):
    """Every other one with a reset."""
    for number, w in enumerate(clients):
        (peers.abort_hard if number % 2 else wire.Client.abort)(w)


def wait_until_all_are_there(broker, count):
    """All connections are accepted at the same time, so that every round takes the same memory at its peak."""
    if hasattr(broker, "descriptor_count"):
        peers.wait_until(lambda: broker.descriptor_count() >= count, "all connections are accepted")


def wait_until_gone(broker, left):
    """Only `left` descriptors remain at the broker."""
    if hasattr(broker, "descriptor_count"):
        peers.wait_until(lambda: broker.descriptor_count() <= left, "all descriptors are closed again")


def round_of_beginnings(broker, count):
    """Dropped before the first octet, or in the handshake's middle."""
    clients = raw(broker, count)
    wait_until_all_are_there(broker, count)
    for number, w in enumerate(clients):
        w.send(OPENING[:number % 60])
    end_all(clients)


def round_of_openings(broker, count):
    """Opened, then dropped."""
    clients = raw(broker, count)
    for w in clients:
        w.send(OPENING)
    for w in clients:
        for answer in (spec.Connection.Start, spec.Connection.Tune, spec.Connection.OpenOk):
            w.expect(answer)
    end_all(clients)


def round_of_work(broker, count):
    """Opened with a channel, a bound queue and a consumer; dropped with all of them."""
    clients = raw(broker, count)
    for w in clients:
        w.send(OPENING + WORK)
    for w in clients:
        for answer in [spec.Connection.Start, spec.Connection.Tune, spec.Connection.OpenOk, *ANSWERS]:
            w.expect(answer)
    end_all(clients)


@pytest.mark.chaski_only
@pytest.mark.broker(fresh=True)
@pytest.mark.parametrize("round_", [round_of_beginnings, round_of_openings, round_of_work],
                         ids=["beginnings", "openings", "work"])
@pytest.mark.timeout(150)
def test_memory_does_not_grow_by_connections_opened_and_dropped(broker, round_):
    """10 000 of them in rounds of 2000: at most 1 MiB more after the fifth round than after the second."""
    count = ROUND // 10 if peers.is_tiny() else ROUND
    memory = []
    with peers.Bystander(broker) as other, peers.Bystander(broker) as another:  # on two threads, if there are two
        left = peers.settled(broker.descriptor_count) if hasattr(broker, "descriptor_count") else 0
        for _ in range(5):
            round_(broker, count)
            wait_until_gone(broker, left)
            for bystander in (other, another):
                bystander.check()
            memory.append(peers.settled(lambda: peers.memory_bytes(broker)))
    grown = peers.memory_falls_to(broker, memory[1] + MIB) - memory[1]
    assert grown <= MIB, f"memory grows: {[f'{one / MIB:.1f}' for one in memory]}"


@pytest.mark.threads
def test_churn_of_connections_with_queues_leaves_no_queue(broker):
    count = 200
    with peers.Bystander(broker) as other:
        queues = []
        for _ in range(count):
            w = peers.opened(broker)
            queues.append(w.declare_queue(1))
            w.request(1, spec.Basic.Consume(queue=queues[-1]), spec.Basic.ConsumeOk)
            w.publish(1, b"unread" * 100, routing_key=queues[-1])
            (peers.abort_hard if len(queues) % 2 else wire.Client.abort)(w)
            other.check()
        for queue in queues:
            peers.wait_until(lambda name=queue: not exists(other.client, name), f"queue {queue} is gone")


def exists(w, queue):
    """Asks on channel 9, which an answer 404 or 405 (its owner is just ending) closes."""
    w.open_channel(9)
    w.send_method(9, spec.Queue.Declare(queue=queue, passive=True))
    _, answer = w.read_method()
    if isinstance(answer, spec.Channel.Close):
        w.send_method(9, spec.Channel.CloseOk())
        return answer.reply_code != 404
    w.request(9, spec.Channel.Close(reply_code=200, reply_text="", class_id=0, method_id=0), spec.Channel.CloseOk)
    return True


@pytest.mark.threads
def test_hundreds_of_connections_work_side_by_side(broker):
    """All publish to a fanout exchange of their own, all get all."""
    count = 40 if peers.is_tiny() else 150
    exchange = peers.unique_name("side-by-side")
    clients = [peers.opened(broker) for _ in range(count)]
    clients[0].request(1, spec.Exchange.Declare(exchange=exchange, type="fanout", auto_delete=True),
                       spec.Exchange.DeclareOk)
    for w in clients:
        queue = w.declare_queue(1)
        w.request(1, spec.Queue.Bind(queue=queue, exchange=exchange), spec.Queue.BindOk)
        w.request(1, spec.Basic.Consume(queue=queue, no_ack=True), spec.Basic.ConsumeOk)
    for number, w in enumerate(clients):
        w.publish(1, b"%d" % number, exchange=exchange)
    expected = sorted(b"%d" % number for number in range(count))
    for w in clients:
        assert sorted(w.expect_content(spec.Basic.Deliver).body for _ in range(count)) == expected
    for w in clients:
        w.close()


@pytest.mark.chaski_only
@pytest.mark.broker(fresh=True)
def test_health_checks_leave_no_line_in_the_log(broker):
    """A connection closed before its first octet is somebody who looks whether the port is open."""
    checks = raw(broker, 20)
    ports = [str(w.sock.getsockname()[1]) for w in checks]
    end_all(checks)
    with peers.opened(broker) as w:
        marker = w.sock.getsockname()[1]
        w.send_method(0, spec.Connection.Open(virtual_host="/"))
        w.expect_close(504, re.compile("running"))
    broker.wait_for_log(f":{marker} .*504")
    wait_until_gone(broker, broker.descriptor_count())
    named = [line for line in broker.lines for port in ports if f":{port} " in line]
    assert not named


@pytest.mark.broker(fresh=True)
@pytest.mark.release_only
def test_thousand_idle_connections_cost_little(broker):
    """An idle connection holds no buffers: with a channel it takes 4 KiB at most, in whole pages of the C library's."""
    with peers.Bystander(broker):
        clients = [peers.opened(broker) for _ in range(100)]
        with peers.memory_grows_at_most(broker, 5 * MIB):
            clients += [peers.opened(broker) for _ in range(1000)]
        for w in clients:
            w.abort()


@pytest.mark.chaski_only
@pytest.mark.broker(fresh=True)
@pytest.mark.threads
def test_connections_are_spread_evenly_over_the_io_threads(broker, io_threads):
    """Also when all those of one thread have gone: who comes then is not sent on in turn."""
    def spread():
        metrics = http.metrics(broker)
        return metrics["chaski_io_connections_least"], metrics["chaski_io_connections_most"]
    threads = max(io_threads, 1)
    clients = [peers.opened(broker) for _ in range(20 * threads)]
    peers.wait_until(lambda: spread() == (20, 20), "20 connections for each thread")
    for w in clients[::threads]:
        w.abort()
    peers.wait_until(lambda: spread() == ((0, 20) if threads > 1 else (0, 0)), "those of one thread have gone")
    clients = [w for number, w in enumerate(clients) if number % threads] + [peers.opened(broker) for _ in range(20)]
    peers.wait_until(lambda: spread() == (20, 20), "20 connections for each thread again")
    for w in clients:
        w.abort()
