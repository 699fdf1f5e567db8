# SPDX-License-Identifier: Apache-2.0
"""What scripts and service managers rely on: the ready line, settings, exit codes, signals, listeners, and the limit
of descriptors."""
import os
import re
import signal
import socket
import stat
import subprocess

import peers
import pytest
import wire
from lib.broker import ONLY_AMQP, program, run_daemon
from pika import spec

pytestmark = pytest.mark.chaski_only
FREE = "listeners.tcp.default=127.0.0.1:0"
FORCED = "CONNECTION_FORCED - broker forced connection closure with reason 'shutdown'"


def heartbeat_offered(broker):
    """One setting that a client can see."""
    with wire.connect(broker) as w:
        return w.handshake().heartbeat


def refused(*args, code=2, **how):
    """A start that must fail: what it said. Nothing that went wrong is told on stdout alone."""
    got, _, said = run_daemon(*args, **how)
    assert got == code, f"exit code {got}, expected {code}: {said}"
    assert said.startswith("chaskid: ") and said.count("\n") == 1, f"not one line for a person: {said!r}"
    return said


# ---- the start ----


def test_ready_line_comes_last_and_after_the_addresses_in_use(start_broker):
    broker = start_broker({"listeners.tcp.default": None, "listeners.tcp.1": "127.0.0.1:0",
                           "listeners.tcp.2": "[::1]:0"})
    ready = next(at for at, line in enumerate(broker.lines) if "Server startup complete" in line)
    listening = [at for at, line in enumerate(broker.lines) if "listening for AMQP on " in line]
    assert len(listening) == 2 and max(listening) < ready
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} \[info\] Server startup complete; chaski \d+\.\d+\.\d+, "
                        rf"pid {broker.pid}, .*", broker.lines[ready])


def test_connections_are_taken_when_the_ready_line_was_written(start_broker):
    for _ in range(3):
        broker = start_broker()
        peers.opened(broker).close()
        broker.stop()


def test_help_names_every_way_to_call_it_and_exits_0():
    code, said, _ = run_daemon("--help")
    assert code == 0
    for words in ("usage: chaskid [-c FILE] [KEY=VALUE]...", "listeners.tcp.NAME", "heartbeat = 60"):
        assert words in said


def test_version_is_three_numbers():
    code, said, _ = run_daemon("--version")
    assert code == 0
    assert re.fullmatch(r"chaskid \d+\.\d+\.\d+\n", said)


# ---- settings ----


def test_later_settings_win_file_then_conf_d_then_command_line(start_broker, tmp_path):
    (tmp_path / "chaski.conf").write_text("heartbeat = 10\n# a comment\nchannel_max = 10 # behind a value\n")
    conf_d = tmp_path / "conf.d"
    conf_d.mkdir()
    (conf_d / "20-b.conf").write_text("heartbeat = 30\n")
    (conf_d / "10-a.conf").write_text("heartbeat = 20\nframe_max = 9999\n")
    (conf_d / "30-c.conf.bak").write_text("heartbeat = nonsense\n")
    with wire.connect(start_broker(args=["-c", str(tmp_path / "chaski.conf")])) as w:
        tune = w.handshake()
        assert (tune.heartbeat, tune.channel_max, tune.frame_max) == (30, 10, 9999)
    with wire.connect(start_broker({"heartbeat": 40}, args=["-c", str(tmp_path / "chaski.conf"), "heartbeat=39"])) as w:
        assert w.handshake().heartbeat == 40


@pytest.mark.parametrize("line, words", [
    ("hartbeat = 10", ["unknown key 'hartbeat'", "did you mean 'heartbeat'?"]),
    ("heartbeat = often", ["heartbeat", "often", "expected"]),
    ("heartbeat = 70000", ["heartbeat", "70000", "65535"]),
    ("engine.ring_items = 3", ["engine.ring_items", "3", "power of two"]),
    ("heartbeat", ["KEY = VALUE", "heartbeat"]),
    ("cluster_name = 'open", ["cluster_name", "quote"]),
    ("listeners.tcp.other = here", ["listeners.tcp.other", "here"]),
    ("listeners.ssl.default = 5671", ["listeners.ssl.default", "TLS"]),
    ("data_folder = /var/lib/chaski", ["unknown key 'data_folder'"]),
], ids=lambda value: value.split(" ")[0] if isinstance(value, str) else "")
def test_wrong_line_is_named_with_file_line_and_what_is_expected(tmp_path, line, words):
    file = tmp_path / "chaski.conf"
    file.write_text(f"# first\n\n{line}\n")
    said = refused("-c", str(file), FREE)
    assert f"{file}:3: " in said
    for word in words:
        assert word in said


def test_wrong_line_in_conf_d_is_named_with_its_file(tmp_path):
    (tmp_path / "chaski.conf").write_text("heartbeat = 10\n")
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d" / "10.conf").write_text("\nno_such_key = 1\n")
    said = refused("-c", str(tmp_path / "chaski.conf"), FREE)
    assert "conf.d/10.conf:2: unknown key 'no_such_key'" in said


@pytest.mark.parametrize("args, words", [
    (["no_such_key=1"], "command line: unknown key 'no_such_key'"),
    (["heartbeat=x"], "command line: heartbeat = 'x'"),
    (["heartbeat"], "command line: expected KEY=VALUE, got 'heartbeat'"),
    (["--no-such-option"], "unknown option '--no-such-option'"),
    (["-c"], "-c needs a FILE"),
    (["-c", "/no/such/file.conf"], "cannot open /no/such/file.conf: No such file or directory"),
], ids=["unknown key", "bad value", "no value", "unknown option", "no file", "missing file"])
def test_wrong_arguments_exit_with_2_and_a_reason(args, words):
    assert words in refused(*args)


def test_rabbitmqs_keys_without_meaning_here_are_named_once_and_accepted(start_broker, tmp_path):
    file = tmp_path / "rabbitmq.conf"
    file.write_text("mqtt.tcp_listen_options.backlog = 15672\nlog.file.level = info\nheartbeat = 17\n")
    broker = start_broker(args=["-c", str(file)])
    assert heartbeat_offered(broker) == 17
    for key in ("mqtt.tcp_listen_options.backlog", "log.file.level"):
        assert len([line for line in broker.lines if key in line and "[warning]" in line]) == 1


# ---- addresses ----


def test_second_daemon_on_a_port_exits_with_1_and_names_it(start_broker):
    broker = start_broker()
    said = refused(f"listeners.tcp.default=127.0.0.1:{broker.port}", code=1)
    assert f"127.0.0.1:{broker.port}" in said and "Address already in use" in said
    peers.opened(broker).close()


def test_second_daemon_on_a_unix_socket_exits_with_1_and_leaves_it_alone(start_broker, tmp_path):
    path = str(tmp_path / "s")
    broker = start_broker({"listeners.tcp.local": f"unix:{path}"})
    assert path in refused(f"listeners.tcp.default=unix:{path}", code=1)
    with wire.connect(path) as w:
        w.handshake()
    broker.check_running()


def test_clients_reach_it_by_ipv4_ipv6_and_unix_socket(start_broker, tmp_path):
    path = str(tmp_path / "chaski.sock")
    broker = start_broker({"listeners.tcp.default": None, "listeners.tcp.four": "127.0.0.1:0",
                           "listeners.tcp.six": "[::1]:0", "listeners.tcp.unix": f"unix:{path}"})
    ports = dict(address.rsplit(":", 1) for address in broker.addresses if not address.startswith("unix:"))
    assert f"unix:{path}" in broker.addresses
    for where in (("127.0.0.1", int(ports["127.0.0.1"])), ("::1", int(ports["[::1]"])), path):
        with wire.connect(where) as w:
            w.handshake()
            w.open_channel(1)
            w.declare_queue(1)
            w.close()
    assert stat.S_ISSOCK(os.stat(path).st_mode)
    broker.stop()
    assert not os.path.exists(path)


def test_bare_port_takes_ipv4_and_ipv6_on_one_socket(start_broker):
    broker = start_broker({"listeners.tcp.default": "0"})
    address, = broker.addresses
    for host in ("127.0.0.1", "::1"):
        with wire.connect((host, int(address.rsplit(":", 1)[1]))) as w:
            w.handshake()
            w.close()


def test_peers_by_a_dual_stack_listener_are_logged_as_ipv4(start_broker):
    broker = start_broker({"listeners.tcp.default": "0"})
    with wire.connect(("127.0.0.1", broker.port)) as w:
        w.handshake()
        port = w.sock.getsockname()[1]
        broker.wait_for_log(rf"connection 127\.0\.0\.1:{port} -> 127\.0\.0\.1:{broker.port}\b.*guest")


def test_stale_unix_socket_is_replaced(start_broker, tmp_path):
    path = str(tmp_path / "stale.sock")
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(path)
    start_broker({"listeners.tcp.local": f"unix:{path}"})
    with wire.connect(path) as w:
        w.handshake()


def test_file_that_is_no_socket_is_not_replaced(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("keep me")
    assert str(path) in refused(f"listeners.tcp.default=unix:{path}", code=1)
    assert path.read_text() == "keep me"


# ---- signals ----


@pytest.mark.threads
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stop_tells_clients_320_and_exits_0(start_broker, number):
    broker = start_broker()
    clients = [peers.opened(broker) for _ in range(5)]
    broker.signal(number)
    for w in clients:
        w.expect_close(320, FORCED, 0, limit_s=2)  # at once, not when the broker's patience ends
        w.abort()
    assert broker.wait_for_exit(broker.run_pass.stop_limit_s) == 0
    with pytest.raises(ConnectionRefusedError):
        wire.connect(broker)


@pytest.mark.threads
def test_stop_waits_for_no_client_longer_than_5_seconds(start_broker):
    """None of these ever answers: one reads nothing while much waits for it, one is silent, one is in its handshake,
    one in the middle of a body, one floods."""
    broker = start_broker()
    reader = peers.opened(broker)
    queue = reader.declare_queue(1)
    reader.send_method(1, spec.Basic.Consume(queue=queue, no_ack=True))
    silent, publisher, flood = peers.opened(broker), peers.opened(broker), peers.opened(broker)
    early = wire.connect(broker)
    early.send_header()
    for _ in range(200):
        reader.publish(1, b"u" * 100000, routing_key=queue)
    publisher.send_method(1, spec.Basic.Publish(exchange="", routing_key=queue))
    publisher.send_frame(wire.HEADER, 1, wire.encode_header(1 << 20))
    publisher.send_frame(wire.BODY, 1, b"half")
    flows = wire.frame(wire.METHOD, 1, wire.encode_method(spec.Channel.Flow(active=True))) * 1000
    peers.send_until_blocked(flood, flows, 1 << 24, 0.2)
    silent.open_channel(2)
    broker.stop()
    assert broker.exit_code == 0


def test_second_sigterm_ends_it_at_once(start_broker):
    broker = start_broker()
    silent = peers.opened(broker)
    broker.signal(signal.SIGTERM)
    silent.expect(spec.Connection.Close, 0)
    broker.signal(signal.SIGTERM)
    assert broker.wait_for_exit(2) == 0


def test_stop_lets_requests_before_it_be_answered_or_closed_never_cut(start_broker):
    """A client sees whole frames to the end."""
    broker = start_broker()
    w = peers.opened(broker)
    for _ in range(2000):
        w.send_method(1, spec.Channel.Flow(active=True))
    broker.signal(signal.SIGTERM)
    while True:
        got = w.read_frame_or_end()
        assert got is not None, "the connection ended without a close"
        if isinstance(got.method(), spec.Connection.Close):
            break
        assert isinstance(got.method(), spec.Channel.FlowOk)
    w.send_method(0, spec.Connection.CloseOk())
    w.expect_eof()


@pytest.mark.threads
def test_sighup_takes_over_the_log_level_and_names_what_waits_for_a_restart(start_broker, tmp_path):
    file = tmp_path / "chaski.conf"
    file.write_text("log.console.level = info\nheartbeat = 10\n")
    broker = start_broker(args=["-c", str(file)])
    with peers.Bystander(broker) as other:
        file.write_text("log.console.level = warning\nheartbeat = 20\n")
        broker.signal(signal.SIGHUP)
        broker.wait_for_log(r"configuration: heartbeat differs now; it takes effect at the next start")
        broker.wait_for_log(r"configuration: log.console.level is changed")
        other.check()
        assert heartbeat_offered(broker) == 10
        file.write_text("log.console.level = info\nheartbeat = 10\nno_such_key = 1\n")
        broker.signal(signal.SIGHUP)
        broker.wait_for_log(rf"configuration not reloaded: {re.escape(str(file))}:3: unknown key 'no_such_key'")
        other.check()
        before = len(broker.lines)
        peers.opened(broker).close()
        file.write_text("log.console.level = info\nheartbeat = 30\n")
        broker.signal(signal.SIGHUP)
        broker.wait_for_log("configuration: heartbeat differs now", start=before)
        # The line of its opening: that of its end may come when the level is info again.
        assert not [line for line in broker.lines[before:] if "user 'guest': opened" in line], "info at level warning"


def test_sighup_without_a_file_changes_nothing(start_broker):
    broker = start_broker()
    with peers.Bystander(broker):
        broker.signal(signal.SIGHUP)
        broker.wait_for_log("configuration reloaded")


def test_closed_stdout_does_not_end_it(tmp_path):
    """A log reader that goes away takes the log with it, not the broker."""
    path = str(tmp_path / "s")
    process = subprocess.Popen([program(), f"listeners.tcp.default=unix:{path}", f"data_dir={tmp_path}/data", *ONLY_AMQP],
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        line = b""
        while b"Server startup complete" not in line:
            line = process.stdout.readline()
            assert line, "it ended"
        process.stdout.close()
        for _ in range(3):
            with wire.connect(path) as w:
                w.handshake()
                w.close()
        assert process.poll() is None
        process.terminate()
        assert process.wait(20) == 0
    finally:
        process.kill()


@pytest.mark.threads
@pytest.mark.parametrize("threads", [0, 2])
def test_log_that_nobody_reads_holds_up_nobody(tmp_path, threads):
    """A pipe that is full for ever: the broker goes on, counts what it could not say, says so, and ends in time."""
    path = str(tmp_path / "s")
    process = subprocess.Popen([program(), f"listeners.tcp.default=unix:{path}", f"io_threads={threads}",
                                f"data_dir={tmp_path}/data", *ONLY_AMQP],
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        while b"Server startup complete" not in process.stdout.readline():
            assert process.poll() is None, "it ended"
        for _ in range(600):  # two lines each, more than a pipe holds
            with wire.connect(path) as w:
                w.handshake()
                w.close()
        os.set_blocking(process.stdout.fileno(), False)
        while process.stdout.read1(1 << 16):
            pass
        os.set_blocking(process.stdout.fileno(), True)
        with wire.connect(path) as w:
            w.handshake()
            w.close()
        assert re.search(rb"\[warning\] [1-9]\d* log lines before this one were lost", process.stdout.readline())
        while b"user 'guest': opened" not in process.stdout.readline():
            assert process.poll() is None, "it ended"
        for _ in range(600):
            with wire.connect(path) as w:
                w.handshake()
                w.close()
        process.terminate()
        assert process.wait(20 if peers.is_tiny() else 5) == 0
    finally:
        process.kill()


# ---- descriptors ----


def test_at_the_limit_of_descriptors_accepting_pauses_without_spinning(start_broker):
    broker = start_broker(prefix=["prlimit", "--nofile=64:64"])
    with peers.Bystander(broker) as other:
        peers.settled(broker.descriptor_count)  # the store has its segments
        clients = [wire.connect(broker) for _ in range(100)]
        broker.wait_for_log("accept|descriptor")
        used_s = broker.cpu_seconds()
        # Measures what it does while it can do nothing: a second must pass.
        assert not clients[-1].ends_within(1.0)
        assert broker.cpu_seconds() - used_s < 0.3
        other.check()
        lines = len([line for line in broker.lines if "[error]" in line])
        assert lines <= 10, "it fills the log"
        for w in clients[:60]:
            w.abort()
        for w in clients[60:]:
            w.handshake()
            w.abort()


def test_limit_of_descriptors_is_raised_at_the_start(start_broker):
    broker = start_broker(prefix=["prlimit", "--nofile=256:4096"])
    limits = open(f"/proc/{broker.pid}/limits").read()
    assert re.search(r"Max open files\s+4096\s+4096", limits)


# ---- the end ----


def test_longest_step_of_the_engine_is_logged_at_the_end(start_broker):
    broker = start_broker()
    peers.opened(broker).close()
    broker.stop()
    assert any(re.search(r"longest engine step: \d+ us", line) for line in broker.lines)
