"""What the rows of the bench share: the table, programs that are measured, and how one line of it is printed."""
import contextlib
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "functional"))
from testlib import port_open, wait_for  # noqa: E402

BUILD, SOURCE = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()
ROWS = {}


def row(name, area):
    def register(function):
        ROWS[name] = (area, function)
        return function
    return register


def program(name):
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin:/sbin")
    if not path:
        raise FileNotFoundError(f"{name} is not installed")
    return path


def cpu_seconds(pid):
    """Of all threads, in nanoseconds' resolution where the kernel keeps it."""
    total = 0
    for path in pathlib.Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):
            total += int((path / "schedstat").read_text().split()[0])
    return total / 1e9


def cpu_seconds_tree(pid):
    """Of a program, those it started, and those of them that have ended."""
    total, parents = 0, {}
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = path.read_text().rsplit(")", 1)[1].split()
            parents[int(path.parent.name)] = (int(fields[1]), sum(map(int, fields[11:15])))
    for child in parents:
        at = child
        while at in parents and at != pid:
            at = parents[at][0]
        total += parents[child][1] if at == pid else 0
    return total / os.sysconf("SC_CLK_TCK")


def rss_bytes(pid):
    return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text()).group(1)) * 1024


def bounded(command, seconds=300):
    """Output of a program that ends by itself, at most after so many seconds. (A timeout of subprocess.run() would look only every 50 ms.)"""
    p = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    timer = threading.Timer(seconds, p.kill)
    timer.start()
    try:
        out, err = p.communicate()
    finally:
        timer.cancel()
    assert p.returncode == 0, (command[0], p.returncode, err.decode()[-500:])
    return out.decode()


def bench_program(name, *words, seconds=900):
    """A program of tests/bench does the work and prints its numbers."""
    return dict(re.findall(r"(\w+)=([\d.]+)", bounded([str(BUILD / "tests" / "bench" / name), *map(str, words)], seconds)))


@contextlib.contextmanager
def running(command, port, **kw):
    p = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **kw)
    try:
        wait_for(command[0], lambda: port_open(port))
        yield p
    finally:
        p.terminate()
        p.wait(20)


def report(name, ours, peer, unit, higher_is_better=True, target=None, more=""):
    a = statistics.median(ours)
    b = statistics.median(peer) if peer else target
    ratio = (a / b if higher_is_better else b / a) if a and b else 0
    print(f"{name} ours={a:.4g}{unit} {'peer' if peer else 'target'}={b:.4g}{unit} ratio={ratio:.2f} "
          f"(ours {min(ours):.4g}..{max(ours):.4g}{more})", flush=True)
