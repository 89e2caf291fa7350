"""From the log to the zone: visits of the real trapweb, hits written into hits.db as trapsmtp would, the real trapexport.

And --out: the same bytes whether the evidence is copied from the live derived.db or folded anew, and as they were at a moment of the past.
"""
import hashlib
import ipaddress
import pathlib
import shutil
import sqlite3
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from testlib import wait_for  # noqa: E402
from weblib import Web  # noqa: E402

build = pathlib.Path(sys.argv[1])
PROGRAM = build / "bin" / "trapexport"
HARVESTER, SPAMMER, SPAMMER6, OTHER = "81.2.69.160", "89.160.20.112", "2a02:d9c0::7", "175.16.199.37"
RCPT_MINTED = 1


class Chain(Web):
    def __init__(self):
        super().__init__(build)
        self.exporter = None

    def __exit__(self, *_):
        if self.exporter and self.exporter.poll() is None:
            self.exporter.kill()
            self.exporter.wait()
        super().__exit__()

    def hit(self, sender, address, at=None):
        ip = ipaddress.ip_address(sender).packed
        key = int.from_bytes(hashlib.sha256(address.encode()).digest()[:5], "big")
        db = sqlite3.connect(self.dir / "hits.db", timeout=10)
        with db:
            db.execute("INSERT INTO hit(at_us, session, sender, local, local_port, helo, reverse_path, flags, size, digest, rcpt_count,"
                       " class, address, address_key) VALUES(?, 1, ?, x'7f000001', 25, x'', x'', 0, 100, 7, 1, ?, ?, ?)",
                       (int((at or time.time()) * 1e6), ip, RCPT_MINTED, address.encode(), key))
        db.close()

    def sql_write(self, name, query, *values):
        db = sqlite3.connect(self.dir / f"{name}.db", timeout=10)
        with db:
            db.execute(query, values)
        db.close()

    def allow(self, subject):
        self.sql_write("acts", "INSERT INTO act(at_us, until_us, kind, subject, detail, who, why) VALUES(?, 0, 1, ?, x'', x'', x'')",
                       int(time.time() * 1e6), subject.encode())

    def export(self, *words, code=0):
        done = subprocess.run([PROGRAM, "-c", self.conf, *words], capture_output=True, text=True, timeout=60)
        assert done.returncode == code, (done.returncode, done.stderr)

    def zone(self):
        path = self.dir / "zones" / "current" / "bl.trap.test.combined"
        return path.read_text().split("\n") if path.exists() else []


def tree(path):
    return {p.relative_to(path): p.read_bytes() for p in path.rglob("*") if p.is_file()}


def main():
    with Chain() as t:
        t.start()
        with open(t.top / "export.log", "ab") as log:
            t.exporter = subprocess.Popen([PROGRAM, "-c", t.conf], stdout=log, stderr=log)
        wait_for("an empty zone", lambda: "127.0.0.2" in t.zone())
        taken = [a for a in t.addresses(t.ask("/page", client=HARVESTER)[2]) if a.endswith("@quellwerft.net")]
        assert len(taken) >= 2, taken
        t.hit(SPAMMER, taken[0])
        wait_for("the sender is listed", lambda: SPAMMER in t.zone())
        assert not any(line.startswith(".160.69.2.81 ") for line in t.zone()), "one address, one sender: no harvester yet"
        t.hit(SPAMMER6, taken[1])
        wait_for("the harvester is listed", lambda: ".160.69.2.81 :127.0.3.2" in t.zone())
        assert "2a02:d9c0:0:0::/64" in t.zone() and SPAMMER in t.zone()
        time.sleep(1.1)
        then = f"@{int(time.time())}"

        t.export("--once", "--as-of", then, "--serial", "5", "--out", t.top / "copied")  # everything is folded: a copy
        time.sleep(1.1)
        t.hit(OTHER, taken[0])
        wait_for("the third is listed", lambda: OTHER in t.zone())
        t.export("--once", "--as-of", then, "--serial", "5", "--out", t.top / "cut")  # the log goes on: folded up to then
        assert tree(t.top / "copied") == tree(t.top / "cut")
        assert OTHER not in (t.top / "cut" / "bl.trap.test.combined").read_text()

        # A record that cannot be read: nothing is added any more, but removals get through, and it is told once.
        t.hit("8.8.8.8", "x@quellwerft.net")
        t.sql_write("hits", "UPDATE hit SET class = 9 WHERE seq = (SELECT max(seq) FROM hit)")
        t.hit("9.9.9.9", taken[0])
        wait_for("the failure is told", lambda: "export.run.failed" in (t.top / "export.log").read_text())
        t.allow(OTHER)
        wait_for("an allowed sender goes", lambda: OTHER not in t.zone())
        time.sleep(2)
        assert SPAMMER in t.zone() and "9.9.9.9" not in t.zone() and ".160.69.2.81 :127.0.5.2" in t.zone()
        assert (t.top / "export.log").read_text().count("export.run.failed") == 1
        t.sql_write("hits", "DELETE FROM hit WHERE class = 9")
        wait_for("the fold goes on", lambda: "9.9.9.9" in t.zone())
        t.exporter.terminate()
        assert t.exporter.wait(20) == 0
        t.stop()

        for name in ("derived.db", "derived.db-wal", "derived.db-shm"):
            (t.dir / name).unlink(missing_ok=True)
        t.export("--once", "--as-of", then, "--serial", "5", "--out", t.top / "anew")  # no evidence at hand at all
        assert tree(t.top / "copied") == tree(t.top / "anew")
        before = [line for line in t.zone() if line[:1] not in "$"]
        t.export("--once")  # derived.db is made again
        assert before == [line for line in t.zone() if line[:1] not in "$"]

        # Without its log it publishes nothing: an empty zone would be the end of every listing.
        zone = t.zone()
        for name in ("hits.db", "visits.db", "acts.db"):
            shutil.move(t.dir / name, t.top / name)
            (t.dir / "derived.db").unlink(missing_ok=True)
            t.export("--once", code=78)
            t.export("--once", "--as-of", then, "--serial", "5", "--out", t.top / "none", code=78)
            shutil.move(t.top / name, t.dir / name)
        assert t.zone() == zone and not (t.top / "none").exists()
        t.export("--once")
        assert before == [line for line in t.zone() if line[:1] not in "$"]
    print("ok")


main()
