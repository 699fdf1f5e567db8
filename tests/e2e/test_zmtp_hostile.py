# SPDX-License-Identifier: Apache-2.0
"""ZMTP peers that lie, stammer or say nothing: each gets the end that the protocol has for it, others notice nothing, and
memory follows what has arrived, never what was announced."""
import json
import random
import struct

import pytest
import zmq

import peers
import zwire
from bus import *
from bus import wait_for
from lib import http
from peers import MIB
from zwire import COMMAND, LONG, MORE, command, frame, message, metadata

SETTINGS = listen(events=EVENTS, tasks="queue=tasks", plain=f"{EVENTS} security=plain")
pytestmark = [pytest.mark.threads, pytest.mark.broker(settings=SETTINGS)]


def raw(broker, name="events"):
    return zwire.connect(broker.host, broker.bus_port(name))


def met(broker, kind, name="events", **how):
    w = raw(broker, name)
    w.meet(kind, **how)
    return w


@pytest.fixture
def others(broker, zocket):
    """Two who were there before: they must not notice. Checked at the end."""
    push = zocket(zmq.PUSH, address(broker, "events"))
    sub = joined_sub(zocket, broker, push, b"others.")
    with peers.Bystander(broker), peers.memory_grows_at_most(broker, 16 * MIB):
        yield
        push.send_multipart([b"others.1", b"undisturbed"])
        expect(sub, b"others.1", b"undisturbed")
        push.close()
        sub.close()


def expect_end(w):
    """The connection ends, whatever is still said before."""
    octets, _ = peers.read_until_eof(w, LIMIT_S)
    w.abort()
    return octets


# ---- greetings ----


@pytest.mark.parametrize("octets", [
    b"\x01" + bytes(63), b"\xfe" + bytes(63), bytes(64), b"\xff" + bytes(8) + b"\x7e" + bytes(54),
    zwire.SIGNATURE + b"\x03\x01" + b"NULLX".ljust(20, b"\0") + bytes(32),
    zwire.SIGNATURE + b"\x03\x01" + b"null".ljust(20, b"\0") + bytes(32),
    zwire.SIGNATURE + b"\x03\x01" + b"\xff" * 20 + bytes(32),
], ids=["1.0", "noise", "zeros", "bad-signature", "unknown-mechanism", "lower-case", "ff"])
def test_what_is_no_greeting_of_ours_ends_the_connection(broker, others, octets):
    w = raw(broker)
    peers.send_what_is_taken(w, octets)
    expect_end(w)


def test_the_greeting_is_told_octet_by_octet_as_from_anybody_else(broker, others):
    w = raw(broker)
    for octet in zwire.greeting() + zwire.ready("SUB") + zwire.subscribe(b"x"):
        w.send(bytes([octet]))
    assert w.read_exactly(64) == zwire.greeting()
    assert w.read_command()[0] == b"READY"
    w.abort()


def test_who_goes_at_any_octet_of_the_greeting_leaves_nothing(broker, others):
    octets = zwire.greeting() + zwire.ready("SUB") + zwire.subscribe(b"x")
    for length in range(len(octets)):
        w = raw(broker)
        w.send(octets[:length])
        (peers.abort_hard if length % 2 else zwire.Peer.abort)(w)
    wait_for(lambda: not [one for one in http.api(broker, "/queues") if one["name"].startswith("amq.sub-")
                          and one["consumers"] == 0], "no queue of theirs is left")


@pytest.mark.broker(settings={**SETTINGS, "handshake_timeout": 500})
def test_400_handshakes_that_hang_are_over_when_their_time_is_up(broker, others):
    parts = [b"\xff", zwire.SIGNATURE, zwire.greeting()[:40], zwire.greeting()]
    hanging = [raw(broker) for _ in range(400)]
    for number, w in enumerate(hanging):
        w.send(parts[number % len(parts)])
    for w in hanging:
        expect_end(w)


@pytest.mark.broker(settings={**SETTINGS, "bus.handshakes": 50})
def test_no_more_handshakes_are_unfinished_at_a_time_than_allowed(broker, io_threads):
    hanging = [raw(broker) for _ in range(50 * max(io_threads, 1) + 20)]
    for w in hanging:
        w.send(zwire.SIGNATURE)
    wait_for(lambda: sum(w.ends_within(0) for w in hanging) >= 20, "those that are too many are closed")
    for w in hanging:
        w.abort()
    wait_for(lambda: can_come_in(broker), "there is room again")


def can_come_in(broker):
    with raw(broker) as w:
        peers.send_what_is_taken(w, zwire.greeting() + zwire.ready("SUB"))
        return not w.ends_within(0.1)


# ---- the handshake ----


@pytest.mark.parametrize("octets", [
    frame(b"hello"), command(b"SUBSCRIBE", b"x"), command(b"PING", b"\0\0"), command(b"UNKNOWN", b"x"),
    command(b"READY", b"\x0bSocket-Type\0\0\0\x04SUB"), command(b"READY", b"\0" + struct.pack(">I", 0)),
    command(b"READY", metadata((b"Socket-Type", b"SUB")) + b"\x01"), command(b"READY", b""),
    command(b"READY", metadata((b"Socket-Type", b"sub"))), command(b"READY", metadata((b"Socket-Type", b"SUBX"))),
    command(b"READY", b"\x0bSocket-Type\xff\xff\xff\xffSUB"), frame(b"", COMMAND), frame(b"\x05REA", COMMAND),
    frame(b"\xffREADY", COMMAND), command(b"HELLO", b"\x05guest\x05guest"), command(b"READY", bytes(20000)),
    command(b"READY", metadata((b"Socket-Type", b"DEALER"), (b"Identity", b"x" * 256))),
    command(b"READY", metadata((b"Socket-Type", b"DEALER"), (b"Identity", b"\0x"))),
], ids=["message", "SUBSCRIBE", "PING", "unknown", "cut", "no-name", "short", "no-type", "lower-case", "longer", "size",
        "empty-command", "half-name", "long-name", "HELLO", "20000", "identity256", "identity0"])
def test_what_may_not_come_before_ready_ends_the_connection(broker, others, octets):
    w = raw(broker)
    w.greet()
    peers.send_what_is_taken(w, octets)
    expect_end(w)


@pytest.mark.parametrize("mechanism", ["PLAIN", "CURVE", "GSSAPI"])
def test_another_mechanism_than_the_ports_ends_the_connection(broker, others, mechanism):
    w = raw(broker)
    w.send(zwire.greeting(mechanism))
    expect_end(w)


def test_a_command_before_its_turn_ends_the_handshake_of_plain(broker, others):
    w = raw(broker, "plain")
    w.greet("PLAIN")
    w.send(command(b"INITIATE", metadata((b"Socket-Type", b"SUB"))))
    expect_end(w)
    w = raw(broker, "plain")
    w.greet("PLAIN")
    w.send(command(b"HELLO", b"\x05guest\x05guest") * 2)
    expect_end(w)


def test_properties_of_any_name_and_case_are_taken(broker, others):
    w = raw(broker)
    w.greet()
    w.send(command(b"READY", metadata((b"X-Mine", b"?" * 1000), (b"Resource", b"/x"), (b"SOCKET-TYPE", b"SUB"))))
    assert w.read_command()[0] == b"READY"
    w.abort()


# ---- frames ----


@pytest.mark.parametrize("octets", [
    struct.pack(">BQ", LONG, 2**63), struct.pack(">BQ", LONG, 2**64 - 1), struct.pack(">BQ", LONG, 2**40),
    struct.pack(">BQ", LONG | MORE, 64 * MIB + 1), struct.pack(">BQ", LONG | COMMAND, 2**40), b"\x08\0", b"\x80\0",
    b"\x10\x01x", frame(b"\x09SUBSCRIBEx", COMMAND | MORE),
], ids=["2^63", "2^64-1", "1TiB", "64MiB+1", "1TiB-command", "bit3", "bit7", "bit4", "command-more"])
@pytest.mark.parametrize("kind, name", [("PUSH", "events"), ("PUB", "tasks"), ("SUB", "events"), ("DEALER", "tasks")])
def test_a_frame_that_cannot_be_ends_the_connection_before_it_is_read(broker, others, octets, kind, name):
    w = met(broker, kind, name)
    peers.send_what_is_taken(w, octets)
    expect_end(w)


@pytest.mark.parametrize("kind, name", [("PUSH", "events"), ("PUB", "tasks"), ("DEALER", "tasks"), ("REP", "tasks")])
def test_a_message_of_too_many_frames_ends_the_connection(broker, others, kind, name):
    w = met(broker, kind, name)
    peers.send_what_is_taken(w, frame(b"x", MORE) * 1100 + frame(b"y"))
    expect_end(w)


def test_sizes_that_are_announced_take_no_memory(broker, others):
    clients = [met(broker, "PUSH") for _ in range(100)]
    with peers.memory_grows_at_most(broker, 8 * MIB):
        for w in clients:
            w.send(struct.pack(">BQ", LONG, 60 * MIB) + b"x" * 100)
        with peers.Bystander(broker):
            pass
    for w in clients:
        w.abort()


def test_unknown_commands_are_passed_over(broker, others):
    w = met(broker, "DEALER", "tasks")
    w.send(command(b"UNHEARD", b"of") + command(b"PING", b"\0\0ctx"))
    assert w.read_command() == (b"PONG", b"ctx")
    w.abort()


def test_a_ping_with_a_long_context_is_answered_with_its_first_16_octets(broker, others):
    w = met(broker, "SUB")
    w.send(command(b"PING", b"\0\0" + b"0123456789abcdefXYZ"))
    assert w.read_command() == (b"PONG", b"0123456789abcdef")
    w.abort()


def test_who_pings_and_then_says_nothing_for_as_long_as_it_promised_is_gone(broker, others):
    w = met(broker, "SUB")
    w.send(command(b"PING", b"\0\x03"))  # 0.3 s
    assert w.read_command() == (b"PONG", b"")
    expect_end(w)


@pytest.mark.parametrize("seed", range(4))
def test_random_octets_after_the_handshake(broker, others, seed):
    dice = random.Random(seed)
    kinds = [("PUSH", "events"), ("SUB", "events"), ("XSUB", "tasks"), ("REQ", "tasks"), ("DEALER", "events"),
             ("ROUTER", "tasks"), ("REP", "tasks"), ("PULL", "tasks"), ("PUB", "events")]
    for _ in range(10):
        for kind, name in kinds:
            w = met(broker, kind, name)
            peers.send_what_is_taken(w, dice.randbytes(dice.randrange(1, 2000)))
            w.abort()


@pytest.mark.parametrize("seed", range(4))
def test_good_frames_with_octets_changed(broker, others, seed):
    dice = random.Random(seed)
    octets = (zwire.greeting() + zwire.ready("DEALER", b"bob") + message(b"id", b"", b"x") + message(b"\x01pre", b"group")
              + command(b"PING", b"\0\0") + message(b"", b"", b"", b"reason") + zwire.subscribe(b"a") + frame(b"z" * 300))
    for _ in range(60):
        changed = bytearray(octets)
        for _ in range(dice.randrange(1, 5)):
            changed[dice.randrange(len(changed))] = dice.randrange(256)
        w = raw(broker, dice.choice(["events", "tasks"]))
        peers.send_what_is_taken(w, bytes(changed))
        w.is_silent(0.005)
        w.abort()


# ---- what does not end ----


def test_a_message_that_never_ends_is_cut_off(broker, others):
    """64 MiB in frames of 1 MiB, and always more to come."""
    w = met(broker, "PUSH")
    w.sock.settimeout(LIMIT_S)
    piece = frame(bytes(MIB), MORE)
    with pytest.raises((BrokenPipeError, ConnectionResetError)):
        for _ in range(80):
            w.sock.sendall(piece)
        w.sock.settimeout(LIMIT_S)
        while w.sock.recv(1000):
            pass
        raise BrokenPipeError  # a clean end
    w.abort()


def test_requests_without_end_that_nobody_answers_are_not_read_without_end(broker, zocket, amqp):
    """Envelopes are kept until the answer comes; so many of them, then the caller is no longer read."""
    w = met(broker, "DEALER", "tasks")
    request = message(b"e" * 60000, b"", b"?")
    with peers.memory_grows_at_most(broker, 100 * MIB):
        taken = peers.send_until_blocked(w, request, 200 * MIB)
    assert taken < 100 * MIB
    peers.abort_hard(w)
    with peers.Bystander(broker):
        wait_for_consumers(amqp, "tasks", 0)


# ---- subscriptions ----


def test_a_handler_whose_own_events_fill_the_window_is_read_and_told_so(broker, zocket):
    """Its answers come behind them: were it not read, all would wait for their deadline."""
    dealer = zocket(zmq.DEALER, address(broker, "events"), sndhwm=0, rcvhwm=0)
    dealer.send(b"\x01own.")
    expect(dealer, b"\x01own.")
    for number in range(1500):
        dealer.send_multipart([b"%d" % number, b"", b"own.event", b""])
    told = []
    while len(told) < 1500:
        first, _, *rest = receive(dealer)
        if b"/" in first:
            dealer.send_multipart([first, b"", b"done"])
        else:
            report = json.loads(rest[0])
            told.append((report["status"], report.get("error")))
    assert set(told) == {("ok", None), ("failed", "own event")}
    assert told.count(("ok", None)) >= 1024


@pytest.mark.broker(settings={**SETTINGS, "bus.prefix_bytes": 100})
def test_a_prefix_over_the_limit_ends_the_connection_and_the_log_says_why(broker, others):
    for octets in (zwire.subscribe(b"p" * 101), frame(b"\x01" + b"p" * 101)):
        w = met(broker, "SUB")
        mine = ":%d" % w.sock.getsockname()[1]
        w.send(zwire.subscribe(b"p" * 100) + octets)
        expect_end(w)
        broker.wait_for_log(rf"{mine}\b.*a subscription of 101 octets")


@pytest.mark.broker(settings={**SETTINGS, "bus.subscriptions_per_connection": 10})
def test_more_subscriptions_than_allowed_end_the_connection_and_the_log_says_why(broker, others):
    w = met(broker, "SUB")
    mine = ":%d" % w.sock.getsockname()[1]
    for number in range(10):
        w.send(zwire.subscribe(b"%d" % number) * 3)
    w.send(zwire.cancel(b"0") + zwire.subscribe(b"ten"))
    assert w.is_silent(0.1)
    w.send(zwire.subscribe(b"eleven"))
    expect_end(w)
    broker.wait_for_log(rf"{mine}\b.*subscription")


@pytest.mark.broker(settings={**SETTINGS, "bus.subscriptions_per_connection": 10})
def test_subscriptions_may_not_all_be_as_long_as_the_longest(broker, others):
    w = met(broker, "SUB")
    mine = ":%d" % w.sock.getsockname()[1]
    for number in range(9):
        w.send(zwire.subscribe(b"%d" % number * 200) + zwire.cancel(b"%d" % number * 200))
    w.send(b"".join(zwire.subscribe(b"%d" % number * 200) for number in range(3)))
    assert w.is_silent(0.1)
    w.send(zwire.subscribe(b"3" * 200))
    expect_end(w)
    broker.wait_for_log(rf"{mine}\b.*subscriptions of more than 640 octets")


def subscribe_many(broker, count):
    w = met(broker, "SUB")
    for first in range(0, count, 10000):
        w.send(b"".join(zwire.subscribe(b"sensor.%012d.value" % number)
                        for number in range(first, min(first + 10000, count))))
    w.send(command(b"PING", b"\0\0"))
    assert w.read_command(60) == (b"PONG", b"")
    return w


def hears(w, push, topic):
    push.send_multipart([topic, b"42"])
    return not w.is_silent(0.05)


@pytest.mark.timeout(60)
def test_a_million_subscriptions_of_one_client_that_never_cancels_are_gone_with_it(broker, zocket):
    count = 20000 if peers.is_tiny() else 1000000
    push = zocket(zmq.PUSH, address(broker, "events"))
    sub = joined_sub(zocket, broker, push, b"others.")
    with peers.memory_grows_at_most(broker, 64 * MIB):
        with peers.Bystander(broker) as other, peers.memory_grows_at_most(broker, 250 * MIB):
            w = subscribe_many(broker, count)
            wait_for(lambda: hears(w, push, b"sensor.%012d.value" % (count - 1)), "the last one is in force", 20)
            assert w.read_message(30) == [b"sensor.%012d.value" % (count - 1), b"42"]
            assert other.check() < 5
            peers.abort_hard(w)
            assert other.check() < 5
        push.send_multipart([b"others.1", b""])
        expect(sub, b"others.1", b"")


@pytest.mark.release_only
def test_subscriptions_made_and_cancelled_for_ever_take_no_more_memory(broker):
    def use():
        w = met(broker, "SUB")
        for round_ in range(20):
            w.send(b"".join(zwire.subscribe(b"%d" % number) for number in range(1000))
                   + b"".join(zwire.cancel(b"%d" % number) for number in range(1000)))
        w.send(command(b"PING", b"\0\0"))
        assert w.read_command(30) == (b"PONG", b"")
        w.abort()

    peers.expect_no_leak(broker, use, MIB // 2)


@pytest.mark.release_only
def test_connections_of_every_kind_come_and_go_and_leave_no_memory_behind(broker):
    kinds = [("PUSH", "events"), ("SUB", "events"), ("SUB", "tasks"), ("REQ", "tasks"), ("DEALER", "events"),
             ("ROUTER", "tasks"), ("REP", "tasks"), ("PULL", "tasks"), ("PUB", "events")]

    def use():
        for number in range(20):
            for kind, name in kinds:
                w = met(broker, kind, name)
                w.send(message(b"id", b"", b"x" * 100) if kind in ("REQ", "DEALER") else message(b"\x01x"))
                (peers.abort_hard if number % 2 else zwire.Peer.abort)(w)

    peers.expect_no_leak(broker, use, MIB // 2)
