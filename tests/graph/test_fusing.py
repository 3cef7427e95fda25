"""Two graphs as one: what they need of the sets of operators."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from holdall.graph.fusing import fused
from holdall.graph.tracing.untraceable import Untraceable

ML = "ai.onnx.ml"


def graph(nodes: list[onnx.NodeProto], name: str, given: str, **versions: int) -> bytes:
    made = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info(name, TensorProto.INT64, ["rows"])],
        [helper.make_tensor_value_info(given, TensorProto.INT64, ["rows"])],
    )
    sets = [helper.make_opsetid("" if domain == "onnx" else ML, version) for domain, version in versions.items()]
    return helper.make_model(made, opset_imports=sets, ir_version=10).SerializeToString()


def encoder(name: str, given: str, value: int) -> onnx.NodeProto:
    return helper.make_node("LabelEncoder", [name], [given], domain=ML, keys_int64s=[1], values_int64s=[value])


def test_graphs_of_two_versions_become_one_where_their_operators_are_the_same() -> None:
    """A function that looks values up is written with ai.onnx.ml 4, trees with 5."""
    first = graph([encoder("x", "given/x", 7)], "x", "given/x", onnx=21, ml=4)
    second = graph([helper.make_node("Neg", ["x"], ["y"])], "x", "y", onnx=21, ml=5)
    whole = fused(first, second, "given/")
    session = onnxruntime.InferenceSession(whole, providers=["CPUExecutionProvider"])
    assert session.run(["y"], {"x": np.array([1], np.int64)})[0].tolist() == [-7]
    assert {entry.version for entry in onnx.load_model_from_string(whole).opset_import if entry.domain == ML} == {5}


def test_graphs_whose_operators_changed_in_between_do_not() -> None:
    first = graph([helper.make_node("LabelEncoder", ["x"], ["given/x"], domain=ML)], "x", "given/x", onnx=21, ml=2)
    second = graph([encoder("x", "y", 7)], "x", "y", onnx=21, ml=4)
    with pytest.raises(Untraceable, match="other versions"):
        fused(first, second, "given/")
