"""Real mail systems as peers of trapsmtp: Postfix and Exim, each with a configuration and a queue of its own in the scratch directory of an installation."""
import os
import pathlib
import pwd
import shutil
import subprocess
import time

from testlib import skip, wait_for

POSTFIX, MASTER = "/usr/sbin/postfix", "/usr/lib/postfix/sbin/master"
MASTER_CF = """\
pickup    unix  n - n 1 1 pickup
cleanup   unix  n - n - 0 cleanup
qmgr      unix  n - n 1 1 qmgr
tlsmgr    unix  - - n 1000? 1 tlsmgr
rewrite   unix  - - n - - trivial-rewrite
bounce    unix  - - n - 0 bounce
defer     unix  - - n - 0 bounce
trace     unix  - - n - 0 bounce
verify    unix  - - n - 1 verify
flush     unix  n - n 1000? 0 flush
proxymap  unix  - - n - - proxymap
smtp      unix  - - n - - smtp
relay     unix  - - n - - smtp
showq     unix  n - n - - showq
error     unix  - - n - - error
retry     unix  - - n - - error
discard   unix  - - n - - discard
local     unix  - n n - - local
anvil     unix  - - n - 1 anvil
scache    unix  - - n - 1 scache
postlog   unix-dgram n - n - 1 postlogd
"""
MAIN_CF = {
    "compatibility_level": "3.6", "command_directory": "/usr/sbin", "daemon_directory": "/usr/lib/postfix/sbin", "mail_owner": "postfix",
    "setgid_group": "postdrop", "myhostname": "out.example", "mydestination": "", "mynetworks": "127.0.0.0/8 [::1]/128", "inet_interfaces":
    "loopback-only", "inet_protocols": "all", "alias_maps": "", "alias_database": "", "local_recipient_maps": "", "smtp_dns_support_level":
    "disabled", "smtp_tls_security_level": "none", "queue_run_delay": "1s", "minimal_backoff_time": "1s", "maximal_backoff_time": "2s",
    "smtp_connection_cache_on_demand": "no",
}


class Postfix:
    """A Postfix with its own queue. `main` adds to main.cf or replaces, `master` adds lines to master.cf."""

    def __init__(self, inst, main, master="", name="postfix"):
        if not os.path.exists(POSTFIX):
            skip("postfix is not installed")
        if os.geteuid() != 0:
            skip("Postfix starts only as root")
        self.inst, self.top = inst, inst.top / name
        self.conf, self.queue = self.top / "etc", self.top / "spool"
        for folder in (self.top, self.conf, self.queue, self.top / "lib"):
            folder.mkdir(mode=0o755)
        shutil.chown(self.top / "lib", "postfix")
        settings = {**MAIN_CF, "queue_directory": self.queue, "data_directory": self.top / "lib", "maillog_file": self.top / "mail.log",
                    "maillog_file_prefixes": self.top, **main}
        (self.conf / "main.cf").write_text("".join(f"{k} = {v}\n" for k, v in settings.items()))
        (self.conf / "master.cf").write_text(MASTER_CF + master)

    def start(self):
        subprocess.run([POSTFIX, "-c", str(self.conf), "check"], check=True, timeout=60)  # makes the folders of the queue
        self.process = self.inst.start_peer([MASTER, "-c", str(self.conf), "-s"])
        wait_for("the queue manager of Postfix", lambda: (self.queue / "public" / "qmgr").exists(), 60)

    def submit(self, sender, recipients, message):
        """Through sendmail(1), into the queue. LF or CRLF in, what goes out has CRLF."""
        subprocess.run(["/usr/sbin/sendmail", "-C", str(self.conf), "-i", "-f", sender, *recipients], input=message, check=True, timeout=60)

    def queued(self):
        """Messages that are not delivered."""
        return sum(1 for folder in ("maildrop", "incoming", "active", "deferred") for p in (self.queue / folder).rglob("*") if p.is_file())

    def flush(self):
        subprocess.run(["/usr/sbin/postqueue", "-c", str(self.conf), "-f"], check=True, timeout=60)

    def wait_empty(self, seconds=120):
        wait_for("an empty queue of Postfix", lambda: self.queued() == 0, seconds)

    def log(self):
        path = self.top / "mail.log"
        return path.read_text(errors="replace") if path.exists() else ""


def exim_program(source):
    """The one that script/peers unpacked, or one that is installed; None where there is none."""
    unpacked = pathlib.Path(source).resolve() / "build/peers/exim4-daemon-light/usr/sbin/exim4"
    return str(unpacked) if unpacked.exists() else shutil.which("exim4", path="/usr/sbin:/usr/bin")


EXIM_CONF = """\
primary_hostname = exim.example
exim_path = {program}
spool_directory = {top}/spool
log_file_path = {top}/spool/log/%slog
pid_file_path = {top}/exim.pid
tls_advertise_hosts =
never_users =
acl_not_smtp = accept
local_interfaces = <; 127.0.0.1 ; ::1
qualify_domain = exim.example
keep_environment =
message_size_limit = 50M
bounce_return_message = false
{main}

begin routers
{routers}

begin transports
{transports}

begin retry
* * F,1h,1s
"""


class Exim:
    """Messages are delivered by `exim -M`, queue runs are ours: there is no daemon."""

    def __init__(self, inst, source, routers, transports, main="", name="exim"):
        self.program = exim_program(source)
        if self.program is None:
            skip("exim4 is not there; script/peers unpacks it")
        if os.geteuid() != 0:
            skip("Exim runs from another configuration only as root")
        try:
            user = pwd.getpwnam("Debian-exim")
        except KeyError:
            skip("there is no user Debian-exim; script/peers makes it")
        self.inst, self.top = inst, inst.top / name
        self.spool = self.top / "spool"
        for folder in (self.top, self.spool, self.spool / "log", self.spool / "input", self.spool / "db", self.spool / "msglog"):
            folder.mkdir(mode=0o755)
            os.chown(folder, user.pw_uid, user.pw_gid)
        self.conf = self.top / "exim.conf"
        self.conf.write_text(EXIM_CONF.format(program=self.program, top=self.top, main=main, routers=routers, transports=transports))

    def command(self, *words, **kw):
        return subprocess.run([self.program, "-C", str(self.conf), *words], check=True, timeout=120, capture_output=True, **kw)

    def submit(self, sender, recipients, message):
        """Into the queue and, in the foreground, out of it."""
        self.command("-odf", "-oi", "-f", sender, *recipients, input=message)

    def queue_only(self, sender, recipients, message):
        self.command("-odq", "-oi", "-f", sender, *recipients, input=message)

    def run_queue(self):
        self.command("-qff")

    def queued(self):
        return len(list((self.spool / "input").rglob("*-H")))

    def wait_empty(self, seconds=120):
        end = time.monotonic() + seconds
        while self.queued() > 0:
            assert time.monotonic() < end, "the queue of Exim is not empty\n" + self.log()
            self.run_queue()
            time.sleep(0.2)

    def log(self):
        return "".join(p.read_text(errors="replace") for p in sorted((self.spool / "log").glob("*log")))
