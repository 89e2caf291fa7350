"""Country and network of an address, with the day on which the database was built; a database that is missing, replaced or damaged."""
import ipaddress
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from dnslib import Faulty  # noqa: E402
from looklib import installation, lookups, wait_lookup  # noqa: E402
from testlib import run_tests  # noqa: E402

source = pathlib.Path(sys.argv[2])
DATA = pathlib.Path(os.environ.get("TRAPLINE_TEST_DATA", source.parent / "shared" / "data")) / "mmdb"


def value(v):
    """One value of the data section (MaxMind DB format 2.0)."""
    if isinstance(v, str):
        data, kind = v.encode(), 2
        size = len(data)
    elif isinstance(v, dict):
        return bytes([7 << 5 | len(v)]) + b"".join(value(k) + value(x) for k, x in v.items())
    elif isinstance(v, list):
        return bytes([len(v), 4]) + b"".join(value(x) for x in v)
    else:
        data = v[1].to_bytes(8, "big").lstrip(b"\0")
        kind, size = {"u16": 5, "u32": 6, "u64": 9}[v[0]], len(data)
    head = bytes([kind << 5]) if kind < 8 else b"\0" + bytes([kind - 7])
    if size < 29:
        return bytes([head[0] | size]) + head[1:] + data
    return bytes([head[0] | 29]) + head[1:] + bytes([size - 29]) + data


def database(path, entries, epoch):
    """A small database: {prefix: record}; IPv4 below ::/96, records of 24 bits."""
    nodes, data, offsets = [[None, None]], b"", {}
    for prefix, v in entries.items():
        n = ipaddress.ip_network(prefix)
        bits = format(int(n.network_address), "032b" if n.version == 4 else "0128b")[:n.prefixlen]
        bits = "0" * 96 + bits if n.version == 4 else bits
        at = 0
        for b in bits[:-1]:
            if nodes[at][int(b)] is None:
                nodes.append([None, None])
                nodes[at][int(b)] = len(nodes) - 1
            at = nodes[at][int(b)]
        offsets[(at, int(bits[-1]))] = len(data)
        data += value(v)
    count = len(nodes)
    for (at, bit), offset in offsets.items():
        nodes[at][bit] = count + 16 + offset
    tree = b"".join((count if x is None else x).to_bytes(3, "big") for node in nodes for x in node)
    meta = {"binary_format_major_version": ("u16", 2), "binary_format_minor_version": ("u16", 0), "build_epoch": ("u64", epoch), "database_type": "Test",
            "description": {"en": "made by a test"}, "ip_version": ("u16", 6), "languages": ["en"], "node_count": ("u32", count), "record_size": ("u16", 24)}
    path.with_suffix(".new").write_bytes(tree + bytes(16) + data + b"\xab\xcd\xefMaxMind.com" + value(meta))
    path.with_suffix(".new").rename(path)


def world(build, server, config=""):
    t = installation(build, server.port, config='trap "sales@trap.test" { class = "pristine" }\n' + config)
    return t


def test_facts(build):
    server = Faulty(lambda name, kind, tcp: 3)
    with world(build, server) as t:
        try:
            t.conf.write_text(t.conf.read_text() + f'geoip {{ country = "{t.top}/country.mmdb"  asn = "{t.top}/asn.mmdb" }}\n')
            database(t.top / "asn.mmdb", {"45.83.0.0/16": {"autonomous_system_number": ("u32", 64500), "autonomous_system_organization": "Bad \x1b[31m Net=1"},
                                          "2a02:44::/32": {"autonomous_system_number": ("u32", 4200000000), "autonomous_system_organization": "x" * 200}}, 1772366400)
            t.start("trapsmtp", "trapexport", "traplook")
            assert (t.top / "log").read_text().count("look.geoip.unreadable") == 1  # the country's is not there
            for ip in ("45.83.10.1", "2a02:44::1", "45.99.0.1"):
                assert t.mail("sales@trap.test", client=ip, helo="[127.0.0.1]") == 250
            got = wait_lookup(t, "45.83.10.1")
            assert got["as"] == "64500" and got["as_name"] == "Bad \x1b[31m Net=1" and got["as_built"] == "2026-03-01" and "country" not in got, got
            assert wait_lookup(t, "2a02:44::/64")["as"] == "4200000000" and lookups(t, "2a02:44::/64")[0]["as_name"] == "x" * 100
            assert "as" not in wait_lookup(t, "45.99.0.1")
            assert b"\x1b" not in t.run("look", "45.83.10.1").stdout and "AS64500" in t.run("explain", "45.83.10.1").stdout.decode()
            # A new file is taken up while it runs; a damaged one takes its facts away, and that is said.
            database(t.top / "country.mmdb", {"45.84.0.0/16": {"country": {"iso_code": "DE"}}}, 1772452800)
            assert t.mail("sales@trap.test", client="45.84.0.1", helo="[127.0.0.1]") == 250
            assert wait_lookup(t, "45.84.0.1")["country"] == "DE" and lookups(t, "45.84.0.1")[0]["country_built"] == "2026-03-02"
            (t.top / "bad").write_bytes(b"no database")
            (t.top / "bad").rename(t.top / "country.mmdb")
            assert t.mail("sales@trap.test", client="45.84.0.2", helo="[127.0.0.1]") == 250
            assert "country" not in wait_lookup(t, "45.84.0.2")
            assert "look.geoip.unreadable" in t.log()
        finally:
            server.close()


def test_real_files(build):
    """MaxMind's own test databases, and those that were made to break readers; where they are at hand."""
    if not DATA.exists():
        print("no MaxMind test databases")
        return
    server = Faulty(lambda name, kind, tcp: 3)
    with world(build, server) as t:
        try:
            text = t.conf.read_text()

            def ask(country, asn, ip):
                t.conf.write_text(text + f'geoip {{ country = "{country}"  asn = "{asn}" }}\n')
                t.run("look", ip, "--now")
                return lookups(t, "2a02:44::/64" if ":" in ip else ip)[-1]
            got = ask(DATA / "GeoLite2-Country-Test.mmdb", DATA / "GeoLite2-ASN-Test.mmdb", "81.2.69.160")
            assert got["country"] == "GB" and len(got["country_built"]) == 10, got
            got = ask(DATA / "GeoLite2-Country-Test.mmdb", DATA / "GeoLite2-ASN-Test.mmdb", "1.128.0.1")
            assert got["as"] == "1221" and "Telstra" in got["as_name"], got
            for bad in sorted((DATA / "bad").iterdir()):
                for ip in ("1.1.1.1", "81.2.69.160", "2a02:44::1"):
                    assert "reverse" in ask(bad, bad, ip), bad
        finally:
            server.close()


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
