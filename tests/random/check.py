"""A drawn graph as a model: what Ingot makes of it compared with what was computed when it was drawn."""

import numpy as np
import onnx
from onnx import helper, numpy_helper

import support
from graphs import FLOATS, VERSIONS, Refused, Step, Value, evaluate, make_model, spread

# What an element may be off by, as a share of it; sums that cancel are known by their spread.
SHARE = {"float32": 1e-4, "float64": 1e-9, "float16": 2.0**-8}
LEAST = {"float32": 1e-6, "float64": 1e-12, "float16": 2.0**-12}  # and as a share of the largest element, or of 1


def used_values(g, outputs):
    """Steps and sources that `outputs` depend on."""
    needed, steps = set(outputs), []
    for step in reversed(g.steps):
        if needed & set(step.outputs):
            steps.insert(0, step)
            needed |= {v.name for v in step.inputs}
    return steps, [v for v in g.by_name.values() if v.name in needed and v.kind != "node"]


def is_constant(value):
    return value.kind in ("constant", "constant_operand")


def may_open(value):
    return value.kind == "data" and not value.fixed


def to_model(g, outputs, opened=None):
    """opened: {size: symbol} of dims that the model leaves open."""
    steps, sources = used_values(g, outputs)
    inputs = {}
    for v in sources:
        if not is_constant(v):
            dims = [(opened or {}).get(d, d) for d in v.shape] if may_open(v) else None
            inputs[v.name] = (v.array, dims)
    results = [helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(g.by_name[n].array.dtype), None) for n in outputs]
    constants = {v.name: v.array for v in sources if is_constant(v)}
    return make_model([n for s in steps for n in s.nodes], inputs, constants, results, g.opset)


def replay(g, sources):
    """All values of the graph for other sources: {name: versions}. Refused where one becomes empty or gets another
    rank."""
    known = {name: [array] * VERSIONS for name, array in sources.items()}
    noise = np.random.default_rng(g.seed + 2)
    for step in g.steps:
        moved = [Value(v.name, v.kind, known[v.name]) for v in step.inputs]
        if step.nodes[0].op_type == "Einsum" and any(1 in v.shape for v in moved):
            raise Refused("ONNX Runtime broadcasts a letter of size 1, the specification does not")
        results = evaluate(Step(step.nodes, moved, step.outputs, step.exact, step.wild), [v.versions for v in moved], g.opset, noise)
        known |= {name: [r[i] for r in results] for i, name in enumerate(step.outputs)}
        for name in step.outputs:  # windows larger than their image are not specified
            before, after = g.by_name[name].array, known[name][0]
            if isinstance(after, list):
                continue
            if (before.size and not after.size) or after.ndim != before.ndim:  # a rank is known when compiling
                raise Refused("another kind of value")
    return known


def resized(g, sizes):
    """All values where dims of the inputs' data have other sizes; None where the graph does not hold for those."""
    sources = {}
    for v in g.by_name.values():
        if may_open(v):
            sources[v.name] = np.resize(v.array, [sizes.get(d, d) for d in v.shape]).astype(v.array.dtype)
        elif v.kind != "node":
            sources[v.name] = v.array
    try:
        return replay(g, sources)
    except Refused:
        return None


def choose_outputs(g):
    """What nothing reads, and some of the rest."""
    random = np.random.default_rng(g.seed + 3)
    read = {v.name for step in g.steps for v in step.inputs}
    names = [n for step in g.steps for n in step.outputs if not isinstance(g.by_name[n].array, list)]
    return [n for n in names if n not in read or random.random() < 0.15]


def compare(got, wanted):
    """None, or what is wrong. `wanted`: {name: versions}."""
    for name, versions in wanted.items():
        a, b = got[name], versions[0]
        if a.shape != b.shape or a.dtype != b.dtype:
            return f"'{name}' is {a.dtype}{list(a.shape)}, expected {b.dtype}{list(b.shape)}"
        if b.dtype.name not in FLOATS:
            if not np.array_equal(a, b):
                return f"'{name}': {int(np.sum(a != b))} of {b.size} elements differ"
            continue
        if not b.size:
            continue
        known = np.isfinite(b)
        if not np.array_equal(a[~known], b[~known], equal_nan=True) or not np.isfinite(a[known]).all():
            return f"'{name}': {a.ravel()[:12]}: NaN or infinity, expected {b.ravel()[:12]}"
        kind, first = b.dtype.name, np.where(known, b, 0).astype(np.float64)
        error = np.abs(np.where(known, a, 0).astype(np.float64) - first)
        allowed = SHARE[kind] * np.abs(first) + LEAST[kind] * max(1, np.abs(first).max()) + 16 * spread([np.where(known, v, 0) for v in versions])
        if (error > allowed).any():
            worst = np.unravel_index(np.argmax(error / allowed), error.shape)
            return f"'{name}': {a[worst]} at {list(map(int, worst))}, expected {b[worst]}; {int((error > allowed).sum())} of {b.size} differ"
    return None


def compile_model(folder, model, runs, emit, no_passes):
    """Builds and runs a model: a list of {name: array}, one for each of `runs` ({input: array})."""
    path = folder / "graph.onnx"
    path.write_bytes(model.SerializeToString())
    support.build(path, folder / "graph", emit=emit, passes="none" if no_passes else None)
    return [support.run_model(folder / "graph", inputs) for inputs in runs]


def plan(g, outputs):
    """The model and its runs: [(inputs, wanted)]. Some models have open dims and are run with two sizes."""
    random = np.random.default_rng(g.seed + 4)
    first = {name: v.versions for name, v in g.by_name.items()}
    opened, values = None, [first]
    sizes = sorted({d for v in g.by_name.values() if may_open(v) for d in v.shape if d > 1})
    if sizes and random.random() < 0.6:
        chosen = [d for d in sizes if random.random() < 0.6] or sizes[:1]
        other = resized(g, {d: max(1, d + int(random.integers(-2, 4))) for d in chosen})
        if other:
            opened, values = {d: f"d{d}" for d in chosen}, [first, other]
    model = to_model(g, outputs, opened)
    names = [i.name for i in model.graph.input]
    return model, [({n: v[n][0] for n in names}, {n: v[n] for n in outputs}) for v in values]


def attempt(model, runs, build):
    """None, or what is wrong."""
    try:
        results = build(model, [inputs for inputs, _ in runs])
    except support.Failure as failure:
        return str(failure)
    for i, (got, (_, wanted)) in enumerate(zip(results, runs)):
        wrong = compare(got, wanted)
        if wrong:
            return wrong + (" (second size)" if i else "")
    return None


def differs(g, build):
    return attempt(*plan(g, choose_outputs(g)), build)


# --- making a failure small ---


def kind_of(wrong):
    """Failures that are taken for the same."""
    return "differ" if "expected" in wrong or "differ" in wrong else wrong.split("error:")[-1].split(":")[-1][-40:] if "error:" in wrong else "crash"


def minimise(g, build, wrong):
    """(a model of as few nodes as fail alike, its description)."""
    def fails(names):
        found = attempt(*plan(g, names), build)
        return found and kind_of(found) == kind_of(wrong)

    names = choose_outputs(g)
    for few in [[n] for n in names] if len(names) > 1 else []:
        if fails(few):
            names = few
            break
    for name in names if len(names) > 1 else []:
        fewer = [n for n in names if n != name]
        if fewer and fails(fewer):
            names = fewer
    i = 0
    steps, _ = used_values(g, names)
    while i < len(steps):  # can what a step computes be given instead?
        if any(n in names for n in steps[i].outputs) or any(isinstance(g.by_name[n].array, list) for n in steps[i].outputs):
            i += 1
            continue
        before = g.steps, dict(g.by_name)
        g.steps = [s for s in g.steps if s is not steps[i]]
        replaced = {n: Value(n, "data", [g.by_name[n].array] * VERSIONS) for n in steps[i].outputs}
        g.by_name |= replaced
        for step in g.steps:
            step.inputs = [replaced.get(v.name, v) for v in step.inputs]
        if fails(names):
            steps, _ = used_values(g, names)
        else:
            g.steps, g.by_name = before
            for step in g.steps:
                step.inputs = [g.by_name[v.name] for v in step.inputs]
            i += 1
    model, runs = plan(g, names)
    return model, describe(model, runs)


def describe(model, runs):
    def show(name, array, word):
        text = str(array.tolist()) if 0 < array.size <= 12 else ""
        return f"  {word} {name}: {array.dtype}{list(array.shape)} {text}"

    lines = [f"  opset {model.opset_import[0].version}"]
    for i in model.graph.input:
        dims = [d.dim_param or d.dim_value for d in i.type.tensor_type.shape.dim]
        lines += [show(i.name, inputs[i.name], f"input {dims}") for inputs, _ in runs]
    lines += [show(c.name, numpy_helper.to_array(c), "constant") for c in model.graph.initializer]
    for node in model.graph.node:
        attributes = ", ".join(onnx.helper.printable_attribute(a).replace("\n", " ") for a in node.attribute)
        lines.append(f"  {', '.join(node.output)} = {node.op_type}({', '.join(node.input)}) {attributes}")
    return "\n".join([*lines, "  -> " + ", ".join(o.name for o in model.graph.output)])
