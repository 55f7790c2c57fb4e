#!/usr/bin/env python3
"""Operators against ONNX Runtime: every case of cases.py as a node of a model of its own or one of many in a model.

run.py [--only TEXT] [--cpu LEVEL] [--jobs N] [--single] [-v]

Cases of one opset are nodes of common models, since a build takes longer than a run; a model that does not build is
taken apart, so that every failure names its case. Ends with `N passed, N failed, N skipped`.
"""

import argparse
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import support
from cases import CASES, Fed

MOST_NODES = 24  # of one model
IR_VERSION = 8


def tensor_type(array):
    return helper.np_dtype_to_tensor_dtype(array.dtype)


def make_model(cases, opset):
    """A model with a node for each case, and the data of its inputs."""
    nodes, inputs, outputs, constants, data = [], [], [], [], {}
    random = np.random.default_rng(7)
    for i, case in enumerate(cases):
        names = []
        for k, given in enumerate(case.inputs):
            name = f"c{i}_in{k}"
            names.append("" if given is None else name)
            if isinstance(given, tuple):
                given = Fed(random.standard_normal(given).astype(np.float32))
            if isinstance(given, Fed):
                data[name] = np.asarray(given.array)
                inputs.append(helper.make_tensor_value_info(name, tensor_type(data[name]), data[name].shape))
            elif given is not None:
                constants.append(numpy_helper.from_array(np.asarray(given), name))
        results = [f"c{i}_out{k}" for k in range(case.outputs)]
        attributes = {
            k: numpy_helper.from_array(v, k) if isinstance(v, np.ndarray) else v for k, v in case.attributes.items()
        }
        nodes.append(helper.make_node(case.op, names, results, name=f"case{i}", **attributes))
        outputs += [onnx.ValueInfoProto(name=name) for name in results]
    graph = helper.make_graph(nodes, "cases", inputs, outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=IR_VERSION)
    return model, data


def check(cases, opset, cpu):
    """Compares one model of these cases; returns a list of (case, what went wrong)."""
    model, data = make_model(cases, opset)
    with tempfile.TemporaryDirectory(prefix="ingot-ops-") as folder:
        path, executable = Path(folder) / "case.onnx", Path(folder) / "case"
        path.write_bytes(model.SerializeToString())
        try:
            expected = support.run_ort(support.open_ort(path, optimise=False), data)
        except Exception as error:  # its exceptions have no common base
            if len(cases) > 1:
                return [failure for case in cases for failure in check([case], opset, cpu)]
            return [(cases[0], f"skipped: {str(error).splitlines()[0][:150]}")]
        try:
            support.build(path, executable, cpu=cpu)
            got = support.run_model(executable, data)
        except support.Failure as failure:
            if len(cases) > 1:
                return [failure for case in cases for failure in check([case], opset, cpu)]
            return [(cases[0], str(failure))]
        failures = []
        for i, case in enumerate(cases):
            if case.expected is not None:
                expected[f"c{i}_out0"] = case.expected
            names = [f"c{i}_out{k}" for k in range(case.outputs)]
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
    parser.add_argument("--cpu", help="level to compile for")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--single", action="store_true", help="a model for each case")
    parser.add_argument("-v", action="store_true", help="print every case")
    options = parser.parse_args()
    support.need_compiler()
    chosen = [case for case in CASES if options.only in str(case)]
    groups = []
    for opset in sorted({case.opset for case in chosen}):
        same = [case for case in chosen if case.opset == opset]
        size = 1 if options.single else MOST_NODES
        groups += [(same[i : i + size], opset) for i in range(0, len(same), size)]
    failed = skipped = 0
    with ThreadPoolExecutor(options.jobs) as pool:
        for (cases, _), failures in zip(groups, pool.map(lambda g: check(*g, options.cpu), groups)):
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
