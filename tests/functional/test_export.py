"""trapexport itself: the schedule, --once, --out, acts, the guard, list files that go bad, stopping, and two of them.

What is listed comes from acts (`deny`) here; the whole chain from mail to listing is test_chain.py's.
"""
import filecmp
import os
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from testlib import wait_for  # noqa: E402

build = pathlib.Path(sys.argv[1])
PROGRAM, INIT = build / "bin" / "trapexport", build / "bin" / "trapline"
ALLOW, DENY, DELIST, REVOKE = 1, 2, 3, 8
ZONE = "bl.trap.test.combined"


class World:
    def __init__(self, zone_text="", guard='guard = "off"', publish="live", lists=True):
        self.top = pathlib.Path(tempfile.mkdtemp(prefix="trapline-export."))
        self.dir, self.conf, self.never = self.top / "state", self.top / "conf", self.top / "never"
        subprocess.run([INIT, "init", "--dir", self.dir], check=True, stdout=subprocess.DEVNULL)
        self.never.write_text("# ours\n81.2.69.0/24\n")
        self.process = None
        self.conf.write_text(
            f'state_dir = "{self.dir}"\nnode_id = 1\n{guard}\ntrap_domain "trap.test" {{ class = "minted" }}\n'
            f'{f"never_list_files = {{{chr(34)}{self.never}{chr(34)}}}" if lists else ""}\n'
            f'zone "bl.trap.test" {{ kind = "combined" policy = "standard" publish = "{publish}" {zone_text} }}\n'
            f'export {{ dir = "{self.dir}/zones" interval = "1s" }}\n')

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.top, ignore_errors=True)

    def run(self, *words, code=0):
        done = subprocess.run([PROGRAM, "-c", self.conf, *words], capture_output=True, text=True, timeout=60)
        assert done.returncode == code, (done.returncode, done.stderr)
        return done.stderr

    def start(self):
        with open(self.top / "log", "ab") as log:
            self.process = subprocess.Popen([PROGRAM, "-c", self.conf], stdout=log, stderr=log)
        return self

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(20) == 0, self.log()

    def log(self):
        return (self.top / "log").read_text(errors="replace")

    def act(self, kind, subject, at=None):
        db = sqlite3.connect(self.dir / "acts.db", timeout=10)
        with db:
            cursor = db.execute("INSERT INTO act(at_us, until_us, kind, subject, detail, who, why) VALUES(?, 0, ?, ?, x'', ?, ?)",
                                (int((at or time.time()) * 1e6), kind, str(subject).encode(), b"test", b"test"))
        db.close()
        return cursor.lastrowid

    def zone(self, shadow=False):
        path = self.dir / "zones" / "current" / ("shadow/" + ZONE if shadow else ZONE)
        return path.read_text().split("\n") if path.exists() else []

    def history(self):
        db = sqlite3.connect(f"file:{self.dir}/published.db?mode=ro", uri=True, timeout=10)
        rows = db.execute("SELECT kind, reason FROM change ORDER BY id").fetchall()
        db.close()
        return [("?+-s"[k], r.decode()) for k, r in rows]


def same_tree(a, b):
    files = sorted(p.relative_to(a) for p in a.rglob("*") if p.is_file())
    assert files == sorted(p.relative_to(b) for p in b.rglob("*") if p.is_file()), (a, b)
    assert len(files) >= 2 and all(filecmp.cmp(a / f, b / f, shallow=False) for f in files), files


def test_once():
    with World() as w:
        w.run("--once")  # nothing is on record: test entries only
        assert "127.0.0.2" in w.zone() and "\n".join(w.zone()).count(".2.0.0.127 :127.0.0.2") == 1
        w.act(DENY, "89.160.20.0/24")
        w.act(DENY, "81.2.69.7")
        w.run("--once")
        assert "89.160.20.0/24" in w.zone() and "81.2.69.7" not in w.zone()
        assert ("+", "deny") in w.history() and ("s", "never-list 81.2.69.0/24") in w.history()


def test_out():
    with World(publish="shadow") as w:
        t = time.time() - 100
        w.act(DENY, "89.160.20.0/24", at=t)
        w.act(DENY, "2a02:d9c0::/29", at=t + 10)
        w.act(DENY, "1.1.1.0/24", at=t + 50)
        as_of = f"@{int(t) + 20}"
        before = sorted((p, p.stat().st_mtime_ns) for p in w.dir.rglob("*") if p.is_file() and not p.name.endswith("-shm"))
        w.run("--once", "--as-of", as_of, "--serial", "77", "--out", w.top / "a")
        assert before == sorted((p, p.stat().st_mtime_ns) for p in w.dir.rglob("*") if p.is_file() and not p.name.endswith(("-shm", "-wal"))), "touched"
        w.run("--once")
        w.run("--once", "--as-of", as_of, "--serial", "77", "--out", w.top / "b")
        same_tree(w.top / "a", w.top / "b")
        text = (w.top / "a" / "shadow" / ZONE).read_text().split("\n")
        assert "89.160.20.0/24" in text and "2a02:d9c0::/29" in text and "1.1.1.0/24" not in text
        assert " 77 600 " in text[0]
        assert sorted(p.name for p in w.top.iterdir() if p.name.startswith(".")) == [], "scratch is left behind"
        assert "not empty" in w.run("--once", "--out", w.top / "a", code=73)
        assert w.zone() == [] and "1.1.1.0/24" in w.zone(shadow=True) and w.history() == []


def test_usage():
    with World() as w:
        for words in (["--as-of", "2026-01-01"], ["--serial", "7", "--once"], ["--out", "x"], ["--once", "--serial", "0", "--out", "x"],
                      ["--once", "--as-of", "now", "--out", "x"], ["--once", "--out"], ["--nonsense"]):
            assert w.run(*words, code=64).count("\n") == 1, words
        assert "trapexport makes the zones" in subprocess.run([PROGRAM, "--help"], capture_output=True, text=True, check=True).stdout


def test_refused_at_start():
    with World(zone_text='text = "see $1"') as w:
        assert "$1" in w.run("--once", code=78)
    with World(zone_text='policy = "none"') as w:
        w.run("--once", code=78)
    with World() as w:
        w.never.write_text("81.2.69.0/24\nnonsense\n")
        assert "never:2" in w.run("--once", code=78)
        w.never.unlink()
        assert "never" in w.run("--once", code=78)
        assert not (w.dir / "zones" / "current").exists()


def test_daemon():
    with World() as w:
        w.start()
        wait_for("the first set", lambda: "127.0.0.2" in w.zone())
        second = w.run("--once", code=75)
        assert str(w.process.pid) in second and second.count("\n") == 1, second
        deny = w.act(DENY, "89.160.20.0/24")
        wait_for("the deny is published", lambda: "89.160.20.0/24" in w.zone())
        w.never.write_text("81.2.69.0/24\n89.160.20.128/25\n")
        wait_for("the never-list is read again", lambda: "89.160.20.0/25" in w.zone() and "89.160.20.0/24" not in w.zone())
        w.never.write_text("nonsense\n")
        wait_for("the bad file is told", lambda: "export.list.unreadable" in w.log())
        w.act(DENY, "1.1.1.0/24")
        w.act(ALLOW, "1.1.1.7")
        wait_for("acts still count", lambda: "1.1.1.128/25" in w.zone())
        assert "89.160.20.0/25" in w.zone() and "1.1.1.0/24" not in w.zone()
        w.act(REVOKE, deny)
        wait_for("the deny is taken back", lambda: "89.160.20.0/25" not in w.zone())
        assert w.log().count("export.list.unreadable") == 1
        w.process.send_signal(signal.SIGHUP)

        def nothing_new():
            sets = sorted(os.listdir(w.dir / "zones"))
            time.sleep(2.5)
            return sorted(os.listdir(w.dir / "zones")) == sets
        wait_for("no set without need", nothing_new, 20)
        w.stop()


def test_guard():
    with World(guard='guard = "on"') as w:
        w.act(DENY, "89.160.20.0/24")
        w.start()
        wait_for("the missing guard is told", lambda: "export.guard.missing" in w.log())
        time.sleep(1.2)
        assert w.zone() == [] and w.log().count("export.guard.missing") == 1
        w.stop()
    with World() as w:
        guard = w.top / "guard"
        guard.write_text("209.85.128.0/17\n")
        w.conf.write_text(w.conf.read_text().replace('guard = "off"', f'guard = "on"\nguard_files = {{"{guard}"}}'))
        first = w.act(DENY, "89.160.20.0/24")
        w.act(DENY, "209.85.128.1")
        w.act(DENY, "2.125.160.216")
        w.start()
        wait_for("the guard is there", lambda: "89.160.20.0/24" in w.zone())
        assert "209.85.128.1" not in w.zone()
        os.utime(guard, (time.time() - 8 * 86400,) * 2)
        wait_for("the guard is too old", lambda: "export.guard.missing" in w.log())
        w.act(DENY, "1.1.1.1")
        w.act(REVOKE, first)
        wait_for("removals get through", lambda: "89.160.20.0/24" not in w.zone())
        time.sleep(1.2)
        assert "2.125.160.216" in w.zone() and "1.1.1.1" not in w.zone()
        os.utime(guard)
        wait_for("the guard is back", lambda: "1.1.1.1" in w.zone())
        w.stop()


def test_kill():
    """Killed again and again: the symlink always shows a whole set, the record always knows it, and the next start goes on."""
    with World() as w:
        for i in range(12):
            w.start()
            w.act(DENY, f"89.160.{i}.0/24")
            time.sleep(0.02 * i + 0.05)
            w.process.kill()
            w.process.wait()
            current = w.dir / "zones" / "current"
            if not current.exists():
                continue
            assert (current / "manifest").read_text().endswith("end\n")
            db = sqlite3.connect(f"file:{w.dir}/published.db?mode=ro", uri=True, timeout=10)
            assert db.execute("SELECT count(*) FROM published WHERE serial = ?", (int(os.readlink(current)),)).fetchone() == (1,)
            db.close()
        w.run("--once")
        assert all(f"89.160.{i}.0/24" in w.zone() for i in range(12))


for test in (test_usage, test_refused_at_start, test_once, test_out, test_daemon, test_guard, test_kill):
    test()
    print(test.__name__, "ok")
