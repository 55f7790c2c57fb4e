"""Operators of com.microsoft over random shapes and attributes, with and without their optional inputs; see cases.py.
"""

import ml_dtypes
import numpy as np
from cases import Fed, case, floats

MS = "com.microsoft."
random = np.random.default_rng(29)


def one(kind, x):
    return np.array(x, kind)


def integers(kind, *shape):
    info = np.iinfo(kind)
    return random.integers(info.min, info.max + 1, shape).astype(kind)


def maybe(value, share=0.5):
    return value if random.random() < share else None


# --- weights of a few bits ----------------------------------------------------------------------------------------



def nibbles(x):
    return np.stack([x & 15, x >> 4], -1).reshape(*x.shape[:-1], -1).astype(np.float64)


def by_groups(a, w, scales, zeros, groups, bias):
    """MatMulNBits of 4 bits: ONNX Runtime takes other zero points than without groups, even where those are the same."""
    n, blocks, k = w.shape[0], w.shape[1], a.shape[1]
    zero = nibbles(zeros.reshape(n, -1))[:, :blocks][:, groups]
    real = (nibbles(w).reshape(n, -1)[:, :k] - zero) * scales.reshape(n, blocks)[:, groups]
    return (a @ real.T + (0 if bias is None else bias)).astype(np.float32)


for _ in range(12):
    bits, block = int(random.choice([4, 4, 8])), int(random.choice([16, 32]))
    m, n, k = (int(random.integers(1, 40)) for _ in range(3))
    blocks = -(-k // block)
    zeros = maybe(integers(np.uint8, n * -(-blocks * bits // 8)))
    groups = maybe(random.integers(0, blocks, k).astype(np.int32), 0.3) if bits == 4 else None
    given = [floats(m, k), integers(np.uint8, n, blocks, block * bits // 8), np.abs(floats(n * blocks)), zeros, groups,
             maybe(floats(n))]  # fmt: skip
    expected = by_groups(*given) if zeros is not None and groups is not None else None
    case(MS + "MatMulNBits", 13, [Fed(given[0]), *given[1:]], expected=expected, K=k, N=n, bits=bits, block_size=block)
for zeros in (True, False):
    points = [integers(np.uint8, 5, 4, 2)] if zeros else []
    case(MS + "GatherBlockQuantized", 13,
         [integers(np.uint8, 5, 4, 20), Fed(random.integers(-5, 5, (2, 3))), floats(5, 4, 3), *points],
         quantize_axis=2, gather_axis=0, block_size=16, bits=4)  # fmt: skip
    for quantised, gathered in ((1, 0), (2, 0), (2, 1), (0, 1), (-1, -2)):
        for kind in (ml_dtypes.int4, ml_dtypes.uint4):
            shape = [int(random.integers(3, 9)) for _ in range(3)]
            shape[quantised] = 40
            scales = list(shape)
            scales[quantised] = 3
            low, size = (-8 if kind == ml_dtypes.int4 else 0), shape[gathered]
            table, points = (random.integers(low, low + 16, s).astype(kind) for s in (shape, scales))
            case(MS + "GatherBlockQuantized", 13,
                 [table, Fed(random.integers(-size, size, (2, 3))), floats(*scales), *([points] if zeros else [])],
                 quantize_axis=quantised, gather_axis=gathered, block_size=16)  # fmt: skip

# --- grouped queries ----------------------------------------------------------------------------------------------

for _ in range(16):
    batch, queries, past = int(random.integers(1, 3)), int(random.integers(1, 6)), int(random.integers(0, 5))
    kv_heads, group, size = int(random.integers(1, 3)), int(random.integers(1, 4)), int(random.choice([16, 32]))
    if queries > 1:
        past = 0
    heads, total = kv_heads * group, queries + past
    kept = [Fed(floats(batch, kv_heads, past, size)) for _ in range(2)] if past else [None, None]
    lengths = Fed(np.full(batch, total - 1, np.int32))
    attributes = {"num_heads": heads, "kv_num_heads": kv_heads}
    rotary = random.random() < 0.5
    if rotary:
        attributes |= {"do_rotary": 1, "rotary_interleaved": int(random.integers(2))}
    if random.random() < 0.3:
        attributes["softcap"] = 3.0
    if random.random() < 0.3:
        attributes["local_window_size"] = 3
    if random.random() < 0.3:
        attributes["scale"] = 0.7
    sink = maybe(floats(heads), 0.3)
    if sink is None and random.random() < 0.3:
        attributes["smooth_softmax"] = 1
    caches = [floats(16, size // 2), floats(16, size // 2)] if rotary else [None, None]
    given = [Fed(floats(batch, queries, heads * size)), Fed(floats(batch, queries, kv_heads * size)),
             Fed(floats(batch, queries, kv_heads * size))]  # fmt: skip
    if random.random() < 0.3:
        given = [Fed(floats(batch, queries, (heads + 2 * kv_heads) * size)), None, None]
    case(MS + "GroupQueryAttention", 13, [*given, *kept, lengths, one(np.int32, total), *caches, None, None, sink],
         outputs=3, **attributes)  # fmt: skip

# --- DynamicQuantizeLSTM ------------------------------------------------------------------------------------------

for direction in ("forward", "reverse", "bidirectional"):
    for kind in (np.int8, np.uint8):
        for per_column in (False, True):
            ways, times, batch, inputs, hidden = 1 + (direction == "bidirectional"), 5, 2, 7, 6
            shape = (ways, 4 * hidden) if per_column else (ways,)
            scales = [np.abs(floats(*shape)) / 60 + np.float32(1e-3) for _ in range(2)]
            zeros = [np.full(shape, 0 if kind == np.int8 else 128, kind) for _ in range(2)]
            bias, state = maybe(floats(ways, 8 * hidden)), [Fed(floats(ways, batch, hidden)) for _ in range(2)]
            case(MS + "DynamicQuantizeLSTM", 13,
                 [(times, batch, inputs), integers(kind, ways, inputs, 4 * hidden), integers(kind, ways, hidden, 4 * hidden),
                  bias, None, *(state if random.random() < 0.5 else [None, None]), None, scales[0], zeros[0], scales[1],
                  zeros[1]],
                 outputs=3, hidden_size=hidden, direction=direction)  # fmt: skip
