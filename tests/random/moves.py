"""Operators that move elements: views, cutting, joining, gathering, scattering, resizing."""

import numpy as np

from graphs import ANY, FLOATS, MOST_ELEMENTS, NUMBERS, Refused


def reshape(g):
    x = g.pick(ANY)
    left, dims = x.array.size, []
    while left > 1 and len(dims) < 5:
        divisors = [d for d in range(1, left + 1) if left % d == 0]
        dims.append(g.choice(divisors))
        left //= dims[-1]
    dims = [*dims, left] if left != 1 or g.chance(0.3) else dims
    if x.array.size == 0:
        dims = list(g.random.permutation(x.shape))
    target = [int(d) for d in dims]
    attributes = {}
    if target and x.array.size and g.chance(0.4):
        target[g.int(0, len(target) - 1)] = -1
    elif target and x.shape and target[0] == x.shape[0] and x.array.size and g.chance(0.7):
        target[0] = 0
    if 0 in target and x.array.size == 0 and g.opset >= 14:
        attributes["allowzero"] = 1
    return g.node("Reshape", [x, g.operand(np.array(target, np.int64))], exact=True, **attributes)


def transpose(g):
    x = g.pick(ANY)
    return g.node("Transpose", [x], exact=True, perm=None if g.chance(0.2) or not x.rank else g.some(range(x.rank), x.rank))


def squeeze(g):
    if g.chance(0.5):
        x = g.pick(ANY, high=4)
        count = g.int(1, 2)
        axes = g.some(range(x.rank + count), count)
        axes = [a - x.rank - count if g.chance(0.4) and g.opset >= 11 else a for a in axes]
        op = "Unsqueeze"
    else:
        x = g.pick(ANY, fits=lambda v: 1 in v.shape, shape=(1, 3, 1, 2))
        ones = [i for i, d in enumerate(x.shape) if d == 1]
        axes = [a - x.rank if g.chance(0.4) and g.opset >= 11 else a for a in g.some(ones, g.int(1, len(ones)))]
        op = "Squeeze"
        if g.chance(0.2):
            return g.node(op, [x], exact=True)
    if g.opset < 13:
        return g.node(op, [x], exact=True, axes=axes)
    return g.node(op, [x, g.operand(np.array(axes, np.int64))], exact=True)


def flatten(g):
    x = g.pick(ANY)
    return g.node("Flatten", [x], exact=True, axis=g.int(-x.rank if g.opset >= 11 else 0, x.rank))


def slice_(g):
    x = g.pick(ANY, low=1)
    axes = g.some(range(x.rank), g.int(1, min(x.rank, 3)))
    starts, ends, steps = [], [], []
    for axis in axes:
        size = x.shape[axis]
        step = g.choice([1, 1, 1, 2, 3, -1, -2]) if g.opset >= 10 else 1
        start, end = g.int(-size - 1, size + 1), g.int(-size - 2, size + 2)
        if g.chance(0.3):
            end = -(2**31) if step < 0 else g.choice([2**31 - 1, 2**63 - 1])
        starts, ends, steps = [*starts, start], [*ends, end], [*steps, step]
    axes = [a - x.rank if g.chance(0.3) and g.opset >= 10 else a for a in axes]
    if g.opset < 10:
        return g.node("Slice", [x], exact=True, starts=starts, ends=ends, axes=axes)
    dtype = "int64" if max(ends) > 2**31 else g.choice(["int64", "int32"])
    inputs = [starts, ends, axes] + ([steps] if any(s != 1 for s in steps) or g.chance(0.5) else [])
    return g.node("Slice", [x, *(g.operand(np.array(n, dtype)) for n in inputs)], exact=True)


def concat(g):
    x = g.pick(ANY, low=1)
    axis, count = g.axis(x.rank, g.opset >= 11), g.int(0, 3)
    parts = [x]
    for _ in range(count):
        fitting = [v for v in g.values if not isinstance(v.array, list) and v.dtype == x.dtype and v.rank == x.rank and
                   all(a == b for i, (a, b) in enumerate(zip(v.shape, x.shape)) if i != axis % x.rank)]  # fmt: skip
        shape = list(x.shape)
        shape[axis] = g.dim(5)
        parts.append(g.choice(fitting) if g.chance(0.5) and fitting else g.source(x.dtype, tuple(shape)))
    return g.node("Concat", parts, exact=True, axis=axis)


def split(g):
    x = g.pick(ANY, low=1)
    axis = g.axis(x.rank, g.opset >= 11)
    size, count = x.shape[axis], g.int(1, 3)
    cuts = sorted(g.int(0, size) for _ in range(count - 1))
    sizes = np.diff([0, *cuts, size])
    if g.chance(0.4) and (size % count == 0 or g.opset >= 18):
        more = {"num_outputs": count} if g.opset >= 18 else {}
        return g.node("Split", [x], count, exact=True, axis=axis, **more)
    if g.opset < 13:
        return g.node("Split", [x], count, exact=True, axis=axis, split=[int(n) for n in sizes])
    return g.node("Split", [x, g.operand(np.array(sizes, np.int64))], count, exact=True, axis=axis)


def expand(g):
    x = g.pick(ANY)
    shape = [g.dim(4) if d == 1 and g.chance(0.6) else d if g.chance(0.8) else 1 for d in x.shape]
    if len(shape) < 5 and g.chance(0.3):
        shape = [g.dim(3), *shape]
    shape = shape[g.int(0, 1) if g.chance(0.1) else 0 :]
    if np.prod(np.maximum(np.maximum(shape[-x.rank :] if x.rank else [1], 1), 1)) * 9 > 9 * MOST_ELEMENTS:
        raise Refused("too large")
    return g.node("Expand", [x, g.operand(np.array(shape, np.int64))], exact=True)


def tile(g):
    x = g.pick(ANY, low=1, fits=lambda v: v.array.size < 500)
    return g.node("Tile", [x, g.operand(np.array([g.choice([1, 1, 2, 3]) for _ in x.shape], np.int64))], exact=True)


def pad(g):
    x = g.pick(ANY if g.opset >= 13 else FLOATS, low=1)
    mode = g.choice(["constant", "constant", "reflect", "edge", *(["wrap"] if g.opset >= 19 else [])])
    axes = list(range(x.rank))
    if g.opset >= 18 and g.chance(0.4):
        axes = g.some(axes, g.int(1, x.rank))
    pads = []
    for _ in range(2):
        for axis in axes:
            size = x.shape[axis]
            most = size - 1 if mode == "reflect" else 0 if not size and mode != "constant" else min(3, size or 3)
            low = -min(1, size // 3) if mode == "constant" else 0
            pads.append(g.int(low, max(0, min(most, 3))))
    if g.opset < 11:
        return g.node("Pad", [x], exact=True, pads=pads, mode=mode, **({"value": 0.5} if g.chance(0.5) else {}))
    inputs = [x, g.operand(np.array(pads, np.int64))]
    named = g.operand(np.array([a - x.rank if g.chance(0.3) else a for a in axes], g.choice(["int64", "int32"])))
    fill = g.operand(g.data(x.dtype, ())) if mode == "constant" and g.chance(0.5) else None
    return g.node("Pad", [*inputs, fill, named] if g.opset >= 18 and len(axes) < x.rank else [*inputs, fill] if fill else inputs,
                  exact=True, mode=mode)  # fmt: skip


# --- computed places ---


def indices(g, shape, size, dtype=None, negative=True):
    """A value of indices into a dim."""
    if not size:
        raise Refused("nothing to choose")
    array = g.random.integers(-size if negative else 0, size, shape).astype(dtype or g.choice(["int64", "int32"]))
    return g.operand(array) if g.chance(0.6) else g.add("operand", array)


def gather(g):
    x = g.pick(ANY, low=1, high=4)
    axis = g.axis(x.rank)
    return g.node("Gather", [x, indices(g, g.shape(0, 2) if g.chance(0.9) else (), x.shape[axis])], exact=True, axis=axis)


def gather_elements(g):
    g.since("GatherElements")
    x = g.pick(ANY, low=1)
    axis = g.axis(x.rank)
    shape = [g.int(0 if g.chance(0.1) else min(1, d), d) for d in x.shape]
    shape[axis] = g.dim(6)
    return g.node("GatherElements", [x, indices(g, tuple(shape), x.shape[axis])], exact=True, axis=axis)


def places(g, shape, depth, batch, unique):
    """Indices of elements or slices: `shape` of them of `depth` numbers each, below `batch` equal dims."""
    if 0 in shape[:depth]:
        raise Refused("nothing to choose")
    if not unique:
        return np.stack([g.random.integers(-d, d, batch) for d in shape[:depth]], -1).astype(np.int64)
    total = int(np.prod(shape[:depth]))
    count = int(np.prod(batch))
    if count > total:
        raise Refused("not enough places")
    flat = g.random.permutation(total)[:count]
    return np.stack(np.unravel_index(flat, shape[:depth]), -1).reshape(*batch, depth).astype(np.int64)


def gather_nd(g):
    g.since("GatherND")
    x = g.pick(ANY, low=1)
    batch = g.int(0, x.rank - 1) if g.opset >= 12 and g.chance(0.4) else 0
    depth = g.int(1, x.rank - batch)
    found = places(g, x.shape[batch:], depth, (*x.shape[:batch], *g.shape(0, 2)), False)
    return g.node("GatherND", [x, g.operand(found)], exact=True, **({"batch_dims": batch} if batch else {}))


def scatter_nd(g):
    g.since("ScatterND")
    x = g.pick(ANY if g.opset >= 18 else NUMBERS, low=1)
    depth = g.int(1, x.rank)
    reduction = g.choice(["none", "none", "add", "mul", *(["max", "min"] if g.opset >= 18 else [])]) if g.opset >= 16 else "none"
    found = places(g, x.shape, depth, g.choice([(g.int(1, 3),), (1, 2), (2,)]), reduction in ("none",))
    updates = g.source(x.dtype, (*found.shape[:-1], *x.shape[depth:]))
    if x.dtype == "bool" and reduction != "none":
        raise Refused("no sum of bools")
    return g.node("ScatterND", [x, g.operand(found), updates], exact=reduction == "none", **({} if reduction == "none" else {"reduction": reduction}))


def scatter_elements(g):
    g.since("ScatterElements")
    x = g.pick(NUMBERS, low=1, zero=False)
    axis = g.axis(x.rank)
    reduction = g.choice(["none", "add", "mul", *(["max", "min"] if g.opset >= 18 else [])]) if g.opset >= 16 else "none"
    shape = [g.int(1, d) for d in x.shape]
    size = x.shape[axis]
    if reduction == "none":  # no place twice
        array = np.argsort(g.random.random((*[d for i, d in enumerate(shape) if i != axis % x.rank], size)), -1)
        array = np.moveaxis(array[..., : shape[axis]], -1, axis % x.rank)
        array = np.where(g.random.random(array.shape) < 0.3, array - size, array).astype(g.choice(["int64", "int32"]))
    else:
        array = g.random.integers(-size, size, shape)
    attributes = {} if reduction == "none" else {"reduction": reduction}
    return g.node("ScatterElements", [x, g.operand(array), g.source(x.dtype, array.shape)], exact=reduction == "none", axis=axis, **attributes)


def reverse_sequence(g):
    g.since("ReverseSequence")
    x = g.pick(("float32", "int64", "float64"), low=2, zero=False)
    time = g.int(0, 1)
    lengths = g.random.integers(0, x.shape[time] + 1, x.shape[1 - time]).astype(np.int64)
    return g.node("ReverseSequence", [x, g.operand(lengths)], exact=True, batch_axis=1 - time, time_axis=time)


def blocks(g):
    op, size = g.choice(["DepthToSpace", "SpaceToDepth"]), g.choice([2, 3])
    n, c, h, w = g.int(1, 2), g.int(1, 3), g.int(1, 4), g.int(1, 4)
    dtype = g.choice(["float32", "float64"])
    if op == "SpaceToDepth":
        return g.node(op, [g.pick((dtype,), fits=lambda v: v.rank == 4 and not v.shape[2] % size and not v.shape[3] % size,
                                  shape=(n, c, h * size, w * size))], exact=True, blocksize=size)  # fmt: skip
    mode = {"mode": g.choice(["DCR", "CRD"])} if g.opset >= 11 and g.chance(0.7) else {}
    return g.node(op, [g.source(dtype, (n, c * size * size, h, w))], exact=True, blocksize=size, **mode)


def resize(g):
    """Not of float64: ONNX Runtime and Ingot compute weights in float32."""
    if g.opset < 11:
        op = "Resize" if g.opset == 10 else "Upsample"
        x = g.pick(("float32",), low=4, high=4, zero=False)
        scales = np.array([1, 1, g.choice([1, 2, 3]), g.choice([1, 2])], np.float32)
        mode = g.choice(["nearest", "linear"])
        return (g.node(op, [x], mode=mode, scales=[float(s) for s in scales]) if g.opset < 9
                else g.node(op, [x, g.operand(scales)], mode=mode))  # fmt: skip
    mode = g.choice(["nearest", "linear", "cubic"])
    x = g.pick(("float32", *(["int8", "uint8", "int32"] if mode == "nearest" else [])), low=4 if mode == "cubic" else 3, high=4, zero=False)
    attributes = {"mode": mode}
    attributes["coordinate_transformation_mode"] = g.choice(["half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric"])
    if mode == "nearest":
        attributes["nearest_mode"] = g.choice(["round_prefer_floor", "floor", "ceil", "round_prefer_ceil"])
    if mode == "cubic" and g.chance(0.5):
        attributes |= {"cubic_coeff_a": -0.5, "exclude_outside": g.int(0, 1)}
    if g.opset >= 18 and mode != "nearest" and g.chance(0.3):
        attributes["antialias"] = 1
    empty = g.constant(np.array([], np.float32))
    spatial = x.rank - 2
    if g.chance(0.5):
        sizes = np.array([*x.shape[:2], *(max(1, g.int(d // 2, d * 2 + 1)) for d in x.shape[2:])], np.int64)
        return g.node("Resize", [x, empty, empty, g.operand(sizes)] if g.opset < 13 else [x, None, None, g.operand(sizes)],
                      exact=mode == "nearest", **attributes)  # fmt: skip
    scales = np.array([1, 1, *(g.choice([0.5, 1, 2, 1.5, 3]) for _ in range(spatial))], np.float32)
    return g.node("Resize", [x, empty if g.opset < 13 else None, g.operand(scales)], exact=mode == "nearest", **attributes)


def crop(g):
    g.since("CenterCropPad")
    x = g.pick(("float32", "int32"), low=1)
    axes = g.some(range(x.rank), g.int(1, x.rank))
    sizes = np.array([g.int(1, x.shape[a] + 3) for a in axes], np.int64)
    return g.node("CenterCropPad", [x, g.operand(sizes)], exact=True, axes=[a - x.rank if g.chance(0.3) else a for a in axes])


OPERATORS = [(3, reshape), (4, transpose), (3, squeeze), (1, flatten), (4, slice_), (3, concat), (2, split), (2, expand),
             (2, tile), (3, pad), (2, gather), (1, gather_elements), (1, gather_nd), (1, scatter_nd), (1, scatter_elements),
             (0.5, reverse_sequence), (1, blocks), (2, resize), (0.5, crop)]  # fmt: skip
