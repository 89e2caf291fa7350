"""Answers that are none, or are meant to harm: undecided is not "no", nothing hostile reaches an act or a log line, and every bound holds."""
import pathlib
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from dnslib import Faulty, encode, record, reverse  # noqa: E402
from looklib import installation, lookups, wait_lookup  # noqa: E402
from testlib import extract, run_tests, wait_for  # noqa: E402

FAST = 'timeout = "1s"  tries = 2'
ZONES = ('policy "test" { preset = "aggressive"  listing_delay = "0" }\n'
         'zone "bl.trap.test" { kind = "combined"  policy = "test"  publish = "live" }\ntrap "sales@trap.test" { class = "pristine" }\n')


def ptr(*names):
    return [record("PTR", n if isinstance(n, bytes) else encode(n)) for n in names]


def a(*ips):
    return [record("A", bytes(map(int, ip.split(".")))) for ip in ips]


REVERSE = {  # address: (answer to PTR, {name: answer to A}, expected words)
    "45.90.0.1": (None, {}, {"reverse": "undecided"}),
    "45.90.0.2": (2, {}, {"reverse": "undecided"}),
    "45.90.0.3": (5, {}, {"reverse": "undecided"}),
    "45.90.0.4": (3, {}, {"reverse": "missing"}),
    "45.90.0.5": ([], {}, {"reverse": "missing"}),
    "45.90.0.6": (b"\x81\x80\0\1\0\1\0\0\0\0\xff\xff\xff", {}, {"reverse": "undecided"}),
    "45.90.0.7": (b"", {}, {"reverse": "undecided"}),
    "45.90.0.8": (ptr(b"\x0eevil\n2026 error\x07example\0"), {}, {"reverse": "undecided"}),
    "45.90.0.9": (ptr(b"\x06a\x1b[31m\x07example\0"), {}, {"reverse": "undecided"}),
    "45.90.0.10": (ptr("-bad-.example"), {}, {"reverse": "invalid"}),
    "45.90.0.11": (("truncated", ptr("tcp.example")), {"tcp.example": a("45.90.0.11")}, {"reverse": "confirmed", "name": "tcp.example"}),
    "45.90.0.12": (ptr("slow.example"), {"slow.example": None}, {"reverse": "undecided", "name": "slow.example"}),
    "45.90.0.13": (ptr("fails.example"), {"fails.example": 2}, {"reverse": "undecided"}),
    "45.90.0.14": (ptr("no.example"), {"no.example": 3}, {"reverse": "unconfirmed"}),
    "45.90.0.15": (ptr(*[f"n{i}.example" for i in range(200)]), {f"n{i}.example": a("45.90.9.9") for i in range(200)}, {"reverse": "unconfirmed"}),
    "45.90.0.16": (ptr("many.example"), {"many.example": a(*[f"45.91.{i}.1" for i in range(60)]) + a("45.90.0.16")}, {"reverse": "confirmed"}),
    "45.90.0.17": ([record("CNAME", b"\xc0\x0c")], {}, {"reverse": "missing"}),
    "45.90.0.18": ([record("PTR", b"\xc0\x0c", owner=b"\xc0\x0c"), record("PTR", b"\xc0\xff")], {}, {"reverse": "undecided"}),
    "45.90.0.19": ([record("A", b"\x2d\x5a\0\x13")], {}, {"reverse": "missing"}),
    "45.90.0.20": (ptr("six.example"), {"six.example": [record("AAAA", bytes(16))]}, {"reverse": "unconfirmed"}),
}


def rules_of(table):
    by_name = {}
    for ip, (answer, names, _) in table.items():
        by_name[(reverse(ip), "PTR")] = answer
        by_name.update({(n, "A"): v for n, v in names.items()})
    return lambda name, kind, tcp: by_name.get((name, kind), 3)


def test_answers(build):
    server = Faulty(rules_of(REVERSE))
    with installation(build, server.port, FAST, zones=ZONES) as t:
        try:
            t.start("trapsmtp", "trapexport", "traplook")
            for ip in REVERSE:
                assert t.mail("sales@trap.test", client=ip, helo="[" + ip + "]") == 250
            for ip, (_, _, words) in REVERSE.items():
                got = wait_lookup(t, ip)
                assert words.items() <= got.items(), (ip, got)
            assert server.count("n4.example") == 1 and server.count("n5.example") == 0  # five names are asked for
            assert 2 <= server.count(reverse("45.90.0.1")) <= 6  # two tries; again where the server ended a TCP connection
            log = (t.top / "log").read_bytes()
            raw = b"".join(bytes(d) for d, in t.sql("acts", "SELECT detail FROM act"))
            assert b"\x1b" not in log and b"\x1b" not in raw and b"\n" not in raw
            assert not [line for line in log.splitlines() if not line.startswith(b"20")]
        finally:
            server.close()


def test_crawler_hold(build):
    """Nobody says whether it is a crawler: its listing waits. When the answer comes it is listed, or kept off for good."""
    answers = {}
    server = Faulty(lambda name, kind, tcp: answers.get((name, kind), 2))
    with installation(build, server.port, FAST) as t:
        try:
            t.start("trapweb", "trapsmtp", "trapexport", "traplook")
            for visitor in ("66.249.66.9", "45.92.0.9"):
                status, _, body = t.get("/", client=visitor)
                assert status == 200
                for address in extract(body)[:2]:
                    assert t.mail(address, client="45.93.0.1") == 250

            def harvester(ip):
                return t.json("explain", ip)["harvester"]["zones"][0]
            for visitor in ("66.249.66.9", "45.92.0.9"):
                assert wait_lookup(t, "crawler:" + visitor)["crawler"] == "undecided"
                wait_for("the fold", lambda ip=visitor: harvester(ip)["state"] == "delayed")
                assert harvester(visitor)["held_until"] > harvester(visitor)["last_visit"]
            text = t.run("explain", "45.92.0.9").stdout.decode()
            assert "nobody knows yet whether it is a search engine's crawler" in text
            answers[(reverse("66.249.66.9"), "PTR")] = ptr("c9.googlebot.com")
            answers[("c9.googlebot.com", "A")] = a("66.249.66.9")
            answers[(reverse("45.92.0.9"), "PTR")] = 3
            for visitor in ("66.249.66.9", "45.92.0.9"):
                t.run("look", visitor, "--now")
            assert harvester("66.249.66.9")["kept_off_by"] == "crawlers"
            assert harvester("45.92.0.9")["state"] == "listed" and "kept_off_by" not in harvester("45.92.0.9")
        finally:
            server.close()


def test_bounds(build):
    """Questions at once, and in an hour."""
    lock, now, most = threading.Lock(), [0], [0]

    def rules(name, kind, tcp):
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        time.sleep(0.05)
        with lock:
            now[0] -= 1
        return 3
    server = Faulty(rules)
    with installation(build, server.port, 'queries_max = 3  queries_per_hour = 60  timeout = "5s"', zones=ZONES) as t:
        try:
            t.start("trapsmtp", "trapexport", "traplook")
            with t.smtp() as s:
                for i in range(100):
                    s.expect(f"XCLIENT ADDR=45.94.0.{i + 1}", 220)
                    s.expect("EHLO a.example", 250)
                    assert s.message("x@y.example", ["sales@trap.test"], b"Subject: x\r\n\r\nx\r\n") == 250
            wait_for("the budget is used up", lambda: len(server.asked) > 50)
            time.sleep(1.5)
            assert len(server.asked) <= 60 and most[0] <= 3, (len(server.asked), most[0])
            assert 20 <= len(lookups(t)) <= 30
        finally:
            server.close()


def test_stop(build):
    """With questions open it stops at once, and a second one of the same installation is refused."""
    server = Faulty(lambda name, kind, tcp: None)
    with installation(build, server.port, 'timeout = "30s"', zones=ZONES, providers="a.example\nb.example\n") as t:
        try:
            p = t.start("traplook")
            wait_for("questions", lambda: len(server.asked) >= 2)
            second = t.start_peer([str(t.bin / "traplook"), "-c", str(t.conf)])
            assert second.wait(60) == 75
            began = time.monotonic()
            assert t.stop(p) == 0 and time.monotonic() - began < 25, "not at the end of timeout"
        finally:
            server.close()


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
