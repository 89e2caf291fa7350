"""trapweb refuses to start with one clear line and the right exit code, and changes nothing."""
import os
import socket
import subprocess
import sys

from weblib import Web, run


def refused(w, code, *words):
    done = subprocess.run([w.build / "bin/trapweb", "-c", w.conf], capture_output=True, timeout=20)
    text = done.stderr.decode()
    assert done.returncode == code, (done.returncode, text)
    lines = [line for line in text.splitlines() if " info " not in line]
    assert len(lines) == 1, text
    for word in words:
        assert word in text, (word, text)


def test_port_in_use(build):
    with Web(build) as w, socket.socket() as s:
        s.bind(("127.0.0.1", w.port))
        s.listen()
        refused(w, 69, f"web.listen 127.0.0.1:{w.port}", "in use", "listen")


def test_keys(build):
    with Web(build) as w:
        key = w.dir / "keys/web.key"
        os.chmod(key, 0o644)
        refused(w, 77, "web.key")
        os.chmod(key, 0o600)
        text = key.read_text()
        key.unlink()
        refused(w, 78, "web.key")
        key.write_text(text.replace("node 1 ", "node 2 "))
        os.chmod(key, 0o600)
        refused(w, 78, "web.key", "node_id")
        key.write_text("nonsense\n")
        os.chmod(key, 0o600)
        refused(w, 78, "web.key")


def test_configuration(build):
    with Web(build, config='site "a.example" { theme = "baroque" }') as w:
        refused(w, 78, "baroque", "werkstatt", "trapline.conf")
    with Web(build) as w:
        w.conf.write_text(w.conf.read_text().replace(f'"127.0.0.1:{w.port}"', ""))
        refused(w, 78, "listen")
    with Web(build, config='crawler_files = {"/nowhere/at/all"}') as w:
        refused(w, 78, "/nowhere/at/all")


def test_store(build):
    with Web(build) as w:
        (w.dir / "visits.db").rename(w.dir / "away.db")
        refused(w, 78, "visits.db")
        assert not (w.dir / "visits.db").exists()
        (w.dir / "away.db").rename(w.dir / "visits.db")
        w.start()
        other = w.conf.with_name("other.conf")
        other.write_text(w.conf.read_text().replace(f":{w.port}", ":0"))
        first, w.conf = w.conf, other
        refused(w, 75, "visits.lock")  # another one runs
        w.conf = first
        w.stop()


def test_ipv6(build):
    try:
        with socket.socket(socket.AF_INET6) as s:
            s.bind(("::1", 0))
            port = s.getsockname()[1]
    except OSError:
        print("no IPv6 here")
        return
    with Web(build) as w:
        w.conf.write_text(w.conf.read_text().replace(f'"127.0.0.1:{w.port}"', f'"127.0.0.1:{w.port}", "[::1]:{port}"')
                          .replace('{"127.0.0.1/32"}', '{"127.0.0.1/32", "::1/128"}'))
        w.start()
        with socket.create_connection(("::1", port), timeout=10) as s:
            s.sendall(b"GET / HTTP/1.1\r\nHost: a.example\r\nX-Forwarded-For: 2a02:8100::1\r\nConnection: close\r\n\r\n")
            page = b""
            while part := s.recv(65536):
                page += part
        assert w.addresses(page)
        w.stop()


if __name__ == "__main__":
    run([test_port_in_use, test_keys, test_configuration, test_store, test_ipv6])
    sys.exit(0)
