# SPDX-License-Identifier: Apache-2.0
"""Where and of what something was measured: machine, date, commit."""
import datetime
import os
import pathlib
import platform
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]


def _first(path, pattern, otherwise):
    try:
        found = re.search(pattern, pathlib.Path(path).read_text(), re.M)
    except OSError:
        return otherwise
    return found.group(1).strip('" ') if found else otherwise


def describe():
    return {
        "cores": os.cpu_count(),
        "cpu": _first("/proc/cpuinfo", r"^model name\s*: (.*)$", platform.machine()),
        "memory_bytes": int(_first("/proc/meminfo", r"^MemTotal:\s+(\d+) kB", "0")) * 1024,
        "kernel": f"{platform.system()} {platform.release()}",
        "system": _first("/etc/os-release", r"^PRETTY_NAME=(.*)$", ""),
    }


def text_of(machine):
    memory = f"{machine['memory_bytes'] / (1 << 30):.0f} GiB"
    parts = [f"{machine['cores']} cores of {machine['cpu']}", memory, machine["kernel"], machine["system"]]
    return ", ".join(part for part in parts if part)


def identity(machine):
    """The same for runs that may be compared: a new kernel does not make another machine."""
    return f"{machine['cores']} x {machine['cpu']}, {machine['memory_bytes'] / (1 << 30):.0f} GiB"


def now():
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def _git(*arguments):
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else None


def commit(ignored=()):
    """This checkout's, "+dirty" if a tracked file differs from it (but for those ignored); "" without git."""
    head = _git("rev-parse", "--short", "HEAD")
    if head is None:
        return ""
    changed = (_git("status", "--porcelain", "--untracked-files=no") or "").splitlines()
    return head + ("+dirty" if any(line[3:] not in ignored for line in changed) else "")
