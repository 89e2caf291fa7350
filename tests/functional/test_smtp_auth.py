"""Passwords that clients try: the same one gives the same keyed hash, also after a restart and over TLS; the password itself is in no file,
no line of the log, and not left in the memory of trapsmtp."""
import base64
import os
import re
import socket
import ssl
import sys

from testlib import Installation, Smtp, run_tests, skip, wait_for

PASSWORD = "Tr0ub4dor-and-3-horses-staple"
USER = "somebody@shop.example"
PLAIN = base64.b64encode(f"\0{USER}\0{PASSWORD}".encode()).decode()
# As the client sends it, decoded or not; of the encoded form what stands whole at each of the three offsets.
TRACES = [PASSWORD.encode(), base64.b64encode(PASSWORD.encode())[:-4], PLAIN.encode()[20:40], PLAIN.encode()[-24:-4]]


def installation(build, auth="on"):
    if not os.path.exists(build + "/bin/trapsmtp"):
        skip("trapsmtp is not built")
    inst = Installation(build, smtp=f'auth = "{auth}"\n')
    inst.add_certificates()
    return inst


def client(inst, name, tls=False):
    s = Smtp(inst.smtp_port)
    s.expect(None, 220)
    s.expect("EHLO " + name, 250)
    if tls:
        s.expect("STARTTLS", 220)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        s.file.close()
        s.sock = context.wrap_socket(s.sock)
        s.file = s.sock.makefile("rb")
        s.expect("EHLO " + name, 250)
    return s


def log_in(inst, name, tls=False, pieces=False):
    with client(inst, name, tls) as s:
        if pieces:
            for at in range(0, len(PLAIN), 7):
                s.send((("AUTH PLAIN " if at == 0 else "") + PLAIN[at:at + 7]).encode())
                s.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            s.expect("", 535)
        else:
            s.expect("AUTH PLAIN " + PLAIN, 535)
        s.expect("AUTH LOGIN", 334)
        s.expect(base64.b64encode(USER.encode()).decode(), 334)
        s.expect(base64.b64encode(PASSWORD.encode()).decode(), 535)
        s.expect("QUIT", 221)


def attempts(inst, name):
    def look():
        return inst.sql("hits", "SELECT mechanism, user, secret FROM auth JOIN session ON seq = session_seq WHERE helo = ? ORDER BY n", name.encode())
    return wait_for("the attempts of " + name, look)


def memory_holds(pid, traces):
    found = []
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as mem:
        for line in open(f"/proc/{pid}/maps"):
            start, end, mode = re.match(r"(\w+)-(\w+) (\S+)", line).groups()
            size = int(end, 16) - int(start, 16)
            if not mode.startswith("rw") or size > 1 << 30:  # the shadow of a sanitizer
                continue
            try:
                mem.seek(int(start, 16))
                data = mem.read(size)
            except (OSError, ValueError, OverflowError):
                continue
            found += [(line.split()[-1], t) for t in traces if t in data]
    return found


def files_hold(folder, traces):
    return [(str(p), t) for p in folder.rglob("*") if p.is_file() for t in traces if t in p.read_bytes()]


def test_same_password_same_hash(build):
    with installation(build) as inst:
        daemon = inst.start("trapsmtp")
        log_in(inst, "one.example")
        first = attempts(inst, "one.example")
        assert [(m, u) for m, u, _ in first] == [(b"PLAIN", USER.encode()), (b"LOGIN", USER.encode())], first
        assert len(first[0][2]) == 16 and first[0][2] == first[1][2], first
        log_in(inst, "two.example", pieces=True)
        log_in(inst, "three.example", tls=True)
        with client(inst, "four.example") as s:
            s.expect("AUTH PLAIN " + base64.b64encode(f"\0{USER}\0{PASSWORD}x".encode()).decode(), 535)
        assert inst.stop(daemon) == 0, inst.log()
        daemon = inst.start("trapsmtp")
        log_in(inst, "five.example")
        for name in ("two.example", "three.example", "five.example"):
            assert attempts(inst, name) == first, name
        assert attempts(inst, "four.example")[0][2] != first[0][2]
        assert inst.stop(daemon) == 0, inst.log()
        assert files_hold(inst.dir, TRACES) == [], "a password is in a file"
        assert not any(t in inst.log().encode() for t in TRACES), "a password is in the log"


def test_nothing_is_left_in_memory(build):
    for auth in ("on", "off"):
        with installation(build, auth) as inst:
            daemon = inst.start("trapsmtp")
            with client(inst, "open.example") as s:  # a session that stays
                if auth == "on":
                    s.expect("AUTH PLAIN " + PLAIN, 535)
                    log_in(inst, "gone.example", pieces=True)
                    log_in(inst, "sealed.example", tls=True)
                else:
                    s.expect("AUTH PLAIN " + PLAIN, 502)
                try:  # the reply goes out in front of the wiping
                    wait_for(f"no trace of it (auth {auth})", lambda: not memory_holds(daemon.pid, TRACES))
                except PermissionError:
                    skip("the memory of another process may not be read here")
                assert memory_holds(daemon.pid, [b"open.example"]), "the search finds nothing at all"
            assert inst.stop(daemon) == 0, inst.log()


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
