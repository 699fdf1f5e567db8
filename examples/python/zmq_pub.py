#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Publishes messages on the bus: whoever subscribes to their topic gets them, on either wire.

usage: zmq_pub.py TOPIC MESSAGE...        for example: zmq_pub.py weather.cusco 'take a coat'
"""
import os
import sys

import zmq


def main(topic, messages):
    with zmq.Context() as context, context.socket(zmq.XPUB) as bus:
        bus.connect(os.environ.get("BUS_URL", "tcp://127.0.0.1:5557"))
        # A PUB drops what it sends before somebody subscribes. An XPUB is one that hears of it: the bus wants everything.
        bus.recv()
        for message in messages:
            bus.send_multipart([topic.encode(), message.encode()])
            print(f"sent {topic}: {message}")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2:])
