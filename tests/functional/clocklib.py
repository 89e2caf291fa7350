"""A daemon whose clocks the test sets: thirty minutes pass in a second (tests/shim/clock.c)."""
import mmap
import os
import pathlib
import struct
import time

THREADS_MAX = 64
NS = 10**9


def preload(build, name, variable, control):
    """Environment of a daemon behind the library libtrapline_NAME, told by the file `control`."""
    options = os.environ.get("ASAN_OPTIONS", "")
    return {"LD_PRELOAD": f"{pathlib.Path(build).resolve()}/tests/shim/libtrapline_{name}.so", variable: str(control),
            # It stands before the sanitizer's library on purpose.
            "ASAN_OPTIONS": options + (":" if options else "") + "verify_asan_link_order=0"}


def control_file(path):
    """A mapped page that the daemon maps, too."""
    path.write_bytes(bytes(4096))
    with open(path, "r+b") as f:
        return mmap.mmap(f.fileno(), 4096)


def both(a, b):
    """Environment of a daemon behind two libraries."""
    return {**a, **b, "LD_PRELOAD": a["LD_PRELOAD"] + ":" + b["LD_PRELOAD"]}


class Clock:
    def __init__(self, build, installation):
        path = installation.top / "clock"
        self.map = control_file(path)
        self.env = preload(build, "clock", "TRAPLINE_CLOCK", path)
        self.mono = self.wall = 0

    def turns(self):
        n = min(struct.unpack_from("<Q", self.map, 16)[0], THREADS_MAX)
        return struct.unpack_from(f"<{n}Q", self.map, 24)

    def settle(self, seconds=60):
        """Until the daemon has dealt with what was done so far, and waits again."""
        before, end = self.turns(), time.monotonic() + seconds
        while any(now - then < 2 for then, now in zip(before, self.turns())):
            assert time.monotonic() < end, "the daemon does not come round"
            time.sleep(0.0003)

    def set(self, settle=True):
        struct.pack_into("<qq", self.map, 0, int(self.mono * NS), int(self.wall * NS))
        if settle:
            self.settle()

    def later(self, seconds, settle=True):
        """Time goes on: both clocks. Without `settle` nobody waits for a daemon that may end by it."""
        self.settle()
        self.mono += seconds
        self.wall += seconds
        self.set(settle)

    def step_wall(self, seconds):
        """Somebody sets the clock: the monotonic one does not care."""
        self.settle()
        self.wall += seconds
        self.set()
