# SPDX-License-Identifier: Apache-2.0
"""The crash tests with brokers that keep everything and nothing, and their checks with each thing that can be wrong."""
import os
import pathlib
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
CRASH = ROOT / "tests" / "crash"
sys.path.insert(0, str(CRASH))

import ledger as ledgers  # noqa: E402
from ledger import ACKED, GONE, HELD, LOOSE, SENT, THERE, Ledger, body_of, topic_matches  # noqa: E402


class Taker:
    ended = False


@pytest.fixture
def ledger():
    """One that knows the queues a and b, bound to the fanout exchange x."""
    one = Ledger()
    one.exchanges["x"] = ledgers.Exchange("x", "fanout")
    one.exchanges["x"].state = THERE
    for name in ("a", "b"):
        one.queues[name] = ledgers.Queue(name)
        one.queues[name].state = THERE
        one.bindings["x", name, ""] = THERE
    return one


def publish(ledger, sequence, confirmed=True, persistent=True, size=10):
    message = ledger.publish(1, sequence, size, persistent, "x", "")
    if confirmed:
        ledger.confirm(message)
    return message


def come(message, redelivered=True, body=None):
    return message.id, body_of(message.id, message.size) if body is None else body, redelivered


def check(ledger, queue, *found):
    """The kinds of faults that a content of this queue after a crash has."""
    ledger.crash()
    ledger.check_content(ledger.queues[queue], list(found), {})
    return [kind for kind, _ in ledger.faults]


def test_a_content_as_it_should_be_has_no_faults(ledger):
    one, two, three = (publish(ledger, number) for number in range(3))
    assert check(ledger, "a", come(one), come(two, False), come(three)) == []
    assert [copy.state for copy in ledger.queues["a"].copies.values()] == [THERE] * 3


def test_a_confirmed_message_that_is_missing_is_lost(ledger):
    publish(ledger, 0)
    assert check(ledger, "a") == ["lost"]


@pytest.mark.parametrize("how", [{"confirmed": False}, {"persistent": False}])
def test_what_was_not_promised_may_be_missing_or_there(ledger, how):
    message = publish(ledger, 0, **how)
    assert check(ledger, "a") == []
    assert check(ledger, "b", come(message)) == []


def test_an_unconfirmed_message_that_was_found_must_stay(ledger):
    message = publish(ledger, 0, confirmed=False)
    assert check(ledger, "a", come(message)) == []
    assert check(ledger, "a") == ["lost"]


def test_a_message_that_was_not_found_must_not_come_later(ledger):
    message = publish(ledger, 0, confirmed=False)
    assert check(ledger, "a") == []
    assert check(ledger, "a", come(message)) == ["returned"]


@pytest.mark.parametrize("sure, faults", [(False, []), (True, ["returned"])])
def test_an_acked_message_may_come_back_until_its_ack_is_sure(ledger, sure, faults):
    message, taker = publish(ledger, 0), Taker()
    copies = [ledger.deliver(ledger.queues["a"], *come(message, False), {})]
    ledger.take(copies, taker)
    if sure:
        ledger.settle(copies, taker)
    assert copies[0].state == (GONE if sure else ACKED)
    assert check(ledger, "a", come(message)) == faults


@pytest.mark.parametrize("confirmed, faults", [(False, []), (True, ["lost"])])
def test_what_came_again_after_a_lost_ack_is_promised_only_if_it_was_confirmed(ledger, confirmed, faults):
    message, taker = publish(ledger, 0, confirmed), Taker()
    ledger.take([ledger.deliver(ledger.queues["a"], *come(message, False), {})], taker)
    taker.ended = True
    ledger.deliver(ledger.queues["a"], *come(message), {})
    assert check(ledger, "a") == faults


def test_a_message_of_nobody_is_foreign(ledger):
    message = publish(ledger, 0)
    assert check(ledger, "a", come(message), ("9.9.9", b"", False)) == ["foreign"]


def test_a_message_in_a_queue_that_it_was_not_routed_to_is_foreign(ledger):
    del ledger.bindings["x", "b", ""]
    message = publish(ledger, 0)
    assert check(ledger, "b", come(message)) == ["foreign"]


def test_another_body_is_changed(ledger):
    message = publish(ledger, 0)
    assert check(ledger, "a", come(message, body=b"other")) == ["changed"]


def test_a_message_that_is_there_twice_is_named(ledger):
    message = publish(ledger, 0)
    assert check(ledger, "a", come(message), come(message)) == ["twice"]


def test_a_later_message_before_an_earlier_one_is_out_of_order(ledger):
    one, two = publish(ledger, 0), publish(ledger, 1)
    assert check(ledger, "a", come(two), come(one)) == ["order"]


def test_first_deliveries_of_one_consumer_are_in_order_redelivered_ones_need_not_be(ledger):
    one, two, three = (publish(ledger, number) for number in range(3))
    last = {}
    for message, redelivered in ((three, False), (one, True)):
        ledger.deliver(ledger.queues["a"], *come(message, redelivered), last)
    assert ledger.faults == []
    ledger.deliver(ledger.queues["a"], *come(two, False), last)
    assert [kind for kind, _ in ledger.faults] == ["order"]


def test_a_message_that_was_delivered_before_the_crash_must_be_marked(ledger):
    message = publish(ledger, 0)
    ledger.deliver(ledger.queues["a"], *come(message, False), {})
    assert check(ledger, "b", come(message, False)) == []
    assert check(ledger, "a", come(message, False)) == ["unmarked"]


def test_a_message_that_was_never_delivered_may_be_marked_and_is_counted(ledger):
    message = publish(ledger, 0)
    assert check(ledger, "a", come(message, True)) == []
    assert ledger.counts["falsely"] == 1


def test_an_unconfirmed_message_in_one_of_two_queues_is_half_there(ledger):
    message, verdicts = publish(ledger, 0, confirmed=False), {}
    ledger.check_content(ledger.queues["a"], [come(message)], verdicts)
    ledger.check_content(ledger.queues["b"], [], verdicts)
    ledger.check_verdicts(verdicts)
    assert [kind for kind, _ in ledger.faults] == ["half"]


def test_what_a_consumer_without_acks_was_being_sent_may_be_lost(ledger):
    publish(ledger, 0), publish(ledger, 1, confirmed=False)
    ledger.queues["a"].loose = True
    ledger.crash()
    assert [copy.state for copy in ledger.queues["a"].copies.values()] == [LOOSE] * 2
    assert [copy.state for copy in ledger.queues["b"].copies.values()] == [THERE, SENT]
    assert check(ledger, "a") == []


def test_a_message_that_comes_while_its_acking_consumer_lives_came_back(ledger):
    message, taker = publish(ledger, 0), Taker()
    ledger.take([ledger.deliver(ledger.queues["a"], *come(message, False), {})], taker)
    ledger.deliver(ledger.queues["a"], *come(message), {})
    assert [kind for kind, _ in ledger.faults] == ["returned"]


# ---- transactions, and what is published again ----

def transaction(ledger, *sequences, state=SENT):
    messages = [ledger.publish(1, sequence, 10, True, "x", "", group="tx.1") for sequence in sequences]
    if state != HELD:
        ledger.release(messages, state)
    return messages


def verdict(ledger, **found):
    """The kinds of faults that these contents of the queues have together."""
    verdicts = {}
    ledger.crash()
    for queue, messages in found.items():
        ledger.check_content(ledger.queues[queue], [come(message) for message in messages], verdicts)
    ledger.check_verdicts(verdicts)
    return [kind for kind, _ in ledger.faults]


@pytest.mark.parametrize("in_a, in_b, faults", [((), (), []), ((0, 1), (0, 1), []), ((0,), (0,), ["part"]),
                                                ((0, 1), (), ["part"])])
def test_an_unanswered_commit_is_there_as_a_whole_or_not_at_all(ledger, in_a, in_b, faults):
    messages = transaction(ledger, 0, 1)
    assert verdict(ledger, a=[messages[one] for one in in_a], b=[messages[one] for one in in_b]) == faults


@pytest.mark.parametrize("is_acked, is_published, faults", [(True, True, []), (False, False, []),
                                                            (True, False, ["part"]), (False, True, ["part"])])
def test_acks_of_a_transaction_belong_to_it(ledger, is_acked, is_published, faults):
    taken = publish(ledger, 0)
    ledger.take([taken.copies["a"]], Taker(), "tx.1")
    message, = transaction(ledger, 1)
    published = [message] if is_published else []
    assert verdict(ledger, a=([] if is_acked else [taken]) + published, b=[taken] + published) == faults


def test_an_ack_of_what_was_not_confirmed_proves_nothing(ledger):
    taken = publish(ledger, 0, confirmed=False)
    ledger.take([taken.copies["a"]], Taker(), "tx.1")
    transaction(ledger, 1)
    assert verdict(ledger, a=[]) == []


def test_what_was_not_committed_must_not_come(ledger):
    message, = transaction(ledger, 0, state=HELD)
    assert check(ledger, "a", come(message)) == ["uncommitted"]


def test_what_was_rolled_back_must_not_come(ledger):
    message, = transaction(ledger, 0, state=GONE)
    assert check(ledger, "a", come(message)) == ["returned"]


def test_what_was_lost_unconfirmed_may_come_when_it_is_published_again(ledger):
    message = publish(ledger, 0, confirmed=False)
    assert check(ledger, "a") == []
    ledger.repeat(message)
    assert check(ledger, "a", come(message, False)) == []


def test_what_was_done_with_must_not_come_when_it_is_published_again(ledger):
    message, taker = publish(ledger, 0), Taker()
    ledger.take([ledger.deliver(ledger.queues["a"], *come(message, False), {})], taker)
    ledger.settle([message.copies["a"]], taker)
    ledger.repeat(message)
    assert check(ledger, "a", come(message)) == ["returned"]


@pytest.mark.parametrize("pattern, key, matches", [
    ("a.*", "a.b", True), ("a.*", "a", False), ("#", "", True), ("a.#", "a", True), ("a.#.b", "a.x.y.b", True),
    ("#.b", "a", False), ("*.*", "a.b.c", False)])
def test_topic_patterns(pattern, key, matches):
    assert topic_matches(pattern, key) == matches


# ---- whole runs ----

def run(script, *arguments, broker=ROOT / "build" / "chaskid"):
    done = subprocess.run([sys.executable, CRASH / script, *map(str, arguments)], capture_output=True, text=True,
                          timeout=120, env={**os.environ, "CHASKID": str(broker)})
    return done.returncode, done.stdout + done.stderr


def failed_tests(report):
    return {case.get("name") for case in ElementTree.parse(report).getroot().iter("testcase") if len(case)}


def test_a_broker_that_keeps_everything_passes(tmp_path):
    code, output = run("loop.py", "--cycles", 3, "--cut", "--dir", tmp_path, "--results", tmp_path)
    assert code == 0 and "3 cycles, 0 faults" in output, output
    assert failed_tests(tmp_path / "crash.xml") == set()


def test_a_broker_that_forgets_fails_and_its_seed_is_told(tmp_path):
    code, output = run("loop.py", "--cycles", 3, "--forget", "--seed", 7, "--dir", tmp_path, "--results", tmp_path)
    assert code == 1 and "SEED=7" in output, output
    assert {"every_confirmed_message_is_there_until_acked", "definitions_that_were_answered_are_there"} \
        <= failed_tests(tmp_path / "crash.xml")


@pytest.mark.parametrize("script", ["exit 1", "sleep 0.1; exit 0"])
def test_a_broker_that_does_not_start_fails(tmp_path, script):
    broker = tmp_path / "broker"
    broker.write_text(f"#!/bin/bash\n{script}\n")
    broker.chmod(0o755)
    code, output = run("loop.py", "--cycles", 1, "--dir", tmp_path, "--results", tmp_path, broker=broker)
    assert code == 1 and failed_tests(tmp_path / "crash.xml") == {"the_broker_starts_again_and_answers"}, output


def built(name):
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    subprocess.run(["make", name], cwd=ROOT, env=environment, check=True, timeout=120, stdout=subprocess.DEVNULL)
    return ROOT / name


@pytest.fixture(scope="module")
def lines_program():
    return built("build/crash/lines")


def test_a_disk_that_lies_about_syncs_loses_what_was_confirmed_and_that_fails(tmp_path):
    library = built("build/crash/powercut.so")
    code, output = run("loop.py", "--cycles", 3, "--power", library, "--lie", "--dir", tmp_path, "--results", tmp_path)
    assert code == 1, output
    assert {"every_confirmed_message_is_there_until_acked", "definitions_that_were_answered_are_there"} \
        <= failed_tests(tmp_path / "powercut.xml")


@pytest.mark.parametrize("how, expected", [(("--kills", 0), 0), (("--kills", 2, "--forget"), 1)])
def test_lines_through_a_broker_that_is_not_killed_and_one_that_forgets(tmp_path, lines_program, how, expected):
    file = tmp_path / "file"
    file.write_text("".join(f"line {number}\n" for number in range(40000)))
    code, output = run("lines.py", "--file", file, "--dir", tmp_path, "--results", tmp_path, *how)
    assert code == expected, output
    assert failed_tests(tmp_path / "lines.xml") == ({"every_line_is_there_and_in_order"} if expected else set())


@pytest.mark.parametrize("received, fault", [
    (" 0 0 a\n 1 0 b\n 0 1 c\n", None),
    (" 0 0 a\n 0 1 c\n*0 0 a\n 1 0 b\n", None),
    (" 0 0 a\n 1 0 b\n", "1 of 2 lines are missing, the first is 1"),
    (" 0 1 c\n 0 0 a\n 1 0 b\n", "publisher 0: line 0 first came behind line 1"),
    (" 0 0 a\n 0 1 c\n 1 0 x\n 1 0 b\n", "never published"),
])
def test_lines_are_compared_with_the_file(tmp_path, received, fault):
    sys.path.insert(0, str(CRASH))
    import lines
    (tmp_path / "file").write_text("a\nb\nc\n")
    (tmp_path / "received").write_text(received)
    faults, _ = lines.check(tmp_path / "file", tmp_path / "received")
    assert (faults == []) if fault is None else (len(faults) == 1 and fault in faults[0])
