"""Nodes of ai.onnx.ml in every form, one a model.

case(name, op, opset, inputs, outputs, expected=None, **attributes): inputs are arrays by name, given when the model
runs. `expected` stands in for ONNX Runtime's result where that departs from the specification or has no kernel.
"""

from dataclasses import dataclass, field, replace

import numpy as np
import onnx
from onnx import helper, numpy_helper

F32, F64 = np.float32, np.float64
TRANSFORMS = ["NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT"]
CASES = []
random = np.random.default_rng(11)


@dataclass
class Case:
    name: str
    op: str
    opset: int
    inputs: dict
    outputs: tuple
    expected: dict | None
    attributes: dict = field(default_factory=dict)

    def as_floats(self):
        """The same with float32 inputs: what integers mean to operators that turn them into floats."""
        return replace(self, inputs={k: v.astype(F32) for k, v in self.inputs.items()})

    def model(self):
        attributes = {
            k: numpy_helper.from_array(v, k) if isinstance(v, np.ndarray) else v
            for k, v in self.attributes.items()
            if not (isinstance(v, list) and not v)
        }
        node = helper.make_node(self.op, list(self.inputs), list(self.outputs), domain="ai.onnx.ml", **attributes)
        inputs = [
            helper.make_tensor_value_info(k, helper.np_dtype_to_tensor_dtype(v.dtype), v.shape)
            for k, v in self.inputs.items()
        ]
        graph = helper.make_graph([node], "case", inputs, [onnx.ValueInfoProto(name=name) for name in self.outputs])
        opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", self.opset)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def case(name, op, opset, inputs, outputs=("Y",), expected=None, **attributes):
    inputs = inputs if isinstance(inputs, dict) else {"X": np.asarray(inputs)}
    if expected is not None and not isinstance(expected, dict):
        expected = {outputs[0]: np.asarray(expected)}
    CASES.append(Case(name, op, opset, inputs, outputs, expected, attributes))


# --- trees


def random_rows(rows, features, kind=F32, missing=True):
    """Few different values, which thresholds have too; infinities, and NaN unless that is not wanted."""
    x = random.integers(-6, 7, (rows, features)) / 4
    if np.dtype(kind).kind != "f":
        return np.round(x * 4).astype(kind)
    x[random.random(x.shape) < 0.05] = np.inf
    x[random.random(x.shape) < 0.05] = -np.inf
    x[random.random(x.shape) < 0.05] = -0.0
    if missing:
        x[random.random(x.shape) < 0.1] = np.nan
    return x.astype(kind)


MODES = ["BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ"]


def random_trees(prefix, trees, features, targets, modes, depth=4, dense=False, tracks=False, doubles=False, low=-1):
    """Attributes of an ensemble in the form of TreeEnsembleClassifier and -Regressor."""
    names = "treeids nodeids featureids modes values truenodeids falsenodeids missing_value_tracks_true".split()
    a = {f"nodes_{name}": [] for name in names}
    w = {name: [] for name in ("treeids", "nodeids", "ids", "weights")}

    def grow(tree, left, count):
        at, leaf = len(count), left == 0 or (left < depth and random.random() < 0.2)
        count.append(at)
        row = len(a["nodes_treeids"])
        values = [tree, at, 0, "LEAF", 0.0, 0, 0, 0]
        if not leaf:
            values[2:5] = int(random.integers(features)), str(random.choice(modes)), float(random.integers(-5, 6) / 4)
            values[7] = int(tracks and random.integers(2))
        for name, value in zip(names, values):
            a[f"nodes_{name}"].append(value)
        if leaf:
            for target in range(targets) if dense else [int(random.integers(targets))]:
                for name, value in zip(w, (tree, at, target, float(F32(random.uniform(low, 1) / 4)))):
                    w[name].append(value)
        else:
            a["nodes_truenodeids"][row] = grow(tree, left - 1, count)
            a["nodes_falsenodeids"][row] = grow(tree, left - 1, count)
        return at

    for tree in range(trees):
        grow(tree, depth, [])
    if not tracks:
        del a["nodes_missing_value_tracks_true"]
    result = {**a, **{f"{prefix}_{name}": value for name, value in w.items()}}
    if doubles:
        for name in ("nodes_values", f"{prefix}_weights"):
            result[f"{name}_as_tensor"] = np.array(result.pop(name)) + (1e-9 if name == "nodes_values" else 1e-3)
    return result


for mode in [[m] for m in MODES] + [MODES, MODES[:4], ["BRANCH_LEQ", "BRANCH_GT"], ["BRANCH_LT", "BRANCH_GTE"]]:
    for tracks in (False, True):
        case(f"regressor {'+'.join(mode)} tracks={tracks}", "TreeEnsembleRegressor", 1, random_rows(41, 4), n_targets=1,
             **random_trees("target", 9, 4, 1, mode, tracks=tracks))
# Many trees, so that each row gets a weight for each target: else ONNX Runtime forgets the base values.
for aggregate in ("SUM", "AVERAGE", "MIN", "MAX"):
    case(f"regressor {aggregate} of few trees", "TreeEnsembleRegressor", 1, random_rows(30, 4), n_targets=5,
         aggregate_function=aggregate, **random_trees("target", 4, 4, 5, MODES[:1]))
    for targets in (1, 3):
        for rows in (1, 30):
            base = [0.5, -0.25, 1.0][:targets]
            case(f"regressor {aggregate} targets={targets} rows={rows}", "TreeEnsembleRegressor", 3,
                 random_rows(rows, 4), n_targets=targets, aggregate_function=aggregate, base_values=base,
                 **random_trees("target", 40, 4, targets, MODES[:1], dense=targets > 1 and rows == 1))
for kind in (F64, np.int64, np.int32):
    case(f"regressor {np.dtype(kind)}", "TreeEnsembleRegressor", 1, random_rows(20, 3, kind), n_targets=2,
         **random_trees("target", 7, 3, 2, MODES, tracks=True))
case("regressor of doubles", "TreeEnsembleRegressor", 3, random_rows(20, 3, F64), n_targets=2,
     **random_trees("target", 7, 3, 2, MODES[:2], doubles=True))
case("regressor of one row without rank 2", "TreeEnsembleRegressor", 1, random_rows(1, 3, missing=False),
     n_targets=1, **random_trees("target", 100, 3, 1, MODES[:1], depth=6))
case("deep regressor", "TreeEnsembleRegressor", 1, random_rows(100, 20), n_targets=1,
     **random_trees("target", 40, 20, 1, MODES[:1], depth=9))
for transform in TRANSFORMS[:4]:
    case(f"regressor {transform}", "TreeEnsembleRegressor", 1, random_rows(20, 3), n_targets=3,
         post_transform=transform, **random_trees("target", 7, 3, 3, MODES[:1], dense=True))


def probit(x):
    """What ONNX Runtime computes in float32, where digits are lost near 0.5; here in float64."""
    y = 2 * np.asarray(x, F64) - 1
    with np.errstate(all="ignore"):
        log = np.log((1 - y) * (1 + y))
        b = 2 / (3.14159 * 0.147) + log / 2
        return (np.sqrt(2) * np.sign(y) * np.sqrt(-b + np.sqrt(b * b - log / 0.147))).astype(F32)


LEAF = dict(nodes_treeids=[0] * 3, nodes_nodeids=[0, 1, 2], nodes_featureids=[0] * 3, nodes_values=[0.5, 0.0, 0.0],
            nodes_modes=["BRANCH_LEQ", "LEAF", "LEAF"], nodes_truenodeids=[1, 0, 0], nodes_falsenodeids=[2, 0, 0])
case("regressor PROBIT", "TreeEnsembleRegressor", 1, np.array([[0.0], [1.0]], F32), n_targets=1, post_transform="PROBIT",
     expected=probit([[0.2], [0.9]]), target_treeids=[0, 0], target_nodeids=[1, 2], target_ids=[0, 0],
     target_weights=[0.2, 0.9], **LEAF)

L = ("label", "scores")
for transform in TRANSFORMS[:4]:
    for classes in (3, 5):
        for kind in (F32, F64, np.int64):
            case(f"classifier {transform} classes={classes} {np.dtype(kind)}", "TreeEnsembleClassifier", 1,
                 random_rows(25, 4, kind), L, post_transform=transform, classlabels_int64s=list(range(7, 7 + classes)),
                 **random_trees("class", 6, 4, classes, MODES[:2]))
    for low in (0, -1):
        for base in ([], [0.1]):
            case(f"classifier of two {transform} low={low} base={base}", "TreeEnsembleClassifier", 3,
                 random_rows(25, 4), L, post_transform=transform, classlabels_int64s=[4, -2], base_values=base,
                 **random_trees("class", 6, 4, 1, MODES[:1], low=low))
        trees = random_trees("class", 6, 4, 1, MODES[:1], low=low)
        trees["class_ids"] = [1] * len(trees["class_ids"])
        case(f"classifier of two, scores of the second {transform} low={low}", "TreeEnsembleClassifier", 1,
             random_rows(25, 4), L, post_transform=transform, classlabels_int64s=[0, 1], **trees)
case("classifier with bases", "TreeEnsembleClassifier", 1, random_rows(25, 4), L, classlabels_int64s=[0, 1, 2],
     base_values=[0.5, 0.25, -1.0], **random_trees("class", 6, 4, 3, MODES[:1]))
case("classifier of one", "TreeEnsembleClassifier", 1, random_rows(25, 4), L, classlabels_int64s=[3],
     **random_trees("class", 6, 4, 1, MODES[:1]))
# ONNX Runtime says 1 or 0 whatever the labels are, by the sign of the second score; onnx's reference the larger one.
case("classifier of two, both scored", "TreeEnsembleClassifier", 1, np.array([[0.0], [1.0]], F32), L,
     expected={"label": np.array([10, 20]), "scores": np.array([[0.7, 0.3], [0.2, 0.8]], F32)},
     class_treeids=[0] * 4, class_nodeids=[1, 1, 2, 2], class_ids=[0, 1, 0, 1], class_weights=[0.7, 0.3, 0.2, 0.8],
     classlabels_int64s=[10, 20], **LEAF)


def random_ensemble(trees, features, targets, modes, kind=F32, depth=4, tracks=False, members=()):
    """Attributes of TreeEnsemble."""
    nodes = {k: [] for k in "featureids modes splits truenodeids trueleafs falsenodeids falseleafs tracks".split()}
    weights, ids, roots, sets = [], [], [], []

    def grow(left):
        if left == 0 or (left < depth and random.random() < 0.2):
            weights.append(random.uniform(-1, 1)), ids.append(int(random.integers(targets)))
            return len(ids) - 1, 1
        at, mode = len(nodes["modes"]), int(random.choice(modes))
        values = int(random.integers(features)), mode, random.integers(-5, 6) / 4, 0, 0, 0, 0, int(random.integers(2))
        for name, value in zip(nodes, values):
            nodes[name].append(value)
        for side in ("true", "false"):
            nodes[f"{side}nodeids"][at], nodes[f"{side}leafs"][at] = grow(left - 1)
        return at, 0

    for _ in range(trees):
        roots.append(len(nodes["modes"]))
        grow(depth)
    for mode in nodes["modes"]:
        if mode == 6:
            sets += [*random.choice(members, int(random.integers(1, len(members) + 1)), replace=False), np.nan]
    a = {f"nodes_{k}": v for k, v in nodes.items() if k not in ("modes", "splits", "tracks")}
    a |= {"nodes_modes": np.array(nodes["modes"], np.uint8), "nodes_splits": np.array(nodes["splits"], kind)}
    a |= {"leaf_weights": np.array(weights, kind), "leaf_targetids": ids, "tree_roots": roots, "n_targets": targets}
    if tracks:
        a["nodes_missing_value_tracks_true"] = nodes["tracks"]
    return a | ({"membership_values": np.array(sets, kind)} if sets else {})




def walk(a, rows):
    """What TreeEnsemble means, in float64: for what ONNX Runtime refuses or numbers otherwise."""
    sets, out = iter(np.split(values := a.get("membership_values", np.zeros(0)), np.flatnonzero(np.isnan(values)) + 1)), []
    sets = {i: next(sets) for i, mode in enumerate(a["nodes_modes"]) if mode == 6}
    tests = [np.less_equal, np.less, np.greater_equal, np.greater, np.equal, np.not_equal]
    for row in rows:
        found = [[] for _ in range(a["n_targets"])]
        for at in a["tree_roots"]:
            leaf = 0
            while not leaf:
                x, mode = row[a["nodes_featureids"][at]], a["nodes_modes"][at]
                yes = x in sets[at] if mode == 6 else tests[mode](x, a["nodes_splits"][at])
                tracks = a.get("nodes_missing_value_tracks_true")
                side = "true" if yes or (tracks and tracks[at] and np.isnan(x)) else "false"
                at, leaf = a[f"nodes_{side}nodeids"][at], a[f"nodes_{side}leafs"][at]
            found[a["leaf_targetids"][at]].append(float(a["leaf_weights"][at]))
        merge = [lambda w: sum(w) / len(a["tree_roots"]), sum, min, max][a.get("aggregate_function", 1)]
        out.append([merge(w) if w else 0 for w in found])
    return np.array(out)


MEMBERS = np.arange(-6, 7) / 4
for kind in (F32, F64):
    for mode in range(6):
        case(f"ensemble {MODES[mode]} {np.dtype(kind)}", "TreeEnsemble", 5, random_rows(30, 4, kind),
             **random_ensemble(9, 4, 2, [mode], kind, tracks=mode % 2 == 0))
    case(f"ensemble of all modes {np.dtype(kind)}", "TreeEnsemble", 5, random_rows(60, 4, kind),
         **random_ensemble(9, 4, 1, range(6), kind, tracks=True))
    rows, a = random_rows(60, 4, kind), random_ensemble(5, 4, 2, range(7), kind, members=MEMBERS)
    case(f"ensemble with sets {np.dtype(kind)}", "TreeEnsemble", 5, rows, expected=walk(a, rows).astype(kind), **a)
case("ensemble with sets of small integers", "TreeEnsemble", 5, random.integers(0, 40, (60, 3)).astype(F32),
     **random_ensemble(5, 3, 1, [0, 6], members=np.arange(1, 31)))
for tracks in (False, True):
    # ONNX Runtime cuts x to an integer first, so that it finds 0.25 in a set with 0.
    rows, a = random_rows(60, 4), random_ensemble(5, 4, 1, [0, 6], members=np.arange(-1, 2), tracks=tracks)
    case(f"ensemble with sets and missing values tracks={tracks}", "TreeEnsemble", 5, rows,
         expected=walk(a, rows).astype(F32), **a)
for aggregate in range(4):
    rows, a = random_rows(20, 3, missing=False), random_ensemble(6, 3, 3, [0]) | {"aggregate_function": aggregate}
    case(f"ensemble aggregate={aggregate}", "TreeEnsemble", 5, rows, **a)
    raw = walk(a, rows)
    # ONNX Runtime takes 1 for LOGISTIC and 2 for SOFTMAX, the specification says the opposite.
    soft = np.exp(raw) / np.exp(raw).sum(1, keepdims=True)
    for transform, expected in ((1, soft), (2, 1 / (1 + np.exp(-raw)))):
        case(f"ensemble aggregate={aggregate} transform={transform}", "TreeEnsemble", 5, rows,
             post_transform=transform, expected=expected.astype(F32), **a)
case("ensemble of single leaves", "TreeEnsemble", 5, random_rows(9, 2), tree_roots=[0], n_targets=1,
     nodes_featureids=[0], nodes_modes=np.array([0], np.uint8), nodes_splits=np.array([0], F32), nodes_truenodeids=[0],
     nodes_trueleafs=[1], nodes_falsenodeids=[0], nodes_falseleafs=[1], leaf_targetids=[0],
     leaf_weights=np.array([2.5], F32))
rows, a = random_rows(20, 3, np.float16), random_ensemble(6, 3, 2, [0, 1], np.float16)
case("ensemble float16", "TreeEnsemble", 5, rows, expected=walk(a, rows).astype(np.float16), **a)

# --- linear models

X2 = random.uniform(-1, 1, (9, 3)).astype(F32)
X2[4] = 0
for transform in TRANSFORMS[:4]:
    for targets in (1, 4):
        w, b = random.uniform(-1, 1, (targets, 3)).astype(F32), random.uniform(-1, 1, targets).astype(F32)
        case(f"linear regressor {transform} targets={targets}", "LinearRegressor", 1, X2, targets=targets,
             coefficients=w.ravel().tolist(), intercepts=b.tolist(), post_transform=transform)
        labels = list(range(5, 5 + max(targets, 2)))
        case(f"linear classifier {transform} scores={targets}", "LinearClassifier", 1, X2, L,
             coefficients=w.ravel().tolist(), intercepts=b.tolist(), post_transform=transform, classlabels_ints=labels)
scores = (X2 @ np.array([0.1, -0.2, 0.2], F32) + F32(0.5)).astype(F32)
case("linear regressor PROBIT", "LinearRegressor", 1, X2, coefficients=[0.1, -0.2, 0.2], intercepts=[0.5],
     post_transform="PROBIT", expected=probit(scores)[:, None])
case("linear regressor without intercepts", "LinearRegressor", 1, X2, coefficients=[0.5, 1.0, 2.0])
for kind in (F64, np.int64, np.int32):
    x = random.integers(-5, 6, (6, 3)).astype(kind)
    want = (x.astype(F32) @ np.array([0.5, 1, 2], F32)[:, None] + F32(0.25)).astype(F32)
    case(f"linear regressor {np.dtype(kind)}", "LinearRegressor", 1, x, coefficients=[0.5, 1.0, 2.0], intercepts=[0.25],
         expected=want)
    case(f"linear classifier {np.dtype(kind)}", "LinearClassifier", 1, x, L, coefficients=[0.5, 1.0, 2.0, -1, 0, 1],
         intercepts=[0.25, 0.5], classlabels_ints=[1, 0])
case("linear classifier of a vector", "LinearClassifier", 1, X2[0], L, coefficients=[0.5, 1.0, 2.0, -1, 0, 1],
     intercepts=[0.25, 0.5], classlabels_ints=[1, 0])

# --- support vectors


def machine(classes, per_class, probabilities=False, low=-1):
    """Attributes of an SVMClassifier of three features."""
    vectors, pairs = sum(per_class), classes * (classes - 1) // 2

    def uniform(count, low=-1):
        return random.uniform(low, 1, count).astype(F32).tolist()

    a = dict(vectors_per_class=per_class, support_vectors=uniform(vectors * 3), rho=uniform(pairs),
             coefficients=uniform((classes - 1) * vectors, low), classlabels_ints=list(range(3, 3 + classes)))
    if probabilities:
        a |= dict(prob_a=[-1 - abs(x) for x in uniform(pairs)], prob_b=uniform(pairs))
    return a


for kernel, params in (("LINEAR", [0.0, 0.0, 0.0]), ("POLY", [0.5, 1.0, 3.0]), ("POLY", [0.5, 2.0, 2.5]),
                       ("RBF", [0.7, 0.0, 0.0]), ("SIGMOID", [0.4, 0.1, 0.0])):
    for classes, per_class in ((2, [3, 20]), (4, [5, 1, 0, 33])):
        for probabilities in (False, True):
            for transform in ("NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO")[: 1 if kernel == "POLY" else 4]:
                case(f"SVM {kernel} {params} classes={classes} probabilities={probabilities} {transform}",
                     "SVMClassifier", 1, X2, L, kernel_type=kernel, kernel_params=params, post_transform=transform,
                     **machine(classes, per_class, probabilities))
    for one_class in (0, 1):
        case(f"SVM regressor {kernel} {params} one_class={one_class}", "SVMRegressor", 1, X2, kernel_type=kernel,
             kernel_params=params, one_class=one_class, n_supports=7, rho=[0.1],
             support_vectors=random.uniform(-1, 1, 21).astype(F32).tolist(),
             coefficients=random.uniform(-1, 1, 7).astype(F32).tolist())
for low in (0, -1):
    for classes in (2, 3):
        weights = random.uniform(low, 1, classes * 3).astype(F32).tolist()
        case(f"linear SVM classes={classes} low={low}", "SVMClassifier", 1, X2, L, coefficients=weights, rho=[0.1],
             kernel_params=[0.0, 0.0, 0.0], classlabels_ints=list(range(classes)))
case("linear SVM regressor", "SVMRegressor", 1, X2, coefficients=[0.5, 1.0, -1.0], rho=[0.25],
     kernel_params=[0.0, 0.0, 0.0])
for kind in (F64, np.int64, np.int32):
    case(f"SVM {np.dtype(kind)}", "SVMClassifier", 1, random.integers(-2, 3, (6, 3)).astype(kind), L,
         kernel_type="RBF", kernel_params=[0.3, 0.0, 0.0], **machine(3, [2, 3, 4]))

# --- preparing features

X3 = np.array([[-3, 1, 2, 0.5], [0, 0, -0.0, 0], [-1, -2, -4, -0.5], [1, 7, 2, np.inf]], F32)
X4 = np.array([[np.nan, 1, 2, 0], [0, np.nan, 3, -1]], F32)
for norm in ("MAX", "L1", "L2"):
    for kind in (F32, F64, np.int64, np.int32):
        case(f"normalizer {norm} {np.dtype(kind)}", "Normalizer", 1, X3[:3].astype(kind), norm=norm)
    case(f"normalizer {norm} of a vector", "Normalizer", 1, X3[0], norm=norm)
for kind in (F32, F64, np.int64, np.int32):
    case(f"scaler {np.dtype(kind)}", "Scaler", 1, X3[:3].astype(kind), offset=[1.0, 2, 3, 4], scale=[0.5, 1, 2, 3])
    with np.errstate(invalid="ignore"):
        x = X3[:3].astype(kind)
    case(f"binarizer {np.dtype(kind)}", "Binarizer", 1, x, threshold=0.25, expected=(x > 0.25).astype(kind))
case("scaler by one number", "Scaler", 1, X3, offset=[1.0], scale=[0.5])
case("scaler of rank 3", "Scaler", 1, np.stack([X3, X3 + 1]), offset=[1.0, 2, 3, 4], scale=[0.5, 1, 2, 3])
case("imputer of NaN", "Imputer", 1, X4, imputed_value_floats=[9.0], replaced_value_float=float("nan"))
case("imputer by feature", "Imputer", 1, X4, imputed_value_floats=[9.0, 8, 7, 6], replaced_value_float=float("nan"))
case("imputer of a number", "Imputer", 1, X4, imputed_value_floats=[9.0, 8, 7, 6], replaced_value_float=0.0)
case("imputer of doubles", "Imputer", 1, X4.astype(F64), imputed_value_floats=[9.0], replaced_value_float=float("nan"),
     expected=np.nan_to_num(X4.astype(F64), nan=9))
whole = np.array([[1, 2, 0], [0, 4, 5]])
case("imputer int64", "Imputer", 1, whole, imputed_value_int64s=[7, 2**40, 9], replaced_value_int64=0)
case("imputer int32", "Imputer", 1, whole.astype(np.int32), imputed_value_int64s=[7], replaced_value_int64=0,
     expected=np.where(whole == 0, 7, whole).astype(np.int32))
for kind in (F32, F64, np.int64, np.int32):
    parts = {"A": X3[:3, :2].astype(kind), "B": X3[:3, :1].astype(kind)}
    case(f"feature vectorizer {np.dtype(kind)}", "FeatureVectorizer", 1, parts, inputdimensions=[2, 1])
case("feature vectorizer that cuts and fills", "FeatureVectorizer", 1, {"A": X3, "B": X3[:, :2]}, inputdimensions=[3, 4])
case("feature vectorizer of vectors", "FeatureVectorizer", 1, {"A": X3[0], "B": X3[1]}, inputdimensions=[4, 4])
for kind in (F32, F64, np.int64, np.int32):
    picks = {"X": np.arange(24).reshape(2, 3, 4).astype(kind), "Y": np.array([3, 0, 0, 2])}
    case(f"array feature extractor {np.dtype(kind)}", "ArrayFeatureExtractor", 1, picks, ("Z",))
case("array feature extractor of a vector", "ArrayFeatureExtractor", 1, {"X": X3[0], "Y": np.array([[2, 1]])}, ("Z",))

# --- categories and labels

KEYS = np.array([5, -7, 0, 2**40, 12, 5])
asked = np.array([[5, 12, 3], [-7, 2**40, -8], [0, 1, 2**40 + 1]])
case("label encoder int64", "LabelEncoder", 2, asked, keys_int64s=KEYS[:5].tolist(), values_int64s=[1, 2, 3, 4, 5])
case("label encoder int64 to float", "LabelEncoder", 2, asked, keys_int64s=KEYS[:5].tolist(),
     values_floats=[1.5, 2.5, -3, 4, 5], default_float=-0.5)
reals = np.array([0.5, -0.0, np.nan, 3, np.inf, -np.inf, 0], F32)
# The specification finds NaN, ONNX Runtime only from opset 4 on.
case("label encoder float", "LabelEncoder", 2, reals, keys_floats=[0.5, 0.0, float("nan"), float("inf")],
     values_int64s=[4, 5, 6, 7], default_int64=-9, expected=[4, 5, 6, -9, 7, -9, 5])
case("label encoder float of opset 4", "LabelEncoder", 4, reals, keys_floats=[0.5, 0.0, float("nan"), float("inf")],
     values_int64s=[4, 5, 6, 7], default_int64=-9)
case("label encoder float to float", "LabelEncoder", 4, reals, keys_floats=[0.5, 0.0, float("nan"), float("inf")],
     values_floats=[4.0, 5, 6, 7])
case("label encoder whose first key counts", "LabelEncoder", 2, asked, keys_int64s=KEYS.tolist(),
     values_int64s=[1, 2, 3, 4, 5, 6])
# ONNX Runtime still takes the first, the specification the last.
case("label encoder whose last key counts", "LabelEncoder", 4, asked, keys_int64s=KEYS.tolist(),
     values_int64s=[1, 2, 3, 4, 5, 6], expected=[[6, 5, -1], [2, 4, -1], [3, -1, -1]])
for kind in (np.int16, np.int32, np.int64, F32, F64):
    for to in (np.int16, np.int32, np.int64, F32, F64):
        x, keys, values = np.array([1, 4, -2, 9], kind), np.array([9, 1, -2], kind), np.array([3, -4, 5], to)
        case(f"label encoder {np.dtype(kind)} to {np.dtype(to)}", "LabelEncoder", 4, x, keys_tensor=keys,
             values_tensor=values, default_tensor=np.array([77], to), expected=np.array([-4, 77, 5, 3], to))
case("one hot int64", "OneHotEncoder", 1, np.array([[1, 3], [2, 9]]), cats_int64s=[1, 2, 3])
case("one hot int32", "OneHotEncoder", 1, np.array([1, 3, 2, 9], np.int32), cats_int64s=[1, 2, 3])
case("one hot float", "OneHotEncoder", 1, np.array([[1.7, -0.5, 9, 3]], F32), cats_int64s=[1, 0, 3])
case("one hot double", "OneHotEncoder", 1, np.array([[1.7, -0.5, 9, 3]]), cats_int64s=[1, 0, 3])
case("one hot of known ones", "OneHotEncoder", 1, np.array([1, 0, 3]), cats_int64s=[1, 0, 3], zeros=0)
