# SPDX-License-Identifier: Apache-2.0
"""Clients of ZeroMQ in other languages (clients/): each is one process that opens sockets, sends and receives as it is told.

    client.open("s", "SUB", address); client.subscribe("s", b"a"); client.receive("s")"""
import fcntl
import pathlib
import subprocess

from lib.broker import ROOT

SOURCES = pathlib.Path(__file__).parent / "clients"
BUILT = ROOT / "build" / "zeromq-clients"
JEROMQ = "/usr/share/java/jeromq.jar"
LANGUAGES = ("c", "javascript", "java")


def prepare(language):
    """Compiles or installs what was not yet; one test process at a time."""
    BUILT.mkdir(parents=True, exist_ok=True)
    with open(BUILT / ".lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        {"c": prepare_c, "javascript": prepare_javascript, "java": prepare_java}[language]()


def is_older(made, source):
    return not made.exists() or made.stat().st_mtime < source.stat().st_mtime


def prepare_c():
    program, source = BUILT / "czmq", SOURCES / "czmq.c"
    if is_older(program, source):
        flags = subprocess.run(["pkg-config", "--cflags", "--libs", "libczmq"], check=True, capture_output=True,
                               text=True).stdout.split()
        subprocess.run(["gcc", "-std=c17", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", str(source), "-o", str(program),
                        *flags], check=True, timeout=60)


def prepare_java():
    if is_older(BUILT / "Jeromq.class", SOURCES / "Jeromq.java"):
        subprocess.run(["javac", "-cp", JEROMQ, "-d", BUILT, SOURCES / "Jeromq.java"], check=True, timeout=60)


def prepare_javascript():
    if is_older(SOURCES / "node_modules" / ".package-lock.json", SOURCES / "package-lock.json"):
        subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--prefix", SOURCES], check=True, timeout=120)


COMMANDS = {"c": [BUILT / "czmq"], "javascript": ["node", SOURCES / "zeromq.js"],
            "java": ["java", "-XX:TieredStopAtLevel=1", "-cp", f"{BUILT}:{JEROMQ}", "Jeromq"]}


class Client:
    def __init__(self, language):
        prepare(language)
        self._process = subprocess.Popen(COMMANDS[language], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def _order(self, *words):
        self._process.stdin.write(" ".join(words) + "\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().split()

    def _do(self, *words):
        answer = self._order(*words)
        assert answer == ["ok"], f"{' '.join(words)}: {' '.join(answer) or 'the client is gone'}"

    def open(self, name, kind, address):
        self._do("open", name, kind, address)

    def subscribe(self, name, prefix):
        self._do("subscribe", name, prefix.hex() or "-")

    def send(self, name, *frames):
        self._do("send", name, *(frame.hex() or "-" for frame in frames))

    def receive(self, name):
        answer = self._order("receive", name)
        assert answer and answer[0] not in ("nothing", "error"), f"{name} received {answer or 'no more'}"
        return [b"" if frame == "-" else bytes.fromhex(frame) for frame in answer]

    def close(self, name):
        self._do("close", name)

    def end(self):
        self._process.stdin.close()
        try:
            assert self._process.wait(10) == 0
        finally:
            self._process.kill()
            self._process.wait()
            self._process.stdout.close()
