"""A daemon some of whose calls fail: the n-th allocation, write, fsync, send, accept (tests/shim/fail.c)."""
import contextlib
import ssl
import struct
import threading

from fault_lib import testlib  # first: it makes the folder of the functional tests known
from clocklib import Clock, both, control_file, preload
from tlslib import TlsSmtp

ALLOC, WRITE, SYNC, SIZE, SEND, RECV, ACCEPT, EPOLL = (1 << n for n in range(8))
ALL = 1 << 40
CONFIG = ('trap_domain "old.example" { class = "recycled" }\ntrap "sales@shop.example" { class = "pristine" }\n'
          'store { free_min = "0" }\n')


class Faults:
    def __init__(self, build, installation):
        path = installation.top / "faults"
        self.map = control_file(path)
        self.env = preload(build, "fail", "TRAPLINE_FAIL", path)
        others = installation.top / "others"    # what other people's libraries leak when they get no memory
        others.write_text("leak:libcrypto.so\nleak:libssl.so\n")
        self.env["LSAN_OPTIONS"] = f"suppressions={others}:print_suppressions=0"

    def arm(self, kinds, first, count=1, error=12, half=False):
        """Calls of `kinds` fail from the first-th on, `count` of them, with the errno `error`; with `half` they write half instead."""
        struct.pack_into("<Q", self.map, 0, kinds)
        struct.pack_into("<qiiqq", self.map, 16, count, error, half, 0, 0)
        struct.pack_into("<q", self.map, 8, first)

    def hold(self, kinds):
        """Calls of `kinds` hang until hold(0)."""
        struct.pack_into("<Q", self.map, 48, kinds)

    def held(self):
        """How many calls hang now."""
        return struct.unpack_from("<q", self.map, 56)[0]

    def disarm(self):
        """How many calls were counted, and how many failed."""
        struct.pack_into("<q", self.map, 8, 0)
        return struct.unpack_from("<qq", self.map, 32)


@contextlib.contextmanager
def sink(build, smtp="", store=""):
    """A trapsmtp behind the library, its clocks the test's; must be alive at the end and end in order."""
    with testlib.Installation(build, config=CONFIG.replace("store {", "store { " + store), smtp='hits_per_sender_hour = 0  auth = "on"\n' + smtp, tls=True) as t:
        faults = Faults(build, t)
        t.clock = Clock(build, t)
        t.daemon = t.start("trapsmtp", env=both(faults.env, t.clock.env))
        with testlib.Smtp(t.smtp_port) as s:
            s.expect(None, 220)     # what the first session makes is there
        try:
            yield t, faults
        finally:
            faults.disarm()
            faults.hold(0)
        assert t.daemon.poll() is None, f"trapsmtp ended with {t.daemon.returncode}:\n{t.log()}"
        assert t.stop(t.daemon) == 0, t.log()


class Ticking:
    """A clock that runs a hundred times as fast; nothing without a clock."""

    def __init__(self, clock):
        self.clock, self.over = clock, threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        while not self.over.wait(0.1):
            self.clock.later(10)

    def __enter__(self):
        if self.clock:
            self.thread.start()

    def __exit__(self, *_):
        self.over.set()
        if self.clock:
            self.thread.join()


class Session:
    """Plays a session as far as the sink goes along: each answer is the wanted one, or a refusal for now, or the connection ends."""

    NOW = (421, 451, 452, 454)

    def __init__(self, t):
        self.t, self.accepted, self.refused = t, [], 0

    def one(self, line, wanted):
        code, lines = self.s.command(line)
        if code == wanted:
            return True
        assert code in self.NOW or code == 0, f"{line or 'greeting or RCPT'!r}: expected {wanted} or a refusal for now, got {lines}"
        self.refused += 1
        if code in (0, 421):
            raise ConnectionError
        return False

    def message(self, sender, recipients, body):
        if not self.one(f"MAIL FROM:<{sender}>", 250):
            return
        self.s.send(b"".join(b"RCPT TO:<%s>\r\n" % r.encode() for r in recipients))
        if sum(self.one(None, 250) for _ in recipients) == 0:
            self.one("RSET", 250)
            return
        if self.one("DATA", 354) and self.one(body + b".\r\n", 250):
            self.accepted.append(sender)

    def play(self, dialogue, clock=None):
        """dialogue(self) with an open connection; False when it ended early. With a clock time goes by while there is no answer."""
        try:
            with TlsSmtp(self.t.smtp_port, timeout=20) as self.s, Ticking(clock):
                self.one(None, 220)
                dialogue(self)
            return True
        except TimeoutError as e:
            raise AssertionError(f"no answer: the session hangs\n{self.t.log()}") from e
        except (ConnectionError, ssl.SSLError):
            return False


BODY = b"Subject: x\r\nX-Long: " + b"y" * 300 + b"\r\n\r\n" + b"a line of some length, again and again\r\n" * 600


def plain(name):
    """What a session can do, each part in need of memory: names, XCLIENT, recipients, samples, mail for postmaster, kept lines, attempts."""
    def play(s):
        s.one("EHLO " + "n" * 200, 250)
        s.one("XCLIENT ADDR=203.0.113.7 NAME=x.example HELO=helo.example", 220)
        s.one("EHLO client.example", 250)
        s.message(f"one.{name}@sender.example", ["sales@shop.example"] + [f"t{i}@old.example" for i in range(70)], BODY)
        s.message(f"two.{name}@sender.example", ["postmaster@old.example", "t1@old.example"], BODY)
        s.one("RCPT TO:<x@old.example>", 503)
        s.s.send(b"NO")                      # part of a line: kept
        s.one(b"OP\r\n", 250)
        if s.one("MAIL FROM:<cut@sender.example>", 250) and s.one("RCPT TO:<t1@old.example>", 250) and s.one("DATA", 354):
            s.s.send(b"Subject: half")       # an attempt
    return play


def extensions(name):
    """AUTH, DSN, SMTPUTF8, chunks, and the same inside TLS."""
    def chunks(s, sender):
        if s.one(f"MAIL FROM:<{sender}> BODY=BINARYMIME SMTPUTF8 RET=HDRS ENVID=x{name}", 250):
            if s.one("RCPT TO:<t\u00fc@old.example> NOTIFY=NEVER ORCPT=rfc822;x@y.example".encode() + b"\r\n", 250):
                if s.one(b"BDAT %d\r\n%s" % (len(BODY), BODY), 250) and s.one(b"BDAT 3 LAST\r\nx\r\n", 250):
                    s.accepted.append(sender)
            else:
                s.one("RSET", 250)

    def play(s):
        s.one("EHLO client.example", 250)
        s.one("AUTH PLAIN AHVzZXIAc2VjcmV0", 535)
        chunks(s, f"three.{name}@sender.example")
        s.one("STARTTLS", 220)
        s.s.start_tls()
        s.one("EHLO tls.example", 250)
        if s.one("AUTH LOGIN", 334) and s.one("dXNlcg==", 334):
            s.one("c2VjcmV0", 535)
        chunks(s, f"four.{name}@sender.example")
        s.one("QUIT", 221)
    return play


def check_alive(t, name):
    """Whatever happened: the process lives and the next client gets all of it."""
    assert t.daemon.poll() is None, f"{name}: trapsmtp ended with {t.daemon.returncode}:\n{t.log()}"
    for path in (t.dir / "postmaster").glob("*.eml"):
        path.unlink()       # the folder has room for a thousand
    for _ in range(20):
        after = Session(t)
        if after.play(lambda s: s.message(f"after.{name}@sender.example", ["sales@shop.example", "postmaster@old.example"], b"x\r\n")) and after.accepted:
            return after.accepted
        t.clock.later(1)    # after a failure the sink takes no mail for a second
    raise AssertionError(f"{name}: no service afterwards:\n{t.log()}")


def stored(t):
    return {r[0].decode() for r in t.sql("hits", "SELECT reverse_path FROM hit")}
