# SPDX-License-Identifier: Apache-2.0
"""scripts/check-includes on copies of the tree in which one rule was broken."""
import pathlib
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture
def tree(tmp_path):
    shutil.copytree(ROOT / "src", tmp_path / "src")
    return tmp_path


def check(tree):
    done = subprocess.run([sys.executable, ROOT / "scripts" / "check-includes", tree], capture_output=True, text=True)
    return done.returncode, done.stdout


def test_the_tree_as_it_is_passes(tree):
    code, output = check(tree)
    assert code == 0, output


BREACHES = [
    ("base/bytes.c", '#include "model/message.h"', "base must not know model"),
    ("model/message.c", '#include "engine/engine.h"', "model must not know engine"),
    ("engine/queue.c", '#include "net/net.h"', "engine must not know net"),
    ("engine/queue.c", '#include "amqp/codec.h"', "engine must not know amqp"),
    ("amqp/session.c", '#include "engine/engine.h"', "amqp must not know engine"),
    ("net/loop.c", '#include "amqp/amqp.h"', "net must not know amqp"),
    ("config/parser.c", '#include "os/os.h"', "config must not know os"),
    ("daemon/main.c", '#include "engine/engine_internal.h"', "private to engine"),
    ("daemon/main.c", '#include "../engine/engine.h"', "room/file.h"),
    ("daemon/main.c", '#include "broker.h"', "room/file.h"),
    ("daemon/main.c", '#include "attic/old.h"', "no room attic"),
    ("base/bytes.c", "#include <unistd.h>", "plain C headers only"),
    ("amqp/session.c", "#include <time.h>", "plain C headers only"),
    ("auth/auth.c", "  #  include <sys/stat.h>", "plain C headers only"),
    ("model/port.c", "#include <pthread.h>", "plain C headers only"),
    ("engine/queue.c", "#include <stdio.h>", "plain C headers only"),
    ("engine/queue.c", "#include <stdatomic.h>", "no place in engine"),
    ("zmtp/codec_frame.c", "#include <sodium.h>", "is for zmtp/curve.c and zmtp/keys.c only"),
    ("cli/curve.c", "#include <sodium.h>", "is for zmtp/curve.c and zmtp/keys.c only"),
    ("engine/queue.c", "#define HEADER <time.h>\n#include HEADER", "computed include"),
    ("engine/queue.c", "int x(void) { return (int)time(NULL); }", "time() has no place"),
    ("engine/queue.c", "int x(void) { return rand(); }", "rand() has no place"),
    ("engine/queue.c", "int x(void) { return pthread_mutex_lock(&m); }", "pthread_mutex_lock() has no place"),
    ("engine/queue.c", "int x(void) { return (int)write (1, 0, 0); }", "write() has no place"),
    ("model/message.c", "int x(void) { return clock_gettime(0, 0); }", "clock_gettime() has no place"),
    ("net/loop.c", "int x(void) { return os_thread_start(0, 0, 0, 0) != 0; }", "only the daemon starts threads"),
    ("base/ring.c", "int x(void) { return pthread_create(0, 0, 0, 0); }", "only the daemon starts threads"),
]


@pytest.mark.parametrize("path, code, words", BREACHES)
def test_a_breach_is_named_with_its_line(tree, path, code, words):
    broken = tree / "src" / path
    broken.parent.mkdir(exist_ok=True)
    broken.write_text("/* first line */\n" + code + "\n")
    line = 2 + code.count("\n")
    status, output = check(tree)
    assert status == 1, output
    assert f"{path}:{line}: " in output and words in output, output


HARMLESS = [
    '/* #include "net/net.h" and time(NULL) are only spoken of */',
    'static const char *text = "rand() and open(1)";',
    "// write(1, 2, 3)",
    "int x(struct s *s) { return s->read(s) + s->hooks.write(s); }",
    "int queue_read(int a); int x(void) { return queue_read(1); }",
    "/*\n#include <time.h>\n*/",
]


@pytest.mark.parametrize("code", HARMLESS)
def test_comments_texts_and_members_are_no_breach(tree, code):
    (tree / "src/engine/zz_harmless.c").write_text(code + "\n")
    status, output = check(tree)
    assert status == 0, output


def test_a_room_that_nobody_planned_is_refused(tree):
    (tree / "src/misc").mkdir()
    (tree / "src/misc/a.c").write_text("int a;\n")
    status, output = check(tree)
    assert status == 1 and "there is no room misc" in output


def test_an_empty_tree_is_refused(tmp_path):
    assert check(tmp_path)[0] == 1
