# SPDX-License-Identifier: Apache-2.0
"""A connection to a broker by way of this process, which can go silent: what a cable that was pulled looks like.

    link = Link(broker); client = connect(link)         anything with host and port
    link.freeze()                                       both ends stay open, and nothing comes through any more"""
import contextlib
import socket
import threading


class Link:
    host = "127.0.0.1"

    def __init__(self, broker):
        self._target = (broker.host, broker.port)
        self._frozen = threading.Event()
        self._ended = threading.Event()
        self._listener = socket.create_server((self.host, 0))
        self.port = self._listener.getsockname()[1]
        self._sockets = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(self._target)
                self._sockets += [near, far]
                for source, sink in ((near, far), (far, near)):
                    sink.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    threading.Thread(target=self._pass_on, args=(source, sink), daemon=True).start()

    def _pass_on(self, source, sink):
        with contextlib.suppress(OSError):
            while octets := source.recv(65536):
                if self._frozen.is_set():
                    self._ended.wait()
                    return
                sink.sendall(octets)
            if not self._frozen.is_set():
                sink.shutdown(socket.SHUT_WR)

    def freeze(self):
        """From now on nothing comes through, not even an end."""
        self._frozen.set()

    def close(self):
        self._ended.set()
        for one in (self._listener, *self._sockets):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
