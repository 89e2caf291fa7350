"""The tarpit: whom the exporter listed hears slow replies, everybody else does not; and what after_data answers, domain by domain."""
import contextlib
import os
import re
import sys
import time

from clocklib import Clock
from testlib import Installation, Smtp, all_read, run_tests, skip, wait_for

CONFIG = ('trap "sales@shop.example" { class = "pristine" }\n'
          'trap_domain "old.example" { class = "recycled" }\n'
          'trap_domain "told.example" { class = "recycled" after_data = "reject" }\n')
BODY = b"Subject: x\r\n\r\nb\r\n"
LISTED, OTHER = "203.0.114.7", "203.0.114.8"
GREETING = "220 mx.trap.test"
TARPIT_FLAG = 1 << 28


snapshot = None     # of whom the exporter listed; made once


@contextlib.contextmanager
def pit(build, smtp, clock=False):
    """A sink, and LISTED on the zone and in the snapshot."""
    global snapshot
    with Installation(build, smtp='tarpit = "on"\n' + smtp, config=CONFIG) as inst:
        place = inst.dir / "snap" / "listed"
        if snapshot is None:
            programs = inst.start("trapsmtp"), inst.start("trapexport")
            assert inst.mail("sales@shop.example", LISTED) == 250
            key = bytes.fromhex("00000000000000000000ffff") + bytes(map(int, LISTED.split("."))) + b"\x80"
            wait_for("the listing in the snapshot\n" + inst.log(), lambda: place.exists() and key in place.read_bytes(), 90)
            snapshot = place.read_bytes()
            for program in programs:
                assert inst.stop(program) == 0, inst.log()
        place.write_bytes(snapshot)
        inst.clock = Clock(build, inst)
        inst.daemon = inst.start("trapsmtp", env=inst.clock.env if clock else None)
        yield inst


def later(inst, seconds):
    """The wall clock stands: the snapshot does not become old."""
    inst.clock.settle()
    inst.clock.mono += seconds
    inst.clock.set()


class Slow(Smtp):
    """A session of LISTED on a clock of the test's; its replies come when time goes by."""

    def __init__(self, inst):
        super().__init__(inst.smtp_port)
        self.inst = inst
        self.expect(None, 220)

    def come(self):
        """What has come by now."""
        self.sock.setblocking(False)
        try:
            return self.sock.recv(1000)
        except BlockingIOError:
            return b""
        finally:
            self.sock.settimeout(60)

    def ask(self, line, code):
        """Sends it; the answers up to that code, for which ten minutes and a minute an octet go by."""
        self.send(line)
        self.inst.clock.settle()
        assert self.come() == b""
        later(self.inst, 590)
        assert self.come() == b"", "tarpit_delay"
        later(self.inst, 11)
        got = self.come()
        assert len(got) == 1, got
        while not re.search(rb"(?:^|\n)%d .*\r\n$" % code, got):
            later(self.inst, 61)
            more = self.come()
            assert len(more) == 1, (got, more)  # tarpit_stutter
            got += more
        return got


def greet(inst, client):
    """A session whose replies come at once."""
    s = Smtp(inst.smtp_port)
    s.expect(None, 220)
    assert s.expect(f"XCLIENT ADDR={client}", 220)[0].startswith(GREETING.encode())
    return s


HOURS = 'command_timeout = "1h"  session_max = "1d"  tarpit_delay = "10m"  tarpit_stutter = "1m"'


def test_listed_clients_are_slow(build):
    with pit(build, HOURS + '  tarpit_max = "1d"  tarpit_sessions = 2', clock=True) as inst:
        before = inst.sockets(inst.daemon)
        first, slow = Slow(inst), Slow(inst)
        for s in (first, slow):
            assert s.ask(f"XCLIENT ADDR={LISTED}\r\n".encode(), 220).startswith(GREETING.encode())
        fast, third = greet(inst, OTHER), greet(inst, LISTED)   # tarpit_sessions
        third.expect("QUIT", 221)
        assert third.reply()[0] == 0
        fast.expect("EHLO other.example", 250)
        assert fast.message("a@b.example", ["t1@old.example"], BODY) == 250
        fast.expect("QUIT", 221)
        assert fast.reply()[0] == 0
        assert slow.ask(b"EHLO listed.example\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<t1@old.example>\r\nDATA\r\n", 354)
        slow.send(BODY + b".\r\n")
        wait_for("both hits: nothing is lost but time",
                 lambda: inst.sql("hits", "SELECT count(*) FROM hit WHERE address = ?", b"t1@old.example") == [(2,)])
        flags = dict(inst.sql("hits", "SELECT helo, flags FROM hit WHERE address = ?", b"t1@old.example"))
        assert flags[b"listed.example"] & TARPIT_FLAG and not flags[b"other.example"] & TARPIT_FLAG, flags
        for s in (first, slow):
            s.close()

        def are_gone():     # one that waits to say something sees it when it does
            later(inst, 61)
            return inst.sockets(inst.daemon) == before
        wait_for("the end of their sessions", are_gone)
        assert Slow(inst).ask(f"XCLIENT ADDR={LISTED}\r\n".encode(), 220), "the slow place is free again"


def test_slow_only_for_so_long(build):
    with pit(build, HOURS + '  tarpit_max = "90m"', clock=True) as inst:
        s = Slow(inst)
        s.ask(f"XCLIENT ADDR={LISTED}\r\n".encode(), 220)
        later(inst, 3500)
        for _ in range(20):
            s.expect("NOOP", 250)


def test_whoever_leaves_or_pipelines(build):
    """Clients that go away in the middle of a slow reply, and one that sends everything at once."""
    with pit(build, 'tarpit_delay = "100ms"  tarpit_stutter = "5ms"  tarpit_max = "1h"') as inst:
        for _ in range(20):
            s = Smtp(inst.smtp_port)
            s.expect(None, 220)
            s.send(b"XCLIENT ADDR=" + LISTED.encode() + b"\r\n")
            time.sleep(0.05)
            s.close()
        s = greet(inst, LISTED)
        s.send(b"EHLO all.example\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<t2@old.example>\r\nDATA\r\nSubject: x\r\n\r\nb\r\n.\r\nQUIT\r\n")
        for code in (250, 250, 250, 354, 250, 221):
            assert s.reply()[0] == code
        assert s.reply()[0] == 0
        assert inst.sql("hits", "SELECT count(*) FROM hit WHERE address = ?", b"t2@old.example") == [(1,)]
        s = greet(inst, LISTED)
        s.send(b"NOOP\r\n" * 100)
        time.sleep(0.2)
        assert inst.stop(inst.daemon) == 0, inst.log()  # a slow session does not hold up the end


def test_a_last_reply_does_not_hold_up_the_end(build):
    with pit(build, 'tarpit_delay = "1m"  tarpit_max = "1h"') as inst:
        s = Smtp(inst.smtp_port)
        s.expect(None, 220)
        s.send(b"XCLIENT ADDR=" + LISTED.encode() + b"\r\nQUIT\r\n")
        wait_for("it is read", lambda: all_read(inst.smtp_port))
        assert inst.stop(inst.daemon) == 0, inst.log()
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
