#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Publishes messages and has the broker confirm each; then one that no queue wants, to see it come back.

usage: confirms.py [COUNT]        100 when no count is given
"""
import os
import sys

import pika


def main(count):
    url = os.environ.get("AMQP_URL", "amqp://guest:guest@localhost:5672/%2f")
    with pika.BlockingConnection(pika.URLParameters(url)) as connection:
        channel = connection.channel()
        queue = channel.queue_declare("", exclusive=True).method.queue
        channel.confirm_delivery()

        # From now on basic_publish returns when the broker has taken the message over, and raises when it has not.
        for number in range(count):
            channel.basic_publish("", queue, f"message {number}".encode())
        print(f"{count} messages confirmed")

        try:
            channel.basic_publish("", "confirms.nobody", b"is anybody there?", mandatory=True)
        except pika.exceptions.UnroutableError as error:
            print(f"returned: {error.messages[0].method.reply_text}")


if __name__ == "__main__":
    if len(sys.argv) > 2 or not all(argument.isdigit() for argument in sys.argv[1:]):
        sys.exit(__doc__)
    main(int(sys.argv[1]) if len(sys.argv) == 2 else 100)
