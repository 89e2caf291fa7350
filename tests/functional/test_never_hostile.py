"""Who must never be listed, against people who try: senders in all special-use space, clients without a name, list files that break while
trapexport runs."""
import ipaddress
import os
import re
import sys
import time

from testlib import Installation, Smtp, skip, wait_for

SPECIAL = """0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 192.31.196.0/24
192.52.193.0/24 192.88.99.0/24 192.168.0.0/16 192.175.48.0/24 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4
::/64 64:ff9b::/96 64:ff9b:1::/48 100::/64 2001::/23 2001:db8::/32 2002::/16 2620:4f:8000::/48 3fff::/20 5f00::/16 fc00::/7 fe80::/10
fec0::/10 ff00::/8 4000::/3""".split()
CONFIG = 'trap_domain "old.example" { class = "pristine" }\n'
ZONES = ('policy "test" { preset = "aggressive"  listing_delay = "0" }\n'
         'zone "s4.trap.test" { kind = "senders4"  policy = "test"  publish = "live" }\n'
         'zone "s6.trap.test" { kind = "senders6"  policy = "test"  publish = "live" }\n')
TEST_ENTRIES = {ipaddress.ip_network("127.0.0.2"), ipaddress.ip_network("::ffff:7f00:2")}


def hit(inst, client, number=0):
    """One message from the client; `client` as XCLIENT wants it."""
    with Smtp(inst.smtp_port) as s:
        s.expect(None, 220)
        s.expect("XCLIENT ADDR=" + client, 220)
        s.expect("EHLO x.example", 250)
        assert s.message("a@b.example", [f"t{number}@old.example"], b"x") == 250


def named(ip):
    return f"IPV6:{ip}" if ":" in ip else ip


def listed(inst):
    """Every network of both zones."""
    found = set()
    for file in (inst.dir / "zones" / "current").glob("s[46].*"):
        for line in file.read_text().splitlines():
            if re.match(r"[0-9a-f:.]+(/\d+)?$", line):
                found.add(ipaddress.ip_network(re.sub(r"^(([0-9a-f]+:){5})0::/", r"\g<1>:/", line)))
    return found - TEST_ENTRIES


def holds(networks, ip):
    a = ipaddress.ip_address(ip)
    return any(a.version == n.version and a in n for n in networks)


def test_special_use(build):
    with Installation(build, config=CONFIG, zones=ZONES, smtp="hits_per_sender_hour = 0") as inst:
        inst.start()
        for network in map(ipaddress.ip_network, SPECIAL):
            for ip in {network[0], network[-1], network[network.num_addresses // 3]}:
                for n in range(2):
                    hit(inst, named(str(ip)), n)
        for client in ("[UNAVAILABLE]", "IPV6:::ffff:10.1.1.1", "IPV6:::ffff:192.168.1.1"):
            hit(inst, client)
        for n in range(2):
            hit(inst, "45.9.9.9", n)
            hit(inst, "IPV6:2600:1:2:3::4", n)
        wait_for("two listings", lambda: len(listed(inst)) >= 2)
        time.sleep(1.5)
        assert listed(inst) == {ipaddress.ip_network("45.9.9.9"), ipaddress.ip_network("2600:1:2:3::/64")}, listed(inst)


def test_lists_that_break(build):
    """Whatever becomes of a list file, those who were on it stay unlisted; an act goes through all the same."""
    with Installation(build, config=CONFIG, zones=ZONES, guard="on") as inst:
        never, guard = inst.top / "never", inst.top / "guard"
        never.write_text("45.1.1.0/24\n2600:1:2:3:4::/80\n")
        guard.write_text("46.1.1.0/24\n")
        inst.conf.write_text(f'never_list_files = {{"{never}"}}\nguard_files = {{"{guard}"}}\n' + inst.conf.read_text())
        inst.start()
        clients = ("45.1.1.9", "46.1.1.9", "2600:1:2:3:5::1", "45.9.9.9", "45.9.9.10")
        for client in clients:
            for n in range(2):
                hit(inst, named(client), n)

        def check():
            networks = listed(inst)
            assert holds(networks, "2600:1:2:3:5::1") and not holds(networks, "2600:1:2:3:4::1"), networks
            assert not holds(networks, "45.1.1.9") and not holds(networks, "46.1.1.9"), networks
            return networks
        wait_for("a listing", lambda: (inst.dir / "zones" / "current").exists() and holds(listed(inst), "45.9.9.10"))
        for garbage in (b"", b"\xff\0\n" * 100, b"45.1.1.0/33\n", b"45.1.1.0/24 and more\n", os.urandom(3000), b"a" * 100000):
            for file in (never, guard):
                file.write_bytes(garbage)
            for n in range(8):  # new evidence makes it evaluate meanwhile
                hit(inst, "45.8.8.8", n)
                check()
                time.sleep(0.4)
        inst.run("allow", "45.9.9.9", "--why", "a mistake")
        wait_for("the removal", lambda: not holds(listed(inst), "45.9.9.9"))
        assert holds(check(), "45.9.9.10")
        log = inst.log()
        assert "export.list.unreadable" in log, log


def test_our_own_proxies(build):
    """A peer that may name clients and names none is not listed for what it hands on."""
    with Installation(build, config=CONFIG, zones=ZONES, smtp='proxy_from = {"45.6.6.0/24"}') as inst:
        inst.conf.write_text(inst.conf.read_text().replace('xclient_from = {"127.0.0.1/32"}', 'xclient_from = {"127.0.0.1/32", "45.7.7.0/24"}'))
        inst.start()
        for n in range(2):
            hit(inst, "45.6.6.6", n)
            hit(inst, "45.7.7.7", n)
            hit(inst, "45.9.9.9", n)
        wait_for("a listing", lambda: (inst.dir / "zones" / "current").exists() and holds(listed(inst), "45.9.9.9"))
        for ours in ("45.6.6.6", "45.7.7.7"):
            assert not holds(listed(inst), ours)
            assert b"never-list" in inst.run("explain", ours).stdout


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
