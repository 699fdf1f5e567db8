# SPDX-License-Identifier: Apache-2.0
"""Runs one chaskid on free ports, follows its log, stops it, and fails if it did not end as promised.

Nothing here sleeps to hope: every wait is for a line, an exit or a condition, and has a limit that fails the test.
"""
import os
import pathlib
import re
import signal
import subprocess
import tempfile
import threading
import time

from . import passes

ROOT = pathlib.Path(__file__).resolve().parents[3]
READY = "Server startup complete"
LISTENING = re.compile(r"listening for AMQP on (\S+)")
LISTENING_BUS = re.compile(r"listening for ZMTP and AMQP on (\S+) \(bus\.listen\.(.+)\)")
LISTENING_HTTP = re.compile(r"listening for HTTP on \S+:(\d+) \((\w+)\)")
# Brokers run side by side here: each gets ports that are free.
FREE_PORTS = {"listeners.tcp.default": "127.0.0.1:0", "bus.listen.events": "tcp://127.0.0.1:0",
              "management.tcp.ip": "127.0.0.1", "management.tcp.port": 0,
              "prometheus.tcp.ip": "127.0.0.1", "prometheus.tcp.port": 0}
ONLY_AMQP = ("bus.listen=none", "management.enabled=false", "prometheus.enabled=false")
REPORT = re.compile(r"ERROR: (Address|Leak|Thread)Sanitizer|WARNING: ThreadSanitizer|runtime error:|Assertion .* failed")


def program():
    """The chaskid under test: $CHASKID, or the release build."""
    return os.environ.get("CHASKID", str(ROOT / "build" / "chaskid"))


def tool():
    """The chaski of the same build: $CHASKI, or the one beside chaskid."""
    return os.environ.get("CHASKI") or str(pathlib.Path(program()).with_name("chaski"))


def environment():
    """This process's environment with the sanitizers told to report on stderr and to exit with their code."""
    return {**os.environ, **passes.SANITIZER_ENVIRONMENT}


def wait_until(condition, what, limit_s=10.0, every_s=0.01):
    """Returns condition()'s first true value; fails naming `what` when that takes longer than the limit."""
    deadline = time.monotonic() + limit_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= deadline:
            raise AssertionError(f"not within {limit_s} s: {what}")
        time.sleep(every_s)


def run_daemon(*args, limit_s=30.0, cwd=None):
    """Runs chaskid with exactly these arguments until it ends by itself; gives (exit code, stdout, stderr).

    For starts that must fail. One that stays up longer than the limit is killed and fails the test. Its working
    directory, where a data directory comes to be that nobody named, is its own unless one is given."""
    with tempfile.TemporaryDirectory(prefix="chaski-cwd-") as own:
        done = subprocess.run([program(), *args], env=environment(), cwd=cwd or own, capture_output=True, text=True,
                              errors="replace", timeout=limit_s, stdin=subprocess.DEVNULL)
    return done.returncode, done.stdout, done.stderr


class BrokerFailure(AssertionError):
    """chaskid did not start, died, did not stop in time, or a sanitizer found something."""


class Broker:
    """A running chaskid. `settings` win over those of the pass; a value of None takes a key of the pass out.

    port, addresses   where it listens for AMQP: the first TCP port; all addresses as it printed them
    bus_port()        of bus.listen.events, or of another name
    url               amqp:// with guest/guest
    http_port         of /api; metrics_port of /metrics
    pid, lines        its process; what it wrote to stdout so far
    data_dir          the folder of its log
    """

    def __init__(self, settings=None, args=(), io_threads=None, name="broker", cwd=None, prefix=()):
        self.run_pass = passes.current_pass()
        merged = dict(self.run_pass.settings)
        merged.update(FREE_PORTS)
        if io_threads is not None:
            merged["io_threads"] = io_threads
        merged.update(settings or {})
        self._own_data = None if "data_dir" in merged else tempfile.TemporaryDirectory(prefix="chaski-data-")
        merged.setdefault("data_dir", self._own_data.name if self._own_data else None)
        self.settings = {key: value for key, value in merged.items() if value is not None}
        self.command = [*prefix, program(), *args, *(f"{key}={value}" for key, value in self.settings.items())]
        self.name = name
        self.cwd = cwd
        self.lines = []
        self.exit_code = None
        self.failed = False  # a failure was already reported; stop() does not report it again
        self._changed = threading.Condition()
        self._stdout_ended = False
        self._stderr = tempfile.TemporaryFile()
        self._process = None
        self._reader = None

    # ---- life ----

    def start(self):
        self._process = subprocess.Popen(self.command, env=environment(), cwd=self.cwd, stdin=subprocess.DEVNULL,
                                         stdout=subprocess.PIPE, stderr=self._stderr)
        self._reader = threading.Thread(target=self._follow, daemon=True)
        self._reader.start()
        try:
            self.wait_for_log(re.escape(READY), self.run_pass.start_limit_s)
            self.addresses = [found for line in self.lines for found in LISTENING.findall(line)]
            if not self.addresses and "listeners.tcp" not in self.settings:
                raise BrokerFailure("chaskid is ready but named no address it listens on")
        except AssertionError:
            self.failed = True
            self.kill()
            raise
        return self

    def _follow(self):
        for octets in self._process.stdout:
            with self._changed:
                self.lines.append(octets.decode("utf-8", "replace").rstrip("\n"))
                self._changed.notify_all()
        with self._changed:
            self._stdout_ended = True
            self._changed.notify_all()

    def stop(self):
        """SIGTERM; asserts exit code 0 within the pass's limit and no sanitizer report. After the test ended it by
        itself (wait_for_exit, kill), only that no sanitizer spoke."""
        stopped_here = self.exit_code is None
        if stopped_here:
            self._stop_in_time()
        if self._own_data:
            self._own_data.cleanup()  # pytest keeps who had it to the end, and it takes a segment at least
        if self.failed:
            return
        if REPORT.search(self.stderr()):
            raise self._failure("was found at fault by a sanitizer or by its own assertion")
        if stopped_here and self.exit_code != 0:
            raise self._failure(f"exited with {self.exit_code}")

    def _stop_in_time(self):
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(self.run_pass.stop_limit_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise self._failure(f"did not end within {self.run_pass.stop_limit_s} s of SIGTERM") from None
        self._ended()

    def kill(self):
        """SIGKILL, nothing asserted."""
        if self._process is not None and self.exit_code is None:
            self._process.kill()
            self._process.wait()
            self._ended()

    @property
    def data_dir(self):
        """Where its log is: a folder of its own, gone with it, unless the test gave one."""
        return pathlib.Path(self.settings["data_dir"])

    def _ended(self):
        self.exit_code = self._process.returncode
        self._reader.join(10)
        self._process.stdout.close()

    def wait_for_exit(self, limit_s=10.0):
        """Waits until it ends by itself (or by a signal the test sent) and gives its exit code."""
        try:
            self._process.wait(limit_s)
        except subprocess.TimeoutExpired:
            raise self._failure(f"did not end within {limit_s} s") from None
        self._ended()
        return self.exit_code

    def is_running(self):
        return self._process is not None and self._process.poll() is None

    def check_running(self):
        """Fails if it died: what a hostile test asserts at its end."""
        if not self.is_running():
            self._process.wait()
            raise self._failure(f"died with {self._process.returncode}")

    def is_healthy(self):
        return self.is_running() and not self.failed

    def signal(self, number):
        self._process.send_signal(number)

    def _failure(self, text):
        self.failed = True
        return BrokerFailure(f"chaskid {text}\n{self.log_tail()}")

    # ---- what it says ----

    def wait_for_log(self, pattern, limit_s=10.0, start=0):
        """Waits for a line of stdout (from line number `start` on) that the regular expression finds; gives the match."""
        expression = re.compile(pattern)
        deadline = time.monotonic() + limit_s
        seen = start
        with self._changed:
            while True:
                for line in self.lines[seen:]:
                    found = expression.search(line)
                    if found:
                        return found
                seen = max(start, len(self.lines))
                left_s = deadline - time.monotonic()
                if self._stdout_ended:
                    raise BrokerFailure(f"chaskid ended without the line {pattern!r}\n{self.log_tail()}")
                if left_s <= 0:
                    raise BrokerFailure(f"no line {pattern!r} within {limit_s} s\n{self.log_tail()}")
                self._changed.wait(left_s)

    def stderr(self):
        size = os.fstat(self._stderr.fileno()).st_size
        return os.pread(self._stderr.fileno(), size, 0).decode("utf-8", "replace")

    def log(self):
        return "$ " + " ".join(self.command) + "\n" + "\n".join(self.lines) + "\n--- stderr\n" + self.stderr()

    def log_tail(self, limit=6000):
        text = self.log()
        return text if len(text) <= limit else text[:200] + "\n[...]\n" + text[-limit:]

    # ---- where it is, what it uses ----

    @property
    def pid(self):
        """chaskid itself, also where it was started through a program that execs it."""
        return self._process.pid

    @property
    def port(self):
        for address in self.addresses:
            host, _, port = address.rpartition(":")
            if host and host != "unix" and port.isdigit():
                return int(port)
        raise AssertionError(f"no TCP address among {self.addresses}")

    @property
    def host(self):
        return "127.0.0.1"

    def bus_port(self, name="events"):
        ports = [int(address.rpartition(":")[2]) for line in self.lines
                 for address, of in LISTENING_BUS.findall(line) if of == name]
        assert ports, f"it has no bus.listen.{name}"
        return ports[0]

    def _http_port(self, which):
        ports = [int(port) for line in self.lines for port, name in LISTENING_HTTP.findall(line) if name == which]
        assert ports, f"it does not listen for HTTP ({which})"
        return ports[0]

    @property
    def http_port(self):
        return self._http_port("management")

    @property
    def metrics_port(self):
        return self._http_port("metrics")

    @property
    def url(self):
        return f"amqp://guest:guest@{self.host}:{self.port}/%2f"

    def _proc(self, name):
        return pathlib.Path(f"/proc/{self.pid}/{name}").read_text()

    def rss_bytes(self):
        """Resident memory now."""
        return int(re.search(r"VmRSS:\s+(\d+) kB", self._proc("status")).group(1)) * 1024

    def peak_rss_bytes(self):
        """The most that ever was resident."""
        return int(re.search(r"VmHWM:\s+(\d+) kB", self._proc("status")).group(1)) * 1024

    def cpu_seconds(self):
        """User and system time used so far."""
        fields = self._proc("stat").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def descriptor_count(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))


class RunningBroker:
    """A broker that was there before the tests (CHASKI_E2E_PORT on this machine); it is left as it is."""

    host = "127.0.0.1"
    failed = False

    def __init__(self, port):
        self.port = port
        self.url = f"amqp://guest:guest@{self.host}:{port}/%2f"

    def start(self):
        return self

    def stop(self):
        pass

    def kill(self):
        pass

    def check_running(self):
        pass

    def is_healthy(self):
        return True
