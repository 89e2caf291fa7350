"""Real mail clients against trapsmtp: swaks, smtp-source, libesmtp, and Postfix and Exim with queues of their own; in clear, by STARTTLS and by
implicit TLS, over IPv4 and IPv6. Each message is counted once, and what is stored is what was sent, octet for octet."""
import contextlib
import hashlib
import ipaddress
import os
import re
import shutil
import socket
import subprocess
import sys
import threading

from mtalib import Exim, Postfix
from testlib import Installation, free_port, run_tests, skip, stuff, unzstd, wait_for

CONFIG = 'trap_domain "old.example" { class = "pristine" }\n'
SENDER = "a@sender.example"
TLS, BDAT = 1 << 1, 1 << 19  # enum hit_flag
MODES = ("plain", "starttls", "implicit")
HOSTS = {"4": "127.0.0.1", "6": "::1"}
# What tends to be lost on the way: dots, blanks, empty lines, 8-bit characters, the longest line.
BODY = (b".\r\n..\r\n.dot\r\n... \r\nFrom here\r\nQUIT\r\ntrailing blanks   \r\n\ttab\t\r\n\r\n\r\n8-bit \xe4\xf6\xfc \xff\r\n=20\r\n" +
        b"x" * 998 + b"\r\n\r\nlast\r\n\r\n")


def message(recipient):
    """No two are of one campaign: only the first of each would be kept, and three a client and day."""
    words = " ".join(hashlib.sha256(f"{recipient}{n}".encode()).hexdigest()[:12].translate(str.maketrans("0123456789", "ghijklmnop")) for n in range(60))
    return (f"From: {SENDER}\r\nTo: {recipient}\r\nSubject: real clients\r\nDate: Sun, 1 Mar 2026 12:00:00 +0000\r\n"
            f"Message-Id: <{recipient}>\r\n\r\n{words}\r\n").encode() + BODY


class Sink:
    """trapsmtp with a port for each family and kind of listener."""

    def __init__(self, build):
        self.port6 = free_port()
        self.tls_ports = {"4": free_port(), "6": free_port()}
        self.inst = Installation(build, config=CONFIG, tls=True, smtp='hits_per_sender_hour = 0  sessions_per_ip = 1000\n'
                                 f'tls_listen = {{"127.0.0.1:{self.tls_ports["4"]}", "[::1]:{self.tls_ports["6"]}"}}')
        text = self.inst.conf.read_text()
        here = f'"127.0.0.1:{self.inst.smtp_port}"'
        self.inst.conf.write_text(re.sub(r"xclient_from = \{[^}]*\}", "", text.replace(here, f'{here}, "[::1]:{self.port6}"')))
        self.start()

    def start(self):
        self.daemon = self.inst.start("trapsmtp")

    def stop(self):
        assert self.inst.stop(self.daemon) == 0, self.inst.log()

    def port(self, mode, family):
        return self.tls_ports[family] if mode == "implicit" else self.inst.smtp_port if family == "4" else self.port6

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.inst.close()

    def hits(self, recipient):
        columns = "seq sender flags size helo reverse_path rcpt_count".split()
        return [dict(zip(columns, row)) for row in
                self.inst.sql("hits", f"SELECT {', '.join(columns)} FROM hit WHERE address = ?", recipient.encode())]

    def one_hit(self, recipient):
        hits = self.hits(recipient)
        assert len(hits) == 1, (recipient, hits)
        return hits[0]

    def stored(self, hit):
        """The content that is kept: what came, without transparency."""
        rows = wait_for("the sample", lambda: self.inst.sql("samples", "SELECT data FROM sample WHERE hit = ?", hit["seq"]))
        wire = unzstd(rows[0][0])
        return wire if hit["flags"] & BDAT else re.sub(rb"(?m)^\.", b"", wire)

    def check(self, recipient, mode, family, helo, added=b""):
        """One hit, of this client; its content is the message, with header fields in front that the client's own queue adds."""
        hit = self.one_hit(recipient)
        content = self.stored(hit)
        assert ipaddress.ip_address(hit["sender"]) == ipaddress.ip_address(HOSTS[family]), hit
        assert bool(hit["flags"] & TLS) == (mode != "plain"), hit
        assert (hit["helo"], hit["reverse_path"], hit["rcpt_count"]) == (helo, SENDER.encode(), 1), hit
        assert hit["size"] == len(content), (hit, len(content))
        assert content.endswith(message(recipient)), (recipient, content)
        head = content[:-len(message(recipient))]
        assert re.fullmatch(rb"(?:(?:%s): [^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*)*" % (added or b"(?!)"), head), head


def run(command, **kw):
    done = subprocess.run(command, capture_output=True, timeout=120, **kw)
    assert done.returncode == 0, (command, done.stdout[-3000:], done.stderr[-3000:])
    return done.stdout


# ---- swaks ----

def swaks(port, mode, family, recipient, file):
    file.write_bytes(stuff(message(recipient)) + b".\r\n")  # sent as it stands: swaks would add an empty line
    run(["swaks", "--server", HOSTS[family], "-" + family, "--port", str(port), "--helo", "swaks.example", "--from", SENDER, "--to", recipient,
         "--no-data-fixup", "--data", "@" + str(file), *{"plain": [], "starttls": ["-tls"], "implicit": ["-tlsc"]}[mode]])


def test_swaks(build):
    if shutil.which("swaks") is None:
        skip("swaks is not installed")
    with Sink(build) as sink:
        for mode in MODES:
            for family in HOSTS:
                to = f"swaks-{mode}-{family}@old.example"
                swaks(sink.port(mode, family), mode, family, to, sink.inst.top / to)
                sink.check(to, mode, family, b"swaks.example")


# ---- libesmtp ----

def test_libesmtp(build):
    program = f"{build}/tests/bin/esmtp_client"
    if not os.path.exists(program):
        skip("libesmtp-dev is not installed")
    with Sink(build) as sink:
        for mode in ("plain", "starttls"):  # it knows no other
            for family, host in (("4", "127.0.0.1"), ("6", "ip6-loopback")):
                to = f"esmtp-{mode}-{family}@old.example"
                out = run([program, f"{host}:{sink.port(mode, family)}", mode, SENDER, to], input=message(to))
                assert out == b"250\n250\n", out
                sink.check(to, mode, family, b"esmtp.example")


# ---- smtp-source ----

class Tap:
    """Passes connections on to a port and keeps what the clients sent, one buffer a connection."""

    def __init__(self, to):
        self.to, self.sent = to, []
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                server = socket.create_connection(("127.0.0.1", self.to))
                self.sent.append(bytearray())
                for source, sink, keep in ((client, server, self.sent[-1]), (server, client, None)):
                    threading.Thread(target=self.pump, args=(source, sink, keep), daemon=True).start()

    @staticmethod
    def pump(source, sink, keep):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if keep is not None:
                    keep += data
                sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

    def contents(self):
        """Of all messages that went by, as they were on the wire."""
        found = []
        for sent in self.sent:
            rest = bytes(sent)
            while rest:
                line, _, rest = rest.partition(b"\r\n")
                if line.upper() == b"DATA":
                    end = 0 if rest.startswith(b".\r\n") else rest.index(b"\r\n.\r\n") + 2
                    found.append(rest[:end])
                    rest = rest[end + 3:]
        return found


def test_smtp_source(build):
    program = shutil.which("smtp-source", path="/usr/sbin")
    if program is None:
        skip("postfix is not installed")
    count = 60
    with Sink(build) as sink:
        tap = Tap(sink.inst.smtp_port)
        for n, (target, words) in enumerate((
                (f"inet:127.0.0.1:{tap.port}", ["-d", "-s", "7"]),      # connections that are used again
                (f"inet:127.0.0.1:{tap.port}", ["-s", "7"]),            # one for each message
                (f"inet:127.0.0.1:{sink.inst.smtp_port}", ["-s", "7", "-r", "5", "-N"]),
                (f"inet:[::1]:{sink.port6}", ["-d", "-s", "7"]))):
            run([program, "-m", str(count), "-l", "3000", "-f", SENDER, "-t", f"source{n}@old.example", *words, target])
        rows = sink.inst.sql("hits", "SELECT sender, count(*), sum(rcpt_count) FROM hit GROUP BY sender ORDER BY length(sender)")
        assert [(len(s), n, r) for s, n, r in rows] == [(4, 3 * count, 2 * count + 5 * count), (16, count, count)], rows
        sent = tap.contents()
        assert len(sent) == 2 * count, len(sent)
        hits = [h for n in (0, 1) for h in sink.hits(f"source{n}@old.example")]
        assert sorted(h["size"] for h in hits) == sorted(len(re.sub(rb"(?m)^\.", b"", s)) for s in sent)
        samples = sink.inst.sql("samples", f"SELECT data FROM sample WHERE hit IN ({','.join(str(h['seq']) for h in hits)})")
        assert samples and all(unzstd(row[0]) in sent for row in samples)


# ---- Postfix ----

RECEIVED = b"Received"


def test_postfix(build):
    with Sink(build) as sink:
        routes = {f"postfix-{mode}-{family}@old.example": (mode, family) for mode in MODES for family in HOSTS}
        table = " ".join(f"{{{to} = {mode}:[{HOSTS[family]}]:{sink.port(mode, family)}}}" for to, (mode, family) in routes.items())
        postfix = Postfix(sink.inst, {"transport_maps": f"inline:{{ {table} }}", "relayhost": f"[127.0.0.1]:{sink.inst.smtp_port}"},
                          "plain unix - - n - - smtp\n"
                          "starttls unix - - n - - smtp -o smtp_tls_security_level=encrypt\n"
                          "implicit unix - - n - - smtp -o smtp_tls_security_level=encrypt -o smtp_tls_wrappermode=yes\n")
        postfix.start()
        for to in routes:
            postfix.submit(SENDER, [to], message(to))
        postfix.wait_empty()
        for to, (mode, family) in routes.items():
            sink.check(to, mode, family, b"out.example", RECEIVED)
        # One message to many is one hit.
        many = [f"many{n}@old.example" for n in range(30)]
        postfix.submit(SENDER, many, message("many"))
        postfix.wait_empty()
        assert sink.one_hit(many[0])["rcpt_count"] == len(many)


def test_postfix_queue(build):
    """The sink stops in the middle and comes again: what waits in the queue is delivered then, each message exactly once."""
    with Sink(build) as sink:
        postfix = Postfix(sink.inst, {"relayhost": f"[127.0.0.1]:{sink.inst.smtp_port}", "default_destination_concurrency_failed_cohort_limit": "0"})
        postfix.start()
        recipients = [f"queue{n}@old.example" for n in range(40)]

        def submit():
            for to in recipients:
                postfix.submit(SENDER, [to], message(to))
        feed = threading.Thread(target=submit)
        feed.start()
        wait_for("the first hits", lambda: sink.inst.sql("hits", "SELECT count(*) FROM hit")[0][0] >= 5, 60)
        sink.stop()
        feed.join()
        wait_for("a deferred message", lambda: "status=deferred" in postfix.log(), 60)
        assert postfix.queued() > 0
        sink.start()
        postfix.flush()
        postfix.wait_empty()
        assert "status=bounced" not in postfix.log()
        for to in recipients:
            sink.one_hit(to)
        assert sink.inst.sql("hits", "SELECT count(*) FROM hit")[0][0] == len(recipients)


# ---- Exim ----

def exim(sink, source):
    routers, transports = "", ""
    for mode in MODES:
        options = {"plain": "hosts_avoid_tls = *", "starttls": "hosts_require_tls = *", "implicit": "protocol = smtps\n  hosts_require_tls = *"}[mode]
        transports += f"{mode}:\n  driver = smtp\n  allow_localhost\n  tls_verify_certificates =\n  {options}\n"
        for family, host in HOSTS.items():
            routers += (f"{mode}{family}:\n  driver = manualroute\n  local_parts = exim-{mode}-{family}\n"
                        f"  route_list = * \"<+ [{host}]:{sink.port(mode, family)}\" byname\n  self = send\n  transport = {mode}\n")
    return Exim(sink.inst, source, routers, transports)


def test_exim(build):
    with Sink(build) as sink:
        mta = exim(sink, os.path.abspath(sys.argv[2]))
        for mode in MODES:
            for family in HOSTS:
                to = f"exim-{mode}-{family}@old.example"
                mta.submit(SENDER, [to], message(to))
                assert mta.queued() == 0, mta.log()
                sink.check(to, mode, family, b"exim.example", RECEIVED)
        assert sink.inst.sql("hits", "SELECT count(*) FROM hit WHERE flags & ?", BDAT)[0][0] == 6  # Exim uses BDAT where it is offered
        # Not there: the message waits in the queue and is delivered once.
        sink.stop()
        to = "exim-plain-4@old.example"
        mta.submit(SENDER, [to], message(to))
        assert mta.queued() == 1, mta.log()
        sink.start()
        mta.wait_empty()
        assert len(sink.hits(to)) == 2


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
