# SPDX-License-Identifier: Apache-2.0
"""A raw ZMTP peer over a socket, for tests of octets in and octets out. Nothing of libzmq is in it, nor of the broker.

    w = zwire.connect(address)
    w.meet("SUB")                           # greetings and READY, both ways
    w.send(command(b"SUBSCRIBE", b"orders."))
    assert w.read_message() == [b"orders.new", b"1"]
"""
import socket
import struct

import wire

MORE, LONG, COMMAND = 1, 2, 4
SIGNATURE = b"\xff" + bytes(7) + b"\x01\x7f"


def connect(broker_host, port, receive_bytes=None):
    """`receive_bytes`: of the kernel's buffer for what comes, so that a peer that does not read is soon noticed."""
    sock = socket.socket()
    if receive_bytes:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    sock.settimeout(10)
    sock.connect((broker_host, port))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return Peer(sock)


# ---- octets ----


def frame(body, flags=0, size=None):
    """One frame; LONG where it must be, or when asked for. `size` can be made wrong."""
    size = len(body) if size is None else size
    if flags & LONG or size > 255:
        return struct.pack(">BQ", flags | LONG, size) + body
    return struct.pack(">BB", flags, size) + body


def message(*frames):
    return b"".join(frame(body, MORE if number + 1 < len(frames) else 0) for number, body in enumerate(frames))


def command(name, data=b"", flags=COMMAND):
    return frame(bytes([len(name)]) + name + data, flags)


def metadata(*pairs):
    return b"".join(bytes([len(name)]) + name + struct.pack(">I", len(value)) + value for name, value in pairs)


def ready(kind, identity=None):
    pairs = [(b"Socket-Type", kind.encode())] + ([(b"Identity", identity)] if identity is not None else [])
    return command(b"READY", metadata(*pairs))


def greeting(mechanism="NULL", minor=1, major=3, as_server=0):
    return SIGNATURE + bytes([major, minor]) + mechanism.encode().ljust(20, b"\0") + bytes([as_server]) + bytes(31)


def subscribe(prefix):
    return command(b"SUBSCRIBE", prefix)


def cancel(prefix):
    return command(b"CANCEL", prefix)


class Peer(wire.Client):
    """wire.Client knows sockets; this one knows frames."""

    def __init__(self, sock):
        super().__init__(sock, 10.0)

    def read_fast(self):
        """The end of connect(receive_bytes=…): what waits shall come soon."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)

    def greet(self, mechanism="NULL", minor=1):
        """Both greetings; gives the broker's."""
        self.send(greeting(mechanism, minor))
        return self.read_exactly(64, what="a greeting")

    def meet(self, kind, identity=None, minor=1):
        """From the first octet to the broker's READY, on a NULL port."""
        self.greet(minor=minor)
        self.send(ready(kind, identity))
        name, data = self.read_command()
        assert name == b"READY", name
        return data

    def read_zmtp_frame(self, limit_s=None):
        """(flags, body); LONG is left out of the flags."""
        flags, first = self.read_exactly(2, limit_s, "a frame")
        size = first
        if flags & LONG:
            (size,) = struct.unpack(">Q", bytes([first]) + self.read_exactly(7))
        return flags & ~LONG, self.read_exactly(size, limit_s, f"a frame of {size} octets")

    def read_command(self, limit_s=None):
        """(name, data) of the next frame, which must be a command."""
        flags, body = self.read_zmtp_frame(limit_s)
        assert flags == COMMAND, f"expected a command, got {flags:#x} {body[:40]!r}"
        return body[1:1 + body[0]], body[1 + body[0]:]

    def read_message(self, limit_s=None):
        """The frames of the next message; commands before it are passed over."""
        frames = []
        while True:
            flags, body = self.read_zmtp_frame(limit_s)
            if flags & COMMAND:
                continue
            frames.append(body)
            if not flags & MORE:
                return frames
