# SPDX-License-Identifier: Apache-2.0
"""What bench/events measures: synchronous events beside a relay without a protocol, PUB and SUB beside libzmq's proxy."""
from .rows import Budget, Row, Tool

BUS_LOAD = Tool("bench/bus-load", (), "build/bench/bus-load --url URL --pid PID")
TIMED = "--warmup 1 --time {seconds}"
HANDLERS = (1, 3, 8)
WINDOWS = (1, 16, 256)
SYNC_BUDGETS = {(1, 1): (Budget("rate", least=0.6, of="relay"),), (3, 256): (Budget("rate", least=150000),)}
WAITING = 100000
# Below all high-water marks, so that no broker may drop anything.
FAN_WINDOW = 1000


def plural(count, what):
    return f"{count} {what}" + ("s" if count > 1 else "")


def sync(handlers, window):
    return Row(f"sync-{handlers}-{window}", f"synchronous events of 64 B, {plural(handlers, 'handler')}, {window} on their way",
               (("load", f"--handlers {handlers} --window {window} {TIMED}"),), "load", "rate",
               ("rate", "p50", "p99", "cpu", "rss_peak"), SYNC_BUDGETS.get((handlers, window), ()), ("proxy",), BUS_LOAD)


def fan(name, size_text, size, subscribers, most=None, more=""):
    return Row(f"{name}-{subscribers}", f"PUB to {plural(subscribers, 'SUB')}, {size_text}; figures of each delivery",
               (("load", f"--subscribers {subscribers} --size {size}{more} --window {FAN_WINDOW} {TIMED}"),), "load", "cpu",
               ("rate", "cpu", "rss_peak"), (Budget("cpu", most=most),) if most else (), ("relay",), BUS_LOAD)


ROWS = (
    *(sync(handlers, window) for handlers in HANDLERS for window in WINDOWS),
    Row("sync-waiting", f"{WAITING // 1000} 000 synchronous events of 64 B that 3 handlers do not answer: memory of each",
        (("late", f"--late --handlers 3 --window {WAITING}"),), "late", "event_rss", ("event_rss", "waiting", "rss"),
        (Budget("event_rss", most=1024), Budget("waiting", least=WAITING)), ("relay", "proxy"), BUS_LOAD),
    fan("pubsub-16", "16 B", 16, 1, 0.15),
    fan("pubsub-16", "16 B", 16, 10),
    fan("pubsub-topic-16", "16 B behind a frame with their topic", 16, 1, 0.15, " --topic"),
    fan("pubsub-1k", "1 KiB", 1024, 1, 0.8),
    fan("pubsub-1k", "1 KiB", 1024, 10),
)
