"""Which converter makes which estimator into graph operators, and what a converter gives.

A converter is a function `(model, table, conversion, path) -> Table` for a transformer, or `-> Outputs` for everything
else, registered under the estimator's class name:

    @transformer("StandardScaler")
    def standard_scaler(model, table, conversion, path): ...

    @predictor("LogisticRegression")
    def logistic_regression(model, table, conversion, path): ...

`path` names the step for people: 'pipeline.encode (OneHotEncoder)'. A converter raises NotPortable(path, cause) for what
it cannot do exactly; it never guesses. It reads fitted attributes only and imports nothing of scikit-learn at load time.
Converters nest through `transform` and `predict`.

A class of another library that follows scikit-learn's interface is registered under its package and name
('xgboost.XGBClassifier'); the module that does so is imported when such a class turns up (see FOREIGN).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from spox import Var

from holdall.errors import NotPortable
from holdall.frameworks.sklearn.sparse import marked
from holdall.graph.conversion import Conversion
from holdall.graph.value import Table


@dataclass(frozen=True)
class Outputs:
    """What an estimator that is not a transformer answers; None for what it does not have.

    labels: classifiers: int64 [N], index into `model.classes_`. Outlier detectors and clusterers: the label itself,
        int64 [N] (-1/1, cluster number).
    values: regressors: double [N] or [N, targets].
    probability: double [N, classes].
    decision: double [N] (binary, outlier detectors, one column) or [N, classes].
    score: `score_samples`, double [N].
    table: `transform`'s answer for estimators that have both (KMeans, PLS, LDA …).
    targets: multi-output classifiers: the outputs of each target.
    """

    labels: Var | None = None
    values: Var | None = None
    probability: Var | None = None
    decision: Var | None = None
    score: Var | None = None
    table: Table | None = None
    targets: tuple[Outputs, ...] = ()


Transformer = Callable[[Any, Table, Conversion, str], Table]
Predictor = Callable[[Any, Table, Conversion, str], Outputs]

FOREIGN = {
    "catboost": "holdall.frameworks.catboost.converters",
    "category_encoders": "holdall.frameworks.category_encoders.converters",
    "feature_engine": "holdall.frameworks.feature_engine.converters",
    "imblearn": "holdall.frameworks.sklearn.imbalanced",
    "lightgbm": "holdall.frameworks.lightgbm.converters",
    "skrub": "holdall.frameworks.skrub.converters",
    "xgboost": "holdall.frameworks.xgboost.converters",
}
"""Top-level package of a class → the module whose import registers the converters for that package's classes."""

_transformers: dict[str, Transformer] = {}
_predictors: dict[str, Predictor] = {}


def transformer(*class_names: str) -> Callable[[Transformer], Transformer]:
    """Register a converter for these scikit-learn transformer classes."""

    def register(function: Transformer) -> Transformer:
        for name in class_names:
            _transformers[name] = function
        return function

    return register


def predictor(*class_names: str) -> Callable[[Predictor], Predictor]:
    """Register a converter for these scikit-learn predictor classes."""

    def register(function: Predictor) -> Predictor:
        for name in class_names:
            _predictors[name] = function
        return function

    return register


def is_sklearn(model: Any) -> bool:
    """Whether the class itself (not only a base) is scikit-learn's own."""
    return type(model).__module__.partition(".")[0] == "sklearn"


def _key(model: Any, path: str) -> str:
    """What the model's class is registered under. Raises NotPortable for a class whose code is not known."""
    name = type(model).__name__
    if is_sklearn(model):
        return name
    package = type(model).__module__.partition(".")[0]
    if package in FOREIGN:
        import_module(FOREIGN[package])
        key = f"{package}.{name}"
        if key in _predictors or key in _transformers:
            return key
    raise NotPortable(path, f"{type(model).__module__}.{name} is not a scikit-learn class; its code is not known")


def is_known(model: Any) -> bool:
    """Whether the model's class is one whose code is known."""
    try:
        _key(model, "")
    except NotPortable:
        return False
    return True


def step(path: str, model: Any, name: str | None = None) -> str:
    """The path of an inner step: step('pipeline (Pipeline)', scaler, 'scale') == 'pipeline.scale (StandardScaler)'."""
    parent = path.partition(" (")[0]
    return f"{parent}.{name} ({type(model).__name__})" if name else f"{parent} ({type(model).__name__})"


def transform(model: Any, table: Table, conversion: Conversion, path: str) -> Table:
    """The graph of `model.transform`. Raises NotPortable."""
    return marked(model, table, _transform(model, table, conversion, path))


def _transform(model: Any, table: Table, conversion: Conversion, path: str) -> Table:
    if id(model) in conversion.witnesses and not is_known(model):
        from holdall.frameworks.sklearn.own_steps import following

        return following.transform(model, table, conversion, path)
    name = _key(model, path)
    found = _transformers.get(name)
    if found is not None:
        return found(model, table, conversion, path)
    if name in _predictors:
        result = _predictors[name](model, table, conversion, path).table
        if result is not None:
            return result
    from holdall.frameworks.sklearn import foreign

    return foreign.transform(model, table, conversion, path)


def predict(model: Any, table: Table, conversion: Conversion, path: str) -> Outputs:
    """The graph of everything that the model predicts. Raises NotPortable."""
    name = _key(model, path)
    found = _predictors.get(name)
    if found is not None:
        return found(model, table, conversion, path)
    from holdall.frameworks.sklearn import foreign

    return foreign.predict(model, table, conversion, path)
