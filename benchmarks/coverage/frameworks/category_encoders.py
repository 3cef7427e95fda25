"""category_encoders: its encoders before a regression, with unknown and missing categories."""

from __future__ import annotations

from typing import Any

from benchmarks.coverage.flats import case

FRAMEWORK = "category_encoders"
_PORTABLE = (
    *("BackwardDifferenceEncoder", "BaseNEncoder", "BinaryEncoder", "CatBoostEncoder", "CountEncoder"),
    *("CountTargetEncoder", "GLMMEncoder", "GrayEncoder", "HelmertEncoder", "JamesSteinEncoder", "LeaveOneOutEncoder"),
    *("MEstimateEncoder", "OneHotEncoder", "OrdinalEncoder", "PolynomialEncoder", "QuantileEncoder", "RankHotEncoder"),
    *("SumEncoder", "SummaryEncoder", "TargetEncoder", "WOEEncoder"),
)


def _steps(name: str, **parameters: Any) -> Any:
    def steps() -> list[Any]:
        import category_encoders
        from sklearn.impute import SimpleImputer

        return [getattr(category_encoders, name)(**parameters), SimpleImputer()]

    return steps


CASES = (
    *(case(FRAMEWORK, name, _steps(name), "portable") for name in _PORTABLE),
    case(FRAMEWORK, "HashingEncoder", _steps("HashingEncoder", max_process=1), "native"),
    case(FRAMEWORK, "MultiHotEncoder", _steps("MultiHotEncoder"), "native"),
    case(
        FRAMEWORK,
        "TargetEncoder of columns together",
        _steps("TargetEncoder", composite_cols=[("city", "size")]),
        "native",
    ),
)
