"""ONNX files that others made: three from packages of PyPI, and two of other exporters."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.coverage.trial import Case, Trial

FRAMEWORK = "ONNX file"
SAMPLE = 16


def _file(package: str, pattern: str) -> str:
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        raise ModuleNotFoundError(f"No module named {package!r}", name=package)
    return str(sorted(Path(found.origin).parent.glob(pattern))[0])


def _packaged(package: str, pattern: str, given: Callable[[int, Any], Mapping[str, Any]]) -> Callable[[int], Trial]:
    def make(rows: int) -> Trial:
        sample, unseen = given(SAMPLE, np.random.default_rng(1)), given(rows, np.random.default_rng(2))
        return Trial(_file(package, pattern), dict(sample), dict(unseen))

    return make


def _speech(rows: int, random: Any) -> Mapping[str, Any]:
    return {
        "input": random.normal(0, 0.1, (rows, 576)),
        "state": random.normal(size=(rows, 2, 128)),
        "sr": np.full(rows, 16000),
    }


def _bytes(rows: int, random: Any) -> Mapping[str, Any]:
    return {"bytes": random.integers(0, 257, (rows, 2048))}


def _lines(rows: int, random: Any) -> Mapping[str, Any]:
    return {"x": random.normal(0, 0.5, (rows, 3, 48, 96))}


def _skl2onnx(rows: int) -> Trial:
    from skl2onnx import to_onnx
    from sklearn.ensemble import RandomForestClassifier

    random = np.random.default_rng(0)
    sample = random.normal(size=(300, 5)).astype(np.float32)
    labels = np.array(["no", "yes", "may"] * 100)
    fitted = RandomForestClassifier(20, random_state=0).fit(sample, labels)
    return Trial(to_onnx(fitted, sample[:1]), sample, random.normal(size=(rows, 5)).astype(np.float32))


CASES = (
    Case(
        FRAMEWORK,
        "silero-vad: speech, with a state on the second axis and a sample rate",
        "transform",
        _packaged("silero_vad", "data/silero_vad.onnx", _speech),
        "portable",
        200,
    ),
    Case(
        FRAMEWORK,
        "magika: kinds of files",
        "transform",
        _packaged("magika", "models/*/model.onnx", _bytes),
        "portable",
        50,
    ),
    Case(
        FRAMEWORK,
        "rapidocr: direction of text",
        "transform",
        _packaged("rapidocr", "models/*cls_mobile.onnx", _lines),
        "portable",
        50,
    ),
    Case(
        FRAMEWORK,
        "rapidocr: places of text",
        "transform",
        _packaged(
            "rapidocr", "models/*det_small.onnx", lambda rows, random: {"x": random.normal(0, 0.5, (rows, 3, 64, 96))}
        ),
        "portable",
        50,
    ),
    Case(FRAMEWORK, "skl2onnx: random forest with ZipMap", "classification", _skl2onnx, "portable"),
)
