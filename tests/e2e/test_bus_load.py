# SPDX-License-Identifier: Apache-2.0
"""build/bench/bus-load, the load of bench/events: it ends well where all comes as it should, counts what came, and says what
did not. Its rows are what chaski, a relay without a protocol, and libzmq's proxy are measured by."""
import contextlib
import json
import re
import socket
import subprocess
import threading

import pytest
import zwire
from lib.broker import ROOT

pytestmark = [pytest.mark.chaski_only, pytest.mark.release_only]

BENCH = ROOT / "build" / "bench"


def load(url, *options):
    """Exit code, the report, stderr."""
    done = subprocess.run([BENCH / "bus-load", "--url", url, *map(str, options)], capture_output=True, text=True,
                          timeout=60, stdin=subprocess.DEVNULL)
    return done.returncode, json.loads(done.stdout) if done.stdout else None, done.stderr


def loaded(url, *options):
    code, report, said = load(url, *options)
    assert (code, said) == (0, "")
    return report


@contextlib.contextmanager
def other(program, pattern):
    """Another program of the benchmark: what it says where it listens, and its process."""
    process = subprocess.Popen([BENCH / program], stdout=subprocess.PIPE, text=True)
    try:
        yield re.match(pattern, process.stdout.readline()), process.pid
    finally:
        process.terminate()
        assert process.wait(10) == 0


def bus(broker):
    return f"tcp://127.0.0.1:{broker.port}", "--pid", broker.pid


@pytest.mark.parametrize("handlers, window", [(1, 1), (3, 16), (8, 256)])
def test_events_are_answered_by_all_handlers(broker, handlers, window):
    url, *pid = bus(broker)
    report = loaded(url, *pid, "--handlers", handlers, "--window", window, "--time", 0.3)
    assert report["count"] > window and report["window"] == window
    assert report["receive_rate"] == pytest.approx(report["count"] / report["seconds"], rel=0.05)
    assert 0 < report["latency_us"]["p50"] <= report["latency_us"]["p99"]
    assert report["broker"]["rss_peak_bytes"] >= report["broker"]["rss_bytes"] > 0


@pytest.mark.broker(settings={"bus.topic.bench": "prefix=bench. timeout=60s window=100000"}, fresh=True)
def test_events_that_wait_are_counted_and_answered_in_the_end(broker):
    url, *pid = bus(broker)
    report = loaded(url, *pid, "--late", "--handlers", 2, "--window", 5000)
    assert report["count"] == 5000


@pytest.mark.parametrize("options", [(), ("--topic",), ("--size", 1024), ("--size", 300, "--topic")])
def test_subscribers_get_everything_in_order(broker, options):
    url, *pid = bus(broker)
    report = loaded(url, *pid, "--subscribers", 3, "--window", 500, "--time", 0.3, *options)
    assert report["count"] > 1000 and report["broker"]["cpu_seconds_per_million"] >= 0


def test_the_relay_passes_everything_on_again_and_again():
    with other("bus-relay", r"relay listening on 127\.0\.0\.1:(\d+)\n") as (said, pid):
        for handlers, window in ((1, 1), (3, 16), (8, 256), (1, 1)):
            report = loaded(f"bare://127.0.0.1:{said.group(1)}", "--pid", pid, "--handlers", handlers, "--window", window,
                            "--time", 0.2)
            assert report["count"] > window


@pytest.mark.skipif(not (BENCH / "bus-proxy").exists(), reason="it is built where libzmq3-dev is")
def test_libzmq_s_proxy_is_loaded_the_same_way():
    with other("bus-proxy", r"proxy of libzmq [\d.]+ listening on (tcp://\S+) for publishers, (tcp://\S+) for") as (said, pid):
        report = loaded(said.group(1), "--subscribe", said.group(2), "--pid", pid, "--subscribers", 2, "--window", 500,
                        "--time", 0.2)
        assert report["count"] > 500


# ---- what it finds ----

class FalseBus:
    """A bus that lets everybody in and answers an event with what it was told to."""

    def __init__(self, answer):
        self.answer = answer
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"tcp://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection):
        with contextlib.suppress(OSError, AssertionError):
            peer = zwire.Peer(connection)
            peer.meet("ROUTER")
            while True:
                frames = peer.read_message()
                peer.send(zwire.message(*(frames if len(frames) == 1 else self.answer(frames))))


@pytest.mark.parametrize("answer, said", [
    (lambda frames: [frames[0], b"", b'{"status":"timeout","ok":0,}'],
     'an event was not handled by all: {"status":"timeout","ok":0,}'),
    (lambda frames: [b"\0" * 7 + b"\x63", b"", b'{"status":"ok","ok":1,}'],
     "the broker answered an event that was not waiting"),
    (lambda frames: [frames[0], b"x"], "the publisher was sent 2 frames that are no report")])
def test_a_broker_that_answers_wrongly_is_a_fault(answer, said):
    false = FalseBus(answer)
    assert load(false.url, "--handlers", 1, "--time", 0.1) == (1, None, f"bus-load: {said}\n")


def test_a_port_where_nobody_listens_is_a_fault():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    assert load(f"tcp://127.0.0.1:{port}", "--handlers", 1)[::2] == (1, f"bus-load: port {port}: Connection refused\n")


@pytest.mark.parametrize("options", [
    (), ("--handlers", 0), ("--handlers", 65), ("--handlers", 1, "--subscribers", 1), ("--late", "--handlers", 1),
    ("--subscribers", 1, "--size", 15), ("--handlers", 1, "--window", "x"), ("--handlers", 1, "more"), ("--fast",)])
def test_wrong_options_are_refused(options):
    code, report, said = load("tcp://127.0.0.1:1", *options)
    assert (code, report) == (2, None) and "usage: bus-load --url URL" in said


def test_only_urls_of_this_machine_are_taken():
    for url in ("tcp://10.0.0.1:5", "amqp://127.0.0.1:5", "tcp://127.0.0.1:", "tcp://127.0.0.1:70000"):
        assert load(url, "--handlers", 1)[0] == 2
    assert load("bare://127.0.0.1:1", "--subscribers", 1)[0] == 2
