"""Attacks on the lists, each under the three presets. What must come out stands in the table "What attacks bring" of docs/listing-policy.md:
this test reads it there. Most are logs with a clock of their own (`trapline import --events`); what mail is by its structure says a sink."""
import datetime
import ipaddress
import json
import os
import pathlib
import random
import re
import shutil
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from testlib import Installation, extract, run_tests  # noqa: E402
if os.access("/dev/shm", os.W_OK) and shutil.disk_usage("/dev/shm").free > 4 << 30:
    tempfile.tempdir = "/dev/shm"   # nothing here asks for durability: some thirty installations, without the disk

PRESETS = ("aggressive", "standard", "conservative")
BEGIN = datetime.datetime(2026, 3, 1, tzinfo=datetime.timezone.utc)
HOUR, DAY = 3600, 86400
SLOTS = ["link", "comment"] * 4
NETS = 'escalate = {"5 of /32 in /24", "4 of /64 in /56", "4 of /56 in /48"}'
FORGER = "45.9.9.9"


def config(delay='listing_delay = "0"'):
    return "".join(f'policy "{p}" {{ preset = "{p}"  {delay}  {NETS} }}\n' + "".join(
        f'zone "{kind}.{p}.example" {{ kind = "{kind}"  policy = "{p}" }}\n' for kind in ("senders", "harvesters", "backscatter", "nets"))
        for p in PRESETS)


def moment(seconds):
    return (BEGIN + datetime.timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def documented():
    """{attack: {preset: what comes of it}} from the table."""
    text = (pathlib.Path(sys.argv[2]) / "docs/listing-policy.md").read_text().split("## What attacks bring")[1].split("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    return {row[0]: dict(zip(PRESETS, row[1:4])) for row in rows[2:]}


TABLE, seen = documented(), set()


def expect(attack, found):
    assert TABLE[attack] == found, (attack, "the table says", TABLE[attack], "what comes is", found)
    seen.add(attack)


class Log:
    """A log that is written down, and what it leads to."""

    def __init__(self):
        self.events, self.visits, self.now = [], 0, 0

    def visit(self, client, at, flags=()):
        self.visits += 1
        self.events.append({"event": "visit", "at": moment(at), "client": client, "site": "www.a.example", "page": "/", "recipe": SLOTS,
                            "flags": list(flags)})
        self.now = max(self.now, at)
        return self.visits

    def hit(self, sender, at, *rcpt, flags=()):
        self.events.append({"event": "hit", "at": moment(at), "sender": sender, "from": "a@b.example", "rcpt": list(rcpt),
                            "flags": sorted(flags)})
        self.now = max(self.now, at)

    def taint(self, subject):
        self.events.append({"event": "act", "at": moment(0), "kind": "taint", "subject": subject, "who": "test", "why": "it lies"})

    def listings(self, build, later=60, delay='listing_delay = "0"', keys=None, keep=None):
        """{(preset, kind): {prefix: fields}}, so many seconds behind the last event."""
        with Installation(build, config=config(delay), zones="") as t:
            if keys:
                shutil.copytree(keys, t.dir / "keys", dirs_exist_ok=True)
            if keep:
                shutil.copytree(t.dir / "keys", keep, dirs_exist_ok=True)
            t.run("import", "--events", "-", input="".join(json.dumps(e) + "\n" for e in self.events).encode())
            return parse(t.run("dump", "--as-of", moment(self.now + later)).stdout)


def parse(dump):
    out = {(p, kind): {} for p in PRESETS for kind in ("senders", "harvesters", "backscatter", "nets")}
    for line in dump.decode().splitlines():
        if line.startswith("listing "):
            row = dict(re.findall(r"(\w+)=(\S+)", line))
            out[(row["policy"], row["kind"])][row["prefix"]] = row
    return out


def slot(visit, n=0):
    return {"visit": visit, "slot": n, "domain": "trap.test"}


def trap(n, klass="pristine"):
    return {"class": klass, "address": f"t{n}@shop{n}.example"}


def net(i):
    """One address of each network."""
    return f"81.{i // 250}.{i % 250}.7"


def result(found, who, kind="senders", listed="listed", nobody="nobody"):
    """A cell of the table for each preset: all of `who` and nobody else are listed, or nobody at all."""
    out = {}
    for p in PRESETS:
        names = {x for x in found[(p, kind)]}
        assert names in (set(), set(who)), (p, kind, sorted(names)[:5], len(names))
        out[p] = listed if names else nobody
    return out


def only(found, *kinds):
    """There is nothing in the other kinds."""
    for (p, kind), rows in found.items():
        assert kind in kinds or not rows, (p, kind, list(rows)[:5])


# ---- what mail is ----

DSN = ("From: MAILER-DAEMON@mx.example\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\n\r\nfailed\r\n--b\r\n"
       "Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example\r\n\r\nFinal-Recipient: rfc822; a@b.example\r\nAction: failed\r\n"
       "Status: 5.1.1\r\n\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nReceived: x\r\nMessage-ID: <1@x>\r\nFrom: <%s>\r\n\r\nx\r\n--b--\r\n")
FAKE = ("From: shop@y.example\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\n\r\nBuy now.\r\n--b--\r\n")
CONFIRM = ("From: news@y.example\r\nSubject: Please confirm your subscription\r\n%s\r\nSomebody, we hope you, asked for our newsletter. "
           "https://y.example/confirm?x=1\r\n")
MAIL = {    # name: reverse-path, content
    "spam": ("a@b.example", "Subject: buy\r\n\r\nBuy now.\r\n"),
    "spam from nobody": ("", "Subject: buy\r\n\r\nBuy now.\r\n"),
    "fake report": ("", FAKE),
    "bounce": ("", DSN % "x@y.example"),
    "proof": ("", DSN % "one@shop.example"),
    "newsletter": ("a@b.example", "List-Id: <news.y.example>\r\nSubject: news\r\n\r\nNews.\r\n"),
    "confirmation": ("a@b.example", CONFIRM % ""),
    "marked confirmation": ("a@b.example", CONFIRM % "Auto-Submitted: auto-generated\r\n"),
}
marks = {}    # by name: the flags of it
MEANT = {"null_sender", "auto_submitted", "report", "list_header", "automatic", "backscatter"}


def test_marks(build):
    """What the sink says of each: the logs below are made of it."""
    with Installation(build, config='trap "one@shop.example" { class = "pristine" }\n') as t:
        daemon = t.start("trapsmtp")
        for reverse_path, content in MAIL.values():
            assert t.mail("one@shop.example", "45.9.1.1", reverse_path, content.encode()) == 250
        assert t.stop(daemon) == 0
        hits = [e for e in map(json.loads, t.run("dump", "--events").stdout.splitlines()) if e.get("event") == "hit"]
        marks.update({name: MEANT & set(hit.get("flags", [])) for name, hit in zip(MAIL, hits, strict=True)})
    assert marks["spam"] == marks["confirmation"] == set() and marks["proof"] >= {"automatic", "backscatter"}, marks


# ---- a victim's own server ----

def test_form(build):
    """All addresses of one page in the forms of one server."""
    for attack, days, mark in (("all addresses of one page in a victim's form, not confirmed", 1, "confirmation"),
                               ("one page, confirmed: a newsletter a day for a month", 30, "spam"),
                               ("one page, confirmed, with the header of a list", 30, "newsletter")):
        log = Log()
        v = log.visit(net(1), 0)
        for day in range(days):
            for n in range(8):
                log.hit("45.9.1.1", 3 * DAY + day * DAY + n, slot(v, n), flags=marks[mark])
        found = log.listings(build)
        only(found, "senders", "harvesters")
        taken = [net(1)] if days == 1 else []     # who took the addresses, until a month after
        assert all(list(found[(p, "harvesters")]) == taken for p in PRESETS), found
        expect(attack, result(found, ["45.9.1.1"], listed="the server"))


def test_two_networks(build):
    """One visitor comes from two networks, waits, and types one address of each into a form."""
    log = Log()
    for v in (log.visit(net(1), 0), log.visit(net(2), 0)):
        log.hit("45.9.1.1", 3 * DAY, slot(v), flags=marks["confirmation"])
    found = log.listings(build)
    only(found, "senders")
    expect("one address of each of two pages, taken from two networks, in a victim's form", result(found, ["45.9.1.1"], listed="the server"))


def test_thousand_traps(build):
    """Taken by 125 visitors of as many networks, and by a victim's one server mailed to all."""
    for attack, age, days, mark in (("1,000 traps in a victim's form, not confirmed", 30 * DAY, 1, "confirmation"),
                                    ("1,000 traps, taken within the last two days", HOUR, 1, "confirmation"),
                                    ("1,000 traps, confirmed: three newsletters in three days", 30 * DAY, 3, "spam"),
                                    ("1,000 traps, confirmed, with the header of a list", 30 * DAY, 3, "newsletter")):
        log = Log()
        visits = [log.visit(net(i), 40 * DAY - age) for i in range(125)]
        for day in range(days):
            for i, v in enumerate(visits):
                for n in range(8):
                    log.hit("45.9.1.1", (40 + day) * DAY + 8 * i + n, slot(v, n), flags=marks[mark])
        found = log.listings(build, later=HOUR)
        only(found, "senders", "harvesters")
        expect(attack, result(found, ["45.9.1.1"], listed="the server"))


def test_joe_job(build):
    """A thousand servers return what was sent in the name of traps: two bounces each, or eight, to two traps."""
    servers = [f"45.{20 + i // 250}.{i % 250}.1" for i in range(1000)]
    for attack, mark, each in (("joe job: 1,000 servers return two messages each, with proof", "proof", 2),
                               ("joe job, without proof", "bounce", 2), ("joe job, without proof, eight from each", "bounce", 8)):
        log = Log()
        for i, server in enumerate(servers):
            for n in range(each):
                log.hit(server, i, trap(n % 2), flags=marks[mark])
        found = log.listings(build)
        only(found, "senders", "backscatter")
        expect(attack, result(found, servers, listed="all of them"))
        if mark == "proof":
            expect("the same: zone of backscatter", result(found, servers, "backscatter", listed="all of them"))
        else:
            only(found, "senders")


# ---- framing ----

def test_fetchers(build):
    """Who takes addresses through a crawler, a translator and a previewer, and mails them himself: he is listed, they are not."""
    fetchers = ["66.249.66.1", "66.102.8.1", "69.63.176.1"]
    log, one = Log(), Log()
    for i, address in enumerate(fetchers):
        v = log.visit(address, i, ["crawler"])
        for n in range(8):
            log.hit(FORGER, 10 * DAY + n, slot(v, n))
            log.hit("45.9.8.8", 11 * DAY + n, slot(v, n))
    v = one.visit(fetchers[0], 0, ["crawler"])
    for n in range(8):
        one.hit(FORGER, 10 * DAY + n, slot(v, n))
    found = log.listings(build)
    only(found, "senders")
    expect("a crawler, a translator and a previewer framed: they", result(found, fetchers, "harvesters"))
    expect("… and who mails what he took through all three", result(found, [FORGER, "45.9.8.8"]))
    expect("… and who mails what he took through one", result(one.listings(build), [FORGER]))
    log = Log()
    v = log.visit(net(1), 0)
    for n in range(8):
        log.hit(FORGER, 10 * DAY + n, slot(v, n))
    expect("a fetcher that nobody has told of", result(log.listings(build), [net(1)], "harvesters"))


def test_fetchers_by_file(build):
    """The flag of the log above is what the web side makes of crawler_files."""
    with Installation(build, config=config(), zones="") as t:
        ranges = t.top / "fetchers.txt"
        ranges.write_text("66.249.64.0/19\n66.102.0.0/20\n69.63.176.0/20\n")
        t.conf.write_text(t.conf.read_text() + f'crawler_files = {{"{ranges}"}}\n')
        daemons = [t.start("trapweb"), t.start("trapsmtp")]
        for client in ("66.249.66.1", "66.102.8.1", "69.63.176.1", "81.2.69.160"):
            for address in [a for a in extract(t.get("/", client=client)[2]) if a.endswith("@trap.test")][:3]:
                assert t.mail(address, FORGER) == 250
        assert [t.stop(d) for d in daemons] == [0, 0]
        found = parse(t.run("dump").stdout)
        only(found, "senders", "harvesters")
        assert all(list(found[(p, "harvesters")]) == ["81.2.69.160"] for p in PRESETS), found


def test_hostile_node(build):
    """A node that writes visits of whomever it likes, and mails what they were never shown."""
    victims = [net(i) for i in range(100)]
    log = Log()
    visits = [log.visit(v, i) for i, v in enumerate(victims)]
    only(log.listings(build, later=DAY))
    expect("a node writes visits that nobody made", result(log.listings(build), victims, "harvesters"))
    for v in visits:
        for n in range(2):
            log.hit(FORGER, 10 * DAY, slot(v, n))
    found = log.listings(build)
    only(found, "senders", "harvesters")
    expect("… and mails two addresses of each visitor: the visitors", result(found, victims, "harvesters"))
    expect("… and itself, as the sender", result(found, [FORGER]))
    log.taint("node=1 visited-from=" + moment(0))
    only(log.listings(build))
    expect("… after a taint of that node", result(log.listings(build), victims, "harvesters"))


# ---- one address, one message ----

def test_snowshoe(build):
    four = [f"45.9.1.{i}" for i in range(1, 255)]
    six = [f"2a02:cf40:9:{i:x}::1" for i in range(0, 65536, 64)]
    inside = [f"2a02:cf40:8:1::{i:x}" for i in range(1, 1000)]
    for attack, senders, keys, network in (
            ("one message from each address of a /24", four, four, "45.9.1.0/24"),
            ("one message from each of 1,024 /64 of a /48", six, [str(ipaddress.ip_network(s + "/64", strict=False)) for s in six],
             "2a02:cf40:9::/48"),
            ("one message from each of 1,000 addresses of one /64", inside, ["2a02:cf40:8:1::/64"], None)):
        log = Log()
        for i, sender in enumerate(senders):
            log.hit(sender, i, trap(i % 100))
        found = log.listings(build)
        if network is None:
            expect(attack, result(found, keys, listed="its /64"))
            continue
        expect(attack, result(found, keys, listed="all of them"))
        expect(attack + ": zone of networks", result(found, [network], "nets", listed="the network"))


def test_guesser(build):
    """Well-formed guesses, as a domain that takes everything sees them; the time is too short for what reads as a visit to come."""
    r = random.Random(1)
    log, syllables = Log(), [c + v + d for c in "bdfgklmnprst" for v in "aeiou" for d in "lmnrst"]
    visits = [log.visit(net(i), i) for i in range(100)]
    for i in range(10000):
        name = r.choice(["anna", "peter", "maria", "tom"]) + "".join(r.choice(syllables) for _ in range(3)) + str(r.randrange(1000, 8081))
        log.hit("45.9.1.1", 10 * DAY + i, {"class": "guess", "address": f"{name}@trap.test"})
    found = log.listings(build)
    assert len(visits) == 100
    only(found, "senders")
    expect("10,000 guesses of well-formed addresses", result(found, ["45.9.1.1"], listed="the guesser"))


def test_washing(build):
    """One message from each of 1,000 rented addresses, to a trap each, and a question to the zone: what does the time of the answer tell?"""
    senders = [f"45.{40 + i // 250}.{i % 250}.1" for i in range(1000)]
    windows = {"aggressive": (0, 5), "standard": (10, 60), "conservative": (30, 120)}

    def run(traps, days, keys=None, keep=None, later=3 * HOUR):
        log = Log()
        for day in range(days):
            for i, sender in enumerate(senders):
                for n in range(2 * days - 1):
                    log.hit(sender, day * DAY, trap(traps + 3 * i + n))
        found = log.listings(build, later=later, delay="", keys=keys, keep=keep)
        only(found, "senders")
        return found, {p: {s: int(row["since"]) / 1e6 - BEGIN.timestamp() for s, row in found[(p, "senders")].items()} for p in PRESETS}

    keys = pathlib.Path(tempfile.mkdtemp(prefix="trapline-test."))
    try:
        found, since = run(0, 1, keep=keys)
        early = run(0, 1, keys=keys, later=1)[1]
        expect("one message from each of 1,000 rented addresses, and at once a look at the zone",
               {p: "nobody" if len(early[p]) < 20 else "listed" for p in PRESETS})     # 1 of 300 waits less than a second
        expect("… three hours later", result(found, senders, listed="all of them"))
        assert run(100000, 1, keys=keys)[1] == since, "other traps, the same times"
        assert run(0, 1)[1] != since, "another installation, other times"
        # Listed under all presets: six messages to six traps on two days. The delay runs from the message that was still missing.
        _, since = run(0, 2, keys=keys)
    finally:
        shutil.rmtree(keys)
    for preset, met in (("aggressive", 0), ("standard", 0), ("conservative", DAY)):
        begin, end = (60 * m for m in windows[preset])
        waits = [s - met for s in since[preset].values()]
        assert len(waits) == 1000 and min(waits) >= begin and max(waits) <= end, (preset, min(waits), max(waits))
        tenths = [sum(begin + (end - begin) * k / 10 <= w < begin + (end - begin) * (k + 1) / 10 for w in waits) for k in range(10)]
        assert min(tenths) > 50 and max(tenths) < 160, (preset, tenths)     # 100 each are expected: five standard deviations


# ---- what pretends ----

def test_pretended(build):
    """Twelve messages to six traps on two days from each of some addresses, in the dress of a bounce."""
    senders = [f"45.9.{i}.1" for i in range(10)]
    for attack, mark in (("spam with MAIL FROM:<>", "spam from nobody"), ("spam inside a fake report", "fake report"),
                         ("spam inside a whole report", "bounce"), ("spam inside a report that names the trap as author", "proof")):
        log = Log()
        for i, s in enumerate(senders):
            for day in range(2):
                for n in range(6):
                    log.hit(s, day * DAY + i, trap(n), flags=marks[mark])
        found = log.listings(build)
        if mark == "proof":
            expect("the same report: zone of backscatter", result(found, senders, "backscatter", listed="all of them"))
        else:
            only(found, "senders")
        expect(attack, result(found, senders, listed="all of them"))


def test_look_alikes(build):
    senders = [f"45.{60 + i // 250}.{i % 250}.1" for i in range(1000)]
    for attack, mark in (("10,000 look-alike confirmations from 1,000 addresses", "confirmation"),
                         ("look-alikes, each with Auto-Submitted", "marked confirmation")):
        log = Log()
        for i, s in enumerate(senders):
            for n in range(10):
                log.hit(s, (n % 2) * DAY + i, trap((7 * i + n) % 500), flags=marks[mark])
        found = log.listings(build)
        only(found, "senders")
        expect(attack, result(found, senders, listed="all of them"))


def test_postmaster(build):
    """Complaints list nobody, and take nobody off."""
    with Installation(build, config=config() + 'trap "one@shop.example" { class = "pristine" }\n', zones="") as t:
        daemon = t.start("trapsmtp")
        assert t.mail("one@shop.example", "45.9.1.1") == 250
        listed = {p: sorted(rows) for (p, kind), rows in parse(t.run("dump").stdout).items() if kind == "senders"}
        for i in range(12):
            assert t.mail(("postmaster", "abuse")[i % 2] + "@trap.test", f"45.9.{i}.1", body=b"Subject: remove me\r\n\r\nNow!\r\n") == 250
        assert t.stop(daemon) == 0
        found = parse(t.run("dump").stdout)
        only(found, "senders")
        assert listed == {p: sorted(found[(p, "senders")]) for p in PRESETS} == {"aggressive": ["45.9.1.1"], "standard": [], "conservative": []}
        assert t.sql("hits", "SELECT count(*) FROM hit") == [(1,)]
        expect("complaints to postmaster and abuse", {p: "nobody" for p in PRESETS})


def test_whole_table(build):
    """Last: each row of the table was held against what comes."""
    assert build and seen == set(TABLE), set(TABLE) ^ seen


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
