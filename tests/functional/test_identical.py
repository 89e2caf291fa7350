"""Identical: the same log gives the same bytes, whatever the batches, the order of arrival or the machine.

`trapline dump --as-of T` and `trapexport --once --as-of T --serial N --out DIR` after: live folding, a rebuild, a rebuild in batches of one and of
seven, and on a copy of the installation whose databases were filled in another order of arrival.
"""
import filecmp
import os
import pathlib
import shutil
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from testlib import Installation, extract, wait_for  # noqa: E402

build = sys.argv[1]


def now():
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def export(t, conf, as_of, name):
    out = t.top / name
    done = subprocess.run([str(t.bin / "trapexport"), "-c", str(conf), "--once", "--as-of", as_of, "--serial", "77", "--out", str(out)],
                          capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr.decode()
    return out


def same_tree(a, b):
    files = {p.relative_to(a) for p in a.rglob("*") if p.is_file()}
    assert files and files == {p.relative_to(b) for p in b.rglob("*") if p.is_file()}, (a, b)
    different = [f for f in files if not filecmp.cmp(a / f, b / f, shallow=False)]
    assert not different, different


def load(t):
    """Visits and mail, interleaved: some senders mail addresses of several visitors, some visitors come back."""
    taken = []
    for i in range(40):
        client = f"81.{i % 7}.{i}.9" if i % 5 else f"2a02:cf40:{i:x}::9"
        taken.append([a for a in extract(t.get(f"/p{i % 11}", client=client)[2]) if a.endswith("@trap.test")])
        for j in range(3):
            k = (i * 7 + j * 3) % len(taken)
            sender = f"89.160.{(i * j) % 13}.{k + 1}" if (i + j) % 4 else f"2a02:d9c0:{k:x}:1::{j + 1}"
            assert t.mail(taken[k][j % len(taken[k])], sender) == 250
    t.mail("hans@old.test", "175.16.199.37")
    return taken


def main():
    with Installation(build, web='commit_deadline = "10s"',
                      config='trap_domain "old.test" { class = "recycled"  unknown = "accept" }\n') as t:
        daemons = t.start()
        load(t)
        wait_for("everything is folded", lambda: all(x["folded"] == x["last"] for x in t.json("status")["logs"]))
        time.sleep(1.1)
        as_of = now()
        middle_dump = t.run("dump", "--as-of", as_of).stdout
        live = export(t, t.conf, as_of, "live")
        assert middle_dump.count(b"\n") > 150, middle_dump

        # More of the log behind as_of must not change what was true then.
        t.mail("grete@old.test", "216.160.83.56")
        wait_for("everything is folded", lambda: all(x["folded"] == x["last"] for x in t.json("status")["logs"]))
        assert t.run("dump", "--as-of", as_of).stdout == middle_dump
        same_tree(live, export(t, t.conf, as_of, "later"))
        t.stop(daemons)

        for batch in ("1", "7", "100000"):
            t.run("rebuild", "--batch", batch)
            assert t.run("dump", "--as-of", as_of).stdout == middle_dump, f"after a rebuild in batches of {batch}"
            same_tree(live, export(t, t.conf, as_of, f"batch{batch}"))

        # "Another machine": the same installation under another path, without its derived.db.
        other = t.top / "other"
        shutil.copytree(t.dir, other, symlinks=True)
        for name in os.listdir(other):
            if name.startswith(("derived.db", "published.db")):
                os.unlink(other / name)
        conf = other / "trapline.conf"
        conf.write_text(conf.read_text().replace(str(t.dir), str(other)))
        subprocess.run([str(t.bin / "trapline"), "rebuild", "-c", str(conf)], check=True, capture_output=True, timeout=60)
        dump = subprocess.run([str(t.bin / "trapline"), "dump", "-c", str(conf), "--as-of", as_of], check=True, capture_output=True, timeout=60)
        assert dump.stdout == middle_dump, "on another machine"
        same_tree(live, export(t, conf, as_of, "elsewhere"))

        later = t.run("dump", "--as-of", now()).stdout
        assert later != middle_dump, "the later message is there now"


main()
