"""store.total_max: an alarm before, 452 and pages without addresses when it is reached, never a crash; samples make room for the log; and what
is forgotten or grows old makes room again."""
import pathlib
import random
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from testlib import Installation, extract, run_tests, wait_for  # noqa: E402

OLD = 'trap_domain "old.test" { class = "pristine"  unknown = "accept" }\n'


def used(t):
    return t.json("status")["store"]["bytes"]


def set_budget(t, total):
    text = t.conf.read_text()
    start = text.index("store {") if "store {" in text else len(text)
    t.conf.write_text(text[:start] + f'store {{ total_max = "{total}"  wal_max = "256k" }}\n')


def fill(t, sender, body, most=3000):
    """Mail until 452; how many were taken."""
    with t.smtp(sender) as s:
        for i in range(most):
            s.expect("MAIL FROM:<a@b.example>", 250)
            s.expect(f"RCPT TO:<x{i}@old.test>", 250)
            s.expect("DATA", 354)
            s.send(body(i) + b"\r\n.\r\n")
            code = s.reply()[0]
            if code != 250:
                assert code == 452, code
                return i
            if i % 200 == 199:
                time.sleep(0.05)  # the budget is looked at once a second
    raise AssertionError("the budget was never reached")


def takes(t, to, client, body):
    """Whether one message is taken; for a second after a failure MAIL is not."""
    with t.smtp(client) as s:
        return s.command("MAIL FROM:<a@b.example>")[0] == 250 and s.command(f"RCPT TO:<{to}>")[0] == 250 \
            and s.command("DATA")[0] == 354 and s.command(body + b"\r\n.\r\n")[0] == 250


def small(i):
    return b"Subject: %d\r\n\r\nshort" % i


def test_full_and_free_again(build):
    with Installation(build, config=OLD, web='commit_deadline = "5s"', smtp='hits_per_sender_hour = 0  commands_max = 100000') as t:
        # a WAL of its own length is part of what is used: let there be one before the budget is drawn
        set_budget(t, "0")
        run = t.start()
        for i in range(60):
            t.get("/", client=f"82.1.1.{i + 1}")
            assert t.mail(f"y{i}@old.test", "89.160.1.1", body=small(i)) == 250
        assert t.stop(run) == 0
        total = used(t) + 700_000
        set_budget(t, total)
        run = t.start()
        taken = fill(t, "89.160.1.2", small, most=30000)
        assert used(t) < total + 3_000_000, "a second's worth more at the most"
        log = (t.top / "log").read_text()
        assert "store.budget" in log and log.index("store.budget") < log.index("store.commit.failed"), "an alarm before"
        assert "total_max" in t.run("status").stdout.decode() and t.json("status")["store"]["percent"] >= 99
        status, _, page = t.get("/", client="82.1.2.1")
        assert status == 200 and not [a for a in extract(page) if a.endswith("@trap.test")], "a page without addresses"
        with t.smtp("89.160.1.3") as s:
            assert s.command("MAIL FROM:<a@b.example>")[0] in (250, 452)
        t.run("forget", "89.160.1.2")  # takes records away though there is no room
        wait_for("room again", lambda: takes(t, "z@old.test", "89.160.1.4", small(1)), 60, 0.5)
        clients = iter(range(2, 250))
        wait_for("addresses again", lambda: b"@trap.test" in t.get("/", client=f"82.1.2.{next(clients)}")[2], 60, 0.5)
        assert t.stop(run) == 0
        print(taken, "messages until it was full")
        t.run("verify")


def test_samples_make_room(build):
    with Installation(build, config=OLD) as t:
        samples = lambda: t.sql("samples", "SELECT count(*) FROM sample")[0][0]  # noqa: E731
        noise = random.Random(4)
        body = lambda: b"Subject: s\r\n\r\n" + b"\r\n".join(noise.randbytes(36).hex().encode() for _ in range(100))  # noqa: E731
        set_budget(t, "0")
        run = t.start()
        for i in range(120):
            assert t.mail(f"y{i}@old.test", f"89.160.{i // 3}.1", body=body()) == 250
        wait_for("all samples", lambda: samples() == 120)
        assert t.stop(run) == 0
        # it is full from the start, and though no mail is taken and no new sample comes, the old ones go
        set_budget(t, used(t) * 9 // 10)
        run = t.start()
        wait_for("fewer samples", lambda: samples() < 120)
        wait_for("mail is taken", lambda: takes(t, "z@old.test", "89.161.1.1", body()), 30, 0.5)
        wait_for("under nine tenths", lambda: t.json("status")["store"]["percent"] < 90)
        assert 0 < samples() < 120
        assert t.stop(run) == 0
        t.run("verify")


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
