"""trapweb alone: a state directory made by mkstate, the daemon, a client with keep-alive."""
import http.client
import pathlib
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from testlib import free_port, port_open, wait_for  # noqa: E402

PUBLIC = "8.8.4.4"
PLAIN = re.compile(rb"[\w.+-]+@[\w-]+\.[\w.-]*\w")
STRICT = re.compile(rb"[a-z][a-z0-9]{5,22}@[a-z]+\.(?:net|org)")
MAILTO = re.compile(rb'href="mailto:([^"?]+)"')


class Web:
    def __init__(self, build, domains=("quellwerft.net",), web="", config="", listen=None):
        self.build = pathlib.Path(build)
        self.top = pathlib.Path(tempfile.mkdtemp(prefix="trapweb-test."))
        self.dir = self.top / "state"
        self.port = free_port()
        self.process = None
        subprocess.run([self.build / "tests/bin/mkstate", self.dir, "1"], check=True)
        self.conf = self.top / "trapline.conf"
        blocks = "".join(f'trap_domain "{d}" {{ class = "minted" }}\n' for d in domains)
        if "commit_deadline" not in web:  # a busy machine is no reason for a page without addresses in a test of something else
            web += '  commit_deadline = "5s"'
        listen = listen or f'"127.0.0.1:{self.port}"'
        self.conf.write_text(f'state_dir = "{self.dir}"\nnode_id = 1\nguard = "off"\n{blocks}{config}\n'
                             f'web {{ listen = {{{listen}}}  trusted_proxies = {{"127.0.0.1/32"}}\n{web}\n}}\n')

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.top, ignore_errors=True)

    def start(self):
        with open(self.top / "log", "ab") as log:
            self.process = subprocess.Popen([self.build / "bin/trapweb", "-c", self.conf], stdout=log, stderr=log)
        wait_for("trapweb listens", lambda: port_open(self.port) or self.process.poll() is not None)
        assert self.process.poll() is None, self.log()
        return self

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(20)
        assert code == 0, (code, self.log())

    def log(self):
        return (self.top / "log").read_text(errors="replace")

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)

    def ask(self, path="/", client=PUBLIC, agent="Mozilla/5.0", host="www.a.example", method="GET", connection=None, **headers):
        """(status, headers, body)"""
        c = connection or self.connect()
        fields = {"Host": host, **{k.replace("_", "-"): v for k, v in headers.items()}}
        if client is not None:
            fields["X-Forwarded-For"] = client
        if agent is not None:
            fields["User-Agent"] = agent
        c.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for k, v in fields.items():
            c.putheader(k, v)
        c.endheaders()
        answer = c.getresponse()
        body = answer.read()
        if connection is None:
            c.close()
        return answer.status, answer.headers, body

    def addresses(self, body):
        """What a page shows, in order, each once."""
        return list(dict.fromkeys(a.decode() for a in PLAIN.findall(body)))

    def decode(self, locals_, domain="quellwerft.net"):
        """(node, epoch, serial, slot) or None, for each."""
        done = subprocess.run([self.build / "tests/bin/mkstate", self.dir, "decode", domain], capture_output=True, check=True,
                              input="".join(a + "\n" for a in locals_).encode())
        return [None if line == "none" else tuple(map(int, line.split())) for line in done.stdout.decode().splitlines()]

    def serials(self, body):
        """The distinct serials of a page's addresses."""
        found = [a.split("@") for a in self.addresses(body)]
        refs = [self.decode([local], domain)[0] for local, domain in found]
        return {r[2] for r in refs if r}

    def sql(self, query, *values):
        db = sqlite3.connect(f"file:{self.dir}/visits.db?mode=ro", uri=True, timeout=10)
        try:
            return db.execute(query, values).fetchall()
        finally:
            db.close()

    def visits(self):
        return self.sql("SELECT count(*) FROM visit")[0][0]

    def lock(self):
        """A connection that holds the write lock of visits.db until it is rolled back."""
        db = sqlite3.connect(self.dir / "visits.db", isolation_level=None, timeout=10)
        db.execute("BEGIN IMMEDIATE")
        return db


def run(tests):
    build = sys.argv[1]
    for test in tests:
        begin = time.monotonic()
        test(build)
        print(f"ok {test.__name__} ({time.monotonic() - begin:.1f} s)")
