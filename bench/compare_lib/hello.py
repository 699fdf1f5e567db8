# SPDX-License-Identifier: Apache-2.0
"""The first frame a broker sends: who it is. Also how one knows that it answers at all."""
import socket
import struct

HEADER = b"AMQP\x00\x00\x09\x01"
START = struct.pack(">HH", 10, 10)  # connection.start
PROPERTIES_AT = 7 + 4 + 2  # behind the frame's head, both ids and the two octets of the version
SIZES = {b"t": 1, b"b": 1, b"B": 1, b"s": 2, b"u": 2, b"I": 4, b"i": 4, b"l": 8, b"L": 8, b"f": 4, b"d": 8, b"D": 5, b"T": 8,
         b"V": 0}


def _receive(connection, count):
    octets = b""
    while len(octets) < count:
        more = connection.recv(count - len(octets))
        if not more:
            raise OSError("the connection ended")
        octets += more
    return octets


def parse_table(octets):
    """The strings at the top level of a field table's content, as {key: text}."""
    texts, at = {}, 0
    while at < len(octets):
        end = at + 1 + octets[at]
        key, tag, at = octets[at + 1:end].decode("utf-8", "replace"), octets[end:end + 1], end + 1
        if tag in SIZES:
            at += SIZES[tag]
            continue
        if tag not in (b"S", b"F", b"A", b"x"):
            raise ValueError(f"a field of an unknown type {tag!r}")
        length = struct.unpack_from(">I", octets, at)[0]
        if tag == b"S":
            texts[key] = octets[at + 4:at + 4 + length].decode("utf-8", "replace")
        at += 4 + length
    return texts


def hello(host, port, limit_s=5):
    """The product and the version a broker names; OSError or ValueError if it does not answer in AMQP 0-9-1."""
    with socket.create_connection((host, port), timeout=limit_s) as connection:
        connection.sendall(HEADER)
        head = _receive(connection, 7)
        frame = head + _receive(connection, struct.unpack_from(">I", head, 3)[0] + 1)
    if head[0] != 1 or frame[7:11] != START:
        raise ValueError("it does not speak AMQP 0-9-1")
    length = struct.unpack_from(">I", frame, PROPERTIES_AT)[0]
    texts = parse_table(frame[PROPERTIES_AT + 4:PROPERTIES_AT + 4 + length])
    return {"product": texts.get("product", ""), "version": texts.get("version", "")}
