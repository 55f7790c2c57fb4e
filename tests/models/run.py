#!/usr/bin/env python3
"""Builds real models, runs the executables and compares their outputs with ONNX Runtime's.

    run.py [--model NAME ...] [--cpu LEVEL] [--target TARGET] [--jobs N]

Inputs are three sets of seeded random ones that suit the model, and its sample data where there is some. The rule is
|a - b| <= 1e-5 + 1e-4 |b|; zoo.py says where it is another and why. Where ONNX Runtime's optimised graph disagrees, its
unoptimised one is asked as a second opinion, and the status says so. Foreign targets run under qemu.
"""

import argparse
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import support
import zoo

SEEDS = (1, 2, 3)
HEADER = ("model", "build s", "max abs err", "max rel err", "of bound", "status")


def gather_cases(model):
    """[(label, inputs, expected or None)]: random ones, then the model's samples."""
    random = [(f"seed {seed}", model.inputs(seed), None) for seed in SEEDS]
    return random + (model.samples() if model.samples else [])


def check_model(model, cpu, target):
    """One row of the table: (passed, cells)."""
    build, worst, notes = None, support.Difference(), []
    try:
        with tempfile.TemporaryDirectory(prefix="ingot-models-") as folder:
            executable = Path(folder) / model.name
            build = support.build(model.path(), executable, model.shapes, cpu, target)
            best, plain = support.open_ort(model.path()), None
            for label, inputs, expected in gather_cases(model):
                got = support.run_model(executable, inputs, target)
                reference = support.run_ort(best, inputs)
                difference = support.compare(got, reference, model.atol, model.rtol)
                optimised = difference.share
                if optimised > 1:
                    plain = plain or support.open_ort(model.path(), optimise=False)
                    difference = support.compare(got, support.run_ort(plain, inputs), model.atol, model.rtol)
                    notes.append(label)
                worst |= difference
                if difference.share > 1:
                    raise support.Failure(
                        f"{label}: {optimised:.3g} times the bound from optimised ONNX Runtime, "
                        f"{difference.share:.3g} times from unoptimised"
                    )
                if expected:  # the published output; ONNX's own runner compares these with 1e-3 and 1e-7
                    published = support.compare(got, expected, 1e-7, 1e-3)
                    if published.share > 1:
                        raise support.Failure(f"{label}: {published.share:.3g} times the bound from the published output")
                wrong = model.check and model.check(label, got)
                if wrong:
                    raise support.Failure(f"{label}: {wrong}")
        status = "ok" + (f" (unoptimised ONNX Runtime agrees: {', '.join(notes)})" if notes else "")
        status += f" ({model.reason})" if model.reason else ""
    except support.Failure as failure:
        status = f"FAILED: {failure}"
    except Exception as fault:  # of the test or of ONNX Runtime: fails this model, and the others still run
        status = f"FAILED: {type(fault).__name__}: {fault}"
    numbers = [f"{build.seconds:.2f}" if build else "-", f"{worst.absolute:.2e}", f"{worst.relative:.2e}"]
    return not status.startswith("FAILED"), (model.name, *numbers, f"{worst.share:.1%}", status)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", action="append", help="only this one; may be repeated")
    parser.add_argument("--cpu", help="level to build for; default: the compiler's")
    parser.add_argument("--target", help="such as aarch64-linux, run under qemu")
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args()
    support.need_compiler()
    support.launch("", options.target)  # skips where there is no emulator
    try:
        chosen = zoo.find_models(options.model)
    except support.Failure as failure:
        sys.exit(f"run.py: {failure}")

    there = [m for m in chosen if m.exists()]
    with ThreadPoolExecutor(options.jobs) as pool:
        rows = list(pool.map(lambda m: check_model(m, options.cpu, options.target), there))
    missing = [(m.name, "-", "-", "-", "-", "skipped: not in INGOT_DATA") for m in chosen if not m.exists()]
    support.print_table([cells for _, cells in rows] + missing, HEADER)
    passed = sum(ok for ok, _ in rows)
    support.finish(passed, len(rows) - passed, len(missing))


if __name__ == "__main__":
    main()
