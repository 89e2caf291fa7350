"""What the functional tests share: an installation in a scratch directory, its daemons, and the peers that talk to them.

Only 127.0.0.1 is ever connected to; ports are free ones; only processes that were started here are ended.
"""
import contextlib
import ctypes
import ctypes.util
import http.client
import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time

SKIP = 77


def skip(why):
    print("SKIPPED:", why)
    sys.exit(SKIP)


_ports = set()


def free_port(kind=socket.SOCK_STREAM):
    """A port nobody has, never the same twice. Below the range that the kernel gives to outgoing connections: those of other tests come and go."""
    while True:
        port = random.randrange(10000, 32000)
        with socket.socket(socket.AF_INET, kind) as s, contextlib.suppress(OSError):
            s.bind(("127.0.0.1", port))
            if port not in _ports:
                _ports.add(port)
                return port


def wait_for(what, condition, seconds=60.0, pause=0.05):
    """Calls condition() until it is true and returns what it gave; fails after `seconds`."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError("timed out: " + what)
        time.sleep(pause)


def port_open(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def all_read(port):
    """Whether who listens on that port has accepted all connections to it and read all that was sent on them."""
    local = f"0100007F:{port:04X}"     # 127.0.0.1
    lines = [line.split() for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]]
    waits = [int(n, 16) for f in lines if f[1] == local for n in (f[4].split(":")[1],)]   # of a listener: who is not accepted yet
    return not any(waits) and not any(int(f[4].split(":")[0], 16) for f in lines if f[2] == local)


class Installation:
    """`trapline init` in a scratch directory, with a configuration of the test's own."""

    def __init__(self, build, config="", web="", smtp="", export="", trap_domains=("trap.test",), guard="off", zones=None,
                 tls=False):
        if "commit_deadline" not in web:  # a busy machine is no reason for a page without addresses in a test of something else
            web += '  commit_deadline = "10s"'
        self.bin = pathlib.Path(build) / "bin"
        self.top = pathlib.Path(tempfile.mkdtemp(prefix="trapline-test."))
        os.chmod(self.top, 0o711)
        self.dir = self.top / "state"
        self.conf = self.dir / "trapline.conf"
        self.processes = []
        self.web_port, self.smtp_port, self.dns_port = free_port(), free_port(), free_port(socket.SOCK_DGRAM)
        self.run("init", "--dir", str(self.dir), "--tls", "off", conf=False)
        if tls:
            self.add_certificates()
        domains = "".join(f'trap_domain "{d}" {{ class = "minted"  unknown = "reject" }}\n' for d in trap_domains)
        if zones is None:
            zones = ('policy "test" { preset = "aggressive"  listing_delay = "0" }\n'
                     'zone "bl.trap.test" { kind = "combined"  policy = "test"  publish = "live" }\n')
        self.conf.write_text(
            f'state_dir = "{self.dir}"\nnode_id = 1\n{domains}'
            f'web {{ listen = {{"127.0.0.1:{self.web_port}"}}  trusted_proxies = {{"127.0.0.1/32"}}\n{web}\n}}\n'
            f'smtp {{ listen = {{"127.0.0.1:{self.smtp_port}"}}  hostname = "mx.trap.test"  xclient_from = {{"127.0.0.1/32"}}\n'
            f'{smtp}\n}}\n'
            f'guard = "{guard}"\n{zones}{config}\n'
            f'export {{ dir = "{self.dir}/zones"  interval = "1s"\n{export}\n}}\n')

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close_daemons(self):
        """Ends what still runs."""
        for p in reversed(self.processes):
            if p.poll() is None:
                p.send_signal(signal.SIGTERM)
        for p in self.processes:
            try:
                p.wait(60)
            except subprocess.TimeoutExpired:
                p.kill()
                p.wait()
        self.processes.clear()

    def close(self):
        self.close_daemons()
        path = self.top / "log"
        log = path.read_text(errors="replace") if path.exists() else ""
        found = re.search(r"^.*(?:Sanitizer:|runtime error:|internal error at ).*(?:\n.*){0,40}", log, re.M)
        if os.environ.get("TRAPLINE_TEST_KEEP"):
            print("kept:", self.top)
        else:
            shutil.rmtree(self.top, ignore_errors=True)
        if found:
            raise AssertionError("a daemon broke a rule of its own:\n" + found.group(0))

    certificates = None  # made once in a run: RSA takes its time

    def add_certificates(self):
        if Installation.certificates is None:
            self.run("keys", "tls")
            Installation.certificates = {p.name: p.read_bytes() for p in (self.dir / "tls").iterdir()}
        else:
            (self.dir / "tls").mkdir(mode=0o700, exist_ok=True)
            for name, data in Installation.certificates.items():
                (self.dir / "tls" / name).touch(mode=0o600)
                (self.dir / "tls" / name).write_bytes(data)

    # ---- the command line ----

    def run(self, *words, conf=True, check=True, **kw):
        """One `trapline` command; its completed process."""
        command = [str(self.bin / "trapline"), words[0]] + (["-c", str(self.conf)] if conf else []) + list(words[1:])
        done = subprocess.run(command, capture_output=True, timeout=kw.pop("timeout", 120), **kw)
        if check and done.returncode != 0:
            raise AssertionError(f"{' '.join(command)}: exit {done.returncode}\n{done.stdout.decode()}\n{done.stderr.decode()}")
        return done

    def json(self, *words):
        return json.loads(self.run(*words, "--json").stdout)

    # ---- daemons ----

    def start(self, *programs, env=None):
        """Starts the named daemons (all under `trapline run` when none is named) and waits until they say that they serve: an open port
        says less, the others of the same daemon may still be closed."""
        log = open(self.top / "log", "ab")
        before = log.tell()
        commands = [[str(self.bin / p), "-c", str(self.conf)] for p in programs] or [[str(self.bin / "trapline"), "run", "-c", str(self.conf)]]
        started = [subprocess.Popen(c, stdout=log, stderr=log, env={**os.environ, **(env or {})}) for c in commands]
        self.processes += started
        end = time.monotonic() + 60
        for line in (b" trapweb info web.start", b" trapsmtp info smtp.start", b" trapexport info export.start", b" traplook info look.start"):
            if (not programs and b"traplook" not in line) or line.split()[0].decode() in programs:
                while line not in (self.top / "log").read_bytes()[before:]:
                    if any(p.poll() is not None for p in started) or time.monotonic() > end:
                        raise AssertionError(f"{line.decode()} does not come; exit codes {[p.poll() for p in started]}:\n{self.log()}")
                    time.sleep(0.01)
        return started[0]

    def stop(self, process, seconds=60):
        process.send_signal(signal.SIGTERM)
        code = process.wait(seconds)
        self.processes.remove(process)
        return code

    def sockets(self, process):
        """How many sockets a daemon has open, its own and those of its clients."""
        count = 0
        for fd in pathlib.Path(f"/proc/{process.pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                count += os.readlink(fd).startswith("socket:")
        return count

    def log(self):
        path = self.top / "log"
        return path.read_text(errors="replace")[-4000:] if path.exists() else ""

    def database(self, name):
        """A connection that only reads; the caller closes it."""
        return sqlite3.connect(f"file:{self.dir}/{name}.db?mode=ro", uri=True, timeout=10)

    def sql(self, name, query, *values):
        with contextlib.closing(self.database(name)) as db:
            return db.execute(query, values).fetchall()

    # ---- peers ----

    def get(self, path="/", client=None, agent="Mozilla/5.0", host="www.example.com", method="GET", headers=()):
        """(status, headers, body) of one request, as the visitor `client`."""
        c = http.client.HTTPConnection("127.0.0.1", self.web_port, timeout=60)
        head = dict(headers)
        head["Host"] = host
        if client:
            head["X-Forwarded-For"] = client
        if agent is not None:
            head["User-Agent"] = agent
        try:
            c.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for k, v in head.items():
                c.putheader(k, v)
            c.endheaders()
            answer = c.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            c.close()

    def smtp(self, client=None, helo="client.example"):
        s = Smtp(self.smtp_port)
        s.expect(None, 220)
        s.expect(f"EHLO {helo}", 250)
        if client:
            s.expect("XCLIENT ADDR=" + (f"IPV6:{client}" if ":" in client else client), 220)
            s.expect(f"EHLO {helo}", 250)
        return s

    def mail(self, to, client=None, sender="spammer@sender.example", body=b"Subject: offer\r\n\r\nBuy now.\r\n", helo="client.example"):
        """One message to one recipient or a list; the code after DATA."""
        with self.smtp(client, helo) as s:
            return s.message(sender, [to] if isinstance(to, str) else to, body)

    def serve(self, *zones, check="1"):
        """A real rbldnsd over zones; zones as rbldnsd names them, with files below zones/current: it must follow that symlink anew
        for each look, so its own folder is zones."""
        zones = [f"{name}:{kind}:current/{file}" for name, kind, file in (z.split(":") for z in zones)]
        program = shutil.which("rbldnsd") or "/usr/sbin/rbldnsd"
        return self.start_peer([program, "-n", "-c", check, "-b", f"127.0.0.1/{self.dns_port}", "-w", str(self.dir / "zones"), *zones])

    def start_peer(self, command, **kw):
        """Another program, in the foreground; it ends with the installation. What it says is in NAME.log."""
        log = open(self.top / (pathlib.Path(command[0]).name + ".log"), "ab")
        p = subprocess.Popen(command, stdout=log, stderr=log, **kw)
        self.processes.append(p)
        return p


class Smtp:
    """A client that sends exactly the bytes it is told to and reads whole replies."""

    def __init__(self, port, timeout=60, host="127.0.0.1", source=None):
        self.sock = socket.create_connection((host, port), timeout=timeout, source_address=source and (source, 0))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.sock.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.file.close()
        self.sock.close()

    def send(self, data):
        self.sock.sendall(data)

    def reply(self):
        """(code, lines) of one reply; (0, []) when the server closed."""
        lines = []
        while True:
            line = self.file.readline()
            if not line:
                return 0, lines
            lines.append(line.rstrip(b"\r\n"))
            if line[3:4] != b"-":
                return int(line[:3]), lines

    def command(self, line):
        if line is not None:
            self.send(line.encode() + b"\r\n" if isinstance(line, str) else line)
        return self.reply()

    def expect(self, line, code):
        got, lines = self.command(line)
        assert got == code, f"{line!r}: expected {code}, got {lines!r}"
        return lines

    def message(self, sender, recipients, body):
        self.expect(f"MAIL FROM:<{sender}>", 250)
        for r in recipients:
            self.expect(f"RCPT TO:<{r}>", 250)
        self.expect("DATA", 354)
        self.send(stuff(body) + b".\r\n")
        return self.reply()[0]


def stuff(body):
    """Transparency of RFC 5321 4.5.2; line ends are made CRLF."""
    lines = body.replace(b"\r\n", b"\n").split(b"\n")
    if lines and lines[-1] == b"":
        lines.pop()
    return b"".join((b"." if line.startswith(b".") else b"") + line + b"\r\n" for line in lines)


def unzstd(data):
    lib = ctypes.CDLL(ctypes.util.find_library("zstd") or "libzstd.so.1")
    lib.ZSTD_decompress.restype = ctypes.c_size_t
    lib.ZSTD_isError.argtypes = [ctypes.c_size_t]
    out = ctypes.create_string_buffer(1 << 20)
    n = lib.ZSTD_decompress(out, ctypes.c_size_t(len(out)), data, ctypes.c_size_t(len(data)))
    assert not lib.ZSTD_isError(n), "the sample is no zstd frame"
    return out.raw[:n]


ADDRESS = re.compile(rb"[A-Za-z0-9._-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")


def extract(page):
    """The addresses of a page, as a plain harvester takes them, in order, each once."""
    return list(dict.fromkeys(a.decode().lower() for a in ADDRESS.findall(page)))


def recipe_address(page):
    """The address of the first slot: target of the first mailto link."""
    found = re.search(rb'href="mailto:([^"?]+)"', page)
    return found.group(1).decode() if found else None


def run_tests(names):
    """Runs every test_*(build) of a file, or those that $TRAPLINE_TEST names; what fails stops it."""
    wanted = os.environ.get("TRAPLINE_TEST", "").split()
    for name, test in list(names.items()):
        if name.startswith("test_") and (not wanted or name in wanted):
            test(os.path.abspath(sys.argv[1]))
            print("ok", name)
    return 0
