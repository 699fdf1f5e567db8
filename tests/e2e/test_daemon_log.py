# SPDX-License-Identifier: Apache-2.0
"""What an operator finds in the log: who came, who was refused and why, and how each connection ended."""
import peers
import pytest
import wire
from pika import spec

pytestmark = pytest.mark.chaski_only


def name_of(w, broker):
    return rf"127\.0\.0\.1:{w.sock.getsockname()[1]} -> 127\.0\.0\.1:{broker.port}"


@pytest.mark.broker(settings={"login.refused_delay": "100ms"})
@pytest.mark.parametrize("user, password, reason", [("guest", "wrong", "wrong password"),
                                                    ("nobody", "guest", "unknown user"),
                                                    ("guest", "", "blank password")])
def test_refused_login_is_logged_with_peer_user_and_reason(broker, user, password, reason):
    with wire.connect(broker) as w:
        w.send_header()
        w.expect_start()
        w.send_start_ok(user=user, password=password)
        w.expect(spec.Connection.Close)
        line = broker.wait_for_log(rf".*connection {name_of(w, broker)}.*'{user}'.*").group(0)
        assert reason in line and "PLAIN" in line and "[warning]" in line


def test_strange_user_names_cannot_forge_log_lines(broker):
    """What a peer sends is one line of the log, whatever is in it."""
    with wire.connect(broker) as w:
        w.send_header()
        w.expect_start()
        w.send_start_ok(user="x\n2026-01-01 00:00:00.000 [info] forged\x1b[31m", password="y")
        w.expect(spec.Connection.Close)
        broker.wait_for_log(rf"connection {name_of(w, broker)}.*forged")
    assert not any(line.startswith("2026-01-01") or "\x1b" in line for line in broker.lines)


def test_missed_heartbeats_are_logged_with_name_user_and_interval(broker):
    w = peers.opened(broker, heartbeat=1)
    name = name_of(w, broker)
    peers.read_until_eof(w, 6)
    line = broker.wait_for_log(rf".*connection {name}, user 'guest': closed, .*heartbeats missed.*").group(0)
    assert "[warning]" in line and "interval 1 s" in line


@pytest.mark.threads
def test_ends_of_connections_are_logged_with_name_and_user(broker):
    polite, rude, wrong = (peers.opened(broker) for _ in range(3))
    names = [name_of(w, broker) for w in (polite, rude, wrong)]
    polite.close()
    rude.abort()
    wrong.send_method(0, spec.Connection.Open(virtual_host="/"))
    wrong.expect_close(504, "CHANNEL_ERROR - unexpected method in connection state running")
    levels = [("info", ""), ("warning", ""), ("error", "504 CHANNEL_ERROR - unexpected method")]
    for name, (level, text) in zip(names, levels):
        line = broker.wait_for_log(rf".*connection {name}, user 'guest': closed.*{text}").group(0)
        assert f"[{level}]" in line


def test_errors_of_channels_are_logged_with_their_text(broker):
    with peers.opened(broker) as w:
        w.send_method(1, spec.Queue.Declare(queue="missing", passive=True))
        w.expect(spec.Channel.Close, 1)
        broker.wait_for_log(rf"connection {name_of(w, broker)}, user 'guest'.*channel 1.*404.*no queue 'missing'")


def test_opened_connections_are_logged_with_name_user_and_vhost(broker):
    with peers.opened(broker) as w:
        line = broker.wait_for_log(rf".*connection {name_of(w, broker)}, user 'guest': opened.*").group(0)
        assert "vhost '/'" in line and "[info]" in line
