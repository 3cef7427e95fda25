"""Linear models: a weighted sum of the columns, then a link.

Where the live model was fitted on float32 it computes its sums in float32, and so does the graph: they agree within
float32's tolerance and overflow at the same values. All else is in double.
"""

from __future__ import annotations

from typing import Any

import spox.opset.ai.onnx.v21 as op
from spox import Var

from holdall.errors import NotPortable
from holdall.frameworks.sklearn import registry
from holdall.frameworks.sklearn.matrices import (
    affine,
    column,
    dense,
    flat,
    is_single,
    labels_above_zero,
    numbers,
    signs,
)
from holdall.frameworks.sklearn.registry import Outputs, predictor
from holdall.graph import numerics
from holdall.graph.conversion import Conversion
from holdall.graph.value import Table, constant


def linear(model: Any, table: Table, path: str) -> Var:
    """X @ coef_.T + intercept_: [N, rows of coef_], [N, 1] where coef_ is a vector."""
    weights = dense(model.coef_)
    matrix = weights.reshape(1, -1) if weights.ndim == 1 else weights
    block = numbers(table, path)
    return affine(block.values, matrix.T, model.intercept_, single=block.single and is_single(model.coef_))


def linear_decision(model: Any, table: Table, path: str) -> Var:
    """`decision_function` of scikit-learn's linear classifiers: [N] for one row of coef_, else [N, rows]."""
    scores = linear(model, table, path)
    return flat(scores) if dense(model.coef_).reshape(-1, model.n_features_in_).shape[0] == 1 else scores


def decided(decision: Var, classes: int, probability: Var | None = None) -> Outputs:
    """Labels by the decision: above zero for two classes, else the first of the largest."""
    labels = labels_above_zero(decision) if classes == 2 else numerics.row_argmax(decision)
    return Outputs(labels=labels, decision=decision, probability=probability)


def one_vs_rest_probability(decision: Var, classes: int) -> Var:
    """The logistic of each decision, normalised over the classes."""
    positive = numerics.logistic(decision)
    return numerics.two_columns(positive) if classes == 2 else numerics.normalised(positive, classes)


@predictor(
    "ARDRegression",
    "BayesianRidge",
    "ElasticNet",
    "ElasticNetCV",
    "HuberRegressor",
    "Lars",
    "LarsCV",
    "Lasso",
    "LassoCV",
    "LassoLars",
    "LassoLarsCV",
    "LassoLarsIC",
    "LinearRegression",
    "LinearSVR",
    "MultiTaskElasticNet",
    "MultiTaskElasticNetCV",
    "MultiTaskLasso",
    "MultiTaskLassoCV",
    "OrthogonalMatchingPursuit",
    "OrthogonalMatchingPursuitCV",
    "PassiveAggressiveRegressor",
    "QuantileRegressor",
    "Ridge",
    "RidgeCV",
    "SGDRegressor",
    "TheilSenRegressor",
)
def linear_regressor(model: Any, table: Table, conversion: Conversion, path: str) -> Outputs:
    scores = linear(model, table, path)
    return Outputs(values=flat(scores) if dense(model.coef_).ndim == 1 else scores)


@predictor("PoissonRegressor", "GammaRegressor", "TweedieRegressor")
def generalised_linear(model: Any, table: Table, conversion: Conversion, path: str) -> Outputs:
    prediction = flat(linear(model, table, path))
    link = type(model._base_loss.link).__name__
    if link == "LogLink":
        return Outputs(values=op.exp(prediction))
    if link == "IdentityLink":
        return Outputs(values=prediction)
    raise NotPortable(path, f"its link {link} is not known")


@predictor("RANSACRegressor")
def ransac(model: Any, table: Table, conversion: Conversion, path: str) -> Outputs:
    inner = registry.step(path, model.estimator_, "estimator_")
    return Outputs(values=registry.predict(model.estimator_, table, conversion, inner).values)


@predictor("LogisticRegression", "LogisticRegressionCV")
def logistic_regression(model: Any, table: Table, conversion: Conversion, path: str) -> Outputs:
    classes = len(model.classes_)
    decision = linear_decision(model, table, path)
    return decided(decision, classes, _logistic_probability(model, decision, classes))


def _logistic_probability(model: Any, decision: Var, classes: int) -> Var:
    # scikit-learn before 1.8 has `multi_class`; later ones are one-vs-rest for two classes, multinomial for more.
    mode = getattr(model, "multi_class", "deprecated")
    automatic = mode in ("auto", "deprecated") and (classes <= 2 or model.solver == "liblinear")
    if mode in ("ovr", "warn") or automatic:
        return one_vs_rest_probability(decision, classes)
    if classes == 2:
        positive = op.unsqueeze(decision, constant([1], "int64"))
        decision = op.concat([op.neg(positive), positive], axis=1)
    return numerics.softmax(decision)


@predictor("LinearSVC", "Perceptron", "PassiveAggressiveClassifier")
def linear_classifier(model: Any, table: Table, conversion: Conversion, path: str) -> Outputs:
    return decided(linear_decision(model, table, path), len(model.classes_))


@predictor("RidgeClassifier", "RidgeClassifierCV")
def ridge_classifier(model: Any, table: Table, conversion: Conversion, path: str) -> Outputs:
    decision = linear_decision(model, table, path)
    if not model._label_binarizer.y_type_.startswith("multilabel"):
        return decided(decision, len(model.classes_))
    parts = [column(decision, index) for index in range(len(model.classes_))]
    return Outputs(targets=tuple(Outputs(labels=labels_above_zero(part), decision=part) for part in parts))


@predictor("SGDClassifier")
def stochastic_gradient_classifier(model: Any, table: Table, conversion: Conversion, path: str) -> Outputs:
    classes = len(model.classes_)
    decision = linear_decision(model, table, path)
    probability = None
    if model.loss == "log_loss":
        probability = one_vs_rest_probability(decision, classes)
    elif model.loss == "modified_huber":
        clipped = op.min([op.max([decision, constant(-1.0)]), constant(1.0)])
        positive = op.div(op.add(clipped, constant(1.0)), constant(2.0))
        probability = numerics.two_columns(positive) if classes == 2 else numerics.normalised(positive, classes)
    return decided(decision, classes, probability)


@predictor("SGDOneClassSVM")
def stochastic_gradient_outliers(model: Any, table: Table, conversion: Conversion, path: str) -> Outputs:
    offset = constant(dense(model.offset_))
    block = numbers(table, path)
    weights = dense(model.coef_).reshape(-1, 1)
    product = affine(block.values, weights, single=block.single and is_single(model.coef_))
    decision = op.sub(flat(product), offset)
    inlier = op.greater_or_equal(decision, constant(0.0))
    return Outputs(labels=signs(inlier), decision=decision, score=op.add(decision, offset))
