"""Estimators that no converter of ours knows, through skl2onnx, where what it makes stays in double from end to end.

skl2onnx takes seconds to import and is loaded here only. It is not believed: some of its converters compute in float32,
some are known to be silently wrong, some make graphs that onnxruntime has no kernels for. All of these are refused, and
what passes is still proved by parity like everything else.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import spox
import spox.opset.ai.onnx.ml.v5 as ml
from spox import Var

from holdall.errors import NotPortable
from holdall.frameworks.sklearn.matrices import flat, numbers
from holdall.frameworks.sklearn.registry import Outputs
from holdall.frameworks.sklearn.rows import features
from holdall.graph.conversion import Conversion
from holdall.graph.value import Table

TEXT = "text is taken apart by rules of Unicode and of regular expressions that no exact graph operators exist for"
REFUSED = {
    "CountVectorizer": TEXT,
    "FeatureHasher": "it hashes text in a way that no graph operators can follow",
    "GaussianProcessClassifier": "skl2onnx writes it in a way that does not load or knows two classes only",
    "GaussianProcessRegressor": "skl2onnx is known to be 0.05 off for it",
    "HashingVectorizer": TEXT,
    "KNeighborsTransformer": "skl2onnx is known to give other numbers than its distances",
    "RadiusNeighborsClassifier": "skl2onnx is known to be wrong for it wherever the radius leaves neighbours out",
    "RadiusNeighborsRegressor": "skl2onnx is known to be wrong for it wherever the radius leaves neighbours out",
    "TfidfVectorizer": TEXT,
    "TunedThresholdClassifierCV": "skl2onnx is known to ignore the threshold",
}
"""Estimators that skl2onnx converts without an error but not rightly, and why."""

OPSETS = {"": 18, "ai.onnx.ml": 3}
SINGLE_ONLY = frozenset(
    {
        "FeatureVectorizer",
        "LinearClassifier",
        "LinearRegressor",
        "Normalizer",
        "OneHotEncoder",
        "SVMClassifier",
        "SVMRegressor",
        "Scaler",
        "TreeEnsembleClassifier",
        "TreeEnsembleRegressor",
    }
)
"""Operators of ai.onnx.ml whose answer is float32 whatever they are given."""


def transform(model: Any, table: Table, conversion: Conversion, path: str) -> Table:
    """The graph of `model.transform`. Raises NotPortable."""
    results = _inlined(model, table, path)
    if len(results) != 1:
        raise NotPortable(path, f"skl2onnx gives {len(results)} outputs for a transform")
    values = results[0]
    width = _width(values)
    if width is None or values.unwrap_tensor().dtype != np.float64:
        raise NotPortable(path, "skl2onnx gives something else than a matrix of doubles")
    return features(model, values, width)


def predict(model: Any, table: Table, conversion: Conversion, path: str) -> Outputs:
    """The graph of labels and probabilities, of cluster numbers, or of values. Raises NotPortable.

    Decisions and scores are left out: skl2onnx gives them under changing signs and shapes.
    """
    results = _inlined(model, table, path)
    first = results[0]
    labels = getattr(model, "classes_", None)
    if labels is None:
        return _without_classes(first, path)
    probability = None
    if hasattr(model, "predict_proba"):
        probability = results[1] if len(results) == 2 else None
        if probability is None or _width(probability) != len(labels) or not _is(probability, np.float64):
            raise NotPortable(path, "skl2onnx gives no matrix of doubles for its probabilities")
    return Outputs(labels=_index(first, labels, path), probability=probability)


def _without_classes(first: Var, path: str) -> Outputs:
    if _is(first, np.int64):
        return Outputs(labels=flat(first))
    if not _is(first, np.float64):
        raise NotPortable(path, "skl2onnx gives something else than doubles")
    return Outputs(values=flat(first) if _width(first) in (None, 1) else first)


def _is(values: Var, element: Any) -> bool:
    return bool(values.unwrap_tensor().dtype == np.dtype(element))


def _width(values: Var) -> int | None:
    """k of [N, k]; None where it is not a matrix of known width."""
    shape = values.unwrap_tensor().shape
    width = shape[1] if shape is not None and len(shape) == 2 else None
    return width if isinstance(width, int) else None


def _index(labels: Var, classes: Any, path: str) -> Var:
    """int64 [N]: where each label stands among the classes."""
    plain = np.asarray(classes).tolist()
    places = list(range(len(plain)))
    if all(isinstance(label, str) for label in plain) and _is(labels, np.str_):
        return ml.label_encoder(flat(labels), keys_strings=plain, values_int64s=places)
    if all(isinstance(label, int) for label in plain) and _is(labels, np.int64):
        return ml.label_encoder(flat(labels), keys_int64s=[int(label) for label in plain], values_int64s=places)
    raise NotPortable(path, "skl2onnx changes the type of its class labels")


def _inlined(model: Any, table: Table, path: str) -> list[Var]:
    """skl2onnx's outputs for the table, in its order."""
    name = type(model).__name__
    if name in REFUSED:
        raise NotPortable(path, REFUSED[name])
    block = numbers(table, path)
    graph = _converted(model, block.width, path)
    try:
        return list(spox.inline(graph)(block.values).values())
    except Exception as error:  # spox raises whatever it stumbles over in a graph of others
        raise NotPortable(path, f"skl2onnx's graph for {name} cannot be put inside another: {_line(error)}") from error


def _converted(model: Any, width: int, path: str) -> Any:
    """An ONNX model of one double input that onnxruntime loads and that nowhere leaves double."""
    import onnxruntime

    name = type(model).__name__
    try:
        from skl2onnx import convert_sklearn
        from skl2onnx.common.data_types import DoubleTensorType
    except ImportError:
        raise NotPortable(path, f"no exact converter for {name} is known, and skl2onnx is not installed") from None
    options = {id(model): {"zipmap": False}} if hasattr(model, "classes_") else None
    inputs = [("X", DoubleTensorType([None, width]))]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            graph = convert_sklearn(model, initial_types=inputs, options=options, target_opset=OPSETS)
            onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    except Exception as error:  # so do skl2onnx and onnxruntime
        raise NotPortable(path, f"no exact converter for {name} is known: {_line(error)}") from error
    for output in graph.graph.output:
        if output.type.tensor_type.shape.dim and output.type.tensor_type.shape.dim[0].dim_value:
            raise NotPortable(path, f"skl2onnx's graph for {name} is made for one number of rows only")
    for operator in _single_precision(graph.graph):
        raise NotPortable(path, f"skl2onnx computes {name} in float32 ({operator}), scikit-learn in double")
    return graph


def _line(error: Exception) -> str:
    """The first line of what went wrong, short enough for a report."""
    text = str(error).strip().partition("\n")[0]
    return text[:200] if text else type(error).__name__


def _single_precision(graph: Any) -> Iterator[str]:
    """The operators and constants of a graph, and of the graphs in it, that hold or make float32 or float16."""
    from onnx import TensorProto

    narrow = (TensorProto.FLOAT, TensorProto.FLOAT16)
    for tensor in graph.initializer:
        if tensor.data_type in narrow:
            yield f"constant {tensor.name}"
    for node in graph.node:
        if node.domain == "ai.onnx.ml" and node.op_type in SINGLE_ONLY:
            yield node.op_type
        for attribute in node.attribute:
            if node.op_type == "Cast" and attribute.name == "to" and attribute.i in narrow:
                yield "Cast"
            if attribute.t.data_type in narrow:
                yield f"constant of {node.op_type}"
            if attribute.g.node:
                yield from _single_precision(attribute.g)
