# SPDX-License-Identifier: Apache-2.0
"""What the power cuts of the crash tests leave of the files of a program: what it synced, and of the rest anything."""
import os
import pathlib
import random
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "crash"))

import power  # noqa: E402

# What a program finds: its folder, how it makes and fills files, and its end.
PROGRAM = """
import os, signal
os.chdir({data!r})
folder = os.open(".", os.O_RDONLY)
def new(name): return os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL, dir_fd=folder)
def put(file, text, offset=0): os.pwrite(file, text, offset)
def kept(name, text):
    file = new(name)
    put(file, text)
    os.fdatasync(file)
    os.fsync(folder)
    return file
def rename(old, new): os.rename(old, new, src_dir_fd=folder, dst_dir_fd=folder)
def remove(name): os.unlink(name, dir_fd=folder)
{text}
os.kill(os.getpid(), signal.SIGKILL)
"""
A, B, C = b"a" * 1024, b"b" * 1024, b"c" * 1024


@pytest.fixture(scope="module")
def library():
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    subprocess.run(["make", "build/crash/powercut.so"], cwd=ROOT, env=environment, check=True, timeout=120,
                   stdout=subprocess.DEVNULL)
    return ROOT / "build" / "crash" / "powercut.so"


@pytest.fixture
def world(tmp_path, library):
    (tmp_path / "data").mkdir()
    return power.Power(library, tmp_path / "data", tmp_path / "state")


def run(world, text):
    """Ends by its own kill, or with what the library says against it."""
    program = PROGRAM.format(data=str(world.data), text=text)
    done = subprocess.run([*world.prefix(), sys.executable, "-c", program], capture_output=True, text=True, timeout=30)
    return done.returncode, done.stderr


def content(world):
    return {path.name: path.read_bytes() for path in world.data.iterdir()}


def outcomes(world, text, tmp_path, seeds=60):
    """What cuts with many seeds leave of one history."""
    found = []
    for seed in range(seeds):
        folder = tmp_path / str(seed)
        (folder / "data").mkdir(parents=True)
        one = power.Power(world.library, folder / "data", folder / "state")
        code, said = run(one, text)
        assert code == -9, said
        one.cut(random.Random(seed))
        assert list(one.state.iterdir()) == []
        found.append(content(one))
    return found


def test_what_was_synced_is_there_whatever_is_lost(world, tmp_path):
    text = f"file = kept('x', {A!r}); put(file, {B!r}, 1024); os.fdatasync(file); put(file, {C!r}, 2048)"
    found = outcomes(world, text, tmp_path)
    assert {one["x"][:2048] for one in found} == {A + B}
    tails = {one["x"][2048:] for one in found}
    zeros, c = bytes(512), C[:512]
    assert {b"", C, zeros + c, c + zeros} <= tails <= {b"", C, bytes(1024), zeros + c, c + zeros, c}


def test_octets_written_over_come_back_in_part_or_whole(world, tmp_path):
    found = {one["x"] for one in outcomes(world, f"put(kept('x', {A!r}), {B!r})", tmp_path)}
    assert found == {A, B, A[:512] + B[:512], B[:512] + A[:512]}


def test_a_later_write_can_be_there_without_an_earlier_one(world, tmp_path):
    text = f"file = kept('x', {A + A!r}); put(file, {B!r}); put(file, {C!r}, 1024)"
    assert {A + A, B + C, A + C, B + A} <= {one["x"] for one in outcomes(world, text, tmp_path)}


def test_of_two_writes_to_a_place_the_first_can_be_there(world, tmp_path):
    text = f"file = kept('x', {A!r}); put(file, {B!r}); put(file, {C!r})"
    assert {A, B, C} <= {one["x"] for one in outcomes(world, text, tmp_path)}


def test_octets_that_were_cut_off_come_back(world, tmp_path):
    found = {one["x"] for one in outcomes(world, f"os.ftruncate(kept('x', {A!r}), 100)", tmp_path)}
    assert {A, A[:100]} <= found


def test_space_that_was_taken_and_not_synced_is_there_or_not(world, tmp_path):
    text = f"import ctypes; ctypes.CDLL(None).fallocate(kept('x', {A!r}), 0, ctypes.c_long(0), ctypes.c_long({len(A) + 100}))"
    found = {one["x"] for one in outcomes(world, text, tmp_path)}
    assert {A, A + bytes(100)} <= found


def test_a_name_that_was_not_synced_is_there_or_not(world, tmp_path):
    text = f"kept('x', {A!r}); y = new('y'); put(y, {B!r}); os.fdatasync(y)"
    found = outcomes(world, text, tmp_path)
    assert all(one["x"] == A for one in found)
    assert {frozenset(one) for one in found} == {frozenset("x"), frozenset("xy")}
    assert {one.get("y", B) for one in found} == {B}


def test_a_removed_file_comes_back_with_what_it_had(world, tmp_path):
    found = outcomes(world, f"kept('x', {A!r}); remove('x')", tmp_path)
    assert {frozenset(one.items()) for one in found} == {frozenset(), frozenset({("x", A)})}


def test_a_rename_is_there_or_not_and_what_it_replaced_comes_back(world, tmp_path):
    found = outcomes(world, f"kept('x', {A!r}); kept('y', {B!r}); rename('x', 'y')", tmp_path)
    assert {frozenset(one.items()) for one in found} == {frozenset({("x", A), ("y", B)}), frozenset({("y", A)})}


def test_names_that_were_synced_stay(world, tmp_path):
    text = f"kept('x', {A!r}); rename('x', 'y'); kept('z', {B!r}); remove('z'); os.fsync(folder)"
    assert outcomes(world, text, tmp_path, 20) == [{"y": A}] * 20


def test_a_kill_alone_loses_nothing_but_the_next_cut_can(world):
    assert run(world, f"file = kept('x', {A!r}); put(file, {B!r}); kept('y', {C!r}); remove('y')")[0] == -9
    world.keep()
    assert content(world) == {"x": B}
    assert run(world, "pass")[0] == -9
    world.cut(random.Random(0), ("lose",))
    assert content(world)["x"] == A


def test_a_sync_in_the_next_process_makes_sure_what_the_last_one_wrote(world):
    assert run(world, f"file = kept('x', {A!r}); put(file, {B!r})")[0] == -9
    world.keep()
    assert run(world, "os.fdatasync(os.open('x', os.O_RDWR, dir_fd=folder))")[0] == -9
    for seed in range(20):
        world.cut(random.Random(seed))
        assert content(world) == {"x": B}


def test_a_disk_that_lies_about_syncs_loses_what_it_said_was_there(world):
    world.lie()
    assert run(world, f"kept('x', {A!r})")[0] == -9
    world.cut(random.Random(0))
    assert content(world) == {}


@pytest.mark.parametrize("text, call", [
    ("os.write(kept('x', b''), b'1')", "write"),
    ("os.pwritev(kept('x', b''), [b'1'], 0)", "pwritev2"),
    ("os.writev(kept('x', b''), [b'1'])", "writev"),
    ("os.posix_fallocate(kept('x', b''), 0, 10)", "posix_fallocate"),
    ("import ctypes; ctypes.CDLL(None).fallocate(kept('x', b'1'), 3, ctypes.c_long(0), ctypes.c_long(1))",
     "fallocate with a mode"),
    ("os.sendfile(kept('x', b''), kept('y', b'1'), 0, 1)", "sendfile"),
    ("os.copy_file_range(kept('y', b'1'), kept('x', b''), 1)", "copy_file_range"),
    ("import mmap; mmap.mmap(kept('x', b'1'), 1)", "mmap"),
    ("kept('x', b'1'); os.truncate('x', 0)", "truncate"),
    ("kept('x', b'1'); os.link('x', 'y', src_dir_fd=folder, dst_dir_fd=folder)", "linkat"),
    ("kept('x', b'1'); os.rename('x', '../y')", "a rename into the folder or out of it"),
    ("kept('x', b'1'); os.open('x', os.O_RDWR | os.O_TRUNC)", "a flag of open"),
    ("kept('x', b'1'); os.open('x', os.O_RDWR | os.O_SYNC)", "a flag of open"),
])
def test_a_call_that_would_escape_ends_the_program(world, text, call):
    code, said = run(world, text)
    assert code == -6 and f"powercut: {call}" in said, said


def test_other_files_are_left_alone(world, tmp_path):
    text = f"file = open({str(tmp_path / 'other')!r}, 'w'); file.write('1'); file.close(); os.truncate(file.name, 0)"
    assert run(world, text) == (-9, "")
