# SPDX-License-Identifier: Apache-2.0
"""`reactor`, running in a thread of its own, and `deferred`, which makes a test wait for the Deferred it returns."""
import concurrent.futures
import functools
import threading

from twisted.internet import defer, reactor

_running = threading.Thread(target=reactor.run, kwargs={"installSignalHandlers": False}, daemon=True)
_running.start()


def deferred(timeout=None):
    """Runs the test on the reactor's thread; fails with its error, or if it takes longer than `timeout` seconds."""

    def decorate(test):
        @functools.wraps(test)
        def run(*arguments, **named):
            outcome = concurrent.futures.Future()
            started = functools.partial(defer.maybeDeferred, test, *arguments, **named)
            reactor.callFromThread(lambda: started().addCallbacks(
                outcome.set_result, lambda failure: outcome.set_exception(failure.value)))
            outcome.result(timeout or 60)

        return run

    return decorate
