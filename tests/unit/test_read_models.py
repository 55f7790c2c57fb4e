"""Reads models with the compiler's reader and compares with what the onnx package reads from the same files.

usage: test_read_models.py READ_MODEL

Compared: the number of nodes (functions counted at each call, Constant nodes not at all), of graph inputs and outputs,
and every constant that is used: name, element type, dims and all bytes. The models are those of INGOT_DATA/models and a
few made here that hold every element type in every form.
"""
import os
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

NARROW = {TensorProto.UINT4: 4, TensorProto.INT4: 4, TensorProto.FLOAT4E2M1: 4, TensorProto.UINT2: 2, TensorProto.INT2: 2}


def plain(domain):
    return "" if domain == "ai.onnx" else domain


def key(n):
    return plain(n.domain), n.op_type if isinstance(n, onnx.NodeProto) else n.name, n.overload


def tensor_bytes(tensor):
    """The elements as the compiler keeps them: little-endian, narrow ones packed from the low bits up."""
    array = numpy_helper.to_array(tensor)
    if tensor.data_type == TensorProto.STRING:
        texts = (x if isinstance(x, bytes) else str(x).encode() for x in array.flatten())
        return b"".join(x + b"\0" for x in texts)
    if tensor.data_type not in NARROW:
        return array.tobytes()
    bits = NARROW[tensor.data_type]
    codes = array.flatten().view(np.uint8) & ((1 << bits) - 1)
    codes = np.concatenate([codes, np.zeros(-len(codes) % (8 // bits), np.uint8)]).reshape(-1, 8 // bits)
    return (codes << (np.arange(8 // bits, dtype=np.uint8) * bits)).sum(1).astype(np.uint8).tobytes()


def describe(tensor):
    dims = ",".join(map(str, tensor.dims))
    return f"{tensor.data_type} [{dims}] {zlib.crc32(tensor_bytes(tensor)):08x}"


def constant_of(n):
    """The tensor of a Constant node."""
    attribute, = n.attribute
    given = helper.get_attribute_value(attribute)
    if isinstance(given, onnx.SparseTensorProto):
        dense = np.zeros(list(given.dims), numpy_helper.to_array(given.values).dtype)
        dense.flat[numpy_helper.to_array(given.indices)] = numpy_helper.to_array(given.values)
        return numpy_helper.from_array(dense)
    if isinstance(given, TensorProto):
        return given
    dtype = np.float32 if "float" in attribute.name else np.int64 if "int" in attribute.name else object
    return numpy_helper.from_array(np.array(given, dtype))


class Expected:
    def __init__(self, model):
        self.functions = {key(f): f for f in model.functions}
        self.nodes = 0
        self.constants = {}  # by identity: each counts once
        self.walk(model.graph.node, self.declare(model.graph, {}), model.graph)
        names = {t.name for t in model.graph.initializer} | {t.values.name for t in model.graph.sparse_initializer}
        self.inputs = sum(i.name not in names for i in model.graph.input)
        self.outputs = len(model.graph.output)

    @staticmethod
    def declare(graph, outer):
        scope = dict(outer)
        scope.update({i.name: None for i in graph.input})
        scope.update({t.name: t for t in graph.initializer})
        return scope

    def use(self, found):
        if found is not None:
            self.constants[id(found)] = found

    def walk(self, nodes, scope, graph=None):
        """Scopes map a name to the tensor of a constant, or to None."""
        for n in nodes:
            if n.op_type == "Constant" and not plain(n.domain):
                scope[n.output[0]] = constant_of(n)
            else:
                scope.update({name: None for name in n.output})
        for n in nodes:
            function = self.functions.get(key(n))
            if function:
                body = dict(zip(function.input, (scope.get(name) for name in n.input)))
                self.walk(function.node, body)
            elif not (n.op_type == "Constant" and not plain(n.domain)):
                self.nodes += 1
                for name in n.input:
                    self.use(scope.get(name))
                for attribute in n.attribute:
                    for inner in [attribute.g] if attribute.type == onnx.AttributeProto.GRAPH else attribute.graphs:
                        self.walk(inner.node, self.declare(inner, scope), inner)
        for output in graph.output if graph else []:
            self.use(scope.get(output.name))

    def lines(self):
        counts = f"{self.nodes} nodes, {len(self.constants)} constants, {self.inputs} inputs, {self.outputs} outputs"
        return [counts] + sorted(map(describe, self.constants.values()))


def all_tensors():
    """Each element type as raw data and as typed data; odd counts, no dims, no elements."""
    rng = np.random.default_rng(1)
    for data_type in range(1, 27):
        for dims in ([], [3], [2, 5], [0, 4]):
            count = int(np.prod(dims))
            name = f"t{data_type}_{len(dims)}_{count}"
            if data_type == TensorProto.STRING:
                yield helper.make_tensor(name, data_type, dims, [f"text {i}".encode() for i in range(count)])
                continue
            bits = NARROW.get(data_type) or helper.tensor_dtype_to_np_dtype(data_type).itemsize * 8
            data = rng.integers(0, 2 if data_type == TensorProto.BOOL else 256, (count * bits + 7) // 8, np.uint8)
            if data_type in NARROW and count * bits % 8:  # the rest of the last byte is no element
                data[-1] &= (1 << count * bits % 8) - 1
            yield TensorProto(name=name + "_raw", data_type=data_type, dims=dims, raw_data=data.tobytes())
            yield typed(name, data_type, dims, data)


def typed(name, data_type, dims, data):
    tensor = TensorProto(name=name, data_type=data_type, dims=dims)
    lists = {TensorProto.FLOAT: ("float_data", np.float32), TensorProto.COMPLEX64: ("float_data", np.float32),
             TensorProto.DOUBLE: ("double_data", np.float64), TensorProto.COMPLEX128: ("double_data", np.float64),
             TensorProto.INT64: ("int64_data", np.int64), TensorProto.UINT32: ("uint64_data", np.uint32),
             TensorProto.UINT64: ("uint64_data", np.uint64), TensorProto.INT32: ("int32_data", np.int32),
             TensorProto.INT16: ("int32_data", np.int16), TensorProto.INT8: ("int32_data", np.int8)}
    two_bytes = (TensorProto.UINT16, TensorProto.FLOAT16, TensorProto.BFLOAT16)
    field, dtype = lists.get(data_type, ("int32_data", np.uint16 if data_type in two_bytes else np.uint8))
    getattr(tensor, field).extend(data.view(dtype).tolist())
    return tensor


def made_models():
    def value(name):
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, [1])

    def model(nodes, functions=(), initializers=()):
        graph = helper.make_graph(nodes, "g", [value("x")], [value("y")], initializers)
        opsets = [helper.make_opsetid(domain, 1 if domain else 21) for domain in ("", "f")]
        return helper.make_model(graph, opset_imports=opsets, functions=functions, ir_version=10)

    tensors = list(all_tensors())
    yield "tensors", model([helper.make_node("Any", ["x"] + [t.name for t in tensors], ["y"], domain="f")], (), tensors)

    values = [dict(value_int=7), dict(value_ints=[1, -2]), dict(value_float=0.5), dict(value_floats=[1.0, 2.0]),
              dict(value_string="a"), dict(value_strings=["b", "c"])]
    nodes = [helper.make_node("Constant", [], [f"c{i}"], **v) for i, v in enumerate(values)]
    yield "constants", model(nodes + [helper.make_node("Any", ["x"] + [n.output[0] for n in nodes], ["y"], domain="f")])

    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("f", 1)]
    two = helper.make_node("Constant", [], ["two"], value_float=2.0)
    double = helper.make_function("f", "Double", ["a"], ["b"], [two, helper.make_node("Mul", ["a", "two"], ["b"])], opsets)
    calls = [helper.make_node("Double", [f"v{i}"], [f"v{i + 1}"], domain="f") for i in range(3)]
    eight = helper.make_function("f", "Eight", ["v0"], ["v3"], list(reversed(calls)), opsets)
    nodes = [helper.make_node("Eight", ["h"], ["y"], domain="f"), helper.make_node("Eight", ["x"], ["h"], domain="f")]
    yield "functions", model(nodes, [eight, double])


def check(reader, path):
    run = subprocess.run([reader, "--constants", path], capture_output=True, text=True)
    expected = Expected(onnx.load(path)).lines()
    said = run.stdout.splitlines()
    if run.returncode or said[:1] + sorted(said[1:]) != expected:
        wrong = [f"  {a}   expected {b}" for a, b in zip(said[:1] + sorted(said[1:]), expected) if a != b]
        print(f"{path.name}: exit code {run.returncode} {run.stderr}\n" + "\n".join(wrong[:10]))
        return False
    return True


def main():
    reader = sys.argv[1]
    with tempfile.TemporaryDirectory() as folder:
        for name, model in made_models():
            (Path(folder) / f"{name}.onnx").write_bytes(model.SerializeToString())
        # The same tensors in a file beside the model: save_model changes the model that it is given.
        tensors = dict(made_models())["tensors"]
        onnx.save_model(tensors, Path(folder) / "external.onnx", save_as_external_data=True, location="w.bin",
                        size_threshold=0)
        paths = sorted(Path(folder).glob("*.onnx"))
        if os.environ.get("INGOT_DATA"):
            paths += sorted((Path(os.environ["INGOT_DATA"]) / "models").glob("*.onnx"))
        else:
            print("skipped: real models, because INGOT_DATA is not set")
        failed = sum(not check(reader, path) for path in paths)
    print(f"{len(paths) - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
