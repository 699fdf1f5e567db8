# SPDX-License-Identifier: Apache-2.0
"""Settings: each at its least and at its most still carries messages, and none is accepted and without effect."""
import os
import re
import socket
import struct
import subprocess

import peers
import pytest
import wire
from lib.broker import program
from pika import spec

pytestmark = pytest.mark.chaski_only

# key: its least and its most, or all its words (times that would end a slow machine's handshake are a little longer)
ENDS = {
    "heartbeat": (0, 65535),
    "channel_max": (1, 65535, 0),
    "consumer_max_per_channel": (1, 4294967295, "infinity"),
    "frame_max": (4096, "1GiB", 0),
    "initial_frame_max": (4096, "1MiB"),
    "max_message_size": (1, "512MiB"),
    "handshake_timeout": ("5s", "24h", "infinity"),
    "close_timeout": (1, "1h", "infinity"),
    "login.refused_delay": (0, "60s", "infinity"),
    "tcp_listen_options.backlog": (1, 65535),
    "tcp_listen_options.nodelay": ("false", "true"),
    "vm_memory_high_watermark.relative": (0.0001, 10),
    "vm_memory_high_watermark.absolute": ("64k", "1048576GiB", "none"),
    "amqp.lend_bytes": (0, "1GiB"),
    "net.read_bytes": (64, "64MiB"),
    "net.output_bytes": (1, "1GiB"),
    "net.output_pause_bytes": (1, "1GiB"),
    "flow.held_bytes": (1, "4GiB"),
    "limits.parked_commands": (1, 1000000),
    "limits.unacked_per_channel": (1, 100000000),
    "limits.deduplication_ids": (1, 100000000),
    "limits.publishers": (1, 100000000),
    "engine.page_entries": (2, 65536),
    "engine.slice": (1, 1000000),
    "engine.ring_items": (2, 1048576),
    "io_threads": (0, 64, "auto"),
}


def carry(broker, body):
    """Confirmed publishes, deliveries one by one and at once, acks, and a polite end."""
    with peers.opened(broker) as w:
        queue = w.declare_queue(1)
        w.request(1, spec.Confirm.Select(), spec.Confirm.SelectOk)
        for number in range(1, 6):
            w.publish(1, body, routing_key=queue)
            confirmed = w.expect(spec.Basic.Ack, 1)
            assert confirmed.delivery_tag == number
        w.request(1, spec.Basic.Consume(queue=queue), spec.Basic.ConsumeOk)
        for number in range(1, 6):
            got = w.expect_content(spec.Basic.Deliver, 1)
            assert (got.method.delivery_tag, got.body) == (number, body)
            w.send_method(1, spec.Basic.Ack(delivery_tag=number))
        assert peers.ready_count(w, 1, queue) == 0


@pytest.mark.parametrize("key", ENDS)
def test_a_setting_at_its_ends_carries_messages(start_broker, key):
    for value in ENDS[key]:
        broker = start_broker({key: value})
        carry(broker, b"m" if (key, value) == ("max_message_size", 1) else b"m" * 9000)
        broker.stop()


@pytest.mark.parametrize("end", [0, 1], ids=["least", "most"])
def test_all_settings_at_their_ends_carry_messages(start_broker, end):
    settings = {key: values[end] for key, values in ENDS.items() if key != "io_threads"}
    carry(start_broker(settings), b"m" if end == 0 else b"m" * 9000)


# ---- each has its effect (those not here: test_tune, test_handshake, test_login, test_close, test_content, test_alarm,
# test_rings, test_daemon_contract; the flow of commands and messages: tests/unit/engine/test_flow.c) ----


@pytest.mark.broker(settings={"consumer_max_per_channel": 2})
def test_a_channel_has_no_more_consumers_than_allowed(broker):
    with peers.opened(broker) as w:
        queue = w.declare_queue(1)
        for _ in range(2):
            w.request(1, spec.Basic.Consume(queue=queue), spec.Basic.ConsumeOk)
        w.open_channel(2)
        w.request(2, spec.Basic.Consume(queue=queue), spec.Basic.ConsumeOk)
        w.send_method(1, spec.Basic.Consume(queue=queue))
        w.expect_close(530, "NOT_ALLOWED - reached maximum (2) of consumers per channel", spec.Basic.Consume)


@pytest.mark.parametrize("limit, opens", [(4096, False), (65536, True)])
def test_the_first_frames_are_as_large_as_allowed(start_broker, limit, opens):
    with wire.connect(start_broker({"initial_frame_max": limit})) as w:
        w.send_header()
        w.expect_start()
        w.send_start_ok(properties={"token": "x" * 20000})
        if opens:
            w.expect(spec.Connection.Tune, 0)
        else:
            w.expect_eof(8)


@pytest.mark.broker(settings={"vm_memory_high_watermark.relative": 0})
def test_a_share_of_nothing_holds_publishers_back_at_once(broker):
    with peers.opened(broker) as w:
        queue = w.declare_queue(1)
        w.publish(1, b"kept", routing_key=queue)
        w.publish(1, b"held", routing_key=queue)
        w.expect(spec.Connection.Blocked, 0)


@pytest.mark.broker(settings={"limits.unacked_per_channel": 3})
def test_deliveries_stop_at_the_limit_of_unacked_and_go_on_with_acks(broker):
    with peers.opened(broker) as w:
        queue = w.declare_queue(1)
        for number in range(10):
            w.publish(1, struct.pack(">I", number), routing_key=queue)
        w.request(1, spec.Basic.Consume(queue=queue), spec.Basic.ConsumeOk)
        for number in range(10):
            assert w.expect_content(spec.Basic.Deliver, 1).body == struct.pack(">I", number)
            if number >= 2:
                w.open_channel(2 + number)  # a round trip: what could have come has come
                assert w.is_silent(0)
                w.send_method(1, spec.Basic.Ack(delivery_tag=number - 1))


@pytest.fixture
def other_address():
    """An address of this machine that is not a loopback one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.connect(("192.0.2.1", 9))  # sends nothing: asks which address a packet would leave from
        return s.getsockname()[0]


@pytest.mark.parametrize("settings, opens", [
    ({}, False), ({"loopback_users.guest": "true"}, False), ({"loopback_users.guest": "false"}, True),
    ({"loopback_users": "none"}, True), ({"loopback_users.alice": "true"}, True)],
    ids=["default", "guest true", "guest false", "none", "another"])
def test_guest_comes_from_elsewhere_only_if_allowed(start_broker, other_address, settings, opens):
    assert not other_address.startswith("127."), "this machine has only loopback"
    broker = start_broker({"listeners.tcp.default": "0", "login.refused_delay": "100ms", **settings})
    for address in ("127.0.0.1", other_address):
        with wire.connect((address, broker.port)) as w:
            w.send_header()
            w.expect_start()
            w.send_start_ok(capabilities={"authentication_failure_close": True})
            if opens or address == "127.0.0.1":
                w.expect(spec.Connection.Tune, 0)
            else:
                assert w.expect(spec.Connection.Close, 0).reply_code == 403
                broker.wait_for_log(rf"connection {re.escape(address)}:.*'guest'.*loopback")


@pytest.mark.release_only
def test_the_allocator_finds_the_daemons_own_settings():
    """It looks for them by a name, and goes on without a word where that is not to be seen."""
    done = subprocess.run([program(), "--version"], env={**os.environ, "MALLOC_CONF": "confirm_conf:true"},
                          capture_output=True, text=True, timeout=30)
    assert "Set conf value: narenas:1" in done.stderr and "Set conf value: dirty_decay_ms:500" in done.stderr
