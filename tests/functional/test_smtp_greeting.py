"""How a sink introduces itself: lawful, the same for ever, and not the same as that of another installation."""
import os
import sys

from testlib import Installation, Smtp, run_tests, skip

KEYWORDS = ["PIPELINING", "SIZE", "8BITMIME", "ENHANCEDSTATUSCODES", "CHUNKING", "BINARYMIME", "SMTPUTF8", "DSN"]


def introduction(inst):
    with Smtp(inst.smtp_port) as s:
        (greeting,) = s.expect(None, 220)
        assert greeting.startswith(b"220 mx.trap.test "), greeting
        assert s.expect("HELO c.example", 250) == [b"250 mx.trap.test"]
        first, *lines = s.expect("EHLO c.example", 250)
        assert first == b"250-mx.trap.test", first
        words = [line[4:].decode().split()[0] for line in lines]
        assert sorted(words) == sorted(KEYWORDS), words
        return greeting, words


def test_own_to_each_installation(build):
    seen = []
    for _ in range(6):
        with Installation(build) as inst:
            inst.conf.write_text(inst.conf.read_text().replace('xclient_from = {"127.0.0.1/32"}', ""))
            daemon = inst.start("trapsmtp")
            first = introduction(inst)
            assert inst.stop(daemon) == 0
            inst.start("trapsmtp")
            assert introduction(inst) == first  # not from the clock, not from the process
            seen.append(first)
    assert len({greeting for greeting, _ in seen}) > 1, seen  # one in 8^5 runs is unlucky
    assert len({tuple(words) for _, words in seen}) > 1, seen


if __name__ == "__main__":
    if not os.path.exists(sys.argv[1] + "/bin/trapline"):
        skip("trapline is not built")
    sys.exit(run_tests(globals()))
