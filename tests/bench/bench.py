"""The performance table of script/bench. Each function measures one row; ours and the peer run in turn; medians are printed.

Only this machine's loopback is used; every load is bounded in count or time. Without words all areas are measured; a word is an area or a row.
"""
import ipaddress
import json
import os
import pathlib
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time

from benchlib import BUILD, ROWS, bench_program, program, report, row, running
import smtp_rows  # noqa: F401: its rows
from testlib import Installation, free_port

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


# ---- export and fold ----

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


def question_rows(t, label, hits):
    """Questions of people, the second time that they are asked; beyond what it takes to start a program."""
    asked = [t.sql("hits", f"SELECT sender, address FROM hit WHERE seq = {hits * k // 10}")[0] for k in range(1, 10)]
    for name, words in (("explain", [("explain", ip_text(sender)) for sender, _ in asked]),
                        ("trace", [("trace", address.decode()) for _, address in asked])):
        took = []
        for w in words:
            t.run(*w)
            started, asked_ms = statistics.median(run_ms(t, "--version") for _ in range(5)), statistics.median(run_ms(t, *w) for _ in range(5))
            took.append(asked_ms - started)
        report(f"fold.{name}{label}", took, [], " ms", higher_is_better=False, target=10)


def run_ms(t, *words):
    start = time.monotonic()
    t.run(*words)
    return (time.monotonic() - start) * 1000


def ip_text(blob):
    return str(ipaddress.ip_address(blob))


def fold_rows(label, hits, rounds, live_target):
    """As many visits as hits, a tenth as many senders. Returns CPU s a hit of a rebuild."""
    with Installation(BUILD) as t:
        bench_program("bench_generate", t.dir, hits, seconds=3600)
        sizes = {name: (t.dir / f"{name}.db").stat().st_size / hits for name in ("visits", "hits")}
        rates, cpu = [], []
        for _ in range(rounds):
            before = os.times()
            r = json.loads(t.run("rebuild", "--json", timeout=1800).stdout)
            after = os.times()
            rates.append(r["hits"] * 1000 / r["ms"])
            cpu.append((after.children_user + after.children_system - before.children_user - before.children_system) / hits)
        report(f"fold.rebuild{label}", rates, [], " hits/s", target=200000,
               more=f", {hits} hits and visits, CPU {statistics.median(cpu) * 1e6:.2f} us a hit, load {os.getloadavg()[0]:.1f}")
        live = bench_program("bench_live", t.conf, 1000, 9, seconds=1800)
        report(f"fold.live{label}", [float(live["both_ms"])], [], " ms", higher_is_better=False, target=live_target,
               more=f", 1000 new hits: fold {live['fold_ms']} ms, listings {live['list_ms']} ms, CPU {live['cpu_ms']} ms; "
                    f"everybody judged anew {live['whole_ms']} ms, {live['listed']} listed")
        question_rows(t, label, hits)
        report(f"fold.bytes.visit{label}", [sizes["visits"]], [], " bytes", higher_is_better=False, target=80)
        report(f"fold.bytes.hit{label}", [sizes["hits"]], [], " bytes", higher_is_better=False, target=220)
        return statistics.median(cpu)


@row("fold.rebuild", "fold")
def _(rounds):
    """10 M of each take half an hour, most of it to make them: only with BENCH_LONG=1."""
    small = fold_rows("", int(os.environ.get("BENCH_HITS", "1000000")), rounds, 100)
    if os.environ.get("BENCH_LONG"):
        large = fold_rows(".10m", 10000000, min(rounds, 3), 100)
        report("fold.growth", [large / small], [], " x the CPU time a hit at 1 M", higher_is_better=False, target=2.0)


def main():
    words, rounds = sys.argv[3:], "5"
    if "--rounds" in words:
        at = words.index("--rounds")
        rounds = (words[at + 1:at + 2] or [""])[0]
        del words[at:at + 2]
    areas = {area for area, _ in ROWS.values()}
    if not rounds.isdigit() or int(rounds) == 0 or any(w not in areas and w not in ROWS for w in words):
        sys.exit(f"usage: script/bench [{'|'.join(sorted(areas))}|ROW]... [--rounds N]\nrows: {' '.join(ROWS)}")
    for name, (area, measure) in ROWS.items():
        if not words or area in words or name in words:
            try:
                measure(int(rounds))
            except FileNotFoundError as e:
                print(f"{name} not measured: {e}", flush=True)


main()
