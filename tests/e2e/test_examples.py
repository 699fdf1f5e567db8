# SPDX-License-Identifier: Apache-2.0
"""The programs under examples/ do what their first lines say, in each language and across languages."""
import functools

import examples
import pika
import pytest
from examples import LANGUAGES, LIMIT_S
from lib.broker import wait_until


@pytest.fixture(scope="module", autouse=True)
def programs():
    examples.prepare()


@pytest.fixture(autouse=True)
def clean_broker(broker):
    """The examples use fixed names: whatever a test leaves behind is removed."""
    yield
    with pika.BlockingConnection(pika.URLParameters(broker.url)) as connection:
        channel = connection.channel()
        for queue in ("work", "factors"):
            channel.queue_delete(queue)
        for exchange in ("news", "alerts", "reports"):
            channel.exchange_delete(exchange)


@pytest.fixture
def receive(broker):
    """receive(language, name, argument...) starts a receiver and returns when it waits for messages."""
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


@pytest.mark.parametrize("language", LANGUAGES)
def test_work_is_shared_out_among_workers_and_each_task_is_done_once(receive, run, language):
    first, second = (receive(language, "work_queue_worker") for _ in range(2))
    assert run(language, "work_queue_send", "10", "1000", "0", "100") == [
        "sent task 10", "sent task 1000", "sent task 0", "sent task 100"]
    wait_until(lambda: len(first.received() + second.received()) >= 4, "four tasks done", LIMIT_S)
    assert sorted(first.received() + second.received()) == [
        "primes below 0: 0", "primes below 1000: 168", "primes below 100: 25", "primes below 10: 4"]
    assert first.received() and second.received()


@pytest.mark.parametrize("language", LANGUAGES)
def test_everybody_who_listens_hears_the_news(receive, run, language):
    listeners = [receive(language, "publish_subscribe_receive") for _ in range(2)]
    assert run(language, "publish_subscribe_emit", "it rains", "it rained") == ["sent it rains", "sent it rained"]
    for listener in listeners:
        listener.wait_for("news: it rains", "news: it rained")


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_alert_reaches_who_asked_for_its_severity(receive, run, language):
    both, one = receive(language, "routing_receive", "error", "info"), receive(language, "routing_receive", "error")
    run(language, "routing_emit", "info", "all is well")
    run(language, "routing_emit", "debug", "nobody hears this")
    assert run(language, "routing_emit", "error", "disk full") == ["sent error: disk full"]
    one.wait_for("error: disk full")
    both.wait_for("info: all is well", "error: disk full")


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_report_reaches_each_matching_receiver_once(receive, run, language):
    rain = receive(language, "topics_receive", "weather.*.rain")
    cusco = receive(language, "topics_receive", "weather.*.rain", "weather.cusco.#")
    run(language, "topics_emit", "weather.cusco.rain", "take a coat")
    run(language, "topics_emit", "weather.lima.sun", "nobody hears this")
    run(language, "topics_emit", "weather.cusco", "mild")
    assert run(language, "topics_emit", "weather.lima.rain", "rare") == ["sent weather.lima.rain: rare"]
    rain.wait_for("weather.cusco.rain: take a coat", "weather.lima.rain: rare")
    cusco.wait_for("weather.cusco.rain: take a coat", "weather.cusco: mild", "weather.lima.rain: rare")


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_question_gets_its_own_answer(receive, run, language):
    server = receive(language, "rpc_server")
    answers = ["360 = 2 x 2 x 2 x 3 x 3 x 5", "97 = 97", "1 = 1", "1001 = 7 x 11 x 13"]
    assert run(language, "rpc_client", "360", "97", "1", "1001") == answers
    server.wait_for(*answers)


@pytest.mark.parametrize("language", LANGUAGES)
def test_messages_are_confirmed_and_an_unroutable_one_comes_back(run, language):
    assert run(language, "confirms", "500") == ["500 messages confirmed", "returned: NO_ROUTE"]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", ["work_queue_send", "publish_subscribe_emit", "routing_emit", "routing_receive",
                                  "topics_emit", "topics_receive", "rpc_client"])
def test_a_program_without_its_arguments_says_how_it_is_used(run, language, name):
    assert any(line.startswith(f"usage: {name}") for line in run(language, name, code=1))


@pytest.mark.parametrize("asking, answering", [("python", "c"), ("c", "javascript"), ("javascript", "python")])
def test_the_languages_understand_each_other(receive, run, asking, answering):
    receive(answering, "rpc_server")
    listener = receive(answering, "topics_receive", "#")
    assert run(asking, "rpc_client", "12", "13") == ["12 = 2 x 2 x 3", "13 = 13"]
    run(asking, "topics_emit", "weather.cusco", "ñandú")
    listener.wait_for("weather.cusco: ñandú")
