#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""tests/crash/lines.py: a text file of a million lines goes through a broker that is killed on the way.

Two publishers send the file line by line (persistent, confirms, 1000 outstanding) into a durable queue, while the
broker is killed (kill -9) five times and started again on the same data and port; a consumer joins half-way and acks
in batches; at the end the queue is drained. Afterwards no line may be missing or changed, and, with later duplicates
dropped, each publisher's lines are in order. lines.c does the talking, this file the killing and the checking.

    --lines N        lines at least (1000000)         --kills N      (5)
    --outstanding N  per publisher (1000)             --dir DIR      where the work folder goes (build)
    --file FILE      a file of one's own              --keep         leaves the work folder
    --results DIR    where a report in JUnit's form goes
    --forget         removes the data at every kill: so one sees that this fails"""
import argparse
import itertools
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.dont_write_bytecode = True
sys.path.insert(0, str(ROOT / "tests" / "e2e"))
from lib.broker import Broker, wait_until  # noqa: E402
from lib.ports import kept_port  # noqa: E402
from report import write_report  # noqa: E402

PUBLISHERS = 2
BATCH = 500
LIMIT_S = 600


def make_file(path, least):
    """A Packages index of Debian where there is one that is long enough, else lines of our own."""
    helper = pathlib.Path("/usr/lib/apt/apt-helper")
    for index in sorted(pathlib.Path("/var/lib/apt/lists").glob("*_Packages*")) if helper.exists() else []:
        with path.open("wb") as out:
            done = subprocess.run([helper, "cat-file", index], stdout=out, stderr=subprocess.DEVNULL, timeout=120)
        if done.returncode == 0 and path.read_bytes().count(b"\n") >= least:
            return f"lines of {index.name}"
    words = "quipu chaski tambo ayllu inti killa puma kuntur mayu urqu wayra sara".split()
    with path.open("w") as out:
        for number in range(least):
            chosen = (words[number * step % 11] for step in range(1, 3 + number % 13))
            out.write(f"{number:07} {' '.join(chosen)}\n")
    return "lines made for it"


class Program:
    """A run of the helper program whose progress lines are followed."""

    def __init__(self, helper, *arguments):
        self.process = subprocess.Popen([helper, *map(str, arguments)], stdout=subprocess.PIPE, text=True)
        self.count = 0
        self.last = ""
        self.follower = threading.Thread(target=self.follow, daemon=True)
        self.follower.start()

    def follow(self):
        for line in self.process.stdout:
            self.last = line.strip()
            self.count = int(line.split()[1])

    def finish(self, what):
        code = self.process.wait(LIMIT_S)
        self.follower.join(10)
        assert code == 0, f"the {what} ended with {code}"
        return self.last


class Run:
    def __init__(self, options, work):
        self.options, self.work = options, work
        self.file, self.received = work / "lines.txt", work / "received"
        self.port = kept_port()
        self.broker = None
        self.programs = []

    def run(self, *arguments):
        self.programs.append(Program(self.options.helper, *arguments))
        return self.programs[-1]

    def start_broker(self):
        self.broker = Broker(settings={"data_dir": self.work / "data",
                                       "listeners.tcp.default": f"127.0.0.1:{self.port}"}).start()

    def kill_broker(self, confirmed):
        """kill -9, and up again."""
        self.broker.kill()
        if self.options.forget:
            shutil.rmtree(self.work / "data", ignore_errors=True)
        start = time.monotonic()
        self.start_broker()
        print(f"  killed at {confirmed} confirmed lines, up again after {time.monotonic() - start:.2f} s", flush=True)

    def publish_and_kill(self, publishers, total):
        """Kills at even distances of confirmed lines; the consumer joins half-way."""
        consumer = None
        kills = [(total * (number + 1) // (self.options.kills + 1), True) for number in range(self.options.kills)]

        def confirmed():
            for one in publishers:
                assert one.process.poll() in (None, 0), "a publisher gave up"
            return sum(one.count for one in publishers)

        for at, kill in sorted([*kills, (total // 2, False)]):
            wait_until(lambda at=at: confirmed() >= at, f"{at} lines confirmed", LIMIT_S)
            if kill:
                self.kill_broker(confirmed())
            else:
                consumer = self.run("consume", self.port, self.received, BATCH)
        return consumer

    def go(self):
        total = self.file.read_bytes().count(b"\n")
        self.start_broker()
        start = time.monotonic()
        publishers = [self.run("publish", self.port, self.file, number, PUBLISHERS, self.options.outstanding)
                      for number in range(PUBLISHERS)]
        try:
            consumer = self.publish_and_kill(publishers, total)
            for number, one in enumerate(publishers):
                print(f"  publisher {number}: {one.finish('publisher')}")
            print(f"  published in {time.monotonic() - start:.1f} s")
            wait_until(lambda: consumer.last, "the consumer has begun", LIMIT_S)
            consumer.process.terminate()
            print(f"  consumer on the way: {consumer.finish('consumer')}")
            drained = self.run("drain", self.port, self.received, BATCH)
            print(f"  drain at the end: {drained.finish('drain')}")
            print(f"  all in {time.monotonic() - start:.1f} s", flush=True)
        finally:
            self.broker.kill()
            for one in self.programs:
                one.process.kill()


def check(file, received):
    """What is wrong, and what is worth telling."""
    lines = file.read_bytes().split(b"\n")[:-1]
    expected = [lines[number::PUBLISHERS] for number in range(PUBLISHERS)]
    seen = [bytearray(len(one)) for one in expected]
    last, faults, duplicates, count = [-1] * PUBLISHERS, [], 0, 0
    for raw in received.read_bytes().split(b"\n")[:-1]:
        count += 1
        publisher, sequence, text = raw[1:].split(b" ", 2)
        publisher, sequence = int(publisher), int(sequence)
        if publisher >= PUBLISHERS or sequence >= len(expected[publisher]) or expected[publisher][sequence] != text:
            faults.append(f"never published: {raw[:80]!r}")
        elif seen[publisher][sequence]:
            duplicates += 1
        else:
            seen[publisher][sequence] = 1
            if sequence < last[publisher]:
                faults.append(f"publisher {publisher}: line {sequence} first came behind line {last[publisher]}")
            last[publisher] = max(last[publisher], sequence)
    for publisher, marks in enumerate(seen):
        missing = marks.count(0)
        if missing:
            first = next(itertools.compress(itertools.count(), (not mark for mark in marks)))
            faults.append(f"publisher {publisher}: {missing} of {len(marks)} lines are missing, the first is {first}")
    return faults, f"{sum(map(len, expected))} lines, {count} deliveries, {duplicates} duplicates"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, default=1000000)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--outstanding", type=int, default=1000)
    parser.add_argument("--file", type=pathlib.Path)
    parser.add_argument("--dir", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--helper", type=pathlib.Path, default=ROOT / "build" / "crash" / "lines")
    parser.add_argument("--results", type=pathlib.Path)
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--forget", action="store_true")
    options = parser.parse_args()
    work = pathlib.Path(tempfile.mkdtemp(prefix="crash-lines.", dir=options.dir))
    run = Run(options, work)
    try:
        if options.file:
            shutil.copy(options.file, run.file)
        print(options.file or make_file(run.file, options.lines), flush=True)
        run.go()
        faults, told = check(run.file, run.received)
    except AssertionError as error:
        faults, told = [str(error)], "not finished"
    finally:
        if not options.keep:
            shutil.rmtree(work)
    for one in faults[:20]:
        print(f"FAILED: {one}")
    if options.results:
        write_report(options.results, "lines", {"every_line_is_there_and_in_order": faults})
    print(f"crash-lines: {told}, {options.kills} kills, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
