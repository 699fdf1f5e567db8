#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Answers questions as rpc_server.py does, through the ZeroMQ port of the queue "factors": from zmq_req.py, or rpc_client.py
over AMQP. If it dies before it has answered, somebody else is asked.

usage: zmq_rep.py
"""
import os
import sys

import zmq


def prime_factors(number):
    factors, divisor = [], 2
    while divisor * divisor <= number:
        while number % divisor == 0:
            factors.append(divisor)
            number //= divisor
        divisor += 1
    return factors + [number] if number > 1 or not factors else factors


def main():
    with zmq.Context() as context, context.socket(zmq.REP) as queue:
        queue.connect(os.environ.get("FACTORS_URL", "tcp://127.0.0.1:5559"))
        print("waiting for questions, Ctrl-C ends", flush=True)
        while True:
            number = queue.recv_string()
            try:
                answer = " x ".join(str(factor) for factor in prime_factors(int(number)))
            except ValueError:
                answer = "not a number"
            print(f"{number} = {answer}", flush=True)
            queue.send_string(answer)


if __name__ == "__main__":
    if len(sys.argv) != 1:
        sys.exit(__doc__)
    try:
        main()
    except KeyboardInterrupt:
        pass
