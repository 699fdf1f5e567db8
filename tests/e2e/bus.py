# SPDX-License-Identifier: Apache-2.0
"""What the tests of the bus share: ports by name, ZeroMQ sockets that end with their test, and ways to know that two of
them have met.

    from bus import *            # fixtures: zocket

    @pytest.mark.broker(settings=listen(events="exchange=amq.events", tasks="queue=tasks"))
    def test_something(broker, zocket):
        sub = zocket(zmq.SUB, address(broker, "events"), subscribe=[b"orders."])
        push = zocket(zmq.PUSH, address(broker, "events"))
        join(sub, push)                     # what is sent from here on arrives
        push.send_multipart([b"orders.new", b"1"])
        assert receive(sub) == [b"orders.new", b"1"]
"""
import time
import uuid

import pika
import pytest
import zmq

__all__ = ["EVENTS", "LIMIT_S", "address", "amqp", "expect", "join", "joined_sub", "listen", "nothing_comes",
           "ready_in", "receive", "receive_all", "wait_for_consumers", "zocket"]

LIMIT_S = 10
PROBE = b"?probe "
EVENTS = "exchange=amq.events"


def listen(host="127.0.0.1", **ports):
    """Settings for ports of the bus: listen(events="exchange=amq.events", tasks="queue=tasks")."""
    return {f"bus.listen.{name}": f"tcp://{host}:0 {options}" for name, options in ports.items()}


def address(broker, name, host="127.0.0.1"):
    return f"tcp://{host}:{broker.bus_port(name)}"


@pytest.fixture
def zocket():
    """zocket(TYPE, address, subscribe=[prefix], option=value, …) connects a socket; bind=True binds it instead (port 0
    is any: its last_endpoint tells). Waits of more than LIMIT_S are failures."""
    context = zmq.Context()
    opened = []  # one that nobody refers to would be closed, with what it has not sent yet

    def open_socket(kind, where, subscribe=(), bind=False, **options):
        socket = context.socket(kind)
        opened.append(socket)
        # Tests wait for who comes back, so they come back soon.
        for name, value in {"linger": 0, "rcvtimeo": LIMIT_S * 1000, "sndtimeo": LIMIT_S * 1000, "reconnect_ivl": 20,
                            **options}.items():
            socket.setsockopt(getattr(zmq, name.upper()), value)
        for prefix in subscribe:
            socket.subscribe(prefix)
        (socket.bind if bind else socket.connect)(where)
        return socket

    yield open_socket
    context.destroy(linger=0)


@pytest.fixture
def amqp(broker):
    """A channel of pika's on a connection of its own."""
    parameters = pika.URLParameters(broker.url)
    parameters.heartbeat = 0
    connection = pika.BlockingConnection(parameters)
    yield connection.channel()
    if connection.is_open:
        connection.close()


# ---- messages ----


def receive(socket, limit_s=LIMIT_S):
    """The next message, all frames of it. What somebody else asked by join is passed over."""
    while True:
        assert socket.poll(limit_s * 1000), f"nothing came within {limit_s} s"
        frames = socket.recv_multipart()
        if not frames[0].startswith(PROBE):
            return frames


def receive_all(socket, count, limit_s=LIMIT_S):
    """So many messages."""
    return [receive(socket, limit_s) for _ in range(count)]


def expect(socket, *frames):
    """The next message must be of these frames."""
    got = receive(socket)
    assert got == list(frames), got


def nothing_comes(socket, for_s=0.2):
    """For waits that nothing else can end: what must not happen did not within this long."""
    while socket.poll(for_s * 1000):
        if not socket.recv_multipart()[0].startswith(PROBE):
            return False
    return True


# ---- who has met whom ----


def join(sub, publisher):
    """Returns when what the publisher sends reaches the SUB. Its other subscriptions, made before, are in force too:
    they went ahead of the one that this asks for and takes back."""
    topic = PROBE + uuid.uuid4().hex.encode()
    sub.subscribe(topic)
    probe_until(lambda: publisher.send_multipart([topic, b"are you there?"]), sub)
    publisher.send_multipart([topic, b"the last"])
    while sub.recv_multipart() != [topic, b"the last"]:
        pass
    sub.unsubscribe(topic)


def probe_until(send, socket, every_s=0.02):
    """Sends again and again until something can be read."""
    deadline = time.monotonic() + LIMIT_S
    while not socket.poll(every_s * 1000):
        assert time.monotonic() < deadline, f"nothing arrived within {LIMIT_S} s"
        send()


def joined_sub(zocket_, broker, publisher, *prefixes, name="events", **options):
    """A SUB that is sure to get what the publisher sends from now on."""
    sub = zocket_(zmq.SUB, address(broker, name), subscribe=prefixes, **options)
    join(sub, publisher)
    return sub


def counts(channel, queue):
    declared = channel.queue_declare(queue, passive=True).method
    return declared.message_count, declared.consumer_count


def wait_for(condition, what, limit_s=LIMIT_S, every_s=0.01):
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {limit_s} s: {what}"
        time.sleep(every_s)


def ready_in(channel, queue, count, limit_s=LIMIT_S):
    """Returns when so many messages are ready in a queue."""
    wait_for(lambda: counts(channel, queue)[0] == count, f"{count} messages in {queue}", limit_s)


def wait_for_consumers(channel, queue, count, limit_s=LIMIT_S):
    """Returns when so many take from a queue: sockets that have connected, or whose end was noticed."""
    wait_for(lambda: counts(channel, queue)[1] == count, f"{count} consumers of {queue}", limit_s)
