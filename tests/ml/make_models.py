"""Trained models of scikit-learn, XGBoost and LightGBM as ONNX.

MODELS: one function a model; make(function) gives a Model: its ONNX form, rows to try and what the library itself says
of them by output name. Rows mix what it was trained on, uniform noise, values equal to thresholds and, where the library
takes them, NaN and infinities.

usage: make_models.py FOLDER   writes NAME.onnx and NAME.npz for each
"""
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path

import lightgbm
import numpy as np
import onnx
import xgboost
from onnxmltools import convert_lightgbm, convert_xgboost
from onnxmltools.convert.common.data_types import FloatTensorType as ToolsFloat
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType, Int64TensorType, StringTensorType
from sklearn import ensemble, feature_extraction, impute, linear_model, naive_bayes, neural_network, pipeline
from sklearn import preprocessing, svm, tree

ROWS, FEATURES = 240, 6
OPSETS = {"": 17, "ai.onnx.ml": 3}
MODELS = []
random = np.random.default_rng(3)
X = random.standard_normal((ROWS, FEATURES)).astype(np.float32)
X[:, 4] = np.round(X[:, 4] * 2)  # few values: many rows meet a threshold exactly
SUM = X[:, 0] + np.sin(2 * X[:, 1]) + 0.5 * X[:, 4] * X[:, 2]
TWO, FOUR = (SUM > 0).astype(np.int64), np.digitize(SUM, [-1, 0, 1]).astype(np.int64) * 10 + 3
NAMES = np.array(["low", "medium", "high", "größer"])[np.digitize(SUM, [-1, 0, 1])]
BOTH = np.stack([SUM, X[:, 3] - SUM], 1)


@dataclass
class Model:
    name: str
    onnx: onnx.ModelProto
    inputs: dict  # name -> rows
    expected: dict  # output -> what the library says
    tolerance: float = 1e-5


def model(function):
    MODELS.append(function)
    return function


def some_rows(missing=False, infinite=False):
    rows = np.concatenate([X[:20], random.uniform(-3, 3, (16, FEATURES)), np.zeros((1, FEATURES))]).astype(np.float32)
    if missing:
        rows[random.random(rows.shape) < 0.2] = np.nan
    if infinite:
        rows[30, 0], rows[31, 1], rows[32] = np.inf, -np.inf, 1e30
    return rows


def from_sklearn(name, trained, rows, expected, kind=FloatTensorType, options=None, tolerance=1e-5, types=None):
    options = {id(trained): {"zipmap": False}} if options is None else options
    types = types or [("X", kind([None, rows.shape[1]]))]
    proto = convert_sklearn(trained, initial_types=types, target_opset=OPSETS, options=options)
    inputs = rows if isinstance(rows, dict) else {"X": rows}
    return Model(name, proto, inputs, dict(zip([o.name for o in proto.graph.output], expected)), tolerance)


def classifier(name, trained, y, rows=None, **options):
    rows = some_rows() if rows is None else rows
    trained.fit(X.astype(rows.dtype), y)
    return from_sklearn(name, trained, rows, [trained.predict(rows), trained.predict_proba(rows)], **options)


def scored(name, trained, y, rows=None):
    """A classifier without probabilities: its scores are the decision function, of which sklearn gives one for two."""
    rows = some_rows() if rows is None else rows
    trained.fit(X, y)
    scores = trained.decision_function(rows)
    scores = np.stack([-scores, scores], 1) if scores.ndim == 1 else scores
    options = {id(trained): {"raw_scores": True}}
    return from_sklearn(name, trained, rows, [trained.predict(rows), scores], options=options)


def regressor(name, trained, y=SUM, rows=None, **options):
    rows = some_rows() if rows is None else rows
    trained.fit(X.astype(rows.dtype), y)
    expected = trained.predict(rows)
    return from_sklearn(name, trained, rows, [expected.reshape(len(rows), -1)], options={}, **options)


def transformer(name, trained, rows=None, fitted=None, **options):
    rows = some_rows() if rows is None else rows
    trained.fit(X if fitted is None else fitted)
    expected = trained.transform(rows)
    expected = expected.toarray() if hasattr(expected, "toarray") else expected
    return from_sklearn(name, trained, rows, [expected], options={}, **options)


# --- trees


@model
def decision_tree():
    return classifier("decision_tree", tree.DecisionTreeClassifier(random_state=0), FOUR)


@model
def decision_tree_of_two():
    return classifier("decision_tree_of_two", tree.DecisionTreeClassifier(max_depth=5, random_state=0), TWO)


@model
def random_forest():
    return classifier("random_forest", ensemble.RandomForestClassifier(30, random_state=0), FOUR)


@model
def random_forest_of_two():
    return classifier("random_forest_of_two", ensemble.RandomForestClassifier(30, max_depth=6, random_state=0), TWO)


@model
def random_forest_with_names():
    return classifier("random_forest_with_names", ensemble.RandomForestClassifier(10, max_depth=6, random_state=0), NAMES)


@model
def extra_trees():
    return regressor("extra_trees", ensemble.ExtraTreesRegressor(25, random_state=0), BOTH)


@model
def gradient_boosting():
    return classifier("gradient_boosting", ensemble.GradientBoostingClassifier(n_estimators=40, random_state=0), FOUR)


@model
def gradient_boosting_of_two():
    return classifier("gradient_boosting_of_two", ensemble.GradientBoostingClassifier(n_estimators=40, random_state=0), TWO)


@model
def gradient_boosting_regression():
    return regressor("gradient_boosting_regression", ensemble.GradientBoostingRegressor(n_estimators=60, random_state=0))


@model
def isolation_forest():
    trained, rows = ensemble.IsolationForest(n_estimators=20, random_state=0).fit(X), some_rows()
    expected = [trained.predict(rows).reshape(-1, 1), trained.decision_function(rows).reshape(-1, 1)]
    return from_sklearn("isolation_forest", trained, rows, expected, options={})


def boosted(name, trained, y, convert, rows):
    trained.fit(X, y)
    types = [("X", ToolsFloat([None, FEATURES]))]
    options = {"zipmap": False} if convert is convert_lightgbm else {}
    proto = convert(trained, initial_types=types, target_opset=15, **options)
    if hasattr(trained, "predict_proba"):
        expected = [trained.predict(rows), trained.predict_proba(rows)]
    else:
        expected = [trained.predict(rows).reshape(len(rows), -1)]
    return Model(name, proto, {"X": rows}, dict(zip([o.name for o in proto.graph.output], expected)), 2e-5)


@model
def xgboost_of_two():
    trained = xgboost.XGBClassifier(n_estimators=50, max_depth=5, n_jobs=1)
    return boosted("xgboost_of_two", trained, TWO, convert_xgboost, some_rows(missing=True, infinite=True))


@model
def xgboost_of_four():
    trained = xgboost.XGBClassifier(n_estimators=20, max_depth=4, n_jobs=1)
    return boosted("xgboost_of_four", trained, FOUR // 10, convert_xgboost, some_rows(missing=True))


@model
def xgboost_regression():
    trained = xgboost.XGBRegressor(n_estimators=60, max_depth=6, n_jobs=1)
    return boosted("xgboost_regression", trained, SUM, convert_xgboost, some_rows(missing=True, infinite=True))


@model
def lightgbm_of_two():
    trained = lightgbm.LGBMClassifier(n_estimators=40, num_leaves=15, n_jobs=1, verbose=-1)
    return boosted("lightgbm_of_two", trained, TWO, convert_lightgbm, some_rows(missing=True, infinite=True))


@model
def lightgbm_of_four():
    trained = lightgbm.LGBMClassifier(n_estimators=15, num_leaves=15, n_jobs=1, verbose=-1)
    return boosted("lightgbm_of_four", trained, FOUR, convert_lightgbm, some_rows(missing=True))


@model
def lightgbm_regression():
    trained = lightgbm.LGBMRegressor(n_estimators=50, num_leaves=31, n_jobs=1, verbose=-1)
    return boosted("lightgbm_regression", trained, SUM, convert_lightgbm, some_rows(missing=True))


@model
def lightgbm_of_categories():
    categories = X.copy()
    categories[:, 4] += 8
    categories[:, 5] = np.round(np.abs(X[:, 5]) * 10)
    rows = categories[:40].copy()
    rows[30:, 4:] = [[50, 3], [2.5, 1], [-1, 0], [0, 0], [1, 77], [3, 5.5], [9, 9], [10, 10], [11, 2], [7, 1]]
    trained = lightgbm.LGBMRegressor(n_estimators=20, num_leaves=15, n_jobs=1, verbose=-1, min_data_per_group=5, cat_smooth=1)
    trained.fit(categories, SUM, categorical_feature=[4, 5])
    proto = convert_lightgbm(trained, initial_types=[("X", ToolsFloat([None, FEATURES]))], target_opset=15)
    expected = trained.predict(rows[:30]).reshape(-1, 1)  # the converter truncates no categories as LightGBM does
    return Model("lightgbm_of_categories", proto, {"X": rows}, {proto.graph.output[0].name: expected}, 2e-5)


# --- linear models


@model
def linear_regression():
    return regressor("linear_regression", linear_model.LinearRegression())


@model
def linear_regression_of_two():
    return regressor("linear_regression_of_two", linear_model.Ridge(), BOTH)


@model
def logistic_of_two():
    return classifier("logistic_of_two", linear_model.LogisticRegression(), TWO)


@model
def logistic_of_four():
    return classifier("logistic_of_four", linear_model.LogisticRegression(), FOUR)


@model
def logistic_with_names():
    return classifier("logistic_with_names", linear_model.LogisticRegression(), NAMES)


@model
def linear_svc():
    return scored("linear_svc", svm.LinearSVC(), FOUR)


@model
def linear_svc_of_two():
    return scored("linear_svc_of_two", svm.LinearSVC(), TWO)


# --- support vectors


def support(name, trained, y, probabilities=False):
    rows = some_rows()
    trained.fit(X, y)
    if probabilities:
        return from_sklearn(name, trained, rows, [trained.predict(rows), trained.predict_proba(rows)], tolerance=2e-4)
    return from_sklearn(name, trained, rows, [trained.predict(rows)], tolerance=2e-4)


@model
def svc_rbf_of_two():
    return support("svc_rbf_of_two", svm.SVC(kernel="rbf"), TWO)


@model
def svc_poly_of_four():
    return support("svc_poly_of_four", svm.SVC(kernel="poly", degree=3, coef0=1), FOUR)


@model
def svc_sigmoid_of_four():
    return support("svc_sigmoid_of_four", svm.SVC(kernel="sigmoid", coef0=0.1), FOUR)


@model
def svc_linear_of_four():
    return support("svc_linear_of_four", svm.SVC(kernel="linear"), FOUR)


@model
def svc_probabilities_of_two():
    return support("svc_probabilities_of_two", svm.SVC(kernel="rbf", probability=True, random_state=0), TWO, True)


@model
def svc_probabilities_of_four():
    return support("svc_probabilities_of_four", svm.SVC(kernel="rbf", probability=True, random_state=0), FOUR, True)


@model
def nu_svr():
    return regressor("nu_svr", svm.NuSVR(kernel="rbf"), tolerance=1e-4)


@model
def svr_poly():
    return regressor("svr_poly", svm.SVR(kernel="poly", degree=2, coef0=0.5), tolerance=1e-4)


@model
def one_class_svm():
    trained, rows = svm.OneClassSVM(kernel="rbf", nu=0.2).fit(X), some_rows()
    expected = [trained.predict(rows).reshape(-1, 1), trained.decision_function(rows).reshape(-1, 1)]
    return from_sklearn("one_class_svm", trained, rows, expected, options={}, tolerance=1e-4)


# --- preprocessing


@model
def scalers():
    return transformer("scalers", pipeline.make_pipeline(preprocessing.StandardScaler(), preprocessing.MinMaxScaler(), preprocessing.RobustScaler()))


@model
def normalizers():
    return transformer("normalizers", pipeline.make_pipeline(*(preprocessing.Normalizer(n) for n in ("max", "l2", "l1"))))


@model
def imputer():
    return transformer("imputer", impute.SimpleImputer(), some_rows(missing=True))


@model
def binarizer():
    return transformer("binarizer", preprocessing.Binarizer(threshold=0.25))


@model
def one_hot():
    data = np.stack([np.arange(30) % 3, np.arange(30) % 5 * 2], 1).astype(np.int64)
    encoder = preprocessing.OneHotEncoder(handle_unknown="ignore", dtype=np.float32)
    rows = np.concatenate([data[:12], [[7, 1], [2, -4]]])
    return transformer("one_hot", encoder, rows, fitted=data, kind=Int64TensorType)


@model
def one_hot_of_names():
    data = np.array([["a", "x"], ["b", "y"], ["größer", "x"]])
    encoder = preprocessing.OneHotEncoder(handle_unknown="ignore", dtype=np.float32)
    return transformer("one_hot_of_names", encoder, np.concatenate([data, [["", "q"]]]), fitted=data, kind=StringTensorType)


@model
def scaled_forest():
    trained = pipeline.make_pipeline(preprocessing.StandardScaler(), ensemble.RandomForestClassifier(10, random_state=0))
    return classifier("scaled_forest", trained, FOUR)


@model
def voting():
    parts = [("a", linear_model.LogisticRegression()), ("b", tree.DecisionTreeClassifier(max_depth=4, random_state=0))]
    return classifier("voting", ensemble.VotingClassifier(parts, voting="soft", flatten_transform=False), FOUR)


def make(function):
    global random
    random = np.random.default_rng(sum(map(ord, function.__name__)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function()


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for made in map(make, MODELS):
        onnx.save(made.onnx, folder / f"{made.name}.onnx")
        np.savez(folder / f"{made.name}.npz", **{f"in_{k}": v for k, v in made.inputs.items()}, **made.expected)
