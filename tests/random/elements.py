"""Operators element by element: unary, broadcasting, comparisons, types, and those that reduce or order elements."""

import numpy as np
from onnx import TensorProto

from graphs import ANY, FLOATS, INTS, NUMBERS, SIGNED, Refused, tensor_type

TWO_FLOATS = ("float32", "float64")


def inside(low, high):
    return lambda value: not value.array.size or (float(value.array.min()) > low and float(value.array.max()) < high)


# --- one input ---

DOMAINS = {"Log": (1e-3, 1e3), "Sqrt": (0, 1e6), "Acos": (-0.95, 0.95), "Asin": (-0.95, 0.95), "Atanh": (-0.95, 0.95),
           "Acosh": (1.05, 1e3), "Exp": (-20, 20), "Sinh": (-8, 8), "Cosh": (-8, 8), "Tan": (-1.3, 1.3),
           "Reciprocal": (0.05, 1e3)}  # fmt: skip
CURVES = ("Exp", "Log", "Sqrt", "Reciprocal", "Sin", "Cos", "Tan", "Asin", "Acos", "Atan", "Sinh", "Cosh", "Tanh",
          "Asinh", "Acosh", "Atanh", "Erf", "Sigmoid", "Softplus", "Softsign", "HardSwish", "Mish")  # fmt: skip


def curve(g):
    op = g.choice(CURVES)
    g.since(op)
    low, high = DOMAINS.get(op, (-1e4, 1e4))
    if op in DOMAINS and g.chance(0.7):  # moved to where it is defined
        shape, dtype = g.shape(), g.dtype()
        array = g.random.uniform(max(low, -20) + 1e-3, min(high, 20), shape).astype(dtype)
        return g.node(op, [g.source(dtype, shape, array)])
    # ONNX's reference and ONNX Runtime compute the two with numbers of float32.
    types = ("float32", "float16") if op in ("Erf", "HardSwish") else FLOATS
    return g.node(op, [g.pick(types, fits=inside(low, high))])


def activation(g):
    op = g.choice(["LeakyRelu", "Elu", "Selu", "Celu", "HardSigmoid", "ThresholdedRelu", "Shrink", "Gelu", "Swish"])
    g.since(op)
    x = g.pick(fits=inside(-1e4, 1e4))
    attributes = {}
    if op in ("LeakyRelu", "Elu", "Celu", "HardSigmoid", "ThresholdedRelu", "Selu", "Swish") and g.chance(0.5):
        attributes["alpha"] = g.choice([0.125, 0.5, 1.5])
    if op == "Shrink" and g.chance(0.6):
        attributes = {"lambd": g.choice([0.25, 1.0]), "bias": g.choice([0.0, 0.5])}
    if op == "Gelu" and g.chance(0.5):
        attributes["approximate"] = g.choice(["none", "tanh"])
    return g.node(op, [x], **attributes)


def exact_unary(g):
    op = g.choice(["Abs", "Neg", "Ceil", "Floor", "Round", "Sign", "Relu", "Identity", "Not", "BitwiseNot", "IsNaN", "IsInf"])
    g.since(op)
    types = {"Abs": NUMBERS, "Neg": SIGNED, "Sign": NUMBERS, "Identity": ANY, "Not": ("bool",), "BitwiseNot": INTS}.get(op, FLOATS)
    return g.node(op, [g.pick(types)], exact=True)


# --- several inputs ---


def nonzero(value):
    return np.abs(value.array).min(initial=1) > 0.04


def arithmetic(g):
    op = g.choice(["Add", "Sub", "Mul", "Add", "Sub", "Mul", "Div", "Pow", "Mod"])
    g.since(op)
    if op in ("Add", "Sub", "Mul"):
        a = g.pick(NUMBERS)
        b = g.partner(a) if g.chance(0.9) else a
        return g.node(op, [a, b] if g.chance(0.5) else [b, a])
    if op == "Pow":
        a = g.pick(("float32",), fits=inside(0.01, 50)) if g.chance(0.5) else g.pick(("float32", "int32", "int64"))
        exponent = g.choice([2, 3, 0, 1] if a.dtype[0] == "i" else [2, 3, 0.5, -1, 1, 0] if a.array.min(initial=1) > 0 else [2, 3])
        return g.node(op, [a, g.source(a.dtype, g.choice([(), (1,)]), exponent)])
    a = g.pick(NUMBERS if op == "Div" or g.opset >= 10 else FLOATS)
    shape = tuple(1 if g.chance(0.4) else d for d in a.shape)
    array = g.data(a.dtype, shape)
    array = np.where(np.abs(array) < 0.1, np.asarray(g.choice([1, 2, 3])).astype(a.dtype), array)
    fmod = {"fmod": 1} if op == "Mod" and (a.dtype in FLOATS or g.chance(0.3)) else {}
    return g.node(op, [a, g.source(a.dtype, shape, array)], exact=op == "Mod" or a.dtype in INTS, **fmod)


def many(g):
    op = g.choice(["Max", "Min", "Sum", "Mean"])
    types = (NUMBERS if g.opset >= 12 else FLOATS) if op in ("Max", "Min") else FLOATS
    first = g.pick(types)
    return g.node(op, [first] + [g.partner(first) for _ in range(g.int(0, 3))], exact=op in ("Max", "Min"))


def comparison(g):
    op = g.choice(["Equal", "Greater", "Less", "GreaterOrEqual", "LessOrEqual", "And", "Or", "Xor"])
    g.since(op)
    types = ("bool",) if op in ("And", "Or", "Xor") else ANY if op == "Equal" and g.opset >= 11 else NUMBERS
    a = g.pick(types)
    return g.node(op, [a, g.partner(a)], exact=True)


def bits(g):
    op = g.choice(["BitShift", "BitwiseAnd", "BitwiseOr", "BitwiseXor"])
    g.since(op)
    a = g.pick(("uint8", "uint16", "uint32", "uint64") if op == "BitShift" else INTS)
    if op == "BitShift":
        most = a.array.dtype.itemsize * 8 - 1
        by = g.source(a.dtype, a.shape, g.random.integers(0, most + 1, a.shape))
        return g.node(op, [a, by], direction=g.choice(["LEFT", "RIGHT"]))
    return g.node(op, [a, g.partner(a)])


def where(g):
    x = g.pick(ANY)
    return g.node("Where", [g.partner(x, "bool"), x, g.partner(x)], exact=True)


def clip(g):
    if g.opset < 11:
        return g.node("Clip", [g.pick()], exact=True, min=-0.5, max=g.choice([None, 0.5]))
    x = g.pick(NUMBERS if g.opset >= 12 else FLOATS)
    low = g.operand(np.array(g.choice([1, 0]) if x.dtype[0] == "u" else g.choice([-1, 0]), x.dtype)) if g.chance(0.7) else None
    high = g.operand(np.array(2, x.dtype)) if g.chance(0.7) else None
    inputs = [x, low, high]
    while inputs[-1] is None:
        inputs.pop()
    return g.node("Clip", inputs, exact=True)


def prelu(g):
    x = g.pick(low=1)
    shape = (1,) * (x.rank - 1) if x.rank < 2 else (x.shape[1], *(1,) * (x.rank - 2))
    return g.node("PRelu", [x, g.source(x.dtype, g.choice([shape, (1,), x.shape]))])


def cast(g):
    x = g.pick(ANY)
    to = g.choice(ANY)
    if np.dtype(to).kind in "iu":
        limits = np.iinfo(to)
        if not inside(max(limits.min, -(2**31)) - 1, min(limits.max, 2**31) + 1)(x):
            raise Refused("out of range")
    if g.opset >= 15 and g.chance(0.2):
        return g.node("CastLike", [x, g.source(to, (1,))], exact=True)
    return g.node("Cast", [x], exact=True, to=tensor_type(np.empty(0, to)))


def whole(g):
    """Whole numbers as floats."""
    x = g.pick(("float32",), fits=inside(-1e4, 1e4))
    return g.node("Round" if g.opset >= 11 else "Floor", [g.node("Mul", [x, g.source("float32", (), 3)])], exact=True)


# --- reductions ---

REDUCTIONS = ("ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2", "ReduceLogSum",
              "ReduceLogSumExp", "ReduceSumSquare")  # fmt: skip


def reduce(g):
    op = g.choice(REDUCTIONS)
    types = FLOATS if "Log" in op or op in ("ReduceL2", "ReduceMean") else (*FLOATS, "int32", "int64")
    if op in ("ReduceMax", "ReduceMin") and g.opset >= 12:
        types = (*types, "int8", "uint8", *(("bool",) if g.opset >= 20 else ()))
    x = g.pick(types, fits=inside(0.01, 1e3) if op == "ReduceLogSum" else inside(-50, 50), zero=op != "ReduceMean")  # undefined
    axes = [a - x.rank if g.chance(0.4) else a for a in g.some(range(x.rank), g.int(0, x.rank))]
    if g.opset < 11:
        axes = [a % x.rank for a in axes]
    keep = {} if g.chance(0.3) else {"keepdims": g.int(0, 1)}
    in_input = g.opset >= (13 if op == "ReduceSum" else 18)
    exact = op in ("ReduceMax", "ReduceMin")
    if not in_input:
        return g.node(op, [x], exact=exact, axes=axes or None, **keep)
    if g.chance(0.2):
        keep["noop_with_empty_axes"] = g.int(0, 1)
    if axes or g.chance(0.3):
        return g.node(op, [x, g.operand(np.array(axes, np.int64))], exact=exact, **keep)
    return g.node(op, [x], exact=exact, **keep)


def arg(g):
    x = g.pick((*FLOATS, "int32", "int8", "uint8", "int64"), low=1, zero=False)
    attributes = {} if g.chance(0.2) else {"axis": g.axis(x.rank, g.opset >= 11)}
    if g.chance(0.5):
        attributes["keepdims"] = g.int(0, 1)
    if g.opset >= 12 and g.chance(0.3):
        attributes["select_last_index"] = 1
    return g.node(g.choice(["ArgMax", "ArgMin"]), [x], exact=True, **attributes)


def top_k(g):
    x = g.pick((*FLOATS, "int32", "int64"), low=1, zero=False)
    axis = g.axis(x.rank, g.opset >= 11)
    k = g.int(1, x.shape[axis])
    attributes = {"axis": axis}
    if g.opset >= 11:
        attributes |= {} if g.chance(0.5) else {"largest": g.int(0, 1)}
    if g.opset < 10:
        return g.node("TopK", [x], 2, exact=True, k=k, **attributes)
    return g.node("TopK", [x, g.operand(np.array([k], np.int64))], g.choice([2, [True, False]]), exact=True, **attributes)


def cumulate(g):
    g.since("CumSum")
    x = g.pick(("float32", "float64", "int32", "int64"), low=1)
    axis = g.operand(np.array(g.axis(x.rank), g.choice(["int32", "int64"])))
    return g.node("CumSum", [x, axis], exclusive=g.int(0, 1), reverse=g.int(0, 1))


def counted(g):
    """Results whose size the data choose."""
    op = g.choice(["NonZero", "Unique", "Compress"])
    g.since(op)
    if op == "NonZero":
        return g.node(op, [g.pick(("float32", "int32", "int64", "bool"), low=1)], exact=True)
    if op == "Unique":
        x = g.pick(("float32", "int64", "int8", "float64"), low=1, zero=False)
        attributes = {} if g.chance(0.4) else {"axis": g.axis(x.rank)}
        if g.chance(0.5):
            attributes["sorted"] = g.int(0, 1)
        return g.node(op, [x], g.choice([4, [True, False, False, False], [True, False, True, True]]), exact=True, **attributes)
    x = g.pick(ANY, low=1)
    attributes = {} if g.chance(0.3) else {"axis": g.axis(x.rank, g.opset >= 11)}
    size = x.shape[attributes["axis"]] if attributes else x.array.size
    return g.node(op, [x, g.operand(g.random.random(g.int(min(size, 1), size)) < 0.6)], exact=True, **attributes)


def made(g):
    """Tensors out of shapes and numbers."""
    op = g.choice(["Range", "EyeLike", "ConstantOfShape", "Shape", "Size", "OneHot", "Trilu"])
    g.since(op)
    if op == "Range":
        dtype = g.choice(["float32", "int32", "int64", "float64"])
        start, step, count = g.int(-5, 5), g.choice([1, 2, -1, -3]), g.int(0, 9)
        return g.node(op, [g.operand(np.array(n, dtype)) for n in (start, start + step * count, step)], exact=True)
    if op == "EyeLike":
        attributes = {} if g.chance(0.5) else {"dtype": g.choice([TensorProto.FLOAT, TensorProto.INT64, TensorProto.INT32])}
        return g.node(op, [g.pick(("float32", "int32", "int64"), low=2, high=2)], exact=True, k=g.int(-2, 2), **attributes)
    if op == "ConstantOfShape":
        value = g.data(g.choice(["float32", "int64", "bool", "uint8"]), (1,))
        from onnx import numpy_helper

        attributes = {} if g.chance(0.2) else {"value": numpy_helper.from_array(value, "value")}
        return g.node(op, [g.operand(np.array(g.shape(1, 4), np.int64))], exact=True, **attributes)
    if op in ("Shape", "Size"):
        x = g.pick(ANY)
        attributes = {}
        if op == "Shape" and g.opset >= 15 and g.chance(0.5):
            attributes = {"start": g.int(-3, 3)} | ({"end": g.int(-2, 4)} if g.chance(0.5) else {})
        return g.node(op, [x], exact=True, **attributes)
    if op == "OneHot":
        depth = g.int(1, 6)
        indices = g.random.integers(-depth, depth, g.shape(0, 3)).astype(g.choice(["int64", "int32", "float32"]))
        values = g.data(g.choice(["float32", "int64", "int32"]), (2,))
        return g.node(op, [g.add("operand", indices),
                           g.operand(np.array(depth, "int64").reshape(g.choice([(), (1,)]))), g.operand(values)],
                      exact=True, axis=g.axis(indices.ndim + 1))  # fmt: skip
    x = g.pick(("float32", "int64", "float64", "bool"), low=2)
    k = [g.operand(np.array(g.int(-3, 3), np.int64))] if g.chance(0.6) else []
    return g.node(op, [x, *k], exact=True, **({} if g.chance(0.3) else {"upper": g.int(0, 1)}))


OPERATORS = [(4, curve), (2, activation), (4, exact_unary), (8, arithmetic), (2, many), (3, comparison), (1, bits), (2, where),
             (2, clip), (1, prelu), (3, cast), (0.5, whole), (5, reduce), (2, arg), (2, top_k), (1, cumulate),
             (2, counted), (3, made)]  # fmt: skip
