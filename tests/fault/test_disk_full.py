"""The disk is full: mail gets 452 4.3.1, pages carry no addresses, everything else goes on; with space the daemons recover by
themselves; nothing that was acknowledged is lost.

The installation lives on a small tmpfs in a mount namespace of the test's own, where this process may make one. A file size limit of
the daemons stands for a quota.
"""
import ctypes
import os
import pathlib
import resource
import shutil
import subprocess
import sys
import time

import fault_lib
import promises
from fault_lib import testlib

CLONE_NEWNS = 0x20000
SIZE = 8 << 20
DAEMONS = ("trapweb", "trapsmtp")


def config(free_min):
    return f'store {{ wal_max = "1M"  free_min = "{free_min}" }}\ntrap "sales@old.test" {{ class = "pristine" }}\n'


def own_mounts():
    """True where this process may mount, and nobody else sees it."""
    if os.geteuid() != 0 or ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNS) == -1:
        return False
    return subprocess.run(["mount", "--make-rprivate", "/"], capture_output=True, check=False).returncode == 0


class SmallDisk:
    """The state directory on a tmpfs; full() leaves `spare` bytes, empty() gives the space back."""

    def __init__(self, t):
        self.t, self.ballast = t, t.dir / "ballast"
        before = t.top / "before"
        t.dir.rename(before)
        t.dir.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=711", "tmpfs", str(t.dir)], check=True)
        shutil.copytree(before, t.dir, symlinks=True, dirs_exist_ok=True)

    def full(self, spare):
        free = os.statvfs(self.t.dir).f_bavail * os.statvfs(self.t.dir).f_frsize
        with open(self.ballast, "wb") as f:
            os.posix_fallocate(f.fileno(), 0, free - spare)

    def empty(self):
        self.ballast.unlink()

    def close(self):
        subprocess.run(["umount", "-l", str(self.t.dir)], check=True)


class FileLimit:
    """No file of the daemons may grow any more."""

    def __init__(self, t):
        self.t = t

    def limit(self, size):
        for p in self.t.processes:
            resource.prlimit(p.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    def full(self, spare):
        self.limit(max(p.stat().st_size for p in self.t.dir.glob("*.db*")) // 2 + spare)

    def empty(self):
        self.limit(resource.RLIM_INFINITY)

    def close(self):
        pass


def message_while_full(t, n):
    """The replies of one session: MAIL may be refused at once (452), or end-of-data is; the rest goes on."""
    with t.smtp(client=fault_lib.client_ip(50000 + n)) as s:
        s.expect("NOOP", 250)
        code, lines = s.command(f"MAIL FROM:<full{n}@sender.example>")
        if code == 250:
            s.expect("RCPT TO:<sales@old.test>", 250)
            s.expect("DATA", 354)
            s.send(b"Subject: offer\r\n\r\nBuy now.\r\n.\r\n")
            code, lines = s.reply()
        assert code == 452 and lines[0].startswith(b"452 4.3.1"), lines
        s.expect("RSET", 250)
        s.expect("EHLO again.example", 250)
        s.expect("VRFY somebody", 252)
        s.expect("QUIT", 221)


def page_while_full(t, n):
    status, _, body = t.get(f"/page/{n}", client=fault_lib.client_ip(60000 + n))
    assert status == 200 and len(body) > 200 and testlib.extract(body) == [], (status, testlib.extract(body))


def fill(t, disk, spare, clients):
    """Until the first refusal of both: SQLite may have room left in files that are there already."""
    disk.full(spare)
    clients.start()
    bare, refused = clients.bare, clients.refused
    testlib.wait_for("both feel the full disk", lambda: clients.bare > bare + 5 and clients.refused > refused + 5)
    clients.stop()


def both_refused(t, disk, spare, clients, n):
    """A checkpoint may make room in files that are there: what is taken then is on record, and the disk is to be filled once more."""
    for attempt in range(5):
        try:
            message_while_full(t, n + 10 * attempt)
            page_while_full(t, n + 10 * attempt)
            return
        except AssertionError as e:
            last = e
            fill(t, disk, spare, clients)
    raise last


def round_of(t, disk, spare, clients, decoder, what):
    clients.start()
    pages, told = len(clients.pages), len(clients.told)
    testlib.wait_for("pages and messages", lambda: len(clients.pages) > pages + 50 and len(clients.told) > told + 50)
    clients.stop()

    fill(t, disk, spare, clients)
    for n in range(5):
        both_refused(t, disk, spare, clients, n)
    roles(t)
    lost = clients.lost(decoder)
    assert not lost, f"{what}, full: {lost[:3]}"

    disk.empty()
    testlib.wait_for("pages carry addresses again", lambda: testlib.extract(t.get("/back", client=fault_lib.client_ip(70000 + time.monotonic_ns() % 10000))[2]))
    testlib.wait_for("mail is taken again", lambda: try_mail(t) == 250)
    lost = clients.lost(decoder)
    assert not lost, f"{what}, space again: {lost[:3]}"
    print(f"{what}: {len(clients.pages)} addresses, {len(clients.told)} messages kept; {clients.bare} pages and {clients.refused} messages refused")


def roles(t):
    """Mail to postmaster needs the disk, too, and leaves no part of a file."""
    before = set((t.dir / "postmaster").iterdir())
    with t.smtp(client="45.200.1.1") as s:
        code, _ = s.command("MAIL FROM:<human@sender.example>")
        if code == 250:
            s.expect("RCPT TO:<postmaster@trap.test>", 250)
            s.expect("DATA", 354)
            s.send(b"Subject: please\r\n\r\n" + b"a long question\r\n" * 60000 + b".\r\n")
            code = s.reply()[0]
        assert code == 452, code
    assert set((t.dir / "postmaster").iterdir()) == before


def try_mail(t):
    try:
        return t.mail("sales@old.test", client="45.200.2.2")
    except AssertionError:
        return 0    # MAIL was refused


def run(build, mounts, free_min, spare, what):
    with testlib.Installation(build, config=config(free_min), smtp='message_max = "2M"') as t:
        disk = SmallDisk(t) if mounts else None
        try:
            t.start(*DAEMONS)
            disk = disk or FileLimit(t)
            clients = fault_lib.Clients(t, ["sales@old.test"])
            decoder = promises.Decoder(build, t.dir)
            for i in range(2):
                round_of(t, disk, spare, clients, decoder, f"{what}, time {i + 1}")

            # Stopping on a full disk is orderly, and the next start finds everything.
            fill(t, disk, spare, clients)
            for p in list(reversed(t.processes)):
                code = t.stop(p)
                assert code == 0, f"{p.args} ended with {code} on a full disk:\n{t.log()}"
            disk.empty()
            t.start(*DAEMONS)
            lost = clients.lost(decoder)
            assert not lost, f"{what}, started again: {lost[:3]}"
            t.close_daemons()
        finally:
            if disk:
                disk.close()


def main(build):
    run(build, False, "0", 0, "file size limit")
    if own_mounts():
        run(build, True, "0", 0, "no byte left")
        run(build, True, "2M", 1 << 20, "less than free_min left")
    else:
        print("no right to mount: the full disk itself was not tried")


if __name__ == "__main__":
    main(sys.argv[1])
