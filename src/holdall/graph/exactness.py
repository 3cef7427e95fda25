"""What a runtime's optimiser would change in a graph's answers is written so that it cannot.

onnxruntime drops a product or quotient with one number that rounds to 1 in float32, though the graph is in double: a length
scale of 1.00000001 goes, and what is left of the answer is wrong from the eighth digit on (in an exponent, from the fifth).
Such a number is doubled, and its result halved again, which is exact.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np


def keep_near_ones(graph: Any, outer: Mapping[str, float] | None = None) -> None:
    """Rewrite the products and quotients with a number near one in a GraphProto and in the graphs inside it."""
    from onnx import helper

    numbers = {**(outer or {}), **_numbers(graph)}
    nodes = []
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.g.node:
                keep_near_ones(attribute.g, numbers)
        place = _near_one(node, numbers)
        if place is None:
            nodes.append(node)
            continue
        name = node.output[0]
        doubled, back, inner = (f"{name}_{part}" for part in ("doubled", "back", "inner"))
        twice = 2.0 * numbers[node.input[place]]
        node.input[place], node.output[0] = doubled, inner
        nodes += [
            helper.make_node("Constant", [], [doubled], value=_scalar(twice)),
            node,
            helper.make_node("Constant", [], [back], value=_scalar(0.5 if node.op_type == "Mul" else 2.0)),
            helper.make_node("Mul", [inner, back], [name]),
        ]
    if len(nodes) != len(graph.node):
        copies = [type(node).FromString(node.SerializeToString(deterministic=True)) for node in nodes]
        del graph.node[:]
        graph.node.extend(copies)


def _near_one(node: Any, numbers: Mapping[str, float]) -> int | None:
    """The place of the input that is a number near one, but not one."""
    if node.domain or node.op_type not in ("Mul", "Div"):
        return None
    for place in (1, 0) if node.op_type == "Mul" else (1,):
        number = numbers.get(node.input[place])
        if number is not None and number != 1.0 and np.float32(number) == np.float32(1.0):
            return place
    return None


def _numbers(graph: Any) -> dict[str, float]:
    """The graph's constants of one double."""
    from onnx import TensorProto, numpy_helper

    tensors = [(tensor.name, tensor) for tensor in graph.initializer]
    tensors += [
        (node.output[0], attribute.t)
        for node in graph.node
        if node.op_type == "Constant"
        for attribute in node.attribute
        if attribute.name == "value"
    ]
    return {
        name: float(numpy_helper.to_array(tensor).reshape(()))
        for name, tensor in tensors
        if tensor.data_type == TensorProto.DOUBLE and int(np.prod(tensor.dims)) == 1
    }


def _scalar(value: float) -> Any:
    from onnx import numpy_helper

    return numpy_helper.from_array(np.array(value, np.float64))
