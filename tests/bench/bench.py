"""The performance table of script/bench. Each function measures one row; ours and the peer run in turn; medians are printed.

Only this machine's loopback is used; every load is bounded in count or time.
"""
import contextlib
import os
import pathlib
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "functional"))
from testlib import Installation, free_port, port_open, wait_for  # noqa: E402

BUILD, SOURCE = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2])
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
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss_bytes(pid):
    return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text()).group(1)) * 1024


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


# ---- smtp ----

SINK_LIMITS = "hits_per_sender_hour = 0\nsessions_per_ip = 15000\nsessions_max = 15000\ncommands_max = 1000000"


def smtp_sink(port):
    return running([program("smtp-sink"), "-c", f"127.0.0.1:{port}", "1000"] if os.getuid() else
                   [program("smtp-sink"), "-u", "nobody", "-c", f"127.0.0.1:{port}", "1000"], port)


def smtp_load(port, *options, messages):
    start = time.monotonic()
    subprocess.run([program("smtp-source"), *options, "-s", "50", "-m", str(messages), "-l", "2000", "-f", "a@sender.example",
                    "-t", "trap@pristine.test", f"127.0.0.1:{port}"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=300)
    return messages / (time.monotonic() - start)


def smtp_row(name, rounds, *options, messages):
    config = 'trap "trap@pristine.test" { class = "pristine" }\n'
    peer_port = free_port()
    with Installation(BUILD, config=config, smtp=SINK_LIMITS) as t, smtp_sink(peer_port) as sink:
        us = t.start("trapsmtp")
        smtp_load(t.smtp_port, *options, messages=1000)
        smtp_load(peer_port, *options, messages=1000)
        ours, peer, cpu, peer_cpu = [], [], [], []
        for _ in range(rounds):
            before = cpu_seconds(us.pid)
            ours.append(smtp_load(t.smtp_port, *options, messages=messages))
            cpu.append((cpu_seconds(us.pid) - before) * 1e6 / messages)
            before = cpu_seconds(sink.pid)
            peer.append(smtp_load(peer_port, *options, messages=messages))
            peer_cpu.append((cpu_seconds(sink.pid) - before) * 1e6 / messages)
        stored = t.sql("hits", "SELECT count(*) FROM hit")[0][0]
        assert stored == 1000 + rounds * messages, (stored, "every message is on disk")
        report(name, ours, peer, "/s", more=f", CPU µs a message {statistics.median(cpu):.0f} beside {statistics.median(peer_cpu):.0f}")


@row("smtp.reused", "smtp")
def _(rounds):
    smtp_row("smtp.reused", rounds, "-d", messages=20000)


@row("smtp.newconn", "smtp")
def _(rounds):
    smtp_row("smtp.newconn", rounds, messages=10000)


@row("smtp.idle", "smtp")
def _(rounds):
    sessions = 5000
    def idle(port, pid):
        before, socks = rss_bytes(pid), []
        for i in range(sessions):
            s = socket.socket()
            s.bind((f"127.0.{1 + i // 250}.{1 + i % 250}", 0))
            s.connect(("127.0.0.1", port))
            socks.append(s)
        for s in socks:
            s.settimeout(20)
            s.recv(100)
        grown = (rss_bytes(pid) - before) / sessions
        for s in socks:
            s.close()
        return grown
    import resource
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(30000, resource.getrlimit(resource.RLIMIT_NOFILE)[1]),) * 2)
    with Installation(BUILD, smtp=SINK_LIMITS) as t:
        us = t.start("trapsmtp")
        report("smtp.idle", [idle(t.smtp_port, us.pid)], [], " bytes", higher_is_better=False, target=4096, more=f", {sessions} sessions")


# ---- web ----

def wrk(url, connections, seconds, script=None):
    command = [program("wrk"), "-t2", f"-c{connections}", f"-d{seconds}s", "--latency"] + (["-s", str(script)] if script else []) + [url]
    text = subprocess.run(command, check=True, capture_output=True, timeout=seconds + 60).stdout.decode()
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    assert not bad, text
    return float(re.search(r"Requests/sec:\s+([\d.]+)", text).group(1)), re.search(r"99%\s+(\S+)", text).group(1)


NGINX = """worker_processes 2; daemon off; pid {dir}/pid; error_log {dir}/error.log;
events {{ worker_connections 4096; }}
http {{ access_log off; keepalive_requests 100000000; sendfile on; types {{ text/html html; }}
  client_body_temp_path {dir}/b; proxy_temp_path {dir}/p; fastcgi_temp_path {dir}/f; uwsgi_temp_path {dir}/u; scgi_temp_path {dir}/s;
  server {{ listen 127.0.0.1:{port} backlog=4096; root {dir}; }} }}
"""


def web_row(name, rounds, connections):
    lua = """math.randomseed(os.time() + tonumber(tostring({}):sub(8), 16) % 100000)
request = function()
  wrk.headers["X-Forwarded-For"] = string.format("%d.%d.%d.%d", math.random(11, 99), math.random(1, 250), math.random(1, 250), math.random(1, 250))
  return wrk.format("GET", "/")
end
"""
    port = free_port()
    web = "visits_per_hour = 1000000\nvisits_per_day = 100000000\nconnections_max = 4000\nconnections_per_ip = 4000"
    with Installation(BUILD, web=web) as t, tempfile.TemporaryDirectory() as d:
        os.chmod(d, 0o755)
        t.start("trapweb")
        page = t.get("/", client="81.2.69.160")[2]
        (pathlib.Path(d) / "index.html").write_bytes(page)
        (pathlib.Path(d) / "nginx.conf").write_text(NGINX.format(dir=d, port=port))
        script = pathlib.Path(d) / "random.lua"
        script.write_text(lua)
        with running([program("nginx"), "-c", f"{d}/nginx.conf", "-e", f"{d}/error.log"], port):
            ours, peer, p99 = [], [], ""
            visits = 0
            for _ in range(rounds):
                before = t.sql("visits", "SELECT max(seq) FROM visit")[0][0] or 0
                rate, p99 = wrk(f"http://127.0.0.1:{t.web_port}/", connections, 4, script)
                ours.append(rate)
                visits = (t.sql("visits", "SELECT max(seq) FROM visit")[0][0] - before) / (rate * 4)
                peer.append(wrk(f"http://127.0.0.1:{port}/", connections, 4, script)[0])
        report(name, ours, peer, "/s", more=f", p99 {p99}, page {len(page)} bytes, {visits:.2f} visits a page")


@row("web.keep64", "web")
def _(rounds):
    web_row("web.keep64", rounds, 64)


@row("web.keep1000", "web")
def _(rounds):
    web_row("web.keep1000", rounds, 1000)


# ---- export and fold: programs of tests/bench do the work and print one number ----

def bench_program(name, *words):
    done = subprocess.run([str(BUILD / "tests" / "bench" / name), *map(str, words)], capture_output=True, timeout=900)
    assert done.returncode == 0, done.stderr.decode()
    return dict(re.findall(r"(\w+)=([\d.]+)", done.stdout.decode()))


@row("export.1m", "export")
def _(rounds):
    ours, peer = [], []
    with tempfile.TemporaryDirectory() as d:
        os.chmod(d, 0o755)
        for _ in range(rounds):
            ours.append(float(bench_program("bench_export", d, 1000000)["seconds"]))
            peer.append(rbldnsd_load(d))
    report("export.1m", ours, peer, " s", higher_is_better=False)


def rbldnsd_load(d):
    """Wall time from the start of rbldnsd to its first answer."""
    port = free_port(socket.SOCK_DGRAM)
    start = time.monotonic()
    p = subprocess.Popen([program("rbldnsd"), "-n", "-b", f"127.0.0.1/{port}", "-w", d, "bl.trap.test:ip4trie:zone"], stdout=subprocess.DEVNULL,
                         stderr=subprocess.DEVNULL)
    try:
        from dns_client import Resolver
        while not Resolver(port, timeout=0.01, tries=1).ask("2.0.0.127.bl.trap.test"):
            assert time.monotonic() - start < 60
        return time.monotonic() - start
    finally:
        p.terminate()
        p.wait(10)


@row("fold.rebuild", "fold")
def _(rounds):
    def rebuild(hits):
        with Installation(BUILD) as t:
            bench_program("bench_generate", t.dir, hits)
            rates = []
            for _ in range(rounds):
                r = t.json("rebuild")
                rates.append(r["hits"] * 1000 / r["ms"])
            return rates
    report("fold.rebuild", rebuild(int(os.environ.get("BENCH_HITS", "1000000"))), [], " hits/s", target=200000)


def main():
    words, rounds = sys.argv[3:], 5
    if "--rounds" in words:
        at = words.index("--rounds")
        rounds = int(words[at + 1])
        del words[at:at + 2]
    areas = {area for area, _ in ROWS.values()}
    if any(w not in areas for w in words):
        sys.exit(f"usage: script/bench [{'|'.join(sorted(areas))}]... [--rounds N]")
    for name, (area, measure) in ROWS.items():
        if not words or area in words:
            try:
                measure(rounds)
            except FileNotFoundError as e:
                print(f"{name} not measured: {e}", flush=True)


main()
