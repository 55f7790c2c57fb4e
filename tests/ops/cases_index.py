"""Cases of operators about places: indices, order, what the data choose, sampling, random numbers."""

import numpy as np
import onnx
from cases import Fed, case, f32, floats, ints
from onnx import helper
from onnx.reference import ReferenceEvaluator

random = np.random.default_rng(11)
GIVEN = (lambda array: array, Fed)  # a constant, or given when the model runs


def picks(size, *shape, negative=True):
    return random.integers(-size if negative else 0, size, shape).astype(np.int64)


def few(type, *shape, values=7):
    """Few different values, so that many are equal."""
    x = random.integers(0, values, shape)
    return (x - (0 if np.dtype(type).kind in "ub" else values // 2)).astype(type)


# --- elements that follow from their coordinates ------------------------------------------------------------------

for given in GIVEN:
    for limits in ((0, 10, 3), (10, 0, -3), (5, 5, 1), (5, 0, 1), (-3, 4, 1), (0, 9, 3)):
        for type in (np.int16, np.int32, np.int64, np.float32, np.float64):
            case("Range", 11, [given(np.array(x, dtype=type)) for x in limits])
    case("Range", 11, [given(np.float32(x)) for x in (0, 1, 0.1)])
    case("Range", 11, [given(np.float64(x)) for x in (1.5, -2, -0.25)])
    for k in (-7, -1, 0, 2, 9):
        for upper in (0, 1):
            case("Trilu", 14, [(4, 5), given(np.int64(k))], upper=upper)
    case("Trilu", 14, [Fed(few(np.int64, 2, 1, 3, 6, 4)), given(np.int64(1))])
    for depth in (np.int64(5), np.int32(5), np.float32(5), ints(5)):
        case("OneHot", 11, [Fed(picks(5, 3, 4)), given(depth), f32(2, 3)])
    for axis in (0, 1, 2, -1, -2, -3):
        case("OneHot", 11, [Fed(picks(8, 3, 4)), given(np.int64(4)), given(ints(7, 9))], axis=axis)
    case("OneHot", 11, [Fed(few(np.int32, 6)), given(np.int32(3)), given(f32(0, 1))])
    for shape, repeats in (((2, 3), (2, 1)), ((2, 3), (1, 4)), ((2, 3, 4, 5), (2, 3, 1, 2)), ((1, 3), (5, 1)),
                           ((2, 3), (0, 2)), ((3,), (2,)), ((2, 1, 3), (2, 3, 4)), ((2, 3, 2, 2, 2), (2, 1, 2, 1, 3))):
        case("Tile", 13, [shape, given(ints(*repeats))])
    case("Tile", 6, [Fed(few(np.int64, 3, 2)), given(ints(2, 2))])
    case("Tile", 13, [Fed(few(np.bool_, 3, 2)), given(ints(2, 2))])
case("Trilu", 14, [(3, 3)])
case("Trilu", 14, [(0, 3)])
for k in (-2, 0, 1, 9):
    case("EyeLike", 9, [(4, 5)], k=k)
    case("EyeLike", 9, [Fed(few(np.int32, 4, 2))], k=k, dtype=11)

# --- elements by computed indices ---------------------------------------------------------------------------------

for given in GIVEN:
    for shape, axis in (((4, 5), 0), ((4, 5), 1), ((4, 5, 6), -2), ((7,), 0), ((2, 3, 4, 5, 3), 2)):
        index_shape = [n - (i % 2) for i, n in enumerate(shape)]
        index_shape[axis] = 9
        case("GatherElements", 13, [shape, given(picks(shape[axis], *index_shape))], axis=axis)
    case("GatherElements", 11, [Fed(few(np.int64, 3, 4)), given(picks(3, 2, 4).astype(np.int32))])
    case("GatherElements", 13, [Fed(few(np.bool_, 3, 4)), given(picks(4, 3, 0))], axis=1)
    for shape, depth, outer, batch in (((4, 5), 2, (3,), 0), ((4, 5, 6), 1, (2, 3), 0), ((4, 5, 6), 2, (4, 7), 1),
                                       ((2, 3, 4, 5), 1, (2, 3), 2), ((6,), 1, (), 0), ((4, 5, 6, 2, 3), 3, (2,), 0)):
        least = [min(shape[batch : batch + depth])]
        case("GatherND", 13, [shape, given(picks(least[0], *outer, depth))], batch_dims=batch)
    case("GatherND", 11, [Fed(few(np.int32, 3, 4)), given(picks(3, 5, 2))])
    for time in (0, 1):
        for shape in ((4, 4), (4, 4, 3), (4, 4, 2, 3)):
            case("ReverseSequence", 10, [shape, given(ints(1, 4, 2, 3))], time_axis=time, batch_axis=1 - time)
for mode, start in (("linear", ints(0, 3)), ("circular", ints(4, 2))):
    for shape, more, axis in (((2, 5, 3), (2, 2, 3), 1), ((2, 4, 5, 3), (2, 4, 2, 3), -2)):
        past, update, out = floats(*shape), floats(*more), None
        out = past.copy()
        for b in range(2):
            for s in range(2):
                place = (int(start[b]) + s) % 5
                out[b][..., place, :] = update[b][..., s, :]
        case("TensorScatter", 24, [Fed(past), Fed(update), Fed(start)], expected=out, mode=mode, axis=axis)

# --- elements to computed places ----------------------------------------------------------------------------------

for given in GIVEN:
    for shape, axis in (((4, 5), 0), ((4, 5), -1), ((3, 4, 5), 1), ((2, 3, 4, 2, 3), 2)):
        part = [n - (i % 2) for i, n in enumerate(shape)]
        part[axis] = min(3, shape[axis])
        index = np.argsort(random.random(part), axis=axis) - random.integers(0, 2) * shape[axis]
        case("ScatterElements", 13, [shape, given(index.astype(np.int64)), tuple(part)], axis=axis)
        case("Scatter", 9, [shape, given(index.astype(np.int32)), tuple(part)], axis=axis)
    for how in ("none", "add", "mul", "max", "min"):
        for type in (np.float32, np.float64, np.int32, np.int64):
            data, more = few(type, 5, 4), few(type, 9, 4)
            index = picks(5, 9, 4) if how != "none" else np.argsort(random.random((9, 4)), axis=0) % 5
            if how != "none":
                case("ScatterElements", 18, [Fed(data), given(index), Fed(more)], reduction=how)
                case("ScatterND", 18, [Fed(data), given(picks(5, 9, 1)), Fed(more)], reduction=how)
    case("ScatterND", 13, [(4, 5, 6), given(ints(3, 0).reshape(2, 1)), (2, 5, 6)])
    case("ScatterND", 11, [(4, 5), given(ints(3, 0, -1, 1).reshape(2, 2)), (2,)])
    case("ScatterND", 13, [Fed(few(np.bool_, 4)), given(ints(1, 2).reshape(2, 1)), Fed(np.array([True, False]))])
case("MaxUnpool", 11, [(1, 1, 2, 2), Fed(ints(1, 3, 4, 15).reshape(1, 1, 2, 2))], kernel_shape=[2, 2], strides=[2, 2])
case("MaxUnpool", 9, [(1, 2, 3), Fed(ints(1, 2, 4, 7, 8, 11).reshape(1, 2, 3))], kernel_shape=[2], strides=[2])

# --- running sums -------------------------------------------------------------------------------------------------

for given in GIVEN:
    for axis in (0, 1, 2, -1, -3):
        for flags in ({}, {"reverse": 1}, {"exclusive": 1}, {"reverse": 1, "exclusive": 1}):
            case("CumSum", 14, [(3, 4, 5), given(np.int64(axis))], **flags)
    for type in (np.int32, np.int64, np.float64):
        case("CumSum", 11, [Fed(few(type, 4, 3)), given(np.array([1], dtype=np.int32))])
case("CumSum", 14, [(0, 3), np.int64(0)])

# --- order of elements --------------------------------------------------------------------------------------------

for op in ("ArgMax", "ArgMin"):
    for axis in (0, 1, 2, -1):
        for keep in (0, 1):
            case(op, 13, [(3, 70, 5)], axis=axis, keepdims=keep)
            case(op, 11, [Fed(few(np.int32, 3, 4, 70))], axis=axis, keepdims=keep)
            case(op, 12, [Fed(few(np.float32, 3, 4, 70))], axis=axis, keepdims=keep, select_last_index=1)
    for type in (np.int8, np.uint8, np.int32, np.int64, np.float64):
        case(op, 13, [Fed(few(type, 5, 6))], axis=1)
    case(op, 1, [(4, 7)])
for given in GIVEN:
    for axis, k in ((-1, 3), (0, 1), (1, 4), (2, 6), (1, 0)):
        for flags in ({}, {"largest": 0}):
            case("TopK", 11, [(3, 4, 6), given(ints(k))], outputs=2, axis=axis, **flags)
            case("TopK", 11, [Fed(few(np.int64, 3, 4, 6)), given(ints(k))], outputs=2, axis=axis, **flags)
    case("TopK", 10, [(5, 200), given(ints(17))], outputs=2)
for type in (np.int32, np.float64):
    case("TopK", 11, [Fed(few(type, 50)), ints(20)], outputs=2, axis=0)
case("TopK", 1, [(3, 8)], outputs=2, k=3)
for type in (np.float32, np.int64, np.int8, np.float64):
    for sort in (0, 1):
        case("Unique", 11, [Fed(few(type, 5, 6))], outputs=4, sorted=sort)
        case("Unique", 11, [Fed(few(type, 9, 2, values=2))], outputs=4, sorted=sort, axis=0)
        case("Unique", 11, [Fed(few(type, 2, 8, 2, values=2))], outputs=4, sorted=sort, axis=-2)
case("Unique", 11, [Fed(few(np.float32, 30))], outputs=[True, False, True])
case("Unique", 11, [Fed(few(np.float32, 30))])

# --- what the data choose -----------------------------------------------------------------------------------------

for given in GIVEN:
    for type in (np.float32, np.int64, np.bool_, np.uint8, np.int32):
        case("NonZero", 13, [given(few(type, 3, 4, 2, values=3 if type is not np.bool_ else 2))])
    case("NonZero", 9, [given(np.zeros((3, 4), dtype=np.float32))])
    case("NonZero", 9, [given(f32(0, -0.0, 1, np.nan))])
    chosen = np.array([True, False, True, True])
    for axis in (0, 1, -1):
        case("Compress", 11, [(4, 5, 6), given(chosen)], axis=axis)
    case("Compress", 9, [(2, 5), given(chosen)])
    case("Compress", 11, [Fed(few(np.int64, 4, 3)), given(chosen[:2])], axis=0)
    case("Compress", 11, [(4, 3), given(np.zeros(4, dtype=np.bool_))], axis=0)


def boxes(batch, n, centred=False):
    corner, size = random.random((batch, n, 2)), random.random((batch, n, 2)) * 0.4 + 0.1
    return np.concatenate([corner, size if centred else corner + size], axis=2).astype(np.float32)


for given in GIVEN:
    for centred in (0, 1):
        for limit, overlap, least in ((3, 0.5, 0.0), (100, 0.1, 0.3), (100, 0.9, 0.95), (0, 0.5, 0.0)):
            case("NonMaxSuppression", 11,
                 [Fed(boxes(2, 40, centred)), Fed(random.random((2, 3, 40)).astype(np.float32)), given(ints(limit)),
                  given(f32(overlap)), given(f32(least))], center_point_box=centred)
case("NonMaxSuppression", 10, [Fed(boxes(1, 10)), Fed(few(np.float32, 1, 1, 10)), ints(5)])
case("NonMaxSuppression", 10, [Fed(boxes(1, 10)), Fed(few(np.float32, 1, 1, 10))])

# --- blocks, sampling ---------------------------------------------------------------------------------------------

for shape in ((3, 3), (2, 4, 4), (2, 3, 1, 1), (2, 5, 5)):
    case("Det", 11, [shape])
case("Det", 11, [Fed(np.zeros((3, 3), dtype=np.float32))])
case("Col2Im", 18, [(1, 12, 12), ints(5, 5), ints(2, 3)])
case("Col2Im", 18, [(2, 18, 9), Fed(ints(5, 5)), Fed(ints(3, 3))], pads=[1, 1, 1, 1], strides=[2, 2])
case("Col2Im", 18, [(1, 4, 9), ints(7, 7), ints(2, 2)], dilations=[3, 3], strides=[2, 2], pads=[0, 1, 1, 0])


def reference(op, opset, arrays, **attributes):
    """What ONNX's own evaluator makes of a node."""
    names = [f"x{i}" for i in range(len(arrays))]
    values = [helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(a.dtype), None) for n, a in zip(names, arrays)]
    node = helper.make_node(op, names, ["y"], **attributes)
    graph = helper.make_graph([node], "g", values, [onnx.ValueInfoProto(name="y")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    return ReferenceEvaluator(model).run(None, dict(zip(names, arrays)))[0]


for mode in ("linear", "nearest", "cubic"):
    for padding in ("zeros", "border", "reflection"):
        for align in (0, 1):
            grid = (random.random((2, 3, 4, 2)) * 3 - 1.5).astype(np.float32)
            old = {"linear": "bilinear", "cubic": "bicubic"}.get(mode, mode)
            flags = {"padding_mode": padding, "align_corners": align}
            for opset, name, shape in ((20, mode, (2, 2, 5, 6)), (16, old, (2, 1, 1, 6))):
                x, expected = floats(*shape), None
                if (mode, padding) == ("cubic", "border"):  # ONNX Runtime does not move places to the border first
                    expected = reference("GridSample", 20, [x, grid], mode=mode, **flags)
                case("GridSample", opset, [Fed(x), Fed(grid)], expected=expected, mode=name, **flags)
            if mode != "cubic":
                grid = (random.random((2, 3, 2, 4, 3)) * 3 - 1.5).astype(np.float32)
                case("GridSample", 20, [(2, 3, 5, 6, 4), Fed(grid)], mode=mode, **flags)
regions = np.sort(random.random((5, 2, 2)), axis=1).reshape(5, 4).astype(np.float32) * 12
for flags in ({}, {"sampling_ratio": 2}, {"mode": "max", "sampling_ratio": 2}):
    for opset in (10, 16):
        case("RoiAlign", opset, [(2, 3, 8, 9), Fed(regions), Fed(ints(0, 1, 1, 0, 1))], output_height=3, output_width=2,
             spatial_scale=0.6, **flags)
whole = np.concatenate([few(np.float32, 5, 1, values=2) + 1, np.round(regions)], axis=1).astype(np.float32)
case("MaxRoiPool", 1, [(2, 3, 8, 9), Fed(whole)], pooled_shape=[2, 3], spatial_scale=0.5)

# --- random numbers: the generator again, in NumPy ----------------------------------------------------------------


def mixed(z):
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        z = (z ^ (z >> np.uint64(shift))) * np.uint64(factor)
    return z ^ (z >> np.uint64(31))


def drawn(seed, stream, count, bits=24, above=0):
    golden = np.uint64(0x9E3779B97F4A7C15)
    with np.errstate(over="ignore"):
        start = mixed(np.array(np.float64(seed).view(np.uint64) + golden * np.uint64(stream + 1)))
        numbers = mixed(np.arange(count, dtype=np.uint64) * golden + start) >> np.uint64(64 - bits)
    return (numbers + np.uint64(above)).astype(np.float64) * 2.0**-bits


uniform = drawn(5, 0, 24).astype(np.float32).reshape(4, 6)
case("RandomUniform", 1, [], expected=uniform, shape=[4, 6], seed=5.0)
case("RandomUniformLike", 1, [(4, 6)], expected=uniform * 4 - 1, seed=5.0, low=-1.0, high=3.0)
case("RandomUniformLike", 1, [(30,)], expected=drawn(2.5, 0, 30, 53), seed=2.5, dtype=11)
normal = np.sqrt(-2 * np.log(drawn(7, 0, 1000, above=1))) * np.cos(2 * np.pi * drawn(7, 1, 1000))
assert abs(normal.mean()) < 0.1 and abs(normal.std() - 1) < 0.1
case("RandomNormal", 1, [], expected=(normal * 2 + 3).astype(np.float32), shape=[1000], seed=7.0, mean=3.0, scale=2.0)
case("RandomNormalLike", 1, [(10, 100)], expected=normal.astype(np.float32).reshape(10, 100), seed=7.0)
case("Bernoulli", 15, [Fed(np.full((4, 6), 0.3, dtype=np.float32))], expected=(uniform < 0.3).astype(np.float32), seed=5.0)
logits = f32(0, 1, 2, -1, 3, 3).reshape(2, 3)
share = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
sums = np.cumsum(share.astype(np.float32), axis=1)[:, None, :]
number = drawn(9, 0, 80).astype(np.float32).reshape(2, 40, 1)
case("Multinomial", 7, [Fed(logits)], expected=(sums <= number * sums[:, :, -1:]).sum(axis=2).astype(np.int32), seed=9.0,
     sample_size=40)
