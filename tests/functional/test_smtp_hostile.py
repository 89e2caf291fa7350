"""Peers that mean harm, against a real trapsmtp: what must not happen is that it falls, grows, lies or stops serving others."""
import json
import os
import re
import sys
import threading
import time

from test_smtp_limits import TRAP, sink
from testlib import Smtp, skip, wait_for


def rows(inst, helo):
    return inst.sql("hits", "SELECT count(*) FROM session WHERE helo = ?", helo.encode())[0][0]


def told(inst):
    return sum(int(n) for n in re.findall(r"smtp.session.more suppressed=(\d+)", (inst.top / "log").read_text()))


def test_deaf_then_listening(build):
    """Far more replies than the kernel holds, taken late: each comes, in order. What waits in front of them stays within its buffer."""
    with sink(build, "commands_max = 1000000 sessions_per_ip = 1000") as inst:
        with Smtp(inst.smtp_port) as s:
            n = 100000  # 15 MB of replies
            feed = threading.Thread(target=s.send, args=(b"EHLO x\r\n" * n + b"QUIT\r\n",))
            feed.start()
            time.sleep(1)
            s.expect(None, 220)
            for _ in range(n):
                s.expect(None, 250)
            s.expect(None, 221)
            assert s.reply()[0] == 0
            feed.join()


def test_recipients_with_the_built_in_limits(build):
    """1,200 recipients in one transaction: 452 beyond recipients_max, the first thousand still work (RFC 5321 4.5.3.1.10)."""
    with sink(build, "recipients_max = 1000") as inst:
        with Smtp(inst.smtp_port) as s:
            s.expect(None, 220)
            s.expect("EHLO many.example", 250)
            s.expect("MAIL FROM:<a@b.example>", 250)
            s.send(b"".join(b"RCPT TO:<t%d@old.example>\r\n" % n for n in range(1200)))
            assert [s.reply()[0] for _ in range(1200)] == [250] * 1000 + [452] * 200
            s.expect("DATA", 354)
            s.send(b"Subject: x\r\n\r\nx\r\n.\r\n")
            assert s.reply()[0] == 250
        assert inst.sql("hits", "SELECT rcpt_count FROM hit") == [(1000,)]


def test_errors_do_not_fill_the_disk(build):
    """One client, many sessions with an error, many messages beyond its share: a bounded number of rows and of lines in the log, 250 all the same."""
    with sink(build, "hits_per_sender_hour = 5") as inst:
        def session(client, n):
            with inst.smtp(client, helo=f"flood{n}.example") as s:
                s.expect("XYZZY", 500)
                assert s.message("a@b.example", [TRAP], b"x") == 250
                s.expect("QUIT", 221)
        for n in range(50):
            session("203.0.113.9", n)
        session("203.0.113.10", 50)  # another client is not concerned
        wait_for("the last record", lambda: rows(inst, "flood50.example") == 1)
        by_client = dict(inst.sql("hits", "SELECT client, count(*) FROM session GROUP BY 1"))
        assert by_client == {bytes([203, 0, 113, 9]): 5, bytes([203, 0, 113, 10]): 1}, by_client
        assert inst.sql("hits", "SELECT sender, sum(count) FROM counter") == [(bytes([203, 0, 113, 9]), 45)]
        assert inst.sql("hits", "SELECT count(*) FROM hit") == [(6,)]
        log = (inst.top / "log").read_text()
        assert [n for n in range(51) if f"helo=flood{n}.example" in log] == [0, 1, 2, 3, 4, 50], log
        wait_for("the number of the others", lambda: told(inst) >= 45)


def test_nothing_hostile_in_reports(build):
    """Control characters, escapes, quotes of HELO and paths: one line stays one line, a quoted field stays one field, JSON is JSON."""
    claims = (b"\x1b[31mred", b'x", reverse-path <ceo@good.example>, 9 bytes', b"a\\nb ip=1.2.3.4", b"\xff\xfe", b"\xc2\x9b1m", b"\xe2\x80\xae\xe2\x80\xa8")
    control = re.compile(rb"[\x00-\x09\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\xa8-\xae]")
    with sink(build) as inst:
        inst.run("rebuild")
        for n, claim in enumerate(claims):
            with inst.smtp(f"45.9.9.{n}") as s:
                s.command(b"EHLO " + claim + b"\r\n")
                s.expect("MAIL FROM:<a@b.example>", 250)
                s.command(b"RCPT TO:<" + claim + b"@old.example>\r\n")
                s.command(b'RCPT TO:<"' + claim + b'"@old.example>\r\n')
                s.expect(f"RCPT TO:<{TRAP}>", 250)
                s.expect("DATA", 354)
                s.send(b"Subject: " + claim + b"\r\n\r\n.\r\n")
                assert s.reply()[0] == 250
            for words in (("explain",), ("explain", "--json"), ("sender",), ("sender", "--json")):
                out = inst.run(words[0], f"45.9.9.{n}", *words[1:]).stdout
                assert not control.search(out) and out.decode(), (claim, out)
                assert words[-1] != "--json" or json.loads(out)
                assert words[-1] == "--json" or b"reverse-path <ceo" not in re.sub(rb'helo "[^"]*"', b"", out), out
            out = inst.run("explain", TRAP).stdout
            assert not control.search(out), out
        log = (inst.top / "log").read_bytes()
        assert not control.search(log)
        assert all(re.match(rb"\S+ trapsmtp (info|warning|error) smtp\.", line) for line in log.splitlines()), log


def main():
    build, only = sys.argv[1], sys.argv[3] if len(sys.argv) > 3 else ""
    if not os.path.exists(build + "/bin/trapline"):
        skip("trapline is not built")
    for name, test in list(globals().items()):
        if name.startswith("test_") and only in name:
            start = time.monotonic()
            test(build)
            print(f"ok   {name[5:]}  {time.monotonic() - start:.1f} s", flush=True)


if __name__ == "__main__":
    main()
