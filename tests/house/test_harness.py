# SPDX-License-Identifier: Apache-2.0
"""The end-to-end harness against a chaskid that is wrong on purpose: each fault must fail the test that met it."""
import os
import pathlib
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
E2E = HERE.parent / "e2e"

USES_IT = "def test_it(broker):\n    assert broker.port == 40001\n"
OWN_SETTINGS = """
import pytest
@pytest.mark.broker(settings={"engine.slice": 9})
def test_it(broker):
    line = broker.wait_for_log("^settings: (.*)").group(1).split()
    assert "engine.slice=9" in line and "listeners.tcp.default=127.0.0.1:0" in line
    assert any(one in line for one in ("io_threads=0", "io_threads=2"))
"""


@pytest.fixture
def run_suite(tmp_path):
    """Runs one test file in a copy of the harness; gives the exit code and what pytest printed."""

    def run(source, fault="", which="release"):
        for name in ("conftest.py", "pytest.ini", "lib"):
            (tmp_path / name).symlink_to(E2E / name)
        (tmp_path / "test_it.py").write_text(source)
        environment = {**os.environ, "CHASKID": str(HERE / "fake_chaskid"), "FAKE_CHASKID": fault,
                       "CHASKI_PASS": which, "CHASKI_RESULTS": str(tmp_path / "logs"), "PYTHONDONTWRITEBYTECODE": "1"}
        environment.pop("CHASKI_E2E_PORT", None)
        done = subprocess.run([sys.executable, "-m", "pytest", "-c", "pytest.ini", "--rootdir=.", "test_it.py"],
                              cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
        return done.returncode, done.stdout + done.stderr

    return run


def test_a_good_broker_passes_with_both_counts_of_io_threads(run_suite):
    code, output = run_suite(USES_IT)
    assert code == 0 and "2 passed" in output, output


def test_settings_of_the_test_win_over_those_of_the_pass(run_suite):
    code, output = run_suite(OWN_SETTINGS, which="tiny")
    assert code == 0 and "2 passed" in output, output


def test_a_broker_that_does_not_start_fails_and_its_log_is_shown(run_suite, tmp_path):
    code, output = run_suite(USES_IT, "start")
    assert code == 1 and "address in use" in output and "2 errors" in output, output


@pytest.mark.parametrize("source", [USES_IT, OWN_SETTINGS], ids=["shared", "own"])
@pytest.mark.parametrize("fault, words", [("exit", "exited with 3"), ("report", "sanitizer")])
def test_a_broker_that_ends_badly_fails_the_test(run_suite, tmp_path, source, fault, words):
    code, output = run_suite(source, fault)
    assert code == 1 and words in output, output
    assert list((tmp_path / "logs").glob("*.log")), "the log was not kept"


def test_a_broker_that_ignores_sigterm_fails_the_test(run_suite):
    code, output = run_suite(USES_IT.replace("broker)", "broker, io_threads)").replace(
        "    assert", "    if io_threads: return\n    assert"), "deaf")
    assert code == 1 and "did not end within" in output, output


def test_a_broker_that_dies_on_the_way_fails_the_test(run_suite):
    code, output = run_suite("from lib.broker import wait_until\ndef test_it(broker):\n"
                             "    wait_until(lambda: not broker.is_running(), 'the end')\n", "dies")
    assert code == 1 and "exited with 7" in output, output


def test_only_marked_tests_run_under_the_thread_sanitizer(run_suite):
    source = "import pytest\n@pytest.mark.threads\n" + USES_IT + "def test_other(broker):\n    assert False\n"
    code, output = run_suite(source, which="tsan")
    assert code == 0 and "1 passed" in output, output


def test_an_unknown_pass_is_refused_by_name(run_suite):
    code, output = run_suite(USES_IT, which="huge")
    assert code != 0 and "CHASKI_PASS=huge" in output, output
