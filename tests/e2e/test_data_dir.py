# SPDX-License-Identifier: Apache-2.0
"""The folder of the log: who may have it, what is refused and how it is said, how large it gets."""
import os
import pathlib
import re
import shutil
import struct
import subprocess
import tempfile
import time

import peers
import pytest
from lib import broker as brokers
from lib import http
from pika import spec
from stored import *

pytestmark = pytest.mark.chaski_only


# ---- whose it is ----


def test_a_second_broker_on_a_folder_is_refused_by_name_and_pid(start, data_dir):
    broker = start()
    with peers.opened(broker) as w:
        declare(w, "q")
        said = refusal_of_locked(data_dir)
        assert str(data_dir) in said and f"process {broker.pid}" in said
        put(broker, "q", b"not disturbed")
    broker.kill()
    broker = start()
    with peers.opened(broker) as w:
        assert [one.body for one in take_all(w, "q")] == [b"not disturbed"]


def refusal_of_locked(folder):
    """As refusal_of, on a folder that the first broker may be writing to meanwhile."""
    code, _, said = brokers.run_daemon(f"data_dir={folder}", "listeners.tcp.default=127.0.0.1:0", *brokers.ONLY_AMQP)
    assert code == 1 and said.startswith("chaskid: ") and said.count("\n") == 1, (code, said)
    return said


def test_the_folder_is_made_and_closed_to_others(start, data_dir):
    assert not data_dir.exists()
    start()
    assert data_dir.stat().st_mode & 0o007 == 0
    assert all(path.stat().st_mode & 0o007 == 0 for path in data_dir.iterdir())


# ---- what is refused ----


def test_a_folder_that_cannot_be_made_is_named(data_dir):
    missing = data_dir / "missing" / "deeper"
    assert str(missing) in refusal_of(missing)
    assert not data_dir.exists()


def test_a_file_in_the_place_of_the_folder_is_named(data_dir):
    data_dir.write_text("mine")
    assert str(data_dir) in refusal_of(data_dir)
    assert data_dir.read_text() == "mine"


def test_a_folder_that_is_not_ours_is_named():
    """As a user that may do nothing: root may write anywhere."""
    with tempfile.TemporaryDirectory() as name:
        folder, program = pathlib.Path(name) / "data", pathlib.Path(name) / "chaskid"
        folder.mkdir(0o755)
        shutil.copy(brokers.program(), program)
        program.chmod(0o755)
        os.chmod(name, 0o755)
        if os.geteuid() != 0:
            folder.chmod(0o555)
        who = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
        done = subprocess.run([program, f"data_dir={folder}", "listeners.tcp.default=127.0.0.1:0", *brokers.ONLY_AMQP],
                              env=brokers.environment(), capture_output=True, text=True, timeout=30, check=False, **who)
        assert done.returncode == 1 and done.stderr.count("\n") == 1, done.stderr
        assert str(folder) in done.stderr and "Permission denied" in done.stderr
        assert list(folder.iterdir()) == []


@pytest.mark.parametrize("which", ["first", "newest"])
def test_an_unknown_format_version_is_named_with_its_file(start, data_dir, which):
    broker = start()
    with peers.opened(broker) as w:
        declare(w, "q")
    put(broker, "q", b"kept")
    broker.stop()
    path = sorted(data_dir.glob("log.*"))[0 if which == "first" else -1]
    for version in (1, 3):
        patch(path, 8, struct.pack(">I", version))
        said = refusal_of(data_dir)
        assert path.name in said and f"version {version}" in said
        code, said = chaski("log", "verify", data_dir)
        assert code == 2 and path.name in said and f"version {version}" in said
    patch(path, 8, struct.pack(">I", 2))
    with peers.opened(start()) as w:
        assert [one.body for one in take_all(w, "q")] == [b"kept"]


def test_files_of_others_are_left_alone(start, data_dir):
    data_dir.mkdir()
    for name in ("notes.txt", "log.1", "log.00000000010", "log.000000000x", "lock.old"):
        (data_dir / name).write_text("mine")
    start().stop()
    start().stop()
    for name in ("notes.txt", "log.1", "log.00000000010", "log.000000000x", "lock.old"):
        assert (data_dir / name).read_text() == "mine"


# ---- how large, how soon ----


@release_only
def test_an_empty_folder_is_ready_at_once(start_broker, data_dir):
    began = time.monotonic()
    broker = start_broker({"data_dir": str(data_dir)})
    with peers.opened(broker) as w:
        declare(w, "q")
        put(broker, "q", b"first")
        took_s = time.monotonic() - began
    assert took_s < 1, f"the first confirm came after {took_s:.2f} s"


SEGMENT = 1 << 20
BOUNDED = {"store.segment_bytes": SEGMENT, "store.first_segment_bytes": "64KiB", "store.frame_bytes": "64KiB",
           "store.checkpoint_bytes": SEGMENT}


@pytest.mark.threads
def test_the_folder_stays_bounded_while_messages_pass_through(start, data_dir):
    broker = start({**BOUNDED, "limits.unacked_per_channel": None})
    rounds, count, size = 24 if not peers.is_tiny() else 14, 128, 8192
    most = 0
    with peers.opened(broker) as w:
        declare(w, "q")
        confirm_select(w)
        for number in range(1, rounds + 1):  # a segment each, and records enough that what is live moves on
            for _ in range(count):
                publish(w, "q", bytes([number]) * size)
            wait_confirmed_all(w, count * number)
            ack(w, take_all(w, "q", no_ack=False)[-1], multiple=True)
            most = max(most, folder_bytes(data_dir))
        assert peers.ready_count(w, 1, "q") == 0
    sync(broker)
    assert most <= 11 * SEGMENT, f"{rounds} segments' worth of messages took {most / SEGMENT:.1f}"

    def store():
        return http.api(broker, "/overview")["chaski"]["store"]

    brokers.wait_until(lambda: store()["bytes"] == folder_bytes(data_dir), "the same size from it and from the folder")
    assert store()["segments"] + store()["segments_free"] <= 11


def purge(w, queue):
    w.request(1, spec.Queue.Purge(queue=queue), spec.Queue.PurgeOk)


def wait_confirmed_all(w, tag):
    """Until the confirm of this tag came; they come in order."""
    while w.expect(spec.Basic.Ack, 1).delivery_tag < tag:
        pass


def test_an_old_message_keeps_no_more_on_the_disk_than_itself(start, data_dir):
    broker = start(BOUNDED)
    with peers.opened(broker) as w:
        declare(w, "old")
        declare(w, "q")
        for number in range(30):
            put(broker, "q", *[b"y" * 60000] * 8)
            put(broker, "old", b"%d" % number)  # one in each segment, about
            put(broker, "q", *[b"y" * 60000] * 8)
            purge(w, "q")
    brokers.wait_until(lambda: folder_bytes(data_dir) <= 9 * SEGMENT, "segments going", limit_s=20)
    broker.kill()
    with peers.opened(start(BOUNDED)) as w:
        assert [one.body for one in take_all(w, "old")] == [b"%d" % number for number in range(30)]


def test_the_folder_stays_bounded_over_many_starts(start, data_dir):
    """A start begins a segment; the one before goes as soon as none of its messages is left."""
    sizes = []
    for number in range(20):
        broker = start(BOUNDED)
        with peers.opened(broker) as w:
            declare(w, "q")
            put(broker, "q", b"%d" % number)
            left = take_all(w, "q")
            assert [one.body for one in left] == [b"%d" % number]
            declare(w, "q")
        sync(broker)
        with peers.opened(broker) as w:
            purge(w, "sync")
        broker.kill() if number % 2 else broker.stop()
        sizes.append(folder_bytes(data_dir))
    assert max(sizes) <= 9 * SEGMENT, sizes


def test_what_one_size_of_segments_wrote_another_reads(start):
    for number, segment in enumerate(("4KiB", "1MiB", "64KiB", "4MiB")):
        settings = {"store.segment_bytes": segment, "store.first_segment_bytes": "4KiB"}
        broker = start(settings)
        with peers.opened(broker) as w:
            declare(w, "q")
            put(broker, "q", *(b"%d.%d " % (number, i) * 1000 for i in range(20)))
        broker.kill()
    with peers.opened(start()) as w:
        wanted = [b"%d.%d " % (number, i) * 1000 for number in range(4) for i in range(20)]
        assert [one.body for one in take_all(w, "q")] == wanted


def test_the_log_says_what_was_read(start):
    broker = start()
    with peers.opened(broker) as w:
        declare(w, "a")
        declare(w, "b")
    put(broker, "a", b"1", b"2", b"3")
    broker.stop()
    found = start().wait_for_log(r"log in (\S+): (\d+) records read in \d+ ms; 2 queues, 3 messages")
    assert re.fullmatch(r"\S+/data", found.group(1)) and int(found.group(2)) >= 5
