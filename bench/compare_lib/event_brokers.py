# SPDX-License-Identifier: Apache-2.0
"""The brokers of bench/events. Each is started anew for each run; none is elsewhere, since the load looks at its process."""
import pathlib

from . import brokers
from .event_rows import WAITING
from .names import WrongUse


def tcp(port):
    return f"tcp://127.0.0.1:{port}"


class BusChaskid(brokers.Chaskid):
    """Its AMQP port is a port of the bus too."""

    settings = {"bus.topic.bench": f"prefix=bench. sync=all timeout=60s window={WAITING}"}

    def url_of(self, port):
        return tcp(port)


class Relay(brokers.Started):
    def launch(self, work, group):
        process = group.start([self.program], work / "log")
        return process, int(process.wait_for_line(r"relay listening on 127\.0\.0\.1:(\d+)", brokers.START_LIMIT_S,
                                                  "its port").group(1))

    def url_of(self, port):
        return f"bare://127.0.0.1:{port}"

    def answers(self, port):
        return {"product": "bare relay"}


class Proxy(brokers.Started):
    absent = "there is no bench/bus-proxy: libzmq is not installed (Debian: libzmq3-dev)"

    def launch(self, work, group):
        process = group.start([self.program], work / "log")
        said = process.wait_for_line(r"proxy of libzmq ([\d.]+) listening on tcp://127\.0\.0\.1:(\d+) for publishers, "
                                     r"tcp://127\.0\.0\.1:(\d+) for", brokers.START_LIMIT_S, "its ports")
        self.version = said.group(1)
        return process, int(said.group(2)), "--subscribe", tcp(said.group(3))

    def url_of(self, port):
        return tcp(port)

    def answers(self, port):
        return {"product": "libzmq", "version": self.version}


def parse(text):
    """--broker NAME=PATH of a chaskid."""
    one = brokers.parse(text)
    if not one.starts:
        raise WrongUse(f"--broker {text}: expected NAME=PATH")
    return BusChaskid(one.name, one.program)


def known(build, more):
    """All brokers by name: ours, the relay, libzmq's, and those that were named."""
    build = pathlib.Path(build)
    proxy = build / "bench" / "bus-proxy"
    found = {"chaski": BusChaskid("chaski", build / "chaskid"), "relay": Relay("relay", build / "bench" / "bus-relay"),
             "proxy": Proxy("proxy", proxy if proxy.is_file() else None)}
    for one in map(parse, more):
        found[one.name] = one
    return found
