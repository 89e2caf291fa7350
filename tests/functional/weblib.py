"""trapweb alone: an installation, the daemon, a client with keep-alive, and what its pages show."""
import http.client
import pathlib
import re
import sqlite3
import subprocess
import sys
import time

from testlib import Installation

PUBLIC = "8.8.4.4"
PLAIN = re.compile(rb"[\w.+-]+@[\w-]+\.[\w.-]*\w")
STRICT = re.compile(rb"[a-z][a-z0-9]{5,22}@[a-z]+\.(?:net|org)")
MAILTO = re.compile(rb'href="mailto:([^"?]+)"')


class Web(Installation):
    def __init__(self, build, domains=("quellwerft.net",), web="", config=""):
        self.build = pathlib.Path(build)
        self.process = None
        super().__init__(build, trap_domains=domains, web=web, config=config)
        self.port = self.web_port

    def start(self, *_):
        self.process = super().start("trapweb")
        return self

    def stop(self, *_):
        code = super().stop(self.process)
        assert code == 0, (code, self.log())

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)

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
        """(node, epoch, serial, slot) or None, for each; the newest reading where there are several."""
        done = subprocess.run([self.build / "tests/fault/decode_addresses", self.dir], capture_output=True, check=True,
                              input="".join(f"{a}@{domain}\n" for a in locals_).encode())
        return [None if line == "-" else tuple(map(int, line.split(",")[0].split())) for line in done.stdout.decode().splitlines()]

    def serials(self, body):
        """The distinct serials of a page's addresses."""
        found = [a.split("@") for a in self.addresses(body)]
        refs = [self.decode([local], domain)[0] for local, domain in found]
        return {r[2] for r in refs if r}

    def sql(self, query, *values):
        return super().sql("visits", query, *values)

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
