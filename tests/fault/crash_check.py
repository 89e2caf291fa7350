"""Pulls the plug at every moment of a recorded run and looks for what was promised by then (docs/adr/0014-crash-testing.md)."""
import contextlib
import os
import pathlib
import shutil
import sqlite3
import tempfile

import crash_disk


class Watcher:
    """What a program promises. Subclasses keep promises told by the sockets, and look for them on a disk."""

    def sent(self, r):
        """A record of kind send, before it goes out; true where it promises something new."""
        raise NotImplementedError

    def received(self, r):
        pass

    def closed(self, fd):
        pass

    def wanted(self, path):
        """Which files verify() reads."""
        return True

    def verify(self, directory):
        """The promises that directory breaks, as texts."""
        raise NotImplementedError


class Result:
    def __init__(self):
        self.points = self.disks = self.promises = 0
        self.violations = []

    def __str__(self):
        return f"{self.promises} sends with a promise, {self.points} power cuts, {self.disks} disks, {len(self.violations)} violations"


def scratch_top():
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def check(records, start, watcher, stride=25, randoms=3, stop_after=5):
    """Walks the log. Cuts: after every send that promises something, at every change of names or sizes, and at every stride-th other
    change of the disk."""
    disk, result = crash_disk.Disk(start), Result()
    with tempfile.TemporaryDirectory(prefix="trapline-crash.", dir=scratch_top()) as top:
        due, changes = False, 0
        for r in records:
            if due and r.kind not in ("send", "receive", "accept"):
                # Sends since the last change meet the same disks: one look for all of them.
                cut(disk, r.number, watcher, result, top, randoms)
                due = False
            if r.kind == "send":
                if watcher.sent(r):
                    result.promises += 1
                    due = True
                continue
            if r.kind == "receive":
                watcher.received(r)
                continue
            if r.kind == "close":
                watcher.closed(r.fd)
            if disk.step(r):
                changes += 1
                due = due or changes % stride == 0 or r.kind in ("rename", "link", "unlink", "size", "symlink", "mkdir")
            if len(result.violations) >= stop_after:
                return disk, result
        cut(disk, len(records), watcher, result, top, randoms)
    return disk, result


def cut(disk, number, watcher, result, top, randoms):
    result.points += 1
    for choice in crash_disk.choices(number, randoms if disk.uncertain() else -1):
        place = pathlib.Path(top) / "disk"
        disk.write(place, choice, watcher.wanted)
        result.disks += 1
        for text in watcher.verify(place):
            result.violations.append(f"power cut before record {number}, {choice.label}: {text}")
        shutil.rmtree(place)
        if not disk.uncertain():
            return


@contextlib.contextmanager
def database(path):
    """The database as it opens after the cut: recovered by SQLite. Raises sqlite3.Error where it is damaged."""
    if not os.path.exists(path):
        raise sqlite3.DatabaseError("not there")
    with contextlib.closing(sqlite3.connect(path)) as db:
        found = db.execute("PRAGMA quick_check").fetchall()
        if found != [("ok",)]:
            raise sqlite3.DatabaseError(f"quick_check: {found[0][0]}")
        yield db
