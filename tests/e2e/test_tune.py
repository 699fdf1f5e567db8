# SPDX-License-Identifier: Apache-2.0
"""connection.tune: what is offered, and which answers are refused with which words."""
import re

import pytest
import wire
from pika import spec


def tuned(broker):
    w = wire.connect(broker)
    w.send_header()
    w.expect_start()
    w.send_start_ok()
    return w, w.expect(spec.Connection.Tune, 0)


def answer(w, channel_max=2047, frame_max=131072, heartbeat=0):
    w.send_method(0, spec.Connection.TuneOk(channel_max=channel_max, frame_max=frame_max, heartbeat=heartbeat))
    w.send_method(0, spec.Connection.Open(virtual_host="/"))


def test_limits_offered_are_those_of_rabbitmq(broker):
    w, tune = tuned(broker)
    assert (tune.channel_max, tune.frame_max, tune.heartbeat) == (2047, 131072, 60)
    w.abort()


@pytest.mark.parametrize("channel_max, frame_max", [(2047, 131072), (1, 4096), (2047, 4096), (10, 131071)])
def test_smaller_limits_are_accepted(broker, channel_max, frame_max):
    w, _ = tuned(broker)
    answer(w, channel_max, frame_max)
    w.expect(spec.Connection.OpenOk, 0)
    w.open_channel(1)
    w.close()


@pytest.mark.parametrize("heartbeat", [0, 1, 60, 580, 65535])
def test_any_heartbeat_is_accepted(broker, heartbeat):
    w, _ = tuned(broker)
    answer(w, heartbeat=heartbeat)
    w.expect(spec.Connection.OpenOk, 0)
    w.close()


@pytest.mark.chaski_only
@pytest.mark.parametrize("limits, words", [
    ({"channel_max": 2048}, r"channel_max = 2048 is higher than the maximum allowed value \(2047\)"),
    ({"channel_max": 65535}, r"channel_max = 65535 is higher than the maximum allowed value \(2047\)"),
    ({"channel_max": 0}, r"channel_max = 0( \(no limit\))? is higher than the maximum allowed value \(2047\)"),
    ({"frame_max": 131073}, r"frame_max = 131073 is higher than the maximum allowed value \(131072\)"),
    ({"frame_max": 4294967295}, r"frame_max = 4294967295 is higher than the maximum allowed value \(131072\)"),
    ({"frame_max": 0}, r"frame_max = 0( \(no limit\))? is higher than the maximum allowed value \(131072\)"),
    ({"frame_max": 4095}, r"frame_max = 4095 is lower than the minimum allowed value \(4096\)"),
    ({"frame_max": 1}, r"frame_max = 1 is lower than the minimum allowed value \(4096\)"),
], ids=str)
def test_limits_out_of_range_are_refused_by_name(broker, limits, words):
    w, _ = tuned(broker)
    answer(w, **limits)
    w.expect_close(530, re.compile(f"^NOT_ALLOWED - negotiated {words}$"))
    w.abort()


@pytest.mark.parametrize("limits", [{"channel_max": 2048}, {"channel_max": 0}, {"frame_max": 131073},
                                    {"frame_max": 100}, {"frame_max": 0}], ids=str)
def test_limits_out_of_range_never_open_a_connection(broker, limits):
    w, _ = tuned(broker)
    answer(w, **limits)
    got = w.read_frame_or_end(8)
    assert got is None or isinstance(got.method(), spec.Connection.Close)
    w.abort()


@pytest.mark.chaski_only
@pytest.mark.broker(settings={"channel_max": 0, "frame_max": 0, "heartbeat": 0})
def test_no_limits_may_be_offered_and_accepted(broker):
    w, tune = tuned(broker)
    assert (tune.channel_max, tune.frame_max, tune.heartbeat) == (0, 0, 0)
    answer(w, channel_max=0, frame_max=0)
    w.expect(spec.Connection.OpenOk, 0)
    w.open_channel(65535)
    w.close()


@pytest.mark.chaski_only
@pytest.mark.broker(settings={"channel_max": 100, "frame_max": 8192, "heartbeat": 7})
def test_limits_are_settings(broker):
    w, tune = tuned(broker)
    assert (tune.channel_max, tune.frame_max, tune.heartbeat) == (100, 8192, 7)
    answer(w, channel_max=101, frame_max=8192)
    w.expect_close(530, "NOT_ALLOWED - negotiated channel_max = 101 is higher than the maximum allowed value (100)")
    w.abort()


def test_method_that_is_not_open_after_tune_ok_ends_the_connection(broker):
    w, _ = tuned(broker)
    w.send_method(0, spec.Connection.TuneOk(channel_max=2047, frame_max=131072, heartbeat=0))
    w.send_method(1, spec.Channel.Open())
    got = w.read_frame_or_end(8)
    assert got is None or isinstance(got.method(), spec.Connection.Close)
    w.abort()
