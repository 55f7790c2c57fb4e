"""Cases of operators that are made of others."""

import numpy as np
from cases import Fed, case, f32, floats, ints

MS = "com.microsoft."
random = np.random.default_rng(5)


def bytes_of(type, *shape):
    return random.integers(np.iinfo(type).min, np.iinfo(type).max + 1, shape).astype(type)


def one(type, value):
    return np.array(value, dtype=type)


# --- normalisations -----------------------------------------------------------------------------------------------

for groups in (1, 2, 6):
    case("GroupNormalization", 21, [(2, 6, 4, 5), floats(6), floats(6)], num_groups=groups, epsilon=1e-2)
    case("GroupNormalization", 18, [(2, 6, 7), floats(groups), floats(groups)], num_groups=groups)
case("InstanceNormalization", 6, [(2, 5, 4, 3), floats(5), floats(5)], epsilon=1e-2)
case("InstanceNormalization", 6, [(2, 5, 9), (5,), (5,)])
for axis in (1, -1):
    case("LayerNormalization", 17, [(3, 4, 5), (5,), (5,)], outputs=3, axis=axis if axis < 0 else 2, epsilon=1e-2)
case("LayerNormalization", 17, [(3, 4, 5), (4, 5)], outputs=[True, False, True], axis=1)
case("RMSNormalization", 23, [(3, 4, 5), (5,)])
case("RMSNormalization", 23, [(3, 4, 5), (4, 5)], axis=1, epsilon=1e-2)
case("MeanVarianceNormalization", 13, [(2, 3, 4, 5)])
case("MeanVarianceNormalization", 13, [(2, 3, 4, 5)], axes=[1, 3])
for p in (1, 2):
    case("LpNormalization", 22, [(3, 4, 5)], p=p, axis=1)
case("LpNormalization", 1, [(3, 4, 5)])
for size in (1, 3, 9):
    case("LRN", 13, [(2, 7, 4, 3)], size=size, alpha=0.5, beta=0.6, bias=2.0)
case("BatchNormalization", 15, [(4, 3, 5, 2), floats(3), floats(3), floats(3), np.abs(floats(3))], outputs=3,
     training_mode=1, momentum=0.7)

# --- losses -------------------------------------------------------------------------------------------------------

labels = random.integers(0, 5, (3, 4))
for reduction in ("none", "sum", "mean"):
    case("NegativeLogLikelihoodLoss", 13, [(3, 5), Fed(labels[:, 0])], reduction=reduction)
    case("NegativeLogLikelihoodLoss", 13, [(3, 5, 4), Fed(labels.astype(np.int32)), (5,)], reduction=reduction)
    case("SoftmaxCrossEntropyLoss", 13, [(3, 5, 4), Fed(labels), (5,)], outputs=2, reduction=reduction, ignore_index=2)

# --- attention ----------------------------------------------------------------------------------------------------

q, k, v = (2, 5, 24), (2, 7, 24), (2, 7, 30)
case("Attention", 23, [q, k, v], q_num_heads=6, kv_num_heads=6)
case("Attention", 23, [(2, 5, 24), (2, 7, 12), (2, 7, 18)], q_num_heads=4, kv_num_heads=2, is_causal=1)
case("Attention", 23, [q, k, v, Fed(random.random((5, 7)) > 0.3)], q_num_heads=6, kv_num_heads=6, softcap=2.0)
case("RotaryEmbedding", 23, [(2, 3, 5, 8), (20, 4), (20, 4), Fed(random.integers(0, 20, (2, 5)))])
case("RotaryEmbedding", 23, [(2, 5, 24), (20, 2), (20, 2), Fed(random.integers(0, 20, (2, 5)))], num_heads=3,
     rotary_embedding_dim=4, interleaved=1)

# --- sums of products ---------------------------------------------------------------------------------------------

for equation, *shapes in (
    ("ij->ji", (3, 4)), ("ba", (3, 4)), ("...ii->...i", (3, 5, 5)), ("ii", (5, 5)), ("iij->j", (4, 4, 3)),
    ("i,i", (5,), (5,)), ("i,j->ij", (5,), (4,)), ("bij, bjk -> bik", (5, 2, 3), (5, 3, 4)),
    ("...ij,...jk->...ik", (2, 1, 2, 3), (1, 5, 3, 4)), ("bhwc,hkc->bhwk", (2, 3, 4, 5), (3, 6, 5)),
    ("ab,bc,cd->ad", (2, 3), (3, 4), (4, 5)), ("ij,kl->", (2, 3), (4, 5)), ("ij,ij->ij", (2, 3), (2, 3)),
    ("bqhd,bkhd->bhqk", (2, 5, 3, 4), (2, 6, 3, 4)), ("bhqk,bkhd->bqhd", (2, 3, 5, 6), (2, 6, 3, 4)),
    ("i,ij,j->", (3,), (3, 4), (4,)), ("ij,ji->", (3, 4), (4, 3)),
):  # fmt: skip
    case("Einsum", 12, shapes, equation=equation)

# --- signals ------------------------------------------------------------------------------------------------------

for x in ((2, 10, 1), (2, 9, 2)):
    case("DFT", 17, [x], axis=1)
    case("DFT", 17, [x, one(np.int64, 7)], axis=1)
    case("DFT", 17, [x, one(np.int64, 16)], axis=1)
    case("DFT", 20, [(3, *x), None, one(np.int64, 1)])
    case("DFT", 20, [x, None, one(np.int64, -2)], inverse=int(x[-1] == 2))
case("DFT", 17, [(2, 10, 1)], axis=1, onesided=1)
case("DFT", 17, [(2, 9, 1)], axis=1, onesided=1)
case("STFT", 17, [(2, 40, 1), one(np.int64, 6), floats(16), one(np.int64, 16)])
case("STFT", 17, [(2, 40, 1), one(np.int64, 5), None, one(np.int64, 11)], onesided=0)
case("STFT", 17, [(2, 40, 1), Fed(np.array(6)), (16,), Fed(np.array(16))])
case("STFT", 17, [(2, 40, 1), Fed(np.array(5)), None, Fed(np.array(11))], onesided=0)
for axis in (1, -2):
    case("DFT", 20, [(3, 4, 6, 1), None, Fed(np.array(axis))], onesided=1)
for op in ("HannWindow", "HammingWindow", "BlackmanWindow"):
    for periodic in (0, 1):
        case(op, 17, [one(np.int64, 13)], periodic=periodic)
case("MelWeightMatrix", 17, [one(np.int64, 8), one(np.int64, 64), one(np.int64, 8000), one(np.float32, 100),
                             one(np.float32, 3500)])  # fmt: skip

# --- shapes, grids, pools -----------------------------------------------------------------------------------------

for mode in ("DCR", "CRD"):
    case("DepthToSpace", 13, [(2, 18, 3, 4)], blocksize=3, mode=mode)
case("SpaceToDepth", 13, [(2, 3, 6, 9)], blocksize=3)
case("CenterCropPad", 18, [(7, 8, 3), ints(4, 11, 3)])
case("CenterCropPad", 18, [(7, 8, 3), ints(10, 5)], axes=[-2, 0])
case("CenterCropPad", 18, [(7, 8, 3), Fed(ints(10, 5))], axes=[-2, 0])
for corners in (0, 1):
    case("AffineGrid", 20, [(2, 2, 3), ints(2, 3, 4, 5)], align_corners=corners)
    case("AffineGrid", 20, [(2, 3, 4), ints(2, 3, 4, 5, 6)], align_corners=corners)
case("LpPool", 18, [(2, 3, 9, 8)], kernel_shape=[3, 2], strides=[2, 2], pads=[1, 0, 1, 1])
case("LpPool", 18, [(2, 3, 9)], kernel_shape=[4], p=3, dilations=[2])
case("LpPool", 18, [(2, 3, 9, 8)], kernel_shape=[3, 3], p=1, auto_pad="SAME_UPPER", strides=[2, 2])
for p in (1, 2, 3):
    case("GlobalLpPool", 2, [(2, 3, 4, 5)], p=p)
case("Dropout", 13, [(3, 4)], outputs=2)

# --- quantised ----------------------------------------------------------------------------------------------------

scale, small = one(np.float32, 0.02), f32(*(0.01 * (1 + np.arange(9))))
for type in (np.uint8, np.int8):
    zero = one(type, 3)
    case("MatMulInteger", 10, [Fed(bytes_of(np.uint8, 5, 7)), bytes_of(type, 7, 9), one(np.uint8, 128), zero])
    case("MatMulInteger", 10, [Fed(bytes_of(np.uint8, 2, 5, 600)), Fed(bytes_of(type, 600, 9))])
    case("QLinearMatMul", 10, [Fed(bytes_of(np.uint8, 5, 7)), scale, one(np.uint8, 99), bytes_of(type, 7, 9), scale, zero,
                               one(np.float32, 0.3), one(np.uint8, 120)])  # fmt: skip
    case("QLinearConv", 10, [Fed(bytes_of(np.uint8, 1, 4, 7, 6)), scale, one(np.uint8, 99), bytes_of(type, 9, 4, 3, 3),
                             small, np.full(9, 3, type), one(np.float32, 0.9), one(np.uint8, 120),
                             random.integers(-900, 900, 9).astype(np.int32)], pads=[1, 1, 1, 1])  # fmt: skip
    case(MS + "QLinearAdd", 13, [Fed(bytes_of(type, 3, 4)), scale, zero, Fed(bytes_of(type, 4)), scale, zero,
                                 one(np.float32, 0.03), zero])  # fmt: skip
    case(MS + "QLinearMul", 13, [Fed(bytes_of(type, 3, 4)), scale, zero, Fed(bytes_of(type, 3, 1)), scale, zero,
                                 one(np.float32, 0.03), zero])  # fmt: skip
case("ConvInteger", 10, [Fed(bytes_of(np.uint8, 2, 4, 7, 6)), bytes_of(np.uint8, 6, 2, 3, 3), one(np.uint8, 100)],
     group=2, strides=[2, 1])  # fmt: skip
case("DynamicQuantizeLinear", 11, [(3, 40)], outputs=3)
u8 = one(np.uint8, 100)
case(MS + "QLinearSigmoid", 13, [Fed(bytes_of(np.uint8, 3, 4)), scale, u8, one(np.float32, 1 / 256), one(np.uint8, 0)])
case(MS + "QLinearLeakyRelu", 13, [Fed(bytes_of(np.uint8, 3, 4)), scale, u8, scale, u8], alpha=0.2)
case(MS + "QLinearGlobalAveragePool", 13, [Fed(bytes_of(np.uint8, 2, 3, 4, 5)), scale, u8, scale, u8])
case(MS + "QLinearAveragePool", 13, [Fed(bytes_of(np.uint8, 2, 3, 4, 5)), scale, u8, one(np.float32, 0.017), u8],
     kernel_shape=[2, 2])  # fmt: skip
case(MS + "QLinearConcat", 13, [scale, u8, Fed(bytes_of(np.uint8, 2, 3)), scale, u8, Fed(bytes_of(np.uint8, 2, 4)),
                                one(np.float32, 0.015), u8], axis=1)  # fmt: skip
case(MS + "QLinearSoftmax", 13, [Fed(bytes_of(np.uint8, 3, 9)), scale, u8, one(np.float32, 1 / 256), one(np.uint8, 0)],
     axis=-1, opset=13)  # fmt: skip
case(MS + "QGemm", 13, [Fed(bytes_of(np.uint8, 5, 7)), scale, u8, bytes_of(np.int8, 9, 7), scale, one(np.int8, 0),
                        random.integers(-900, 900, 9).astype(np.int32), one(np.float32, 0.3), u8], transB=1)  # fmt: skip
case(MS + "MatMulIntegerToFloat", 13, [Fed(bytes_of(np.uint8, 5, 7)), bytes_of(np.int8, 7, 9), scale, small, u8, None,
                                       floats(9)])  # fmt: skip
case(MS + "DynamicQuantizeMatMul", 13, [(5, 7), bytes_of(np.int8, 7, 9), scale, one(np.int8, 0), floats(9)])
for n_bits, size in ((4, 8), (8, 16)):
    case(MS + "MatMulNBits", 13, [(3, 40), bytes_of(np.uint8, 6, 3, size), np.abs(floats(18))], K=40, N=6,
         bits=n_bits, block_size=16)  # fmt: skip
case(MS + "MatMulNBits", 13, [(3, 40), bytes_of(np.uint8, 6, 3, 8), np.abs(floats(18)), bytes_of(np.uint8, 12)], K=40,
     N=6, bits=4, block_size=16)  # fmt: skip
case(MS + "GatherBlockQuantized", 13, [bytes_of(np.uint8, 10, 16), Fed(random.integers(0, 10, (2, 3))), floats(10, 2)],
     block_size=16, quantize_axis=1, bits=4)  # fmt: skip

# --- com.microsoft ------------------------------------------------------------------------------------------------

case(MS + "Gelu", 13, [(3, 40)])
case(MS + "QuickGelu", 13, [(3, 40)], alpha=1.5)
case(MS + "FastGelu", 13, [(3, 40), (40,)])
case(MS + "BiasGelu", 13, [(3, 40), (40,)])
case(MS + "FusedMatMul", 13, [(2, 4, 3), (2, 5, 4)], transA=1, transB=1, alpha=0.5)
case(MS + "FusedMatMul", 13, [(4, 2, 3), (2, 3, 5)], transBatchA=1)
for activation, params in (("LeakyRelu", [0.2]), ("Clip", [-0.5, 0.5]), ("HardSigmoid", [0.3, 0.4])):
    case(MS + "FusedConv", 13, [(1, 4, 7, 6), floats(5, 4, 3, 3), floats(5)], activation=activation,
         activation_params=params)  # fmt: skip
case(MS + "FusedConv", 13, [(1, 4, 7, 6), floats(5, 4, 3, 3), floats(5), (1, 5, 5, 4)], activation="Relu")
case(MS + "FusedGemm", 13, [(3, 4), floats(5, 4), floats(5)], transB=1, activation="LeakyRelu", activation_alpha=0.3)
case("SimplifiedLayerNormalization", 1, [(3, 4, 8), (8,)], epsilon=1e-2)
case(MS + "SkipLayerNormalization", 13, [(2, 4, 8), (2, 4, 8), (8,), (8,), (8,)], outputs=[True, False, False, True])
case(MS + "SkipSimplifiedLayerNormalization", 13, [(2, 4, 8), (2, 4, 8), (8,), (8,)],
     outputs=[True, False, False, True], epsilon=1e-2)  # fmt: skip
ids = Fed(random.integers(0, 10, (2, 4)).astype(np.int32))
case(MS + "EmbedLayerNormalization", 13, [ids, Fed(np.array([[0, 1, 0, 1]] * 2, np.int32)), floats(10, 8), floats(6, 8),
                                          floats(2, 8), floats(8), floats(8)], outputs=2)  # fmt: skip
mask = np.array([[1, 1, 1, 1, 0], [1, 1, 1, 0, 0]], np.int32)
for given in (None, Fed(mask), Fed(np.array([4, 3], np.int32))):
    case(MS + "Attention", 13, [(2, 5, 12), floats(12, 36), floats(36), given], num_heads=3)
    case(MS + "MultiHeadAttention", 13, [(2, 4, 12), (2, 5, 12), (2, 5, 12), (36,), given], num_heads=3)
case(MS + "Attention", 13, [(2, 5, 12), floats(12, 36), floats(36), None, (2, 2, 3, 6, 4)], outputs=2, num_heads=3,
     unidirectional=1)  # fmt: skip
case(MS + "MultiHeadAttention", 13, [(2, 1, 12), (2, 1, 12), (2, 1, 12), None, None, None, (2, 3, 6, 4), (2, 3, 6, 4)],
     outputs=3, num_heads=3)  # fmt: skip
for rotary in (0, 1):
    caches = [(10, 8), (10, 8)] if rotary else []
    case(MS + "GroupQueryAttention", 13, [(2, 4, 64), (2, 4, 32), (2, 4, 32), None, None, Fed(np.array([3, 3], np.int32)),
                                          one(np.int32, 4), *caches], outputs=3, num_heads=4, kv_num_heads=2,
         do_rotary=rotary)  # fmt: skip
    case(MS + "GroupQueryAttention", 13, [(2, 1, 64), (2, 1, 32), (2, 1, 32), (2, 2, 5, 16), (2, 2, 5, 16),
                                          Fed(np.array([5, 5], np.int32)), one(np.int32, 6), *caches], outputs=3,
         num_heads=4, kv_num_heads=2, do_rotary=rotary, local_window_size=4)  # fmt: skip
case(MS + "GroupQueryAttention", 13, [(2, 4, 64), None, None, None, None, Fed(np.array([3, 3], np.int32)),
                                      one(np.int32, 4)], outputs=3, num_heads=4, kv_num_heads=2, softcap=2.0)  # fmt: skip
case(MS + "RotaryEmbedding", 13, [(2, 5, 24), Fed(random.integers(0, 20, (2, 5))), floats(20, 4), floats(20, 4)])
case(MS + "RotaryEmbedding", 13, [(2, 3, 5, 8), Fed(ints(7)), floats(20, 4), floats(20, 4)], interleaved=1)
