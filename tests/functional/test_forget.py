"""`trapline forget` and `export-subject`: what is on record of one subject, told without a trap, then gone from every file, with and without
daemons, also when the command or the daemons are killed meanwhile; and nobody is listed by it."""
import contextlib
import ipaddress
import json
import pathlib
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from testlib import Installation, extract, run_tests, wait_for  # noqa: E402

HARVESTER, SENDER, OTHER = "2a02:cf40:77:1::9", "2a02:d9c0:5:6::1", "89.160.7.7"


def events(day):
    at = lambda s: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(day + s))  # noqa: E731
    story = []
    for i in range(40):
        story.append({"event": "visit", "at": at(i), "client": HARVESTER if i % 2 else f"81.2.{i}.9", "recipe": ["link", "comment"],
                      "agent": "the agent of " + ("the subject" if i % 2 else "others"), "page": "/secret", "site": "www.bait.example"})
    for i in range(60):
        story.append({"event": "hit", "at": at(3600 + i), "sender": SENDER if i % 3 else OTHER, "helo": "mx.named.example" if i == 5 else "h",
                      "from": f"user{i}@sub.named.example" if i == 6 else "a@b.example", "rcpt": [{"visit": i % 40 + 1, "domain": "trap.test"}]})
    for i in range(30):
        story.append({"event": "session", "at": at(3600 + i), "client": SENDER if i % 2 else OTHER, "auth_attempts": 1,
                      "auth": [{"mechanism": "PLAIN", "user": "eva@named.example" if i == 4 else "root"}]})
    story.append({"event": "counter", "sender": SENDER, "hour": day // 3600 + 2, "count": 9, "first": at(7300), "last": at(7400)})
    story.append({"event": "act", "at": at(9000), "kind": "deny", "subject": "2a02:d9c0:5:6::/64", "who": "operator-name", "why": "spam"})
    story.append({"event": "act", "at": at(9001), "kind": "lookup", "subject": SENDER, "detail": "name=host.of.the.subject"})
    story.append({"event": "act", "at": at(9002), "kind": "lookup", "subject": OTHER, "detail": "name=other.example"})
    return story


def load(t):
    day = int(time.time()) - 86400
    t.run("import", "--events", "-", input="".join(json.dumps(e) + "\n" for e in events(day)).encode())


def dump(t):
    return t.run("dump", "--as-of", time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())).stdout.decode()


def listed(text):
    return {(x["policy"], x["kind"], x["prefix"]) for x in (dict(w.split("=", 1) for w in line.split()[1:])
            for line in text.splitlines() if line.startswith("listing "))}


def traces(t, address):
    """Files that still hold the address in some column, as 16 or 8 octets or as text. (A copy by VACUUM has no unused bytes.)"""
    packed = ipaddress.ip_address(address).packed
    found = []
    for name in ("visits", "hits", "samples", "acts", "derived"):
        copy = t.top / "copy.db"
        copy.unlink(missing_ok=True)
        with contextlib.closing(t.database(name)) as db:
            db.execute("VACUUM INTO ?", (str(copy),))
        data = copy.read_bytes()
        if packed in data or packed[:8] in data or address.encode() in data:
            found.append(name)
    return found


def check_export(t):
    told = t.run("export-subject", SENDER).stdout.decode()
    doc = json.loads(told)
    assert {k: len(doc[k]) for k in ("visits", "messages", "sessions", "counted", "acts")} == \
        {"visits": 0, "messages": 40, "sessions": 15, "counted": 1, "acts": 2}, told
    for secret in ("trap.test", "bait.example", "/secret", "operator-name", "127.0.0.1", OTHER):
        assert secret not in told, secret
    whole = t.run("export-subject", SENDER, "--operator").stdout.decode()
    assert "@trap.test" in whole and "operator-name" in whole
    visits = json.loads(t.run("export-subject", "2a02:cf40:77::/48").stdout)["visits"]
    assert len(visits) == 20 and visits[0]["agent"] == "the agent of the subject" and "page" not in visits[0]
    named = json.loads(t.run("export-subject", "named.example").stdout)
    assert len(named["messages"]) == 2 and len(named["sessions"]) == 1, named


def check_gone(t, before):
    after = dump(t)
    assert "2a02:cf40:77:1::/64" not in after and "2a02:d9c0:5:6" not in after.replace("prefix=2a02:d9c0:5:6::/64 key=2a02:d9c0:5:6::/64 reason=deny", ""), after
    assert "sender=" + OTHER in after
    sources = [line for line in after.splitlines() if line.startswith("evidence") and "sender=" + OTHER in line]
    assert sources == [line for line in before.splitlines() if line.startswith("evidence") and "sender=" + OTHER in line], "others' evidence stays"
    assert not listed(after) - listed(before)
    acts = t.sql("acts", "SELECT CAST(subject AS TEXT), CAST(detail AS TEXT) FROM act WHERE kind = 14")
    assert len(acts) == 2 and all(a[0].startswith("hash:") for a in acts) and acts[0][0] != acts[1][0], acts
    assert acts[0][1] == "visits=20 mail=0" and acts[1][1] == "visits=0 mail=56", acts
    assert not (t.dir / "snap" / "forget").exists()
    assert t.sql("acts", "SELECT count(*) FROM act WHERE kind = 12") == [(1,)]
    empty = json.loads(t.run("export-subject", SENDER).stdout)
    assert not empty["messages"] and not empty["sessions"] and not empty["counted"]


def test_without_daemons(build):
    with Installation(build) as t:
        load(t)
        t.run("rebuild")
        before = dump(t)
        check_export(t)
        assert traces(t, HARVESTER) and traces(t, SENDER)
        t.run("forget", HARVESTER, "--why", "asked by letter")
        done = t.json("forget", SENDER)
        assert done["mail"] == 56 and done["lookups"] == 1, done
        check_gone(t, before)
        assert not traces(t, HARVESTER) and not traces(t, SENDER), (traces(t, HARVESTER), traces(t, SENDER))
        t.run("rebuild")
        check_gone(t, before)


def test_with_daemons(build):
    with Installation(build, web='commit_deadline = "10s"') as t:
        load(t)
        before = dump(t)
        daemons = t.start()
        t.run("forget", HARVESTER)
        begin = time.monotonic()
        out = t.run("forget", SENDER).stdout.decode()
        print(f"forgotten in {time.monotonic() - begin:.1f} s")
        assert "Evidence was made anew" in out, out
        check_gone(t, before)
        page = t.get("/", client=HARVESTER)[2]  # he comes again: a visit like any other
        assert t.mail(extract(page)[0], SENDER) == 250
        assert len(json.loads(t.run("export-subject", SENDER).stdout)["messages"]) == 1
        t.run("forget", "named.example")
        named = json.loads(t.run("export-subject", "named.example").stdout)
        assert not named["messages"] and not named["sessions"], named
        t.run("forget", SENDER)
        t.run("forget", HARVESTER)
        assert t.stop(daemons) == 0
        assert not traces(t, HARVESTER) and not traces(t, SENDER), (traces(t, HARVESTER), traces(t, SENDER))


def test_killed(build):
    """The command, then the daemon, at some moments: the order stays and is carried out."""
    with Installation(build) as t:
        load(t)
        command = [str(t.bin / "trapline"), "forget", "-c", str(t.conf), SENDER]
        for ms in (5, 20, 40, 80, 160, 300):
            p = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                p.wait(ms / 1000)
            except subprocess.TimeoutExpired:
                p.send_signal(signal.SIGKILL)
                p.wait()
        ordered = (t.dir / "snap" / "forget").exists()
        if ordered:
            t.start("trapweb", "trapsmtp")  # without any command
            wait_for("the order", lambda: t.sql("hits", "SELECT count(*) FROM hit")[0][0] == 20 and
                     t.sql("visits", "SELECT count(*) FROM meta WHERE name = 'forget_done'")[0][0] == 1, 30)
        t.run("forget", SENDER)
        assert t.sql("hits", "SELECT count(*), (SELECT count(*) FROM session) FROM hit") == [(20, 15)]
        assert not (t.dir / "snap" / "forget").exists()
        t.close_daemons()


def test_refused(build):
    with Installation(build) as t:
        for word in ("", "x", "0.0.0.0/0", "81.0.0.0/8", "2a02::/16", "a b.example", "eva@named.example"):
            done = t.run("forget", word, check=False)
            assert done.returncode == 64 and done.stderr, (word, done)
        assert t.run("export-subject", "x", check=False).returncode == 64
        assert t.sql("acts", "SELECT count(*) FROM act WHERE kind = 14") == [(0,)]


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
