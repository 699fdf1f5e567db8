#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Publishes events over AMQP, with confirms as for any message: the exchange amq.events holds each back until everybody who
handles the event is done.

usage: events_publisher_pika.py TOPIC BODY...        for example: events_publisher_pika.py orders.new 100 250
"""
import os
import sys

import pika


def main(topic, bodies):
    url = os.environ.get("AMQP_URL", "amqp://guest:guest@localhost:5672/%2f")
    with pika.BlockingConnection(pika.URLParameters(url)) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        for body in bodies:
            try:
                channel.basic_publish("amq.events", topic, body.encode(), mandatory=True)
                print(f"{topic} {body}: handled")
            except pika.exceptions.NackError:
                print(f"{topic} {body}: a handler failed, or was too late")
            except pika.exceptions.UnroutableError:
                print(f"{topic} {body}: nobody is there to handle it")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2:])
