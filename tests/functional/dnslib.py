"""DNS servers for tests, on 127.0.0.1: NSD with zones of the test, and a server of its own that does wrong on purpose."""
import os
import pathlib
import shutil
import socket
import socketserver
import struct
import subprocess
import threading

from testlib import free_port, skip, wait_for


def dns_port():
    """Free for UDP and for TCP."""
    while True:
        port = free_port()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


class Nsd:
    """NSD with {zone: text of records without SOA and NS}. Skips the test where NSD is not there."""

    def __init__(self, top, zones):
        self.program = shutil.which("nsd", path=os.environ.get("PATH", "") + ":/usr/sbin")
        if self.program is None:
            skip("nsd is not installed")
        self.dir = pathlib.Path(top) / "nsd"
        self.dir.mkdir()
        self.port = dns_port()
        lines = ["server:", f'  ip-address: 127.0.0.1@{self.port}', '  username: ""', f'  zonesdir: "{self.dir}"', '  database: ""',
                 f'  pidfile: "{self.dir}/pid"', f'  xfrdfile: "{self.dir}/xfrd"', f'  zonelistfile: "{self.dir}/list"',
                 '  server-count: 1', '  hide-version: yes', f'  logfile: "{self.dir}/log"', "remote-control:", "  control-enable: no"]
        for number, (zone, text) in enumerate(zones.items()):
            (self.dir / f"{number}.zone").write_text(f"$ORIGIN {zone}.\n$TTL 60\n@ SOA ns.{zone}. admin.{zone}. 1 60 60 60 5\n@ NS ns.{zone}.\n{text}\n")
            lines += ["zone:", f'  name: "{zone}"', f'  zonefile: "{number}.zone"']
        (self.dir / "conf").write_text("\n".join(lines) + "\n")
        self.process = subprocess.Popen([self.program, "-d", "-c", str(self.dir / "conf")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        first = next(iter(zones))
        wait_for("NSD answers", lambda: self.answers(first), 20)

    def answers(self, zone):
        assert self.process.poll() is None, (self.dir / "log").read_text()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.settimeout(0.5)
            s.sendto(struct.pack(">6H", 1, 0x100, 1, 0, 0, 0) + encode(zone) + struct.pack(">2H", 6, 1), ("127.0.0.1", self.port))
            try:
                return s.recv(4096)[3] & 15 == 0
            except OSError:
                return False

    def close(self):
        self.process.terminate()
        self.process.wait(20)


def txt(*texts):
    """Character-strings of a TXT record for a zone file: each text cut at 250."""
    return " ".join('"%s"' % t[i:i + 250] for t in texts for i in range(0, max(len(t), 1), 250))


def encode(name):
    return b"".join(bytes([len(label)]) + label.encode("latin-1") for label in name.split(".") if label) + b"\0"


def decode(message, at):
    labels = []
    while message[at]:
        labels.append(message[at + 1:at + 1 + message[at]].decode("latin-1"))
        at += 1 + message[at]
    return ".".join(labels).lower(), at + 1


TYPES = {1: "A", 2: "NS", 5: "CNAME", 12: "PTR", 15: "MX", 16: "TXT", 28: "AAAA"}


def record(kind, data, ttl=60, owner=b"\xc0\x0c"):
    number = {v: k for k, v in TYPES.items()}[kind]
    return owner + struct.pack(">HHIH", number, 1, ttl, len(data)) + data


class Faulty:
    """A server whose answer to each question is what `rules` says: rules(name, type, tcp) -> list of records, an int (RCODE), bytes (the
    whole message behind the id), None (no answer), or ("truncated", records). Remembers what it was asked."""

    def __init__(self, rules):
        self.rules, self.asked, self.lock = rules, [], threading.Lock()
        self.port = dns_port()
        outer = self

        class Udp(socketserver.BaseRequestHandler):
            def handle(self):
                answer = outer.answer(self.request[0], False)
                if answer is not None:
                    self.request[1].sendto(answer, self.client_address)

        class Tcp(socketserver.StreamRequestHandler):
            def handle(self):
                head = self.rfile.read(2)
                if len(head) == 2:
                    answer = outer.answer(self.rfile.read(struct.unpack(">H", head)[0]), True)
                    if answer is not None:
                        self.wfile.write(struct.pack(">H", len(answer)) + answer)

        class UdpServer(socketserver.ThreadingUDPServer):
            daemon_threads = True

        class TcpServer(socketserver.ThreadingTCPServer):
            daemon_threads, allow_reuse_address = True, True

        self.servers = [UdpServer(("127.0.0.1", self.port), Udp), TcpServer(("127.0.0.1", self.port), Tcp)]
        for s in self.servers:
            threading.Thread(target=s.serve_forever, daemon=True).start()

    def answer(self, message, tcp):
        name, at = decode(message, 12)
        kind = TYPES.get(struct.unpack(">H", message[at:at + 2])[0], "?")
        question = message[12:at + 4]
        with self.lock:
            self.asked.append((name, kind))
        what = self.rules(name, kind, tcp)
        if what is None:
            return None
        if isinstance(what, bytes):
            return message[:2] + what
        flags = 0x8180
        if isinstance(what, tuple):
            if not tcp:
                flags |= 0x200
            what = what[1] if tcp else []
        if isinstance(what, int):
            return message[:2] + struct.pack(">5H", flags | what, 1, 0, 0, 0) + question
        return message[:2] + struct.pack(">5H", flags, 1, len(what), 0, 0) + question + b"".join(what)

    def count(self, name, kind=None):
        with self.lock:
            return sum(1 for n, k in self.asked if n == name and kind in (None, k))

    def close(self):
        for s in self.servers:
            s.shutdown()
            s.server_close()


def reverse(ip):
    return ".".join(reversed(ip.split("."))) + ".in-addr.arpa"
