"""A disk that hangs for half a minute, a disk on which every write fails for a while, no descriptors left: whoever wants nothing of the disk
is served as ever, whoever does waits no longer than commit_wait, and when the cause goes all is well again by itself. What had its 250 is on
record once; nothing is there twice."""
import contextlib
import errno
import re
import resource
import sys

from faillib import ALL, BODY, SIZE, SYNC, WRITE, sink, stored, testlib

TRAP = "sales@shop.example"
QUEUE = "queue_max = 2"


class Client(testlib.Smtp):
    """One client and its one message; `sender` is known by nobody else."""

    def __init__(self, t, name, to=TRAP):
        super().__init__(t.smtp_port)
        self.sender, self.to, self.answer = name + "@sender.example", to, None
        self.expect(None, 220)
        self.expect(f"EHLO {name}.example", 250)

    def begin(self):
        self.expect(f"MAIL FROM:<{self.sender}>", 250)
        self.expect(f"RCPT TO:<{self.to}>", 250)
        self.expect("DATA", 354)
        self.send(BODY)
        return self

    def end(self):
        self.send(b".\r\n")

    def silent(self):
        self.sock.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            raise AssertionError(f"{self.sender}: {self.sock.recv(100)!r}")
        self.sock.settimeout(60)

    def told(self):
        code, lines = self.reply()
        assert code in (250, 452), lines
        assert code == 250 or lines[0].startswith(b"452 4.3.1"), lines
        self.answer = code
        return code


def check_record(t, clients):
    """Every 250 is kept, nothing is there twice."""
    rows = [r[0].decode() for r in t.sql("hits", "SELECT reverse_path FROM hit")]
    assert len(rows) == len(set(rows)), f"twice: {rows}"
    lost = {c.sender for c in clients if c.answer == 250 and c.to == TRAP} - set(rows)
    assert not lost, f"lost: {lost}"
    for c in clients:
        c.close()


def serves_others(t, name):
    """All that needs no disk."""
    with Client(t, name) as s:
        for line, code in (("NOOP", 250), ("RSET", 250), ("VRFY x", 252), ("WHAT", 500), ("RCPT TO:<x@old.example>", 503), ("QUIT", 221)):
            s.expect(line, code)
        assert s.reply()[0] == 0


def hang_begins(t, faults):
    """Calls hang; the writer has one message in its hands and a full queue behind it, one more client waits for room in the queue, and one
    that sent no dot yet: (waiting clients, the late one)."""
    waiting = [Client(t, name).begin() for name in ("writer", "queue1", "queue2", "server")]
    late, role = Client(t, "late").begin(), Client(t, "role", "postmaster@old.example").begin()
    faults.hold(WRITE | SYNC)
    for client in (*waiting, role):
        client.end()
        testlib.wait_for("it is read", lambda: testlib.all_read(t.smtp_port))
        t.clock.settle()
        testlib.wait_for("the writer hangs", lambda: faults.held() > 0)
    return waiting + [role], late


def test_hang(build):
    with sink(build, store=QUEUE) as (t, faults):
        at_mail, at_rcpt, idle, gone = (Client(t, name) for name in ("mail", "rcpt", "idle", "gone"))
        gone.begin()
        at_rcpt.expect(f"MAIL FROM:<{at_rcpt.sender}>", 250)
        waiting, late = hang_begins(t, faults)
        gone.end()
        gone.close()
        at_mail.expect(f"MAIL FROM:<{at_mail.sender}>", 452)
        at_rcpt.expect(f"RCPT TO:<{TRAP}>", 250)
        at_rcpt.expect("DATA", 354)
        for n in range(4):      # twenty seconds: nobody is answered, everybody else is served
            serves_others(t, f"other{n}")
            t.clock.later(5)
            at_mail.expect(f"MAIL FROM:<{at_mail.sender}>", 452)
            for client in waiting:
                client.silent()
        late.end()
        t.clock.later(11)
        assert [c.told() for c in waiting] == [452] * len(waiting), "no longer than commit_wait"
        late.silent()
        serves_others(t, "other")
        for client in waiting:
            client.expect("NOOP", 250)
        idle.expect("NOOP", 250)
        at_rcpt.send(b"x\r\n")
        t.clock.later(20)
        assert late.told() == 452
        at_mail.expect("NOOP", 250)
        for n in range(7):      # another hour would be the same: retries wait, and are told
            t.clock.later(2)
            again = [Client(t, f"again{n}.{i}").begin() for i in range(2)]
            for client in again:
                client.end()
            t.clock.later(31)
            assert [c.told() for c in again] == [452, 452]
            for client in again + [at_mail]:
                client.expect("NOOP", 250)
            at_rcpt.send(b"y\r\n")
            serves_others(t, f"others{n}")
            waiting += again
        assert idle.reply()[0] == 421, "time-outs go on"
        faults.hold(0)
        testlib.wait_for("the queue is written", lambda: faults.held() == 0 and "queue2@sender.example" in stored(t))
        t.clock.later(2)
        at_rcpt.end()
        assert at_rcpt.told() == 250
        at_mail.begin().end()
        assert at_mail.told() == 250
        after = [Client(t, f"after{n}", to).begin() for n, to in enumerate((TRAP, "postmaster@old.example", TRAP))]
        for client in after:
            client.end()
        assert [c.told() for c in after] == [250] * 3
        assert "server@sender.example" not in stored(t), "it was never handed to the writer"
        check_record(t, waiting + after + [late, at_mail, at_rcpt, idle])


def test_hang_that_ends_in_time(build):
    """Shorter than commit_wait: everybody has his 250, in order of the queue, none an error."""
    with sink(build, store=QUEUE) as (t, faults):
        waiting, late = hang_begins(t, faults)
        t.clock.later(20)
        faults.hold(0)
        late.end()
        t.clock.later(1)
        assert [c.told() for c in waiting + [late]] == [250] * 6
        check_record(t, waiting + [late])


def test_stop_in_a_hang(build):
    """Asked to stop: those who wait have their answer when the disk comes back."""
    with sink(build, store=QUEUE) as (t, faults):
        waiting, late = hang_begins(t, faults)
        t.daemon.terminate()
        assert late.reply()[0] == 421
        t.clock.later(3)
        faults.hold(0)
        assert [c.told() for c in waiting] == [250] * 5
        assert t.daemon.wait(60) == 0, t.log()
        t.processes.remove(t.daemon)
        t.daemon = t.start("trapsmtp")
        check_record(t, waiting + [late])


def test_every_commit_fails(build):
    """For minutes, then no more."""
    for kinds, error in ((WRITE | SYNC | SIZE, errno.EIO), (SYNC, errno.EIO), (WRITE | SIZE, errno.ENOSPC)):
        with sink(build, store=QUEUE) as (t, faults):
            clients = [Client(t, f"before{n}").begin() for n in range(2)]
            begun = Client(t, "begun")
            begun.expect(f"MAIL FROM:<{begun.sender}>", 250)
            clients[0].end()
            assert clients[0].told() == 250
            faults.arm(kinds, 1, ALL, error)
            clients[1].end()
            assert clients[1].told() == 452
            begun.expect(f"RCPT TO:<{TRAP}>", 250)
            for n in range(10):
                serves_others(t, f"other{n}")
                t.clock.later(2)    # MAIL is refused for a second only
                failing = Client(t, f"failing{n}").begin()
                failing.end()
                assert failing.told() == 452
                failing.expect("NOOP", 250)
                clients.append(failing)
            _, failed = faults.disarm()
            assert failed > 10, failed
            t.clock.later(2)
            begun.expect("DATA", 354)
            begun.send(BODY)
            begun.end()
            assert begun.told() == 250, t.log()
            for client in clients[1:]:      # they were told to come again, and do
                client.begin().end()
                assert client.told() == 250
            check_record(t, clients + [begun])
            assert t.sql("hits", "PRAGMA quick_check") == [("ok",)]


def test_no_descriptors(build):
    """Who is connected goes on, with mail, too; mail to postmaster, which needs a file, is put off; new clients are told, or wait."""
    with sink(build) as (t, faults):
        known = [Client(t, f"known{n}") for n in range(3)]
        role = Client(t, "role", "postmaster@old.example")
        used = len(list(testlib.pathlib.Path(f"/proc/{t.daemon.pid}/fd").iterdir()))
        before = resource.prlimit(t.daemon.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(t.daemon.pid, resource.RLIMIT_NOFILE, (used, before[1]))
        told = testlib.Smtp(t.smtp_port)
        assert told.reply() == (421, [b"421 4.7.0 Too many connections, try again later"]) and told.reply()[0] == 0
        waits = testlib.Smtp(t.smtp_port)
        for client in known:
            client.begin().end()
            assert client.told() == 250
        role.begin().end()
        assert role.told() == 452
        role.expect("RSET", 250)
        waits.close()
        resource.prlimit(t.daemon.pid, resource.RLIMIT_NOFILE, before)
        t.clock.later(2)
        serves_others(t, "other")
        role.begin().end()
        assert role.told() == 250
        check_record(t, known + [role])
        assert re.search("smtp.descriptors .*todo=", (t.top / "log").read_text())


if __name__ == "__main__":
    sys.exit(testlib.run_tests(globals()))
