"""Small models whose Programs are worth reading: each shows one thing that the compiler does."""

import numpy as np
from onnx import TensorProto, helper, numpy_helper

MODELS = {}


def model(function):
    MODELS[function.__name__] = function
    return function


class Graph:
    """Nodes in order; values are made on the way. Weights count upwards so that every dump is the same."""

    def __init__(self):
        self.nodes, self.weights, self.inputs, self.outputs = [], [], [], []

    def input(self, name, *dims, dtype=TensorProto.FLOAT):
        self.inputs.append(helper.make_tensor_value_info(name, dtype, list(dims)))
        return name

    def const(self, array):
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def weight(self, *dims):
        return self.const(((np.arange(np.prod(dims)) % 7 - 3) / 8).astype(np.float32).reshape(dims))

    def ints(self, *values):
        return self.const(np.array(values, np.int64))

    def scalar(self, value):
        return self.const(np.float32(value))

    def op(self, kind, *inputs, outputs=1, **attributes):
        names = [f"v{len(self.nodes)}" if outputs == 1 else f"v{len(self.nodes)}_{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(kind, list(inputs), names, name=f"{kind}_{len(self.nodes)}", **attributes))
        return names[0] if outputs == 1 else names

    def make(self, *outputs, opset=17):
        infos = [helper.make_empty_tensor_value_info(o) for o in outputs]
        graph = helper.make_graph(self.nodes, "main", self.inputs, infos, self.weights)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


@model
def gemm_gelu():
    """GELU written out with Erf reads its argument twice, yet ends in the epilogue of the matrix product."""
    g = Graph()
    x = g.op("Add", g.op("MatMul", g.input("x", 8, 16), g.weight(16, 32)), g.weight(32))
    erf = g.op("Erf", g.op("Div", x, g.scalar(2**0.5)))
    return g.make(g.op("Mul", g.op("Mul", x, g.op("Add", erf, g.scalar(1))), g.scalar(0.5)))


@model
def conv_bn_residual_relu():
    """Batch normalisation goes into the weights; the residual and Relu into the epilogue of the later convolution."""
    g = Graph()
    x = g.input("x", 1, 16, 8, 8)
    y = g.op("Conv", x, g.weight(16, 16, 3, 3), pads=[1, 1, 1, 1])
    positive = [g.const(np.linspace(0.5, 1.5, 16, dtype=np.float32)) for _ in range(4)]
    y = g.op("BatchNormalization", y, *positive)
    skip = g.op("Conv", x, g.weight(16, 16, 1, 1))
    return g.make(g.op("Relu", g.op("Add", y, skip)))


@model
def depthwise_block():
    """Pointwise, depthwise, pointwise, as MobileNet has them: pads of the depthwise one cost no copy."""
    g = Graph()
    six = (g.scalar(0), g.scalar(6))
    x = g.input("x", 1, 8, 10, 10)
    y = g.op("Clip", g.op("Conv", x, g.weight(24, 8, 1, 1), g.weight(24)), *six)
    y = g.op("Conv", y, g.weight(24, 1, 3, 3), g.weight(24), pads=[1, 1, 1, 1], group=24)
    y = g.op("Conv", g.op("Clip", y, *six), g.weight(8, 24, 1, 1), g.weight(8))
    return g.make(g.op("Add", x, y))


@model
def attention():
    """Heads are split by strides: no Transpose is left; scale and mask go into the score's epilogue."""
    g = Graph()
    x, mask = g.input("x", 1, 6, 16), g.input("mask", 1, 1, 1, 6)
    split = g.ints(1, 6, 2, 8)
    q, k, v = (g.op("Reshape", g.op("MatMul", x, g.weight(16, 16)), split) for _ in range(3))
    q, v = (g.op("Transpose", t, perm=[0, 2, 1, 3]) for t in (q, v))
    k = g.op("Transpose", k, perm=[0, 2, 3, 1])
    score = g.op("Add", g.op("Mul", g.op("MatMul", q, k), g.scalar(8**-0.5)), mask)
    mixed = g.op("MatMul", g.op("Softmax", score, axis=-1), v)
    return g.make(g.op("Reshape", g.op("Transpose", mixed, perm=[0, 2, 1, 3]), g.ints(1, 6, 16)))


@model
def layer_norm_written_out():
    """Means, differences and a root are one LayerNormalization."""
    g = Graph()
    x = g.input("x", 4, 12)
    d = g.op("Sub", x, g.op("ReduceMean", x, axes=[-1]))
    variance = g.op("ReduceMean", g.op("Pow", d, g.scalar(2)), axes=[-1])
    y = g.op("Div", d, g.op("Sqrt", g.op("Add", variance, g.scalar(1e-5))))
    return g.make(g.op("Add", g.op("Mul", y, g.weight(12)), g.weight(12)))


@model
def shape_arithmetic():
    """A target shape that the graph computes from its input's shape is known when compiling."""
    g = Graph()
    x = g.input("x", 2, 3, 4)
    shape = g.op("Shape", x)
    batch = g.op("Unsqueeze", g.op("Gather", shape, g.const(np.int64(0))), g.ints(0))
    flat = g.op("Reshape", x, g.op("Concat", batch, g.ints(-1), axis=0))
    return g.make(g.op("Relu", flat))


@model
def views():
    """Transpose, Slice, Split and Concat: the parts are read and written where they lie."""
    g = Graph()
    x = g.op("Transpose", g.input("x", 6, 8), perm=[1, 0])
    a, b = g.op("Split", x, outputs=2, axis=0)
    a = g.op("Exp", a)
    b = g.op("Neg", g.op("Slice", b, g.ints(1), g.ints(3), g.ints(0)))
    return g.make(g.op("Concat", a, b, axis=0))


@model
def integers_and_logic():
    """Masks as exporters write them: several types in one step."""
    g = Graph()
    mask = g.input("mask", 2, 5, dtype=TensorProto.INT64)
    wide = g.op("Cast", mask, to=TensorProto.FLOAT)
    inverted = g.op("Sub", g.scalar(1), wide)
    return g.make(g.op("Where", g.op("Cast", inverted, to=TensorProto.BOOL), g.scalar(-1e9), inverted))


@model
def half():
    """float16 is storage: computing is float32, with conversions on the way in and out."""
    g = Graph()
    x = g.input("x", 4, 8, dtype=TensorProto.FLOAT16)
    w = g.const((np.arange(64).reshape(8, 8) / 64).astype(np.float16))
    return g.make(g.op("Relu", g.op("MatMul", x, w)))


@model
def grouped_attention():
    """Two heads of keys and values serve four of queries: the rows of each pair make one product; the mask is constant."""
    g = Graph()
    q, k, v = (g.input(name, 1, 6, heads * 8) for name, heads in (("q", 4), ("k", 2), ("v", 2)))
    return g.make(g.op("Attention", q, k, v, q_num_heads=4, kv_num_heads=2, is_causal=1), opset=23)


@model
def einsum_diagonal():
    """A diagonal is a view; what is summed with nothing else is summed first; the rest is one product."""
    g = Graph()
    return g.make(g.op("Einsum", g.input("x", 5, 5, 8), g.input("y", 8, 6), equation="iik,kj->ji"))
