# SPDX-License-Identifier: Apache-2.0
"""scripts/check-status and scripts/check-results on results in which something is wrong."""
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]

STATUS = """
| line | what | proof |
| --- | --- | --- |
| 1.1 | queues keep order | `unit:engine/test_queue.c::keeps_order` `e2e:test_queue.py::test_order` |
| 1.2 | rings | `e2e-tsan:test_rings.py::test_full` `e2e-release:test_rings.py` |
| 2 | the rest | `fuzz:amqp_codec` `conformance:pika` `check:includes` `house:test_harness.py::test_a` |
| 2.1 | survives kill -9 | `crash:nothing_is_lost` `crash:lines_in_order` |
| S1 | as a new user | `e2e:test_queue.py::TestUser::test_it` |
"""


def report(*cases):
    lines = []
    for suite, name, state in cases:
        inner = {"passed": "", "failed": "<failure>x</failure>", "error": "<error/>", "skipped": "<skipped/>"}[state]
        lines.append(f'<testcase classname="{suite}" name="{name}">{inner}</testcase>')
    return "<testsuites><testsuite>" + "".join(lines) + "</testsuite></testsuites>"


@pytest.fixture
def results(tmp_path):
    """A folder of results in which everything that STATUS names passed."""
    e2e = [("test_queue", "test_order[io0]", "passed"), ("test_queue", "test_order[io2]", "passed"),
           ("test_queue.TestUser", "test_it[io0]", "passed"), ("test_rings", "test_full[io2]", "passed")]
    files = {
        "unit-release/engine/test_queue.queue.xml": report(("", "keeps_order", "passed")),
        "unit-asan/engine/test_queue.queue.xml": report(("", "keeps_order", "passed")),
        "e2e-release/e2e-release.xml": report(*e2e),
        "e2e-tiny/e2e-tiny.xml": report(*e2e),
        "e2e-tsan/e2e-tsan.xml": report(e2e[3]),
        "fuzz/amqp_codec.xml": report(("", "amqp_codec", "passed")),
        "crash/crash.xml": report(("crash", "nothing_is_lost", "passed")),
        "powercut/powercut.xml": report(("powercut", "nothing_is_lost", "passed")),
        "crash-lines/lines.xml": report(("lines", "lines_in_order", "passed")),
        "conformance-pika/pika.xml": report(("a", "b", "passed")),
        "check-house/house.xml": report(("test_harness", "test_a[1]", "passed")),
    }
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    steps = sorted({path.split("/")[0] for path in files}) + ["check-includes"]
    (tmp_path / "steps.txt").write_text("".join(f"{step} 0 3\n" for step in steps))
    return tmp_path


def status(results, text=STATUS):
    (results / "status.md").write_text(text)
    return run("check-status", results / "status.md", results)


def run(script, *arguments):
    done = subprocess.run([sys.executable, ROOT / "scripts" / script, *arguments], capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def change(results, path, old, new):
    text = (results / path).read_text()
    assert old in text
    (results / path).write_text(text.replace(old, new))


def set_step(results, name, code):
    text = (results / "steps.txt").read_text()
    (results / "steps.txt").write_text(re.sub(rf"^{name} \d+", f"{name} {code}", text, flags=re.M))


def test_all_proven_passes(results):
    code, output = status(results)
    assert code == 0 and "5 lines, 11 proofs, 0 faults" in output, output


FAULTS = [
    ("unit-asan/engine/test_queue.queue.xml", "keeps_order", "other", "1.1: unit:", "did not run in unit-asan"),
    ("unit-release/engine/test_queue.queue.xml", "></testcase>", "><failure/></testcase>", "1.1: unit:", "failed in unit-release"),
    ("e2e-tiny/e2e-tiny.xml", "test_order", "gone", "1.1: e2e:", "did not run in e2e-tiny"),
    ("e2e-tsan/e2e-tsan.xml", "test_full", "gone", "1.2: e2e-tsan:", "did not run in e2e-tsan"),
    ("e2e-release/e2e-release.xml", "test_it", "gone", "S1: e2e:", "did not run in e2e-release"),
    ("check-house/house.xml", "test_a[", "test_ab[", "2: house:", "did not run in check-house"),
    ("fuzz/amqp_codec.xml", "</testcase>", "<failure/></testcase>", "2: fuzz:", "failed in fuzz"),
    ("crash/crash.xml", "></testcase>", "><failure/></testcase>", "2.1: crash:", "failed in crash"),
    ("powercut/powercut.xml", "></testcase>", "><failure/></testcase>", "2.1: crash:", "failed in powercut"),
    ("crash-lines/lines.xml", "lines_in_order", "other", "2.1: crash:", "did not run in crash"),
]


@pytest.mark.parametrize("path, old, new, line, words", FAULTS)
def test_a_proof_that_is_missing_or_failed_is_named(results, path, old, new, line, words):
    change(results, path, old, new)
    code, output = status(results)
    assert code == 1 and line in output and words in output, output


@pytest.mark.parametrize("state", ["failed", "error", "skipped"])
def test_one_bad_instance_of_a_test_is_enough(results, state):
    e2e = [("test_queue", "test_order[io0]", "passed"), ("test_queue", "test_order[io2]", state)]
    (results / "e2e-tiny/e2e-tiny.xml").write_text(report(*e2e, ("test_queue.TestUser", "test_it[io0]", "passed")))
    code, output = status(results)
    assert code == 1 and "1.1: e2e:test_queue.py::test_order" in output, output
    assert ("skipped" if state == "skipped" else "failed") + " in e2e-tiny" in output, output


def test_a_failure_in_an_optional_pass_counts_too(results):
    (results / "e2e-tsan/extra.xml").write_text(report(("test_queue", "test_order[io2]", "failed")))
    code, output = status(results)
    assert code == 1 and "failed in e2e-tsan" in output, output


@pytest.mark.parametrize("step, line", [("conformance-pika", "2: conformance:pika"), ("check-includes", "2: check:")])
def test_a_failed_step_proves_nothing(results, step, line):
    set_step(results, step, 2)
    code, output = status(results)
    assert code == 1 and line in output, output


@pytest.mark.parametrize("row, words", [
    ("| 3.1 | unproven | |", "3.1: no test proves: unproven"),
    ("| 3.1 | unproven | by hand |", "3.1: no test proves"),
    ("| 1.1 | again | `check:includes` |", "1.1: given twice"),
    ("| 3.1 | odd | `magic:wand` |", "no such kind"),
    ("| 3.1 | no step | `check:nothing` |", "did not run"),
    ("| 3.1 | another file | `unit:engine/test_que.c::keeps_order` |", "did not run in unit-release"),
])
def test_a_bad_row_is_named(results, row, words):
    code, output = status(results, STATUS + row + "\n")
    assert code == 1 and words in output, output


def test_no_rows_and_no_results_fail(results, tmp_path_factory):
    assert status(results, "# empty\n")[0] == 1
    (results / "steps.txt").unlink()
    assert status(results)[0] == 1


def test_results_are_summed_and_steps_without_tests_count_as_one(results):
    code, output = run("check-results", results)
    assert code == 0 and output.splitlines()[-1] == "18 passed, 0 failed", output


def test_a_failed_test_and_a_failed_step_are_counted_and_named(results):
    (results / "fuzz/amqp_codec.xml").write_text(report(("", "amqp_codec", "failed")))
    set_step(results, "fuzz", 1)
    set_step(results, "check-includes", 2)
    set_step(results, "e2e-tsan", 124)
    code, output = run("check-results", results)
    assert code == 1 and output.splitlines()[-1] == "16 passed, 3 failed", output
    assert "failed: amqp_codec" in output and "the step itself ended with 124" in output, output


def test_an_unreadable_report_is_a_failure(results):
    (results / "fuzz/amqp_codec.xml").write_text("<testsuite><testcase")
    code, output = run("check-results", results)
    assert code == 1 and "unreadable report" in output, output


def test_no_step_at_all_is_a_failure(tmp_path):
    code, output = run("check-results", tmp_path)
    assert code == 1 and output.splitlines()[-1] == "0 passed, 1 failed", output
