#!/usr/bin/env python3
"""Ingot's executables and ONNX Runtime side by side, one thread each.

    run.py [--model NAME ...] [--cpu LEVEL] [--rounds N] [--seconds S] [--json FILE] [--smoke]

Per model, outputs are compared first. Then both sides are timed in turns, A B A B ..., so that a machine whose speed drifts
is fair to both; a figure is the median over the rounds of each round's median. Both are measured inside their process on
inputs already in memory: Ingot by its own `bench`, ONNX Runtime in a child process through an IO binding with outputs
allocated before. That call still goes through Python, about a microsecond, which counts for models as short as that.

Columns: ms per inference; ratio of ONNX Runtime's to Ingot's (above 1: Ingot is faster); build seconds; the compiler's peak
memory, its linker's included, and that as a multiple of the model file; size of the executable without its weights;
exec to answer: from starting the executable with `run` on a raw input to its end, median of 20 (where others keep all
CPUs busy, this shows the scheduler: steps of 4 ms); the highest resident memory of the executable while it runs, weights
that it touched included.
"""

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent.parent), str(Path(__file__).resolve().parent.parent / "models")]
import numpy as np
import support
import zoo

STARTS, SAMPLES = 20, 50
HEADER = ("model", "ORT ms", "Ingot ms", "ratio", "build s", "peak MB", "× model", "code KB", "answer ms", "RSS MB",
          "outputs")


# ONNX Runtime's side: a child process of this script that times as often as it is asked to.
def serve_ort(model, inputs):
    """Reads a number of runs per line, answers with the median in microseconds."""
    session = support.open_ort(model)
    binding = session.io_binding()
    with np.load(inputs) as file:
        arrays = {name: file[name] for name in file.files}
    import onnxruntime as ort

    kept = [ort.OrtValue.ortvalue_from_numpy(a) for a in arrays.values()]
    for name, value in zip(arrays, kept):
        binding.bind_ortvalue_input(name, value)
    for output, array in zip(session.get_outputs(), session.run(None, arrays)):
        kept.append(ort.OrtValue.ortvalue_from_numpy(array))
        binding.bind_ortvalue_output(output.name, kept[-1])
    run, clock = session.run_with_iobinding, time.perf_counter_ns
    for line in sys.stdin:
        times = []
        for _ in range(int(line)):
            start = clock()
            run(binding)
            times.append(clock() - start)
        print(statistics.median(times) / 1000, flush=True)


class Ort:
    def __init__(self, model, inputs, folder):
        np.savez(folder / "inputs.npz", **inputs)
        command = [sys.executable, __file__, "--ort", model, folder / "inputs.npz"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def time(self, runs):
        print(runs, file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        if not line:
            raise support.Failure("ONNX Runtime's process ended")
        return float(line)

    def end(self):
        self.process.stdin.close()
        self.process.wait()


# Ingot's side.
def time_ingot(executable, runs):
    """Median of one `bench`, microseconds."""
    done = support.execute([executable, "bench", "--threads", "1", "--runs", str(runs), "--json"])
    return json.loads(done.stdout)["p50_us"]


def time_start(executable, inputs, folder):
    """Milliseconds from exec to the end of `run`, median; files are in the page cache as they are on a second start."""
    command = [str(executable), "run"]
    for i, (name, array) in enumerate(inputs.items()):
        array.tofile(folder / f"{i}.raw")
        command += ["-i", f"{name}={folder / f'{i}.raw'}"]
    command += ["-o", str(folder / "answer.npz")]
    times = []
    for _ in range(STARTS + 1):
        start = time.perf_counter()
        code = os.waitstatus_to_exitcode(os.waitpid(os.posix_spawn(executable, command, {}), 0)[1])
        times.append(time.perf_counter() - start)
        if code:
            raise support.Failure(f"run of a raw input ended with {code}")
    return 1000 * statistics.median(times[1:])


def read_peak(executable, runs):
    """Most resident memory seen in SAMPLES looks at `bench` while it runs, MB; it is launched again and again, as it may
    live for a millisecond only. From smaps_rollup, which counts pages; VmHWM of /proc/PID/status is off by up to 128 KB a
    CPU, and wait4's figure starts at this Python's own size, inherited until exec."""
    command, seen = [str(executable), "bench", "--threads", "1", "--runs", str(runs)], []
    while len(seen) < SAMPLES:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env={})
        while process.poll() is None:
            with contextlib.suppress(OSError):  # it has just ended
                lines = Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines()
                seen += [int(line.split()[1]) for line in lines if line.startswith("Rss:")]
        if process.returncode:
            raise support.Failure(f"bench ended with {process.returncode}")
    return max(seen) / 1024


def measure(model, options, folder):
    """All figures of one model, as a dict."""
    executable, inputs = folder / model.name, model.inputs(seed=1)
    built, peak = support.build_measured(model.path(), executable, shapes=model.shapes, cpu=options.cpu)
    size = model.path().stat().st_size
    got, session = support.run_model(executable, inputs), support.open_ort(model.path())
    difference = support.compare(got, support.run_ort(session, inputs), model.atol, model.rtol)

    ort = Ort(model.path(), inputs, folder)
    try:
        once = max(ort.time(3), 1e-3)
        runs = int(min(max(options.seconds * 1e6 / once, 5), 100_000))
        time_ingot(executable, runs)  # warm both
        ort.time(runs)
        rounds = [(time_ingot(executable, runs), ort.time(runs)) for _ in range(options.rounds)]
    finally:
        ort.end()
    ingot_us, ort_us = (statistics.median(side) for side in zip(*rounds))
    code = executable.stat().st_size - support.read_info(executable)["weight_bytes"]
    return {
        "model": model.name, "ort_ms": ort_us / 1000, "ingot_ms": ingot_us / 1000, "ratio": ort_us / ingot_us,
        "build_s": built.seconds, "compiler_mb": peak, "compiler_per_model": peak * 2**20 / size, "code_kb": code / 1024,
        "answer_ms": time_start(executable, inputs, folder),
        "rss_mb": read_peak(executable, max(20, min(runs, 2000))),  # bench keeps 8 bytes per run
        "of_bound": difference.share, "runs": runs, "rounds_us": rounds,
    }  # fmt: skip


def format_row(r):
    agree = "agree" if r["of_bound"] <= 1 else f"DIFFER: {r['of_bound']:.3g} × bound"
    short = lambda ms: f"{ms:.4f}" if ms < 0.1 else f"{ms:.3f}"
    return (r["model"], short(r["ort_ms"]), short(r["ingot_ms"]), f"{r['ratio']:.2f}", f"{r['build_s']:.2f}",
            f"{r['compiler_mb']:.0f}", f"{r['compiler_per_model']:.1f}", f"{r['code_kb']:.0f}", f"{r['answer_ms']:.2f}",
            f"{r['rss_mb']:.1f}", agree)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", action="append", help="only this one; may be repeated")
    parser.add_argument("--cpu", help="level to build for; default: native")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.3, help="of each side's turn")
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    parser.add_argument("--smoke", action="store_true", help="one small model, quickly: does the harness work?")
    parser.add_argument("--ort", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.ort:
        return serve_ort(*options.ort)
    support.need_compiler()
    options.cpu = options.cpu or "native"
    if options.smoke:
        options.model, options.seconds = ["digits"], 0.02
    try:
        chosen = zoo.find_models(options.model)
    except support.Failure as failure:
        sys.exit(f"run.py: {failure}")

    results, failed, skipped = [], [], []
    for model in chosen:
        if not model.exists():
            skipped.append(model.name)
            continue
        if sys.stderr.isatty():
            print(f"\r\033[K{model.name} ...", end="\r", file=sys.stderr, flush=True)
        try:
            with tempfile.TemporaryDirectory(prefix="ingot-bench-") as folder:
                results.append(measure(model, options, Path(folder)))
        except support.Failure as failure:
            failed.append(f"{model.name}: {failure}")
    support.print_table([format_row(r) for r in results], HEADER)
    print("".join(f"FAILED {text}\n" for text in failed), end="")
    if skipped:
        print(f"skipped, not in INGOT_DATA: {', '.join(skipped)}")
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")
    differing = sum(r["of_bound"] > 1 for r in results)
    if options.smoke:
        for result in results:
            assert all(result[k] > 0 for k in ("ort_ms", "ingot_ms", "ratio", "build_s", "code_kb", "answer_ms", "rss_mb"))
    support.finish(len(results) - differing, len(failed) + differing, len(skipped))


if __name__ == "__main__":
    main()
