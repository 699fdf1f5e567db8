#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Asks for the prime factors of each number and waits for the answers.

usage: rpc_client.py NUMBER...
"""
import os
import sys

import pika

PATIENCE_SECONDS = 10


def main(numbers):
    if not numbers or not all(number.isdigit() for number in numbers):
        sys.exit(__doc__)
    url = os.environ.get("AMQP_URL", "amqp://guest:guest@localhost:5672/%2f")
    with pika.BlockingConnection(pika.URLParameters(url)) as connection:
        channel = connection.channel()
        channel.queue_declare("factors", durable=True)
        answers = channel.queue_declare("", exclusive=True).method.queue

        waiting = dict(enumerate(numbers))  # the correlation id is the place of the question
        for place, number in waiting.items():
            channel.basic_publish("", "factors", number.encode(),
                                  pika.BasicProperties(reply_to=answers, correlation_id=str(place)))

        for _method, properties, body in channel.consume(answers, auto_ack=True,
                                                         inactivity_timeout=PATIENCE_SECONDS):
            if body is None:
                sys.exit(f"no answer within {PATIENCE_SECONDS} seconds")
            number = waiting.pop(int(properties.correlation_id), None)
            if number is not None:  # None: an answer that came twice, as may happen when a server dies
                print(f"{number} = {body.decode()}")
            if not waiting:
                break
        channel.cancel()


if __name__ == "__main__":
    main(sys.argv[1:])
