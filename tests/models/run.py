#!/usr/bin/env python3
"""Builds real models, runs what came out and compares it with ONNX Runtime's outputs.

    run.py [--model NAME ...] [--cpu LEVEL] [--target TARGET] [--emit exe|c] [--jobs N]

Inputs are three sets of seeded random ones that suit the model, and its sample data where there is some. The rule is
|a - b| <= 1e-5 + 1e-4 |b|; zoo.py says where it is another and why. Where ONNX Runtime's optimised graph disagrees, its
unoptimised one is asked as a second opinion, and the status says so. Foreign targets run under qemu. Models that leave
dims open are built once more without --shape ("open" in the table) and run at several sizes.

`--emit c` compiles the C of a model with gcc and with clang, without a warning, and runs the program that its NAME_MAIN
makes of it. Code for x86-64-v2, the default there, must need no flags of the machine; other levels get their -march.
"""

import argparse
import shutil
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import numpy as np
import support
import zoo

SEEDS = (1, 2, 3)
HEADER = ("model", "build s", "max abs err", "max rel err", "of bound", "status")
OPEN = "open"


def gather_cases(model, is_open):
    """[(label, inputs, expected or None)]: random ones, then the model's samples."""
    random = [(f"seed {seed}", model.inputs(seed), None) for seed in SEEDS]
    for shapes in model.sizes if is_open else []:
        label = " ".join("x".join(map(str, shape)) for shape in shapes.values())
        random.append((label, model.inputs(len(random), shapes), None))
    return random + (model.samples() if model.samples else [])


# What is tested: make_* builds a model in a folder and returns (the Run of ingot, run), where run(inputs, reference) gives
# the outputs as {name: array}.
def make_executable(model, options, folder, is_open=False):
    executable = folder / model.name
    shapes = {} if is_open else model.shapes
    built = support.build(model.path(), executable, shapes, options.cpu, options.target)
    return built, lambda inputs, reference: support.run_model(executable, inputs, options.target)


def make_c(model, options, folder, compiler):
    """Raw files hold no shapes: outputs are read as what `reference` is, and must have its size."""
    source, program, cpu = folder / f"{model.name}.c", folder / "program", options.cpu or support.C_PLAIN
    built = support.build(model.path(), source, model.shapes, cpu, emit="c")
    flags = [*support.C_FLAGS, "-O2", *([] if cpu == support.C_PLAIN else [f"-march={cpu}"]), f"-D{model.name.upper()}_MAIN"]
    support.execute([compiler, *flags, source.name, "-o", program], cwd=folder)  # .incbin looks in the current folder

    def run(inputs, reference):
        outputs = [folder / f"output_{i}" for i in range(len(reference))]
        for i, array in enumerate(inputs.values()):
            np.ascontiguousarray(array).tofile(folder / f"input_{i}")
        support.execute([program, *(folder / f"input_{i}" for i in range(len(inputs))), *outputs])
        return {name: read_raw(file, name, like) for file, (name, like) in zip(outputs, reference.items())}

    return built, run


def read_raw(file, name, like):
    if file.stat().st_size != like.nbytes:
        raise support.Failure(f"output '{name}' has {file.stat().st_size} bytes, expected {like.nbytes}")
    return np.fromfile(file, like.dtype).reshape(like.shape)


def check_outputs(model, run, is_open):
    """Runs all cases; returns (the worst Difference, labels of cases where ONNX Runtime's two graphs disagree)."""
    worst, notes, best, plain = support.Difference(), [], support.open_ort(model.path()), None
    for label, inputs, expected in gather_cases(model, is_open):
        reference = support.run_ort(best, inputs)
        got = run(inputs, reference)
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
        # Published outputs fall under the same rule. ONNX's own runner takes 1e-7 + 1e-3 |b|; near 0 that is less than
        # float32 rounding: super_resolution_10 differs from its published output by 1.1 of it, for values around 1e-4.
        published = support.compare({k: got[k] for k in expected}, expected, model.atol, model.rtol) if expected else support.Difference()
        if published.share > 1:
            raise support.Failure(f"{label}: {published.share:.3g} times the bound from the published output")
        wrong = model.check and model.check(label, got)
        if wrong:
            raise support.Failure(f"{label}: {wrong}")
    return worst, notes


def check_model(model, options, form=None):
    """One row of the table: (passed, cells). `form`: a compiler, of the model as C; OPEN: built without --shape."""
    name = f"{model.name} {form}" if form else model.name
    build, worst = None, support.Difference()
    try:
        with tempfile.TemporaryDirectory(prefix="ingot-models-") as folder:
            if form in (None, OPEN):
                build, run = make_executable(model, options, Path(folder), form == OPEN)
            else:
                build, run = make_c(model, options, Path(folder), form)
            worst, notes = check_outputs(model, run, form == OPEN)
        status = "ok" + (f" (unoptimised ONNX Runtime agrees: {', '.join(notes)})" if notes else "")
        status += f" ({model.reason})" if model.reason else ""
    except support.Failure as failure:
        status = f"FAILED: {str(failure).splitlines()[0]}"  # a compiler says more than a table holds
    except Exception as fault:  # of the test or of ONNX Runtime: fails this model, and the others still run
        status = f"FAILED: {type(fault).__name__}: {fault}"
    numbers = [f"{build.seconds:.2f}" if build else "-", f"{worst.absolute:.2e}", f"{worst.relative:.2e}"]
    return not status.startswith("FAILED"), (name, *numbers, f"{worst.share:.1%}", status)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", action="append", help="only this one; may be repeated")
    parser.add_argument("--cpu", help="level to build for; default: the compiler's")
    parser.add_argument("--target", help="such as aarch64-linux, run under qemu")
    parser.add_argument("--emit", choices=("exe", "c"), default="exe")
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args()
    support.need_compiler()
    support.need_cpu(options.cpu)
    support.launch("", options.target)  # skips where there is no emulator
    if options.emit == "c" and options.target:
        parser.error("--emit c is compiled for this machine alone")
    try:
        chosen = zoo.find_models(options.model)
    except support.Failure as failure:
        sys.exit(f"run.py: {failure}")

    forms = [c for c in support.C_COMPILERS if shutil.which(c)] if options.emit == "c" else [None, OPEN]
    if not forms:
        support.skip(f"none of {', '.join(support.C_COMPILERS)} is installed")
    there = [(m, form) for m in chosen if m.exists() for form in forms if form != OPEN or m.sizes]
    with ThreadPoolExecutor(options.jobs) as pool:
        rows = list(pool.map(lambda pair: check_model(pair[0], options, pair[1]), there))
    missing = [(m.name, "-", "-", "-", "-", "skipped: not in INGOT_DATA") for m in chosen if not m.exists()]
    support.print_table([cells for _, cells in rows] + missing, HEADER)
    passed = sum(ok for ok, _ in rows)
    support.finish(passed, len(rows) - passed, len(missing))


if __name__ == "__main__":
    main()
