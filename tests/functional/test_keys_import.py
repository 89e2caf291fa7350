"""A sealed copy brings lost keys back: addresses are known again, no key is overwritten, and no address is made twice."""
import os
import pwd
import shutil
import subprocess
import sys

from testlib import Installation, extract, run_tests

PASSPHRASE = b"correct horse battery\n"
USAGE, CANTCREAT, TEMPFAIL, NOPERM, CONFIG = 64, 73, 75, 77, 78
CLIENT = "81.2.69.160"


def export(it):
    path = it.top / "sealed"
    it.run("keys", "export", "--out", str(path), input=PASSPHRASE)
    return path


def refused(it, sealed, code, says, passphrase=PASSPHRASE):
    done = it.run("keys", "import", str(sealed), input=passphrase, check=False)
    assert done.returncode == code and says in done.stderr.decode(), (done.returncode, done.stderr)


def test_addresses_are_known_again(build):
    with Installation(build) as it:
        web = it.start("trapweb")
        address = extract(it.get(client=CLIENT)[2])[0]
        sealed = export(it)
        keys = {p.name: p.read_bytes() for p in (it.dir / "keys").iterdir()}
        assert b"already" in it.run("keys", "import", str(sealed), input=PASSPHRASE).stdout
        it.stop(web)
        shutil.rmtree(it.dir / "keys")
        refused(it, sealed, NOPERM, "passphrase is wrong", b"another horse battery\n")
        refused(it, sealed, USAGE, "no passphrase", b"")
        refused(it, it.conf, NOPERM, "no sealed copy")
        refused(it, it.top / "nowhere", CONFIG, "No such file")
        assert not (it.dir / "keys").exists()
        told = it.run("keys", "import", str(sealed), input=PASSPHRASE).stdout
        assert b"are back" in told and b"epoch" not in told, told
        assert keys == {p.name: p.read_bytes() for p in (it.dir / "keys").iterdir()}
        assert (it.dir / "keys/master.key").stat().st_mode & 0o777 == 0o600
        assert it.json("trace", address)["outcome"] == "resolved"
        (it.dir / "keys/web.key").unlink()
        it.run("keys", "import", str(sealed), input=PASSPHRASE)
        assert keys["web.key"] == (it.dir / "keys/web.key").read_bytes()


def test_never_twice(build):
    """Only keys and configuration are left: a new store begins in another epoch than the lost one."""
    with Installation(build) as it, Installation(build) as other:
        web = it.start("trapweb")
        first = extract(it.get(client=CLIENT)[2])
        it.stop(web)
        sealed = export(it)
        refused(other, sealed, CANTCREAT, "not overwritten")
        shutil.rmtree(other.dir / "keys")
        web = it.start("trapweb")  # of another installation: no hindrance
        told = other.run("keys", "import", str(sealed), input=PASSPHRASE).stdout
        assert b"epoch 2 from now on" in told, told
        other.start("trapweb")
        again = extract(other.get(client=CLIENT)[2])
        assert again and not set(first) & set(again), (first, again)
        assert other.json("trace", again[0])["epoch"] == 2
        shutil.rmtree(other.dir / "keys")  # while trapweb runs
        done = other.run("keys", "import", str(sealed), input=PASSPHRASE, check=False)
        assert done.returncode == 0, done.stderr  # a visit is on record: nothing to raise


def test_trapweb_in_the_way(build):
    with Installation(build) as it:
        it.start("trapweb")
        sealed = export(it)
        shutil.rmtree(it.dir / "keys")
        refused(it, sealed, TEMPFAIL, "visits.lock")
        assert not (it.dir / "keys/master.key").exists()


def test_root_acts_as_owner(build):
    if os.getuid() != 0:
        return
    env = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}
    with Installation(build) as it:
        sealed = export(it)
        shutil.rmtree(it.dir / "keys")
        subprocess.run(["chown", "-R", "nobody", str(it.dir)], check=True)
        it.run("keys", "import", str(sealed), input=PASSPHRASE, env=env)
        assert {p.stat().st_uid for p in it.dir.rglob("*")} == {pwd.getpwnam("nobody").pw_uid}


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
