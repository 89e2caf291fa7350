"""Real requests in, addresses harvested from the pages that came back, real spam delivered to them: who is listed is known beforehand.

Data: a folder with access_log/apache_access.log, spam/manifest.tsv and lists/*googlebot*.txt (TRAPLINE_TEST_DATA, default ../shared/data
beside the source). Skipped where it is absent; test_chain.py always runs with fixtures of the project's own.
Known beforehand: tests/fixtures/real/listed.txt names every address that must be listed, never.txt the hosts of mailing lists and
forwarders among the senders, which this test puts on the never-list.
"""
import collections
import contextlib
import csv
import pathlib
import re
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from dns_client import Resolver  # noqa: E402
from testlib import Installation, extract, skip, wait_for  # noqa: E402
import os  # noqa: E402

build, source = sys.argv[1], pathlib.Path(sys.argv[2])
data = pathlib.Path(os.environ.get("TRAPLINE_TEST_DATA", source.parent / "shared" / "data"))
if not (data / "spam" / "manifest.tsv").exists():
    skip(f"no real data in {data}")
if not shutil.which("rbldnsd") and not pathlib.Path("/usr/sbin/rbldnsd").exists():
    skip("rbldnsd is not installed")

LOG_LINE = re.compile(r'^(\S+) \S+ \S+ \[[^\]]*\] "(\S+) (\S+)[^"]*" \d+ \S+ "[^"]*" "([^"]*)"')
ZONE = "bl.trap.test"
NO_IP_CLIENT = "198.41.0.4"  # stands for the five messages without an address: it must be listed as well


def plain_lines(path):
    return [line.split("#")[0].strip() for line in path.read_text().splitlines() if line.split("#")[0].strip()]


def requests():
    for line in (data / "access_log" / "apache_access.log").read_text(errors="replace").splitlines():
        m = LOG_LINE.match(line)
        if m:
            yield m.groups()


def is_page(path):
    """A path that can only be a page: no query, no file name, or one that ends in .html."""
    name = path.rsplit("/", 1)[-1]
    return path.startswith("/") and "?" not in path and ("." not in name or name.endswith(".html")) and "robots" not in name


def harvest(t):
    """Every request of the log, in the log's order for each client; {client: [addresses]}."""
    by_client = collections.OrderedDict()
    for client, method, path, agent in requests():
        by_client.setdefault(client, []).append((method, path, agent))

    def one(item):
        client, asked = item
        taken = []
        for method, path, agent in asked:
            path = path if path.startswith("/") else "/"
            status, _, body = t.get(path, client=client, agent=agent, method=method if method in ("GET", "HEAD") else "GET")
            assert status < 500, (path, status)
            taken += [a for a in extract(body) if a.endswith("@trap.test")]
        return client, list(dict.fromkeys(taken))

    with ThreadPoolExecutor(16) as pool:
        return dict(pool.map(one, by_client.items())), sum(len(v) for v in by_client.values())


def deliver(t, addresses):
    """The 500 messages, each from its own address, to the harvested addresses in turn; [(client, address)]."""
    rows = list(csv.DictReader(open(data / "spam" / "manifest.tsv", encoding="utf-8"), delimiter="\t"))
    jobs = [(r, addresses[i % len(addresses)]) for i, r in enumerate(rows)]

    def one(job):
        r, address = job
        client = r["ip"] or NO_IP_CLIENT
        body = (data / "spam" / r["file"]).read_bytes()
        sender = r["mail_from"] if re.fullmatch(r"[!-~]+@[!-~]+", r["mail_from"] or "") else ""
        helo = r["helo"] if re.fullmatch(r"[A-Za-z0-9.-]+", r["helo"] or "") else "unknown.example"
        code = t.mail(address, client, sender, body, helo)
        assert code == 250, (r["file"], code)
        return client, address

    with ThreadPoolExecutor(16) as pool:
        return list(pool.map(one, jobs))


def expected_harvesters(sent, taken):
    """By the rule: two senders, or two addresses mailed."""
    owner = {a: client for client, addresses in taken.items() for a in addresses}
    senders, mailed = collections.defaultdict(set), collections.defaultdict(set)
    for client, address in sent:
        senders[owner[address]].add(client)
        mailed[owner[address]].add(address)
    return {h for h in senders if len(senders[h]) >= 2 or len(mailed[h]) >= 2}


def reverse(ip):
    return ".".join(reversed(ip.split(".")))


def main():
    never = plain_lines(source / "tests/fixtures/real/never.txt")
    listed = set(plain_lines(source / "tests/fixtures/real/listed.txt")) | {NO_IP_CLIENT}
    google = [data / "lists" / f for f in ("googlebot.txt", "crawler-googlebot.txt")]
    config = ('never_list = {' + ", ".join(f'"{ip}/32"' for ip in never) + '}\n'
              'crawler_files = {' + ", ".join(f'"{p}"' for p in google) + '}\n')
    with Installation(build, config=config, web='visits_per_hour = 100000\ncommit_deadline = "10s"', smtp='hits_per_sender_hour = 0') as t:
        t.start()
        taken, asked = harvest(t)
        visits = t.sql("visits", "SELECT count(*) FROM visit")[0][0]
        givers = [c for c in taken if taken[c]]
        print(f"{asked} requests of {len(taken)} clients, {visits} visits, {sum(map(len, taken.values()))} addresses taken by {len(givers)} clients")
        askers = {client for client, method, path, _ in requests() if method == "GET" and is_page(path)}
        assert askers <= set(givers), ("every client that asked for a page must get bait", sorted(askers - set(givers))[:5])

        # Googlebot first, so that its addresses are certainly mailed; then the first address of each client, then the second.
        googlebots = [c for c in givers if c.startswith("66.249.7")]
        assert len(googlebots) == 3
        order = googlebots + [c for c in givers if c not in googlebots]
        pairs = [a for c in order for a in taken[c][:2]][:250]
        sent = deliver(t, pairs)
        assert t.sql("hits", "SELECT count(*) FROM hit")[0][0] == 500, "every message that got 250 is in the store"
        assert len(set(c for c, _ in sent)) == 318

        harvesters = expected_harvesters(sent, taken)
        must_harvest = harvesters - set(googlebots)
        assert set(googlebots) <= harvesters, "without the crawler ranges they would be listed"

        zone = t.dir / "zones" / "current" / f"{ZONE}.combined"
        wanted = {*listed, *(f".{reverse(h)}" for h in must_harvest)}
        wait_for("the fold is done", lambda: all(log["folded"] == log["last"] for log in t.json("status")["logs"]), 60)
        with contextlib.suppress(AssertionError):  # rbldnsd is asked all the same, and says which are missing
            wait_for("all are on the zone", lambda: wanted <= {line.split(" ")[0] for line in zone.read_text().splitlines()})
        t.serve(f"{ZONE}:combined:{ZONE}.combined")
        dns = Resolver(t.dns_port)
        wait_for("rbldnsd answers", lambda: dns.ask(f"2.0.0.127.{ZONE}", "A"))

        wrong = []
        for ip in sorted(listed):
            a, txt = dns.ask(f"{reverse(ip)}.{ZONE}", "A"), dns.ask(f"{reverse(ip)}.{ZONE}", "TXT")
            if a != ["127.0.0.2"] or not txt:
                wrong.append(("not listed", ip, a, txt))
        for ip in sorted((set(never) | set(taken)) - listed):
            a = dns.ask(f"{reverse(ip)}.{ZONE}", "A")
            if a:
                wrong.append(("listed", ip, a))
        for ip in must_harvest:
            a = dns.ask(f"{reverse(ip)}.harvesters.{ZONE}", "A")
            if not a or not re.fullmatch(r"127\.\d+\.\d+\.2", a[0]):
                wrong.append(("harvester not listed", ip, a))
        for ip in (set(taken) | listed) - must_harvest:
            a = dns.ask(f"{reverse(ip)}.harvesters.{ZONE}", "A")
            if a:
                wrong.append(("listed as harvester", ip, a))
        assert not wrong, (len(wrong), wrong[:10])

        senders_in_zone = {line.split()[0] for line in zone.read_text().splitlines() if re.match(r"^\d+\.\d+\.\d+\.\d+(\s|$)", line)} - {"127.0.0.2"}
        assert senders_in_zone == listed, (senders_in_zone ^ listed)

        for ip in sorted(listed)[:20] + sorted(listed)[-20:]:
            doc = t.json("explain", ip)
            states = [z["state"] for z in doc["sender"]["zones"]]
            assert states == ["listed"], (ip, doc["sender"]["zones"])
            visit = doc["sender"]["hits"][0]["recipients"][0]["visit"]
            assert visit["client"] in taken, visit
        for ip in sorted(must_harvest)[:20]:
            doc = t.json("explain", ip)
            assert [z["state"] for z in doc["harvester"]["zones"]] == ["listed"], doc["harvester"]["zones"]
            assert doc["harvester"]["links"], ip
        saves = {row[0] for row in t.sql("published", "SELECT count(*) FROM change WHERE kind = 3")}
        print(f"500 messages of 318 senders: {len(listed)} listed, {len(never)} kept off by the never-list; "
              f"{len(must_harvest)} harvesters listed, 3 Googlebots not; saves on record: {saves}")


main()
