"""A small DNS client of our own (RFC 1035): asks one server on 127.0.0.1 and returns what it said, without a cache."""
import ipaddress
import secrets
import socket
import struct

TYPES = {"A": 1, "NS": 2, "SOA": 6, "TXT": 16, "AAAA": 28}


class Resolver:
    def __init__(self, port, timeout=2.0, tries=3):
        self.address, self.tries = ("127.0.0.1", port), tries
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.settimeout(timeout)

    @staticmethod
    def reverse(ip):
        """Labels under which a DNS list has an address: octets, or nibbles for IPv6, in reverse."""
        a = ipaddress.ip_address(ip)
        return ".".join(reversed(str(a).split(".") if a.version == 4 else a.exploded.replace(":", "")))

    def ask(self, name, qtype="A"):
        """The answers of that type as text; [] for NXDOMAIN, no data, and for a server that does not answer."""
        try:
            return self.query(name, qtype)[1]
        except OSError:
            return []

    def query(self, name, qtype="A"):
        """(rcode, [answers as text])."""
        ident = secrets.randbelow(65536)
        question = b"".join(bytes([len(x)]) + x.encode() for x in name.rstrip(".").split(".")) + b"\0"
        packet = struct.pack(">6H", ident, 0, 1, 0, 0, 0) + question + struct.pack(">2H", TYPES[qtype], 1)
        for attempt in range(self.tries):
            try:
                self.sock.sendto(packet, self.address)
                while True:
                    answer = self.sock.recv(4096)
                    if answer[:2] == packet[:2]:
                        return self._parse(answer, TYPES[qtype])
            except OSError:
                if attempt + 1 == self.tries:
                    raise
        raise OSError("no answer")

    def _name(self, m, at):
        labels, jumped = [], None
        while True:
            n = m[at]
            if n >= 0xC0:
                jumped = jumped or at + 2
                at = struct.unpack(">H", m[at:at + 2])[0] & 0x3FFF
            elif n == 0:
                return ".".join(labels), jumped or at + 1
            else:
                labels.append(m[at + 1:at + 1 + n].decode("latin-1"))
                at += n + 1

    def _data(self, m, at, length, rtype):
        if rtype == 1:
            return ".".join(str(b) for b in m[at:at + 4])
        if rtype == 16:
            text, end = b"", at + length
            while at < end:
                text += m[at + 1:at + 1 + m[at]]
                at += m[at] + 1
            return text.decode("latin-1")
        if rtype == 2:
            return self._name(m, at)[0]
        if rtype == 6:
            mname, at = self._name(m, at)
            rname, at = self._name(m, at)
            return " ".join([mname, rname] + [str(v) for v in struct.unpack(">5I", m[at:at + 20])])
        return m[at:at + length].hex()

    def _parse(self, m, wanted):
        _, flags, qd, an, _, _ = struct.unpack(">6H", m[:12])
        at, answers = 12, []
        for _ in range(qd):
            at = self._name(m, at)[1] + 4
        for _ in range(an):
            at = self._name(m, at)[1]
            rtype, _, _, length = struct.unpack(">HHIH", m[at:at + 10])
            if rtype == wanted:
                answers.append(self._data(m, at + 10, length, rtype))
            at += 10 + length
        return flags & 15, answers
