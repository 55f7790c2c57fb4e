"""Cases of operands that say where to cut, join or reduce: constants, and numbers that are given when the model runs."""

import numpy as np
from cases import Fed, case, f32, ints

random = np.random.default_rng(11)


def fed(*numbers):
    return Fed(ints(*numbers))


def of(type, *shape):
    if type == np.bool_:
        return Fed(random.random(shape) < 0.5)
    if np.issubdtype(type, np.floating):
        return Fed(random.standard_normal(shape).astype(type))
    return Fed(random.integers(-9 if np.issubdtype(type, np.signedinteger) else 0, 10, shape).astype(type))


# --- reductions ---------------------------------------------------------------------------------------------------

for axes in ((1,), (0, -1), (2, 1), (-4, 1, 2, 3)):
    for keep in (0, 1):
        case("ReduceSum", 13, [(2, 3, 4, 5), fed(*axes)], keepdims=keep)
        case("ReduceMean", 18, [(2, 3, 4, 5), fed(*axes)], keepdims=keep)
        case("ReduceMax", 18, [of(np.int32, 2, 3, 4, 5), fed(*axes)], keepdims=keep)
        case("ReduceLogSumExp", 18, [(2, 3, 4, 5), fed(*axes)], keepdims=keep)
        case("ReduceL2", 18, [(2, 3, 4, 5), fed(*axes)], keepdims=keep)
case("ReduceSum", 13, [(2, 3), fed()], noop_with_empty_axes=1)
case("ReduceSum", 13, [(2, 3), fed()])
for op, types in {
    "ReduceSum": (np.float64, np.int32, np.int64),
    "ReduceMean": (np.float64, np.int32),
    "ReduceProd": (np.float64, np.int32, np.int64),
    "ReduceMax": (np.float64, np.int32, np.int64, np.int8, np.uint8),
    "ReduceMin": (np.float64, np.int32, np.int64, np.int8, np.uint8),
    "ReduceL1": (np.int32,),
    "ReduceL2": (np.int32,),
    "ReduceSumSquare": (np.float64, np.int32),
}.items():
    for type in types:
        for axes in ((0,), (1,)) if op == "ReduceProd" else ((0,), (1, 3), (3,), (0, 1, 2, 3)):
            case(op, 18 if op != "ReduceSum" else 13, [of(type, 3, 4, 5, 37), ints(*axes)])
case("ReduceLogSum", 18, [Fed(np.arange(1, 41, dtype=np.int32).reshape(2, 20)), ints(1)])
for op in ("ReduceMax", "ReduceMin"):
    case(op, 20, [of(np.bool_, 3, 40), ints(1)], keepdims=0)
case("ReduceSum", 13, [of(np.float64, 5, 0, 3), ints(1)])
case("ReduceProd", 18, [of(np.int32, 5, 0, 3), ints(1)])
case("ReduceSum", 13, [of(np.float64, 2, 3, 2, 3, 2, 3, 2, 3), ints(0, 2, 4, 6)])
case("ReduceSum", 13, [(2, 3, 2, 3, 2, 3, 2, 3), ints(0, 2, 4, 6)])

# --- views --------------------------------------------------------------------------------------------------------

for steps in ((1, 1), (-1, 2), (3, -2), (-5, -1)):
    case("Slice", 13, [(7, 5, 6), fed(-100, 4), fed(100, -6), fed(2, 0), fed(*steps)])
    case("Slice", 13, [(7, 5, 6), fed(5, 3), fed(-7, 0), ints(0, -1), fed(*steps)])
    case("Slice", 13, [(7, 5, 6), ints(5, 1), ints(-7, 5), fed(0, -2), ints(*steps)])
case("Slice", 13, [(7, 5), fed(2**63 - 1), fed(-(2**63)), fed(1), fed(-1)])
case("Slice", 13, [(7, 5), fed(1), fed(2**63 - 1), fed(-2)])
case("Squeeze", 13, [(1, 3, 1, 4), fed(2)])
case("Squeeze", 13, [(1, 3, 1, 4), fed(-2, 0)])
case("Unsqueeze", 13, [(3, 4), fed(0)])
case("Unsqueeze", 13, [(3, 4), fed(-1, 1, 0)])
case("Expand", 13, [(3, 1), fed(2, 1, 4)])
case("ConstantOfShape", 9, [fed(2, 3)], value=f32(2.5))
case("Split", 13, [(7, 4), fed(2, 5)], outputs=2)

# --- borders ------------------------------------------------------------------------------------------------------

for mode in ("constant", "reflect", "edge"):
    case("Pad", 13, [(3, 4, 5), fed(0, 2, 1, 0, 1, 3)], mode=mode)
    case("Pad", 13, [(3, 4, 5), fed(1, -1, 0, 2, 1, -2)], mode=mode)
    case("Pad", 18, [(3, 4, 5), fed(2, 1, 1, 0), None, fed(-1, 1)], mode=mode)
    case("Pad", 13, [of(np.int64, 3, 4), fed(1, 2, 2, 1)], mode=mode)
for mode in ("wrap", "edge"):
    data = random.standard_normal((3, 4)).astype(np.float32)
    wide = np.pad(data, ((7, 4), (0, 9)), mode=mode)
    case("Pad", 19, [Fed(data), ints(7, 0, 4, 9)], expected=wide, mode=mode)
    case("Pad", 19, [Fed(data), fed(7, 0, 4, 9)], expected=wide, mode=mode)
case("Pad", 13, [(2, 2, 2, 3, 3), ints(0, 1, 0, 9, 1, 0, 1, 0, 1, 9)], mode="edge")
