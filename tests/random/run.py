#!/usr/bin/env python3
"""Random graphs compiled by Ingot against ONNX Runtime (see graphs.py): what they compute must agree, as executables
or as C, with all passes or none.

run.py [--seed N] [--count N] [--seconds S] [--jobs J] [--emit exe|c] [--no-passes] [--only OPERATOR] [-v]

Graph number N of a run has seed SEED + N and does not depend on the others: what a failure prints repeats it. The run
ends with `N passed, N failed, N skipped` when `count` graphs are done or the time is over, whichever is first.
"""

import argparse
import shutil
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import support
import control
import elements
import layers
import moves
import special
from check import compile_model, differs, minimise
from graphs import Graph

TABLE = [*elements.OPERATORS, *moves.OPERATORS, *layers.OPERATORS, *control.OPERATORS, *special.OPERATORS]
MOST_ATTEMPTS = 20  # at a node


def draw_graph(seed, only=""):
    """The graph of a seed: 1 to 12 nodes."""
    g = Graph(seed)
    weights = [weight for weight, _ in TABLE]
    chances = [w / sum(weights) for w in weights]
    for i in range(g.choice([1, 1, 2, 3, 4, 5, 6, 8, 10, 12])):
        for _ in range(MOST_ATTEMPTS * (20 if only and not i else 1)):
            draw = TABLE[g.random.choice(len(TABLE), p=chances)][1]
            if only and not i and only not in draw.__name__:
                continue
            if not g.attempt(draw):
                break
    return g


def check_seed(seed, options):
    """None, or text that tells what is wrong with the graph of a seed."""
    g = draw_graph(seed, options.only)
    if not g.steps:
        return "skipped"
    with tempfile.TemporaryDirectory(prefix="ingot-random-") as folder:
        build = lambda model, runs: compile_model(Path(folder), model, runs, options.emit, options.no_passes)  # noqa: E731
        wrong = differs(g, build)
        if not wrong:
            return None
        command = f"run.py --seed {seed} --count 1" + (f" --emit {options.emit}" if options.emit != "exe" else "")
        command += (" --no-passes" if options.no_passes else "") + (f" --only {options.only}" if options.only else "")
        kept = support.BUILD / "random" / f"{seed}.onnx"
        small, text = minimise(g, build, wrong)
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_bytes(small.SerializeToString())
        return f"{command}\n  {wrong}\n{text}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=10**9)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--jobs", type=int, default=2)
    support.add_emit_option(parser)
    parser.add_argument("--no-passes", action="store_true", help="every optional pass off")
    parser.add_argument("--only", default="", help="graphs that begin with a drawing of that name")
    parser.add_argument("-v", action="store_true", help="print every seed")
    options = parser.parse_args()
    support.need_compiler()
    if options.emit == "c" and not all(map(shutil.which, support.C_COMPILERS)):
        support.skip("no C compilers")
    print(f"seeds from {options.seed} on")
    passed = failed = skipped = 0
    end = time.monotonic() + options.seconds
    with ProcessPoolExecutor(options.jobs) as pool:
        waiting, seed = [], options.seed
        while True:
            while len(waiting) < 2 * options.jobs and seed < options.seed + options.count and time.monotonic() < end:
                waiting.append((seed, pool.submit(check_seed, seed, options)))
                seed += 1
            if not waiting:
                break
            done, future = waiting.pop(0)
            wrong = future.result()
            passed += not wrong
            skipped += wrong == "skipped"
            failed += wrong not in (None, "skipped")
            if options.v:
                print(f"seed {done}: {'ok' if not wrong else 'skipped' if wrong == 'skipped' else 'FAIL'}", flush=True)
            if wrong not in (None, "skipped"):
                print(f"FAIL {wrong}", flush=True)
    support.finish(passed, failed, skipped)


if __name__ == "__main__":
    main()
