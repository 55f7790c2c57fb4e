"""Fills a folder with small models for fuzz_reader to start from.

usage: make_seeds.py FOLDER [FOLDER_OF_BAD_MODELS]

Takes real models below 200 KB from INGOT_DATA/models, the bad models that the error tests make, and a few tiny models
that use what real ones seldom do: functions, subgraphs, sparse and packed tensors, every kind of type.
"""
import os
import shutil
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

LARGEST = 200_000
SLOW = ("functions_grow_too_large", "many_empty_messages")  # at the limits: they would take most of the time


def tensor_value(name, shape=(1,), dtype=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, dtype, shape)


def model(nodes, functions=(), initializers=(), sparse=(), imports=(("", 21),)):
    graph = helper.make_graph(nodes, "g", [tensor_value("x")], [tensor_value("y")], initializers,
                              sparse_initializer=sparse)
    opsets = [helper.make_opsetid(domain, version) for domain, version in imports]
    return helper.make_model(graph, opset_imports=opsets, functions=functions, ir_version=10)


def functions_model():
    opsets = [helper.make_opsetid("", 21)]
    leak = helper.make_node("LeakyRelu", ["a"], ["b"])
    attribute = leak.attribute.add()
    attribute.name, attribute.type, attribute.ref_attr_name = "alpha", onnx.AttributeProto.FLOAT, "slope"
    inner = helper.make_function("f", "Inner", ["a"], ["b"], [leak], opsets, attributes=["slope"])
    call = helper.make_node("Inner", ["p"], ["q"], domain="f", slope=0.5)
    outer = helper.make_function("f", "Outer", ["p"], ["q", "p"], [call], opsets + [helper.make_opsetid("f", 1)])
    return model([helper.make_node("Outer", ["x"], ["y", "z"], domain="f")], [inner, outer],
                 imports=(("", 21), ("f", 1)))


def subgraph_model():
    def branch(op):
        return helper.make_graph([helper.make_node(op, ["x"], ["r"])], op, [], [tensor_value("r")])

    condition = helper.make_node("Constant", [], ["c"], value=numpy_helper.from_array(np.array(True)))
    choose = helper.make_node("If", ["c"], ["y"], then_branch=branch("Neg"), else_branch=branch("Abs"))
    return model([choose, condition])


def tensors_model():
    values = helper.make_tensor("s", TensorProto.FLOAT, [2], [1, 2])
    sparse = helper.make_sparse_tensor(values, numpy_helper.from_array(np.array([0, 3], np.int64), "i"), [2, 2])
    tensors = [helper.make_tensor("h", TensorProto.FLOAT16, [2], [1, 2]),
               helper.make_tensor("n", TensorProto.INT4, [3], [1, -2, 3]),
               helper.make_tensor("b", TensorProto.BOOL, [2], [True, False]),
               helper.make_tensor("t", TensorProto.STRING, [1], [b"text"]),
               helper.make_tensor("d", TensorProto.DOUBLE, [], [0.5]),
               helper.make_tensor("u", TensorProto.UINT64, [1], [7])]
    use = helper.make_node("Any", ["x", "s"] + [t.name for t in tensors], ["y"], domain="any",
                           floats=[1.0, 2.0], strings=["a", "b"], text="c", tensors=tensors[:2])
    return model([use], initializers=tensors, sparse=[sparse], imports=(("", 21), ("any", 1)))


def types_model():
    types = [helper.make_sequence_type_proto(helper.make_tensor_type_proto(1, ["n"])),
             helper.make_optional_type_proto(helper.make_tensor_type_proto(7, None)),
             helper.make_map_type_proto(TensorProto.INT64, helper.make_tensor_type_proto(1, []))]
    names = [f"i{n}" for n in range(len(types))]
    inputs = [helper.make_value_info(name, t) for name, t in zip(names, types)]
    nodes = [helper.make_node("Any", names, ["y"], domain="any"), helper.make_node("Optional", [], ["o"], type=types[0])]
    graph = helper.make_graph(nodes, "g", inputs, [tensor_value("y", ("n", None, 3))])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


def main(folder, bad=None):
    folder.mkdir(parents=True, exist_ok=True)
    for make in (functions_model, subgraph_model, tensors_model, types_model):
        (folder / f"{make.__name__}.onnx").write_bytes(make().SerializeToString())
    found = [Path(os.environ["INGOT_DATA"]) / "models"] if "INGOT_DATA" in os.environ else []
    for source in found + ([bad] if bad else []):
        for path in sorted(source.glob("*.onnx")):
            if path.is_file() and path.stat().st_size <= LARGEST and path.stem not in SLOW:
                shutil.copyfile(path, folder / path.name)
    print(f"{len(list(folder.iterdir()))} seeds in {folder}")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
