# SPDX-License-Identifier: Apache-2.0
"""`chaski perf amqp` against the daemon: it counts what happened, exactly; it says what it was refused; and it notices
each lie of a broker, which here is a proxy in front of an honest one."""
import contextlib
import dataclasses
import json
import os
import pty
import re
import socket
import struct
import subprocess
import threading

import peers
import pytest
import wire
from lib import http
from lib.broker import ROOT, Broker, environment, tool, wait_until
from pika import spec

pytestmark = pytest.mark.chaski_only

FAULTS = ("lost", "duplicates", "out_of_order", "damaged", "misrouted")
FOUND = "chaski: the broker lost, doubled, misplaced or damaged messages\n"


def url_of(where, who="guest:guest", vhost=""):
    return f"amqp://{who}@127.0.0.1:{where.port}/{vhost}"


def chaski(*args, limit_s=40.0):
    """Exit code, stdout, stderr."""
    done = subprocess.run([tool(), *args], env=environment(), capture_output=True, text=True, timeout=limit_s,
                          stdin=subprocess.DEVNULL)
    return done.returncode, done.stdout, done.stderr


def start(where, *args, **how):
    """The tool while it runs."""
    return subprocess.Popen([tool(), "perf", "amqp", "--url", url_of(where), *args], env=environment(),
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            **{"stderr": subprocess.PIPE, "text": True, **how})


def perf(where, options, code=0, said=""):
    """The report of a run with these options; it must end with this exit code and these words."""
    got, out, err = chaski("perf", "amqp", "--url", url_of(where), "--json", "--quiet", *options.split())
    assert (got, err) == (code, said), (options, out)
    assert out.count("\n") == 1
    return json.loads(out)


def fails(where, options, url=None):
    """What it said when it ended with exit code 1: one line, and no report."""
    got, out, err = chaski("perf", "amqp", "--url", url or url_of(where), "--json", "--quiet", *options.split())
    assert (got, out) == (1, ""), err
    assert err.startswith("chaski: ") and err.count("\n") == 1, err
    return err


def assert_counts(report, **expected):
    """These counts, and no fault but those among them."""
    wanted = {**dict.fromkeys(FAULTS, 0), "nacked": 0, "redelivered": 0, **expected}
    assert {name: report[name] for name in wanted} == wanted, report


def queue_lengths(broker):
    """The tool's queues: {name: messages}."""
    with peers.opened(broker) as client:
        return {one["name"]: peers.ready_count(client, 1, one["name"]) for one in http.api(broker, "/queues")
                if one["name"].startswith("chaski-perf")}


def connection_count(broker):
    return http.api(broker, "/overview")["object_totals"]["connections"]


def assert_clean(broker):
    """Nothing is left of it."""
    assert queue_lengths(broker) == {}
    with peers.opened(broker) as client:
        client.send_method(1, spec.Exchange.Declare(exchange="chaski-perf", type="direct", passive=True))
        client.expect_channel_close(1, 404, re.compile("no exchange 'chaski-perf'"))


def some(messages, tiny):
    return tiny if peers.is_tiny() else messages


# ---- everything comes, once, in order and whole ----


TYPES = {
    "default": ("--queues 3", 3, 1),
    "direct": ("--queues 3 --keys 6 --bindings 9", 3, 1),
    "fanout": ("--queues 3", 3, 3),
    "topic": ("--queues 3 --keys 7 --bindings 10", 3, 1),
    "headers": ("--queues 2 --keys 4 --bindings 6", 2, 1),
}


@pytest.mark.threads
@pytest.mark.parametrize("kind", TYPES)
def test_all_that_is_published_comes_by_each_type_of_exchange(broker, kind):
    options, queues, copies = TYPES[kind]
    messages = some(5000, 400)
    report = perf(broker, f"--type {kind} {options} --producers 3 --consumers 2 --messages {messages} --threads 2")
    assert_counts(report, sent=messages, received=messages * copies, acked=0, confirmed=0,
                  connections=1 + 3 + 2 * queues)
    assert report["mode"] == "load" and report["send_rate"] > 0 and report["receive_rate"] > 0
    assert_clean(broker)


@pytest.mark.parametrize("size, messages", [(16, some(3000, 300)), (1000, some(1000, 200)), (5000, some(500, 60)),
                                            (200000, some(60, 8))])
def test_bodies_of_each_size_come_with_confirms_acks_and_prefetch(broker, size, messages):
    options = f"--queues 2 --producers 2 --consumers 2 --size {size} --messages {messages}"
    assert_counts(perf(broker, options), sent=messages, received=messages, acked=0, confirmed=0)
    careful = "--confirms 10 --ack-every 3 --prefetch 8 --persistent --durable"
    report = perf(broker, f"{options} {careful}")
    assert_counts(report, sent=messages, received=messages, acked=messages, confirmed=messages, connections=7)
    assert report["confirm_us"]["p50"] > 0
    assert_clean(broker)


def test_what_does_not_fill_a_batch_of_acks_is_acked_too(broker):
    assert_counts(perf(broker, "--messages 7 --ack-every 100"), sent=7, received=7, acked=7)


@pytest.mark.broker(settings={"limits.unacked_per_channel": 5})
def test_acks_do_not_wait_for_a_batch_that_the_broker_does_not_let_come(broker):
    assert_counts(perf(broker, "--messages 18 --ack-every 10"), sent=18, received=18, acked=18)


def test_messages_that_do_not_divide_evenly_are_published_all(broker):
    assert_counts(perf(broker, "--messages 101 --producers 4 --queues 3 --threads 3"), sent=101, received=101)
    assert_counts(perf(broker, "--messages 2 --producers 4 --queues 3"), sent=2, received=2)


def test_without_consumers_what_was_published_is_counted_alone(broker):
    assert_counts(perf(broker, "--messages 50 --consumers 0 --confirms 5"), sent=50, confirmed=50, received=0,
                  connections=2)


COUNTS = ("sent", "confirmed", "nacked", "received", "acked", "redelivered", "connections", *FAULTS)


def test_counts_are_the_same_with_no_one_and_two_io_threads():
    """Whatever the threads are, the same messages come to the same."""
    messages = some(2000, 200)
    options = (f"--type topic --queues 3 --keys 9 --bindings 30 --producers 3 --consumers 2 --messages {messages} "
               "--confirms 40 --ack-every 7 --prefetch 20 --persistent --durable --size 500")
    counts = []
    for threads in (0, 1, 2):
        broker = Broker(io_threads=threads)
        broker.start()
        try:
            report = perf(broker, options)
        finally:
            broker.stop()
        counts.append({name: report[name] for name in COUNTS})
    assert counts[0]["received"] == counts[0]["acked"] == messages
    assert counts[0] == counts[1] == counts[2]


@pytest.mark.release_only
def test_what_no_broker_can_beat_passes_everything_on():
    """bench/ceiling, which bench/compare measures brokers against."""
    ceiling = subprocess.Popen([ROOT / "build" / "bench" / "ceiling", "--port", "0"], stdout=subprocess.PIPE, text=True)
    try:
        port = int(re.match(r"ceiling listening on 127\.0\.0\.1:(\d+), pid \d+", ceiling.stdout.readline()).group(1))
        url = f"amqp://guest:guest@127.0.0.1:{port}/"
        for options, copies in (("--size 16", 1), ("--size 20000 --producers 2 --queues 2 --ack-every 10", 1),
                                ("--type fanout --queues 4 --size 300", 4),
                                ("--confirms 10 --persistent --durable", 1)):
            code, out, err = chaski("perf", "amqp", "--url", url, "--json", "--quiet", "--messages", "2000",
                                    *options.split())
            assert (code, err) == (0, "")
            assert_counts(json.loads(out), sent=2000, received=2000 * copies)
    finally:
        ceiling.terminate()
        assert ceiling.wait(10) == 0


# ---- fill, then drain ----


@pytest.mark.threads
def test_what_a_fill_left_a_drain_gets_and_leaves_no_queue_behind(broker):
    options = "--type topic --queues 2 --keys 4 --bindings 6 --producers 3"
    assert_counts(perf(broker, f"--fill {options} --messages 40"), sent=40, received=0)
    messages = some(3000, 300)
    report = perf(broker, f"--fill {options} --messages {messages} --confirms 20")  # empties the queues first
    assert_counts(report, sent=messages, received=0, confirmed=messages, connections=4)
    assert queue_lengths(broker) == {"chaski-perf-0": messages // 2, "chaski-perf-1": messages // 2}
    report = perf(broker, f"--drain {options} --consumers 2 --ack-every 10 --prefetch 20 --threads 2")
    assert_counts(report, sent=0, received=messages, acked=messages, connections=5)
    assert report["receive_rate"] * report["seconds"] == pytest.approx(messages)
    assert_clean(broker)


def test_a_drain_of_nothing_gets_nothing(broker):
    assert_counts(perf(broker, "--drain --queues 2"), received=0)
    assert_clean(broker)


@pytest.mark.parametrize("size", [16, 20000])
def test_what_was_filled_survives_a_broker_that_is_killed(start_broker, tmp_path, size):
    options = f"--type direct --queues 2 --keys 4 --producers 2 --size {size} --durable --persistent"
    messages = some(1000, 100)
    broker = start_broker({"data_dir": str(tmp_path)})
    assert_counts(perf(broker, f"--fill {options} --messages {messages} --confirms 50"), confirmed=messages)
    broker.kill()
    broker = start_broker({"data_dir": str(tmp_path)})
    assert_counts(perf(broker, f"--drain {options} --consumers 2 --ack-every 10"), received=messages, acked=messages)
    assert_clean(broker)


# ---- time and rate ----


def assert_latencies(figures):
    assert list(figures) == ["p50", "p90", "p99", "p99.9", "max"]
    assert 0 < figures["p50"] <= figures["p90"] <= figures["p99"] <= figures["p99.9"] <= figures["max"]
    assert figures["max"] < 20e6  # microseconds


def test_at_a_rate_so_many_come_and_their_latencies_are_told(broker):
    report = perf(broker, "--rate 1000 --time 0.4 --confirms 1000 --producers 2")
    assert 100 <= report["sent"] <= 402
    assert_counts(report, received=report["sent"], confirmed=report["sent"])
    assert report["seconds"] >= 0.4
    assert_latencies(report["latency_us"])
    assert_latencies(report["confirm_us"])


def test_a_warm_up_is_run_but_not_measured(broker):
    report = perf(broker, "--rate 1000 --warmup 0.3 --time=0.3")
    assert 200 <= report["sent"] <= 601
    assert_counts(report, received=report["sent"])
    assert 0.2 <= report["seconds"] <= 0.55
    for rate in ("send_rate", "receive_rate"):
        assert 10 <= report[rate] * report["seconds"] <= report["sent"] - 10


# ---- connections and queues ----


def test_idle_connections_are_held_for_the_time(broker):
    tool_process = start(broker, "--idle", "50", "--time", "0.8", "--json", "--quiet", "--threads", "2")
    wait_until(lambda: connection_count(broker) >= 51, "51 connections")
    out, err = tool_process.communicate(timeout=30)
    report = json.loads(out)
    assert (tool_process.returncode, err) == (0, "")
    assert_counts(report, connections=51, sent=0, received=0)
    assert report["connections_rate"] > 0


@pytest.mark.threads
def test_connections_come_and_go_without_end(broker):
    report = perf(broker, "--churn 4 --time 0.3 --threads 2")
    assert_counts(report, sent=0, received=0)
    assert report["connections"] > 5 and report["connections_rate"] > 0
    assert_latencies(report["latency_us"])


@pytest.mark.parametrize("channels", [1, 32])
def test_queues_are_declared_and_gone_in_the_end(broker, channels):
    report = perf(broker, f"--declare 100 --channels {channels}")
    assert_counts(report, declared=100, connections=2)
    assert report["declare_rate"] > 0
    assert_latencies(report["latency_us"])
    assert_clean(broker)


def test_an_exchange_is_removed_by_what_needs_none(broker):
    assert_counts(perf(broker, "--declare 3 --type topic"), declared=3)
    assert_clean(broker)


def test_who_reads_nothing_keeps_nothing_from_the_others(broker):
    messages = some(5000, 300)
    report = perf(broker, f"--stalled 2 --queues 2 --producers 2 --confirms 100 --messages {messages}")
    assert_counts(report, sent=messages, received=messages, confirmed=messages, connections=7)
    assert_clean(broker)


def test_who_reads_nothing_has_messages_waiting_to_the_end(broker):
    def waiting():
        return [one["messages"] for one in http.api(broker, "/queues") if not one["name"].startswith("chaski-perf")]
    run = start(broker, "--stalled", "2", "--rate", "300", "--time", "1.2", "--json", "--quiet")
    wait_until(lambda: len(waiting()) == 2, "their queues")
    left = peers.settled(waiting)
    assert run.poll() is None and len(left) == 2 and min(left) >= 100
    out, err = run.communicate(timeout=30)
    assert (run.returncode, err) == (0, "")
    report = json.loads(out)
    assert_counts(report, received=report["sent"])
    assert waiting() == []


@pytest.mark.parametrize("mode", ["--idle 3 --time 0", "--declare 3", "--fill --messages 3", "--churn 2 --time 0.1"])
def test_whatever_else_is_done_beside_those_who_read_nothing(broker, mode):
    report = perf(broker, f"--stalled 1 {mode}")
    assert_counts(report, received=0)


# ---- the broker's process ----


def test_cpu_time_and_memory_of_the_broker_are_told(broker):
    report = perf(broker, f"--time 0.2 --pid {broker.pid}")
    told = report["broker"]
    assert told["pid"] == broker.pid
    assert told["cpu_seconds"] > 0 and told["cpu_seconds_per_million"] > 0
    assert told["rss_peak_bytes"] >= told["rss_bytes"] > 1 << 20 and told["rss_before_bytes"] > 1 << 20
    assert "broker" not in perf(broker, "--messages 10")


def test_a_process_that_is_not_there_is_named(broker):
    gone = subprocess.Popen(["true"])
    gone.wait()
    assert f"cannot look at process {gone.pid}: No such file or directory" in fails(broker, f"--pid {gone.pid}")


# ---- for people ----


def read_terminal(descriptor):
    """All that was written to its other side, which is closed."""
    shown = b""
    with contextlib.suppress(OSError):  # the end, as Linux says it
        while octets := os.read(descriptor, 4096):
            shown += octets
    os.close(descriptor)
    return shown


def test_lines_while_it_runs_tell_rates_and_none_do_when_quiet(broker):
    """One to a file, one to a terminal, one that shall be quiet, all at the same time."""
    ours, theirs = pty.openpty()
    runs = [start(broker, "--rate", "200", "--time", "1.2"),
            start(broker, "--idle", "2", "--time", "1.2", stderr=theirs),
            start(broker, "--idle", "2", "--time", "1.2", "--quiet")]
    os.close(theirs)
    (out, lines), _, (_, silence) = [run.communicate(timeout=30) for run in runs]
    assert [run.returncode for run in runs] == [0, 0, 0]
    assert re.fullmatch(r"( +\d\.\d s  sent \d+/s .*received \d+/s.*\n)+", lines), lines
    assert out.startswith("load, measured for 1.")
    assert silence == ""
    shown = read_terminal(ours)
    assert re.fullmatch(rb"\r\x1b\[K +\d\.\d s  connections \d/s(\r\x1b\[K.*)*\r\x1b\[K", shown), shown


def test_the_report_for_people_has_a_line_for_each_thing_counted(broker):
    code, out, err = chaski("perf", "amqp", "--url", url_of(broker), "--messages", "300", "--confirms", "10",
                            "--ack-every", "1", "--pid", str(broker.pid))
    assert (code, err) == (0, "")
    lines = [line.split() for line in out.splitlines()]
    assert re.fullmatch(r"load, measured for \d+\.\d\d s", out.splitlines()[0])
    counts = {words[0]: words[1] for words in lines[1:6]}
    assert counts == {"sent": "300", "confirmed": "300", "received": "300", "acked": "300", "connections": "3"}
    assert [words[0] for words in lines[6:10]] == ["latency", "confirm", "broker", "memory"]
    assert out.endswith("  nothing lost, double, out of order or damaged\n")


# ---- wrong use ----


def refused(*args):
    """What it said of a wrong use: one line for a person, nothing on stdout."""
    got, out, said = chaski(*args)
    assert got == 2 and out == "", (got, out, said)
    assert said.startswith("chaski: ") and said.count("\n") == 1, said
    return said


@pytest.mark.parametrize("options, words", [
    ("--qeues 3", "knows no '--qeues'; did you mean '--queues'?"), ("--fil", "did you mean '--fill'?"),
    ("--jsn", "did you mean '--json'?"), ("--frobnicate", "knows no '--frobnicate'; chaski perf --help"),
    ("twice", "knows no 'twice'"), ("--durable=yes", "knows no '--durable=yes'"),
    ("--fill=1", "knows no '--fill=1'"), ("--size", "--size needs a value"), ("--idle", "--idle needs a value"),
    ("--url", "--url needs a value"), ("--type", "--type needs a value"), ("--time", "--time needs a value"),
    ("--size 15", "--size 15: expected a number from 16 to 134217728"), ("--size=134217729", "--size 134217729: "),
    ("--size x", "--size x: "), ("--size=", "--size : expected a number"), ("--size -1", "--size -1: "),
    ("--size 1e3", "--size 1e3: "), ("--messages 0", "--messages 0: "), ("--messages 4294967296", "to 4294967295"),
    ("--threads 65", "--threads 65: expected a number from 1 to 64"), ("--queues 0", "--queues 0: "),
    ("--keys 1048577", "--keys 1048577: "), ("--bindings x", "--bindings x: "),
    ("--producers 4097", "--producers 4097: expected a number from 1 to 4096"), ("--confirms 0", "--confirms 0: "),
    ("--rate 0.5", "--rate 0.5: "), ("--consumers x", "--consumers x: "), ("--ack-every x", "--ack-every x: "),
    ("--prefetch 65536", "--prefetch 65536: expected a number from 0 to 65535"), ("--stalled x", "--stalled x: "),
    ("--channels 2048", "--channels 2048: "), ("--pid 0", "--pid 0: "), ("--idle 0", "--idle 0: "),
    ("--churn 10001", "--churn 10001: "), ("--declare x", "--declare x: "),
    ("--time x", "--time x: expected seconds"), ("--time -1", "--time -1: expected seconds"),
    ("--warmup nan", "--warmup nan: expected seconds"), ("--time 1s", "--time 1s: "), ("--time=", "--time : "),
    ("--type ring", "--type ring: expected default, direct, fanout, topic or headers"),
    ("--url amqps://localhost", "--url: chaski does not speak TLS; use amqp://"),
    ("--url http://u:secret@localhost", "--url is no amqp://USER:PASSWORD@HOST:PORT/VHOST\n"),
    ("--url nonsense", "--url is no amqp://"), ("--url amqp://localhost:99999", "--url is no amqp://"),
    ("--fill --drain", "--drain: only one of --fill, --drain, --idle, --churn and --declare"),
    ("--idle 3 --churn 3", "--churn: only one of"), ("--declare 3 --fill", "--fill: only one of"),
    ("--queues 2 --keys 3", "--keys: the default exchange has a key for each queue"),
    ("--type fanout --keys 2", "--keys: a fanout exchange looks at none"),
    ("--bindings 2", "--bindings needs --type direct, topic or headers"),
    ("--type fanout --bindings 2", "--bindings needs"),
    ("--type topic --keys 3 --bindings 2", "--bindings: each key needs one of its own"),
    ("--prefetch 5 --ack-every 6", "--ack-every: a consumer would wait for more than --prefetch lets come"),
    ("--drain --messages 5", "--drain publishes nothing"), ("--drain --rate 5", "--drain publishes nothing"),
    ("--drain --confirms 5", "--drain publishes nothing"), ("--drain --consumers 0", "--drain needs consumers"),
])
def test_wrong_use_exits_with_2_and_names_what_is_wrong(options, words):
    assert words in refused("perf", "amqp", *options.split())


def test_the_protocol_must_be_named():
    assert "chaski perf amqp" in refused("perf")
    assert "perf knows no 'mqtt'" in refused("perf", "mqtt")


def test_help_lists_each_option_that_it_takes():
    code, out, err = chaski("perf", "amqp", "--help")
    assert (code, err) == (0, "") and out.startswith("usage: chaski perf amqp ")
    listed = re.findall(r"^  (--[a-z-]+)", out, re.M) + ["--channels"]
    for name in listed:
        assert f"knows no '{name}'" not in refused("perf", "amqp", name, "?")
    page = (ROOT / "docs/man/chaski.1").read_text().partition(".It Cm perf amqp")[2].partition(".It Cm")[0]
    page = page.partition(".It Fl -help")[0]
    assert sorted(listed) == sorted("-" + name for name in re.findall(r"^\.It Fl (-[a-z-]+)", page, re.M))
    assert "Exit codes: 0 " in out


# ---- what is refused, and what ends ----


def test_where_no_broker_is_the_address_is_named():
    with socket.socket() as bound:  # but nobody listens
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        said = fails(None, "--messages 1", url=f"amqp://127.0.0.1:{port}")
    assert said == f"chaski: cannot connect to 127.0.0.1:{port}: Connection refused\n"


@pytest.mark.broker(settings={"login.refused_delay": "50ms"})
def test_a_wrong_password_is_said_to_be_one(broker):
    said = fails(broker, "--messages 1", url=url_of(broker, "guest:secret"))
    assert said.startswith("chaski: control: the broker closed its connection: 403 ACCESS_REFUSED - Login was refused")
    assert "secret" not in said


def test_a_vhost_that_is_none_is_named(broker):
    said = fails(broker, "--messages 1", url=url_of(broker, vhost="nowhere"))
    assert said == "chaski: control: the broker closed its connection: 530 NOT_ALLOWED - vhost nowhere not found\n"
    assert_counts(perf(broker, "--messages 1"), received=1)


def test_what_the_broker_refuses_is_told_in_its_words(broker):
    perf(broker, "--fill --durable --messages 1")
    said = fails(broker, "--messages 1")
    assert said.startswith("chaski: control: the broker closed its channel: 406 PRECONDITION_FAILED - ")
    assert "durable" in said
    perf(broker, "--drain --durable")


@pytest.mark.threads
@pytest.mark.parametrize("options", ["--time 30 --confirms 100", "--idle 20 --time 30"])
def test_a_broker_that_ends_ends_it_and_the_connection_is_named(start_broker, options):
    broker = start_broker()
    run = start(broker, "--quiet", "--threads", "2", *options.split())
    wait_until(lambda: connection_count(broker) >= 3, "connections")
    broker.kill()
    out, err = run.communicate(timeout=10)
    assert (run.returncode, out) == (1, "")
    assert re.fullmatch(r"chaski: (control|producer|consumer|idle connection): the connection ended: .+\n|"
                        r"chaski: cannot connect to .*\n", err), err


# ---- a broker that lies ----


@dataclasses.dataclass
class Delivery:
    """A content on its way to a consumer."""
    method: bytes
    properties: bytes
    body: bytes

    def octets(self):
        return wire.frame(wire.METHOD, 1, self.method) + wire.content_frames(1, self.body, self.properties)

    def changed(self, at):
        body = bytearray(self.body)
        body[at] ^= 1
        return dataclasses.replace(self, body=bytes(body))

    def again(self):
        """With the redelivered flag."""
        method = wire.decode_method(self.method)
        method.redelivered = True
        return dataclasses.replace(self, method=wire.encode_method(method))


def octets_of(what):
    if isinstance(what, wire.Frame):
        return wire.frame(what.type, what.channel, what.payload)
    return what if isinstance(what, bytes) else what.octets()


class Lied:
    """A connection through the proxy."""

    def __init__(self, client, broker):
        self.client, self.lock, self.consumes = client, threading.Lock(), False
        self.broker = wire.connect(broker, limit_s=60)

    def send(self, octets):
        """A frame or a content as a whole: both sides of a lie may do it."""
        with self.lock:
            self.client.sendall(octets)

    def forward(self):
        """What the client says is true."""
        with contextlib.suppress(OSError):
            while octets := self.client.recv(65536):
                self.broker.sock.sendall(octets)
        with contextlib.suppress(OSError):
            self.broker.sock.shutdown(socket.SHUT_WR)

    def next_answer(self):
        """A Delivery, or a frame that is none."""
        got = self.broker.read_any_frame()
        if got.type != wire.METHOD or not isinstance(got.method(), spec.Basic.Deliver):
            self.consumes |= got.type == wire.METHOD and isinstance(got.method(), spec.Basic.ConsumeOk)
            return got
        header, body = self.broker.read_any_frame().payload, b""
        while len(body) < struct.unpack_from(">Q", header, 4)[0]:
            body += self.broker.read_any_frame().payload
        return Delivery(got.payload, header[12:], body)


class Liar:
    """Stands between the tool and a broker. `lie(n, what, connection, liar)` gets delivery n (from 1, over all
    connections) and gives what to send instead: Deliveries, frames and octets. `about(what)` chooses what is counted
    and lied about instead of deliveries."""

    def __init__(self, broker, lie, about=lambda what: isinstance(what, Delivery)):
        self.broker, self.lie, self.about, self.count = broker, lie, about, 0
        self.lock, self.connections, self.threads = threading.Lock(), [], []
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.port = self.listener.getsockname()[1]

    def __enter__(self):
        self.run(self.accept)
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        for thread in self.threads:
            thread.join(10)
        self.listener.close()

    def run(self, what, *args):
        self.threads.append(threading.Thread(target=what, args=args, daemon=True))
        self.threads[-1].start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                one = Lied(self.listener.accept()[0], self.broker)
                self.connections.append(one)
                self.run(one.forward)
                self.run(self.answer, one)

    def answer(self, connection):
        with contextlib.suppress(OSError, AssertionError):  # both ends go when they like
            while True:
                what = connection.next_answer()
                for one in self.instead(what, connection):
                    connection.send(octets_of(one))
        connection.client.close()
        connection.broker.abort()

    def instead(self, what, connection):
        if not self.about(what):
            return [what]
        with self.lock:
            self.count += 1
            return self.lie(self.count, what, connection, self)


def at(number, make):
    """A lie about one delivery: what make(delivery) gives instead."""
    return lambda n, what, *_: make(what) if n == number else [what]


def swap(number):
    """Delivery `number` comes behind the next one."""
    held = []

    def lie(n, what, *_):
        if n == number:
            held.append(what)
            return []
        return [what, held.pop()] if held else [what]
    return lie


def to_another(number, stays):
    """A delivery comes to another consumer, of another queue."""
    def lie(n, what, connection, liar):
        if n != number:
            return [what]
        other = next(one for one in liar.connections if one.consumes and one is not connection)
        other.send(octets_of(what))
        return [what] if stays else []
    return lie


def body_of(change):
    return lambda what: [dataclasses.replace(what, body=change(what.body))]


@contextlib.contextmanager
def a_broker(name):
    broker = Broker(io_threads=0, name=name).start()
    try:
        yield broker
    except BaseException:
        broker.kill()
        raise
    broker.stop()


@pytest.fixture(scope="module")
def losing():
    """A load whose message 50 never comes, and a drain without the last one (but with another twice, so that the sum is
    right); each with its broker. They wait some seconds for what is missing: meanwhile other tests run."""
    def no_last(n, what, *_):
        return {50: [what, what], 100: []}.get(n, [what])
    with a_broker("losing") as broker, a_broker("drained") as drained:
        perf(drained, "--fill --messages 100")
        with Liar(broker, at(50, lambda what: [])) as liar, Liar(drained, no_last) as other:
            runs = [start(liar, "--messages", "100", "--json", "--quiet"), start(other, "--drain", "--json", "--quiet")]
            yield broker, drained, runs
            for run in runs:
                run.kill()
                run.communicate()


@pytest.fixture(scope="module")
def honest(losing):
    """A broker behind the proxy."""
    with a_broker("honest") as broker:
        yield broker


LIES = {
    "twice": (at(50, lambda what: [what, what]), "", dict(received=101, duplicates=1)),
    "all twice": (lambda n, what, *_: [what, what], "", dict(received=200, duplicates=100)),
    "twice and acked": (at(50, lambda what: [what, what]), "--ack-every 10",
                        dict(received=101, duplicates=1, acked=101)),
    "the last one twice": (at(100, lambda what: [what, what]), "", dict(received=101, duplicates=1)),
    "swapped": (swap(50), "", dict(out_of_order=1)),
    "an octet of a large body": (at(50, lambda what: [what.changed(777)]), "--size 1000", dict(damaged=1)),
    "the last octet": (at(50, lambda what: [what.changed(-1)]), "--size 1000", dict(damaged=1)),
    "an octet of the second frame": (at(5, lambda what: [what.changed(150000)]), "--size 200000 --messages 10",
                                     dict(damaged=1, sent=10, received=10)),
    "an octet of the number": (at(50, lambda what: [what.changed(7)]), "", dict(damaged=1)),
    "an octet of the key": (at(50, lambda what: [what.changed(2)]), "--size 20", dict(damaged=1)),
    "an octet of the time": (at(50, lambda what: [what.changed(12)]), "", dict(damaged=1)),
    "an octet missing": (at(50, body_of(lambda body: body[:500] + body[501:])), "--size 1000", dict(damaged=1)),
    "an octet more": (at(50, body_of(lambda body: body + b"\0")), "", dict(damaged=1)),
    "empty": (at(50, body_of(lambda body: b"")), "", dict(damaged=1)),
    "three damaged": (lambda n, what, *_: [what.changed(0)] if n in (1, 50, 100) else [what], "", dict(damaged=3)),
    "in another queue": (to_another(50, stays=False), "--queues 2", dict(misrouted=1, lost=1)),
    "in another queue too": (to_another(50, stays=True), "--queues 2", dict(misrouted=1, received=101)),
}


@pytest.mark.parametrize("name", LIES)
def test_a_lie_is_found_and_counted_as_what_it_is(honest, name):
    lie, options, expected = LIES[name]
    with Liar(honest, lie) as liar:
        report = perf(liar, f"--messages 100 {options}", code=1, said=FOUND)
    assert_counts(report, **{"sent": 100, "received": 100, **expected})


def test_a_drain_finds_lies_too(honest):
    perf(honest, "--fill --messages 100 --size 100")
    with Liar(honest, at(50, lambda what: [what.changed(50), what])) as liar:
        report = perf(liar, "--drain --size 100", code=1, said=FOUND)
    assert_counts(report, received=101, damaged=1)
    assert_clean(honest)


def test_what_comes_again_and_says_so_is_no_fault(honest):
    with Liar(honest, at(50, lambda what: [what, what.again()])) as liar:
        assert_counts(perf(liar, "--messages 100"), sent=100, received=101, redelivered=1)


def is_confirm(what):
    return isinstance(what, wire.Frame) and what.type == wire.METHOD and isinstance(what.method(), spec.Basic.Ack)


def method_octets(method, channel=1):
    return wire.frame(wire.METHOD, channel, wire.encode_method(method))


def test_what_is_refused_with_a_nack_is_counted_and_not_lost(honest):
    def refuse(_, what, *__):
        if is_confirm(what):
            return [method_octets(spec.Basic.Nack(delivery_tag=10)) if what.method().delivery_tag == 10 else what]
        return [] if wire.decode_method(what.method).delivery_tag == 10 else [what]
    with Liar(honest, refuse, about=lambda what: isinstance(what, Delivery) or is_confirm(what)) as liar:
        report = perf(liar, "--messages 30 --confirms 1")
    assert_counts(report, sent=30, received=29, confirmed=29, nacked=1)


NONSENSE = {
    "it closes the channel": (
        method_octets(spec.Channel.Close(541, "INTERNAL_ERROR - oh", 0, 0)),
        "the broker closed its channel: 541 INTERNAL_ERROR - oh"),
    "it closes the connection": (
        method_octets(spec.Connection.Close(320, "CONNECTION_FORCED - bye", 0, 0), 0),
        "the broker closed its connection: 320 CONNECTION_FORCED - bye"),
    "it cancels the consumer": (
        method_octets(spec.Basic.Cancel("tag", True)), "the broker sent basic.cancel"),
    "it answers twice": (method_octets(spec.Basic.ConsumeOk("tag")), "the broker sent basic.consume_ok"),
    "an unknown method": (
        wire.frame(wire.METHOD, 1, struct.pack(">HH", 60, 999)), "the broker sent a method that cannot be read"),
    "a method cut off": (
        wire.frame(wire.METHOD, 1, struct.pack(">HHB", 60, 60, 200)), "the broker sent a method that cannot be read"),
    "a body without a header": (
        wire.frame(wire.BODY, 1, b"x"), "the broker sent a content that cannot be read"),
    "an empty body without a header": (
        wire.frame(wire.BODY, 1, b""), "the broker sent a content that cannot be read"),
    "a frame without an end": (wire.frame(wire.HEARTBEAT, 0, b"", end=0), "the broker sent no AMQP 0-9-1 frame"),
}


@pytest.mark.parametrize("name", NONSENSE)
def test_nonsense_from_the_broker_ends_it_and_is_named(honest, name):
    octets, words = NONSENSE[name]
    with Liar(honest, at(50, lambda what: [what, octets])) as liar:
        assert fails(liar, "--messages 100") == f"chaski: consumer: {words}\n"


def test_a_confirm_of_what_was_not_published_ends_it(honest):
    wrong = method_octets(spec.Basic.Ack(delivery_tag=1 << 40, multiple=True))
    with Liar(honest, at(5, lambda what: [wrong]), about=is_confirm) as liar:
        said = fails(liar, "--messages 100 --confirms 1")
    assert said == f"chaski: producer: the broker confirmed message {1 << 40} of 5\n"


def test_a_connection_that_is_cut_is_named(honest):
    def cut(n, what, connection, _):
        if n == 50:
            connection.client.shutdown(socket.SHUT_RDWR)
        return [what]
    with Liar(honest, cut) as liar:
        assert fails(liar, "--messages 100") == "chaski: consumer: the connection ended: closed by peer\n"


def lost_one(run, **expected):
    out, err = run.communicate(timeout=30)
    assert (run.returncode, err) == (1, FOUND)
    assert_counts(json.loads(out), lost=1, **expected)


def test_what_never_came_is_lost(losing):
    broker, _, runs = losing
    lost_one(runs[0], sent=100, received=99)
    assert_clean(broker)


def test_a_drain_that_lost_something_removes_nothing(losing):
    """It knows how many messages there were, so it misses the last one too."""
    _, broker, runs = losing
    lost_one(runs[1], sent=0, received=100, duplicates=1)
    assert queue_lengths(broker) == {"chaski-perf-0": 0}
