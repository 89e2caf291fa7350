"""A real Exim keeps its domain, and only trap mail reaches the sink. The configuration is that of docs/inside-a-domain.md, line by line."""
import os
import pathlib
import re
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from mtalib import Exim  # noqa: E402
from testlib import Installation, Smtp, free_port, port_open, recipe_address, run_tests, wait_for  # noqa: E402

SOURCE = pathlib.Path(__file__).resolve().parent.parent.parent
GUIDE = SOURCE / "docs" / "inside-a-domain.md"
FLAG = {name: 1 << bit for bit, name in enumerate(
    "null_sender tls esmtp xclient proxy xforward bare_lf bare_cr nul 8bit long_line early_talk pipelined sloppy_path list_header "
    "auto_submitted report cut refused_after_data bdat smtputf8".split())}
DOMAIN = "corp.example"
BODY = b"Subject: offer\r\n\r\nBuy now.\r\n"
OWN = """\
mailboxes:
  driver = accept
  domains = corp.example
  local_parts = lsearch;{top}/mailboxes
  local_part_suffix = +*
  local_part_suffix_optional
  transport = boxes
"""
REST = """\
rest:
  driver = accept
  domains = ! +local_domains
  transport = nowhere
"""
BOXES = """\
boxes:
  driver = appendfile
  file = {top}/boxes/all
  user = Debian-exim
  envelope_to_add
nowhere:
  driver = appendfile
  file = /dev/null
  user = Debian-exim
"""


class Front:
    """The sink, and an Exim in front of it. Its own mailboxes are anna and one whose name is that of a minted address: `own`."""

    def __init__(self, build, smtp=""):
        self.sink = Installation(build, trap_domains=(), web='commit_deadline = "10s"', smtp=smtp + ' xforward_from = {"127.0.0.1/32"}', config=
                                 f'trap_domain "{DOMAIN}" {{ class = "minted" }}\ntrap "old.name@{DOMAIN}" {{ class = "recycled" }}\nstore {{ free_min = "64M" }}\n')
        self.port = free_port()

    def __enter__(self):
        sink = self.sink
        os.chmod(sink.top, 0o755)
        self.map = sink.top / "run" / "map"
        self.map.parent.mkdir()
        sink.conf.write_text(sink.conf.read_text().replace("hostname =", f'socketmap_listen = "{self.map}"  socketmap_group = "Debian-exim"\nhostname =', 1))
        main = ("domainlist local_domains = corp.example\nacl_smtp_rcpt = rcpt\nacl_smtp_data = data\nhelo_allow_chars = _=\nlog_selector = +all\ndelay_warning =\n"
                "smtputf8_advertise_hosts =\nmessage_suffix_placeholder\n").replace("message_suffix_placeholder\n", "")
        acl = "begin acl\nrcpt:\n" + self.guide("acl") + "  accept  domains = +local_domains\n  deny    message = relaying denied\ndata:\n  accept\n"
        self.mta = Exim(sink, SOURCE, (OWN + self.guide("routers") + REST).replace("{top}", str(sink.top)), self.guide("transports") + BOXES.replace("{top}", str(sink.top)),
                        main=self.guide("main") + main + acl)
        boxes = sink.top / "boxes"
        boxes.mkdir()
        os.chmod(boxes, 0o777)
        sink.start("trapsmtp", "trapweb")
        self.own, self.trap = (recipe_address(sink.get("/", client=visitor)[2]) for visitor in ("11.22.33.44", "11.22.33.45"))
        (sink.top / "mailboxes").write_text(f"anna\n{self.own.split('@')[0]}\n")
        sink.start_peer([str(self.mta.program), "-C", str(self.mta.conf), "-bdf", "-q1s", "-oX", f"127.0.0.1.{self.port}", "-oP", str(sink.top / "exim.pid")])
        wait_for("Exim", lambda: port_open(self.port))
        wait_for("the sink knows the epoch", lambda: self.rcpt(self.trap) == 250)
        return self

    def __exit__(self, *_):
        print(self.mta.log()[-6000:] if sys.exc_info()[0] else "", end="")
        self.sink.close()

    def guide(self, part):
        found = re.findall(rf"^```exim {part}\n(.*?)^```", GUIDE.read_text(), re.M | re.S)
        assert found, part
        return found[0].replace("/run/trapline/map", str(self.map)).replace("::2525", f"::{self.sink.smtp_port}")

    def client(self, source="127.0.0.9", helo="spam.example", esmtp=True):
        s = Smtp(self.port, timeout=60, source=source)
        s.expect(None, 220)
        s.expect(("EHLO " if esmtp else "HELO ") + helo, 250)
        return s

    def mail(self, to, body=BODY, sender="spammer@sender.example", **kw):
        with self.client(**kw) as s:
            assert s.message(sender, [to] if isinstance(to, str) else to, body) == 250

    def rcpt(self, to):
        with self.client() as s:
            s.expect("MAIL FROM:<a@sender.example>", 250)
            return s.command(f"RCPT TO:<{to}>")[0]

    def sink_process(self):
        return next(p for p in self.sink.processes if p.poll() is None and "trapsmtp" in p.args[0])

    def restart_sink(self, old, new):
        self.sink.stop(self.sink_process())
        self.sink.conf.write_text(self.sink.conf.read_text().replace(old, new))
        self.sink.start("trapsmtp")

    def hits(self):
        return self.sink.sql("hits", "SELECT sender, helo, flags, size, reverse_path, address FROM hit ORDER BY seq")

    def traps(self):
        return sorted(a.decode() for a, in self.sink.sql("hits", "SELECT address FROM hit UNION ALL SELECT address FROM hit_rcpt"))

    def delivered(self, name):
        path = self.sink.top / "boxes" / "all"
        text = path.read_text(errors="replace") if path.exists() else ""
        return sum(name + "@" in line for line in text.splitlines() if line.startswith("Envelope-to: "))

    def settled(self):
        wait_for("an empty queue of Exim", lambda: self.mta.queued() == 0, 90)

    def check_no_bounce(self):
        log = self.mta.log()
        for sign in ("<= <> R=", "mailer-daemon", "**", "retry timeout exceeded", "Frozen"):
            assert sign.lower() not in log.lower(), sign

    def check_no_marks(self):
        manners = sum(FLAG[n] for n in ("early_talk", "pipelined", "sloppy_path", "xclient", "refused_after_data"))
        assert all(row[2] & manners == 0 for row in self.hits()), self.hits()
        assert all(flags & manners == 0 for flags, in self.sink.sql("hits", "SELECT flags FROM session")), "session records"


def test_everything(build):
    with Front(build) as f:
        own = f.own.split("@")[0]
        for to, wanted in ((f"anna@{DOMAIN}", 250), (f"Anna+x@{DOMAIN}", 250), (f.own, 250), (f.trap, 250), (f.trap.upper(), 250), (f"old.name@{DOMAIN}", 250),
                           (f"stranger@{DOMAIN}", 550), (f"x{f.trap}", 550), (f.trap.replace("@", "+x@"), 550), ("a@elsewhere.example", 550)):
            assert f.rcpt(to) == wanted, (to, wanted)
        f.mail([f"anna@{DOMAIN}", f.own, f.trap, f"old.name@{DOMAIN}"])
        f.mail(f.trap, source="127.0.0.10", helo="old.client", esmtp=False)
        f.mail(f.trap, source="127.0.0.5", helo="he=lo")
        f.settled()
        wait_for("all hits", lambda: len(f.traps()) == 4)
        rows = [(row[0].hex(), row[1].decode(), bool(row[2] & FLAG["esmtp"]), bool(row[2] & FLAG["xforward"])) for row in f.hits()]
        assert sorted(set(rows)) == sorted([("7f000009", "spam.example", True, True), ("7f00000a", "old.client", False, True), ("7f000005", "he=lo", True, True)]), rows
        assert f.traps() == sorted([f.trap] * 3 + [f"old.name@{DOMAIN}"]), f.traps()
        assert f.delivered("anna") == 1 and f.delivered(own) == 1, "real mailboxes"

        f.sink.stop(f.sink_process())
        for to, wanted in ((f"anna@{DOMAIN}", 250), (f"anna+x@{DOMAIN}", 250), (f.own, 250), (f.trap, 451), (f"stranger@{DOMAIN}", 451)):
            assert f.rcpt(to) == wanted, (to, wanted)
        f.mail([f"anna@{DOMAIN}", f.own])
        f.settled()
        assert f.delivered(own) == 2
        f.sink.start("trapsmtp")
        assert f.rcpt(f.trap) == 250 and f.rcpt(f"stranger@{DOMAIN}") == 550
        f.mail(f.trap)
        wait_for("the sink has it", lambda: len(f.traps()) == 5)
        f.settled()
        f.check_no_bounce()
        f.check_no_marks()


def test_one_connection_for_several_clients(build):
    """Mail that waits in the queue together may go over one connection; each message keeps its client."""
    with Front(build) as f:
        f.restart_sink('free_min = "64M"', 'free_min = "1024G"')
        for i in range(20, 26):
            f.mail(f.trap, source=f"127.0.0.{i}", helo=f"client{i}.example")
        wait_for("the sink is full", lambda: "452" in f.mta.log())
        f.restart_sink('free_min = "1024G"', 'free_min = "64M"')
        f.settled()
        assert sorted((row[0].hex(), row[1].decode()) for row in f.hits()) == sorted((f"7f0000{i:02x}", f"client{i}.example") for i in range(20, 26))
        f.check_no_bounce()


def test_no_bounce(build):
    """Refusal after DATA, a limit of size, a slow sink, a full one, a trap that was retired meanwhile."""
    with Front(build, smtp='after_data = "reject"  message_max = "64k"') as f:
        f.mail(f.trap)
        f.mail(f.trap, body=b"Subject: long\r\n\r\n" + (b"x" * 98 + b"\r\n") * 3000)
        for sender in ("", "a" * 64 + "@" + "b." * 90 + "example", "x!y%z@sender.example"):
            f.mail(f.trap, sender=sender)
        f.settled()
        assert len(f.hits()) == 5 and sum(1 for row in f.hits() if row[2] & FLAG["cut"] and row[3] > 300000) == 1, f.hits()
        f.check_no_marks()

        with f.client() as s:
            s.expect("MAIL FROM:<a@sender.example>", 250)
            s.expect(f"RCPT TO:<{f.trap}>", 250)
            f.sink_process().send_signal(signal.SIGSTOP)
            s.expect("DATA", 354)
            assert s.command(BODY + b".\r\n")[0] == 250
        f.mail([f"anna@{DOMAIN}", f.own])
        wait_for("real mail", lambda: f.delivered("anna") == 1 and f.delivered(f.own.split("@")[0]) == 1)
        time.sleep(2)
        f.sink_process().send_signal(signal.SIGCONT)
        f.settled()
        assert len(f.hits()) == 6

        f.restart_sink('free_min = "64M"', 'free_min = "1024G"')
        f.mail([f.trap, f"old.name@{DOMAIN}"])
        f.mail(f"old.name@{DOMAIN}")
        wait_for("the sink is full", lambda: f.mta.log().count("452 4.3.1") >= 2)
        f.sink.run("trap", "retire", f"old.name@{DOMAIN}")
        f.restart_sink('free_min = "1024G"', 'free_min = "64M"')
        f.settled()
        assert f.traps() == [f.trap] * 7, f.traps()
        assert f.rcpt(f"old.name@{DOMAIN}") == 550
        f.check_no_bounce()


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
