#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Handles events as events_handler.py does, over AMQP: a queue, a binding, a consumer that acknowledges, and a reply to who
asked. Nothing here is special to events but how it is bound.

usage: events_handler_pika.py PREFIX [GROUP]        for example: events_handler_pika.py orders. tax
"""
import os
import sys

import pika


def tax(body):
    return f"tax {int(body) * 18 / 100:.2f}"


def on_event(channel, method, properties, body):
    text, failed = body.decode(), False
    try:
        answer = tax(text)
    except ValueError:
        answer, failed = f"{text} is no amount", True
    print(f"event {properties.headers['x-seq']}, {method.routing_key} {text}: {answer}", flush=True)
    # First the result, or the reason; then what ends our part of it.
    channel.basic_publish("", properties.reply_to, answer.encode(),
                          pika.BasicProperties(correlation_id=properties.correlation_id))
    if failed:
        channel.basic_reject(method.delivery_tag, requeue=False)
    else:
        channel.basic_ack(method.delivery_tag)


def main(prefix, group=""):
    url = os.environ.get("AMQP_URL", "amqp://guest:guest@localhost:5672/%2f")
    with pika.BlockingConnection(pika.URLParameters(url)) as connection:
        channel = connection.channel()
        # A named queue stays, and gathers events while no member of the group is there; one of our own goes with us.
        queue = channel.queue_declare(group, durable=bool(group), exclusive=not group).method.queue
        channel.queue_bind(queue, "amq.events", prefix, {"x-binding-type": "prefix"})
        channel.basic_qos(prefetch_count=1)
        channel.basic_consume(queue, on_event)
        print("waiting for events, Ctrl-C ends", flush=True)
        channel.start_consuming()


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    try:
        main(*sys.argv[1:])
    except KeyboardInterrupt:
        pass
