#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Hears reports whose topic matches a pattern: * stands for one word, # for any number of words, none included.

usage: topics_receive.py PATTERN...        for example: topics_receive.py 'weather.*.rain' 'weather.cusco.#'
"""
import os
import sys

import pika


def on_report(_channel, method, _properties, body):
    print(f"{method.routing_key}: {body.decode()}", flush=True)


def main(patterns):
    if not patterns:
        sys.exit(__doc__)
    url = os.environ.get("AMQP_URL", "amqp://guest:guest@localhost:5672/%2f")
    with pika.BlockingConnection(pika.URLParameters(url)) as connection:
        channel = connection.channel()
        channel.exchange_declare("reports", "topic")
        queue = channel.queue_declare("", exclusive=True).method.queue
        for pattern in patterns:  # a report that matches two patterns still comes once
            channel.queue_bind(queue, "reports", pattern)
        channel.basic_consume(queue, on_report, auto_ack=True)
        print("waiting for reports, Ctrl-C ends", flush=True)
        channel.start_consuming()


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except KeyboardInterrupt:
        pass
