"""The whole path with fixtures of the project's own: visitor, address, mail, evidence, listing, a real rbldnsd; IPv4 and IPv6.

What must happen stands in the tables below. Addresses are global-looking, because special-use space is never listed (that is tested, too).
"""
import pathlib
import re
import shutil
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from dns_client import Resolver  # noqa: E402
from testlib import Installation, extract, recipe_address, skip, wait_for  # noqa: E402

ZONE = "bl.trap.test"
# visitor, page, user agent
VISITORS = [
    ("81.2.69.160", "/", "Wget/1.12 (linux-gnu)"),
    ("81.2.69.142", "/team", "Mozilla/5.0"),
    ("2a02:cf40:1::9", "/contact.html", "Mozilla/5.0"),
    ("66.249.73.135", "/", "Mozilla/5.0 (compatible; Googlebot/2.1)"),
    ("192.168.7.7", "/", "Mozilla/5.0"),
    ("2.125.160.216", "/", "Mozilla/5.0"),
]
# sender, whose address (index of VISITORS), which of it, is it listed?
MAILS = [
    ("89.160.20.112", 0, 0, True),
    ("175.16.199.37", 0, 0, True),
    ("2a02:d9c0:5:6:7:8:9:a", 0, 1, True),       # lists its /64
    ("202.196.224.1", 1, 0, True),
    ("67.43.156.1", 2, 0, True),
    ("216.160.83.56", 2, 1, True),
    ("89.160.20.128", 3, 0, True),
    ("175.16.199.99", 3, 0, True),
    ("10.1.2.3", 0, 0, False),                   # special-use
    ("2a02:d9c0:7:1::1", 0, 0, False),           # never-list: 2a02:d9c0:7::/48
    ("81.2.69.192", 1, 0, False),                # from the visitor's own network within 60 s: a test, not evidence
    ("203.0.113.9", 2, 0, False),                # documentation
]
HARVESTERS = {"81.2.69.160": True, "81.2.69.142": False, "66.249.73.135": False, "2.125.160.216": False}


def v4(ip):
    return ":" not in ip


def main():
    if not shutil.which("rbldnsd") and not pathlib.Path("/usr/sbin/rbldnsd").exists():
        skip("rbldnsd is not installed")
    build = sys.argv[1]
    with Installation(build, web='commit_deadline = "10s"', config='never_list = {"2a02:d9c0:7::/48"}\ncrawler_files = {"@CRAWLERS@"}\n') as t:
        crawlers = t.top / "crawlers.txt"
        crawlers.write_text("# published ranges\n66.249.64.0/19\n")
        t.conf.write_text(t.conf.read_text().replace("@CRAWLERS@", str(crawlers)))
        t.run("trap", "add", "sales@shop.example", "pristine")
        assert not any(d["running"] for d in t.json("status")["daemons"])
        t.start()
        wait_for("status tells that all run", lambda: all(d["running"] for d in t.json("status")["daemons"]))

        taken = []
        for client, page, agent in VISITORS:
            status, headers, body = t.get(page, client=client, agent=agent)
            assert status == 200 and "no-store" in headers.get("Cache-Control", ""), (client, status, headers)
            addresses = [a for a in extract(body) if a.endswith("@trap.test")]
            if addresses:
                assert recipe_address(body) == addresses[0] or recipe_address(body) in addresses
                addresses = [recipe_address(body)] + [a for a in addresses if a != recipe_address(body)]
            taken.append(addresses)
        assert taken[4] == [], "special-use clients get no bait"
        assert all(len(a) >= 2 for i, a in enumerate(taken) if i != 4), taken
        assert len({a for addresses in taken for a in addresses}) == sum(map(len, taken)), "no address twice"
        again = t.get("/", client=VISITORS[0][0], agent=VISITORS[0][2])[2]
        assert recipe_address(again) == taken[0][0], "the same visitor sees the same addresses within visit_window"

        for sender, visitor, which, _ in MAILS:
            assert t.mail(taken[visitor][which], sender) == 250, sender
        assert t.mail("sales@shop.example", "149.101.100.1") == 250
        with t.smtp("89.160.20.200") as s:
            s.expect("MAIL FROM:<a@b.example>", 250)
            assert s.command("RCPT TO:<hedwigkroll47@trap.test>")[0] == 550
            assert s.command("RCPT TO:<someone@elsewhere.example>")[0] == 550
        assert t.sql("hits", "SELECT count(*) FROM hit")[0][0] == len(MAILS) + 1

        zone = t.dir / "zones" / "current" / f"{ZONE}.combined"
        wait_for("everything is folded", lambda: all(x["folded"] == x["last"] for x in t.json("status")["logs"]))
        wait_for("the last sender is on the zone", lambda: zone.exists() and "\n149.101.100.1" in zone.read_text())
        t.serve(f"{ZONE}:combined:{ZONE}.combined")
        dns = Resolver(t.dns_port)
        wait_for("rbldnsd answers", lambda: dns.ask(f"2.0.0.127.{ZONE}", "A"))

        for sender, _, _, listed in MAILS + [("149.101.100.1", 0, 0, True), ("89.160.20.200", 0, 0, False), ("8.8.8.8", 0, 0, False)]:
            name = dns.reverse(sender) + "." + ZONE
            a, txt = dns.ask(name, "A"), dns.ask(name, "TXT")
            assert (a == ["127.0.0.2"]) == listed and bool(txt) == listed, (sender, a, txt, t.run("explain", sender).stdout.decode())
            if not listed:
                assert a == [], (sender, a)
        assert dns.ask(dns.reverse("2a02:d9c0:5:6::1") + "." + ZONE, "A") == ["127.0.0.2"], "the /64 of the sender"
        assert dns.ask(dns.reverse("2a02:d9c0:5:7::1") + "." + ZONE, "A") == [], "not the next /64"
        for client, listed in HARVESTERS.items():
            a = dns.ask(f"{dns.reverse(client)}.harvesters.{ZONE}", "A")
            assert bool(a) == listed, (client, a, t.run("explain", client).stdout.decode())
            assert not listed or re.fullmatch(r"127\.0\.\d+\.2", a[0]), a

        chain = t.run("explain", "89.160.20.112").stdout.decode()
        for part in ("as sender: listed", taken[0][0], "shown to 81.2.69.160", "Wget/1.12", "1 of 1 source"):
            assert part in chain, (part, chain)
        assert "kept off by the list" in t.run("explain", "2a02:d9c0:7:1::1").stdout.decode()
        trace = t.json("trace", taken[2][0])
        assert trace["visit"]["client"] == "2a02:cf40:1::9" and trace["hits"][0]["sender"] in ("67.43.156.1", "203.0.113.9"), trace
        garbled = t.json("trace", "u003e" + taken[0][0].upper())
        assert garbled["minted"] and garbled["repaired"], garbled

        # An allow takes the listing away with the next set, a deny puts one there; both are on record.
        t.run("allow", "89.160.20.112", "--why", "test")
        t.run("deny", "8.8.4.0/24", "--why", "test")
        wait_for("allow and deny work", lambda: not dns.ask(f"112.20.160.89.{ZONE}", "A") and dns.ask(f"1.4.8.8.{ZONE}", "A"))
        assert [r[0] for r in t.sql("acts", "SELECT kind FROM act ORDER BY seq")] == [4, 1, 2]

        # Taken back, the evidence counts as before; a trap and an act that is not there cannot be taken back.
        assert t.json("revoke", "2", "--why", "test")["revokes"] == 2
        wait_for("the allow is taken back", lambda: dns.ask(f"112.20.160.89.{ZONE}", "A"))
        assert dns.ask(f"1.4.8.8.{ZONE}", "A"), "the deny stays"
        assert t.run("revoke", "1", "--why", "test", check=False).returncode == 64
        assert t.run("revoke", "99", "--why", "test", check=False).returncode == 64

        # A removal looks back only: what comes later counts again.
        gone = "67.43.156.1"
        assert dns.ask(f"{dns.reverse(gone)}.{ZONE}", "A")
        assert t.run("delist", gone, "--until", "2099-01-01", "--why", "x", check=False).returncode == 64
        t.run("delist", gone, "--why", "asked for it")
        wait_for("the removal is published", lambda: not dns.ask(f"{dns.reverse(gone)}.{ZONE}", "A"))
        assert t.mail(taken[2][0], gone) == 250
        wait_for("new evidence counts", lambda: dns.ask(f"{dns.reverse(gone)}.{ZONE}", "A"))


main()
