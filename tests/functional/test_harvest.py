"""What came of a visitor's visits: addresses, senders, techniques, latency; what leaked through a known fetcher makes nobody a harvester."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from testlib import Installation, extract, recipe_address, wait_for  # noqa: E402

HARVESTER, CRAWLER, PROXY = "81.2.69.160", "66.249.73.135", "2.125.160.216"
SENDERS = ("89.160.20.112", "175.16.199.37")
POLICY = """
policy "test" { preset = "aggressive"  listing_delay = "0"  harvesters { senders = 1  addresses = 1 } }
zone "bl.trap.test" { kind = "combined"  policy = "test"  publish = "live" }
"""


def addresses(t, client, page="/", **kw):
    """What the visitor is shown, the first slot first."""
    body = t.get(page, client=client, **kw)[2]
    first = recipe_address(body)
    return [first] + [a for a in extract(body) if a.endswith("@trap.test") and a != first]


def states(doc):
    return [z["state"] for z in doc["zones"] if z["role"] == "harvester"]


def main():
    build = sys.argv[1]
    with Installation(build, zones=POLICY, web='commit_deadline = "10s"', config='crawler_files = {"@CRAWLERS@"}\n') as t:
        crawlers = t.top / "crawlers.txt"
        crawlers.write_text("66.249.64.0/19\n")
        t.conf.write_text(t.conf.read_text().replace("@CRAWLERS@", str(crawlers)))
        daemons = t.start()

        taken = addresses(t, HARVESTER)
        more = addresses(t, HARVESTER, "/team", agent="Wget/1.12", host="www.other.example")
        leaked = addresses(t, CRAWLER)
        fetched = addresses(t, PROXY)
        for to, sender in ((taken[0], SENDERS[0]), (taken[0], SENDERS[1]), (taken[1], SENDERS[0]), (more[0], SENDERS[0]),
                           (leaked[0], SENDERS[0]), (leaked[1], SENDERS[1]), (fetched[0], SENDERS[1])):
            assert t.mail(to, sender) == 250
        wait_for("all is folded", lambda: all(x["folded"] == x["last"] for x in t.json("status")["logs"]))

        doc = t.json("harvester", HARVESTER)
        got = doc["harvest"]
        assert (got["addresses"], got["leaked"], got["senders"], got["messages"]) == (3, 0, 2, 4), got
        assert got["techniques"].pop("link") >= 2 and sum(got["techniques"].values()) <= 1, got
        after = got["first_mail_after_ms"]
        assert 0 <= after["soonest"] <= after["median"] <= after["nine_tenths"], after
        assert doc["known_fetcher"] is False and states(doc) == ["listed"], doc
        assert doc["seen_as"] == {"visits": 2, "agents": 2, "sites": 2}, doc["seen_as"]
        text = t.run("harvester", HARVESTER).stdout.decode()
        for part in ("3 addresses mailed by 2 senders, 4 messages", "what worked: ", "link ", "2 user agents on 2 sites"):
            assert part in text, (part, text)
        assert "leaked" not in text and "known fetcher" not in text, text

        doc = t.json("harvester", CRAWLER)
        assert doc["known_fetcher"] and doc["harvest"]["leaked"] == doc["harvest"]["addresses"] == 2, doc
        assert "listed" not in states(doc), doc
        text = t.run("harvester", CRAWLER).stdout.decode()
        assert "2 of them leaked through it" in text and "never listed as a harvester" in text, text
        for words in (["trace", leaked[0]], ["explain", SENDERS[0]]):
            assert f"leaked through {CRAWLER}" in t.run(*words).stdout.decode(), words
        recipients = {r["address"]: r for hit in t.json("sender", SENDERS[0])["hits"] for r in hit["recipients"]}
        assert recipients[leaked[0]]["leaked_through"] == CRAWLER, recipients
        assert "leaked_through" not in recipients[taken[0]], recipients
        assert "listed" in [z["state"] for z in t.json("sender", SENDERS[0])["zones"]], "who mails it is a sender all the same"

        # Named later, it is a fetcher from then on; named no more, what it was shown meanwhile stays leaked.
        assert t.stop(daemons) == 0
        assert states(t.json("harvester", PROXY)) == ["listed"]
        crawlers.write_text(PROXY + "\n")
        doc = t.json("harvester", PROXY)
        assert doc["known_fetcher"] and doc["harvest"]["leaked"] == 1 and doc["zones"][0]["kept_off_by"] == "crawlers", doc
        assert f"leaked through {PROXY}" in t.run("trace", fetched[0]).stdout.decode()
        doc = t.json("harvester", CRAWLER)
        assert not doc["known_fetcher"] and doc["harvest"]["leaked"] == 2 and "listed" not in states(doc), doc
        t.run("rebuild")
        again = t.json("harvester", CRAWLER)
        assert (again["harvest"], again["links"]) == (doc["harvest"], doc["links"]), "a rebuild tells the same"


main()
