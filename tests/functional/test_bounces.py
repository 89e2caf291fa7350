"""Real bounces, feedback reports and automatic replies (TRAPLINE_TEST_DATA, default ../shared/data beside the source; skipped where it is
absent), each from an address of its own: nobody is listed as a sender, and in a zone of backscatter only who proves it. Then what only
pretends to be one."""
import concurrent.futures
import os
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from testlib import Installation, run_tests, skip  # noqa: E402

DATA = pathlib.Path(os.environ.get("TRAPLINE_TEST_DATA", pathlib.Path(sys.argv[2]).parent / "shared" / "data")) / "bounces"
PRESETS = ("aggressive", "standard", "conservative")
CONFIG = 'trap_domain "old.example" { class = "pristine" }\n' + "".join(
    f'policy "{p}" {{ listing_delay = "0" }}\nzone "{p}.example" {{ kind = "senders"  policy = "{p}" }}\n'
    f'zone "back.{p}.example" {{ kind = "backscatter"  policy = "{p}" }}\n' for p in PRESETS)
# From reverse-paths of their own; no structure tells what they are: complaints that are no RFC 5965, notes of a service to its users.
NO_STRUCTURE = {"lhost-amazonses-10.eml", "lhost-amazonses-12.eml", "arf-22.eml", "arf-24.eml"}


def client(i):
    return f"45.9.{i // 250}.{i % 250 + 1}"


def listings(t):
    """{(policy, kind): {prefix}}"""
    out = {}
    for line in t.run("dump").stdout.decode().splitlines():
        if line.startswith("listing "):
            row = dict(re.findall(r"(\w+)=(\S+)", line))
            out.setdefault((row["policy"], row["kind"]), set()).add(row["prefix"])
    return out


def deliver(t, messages):
    """(client, reverse-path, recipient, content) each; all are accepted."""
    def one(m):
        assert t.mail(m[2], m[0], m[1], m[3]) == 250, m[0]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(one, messages))


def content(path):
    data = re.sub(rb"\r?\n", b"\r\n", path.read_bytes())
    return re.sub(rb"(?m)^\.", b"..", data if data.endswith(b"\r\n") else data + b"\r\n")


def author(data):
    """Whom the returned message names in From, where there is one: the last such field."""
    found = re.findall(rb"(?mi)^[> \t]*From:[^\r\n]*?([A-Za-z0-9._+-]+@[A-Za-z0-9.-]+)", data.partition(b"\r\n\r\n")[2])
    return found[-1] if found else None


def test_real(build):
    files = sorted(DATA.glob("*.eml")) if DATA.is_dir() else []
    if not files:
        skip(f"no real data in {DATA}")
    with Installation(build, config=CONFIG, zones="", smtp="hits_per_sender_hour = 0") as t:
        daemon = t.start("trapsmtp")
        messages, proved = [], set()
        for i, path in enumerate(files):
            data = content(path)
            null = path.name not in NO_STRUCTURE and not path.name.startswith("arf")
            messages.append((client(2 * i), "" if null else "a@sender.example", "t1@old.example", data))
            who = author(data)
            if who and null:    # the same, as if somebody had written in the trap's name
                messages.append((client(2 * i + 1), "", "t1@old.example", data.replace(who, b"t1@old.example")))
                proved.add(client(2 * i + 1))
        deliver(t, messages)
        assert t.stop(daemon) == 0
        flags = {str(n): f for n, f in t.sql("hits", "SELECT seq, flags FROM hit")}
        assert len(flags) == len(messages)
        found = listings(t)
        listed = found.pop(("aggressive", "senders"), set())
        excused = {client(2 * i) for i, p in enumerate(files) if p.name in NO_STRUCTURE}
        wrong = sorted(listed - excused)
        assert not wrong, (len(wrong), [(files[int(x.split(".")[2]) * 125 + (int(x.split(".")[3]) - 1) // 2].name, x) for x in wrong[:5]])
        back = found.pop(("aggressive", "backscatter"), set())
        assert not found, found
        assert back <= proved, back - proved
        assert len(back) > 0.9 * len(proved), (len(back), len(proved))
        print(f"{len(messages)} messages, {len(proved)} in a trap's name, {len(back)} of them proved it")


DSN = ("From: MAILER-DAEMON@mx.example\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\n\r\nfailed\r\n--b\r\n"
       "Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example\r\n\r\nFinal-Recipient: rfc822; a@b.example\r\nAction: failed\r\n"
       "Status: 5.1.1\r\n\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nReceived: x\r\nMessage-ID: <1@x>\r\nFrom: <%s>\r\n\r\nx\r\n--b--\r\n")
SPAM = "From: shop@y.example\r\nSubject: buy\r\n\r\nBuy now.\r\n"
FAKE = ("From: shop@y.example\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\n\r\nBuy now, %s.\r\n--b--\r\n")


def test_pretended(build):
    """Two traps are two sources: what standard asks for."""
    config = CONFIG + 'trap "one@shop.example" { class = "pristine" }\ntrap "two@shop.example" { class = "pristine" }\n'
    traps = ("one@shop.example", "two@shop.example")
    with Installation(build, config=config, zones="", smtp="hits_per_sender_hour = 0") as t:
        daemon = t.start("trapsmtp")
        deliver(t, [(ip, sender, trap, body(trap).encode()) for ip, sender, body, n in (
            ("45.9.1.1", "", lambda _: SPAM, 1), ("45.9.1.2", "", lambda trap: FAKE % trap, 1), ("45.9.1.3", "a@b.example", lambda _: DSN % "x@y.example", 1),
            ("45.9.1.4", "", lambda _: DSN % "x@y.example", 5), ("45.9.1.5", "", lambda _: DSN % "x@y.example", 1),
            ("45.9.1.6", "", lambda trap: DSN % trap, 25), ("45.9.1.7", "", lambda trap: DSN % trap, 30)) for trap in traps for _ in range(n)])
        assert t.stop(daemon) == 0
        found = listings(t)
        # 1: plain spam; 2: a report in name only; 3: a whole one, but not from the null reverse-path; 4: ten automatic ones without proof
        assert found[("standard", "senders")] == {"45.9.1.1", "45.9.1.2", "45.9.1.3", "45.9.1.4"}, found
        # 7: proved, and ten beyond the fifty of a day, which count a quarter each
        assert found[("aggressive", "senders")] == {"45.9.1.1", "45.9.1.2", "45.9.1.3", "45.9.1.4", "45.9.1.7"}, found
        assert found[("standard", "backscatter")] == {"45.9.1.6", "45.9.1.7"} == found[("aggressive", "backscatter")], found


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
