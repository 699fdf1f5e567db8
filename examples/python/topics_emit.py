#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reports the weather on a topic, words joined by dots: weather.PLACE.KIND

usage: topics_emit.py TOPIC MESSAGE...
"""
import os
import sys

import pika


def main(topic, messages):
    url = os.environ.get("AMQP_URL", "amqp://guest:guest@localhost:5672/%2f")
    with pika.BlockingConnection(pika.URLParameters(url)) as connection:
        channel = connection.channel()
        channel.exchange_declare("reports", "topic")
        for message in messages:
            channel.basic_publish("reports", topic, message.encode())
            print(f"sent {topic}: {message}")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2:])
