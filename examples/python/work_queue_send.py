#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Hands out tasks: each argument is a number, and counting the primes below it is somebody's work.

usage: work_queue_send.py NUMBER...
"""
import os
import sys

import pika


def main(numbers):
    if not numbers or not all(number.isdigit() for number in numbers):
        sys.exit(__doc__)
    url = os.environ.get("AMQP_URL", "amqp://guest:guest@localhost:5672/%2f")
    with pika.BlockingConnection(pika.URLParameters(url)) as connection:
        channel = connection.channel()
        # Queue and messages are made to outlive a restart of the broker: work is not thrown away.
        channel.queue_declare("work", durable=True)
        for number in numbers:
            channel.basic_publish("", "work", number.encode(),
                                  pika.BasicProperties(delivery_mode=2, content_type="text/plain"))
            print(f"sent task {number}")


if __name__ == "__main__":
    main(sys.argv[1:])
