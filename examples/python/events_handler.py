#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Handles events whose topic begins with PREFIX: their body is an amount, and 18 % of it is tax. Whoever published an event
waits for this answer. The members of one GROUP share its events; without a GROUP this program is a group of its own.

usage: events_handler.py PREFIX [GROUP]        for example: events_handler.py orders. tax
"""
import os
import sys

import zmq


def tax(body):
    return f"tax {int(body) * 18 / 100:.2f}"


def answer(event):
    """What goes back for [id, "", topic, payload...]: the same id, and the result; or, behind a second "", the reason."""
    event_id, _, topic, *payload = event
    body = b"".join(payload).decode()
    try:
        result = [tax(body).encode()]
    except ValueError:
        result = [b"", f"{body} is no amount".encode()]
    # The id begins with the event's number. Who keeps the last one with his data knows an event that comes twice.
    number = event_id.decode().partition("/")[0]
    print(f"event {number}, {topic.decode()} {body}: {result[-1].decode()}", flush=True)
    return [event_id, b"", *result]


def main(prefix, *group):
    join = [b"\x01" + prefix.encode(), *(name.encode() for name in group)]
    with zmq.Context() as context, context.socket(zmq.DEALER) as bus:
        bus.linger = 1000
        # After a restart of the bus ZeroMQ connects again by itself, but the bus does not know us any more: so we join
        # whenever a connection has come about, the first time too.
        connections = bus.get_monitor_socket(zmq.EVENT_HANDSHAKE_SUCCEEDED)
        bus.connect(os.environ.get("BUS_URL", "tcp://127.0.0.1:5557"))
        poller = zmq.Poller()
        poller.register(bus, zmq.POLLIN)
        poller.register(connections, zmq.POLLIN)
        try:
            while True:
                ready = dict(poller.poll())
                if connections in ready:
                    connections.recv_multipart()
                    bus.send_multipart(join)
                if bus in ready:
                    message = bus.recv_multipart()
                    if message == join:  # the bus says the same: we are in
                        print("waiting for events, Ctrl-C ends", flush=True)
                    else:
                        bus.send_multipart(answer(message))
        finally:
            bus.disable_monitor()


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    try:
        main(*sys.argv[1:])
    except KeyboardInterrupt:
        pass
