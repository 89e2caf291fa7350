"""The n-th allocation of a session fails, for each n; then that and all behind it: an answer for now or the end of that connection, never
the end of the process, and what was accepted is on record. The next client is served in full."""
import collections
import contextlib
import os
import socket
import subprocess
import sys

from faillib import ALL, ALLOC, CONFIG, Faults, Session, check_alive, extensions, plain, sink, stored, testlib

STEP = 61  # one in so many of the start's twelve thousand allocations, to save time


def crowd(build):
    """Forty clients at once, more than the event loop of a young daemon has room for: it grows, or it does without."""
    with testlib.Installation(build, config=CONFIG) as t:
        faults = Faults(build, t)
        n, failed = 0, 1
        while failed:
            n += 1
            daemon = start(t, faults)
            testlib.wait_for("a greeting", lambda: greeted(t), pause=0.002)
            testlib.wait_for("its threads", lambda: all_wait(daemon), pause=0.002)  # a sanitizer does not survive if one of them gets no memory
            faults.arm(ALLOC, n)
            clients = [testlib.Smtp(t.smtp_port, timeout=20) for _ in range(40)]
            codes = collections.Counter(c.reply()[0] for c in clients)
            assert set(codes) <= {220, 421, 0} and codes[220] >= 39, f"{n}: {codes}"
            _, failed = faults.disarm()
            for c in clients:
                c.close()
            assert greeted(t), f"{n}: {t.log()}"
            daemon.terminate()
            assert daemon.wait(60) == 0, f"{n}: {t.log()}"
    print(f"crowd: {n} daemons")


def sweep(t, faults, dialogue, count, step):
    what = f"{dialogue.__name__}-{'all' if count == ALL else 'one'}"
    n, quiet, played, accepted, refused = 0, 0, 0, [], 0
    while quiet < 3:                         # the writer's own allocations come when they come: three without a failure are the end
        n += step
        name = f"{what}{n}"
        session = Session(t)
        faults.arm(ALLOC, n, count)
        played += session.play(dialogue(name))
        calls, failed = faults.disarm()
        quiet = 0 if failed else quiet + 1
        accepted += session.accepted + check_alive(t, name)
        refused += session.refused
        assert n < 30000, "no end"
    lost = set(accepted) - stored(t)
    assert not lost, f"accepted and not on record: {sorted(lost)[:5]}"
    print(f"{what}: {n // step} sessions of about {calls} allocations, {played} played to the end, {refused} refusals, {len(accepted)} messages")


def start(t, faults):
    with open(t.top / "log", "wb") as log:
        return subprocess.Popen([str(t.bin / "trapsmtp"), "-c", str(t.conf)], stderr=log, env={**os.environ, **faults.env})


def all_wait(daemon):
    """None of its threads is still to begin."""
    tasks = testlib.pathlib.Path(f"/proc/{daemon.pid}/task").iterdir()
    return all((task / "stat").read_text().rpartition(")")[2].split()[0] == "S" for task in tasks)


def until_listening(t, faults):
    """Allocations before the ports are bound: reading the configuration, which is libconfuse's affair and nobody's session."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", t.smtp_port))
        taken.listen()
        faults.arm(ALLOC, ALL)
        assert start(t, faults).wait(60) == 69, t.log()
        return faults.disarm()[0]


def start_up(build):
    """The n-th allocation of the start fails: an exit with a reason, or a daemon that works."""
    ended = collections.Counter()
    with testlib.Installation(build, config=CONFIG) as t:
        faults = Faults(build, t)
        first = n = until_listening(t, faults)
        failed = 1
        while failed:
            n += STEP
            faults.arm(ALLOC, n)
            daemon = start(t, faults)
            testlib.wait_for("a greeting or an end", lambda: daemon.poll() is not None or greeted(t), pause=0.002)
            if daemon.poll() is None:
                _, failed = faults.disarm()
                daemon.terminate()
                assert daemon.wait(60) == 0, (n, t.log())
            ended[daemon.returncode] += 1
            assert daemon.returncode == 0 or 64 <= daemon.returncode <= 78, f"allocation {n}: exit {daemon.returncode}\n{t.log()}"
            assert daemon.returncode == 0 or t.log().strip(), f"allocation {n}: no reason given"
    print(f"start: allocations {first} to {n}, exits {dict(ended)}")


def greeted(t):
    with contextlib.suppress(OSError), testlib.Smtp(t.smtp_port, timeout=5) as s:
        return s.reply()[0] == 220


def main(build):
    start_up(build)
    crowd(build)
    with sink(build, 'commit_wait = "10s"') as (t, faults):
        sweep(t, faults, plain, 1, 1)
        sweep(t, faults, plain, ALL, 1)
        sweep(t, faults, extensions, 1, 5)
        sweep(t, faults, extensions, ALL, 5)
        parts = [p for p in (t.dir / "postmaster").iterdir() if p.suffix != ".eml"]
        assert not parts, parts


if __name__ == "__main__":
    main(sys.argv[1])
