# SPDX-License-Identifier: Apache-2.0
"""What the tree promises about itself: its files, its licence, its rooms, its lists of what must pass."""
import pathlib
import re
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
ROOMS = sorted(path.name for path in (ROOT / "src").iterdir())


def tracked(*patterns):
    """Files that git knows, or would take."""
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "--", *patterns], cwd=ROOT, check=True,
                            capture_output=True, text=True, timeout=60).stdout
    return [ROOT / name for name in listed.splitlines() if (ROOT / name).exists()]


@pytest.mark.parametrize("name", ["README.md", "LICENSE", "CHANGELOG.md", "Makefile", ".clang-format", ".ci/run",
                                  "scripts/setup", "docs/architecture.md", "docs/dependencies.md", "docs/status.md",
                                  "docs/configuration.md", "docs/man/chaskid.8", "docs/man/chaski.1"])
def test_a_file_that_people_look_for_is_there(name):
    assert (ROOT / name).stat().st_size > 0


def test_the_licence_is_apache_2_and_every_source_file_says_so():
    assert "Apache License" in (ROOT / "LICENSE").read_text() and "Version 2.0" in (ROOT / "LICENSE").read_text()
    sources = tracked("*.c", "*.h", "*.py", "*.sh")
    assert len(sources) > 100
    silent = [str(path.relative_to(ROOT)) for path in sources
              if "SPDX-License-Identifier: Apache-2.0" not in path.read_text(encoding="utf-8")[:300]]
    assert not silent


def test_every_room_is_in_the_tour_of_the_architecture():
    tour = (ROOT / "docs" / "architecture.md").read_text()
    assert ROOMS == sorted(re.findall(r"^\| `(\w+)/` \|", tour, re.M))


def test_every_class_of_the_protocol_has_a_file_of_its_own():
    classes = ["access", "basic", "channel", "confirm", "connection", "exchange", "queue", "tx"]
    assert sorted(path.stem for path in (ROOT / "src" / "amqp").glob("class_*.h")) == [f"class_{one}" for one in classes]


def listed(name):
    lines = (ROOT / "tests" / "conformance" / name).read_text().splitlines()
    names = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    assert len(names) == len(set(names)), "a name is listed twice"
    return names


@pytest.mark.parametrize("name, least", [("pika.txt", 400), ("py-amqp.txt", 10)])
def test_the_lists_of_conformance_only_grow(name, least):
    """Not below what was promised, and not below what the last commit had."""
    names = listed(name)
    assert len(names) >= least
    shown = subprocess.run(["git", "show", f"HEAD:tests/conformance/{name}"], cwd=ROOT, capture_output=True, text=True,
                           timeout=60)
    before = {line.strip() for line in shown.stdout.splitlines() if line.strip() and not line.startswith("#")}
    assert before <= set(names)
