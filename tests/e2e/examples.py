# SPDX-License-Identifier: Apache-2.0
"""Runs the programs under examples/ against a broker, for the tests of them."""
import fcntl
import os
import signal
import subprocess
import sys
import threading

from lib.broker import ROOT

EXAMPLES = ROOT / "examples"
C_PROGRAMS = ROOT / "build" / "examples"
LIMIT_S = 20
LANGUAGES = ("python", "javascript", "c")


def prepare():
    """Builds the C programs and installs amqplib and zeromq where that was not done; one test process at a time."""
    (ROOT / "build").mkdir(exist_ok=True)
    with open(ROOT / "build" / ".examples.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        subprocess.run(["make", "-s", "-C", EXAMPLES / "c", f"OUT={C_PROGRAMS}"], check=True, timeout=120)
        folder = EXAMPLES / "javascript"
        installed = folder / "node_modules" / ".package-lock.json"
        if not installed.exists() or installed.stat().st_mtime < (folder / "package-lock.json").stat().st_mtime:
            subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--prefix", folder], check=True, timeout=120)


def environment_of(broker):
    """Where a program finds the broker; the bus and queues where it has such ports."""
    urls = {"AMQP_URL": broker.url}
    for name, variable in (("events", "BUS_URL"), ("work", "WORK_URL"), ("factors", "FACTORS_URL")):
        if f"bus.listen.{name}" in getattr(broker, "settings", ()):
            urls[variable] = f"tcp://127.0.0.1:{broker.bus_port(name)}"
    return {**os.environ, **urls}


def command_line(language, name, arguments):
    program = {"python": [sys.executable, EXAMPLES / "python" / f"{name}.py"],
               "javascript": ["node", EXAMPLES / "javascript" / f"{name}.js"],
               "c": [C_PROGRAMS / name]}[language]
    return [*program, *arguments]


class Receiver:
    """A program that runs until it is interrupted; its output is followed line by line."""

    def __init__(self, broker, language, name, *arguments):
        self.lines = []
        self._changed = threading.Condition()
        self._process = subprocess.Popen(command_line(language, name, arguments), stdout=subprocess.PIPE, text=True,
                                         stderr=subprocess.STDOUT, env=environment_of(broker))
        self._reader = threading.Thread(target=self._follow, daemon=True)
        self._reader.start()
        self.wait_for_line("waiting for")

    def _follow(self):
        for line in self._process.stdout:
            with self._changed:
                self.lines.append(line.rstrip("\n"))
                self._changed.notify_all()

    def _wait(self, condition, what):
        with self._changed:
            assert self._changed.wait_for(condition, LIMIT_S), f"not within {LIMIT_S} s: {what}; saw {self.lines}"

    def wait_for_line(self, start):
        self._wait(lambda: any(line.startswith(start) for line in self.lines), f"a line {start!r}…")

    def received(self):
        return [line for line in self.lines if not line.startswith("waiting for")]

    def wait_for(self, *lines):
        """Waits for these lines to have come, in this order, and no others."""
        self._wait(lambda: len(self.received()) >= len(lines), f"{len(lines)} lines")
        assert self.received() == list(lines)

    def end(self):
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(LIMIT_S)
        finally:
            self._process.kill()
            self._process.wait()
            self._reader.join(LIMIT_S)
            self._process.stdout.close()
        return self._process.returncode


def run(broker, language, name, *arguments, code=0):
    """Runs a program to its end and gives its output, line by line."""
    done = subprocess.run(command_line(language, name, arguments), capture_output=True, text=True, timeout=LIMIT_S,
                          env=environment_of(broker))
    assert done.returncode == code, done.stdout + done.stderr
    return (done.stdout if code == 0 else done.stderr).splitlines()


def end_all(receivers):
    codes = [receiver.end() for receiver in receivers]
    assert all(code in (0, -signal.SIGINT) for code in codes), f"ended with {codes}"
