#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Takes tasks from the work queue, one at a time. Start as many workers as there is work for.

usage: work_queue_worker.py
"""
import os
import sys

import pika


def count_primes_below(limit):
    is_prime = bytearray([1]) * max(limit, 2)
    is_prime[0] = is_prime[1] = 0
    for candidate in range(2, int(limit ** 0.5) + 1):
        if is_prime[candidate]:
            is_prime[candidate * candidate::candidate] = bytes(len(is_prime[candidate * candidate::candidate]))
    return sum(is_prime[:limit])


def on_task(channel, method, _properties, body):
    print(f"primes below {int(body)}: {count_primes_below(int(body))}", flush=True)
    # Only now is the task done. Had this worker died before, another one would get it.
    channel.basic_ack(method.delivery_tag)


def main():
    url = os.environ.get("AMQP_URL", "amqp://guest:guest@localhost:5672/%2f")
    with pika.BlockingConnection(pika.URLParameters(url)) as connection:
        channel = connection.channel()
        channel.queue_declare("work", durable=True)
        channel.basic_qos(prefetch_count=1)  # the next task only when this one is done: idle workers go first
        channel.basic_consume("work", on_task)
        print("waiting for tasks, Ctrl-C ends", flush=True)
        channel.start_consuming()


if __name__ == "__main__":
    if len(sys.argv) != 1:
        sys.exit(__doc__)
    try:
        main()
    except KeyboardInterrupt:
        pass
