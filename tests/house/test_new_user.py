# SPDX-License-Identifier: Apache-2.0
"""What the README tells a new user to do works as it stands there: `make run`, then its two programs."""
import os
import pathlib
import re
import signal
import subprocess
import sys
import threading
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()


@pytest.fixture
def make_run():
    """`make run` on free ports, ended as Ctrl-C in a terminal would; gives that of AMQP and that of the bus."""
    process = subprocess.Popen(["make", "run", "ARGS=listeners.tcp.default=127.0.0.1:0 "
                                "bus.listen.events=tcp://127.0.0.1:0 management.tcp.port=0 prometheus.tcp.port=0"],
                               cwd=ROOT, text=True,
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, start_new_session=True,
                               env={name: value for name, value in os.environ.items() if not name.startswith("MAKE")})
    too_long = threading.Timer(80, os.killpg, (process.pid, signal.SIGKILL))
    too_long.start()
    lines = []
    try:
        for line in process.stdout:
            lines.append(line)
            if "Server startup complete" in line:
                break
        else:
            pytest.fail("make run ended without a broker:\n" + "".join(lines))
        yield [re.search(rf"listening for {wires} on 127\.0\.0\.1:(\d+)", "".join(lines)).group(1)
               for wires in ("AMQP", "ZMTP and AMQP")]
        os.killpg(process.pid, signal.SIGINT)
        process.stdout.read()
        process.wait()
    finally:
        too_long.cancel()
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def start_python(program, place, there):
    assert program.count(place) == 1
    return subprocess.Popen([sys.executable, "-c", program.replace(place, there)], text=True, stdout=subprocess.PIPE)


def output_of(process):
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    return out


def test_the_first_message_and_the_first_event_of_the_readme_arrive(make_run):
    amqp, bus = make_run
    send, receive, subscribe, publish = re.findall(r"```python\n(.*?)```", README, re.S)
    for program, said in ((send, "sent\n"), (receive, "received Hello, chaski!\n")):
        assert output_of(start_python(program, '("localhost")', f'("localhost", {amqp})')) == said
    subscriber = start_python(subscribe, ":5557", f":{bus}")
    deadline = time.monotonic() + 20
    while subscriber.poll() is None and time.monotonic() < deadline:  # it may not be connected yet
        assert "'status': 'none'" in output_of(start_python(publish, ":5557", f":{bus}"))
    assert output_of(subscriber) == "[b'orders.new', b'{\"id\": 1}']\n"


def links():
    return sorted({target for target in re.findall(r"\]\(([^)#]+)\)", README) if "://" not in target})


@pytest.mark.parametrize("target", links())
def test_a_link_of_the_readme_leads_somewhere(target):
    assert (ROOT / target).exists()


def test_every_room_is_in_the_readme():
    rooms = {path.name for path in (ROOT / "src").iterdir()}
    assert rooms == set(re.findall(r"`src/(\w+)/`", README))


def test_every_package_that_setup_installs_has_its_reason():
    setup = (ROOT / "scripts" / "setup").read_text()
    packages = set(re.search(r"build_packages=\((.*?)\)", setup, re.S).group(1).split())
    packages |= set(re.search(r"bench_packages=\((.*?)\)", setup, re.S).group(1).split())
    packages |= set(re.search(r"test_packages=\((.*?)\)", setup, re.S).group(1).split())
    ground = {"libc6-dev", "ca-certificates", "debian-archive-keyring", "util-linux"}
    explained = set(re.findall(r"`([^`]+)`", (ROOT / "docs" / "dependencies.md").read_text()))
    assert packages - ground <= explained
