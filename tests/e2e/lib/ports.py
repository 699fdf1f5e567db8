# SPDX-License-Identifier: Apache-2.0
"""Ports that are kept while nobody listens on them: for a broker that comes back where it was, or a peer that is named
before it is there."""
import os
import random
import socket

LOWEST = 10000
_rng = random.Random(os.getpid())


def kept_port(*hosts):
    """A port that is free on these addresses (127.0.0.1 if there are none), below those that the system gives to whoever
    connects or asks for any."""
    with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as file:
        highest = int(file.read().split()[0]) - 1
    for _ in range(100):
        port = _rng.randint(LOWEST, highest)
        if all(_is_free(host, port) for host in hosts or ("127.0.0.1",)):
            return port
    raise AssertionError("no free port")


def _is_free(host, port):
    with socket.socket() as one:
        try:
            one.bind((host, port))
        except OSError:
            return False
    return True
