"""The real models that tests and benchmarks run: where each comes from, its shapes, and inputs that suit it."""

import functools
import gzip
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

import images
from support import ATOL, BUILD, DATA, ROOT, RTOL, Failure

MODELS = {}


@dataclass
class Model:
    name: str
    kind: str  # where it comes from: "models" (a file of INGOT_DATA), "bench" (generated), "example" (of this project)
    shapes: dict = field(default_factory=dict)  # of inputs with free dims, by name
    sizes: list = field(default_factory=list)  # more such shapes, which one executable built without --shape takes
    fill: object = None  # fill(random, input name, shape) -> array: random inputs; None: uniform in 0..1
    samples: object = None  # samples() -> [(label, inputs, expected outputs or None)]: real data
    check: object = None  # check(label, {name: array}) -> None or what is wrong: do the answers make sense?
    atol: float = ATOL
    rtol: float = RTOL
    reason: str = ""  # why the rule is another than the usual one

    def path(self):
        """The model file; generated once into build/models where it is a benchmark model."""
        if self.kind == "models":
            return DATA / "models" / f"{self.name}.onnx"
        if self.kind == "example":
            return ROOT / "examples" / self.name / f"{self.name}.onnx"
        made = BUILD / "models" / f"{self.name}.onnx"
        if not made.exists():
            made.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=made.parent) as folder:  # so that parallel tests see whole files
                script = DATA / "bench" / "make_models.py"
                subprocess.run([sys.executable, script, folder, self.name], check=True, stdout=subprocess.DEVNULL)
                (Path(folder) / made.name).rename(made)
        return made

    def exists(self):
        """Is the file there, or what makes it?"""
        if self.kind == "example":
            return True
        needed = "bench/make_models.py" if self.kind == "bench" else f"models/{self.name}.onnx"
        return bool(DATA) and (DATA / needed).exists()

    def inputs(self, seed, shapes=None):
        """Seeded random inputs, {name: array}, of other shapes where they are given."""
        random = np.random.default_rng(seed)
        graph = onnx.load(self.path(), load_external_data=False).graph
        constants, made = {c.name for c in graph.initializer}, {}
        for value in graph.input:
            if value.name in constants:
                continue
            kind = value.type.tensor_type
            shape = (shapes or self.shapes).get(value.name) or [d.dim_value for d in kind.shape.dim]
            array = self.fill(random, value.name, shape) if self.fill else random.random(shape)
            made[value.name] = array.astype(onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type))
        return made


def add(name, kind="models", **options):
    MODELS[name] = Model(name, kind, **options)


# Random inputs, where 0..1 would not be what a model expects.
def fill_bytes(random, name, shape):
    return random.integers(0, 256, shape)


def fill_normal(random, name, shape):
    return random.standard_normal(shape)


def fill_tokens(random, name, shape):
    """Token ids of a vocabulary of 30522; a mask that ends in some zeros."""
    if "mask" in name:
        mask = np.ones(shape)
        mask[..., shape[-1] - int(random.integers(0, shape[-1] // 2)) :] = 0
        return mask
    return random.integers(0, 30522, shape)


def fill_between(least, most):
    """Uniform between limits that each column has."""
    return lambda random, name, shape: random.uniform(least, most, shape)


fill_iris = fill_between([4.3, 2.0, 1.0, 0.1], [7.9, 4.4, 6.9, 2.5])  # what the data sets hold
fill_wine = fill_between([11.0, 0.7, 1.4, 10, 70, 1.0, 0.3, 0.1, 0.4, 1.3, 0.5, 1.3, 278],
                         [14.8, 5.8, 3.2, 30, 162, 3.9, 5.1, 0.7, 3.6, 13, 1.7, 4.0, 1680])  # fmt: skip


# Real data.
def read_test_sets(name):
    """The model's own test_data_set_*: input_0.pb and output_0.pb."""
    graph = onnx.load(DATA / "models" / f"{name}.onnx").graph
    constants, found = {c.name for c in graph.initializer}, []
    given = [i.name for i in graph.input if i.name not in constants][0]
    for folder in sorted((DATA / "models/data" / name).glob("test_data_set_*")):
        x, y = (numpy_helper.to_array(onnx.load_tensor(folder / f)) for f in ("input_0.pb", "output_0.pb"))
        found.append((folder.name, {given: x}, {graph.output[0].name: y}))
    return found


def tract_samples(file, output, shape, held_as=None):
    """Input and output that come with some models. The file may name the output otherwise, and hold it flat."""

    def samples():
        with np.load(DATA / "models/data/tract" / f"{file}.io.npz") as held:
            expected = held[held_as or output].astype(np.float32).reshape(shape)
            return [("sample", {"input": held["input"]}, {output: expected})]

    return samples


@functools.cache
def read_mnist():
    """The 10,000 test images as uint8 [n, 1, 1, 28, 28], and their labels."""
    folder = DATA / "models/data"
    pixels, labels = (gzip.decompress((folder / f"t10k-{f}-ubyte.gz").read_bytes()) for f in ("images-idx3", "labels-idx1"))
    return np.frombuffer(pixels, np.uint8, offset=16).reshape(-1, 1, 1, 28, 28), np.frombuffer(labels, np.uint8, offset=8)


def digits(name, scale, offset=0.0):
    """Ten digits, one of each, as `scale * pixel + offset`."""

    def samples():
        pixels, labels = read_mnist()
        first = [int(np.argmax(labels == digit)) for digit in range(10)]
        return [(f"digit {labels[i]}", {name: (pixels[i] * scale + offset).astype(np.float32)}, None) for i in first]

    return samples


def class_is(**expected):
    """The largest output must be that of the class expected for the sample's label."""

    def check(label, outputs):
        got = int(np.argmax(next(iter(outputs.values()))))
        return None if expected.get(label, got) == got else f"class {got}, expected {expected[label]}"

    return check


def squeezenet_samples():
    found = []
    for label, file in (("kitten", "kitten_224.png"), ("fish", "fish.png")):
        image = images.read_png(DATA / "models/data/squeezenet" / file)[..., ::-1]  # the model takes BGR, 0..255
        found.append((label, {"data_0": np.ascontiguousarray(image.transpose(2, 0, 1)[None]).astype(np.float16)}, None))
    return found


def face_samples():
    image = images.resize(images.read_jpeg_thumbnail(DATA / "models/data/faces/17.jpg"), 240, 320)
    return [("faces", {"input": np.ascontiguousarray(((image - 127) / 128).transpose(2, 0, 1)[None])}, None)]


def faces_found(label, outputs):
    found = int((outputs["scores"][0, :, 1] > 0.7).sum())
    return None if label != "faces" or found > 20 else f"{found} boxes show a face, expected more than 20"


def example_samples():
    """The committed images of examples/digits, each labelled with its class."""
    folder, found = ROOT / "examples/digits/images", []
    for line in (folder / "labels.txt").read_text().splitlines():
        file, digit = line.split()
        pixels = np.array((folder / file).read_text().split()[4:], np.float32)
        found.append((digit, {"image": pixels.reshape(1, 1, 28, 28) / 255}, None))
    return found


NORMAL = {"scale": 1 / (255 * 0.3081), "offset": -0.1307 / 0.3081}  # MNIST's mean and deviation, as PyTorch users take

# One row each: tests/models/CMakeLists.txt reads the names off the lines.
add("mnist_8", fill=fill_bytes, samples=lambda: read_test_sets("mnist_8"))
add("mnist_mlp_pytorch", fill=fill_normal, samples=digits("image", **NORMAL))
add("mnist_cnn_tribuo", shapes={"input_image": (1, 1, 28, 28)}, fill=fill_bytes, samples=digits("input_image", 1.0))
add("mnist_local_functions", fill=fill_normal, samples=digits("input", **NORMAL))
add("micro_kws_f32", fill=fill_normal)
add("go1_policy", fill=fill_normal)
add("super_resolution_10", shapes={"input": (1, 1, 224, 224)}, samples=lambda: read_test_sets("super_resolution_10"))
# Measured over ten inputs, on outputs of at least a thousandth of the largest: ONNX Runtime's optimised graph is within half
# a unit in the last place of float16 (4.9e-4) of the same model in float32, its unoptimised one within 6.2e-4, and the two
# differ by up to one unit. Smaller outputs are float16 denormals, up to 3e-3 off float32; `atol` covers those.
# The preparation of the images is not documented: BGR, 0..255 is the one of four tried that names both.
add("squeezenet_fp16", fill=fill_bytes, samples=squeezenet_samples, check=class_is(kitten=281, fish=0), rtol=2**-10,
    reason="bound: one unit in the last place of float16")
add("ultraface_rfb_320", fill=fill_normal, samples=face_samples, check=faces_found)
add("fastestdet")
add("ppocr_v2_cls", shapes={"x": (1, 3, 48, 192)}, fill=fill_normal)
add("tiny_bert_random", shapes={"input_ids": (1, 16), "attention_mask": (1, 16)}, fill=fill_tokens)
add("ultraface_rfb_320_simplified", fill=fill_normal, samples=face_samples, check=faces_found)
add("mnist_convinteger", fill=fill_bytes, samples=digits("Input3", 1.0))
KWS = "serving_default_input:0"
add("micro_kws_qdq", shapes={KWS: (1, 1960)}, sizes=[{KWS: (n, 1960)} for n in (1, 3, 2)], fill=fill_normal)
add("micro_kws_static_qdq", shapes={KWS: (1, 1960)}, sizes=[{KWS: (n, 1960)} for n in (1, 3, 2)], fill=fill_normal)
add("micro_kws_qoperator_softmax", fill=fill_normal)
add("micro_kws_static_qoperator", fill=fill_normal)
add("qlstm_scan", shapes={"input": (3, 3)}, sizes=[{"input": (n, 3)} for n in (1, 7, 100, 2)], fill=fill_normal,
    samples=tract_samples("qlstm_3-2-3_T3_S1", "output", (3, 3)))
add("byte_bidi_lstm", shapes={"input": (2, 58)}, sizes=[{"input": (b, n)} for b, n in ((1, 58), (1, 1), (3, 17), (1, 400))],
    fill=fill_bytes, samples=tract_samples("byte_sb_bidi_lstm", "output", (2, 58, 2), "Add_26"))
add("dtln_1", fill=fill_normal)
add("dtln_2", fill=fill_normal)
add("lgbm_classifier_tensor", shapes={"input": (1, 13)}, sizes=[{"input": (n, 13)} for n in (1, 31, 2)], fill=fill_wine,
    samples=tract_samples("lgbm_classifier_tensor", "probabilities", (1, 3)))
add("lgbm_regressor_tensor", shapes={"input": (1, 13)}, sizes=[{"input": (n, 13)} for n in (1, 31, 2)], fill=fill_wine,
    samples=tract_samples("lgbm_regressor_tensor", "output", (1, 1)))
add("xgboost_classifier_tree", shapes={"input": (1, 13)}, sizes=[{"input": (n, 13)} for n in (1, 31, 2)], fill=fill_wine)
add("xgboost_regressor_tree", shapes={"input": (1, 13)}, sizes=[{"input": (n, 13)} for n in (1, 31, 2)], fill=fill_wine)
add("sklearn_randomforest", shapes={"X": (1, 4)}, sizes=[{"X": (n, 4)} for n in (1, 31, 2)], fill=fill_iris)
add("sklearn_randomforest_small", fill=fill_iris)
add("sklearn_logreg_iris")
add("lightgbm_scaler_zipmap", fill=fill_normal)
add("tree_ensemble_classifier", fill=fill_between(0, 8))
add("resnet50", "bench", fill=fill_normal)
add("mobilenetv2", "bench", fill=fill_normal)
add("squeezenet11", "bench", fill=fill_normal)
add("minilm_32", "bench", fill=fill_normal)
add("mlp_784_128_10", "bench", fill=fill_normal)
add("mlp_4_16_3", "bench", fill=fill_normal)
add("digits", "example", samples=example_samples, check=class_is(**{str(digit): digit for digit in range(10)}))


def find_models(names):
    """The models of these names, all when there are none."""
    for name in names or ():
        if name not in MODELS:
            raise Failure(f"no model '{name}'; there are: {' '.join(MODELS)}")
    return [MODELS[name] for name in names or MODELS]
