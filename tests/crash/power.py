# SPDX-License-Identifier: Apache-2.0
"""The power cuts of a process that ran with powercut/: what it wrote and did not sync is lost, kept, torn or reordered,
as a random source says. What may happen to names is what the simulated disk does to them (tests/sim/sim_directory.c)."""
import os
import pathlib
import struct

OCTETS, NAME, SYNCED = 1, 2, 3
ENTRY = struct.Struct("=QQQQQ")
SECTOR = 512
WAYS = ("lose", "keep", "sectors", "writes", "torn")


def read_journal(path):
    """The entries that are not synced, oldest first, as (kind, a, b, c, saved); one that a kill tore has not happened."""
    octets = path.read_bytes() if path.exists() else b""
    entries, at, synced = [], 0, 0
    while at + ENTRY.size <= len(octets):
        kind, a, b, c, saved = ENTRY.unpack_from(octets, at)
        end = at + ENTRY.size + saved
        if end > len(octets):
            break
        assert kind in (OCTETS, NAME, SYNCED), f"{path} at {at}: kind {kind}"
        if kind == SYNCED:
            synced = a
        else:
            entries.append((at, (kind, a, b, c, octets[at + ENTRY.size:end])))
        at = end
    return [entry for place, entry in entries if place >= synced], at


class Power:
    """The power of one folder, and what cuts took so far."""

    def __init__(self, library, data, state):
        self.library, self.data, self.state = pathlib.Path(library), pathlib.Path(data), pathlib.Path(state)
        self.cuts, self.lost_octets, self.lost_names = 0, 0, 0
        self.lies = False
        self.state.mkdir()

    def prefix(self, sync_us=0):
        """What a program is started with. Sanitizers want to be loaded first, and are told that they need not be."""
        return ("env", f"LD_PRELOAD={self.library.resolve()}", f"POWERCUT_DATA={self.data.resolve()}",
                f"POWERCUT_STATE={self.state.resolve()}", f"POWERCUT_SYNC_US={sync_us}",
                f"ASAN_OPTIONS={os.environ.get('ASAN_OPTIONS', '')}:verify_asan_link_order=0")

    def lie(self):
        """From now on syncs are answered and do nothing; a cut takes all of it."""
        self.lies = True
        (self.state / "lies").touch()

    def end(self, event, count):
        """The program ends with the so manieth change of names ("names") or before such a sync ("syncs") from now on."""
        temporary = self.state / "end.new"
        temporary.write_text(f"{event} {count}")
        temporary.rename(self.state / "end")

    # ---- names ----

    def names(self):
        return {path.name: path.stat().st_ino for path in self.data.iterdir()} if self.data.exists() else {}

    def stored_names(self, rng):
        """What the folder may hold after the cut: name to inode."""
        names, (entries, _) = self.names(), read_journal(self.state / "names")
        changes = [(*(text.decode() for text in saved.split(b"\0")[:2]), inode, victim)
                   for _, inode, victim, _, saved in entries]
        for old, new, inode, victim in reversed(changes):
            names.pop(new, None)
            if victim:
                names[new] = victim
            if old:
                names[old] = inode
        sure, lost = rng.randint(0, len(changes)), set()
        for number, (old, new, inode, _) in enumerate(changes):
            if self.lies or number >= sure and (lost & {old, new} or rng.random() < 0.75):
                lost |= {old, new} - {""}
                self.lost_names += 1
                continue
            names.pop(old, None)
            if new:
                names[new] = inode
        return names

    def set_names(self, names):
        """Every file gets a name in the state, and the folder those that are stored."""
        if not self.data.exists():
            return
        for name, inode in self.names().items():
            kept = self.state / f"file.{inode}"
            if not kept.exists():
                os.link(self.data / name, kept)
            (self.data / name).unlink()
        for name, inode in names.items():
            os.link(self.state / f"file.{inode}", self.data / name)

    # ---- octets ----

    def tear(self, path, entries, rng, way):
        """Some of the changes to a file have reached the disk."""
        if way == "keep" or not entries:
            return
        count, torn = len(entries), rng.randrange(len(entries))
        kept = {"writes": {number for number in range(count) if rng.random() < 0.5},
                "torn": set(range(torn))}.get(way, set())
        with path.open("r+b") as file:
            sizes = [size for _, _, size, _, _ in entries] + [file.seek(0, os.SEEK_END)]
            for sector, touching in sectors(entries).items():
                versions = [number for number in touching if number in kept]
                if way == "sectors" or (way == "torn" and torn in touching):
                    versions = rng.choice((versions, touching[:rng.randint(0, len(touching))]))
                version = versions[-1] if versions else -1
                if version != touching[-1]:
                    self.undo(file, sector, [entries[number] for number in touching if number > version])
            which = {"lose": 0, "sectors": rng.randint(0, count), "writes": max(kept, default=-1) + 1,
                     "torn": torn + rng.randint(0, 1)}
            file.truncate(sizes[which[way]])

    def undo(self, file, sector, entries):
        begin = sector * SECTOR
        file.seek(begin)
        octets = bytearray(file.read(SECTOR).ljust(SECTOR, b"\0"))
        for _, offset, _, length, saved in reversed(entries):
            first, end = max(offset, begin), min(offset + length, begin + SECTOR)
            octets[first - begin:end - begin] = saved[first - offset:end - offset].ljust(end - first, b"\0")
        file.seek(begin)
        file.write(octets)
        self.lost_octets += SECTOR

    # ---- the end of a process ----

    def cut(self, rng, ways=WAYS):
        """The power went when the process was killed. Afterwards all that is there is on the disk."""
        self.cuts += 1
        names = self.stored_names(rng)
        self.set_names(names)
        for name, inode in names.items():
            entries, _ = read_journal(self.state / f"undo.{inode}")
            self.tear(self.data / name, entries, rng, "lose" if self.lies else rng.choice(ways))
        for path in self.state.iterdir():
            if path.name != "lies":
                path.unlink()

    def keep(self):
        """The process was killed and the machine lives: what was not synced is there, and may be lost later."""
        (self.state / "end").unlink(missing_ok=True)
        entries, _ = read_journal(self.state / "names")
        wanted = set(self.names().values()) | {inode for _, a, b, _, _ in entries for inode in (a, b)}
        for path in self.state.iterdir():
            kind, _, inode = path.name.partition(".")
            if inode and int(inode) not in wanted:
                path.unlink()
            elif kind in ("undo", "names"):
                os.truncate(path, read_journal(path)[1])


def sectors(entries):
    """For each sector that was changed the numbers of the changes."""
    changed = {}
    for number, (_, offset, _, length, _) in enumerate(entries):
        for sector in range(offset // SECTOR, (offset + length + SECTOR - 1) // SECTOR if length else 0):
            changed.setdefault(sector, []).append(number)
    return changed
