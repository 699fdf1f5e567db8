# SPDX-License-Identifier: Apache-2.0
"""Clients that the tests of the wire share: one that must not notice what others do, and ways to look at a broker.

    with peers.Bystander(broker) as other:
        ...                                     # somebody misbehaves
        other.check()                           # a message goes through, in good time
"""
import contextlib
import os
import select
import socket
import struct
import time

import wire
from lib import passes
from lib.broker import wait_until  # noqa: F401: for the tests
from pika import spec

MIB = 1024 * 1024


def measures_memory(broker):
    """Resident memory means something only without a sanitizer's quarantine, and of a process of our own."""
    return passes.current_pass().name == "release" and hasattr(broker, "rss_bytes")


def is_tiny():
    """Bounds are tiny and a sanitizer slows everything down: large counts may be smaller."""
    return passes.current_pass().name != "release"


def memory_bytes(broker):
    """Resident memory of the broker, or 0 where it means nothing."""
    return broker.rss_bytes() if measures_memory(broker) else 0


def memory_falls_to(broker, limit_bytes, limit_s=4.0):
    """Resident memory once it is at most so much, or after `limit_s`: what is free goes back to the machine half a
    second later."""
    deadline = time.monotonic() + limit_s
    while memory_bytes(broker) > limit_bytes and time.monotonic() < deadline:
        time.sleep(0.1)
    return memory_bytes(broker)


@contextlib.contextmanager
def memory_grows_at_most(broker, limit_bytes):
    """Fails if the broker's memory is more than `limit_bytes` larger at the end than at the start."""
    before = memory_bytes(broker)
    yield
    grown = memory_falls_to(broker, before + limit_bytes) - before
    assert grown <= limit_bytes, f"memory grew by {grown / MIB:.1f} MiB, more than {limit_bytes / MIB:.1f} MiB"


def expect_no_leak(broker, use, limit_bytes, rounds=5):
    """Fails if each of `rounds` further uses makes the broker larger by more than `limit_bytes`.

    What leaks does so every time; what an allocator is slow to give back, or could not put together, does not."""
    use()
    grown = []
    for _ in range(rounds):
        before = memory_bytes(broker)
        use()
        grown.append(memory_falls_to(broker, before + limit_bytes) - before)
        if grown[-1] <= limit_bytes:
            return
    raise AssertionError(f"memory grew by {grown} octets in as many rounds, more than {limit_bytes} in each")


def unique_name(prefix):
    """A name that no other test uses, also not on a broker that outlives the tests."""
    return f"{prefix}-{os.getpid()}-{time.monotonic_ns()}"


def opened(broker, channel=1, **how):
    """A client after the handshake, with one channel."""
    client = wire.connect(broker)
    client.handshake(**how)
    if channel:
        client.open_channel(channel)
    return client


class Bystander:
    """A client that was connected before the trouble began, and passes messages through a queue of its own."""

    def __init__(self, broker):
        self.client = opened(broker)
        self.queue = self.client.declare_queue(1)
        self.client.request(1, spec.Basic.Consume(queue=self.queue, no_ack=True), spec.Basic.ConsumeOk)
        self.count = 0

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.check()
            self.client.close()
        else:
            self.client.abort()

    def check(self, limit_s=10.0):
        """One message there and back; gives the seconds it took."""
        self.count += 1
        body = b"number %d" % self.count
        started = time.monotonic()
        self.client.publish(1, body, routing_key=self.queue)
        got = self.client.expect_content(spec.Basic.Deliver, 1, limit_s)
        assert got.body == body
        return time.monotonic() - started


def writable(sock, seconds):
    poller = select.poll()
    poller.register(sock, select.POLLOUT)
    return bool(poller.poll(seconds * 1000))


def send_until_blocked(client, octets, limit_bytes, still_s=1.0):
    """Sends `octets` over and over, reading nothing, until the broker takes no more for `still_s` or `limit_bytes` are
    sent; gives how many were. The last copy may be cut off in its middle."""
    client.sock.setblocking(False)
    sent, view = 0, memoryview(octets)
    while sent < limit_bytes:
        if not writable(client.sock, still_s):
            break
        try:
            sent += client.sock.send(view[sent % len(octets):])
        except BlockingIOError:
            continue
        except (ConnectionResetError, BrokenPipeError):
            break
    client.sock.setblocking(True)
    return sent


def send_what_is_taken(client, octets):
    """Sends octets to a broker that may end the connection in their middle."""
    try:
        client.send(octets)
    except (ConnectionResetError, BrokenPipeError):
        pass


def abort_hard(client):
    """Ends a connection with a reset instead of a FIN."""
    client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.sock.close()


def read_until_eof(client, limit_s):
    """All octets until the end of the connection, and the seconds until it came."""
    started = time.monotonic()
    octets = bytearray()
    while True:
        left_s = limit_s - (time.monotonic() - started)
        ready = left_s > 0 and wire.readable(client.sock, left_s)
        assert ready, f"the connection is still open after {limit_s} s; it sent {bytes(octets[:64])!r}"
        try:
            piece = client.sock.recv(65536)
        except ConnectionResetError:
            piece = b""
        if not piece:
            return bytes(octets), time.monotonic() - started
        octets += piece


def ready_count(client, channel, queue):
    """Messages ready in a queue."""
    return client.request(channel, spec.Queue.Declare(queue=queue, passive=True), spec.Queue.DeclareOk).message_count


def settled(value, limit_s=10.0, times=5):
    """value() once it gave the same answer so many times in a row, with 50 ms between: what is going on has come to
    a stop. Fails if it never does."""
    deadline, last, count = time.monotonic() + limit_s, object(), 0
    while count < times:
        assert time.monotonic() < deadline, f"still changing after {limit_s} s"
        time.sleep(0.05)
        now = value()
        count = count + 1 if now == last else 1
        last = now
    return last
