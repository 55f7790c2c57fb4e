"""Elementwise operators, casts and quantization over element types; see cases.py."""

import math

import numpy as np
from cases import Fed, case, f32, floats, ints

# --- float64 ------------------------------------------------------------------------------------------------------

WIDE = np.concatenate([np.linspace(-6, 6, 41), [1e-9, -1e-9, 40.5, -30.25]])
for op, opset, data in (
    ("Abs", 13, WIDE), ("Ceil", 13, WIDE), ("Floor", 13, WIDE), ("Round", 11, WIDE), ("Neg", 13, WIDE),
    ("Sign", 13, WIDE), ("Reciprocal", 13, WIDE), ("Sqrt", 13, np.abs(WIDE)), ("Exp", 13, WIDE),
    ("Log", 13, np.abs(WIDE)), ("Sigmoid", 13, WIDE), ("Tanh", 13, WIDE), ("Sin", 7, WIDE), ("Cos", 7, WIDE),
    ("Relu", 14, WIDE), ("IsNaN", 13, WIDE),
):
    case(op, opset, [Fed(data)])
case("Erf", 13, [Fed(WIDE)], expected=np.array([math.erf(x) for x in WIDE]))
case("Softplus", 1, [Fed(WIDE)], expected=np.logaddexp(0, WIDE))
case("Softsign", 1, [Fed(WIDE)], expected=WIDE / (1 + np.abs(WIDE)))
for op in ("Add", "Sub", "Mul", "Div", "Pow", "Max", "Min"):
    case(op, 13, [Fed(np.abs(WIDE)), Fed(WIDE[::-1] / 4)])
case("Mod", 13, [Fed(WIDE), Fed(np.float64([2.5]))], fmod=1)
case("Clip", 13, [Fed(WIDE), Fed(np.float64(-1.5)), np.float64(2)])
case("Where", 16, [Fed(WIDE > 0), Fed(WIDE), Fed(-WIDE)])
for op in ("Equal", "Less", "Greater", "LessOrEqual", "GreaterOrEqual"):
    case(op, 16, [Fed(WIDE), Fed(np.round(WIDE))])

# --- integers -----------------------------------------------------------------------------------------------------

for kind in (np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64):
    info = np.iinfo(kind)
    a = np.array([0, 1, 2, 7, 100, info.max, info.max - 1, info.min, 5, 9], kind)
    b = np.array([1, 3, 2, 5, 7, 2, info.max, 3, 4, 9], kind)
    if kind in (np.int32, np.int64, np.uint32, np.uint64):  # ONNX Runtime has the others not
        for op in ("Add", "Sub", "Mul", "Div"):
            case(op, 14, [Fed(a), Fed(b)])
    case("Mod", 13, [Fed(a), Fed(b)])
    if info.min:
        case("Mod", 13, [Fed(-b), Fed(np.array([3, -3, 3, -3, 5, -5, 7, -7, 2, -2], kind))])
        case("Mod", 13, [Fed(-b), Fed(np.array([3, -3, 3, -3, 5, -5, 7, -7, 2, -2], kind))], fmod=1)
        case("Abs", 13, [Fed(-b)])
    for op in ("BitwiseAnd", "BitwiseOr", "BitwiseXor"):
        case(op, 18, [Fed(a), Fed(b)])
    case("BitwiseNot", 18, [Fed(a)])
    case("Sign", 13, [Fed(a)])
    if kind in (np.uint8, np.uint32, np.uint64):
        shifts = np.array([0, 1, 2, 3, 4, 5, 6, 7, 1, 2], kind)
        for direction in ("LEFT", "RIGHT"):
            case("BitShift", 11, [Fed(a), Fed(shifts)], direction=direction)
for kind in (np.int32, np.int64):
    base, power = np.array([2, 3, -2, 7, 0, 1, -1], kind), np.array([10, 4, 5, 0, 3, 50, 51], kind)
    case("Pow", 15, [Fed(base), Fed(power)])
    case("Pow", 15, [Fed(base), Fed(power.astype(np.float32))])
    case("Shrink", 9, [Fed(np.array([-3, -1, 0, 1, 3], kind))], lambd=1.5, bias=1.0,
         expected=np.array([-2, 0, 0, 0, 2], kind))
case("PRelu", 9, [(3, 4), Fed(floats(4))])
case("IsInf", 10, [Fed(f32(1, np.inf, -np.inf, np.nan))])
case("IsInf", 10, [Fed(np.float64([1, np.inf, -np.inf, np.nan]))], detect_negative=0)
case("IsInf", 10, [Fed(f32(1, np.inf, -np.inf, np.nan))], detect_positive=0)

# --- casts --------------------------------------------------------------------------------------------------------

KINDS = {1: np.float32, 11: np.float64, 10: np.float16, 6: np.int32, 7: np.int64, 3: np.int8, 2: np.uint8, 9: np.bool_}
for kind in KINDS.values():
    data = np.array([0, 1, 2, 3, 100], kind)
    for to in KINDS:
        case("Cast", 13, [Fed(data)], to=to)
case("Cast", 13, [Fed(f32(1.0009765625, 1.00048828125, 65519, 65520, 1e-8, -3.1))], to=10)
NEAR_TIES = np.float64([1 + 2**-11 + 2**-30, 1 + 2**-11, 2049.0000001, 65519.9999999])
case("Cast", 13, [Fed(NEAR_TIES)], to=10, expected=NEAR_TIES.astype(np.float16))  # ONNX Runtime rounds to float32 first

# --- attributes of the first opsets --------------------------------------------------------------------------------

LEFT = floats(2, 3, 4, 5)
for shape, axis in (((3, 4), 1), ((2,), 0), ((4, 5), 2), ((5,), -1), ((3,), 1)):
    right = floats(*shape)
    behind = LEFT.ndim - (axis % LEFT.ndim) - len(shape)
    want = LEFT * right.reshape(shape + (1,) * behind)
    case("Mul", 6, [Fed(LEFT), Fed(right)], broadcast=1, axis=axis, expected=want)
RIGHT = floats(4, 5)
case("Add", 6, [Fed(LEFT), Fed(RIGHT)], broadcast=1, expected=LEFT + RIGHT)

# --- quantization -------------------------------------------------------------------------------------------------

REAL = (floats(3, 4, 6) * 40).astype(np.float32)
for zero in (np.uint8(128), np.int8(-3)):
    case("QuantizeLinear", 13, [Fed(REAL), f32(0.5)[0], zero])
    case("QuantizeLinear", 13, [Fed(REAL), Fed(f32(0.5, 0.25, 1, 2)), np.full(4, zero)])
    case("QuantizeLinear", 13, [Fed(REAL), f32(0.5, 0.25, 1), np.full(3, zero)], axis=0)
    code = (np.arange(72).reshape(3, 4, 6) * 3).astype(zero.dtype)
    case("DequantizeLinear", 13, [Fed(code), f32(0.5)[0], zero])
    case("DequantizeLinear", 13, [Fed(code), Fed(f32(0.5, 0.25, 1, 2)), np.full(4, zero)])
    case("DequantizeLinear", 13, [Fed(code), f32(0.5, 0.25, 1), np.full(3, zero)], axis=-3)
case("QuantizeLinear", 10, [Fed(REAL), f32(0.5)[0]])
case("QuantizeLinear", 13, [Fed(f32(0.5, 1.5, 2.5, -0.5, 1e9, -1e9)), f32(1)[0], np.uint8(10)])
case("DequantizeLinear", 13, [Fed(np.array([5, -7, 1 << 20], np.int32)), f32(0.5)[0]])
for block, scales in ((2, 3), (4, 2), (6, 1)):
    scale = np.abs(floats(3, 4, scales)) + np.float32(0.1)
    zero = (np.arange(12 * scales) % 5).astype(np.uint8).reshape(3, 4, scales)
    case("QuantizeLinear", 21, [Fed(REAL), Fed(scale), zero], axis=2, block_size=block)
    code = (np.arange(72).reshape(3, 4, 6) * 3).astype(np.uint8)
    case("DequantizeLinear", 21, [Fed(code), Fed(scale), zero], axis=-1, block_size=block)
case("DynamicQuantizeLinear", 11, [(5, 9)], outputs=3)
case("DynamicQuantizeLinear", 11, [Fed(f32(1, 2, 3))], outputs=3)
