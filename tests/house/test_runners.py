# SPDX-License-Identifier: Apache-2.0
"""scripts/run-unit, scripts/run-fuzz and .ci/run with programs that fail in every way a program can."""
import os
import pathlib
import re
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
REPORTS = """printf '<testsuites><testsuite><testcase name="a_test">%s</testcase></testsuite></testsuites>' "$1" \
>"${CMOCKA_XML_FILE/\\%g/group}" """


def program(path, script):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/bash\n{script}\n")
    path.chmod(0o755)
    return path


def cases(folder):
    return [(case.get("name"), case.find("failure") is not None)
            for path in sorted(folder.rglob("*.xml")) for case in ElementTree.parse(path).getroot().iter("testcase")]


def run(*command, **how):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=60, **how)
    return done.returncode, done.stdout + done.stderr


def run_unit(tmp_path, *scripts):
    programs = [program(tmp_path / "unit" / "room" / f"test_{number}", script) for number, script in enumerate(scripts)]
    code, output = run(ROOT / "scripts/run-unit", tmp_path / "results", tmp_path / "unit", *programs)
    return code, output, cases(tmp_path / "results")


def reporting(failure="", code=0):
    return f"set -- '{failure}'\n{REPORTS}\nexit {code}"


def test_unit_programs_that_pass_pass(tmp_path):
    code, _, found = run_unit(tmp_path, reporting(), reporting(), reporting())
    assert code == 0 and found == [("a_test", False)] * 3


def test_one_failed_unit_test_fails_all_and_is_shown(tmp_path):
    code, output, found = run_unit(tmp_path, reporting(), reporting("<failure>3 != 4</failure>", 1))
    assert code == 1 and found == [("a_test", False), ("a_test", True)]
    assert "FAILED  room/test_1" in output and "3 != 4" in output


@pytest.mark.parametrize("script", [
    "echo 'Assertion <x & y> failed' >&2; kill -ABRT $$",
    reporting(code=99).replace("exit 99", "echo '==1==ERROR: LeakSanitizer & <more>' >&2; exit 99"),
    "exit 7"])
def test_a_unit_program_that_crashed_counts_as_a_failed_test(tmp_path, script):
    code, output, found = run_unit(tmp_path, script)
    assert code == 1 and ("(the whole program)", True) in found
    assert "FAILED  room/test_0" in output


def test_no_unit_program_is_a_failure(tmp_path):
    code, output, _ = run_unit(tmp_path)
    assert code == 1 and "no program to run" in output


@pytest.fixture
def fuzz_tree(tmp_path):
    """A tree with scripts/run-fuzz, one target with a corpus, and what it gets as arguments in `arguments`."""
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts/run-fuzz", tmp_path / "scripts")
    (tmp_path / "tests/fuzz/corpus/codec").mkdir(parents=True)
    (tmp_path / "tests/fuzz/corpus/codec/1").write_text("x")
    return tmp_path


def run_fuzz(tree, script):
    program(tree / "targets/fuzz_codec", f'echo "$@" >{tree}/arguments\n{script}')
    code, output = run(tree / "scripts/run-fuzz", tree / "results", tree / "targets", "3")
    return code, output, cases(tree / "results")


def test_a_fuzz_target_runs_its_time_on_the_corpus_and_adds_nothing_to_it(fuzz_tree):
    code, output, found = run_fuzz(fuzz_tree, "echo 'stat::number_of_executed_units: 1234' >&2")
    assert code == 0 and found == [("codec", False)] and "1234 inputs" in output
    arguments = (fuzz_tree / "arguments").read_text()
    assert "-max_total_time=3" in arguments
    assert re.search(r"targets/corpus/codec tests/fuzz/corpus/codec$", arguments.strip())


def test_a_finding_of_a_fuzz_target_fails(fuzz_tree):
    code, output, found = run_fuzz(fuzz_tree, "echo 'ERROR: libFuzzer: deadly signal'; exit 77")
    assert code == 1 and found == [("codec", True)] and "deadly signal" in output


def test_a_fuzz_target_without_a_corpus_fails(fuzz_tree):
    (fuzz_tree / "tests/fuzz/corpus/codec/1").unlink()
    code, output, _ = run_fuzz(fuzz_tree, "exit 0")
    assert code == 1 and "corpus/codec is empty" in output


@pytest.mark.parametrize("recipe, code, last", [
    ("@mkdir -p build/results && echo '3 passed, 0 failed' | tee build/results/summary.txt", 0, "3 passed, 0 failed"),
    ("@mkdir -p build/results && echo '3 passed, 2 failed' | tee build/results/summary.txt; exit 1", 2,
     "3 passed, 2 failed"),
    ("@exit 1", 2, "0 passed, 1 failed"),
])
def test_the_last_line_of_ci_is_the_sum(tmp_path, recipe, code, last):
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci/run", tmp_path / ".ci")
    (tmp_path / "Makefile").write_text(f"check:\n\t{recipe}\n")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    done = subprocess.run(["bash", ".ci/run"], cwd=tmp_path, env=environment, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=30)
    assert done.returncode == code and done.stdout.splitlines()[-1] == last, done.stdout
