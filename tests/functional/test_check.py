"""`trapline check` says before a start what would keep a daemon from starting, all of it, and what else should be known."""
import grp
import os
import pwd
import shutil
import subprocess
import sys

from testlib import Installation, run_tests, skip, wait_for

CONFIG = 78


# A leak checker cannot look into a process that changed its user.
NO_LEAKS = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}


def check(it, env=None):
    done = it.run("check", check=False, env=env)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def problems(it, *says, env=None):
    """Exit 78, and each of `says` in a line of its own; a daemon would not have started either."""
    code, out, err = check(it, env)
    lines = err.splitlines()
    assert code == CONFIG and "would not start" in out, (code, out, err)
    assert len(lines) == len(says) and all(line.startswith("trapline: ") for line in lines), err
    for line, words in zip(lines, says):
        assert all(word in line for word in words), (line, words)
    doc = it.run("check", "--json", check=False, env=env)
    assert doc.returncode == CONFIG and b'"ok": false' in doc.stdout


def expired_certificate(top):
    """Key and certificate in one text; only `openssl ca` sets the dates."""
    if shutil.which("openssl") is None:
        skip("there is no openssl")
    (top / "index").touch()
    (top / "serial").write_text("01\n")
    (top / "ca.cnf").write_text(f"[ca]\ndefault_ca = d\n[d]\ndatabase = {top}/index\nserial = {top}/serial\nnew_certs_dir = {top}\n"
                                "default_md = sha256\npolicy = p\n[p]\ncommonName = supplied\n")
    for words in (["req", "-newkey", "rsa:2048", "-nodes", "-keyout", "key", "-out", "req", "-subj", "/CN=old.example"],
                  ["ca", "-batch", "-config", "ca.cnf", "-selfsign", "-keyfile", "key", "-in", "req", "-out", "cert", "-notext",
                   "-startdate", "20200101000000Z", "-enddate", "20210101000000Z"]):
        subprocess.run(["openssl", *words], cwd=top, check=True, capture_output=True, timeout=60)
    return (top / "key").read_text(), (top / "cert").read_text()


def test_right(build):
    with Installation(build, tls=True) as it:
        code, out, err = check(it)
        assert code == 0 and err == "" and "no mistakes found" in out, (out, err)
        assert f"certificates   {it.dir}/tls/ecdsa.pem: mx.trap.test, until 20" in out, out
        doc = it.json("check")
        assert doc["ok"] and doc["problems"] == [] and len(doc["certificates"]) == 2, doc
        shutil.rmtree(it.dir / "tls")
        assert "mind           there is no certificate, so STARTTLS is not offered; `trapline keys tls`" in check(it)[1]
        shutil.move(it.dir, it.top / "away")
        it.conf = it.top / "away/trapline.conf"
        code, out, err = check(it)
        assert code == 0 and "`trapline init` makes an installation" in out, (out, err)


def test_certificates(build):
    with Installation(build, smtp='tls_certificates = {"@"}') as it:
        path = it.top / "mx.pem"
        it.conf.write_text(it.conf.read_text().replace("@", str(path)))
        key, cert = expired_certificate(it.top)
        other = subprocess.run(["openssl", "genrsa", "2048"], check=True, capture_output=True, text=True, timeout=60).stdout
        for text, says in ((None, "No such file"), ("", "no certificate"), (cert, "no private key"), (key, "no certificate"),
                           (other + cert, "private key"), (cert[:100] + key, "no certificate")):
            path.unlink(missing_ok=True)
            if text is not None:
                path.write_text(text)
                path.chmod(0o600)
            problems(it, ("tls_certificates", str(path), says))
            done = subprocess.run([f"{it.bin}/trapsmtp", "-c", str(it.conf)], capture_output=True, text=True, timeout=60)
            assert done.returncode == CONFIG and says in done.stderr, (says, done.stderr)
        for text in (key + cert, cert + key):
            path.write_text(text)
            path.chmod(0o600)
            code, out, err = check(it)
            assert code == 0 and f"mind           {path}: the certificate has expired (2021-01-01)" in out, (out, err)
        path.chmod(0o644)
        assert f"chmod 600 {path}" in check(it)[1]
        it.start("trapsmtp")
        wait_for("a word about it", lambda: "the certificate has expired" in it.log(), 60)


def test_files_and_names(build):
    with Installation(build) as it:
        good = it.conf.read_text()
        somebody = next(p.pw_name for p in pwd.getpwall() if p.pw_uid != os.getuid())
        no_group = "no-such-group"
        assert no_group not in [g.gr_name for g in grp.getgrall()]
        for text, says in (('user = "no-such-user"', [("no user", "no-such-user")]),
                           (f'user = "{somebody}"', [("user", "chown -R", str(it.dir))]),
                           ('never_list_files = {"/no/such.list"}', [("/no/such.list", "No such file")]),
                           ('crawler_files = {"/no/such.list"}', [("/no/such.list", "No such file")]),
                           ('trap_file = "/no/such.traps"', [("trap_file", "/no/such.traps")]),
                           (f'trap_file = "{it.dir}"  never_list_files = {{"/no/such.list"}}', [("/no/such.list",), ("trap_file", str(it.dir))])):
            if text.startswith("user") and os.getuid() != 0:
                continue
            it.conf.write_text(text + "\n" + good)
            problems(it, *says)
        it.conf.write_text(good.replace("smtp {", f'smtp {{ socketmap_listen = "{it.dir}/no/map"  socketmap_group = "{no_group}"'))
        problems(it, ("folder", f"{it.dir}/no"), ("group", no_group))
        it.conf.write_text(good.replace("smtp {", 'smtp { tls_listen = {"127.0.0.1:1465"}'))
        problems(it, ("tls_listen", "keys tls"))
        it.conf.write_text(good.replace(f"{it.dir}/zones", "/no/such/zones"))
        problems(it, ("export.dir", "/no/such/zones", "No such file"))
        it.conf.write_text(good.replace("node_id = 1", "node_id = 2"))
        problems(it, ("web.key", "of node 1", "node_id is 2"))
        it.conf.write_text(good.replace(f'smtp {{ listen = {{"127.0.0.1:{it.smtp_port}"}}', "smtp {"))
        assert "so no mail is taken" in check(it)[1]
        shutil.rmtree(it.dir / "zones")  # trapexport makes it
        it.conf.write_text(good)
        assert check(it)[0] == 0
        (it.dir / "keys/master.key").chmod(0o640)
        (it.dir / "keys/web.key").unlink()
        problems(it, ("master.key", "chmod 600"), ("web.key", "No such file"))


def test_root_looks_as_owner(build):
    """What root could write to and the daemons could not."""
    if os.getuid() != 0:
        return
    with Installation(build) as it:
        subprocess.run(["chown", "-R", "nobody", str(it.dir)], check=True)
        (it.top / "spool").mkdir(mode=0o755)
        it.conf.write_text(it.conf.read_text().replace("smtp {", f'smtp {{ socketmap_listen = "{it.top}/spool/map"'))
        problems(it, ("socketmap_listen", f"{it.top}/spool", "Permission denied"), env=NO_LEAKS)
        os.chown(it.top / "spool", pwd.getpwnam("nobody").pw_uid, -1)
        assert check(it, NO_LEAKS)[0] == 0
        os.chown(it.dir / "zones", 0, 0)
        problems(it, ("export.dir", "Permission denied"), env=NO_LEAKS)


def test_disk(build):
    with Installation(build, config='store { free_min = "1024G" }\n') as it:
        free = os.statvfs(it.dir)
        if free.f_bavail * free.f_frsize < 1 << 40:
            code, out, err = check(it)
            assert code == 0 and "store.free_min is 1073741824 kB: mail gets 452" in out, (out, err)


def test_init_says_more(build):
    """A directory that an init left half made; and whose the installation is."""
    with Installation(build) as it:
        again = ["init", "--dir", str(it.dir)]
        assert b"trapline run -c" in it.run(*again, conf=False, check=False).stderr
        it.conf.unlink()
        done = it.run(*again, conf=False, check=False)
        assert b"empty this one" in done.stderr and b"trapline run" not in done.stderr, done.stderr
        if os.getuid() != 0:
            return
        nobody = pwd.getpwnam("nobody")
        folder = it.top / "theirs"
        folder.mkdir()
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        words = ["--domain", "trap.example", "--hostname", "mx.trap.example", "--tls", "off"]
        subprocess.run([f"{it.bin}/trapline", "init", "--dir", str(folder), *words], check=True, user="nobody", capture_output=True, timeout=60)
        assert '\nuser      = "nobody"\n' in (folder / "trapline.conf").read_text()
        assert b"belongs to root" in it.run("init", "--dir", str(it.top / "ours"), *words, conf=False).stdout


def test_status_and_reports_say_so(build):
    """What is not right, what waits to be read, what came last; what is not in the evidence yet; what a static trap is."""
    with Installation(build, guard="on", config='trap "old@shop.example" { class = "recycled" }\n') as it:
        path = it.top / "networks"
        told = it.run("status").stdout.decode()
        assert "guard     missing: 0 networks" in told and "additions" not in told and "newest" not in told and "to read" not in told, told
        it.start("trapsmtp", "trapweb")
        assert it.get(client="81.2.69.160")[0] == 200
        assert "the 1 newest visit of all" in it.run("harvester", "81.2.69.160").stdout.decode()
        for to in ("old@shop.example", "postmaster@trap.test"):
            it.mail(to, client="89.160.20.112")
        told = it.run("status").stdout.decode()
        assert "newest     hit 1 at 20" in told and " from 89.160.20.112\n" in told, told
        assert "postmaster 1 message to read" in told, told
        told = it.run("explain", "89.160.20.112").stdout.decode()
        assert "not in the evidence yet: the 1 newest message of all" in told and "none of its messages counts so far" in told, told
        it.run("trap", "add", "gone@shop.example", "typo")
        it.run("trap", "retire", "gone@shop.example")
        for address, says in (("old@shop.example", "a static trap, class recycled"), ("gone@shop.example", "retired"),
                              ("postmaster@trap.test", "mail to postmaster"), ("nobody@shop.example", "a guess, or none of ours")):
            told = it.run("trace", address).stdout.decode()
            assert says in told, (address, told)
        for words in (["add", "trap.test", "typo"], ["retire", "TRAP.test"]):
            done = it.run("trap", *words, check=False)
            assert done.returncode == 64 and b"minted trap_domain" in done.stderr, (words, done)
        it.run("deny", "89.160.20.0/24", "--why", "test")
        it.start("trapexport")
        wait_for("the fold", lambda: "not_folded" not in it.json("sender", "89.160.20.112"), 60)
        assert "was given bait 1 time," in it.run("harvester", "81.2.69.160").stdout.decode()
        told = it.run("explain", "89.160.20.112").stdout.decode()
        assert "the guard is missing: the zone takes no additions" in told, told
        it.conf.write_text(f'guard_files = {{"{path}"}}\n' + it.conf.read_text())
        path.write_text("192.0.2.0/24\n")
        for words in (["explain", "89.160.20.112"], ["status"]):
            told = it.run(*words).stdout.decode()
            assert "guard is missing" not in told and "additions" not in told, told


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
