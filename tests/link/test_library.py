#!/usr/bin/env python3
"""`--emit=lib` and `--emit=obj`: a C program takes in two models and gets what ONNX Runtime computes.

It is built with GNU ld and with lld, as position-independent and as fixed code.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import numpy as np
import support

DIGITS = support.ROOT / "examples" / "digits" / "digits.onnx"
COMPILERS = [["gcc"], ["gcc", "-no-pie"], ["clang-19", "-fuse-ld=lld-19"]]


def main():
    support.need_compiler()
    x = np.random.default_rng(7).random((1, 1, 28, 28), np.float32)
    session = support.open_ort(DIGITS)
    expected = session.run(None, {session.get_inputs()[0].name: x})[0]
    passed = failed = 0
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        x.tofile(folder / "x.raw")
        for name in ("first", "second"):  # the model's symbol is its file's name
            shutil.copy(DIGITS, folder / f"{name}.onnx")
            for emit, ending in (("lib", "a"), ("obj", "o")):
                support.build(folder / f"{name}.onnx", folder / f"{name}.{ending}", emit=emit)
        # Two objects would both bring the runtime; an object and a library go together.
        for kinds in (("first.a", "second.a"), ("first.o", "second.a")):
            for compiler in COMPILERS:
                program = folder / "program"
                subprocess.run(
                    [*compiler, "-Wall", "-Werror", f"-I{support.ROOT}", Path(__file__).parent / "two_models.c",
                     *(folder / kind for kind in kinds), "-o", program], check=True)
                output = subprocess.run([program, folder / "x.raw"], check=True, capture_output=True).stdout
                got = np.frombuffer(output, np.float32).reshape(2, *expected.shape)
                right = all(np.allclose(g, expected, rtol=support.RTOL, atol=support.ATOL) for g in got)
                print(f"{'ok' if right else 'WRONG':6} {' '.join(compiler)} {' '.join(kinds)}")
                passed, failed = passed + right, failed + (not right)
    support.finish(passed, failed)


if __name__ == "__main__":
    main()
