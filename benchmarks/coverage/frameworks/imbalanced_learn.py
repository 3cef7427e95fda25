"""imbalanced-learn: pipelines with samplers, and its ensembles."""

from __future__ import annotations

from typing import Any

from benchmarks.coverage.flats import flats
from benchmarks.coverage.trial import Case, Trial

FRAMEWORK = "imbalanced-learn"
_ENSEMBLES = (
    "BalancedBaggingClassifier",
    "BalancedRandomForestClassifier",
    "EasyEnsembleClassifier",
    "RUSBoostClassifier",
)
_SAMPLERS = {
    "SMOTE": ("over_sampling", {"random_state": 0}),
    "RandomOverSampler": ("over_sampling", {"random_state": 0}),
    "RandomUnderSampler": ("under_sampling", {"random_state": 0}),
    "TomekLinks": ("under_sampling", {}),
    "SMOTEENN": ("combine", {"random_state": 0}),
}


def _sampled(name: str) -> Any:
    def make(rows: int) -> Trial:
        from importlib import import_module

        from imblearn.pipeline import make_pipeline
        from sklearn.compose import make_column_transformer
        from sklearn.impute import SimpleImputer
        from sklearn.linear_model import LogisticRegression
        from sklearn.preprocessing import OneHotEncoder

        folder, parameters = _SAMPLERS[name]
        sampler = getattr(import_module(f"imblearn.{folder}"), name)(**parameters)
        X, y, unseen = flats(rows)
        columns = make_column_transformer(
            (OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["city", "size"]),
            (SimpleImputer(), ["rooms", "area"]),
        )
        return Trial(make_pipeline(columns, sampler, LogisticRegression(max_iter=200)).fit(X, y), X, unseen)

    return make


def _ensemble(name: str) -> Any:
    def make(rows: int) -> Trial:
        import imblearn.ensemble
        from imblearn.pipeline import make_pipeline
        from sklearn.impute import SimpleImputer

        model = getattr(imblearn.ensemble, name)(n_estimators=10, random_state=0)
        X, y, unseen = (each[["rooms", "area"]] if hasattr(each, "columns") else each for each in flats(rows))
        return Trial(make_pipeline(SimpleImputer(), model).fit(X, y), X, unseen)

    return make


CASES = (
    *(Case(FRAMEWORK, f"{name} in a pipeline", "classification", _sampled(name), "portable") for name in _SAMPLERS),
    *(Case(FRAMEWORK, name, "classification", _ensemble(name), "portable") for name in _ENSEMBLES),
)
