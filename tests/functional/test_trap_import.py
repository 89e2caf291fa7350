"""`trapline trap import`: lists, CSV and dumps of Spamikaze's tables; what is refused is told by line, and nobody's mailbox becomes a trap."""
import json
import pathlib
import resource
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from testlib import Installation, run_tests, wait_for  # noqa: E402

USAGE = 64
MESSAGE = ("Received: from mx.own.example (mx.own.example [203.0.113.5])\n\tby spool.own.example with ESMTP id 1\n\tfor <Trap1@own.example>; Mon, 1 Jan 2024\n"
           "Received: from relay.bad.example by bad.example for <victim@else.example>; Mon, 1 Jan 2024\n"
           "Delivered-To: trap2@own.example\nX-Original-To: trap1@own.example\nTo: <friend@else.example>, other@else.example\nSubject: it''s 100% free\n\n"
           "Delivered-To: inbody@else.example\n")


def traps(it):
    return {t["trap"]: t["class"] for t in it.json("trap", "list") if t["from"] == "act"}


def report(it, path, *words):
    done = it.run("trap", "import", str(path), *words, "--json", check=False)
    return done.returncode, json.loads(done.stdout) if done.stdout else done.stderr.decode()


def test_lists(build):
    config = 'trap_domain "own.example" { class = "recycled"  unknown = "reject"  reserved = {"anna"} }\n'
    with Installation(build, config=config) as it:
        path, boxes = it.top / "traps", it.top / "mailboxes"
        path.write_text("a@shop.example typo\nb@shop.example\n# c@shop.example\n\nA@SHOP.example typo\npostmaster@own.example typo\nanna@own.example typo\n"
                        "real@own.example typo\nuser@own.example typo\nown.example recycled\nbad\nx@y.example minted\n")
        boxes.write_text("real@own.example  x\nuser: |command\n# nobody@own.example\n")
        code, text = report(it, path, "--class", "pristine", "--except", str(boxes))
        assert code == USAGE and f"{path}:6: postmaster@own.example: " in text and "nothing was imported, 7 refused" in text, text
        assert traps(it) == {} and it.sql("acts", "SELECT count(*) FROM act")[0][0] == 0
        code, dry = report(it, path, "--class", "pristine", "--except", str(boxes), "--dry-run")
        assert code == 0 and dry["dry_run"] and dry["taken"] == 2 and dry["twice"] == 1 and dry["acts"] == 0
        why = {r["line"]: r["reason"] for r in dry["refused"]}
        assert sorted(why) == [6, 7, 8, 9, 10, 11, 12] and "reserved" in why[7] and "--except" in why[8] and "--except" in why[9] and "--except" in why[10], why
        assert it.sql("acts", "SELECT count(*) FROM act")[0][0] == 0
        code, done = report(it, path, "--class", "pristine", "--except", str(boxes), "--partial", "--condition", "30d")
        assert code == 0 and done["acts"] == 2 and len(done["refused"]) == 7
        listed = {t["trap"]: (t["class"], t["state"]) for t in it.json("trap", "list") if t["from"] == "act"}
        assert listed == {"a@shop.example": ("typo", "conditioning"), "b@shop.example": ("pristine", "conditioning")}, listed
        text = it.run("trap", "import", str(path), "--class", "pristine", "--partial", "--dry-run").stdout.decode()
        assert f"{path}:7: refused: anna@own.example: reserved" in text and "would be imported" in text
        # What is a trap already, armed and of that class, is no act; one that is conditioned is armed by it.
        path.write_text("a@shop.example typo\n")
        assert report(it, path)[1]["taken"] == 1 and report(it, path)[1]["already"] == 1
        for wrong in (["--class", "minted"], ["--form", "xml"], ["--except", str(it.top / "none")], ["--what"]):
            assert report(it, path, *wrong)[0] != 0, wrong


def test_csv(build):
    with Installation(build) as it:
        path = it.top / "traps.csv"
        path.write_bytes(b'"id","Class","e-mail","Email"\r\n1,typo,x,"a@shop.example"\r\n\r\n2,recycled,y,"b""q@shop.example"\r\n3,"pristine",z, c@shop.example \r\n')
        assert report(it, path)[1]["taken"] == 3
        assert traps(it) == {"a@shop.example": "typo", 'b"q@shop.example': "recycled", "c@shop.example": "pristine"}
        path.write_text("d@shop.example;typo\ne@shop.example;\n")
        code, text = report(it, path)
        assert code == USAGE and f"{path}:2: e@shop.example: no class" in text, text
        assert report(it, path, "--class", "typo")[1]["taken"] == 2
        path.write_text('f@shop.example,"typo\nwith a line end"\ng@shop.example,typo\nh@shop.example,"open')
        why = {r["line"]: r["address"] for r in report(it, path, "--dry-run")[1]["refused"]}
        assert why == {1: "f@shop.example", 4: "h@shop.example"}, why


def test_spamikaze(build):
    mysql = ("-- MySQL dump 10.19\n/*!40101 SET NAMES utf8 */;\nCREATE TABLE `emails` (\n  `ip` varchar(45) NOT NULL DEFAULT 'a;b',\n  KEY (`ip`)\n);\n"
             "INSERT INTO `blocklist` VALUES ('203.0.113.9','2024-01-01 00:00:00'),('203.0.113.10','2024-01-01 00:00:00');\n"
             "INSERT INTO `emails` VALUES ('203.0.113.9','2024-01-01 00:00:00',1,'" + MESSAGE.replace("\n", "\\n") + "'),\n"
             "('203.0.113.10','2024-01-01 00:00:00',0,'Delivered-To: <trap3@own.example>\\r\\nX: \\'quoted\\'\\r\\n\\r\\nbody'),('203.0.113.11',NULL,0,NULL);\n")
    pgsql = ("--\n-- PostgreSQL database dump\n--\nSET x = 'C:\\';\nCREATE FUNCTION f() AS $$ BEGIN END; $$;\nCOPY public.emails (ip, \"time\", email, spam) FROM stdin;\n"
             "203.0.113.9\t2024-01-01\t" + MESSAGE.replace("''", "'").replace("\t", "\\t").replace("\n", "\\n") + "\tt\n"
             "203.0.113.10\t\\N\tEnvelope-To: trap3@own.example\\n\\nbody\tf\n\\.\n"
             "INSERT INTO public.ipevents VALUES ('203.0.113.9', now(), 3);\n")
    for dump in (mysql, pgsql):
        with Installation(build) as it:
            path = it.top / "dump.sql"
            path.write_text(dump)
            code, text = report(it, path)
            assert code == USAGE and "no class" in text, text  # the table does not say what they were
            code, done = report(it, path, "--class", "recycled")
            assert code == 0, done
            assert set(traps(it)) == {"trap1@own.example", "trap2@own.example", "trap3@own.example"}, traps(it)
            assert done["taken"] == 3 and done["twice"] == 1 and done["left_out_rows"] in (1, 2) and done["left_out_tables"] in (["blocklist"], ["ipevents"]), done


def test_hostile_files(build):
    """Whatever is in the file: a report or one line, never a crash."""
    with Installation(build) as it:
        path = it.top / "x"
        files = [b"", b"\n", b"\0" * 100, b"\xff\xfe,\n", b'"', b'","', b"INSERT INTO", b"INSERT INTO t VALUES (", b"INSERT INTO `emails` VALUES ('", b"INSERT INTO emails VALUES (1,2,3,'Received: ",
                 b"INSERT INTO emails VALUES (" + b"1," * 1000 + b"'x@y.example')", b"COPY emails (email) FROM stdin;\n\\", b"COPY emails (email) FROM stdin;\n" + b"\t" * 1000,
                 b"INSERT INTO emails (" + b"email," * 100 + b"email) VALUES ('Delivered-To: a@b.example');", b"a" * 100000 + b"@b.example typo\n",
                 b"INSERT INTO emails VALUES (1,2,3,'" + b"Delivered-To: \x1b[31m@b.example\\n" * 3 + b"');", b"((((((((", b"'" * 99, b"--", b"COPY"]
        for data in files:
            for form in ("list", "csv", "sql", None):
                path.write_bytes(data)
                done = it.run("trap", "import", str(path), "--class", "typo", "--dry-run", "--json", *(["--form", form] if form else []), check=False)
                assert done.returncode == 0 and json.loads(done.stdout)["dry_run"], (data[:60], form, done)


def test_many(build):
    """As many traps as a large installation has: how long, how much memory (printed), and that they are in force."""
    with Installation(build) as it:
        path = it.top / "traps"
        path.write_text("".join(f"user{i}@shop{i % 1000}.example pristine\n" for i in range(120000)))
        start = time.monotonic()
        done = it.json("trap", "import", str(path))
        took = time.monotonic() - start
        assert done["taken"] == 120000
        start = time.monotonic()
        smtp = it.start("trapsmtp")
        ready = time.monotonic() - start
        memory = next(line for line in pathlib.Path(f"/proc/{smtp.pid}/status").read_text().splitlines() if line.startswith("VmRSS"))
        print(f"120,000 traps: import {took:.1f} s, trapsmtp serves after {ready:.2f} s, {memory}, snapshot {(it.dir / 'snap/traps').stat().st_size >> 10} kB")
        with it.smtp("175.16.199.37") as s:
            s.expect("MAIL FROM:<a@b.example>", 250)
            s.expect("RCPT TO:<user119999@shop999.example>", 250)
        start = time.monotonic()
        assert len(it.json("trap", "list")) == 120000
        child = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        print(f"the largest command used {child >> 10} MB; list {time.monotonic() - start:.1f} s")


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
