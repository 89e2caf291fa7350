"""The n-th write, fsync, send, recv, accept or epoll_ctl of a session fails, for each n and each way to fail: an answer for now or the end
of that connection, what was accepted is on record once, the next client is served in full. What a kernel may do on any day (EINTR,
EAGAIN, half of it) is not even noticed."""
import errno
import os
import sys

from faillib import ACCEPT, EPOLL, RECV, SEND, SIZE, SYNC, WRITE, Session, check_alive, extensions, plain, sink, stored

HALF = "half"
UNNOTICED = [(SEND, errno.EAGAIN), (SEND, errno.EINTR), (SEND, HALF), (RECV, errno.EAGAIN), (RECV, errno.EINTR), (WRITE, HALF),
             (WRITE, errno.EINTR), (ACCEPT, errno.EAGAIN), (ACCEPT, errno.EINTR), (ACCEPT, errno.ECONNABORTED)]
NOTICED = [(SEND, errno.EPIPE), (SEND, errno.ECONNRESET), (SEND, errno.ENOBUFS), (RECV, errno.ECONNRESET), (RECV, errno.ETIMEDOUT),
           (RECV, errno.ENOMEM), (WRITE, errno.ENOSPC), (WRITE, errno.EIO), (SYNC, errno.EIO), (SYNC, errno.ENOSPC),
           (SIZE, errno.ENOSPC), (EPOLL, errno.ENOSPC), (EPOLL, errno.ENOMEM),
           (ACCEPT, errno.EMFILE), (ACCEPT, errno.ENFILE), (ACCEPT, errno.ENOMEM), (ACCEPT, errno.ENOBUFS), (ACCEPT, errno.EPERM)]
NAMES = {WRITE: "write", SYNC: "fsync", SIZE: "ftruncate", SEND: "send", RECV: "recv", ACCEPT: "accept", EPOLL: "epoll_ctl"}


STEP = int(os.environ.get("TRAPLINE_STEP", "2"))     # the others of each two are tried by the long run


def sweep(t, faults, dialogue, kind, how, unnoticed):
    n, quiet, accepted, refused, ended = 1 - STEP, 0, [], 0, 0
    what = f"{dialogue.__name__}-{NAMES[kind]}-{how if how == HALF else errno.errorcode[how]}"
    while quiet < 2:
        n += STEP
        name = f"{what}.{n}"
        session = Session(t)
        faults.arm(kind, n, error=0 if how == HALF else how, half=how == HALF)
        whole = session.play(dialogue(name), None if unnoticed else t.clock)    # a fast clock would let a slow machine's commit come late
        _, failed = faults.disarm()
        quiet = 0 if failed else quiet + 1
        assert not unnoticed or (whole and session.refused == 0), f"{name}: {session.refused} refusals, played to the end: {whole}\n{t.log()}"
        accepted += session.accepted + check_alive(t, name)
        refused += session.refused
        ended += not whole
        assert n < 1000, "no end"
    rows = [r[0].decode() for r in t.sql("hits", "SELECT reverse_path FROM hit")]
    lost = set(accepted) - set(rows)
    assert not lost, f"{what}: accepted and not on record: {sorted(lost)[:5]}"
    assert len(rows) == len(set(rows)), f"{what}: a message twice"
    print(f"{what}: {n // STEP} sessions, {ended} ended early, {refused} refusals, {len(accepted)} messages", flush=True)


def main(build):
    with sink(build, 'commit_wait = "10s"') as (t, faults):
        for kind, how in UNNOTICED:
            sweep(t, faults, plain, kind, how, True)
        for kind, how in NOTICED:
            sweep(t, faults, plain, kind, how, False)
        for kind, how in UNNOTICED + NOTICED:
            if kind in (SEND, RECV, EPOLL):     # what TLS has its own way with
                sweep(t, faults, extensions, kind, how, (kind, how) in UNNOTICED)
        assert t.sql("hits", "PRAGMA quick_check") == [("ok",)]
        assert stored(t)
        parts = [p for p in (t.dir / "postmaster").iterdir() if p.suffix != ".eml"]
        assert not parts, parts


if __name__ == "__main__":
    main(sys.argv[1])
