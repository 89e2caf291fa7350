"""A power cut at any moment of a publication: zones/current leads to a whole set, which is on record in published.db, or to none.

One installation with evidence that grows; `trapexport --once` runs recorded, again and again, so that sets are swapped and pruned.
"""
import contextlib
import os
import pathlib
import shutil
import sqlite3
import sys
import tempfile
import time

import crash_check
import crash_disk
import fault_lib
from fault_lib import testlib

RUNS = 4


class Published(crash_check.Watcher):
    def __init__(self, serial_before):
        self.serial_before, self.public = serial_before, set()

    def wanted(self, path):
        return path.startswith(("zones/", "published.db"))

    def verify(self, directory):
        current = directory / "zones" / "current"
        serial = int(os.readlink(current)) if current.is_symlink() else 0
        self.public.add(serial)
        broken = fault_lib.sets_wrong(directory / "zones")
        if serial < self.serial_before:
            broken.append(f"set {self.serial_before} was public, now it is {serial or 'none'}")
        try:
            with crash_check.database(directory / "published.db") as db:
                if serial and db.execute("SELECT count(*) FROM published WHERE serial = ?", (serial,)).fetchone() != (1,):
                    broken.append(f"set {serial} is public and not on record")
        except sqlite3.Error as e:
            broken.append(f"published.db: {e}")
        return broken


def evidence(t, n):
    """Two addresses taken by one visitor, mailed by two senders."""
    found = testlib.extract(t.get(f"/page/{n}", client=fault_lib.client_ip(n))[2])
    for i, address in enumerate(found[:2]):
        assert t.mail(address, client=fault_lib.client_ip(1000 + 2 * n + i), sender=f"s{n}.{i}@sender.example") == 250


def current(t):
    path = t.dir / "zones" / "current"
    return int(os.readlink(path)) if path.is_symlink() else 0


def publish(build, t, top, name, drop=""):
    """One recorded run; its Watcher, Result, and differences."""
    place = top / name
    place.mkdir()
    shutil.copytree(t.dir, place / "start", symlinks=True)
    before = current(t)
    env = {**os.environ, **fault_lib.recorder_env(build, t.dir, place / "log", fsync_drop=drop)}
    done = testlib.subprocess.run([str(t.bin / "trapexport"), "-c", str(t.conf), "--once"], env=env, capture_output=True, timeout=60,
                                  check=False)
    assert done.returncode == 0, done.stderr.decode()
    log, = place.glob("log.trapexport.*")
    records, watcher = crash_disk.read_log(log), Published(before)
    disk, result = crash_check.check(records, place / "start", watcher, stride=5)
    assert current(t) > before
    if not drop:
        assert result.violations == [], "\n".join(result.violations)
        assert disk.differences(t.dir) == [], disk.differences(t.dir)
        assert watcher.public <= {before, current(t)} and current(t) in watcher.public, watcher.public
    return result


def main(build):
    top = pathlib.Path(tempfile.mkdtemp(prefix="trapline-publish."))
    with testlib.Installation(build, export="sets_kept = 2") as t, contextlib.ExitStack() as at_end:
        at_end.callback(shutil.rmtree, top)
        t.start("trapweb", "trapsmtp")
        for n in range(RUNS):
            evidence(t, n)
            time.sleep(1.1)     # a serial is a second
            print(f"publication {n + 1}:", publish(build, t, top, f"run{n}"))
        for drop in ("1", "zones"):
            evidence(t, RUNS + len(drop))
            time.sleep(1.1)
            result = publish(build, t, top, f"drop-{drop}", drop)
            print(f"publication without fsync of {drop}:", result, *result.violations[:1], sep="\n    ")
            assert result.violations, "nothing was found"


if __name__ == "__main__":
    main(sys.argv[1])
