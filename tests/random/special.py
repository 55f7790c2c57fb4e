"""Operators of images, signals and attention, and elementwise ones on what is no number."""

import numpy as np

from graphs import FLOATS, Refused


# --- NaN, infinities, signed zeros ---

UNARY = ("Abs", "Neg", "Ceil", "Floor", "Round", "Sign", "Relu", "IsNaN", "IsInf", "Exp", "Log", "Sqrt", "Tanh", "Sigmoid",
         "Erf", "Reciprocal", "Softplus", "Softsign", "LeakyRelu", "Elu", "Selu", "HardSigmoid", "HardSwish", "Atan",
         "Identity", "Clip", "Gelu", "ThresholdedRelu")  # fmt: skip
BINARY = ("Add", "Sub", "Mul", "Div", "Max", "Min", "Less", "Greater", "Equal", "LessOrEqual", "GreaterOrEqual", "Where", "Pow")


def wild(g):
    dtype = g.choice(["float32", "float32", "float64"])
    numbers = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1.5, -2.5, 1e-40, 3e38, -3e38, 0.5, 2.0]
    shape = (g.int(1, 20),)
    x, y = (g.source(dtype, shape, g.random.choice(numbers, shape)) for _ in range(2))
    op = g.choice(UNARY + BINARY)
    g.since(op)
    if op in ("Erf", "HardSwish") and dtype == "float64":
        raise Refused("the reference computes it with numbers of float32")
    if op == "Where":
        inputs = [g.source("bool", shape), x, y]
    elif op == "Clip" and g.opset >= 11:
        inputs = [x, g.operand(np.array(-1, dtype)), g.operand(np.array(2, dtype))]
    elif op == "Pow":
        inputs = [x, g.source(dtype, (), g.choice([2, 0.5, -1, 0, 3]))]
    else:
        inputs = [x, y] if op in BINARY else [x]
    g.values = [v for v in g.values if v not in (x, y)]  # not for others, to which they mean nothing
    return g.node(op, inputs, exact=True, keep=False, wild=True)


# --- images ---


def grid_sample(g):
    g.since("GridSample")
    x = g.pick(("float32",), low=4, high=4, zero=False, fits=lambda v: v.array.size < 800, shape=(2, 2, 4, 5))
    shape = (x.shape[0], g.int(1, 4), g.int(1, 4), 2)
    grid = g.weight("float32", shape, g.random.uniform(-1.3, 1.3, shape))
    mode = g.choice(["bilinear", "nearest", "bicubic"] if g.opset < 20 else ["linear", "nearest", "cubic"])
    return g.node("GridSample", [x, grid], exact=mode == "nearest", mode=mode, align_corners=g.int(0, 1),
                  padding_mode=g.choice(["zeros", "border", "reflection"]))  # fmt: skip


def roi_align(g):
    g.since("RoiAlign")
    x = g.pick(("float32",), low=4, high=4, zero=False, fits=lambda v: min(v.shape[2:]) > 1, shape=(2, 3, 6, 7))
    count = g.int(1, 3)
    corner = g.random.uniform(0, 4, (count, 2))
    rois = g.constant(np.concatenate([corner, corner + g.random.uniform(1, 4, (count, 2))], 1).astype(np.float32))
    batch = g.operand(g.random.integers(0, x.shape[0], count))
    attributes = {"mode": g.choice(["avg", "max"])} if g.opset < 22 or g.chance(0.5) else {}
    return g.node("RoiAlign", [x, rois, batch], output_height=g.int(1, 3), output_width=g.int(1, 3), sampling_ratio=g.int(0, 2),
                  spatial_scale=g.choice([1.0, 0.5]), **attributes)  # fmt: skip


def boxes(g):
    g.since("NonMaxSuppression")
    n, classes, count = g.int(1, 2), g.int(1, 2), g.int(1, 7)
    corner = g.random.uniform(0, 5, (n, count, 2))
    box = np.concatenate([corner, corner + g.random.uniform(1, 3, (n, count, 2))], -1).astype(np.float32)
    scores = g.random.permutation(n * classes * count).reshape(n, classes, count).astype(np.float32) / 50
    more = [g.operand(np.array([g.int(0, 4)], np.int64)), g.operand(np.array([0.4], np.float32)), g.operand(np.array([0.1], np.float32))]
    inputs = [g.weight("float32", box.shape, box), g.weight("float32", scores.shape, scores), *more[: g.int(1, 3)]]
    return g.node("NonMaxSuppression", inputs, exact=True, center_point_box=g.int(0, 1))


def columns(g):
    g.since("Col2Im")
    h, w, kh, kw = g.int(2, 5), g.int(2, 5), g.int(1, 2), g.int(1, 2)
    blocks = (h - kh + 1) * (w - kw + 1)
    x = g.weight("float32", (g.int(1, 2), g.int(1, 3) * kh * kw, blocks))
    return g.node("Col2Im", [x, g.constant(np.array([h, w])), g.constant(np.array([kh, kw]))])


def affine_grid(g):
    g.since("AffineGrid")
    n = g.int(1, 2)
    size = g.operand(np.array([n, g.int(1, 3), g.int(1, 4), g.int(1, 5)], np.int64))
    return g.node("AffineGrid", [g.weight("float32", (n, 2, 3)), size], align_corners=g.int(0, 1))


def unpool(g):
    g.since("MaxUnpool")
    x = g.pick(("float32",), low=4, high=4, zero=False, fits=lambda v: min(v.shape[2:]) > 1, shape=(1, 2, 4, 6))
    y, at = g.node("MaxPool", [x], 2, exact=True, keep=False, kernel_shape=[2, 2], strides=[2, 2])
    return g.node("MaxUnpool", [y, at], exact=True, kernel_shape=[2, 2], strides=[2, 2])


# --- signals and matrices ---


def determinant(g):
    g.since("Det")
    n = g.int(1, 4)
    return g.node("Det", [g.pick(("float32",), low=2, high=4, zero=False, fits=lambda v: v.shape[-1] == v.shape[-2] <= 8, shape=(2, n, n))])


def fourier(g):
    g.since("DFT")
    x = g.weight("float32", (*((g.int(1, 3),) * g.int(1, 2)), g.int(2, 9), g.int(1, 2)))
    axis = g.int(1, x.rank - 2)
    attributes = {"inverse": 1} if x.shape[-1] == 2 and g.chance(0.4) else {"onesided": 1} if x.shape[-1] == 1 and g.chance(0.4) else {}
    if g.opset < 20:
        return g.node("DFT", [x], axis=axis, **attributes)
    return g.node("DFT", [x, None, g.operand(np.array(axis, np.int64))], **attributes)


def window(g):
    op = g.choice(["HannWindow", "HammingWindow", "BlackmanWindow"])
    g.since(op)
    return g.node(op, [g.operand(np.array(g.int(2, 12), np.int64))], periodic=g.int(0, 1))


def dropout(g):
    x = g.pick(FLOATS)
    return g.node("Dropout", [x], g.choice([1, 2]) if g.opset >= 12 else 1, exact=True)  # before, the mask is no matter of the specification


# --- attention ---


def attention(g):
    g.since("Attention")
    b, h, s, t, d = g.int(1, 2), g.choice([1, 2, 4]), g.int(1, 4), g.int(1, 5), g.choice([2, 4, 8])
    groups = g.choice([n for n in (1, 2, 4) if h % n == 0])
    q, k, v = (g.weight("float32", (b, heads, length, d)) for heads, length in ((h, s), (groups, t), (groups, t)))
    mask = [g.weight(g.choice(["float32", "bool"]), (s, t))] if g.chance(0.4) else []
    if mask and mask[0].dtype == "bool" and not mask[0].array.any(-1).all():
        raise Refused("a row that sees nothing")
    attributes = {"is_causal": 1} if g.chance(0.3) and not mask and s == t else {}
    if g.chance(0.3):
        attributes["softcap"] = 3.0
    return g.node("Attention", [q, k, v, *mask], **attributes)


def rotary(g):
    g.since("RotaryEmbedding")
    b, h, s, d = g.int(1, 2), g.int(1, 3), g.int(1, 4), g.choice([2, 4, 8])
    angles = g.random.uniform(0, 3, (9, d // 2))
    caches = [g.weight("float32", a.shape, a) for a in (np.cos(angles), np.sin(angles))]
    places = g.operand(g.random.integers(0, 9, (b, s)))
    return g.node("RotaryEmbedding", [g.weight("float32", (b, h, s, d)), *caches, places], interleaved=g.int(0, 1))


MICROSOFT = "com.microsoft"


def microsoft(g):
    op = g.choice(["Gelu", "QuickGelu", "FastGelu", "BiasGelu", "FusedMatMul", "SkipLayerNormalization"])
    x = g.pick(("float32",), low=1, high=3, zero=False)
    row = lambda: g.weight("float32", (x.shape[-1],))  # noqa: E731
    if op in ("FastGelu", "BiasGelu"):
        return g.node(op, [x, row()], domain=MICROSOFT)
    if op == "FusedMatMul":
        return g.node(op, [x, g.weight("float32", (g.int(1, 9), x.shape[-1]))], domain=MICROSOFT, transB=1, alpha=0.5)
    if op == "SkipLayerNormalization":
        if x.rank != 3:
            raise Refused("another rank")
        return g.node(op, [x, g.source("float32", x.shape), row(), row()], domain=MICROSOFT, epsilon=1e-3)
    return g.node(op, [x], domain=MICROSOFT)


OPERATORS = [(2, wild), (1, grid_sample), (0.5, roi_align), (0.5, boxes), (0.3, columns), (0.5, affine_grid), (0.5, unpool),
             (0.3, determinant), (0.5, fourier), (0.3, window), (0.5, dropout), (1, attention), (0.5, rotary), (1, microsoft)]  # fmt: skip
