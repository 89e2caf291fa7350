"""Every false end of a message that CR, LF, CRLF, CRCRLF, NUL and a blank can make around a dot, and a second envelope behind it, against
a real trapsmtp: what becomes one message and what becomes two is what a model of eight lines says (RFC 5321 4.1.1.4, 4.5.2).

The same octets in chunks (RFC 3030) end nothing: there the count is all that counts.

Counted and compared are the hits on record and, octet for octet, the copies that postmaster gets; never the replies alone.
"""
import itertools
import os
import pathlib
import random
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "functional"))
from testlib import Installation, Smtp, skip  # noqa: E402

PIECES = (b"\r", b"\n", b"\r\n", b"\r\r\n", b"\0", b" ")
SECOND = "b%d@evil.example"
CONFIG = 'trap_domain "old.example" { class = "recycled" }\n'
LIMITS = "hits_per_sender_hour = 0  commands_max = 1000000  errors_max = 1000000  postmaster_max_files = 1000000  postmaster_share = 100"
BARE_LF, BARE_CR, NUL = 1 << 6, 1 << 7, 1 << 8
RCPT = b"RCPT TO:<t1@old.example>\r\nRCPT TO:<postmaster@old.example>\r\nDATA\r\n"


# ---- the model ----

def first_message(stream):
    """(content, flags, what is behind it); the CRLF of the DATA line counts as the first one."""
    lines = b"\r\n" + stream
    end = lines.index(b"\r\n.\r\n")
    wire = lines[2:end + 5]
    content = lines[:end + 2].replace(b"\r\n.", b"\r\n")[2:]
    return content, flags_of(wire), lines[end + 5:]


def flags_of(wire):
    return ((BARE_LF if re.search(rb"(?<!\r)\n", wire) else 0) | (BARE_CR if re.search(rb"\r(?!\n)", wire) else 0)
            | (NUL if b"\0" in wire else 0))


def messages(stream, number):
    """What is accepted of a stream behind 354, [(reverse-path, content, flags)], as long as at most one further envelope stands in it."""
    content, flags, rest = first_message(stream)
    found = [("a%d@sender.example" % number, content, flags)]
    envelope = b"MAIL FROM:<" + (SECOND % number).encode() + b">\r\n" + RCPT
    lines = rest.split(b"\r\n")
    if envelope.split(b"\r\n")[0] in lines:  # a line of its own: whatever is before it was a line, too, and no command
        behind = rest[rest.index(envelope) + len(envelope):]
        content, flags, _ = first_message(behind)
        found.append((SECOND % number, content, flags))
    return found


# ---- streams ----

def sequences(longest):
    for n in range(longest + 1):
        for parts in itertools.product(PIECES, repeat=n):
            yield b"".join(parts)


def systematic(dice):
    around = sorted(set(sequences(2)))
    cases = list(itertools.product(around, (b".",), around)) + [(dice.choice(around), b"..", dice.choice(around)) for _ in range(250)]
    for number, (before, dots, behind) in enumerate(cases):
        envelope = b"MAIL FROM:<" + (SECOND % number).encode() + b">\r\n" + RCPT
        yield number, b"Subject: first\r\n\r\nbody" + before + dots + behind + envelope + b"Subject: second\r\n\r\nmust not count\r\n.\r\n"


def at_random(dice, first, count):
    pieces = PIECES + (b".", b".", b"\r\n.", b".\r\n", b"x", b"\x80")
    for number in range(first, first + count):
        yield number, b"".join(dice.choice(pieces) for _ in range(dice.randrange(1, 40))) + b"\r\n.\r\n"


# ---- the sink ----

def segments(stream, dice):
    """Mostly cut near the dot, often whole, sometimes octet by octet."""
    how = dice.randrange(4)
    if how == 0:
        return [stream]
    if how == 1:
        return [stream[i:i + 1] for i in range(len(stream))]
    around = stream.find(b".")
    cuts = sorted({dice.randrange(max(around - 6, 1), min(around + 8, len(stream))) for _ in range(how - 1)})
    return [stream[a:b] for a, b in zip([0] + cuts, cuts + [len(stream)])]


def chunks(content, dice):
    """BDAT commands with that content, cut anywhere; the last one may be empty."""
    cuts = [0] + sorted(dice.randrange(len(content) + 1) for _ in range(dice.randrange(4))) + [len(content)]
    parts = [content[a:b] for a, b in zip(cuts, cuts[1:])] + ([b""] if dice.randrange(2) else [])
    return b"".join(b"BDAT %d%s\r\n%s" % (len(p), b" LAST" if i == len(parts) - 1 else b"", p) for i, p in enumerate(parts))


def deliver(s, number, stream, dice, chunked):
    """Leaves the session ready for the next; returns only when all of the stream has its answers."""
    s.expect(f"MAIL FROM:<a{number}@sender.example>", 250)
    s.send(RCPT if not chunked else RCPT.removesuffix(b"DATA\r\n"))
    for code in (250, 250) if chunked else (250, 250, 354):
        s.expect(None, code)
    for part in segments(chunks(stream, dice) if chunked else stream, dice):
        s.send(part)
    s.send(b"VRFY the-end\r\n")  # nothing else gets 252
    while s.reply()[0] != 252:
        pass
    s.expect("RSET", 250)


def letters(inst):
    """{reverse-path: content} of the copies for postmaster, which are taken away."""
    found = {}
    for path in (inst.dir / "postmaster").iterdir():
        whole = path.read_bytes()
        sender = re.match(rb"Return-Path: <(.*?)>\r\n", whole).group(1).decode()
        assert sender not in found, f"two copies of {sender}"
        found[sender] = re.sub(rb"\A.*?\r\nReceived: .*?\r\n\t.*?\r\n", b"", whole, count=1, flags=re.S)
        path.unlink()
    return found


def run(inst, streams, chunked_from, dice):
    expected, got = {}, {}
    for at in range(0, len(streams), 100):
        with Smtp(inst.smtp_port) as s:
            s.expect(None, 220)
            s.expect("EHLO client.example", 250)
            for number, stream in streams[at:at + 100]:
                found = messages(stream, number) if number < chunked_from else [(f"a{number}@sender.example", stream, flags_of(stream))]
                expected.update((sender, (stream, content, flags)) for sender, content, flags in found)
                deliver(s, number, stream, dice, number >= chunked_from)
        got.update(letters(inst))
    rows = inst.sql("hits", "SELECT reverse_path, size, flags FROM hit")
    assert len(rows) == len(set(r[0] for r in rows)), "a message is there twice"
    stored = {r[0].decode(): r[1:] for r in rows}
    for sender, (stream, content, flags) in expected.items():
        assert sender in stored, f"{stream!r}: no hit of {sender}"
        assert got.get(sender) == content, f"{stream!r}: {sender} has {got.get(sender)!r}, not {content!r}"
        size, have = stored[sender]
        assert size == len(content), f"{stream!r}: size {size}"
        assert have & flags == flags, f"{stream!r}: flags {have:#x}, not {flags:#x}"  # the session may have given it more
    more = sorted(set(stored) - set(expected)) + sorted(set(got) - set(expected))
    assert not more, f"messages that nobody sent: {more[:5]}"
    return len(streams), len(expected)


def main():
    build = sys.argv[1]
    if not os.path.exists(build + "/bin/trapline"):
        skip("trapline is not built")
    dice = random.Random(5321)
    with Installation(build, config=CONFIG, smtp=LIMITS) as inst:
        daemon = inst.start("trapsmtp")
        streams = list(systematic(dice))
        streams += at_random(dice, len(streams), 500)
        chunked_from = len(streams)
        streams += at_random(dice, chunked_from, 500)
        count, found = run(inst, streams, chunked_from, dice)
        assert daemon.poll() is None, inst.log()
        assert inst.stop(daemon) == 0, inst.log()
    print(f"{count} streams, {found} messages, none too many and none too few")
    assert found > count


if __name__ == "__main__":
    main()
