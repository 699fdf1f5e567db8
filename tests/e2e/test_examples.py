# SPDX-License-Identifier: Apache-2.0
"""The programs under examples/ do what their first lines say, in each language and across languages."""
import fcntl
import os
import signal
import subprocess
import sys
import threading

import pika
import pytest

from lib.broker import ROOT, wait_until

EXAMPLES = ROOT / "examples"
C_PROGRAMS = ROOT / "build" / "examples"
LIMIT_S = 20
LANGUAGES = ("python", "javascript", "c")


def prepare():
    """Builds the C programs and installs amqplib where that was not done; one test process at a time."""
    (ROOT / "build").mkdir(exist_ok=True)
    with open(ROOT / "build" / ".examples.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        subprocess.run(["make", "-s", "-C", EXAMPLES / "c", f"OUT={C_PROGRAMS}"], check=True, timeout=120)
        folder = EXAMPLES / "javascript"
        installed = folder / "node_modules" / ".package-lock.json"
        if not installed.exists() or installed.stat().st_mtime < (folder / "package-lock.json").stat().st_mtime:
            subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--prefix", folder], check=True, timeout=120)


@pytest.fixture(scope="module", autouse=True)
def programs():
    prepare()


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


def command_line(language, name, arguments):
    program = {"python": [sys.executable, EXAMPLES / "python" / f"{name}.py"],
               "javascript": ["node", EXAMPLES / "javascript" / f"{name}.js"],
               "c": [C_PROGRAMS / name]}[language]
    return [*program, *arguments]


class Receiver:
    """A program that runs until it is interrupted; its output is followed line by line."""

    def __init__(self, broker, language, name, *arguments):
        self.lines = []
        self._changed = threading.Condition()
        self._process = subprocess.Popen(command_line(language, name, arguments), stdout=subprocess.PIPE, text=True,
                                         stderr=subprocess.STDOUT, env={**os.environ, "AMQP_URL": broker.url})
        self._reader = threading.Thread(target=self._follow, daemon=True)
        self._reader.start()
        self.wait_for_line("waiting for")

    def _follow(self):
        for line in self._process.stdout:
            with self._changed:
                self.lines.append(line.rstrip("\n"))
                self._changed.notify_all()

    def _wait(self, condition, what):
        with self._changed:
            assert self._changed.wait_for(condition, LIMIT_S), f"not within {LIMIT_S} s: {what}; saw {self.lines}"

    def wait_for_line(self, start):
        self._wait(lambda: any(line.startswith(start) for line in self.lines), f"a line {start!r}…")

    def received(self):
        return [line for line in self.lines if not line.startswith("waiting for")]

    def wait_for(self, *lines):
        """Waits for these lines to have come, in this order, and no others."""
        self._wait(lambda: len(self.received()) >= len(lines), f"{len(lines)} lines")
        assert self.received() == list(lines)

    def end(self):
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(LIMIT_S)
        finally:
            self._process.kill()
            self._process.wait()
            self._reader.join(LIMIT_S)
            self._process.stdout.close()
        return self._process.returncode


@pytest.fixture
def receive(broker):
    """receive(language, name, argument...) starts a receiver and returns when it waits for messages."""
    started = []

    def start(language, name, *arguments):
        started.append(Receiver(broker, language, name, *arguments))
        return started[-1]

    yield start
    codes = [receiver.end() for receiver in started]
    assert all(code in (0, -signal.SIGINT) for code in codes), f"ended with {codes}"


@pytest.fixture
def run(broker):
    """run(language, name, argument...) runs a program to its end and gives its output, line by line."""
    def run_program(language, name, *arguments, code=0):
        done = subprocess.run(command_line(language, name, arguments), capture_output=True, text=True,
                              timeout=LIMIT_S, env={**os.environ, "AMQP_URL": broker.url})
        assert done.returncode == code, done.stdout + done.stderr
        return (done.stdout if code == 0 else done.stderr).splitlines()

    return run_program


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
