"""A runtime's optimiser does not change an answer."""

from __future__ import annotations

import numpy as np
import onnxruntime as ort
import pytest
import spox.opset.ai.onnx.v21 as op

from holdall.graph.conversion import Conversion
from holdall.graph.value import constant
from holdall.spec.schema import Field, Kind, Schema

NEAR = [1 + 1e-8, 1 - 2e-8, 1 + 2.0**-52, 1.0, 1 + 1e-6]
SCHEMA = Schema(inputs=(Field(name="x", kind=Kind.FLOAT),), outputs=())


def _run(write, values: np.ndarray) -> np.ndarray:
    conversion = Conversion(SCHEMA)
    graph = conversion.finish({"y": (write(conversion.table[0].values), ("y",))})
    return ort.InferenceSession(graph.model).run(None, {"float": values})[0]


@pytest.mark.parametrize("shape", [(), (1,), (1, 1)])
@pytest.mark.parametrize("number", NEAR)
def test_a_factor_near_one_stays(number, shape):
    values = np.random.default_rng(1).normal(size=(50, 1)) * 1e6
    factor = np.full(shape, number)
    np.testing.assert_array_equal(_run(lambda x: op.mul(x, constant(factor)), values), values * number)
    np.testing.assert_array_equal(_run(lambda x: op.mul(constant(factor), x), values), values * number)
    np.testing.assert_array_equal(_run(lambda x: op.div(x, constant(factor)), values), values / number)


def test_a_factor_near_one_stays_inside_a_loop_also_where_it_stands_outside():
    values = np.random.default_rng(1).normal(size=(50, 1)) * 1e6

    def looped(x):
        outside = constant(NEAR[0])

        def body(index, going_on):
            return [going_on, op.div(op.mul(op.gather(x, index, axis=0), outside), constant([NEAR[1]]))]

        return op.reshape(
            op.loop(op.shape(x, end=1), op.const(np.array([True])), [], body=body)[0], constant([-1, 1], np.int64)
        )

    np.testing.assert_array_equal(_run(looped, values), values * NEAR[0] / NEAR[1])
