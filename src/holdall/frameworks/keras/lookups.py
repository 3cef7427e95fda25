"""What layers that prepare columns are made of inside a TensorFlow graph, and tf2onnx has no operators for.

StringLookup and IntegerLookup ask a table, which a frozen graph names by a handle in TensorFlow's memory; Discretization
counts the bounds that are not above a number.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from holdall.columns.batch import Array

LOOKUP = "LookupTableFindV2"


def tables(concrete: Any, definition: Any) -> dict[str, tuple[Array, Array]]:
    """Node that looks up → the keys and the values of its table. concrete: the function; definition: its frozen graph."""
    import tensorflow as tf

    handles = {inner.op.name: outer for outer, inner in concrete.graph.captures if outer.dtype == tf.resource}
    sources = {node.name: node for node in definition.node}
    found = {}
    for node in definition.node:
        if node.op != LOOKUP:
            continue
        source = sources[node.input[0].partition(":")[0]]
        while source.op == "Identity":
            source = sources[source.input[0].partition(":")[0]]
        keys, values = tf.raw_ops.LookupTableExportV2(
            table_handle=handles[source.name],
            Tkeys=tf.as_dtype(node.attr["Tin"].type),
            Tvalues=tf.as_dtype(node.attr["Tout"].type),
        )
        # A table keeps no order of its own; the same model is to give the same graph.
        order = np.argsort(keys.numpy(), kind="stable")
        found[node.name] = keys.numpy()[order], values.numpy()[order]
    return found


def handlers(found: Mapping[str, tuple[Array, Array]]) -> dict[str, tuple[Callable[..., None], list[Any]]]:
    """What tf2onnx calls for each of the operators. found: as `tables` gives it."""
    return {LOOKUP: (_lookup(found), []), "Bucketize": (_bucketize, [])}


def _lookup(found: Mapping[str, tuple[Array, Array]]) -> Callable[..., None]:
    """A LabelEncoder with the table's keys and values in the place of the lookup."""

    def write(context: Any, node: Any, _name: str, _arguments: Any) -> None:
        keys, values = found[node.name]
        given = node.input[1]
        default = node.inputs[2].get_tensor_value()
        outputs, shape, kind = list(node.output), context.get_shape(node.output[0]), context.get_dtype(node.output[0])
        texts = keys.dtype.kind not in "iu", values.dtype.kind not in "iu"
        attributes = {
            "keys_strings" if texts[0] else "keys_int64s": keys.tolist(),
            "values_strings" if texts[1] else "values_int64s": values.tolist(),
            "default_string" if texts[1] else "default_int64": default,
        }
        context.remove_node(node.name)
        context.make_node(
            "LabelEncoder",
            [given],
            name=node.name,
            outputs=outputs,
            attr=attributes,
            shapes=[shape],
            dtypes=[kind],
            domain="ai.onnx.ml",
        )

    return write


def _bucketize(context: Any, node: Any, _name: str, _arguments: Any) -> None:
    from onnx import TensorProto

    bounds = np.array(node.get_attr("boundaries").floats, np.float32)
    given, outputs, shape = node.input[0], list(node.output), context.get_shape(node.output[0])
    context.remove_node(node.name)
    number = context.make_node("Cast", [given], attr={"to": TensorProto.FLOAT})
    last = context.make_const(f"{node.name}_last", np.array([-1], np.int64)).output[0]
    apart = context.make_node("Unsqueeze", [number.output[0], last])
    limits = context.make_const(f"{node.name}_bounds", bounds).output[0]
    reached = context.make_node("GreaterOrEqual", [apart.output[0], limits])
    counted = context.make_node("Cast", [reached.output[0]], attr={"to": TensorProto.INT32})
    context.make_node(
        "ReduceSum",
        [counted.output[0], last],
        name=node.name,
        outputs=outputs,
        attr={"keepdims": 0},
        shapes=[shape],
        dtypes=[TensorProto.INT32],
    )
