"""What scikit-learn's own helpers, and estimators that a transformer of the user's own holds, are while it is traced."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas
import spox.opset.ai.onnx.v21 as op
from sklearn.base import BaseEstimator
from sklearn.utils import check_array
from sklearn.utils.validation import validate_data

from holdall.errors import NotPortable
from holdall.frameworks.sklearn import registry
from holdall.graph.tracing.array import TracedArray
from holdall.graph.tracing.array_functions import as_array
from holdall.graph.tracing.blocks import Step
from holdall.graph.tracing.frame import TracedFrame
from holdall.graph.tracing.rebinding import Bindings
from holdall.graph.tracing.series import only
from holdall.graph.tracing.trace import Trace
from holdall.graph.tracing.untraceable import Untraceable
from holdall.graph.tracing.vector import Form, to_float
from holdall.graph.value import Table, constant
from holdall.spec.schema import Kind

FREE = frozenset(["accept_large_sparse", "accept_sparse", "copy", "ensure_2d", "ensure_min_features", "ensure_min_samples",
                  "estimator", "input_name", "order", "reset", "force_writeable"])  # fmt: skip
"""Options of check_array that say nothing of single rows."""


def bindings(step: Step, path: str, trace: Trace) -> Bindings:
    """Those of a step: scikit-learn's helpers are ours, and fitted estimators go into the graph."""

    class OfStep(Bindings):
        def value(self, value: Any) -> Any:
            face = _HELPERS.get(value) if callable(value) and getattr(value, "__hash__", None) else None
            if face is not None:
                return _either(value, lambda *a, **o: face(trace, *a, **o))
            if isinstance(value, BaseEstimator):
                return Fitted(value, step, registry.step(path, value))
            return super().value(value)

    return OfStep(trace)


def _either(real: Callable[..., Any], face: Callable[..., Any]) -> Callable[..., Any]:
    """The face where something traced is given, else the real one."""

    def call(*arguments: Any, **options: Any) -> Any:
        traced = any(isinstance(one, TracedArray | TracedFrame) for one in (*arguments, *options.values()))
        return (face if traced else real)(*arguments, **options)

    return call


def _check_array(
    trace: Trace, array: Any, *, dtype: Any = "numeric", ensure_all_finite: Any = True, **options: Any
) -> Any:
    """check_array of a table: rows that it raises for are refused."""
    only("check_array", {key: value for key, value in options.items() if key not in FREE})
    made = as_array(array, trace)
    if made._flat:
        raise ValueError("Expected 2D array, got 1D array instead")
    if dtype == "numeric":
        wanted = None if made.dtype != object else np.float64
    elif isinstance(dtype, list | tuple):
        wanted = None if made.dtype in [np.dtype(one) for one in dtype] else dtype[0]
    else:
        wanted = dtype
    made = made.copy() if wanted is None else made.astype(wanted)
    if ensure_all_finite is not False:
        for vector in made._vectors:
            if vector.form is Form.FLOAT:
                values = to_float(vector)
                bad = op.isinf(values)
                if ensure_all_finite != "allow-nan":
                    bad = op.or_(bad, op.isnan(values))
                trace.refuse(bad, "a number that is none, which check_array refuses")
    return made


def _validate_data(
    trace: Trace, _estimator: Any, X: Any = "no_validation", y: Any = "no_validation", **options: Any
) -> Any:
    """validate_data of a table."""
    if options.get("reset", True) or not isinstance(y, str | None):
        raise Untraceable("validate_data(reset=True) in transform", "add reset=False")
    if options.pop("skip_check_array", False):
        return X
    return _check_array(trace, X, **options)


_HELPERS: Mapping[Any, Callable[..., Any]] = {check_array: _check_array, validate_data: _validate_data}


class Fitted:
    """A fitted estimator inside a transformer: it answers tables with what its own graph gives."""

    def __init__(self, model: Any, step: Step, path: str) -> None:
        self._model = model
        self._step = step
        self._path = path

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._model, name)
        if name.startswith("__") or not callable(found) or isinstance(found, type):
            return found

        def call(*arguments: Any, **options: Any) -> Any:
            if not any(isinstance(one, TracedArray | TracedFrame) for one in (*arguments, *options.values())):
                return found(*arguments, **options)
            if name not in _METHODS or options or len(arguments) != 1:
                raise Untraceable(f"{type(self._model).__name__}.{name}")
            return self._asked(name, arguments[0])

        return call

    def _asked(self, method: str, given: Any) -> Any:
        live_given = given._live()
        live = getattr(self._model, method)(live_given)
        if hasattr(live, "toarray"):
            raise Untraceable(
                f"{type(self._model).__name__}.{method} that gives a sparse matrix", "add sparse_output=False"
            )
        try:
            table = _METHODS[method](self, self._step.blocks(given, live_given))
        except NotPortable as error:
            raise Untraceable(f"{error.step}: {error.cause}") from None
        flat = not isinstance(live, pandas.DataFrame) and np.ndim(live) == 1
        made = self._step.columns(table, np.asarray(live)[:, None] if flat else live)
        self._step.trace.note(f"{type(self._model).__name__}.{method}")
        return made.ravel() if flat else made

    def _transform(self, table: Table) -> Table:
        return registry.transform(self._model, table, self._step.trace.conversion, self._path)

    def _predict_proba(self, table: Table) -> Table:
        found = registry.predict(self._model, table, self._step.trace.conversion, self._path).probability
        if found is None:
            raise NotPortable(self._path, "its probabilities have no exact form as graph operators")
        from holdall.graph import value

        return value.matrix(found, [str(label) for label in self._model.classes_])

    def _predict(self, table: Table) -> Table:
        from holdall.frameworks.sklearn.emitting import labelled
        from holdall.graph import value
        from holdall.graph.value import Block

        found = registry.predict(self._model, table, self._step.trace.conversion, self._path)
        axis = constant([1], np.int64)
        if found.values is not None:
            return value.matrix(op.unsqueeze(found.values, axis), ["prediction"])
        if found.labels is None:
            raise NotPortable(self._path, "its predictions have no exact form as graph operators")
        labels = getattr(self._model, "classes_", None)
        if labels is None:
            return (Block(Kind.INT, op.unsqueeze(found.labels, axis), ("prediction",)),)
        kind = {"f": Kind.FLOAT, "b": Kind.BOOL, "i": Kind.INT, "u": Kind.INT}.get(np.asarray(labels).dtype.kind)
        return (Block(kind or Kind.STRING, op.unsqueeze(labelled(found.labels, labels), axis), ("prediction",)),)


_METHODS: Mapping[str, Callable[[Fitted, Table], Table]] = {
    "transform": Fitted._transform,
    "predict": Fitted._predict,
    "predict_proba": Fitted._predict_proba,
}
