#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Hears the alerts of the severities that are named, and no others.

usage: routing_receive.py SEVERITY...
"""
import os
import sys

import pika


def on_alert(_channel, method, _properties, body):
    print(f"{method.routing_key}: {body.decode()}", flush=True)


def main(severities):
    if not severities:
        sys.exit(__doc__)
    url = os.environ.get("AMQP_URL", "amqp://guest:guest@localhost:5672/%2f")
    with pika.BlockingConnection(pika.URLParameters(url)) as connection:
        channel = connection.channel()
        channel.exchange_declare("alerts", "direct")
        queue = channel.queue_declare("", exclusive=True).method.queue
        for severity in severities:  # one binding for each word; a direct exchange compares it exactly
            channel.queue_bind(queue, "alerts", severity)
        channel.basic_consume(queue, on_alert, auto_ack=True)
        print("waiting for alerts, Ctrl-C ends", flush=True)
        channel.start_consuming()


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except KeyboardInterrupt:
        pass
