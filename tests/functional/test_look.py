"""Senders and harvesters are looked up at a real DNS server: reverse names with forward confirmation, HELO, whitelist, crawlers; each once a
day; the crawler is never listed, and an operator sees what is on record."""
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from dnslib import Nsd  # noqa: E402
from looklib import installation, lookups, wait_lookup  # noqa: E402
from testlib import extract, run_tests, wait_for  # noqa: E402

ZONES = {
    "10.83.45.in-addr.arpa": "1 PTR mail.sender.example.\n2 PTR host-45-83-10-2.pool.sender.example.\n3 PTR other.sender.example.\n"
                             "5 PTR gone.sender.example.\n6 PTR -bad-.sender.example.\n7 CNAME 7.sub\n7.sub PTR mail7.sender.example.\n"
                             "8 PTR wrong.sender.example.\n8 PTR mail8.sender.example.\n9 PTR mail.sender.example.\n",
    "1.90.45.in-addr.arpa": "",
    "66.249.66.in-addr.arpa": "1 PTR crawl-66-249-66-1.googlebot.com.\n2 PTR crawl-66-249-66-2.googlebot.com.\n",
    "0.2.0.a.2.ip6.arpa": "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.4.4.0 PTR six.sender.example.\n",
    "sender.example": "mail A 45.83.10.1\nhost-45-83-10-2.pool A 45.83.10.2\nother A 45.83.10.99\nmail7 A 45.83.10.7\nmail8 A 45.83.10.8\n"
                      "wrong A 45.83.10.80\nsix AAAA 2a02:44::1\nns A 127.0.0.1\n",
    "googlebot.com": "crawl-66-249-66-1 A 66.249.66.1\ncrawl-66-249-66-2 A 66.249.66.77\n",
    "list.dnswl.test": "1.10.83.45 A 127.0.10.3\n2.10.83.45 A 127.0.0.255\n3.10.83.45 A 127.0.0.2\n5.10.83.45 A 10.0.0.1\n"
                       "7.10.83.45 A 127.0.5.4\n8.10.83.45 A 127.0.5.0\n"
                       "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.4.4.0.0.2.0.a.2 A 127.0.3.1\n",
}
LOOK = 'dnswl = "list.dnswl.test"  timeout = "2s"'


def page(t, client):
    status, _, body = t.get("/", client=client)
    assert status == 200
    return extract(body)


def test_look(build):
    t = installation(build, 0)
    nsd = Nsd(t.top, ZONES)
    t.conf.write_text(t.conf.read_text().replace('"127.0.0.1:0"', f'"127.0.0.1:{nsd.port}"').replace('interval = "200ms"', f'interval = "200ms"  {LOOK}'))
    try:
        t.start("trapweb", "trapsmtp", "trapexport", "traplook")
        harvested = page(t, "66.249.66.1")
        pretender = page(t, "66.249.66.2")
        plain = page(t, "45.90.1.9")
        senders = {"45.83.10.1": "mail.sender.example", "45.83.10.2": "localhost", "45.83.10.3": "mail.sender.example", "45.83.10.4": "MAIL.sender.example.",
                   "45.83.10.5": "gone.sender.example", "45.83.10.6": "[45.83.10.6]", "45.83.10.7": "other.sender.example", "45.83.10.8": "mail8.sender.example",
                   "2a02:44::1": "six.sender.example"}
        for ip, helo in senders.items():
            assert t.mail(harvested[0], client=ip, helo=helo) == 250
        for address in pretender[:1] + plain[:1]:
            assert t.mail(address, client="45.83.10.1", helo="mail.sender.example") == 250
        expected = {
            "45.83.10.1": {"reverse": "confirmed", "name": "mail.sender.example", "form": "own", "helo": "match", "dnswl": "listed", "dnswl_score": "3",
                           "dnswl_category": "10"},
            "45.83.10.2": {"reverse": "confirmed", "name": "host-45-83-10-2.pool.sender.example", "form": "generic", "helo": "unusable", "dnswl": "blocked"},
            "45.83.10.3": {"reverse": "unconfirmed", "name": "other.sender.example", "helo": "mismatch", "dnswl": "undecided"},
            "45.83.10.4": {"reverse": "missing", "helo": "mismatch", "dnswl": "none"},
            "45.83.10.5": {"reverse": "unconfirmed", "name": "gone.sender.example", "helo": "mismatch", "dnswl": "undecided"},
            "45.83.10.6": {"reverse": "invalid", "helo": "unusable", "dnswl": "none"},
            "45.83.10.7": {"reverse": "confirmed", "name": "mail7.sender.example", "helo": "mismatch", "dnswl": "undecided"},
            "45.83.10.8": {"reverse": "confirmed", "name": "mail8.sender.example", "helo": "match", "dnswl": "listed", "dnswl_score": "0"},
            "2a02:44::1": {"reverse": "confirmed", "name": "six.sender.example", "helo": "match", "dnswl": "listed", "dnswl_score": "1"},
        }
        for ip, words in expected.items():
            got = wait_lookup(t, "2a02:44::/64" if ":" in ip else ip)
            assert got["address"] == ip and words.items() <= got.items(), (ip, words, got)
        for ip, result in (("66.249.66.1", "verified"), ("66.249.66.2", "failed"), ("45.90.1.9", "none")):
            assert wait_lookup(t, "crawler:" + ip)["crawler"] == result, ip
        assert lookups(t, "crawler:66.249.66.1")[0]["operator"] == "Google"
        assert lookups(t, "dnswl:45.83.10.1")[0]["dnswl"] == "listed" and not lookups(t, "dnswl:45.83.10.2")

        # The whitelist saves senders, confirmed crawlers save harvesters; who only claims to be one is listed.
        def zones(ip):
            doc = t.json("explain", ip)
            return {z["role"]: z for side in ("sender", "harvester") for z in doc[side]["zones"]}
        wait_for("the listing", lambda: zones("45.83.10.3")["sender"]["state"] == "listed")
        assert "kept_off_by" not in zones("45.83.10.3")["sender"]
        assert zones("45.83.10.8")["sender"]["kept_off_by"] == "dnswl"
        assert zones("66.249.66.1")["harvester"]["kept_off_by"] == "crawlers"
        assert "kept_off_by" not in zones("66.249.66.2")["harvester"]
        assert zones("66.249.66.1")["harvester"]["state"] == "listed", zones("66.249.66.1")  # but for the list

        # What an operator sees.
        doc = t.json("explain", "45.83.10.2")["lookup"]
        assert doc["form"] == "generic" and doc["at"].endswith("Z"), doc
        assert t.json("look", "2a02:44::1")["lookup"]["name"] == "six.sender.example"
        assert t.json("explain", "2a02:44::1")["lookup"]["name"] == "six.sender.example"
        assert t.json("look", "45.83.10.200")["lookup"] is None
        text = t.run("explain", "45.83.10.1").stdout.decode()
        assert "reverse name confirmed: mail.sender.example" in text and "whitelist: listed, score 3" in text, text
        assert {"name": "traplook", "running": True} in t.json("status")["daemons"]
        assert t.json("look", "45.83.10.3", "--now")["lookup"]["reverse"] == "unconfirmed" and len(lookups(t, "45.83.10.3")) == 2
        for words in (("look", "--now"), ("look", "no such"), ("look", "a.example", "--now")):
            assert t.run(*words, check=False).returncode == 64, words

        # Once a day: more mail asks nothing, nor does a restart.
        before = len(lookups(t))
        assert t.mail(harvested[0], client="45.83.10.4", helo="x.example") == 250
        time.sleep(1)
        t.stop(t.processes[3])
        (t.dir / "snap" / "look").unlink()
        t.start("traplook")
        wait_for("the mark", lambda: (t.dir / "snap" / "look").exists() and (t.dir / "snap" / "look").read_text() == "12\n")
        assert len(lookups(t)) == before
    finally:
        t.close()
        nsd.close()


def test_supervised(build):
    """`trapline run` starts it where it is asked for; check says what it would do."""
    t = installation(build, 1, providers="a.example\n", config=f'geoip {{ country = "/nonexistent/country.mmdb" }}\n')
    try:
        told = t.run("check").stdout.decode()
        assert "look-ups by    127.0.0.1 port 1" in told and "geoip.country: /nonexistent/country.mmdb" in told, told
        p = t.start()
        wait_for("it runs", lambda: {"name": "traplook", "running": True} in t.json("status")["daemons"])
        assert wait_lookup(t, "provider:a.example")["spf"] == "undecided"  # nobody listens there
        assert t.stop(p) == 0
        (t.top / "providers").unlink()
        assert t.run("check", check=False).returncode == 78
        (t.top / "providers").write_text("a.example\nnot a list\n")
        done = t.run("run", check=False)
        assert done.returncode == 78 and b"providers:2: the line begins with no domain" in done.stderr, done
    finally:
        t.close()


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
