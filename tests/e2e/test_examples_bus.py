# SPDX-License-Identifier: Apache-2.0
"""The programs under examples/ that use the bus: events, messages and queues, by ZeroMQ, and across to AMQP."""
import functools
import re

import examples
import pytest
from lib import http
from lib.broker import wait_until
from lib.ports import kept_port

pytestmark = pytest.mark.chaski_only

PORTS = {"bus.listen.work": "tcp://127.0.0.1:0 queue=work", "bus.listen.factors": "tcp://127.0.0.1:0 queue=factors"}
ZEROMQ = ("python", "javascript")
PUBLISHERS = [("python", "events_publisher"), ("javascript", "events_publisher")]
HANDLERS = [("python", "events_handler"), ("javascript", "events_handler"), ("python", "events_handler_pika")]


@pytest.fixture(scope="module", autouse=True)
def programs():
    examples.prepare()


@pytest.fixture
def broker(start_broker):
    return start_broker(PORTS)


@pytest.fixture
def receive(broker):
    """receive(language, name, argument...) starts a program and returns when it waits."""
    started = []

    def start(language, name, *arguments):
        started.append(examples.Receiver(broker, language, name, *arguments))
        return started[-1]

    yield start
    examples.end_all(started)


@pytest.fixture
def run(broker):
    """run(language, name, argument...) runs a program to its end and gives its output, line by line."""
    return functools.partial(examples.run, broker)


def without_numbers(lines):
    return [re.sub(r"^event \d+, ", "", line) for line in lines]


@pytest.mark.parametrize("publisher", PUBLISHERS)
@pytest.mark.parametrize("handler", HANDLERS)
def test_a_publisher_hears_what_handlers_made_of_its_events(receive, run, publisher, handler):
    assert run(*publisher, "orders.new", "1") == ["orders.new 1: none"]
    one = receive(*handler, "orders.", "tax")
    receive("python", "events_handler", "orders.new")
    assert run(*publisher, "orders.new", "100", "much") == [
        "orders.new 100: ok", "  ok: tax 18.00", "  ok: tax 18.00",
        "orders.new much: failed", "  failed: much is no amount", "  failed: much is no amount"]
    wait_until(lambda: len(one.received()) == 2, "both events", examples.LIMIT_S)
    assert without_numbers(one.received()) == ["orders.new 100: tax 18.00", "orders.new much: much is no amount"]


def test_a_confirm_waits_for_the_handlers(receive, run):
    assert run("python", "events_publisher_pika", "orders.new", "1") == ["orders.new 1: nobody is there to handle it"]
    handlers = [receive(*handler, "orders.") for handler in HANDLERS]
    assert run("python", "events_publisher_pika", "orders.new", "50", "x") == [
        "orders.new 50: handled", "orders.new x: a handler failed, or was too late"]
    for handler in handlers:
        assert without_numbers(handler.received())[:1] == ["orders.new 50: tax 9.00"]


@pytest.mark.parametrize("handler", HANDLERS)
def test_members_of_a_group_share_its_events(receive, run, handler):
    members = [receive(*handler, "orders.", "tax") for _ in range(2)]
    said = run("python", "events_publisher", "orders.new", *(str(100 * i) for i in range(1, 9)))
    assert said.count("  ok: tax 18.00") == 1 and sum(line.startswith("  ok") for line in said) == 8
    wait_until(lambda: sum(len(one.received()) for one in members) == 8, "eight events", examples.LIMIT_S)


@pytest.mark.parametrize("language", ZEROMQ)
def test_an_example_handler_joins_again_after_a_restart(start_broker, tmp_path, language):
    settings = {**PORTS, "bus.listen.events": f"tcp://127.0.0.1:{kept_port()} exchange=amq.events",
                "data_dir": str(tmp_path)}
    first = start_broker(settings)
    handler = examples.Receiver(first, language, "events_handler", "orders.")
    first.stop()
    second = start_broker(settings)
    wait_until(lambda: handler.lines.count("waiting for events, Ctrl-C ends") == 2, "it to join again", examples.LIMIT_S)
    assert examples.run(second, "python", "events_publisher", "orders.new", "100") == [
        "orders.new 100: ok", "  ok: tax 18.00"]
    examples.end_all([handler])


@pytest.mark.parametrize("publishing", ZEROMQ)
@pytest.mark.parametrize("hearing", ZEROMQ)
def test_who_subscribes_hears_what_is_published(receive, run, publishing, hearing):
    listener = receive(hearing, "zmq_sub", "weather.", "probe")

    def subscribed():  # a subscriber is not told when it is in
        run("python", "zmq_pub", "probe", "x")
        return listener.received()
    wait_until(subscribed, "the subscription", examples.LIMIT_S)
    assert run(publishing, "zmq_pub", "weather.cusco", "mild", "cold") == [
        "sent weather.cusco: mild", "sent weather.cusco: cold"]
    run(publishing, "zmq_pub", "news", "nobody hears this")
    run(publishing, "zmq_pub", "weather.lima", "ñandú")
    wait_until(lambda: "weather.lima: ñandú" in listener.received(), "the last message", examples.LIMIT_S)
    assert [line for line in listener.received() if line != "probe: x"] == [
        "weather.cusco: mild", "weather.cusco: cold", "weather.lima: ñandú"]


def is_empty(broker, queue):
    """True if nothing is in the queue, nor out with a consumer that has not acked it yet."""
    return http.api(broker, f"/queues/%2F/{queue}")["messages"] == 0


def test_tasks_cross_between_the_wires(broker, receive, run):
    assert run("python", "zmq_push", "10", "100") == ["sent task 10", "sent task 100"]
    worker = receive("python", "work_queue_worker")
    worker.wait_for("primes below 10: 4", "primes below 100: 25")
    wait_until(lambda: is_empty(broker, "work"), "both tasks are acked", examples.LIMIT_S)
    worker.end()
    run("javascript", "work_queue_send", "7")
    receive("python", "zmq_pull").wait_for("task 7")


@pytest.mark.parametrize("asking, answering", [
    (("python", "zmq_req"), ("python", "zmq_rep")), (("python", "zmq_req"), ("javascript", "rpc_server")),
    (("python", "rpc_client"), ("python", "zmq_rep")), (("c", "rpc_client"), ("python", "zmq_rep"))])
def test_questions_cross_between_the_wires(receive, run, asking, answering):
    receive(*answering)
    assert run(*asking, "360", "97") == ["360 = 2 x 2 x 2 x 3 x 3 x 5", "97 = 97"]


@pytest.mark.parametrize("language, name", [
    *(("python", name) for name in ("events_publisher", "events_handler", "events_publisher_pika", "events_handler_pika",
                                    "zmq_pub", "zmq_sub", "zmq_push", "zmq_req")),
    *(("javascript", name) for name in ("events_publisher", "events_handler", "zmq_pub", "zmq_sub"))])
def test_a_program_without_its_arguments_says_how_it_is_used(run, language, name):
    assert any(line.startswith(f"usage: {name}") for line in run(language, name, code=1))
