"""Models of open dims, in ONNX's text form, with the data of several runs each.

case(name, text, runs, weights): `runs` is a list of {input: array}, `weights` are {name: array}. fault() adds runs that
must end with a sentence that holds all of the given texts.
"""

from dataclasses import dataclass, field

import numpy as np
import onnx
from onnx import numpy_helper

CASES, FAULTS = [], []


@dataclass
class Case:
    name: str
    text: str
    runs: list
    weights: dict = field(default_factory=dict)
    says: tuple = ()
    options: tuple = ()  # of `run`
    opset: int = 18
    expects: list = None  # {output: array} a run, where ONNX Runtime does not run the model

    def model(self):
        made = onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["" : {self.opset}]> {self.name} {self.text}')
        made.graph.initializer.extend(numpy_helper.from_array(a, n) for n, a in self.weights.items())
        for graph in graphs_of(made.graph):
            for i, node in enumerate(graph.node):  # faults name the node
                node.name = node.name or f"{node.output[0]}_made"
        return made

    def bounds(self):
        """{input: the largest dims of all runs}."""
        return {name: [max(sizes) for sizes in zip(*(run[name].shape for run in self.runs))] for name in self.runs[0]}

    def variants(self):
        """[{input: dims}]: the shapes of all runs, each once."""
        shapes = {tuple((name, array.shape) for name, array in run.items()): None for run in self.runs}
        return [dict(variant) for variant in shapes]


def graphs_of(graph):
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                yield from graphs_of(attribute.g)


def case(name, text, runs, opset=18, expects=None, **weights):
    CASES.append(Case(name, text, runs, weights, opset=opset, expects=expects))


def fault(name, says, text, run, options=(), **weights):
    FAULTS.append(Case(name, text, [run], weights, says, options))


def floats(*dims):
    """The same for the same dims, so that a failure can be made again."""
    return np.random.default_rng([1, *dims]).standard_normal(dims).astype(np.float32)


def ints(*values):
    return np.array(values, np.int64)


def scalar(value, dtype=np.int64):
    return np.array(value, dtype)


# --- networks

case("mlp", """(float[n,16] x) => (float[n,10] y) {
    h = Gemm(x, w1, b1)
    r = Relu(h)
    g = Gemm(r, w2, b2)
    y = Softmax<axis = -1>(g) }""",
     [{"x": floats(n, 16)} for n in (1, 7, 0, 64, 31, 1)],
     w1=floats(16, 32), b1=floats(32), w2=floats(32, 10), b2=floats(10))  # fmt: skip

case("conv_net", """(float[n,3,h,w] x) => (float[n,5] y, float[n,8,p,q] features) {
    a = Conv<pads = [1, 1, 1, 1], strides = [2, 2]>(x, w1, b1)
    b = Relu(a)
    c = MaxPool<kernel_shape = [2, 2], strides = [1, 1]>(b)
    features = Conv<group = 8, pads = [1, 1, 1, 1]>(c, w2)
    d = Add(features, c)
    e = GlobalAveragePool(d)
    f = Flatten(e)
    y = Gemm(f, w3) }""",
     [{"x": floats(*dims)} for dims in ((1, 3, 8, 8), (3, 3, 17, 23), (1, 3, 5, 32), (2, 3, 3, 3), (1, 3, 64, 61))],
     w1=floats(8, 3, 3, 3), b1=floats(8), w2=floats(8, 1, 3, 3), w3=floats(8, 5))  # fmt: skip

case("upscale", """(float[n,c,h,w] x, int64[2] size) => (float[n,c,p,q] y, float[a,b,d,e] z) {
    shape = Shape<start = 0, end = 2>(x)
    sizes = Concat<axis = 0>(shape, size)
    y = Resize<mode = "nearest">(x, , , sizes)
    z = AveragePool<kernel_shape = [2, 2], pads = [1, 0, 1, 0]>(x) }""",
     [{"x": floats(*dims), "size": ints(*size)} for dims, size in (
         ((1, 2, 4, 4), (8, 8)), ((2, 3, 5, 7), (11, 13)), ((1, 1, 2, 2), (1, 1)), ((1, 2, 9, 3), (3, 9)))])  # fmt: skip

case("attention", """(float[b,s,32] x, float[b,1,1,s] mask) => (float[b,s,32] y) {
    q0 = MatMul(x, wq)
    k0 = MatMul(x, wk)
    v0 = MatMul(x, wv)
    heads = Constant<value_ints = [0, 0, 4, 8]>()
    q1 = Reshape(q0, heads)
    k1 = Reshape(k0, heads)
    v1 = Reshape(v0, heads)
    q = Transpose<perm = [0, 2, 1, 3]>(q1)
    k = Transpose<perm = [0, 2, 3, 1]>(k1)
    v = Transpose<perm = [0, 2, 1, 3]>(v1)
    scores = MatMul(q, k)
    scaled = Mul(scores, scale)
    masked = Add(scaled, mask)
    p = Softmax(masked)
    o = MatMul(p, v)
    t = Transpose<perm = [0, 2, 1, 3]>(o)
    back = Constant<value_ints = [0, 0, 32]>()
    r = Reshape(t, back)
    sum = Add(r, x)
    y = LayerNormalization(sum, gamma, beta) }""",
     [{"x": floats(b, s, 32), "mask": floats(b, 1, 1, s)}
      for b, s in ((1, 1), (2, 7), (1, 128), (3, 13), (0, 4), (1, 37))],
     wq=floats(32, 32), wk=floats(32, 32) / 2, wv=floats(32, 32) / 4, scale=scalar(0.35, np.float32),
     gamma=floats(32), beta=floats(1, 32)[0])  # fmt: skip

case("lstm", """(float[s,b,6] x) => (float[s,1,b,5] y, float[1,b,5] last) {
    y, last = LSTM<hidden_size = 5>(x, w, r, bias) }""",
     [{"x": floats(s, b, 6)} for s, b in ((1, 1), (7, 2), (3, 5), (23, 1))],
     w=floats(1, 20, 6), r=floats(1, 20, 5), bias=floats(1, 40))  # fmt: skip

# --- shapes

case("reshape", """(float[n,m] x, int64[3] target) => (float[a,b,c] y, float[b,a,c] turned) {
    y = Reshape(x, target)
    turned = Transpose<perm = [1, 0, 2]>(y) }""",
     [{"x": floats(*dims), "target": ints(*target)} for dims, target in (
         ((4, 6), (2, 3, 4)), ((4, 6), (-1, 2, 2)), ((5, 7), (0, -1, 1)), ((1, 1), (1, 1, 1)), ((3, 4), (0, 0, 1)),
         ((11, 13), (13, 11, -1)))])  # fmt: skip

case("broadcast", """(float[n,m] a, float[p,q] b) => (float[r,s] y, bool[r,s] less, float[r] sums) {
    c = Add(a, b)
    y = Mul(c, a)
    less = Less(a, b)
    sums = ReduceSum<keepdims = 0>(y, one) }""",
     [{"a": floats(*a), "b": floats(*b) + 1} for a, b in (
         ((3, 4), (3, 4)), ((3, 4), (1, 4)), ((3, 1), (3, 5)), ((1, 1), (2, 7)), ((1, 5), (3, 1)), ((1, 1), (1, 1)),
         ((0, 4), (1, 4)), ((1, 3), (0, 1)))], one=ints(1))  # fmt: skip

case("expand", """(float[n,1] x, int64[3] shape) => (float[a,b,c] y, float[c,b,a] z) {
    y = Expand(x, shape)
    t = Transpose(y)
    z = Exp(t) }""",
     [{"x": floats(n, 1), "shape": ints(*shape)}
      for n, shape in ((3, (2, 3, 4)), (1, (5, 1, 1)), (3, (1, 1, 1)), (2, (0, 2, 3)), (1, (3, 7, 2)))])  # fmt: skip

case("slices", """(float[n,m] x, int64[2] starts, int64[2] ends) => (float[a,b] y, float[c,d] twice, float[e,m] up) {
    y = Slice(x, starts, ends)
    twice = Add(y, y)
    up = Slice(x, last, far, zero, minus) }""",
     [{"x": floats(*dims), "starts": ints(*starts), "ends": ints(*ends)} for dims, starts, ends in (
         ((5, 7), (1, 2), (3, 7)), ((5, 7), (-2, -3), (100, -1)), ((5, 7), (4, 0), (2, 7)), ((1, 1), (0, 0), (1, 1)),
         ((0, 3), (0, 1), (5, 2)), ((13, 11), (-100, 3), (11, 2**62)))],
     last=ints(-1), far=ints(-(2**62)), zero=ints(0), minus=ints(-1))  # fmt: skip

case("steps", """(float[n,m] x, int64[1] start, int64[1] end, int64[1] axis, int64[1] step) => (float[a,b] y) {
    y = Slice(x, start, end, axis, step) }""",
     [{"x": floats(*dims), "start": ints(a), "end": ints(b), "axis": ints(axis), "step": ints(step)}
      for dims, a, b, axis, step in (
         ((9, 4), 0, 9, 0, 2), ((9, 4), 8, -100, 0, -3), ((4, 9), -1, -9, -1, -1), ((4, 9), 3, 2**40, 1, 5),
         ((0, 3), -1, -100, 0, -1), ((3, 1), 0, 1, 1, 7), ((5, 2), 4, 1, 0, 1))])  # fmt: skip

case("slice_from_the_end", """(float[4,6] x, int64[2] ends) => (float[a,b] y) {
    e = Exp(x)
    y = Slice(e, starts, ends) }""",
     [{"x": floats(4, 6), "ends": ints(*ends)} for ends in ((4, 6), (-1, 1))], starts=ints(3, 6))  # fmt: skip

case("channels_by_the_scale", """(float[n,c] x) => (uint8[n,c] q, float[n,c] y) {
    q = QuantizeLinear<axis = 1>(x, scale, zero)
    y = DequantizeLinear<axis = 1>(q, scale, zero) }""",
     [{"x": floats(n, 3)} for n in (1, 4)], scale=np.array([0.1, 0.2, 0.3], np.float32), zero=np.array([1, 2, 3], np.uint8))  # fmt: skip

case("concat_split", """(float[n,4] a, float[m,4] b) => (float[t,4] y, float[t,2] left, float[t,2] right, float[u,4] mean) {
    y = Concat<axis = 0>(a, b)
    left, right = Split<axis = 1>(y, halves)
    sums = ReduceMean<keepdims = 1>(y, zero)
    mean = Sub(y, sums) }""",
     [{"a": floats(n, 4), "b": floats(m, 4) + 1} for n, m in ((1, 1), (3, 5), (7, 0), (0, 2), (17, 19))],
     halves=ints(2, 2), zero=ints(0))  # fmt: skip

case("computed_sizes", """(float[n,m] x) => (int64[k] r, float[m,n] zeros, float[k2,2] tiled, int64[2] shape) {
    shape = Shape(x)
    n = Gather(shape, zero)
    r = Range(zero, n, one)
    turned = Gather(shape, swapped)
    zeros = ConstantOfShape(turned)
    row = Slice(x, first, second, first)
    flat = Reshape(row, column)
    tiled = Tile(flat, both) }""",
     [{"x": floats(*dims)} for dims in ((1, 1), (3, 5), (13, 2), (2, 64))],
     zero=scalar(0), one=scalar(1), swapped=ints(1, 0), first=ints(0), second=ints(1), column=ints(-1, 1),
     both=ints(2, 2))  # fmt: skip

case("counts", """(float[n,m] x, int64[1] k) => (int64[2,c] where, float[p] kept, float[n,t] best, int64[n,t] at, float[u] once) {
    zero = Constant<value_float = 0.0>()
    positive = Greater(x, zero)
    where = NonZero(positive)
    flags = Reshape(positive, all)
    flat = Reshape(x, all)
    kept = Compress(flat, flags)
    best, at = TopK(x, k)
    rounded = Round(flat)
    once = Unique(rounded) }""",
     [{"x": floats(n, m), "k": ints(k)} for n, m, k in ((1, 1, 1), (5, 7, 3), (2, 31, 31), (3, 2, 0), (16, 16, 5))],
     all=ints(-1))  # fmt: skip

case("pads", """(float[n,m] x, int64[4] pads, int64[2] repeats, int64 depth) => (float[a,b] padded, float[c,d] tiled, float[e,f] hot) {
    padded = Pad(x, pads)
    tiled = Tile(x, repeats)
    size = Size(x)
    zero = Constant<value_int = 0>()
    one = Constant<value_int = 1>()
    r = Range(zero, size, one)
    values = Constant<value_floats = [0.0, 2.0]>()
    hot = OneHot(r, depth, values) }""",
     [{"x": floats(*dims), "pads": ints(*pads), "repeats": ints(*repeats), "depth": scalar(depth)}
      for dims, pads, repeats, depth in (
         ((2, 3), (0, 0, 0, 0), (1, 1), 6), ((1, 1), (3, 2, 1, 0), (5, 3), 1), ((4, 5), (-1, 2, 0, -2), (2, 1), 7),
         ((3, 1), (0, 1, 2, 3), (0, 4), 2))])  # fmt: skip

case("axes_at_run_time", """(float[n,m] x, int64[1] axes, int64 axis) => (float[a,b] y, float[n,m] z) {
    y = ReduceSum<keepdims = 1>(x, axes)
    z = CumSum(x, axis) }""",
     [{"x": floats(*dims), "axes": ints(a), "axis": scalar(b)}
      for dims, a, b in (((3, 4), 0, 1), ((3, 4), -1, 0), ((1, 1), 1, -1), ((7, 11), -2, -2))])  # fmt: skip

case("einsum", """(float[b,i,k] x, float[b,j,k] y) => (float[b,i,j] z, float[b,j] w) {
    z = Einsum<equation = "bik,bjk->bij">(x, y)
    w = ReduceMax<keepdims = 0>(z, one) }""",
     [{"x": floats(b, i, k), "y": floats(b, j, k) + 1}
      for b, i, j, k in ((1, 1, 1, 1), (2, 3, 5, 7), (3, 17, 1, 2), (1, 32, 31, 33))], one=ints(1))  # fmt: skip

# Only the weights say how long the sums are.
case("weights_know", """(float[n,m] x, float[b,c,w] z) => (float[p,2] y, float[q,5] v, float[b,4,s] u) {
    y = Gemm<transA = 1>(x, a)
    v = MatMul(x, t)
    u = Conv(z, k) }""",
     [{"x": floats(3, 6), "z": floats(b, 2, w)} for b, w in ((1, 3), (2, 17))],
     a=floats(3, 2), t=floats(6, 5), k=floats(4, 2, 3))  # fmt: skip

# --- branches and loops

case("inner_dim", """(float[n,k] x, uint8[n,k] p, uint8[k,m] q) => (float[n,3] z, float[n,3] g, int32[n,m] r) {
    z = MatMul(x, w)
    g = Gemm<transB = 1>(x, v)
    r = MatMulInteger(p, q, zero) }""",
     [{"x": floats(n, 5), "p": np.arange(n * 5, dtype=np.uint8).reshape(n, 5),
       "q": np.arange(5 * m, dtype=np.uint8).reshape(5, m)} for n, m in ((1, 1), (4, 2), (17, 9))],
     w=floats(5, 3), v=floats(3, 5), zero=np.uint8(7))  # fmt: skip

case("empty_weight", """(float[n,0] x, float[n,4] y) => (float[n,3] a, float[n,2] b) {
    a = MatMul(x, none)
    b = MatMul(y, w) }""",
     [{"x": floats(n, 0), "y": floats(n, 4)} for n in (1, 3)], none=floats(0, 3), w=floats(4, 2))  # fmt: skip

case("split_of_range", """(int64 limit) => (int64[1] first, int64[p] rest) {
    numbers = Range(start, limit, step)
    first, rest = Split(numbers, sizes) }""",
     [{"limit": scalar(3)}], start=scalar(0), step=scalar(1), sizes=ints(1, 2))  # fmt: skip

case("half_results_read", """(float16[n,4] x) => (float16[n,4] a, float16[n,4] b, float[n,4] c) {
    a = Mul(x, x)
    b = Relu(a)
    c = Cast<to = 1>(a) }""",
     [{"x": floats(n, 4).astype(np.float16)} for n in (1, 3)])  # fmt: skip

case("branch", """(float[n,4] x, bool first) => (float[m,4] y, float[4] sums) {
    y = If(first)<
        then_branch = then () => (float[a,4] one) { one = Slice(x, zero, unit) },
        else_branch = otherwise () => (float[b,4] two) { t = Concat<axis = 0>(x, x)
                                                        two = Mul(t, t) }>
    sums = ReduceSum<keepdims = 0>(y, zero) }""",
     [{"x": floats(n, 4), "first": scalar(first, bool)} for n in (1, 5, 0, 13) for first in (True, False)],
     zero=ints(0), unit=ints(1))  # fmt: skip

SQUEEZED = """
    shape = Shape(x)
    m = Gather(shape, last)
    single = Equal(m, unit)
    t = If(single)<
        then_branch = then () => (float[a] one) { one = Squeeze(x, last) },
        else_branch = otherwise () => (float[b,c] two) { two = Identity(x) }>"""
case("branch_ranks", "(float[n,m] x) => (float y, int64 rank, float[n,m] z) {" + SQUEEZED + """
    z = Neg(x)
    most = ReduceMax<keepdims = 0>(z)
    u = Mul(t, most)
    y = ReduceSum<keepdims = 0>(u)
    v = Shape(u)
    rank = Size(v) }""",
     [{"x": floats(n, m)} for n, m in ((3, 1), (3, 4), (1, 1), (1, 7), (0, 3))], unit=ints(1), last=ints(-1))  # fmt: skip

case("branch_ranks_twice", "(float[n,m] x, bool deep) => (float y, float[n,m] z) {" + SQUEEZED + """
    u = If(deep)<
        then_branch = then2 () => (float[d] three) {
            three = If(single)<
                then_branch = then3 () => (float[e] four) { four = Exp(t) },
                else_branch = otherwise3 () => (float[f] five) { five = ReduceSum<keepdims = 0>(t) }> },
        else_branch = otherwise2 () => (float[g] six) { six = Unsqueeze(t, zero) }>
    v = Tanh(u)
    w = Add(v, v)
    y = ReduceSum<keepdims = 0>(w)
    z = Mul(x, y) }""",
     [{"x": floats(n, m), "deep": scalar(deep, bool)} for n, m in ((3, 1), (3, 4), (1, 1)) for deep in (True, False)],
     unit=ints(1), last=ints(-1), zero=ints(0))  # fmt: skip

GEMM_OF_SQUEEZED = "(float[n,m] x) => (float[p,2] y) {" + SQUEEZED + " y = Gemm<transA = 1>(t, w) }"
case("branch_that_fits", GEMM_OF_SQUEEZED, [{"x": floats(3, m)} for m in (2, 5)], unit=ints(1), last=ints(-1),
     w=floats(3, 2))  # fmt: skip

case("branches_of_other_rank", """(float[n,m] x, bool first) => (float[n,m] y, float[n,m] z) {
    s = If(first)<
        then_branch = then () => (float a) { a = ReduceMax<keepdims = 0>(x) },
        else_branch = otherwise () => (float[m] b) { b = ReduceMax<keepdims = 0>(x, zero) }>
    h = Tanh(s)
    y = Add(x, h)
    t = If(first)<
        then_branch = inner () => (float[1,m] c) { c = ReduceMin<keepdims = 1>(x, zero) },
        else_branch = outer () => (float d) { d = ReduceMin<keepdims = 0>(x) }>
    z = Mul(t, x) }""",
     [{"x": floats(n, m), "first": scalar(first, bool)} for n, m in ((1, 1), (3, 5), (2, 4)) for first in (True, False)], zero=ints(0))  # fmt: skip

LOOPED = "(float[n,3] x, int64 m) => (float[p,3] y, float[q,3] more)"
case("loop_concat", LOOPED + """ {
    y = Loop(m, , x)<body = body (int64 i, bool c, float[a,3] s) => (bool d, float[b,3] t) {
        d = Identity(c)
        t = Concat<axis = 0>(s, x) }>
    more = Concat<axis = 0>(x, y) }""",
     [{"x": floats(n, 3), "m": scalar(m)} for n, m in ((1, 0), (1, 1), (2, 3), (5, 7), (0, 4), (3, 40))])  # fmt: skip

case("loop_limit", """(float[n,m] x, int64 limit, float most) => (float[n,m] y, float[r,m] rows, int64[r] rounds) {
    go = Constant<value_int = 1>()
    start = Cast<to = 9>(go)
    y, rows, rounds = Loop(limit, start, x)<body = body (int64 i, bool c, float[n,m] s) =>
                                            (bool again, float[n,m] t, float[m] row, int64 j) {
        half = Constant<value_float = 0.5>()
        t = Add(s, half)
        row = ReduceSum<keepdims = 0>(t, zero)
        top = ReduceMax<keepdims = 0>(t)
        j = Add(i, i)
        again = Less(top, most) }> }""",
     [{"x": floats(n, m), "limit": scalar(limit), "most": scalar(most, np.float32)}
      for n, m, limit, most in ((1, 1, 5, 100), (3, 4, 100, 6), (2, 7, 1, 9), (5, 2, 3, -9), (1, 13, 2**62, 8))],
     zero=ints(0))  # fmt: skip

case("loop_while", """(float[n] x) => (float[n] y, int64 rounds, float[r,n] all) {
    one = Constant<value_int = 1>()
    start = Cast<to = 9>(one)
    none = Constant<value_int = 0>()
    y, rounds, all = Loop(, start, x, none)<body = body (int64 i, bool c, float[n] s, int64 k) =>
                                            (bool again, float[n] t, int64 l, float[n] each) {
        half = Constant<value_float = 0.5>()
        t = Mul(s, half)
        unit = Constant<value_int = 1>()
        l = Add(k, unit)
        each = Neg(t)
        a = Abs(t)
        sum = ReduceSum<keepdims = 0>(a)
        least = Constant<value_float = 0.01>()
        again = Greater(sum, least) }> }""",
     [{"x": floats(n)} for n in (1, 2, 31, 0)])  # fmt: skip

case("loop_slices", """(float[n,m] x) => (float[n,m] y, float[n,m] z) {
    shape = Shape(x)
    rows = Gather(shape, none)
    h = Exp(x)
    y = Loop(rows, go)<body = body (int64 i, bool c) => (bool d, float[m] row) {
        d = Identity(c)
        r = Gather(h, i)
        a = Softmax(r)
        b = Tanh(r)
        row = Add(a, b) }>
    z = Sub(h, y) }""",
     [{"x": floats(n, m)} for n, m in ((1, 1), (4, 3), (13, 7), (2, 100))], none=scalar(0), go=scalar(True, bool))  # fmt: skip

case("loop_in_branch", """(float[n] x, bool grow, int64 m) => (float[p] y) {
    y = If(grow)<
        then_branch = then () => (float[a] u) {
            u = Loop(m, , x)<body = body (int64 i, bool c, float[b] s) => (bool d, float[e] t) {
                d = Identity(c)
                first = Slice(s, zero, unit)
                t = Concat<axis = 0>(first, s) }> },
        else_branch = otherwise () => (float[n] v) { v = Neg(x) }> }""",
     [{"x": floats(n), "grow": scalar(grow, bool), "m": scalar(m)}
      for n, grow, m in ((1, True, 3), (5, False, 3), (5, True, 0), (7, True, 11))], zero=ints(0), unit=ints(1))  # fmt: skip

case("branch_in_loop", """(float[n] x, int64 m) => (float[p] y) {
    y = Loop(m, , x)<body = body (int64 i, bool c, float[b] s) => (bool d, float[e] t) {
        d = Identity(c)
        two = Constant<value_int = 2>()
        odd = Mod(i, two)
        even = Equal(odd, zero)
        t = If(even)<
            then_branch = then () => (float[f] u) { u = Concat<axis = 0>(s, x) },
            else_branch = otherwise () => (float[g] v) { v = Neg(s) }> }> }""",
     [{"x": floats(n), "m": scalar(m)} for n, m in ((1, 1), (3, 0), (3, 2), (5, 7), (0, 3))], zero=scalar(0))  # fmt: skip

# --- sizes out of the data, at places where symbols could be lost

case("size_behind_identity", """(float[n] x, int64[1] k) => (int64[a] r, float[b] z, float[c] w) {
    same = Identity(k)
    again = Identity(k)
    n = Squeeze(same)
    m = Squeeze(again)
    r = Range(zero, n, one)
    z = ConstantOfShape(same)
    most = Max(again, first)
    w = Expand(x, most)
    v = Range(zero, m, one) }""",
     [{"x": floats(1), "k": ints(k)} for k in (1, 5, 3)], zero=scalar(0), one=scalar(1), first=ints(1))  # fmt: skip

case("size_carried", """(float[n] x, int64 m, int64 first) => (float[p] y, int64 last) {
    y, last = Loop(m, , x, first)<body = body (int64 i, bool c, float[a] s, int64 k) => (bool d, float[b] t, int64 l) {
        d = Identity(c)
        one = Constant<value_int = 1>()
        l = Add(k, one)
        zero = Constant<value_int = 0>()
        r = Range(zero, k, one)
        f = Cast<to = 1>(r)
        t = Concat<axis = 0>(s, f) }> }""",
     [{"x": floats(n), "m": scalar(m), "first": scalar(first)} for n, m, first in ((1, 1, 1), (2, 4, 0), (3, 5, 7))])  # fmt: skip

case("size_scanned", """(float[n] x, int64[m] sizes) => (float[n] y) {
    y = Scan<num_scan_inputs = 1, body = body (float[n] a, int64 k) => (float[n] b) {
        r = Range(none, k, unit)
        f = Cast<to = 1>(r)
        sum = ReduceSum<keepdims = 0>(f)
        b = Add(a, sum) }>(x, sizes) }""",
     [{"x": floats(2), "sizes": ints(*sizes)} for sizes in ((1,), (2, 5, 3), (7, 0, 4, 1))],
     none=scalar(0), unit=scalar(1))  # fmt: skip

case("loop_turned", """(float[n,m] x, int64 k) => (float[p,q] y, float[n,m] z) {
    y, skipped = Loop(k, , x, x)<body = body (int64 i, bool c, float[a,b] s, float[n,m] t) =>
                                             (bool d, float[e,f] u, float[n,m] v) {
        d = Identity(c)
        shape = Shape(s)
        turned = Gather(shape, swap)
        u = Reshape(s, turned)
        v = Neg(t) }>
    z = Neg(skipped) }""",
     [{"x": floats(n, m), "k": scalar(k)} for n, m, k in ((2, 3, 1), (2, 3, 2), (5, 1, 0), (3, 7, 5))],
     swap=ints(1, 0))  # fmt: skip

case("loop_first_absent", """(float[n] x, int64 k) => (float[n] z) {
    , z = Loop(k, , x, x)<body = body (int64 i, bool c, float[a] s, float[n] t) => (bool d, float[e] u, float[n] v) {
        d = Identity(c)
        u = Concat<axis = 0>(s, s)
        v = Neg(t) }> }""",
     [{"x": floats(3), "k": scalar(k)} for k in (0, 1, 4)],
     expects=[{"z": floats(3) * sign} for sign in (1, -1, 1)])  # fmt: skip

# An expression of dims that grows with every node.
LONG = ["l0 = Add(n, m)"] + [
    f"a{i} = Mul(l{i}, three) b{i} = Add(a{i}, n) c{i} = Div(b{i}, four) d{i} = Min(c{i}, l{i}) l{i + 1} = Add(d{i}, m)"
    for i in range(300)]  # fmt: skip
case("long_size", "(float[p,q] x) => (int64[r] y) { s = Shape(x) n = Gather(s, zero) m = Gather(s, one) "
     + " ".join(LONG) + " y = Range(zero, l300, one) }",
     [{"x": floats(n, m)} for n, m in ((1, 1), (7, 3), (100, 2))],
     zero=scalar(0), one=scalar(1), three=scalar(3), four=scalar(4))  # fmt: skip

for directions in ([0, 0], [1, 0], [0, 1], [1, 1]):
    case("scan_" + "".join("fb"[d] for d in directions), f"""(float[k] s, float[n,k] x) => (float[k] last, float[n,k] y) {{
    last, y = Scan<num_scan_inputs = 1, scan_input_directions = [{directions[0]}],
                   scan_output_directions = [{directions[1]}],
                   body = body (float[k] a, float[k] b) => (float[k] c, float[k] d) {{
                       e = Mul(a, half)
                       c = Add(e, b)
                       d = Tanh(c) }}>(s, x) }}""",
         [{"s": floats(k), "x": floats(n, k)} for n, k in ((1, 1), (5, 3), (31, 2), (2, 17))],
         half=scalar(0.5, np.float32))  # fmt: skip

for name, lengths, directions in (("", "", 0), ("_back", "", 1), ("_lengths", "l", 0), ("_lengths_back", "l", 1)):
    given = "int64[b] l, " if lengths else ""
    case(f"scan_batches{name}", f"""({given}float[b,k] s, float[b,n,k] x, float[b,n] w) => (float[b,k] last, float[b,n,k] y) {{
    last, y = Scan<num_scan_inputs = 2, directions = [{directions}, 0], body = body (float[k] a, float[k] c, float f) =>
                                            (float[k] d, float[k] e) {{
        g = Mul(c, f)
        d = Add(a, g)
        e = Tanh(d) }}>({lengths}, s, x, w) }}""",
         [{**({"l": ints(*ls)} if lengths else {}), "s": floats(b, k), "x": floats(b, n, k), "w": floats(b, n)}
          for b, n, k, ls in ((1, 3, 2, (3,)), (2, 5, 3, (2, 5)), (3, 4, 4, (1, 3, 4)))], opset=8)  # fmt: skip

# --- faults: sentences that name the node

MATRICES = "(float[n,m] a, float[p,q] b) => (float[r,s] y)"
A, B = floats(3, 4), floats(5, 6)
fault("do_not_broadcast", ("y_made", "do not fit"), MATRICES + " { y = Add(a, b) }", {"a": A, "b": B})
fault("inner_dims", ("y_made", "do not fit"), MATRICES + " { y = MatMul(a, b) }", {"a": A, "b": B})
fault("scale_of_other_channels", ("y_made", "do not fit"), "(float[n,c] x) => (uint8[n,c] y) { y = QuantizeLinear(x, s) }",
      {"x": floats(2, 4)}, s=np.ones(3, np.float32))  # fmt: skip
fault("concat", ("y_made", "do not fit"), MATRICES + " { y = Concat<axis = 0>(a, b) }", {"a": A, "b": B})
fault("same_name", ("'b'",), "(float[n] a, float[n] b) => (float[n] y) { y = Add(a, b) }",
      {"a": floats(3), "b": floats(4)})  # fmt: skip
fault("reshape_count", ("y_made", "do not fit"), "(float[n] x, int64[2] s) => (float[a,b] y) { y = Reshape(x, s) }",
      {"x": floats(7), "s": ints(2, 4)})  # fmt: skip
fault("reshape_rest", ("y_made", "do not fit"), "(float[n] x, int64[2] s) => (float[a,b] y) { y = Reshape(x, s) }",
      {"x": floats(7), "s": ints(2, -1)})  # fmt: skip
fault("squeeze", ("y_made", "do not fit"), "(float[n,m] x) => (float[m] y) { y = Squeeze(x, z) }", {"x": floats(2, 3)}, z=ints(0))
fault("squeeze_any", ("y_made", "do not fit"), "(float[1,m] x) => (float[m] y) { y = Squeeze(x) }", {"x": floats(1, 1)})
fault("index", ("y_made", "out of range"), "(float[n,2] x, int64[k] i) => (float[k,2] y) { y = Gather(x, i) }",
      {"x": floats(3, 2), "i": ints(0, 3)})  # fmt: skip
fault("axis", ("y_made",), "(float[n,2] x, int64[1] i) => (float[a,b] y) { y = ReduceSum(x, i) }",
      {"x": floats(3, 2), "i": ints(2)})  # fmt: skip
fault("step", ("y_made", "do not fit"), "(float[n] x, int64[1] s) => (float[m] y) { y = Slice(x, z, e, z, s) }",
      {"x": floats(3), "s": ints(0)}, z=ints(0), e=ints(3))  # fmt: skip
fault("most", ("y_made",), "(float[n] x, int64[1] k) => (float[m] y, int64[m] i) { y, i = TopK(x, k) }",
      {"x": floats(3), "k": ints(4)})  # fmt: skip
fault("kernel", ("y_made", "do not fit"), "(float[1,2,h,w] x) => (float[1,3,p,q] y) { y = Conv(x, k) }",
      {"x": floats(1, 2, 2, 5)}, k=floats(3, 2, 3, 3))  # fmt: skip
fault("branch", ("t_made", "a branch in which shapes do not fit"), GEMM_OF_SQUEEZED, {"x": floats(3, 1)},
      unit=ints(1), last=ints(-1), w=floats(3, 2))  # fmt: skip
fault("memory", ("--memory",), "(float[n] x, int64[2] s) => (float[a,b] y) { e = Exp(x) y = Expand(e, s) }",
      {"x": floats(1), "s": ints(2000, 2000)}, ("--memory", "1M"))  # fmt: skip
fault("memory_of_a_loop", ("--memory",), LOOPED + """ {
    y = Loop(m, , x)<body = body (int64 i, bool c, float[a,3] s) => (bool d, float[b,3] t) {
        d = Identity(c)
        t = Concat<axis = 0>(s, s) }>
    more = Identity(y) }""", {"x": floats(1, 3), "m": scalar(60)}, ("--memory", "1M"))  # fmt: skip
fault("endless", ("y_made", "does not end"), """(float[n] x) => (float[n] y) {
    y = Loop(, go, x)<body = body (int64 i, bool c, float[n] s) => (bool d, float[n] t) {
        d = Identity(c)
        t = Neg(s) }> }""", {"x": floats(1)}, go=scalar(True, bool))  # fmt: skip
fault("endless_within_its_limit", ("y_made", "does not end"), """(float[n] x, int64 most) => (float[n] y) {
    y = Loop(most, go, x)<body = body (int64 i, bool c, float[n] s) => (bool d, float[n] t) {
        d = Identity(c)
        t = Neg(s) }> }""", {"x": floats(1), "most": scalar(2**63 - 1)}, go=scalar(True, bool))  # fmt: skip
fault("endless_inside", ("t_made", "does not end"), """(float[n] x, int64 m) => (float[n] y) {
    y = Loop(m, , x)<body = body (int64 i, bool c, float[n] s) => (bool d, float[n] t) {
        d = Identity(c)
        t = Loop(, go, s)<body = inner (int64 j, bool e, float[n] u) => (bool f, float[n] v) {
            f = Identity(e)
            v = Neg(u) }> }> }""", {"x": floats(1), "m": scalar(3)}, go=scalar(True, bool))  # fmt: skip
for op in ("Div", "Mod"):
    fault(f"{op.lower()}_by_zero", ("y_made", "division by zero"), f"(int64[n] a, int64[n] b) => (int64[n] y) {{ y = {op}(a, b) }}",
          {"a": ints(1, 2, 3), "b": ints(4, 0, 5)})  # fmt: skip
fault("index_in_a_loop", ("row_made", "out of range"), """(float[n,2] x, int64 m) => (float[m,2] y) {
    y = Loop(m, )<body = body (int64 i, bool c) => (bool d, float[2] row) {
        d = Identity(c)
        row = Gather(x, i) }> }""", {"x": floats(3, 2), "m": scalar(4)})  # fmt: skip
fault("position", ("y_made", "out of range"), """(float[n] x, int64 i) => (float[n] y) {
    s = SequenceConstruct(x, x)
    y = SequenceAt(s, i) }""", {"x": floats(3), "i": scalar(-3)})  # fmt: skip
fault("memory_of_a_sequence", ("--memory",), """(float[n] x, int64 m) => (int64 y) {
    e = SequenceEmpty()
    s = Loop(m, , e)<body = body (int64 i, bool c, seq(float[n]) t) => (bool d, seq(float[n]) u) {
        d = Identity(c)
        u = SequenceInsert(t, x) }>
    y = SequenceLength(s) }""", {"x": floats(100), "m": scalar(10**6)}, ("--memory", "1M"))  # fmt: skip
