"""The time of an answer to RCPT tells nothing: minted, static, guessed, unknown, catch-all and reserved recipients cost the same.

10,000 round trips of each kind, in random order on one connection, one median each. What differs between two kinds must stay within what
differs between random halves of one kind, or within one per cent of the round trip over loopback. A busy machine gets three tries.
"""
import os
import random
import statistics
import sys
import time

from testlib import Installation, extract, skip

COUNT = 10000
ROUNDS = 200            # random halves of each kind
TRIES = 3
NAMES = 300             # different addresses of a kind
LETTERS = "abcdefghijklmnopqrstuvwxyz"
SMTP = "commands_max = 100000000 errors_max = 100000000 session_max = 1h hits_per_sender_hour = 0"
CONFIG = """trap_domain "stat.test" {{ class = "pristine" unknown = "reject" }}
trap_domain "open.test" {{ class = "recycled" }}
trap_domain "keep.test" {{ class = "minted" unknown = "reject" reserved = {{{reserved}}} }}
trap_file = "{file}"
"""


def name(rng):
    return "".join(rng.choice(LETTERS) for _ in range(14)) + str(rng.randrange(100, 1000))


def minted(inst):
    """Addresses that visitors were shown, of the length of the other names."""
    found = set()
    for n in range(4000):
        page = inst.get(f"/page/{n}", client=f"45.{n // 60000 + 10}.{n // 240 % 250}.{n % 240 + 1}")[2]
        found |= {a for a in extract(page) if a.endswith("@mint.test") and 16 <= len(a.partition("@")[0]) <= 18}
        if len(found) >= NAMES:
            return sorted(found)
    raise AssertionError(f"only {len(found)} minted addresses")


def guessed(address, rng):
    """Of the same form, another syllable or digit."""
    local, _, domain = address.partition("@")
    return local[:-1] + str((int(local[-1]) + rng.randrange(1, 10)) % 10) + "@" + domain


def kinds(inst, rng, static, conditioned, reserved):
    real = minted(inst)
    return {
        "minted": (real, b"250"),
        "guessed": ([guessed(a, rng) for a in real if a.partition("@")[0][-1].isdigit()], None),  # one in 512 is somebody's
        "unknown": ([name(rng) + "@mint.test" for _ in range(NAMES)], b"550"),
        "static": (static, b"250"),
        "conditioned": (conditioned, b"550"),
        "no static": ([name(rng) + "@stat.test" for _ in range(NAMES)], b"550"),
        "catch-all": ([name(rng) + "@open.test" for _ in range(NAMES)], b"250"),
        "reserved": ([n + "@keep.test" for n in reserved], b"550"),
    }


def measure(sock, pools, rng):
    """{kind: nanoseconds of each round trip}"""
    took = {kind: [] for kind in pools}
    clock = time.perf_counter_ns
    for _ in range(COUNT):
        sock.sendall(b"MAIL FROM:<a@b.example>\r\n")
        assert sock.recv(4096).startswith(b"250")
        order = list(pools)
        rng.shuffle(order)
        for kind in order:
            addresses, code = pools[kind]
            line = b"RCPT TO:<" + rng.choice(addresses).encode() + b">\r\n"
            start = clock()
            sock.sendall(line)
            got = sock.recv(4096)
            took[kind].append(clock() - start)
            assert got.endswith(b"\r\n") and (code is None or got.startswith(code)), (kind, line, got)
        sock.sendall(b"RSET\r\n")
        assert sock.recv(4096).startswith(b"250")
    return took


def noise(values, rng):
    """How far the medians of random halves of one kind come apart: in ROUNDS tries, the most."""
    worst = 0
    for _ in range(ROUNDS):
        rng.shuffle(values)
        half = len(values) // 2
        worst = max(worst, abs(statistics.median(values[:half]) - statistics.median(values[half:])))
    return worst


def compare(took, rng):
    medians = {kind: statistics.median(v) for kind, v in took.items()}
    bound = max(max(noise(v, rng) for v in took.values()), min(medians.values()) / 100)
    apart = max(medians.values()) - min(medians.values())
    print(", ".join(f"{kind} {ns / 1000:.2f}" for kind, ns in medians.items()),
          f"us; apart {apart / 1000:.2f} us, noise {bound / 1000:.2f} us", flush=True)
    return apart <= bound


def main(build):
    if not os.path.exists(build + "/bin/trapline"):
        skip("trapline is not built")
    rng = random.Random()
    with Installation(build, smtp=SMTP, trap_domains=("mint.test",)) as inst:
        static = [name(rng) + "@stat.test" for _ in range(NAMES)]
        reserved = [name(rng) for _ in range(NAMES)]
        file = inst.dir / "traps.txt"
        file.write_text("".join(f"{a} pristine\n" for a in static))
        inst.conf.write_text(inst.conf.read_text() + CONFIG.format(file=file, reserved=", ".join(f'"{n}"' for n in reserved)))
        conditioned = [name(rng) + "@stat.test" for _ in range(NAMES)]
        file = inst.top / "conditioned"
        file.write_text("".join(f"{a} recycled\n" for a in conditioned))
        inst.run("trap", "import", str(file), "--condition", "30d")
        inst.start("trapweb")
        inst.start("trapsmtp")
        pools = kinds(inst, rng, static, conditioned, reserved)
        with inst.smtp() as s:
            sock = s.sock
            for _ in range(TRIES):
                if compare(measure(sock, pools, rng), rng):
                    return
    raise AssertionError("the time of an answer tells recipients apart")


if __name__ == "__main__":
    main(os.path.abspath(sys.argv[1]))
