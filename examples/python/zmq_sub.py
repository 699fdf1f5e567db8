#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Hears messages on the bus whose topic begins with one of the prefixes, whoever published them, on whichever wire.

usage: zmq_sub.py PREFIX...        for example: zmq_sub.py weather. '' hears everything by the second one
"""
import os
import sys

import zmq


def main(prefixes):
    with zmq.Context() as context, context.socket(zmq.SUB) as bus:
        bus.connect(os.environ.get("BUS_URL", "tcp://127.0.0.1:5557"))
        for prefix in prefixes:
            bus.subscribe(prefix.encode())
        print("waiting for messages, Ctrl-C ends", flush=True)
        while True:
            topic, *body = bus.recv_multipart()
            print(f"{topic.decode()}: {b''.join(body).decode()}", flush=True)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    try:
        main(sys.argv[1:])
    except KeyboardInterrupt:
        pass
