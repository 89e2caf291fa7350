"""`trapline probe`: arrives, does not arrive, is refused, nobody there, a server that says nothing; what arrives is no evidence and is removed."""
import contextlib
import json
import pathlib
import re
import socket
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from testlib import Installation, free_port, run_tests  # noqa: E402

USAGE = 64
FROM = ("--from", "operator@example.org")
DOMAINS = ("trap.test", "second.example")


class Server:
    """A mail server that answers from a table and hands nothing on; says what it was told."""

    def __init__(self, answers=None, close_after=None):
        self.answers, self.close_after, self.told = answers or {}, close_after, []
        self.socket = socket.create_server(("127.0.0.1", free_port()))
        self.via = f"127.0.0.1:{self.socket.getsockname()[1]}"
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.shutdown(socket.SHUT_RDWR)  # wakes accept(); before the thread is gone the next server could be given the same descriptor
        self.thread.join()
        self.socket.close()

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                with self.socket.accept()[0] as c, contextlib.suppress(OSError):
                    self.talk(c, c.makefile("rb"))

    def talk(self, c, lines):
        c.sendall(self.answers.get("greeting", b"220 relay.example\r\n"))
        while line := lines.readline():
            verb = line.split()[0].upper().decode()
            self.told.append(line)
            if verb == self.close_after:
                return
            if verb == "DATA" and "DATA" not in self.answers:
                c.sendall(b"354 go\r\n")
                while (line := lines.readline()) not in (b".\r\n", b""):
                    self.told.append(line)
                verb = "."
                if self.close_after == verb:
                    return
            c.sendall(self.answers.get(verb, b"250 fine\r\n"))


def probe(it, *words, code):
    done = it.run("probe", *FROM, *words, "--json", check=False)
    assert done.returncode == code, (words, done.returncode, done.stdout, done.stderr)
    return {p["domain"]: p for p in json.loads(done.stdout)}


def test_arrives(build):
    with Installation(build, trap_domains=DOMAINS) as it:
        it.start("trapsmtp")
        via = ("--via", f"127.0.0.1:{it.smtp_port}")
        with it.smtp("81.2.69.142") as s:  # a person's mail stays
            assert s.message("person@example.com", ["postmaster@trap.test"], b"Subject: hello\r\n\r\nPlease answer.\r\n") == 250
        answer = probe(it, *via, code=0)
        assert set(answer) == set(DOMAINS) and all(p["outcome"] == "arrived" and 0 <= p["ms"] < 120000 for p in answer.values()), answer
        assert set(probe(it, "SECOND.example", *via, code=0)) == {"second.example"}
        text = it.run("probe", *FROM, *via).stdout.decode()
        assert re.fullmatch(r"(arrived      [a-z.]+  after \d+\.\d{3} s\n){2}", text), text
        assert [m["subject"] for m in it.json("postmaster", "list")] == ["hello"]
        assert it.sql("hits", "SELECT count(*) FROM hit") == [(0,)]


def test_does_not_arrive(build):
    with Installation(build, trap_domains=DOMAINS) as it, Server() as server:
        answer = probe(it, "--via", server.via, "--wait", "1s", code=1)
        assert {p["outcome"] for p in answer.values()} == {"not arrived"} and all(p["ms"] is None for p in answer.values()), answer
        told = b"".join(server.told)
        assert told.count(b"MAIL FROM:<operator@example.org>") == 2 and b"EHLO example.org\r\n" in told
        assert b"RCPT TO:<postmaster@trap.test>" in told and b"RCPT TO:<postmaster@second.example>" in told
        marks = set(re.findall(rb"Message-ID: <([0-9a-f]{32})@example.org>", told, re.I))
        assert len(marks) == 2 and b"rapline" not in told, told  # nothing says what it is a test of


def test_refused(build):
    with Installation(build) as it:
        for answers, outcome, says in (({"RCPT": b"550 5.7.1 no\x1b[31m relay\r\n"}, "refused", "550"), ({"MAIL": b"451 4.7.1 later\r\n"}, "deferred", "451"),
                                       ({"RCPT": b"450 4.2.0 greylisted\r\n"}, "deferred", "greylisted"), ({".": b"554 5.6.0 bad\r\n"}, "refused", "554"),
                                       ({"DATA": b"452 4.3.1 full\r\n"}, "deferred", "452")):
            with Server(answers) as server:
                answer = probe(it, "--via", server.via, "--wait", "0s", code=1)["trap.test"]
                assert answer["outcome"] == outcome and says in answer["server_said"], (answers, answer)
                text = it.run("probe", *FROM, "--via", server.via, "--wait", "0s", check=False)
                assert text.returncode == 1 and b"\x1b" not in text.stdout and outcome.encode() in text.stdout, text


def test_no_server(build):
    with Installation(build) as it:
        assert probe(it, "--via", f"127.0.0.1:{free_port()}", code=1)["trap.test"]["outcome"] == "no server"
        for verb in ("EHLO", "MAIL", "RCPT", "DATA", "."):
            with Server(close_after=verb) as server:
                answer = probe(it, "--via", server.via, "--wait", "0s", code=1)["trap.test"]
                assert answer["outcome"] == "no server", (verb, answer, server.told)


def test_words(build):
    with Installation(build, trap_domains=DOMAINS) as it:
        for words in ([], ["--from", "x"], ["--from", "a@trap.test"], ["--from", "postmaster@second.example"], [*FROM, "other.example"], [*FROM, "--wait", "soon"],
                      [*FROM, "--wait", "2d"], ["--from", "a@b.example\r\nX: y"]):
            done = it.run("probe", *words, check=False)
            assert done.returncode == USAGE and not done.stdout, (words, done)


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
