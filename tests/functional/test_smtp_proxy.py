"""Who may connect to proxy_listen, whom its header is believed to name, and the limits there (the header itself: replay/scripts/proxy.txt)."""
import contextlib
import ipaddress
import re
import ssl
import sys

from testlib import Installation, Smtp, free_port, run_tests, wait_for

CONFIG = 'trap_domain "old.example" { class = "recycled" }\n'
TRAP = "t1@old.example"
TLS, PROXIED = 1 << 1, 1 << 4  # enum hit_flag
BODY = b"Subject: x\r\n\r\nb\r\n"


@contextlib.contextmanager
def sink(build, smtp="", xclient='xclient_from = {}', tls=False):
    port = free_port()
    with Installation(build, config=CONFIG, smtp=f'proxy_listen = {{"127.0.0.1:{port}"}}  {smtp}', tls=tls) as inst:
        inst.conf.write_text(re.sub(r"xclient_from = \{[^}]*\}", xclient, inst.conf.read_text()))
        inst.proxy_port = port
        inst.daemon = inst.start("trapsmtp")
        yield inst
        assert inst.daemon.poll() is None, inst.log()
        assert inst.stop(inst.daemon) == 0, inst.log()


def hits(inst):
    """(sender, destination, port, flags) of all, in order"""
    rows = inst.sql("hits", "SELECT sender, local, local_port, flags FROM hit ORDER BY seq")
    return [(str(ipaddress.ip_address(s)), str(ipaddress.ip_address(d)), port, flags) for s, d, port, flags in rows]


def connect(port, source="127.0.0.1", header=b""):
    s = Smtp(port, source=source)
    if header:
        s.send(header)
    return s


def mail(s):
    s.expect(None, 220)
    s.expect("EHLO client.example", 250)
    assert s.message("a@sender.example", [TRAP], BODY) == 250
    s.expect("QUIT", 221)
    s.close()


def closed(s):
    """Nothing is said, the connection ends."""
    with contextlib.suppress(ConnectionResetError):
        got = s.file.read()
        assert got == b"", got
    s.close()


# ---- who may connect ----

def test_proxy_from(build):
    header = b"PROXY TCP4 198.51.100.22 203.0.113.7 1 25\r\n"
    with sink(build, 'proxy_from = {"127.0.0.2/32"}') as inst:
        mail(connect(inst.proxy_port, "127.0.0.2", header))
        closed(connect(inst.proxy_port, "127.0.0.1", header))
        closed(connect(inst.proxy_port, "127.0.0.3", header))
        wait_for("the line of the log", lambda: "reason=proxy_from" in inst.log())
        assert [h[0] for h in hits(inst)] == ["198.51.100.22"]


def test_xclient_only_of_trusted_peers(build):
    """A client that the header says is trusted does not make the balancer trusted."""
    with sink(build, xclient='xclient_from = {"127.0.0.2/32"}') as inst:
        for source, client, code in (("127.0.0.1", "127.0.0.2", 500), ("127.0.0.2", "198.51.100.1", 500), ("127.0.0.2", "127.0.0.2", 220)):
            with connect(inst.proxy_port, source, f"PROXY TCP4 {client} 203.0.113.7 1 25\r\n".encode()) as s:
                s.expect(None, 220)
                lines = s.expect("EHLO client.example", 250)
                assert any(b"XCLIENT" in line for line in lines) == (code == 220), lines
                s.expect("XCLIENT ADDR=198.51.100.9", code)


def test_starttls(build):
    """Behind the header as anywhere; what the client said before it is forgotten, the header is not."""
    with sink(build, tls=True) as inst:
        s = connect(inst.proxy_port, header=b"PROXY TCP6 2001:db8::22 2001:db8::7 1 25\r\n")
        s.expect(None, 220)
        s.expect("EHLO client.example", 250)
        s.expect("STARTTLS", 220)
        context = ssl._create_unverified_context()
        s.sock = context.wrap_socket(s.sock)
        s.file = s.sock.makefile("rb")
        s.expect("EHLO client.example", 250)
        assert s.message("a@sender.example", [TRAP], BODY) == 250
        s.close()
        (sender, local, port, flags), = hits(inst)
        assert (sender, local, port) == ("2001:db8::22", "2001:db8::7", 25) and flags & TLS and flags & PROXIED, hits(inst)


def test_no_other_listener(build):
    """proxy_listen alone is enough, and `trapline check` tells of it."""
    with sink(build) as inst:
        assert f"smtp, PROXY    127.0.0.1 port {inst.proxy_port}" in inst.run("check").stdout.decode()
        assert inst.stop(inst.daemon) == 0
        text = inst.conf.read_text()
        inst.conf.write_text(text.replace(f'listen = {{"127.0.0.1:{inst.smtp_port}"}}', "", 1))
        inst.smtp_port = inst.proxy_port
        inst.daemon = inst.start("trapsmtp")
        mail(connect(inst.proxy_port, header=b"PROXY TCP4 198.51.100.22 203.0.113.7 1 25\r\n"))


# ---- limits ----

def test_sessions(build):
    with sink(build, "sessions_per_ip = 2  sessions_max = 5") as inst:
        def named(n):
            return connect(inst.proxy_port, header=f"PROXY TCP4 198.51.100.{n} 203.0.113.7 1 25\r\n".encode())
        two = [named(1), named(1)]
        for s in two:
            s.expect(None, 220)
        with named(1) as s:
            s.expect(None, 421)
            closed(s)
        other = named(2)
        other.expect(None, 220)  # the balancer is not counted
        two[0].close()

        def is_served(n):
            with named(n) as s:
                if s.reply()[0] != 220:
                    return False
                s.expect("QUIT", 221)
                closed(s)   # its place is free by then
                return True
        wait_for("a place", lambda: is_served(1))
        silent = [connect(inst.proxy_port) for _ in range(3)]  # with two[1] and other: sessions_max; taken before the next one
        with named(3) as s:
            s.expect(None, 421)
        for s in silent + [two[1], other]:
            s.close()
        wait_for("all places", lambda: is_served(3))


def test_stop(build):
    """SIGTERM ends what waits for a header at once, without a word."""
    with sink(build) as inst:
        before = inst.sockets(inst.daemon)
        s = connect(inst.proxy_port, header=b"PROXY TCP4 198.51")
        wait_for("the sink to have it", lambda: inst.sockets(inst.daemon) > before)
        assert inst.stop(inst.daemon) == 0
        assert "smtp.stop sessions=" not in inst.log(), "said when something was still open after nine seconds"
        closed(s)
        assert "reason=shutdown" in inst.log()
        inst.daemon = inst.start("trapsmtp")


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
