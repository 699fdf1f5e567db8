# SPDX-License-Identifier: Apache-2.0
"""What is published twice is queued once: by an id, for which an exchange or a queue has a window, and by the number that its
publisher gave it. All of it after a kill too."""
import signal

import pika
import pytest
from client import *
from lib import http
from stored import data_dir, start

pytestmark = pytest.mark.chaski_only

ON = {"x-message-deduplication": True}


class Session:
    """A connection with a channel that confirms."""

    def __init__(self, broker):
        self.connection = connection_to(broker)
        self.channel = self.connection.channel()
        self.channel.confirm_delivery()

    def exchange(self, name, arguments=ON, kind="fanout", durable=True):
        self.channel.exchange_declare(name, kind, durable=durable, arguments=arguments)

    def queue(self, name, *exchanges, arguments=None, durable=True):
        self.channel.queue_declare(name, durable=durable, arguments=arguments)
        for exchange in exchanges:
            self.channel.queue_bind(name, exchange)

    def publish(self, exchange, key, body, mandatory=True, mode=2, **headers):
        """Confirmed when it returns."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.channel.basic_publish(exchange, key, body.encode(), pika.BasicProperties(delivery_mode=mode, headers=named),
                                   mandatory=mandatory)

    def send(self, exchange, key, number, **how):
        """A message whose id is its body."""
        self.publish(exchange, key, f"m{number}", x_deduplication_header=f"m{number}", **how)

    def take(self, queue):
        """All that is in the queue: bodies."""
        bodies = []
        while True:
            method, _, body = self.channel.basic_get(queue, auto_ack=True)
            if method is None:
                return bodies
            bodies.append(body.decode())

    def count(self, queue):
        return self.channel.queue_declare(queue, passive=True).method.message_count


def end(broker, how):
    """SIGKILL, or SIGTERM while nobody is connected."""
    if how == "kill":
        broker.kill()
    else:
        broker.signal(signal.SIGTERM)
        assert broker.wait_for_exit() == 0


@pytest.fixture(params=["kill", "stop"])
def again(request, start):
    def follow(broker, session):
        if request.param == "stop":
            session.connection.close()
        end(broker, request.param)
        return start()

    return follow


# ---- by id ----


def test_a_repeat_is_confirmed_and_queued_once_after_every_end(again, start):
    broker = start()
    for life in range(3):
        s = Session(broker)
        s.exchange("x")
        s.queue("q", "x")
        for number in range(5):
            s.send("x", "", number)
        s.send("x", "", f"of-life-{life}")
        broker = again(broker, s)
    s = Session(broker)
    assert s.take("q") == ["m0", "m1", "m2", "m3", "m4", "mof-life-0", "mof-life-1", "mof-life-2"]


def test_what_was_not_confirmed_is_there_once_when_it_was_sent_again(start):
    """The publisher knows nothing of what became of its messages, sends them again, and none is missing or double."""
    broker = start()
    s = Session(broker)
    s.exchange("x", {**ON, "x-cache-size": 1000})
    s.queue("q", "x")
    total, first = 3000, 0
    for _ in range(3):
        parameters = pika.URLParameters(broker.url)
        raw = pika.BlockingConnection(parameters)
        channel = raw.channel()  # without confirms pika does not wait
        for number in range(first, total):
            channel.basic_publish("x", "", f"m{number}".encode(),
                                  pika.BasicProperties(delivery_mode=2, headers={"x-deduplication-header": f"m{number}"}))
            if number == first + 900:
                break
        broker.kill()  # somewhere amid them
        broker = start()
        s = Session(broker)
        first = max(0, s.count("q") - 50)  # some that are there, and all that are not
    for number in range(total):
        if number >= first:
            s.send("x", "", number)
    assert s.take("q") == [f"m{number}" for number in range(total)]


def test_a_window_forgets_the_oldest(broker, name):
    s, x, q = Session(broker), name("x"), name("q")
    s.exchange(x, {**ON, "x-cache-size": 3})
    s.queue(q, x)
    for number in [1, 2, 3, 1, 4, 2, 1]:  # 4 makes 1 go, 1 makes 2 go
        s.send(x, "", number)
    assert s.take(q) == ["m1", "m2", "m3", "m4", "m1"]
    s.connection.close()


def test_128_are_remembered_unless_it_is_said(broker, name):
    s, x, q = Session(broker), name("x"), name("q")
    s.exchange(x)
    s.queue(q, x)
    for number in [*range(129), 128, 1, 0]:
        s.send(x, "", number)
    assert s.take(q) == [f"m{number}" for number in [*range(129), 0]]
    s.connection.close()


def test_a_window_of_time_goes_on_while_the_broker_is_down(start):
    broker = start()
    s = Session(broker)
    s.exchange("x", {**ON, "x-cache-ttl": 3600000})
    s.queue("q", "x")
    s.queue("short", arguments={**ON, "x-cache-ttl": 1})
    s.send("x", "", 1)
    s.send("", "short", 1)
    broker.kill()
    s = Session(start())
    s.send("x", "", 1)
    s.send("", "short", 1)
    s.send("x", "", 2, x_cache_ttl=1)  # in its own time
    assert s.take("short") == ["m1", "m1"]
    while s.count("q") < 3:
        s.send("x", "", 2, x_cache_ttl=1)
    assert s.take("q")[:3] == ["m1", "m2", "m2"]


def test_two_exchanges_remember_for_themselves(broker, name):
    s, x, y, q = Session(broker), name("x"), name("y"), name("q")
    s.exchange(x)
    s.exchange(y)
    s.queue(q, x, y)
    for exchange in [x, y, x, y]:
        s.send(exchange, "", 1)
    assert s.take(q) == ["m1", "m1"]
    s.connection.close()


def test_an_exchange_behind_an_exchange_keeps_out_its_part(broker, name):
    s, x, y, before, behind = Session(broker), name("x"), name("y"), name("q"), name("q")
    s.exchange(x, None)
    s.exchange(y)
    s.channel.exchange_bind(y, x)
    s.queue(before, x)
    s.queue(behind, y)
    s.send(x, "", 1)
    s.send(x, "", 1)
    assert (s.take(before), s.take(behind)) == (["m1", "m1"], ["m1"])
    s.connection.close()


def test_a_queue_keeps_out_what_others_get(broker, name):
    s, x, once, every = Session(broker), name("x"), name("q"), name("q")
    s.exchange(x, None)
    s.queue(once, x, arguments=ON)
    s.queue(every, x)
    before = http.metrics(broker)["chaski_messages_duplicate_total"]
    for _ in range(3):
        s.send(x, "", 1)
    s.send("", once, 1)
    assert (s.take(once), s.take(every)) == (["m1"], ["m1"] * 3)
    assert http.metrics(broker)["chaski_messages_duplicate_total"] == before + 3
    rows = {row["name"]: row for row in http.api(broker, "/queues")}
    assert (rows[once]["messages_duplicate"], rows[every]["messages_duplicate"]) == (3, 0)
    s.connection.close()


def test_a_queue_of_many_remembers_for_itself_after_a_kill(start):
    broker = start()
    s = Session(broker)
    s.exchange("x", None)
    for number in range(10):
        s.queue(f"q{number}", "x", arguments=ON if number % 2 else None)
    s.send("x", "", 1)
    broker.kill()
    s = Session(start())
    s.send("x", "", 1)
    for number in range(10):
        assert s.take(f"q{number}") == ["m1"] * (1 if number % 2 else 2)


def test_another_header_may_bear_the_id(broker, name):
    s, q = Session(broker), name("q")
    s.queue(q, arguments={"x-deduplication-header": "order"})
    for body, order in [("a", 1), ("b", 1), ("c", "1"), ("d", "1"), ("e", 2)]:
        s.publish("", q, body, order=order)
    s.send("", q, 1)
    s.send("", q, 1)
    assert s.take(q) == ["a", "c", "e", "m1", "m1"]
    s.connection.close()


def test_what_reached_no_queue_may_be_sent_again(broker, name):
    s, x, q = Session(broker), name("x"), name("q")
    s.exchange(x)
    with pytest.raises(pika.exceptions.UnroutableError):
        s.send(x, "", 1)
    s.queue(q, x)
    s.send(x, "", 1)
    s.send(x, "", 1)
    assert s.take(q) == ["m1"]
    s.connection.close()


def test_a_transient_message_takes_its_id_with_it(start):
    broker = start()
    s = Session(broker)
    s.exchange("x")
    s.queue("q", "x")
    s.send("x", "", 1, mode=1)
    s.send("x", "", 1, mode=1)
    assert s.count("q") == 1
    broker.kill()
    s = Session(start())
    s.send("x", "", 1, mode=1)
    assert s.take("q") == ["m1"]


def test_long_ids_and_large_bodies(start):
    broker = start()
    s = Session(broker)
    s.queue("q", arguments=ON)
    body = "x" * 300000
    for identity in ["i" * 20000, "i" * 20000, "i" * 19999 + "j"]:
        s.publish("", "q", body, x_deduplication_header=identity)
    broker.kill()
    s = Session(start())
    s.publish("", "q", body, x_deduplication_header="i" * 20000)
    assert s.take("q") == [body, body]


# ---- confirms ----


@pytest.mark.threads
def test_confirms_of_new_ones_and_repeats_come_in_order(broker, connect, name):
    channel, q = connect().channel(), name("q")
    channel.queue_declare(q, durable=True, arguments={**ON, "x-cache-size": 1000})
    confirms = Confirms(channel)
    for number in range(1000):
        identity = number if number % 3 else number // 2
        channel.basic_publish("", q, str(identity).encode(),
                              pika.BasicProperties(delivery_mode=2, headers={"x-deduplication-header": identity}))
    confirms.wait_for(lambda: len(confirms.settled()) == 1000, "1000 confirms")
    assert set(confirms.settled().values()) == {"ack"}
    assert channel.queue_declare(q, passive=True).method.message_count == \
        len({number if number % 3 else number // 2 for number in range(1000)})


# ---- by number ----


def number(s, sequence, exchange="", key="q", publisher="p", body=None):
    s.publish(exchange, key, body or f"n{sequence}", x_publisher_id=publisher, x_publisher_sequence=sequence)


def test_a_publisher_goes_on_with_its_numbers(again, start):
    broker = start()
    sent = 0
    for _ in range(3):
        s = Session(broker)
        s.queue("q", "amq.fanout")
        for sequence in range(max(0, sent - 5), sent + 20):  # the last ones again
            number(s, sequence, exchange="amq.fanout" if sequence % 2 else "")
        sent += 20
        number(s, 3, publisher="another", body="another")
        broker = again(broker, s)
    s = Session(broker)
    bodies = s.take("q")
    assert [body for body in bodies if body != "another"] == [f"n{sequence}" for sequence in range(60)]
    assert bodies.count("another") == 1


def test_whoever_is_longest_silent_is_forgotten(start):
    broker = start({"limits.publishers": 3})
    s = Session(broker)
    s.queue("q")
    for publisher in ["a", "b", "c"]:
        number(s, 1, publisher=publisher, body=publisher)
    number(s, 2, publisher="a", body="a")
    broker.kill()
    broker = start({"limits.publishers": 3})
    s = Session(broker)
    for publisher in ["d", "a", "c", "b"]:  # d makes b go
        number(s, 1, publisher=publisher, body=publisher)
    assert s.take("q") == ["a", "b", "c", "a", "d", "b"]
    metrics = http.metrics(broker)
    assert metrics["chaski_deduplication_publishers"] == 3
    assert metrics["chaski_deduplication_publishers_forgotten_total"] == 2


@pytest.mark.parametrize("publisher, sequence, text", [
    ("p", -1, "invalid header 'x-publisher-sequence': '-1', expected an integer from 0 on"),
    ("p", "7", "invalid header 'x-publisher-sequence': '7', expected an integer from 0 on"),
    ("p", None, "invalid header 'x-publisher-sequence': 'undefined', expected an integer from 0 on"),
    (7, 7, "invalid header 'x-publisher-id': '7', expected a string"),
])
def test_numbers_that_cannot_be_are_refused(broker, connect, name, publisher, sequence, text):
    channel, q = connect().channel(), name("q")
    channel.queue_declare(q)
    with refused(406, text):
        channel.basic_publish("", q, b"m", pika.BasicProperties(
            headers={"x-publisher-id": publisher, "x-publisher-sequence": sequence}))
        channel.queue_declare(q, passive=True)


# ---- arguments ----


@pytest.mark.parametrize("arguments, argument, text", [
    ({"x-message-deduplication": 1}, "x-message-deduplication", "'1', expected true or false"),
    ({**ON, "x-cache-size": 0}, "x-cache-size", "'0', expected a number from 1 to {most} (limits.deduplication_ids)"),
    ({**ON, "x-cache-size": 100000001}, "x-cache-size",
     "'100000001', expected a number from 1 to {most} (limits.deduplication_ids)"),
    ({**ON, "x-cache-ttl": "1s"}, "x-cache-ttl", "'1s', expected milliseconds from 1 on"),
    ({"x-deduplication-header": 5}, "x-deduplication-header", "'5', expected the name of a header"),
    ({"x-cache-ttl": 5}, "x-cache-ttl", "it means nothing without 'x-message-deduplication'"),
])
@pytest.mark.parametrize("what", ["exchange", "queue"])
def test_arguments_that_cannot_be_are_refused(broker, connect, name, what, arguments, argument, text):
    channel, one = connect().channel(), name("n")
    most = broker.settings.get("limits.deduplication_ids", 1000000)
    with refused(406, f"invalid arg '{argument}' for {what} '{one}' in vhost '/': {text.format(most=most)}"):
        if what == "queue":
            channel.queue_declare(one, arguments=arguments)
        else:
            channel.exchange_declare(one, arguments=arguments)


def test_a_synchronous_exchange_has_its_own_way(broker, connect, name):
    x = name("x")
    with refused(406, f"invalid arg 'x-message-deduplication' for exchange '{x}' in vhost '/': "
                      "one with 'x-sync' knows repeats by message-id"):
        connect().channel().exchange_declare(x, arguments={**ON, "x-sync": "all"})


def test_another_declaration_has_to_ask_for_the_same(broker, connect, name):
    channel, x, q = connect().channel(), name("x"), name("q")
    for _ in range(2):
        channel.exchange_declare(x, arguments={**ON, "x-cache-size": 5})
        channel.queue_declare(q, arguments={**ON, "x-cache-size": 5})
    with refused(406, f"inequivalent arg 'x-cache-size' for exchange '{x}' in vhost '/': "
                      "received '6' but current is '5'"):
        channel.exchange_declare(x, arguments={**ON, "x-cache-size": 6})
    channel = connect().channel()
    with refused(406, f"inequivalent arg 'x-message-deduplication' for queue '{q}' in vhost '/': "
                      "received none but current is the value 'true' of type 'bool'"):
        channel.queue_declare(q)
