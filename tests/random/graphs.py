"""Random graphs that are valid by construction: each node is evaluated by ONNX Runtime as soon as it is drawn.

A value has three versions: as it is, and as two computations would have it whose floats are off by a few units in the
last place, before and after every node. What the versions differ by is what rounding may do to the value. A node is
drawn again where they differ much (sums that cancel) or at all where a result is no float (a maximum of two equals):
so that tolerances need not know what a graph computes.
"""

import numpy as np
import onnx
from onnx import helper, numpy_helper

import oracle

VERSIONS = 3
MOST_ELEMENTS = 3000
FLOATS = ("float32", "float64", "float16")
INTS = ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64")
SIGNED = ("int8", "int16", "int32", "int64", *FLOATS)
NUMBERS = (*FLOATS, *INTS)
ANY = (*NUMBERS, "bool")
# A few units in the last place.
NOISE = {"float32": 1e-6, "float64": 1e-14, "float16": 2.0**-10}
WORST = {"float32": 1e-3, "float64": 1e-6, "float16": 2.0**-5}  # spread as a share of the largest element: drawn again


class Refused(Exception):
    """What was drawn is no valid node, or nothing computes it."""


class Value:
    """One value: `versions` are arrays, or lists of arrays where it is a sequence."""

    def __init__(self, name, kind, versions):
        self.name, self.kind, self.versions = name, kind, versions  # kind: "data", "operand", "constant", "node"
        self.fixed = False

    @property
    def array(self):
        return self.versions[0]

    @property
    def dtype(self):
        return self.array.dtype.name

    @property
    def shape(self):
        return self.array.shape

    @property
    def rank(self):
        return self.array.ndim


class Step:
    """A node, or a few that are evaluated as one, and what is needed to evaluate it again."""

    def __init__(self, nodes, inputs, outputs, exact, wild=False):
        self.nodes, self.inputs, self.outputs, self.exact = nodes, inputs, outputs, exact
        self.wild = wild  # NaN and infinities are results like others; only of exact ones


def blurred(array, random):
    if isinstance(array, list) or array.dtype.name not in NOISE or not array.size:
        return array
    noise = random.uniform(-NOISE[array.dtype.name], NOISE[array.dtype.name], array.shape)
    return np.asarray(array * (1 + noise)).astype(array.dtype)


def spread(versions):
    """How far the versions of an array are from the first; None where they are of different shapes."""
    first = versions[0].astype(np.float64)
    if any(v.shape != first.shape for v in versions):
        return None
    return np.max([np.abs(v.astype(np.float64) - first) for v in versions[1:]], axis=0, initial=0)


def check_stable(versions):
    first = versions[0]
    if isinstance(first, list):
        if any(len(v) != len(first) for v in versions):
            raise Refused("a length that depends on rounding")
        for elements in zip(*versions):
            check_stable(elements)
        return
    if first.dtype.name in FLOATS:
        if not all(np.isfinite(v).all() for v in versions):
            raise Refused("NaN or infinity")
        apart = spread(versions)
        if apart is None or (first.size and apart.max() > WORST[first.dtype.name] * np.abs(first).max() + 1e-30):
            raise Refused("ill-conditioned")
    elif any(v.shape != first.shape or not np.array_equal(v, first) for v in versions[1:]):
        raise Refused("integers that depend on rounding")


class Graph:
    """A graph under construction. Operators are drawn by functions that get it as `g`."""

    def __init__(self, seed):
        self.seed = seed
        self.random = np.random.default_rng(seed)
        self.noise = np.random.default_rng(seed + 1)
        self.opset = int(self.random.choice([7, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24]))
        self.steps, self.values, self.by_name, self.named = [], [], {}, 0

    # --- chance ---

    def chance(self, p):
        return self.random.random() < p

    def choice(self, options):
        return options[int(self.random.integers(len(options)))]

    def some(self, options, count):
        """`count` different ones, in any order."""
        return [options[i] for i in self.random.permutation(len(options))[:count]]

    def int(self, low, high):
        """From low to high, both included."""
        return int(self.random.integers(low, high + 1))

    def dim(self, most=33, zero=True):
        sizes = [d for d in (1, 1, 2, 2, 3, 3, 4, 5, 5, 6, 7, 8, 9, 16, 17, 32, 33) if d <= most]
        return 0 if zero and self.chance(0.03) else self.choice(sizes)

    def shape(self, low=0, high=6, zero=True):
        rank = min(max(low, self.choice([0, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4, 5, 6])), high)
        dims = [self.dim(zero=zero) for _ in range(rank)]
        while int(np.prod(np.maximum(dims, 1))) > MOST_ELEMENTS:
            dims[int(np.argmax(dims))] = self.choice([1, 2, 3])
        return tuple(dims)

    def axis(self, rank, negative=True):
        """Counted from the start or from the end."""
        axis = self.int(0, rank - 1)
        return axis - rank if negative and self.chance(0.4) else axis

    def since(self, op, domain=""):
        """The version of an operator that the opset means."""
        try:
            return onnx.defs.get_schema(op, max_inclusive_version=self.opset, domain=domain).since_version
        except onnx.defs.SchemaError:
            raise Refused(f"{op} is not in opset {self.opset}") from None

    # --- values ---

    def data(self, dtype, shape):
        """Numbers of a moderate size, of which some are equal, and exact in every type."""
        if dtype == "bool":
            return np.asarray(self.random.random(shape) < 0.5)
        kind = np.dtype(dtype).kind
        if kind in "iu":
            most = self.choice([3, 12, 100])
            return np.asarray(self.random.integers(0 if kind == "u" else -most, most + 1, shape), dtype)
        scale = self.choice([0.5, 1.0, 1.0, 1.0, 4.0])
        numbers = self.random.standard_normal(shape) * scale
        if self.chance(0.15):
            numbers = np.round(numbers * 2) / 2
        return np.asarray(numbers).astype(dtype)

    def name(self, letter):
        self.named += 1
        return f"{letter}{self.named}"

    def add(self, kind, array):
        value = Value(self.name(kind[0]), kind, [array] * VERSIONS)
        self.by_name[value.name] = value
        if kind in ("data", "constant"):
            self.values.append(value)
        return value

    def source(self, dtype, shape, array=None):
        """A new input or constant, of `array` or of random data."""
        array = self.data(dtype, shape) if array is None else np.asarray(array, dtype).reshape(shape)
        return self.add("data" if self.chance(0.7) else "constant", array)

    def weight(self, dtype, shape, array=None):
        """The same where the dims are those of an operator: never left open."""
        value = self.source(dtype, shape, array)
        value.fixed = True
        return value

    def operand(self, array):
        """What an operator needs besides data: axes, shapes, indices. A constant, or given when the model runs."""
        array = np.asarray(array)
        return self.add("operand" if self.chance(0.25) else "constant_operand", array)

    def constant(self, array):
        return self.add("constant_operand", np.asarray(array))

    def dtype(self, types=FLOATS):
        if "float32" in types and self.chance(0.6):
            return "float32"
        return self.choice(types)

    def pick(self, types=FLOATS, low=0, high=6, fits=lambda value: True, zero=True, shape=None):
        """A value that is there already and fits, or a new one."""
        if self.chance(0.7):
            found = [v for v in self.values if not isinstance(v.array, list) and v.dtype in types
                     and low <= v.rank <= high and (zero or v.array.size) and fits(v)]  # fmt: skip
            if found:
                return self.choice(found[-4:])
        value = self.source(self.dtype(types), shape or self.shape(low, high, zero))
        if not fits(value):
            raise Refused("no value that fits")
        return value

    def partner(self, value, dtype=None, exact_rank=False):
        """A value that broadcasts with this one."""
        dtype = dtype or value.dtype
        fitting = [v for v in self.values if not isinstance(v.array, list) and v.dtype == dtype and
                   broadcast(v.shape, value.shape) is not None]  # fmt: skip
        if fitting and self.chance(0.5):
            return self.choice(fitting)
        shape = [1 if self.chance(0.3) else d for d in value.shape]
        if self.chance(0.15):
            shape = [self.choice([2, 3]) if d == 1 else d for d in shape]
        if self.chance(0.3) and not exact_rank:
            shape = shape[self.int(0, len(shape)) :]
        if len(shape) < 5 and self.chance(0.1) and not exact_rank:
            shape = [self.choice([1, 2]), *shape]
        if np.prod(np.maximum(broadcast(shape, value.shape) or [0], 1)) > 2 * MOST_ELEMENTS:
            shape = [1]
        return self.source(dtype, tuple(shape))

    # --- nodes ---

    def node(self, op, inputs, outputs=1, domain="", exact=False, keep=True, wild=False, **attributes):
        """One node; returns its values (one: the value itself). `outputs` may be flags: which are wanted."""
        wanted = [True] * outputs if isinstance(outputs, int) else outputs
        names = [self.name("v") if w else "" for w in wanted]
        attributes = {k: v for k, v in attributes.items() if v is not None}
        node = helper.make_node(op, [v.name if v else "" for v in inputs], names, domain=domain, **attributes)
        return self.evaluate(Step([node], [v for v in inputs if v], [n for n in names if n], exact, wild), keep)

    def evaluate(self, step, keep=True):
        versions = evaluate(step, [v.versions for v in step.inputs], self.opset, self.noise)
        results = []
        for i, name in enumerate(step.outputs):
            value = Value(name, "node", [version[i] for version in versions])
            self.by_name[name] = value
            results.append(value)
        self.steps.append(step)
        if keep:
            self.values += [v for v in results if not isinstance(v.array, list)]
        return results[0] if len(results) == 1 else results

    def attempt(self, draw):
        """Draws by a function; leaves the graph as it was where that is refused."""
        before = len(self.steps), len(self.values), dict(self.by_name)
        try:
            draw(self)
        except Refused as reason:
            self.steps, self.values, self.by_name = self.steps[: before[0]], self.values[: before[1]], before[2]
            return str(reason)
        return None


def broadcast(a, b):
    try:
        return list(np.broadcast_shapes(tuple(a), tuple(b)))
    except ValueError:
        return None


def tensor_type(array):
    return helper.np_dtype_to_tensor_dtype(array.dtype)


def value_info(name, array, dims=None):
    if isinstance(array, list):
        return helper.make_tensor_sequence_value_info(name, tensor_type(array[0]), None)
    return helper.make_tensor_value_info(name, tensor_type(array), array.shape if dims is None else dims)


def make_model(nodes, inputs, constants, outputs, opset):
    """inputs: {name: (array, dims or None)}; constants: {name: array}; outputs: [ValueInfo]."""
    graph = helper.make_graph(nodes, "random", [value_info(n, *a) for n, a in inputs.items()], outputs,
                              [numpy_helper.from_array(a, n) for n, a in constants.items()])  # fmt: skip
    imports = [helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=imports, ir_version=8 if opset < 21 else 10)


def evaluate(step, inputs, opset, noise):
    """The versions of what a step computes of versions of its inputs: a list of results for each."""
    fed, constants = {}, {}
    fixed = {v.name for v in step.inputs if v.kind in ("operand", "constant_operand")}
    for value, versions in zip(step.inputs, inputs):
        constant = value.kind == "constant_operand" or (value.kind == "constant" and step.exact)
        (constants if constant else fed)[value.name] = versions
    model = make_model(step.nodes, {n: (v[0], None) for n, v in fed.items()},
                       {n: v[0] for n, v in constants.items()},
                       [onnx.ValueInfoProto(name=name) for name in step.outputs], opset)  # fmt: skip
    try:
        run = oracle.open_model(model, step.nodes, {n: v[0] for n, v in {**fed, **constants}.items()})
    except Exception as error:  # the exceptions of both have no common base
        raise Refused(f"open: {str(error).splitlines()[0][:160]}") from None
    results = []
    for k in range(VERSIONS):
        feeds = {n: v[k] for n, v in fed.items()}
        if k and not step.exact:
            feeds = {n: a if n in fixed else blurred(a, noise) for n, a in feeds.items()}
        try:
            got = [a if isinstance(a, list) else np.asarray(a) for a in run(feeds)]
        except Exception as error:
            raise Refused(f"run: {str(error).splitlines()[0][:160]}") from None
        results.append([blurred(a, noise) if k and not step.exact else a for a in got])
    for versions in zip(*results):
        first = versions[0]
        if not isinstance(first, list) and first.size > 4 * MOST_ELEMENTS:
            raise Refused("too large")
        if not isinstance(first, list) and first.dtype.name not in ANY:
            raise Refused("a type of its own")
        if not step.wild:
            check_stable(versions)
    return results
