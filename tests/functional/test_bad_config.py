"""Every program answers a wrong configuration with one line (file, line, what is wrong, what is allowed) and exit 78, and starts nothing."""
import pathlib
import subprocess
import sys
import tempfile

PROGRAMS = [["trapweb"], ["trapsmtp"], ["trapexport", "--once"], ["trapline", "check"], ["trapline", "run"]]
EXIT_CONFIG = 78

# text of the file, line of the mistake, part of the message
WRONG = [
    ('state_dir = "{state}"\nfoo = 1\n', 2, "unknown key 'foo'"),
    ('state_dir = "{state}"\n\nnode_id = 0\n', 3, "a whole number from 1 to 255"),
    ('state_dir = "{state}"\nweb {{\n  listen = {{"8080"}}\n}}\n', 3, "IP:PORT"),
    ('state_dir = "{state}"\nsmtp {{ xclient_from = {{"0.0.0.0/0"}} }}\n', 2, "let anybody claim any address"),
    ('state_dir = "{state}"\nzone "z.example" {{\n  policy = "none"\n}}\n', 3, "there is no policy"),
    ('state_dir = "{state}"\nweb {{\n', 2, "never closed"),
]


def run(command, conf):
    return subprocess.run(command + ["-c", str(conf)], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20)


def check(command, conf, where, says, state):
    got = run(command, conf)
    lines = got.stderr.splitlines()
    name = " ".join([pathlib.Path(command[0]).name] + command[1:])
    problem = None
    if got.returncode != EXIT_CONFIG:
        problem = f"exit {got.returncode} instead of {EXIT_CONFIG}"
    elif len(lines) != 1 or where not in lines[0] or says not in lines[0]:
        problem = f"expected one line with {where!r} and {says!r}"
    elif state.exists():
        problem = "it made the state directory"
    if problem:
        print(f"{name}: {problem}\n  said: {got.stderr}{got.stdout}")
    return problem is None


def main():
    build = pathlib.Path(sys.argv[1])
    commands = [[str(build / "bin" / p[0])] + p[1:] for p in PROGRAMS if (build / "bin" / p[0]).exists()]
    if not commands:
        print("SKIPPED: no program is built")
        return 77
    good = True
    with tempfile.TemporaryDirectory(prefix="trapline-test.") as scratch:
        top = pathlib.Path(scratch)
        conf, state = top / "t.conf", top / "state"
        for text, line, says in WRONG:
            conf.write_text(text.format(state=state))
            for command in commands:
                good &= check(command, conf, f"{conf}:{line}: ", says, state)
        for command in commands:
            good &= check(command, top / "missing.conf", str(top / "missing.conf"), "No such file", state)
            good &= check(command, top, str(top), "Is a directory", state)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
