"""The disk as a power cut may leave it, rebuilt from the log of tests/fault/recorder (docs/adr/0014-crash-testing.md).

What is certain: bytes and size of a file, as they were when an fsync or fdatasync of it began that has ended by now; names in a
directory, likewise by fsync of the directory. What was written before a failed fsync is never certain: the kernel may have dropped it,
and tells it once (it becomes certain by being written again). Everything else may be there, may not, or in part: each 512-byte sector of a file
holds the state after any number of the uncertain writes to it, the size is any that the file had since, and any of the uncertain
changes of names has happened, as long as one name's changes happen in order. A rename or a link is whole or not at all.
"""
import os
import pathlib
import random
import struct

SECTOR = 512
HEAD = struct.Struct("<Ii qqq II")
KINDS = ("", "open", "close", "dup", "write", "size", "grow", "sync_begin", "sync_end", "sync_drop", "sync_fail", "rename", "link", "symlink",
         "unlink", "mkdir", "rmdir", "unseen", "accept", "send", "receive")


class Record:
    __slots__ = ("number", "kind", "fd", "offset", "value", "time", "path", "data")

    def __init__(self, number, head, path, data):
        kind, self.fd, self.offset, self.value, self.time, _, _ = head
        self.number, self.kind, self.path, self.data = number, KINDS[kind], path, data

    def __repr__(self):
        return f"#{self.number} {self.kind} fd={self.fd} {self.path} offset={self.offset} value={self.value} {len(self.data)} bytes"


def read_log(path):
    """All records of one process, in order. The last one may be cut where the process was killed."""
    data = pathlib.Path(path).read_bytes()
    at, number, records = 0, 0, []
    while at + HEAD.size <= len(data):
        head = HEAD.unpack_from(data, at)
        path_n, data_n = head[-2:]
        end = at + HEAD.size + path_n + data_n
        if end > len(data):
            break
        text = data[at + HEAD.size:at + HEAD.size + path_n].decode()
        records.append(Record(number, head, text, data[at + HEAD.size + path_n:end]))
        at, number = end, number + 1
    return records


class File:
    def __init__(self, content=b""):
        self.now = bytearray(content)
        self.certain = bytearray(content)
        self.uncertain = []     # (record number, offset, data), or (record number, size, None): cut or grown to size
        self.failed = -1        # the last failed sync
        self.touched = False

    def change(self, number, offset, data):
        self.touched = True
        self.uncertain.append((number, offset, data))
        apply(self.now, offset, data)

    def sync(self, before):
        keep = []
        for change in self.uncertain:
            number, offset, data = change
            if number >= before or (number < self.failed and data is not None):
                keep.append(change)
                continue
            apply(self.certain, offset, data)
            if data is not None:
                keep = [(n, at, old) for n, at, old in keep if old is None or at < offset or at + len(old) > offset + len(data)]
        self.uncertain = keep

    def survivor(self, choice):
        """The bytes that choice leaves; choice: Choice."""
        if not self.uncertain:
            return bytes(self.certain)
        sizes, scratch = [len(self.certain)], bytearray(self.certain)
        for _, offset, data in self.uncertain:
            apply(scratch, offset, data)
            sizes.append(len(scratch))
        if choice.all_data:
            return bytes(scratch)
        if choice.no_data:
            return bytes(self.certain)
        return self.torn(choice, sizes)

    def torn(self, choice, sizes):
        most = max(sizes)
        disk = bytearray(self.certain)
        written = len(disk)
        disk.extend(choice.fill * (most - len(disk)))
        for sector, steps in sorted(self.steps(most).items()):
            taken = choice.steps(sector, steps)
            for first, last, data in steps[:taken]:
                disk[first:last] = data if data is not None else bytes(last - first)
            if taken and written < (sector + 1) * SECTOR:
                # A sector that was written is written whole: what no write reached in it is zero, never junk.
                low = max(written, sector * SECTOR)
                known = bytearray(min(most, (sector + 1) * SECTOR) - low)
                for first, last, data in steps[:taken]:
                    piece = data if data is not None else bytes(last - first)
                    skip = max(0, low - first)
                    known[max(first, low) - low:last - low] = piece[skip:]
                disk[low:low + len(known)] = known
        size = choice.pick(sizes)
        return bytes(disk[:size])

    def steps(self, most):
        """sector -> [(first, last, data or None for zeros)], in order of the changes."""
        sectors = {}
        size = len(self.certain)
        for _, offset, data in self.uncertain:
            if data is None:
                first, last, size = offset, most if offset < size else offset, offset
            else:
                first, last, size = offset, offset + len(data), max(size, offset + len(data))
            at = first
            while at < last:
                end = min(last, (at // SECTOR + 1) * SECTOR)
                sectors.setdefault(at // SECTOR, []).append((at, end, None if data is None else data[at - first:end - first]))
                at = end
        return sectors


def apply(content, offset, data):
    if data is None:
        if len(content) > offset:
            del content[offset:]
        else:
            content.extend(bytes(offset - len(content)))
        return
    if len(content) < offset:
        content.extend(bytes(offset - len(content)))
    content[offset:offset + len(data)] = data


class Directory:
    def __init__(self):
        self.now, self.certain = {}, {}


class Link:
    def __init__(self, target):
        self.target = target


class Choice:
    """How one crash decides. names: each uncertain change of names, in order of the log -> has it happened?"""

    def __init__(self, label, all_data=False, no_data=False, all_names=False, no_names=False, seed=None, whole=False, fill=b"\0"):
        self.label, self.all_data, self.no_data, self.all_names, self.no_names = label, all_data, no_data, all_names, no_names
        self.random, self.whole, self.fill = random.Random(seed), whole, fill
        self.decided = {}

    def name(self):
        return self.all_names or (not self.no_names and self.random.random() < 0.5)

    def pick(self, sizes):
        return sizes[-1] if self.random.random() < 0.5 else self.random.choice(sizes)

    def steps(self, sector, steps):
        if self.whole:  # sectors of one place of the file stand or fall together, as pages do
            key = sector // 8
            if key not in self.decided:
                self.decided[key] = self.random.random()
            return round(self.decided[key] * len(steps))
        return self.random.randint(0, len(steps))


def choices(seed, randoms):
    yield Choice("nothing uncertain", no_data=True, no_names=True)
    yield Choice("everything", all_data=True, all_names=True)
    yield Choice("names without data", no_data=True, all_names=True)
    yield Choice("data without names", all_data=True, no_names=True)
    for i in range(randoms):
        yield Choice(f"random {seed}.{i}", seed=seed * 1000 + i, whole=i % 3 == 2, all_names=i % 2 == 0, fill=b"\0" if i % 2 else b"\x5a")


class Disk:
    """The directory, from its certain state at the start through one record after the other."""

    def __init__(self, start):
        self.root = self.load(pathlib.Path(start))
        self.fds, self.syncs = {}, {}
        self.names = []             # uncertain: [record number, [(directory, name, node or None)], directories not yet synced]
        self.unseen = []

    def load(self, path):
        if path.is_symlink():
            return Link(os.readlink(path))
        if path.is_file():
            return File(path.read_bytes())
        directory = Directory()
        for p in path.iterdir():
            if p.is_dir() or p.is_file() or p.is_symlink():
                directory.now[p.name] = self.load(p)
        directory.certain = dict(directory.now)
        return directory

    def find(self, path):
        node = self.root
        for part in pathlib.PurePosixPath(path).parts:
            if part != ".":
                node = node.now.get(part) if isinstance(node, Directory) else None
        return node

    def parent(self, path):
        p = pathlib.PurePosixPath(path)
        node = self.find(str(p.parent))
        assert isinstance(node, Directory), f"{path}: its directory is not known"
        return node, p.name

    def rename(self, number, *changes):
        for directory, name, node in changes:
            if node is None:
                directory.now.pop(name, None)
            else:
                directory.now[name] = node
        self.names.append([number, changes, {id(d) for d, _, _ in changes}])

    def uncertain(self):
        """Would a power cut now leave a choice?"""
        return bool(self.names) or any(f.uncertain for f in self.files(self.root, set()))

    def files(self, node, seen):
        if isinstance(node, File):
            yield node
        elif isinstance(node, Directory) and id(node) not in seen:
            seen.add(id(node))
            for child in list(node.now.values()) + list(node.certain.values()):
                yield from self.files(child, seen)

    # ---- records ----

    def step(self, r):
        """Takes one record; true where it changed what a power cut may leave."""
        handler = getattr(self, "on_" + r.kind, None)
        if handler is None:
            return False
        handler(r)
        return r.kind not in ("open", "close", "dup", "sync_begin") or (r.kind == "open" and r.offset != 0)

    def on_open(self, r):
        if r.offset & 1:
            directory, name = self.parent(r.path)
            self.rename(r.number, (directory, name, File()))
        node = self.find(r.path)
        self.fds[r.fd] = node
        if r.offset & 2:
            node.change(r.number, 0, None)

    def on_close(self, r):
        self.fds.pop(r.fd, None)

    def on_dup(self, r):
        if r.fd in self.fds:
            self.fds[r.value] = self.fds[r.fd]

    def file(self, r):
        node = self.find(r.path) if r.fd == -1 else self.fds.get(r.fd)
        assert isinstance(node, File), f"{r}: a file that nobody opened"
        return node

    def on_write(self, r):
        self.file(r).change(r.number, r.offset, r.data)

    def on_size(self, r):
        self.file(r).change(r.number, r.offset, None)

    def on_grow(self, r):
        f = self.file(r)
        if len(f.now) < r.offset:
            f.change(r.number, r.offset, None)

    def on_sync_begin(self, r):
        self.syncs[r.value] = r.number

    def on_sync_fail(self, r):
        node = self.fds.get(r.fd)
        if isinstance(node, File):
            node.failed = r.number

    def on_sync_end(self, r):
        began, node = self.syncs.pop(r.value), self.fds.get(r.fd)
        if isinstance(node, File):
            node.sync(began)
        elif isinstance(node, Directory):
            self.sync_names(node, began)

    def sync_names(self, directory, began):
        keep = []
        for entry in self.names:
            number, changes, waiting = entry
            if number < began:
                waiting.discard(id(directory))
            if waiting:
                keep.append(entry)
                continue
            for d, name, node in changes:
                set_name(d.certain, name, node)
        self.names = keep

    def on_rename(self, r):
        d, name = self.parent(r.path)
        to, new = self.parent(r.data.decode())
        node = d.now[name]
        if to.now.get(new) is not node:
            self.rename(r.number, (d, name, None), (to, new, node))

    def on_link(self, r):
        to, new = self.parent(r.data.decode())
        self.rename(r.number, (to, new, self.find(r.path)))

    def on_symlink(self, r):
        d, name = self.parent(r.path)
        self.rename(r.number, (d, name, Link(r.data.decode())))

    def on_unlink(self, r):
        d, name = self.parent(r.path)
        self.rename(r.number, (d, name, None))

    on_rmdir = on_unlink

    def on_mkdir(self, r):
        d, name = self.parent(r.path)
        self.rename(r.number, (d, name, Directory()))

    def on_unseen(self, r):
        if not r.path.endswith("-shm"):
            self.unseen.append(r.path)

    # ---- what is left ----

    def names_after(self, choice):
        """id(directory) -> {name: node}, as choice leaves them."""
        after, refused = {}, set()
        for _, changes, _ in self.names:
            touched = {(id(d), name) for d, name, _ in changes}
            if touched & refused or not choice.name():
                refused |= touched      # later changes of these names did not happen either
                continue
            for d, name, node in changes:
                set_name(after.setdefault(id(d), dict(d.certain)), name, node)
        return after

    def write(self, top, choice, wanted=lambda path: True):
        """Makes the directory `top` as choice leaves it; only files whose path is wanted."""
        after = self.names_after(choice)
        self.write_directory(self.root, pathlib.Path(top), "", after, choice, wanted)

    def write_directory(self, node, path, below, after, choice, wanted):
        path.mkdir(exist_ok=True)
        for name, child in after.get(id(node), node.certain).items():
            if isinstance(child, Directory):
                self.write_directory(child, path / name, below + name + "/", after, choice, wanted)
            elif not name.endswith("-shm") and wanted(below + name):
                if isinstance(child, Link):
                    (path / name).symlink_to(child.target)
                else:
                    (path / name).write_bytes(child.survivor(choice))
                    (path / name).chmod(0o600)

    def differences(self, directory):
        """Paths where the real directory at the end is not what the log says: the recorder missed something."""
        found = [f"{path}: changed unseen" for path in self.unseen]
        self.compare(self.root, pathlib.Path(directory), found)
        return found

    def compare(self, node, path, found):
        for name, child in node.now.items():
            p = path / name
            if isinstance(child, Directory):
                self.compare(child, p, found)
            elif isinstance(child, Link):
                if not p.is_symlink() or os.readlink(p) != child.target:
                    found.append(f"{p}: not the link that the log tells")
            elif child.touched and not name.endswith("-shm"):
                if not p.is_file():
                    found.append(f"{p}: gone")
                elif p.read_bytes() != child.now:
                    found.append(f"{p}: other bytes than the log tells")


def set_name(entries, name, node):
    if node is None:
        entries.pop(name, None)
    else:
        entries[name] = node
