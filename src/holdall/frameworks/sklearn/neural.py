"""Neural networks of scikit-learn: layers of sums and activations.

A network fitted on float32 sums in float32, in scikit-learn as here: they agree within float32's tolerance.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import spox.opset.ai.onnx.v21 as op
from spox import Var

from holdall.errors import NotPortable
from holdall.frameworks.sklearn.matrices import affine, column, flat, is_single, numbers, transformed
from holdall.frameworks.sklearn.registry import Outputs, predictor, transformer
from holdall.graph import numerics
from holdall.graph.conversion import Conversion
from holdall.graph.value import Table, constant

ACTIVATIONS: Mapping[str, Callable[[Var], Var]] = {
    "identity": lambda values: values,
    "exp": op.exp,
    "logistic": numerics.logistic,
    "relu": op.relu,
    "softmax": numerics.softmax,
    "tanh": op.tanh,
}


def _forward(model: Any, table: Table, path: str) -> Var:
    """[N, outputs] of the last layer's activation."""
    for name in (model.activation, model.out_activation_):
        if name not in ACTIVATIONS:
            raise NotPortable(path, f"its activation {name!r} is not known")
    block = numbers(table, path)
    values, single = block.values, block.single and is_single(model.coefs_[0])
    last = len(model.coefs_) - 1
    for index, (weights, offset) in enumerate(zip(model.coefs_, model.intercepts_, strict=True)):
        activation = model.out_activation_ if index == last else model.activation
        values = ACTIVATIONS[activation](affine(values, weights, offset, single=single))
    return values


@predictor("MLPRegressor")
def regressor(model: Any, table: Table, conversion: Conversion, path: str) -> Outputs:
    values = _forward(model, table, path)
    return Outputs(values=flat(values) if model.coefs_[-1].shape[1] == 1 else values)


@predictor("MLPClassifier")
def classifier(model: Any, table: Table, conversion: Conversion, path: str) -> Outputs:
    activation = _forward(model, table, path)
    if model._label_binarizer.y_type_.startswith("multilabel"):
        return Outputs(targets=tuple(_two_classes(column(activation, index)) for index in range(model.n_outputs_)))
    if model.n_outputs_ == 1:
        return _two_classes(flat(activation))
    return Outputs(labels=numerics.row_argmax(activation), probability=activation)


def _two_classes(positive: Var) -> Outputs:
    labels = op.cast(op.greater(positive, constant(0.5)), to="int64")
    return Outputs(labels=labels, probability=numerics.two_columns(positive))


@transformer("BernoulliRBM")
def restricted_boltzmann_machine(model: Any, table: Table, conversion: Conversion, path: str) -> Table:
    block = numbers(table, path)
    single = block.single and is_single(model.components_)
    hidden = affine(block.values, model.components_.T, model.intercept_hidden_, single=single)
    return transformed(model, numerics.logistic(hidden), model.components_.shape[0])
