"""Listings as files for those that do not ask by DNS: each is read by the program that it is for.

The zone's text is made to break out of every one of them. (Nothing else in these files is text: no remote side has a word in them.)
"""
import csv
import datetime
import hashlib
import ipaddress
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))

build = pathlib.Path(sys.argv[1])
MAKER = build / "tests" / "bin" / "zones_maker"
FORMATS = ("cidr", "postfix", "nftables", "nginx", "apache", "haproxy", "csv", "jsonl")
LIFE, STALE = 86400, 3600
# As it stands in the configuration (a quote and a backslash behind a backslash), and as it reads.
TEXT_CONF = r"""=cmd|'; } deny all; #,\"x\" \\n \\\" </a><b> ${x} $$1 %s `id` $"""
TEXT_READ = r"""=cmd|'; } deny all; #,"x" \n \" </a><b> {at}{x} $1 %s `id` {at}"""
CONF = """
state_dir = "{top}"
node_id = 1
trap_domain "trap.test" {{ class = "minted" }}
zone "bl-1.test" {{ kind = "combined" policy = "standard" publish = "live" text = "{text}" formats = {{{formats}}} }}
zone "six.test" {{ kind = "senders6" policy = "standard" publish = "{six}" formats = {{"cidr"}} }}
zone "none.test" {{ kind = "senders4" policy = "standard" publish = "live" }}
export {{ dir = "{top}/zones" interval = "1s" stale_after = "1h" full_interval = "10m" sets_kept = 3 }}
"""
FOUR, SIX, HARVESTERS = ["1.2.3.4", "8.0.0.0/9", "93.184.216.0/28"], ["2001:470:1:2::/64", "2600::/33"], ["5.6.7.8", "81.168.1.1"]
PARTS = {"combined-ip4": FOUR, "combined-ip6": SIX, "combined-httpbl": HARVESTERS}


def program(name):
    path = os.environ["PATH"] + ":/usr/sbin:/sbin"
    found = shutil.which(name, path=path)
    if not found:
        print(f"not installed, its part is left out: {name}")
    return found


def run(*words, **options):
    done = subprocess.run([str(w) for w in words], capture_output=True, text=True, timeout=60, **options)
    assert done.returncode == 0, (words, done.stdout[-2000:], done.stderr[-2000:])
    return done.stdout + done.stderr


class World:
    def __init__(self, top):
        self.top, self.conf = top, top / "conf"
        self.current = top / "zones" / "current"
        self.now = int(time.time())
        self.configure(FORMATS, "shadow")

    def configure(self, formats, six="live"):
        # "$" before "{" would be refused in a configuration: the text holds them apart.
        text = TEXT_CONF.replace("${x}", "$ {x}")
        self.conf.write_text(CONF.format(top=self.top, text=text, six=six, formats=", ".join(f'"{f}"' for f in formats)))

    def publish(self, as_of, four=FOUR, six=SIX, harvesters=HARVESTERS, never=(), ok=True):
        lines = [f"sender {p}" for p in (*four, *six)] + [f"harvester {p} 100 {self.now}" for p in harvesters] + [f"never {n}" for n in never]
        (self.top / "listings").write_text("\n".join(lines) + "\n")
        done = subprocess.run([str(MAKER), str(self.conf), str(self.top / "listings"), str(as_of)], capture_output=True, text=True, timeout=60)
        assert (done.returncode == 0) == ok, done.stderr
        return int(done.stdout) if ok else done.stderr

    def path(self, part, form):
        return self.current / f"bl-1.test.{part}.{form}"

    def lines(self, part, form):
        return [line for line in self.path(part, form).read_text().splitlines() if not line.startswith("#")]


def iso(t):
    return datetime.datetime.fromtimestamp(t, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def text_of(prefix):
    return TEXT_READ.replace("{at}{x}", "{at} {x}").replace("{at}", prefix)


def check_manifest(w):
    """Every file of the set is in its manifest, with size and digest."""
    told = {}
    for line in (w.current / "manifest").read_text().splitlines():
        words = line.split(" ")
        if words[0] == "file":
            told[words[1]] = (int(words[4]), int(words[5]), words[6])
    there = {str(p.relative_to(w.current)) for p in w.current.rglob("*") if p.is_file()} - {"manifest"}
    assert set(told) == there, set(told) ^ there
    for name, (entries, size, digest) in told.items():
        content = (w.current / name).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (size, digest), name
        assert (w.current / name).stat().st_mode & 0o777 == 0o644, name
    for part, expected in PARTS.items():
        for form in FORMATS:
            assert told[f"bl-1.test.{part}.{form}"][0] == len(expected)
    assert "shadow/six.test.ip6.cidr" in told and "six.test.ip6.cidr" not in told
    assert not any(n.startswith("none.test") and n != "none.test.ip4" for n in told)


def check_plain(w, serial, as_of):
    for part, expected in PARTS.items():
        for form in ("cidr", "haproxy"):
            assert w.lines(part, form) == expected
        for form in ("cidr", "postfix", "nftables", "nginx", "apache", "haproxy"):
            head = w.path(part, form).read_text().splitlines()[:3]
            assert head[1] == f"# made {iso(as_of)}, serial {serial}, entries {len(expected)}", head
            assert head[2] == f"# not to be used after {iso(as_of + STALE)}", head
        assert w.lines(part, "nginx") == [f"deny {p};" for p in expected]
        assert w.lines(part, "apache") == [f"Require not ip {p}" for p in expected]


def check_csv_json(w, serial, as_of):
    for part, expected in PARTS.items():
        name = "harvesters.bl-1.test" if part == "combined-httpbl" else "bl-1.test"
        with open(w.path(part, "csv"), newline="") as f:
            rows = list(csv.DictReader(f, strict=True))
        assert [r["prefix"] for r in rows] == expected
        head, *entries = [json.loads(line) for line in w.path(part, "jsonl").read_text().splitlines()]
        assert head == {"list": name, "serial": serial, "made": iso(as_of), "stale": iso(as_of + STALE), "entries": len(expected)}
        assert [e["prefix"] for e in entries] == expected
        for row, entry in zip(rows, entries):
            for read in (row, entry):
                assert read["text"] == text_of(read["prefix"]), read["text"]
                assert read["until"] == iso(as_of + LIFE) and read["reason"] == "evidence"
                assert read["answer"].startswith("127.") and read["answer"].endswith(".2")
            assert (row["list"], row["serial"], row["made"], row["stale"]) == (name, str(serial), iso(as_of), iso(as_of + STALE))
            assert None not in row and set(entry) == {"prefix", "answer", "reason", "until", "text"}


def check_postfix(w):
    postmap = program("postmap")
    if not postmap:
        return
    etc = w.top / "postfix"
    etc.mkdir()
    (etc / "main.cf").write_text("compatibility_level = 3.6\n")
    for part, hits, misses in (("combined-ip4", {"1.2.3.4": "1.2.3.4", "8.127.255.255": "8.0.0.0/9", "93.184.216.15": "93.184.216.0/28"}, ("1.2.3.5", "8.128.0.0")),
                               ("combined-ip6", {"2001:470:1:2::9": "2001:470:1:2::/64"}, ("2001:470:1:3::9",))):
        for ip, prefix in hits.items():
            assert run(postmap, "-c", etc, "-q", ip, f"cidr:{w.path(part, 'postfix')}") == f"REJECT {text_of(prefix)}\n"
        for ip in misses:
            done = subprocess.run([postmap, "-c", str(etc), "-q", ip, f"cidr:{w.path(part, 'postfix')}"], capture_output=True, text=True, timeout=60)
            assert (done.returncode, done.stdout, done.stderr) == (1, "", ""), done


def check_nft(w, part="combined-ip4", entries=FOUR):
    nft = program("nft")
    for line, prefix in zip([x for x in w.lines(part, "nftables") if x[0].isdigit()], entries):
        assert line == f"{prefix} timeout {STALE}s,", line
    if not nft:
        return
    probe = subprocess.run([nft, "-c", "add table inet trapline"], capture_output=True, timeout=60)
    if probe.returncode != 0:  # needs the right to ask the kernel
        print("nft may not ask the kernel here: its part is left out")
        return
    assert run(nft, "-c", "-f", w.path(part, "nftables")) == ""


def check_servers(w):
    files = {form: [w.path(part, form) for part in PARTS] for form in FORMATS}
    nginx, apache, haproxy = program("nginx"), program("apache2"), program("haproxy")
    if nginx:
        conf = w.top / "nginx.conf"
        includes = " ".join(f"include {f};" for f in files["nginx"])
        conf.write_text(f"pid {w.top}/nginx.pid; error_log stderr; events {{}}\nhttp {{ access_log off; server {{ listen unix:{w.top}/n.sock; {includes} allow all; }} }}\n")
        assert "test is successful" in run(nginx, "-t", "-p", w.top, "-c", conf, "-e", "stderr")
    if apache:
        modules = "/usr/lib/apache2/modules"
        loads = "\n".join(f"LoadModule {m}_module {modules}/mod_{m}.so" for m in ("mpm_event", "authz_core", "authz_host"))
        conf = w.top / "apache.conf"
        includes = "\n".join(f"Include {f}" for f in files["apache"])
        conf.write_text(f"ServerRoot {w.top}\nServerName x.test\nPidFile {w.top}/apache.pid\nErrorLog {w.top}/apache.log\nListen 127.0.0.1:1\n{loads}\n"
                        f"<Location />\n<RequireAll>\nRequire all granted\n{includes}\n</RequireAll>\n</Location>\n")
        assert "Syntax OK" in run(apache, "-t", "-f", conf)
    if haproxy:
        conf = w.top / "haproxy.cfg"
        acls = "\n".join(f"  acl bad src -f {f}" for f in files["haproxy"])
        conf.write_text(f"defaults\n  mode http\n  timeout client 5s\n  timeout server 5s\n  timeout connect 5s\nfrontend x\n  bind unix@{w.top}/h.sock\n{acls}\n  http-request deny if bad\n")
        run(haproxy, "-c", "-f", conf)


def check_sets(w):
    """A format that is taken out of the configuration leaves, one that is new comes; removals reach all of them at once."""
    as_of = w.now + 10
    w.configure(("cidr", "csv"))
    w.publish(as_of)
    left = sorted({p.name.rsplit(".", 1)[1] for p in w.current.iterdir() if "combined" in p.name})
    assert left == ["cidr", "combined", "csv"], left
    assert (w.current / "six.test.ip6.cidr").exists() and not (w.current / "shadow").exists()
    w.configure(("cidr", "csv", "jsonl"))
    w.publish(as_of + 1)
    head = json.loads(w.path("combined-ip4", "jsonl").read_text().splitlines()[0])
    assert head["made"] == iso(as_of + 1) and head["entries"] == 3
    # A removal goes into all of them at once.
    w.publish(as_of + 2, four=FOUR[1:])
    assert w.lines("combined-ip4", "cidr") == FOUR[1:]
    # What must never be listed is in no file: the set is refused as a whole.
    assert "must never be listed" in w.publish(as_of + 3, never=("8.8.8.0/24",), ok=False)
    assert w.lines("combined-ip4", "cidr") == FOUR[1:]


def check_empty(w):
    """An empty list is a good file in every format."""
    w.configure(FORMATS)
    w.publish(w.now + 20, four=(), six=(), harvesters=())
    for part in PARTS:
        assert w.lines(part, "cidr") == [] and len(w.lines(part, "csv")) == 1 and len(w.lines(part, "jsonl")) == 1
        assert not re.search("add element", w.path(part, "nftables").read_text())
        check_nft(w, part, ())
    check_servers(w)


def main():
    assert ipaddress.ip_network(FOUR[1])
    with tempfile.TemporaryDirectory(prefix="trapline-formats.") as top:
        w = World(pathlib.Path(top))
        serial = w.publish(w.now)
        check_manifest(w)
        check_plain(w, serial, w.now)
        check_csv_json(w, serial, w.now)
        check_postfix(w)
        for part, entries in PARTS.items():
            check_nft(w, part, entries)
        check_servers(w)
        check_sets(w)
        check_empty(w)
    print("ok")


main()
