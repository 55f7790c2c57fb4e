#!/usr/bin/env python3
"""--max-shape: memory that is known when compiling. Nothing is mapped while the model runs, whatever the sizes are, and an
input beyond the bound ends with a sentence, by a command and by the server."""

import json
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path[:0] = [str(Path(__file__).resolve().parent.parent / folder) for folder in (".", "server", "models")]
import support
from models import CASES, floats
from serving import Server, post
from test_arena import count_calls, inspect_arena

CASE = {case.name: case for case in CASES}


def build(name, folder):
    model, executable = folder / f"{name}.onnx", folder / name
    model.write_bytes(CASE[name].model().SerializeToString())
    support.build(model, executable, bounds=CASE[name].bounds())
    return model, executable


def check_memory(name, folder, shapes):
    """The heap is not used, the arena is what `inspect` says, and runs of all shapes make the same calls."""
    model, executable = build(name, folder)
    info = support.read_info(executable)
    assert info["heap_bytes"] == 0, f"{name}: there is a heap"
    arena = inspect_arena(model, "--max-shape", CASE[name].bounds())
    assert info["arena_bytes"] == arena, f"{name}: ingot inspect says an arena of {arena} bytes, info {info['arena_bytes']}"
    counts = [count_calls(executable, runs, folder, "--shape", shape) for shape in shapes for runs in (5, 50)]
    assert all(count == counts[0] for count in counts), f"{name}: memory calls differ: {counts}"


def check_beyond(folder):
    _, executable = build("mlp", folder)
    most = CASE["mlp"].bounds()["x"][0]
    tensor = support.read_info(executable)["inputs"][0]
    assert tensor["shape"] == [-1, 16] and tensor["max_shape"] == [most, 16], f"info says {tensor}"
    expected = f"input 'x' expects float32[n<={most},16], "
    try:
        support.run_model(executable, {"x": floats(most + 1, 16)})
        raise AssertionError("an input beyond the bound is taken")
    except support.Failure as failure:
        assert expected in str(failure) and f"holds float32[{most + 1},16]" in str(failure), failure
    with Server(str(executable)) as server:
        client = server.connect()
        for rows, status in ((most + 1, 400), (most, 200)):
            data = {"name": "x", "datatype": "FP32", "shape": [rows, 16], "data": np.zeros(rows * 16).tolist()}
            reply = client.send(post(json.dumps({"inputs": [data]}).encode(), "/v2/models/mlp/infer")).response()
            assert reply.status == status, f"{rows} rows: the server answers {reply.status}"
            assert status == 200 or expected in reply.json()["error"], reply.json()


def check_symbol(folder):
    """A bound for one dim by its name holds in all inputs."""
    model, executable = folder / "mlp.onnx", folder / "by_name"
    model.write_bytes(CASE["mlp"].model().SerializeToString())
    support.build(model, executable, bounds={"n": [5]})
    assert support.read_info(executable)["inputs"][0]["max_shape"] == [5, 16]


def main():
    support.need_compiler()
    with tempfile.TemporaryDirectory(prefix="ingot-bounds-") as name:
        folder = Path(name)
        check_memory("mlp", folder, ["x=1x16", "x=64x16"])
        check_memory("conv_net", folder, ["x=1x3x32x32", "x=3x3x64x61"])
        check_beyond(folder)
        check_symbol(folder)


try:
    main()
except (support.Failure, AssertionError) as failure:
    sys.exit(f"test_bounds.py: {failure}")
