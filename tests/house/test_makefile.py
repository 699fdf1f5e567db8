# SPDX-License-Identifier: Apache-2.0
"""The Makefile's variants and helpers, by what make says it would do."""
import json
import os
import pathlib
import re
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


def make(*arguments):
    """Runs make as a person would, not as a part of the make that runs these tests."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    done = subprocess.run(["make", *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("build, flag, folder", [
    ("release", "-O2", "build/"), ("debug", "-O0", "build-debug/"), ("asan", "-fsanitize=address,undefined", "build-asan/"),
    ("tsan", "-fsanitize=thread", "build-tsan/"), ("fuzz", "-fsanitize=fuzzer-no-link", "build-fuzz/")])
def test_a_variant_has_its_flags_and_its_folder(build, flag, folder):
    code, output = make("-Bn", f"BUILD={build}", "objects")
    compiles = [line for line in output.splitlines() if " -c " in line]
    assert code == 0 and compiles, output
    assert all(f"-o {folder}" in line and "-Werror" in line for line in compiles)
    assert all(line.startswith("clang" if build == "fuzz" else "gcc") for line in compiles)
    loaded = [line for line in compiles if "/powercut/" in line]  # into programs of any variant
    assert loaded and all("-fPIC" in line and flag not in line for line in loaded)
    assert all(flag in line for line in compiles if line not in loaded)


def test_an_unknown_variant_is_refused_by_name():
    code, output = make("BUILD=fast")
    assert code != 0 and "BUILD=fast: use release, debug, asan, tsan or fuzz" in output


def test_compile_commands_knows_every_source_file(tmp_path):
    commands = subprocess.run(
        "make -Bnk objects | scripts/compile-commands", shell=True, cwd=ROOT, capture_output=True, check=True,
        env={name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}).stdout
    entries = json.loads(commands)
    known = {entry["file"] for entry in entries}
    assert {path.relative_to(ROOT).as_posix() for path in (ROOT / "src").rglob("*.c")} <= known
    assert all("-Isrc" in entry["arguments"] for entry in entries)


def test_help_names_the_targets_that_people_use():
    code, output = make("help")
    assert code == 0
    for target in ("all", "run", "check", "clean", "unit", "fuzz", "conformance", "e2e-release", "compile_commands.json"):
        assert re.search(rf"^  make {re.escape(target)} +\S", output, re.M), target


def test_every_step_of_the_check_is_a_target():
    script = (ROOT / "scripts" / "check").read_text()
    steps = re.findall(r"^step (\S+)(?: (\S+))?", script, re.M)
    assert len(steps) > 10
    for name, target in steps:
        code, output = make("-n", target or name)
        assert "No rule to make target" not in output, output
