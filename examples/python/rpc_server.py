#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Answers questions: takes a number from the queue "factors", sends its prime factors to whoever asked.

usage: rpc_server.py
"""
import os
import sys

import pika


def prime_factors(number):
    factors, divisor = [], 2
    while divisor * divisor <= number:
        while number % divisor == 0:
            factors.append(divisor)
            number //= divisor
        divisor += 1
    return factors + [number] if number > 1 or not factors else factors


def on_question(channel, method, properties, body):
    try:
        answer = " x ".join(str(factor) for factor in prime_factors(int(body)))
    except ValueError:
        answer = "not a number"
    print(f"{body.decode()} = {answer}", flush=True)
    # The question says where its answer goes, and bears a mark by which the client knows it again.
    channel.basic_publish("", properties.reply_to, answer.encode(),
                          pika.BasicProperties(correlation_id=properties.correlation_id))
    channel.basic_ack(method.delivery_tag)


def main():
    url = os.environ.get("AMQP_URL", "amqp://guest:guest@localhost:5672/%2f")
    with pika.BlockingConnection(pika.URLParameters(url)) as connection:
        channel = connection.channel()
        channel.queue_declare("factors", durable=True)
        channel.basic_qos(prefetch_count=1)
        channel.basic_consume("factors", on_question)
        print("waiting for questions, Ctrl-C ends", flush=True)
        channel.start_consuming()


if __name__ == "__main__":
    if len(sys.argv) != 1:
        sys.exit(__doc__)
    try:
        main()
    except KeyboardInterrupt:
        pass
