#!/usr/bin/env python3
"""ONNX's backend test data: every model is built, run on its input files, and its output files are compared.

run.py [TEXT] [-j N] [--emit c] [--expect FILE] [--update FILE] [--list-failures] [-v]

A case passes by the rule of ONNX's own runner: as many outputs, the same types and shapes, and each element within
1e-7 + 1e-3 of the expected value (densenet121: 2e-3); NaN, infinities and strings exactly. The data are a .tar.xz of
INGOT_DATA/conformance, unpacked once into the build folder. Ends with `N passed, N failed, N skipped`.
"""

import argparse
import hashlib
import os
import re
import sys
import tarfile
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import support

ARCHIVE = "onnx-1.22.0-backend-test-data.tar.xz"
SHA256 = "e1911cddc36760f45cd6f02cfd5207699434fe80925d7b6da655d512ca946126"
ATOL, RTOL = 1e-7, 1e-3
RANDOM = "random by nature: ONNX does not say which numbers"


def unpack():
    """The folder of the data, one subfolder a kind."""
    archive = support.DATA and support.DATA / "conformance" / ARCHIVE
    if not archive or not archive.is_file():
        support.skip(f"INGOT_DATA does not name a folder with conformance/{ARCHIVE}")
    folder = support.BUILD / "conformance" / SHA256[:16]
    if not folder.is_dir():
        if hashlib.sha256(archive.read_bytes()).hexdigest() != SHA256:
            sys.exit(f"'{archive}' is not the file that was meant: its SHA-256 differs")
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as partial, tarfile.open(archive) as tar:
            tar.extractall(partial, filter="data")
            os.rename(partial, folder)
            os.mkdir(partial)  # for its context to remove
    return folder / "data"


@dataclass
class Case:
    name: str  # "node/test_abs"
    model: Path
    data: Path  # folder with input_0.pb ..., or the only expected output
    rtol: float = RTOL
    reason: str = ""  # why it failed
    seconds: dict = field(default_factory=dict)


def find_cases(data):
    cases = []
    for folder in sorted(path.parent for path in data.glob("*/*/model.onnx")):
        for test in sorted(folder.glob("test_data_set_*")):
            number = test.name.removeprefix("test_data_set_")
            name = f"{folder.parent.name}/{folder.name}" + ("" if number == "0" else f":{number}")
            cases.append(Case(name, folder / "model.onnx", test))
    for model in sorted(data.glob("light/*.onnx")):
        rtol = 2e-3 if "densenet121" in model.name else RTOL
        cases.append(Case(f"light/{model.stem}", model, model.with_name(f"{model.stem}_output_0.pb"), rtol))
    return cases


def write_light_input(graph, folder):
    """What the light models get: 0 to 1 in equal steps."""
    import numpy as np
    from onnx import numpy_helper

    constants = {tensor.name for tensor in graph.initializer}
    (given,) = [value for value in graph.input if value.name not in constants]
    dims = [dim.dim_value for dim in given.type.tensor_type.shape.dim]
    count = int(np.prod(dims))
    array = (np.arange(count) / count).astype(np.float32).reshape(dims)
    (folder / "input_0.pb").write_bytes(numpy_helper.from_array(array, given.name).SerializeToString())


def read_value(path, type_proto):
    """A file's value as a TensorProto, a list of values, or None for an optional without one."""
    import onnx

    kind = type_proto.WhichOneof("value")
    message = {"sequence_type": onnx.SequenceProto, "optional_type": onnx.OptionalProto}.get(kind, onnx.TensorProto)()
    message.ParseFromString(path.read_bytes())
    return convert(message)


def convert(message):
    import onnx

    if isinstance(message, onnx.TensorProto):
        return message
    kinds = {1: "tensor", 2: "sparse_tensor", 3: "sequence", 4: "map", 5: "optional"}
    kind = kinds.get(message.elem_type)
    if isinstance(message, onnx.SequenceProto):
        return [convert(element) for element in getattr(message, f"{kind}_values")] if kind else []
    if isinstance(message, onnx.OptionalProto):
        return convert(getattr(message, f"{kind}_value")) if kind and message.HasField(f"{kind}_value") else None
    raise support.Failure(f"a {type(message).__name__} is not compared")


def compare(got, expected, rtol, where):
    import numpy as np
    from onnx import TensorProto, numpy_helper

    if isinstance(expected, list) or expected is None:
        if type(got) is not type(expected):
            raise support.Failure(f"{where} is of another kind")
        if expected is not None and len(got) != len(expected):
            raise support.Failure(f"{where} has {len(got)} elements, expected {len(expected)}")
        for i, (a, b) in enumerate(zip(got or [], expected or [])):
            compare(a, b, rtol, f"{where}[{i}]")
        return
    if not isinstance(got, TensorProto):
        raise support.Failure(f"{where} is of another kind")
    if got.data_type != expected.data_type or list(got.dims) != list(expected.dims):
        said = [f"{TensorProto.DataType.Name(t.data_type)}{list(t.dims)}" for t in (got, expected)]
        raise support.Failure(f"{where} is {said[0]}, expected {said[1]}")
    a, b = numpy_helper.to_array(got), numpy_helper.to_array(expected)
    if expected.data_type == TensorProto.STRING:
        wrong = int(np.sum(a != b))
        if wrong:
            raise support.Failure(f"{where}: {wrong} of {b.size} strings differ")
        return
    wide = np.complex128 if b.dtype.kind == "c" else np.float64
    a, b = a.astype(wide), b.astype(wide)
    finite = np.isfinite(b)
    if not np.array_equal(a[~finite], b[~finite], equal_nan=True) or not np.isfinite(a[finite]).all():
        raise support.Failure(f"{where}: NaN or infinity in different places")
    error, size = np.abs(a[finite] - b[finite]), np.abs(b[finite])
    wrong = int(np.sum(error > ATOL + rtol * size))
    if wrong:
        raise support.Failure(f"{where}: {wrong} of {b.size} elements differ, by {error.max():.3g} at most")


def check(case, emit):
    """Sets the case's reason when it fails."""
    import onnx

    def timed(stage, work, *arguments, **options):
        start = time.perf_counter()
        try:
            return work(*arguments, **options)
        finally:
            case.seconds[stage] = time.perf_counter() - start

    with tempfile.TemporaryDirectory(prefix="ingot-conformance-") as folder:
        folder = Path(folder)
        try:
            graph = onnx.load(case.model).graph
            inputs = case.data
            if case.name.startswith("light/"):
                inputs = folder
                write_light_input(graph, folder)
            timed("build", support.build, case.model, folder / "exe", emit=emit)
            command = [folder / "exe", "run", "-i", f"{inputs}/", "-o", f"{folder}/out/"]
            timed("run", support.execute, command, timeout=120)
            files = [case.data] if case.name.startswith("light/") else sorted(case.data.glob("output_*.pb"))
            if len(files) != len(graph.output):
                raise support.Failure("as many output files as outputs were expected")
            for i, output in enumerate(graph.output):
                expected = case.data if case.name.startswith("light/") else case.data / f"output_{i}.pb"
                got = read_value(folder / f"out/output_{i}.pb", output.type)
                timed("compare", compare, got, read_value(expected, output.type), case.rtol, f"output {i}")
        except support.Failure as failure:
            lines = str(failure).splitlines()
            text = next((line for line in lines if "error" in line), lines[0] if lines else "failed")
            text = re.sub(r"^'(exe|ingot)': ", "", text).replace(f"{case.model}", "model").replace(str(folder), "")
            case.reason = re.sub(r"^(error: )?(model(\.onnx)?: )?(error: )?", "", text).strip()[:300] or "failed"
    return case


def read_expected(path):
    rows = [line.split("\t", 1) for line in Path(path).read_text().splitlines() if line and line[0] != "#"]
    return {name: reason for name, reason in rows}


def write_expected(path, failed):
    head = "# Cases of ONNX's backend test data that do not pass yet: name, tab, reason. Written by run.py --update.\n"
    Path(path).write_text(head + "".join(f"{case.name}\t{case.reason}\n" for case in failed))


def print_groups(failed):
    """Failures by operator and message, numbers and names in quotes aside; the largest group first."""

    def group(case):
        return re.sub(r"'[^']*'|\d+", "_", re.sub(r"^node #.*?\((\S+)-\d+\): error", r"\1", case.reason))

    for message, count in Counter(map(group, failed)).most_common():
        cases = [case for case in failed if group(case) == message]
        print(f"{count:5}  {cases[0].reason}")
        print("       " + " ".join(case.name for case in cases[:4]) + (" ..." if count > 4 else ""))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("text", nargs="?", default="", help="cases whose name holds this text")
    parser.add_argument("-j", "--jobs", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--expect", metavar="FILE", help="exactly the cases of this list may fail")
    parser.add_argument("--update", metavar="FILE", help="write that list")
    parser.add_argument("--list-failures", action="store_true", help="grouped by message, instead of one by one")
    parser.add_argument("-v", action="store_true", help="print every case, and where the time went")
    support.add_emit_option(parser)
    options = parser.parse_args()
    support.need_compiler()
    cases = [case for case in find_cases(unpack()) if options.text in case.name]
    failed, surprises, start = [], 0, time.perf_counter()
    terminal = sys.stdout.isatty()
    expected = read_expected(options.expect) if options.expect else {}
    with ThreadPoolExecutor(options.jobs) as pool:
        for i, case in enumerate(pool.map(lambda case: check(case, options.emit), cases)):
            random = "bernoulli" in case.name
            if random and (not case.reason or "elements differ" in case.reason):
                case.reason = RANDOM  # the expected numbers may come by chance
            if terminal:
                print(f"\r{i + 1} of {len(cases)}, {len(failed)} failed\033[K", end="", flush=True)
            if case.reason:
                failed.append(case)
            surprise = bool(case.reason) != (case.name in expected) or (random and case.reason != RANDOM)
            surprises += surprise
            if case.reason and not options.list_failures and (surprise or not options.expect or options.v):
                print(f"{chr(13) if terminal else ''}FAIL {case.name}: {case.reason}")
            elif not case.reason and ((options.v and not options.list_failures) or (options.expect and surprise)):
                print(f"{chr(13) if terminal else ''}ok   {case.name}{': is listed as failing' if surprise else ''}")
    if terminal:
        print("\r\033[K", end="")
    if options.list_failures:
        print_groups(failed)
    if options.v:
        for stage in ("build", "run", "compare"):
            print(f"{stage}: {sum(case.seconds.get(stage, 0) for case in cases):.1f} s")
        print(f"in all: {time.perf_counter() - start:.1f} s with {options.jobs} jobs")
    if options.update:
        write_expected(options.update, failed)
    print(f"{len(cases) - len(failed)} passed, {len(failed)} failed, 0 skipped")
    sys.exit(1 if (surprises if options.expect else failed) else 0)


if __name__ == "__main__":
    main()
