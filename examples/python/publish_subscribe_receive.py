#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Hears everything that is emitted while it runs; every receiver hears all of it.

usage: publish_subscribe_receive.py
"""
import os
import sys

import pika


def on_news(_channel, _method, _properties, body):
    print(f"news: {body.decode()}", flush=True)


def main():
    url = os.environ.get("AMQP_URL", "amqp://guest:guest@localhost:5672/%2f")
    with pika.BlockingConnection(pika.URLParameters(url)) as connection:
        channel = connection.channel()
        channel.exchange_declare("news", "fanout")
        # A queue of our own: the broker invents its name and removes it when this connection ends.
        queue = channel.queue_declare("", exclusive=True).method.queue
        channel.queue_bind(queue, "news")
        channel.basic_consume(queue, on_news, auto_ack=True)
        print("waiting for news, Ctrl-C ends", flush=True)
        channel.start_consuming()


if __name__ == "__main__":
    if len(sys.argv) != 1:
        sys.exit(__doc__)
    try:
        main()
    except KeyboardInterrupt:
        pass
