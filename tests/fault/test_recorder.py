"""The recorder and the checker, on a small server that keeps its promises, and on the same one with each thing it needs taken away."""
import contextlib
import os
import pathlib
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile

import crash_check
import crash_disk

# Row n is on disk before "kept n" is sent; every tenth one stands in a file of its own, too.
SERVER = r"""
import os, socket, sqlite3, sys

directory, synchronous, early = sys.argv[1], sys.argv[2], sys.argv[3] == "early"
db = sqlite3.connect(directory + "/rows.db", isolation_level=None)
db.execute("PRAGMA synchronous = " + synchronous)
db.execute("PRAGMA wal_autocheckpoint = 20")
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
peer, _ = listener.accept()

def keep_file(n):
    name = f"{directory}/files/{n}"
    fd = os.open(name + ".new", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    os.write(fd, b"x" * 700)
    os.write(fd, b"end")
    os.fsync(fd)
    os.close(fd)
    os.rename(name + ".new", name)
    fd = os.open(directory + "/files", os.O_RDONLY)
    os.fsync(fd)
    os.close(fd)

for n in range(1, 101):
    if early:
        peer.send(b"kept %d\n" % n)
    db.execute("INSERT INTO row VALUES (?, ?)", (n, "text %d " % n * 40))
    if n % 10 == 0:
        keep_file(n)
    if not early:
        peer.send(b"kept %d\n" % n)
    peer.recv(1)
db.close()
"""


class Rows(crash_check.Watcher):
    def __init__(self):
        self.kept = []

    def sent(self, r):
        self.kept += [int(n) for n in re.findall(rb"kept (\d+)\n", r.data)]
        return True

    def verify(self, directory):
        broken = []
        try:
            with crash_check.database(directory / "rows.db") as db:
                there = {n for n, in db.execute("SELECT n FROM row")}
                broken += [f"row {n} is lost" for n in self.kept if n not in there]
        except sqlite3.Error as e:
            broken.append(f"rows.db: {e}")
        for n in self.kept:
            p = directory / "files" / str(n)
            if n % 10 == 0 and (not p.exists() or p.read_bytes() != b"x" * 700 + b"end"):
                broken.append(f"file {n} is lost")
        return broken


def run(build, synchronous="FULL", early=False, env=None):
    top = pathlib.Path(tempfile.mkdtemp(prefix="trapline-recorder."))
    try:
        (top / "live" / "files").mkdir(parents=True)
        with contextlib.closing(sqlite3.connect(top / "live" / "rows.db")) as db:
            db.execute("CREATE TABLE row (n INTEGER PRIMARY KEY, text TEXT)")
            db.execute("PRAGMA journal_mode = WAL")
        shutil.copytree(top / "live", top / "start")
        (top / "server.py").write_text(SERVER)
        server = subprocess.Popen(
            [sys.executable, str(top / "server.py"), str(top / "live"), synchronous, "early" if early else "late"],
            stdout=subprocess.PIPE,
            env={**os.environ, "LD_PRELOAD": f"{build}/tests/fault/libtrapline_record.so", "TRAPLINE_RECORD_DIR": str(top / "live"),
                 "TRAPLINE_RECORD_LOG": str(top / "log"), **(env or {})})
        with socket.create_connection(("127.0.0.1", int(server.stdout.readline()))) as peer:
            while peer.recv(100):
                peer.send(b".")
        assert server.wait(30) == 0
        server.stdout.close()
        logs = list(top.glob("log.*"))
        assert len(logs) == 1, logs
        records = crash_disk.read_log(logs[0])
        disk, result = crash_check.check(records, top / "start", Rows())
        if not result.violations:
            assert disk.differences(top / "live") == []
        return records, result
    finally:
        shutil.rmtree(top)


def expect_violation(what, result, text):
    print(f"{what}: {result}\n    {result.violations[0] if result.violations else ''}")
    assert any(text in v for v in result.violations), f"{what} was not detected as \"{text}\": {result.violations}"


def main(build):
    records, result = run(build)
    print("kept:", result)
    assert result.violations == [], result.violations
    assert result.promises == 100 and result.disks > 500
    assert {r.kind for r in records} >= {"open", "close", "write", "sync_begin", "sync_end", "rename", "unlink", "accept", "send", "receive"}

    expect_violation("sent before commit", run(build, early=True)[1], "row 1 is lost")
    expect_violation("synchronous = OFF", run(build, synchronous="OFF")[1], "is lost")
    expect_violation("synchronous = NORMAL", run(build, synchronous="NORMAL")[1], "is lost")
    expect_violation("no fsync at all", run(build, env={"TRAPLINE_FSYNC_DROP": "1"})[1], "is lost")
    expect_violation("no fsync of the log file", run(build, env={"TRAPLINE_FSYNC_DROP": "rows.db-wal"})[1], "is lost")
    expect_violation("no fsync of the main file", run(build, env={"TRAPLINE_FSYNC_DROP": "rows.db"})[1], "is lost")
    expect_violation("no fsync of the directory", run(build, env={"TRAPLINE_FSYNC_DROP": "."})[1], "is lost")
    expect_violation("no fsync of new files", run(build, env={"TRAPLINE_FSYNC_DROP": ".new"})[1], "file 10 is lost")
    expect_violation("no fsync of their directory", run(build, env={"TRAPLINE_FSYNC_DROP": "files"})[1], "file 10 is lost")


if __name__ == "__main__":
    main(sys.argv[1])
