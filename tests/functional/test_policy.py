"""Policies as a user sees them: networks for their members in a zone of their own, `policy`, and `replay` against another rule."""
import pathlib
import shutil
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from dns_client import Resolver  # noqa: E402
from testlib import Installation, run_tests, wait_for  # noqa: E402

CONFIG = ('trap_domain "old.example" { class = "pristine" }\nnever_list = {"45.9.2.0/25"}\n'
          'policy "wide" { preset = "aggressive"  listing_delay = "0"  escalate = {"3 of /32 in /24", "2 of /64 in /56"} }\n'
          'zone "bl.old.example" { kind = "senders"  policy = "wide"  publish = "live" }\n'
          'zone "nets.old.example" { kind = "nets"  policy = "wide"  publish = "live"  code = 3 }\n')
SENDERS = ["45.9.0.1", "45.9.0.2", "45.9.1.1", "45.9.1.77", "45.9.1.255", "45.9.2.1", "45.9.2.2", "45.9.2.3", "45.9.2.200",
           "2a00:1:2:100::1", "2a00:1:2:1ff::1", "2a00:1:2:200::1"]
LISTED = [s for s in SENDERS if s not in ("45.9.2.1", "45.9.2.2", "45.9.2.3")]


def flood(t):
    for sender in SENDERS:
        assert t.mail("anybody@old.example", sender) == 250, sender


def zone_lines(t, name):
    path = t.dir / "zones" / "current" / name
    return {line.split()[0] for line in path.read_text().split("\n") if line and line[0] not in "$#:"} if path.exists() else set()


def test_networks(build):
    with Installation(build, config=CONFIG, zones="", smtp="hits_per_sender_hour = 0") as t:
        t.start()
        flood(t)
        wait_for("the network is in the zone file", lambda: "45.9.1.0/24" in " ".join(zone_lines(t, "nets.old.example.ip4")))
        wait_for("all senders are listed", lambda: t.json("status")["zones"][0]["entries"] >= len(LISTED))
        four, six = zone_lines(t, "nets.old.example.ip4"), zone_lines(t, "nets.old.example.ip6")
        assert not any(x.startswith(("45.9.0.", "45.9.2.")) for x in four), four    # two members; and members on the never-list are none
        assert [x for x in six if x.startswith("2a00")] == ["2a00:1:2:100::/56"], six
        assert not any("/24" in x for x in zone_lines(t, "bl.old.example.ip4"))     # the senders' zone knows nothing of it
        if shutil.which("rbldnsd", path="/usr/sbin:/usr/bin"):
            t.serve("nets.old.example:ip4trie:nets.old.example.ip4", "nets.old.example:ip6trie:nets.old.example.ip6")
            dns = Resolver(t.dns_port)
            wait_for("rbldnsd answers", lambda: dns.ask("123.1.9.45.nets.old.example", "A") == ["127.0.0.3"])
            assert dns.ask("1.0.9.45.nets.old.example", "A") == []


def test_explain(build):
    """What `explain` makes of a sender in a network, of a network, a hit, a trap domain, and of nothing it knows."""
    with Installation(build, config=CONFIG, zones="", smtp="hits_per_sender_hour = 0") as t:
        t.start()
        flood(t)
        wait_for("all is folded", lambda: all(x["folded"] == x["last"] for x in t.json("status")["logs"]))
        nets = t.json("explain", "45.9.1.77")["networks"]
        assert [n["zone"] for n in nets] == ["nets.old.example"] and nets[0]["listed"][0]["network"] == "45.9.1.0/24", nets
        assert nets[0]["rows"] == [{"network": "45.9.1.0/24", "members": 3, "members_needed": 3}], nets
        near = t.json("explain", "45.9.0.200")["networks"][0]     # a neighbour that sent nothing
        assert near["listed"] == [] and near["rows"][0]["members"] == 2, near
        wide = t.json("explain", "45.9.0.0/22")
        assert wide["senders_in_all"] == 9 and wide["kept_off_entry"] == "45.9.2.0/25", wide
        assert {n["network"] for n in wide["networks"][0]["listed"]} == {"45.9.1.0/24"}, wide
        assert {"zone": "bl.old.example", "state": "listed"}.items() <= wide["senders"][0]["zones"][0].items(), wide
        text = t.run("explain", "2a00:1:2::/48").stdout.decode()
        assert "3 senders with evidence" in text and "2a00:1:2:100::/56: listed" in text, text
        text = t.run("explain", "45.9.1.77").stdout.decode()
        assert "45.9.1.0/24: 3 listed, 3 make it a network" in text, text
        assert t.json("explain", "1")["recipients"][0]["address"] == "anybody@old.example"
        assert "a trap domain of class pristine" in t.run("explain", "old.example").stdout.decode()
        for word, says in (("999999", b"there is no hit 999999"), ("no.such.example", b"nor one of the configuration's trap domains"), ("0", b"nor one of")):
            refused = t.run("explain", word, check=False)
            assert refused.returncode == 64 and says in refused.stderr, refused.stderr


def test_policy_words(build):
    with Installation(build, config=CONFIG, zones="") as t:
        text = t.run("policy", "show", "wide").stdout.decode()
        for part in ("Policy \"wide\"", "an IPv4 /24 for 3 of its /32", "an IPv6 /56 for 2 of its /64", "halves every 3 d"):
            assert part in text, text
        doc = t.json("policy", "show", "wide")
        assert (doc["policy"], doc["preset"], doc["threshold"], doc["young_sources"]) == ("wide", "aggressive", 1, None), doc
        assert doc["escalate"] == [{"family": 4, "members": 3, "from": 32, "to": 24}, {"family": 6, "members": 2, "from": 64, "to": 56}]
        assert doc["half_life_s"] == 3 * 86400 and doc["weights"]["recycled"] == 0.5
        assert t.json("policy", "show", "conservative")["sources"] == 3     # a preset that nothing uses
        names = {p["policy"]: [z["zone"] for z in p["zones"]] for p in t.json("policy", "list")}
        assert names == {"wide": ["bl.old.example", "nets.old.example"], "aggressive": [], "standard": [], "conservative": []}, names
        assert "bl.old.example" in t.run("policy", "list").stdout.decode()
        for words in (["policy"], ["policy", "show"], ["policy", "show", "none"], ["policy", "list", "x"], ["replay", "x"],
                      ["replay", "--step", "90m"], ["replay", "--since", "then"], ["replay", "--kind", "x"],
                      ["replay", "--since", "1d", "--until", "2d"], ["replay", "--name", "none"], ["replay", "--since", "30000d", "--step", "1h"]):
            assert t.run(*words, check=False).returncode == 64, words


def test_replay(build):
    with Installation(build, config=CONFIG, zones="", smtp="hits_per_sender_hour = 0") as t:
        daemon = t.start("trapsmtp")
        flood(t)
        for trap in ("one@old.example", "two@old.example"):     # catch-all: one source, however many addresses
            assert t.mail(trap, "45.9.0.1") == 250
        assert t.stop(daemon) == 0
        before = {p.name: p.read_bytes() for p in t.dir.iterdir() if p.suffix == ".db"}
        doc = t.json("replay", "--name", "standard")
        assert (doc["present"], doc["candidate"], doc["present_at_end"], doc["candidate_at_end"]) == ("wide", "standard", len(LISTED), 0), doc
        rows = {r["prefix"]: r for r in doc["rows"]}
        assert set(rows) == {s if "." in s else s[:-1] + "/64" for s in LISTED}, rows
        assert {r["change"] for r in rows.values()} == {"removed"} and rows["45.9.0.1"]["present"]["messages"] == 3
        candidate = t.top / "candidate.conf"
        candidate.write_text('policy "loose" { preset = "aggressive"  listing_delay = "0"  escalate = {"2 of /32 in /24"} }\n')
        nets = t.json("replay", "--policy", str(candidate), "--kind", "nets", "--since", "2d", "--step", "1h")
        changes = {r["prefix"]: r["change"] for r in nets["rows"]}
        assert changes == {"45.9.0.0/24": "added", "45.9.1.0/24": "both", "2a00:1:2:100::/56": "removed"}, changes
        assert nets["moments"] == 49, nets["moments"]
        text = t.run("replay", "--policy", str(candidate), "--kind", "nets").stdout.decode()
        assert "Only the candidate would have listed 1, only the present policy 1." in text and "+ 45.9.0.0/24" in text, text
        assert t.json("replay", "--name", "standard", "--until", "1d")["rows"] == []     # before all of it
        short = t.run("replay", "--name", "standard", "--limit", "2").stdout.decode()
        assert f"... and {len(LISTED) - 2} more" in short, short
        candidate.write_text('policy "a" { }\npolicy "b" { }\n')
        assert b"name one with --name" in t.run("replay", "--policy", str(candidate), check=False).stderr
        candidate.write_text('policy "a" { sources = 0 }\n')
        refused = t.run("replay", "--policy", str(candidate), check=False)
        assert refused.returncode == 78 and f"{candidate}:1: sources".encode() in refused.stderr, refused.stderr
        assert before == {p.name: p.read_bytes() for p in t.dir.iterdir() if p.suffix == ".db"}, "it changes nothing"


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
