#!/usr/bin/env python3
"""One executable for every size: models whose dims are open, each built once without --shape and run at several sizes,
against ONNX Runtime.

test_open.py [NAME ...]
"""

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import numpy as np
import onnx
import support
import zoo
from onnx import numpy_helper

# By model, the shapes of the inputs that are open, a run each: the smallest, odd ones, such as fill whole tiles, larger
# again and smaller again.
IMAGES = [(1, 3, 32, 32), (1, 3, 96, 160), (2, 3, 64, 224), (1, 3, 32, 64)]
SIZES = {
    "tiny_bert_random": [{name: shape for name in ("input_ids", "attention_mask")}
                         for shape in ((1, 2), (1, 16), (3, 7), (8, 128), (2, 33))],
    "mnist_cnn_tribuo": [{"input_image": (n, 1, 28, 28)} for n in (1, 5, 32, 2)],
    "super_resolution_10": [{"input": (n, 1, 224, 224)} for n in (1, 2)],
    "ppocr_v4_det": [{"x": shape} for shape in IMAGES],
    "ppocr_v2_cls": [{"x": shape} for shape in ((1, 3, 48, 192), (5, 3, 48, 192), (2, 3, 48, 50), (1, 3, 64, 99))],
    "ppocr_v4_rec": [{"x": shape} for shape in ((1, 3, 48, 320), (3, 3, 48, 99), (1, 3, 48, 32))],
    "resnet50": [{"x": shape} for shape in ((1, 3, 224, 224), (3, 3, 97, 131), (2, 3, 224, 224), (1, 3, 33, 32))],
    "minilm_32": [{"x": (n, length, 384)} for n, length in ((1, 32), (3, 7), (1, 1), (2, 130))],
}  # fmt: skip
FILLS = {"ppocr_v4_det": zoo.fill_normal, "ppocr_v4_rec": zoo.fill_normal}


def open_model(name, folder):
    """The model file with open dims: the model's own, or that of a benchmark with its fixed sizes taken out."""
    path = zoo.DATA / "models" / f"{name}.onnx"
    if path.exists():
        return path
    model = onnx.load(zoo.MODELS[name].path())
    graph, shape = model.graph, SIZES[name][0]["x"]
    dims = [d for value in (*graph.input, *graph.output) for d in value.type.tensor_type.shape.dim]
    for i, dim in enumerate(dims):
        if dim.dim_value in (1, *shape[-3:-1], 224) and dim.dim_value != 3:
            dim.dim_param = f"open_{i}"
    for constant in graph.initializer:
        value = numpy_helper.to_array(constant)
        if value.dtype == np.int64 and value.ndim == 1 and tuple(value[:2]) == shape[:2]:  # of a Reshape: 0 keeps a dim
            constant.CopyFrom(numpy_helper.from_array(np.concatenate([[0, 0], value[2:]]), constant.name))
    onnx.save(model, folder / f"{name}.onnx")
    return folder / f"{name}.onnx"


def check(name, folder):
    """Prints a line for each size; returns how many passed and failed."""
    path, executable, passed = open_model(name, folder), folder / name, 0
    built = support.build(path, executable)
    session = support.open_ort(path)
    print(f"{name}, built in {built.seconds:.1f} s, {executable.stat().st_size / 2**20:.1f} MiB")
    for seed, shapes in enumerate(SIZES[name], 1):
        model = zoo.Model(name, "models", shapes, FILLS.get(name) or zoo.MODELS[name].fill)
        model.path = lambda: path
        inputs = model.inputs(seed)
        try:
            difference = support.compare(support.run_model(executable, inputs), support.run_ort(session, inputs))
            status = "ok" if difference.share <= 1 else "FAILED"
            said = f"{difference.share:.1%} of the bound"
        except support.Failure as failure:
            status, said = "FAILED", str(failure).splitlines()[0]
        print(f"  {status:6} {' '.join('x'.join(map(str, s)) for s in shapes.values())}: {said}", flush=True)
        passed += status == "ok"
    return passed, len(SIZES[name]) - passed


def main():
    support.need_data()
    support.need_compiler()
    passed = failed = 0
    for name in sys.argv[1:] or SIZES:
        with tempfile.TemporaryDirectory(prefix="ingot-open-") as folder:
            counts = check(name, Path(folder))
        passed, failed = passed + counts[0], failed + counts[1]
    support.finish(passed, failed)


if __name__ == "__main__":
    support.run_main(main)
