#!/usr/bin/env python3
"""Classical models against ONNX Runtime and against the libraries that trained them.

run.py [--only TEXT] [--target NAME] [--cpu LEVEL] [--emit c] [--jobs N] [-v]

Single operators come from cases.py, trained models from make_models.py; those are skipped where the libraries are not
installed. Each is built for one row and for many, since kernels treat them apart.
"""

import argparse
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import support
from cases import CASES


def first_rows(arrays, count):
    return {name: array[:count] for name, array in arrays.items()}


def run_ort(model, inputs):
    """What ONNX Runtime makes of the inputs, or its message."""
    try:
        return support.run_ort(support.open_ort(model, optimise=False), inputs)
    except Exception as error:  # its exceptions have no common base
        return str(error).splitlines()[0][:150]


def run_both(model, inputs, machine, expected=None):
    """What ONNX Runtime, unless `expected` stands in for it, and what the compiled model make of the inputs."""
    with tempfile.TemporaryDirectory(prefix="ingot-ml-") as folder:
        path, executable = Path(folder) / "model.onnx", Path(folder) / "model"
        path.write_bytes(model.SerializeToString())
        support.build(path, executable, shapes={name: array.shape for name, array in inputs.items()}, **machine)
        got = support.run_model(executable, inputs, machine["target"])
        return expected or run_ort(path, inputs), got


def compare(got, expected, tolerance=None):
    """A sentence where they differ by more than the rule for models, or by more than `tolerance` of 1 + |value|."""
    # Strings come as arrays of objects from ONNX Runtime, with a width from files.
    got, expected = ({k: v.astype(object) if v.dtype.kind == "U" else v for k, v in x.items()} for x in (got, expected))
    atol, rtol = (tolerance, tolerance) if tolerance else (support.ATOL, support.RTOL)
    difference = support.compare(got, expected, atol, rtol)
    if difference.share > 1:
        raise support.Failure(f"error {difference.absolute:.3g}, {difference.relative:.3g} of the value")


def check_case(case, machine):
    expected, got = run_both(case.model(), case.inputs, machine, case.expected)
    if isinstance(expected, str) and all(array.dtype.kind == "i" for array in case.inputs.values()):
        with tempfile.TemporaryDirectory(prefix="ingot-ml-") as folder:
            path, floats = Path(folder) / "model.onnx", case.as_floats()
            path.write_bytes(floats.model().SerializeToString())
            expected = run_ort(path, floats.inputs)
    if isinstance(expected, str):
        return f"skipped: {expected}"
    compare(got, expected)


def check_trained(trained, machine):
    for count in (1, 5, None):
        inputs = first_rows(trained.inputs, count)
        expected, got = run_both(trained.onnx, inputs, machine)
        if isinstance(expected, str):
            raise support.Failure(f"ONNX Runtime: {expected}")
        compare(got, expected, trained.tolerance)
        rows = len(next(iter(inputs.values())))
        library = first_rows(trained.expected, rows)
        for name, array in library.items():  # libraries differ in types: what counts is the values
            mine = got[name][: len(array)]
            if mine.dtype.kind in "fiu":
                array, mine = array.astype(np.float64), mine.astype(np.float64)
            compare({name: mine}, {name: array.astype(mine.dtype)}, trained.tolerance)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", default="", help="cases whose name holds this text")
    parser.add_argument("--target", help="machine to compile for; runs under qemu where it is another")
    parser.add_argument("--cpu", help="level to compile for")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("-v", action="store_true", help="print every case")
    support.add_emit_option(parser)
    options = parser.parse_args()
    support.need_compiler()
    machine = {"target": options.target, "cpu": options.cpu, "emit": options.emit}
    work = [(case.name, lambda case=case: check_case(case, machine)) for case in CASES]
    try:
        import make_models

        # Training goes one after the other: the libraries start threads of their own.
        made = [make_models.make(f) for f in make_models.MODELS if options.only in f.__name__]
        work += [(trained.name, lambda trained=trained: check_trained(trained, machine)) for trained in made]
    except ImportError as error:
        print(f"without trained models: {error}")
    work = [(name, check) for name, check in work if options.only in name]

    def attempt(check):
        try:
            return check()
        except support.Failure as failure:
            return str(failure)

    failed = skipped = 0
    with ThreadPoolExecutor(options.jobs) as pool:
        for (name, _), reason in zip(work, pool.map(lambda item: attempt(item[1]), work)):
            if reason and reason.startswith("skipped"):
                skipped += 1
                print(f"skip {name}\n     {reason}")
            elif reason:
                failed += 1
                print(f"FAIL {name}\n     {reason}")
            elif options.v:
                print(f"ok   {name}")
    support.finish(len(work) - failed - skipped, failed, skipped)


main()
