"""dist/trapline-fetch: installs what holds against the manifest, keeps what was there when it does not, empties what is stale."""
import functools
import hashlib
import http.server
import os
import pathlib
import subprocess
import sys
import tempfile
import threading

FETCH = pathlib.Path(sys.argv[2]) / "dist" / "trapline-fetch" if len(sys.argv) > 2 else pathlib.Path(__file__).resolve().parents[2] / "dist" / "trapline-fetch"
MADE, HOUR = 1767225600, 3600  # 2026-01-01T00:00:00Z
NFT = b"# x\nadd table inet trapline\nadd set inet trapline s { type ipv4_addr; }\nflush set inet trapline s\nadd element inet trapline s {\n1.2.3.4 timeout 9s,\n}\n"
FILES = {
    "a.ip4.cidr": (b"# x\n# y\n# z\n1.2.3.4\n5.6.7.0/24\n", b"# x\n# y\n# z\n"),
    "a.ip4.nftables": (NFT, NFT[:NFT.index(b"add element")]),
    "a.ip4.csv": (b"prefix,answer\n1.2.3.4,127.0.0.2\n", b"prefix,answer\n"),
    "a.ip4.jsonl": (b'{"list":"a"}\n{"prefix":"1.2.3.4"}\n', b'{"list":"a"}\n'),
    "a.ip4": (b"$SOA x\n1.2.3.4\n", b"$SOA x\n1.2.3.4\n"),  # ends by itself
}


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


class World:
    def __init__(self, top):
        self.set, self.to = top / "current", top / "installed"
        self.set.mkdir()
        self.to.mkdir()

    def publish(self, serial, day="2026-01-01", contents=None, end="end\n"):
        text = f"trapline-set 1\nserial {serial}\nas-of {day}T00:00:00Z\npolicy abc\n"
        for name, (content, _) in FILES.items():
            content = (contents or {}).get(name, content)
            (self.set / name).write_bytes(content)
            text += f"file {name} {serial} {day}T00:00:00Z 1 {len(content)} {hashlib.sha256(content).hexdigest()}\n"
        (self.set / "manifest").write_text(text + "dataset ip4trie a live 1\n" + end)

    def fetch(self, now, status, names=tuple(FILES), source=None, says=""):
        done = subprocess.run([sys.executable, str(FETCH), "--stale-after", str(6 * HOUR), "--now", str(now), str(source or self.set), str(self.to), *names],
                              capture_output=True, text=True, timeout=60)
        assert done.returncode == status and says in done.stderr, (status, done)
        left = {p.name for p in self.to.iterdir()}
        assert not any(n.startswith(".trapline-") and n != ".trapline-fetch" for n in left), left

    def holds(self, which, contents=None):
        for name, both in FILES.items():
            expected = (contents or {}).get(name, both[which])
            assert (self.to / name).read_bytes() == expected, (name, (self.to / name).read_bytes())
            assert (self.to / name).stat().st_mode & 0o777 == 0o644


def check_installs(w):
    w.publish(10)
    w.fetch(MADE + 60, 0)
    w.holds(0)
    before = os.stat(w.to / "a.ip4.cidr").st_ino
    w.fetch(MADE + 120, 0)
    assert os.stat(w.to / "a.ip4.cidr").st_ino == before, "an unchanged file is left alone"


def check_refuses(w):
    """Whatever does not hold: nothing of the set is installed, what was there stays."""
    good = {name: content for name, (content, _) in FILES.items()}
    other = {"a.ip4.cidr": b"# x\n9.9.9.9\n"}
    w.publish(11, contents=other, end="")
    w.fetch(MADE + 60, 1, says="damaged")
    w.publish(11, contents=other)
    (w.set / "a.ip4.jsonl").write_bytes(good["a.ip4.jsonl"].replace(b"1.2", b"9.2"))
    w.fetch(MADE + 60, 1, says="a.ip4.jsonl: not the file")
    (w.set / "a.ip4.jsonl").write_bytes(good["a.ip4.jsonl"] + b"x")
    w.fetch(MADE + 60, 1, says="a.ip4.jsonl: longer")
    w.publish(9, contents=other)
    w.fetch(MADE + 60, 1, says="older")
    w.publish(11, contents=other)
    w.fetch(MADE - HOUR, 1, says="from the future")
    w.fetch(MADE + 60, 1, ["a.ip4.cidr", "b.ip4.cidr"], says="b.ip4.cidr: not in the set")
    w.fetch(MADE + 60, 1, source=w.set / "none")
    for bad in ("../a.ip4.cidr", ".x", "manifest"):
        w.fetch(MADE + 60, 2, [bad])
    w.holds(0)
    w.fetch(MADE + 60, 0)
    w.holds(0, other)


def check_stale(w):
    """A publisher that died: its last files are emptied, and come back with it."""
    w.publish(12)
    w.fetch(MADE + 60, 0)
    w.fetch(MADE + 6 * HOUR - 1, 1, source=w.set / "none")
    w.holds(0)
    w.fetch(MADE + 6 * HOUR, 1, says="a.ip4.cidr: stale, emptied")
    w.holds(1)
    w.fetch(MADE + 7 * HOUR, 1, source=w.set / "none")
    w.holds(1)
    w.publish(13, "2026-01-02")
    w.fetch(MADE + 24 * HOUR, 0)
    w.holds(0)


def check_http(w):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(w.set)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    w.publish(14, "2026-01-02", {"a.ip4.cidr": b"# http\n"})
    w.fetch(MADE + 25 * HOUR, 0, source=f"http://127.0.0.1:{server.server_port}")
    w.holds(0, {"a.ip4.cidr": b"# http\n"})
    (w.set / "manifest").unlink()
    w.fetch(MADE + 25 * HOUR, 1, source=f"http://127.0.0.1:{server.server_port}/", says="404")
    server.shutdown()


def main():
    with tempfile.TemporaryDirectory(prefix="trapline-fetch.") as top:
        w = World(pathlib.Path(top))
        for check in (check_installs, check_refuses, check_stale, check_http):
            check(w)
    print("ok")


main()
