#!/usr/bin/env python3
"""On a CPU that lacks the level it was built for, an executable says so in one sentence and exits with 1.

The CPU is emulated: Nehalem has x86-64-v2 and nothing above it.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import support

EMULATOR = "qemu-x86_64-static"
MODEL = support.ROOT / "examples" / "digits" / "digits.onnx"


def main():
    support.need_compiler()
    if not shutil.which(EMULATOR):
        support.skip(f"{EMULATOR} is not installed")
    failed = 0
    with tempfile.TemporaryDirectory(prefix="ingot-cpu-") as folder:
        for level, runs in (("x86-64-v2", True), ("x86-64-v3", False), ("x86-64-v4", False)):
            executable = Path(folder) / level
            support.build(MODEL, executable, cpu=level, target="x86_64-linux")
            done = subprocess.run([EMULATOR, "-cpu", "Nehalem", executable, "selftest"], capture_output=True, text=True)
            said = done.stderr.strip()
            if runs:
                right = done.returncode == 0 and done.stdout.startswith("PASS")
            else:
                right = done.returncode == 1 and f"built for {level}" in said and "\n" not in said
            failed += not right
            print(f"{'ok' if right else 'FAILED':<7} {level}: exit code {done.returncode} {said or done.stdout.strip()}")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
