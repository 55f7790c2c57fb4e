#!/usr/bin/env python3
"""Models of strings against ONNX Runtime, or against Python where that departs from ONNX; faults of the run; refusals.

run.py [TEXT] [--emit c] [-v]. A case is one model of many nodes; see cases.py.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import support
from cases import CASES, FAULTS, REFUSALS, write_input


def compare(name, got, expected):
    if got.shape != expected.shape:
        raise support.Failure(f"{name}: {list(got.shape)}, expected {list(expected.shape)}")
    if expected.dtype.kind in "OU":
        same = got.astype(object) == expected.astype(object)
    else:
        same = got.dtype == expected.dtype and ((got == expected) | ((got != got) & (expected != expected)))
    if not np.all(same):
        at = np.flatnonzero(~np.broadcast_to(same, got.shape).reshape(-1))[0]
        raise support.Failure(f"{name}[{at}] is {got.reshape(-1)[at]!r}, expected {expected.reshape(-1)[at]!r}")


def check_case(case, folder, emit):
    model, executable = folder / "model.onnx", folder / "model"
    onnx.save(case.model(), model)
    support.build(model, executable, emit=emit)
    given = {name: a.astype(str) if a.dtype.kind == "O" else a for name, a in case.inputs.items()}
    got = support.run_model(executable, given)
    expected = dict(case.expected)
    if len(expected) < len(got):
        session = support.open_ort(model, optimise=False)
        for name, array in support.run_ort(session, case.inputs).items():
            expected.setdefault(name, array)
    for name, array in expected.items():
        compare(f"{case.describe(name)}", got[name], np.asarray(array))


def check_fault(case, folder, emit):
    """The run must end with this message. Inputs are files, since text may be no text."""
    model, executable, inputs = folder / "model.onnx", folder / "model", folder / "in"
    onnx.save(case.model(), model)
    support.build(model, executable, emit=emit)
    inputs.mkdir()
    for i, (name, array) in enumerate(case.inputs.items()):
        write_input(inputs / f"input_{i}.pb", name, array)
    command = [executable, "run", *case.options, "-i", f"{inputs}/", "-o", f"{folder}/out/"]
    expect_failure(lambda: support.execute(command), case.message)


def check_refusal(case, folder, emit):
    onnx.save(case.model(), folder / "model.onnx")
    expect_failure(lambda: support.build(folder / "model.onnx", folder / "model", emit=emit), case.message)


def expect_failure(work, message):
    try:
        work()
    except support.Failure as failure:
        if message not in str(failure):
            raise support.Failure(f"'{message}' is not in: {failure}") from failure
        return
    raise support.Failure(f"did not fail with '{message}'")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("text", nargs="?", default="", help="cases whose name holds this text")
    parser.add_argument("-v", action="store_true", help="print every case")
    support.add_emit_option(parser)
    options = parser.parse_args()
    support.need_compiler()
    passed = failed = 0
    for check, cases in ((check_case, CASES), (check_fault, FAULTS), (check_refusal, REFUSALS)):
        for case in cases:
            if options.text not in case.name:
                continue
            try:
                with tempfile.TemporaryDirectory(prefix="ingot-strings-") as folder:
                    check(case, Path(folder), options.emit)
                passed += 1
                if options.v:
                    print(f"ok   {case.name}")
            except support.Failure as failure:
                failed += 1
                print(f"FAIL {case.name}: {failure}")
    support.finish(passed, failed)


if __name__ == "__main__":
    main()
