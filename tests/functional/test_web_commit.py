"""No address before its visit is on disk: slow and failing stores, deadlines, stops under load."""
import sys
import threading
import time

from testlib import all_read, wait_for
from weblib import Web, run


def timed(w, *args, **kw):
    begin = time.monotonic()
    status, _, body = w.ask(*args, **kw)
    return status, body, time.monotonic() - begin


def test_deadline(build):
    with Web(build, web='commit_deadline = "200ms"').start() as w:
        full = w.ask("/", client="8.8.4.1")[2]
        assert w.addresses(full)
        db = w.lock()
        for n in range(3):
            status, body, took = timed(w, "/", client=f"8.8.5.{n + 1}")
            assert status == 200 and w.addresses(body) == [] and took > 0.15, took
        assert w.ask("/", client="8.8.4.1")[2] == full  # shown again: needs no commit
        assert w.visits() == 1
        db.rollback()
        wait_for("late visits are on record, marked", lambda: w.sql("SELECT count(*) FROM not_shown")[0][0] == 3)
        assert w.visits() == 4
        again = w.ask("/", client="8.8.5.1")[2]
        assert w.addresses(again)
        assert w.serials(again) == {4}  # never the one that was not shown
        w.stop()
        assert "not_shown=3" in w.log() and "without_deadline=3" in w.log(), w.log()


def test_health(build):
    with Web(build, web='commit_deadline = "200ms"').start() as w:
        health = lambda: w.ask("/healthz", client=None)
        status, headers, body = health()
        assert (status, body) == (200, b"ok\n") and headers["Cache-Control"] == "no-store"
        assert health()[0] == 200 and w.visits() == 0
        # a visitor sees a page like any other
        status, _, body = w.ask("/healthz")
        assert status == 200 and w.addresses(body) and b"ok\n" != body
        db = w.lock()
        assert w.addresses(w.ask("/", client="8.8.5.1")[2]) == []
        status, _, body = health()
        assert status == 503 and b"store" in body
        db.rollback()
        wait_for("healthy again", lambda: health()[0] == 200)  # without any visitor
        assert w.addresses(w.ask("/", client="8.8.5.1")[2])
        w.stop()


def test_queue_full(build):
    """More than queue_max wait: a page without addresses at once, not after the deadline."""
    with Web(build, web='commit_deadline = "10s"', config="store { queue_max = 16 }").start() as w:
        db = w.lock()
        took, threads = [], []
        def one(n):
            status, body, seconds = timed(w, "/", client=f"8.8.{n // 200 + 1}.{n % 200 + 1}")
            assert status == 200
            took.append((seconds, bool(w.addresses(body))))
        for n in range(60):
            threads.append(threading.Thread(target=one, args=(n,)))
            threads[-1].start()
        wait_for("the first answers", lambda: len(took) >= 20)
        assert all(seconds < 9 and not with_addresses for seconds, with_addresses in took[:20]), took
        db.rollback()
        for t in threads:
            t.join()
        assert len(took) == 60
        shown = sum(a for _, a in took)
        assert 16 <= shown <= 40, shown
        assert w.visits() == shown  # every visit on record was shown, and no other
        w.stop()


def test_disk_full(build):
    with Web(build, config='store { free_min = "1024G" }') as w:
        w.start()
        status, body, _ = timed(w, "/")
        assert status == 200 and w.addresses(body) == []
        assert w.visits() == 0
        assert w.ask("/healthz", client=None)[0] == 503
        w.stop()
        assert "without_store=1" in w.log(), w.log()


def test_stop_with_waiting(build):
    """SIGTERM while requests wait for a stalled commit: each gets its page; a shown address is on record."""
    with Web(build, web='commit_deadline = "10s"').start() as w:
        before = w.sockets(w.process)
        db = w.lock()
        bodies, threads = [], []
        for n in range(40):
            threads.append(threading.Thread(target=lambda n=n: bodies.append(w.ask("/", client=f"8.8.4.{n + 1}"))))
            threads[-1].start()
        wait_for("their requests are read", lambda: len(threads) + before <= w.sockets(w.process) and all_read(w.port))
        assert bodies == []
        stopper = threading.Thread(target=w.stop)
        stopper.start()
        time.sleep(0.3)
        db.rollback()
        for t in threads + [stopper]:
            t.join()
        assert len(bodies) == 40 and all(status == 200 for status, _, _ in bodies)
        assert all(w.addresses(body) for _, _, body in bodies)
        assert w.visits() == 40
        shown = {s for _, _, body in bodies for s in w.serials(body)}
        assert shown == set(range(40))


def test_stop_under_load(build):
    """Clients keep asking while it stops: no half answer; whatever was shown is on record."""
    with Web(build).start() as w:
        answers, broken, halt = [], [], threading.Event()
        def client(k):
            n = 0
            c = w.connect()
            while not halt.is_set():
                n += 1
                try:
                    status, headers, body = w.ask("/", client=f"8.{k}.{n // 250 + 1}.{n % 250 + 1}", connection=c)
                    answers.append((status, len(body) == int(headers["Content-Length"]), body))
                except (ConnectionRefusedError, ConnectionResetError, BrokenPipeError):
                    return
                except Exception as e:  # http.client: closed between two requests, or in the middle of an answer
                    if type(e).__name__ not in ("RemoteDisconnected", "CannotSendRequest"):
                        broken.append(repr(e))
                    return
        threads = [threading.Thread(target=client, args=(k + 20,)) for k in range(16)]
        for t in threads:
            t.start()
        wait_for("load", lambda: len(answers) > 300)
        w.stop()
        halt.set()
        for t in threads:
            t.join()
        assert not broken, broken
        assert all(status == 200 and whole for status, whole, _ in answers)
        last = w.visits()
        some = answers[-100:]
        assert all(s < last for _, _, body in some for s in w.serials(body))


def test_many_clients(build):
    """200 clients at the same time, each with a connection of its own that it keeps."""
    with Web(build).start() as w:
        wrong, threads = [], []
        def client(k):
            c = w.connect()
            for n in range(10):
                status, _, body = w.ask(f"/{n}.html", client=f"8.9.{k // 250 + 1}.{k % 250 + 1}", connection=c)
                if status != 200:
                    wrong.append(status)
                bodies[k].append(body)
            c.close()
        bodies = [[] for _ in range(200)]
        for k in range(200):
            threads.append(threading.Thread(target=client, args=(k,)))
            threads[-1].start()
        for t in threads:
            t.join()
        assert not wrong, wrong
        shown = [w.addresses(b) for k in bodies for b in k]
        assert len(shown) == 2000 and all(shown)
        assert w.visits() == len({page[0] for page in shown}) == 2000
        w.stop()


if __name__ == "__main__":
    run([test_deadline, test_health, test_queue_full, test_disk_full, test_stop_with_waiting, test_stop_under_load, test_many_clients])
    sys.exit(0)
