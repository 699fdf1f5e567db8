#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Takes tasks from the queue "work" through its ZeroMQ port, from zmq_push.py or work_queue_send.py. A PULL cannot say that a
task is done: what it was given is gone if it dies. Who must not lose any uses work_queue_worker.py, or a REP.

usage: zmq_pull.py
"""
import os
import sys

import zmq


def main():
    with zmq.Context() as context, context.socket(zmq.PULL) as queue:
        queue.rcvhwm = 1  # what it is given ahead of need, others cannot do
        queue.connect(os.environ.get("WORK_URL", "tcp://127.0.0.1:5558"))
        print("waiting for tasks, Ctrl-C ends", flush=True)
        while True:
            print(f"task {queue.recv_string()}", flush=True)


if __name__ == "__main__":
    if len(sys.argv) != 1:
        sys.exit(__doc__)
    try:
        main()
    except KeyboardInterrupt:
        pass
