"""What the fault tests share: the recorder's environment, and clients that make work and note what they were told."""
import contextlib
import hashlib
import http.client
import os
import pathlib
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "functional"))
import testlib  # noqa: E402

import promises  # noqa: E402


def recorder_env(build, directory, log, fsync_ms=0, fsync_drop="", fsync_fail=""):
    """Environment of a process that is recorded into `log`.PROGRAM.PID."""
    sanitizer = os.environ.get("ASAN_OPTIONS", "")
    return {
        "LD_PRELOAD": f"{pathlib.Path(build).resolve()}/tests/fault/libtrapline_record.so",
        "TRAPLINE_RECORD_DIR": str(directory),
        "TRAPLINE_RECORD_LOG": str(log),
        "TRAPLINE_FSYNC_MS": str(fsync_ms),
        "TRAPLINE_FSYNC_DROP": fsync_drop,
        "TRAPLINE_FSYNC_FAIL": fsync_fail,
        # The recorder stands before the sanitizer's library on purpose.
        "ASAN_OPTIONS": sanitizer + (":" if sanitizer else "") + "verify_asan_link_order=0",
    }


def client_ip(n):
    """The n-th visitor: public addresses, each in a network of its own."""
    return f"45.{n // 60000 + 10}.{n // 240 % 250}.{n % 240 + 1}"


def in_parallel(threads, work, *values):
    """work(value) for each, by so many threads; the first failure is raised when all have ended."""
    queue, failures, lock = list(reversed(values)), [], threading.Lock()

    def run():
        while True:
            with lock:
                if not queue or failures:
                    return
                value = queue.pop()
            try:
                work(value)
            except BaseException as e:
                with lock:
                    failures.append(e)

    workers = [threading.Thread(target=run) for _ in range(threads)]
    for w in workers:
        w.start()
    for w in workers:
        w.join()
    if failures:
        raise failures[0]


def sets_wrong(zones):
    """What is wrong with the published set of a zones directory; nothing published is right, too."""
    current = pathlib.Path(zones) / "current"
    if not current.is_symlink():
        return []
    if not current.is_dir():
        return [f"current points to {os.readlink(current)}, which is not there"]
    if not (current / "manifest").is_file():
        return [f"set {os.readlink(current)} has no manifest"]
    lines = (current / "manifest").read_text().splitlines()
    if not lines or lines[-1] != "end" or f"serial {os.readlink(current)}" not in lines:
        return [f"the manifest of set {os.readlink(current)} is torn or another's"]
    wrong = []
    for line in lines:
        if line.startswith("file "):
            _, path, _, _, _, size, digest = line.split()
            content = (current / path).read_bytes() if (current / path).is_file() else b""
            if len(content) != int(size) or hashlib.sha256(content).hexdigest() != digest:
                wrong.append(f"set {os.readlink(current)}: {path} is not what the manifest says")
    return wrong


def transaction(s, sender, recipients, body=b"Subject: offer\r\n\r\nBuy now.\r\n"):
    """The code that ends it: of the first command that was refused, else of end-of-data."""
    lines = [(f"MAIL FROM:<{sender}>", 250)] + [(f"RCPT TO:<{r}>", 250) for r in recipients] + [("DATA", 354)]
    for line, expected in lines:
        code, _ = s.command(line)
        if code != expected:
            s.command("RSET")
            return code
    s.send(testlib.stuff(body) + b".\r\n")
    return s.reply()[0]


class Clients:
    """Visitors and senders in threads, until stopped; what they were shown and told. Broken connections are no failure."""

    def __init__(self, installation, traps, visitors=4, senders=4):
        self.t, self.traps, self.stopping = installation, list(traps), threading.Event()
        self.lock, self.next, self.pages, self.told, self.refused = threading.Lock(), 0, {}, {}, 0
        self.bare, self.latency = 0, []
        self.visitors, self.senders, self.threads = visitors, senders, []

    def start(self):
        self.stopping.clear()
        self.threads = [threading.Thread(target=self.loop, args=(work,))
                        for work, n in ((self.visit, self.visitors), (self.deliver, self.senders)) for _ in range(n)]
        for thread in self.threads:
            thread.start()

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join()

    def loop(self, work):
        while not self.stopping.is_set():
            with self.lock:
                self.next += 1
                n = self.next
            try:
                work(n)
            except (OSError, http.client.HTTPException, AssertionError, ValueError):
                self.stopping.wait(0.02)    # the other side was killed, or has no space

    def visit(self, n):
        client = client_ip(n)
        began = time.monotonic()
        status, _, body = self.t.get(f"/page/{n % 50}", client=client)
        took = time.monotonic() - began
        if status != 200:
            return
        found = testlib.extract(body)
        with self.lock:
            self.latency.append(took)
            self.bare += not found
            for address in found:
                self.pages[address] = client

    def deliver(self, n):
        client = client_ip(n)
        with self.t.smtp(client=client) as s:
            for i in range(5):
                with self.lock:
                    known = list(self.pages)[-50:]
                sender, to = f"s{n}.{i}@sender.example", (known or self.traps)[n % len(known or self.traps)]
                code = transaction(s, sender, [to])
                with self.lock:
                    if code == 250:
                        self.told[sender] = {to.lower()}
                    else:
                        self.refused += 1

    def lost(self, decoder):
        """What they were shown or told and is not on record."""
        with self.lock:
            pages, told = dict(self.pages), dict(self.told)
        decoder.learn(pages)
        shown = {a: (decoder.known[a], client) for a, client in pages.items() if decoder.known[a]}
        with contextlib.closing(self.t.database("visits")) as db:
            lost = list(promises.missing_visits(db, shown))
        with contextlib.closing(self.t.database("hits")) as db:
            lost += promises.missing_hits(db, told)
        return lost
