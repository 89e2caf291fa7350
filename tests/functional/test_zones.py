"""A real rbldnsd serves what the publisher wrote: every kind of zone, test entries, updates, and what must never be answered.

The listings are given (zones_maker): fold and policy have tests of their own.
"""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from dns_client import Resolver  # noqa: E402
from testlib import free_port, skip, wait_for  # noqa: E402
import socket  # noqa: E402

build = pathlib.Path(sys.argv[1])
MAKER = build / "tests" / "bin" / "zones_maker"
RBLDNSD = shutil.which("rbldnsd") or "/usr/sbin/rbldnsd"
NOERROR, SERVFAIL, NXDOMAIN = 0, 2, 3
DAY = 86400

ZONES = {
    "four.test": ("senders4", "ip4trie", ".ip4"),
    "six.test": ("senders6", "ip6trie", ".ip6"),
    "http.test": ("harvesters", "dnset", ".httpbl"),
    "all.test": ("combined", "combined", ".combined"),
}
CONF = """
state_dir = "{top}"
node_id = 1
trap_domain "trap.test" {{ class = "minted" }}
zone "four.test" {{ kind = "senders4" policy = "standard" publish = "live" code = 9 ns = {{"ns1.example.org", "ns2.example.org"}} }}
zone "six.test"  {{ kind = "senders6" policy = "standard" publish = "live" }}
zone "both.test" {{ kind = "senders"  policy = "standard" publish = "live" text = "Mail to a trap from $, pay no $$" }}
zone "http.test" {{ kind = "harvesters" policy = "standard" publish = "live" }}
zone "all.test"  {{ kind = "combined" policy = "standard" publish = "live" ns = {{"ns1.example.org"}} contact = "abuse.example.org" ttl = "2m" }}
zone "quiet.test" {{ kind = "senders4" policy = "standard" publish = "shadow" }}
export {{ dir = "{top}/zones" interval = "1s" stale_after = "1h" full_interval = "10m" sets_kept = 3 }}
"""
SENDERS = ["1.2.3.4", "8.0.0.0/9", "93.184.216.0/28", "2001:470:1:2::/64", "2600::/33"]


class World:
    def __init__(self):
        self.top = pathlib.Path(tempfile.mkdtemp(prefix="trapline-zones."))
        os.chmod(self.top, 0o755)  # rbldnsd becomes another user
        self.conf = self.top / "conf"
        self.conf.write_text(CONF.format(top=self.top))
        self.server = None
        self.port = free_port(socket.SOCK_DGRAM)
        self.dns = Resolver(self.port)

    def close(self):
        if self.server:
            self.server.terminate()
            self.server.wait(20)
        shutil.rmtree(self.top, ignore_errors=True)

    def publish(self, senders=SENDERS, harvesters=(), never=(), extra=(), as_of=None, ok=True):
        lines = [f"sender {s}" for s in senders] + [f"harvester {h}" for h in harvesters] + [f"never {n}" for n in never] + list(extra)
        (self.top / "listings").write_text("\n".join(lines) + "\n")
        done = subprocess.run([str(MAKER), str(self.conf), str(self.top / "listings"), str(int(as_of or time.time()))],
                              capture_output=True, text=True, timeout=60)
        assert (done.returncode == 0) == ok, done.stderr
        return int(done.stdout) if ok else done.stderr

    def serve(self):
        words = [f"{z}:{kind}:current/{z}{end}" for z, (_, kind, end) in ZONES.items()]
        words += ["both.test:ip4trie:current/both.test.ip4", "both.test:ip6trie:current/both.test.ip6"]
        self.log = open(self.top / "rbldnsd.log", "wb")
        self.server = subprocess.Popen([RBLDNSD, "-n", "-c", "1s", "-b", f"127.0.0.1/{self.port}", "-w", str(self.top / "zones"), *words],
                                       stdout=self.log, stderr=self.log)
        wait_for("rbldnsd answers", lambda: self.a("127.0.0.2", "four.test"))

    def messages(self):
        return (self.top / "rbldnsd.log").read_text()

    def a(self, ip, zone):
        return self.dns.ask(f"{Resolver.reverse(ip)}.{zone}", "A")

    def rcode(self, ip, zone):
        return self.dns.query(f"{Resolver.reverse(ip)}.{zone}", "A")[0]

    def txt(self, ip, zone):
        return self.dns.ask(f"{Resolver.reverse(ip)}.{zone}", "TXT")


def default_text(ip):
    return [f"{ip} is listed by the published policy of this zone"]


def check_senders(w):
    for ip in ("1.2.3.4", "8.0.0.0", "8.127.255.255", "93.184.216.15"):
        assert w.a(ip, "four.test") == ["127.0.0.9"], ip
        assert w.txt(ip, "four.test") == default_text(ip)
        assert w.txt(ip, "both.test") == [f"Mail to a trap from {ip}, pay no $"]
        for zone in ("all.test", "senders.all.test", "both.test"):
            assert w.a(ip, zone) == ["127.0.0.2"], (ip, zone)
        assert w.rcode(ip, "six.test") == NXDOMAIN
        assert w.rcode(ip, "http.test") == NXDOMAIN and w.rcode(ip, "harvesters.all.test") == NXDOMAIN
    for ip in ("2001:470:1:2::", "2001:470:1:2:ffff:ffff:ffff:ffff", "2600::1", "2600:0:7fff:ffff::1"):
        for zone in ("six.test", "all.test", "senders.all.test", "both.test"):
            assert w.a(ip, zone) == ["127.0.0.2"], (ip, zone)
        assert w.txt(ip, "six.test") != [] and w.rcode(ip, "four.test") == NXDOMAIN
    for ip in ("1.2.3.3", "1.2.3.5", "7.255.255.255", "8.128.0.0", "93.184.216.16", "2001:470:1:1:ffff::1", "2001:470:1:3::", "2600:0:8000::", "::1"):
        for zone in ("four.test", "six.test", "all.test", "senders.all.test", "both.test"):
            assert w.rcode(ip, zone) == NXDOMAIN, (ip, zone)


def check_mapped(w):
    """IPv4 senders asked as IPv6: mapped (RFC 5782 section 2.4) and 6to4."""
    for zone in ("both.test", "all.test"):
        assert w.a("::ffff:1.2.3.4", zone) == ["127.0.0.2"], zone
        assert w.a("2002:102:304::1", zone) == ["127.0.0.2"], zone
        assert w.rcode("::ffff:1.2.3.5", zone) == NXDOMAIN and w.rcode("2002:102:305::1", zone) == NXDOMAIN
    assert w.rcode("::ffff:1.2.3.4", "six.test") == NXDOMAIN


def check_test_entries(w):
    assert w.a("127.0.0.2", "four.test") == ["127.0.0.9"] and w.a("127.0.0.9", "four.test") == ["127.0.0.9"]
    for zone in ("all.test", "senders.all.test", "both.test"):
        assert w.a("127.0.0.2", zone) == ["127.0.0.2"] and w.txt("127.0.0.2", zone) != []
    for zone in ("http.test", "harvesters.all.test"):
        assert w.a("127.0.0.2", zone) == ["127.0.0.2"]
        for host in ("127.1.1.0", "127.1.1.1", "127.1.1.2", "127.1.1.7", "127.1.80.1", "127.80.1.1"):
            assert w.dns.ask(f"abcdefghijkl.{Resolver.reverse(host)}.{zone}") == [host]
    for zone in ("six.test", "both.test", "all.test"):
        assert w.a("::ffff:127.0.0.2", zone) == ["127.0.0.2"], zone
        assert w.rcode("::ffff:127.0.0.1", zone) == NXDOMAIN
    for zone in ("four.test", "both.test", "all.test", "senders.all.test", "http.test", "harvesters.all.test"):
        assert w.rcode("127.0.0.1", zone) == NXDOMAIN, zone


def check_zone_records(w, serial):
    assert w.dns.ask("all.test", "NS") == ["ns1.example.org"]
    assert sorted(w.dns.ask("four.test", "NS")) == ["ns1.example.org", "ns2.example.org"]
    assert w.dns.ask("all.test", "SOA") == [f"ns1.example.org abuse.example.org {serial} 600 300 3600 120"]
    assert w.dns.ask("six.test", "SOA") == [f"six.test hostmaster.six.test {serial} 600 300 3600 300"]


def check_httpbl(w):
    for zone in ("http.test", "harvesters.all.test"):
        for key in ("", "abcdefghijkl.", "x.", "a.b.c."):
            assert w.dns.ask(f"{key}40.3.2.1.{zone}") == ["127.0.25.2"], (key, zone)
            assert w.dns.ask(f"{key}8.7.6.5.{zone}") == ["127.3.50.2"], (key, zone)
            assert w.dns.ask(f"{key}1.1.168.81.{zone}") == ["127.30.75.2"], (key, zone)
            assert w.dns.query(f"{key}4.3.2.1.{zone}")[0] == NXDOMAIN, (key, zone)
            assert w.dns.ask(f"{key}40.3.2.1.{zone}", "TXT") == default_text("40.3.2.1")
        assert w.dns.query(f"abcdefghijkl.{Resolver.reverse('2001:470:1:2::1')}.{zone}")[0] == NXDOMAIN


def check_update(w, harvesters):
    """Noticed within seconds, also where several sets come in one second and the files keep their size."""
    now = time.time()
    sets = []
    for i in range(1, 6):
        sets.append(w.publish([SENDERS[0], f"9.9.9.{i}", *SENDERS[2:]], harvesters, as_of=now))
        if i in (1, 2, 5):
            wait_for(f"update {i} is served", lambda: all(w.a(f"9.9.9.{i}", z) for z in ("all.test", "four.test", "both.test")))
    assert sets == sorted(set(sets)), sets
    for zone in ("all.test", "four.test", "both.test"):
        assert w.rcode("9.9.9.4", zone) == NXDOMAIN and w.rcode("8.0.0.1", zone) == NXDOMAIN
        assert w.a("1.2.3.4", zone) != []
    kept = sorted(p.name for p in (w.top / "zones").iterdir() if p.name.isdigit())
    assert len(kept) == 3 and kept[-1] == str(sets[-1]), kept
    assert os.readlink(w.top / "zones" / "current") == str(sets[-1])


def check_never(w):
    """A listing in never-listed space: the whole set is refused, what was served stays, and it is never answered."""
    for bad, never in (("10.1.2.3", ()), ("203.0.114.128/25", ("203.0.114.0/24",)), ("2001:db8:1::/64", ()), ("192.0.0.0/8", ())):
        assert "must never be listed" in w.publish([bad], never=never, ok=False)
    time.sleep(2.2)
    for ip in ("10.1.2.3", "203.0.114.129", "2001:db8:1::1", "192.168.1.1"):
        for zone in ("four.test", "six.test", "both.test", "all.test"):
            assert w.rcode(ip, zone) == NXDOMAIN, (ip, zone)
    assert w.a("1.2.3.4", "all.test") == ["127.0.0.2"]


def check_stale(w):
    """An exporter that died: the zone ends after stale_after. One whose clock is a little ahead: the zone is served."""
    w.publish(["9.9.9.9"], as_of=time.time() + 200)
    wait_for("the clock ahead is tolerated", lambda: w.a("9.9.9.9", "all.test"))
    w.publish(["5.5.5.5"], as_of=time.time() - 3600 - 60)
    wait_for("the stale zone ends", lambda: w.rcode("5.5.5.5", "all.test") == SERVFAIL)
    w.publish(["5.5.5.6"])
    wait_for("a fresh set revives it", lambda: w.a("5.5.5.6", "all.test"))


def main():
    if not os.access(RBLDNSD, os.X_OK):
        skip("rbldnsd is not installed")
    w = World()
    try:
        now = time.time()
        harvesters = [f"1.2.3.40 100 {int(now)}", f"5.6.7.8 10000 {int(now - 3 * DAY)}", f"81.168.1.1 1000000 {int(now - 30 * DAY)}"]
        serial = w.publish(SENDERS, harvesters, as_of=now)
        w.serve()
        for word in ("warn", "unable", "error", "invalid", "bad", "duplicate"):
            assert word not in w.messages().lower(), w.messages()
        check_senders(w)
        check_mapped(w)
        check_test_entries(w)
        check_zone_records(w, serial)
        check_httpbl(w)
        assert (w.top / "zones" / "current" / "shadow" / "quiet.test.ip4").exists()
        check_update(w, harvesters)
        check_never(w)
        check_stale(w)
    finally:
        w.close()
    print("ok")


main()
