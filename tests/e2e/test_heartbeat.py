# SPDX-License-Identifier: Apache-2.0
"""Heartbeats with an interval of one second, so that these tests really wait."""
import time

import peers
import pytest
import wire
from pika import spec

BEAT = wire.frame(wire.HEARTBEAT, 0, b"")


@pytest.mark.threads
def test_silent_client_hears_heartbeats_and_is_dropped_without_a_close(broker):
    """Two silent checks in a row: after two to three intervals. The broker beats twice an interval until then."""
    with peers.Bystander(broker), peers.opened(broker, heartbeat=1) as w:
        octets, waited_s = peers.read_until_eof(w, 6)
        assert 1.8 < waited_s < 4
        assert octets == BEAT * (len(octets) // len(BEAT))
        assert 2 <= len(octets) // len(BEAT) <= 8


def test_monitoring_starts_at_tune_ok(broker):
    with wire.connect(broker) as w:
        w.send_header()
        w.expect_start()
        w.send_start_ok()
        w.expect(spec.Connection.Tune, 0)
        w.send_method(0, spec.Connection.TuneOk(channel_max=2047, frame_max=131072, heartbeat=1))
        octets, waited_s = peers.read_until_eof(w, 6)
        assert 1.8 < waited_s < 4
        assert octets.startswith(BEAT)


@pytest.mark.threads
def test_any_octet_counts_as_a_sign_of_life(broker):
    """One octet of a frame in less than an interval, and nothing else, for longer than silence is borne."""
    with peers.opened(broker, heartbeat=1) as w:
        octets = wire.frame(wire.METHOD, 1, wire.encode_method(spec.Channel.Flow(active=True)))
        for octet in octets[:6]:
            w.send(bytes([octet]))
            assert not w.ends_within(0.75)
        w.send(octets[6:])
        w.expect(spec.Channel.FlowOk)
        w.send_heartbeat()
        assert not w.ends_within(1.5)


def test_traffic_that_the_client_gets_is_no_sign_of_its_life(broker):
    with peers.opened(broker) as other, peers.opened(broker, heartbeat=1) as w:
        queue = w.declare_queue(1)
        w.request(1, spec.Queue.Bind(queue=queue, exchange="amq.fanout"), spec.Queue.BindOk)
        w.request(1, spec.Basic.Consume(queue=queue, no_ack=True), spec.Basic.ConsumeOk)
        started = time.monotonic()
        while not w.ends_within(0.1):
            other.publish(1, b"tick", exchange="amq.fanout")
            assert time.monotonic() - started < 6
        assert time.monotonic() - started > 1.8


def test_heartbeat_0_means_none(broker):
    with peers.opened(broker, heartbeat=0) as w, peers.opened(broker, heartbeat=1) as beating:
        beating.send_heartbeat()
        _, waited_s = peers.read_until_eof(beating, 7)
        assert waited_s > 1.8
        assert w.is_silent(0)
        w.request(1, spec.Channel.Flow(active=True), spec.Channel.FlowOk)
