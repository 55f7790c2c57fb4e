#!/usr/bin/env python3
"""3 GB of weights: the compiler stays small, and what it makes starts at once and gives right answers.

    test_large.py [--folder FOLDER]

The model looks rows up in a table of 2.4 GB and multiplies them with three matrices of 256 MB. It is compiled twice: as
one file of more than 2 GiB, which protobuf libraries refuse and which is written here by hand, and with its weights in
a file beside it. NumPy computes the answer in float64. Takes a few minutes and 7 GB of disk for the while.
"""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import numpy as np
import support
from onnx import TensorProto, helper

WIDTH, ROWS, LAYERS = 8192, 72000, 3
IDS = np.array([0, ROWS - 1, 40000, 2**16], np.int64)  # byte offsets of rows on both sides of 2^31
NEEDED_GB, PEAK_MB = 10, 1536  # half of the weights: the largest one, as it is and packed, and LLVM
TABLE, LAYER = "table", "layer{}"


def make_base():
    return (np.random.default_rng(1).standard_normal((WIDTH, WIDTH), np.float32)) * np.float32(WIDTH**-0.5)


def table_block(base, start):
    """Rows [start, start + WIDTH) of the table, each block another multiple of the base."""
    return (base * np.float32(8 + start / WIDTH))[: min(WIDTH, ROWS - start)]


def layer_matrix(base, i):
    return np.roll(base, 1000 * (i + 1), axis=1)


def stream_weights(base):
    """(name, dims, pieces as a generator of arrays) of each weight, in order."""
    yield TABLE, (ROWS, WIDTH), (table_block(base, start) for start in range(0, ROWS, WIDTH))
    for i in range(LAYERS):
        yield LAYER.format(i), (WIDTH, WIDTH), iter([layer_matrix(base, i)])


def expect(base):
    h = np.concatenate([table_block(base, i // WIDTH * WIDTH)[i % WIDTH][None] for i in IDS]).astype(np.float64)
    for i in range(LAYERS):
        h = np.maximum(h @ layer_matrix(base, i).astype(np.float64), 0)
    return h.astype(np.float32)


# The model file, by hand: a protobuf message is the concatenation of its fields, a field its tag and its value.
def varint(n):
    return bytes([n & 127 | 128]) + varint(n >> 7) if n > 127 else bytes([n])


def field_head(number, size):
    """What stands before a field of `size` bytes."""
    return varint(number << 3 | 2) + varint(size)


MODEL_GRAPH, GRAPH_INITIALIZER, TENSOR_RAW_DATA = 7, 5, 9  # field numbers of onnx.proto


def make_rest():
    """(ModelProto without its graph, GraphProto without its initialisers) as bytes."""
    nodes, value = [helper.make_node("Gather", [TABLE, "ids"], ["row"])], "row"
    for i in range(LAYERS):
        nodes.append(helper.make_node("MatMul", [value, LAYER.format(i)], [f"product{i}"]))
        nodes.append(helper.make_node("Relu", [f"product{i}"], [value := f"y{i}"]))
    ids = helper.make_tensor_value_info("ids", TensorProto.INT64, [len(IDS)])
    y = helper.make_tensor_value_info(value, TensorProto.FLOAT, [len(IDS), WIDTH])
    graph = helper.make_graph(nodes, "large", [ids], [y])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    model.ClearField("graph")
    return model.SerializeToString(), graph.SerializeToString(), value


def write_inline(base, path):
    """All in one file."""
    model, graph, _ = make_rest()
    heads = []  # of each initialiser: everything before its bytes
    for name, dims, _ in stream_weights(base):
        size = 4 * dims[0] * dims[1]
        tensor = TensorProto(dims=dims, data_type=TensorProto.FLOAT, name=name).SerializeToString()
        tensor += field_head(TENSOR_RAW_DATA, size)
        heads.append((field_head(GRAPH_INITIALIZER, len(tensor) + size) + tensor, size))
    with open(path, "wb") as file:
        file.write(model + field_head(MODEL_GRAPH, len(graph) + sum(len(head) + size for head, size in heads)) + graph)
        for (head, _), (_, _, pieces) in zip(heads, stream_weights(base)):
            file.write(head)
            for piece in pieces:
                file.write(piece)


def write_external(base, path):
    """The weights in a file beside."""
    model, graph, _ = make_rest()
    tensors, offset = b"", 0
    with open(path.with_suffix(".data"), "wb") as file:
        for name, dims, pieces in stream_weights(base):
            for piece in pieces:
                file.write(piece)
            tensor = TensorProto(dims=dims, data_type=TensorProto.FLOAT, name=name, data_location=TensorProto.EXTERNAL)
            place = {"location": f"{path.stem}.data", "offset": offset, "length": file.tell() - offset}
            for key, value in place.items():
                tensor.external_data.add(key=key, value=str(value))
            offset = file.tell()
            tensor = tensor.SerializeToString()
            tensors += field_head(GRAPH_INITIALIZER, len(tensor)) + tensor
    path.write_bytes(model + field_head(MODEL_GRAPH, len(graph + tensors)) + graph + tensors)


def check(write, base, expected, folder):
    """Writes, compiles and runs the model; returns what is wrong."""
    model, executable, (*_, output) = folder / "large.onnx", folder / "large", make_rest()
    write(base, model)
    size = sum(file.stat().st_size for file in folder.iterdir())
    built, peak = support.build_measured(model, executable)
    info, answer = support.execute([executable, "info", "--json"]), folder / "y.npz"
    np.save(folder / "ids.npy", IDS)
    run = support.execute([executable, "run", "-i", f"ids={folder / 'ids.npy'}", "-o", answer])
    with np.load(answer) as file:
        difference = support.compare({output: file[output]}, {output: expected})
    print(f"{write.__name__}: {size / 2**30:.2f} GiB, model file {model.stat().st_size / 2**30:.2f} GiB")
    print(f"  build {built.seconds:.1f} s, peak memory of the compiler {peak:.0f} MB")
    print(f"  executable {executable.stat().st_size / 2**30:.2f} GiB, info {info.seconds * 1000:.0f} ms,", end=" ")
    print(f"first run {run.seconds:.2f} s, worst difference {difference.share:.1%} of the bound", flush=True)
    faults = [f"the compiler took {peak:.0f} MB, expected at most {PEAK_MB}"] if peak > PEAK_MB else []
    return faults + ([f"{difference.share:.3g} times the bound"] if difference.share > 1 else [])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", default=tempfile.gettempdir(), help="where the large files go for the while")
    options = parser.parse_args()
    support.need_compiler()
    free = shutil.disk_usage(options.folder).free / 2**30
    if free < NEEDED_GB:
        support.skip(f"'{options.folder}' has {free:.1f} GiB free, {NEEDED_GB} are needed")
    base = make_base()
    expected, faults = expect(base), []
    for write in (write_inline, write_external):
        with tempfile.TemporaryDirectory(prefix="ingot-large-", dir=options.folder) as folder:
            faults += [f"{write.__name__}: {fault}" for fault in check(write, base, expected, Path(folder))]
    if faults:
        raise support.Failure("; ".join(faults))


if __name__ == "__main__":
    support.run_main(main)
