"""TLS of trapsmtp with peers that mean harm or are broken: nothing in clear is answered, nothing hangs, nothing grows, others are served."""
import concurrent.futures
import contextlib
import os
import re
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time

from testlib import Smtp, run_tests, wait_for
from tlslib import TLS, TLS_ON_PLAIN, TlsSmtp, Wire, connect, context, greeted, implicit, installation, ja4, record, rest, starttls


def clear(data):
    """Nothing that a reader of clear text would take for a reply: nothing, or an alert of TLS."""
    return data == b"" or data[:2] == b"\x15\x03"


def records(message, piece=16384):
    return b"".join(b"\x16\x03\x01" + struct.pack(">H", len(message[at:at + piece])) + message[at:at + piece]
                    for at in range(0, len(message), piece))


def after_starttls(it, helo):
    s = greeted(it, helo)
    s.expect("STARTTLS", 220)
    return s.sock


def rss_kb(p):
    with open(f"/proc/{p.pid}/status") as f:
        return int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1))


def sanitized(build):
    with open(build + "/CMakeCache.txt") as f:
        return re.search("TRAPLINE_SANITIZER:STRING=.", f.read())


def serves(it):
    s = starttls(it)
    s.expect("EHLO others.example", 250)
    s.expect("QUIT", 221)
    s.close()


def real_hello(version="1.2"):
    """What a client of ours says first."""
    inside, outside = ssl.MemoryBIO(), ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        context(version).wrap_bio(inside, outside, server_hostname="x.example").do_handshake()
    return outside.read()


def test_garbage(build):
    """G07 and its family, behind STARTTLS and on the port of implicit TLS: closed without a word in clear; each is on record."""
    hello = real_hello()
    cases = [b"SOMEFAILINGHANDSHAKE\r\n", b"EHLO x.example\r\nMAIL FROM:<a@b.example>\r\n", b"GET / HTTP/1.0\r\n\r\n", b"\0" * 100,
             b"\x16\x03\x01\x40\x01" + b"\x01" * 20000, b"\x15\x03\x01\0\x02\x02\x28", b"\x17\x03\x03\0\x05abcde", os.urandom(3000),
             b"\x16\x03\x01\xff\xff\x01\xff\xff\xff", hello[:40] + b"\xff" * 200, records(b"\x02" + hello[6:]), hello + hello,
             hello + b"EHLO x.example\r\n", b"\x80\x2e\x01\0\x02\0\x15\0\0\0\x10" + b"\x01" * 37, records(hello[5:], 1)[:-3] + b"\x99" * 30]
    with installation(build) as it:
        it.start("trapsmtp")
        for n, text in enumerate(cases):
            sock = after_starttls(it, f"g{n}.example")
            sock.sendall(text)
            socket.socket.shutdown(sock, socket.SHUT_WR)
            data = rest(sock)
            assert clear(data) or data[:2] == b"\x16\x03", (text, data)
            assert not re.search(rb"[2-5]\d\d ", data) or data[:1] == b"\x16", data
            flags, errors, version = record(it, "helo = ?", f"g{n}.example".encode())[:3]
            assert errors >= 1 and version == 0 and not flags & TLS, (text, flags, errors)
            sock = connect(it.tls_port)
            sock.sendall(text)
            socket.socket.shutdown(sock, socket.SHUT_WR)
            data = rest(sock)
            assert clear(data) or data[:2] == b"\x16\x03", (text, data)
        serves(it)


def test_clear_text_on_implicit(build):
    """A client that speaks in clear where TLS is awaited: a clean end, at once, without a reset."""
    with installation(build) as it:
        it.start("trapsmtp")
        sock = connect(it.tls_port)
        sock.sendall(b"EHLO clear.example\r\n")
        start, data = time.monotonic(), b""
        while piece := sock.recv(4096):  # a reset would raise
            data += piece
        assert clear(data) and time.monotonic() - start < 25, "not at the end of handshake_timeout"
        serves(it)


def test_old_protocols(build):
    """What is too old for us fails, and its fingerprint stays; so does a hello in many small records."""
    with installation(build) as it:
        it.start("trapsmtp")
        for n, message in enumerate([ja4.hello([4, 5, 10], version=0x300), ja4.hello([0xC02F], [(0, ja4.name(b"a.example"))], version=0x303),
                                     ja4.browser([0x8A8A, 0x1A1A])]):
            for piece in (16384, 7):
                sock = after_starttls(it, f"old{n}.{piece}.example")
                sock.sendall(records(message, piece))
                socket.socket.shutdown(sock, socket.SHUT_WR)
                rest(sock)
                row = record(it, "helo = ?", f"old{n}.{piece}.example".encode())
                assert row[4].decode() == ja4.fingerprint(message) and row[2] == 0, (n, row)


def test_hello_on_plain(build):
    """A ClientHello where clear text is spoken: an error and the end; marked, and its fingerprint kept where it came whole."""
    hello = real_hello("1.3")
    with installation(build) as it:
        it.start("trapsmtp")
        sock = connect(it.smtp_port)
        assert sock.recv(100).startswith(b"220 ")
        sock.sendall(hello)
        assert re.fullmatch(rb"554 [^\n]*\n", rest(sock))
        row = record(it, "flags & ?", TLS_ON_PLAIN)
        assert row[4].decode() == ja4.fingerprint(ja4.from_records(hello)) and row[5] == b"x.example" and row[2] == 0
        sock = connect(it.smtp_port)
        assert sock.recv(100).startswith(b"220 ")
        sock.sendall(b"\x16\x03\x01\x40\x00" + hello[5:100])
        assert re.fullmatch(rb"554 [^\n]*\n", rest(sock))
        wait_for("its record", lambda: it.sql("hits", "SELECT count(*) FROM session WHERE flags & ? AND ja4 = x''", TLS_ON_PLAIN)[0][0] == 1)


def test_stalls(build):
    """handshake_timeout ends what stops, and what trickles; others are served meanwhile."""
    hello = real_hello()
    with installation(build, 'handshake_timeout = "2s"  command_timeout = "30s"') as it:
        p = it.start("trapsmtp")
        start = time.monotonic()
        waiting = [connect(it.tls_port), after_starttls(it, "silent.example"), connect(it.tls_port), connect(it.tls_port)]
        waiting[2].sendall(hello)  # nothing behind the ClientHello
        waiting[3].sendall(hello[:50])
        trickle = connect(it.tls_port)
        with contextlib.suppress(OSError):
            for c in hello:
                trickle.sendall(bytes([c]))
                trickle.settimeout(0.2)
                with contextlib.suppress(socket.timeout):
                    if not trickle.recv(1000):
                        break
        assert 1.5 < time.monotonic() - start < 60, "an octet each 0.2 s"
        serves(it)
        for sock in waiting:
            data = rest(sock)
            assert clear(data) or data[:2] == b"\x16\x03", data
        assert time.monotonic() - start < 90
        assert record(it, "helo = ?", b"silent.example")[1] >= 1
        connect(it.tls_port).close()  # a port scan
        wait_for("its end", lambda: it.log().count('reason="handshake failed"') > 0)
        serves(it)  # records are written in the order in which sessions end
        wait_for("its record", lambda: it.sql("hits", "SELECT count(*) FROM session WHERE helo = ?", b"others.example") == [(2,)])
        said_something = 3  # two of those that wait, and the one that trickles
        assert it.sql("hits", "SELECT count(*) FROM session WHERE helo = x''") == [(said_something,)], it.log()
        last = connect(it.tls_port)
        assert it.stop(p) == 0 and rest(last) == b""  # one in its handshake does not hold up the end


def test_deaf_client(build):
    """Replies that are never read stay bounded, inside TLS, too; taken late they come complete and in order."""
    n = 60000
    with installation(build, "commands_max = 1000000  sessions_per_ip = 100") as it:
        p = it.start("trapsmtp")
        serves(it)
        deaf = [implicit(it) for _ in range(20)]
        before = rss_kb(p)
        for s in deaf:
            s.sock.setblocking(False)
            with contextlib.suppress(ssl.SSLWantWriteError, ssl.SSLWantReadError):
                while True:
                    s.sock.send(b"EHLO x.example\r\n" * 500)
        time.sleep(1)
        assert rss_kb(p) - before < 20 * 200 or sanitized(build), (before, rss_kb(p))
        serves(it)
        for s in deaf:
            s.close()
        s = implicit(it)
        feed = threading.Thread(target=s.send, args=(b"EHLO x.example\r\n" * n + b"QUIT\r\n",))
        feed.start()
        time.sleep(1)
        for _ in range(n):
            s.expect(None, 250)
        s.expect(None, 221)
        assert s.reply()[0] == 0
        feed.join()


def talk(it, words, steps):
    """One openssl s_client; each step is a line to type, and how often which text is there then. What it printed."""
    with subprocess.Popen(["openssl", "s_client", "-connect", f"127.0.0.1:{it.smtp_port}", "-starttls", "smtp", *words], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as p:
        said = b""
        os.set_blocking(p.stdout.fileno(), False)

        def printed(count, text):
            nonlocal said
            said += p.stdout.read() or b""
            return said.count(text) >= count or p.poll() is not None
        wait_for("the handshake", lambda: printed(1, b"Verify return code"))
        for line, count, text in steps:
            with contextlib.suppress(OSError):
                p.stdin.write(line)
                p.stdin.flush()
            wait_for(f"{text} in {said}", lambda: printed(count, text))
        os.set_blocking(p.stdout.fileno(), True)
        return said + p.communicate(timeout=60)[0]


def test_renegotiation_and_key_update(build):
    """Renegotiation is refused (TLS 1.2), a new key is taken (TLS 1.3); the session and the sink go on."""
    with installation(build) as it:
        it.start("trapsmtp")
        text = talk(it, ["-tls1_2", "-crlf"], [(b"EHLO reneg.example\n", 2, b"\n250 "), (b"R\n", 1, b"no renegotiation")])
        assert b"RENEGOTIATING" in text and b"no renegotiation" in text, text
        assert record(it, "helo = ?", b"reneg.example")[2] == 0x303
        text = talk(it, ["-tls1_3", "-crlf"], [(b"EHLO update.example\n", 2, b"\n250 "), (b"K\n", 1, b"KEYUPDATE"),
                                             (b"k\n", 2, b"KEYUPDATE"), (b"NOOP\n", 1, b"250 2.0.0 Ok"), (b"Q\n", 1, b"DONE")])
        assert text.count(b"KEYUPDATE") >= 1 and b"250 2.0.0 Ok" in text, text
        serves(it)


def test_limits(build):
    """Over a limit nothing is said in clear on the port of implicit TLS; the limit is of all ports together."""
    with installation(build, "sessions_per_ip = 3") as it:
        it.conf.write_text(re.sub(r"xclient_from = \{[^}]*\}", "", it.conf.read_text()))
        it.start("trapsmtp")
        held = [implicit(it), starttls(it), connect(it.tls_port)]
        sock = connect(it.tls_port)
        assert rest(sock) == b""
        with Smtp(it.smtp_port) as s:
            s.expect(None, 421)
        held[2].close()
        wait_for("room for one", lambda: connect(it.smtp_port).recv(3) == b"220")
        held[0].expect("EHLO x.example", 250)


def test_many_at_once(build):
    """Handshakes, good and cut off anywhere, from many threads; no memory is lost by them."""
    hello = real_hello()

    def client(n):
        if n % 2:
            s = (starttls if n % 4 == 1 else implicit)(it)
            s.expect("EHLO many.example", 250)
            s.close() if n % 3 else s.sock.unwrap()
            return
        wire = connect(it.tls_port)
        wire.sendall(hello[:n % len(hello)])
        wire.close()

    with installation(build, "sessions_per_ip = 1000") as it:
        p = it.start("trapsmtp")
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(client, range(400)))
            first = rss_kb(p)
            list(pool.map(client, range(1200)))
        assert rss_kb(p) - first < 6000 or sanitized(build), (first, rss_kb(p))
        serves(it)
        assert it.stop(p) == 0


def test_wire_cut_everywhere(build):
    """The connection ends after each number of bytes of a whole session; nothing is on record that was not complete."""
    session = [b"EHLO cut.example\r\n", b"MAIL FROM:<a@b.example>\r\n", b"RCPT TO:<t1@old.example>\r\n", b"DATA\r\n", b"x: y\r\n\r\nz\r\n.\r\n"]
    with installation(build) as it:
        it.start("trapsmtp")
        for text in range(len(session)):
            for keep in (1, 4, 5, 6, 20):
                wire = Wire(connect(it.tls_port))
                assert wire.reply() == 220
                for whole in session[:text]:
                    wire.send(whole)
                    assert wire.reply() in (250, 354)
                wire.tls.write(session[text])
                wire.sock.sendall(wire.outside.read()[:keep])
                wire.sock.close()
        s = TlsSmtp(it.tls_port).start_tls()
        s.expect(None, 220)
        s.expect("QUIT", 221)
        assert it.sql("hits", "SELECT count(*) FROM hit") == [(0,)]
        wait_for("the attempts", lambda: it.sql("hits", "SELECT count(*) FROM session WHERE attempt_address != x''") == [(5,)])


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
