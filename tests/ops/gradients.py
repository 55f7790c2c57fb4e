#!/usr/bin/env python3
"""Gradient (ai.onnx.preview.training): against differences that ONNX's reference implementation makes in float64.

gradients.py [TEXT]: only the operators whose name holds TEXT.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import support

TRAINING = "ai.onnx.preview.training"
random = np.random.default_rng(3)


def floats(*shape, low=-2.0, high=2.0):
    return random.uniform(low, high, shape)


def ints(*values):
    return np.array(values, np.int64)


CASES = []
COARSE = ("Erf", "Gelu")  # whose reference rounds to float32: differences need a longer step


def case(op, *inputs, opset=20, outputs=1, **attributes):
    CASES.append((op, opset, inputs, outputs, attributes))


for op in ("Neg", "Abs", "Exp", "Relu", "Sigmoid", "Tanh", "Sin", "Cos", "Atan", "Sinh", "Cosh", "Asinh", "Erf", "Elu",
           "Selu", "Celu", "LeakyRelu", "HardSigmoid", "HardSwish", "Mish", "Softplus", "Softsign", "Gelu", "Identity",
           "ThresholdedRelu", "Floor"):
    case(op, floats(3, 4))
for op in ("Sqrt", "Log", "Reciprocal"):
    case(op, floats(3, 4, low=0.5))
for op in ("Tan", "Asin", "Acos", "Atanh"):
    case(op, floats(3, 4, low=-0.9, high=0.9))
case("Acosh", floats(3, 4, low=1.5))
case("Gelu", floats(3, 4), approximate="tanh")
for op in ("Add", "Sub", "Mul", "Max", "Min", "Mean", "Sum"):
    case(op, floats(3, 4), floats(4))
    if op != "Mean":  # whose reference does not broadcast both ways
        case(op, floats(2, 1, 4), floats(3, 1))
case("Sum", floats(3, 4), floats(4), floats(3, 1))
case("Div", floats(3, 4), floats(3, 1, low=0.5))
case("Pow", floats(3, 4, low=0.5), floats(4))
case("Pow", floats(3, 4), ints(2))
case("PRelu", floats(3, 4), floats(4))
case("Where", np.array([[True], [False], [True]]), floats(3, 4), floats(4))
for a, b in (((3, 4), (4, 5)), ((4,), (4, 5)), ((3, 4), (4,)), ((4,), (4,)), ((2, 3, 4), (4, 5)), ((3, 4), (2, 4, 5)),
             ((2, 1, 3, 4), (6, 4, 5)), ((2, 3, 4), (4,)), ((4,), (2, 4, 5))):
    case("MatMul", floats(*a), floats(*b))
for turned in range(4):
    a, b = floats(3, 4), floats(4, 5)
    case("Gemm", a.T if turned & 1 else a, b.T if turned & 2 else b, floats(5), transA=turned & 1, transB=turned >> 1,
         alpha=0.5, beta=2.0)
for op in ("ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceL1", "ReduceL2", "ReduceSumSquare",
           "ReduceLogSumExp"):
    case(op, floats(2, 3, 4), ints(1), keepdims=0)
    case(op, floats(2, 3, 4), ints(-1, 0))
    case(op, floats(2, 3))
case("ReduceLogSum", floats(2, 3, 4, low=0.5), ints(1), keepdims=0)
case("ReduceMean", floats(2, 3, 4), opset=13, axes=[0, 2], keepdims=0)
for op in ("Softmax", "LogSoftmax"):
    case(op, floats(3, 4, 5), axis=1)
    case(op, floats(3, 4, 5))
    case(op, floats(3, 5, 1), opset=11, axis=1)
case("Reshape", floats(3, 4), ints(2, 6))
case("Transpose", floats(2, 3, 4), perm=[1, 2, 0])
case("Transpose", floats(2, 3))
case("Flatten", floats(2, 3, 4))
case("Squeeze", floats(2, 1, 4), ints(1))
case("Unsqueeze", floats(2, 4), ints(1))
case("Expand", floats(3, 1), ints(2, 3, 4))
case("Concat", floats(2, 3), floats(2, 1), floats(2, 4), axis=-1)
case("Slice", floats(5, 6), ints(4, 1), ints(0, 6), ints(0, 1), ints(-2, 3))
case("Gather", floats(4, 5), ints(0, 2, 2), axis=1)
case("GatherElements", floats(3, 4), np.array([[0, 1, 1, 2]]), axis=0)
case("GatherND", floats(3, 4), np.array([[0, 1], [2, 2], [0, 1]]))
case("ScatterElements", floats(3, 4), np.array([[0, 2, 2, 1]]), floats(1, 4), axis=0, reduction="add")
case("Split", floats(6, 2), ints(1, 2, 3), outputs=3)
case("Tile", floats(2, 3), ints(2, 2))
case("DepthToSpace", floats(1, 8, 2, 3), blocksize=2)
case("SpaceToDepth", floats(1, 2, 4, 6), blocksize=2)
case("Dropout", floats(3, 4))
case("Conv", floats(2, 3, 6, 7), floats(4, 3, 3, 2), floats(4), pads=[1, 0, 1, 1], strides=[2, 1])
case("Conv", floats(2, 4, 7), floats(6, 2, 3), group=2, dilations=[2], strides=[2])
case("Conv", floats(1, 2, 6, 6), floats(2, 1, 3, 3), group=2, auto_pad="SAME_UPPER", strides=[2, 2])
case("MaxPool", floats(1, 2, 6, 7), kernel_shape=[3, 2], strides=[2, 2], pads=[1, 0, 0, 1])
case("GlobalAveragePool", floats(2, 3, 4, 5))


def tensor_type(array):
    return TensorProto.FLOAT if array.dtype == np.float64 else helper.np_dtype_to_tensor_dtype(array.dtype)


def make_model(prefix, op, opset, inputs, outputs, attributes, gradient):
    """The operator with each result times a constant of its own, and their sum derived by every float input."""
    names = [f"{prefix}x{i}" for i in range(len(inputs))]
    made = [f"{prefix}y{k}" for k in range(outputs)]
    nodes = [helper.make_node(op, names, made, **attributes)]
    values, constants = [], []
    for name, array in zip(names, inputs):
        if array.dtype == np.int64 or array.dtype == np.bool_:
            constants.append(numpy_helper.from_array(array, name))
        else:
            values.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, array.shape))
    for k, name in enumerate(made):
        nodes += [
            helper.make_node("Mul", [name, f"{prefix}r{k}"], [f"{prefix}p{k}"]),
            helper.make_node("ReduceSum", [f"{prefix}p{k}"], [f"{prefix}s{k}"], keepdims=0),
        ]
    total = f"{prefix}total"
    nodes.append(helper.make_node("Sum", [f"{prefix}s{k}" for k in range(outputs)], [total]))
    xs = [value.name for value in values]
    results = [f"{prefix}d{name}" for name in xs]
    if gradient:
        nodes.append(helper.make_node("Gradient", xs, results, domain=TRAINING, xs=xs, y=total))
    return nodes, values, constants, results if gradient else [total]


def differences(op, opset, inputs, outputs, attributes, weights):
    """The gradient by each float input, as central differences."""
    nodes, values, constants, results = make_model("", op, opset, inputs, outputs, attributes, False)
    wide = [helper.make_tensor_value_info(v.name, TensorProto.DOUBLE, inputs[int(v.name[1:])].shape) for v in values]
    given = [helper.make_tensor_value_info(f"r{k}", TensorProto.DOUBLE, w.shape) for k, w in enumerate(weights)]
    graph = helper.make_graph(nodes, "forward", wide + given, [onnx.ValueInfoProto(name=results[0])], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    session = ReferenceEvaluator(model)
    data = {v.name: inputs[int(v.name[1:])].copy() for v in values} | {f"r{k}": w for k, w in enumerate(weights)}
    found = []
    for value in values:
        x = data[value.name]
        slope = np.zeros(x.shape)
        for at in np.ndindex(x.shape):
            before, step = x[at], 3e-3 if op in COARSE else 1e-5
            ends = []
            for side in (step, -step):
                x[at] = before + side
                ends.append(float(session.run(None, data)[0]))
            x[at] = before
            slope[at] = (ends[0] - ends[1]) / (2 * step)
        found.append(slope)
    return found


def result_shapes(op, opset, inputs, outputs, attributes):
    names = [f"x{i}" for i in range(len(inputs))]
    made = [f"y{k}" for k in range(outputs)]
    values = [helper.make_tensor_value_info(n, tensor_type(a), a.shape) for n, a in zip(names, inputs)]
    graph = helper.make_graph([helper.make_node(op, names, made, **attributes)], "shape", values,
                              [onnx.ValueInfoProto(name=n) for n in made])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    narrow = [a.astype(np.float32) if a.dtype == np.float64 else a for a in inputs]
    return [y.shape for y in ReferenceEvaluator(model).run(None, dict(zip(names, narrow)))]


def run(model, data):
    with tempfile.TemporaryDirectory(prefix="ingot-gradients-") as folder:
        path, executable = Path(folder) / "model.onnx", Path(folder) / "model"
        path.write_bytes(model.SerializeToString())
        support.build(path, executable)
        return support.run_model(executable, data, None)


def check(cases, opset):
    """Failures of all cases of one opset, which are one model."""
    nodes, values, constants, results, data, wanted = [], [], [], [], {}, {}
    for i, (op, _, inputs, outputs, attributes) in enumerate(cases):
        prefix = f"c{i}_"
        weights = [random.uniform(0.5, 2, shape) for shape in result_shapes(op, opset, inputs, outputs, attributes)]
        more = make_model(prefix, op, opset, inputs, outputs, attributes, True)
        nodes += more[0]
        values += more[1]
        constants += more[2] + [numpy_helper.from_array(w.astype(np.float32), f"{prefix}r{k}") for k, w in enumerate(weights)]
        results += more[3]
        slopes = differences(op, opset, inputs, outputs, attributes, weights)
        wanted |= {name: (op, slope) for name, slope in zip(more[3], slopes)}
        data |= {v.name: inputs[int(v.name[len(prefix) + 1:])].astype(np.float32) for v in more[1]}
    graph = helper.make_graph(nodes, "gradients", values, [onnx.ValueInfoProto(name=n) for n in results], constants)
    imports = [helper.make_opsetid("", opset), helper.make_opsetid(TRAINING, 1)]
    model = helper.make_model(graph, opset_imports=imports, ir_version=8)
    got = run(model, data)
    failures = []
    for name, (op, slope) in wanted.items():
        if got[name].shape != slope.shape or not np.allclose(got[name], slope, rtol=1e-3, atol=1e-4):
            failures.append(f"{op}-{opset} {name}: {got[name].tolist()} where differences give {slope.tolist()}")
    return failures


def check_models():
    """Gradients of gradients, at other values than the graph's, by a tensor on the way; open dims."""
    node, rows = helper.make_node, "n"
    nodes = [
        node("Mul", ["x", "x"], ["x2"]),
        node("Mul", ["x2", "x"], ["x3"]),
        node("Sin", ["w"], ["s"]),
        node("MatMul", ["x3", "s"], ["p"]),
        node("ReduceSum", ["p"], ["y"], keepdims=0),
        node("Gradient", ["x", "w"], ["dx", "dw"], domain=TRAINING, xs=["x", "w"], y="y"),
        node("Gradient", ["x", "w"], ["dxx", "dxw"], domain=TRAINING, xs=["x", "w"], y="dx"),
        node("Gradient", ["v", "w"], ["vx", "vw"], domain=TRAINING, xs=["x", "w"], y="y"),
        node("Gradient", ["x2", "w"], ["dx2"], domain=TRAINING, xs=["x2"], zs=["w"], y="y"),
    ]
    names = ["dx", "dw", "dxx", "dxw", "vx", "vw", "dx2"]
    shapes = {"x": [rows, 4], "v": [rows, 4], "w": [4]}
    inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()]
    graph = helper.make_graph(nodes, "nested", inputs, [onnx.ValueInfoProto(name=n) for n in names])
    imports = [helper.make_opsetid("", 20), helper.make_opsetid(TRAINING, 1)]
    x, v, w = floats(3, 4), floats(3, 4), floats(4)
    wanted = {
        "dx": 3 * x**2 * np.sin(w), "dw": (x**3).sum(0) * np.cos(w), "dxx": 6 * x * np.sin(w),
        "dxw": (3 * x**2).sum(0) * np.cos(w), "vx": 3 * v**2 * np.sin(w), "vw": (v**3).sum(0) * np.cos(w),
        "dx2": x * np.sin(w),
    }
    data = {name: value.astype(np.float32) for name, value in {"x": x, "v": v, "w": w}.items()}
    got = run(helper.make_model(graph, opset_imports=imports, ir_version=8), data)
    return [f"nested {name}" for name in names if not np.allclose(got[name], wanted[name], rtol=1e-4, atol=1e-5)]


def main():
    text = sys.argv[1] if len(sys.argv) > 1 else ""
    support.need_compiler()
    chosen = [c for c in CASES if text in c[0]]
    failures = []
    for opset in sorted({c[1] for c in chosen}):
        failures += check([c for c in chosen if c[1] == opset], opset)
    failures += check_models()
    print("\n".join(failures))
    support.finish(len(chosen) + 1 - len(failures), len(failures), 0)


main()
