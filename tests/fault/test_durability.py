"""Promise 1: pull the plug at any moment, whatever a client was shown or told is still true.

trapweb and trapsmtp run under the recorder with eight clients at a time; the checker rebuilds every disk that a power cut may leave.
Then the same with fsync taken away, as a whole and one file at a time: the checker must find what is lost. And with one fsync that
fails: then nothing may be lost. TRAPLINE_TEST names the half that is wanted.
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
import promises
from fault_lib import testlib

PAGES = MESSAGES = int(os.environ.get("TRAPLINE_COUNT", "100"))     # a multiple of ten
DOMAINS = ("trap.test", "second.test")
# Small, so that checkpoints fall into the run.
CONFIG = 'store { wal_max = "256k"  free_min = "0" }\ntrap "sales@old.test" { class = "pristine" }\n'


def pages(t, count, failing=False):
    """Each visit with a page and an agent of its own, both long: much to write, so that checkpoints fall into the run."""
    def visit(n):
        ask = {"path": f"/page/{n}/{'long' * 100}", "client": fault_lib.client_ip(n), "agent": f"Reader/{n} {'wide ' * 90}"}
        status, _, body = t.get(**ask)
        for _ in range(30):
            if not failing or testlib.extract(body):
                break
            time.sleep(0.1)
            body = t.get(**ask)[2]
        assert status == 200 and testlib.extract(body), f"page {n}: {status}, no address"
        if n % 10 == 0:     # again: the same addresses, no new visit
            assert testlib.extract(t.get(**ask)[2]) == testlib.extract(body)

    fault_lib.in_parallel(8, visit, *range(count))


def has_checkpoint(records, name):
    """Was the database's main file written and synced while promises were still made?"""
    last = max(r.number for r in records if r.kind == "send")
    paths = {}
    for r in records[:last]:
        if r.kind == "open":
            paths[r.fd] = r.path
        if r.kind == "sync_end" and paths.get(r.fd) == name:
            return True
    return False


def messages(t, count, failing=False):
    """Each sender delivers ten messages on one connection; every fifth goes to postmaster, too, or alone."""
    recipients = (["sales@old.test"], ["sales@old.test", "postmaster@trap.test"], ["sales@old.test"], ["abuse@trap.test"],
                  ["sales@old.test"])

    def deliver(n):
        with t.smtp(client=fault_lib.client_ip(n)) as s:
            for i in range(10):
                body = f"Subject: offer {n}.{i}\r\n\r\nmessage {n}.{i}\r\n{'text ' * (n % 7) * 100}\r\nend of {n}.{i}\r\n".encode()
                for attempt in range(30 if failing else 1):     # MAIL gets 452, too, for a second
                    time.sleep(0.1 if attempt else 0)
                    code = fault_lib.transaction(s, f"s{n}.{i}@sender.example", recipients[i % 5], body)
                    if code == 250:
                        break
                assert code == 250, f"message {n}.{i}: {code}"
            s.expect("QUIT", 221)

    fault_lib.in_parallel(8, deliver, *range(count // 10))


def checked(build, top, program, work, count, drop="", fail=""):
    """One recorded run of one daemon, and its check: (watcher, result, installation's log)."""
    place = pathlib.Path(tempfile.mkdtemp(dir=top))
    with testlib.Installation(build, config=CONFIG, trap_domains=DOMAINS, web='commit_deadline = "10s"') as t:
        if program == "trapweb":    # several epochs in one run
            with contextlib.closing(sqlite3.connect(t.dir / "visits.db")) as db, db:
                db.execute("INSERT INTO meta VALUES ('epoch_serials', ?)", (max(15, count * 3 // 10),))
        shutil.copytree(t.dir, place / "start", symlinks=True)
        daemon = t.start(program, env=fault_lib.recorder_env(build, t.dir, place / "log", fsync_drop=drop, fsync_fail=fail))
        work(t, count, failing=fail != "")
        code = t.stop(daemon)
        assert code == 0, f"{program} ended with {code}:\n{t.log()}"
        log, = place.glob(f"log.{program}.*")
        records = crash_disk.read_log(log)
        watcher = promises.Messages()
        if program == "trapweb":
            watcher = promises.Pages(promises.Decoder(build, t.dir), DOMAINS)
            watcher.prepare(records)
        disk, result = crash_check.check(records, place / "start", watcher)
        how = f" without fsync of {drop}" if drop else f" with a failed fsync of {fail}" if fail else ""
        print(f"{program}{how}: {count} in, {sum(r.kind == 'sync_end' for r in records)} syncs, {result}", flush=True)
        if not drop:
            assert result.violations == [], "\n".join(result.violations)
            assert disk.differences(t.dir) == [], disk.differences(t.dir)
        if fail:
            assert sum(r.kind == "sync_fail" for r in records) == 1, "no fsync failed"
            t.start(program)    # it goes on with what it finds
        elif not drop:
            assert has_checkpoint(records, "visits.db" if program == "trapweb" else "hits.db"), "no checkpoint fell into the run"
        return watcher, result, (t.top / "log").read_text()


def without_fsync(build, top, program, work, drops):
    for drop in drops:
        _, result, _ = checked(build, top, program, work, 20, drop)
        assert result.violations, f"{program} without fsync of {drop}: nothing was found"
        print("   ", result.violations[0])


def with_a_failed_fsync(build, top, program, work, name):
    checked(build, top, program, work, 60, fail=name + "-wal")
    _, _, log = checked(build, top, program, work, PAGES, fail=name)
    assert "store.checkpoint.broken" in log, log[-3000:]


def test_trapweb(build):
    with tempfile.TemporaryDirectory(prefix="trapline-durability.") as top:
        watcher, _, _ = checked(build, top, "trapweb", pages, PAGES)
        visits = {readings[0][1:3] for readings, _ in watcher.shown.values() if len(readings) == 1}
        assert PAGES * 0.95 < len(visits) <= PAGES and {epoch for epoch, _ in visits} == {1, 2, 3, 4}, len(visits)
        without_fsync(build, top, "trapweb", pages, ("1", "visits.db-wal", ".", "snap"))
        with_a_failed_fsync(build, top, "trapweb", pages, "visits.db")


def test_trapsmtp(build):
    with tempfile.TemporaryDirectory(prefix="trapline-durability.") as top:
        watcher, _, _ = checked(build, top, "trapsmtp", messages, MESSAGES)
        assert len(watcher.told) == MESSAGES * 4 // 5 and len(watcher.kept) == MESSAGES * 2 // 5, (len(watcher.told), len(watcher.kept))
        without_fsync(build, top, "trapsmtp", messages, ("1", "hits.db-wal", "postmaster"))
        with_a_failed_fsync(build, top, "trapsmtp", messages, "hits.db")
        checked(build, top, "trapsmtp", messages, 60, fail="postmaster")


if __name__ == "__main__":
    sys.exit(testlib.run_tests(globals()))
