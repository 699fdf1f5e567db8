# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the end-to-end tests.

    def test_something(broker): ...              a broker that the tests of this file share; use own names in it
    @pytest.mark.broker(settings={"heartbeat": 1}, args=["-c", FILE], fresh=True)
    def test_something(broker): ...              a broker of this test's own
    def test_something(start_broker): ...        b = start_broker(settings={...}, args=[...]); stopped and checked after

Each test that uses a broker runs once for each count of I/O threads of the pass (lib/passes.py). A broker must end
with exit code 0 soon after SIGTERM and without a word from a sanitizer, or the test (for a shared broker: the last
test of the file) fails. Its log goes into the report of a failing test and to $CHASKI_RESULTS.

CHASKI_E2E_PORT=N runs the tests against a broker that listens on 127.0.0.1:N already.
"""
import os
import pathlib
import re
import sys

import pytest
from _pytest.runner import runtestprotocol

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from lib import broker as brokers  # noqa: E402
from lib import passes  # noqa: E402

BROKER_FIXTURES = {"broker", "start_broker"}


def external_port():
    port = os.environ.get("CHASKI_E2E_PORT")
    return int(port) if port else None


def pytest_generate_tests(metafunc):
    if "io_threads" in metafunc.fixturenames:
        counts = [0] if external_port() else passes.current_pass().io_threads
        metafunc.parametrize("io_threads", counts, ids=[f"io{count}" for count in counts])


def pytest_collection_modifyitems(config, items):
    run_pass = passes.current_pass()
    if run_pass.threads_only:
        keep_only(config, items, lambda item: item.get_closest_marker("threads"))
    if run_pass.name != "release":
        keep_only(config, items, lambda item: not item.get_closest_marker("release_only"))
    if external_port():
        for item in items:
            if item.get_closest_marker("chaski_only"):
                item.add_marker(pytest.mark.skip(reason="pins a choice of chaski's own"))
    # Neighbours share a broker, so a file's tests come together for each count of I/O threads.
    files = {path: number for number, path in enumerate(dict.fromkeys(item.path for item in items))}
    items.sort(key=lambda item: (files[item.path], io_threads_of(item)))


def keep_only(config, items, wanted):
    config.hook.pytest_deselected(items=[item for item in items if not wanted(item)])
    items[:] = [item for item in items if wanted(item)]


def io_threads_of(item):
    return item.callspec.params.get("io_threads", 0) if hasattr(item, "callspec") else 0


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Adds the logs of the test's brokers to the report of a failure, and keeps them among the results."""
    outcome = yield
    report = outcome.get_result()
    used = getattr(item, "brokers_used", [])
    if not report.failed or not used:
        return
    for one in used:
        if isinstance(one, brokers.Broker):
            report.sections.append((f"chaskid, {one.name}", one.log_tail()))
    keep_logs(item, [one for one in used if isinstance(one, brokers.Broker)])


def keep_logs(item, used):
    folder = os.environ.get("CHASKI_RESULTS")
    if folder:
        name = re.sub(r"[^\w.-]+", "_", item.nodeid)[-180:]
        pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
        for number, one in enumerate(used):
            (pathlib.Path(folder) / f"{name}.{number}.log").write_text(one.log())


def new_broker(settings=None, args=(), io_threads=None, **how):
    if external_port():
        return brokers.RunningBroker(external_port())
    return brokers.Broker(settings=settings, args=args, io_threads=io_threads, **how)


class SharedBroker:
    """One broker at a time, for neighbouring tests of one file with one count of I/O threads. It starts when it is
    first asked for; one that a test killed is replaced, so that only this test fails."""

    def __init__(self):
        self.current = None

    def get(self, io_threads):
        if self.current is not None and self.current.failed:
            self.current.kill()
            self.current = None
        if self.current is None:
            self.current = new_broker(io_threads=io_threads, name="shared").start()
        return self.current

    def stop(self):
        current, self.current = self.current, None
        current.stop()


@pytest.fixture(scope="session")
def shared_broker():
    return SharedBroker()


def sharing_key(item):
    """Tests with the same key may follow each other on one broker; None: this one does not use the shared broker."""
    if item is None or "broker" not in item.fixturenames or item.get_closest_marker("broker"):
        return None
    return item.path, io_threads_of(item)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item, nextitem):
    """What is long by itself is long each time; but machines stop a thread for some ms now and then. So a test that found a
    long step is run again, up to three times in all."""
    item.next_to_run = nextitem
    if "jobs_broker" not in item.fixturenames:
        return None
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for attempt in range(3):
        if attempt:
            item._initrequest()
        reports = runtestprotocol(item, nextitem=nextitem, log=False)
        if not any(one.failed and "a step of the engine took" in one.longreprtext for one in reports):
            break
    for one in reports:
        item.ihook.pytest_runtest_logreport(report=one)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


@pytest.fixture
def start_broker(request, io_threads):
    """Starts brokers of this test's own: start_broker(settings={}, args=[], cwd=None, prefix=[])."""
    if external_port():
        pytest.skip("starts a broker of its own")
    started = []
    request.node.brokers_used = started

    def start(settings=None, args=(), **how):
        how.setdefault("io_threads", io_threads)
        one = new_broker(settings=settings, args=args, name=f"own {len(started)}", **how)
        started.append(one)
        return one.start()

    yield start
    stop_all(started)


def stop_all(started):
    failures = []
    for one in reversed(started):
        try:
            one.stop()
        except brokers.BrokerFailure as failure:
            failures.append(str(failure))
    assert not failures, "\n".join(failures)


@pytest.fixture
def broker(request, shared_broker, io_threads):
    marker = request.node.get_closest_marker("broker")
    if marker is None:
        one = shared_broker.get(io_threads)
        request.node.brokers_used = [one]
        yield one
        if sharing_key(request.node.next_to_run) == sharing_key(request.node) and one.is_healthy():
            return
        shared_broker.stop()
        return
    special = marker.kwargs.get("settings") or marker.kwargs.get("args")
    if external_port() and special and not marker.kwargs.get("anywhere"):
        pytest.skip("starts a broker with settings of its own")
    one = new_broker(marker.kwargs.get("settings"), marker.kwargs.get("args", ()), io_threads, name="own")
    request.node.brokers_used = [one]
    one.start()
    yield one
    one.stop()
