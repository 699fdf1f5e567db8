# SPDX-License-Identifier: Apache-2.0
"""chaski publish, subscribe, event and handle, over both wires, against a daemon of the same build."""
import json
import os
import re
import signal
import subprocess
import sys
import threading
import uuid

import pytest
import zmq
from lib import http
from lib.broker import environment, tool, wait_until
from lib.ports import kept_port

pytestmark = pytest.mark.chaski_only

LIMIT_S = 30
WIRES = ("amqp", "zmtp")
PAIRS = [(one, other) for one in WIRES for other in WIRES]


def url_of(broker, wire):
    return broker.url if wire == "amqp" else f"tcp://127.0.0.1:{broker.bus_port()}"


class Running:
    """A verb that runs until it ends, or is told to; both its outputs are followed line by line."""

    def __init__(self, *args):
        self.lines, self.said = [], []
        self._changed = threading.Condition()
        self.process = subprocess.Popen([tool(), *args], env=environment(), text=True, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
        self._readers = [threading.Thread(target=self._follow, args=pair, daemon=True)
                         for pair in ((self.process.stdout, self.lines), (self.process.stderr, self.said))]
        for reader in self._readers:
            reader.start()

    def _follow(self, stream, lines):
        for line in stream:
            with self._changed:
                lines.append(line.rstrip("\n"))
                self._changed.notify_all()

    def _wait(self, condition, what):
        with self._changed:
            assert self._changed.wait_for(condition, LIMIT_S), f"not in time: {what}; {self.lines}, {self.said}"

    def wait_said(self, part, count=1):
        self._wait(lambda: sum(part in line for line in self.said) >= count, f"{part!r} on stderr")

    def wait_lines(self, count):
        self._wait(lambda: len(self.lines) >= count, f"{count} lines")
        return list(self.lines)

    def end(self, number=signal.SIGINT):
        if self.process.poll() is None and number:
            self.process.send_signal(number)
        try:
            self.process.wait(LIMIT_S)
        finally:
            self.process.kill()
            self.process.wait()
            for reader in self._readers:
                reader.join(LIMIT_S)
            for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
                stream.close()
        return self.process.returncode


@pytest.fixture
def start():
    """start("subscribe", …) returns once the verb is at work."""
    started = []

    def run(verb, *args):
        one = Running(verb, *args)
        started.append(one)
        if verb in ("subscribe", "handle"):
            one.wait_said("Ctrl-C ends")
        return one

    yield run
    codes = [(one.end(), one.said) for one in started]
    assert not [pair for pair in codes if pair[0] in (-signal.SIGSEGV, -signal.SIGABRT, 99)], codes


def chaski(*args, given=None):
    """Exit code, stdout, stderr."""
    done = subprocess.run([tool(), *args], env=environment(), capture_output=True, timeout=LIMIT_S,
                          stdin=subprocess.DEVNULL if given is None else None, input=given)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def publish(broker, wire, *args, given=None):
    code, out, said = chaski("publish", "--url", url_of(broker, wire), *args, given=given)
    assert (code, said) == (0, ""), (code, said)
    return out


def event(broker, wire, *args, code=0):
    """The report of an event."""
    got, out, said = chaski("event", "--url", url_of(broker, wire), "--json", *args)
    assert (got, said) == (code, ""), (got, out, said)
    return json.loads(out)


def topic():
    """One that no other test has."""
    return f"t{uuid.uuid4().hex[:12]}."


def settle_subscription(broker, wire, subscriber, name):
    """SUBs are not told when they are in: publishes until something comes, and gives how many lines that made."""
    if wire == "zmtp":
        def came():
            publish(broker, "zmtp", name, "probe")
            return subscriber.lines
        wait_until(came, "a first message", LIMIT_S, every_s=0.1)
        marker = uuid.uuid4().hex
        publish(broker, "zmtp", name, marker)
        wait_until(lambda: any(marker in line for line in subscriber.lines), "the marker", LIMIT_S)
    return len(subscriber.lines)


# ---- publish and subscribe ----


@pytest.mark.parametrize("sender, receiver", PAIRS)
def test_what_one_publishes_another_prints(broker, start, sender, receiver):
    name = topic()
    sub = start("subscribe", "--url", url_of(broker, receiver), "--json", name)
    before = settle_subscription(broker, receiver, sub, name + "probe")
    assert publish(broker, sender, name + "a", "hello") == "published 1 message\n"
    assert publish(broker, sender, name + "b", "-", given=b"from\0stdin\n") == "published 1 message\n"
    publish(broker, sender, name + "c", "--", "-x")
    publish(broker, sender, name + "d")
    got = [json.loads(line) for line in sub.wait_lines(before + 4)[before:]]
    assert [(one["topic"], one["body"]) for one in got] == [
        (name + "a", "hello"), (name + "b", "from\0stdin\n"), (name + "c", "-x"), (name + "d", "")]
    assert sub.end() == 0


def test_people_see_a_line_each_whatever_is_in_it(broker, start):
    name = topic()
    sub = start("subscribe", "--url", broker.url, name)
    publish(broker, "amqp", name, "café\n")
    publish(broker, "amqp", name, "-", given=b"a\nb\x1b[31m")
    publish(broker, "amqp", name, "-", given=b"caf\xe9")
    assert sub.wait_lines(3) == [f"{name} café", f"{name} a?b?[31m", f"{name} caf?"]


@pytest.mark.parametrize("wire", WIRES)
def test_octets_that_are_no_text_are_printed_as_base64(broker, start, wire):
    name = topic()
    sub = start("subscribe", "--url", broker.url, "--json", name)
    publish(broker, wire, name, "-", given=bytes([255, 0, 254, 1]))
    got = json.loads(sub.wait_lines(1)[0])
    assert got["body64"] == "/wD+AQ==" and "body" not in got


@pytest.mark.parametrize("wire", WIRES)
def test_a_message_that_fits_two_prefixes_comes_once(broker, start, wire):
    name = topic()
    sub = start("subscribe", "--url", url_of(broker, wire), name, name + "a")
    before = settle_subscription(broker, wire, sub, name + "a")
    publish(broker, "amqp", name + "a", "1")
    publish(broker, "amqp", "other." + name, "no")
    publish(broker, "amqp", name + "b", "2")
    assert sub.wait_lines(before + 2)[before:] == [f"{name}a 1", f"{name}b 2"]


def test_patterns_choose_by_words(broker, start):
    name = topic()
    sub = start("subscribe", "--url", broker.url, "--pattern", name + "*.rain")
    for key in ("cusco.sun", "cusco.rain", "x.y.rain", "lima.rain"):
        publish(broker, "amqp", name + key, "x")
    assert sub.wait_lines(2) == [f"{name}cusco.rain x", f"{name}lima.rain x"]


@pytest.mark.parametrize("wire", WIRES)
def test_lines_are_published_as_they_come(broker, start, wire):
    name = topic()
    sub = start("subscribe", "--url", broker.url, name)
    writer = start("publish", "--url", url_of(broker, wire), name, "--lines")
    writer.process.stdin.write("one\n\n")
    writer.process.stdin.flush()
    assert sub.wait_lines(2) == [f"{name} one", f"{name} "]
    writer.process.stdin.write("the last, without an end")
    writer.process.stdin.close()
    writer.process.stdin = open("/dev/null", encoding="ascii")
    assert sub.wait_lines(3)[2] == f"{name} the last, without an end"
    assert writer.end(0) == 0 and writer.lines == ["published 3 messages"]


@pytest.mark.parametrize("wire", WIRES)
def test_a_file_many_times_and_by_lines(broker, start, wire, tmp_path):
    name, file = topic(), tmp_path / "body"
    file.write_text("a\nb\n")
    sub = start("subscribe", "--url", broker.url, "--json", name)
    assert publish(broker, wire, name, "--file", str(file), "--count", "700") == "published 700 messages\n"
    assert publish(broker, wire, name, "--file", str(file), "--lines") == "published 2 messages\n"
    bodies = [json.loads(line)["body"] for line in sub.wait_lines(702)]
    assert bodies == ["a\nb\n"] * 700 + ["a", "b"]


def test_frames_are_shown_apart(broker, start):
    name = topic()
    sub = start("subscribe", "--url", url_of(broker, "zmtp"), "--json", name)
    settle_subscription(broker, "zmtp", sub, name)
    before = len(sub.lines)
    with zmq.Context() as context, context.socket(zmq.PUSH) as push:
        push.linger = LIMIT_S * 1000
        push.connect(url_of(broker, "zmtp"))
        push.send_multipart([name.encode(), b"", b"two", b"3"])
        push.send_string(name + " is a word of one frame")
        got = [json.loads(line) for line in sub.wait_lines(before + 2)[-2:]]
    assert got[0]["body"] == ["", "two", "3"]
    assert got[1] == {"topic": name, "body": name + " is a word of one frame"}


@pytest.mark.parametrize("wire", WIRES)
def test_a_subscription_ends_by_count_or_in_time(broker, wire):
    code, out, said = chaski("subscribe", "--url", url_of(broker, wire), topic(), "--timeout", "200ms")
    assert (code, out) == (0, "") and said == "chaski: subscribed; Ctrl-C ends\n"
    code, out, said = chaski("subscribe", "--url", url_of(broker, wire), topic(), "--timeout", "0.2", "--count", "2")
    assert (code, out) == (1, "") and "0 of 2 messages came in time" in said


def test_what_no_queue_wants_comes_back_if_that_matters(broker):
    name = topic()
    publish(broker, "amqp", name, "x")
    code, out, said = chaski("publish", "--url", broker.url, name, "x", "--mandatory", "--exchange", "amq.topic")
    assert (code, out) == (1, "")
    assert f"'{name}' came back: 312 NO_ROUTE" in said and "1 of 1 message came back" in said


def test_a_publisher_hears_that_a_handler_failed(broker, start):
    name = topic()
    start("handle", "--url", broker.url, name, "--fail", "no")
    code, out, said = chaski("publish", "--url", broker.url, name, "x", "--count", "2")
    assert (code, out) == (1, "") and "2 of 2 messages refused by the broker" in said


# ---- events ----


@pytest.mark.parametrize("wire", WIRES)
def test_an_event_without_a_handler_is_told_so(broker, wire):
    name = topic()
    report = event(broker, wire, name, "x")
    assert report["status"] == "none" and report["topic"] == name and report["handlers"] == []
    code, out, said = chaski("event", "--url", url_of(broker, wire), name, "x")
    assert (code, said) == (0, "") and re.fullmatch(
        rf"{re.escape(name)}: none, no handler is there \(seq \d+, view \d+\), \d+ ms\n", out)


@pytest.mark.parametrize("asking, handling", PAIRS)
def test_the_command_of_a_handler_makes_the_result(broker, start, asking, handling):
    name = topic()
    handler = start("handle", "--url", url_of(broker, handling), name, "--group", name + "g", "--", "sh", "-c",
                    'printf "%s|%s|" "$CHASKI_TOPIC" "$CHASKI_SEQ"; cat; echo')
    report = event(broker, asking, name + "new", '{"id":1}')
    assert (report["status"], report["ok"], report["need"]) == ("ok", 1, 1)
    row = report["handlers"][0]
    assert (row["name"], row["status"], row["attempts"]) == (name + "g", "ok", 1)
    assert row["result"] == f"{name}new|{report['seq']}|" + '{"id":1}'
    assert handler.wait_lines(1) == [f'{name}new {{"id":1}}']
    assert handler.end(signal.SIGTERM) == 0


@pytest.mark.parametrize("asking, handling", PAIRS)
def test_a_failed_command_fails_the_event_with_its_last_words(broker, start, asking, handling):
    name = topic()
    handler = start("handle", "--url", url_of(broker, handling), name, "--json", "--", "sh", "-c",
                    "echo not seen; echo first >&2; echo 'no such address' >&2; echo >&2; exit 3")
    start("handle", "--url", url_of(broker, handling), name, "--echo", "--group", name + "g")
    report = event(broker, asking, name, "x", code=3)
    assert (report["status"], report["ok"], report["failed"]) == ("failed", 1, 1)
    assert {row["status"]: row.get("error", row.get("result")) for row in report["handlers"]} == {
        "failed": "no such address", "ok": "x"}
    line = json.loads(handler.wait_lines(1)[0])
    assert (line["topic"], line["body"], line["status"], line["error"]) == (name, "x", "failed", "no such address")
    assert line["seq"] == report["seq"]
    handler.wait_said("first")


@pytest.mark.parametrize("handling", WIRES)
def test_a_report_for_people_names_each_handler(broker, start, handling):
    name = topic()
    start("handle", "--url", url_of(broker, handling), name, "--fail", "no money", "--group", name + "bill")
    start("handle", "--url", url_of(broker, handling), name, "--echo", "--group", name + "m")
    code, out, said = chaski("event", "--url", broker.url, name, "17")
    first, *rows = out.splitlines()
    assert (code, said) == (3, "") and re.fullmatch(
        rf"{re.escape(name)}: failed, 1 ok of 2, 1 failed \(seq \d+, view \d+\), \d+ ms", first)
    assert sorted(re.sub(r" +\d+ ms", "", row) for row in rows) == [
        f'  {name}bill  failed   1 attempt  "no money"', f'  {name}m     ok       1 attempt  "17"']


@pytest.mark.parametrize("command, reason", [("exit 7", "exit code 7"), ("kill -9 $$", "ended by signal 9")])
def test_a_command_that_says_nothing_is_explained(broker, start, command, reason):
    name = topic()
    start("handle", "--url", broker.url, name, "--", "sh", "-c", command)
    assert event(broker, "amqp", name, "x", code=3)["handlers"][0]["error"] == reason


def test_a_command_is_fed_and_read_at_once(broker, start):
    """More than pipes hold, in both directions; and one that reads nothing of it."""
    name = topic()
    start("handle", "--url", broker.url, name + "copy", "--", "cat")
    start("handle", "--url", broker.url, name + "deaf", "--", "echo", "done")
    body = "x" * 400_000
    code, out, _ = chaski("event", "--url", broker.url, name + "copy", "-", "--json", given=body.encode())
    assert code == 0 and json.loads(out)["handlers"][0]["result"] == body
    code, out, _ = chaski("event", "--url", broker.url, name + "deaf", "-", "--json", given=body.encode())
    assert code == 0 and json.loads(out)["handlers"][0]["result"] == "done"


def test_handlers_that_are_late_are_named(broker, start):
    name = topic()
    handler = start("handle", "--url", broker.url, name, "--delay", "20s", "--group", name + "late")
    report = event(broker, "amqp", name, "x", "--timeout", "300ms", code=4)
    assert report["status"] == "timeout"
    assert [(row["name"], row["status"]) for row in report["handlers"]] == [(name + "late", "pending")]
    code, out, said = chaski("event", "--url", url_of(broker, "zmtp"), name, "x", "--timeout", "300ms")
    assert (code, out) == (4, "") and "no report came within 300 ms" in said
    assert handler.end() == 0


def test_whom_to_wait_for_is_said_with_the_event(broker, start):
    name = topic()
    start("handle", "--url", broker.url, name, "--delay", "20s", "--group", name + "late")
    start("handle", "--url", broker.url, name, "--echo", "--group", name + "soon")
    report = event(broker, "amqp", name, "x", "--sync", "one")
    assert (report["status"], report["ok"], report["pending"], report["need"]) == ("ok", 1, 1, 1)
    assert event(broker, "amqp", name, "x", "--sync", "2", "--timeout", "500ms", code=4)["need"] == 2
    assert event(broker, "amqp", name, "x", "--sync", "none")["need"] == 0


@pytest.mark.parametrize("wire", WIRES)
def test_the_same_id_gives_the_same_report_and_is_handled_once(broker, start, wire):
    name = topic()
    handler = start("handle", "--url", broker.url, name, "--", "sh", "-c", "cat; echo $$")
    first = event(broker, wire, name, "x", "--id", name + "1")
    assert event(broker, wire, name, "x", "--id", name + "1") == first
    assert event(broker, wire, name, "x", "--id", name + "2")["seq"] > first["seq"]
    assert len(handler.wait_lines(2)) == 2


def test_reports_that_are_kept_are_listed_newest_first(broker, start):
    name = topic()
    start("handle", "--url", broker.url, name, "--group", name + "group", "--echo")
    reports = [event(broker, "amqp", name, body, "--id", name + body) for body in ("1", "2")]
    url = f"http://guest:guest@127.0.0.1:{broker.http_port}"
    code, out, said = chaski("results", "--url", url, "--json")
    assert (code, said) == (0, "")
    listed = [report for report in map(json.loads, out.splitlines()) if report["topic"] == name]
    assert listed == [reports[1], reports[0]]
    code, out, said = chaski("results", "amq.events", "--url", url)
    lines = [line.split() for line in out.splitlines() if name in line]
    assert [(line[0], line[1]) for line in lines] == [(str(reports[1]["seq"]), "ok"), (str(reports[0]["seq"]), "ok")]
    assert lines[0][-2:] == [name + "group", "ok"]
    assert chaski("results", "no such exchange", "--url", url) == (0, "", "")


@pytest.mark.parametrize("wire", WIRES)
def test_members_of_a_group_share_its_events(broker, start, wire):
    name = topic()
    members = [start("handle", "--url", url_of(broker, wire), name, "--group", name + "g", "--echo") for _ in range(2)]
    for number in range(10):
        report = event(broker, "amqp", name, str(number))
        assert [row["result"] for row in report["handlers"]] == [str(number)]
    wait_until(lambda: sum(len(one.lines) for one in members) == 10, "ten events", LIMIT_S)


@pytest.mark.parametrize("wire", WIRES)
def test_an_event_of_a_member_that_dies_goes_to_another(broker, start, wire):
    name = topic()
    dying = start("handle", "--url", url_of(broker, wire), name, "--group", name + "g", "--", "sh", "-c",
                  "echo working >&2; exec sleep 20")
    asking = start("event", "--url", broker.url, name, "x", "--json", "--timeout", "20s")
    dying.wait_said("working")
    start("handle", "--url", url_of(broker, wire), name, "--group", name + "g", "--echo")
    dying.end(signal.SIGKILL)
    report = json.loads(asking.wait_lines(1)[0])
    assert (report["status"], report["handlers"][0]["attempts"]) == ("ok", 2)


@pytest.mark.parametrize("wire", WIRES)
def test_a_handler_that_is_stopped_leaves_its_event_to_another(broker, start, wire):
    name = topic()
    handler = start("handle", "--url", url_of(broker, wire), name, "--delay", "20s", "--group", name + "g")
    asking = start("event", "--url", broker.url, name, "x", "--json", "--timeout", "20s")

    def under_way():
        return any(row["name"] == name + "g" and row["messages_unacknowledged"] for row in http.api(broker, "/queues"))
    wait_until(under_way, "the event to be under way", LIMIT_S)
    assert handler.end() == 0 and handler.lines == []
    start("handle", "--url", url_of(broker, wire), name, "--group", name + "g", "--echo")
    report = json.loads(asking.wait_lines(1)[0])
    assert (report["status"], report["handlers"][0]["attempts"]) == ("ok", 2)


@pytest.mark.parametrize("wire", WIRES)
def test_ctrl_c_at_a_terminal_is_not_an_answer(broker, start, wire):
    """It reaches the command too, whose end by it says nothing about the event."""
    name = topic()
    handler = start("handle", "--url", url_of(broker, wire), name, "--", "sh", "-c", "echo working >&2; exec sleep 20")
    asking = start("event", "--url", broker.url, name, "x", "--json", "--timeout", "20s")
    handler.wait_said("working")
    os.killpg(handler.process.pid, signal.SIGINT)
    assert handler.end(0) == 0 and handler.lines == []
    report = json.loads(asking.wait_lines(1)[0])
    assert report["status"] == "none" and [row["status"] for row in report["handlers"]] == ["gone"]


@pytest.mark.parametrize("wire", WIRES)
def test_a_handler_comes_back_after_the_broker(start_broker, start, tmp_path, wire):
    settings = {"listeners.tcp.default": f"127.0.0.1:{kept_port()}",
                "bus.listen.events": f"tcp://127.0.0.1:{kept_port()} exchange=amq.events", "data_dir": str(tmp_path)}
    broker = start_broker(settings)
    name = topic()
    handler = start("handle", "--url", url_of(broker, wire), name, "--group", name + "g", "--echo")
    sub = start("subscribe", "--url", url_of(broker, wire), name)
    event(broker, "amqp", name, "1")
    broker.stop()
    handler.wait_said("trying again")
    sub.wait_said("trying again")
    again = start_broker(settings)

    def both():
        report = event(again, "amqp", name, "2")
        return report["ok"] == 1 and any(line.endswith(" 2") for line in sub.lines)
    wait_until(both, "handler and subscriber", LIMIT_S, every_s=0.1)
    assert handler.process.poll() is None and sub.process.poll() is None


@pytest.mark.broker(settings={"heartbeat": 1})
def test_a_command_that_takes_long_does_not_cost_the_connection(broker, start):
    name = topic()
    handler = start("handle", "--url", broker.url, name, "--", "sh", "-c", "sleep 3.5; echo done")
    report = event(broker, "amqp", name, "x")
    assert report["handlers"][0]["result"] == "done" and report["handlers"][0]["attempts"] == 1
    assert not [line for line in handler.said if "lost" in line]


def test_a_handler_ends_after_a_count(broker, start):
    name = topic()
    handler = start("handle", "--url", broker.url, name, "--count", "2")
    assert event(broker, "amqp", name, "1")["handlers"][0].get("result", "") == ""
    event(broker, "zmtp", name, "2")
    assert handler.end(0) == 0 and handler.lines == [f"{name} 1", f"{name} 2"]


# ---- who one is ----


def test_ports_that_ask_who_one_is(start_broker, tmp_path):
    server, client = tmp_path / "server", tmp_path / "client"
    public, own = (chaski("curve", "make", str(file))[1].strip() for file in (server, client))
    (tmp_path / "clients").write_text(f"{own} guest\n")
    broker = start_broker({
        "bus.listen.plain": "tcp://127.0.0.1:0 exchange=amq.events security=plain",
        "bus.listen.curve": f"tcp://127.0.0.1:0 exchange=amq.events security=curve key={server} clients={tmp_path}/clients"})
    plain, curve = (f"127.0.0.1:{broker.bus_port(name)}" for name in ("plain", "curve"))
    right = [["--url", f"tcp://guest:guest@{plain}"], ["--url", f"tcp://{curve}", "--server-key", public, "--key", str(client)]]
    wrong = [["--url", f"tcp://guest:secret@{plain}"], ["--url", f"tcp://{plain}"], ["--url", f"tcp://{curve}"],
             ["--url", f"tcp://{curve}", "--server-key", public], ["--url", f"tcp://{curve}", "--server-key", own]]
    for args in right:
        assert chaski("event", "x", *args)[0] == 0
    for args in wrong:
        code, out, said = chaski("event", "x", *args)
        assert (code, out) == (1, "") and said.count("\n") == 1 and "secret" not in said, (args, said)


def test_what_amqp_refuses_is_said(broker):
    for url, said in ((broker.url.replace("guest:guest", "guest:secret"), "403 ACCESS_REFUSED"),
                      (broker.url.replace("%2f", "nope"), "530 NOT_ALLOWED")):
        code, out, err = chaski("publish", "x", "--url", url)
        assert (code, out) == (1, "") and said in err and "secret" not in err and err.count("\n") == 1
    code, _, err = chaski("subscribe", "x", "--url", broker.url, "--exchange", "nope")
    assert code == 1 and "404 NOT_FOUND" in err


@pytest.mark.parametrize("url", ["amqp://localhost:1", "tcp://127.0.0.1:1"])
@pytest.mark.parametrize("verb", ["publish", "subscribe", "event", "handle"])
def test_a_broker_that_is_not_there(verb, url):
    code, out, said = chaski(verb, "x", "--url", url)
    assert (code, out) == (1, "") and "cannot connect to" in said and "is chaskid running there" in said


# ---- use ----


@pytest.mark.parametrize("args, word", [
    ("publish", "needs a topic"), ("publish a b c", "'c' is one word too many"), ("publish a --lnes", "did you mean '--lines'?"),
    ("publish a b --file /dev/null", "--file"), ("publish a --file /no/such/file", "/no/such/file"),
    ("publish a b --lines", "--lines"), ("publish a --lines --count 2", "--count"), ("publish a --count 0", "--count 0"),
    ("publish a --timeout soon", "--timeout soon"), ("publish a --url", "--url needs a value"),
    ("publish a --url tcp://localhost --exchange x", "--exchange is for amqp://"),
    ("publish a --url tcp://localhost --mandatory", "--mandatory is for amqp://"),
    ("publish a --server-key x", "--server-key is for tcp://"), ("publish a --url http://x", "--url is neither"),
    ("publish a --url tcp://localhost:99999", "--url"), ("publish a --url tcp://localhost:1/x", "--url"),
    ("publish a --url amqps://localhost", "TLS"), ("publish " + "a" * 256, "255"),
    ("event", "needs a topic"), ("event a --sync most", "--sync most"), ("event a --sync 0", "--sync 0"),
    ("event a --id", "--id needs a value"), ("event a --id=", "--id"), ("event a --lines", "--lines"),
    ("event a --url tcp://localhost --server-key abc", "--server-key"),
    ("event a --url tcp://localhost --key abc", "--key needs --server-key"),
    ("subscribe --url tcp://localhost --pattern x", "--pattern is for amqp://"), ("subscribe --echo", "--echo"),
    ("handle", "needs a prefix"), ("handle a b", "a command stands behind --"), ("handle a --", "command is missing"),
    ("handle a -- no-such-command", "no-such-command"), ("handle a --echo -- cat", "without a command"),
    ("handle a --echo --fail x", "--fail"), ("results a b", "knows no 'b'"), ("results --url", "--url needs a value"), ("handle a --fail=", "--fail"), ("handle a --group=", "--group")])
def test_wrong_use_exits_with_2_and_a_reason(args, word):
    code, out, said = chaski(*args.split())
    assert (code, out) == (2, "") and word in said and said.startswith("chaski: ") and said.count("\n") == 1, said


def test_help_behind_the_dashes_is_the_commands(broker, start):
    name = topic()
    start("handle", "--url", broker.url, name, "--", sys.executable, "-c", "import sys; print(sys.argv[1])", "--help")
    assert event(broker, "amqp", name, "x")["handlers"][0]["result"] == "--help"
