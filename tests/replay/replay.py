"""Plays the dialogues of one script against a real trapsmtp and looks into its databases afterwards.

    replay.py BUILD SOURCE SCRIPT.txt [CASE]

A script is lines; `#` starts a comment line. Before the first case:

    smtp KEY = VALUE        a line of the smtp block of the configuration
    config TEXT             a line of the configuration
    simulated-time          the daemon's clocks are the script's: see `later`
    once                    each case is played once. Otherwise a second time with every octet in a segment of its own, which must leave
                            the same hits (only `early_talk` and `pipelined` may differ)
    clear                   no case is played inside TLS (tls_listen), where it must leave the same hits, too. With simulated-time, and
                            where a case itself is about TLS or about the ends of TCP, it never is

Then cases:

    case WORDS              begins a case with a connection of its own; the greeting is read
    case-ungreeted WORDS    the same, the greeting is not read
    case-proxy WORDS        the same, on a listener that awaits a PROXY header first
    C: TEXT                 sends TEXT and CRLF
    W: TEXT                 sends TEXT as it is
    repeat N TEXT           sends TEXT N times; {n} in it is the number, from 1
    slowly N SECONDS TEXT   the same, and SECONDS go by behind each (simulated-time)
    message                 sends a small message and its end
    second TEXT             another connection to the same port takes the place of this one, which stays open; sends TEXT
    dropped TEXT            sends TEXT; the server may close meanwhile
    S: CODE [/REGEX/]       reads a reply; CODE may be a choice, 250|501, or `any`; `250 x3` reads three such replies
    silent SECONDS          nothing comes in that time
    closed [SECONDS]        the server closes, nothing more comes (default within 30 seconds)
    half-close              the client's side is shut; close: the connection ends here; reset: the same by a RST
    wait SECONDS
    later SECONDS           time goes by (simulated-time);  set-clock SECONDS: somebody puts the wall clock forward, or back
    client                  XCLIENT: each case has an address of its own (samples are three a client and day, and one a body)
    transaction [RCPT]      the same, EHLO, MAIL, RCPT (default t1@old.example), DATA, each with its good reply
    mail                    EHLO, MAIL, RCPT, DATA, a small message, each with its good reply

After the dialogue the connection is closed, and what is on record is compared (without such a line: no hit, and no look at the rest):

    hits N                  messages
    traps A B …             the addresses of the last hit, in order;  trap-count N
    from TEXT               its reverse-path;  helo TEXT;  sender IP;  local IP:PORT;  size N
    dsn TEXT                what MAIL said of DSN;  rcpt-dsn TEXT: the RCPT of the first of its traps
    flags NAME … -NAME …    of the last hit: those, and not the ones with a minus
    content TEXT            of its sample, transparency undone; sample TEXT: as it came on the wire
    letters N               files of mail to postmaster;  letter TEXT: the content of the last one
    records N               session records; record KEY=VALUE …: of the last one (columns of the table; flags+NAME, flags-NAME; KEY~N: not below N, and less
                            than a hundredth above it, or 500)
    auth MECHANISM USER HASH  such an attempt is with the last record; USER - is none. HASH: none, or a word of the script's own: the same
                            word for the same password, another for another;  auth-count N

TEXT knows \\r \\n \\t \\0 \\xHH \\\\ and \\s for a blank.
"""
import ipaddress
import os
import pathlib
import re
import socket
import struct
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "functional"))
from clocklib import Clock  # noqa: E402
from testlib import Installation, Smtp, free_port, skip, unzstd, wait_for  # noqa: E402
from tlslib import TlsSmtp  # noqa: E402

CONFIG = ('trap_domain "old.example" { class = "pristine" }\n'
          'trap_domain "reborn.example" { class = "recycled" }\n'
          'trap_domain "typo.example" { class = "typo" }\n'
          'trap "sales@shop.example" { class = "pristine" }\n')
MESSAGE = b"From: a@sender.example\r\nTo: t1@old.example\r\nSubject: hi\r\n\r\nhello\r\n.\r\n"
CHECKS = "hits traps trap-count from helo sender local size flags dsn rcpt-dsn content sample letters letter records record auth auth-count".split()
HIT_FLAGS = {name: 1 << bit for bit, name in enumerate(
    "null_sender tls esmtp xclient proxy xforward bare_lf bare_cr nul 8bit long_line early_talk pipelined sloppy_path list_header "
    "auto_submitted report cut refused_after_data bdat smtputf8 counted tls_on_plain other_protocol relay_probe dictionary auth injected tarpit automatic backscatter".split())}
NAMED = {"r": b"\r", "n": b"\n", "t": b"\t", "0": b"\0", "\\": b"\\", "s": b" "}


def text(s):
    def one(m):
        return NAMED[m.group(1)] if m.group(1) in NAMED else bytes.fromhex(m.group(1)[1:])
    out, at = b"", 0
    for m in re.finditer(r"\\(x[0-9a-fA-F]{2}|[rnt0\\s])", s):
        out += s[at:m.start()].encode() + one(m)
        at = m.end()
    return out + s[at:].encode()


class Failure(AssertionError):
    pass


AT_ONCE, OCTETS, TLS = "at once", "octet by octet", "inside TLS"
NOT_IN_TLS = "half-close reset dropped connect".split()


class Case:
    def __init__(self, name, kind, number):
        self.name, self.kind, self.number, self.steps = name, kind, number, []

    def fits_tls(self):
        return (self.kind == "case" and "TLS" not in self.name
                and not any(word in NOT_IN_TLS or "TLS" in rest for _, word, rest in self.steps))


def parse(path):
    """(lines for smtp, lines for the configuration, single words, cases)"""
    smtp, config, words, cases = [], [], set(), []
    for number, line in enumerate(path.read_text().split("\n"), 1):
        if not line.strip() or line.startswith("#"):
            continue
        word, _, rest = line.partition(" ")
        if word in ("case", "case-ungreeted", "case-proxy"):
            cases.append(Case(rest.strip(), word, number))
        elif cases:
            cases[-1].steps.append((number, word, rest))
        elif word in ("smtp", "config"):
            (smtp if word == "smtp" else config).append(rest)
        elif line in ("simulated-time", "once", "clear"):
            words.add(line)
        else:
            raise SystemExit(f"{path}:{number}: a case must come first")
    return smtp, config, words, cases


class Player:
    def __init__(self, installation, case, clock, how):
        self.inst, self.case, self.clock, self.how = installation, case, clock, how
        self.client = None

    def fail(self, number, why):
        raise Failure(f"line {number}: {why}")

    def port(self):
        return self.inst.proxy_port if self.case.kind == "case-proxy" else self.inst.smtp_port

    # ---- the dialogue ----

    def send(self, data):
        if self.how != OCTETS:
            self.client.send(data)
            return
        width = 1 if len(data) <= 2000 else 1021
        for at in range(0, len(data), width):
            try:
                self.client.send(data[at:at + width])
            except OSError:  # the server had enough after the first of them
                return

    def do_C(self, _, rest):
        self.send(text(rest) + b"\r\n")

    def do_W(self, _, rest):
        self.send(text(rest))

    def do_repeat(self, _, rest):
        n, _, what = rest.partition(" ")
        what = text(what)
        self.send(b"".join(what.replace(b"{n}", b"%d" % (i + 1)) for i in range(int(n))) if b"{n}" in what else what * int(n))

    def do_slowly(self, _, rest):
        n, seconds, what = rest.split(" ", 2)
        what = text(what)
        for i in range(int(n)):
            try:
                self.client.send(what.replace(b"{n}", b"%d" % (i + 1)))
            except OSError:  # it was told to go meanwhile
                return
            self.clock.later(float(seconds))

    def do_later(self, _, rest):
        self.clock.later(float(rest))

    def do_set_clock(self, _, rest):
        self.clock.step_wall(float(rest))

    def do_message(self, *_):
        self.send(MESSAGE)

    def do_second(self, _, rest):
        self.clients.append(Smtp(self.port()))
        self.client = self.clients[-1]
        self.send(text(rest))

    def do_dropped(self, _, rest):
        try:
            self.send(text(rest))
        except OSError:
            pass

    def do_S(self, number, rest):
        m = re.fullmatch(r"([0-9|]+|any)(?: x(\d+))?(?: /(.*)/)?", rest.strip())
        for _ in range(int(m.group(2) or 1)):
            try:
                code, lines = self.client.reply()
            except OSError as e:
                self.fail(number, f"expected {m.group(1)}: {e}")
            if str(code) not in m.group(1).split("|") and (m.group(1) != "any" or code == 0):
                self.fail(number, f"expected {m.group(1)}, got {lines!r}")
            if m.group(3) and not re.search(m.group(3), "\n".join(x.decode("latin-1") for x in lines)):
                self.fail(number, f"no /{m.group(3)}/ in {lines!r}")

    def do_silent(self, number, rest):
        self.client.sock.settimeout(float(rest))
        try:
            got = self.client.sock.recv(1)
            self.fail(number, f"expected silence, got {got!r}")
        except TimeoutError:
            pass
        self.client.sock.settimeout(30)

    def do_closed(self, number, rest):
        self.client.sock.settimeout(float(rest or 30))
        try:
            got = self.client.file.read(1)
            if got:
                self.fail(number, f"expected the end of the connection, got {got!r}")
        except ConnectionResetError:
            pass
        except TimeoutError:
            self.fail(number, "the connection stays open")

    def do_half_close(self, *_):
        self.client.sock.shutdown(socket.SHUT_WR)

    def do_close(self, *_):
        self.client.close()

    def do_reset(self, *_):
        self.client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.client.close()

    def do_wait(self, _, rest):
        time.sleep(float(rest))

    def do_client(self, number, _):
        self.do_C(number, f"XCLIENT ADDR=198.{18 + (self.how == OCTETS)}.{self.case.number // 250}.{self.case.number % 250 + 1}")
        self.do_S(number, "220")

    def do_transaction(self, number, rest):
        self.do_client(number, "")
        for line, code in (("EHLO client.example", 250), ("MAIL FROM:<a@sender.example>", 250),
                           (f"RCPT TO:<{rest.strip() or 't1@old.example'}>", 250), ("DATA", 354)):
            self.do_C(number, line)
            self.do_S(number, str(code))

    def do_mail(self, number, _):
        for line, code in (("EHLO client.example", 250), ("MAIL FROM:<a@sender.example>", 250), ("RCPT TO:<t1@old.example>", 250), ("DATA", 354)):
            self.do_C(number, line)
            self.do_S(number, str(code))
        self.do_message()
        self.do_S(number, "250")

    # ---- what is on record ----

    def check(self, number, word, rest, hits, records):
        if word == "hits":
            if len(hits) != int(rest):
                self.fail(number, f"expected {rest.strip()} hits, there are {len(hits)}")
        elif word == "records":
            if len(records) != int(rest):
                self.fail(number, f"expected {rest.strip()} session records, there are {[dict(r) for r in records]}")
        elif word == "record":
            self.check_record(number, rest, records)
        elif word in ("auth", "auth-count"):
            self.check_auth(number, word, rest, records)
        elif word in ("letters", "letter"):
            self.check_letter(number, word, rest)
        else:
            if not hits:
                self.fail(number, "there is no hit")
            self.check_hit(number, word, rest, hits[-1])

    def check_hit(self, number, word, rest, hit):
        if word == "traps":
            more = self.inst.sql("hits", "SELECT address FROM hit_rcpt WHERE hit = ? ORDER BY n", hit["seq"])
            got, want = [hit["address"]] + [r[0] for r in more], [text(w) for w in rest.split()]
        elif word == "trap-count":
            got, want = hit["rcpt_count"], int(rest)
        elif word == "flags":
            got, want = self.flag_words(hit["flags"], rest), rest.split()
        elif word in ("content", "sample"):
            wait_for("the sample (is the body that of another case? one sample a digest is kept)", lambda: self.inst.sql("samples", "SELECT 1 FROM sample WHERE hit = ?", hit["seq"]), 5)
            got, want = unzstd(self.inst.sql("samples", "SELECT data FROM sample WHERE hit = ?", hit["seq"])[0][0]), text(rest)
            if word == "content" and not hit["flags"] & HIT_FLAGS["bdat"]:
                got = re.sub(rb"(^|\r\n)\.", rb"\1", got)
        elif word == "sender":
            got, want = str(ipaddress.ip_address(hit["sender"])), rest.strip()
        elif word == "local":
            got, want = f"{ipaddress.ip_address(hit['local'])}:{hit['local_port']}", rest.strip()
        elif word == "size":
            got, want = hit["size"], int(rest)
        else:
            got, want = hit["reverse_path" if word == "from" else word.replace("-", "_")], text(rest)
        if got != want:
            self.fail(number, f"{word}: expected {want!r}, got {got!r}")

    def letters(self):
        return sorted((self.inst.dir / "postmaster").iterdir())

    def check_letter(self, number, word, rest):
        new = [f for f in self.letters() if f not in self.letters_before]
        if word == "letters":
            got, want = len(new), int(rest)
        else:  # behind our own fields, of which Received is the last and folded once
            got, want = re.sub(rb"\A.*?\r\nReceived: .*?\r\n\t.*?\r\n", b"", new[-1].read_bytes() if new else b"", flags=re.S), text(rest)
        if got != want:
            self.fail(number, f"{word}: expected {want!r}, got {got!r}")

    @staticmethod
    def flag_words(value, wanted):
        """The wanted words, each with the minus that the value gives it."""
        return [("" if value & HIT_FLAGS[w.lstrip("-")] else "-") + w.lstrip("-") for w in wanted.split()]

    def check_auth(self, number, word, rest, records):
        if not records:
            self.fail(number, "there is no session record")
        rows = self.inst.sql("hits", "SELECT mechanism, user, secret FROM auth WHERE session_seq = ?", records[-1]["seq"])
        if word == "auth-count":
            if len(rows) != int(rest):
                self.fail(number, f"expected {rest.strip()} attempts, there are {rows}")
            return
        mechanism, user, name = rest.split()
        user = b"" if user == "-" else text(user)
        found = [secret for m, u, secret in rows if (m, u) == (text(mechanism), user) and self.is_secret(name, secret)]
        if not found:
            self.fail(number, f"no such attempt: {rows}")

    secrets = {"none": b""}  # of all cases

    def is_secret(self, name, secret):
        if name not in self.secrets and secret not in self.secrets.values():
            self.secrets[name] = secret
        return self.secrets.get(name) == secret

    def check_record(self, number, rest, records):
        if not records:
            self.fail(number, "there is no session record")
        row = records[-1]
        for pair in rest.split():
            if pair.startswith(("flags+", "flags-")):
                if bool(row["flags"] & HIT_FLAGS[pair[6:]]) != (pair[5] == "+"):
                    self.fail(number, f"{pair}: {row}")
                continue
            if "~" in pair:
                key, _, want = pair.partition("~")
                if not 0 <= row[key] - int(want) < max(500, int(want) / 100):
                    self.fail(number, f"{pair}: {row[key]}")
                continue
            key, _, want = pair.partition("=")
            got = row[key]
            if key in ("client", "local"):
                got = str(ipaddress.ip_address(got))
            if isinstance(got, bytes):
                want = text(want)
            elif isinstance(got, int):
                want = int(want)
            if got != want:
                self.fail(number, f"{key}: expected {want!r}, got {got!r}")

    def rows(self, table, after):
        columns = [r[1] for r in self.inst.sql("hits", f"PRAGMA table_info({table})")]
        return [dict(zip(columns, r)) for r in self.inst.sql("hits", f"SELECT * FROM {table} WHERE seq > ? ORDER BY seq", after)]

    def last(self, table):
        return self.inst.sql("hits", f"SELECT coalesce(max(seq), 0) FROM {table}")[0][0]

    def fence(self):
        """A session with an error writes a record; commits are in order, so everything before it is there then. Its own row."""
        name = f"fence-{self.case.number}-{os.getpid()}-{time.monotonic_ns()}"
        with Smtp(self.inst.smtp_port) as s:
            s.expect(None, 220)
            s.expect("EHLO " + name, 250)
            s.expect("FENCE", 500)
            s.expect("QUIT", 221)
        return wait_for("the fence", lambda: self.inst.sql("hits", "SELECT seq FROM session WHERE helo = ?", name.encode()), pause=0.005)[0][0]

    def play(self):
        """Returns what the hits are, without what depends on segments."""
        before_hits, before_records, self.letters_before = self.last("hit"), self.last("session"), self.letters()
        checks = [s for s in self.case.steps if s[1] in CHECKS]
        self.client = TlsSmtp(self.inst.tls_port).start_tls() if self.how == TLS else Smtp(self.port())
        self.clients = [self.client]
        try:
            if self.case.kind == "case":
                self.do_S(self.case.number, "220")
            for step in self.case.steps:
                if step not in checks:
                    getattr(self, "do_" + step[1].rstrip(":").replace("-", "_"))(step[0], step[2])
        finally:
            for client in self.clients:
                client.close()
        fence = self.fence()
        hits = self.rows("hit", before_hits)
        if self.how == AT_ONCE:
            self.check_all(checks, hits, [r for r in self.rows("session", before_records) if r["seq"] != fence])
        loose = HIT_FLAGS["early_talk"] | HIT_FLAGS["pipelined"] | HIT_FLAGS["tls"]
        return [(h["address"], h["rcpt_count"], h["reverse_path"], h["helo"], h["size"], h["digest"], h["flags"] & ~loose) for h in hits]

    def check_all(self, checks, hits, records):
        if not any(word == "hits" for _, word, _ in checks):
            self.check(self.case.number, "hits", "0", hits, records)
        for number, word, rest in checks:
            self.check(number, word, rest, hits, records)


class Plays:
    """The cases of a script, each in every way that it can be played; what failed, and the hits of the first way."""

    def __init__(self, build, words, cases, config, smtp):
        self.build, self.words, self.cases, self.config, self.smtp = build, words, cases, config, smtp
        self.failed, self.hits, self.done = 0, {}, 0

    def installation(self, **more):
        proxy_port, tls_port = free_port(), free_port()
        smtp = self.smtp + [f'proxy_listen = {{"127.0.0.1:{proxy_port}"}}']
        if more:
            smtp.append(f'tls_listen = {{"127.0.0.1:{tls_port}"}}')
        inst = Installation(self.build, config=CONFIG + "\n".join(self.config), smtp="\n".join(smtp), **more)
        inst.proxy_port, inst.tls_port = proxy_port, tls_port
        return inst

    def play(self, inst, daemon, case, clock, how):
        try:
            hits = Player(inst, case, clock, how).play()
            if hits != self.hits.setdefault(case, hits):
                raise Failure(f"{hits!r}, at first: {self.hits[case]!r}")
            self.done += 1
        except (AssertionError, OSError) as e:
            self.failed += 1
            print("FAIL", case.name, f"({how}) -", e)
        if daemon.poll() is not None:
            raise SystemExit(f"trapsmtp ended with {daemon.returncode} in case: {case.name} ({how})\n{inst.log()}")

    def run(self, cases, ways, **more):
        with self.installation(**more) as inst:
            clock = Clock(self.build, inst) if "simulated-time" in self.words else None
            daemon = inst.start("trapsmtp", env=clock and clock.env)
            for case in cases:
                for how in ways:
                    self.play(inst, daemon, case, clock, how)
            if inst.stop(daemon) != 0:
                raise SystemExit("trapsmtp did not end well\n" + inst.log())
            if self.failed:
                print(inst.log())


def main():
    build, script = sys.argv[1], pathlib.Path(sys.argv[3])
    if not os.path.exists(build + "/bin/trapline"):
        skip("trapline is not built")
    smtp, config, words, cases = parse(script)
    if not any(line.startswith("hits_per_sender_hour") for line in smtp):
        smtp.append("hits_per_sender_hour = 0")  # every session of the fence is told
    only = sys.argv[4] if len(sys.argv) > 4 else ""
    plays = Plays(build, words, [c for c in cases if only in c.name], config, smtp)
    plays.run(plays.cases, [AT_ONCE] if "once" in words else [AT_ONCE, OCTETS])
    inside = [c for c in plays.cases if c.fits_tls() and not words & {"clear", "simulated-time"} and not plays.failed]
    if inside:
        plays.run(inside, [TLS], tls=True)
    print(f"{script.name}: {len(plays.cases)} cases, {plays.done} plays, {plays.failed} failed")
    sys.exit(1 if plays.failed else 0)


if __name__ == "__main__":
    main()
