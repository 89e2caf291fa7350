"""What trapweb and trapsmtp promise on their sockets, and how to see on a disk whether they kept it.

Pages:    every address that was sent is that of a visit on record: its serial, its client, a slot that the recipe has, and not
          marked as not shown.
Messages: every 250 after end-of-data is a hit with this reverse-path and these recipients; for postmaster and abuse a file with the
          whole message.
"""
import ipaddress
import re
import sqlite3
import subprocess

import crash_check

ADDRESS_MAX = 320


class Decoder:
    """address -> [(node, epoch, serial, slot)], every reading of it (mint.h says why there may be two); [] for what was not minted."""

    def __init__(self, build, state):
        self.command, self.known = [f"{build}/tests/fault/decode_addresses", str(state)], {}

    def learn(self, addresses):
        new = sorted(set(addresses) - set(self.known))
        if not new:
            return
        done = subprocess.run(self.command, input="".join(a + "\n" for a in new), capture_output=True, text=True, check=True, timeout=60)
        for address, line in zip(new, done.stdout.splitlines(), strict=True):
            self.known[address] = [] if line == "-" else [tuple(int(n) for n in reading.split()) for reading in line.split(",")]

    def decode(self, address):
        self.learn([address])
        return self.known[address]


def addresses_of(domains):
    """A pattern of whole addresses at the trap domains."""
    return re.compile(rb"([a-z0-9]{10,20}@(?:" + b"|".join(re.escape(d.encode()) for d in domains) + rb"))(?![A-Za-z0-9.-]*[A-Za-z0-9])")


def read_visits(db):
    """(first sequences of the epochs, sequence -> (client, recipe), sequences not shown)"""
    epochs = dict(db.execute("SELECT epoch, first_seq FROM epoch"))
    visits = {seq: (client, recipe) for seq, client, recipe in db.execute("SELECT seq, client, recipe FROM visit")}
    return epochs, visits, {seq for seq, in db.execute("SELECT seq FROM not_shown")}


def missing_visits(db, shown):
    """shown: {address: (readings, client)}. What the database does not know, as texts."""
    epochs, visits, hidden = read_visits(db)
    for address, (readings, client) in shown.items():
        wrong = [why_wrong(reading, client, epochs, visits, hidden) for reading in readings]
        if all(wrong):
            yield f"{address} was shown to {client}: {wrong[0]}"


def why_wrong(reading, client, epochs, visits, hidden):
    """None where the visit is as it must be."""
    _, epoch, serial, slot = reading
    seq = epochs.get(epoch, -1 << 40) + serial
    if seq not in visits:
        return f"its visit (epoch {epoch}, serial {serial}) is not on record"
    if visits[seq][0] != ipaddress.ip_address(client).packed:
        return f"visit {seq} is on record for {ipaddress.ip_address(visits[seq][0])}"
    if (visits[seq][1] >> (8 * slot)) & 255 == 0:
        return f"slot {slot} is not in the recipe of visit {seq}"
    if seq in hidden:
        return f"visit {seq} is marked as not shown"
    return None


def missing_hits(db, told):
    """told: {reverse-path: set of recipients}. What the database does not know, as texts."""
    known = {}
    for seq, sender, address in db.execute("SELECT seq, reverse_path, address FROM hit"):
        known[sender.decode()] = (seq, {address.decode().lower()})
    rcpts = {}
    for hit, address in db.execute("SELECT hit, address FROM hit_rcpt"):
        rcpts.setdefault(hit, set()).add(address.decode().lower())
    for sender, recipients in told.items():
        if sender not in known:
            yield f"250 was told to {sender}, its hit is not on record"
        else:
            seq, found = known[sender]
            lost = recipients - found - rcpts.get(seq, set())
            if lost:
                yield f"250 was told to {sender}, hit {seq} has not its recipients {sorted(lost)}"


class Pages(crash_check.Watcher):
    def __init__(self, decoder, domains):
        self.decoder, self.pattern = decoder, addresses_of(domains)
        self.shown, self.clients, self.tails = {}, {}, {}

    def prepare(self, records):
        """Decodes all that the log holds in one go."""
        sends = b"\n".join(r.data for r in records if r.kind == "send")
        self.decoder.learn(a.decode() for a in self.pattern.findall(sends))

    def received(self, r):
        found = re.findall(rb"(?im)^X-Forwarded-For:[ \t]*([0-9A-Fa-f:.]+)", r.data)
        if found:
            self.clients[r.fd] = found[-1].decode()
            self.tails[r.fd] = b""

    def closed(self, fd):
        self.clients.pop(fd, None)
        self.tails.pop(fd, None)

    def sent(self, r):
        assert r.value == len(r.data), "a send that was not recorded in full"
        text = self.tails.get(r.fd, b"") + r.data
        self.tails[r.fd] = text[-ADDRESS_MAX:]
        before = len(self.shown)
        for address in (a.decode() for a in self.pattern.findall(text)):
            readings = self.decoder.decode(address)
            if readings:
                self.shown[address] = (readings, self.clients[r.fd])
        return len(self.shown) > before

    def wanted(self, path):
        return path.startswith(("visits.db", "snap/"))

    def verify(self, directory):
        try:
            with crash_check.database(directory / "visits.db") as db:
                broken = list(missing_visits(db, self.shown))
        except sqlite3.Error as e:
            return [f"visits.db: {e}"]
        return broken + self.verify_epochs(directory)

    def verify_epochs(self, directory):
        """An epoch is announced before an address of it is shown."""
        text = (directory / "snap" / "epochs").read_text() if (directory / "snap" / "epochs").exists() else ""
        newest = re.search(r"^1 (\d+)$", text, re.MULTILINE)
        used = max((min(epoch for _, epoch, _, _ in readings) for readings, _ in self.shown.values()), default=0)
        if used and (newest is None or int(newest.group(1)) < used):
            return [f"an address of epoch {used} was shown, announced is {text!r}"]
        return []


class Conversation:
    """One SMTP connection as far as needed: envelope, then content, then the reply to it."""

    def __init__(self):
        self.line, self.sender, self.recipients, self.content, self.data = b"", "", set(), None, b""

    def received(self, data):
        if self.content is not None:
            self.content += data
            return
        self.line += data
        while b"\r\n" in self.line:
            line, self.line = self.line.split(b"\r\n", 1)
            path = re.search(rb"<([^>]*)>", line)
            if line[:4].upper() == b"MAIL" and path:
                self.sender, self.recipients = path.group(1).decode(), set()
            elif line[:4].upper() == b"RCPT" and path:
                self.recipients.add(path.group(1).decode().lower())

    def sent(self, data):
        """(sender, recipients, content) where this is the 250 after end-of-data."""
        told = None
        for line in data.split(b"\r\n"):
            if re.match(rb"\d{3}( |$)", line) is None:
                continue
            if line[:3] == b"354":
                self.content = b""
            elif self.content is not None:
                if line[:3] == b"250":
                    told = (self.sender, self.recipients, self.content)
                self.content = None
            elif line[:1] in b"45":
                # Nobody here is refused in part: a refused recipient would have to be taken off.
                self.recipients = set()
        return told


ROLES = ("postmaster", "abuse")


class Messages(crash_check.Watcher):
    def __init__(self):
        self.told, self.kept, self.conversations = {}, {}, {}

    def received(self, r):
        self.conversations.setdefault(r.fd, Conversation()).received(r.data)

    def closed(self, fd):
        self.conversations.pop(fd, None)

    def sent(self, r):
        assert r.value == len(r.data), "a send that was not recorded in full"
        told = self.conversations.setdefault(r.fd, Conversation()).sent(r.data)
        if told is None:
            return False
        sender, recipients, content = told
        traps = {a for a in recipients if a.split("@")[0] not in ROLES}
        if traps:
            self.told[sender] = traps
        if traps != recipients:
            self.kept[sender] = content.split(b"\r\n.\r\n")[0].replace(b"\r\n", b"\n").strip()
        return True

    def wanted(self, path):
        return path.startswith(("hits.db", "postmaster/"))

    def verify(self, directory):
        broken = [f"250 was told to {sender}, no file of postmaster/ holds its message" for sender in self.lost_files(directory)]
        try:
            with crash_check.database(directory / "hits.db") as db:
                broken += missing_hits(db, self.told)
        except sqlite3.Error as e:
            broken.append(f"hits.db: {e}")
        return broken

    def lost_files(self, directory):
        if not self.kept:
            return
        there = b"\0".join(p.read_bytes().replace(b"\r\n", b"\n") for p in sorted((directory / "postmaster").rglob("*"))
                           if p.is_file() and not p.name.startswith("."))
        for sender, content in self.kept.items():
            if content not in there:
                yield sender
