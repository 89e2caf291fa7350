"""The tarpit: whom the exporter listed hears slow replies, everybody else does not; and what after_data answers, domain by domain."""
import contextlib
import os
import sys
import time

from testlib import Installation, Smtp, run_tests, skip, wait_for

CONFIG = ('trap "sales@shop.example" { class = "pristine" }\n'
          'trap_domain "old.example" { class = "recycled" }\n'
          'trap_domain "told.example" { class = "recycled" after_data = "reject" }\n')
BODY = b"Subject: x\r\n\r\nb\r\n"
LISTED, OTHER = "203.0.114.7", "203.0.114.8"
GREETING = "220 mx.trap.test"
TARPIT_FLAG = 1 << 28


@contextlib.contextmanager
def pit(build, smtp):
    """A sink and an exporter, and LISTED on the zone and in the snapshot."""
    with Installation(build, smtp='tarpit = "on"\n' + smtp, config=CONFIG) as inst:
        inst.start("trapsmtp", "trapexport")
        assert inst.mail("sales@shop.example", LISTED) == 250
        snapshot = inst.dir / "snap" / "listed"
        key = bytes.fromhex("00000000000000000000ffff") + bytes(map(int, LISTED.split("."))) + b"\x80"
        wait_for("the listing in the snapshot\n" + inst.log(), lambda: snapshot.exists() and key in snapshot.read_bytes(), 90)
        time.sleep(2.5)  # the sink looks once a second
        yield inst


def greet(inst, client):
    """A session of `client`, and the seconds until its greeting was whole."""
    s = Smtp(inst.smtp_port)
    s.expect(None, 220)
    start = time.monotonic()
    assert s.expect(f"XCLIENT ADDR={client}", 220)[0].startswith(GREETING.encode())
    return s, time.monotonic() - start


def test_listed_clients_are_slow(build):
    with pit(build, 'tarpit_delay = "700ms"  tarpit_stutter = "20ms"  tarpit_max = "1h"  tarpit_sessions = 1') as inst:
        slow, took = greet(inst, LISTED)
        assert took >= 0.7 + len(GREETING) * 0.02, took
        fast, took = greet(inst, OTHER)
        assert took < 0.7, took
        second, took = greet(inst, LISTED)  # tarpit_sessions
        assert took < 0.7, took
        second.close()
        start = time.monotonic()
        slow.expect("EHLO listed.example", 250)
        assert time.monotonic() - start >= 0.7
        assert slow.message("a@b.example", ["t1@old.example"], BODY) == 250  # nothing is lost but time
        fast.expect("EHLO other.example", 250)
        assert fast.message("a@b.example", ["t1@old.example"], BODY) == 250
        slow.close()
        wait_for("both hits", lambda: inst.sql("hits", "SELECT count(*) FROM hit WHERE address = ?", b"t1@old.example") == [(2,)])
        flags = dict(inst.sql("hits", "SELECT helo, flags FROM hit WHERE address = ?", b"t1@old.example"))
        assert flags[b"listed.example"] & TARPIT_FLAG and not flags[b"other.example"] & TARPIT_FLAG, flags
        wait_for("the slow place is free again", lambda: greet(inst, LISTED)[1] >= 0.7)


def test_slow_only_for_so_long(build):
    with pit(build, 'tarpit_delay = "300ms"  tarpit_stutter = "50ms"  tarpit_max = "2s"') as inst:
        s, took = greet(inst, LISTED)
        assert took >= 0.3, took
        time.sleep(2)
        start = time.monotonic()
        for _ in range(20):
            s.expect("NOOP", 250)
        assert time.monotonic() - start < 20 * 0.3


def test_whoever_leaves_or_pipelines(build):
    """Clients that go away in the middle of a slow reply, and one that sends everything at once."""
    with pit(build, 'tarpit_delay = "100ms"  tarpit_stutter = "5ms"  tarpit_max = "1h"') as inst:
        for _ in range(20):
            s = Smtp(inst.smtp_port)
            s.expect(None, 220)
            s.send(b"XCLIENT ADDR=" + LISTED.encode() + b"\r\n")
            time.sleep(0.05)
            s.close()
        s, _ = greet(inst, LISTED)
        s.send(b"EHLO all.example\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<t2@old.example>\r\nDATA\r\nSubject: x\r\n\r\nb\r\n.\r\nQUIT\r\n")
        for code in (250, 250, 250, 354, 250, 221):
            assert s.reply()[0] == code
        assert s.reply()[0] == 0
        assert inst.sql("hits", "SELECT count(*) FROM hit WHERE address = ?", b"t2@old.example") == [(1,)]
        s, _ = greet(inst, LISTED)
        s.send(b"NOOP\r\n" * 100)
        time.sleep(0.2)
        assert inst.stop(inst.processes[0]) == 0, inst.log()  # a slow session does not hold up the end


def test_a_last_reply_does_not_hold_up_the_end(build):
    with pit(build, 'tarpit_delay = "1m"  tarpit_max = "1h"') as inst:
        s = Smtp(inst.smtp_port)
        s.expect(None, 220)
        s.send(b"XCLIENT ADDR=" + LISTED.encode() + b"\r\nQUIT\r\n")
        time.sleep(1)
        assert inst.stop(inst.processes[0]) == 0, inst.log()
        assert [s.reply()[0] for _ in range(3)] == [220, 221, 0]
        assert "smtp.stop sessions=" not in inst.log(), inst.log()  # said when some were still open after nine seconds


def test_after_data_by_domain(build):
    with Installation(build, smtp='lookup_url = "https://lookup.example/?ip=$"', config=CONFIG) as inst:
        inst.start("trapsmtp")
        with inst.smtp(LISTED) as s:
            def text(*recipients):
                s.expect("MAIL FROM:<a@b.example>", 250)
                for r in recipients:
                    s.expect(f"RCPT TO:<{r}>", 250)
                s.expect("DATA", 354)
                s.send(BODY + b".\r\n")
                return s.reply()[1][0].decode()
            assert text("x@told.example") == f"550 5.7.1 Message refused, see https://lookup.example/?ip={LISTED}"
            assert text("x@told.example", "x@old.example").startswith("250 ")
            assert text("x@told.example", "postmaster@told.example").startswith("250 ")
            assert text("sales@shop.example").startswith("250 ")
            assert text("x@told.example", "y@told.example").startswith("550 ")
        assert inst.sql("hits", "SELECT flags >> 18 & 1 FROM hit ORDER BY seq") == [(1,), (0,), (0,), (0,), (1,)]  # each on record before


def test_after_data_default(build):
    with Installation(build, smtp='after_data = "reject"', config=CONFIG + 'trap_domain "fine.example" { class = "recycled" after_data = "accept" }\n') as inst:
        inst.start("trapsmtp")
        assert inst.mail("sales@shop.example") == 550
        assert inst.mail("x@old.example") == 550
        assert inst.mail("x@fine.example") == 250


if __name__ == "__main__":
    if not os.path.exists(sys.argv[1] + "/bin/trapline"):
        skip("trapline is not built")
    sys.exit(run_tests(globals()))
