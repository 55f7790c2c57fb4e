#!/usr/bin/env python3
"""Ingot's executables and other runtimes side by side.

    run.py [--model NAME ...] [--peers NAME,...] [--threads N] [--cpu LEVEL] [--rounds N] [--seconds S]
           [--json FILE] [--svg FILE] [--smoke]

Per model, outputs are compared first. Then all sides are timed in turns, A B C A B C ..., so that a machine whose speed
drifts is fair to all; a figure is the median over the rounds of each round's median. All are measured inside their
process on inputs already in memory: Ingot by its own `bench`, each peer in a child process (peers.py). Peers beside ONNX
Runtime are those that `scripts/setup --peers` installed; INGOT_PEERS names another Python that has them.

First table: ms per inference of each; Ingot's 99th percentile; Ingot's time as a ratio to the best peer's (below 1: Ingot
is faster) and which that is; and the floor's share of Ingot's time. The floor is what the model's multiply-adds take at
the rate of a loop of them that touches no memory, or, where weights do not fit into the largest cache, what reading
them once takes at the speed of memory, whichever is more (machine.c, measured in the same run). An algorithm that
multiplies less can beat it.

Second table: build seconds; the compiler's peak memory, its linker's included, and that as a multiple of the model file;
size of the executable without its weights; exec to answer: from starting the executable with `run` on a raw input to its
end, median of 20 (where others keep all CPUs busy, this shows the scheduler: steps of 4 ms); the highest resident memory
of the executable while it runs, weights that it touched included.
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
import chart
import numpy as np
import peers
import support
import zoo

STARTS, SAMPLES = 20, 50
HERE = Path(__file__).resolve().parent
PEERS_PYTHON = Path(os.environ.get("INGOT_PEERS", support.ROOT / ".cache/peers/bin/python"))

# Models of the generator that are for timing only.
for name in ("resnet18", "vgg16", "bert_base_128", "minilm_128", "lstm_128_t64", "lstm_512_t32", "forest_100x6_n1",
             "forest_100x6_n1000", "forest_500x8_n1", "forest_500x8_n1000"):  # fmt: skip
    zoo.add(name, "bench", fill=zoo.fill_normal)


class Peer:
    """Another runtime in a child process."""

    def __init__(self, name, model, inputs, threads, folder):
        """Opens the model; self.outputs are its answers in order. A Failure where it cannot."""
        python = PEERS_PYTHON if PEERS_PYTHON.exists() else sys.executable
        command = [python, HERE / "peers.py", name, model, inputs, folder / f"{name}.npz", str(threads)]
        self.errors = open(folder / f"{name}.txt", "w+")
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors,
                                        text=True, cwd=folder)
        self.version = self.answer()
        with np.load(folder / f"{name}.npz") as file:
            self.outputs = [file[key] for key in file.files]

    def answer(self):
        line = self.process.stdout.readline()
        if line:
            return line.strip()
        self.errors.seek(0)
        said = self.errors.read().strip().splitlines() or ["its process ended"]
        raise support.Failure(said[-1][:200])

    def time(self, runs):
        """(median, 99th percentile) in microseconds."""
        print(runs, file=self.process.stdin, flush=True)
        answer = json.loads(self.answer())
        return answer["p50_us"], answer["p99_us"]

    def end(self):
        self.process.stdin.close()
        self.process.wait()
        self.errors.close()


# Ingot's side.
def time_ingot(executable, threads, runs):
    """(median, 99th percentile) of one `bench`, microseconds."""
    done = json.loads(support.execute([executable, "bench", "--threads", threads, "--runs", runs, "--json"]).stdout)
    return done["p50_us"], done["p99_us"]


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


def measure_machine(folder):
    """(GFLOP/s, GB/s) of one thread."""
    flags = ["-DBYTES=64", "-march=x86-64-v4"] if support.has_cpu("x86-64-v4") else ["-DBYTES=32", "-march=x86-64-v3"]
    program = folder / "machine"
    support.execute(["clang-19", "-std=gnu17", "-O2", "-ffp-contract=fast", *flags, HERE / "machine.c", "-o", program])
    return tuple(float(word) for word in support.execute([program]).stdout.split())


def read_cache_bytes():
    """The size of the largest cache."""
    sizes = [f.read_text().strip() for f in Path("/sys/devices/system/cpu/cpu0/cache").glob("index*/size")]
    return max((int(size[:-1]) * {"K": 1 << 10, "M": 1 << 20}[size[-1]] for size in sizes), default=0)


def open_peers(model, inputs, expected, options, folder):
    """{name: Peer} of those that open the model and agree, and {name: why not} of the others."""
    np.savez(folder / "inputs.npz", **inputs)
    peers, refused = {}, {}
    for name in options.peers:
        try:
            peer = Peer(name, model.path(), folder / "inputs.npz", options.threads, folder)
            named = dict(zip(expected, (a.reshape(e.shape) for a, e in zip(peer.outputs, expected.values()))))
            share = support.compare(named, expected, model.atol, model.rtol).share
            if share > 100:
                raise support.Failure(f"its outputs differ by {share:.0f} times the bound")
            peers[name] = peer
        except (support.Failure, ValueError) as failure:
            refused[name] = str(failure)
    return peers, refused


def time_all(sides, seconds, rounds):
    """{name: [(median, 99th percentile) of each round]}; every side's turn takes about so many seconds."""
    runs = {}
    for name, run in sides.items():
        once = max(run(1)[0], 0.05)
        if once < 1e6:
            once = max(run(3)[0], 0.05)
        runs[name] = int(min(max(seconds * 1e6 / once, 1), 100_000))
        run(max(runs[name] // 4, 1))  # warm
    measured = {name: [] for name in sides}
    for _ in range(rounds):
        for name, run in sides.items():
            measured[name].append(run(runs[name]))
    return measured


def measure(model, options, folder):
    """All figures of one model, as a dict."""
    executable, inputs = folder / model.name, model.inputs(seed=1)
    built, peak = support.build_measured(model.path(), executable, shapes=model.shapes, cpu=options.cpu)
    size, info = model.path().stat().st_size, support.read_info(executable)
    expected = support.run_ort(support.open_ort(model.path()), inputs)
    difference = support.compare(support.run_model(executable, inputs), expected, model.atol, model.rtol)
    gflops, gbytes = measure_machine(folder)
    peers, refused = open_peers(model, inputs, expected, options, folder)
    try:
        sides = {"Ingot": lambda runs: time_ingot(executable, options.threads, runs)}
        sides |= {name: peer.time for name, peer in peers.items()}
        rounds = time_all(sides, options.seconds, options.rounds)
    finally:
        for peer in peers.values():
            peer.end()
    us = {name: statistics.median(p50 for p50, _ in side) for name, side in rounds.items()}
    best = min(peers, key=us.get, default=None)
    read = info["weight_bytes"] if info["weight_bytes"] > read_cache_bytes() else 0
    floor_us = max(2 * info["variants"][0]["macs"] / gflops / options.threads, read / gbytes) / 1000
    return {
        "model": model.name, "threads": options.threads, "us": us, "best": best,
        "p99_us": {name: statistics.median(p99 for _, p99 in side) for name, side in rounds.items()},
        "ratio": us["Ingot"] / us[best] if best else None, "floor_share": floor_us / us["Ingot"],
        "ratios": {name: us[name] / us["Ingot"] for name in peers}, "gflops": gflops, "gbytes": gbytes,
        "versions": {name: peer.version for name, peer in peers.items()}, "refused": refused,
        "build_s": built.seconds, "compiler_mb": peak, "compiler_per_model": peak * 2**20 / size,
        "code_kb": (executable.stat().st_size - info["weight_bytes"]) / 1024,
        "answer_ms": time_start(executable, inputs, folder),
        "rss_mb": read_peak(executable, int(min(max(20, 1e6 / us["Ingot"]), 2000))),  # bench keeps 8 bytes per run
        "of_bound": difference.share, "rounds_us": rounds,
    }  # fmt: skip


def print_times(results, peers):
    short = lambda us: "–" if us is None else f"{us / 1000:.4f}" if us < 100 else f"{us / 1000:.3f}"
    rows = [(r["model"], *(short(r["us"].get(name)) for name in [*peers, "Ingot"]), short(r["p99_us"]["Ingot"]),
             f"{r['ratio']:.2f}" if r["best"] else "–", f"{r['floor_share']:.0%}", r["best"] or "") for r in results]
    support.print_table(rows, ("model", *peers, "Ingot ms", "p99 ms", "ratio", "floor", "best peer"))
    for r in results:
        for name, why in r["refused"].items():
            print(f"  {r['model']}: {name}: {why}")


def print_builds(results):
    agree = lambda share: "agree" if share <= 1 else f"DIFFER: {share:.3g} × bound"
    rows = [(r["model"], f"{r['build_s']:.2f}", f"{r['compiler_mb']:.0f}", f"{r['compiler_per_model']:.1f}",
             f"{r['code_kb']:.0f}", f"{r['answer_ms']:.2f}", f"{r['rss_mb']:.1f}", agree(r["of_bound"])) for r in results]
    support.print_table(rows, ("model", "build s", "peak MB", "× model", "code KB", "answer ms", "RSS MB", "outputs"))


def read_options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", action="append", help="only this one; may be repeated")
    parser.add_argument("--peers", help=f"of {','.join(peers.PEERS)}; default: those that are installed")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--cpu", default="native", help="level to build for; default: native")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.3, help="of each side's turn")
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    parser.add_argument("--svg", type=Path, help="write a bar chart to this file")
    parser.add_argument("--smoke", action="store_true", help="one small model, quickly: does the harness work?")
    options = parser.parse_args()
    if options.smoke:
        options.model, options.seconds, options.peers = ["digits"], 0.02, "onnxruntime"
    installed = list(peers.PEERS) if PEERS_PYTHON.exists() else ["onnxruntime"]
    options.peers = options.peers.split(",") if options.peers else installed
    unknown = [name for name in options.peers if name not in peers.PEERS]
    if unknown:
        parser.error(f"no peer '{unknown[0]}'; there are: {' '.join(peers.PEERS)}")
    return options


def main():
    options = read_options()
    support.need_compiler()
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
    print_times(results, options.peers)
    print()
    print_builds(results)
    print("".join(f"FAILED {text}\n" for text in failed), end="")
    if skipped:
        print(f"skipped, not in INGOT_DATA: {', '.join(skipped)}")
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")
    if options.svg:
        options.svg.write_text(chart.draw(results, options.peers))
    differing = sum(r["of_bound"] > 1 for r in results)
    if options.smoke:
        for result in results:
            assert all(result[k] > 0 for k in ("ratio", "floor_share", "build_s", "code_kb", "answer_ms", "rss_mb"))
    support.finish(len(results) - differing, len(failed) + differing, len(skipped))


if __name__ == "__main__":
    main()
