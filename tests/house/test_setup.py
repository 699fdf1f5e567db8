# SPDX-License-Identifier: Apache-2.0
"""scripts/setup on machines made of a few commands: what it would install, and what it says where it cannot."""
import os
import pathlib
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PLAIN = ["bash", "env", "dirname", "tr", "cmp", "cp", "mkdir", "cat", "grep", "node", "npm"]
TOOLS = ["make", "gcc", "clang", "clang-format", "pkg-config", "python3"]


class Machine:
    """A PATH with chosen commands only. `sudo` writes down what it was asked to do, and does nothing."""

    def __init__(self, folder):
        self.bin = folder / "bin"
        self.bin.mkdir()
        self.log = folder / "log"
        self.log.write_text("")
        self.have(*PLAIN)
        self.fake("id", "echo 1000")

    def have(self, *names):
        for name in names:
            real = "/usr/bin/python3" if name == "python3" else shutil.which(name)
            (self.bin / name).symlink_to(real)

    def fake(self, name, script):
        path = self.bin / name
        path.unlink(missing_ok=True)
        path.write_text(f"#!/bin/bash\n{script}\n")
        path.chmod(0o755)

    def with_apt(self, installed, apt_get="exit 0"):
        self.fake("apt-get", apt_get)
        self.fake("dpkg-query", f'for name in {" ".join(installed)}; do printf "%s=installed " "$name"; done')
        self.fake("sudo", f'echo "$@" >>{self.log}\n[ "$1" = tee ] && cat >/dev/null\n'
                          'case "$*" in *apt-get*) while [ "$1" != apt-get ]; do shift; done; exec "$@" ;; esac\nexit 0')

    def setup(self, *arguments):
        done = subprocess.run([ROOT / "scripts" / "setup", *arguments], env={"PATH": str(self.bin), "HOME": "/"},
                              capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
        return done.returncode, done.stdout + done.stderr, self.log.read_text().splitlines()


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


BUILD = ["gcc", "make", "pkg-config", "libxxhash-dev", "libjemalloc-dev", "libevent-dev", "libjansson-dev", "libcurl4-openssl-dev",
         "librabbitmq-dev", "libzmq3-dev", "libsodium-dev", "libc6-dev"]


def test_nothing_is_installed_where_nothing_is_missing(machine):
    machine.with_apt(BUILD)
    assert machine.setup() == (0, "", [])


def test_only_what_is_missing_is_installed(machine):
    machine.with_apt([name for name in BUILD if name != "libxxhash-dev"])
    code, output, asked = machine.setup()
    assert code == 0 and "installing libxxhash-dev" in output
    installs = [line for line in asked if "install -y" in line]
    assert len(installs) == 1 and installs[0].endswith("libxxhash-dev") and "gcc" not in installs[0]


def test_services_that_packages_bring_stay_stopped(machine):
    """A policy-rc.d stands while apt runs and is gone afterwards, also after a failure; one of the machine's own stays."""
    own = os.path.exists("/usr/sbin/policy-rc.d")
    for apt_get in ("exit 0", "exit 100"):
        machine.log.write_text("")
        machine.with_apt([], apt_get)
        code, _, asked = machine.setup()
        assert code == (0 if apt_get == "exit 0" else 1)
        steps = [line.split()[0] for line in asked]
        if own:
            assert "tee" not in steps and "rm" not in steps
        else:
            assert steps[:2] == ["tee", "chmod"] and steps[-1] == "rm" and asked[-1].endswith("/usr/sbin/policy-rc.d")


def test_a_failed_install_is_tried_again_with_fresh_lists_and_then_reported(machine):
    machine.with_apt(["gcc", "make"], "exit 100")
    code, output, asked = machine.setup()
    assert code == 1 and "cannot install: pkg-config libxxhash-dev libjemalloc-dev" in output
    assert sum("apt-get update" in line for line in asked) == 1
    assert sum("install -y" in line for line in asked) == 2


def test_node_npm_and_java_are_left_alone_where_the_commands_are_there(machine):
    machine.with_apt([])
    machine.fake("javac", "exit 0")
    _, output, asked = machine.setup("--tests")
    installs = next(line for line in asked if "install -y" in line).split()
    assert "libcmocka-dev" in installs
    assert not {"nodejs", "npm", "default-jdk-headless"} & set(installs)
    (machine.bin / "node").unlink()
    (machine.bin / "javac").unlink()
    machine.log.write_text("")
    _, output, asked = machine.setup("--tests")
    installs = next(line for line in asked if "install -y" in line).split()
    assert {"nodejs", "default-jdk-headless"} <= set(installs)


def test_what_the_comparison_needs_is_installed_only_for_it(machine):
    machine.with_apt([*BUILD, "python3"])
    _, _, asked = machine.setup("--bench")
    installs = next(line for line in asked if "install -y" in line).split()
    assert "rabbitmq-server" in installs and "gnuplot-nox" in installs and "libcmocka-dev" not in installs
    machine.log.write_text("")
    assert machine.setup()[2] == []


def test_without_apt_all_that_is_needed_is_enough(machine):
    machine.have(*TOOLS)
    assert machine.setup() == (0, "", [])


def test_without_apt_it_names_what_is_missing_and_what_for(machine):
    machine.have("make", "gcc")
    code, output, _ = machine.setup()
    assert code == 1
    assert "the command pkg-config" in output and "xxHash (libxxhash), with its headers (hash tables)" in output
    assert "gcc 12" not in output and "pika" not in output


def test_without_apt_the_tests_need_more(machine):
    machine.have("make", "gcc", "pkg-config", "python3")
    code, output, _ = machine.setup("--tests")
    assert code == 1 and "the command clang-format" in output and "the command apt-get" in output


def test_an_unknown_argument_is_refused(machine):
    code, output, _ = machine.setup("--everything")
    assert code == 2 and "usage: scripts/setup [--tests|--bench]" in output
