#!/usr/bin/env python3
"""`--emit=lib`, `--emit=obj` and `--emit=c`: a C program takes in two models and gets what ONNX Runtime computes; one
program runs a model of open dims, strings and sequences as a library and as C, and finds no difference.

They are built with GNU ld and with lld, as position-independent and as fixed code.
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


FLAGS = ["-std=gnu17", "-Wall", "-Wextra", "-Wpedantic", "-Werror", f"-I{support.ROOT}"]
VARIED = """<ir_version: 8, opset_import: ["" : 20]>
varied (float[n,3] x, int64[k] i, bool twice, string[m] s) => (float[k,3] y, float[p,3] z, string[m] t, seq(float[?,3]) q) {
  [pick] y = Gather(x, i)
  [choose] z = If(twice)<then_branch = yes () => (float[a,3] both) { both = Concat<axis = 0>(x, y) },
                         else_branch = no () => (float[b,3] one) { one = Neg(x) }>
  t = StringConcat(s, s)
  q = SequenceConstruct(x, z)
}"""


def check_varied(folder):
    """Returns how many runs were right and how many wrong."""
    import onnx

    (folder / "varied.onnx").write_bytes(onnx.parser.parse_model(VARIED).SerializeToString())
    for emit, ending in (("lib", "a"), ("c", "c")):
        support.build(folder / "varied.onnx", folder / f"varied.{ending}", emit=emit, cpu=support.C_PLAIN)
    results = []
    for compiler in COMPILERS:
        for kind, header in (("varied.a", support.ROOT / "runtime/ingot.h"), ("varied.c", folder / "varied.h")):
            source, program = Path(__file__).parent / "varied.c", folder / "program"
            command = [*compiler, *FLAGS, "-O1", "-include", header, source, folder / kind, "-o", program]
            support.execute(command)
            for rows, index in ((5, 4), (2, -1), (1, 0), (3, 3)):
                done = subprocess.run([program, str(rows), str(index)], capture_output=True, text=True)
                results.append(done.stdout == expect_varied(rows, index) and done.returncode == (index >= rows)
                               and ("pick: index out of range" in done.stderr) == (index >= rows))
                print(f"{'ok' if results[-1] else 'WRONG':6} {' '.join(compiler)} {kind}: {rows} rows, index {index}")
                if not results[-1]:
                    print(done.stdout, done.stderr)
    return sum(results), len(results) - sum(results)


def expect_varied(rows, index):
    """What the program prints."""
    if index >= rows:
        return ""
    x = np.arange(3 * rows).reshape(rows, 3) / 2
    y = x[[index, 0]]
    z = np.concatenate([x, y]) if rows % 2 == 0 else -x
    text = "".join(f"{name} {len(a)}x3: {' '.join(f'{v:g}' for v in a.ravel())}\n" for name, a in (("y", y), ("z", z)))
    pad = lambda n: (n + 15) // 16 * 16
    bytes_of_q = pad(16 + 2 * 8) + sum(pad(16 + 2 * 8) + pad(a.size * 4) for a in (x, z))
    return f"{text}t: abab\nt: éé\nq: 2 of {bytes_of_q} bytes\n"


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
            for emit, ending in (("lib", "a"), ("obj", "o"), ("c", "c")):
                support.build(folder / f"{name}.onnx", folder / f"{name}.{ending}", emit=emit, cpu=support.C_PLAIN)
        bare = folder / "bare.o"  # the model of a C file alone
        support.execute(["gcc", *FLAGS, "-DINGOT_MODEL_ONLY", f"-I{folder}", "-c", folder / "second.c", "-o", bare])
        # Two objects would both bring the runtime; an object and a library go together.
        for kinds in (("first.a", "second.a"), ("first.o", "second.a"), ("first.c", "second.a"), ("first.c", bare)):
            for compiler in COMPILERS:
                program = folder / "program"
                subprocess.run(
                    [*compiler, *FLAGS, f"-I{folder}", Path(__file__).parent / "two_models.c",
                     *(folder / kind for kind in kinds), "-o", program], check=True)
                output = subprocess.run([program, folder / "x.raw"], check=True, capture_output=True).stdout
                got = np.frombuffer(output, np.float32).reshape(2, *expected.shape)
                right = all(np.allclose(g, expected, rtol=support.RTOL, atol=support.ATOL) for g in got)
                print(f"{'ok' if right else 'WRONG':6} {' '.join(compiler)} {' '.join(Path(kind).name for kind in kinds)}")
                passed, failed = passed + right, failed + (not right)
        right, wrong = check_varied(folder)
    support.finish(passed + right, failed + wrong)


if __name__ == "__main__":
    main()
