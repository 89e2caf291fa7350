"""trapsmtp at its limits: each has its answer, the others go on, nothing is lost in silence (docs/smtp-behaviour.md, table of limits)."""
import concurrent.futures
import contextlib
import os
import re
import resource
import signal
import socket
import sqlite3
import subprocess
import sys
import time

from clocklib import Clock
from testlib import Installation, Smtp, all_read, skip, wait_for

TRAP = "sales@shop.example"
CONFIG = f'trap "{TRAP}" {{ class = "pristine" }}\ntrap_domain "old.example" {{ class = "recycled" }}\n'
BODY = b"Subject: x\r\n\r\nb\r\n"


@contextlib.contextmanager
def sink(build, smtp="", config="", clock=False, tls=False, first=True):
    """A running trapsmtp; `smtp` overrides keys that the shared configuration sets already. With `clock` its time is the test's."""
    with Installation(build, config=CONFIG + config, tls=tls) as inst:
        text = inst.conf.read_text()
        for key in re.findall(r"(\w+) = ", smtp):
            text = re.sub(rf"\b{key} = (\{{[^}}]*\}}|\S+)", "", text)
        inst.conf.write_text(text.replace("smtp {", "smtp { " + smtp + "\n", 1))
        if clock:
            inst.clock = Clock(build, inst)
        inst.daemon = inst.start("trapsmtp", env=inst.clock.env if clock else None)
        if first:
            with Smtp(inst.smtp_port) as s:     # what the first session makes is there
                s.expect(None, 220)
            wait_for("the end of the first session", lambda: "smtp.session" in inst.log())
        yield inst
        assert inst.daemon.poll() is None, inst.log()
        assert inst.stop(inst.daemon) == 0, inst.log()


def hits(inst):
    return inst.sql("hits", "SELECT count(*) FROM hit")[0][0]


def record(inst, helo):
    """The session record of the client that called itself so."""
    def look():
        rows = inst.sql("hits", "SELECT flags, errors, hits, refused_limit, attempt_address, duration_ms FROM session WHERE helo = ?", helo.encode())
        return rows and dict(zip(("flags", "errors", "hits", "refused_limit", "attempt", "duration_ms"), rows[0]))
    return wait_for("a record of " + helo, look)


def rss_kb(inst):
    for line in open(f"/proc/{inst.daemon.pid}/status"):
        if line.startswith("VmRSS"):
            return int(line.split()[1])


def test_sessions_per_client_behind_a_proxy(build):
    with sink(build, "sessions_per_ip = 2") as inst:
        a, b = inst.smtp("198.51.100.1"), inst.smtp("198.51.100.1")
        with Smtp(inst.smtp_port) as s:
            s.expect(None, 220)
            s.expect("XCLIENT ADDR=198.51.100.1", 421)
        with inst.smtp("198.51.100.2") as s:
            s.expect("NOOP", 250)
        with Smtp(inst.smtp_port) as s:  # an IPv6 client counts as its /64
            s.expect(None, 220)
            s.expect("XCLIENT ADDR=IPV6:2001:db8::1", 220)
            with inst.smtp("2001:db8::2"):
                with Smtp(inst.smtp_port) as t:
                    t.expect(None, 220)
                    t.expect("XCLIENT ADDR=IPV6:2001:db8::3", 421)
                with inst.smtp("2001:db8:0:1::3") as t:
                    t.expect("NOOP", 250)
        a.close()
        b.close()


def counted(inst):
    return inst.sql("hits", "SELECT coalesce(sum(count), 0) FROM counter")[0][0]


def test_counted_messages_survive_kill(build):
    """Exactly as many are counted as had their 250, after kill -9, too."""
    with Installation(build, config=CONFIG, smtp="hits_per_sender_hour = 3") as inst:
        daemon = inst.start("trapsmtp")
        with inst.smtp("203.0.113.9") as s:
            for _ in range(10):
                assert s.message("a@b.example", [TRAP], BODY) == 250
            daemon.kill()
            daemon.wait()
        inst.processes.remove(daemon)
        assert (hits(inst), counted(inst)) == (3, 7)


def test_disk_full(build):
    """Less free space than free_min: 452 after the dot, 452 to MAIL for a moment, other commands go on, nothing is on record."""
    with sink(build, config='store { free_min = "1000G" }\n', clock=True) as inst:
        with inst.smtp(helo="full.example") as s:
            assert s.message("a@b.example", [TRAP], BODY) == 452
            code, lines = s.command("MAIL FROM:<a@b.example>")
            assert code == 452 and b"4.3.1" in lines[0], lines
            s.expect("NOOP", 250)
            inst.clock.later(2)
            s.expect("MAIL FROM:<a@b.example>", 250)
        assert hits(inst) == 0


def test_what_was_refused_costs_no_share(build):
    """Messages that could not be stored do not count for hits_per_sender_hour: those after them are still on record."""
    with sink(build, "hits_per_sender_hour = 2", 'store { free_min = "0" }\n', clock=True) as inst:
        inst.clock.later(3601 - time.monotonic() % 3600)    # the begin of an hour
        with inst.smtp("203.0.113.9") as s:
            resource.prlimit(inst.daemon.pid, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
            for _ in range(5):
                assert s.message("a@b.example", [TRAP], BODY) == 452
                inst.clock.later(2)
            resource.prlimit(inst.daemon.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            for n in range(4):
                assert s.message("a@b.example", [TRAP], BODY) == 250
                assert (hits(inst), counted(inst)) == (min(n + 1, 2), max(n - 1, 0))


def test_stop_while_disk_hangs(build):
    """Asked to stop while commits hang, it gives up after its ten seconds, and ends in order once the disk answers."""
    config = CONFIG + "store { batch_max = 1  queue_max = 1 }\n"
    with Installation(build, config=config, smtp='commit_wait = "60s"') as inst:
        clock = Clock(build, inst)
        daemon = inst.start("trapsmtp", env=clock.env)
        clients = [inst.smtp(helo=name + ".example") for name in ("writer", "queue", "waits")]
        for s in clients:
            s.command("BOGUS")  # something to tell in the session record
            s.expect("MAIL FROM:<a@b.example>", 250)
            s.expect(f"RCPT TO:<{TRAP}>", 250)
            s.expect("DATA", 354)
        with contextlib.closing(sqlite3.connect(inst.dir / "hits.db", isolation_level=None)) as lock:
            lock.execute("BEGIN IMMEDIATE")
            for s in clients:
                s.send(BODY + b".\r\n")
            wait_for("the sink to have read them", lambda: all_read(inst.smtp_port))    # a session still in DATA would simply be ended
            clock.settle()
            daemon.send_signal(signal.SIGTERM)
            wait_for("its begin", lambda: "smtp.stopping" in inst.log())
            assert "smtp.stop " not in inst.log()
            clock.later(10, settle=False)
            wait_for("the end of its patience", lambda: "smtp.stop " in inst.log())
        assert daemon.wait(60) == 0, inst.log()
        for s in clients:
            s.close()


def test_commit_wait(build):
    """While the disk does not answer: a bounded wait, then 452; other sessions and QUIT go on; it recovers by itself."""
    with sink(build, clock=True) as inst:
        with contextlib.closing(sqlite3.connect(inst.dir / "hits.db", isolation_level=None)) as lock:
            lock.execute("BEGIN IMMEDIATE")
            with inst.smtp(helo="waits.example") as s:
                s.expect("MAIL FROM:<a@b.example>", 250)
                s.expect(f"RCPT TO:<{TRAP}>", 250)
                s.expect("DATA", 354)
                s.send(BODY + b".\r\nNOOP\r\n")  # what is behind the dot waits for its answer
                with inst.smtp() as other:
                    other.expect("NOOP", 250)
                    other.expect("QUIT", 221)
                inst.clock.later(31)
                assert s.reply()[0] == 452
                assert s.reply()[0] == 250  # the NOOP
                inst.clock.later(2)     # and one more second without MAIL
                s.expect("MAIL FROM:<a@b.example>", 250)
            lock.execute("ROLLBACK")
        assert inst.mail(TRAP) == 250


def test_client_that_does_not_read(build):
    """100,000 replies that nobody takes: bounded memory, other clients are served; whoever reads later gets every one."""
    with sink(build, "commands_max = 1000000") as inst:
        before = rss_kb(inst)
        deaf = [Smtp(inst.smtp_port) for _ in range(4)]
        for s in deaf:
            s.sock.settimeout(0.5)
            sent = 0
            with contextlib.suppress(TimeoutError):
                while sent < 100000:
                    sent += s.sock.send(b"NOOP\r\n" * 1000) // 6
        with inst.smtp() as s:
            s.expect("NOOP", 250)
        assert rss_kb(inst) - before < 2000, (before, rss_kb(inst))
        deaf[0].sock.settimeout(60)
        assert deaf[0].reply()[0] == 220
        for _ in range(sent // 2):
            assert deaf[0].reply()[0] == 250
        for s in deaf:
            s.close()
        with inst.smtp() as s:
            s.expect("NOOP", 250)


def test_client_that_never_reads_is_cut_off(build):
    with sink(build, "commands_max = 1000000 command_timeout = 1s") as inst:
        s = Smtp(inst.smtp_port)
        s.sock.settimeout(0.3)
        with contextlib.suppress(OSError):
            for _ in range(2000):
                s.sock.send(b"NOOP\r\n" * 1000)
        wait_for("the session to end", lambda: b"does not read" in inst.log().encode())
        s.close()


def test_no_descriptors_left(build):
    with sink(build) as inst:
        used = len(list((inst.dir.__class__(f"/proc/{inst.daemon.pid}/fd")).iterdir()))
        resource.prlimit(inst.daemon.pid, resource.RLIMIT_NOFILE, (used + 5, 4096))
        clients = [socket.create_connection(("127.0.0.1", inst.smtp_port)) for _ in range(12)]
        greeted = []
        for c in clients[:5]:
            c.settimeout(60)
            greeted.append(c.recv(100)[:3])
        assert greeted == [b"220"] * 5, greeted
        clients[5].settimeout(60)
        assert clients[5].recv(100)[:3] == b"421"  # told by the spare descriptor
        clients[0].sendall(b"NOOP\r\n")
        assert clients[0].recv(100)[:3] == b"250"
        for c in clients:
            c.close()

        def served():
            with Smtp(inst.smtp_port, timeout=3) as s:
                return s.reply()[0] == 220
        wait_for("service after the shortage", served)


def test_idle_sessions_are_small(build):
    with sink(build) as inst:
        before = rss_kb(inst)
        clients = [inst.smtp() for _ in range(500)]
        per_session = (rss_kb(inst) - before) * 1024 / len(clients)
        print(f"     {per_session:.0f} bytes a session")
        sanitized = re.search("TRAPLINE_SANITIZER:STRING=.", open(build + "/CMakeCache.txt").read())
        assert per_session < 4096 or sanitized, per_session
        for c in clients:
            c.close()


def test_fifteen_clients_and_a_restart(build):
    """Fifteen at a time, ended in the middle by SIGTERM and started again: every 250 is on record, once."""
    with Installation(build, config=CONFIG, smtp="hits_per_sender_hour = 0") as inst:
        daemon = inst.start("trapsmtp")
        accepted = []

        def deliver(number):
            done = []
            for n in range(40):
                name = f"m{number}-{n}@sender.example"
                for _ in range(400):
                    try:
                        with inst.smtp() as s:
                            if s.message(name, [TRAP], BODY) == 250:
                                done.append(name)
                                break
                    except (OSError, AssertionError):
                        pass
                    time.sleep(0.05)
            return done
        with concurrent.futures.ThreadPoolExecutor(15) as pool:
            jobs = [pool.submit(deliver, n) for n in range(15)]
            time.sleep(0.15)
            assert inst.stop(daemon) == 0, inst.log()
            assert "smtp.stop sessions=" not in (inst.top / "log").read_text(), "said when some are still open after nine seconds"
            inst.start("trapsmtp")
            for job in jobs:
                accepted += job.result()
        assert len(accepted) == 600
        stored = [r[0].decode() for r in inst.sql("hits", "SELECT reverse_path FROM hit")]
        assert set(stored) >= set(accepted)
        assert len(stored) - len(set(stored)) == 0, "a message twice"


def test_stop(build):
    """SIGTERM: 421 to those who wait for nothing, the port is closed, the end comes soon."""
    with Installation(build, config=CONFIG) as inst:
        daemon = inst.start("trapsmtp")
        with inst.smtp() as idle, inst.smtp(helo="cut.example") as busy:
            busy.expect("MAIL FROM:<a@b.example>", 250)
            busy.expect(f"RCPT TO:<{TRAP}>", 250)
            busy.expect("DATA", 354)
            busy.send(b"Subject: half")
            daemon.send_signal(signal.SIGTERM)
            assert idle.reply()[0] == 421
            assert busy.reply()[0] == 421
            assert idle.reply()[0] == 0
        assert daemon.wait(60) == 0, inst.log()
        assert "smtp.stop sessions=" not in inst.log(), "said when some are still open after nine seconds"
        inst.processes.remove(daemon)
        assert record(inst, "cut.example")["attempt"] == TRAP.encode()


def test_early_talker(build):
    """Bytes sent before the greeting: marked. The daemon is held still meanwhile, so that the order is certain."""
    with sink(build) as inst:
        inst.daemon.send_signal(signal.SIGSTOP)
        with Smtp(inst.smtp_port) as s:
            s.send(b"EHLO early.example\r\n")
            inst.daemon.send_signal(signal.SIGCONT)
            s.expect(None, 220)
            s.expect(None, 250)
            assert s.message("a@b.example", [TRAP], BODY) == 250
            s.expect("QUIT", 221)
        assert inst.sql("hits", "SELECT flags >> 11 & 1 FROM hit") == [(1,)]
        assert hits(inst) == 1
        with inst.smtp() as s:
            assert s.message("a@b.example", [TRAP], BODY) == 250
        assert inst.sql("hits", "SELECT flags >> 11 & 1 FROM hit WHERE seq = 2") == [(0,)]


def test_xclient_only_for_the_trusted(build):
    with sink(build, 'xclient_from = {"192.0.2.0/24"}') as inst:
        with Smtp(inst.smtp_port) as s:
            s.expect(None, 220)
            assert not any(b"XCLIENT" in line for line in s.expect("EHLO liar.example", 250))
            unknown = s.expect("XYZZY ADDR=203.0.113.5", 500)
            assert s.expect("XCLIENT ADDR=203.0.113.5", 500) == unknown  # like any unknown verb
            assert s.message("a@b.example", [TRAP], BODY) == 250
        assert inst.sql("hits", "SELECT sender FROM hit") == [(bytes([127, 0, 0, 1]),)]


def test_after_data_reject(build):
    with sink(build, 'after_data = "reject"') as inst:
        with inst.smtp() as s:
            assert s.message("a@b.example", [TRAP], BODY) == 550
            assert s.message("a@b.example", ["postmaster@old.example", TRAP], BODY) == 250  # kept for a person: no lie
            assert s.message("a@b.example", ["abuse@old.example"], BODY) == 250
        assert inst.sql("hits", "SELECT flags >> 18 & 1 FROM hit ORDER BY seq") == [(1,), (0,)]


def test_port_in_use(build):
    with Installation(build, config=CONFIG) as inst, socket.socket() as taken:
        taken.bind(("127.0.0.1", inst.smtp_port))
        taken.listen()
        done = subprocess.run([inst.bin / "trapsmtp", "-c", inst.conf], capture_output=True, timeout=20)
        assert done.returncode == 69, done
        assert b"the port is in use" in done.stderr and done.stderr.count(b"\n") == 1, done.stderr


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
