#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Asks for the prime factors of each number, as rpc_client.py does, through the ZeroMQ port of the queue "factors". Who
answers is zmq_rep.py, or rpc_server.py over AMQP.

usage: zmq_req.py NUMBER...
"""
import os
import sys

import zmq

PATIENCE_MS = 10_000


def main(numbers):
    if not numbers or not all(number.isdigit() for number in numbers):
        sys.exit(__doc__)
    with zmq.Context() as context, context.socket(zmq.REQ) as queue:
        queue.linger = 0
        queue.rcvtimeo = PATIENCE_MS
        queue.connect(os.environ.get("FACTORS_URL", "tcp://127.0.0.1:5559"))
        for number in numbers:
            queue.send_string(number)
            print(f"{number} = {queue.recv_string()}")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except zmq.Again:
        sys.exit(f"no answer within {PATIENCE_MS // 1000} seconds")
