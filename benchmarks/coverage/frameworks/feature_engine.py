"""feature-engine: imputers, encoders, discretisers, functions and selectors before a regression."""

from __future__ import annotations

from typing import Any

from benchmarks.coverage.flats import case

FRAMEWORK = "feature-engine"
_ENCODERS: dict[str, dict[str, Any]] = {
    "CountFrequencyEncoder": {"unseen": "encode"},
    "MeanEncoder": {"unseen": "encode"},
    "OneHotEncoder": {},
    "OrdinalEncoder": {"encoding_method": "arbitrary", "unseen": "encode"},
}
_NUMERIC: dict[str, tuple[str, dict[str, Any]]] = {
    "EqualWidthDiscretiser": ("discretisation", {}),
    "EqualFrequencyDiscretiser": ("discretisation", {"variables": ["area"], "q": 5}),
    "DecisionTreeDiscretiser": ("discretisation", {"regression": False, "cv": 2}),
    "Winsorizer": ("outliers", {"tail": "both"}),
    "LogTransformer": ("transformation", {}),
    "PowerTransformer": ("transformation", {}),
    "BoxCoxTransformer": ("transformation", {}),
    "YeoJohnsonTransformer": ("transformation", {}),
    "MeanNormalizationScaler": ("scaling", {}),
    "CyclicalFeatures": ("creation", {"variables": ["rooms"]}),
    "MathFeatures": ("creation", {"variables": ["rooms", "area"], "func": ["sum", "mean", "std"]}),
    "RelativeFeatures": ("creation", {"variables": ["area"], "reference": ["rooms"], "func": ["sub", "div"]}),
    "DropFeatures": ("selection", {"features_to_drop": ["rooms"]}),
}


def _of(folder: str, name: str, parameters: dict[str, Any]) -> Any:
    from importlib import import_module

    return getattr(import_module(f"feature_engine.{folder}"), name)(**parameters)


def _filled() -> list[Any]:
    return [
        _of("imputation", "CategoricalImputer", {}),
        _of("imputation", "MeanMedianImputer", {"variables": ["area"]}),
    ]


def _encoded(name: str, parameters: dict[str, Any]) -> Any:
    return lambda: [*_filled(), _of("encoding", name, parameters)]


def _rare() -> list[Any]:
    rare = _of("encoding", "RareLabelEncoder", {"n_categories": 2, "tol": 0.2})
    return [*_filled(), rare, _of("encoding", "OneHotEncoder", {})]


def _numeric(folder: str, name: str, parameters: dict[str, Any]) -> Any:
    return lambda: [_of("imputation", "MeanMedianImputer", {}), _of(folder, name, parameters)]


CASES = (
    *(case(FRAMEWORK, name, _encoded(name, given), "portable") for name, given in _ENCODERS.items()),
    case(FRAMEWORK, "RareLabelEncoder", _rare, "portable"),
    *(
        case(FRAMEWORK, name, _numeric(folder, name, given), "portable", columns=["rooms", "area"])
        for name, (folder, given) in _NUMERIC.items()
    ),
    case(
        FRAMEWORK,
        "ArcSinhTransformer",
        _numeric("transformation", "ArcSinhTransformer", {}),
        "native",
        columns=["rooms", "area"],
    ),
)
