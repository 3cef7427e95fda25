"""What fitted results are: of which model, with which columns, offsets and classes. Read by class names and attributes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from holdall.errors import UnsupportedModel

LINEAR = frozenset({"OLS", "WLS", "GLS", "GLSAR", "RLM", "QuantReg", "MixedLM", "RegressionModel"})
COUNTS = frozenset({"Poisson", "NegativeBinomial", "NegativeBinomialP", "GeneralizedPoisson"})
INFLATED = frozenset(
    {"ZeroInflatedPoisson", "ZeroInflatedNegativeBinomialP", "ZeroInflatedGeneralizedPoisson"},
)
LINKED = frozenset({"GLM", "GEE", "BetaModel"})
BINARY = frozenset({"Logit", "Probit"})
SEVERAL = frozenset({"MNLogit", "OrderedModel"})
KNOWN = LINEAR | COUNTS | INFLATED | LINKED | BINARY | SEVERAL

_NO_ROWS = {
    "GLMGam": "takes its smooth terms as a second table",
    "PHReg": "answers with hazard ratios and their errors in an object of its own",
    "OrdinalGEE": "answers for thresholds, several for each row",
    "NominalGEE": "answers for classes, several for each row",
}


@dataclass(frozen=True)
class Read:
    """results: the bare results. kind: the name of the model's class, as in KNOWN.

    design: patsy's DesignInfo of the right-hand side, for a formula; else None.
    names: the columns of the model's own matrix, without constants, in order; width: of that matrix.
    constants: position → value of the columns that are the same number throughout, which no one has to give.
    table: 'pandas' or 'numpy', as it was fitted. offset, exposure: the names of those columns, where it was fitted with some.
    """

    results: Any
    kind: str
    design: Any
    names: tuple[str, ...]
    width: int
    constants: Mapping[int, float]
    table: str
    offset: str | None
    exposure: str | None

    @property
    def model(self) -> Any:
        return self.results.model

    @property
    def path(self) -> str:
        return f"model ({self.kind})"


def read(results: Any) -> Read:
    """Raises UnsupportedModel for what is not fitted, and for what does not predict rows."""
    bare = getattr(results, "_results", results)
    model = getattr(bare, "model", None)
    name = type(bare).__name__
    modules = [base.__module__ for base in (*type(bare).__mro__, *type(model).__mro__)]
    if any(module.startswith("statsmodels.tsa") for module in modules):
        raise UnsupportedModel(
            f"a {name} forecasts from where its series ended; its predict takes dates or steps, not rows",
            hint="pack a function of your own that takes the steps or the new observations and asks it; "
            "or regress on lagged columns with OLS, which takes rows",
        )
    if model is None or not hasattr(bare, "params"):
        raise UnsupportedModel(
            f"this {name} is not fitted",
            hint="pack what .fit() gives back: results = model.fit(); holdall.pack(results, …)",
        )
    kind = next(
        (base.__name__ for base in type(model).__mro__ if base.__name__ in KNOWN or base.__name__ in _NO_ROWS), ""
    )
    if kind in _NO_ROWS or not kind:
        why = _NO_ROWS.get(kind, "does not answer with a mean for each row in a way that holdall knows")
        raise UnsupportedModel(
            f"a {type(model).__name__} {why}",
            hint="pack a function of your own that takes the rows, asks the results and gives one answer a row",
        )
    if kind in INFLATED and not getattr(model, "_no_exog_infl", False):
        raise UnsupportedModel(
            f"this {kind} takes a second table, exog_infl, for its zeros",
            hint="fit it without exog_infl, or pack a function of your own that builds both tables from the rows",
        )
    return _columns(bare, model, kind)


def _columns(bare: Any, model: Any, kind: str) -> Read:
    offset = _aside(model, "offset", "_has_offset")
    exposure = _aside(model, "exposure", "_has_exposure")
    if hasattr(model, "formula"):
        # Both places are in use, as statsmodels' own predict knows.
        design = getattr(model, "model_spec", None) or getattr(model.data, "model_spec", None)
        return Read(bare, kind, design, (), 0, {}, "pandas", offset, exposure)
    given = getattr(model.data, "orig_exog", None)
    matrix = np.asarray(model.exog if model.exog is not None else np.empty((0, 0)))
    matrix = matrix.reshape(len(matrix), -1)
    framed = hasattr(given, "columns") or hasattr(given, "name")
    names = [str(name) for name in _names(given)] if framed else [f"x{place}" for place in range(matrix.shape[1])]
    names = names[: matrix.shape[1]]
    constants: dict[int, float] = {}
    if framed:
        constants = {
            place: float(matrix[0, place])
            for place, name in enumerate(names)
            if name in ("const", "Intercept", "intercept")
            and len(matrix)
            and (matrix[:, place] == matrix[0, place]).all()
        }
    taken = tuple(name for place, name in enumerate(names) if place not in constants)
    table = "pandas" if framed else "numpy"
    return Read(bare, kind, None, taken, matrix.shape[1], constants, table, offset, exposure)


def _names(given: Any) -> list[Any]:
    return list(given.columns) if hasattr(given, "columns") else [given.name]


def _aside(model: Any, attribute: str, flag: str) -> str | None:
    """The column that an offset or exposure is given as, where the model was fitted with one.

    Never by the name that it had: `np.log(table["years"])` is still called years, which in the table is no logarithm.
    """
    has = getattr(model, flag, None)
    if has is None:
        value = getattr(model, attribute, None)
        has = value is not None and np.size(value) > 1
    if not has:
        return None
    return attribute


def classes(read: Read) -> tuple[str | int | float | bool, ...]:
    """The classes of a model with several, as its target had them."""
    model = read.model
    if read.kind == "OrderedModel":
        return tuple(_plain(label) for label in model.labels)
    named = model._ynames_map
    labels = [str(named[place]) for place in sorted(named)]
    try:
        return tuple(_plain(float(label)) for label in labels)
    except ValueError:
        return tuple(labels)


def _plain(label: Any) -> str | int | float | bool:
    value = label.item() if hasattr(label, "item") else label
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, (bool, int, float)) else str(value)
