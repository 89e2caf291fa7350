"""A damaged, foreign, newer or missing database: one clear line with the file and what to do, a fixed exit code, and nothing touched."""
import pathlib
import sqlite3
import subprocess
import sys

import testlib

EXIT_IOERR, EXIT_CONFIG = 74, 78

# program, and the files that it opens
OPENS = {
    "trapweb": ["visits.db"],
    "trapsmtp": ["hits.db", "samples.db"],
}


def garbage_in_the_middle(path):
    with sqlite3.connect(path) as db:   # pages that opening does not read
        db.execute("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) "
                   "INSERT INTO meta SELECT 'filler, so that there are pages ' || i, i FROM n")
    db.close()
    content = bytearray(path.read_bytes())
    at = len(content) - 3 * 4096
    content[at:at + 4096] = b"\xa5" * 4096
    path.write_bytes(content)


def cut_short(path):
    path.write_bytes(path.read_bytes()[:2 * 4096 + 100])


def no_database(path):
    path.write_bytes(b"this is a text, not a database\n" * 100)


def empty(path):
    path.write_bytes(b"")


def another_database(path):
    path.unlink()
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE contacts (name TEXT)")
    db.close()


def newer(path):
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()


def missing(path):
    path.unlink()


CASES = [(garbage_in_the_middle, "damaged", EXIT_IOERR), (cut_short, "damaged", EXIT_IOERR),
         (no_database, "not a database", EXIT_IOERR), (empty, "not a database", EXIT_IOERR),
         (another_database, "not this one", EXIT_IOERR), (newer, "made by a newer Trapline", EXIT_CONFIG),
         (missing, "trapline init", EXIT_CONFIG)]


def check(build, t, program, path, says, code):
    before = path.read_bytes() if path.exists() else None
    got = subprocess.run([str(build / "bin" / program), "-c", str(t.conf)], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                         timeout=20)
    told = got.stderr.splitlines()
    assert got.returncode == code, f"{program} with {path.name} ({says}): exit {got.returncode}\n{got.stderr}"
    assert len(told) == 1 and str(path) in told[0] and says in told[0], f"{program}: expected one line with {says!r}:\n{got.stderr}"
    after = path.read_bytes() if path.exists() else None
    assert before == after, f"{program} changed {path.name}"


def main(build):
    for program, names in OPENS.items():
        for name in names:
            for damage, says, code in CASES:
                with testlib.Installation(build) as t:
                    damage(t.dir / name)
                    check(build, t, program, t.dir / name, says, code)
    # The command line reads, and says the same.
    with testlib.Installation(build) as t:
        no_database(t.dir / "hits.db")
        got = t.run("status", check=False)
        assert got.returncode == EXIT_IOERR and b"hits.db: damaged" in got.stderr, got
    print("refused, told and left as they were")


if __name__ == "__main__":
    if not all((pathlib.Path(sys.argv[1]) / "bin" / p).exists() for p in OPENS):
        testlib.skip("no program is built")
    main(pathlib.Path(sys.argv[1]))
