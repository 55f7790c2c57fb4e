"""Operators of float64 and of integers whose kernels take float32: computed in their own type; see cases.py."""

import math

import numpy as np
from cases import Fed, by_reference, case


def doubles(*shape, positive=False):
    data = np.random.default_rng(sum(shape)).standard_normal(shape)
    return Fed(np.abs(data) + 0.5 if positive else data)


for op in ("Softmax", "LogSoftmax"):
    for axis in (0, 1, -1):
        case(op, 13, [doubles(3, 4, 5)], axis=axis)
        case(op, 11, [doubles(3, 4, 5)], axis=axis)
    case(op, 13, [Fed(np.float64([[1e3, 1e3 + 1, -1e300], [-np.inf, 0, 1]]))])
    case(op, 13, [doubles(0, 5)])
case("LayerNormalization", 17, [doubles(2, 3, 8), doubles(8), doubles(8)])
by_reference("LayerNormalization", 17, [doubles(2, 3, 8), doubles(3, 8)], axis=1)
case("BatchNormalization", 9, [doubles(2, 3, 4, 5), doubles(3), doubles(3), doubles(3), doubles(3, positive=True)])
by_reference("InstanceNormalization", 6, [doubles(2, 3, 4, 5), doubles(3), doubles(3)])
# Many steps are a loop.
for steps in (5, 70):
    given = [Fed(np.random.default_rng(n).standard_normal((2, steps, 12)).astype(np.float32) / 4) for n in range(3)]
    rates = [Fed(np.random.default_rng(n).uniform(low, low + 0.9, (2, steps, 3)).astype(np.float32))
             for n, low in ((3, -1), (4, 0))]  # fmt: skip
    by_reference("LinearAttention", 27, [*given, None, *rates], q_num_heads=3, kv_num_heads=3, outputs=2)
    by_reference("LinearAttention", 27, given, q_num_heads=3, kv_num_heads=3, update_rule="linear",
                 outputs=2)
for kind in (np.int8, np.int64, np.uint16):
    integers = np.array([0, 1, 2, 3, 100, -1 if kind != np.uint16 else 5], kind)
    case("Erf", 13, [Fed(integers)], expected=np.array([math.erf(x) for x in integers]).astype(kind))
