"""trapsmtp behind a real haproxy: both versions of the PROXY protocol, both families, its health checks."""
import ipaddress
import shutil
import socket
import sys

from test_smtp_proxy import PROXIED, connect, hits, mail, sink
from testlib import Smtp, free_port, run_tests, skip, wait_for

HAPROXY = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin")
CLIENT4, CLIENT6 = "198.51.100.22", "2001:db8::22"
FRONTENDS = {  # name: (address, client that it shall name, words behind the server)
    "v1": ("127.0.0.1", CLIENT4, "send-proxy"),
    "v1six": ("[::1]", CLIENT6, "send-proxy"),
    "v2": ("127.0.0.1", CLIENT4, "send-proxy-v2"),
    "v2six": ("[::1]", CLIENT6, "send-proxy-v2"),
    "v2tlv": ("127.0.0.1", CLIENT4, "send-proxy-v2 proxy-v2-options crc32c,unique-id"),
    "own": ("127.0.0.1", None, "send-proxy-v2"),  # the address that really connected
}


def haproxy_config(inst, ports):
    text = (f"global\n  stats socket {inst.top}/haproxy.sock\n  maxconn 500\n"
            "defaults\n  mode tcp\n  timeout connect 5s\n  timeout client 60s\n  timeout server 60s\n  timeout check 10s\n")
    for name, (address, client, words) in FRONTENDS.items():
        text += f"frontend {name}\n  bind {address}:{ports[name]}\n  unique-id-format %rt\n  default_backend {name}\n"
        if client:
            text += f"  tcp-request connection set-src str({client})\n"
        # Version 1 checks with a header of its own connection, version 2 with LOCAL.
        text += (f"backend {name}\n  option smtpchk EHLO balancer.example\n"
                 f"  server sink 127.0.0.1:{inst.proxy_port} {words} check check-send-proxy inter 300ms fall 1 rise 1\n")
    return text


def check_states(inst):
    """name → (up or down, last check) of every server."""
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(f"{inst.top}/haproxy.sock")
        s.sendall(b"show stat\n")
        lines = s.makefile().read().lstrip("# ").split("\n")
    keys = lines[0].split(",")
    rows = [dict(zip(keys, line.split(","))) for line in lines[1:] if line]
    return {r["pxname"]: (r["status"], r["check_status"].lstrip("* ")) for r in rows if r["svname"] == "sink"}


def all_are(inst, status):
    states = check_states(inst)
    return len(states) == len(FRONTENDS) and all(s[0] == status for s in states.values())


def test_haproxy(build):
    if HAPROXY is None:
        skip("haproxy is not installed")
    with sink(build) as inst:
        ports = {name: free_port() for name in FRONTENDS}
        (inst.top / "haproxy.cfg").write_text(haproxy_config(inst, ports))
        inst.start_peer([HAPROXY, "-db", "-f", str(inst.top / "haproxy.cfg")])
        wait_for("the socket of haproxy", lambda: (inst.top / "haproxy.sock").exists())
        wait_for("good health checks", lambda: all_are(inst, "UP") and all(c == "L7OK" for _, c in check_states(inst).values()))
        expected = []
        for name, (address, client, _) in FRONTENDS.items():
            s = Smtp(ports[name], host=address.strip("[]"))
            mail(s)
            expected.append((client or "127.0.0.1", address.strip("[]"), ports[name]))
        assert [h[:3] for h in hits(inst)] == expected, hits(inst)
        assert all(h[3] & PROXIED for h in hits(inst))

        # The sink goes and comes again: so says the health check, and mail goes on.
        assert inst.stop(inst.daemon) == 0
        wait_for("bad health checks", lambda: all_are(inst, "DOWN"))
        inst.daemon = inst.start("trapsmtp")
        wait_for("good health checks again", lambda: all_are(inst, "UP"))
        mail(connect(ports["v2"]))
        assert hits(inst)[-1][0] == CLIENT4
        # Health checks are nobody's: no record is the balancer's.
        assert inst.sql("hits", "SELECT count(*) FROM hit WHERE sender = ?", ipaddress.ip_address("127.0.0.1").packed)[0][0] == 1  # `own`


if __name__ == "__main__":
    sys.exit(run_tests({"test_haproxy": test_haproxy}))
