#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Raises an alert of some severity; only receivers that asked for this severity hear it.

usage: routing_emit.py SEVERITY MESSAGE...
"""
import os
import sys

import pika


def main(severity, messages):
    url = os.environ.get("AMQP_URL", "amqp://guest:guest@localhost:5672/%2f")
    with pika.BlockingConnection(pika.URLParameters(url)) as connection:
        channel = connection.channel()
        channel.exchange_declare("alerts", "direct")
        for message in messages:
            channel.basic_publish("alerts", severity, message.encode())
            print(f"sent {severity}: {message}")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2:])
