"""Memory of messages that are not finished has a bound for all of them together; beyond it each has a little, and what a crowd had goes back.

Forty messages with samples of 2 MiB fill the bound in a second; thousands of clients with a thousand long recipients each do the same.
"""
import contextlib
import os
import sys
import time

from test_smtp_limits import TRAP, rss_kb, sink
from testlib import Smtp, unzstd, wait_for

MIB = 1 << 20
STORE = 'store { sample_max = "2M" }\n'
SMTP = 'sessions_per_ip = 2000 xclient_from = {}'


def begun(inst, body=b""):
    """A message to a trap whose end does not come."""
    s = Smtp(inst.smtp_port)
    s.expect(None, 220)
    for line, code in (("EHLO hog.example", 250), ("MAIL FROM:<a@hog.example>", 250), (f"RCPT TO:<{TRAP}>", 250), ("DATA", 354)):
        s.expect(line, code)
    s.send(b"Subject: hog\r\n\r\n" + body)
    return s


def recipients(s, count):
    """Codes of so many RCPT, each of some 570 octets in memory."""
    local, dsn = "l" * 260, "o" * 200
    s.expect("MAIL FROM:<b@client.example>", 250)
    return [s.command(f"RCPT TO:<{local}{n:03}@old.example> ORCPT=rfc822;{dsn}")[0] for n in range(count)]


def client(inst):
    s = Smtp(inst.smtp_port)
    s.expect(None, 220)
    s.expect("EHLO client.example", 250)
    return s


def test_bound_of_all_messages(build):
    with sink(build, SMTP, STORE) as inst, contextlib.ExitStack() as hogs:
        with client(inst) as s:
            assert recipients(s, 60) == [250] * 60
        for _ in range(40):
            hogs.enter_context(begun(inst, b"x" * (2 * MIB)))
        wait_for("the messages in memory", lambda: rss_kb(inst) > 64 * 1024)
        with client(inst) as s:
            codes = recipients(s, 60)
            first = codes.index(452)
            assert 8 <= first <= 40 and codes == [250] * first + [452] * (60 - first), codes
            s.expect("DATA", 354)
            s.send(b"Subject: few\r\n\r\nThose before it count.\r\n.\r\n")
            assert s.reply()[0] == 250
            assert inst.sql("hits", "SELECT rcpt_count FROM hit") == [(first,)]
            body = b"Subject: head\r\n\r\nWords of which none is new to anybody.\r\n" + b"y" * 20000 + b"\r\n"
            assert s.message("b@client.example", [TRAP], body) == 250
            data = wait_for("a sample", lambda: inst.sql("samples", "SELECT data FROM sample WHERE hit = 2"))[0][0]
            assert body.startswith(unzstd(data)) and len(unzstd(data)) < len(body), "a shorter head, without a gap"
            hogs.close()

            def room():
                s.expect("RSET", 250)
                return recipients(s, 60) == [250] * 60
            wait_for("room when the messages are gone", room)


def test_memory_goes_back(build):
    """What three hundred clients made the process take is given back when they have gone."""
    with sink(build, SMTP, STORE) as inst:
        before = rss_kb(inst)
        with contextlib.ExitStack() as crowd:
            for _ in range(300):
                crowd.enter_context(begun(inst, b"x" * 180000))
            wait_for("the crowd's memory", lambda: rss_kb(inst) > before + 40 * 1024)
            time.sleep(1.5)  # the daemon counts its sessions once a second
        if "asan" in str(inst.bin) or "tsan" in str(inst.bin):
            return  # a sanitizer keeps what is freed
        wait_for("memory that goes back", lambda: rss_kb(inst) < before + 10 * 1024)


def main():
    build = os.path.abspath(sys.argv[1])
    for test in (test_bound_of_all_messages, test_memory_goes_back):
        test(build)
        print("ok", test.__name__)
    return 0


if __name__ == "__main__":
    sys.exit(main())
