"""Files of boosted trees that hold numbers only: read as they are, by the library that wrote them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from holdall.engines.recognise import Format
from holdall.errors import PackageDamaged, UnreadableFile

FORMATS = frozenset({Format.CATBOOST, Format.LIGHTGBM, Format.XGBOOST_JSON, Format.XGBOOST_UBJ})


def open_booster(form: Format, data: bytes, path: str) -> Any:
    """The Booster in the bytes of a file of one of FORMATS. Raises UnreadableFile, MissingDependency.

    XGBoost's and LightGBM's files hold no wrapper: the answer is the booster's own, the class's probability where a wrapper
    says the class. CatBoost's holds its classes.
    """
    load: Callable[[bytes, str], Any]
    if form is Format.CATBOOST:
        from holdall.engines.catboost import load
    elif form is Format.LIGHTGBM:
        from holdall.engines.lightgbm import load
    else:
        from holdall.engines.xgboost import load
    try:
        return load(data, path)
    except PackageDamaged as error:
        raise UnreadableFile(error.message, path=path) from error
