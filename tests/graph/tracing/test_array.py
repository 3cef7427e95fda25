"""NumPy's arrays of rows: what is traced gives what NumPy gives, on other rows, on strange ones, on one and on none."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
import spox.opset.ai.onnx.v21 as op

from holdall.graph.conversion import Conversion
from holdall.graph.tracing.blocks import Step
from holdall.graph.tracing.untraceable import Untraceable
from holdall.spec.schema import Field, Kind, Schema

WEIGHTS = np.array([[1.0, 0.5], [2.0, -1.0], [0.25, 3.0]])
MEAN, SCALE = np.array([0.5, 1.0, -2.0]), np.array([2.0, 3.0, 0.25])
VALUES = np.array([0.0, 1.0, 2.0])

IDIOMS = """
np.c_[X[:, 0] / X[:, 1], X[:, 2]]
np.c_[np.ones(X.shape[0]), X]
np.c_[[X[:, 0], X[:, 1]]].T
np.column_stack([X[:, 0], X[:, 1] ** 2])
np.column_stack([X[:, i] * X[:, j] for i in range(X.shape[1]) for j in range(i + 1, X.shape[1])])
np.hstack([X, np.sqrt(np.abs(X))])
np.hstack((X[:, :2], X[:, [2]]))
np.concatenate([X, X ** 2, X ** 3], axis=1)
np.append(X, (X[:, 0] * X[:, 1]).reshape(-1, 1), axis=1)
np.vstack([X[:, 0], X[:, 1]]).T
np.array([X[:, 0], X[:, 2] * 2]).T
np.stack([X[:, 0], X[:, 1]], axis=-1)
np.log1p(np.abs(X))
np.sign(X) * np.log(np.abs(X) + 1)
np.where(X > 0, X, 0)
np.where(np.isnan(X), -1, X)
np.where(X[:, 1] != 0, X[:, 0] / X[:, 1], 0)[:, None]
np.select([X[:, 0] > 1, X[:, 0] > 0], [X[:, 1], X[:, 2]], default=-1)[:, None]
np.clip(X, -1, 1)
np.clip(X, MEAN - 1, MEAN + 1)
X.clip(0, None)
np.maximum(X, 0)
np.maximum(X[:, 0], X[:, 1])[:, None]
np.nan_to_num(X, nan=-9.0, posinf=7, neginf=-7)
(X - MEAN) / SCALE
X @ WEIGHTS
np.dot(X, WEIGHTS)
np.interp(X, [-1.0, 0.0, 2.0], [0.0, 10.0, 5.0])
(X[:, [0]] == VALUES).astype(float)
(np.floor(X[:, 0])[:, None] == VALUES[None, :]).astype(int)
X.sum(axis=1, keepdims=True)
np.mean(X, axis=1).reshape(-1, 1)
np.c_[X.max(axis=1), X.min(axis=1), np.nansum(X, axis=1), np.nanmean(X, axis=1), np.nanmax(X, axis=1)]
np.c_[X.std(axis=1), X.var(axis=1, ddof=1)]
np.c_[np.any(X > 0, axis=1), (X > 0).all(axis=1)]
np.sum([X[:, 0], X[:, 1]], axis=0)[:, None]
np.prod(X, axis=1)[:, None]
np.isnan(X).mean(axis=1)[:, None]
np.count_nonzero(X, axis=1)[:, None]
np.linalg.norm(X, axis=1)[:, np.newaxis]
np.digitize(X, [-1, 0, 1])
np.c_[np.searchsorted([-1.0, 0.0], X[:, 0], side="right"), np.digitize(X[:, 1], [0.0, 0.5], right=True)]
np.isin(np.round(X), [0, 1])
np.delete(X, [0, 2], axis=1)
X[:, ::-1]
X[:, np.array([True, False, True])]
X[..., 0:2]
np.arctan2(X[:, 0], X[:, 1])[:, None]
np.concatenate([np.sin(2 * np.pi * X / 24), np.cos(2 * np.pi * X / 24)], axis=1)
np.full((X.shape[0], 1), 3.5) + X
np.zeros_like(X) + X[:, 0:1]
np.expand_dims(X[:, 0], axis=-1)
X.astype(np.float32) * 1.1
np.asarray(X)[:, 0:1] // 1
X % 3
~((X > 0) & (X < 1))
2 ** np.clip(X, -3, 3)
np.round(X, 2)
""".strip().splitlines()


def written(X: Any) -> Any:
    X = X.copy()
    X[:, 0] = np.log1p(np.abs(X[:, 0]))
    X[X[:, 1] > 1, 1] = 1
    X[np.isnan(X)] = 0
    X[:, 2] -= 5
    return X


def seen_through_a_view(X: Any) -> Any:
    X = X.copy()
    first = X[:, 0]
    first[first < 0] = 0
    first *= 2
    upright = X[:, 1].reshape(-1, 1)
    upright += 1
    return X


def not_through_a_copy(X: Any) -> Any:
    kept = X[:, [0, 1]]
    kept[:, 0] = 0
    return np.hstack([X, kept])


def filled(X: Any) -> Any:
    out = np.empty((X.shape[0], X.shape[1] + 2))
    out[:, :-2] = X
    out[:, -2] = X.sum(axis=1)
    out[:, -1] = X[:, 1] > X[:, 2]
    return out


FUNCTIONS: list[Any] = [
    *(
        pytest.param(eval(f"lambda X: {text}", {"np": np, **globals()}), id=text)  # noqa: S307 — the lines above
        for text in IDIOMS
    ),
    *(pytest.param(one, id=one.__name__) for one in (written, seen_through_a_view, not_through_a_copy, filled)),
]


def traced(function: Callable[[Any], Any], shown: Any, rows: list[Any]) -> list[Any]:
    """What the traced function gives for each of these arrays of rows."""
    fields = tuple(Field(name=f"x{place}", kind=Kind.FLOAT, dtype="float64") for place in range(shown.shape[1]))
    conversion = Conversion(Schema(inputs=fields, outputs=()))
    step = Step(conversion.table, shown, conversion, "step")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        live = function(shown.copy())
    table = step.blocks(step.run(lambda given, bindings: bindings.function(function)(given)), live)
    graph = conversion.finish({f"o{place}": (op.identity(one.values), one.names) for place, one in enumerate(table)})
    session = ort.InferenceSession(graph.model)
    names = [f"o{place}" for place in range(len(table))]
    taken = [one.name for one in session.get_inputs()]
    return [np.concatenate(session.run(names, dict.fromkeys(taken, one)), axis=1, dtype=np.float64) for one in rows]


def hard() -> Any:
    first = (0.0, -0.0, np.nan, np.inf, -np.inf, 1.0, -1.0, 1e300, 5e-324)
    return np.array([[a, b, c] for a in first for b in (0.0, np.nan, 2.0, -np.inf) for c in (1.0, 0.5)])


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_traced_array_is_numpys(function: Callable[[Any], Any]) -> None:
    random = np.random.default_rng(0)
    others = random.normal(size=(300, 3)) * 3
    rows = [others, np.round(others), hard(), hard()[:1], hard()[:0]]
    found = traced(function, random.normal(size=(64, 3)) * 2, rows)
    for given, one in zip(rows, found, strict=True):
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            wanted = np.asarray(function(given.copy()), np.float64)
        np.testing.assert_allclose(one, wanted, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("X - X.mean(axis=0)", "numpy.mean: "),
        ("X[X[:, 0] > 0]", "chosen by X"),
        ("X[:5]", "chosen by X"),
        ("np.sort(X, axis=0)", "numpy.sort"),
        ("np.cumsum(X, axis=0)", "numpy.cumsum"),
        ("X[:, None, :] - X[None, :, :]", "three dimensions"),
        ("X / len(X)", "len"),
        ("X * X.shape[0]", "number of rows"),
        ("X + np.random.normal()", "numpy.random"),
        ("X[:, 0]", "one column without a table"),
        ("X + X[:, 0]", "make a column of it"),
        ("np.fft.fft(X)", "fft"),
        ("[row[0] for row in X]", "loop over the rows"),
    ],
)
def test_what_is_no_matter_of_one_row_is_told(text: str, words: str) -> None:
    function = eval(f"lambda X: {text}", {"np": np})  # noqa: S307 — the lines above
    shown = np.random.default_rng(0).normal(size=(3, 3))
    with pytest.raises(Untraceable, match=words):
        traced(function, shown, [shown])


def test_a_number_is_not_cut_off_by_an_array_of_whole_ones() -> None:
    def cut(X: Any) -> Any:
        whole = (X > 0).astype(int)
        whole[:, 0] = X[:, 0]
        return whole

    shown = np.random.default_rng(0).normal(size=(8, 3))
    with pytest.raises(Untraceable, match="into an array of int64"):
        traced(cut, shown, [shown])
