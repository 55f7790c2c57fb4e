"""Operators of layers: sums of products, windows, normalisations, quantisation, recurrent cells."""

import numpy as np

from graphs import FLOATS, NUMBERS, Refused, broadcast

REAL = ("float32", "float64")


# --- sums of products ---


def matmul(g):
    a = g.pick((*REAL, "float32", "float16", "int32", "int64") if g.opset >= 9 else REAL, low=1, high=4, fits=lambda v: v.shape[-1] <= 64)
    k, n = a.shape[-1], g.dim(17)
    lead = [1 if g.chance(0.4) else d for d in a.shape[:-2]]
    lead = lead[g.int(0, len(lead)) :]
    if g.chance(0.1):
        return g.node("MatMul", [a, g.source(a.dtype, (k,))])
    fitting = [v for v in g.values if v.dtype == a.dtype and v.rank >= 2 and v.shape[-2] == k and
               broadcast(v.shape[:-2], a.shape[:-2]) is not None and v.array.size < 2000]  # fmt: skip
    b = g.choice(fitting) if fitting and g.chance(0.6) else g.source(a.dtype, (*lead, k, n))
    return g.node("MatMul", [a, b])


def gemm(g):
    dtype = g.dtype((*REAL, "float16") + (("int32",) if g.opset >= 9 else ()))
    a = g.pick((dtype,), low=2, high=2, shape=(g.dim(17), g.dim(17)))
    trans_a, trans_b = g.int(0, 1), g.int(0, 1)
    m, k = a.shape[::-1] if trans_a else a.shape
    n = g.dim(17)
    b = g.source(a.dtype, (n, k) if trans_b else (k, n))
    c = [g.source(a.dtype, g.choice([(n,), (1, n), (m, 1), (m, n), (), (1,)]))] if g.opset < 11 or g.chance(0.7) else []
    attributes = {"transA": trans_a, "transB": trans_b}
    if a.dtype in FLOATS and g.chance(0.4):
        attributes |= {"alpha": 0.5, "beta": g.choice([0.25, 1.0, 0.0])}
    return g.node("Gemm", [a, b, *c], **attributes)


def einsum(g):
    g.since("Einsum")
    sizes = {letter: g.dim(6, zero=False) for letter in "abcdef"}
    terms = ["".join(g.some("abcdef"[: g.int(2, 5)], g.int(1, 3))) for _ in range(g.int(1, 3))]
    if g.chance(0.1):
        terms[0] = terms[0] + terms[0][0]  # a diagonal
    used = sorted(set("".join(terms)))
    out = "".join(g.some(used, g.int(0, min(4, len(used)))))
    lead = g.chance(0.15)
    equation = ",".join(("..." if lead else "") + t for t in terms) + (f"->{'...' if lead else ''}{out}" if g.chance(0.9) else "")
    dtype = g.dtype(REAL)
    inputs = [g.source(dtype, ((2,) if lead else ()) + tuple(sizes[c] for c in t)) for t in terms]
    return g.node("Einsum", inputs, equation=equation)


# --- windows ---


def window(g, spatial, kernel_fits=None):
    """Attributes of a window over `spatial` dims."""
    kernel = [g.int(1, min(4, d)) for d in spatial]
    attributes = {"kernel_shape": kernel}
    if g.chance(0.5):
        attributes["strides"] = [g.int(1, 3) for _ in spatial]
    dilations = [1] * len(spatial)
    if g.chance(0.3):
        dilations = [g.int(1, 2) if (k - 1) * 2 + 1 <= d else 1 for k, d in zip(kernel, spatial)]
        attributes["dilations"] = dilations
    how = g.int(0, 3)
    if how == 0:
        attributes["auto_pad"] = g.choice(["SAME_UPPER", "SAME_LOWER", "VALID"])
    elif how < 3:
        reach = [(k - 1) * d for k, d in zip(kernel, dilations)]
        attributes["pads"] = [g.int(0, min(2, r, k - 1)) for r, k in zip(reach * 2, kernel * 2)]
    return attributes


def image(g, types=("float32",)):
    rank = g.choice([3, 4, 4, 4, 5])
    shape = (g.int(1, 2), g.int(1, 9), *(g.int(1, {3: 20, 4: 9, 5: 5}[rank]) for _ in range(rank - 2)))
    return g.pick(types, low=3, high=5, zero=False, fits=lambda v: v.shape[1] <= 40, shape=shape)


def conv(g):
    x = image(g, ("float32", "float16") if g.chance(0.2) else ("float32",))
    channels = x.shape[1]
    group = g.choice([d for d in range(1, channels + 1) if channels % d == 0]) if g.chance(0.4) else 1
    out = group * g.int(1, max(1, 12 // group))
    attributes = window(g, x.shape[2:])
    scale = np.sqrt(channels // group * np.prod(attributes["kernel_shape"]))
    shape = (out, channels // group, *attributes["kernel_shape"])
    w = g.weight(x.dtype, shape, g.random.standard_normal(shape) / scale)
    if g.chance(0.3):
        del attributes["kernel_shape"]
    bias = [g.weight(x.dtype, (out,))] if g.chance(0.5) else []
    y = g.node("Conv", [x, w, *bias], group=group, **attributes)
    if g.chance(0.3):  # what passes recognise
        if g.chance(0.5):
            y = g.node(g.choice(["Relu", "Sigmoid"]), [y])
        shape = (out, *(1,) * (y.rank - 2))
        return g.node(g.choice(["Mul", "Add"]), [y, g.weight(y.dtype, shape)])
    return y


def conv_transpose(g):
    x = image(g)
    channels = x.shape[1]
    group = g.choice([d for d in range(1, channels + 1) if channels % d == 0]) if g.chance(0.3) else 1
    each, spatial = g.int(1, 4), x.rank - 2
    kernel = [g.int(1, 4) for _ in range(spatial)]
    strides = [g.int(1, 3) for _ in range(spatial)]
    dilations = [g.int(1, 2) if g.chance(0.2) else 1 for _ in range(spatial)]
    attributes = {"strides": strides, "dilations": dilations, "group": group}
    how = g.int(0, 3)
    if how == 0:
        attributes["auto_pad"] = g.choice(["SAME_UPPER", "SAME_LOWER", "VALID"])
        attributes["dilations"] = [1] * spatial
        strides[:] = [min(s, k) for s, k in zip(strides, kernel)]  # beyond, where zeros go is not specified
    elif how == 1:
        attributes["pads"] = [g.int(0, min(1, k - 1)) for k in kernel * 2]
    if how != 0 and g.chance(0.3):
        attributes["output_padding"] = [g.int(0, max(s, d) - 1) for s, d in zip(strides, dilations)]
    w = g.weight("float32", (channels, each, *kernel))
    bias = [g.weight("float32", (each * group,))] if g.chance(0.5) else []
    return g.node("ConvTranspose", [x, w, *bias], **attributes)


def pool(g):
    op = g.choice(["MaxPool", "AveragePool", "LpPool"])
    x = image(g, ("float32", "float16") if g.chance(0.1) else ("float32", "float32", *(("int8", "uint8") if op == "MaxPool" and g.opset >= 12 else ())))
    attributes = window(g, x.shape[2:])
    if "dilations" in attributes and g.opset < {"MaxPool": 10, "AveragePool": 19, "LpPool": 18}[op]:
        del attributes["dilations"]
        attributes.pop("pads", None)
    if g.opset >= (18 if op == "LpPool" else 10) and g.chance(0.4):
        attributes["ceil_mode"] = 1
    if op == "AveragePool" and g.chance(0.5):
        attributes["count_include_pad"] = 1
    if op == "LpPool" and g.chance(0.5):
        attributes["p"] = g.int(1, 3)
    return g.node(op, [x], exact=op == "MaxPool", **attributes) if op != "MaxPool" or g.chance(0.8) else g.node(op, [x], 2, exact=True, **attributes)


def global_pool(g):
    op = g.choice(["GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool"])
    return g.node(op, [image(g)], exact="Max" in op)


# --- normalisations ---


def softmax(g):
    op = g.choice(["Softmax", "LogSoftmax", "Hardmax"])
    x = g.pick(("float32", "float32", "float16"), low=1, zero=False)
    return g.node(op, [x], exact=op == "Hardmax", **({} if g.chance(0.3) else {"axis": g.axis(x.rank, g.opset >= 11)}))


def positive(g, shape):
    return g.weight("float32", shape, g.random.uniform(0.5, 2, shape))


def norm(g):
    op = g.choice(["BatchNormalization", "InstanceNormalization", "LayerNormalization", "GroupNormalization", "LRN",
                   "LpNormalization", "MeanVarianceNormalization", "RMSNormalization"])  # fmt: skip
    g.since(op)
    if op in ("LayerNormalization", "RMSNormalization"):
        x = g.pick(("float32",), low=1, zero=False)
        axis = g.axis(x.rank)
        shape = x.shape[axis % x.rank :]
        bias = [g.weight("float32", shape)] if op[0] == "L" and g.chance(0.6) else []
        return g.node(op, [x, g.weight("float32", shape), *bias], axis=axis, epsilon=1e-3)
    if op == "MeanVarianceNormalization":
        return g.node(op, [g.pick(("float32",), low=4, high=4, zero=False)])
    if op == "LpNormalization":
        x = g.pick(("float32",), low=1, zero=False)
        return g.node(op, [x], axis=g.axis(x.rank), p=g.int(1, 2))
    if op == "LRN":
        x = g.pick(("float32",), low=4, high=4, zero=False)
        return g.node(op, [x], size=g.choice([1, 3, 5]), alpha=0.01, beta=0.75, bias=1.0)
    x = image(g) if op != "BatchNormalization" else g.pick(("float32",), low=2, high=5, zero=False)
    channels = x.shape[1]
    if op == "BatchNormalization":
        more = [g.weight("float32", (channels,)) for _ in range(3)]
        return g.node(op, [x, *more, positive(g, (channels,))], epsilon=1e-3)
    if op == "GroupNormalization":
        groups = g.choice([d for d in range(1, channels + 1) if channels % d == 0])
        size = channels if g.opset >= 21 else groups
        return g.node(op, [x, g.weight("float32", (size,)), g.weight("float32", (size,))], num_groups=groups, epsilon=1e-3)
    return g.node(op, [x, g.weight("float32", (channels,)), g.weight("float32", (channels,))], epsilon=1e-3)


# --- quantisation ---


def scale(g, shape=()):
    return g.constant(np.asarray(g.random.uniform(0.02, 0.2, shape), np.float32))


def zero_point(g, dtype, shape=()):
    return g.constant(np.asarray(g.random.integers(*((-20, 20) if dtype == "int8" else (100, 150)), shape), dtype))


def quantize(g):
    g.since("QuantizeLinear")
    if g.chance(0.2) and g.opset >= 11:
        return g.node("DynamicQuantizeLinear", [g.pick(("float32",), zero=False)], 3, exact=True)
    dtype = g.choice(["int8", "uint8"])
    x = g.pick(("float32",), low=1) if g.chance(0.5) else g.pick((dtype,), low=1)
    per_axis = g.opset >= 13 and g.chance(0.3)
    axis = g.axis(x.rank)
    shape = (x.shape[axis],) if per_axis else ()
    zero = [zero_point(g, dtype, shape)] if g.chance(0.7) or dtype == "int8" else []
    attributes = {"axis": axis} if per_axis else {}
    if x.dtype != "float32":
        return g.node("DequantizeLinear", [x, scale(g, shape), *(zero if zero else [zero_point(g, dtype, shape)])], **attributes)
    y = g.node("QuantizeLinear", [x, scale(g, shape), *zero], exact=True, **attributes)
    return y


def integer_products(g):
    op = g.choice(["MatMulInteger", "ConvInteger", "QLinearMatMul", "QLinearConv"])
    g.since(op)
    a_type, b_type = g.choice(["int8", "uint8"]) if op == "MatMulInteger" else "uint8", g.choice(["int8", "uint8"])
    if "MatMul" in op:
        a = g.pick((a_type,), low=2, high=3, fits=lambda v: v.shape[-1] <= 64)
        b = g.weight(b_type, (a.shape[-1], g.dim(9, zero=False)))
    else:
        a = image(g, ("uint8",))
        b = g.weight(b_type, (g.int(1, 5), a.shape[1], *(g.int(1, min(3, d)) for d in a.shape[2:])))
    zeros = [zero_point(g, a.dtype), zero_point(g, b_type)]
    if op.endswith("Integer"):
        return g.node(op, [a, b, *zeros[: g.int(0, 2)]], exact=True)
    out = [scale(g), zero_point(g, a.dtype)]
    return g.node(op, [a, scale(g), zeros[0], b, scale(g), zeros[1], *out], exact=True)


# --- recurrent cells ---


def recurrent(g):
    op = g.choice(["RNN", "LSTM", "GRU"])
    gates = {"RNN": 1, "LSTM": 4, "GRU": 3}[op]
    direction = g.choice(["forward", "reverse", "bidirectional"])
    d = 2 if direction == "bidirectional" else 1
    seq, batch, size, hidden = g.int(1, 5), g.int(1, 3), g.int(1, 5), g.int(1, 6)
    x = g.pick(("float32",), low=3, high=3, zero=False, fits=lambda v: v.shape[0] <= 6 and max(v.shape) <= 17, shape=(seq, batch, size))
    seq, batch, size = x.shape
    weights = [g.weight("float32", s, g.random.standard_normal(s) * 0.5) for s in ((d, gates * hidden, size), (d, gates * hidden, hidden))]
    bias = g.weight("float32", (d, 2 * gates * hidden)) if g.chance(0.6) else None
    lengths = g.operand(g.random.integers(1, seq + 1, batch).astype(np.int32)) if g.chance(0.3) else None
    state = g.weight("float32", (d, batch, hidden)) if g.chance(0.4) else None
    inputs = [x, *weights, bias, lengths, state]
    if op == "LSTM" and g.chance(0.4):
        inputs.append(g.weight("float32", (d, batch, hidden)))
        if g.chance(0.5):
            inputs.append(g.weight("float32", (d, 3 * hidden)))
    while inputs[-1] is None:
        inputs.pop()
    attributes = {"hidden_size": hidden, "direction": direction}
    if op == "GRU" and g.chance(0.5):
        attributes["linear_before_reset"] = 1
    if g.chance(0.2):
        attributes["activations"] = {"RNN": ["Relu"], "LSTM": ["HardSigmoid", "Tanh", "Softsign"], "GRU": ["HardSigmoid", "Tanh"]}[op] * d
    if g.chance(0.2):
        attributes["clip"] = 0.8
    wanted = g.choice([[True, True], [True, False], [False, True]]) + ([g.chance(0.5)] if op == "LSTM" else [])
    while not wanted[-1]:
        wanted.pop()
    return g.node(op, inputs, wanted, **attributes)


OPERATORS = [(4, matmul), (3, gemm), (2, einsum), (5, conv), (2, conv_transpose), (4, pool), (1, global_pool), (3, softmax),
             (3, norm), (3, quantize), (2, integer_products), (2, recurrent)]  # fmt: skip
