"""Many clients at once, clients that are rude, and a stop at the worst moment: others are served, nothing grows, nothing is there twice."""
import contextlib
import os
import pathlib
import resource
import signal
import socket
import struct
import sys
import threading
import time

from clocklib import Clock
from test_smtp_limits import BODY, CONFIG, TRAP, hits, rss_kb, sink
from testlib import Installation, Smtp, all_read, skip, wait_for

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "fault"))
from fault_lib import recorder_env  # noqa: E402


def connect(inst, source):
    """A connection from that loopback address, and the first digits of what the sink says."""
    s = socket.create_connection(("127.0.0.1", inst.smtp_port), timeout=30, source_address=(source, 0))
    line = b""
    while not line.endswith(b"\n"):
        got = s.recv(200)
        if not got:
            break
        line += got
    return s, line


def test_crowds(build):
    """A thousand of one address, a thousand of a thousand addresses: each limit has its answer, all others are served, and then again."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, max(4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1])))
    with sink(build, "sessions_max = 600 sessions_per_ip = 50 xclient_from = {} command_timeout = 10m session_max = 1h") as inst:
        before = rss_kb(inst)
        for _ in range(2):
            crowd = [connect(inst, "127.0.9.9") for _ in range(1000)]
            assert [line[:10] for _, line in crowd].count(b"421 4.7.0 ") == 950, "one address: fifty at a time"
            other, line = connect(inst, "127.0.9.10")
            assert line.startswith(b"220")
            many = [connect(inst, f"127.1.{n // 250}.{n % 250 + 1}") for n in range(1000)]
            greeted = [s for s, line in many if line.startswith(b"220")]
            assert len(greeted) == 600 - 51, len(greeted)
            assert all(line.startswith((b"220", b"421 4.7.0 ")) for _, line in many)
            began = time.monotonic()
            for s in [other] + greeted[::50]:
                s.sendall(b"NOOP\r\n")
                assert s.recv(100).startswith(b"250")
            assert time.monotonic() - began < 20
            for s, _ in crowd + many + [(other, b"")]:
                s.close()
            wait_for("all to be gone", lambda: connected(inst) == 0)
        assert rss_kb(inst) - before < 6000, (before, rss_kb(inst))
        s, line = connect(inst, "127.0.9.9")
        assert line.startswith(b"220")
        s.close()


def descriptors(inst):
    """All but those of the store, which opens its files when it needs them."""
    names = []
    for fd in pathlib.Path(f"/proc/{inst.daemon.pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            names.append(os.readlink(fd))
    return sorted(n for n in names if not n.startswith(str(inst.dir)))


def connected(inst):
    """Sockets of the daemon beyond its own."""
    return inst.sockets(inst.daemon) - 1


def test_connections_that_say_nothing(build):
    """Five thousand connections closed, or reset, at once: no line of an error, no descriptor lost, the next is served."""
    with sink(build, "sessions_per_ip = 1000") as inst:
        before = descriptors(inst)
        for n in range(5000):
            s = socket.create_connection(("127.0.0.1", inst.smtp_port))
            if n % 2:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            s.close()
        with inst.smtp() as s:
            assert s.message("a@b.example", [TRAP], BODY) == 250
        wait_for("the end of all sessions", lambda: connected(inst) == 0)
        assert len(descriptors(inst)) <= len(before), (before, descriptors(inst))
        log = (inst.top / "log").read_text()
        assert " error " not in log and " warning " not in log, log[-2000:]


def test_deaf_to_a_hundred_thousand(build):
    """NOOPs in one go, a hundred thousand and more, and nobody reads: the sink stops reading, its memory stays, the others do not notice."""
    with sink(build, "commands_max = 10000000") as inst:
        with inst.smtp() as other, Smtp(inst.smtp_port) as deaf:
            before = rss_kb(inst)
            deaf.sock.settimeout(1)
            sent = 0
            with contextlib.suppress(TimeoutError):
                while sent < 20000000:      # more than the kernel holds for both sides
                    sent += deaf.sock.send(b"NOOP\r\n" * 100000)
            assert 600000 <= sent < 20000000, sent
            began = time.monotonic()
            assert other.message("a@b.example", [TRAP], BODY) == 250
            assert time.monotonic() - began < 20
            assert rss_kb(inst) - before < 1500, (before, rss_kb(inst))


def test_same_message_at_once(build):
    """Eight sessions say the last dot of one message, Message-ID and all, at one moment: eight hits, one digest."""
    body = b"Message-ID: <one@sender.example>\r\nSubject: x\r\n\r\nthe same\r\n"
    with sink(build, "sessions_per_ip = 100") as inst:
        sessions = [inst.smtp(f"203.0.113.{n}") for n in range(1, 9)]
        for s in sessions:
            s.expect("MAIL FROM:<a@b.example>", 250)
            s.expect(f"RCPT TO:<{TRAP}>", 250)
            s.expect("DATA", 354)
            s.send(body)
        barrier = threading.Barrier(len(sessions))

        def end(s):
            barrier.wait()
            s.send(b".\r\n")
            assert s.reply()[0] == 250
        threads = [threading.Thread(target=end, args=(s,)) for s in sessions]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        rows = inst.sql("hits", "SELECT count(*), count(DISTINCT digest), count(DISTINCT session), count(DISTINCT sender) FROM hit")
        assert rows == [(8, 1, 8, 8)], rows
        for s in sessions:
            s.close()


def slow_disk(build, inst, ms):
    return recorder_env(build, inst.dir, inst.top / "rec", fsync_ms=ms)


def begin(inst):
    s = inst.smtp()
    s.expect("MAIL FROM:<a@b.example>", 250)
    s.expect(f"RCPT TO:<{TRAP}>", 250)
    s.expect("DATA", 354)
    return s


def test_stop_between_dot_and_reply(build):
    """Asked to stop while the commit is under way: the answer comes first, and is true."""
    with Installation(build, config=CONFIG) as inst:
        daemon = inst.start("trapsmtp", env=slow_disk(build, inst, 500))
        with begin(inst) as s:
            s.send(BODY + b".\r\n")
            wait_for("it is read", lambda: all_read(inst.smtp_port))
            daemon.send_signal(signal.SIGTERM)
            assert s.reply()[0] == 250
            assert s.reply()[0] in (421, 0)
        assert daemon.wait(60) == 0, inst.log()
        inst.processes.remove(daemon)
        inst.start("trapsmtp")
        assert hits(inst) == 1


def test_kill_between_dot_and_reply(build):
    """Killed while the commit is under way: no answer was given, and the message is there once or not at all; its repetition is one more."""
    with Installation(build, config=CONFIG) as inst:
        for n, wait in enumerate((0.0, 0.02, 0.1, 0.25, 0.45)):
            before = hits(inst) if n else 0
            daemon = inst.start("trapsmtp", env=slow_disk(build, inst, 300))
            with begin(inst) as s:
                s.send(BODY + b".\r\n")
                time.sleep(wait)
                daemon.kill()
                daemon.wait()
                inst.processes.remove(daemon)
                try:
                    told = s.reply()[0]
                except OSError:
                    told = 0
            daemon = inst.start("trapsmtp")
            after = hits(inst)
            assert after - before <= 1 and (told != 250 or after - before == 1), (told, before, after)
            assert inst.mail(TRAP) == 250 and hits(inst) == after + 1
            assert inst.stop(daemon) == 0, inst.log()


def test_hourly_limits_and_the_clock(build):
    """The hour of a limit is the sink's own: a wall clock that is put back or forward opens no new one, sixty minutes do."""
    with Installation(build, config=CONFIG, smtp="hits_per_sender_hour = 3") as inst:
        clock = Clock(build, inst)
        inst.start("trapsmtp", env=clock.env)
        clock.later(3601 - time.monotonic() % 3600)     # the begin of an hour

        def deliver():
            with inst.smtp("203.0.113.9") as s:
                assert s.message("a@b.example", [TRAP], BODY) == 250
        for _ in range(5):
            deliver()
        assert hits(inst) == 3
        for step in (-3600, 86400, -90000, 7 * 86400):
            clock.step_wall(step)
            deliver()
        assert hits(inst) == 3
        clock.later(3601)
        deliver()
        assert hits(inst) == 4


def test_sessions_and_the_clock(build):
    """The wall clock is put back in and between sessions: no id twice, none smaller than one before, no negative duration."""
    with Installation(build, config=CONFIG) as inst:
        clock = Clock(build, inst)
        inst.start("trapsmtp", env=clock.env)
        for n in range(20):
            with inst.smtp("203.0.113.9", helo=f"s{n}.example") as s:
                clock.step_wall(-3600 if n % 2 else 1800)
                s.expect("WHAT", 500)
                assert s.message(f"{n}@b.example", [TRAP], BODY) == 250
        wait_for("the last record", lambda: inst.sql("hits", "SELECT 1 FROM session WHERE helo = ?", b"s19.example"))
        rows = inst.sql("hits", "SELECT session, duration_ms FROM session ORDER BY seq")
        ids = [r[0] for r in rows]
        assert len(set(ids)) == len(ids) == 20 and ids == sorted(ids), ids
        assert all(0 <= r[1] < 60000 for r in rows), rows
        assert [r[0] for r in inst.sql("hits", "SELECT session FROM hit ORDER BY seq")] == ids


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
