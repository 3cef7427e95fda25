from __future__ import annotations

import math
from typing import Any

import numpy as np
import onnxruntime as ort
import pandas as pd
import pytest
import scipy.special
import spox
from sklearn.preprocessing import FunctionTransformer
from spox import Tensor

from holdall.errors import NotPortable
from holdall.frameworks.sklearn import functions, scaling  # noqa: F401
from tests.frameworks.sklearn import harness


def run(apply: Any, values: np.ndarray) -> np.ndarray:
    argument = spox.argument(Tensor(np.float64, ("N",)))
    model = spox.build({"x": argument}, {"y": spox.opset.ai.onnx.v21.identity(apply(argument))})
    return ort.InferenceSession(model.SerializeToString()).run(None, {"x": values})[0]


def everywhere() -> np.ndarray:
    random = np.random.default_rng(0)
    sizes = random.normal(size=3000) * 10.0 ** random.integers(-300, 300, 3000)
    special = [0.0, -0.0, 1.0, -1.0, 0.5, 1.5, 2.5, -0.5, 709.0, 710.5, -745.0, 1e308, 5e-324, 22.0, -22.0]
    unusual = [np.inf, -np.inf, np.nan]
    return np.concatenate(
        [sizes, random.normal(size=3000), random.uniform(-1, 1, 3000), random.normal(size=500) * 99, special, unusual]
    )


@pytest.mark.parametrize("name", sorted(functions.FUNCTIONS))
def test_a_function_is_numpys_own_within_a_few_units_in_the_last_place(name: str) -> None:
    values = everywhere()
    with np.errstate(all="ignore"):
        wanted = np.asarray(getattr(np, name)(values), np.float64)
    found = run(functions.FUNCTIONS[name].apply, values).astype(np.float64)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(wanted))
    tolerance = 0.0 if functions.FUNCTIONS[name].exact else 2e-15
    # A sine next to a multiple of π is exact to a unit of the argument, not of itself.
    slack = 2.5e-16 if name in ("sin", "cos") else 5e-323
    np.testing.assert_allclose(found, wanted, rtol=tolerance, atol=0.0 if not tolerance else slack)


@pytest.mark.parametrize("name", sorted(name for name, f in functions.FUNCTIONS.items() if f.inverse is not None))
def test_an_inverse_maps_values_back(name: str) -> None:
    values = np.array([0.1, 0.5, 0.9, 2.0, 3.0])
    inverse = functions.FUNCTIONS[name].inverse
    assert inverse is not None
    np.testing.assert_allclose(inverse(getattr(np, name)(values)), values, rtol=1e-12)


def test_the_normal_quantile_is_scipys() -> None:
    random = np.random.default_rng(0)
    tails = 10.0 ** random.uniform(-300, 0, 2000)
    values = np.concatenate([random.uniform(0, 1, 5000), tails, 1 - 10.0 ** random.uniform(-16, 0, 2000)])
    values = values[(values > 0) & (values < 1)]
    np.testing.assert_allclose(
        run(functions.normal_quantile, values), scipy.special.ndtri(values), rtol=1e-14, atol=1e-16
    )


@pytest.mark.parametrize("function", [None, np.log1p, np.sqrt, np.abs, np.negative, np.sign, np.floor, np.isnan])
@pytest.mark.parametrize("validate", [False, True])
def test_a_function_transformer_agrees_on_numbers_and_integers(function: Any, validate: bool) -> None:
    frame = pd.DataFrame({"a": [0.5, 2.25, 1e-9, 7.0], "i": [3, 0, 2**40, 12]})
    model = FunctionTransformer(function, validate=validate).fit(frame)
    found = harness.transform(model, frame).astype(np.float64)
    np.testing.assert_allclose(found, np.asarray(model.transform(frame), np.float64), rtol=1e-15)


def test_integers_stay_integers_where_numpy_keeps_them() -> None:
    frame = pd.DataFrame({"i": [3, -(2**62) - 1, 7]})
    model = FunctionTransformer(np.abs).fit(frame)
    assert harness.transform(model, frame).tolist() == [[3], [2**62 + 1], [7]]


def test_a_function_applied_to_text_or_with_arguments_or_of_ones_own_is_refused_by_name() -> None:
    frame = pd.DataFrame({"a": [1.0]})
    for function, words in (
        (math.sqrt, "math.sqrt"),
        (np.arctan, "numpy.arctan"),
        (lambda table: table, "lambda"),
        (scipy.special.erf, "erf"),
    ):
        with pytest.raises(NotPortable, match=words):
            harness.transform(FunctionTransformer(function), frame)
    with pytest.raises(NotPortable, match="arguments"):
        harness.transform(FunctionTransformer(np.log, kw_args={"casting": "safe"}), frame)
    with pytest.raises(NotPortable, match="string"):
        harness.transform(FunctionTransformer(np.log), pd.DataFrame({"a": ["x"]}))
    with pytest.raises(NotPortable, match="float32"):
        harness.transform(FunctionTransformer(np.log), frame.astype("float32"))
    with pytest.raises(NotPortable, match="narrower"):
        harness.transform(FunctionTransformer(np.square), frame.astype("int8"))


def test_scipys_twin_of_a_function_is_known_too() -> None:
    frame = pd.DataFrame({"a": [1e-12, 2.0]})
    model = FunctionTransformer(scipy.special.log1p)
    np.testing.assert_allclose(harness.transform(model, frame), np.log1p(frame), rtol=1e-15)
