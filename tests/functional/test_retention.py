"""Retention with the real daemons: what is too old goes while they serve, a kill in between changes nothing in the end, evidence that was
folded live is the same as made anew, and an erasure never lists anybody."""
import json
import os
import pathlib
import random
import signal
import sqlite3
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from testlib import Installation, extract, run_tests, wait_for  # noqa: E402

DAY = 86400
PRESETS = ("aggressive", "standard", "conservative")
ZONES = "".join(f'policy "{p}" {{ preset = "{p}"  listing_delay = "0" }}\nzone "{p}.bl.test" {{ kind = "combined"  policy = "{p}" }}\n' for p in PRESETS)
OLD = 'trap_domain "old.test" { class = "recycled"  unknown = "accept" }\n'


def retention(**keep):
    every = keep.pop("every", "1s")
    kept = {"visitor_ip": "0", "visits": "0", "hits": "0", "attempts": "0", "sessions": "0", "samples": "0", **keep}
    return f'retention {{ every = "{every}" ' + " ".join(f'{k} = "{v}"' for k, v in kept.items()) + " }\n"


def stamp(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def story(seed, now, visits=80, hits=160, days=40):
    """A log of the last 40 days: harvesters that come back, tests of one's own traps, addresses of slots that nobody was shown."""
    r = random.Random(seed)
    clients = [f"81.{r.randrange(2, 5)}.{r.randrange(4)}.{r.randrange(1, 250)}" for _ in range(25)] + [f"2a02:cf40:{i:x}::9" for i in range(8)]
    senders = [f"89.160.{i % 3}.{i + 1}" for i in range(20)] + [f"2a02:d9c0:{i:x}::1" for i in range(5)]
    times = sorted(now - r.randrange(600, days * DAY) for _ in range(visits))
    events = []
    for i, at in enumerate(times):
        flags = ["not_shown"] if r.random() < 0.1 else []
        events.append({"event": "visit", "at": stamp(at), "client": r.choice(clients), "recipe": ["link", "comment"], "flags": flags,
                       "agent": "bot", "page": f"/{i % 5}"})
    mail = []
    for _ in range(hits):
        v = r.randrange(visits)
        late = r.choice((30, 3600, DAY, 9 * DAY, 30 * DAY))
        at = min(now - 1, times[v] + r.randrange(late))
        sender = events[v]["client"] if r.random() < 0.15 else r.choice(senders)
        rcpt = [{"visit": v + 1, "slot": r.choice((0, 0, 1, 5)), "domain": "trap.test"}]
        if r.random() < 0.2:
            rcpt.append({"class": "recycled+catchall", "address": f"a{r.randrange(9)}@old.test"})
        mail.append({"event": "hit", "at": stamp(at), "sender": sender, "rcpt": rcpt, "helo": "h.example"})
    sessions = [{"event": "session", "at": stamp(now - r.randrange(60, days * DAY)), "client": r.choice(senders),
                 **({"attempt_class": "minted", "attempt_address": "x@trap.test"} if r.random() < 0.5 else {})} for _ in range(60)]
    key = lambda e: e["at"]  # noqa: E731
    return events + sorted(mail, key=key) + sorted(sessions, key=key)


def load(t, events):
    t.run("import", "--events", "-", input="".join(json.dumps(e) + "\n" for e in events).encode())


def under_way(t):
    return [t.sql(f, "SELECT value FROM meta WHERE name = 'erasing'") for f in ("visits", "hits")]


def erasures(t):
    return sum(t.sql(f, "SELECT count(*) FROM erasure")[0][0] for f in ("visits", "hits"))


def rows(dump, kind):
    return [dict(w.split("=", 1) for w in line.split()[1:]) for line in dump.decode().splitlines() if line.startswith(kind + " ")]


def listed(dump):
    return {(x["policy"], x["kind"], x["prefix"]) for x in rows(dump, "listing")}


def settled(t, least):
    """Nothing is under way, and two rounds later still no more was erased than before."""
    def quiet():
        before = erasures(t)
        time.sleep(2.5)
        return erasures(t) == before >= least and all(not u or u[0][0] == 0 for u in under_way(t))
    wait_for("retention", quiet, 60)


KEEPS = (
    {"visitor_ip": "10d", "sessions": "7d", "attempts": "20d"},
    {"visits": "12d"},
    {"visitor_ip": "5d", "visits": "20d", "hits": "15d", "sessions": "1d"},
)


def test_nobody_is_listed_by_it(build):
    for seed, keep in enumerate(KEEPS):
        now = int(time.time())
        with Installation(build, config=OLD, zones=ZONES) as t:
            load(t, story(seed, now))
            exporter = t.start("trapexport")
            moments = [stamp(now + d * DAY) for d in (0, 3, 20)]
            before = [t.run("dump", "--as-of", m).stdout for m in moments]
            assert len(listed(before[0])) > 5, "the story lists nobody"
            t.conf.write_text(t.conf.read_text() + retention(**keep))
            t.start("trapweb", "trapsmtp")
            settled(t, 1)
            marks = lambda: t.sql("derived", "SELECT seq FROM mark WHERE log = 9")  # noqa: E731
            changes = [t.sql(f, "SELECT coalesce(max(value), 0) FROM meta WHERE name = 'erasures'")[0][0] for f in ("visits", "hits")]
            wait_for("evidence made anew", lambda: marks() == [(changes[0] << 32 | changes[1],)], 30)
            after = [t.run("dump", "--as-of", m).stdout for m in moments]
            for was, now_is in zip(before, after):
                new = listed(now_is) - listed(was)
                assert not new, f"seed {seed}: listed by an erasure: {new}"
            assert after[0] != before[0]
            # folded live, and from the logs
            assert t.stop(exporter) == 0
            t.run("rebuild")
            assert t.run("dump", "--as-of", moments[0]).stdout == after[0], "made anew"
            if "visitor_ip" in keep:
                check_truncated(t, before[0], after[0], int(keep["visitor_ip"][:-1]), now)
            t.close_daemons()


def check_truncated(t, before, after, days, now):
    """Nobody's address from before is there any more, but the sources are."""
    full = t.sql("visits", "SELECT min(at_us) FROM visit WHERE length(client) IN (4, 16)")[0][0]
    step = min(days * DAY / 12, 7 * DAY)
    assert full / 1e6 >= now - days * DAY - step - 60
    assert t.sql("visits", "SELECT count(*) FROM visit WHERE length(client) IN (3, 6)")[0][0] > 0
    assert all(int(v["visited"]) >= full for v in rows(after, "link"))
    assert all(int(v["first"]) >= full for v in rows(after, "visitor"))
    assert len(rows(after, "link")) < len(rows(before, "link"))


def test_killed(build):
    now = int(time.time())
    events = story(9, now, visits=900, hits=900)
    keep = {"visitor_ip": "9d", "visits": "21d", "hits": "21d", "sessions": "3d", "attempts": "9d"}
    dumps = []
    for kill in (False, True):
        with Installation(build, config=OLD, zones=ZONES) as t:
            keys = pathlib.Path(t.top / "keys-of-the-first")
            load_keys(t, dumps)
            load(t, events)
            t.conf.write_text(t.conf.read_text() + retention(**keep))
            r = random.Random(5)
            for _ in range(8 if kill else 0):
                p = t.start("trapweb"), t.start("trapsmtp")
                time.sleep(0.9 + r.random() * 0.25)
                for one in p:
                    one.send_signal(signal.SIGKILL)
                    one.wait()
                    t.processes.remove(one)
            t.start("trapweb", "trapsmtp")
            settled(t, 5)
            t.close_daemons()
            dumps.append((t.run("dump", "--as-of", stamp(now)).stdout, keys_of(t)))
            assert t.run("verify", "--full").returncode == 0
            left = {f: t.sql(f, "SELECT count(*) FROM hit_rcpt WHERE hit NOT IN (SELECT seq FROM hit)")[0][0] for f in ("hits",)}
            assert left == {"hits": 0} and not keys.exists()
    assert dumps[0][0] == dumps[1][0], "killed or not: the same in the end"


def keys_of(t):
    return {p.name: p.read_bytes() for p in (t.dir / "keys").iterdir()}


def load_keys(t, dumps):
    for name, data in (dumps[0][1] if dumps else {}).items():
        (t.dir / "keys" / name).write_bytes(data)


def test_upgrade(build):
    """Files of the schemas before: `trapline run` brings each up to date, and all goes on."""
    with Installation(build) as t:
        load(t, story(3, int(time.time()), visits=20, hits=20))
        before = t.run("dump", "--as-of", stamp(time.time() - 60)).stdout.splitlines()[1:]
        for name, version, sql in (("visits", 1, "DROP TABLE erasure"), ("hits", 2, "DROP TABLE erasure"),
                                   ("acts", 1, "DROP INDEX act_rules; DROP INDEX act_lookups")):
            db = sqlite3.connect(t.dir / f"{name}.db")
            db.executescript(f"{sql}; PRAGMA user_version = {version}; PRAGMA wal_checkpoint(TRUNCATE)")
            db.close()
        assert t.run("status", check=False).returncode != 0
        run = t.start()
        assert t.get("/", client="81.2.3.4")[0] == 200
        assert t.stop(run) == 0
        assert t.run("dump", "--as-of", stamp(time.time() - 60)).stdout.splitlines()[1:] == before
        versions = [t.sql(name, "PRAGMA user_version")[0][0] for name in ("visits", "hits", "acts")]
        assert versions[0] >= 2 and versions[1] >= 3 and versions[2] >= 2, versions


def test_traffic(build):
    """Pages and mail while 5,000 records go; what they waited at the longest is printed."""
    now = int(time.time())
    events = [{"event": "visit", "at": stamp(now - 30 * DAY + i), "client": f"81.{i % 200 + 1}.{i // 256 % 256}.{i % 250 + 1}", "recipe": ["link"]}
              for i in range(5000)]
    with Installation(build, web='commit_deadline = "10s"', config=retention(visitor_ip="9d")) as t:
        load(t, events)
        t.start("trapweb", "trapsmtp")
        begin = time.monotonic()
        waits, done = [], False
        while not done or len(waits) < 50:
            at = time.monotonic()
            page = t.get("/", client=f"82.1.{len(waits) // 200}.{len(waits) % 200 + 1}")[2]
            waits.append(time.monotonic() - at)
            assert extract(page), "a page without addresses"
            if len(waits) % 20 == 0:
                assert t.mail(extract(page)[0], "89.1.1.1") == 250
            done = t.sql("visits", "SELECT count(*) FROM visit WHERE length(client) = 4 AND seq <= 5000")[0][0] == 0
            assert time.monotonic() - begin < 240
        print(f"5,000 clients truncated in {time.monotonic() - begin - 1:.1f} s beside {len(waits)} pages; "
              f"longest page {max(waits) * 1000:.0f} ms, median {sorted(waits)[len(waits) // 2] * 1000:.1f} ms")
        assert t.sql("visits", "SELECT records FROM erasure") == [(5000,)]


if __name__ == "__main__":
    assert os.path.isdir(sys.argv[1])
    sys.exit(run_tests(globals()))
