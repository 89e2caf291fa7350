"""The life of a trap in the sink, imports, submissions, the lock of removals, saves; and taints from the command to the zone and back."""
import json
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from clocklib import Clock  # noqa: E402
from testlib import Installation, recipe_address, run_tests, wait_for  # noqa: E402

USAGE, TEMPFAIL = 64, 75
DAY = 86400


def rcpt(it, address):
    with it.smtp("175.16.199.37") as s:
        s.expect("MAIL FROM:<a@b.example>", 250)
        return s.command(f"RCPT TO:<{address}>")


def traps(it, *words):
    return {t["trap"]: t for t in it.json("trap", "list", *words)}


def test_life(build):
    """Refused like an unknown recipient, then kept without listing anybody, then armed; all by the daemon's own clock."""
    with Installation(build) as it:
        clock = Clock(build, it)
        it.start("trapsmtp", env=clock.env)
        it.run("trap", "add", "other@old.example", "pristine")
        done = it.run("trap", "add", "sales@old.example", "recycled", "--condition", "10d", "--observe", "2d", "--by", "jane", "--why", "brand sold")
        assert b"1 on record" in done.stdout
        wait_for("the traps are there", lambda: rcpt(it, "other@old.example")[0] == 250)
        assert rcpt(it, "sales@old.example") == rcpt(it, "nobody@old.example") and rcpt(it, "nobody@old.example")[0] == 550
        assert traps(it)["sales@old.example"]["state"] == "conditioning" and traps(it)["sales@old.example"]["until"] is not None
        assert it.json("explain", "sales@old.example")["state"] == "conditioning" and b"conditioning" in it.run("explain", "sales@old.example").stdout
        names = it.run("check-map", "-", input=b"sales@old.example\n", check=False)
        assert names.returncode == 1 and b"a static trap" in names.stdout, names
        clock.later(10 * DAY + 5)
        wait_for("it is observed", lambda: rcpt(it, "sales@old.example")[0] == 250)
        assert it.mail("sales@old.example", "89.160.20.1") == 250
        clock.later(2 * DAY)

        def armed():
            assert it.mail("sales@old.example", "89.160.20.2") == 250
            return it.sql("hits", "SELECT class FROM hit ORDER BY seq DESC LIMIT 1") == [(3,)]
        wait_for("it is armed", armed)
        assert it.mail("other@old.example", "89.160.20.3") == 250
        classes = set(it.sql("hits", "SELECT hex(sender), class FROM hit"))
        assert {("59A01401", 3 | 32), ("59A01402", 3), ("59A01403", 2)} <= classes and ("59A01401", 3) not in classes, classes
        it.run("rebuild")
        assert [e["class"] for e in it.json("sender", "89.160.20.1")["evidence"]] == ["observed"]
        assert it.json("sender", "89.160.20.1")["hits"][0]["recipients"][0]["observed"] is True
        assert "recycled" in [e["class"] for e in it.json("sender", "89.160.20.2")["evidence"]]
        assert it.sql("acts", "SELECT who, why FROM act WHERE CAST(detail AS TEXT) = 'recycled condition=864000 observe=172800'") == [(b"jane", b"brand sold")]
        it.run("trap", "retire", "sales@old.example")
        assert "sales@old.example" not in traps(it) and traps(it, "--all")["sales@old.example"]["state"] == "retired"
        wait_for("it is retired", lambda: rcpt(it, "sales@old.example") == rcpt(it, "nobody@old.example"))


def test_configured_life(build):
    with Installation(build, config='trap_conditioning = "365d"\ntrap_observing = "30d"\n') as it:
        it.run("trap", "add", "a@old.example", "recycled")
        it.run("trap", "add", "b@old.example", "pristine")
        it.run("trap", "add", "c@old.example", "recycled", "--condition", "0")
        assert {t: v["state"] for t, v in traps(it).items()} == {"a@old.example": "conditioning", "b@old.example": "armed", "c@old.example": "observing"}
        assert list(traps(it, "--state", "observing")) == ["c@old.example"]
        it.run("trap", "add", "a@old.example", "recycled", "--condition", "0", "--observe", "0")
        assert traps(it)["a@old.example"]["state"] == "armed"
        for wrong in (["add", "a@b.example", "typo", "--condition", "soon"], ["add", "a@b.example", "typo", "--observe", "99999d"], ["list", "--state", "x"],
                      ["taint", "a@old.example"], ["taint", "nobody@nowhere.example", "--why", "x"]):
            assert it.run("trap", *wrong, check=False).returncode == USAGE, wrong
        it.run("trap", "taint", "b@old.example", "--why", "signed up")
        assert traps(it)["b@old.example"]["state"] == "tainted" and it.json("taint", "list")[0]["subject"] == "trap=b@old.example"
        it.run("revoke", str(it.json("taint", "list")[0]["act"]), "--why", "a mistake")
        assert traps(it)["b@old.example"]["state"] == "armed" and it.json("taint", "list") == []


def listed(it, ip, kind="senders"):
    rows = it.json("sender" if kind == "senders" else "harvester", ip)["zones"]
    return bool(rows) and rows[0]["state"] == "listed"


def test_taints(build):
    """From a mail to the zone, out of it by a taint, back by a revoke; a dump tells the same each time."""
    policy = ('policy "test" { preset = "aggressive"  listing_delay = "0"  harvesters { senders = 1  addresses = 1 } }\n'
              'zone "bl.trap.test" { kind = "combined"  policy = "test"  publish = "live" }\n')
    with Installation(build, zones=policy, config='trap "sales@shop.example" { class = "pristine" }\n') as it:
        daemons = it.start()
        shown = recipe_address(it.get("/leaked%20page", "81.2.69.160", host="www.one.example")[2])
        other = recipe_address(it.get("/fine", "89.160.20.112", host="www.two.example")[2])
        assert it.mail([shown, "sales@shop.example"], "175.16.199.1") == 250
        assert it.mail(shown.replace("@", "@"), "175.16.199.2") == 250
        assert it.mail(other, "175.16.199.3") == 250
        wait_for("all three are listed", lambda: all(listed(it, f"175.16.199.{i}") for i in (1, 2, 3)))
        wait_for("the harvester is listed", lambda: listed(it, "81.2.69.160", "harvesters"))
        time.sleep(1.1)
        before = it.run("dump", "--as-of", time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())).stdout

        page = it.json("harvester", "81.2.69.160")["newest_visits"][0]["page"]

        def state():
            return [listed(it, f"175.16.199.{i}") for i in (1, 2, 3)] + [listed(it, "81.2.69.160", "harvesters"), listed(it, "89.160.20.112", "harvesters")]

        for words, then in ((["site=www.one.example"], [True, False, True, False, True]),
                            ([f"page={page}", "visited-from=2020-01-01"], [True, False, True, False, True]),
                            ([f"trap={shown}"], [True, False, True, False, True]),
                            (["trap=sales@shop.example"], [True, True, True, True, True]),
                            (["harvester=89.160.20.0/24"], [True, True, False, True, False]),
                            (["node=1"], [False, False, False, False, False]),
                            (["from=2020-01-01", "to=2099-01-01"], [False, False, False, False, False]),
                            (["visit=1/99"], [True, True, True, True, True])):
            done = json.loads(it.run("taint", *words, "--why", "a test: \x07", "--by", "jane", "--json").stdout)
            wait_for(f"taint {words}", lambda: state() == then)
            shows = [r.get("tainted", False) for r in it.json("sender", "175.16.199.2")["hits"][0]["recipients"]]
            assert shows == [not then[1]], (words, shows)
            assert b"www." not in it.run("taint", "list", "--notices").stdout and b"sales" not in it.run("taint", "list", "--notices").stdout
            it.run("revoke", str(done["act"]), "--why", "the test is over")
            wait_for("it is taken back", lambda: state() == [True] * 5)
        subjects = [row[0] for row in it.sql("acts", "SELECT subject FROM act WHERE kind = 6 ORDER BY seq")]
        assert subjects[2] == b"visit=1/1 slot=0", subjects  # a minted address is its visit and slot
        assert it.json("taint", "list") == []
        for wrong in (["x"], ["colour=red"], ["node=0"], ["slot=1"], ["trap="], ["site=a", "site=b"], ["from=now"], []):
            assert it.run("taint", *wrong, "--why", "x", check=False).returncode == USAGE, wrong
        assert it.run("taint", "node=1", check=False).returncode == USAGE
        # Before the first taint, and without any: the same bytes; a rebuild is the same, too.
        as_of = before.splitlines()[0].split(b"as_of=")[1].decode()
        text = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(int(as_of) / 1e6))
        assert it.run("dump", "--as-of", text).stdout == before
        it.run("taint", "site=www.one.example", "--why", "for good")
        wait_for("the last one", lambda: state() == [True, False, True, False, True])
        assert it.run("dump", "--as-of", text).stdout == before
        assert it.stop(daemons) == 0
        late = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 5))
        tainted = it.run("dump", "--as-of", late).stdout
        it.run("rebuild")
        assert it.run("dump", "--as-of", late).stdout == tainted and b"175.16.199.2 " not in tainted


def test_submit(build):
    zones = ('policy "asks" { preset = "aggressive"  listing_delay = "0"  submissions = "on" }\npolicy "none" { preset = "aggressive" }\n'
             'zone "a.trap.test" { kind = "senders"  policy = "asks"  publish = "live" }\nzone "n.trap.test" { kind = "senders"  policy = "none"  publish = "live" }\n')
    with Installation(build, zones=zones, config='never_list = {"81.2.69.192/28"}\n') as it:
        it.start("trapexport")
        assert b"trusted person" in it.run("policy", "show", "asks").stdout and b"trusted" not in it.run("policy", "show", "none").stdout
        assert it.json("policy", "show", "asks")["submissions"] == "on" and it.json("policy", "show", "none")["submissions"] == "off"
        assert b"No policy" not in it.run("submit", "81.2.70.9", "--for", "1h", "--why", "x").stdout
        done = json.loads(it.run("submit", "81.2.69.0/24", "--for", "7d", "--by", "jane", "--why", "ticket 4711", "--json").stdout)
        assert done["by"] == "jane" and done["until"] is not None
        rows = {z["zone"]: z for z in it.json("sender", "81.2.69.9")["zones"]}
        assert (rows["a.trap.test"]["state"], rows["a.trap.test"]["reason"]) == ("listed", "submit") and rows["n.trap.test"]["state"] != "listed"
        zone = wait_for("it is published", lambda: next((p.read_text() for p in (it.dir / "zones/current").glob("a.trap.test*") if "81.2.69.0" in p.read_text()), None))
        assert "81.2.69.208/28" in zone and "81.2.69.192" not in zone
        saves = it.json("saves")
        assert saves["counts"] == {"never-list": 1} and saves["saves"][0]["entry"] == "81.2.69.192/28" and saves["saves"][0]["reason"] == "submit"
        assert saves["saves"][0]["since"] is not None and b"kept off by never-list 81.2.69.192/28" in it.run("saves").stdout
        assert it.json("saves", "--by-list", "guard")["saves"] == []
        status = it.json("status")
        assert status["saves"] == 1 and status["taints"] == 0 and b"1 on record" in it.run("status").stdout, status
        it.run("revoke", str(done["act"]), "--why", "wrong network")
        wait_for("it is gone", lambda: not any("81.2.69.0" in p.read_text() for p in (it.dir / "zones/current").glob("a.trap.test*")))
        assert it.json("saves")["saves"] == [] and b"Nobody" in it.run("saves").stdout
        for wrong in (["81.2.69.9"], ["81.2.69.9", "--why", "x"], ["81.2.69.9", "--for", "7d"], ["81.2.69.9", "--for", "366d", "--why", "x"],
                      ["81.2.69.9", "--for", "0", "--why", "x"], ["10.0.0.0/8", "--for", "7d", "--why", "x"], ["80.0.0.0/7", "--for", "7d", "--why", "x"]):
            assert it.run("submit", *wrong, check=False).returncode == USAGE, wrong


def test_removal_lock(build):
    with Installation(build, config='delist_lockout = {"1h", "2d"}\n') as it:
        first = json.loads(it.run("delist", "81.2.69.160", "--self-service", "--why", "asked", "--json").stdout)
        assert first["removals"] == 1 and first["locked_until"] is not None
        done = it.run("delist", "81.2.69.160", "--self-service", "--why", "asked", check=False)
        assert done.returncode == TEMPFAIL and b"removed 1 times within a year" in done.stderr, done
        again = json.loads(it.run("delist", "81.2.69.0/24", "--why", "an operator may", "--json").stdout)
        assert again["removals"] == 2, again  # they share addresses
        done = it.run("delist", "81.2.69.160", "--self-service", "--why", "asked", check=False)
        assert done.returncode == TEMPFAIL and b"removed 2 times" in done.stderr, done
        assert it.run("delist", "81.2.70.1", "--self-service", "--why", "asked").returncode == 0
        for act in (first["act"], again["act"]):
            it.run("revoke", str(act), "--why", "x")
        assert it.run("delist", "81.2.69.160", "--self-service", "--why", "asked").returncode == 0
    with Installation(build, config="delist_lockout = {\"0\"}\n") as it:
        for _ in range(3):
            it.run("delist", "81.2.69.160", "--self-service", "--why", "asked")


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
