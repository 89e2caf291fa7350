"""Real mail into the sink: spam, bounces, automatic answers, abuse reports. Each message is kept octet for octet, and what its header says
about its kind is what another parser finds in it.

Data: a folder with spam/manifest.tsv and bounces/*.eml (TRAPLINE_TEST_DATA, default ../shared/data beside the source). Skipped where it
is absent.
"""
import collections
import email
import email.policy
import os
import pathlib
import re
import sys
from concurrent.futures import ThreadPoolExecutor

from testlib import Installation, skip

NULL_SENDER, BARE_LF, BARE_CR, NUL, EIGHT_BIT, LONG_LINE = 1 << 0, 1 << 6, 1 << 7, 1 << 8, 1 << 9, 1 << 10
LIST, AUTO, REPORT = 1 << 14, 1 << 15, 1 << 16
WATCHED = NULL_SENDER | BARE_LF | BARE_CR | NUL | EIGHT_BIT | LONG_LINE | LIST | AUTO | REPORT
CONFIG = 'trap "sales@shop.example" { class = "pristine" }\n'


def as_sent(raw):
    """The file as its content goes over the wire, before transparency: lines end in CRLF. A mailbox's own first line is none of it."""
    raw = re.sub(rb"\AFrom [^\n]*\n", b"", raw)
    return b"".join(line + b"\r\n" for line in raw.replace(b"\r\n", b"\n").rstrip(b"\n").split(b"\n"))


def first_word(value):
    value = re.sub(r"^\s*(\([^()]*\)\s*)*", "", str(value))
    return re.split(r"[\s;(]", value, maxsplit=1)[0].lower()


def expected_flags(content, bounce):
    head = email.message_from_bytes(content, policy=email.policy.compat32)

    def has(name, wanted):
        return any(wanted(first_word(v)) for v in head.get_all(name, []))
    return ((NULL_SENDER if bounce else 0)
            | (NUL if b"\0" in content else 0)
            | (BARE_CR if re.search(rb"\r(?!\n)", content) else 0)
            | (EIGHT_BIT if re.search(rb"[\x80-\xff]", content) else 0)
            | (LONG_LINE if any(len(line) > 998 for line in content.split(b"\r\n")) else 0)
            | (LIST if head.get_all("List-Id") or head.get_all("List-Unsubscribe") or has("Precedence", lambda w: w in ("list", "bulk")) else 0)
            | (AUTO if has("Auto-Submitted", lambda w: w not in ("", "no")) else 0)
            | (REPORT if has("Content-Type", lambda w: w == "multipart/report") else 0))


def main():
    build, source = os.path.abspath(sys.argv[1]), pathlib.Path(sys.argv[2])
    data = pathlib.Path(os.environ.get("TRAPLINE_TEST_DATA", source.parent / "shared" / "data"))
    if not (data / "spam" / "manifest.tsv").exists():
        skip(f"no real data in {data}")
    files = sorted(p for p in (data / "spam").iterdir() if p.suffix != ".tsv") + sorted((data / "bounces").glob("*.eml"))
    assert len(files) > 500, len(files)
    kinds = collections.Counter()
    with Installation(build, config=CONFIG, smtp="hits_per_sender_hour = 0  message_max = 20M  postmaster_share = 100") as inst:
        inst.start("trapsmtp")
        wanted = {}

        def deliver(item):
            number, path = item
            content, bounce = as_sent(path.read_bytes()), path.parent.name == "bounces"
            # The session's own name tells the copies apart, a bounce has no other.
            with inst.smtp(helo=f"for-{number}@.example") as s:
                code = s.message("" if bounce else f"{number}@sender.example", ["sales@shop.example", "postmaster@shop.example"], content)
            assert code == 250, (path.name, code)
            wanted[number] = (path.name, content, expected_flags(content, bounce))
        for at in range(0, len(files), 200):
            with ThreadPoolExecutor(8) as pool:
                list(pool.map(deliver, enumerate(files[at:at + 200], at)))
            copies = {}
            for path in (inst.dir / "postmaster").glob("*.eml"):
                whole = path.read_bytes()
                number = int(re.search(rb"Received: from for-(\d+)@", whole).group(1))
                copies[number] = re.sub(rb"\A.*?\r\nReceived: .*?\r\n\t.*?\r\n", b"", whole, count=1, flags=re.S)
                path.unlink()
            for number in range(at, min(at + 200, len(files))):
                assert copies.get(number) == wanted[number][1], f"{wanted[number][0]}: the copy is not the message"
        rows = inst.sql("hits", "SELECT helo, flags, size FROM hit")
        assert len(rows) == len(files), f"{len(files)} messages, {len(rows)} hits"
        for helo, flags, size in rows:
            name, content, want = wanted[int(re.match(rb"for-(\d+)@", helo).group(1))]
            assert size == len(content), (name, size)
            assert flags & WATCHED == want, f"{name}: flags {flags & WATCHED:#x}, another parser says {want:#x}"
            kinds["messages"] += 1
            for word, bit in (("bounce", NULL_SENDER), ("list", LIST), ("automatic", AUTO), ("report", REPORT), ("8bit", EIGHT_BIT), ("long lines", LONG_LINE)):
                kinds[word] += bool(flags & bit)
    print(dict(kinds))
    assert kinds["report"] > 100 and kinds["list"] > 50, kinds


if __name__ == "__main__":
    main()
