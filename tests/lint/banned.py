"""The house rules that a machine can check, over every file of the tree.

Fails:  banned calls and headers, third-party headers outside their folder (docs/adr/0002), includes with "..", C files longer
        than 700 lines, functions longer than 120, tabs, blanks at line ends, binary files, notes to self.
Warns:  C files longer than 500 lines, functions longer than 60, more than six parameters.
`banned.py --self-test` shows that each rule can fail.
"""
import collections
import pathlib
import re
import subprocess
import sys

FILE_WARN, FILE_FAIL = 500, 700
FUNCTION_WARN, FUNCTION_FAIL = 60, 120
PARAMETERS_WARN = 6
BINARY_MAX_BYTES = 256 * 1024

# No bound, no error, no range, hidden state, or a locale: bytes.h, buf.h, num.h and time.h have what replaces them.
CALLS = """strcpy stpcpy strcat sprintf vsprintf strtok strtok_r gets atoi atol atoll atof strtol strtoll strtoul strtoull
    scanf sscanf fscanf alloca gmtime gmtime_r localtime localtime_r mktime ctime asctime rand srand rand_r random drand48
    system popen setjmp longjmp tmpnam tempnam mktemp inet_ntoa inet_addr gethostbyname""".split()
HEADERS = {"ctype.h"}

# header, or folder of headers: the folders (or files) that may include it. Tests may include anything.
THIRD_PARTY = {
    "confuse.h": ["lib/base"],
    "ev.h": ["lib/base"],
    "sodium.h": ["lib/mail"],
    "libpsl.h": ["lib/mail"],
    "idn2.h": ["lib/mail"],
    "microhttpd.h": ["lib/httpd"],
    "sqlite3.h": ["store"],
    "zstd.h": ["store"],
    "openssl": ["trapsmtp", "trapline/certificate.c"],
    "ares.h": ["traplook"],
    "maxminddb.h": ["traplook"],
    "libesmtp.h": ["export"],
    "curl": ["export"],
    "nats.h": ["traphub"],
    "jansson.h": ["trapline"],
}

# Hostile input is kept as it is; it may hold any byte.
SAMPLES = ("tests/fixtures/", "tests/fuzz/corpus/", "tests/fuzz/seeds/")
NOTES = re.compile(r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME", "X" * 3, "HA" + "CK")) + r")\b")
CALL = re.compile(r"(?<![\w.>])(?<!->)(" + "|".join(CALLS) + r")\s*\(")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
NOISE = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.DOTALL)


class Report:
    def __init__(self):
        self.failures, self.warnings = [], []

    def fail(self, place, text):
        self.failures.append(f"{place}: {text}")

    def warn(self, place, text):
        self.warnings.append(f"{place}: {text}")


def without_noise(text):
    """Comments, strings and characters become blanks; lines stay where they are."""
    return NOISE.sub(lambda m: re.sub(r"[^\n]", " ", m.group()), text)


def check_includes(path, lines, report):
    for number, line in enumerate(lines, 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        place, header = f"{path}:{number}", match.group(2)
        if ".." in header.split("/"):
            report.fail(place, f"include of {header}: name the module, not the way to it")
        if header in HEADERS:
            report.fail(place, f"<{header}> depends on the locale; base/bytes.h has ascii_*")
        folders = THIRD_PARTY.get(header, THIRD_PARTY.get(header.split("/")[0]))
        if folders and path not in folders and not path.startswith(tuple(f + "/" for f in folders + ["tests"])):
            report.fail(place, f"<{header}> may be seen by {' and '.join(folders)} only")


def functions(code):
    """(first line, last line, name, parameters) of each function. House style: its braces stand alone in column 0."""
    lines = code.split("\n")
    start = None
    for number, line in enumerate(lines, 1):
        if line.rstrip() == "{":
            start = number
        elif line.rstrip() == "}" and start is not None:
            head, at = "", start - 2
            while at >= 0 and lines[at].strip() and lines[at][0] not in "}#" and not lines[at].rstrip().endswith(";"):
                head = lines[at] + " " + head
                at -= 1
            yield start, number, head
            start = None


def check_functions(path, code, report):
    for first, last, head in functions(code):
        match = re.search(r"(\w+)\s*\(", head)
        name = match.group(1) if match else "function"
        length = last - first + 1
        tell = report.fail if length > FUNCTION_FAIL else report.warn
        if length > FUNCTION_WARN:
            tell(f"{path}:{first}", f"{name} has {length} lines; aim at {FUNCTION_WARN}")
        depth, commas = 0, 0
        for c in head[match.end():] if match else "":
            depth += (c in "([") - (c in ")]")
            if depth < 0:
                break
            commas += c == "," and depth == 0
        if commas + 1 > PARAMETERS_WARN:
            report.warn(f"{path}:{first}", f"{name} has {commas + 1} parameters; aim at {PARAMETERS_WARN}")


def check_c(path, text, report):
    code = without_noise(text)
    lines = text.split("\n")
    length = len(lines) - 1
    tell = report.fail if length > FILE_FAIL else report.warn
    if length > FILE_WARN:
        tell(path, f"{length} lines; aim at {FILE_WARN}")
    for number, line in enumerate(code.split("\n"), 1):
        for match in CALL.finditer(line):
            report.fail(f"{path}:{number}", f"{match.group(1)}() is banned (CONTRIBUTING.md)")
    check_includes(path, lines, report)
    check_functions(path, code, report)


def check_file(path, data, report):
    sample = path.startswith(SAMPLES)
    if sample and len(data) > BINARY_MAX_BYTES:
        report.fail(path, f"a sample of {len(data)} bytes; at most {BINARY_MAX_BYTES}")
    if data[:4] in (b"\x7fELF", b"!<ar"):
        report.fail(path, "a compiled file does not belong into the tree")
        return
    if sample:
        return
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        report.fail(path, "a binary file does not belong into the tree")
        return
    for number, line in enumerate(text.split("\n"), 1):
        place = f"{path}:{number}"
        if "\t" in line:
            report.fail(place, "a tab; indent by blanks")
        if line != line.rstrip(" \r"):
            report.fail(place, "blanks or CR at the end of the line")
        match = NOTES.search(line)
        if match:
            report.fail(place, f"{match.group()}: finish it, or open an issue")
    if text and not text.endswith("\n"):
        report.fail(path, "no newline at the end of the file")
    if path.endswith((".c", ".h")):
        check_c(path, text, report)


def tree(source):
    """Files that are, or would be, committed; in an unpacked release, all but the build folder."""
    listing = subprocess.run(["git", "-c", f"safe.directory={source}", "-C", str(source), "ls-files", "-z", "--cached", "--others",
                              "--exclude-standard"], capture_output=True, check=False)
    if listing.returncode == 0:
        names = listing.stdout.decode().split("\0")
    else:
        names = [p.relative_to(source).as_posix() for p in source.rglob("*")]
        names = [n for n in names if not n.startswith(("build/", ".git/"))]
    return sorted({n for n in names if n and (source / n).is_file() and not (source / n).is_symlink()})


def self_test():
    """Each rule on one wrong file; and one right file that looks wrong."""
    body = "    x();\n"
    long_function = "int f(void)\n{\n" + body * (FUNCTION_FAIL - 1) + "}\n"
    cases = [
        ("lib/base/a.c", b"void f(void)\n{\n    strcpy (a, b);\n}\n", "strcpy() is banned"),
        ("lib/base/a.h", b"#define F(x) atoi(x)\n", "atoi() is banned"),
        ("lib/base/a.c", b"#include <ctype.h>\n", "locale"),
        ("lib/base/a.c", b'#include "../mail/mint.h"\n', "name the module"),
        ("lib/mail/a.c", b"#include <sqlite3.h>\n", "store only"),
        ("lib/mail/a.c", b"#  include <openssl/ssl.h>\n", "trapsmtp and trapline/certificate.c only"),
        ("store_x/a.c", b"#include <zstd.h>\n", "store only"),
        ("lib/base/a.c", b"int a;\n" * (FILE_FAIL + 1), "701 lines"),
        ("lib/base/a.c", long_function.encode(), "f has 121 lines"),
        ("README.md", b"a\tb\n", "a tab"),
        ("README.md", b"a \n", "blanks"),
        ("README.md", b"a\r\n", "CR"),
        ("README.md", b"a", "no newline"),
        ("README.md", b"a\0b\n", "binary"),
        ("README.md", b"\xff\xfe\n", "binary"),
        ("tests/fixtures/core", b"\x7fELF\0", "compiled"),
        ("tests/fixtures/big", b"a" * (BINARY_MAX_BYTES + 1), "at most"),
        ("README.md", ("XX" + "X: later\n").encode(), "open an issue"),
    ]
    right = b"""/* strcpy(a, b) in a comment */
#include <store/record.h>
#include <sqlite3.h>
static const char s[] = "system(\\"rm\\") \\\\", c = '"';
static void f(void)
{
    my_system(x);
    x->random(1);
    y.system(2);
    buf_printf(c); // gets(x)
}
char name[] = "/tmp/a-XXXXXX";
"""
    problems = []
    for path, data, expected in cases:
        report = Report()
        check_file(path, data, report)
        if len(report.failures) != 1 or expected not in report.failures[0]:
            problems.append(f"{path} {data[:40]!r}: expected “{expected}”, got {report.failures}")
    for path, data in (("store/a.c", right), ("tests/fixtures/mail", b"a\t\0\xff \r\n"), ("tests/unit/a.c", b"#include <sqlite3.h>\n")):
        report = Report()
        check_file(path, data, report)
        problems += [f"a right file was refused: {f}" for f in report.failures]
    report = Report()
    check_file("lib/a.c", b"int f(int a, int b, int c,\n      int (*d)(int, int), int e, int f,\n      int g)\n{\n}\n", report)
    if report.failures or len(report.warnings) != 1 or "f has 7 parameters" not in report.warnings[0]:
        problems.append(f"parameters: {report.warnings}")
    return problems


def main():
    problems = self_test()
    if problems:
        print("the check itself is wrong:", *problems, sep="\n  ")
        return 1
    if sys.argv[1:] == ["--self-test"]:
        return 0
    source = pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else ".").resolve()
    report, kinds = Report(), collections.Counter()
    for name in tree(source):
        check_file(name, (source / name).read_bytes(), report)
        kinds[pathlib.PurePath(name).suffix] += 1
    for warning in report.warnings:
        print("warning:", warning)
    for failure in report.failures:
        print(failure)
    print(f"house rules: {sum(kinds.values())} files ({kinds['.c']} .c, {kinds['.h']} .h), "
          f"{len(report.failures)} failures, {len(report.warnings)} warnings")
    return 1 if report.failures or not kinds[".c"] else 0


if __name__ == "__main__":
    sys.exit(main())
