# SPDX-License-Identifier: Apache-2.0
"""What the tests of the log share: brokers that follow each other on one folder, what the tool says of it, damage, and a
disk that fails.

    def test_something(start):
        broker = start(); ...; broker.kill()
        broker = start(); ...                   the same folder

    flip(folder, b"octets of a body")           damages every copy of them
    with copied(folder) as other: ...           a folder of its own with the same files
    order(broker, "fdatasync 1 fail")           of one that was started with start(shim=True)"""
import contextlib
import functools
import json
import pathlib
import shutil
import subprocess
import tempfile

import peers
import pytest
import wire
from lib import broker as brokers
from lib import passes
from pika import spec

__all__ = ["PERSISTENT", "TRANSIENT", "ack", "chaski", "confirm_select", "copied", "data_dir", "declare", "files_of", "find",
           "flip", "folder_bytes", "get", "inspect", "order", "patch", "publish", "put", "release_only", "refusal_of", "start", "sync", "take_all",
           "take_order", "wait_confirmed"]

PERSISTENT, TRANSIENT = b"\x10\0\2", b"\x10\0\1"

# Small segments: many come and go, and a start does not wait for zeros. The other passes have smaller ones.
SMALL = {"store.segment_bytes": "1MiB", "store.first_segment_bytes": "64KiB"}

release_only = pytest.mark.release_only


@pytest.fixture
def data_dir():
    with tempfile.TemporaryDirectory(prefix="chaski-stored-") as name:
        yield pathlib.Path(name) / "data"


@pytest.fixture
def start(data_dir, start_broker):  # the folder goes after its brokers
    """start(settings, shim=False): a broker on this test's folder."""
    def on_folder(settings=None, shim=False, **how):
        small = SMALL if passes.current_pass().name == "release" else {}
        if shim:
            how["prefix"] = ["env", f"LD_PRELOAD={shim_library()}", f"SHIM_ORDER={order_file(data_dir)}"]
        return start_broker({"data_dir": str(data_dir), **small, **(settings or {})}, **how)

    return on_folder


# ---- a disk that fails ----


@functools.lru_cache(maxsize=None)
def shim_library():
    folder = tempfile.TemporaryDirectory(prefix="chaski-shim-")
    shim_library.folder = folder  # until the process ends
    library = pathlib.Path(folder.name) / "shim.so"
    compiler = shutil.which("gcc") or shutil.which("clang")
    source = pathlib.Path(__file__).parent / "lib" / "shim.c"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
    return library


def order_file(folder):
    return pathlib.Path(folder).with_suffix(".order")


def order(broker, text):
    """Says from now on what the disk does: see lib/shim.c."""
    temporary = order_file(broker.data_dir).with_suffix(".new")
    temporary.write_text(text)
    temporary.rename(order_file(broker.data_dir))


def take_order(broker):
    """The disk is well again."""
    order_file(broker.data_dir).unlink()


# ---- the folder ----


def files_of(folder):
    """{name: octets} of the segments."""
    return {path.name: path.read_bytes() for path in sorted(pathlib.Path(folder).glob("log.*"))}


def folder_bytes(folder):
    """Of all segments; a running broker may rename them meanwhile."""
    total = 0
    for path in pathlib.Path(folder).glob("log.*"):
        with contextlib.suppress(FileNotFoundError):
            total += path.stat().st_size
    return total


@contextlib.contextmanager
def copied(folder):
    with tempfile.TemporaryDirectory(prefix="chaski-copy-") as name:
        shutil.copytree(folder, pathlib.Path(name) / "data")
        yield pathlib.Path(name) / "data"


def find(folder, octets):
    """All places of these octets: (path, offset)."""
    places = []
    for path in sorted(pathlib.Path(folder).glob("log.*")):
        content, at = path.read_bytes(), -1
        while (at := content.find(octets, at + 1)) >= 0:
            places.append((path, at))
    return places


def patch(path, offset, octets):
    with open(path, "r+b") as file:
        file.seek(offset)
        file.write(octets)


def flip(folder, octets):
    """Changes one octet in the middle of each copy of these octets; gives the places."""
    places = find(folder, octets)
    assert places, f"{octets[:40]!r} is nowhere in {folder}"
    for path, at in places:
        middle = at + len(octets) // 2
        patch(path, middle, bytes([octets[len(octets) // 2] ^ 1]))
    return places


# ---- the programs ----


def chaski(*args, limit_s=30.0):
    """Exit code and what it printed."""
    done = subprocess.run([brokers.tool(), *map(str, args)], env=brokers.environment(), capture_output=True, text=True,
                          timeout=limit_s, stdin=subprocess.DEVNULL)
    assert not brokers.REPORT.search(done.stderr), done.stderr
    return done.returncode, done.stdout + done.stderr


def inspect(folder):
    """What `chaski log inspect --json` says: a list of objects. Exit code 2 fails."""
    code, said = chaski("log", "inspect", folder, "--records", "--json")
    assert code in (0, 1), said
    return [json.loads(line) for line in said.splitlines()]


def refusal_of(folder, settings=None):
    """A daemon that must not start on this folder: its one line on stderr. Nothing on the disk may have changed."""
    before = files_of(folder) if folder.is_dir() else None
    run_pass = passes.current_pass()
    merged = {**run_pass.settings, **brokers.FREE_PORTS, "data_dir": str(folder), **(settings or {})}
    code, _, said = brokers.run_daemon(*(f"{key}={value}" for key, value in merged.items()))
    assert code == 1, (code, said)
    assert said.startswith("chaskid: ") and said.count("\n") == 1, said
    assert (files_of(folder) if folder.is_dir() else None) == before
    return said


# ---- clients ----


def declare(w, queue, channel=1, **how):
    how.setdefault("durable", True)
    return w.request(channel, spec.Queue.Declare(queue=queue, **how), spec.Queue.DeclareOk)


def confirm_select(w, channel=1):
    w.request(channel, spec.Confirm.Select(), spec.Confirm.SelectOk)


def publish(w, queue, body, channel=1, properties=PERSISTENT, exchange=""):
    w.publish(channel, body, exchange, queue, properties)


def wait_confirmed(w, tag, channel=1):
    """Until publishes up to `tag` are confirmed."""
    seen = set()
    while not all(n in seen for n in range(1, tag + 1)):
        got = w.expect(spec.Basic.Ack, channel)
        seen.update(range(1, got.delivery_tag + 1) if got.multiple else [got.delivery_tag])
        if got.multiple and got.delivery_tag >= tag:
            return


def sync(broker):
    """Until everything that the broker has decided so far is in the log: a confirmed message is behind it."""
    with peers.opened(broker) as w:
        declare(w, "sync")
    put(broker, "sync", b"sync")


def put(broker, queue, *bodies, exchange="", properties=PERSISTENT):
    """Publishes on a connection of its own and waits for all confirms."""
    with peers.opened(broker) as w:
        confirm_select(w)
        for body in bodies:
            publish(w, queue, body, 1, properties, exchange)
        if bodies:
            wait_confirmed(w, len(bodies))


def get(w, queue, channel=1, no_ack=False):
    """The next message as a Content, or None."""
    w.send_method(channel, spec.Basic.Get(queue=queue, no_ack=no_ack))
    frame = w.read_frame()
    if isinstance(frame.method(), spec.Basic.GetEmpty):
        return None
    header = w.read_frame()
    _, _, count, properties = wire.decode_header(header.payload)
    body = bytearray()
    while len(body) < count:
        body += w.read_frame().payload
    return wire.Content(frame.method(), properties, bytes(body), header.payload, [])


def take_all(w, queue, channel=1, no_ack=True):
    """Everything that is ready, in order."""
    taken = []
    while (one := get(w, queue, channel, no_ack)) is not None:
        taken.append(one)
    return taken


def ack(w, content, channel=1, multiple=False):
    w.send_method(channel, spec.Basic.Ack(content.method.delivery_tag, multiple))
