"""A disk whose fsync takes 5 and 100 ms: promises hold, pages come with addresses, nothing overtakes its fsync, and where fsync is what
takes the time many wait for one. How long a page takes is printed and not judged: that is the machine's affair.

With an fsync slower than commit_deadline pages come without addresses, and their visits are marked as not shown.
"""
import contextlib
import pathlib
import sys
import tempfile
import time

import crash_disk
import fault_lib
import promises
from fault_lib import testlib

SHARED_MS = 100     # slower than any machine's work for twelve clients
CONFIG = 'store { wal_max = "1M"  free_min = "0" }\ntrap "sales@old.test" { class = "pristine" }\n'


@contextlib.contextmanager
def slow(build, program, fsync_ms, deadline="10s"):
    """(installation, function that counts the fsyncs so far)"""
    with testlib.Installation(build, config=CONFIG, web=f'commit_deadline = "{deadline}"') as t, tempfile.TemporaryDirectory(prefix="trapline-slow.") as logs:
        t.start(program, env=fault_lib.recorder_env(build, t.dir, f"{logs}/log", fsync_ms=fsync_ms))

        def syncs():
            return sum(r.kind == "sync_begin" for log in pathlib.Path(logs).glob("log.*") for r in crash_disk.read_log(log))

        yield t, syncs


def rate(clients, seconds, done, syncs):
    """(done per second, done per fsync) under the load of clients."""
    fsyncs, before = syncs(), done()
    began = time.monotonic()
    clients.start()
    time.sleep(seconds)
    clients.stop()
    took, count = time.monotonic() - began, done() - before
    return count / took, count / max(1, syncs() - fsyncs)


def percentile(values, p):
    return sorted(values)[min(len(values) - 1, int(len(values) * p))]


def check(fsync_ms, single, group):
    assert single[0] <= 1000 / fsync_ms + 1, "an answer came before its fsync"
    if fsync_ms == SHARED_MS:
        assert group[0] > 1.5 * single[0], "throughput does not grow with concurrency"
        assert group[1] > 1.5, "everybody has an fsync of his own"


def pages(build, fsync_ms):
    with slow(build, "trapweb", fsync_ms) as (t, syncs):
        one, many = fault_lib.Clients(t, [], 1, 0), fault_lib.Clients(t, [], 12, 0)
        many.next = 100000      # other visitors
        single = rate(one, 2, lambda: len(one.latency), syncs)
        group = rate(many, 2, lambda: len(many.latency), syncs)
        p99 = percentile(many.latency, 0.99)
        print(f"trapweb, fsync {fsync_ms} ms: 1 client {single[0]:.0f} pages/s, {single[1]:.1f} a fsync; 12 clients {group[0]:.0f} pages/s, "
              f"{group[1]:.1f} a fsync; p99 {p99 * 1000:.0f} ms; {many.bare} of {len(many.latency)} without addresses")
        assert one.bare == many.bare == 0, f"{one.bare} and {many.bare} pages without addresses"
        check(fsync_ms, single, group)
        lost = one.lost(promises.Decoder(build, t.dir)) + many.lost(promises.Decoder(build, t.dir))
        assert not lost, lost[:3]


def messages(build, fsync_ms):
    with slow(build, "trapsmtp", fsync_ms) as (t, syncs):
        one, many = fault_lib.Clients(t, ["sales@old.test"], 0, 1), fault_lib.Clients(t, ["sales@old.test"], 0, 12)
        many.next = 100000
        single = rate(one, 2, lambda: len(one.told), syncs)
        group = rate(many, 2, lambda: len(many.told), syncs)
        print(f"trapsmtp, fsync {fsync_ms} ms: 1 client {single[0]:.0f} messages/s, {single[1]:.1f} a fsync; "
              f"12 clients {group[0]:.0f} messages/s, {group[1]:.1f} a fsync; refused {many.refused}")
        check(fsync_ms, single, group)
        assert one.refused == many.refused == 0
        lost = one.lost(promises.Decoder(build, t.dir)) + many.lost(promises.Decoder(build, t.dir))
        assert not lost, lost[:3]


def slower_than_the_deadline(build):
    with slow(build, "trapweb", 400, "150ms") as (t, _):
        clients = fault_lib.Clients(t, [], 6, 0)
        clients.start()
        time.sleep(2)
        clients.stop()
        print(f"trapweb, fsync 400 ms: {clients.bare} of {len(clients.latency)} without addresses, slowest page {max(clients.latency) * 1000:.0f} ms")
        assert clients.bare > len(clients.latency) // 2
        lost = clients.lost(promises.Decoder(build, t.dir))
        assert not lost, lost[:3]
        testlib.wait_for("visits that nobody saw are marked", lambda: t.sql("visits", "SELECT count(*) FROM not_shown")[0][0] > 0)


def main(build):
    for fsync_ms in (5, SHARED_MS):
        pages(build, fsync_ms)
        messages(build, fsync_ms)
    slower_than_the_deadline(build)


if __name__ == "__main__":
    main(sys.argv[1])
