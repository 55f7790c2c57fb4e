"""Branches, loops and sequences. A node with a body is evaluated with what the body reads from outside."""

import numpy as np
import onnx
from onnx import TensorProto, helper

from graphs import Refused, Step, tensor_type

SMALL = ("float32", "float32", "int64")


class Body:
    """The nodes of a subgraph: a few elementwise ones over values of one type and equal shape."""

    def __init__(self, g, dtype):
        self.g, self.dtype, self.nodes = g, dtype, []

    def node(self, op, inputs, outputs=1, **attributes):
        names = [self.g.name("b") for _ in range(outputs)]
        self.nodes.append(helper.make_node(op, inputs, names, **attributes))
        return names[0]

    def some(self, names, count):
        """`count` nodes over `names`; the name of the last result."""
        names = list(names)
        for _ in range(count):
            op = self.g.choice(["Add", "Sub", "Max", "Mul", "unary"])
            unary = ["Abs", "Neg"] + (["Tanh", "Sigmoid", "Relu"] if self.dtype == "float32" else [])
            if op == "Mul" and self.dtype != "float32" or op == "Max" and self.g.opset < 12:
                op = "Sub"
            one, other = self.g.choice(names), self.g.choice(names)
            names.append(self.node(self.g.choice(unary), [one]) if op == "unary" else self.node(op, [one, other]))
        return names[-1]

    def graph(self, inputs, outputs):
        """inputs: [(name, array)]; outputs: [(name, type)]"""
        results = [helper.make_tensor_value_info(n, t, None) for n, t in outputs]
        return helper.make_graph(self.nodes, "body", [helper.make_tensor_value_info(n, tensor_type(a), a.shape) for n, a in inputs], results)


def alike(g, value):
    """Values of the same type and shape, the value itself among them."""
    found = [v for v in g.values if not isinstance(v.array, list) and v.dtype == value.dtype and v.shape == value.shape]
    return g.some(found, 2) if len(found) > 1 and g.chance(0.7) else [value, g.source(value.dtype, value.shape)]


def run(g, node, inputs, outputs):
    return g.evaluate(Step([node], inputs, outputs, False))


def condition(g):
    """A scalar bool: constant, given, or computed from data."""
    if g.chance(0.3):
        x = g.pick(("float32",), zero=False, low=1)
        most = g.node("ReduceMax", [x], exact=True, keepdims=0, keep=False)
        return g.node("Greater", [most, g.constant(np.float32(g.choice([0.3, 1.0])))], exact=True, keep=False)
    return g.operand(np.array(g.chance(0.5)))


def branch(g):
    x = g.pick(SMALL, fits=lambda v: v.array.size < 500)
    values, cond, kind = alike(g, x), condition(g), tensor_type(x.array)
    count, graphs = g.int(1, 2), []
    other = g.chance(0.2) and x.rank >= 1
    for side in range(2):
        body = Body(g, x.dtype)
        names = [body.some([v.name for v in values], g.int(1, 3)) for _ in range(count)]
        if other and side:  # a result of another size
            names = [body.node("Concat", [n, n], axis=0) for n in names]
        graphs.append(body.graph([], [(n, kind) for n in names]))
    outputs = [g.name("v") for _ in range(count)]
    node = helper.make_node("If", [cond.name], outputs, then_branch=graphs[0], else_branch=graphs[1])
    return run(g, node, [cond, *values], outputs)


def loop(g):
    x = g.pick(SMALL, fits=lambda v: v.array.size < 500)
    values, kind = alike(g, x), tensor_type(x.array)
    trips = g.operand(np.array(g.int(0, 5), np.int64))
    body = Body(g, x.dtype)
    turn, go, carried = g.name("b"), g.name("b"), [g.name("b") for _ in range(g.int(1, 2))]
    counted = body.node("Cast", [turn], to=kind)
    reached = [*carried, *(v.name for v in values)]
    next_values = [body.node("Tanh" if x.dtype == "float32" else "Identity", [body.some([*reached, *([counted] if not x.rank else [])], g.int(1, 3))])
                   for _ in carried]  # fmt: skip
    still = body.node("Identity", [go])
    if g.chance(0.3) and g.opset >= 9:
        limit = body.node("Constant", [], value=onnx.numpy_helper.from_array(np.array(g.int(0, 3), np.int64)))
        still = body.node("Less", [turn, limit])
    scanned = [body.some(reached, 1)] if g.chance(0.6) else []
    graph = body.graph([(turn, np.array(0, np.int64)), (go, np.array(True)), *((n, x.array) for n in carried)],
                       [(still, TensorProto.BOOL), *((n, kind) for n in next_values + scanned)])  # fmt: skip
    outputs = [g.name("v") for _ in next_values + scanned]
    first = [g.choice(values) for _ in carried]
    go_on = [g.operand(np.array(g.chance(0.9)))] if g.chance(0.6) else []
    node = helper.make_node("Loop", [trips.name, go_on[0].name if go_on else "", *(v.name for v in first)], outputs, body=graph)
    return run(g, node, unique([trips, *go_on, *first, *values]), outputs)


def unique(values):
    return list({v.name: v for v in values}.values())


def scan(g):
    if g.opset < 9:
        raise Refused("another Scan")
    x = g.pick(("float32",), low=1, high=4, fits=lambda v: v.shape[0] <= 9 and v.array.size < 1000)
    row = x.array[0] if x.shape[0] else np.zeros(x.shape[1:], x.dtype)
    state = g.source(x.dtype, row.shape)
    body = Body(g, x.dtype)
    names = [g.name("b"), g.name("b")]
    kept = body.node("Tanh", [body.some(names, g.int(1, 3))])
    made = [body.some([kept, *names], 1) for _ in range(g.int(0, 2))]
    if kept in made:
        raise Refused("one result twice")
    kind = tensor_type(x.array)
    graph = body.graph([(names[0], row), (names[1], row)], [(n, kind) for n in [kept, *made]])
    outputs = [g.name("v") for _ in [kept, *made]]
    attributes = {"scan_input_directions": [1]} if g.chance(0.3) else {}
    if made and g.chance(0.3):
        attributes["scan_output_directions"] = [g.int(0, 1) for _ in made]
    if made and g.chance(0.3) and row.ndim:
        attributes["scan_output_axes"] = [g.axis(row.ndim + 1, g.opset >= 11) for _ in made]
    node = helper.make_node("Scan", [state.name, x.name], outputs, body=graph, num_scan_inputs=1, **attributes)
    return run(g, node, [state, x], outputs)


def sequence(g):
    """From tensors into a sequence and back, as one step."""
    g.since("SequenceConstruct")
    x = g.pick(("float32", "int64"), low=1, fits=lambda v: v.array.size < 500)
    nodes, inputs, axis = [], [x], g.int(0, x.rank - 1)

    def add(op, names, **attributes):
        nodes.append(helper.make_node(op, names, [g.name("s")], **attributes))
        return nodes[-1].output[0]

    def number(n):
        inputs.append(g.operand(np.array(n, np.int64)))
        return inputs[-1].name

    if g.chance(0.5) and x.shape[axis]:
        piece = g.int(1, 3)
        made = add("SplitToSequence", [x.name, number(piece)], axis=axis)
        count = -(-x.shape[axis] // piece)
    else:
        parts = alike(g, x)
        inputs += parts
        made, count = add("SequenceConstruct", [x.name, *(v.name for v in parts)]), 1 + len(parts)
    for _ in range(g.int(0, 3)):
        if g.chance(0.5):
            extra = g.choice(alike(g, x))
            inputs.append(extra)
            at = [number(g.int(-count, count))] if g.chance(0.7) else []
            made, count = add("SequenceInsert", [made, extra.name, *at]), count + 1
        elif count > 1:
            at = [number(g.int(-count, count - 1))] if g.chance(0.7) else []
            made, count = add("SequenceErase", [made, *at]), count - 1
    last = g.choice(["SequenceAt", "ConcatFromSequence", "SequenceLength"])
    if last == "SequenceAt":
        out = add(last, [made, number(g.int(-count, count - 1))])
    elif last == "SequenceLength":
        out = add(last, [made])
    else:
        new = g.chance(0.3) and all(v.shape == x.shape for v in inputs if v.kind != "operand")
        out = add(last, [made], axis=axis, **({"new_axis": 1} if new else {}))
    return g.evaluate(Step(nodes, unique(inputs), [out], True))


OPERATORS = [(2, branch), (2, loop), (1, scan), (1.5, sequence)]
