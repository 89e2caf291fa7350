"""The guard from the SPF records of mail providers, followed at a real DNS server: every network of big providers mails the traps and nobody of
it is listed, with each save on record; what SPF can say wrong; and no senders zone while no provider was ever resolved."""
import ipaddress
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from dnslib import Faulty, Nsd, encode, record, txt  # noqa: E402
from looklib import installation, lookups, wait_lookup  # noqa: E402
from testlib import run_tests, wait_for  # noqa: E402

source = pathlib.Path(sys.argv[2])
DATA = pathlib.Path(os.environ.get("TRAPLINE_TEST_DATA", source.parent / "shared" / "data")) / "lists" / "smtp-sending-ips.txt"
ZONES = ('policy "test" { preset = "aggressive"  listing_delay = "0" }\n'
         'zone "bl.trap.test" { kind = "combined"  policy = "test"  publish = "live" }\ntrap "sales@trap.test" { class = "pristine" }\n')


def networks():
    """The published outbound ranges of big providers where they are at hand, else some of the same sizes."""
    if DATA.exists():
        lines = [line.split("#")[0].strip() for line in DATA.read_text().splitlines()]
        return [ipaddress.ip_network(line) for line in lines if line]
    # one host of a /64, too: the whole /64 is its key
    return [ipaddress.ip_network("2a02:47::25/128")] + [ipaddress.ip_network(f"{60 + i}.{i}.{i * 2}.0/{20 + i % 12}", strict=False) for i in range(60)] + [
        ipaddress.ip_network("40.92.0.0/15"), ipaddress.ip_network("2a02:44:1::/48"), ipaddress.ip_network("2a02:45::/32")]


def too_wide(n):
    return n.prefixlen < (16 if n.version == 4 else 32)


def zone_lines(t):
    found = []
    for path in (t.dir / "zones" / "current").iterdir():
        if path.is_file() and path.name.startswith("bl.trap.test"):
            found += path.read_text().splitlines()
    return found


def test_every_range(build):
    ranges = networks()
    wide = [n for n in ranges if too_wide(n)]
    terms = [f"ip{n.version}:{n}" for n in ranges]
    chunks = [terms[i::8] for i in range(8)]
    records = "@ TXT " + txt("v=spf1 " + " ".join(f"include:_{i}.big.example" for i in range(8)) + " -all") + "\n"
    records += "".join(f"_{i} TXT {txt('v=spf1 ' + ' '.join(c) + ' ~all')}\n" for i, c in enumerate(chunks))
    t = installation(build, 0, guard="on", zones=ZONES, providers="big.example " + " ".join(map(str, wide)) + "\n")
    nsd = Nsd(t.top, {"big.example": records})
    t.conf.write_text(t.conf.read_text().replace('"127.0.0.1:0"', f'"127.0.0.1:{nsd.port}"'))
    try:
        t.start("trapsmtp", "trapexport", "traplook")
        got = wait_lookup(t, "provider:big.example")
        assert (got["spf"], got["refused"], got["lookups"]) == ("found", "0", "8"), got
        senders = [str(n[n.num_addresses // 2]) for n in ranges]
        for ip in senders + ["45.83.10.1", "2a0f:1::1"]:
            assert t.mail("sales@trap.test", client=ip) == 250
        wait_for("the stranger is listed", lambda: any("45.83.10.1" in line for line in zone_lines(t)), 60)
        wait_for("all saves", lambda: t.sql("published", "SELECT count(DISTINCT prefix) FROM change WHERE CAST(reason AS TEXT) LIKE 'guard %'")[0][0] >=
                 len({ip if ":" not in ip else str(ipaddress.ip_network(ip + "/64", strict=False)) for ip in senders}), 60)
        listed = [line.split(" ")[0] for line in zone_lines(t) if line[:1].isdigit()]
        assert [p for p in listed if not p.startswith(("127.", "45.83.10.1", "2a0f:1:", "0", "2.0.0.127"))] == [], listed
        doc = t.json("explain", senders[0])["sender"]["zones"][0]
        assert doc["kept_off_by"] == "guard" and doc["state"] == "listed", doc
        print(f"{len(ranges)} networks, {len(senders)} senders saved")
    finally:
        t.close()
        nsd.close()


def spf(*texts):
    return [record("TXT", b"".join(bytes([len(t)]) + t.encode("latin-1") for t in texts))]


def a(ip):
    return [record("A", ipaddress.ip_address(ip).packed)]


CASES = {  # domain: ({(name, type): answer}, expected words, expected ranges)
    "plain.example": ({}, spf("v=spf1 ip4:45.1.0.0/16 ip4:45.2.0.0/24 ip6:2a02:44::/32 -all"), {"spf": "found"}, "45.1.0.0/16,45.2.0.0/24,2a02:44::/32"),
    "split.example": ({}, spf("v=spf1 ip4:45.1.0.0", "/24 -all"), {"spf": "found"}, "45.1.0.0/24"),
    "redirect.example": ({("_spf.redirect.example", "TXT"): spf("v=spf1 ip4:45.3.0.0/24")}, spf("v=spf1 redirect=_spf.redirect.example"),
                         {"spf": "found", "lookups": "1"}, "45.3.0.0/24"),
    "hosts.example": ({("hosts.example", "A"): a("45.4.0.9"), ("hosts.example", "MX"): [record("MX", b"\0\x0a" + encode("mx.hosts.example"))],
                       ("mx.hosts.example", "A"): a("45.5.0.9"), ("mx.hosts.example", "AAAA"): [record("AAAA", ipaddress.ip_address("2a02:46::9").packed)]},
                      spf("v=spf1 a/24 mx//64 -all"), {"spf": "found", "lookups": "2"}, "45.4.0.0/24,45.5.0.9,2a02:46::/64"),
    "wide.example": ({}, spf("v=spf1 ip4:45.0.0.0/15 ip4:0.0.0.0/0 ip6:2a02::/31 ip6:::/0 ip4:45.6.0.0/16 +all"),
                     {"spf": "found", "refused": "4", "refused_first": "45.0.0.0/15"}, "45.6.0.0/16"),
    "macro.example": ({}, spf("v=spf1 exists:%{i}._spf.x.example include:%{d}.x.example ptr ip4:45.7.0.0/24"), {"spf": "found", "skipped": "3"},
                      "45.7.0.0/24"),
    "signs.example": ({}, spf("v=spf1 -ip4:45.8.0.0/24 ?ip4:45.8.1.0/24 ip4:45.8.2.0/24 -all ip4:45.8.3.0/24"), {"spf": "found"}, "45.8.2.0/24"),
    "itself.example": ({}, spf("v=spf1 include:itself.example ip4:45.9.0.0/24"), {"spf": "found"}, "45.9.0.0/24"),
    "loop.example": ({("b.loop.example", "TXT"): spf("v=spf1 include:c.loop.example"), ("c.loop.example", "TXT"): spf("v=spf1 include:b.loop.example ip4:45.9.1.1")},
                     spf("v=spf1 include:b.loop.example"), {"spf": "found"}, "45.9.1.1"),
    "deep.example": ({(f"d{i}.deep.example", "TXT"): spf(f"v=spf1 ip4:45.10.{i}.1 include:d{i + 1}.deep.example") for i in range(30)},
                     spf("v=spf1 include:d0.deep.example"), {"spf": "partial", "lookups": "10"}, ",".join(f"45.10.{i}.1" for i in range(10))),
    "void.example": ({}, spf("v=spf1 a:n1.void.example a:n2.void.example a:n3.void.example a:n4.void.example ip4:45.11.0.1"), {"spf": "partial", "void": "3"},
                     "45.11.0.1"),
    "missing.example": ({}, spf("v=spf1 include:nobody.example ip4:45.12.0.1"), {"spf": "partial"}, "45.12.0.1"),
    "syntax.example": ({}, spf("v=spf1 ip4:45.13.0.1 ip4:45.13.0.999 ip4:45.13.0.2"), {"spf": "partial"}, "45.13.0.1"),
    "two.example": ({}, spf("v=spf1 ip4:45.14.0.1") + spf("v=spf1 ip4:45.14.0.2"), {"spf": "none"}, None),
    "other.example": ({}, spf("hello") + spf("v=spf1 ip4:45.15.0.1"), {"spf": "found"}, "45.15.0.1"),
    "nothing.example": ({}, 3, {"spf": "none"}, None),
    "fail.example": ({}, 2, {"spf": "undecided"}, None),
    "refuses.example": ({}, 5, {"spf": "undecided"}, None),
    "silent.example": ({}, None, {"spf": "undecided"}, None),
    "half.example": ({("x.half.example", "TXT"): 2}, spf("v=spf1 ip4:45.16.0.1 include:x.half.example"), {"spf": "partial"}, "45.16.0.1"),
    "cut.example": ({}, ("truncated", spf("v=spf1 ip4:45.17.0.1")), {"spf": "found"}, "45.17.0.1"),
    "garbage.example": ({}, b"\x81\x80\0\1\0\1\0\0\0\0\xc0\x0c\xc0\x0c", {"spf": "undecided"}, None),
    "nul.example": ({}, spf("v=spf1 ip4:45.18.0.1\0 ip4:45.18.0.2"), {"spf": "none"}, None),
}


def test_what_spf_says(build):
    table = {}
    for domain, (more, root, _, _) in CASES.items():
        table[(domain, "TXT")] = root
        table.update(more)
    server = Faulty(lambda name, kind, tcp: table.get((name, kind), 3))
    with installation(build, server.port, 'timeout = "1s"  tries = 2', providers="".join(d + "\n" for d in CASES)) as t:
        try:
            t.start("traplook")
            for domain, (_, _, words, ranges) in CASES.items():
                got = wait_lookup(t, "provider:" + domain)
                assert words.items() <= got.items(), (domain, got)
                want = None if ranges is None else {ipaddress.ip_network(r) for r in ranges.split(",")}
                have = None if "ranges" not in got else {ipaddress.ip_network(r) for r in got["ranges"].split(",")}
                assert have == want, (domain, got)
            assert 2 <= server.count("silent.example") <= 6 and server.count("itself.example") == 1
            # A restart does not ask again what was answered.
            asked = len(server.asked)
            t.stop(t.processes[0])
            t.start("traplook")
            wait_for("a turn", lambda: "look.start" in t.log())
            t.stop(t.processes[0])
            assert len(server.asked) == asked and len(lookups(t)) == len(CASES)
        finally:
            server.close()


def test_guard_missing(build):
    """On, without files, and no provider answers: nothing is published for senders. Then one does."""
    answers = {"big.example": 2}
    server = Faulty(lambda name, kind, tcp: answers.get(name, 3))
    with installation(build, server.port, guard="on", zones=ZONES, providers="big.example\n") as t:
        try:
            t.start("trapsmtp", "trapexport", "traplook")
            assert wait_lookup(t, "provider:big.example")["spf"] == "undecided"
            assert t.mail("sales@trap.test", client="45.83.10.1") == 250
            wait_for("the guard is missed", lambda: "export.guard.missing" in (t.top / "log").read_text())
            assert t.sql("published", "SELECT count(*) FROM change WHERE kind = 1")[0][0] == 0
            assert t.json("status")["guard"]["state"] == "missing"
            t.stop(t.processes[2])
            (t.top / "providers").write_text("big.example\nother.example\n")
            answers["other.example"] = spf("v=spf1 ip4:45.85.0.0/16 -all")
            t.start("traplook")
            assert wait_lookup(t, "provider:other.example")["spf"] == "found"
            wait_for("the stranger is listed", lambda: any("45.83.10.1" in line for line in zone_lines(t)), 30)
            doc = t.json("look")
            assert doc["guard"]["state"] == "on" and doc["guard"]["networks"] == 1, doc
            assert [(p["provider"], p["spf"]) for p in doc["providers"]] == [("big.example", "undecided"), ("other.example", "found")]
            assert b"45.85.0.0/16" in t.run("look", "other.example").stdout
        finally:
            server.close()


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
