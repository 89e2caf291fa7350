"""trapsmtp answers a mail server's question "is this recipient a trap?" (Postfix socketmap, docs/inside-a-domain.md)."""
import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from testlib import Installation, extract, free_port, recipe_address, run_tests, wait_for  # noqa: E402

STATIC = ('trap_domain "old.example" { class = "recycled"  reserved = {"Anna"} }\n'
          'trap "sales@shop.example" { class = "pristine" }\n')


class Map:
    """One connection; where is a path or a port."""

    def __init__(self, where, timeout=20):
        unix = not isinstance(where, int)
        self.sock = socket.socket(socket.AF_UNIX if unix else socket.AF_INET, socket.SOCK_STREAM)
        self.sock.settimeout(timeout)
        self.sock.connect(str(where) if unix else ("127.0.0.1", where))
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def send(self, data):
        self.sock.sendall(data)

    def answer(self):
        """The next answer; None when the server closed."""
        while True:
            head, colon, rest = self.buffer.partition(b":")
            if colon and len(rest) > int(head):
                n = int(head)
                assert rest[n:n + 1] == b",", self.buffer
                self.buffer = rest[n + 1:]
                return rest[:n].decode()
            try:
                data = self.sock.recv(65536)
            except ConnectionResetError:
                return None
            if not data:
                assert not self.buffer, self.buffer
                return None
            self.buffer += data

    def ask(self, key, name="trap"):
        self.send(netstring(f"{name} {key}"))
        return self.answer()


def netstring(text):
    text = text if isinstance(text, bytes) else text.encode()
    return b"%d:%s," % (len(text), text)


@contextlib.contextmanager
def served(build, where=None, smtp="", config=STATIC, trap_domains=("inside.example",)):
    """(installation, where to ask); trapweb runs, too, and mints."""
    with Installation(build, trap_domains=trap_domains, config=config, web='commit_deadline = "10s"') as t:
        where = where or t.top / "map"
        text = f"127.0.0.1:{where}" if isinstance(where, int) else where
        t.conf.write_text(t.conf.read_text().replace('hostname =', f'socketmap_listen = "{text}"  {smtp}\nhostname =', 1))
        t.start("trapsmtp", "trapweb")
        yield t, where


def minted(t, client="11.22.33.44"):
    address = recipe_address(t.get("/", client=client)[2])
    assert address, "a page without addresses"
    wait_for("the sink knows the epoch", lambda: Map_ask(t, address))
    return address


def Map_ask(t, address):
    with Map(t.top / "map") if (t.top / "map").exists() else Map(t.map_port) as m:
        return m.ask(address) == "OK trap"


def other(address):
    """A text of the same form that is not authentic (but with 1 of 512)."""
    local, domain = address.split("@")
    last = int(local[-1]) if local[-1].isdigit() else None
    return (local[:-1] + str((last + 1) % 10) if last is not None else local + "7") + "@" + domain


def test_answers(build):
    with served(build) as (t, where):
        address = minted(t)
        local, domain = address.split("@")
        with Map(where) as m:
            for key, wanted in ((address, "OK trap"), (address.upper(), "OK trap"), ("sales@shop.example", "OK trap"), ("Sales@Shop.Example", "OK trap"),
                                ("anybody@old.example", "OK trap"), ("anna@old.example", "NOTFOUND "), ("ANNA@old.example", "NOTFOUND "),
                                ("anna@inside.example", "NOTFOUND "), (other(address), "NOTFOUND "), ("x" + address, "NOTFOUND "),
                                (local + "+x@" + domain, "NOTFOUND "), (local, "NOTFOUND "), ("@" + domain, "NOTFOUND "), (domain, "NOTFOUND "),
                                ("." + domain, "NOTFOUND "), (local + "@", "NOTFOUND "), (local + "@elsewhere.example", "NOTFOUND "), ("", "NOTFOUND "),
                                ("*", "NOTFOUND "), ("@", "NOTFOUND "), ("postmaster@inside.example", "NOTFOUND "), ("abuse@old.example", "NOTFOUND "),
                                ("postmaster@mx.trap.test", "NOTFOUND "), ("other@shop.example", "NOTFOUND "), ("a b@old.example", "OK trap"),
                                ("x" * 3000 + "@inside.example", "NOTFOUND ")):
                assert m.ask(key) == wanted, (key, m.ask(key))
                assert m.ask(key, "route") == wanted, key
            assert m.ask(address, "transport").startswith("PERM "), "an unknown map"
            m.send(netstring(b"trap \x00\xff\r\n@inside.example"))
            assert m.answer() == "NOTFOUND "
            assert m.ask(address) == "OK trap", "the connection lives on"


def test_a_guess_is_no_trap(build):
    """Also where the sink itself would take all recipients of a minted domain."""
    config = 'trap_domain "open.example" { class = "minted"  unknown = "accept" }\n'
    with served(build, config=config, trap_domains=("inside.example",)) as (_, where), Map(where) as m:
        assert m.ask("anybody@open.example") == "NOTFOUND "
        assert m.ask("anybody@open.example", "route") == "NOTFOUND "


def test_pieces_and_pipelining(build):
    with served(build) as (t, where):
        address = minted(t)
        questions = [(f"trap {address}", "OK trap"), ("trap nobody@inside.example", "NOTFOUND "), ("route sales@shop.example", "OK trap")]
        stream = b"".join(netstring(q) for q, _ in questions)
        with Map(where) as m:
            for i in range(len(stream)):  # octet by octet
                m.send(stream[i:i + 1])
            assert [m.answer() for _ in questions] == [a for _, a in questions]
            for cut in range(1, len(stream), 7):
                m.send(stream[:cut])
                time.sleep(0.01)
                m.send(stream[cut:])
                assert [m.answer() for _ in questions] == [a for _, a in questions], cut
            m.send(stream * 2000)
            assert [m.answer() for _ in range(6000)] == [a for _, a in questions] * 2000
            # one that reads while it asks: there may be room again at any moment
            asking = threading.Thread(target=m.send, args=(stream * 20000,))
            asking.start()
            assert [m.answer() for _ in range(60000)] == [a for _, a in questions] * 20000
            asking.join()
        with Map(where) as m:  # Exim closes its side behind the question
            m.send(netstring(f"trap {address}"))
            m.sock.shutdown(socket.SHUT_WR)
            assert m.answer() == "OK trap" and m.answer() is None


def test_malformed_closes(build):
    with served(build) as (_, where):
        for bad in (b"trap a@inside.example\r\n", b"05:trap ,", b"4:trap,", b"0:,", b"7:trap a@;", b"999999999:", b"4097:", b":,", b"-1:x,", b"GET / HTTP/1.0\r\n\r\n",
                    b"\x16\x03\x01", b"21:nosuchthingasaquestion,"):
            with Map(where) as m:
                m.send(netstring("trap sales@shop.example") + bad)
                assert m.answer() == "OK trap", bad
                assert m.answer() is None, bad
        with Map(where) as m:
            m.send(netstring(b"trap " + b"x" * 4091))
            assert m.answer() == "NOTFOUND ", "the longest question"


def test_limits(build):
    with served(build, smtp='socketmap_max = 3  socketmap_timeout = "2s"') as (t, where):
        with Map(where) as a, Map(where) as b, Map(where) as c:
            assert [m.ask("sales@shop.example") for m in (a, b, c)] == ["OK trap"] * 3
            with Map(where) as d:
                assert d.answer() is None, "one too many is closed"
            a.sock.close()
            wait_for("its place is free", lambda: try_ask(where))
            # octets that drip do not hold a connection
            started = time.monotonic()
            with contextlib.suppress(OSError):
                for octet in netstring("trap " + "x" * 100):
                    b.send(bytes([octet]))
                    time.sleep(0.2)
            assert b.answer() is None and 1.5 < time.monotonic() - started < 15
            assert c.answer() is None, "a silent one is closed"
        # one that does not read is closed, too, and others are served meanwhile
        with Map(where) as greedy:
            greedy.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            greedy.sock.settimeout(0.5)
            with contextlib.suppress(OSError):
                for _ in range(2000):
                    greedy.send(netstring("trap nobody@inside.example") * 1000)
            assert try_ask(where)
            rss = resident(t)
            greedy.sock.settimeout(20)
            wait_for("it is closed", lambda: is_closed(greedy))
        assert rss < 100 << 20, rss


def is_closed(m):
    try:
        while m.sock.recv(1 << 20):
            pass
        return True
    except OSError as e:
        return not isinstance(e, TimeoutError)


def resident(t):
    total = 0
    for p in t.processes:
        with contextlib.suppress(OSError):
            total += int(pathlib.Path(f"/proc/{p.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return total


def try_ask(where):
    with contextlib.suppress(OSError), Map(where) as m:
        return m.ask("sales@shop.example") == "OK trap"
    return False


def test_path(build):
    """Owner and group only; a dead socket is replaced, a living one and other files are not."""
    with served(build) as (t, where):
        assert where.stat().st_mode & 0o777 == 0o660
        program = [str(t.bin / "trapsmtp"), "-c", str(t.conf)]
        config = t.conf.read_text()
        t.conf.write_text(config.replace(f":{t.smtp_port}", f":{free_port()}", 1))
        done = subprocess.run(program, capture_output=True, timeout=30)
        assert done.returncode == 69 and b"in use" in done.stderr, done
        assert try_ask(where)
        t.conf.write_text(config)
        p = next(p for p in t.processes if "trapsmtp" in p.args[0])
        p.send_signal(signal.SIGKILL)
        p.wait()
        t.processes.remove(p)
        assert where.exists()
        p = t.start("trapsmtp")
        assert try_ask(where)
        assert t.stop(p) == 0
        assert not where.exists()
        where.write_text("a letter")
        done = subprocess.run(program, capture_output=True, timeout=30)
        assert done.returncode == 69 and where.read_text() == "a letter", done
        where.unlink()
        t.conf.write_text(config.replace("hostname =", 'socketmap_group = "no-such-group"\nhostname =', 1))
        done = subprocess.run(program, capture_output=True, timeout=30)
        assert done.returncode != 0 and b'no group "no-such-group"' in done.stderr, done
        if os.geteuid() == 0:
            t.conf.write_text(config.replace("hostname =", 'socketmap_group = "daemon"\nhostname =', 1))
            t.start("trapsmtp")
            assert where.stat().st_gid != os.getegid() and where.stat().st_mode & 0o777 == 0o660


def test_port(build):
    with served(build, where=free_port()) as (_, where), Map(where) as m:
        assert m.ask("sales@shop.example") == "OK trap"


def test_what_was_a_trap_is_routed(build):
    """A retired trap, and an address of an old epoch: not for new mail, but for what a front MX has in its queue."""
    with served(build) as (t, where):
        address = minted(t)
        t.run("trap", "retire", "sales@shop.example")
        with Map(where) as m:
            wait_for("the sink knows", lambda: m.ask("sales@shop.example") == "NOTFOUND ")
            assert m.ask("sales@shop.example", "route") == "OK trap"
            epochs = t.dir / "snap" / "epochs"
            node, newest = epochs.read_text().split("\n")[1].split()
            epochs.with_suffix(".new").write_text(f"trapline-epochs 1\n{node} {int(newest) + 4}\n")
            epochs.with_suffix(".new").rename(epochs)
            wait_for("the epoch counts no more", lambda: m.ask(address) == "NOTFOUND ")
            assert m.ask(address, "route") == "OK trap"
            assert m.ask(other(address), "route") == "NOTFOUND "


def test_reserved_is_never_minted(build):
    """The same installation once more, with the first name of its first visit reserved: that slot is left out, and nothing else."""
    def first_page(t, web):
        page = t.get("/", client="11.22.33.44")[2]
        next_page = t.get("/", client="11.22.33.45")[2]
        assert t.stop(web) == 0
        return page, next_page

    with Installation(build, trap_domains=("inside.example",), web='commit_deadline = "10s"') as t:
        copy = t.top / "copy"
        shutil.copytree(t.dir, copy)
        page, _ = first_page(t, t.start("trapweb"))
        address = recipe_address(page)
        for reserved in (False, True):
            shutil.rmtree(t.dir)
            shutil.copytree(copy, t.dir)
            if reserved:
                t.conf.write_text(t.conf.read_text().replace('"inside.example" {', '"inside.example" { reserved = {"' + address.split("@")[0] + '"} ', 1))
            again, next_page = first_page(t, t.start("trapweb"))
            assert (address.split("@")[0].encode() in again) == (not reserved), reserved
            assert set(extract(again)) & set(extract(page)) - {address}, "the other slots stay"
            assert recipe_address(next_page), "the next visit has all"


def test_check_map(build):
    with served(build) as (t, _):
        address = minted(t)
        local = address.split("@")[0]
        file = t.top / "vmailbox"

        def check(text, *words, code):
            file.write_text(text)
            done = t.run("check-map", str(file), *words, check=False)
            assert done.returncode == code, done
            return done.stdout.decode()

        harmless = "# own\n\nanna@inside.example inside.example/anna/\nberta: berta@elsewhere.example\npostmaster\n" + other(address) + "\n@inside.example\n"
        out = check(harmless, "--domain", "inside.example", code=0)
        assert "4 names looked at" in out and "0 would be taken" in out and "1 look like one" in out, out
        out = check(harmless + address.upper() + "\tx\nsales@shop.example\n", "--domain", "inside.example", code=1)
        assert f"{address.upper()}" in out and "a minted address" in out and "a static trap" in out, out
        out = check(local + "\n", code=1)  # in every trap domain
        assert f"{local}@inside.example" in out and f"{local}@old.example" in out and "takes all" in out, out
        done = t.run("check-map", "-", "--json", check=False, input=(address + "\nnobody@inside.example\n").encode())
        assert done.returncode == 1, done
        assert json.loads(done.stdout) == {"names": 2, "reserved": 0, "taken": [{"address": address, "as": "a minted address"}], "similar": []}
        t.conf.write_text(t.conf.read_text().replace('"inside.example" {', '"inside.example" { reserved = {"' + local + '"} ', 1))
        out = check(address + "\n", code=0)
        assert "1 of them reserved" in out, out
        assert t.run("check-map", "/no/such/file", check=False).returncode == 74
        assert t.run("check-map", check=False).returncode == 64


def test_equal_cost(build):
    """A minted, a guessed, a reserved and a static address cost the same: medians, on a machine that may be busy."""
    config = 'trap "info@inside.example" { class = "pristine" }\n'
    with served(build, config=config) as (t, where):
        address = minted(t)
        keys = {"minted": address, "guess": other(address), "name": "johannamarie.baumgarten@inside.example"[:len(address) + 8], "static": "info@inside.example"}
        times = {k: [] for k in keys}
        with Map(where) as m:
            for _ in range(3000):
                for kind, key in keys.items():
                    question = netstring("trap " + key)
                    started = time.perf_counter_ns()
                    m.send(question)
                    m.answer()
                    times[kind].append(time.perf_counter_ns() - started)
        medians = {k: statistics.median(v) for k, v in times.items()}
        print("medians in ns:", medians)
        assert max(medians.values()) < 1.3 * min(medians.values()), medians


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
