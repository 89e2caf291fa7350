"""`trapline dump --events` and `trapline import --events`: a log with its own clock goes out and in again and gives the same evidence and
listings; a written log needs no addresses of its own; what is wrong is said with its line."""
import json
import pathlib
import shutil
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from testlib import Installation, extract, run_tests  # noqa: E402


def now():
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def at(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(1780000000 + seconds))


def lines(events):
    return "".join(json.dumps(e) + "\n" for e in events).encode()


def take(t, events, check=True):
    return t.run("import", "--events", "-", input=events if isinstance(events, bytes) else lines(events), check=check)


def copy_of(build, t, config=""):
    other = Installation(build, config=config)
    shutil.copytree(t.dir / "keys", other.dir / "keys", dirs_exist_ok=True)
    return other


OLD = 'trap_domain "old.test" { class = "recycled"  unknown = "accept" }\n'


def test_round_trip(build):
    with Installation(build, web='commit_deadline = "10s"', config=OLD, smtp='hits_per_sender_hour = 3  auth = "on"') as t:
        daemons = t.start()
        for i in range(12):
            page = t.get(f"/p{i % 3}?q=%E4", client=f"81.{i % 4}.2.{i + 1}" if i % 3 else f"2a02:cf40:{i:x}::9", agent=None if i == 5 else "A\xff")[2]
            taken = [a for a in extract(page) if a.endswith("@trap.test")]
            for j in range(2):
                assert t.mail(taken[j], f"89.160.{j}.{i % 3 + 1}", helo="h&lo.example") == 250
        assert t.mail(["hans@old.test", taken[0]], "175.16.199.37") == 250
        with t.smtp("175.16.199.38") as s:
            s.expect("AUTH PLAIN AGFiYwBzZWNyZXQ=", 535)
            s.expect("MAIL FROM:<>", 250)
            s.expect("RCPT TO:<eva@old.test>", 250)
            s.expect("DATA", 354)
        t.run("delist", "89.160.1.1", "--why", "asked: \x1f")
        t.run("trap", "add", "sales@shop.test", "pristine")
        time.sleep(1.1)
        as_of = now()
        events = t.run("dump", "--events").stdout  # while all of it runs
        refused = take(t, b"", check=False)
        assert refused.returncode == 75 and b"a daemon runs" in refused.stderr, refused
        assert t.stop(daemons) == 0
        kinds = {json.loads(line).get("event") for line in events.splitlines()}
        assert kinds == {None, "visit", "epoch", "hit", "session", "counter", "act"}, kinds
        dump = t.run("dump", "--as-of", as_of).stdout
        assert b"listing" in dump and b"link" in dump and b"attempt" in dump
        with copy_of(build, t, OLD) as other:
            take(other, events)
            assert other.run("dump", "--as-of", as_of).stdout == dump, "the same evidence and listings"
            # but for the moment at which it was asked
            again = other.run("dump", "--events").stdout
            assert again.splitlines()[1:] == events.splitlines()[1:], "and the same log"
            listed = other.run("trap", "list").stdout
            assert b"sales@shop.test" in listed, "daemons know the traps"
            other.start()
            page = other.get("/", client="81.9.9.9")[2]
            assert other.mail(extract(page)[0], "89.1.1.1") == 250, "and the installation goes on"


STORY = [
    {"event": "visit", "at": at(0), "client": "81.2.69.160", "site": "www.a.example", "page": "/", "agent": "bot",
     "recipe": ["link", "comment"]},
    {"event": "visit", "at": at(60), "client": "2a02:cf40::1", "recipe": ["link"], "flags": ["proxied"]},
    {"event": "hit", "at": at(86400), "sender": "89.160.20.112", "helo": "h.example", "from": "a@b.example",
     "rcpt": [{"visit": 1, "domain": "trap.test"}]},
    {"event": "hit", "at": at(86460), "sender": "89.160.20.112", "rcpt": [{"visit": 1, "slot": 1, "domain": "trap.test"},
                                                                        {"visit": 2, "domain": "trap.test"}]},
    {"event": "hit", "at": at(90000), "sender": "89.160.20.113", "rcpt": [{"class": "pristine", "address": "sales@shop.test"}]},
    {"event": "session", "at": at(90000), "client": "89.160.20.114", "attempt_class": "pristine", "attempt_address": "sales@shop.test"},
    {"event": "act", "at": at(95000), "kind": "delist", "subject": "89.160.20.113", "who": "me", "why": "asked"},
]


def test_story(build):
    with Installation(build) as t:
        take(t, STORY[:4])
        take(t, STORY[4:])  # goes on behind what is there
        dump = t.run("dump", "--as-of", at(96000)).stdout.decode()
        assert dump.count("\nlink ") == 3, dump
        assert dump.count("class=minted") == 2, dump
        listed = [line for line in dump.splitlines() if line.startswith("listing") and "kind=senders" in line]
        assert len(listed) == 1 and "prefix=89.160.20.112" in listed[0], listed
        before = t.run("dump", "--as-of", at(90001)).stdout.decode()
        assert "prefix=89.160.20.113" in before, "before it was delisted"
        # an epoch of its own: the next visit is its first
        take(t, [{"event": "epoch", "epoch": 3, "at": at(97000)}, {"event": "visit", "at": at(97000), "client": "81.2.70.1", "recipe": ["link"]},
                 {"event": "hit", "at": at(98000), "sender": "89.160.20.115", "rcpt": [{"visit": 3, "domain": "trap.test"}]}])
        assert t.sql("visits", "SELECT epoch, first_seq FROM epoch") == [(1, 1), (3, 3)]
        dump = t.run("dump", "--as-of", at(98001)).stdout.decode()
        assert "sender=89.160.20.115" in dump and "pending" not in dump, dump


WRONG = [
    ([{"event": "visit", "at": at(0), "client": "81.2.69.160", "colour": 1}], '"colour"'),
    ([{"event": "visit", "at": at(0)}], "missing"),
    ([{"event": "visit", "client": "81.2.69.160"}], "missing"),
    ([{"event": "visit", "at": at(0), "client": "81.2.69.300"}], '"client"'),
    ([{"event": "visit", "at": "soon", "client": "81.2.69.160"}], '"at"'),
    ([{"event": "visit", "at": at(0), "client": "81.2.69.160", "recipe": ["magic"]}], '"recipe"'),
    ([{"event": "visit", "at": at(0), "client": "81.2.69.160", "recipe": ["link"] * 9}], '"recipe"'),
    ([{"event": "visit", "at": at(0), "client": "81.2.69.160", "flags": ["blue"]}], '"flags"'),
    ([{"event": "visit", "at": at(0), "client": "81.2.69.160", "page": {"hex": "4"}}], '"page"'),
    ([{"event": "visit", "at": at(0), "client": "81.2.69.160", "seq": 1}] * 2, ":2: "),
    ([{"event": "hit", "at": at(0), "sender": "1.2.3.4", "rcpt": []}], '"rcpt"'),
    ([{"event": "hit", "at": at(0), "sender": "1.2.3.4", "rcpt": [{"class": "minted"}]}], '"class"'),
    ([{"event": "hit", "at": at(0), "sender": "1.2.3.4", "rcpt": [{"visit": 9, "domain": "trap.test"}]}], "no visit 9"),
    ([{"event": "hit", "at": at(0), "sender": "1.2.3.4", "rcpt": [{"visit": 1, "slot": 8, "domain": "trap.test"}]}], "rcpt"),
    ([{"event": "hit", "at": at(0), "sender": "1.2.3.4", "digest": "12", "rcpt": [{"class": "typo", "address": "a@b.c"}]}], '"digest"'),
    ([{"event": "epoch", "epoch": 1, "first": 7}], ":1: "),
    ([{"event": "dance"}], "visit, epoch"),
    ([{"trapline-events": 2}], "newer"),
    ([{"trapline-events": 1, "node": 9}], "node 9"),
    (b"hello\n", "no JSON object"),
    (b'{"event":"act","event":"act"}\n', "no JSON object"),
    (b"[1]\n", "visit, epoch"),
]


def test_wrong(build):
    with Installation(build) as t:
        for events, words in WRONG:
            done = take(t, events, check=False)
            assert done.returncode not in (0, 70, 139, -11) and words in done.stderr.decode(), (events, done)
        assert t.run("import", check=False).returncode == 64
        assert t.run("import", "--events", "/nowhere", check=False).returncode == 64
        assert t.json("import", "--events", "/dev/null")["visit"] == 0


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
