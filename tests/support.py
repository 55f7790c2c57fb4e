"""What the Python tests share: where things are, how to build and run a model, how to compare.

Settings come from the environment:
  INGOT            the compiler; default: ingot in INGOT_BUILD
  INGOT_RESOURCES  what the compiler puts into executables; default: lib/ingot beside it
  INGOT_BUILD      the build folder, where generated models are kept; default: build
  INGOT_DATA       a folder that holds models/, bench/ and conformance/; tests that need it are skipped without it
"""

import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
BUILD = Path(os.environ.get("INGOT_BUILD", ROOT / "build")).absolute()
INGOT = Path(os.environ.get("INGOT", BUILD / "ingot")).absolute()
RESOURCES = Path(os.environ.get("INGOT_RESOURCES", INGOT.parent / "lib/ingot")).absolute()
DATA = Path(os.environ["INGOT_DATA"]).absolute() if os.environ.get("INGOT_DATA") else None
SKIPPED = 77  # the exit code that ctest knows as "skipped"

# The rule for float32 models: |a - b| <= ATOL + RTOL * |b|.
ATOL, RTOL = 1e-5, 1e-4


class Failure(Exception):
    """A sentence for the user: something that was run did not work."""


def skip(reason):
    print(f"skipped: {reason}")
    sys.exit(SKIPPED)


def need_data():
    if not DATA or not (DATA / "models").is_dir():
        skip("INGOT_DATA does not name a folder with models/")


def need_compiler():
    if not INGOT.is_file():
        sys.exit(f"no compiler at '{INGOT}': build it, or set INGOT")


# What /proc/cpuinfo must list for each level (x86-64 psABI, table 3.1), in Linux's words.
LEVEL_FLAGS = {
    "x86-64-v2": "cx16 lahf_lm popcnt pni sse4_1 sse4_2 ssse3",
    "x86-64-v3": "abm avx avx2 bmi1 bmi2 f16c fma movbe",
    "x86-64-v4": "avx512f avx512bw avx512cd avx512dq avx512vl",
}


def has_cpu(level):
    """Does this CPU have the level, and those below it? Other names are for the compiler to judge."""
    levels = list(LEVEL_FLAGS)
    if level not in levels:
        return True
    flags = set(re.findall(r"\w+", re.search(r"^flags\s*:(.*)$", Path("/proc/cpuinfo").read_text() + "flags:", re.M)[1]))
    return not set(" ".join(LEVEL_FLAGS[known] for known in levels[: levels.index(level) + 1]).split()) - flags


def need_cpu(level):
    """Skips where this CPU lacks the level."""
    if not has_cpu(level):
        skip(f"this CPU is not of level {level}")


@dataclass
class Run:
    seconds: float
    stdout: str


def execute(command, timeout=600, **options):
    """Runs a command to its end; a Failure with what it said when it did not exit with 0."""
    start = time.perf_counter()
    try:
        done = subprocess.run([str(c) for c in command], capture_output=True, timeout=timeout, **options)
    except subprocess.TimeoutExpired:
        raise Failure(f"'{Path(command[0]).name}' did not end within {timeout} s") from None
    except OSError as error:
        raise Failure(f"cannot run '{command[0]}': {error.strerror}") from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip() or f"exit code {done.returncode}"
        raise Failure(f"'{Path(command[0]).name}': {said}")
    return Run(time.perf_counter() - start, done.stdout.decode(errors="replace"))


def build(model, out, shapes=None, cpu=None, target=None, emit=None, before=(), passes=None, bounds=None, variants=()):
    """Compiles `model` to `out`, whose folder is made; returns the Run. `before` goes before the command (a tracer).
    shapes, bounds: {input: dims} for --shape and --max-shape; variants: a list of {input: dims}.
    emit "c" with an `out` that is no .c file makes an executable by way of C: see build_by_c."""
    if emit == "c" and Path(out).suffix != ".c":
        return build_by_c(model, out, shapes, cpu, passes)
    Path(out).parent.mkdir(parents=True, exist_ok=True)
    command = [*before, INGOT, "build", model, "-o", out]
    for option, dims in (("--shape", shapes), ("--max-shape", bounds)):
        for name, shape in (dims or {}).items():
            command += [option, f"{name}={'x'.join(map(str, shape))}"] if shape or option == "--shape" else []
    for dims in variants:
        command += [f"--shape={name}={'x'.join(map(str, shape))}" for name, shape in dims.items()]
    for flag, value in (("--cpu", cpu), ("--target", target), ("--emit", emit), ("--passes", passes)):
        command += [flag, value] if value else []
    return execute(command)


def add_emit_option(parser):
    parser.add_argument("--emit", choices=("exe", "c"), default="exe", help="c: executables by way of C")


C_COMPILERS = ("gcc", "clang-19")
C_FLAGS = ("-std=gnu17", "-Wall", "-Wextra", "-Wpedantic", "-Werror")
C_PLAIN = "x86-64-v2"  # the level whose C needs no flags
C_RUNTIME = BUILD / "runtime/libingot_runtime_native.a"


def build_by_c(model, out, shapes=None, cpu=None, passes=None):
    """An executable of the C of a model, without warnings, and the runtime that other executables hold. Half of all
    models are compiled by one compiler, half by the other."""
    source, cpu = Path(f"{out}.c"), cpu or C_PLAIN
    run = build(model, source, shapes, cpu, emit="c", passes=passes)
    compiler = C_COMPILERS[zlib.crc32(source.read_bytes()) % len(C_COMPILERS)]
    symbol = re.search(r"^extern const IngotModel (\w+);", source.with_suffix(".h").read_text(), re.M)[1]
    flags = [*C_FLAGS, "-O1", "-DINGOT_MODEL_ONLY", *([] if cpu == C_PLAIN else [f"-march={cpu}"])]
    images = RESOURCES / os.uname().machine / "images.o"
    more = [images] if "decode_image(" in source.read_text() else []
    execute([compiler, *flags, f"-I{source.parent}", source, *more, f"-Wl,--defsym=ingot_model={symbol}", C_RUNTIME,
             "-pthread", "-lm", "-o", out])  # fmt: skip
    return run


# A small Python runs the compiler and reports what its own children used at most: it has only ~10 MB itself to inherit.
MEASURE = """import resource, subprocess, sys
code = subprocess.run(sys.argv[1:]).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)
sys.exit(code)"""


def build_measured(model, out, **options):
    """As build(); returns the Run and the peak resident memory of the compiler or its linker in MB, whichever is more."""
    run = build(model, out, before=(sys.executable, "-S", "-c", MEASURE), **options)
    return run, float(run.stdout.split()[-1])


def launch(executable, target=None):
    """The start of a command line that runs an executable made for `target` (None: this machine)."""
    if not target or target.startswith(os.uname().machine):
        return [str(executable)]
    emulator = f"qemu-{target.split('-')[0]}-static"
    if not shutil.which(emulator):
        skip(f"{emulator} is not installed")
    return [emulator, str(executable)]


def tabulate(outputs):
    """The same with lists of maps, which classifiers give, as two arrays: their keys, sorted, and a row of values each."""
    flat = {}
    for name, value in outputs.items():
        if not isinstance(value, list) or not value or not isinstance(value[0], dict):
            flat[name] = value
            continue
        number = all(str(key).lstrip("-").isdigit() for key in value[0])
        keys = sorted(value[0], key=int if number else str)
        if any(row.keys() != value[0].keys() for row in value):
            raise Failure(f"output '{name}': the maps have different keys")
        flat[f"{name}.keys"] = np.array([int(key) if number else key for key in keys])
        flat[f"{name}.values"] = np.array([[row[key] for key in keys] for row in value], np.float32)
    return flat


def run_model(executable, inputs, target=None):
    """One run of an executable on {name: array}; returns {name: array}, with maps as tabulate() gives them."""
    kinds = read_info(executable, target)["outputs"]
    maps = [output for output in kinds if output["kind"] != "tensor"]
    with tempfile.TemporaryDirectory(prefix="ingot-test-") as folder:
        command = [*launch(executable, target), "run"]
        for i, (name, array) in enumerate(inputs.items()):
            np.save(f"{folder}/{i}.npy", array)
            command += ["-i", f"{name}={folder}/{i}.npy"]
        if maps:
            said = json.loads(execute(command).stdout)
            return tabulate({k["name"]: said[k["name"]] if k in maps else np.array(said[k["name"]], k["dtype"]) for k in kinds})
        execute([*command, "-o", f"{folder}/out.npz"])
        with np.load(io.BytesIO(Path(f"{folder}/out.npz").read_bytes())) as file:
            return {name: file[name] for name in file.files}


def read_info(executable, target=None):
    return json.loads(execute([*launch(executable, target), "info", "--json"]).stdout)


def open_ort(model, optimise=True):
    """An ONNX Runtime session: CPU, one thread, sequential."""
    import onnxruntime as ort

    ort.set_default_logger_severity(3)
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    if not optimise:
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    return ort.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])


def run_ort(session, inputs):
    return tabulate(dict(zip([o.name for o in session.get_outputs()], session.run(None, inputs))))


@dataclass
class Difference:
    """How far outputs are from what was expected. `share` is the worst |a - b| as a share of what the rule allows."""

    absolute: float = 0.0
    relative: float = 0.0
    share: float = 0.0

    def __or__(self, other):
        return Difference(*(max(a, b) for a, b in zip(vars(self).values(), vars(other).values())))


def compare(got, expected, atol=ATOL, rtol=RTOL):
    """The Difference of two {name: array}. Names, shapes and types must be equal, NaN and infinities in the same
    places: else a Failure. Integers, booleans and strings must be equal. The relative error is taken over elements of
    at least a thousandth of the largest, since near zero it says nothing."""
    if set(got) != set(expected):
        raise Failure(f"outputs {sorted(got)}, expected {sorted(expected)}")
    worst = Difference()
    for name, b in expected.items():
        a, b = np.asarray(got[name]), np.asarray(b)
        if a.shape != b.shape or a.dtype != b.dtype:
            raise Failure(f"output '{name}' is {a.dtype}{list(a.shape)}, expected {b.dtype}{list(b.shape)}")
        if b.dtype.kind != "f":
            wrong = int(np.sum(a != b))
            if wrong:
                raise Failure(f"output '{name}': {wrong} of {b.size} elements differ")
            continue
        a, b = a.astype(np.float64), b.astype(np.float64)
        finite = np.isfinite(b)
        if not np.array_equal(a[~finite], b[~finite], equal_nan=True) or not np.isfinite(a[finite]).all():
            raise Failure(f"output '{name}': NaN or infinity in different places")
        a, b = a[finite], b[finite]
        if not b.size:
            continue
        error, size = np.abs(a - b), np.abs(b)
        large = (size > 0) & (size >= size.max() / 1000)
        relative = float((error[large] / size[large]).max()) if large.any() else 0.0
        worst |= Difference(float(error.max()), relative, float((error / (atol + rtol * size)).max()))
    return worst


def print_table(rows, header):
    """Rows of text as aligned columns: the first to the left, numbers to the right, the last as it is."""
    widths = [max(len(str(row[i])) for row in [header, *rows]) for i in range(len(header))]
    for row in [header, *rows]:
        cells = [f"{str(c):{'<' if i in (0, len(row) - 1) else '>'}{w}}" for i, (c, w) in enumerate(zip(row, widths))]
        print("  ".join(cells).rstrip())


def run_main(main):
    """Runs a script's main; a Failure is its last words and ends it with exit code 1."""
    try:
        main()
    except Failure as failure:
        sys.exit(f"{Path(sys.argv[0]).name}: {failure}")


def finish(passed, failed, skipped=0):
    """Prints the closing line and ends the process as ctest expects."""
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    sys.exit(1 if failed else 0 if passed else SKIPPED)
