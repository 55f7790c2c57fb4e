"""Tensor files against NumPy, zlib and onnx: what `run` reads and writes, and what it says about broken files."""
import io
import json
import os
import random
import struct
import subprocess
import sys
import tempfile
import zipfile
import zlib

try:
    import numpy as np
except ImportError:
    print("skipped: there is no numpy")
    sys.exit(77)

fake, filter_tool = map(os.path.abspath, sys.argv[1:3])
random.seed(3)
faults = 0


def check(condition, text):
    global faults
    if not condition:
        faults += 1
        print("fault:", text)


def run(*arguments, data=None):
    return subprocess.run([fake, "run", *arguments], input=data, capture_output=True)


def expect_error(result, *words):
    text = result.stderr.decode()
    check(result.returncode == 1 and text.startswith("error: ") and text.count("\n") == 1 and not result.stdout
          and all(w in text for w in words), f"expected an error with {words}, got {result}")


def test_deflate():
    samples = [b"", b"a", b"abc" * 1000, bytes(70000), os.urandom(5000),
               np.random.default_rng(1).normal(size=20000).astype("<f4").tobytes(),
               bytes(random.choices(b"abcdefgh", weights=[50, 20, 10, 5, 3, 2, 1, 1], k=100000))]
    strategies = [zlib.Z_DEFAULT_STRATEGY, zlib.Z_FIXED, zlib.Z_HUFFMAN_ONLY, zlib.Z_RLE, zlib.Z_FILTERED]
    for sample in samples:
        for level in (0, 1, 6, 9):
            for strategy in strategies:
                pack = zlib.compressobj(level, zlib.DEFLATED, -15, 9, strategy)
                packed = pack.compress(sample[:len(sample) // 2])
                packed += pack.flush(zlib.Z_FULL_FLUSH) + pack.compress(sample[len(sample) // 2:]) + pack.flush()
                result = subprocess.run([filter_tool, "inflate", str(len(sample))], input=packed, capture_output=True)
                check(result.returncode == 0 and result.stdout == sample, f"deflate {len(sample)} {level} {strategy}")
    # Broken data: the same verdict as zlib's, and never a crash.
    for i in range(400):
        sample = samples[2 + i % 5][:3000]
        packed = bytearray(zlib.compress(sample, 6)[2:-4])
        if i % 3 == 0:
            packed = packed[:random.randrange(len(packed))]
        else:
            for _ in range(random.randrange(1, 4)):
                packed[random.randrange(len(packed))] ^= 1 << random.randrange(8)
        unpack = zlib.decompressobj(-15)
        try:
            expected = unpack.decompress(bytes(packed))
            valid = unpack.eof and len(expected) == len(sample)
        except zlib.error:
            valid = False
        result = subprocess.run([filter_tool, "inflate", str(len(sample))], input=bytes(packed), capture_output=True)
        check(result.returncode == (0 if valid else 1), f"broken deflate {i}: zlib says {valid}, {result.returncode}")
        check(not valid or result.stdout == expected, f"broken deflate {i}: other bytes")


def test_reading(folder):
    x = np.random.default_rng(2).normal(size=(2, 3)).astype("<f4")
    k = np.array([5, -2**62], "<i8")
    path = lambda name: os.path.join(folder, name)
    np.save(path("x.npy"), x)
    np.save(path("k.npy"), k)
    np.save(path("xf.npy"), np.asfortranarray(x))
    with open(path("x2.npy"), "wb") as file:
        np.lib.format.write_array(file, x, version=(2, 0))
    np.savez(path("in.npz"), x=x, k=k)
    np.savez_compressed(path("packed.npz"), x=np.asfortranarray(x), k=k)
    x.tofile(path("x.bin"))
    with open(path("in.json"), "w") as file:
        json.dump({"x": x.tolist(), "k": k.tolist()}, file, indent=3)
    with open(path("x.json"), "w") as file:
        json.dump(x.ravel().tolist(), file)
    whole = [["-i", "x=" + path(a), "-i", "k=" + path(b)] for a in ("x.npy", "xf.npy", "x2.npy", "x.bin", "in.npz",
             "x.json", "in.json") for b in ("k.npy", "packed.npz", "in.json")]
    whole += [["-i", path("in.npz")], ["--input=" + path("packed.npz")], ["-i", path("in.json")]]
    try:
        from onnx import helper, numpy_helper
        for name, tensor in (("raw.pb", numpy_helper.from_array(x, "x")),
                             ("typed.pb", helper.make_tensor("x", 1, [2, 3], x.ravel().tolist()))):
            with open(path(name), "wb") as file:
                file.write(tensor.SerializeToString())
            whole.append(["-i", "x=" + path(name), "-i", "k=" + path("k.npy")])
        with open(path("k.pb"), "wb") as file:
            file.write(helper.make_tensor("k", 7, [2], k.tolist()).SerializeToString())
        whole.append(["-i", "k=" + path("k.pb"), "-i", "x=" + path("x.npy")])
    except ImportError:
        print("skipped: .pb files, there is no onnx package")
    jobs = [(arguments, None) for arguments in whole]
    for name in ("in.npz", "packed.npz", "in.json"):
        jobs.append((["-i", "-"], open(path(name), "rb").read()))
    for name in ("x.npy", "x.bin", "x.json"):
        jobs.append((["-i", "x=-", "-i", "k=" + path("k.npy")], open(path(name), "rb").read()))
    for arguments, data in jobs:
        out = path("out.npz")
        result = run(*arguments, "-o", out, data=data)
        if result.returncode:
            check(False, f"{arguments}: {result.stderr}")
            continue
        with np.load(out) as got:
            check(list(got) == ["y", "n", "h"], f"{arguments}: {list(got)}")
            check(got["y"].dtype == "<f4" and (got["y"] == x * 2 + 1).all(), f"{arguments}: y")
            check(got["n"].dtype == "<i8" and (got["n"] == k + 1).all(), f"{arguments}: n")
            check(got["h"].dtype == "<f2" and got["h"].shape == () and abs(float(got["h"]) - x.sum()) < 0.01,
                  f"{arguments}: h")
        check(zipfile.ZipFile(out).testzip() is None, "the archive's CRCs")
        printed = json.loads(run(*arguments, data=data).stdout)
        check((np.array(printed["y"], "f4") == x * 2 + 1).all() and printed["n"] == (k + 1).tolist(), f"{arguments}: JSON")
    check(not [f for f in os.listdir(folder) if f.endswith(".tmp")], "temporary files are left")


def test_folders(folder):
    """One file a tensor, as ONNX's test data lie: what is written can be read again."""
    x, k = np.arange(6, dtype="<f4").reshape(2, 3), np.array([1, -2], "<i8")
    given, out = os.path.join(folder, "given"), os.path.join(folder, "out")
    os.mkdir(given)
    np.save(os.path.join(given, "input_0.npy"), x)
    k.tofile(os.path.join(given, "input_1.bin"))
    for wanted in ("pb", "npy", "raw"):
        check(run("-i", given, "-o", out + "/", "--format", wanted).returncode == 0, f"folder of {wanted}")
        check({f"output_{i}.{wanted}" for i in range(3)} <= set(os.listdir(out)), f"files of {wanted}")
    check((np.load(os.path.join(out, "output_0.npy")) == x * 2 + 1).all(), "output_0.npy")
    y, n = os.path.join(folder, "y.pb"), os.path.join(folder, "n.npy")
    check(run("-i", given, "-o", "y=" + y, "-o", "n=" + n).returncode == 0, "outputs by their names")
    check(open(y, "rb").read() == open(os.path.join(out, "output_0.pb"), "rb").read(), "the same .pb")
    check((np.load(n) == k + 1).all(), "n.npy")
    try:
        from onnx import TensorProto, numpy_helper
    except ImportError:
        return
    for i, (name, expected) in enumerate((("y", x * 2 + 1), ("n", k + 1), ("h", np.array(15, "<f2")))):
        proto = TensorProto.FromString(open(os.path.join(out, f"output_{i}.pb"), "rb").read())
        got = numpy_helper.to_array(proto)
        check(proto.name == name and got.dtype == expected.dtype and got.shape == expected.shape
              and (got == expected).all(), f"output_{i}.pb")


def npy(array, **replace):
    file = io.BytesIO()
    np.save(file, array)
    data = file.getvalue()
    for old, new in replace.get("change", []):
        data = data.replace(old, new)
    return data


def test_errors(folder):
    x, k = np.zeros((2, 3), "<f4"), np.zeros(2, "<i8")
    kpath = os.path.join(folder, "kk.npy")
    np.save(kpath, k)
    given = lambda data, name="t.npy": (open(os.path.join(folder, name), "wb").write(data),
                                        run("-i", "x=" + os.path.join(folder, name), "-i", "k=" + kpath))[1]
    check(given(npy(x)).returncode == 0, "the plain file")
    expect_error(given(npy(x.astype("f8"))), "float32[2,3]", "float64[2,3]")
    expect_error(given(npy(x[0])), "float32[2,3]", "float32[3]")
    expect_error(given(npy(x.astype(">f4"))), "'>f4'")
    expect_error(given(npy(x.astype("c8"))), "float32[2,3]", "complex64[2,3]")
    expect_error(given(npy(x)[:-1]), "ends too early")
    expect_error(given(npy(x)[:40]), "header")
    expect_error(given(b"\x93NUMPY\x09\x00" + bytes(20)), "version 9")
    expect_error(given(npy(x, change=[(b"False", b"Maybe")])), "header")
    expect_error(given(npy(x, change=[(b"(2, 3)", b"(99999999999999999999, 3)")])), "header")
    expect_error(given(npy(x, change=[(b"(2, 3)", b"(-2, 3)")])), "header")
    expect_error(given(b"12345", "t.raw"), "24 raw bytes", "5 bytes")
    expect_error(given(b"\xff" * 30, "t.pb"), "TensorProto")
    expect_error(given(b"[[1,2,3],[4,5]]", "t.json"), "another shape")
    expect_error(given(b"[1,2,3,4,5,6,7]", "t.json"), "another shape")
    expect_error(given(b"[[[1,2,3],[4,5,6]]]", "t.json"), "another shape")
    expect_error(given(b"[1,2,3,[4,5,6]]", "t.json"), "another shape")
    expect_error(given(b"[[1,2,3],4,5,6]", "t.json"), "another shape")
    expect_error(given(b"[1,2,3,4,5,true]", "t.json"), "element 5 is true")
    expect_error(given(b"[1,2,3,4,5,6", "t.json"), "byte 12")
    # Archives: every truncation and many flipped bits end in a sentence or in the right result.
    file = io.BytesIO()
    np.savez_compressed(file, x=x + 1, k=k)
    archive = file.getvalue()
    for i in range(300):
        broken = bytearray(archive)
        if i < 100:
            broken = broken[:len(broken) * i // 100]
        else:
            broken[random.randrange(len(broken))] ^= 1 << random.randrange(8)
        result = run("-i", "-", data=bytes(broken)) if broken[:4] == b"PK\3\4" else given(bytes(broken), "t.npz")
        check(result.returncode in (0, 1) and (result.returncode == 0) == (not result.stderr),
              f"broken archive {i}: {result}")
        if result.returncode == 0:
            check(json.loads(result.stdout)["y"] == [[3, 3, 3], [3, 3, 3]], f"broken archive {i}: wrong result")
    expect_error(run("-i", "q=" + kpath), "'q'", "'x', 'k'")
    expect_error(run("-i", kpath), "NAME=FILE")
    expect_error(run("-i", "k=" + kpath), "'x' is missing")
    expect_error(run("-i", "k=" + kpath, "-i", "k=" + kpath), "twice")
    expect_error(run("-i", "x=/nonexistent"), "'/nonexistent'")
    expect_error(run("--threads", "0"), "1 to 256")
    expect_error(run("--bogus"), "'--bogus'")
    expect_error(run("--fill", "random", "-o", os.path.join(folder, "o.npy")), "one tensor")
    expect_error(run("--fill", "random", "-o", "/nonexistent/o.npz"), "'/nonexistent/o.npz'")
    expect_error(run("--fill", "random", "-o", "y=" + os.path.join(folder, "o.npy"), "-o", "q=o.npy"), "one tensor")
    expect_error(run("-i", "-", data=b'{"x":[1,2,3,4,5,6],"k":[0,-1]}'), "step 'count'", "index out of range")
    expect_error(run("-i", "-", data=b'{"x":[1,2,3,4,5,6],"k":[0,1.5]}'), "1.5")
    expect_error(run("-i", "-", data=b'{"x":[1,2,3,4,5,6],"k":[0,9223372036854775808]}'), "9223372036854775808")
    result = run("-i", "-", data=b'{"x":[1e39,"NaN","-Infinity",0,1e-50,-0.0],"k":[-9223372036854775808,7.0e0]}')
    check(json.loads(result.stdout)["y"] == [["Infinity", "NaN", "-Infinity"], [1, 1, 1]], f"special values: {result}")
    check(json.loads(result.stdout)["n"] == [-9223372036854775807, 8], f"large integers: {result}")
    with open("/dev/full", "wb") as full:
        result = subprocess.run([fake, "run", "--fill", "random"], stdout=full, stderr=subprocess.PIPE)
        check(result.returncode == 1 and b"standard output" in result.stderr, f"full disk: {result}")


def test_commands():
    call = lambda *a: subprocess.run([fake, *a], capture_output=True)
    check(b"float32[2,3]" in call().stdout and call().returncode == 0, "the bare call")
    check(call("--help").stdout == call().stdout and b"fake" in call("--version").stdout, "help and version")
    info = json.loads(call("info", "--json").stdout)
    check(info["arena_bytes"] == 64 + 4 * 65536 and info["arena_mapped_bytes"] % 4096 == 0, "info")
    bench = json.loads(call("bench", "--json", "--runs", "20", "--steps", "--threads", "2").stdout)
    check(bench["runs"] == 20 and bench["threads"] == 2 and len(bench["steps"]) == 5, "bench")
    check(bench["min_us"] <= bench["p50_us"] <= bench["p99_us"] <= bench["max_us"], "bench percentiles")
    check(call("selftest").returncode == 0 and call("selftest").stdout.startswith(b"PASS"), "selftest")
    expect_error(call("nonsense"), "nonsense")


with tempfile.TemporaryDirectory() as folder:
    test_deflate()
    test_reading(folder)
    test_folders(folder)
    test_errors(folder)
    test_commands()
print(f"{faults} faults")
sys.exit(faults > 0)
