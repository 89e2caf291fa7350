"""A real Postfix keeps its domain, and only trap mail reaches the sink. The configurations are those of docs/inside-a-domain.md, line by line."""
import contextlib
import os
import pathlib
import re
import shutil
import signal
import socketserver
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from mtalib import Postfix  # noqa: E402
from testlib import Installation, Smtp, free_port, port_open, recipe_address, run_tests, wait_for  # noqa: E402

GUIDE = pathlib.Path(__file__).resolve().parent.parent.parent / "docs" / "inside-a-domain.md"
FLAG = {name: 1 << bit for bit, name in enumerate(
    "null_sender tls esmtp xclient proxy xforward bare_lf bare_cr nul 8bit long_line early_talk pipelined sloppy_path list_header "
    "auto_submitted report cut refused_after_data bdat smtputf8".split())}
DOMAIN = "corp.example"
BODY = b"Subject: offer\r\n\r\nBuy now.\r\n"


def lines(file, kind=None):
    """The lines of the guide for one file: those for all kinds of domain, and those for one."""
    blocks = re.findall(r"^```(\S+)(?: (\w+))?\n(.*?)^```", GUIDE.read_text(), re.M | re.S)
    found = [text for name, which, text in blocks if name == file and which in ("", kind)]
    assert found, (file, kind)
    return "".join(found)


class Inner(socketserver.ThreadingTCPServer):
    """The server behind a relay domain: takes everything."""
    allow_reuse_address = daemon_threads = True

    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            with contextlib.suppress(ConnectionError):
                self.dialogue()

        def dialogue(self):
            say = lambda text: self.wfile.write(text.encode() + b"\r\n")  # noqa: E731
            rcpts, data = [], False
            say("220 mail.corp.example ESMTP")
            for line in self.rfile:
                verb = line[:4].upper()
                if data and line == b".\r\n":
                    self.server.got += rcpts
                    rcpts, data = [], False
                    say("250 taken")
                elif data:
                    continue
                elif verb == b"DATA":
                    data = True
                    say("354 go on")
                else:
                    rcpts += re.findall(rb"<(.*?)@", line) if verb == b"RCPT" else []
                    say("221 bye" if verb == b"QUIT" else "250 ok")

    def __init__(self, port):
        super().__init__(("127.0.0.1", port), self.Handler)
        self.got = []
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Front:
    """The sink, and a Postfix in front of it. Its own mailboxes are anna and one whose name is that of a minted address: `own`."""

    def __init__(self, build, kind="virtual", smtp="", config=""):
        self.kind = kind
        self.sink = Installation(build, trap_domains=(), web='commit_deadline = "10s"', smtp=smtp + ' xforward_from = {"127.0.0.1/32"}', config=
                                 f'trap_domain "{DOMAIN}" {{ class = "minted" }}\ntrap "old.name@{DOMAIN}" {{ class = "recycled" }}\n' + config)
        self.port, self.mta = free_port(), None
        self.inner = Inner(free_port())

    def __enter__(self):
        sink = self.sink
        os.chmod(sink.top, 0o755)
        self.socket = sink.top / "postfix" / "spool" / "trapline" / "map"
        sink.conf.write_text(sink.conf.read_text().replace("hostname =", f'socketmap_listen = "{self.socket}"  socketmap_group = "postfix"\nhostname =', 1))
        settings = dict(line.split(" = ", 1) for line in self.place(lines("main.cf", self.kind)).splitlines())
        settings.update({"smtpd_authorized_xclient_hosts": "127.0.0.1", "virtual_mailbox_base": sink.top / "boxes", "virtual_uid_maps": "static:65534",
                         "virtual_gid_maps": "static:65534", "virtual_minimum_uid": "100", "recipient_delimiter": "+", "mynetworks": "192.0.2.0/24",
                         "smtpd_relay_restrictions": "reject_unauth_destination", "default_transport": "discard:", "inet_interfaces": "127.0.0.1",
                         "smtp_connection_cache_on_demand": "yes", "smtpd_error_sleep_time": "0"})
        if self.kind == "local":
            settings["alias_maps"] = f"hash:{sink.top}/etc/aliases"
        master = self.place(lines("master.cf", self.kind)) + ("" if self.kind == "virtual" else "smtp inet n - y - - smtpd\n")
        master = re.sub(r"^smtp( +inet .*)$", rf"127.0.0.1:{self.port}\1", master, flags=re.M) + "virtual unix - n n - - virtual\n"
        self.mta = Postfix(sink, settings, master)
        self.socket.parent.mkdir()
        sink.start("trapsmtp", "trapweb")
        self.own, self.trap = self.minted("11.22.33.44"), self.minted("11.22.33.45")
        self.write_tables(("anna", self.own.split("@")[0]))
        self.mta.start()
        wait_for("smtpd of Postfix", lambda: port_open(self.port))
        wait_for("the sink knows the epoch", lambda: self.rcpt(self.trap) == 250)
        return self

    def __exit__(self, *_):
        print(self.mta.log()[-6000:] if sys.exc_info()[0] and self.mta else "", end="")
        self.sink.close()
        self.inner.shutdown()
        self.inner.server_close()

    def place(self, text):
        """The guide's paths and ports are ours."""
        top = self.sink.top
        return (text.replace("/etc/postfix/", f"{top}/etc/").replace("hash:/etc/aliases", f"hash:{top}/etc/aliases").replace("]:2525", f"]:{self.sink.smtp_port}")
                .replace("[mail.corp.example]", f"[127.0.0.1]:{self.inner.server_address[1]}"))

    def write_tables(self, names):
        etc = self.sink.top / "etc"
        etc.mkdir()
        (self.sink.top / "boxes").mkdir()
        shutil.chown(self.sink.top / "boxes", "nobody", "nogroup")
        (etc / "traps").write_text(self.place(lines("traps")))
        (etc / "local_part").write_text(self.place(lines("local_part")))
        if self.kind != "local":
            (etc / "transport").write_text(self.place(lines("transport", self.kind)))
        (etc / "vmailbox").write_text("".join(f"{n}@{DOMAIN} {n}\n" for n in names))
        (etc / "relay_recipients").write_text("".join(f"{n}@{DOMAIN} x\n" for n in names))
        (etc / "aliases").write_text("".join(f"{n}: {self.sink.top}/boxes/{n}\n" for n in names))
        for program, table in (("postmap", "transport"), ("postmap", "vmailbox"), ("postmap", "relay_recipients"), ("postalias", "aliases")):
            if (etc / table).exists():
                subprocess.run([f"/usr/sbin/{program}", "-c", str(self.mta.conf), f"hash:{etc / table}"], check=True)

    # ---- what is done ----

    def minted(self, visitor):
        return recipe_address(self.sink.get("/", client=visitor)[2])

    def client(self, address="203.0.113.9", helo="spam.example", esmtp=True, source=None):
        s = Smtp(self.port, timeout=60, source=source)
        s.expect(None, 220)
        if address:
            s.expect("EHLO x", 250)
            s.expect("XCLIENT ADDR=" + (f"IPV6:{address}" if ":" in address else address), 220)
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

    def restart_sink(self, old="", new=""):
        """With another configuration."""
        self.sink.stop(self.sink_process())
        self.sink.conf.write_text(self.sink.conf.read_text().replace(old, new))
        self.sink.start("trapsmtp")

    # ---- what happened ----

    def hits(self):
        return self.sink.sql("hits", "SELECT * FROM (SELECT seq, sender, helo, flags, size, reverse_path, address FROM hit UNION ALL "
                             "SELECT hit, x'', x'', 0, 0, x'', address FROM hit_rcpt) ORDER BY seq")

    def traps(self):
        return sorted(row[6].decode() for row in self.hits())

    def delivered(self, name):
        """Messages in a mailbox of ours."""
        path = self.sink.top / "boxes" / name
        return path.read_bytes().count(b"\nSubject: ") if path.exists() else self.inner.got.count(name.encode())

    def settled(self):
        self.mta.wait_empty(90)

    def check_no_bounce(self, null_senders=0):
        log = self.mta.log()
        assert len(re.findall(r"qmgr.*from=<>", log)) == null_senders
        for sign in ("postfix/bounce", "status=bounced", "status=expired", "MAILER-DAEMON", "fatal:"):
            assert sign not in log, sign

    def check_no_marks(self):
        manners = sum(FLAG[n] for n in ("early_talk", "pipelined", "sloppy_path", "xclient", "refused_after_data"))
        assert all(row[3] & manners == 0 for row in self.hits()), self.hits()
        assert all(flags & manners == 0 for flags, in self.sink.sql("hits", "SELECT flags FROM session")), "session records"


# ---- the three kinds of domain ----

def everything(build, kind):
    with Front(build, kind) as f:
        own = f.own.split("@")[0]
        for to, wanted in ((f"anna@{DOMAIN}", 250), (f"Anna+x@{DOMAIN}", 250), (f.own, 250), (f.trap, 250), (f.trap.upper(), 250), (f"old.name@{DOMAIN}", 250),
                           (f"stranger@{DOMAIN}", 550), (f"x{f.trap}", 550), (f.trap.replace("@", "+x@"), 550), ("a@elsewhere.example", 554)):
            assert f.rcpt(to) == wanted, (to, wanted)
        f.mail([f"anna@{DOMAIN}", f.own, f.trap, f"old.name@{DOMAIN}", f"anna+x@{DOMAIN}"])
        f.mail(f.trap, address="2001:db8::9", helo="[IPv6:2001:db8::9]")
        f.mail(f.trap, address="203.0.113.10", helo="old.client", esmtp=False)
        f.mail(f.trap, address=None, source="127.0.0.5", helo="he+lo=")
        f.mail(f.own)
        f.settled()
        rows = [(row[1].hex(), row[2].decode(), bool(row[3] & FLAG["esmtp"]), bool(row[3] & FLAG["xforward"])) for row in f.hits() if row[1]]
        first = [("cb007109", "spam.example", True, True)] * (2 if kind == "local" else 1)  # local(8) takes each recipient by itself
        assert sorted(rows) == sorted(first + [("20010db8000000000000000000000009", "[IPv6:2001:db8::9]", True, True),
                                       ("cb00710a", "old.client", False, True), ("7f000005", "he+lo=", True, True)]), rows
        assert f.traps() == sorted([f.trap] * 4 + [f"old.name@{DOMAIN}"]), f.traps()
        assert f.delivered("anna") == (2 if kind != "relay" else 1) and f.delivered(own) == 2, "real mailboxes"
        assert kind != "relay" or f.inner.got.count(b"anna+x") == 1

        # the sink is down
        f.sink.stop(f.sink_process())
        for to, wanted in ((f"anna@{DOMAIN}", 250), (f"anna+x@{DOMAIN}", 250), (f.own, 250), (f.trap, 451), (f"stranger@{DOMAIN}", 451)):
            assert f.rcpt(to) == wanted, (to, wanted)
        f.mail([f"anna@{DOMAIN}", f.own])
        f.mta.submit(f"anna@{DOMAIN}", ["friend@elsewhere.example"], BODY)
        f.settled()
        assert f.delivered(own) == 3 and "to=<friend@elsewhere.example>, relay=none" in f.mta.log()
        f.sink.start("trapsmtp")
        wait_for("Postfix finds the sink again", lambda: f.rcpt(f.trap) == 250)
        assert f.rcpt(f"stranger@{DOMAIN}") == 550
        f.mail(f.trap)
        f.settled()
        assert len(f.traps()) == 6
        f.check_no_bounce()
        f.check_no_marks()


def test_mailboxes_in_a_table(build):
    everything(build, "virtual")


def test_relay_domain(build):
    everything(build, "relay")


def test_users_and_aliases(build):
    everything(build, "local")


# ---- no bounce ----

def test_what_the_sink_would_refuse(build):
    """Refusal after DATA, a limit of size, and senders and parameters that no rule allows."""
    with Front(build, smtp='after_data = "reject"  message_max = "64k"') as f:
        f.mail(f.trap)
        f.mail([f.trap, f"anna@{DOMAIN}"], body=b"Subject: long\r\n\r\n" + b"0123456789" * 9 + b"\r\n" * 20000 + b"end\r\n" + (b"x" * 98 + b"\r\n") * 3000)
        with f.client() as s:
            for mail, rcpt in (("", ""), ('"a\x01\tb"@sender.example', ""), ("a" * 300 + "@sender.example", ""), ("a@" + "b." * 120 + "example", ""),
                               ("a@sender.example> RET=FULL ENVID=" + "x" * 400 + " SIZE=20", " NOTIFY=SUCCESS,FAILURE,DELAY ORCPT=rfc822;" + "y" * 300),
                               ("a@sender.example> BODY=8BITMIME SIZE=100", " NOTIFY=NEVER")):
                s.expect(f"MAIL FROM:<{mail}" + ("" if ">" in mail else ">"), 250)
                s.expect(f"RCPT TO:<{f.trap}>{rcpt}", 250)
                s.expect("DATA", 354)
                assert s.command(b"Subject: hi\r\n\r\nh\xc3\xa9 \x00.\r\n.\r\n")[0] == 250
        f.settled()
        rows = [row for row in f.hits() if row[1]]
        assert len(rows) == 8, rows
        long = [row for row in rows if row[3] & FLAG["cut"] and row[4] > 300000]
        assert len(long) == 1 and f.delivered("anna") == 1
        f.check_no_bounce(null_senders=1)
        f.check_no_marks()


def test_a_sender_in_utf8(build):
    with Front(build) as f:
        with f.client() as s:
            s.expect("MAIL FROM:<jos\u00e9@sender.example> SMTPUTF8", 250)
            s.expect(f"RCPT TO:<{f.trap}>", 250)
            s.expect("DATA", 354)
            assert s.command(b"Subject: hi\r\n\r\nhello\r\n.\r\n")[0] == 250
        f.settled()
        assert f.traps() == [f.trap] and f.hits()[0][5].decode() == "jos\u00e9@sender.example"
        f.check_no_bounce()


def test_a_slow_sink(build):
    with Front(build) as f:
        with f.client() as s:
            s.expect("MAIL FROM:<a@sender.example>", 250)
            s.expect(f"RCPT TO:<{f.trap}>", 250)
            f.sink_process().send_signal(signal.SIGSTOP)
            s.expect("DATA", 354)
            assert s.command(b"Subject: hi\r\n\r\nhello\r\n.\r\n")[0] == 250
        f.mail([f"anna@{DOMAIN}", f.own])  # nobody waits for it
        wait_for("real mail", lambda: f.delivered("anna") == 1 and f.delivered(f.own.split("@")[0]) == 1)
        time.sleep(4)
        assert f.mta.queued() == 1
        f.sink_process().send_signal(signal.SIGCONT)
        f.settled()
        assert f.traps() == [f.trap]
        f.check_no_bounce()
        f.check_no_marks()


def test_a_full_sink_and_what_was_retired(build):
    """452 for a while; meanwhile one of the traps is retired: its mail is taken and is nobody's."""
    with Front(build, config='store { free_min = "64M" }\n') as f:
        f.restart_sink('free_min = "64M"', 'free_min = "1024G"')
        f.mail([f.trap, f"old.name@{DOMAIN}", f"anna@{DOMAIN}"])
        f.mail(f"old.name@{DOMAIN}")
        wait_for("the sink is full", lambda: f.mta.log().count("452 4.3.1") >= 2)
        wait_for("real mail", lambda: f.delivered("anna") == 1)
        assert f.mta.queued() == 2 and f.traps() == []
        f.sink.run("trap", "retire", f"old.name@{DOMAIN}")
        f.restart_sink('free_min = "1024G"', 'free_min = "64M"')
        f.mta.flush()
        f.settled()
        assert f.traps() == [f.trap], f.traps()
        assert f.rcpt(f"old.name@{DOMAIN}") == 550
        f.check_no_bounce()


def test_a_stranger_is_not_lost(build):
    """What is no trap and comes all the same, by an error in the tables or made on the machine itself, waits in the queue and is said there."""
    with Front(build) as f:
        f.mta.submit(f"anna@{DOMAIN}", [f"stranger@{DOMAIN}"], BODY)
        wait_for("450", lambda: "450 4.2.0" in f.mta.log())
        assert f.mta.queued() == 1 and f.traps() == []
        f.check_no_bounce()


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
