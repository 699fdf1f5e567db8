# SPDX-License-Identifier: Apache-2.0
"""The two programs of the article that everybody learns publishing and subscribing from, through the bus, in the three ways
in which that can be arranged. They differ from what was printed in their addresses alone (and the subscriber lacks
a line that names an option ZeroMQ does not have)."""
import subprocess
import sys
import threading

import pytest

from bus import *
from bus import wait_for
from lib.ports import kept_port

PUBLISH = """
import zmq

context = zmq.Context()

publisher = context.socket(zmq.PUB)
publisher.bind("tcp://*:5557")

while True:
    message = input("Enter message: ")
    publisher.send_string(message)
    print("Sent: %s" % message)
"""

SUBSCRIBE = """
import zmq

context = zmq.Context()

subscriber = context.socket(zmq.SUB)
subscriber.connect("tcp://localhost:5557")

subscriber.setsockopt(zmq.LINGER, 0)

subscriber.subscribe(b"")

while True:
    message = subscriber.recv()
    print("Received: %s" % message)
"""


class Program:
    """One of them, running; its output is followed."""

    def __init__(self, text, *changes):
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        self.output = ""
        self._process = subprocess.Popen([sys.executable, "-u", "-c", text], stdin=subprocess.PIPE,
                                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1)
        self._reader = threading.Thread(target=self._follow, daemon=True)
        self._reader.start()

    def _follow(self):
        for line in self._process.stdout:
            self.output += line

    def enter(self, line):
        self._process.stdin.write(line + "\n")

    def received(self):
        return [line for line in self.output.splitlines() if line.startswith("Received: ")]

    def end(self):
        self._process.kill()
        self._process.wait()
        self._reader.join(LIMIT_S)
        self._process.stdin.close()
        self._process.stdout.close()


@pytest.fixture
def run():
    started = []

    def start(*how):
        started.append(Program(*how))
        return started[-1]

    yield start
    for program in started:
        program.end()


def check_that_it_works(publisher, *subscribers):
    """What is entered at the one is printed by the others."""
    def all_hear():
        publisher.enter("is anybody there?")
        return all(one.received() for one in subscribers)
    wait_for(all_hear, "the first message arrives", every_s=0.05)
    for text in ("hello", "a word, and a second one", "the last"):
        publisher.enter(text)
    for one in subscribers:
        wait_for(lambda: one.output.endswith("Received: b'the last'\n"), "the last message arrives")
        assert one.received()[-3:] == ["Received: b'hello'", "Received: b'a word, and a second one'",
                                       "Received: b'the last'"]


@pytest.mark.threads
@pytest.mark.broker(settings=listen(events=EVENTS))
def test_on_one_machine_the_publisher_connects_where_it_bound(broker, run):
    here = ("5557", str(broker.bus_port("events")))
    publisher = run(PUBLISH, ("bind", "connect"), ("*", "localhost"), here)
    check_that_it_works(publisher, run(SUBSCRIBE, here), run(SUBSCRIBE, here))


@pytest.mark.threads
def test_on_one_machine_the_publisher_binds_another_port_and_the_bus_dials_it(start_broker, run):
    port = kept_port()
    broker = start_broker({**listen(events=EVENTS),
                           "bus.connect.press": f"tcp://127.0.0.1:{port} exchange=amq.events"})
    subscriber = run(SUBSCRIBE, ("5557", str(broker.bus_port("events"))))
    check_that_it_works(run(PUBLISH, ("5557", str(port))), subscriber)


@pytest.mark.threads
def test_on_machines_of_their_own_the_subscriber_names_another_host_and_nothing_else_changes(start_broker, run):
    """127.0.0.2 is the publisher's machine, 127.0.0.3 the bus's; the port is the same everywhere."""
    port = kept_port("127.0.0.2", "127.0.0.3")
    start_broker({"bus.listen.events": f"tcp://127.0.0.3:{port} {EVENTS}",
                  "bus.connect.press": f"tcp://127.0.0.2:{port} {EVENTS}"})
    subscriber = run(SUBSCRIBE, ("localhost", "127.0.0.3"), ("5557", str(port)))
    publisher = run(PUBLISH, ("*", "127.0.0.2"), ("5557", str(port)))
    check_that_it_works(publisher, subscriber)


@pytest.mark.threads
def test_the_bus_finds_a_publisher_that_comes_late_or_comes_back(start_broker, run):
    port = kept_port()
    broker = start_broker({**listen(events=EVENTS),
                           "bus.connect.press": f"tcp://127.0.0.1:{port} exchange=amq.events"})
    broker.wait_for_log("bus.connect.press")  # it says that nobody is there
    subscriber = run(SUBSCRIBE, ("5557", str(broker.bus_port("events"))))
    first = run(PUBLISH, ("5557", str(port)))
    check_that_it_works(first, subscriber)
    first.end()
    subscriber.output = ""
    check_that_it_works(run(PUBLISH, ("5557", str(port))), subscriber)
