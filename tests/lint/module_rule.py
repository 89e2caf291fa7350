"""A wrong-way include does not compile (DESIGN: the direction of the modules).

For each folder the compile command of one of its own files, as the build really uses it, is run again on a file that holds a
single include: once with a header of its own or of base (must compile, so that a failure means what we think), then with a
header of every module that the folder must not see (must fail, and only because the header is not found).
"""
import json
import pathlib
import shlex
import subprocess
import sys
import tempfile

# folder: modules whose headers it may see. What is not here (tests) may see anything.
MAY_SEE = {
    "lib/base": {"base"},
    "lib/mail": {"base", "mail"},
    "lib/httpd": {"base", "httpd"},
    "store": {"base", "mail", "store"},
    "lib/correlate": {"base", "mail", "store", "correlate"},
    "lib/policy": {"base", "mail", "store", "policy"},
    "trapweb": {"base", "mail", "httpd", "store"},
    "trapsmtp": {"base", "mail", "store"},
    "traplook": {"base", "mail", "store"},
    "export": {"base", "mail", "store", "correlate", "policy", "export"},
}


def public_headers(source):
    """{module: one of its headers, as others include it}"""
    headers = {}
    for path in sorted(source.glob("**/include/*/*.h")):
        relative = path.relative_to(source)
        if relative.parts[0] not in ("build", "tests"):
            headers.setdefault(path.parent.name, f"{path.parent.name}/{path.name}")
    return headers


def compile_commands(build, source):
    """{folder: (working directory, arguments without source and output)}, of the folders that are built."""
    commands = {}
    for entry in json.loads((build / "compile_commands.json").read_text()):
        path = pathlib.Path(entry["file"])
        if not path.is_relative_to(source):
            continue
        folder = path.relative_to(source).parent.as_posix()
        if folder not in MAY_SEE or folder in commands:
            continue
        words = shlex.split(entry["command"])
        output = words.index("-o")
        del words[output:output + 2]
        words = [w for w in words if w not in ("-c", entry["file"])]
        commands[folder] = (entry["directory"], words)
    return commands


def try_include(command, header, scratch):
    """The compiler's exit status and first error line for a file that includes only `header`."""
    wrong = pathlib.Path(scratch) / "wrong_way.c"
    wrong.write_text(f"#include <{header}>\nextern int not_empty;\n")
    directory, words = command
    result = subprocess.run(words + ["-fsyntax-only", str(wrong)], cwd=directory, capture_output=True, text=True,
                            env={"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C"}, check=False)
    errors = [line for line in result.stderr.splitlines() if "error:" in line]
    return result.returncode, errors[0] if errors else result.stderr.strip()


def not_found(message, header):
    """Only this may be the reason, at the include itself (gcc and clang word it differently)."""
    return "wrong_way.c:1:" in message and (
        f"fatal error: {header}: No such file or directory" in message or f"fatal error: '{header}' file not found" in message)


def main():
    build, source = (pathlib.Path(argument).resolve() for argument in sys.argv[1:3])
    headers = public_headers(source)
    commands = compile_commands(build, source)
    problems, refused, accepted = [], 0, 0

    for folder in ("lib/base", "lib/mail"):
        if folder not in commands:
            problems.append(f"{folder} is not in compile_commands.json: nothing can be shown")
    with tempfile.TemporaryDirectory() as scratch:
        for folder, command in sorted(commands.items()):
            own = pathlib.Path(folder).name
            for module, header in sorted(headers.items()):
                if module in MAY_SEE[folder]:
                    if module not in ("base", own):
                        continue
                    status, message = try_include(command, header, scratch)
                    accepted += status == 0
                    if status != 0:
                        problems.append(f"{folder} cannot include <{header}>, but must: {message}")
                    continue
                status, message = try_include(command, header, scratch)
                if status == 0:
                    problems.append(f"{folder} can include <{header}>: its libraries let {module} through")
                elif not not_found(message, header):
                    problems.append(f"{folder} with <{header}> fails for another reason: {message}")
                else:
                    refused += 1
    for problem in problems:
        print(problem)
    print(f"module rule: {len(commands)} folders, {accepted} right includes compile, {refused} wrong ones do not")
    return 1 if problems or refused == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
