# SPDX-License-Identifier: Apache-2.0
"""Reads the log of a broker by the rules of docs/durability.md and nothing else: none of chaski's code is used, so that
the document is what gets tested.

    log = log_format.read("chaski-data")
    log.records         Record(number, type, fields, content, file, content_at) in their order
    log.replay_from     those below are there for their contents only
    state_of(records)   what is in the queues after those from replay_from on
    log.frames, log.segments, log.durable_through, log.tail_bytes

What is damaged below durable_through is an error (Damaged) that names file and offset; contents that are not what was
written are None."""
import dataclasses
import os
import pathlib
import re
import struct

import xxhash

HEADER_BYTES = GROUP_BYTES = 512
FIXED = struct.Struct(">Q4sBBHQIIQQQQQIIQQQ")
DATA, MARK, START, END = 1, 2, 3, 4
FIRST, LAST, CONTINUES, COPY, SPARSE = 1, 2, 4, 8, 16
REWRITTEN = 1  # flag of a header
FORMAT = 2

# The fields of each type of record, in their order.
TYPES = {
    1: ("exchange", "vhost kind flags name arguments"),
    2: ("exchange-gone", "vhost name"),
    3: ("queue", "queue vhost kind flags position mark name arguments"),
    4: ("queue-gone", "queue"),
    5: ("bind", "vhost queue source name key arguments"),
    6: ("unbind", "vhost queue source name key arguments"),
    7: ("message", "flags seq view time exchange key properties parts pairs"),
    8: ("message-also", "message pairs"),
    9: ("part", ""),
    10: ("settle", "queue kind pairs"),
    11: ("purge", "queue position pairs"),
    12: ("delivered", "queue mark"),
    13: ("stated", "message"),
    14: ("sequence", "vhost name seq view"),
    15: ("event", "flags vhost message seq view need time name key arguments parts pairs"),
    16: ("result", "vhost name seq view queue kind need time arguments"),
    17: ("report", "vhost name seq view kind properties arguments"),
    18: ("page", "queue position arguments"),
    19: ("large", "message parts"),
    20: ("returned", "queue need pairs"),
    21: ("seen", "vhost queue message time name key"),
    22: ("publisher", "vhost message seq view key"),
    23: ("kept", "queue position key"),
}
WITH_CONTENT = ("message", "part", "report")
SEQUENCED = 4  # flag of a message
OCTET, SHORT, LONG, LISTS = ("kind", "flags"), ("name", "source", "key", "exchange"), ("arguments",), ("parts", "pairs")


class Damaged(Exception):
    """What was synced is not there any more, or this is no log."""


@dataclasses.dataclass
class Segment:
    file: str
    number: int  # of its name
    octets: bytes
    is_whole: bool = False
    is_leftover: bool = False
    is_rewritten: bool = False
    start: int = 0  # its records, of those that are there for contents only
    end: int = 0
    first: object = None
    limit: int = 1 << 64  # from this record on it is superseded


@dataclasses.dataclass
class Frame:
    file: str
    offset: int
    octets: bytes
    checksum: int
    kind: int
    flags: int
    bytes: int
    metadata_bytes: int
    piece_count: int
    incarnation: int
    first: int
    records: int
    span: int
    durable_through: int
    replay_from: int
    previous: int

    @property
    def end(self):
        return self.offset + self.bytes

    @property
    def next(self):
        return self.first + (self.span + 1 if self.flags & SPARSE else self.records)


@dataclasses.dataclass
class Record:
    number: int
    type: str
    fields: dict
    content: object = b""  # None: it is not what was written
    file: str = ""
    content_at: int = 0


def aligned(offset):
    return (offset + GROUP_BYTES - 1) // GROUP_BYTES * GROUP_BYTES


class Log:
    def __init__(self, folder):
        self.id = self.key = None
        self.segments = self._catalog(pathlib.Path(folder))
        self.frames, self.records = [], []
        self.durable_through = self.tail_bytes = 0
        self.replay_from = 1
        if self.key is None:
            raise Damaged(f"{folder} holds no log")
        self._look_at_beginnings()
        begin = self._find_beginning()
        self._read_contents(self.segments[:begin])
        self._follow(self.segments[begin:])

    # ---- segments ----

    def _catalog(self, folder):
        segments = []
        for name in sorted(os.listdir(folder)):
            if re.fullmatch(r"log\.\d{10}", name):
                segments.append(Segment(name, int(name[4:]), (folder / name).read_bytes()))
                self._read_header(segments[-1])
        return segments

    def _read_header(self, s):
        header = s.octets[:64]
        if len(header) < 64 or header[:8] != b"chaskiLG":
            return
        version, flags, log_id, key, number, start, end, checksum = struct.unpack_from(">IIQQQQQQ", header, 8)
        if version not in (0, FORMAT):
            raise Damaged(f"{s.file}: format version {version}")
        if version == 0 or xxhash.xxh3_64_intdigest(header[:56]) != checksum:
            return
        if not (0 < start < end if flags == REWRITTEN else flags == start == end == 0):
            return
        s.start, s.end, s.is_rewritten = start, end, flags == REWRITTEN
        if self.key not in (None, key) or self.id not in (None, log_id):
            raise Damaged(f"{s.file} belongs to another log")
        self.id, self.key, s.is_whole, s.is_leftover = log_id, key, True, number != s.number

    def _look_at_beginnings(self):
        limit = 1 << 64
        for s in reversed(self.segments):
            s.first = None if s.is_leftover else self.frame_at(s, HEADER_BYTES)
            s.limit = limit
            s.is_rewritten = s.is_rewritten or bool(s.first and s.first.flags & SPARSE)
            if s.first and s.first.kind == START:
                limit = min(limit, s.first.first)

    def _find_beginning(self):
        """Which segment the log is read from; those before it get the records that they have."""
        counting = [s for s in self.segments if s.first and s.first.first < s.limit]
        self.replay_from = max([1, *(s.first.replay_from for s in counting)])
        chain = [s for s in counting if not s.is_rewritten]
        begin = next((s for s in reversed(chain) if s.first.first <= self.replay_from), chain[0] if chain else None)
        if begin is None:
            raise Damaged("no segment has a beginning")
        index, end = self.segments.index(begin), begin.first.first
        for s in reversed(self.segments[:index]):
            if s.first and not s.is_leftover:
                s.start = s.start or s.first.first
                s.end = min(s.end or end, end, s.limit)
                end = s.start if s.start < s.end else end
        return index

    # ---- frames ----

    def frame_at(self, s, offset):
        """The valid frame at this place, or None."""
        if s.octets[offset + 8:offset + 12] != b"chFr" or offset + FIXED.size > len(s.octets):
            return None
        (checksum, _magic, kind, flags, zero, total, metadata_bytes, pieces, log_id, number, _epoch, incarnation, first,
         count, span, durable, replay, previous) = FIXED.unpack_from(s.octets, offset)
        head_bytes = FIXED.size + 12 * pieces + metadata_bytes
        if (zero or log_id != self.id or number != s.number or not 0 < first < 1 << 63
                or kind not in (DATA, MARK, START, END) or flags > 31 or head_bytes > total
                or offset + total > len(s.octets)):
            return None
        if kind != DATA and (total != FIXED.size or count or flags != FIRST | LAST):
            return None
        if span if not flags & SPARSE else (flags != FIRST | LAST | SPARSE or count == 0 or span < count - 1):
            return None
        seed = xxhash.xxh3_64_intdigest(struct.pack("<QQQ", self.key, s.number, offset))
        if xxhash.xxh3_64_intdigest(s.octets[offset + 8:offset + head_bytes], seed=seed) != checksum:
            return None
        frame = Frame(s.file, offset, s.octets[offset:offset + total], checksum, kind, flags, total, metadata_bytes,
                      pieces, incarnation, first, count, span, durable, replay, previous)
        return frame if head_bytes + sum(size for size, _ in self.table(frame)) == total else None

    @staticmethod
    def table(frame):
        return [struct.unpack_from(">IQ", frame.octets, FIXED.size + 12 * i) for i in range(frame.piece_count)]

    def contents(self, frame):
        """(octets or None, offset in the file) of each piece."""
        at = FIXED.size + 12 * frame.piece_count + frame.metadata_bytes
        found = []
        for size, checksum in self.table(frame):
            octets = frame.octets[at:at + size]
            holds = xxhash.xxh3_64_intdigest(octets, seed=self.key) == checksum
            found.append((octets if holds else None, frame.offset + at))
            at += size
        return found

    # ---- the chain ----

    def _group_at(self, s, offset, expected, previous, incarnation):
        """The frames of the group that goes on here, or None."""
        frames = []
        while not frames or not frames[-1].flags & LAST:
            f = self.frame_at(s, offset)
            if (f is None or f.flags & SPARSE or bool(f.flags & FIRST) != (not frames) or f.first != expected
                    or previous not in (None, f.previous) or f.incarnation != incarnation):
                return None
            frames.append(f)
            offset, expected, previous = f.end, f.next, f.checksum
        return frames

    def _claims(self):
        """The highest record that any valid frame says is durable."""
        return max((f.durable_through for s in self.segments if not s.is_leftover for f in self._valid_frames(s)), default=0)

    def _valid_frames(self, s):
        """All of a segment, each once."""
        end = 0
        for offset in range(HEADER_BYTES, len(s.octets), GROUP_BYTES):
            f = self.frame_at(s, offset) if offset >= end else None
            while f:
                yield f
                end = f.end
                f = None if f.flags & LAST else self.frame_at(s, f.end)

    def _read_contents(self, segments):
        for s in segments:
            if s.start >= s.end:
                continue
            frames = [f for f in self._valid_frames(s) if f.first < s.end or f.kind != DATA]
            durable = max((f.first - 1 if f.kind == END else f.durable_through for f in frames), default=0)
            carry, expected = bytearray(), None
            for f in frames:
                if f.next > durable + 1:
                    break
                if expected is not None and (f.first < expected if f.flags & SPARSE else f.first != expected):
                    raise Damaged(f"{f.file} at {f.offset}: it does not follow record {expected - 1}")
                self._take(f, carry)
                expected = f.next

    def _follow(self, segments):
        self.durable_through = self._claims()
        expected = previous = None
        incarnation, left = 0, False
        carry = bytearray()
        for s in segments:
            if not s.first or s.is_rewritten or s.first.first >= s.limit:
                continue
            if expected is not None and not self._connects(s.first, expected, previous, incarnation):
                raise Damaged(f"{s.file}: it does not follow record {expected - 1}")
            expected = expected or s.first.first
            incarnation, at, left = s.first.incarnation, HEADER_BYTES, False
            while not left:
                frames = self._group_at(s, at, expected, previous, incarnation)
                if not frames or (frames[0].kind == START) > (at == HEADER_BYTES):
                    break
                if frames[0].kind == DATA and frames[0].first >= s.limit:
                    break
                if frames[-1].next - 1 > self.durable_through and not all(
                        octets is not None for f in frames for octets, _ in self.contents(f)):
                    break
                for f in frames:
                    self._take(f, carry)
                expected, at = frames[-1].next, aligned(frames[-1].end)
                left = frames[0].kind == END
                if frames[0].kind == DATA:
                    previous = frames[-1].checksum
            last, end = s, at
        if left and last is self.segments[-1]:
            raise Damaged(f"{last.file}: the log went on behind it")
        if expected is None or expected <= self.durable_through:
            raise Damaged(f"record {expected} is missing, though it was synced")
        self.tail_bytes = len(last.octets[end:].rstrip(b"\0"))

    @staticmethod
    def _connects(f, expected, previous, incarnation):
        rises = f.incarnation > incarnation if f.kind == START else f.incarnation == incarnation
        return f.first == expected and rises and previous in (None, f.previous)

    # ---- records ----

    def _take(self, f, carry):
        self.frames.append(f)
        if bool(f.flags & CONTINUES) != bool(carry):
            raise Damaged(f"{f.file} at {f.offset}: a record that begins nowhere")
        begin = FIXED.size + 12 * f.piece_count
        carry += f.octets[begin:begin + f.metadata_bytes]
        contents = iter(self.contents(f))
        number = f.first - 1
        for index in range(f.records):
            reader = Reader(carry)
            step = reader.varint() if f.flags & SPARSE else 1
            number = f.first + step if index == 0 and f.flags & SPARSE else number + step
            name, names = TYPES[reader.octet()]
            record = Record(number, name, {}, file=f.file)
            for one in names.split():
                if name != "message" or one not in ("seq", "view") or record.fields["flags"] & SEQUENCED:
                    record.fields[one] = reader.field(one)
            if name in WITH_CONTENT:
                record.content, record.content_at = next(contents)
            self.records.append(record)
            del carry[:reader.at]
        if f.flags & SPARSE and number != f.next - 1:
            raise Damaged(f"{f.file} at {f.offset}: its last record is not {f.next - 1}")
        if next(contents, None) or (carry and f.flags & LAST):
            raise Damaged(f"{f.file} at {f.offset}: something is left over")


class Reader:
    """Fields of a record out of octets."""

    def __init__(self, octets):
        self.octets, self.at = octets, 0

    def take(self, count):
        self.at += count
        if self.at > len(self.octets):
            raise Damaged("a record has no end")
        return bytes(self.octets[self.at - count:self.at])

    def octet(self):
        return self.take(1)[0]

    def varint(self):
        value = shift = 0
        while True:
            octet = self.octet()
            value |= (octet & 127) << shift
            shift += 7
            if octet < 128:
                return value

    def field(self, name):
        if name in OCTET:
            return self.octet()
        if name in SHORT:
            return self.take(self.octet())
        if name in LONG:
            return self.take(int.from_bytes(self.take(4), "big"))
        if name in LISTS:
            return [(self.varint(), self.varint()) for _ in range(self.varint())]
        return self.varint()


def read(folder):
    return Log(folder)


@dataclasses.dataclass
class Entry:
    message: int  # the number of its record
    returns: int = 0


GAP, RUN, ENTRY, COLUMN = range(4)
REDELIVERED, SPILLED, RETURNS = 1, 2, 4


def spans(position, octets):
    """(position, Entry) of what a page says."""
    reader, record, returns = Reader(octets), 0, 0
    while reader.at < len(octets):
        count, kind = divmod(reader.varint(), 4)
        if kind == COLUMN:
            if count & ~(REDELIVERED | SPILLED | RETURNS):
                raise Damaged(f"a page with an unknown column {count}")
            returns = reader.varint() if count & RETURNS else 0
        elif kind == ENTRY:
            record += -(count + 1) // 2 if count & 1 else count // 2
            yield position, Entry(record, returns)
            position += 1
        else:
            for index in range(count if kind == RUN else 0):
                yield position + index, Entry(record + index + 1, returns)
            record += count if kind == RUN else 0
            position += count


def positions(pairs):
    return [position for first, count in pairs for position in range(first, first + count)]


def state_of(records):
    """What a broker has after these records: {queue id: {position: Entry}} and {queue id: name}."""
    places, names = {}, {}
    for r in records:
        f = r.fields
        here = places.get(f.get("queue"), {})
        if r.type == "queue":
            names[f["queue"] or r.number] = f["name"]
            places.setdefault(f["queue"] or r.number, {})
        elif r.type == "queue-gone":
            names.pop(f["queue"], None)
            places.pop(f["queue"], None)
        elif r.type in ("message", "message-also"):
            for queue, position in f["pairs"]:
                places.setdefault(queue, {})[position] = Entry(f.get("message", r.number))
        elif r.type == "page":
            for position, entry in spans(f["position"], f["arguments"]):
                here.setdefault(position, entry)
        elif r.type == "returned":
            for entry in filter(None, map(here.get, positions(f["pairs"]))):
                entry.returns = f["need"]
        elif r.type == "settle":
            for position in positions(f["pairs"]):
                here.pop(position, None)
        elif r.type == "purge":
            kept = set(positions(f["pairs"]))
            for position in [p for p in here if p < f["position"] and p not in kept]:
                del here[position]
    return {queue: places[queue] for queue in names}, names
