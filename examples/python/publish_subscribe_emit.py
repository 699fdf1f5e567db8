#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tells everybody who listens now; nobody listening is fine too.

usage: publish_subscribe_emit.py MESSAGE...
"""
import os
import sys

import pika


def main(messages):
    if not messages:
        sys.exit(__doc__)
    url = os.environ.get("AMQP_URL", "amqp://guest:guest@localhost:5672/%2f")
    with pika.BlockingConnection(pika.URLParameters(url)) as connection:
        channel = connection.channel()
        channel.exchange_declare("news", "fanout")
        for message in messages:
            channel.basic_publish("news", "", message.encode())
            print(f"sent {message}")


if __name__ == "__main__":
    main(sys.argv[1:])
