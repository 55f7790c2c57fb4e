#!/usr/bin/env python3
"""Operators against ONNX Runtime: every case of cases.py as a node of a model of its own or one of many in a model.

run.py [--only TEXT] [--target NAME] [--cpu LEVEL] [--emit c] [--jobs N] [--single] [-v]

Cases of one opset are nodes of common models, since a build takes longer than a run; a model that does not build is
taken apart, so that every failure names its case. Ends with `N passed, N failed, N skipped`.
"""

import argparse
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import support
import cases_axes  # noqa: F401: its cases join CASES
import cases_composed  # noqa: F401: its cases join CASES
import cases_index  # noqa: F401
import cases_matrices  # noqa: F401
import cases_types  # noqa: F401
import cases_ms  # noqa: F401
import cases_resize  # noqa: F401
import cases_wide  # noqa: F401
import cases_windows  # noqa: F401
from cases import CASES, make_model

MOST_NODES = 24  # of one model


def check(cases, opset, machine):
    """Compares one model of these cases; returns a list of (case, what went wrong)."""
    model, data = make_model(cases, opset)
    with tempfile.TemporaryDirectory(prefix="ingot-ops-") as folder:
        path, executable = Path(folder) / "case.onnx", Path(folder) / "case"
        path.write_bytes(model.SerializeToString())
        try:
            expected = support.run_ort(support.open_ort(path, optimise=False), data)
        except Exception as error:  # its exceptions have no common base
            if len(cases) > 1:
                return [failure for case in cases for failure in check([case], opset, machine)]
            if cases[0].expected is None:
                return [(cases[0], f"skipped: {str(error).splitlines()[0][:150]}")]
            expected = {}  # the case brings its own
        try:
            support.build(path, executable, **machine)
            got = support.run_model(executable, data, machine["target"])
        except support.Failure as failure:
            if len(cases) > 1:
                return [failure for case in cases for failure in check([case], opset, machine)]
            return [(cases[0], str(failure))]
        failures = []
        for i, case in enumerate(cases):
            if case.expected is not None:
                given = case.expected if isinstance(case.expected, list) else [case.expected]
                expected |= {f"c{i}_out{k}": array for k, array in enumerate(given)}
            names = [f"c{i}_out{k}" for k, wanted in enumerate(case.wanted) if wanted]
            try:
                difference = support.compare({n: got[n] for n in names}, {n: expected[n] for n in names})
                if difference.share > 1:
                    failures.append((case, f"error {difference.absolute:.3g}, {difference.relative:.3g} of the value"))
            except support.Failure as failure:
                failures.append((case, str(failure)))
        return failures


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", default="", help="cases whose description holds this text")
    parser.add_argument("--target", help="machine to compile for; runs under qemu where it is another")
    parser.add_argument("--cpu", help="level to compile for")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--single", action="store_true", help="a model for each case")
    parser.add_argument("-v", action="store_true", help="print every case")
    support.add_emit_option(parser)
    options = parser.parse_args()
    support.need_compiler()
    machine = {"target": options.target, "cpu": options.cpu, "emit": options.emit}
    chosen = [case for case in CASES if options.only in str(case)]
    groups = []
    for opset in sorted({case.opset for case in chosen}):
        same = [case for case in chosen if case.opset == opset]
        size = 1 if options.single else MOST_NODES
        groups += [(same[i : i + size], opset) for i in range(0, len(same), size)]
    failed = skipped = 0
    with ThreadPoolExecutor(options.jobs) as pool:
        for (cases, _), failures in zip(groups, pool.map(lambda g: check(*g, machine), groups)):
            bad = {id(case): reason for case, reason in failures}
            for case in cases:
                reason = bad.get(id(case))
                if reason and reason.startswith("skipped"):
                    skipped += 1
                    print(f"skip {case}\n     {reason}")
                elif reason:
                    failed += 1
                    print(f"FAIL {case}\n     {reason}")
                elif options.v:
                    print(f"ok   {case}")
    support.finish(len(chosen) - failed - skipped, failed, skipped)


main()
