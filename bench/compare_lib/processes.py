# SPDX-License-Identifier: Apache-2.0
"""Processes of our own: they end with us, whatever ends us, and are waited for."""
import ctypes
import pathlib
import re
import signal
import subprocess
import time

PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None, use_errno=True)
POLL_S = 0.0005


class BrokerFailed(Exception):
    """It did not start, or ended badly: with what it said last."""


def _end_with_parent():
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Process:
    """A process that writes into a file of ours, and can be waited for by a line of it."""

    def __init__(self, command, log, env=None, stop_limit_s=15, good_codes=(0,)):
        self.log = pathlib.Path(log)
        self.stop_limit_s, self.good_codes = stop_limit_s, good_codes
        self.command = [str(word) for word in command]
        with open(self.log, "wb") as out:
            # Out of the terminal's group: Ctrl-C comes to us, and we stop it.
            self._process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                                             env=env, preexec_fn=_end_with_parent, start_new_session=True)

    @property
    def pid(self):
        return self._process.pid

    def text(self):
        return self.log.read_text(errors="replace")

    def tail(self):
        lines = [line for line in self.text().splitlines() if line.strip()]
        return "; ".join(lines[-3:]) or "it said nothing"

    def wait_for(self, condition, limit_s, what):
        """condition()'s first true value, while the process lives."""
        deadline = time.monotonic() + limit_s
        while True:
            value = condition()
            if value:
                return value
            if self._process.poll() is not None:
                raise BrokerFailed(f"before {what}: {self.ended()}")
            if time.monotonic() > deadline:
                raise BrokerFailed(f"{self.command[0]}: not within {limit_s} s: {what}: {self.tail()}")
            time.sleep(POLL_S)

    def wait_for_line(self, pattern, limit_s, what):
        return self.wait_for(lambda: re.search(pattern, self.text(), re.M), limit_s, what)

    def ended(self):
        """How it ended by itself, as text; None while it runs."""
        code = self._process.poll()
        return None if code is None else f"{self.command[0]} ended with {code}: {self.tail()}"

    def stop(self):
        """SIGTERM; it must end well and in time."""
        self._process.send_signal(signal.SIGTERM)
        try:
            code = self._process.wait(self.stop_limit_s)
        except subprocess.TimeoutExpired:
            raise BrokerFailed(f"{self.command[0]} did not end within {self.stop_limit_s} s of SIGTERM") from None
        if code not in self.good_codes:
            raise BrokerFailed(self.ended())

    def kill(self):
        self._process.kill()
        self._process.wait()


class Group:
    """Processes that belong together. They are stopped in reverse; where something went wrong they are killed, since their
    data goes too, and one that ended by itself is what went wrong."""

    def __init__(self):
        self._processes = []

    def start(self, command, log, **how):
        self._processes.append(Process(command, log, **how))
        return self._processes[-1]

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        ended = [text for text in (process.ended() for process in self._processes) if text]
        try:
            if ended and (kind is None or issubclass(kind, Exception)):
                raise BrokerFailed(ended[0]) from error
            if kind is None:
                for process in reversed(self._processes):
                    process.stop()
        finally:
            for process in self._processes:
                process.kill()


def rss_bytes(pid):
    found = re.search(r"^VmRSS:\s+(\d+) kB", pathlib.Path(f"/proc/{pid}/status").read_text(), re.M)
    return int(found.group(1)) * 1024 if found else 0
