# SPDX-License-Identifier: Apache-2.0
"""The passes of the end-to-end suite: which bounds the broker gets, and with how many I/O threads it runs.

    CHASKI_PASS=release   the release build with its normal bounds
    CHASKI_PASS=tiny      every bound so small that each limit is met all the time (address and UB sanitizers)
    CHASKI_PASS=tsan      the same bounds, two I/O threads, tests marked `threads` only (thread sanitizer)
"""
import dataclasses
import os

TINY_SETTINGS = {
    "engine.ring_items": 8,
    "engine.ring_bytes": 16384,
    "engine.page_entries": 4,
    "engine.slice": 4,
    "net.read_bytes": 4096,
    "net.output_bytes": 16384,
    "net.output_pause_bytes": 16384,
    "flow.held_bytes": 65536,
    "limits.parked_commands": 8,
    "limits.unacked_per_channel": 1000,
    "limits.deduplication_ids": 1000,
    "limits.publishers": 10,
    "amqp.lend_bytes": 256,
    "memory.bodies": 0,
    "store.segment_bytes": 65536,
    "store.first_segment_bytes": 4096,
    "store.frame_bytes": 4096,
    "store.read_bytes": 4096,
    "store.checkpoint_bytes": 65536,
    "store.unwritten_bytes": 65536,
    "store.ring_items": 4,
    "store.part_bytes": 1024,
}

# Reports go to stderr, where the harness looks for them; a finding ends the process with SANITIZER_EXIT_CODE.
SANITIZER_EXIT_CODE = 99
SANITIZER_ENVIRONMENT = {
    "ASAN_OPTIONS": f"abort_on_error=0:exitcode={SANITIZER_EXIT_CODE}:detect_leaks=1:halt_on_error=1",
    "UBSAN_OPTIONS": f"halt_on_error=1:print_stacktrace=1:exitcode={SANITIZER_EXIT_CODE}",
    "TSAN_OPTIONS": f"halt_on_error=1:second_deadlock_stack=1:exitcode={SANITIZER_EXIT_CODE}",
    "LSAN_OPTIONS": f"exitcode={SANITIZER_EXIT_CODE}",
}


@dataclasses.dataclass(frozen=True)
class Pass:
    name: str
    settings: dict
    io_threads: tuple
    threads_only: bool
    start_limit_s: float
    stop_limit_s: float  # what the contract promises is 5 s; a sanitizer's own exit work comes on top


PASSES = {
    "release": Pass("release", {}, (0, 2), False, 10, 5),
    "tiny": Pass("tiny", TINY_SETTINGS, (0, 2), False, 30, 20),
    "tsan": Pass("tsan", TINY_SETTINGS, (2,), True, 30, 20),
}


def current_pass():
    name = os.environ.get("CHASKI_PASS", "release")
    if name not in PASSES:
        raise SystemExit(f"CHASKI_PASS={name}: use one of {', '.join(PASSES)}")
    return PASSES[name]
