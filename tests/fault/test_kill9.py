"""kill -9 under load, again and again: what was shown and told is on record, the published set is whole, the fold goes on where it was.

At the end derived.db and `trapline dump` are the same before and after `trapline rebuild`: nothing was folded twice or not at all.
"""
import os
import random
import signal
import sys
import time

import fault_lib
import promises
from fault_lib import testlib

CYCLES = int(os.environ.get("TRAPLINE_COUNT", "25"))
DAEMONS = ("trapweb", "trapsmtp", "trapexport")
CONFIG = 'store { wal_max = "1M"  free_min = "0" }\ntrap "sales@old.test" { class = "pristine" }\n'


def kill(t, processes):
    for p in processes:
        p.send_signal(signal.SIGKILL)
    for p in processes:
        p.wait(60)
        t.processes.remove(p)


def start(t):
    before = list(t.processes)
    t.start(*DAEMONS)
    return [p for p in t.processes if p not in before]


def check(t, clients, decoder, when):
    lost = clients.lost(decoder)
    assert not lost, f"{when}: {len(lost)} lost, as {lost[:3]}"
    wrong = fault_lib.sets_wrong(t.dir / "zones")
    assert not wrong, f"{when}: {wrong}"
    for name in ("visits", "hits", "derived", "published"):
        assert t.sql(name, "PRAGMA quick_check") == [("ok",)], f"{when}: {name}.db is damaged"


def main(build):
    dice = random.Random(9)
    with testlib.Installation(build, config=CONFIG) as t:
        clients = fault_lib.Clients(t, ["sales@old.test"])
        decoder = promises.Decoder(build, t.dir)
        began = time.monotonic()
        for cycle in range(CYCLES):
            processes = start(t)
            check(t, clients, decoder, f"after kill {cycle}")
            clients.start()
            time.sleep(dice.uniform(0.05, 0.5))
            order = list(processes)
            dice.shuffle(order)
            kill(t, order)
            clients.stop()
            wrong = fault_lib.sets_wrong(t.dir / "zones")   # what rbldnsd would serve while trapexport is dead
            assert not wrong, f"killed {cycle}: {wrong}"
        processes = start(t)
        check(t, clients, decoder, "at the end")
        for p in reversed(processes):
            code = t.stop(p)
            assert code == 0, f"{p.args} ended with {code}:\n{t.log()}"
        print(f"{CYCLES} kills in {time.monotonic() - began:.0f} s: {len(clients.pages)} addresses shown, {len(clients.told)} messages told 250")
        assert len(clients.pages) > 20 * CYCLES and len(clients.told) > 5 * CYCLES, "hardly any load"

        done = testlib.subprocess.run([str(t.bin / "trapexport"), "-c", str(t.conf), "--once"], capture_output=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr.decode()   # folds what came in after it was stopped
        as_of = f"@{int(time.time())}"
        folded, dump = rows(t), t.run("dump", "--as-of", as_of).stdout
        t.run("rebuild")
        again = rows(t)
        lost, more = sorted(map(str, again - folded)), sorted(map(str, folded - again))
        assert not lost and not more, f"derived.db, and what a rebuild makes of the log: {len(lost)} rows lacked, as {lost[:2]}, " \
            f"{len(more)} rows were wrong, as {more[:2]}"
        assert t.run("dump", "--as-of", as_of).stdout == dump, "the dump differs after rebuild"
        assert len(folded) > 100 and dump.count(b"\nevidence ") > 50, (len(folded), dump[:500])


def rows(t):
    """All that the fold wrote, straight from derived.db."""
    return {(table, *row) for table in ("evidence", "link", "visitor", "network", "pending", "mark")
            for row in t.sql("derived", f"SELECT * FROM {table}")}


if __name__ == "__main__":
    main(sys.argv[1])
