#!/usr/bin/env python3
"""Sequences, optionals and maps against ONNX Runtime: small models of several such operators.

sequences.py [--emit c]
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnx.parser
from onnx.reference import ReferenceEvaluator

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import support

random = np.random.default_rng(7)


def f32(*shape):
    return random.standard_normal(shape).astype(np.float32)


def i64(*numbers):
    return np.array(numbers[0] if len(numbers) == 1 else numbers, np.int64)


LOOP = """(float[n,3] x, int64 count) => (float[?,3] y, int64 length) {
  empty = SequenceEmpty ()
  yes = Constant <value = bool {1}> ()
  s = Loop (count, yes, empty) <body = body (int64 i, bool go, seq(float[?,3]) held) => (bool go_on, seq(float[?,3]) kept) {
    go_on = Identity (go)
    three = Constant <value = int64 {3}> ()
    zero = Constant <value = int64 {0}> ()
    longer = SequenceInsert (held, x)
    size = SequenceLength (longer)
    full = Greater (size, three)
    kept = If (full) <
      then_branch = drop () => (seq(float[?,3]) a) { a = SequenceErase (longer, zero) },
      else_branch = keep () => (seq(float[?,3]) b) { b = Identity (longer) }>
  }>
  y = ConcatFromSequence <axis = 0> (s)
  length = SequenceLength (s)
}"""

# What is only appended to grows in its place: elements of other sizes, other things carried, more than one loop.
APPENDED = """(float[n,3] x, int64 count) => (float[?,3] y, float[?] last, int64 length, int64 longer) {
  pair = Constant <value_ints = [1]> ()
  first = SequenceConstruct (x, x)
  empty = SequenceEmpty <dtype = 1> ()
  yes = Constant <value = bool {1}> ()
  s, t = Loop (count, yes, first, empty) <body = body (int64 i, bool go, seq(float[?,3]) held, seq(float[?]) other) =>
                                                      (bool go_on, seq(float[?,3]) kept, seq(float[?]) more) {
    go_on = Identity (go)
    zero = Constant <value = int64 {0}> ()
    one = Constant <value = int64 {1}> ()
    length = Add (i, one)
    rows = Range (zero, length, one)
    f = Cast <to = 1> (rows)
    more = SequenceInsert (other, f)
    column = Unsqueeze (f, pair)
    three = Constant <value_ints = [1, 3]> ()
    wide = Expand (column, three)
    kept = SequenceInsert (held, wide)
  }>
  y = ConcatFromSequence <axis = 0> (s)
  minus = Constant <value = int64 {-1}> ()
  vector = Constant <value_floats = [7.5]> ()
  padded = SequenceInsert (t, vector)
  last = SequenceAt (padded, minus)
  length = SequenceLength (s)
  longer = SequenceLength (padded)
}"""

# Name, text of the graph, inputs.
CASES = [
    (
        "appended to in a loop",
        APPENDED,
        [{"x": f32(n, 3), "count": i64(count)} for n, count in ((1, 0), (2, 1), (3, 9), (1, 70))],
    ),
    (
        "insert, erase and read at run-time places",
        """(float[2,n] x, float[2,3] y, int64 p, int64 q) => (float[?,?] a, float[?,?] b, int64 length) {
          s = SequenceConstruct (x, y, x)
          t = SequenceInsert (s, y, p)
          u = SequenceErase (t, q)
          a = SequenceAt (u, q)
          b = SequenceAt (t, p)
          length = SequenceLength (u)
        }""",
        [
            {"x": f32(2, 5), "y": f32(2, 3), "p": i64(p), "q": i64(q)}
            for p, q in ((0, 1), (1, -1), (-1, 0), (-3, -2), (2, 2))
        ],
    ),
    (
        "erase the last one, strings",
        """(string[n] x, string[1] y) => (string[?] a, string[?] b, int64 length) {
          zero = Constant <value = int64 {0}> ()
          one = Constant <value = int64 {1}> ()
          s = SequenceConstruct (x, y, x)
          u = SequenceErase (s)
          a = SequenceAt (u, zero)
          b = SequenceAt (u, one)
          length = SequenceLength (u)
        }""",
        [{"x": np.array(["a", "", "a longer text"]), "y": np.array(["other"])}],
    ),
    (
        "split in chunks and join",
        """(float[n,5] x, int64 k) => (float[?,?] a, float[?,5] last, int64 length) {
          s = SplitToSequence <axis = 0> (x, k)
          a = ConcatFromSequence <axis = 0> (s)
          minus = Constant <value = int64 {-1}> ()
          last = SequenceAt (s, minus)
          length = SequenceLength (s)
        }""",
        [{"x": f32(n, 5), "k": i64(k)} for n, k in ((6, 2), (7, 3), (2, 4), (1, 1))],
    ),
    (
        "split by a list along the last axis",
        """(float[2,n] x, int64[m] k) => (float[?,?] a, float[?,?] first) {
          s = SplitToSequence <axis = -1> (x, k)
          a = ConcatFromSequence <axis = 1> (s)
          zero = Constant <value = int64 {0}> ()
          first = SequenceAt (s, zero)
        }""",
        [{"x": f32(2, 7), "k": i64(3, 4)}, {"x": f32(2, 6), "k": i64(1, 2, 3)}],
    ),
    (
        "split without keeping the axis, and stack",
        """(double[3,n] x) => (double[?,?] a, double[?,?] b, double[?] one) {
          s = SplitToSequence <axis = 1, keepdims = 0> (x)
          a = ConcatFromSequence <axis = 0, new_axis = 1> (s)
          b = ConcatFromSequence <axis = -1, new_axis = 1> (s)
          zero = Constant <value = int64 {0}> ()
          one = SequenceAt (s, zero)
        }""",
        [{"x": f32(3, n).astype(np.float64)} for n in (1, 4)],
    ),
    ("a window over a loop", LOOP, [{"x": f32(2, 3), "count": i64(n)} for n in (1, 3, 6)]),
    (
        "half precision",
        LOOP.replace("float[", "float16[").replace("SequenceEmpty ()", "SequenceEmpty <dtype = 10> ()"),
        [{"x": f32(2, 3).astype(np.float16), "count": i64(3)}],
    ),
    (
        "elements of one byte and of no elements",
        """(bool[n] x, bool[0] y) => (bool[?] a, bool[?] b) {
          zero = Constant <value = int64 {0}> ()
          one = Constant <value = int64 {1}> ()
          s = SequenceConstruct (x, y)
          a = SequenceAt (s, zero)
          b = SequenceAt (s, one)
        }""",
        [{"x": np.array([True, False, True]), "y": np.zeros(0, np.bool_)}],
    ),
    (
        "an optional in a branch",
        """(bool c, float[n] x) => (float[?] y, bool has) {
          o = Optional (x)
          y = If (c) <
            then_branch = then () => (float[?] a) { a = OptionalGetElement (o) },
            else_branch = other () => (float[?] b) { b = Neg (x) }>
          has = OptionalHasElement (o)
        }""",
        [{"c": np.array(c), "x": f32(4)} for c in (True, False)],
    ),
]
FAULTS = [
    ("(float[n] x, int64 p) => (float[?] y) { s = SequenceConstruct (x, x) y = SequenceAt (s, p) }", 2, "out of range"),
    ("(float[n] x, int64 p) => (int64 y) { s = SequenceConstruct (x) t = SequenceErase (s, p) y = SequenceLength (t) }",
     -2, "out of range"),
]  # fmt: skip


def parse(graph, opset):
    opsets = f'"" : {opset}, "ai.onnx.ml" : 1'
    return onnx.parser.parse_model(f"<ir_version: 8, opset_import: [{opsets}]> g {graph}")


def compile(graph, folder, emit, opset=17):
    path, executable = folder / "case.onnx", folder / "case"
    path.write_bytes(parse(graph, opset).SerializeToString())
    support.build(path, executable, emit=emit)
    return path, executable


def check_case(graph, inputs, folder, emit):
    path, executable = compile(graph, folder, emit)
    session = support.open_ort(path, optimise=False)
    for given in inputs:
        expected = support.run_ort(session, given)
        got = support.run_model(executable, given)
        for name, wanted in expected.items():
            if list(got[name].shape) != list(wanted.shape) or not np.array_equal(got[name], wanted):
                raise support.Failure(f"'{name}' is {got[name]}, expected {wanted}")


def check_fault(graph, position, text, folder, emit):
    _, executable = compile(graph, folder, emit)
    try:
        support.run_model(executable, {"x": f32(3), "p": i64(position)})
    except support.Failure as failure:
        if text in str(failure):
            return
        raise
    raise support.Failure("runs, although an index is out of range")


def check_maps(keys, folder, emit):
    """ZipMap, as JSON."""
    graph = f"(float[n,2] x) => (seq(map({'string' if 'strings' in keys else 'int64'}, float)) y)"
    path, executable = compile(f"{graph} {{ y = ai.onnx.ml.ZipMap <{keys}> (x) }}", folder, emit)
    x = f32(3, 2)
    np.save(folder / "x.npy", x)
    command = [executable, "run", "-i", f"x={folder / 'x.npy'}", "-o", folder / "y.json"]
    run = subprocess.run(command, capture_output=True, text=True)
    if run.returncode:
        raise support.Failure(run.stderr)
    got = json.loads((folder / "y.json").read_text())
    got = got["y"] if isinstance(got, dict) else got
    (expected,) = support.open_ort(path, optimise=False).run(None, {"x": x})
    got = [{key: np.float32(value) for key, value in row.items()} for row in got]
    expected = [{str(key): np.float32(value) for key, value in row.items()} for row in expected]
    if got != expected:
        raise support.Failure(f"is {got}, expected {expected}")


MAPS = [  # operator, its attributes, types of keys, values and result, maps
    ("DictVectorizer", 'string_vocabulary = ["a", "c", "b", "z"]', "string", "float", "float",
     [{"c": 1.5, "z": -2.0}, {"a": 4.0}, {"a": 1.0, "b": 2.0, "c": 3.0, "z": 4.0}]),
    ("DictVectorizer", 'string_vocabulary = ["one", ""]', "string", "int64", "int64", [{"one": 2**40}, {"": 7}]),
    ("DictVectorizer", "int64_vocabulary = [7, -1, 100]", "int64", "double", "double", [{-1: 0.5, 7: 2.5}, {100: 1.25}]),
    ("CastMap", 'map_form = "DENSE"', "int64", "float", "float", [{5: 1.5, 1: -2.75, 9: 1e10, -3: 0.1}, {0: 2.0}]),
    ("CastMap", 'map_form = "SPARSE", max_map = 6', "int64", "float", "float", [{5: 1.5, 1: -2.75, 9: 7.0}, {8: 1.0}]),
    ("CastMap", 'cast_to = "TO_INT64"', "int64", "float", "int64", [{5: 1.5, 1: -2.75, 9: 1e10}]),
    ("CastMap", 'map_form = "SPARSE", max_map = 3, cast_to = "TO_INT64"', "int64", "float", "int64", [{2: 8.0, 0: 4.0}]),
    ("CastMap", 'cast_to = "TO_STRING"', "int64", "float", "string",
     [dict(enumerate([0.0, -0.0, 1.5, -2.75, 0.1, 1e-7, 4.5e-6, 3.4e38, 1e10, 2.0**-7, 1.9999999, 0.99999997, 123456.789,
                      *(float(np.float32(x)) for x in random.standard_normal(20) * 10.0 ** random.integers(-7, 12, 20))]))]),
    ("CastMap", 'map_form = "SPARSE", max_map = 3, cast_to = "TO_STRING"', "int64", "float", "string", [{2: 8.0}]),
]  # fmt: skip


def check_map_input(op, attributes, key, value, result, maps, folder, emit):
    """Maps as inputs, by JSON. ONNX Runtime makes maps of floats alone: others by ONNX's reference."""
    graph = f"(map({key}, {value}) x) => ({result}[1,?] y) {{ y = ai.onnx.ml.{op} <{attributes}> (x) }}"
    path, executable = compile(graph, folder, emit)
    floats = value == "float"
    session = support.open_ort(path, optimise=False) if floats else ReferenceEvaluator(str(path))
    for x in maps:
        (folder / "x.json").write_text(json.dumps({str(k): v for k, v in x.items()}))
        command = [executable, "run", "-i", f"x={folder / 'x.json'}", "-o", folder / "y.npy"]
        run = subprocess.run(command, capture_output=True, text=True)
        if run.returncode:
            raise support.Failure(run.stderr)
        got, (expected,) = np.load(folder / "y.npy"), session.run(None, {"x": x if floats else [x]})
        if result == "string":
            got = got.astype(object)
        if got.dtype != expected.dtype or got.shape != expected.shape or not np.array_equal(got, expected):
            raise support.Failure(f"{x} becomes {got}, expected {expected}")


def check_packed(name, least, most, folder, emit):
    """Optionals of elements narrower than a byte, as results and read again: nothing else runs these."""
    graph = f"""(int8[n] x, bool has) => (int8[?] y, optional({name}[?]) o) {{
      p = Cast <to = {getattr(onnx.TensorProto, name.upper())}> (x)
      o = Optional (p)
      q = If (has) <then_branch = a () => ({name}[?] r) {{ r = OptionalGetElement (o) }},
                    else_branch = b () => ({name}[?] s) {{ s = Identity (p) }}>
      y = Cast <to = 3> (q)
    }}"""
    path, executable = compile(graph, folder, emit, 28)
    for n in (1, 2, 7, 64, 0):
        x = random.integers(least, most + 1, n).astype(np.int8)
        np.save(folder / "x.npy", x)
        for has in (True, False):
            np.save(folder / "has.npy", np.array(has))
            command = [executable, "run", "-i", f"x={folder / 'x.npy'}", "-i", f"has={folder / 'has.npy'}"]
            run = subprocess.run(command, capture_output=True, text=True)
            if run.returncode:
                raise support.Failure(run.stderr)
            if json.loads(run.stdout) != {"y": x.tolist(), "o": x.tolist()}:
                raise support.Failure(f"{x} becomes {run.stdout}")


def main():
    parser = argparse.ArgumentParser()
    support.add_emit_option(parser)
    options = parser.parse_args()
    support.need_compiler()
    checks = [(name, check_case, (graph, inputs)) for name, graph, inputs in CASES]
    checks += [(f"fault of {graph}", check_fault, (graph, place, text)) for graph, place, text in FAULTS]
    for keys in ("classlabels_int64s = [4, -7]", 'classlabels_strings = ["one", "the other"]'):
        checks.append((f"ZipMap {keys}", check_maps, (keys,)))
    checks += [(f"{case[0]} {case[1]}", check_map_input, case) for case in MAPS]
    for name, least, most in (("int4", -8, 7), ("uint4", 0, 15), ("int2", -2, 1), ("uint2", 0, 3)):
        checks.append((f"optional {name}", check_packed, (name, least, most)))
    failed = 0
    for name, check, arguments in checks:
        with tempfile.TemporaryDirectory(prefix="ingot-sequences-") as folder:
            try:
                check(*arguments, Path(folder), options.emit)
            except support.Failure as failure:
                failed += 1
                print(f"FAIL {name}\n     {failure}")
    support.finish(len(checks) - failed, failed, 0)


main()
