# SPDX-License-Identifier: Apache-2.0
"""Files that are not what was written: an end that was never synced is cut, a damaged body costs that message alone, damaged
records stop the start; and the log line, the tool and the API say so."""
import random
import re

import log_format
import peers
import pytest
from lib import http
from pika import spec
from stored import *

pytestmark = pytest.mark.chaski_only


def take(broker, queue):
    with peers.opened(broker) as w:
        return [one.body for one in take_all(w, queue)]


def body(number, size=900):
    return b"<%d|" % number + random.Random(number).randbytes(size) + b">"


def filled(start, data_dir, *numbers, settings=None):
    """A broker with a durable queue "q" and these messages in it, all stated durable."""
    broker = start(settings)
    with peers.opened(broker) as w:
        declare(w, "q")
    put(broker, "q", *map(body, numbers))
    peers.settled(lambda: http.api(broker, "/overview")["chaski"]["store"]["syncs"])
    return broker


# ---- the end ----


def killed_with_a_tail(start, data_dir):
    """The log of a broker that was killed when something was confirmed, and no frame said so yet; and those frames."""
    broker = filled(start, data_dir, *range(10))
    for attempt in range(1, 20):
        with peers.opened(broker) as w:
            confirm_select(w)
            for number in range(20 * attempt, 20 * attempt + 20):
                publish(w, "q", body(number))
            wait_confirmed(w, 20)
            broker.kill()
        log = log_format.read(data_dir)
        tail = [f for f in log.frames if f.next - 1 > log.durable_through]
        if tail:
            return log, tail
        broker = start()  # the mark was faster than the kill; once more
    raise AssertionError("each time the mark was faster")


def contents_until(log, last):
    """What is in queue "q" after this record."""
    records = {r.number: r for r in log.records if r.number <= last}
    places, names = log_format.state_of(records.values())
    (queue,) = (number for number, name in names.items() if name == b"q")
    messages = (records[entry.message] for _, entry in sorted(places[queue].items(), key=lambda place: place[0]))
    return [one.content[one.fields["properties"]:] for one in messages]


def possible_contents(log):
    """What may be there when the end of the log is lost from any group on that is not known to be synced."""
    ends = [f.next - 1 for f in log.frames if f.flags & log_format.LAST and f.next - 1 >= log.durable_through]
    return [contents_until(log, last) for last in [log.durable_through, *ends]]


def damages(tail, rng):
    """Ways in which the tail may be damaged: (what, offset, octets to write there; None: the file ends there)."""
    begin, end = tail[0].offset, tail[-1].end
    spots = [begin, begin + 8, begin + 50, end - 1, *(rng.randrange(begin + 48, end) for _ in range(9))]
    for at in spots[::3] if peers.is_tiny() else spots:
        yield "cut", at, None
        yield "octet", at, "flip"
        yield "zeros", at, bytes(end - at)
    yield "noise", begin, rng.randbytes(end - begin)
    yield "noise", min(begin + 512, end - 1), rng.randbytes(700)


def damage(path, at, octets):
    if octets is None:
        with open(path, "r+b") as file:
            file.truncate(at)
    else:
        patch(path, at, bytes([path.read_bytes()[at] ^ 0x40]) if octets == "flip" else octets)


def test_an_end_that_was_never_synced_is_cut_wherever_it_is_damaged(start, data_dir):
    log, tail = killed_with_a_tail(start, data_dir)
    possible = possible_contents(log)
    assert len(possible[-1]) > len(possible[0]) >= 10
    for what, at, octets in damages(tail, random.Random(3)):
        with copied(data_dir) as folder:
            damage(folder / tail[0].file, at, octets)
            code, said = chaski("log", "verify", folder)
            assert code == 0 and "no fault" in said, (what, at, said)
            last = log_format.read(folder).records[-1].number
            broker = start({"data_dir": str(folder)})
            is_lost = last < log.records[-1].number  # not, if it was between two groups
            assert not (what == "octet" and is_lost) or any("that was never synced is cut" in line for line in broker.lines)
            got = take(broker, "q")
            assert got in possible and got == contents_until(log, last), (what, at)
            broker.stop()
            assert chaski("log", "verify", folder)[0] == 0


def test_an_undamaged_end_is_kept_and_stays_when_the_start_is_killed_too(start, data_dir):
    log, _ = killed_with_a_tail(start, data_dir)
    wanted = contents_until(log, log.records[-1].number)
    start().kill()
    start().kill()
    assert take(start(), "q") == wanted


def test_the_end_is_damage_once_it_is_stated_durable(start, data_dir):
    filled(start, data_dir, *range(5), settings={"store.first_segment_bytes": "64KiB"}).kill()
    log = log_format.read(data_dir)
    last = next(f for f in reversed(log.frames) if f.kind == log_format.DATA)
    patch(data_dir / last.file, last.offset + 60, b"\xff")
    said = refusal_of(data_dir)
    assert last.file in said and f"at {last.offset}" in said and f"records {last.first} to {last.next - 1}" in said


# ---- bodies ----


def check_one_is_missing(broker, data_dir, number, count):
    """Message `number` of `count` is left out of "q", and everybody says so."""
    line = broker.wait_for_log(r"\[error\] queue 'q' in vhost '/': the message at position (\d+) \(record (\d+) of the log\) "
                               r"is damaged")
    assert int(line.group(1)) == number + 1  # positions begin at 1
    assert take(broker, "q") == [body(n) for n in range(count) if n != number]
    assert http.api(broker, "/queues/%2F/q")["messages_damaged"] == 1
    assert http.api(broker, "/overview")["chaski"]["damaged"] == 1
    assert http.metrics(broker)["chaski_messages_damaged"] == 1
    _, said = chaski("status", "--url", f"http://guest:guest@127.0.0.1:{broker.http_port}")
    assert re.search(r"^damaged: +1 messages", said, re.M) and re.search(r"^ +1 in q, positions (\d+) to \1$", said, re.M), said
    return int(line.group(2))


def purged(broker):
    with peers.opened(broker) as w:
        w.request(1, spec.Queue.Purge(queue="q"), spec.Queue.PurgeOk)
    assert http.api(broker, "/queues/%2F/q")["messages_damaged"] == 0
    assert http.api(broker, "/overview")["chaski"]["damaged"] == 0


def test_a_damaged_body_costs_that_message_alone(start, data_dir):
    filled(start, data_dir, *range(8)).stop()
    ((path, at),) = flip(data_dir, body(5))
    code, said = chaski("log", "verify", data_dir)
    assert code == 1 and path.name in said and "the content of record" in said
    damaged = [one for one in inspect(data_dir) if one.get("damaged")]
    assert len(damaged) == 1 and damaged[0]["type"] == "message"
    (record,) = (r for r in log_format.read(data_dir).records if r.content is None)
    assert record.number == damaged[0]["record"] and record.content_at <= at < record.content_at + 1000
    broker = start()
    assert check_one_is_missing(broker, data_dir, 5, 8) == record.number
    purged(broker)
    put(broker, "q", body(9))
    broker.stop()
    broker = start()
    assert take(broker, "q") == [body(9)]
    assert http.api(broker, "/overview")["chaski"]["damaged"] == 0


@pytest.mark.parametrize("how", ["get", "consume"])
def test_a_body_that_is_damaged_while_the_broker_runs_costs_that_message_alone(start, data_dir, how):
    broker = filled(start, data_dir, *range(40), settings={"memory.bodies": 0})
    flip(data_dir, body(33))
    with peers.opened(broker) as w:
        if how == "consume":
            tag = w.request(1, spec.Basic.Consume(queue="q"), spec.Basic.ConsumeOk).consumer_tag
            got = [w.expect_content(spec.Basic.Deliver) for _ in range(39)]
            w.request(1, spec.Basic.Cancel(tag), spec.Basic.CancelOk)
        else:
            got = take_all(w, "q", no_ack=False)
        assert [one.body for one in got] == [body(n) for n in range(40) if n != 33]
        w.send_method(1, spec.Basic.Nack(0, multiple=True, requeue=True))
        declare(w, "q")
    check_one_is_missing(broker, data_dir, 33, 40)
    purged(broker)


def test_a_damaged_body_that_was_done_with_is_nobodys_loss(start, data_dir):
    broker = filled(start, data_dir, *range(4))
    assert take(broker, "q") == [body(n) for n in range(4)]
    put(broker, "q", body(7))
    broker.stop()
    flip(data_dir, body(2))
    broker = start()
    assert take(broker, "q") == [body(7)]
    assert http.api(broker, "/overview")["chaski"]["damaged"] == 0
    assert not any("queue 'q'" in line and "is damaged" in line for line in broker.lines)


def test_a_damaged_body_is_missing_in_each_of_its_queues(start, data_dir):
    broker = start()
    with peers.opened(broker) as w:
        for name in ("a", "b"):
            declare(w, name)
            w.request(1, spec.Queue.Bind(queue=name, exchange="amq.fanout"), spec.Queue.BindOk)
    put(broker, "", body(1), body(2), body(3), exchange="amq.fanout")
    broker.stop()
    flip(data_dir, body(2))
    broker = start()
    for name in ("a", "b"):
        assert any(f"queue '{name}'" in line and "is damaged" in line for line in broker.lines)
        assert take(broker, name) == [body(1), body(3)]
    assert http.api(broker, "/overview")["chaski"]["damaged"] == 2


def with_a_large_one(start, settings=None):
    """A broker with a small, a large and a small message, and the large body: it is in parts."""
    large = random.Random(8).randbytes(600 * 1024)
    broker = start(settings)
    with peers.opened(broker) as w:
        declare(w, "q")
    put(broker, "q", body(0), large, body(2))
    return broker, large


def test_a_damaged_part_is_found_at_the_start_and_its_message_is_left_out(start, data_dir):
    broker, large = with_a_large_one(start, {"store.checkpoint_bytes": "1GiB"})  # else a start may not read so far back
    broker.stop()
    flip(data_dir, large[:512])
    broker = start()
    broker.wait_for_log(r"\[error\] queue 'q' in vhost '/': the message at position 2 .* is damaged")
    assert take(broker, "q") == [body(0), body(2)]


def test_a_damaged_part_ends_the_connection_and_the_message_is_left_out(start, data_dir):
    broker, large = with_a_large_one(start)
    flip(data_dir, large[:512])
    with peers.opened(broker) as w:
        assert get(w, "q").body == body(0)
        w.send_method(1, spec.Basic.Get(queue="q"))
        while (frame := w.read_frame()).channel == 1:
            pass  # what was sent before the damage was met
        close = frame.method()
        assert isinstance(close, spec.Connection.Close) and close.reply_code == 541, close
        assert re.search(r"record \d+ of the log\) is damaged", close.reply_text)
        w.send_method(0, spec.Connection.CloseOk())
    broker.wait_for_log(r"\[error\] connection .*: closed: a part of a message's body \(record \d+ of the log\) is damaged")
    assert take(broker, "q") == [body(0), body(2)]


# ---- records ----


def damaged_records(start, data_dir):
    """A log in which the frame with message 3 of 0 to 9 has a damaged record; that frame."""
    broker = start()
    with peers.opened(broker) as w:
        declare(w, "q")
    for number in range(10):
        put(broker, "q", body(number))
    broker.stop()
    log = log_format.read(data_dir)
    (frame,) = (f for f in log.frames if body(3) in f.octets)
    patch(data_dir / frame.file, frame.offset + frame.octets.index(b"\x01q") + 1, b"Q")
    return frame


def test_damaged_records_stop_the_start_and_are_named(start, data_dir):
    frame = damaged_records(start, data_dir)
    said = refusal_of(data_dir)
    for word in (frame.file, f"at {frame.offset}", f"records {frame.first} to {frame.next - 1}"):
        assert word in said, said
    code, said = chaski("log", "verify", data_dir)
    assert code == 1 and f"{frame.file}: offset {frame.offset}" in said and "would not start" in said
    with pytest.raises(log_format.Damaged):
        log_format.read(data_dir)


def test_with_on_damage_serve_the_rest_is_served(start, data_dir):
    frame = damaged_records(start, data_dir)
    broker = start({"store.on_damage": "serve"})
    broker.wait_for_log(rf"\[error\] store: {frame.file} at {frame.offset}: records {frame.first} to {frame.next - 1} are damaged")
    broker.wait_for_log(r"\[error\] log in \S+: 1 stretches of records are lost, the rest is served")
    assert take(broker, "q") == [body(n) for n in range(10) if n != 3]


def test_with_on_damage_serve_messages_of_a_queue_without_a_name_are_kept(start, data_dir):
    filled(start, data_dir, 1, 2).stop()
    log = log_format.read(data_dir)
    (queue,) = (r for r in log.records if r.type == "queue")
    frame = next(f for f in log.frames if f.first <= queue.number < f.next)
    patch(data_dir / frame.file, frame.offset + frame.octets.index(b"\x01q") + 1, b"Q")
    broker = start({"store.on_damage": "serve"})
    name = f"chaski.lost-{queue.number}"
    broker.wait_for_log(rf"\[error\] the name of a queue with 2 messages is lost; they are in queue '{name}' in vhost '/' now")
    broker.stop()
    assert take(start({"store.on_damage": "serve"}), name) == [body(1), body(2)]


def test_a_lost_file_is_noticed(start, data_dir):
    tiny = {"store.segment_bytes": "16KiB", "store.first_segment_bytes": "4KiB", "store.frame_bytes": "4KiB"}
    filled(start, data_dir, *range(60), settings=tiny).stop()
    log = log_format.read(data_dir)
    used = sorted({f.file for f in log.frames})
    assert len(used) >= 3
    (data_dir / used[1]).unlink()
    lost = [r.number for r in log.records if r.file == used[1]]
    said = refusal_of(data_dir, tiny)
    assert f"records {lost[0]} to {lost[-1]}" in said
    assert chaski("log", "verify", data_dir)[0] == 1
