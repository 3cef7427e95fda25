"""Converters of category_encoders: each of its encoders answers a column by a table, which is asked of it.

Not here, because their answers are no table: HashingEncoder (a digest of any text), MultiHotEncoder (parts of a text).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from holdall.errors import NotPortable
from holdall.frameworks.sklearn.asking import looked_up
from holdall.frameworks.sklearn.registry import transformer
from holdall.graph import value
from holdall.graph.conversion import Conversion
from holdall.graph.value import Table

_ENCODERS = (
    *("BackwardDifferenceEncoder", "BaseNEncoder", "BinaryEncoder", "CatBoostEncoder", "CountEncoder"),
    *("CountTargetEncoder", "GLMMEncoder", "GrayEncoder", "HelmertEncoder", "JamesSteinEncoder", "LeaveOneOutEncoder"),
    *("MEstimateEncoder", "OneHotEncoder", "OrdinalEncoder", "PolynomialEncoder", "QuantileEncoder", "RankHotEncoder"),
    *("SumEncoder", "SummaryEncoder", "TargetEncoder", "WOEEncoder"),
)


@transformer(*(f"category_encoders.{name}" for name in _ENCODERS))
def encoder(model: Any, table: Table, conversion: Conversion, path: str) -> Table:
    """What the encoder answers for each category; columns that it does not encode pass by."""
    if getattr(model, "composite_cols", None):
        raise NotPortable(path, "composite_cols join several columns into one category")
    fitted = list(model.feature_names_in_)
    here = list(value.names(table))
    columns = here if set(here) == set(fitted) else fitted
    known = {name: list(dict.fromkeys(_known(model, name))) for name in model.cols or ()}

    def ask(frame: Any) -> Any:
        import pandas

        answer = model.transform(frame)
        if isinstance(answer, pandas.DataFrame):
            return answer
        return pandas.DataFrame(answer, columns=list(model.get_feature_names_out())).infer_objects()

    return looked_up(table, columns, known, ask, conversion, path)


def _known(model: Any, name: Any) -> Iterator[Any]:
    """The values of a column that the encoder was fitted on, wherever it keeps them."""
    for inner in getattr(model, "encoder_list", None) or ():
        yield from _known(inner, name)
    ordinal = getattr(model, "ordinal_encoder", None)
    if ordinal is not None:
        yield from _known(ordinal, name)
    for attribute in ("min_group_lumping_", "_min_group_categories"):
        yield from (getattr(model, attribute, None) or {}).get(name, ())
    mapping: Any = getattr(model, "mapping", None)
    if isinstance(mapping, list):
        if ordinal is None:
            yield from (each for entry in mapping if entry["col"] == name for each in entry["mapping"].index)
    elif (isinstance(mapping, dict) and ordinal is None) or type(model).__name__ == "CountEncoder":
        yield from mapping[name].index
