"""What cannot start says so in one line with the right exit code, and nothing stays running; who runs is stopped and restarted as promised."""
import contextlib
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time

from testlib import Installation, port_open, run_tests, wait_for

UNAVAILABLE, CANTCREAT, TEMPFAIL, NOPERM, CONFIG = 69, 73, 75, 77, 78
DAEMONS = ["trapweb", "trapsmtp", "trapexport"]


def processes(it):
    """{pid: program} of everything that runs on this configuration."""
    out = {}
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            words = path.read_bytes().split(b"\0")
            state = path.with_name("stat").read_text().rsplit(")", 1)[1].split()[0]
            if str(it.conf).encode() in words and state != "Z":
                out[int(path.parent.name)] = os.path.basename(words[0].decode())
    return out


def refused(it, command, code, *says, user=None):
    done = subprocess.run([f"{it.bin}/{command[0]}", *command[1:], "-c", str(it.conf)], capture_output=True, text=True, timeout=60,
                          stdin=subprocess.DEVNULL, user=user)
    lines = [line for line in done.stderr.splitlines() if " info " not in line]
    case = (command, done.returncode, done.stderr)
    assert done.returncode == code and not done.stdout, (case, done.stdout)
    assert len(lines) == 1, case
    for word in says:
        assert word in lines[0], (word, case)
    assert processes(it) == {}, (case, processes(it))


def test_port_in_use(build):
    with Installation(build) as it:
        for program, port in (("trapweb", it.web_port), ("trapsmtp", it.smtp_port)):
            with socket.socket() as s:
                s.bind(("127.0.0.1", port))
                s.listen()
                for command in ([program], ["trapline", "run"]):
                    refused(it, command, UNAVAILABLE, program, "127.0.0.1", str(port), "in use")


def test_state_dir_missing(build):
    with Installation(build) as it:
        shutil.move(it.dir, it.top / "away")
        it.conf = shutil.copy(it.top / "away/trapline.conf", it.top / "t.conf")
        for command in ([p] for p in DAEMONS):
            refused(it, command, CONFIG, str(it.dir))
        for words in (["run"], ["status"], ["explain", "1.2.3.4"], ["dump"], ["rebuild"], ["trap", "add", "a@b.example", "typo"],
                      ["deny", "5.5.5.5", "--why", "x"], ["keys", "export"]):
            refused(it, ["trapline", *words], CONFIG, str(it.dir), "trapline init" if words[0] != "keys" else "")
        assert not it.dir.exists()


KEY_USERS = {"master.key": (["trapsmtp"], ["trapexport"], ["trapline", "explain", "1.2.3.4"], ["trapline", "keys", "export"]), "web.key": (["trapweb"],)}


def test_keys(build):
    with Installation(build) as it:
        for name, commands in KEY_USERS.items():
            key = it.dir / "keys" / name
            good = key.read_bytes()
            for command in (*commands, ["trapline", "run"]):
                if command == ["trapline", "run"] and name == "master.key":
                    command = ["trapsmtp"]
                key.chmod(0o640)
                refused(it, command, NOPERM, name, "chmod 600")
                key.unlink()
                refused(it, command, CONFIG, name)
                key.mkdir()
                refused(it, command, CONFIG, name)
                key.rmdir()
                for bad in (b"", b"nonsense\n", good[:-10], good + b"more\n", os.urandom(300)):
                    key.write_bytes(bad)
                    key.chmod(0o600)
                    refused(it, command, CONFIG, name)
                key.write_bytes(good)
                key.chmod(0o600)


def test_unreadable(build):
    if os.geteuid() != 0:
        return
    with Installation(build) as it:
        os.chmod(it.conf, 0o600)
        for command in (*([p] for p in DAEMONS), ["trapline", "run"], ["trapline", "check"], ["trapline", "status"]):
            refused(it, command, CONFIG, str(it.conf), "Permission denied", user="nobody")
        os.chmod(it.conf, 0o644)
        for command in (*([p] for p in DAEMONS), ["trapline", "explain", "1.2.3.4"]):
            refused(it, command, NOPERM, str(it.dir), "Permission denied", user="nobody")


def test_second_instance(build):
    with Installation(build) as it, Installation(build) as other:
        it.start()
        other.conf.write_text(it.conf.read_text().replace(str(it.web_port), str(other.web_port)).replace(str(it.smtp_port), str(other.smtp_port)))
        for program in DAEMONS:
            refused(other, [program], TEMPFAIL, ".lock", "process")
        refused(other, ["trapline", "run"], TEMPFAIL, ".lock", "process")
        refused(other, ["trapline", "rebuild"], TEMPFAIL, "trapexport", "stop")
        assert sorted(processes(it).values()) == sorted([*DAEMONS, "trapline"])
        assert it.get("/", "89.160.20.112")[0] == 200


def test_stop_and_restart(build):
    with Installation(build) as it:
        for sig in (signal.SIGTERM, signal.SIGINT):
            run = it.start()
            run.send_signal(sig)
            assert run.wait(20) == 0, it.log()
            assert processes(it) == {}
        run = it.start()
        wait_for("all three", lambda: len(processes(it)) == 4)
        for program in DAEMONS:
            first = next(p for p, name in processes(it).items() if name == program)
            os.kill(first, signal.SIGKILL)
            wait_for(f"{program} runs again", lambda: any(name == program and p != first for p, name in processes(it).items()))
        wait_for("both answer", lambda: port_open(it.web_port) and port_open(it.smtp_port))
        assert it.get("/", "89.160.20.112")[0] == 200
        assert it.stop(run) == 0 and processes(it) == {}


def supervisor_killed(it):
    run = it.start()
    wait_for("all three", lambda: len(processes(it)) == 4)
    run.kill()
    run.wait()
    try:
        wait_for("no daemon is left", lambda: processes(it) == {})
    finally:
        for pid in processes(it):
            os.kill(pid, signal.SIGKILL)
    it.processes.clear()
    it.stop(it.start())  # what it left behind is in nobody's way


def test_supervisor_killed(build):
    with Installation(build) as it:
        supervisor_killed(it)


def test_supervisor_killed_other_user(build):
    """The daemons have become another user meanwhile, at which Linux forgets whose end was to be theirs."""
    if os.geteuid() != 0:
        return
    with Installation(build, config='user = "nobody"') as it:
        subprocess.run(["chown", "-R", "nobody", str(it.dir)], check=True)
        supervisor_killed(it)


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
