#!/usr/bin/env python3
"""How close emitted matrix products and convolutions come to a pure multiply-add loop on this machine.

    kernels.py [TEXT] [--cpu LEVEL ...] [--rounds N] [--json FILE]

TEXT: only the shapes whose title holds it.

Each shape is a model of one operator, compiled by ingot to a library. kernels.c runs its steps in turns with a loop of
independent multiply-adds that touches no memory, the most that the CPU can do, in slices of about a millisecond: so
both run at the same clock, which on many CPUs depends on what runs. A figure is median / median; --rounds repeats it
and takes the median again. One thread, thread CPU time.
"""

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import numpy as np
import onnx
import support
from onnx import TensorProto, helper, numpy_helper

LEVELS = {"x86-64-v3": (32, ["-mavx2", "-mfma"]), "x86-64-v4": (64, ["-march=x86-64-v4"])}

# Convolutions of ResNet-50 as (H, C, O, kernel, stride), products of BERT and MiniLM as (M, K, N).
CONVS = [(224, 3, 64, 7, 2), (56, 64, 64, 1, 1), (56, 64, 64, 3, 1), (56, 64, 256, 1, 1), (56, 256, 64, 1, 1),
         (56, 256, 128, 1, 1), (56, 128, 128, 3, 2), (28, 128, 128, 3, 1), (28, 128, 512, 1, 1), (28, 512, 128, 1, 1),
         (28, 512, 256, 1, 1), (28, 256, 256, 3, 2), (14, 256, 256, 3, 1), (14, 256, 1024, 1, 1), (14, 1024, 256, 1, 1),
         (14, 1024, 512, 1, 1), (14, 512, 512, 3, 2), (7, 512, 512, 3, 1), (7, 512, 2048, 1, 1), (7, 2048, 512, 1, 1)]
GEMMS = [(32, 384, 384), (32, 384, 1536), (32, 1536, 384), (128, 768, 768), (128, 768, 3072), (128, 3072, 768)]

HERE = Path(__file__).resolve().parent


def make_model(path, node, x, weight):
    infos = [helper.make_tensor_value_info("x", TensorProto.FLOAT, x)], [helper.make_empty_tensor_value_info("y")]
    array = np.random.default_rng(1).uniform(-0.1, 0.1, weight).astype(np.float32)
    graph = helper.make_graph([node], "kernel", *infos, [numpy_helper.from_array(array, "w")])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


def conv_model(path, h, c, o, k, stride):
    """The convolution between two others would be channels-last; alone it reads and writes NCHW, which is timed apart."""
    node = helper.make_node("Conv", ["x", "w"], ["y"], strides=[stride] * 2, pads=[k // 2] * 4)
    make_model(path, node, [1, c, h, h], [o, c, k, k])
    return f"conv {h}x{h}x{c} -> {o}, {k}x{k}/{stride}"


def gemm_model(path, m, k, n):
    make_model(path, helper.make_node("MatMul", ["x", "w"], ["y"]), [m, k], [k, n])
    return f"gemm {m}x{k}x{n}"


def measure(model, folder, level):
    """(GFLOP/s of the model's product or convolution, GFLOP/s of the loop)."""
    vector, flags = LEVELS[level]
    library, program = folder / "kernel.a", folder / "kernel"
    support.build(model, library, cpu=level, emit="lib")
    support.execute(["clang-19", "-std=gnu17", "-O2", "-ffp-contract=fast", f"-DBYTES={vector}", *flags,
                     f"-I{support.ROOT}", HERE / "kernels.c", library, "-o", program])  # fmt: skip
    return lambda: [float(word) for word in support.execute([program]).stdout.split()]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("text", nargs="?", default="")
    parser.add_argument("--cpu", action="append", choices=LEVELS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json")
    options = parser.parse_args()
    support.need_compiler()
    results = []
    with tempfile.TemporaryDirectory(prefix="ingot-kernels-") as name:
        folder = Path(name)
        for level in options.cpu or filter(support.has_cpu, LEVELS):
            support.need_cpu(level)
            shapes = [(conv_model, s) for s in CONVS] + [(gemm_model, s) for s in GEMMS]
            print(f"{level:<34} {'GFLOP/s':>9} {'loop':>9} {'share':>7}")
            for make, shape in shapes:
                title = make(folder / "kernel.onnx", *shape)
                if options.text not in title:
                    continue
                run = measure(folder / "kernel.onnx", folder, level)
                rounds = [run() for _ in range(options.rounds)]
                share = statistics.median(kernel / peak for kernel, peak in rounds)
                kernel, peak = (statistics.median(column) for column in zip(*rounds))
                print(f"{title:<34} {kernel:9.1f} {peak:9.1f} {share:7.1%}", flush=True)
                results.append({"cpu": level, "kernel": title, "gflops": kernel, "loop_gflops": peak, "share": share})
    if options.json:
        Path(options.json).write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
