"""Every element type through every format and back (fake_types.c), against NumPy, ml_dtypes and onnx."""
import json
import os
import subprocess
import sys
import tempfile

try:
    import ml_dtypes
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper
except ImportError:
    print("skipped: there is no numpy, ml_dtypes or onnx")
    sys.exit(77)

program = os.path.abspath(sys.argv[1])
faults = 0
np.seterr(all="ignore")  # NaN and infinities are meant

TYPES = {"float32": (1, np.float32), "uint8": (2, np.uint8), "int8": (3, np.int8), "uint16": (4, np.uint16),
         "int16": (5, np.int16), "int32": (6, np.int32), "int64": (7, np.int64), "bool": (9, np.bool_),
         "float16": (10, np.float16), "float64": (11, np.float64), "uint32": (12, np.uint32), "uint64": (13, np.uint64),
         "complex64": (14, np.complex64), "complex128": (15, np.complex128), "bfloat16": (16, ml_dtypes.bfloat16),
         "float8e4m3fn": (17, ml_dtypes.float8_e4m3fn), "float8e4m3fnuz": (18, ml_dtypes.float8_e4m3fnuz),
         "float8e5m2": (19, ml_dtypes.float8_e5m2), "float8e5m2fnuz": (20, ml_dtypes.float8_e5m2fnuz),
         "uint4": (21, ml_dtypes.uint4), "int4": (22, ml_dtypes.int4), "float4e2m1": (23, ml_dtypes.float4_e2m1fn),
         "float8e8m0": (24, ml_dtypes.float8_e8m0fnu), "uint2": (25, ml_dtypes.uint2), "int2": (26, ml_dtypes.int2)}
PACKED = {"uint4": 4, "int4": 4, "float4e2m1": 4, "uint2": 2, "int2": 2}


def check(condition, text):
    global faults
    if not condition:
        faults += 1
        print("fault:", text)


def call(*arguments, data=None):
    return subprocess.run([program, "run", "--fill", "random", *arguments], input=data, capture_output=True)


def every_value(name, dtype):
    """All values of narrow types, ends and specials of wide ones; an odd number, so that packed ones end in a byte."""
    if name in PACKED:
        codes = np.arange(2 ** PACKED[name] + 1, dtype=np.uint8) % 2 ** PACKED[name]
        if name in ("int4", "int2"):
            half = 2 ** (PACKED[name] - 1)
            return ((codes.astype(np.int8) + half) % (2 * half) - half).astype(dtype)
        return codes.view(dtype) if name == "float4e2m1" else codes.astype(dtype)
    if name == "bool":
        return np.array([True, False, True])
    if np.dtype(dtype).itemsize == 1:
        return np.arange(256, dtype=np.uint8).view(dtype)
    if np.dtype(dtype).itemsize == 2:
        return np.arange(65536, dtype=np.uint16).view(dtype)
    if np.dtype(dtype).kind in "iu":
        info = np.iinfo(dtype)
        return np.array([info.min, info.max, 0, 1, 77], dtype)
    info = np.finfo(dtype)
    special = np.array([info.max, info.min, info.tiny, info.smallest_subnormal, 0.1, -0.0, np.inf, -np.inf, np.nan, 1 / 3], info.dtype)
    return special.astype(dtype) + (special[::-1] * 1j if np.dtype(dtype).kind == "c" else 0)


def same(a, b):
    """Equal element by element, NaN to NaN."""
    if a.shape != b.shape:
        return False
    wide = np.complex128 if b.dtype.kind == "c" else np.float64 if b.dtype.itemsize < 8 or b.dtype.kind == "f" else b.dtype
    return np.array_equal(np.asarray(a).astype(wide), b.astype(wide), equal_nan=np.dtype(wide).kind in "fc")


def expected_json(array):
    def one(v):
        if isinstance(v, complex):
            return [one(v.real), one(v.imag)]
        if isinstance(v, float) and not np.isfinite(v):
            return "NaN" if v != v else "Infinity" if v > 0 else "-Infinity"
        return v

    wide = array if array.dtype.kind in "biuc" else array.astype(np.int64 if "int" in array.dtype.name else np.float64)
    return [[one(v) for v in row] for row in wide.tolist()]


def from_json(rows, dtype):
    number = lambda v: complex(number(v[0]), number(v[1])) if isinstance(v, list) else float(v) if isinstance(v, str) else v
    return np.array([[number(v) for v in row] for row in rows], object).astype(
        np.complex128 if np.dtype(dtype).kind == "c" else dtype if np.dtype(dtype).kind in "iub" else np.float64).astype(dtype)


def test_type(name, folder):
    number, dtype = TYPES[name]
    array = every_value(name, dtype).reshape(1, -1)
    path = lambda ending: os.path.join(folder, f"{name}.{ending}")
    proto = numpy_helper.from_array(array, name)
    check(proto.data_type == number, f"{name}: number")
    np.save(path("npy"), array)
    np.save(path("f.npy"), np.asfortranarray(array.repeat(2, 0)))
    open(path("pb"), "wb").write(proto.SerializeToString())
    open(path("raw"), "wb").write(proto.raw_data)
    with open(path("json"), "w") as file:
        json.dump({name: expected_json(array)}, file)
    sources = ["npy", "pb", "json"]
    if name not in ("complex64", "complex128"):
        wide = array.astype(np.float64) if "float" in name else array.astype(object)
        values = [int(v) for v in wide.ravel()] if "float" not in name else wide.ravel().tolist()
        if name == "float64" or "float" not in name or name == "float32":
            typed = helper.make_tensor(name, number, array.shape, values)
            open(path("typed.pb"), "wb").write(typed.SerializeToString())
            sources.append("typed.pb")
    for source in sources:
        result = call("-i", f"{name}={path(source)}", "-o", f"{name}={path('out.pb')}", "-o", f"{name}={path('out.npy')}",
                      "-o", f"{name}={path('out.raw')}", "-o", f"{name}={path('out.json')}")
        if result.returncode:
            check(False, f"{name} from {source}: {result.stderr.decode()[:200]}")
            continue
        got = TensorProto.FromString(open(path("out.pb"), "rb").read())
        check(got.data_type == number and list(got.dims) == list(array.shape), f"{name} from {source}: the head of .pb")
        check(same(numpy_helper.to_array(got), array), f"{name} from {source} to .pb")
        if source != "json":  # a NaN has many codes, JSON but one
            check(got.raw_data == proto.raw_data, f"{name} from {source} to .pb: other bytes")
        check(open(path("out.raw"), "rb").read() == got.raw_data, f"{name} from {source} to raw")
        saved = np.load(path("out.npy"))
        check(same(saved.view(dtype) if saved.dtype.kind == "V" else saved, array), f"{name} from {source} to .npy")
        said = json.load(open(path("out.json")))[name]
        check(same(from_json(said, dtype), array), f"{name} from {source} to JSON")
    result = call("-i", f"{name}={path('f.npy')}", "-o", f"{name}={path('out.pb')}")
    got = numpy_helper.to_array(TensorProto.FromString(open(path("out.pb"), "rb").read()))
    check(result.returncode == 0 and same(got, array.repeat(2, 0)), f"{name}: column-major")


def test_rounding():
    """JSON numbers that a narrow float cannot hold go to the nearest, ties to even, as ml_dtypes converts."""
    random = np.random.default_rng(3)
    for name in ("float8e4m3fn", "float8e4m3fnuz", "float8e5m2", "float8e5m2fnuz", "float4e2m1", "bfloat16", "float16"):
        dtype = TYPES[name][1]
        codes = every_value(name, dtype).astype(np.float64)
        codes = np.unique(codes[np.isfinite(codes)])
        middles = (codes[1:] + codes[:-1]) / 2
        values = np.concatenate([codes, middles, np.nextafter(middles.astype("f4"), np.float32(np.inf)),
                                 (random.choice(codes, 50) * random.random(50)).astype("f4")])  # ml_dtypes rounds to float32 first
        values = values[np.abs(values) <= codes.max()]
        result = call("-i", "-", data=json.dumps({name: [values.tolist()]}).encode())
        if result.returncode:
            check(False, f"{name}: {result.stderr}")
            continue
        got = np.array(json.loads(result.stdout)[name], np.float64).astype(dtype)
        wrong = got[0] != values.astype(dtype)
        check(not wrong.any(), f"{name}: {values[wrong][:5]} became {got[0][wrong][:5]}")
    for name, value, fits in (("float8e4m3fn", 500, False), ("float8e4m3fn", 460, True), ("float8e5m2", 1e9, True),
                              ("float4e2m1", 8, False), ("float8e8m0", 3, False), ("float8e8m0", 0, False), ("float8e8m0", 4, True),
                              ("int4", 8, False), ("int4", -8, True), ("uint4", -1, False), ("int2", 2, False),
                              ("float4e2m1", '"NaN"', False), ("float8e4m3fnuz", '"Infinity"', False)):
        result = call("-i", "-", data=f'{{"{name}": [[{value}]]}}'.encode())
        check((result.returncode == 0) == fits and (fits or b"element 0 is" in result.stderr), f"{name} {value}: {result}")


with tempfile.TemporaryDirectory() as folder:
    for name in TYPES:
        test_type(name, folder)
test_rounding()
print(f"{faults} faults")
sys.exit(faults > 0)
