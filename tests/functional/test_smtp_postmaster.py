"""Mail to postmaster and abuse: kept in full, never evidence, within bounds that one client cannot use up for all."""
import os
import re
import sys
import time

from test_smtp_limits import BODY, TRAP, hits, sink
from testlib import skip, wait_for

ROLE = "postmaster@old.example"


def files(inst):
    return sorted((inst.dir / "postmaster").iterdir())


def send(inst, client, to=ROLE, body=BODY):
    with inst.smtp(client) as s:
        return s.message("a@b.example", [to], body)


def test_kept_in_full(build):
    with sink(build) as inst:
        with inst.smtp("203.0.113.7", helo="asks.example") as s:
            assert s.message("a@b.example", ["Postmaster@old.example"], b"Subject: please\r\n\r\n.dot\r\nremove me\r\n") == 250
            assert len(files(inst)) == 1 and files(inst)[0].name.endswith("-203.0.113.7.eml"), files(inst)
            text = files(inst)[0].read_bytes()
            assert text.startswith(b"Return-Path: <a@b.example>\r\nDelivered-To: Postmaster@old.example\r\nReceived: from asks.example ([203.0.113.7])"), text
            assert text.endswith(b"\r\nSubject: please\r\n\r\n.dot\r\nremove me\r\n"), text
            assert s.message("a@b.example", ["abuse@shop.example", TRAP], BODY) == 250
        assert len(files(inst)) == 2
        assert inst.sql("hits", "SELECT address FROM hit") == [(TRAP.encode(),)]


def test_every_way_to_write_it(build):
    """Any case, quoted, without a domain, at every local domain and at the host's name: never evidence."""
    ways = [ROLE, "POSTMASTER@OLD.EXAMPLE", "Abuse@old.example", '"postmaster"@old.example', "postmaster", "postmaster@mx.trap.test",
            "abuse@mx.trap.test", "postmaster@trap.test", "abuse@trap.test", "postmaster@shop.example"]
    with sink(build, "postmaster_share = 100") as inst:
        for n, to in enumerate(ways):
            assert send(inst, "203.0.113.8", to) == 250, to
            assert len(files(inst)) == n + 1
        with inst.smtp("203.0.113.8") as s:  # all of them at once, one file
            assert s.message("a@b.example", ways, BODY) == 250
        assert len(files(inst)) == len(ways) + 1
        inst.run("rebuild")
        assert hits(inst) == 0
        assert inst.sql("hits", "SELECT count(*) FROM session WHERE client = ?", bytes([203, 0, 113, 8])) == [(0,)]
        assert inst.sql("hits", "SELECT count(*) FROM counter") == [(0,)]
        assert b"203.0.113.8" not in inst.run("dump").stdout


def test_an_unfinished_one_is_no_attempt(build):
    with sink(build) as inst:
        with inst.smtp("203.0.113.8") as s:
            s.expect("MAIL FROM:<a@b.example>", 250)
            s.expect(f"RCPT TO:<{ROLE}>", 250)
            s.expect("DATA", 354)
            s.send(b"Subject: x\r\n")
        wait_for("the line of the log", lambda: "ip=203.0.113.8" in (inst.top / "log").read_text())
        rows = inst.sql("hits", "SELECT attempt_class FROM session WHERE client = ?", bytes([203, 0, 113, 8]))
        assert all(r == (0,) for r in rows) and files(inst) == []


def test_folder_full_and_a_trap(build):
    """Both or neither: without room for the copy there is no hit, so that a client that tries again makes no second one, but an attempt
    a session. As soon as there is room both are there, once."""
    with sink(build, "postmaster_max_files = 1 postmaster_share = 100") as inst:
        assert send(inst, "203.0.113.1") == 250
        for n in range(3):
            with inst.smtp("203.0.113.2") as s:
                assert s.message("a@b.example", [ROLE, TRAP], BODY) == 452
                assert s.message("a@b.example", [TRAP, ROLE], BODY) == 452
        query = "SELECT attempt_class, attempt_address, hits, refused_limit FROM session WHERE client = ?"
        attempts = wait_for("three records", lambda: (rows := inst.sql("hits", query, bytes([203, 0, 113, 2]))) and len(rows) == 3 and rows)
        assert attempts == [(2, TRAP.encode(), 0, 2)] * 3, attempts
        assert hits(inst) == 0 and len(files(inst)) == 1
        files(inst)[0].unlink()
        with inst.smtp("203.0.113.2") as s:
            assert s.message("a@b.example", [ROLE, TRAP], BODY) == 250
        assert hits(inst) == 1 and len(files(inst)) == 1
        wait_for("the line of the hit", lambda: "smtp.hit seq=1" in inst.log())     # lines come behind the reply
        assert send(inst, "203.0.113.2", TRAP) == 250


def test_copy_beyond_the_hits_of_an_hour(build):
    """What was refused for want of room does not use up the hits of the hour; what comes behind them is counted, with its copies."""
    with sink(build, "postmaster_max_files = 3 postmaster_share = 100 hits_per_sender_hour = 2") as inst:
        with inst.smtp("203.0.113.2") as s:
            assert [s.message("a@b.example", [ROLE, TRAP], BODY) for _ in range(5)] == [250] * 3 + [452] * 2
        assert hits(inst) == 2 and inst.sql("hits", "SELECT sum(count) FROM counter") == [(1,)]
        with inst.smtp("203.0.113.3") as s:
            assert [s.message("a@b.example", [ROLE, TRAP], BODY) for _ in range(5)] == [452] * 5
            assert s.message("a@b.example", [TRAP], BODY) == 250
        assert hits(inst) == 3 and inst.sql("hits", "SELECT sum(count) FROM counter") == [(1,)]


def test_folder_full(build):
    """Files at the bound: 452 for this mail and nothing else; room again as soon as one is removed."""
    with sink(build, "postmaster_max_files = 20 postmaster_share = 100") as inst:
        for n in range(18):
            (inst.dir / "postmaster" / f"old-{n}.eml").write_bytes(b"x")
        assert [send(inst, f"203.0.113.{n}") for n in range(3)] == [250, 250, 452]  # 19, 20, 21
        assert send(inst, "203.0.113.9", TRAP) == 250  # the disk is not full, and nobody else waits
        (inst.dir / "postmaster" / "old-0.eml").unlink()
        assert send(inst, "203.0.113.3") == 250
        wait_for("the line of the log", lambda: "smtp.postmaster.full" in (inst.top / "log").read_text())


def test_bytes_in_the_folder(build):
    with sink(build, "postmaster_max_bytes = 64k postmaster_share = 100") as inst:
        assert send(inst, "203.0.113.1") == 250
        size = files(inst)[0].stat().st_size
        room = inst.dir / "postmaster" / "old.eml"
        for left, code in ((size - 1, 452), (size, 250)):
            room.write_bytes(b"x" * (65536 - size - left))
            assert send(inst, "203.0.113.1") == code, left
        assert send(inst, "203.0.113.1") == 452


def test_share_of_one_client(build):
    """Ten per cent of twenty files: two a day and client; a /48 is one client; what was removed, or is a day old, does not count."""
    with sink(build, "postmaster_max_files = 20 postmaster_share = 10") as inst:
        assert [send(inst, "203.0.113.1") for _ in range(4)] == [250, 250, 452, 452]
        assert send(inst, "203.0.113.1", TRAP) == 250  # at once, and other mail of it
        assert send(inst, "203.0.113.11") == 250
        assert [send(inst, f"2001:db8:1:{n}::1") for n in range(3)] == [250, 250, 452]
        assert send(inst, "2001:db8:2::1") == 250
        own = [f for f in files(inst) if f.name.endswith("-203.0.113.1.eml")]
        own[0].unlink()
        assert [send(inst, "203.0.113.1") for _ in range(2)] == [250, 452]
        day_old = time.time() - 86400 - 60
        for f in files(inst):
            if f.name.endswith("-203.0.113.1.eml"):
                os.utime(f, (day_old, day_old))
        assert [send(inst, "203.0.113.1") for _ in range(3)] == [250, 250, 452]
        wait_for("the line of the log", lambda: "smtp.postmaster.share" in (inst.top / "log").read_text())
        assert (inst.top / "log").read_text().count("smtp.postmaster.share") == 1  # once a minute


def test_memory_of_one_client(build):
    """Unfinished messages of one client do not use up the memory that copies may take."""
    piece = b"x" * 996 + b"\r\n"
    with sink(build, "message_max = 10M postmaster_share = 100") as inst:
        def begin(client):
            s = inst.smtp(client)
            s.expect("MAIL FROM:<a@b.example>", 250)
            s.expect(f"RCPT TO:<{ROLE}>", 250)
            s.expect("DATA", 354)
            return s
        greedy = [begin("203.0.113.1") for _ in range(2)]
        for s in greedy:
            s.send(piece * 9000)
        with begin("203.0.113.2") as other:
            other.send(piece * 9000 + b".\r\n")
            assert other.reply()[0] == 250
        codes = []
        for s in greedy:
            s.send(b".\r\n")
            codes.append(s.reply()[0])
            s.close()
        assert sorted(codes) == [250, 452], codes
        assert send(inst, "203.0.113.1", body=piece) == 250  # given back


def test_command_line(build):
    """list, show and remove; nothing of the mail steers the terminal, and no other file is reached."""
    with sink(build) as inst:
        secret = inst.dir / "secret.eml"
        secret.write_bytes(b"x")
        assert inst.run("postmaster", "list").stdout == b""
        assert send(inst, "203.0.113.1", body=b"Subject: \x1b[31mred\r\n\r\n\x1b]0;title\x07 body\r\n") == 250
        assert send(inst, "2001:db8::5") == 250
        assert send(inst, "2001:db8::6") == 250
        out = inst.run("postmaster", "list").stdout
        assert out.count(b"\n") == 3 and b"\x1b" not in out and b"\\x1B[31mred" in out.replace(b"\\x1b", b"\\x1B"), out
        doc = inst.json("postmaster", "list")
        assert [d["client"] for d in doc] == ["203.0.113.1", "2001:db8::5", "2001:db8::6"] and doc[0]["to"] == ROLE, doc
        out = inst.run("postmaster", "show", doc[0]["name"]).stdout
        assert not re.search(rb"[\x00-\x09\x0b-\x1f\x7f]", out) and b"body" in out, out
        for name in ("../secret.eml", "nothing.eml", str(secret), ".", "", "../hits.db", ".eml"):
            for word in ("show", "remove"):
                done = inst.run("postmaster", word, name, check=False)
                assert done.returncode == 64 and done.stdout == b"" and done.stderr.startswith(b"trapline: postmaster: "), (word, name, done)
        for words in ((), ("read",), ("list", "x"), ("show",), ("remove",), ("remove", "x.eml", "--from", "::1"), ("list", "--from", "::1"),
                      ("remove", "--from", "x")):
            assert inst.run("postmaster", *words, check=False).returncode == 64, words
        inst.run("postmaster", "remove", doc[0]["name"])
        assert inst.run("postmaster", "remove", "--from", "2001:db8::/48").stdout == b"2 removed.\n"
        assert files(inst) == [] and secret.exists()


def main():
    build, only = sys.argv[1], sys.argv[3] if len(sys.argv) > 3 else ""
    if not os.path.exists(build + "/bin/trapline"):
        skip("trapline is not built")
    for name, test in list(globals().items()):
        if name.startswith("test_") and only in name:
            start = time.monotonic()
            test(build)
            print(f"ok   {name[5:]}  {time.monotonic() - start:.1f} s", flush=True)


if __name__ == "__main__":
    main()
