#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Publishes events, and waits for each until everybody who handles it is done; prints what they answered.

usage: events_publisher.py TOPIC BODY...        for example: events_publisher.py orders.new 100 250
"""
import os
import sys

import zmq

PATIENCE_MS = 10_000


def main(topic, bodies):
    with zmq.Context() as context, context.socket(zmq.REQ) as bus:
        bus.linger = 0
        bus.rcvtimeo = PATIENCE_MS
        bus.connect(os.environ.get("BUS_URL", "tcp://127.0.0.1:5557"))
        for body in bodies:
            bus.send_multipart([topic.encode(), body.encode()])
            report = bus.recv_json()  # comes when the last handler has answered, or the bus waits no longer
            print(f"{topic} {body}: {report['status']}")
            for handler in report["handlers"]:
                answer = handler.get("result", handler.get("error", ""))
                print(f"  {handler['status']}: {answer}")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    try:
        main(sys.argv[1], sys.argv[2:])
    except zmq.Again:
        sys.exit(f"no report within {PATIENCE_MS // 1000} seconds")
