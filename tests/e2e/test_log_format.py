# SPDX-License-Identifier: Apache-2.0
"""The file format is what docs/durability.md says: a reader that was written after it alone (log_format.py) finds in real
folders what the broker's clients put there, and what `chaski log inspect` finds."""
import pathlib
import random
import re

import log_format
import peers
import pytest
from pika import spec
from stored import *

pytestmark = pytest.mark.chaski_only
DOCUMENT = pathlib.Path(__file__).resolve().parents[2] / "docs" / "durability.md"

# What inspect calls a field.
NAMES = {"kind": "sort", "time": "time_ms", "properties": "properties_bytes"}


def as_inspected(r):
    """A Record in the words of `chaski log inspect --json`: what is 0 or empty is left out."""
    out = {"kind": "record", "record": r.number, "type": r.type}
    for name, value in r.fields.items():
        if name == "arguments":
            name, value = "arguments_bytes", len(value)
        elif isinstance(value, bytes):
            value = value.decode()
        elif isinstance(value, list):
            value = [list(pair) for pair in value]
        if value:
            out[NAMES.get(name, name)] = value
    if r.content:
        out["content_bytes"] = len(r.content)
    if r.content is None:
        out["damaged"] = True
    return out


def compare(folder):
    """Both readers find the same; gives the log."""
    log, said = log_format.read(folder), inspect(folder)
    frames = [{**({"last": f.next - 1} if f.flags & log_format.SPARSE else {}), "file": f.file, "offset": f.offset, "bytes": f.bytes, "first": f.first, "records": f.records,
               "durable_through": f.durable_through, "incarnation": f.incarnation, "mark": f.kind != log_format.DATA,
               "kind": "frame"} for f in log.frames]
    assert [one for one in said if one["kind"] == "frame"] == frames
    assert [one for one in said if one["kind"] == "record"] == [as_inspected(r) for r in log.records]
    (summary,) = (one for one in said if one["kind"] == "summary")
    assert summary["replay_from"] == log.replay_from
    assert summary["last"] == log.frames[-1].next - 1 and summary["durable_through"] == log.durable_through
    return log


def entries_in(log, name):
    """What is in a queue, in order, by the document's rules."""
    places, names = log_format.state_of(r for r in log.records if r.number >= log.replay_from)
    (queue,) = (number for number, one in names.items() if one == name)
    return [entry for _, entry in sorted(places[queue].items())]


def messages_in(log, name):
    """(properties, body) of these."""
    records, found = {r.number: r for r in log.records}, []
    for entry in entries_in(log, name):
        r = records[entry.message]
        split = r.fields["properties"]
        parts = b"".join(records[part].content for part, _ in r.fields["parts"])
        assert all(len(records[part].content) == size for part, size in r.fields["parts"])
        found.append((r.content[:split], parts + r.content[split:]))
    return found


def work(broker, rng, rounds):
    """Something of everything."""
    with peers.opened(broker) as w:
        confirm_select(w)
        for kind in ("direct", "topic", "headers", "fanout"):
            w.request(1, spec.Exchange.Declare(exchange=f"x.{kind}", type=kind, durable=True, arguments={"n": 1}),
                      spec.Exchange.DeclareOk)
        for name in ("a", "b", "c"):
            declare(w, name, arguments={"x-expires": 3600000})
            for kind in ("direct", "topic", "headers", "fanout"):
                w.request(1, spec.Queue.Bind(queue=name, exchange=f"x.{kind}", routing_key="k", arguments={"x-match": "any"}),
                          spec.Queue.BindOk)
        w.request(1, spec.Exchange.Bind(destination="x.fanout", source="x.topic", routing_key="to.#"), spec.Exchange.BindOk)
        w.request(1, spec.Queue.Unbind(queue="a", exchange="x.topic", routing_key="k", arguments={"x-match": "any"}),
                  spec.Queue.UnbindOk)
        published = 0
        for _ in range(rounds):
            for _ in range(rng.randint(1, 20)):
                body = rng.randbytes(rng.choice((0, 3, 200, 700, 5000)))
                publish(w, "k", body, exchange=rng.choice(("x.direct", "x.topic", "x.fanout")))
                published += 1
            confirmed_through(w, published)
            with peers.opened(broker) as other:
                got = [get(other, rng.choice("abc")) for _ in range(rng.randint(0, 10))]
                for one in filter(None, got):
                    if rng.random() < 0.6:
                        ack(other, one)
                declare(other, "a", arguments={"x-expires": 3600000})
        w.request(1, spec.Queue.Purge(queue="b"), spec.Queue.PurgeOk)
        w.request(1, spec.Exchange.Delete(exchange="x.headers"), spec.Exchange.DeleteOk)
        declare(w, "d")
        w.request(1, spec.Queue.Delete(queue="d"), spec.Queue.DeleteOk)


def confirmed_through(w, tag):
    while w.expect(spec.Basic.Ack).delivery_tag < tag:
        pass


@pytest.mark.threads
def test_another_program_reads_what_clients_put_there(start, data_dir):
    rng = random.Random(9)
    for how in ("stop", "kill", "stop", "kill", "stop"):
        broker = start()
        work(broker, rng, 4)
        broker.stop() if how == "stop" else broker.kill()
        log = compare(data_dir)
        found = {name: messages_in(log, name.encode()) for name in "abc"}
        broker = start()
        with peers.opened(broker) as w:
            for name in "abc":
                got = take_all(w, name, no_ack=False)
                assert [(one.properties_octets, one.body) for one in got] == found[name], name
            w.send_method(1, spec.Basic.Nack(0, multiple=True, requeue=True))
            declare(w, "a", arguments={"x-expires": 3600000})
        broker.stop()
        compare(data_dir)
    assert {r.type for r in log.records} >= {"queue", "message", "settle", "stated", "delivered"}


def test_large_bodies_in_parts_are_read_too(start, data_dir):
    large = random.Random(2).randbytes(700000)
    broker = start()
    with peers.opened(broker) as w:
        declare(w, "q")
    put(broker, "q", b"before", large, b"behind")
    broker.stop()
    log = compare(data_dir)
    assert messages_in(log, b"q") == [(PERSISTENT, b"before"), (PERSISTENT, large), (PERSISTENT, b"behind")]
    assert any(r.type == "part" for r in log.records)


def given_back(w, count, acked=()):
    """So many are got; those with these numbers are acked, the others go back."""
    got = [get(w, "q") for _ in range(count)]
    for n in acked:
        ack(w, got[n])
    w.send_method(1, spec.Basic.Nack(0, multiple=True, requeue=True))


def test_pages_say_what_is_left_and_how_often_it_was_given_back(start, data_dir):
    broker = start()
    with peers.opened(broker) as w:
        declare(w, "q")
    put(broker, "q", *(b"%d" % n for n in range(200)))
    with peers.opened(broker) as w:
        given_back(w, 30, acked=range(0, 30, 3))
        given_back(w, 10)
    broker.stop()
    left = [n for n in range(200) if n % 3 or n > 29]
    expected = [(b"%d" % n, 2 if n in left[:10] else 1 if n < 30 else 0) for n in left]
    for _ in range(3):
        log = compare(data_dir)
        bodies = [body for _, body in messages_in(log, b"q")]
        assert list(zip(bodies, [entry.returns for entry in entries_in(log, b"q")])) == expected
        start().stop()  # which says all of it again
    assert {r.type for r in log.records if r.number >= log.replay_from} >= {"page", "stated"}
    assert "returned" not in {r.type for r in log.records if r.number >= log.replay_from}


def test_what_is_in_many_queues_is_there_once(start, data_dir):
    body, count = b"once and no more" * 8, 2000 if not peers.is_tiny() else 40
    broker = start({"engine.slice": 4})
    with peers.opened(broker) as w:
        for number in range(count):
            w.send_method(1, spec.Queue.Declare(queue=f"q{number}", durable=True))
            w.send_method(1, spec.Queue.Bind(queue=f"q{number}", exchange="amq.fanout"))
        for _ in range(2 * count):
            w.read_frame()
    put(broker, "", body, exchange="amq.fanout")
    broker.stop()
    log = compare(data_dir)
    assert sum(r.content == PERSISTENT + body for r in log.records if r.type == "message") == 1
    assert all(messages_in(log, f"q{number}".encode()) == [(PERSISTENT, body)] for number in range(0, count, count // 20))


def example():
    """The octets of the document's example: {file offset: octets}, from lines of "OFFSET  HEX …  comment"."""
    text = DOCUMENT.read_text(encoding="utf-8").partition("<!-- example -->")[2].partition("<!-- end -->")[0]
    image = bytearray(4096)
    for line in re.findall(r"^    ([0-9a-f]{4})  ((?:[0-9a-f]{2} )+)", text, re.M):
        octets = bytes.fromhex(line[1])
        at = int(line[0], 16)
        assert not any(image[at:at + len(octets)]), f"{line[0]}: given twice"
        image[at:at + len(octets)] = octets
    return bytes(image)


def test_the_example_of_the_document_is_a_log(start, data_dir):
    data_dir.mkdir()
    (data_dir / "log.0000000001").write_bytes(example())
    log = compare(data_dir)
    assert [r.type for r in log.records] == ["stated", "queue", "message"]
    assert messages_in(log, b"hello") == [(PERSISTENT, b"Hello, chaski!")]
    with peers.opened(start()) as w:
        assert [one.body for one in take_all(w, "hello")] == [b"Hello, chaski!"]


def test_the_page_of_the_document_is_what_it_says():
    text = DOCUMENT.read_text(encoding="utf-8").partition("<!-- page -->")[2].partition("<!-- end -->")[0]
    lines = re.findall(r"^    ((?:[0-9a-f]{2} )+) +(.*)", text, re.M)
    octets = b"".join(bytes.fromhex(line) for line, _ in lines)
    Entry = log_format.Entry
    assert list(log_format.spans(7, octets)) == [(7, Entry(500)), (8, Entry(501)), (9, Entry(502)), (11, Entry(498, 2))]
    assert "positions 8 and 9: records 501 and 502" in lines[1][1] and "position 11: record 498" in lines[4][1]


def test_the_document_names_every_type_of_record_and_its_fields():
    text = DOCUMENT.read_text(encoding="utf-8")
    for number, (name, fields) in log_format.TYPES.items():
        row = re.search(rf"^\| {number} \| `{name}` \| (.*?) \|", text, re.M)
        assert row, name
        listed = re.findall(r"`(\w+)`", row.group(1))
        assert listed == fields.split(), name
