#!/usr/bin/env python3
"""Operators that draw random numbers: their distributions, and which numbers are the same.

A seed gives the same numbers in every run, another seed others; without one every run draws anew. Moments lie within
six standard errors, so that a right generator fails about once in 10^8 runs.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import support

COUNT = 100_000
P = np.random.default_rng(5).uniform(0.05, 0.95, COUNT).astype(np.float32)
LOGITS = np.log(np.float32([[0.1, 0.2, 0.7], [0.5, 0.5, 1e-9]]))
SIGMAS = 6
failures = []


def expect(what, good):
    if not good:
        failures.append(what)


def node(op, output, **attributes):
    inputs = {"Bernoulli": ["p"], "Multinomial": ["logits"]}.get(op, ["p"] if op.endswith("Like") else [])
    if op in ("RandomNormal", "RandomUniform"):
        attributes["shape"] = [COUNT]
    if op == "Multinomial":
        attributes["sample_size"] = COUNT
    return helper.make_node(op, inputs, [output], **attributes)


OPERATORS = {
    "Bernoulli": {},
    "Multinomial": {"dtype": TensorProto.INT64},
    "RandomNormal": {"mean": 1.5, "scale": 2.0},
    "RandomNormalLike": {"dtype": TensorProto.DOUBLE},
    "RandomUniform": {"low": -1.0, "high": 3.0},
    "RandomUniformLike": {"dtype": TensorProto.FLOAT16},
}


def build(path, nodes, outputs):
    inputs = [
        helper.make_tensor_value_info("p", TensorProto.FLOAT, P.shape),
        helper.make_tensor_value_info("logits", TensorProto.FLOAT, LOGITS.shape),
    ]
    graph = helper.make_graph(nodes, "random", inputs, [onnx.ValueInfoProto(name=name) for name in outputs])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=8)
    path.with_suffix(".onnx").write_bytes(model.SerializeToString())
    support.build(path.with_suffix(".onnx"), path)
    return lambda: support.run_model(path, {"p": P, "logits": LOGITS})


def near(what, sample, mean, deviation):
    """The sample's mean and standard deviation, by their standard errors (of a kurtosis of at most 3)."""
    sample = np.asarray(sample, np.float64)
    error = deviation / np.sqrt(sample.size)
    expect(f"{what}: mean {sample.mean():.5f}, not {mean}", abs(sample.mean() - mean) < SIGMAS * error)
    expect(f"{what}: deviation {sample.std():.5f}, not {deviation:.5f}", abs(sample.std() - deviation) < SIGMAS * error)


def independent(what, a, b):
    correlation = np.corrcoef(np.asarray(a, np.float64), np.asarray(b, np.float64))[0, 1]
    expect(f"{what}: correlation {correlation:.5f}", abs(correlation) < SIGMAS / np.sqrt(len(a)))


def check_distributions(op, x):
    if op == "Bernoulli":
        expect(f"{op}: not 0 and 1", set(np.unique(x)) == {0, 1})
        near(op, (x - P) / np.sqrt(P * (1 - P)), 0, 1)
        x = x - P
    elif op == "Multinomial":
        for row, (sample, logits) in enumerate(zip(x, LOGITS)):
            share = np.exp(logits) / np.exp(logits).sum()
            seen = np.bincount(sample, minlength=len(share)) / COUNT
            error = SIGMAS * np.sqrt(share * (1 - share) / COUNT) + 1e-5
            expect(f"{op}: row {row} has shares {seen}, not {share}", np.all(np.abs(seen - share) < error))
        independent(f"{op} between rows", *(sample == 0 for sample in x))
        x = (x[0] == 2).astype(np.float64)
    elif op.startswith("RandomNormal"):
        mean, scale = (1.5, 2) if op == "RandomNormal" else (0, 1)
        near(op, x, mean, scale)
        inside = np.mean(np.abs(x - mean) < scale)
        expect(f"{op}: {inside:.4f} within one deviation", abs(inside - 0.682689) < SIGMAS * 0.4655 / np.sqrt(COUNT))
    else:
        low, high = (-1, 3) if op == "RandomUniform" else (0, 1)
        near(op, x, (low + high) / 2, (high - low) / np.sqrt(12))
        expect(f"{op}: from {x.min()} to {x.max()}", low <= x.min() and x.max() <= high)
        counts = np.histogram(x.astype(np.float64), 16, (low, high))[0]
        expect(f"{op}: uneven {counts}", np.all(np.abs(counts - COUNT / 16) < SIGMAS * np.sqrt(COUNT / 16)))
    for lag in (1, 2, 64):
        independent(f"{op} at a distance of {lag}", x[:-lag], x[lag:])


def check_operator(folder, op, attributes):
    seeds = {"a": {"seed": 1.0}, "b": {"seed": 1.0}, "c": {"seed": 2.0}, "d": {}, "e": {}}
    nodes = [node(op, name, **attributes, **seed) for name, seed in seeds.items()]
    run = build(folder / op, nodes, list(seeds))
    first, second = run(), run()
    for name in "acd":
        check_distributions(op, first[name])
    same = np.array_equal
    expect(f"{op}: one seed, other numbers", same(first["a"], first["b"]) and same(first["a"], second["a"]))
    for what, a, b in (("another seed", first["a"], first["c"]), ("two nodes without a seed", first["d"], first["e"]),
                       ("no seed, another run", first["d"], second["d"])):
        expect(f"{op}: {what}, equal numbers", not same(a, b))
        if op not in ("Bernoulli", "Multinomial"):
            independent(f"{op}: {what}", a, b)


def check_loop(folder):
    """Each round of a loop draws anew, with a seed too."""
    for name, seed in (("seed", {"seed": 3.0}), ("none", {})):
        body = helper.make_graph(
            [helper.make_node("RandomUniform", [], ["x"], shape=[1000], **seed),
             helper.make_node("Identity", ["go"], ["more"])],
            "body",
            [helper.make_tensor_value_info("i", TensorProto.INT64, []), helper.make_tensor_value_info("go", TensorProto.BOOL, [])],
            [onnx.ValueInfoProto(name="more"), helper.make_tensor_value_info("x", TensorProto.FLOAT, [1000])],
        )
        rounds = helper.make_tensor("n", TensorProto.INT64, [], [3])
        nodes = [helper.make_node("Constant", [], ["n"], value=rounds), helper.make_node("Loop", ["n"], ["y"], body=body)]
        run = build(folder / f"loop_{name}", nodes, ["y"])
        first, second = run()["y"], run()["y"]
        expect(f"Loop, {name}: rounds are equal", len({row.tobytes() for row in first}) == 3)
        expect(f"Loop, {name}: runs", np.array_equal(first, second) == (name == "seed"))


def main():
    support.need_compiler()
    with tempfile.TemporaryDirectory(prefix="ingot-random-") as folder:
        for op, attributes in OPERATORS.items():
            check_operator(Path(folder), op, attributes)
        check_loop(Path(folder))
    print("\n".join(failures))
    support.finish(len(OPERATORS) + 1, len(failures), 0)


main()
