"""The suite that ships, on the engines of this house."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from holdall.columns.batch import Batch
from holdall.columns.tables import from_table
from holdall.errors import NotPortable
from holdall.frameworks.find import find
from holdall.packing.packing import Options, draft
from holdall.testing import EngineCase, EngineTests, Opening, affine

X = np.random.default_rng(3).normal(size=(120, 3))


def opening(model: Any, *, portable: bool) -> Opening:
    """A model's step as packing makes it, with its live model's own answers."""
    sample: Batch = from_table(X)[0]
    framework = find(model)
    with pytest.MonkeyPatch.context() as patch:
        if not portable:
            for way in ("portable", "followed"):
                patch.setattr(framework, way, _no_graph, raising=False)
        made = draft(model, sample, Options(record="none"))
    answers = framework.live(model, made.manifest.schema)(sample)
    step = made.manifest.model
    return Opening(step, made.manifest.schema, {path: made.files[path] for path in step.files}, sample, answers)


def _no_graph(*_: Any) -> None:
    raise NotPortable("model", "the engine is asked for")


def line() -> Opening:
    sample: Batch = from_table(X[:, :1])[0]
    model = affine()
    made = draft(model, sample, Options(record="none"))
    step = made.manifest.model
    answers = find(model).live(model, made.manifest.schema)(sample)
    return Opening(step, made.manifest.schema, {path: made.files[path] for path in step.files}, sample, answers)


def forest() -> Opening:
    from sklearn.ensemble import RandomForestClassifier

    return opening(RandomForestClassifier(4, max_depth=4, random_state=0).fit(X, X[:, 0] > 0), portable=True)


def xgboost() -> Opening:
    import xgboost as xgb

    return opening(xgb.XGBRegressor(n_estimators=6, n_jobs=1).fit(X, X[:, 0]), portable=False)


def lightgbm() -> Opening:
    import lightgbm as lgb

    return opening(lgb.LGBMRegressor(n_estimators=6, n_jobs=1, verbose=-1).fit(X, X[:, 0]), portable=False)


def catboost() -> Opening:
    import catboost as cb

    settings = {"iterations": 6, "verbose": 0, "thread_count": 1, "allow_writing_files": False}
    return opening(cb.CatBoostRegressor(**settings).fit(X, X[:, 0]), portable=False)


def ridge() -> Opening:
    from sklearn.linear_model import Ridge

    return opening(Ridge().fit(X, X[:, 0]), portable=False)


class TestOnnx(EngineTests):
    engine = "onnx"

    @classmethod
    def cases(cls) -> Sequence[EngineCase]:
        return [EngineCase("a line", line), EngineCase("a forest", forest)]


class TestXGBoost(EngineTests):
    engine = "xgboost"
    libraries = ("xgboost",)

    @classmethod
    def cases(cls) -> Sequence[EngineCase]:
        return [EngineCase("numbers", xgboost)]


class TestLightGBM(EngineTests):
    pytestmark = pytest.mark.filterwarnings("ignore:X does not have valid feature names:UserWarning")
    engine = "lightgbm"
    libraries = ("lightgbm",)

    @classmethod
    def cases(cls) -> Sequence[EngineCase]:
        return [EngineCase("numbers", lightgbm)]


class TestCatBoost(EngineTests):
    engine = "catboost"
    libraries = ("catboost",)
    flips = False  # cbm is read by CatBoost alone, which dies of some changed bytes; digests keep those away

    @classmethod
    def cases(cls) -> Sequence[EngineCase]:
        return [EngineCase("numbers", catboost)]


class TestSkops(EngineTests):
    engine = "skops"
    libraries = ("skops", "sklearn")

    @classmethod
    def cases(cls) -> Sequence[EngineCase]:
        return [EngineCase("a line", ridge)]
