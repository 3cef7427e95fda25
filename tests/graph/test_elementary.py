"""Elementary functions to the last digit: against the exact values, and behind them a tree that tells."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal, localcontext

import numpy as np
import onnxruntime
import pandas as pd
import pytest
import spox.opset.ai.onnx.v21 as op
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import KBinsDiscretizer
from spox import Tensor, argument, build

import holdall
from holdall.graph import elementary, thresholds

RANDOM = np.random.default_rng(3)
ANY = np.concatenate([RANDOM.normal(size=600) * 3, RANDOM.normal(size=200) * 1e-4, RANDOM.normal(size=200) * 300])
POSITIVE = np.abs(ANY) + 1e-9
ODD = np.array([0.0, -0.0, 1.0, -1.0, 2.0, 0.5, 10.0, -0.5, np.inf, -np.inf, np.nan, 5e-324, 1e-310, 1e308, -1e308])
ODD = np.concatenate([ODD, [700.0, -700.0, 710.0, -745.0, -750.0, 1e7, 1e15, 1e-17, -1e-17, np.pi, np.pi / 2]])


def computed(name: str, values: np.ndarray) -> np.ndarray:
    x = argument(Tensor(np.float64, ("rows",)))
    model = build({"x": x}, {"y": elementary.FUNCTIONS[name](x)})
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    answer: np.ndarray = session.run(["y"], {"x": values})[0]
    return answer


def exact(function: Callable[[Decimal], Decimal], values: np.ndarray) -> np.ndarray:
    with localcontext() as context:
        context.prec = 60
        return np.array([float(function(Decimal(value))) for value in values.tolist()])


@pytest.mark.parametrize(
    ("name", "function", "values"),
    [
        ("log", Decimal.ln, POSITIVE),
        ("log1p", lambda x: (1 + x).ln(), POSITIVE),
        ("log10", Decimal.log10, POSITIVE),
        ("log2", lambda x: x.ln() / Decimal(2).ln(), POSITIVE),
        ("exp", Decimal.exp, ANY[:800]),
    ],
)
def test_a_value_is_the_exact_one_rounded(
    name: str, function: Callable[[Decimal], Decimal], values: np.ndarray
) -> None:
    wanted = exact(function, values)
    given = computed(name, values)
    assert (given == wanted).mean() > 0.995
    np.testing.assert_array_max_ulp(given, wanted, 1)


@pytest.mark.parametrize("name", ["sin", "cos", "tan"])
def test_an_angle_is_turned_as_the_c_library_does(name: str) -> None:
    values = np.concatenate([ANY, ANY * 1e4, np.arange(-40, 40) * np.pi / 4])
    wanted = np.array([getattr(math, name)(value) for value in values.tolist()])
    given = computed(name, values)
    assert (given == wanted).mean() > 0.97
    np.testing.assert_allclose(given[:2000], wanted[:2000], rtol=3e-16)
    np.testing.assert_allclose(given, wanted, rtol=1e-14)  # beside a multiple of pi next to nothing is left


@pytest.mark.parametrize("name", sorted(elementary.FUNCTIONS))
def test_odd_values_are_as_numpy_has_them(name: str) -> None:
    values = ODD if name not in ("sin", "cos", "tan") else ODD[np.abs(ODD) != 1e308]
    with np.errstate(all="ignore"):
        wanted = getattr(np, name)(values)
    np.testing.assert_allclose(computed(name, values), wanted, rtol=1e-14, atol=1e-300)


def curves(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(
        wave=np.sin(2 * table["a"]),
        turn=np.cos(table["b"]),
        size=np.log1p(table["c"].abs()),
        growth=np.exp(table["d"]),
        bend=np.tanh(table["a"]),
        power=table["d"] ** 1.5,
        times=np.log(table["d"]) - np.log(table["c"].abs()),
    )


def test_a_tree_that_was_trained_on_the_very_rows_answers_them_the_same() -> None:
    """Histogram-boosted trees have values of the training table as thresholds: a last digit sends a row to the other side."""
    random = np.random.default_rng(0)
    table = pd.DataFrame(random.normal(size=(3000, 4)), columns=list("abcd")).assign(d=lambda t: t["d"].abs() + 0.1)
    features = curves(table)
    target = features.sum(axis=1) + random.normal(size=3000)
    model = HistGradientBoostingRegressor(max_iter=40, random_state=0).fit(features, target)
    package = holdall.pack(model, name="curves", sample=table, preprocess=curves)
    assert package.manifest.portable, package.manifest.blockers
    answers = holdall.load("curves").predict(table)["prediction"].to_numpy()
    np.testing.assert_allclose(answers, model.predict(features), rtol=1e-12)


def test_edges_of_bins_are_no_thresholds_of_trees() -> None:
    """A value on the edge of a bin is in the upper one."""
    table = pd.DataFrame({"x": np.exp(np.arange(401) / 50)})
    logs = np.log(table)
    model = make_pipeline(KBinsDiscretizer(4, encode="ordinal", quantile_method="linear"), LinearRegression())
    model.fit(logs, np.arange(401))
    assert np.isin(model[0].bin_edges_[0], logs["x"]).all()
    package = holdall.pack(model, name="bins", sample=table, preprocess=np_log)
    assert package.manifest.portable, package.manifest.blockers
    answers = holdall.load("bins").predict(table)["prediction"].to_numpy()
    np.testing.assert_allclose(answers, model.predict(logs), rtol=1e-12)


def np_log(table: pd.DataFrame) -> pd.DataFrame:
    return np.log(table)


def test_only_what_libraries_round_otherwise_is_lowered() -> None:
    x = argument(Tensor(np.float64, ("rows",)))
    sum_, log = op.add(x, x), op.add(op.log(x), x)
    assert [thresholds.is_rounded_anyhow(value) for value in (x, sum_, log)] == [False, False, True]
    assert thresholds.sources([log], {"x": x, "sum": sum_}) == {"x"}
    columns = [op.unsqueeze(value, op.const([1], np.int64)) for value in (x, x)]
    model = build({"x": x}, {"y": op.concat(columns, axis=1)}).SerializeToString()
    session = onnxruntime.InferenceSession(thresholds.lowered(model, "y", [False, True]))
    values = np.array([1.0, -1.0, 0.0, np.inf, -np.inf, np.nan])
    same, below = session.run(["y"], {"x": values})[0].T
    np.testing.assert_array_equal(same, values)
    np.testing.assert_array_equal(below, [1 - 2**-50, -1 - 2**-50, 0.0, np.inf, -np.inf, np.nan])
