"""Functions in double against NumPy and SciPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
import spox.opset.ai.onnx.v21 as op
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import special
from spox import Tensor, Var, argument, build

from holdall.graph import numerics


def session(function: Callable[[Var], Var], shape: tuple[Any, ...] = ("N",)) -> Callable[[np.ndarray], np.ndarray]:
    x = argument(Tensor(np.float64, shape))
    opened = ort.InferenceSession(build({"x": x}, {"y": function(x)}).SerializeToString())
    return lambda values: opened.run(None, {"x": np.asarray(values, np.float64)})[0]


ERROR_FUNCTION = session(numerics.error_function)
LOGISTIC = session(numerics.logistic)
SOFTMAX = session(numerics.softmax, ("N", "K"))
LOG_NORMALISED = session(numerics.log_normalised, ("N", "K"))
doubles = st.floats(-1e300, 1e300)


@given(arrays(np.float64, 20, elements=st.one_of(st.floats(-9, 9), doubles)))
def test_the_error_function_is_scipys(values: np.ndarray) -> None:
    np.testing.assert_allclose(ERROR_FUNCTION(values), special.erf(values), rtol=1e-15)


@given(arrays(np.float64, 20, elements=st.one_of(st.floats(-750, 750), doubles)))
def test_the_logistic_function_is_scipys_down_to_the_smallest_double(values: np.ndarray) -> None:
    np.testing.assert_allclose(LOGISTIC(values), special.expit(values), rtol=1e-15, atol=1e-323)


@given(arrays(np.float64, (4, 5), elements=st.one_of(st.floats(-50, 50), st.floats(-1e200, 1e200))))
def test_softmax_and_its_logarithm_never_overflow(values: np.ndarray) -> None:
    np.testing.assert_allclose(SOFTMAX(values), special.softmax(values, axis=1), rtol=1e-14, atol=1e-320)
    expected = values - special.logsumexp(values, axis=1, keepdims=True)
    np.testing.assert_allclose(LOG_NORMALISED(values), expected, rtol=1e-14, atol=1e-14 * np.abs(values).max())


def test_rows_without_a_vote_become_even() -> None:
    normalise = session(lambda votes: numerics.normalised(votes, 2), ("N", 2))
    np.testing.assert_array_equal(normalise([[0, 0], [3, 1]]), [[0.5, 0.5], [0.75, 0.25]])


def test_the_first_of_equal_maxima_wins() -> None:
    largest = session(numerics.row_argmax, ("N", 3))
    np.testing.assert_array_equal(largest([[1, 2, 2], [3, 3, 0], [0, 0, 0]]), [1, 0, 0])


@pytest.mark.parametrize(
    "name", ["exp", "log", "sqrt", "tanh", "abs", "sign", "sin", "relu", "neg", "floor", "is_inf", "reciprocal"]
)
def test_onnxruntime_has_these_kernels_in_double(name: str) -> None:
    functions = {"is_inf": op.isinf}
    assert len(session(functions.get(name) or getattr(op, name))([0.5, 1.5])) == 2


@pytest.mark.parametrize("name", ["erf", "elu", "softplus", "atan", "sinh", "hard_sigmoid"])
def test_onnxruntime_still_lacks_these_kernels_in_double(name: str) -> None:
    with pytest.raises(Exception, match="NOT_IMPLEMENTED"):
        session(getattr(op, name))
