"""A model whose sizes only a run knows (fake_open.c): dims from files and back to them, strings, sequences, loops."""
import json
import os
import random
import subprocess
import sys
import tempfile

try:
    import numpy as np
    import onnx
    from onnx import helper, numpy_helper
except ImportError:
    print("skipped: there is no numpy or onnx")
    sys.exit(77)

program = os.path.abspath(sys.argv[1])
faults = 0
random.seed(5)


def check(condition, text):
    global faults
    if not condition:
        faults += 1
        print("fault:", text)


def call(*arguments, data=None):
    return subprocess.run([program, *arguments], input=data, capture_output=True)


def expect_error(result, *words):
    text = result.stderr.decode()
    check(result.returncode == 1 and text.startswith("error: ") and text.count("\n") == 1 and not result.stdout
          and all(w in text for w in words), f"expected an error with {words}, got {result}")


def expected(x, w, k, s, q, v):
    return {"y": 2 * x + w[:, None], "p": 2 ** k, "t": ["".join(c.upper() if c.isascii() else c for c in t) + "!" for t in s],
            "z": q[::-1], "o": v, "m": [{"1": row[0], "-2": row[2]} for row in x.tolist()]}


def plain(value):
    return value.tolist() if isinstance(value, np.ndarray) else [plain(e) for e in value] if isinstance(value, list) else value


def make_inputs(n, strings, sequence, optional):
    r = np.random.default_rng(n)
    return {"x": r.integers(-9, 9, (n, 3)).astype("<f4"), "w": r.integers(-9, 9, n).astype("<f4"), "k": n % 60, "s": strings,
            "q": [r.integers(-9, 9, shape).astype("<f4") for shape in sequence],
            "v": None if optional is None else np.array(optional, "<i8")}


CASES = [make_inputs(1, ["a"], [(2,)], 5), make_inputs(4, ["", "ab\"\\\n", "z\u00e9\u4e2d\U0001f600"], [(2, 3), (), (1, 2, 1)], [1, 2]),
         make_inputs(0, [], [], None), make_inputs(1000, ["x" * 5000] * 300, [(7, 5)] * 200, [[3]])]


def write_protos(folder, inputs):
    strings = helper.make_tensor("s", onnx.TensorProto.STRING, [len(inputs["s"])], [s.encode() for s in inputs["s"]])
    protos = [numpy_helper.from_array(inputs["x"], "x"), numpy_helper.from_array(inputs["w"], "w"),
              numpy_helper.from_array(np.array(inputs["k"], "<i8"), "k"), strings,
              numpy_helper.from_list(inputs["q"], "q", onnx.SequenceProto.TENSOR),
              numpy_helper.from_optional(inputs["v"], "v", onnx.OptionalProto.TENSOR)]
    for i, proto in enumerate(protos):
        with open(os.path.join(folder, f"input_{i}.pb"), "wb") as file:
            file.write(proto.SerializeToString())


def read_proto(path, kind):
    with open(path, "rb") as file:
        return kind.FromString(file.read())


def test_protos(folder):
    for inputs in CASES:
        write_protos(folder, inputs)
        for threads in ("1", "3"):
            result = call("run", "-i", folder, "-o", folder, "--threads", threads)
            if result.returncode:
                check(False, result.stderr)
                continue
            want = expected(**inputs)
            path = lambda i: os.path.join(folder, f"output_{i}.pb")
            y = numpy_helper.to_array(read_proto(path(0), onnx.TensorProto))
            check(y.shape == want["y"].shape and (y == want["y"]).all(), "y")
            check(numpy_helper.to_array(read_proto(path(1), onnx.TensorProto)) == want["p"], "p")
            t = read_proto(path(2), onnx.TensorProto)
            check([s.decode() for s in t.string_data] == want["t"] and list(t.dims) == [len(want["t"])], "t")
            z = read_proto(path(3), onnx.SequenceProto)
            got = numpy_helper.to_list(z)
            check(len(got) == len(want["z"]) and all(a.shape == b.shape and (a == b).all() for a, b in zip(got, want["z"])), "z")
            o = read_proto(path(4), onnx.OptionalProto)
            if inputs["v"] is None:
                check(not o.HasField("tensor_value"), "o: none")
            else:
                check((numpy_helper.to_optional(o) == inputs["v"]).all(), "o")
            maps = read_proto(path(5), onnx.SequenceProto)
            check(maps.elem_type == onnx.SequenceProto.MAP and len(maps.map_values) == len(inputs["x"]), "m")
            for row, proto in zip(inputs["x"], maps.map_values):
                values = [float(numpy_helper.to_array(v)) for v in proto.values.tensor_values]
                check(list(proto.keys) == [1, -2] and values == [row[0], row[2]], "m: a row")


def test_json():
    for inputs in CASES:
        text = json.dumps({name: plain(value) for name, value in inputs.items()})
        result = call("run", "-i", "-", data=text.encode())
        want = {name: plain(value) for name, value in expected(**inputs).items()}
        check(result.returncode == 0 and json.loads(result.stdout) == want, f"JSON: {result.stderr[:200]} {result.stdout[:200]}")


def test_npz(folder):
    inputs = CASES[1]
    path = os.path.join(folder, "in.npz")
    parts = {f"q_{i}": part for i, part in enumerate(inputs["q"])}
    np.savez_compressed(path, x=np.asfortranarray(inputs["x"]), w=inputs["w"], k=np.array(inputs["k"]), s=np.array(inputs["s"]),
                        v_0=inputs["v"], **parts)
    want = expected(**inputs)
    result = call("run", "-i", path)
    check(result.returncode == 0 and json.loads(result.stdout) == {n: plain(v) for n, v in want.items()}, f"npz: {result}")
    for name in "yztop":
        out = os.path.join(folder, name + ".npz")
        result = call("run", "-i", path, "-o", f"{name}={out}")
        if result.returncode:
            check(False, result.stderr)
            continue
        with np.load(out) as got:
            if name == "z":
                check(len(got.files) == 3 and all((got[f"z_{i}"] == part).all() for i, part in enumerate(want["z"])), "z.npz")
            elif name == "t":
                check(got["t"].dtype.kind == "U" and got["t"].tolist() == want["t"], "t.npz")
            else:
                check(np.array_equal(got[name + "_0" if name == "o" else name], want[name]), name + ".npz")
    expect_error(call("run", "-i", path, "-o", "m=" + os.path.join(folder, "m.npz")), "'m'", ".json or .pb")
    expect_error(call("run", "-i", path, "-o", "t=" + os.path.join(folder, "t.raw")), "'t'")
    np.save(os.path.join(folder, "bytes.npy"), np.array([b"ab", b"", b"xyz"]))
    result = call("run", "-i", "s=" + os.path.join(folder, "bytes.npy"), "--fill", "random", "--shape", "x=2x3")
    got = json.loads(result.stdout)
    check(got["t"] == ["AB!", "!", "XYZ!"] and len(got["y"]) == 2 and got["z"] == [] and got["o"] is None, f"filled: {result}")
    inputs["x"].tofile(os.path.join(folder, "x.raw"))
    result = call("run", "-i", "x=" + os.path.join(folder, "x.raw"), "--fill", "random")
    check(len(json.loads(result.stdout)["y"]) == 4, f"a raw file settles the open dim: {result}")


def test_mistakes(folder):
    def given(**changes):
        inputs = {name: plain(value) for name, value in CASES[1].items()}
        inputs.update(changes)
        return call("run", "-i", "-", data=json.dumps(inputs).encode())

    check(given().returncode == 0, "the plain request")
    expect_error(given(w=[1, 2]), "'w' has n = 2", "'x' has n = 4")
    expect_error(given(x=[1, 2, 3]), "float32[n,3]", "another shape")
    expect_error(given(x=[[1, 2]], w=[1]), "float32[n,3]", "float32[1,2]")
    expect_error(given(x=[[1, 2, 3], [4, 5]]), "another shape")
    expect_error(given(s=["a", 5]), "element 1 is 5")
    expect_error(given(s="a"), "another shape")
    expect_error(given(q={}), "'q' expects sequence of float32")
    expect_error(given(q=[[1, "x"]]), "element 1")
    expect_error(given(v=1.5), "element 0 is 1.5")
    expect_error(given(k=100), "step 'loop'", "does not end")
    expect_error(call("run", "--fill", "random", "--shape", "x=100000x3", "--memory", "64K"), "65536 bytes", "--memory")
    expect_error(call("run", "--fill", "random", "--shape", "x=3"), "--shape x=3", "float32[n,3]")
    expect_error(call("run", "--fill", "random", "--shape", "x=3x4"), "--shape x=3x4")
    expect_error(call("run", "--fill", "random", "--shape", "y=3"), "'y=3'")
    expect_error(call("run", "--shape", "x=3x3"), "--fill")
    expect_error(call("run", "--memory", "5Q"), "'5Q'")
    np.save(os.path.join(folder, "x.npy"), np.zeros((2, 4), "f4"))
    expect_error(call("run", "-i", "x=" + os.path.join(folder, "x.npy")), "float32[n,3]", "float32[2,4]")
    np.save(os.path.join(folder, "x.npy"), np.zeros((2, 3, 1), "f4"))
    expect_error(call("run", "-i", "x=" + os.path.join(folder, "x.npy")), "float32[n,3]", "float32[2,3,1]")
    strings = json.dumps({"s": ["x" * 5000] * 30})
    expect_error(call("run", "-i", "-", "--fill", "random", "--memory", "64K", data=strings.encode()), "--memory")
    # Every truncation and many flipped bits of each message end in a sentence or in a result.
    write_protos(folder, CASES[1])
    for i in range(6):
        path = os.path.join(folder, f"input_{i}.pb")
        whole = open(path, "rb").read()
        for turn in range(120):
            broken = bytearray(whole)
            if turn < len(whole) and turn < 60:
                broken = broken[:turn]
            else:
                broken[random.randrange(len(broken))] ^= 1 << random.randrange(8)
            open(path, "wb").write(broken)
            result = call("run", "-i", folder, "--memory", "1M")
            check(result.returncode in (0, 1) and (result.returncode == 0) == (not result.stderr), f"broken {i}: {result}")
        open(path, "wb").write(whole)


def test_commands():
    info = json.loads(call("info", "--json").stdout)
    check([i["shape"] for i in info["inputs"]] == [[-1, 3], [-1], [], [-1], [], []], info["inputs"])
    check(info["inputs"][0]["dim_names"] == ["n", None] and info["inputs"][4]["kind"] == "sequence", info["inputs"])
    text = call("info").stdout.decode()
    check("float32[n,3]" in text and "sequence of float32" in text and "sequence of maps from int64 to float32" in text
          and "string[?]" in text and "optional int64" in text, text)
    bench = json.loads(call("bench", "--json", "--runs", "5", "--shape", "x=7x3", "--threads", "2", "--steps").stdout)
    check(bench["shapes"]["x"] == [7, 3] and bench["shapes"]["w"] == [7] and bench["shapes"]["s"] == [1], bench)
    check(b"input 'x' is float32[1,3]" in call("bench", "--runs", "5").stdout, "bench prints the dims")


with tempfile.TemporaryDirectory() as folder:
    test_protos(folder)
    test_json()
    test_npz(folder)
    test_mistakes(folder)
    test_commands()
print(f"{faults} faults")
sys.exit(faults > 0)
