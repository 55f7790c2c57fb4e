"""Makes model files that must be refused, one a case, each with one fault: FOLDER/CASE.onnx.

usage: make_bad_models.py FOLDER
"""
import shutil
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

CASES = {}


def case(function):
    """Registers a function that returns the model or bytes of a file, or writes what it needs itself and returns None."""
    CASES[function.__name__] = function
    return function


def value(name, shape=(2,), dtype=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, dtype, shape)


def node(op, inputs, outputs, name="", **attributes):
    return helper.make_node(op, inputs, outputs, name, **attributes)


def graph_of(nodes, initializers=(), inputs=None, outputs=None, sparse=()):
    return helper.make_graph(nodes, "g", inputs or [value("x")], outputs or [value("y")], initializers,
                             sparse_initializer=sparse)


def model(nodes, initializers=(), functions=(), imports=(("", 21), ("f", 1)), **graph):
    opsets = [helper.make_opsetid(domain, version) for domain, version in imports]
    return helper.make_model(graph_of(nodes, initializers, **graph), opset_imports=opsets, functions=functions,
                             ir_version=10)


def function(name, nodes, inputs=("a",), outputs=("b",), **options):
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("f", 1)]
    return helper.make_function("f", name, list(inputs), list(outputs), nodes, opsets, **options)


def good():
    weights = numpy_helper.from_array(np.arange(64, dtype=np.float32).reshape(2, 32), "w")
    return model([node("MatMul", ["x", "w"], ["h"], "mm"), node("Relu", ["h"], ["y"], "act")], [weights])


# The wire format by hand: what no library would write.
def varint(number):
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes(out + bytes([number]))


def field(number, payload):
    if isinstance(payload, int):
        return varint(number << 3) + varint(payload)
    return varint(number << 3 | 2) + varint(len(payload)) + payload


# --- files that are no models


@case
def empty():
    return b""


@case
def no_model():
    return b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(100)


@case
def text():
    return b"<!DOCTYPE html><html><body>404: not found</body></html>\n"


@case
def truncated():
    data = good().SerializeToString()
    return data[:len(data) * 6 // 10]


@case
def corrupt():
    data = bytearray(good().SerializeToString())
    data[20:40] = b"\xff" * 20
    return bytes(data)


@case
def huge_length():
    return field(1, 10) + varint(7 << 3 | 2) + varint(1 << 40) + b"graph"


@case
def long_number():
    return varint(1 << 3) + b"\xff" * 10 + b"\x01"


@case
def field_zero():
    return field(1, 10) + b"\x00\x01"


@case
def wrong_wire_type():
    return field(1, b"text")


@case
def odd_packed_floats():
    return field(7, field(5, field(4, b"\0" * 7)))


@case
def nested_too_deeply():
    attribute = field(1, b"a")
    for _ in range(100):
        attribute = field(6, field(1, field(5, attribute)))
    return field(7, field(1, field(5, attribute)))


@case
def many_empty_messages():
    """Two bytes of the file each, and some hundred in memory."""
    return field(7, field(1, b"") * 3_000_000)


@case
def zero_byte_in_name():
    return field(1, 10) + field(7, field(2, b"a\0b"))


@case
def no_graph():
    m = good()
    m.ClearField("graph")
    return m


@case
def folder():
    return None  # main makes it


@case
def no_opset():
    m = good()
    del m.opset_import[:]
    return m


@case
def opset_twice():
    return model([node("Relu", ["x"], ["y"])], imports=(("", 21), ("ai.onnx", 20)))


@case
def opset_too_new():
    return model([node("Relu", ["x"], ["y"])], imports=(("", 29),))


@case
def opset_zero():
    return model([node("Relu", ["x"], ["y"])], imports=(("", 0),))


@case
def opset_of_another_domain():
    return model([node("Relu", ["x"], ["y"], "act")], imports=(("ai.onnx.ml", 3),))


# --- tensors


def with_tensor(dims, data_type=TensorProto.FLOAT, **fields):
    tensor = TensorProto(name="w", dims=dims, data_type=data_type, **fields)
    return model([node("Add", ["x", "w"], ["y"])], [tensor])


@case
def raw_data_too_short():
    return with_tensor([3, 4], raw_data=bytes(44))


@case
def raw_data_too_long():
    return with_tensor([3, 4], raw_data=bytes(52))


@case
def float_data_too_short():
    return with_tensor([3], float_data=[1, 2])


@case
def data_of_another_type():
    return with_tensor([2], TensorProto.INT64, float_data=[1, 2])


@case
def no_data():
    return with_tensor([2])


@case
def strings_too_few():
    return with_tensor([2], TensorProto.STRING, string_data=[b"one"])


@case
def dims_overflow():
    return with_tensor([1 << 40, 1 << 40], raw_data=bytes(8))


@case
def dims_overflow_beside_zero():
    return with_tensor([0, 1 << 40, 1 << 40], raw_data=b"")


@case
def bytes_overflow():
    return with_tensor([1 << 61], raw_data=bytes(8))


@case
def negative_dim():
    return with_tensor([2, -3], raw_data=bytes(24))


@case
def too_many_dims():
    return with_tensor([1] * 17, raw_data=bytes(4))


@case
def unknown_element_type():
    return with_tensor([2], 99, raw_data=bytes(8))


@case
def no_element_type():
    return with_tensor([2], 0, raw_data=bytes(8))


@case
def segment():
    m = with_tensor([2], raw_data=bytes(8))
    m.graph.initializer[0].segment.begin = 0
    return m


@case
def tensor_in_attribute():
    bad = TensorProto(name="c", dims=[4], data_type=TensorProto.FLOAT, raw_data=bytes(3))
    return model([node("Constant", [], ["k"], "const", value=bad), node("Add", ["x", "k"], ["y"])])


@case
def thirty_bad_tensors():
    tensors = [TensorProto(name=f"w{i}", dims=[4], data_type=TensorProto.FLOAT, raw_data=bytes(i)) for i in range(30)]
    return model([node("Relu", ["x"], ["y"])], tensors)


def with_sparse(indices, dims):
    values = helper.make_tensor("s", TensorProto.FLOAT, [2], [1, 2])
    sparse = onnx.SparseTensorProto(values=values, dims=dims)
    sparse.indices.CopyFrom(numpy_helper.from_array(np.array(indices, np.int64), "i"))
    return model([node("Add", ["x", "s"], ["y"])], sparse=[sparse])


@case
def sparse_index_outside():
    return with_sparse([0, 4], [2, 2])


@case
def sparse_coordinate_outside():
    return with_sparse([[0, 0], [0, 2]], [2, 2])


@case
def sparse_too_large():
    return with_sparse([0, 4], [1 << 20, 1 << 20])


@case
def sparse_indices_do_not_fit():
    return with_sparse([0, 1, 2], [4])


# --- external data


def with_external(location, size=8, **entries):
    m = with_tensor([2])
    tensor = m.graph.initializer[0]
    tensor.data_location = TensorProto.EXTERNAL
    for key, text in {"location": location, **entries}.items():
        if text is not None:
            tensor.external_data.add(key=key, value=str(text))
    if location:
        target = FOLDER / Path(location).name
        target.unlink(missing_ok=True)
        target.write_bytes(bytes(size))
    return m


@case
def external_missing():
    m = with_external("external_missing.bin")
    (FOLDER / "external_missing.bin").unlink()
    return m


@case
def external_without_location():
    return with_external(None)


@case
def external_dotdot():
    m = with_external("outside.bin")
    m.graph.initializer[0].external_data[0].value = "sub/../../outside.bin"
    return m


@case
def external_absolute():
    return with_external("/etc/hostname")


@case
def external_symlink():
    m = with_external("external_symlink.bin")
    link = FOLDER / "external_symlink.bin"
    link.unlink()
    link.symlink_to("/etc/passwd")
    return m


@case
def external_linked_folder():
    m = with_external("linked.bin")
    m.graph.initializer[0].external_data[0].value = "linked/passwd"
    (FOLDER / "linked").symlink_to("/etc")
    return m


@case
def external_folder():
    m = with_external("external_folder.bin")
    (FOLDER / "external_folder.bin").unlink()
    (FOLDER / "external_folder.bin").mkdir()
    return m


@case
def external_too_short():
    return with_external("external_too_short.bin", size=6)


@case
def external_offset_outside():
    return with_external("external_offset_outside.bin", offset=4, length=8)


@case
def external_offset_overflow():
    return with_external("external_offset_overflow.bin", offset=(1 << 63) - 4, length=8)


@case
def external_offset_negative():
    return with_external("external_offset_negative.bin", offset=-4, length=8)


@case
def external_other_length():
    return with_external("external_other_length.bin", length=4)


# --- graphs


@case
def cycle():
    return model([node("Relu", ["x"], ["a"], "first"), node("Add", ["a", "c"], ["b"], "second"),
                  node("Neg", ["b"], ["c"], "third"), node("Abs", ["c"], ["y"], "fourth")])


@case
def cycle_of_one():
    return model([node("Add", ["x", "y"], ["y"], "self")])


@case
def cycle_through_subgraph():
    branch = helper.make_graph([node("Neg", ["b"], ["r"])], "branch", [], [value("r")])
    condition = numpy_helper.from_array(np.array(True), "c")
    return model([node("If", ["c"], ["a"], "choose", then_branch=branch, else_branch=branch),
                  node("Relu", ["a"], ["b"], "after"), node("Abs", ["b"], ["y"])], [condition])


@case
def output_of_unsure_rank():
    one = helper.make_graph([node("ReduceMax", ["x"], ["a"], keepdims=0)], "one", [], [value("a", ())])
    two = helper.make_graph([node("Relu", ["x"], ["b"])], "two", [], [value("b")])
    return model([node("If", ["c"], ["y"], "choose", then_branch=one, else_branch=two)],
                 inputs=[value("x"), value("c", (), TensorProto.BOOL)])


@case
def value_made_twice():
    return model([node("Relu", ["x"], ["y"]), node("Abs", ["x"], ["y"])])


@case
def value_is_input_too():
    return model([node("Relu", ["x"], ["x"]), node("Abs", ["x"], ["y"])])


@case
def initialiser_twice():
    tensors = [helper.make_tensor("w", TensorProto.FLOAT, [1], [i]) for i in range(2)]
    return model([node("Add", ["x", "w"], ["y"])], tensors)


@case
def input_twice():
    return model([node("Relu", ["x"], ["y"])], inputs=[value("x"), value("x")])


@case
def input_without_name():
    return model([node("Relu", ["x"], ["y"])], inputs=[value("x"), value("")])


@case
def missing_inputs():
    return model([node("Add", ["x", "nowhere"], ["a"], "sum"), node("Mul", ["a", "neither"], ["y"], "product")])


@case
def missing_output():
    return model([node("Relu", ["x"], ["z"])])


@case
def output_twice():
    return model([node("Relu", ["x"], ["y"])], outputs=[value("y"), value("y")])


@case
def missing_in_subgraph():
    branch = helper.make_graph([node("Neg", ["x"], ["r"])], "branch", [], [value("r")])
    other = helper.make_graph([node("Neg", ["r"], ["s"])], "other", [], [value("s")])  # r is the first branch's own
    condition = numpy_helper.from_array(np.array(True), "c")
    return model([node("If", ["c"], ["y"], "choose", then_branch=branch, else_branch=other)], [condition])


@case
def kept_name():
    return model([node("Relu", ["x"], ["a~2000000000"]), node("Abs", ["a~2000000000"], ["y"])])


@case
def escape_in_name():
    return model([node("Relu", ["no\x1b[2Jwhere"], ["y"], "a\x1b[31mct")])


@case
def input_without_type():
    return model([node("Relu", ["x"], ["y"])], inputs=[onnx.ValueInfoProto(name="x")])


@case
def input_without_element_type():
    return model([node("Relu", ["x"], ["y"])], inputs=[value("x", dtype=0)])


@case
def input_of_negative_dim():
    return model([node("Relu", ["x"], ["y"])], inputs=[value("x", (2, -5))])


@case
def sparse_input():
    m = model([node("Relu", ["x"], ["y"])])
    m.graph.input[0].type.sparse_tensor_type.elem_type = TensorProto.FLOAT
    return m


@case
def no_operator():
    return model([node("", ["x"], ["y"], "nothing")])


# --- attributes


def with_attribute(**fields):
    n = node("LeakyRelu", ["x"], ["y"], "leak")
    n.attribute.append(onnx.AttributeProto(name="alpha"))
    for key, entry in fields.items():
        setattr(n.attribute[0], key, entry)
    return n


@case
def attribute_of_unknown_type():
    data = bytearray(model([with_attribute(type=1, f=0.5)]).SerializeToString())
    at = data.index(b"\xa0\x01\x01")  # field 20, value 1
    data[at + 2] = 99
    return bytes(data)


@case
def attribute_without_type():
    return model([with_attribute(f=0.5)])


@case
def attribute_without_tensor():
    return model([with_attribute(type=onnx.AttributeProto.TENSOR)])


@case
def attribute_twice():
    n = with_attribute(type=1, f=0.5)
    n.attribute.append(n.attribute[0])
    return model([n])


@case
def reference_outside_of_function():
    return model([with_attribute(type=1, ref_attr_name="slope")])


@case
def constant_without_value():
    return model([node("Constant", [], ["k"], "const"), node("Add", ["x", "k"], ["y"])])


@case
def constant_of_two_values():
    return model([node("Constant", [], ["k"], "const", value_int=1, value_float=2.0), node("Add", ["x", "k"], ["y"])])


# --- functions


def call(name, inputs=("x",), outputs=("y",), label="call", **attributes):
    return node(name, list(inputs), list(outputs), label, domain="f", **attributes)


@case
def function_calls_itself():
    return model([call("Loop1")], functions=[function("Loop1", [call("Loop1", ["a"], ["b"], "again")])])


@case
def functions_call_each_other():
    return model([call("F")], functions=[function("F", [call("G", ["a"], ["b"], "g")]),
                                         function("G", [call("F", ["a"], ["b"], "f")])])


@case
def function_with_too_many_inputs():
    return model([call("F", ["x", "x"])], functions=[function("F", [node("Relu", ["a"], ["b"])])])


@case
def function_without_its_output():
    return model([call("F")], functions=[function("F", [node("Relu", ["a"], ["c"])])])


@case
def function_twice():
    f = function("F", [node("Relu", ["a"], ["b"])])
    return model([call("F")], functions=[f, f])


@case
def function_reads_the_caller():
    return model([call("F")], functions=[function("F", [node("Add", ["a", "x"], ["b"], "sum")])])


@case
def function_attribute_of_another_type():
    n = with_attribute(type=1, ref_attr_name="slope")
    n.input[0], n.output[0] = "a", "b"
    return model([call("F", slope=3)], functions=[function("F", [n], attributes=["slope"])])


@case
def unknown_functions():
    """No function and no operator has these names: both are reported."""
    return model([call("Missing", ["x"], ["h"], "one"), call("Other", ["h"], ["y"], "two")])


@case
def functions_grow_too_large():
    """Seven functions, each of which calls the next ten times: ten million nodes."""
    names = [f"F{i}" for i in range(8)]
    functions = []
    for name, next_name in zip(names, names[1:] + [None]):
        steps = [f"v{i}" for i in range(11)]
        nodes = [call(next_name, [a], [b], f"c{i}") if next_name else node("Relu", [a], [b])
                 for i, (a, b) in enumerate(zip(steps, steps[1:]))]
        functions.append(function(name, nodes, ["v0"], ["v10"]))
    return model([call("F0")], functions=functions)


# --- nodes that no operator rule accepts: (operator, inputs, attributes), with an input given by its shape and type, or
# by a constant array


def f32(*shape):
    return shape, TensorProto.FLOAT


def i64(*shape):
    return shape, TensorProto.INT64


def ints(*values):
    return np.array(values, np.int64)


NODES = {
    "add_shapes": ("Add", [f32(2, 3), f32(2, 4)], {}),
    "add_types": ("Add", [f32(2, 3), i64(2, 3)], {}),
    "add_one_input": ("Add", [f32(2)], {}),
    "relu_two_inputs": ("Relu", [f32(2), f32(2)], {}),
    "sqrt_of_integers": ("Sqrt", [i64(2)], {}),
    "gemm_inner_dims": ("Gemm", [f32(8, 128), f32(64, 10)], {}),
    "gemm_rank": ("Gemm", [f32(2, 8, 8), f32(8, 8)], {}),
    "gemm_c_does_not_broadcast": ("Gemm", [f32(4, 8), f32(8, 6), f32(5)], {}),
    "matmul_inner_dims": ("MatMul", [f32(2, 3, 4), f32(5, 6)], {}),
    "matmul_scalar": ("MatMul", [f32(), f32(5, 6)], {}),
    "conv_channels": ("Conv", [f32(1, 3, 8, 8), f32(4, 5, 3, 3)], {}),
    "conv_groups": ("Conv", [f32(1, 4, 8, 8), f32(6, 2, 3, 3)], {"group": 4}),
    "conv_kernel_shape": ("Conv", [f32(1, 3, 8, 8), f32(4, 3, 3, 3)], {"kernel_shape": [5, 5]}),
    "conv_kernel_larger_than_image": ("Conv", [f32(1, 3, 2, 2), f32(4, 3, 3, 3)], {}),
    "conv_stride_zero": ("Conv", [f32(1, 3, 8, 8), f32(4, 3, 3, 3)], {"strides": [0, 1]}),
    "conv_huge_pads": ("Conv", [f32(1, 3, 8, 8), f32(4, 3, 3, 3)], {"pads": [2**62, 0, 2**62, 0]}),
    "conv_bias": ("Conv", [f32(1, 3, 8, 8), f32(4, 3, 3, 3), f32(5)], {}),
    "max_pool_without_kernel": ("MaxPool", [f32(1, 3, 8, 8)], {}),
    "average_pool_rank": ("AveragePool", [f32(3, 8)], {"kernel_shape": [2]}),
    "concat_dims": ("Concat", [f32(2, 3), f32(2, 4)], {"axis": 0}),
    "concat_axis": ("Concat", [f32(2, 3), f32(2, 3)], {"axis": 2}),
    "reshape_count": ("Reshape", [f32(2, 3), ints(4, 2)], {}),
    "reshape_two_unknowns": ("Reshape", [f32(2, 3), ints(-1, -1)], {}),
    "reshape_to_unknown_rank": ("Reshape", [f32(2, 3), i64("n")], {}),
    "gather_nd_of_open_depth": ("GatherND", [f32(2, 3), i64(2, "n")], {}),
    "transpose_perm": ("Transpose", [f32(2, 3)], {"perm": [0, 0]}),
    "squeeze_axis": ("Squeeze", [f32(2, 3), ints(0)], {}),
    "unsqueeze_twice": ("Unsqueeze", [f32(2, 3), ints(1, 1)], {}),
    "expand_shape": ("Expand", [f32(2, 3), ints(2, 4)], {}),
    "expand_beyond_memory": ("Expand", [f32(1, 1, 1), ints(2**31, 2**31, 2**31)], {}),
    "split_sizes": ("Split", [f32(6), ints(2, 3)], {}),
    "slice_step_zero": ("Slice", [f32(6), ints(0), ints(6), ints(0), ints(0)], {}),
    "gather_axis": ("Gather", [f32(2, 3), i64(2)], {"axis": 5}),
    "pad_count": ("Pad", [f32(2, 3), ints(1, 1)], {}),
    "softmax_axis": ("Softmax", [f32(2, 3)], {"axis": 3}),
    "reduce_axis": ("ReduceMean", [f32(2, 3), ints(4)], {}),
    "layer_norm_scale": ("LayerNormalization", [f32(2, 3), f32(4)], {}),
    "batch_norm_scale": ("BatchNormalization", [f32(1, 3, 2, 2), f32(4), f32(3), f32(3), f32(3)], {}),
    "cast_to_nothing": ("Cast", [f32(2)], {"to": 99}),
    "operator_of_nobody": ("Frobnicate", [f32(2)], {}),
}


def node_model(kind, inputs, attributes):
    names = [f"i{i}" for i in range(len(inputs))]
    infos = [value(n, *i) for n, i in zip(names, inputs) if isinstance(i, tuple)]
    constants = [numpy_helper.from_array(i, n) for n, i in zip(names, inputs) if not isinstance(i, tuple)]
    outputs = ["y", "z"] if kind == "Split" else ["y"]
    made = node(kind, names, outputs, "n", **attributes)
    return model([made], constants, inputs=infos, outputs=[value(o) for o in outputs])


for case_name, (kind, case_inputs, case_attributes) in NODES.items():
    CASES[case_name] = lambda made=(kind, case_inputs, case_attributes): node_model(*made)


# --- classical models: a good node with something wrong

TREES = {"n_targets": 1, "nodes_treeids": [0, 0, 0], "nodes_nodeids": [0, 1, 2], "nodes_featureids": [1, 0, 0],
         "nodes_values": [0.5, 0.0, 0.0], "nodes_modes": ["BRANCH_LEQ", "LEAF", "LEAF"],
         "nodes_truenodeids": [1, 0, 0], "nodes_falsenodeids": [2, 0, 0], "target_treeids": [0, 0],
         "target_nodeids": [1, 2], "target_ids": [0, 0], "target_weights": [1.0, 2.0]}
ENSEMBLE = {"n_targets": 1, "tree_roots": [0], "nodes_featureids": [1, 0], "nodes_truenodeids": [1, 0],
            "nodes_modes": numpy_helper.from_array(np.array([0, 0], np.uint8)),
            "nodes_splits": numpy_helper.from_array(np.array([0.5, 0.25], np.float32)),
            "nodes_trueleafs": [0, 1], "nodes_falsenodeids": [2, 1], "nodes_falseleafs": [1, 1],
            "leaf_targetids": [0, 0, 0], "leaf_weights": numpy_helper.from_array(np.array([1, 2, 3], np.float32))}
SVM = {"kernel_type": "RBF", "kernel_params": [0.5, 0.0, 0.0], "vectors_per_class": [1, 1], "rho": [0.0],
       "support_vectors": [1.0, 2.0, 3.0, 4.0], "coefficients": [1.0, -1.0], "classlabels_ints": [0, 1]}
LINEAR = {"coefficients": [1.0, 2.0], "intercepts": [0.5]}
SETS = {"nodes_modes": numpy_helper.from_array(np.array([6, 0], np.uint8))}
LOOP = {"nodes_modes": ["BRANCH_LEQ", "BRANCH_LEQ", "LEAF"], "nodes_truenodeids": [1, 0, 0], "nodes_falsenodeids": [2, 2, 0]}

CLASSICAL = {
    "trees_cycle": ("TreeEnsembleRegressor", TREES, LOOP),
    "trees_child_missing": ("TreeEnsembleRegressor", TREES, {"nodes_falsenodeids": [7, 0, 0]}),
    "trees_child_negative": ("TreeEnsembleRegressor", TREES, {"nodes_truenodeids": [-(2**63), 0, 0]}),
    "trees_lengths": ("TreeEnsembleRegressor", TREES, {"nodes_values": [0.5, 0.0]}),
    "trees_node_twice": ("TreeEnsembleRegressor", TREES, {"nodes_nodeids": [0, 1, 1]}),
    "trees_torn": ("TreeEnsembleRegressor", TREES, {"nodes_treeids": [0, 1, 0], "nodes_truenodeids": [2, 0, 0]}),
    "trees_feature": ("TreeEnsembleRegressor", TREES, {"nodes_featureids": [2, 0, 0]}),
    "trees_mode": ("TreeEnsembleRegressor", TREES, {"nodes_modes": ["BRANCH_LEFT", "LEAF", "LEAF"]}),
    "trees_empty": ("TreeEnsembleRegressor", {}, {"nodes_treeids": []}),
    "trees_target": ("TreeEnsembleRegressor", TREES, {"target_ids": [0, 1]}),
    "trees_target_count": ("TreeEnsembleRegressor", TREES, {"n_targets": -1}),
    "trees_leaf_without_weight": ("TreeEnsembleRegressor", TREES, {"target_nodeids": [1, 1]}),
    "trees_weight_of_no_node": ("TreeEnsembleRegressor", TREES, {"target_nodeids": [1, 5]}),
    "trees_base_values": ("TreeEnsembleRegressor", TREES, {"base_values": [1.0, 2.0]}),
    "trees_aggregate": ("TreeEnsembleRegressor", TREES, {"aggregate_function": "MEDIAN"}),
    "ensemble_cycle": ("TreeEnsemble", ENSEMBLE, {"nodes_truenodeids": [1, 0], "nodes_trueleafs": [0, 0]}),
    "ensemble_child": ("TreeEnsemble", ENSEMBLE, {"nodes_truenodeids": [2, 0]}),
    "ensemble_leaf": ("TreeEnsemble", ENSEMBLE, {"nodes_falsenodeids": [3, 1]}),
    "ensemble_root": ("TreeEnsemble", ENSEMBLE, {"tree_roots": [-1]}),
    "ensemble_without_trees": ("TreeEnsemble", ENSEMBLE, {"tree_roots": []}),
    "ensemble_sets_missing": ("TreeEnsemble", ENSEMBLE, SETS),
    "classifier_without_labels": ("LinearClassifier", LINEAR, {}),
    "classifier_labels": ("LinearClassifier", LINEAR, {"classlabels_ints": [1, 2, 3]}),
    "linear_coefficients": ("LinearRegressor", LINEAR, {"coefficients": [1.0]}),
    "linear_targets": ("LinearRegressor", LINEAR, {"targets": 2**62}),
    "svm_vectors": ("SVMClassifier", SVM, {"vectors_per_class": [1, 2]}),
    "svm_negative_vectors": ("SVMClassifier", SVM, {"vectors_per_class": [3, -1]}),
    "svm_rho": ("SVMClassifier", SVM, {"rho": []}),
    "svm_kernel": ("SVMClassifier", SVM, {"kernel_type": "MAGIC"}),
    "scaler_length": ("Scaler", {}, {"scale": [1.0, 2.0, 3.0]}),
    "normalizer_norm": ("Normalizer", {}, {"norm": "L7"}),
    "label_encoder_lengths": ("LabelEncoder", {}, {"keys_floats": [1.0, 2.0], "values_floats": [1.0]}),
    "label_encoder_types": ("LabelEncoder", {}, {"keys_int64s": [1], "values_floats": [1.0]}),
    "post_transform": ("LinearRegressor", LINEAR, {"post_transform": "LOGIT"}),
}


def classical_model(kind, good, wrong):
    two = kind.endswith("Classifier")
    attributes = {k: v for k, v in (good | wrong).items() if v != []}
    made = node(kind, ["x"], ["label", "y"] if two else ["y"], "n", domain="ai.onnx.ml", **attributes)
    return model([made], inputs=[value("x", (3, 2))], imports=(("", 21), ("ai.onnx.ml", 5)))


for case_name, parts in CLASSICAL.items():
    CASES[case_name] = lambda parts=parts: classical_model(*parts)


def main():
    for name, make in CASES.items():
        path = FOLDER / f"{name}.onnx"
        content = make()
        if content is None:
            path.mkdir()
        else:
            path.write_bytes(content if isinstance(content, bytes) else content.SerializeToString())


if __name__ == "__main__":
    FOLDER = Path(sys.argv[1]).absolute()
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    main()
