"""What a function gives, a hair's breadth lower, before a model of thresholds.

The thresholds of histogram-boosted trees are values of the training table themselves, and a row with just that value goes to
the left. A logarithm or a power is rounded one way by NumPy on one processor and another way on the next, by onnxruntime, and
by a browser: the training rows on a threshold would then go to the right here and there. So such a column comes to the model
lowered by a few units in the last place, more than any library differs and less than any two rows do. What everybody computes
to the last bit (sums, products, roots, comparisons) is left as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper
from spox import Var

ROUNDED_ANYHOW = frozenset(
    {"Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "Cos", "Cosh", "Erf", "Exp", "Log", "Pow", "Sigmoid", "Sin"}
    | {"Sinh", "Softplus", "Tan", "Tanh"}
)
"""Operators whose results no standard fixes to the last digit."""

LESS_OR_EQUAL = 0
"""The mode of a node of ai.onnx.ml's TreeEnsemble that compares so."""

BREADTH = 2.0**-50
"""Of the number: four to eight units in the last place."""


def is_rounded_anyhow(value: Var) -> bool:
    """Whether one of these operators has a part in it."""
    return any(info._op.op_type.identifier in ROUNDED_ANYHOW for info in _ancestors([value]))


def sources(values: Sequence[Var], among: Mapping[str, Var]) -> frozenset[str]:
    """By name those of which these values are made."""
    found = _ancestors(values)
    return frozenset(name for name, value in among.items() if value._var_info in found)


def _ancestors(values: Sequence[Var]) -> set[Any]:
    """All that has a part in them, themselves included."""
    seen: set[Any] = set()
    pending = [value._var_info for value in values]
    while pending:
        info = pending.pop()
        if info not in seen:
            seen.add(info)
            pending += info._op.dependencies
    return seen


def keeps_left(model: bytes) -> bool:
    """Whether it has trees that send a row on a threshold to the left. Other cuts, such as edges of bins, are no such."""
    nodes = onnx.load_model_from_string(model).graph.node
    modes = [
        numpy_helper.to_array(attribute.t)
        for node in nodes
        if node.op_type == "TreeEnsemble"
        for attribute in node.attribute
        if attribute.name == "nodes_modes"
    ]
    return any((found == LESS_OR_EQUAL).any() for found in modes)


def lowered(model: bytes, output: str, columns: Sequence[bool]) -> bytes:
    """The graph with these columns of its output [rows, columns], a matrix of doubles, lowered; the others as they are."""
    if not any(columns):
        return model
    made = onnx.load_model_from_string(model)
    graph, before = made.graph, f"{output}/whole"
    for node in graph.node:
        node.output[:] = [before if name == output else name for name in node.output]
        node.input[:] = [before if name == output else name for name in node.input]
    breadth = np.where(columns, BREADTH, 0.0)[None, :]
    parts = {"zero": np.zeros(1), "nearer": 1.0 - breadth, "further": 1.0 + breadth}
    names = {name: f"{output}/{name}" for name in (*parts, "positive", "one", "other")}
    graph.initializer.extend(numpy_helper.from_array(part, names[name]) for name, part in parts.items())
    # By factors, so that infinity stays what it is.
    graph.node.extend(
        [
            helper.make_node("Greater", [before, names["zero"]], [names["positive"]]),
            helper.make_node("Mul", [before, names["nearer"]], [names["one"]]),
            helper.make_node("Mul", [before, names["further"]], [names["other"]]),
            helper.make_node("Where", [names["positive"], names["one"], names["other"]], [output]),
        ]
    )
    return bytes(made.SerializeToString(deterministic=True))
