"""Every limit of trapsmtp one below, at, and one above its value: the answer that docs/smtp-behaviour.md gives (section Limits).

Limits of time are tried on a clock of the test's own, ten seconds before and one second behind the deadline.
"""
import contextlib
import itertools
import os
import select
import sys
import time

from test_smtp_limits import TRAP, sink
from testlib import Smtp, free_port, skip, unzstd, wait_for
from tlslib import connect

CUT = 1 << 17   # enum hit_flag
numbers = itertools.count(1)
words = itertools.cycle([b"river ", b"stone ", b"garden ", b"window ", b"paper ", b"winter "])     # one sample is kept a campaign


def v4():
    """A client that nobody was before."""
    n = next(numbers)
    return f"198.18.{n // 250}.{n % 250 + 1}"


def v6_in_64():
    """Clients of one /64 that nobody was before."""
    net = f"2001:db8:{next(numbers):x}"
    return lambda n: f"{net}:1::{n + 1:x}"


def v6_in_48(share):
    """Clients of one /48 that nobody was before, `share` of each of its /64."""
    net = f"2001:db8:{next(numbers):x}"
    return lambda n: f"{net}:{n // share + 1:x}::{n % share + 1:x}"


def code(reply):
    """250, or 452 4.5.3"""
    number, lines = reply
    words = lines[-1].decode().split() if lines else []
    return f"{number} {words[1]}" if number >= 400 else number


def recipient(s):
    s.expect("MAIL FROM:<a@b.example>", 250)
    s.expect(f"RCPT TO:<{TRAP}>", 250)


def replies(s, until=250):
    """All that come, to that one or the end."""
    found = []
    while not found or found[-1] not in (0, until):
        found.append(code(s.reply()))
    return found


# ---- counted ----

def commands(inst, n):
    with Smtp(inst.smtp_port) as s:
        s.expect(None, 220)
        s.send(b"NOOP\r\n" * n)
        return [code(s.reply()) for _ in range(n)][-1]


def errors(inst, n):
    with Smtp(inst.smtp_port) as s:
        s.expect(None, 220)
        s.send(b"WHAT\r\n" * n + b"NOOP\r\n")
        return replies(s)[-3:]


def recipients(inst, n):
    with inst.smtp(v4()) as s:
        s.expect("MAIL FROM:<a@b.example>", 250)
        s.send(b"".join(b"RCPT TO:<t%d@old.example>\r\n" % i for i in range(n)))
        last = [code(s.reply()) for _ in range(n)][-1]
        for _ in range(6 if last != 250 else 0):    # no error of the client, however often
            s.expect("RCPT TO:<more@old.example>", 452)
        s.expect("DATA", 354)
        s.send(b"x\r\n.\r\n")
        assert s.reply()[0] == 250, "those before it stay"
    return last


def line(inst, n):
    with Smtp(inst.smtp_port) as s:
        s.expect(None, 220)
        return code(s.command(b"NOOP ".ljust(n - 2, b"x") + b"\r\n"))


def deliver(inst, body):
    """(answer, flags and size of the hit and the length of its sample) of one message of a client that nobody was before."""
    with inst.smtp(v4()) as s:
        recipient(s)
        s.expect("DATA", 354)
        s.send(body + b".\r\n")
        answer = code(s.reply())
    if answer != 250:
        return answer, None
    (seq, flags, size), = inst.sql("hits", "SELECT seq, flags, size FROM hit ORDER BY seq DESC LIMIT 1")
    return answer, (seq, flags, size)


def header(inst, n):
    """A header of n octets, its empty line included."""
    answer, (_, flags, size) = deliver(inst, b"X: ".ljust(n - 4, b"x") + b"\r\n\r\nbody\r\n")
    assert size == n + 6
    return answer, flags & CUT != 0


def declared(inst, n):
    with inst.smtp(v4()) as s:
        return code(s.command(f"MAIL FROM:<a@b.example> SIZE={n}"))


def lines(n):
    """n octets in lines of a lawful length, no two messages alike."""
    text = b"Subject: x\r\n\r\n" + next(words) * 10 + b"\r\n"
    rest = n - len(text)
    text += (b"a" * 498 + b"\r\n") * ((rest - 4) // 500)
    rest = n - len(text)
    return text + b"b" * (rest - 2) + b"\r\n"


def message(inst, n):
    body = lines(n)
    assert len(body) == n
    answer, hit = deliver(inst, body)
    assert hit is None or hit[2] == n
    return answer


def chunks(inst, n):
    with inst.smtp(v4()) as s:
        recipient(s)
        s.expect(b"BDAT 1000\r\n" + b"x" * 1000, 250)
        return code(s.command(b"BDAT %d LAST\r\n" % (n - 1000) + b"y" * (n - 1000)))


def sample(inst, n):
    answer, (seq, _, size) = deliver(inst, lines(n))
    assert answer == 250 and size == n
    rows = wait_for("the sample", lambda: inst.sql("samples", "SELECT data FROM sample WHERE hit = ?", seq))
    return len(unzstd(rows[0][0]))


def sessions_at_once(inst, name, n):
    with contextlib.ExitStack() as stack:
        last = None
        for i in range(n):
            s = stack.enter_context(Smtp(inst.smtp_port))
            s.expect(None, 220)
            client = name(i)
            last = code(s.command("XCLIENT ADDR=" + ("IPV6:" if ":" in client else "") + client))
        return last


def sessions_v4(inst, n):
    client = v4()
    return sessions_at_once(inst, lambda _: client, n)


def sessions_64(inst, n):
    return sessions_at_once(inst, v6_in_64(), n)


def sessions_48(inst, n):
    return sessions_at_once(inst, v6_in_48(3), n)


def sessions_direct(inst, n):
    """Of a client that names nobody."""
    source = f"127.0.9.{next(numbers) % 250 + 1}"
    with contextlib.ExitStack() as stack:
        return [code(stack.enter_context(Smtp(inst.smtp_port, source=source)).reply()) for _ in range(n)][-1]


def recorded(inst, name, n):
    """(the last answer, hits that are on record, hits that are counted) of n messages."""
    def now():
        return [inst.sql("hits", q)[0][0] for q in ("SELECT count(*) FROM hit", "SELECT coalesce(sum(count), 0) FROM counter")]
    before = now()
    answers = [inst.mail(TRAP, client=name(i), body=b"x\r\n") for i in range(n)]
    return answers[-1], *(b - a for a, b in zip(before, now()))


def hits_v4(inst, n):
    client = v4()
    return recorded(inst, lambda _: client, n)


def hits_64(inst, n):
    return recorded(inst, v6_in_64(), n)


def hits_48(inst, n):
    return recorded(inst, v6_in_48(3), n)


def session_records(inst, n):
    client = v4()
    for _ in range(n):
        with inst.smtp(client) as s:
            s.expect("WHAT", 500)
            s.expect("QUIT", 221)
            assert s.reply()[0] == 0
    with inst.smtp(v4(), helo=f"fence{n}.example") as s:
        s.expect("WHAT", 500)
    wait_for("the fence", lambda: inst.sql("hits", "SELECT 1 FROM session WHERE helo = ?", f"fence{n}.example".encode()))
    return inst.sql("hits", "SELECT count(*) FROM session WHERE client = ?", bytes(map(int, client.split("."))))[0][0]


COUNTED = [  # function, the limit, answers one below, at, and one above
    (commands, 12, 250, 250, "421 4.7.0"),
    (errors, 4, ["500 5.5.1", "500 5.5.1", 250], ["500 5.5.1", "421 4.7.0", 0], ["500 5.5.1", "421 4.7.0", 0]),
    (recipients, 100, 250, 250, "452 4.5.3"),
    (line, 512, 250, 250, "500 5.5.2"),
    (header, 4096, (250, False), (250, False), (250, True)),
    (declared, 65536, 250, 250, "552 5.3.4"),
    (message, 65536, 250, 250, "552 5.3.4"),
    (chunks, 65536, 250, 250, "552 5.3.4"),
    (sample, 1024, 1023, 1024, 1024),
    (sessions_v4, 3, 220, 220, "421 4.7.0"),
    (sessions_64, 3, 220, 220, "421 4.7.0"),
    (sessions_48, 48, 220, 220, "421 4.7.0"),
    (sessions_direct, 3, 220, 220, "421 4.7.0"),
    (hits_v4, 3, (250, 2, 0), (250, 3, 0), (250, 3, 1)),
    (hits_64, 3, (250, 2, 0), (250, 3, 0), (250, 3, 1)),
    (hits_48, 48, (250, 47, 0), (250, 48, 0), (250, 48, 1)),
    (session_records, 3, 2, 3, 3),
]
SMTP = ("commands_max = 12 errors_max = 4 recipients_max = 100 line_max = 512 header_max = 4k message_max = 64k sessions_per_ip = 3 "
        "hits_per_sender_hour = 3")


def test_counted(build):
    with sink(build, SMTP, 'store { sample_max = "1k" }\n', clock=True) as inst:
        inst.clock.later(3601 - time.monotonic() % 3600)    # the begin of an hour
        for function, limit, *wanted in COUNTED:
            got = [function(inst, limit + d) for d in (-1, 0, 1)]
            assert got == wanted, f"{function.__name__} around {limit}: {got}, not {wanted}"
            print("    ", function.__name__, got, flush=True)


def test_sessions_max(build):
    """Of all ports together; who is refused is told where that is possible, and a place that becomes free is taken."""
    tls, proxy = free_port(), free_port()
    with sink(build, f'sessions_max = 4 tls_listen = {{"127.0.0.1:{tls}"}} proxy_listen = {{"127.0.0.1:{proxy}"}}', tls=True) as inst:
        with connect(tls), connect(proxy), Smtp(inst.smtp_port) as third:
            third.expect(None, 220)
            fourth = Smtp(inst.smtp_port)
            fourth.expect(None, 220)
            with Smtp(inst.smtp_port) as fifth, Smtp(proxy) as sixth, connect(tls) as seventh:
                assert replies(fifth) == replies(sixth) == ["421 4.7.0", 0]
                assert seventh.recv(1) == b"", "nothing in clear"
            fourth.expect("QUIT", 221)
            assert fourth.reply()[0] == 0
            with Smtp(inst.smtp_port) as s:
                s.expect(None, 220)


# ---- measured by the clock ----

class Timed:
    """One client; nothing comes until `seconds` are nearly over, then the answer."""

    def __init__(self, inst, port=None):
        self.inst, self.s = inst, Smtp(port or inst.smtp_port)

    def silent(self):
        self.s.sock.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            got = self.s.sock.recv(100)
            raise AssertionError(f"expected nothing, got {got!r}")
        self.s.sock.settimeout(60)

    def ends(self, seconds, wanted=("421 4.4.2", 0)):
        self.inst.clock.later(seconds - 10)
        self.silent()
        self.inst.clock.later(11)
        self.over(wanted)

    def over(self, wanted=("421 4.4.2", 0)):
        self.s.sock.settimeout(10)      # it is there; and the clock does not stand still, either
        assert replies(self.s) == list(wanted)
        self.s.close()


def begin(inst, *dialogue, port=None):
    t = Timed(inst, port)
    for line_, answer in ((None, 220), *dialogue):
        t.s.expect(line_, answer)
    return t


ENVELOPE = (("MAIL FROM:<a@b.example>", 250), (f"RCPT TO:<{TRAP}>", 250))
TIME = 'auth = "on" data_rate_min = 100 sessions_per_ip = 1000'


def test_command_timeout(build):
    with sink(build, TIME, clock=True) as inst:
        for dialogue in ((), (("EHLO a.example", 250),), ENVELOPE[:1], ENVELOPE, (("AUTH LOGIN", 334),), ENVELOPE + ((b"BDAT 3\r\nabc", 250),)):
            begin(inst, *dialogue).ends(60)
        t = begin(inst)
        for octet in b"EHLO ":      # an octet every ten seconds does not move it
            t.s.send(bytes([octet]))
            inst.clock.later(10)
        t.silent()
        inst.clock.later(11)
        t.over()


def test_data_timeout(build):
    with sink(build, TIME, clock=True) as inst:
        for dialogue in (ENVELOPE + (("DATA", 354),), ):
            begin(inst, *dialogue).ends(180)
        t = begin(inst, *ENVELOPE)
        t.s.send(b"BDAT 10 LAST\r\nx")
        t.ends(180)
        t = begin(inst, *ENVELOPE, ("DATA", 354))
        for _ in range(5):      # whoever goes on has it anew
            inst.clock.later(170)
            t.s.send(b"x" * 17000 + b"\r\n")
        assert replies_after_dot(t) == 250


def replies_after_dot(t):
    t.s.send(b".\r\n")
    return code(t.s.reply())


def test_data_rate_min(build):
    """100 octets a second; the first data_timeout is free."""
    with sink(build, TIME, clock=True) as inst:
        for octets, closed in ((400, True), (2500, False)):
            t = begin(inst, *ENVELOPE, ("DATA", 354))
            for _ in range(18):
                t.s.send(b"x" * (octets - 2) + b"\r\n")
                inst.clock.later(20)
                if select.select([t.s.sock], [], [], 0)[0]:
                    break
            if closed:
                t.over()
            else:
                t.silent()
                assert replies_after_dot(t) == 250
        t = begin(inst, *ENVELOPE, ("DATA", 354))
        t.s.send(b"x" * 1998 + b"\r\n")     # worth 20 seconds
        inst.clock.later(120)
        t.s.send(b"x" * 98 + b"\r\n")       # and one
        t.ends(81)


def test_session_max(build):
    with sink(build, TIME + ' command_timeout = "5m"', clock=True) as inst:
        t = begin(inst)
        for _ in range(35):
            inst.clock.later(50)
            t.s.expect("NOOP", 250)
        t.ends(50)


def test_slow_reader(build):
    """It takes an octet of its replies every ten seconds, and sends on: bounded by command_timeout."""
    with sink(build, TIME + " commands_max = 10000000", clock=True) as inst:
        s = Smtp(inst.smtp_port)
        s.sock.settimeout(1)
        with contextlib.suppress(OSError):
            while True:
                s.sock.send(b"HELP\r\n" * 1000)
        for _ in range(9):
            s.sock.recv(1)
            inst.clock.later(10)
        wait_for("the end of the session", lambda: "does not read" in inst.log(), 10)
        s.close()


def test_handshake_timeout(build):
    port = free_port()
    with sink(build, f'tls_listen = {{"127.0.0.1:{port}"}}', clock=True, tls=True) as inst:
        for first in (b"", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"):
            t = Timed(inst, port)
            t.s.send(first)
            t.ends(30, [0])
        t = begin(inst, ("EHLO a.example", 250), ("STARTTLS", 220))
        for _ in range(2):      # octets do not move it
            t.s.send(b"\x16")
            inst.clock.later(10)
        t.ends(10, [0])


def test_greeting_delay(build):
    with sink(build, 'greeting_delay = "10s" sessions_per_ip = 1000', clock=True, first=False) as inst:
        t = Timed(inst)
        inst.clock.later(1)
        t.silent()
        inst.clock.later(10)
        t.s.expect(None, 220)


def main():
    build, only = sys.argv[1], sys.argv[3] if len(sys.argv) > 3 else ""
    if not os.path.exists(build + "/bin/trapline"):
        skip("trapline is not built")
    for name, test in list(globals().items()):
        if name.startswith("test_") and only in name:
            test(build)
            print("ok", name[5:], flush=True)


if __name__ == "__main__":
    main()
