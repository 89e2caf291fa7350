"""Peers that mean harm, against a real trapsmtp: what must not happen is that it falls, grows, lies or stops serving others."""
import os
import sys
import threading
import time

from test_smtp_limits import sink
from testlib import Smtp, skip


def test_deaf_then_listening(build):
    """Far more replies than the kernel holds, taken late: each comes, in order. What waits in front of them stays within its buffer."""
    with sink(build, "commands_max = 1000000 sessions_per_ip = 1000") as inst:
        with Smtp(inst.smtp_port) as s:
            n = 100000  # 15 MB of replies
            feed = threading.Thread(target=s.send, args=(b"EHLO x\r\n" * n + b"QUIT\r\n",))
            feed.start()
            time.sleep(1)
            s.expect(None, 220)
            for _ in range(n):
                s.expect(None, 250)
            s.expect(None, 221)
            assert s.reply()[0] == 0
            feed.join()


def main():
    build, only = sys.argv[1], sys.argv[3] if len(sys.argv) > 3 else ""
    if not os.path.exists(build + "/bin/trapline"):
        skip("trapline is not built")
    for name, test in list(globals().items()):
        if name.startswith("test_") and only in name:
            start = time.monotonic()
            test(build)
            print(f"ok   {name[5:]}  {time.monotonic() - start:.1f} s", flush=True)


if __name__ == "__main__":
    main()
