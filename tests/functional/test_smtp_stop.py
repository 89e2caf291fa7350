"""trapsmtp is asked to stop while clients are in every state: each hears what it may, nothing is lost, nobody holds up the end."""
import contextlib
import os
import pathlib
import signal
import socket
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "fault"))
from fault_lib import recorder_env  # noqa: E402
from testlib import Installation, Smtp, free_port, run_tests, skip, wait_for  # noqa: E402
from tlslib import greeted, implicit, starttls  # noqa: E402

CONFIG = 'trap_domain "old.example" { class = "recycled" }\n'
SHUTDOWN = b"421 4.3.2 Service shutting down, try again later\r\n"
ENVELOPE = b"EHLO a.example\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<t1@old.example>\r\n"
LATE = "smtp.stop sessions="  # said when something had to be cut off after nine seconds

# What a client sent, and what it hears when the service stops.
STATES = {
    "nothing": (b"", SHUTDOWN),
    "greeted": (b"EHLO a.example\r\n", SHUTDOWN),
    "part of a line": (b"EHLO a.example\r\nMAI", SHUTDOWN),
    "transaction": (ENVELOPE, SHUTDOWN),
    "message": (ENVELOPE + b"DATA\r\nSubject: x\r\n\r\nb", SHUTDOWN),
    "chunk": (ENVELOPE + b"BDAT 100\r\nabc", SHUTDOWN),
    "between chunks": (ENVELOPE + b"BDAT 3\r\nabc", SHUTDOWN),
    "refused chunk": (b"BDAT 100\r\nabc", SHUTDOWN),
    "log-in": (b"EHLO a.example\r\nAUTH LOGIN\r\ndXNlcg==\r\n", SHUTDOWN),
    "handshake": (b"EHLO a.example\r\nSTARTTLS\r\n", b"220 2.0.0 Ready to start TLS\r\n"),
    "last reply": (b"QUIT\r\n", b"221 2.0.0 Bye\r\n"),
}


@contextlib.contextmanager
def installation(build, smtp):
    tls, proxy = free_port(), free_port()
    with Installation(build, config=CONFIG, tls=True,
                      smtp=f'tls_listen = {{"127.0.0.1:{tls}"}}  proxy_listen = {{"127.0.0.1:{proxy}"}}  {smtp}') as it:
        it.tls_port, it.proxy_port = tls, proxy
        yield it


def connect(port, data=b""):
    s = socket.create_connection(("127.0.0.1", port), 60)
    s.sendall(data)
    return s


def heard(sock):
    data = b""
    with contextlib.suppress(ConnectionResetError):
        while more := sock.recv(65536):
            data += more
    return data


def test_every_state(build):
    with installation(build, 'auth = "on"  command_timeout = "10m"  handshake_timeout = "10m"') as it:
        p = it.start("trapsmtp")
        clients = {name: connect(it.smtp_port, said) for name, (said, _) in STATES.items()}
        silent = [connect(it.proxy_port), connect(it.proxy_port, b"PROXY TCP4 192.0.2.1 "), connect(it.tls_port),
                  connect(it.tls_port, b"\x16\x03\x01\x01")]
        in_tls = [implicit(it).sock, starttls(it).sock, greeted(it).sock]
        with Smtp(it.smtp_port) as last:  # what the others sent before was read before this one's answers came
            last.expect(None, 220)
            for _ in range(3):
                last.expect("NOOP", 250)
        time.sleep(1)
        assert it.stop(p) == 0, it.log()
        assert LATE not in it.log(), it.log()
        for name, (_, end) in STATES.items():
            assert heard(clients[name]).endswith(end), name
        assert [heard(s) for s in silent] == [b""] * len(silent)
        assert [heard(s) for s in in_tls] == [SHUTDOWN] * len(in_tls)
        attempts = it.sql("hits", "SELECT count(*) FROM session WHERE attempt_address = ?", b"t1@old.example")
        assert attempts == [(3,)], "the message, the chunk, and what stood between chunks"
        assert it.sql("hits", "SELECT user FROM auth") == [(b"user",)]


def test_a_disk_that_is_too_slow(build):
    """The commit takes longer than commit_wait, and than we are asked to live: 452, then 421, and the hit is on disk."""
    with installation(build, 'commit_wait = "200ms"') as it:
        p = it.start("trapsmtp", env=recorder_env(build, it.dir, it.top / "rec", fsync_ms=600))
        with Smtp(it.smtp_port) as s:
            s.expect(None, 220)
            s.send(ENVELOPE + b"DATA\r\nSubject: x\r\n\r\nb\r\n.\r\n")
            assert [s.reply()[0] for _ in range(4)] == [250, 250, 250, 354]
            p.send_signal(signal.SIGTERM)
            answers = [s.reply()[0] for _ in range(3)]
            assert answers in ([452, 421, 0], [250, 421, 0]), answers
        assert p.wait(60) == 0, it.log()
        it.processes.remove(p)
        assert LATE not in it.log(), it.log()
        it.start("trapsmtp")
        wait_for("the hit", lambda: it.sql("hits", "SELECT count(*) FROM hit") == [(1,)])


if __name__ == "__main__":
    if not os.path.exists(sys.argv[1] + "/bin/trapline"):
        skip("trapline is not built")
    sys.exit(run_tests(globals()))
