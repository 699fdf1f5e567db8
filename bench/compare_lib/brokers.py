# SPDX-License-Identifier: Apache-2.0
"""The brokers: how each is started in a folder of its own, and stopped. One that somebody else started has an address."""
import contextlib
import pathlib
import re
import shutil
import subprocess
import tempfile
import time
import urllib.parse
from collections import namedtuple

from . import rabbitmq
from .hello import hello
from .names import WrongUse
from .processes import Group

# A broker that runs: ready_s is how long it took to its first answer (None: somebody else started it); more: what the load
# tool must be told besides.
Running = namedtuple("Running", "host port url pid ready_s more", defaults=((),))

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*$")
START_LIMIT_S = 10


@contextlib.contextmanager
def work_folder(parent):
    path = tempfile.mkdtemp(prefix="bench-compare.", dir=parent)
    try:
        yield pathlib.Path(path)
    finally:
        shutil.rmtree(path, ignore_errors=True)


class Started:
    """What the brokers have in common that we start: fresh for every run."""

    budgeted = False  # does it have chaski's budgets to keep?
    starts = True
    absent = "it is not installed"  # what is said where there is no program

    def __init__(self, name, program):
        self.name = name
        self.program = program and pathlib.Path(program)

    def launch(self, work, group):
        """Starts it in that folder as a member of the group; gives its process and its port once it is ready, and behind
        them words that the load tool needs."""
        raise NotImplementedError

    def url_of(self, port):
        return f"amqp://guest:guest@127.0.0.1:{port}/%2f"

    def answers(self, port):
        """What it says it is, or None while it does not."""
        try:
            return hello("127.0.0.1", port)
        except OSError:
            return None

    def identify(self, running):
        return self.answers(running.port)

    @contextlib.contextmanager
    def running(self, parent):
        with work_folder(parent) as work, Group() as group:
            began = time.monotonic()
            process, port, *more = self.launch(work, group)
            process.wait_for(lambda: self.answers(port), START_LIMIT_S, "it answers")
            yield Running("127.0.0.1", port, self.url_of(port), process.pid, time.monotonic() - began, tuple(more))

    def describe(self):
        return {"kind": type(self).__name__.lower(), "program": str(self.program)}


class Chaskid(Started):
    budgeted = True
    settings = {}  # beside those that each needs

    def knows(self, key):
        """An older one that is compared with may not have the setting yet."""
        said = subprocess.run([self.program, "--help"], capture_output=True, text=True, timeout=START_LIMIT_S, check=False)
        return key in said.stdout

    def launch(self, work, group):
        settings = {"listeners.tcp.default": "127.0.0.1:0", "data_dir": work / "data",
                    "management.tcp.ip": "127.0.0.1", "management.tcp.port": 0,
                    "prometheus.tcp.ip": "127.0.0.1", "prometheus.tcp.port": 0}
        if self.knows("bus.listen.NAME"):
            settings["bus.listen.events"] = "tcp://127.0.0.1:0"
        settings |= self.settings
        process = group.start([self.program, *(f"{key}={value}" for key, value in settings.items())], work / "log")
        process.wait_for_line(r"Server startup complete", START_LIMIT_S, "it is ready")
        return process, int(process.wait_for_line(r"listening for AMQP on 127\.0\.0\.1:(\d+)", 1, "its port").group(1))


class Ceiling(Started):
    def launch(self, work, group):
        process = group.start([self.program], work / "log")
        said = process.wait_for_line(r"ceiling listening on 127\.0\.0\.1:(\d+)", START_LIMIT_S, "its port")
        return process, int(said.group(1))


class Rabbitmq(Started):
    absent = "RabbitMQ is not installed (Debian: rabbitmq-server)"

    def launch(self, work, group):
        return rabbitmq.launch(self.program, work, group)


class Elsewhere:
    """One that runs already; it is left as it is."""

    budgeted = False
    starts = False

    def __init__(self, name, url, pid=None):
        parts = urllib.parse.urlsplit(url)
        self.name, self.url, self.pid = name, url, pid
        self.host, self.port = parts.hostname or "localhost", parts.port or 5672

    @contextlib.contextmanager
    def running(self, parent):
        yield Running(self.host, self.port, self.url, self.pid, None)

    def identify(self, running):
        return hello(running.host, running.port)

    def describe(self):
        shown = urllib.parse.urlsplit(self.url)
        return {"kind": "elsewhere", "url": f"{shown.scheme}://{self.host}:{self.port}{shown.path}"}


def parse(text):
    """--broker NAME=URL[,pid=N] or NAME=PATH of a chaskid."""
    name, _, what = text.partition("=")
    if not NAME.match(name) or not what:
        raise WrongUse(f"--broker {text}: expected NAME=URL[,pid=N] or NAME=PATH")
    if "://" not in what:
        if not pathlib.Path(what).is_file():
            raise WrongUse(f"--broker {text}: there is no program {what}")
        return Chaskid(name, pathlib.Path(what).resolve())
    url, _, pid = what.partition(",pid=")
    if not url.startswith("amqp://") or (pid and not pid.isdigit()) or ("," in what and not pid):
        raise WrongUse(f"--broker {text}: expected amqp://USER:PASSWORD@HOST:PORT/VHOST[,pid=N]")
    return Elsewhere(name, url, int(pid) if pid else None)


def known(build, more):
    """All brokers by name: ours, RabbitMQ's, and those that were named (which may take a name of these)."""
    build = pathlib.Path(build)
    found = {"chaski": Chaskid("chaski", build / "chaskid"), "ceiling": Ceiling("ceiling", build / "bench" / "ceiling"),
             "rabbitmq": Rabbitmq("rabbitmq", rabbitmq.program())}
    for one in map(parse, more):
        found[one.name] = one
    return found


def usual(found):
    """Those that are measured where nobody said which: not a RabbitMQ that is not installed."""
    return [name for name, broker in found.items() if getattr(broker, "program", True)]
