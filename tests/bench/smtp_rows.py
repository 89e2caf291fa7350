"""The rows of the sink: messages beside Postfix's smtp-sink, which stores nothing, and beside Postfix itself; idle sessions."""
import contextlib
import os
import pathlib
import resource
import socket
import ssl
import statistics
import sys
import time

from benchlib import BUILD, SOURCE, bench_program, bounded, cpu_seconds, cpu_seconds_tree, program, report, row, rss_bytes, running
from mtalib import Postfix
from testlib import Installation, free_port, port_open, wait_for
from tlslib import context

LIMITS = "hits_per_sender_hour = 0\nsessions_per_ip = 20000\nsessions_max = 20000\ncommands_max = 1000000\ncommand_timeout = \"1h\""
CONFIG = 'trap "trap@pristine.test" { class = "pristine" }\n'
IDLE = 15000


def smtp_sink(port):
    return running([program("smtp-sink"), *(() if os.getuid() else ("-u", "nobody")), "-c", f"127.0.0.1:{port}", "1000"], port)


def source_load(port, messages, *options, length=2000):
    """Messages a second of smtp-source."""
    start = time.monotonic()
    bounded([program("smtp-source"), *options, "-s", "50", "-m", str(messages), "-l", str(length), "-f", "a@sender.example",
             "-t", "trap@pristine.test", f"127.0.0.1:{port}"])
    return messages / (time.monotonic() - start)


def own_load(port, messages, recipient, content):
    """Messages a second of the bench's own sender: given content, an envelope for each message."""
    return messages / float(bench_program("bench_smtp", port, 50, messages, recipient, content)["seconds"])


class Side:
    """One of the two that are measured: rates and CPU time, round by round."""

    def __init__(self, port, cpu):
        self.port, self.cpu, self.rates, self.micros = port, cpu, [], []

    def measure(self, load, messages):
        before = self.cpu()
        self.rates.append(load(self.port, messages))
        self.micros.append((self.cpu() - before) * 1e6 / messages)

    def cpu_per_1000(self):
        return statistics.median(self.micros) / 1000


def compare(name, rounds, load, messages, unit="/s", scale=1):
    """load(port, messages) against the sink and smtp-sink in turn. Every message must be on disk at the end."""
    peer_port, warm_up = free_port(), 1000
    with Installation(BUILD, config=CONFIG, smtp=LIMITS) as t, smtp_sink(peer_port) as sink:
        us = t.start("trapsmtp")
        sides = Side(t.smtp_port, lambda: cpu_seconds(us.pid)), Side(peer_port, lambda: cpu_seconds(sink.pid))
        for side in sides:
            load(t, side.port, warm_up)
        for _ in range(rounds):
            for side in sides:
                side.measure(lambda port, n: load(t, port, n), messages)
        stored = t.sql("hits", "SELECT count(*) FROM hit")[0][0]
        assert stored == warm_up + rounds * messages, (stored, "every message is on disk")
    ours, peer = sides
    report(name, [r * scale for r in ours.rates], [r * scale for r in peer.rates], unit,
           more=f", CPU s per 1000 messages {ours.cpu_per_1000():.3f} beside {peer.cpu_per_1000():.3f}")


@row("smtp.reused", "smtp")
def _(rounds):
    compare("smtp.reused", rounds, lambda t, port, n: source_load(port, n, "-d"), 20000)


@row("smtp.newconn", "smtp")
def _(rounds):
    compare("smtp.newconn", rounds, lambda t, port, n: source_load(port, n), 10000)


@row("smtp.50k", "smtp")
def _(rounds):
    compare("smtp.50k", rounds, lambda t, port, n: source_load(port, n, "-d", length=50000), 4000, " MB/s", 0.05)


@row("smtp.minted", "smtp")
def _(rounds):
    compare("smtp.minted", rounds, lambda t, port, n: own_load(port, n, t.dir, 2000), 20000)


@row("smtp.real", "smtp")
def _(rounds):
    data = pathlib.Path(os.environ.get("TRAPLINE_TEST_DATA", SOURCE.parent / "shared" / "data")) / "spam"
    if not data.is_dir():
        raise FileNotFoundError(f"no folder {data} (TRAPLINE_TEST_DATA)")
    compare("smtp.real", rounds, lambda t, port, n: own_load(port, n, t.dir, data), 5000)


@row("smtp.postfix", "smtp")
def _(rounds):
    """Beside Postfix that queues to disk and delivers to discard: it stores as we do."""
    messages, port = 2000, free_port()
    with Installation(BUILD, config=CONFIG, smtp=LIMITS) as t:
        postfix = Postfix(t, {"inet_interfaces": "127.0.0.1", "inet_protocols": "ipv4", "mydestination": "pristine.test", "local_transport": "discard:",
                              "default_transport": "discard:", "smtpd_client_connection_count_limit": "0", "default_process_limit": "100",
                              "smtpd_recipient_restrictions": "permit_mynetworks, reject"},
                          f"127.0.0.1:{port} inet n - n - - smtpd\n")
        postfix.start()
        us = t.start("trapsmtp")
        wait_for("Postfix listens", lambda: port_open(port))
        ours = Side(t.smtp_port, lambda: cpu_seconds(us.pid))
        peer = Side(port, lambda: cpu_seconds_tree(postfix.process.pid))
        for side in (ours, peer):
            source_load(side.port, 200, "-d")
        for _ in range(rounds):
            ours.measure(lambda at, n: source_load(at, n, "-d"), messages)
            peer.measure(lambda at, n: (source_load(at, n, "-d"), postfix.wait_empty())[0], messages)
    report("smtp.postfix", ours.rates, peer.rates, "/s",
           more=f", CPU s per 1000 messages {ours.cpu_per_1000():.3f} beside {peer.cpu_per_1000():.3f}")


# ---- idle sessions ----

def client(port, number, wrap):
    """The number-th client, from an address that it shares with few; it said EHLO and waits."""
    s = socket.socket()
    s.settimeout(60)
    s.bind((f"127.0.{1 + number // 250}.{1 + number % 250}", 0))
    s.connect(("127.0.0.1", port))
    s = wrap(s)
    s.recv(500)
    s.sendall(b"EHLO client.example\r\n")
    s.recv(2000)
    return s


def answer_ms(port, tries=500):
    """99th percentile of the time from connect to greeting."""
    taken = []
    for _ in range(tries):
        start = time.monotonic()
        with socket.create_connection(("127.0.0.1", port), timeout=60) as s:
            s.recv(500)
            taken.append((time.monotonic() - start) * 1000)
    return sorted(taken)[tries * 99 // 100]


def idle_row(name, target, tls):
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(IDLE + 1000, limit[1]), limit[1]))
    port = free_port()
    with Installation(BUILD, smtp=LIMITS + (f'\ntls_listen = {{"127.0.0.1:{port}"}}' if tls else ""), tls=tls) as t, contextlib.ExitStack() as stack:
        us = t.start("trapsmtp")
        ctx = context() if tls else None
        before = rss_bytes(us.pid)
        for i in range(IDLE):
            stack.enter_context(client(port if tls else t.smtp_port, i, ctx.wrap_socket if tls else lambda s: s))
        grown = (rss_bytes(us.pid) - before) / IDLE
        answer = answer_ms(t.smtp_port)
        report(name, [grown], [], " bytes", higher_is_better=False, target=target, more=f", {IDLE} sessions")
        report(name + ".answer", [answer], [], " ms", higher_is_better=False, target=50, more=", connect to 220, p99 of 500 new clients meanwhile")


@row("smtp.idle", "smtp")
def _(rounds):
    idle_row("smtp.idle", 4096, False)


@row("smtp.idle.tls", "smtp")
def _(rounds):
    idle_row("smtp.idle.tls", 20480, True)
