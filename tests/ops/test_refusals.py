#!/usr/bin/env python3
"""Nodes that make no sense, or that Ingot does not compile: each is refused with exit code 1 and one sentence that
holds the text beside it. Nothing may crash, hang or leave an output behind."""

import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import support
from cases import Case, Fed, f32, floats, ints, make_model

HUGE = 2**62
BAD = []


def bad(text, op, opset, inputs, outputs=1, **attributes):
    BAD.append((text, Case(op, opset, inputs, outputs, None, attributes)))


X, W = (1, 4, 8, 8), floats(6, 4, 3, 3)
bad("'strides' has 0", "Conv", 13, [X, W], strides=[0, 1])
bad("'strides' has -1", "Conv", 13, [X, W], strides=[1, -1])
bad("'strides' has 1 numbers; 2 are needed", "Conv", 13, [X, W], strides=[1])
bad("'dilations' has", "Conv", 13, [X, W], dilations=[HUGE, 1])
bad("'pads' has -1", "Conv", 13, [X, W], pads=[0, 0, -1, 0])
bad("'pads' has", "Conv", 13, [X, W], pads=[0, HUGE, 0, 0])
bad("'pads' has 3 numbers", "Conv", 13, [X, W], pads=[0, 1, 0])
bad("larger than memory", "Conv", 13, [X, W], pads=[2**31 - 1] * 4)
bad("'kernel_shape' differs", "Conv", 13, [X, W], kernel_shape=[3, 4])
bad("does not fit", "Conv", 13, [X, floats(6, 4, 9, 9)])
bad("does not fit", "Conv", 13, [X, W], dilations=[2**31 - 1, 1])
bad("channels", "Conv", 13, [X, floats(6, 3, 3, 3)])
bad("groups", "Conv", 13, [X, W], group=4)
bad("groups", "Conv", 13, [X, W], group=0)
bad("groups", "Conv", 13, [X, W], group=-2)
bad("'W' has rank 3", "Conv", 13, [X, floats(6, 4, 3)])
bad("'X' has rank 2", "Conv", 13, [(4, 8), floats(6, 4)])
bad("'B' must have 6", "Conv", 13, [X, W, floats(5)])
bad("'W' is empty", "Conv", 13, [X, floats(0, 4, 3, 3)])
bad("'auto_pad' is 'SOME'", "Conv", 13, [X, W], auto_pad="SOME")
bad("'W' has rank 4", "Conv", 13, [(1, 4, 8, 8, 8), W])
bad("input 1 'W' is missing", "Conv", 13, [X])
for op in ("MaxPool", "AveragePool"):
    bad("'kernel_shape' is missing", op, 12, [X])
    bad("'kernel_shape' has 0", op, 12, [X], kernel_shape=[0, 1])
    bad("does not fit", op, 12, [X], kernel_shape=[9, 1])
    bad("smaller than the kernel", op, 12, [X], kernel_shape=[2, 2], pads=[2, 2, 2, 2])
    bad("'kernel_shape' has 2 numbers; 3 are needed", op, 12, [(1, 4, 8, 8, 8)], kernel_shape=[2, 2])
bad("'X' has rank 2", "GlobalAveragePool", 1, [(3, 4)])
bad("inner dimensions differ: 4 and 5", "Gemm", 13, [(3, 4), floats(5, 6)])
bad("inner dimensions differ: 3 and 4", "Gemm", 13, [(3, 4), floats(4, 6)], transA=1)
bad("'A' has rank 3", "Gemm", 13, [(3, 4, 5), floats(5, 6)])
bad("'C' does not broadcast", "Gemm", 13, [(3, 4), floats(4, 6), floats(5)])
bad("'C' has rank 3", "Gemm", 13, [(3, 4), floats(4, 6), floats(1, 3, 6)])
bad("inner dimensions differ", "MatMul", 13, [(3, 4), floats(5, 6)])
bad("inner dimensions differ", "MatMul", 13, [(4,), floats(5)])
bad("cannot be broadcast", "MatMul", 13, [(2, 3, 4), floats(3, 4, 6)])
bad("rank 0", "MatMul", 13, [(), floats(5)])
for op in ("ReduceSum", "ReduceLogSumExp"):
    bad("axis 2 is outside of rank 2", op, 11, [(3, 4)], axes=[2])
    bad("axis -3 is outside of rank 2", op, 18, [(3, 4), ints(-3)])
bad("axis 3 is outside", "Softmax", 13, [(3, 4)], axis=3)
bad("axis 3 is outside", "LogSoftmax", 11, [(3, 4)], axis=3)
bad("axis", "LayerNormalization", 17, [(3, 4), floats(4)], axis=2)
bad("does not broadcast", "LayerNormalization", 17, [(3, 4), floats(5)])
bad("higher rank", "LayerNormalization", 17, [(3, 4), floats(1, 3, 4)])
bad("'input_mean' has 4 elements for 5 channels", "BatchNormalization", 15,
    [(2, 5, 6), floats(5), floats(5), floats(4), floats(5)])
bad("'spatial' 0", "BatchNormalization", 7, [(2, 5, 6)] + [floats(5)] * 4, spatial=0)
bad("step of axis 0 is 0", "Slice", 13, [(3, 4), ints(0), ints(2), ints(0), ints(0)])
bad("axis 2 is outside", "Slice", 13, [(3, 4), ints(0), ints(2), ints(2)])
bad("axis 1 is given twice", "Slice", 13, [(3, 4), ints(0, 0), ints(2, 2), ints(1, -1)])
bad("'ends' has 1 numbers", "Slice", 13, [(3, 4), ints(0, 0), ints(2)])
bad("'ends' has 1 numbers", "Slice", 13, [(3, 4), ints(0, 0), Fed(ints(2))])
bad("'starts' is missing", "Slice", 1, [(3, 4)], ends=[1])
bad("axis", "Slice", 13, [(3, 4), ints(*[0] * 20), ints(*[1] * 20)])
bad("equal parts", "Split", 13, [(5, 4)], outputs=2)
bad("does not fit into 5", "Split", 13, [(5, 4), ints(3, 3)], outputs=2)
bad("the parts have 4 elements", "Split", 13, [(5, 4), ints(3, 1)], outputs=2)
bad("part 0 of -1", "Split", 13, [(5, 4), ints(-1, 6)], outputs=2)
bad("3 sizes for 2 outputs", "Split", 11, [(5, 4)], outputs=2, split=[1, 2, 2])
bad("'num_outputs' is 3", "Split", 18, [(6, 4)], outputs=2, num_outputs=3)
bad("axis 2 is outside", "Concat", 13, [(3, 4), (3, 4)], axis=2)
bad("'axis' is missing", "Concat", 13, [(3, 4), (3, 4)])
bad("dim 0 of input 1 is 2", "Concat", 13, [(3, 4), (2, 4)], axis=1)
bad("differ in rank", "Concat", 13, [(3, 4), (3,)], axis=0)
bad("index 3 is outside of axis 0", "Gather", 13, [(3, 4), ints(0, 3)])
bad("index -4 is outside of axis 0", "Gather", 13, [(3, 4), ints(-4)])
bad("rank 18", "Gather", 13, [(1,) * 16, ints(0).reshape(1, 1, 1)])
bad("outside of rank 0", "Gather", 13, [(), ints(0)])
bad("3 numbers for 2 axes", "Pad", 13, [(3, 4), ints(1, 1, 1)])
bad("out of range", "Pad", 13, [(3, 4), ints(HUGE, 1, 1, 1)])
bad("would be larger than memory", "Pad", 13, [(1, 1, 1), ints(*[2**31 - 1] * 6)])
bad("more is cut off axis 0", "Pad", 13, [(3, 4), ints(-2, 0, -2, 0)])
bad("has no elements that a border", "Pad", 13, [(0, 4), ints(1, 0, 0, 0)], mode="edge")
bad("'mode' is 'mirror'", "Pad", 13, [(3, 4), ints(3, 0, 0, 0)], mode="mirror")
bad("'constant_value' must have one element", "Pad", 13, [(3, 4), ints(3, 0, 0, 0), floats(2)])
bad("dim 0 of the result would be -1", "ConstantOfShape", 9, [ints(-1)])
bad("larger than memory", "ConstantOfShape", 9, [ints(HUGE, HUGE)])
bad("at most 16 dims", "ConstantOfShape", 9, [ints(*[1] * 17)])
bad("one element", "ConstantOfShape", 9, [ints(2)], value=floats(2))
bad("exactly one of 'scales' and 'sizes'", "Resize", 13, [X])
bad("exactly one of 'scales' and 'sizes'", "Resize", 13, [X, None, f32(1, 1, 2, 2), ints(1, 4, 9, 9)])
bad("'scales' has 3 numbers; 4 are needed", "Resize", 13, [X, None, f32(1, 2, 2)])
bad("scale -1 of axis 2 is out of range", "Resize", 13, [X, None, f32(1, 1, -1, 2)])
bad("scale nan", "Resize", 13, [X, None, f32(1, 1, np.nan, 2)])
bad("cannot be resized", "Resize", 13, [X, None, None, ints(1, 4, 0, 9)])
bad("mode 'cubic' is not supported", "Resize", 13, [X, None, f32(1, 1, 2, 2)], mode="cubic")
bad("'tf_crop_and_resize' is not supported", "Resize", 13, [X, f32(*[0] * 8), f32(1, 1, 2, 2)],
    coordinate_transformation_mode="tf_crop_and_resize")
bad("more than two axes", "Resize", 13, [X, None, f32(1, 2, 2, 2)])
bad("'scales' must be a constant", "Resize", 13, [X, None, Fed(f32(1, 1, 2, 2))])

bad("3 groups do not divide", "GroupNormalization", 21, [(2, 4, 5), floats(4), floats(4)], num_groups=3)
bad("0 groups", "GroupNormalization", 21, [(2, 4, 5), floats(4), floats(4)])
bad("'p' is 3", "LpNormalization", 22, [(2, 4)], p=3)
bad("'size' is 0", "LRN", 13, [(2, 4, 5)], size=0)
bad("axis 2 is outside", "RMSNormalization", 23, [(2, 4), floats(4)], axis=2)
bad("'reduction' is 'max'", "NegativeLogLikelihoodLoss", 13, [(2, 4), Fed(ints(1, 2))], reduction="max")
bad("'target' has rank 2", "NegativeLogLikelihoodLoss", 13, [(2, 4), Fed(ints(1, 2).reshape(2, 1))])
for equation, text in (
    ("ij->ij->i", "goes on"), ("i?->i", "no letter"), ("ij,jk->ik", "more terms"), ("ijk->i", "too many letters"),
    ("i->i", "as many as its operand's dims"), ("ij->ik", "no operand has"), ("ij->ii", "twice"), ("ij-i", "'-'"),
):  # fmt: skip
    bad(text, "Einsum", 12, [(2, 3)], equation=equation)
bad("fewer terms", "Einsum", 12, [(2, 3), (2, 3)], equation="ij->ij")
bad("dims that differ", "Einsum", 12, [(2, 3), (4, 5)], equation="ij,jk->ik")
bad("cannot share", "Attention", 23, [(1, 2, 12), (1, 3, 8), (1, 3, 8)], q_num_heads=3, kv_num_heads=2)
bad("'past_key' and 'past_value'", "Attention", 23, [(1, 2, 3, 4)] * 3 + [None, (1, 2, 5, 4)])
bad("'K' has rank 3", "Attention", 23, [(1, 2, 3, 4), (1, 3, 8), (1, 3, 8)])
bad("must be 0 to 3", "Attention", 23, [(1, 2, 3, 4)] * 3, qk_matmul_output_mode=4)
bad("5 of 8 elements", "RotaryEmbedding", 23, [(1, 2, 3, 8), (9, 4), (9, 4), Fed(ints(0, 1, 2).reshape(1, 3))],
    rotary_embedding_dim=5)  # fmt: skip
bad("the last axis", "DFT", 17, [(2, 8, 1)], axis=2)
bad("1 for real and 2 for complex", "DFT", 17, [(2, 8, 3)], axis=1)
bad("of 99999999 points", "DFT", 17, [(2, 8, 1), np.array(99999999)], axis=1)
bad("of -4 points", "DFT", 17, [(2, 8, 1), np.array(-4)], axis=1)
bad("'frame_step' is 0", "STFT", 17, [(2, 8, 1), np.array(0), floats(4)])
bad("is not the frame's", "STFT", 17, [(2, 8, 1), np.array(2), floats(4), np.array(5)])
bad("'blocksize' is 0", "DepthToSpace", 13, [X])
bad("'mode' is 'ABC'", "DepthToSpace", 13, [X], blocksize=2, mode="ABC")
bad("axis 4 is outside", "CenterCropPad", 18, [X, ints(3)], axes=[4])
bad("2x3 or 3x4", "AffineGrid", 20, [(2, 3, 3), ints(2, 3, 4, 5)])
bad("'p' must be positive", "LpPool", 18, [X], p=0, kernel_shape=[2, 2])
bad("of 9999999 integer products", "MatMulInteger", 10, [Fed(np.zeros((1, 9999999), np.uint8)),
                                                         Fed(np.zeros((9999999, 1), np.uint8))])  # fmt: skip
bad("'Sinh' is not supported", "com.microsoft.FusedConv", 13, [X, W], activation="Sinh")
bad("weights of 3 bits", "com.microsoft.MatMulNBits", 13, [(3, 8), floats(1).astype(np.uint8), floats(1)], bits=3)
bad("'num_heads' is missing", "com.microsoft.MultiHeadAttention", 13, [(1, 2, 8)] * 3)


def check(entry):
    """What is wrong with how a case is refused, or None."""
    text, case = entry
    model, _ = make_model([case], case.opset)
    with tempfile.TemporaryDirectory(prefix="ingot-refusal-") as folder:
        path, out = Path(folder) / "bad.onnx", Path(folder) / "bad"
        path.write_bytes(model.SerializeToString())
        try:
            done = subprocess.run([support.INGOT, "build", path, "-o", out], capture_output=True, timeout=60, text=True)
        except subprocess.TimeoutExpired:
            return "does not end"
        if done.returncode != 1:
            return f"exit code {done.returncode}: {done.stderr.strip()[:300]}"
        if out.exists():
            return "an output was left behind"
        if text not in done.stderr or "case0" not in done.stderr:
            return f"says: {done.stderr.strip()[:300]}"
    return None


def main():
    support.need_compiler()
    failed = 0
    with ThreadPoolExecutor(2) as pool:
        for (text, case), wrong in zip(BAD, pool.map(check, BAD)):
            if wrong:
                failed += 1
                print(f"FAIL {case}\n     expected: {text}\n     {wrong}")
    support.finish(len(BAD) - failed, failed)


main()
