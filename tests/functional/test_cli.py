"""The command line: right and wrong words, JSON whatever the bytes, acts, imports, keys, standard output that is full."""
import json
import os
import pathlib
import re
import shutil
import stat
import subprocess
import sys
import time

from testlib import Installation, run_tests, wait_for

VERBS = ["init", "run", "check", "status", "trace", "explain", "harvester", "sender", "sample", "postmaster", "trap", "allow", "deny", "submit", "delist", "taint", "revoke", "saves", "report", "probe", "policy", "replay", "dump", "rebuild", "keys", "demo"]
USAGE, IOERR, CANTCREAT, CONFIG = 64, 74, 73, 78


def plain(build, *words, **kw):
    return subprocess.run([f"{build}/bin/trapline", *words], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL, **kw)


def refused(done, code, *says):
    """One line that says what is wrong, a usage line at most behind it, nothing on standard output."""
    text = done.stderr if isinstance(done.stderr, str) else done.stderr.decode()
    assert done.returncode == code, (done.args, done.returncode, text)
    assert not done.stdout, done.stdout
    assert 1 <= len(text.splitlines()) <= 3, text
    for word in says:
        assert word in text, (word, text)


def test_help(build):
    everything = plain(build, "--help")
    assert everything.returncode == 0 and plain(build, "help").stdout == everything.stdout
    for verb in VERBS:
        assert f"\n  {verb} " in everything.stdout, verb
        told = plain(build, "help", verb)
        assert told.returncode == 0 and told.stdout.startswith(f"usage: trapline {verb} "), told
        assert plain(build, verb, "--help").stdout == told.stdout == plain(build, "--help", verb).stdout
        assert len(told.stdout.splitlines()) >= 5, told.stdout  # a summary and more than that
    assert plain(build).returncode == USAGE
    assert re.fullmatch(r"trapline \d+\.\d+\.\d+\n", plain(build, "--version").stdout)
    refused(plain(build, "help", "nonsense"), USAGE, "nonsense", "trapline --help")
    refused(plain(build, "nonsense"), USAGE, "nonsense", "trapline --help")


def test_wrong_words(build):
    with Installation(build) as it:
        for words in (["status", "x"], ["status", "--foo"], ["status", "--json=1"], ["trace"], ["trace", "word"], ["explain"], ["explain", "300.1.1.1"],
                      ["explain", "81.2.69.1/24"], ["explain", "1.2.3.4", "5.6.7.8"], ["harvester"], ["harvester", "a@b.example"], ["sender", "x"],
                      ["trap"], ["trap", "x"], ["trap", "add"], ["trap", "add", "a@b.example", "nonsense"], ["trap", "add", "word", "pristine"],
                      ["trap", "add", "a b@c.example", "pristine"], ["trap", "list", "x"], ["trap", "retire", "never@there.example"], ["allow"],
                      ["allow", "81.2.69.160"], ["allow", "81.2.69.160", "--why"], ["allow", "81.2.69.160", "--why", ""],
                      ["deny", "81.2.69.1/24", "--why", "x"], ["deny", "0.0.0.0/0", "--why", "x"], ["deny", "2000::/3", "--why", "x"],
                      ["deny", "127.0.0.1", "--why", "x"], ["dump", "--as-of", "yesterday"], ["rebuild", "--batch", "0"], ["keys"], ["keys", "import"],
                      ["run", "x"], ["check", "x"], ["demo", "x"]):
            refused(it.run(*words, check=False), USAGE)
        for until in ("2001-01-01", "2026-01-01T00:00:00Z" if time.time() > 1767225600 else "2020-01-01T00:00:00Z", "tomorrow", ""):
            refused(it.run("deny", "81.2.69.160", "--why", "x", "--until", until, check=False), USAGE, "--until", "2026-12-31")
        assert it.sql("acts", "SELECT count(*) FROM act")[0][0] == 0  # nothing of all that is on record
        refused(it.run("status", "-c", check=False, conf=False), USAGE, "-c needs a value")
        refused(plain(build, "status", env={"PATH": "/bin", "TRAPLINE_CONF": "/nowhere/t.conf"}), CONFIG, "/nowhere/t.conf", "trapline help init")
        assert plain(build, "-c", str(it.conf), "--json", "status").returncode == 0  # shared options may stand first


def test_init(build):
    with Installation(build) as it:
        top = it.top
        refused(plain(build, "init"), USAGE, "--dir")
        refused(plain(build, "init", "--dir", str(it.dir)), CANTCREAT, "never overwrites")
        refused(plain(build, "init", "--dir", f"{top}/n", "--domain", "a.example"), USAGE, "--hostname")
        for domain in ("a b.example", 'a".example', "nodot", "a..example", "-a.example", "x" * 64 + ".example", ""):
            refused(plain(build, "init", "--dir", f"{top}/n", "--domain", domain, "--hostname", "mx.a.example"), USAGE, "init: ")
        refused(plain(build, "init", "--dir", f"{top}/n", "--domain", "a.example", "--domain", "A.example", "--hostname", "mx.a.example"), USAGE)
        assert not (top / "n").exists()
        refused(plain(build, "init", "--dir", f"{top}/no/such/place"), CONFIG, "no/such/place")
        done = plain(build, "init", "--dir", "n", "--domain", "a.example", "--domain", "b.example", "--hostname", "mx.a.example", cwd=top)
        assert done.returncode == 0, done.stderr
        for path, mode in ((".", 0o711), ("trapline.conf", 0o640), ("keys", 0o700), ("keys/master.key", 0o600), ("keys/web.key", 0o600),
                           ("zones", 0o755), ("visits.db", 0o600), ("acts.db", 0o600)):
            assert stat.S_IMODE((top / "n" / path).stat().st_mode) == mode, (path, oct((top / "n" / path).stat().st_mode))
        told = plain(build, "check", "-c", f"{top}/n/trapline.conf")
        assert told.returncode == 0 and "b.example, minted" in told.stdout and "senders zones take no additions: guard" in told.stdout
        assert "shadow" in told.stdout


def test_check_kinds(build):
    zones = "".join(f'zone "{k}.trap.test" {{ kind = "{k}"  policy = "standard"  publish = "{p}" }}\n'
                    for k, p in (("senders4", "live"), ("senders6", "shadow"), ("senders", "live"), ("harvesters", "live"), ("combined", "shadow")))
    with Installation(build, zones=zones, guard="on", config='trap "a@b.example" { class = "typo" }\n'
                      'trap_domain "old.example" { class = "recycled" }') as it:
        text = it.run("check").stdout.decode()
        for said in ("senders4.trap.test: senders4 by policy standard, live", "combined.trap.test: combined by policy standard, shadow",
                     "harvesters.trap.test: harvesters", "old.example, recycled, unknown recipients accepted", "1 in the configuration", "guard"):
            assert said in text, (said, text)
        assert it.json("check")["ok"] is True
        it.conf.write_text(it.conf.read_text() + "foo = 1\n")
        done = it.run("check", "--json", check=False)
        assert done.returncode == CONFIG and json.loads(done.stdout)["ok"] is False, done


HOSTILE = b"\xff\xfe\x1b[31m\"\\u0000<b>\xe2\x80\xae\x7f%s{}'"


def test_json_of_hostile_bytes(build):
    """Every reading verb prints one valid JSON document, and no control character reaches a terminal."""
    with Installation(build) as it:
        it.start()
        it.get("/a%ff%1b%22\\'<b>{}", "89.160.20.112", agent=HOSTILE.replace(b"\x1b", b"\x01").replace(b"\x7f", b"").decode("latin-1"))
        address = it.get("/", "89.160.20.112", agent="plain")[2]
        address = re.search(rb"mailto:([^\"]+)\"", address).group(1).decode()
        with it.smtp("175.16.199.37") as s:
            s.command(b'HELO "\xff\x1b[31m\\"\r\n')
            s.command(b"HELO x<\"'\\>\r\n")
            s.expect('MAIL FROM:<"a\\"\\\\ {}<b>"@b.example>', 250)
            s.expect(f"RCPT TO:<{address}>", 250)
            s.expect("DATA", 354)
            s.send(b"Subject: " + HOSTILE + b"\r\n\r\n\0\xff\r\n.\r\n")
            assert s.reply()[0] == 250
        it.run("deny", "5.5.5.5", "--why", "\x1b\udcff\"", check=True)
        wait_for("the fold takes it in", lambda: it.json("sender", "175.16.199.37")["evidence"])
        for words in (["explain", "175.16.199.37"], ["explain", "89.160.20.112"], ["explain", "::1"], ["explain", address], ["trace", address],
                      ["harvester", "89.160.20.112"], ["sender", "175.16.199.37"], ["status"], ["trap", "list"], ["check"], ["dump"]):
            text = it.run(*words, "--json").stdout
            json.loads(text)
            for out in (text, it.run(*words).stdout):
                shown = out.decode("utf-8")
                assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", shown), (words, shown)


def test_full_output(build):
    with Installation(build) as it, open("/dev/full", "w") as full:
        for words in (["--help"], ["help", "init"], ["--version"]):
            assert subprocess.run([f"{build}/bin/trapline", *words], stdout=full, stderr=subprocess.PIPE).returncode == IOERR, words
        for words in (["status"], ["status", "--json"], ["check"], ["dump"], ["explain", "1.2.3.4"], ["explain", "1.2.3.4", "--json"]):
            done = subprocess.run([f"{build}/bin/trapline", *words, "-c", str(it.conf)], stdout=full, stderr=subprocess.PIPE)
            assert done.returncode == IOERR and done.stderr.count(b"\n") == 1, (words, done)
        done = subprocess.run([f"{build}/bin/trapline", "keys", "export", "-c", str(it.conf)], stdout=full, stderr=subprocess.PIPE,
                              input=b"a long passphrase\n")
        assert done.returncode == IOERR, done


def test_keys_export(build):
    with Installation(build) as it:
        out = it.top / "sealed"
        refused(it.run("keys", "export", "--out", str(out), input=b"short\n", check=False), USAGE, "12 characters")
        refused(it.run("keys", "export", "--out", str(out), input=b"", check=False), USAGE, "passphrase")
        assert not out.exists()
        it.run("keys", "export", "--out", str(out), input=b"correct horse battery\n")
        first = out.read_bytes()
        master = (it.dir / "keys/master.key").read_text()
        assert stat.S_IMODE(out.stat().st_mode) == 0o600
        for secret in re.findall(r"[A-Za-z0-9+/=]{40,}", master):
            assert secret.encode() not in first
        refused(it.run("keys", "export", "--out", str(out), input=b"correct horse battery\n", check=False), CANTCREAT, "not overwritten")
        assert out.read_bytes() == first
        assert it.run("keys", "export", input=b"correct horse battery\n").stdout != first  # a salt of its own each time
        assert [row[0] for row in it.sql("acts", "SELECT who FROM act")] == [it.sql("acts", "SELECT who FROM act")[0][0]] * 2


def test_acts_end(build):
    with Installation(build) as it:
        it.run("deny", "175.16.199.37", "--why", "x", "--until", "2099-01-01")
        it.run("deny", "175.16.199.38", "--why", "x")
        zone = it.json("sender", "175.16.199.37")["zones"][0]
        assert (zone["state"], zone["reason"], zone["until"]) == ("listed", "deny", "2099-01-01T00:00:00Z"), zone
        assert it.json("sender", "175.16.199.38")["zones"][0]["until"] is None
        it.run("allow", "175.16.199.0/24", "--why", "y")
        assert it.json("sender", "175.16.199.37")["zones"][0]["kept_off_by"] == "allow"


def test_import(build):
    with Installation(build) as it:
        lines = it.top / "traps"
        for bad in ("sales@shop.example", "sales@shop.example nonsense", "nodot pristine", "a@b@c.example typo", "\x01@b.example typo", "@b.example typo"):
            lines.write_text("good@shop.example pristine\n" * 150 + f"# a comment\n\n{bad}\n")  # more than one transaction holds
            refused(it.run("trap", "import", str(lines), check=False), USAGE, f"{lines}:153:", "nothing was imported")
        assert it.json("trap", "list") == [] and not (it.dir / "snap/traps").exists()
        refused(it.run("trap", "import", str(it.top / "none"), check=False), CONFIG, "No such file")
        refused(it.run("trap", "import", str(it.top), check=False), IOERR, "directory")
        lines.write_bytes(b"good@shop.example pristine # why\r\n\told-brand.example\t recycled\n")
        it.run("trap", "import", str(lines))
        assert {(t["trap"], t["class"]) for t in it.json("trap", "list")} == {("good@shop.example", "pristine"), ("old-brand.example", "recycled")}


def test_import_many(build):
    with Installation(build) as it:
        it.start("trapsmtp")
        lines = it.top / "traps"
        lines.write_text("".join(f"user{i}@shop{i % 100}.example pristine\n" for i in range(100000)))
        start = time.monotonic()
        it.run("trap", "import", str(lines))
        took = time.monotonic() - start

        def accepted(address):
            with it.smtp("175.16.199.37") as s:
                s.expect("MAIL FROM:<a@b.example>", 250)
                return s.command(f"RCPT TO:<{address}>")[0] == 250

        wait_for("the import is in force", lambda: accepted("user99999@shop99.example"))
        it.run("trap", "add", "late@shop.example", "typo")
        wait_for("a new trap is in force", lambda: accepted("late@shop.example"))
        it.run("trap", "retire", "late@shop.example")
        wait_for("and out of force", lambda: not accepted("late@shop.example"))
        print(f"import of 100,000: {took:.1f} s")


def test_root_acts_as_owner(build):
    """Commands of root leave no file that the daemons' user cannot read."""
    if os.geteuid() != 0:
        return
    env = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}  # a leak checker cannot look into a process that changed its user
    with Installation(build) as it:
        subprocess.run(["chown", "-R", "nobody", str(it.dir)], check=True)
        sealed = it.top / "sealed"
        for words in (["trap", "add", "a@shop.example", "typo"], ["status"], ["rebuild"], ["explain", "1.2.3.4"]):
            it.run(*words, env=env)
        it.run("keys", "export", "--out", str(sealed), input=b"correct horse battery\n", env=env)
        assert sealed.stat().st_uid == 0
        owners = {p: p.stat().st_uid for p in it.dir.rglob("*")}
        assert 0 not in owners.values(), owners


def test_manuals(build):
    conf = f"{build}/docs/man/trapline.conf.5"
    main = pathlib.Path(__file__).resolve().parents[2] / "docs/man/trapline.1"
    text = main.read_text()
    for verb in VERBS:
        assert verb in text, verb
    if not os.path.exists(conf) or not shutil.which("groff"):
        return
    for page in (conf, main):
        done = subprocess.run(["groff", "-ww", "-man", "-Tutf8", page], capture_output=True, timeout=60)
        assert done.returncode == 0 and not done.stderr, done.stderr.decode()


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
