# SPDX-License-Identifier: Apache-2.0
"""A raw AMQP 0-9-1 client over a socket, for tests of octets in and octets out.

Frames are written and read by hand here; only the arguments of methods and properties are packed by pika.spec, so
nothing of the broker's own code is used to judge it. Every read has a deadline; a missing answer is a failure.

    w = wire.connect(broker)
    w.handshake()
    w.open_channel(1)
    w.send_method(1, spec.Queue.Declare(queue="q", passive=True))
    w.expect_channel_close(1, 404, "NOT_FOUND - no queue 'q' in vhost '/'")
"""
import dataclasses
import select
import socket
import struct
import time

from pika import data, spec

METHOD, HEADER, BODY, HEARTBEAT = 1, 2, 3, 8
FRAME_END = 0xCE
PROTOCOL_HEADER = b"AMQP\x00\x00\x09\x01"
FRAME_TYPES = {METHOD: "method", HEADER: "header", BODY: "body", HEARTBEAT: "heartbeat"}
LIMIT_S = 10.0

CAPABILITIES = {
    "publisher_confirms": True,
    "exchange_exchange_bindings": True,
    "basic.nack": True,
    "consumer_cancel_notify": True,
    "connection.blocked": True,
    "authentication_failure_close": True,
}


@dataclasses.dataclass
class Frame:
    type: int
    channel: int
    payload: bytes

    def method(self):
        """The method in it, as a pika.spec object."""
        assert self.type == METHOD, f"expected a method, got {self}"
        return decode_method(self.payload)

    def __str__(self):
        kind = FRAME_TYPES.get(self.type, f"type {self.type}")
        shown = repr(decode_method(self.payload)) if self.type == METHOD else self.payload[:40].hex(" ")
        return f"{kind} frame on channel {self.channel}: {shown}"


@dataclasses.dataclass
class Content:
    """A method that bears content, its properties and its body; header and frames as they came."""

    method: object
    properties: spec.BasicProperties
    body: bytes
    header_payload: bytes
    body_sizes: list

    @property
    def properties_octets(self):
        """Flags and values as on the wire."""
        return self.header_payload[12:]


# ---- octets ----


def frame(frame_type, channel, payload, end=FRAME_END, size=None):
    """One frame; `size` and `end` can be made wrong."""
    length = len(payload) if size is None else size
    return struct.pack(">BHI", frame_type, channel, length) + payload + bytes([end])


def encode_method(method):
    return struct.pack(">I", method.INDEX) + b"".join(method.encode())


def decode_method(payload):
    """A pika.spec object from a method frame's payload; fails if octets are left over."""
    (index,) = struct.unpack_from(">I", payload)
    kind = spec.methods.get(index)
    assert kind is not None, f"unknown method {index >> 16}.{index & 0xFFFF}"
    method = kind()
    method.decode(payload, 4)
    return method


def encode_header(body_bytes, properties=None, class_id=60, weight=0):
    """A content header's payload. `properties`: BasicProperties, raw octets (flags and values), or none."""
    packed = properties if isinstance(properties, bytes) else b"".join((properties or spec.BasicProperties()).encode())
    return struct.pack(">HHQ", class_id, weight, body_bytes) + packed


def decode_header(payload):
    """Class id, weight, body size, BasicProperties."""
    class_id, weight, body_bytes = struct.unpack_from(">HHQ", payload)
    properties = spec.BasicProperties()
    properties.decode(payload, 12)
    return class_id, weight, body_bytes, properties


def content_frames(channel, body, properties=None, frame_max=131072):
    """Header and body frames for one content."""
    slices = frame_max - 8 if frame_max else max(len(body), 1)
    octets = frame(HEADER, channel, encode_header(len(body), properties))
    return octets + b"".join(frame(BODY, channel, body[at:at + slices]) for at in range(0, len(body), slices))


def short_string(text):
    octets = text if isinstance(text, bytes) else text.encode()
    return bytes([len(octets)]) + octets


def long_string(octets):
    octets = octets if isinstance(octets, bytes) else octets.encode()
    return struct.pack(">I", len(octets)) + octets


def readable(sock, seconds):
    """True if something can be received (or the connection ended) within this long. By poll: select knows no
    descriptor above 1023."""
    poller = select.poll()
    poller.register(sock, select.POLLIN)
    return bool(poller.poll(seconds * 1000))


def connect(where, limit_s=LIMIT_S):
    """A client connected to a broker (anything with host and port), a (host, port) pair or a Unix socket's path."""
    if isinstance(where, (str, bytes)):
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.settimeout(limit_s)
        sock.connect(where)
    else:
        address = where if isinstance(where, tuple) else (where.host, where.port)
        sock = socket.create_connection(address, limit_s)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return Client(sock, limit_s)


class Client:
    """One connection. `frame_max`, `channel_max`, `heartbeat`, `server_properties` are known after handshake()."""

    def __init__(self, sock, limit_s=LIMIT_S):
        self.sock = sock
        self.limit_s = limit_s
        self.frame_max = 131072
        self.channel_max = 0
        self.heartbeat = 0
        self.server_properties = {}
        self._received = bytearray()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.abort()

    def abort(self):
        """Closes the socket without a goodbye."""
        self.sock.close()

    # ---- out ----

    def send(self, octets):
        """Sends raw octets, all of them."""
        self.sock.settimeout(self.limit_s)
        self.sock.sendall(octets)

    def send_header(self, header=PROTOCOL_HEADER):
        self.send(header)

    def send_frame(self, frame_type, channel, payload=b"", end=FRAME_END, size=None):
        self.send(frame(frame_type, channel, payload, end, size))

    def send_method(self, channel, method):
        """`method`: a pika.spec object, or a method frame's payload in octets."""
        self.send_frame(METHOD, channel, method if isinstance(method, bytes) else encode_method(method))

    def send_heartbeat(self, channel=0):
        self.send_frame(HEARTBEAT, channel)

    def publish(self, channel, body=b"", exchange="", routing_key="", properties=None, mandatory=False):
        """basic.publish with its content in one send."""
        method = spec.Basic.Publish(exchange=exchange, routing_key=routing_key, mandatory=mandatory)
        self.send(frame(METHOD, channel, encode_method(method))
                  + content_frames(channel, body, properties, self.frame_max))

    # ---- in ----

    def _receive(self, deadline, what):
        """Receives more octets; False at the end of the stream."""
        left_s = deadline - time.monotonic()
        ready = left_s > 0 and readable(self.sock, left_s)
        assert ready, f"nothing came within the limit; expected {what}; unread: {bytes(self._received[:64])!r}"
        try:
            octets = self.sock.recv(262144)
        except ConnectionResetError:
            return False
        self._received += octets
        return bool(octets)

    def read_exactly(self, count, limit_s=None, what=None):
        """The next `count` octets."""
        deadline = time.monotonic() + (self.limit_s if limit_s is None else limit_s)
        what = what or f"{count} octets"
        while len(self._received) < count:
            if not self._receive(deadline, what):
                raise AssertionError(f"connection ended; expected {what}; unread: {bytes(self._received[:64])!r}")
        octets = bytes(self._received[:count])
        del self._received[:count]
        return octets

    def read_any_frame(self, limit_s=None, what="a frame"):
        """The next frame, heartbeats too."""
        limit_s = self.limit_s if limit_s is None else limit_s
        deadline = time.monotonic() + limit_s
        frame_type, channel, size = struct.unpack(">BHI", self.read_exactly(7, limit_s, what))
        assert frame_type in FRAME_TYPES, f"frame type {frame_type}; expected {what}"
        left_s = max(deadline - time.monotonic(), 0.1)
        payload = self.read_exactly(size + 1, left_s, f"the {size} octets of a frame ({what})")
        assert payload[-1] == FRAME_END, f"frame ends in {payload[-1]:#x}"
        return Frame(frame_type, channel, payload[:-1])

    def read_frame(self, limit_s=None, what="a frame"):
        """The next frame that is no heartbeat."""
        deadline = time.monotonic() + (self.limit_s if limit_s is None else limit_s)
        while True:
            got = self.read_any_frame(max(deadline - time.monotonic(), 0), what)
            if got.type != HEARTBEAT:
                return got

    def read_method(self, limit_s=None):
        """The next method: (channel, pika.spec object)."""
        got = self.read_frame(limit_s, "a method")
        return got.channel, got.method()

    def expect(self, kind, channel=None, limit_s=None):
        """The next frame, which must be this method (a pika.spec class), on this channel if given."""
        got = self.read_frame(limit_s, kind.NAME)
        assert got.type == METHOD and isinstance(got.method(), kind), f"expected {kind.NAME}, got {got}"
        assert channel is None or got.channel == channel, f"expected channel {channel}, got {got}"
        return got.method()

    def expect_content(self, kind, channel=None, limit_s=None):
        """Deliver, GetOk or Return with its header and body."""
        method = self.expect(kind, channel, limit_s)
        header = self.read_frame(limit_s, "a content header")
        assert header.type == HEADER, f"expected a content header, got {header}"
        _, _, body_bytes, properties = decode_header(header.payload)
        body, sizes = bytearray(), []
        while len(body) < body_bytes:
            piece = self.read_frame(limit_s, "a body frame")
            assert piece.type == BODY and piece.channel == header.channel, f"expected a body frame, got {piece}"
            body += piece.payload
            sizes.append(len(piece.payload))
        return Content(method, properties, bytes(body), header.payload, sizes)

    def expect_eof(self, limit_s=None):
        """Nothing more comes, and the broker closes the connection."""
        deadline = time.monotonic() + (self.limit_s if limit_s is None else limit_s)
        while self._receive(deadline, "the end of the connection"):
            assert not self._received, f"expected the end of the connection, got {bytes(self._received[:64])!r}"
        assert not self._received, f"expected the end of the connection, got {bytes(self._received[:64])!r}"

    def is_silent(self, seconds):
        """True if no octet arrives, and the connection stays open, for this long."""
        return not self._received and not readable(self.sock, seconds)

    def expect_close(self, code, text, method=None, limit_s=None):
        """connection.close with this code and text and, if given, naming this method (a pika.spec class, or
        0); answers close-ok and waits for the end of the connection."""
        close = self.expect(spec.Connection.Close, 0, limit_s)
        check_close(close, code, text, method)
        self.send_method(0, spec.Connection.CloseOk())
        self.expect_eof(limit_s)
        return close

    def expect_channel_close(self, channel, code, text, method=None, limit_s=None):
        """channel.close with this code and text; answers close-ok."""
        close = self.expect(spec.Channel.Close, channel, limit_s)
        check_close(close, code, text, method)
        self.send_method(channel, spec.Channel.CloseOk())
        return close

    def ends_within(self, seconds):
        """True if the connection ends within this long; what comes before its end stays to be read."""
        deadline = time.monotonic() + seconds
        while readable(self.sock, max(deadline - time.monotonic(), 0)):
            if not self._receive(deadline + 1, "anything"):
                return True
        return False

    def read_frame_or_end(self, limit_s=None):
        """The next frame that is no heartbeat, or None if the connection ends first."""
        while True:
            if not self._received and not self._receive(
                    time.monotonic() + (self.limit_s if limit_s is None else limit_s), "a frame or the end"):
                return None
            got = self.read_any_frame(limit_s)
            if got.type != HEARTBEAT:
                return got

    # ---- conversations ----

    def expect_start(self):
        start = self.expect(spec.Connection.Start, 0)
        self.server_properties = start.server_properties
        return start

    def send_start_ok(self, user="guest", password="guest", mechanism="PLAIN", response=None, capabilities=None,
                      properties=None):
        """start-ok; `response` (octets) replaces what PLAIN makes of user and password."""
        if response is None:
            response = b"\x00" + user.encode() + b"\x00" + password.encode()
        merged = {"capabilities": CAPABILITIES if capabilities is None else capabilities, **(properties or {})}
        # By hand: pika would have the response be text.
        pieces = [struct.pack(">I", spec.Connection.StartOk.INDEX)]
        data.encode_table(pieces, merged)
        pieces += [short_string(mechanism), long_string(response), short_string("en_US")]
        self.send_method(0, b"".join(pieces))

    def handshake(self, user="guest", password="guest", vhost="/", frame_max=None, heartbeat=0, channel_max=None,
                  capabilities=None, mechanism="PLAIN", properties=None):
        """From the protocol header to open-ok. Limits left out are those that the broker proposes."""
        self.send_header()
        self.expect_start()
        self.send_start_ok(user, password, mechanism, None, capabilities, properties)
        tune = self.expect(spec.Connection.Tune, 0)
        self.frame_max = tune.frame_max if frame_max is None else frame_max
        self.channel_max = tune.channel_max if channel_max is None else channel_max
        self.heartbeat = heartbeat
        self.send_method(0, spec.Connection.TuneOk(channel_max=self.channel_max, frame_max=self.frame_max,
                                                   heartbeat=heartbeat))
        self.send_method(0, spec.Connection.Open(virtual_host=vhost))
        self.expect(spec.Connection.OpenOk, 0)
        return tune

    def open_channel(self, channel=1):
        self.send_method(channel, spec.Channel.Open())
        self.expect(spec.Channel.OpenOk, channel)

    def request(self, channel, method, answer, limit_s=None):
        """Sends a method and expects its answer next on that channel."""
        self.send_method(channel, method)
        return self.expect(answer, channel, limit_s)

    def declare_queue(self, channel, queue="", **arguments):
        """queue.declare (exclusive unless told otherwise); gives the queue's name."""
        arguments.setdefault("exclusive", True)
        return self.request(channel, spec.Queue.Declare(queue=queue, **arguments), spec.Queue.DeclareOk).queue

    def close(self):
        """A polite goodbye."""
        self.request(0, spec.Connection.Close(reply_code=200, reply_text="bye", class_id=0, method_id=0),
                     spec.Connection.CloseOk)
        self.sock.close()


def check_close(close, code, text, method=None):
    """`text`: the whole reply-text, or a compiled regular expression that must find something in it."""
    got = f"{close.reply_code} {close.reply_text!r}"
    assert close.reply_code == code, f"expected {code} {text!r}, got {got}"
    matches = text.search(close.reply_text) if hasattr(text, "search") else close.reply_text == text
    assert matches, f"expected {code} {text!r}, got {got}"
    if method is not None:
        index = method.INDEX if hasattr(method, "INDEX") else method
        assert (close.class_id << 16) + close.method_id == index, \
            f"expected the close to name {method}, got {close.class_id}.{close.method_id}"
