"""Who says what a node computes: ONNX Runtime with its optimisations off; ONNX's reference where that has no kernel for
the types, or departs from the specification.
"""

import numpy as np
import onnxruntime as ort
from onnx import helper
from onnx.reference import ReferenceEvaluator

ort.set_default_logger_severity(4)


def attribute(node, name):
    return next((helper.get_attribute_value(a) for a in node.attribute if a.name == name), None)


# Where ONNX Runtime departs from the specification: (reason, whether a node with those arrays is such a case).
DEPARTURES = [
    ("places outside are brought in once, not each of the neighbours",
     lambda node, arrays: node.op_type == "GridSample" and attribute(node, "mode") in (b"cubic", b"bicubic")
     and attribute(node, "padding_mode") == b"border"),
    ("the scale of nothing but zeros is 1, in ONNX's reference 1 / 255",
     lambda node, arrays: node.op_type == "DynamicQuantizeLinear" and not arrays[node.input[0]].any()),
    ("sums of no products are 0 instead of the zero point",
     lambda node, arrays: node.op_type == "QLinearMatMul" and arrays[node.input[0]].shape[-1] == 0),
]  # fmt: skip


def departs(nodes, arrays):
    return next((reason for reason, applies in DEPARTURES for node in nodes if applies(node, arrays)), None)


def open_runtime(model):
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return lambda feeds: session.run(None, feeds)


def open_reference(model):
    evaluator = ReferenceEvaluator(model)

    def run(feeds):
        with np.errstate(all="ignore"):
            return [a if isinstance(a, list) else np.asarray(a) for a in evaluator.run(None, feeds)]

    return run


def open_model(model, nodes, arrays):
    """A function from {name: array} to a list of results. An exception where neither knows the operator."""
    if not departs(nodes, arrays):
        try:
            return open_runtime(model)
        except Exception as error:  # its exceptions have no common base
            if "NOT_IMPLEMENTED" not in str(error):
                raise
    return open_reference(model)
