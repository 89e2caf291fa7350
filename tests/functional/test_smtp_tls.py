"""TLS of trapsmtp with clients that mean no harm: versions, certificates, STARTTLS, implicit TLS, and what is on record of them."""
import contextlib
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import time

from testlib import Installation, Smtp, run_tests, wait_for
from tlslib import (EARLY_TALK, INJECTED, PIPELINED, TLS, TRAP, VERSIONS, TlsSmtp, Wire, connect, context, greeted, hits, implicit,
                    installation, ja4, record, rest, starttls)

BODY = b"Subject: x\r\n\r\nhello\r\n"


def certificate(it, name):
    """The certificate of a file of the pair, as it goes over the wire."""
    text = (it.dir / "tls" / name).read_text()
    return ssl.PEM_cert_to_DER_cert(text[text.index("-----BEGIN CERTIFICATE"):])


def deliver(s, body=BODY, to=TRAP, helo="inside.example"):
    s.expect(f"EHLO {helo}", 250)
    assert s.message("a@sender.example", [to], body) == 250
    s.expect("QUIT", 221)
    assert s.reply()[0] == 0


def offers_starttls(lines):
    return any(line[4:] == b"STARTTLS" for line in lines)


def test_versions_and_certificates(build):
    """Every version with what each kind of sender can do: ECDSA, RSA with ephemeral keys, RSA without."""
    old = {"ECDHE-ECDSA-AES128-SHA": "ecdsa.pem", "ECDHE-RSA-AES128-SHA": "rsa.pem", "AES128-SHA": "rsa.pem"}
    cases = [(v, cipher, file) for v in ("1.0", "1.1", "1.2") for cipher, file in old.items()] + [("1.3", "DEFAULT", "ecdsa.pem")]
    with installation(build) as it:
        it.start("trapsmtp")
        for version, cipher, file in cases:
            for begin in (starttls, implicit):
                s = begin(it, context(version, cipher))
                assert s.sock.version() == {"1.0": "TLSv1"}.get(version, "TLSv" + version)
                assert s.sock.getpeercert(True) == certificate(it, file), (version, cipher)
                assert s.sock.compression() is None
                deliver(s, helo=f"{version}.{cipher.lower()}.{begin.__name__}.example")
                row = record(it, "helo = ?", f"{version}.{cipher.lower()}.{begin.__name__}.example".encode())
                assert row[2] == VERSIONS[version] and row[0] & TLS and row[3].startswith(b"TLS_"), row
        rows = hits(it)
        assert len(rows) == 2 * len(cases) and all(r[0] & TLS and not r[0] & INJECTED and r[2] == len(BODY) for r in rows), rows


def test_tls_13_with_rsa(build):
    """A TLS 1.3 client that takes RSA signatures only gets the RSA certificate."""
    with installation(build) as it:
        it.start("trapsmtp")
        done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{it.tls_port}", "-tls1_3", "-sigalgs", "rsa_pss_rsae_sha256"],
                              input=b"QUIT\r\n", capture_output=True, timeout=30)
        assert b"Peer signature type: RSA-PSS" in done.stdout, done
        assert b"No client certificate CA names sent" in done.stdout
        assert b"Early data was not sent" in done.stdout and b"NewSessionTicket" not in done.stdout


def test_certificate_pair(build):
    """Closed to others, of the host's name and nothing else, never overwritten; two installations have nothing in common."""
    serials = set()
    for _ in range(2):
        with Installation(build) as it:
            first = it.run("init", "--dir", str(it.top / "whole"), conf=False)
            assert b"TLS certificates" in first.stdout
            files = sorted((it.top / "whole" / "tls").iterdir())
            assert [f.name for f in files] == ["ecdsa.pem", "rsa.pem"]
            for f in files:
                assert f.stat().st_mode & 0o777 == 0o600
                text = subprocess.run(["openssl", "x509", "-in", str(f), "-noout", "-text"], capture_output=True, check=True).stdout.decode()
                assert "Subject: CN = mx.trap.test\n" in text and "Issuer: CN = mx.trap.test\n" in text
                assert "DNS:mx.trap.test" in text and not re.search("trapline|spam", text, re.I)
                serials.add(re.search(r"Serial Number:\s*(\S+)", text).group(1))
                checked = subprocess.run(["openssl", "x509", "-in", str(f), "-noout", "-checkend", str(9 * 365 * 86400)],
                                         stdout=subprocess.DEVNULL, check=False)
                assert checked.returncode == 0
            before = [f.read_bytes() for f in files]
            conf = it.top / "whole" / "trapline.conf"
            command = [str(it.bin / "trapline"), "keys", "tls", "-c", str(conf)]
            assert b"nothing was made" in subprocess.run(command, capture_output=True, check=True).stdout
            files[0].unlink()
            assert b"made the one that was missing" in subprocess.run(command, capture_output=True, check=True).stdout
            after = [f.read_bytes() for f in files]
            assert after[0] != before[0] and after[1] == before[1]
    assert len(serials) == 4


def test_fingerprint_and_names(build):
    """JA4 as a second implementation has it, from the very bytes; server name and ALPN are only heard."""
    cases = [("1.3", None, None), ("1.3", "no-such-host.example", ["smtp"]), ("1.2", "mx.trap.test", ["h2", "smtp"]), ("1.0", None, None),
             ("1.3", "x" * 60 + "." + "y" * 60 + ".example", ["\x01\x02"])]
    with installation(build) as it:
        it.start("trapsmtp")
        for n, (version, name, alpn) in enumerate(cases):
            wire = Wire(connect(it.tls_port), context(version, alpn=alpn), name)
            assert wire.reply() == 220
            wire.send(f"EHLO case{n}.example\r\n".encode())
            assert wire.reply() == 250
            assert wire.tls.selected_alpn_protocol() is None
            wire.sock.close()
            row = record(it, "helo = ?", f"case{n}.example".encode())
            assert row[4].decode() == ja4.fingerprint(ja4.from_records(wire.hello)), (row, wire.hello.hex())
            assert row[5] == (name or "").encode(), row


def test_starttls_begins_anew(build):
    """G01, G04, G05: EHLO without STARTTLS; no envelope, no HELO from before; a second STARTTLS is refused."""
    with installation(build) as it:
        it.start("trapsmtp")
        s = greeted(it, "before.example")
        assert offers_starttls(s.expect("EHLO before.example", 250))
        s.expect("MAIL FROM:<a@before.example>", 250)
        s.expect(f"RCPT TO:<{TRAP}>", 250)
        s.expect("STARTTLS", 220)
        s.start_tls()
        s.expect("DATA", 503)
        s.expect(f"RCPT TO:<{TRAP}>", 503)
        assert s.message("b@inside.example", [TRAP], BODY) == 250  # MAIL before EHLO is taken, as in clear
        assert all(b"STARTTLS" not in line for line in s.expect("EHLO after.example", 250))
        s.expect("STARTTLS", 503)
        s.expect("QUIT", 221)
        assert rest(s.sock) == b""
        rows = it.sql("hits", "SELECT flags, helo, reverse_path FROM hit")
        assert len(rows) == 1 and rows[0][0] & TLS and rows[0][1:] == (b"", b"b@inside.example"), rows


def test_starttls_refused(build):
    """G08 and the other answers: before EHLO, after HELO, with an argument, without a certificate, switched off."""
    with installation(build) as it:
        it.start("trapsmtp")
        with Smtp(it.smtp_port) as s:
            s.expect(None, 220)
            s.expect("STARTTLS", 503)
            s.expect("HELO x.example", 250)
            s.expect("STARTTLS", 503)
            s.expect("EHLO x.example", 250)
            s.expect("STARTTLS now", 501)
            s.expect("QUIT", 221)
    with Installation(build) as it:
        it.start("trapsmtp")
        wait_for("how to get a certificate is said", lambda: "trapline keys tls" in it.log())
        with Smtp(it.smtp_port) as s:
            s.expect(None, 220)
            assert all(b"STARTTLS" not in line for line in s.expect("EHLO x.example", 250))
            s.expect("STARTTLS", 454)
            s.expect("QUIT", 221)
    with installation(build) as it:
        it.conf.write_text(it.conf.read_text().replace("tls_listen", 'tls = "off" #'))
        it.start("trapsmtp")
        with Smtp(it.smtp_port) as s:
            s.expect(None, 220)
            s.expect("EHLO x.example", 250)
            s.expect("STARTTLS", 502)


def test_injection(build):
    """G02 (CVE-2011-0411): what came behind STARTTLS in clear has no answer inside TLS and no effect, and is on record."""
    injected = b"MAIL FROM:<inj@sender.example>\r\nRCPT TO:<%s>\r\n" % TRAP.encode()
    with installation(build) as it:
        it.start("trapsmtp")
        for n, text in enumerate([injected, b"NOOP\r\n", b"x", b"\r\n", injected + b"DATA\r\n"]):
            s = greeted(it)
            s.send(b"STARTTLS\r\n" + text)
            assert s.reply()[0] == 220
            s.start_tls()
            s.expect("NOOP", 250)
            s.expect(f"EHLO inj{n}.example", 250)
            s.expect(f"RCPT TO:<{TRAP}>", 503)
            assert s.message("a@sender.example", [TRAP], BODY) == 250
            s.expect("QUIT", 221)
            assert rest(s.sock) == b""
            flags = record(it, "helo = ?", f"inj{n}.example".encode())[0]
            assert flags & INJECTED and flags & PIPELINED and flags & TLS
        rows = it.sql("hits", "SELECT flags, reverse_path FROM hit")
        assert len(rows) == 5 and all(r[0] & INJECTED and r[1] == b"a@sender.example" for r in rows), rows
        # more than one look into the socket takes
        s = greeted(it)
        s.send(b"STARTTLS\r\n" + b"NOOP\r\n" * 30000)
        assert s.reply()[0] == 220
        with contextlib.suppress(OSError):  # refusing is right, too
            s.start_tls()
            s.expect("NOOP", 250)
            s.expect("QUIT", 221)


def test_implicit(build):
    """RFC 8314: the greeting comes inside, EHLO offers no STARTTLS, early talk is seen, the port is on record."""
    with installation(build) as it:
        it.start("trapsmtp")
        s = implicit(it)
        assert all(b"STARTTLS" not in line for line in s.expect("EHLO x.example", 250))
        s.expect("STARTTLS", 503)
        deliver(s)
        assert it.sql("hits", "SELECT local_port, flags & ? FROM hit", EARLY_TALK) == [(it.tls_port, 0)]
        early = TlsSmtp(it.tls_port).start_tls()
        early.send(b"EHLO early.example\r\n")
        early.expect(None, 220)
        early.expect(None, 250)
        early.close()
        assert record(it, "helo = ?", b"early.example")[0] & TLS


def test_renewal(build):
    """Certificates that come, change and break while it runs: taken up within seconds; the last good ones stay; SIGHUP looks at once."""
    def served(it):
        s = starttls(it)
        der = s.sock.getpeercert(True)
        s.close()
        return der

    def offered(it):
        with Smtp(it.smtp_port) as s:
            s.expect(None, 220)
            return offers_starttls(s.expect("EHLO x.example", 250))

    with Installation(build) as it:
        p = it.start("trapsmtp")
        assert not offered(it)
        it.run("keys", "tls")
        wait_for("STARTTLS is offered", lambda: offered(it))
        files = [it.dir / "tls" / n for n in ("ecdsa.pem", "rsa.pem")]
        first = certificate(it, "ecdsa.pem")
        assert served(it) == first
        files[0].write_text("-----BEGIN nothing\n")
        wait_for("the broken file is said", lambda: "the last good certificates stay" in it.log())
        assert served(it) == first
        files[0].unlink()
        it.run("keys", "tls")
        second = certificate(it, "ecdsa.pem")
        wait_for("the new one is served", lambda: served(it) == second)
        assert second != first
        old = starttls(it)  # a stream keeps what it began with
        for f in files:
            f.rename(f.with_suffix(".away"))
        time.sleep(1.5)
        p.send_signal(signal.SIGHUP)
        assert served(it) == second
        old.expect("EHLO x.example", 250)
        assert it.stop(p) == 0


def test_wrong_start(build):
    """A certificate that is named must be there and right; implicit TLS needs one."""
    with installation(build) as it:
        text = it.conf.read_text()
        key = it.top / "key.pem"
        key.write_text((it.dir / "tls" / "rsa.pem").read_text().split("-----BEGIN CERT")[0])
        mixed = it.top / "mixed.pem"
        mixed.write_text(key.read_text() + (it.dir / "tls" / "ecdsa.pem").read_text()[-100:])
        for path in (it.top / "none.pem", key, mixed):
            it.conf.write_text(text.replace("tls_listen", f'tls_certificates = {{"{path}"}}  tls_listen'))
            done = subprocess.run([str(it.bin / "trapsmtp"), "-c", str(it.conf)], capture_output=True, timeout=30)
            assert done.returncode == 78 and str(path) in done.stderr.decode(), done
        it.conf.write_text(text)
        for f in (it.dir / "tls").iterdir():
            f.unlink()
        done = subprocess.run([str(it.bin / "trapsmtp"), "-c", str(it.conf)], capture_output=True, timeout=30)
        assert done.returncode == 78 and b"trapline keys tls" in done.stderr, done


def test_bytes(build):
    """10 MB through TLS, pipelined, one byte a record, one byte a packet: what is stored is what was sent."""
    big = b"Subject: big\r\n\r\n" + os.urandom(7 << 20).hex()[: 9 << 20].encode() + b"\r\n.dot\r\n..dots\r\n\0\xff\r\n"
    small = b"Subject: small\r\n\r\n.\r\n..\r\nlast \xe9\0\r\n"

    def stored(it):
        files = wait_for("a file for postmaster", lambda: list((it.dir / "postmaster").glob("*.eml")))
        content = files[0].read_bytes()
        files[0].unlink()
        return content

    def dialogue(body):
        stuffed = re.sub(rb"(^|\r\n)\.", rb"\1..", body)
        return [b"EHLO x.example\r\n", b"MAIL FROM:<a@b.example>\r\nRCPT TO:<postmaster@old.example>\r\nDATA\r\n", stuffed + b".\r\n", b"QUIT\r\n"]

    with installation(build) as it:
        it.start("trapsmtp")
        for body, piece in ((big, None), (small, None), (small, 1)):
            wire = Wire(connect(it.tls_port), context("1.2" if piece else None))
            assert wire.reply() == 220
            for text in dialogue(body):
                wire.send(text, piece)
                codes = [wire.reply() for _ in range(text.count(b"\r\n") if text.startswith(b"MAIL") else 1)]
                assert codes in ([250], [250, 250, 354], [221]), codes
            assert stored(it).endswith(body)
        s = implicit(it)
        for text in dialogue(small):
            for c in text:
                s.send(bytes([c]))  # a record each
            for _ in range(text.count(b"\r\n") if text.startswith(b"MAIL") else 1):
                assert s.reply()[0] in (250, 354, 221)
        assert stored(it).endswith(small)
        # all in one record, the replies in order
        s = implicit(it)
        s.send(b"EHLO x.example\r\n")
        s.expect(None, 250)
        s.send(b"MAIL FROM:<a@b.example>\r\n" + b"RCPT TO:<t1@old.example>\r\n" * 100 + b"NOOP\r\n")
        assert [s.reply()[0] for _ in range(102)] == [250] * 102


def test_endings(build):
    """close_notify ends it, whatever follows; without it, and half-closed, what was asked is answered."""
    with installation(build) as it:
        it.start("trapsmtp")
        s = implicit(it)
        s.expect("EHLO notify.example", 250)
        raw = s.sock.unwrap()  # sends close_notify, waits for the server's
        with contextlib.suppress(OSError):
            raw.sendall(b"EHLO clear.example\r\nMAIL FROM:<a@b.example>\r\n")
        assert rest(raw) == b""
        assert record(it, "helo = ?", b"notify.example")[2] != 0
        s = implicit(it)
        s.send(b"EHLO half.example\r\nNOOP\r\nQUIT\r\n")
        socket.socket.shutdown(s.sock, socket.SHUT_WR)
        assert [s.reply()[0] for _ in range(3)] == [250, 250, 221]
        assert s.reply()[0] == 0  # our close_notify: a missing one would raise
        s = implicit(it)
        s.expect("EHLO cut.example", 250)
        s.expect("MAIL FROM:<a@b.example>", 250)
        s.expect(f"RCPT TO:<{TRAP}>", 250)
        s.expect("DATA", 354)
        s.send(b"Subject: x\r\n\r\ncut")
        s.close()
        row = wait_for("the attempt", lambda: it.sql("hits", "SELECT attempt_address FROM session WHERE helo = 'cut.example'"
                                                     " OR helo = CAST('cut.example' AS BLOB)"))
        assert row == [(TRAP.encode(),)] and hits(it) == []


def test_client_certificate_and_xclient(build):
    """A client certificate is not asked for; XCLIENT before and inside TLS: the client's address, and not the proxy's TLS."""
    with installation(build) as it:
        it.start("trapsmtp")
        c = context()
        c.load_cert_chain(it.dir / "tls" / "rsa.pem")
        deliver(implicit(it, c))
        s = greeted(it)
        s.expect("XCLIENT ADDR=198.51.100.7", 220)
        s.expect("EHLO x.example", 250)
        s.expect("STARTTLS", 220)
        deliver(s.start_tls())
        s = implicit(it)
        s.expect("XCLIENT ADDR=198.51.100.8", 220)
        deliver(s)
        rows = it.sql("hits", "SELECT sender, flags & 2 FROM hit ORDER BY seq")
        assert rows == [(bytes([127, 0, 0, 1]), TLS), (bytes([198, 51, 100, 7]), TLS), (bytes([198, 51, 100, 8]), 0)], rows


def test_no_record_for_people(build):
    """TLS makes nobody suspect who only writes to postmaster; and a proxy's TLS is its own."""
    with installation(build) as it:
        it.start("trapsmtp")
        deliver(starttls(it), to="postmaster@old.example")
        s = starttls(it)
        s.expect("EHLO proxy.example", 250)
        s.expect("XCLIENT ADDR=198.51.100.7", 220)
        deliver(s, to="abuse@old.example", helo="people.example")
        wait_for("the end of the last session", lambda: "helo=people.example" in it.log())
        deliver(starttls(it), helo="trap.example")
        assert wait_for("a record", lambda: it.sql("hits", "SELECT helo FROM session")) == [(b"trap.example",)]


def test_front_mx(build):
    """Of a mail server in front the TLS is its own: neither a mark of its clients' hits nor a session record."""
    with installation(build, 'xforward_from = {"127.0.0.1/32"}') as it:
        it.start("trapsmtp")
        s = starttls(it, helo="front.example")
        s.expect("EHLO front.example", 250)
        s.expect("XFORWARD ADDR=198.51.100.7 PROTO=ESMTP HELO=x.example", 250)
        assert s.message("a@sender.example", [TRAP], BODY) == 250
        s.expect("QUIT", 221)
        assert s.reply()[0] == 0
        wait_for("the end of the session", lambda: "reason=quit" in it.log())
        assert it.sql("hits", "SELECT sender, flags & 2 FROM hit") == [(bytes([198, 51, 100, 7]), 0)]
        assert "record=none" in it.log() and it.sql("hits", "SELECT count(*) FROM session") == [(0,)], it.log()


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
