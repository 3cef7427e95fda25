"""scikit-learn as a framework: what an estimator takes, what it answers, and its graph.

Nothing here imports scikit-learn before a model of it is at hand: an estimator cannot exist unless it is loaded.
"""

from __future__ import annotations

import pkgutil
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from holdall.columns.batch import DTYPES, Array, Batch, Column, text_column
from holdall.engines.frames import frame
from holdall.errors import NotPortable, UnsupportedModel
from holdall.frameworks.framework import Artefact, Description, Live
from holdall.frameworks.sklearn import markers
from holdall.frameworks.sklearn.answers import Answer, answers, matrix, settled
from holdall.spec.schema import Field, Kind, Schema
from holdall.spec.steps import Compute, StepOutput

if TYPE_CHECKING:
    from holdall.graph.conversion import Witness

TELLING = ("predict_proba", "decision_function", "predict", "transform", "score_samples")
"""Methods by how much their answer says of the others."""

MANY = 8192
"""From so many rows on the model may use every core."""

GRAPH_PATH = "model/model.onnx"

NO_TABLE = {
    "PatchExtractor": (
        "gives many rows for each image that it takes",
        "cut the images up before they are given to the model",
    ),
}
"""Transformers that do not give one row for one row of columns: what they do, and what to do."""


ABSENT = (
    "the model takes a dictionary a row: a key that a row does not have is given as null, and the model does not see it"
)


class ScikitLearn:
    """The Framework of scikit-learn estimators and of pipelines made of them."""

    name = "scikit-learn"

    def recognises(self, model: Any) -> bool:
        """Whether any class in the model's method resolution order is scikit-learn's."""
        return any(base.__module__.partition(".")[0] == "sklearn" for base in type(model).__mro__)

    def describe(self, model: Any) -> Description:
        """Raises UnsupportedModel for a model that is not fitted or answers nothing."""
        import sklearn

        if isinstance(model, type):
            raise UnsupportedModel(
                f"{model.__name__} is a class, not a fitted model", hint=f"fit it first: {model.__name__}().fit(X, y)"
            )
        if not self.is_fitted(model):
            raise UnsupportedModel(
                f"this {type(model).__name__} is not fitted", hint="call .fit(X, y) on it first, then pack it"
            )
        if type(model).__name__ in NO_TABLE:
            why, hint = NO_TABLE[type(model).__name__]
            raise UnsupportedModel(f"a {type(model).__name__} {why}", hint=hint)
        names = _names(model)
        width = getattr(model, "n_features_in_", None)
        table = _table(model)
        requires = [f"scikit-learn=={sklearn.__version__}"]
        if table == "pandas":
            requires.append(f"pandas=={import_module('pandas').__version__}")
        return Description(
            task=_task(model),
            inputs=None if names is None else tuple(str(name) for name in names),
            width=1 if table == "text" else None if width is None else int(width),
            table=table,
            classes=_classes(model),
            missing=markers.missing(model),
            notes=(*markers.notes(model), *([ABSENT] if table == "mappings" else [])),
            requires=tuple(requires),
        )

    def is_fitted(self, model: Any) -> bool:
        """Whether the model can answer."""
        from sklearn.exceptions import NotFittedError
        from sklearn.utils.validation import check_is_fitted

        try:
            check_is_fitted(model)
        except NotFittedError:
            return False
        return True

    def given(self, model: Any, batch: Batch, schema: Schema) -> Any:
        """The table that the live model is asked with: of the very kind that it was fitted on."""
        kind = _table(model)
        table = frame(batch, schema, kind)
        if kind != "pandas" or "xgboost" not in sys.modules:
            return table
        from holdall.frameworks.xgboost.within import completed

        return completed(model, table)

    def outputs(self, model: Any, inputs: Sequence[Field], example: Batch) -> tuple[Field, ...]:
        """Raises UnsupportedModel where the model has no method that answers for new rows."""
        given = self.given(model, example, Schema(inputs=tuple(inputs), outputs=()))
        with quiet(example.rows):
            found = answers(model, [field.name for field in inputs], lambda method: getattr(model, method)(given))
        return tuple(Field(name=name, kind=kind) for answer in found for name, kind in answer.columns)

    def live(self, model: Any, schema: Schema, *, brief: bool = False) -> Live:
        """The model's answers on the very kind of table it was fitted on, without worker pools, warnings off."""
        found = settled(model, schema)
        if brief:
            found = (min(found, key=lambda answer: TELLING.index(answer.method)),)

        def run(batch: Batch) -> Batch:
            given = self.given(model, batch, schema)
            with quiet(batch.rows):
                columns = {}
                for answer, values in call(model, given, found):
                    columns.update(answer_columns(answer, values, batch.rows))
            return Batch(columns, batch.rows)

        return run

    def portable(self, model: Any, schema: Schema) -> Artefact:
        """One ONNX graph in double. Raises NotPortable."""
        return self._graph(model, schema, {})

    def followed(self, model: Any, schema: Schema, sample: Batch) -> Artefact:
        """As `portable`, with the functions and classes of the user's own followed on these rows. Raises NotPortable."""
        from holdall.frameworks.sklearn.own_steps import watching

        return self._graph(model, schema, watching.watched(model, self.live(model, schema, brief=True), sample))

    def _graph(self, model: Any, schema: Schema, witnesses: Mapping[int, Witness]) -> Artefact:
        from holdall.graph.conversion import Conversion

        register_converters()
        from holdall.frameworks.sklearn import emitting

        path = _path(model)
        try:
            conversion = Conversion(schema, witnesses)
            graph = emitting.emit(model, conversion, path, settled(model, schema))
        except NotPortable:
            raise
        except Exception as error:
            # A converter that stumbles over a model it did not foresee must not stop the user from packing it.
            raise NotPortable(path, f"{type(error).__name__}: {error}") from error
        single = bool(conversion.table) and all(block.single for block in conversion.table)
        return Artefact(
            engine="onnx",
            files={GRAPH_PATH: graph.model},
            inputs=graph.inputs,
            outputs=graph.outputs,
            guards=graph.guards,
            compute=Compute.FLOAT32 if single or conversion.single else Compute.FLOAT64,
            # Steps that are given float32 compute in it in ways of their own, and are held to less.
            tolerance=None if single else conversion.tolerance,
            boundaries=graph.boundaries,
        )

    def native(self, model: Any, schema: Schema, *, allow_pickle: bool = False) -> Artefact:
        """skops, canonicalised; or a pickle where only that can hold the model and the user asked for it."""
        from holdall.frameworks.sklearn import native

        found = settled(model, schema)
        outputs = tuple(StepOutput(name=a.method, columns=tuple(name for name, _ in a.columns)) for a in found)
        table = _table(model)
        try:
            data, types = native.canonical_skops(model), None
        except NotPortable:
            if not allow_pickle:
                raise
            data, types = None, ()
        if data is None:
            return Artefact(
                "pickle", {"model/model.pkl": native.pickled(model)}, (), outputs, table=table, types=types or ()
            )
        return Artefact(
            "skops",
            {"model/model.skops": data},
            (),
            outputs,
            table=table,
            types=tuple(native.native_types(data)),
        )


FRAMEWORK = ScikitLearn()


def register_converters() -> None:
    """Import every module of this folder: each registers its converters, so a new family of estimators is one new file."""
    from holdall.frameworks import sklearn as folder

    for module in pkgutil.iter_modules(folder.__path__):
        import_module(f"{folder.__name__}.{module.name}")


@cache
def _thread_pools() -> Any:
    """The thread pools of this process's numerical libraries; looking for them takes milliseconds, so once."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


@contextmanager
def quiet(rows: int) -> Iterator[None]:
    """No warnings and no worker pools: a pool adds up in any order, and recorded answers must come out the same.

    A few rows are answered by one thread: on a busy machine threads that wait for each other take a hundred times longer
    than the work itself.
    """
    import joblib

    with warnings.catch_warnings(), joblib.parallel_config(backend="sequential"), ExitStack() as stack:
        warnings.simplefilter("ignore")
        if rows < MANY:
            stack.enter_context(_thread_pools().limit(limits=1))
        yield


def call(model: Any, given: Any, found: Sequence[Answer]) -> Iterator[tuple[Answer, Any]]:
    """Each answer of the model for the table. A pipeline's preprocessing is run once for all of them."""
    final = model
    if len(found) > 1 and type(model).__name__ == "Pipeline" and type(model).__module__.startswith("sklearn."):
        for _, step in model.steps[:-1]:
            if step is not None and step != "passthrough":
                given = step.transform(given)
        final = model.steps[-1][1]
    for answer in found:
        yield answer, getattr(final, answer.method)(given)


def answer_columns(answer: Answer, values: Any, rows: int) -> dict[str, Column]:
    """What a method returned for so many rows, as columns."""
    array = matrix(values).reshape(rows, len(answer.columns))
    return {name: plain_column(kind, array[:, index]) for index, (name, kind) in enumerate(answer.columns)}


def plain_column(kind: Kind, values: Array) -> Column:
    """A column of a model's answer: text from objects, nulls told apart."""
    return text_column(values) if kind is Kind.STRING else Column(kind, values.astype(DTYPES[kind]))


def _table(model: Any) -> str:
    """The kind of table that the model was fitted on: only a data frame leaves names behind, only what counts words takes
    one document after the other, and only two take a dictionary a row."""
    first = model
    while type(first).__name__ in ("Pipeline", "FeatureUnion") or hasattr(first, "best_estimator_"):
        steps = getattr(first, "steps", None) or getattr(first, "transformer_list", None)
        first = steps[0][1] if steps else first.best_estimator_
    if type(first).__name__ in ("CountVectorizer", "TfidfVectorizer", "HashingVectorizer"):
        return "text"
    if type(first).__name__ == "DictVectorizer" or (
        type(first).__name__ == "FeatureHasher" and first.input_type == "dict"
    ):
        return "mappings"
    return "numpy" if _names(model) is None else "pandas"


def _names(model: Any) -> Any:
    """The columns of the data frame that the model was fitted on; None where it was an array, whose columns other
    libraries number."""
    if type(model).__name__ == "Pipeline":
        # scikit-learn asks the first step only, and one that does nothing knows no columns.
        return _names(next((step for _, step in model.steps if step is not None and step != "passthrough"), None))
    names = getattr(model, "feature_names_in_", None)
    return None if names is None or not all(isinstance(name, str) for name in names) else names


def _path(model: Any) -> str:
    name = type(model).__name__
    return f"{'pipeline' if name == 'Pipeline' else 'model'} ({name})"


def _classes(model: Any) -> tuple[str | int | float | bool, ...] | None:
    labels = getattr(model, "classes_", None)
    if labels is None or isinstance(labels, list) or not len(labels) or not hasattr(model, "predict"):
        return None
    return tuple(np.asarray(labels).tolist())


def _task(model: Any) -> str:
    from sklearn.base import is_classifier, is_clusterer, is_outlier_detector, is_regressor

    checks: list[tuple[str, Callable[[Any], bool]]] = [
        ("classification", is_classifier),
        ("outliers", is_outlier_detector),
        ("clustering", is_clusterer),
        ("regression", is_regressor),
    ]
    for task, check in checks:
        if check(model):
            return task
    if hasattr(model, "predict"):
        return "clustering" if hasattr(model, "predict_proba") else "regression"
    return "transform"
