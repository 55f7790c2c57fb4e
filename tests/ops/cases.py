"""The table of operator cases: small nodes with odd shapes, in every form that opsets give them.

case(op, opset, inputs, outputs=1, expected=None, **attributes) adds one. `expected` stands in for ONNX Runtime's result
where that departs from ONNX's reference (NumPy). An input is
  a shape (tuple)       random float32 data, given when the model runs
  an array              a constant of the model
  Fed(array)            that data, given when the model runs
  None                  an optional input that is absent
An operator of another domain is named with it: "com.microsoft.Gelu". An output of no interest is left out by `outputs`
as a list of what is wanted: [True, False, True].
"""

from dataclasses import dataclass, field

import numpy as np
import onnx
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator

IR_VERSION = 8


@dataclass
class Fed:
    array: np.ndarray


@dataclass
class Case:
    op: str
    opset: int
    inputs: list
    outputs: int | list
    expected: np.ndarray | list | None  # of the first output, or of each
    attributes: dict = field(default_factory=dict)

    @property
    def wanted(self):
        return [True] * self.outputs if isinstance(self.outputs, int) else self.outputs

    def __str__(self):
        def show(x):
            if x is None:
                return "-"
            if isinstance(x, tuple):
                return "x".join(map(str, x)) or "scalar"
            array = x.array if isinstance(x, Fed) else x
            text = str(array.tolist()) if array.size <= 8 else f"{array.dtype}{list(array.shape)}"
            return f"fed {text}" if isinstance(x, Fed) else f"const {text}"

        attributes = " ".join(f"{k}={v}" for k, v in self.attributes.items())
        return f"{self.op}-{self.opset} {attributes} ({', '.join(map(show, self.inputs))})"


def tensor_type(array):
    return helper.np_dtype_to_tensor_dtype(array.dtype)


def make_model(cases, opset):
    """A model with a node for each case, and the data of its inputs."""
    nodes, inputs, outputs, constants, data = [], [], [], [], {}
    random = np.random.default_rng(7)
    for i, case in enumerate(cases):
        names = []
        for k, given in enumerate(case.inputs):
            name = f"c{i}_in{k}"
            names.append("" if given is None else name)
            if isinstance(given, tuple):
                given = Fed(random.standard_normal(given).astype(np.float32))
            if isinstance(given, Fed):
                data[name] = np.asarray(given.array)
                inputs.append(helper.make_tensor_value_info(name, tensor_type(data[name]), data[name].shape))
            elif given is not None:
                constants.append(numpy_helper.from_array(np.asarray(given), name))
        results = [f"c{i}_out{k}" if wanted else "" for k, wanted in enumerate(case.wanted)]
        attributes = {
            k: numpy_helper.from_array(v, k) if isinstance(v, np.ndarray) else v for k, v in case.attributes.items()
        }
        domain, _, op = case.op.rpartition(".")
        nodes.append(helper.make_node(op, names, results, name=f"case{i}", domain=domain, **attributes))
        outputs += [onnx.ValueInfoProto(name=name) for name in results if name]
    graph = helper.make_graph(nodes, "cases", inputs, outputs, constants)
    imports = [helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(graph, opset_imports=imports, ir_version=IR_VERSION)
    return model, data


CASES = []
random = np.random.default_rng(1)


def case(op, opset, inputs, /, outputs=1, expected=None, **attributes):
    CASES.append(Case(op, opset, inputs, outputs, expected, attributes))


def by_reference(op, opset, inputs, outputs=1, **attributes):
    """A case whose expected result ONNX's reference implementation computes: where ONNX Runtime departs from it."""
    model, data = make_model([Case(op, opset, inputs, outputs, None, attributes)], opset)
    case(op, opset, inputs, outputs, ReferenceEvaluator(model).run(None, data), **attributes)


def floats(*shape):
    return random.standard_normal(shape).astype(np.float32)


def ints(*values):
    return np.array(values, dtype=np.int64)


def f32(*values):
    return np.array(values, dtype=np.float32)


# --- Conv ---------------------------------------------------------------------------------------------------------


def conv(x, w, bias=False, opset=13, fed=False, **attributes):
    weights = floats(*w) / np.float32(np.sqrt(np.prod(w[1:])))
    given = Fed if fed else lambda array: array
    case("Conv", opset, [x, given(weights)] + ([given(floats(w[0]))] if bias else []), **attributes)


for fed in (False, True):
    conv((1, 3, 11, 13), (8, 3, 3, 3), True, fed=fed, pads=[1, 1, 1, 1])
    conv((1, 16, 9, 9), (24, 16, 3, 3), fed=fed, pads=[1, 1, 1, 1], strides=[2, 2])
    conv((2, 12, 7, 7), (20, 12, 1, 1), True, fed=fed)
    conv((1, 17, 10, 11), (17, 1, 3, 3), True, fed=fed, group=17, pads=[1, 1, 1, 1])
    conv((1, 12, 8, 8), (18, 4, 3, 3), True, fed=fed, group=3, pads=[1, 0, 1, 0])
    conv((2, 12, 5, 5), (18, 4, 1, 1), True, fed=fed, group=3)
    conv((1, 6, 15), (7, 6, 4), True, fed=fed, pads=[1, 2])
conv((1, 3, 20, 20), (32, 3, 7, 7), True, pads=[3, 3, 3, 3], strides=[2, 2])
conv((1, 64, 7, 7), (96, 64, 3, 3), True, pads=[1, 1, 1, 1])
conv((1, 1, 28, 28), (5, 1, 5, 5), True, auto_pad="SAME_UPPER")
conv((1, 1, 12, 12), (5, 1, 4, 4), True, auto_pad="SAME_LOWER")
conv((1, 5, 12, 13), (6, 5, 3, 2), auto_pad="SAME_UPPER", strides=[2, 3])
conv((1, 5, 12, 13), (6, 5, 3, 2), auto_pad="SAME_LOWER", strides=[3, 2])
conv((1, 5, 12, 13), (6, 5, 3, 2), auto_pad="VALID", strides=[2, 2])
conv((1, 8, 12, 13), (8, 1, 5, 3), auto_pad="SAME_UPPER", strides=[2, 2], group=8)
conv((1, 5, 14, 15), (6, 5, 3, 3), True, dilations=[2, 3], pads=[2, 3, 2, 3])
conv((1, 33, 14, 15), (33, 1, 3, 3), True, dilations=[2, 2], pads=[2, 2, 2, 2], group=33)
conv((1, 4, 9, 9), (8, 1, 3, 3), True, group=4, pads=[1, 1, 1, 1])
conv((3, 2, 6, 5), (3, 2, 6, 5), True)
conv((1, 4, 1, 1), (40, 4, 1, 1), True)
conv((1, 70, 6, 6), (50, 70, 1, 1), True, strides=[2, 2])
conv((1, 10, 6, 6), (12, 10, 1, 1), pads=[1, 1, 1, 1])
conv((1, 10, 4, 6), (12, 10, 3, 3), pads=[0, 2, 1, 0])
conv((2, 19, 5, 5), (1, 19, 3, 3), True, pads=[1, 1, 1, 1])
conv((1, 8, 30), (8, 1, 3), True, group=8, pads=[1, 1])
conv((1, 8, 30), (8, 8, 1), True)
conv((1, 8, 30), (16, 4, 5), True, group=2, strides=[2], auto_pad="SAME_UPPER", opset=11)
conv((1, 2, 5, 5), (3, 2, 3, 3), opset=1)
conv((0, 2, 5, 5), (3, 2, 3, 3))
conv((1, 40, 7, 14), (64, 40, 3, 3), True, pads=[1, 1, 1, 1], kernel_shape=[3, 3])
conv((1, 9, 3, 3), (9, 1, 3, 3), group=9, pads=[2, 2, 2, 2], strides=[2, 1])

# --- pools --------------------------------------------------------------------------------------------------------

for op in ("MaxPool", "AveragePool"):
    case(op, 12, [(1, 5, 10, 11)], kernel_shape=[2, 2], strides=[2, 2])
    case(op, 12, [(2, 17, 10, 11)], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    case(op, 12, [(1, 5, 10, 12)], kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)
    case(op, 12, [(1, 5, 7, 8)], kernel_shape=[3, 2], strides=[3, 3], pads=[1, 1, 1, 0], ceil_mode=1)
    case(op, 12, [(1, 5, 7, 8)], kernel_shape=[2, 2], strides=[3, 3], pads=[1, 1, 1, 1], ceil_mode=1)
    case(op, 12, [(1, 5, 7, 8)], kernel_shape=[3, 2], auto_pad="SAME_UPPER", strides=[2, 2])
    case(op, 12, [(1, 5, 7, 8)], kernel_shape=[2, 4], auto_pad="SAME_LOWER")
    case(op, 12, [(1, 5, 7, 8)], kernel_shape=[2, 4], auto_pad="VALID", strides=[2, 1])
    case(op, 12, [(1, 6, 15)], kernel_shape=[4], strides=[3], pads=[1, 2])
    case(op, 7, [(1, 2, 5, 5)], kernel_shape=[3, 3])
    case(op, 19, [(1, 5, 12, 11)], kernel_shape=[3, 2], dilations=[2, 3], pads=[1, 1, 1, 1])
case("MaxPool", 8, [(1, 2, 5, 5)], kernel_shape=[3, 3], pads=[1, 1, 1, 1])
case("MaxPool", 12, [Fed(f32(1, np.nan, 3, -np.inf, 5, 6, np.inf, -1).reshape(1, 1, 2, 4))], kernel_shape=[2, 2],
     strides=[2, 2], expected=f32(np.nan, np.inf).reshape(1, 1, 1, 2))
for opset in (7, 11, 19):
    case("AveragePool", opset, [(1, 5, 7, 8)], kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=1)
case("AveragePool", 19, [(1, 5, 7, 8)], kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[2, 2], count_include_pad=1,
     ceil_mode=1)
case("AveragePool", 12, [(1, 5, 7, 8)], kernel_shape=[3, 2], auto_pad="SAME_UPPER", strides=[2, 2],
     count_include_pad=1)
for op in ("GlobalAveragePool", "GlobalMaxPool"):
    case(op, 1, [(2, 17, 7, 5)])
    case(op, 1, [(1, 3, 9)])
    case(op, 1, [(1, 3, 4, 5, 6)])
    case(op, 1, [(1, 3, 1, 1)])

# --- Gemm, MatMul -------------------------------------------------------------------------------------------------

for fed in (False, True):
    given = Fed if fed else lambda array: array
    for m, n, k in ((1, 10, 7), (5, 33, 17), (64, 70, 31), (3, 1, 9), (1, 1, 5), (17, 200, 3)):
        case("Gemm", 13, [(m, k), given(floats(k, n)), given(floats(n))])
    case("Gemm", 13, [(9, 6), given(floats(9, 11)), given(floats(6, 11))], transA=1, alpha=0.5, beta=2.0)
    case("Gemm", 13, [(6, 9), given(floats(11, 9)), given(floats(6, 1))], transB=1, alpha=0.5)
    case("Gemm", 13, [(9, 6), given(floats(11, 9)), given(floats(1))], transA=1, transB=1, beta=-1.5)
    case("Gemm", 13, [(9, 6), given(floats(1, 9)), given(floats(1, 1))], transA=1, transB=1, beta=-1.5, alpha=3.0)
    case("Gemm", 13, [(9, 1), given(floats(11, 9))], transA=1, transB=1)
    case("Gemm", 11, [(9, 6), given(floats(6, 11))])
    case("Gemm", 9, [(9, 6), given(floats(6, 11)), given(floats(9, 11))], beta=0.0)
    for a, b in (
        ((5, 7), (7, 9)), ((7,), (7, 9)), ((5, 7), (7,)), ((7,), (7,)), ((3, 5, 7), (7, 9)), ((3, 5, 7), (3, 7, 9)),
        ((5, 7), (3, 7, 9)), ((2, 3, 5, 7), (2, 3, 7, 9)), ((2, 3, 5, 7), (3, 7, 9)), ((2, 1, 5, 7), (1, 3, 7, 9)),
        ((2, 1, 4, 5, 7), (2, 3, 1, 7, 9)), ((2, 3, 1, 2, 5, 7), (1, 3, 2, 1, 7, 9)), ((2, 3, 7), (7,)),
        ((7,), (2, 7, 9)), ((4, 1, 7), (7, 9)), ((4, 1, 7), (4, 7, 9)), ((4, 6, 7), (4, 7, 1)), ((3, 40, 50), (50, 60)),
        ((1, 300), (300, 130)), ((2, 4, 33, 16), (2, 4, 16, 33)), ((0, 5), (5, 4)), ((3, 0), (0, 4)),
    ):
        case("MatMul", 13, [a, given(floats(*b))])

# --- reductions ---------------------------------------------------------------------------------------------------

SHAPES = (
    ((3, 4, 5), None), ((3, 4, 5), [0]), ((3, 4, 5), [1]), ((3, 4, 5), [2]), ((3, 4, 5), [-1, 0]), ((3, 4, 5), [0, 1]),
    ((2, 3, 4, 5), [1, 3]), ((2, 3, 4, 5), [2, 3]), ((2, 17, 6, 5), [0, 2]), ((2, 3, 4, 5, 6), [0, 2, 4]),
    ((2, 3, 4, 5, 6), [1, 3]), ((70, 1000), [1]), ((1000, 70), [0]), ((1, 5, 1), [1]), ((1, 5, 1), [0]), ((7,), [0]),
)
REDUCTIONS = ("ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2",
              "ReduceSumSquare", "ReduceLogSumExp")
for op in REDUCTIONS:
    for i, (shape, axes) in enumerate(SHAPES):
        if op == "ReduceProd" and np.prod(shape) > 5000:
            continue
        keep = {"keepdims": i % 2}
        case(op, 11, [shape], **keep, **({"axes": axes} if axes else {}))
        case(op, 18, [shape] + ([ints(*axes)] if axes else []), **keep)
for opset, inputs in ((11, []), (18, [ints(1)])):
    case("ReduceLogSum", opset, [Fed(np.abs(floats(3, 4, 5)) + 1)] + inputs)
case("ReduceLogSumExp", 13, [Fed(f32(1000, 1001, 999, -1000, -np.inf, -np.inf).reshape(2, 3) * 1)], axes=[1])
case("ReduceLogSumExp", 13, [Fed(f32(np.inf, 1, 999, -np.inf, -np.inf, -np.inf).reshape(2, 3))], axes=[1])
case("ReduceSum", 13, [(3, 4), ints()], noop_with_empty_axes=1)
case("ReduceSum", 13, [(3, 4), ints()], noop_with_empty_axes=0)
case("ReduceSum", 13, [(3, 4)], noop_with_empty_axes=1)
for op, most in (("ReduceMax", 6), ("ReduceMin", 4)):
    case(op, 18, [Fed(f32(1, np.nan, 3, 4, 5, 6).reshape(2, 3)), ints(1)], expected=f32(np.nan, most).reshape(2, 1))
case("ReduceSum", 13, [(0, 4), ints(0)])

# --- normalisations -----------------------------------------------------------------------------------------------

for op in ("Softmax", "LogSoftmax"):
    for opset in (1, 11, 13):
        for shape, axis in (((3, 5), 1), ((3, 5), 0), ((2, 3, 4), 1), ((2, 3, 4), 2), ((2, 3, 4), -1), ((2, 19, 4, 5), 1),
                            ((2, 19, 4, 5), 3), ((2, 3, 4, 17, 5), 2), ((2, 1500), 1), ((1500, 2), 0), ((6,), 0)):
            if not (opset == 1 and axis < 0):
                case(op, opset, [shape], axis=axis)
        case(op, opset, [(4, 7)])
case("Softmax", 13, [Fed(f32(1, -np.inf, 200, 199, -200, 0).reshape(2, 3))])
for axis in (-1, 1, 0, 2):
    shape = (3, 5, 33)
    rest = shape[axis:] if axis >= 0 else shape[-1:]
    case("LayerNormalization", 17, [shape, floats(*rest), floats(*rest)], axis=axis, epsilon=1e-3)
    case("LayerNormalization", 17, [shape, Fed(floats(*rest))], axis=axis)
case("LayerNormalization", 17, [(4, 2000), floats(2000), floats(2000)])
case("LayerNormalization", 17, [(2, 3, 4, 5), floats(5), floats(5)])
for shape in ((2, 5, 6, 7), (2, 5), (2, 5, 6), (1, 20, 3, 3)):
    c = shape[1]
    for given in (lambda array: array, Fed):
        case("BatchNormalization", 9, [shape, *(given(x) for x in (floats(c), floats(c), floats(c), np.abs(floats(c))))])
case("BatchNormalization", 15, [(2, 5, 6), floats(5), floats(5), floats(5), np.abs(floats(5))], epsilon=0.01)
case("BatchNormalization", 7, [(2, 5, 6), floats(5), floats(5), floats(5), np.abs(floats(5))], momentum=0.5)

# --- cutting, joining, picking ------------------------------------------------------------------------------------

BIG, SMALL = 2**63 - 1, -(2**63)
for starts, ends, axes, steps in (
    ([0], [3], [0], [1]), ([1], [BIG], [1], [2]), ([-3], [-1], [2], [1]), ([-1], [SMALL], [2], [-1]), ([4], [0], [2], [-2]),
    ([100], [-100], [1], [-3]), ([0, 1], [2, 4], [-1, 0], [1, 2]), ([5], [2], [1], [1]), ([0, 0, 0], [BIG, BIG, BIG], None, None),
    ([1, 1], [BIG, 3], None, None), ([-100], [BIG], [1], None), ([2], [-100], [0], [-1]), ([0], [BIG], [0], [BIG]),
    ([BIG], [SMALL], [0], [SMALL + 1]),
):
    case("Slice", 13, [(6, 5, 7), ints(*starts), ints(*ends), axes and ints(*axes), steps and ints(*steps)])
    if not steps or all(step == 1 for step in steps):
        case("Slice", 1, [(6, 5, 7)], starts=starts, ends=ends, **({"axes": axes} if axes else {}))
case("Slice", 10, [Fed(np.arange(24, dtype=np.int32).reshape(4, 6)), ints(1), ints(3)])
case("Slice", 13, [Fed(np.arange(24, dtype=np.float64).reshape(4, 6)), ints(3), ints(-6), ints(1), ints(-1)])
case("Slice", 13, [Fed(np.arange(24).reshape(4, 6) % 3 == 0), ints(3), ints(-6), ints(1), ints(-1)])

case("Split", 2, [(6, 5)], outputs=3)
case("Split", 2, [(6, 5)], outputs=2, axis=1, split=[2, 3])
case("Split", 11, [(6, 5)], outputs=2, axis=-1, split=[0, 5])
case("Split", 13, [(6, 5), ints(1, 2, 3)], outputs=3)
case("Split", 13, [(6, 5, 4)], outputs=2, axis=-1)
case("Split", 18, [(7, 5)], outputs=3, num_outputs=3)
case("Split", 18, [(7, 5), ints(3, 4)], outputs=2)
case("Split", 18, [(8, 5)], outputs=4, num_outputs=4, axis=-2)

case("Concat", 13, [(2, 3), (2, 4)], axis=1)
case("Concat", 13, [(2, 3), (1, 3), (5, 3)], axis=-2)
case("Concat", 4, [(2, 3, 4), (2, 3, 1)], axis=2)
case("Concat", 13, [(2, 3, 4), floats(2, 5, 4), (2, 0, 4)], axis=1)
case("Concat", 13, [Fed(np.arange(6).reshape(2, 3)), Fed(np.arange(3).reshape(1, 3))], axis=0)
case("Concat", 13, [(4,)], axis=0)

for indices in (np.int64(2), ints(0, 2), ints(-1), ints(3, 0, -2, 1), ints(3, 2, 1, 0), ints(0, 1, 2, 0).reshape(2, 2)):
    for given in (lambda array: array, Fed):
        case("Gather", 13, [(4, 5, 6), given(np.asarray(indices))])
        case("Gather", 11, [(3, 4, 6), given(np.asarray(indices).astype(np.int32))], axis=1)
        case("Gather", 1, [(3, 6, 4), given(np.asarray(indices))], axis=2)
case("Gather", 13, [floats(50, 20), Fed(ints(*range(0, 50, 3)).reshape(1, 17))])
case("Gather", 13, [Fed(np.arange(12).reshape(3, 4)), Fed(ints(2, 2))])
case("Gather", 13, [Fed(np.arange(12).reshape(3, 4) % 2 == 0), Fed(ints(2, 2))], axis=-1)

for opset in (11, 13, 18):
    case("Pad", opset, [(2, 3, 4), ints(0, 1, 2, 0, 2, 1)])
    case("Pad", opset, [(2, 3, 4, 5), ints(0, 0, 1, 1, 0, 0, 2, 2), np.float32(1.5)])
    case("Pad", opset, [(3, 4), ints(1, -1, -1, 2), Fed(np.float32(7))])
    case("Pad", opset, [(3, 4), ints(0, -1, -1, 0)])
    case("Pad", opset, [(5, 6), ints(2, 3, 4, 5)], mode="reflect")
    case("Pad", opset, [(2, 5, 6), ints(0, 2, 3, 1, 4, 5)], mode="edge")
    case("Pad", opset, [(5, 6), ints(2, 0, 0, 5)], mode="reflect")
case("Pad", 18, [(3, 4, 5), ints(1, 2), np.float32(3), ints(-1)])
case("Pad", 18, [(3, 4, 5), ints(1, 2, 0, 3), None, ints(2, 0)])
case("Pad", 19, [(4, 5), ints(2, 3, 4, 1)], mode="wrap")
case("Pad", 2, [(3, 4)], pads=[1, 0, 0, 2], value=2.5)
case("Pad", 2, [(3, 4)], pads=[1, 0, 0, 2], mode="edge")
case("Pad", 13, [Fed(np.arange(6, dtype=np.int64).reshape(2, 3)), ints(1, 1, 1, 1), np.int64(9)])
case("Pad", 13, [(2, 2, 2, 2, 2), ints(1, 0, 1, 0, 1, 0, 1, 0, 1, 0)])
case("Pad", 13, [(0, 3), ints(1, 1, 1, 1)])

case("ConstantOfShape", 9, [ints(2, 3)])
case("ConstantOfShape", 9, [ints(2, 3)], value=ints(7))
case("ConstantOfShape", 9, [ints()], value=f32(1.5))
case("ConstantOfShape", 9, [ints(3, 0)], value=np.array([True]))

# --- Resize -------------------------------------------------------------------------------------------------------

PLACES = ("half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric")


def resize(place, x, scales, given=lambda array: array, **attributes):
    """With align_corners ONNX Runtime takes the output's length as rounded, ONNX does not."""
    whole = all(float(n * s).is_integer() for n, s in zip(x.array.shape, scales))
    add = by_reference if place == "align_corners" and not whole else case
    add("Resize", 13, [x, None, given(f32(*scales))], coordinate_transformation_mode=place, **attributes)


for place in PLACES:
    for scales in ((1, 1, 2, 2), (1, 1, 0.6, 1.7), (1, 1, 2.5, 1), (1, 1, 1, 3)):
        for rounding in ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil"):
            resize(place, Fed(floats(2, 5, 7, 6)), scales, mode="nearest", nearest_mode=rounding)
        resize(place, Fed(floats(2, 5, 7, 6)), scales, mode="linear")
    case("Resize", 13, [(1, 2, 7, 6), None, None, ints(1, 2, 9, 4)], mode="linear", coordinate_transformation_mode=place)
    case("Resize", 11, [(1, 2, 7, 6), f32(), f32(), ints(1, 2, 9, 4)], mode="nearest",
         coordinate_transformation_mode=place)
case("Resize", 19, [(1, 2, 7, 6), None, f32(1, 1, 1.3, 0.7)], mode="linear",
     coordinate_transformation_mode="half_pixel_symmetric")
case("Resize", 11, [(1, 2, 7, 6), f32(), f32(1, 1, 2, 3)], mode="nearest",
     coordinate_transformation_mode="tf_half_pixel_for_nn", nearest_mode="floor")
case("Resize", 18, [(1, 2, 8, 6), None, None, ints(7, 9)], axes=[2, 3], keep_aspect_ratio_policy="not_larger",
     mode="nearest")
case("Resize", 18, [(1, 2, 8, 6), None, None, ints(7, 9)], axes=[2, 3], keep_aspect_ratio_policy="not_smaller",
     mode="nearest")
case("Resize", 18, [(1, 2, 8, 6), None, f32(2, 3)], axes=[2, 3], mode="linear")
case("Resize", 10, [(1, 2, 4, 6), f32(1, 1, 2, 3)], mode="nearest")
case("Resize", 10, [(1, 2, 4, 6), f32(1, 1, 0.6, 0.4)], mode="nearest")
case("Resize", 10, [(1, 2, 4, 6), f32(1, 1, 2, 3)], mode="linear")
case("Upsample", 9, [(1, 2, 4, 6), f32(1, 1, 2, 3)], mode="nearest")
case("Upsample", 9, [(1, 2, 4, 6), f32(1, 1, 2, 3)], mode="linear")
case("Upsample", 7, [(1, 2, 4, 6)], mode="nearest", scales=[1.0, 1.0, 2.0, 2.0])
