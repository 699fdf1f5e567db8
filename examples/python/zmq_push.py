#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Hands out tasks as work_queue_send.py does, through the ZeroMQ port of the queue "work". They wait there until somebody
takes them: zmq_pull.py, or work_queue_worker.py over AMQP.

usage: zmq_push.py NUMBER...
"""
import os
import sys

import zmq


def main(numbers):
    if not numbers or not all(number.isdigit() for number in numbers):
        sys.exit(__doc__)
    with zmq.Context() as context, context.socket(zmq.PUSH) as queue:
        queue.connect(os.environ.get("WORK_URL", "tcp://127.0.0.1:5558"))
        for number in numbers:
            queue.send_string(number)
            print(f"sent task {number}")
    # Leaving the context waits until all is sent.


if __name__ == "__main__":
    main(sys.argv[1:])
