"""`trapline report`: who may be reported, what the message is to python's parser, field by field, and that no trap is in it in any form."""
import base64
import datetime
import email
import email.policy
import email.utils
import ipaddress
import json
import pathlib
import re
import shutil
import sys
import time
import uuid

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from testlib import Installation, run_tests  # noqa: E402

USAGE, TEMPFAIL = 64, 75
TRAP = "hidden-trap@shop.example"
SENDER, SIX, ONCE, OURS, DENIED = "89.160.20.112", "2a02:d9c0:5:6::1", "89.160.20.113", "81.2.69.142", "89.160.20.114"
PAIR = ("--from", "abuse@example.org", "--to", "abuse@isp.example")
CONFIG = ('trap "hidden-trap@shop.example" { class = "pristine" }\nnever_list = {"81.2.69.0/24", "2a02:d9c0:5:7::5/128"}\n'
          'trap_domain "real.example" { class = "minted"  unknown = "reject"  reserved = {"postdesk"} }\n')
# What spamware puts the recipient into, and in what forms.
FORMS = [TRAP, TRAP.upper(), TRAP.replace("@", "="), TRAP.replace("@", "%40"), TRAP.encode().hex(), base64.b64encode(TRAP.encode()).decode().rstrip("="),
         "hidden-trap", "shop.example", "hidden=2Dtrap", "vErp4711token"]


def moment(seconds):
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def hits(sender, n, first):
    return [{"event": "hit", "at": moment(first + i), "sender": sender, "helo": f"{FORMS[4]}.hidden-trap.shop.example",
             "from": f"bounce+vErp4711token+{TRAP.replace('@', '=')}@sender.example", "rcpt": [{"class": "pristine", "address": TRAP}]} for i in range(n)]


def load(it, events):
    it.run("import", "--events", "-", input="".join(json.dumps(e) + "\n" for e in sorted(events, key=lambda e: e["at"])).encode())
    it.run("rebuild")


def installation(build, **kw):
    return Installation(build, config=CONFIG, **kw)


def story():
    begin = int(time.time()) - 7200
    return begin, [*hits(SENDER, 3, begin), *hits(SIX, 2, begin), *hits(OURS, 3, begin), *hits("2a02:d9c0:5:7::1", 3, begin)]


def refused(it, says, *words, code=USAGE):
    done = it.run("report", *words, check=False)
    text = done.stderr.decode()
    assert done.returncode == code and says in text and not done.stdout, (words, done.returncode, text)


def parse(raw):
    assert raw.isascii() and b"\r" not in raw and max(map(len, raw.splitlines())) <= 998, raw  # RFC 5322 2.1.1
    message = email.message_from_bytes(raw, policy=email.policy.strict)
    for part in message.walk():
        assert not part.defects, (part.get_content_type(), part.defects)
    return message


def check_xarf(x, source):
    """The required fields of the core schema and of reputation/blocklist (4.0.0), and no others than we mean."""
    assert set(x) == {"xarf_version", "report_id", "timestamp", "reporter", "sender", "source_identifier", "category", "type", "evidence_source",
                      "threat_type", "description"}, x
    assert re.fullmatch(r"4\.[0-9]+\.[0-9]+", x["xarf_version"]) and uuid.UUID(x["report_id"]).version == 4
    assert uuid.UUID(x["report_id"]).variant == uuid.RFC_4122 and str(uuid.UUID(x["report_id"])) == x["report_id"]
    assert datetime.datetime.fromisoformat(x["timestamp"].replace("Z", "+00:00")).utcoffset() == datetime.timedelta(0)
    for who in (x["reporter"], x["sender"]):
        assert who == {"org": "example.org", "contact": "abuse@example.org", "domain": "example.org"}, who
    assert (x["category"], x["type"], x["evidence_source"]) == ("reputation", "blocklist", "spamtrap") and x["threat_type"]
    assert x["source_identifier"] == source and len(x["description"]) <= 1000


def test_message(build):
    with installation(build) as it:
        begin, events = story()
        load(it, events)
        raw = it.run("report", SENDER, *PAIR).stdout
        m = parse(raw)
        assert (m["from"], m["to"], m["auto-submitted"], m["mime-version"]) == ("abuse@example.org", "abuse@isp.example", "auto-generated", "1.0")
        assert SENDER in m["subject"] and abs(email.utils.parsedate_to_datetime(m["date"]).timestamp() - time.time()) < 3600
        assert m.get_content_type() == "multipart/report" and m.get_param("report-type") == "feedback-report"
        first, machine, header = m.get_payload()
        assert [p.get_content_type() for p in (first, machine, header)] == ["multipart/mixed", "message/feedback-report", "text/rfc822-headers"]
        text, xarf = first.get_payload()
        day = moment(begin)[:10]
        assert text.get_content_type() == "text/plain" and SENDER in text.get_content() and day in text.get_content() and " 3\n" in text.get_content()
        document = json.loads(xarf.get_payload(decode=True))
        check_xarf(document, SENDER)
        assert xarf.get_content_type() == "application/json" and m["message-id"] == f"<{document['report_id']}@example.org>"
        fields = dict(machine.get_payload()[0].items())  # as python takes message/*
        assert re.fullmatch(r"Trapline/\d+\.\d+\.\d+", fields.pop("User-Agent"))
        assert fields == {"Feedback-Type": "abuse", "Version": "1", "Source-IP": SENDER, "Incidents": "3"}, fields
        assert list(email.message_from_string(header.get_payload()).keys()) == ["Comments"]
        assert it.json("report", SENDER, *PAIR) == document


def test_nothing_tells_a_trap(build):
    """No trap, no word of the sender's, no time of day; as it stands, and with all that can be decoded decoded."""
    with installation(build) as it:
        begin, events = story()
        load(it, events)
        for sender in (SENDER, SIX):
            raw = it.run("report", sender, *PAIR).stdout
            decoded = b"".join(p.get_payload(decode=True) or b"" for p in parse(raw).walk() if not p.is_multipart())
            for form in FORMS + ["trap.test", "real.example", "mx.trap.test", "sender.example"]:
                assert form.lower().encode() not in (raw + decoded).lower(), form
            rest = raw.decode().replace(moment(begin), "")  # since when it is listed: without listing_delay that is the first message
            assert not {moment(begin + i)[11:19] for i in range(3)} & set(re.findall(r"\d\d:\d\d:\d\d", rest)), raw


def test_same_listing_same_id(build):
    """The id is that of the listing: more mail does not change it; another sender, another run, another installation has another."""
    with installation(build) as it, installation(build) as other:
        begin, events = story()
        old = int(time.time()) - 60 * 86400
        load(it, events)
        load(other, events)
        one = it.json("report", SENDER, *PAIR)["report_id"]
        assert it.json("report", SENDER, *PAIR)["report_id"] == one != it.json("report", SIX, *PAIR)["report_id"]
        assert other.json("report", SENDER, *PAIR)["report_id"] != one
        load(it, hits(SENDER, 2, begin + 600))
        assert it.json("report", SENDER, "--from=x@example.net", "--to", "y@isp.example")["report_id"] == one
        assert "5 messages" in it.json("report", SENDER, *PAIR)["description"]
        with installation(build) as earlier:
            shutil.rmtree(earlier.dir / "keys")
            shutil.copytree(it.dir / "keys", earlier.dir / "keys")
            load(earlier, [*hits(SENDER, 3, old), *events])
            fresh = earlier.json("report", SENDER, *PAIR)
            assert fresh["report_id"] == one, "an ended run of evidence is not part of this listing"


def test_six(build):
    with installation(build) as it:
        load(it, story()[1])
        network = str(ipaddress.ip_network(SIX + "/64", strict=False))
        raw = it.run("report", SIX, *PAIR).stdout
        assert "Source-IP" not in raw.decode() and network in parse(raw)["subject"]
        document = it.json("report", SIX, *PAIR)
        check_xarf(document, network)
        assert it.json("report", network, *PAIR) == document == it.json("report", "2a02:d9c0:5:6::ffff", *PAIR)


def test_who_is_not_reported(build):
    with installation(build) as it:
        begin, events = story()
        typo = {**hits(DENIED, 1, begin)[0], "rcpt": [{"class": "typo", "address": "a@tpyo.example"}]}
        load(it, [*events, typo])
        it.run("deny", DENIED, "--why", "by hand")
        refused(it, "explain 89.160.20.113", ONCE, *PAIR)
        refused(it, "on no published zone", DENIED, *PAIR)  # though a message of his own is on record
        refused(it, "a list keeps", OURS, *PAIR)
        refused(it, "a list keeps", "2a02:d9c0:5:7::1", *PAIR)  # a part of the /64 is ours
        it.run("report", SENDER, *PAIR)
        act = re.search(rb"\d+", it.run("allow", SENDER, "--why", "a friend").stdout).group().decode()
        refused(it, "a list keeps", SENDER, *PAIR)
        it.run("revoke", act, "--why", "no friend")
        it.run("report", SENDER, *PAIR)
        it.run("delist", SENDER, "--why", "promised")
        refused(it, "on no published zone", SENDER, *PAIR)
        it.run("taint", f"trap={TRAP}", "--why", "printed on a page")
        it.run("rebuild")
        refused(it, "on no published zone", SIX, *PAIR)


def test_zone_and_guard(build):
    shadow = 'policy "test" { preset = "aggressive"  listing_delay = "0" }\nzone "bl.trap.test" { kind = "combined"  policy = "test"  publish = "shadow" }\n'
    for kw, says, code in (({"zones": shadow}, "on no published zone", USAGE), ({"guard": "on"}, "guard is missing", TEMPFAIL)):
        with installation(build, **kw) as it:
            load(it, story()[1])
            refused(it, says, SENDER, *PAIR, code=code)


def test_words(build):
    with installation(build) as it:
        load(it, story()[1])
        refused(it, "--from ADDRESS is missing", SENDER)
        refused(it, "--to ADDRESS is missing", SENDER, *PAIR[:2])
        for word in ("nonsense", "89.160.20.0/24", "2a02:d9c0:5::/48", "300.1.1.1", "a@b.example"):
            refused(it, "is not an IP address", word, *PAIR)
        long_local, label = "l" * 64, "d" * 63
        longest = f"{long_local}@{label}.{label}.{'e' * 61}"
        assert len(longest) == 254
        for address in (longest, "a.b+c=d!#$%&'*/?^_`{|}~-@x-y.example"):
            m = parse_long(it.run("report", SENDER, "--from", address, "--to", address).stdout)
            assert m["from"] == m["to"] == address, m["from"]
        for address in ("", "a", "@b.example", "a@", "a@b.example\nBcc: x@y.example", "a@b.example, c@d.example", "a b@c.example", "<a@b.example>", ".a@b.example",
                        "a.@b.example", "a..b@c.example", "a@b..example", "a@b.example.", "ä@b.example", "a@bücher.example", '"a"@b.example', "a@[192.0.2.1]",
                        "l" + longest, f"{long_local}l@b.example", "a@b@c.example", "a(b)@c.example"):
            for pair in (("--from", address, *PAIR[2:]), (*PAIR[:2], "--to", address)):
                refused(it, "not an e-mail address", SENDER, *pair)
        for address in (TRAP, TRAP.upper(), "anybody@trap.test", "abuse@trap.test", "someone@real.example", "other@shop.example"):
            for pair in (("--from", address, *PAIR[2:]), (*PAIR[:2], "--to", address)):
                refused(it, "at a domain of traps", SENDER, *pair)
        it.run("report", SENDER, "--from", "postdesk@real.example", *PAIR[2:])


def parse_long(raw):
    return email.message_from_bytes(raw, policy=email.policy.default.clone(max_line_length=998))


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
