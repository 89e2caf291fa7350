"""`trapline demo` tells the whole chain and ends with what rbldnsd answered; it leaves nothing behind."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from testlib import skip  # noqa: E402

if not shutil.which("rbldnsd") and not pathlib.Path("/usr/sbin/rbldnsd").exists():
    skip("rbldnsd is not installed")

with tempfile.TemporaryDirectory() as tmp:
    os.chmod(tmp, 0o711)
    done = subprocess.run([f"{sys.argv[1]}/bin/trapline", "demo"], capture_output=True, timeout=120, env={**os.environ, "TMPDIR": tmp})
    text = done.stdout.decode()
    assert done.returncode == 0, text + done.stderr.decode()
    assert text.rstrip().splitlines()[-1].startswith("Caught: harvester 81.2.69.160"), text
    for part in ("mailto" not in text and "kept" not in text, "A    127.0.0.2" in text, "NXDOMAIN" in text, "as sender: listed" in text):
        assert part, text
    assert os.listdir(tmp) == [], os.listdir(tmp)
