"""A power cut at any moment of `trapline init`: afterwards there is no trapline.conf, or the installation is complete.

And when it has said that it is made, it stays made.
"""
import contextlib
import pathlib
import shutil
import sqlite3
import subprocess
import sys
import tempfile

import crash_check
import crash_disk
import fault_lib

DATABASES = ("visits", "hits", "samples", "acts", "derived", "published")


def content(path):
    """What a file says: of a database all statements that make it."""
    if path.suffix != ".db":
        return path.read_bytes()
    with crash_check.database(path) as db:
        version = [db.execute(f"PRAGMA {p}").fetchone() for p in ("user_version", "application_id", "journal_mode")]
        return version + list(db.iterdump())


class Made(crash_check.Watcher):
    """Promises nothing until trapline.conf is there; then all that the finished one has."""

    def __init__(self, finished):
        self.finished = {p.relative_to(finished): p for p in finished.rglob("*")}
        files = [p for p in self.finished if self.finished[p].is_file() and p.suffix not in (".lock", ".db-shm")]
        self.content = {p: content(self.finished[p]) for p in files}
        self.complete, self.ended = 0, False

    def verify(self, directory):
        made = directory / "state"
        if not (made / "trapline.conf").exists():
            return ["init had ended, trapline.conf is lost"] if self.ended else []
        self.complete += 1
        broken = [f"trapline.conf is there, {p} is not" for p in self.finished
                  if self.finished[p].is_dir() and not (made / p).is_dir()]
        for p, expected in self.content.items():
            try:
                if content(made / p) != expected:
                    broken.append(f"trapline.conf is there, {p} is not complete")
            except (OSError, sqlite3.Error) as e:
                broken.append(f"trapline.conf is there, {p}: {e}")
        return broken


def run(build, drop=""):
    top = pathlib.Path(tempfile.mkdtemp(prefix="trapline-init."))
    try:
        for name in ("live", "start", "finished"):
            (top / name).mkdir()
        done = subprocess.run([f"{build}/bin/trapline", "init", "--dir", str(top / "live" / "state")], capture_output=True, timeout=60,
                              check=False, env={**fault_lib.os.environ,
                                                **fault_lib.recorder_env(build, top / "live", top / "log", fsync_drop=drop)})
        assert done.returncode == 0, done.stderr
        shutil.copytree(top / "live" / "state", top / "finished" / "state")
        log, = top.glob("log.*")
        records = crash_disk.read_log(log)
        watcher = Made(top / "finished" / "state")
        disk, result = crash_check.check(records, top / "start", watcher, stride=5)
        if not drop:
            watcher.ended = True
            with contextlib.closing(scratch()) as place:
                crash_check.cut(disk, len(records), watcher, result, place.name, 3)
            assert result.violations == [], "\n".join(result.violations)
            assert disk.differences(top / "live") == []
            assert watcher.complete > 5
        return watcher, result
    finally:
        shutil.rmtree(top)


def scratch():
    place = tempfile.TemporaryDirectory(prefix="trapline-crash.", dir=crash_check.scratch_top())
    place.close = place.cleanup
    return place


def main(build):
    watcher, result = run(build)
    print(f"init: {result}; complete on {watcher.complete} of them")
    for drop in ("1", ".new", "keys"):
        _, result = run(build, drop)
        print(f"init without fsync of {drop}: {result}")
        assert result.violations, "nothing was found"
        print("   ", result.violations[0])


if __name__ == "__main__":
    main(sys.argv[1])
