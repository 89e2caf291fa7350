"""What an operator can say is written down: every verb and option of `trapline` in trapline(1) and every verb in the README, every option
of the daemons in a man page of their own, and no page names a verb, a key
of the configuration or a line of the log that does not exist.
`documented.py BUILD SOURCE` runs the programs of the build.
"""
import pathlib
import re
import shutil
import subprocess
import sys

BUILD, SOURCE = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
BLOCK = re.compile(r"^\s*(trap_domain|trap|site|web|smtp|store|policy|zone|export|look|geoip)( \"[^\"]+\")? \{")
failures = []


def output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


def manual(name):
    text = (SOURCE / "docs/man" / name).read_text()
    return text.replace("\\-", "-").replace("\\fR", "").replace("\\fP", "").replace("\\(dq", '"')


def options(text):
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", text))


def check_verbs():
    trapline = str(BUILD / "bin/trapline")
    verbs = re.findall(r"^  ([a-z][a-z-]*) +[A-Z]", output(trapline, "help"), re.M)
    assert len(verbs) >= 20, verbs
    page, readme = manual("trapline.1"), (SOURCE / "README.md").read_text()
    described = "\n".join(line for line in page.split(".SH VERBS")[1].split(".SH ")[0].splitlines() if line.startswith(".B"))
    for verb in verbs:
        usage = output(trapline, "help", verb)
        if not re.search(rf'(?<![\w-]){verb}(?![\w-])', described):
            failures.append(f"docs/man/trapline.1: no verb {verb}")
        for option in sorted(options(usage) - options(page)):
            failures.append(f"docs/man/trapline.1: no {option}, which `trapline help {verb}` names")
        if not re.search(rf"trapline [^\n]*(?<![\w-]){verb}(?![\w-])", readme):
            failures.append(f"README.md: no trapline {verb}")
    return set(verbs)


def check_daemons():
    for program in sorted(p.name for p in (BUILD / "bin").glob("trap*") if p.name != "trapline"):
        if not (SOURCE / f"docs/man/{program}.8").exists():
            failures.append(f"docs/man/{program}.8: not there")
            continue
        for option in sorted(options(output(str(BUILD / "bin" / program), "--help")) - options(manual(f"{program}.8"))):
            failures.append(f"docs/man/{program}.8: no {option}")


def check_named(verbs, keys):
    """Pages that people read: code in them is right, at least by name."""
    pages = [SOURCE / "README.md", SOURCE / "CHANGELOG.md", *sorted((SOURCE / "docs").glob("*.md"))]
    for page in pages:
        text = page.read_text()
        for verb in re.findall(r"`trapline ([a-z][a-z-]*)", text):
            if verb not in verbs | {"help"}:
                failures.append(f"{page.name}: there is no trapline {verb}")
        depth = 0
        for number, line in enumerate(text.splitlines(), 1):
            if depth > 0 or BLOCK.match(line):
                depth += line.count("{") - line.count("}")
                for key in re.findall(r"(?<![\w.\"])([a-z][a-z0-9_]*)\s+\+?= ", line):
                    if key not in keys:
                        failures.append(f"{page.name}:{number}: there is no key {key}")


def check_events():
    """What the table of log lines names is logged somewhere."""
    sources = "".join(p.read_text(errors="replace") for folder in ("lib", "store", "export", "trapweb", "trapsmtp", "traplook", "trapline")
                      for p in (SOURCE / folder).glob("**/*.c"))
    page = (SOURCE / "docs/operation.md").read_text()
    named = [event for line in page.splitlines() if line.startswith("| `") for event in re.findall(r"`([a-z]+(?:\.[a-z_]+)+)`", line)]
    named = [event for event in named if event.split(".")[0] in ("smtp", "store", "web", "export", "look", "supervisor")]
    assert len(named) >= 12, named
    for event in named:
        if f'"{event}"' not in sources:
            failures.append(f"docs/operation.md: nothing logs {event}")


def check_rendering():
    groff = shutil.which("groff")
    if groff is None:
        return
    pages = sorted((SOURCE / "docs/man").glob("*.[0-9]")) + [BUILD / "docs/man/trapline.conf.5"]
    for page in pages:
        done = subprocess.run([groff, "-man", "-Tutf8", "-ww", "-z", str(page)], capture_output=True, text=True, timeout=60)
        for line in done.stderr.splitlines():
            failures.append(line)


def main():
    conf = (BUILD / "docs/man/trapline.conf.5").read_text().replace("\\-", "-")
    keys = set(re.findall(r"^\.B ([a-z][a-z0-9_]*)$", conf, re.M))
    assert {"listen", "hostname", "socketmap_listen"} <= keys, sorted(keys)
    verbs = check_verbs()
    check_daemons()
    check_named(verbs, keys)
    check_events()
    check_rendering()
    for failure in failures:
        print(failure, file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
