#!/usr/bin/env python3
"""--shape given more than once: one executable for several shapes, which chooses by its inputs. What run.py compares with
ONNX Runtime is right; here: what is shared, what `info`, `bench`, `selftest`, the server and the C interface make of it,
and sentences for shapes that it was not compiled for."""

import json
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path[:0] = [str(Path(__file__).resolve().parent.parent / folder) for folder in (".", "server")]
import support
from models import CASES, floats
from serving import Server, get, post

CASE = {case.name: case for case in CASES}
ROWS = (1, 7, 64)

# Runs x.raw of the number of rows that is its argument, writes y.raw.
PROGRAM = """
#include "ingot.h"
#include <stdio.h>
#include <stdlib.h>

extern const IngotModel mlp;

int main(int argc, char **argv) {
  long rows = argc > 1 ? atol(argv[1]) : 0;
  IngotTensor in = ingot_input(&mlp, 0), out = ingot_output(&mlp, 0);
  if (in.dims[0] != -1 || in.bytes != 64 * 64 || out.bytes != 64 * 40) return 2;
  void *memory = aligned_alloc(64, ingot_memory_bytes(&mlp)), *x = aligned_alloc(64, in.bytes), *y = aligned_alloc(64, out.bytes);
  FILE *file = fopen("x.raw", "rb");
  if (!file || fread(x, 64, (size_t)rows, file) != (size_t)rows || fclose(file) || ingot_open(&mlp, memory)) return 3;
  if (ingot_run(memory, (const void *[]){x}, (void *[]){y}) == 0) return 4; // no dims yet
  if (ingot_set_dims(memory, 0, (int64_t[]){rows, 16})) return 5;
  if (ingot_set_dims(memory, 0, (int64_t[]){rows + 1, 16}) == 0) return 6;
  if (ingot_run(memory, (const void *[]){x}, (void *[]){y})) return 7;
  IngotTensor result = ingot_result(memory, 0);
  if (result.rank != 2 || result.dims[0] != rows || result.bytes != (size_t)rows * 40 || result.data) return 8;
  file = fopen("y.raw", "wb");
  if (!file || fwrite(y, 1, result.bytes, file) != result.bytes || fclose(file)) return 9;
  free(memory), free(x), free(y);
  return 0;
}
"""


def write(name, folder):
    model = folder / f"{name}.onnx"
    model.write_bytes(CASE[name].model().SerializeToString())
    return model


def expect_failure(text, call, *arguments, **options):
    try:
        call(*arguments, **options)
    except support.Failure as failure:
        assert text in str(failure), failure
    else:
        raise AssertionError(f"no failure, '{text}' expected")


def check_sharing(model, folder):
    """Weights are stored once, memory is that of the largest, and steps of the same shapes have one kernel."""
    both, one = folder / "mlp", folder / "one"
    support.build(model, both, variants=[{"x": (rows, 16)} for rows in ROWS])
    infos = []
    for rows in ROWS:
        support.build(model, one, shapes={"x": (rows, 16)})
        infos.append(support.read_info(one))
    info = support.read_info(both)
    assert info["weight_bytes"] == infos[0]["weight_bytes"], "weights are stored more than once"
    assert info["arena_bytes"] == max(i["arena_bytes"] for i in infos)
    assert [v["inputs"] for v in info["variants"]] == [{"x": [rows, 16]} for rows in ROWS], info["variants"]
    assert [v["outputs"] for v in info["variants"]] == [{"y": [rows, 10]} for rows in ROWS], info["variants"]
    assert [v["macs"] for v in info["variants"]] == [i["variants"][0]["macs"] for i in infos]
    assert info["inputs"][0]["shape"] == [-1, 16] and info["inputs"][0]["max_shape"] == [64, 16], info["inputs"]
    assert "float32[1,16] or float32[7,16] or float32[64,16]" in support.execute([both, "info"]).stdout
    return both


def check_commands(executable):
    lines = support.execute([executable, "bench", "--runs", 5, "--json"]).stdout.splitlines()
    assert [json.loads(line)["shapes"]["x"] for line in lines] == [[rows, 16] for rows in ROWS], lines
    one = json.loads(support.execute([executable, "bench", "--runs", 5, "--json", "--shape", "x=7x16"]).stdout)
    assert one["shapes"]["x"] == [7, 16] and one["macs"] == 7 * (16 * 32 + 32 * 10), one
    said = support.execute([executable, "selftest"]).stdout
    assert "PASS" in said and "of 3 outputs" in said, said
    expected = "input 'x' expects float32[1,16] or float32[7,16] or float32[64,16]"
    expect_failure(expected, support.run_model, executable, {"x": floats(2, 16)})
    expect_failure("--shape x=2x16", support.execute, [executable, "bench", "--shape", "x=2x16"])
    with Server(str(executable)) as server:
        client = server.connect()
        metadata = client.send(get("/v2/models/mlp")).response().json()
        assert metadata["inputs"][0]["shape"] == [-1, 16] and metadata["outputs"][0]["shape"] == [-1, 10], metadata
        data = {"name": "x", "datatype": "FP32", "shape": [2, 16], "data": np.zeros(32).tolist()}
        reply = client.send(post(json.dumps({"inputs": [data]}).encode(), "/v2/models/mlp/infer")).response()
        assert reply.status == 400 and expected in reply.json()["error"], (reply.status, reply.body)


def check_library(model, folder):
    (folder / "main.c").write_text(PROGRAM)
    support.build(model, folder / "mlp.a", variants=[{"x": (rows, 16)} for rows in ROWS], emit="lib")
    flags = ["-std=c11", "-Wall", "-Wextra", "-Werror", f"-I{support.RESOURCES / 'runtime'}"]
    support.execute(["gcc", *flags, "main.c", "mlp.a", "-o", "program"], cwd=folder)
    session = support.open_ort(model)
    for rows in ROWS:
        x = floats(rows, 16)
        x.tofile(folder / "x.raw")
        support.execute(["./program", str(rows)], cwd=folder)
        got = {"y": np.fromfile(folder / "y.raw", np.float32).reshape(rows, 10)}
        assert support.compare(got, support.run_ort(session, {"x": x})).share <= 1, f"the library is wrong for {rows} rows"


def check_two_inputs(folder):
    """Inputs of several shapes go together by their place; one that is named once is the same in all variants."""
    model, executable = write("broadcast", folder), folder / "pairs"
    support.build(model, executable, variants=[{"a": (3, 5), "b": (1, 5)}, {"a": (3, 1), "b": (3, 7)}])
    expect_failure("do not go together: the model was compiled for a float32[3,5], b float32[1,5] or a float32[3,1], b",
                   support.run_model, executable, {"a": floats(3, 5), "b": floats(3, 7)})  # fmt: skip
    support.build(model, executable, variants=[{"a": (3, 7)}, {"a": (3, 1), "b": (3, 7)}])
    assert [v["inputs"]["b"] for v in support.read_info(executable)["variants"]] == [[3, 7]] * 2
    expect_failure("--shape is given 2 times for 'a' and 3 times for 'b'", support.build, model, executable,
                   variants=[{"a": (3, 5), "b": (3, 1)}, {"a": (3, 1), "b": (3, 7)}, {"b": (3, 2)}])  # fmt: skip
    # Bounds and variants together: what is not pinned stays open within its bound.
    support.build(write("einsum", folder), executable, bounds={"x": (3, 40, 50)}, variants=[{"y": (3, 31, 33)}])
    assert support.read_info(executable)["heap_bytes"] == 0


def main():
    support.need_compiler()
    with tempfile.TemporaryDirectory(prefix="ingot-variants-") as name:
        folder = Path(name)
        model = write("mlp", folder)
        executable = check_sharing(model, folder)
        check_commands(executable)
        check_library(model, folder)
        check_two_inputs(folder)
        expect_failure("--emit=c takes one --shape for each input", support.build, model, folder / "mlp.c", emit="c",
                       variants=[{"x": (rows, 16)} for rows in ROWS])  # fmt: skip


try:
    main()
except (support.Failure, AssertionError) as failure:
    sys.exit(f"test_variants.py: {failure}")
