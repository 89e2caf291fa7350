"""A database that is damaged, not ours or newer is refused: one line that says what to do, and no byte of it changes."""
import hashlib
import os
import shutil
import sqlite3
import struct
import subprocess
import sys

from testlib import Installation, run_tests, wait_for

IOERR, CONFIG = 74, 78

# file: the daemon that writes it, and the command lines that read it
FILES = {
    "visits": ("trapweb", ["status"], ["explain", "1.2.3.4"], ["dump"]),
    "hits": ("trapsmtp", ["status"], ["explain", "1.2.3.4"], ["dump"]),
    "samples": ("trapsmtp",),
    "acts": (None, ["explain", "1.2.3.4"], ["trap", "add", "a@b.example", "typo"], ["deny", "5.5.5.5", "--why", "x"], ["dump"]),
    "derived": ("trapexport", ["status"], ["explain", "1.2.3.4"], ["rebuild"]),
    "published": ("trapexport", ["status"]),
}


def random_middle(path):
    """All but the first half page: whatever is read meets it."""
    data = bytearray(path.read_bytes())
    for at in range(2048, len(data)):
        data[at] = (at * 2654435761 >> 11) & 0xff
    path.write_bytes(data)


def one_page(path):
    """A page that opening does not need: only who writes looks at all of the file first."""
    with sqlite3.connect(path) as db:
        db.execute("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) "
                   "INSERT INTO meta SELECT 'filler, so that there are pages ' || i, i FROM n")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
    data = bytearray(path.read_bytes())
    at = len(data) - 3 * 4096
    data[at:at + 4096] = b"\xa5" * 4096
    path.write_bytes(data)


def truncated(path):
    path.write_bytes(path.read_bytes()[:5000])


def empty(path):
    path.write_bytes(b"")


def no_database(path):
    path.write_bytes(b"From: somebody\n" * 3000)


def a_strangers(path):
    path.unlink()
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE bookmarks (url TEXT)")
    db.commit()
    db.close()


def missing(path):
    path.unlink()


def newer(path):
    data = bytearray(path.read_bytes())
    data[60:64] = struct.pack(">I", 9999)  # user_version, https://www.sqlite.org/fileformat2.html section 1.3
    path.write_bytes(data)


def another_of_ours(path):
    shutil.copy(path.with_name("acts.db" if path.name != "acts.db" else "hits.db"), path)


DAMAGE = {
    random_middle: (IOERR, "damaged"), one_page: (IOERR, "damaged"), truncated: (IOERR, "damaged"), empty: (IOERR, "not a database"), no_database: (IOERR, "not a database"),
    a_strangers: (IOERR, "not this one"), another_of_ours: (IOERR, "not this one"), newer: (CONFIG, "newer Trapline"), missing: (CONFIG, "trapline init"),
}
WRITES = ("trap", "deny", "rebuild")
MADE_ANEW = ("samples", "derived")  # what can be lost: its daemon makes an empty one


def digest(folder):
    """Name, bytes, inode and times of every file that holds data: -shm is SQLite's scratch."""
    out = {}
    for path in sorted(folder.glob("*.db*")):
        if not path.name.endswith("-shm") and not (path.name.endswith("-wal") and path.stat().st_size == 0):
            out[path.name] = (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_ino)
    return out


def refuses(it, command, name, code, says):
    done = subprocess.run([f"{it.bin}/{command[0]}", *command[1:], "-c", str(it.conf)], capture_output=True, text=True, timeout=30,
                          stdin=subprocess.DEVNULL)
    lines = [line for line in done.stderr.splitlines() if " info " not in line]
    case = (command, name, done.returncode, done.stderr)
    assert done.returncode == code, case
    assert len(lines) == 1 and f"{name}.db: " in lines[0] and says in lines[0] and ";" in lines[0], case  # what is wrong; what to do
    assert not done.stdout, (case, done.stdout)


def who_refuses(name, damage):
    daemon, *reads = FILES[name]
    commands = [["trapline", *words] for words in reads]
    if daemon is not None:
        commands += [["trapexport", "--once"] if daemon == "trapexport" else [daemon], ["trapline", "run"]]
    if damage is one_page:
        return [c for c in commands if c[0] == daemon or c[1] in WRITES]
    # The exporter reads these, too; but a reader meets damage only where it reads, and here nothing is left to fold.
    if name == "acts" or (name in ("visits", "hits") and damage not in (random_middle, truncated)):
        commands.append(["trapexport", "--once"])
    return commands


def settled(it):
    """An installation with something in all files and nothing in a WAL, as after an orderly end long ago; a copy of it."""
    it.start()
    it.get("/", "89.160.20.112")
    it.run("trap", "add", "sales@shop.example", "typo")
    it.close_daemons()
    for path in it.dir.glob("*.db-wal"):
        with sqlite3.connect(path.with_name(path.name[:-4])) as db:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        db.close()
    return shutil.copytree(it.dir, it.top / "good", symlinks=True)


def test_refused(build):
    with Installation(build) as it:
        good = settled(it)
        for name in FILES:
            for damage, (code, says) in DAMAGE.items():
                if damage is missing and name in MADE_ANEW:
                    continue
                damage(it.dir / f"{name}.db")
                before = digest(it.dir)
                for command in who_refuses(name, damage):
                    refuses(it, command, name, code, says)
                assert digest(it.dir) == before, (name, damage.__name__)
                assert os.listdir(it.dir / "zones") == os.listdir(good / "zones")
                shutil.rmtree(it.dir)
                shutil.copytree(good, it.dir, symlinks=True)
        for name in MADE_ANEW:
            (it.dir / f"{name}.db").unlink()
        it.start()
        wait_for("all of them again", lambda: all((it.dir / f"{n}.db").exists() for n in FILES))
        wait_for("the fold", lambda: it.json("status")["logs"][0]["folded"] == 1)


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
