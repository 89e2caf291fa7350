"""What the command line shows of SMTP: marks, TLS, HELO, log-ins, counted messages, samples; and that an older installation is taken over."""
import contextlib
import ipaddress
import os
import pathlib
import re
import sqlite3
import sys

from testlib import Installation, Smtp, run_tests, wait_for

SOURCE = pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else ".")
HOSTILE = b"x\x1b[31m\"\n\x9b\xff\xe2\x80\xae\\"
STEERS = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]")
TRAPS = 'trap_domain "old.example" { class = "pristine" }\ntrap_domain "typo.example" { class = "typo"  unknown = "accept" }\n'
JA4 = b"t13d1516h2_8daaf6152771_e5627efa2ab1"


def shown(it, *words):
    """The text of a verb, none of which steers a terminal."""
    text = it.run(*words).stdout.decode("utf-8")
    assert not STEERS.search(text), (words, text)
    return text


def insert(it, table, **values):
    with contextlib.closing(sqlite3.connect(it.dir / "hits.db")) as db, db:
        db.execute(f"INSERT INTO {table} ({', '.join(values)}) VALUES ({', '.join('?' * len(values))})", list(values.values()))


def session(it, seq, client, **more):
    values = dict(seq=seq, at_us=1772366400000000 + seq, session=9007199254740993 + seq, client=ipaddress.ip_address(client).packed,
                  local=ipaddress.ip_address("192.0.2.7").packed, local_port=2525, duration_ms=1500, helo=b"pc", flags=0, commands=7, errors=2,
                  hits=1, refused_unknown=3, refused_relay=2, refused_limit=1, auth_attempts=0, attempt_class=0, attempt_address=b"")
    insert(it, "session", **{**values, **more})


def test_sessions(build):
    with Installation(build) as it:
        session(it, 1, "89.160.20.112", flags=1 << 11 | 1 << 26, helo=HOSTILE, helo_class=7, first_command_ms=12, auth_attempts=40,
                tls_version=0x0303, tls_cipher=b"ECDHE-RSA-AES256-GCM-SHA384", ja4=JA4, sni=HOSTILE, attempt_class=2, attempt_address=HOSTILE)
        insert(it, "auth", session_seq=1, n=0, mechanism=b"PLAIN", user=HOSTILE, secret=bytes(range(16)))
        insert(it, "auth", session_seq=1, n=1, mechanism=HOSTILE, user=b"", secret=b"")
        session(it, 2, "89.160.20.112", flags=1 << 22, ja4=JA4)
        session(it, 3, "89.160.20.113", flags=1 << 23)
        insert(it, "counter", sender=ipaddress.ip_address("89.160.20.112").packed, hour=492324, count=4711,
               first_us=1772366400000000, last_us=1772366400000001)
        doc = it.json("sender", "89.160.20.112")
        two, one = doc["sessions"]
        assert one["session"] == "9007199254740994" and one["local"] == "192.0.2.7:2525" and one["helo_class"] == "malformed", one
        assert one["marks"] == ["early_talk", "auth"] and one["first_command_ms"] == 12 and one["auth_attempts"] == 40, one
        assert one["tls"] == {"version": "1.2", "cipher": "ECDHE-RSA-AES256-GCM-SHA384", "ja4": JA4.decode(),
                              "server_name": one["tls"]["server_name"]} and "\\x1b[31m" in one["tls"]["server_name"], one
        assert one["auth"][0]["password_hash"] == bytes(range(16)).hex() and "\\x1b[31m\"\\x0a\\x9b\\xff" in one["auth"][0]["user"], one
        assert one["auth"][1]["user"] == "" and "password_hash" not in one["auth"][1], one
        assert one["attempt"]["class"] == "pristine" and one["refused_unknown"] == 3, one
        assert two["marks"] == ["tls_on_plain"] and two["first_command_ms"] is None and two["ja4"] == JA4.decode() and "tls" not in two, two
        assert doc["beyond_hourly_limit"][0]["messages"] == 4711 and doc["beyond_hourly_limit"][0]["hour"] == "2026-03-01T12:00:00Z", doc
        assert it.json("status")["counted"] == {"messages": 4711, "hours": 1}
        text = shown(it, "sender", "89.160.20.112")
        for part in ("marks: early_talk auth\n", "first command 12 ms after the greeting", "TLS 1.2 \"ECDHE-RSA-AES256-GCM-SHA384\", asked for \"",
                     "JA4 " + JA4.decode(), "tried to log in 40 times", "password #00010203\n", "(malformed)", "began a message to", "4711 messages",
                     "refused: 3 unknown, 2 to other domains, 1 by limits", "marks: tls_on_plain\n"):
            assert part in text, (part, text)
        assert r'as "x\x1b[31m\x22\x0a\x9b\xff\xe2\x80\xae\" by "PLAIN"' in text, text  # a quote that cannot end it
        assert "4711 messages beyond" in shown(it, "status")
        assert it.json("sender", "89.160.20.113")["sessions"][0]["marks"] == ["other_protocol"]
        assert "4711" in shown(it, "explain", "89.160.20.112")


def deliver(it, to, body):
    with Smtp(it.smtp_port) as s:
        s.expect(None, 220)
        s.expect("EHLO client.example", 250)
        s.expect("MAIL FROM:<a@b.example> RET=HDRS ENVID=x", 250)
        s.expect(f"RCPT TO:<{to}> NOTIFY=NEVER", 250)
        s.expect("DATA", 354)
        s.send(body + b".\r\n")
        assert s.reply()[0] == 250
        s.expect("QUIT", 221)


def test_samples(build):
    with Installation(build, config=TRAPS) as it:
        it.start("trapsmtp")
        wire = b"Subject: one\r\n\r\n..dot " + HOSTILE + b"\r\nlast\r\n"
        deliver(it, "a@old.example", wire)
        deliver(it, "b@old.example", wire.replace(b"one", b"two"))
        deliver(it, "a@typo.example", b"Subject: private\r\n\r\nsecret\r\n")
        wait_for("the samples", lambda: it.json("status")["samples"]["kept"] == 2)
        for hit in ("1", "2"):
            assert it.run("sample", hit, "--wire").stdout == wire, hit
            doc = it.json("sample", hit)
            assert doc["sample_of"] == 1 and doc["received_by"] == "DATA" and not doc["header_only"] and doc["bytes_on_the_wire"] == len(wire), doc
            assert doc["content"].startswith("Subject: one\\x0d\\x0a\\x0d\\x0a.dot x\\x1b[31m"), doc
        assert shown(it, "sample", "2") == 'Subject: one\n\n.dot x\\x1b[31m"\n\\x9b\\xff\\xe2\\x80\\xae\\\nlast\n'
        assert it.run("sample", "3", "--wire").stdout == b"Subject: private\r\n\r\n" and it.json("sample", "3")["header_only"]
        for words, says in ((["4"], "no hit 4"), (["0"], "not the number"), (["x"], "not the number"), ([], "usage"), (["1", "2"], "usage")):
            done = it.run("sample", *words, check=False)
            assert done.returncode == 64 and says in done.stderr.decode() and not done.stdout, (words, done)
        doc = it.json("sender", "127.0.0.1")
        assert [h["sample_of"] for h in doc["hits"]] == [3, 1, 1] and doc["hits"][1]["campaign"] == doc["hits"][2]["campaign"], doc
        assert doc["hits"][2]["dsn"] == "RET=HDRS ENVID=x" and doc["hits"][2]["recipients"][0]["dsn"] == "NOTIFY=NEVER", doc["hits"][2]
        assert "esmtp" in doc["hits"][2]["marks"] and doc["hits"][2]["local"] == f"127.0.0.1:{it.smtp_port}", doc["hits"][2]
        text = shown(it, "sender", "127.0.0.1")
        for part in ("`trapline sample 1`", "DSN \"RET=HDRS ENVID=x\"", "DSN \"NOTIFY=NEVER\"", "marks: esmtp"):
            assert part in text, (part, text)
        assert it.json("trace", "b@old.example")["hits"][0]["sample_of"] == 1


def make_old(it, name, number, rows):
    """The file as the first schema made it."""
    for path in it.dir.glob(name + ".db*"):
        path.unlink()
    with contextlib.closing(sqlite3.connect(it.dir / f"{name}.db")) as db:
        db.executescript(f"PRAGMA page_size = 4096; PRAGMA application_id = {0x54724c00 + number};\n"
                         + (SOURCE / "store/schema" / name / "001.sql").read_text() + f"\nINSERT INTO meta VALUES ('node', 1);\n{rows}\n"
                         "PRAGMA user_version = 1; PRAGMA journal_mode = WAL;")
    os.chmod(it.dir / f"{name}.db", 0o600)


def test_older_installation(build):
    with Installation(build, config=TRAPS) as it:
        make_old(it, "hits", 1, "INSERT INTO hit VALUES (1, 1772366400000000, 17, x'59a01470', x'c0000201', 25, x'68', x'', 4, 100, 200, 1, 2, "
                                "CAST('a@old.example' AS BLOB), 1); INSERT INTO session VALUES (1, 77000000, 17, x'59a01470', x'c0000201', 25, 9, "
                                "x'68', 2048, 1, 2, 3, 4, 5, 6, 7, 0, x'');")
        make_old(it, "samples", 2, "")
        done = it.run("sender", "89.160.20.112", check=False)
        assert done.returncode == 75 and "start trapsmtp once" in done.stderr.decode(), done
        it.start()
        deliver(it, "a@old.example", b"Subject: new\r\n\r\nnew\r\n")
        doc = it.json("sender", "89.160.20.112")
        assert doc["hits"][0]["hit"] == 1 and doc["hits"][0]["first_command_ms"] is None and doc["hits"][0]["recipients"][0]["address"] == "a@old.example", doc
        assert doc["sessions"][0]["auth_attempts"] == 7 and "auth" not in doc["sessions"][0] and doc["sessions"][0]["marks"] == ["early_talk"], doc
        wait_for("the fold has both", lambda: it.json("sender", "89.160.20.112")["evidence"] and it.json("status")["logs"][1]["folded"] == 2)
        wait_for("the sample", lambda: it.json("status")["samples"]["kept"] == 1)
        assert it.run("sample", "2", "--wire").stdout == b"Subject: new\r\n\r\nnew\r\n"
        assert "none was kept" in it.run("sample", "1", check=False).stderr.decode()


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
