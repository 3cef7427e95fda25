"""Tiny models that need no framework to make: for tests of whatever takes a model or a package."""

from __future__ import annotations

from typing import Any

import numpy as np


def affine(scale: float = 2.0, offset: float = 1.0) -> Any:
    """An ONNX graph of one column in double: `prediction = scale * x + offset`. Needs the package onnx."""
    from onnx import TensorProto, helper

    graph = helper.make_graph(
        [helper.make_node("Mul", ["x", "scale"], ["scaled"]), helper.make_node("Add", ["scaled", "offset"], ["y"])],
        "affine",
        [helper.make_tensor_value_info("x", TensorProto.DOUBLE, ["rows", 1])],
        [helper.make_tensor_value_info("y", TensorProto.DOUBLE, ["rows", 1])],
        [
            helper.make_tensor("scale", TensorProto.DOUBLE, [1], [scale]),
            helper.make_tensor("offset", TensorProto.DOUBLE, [1], [offset]),
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def constant(value: float = 0.0) -> Any:
    """A fitted scikit-learn regressor of one column that answers with the same number always."""
    from sklearn.dummy import DummyRegressor

    return DummyRegressor(strategy="constant", constant=value).fit(np.zeros((2, 1)), np.zeros(2))
