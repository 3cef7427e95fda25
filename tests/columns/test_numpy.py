"""NumPy matrices and structured arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from holdall.columns.arrays import from_array
from holdall.columns.batch import Batch, Column, ragged
from holdall.columns.numpy import from_numpy, to_numpy
from holdall.errors import InputError
from holdall.spec.schema import Kind, Missing


@pytest.mark.parametrize(
    ("array", "kind", "dtype", "plain"),
    [
        (np.array([1.5, np.nan]), Kind.FLOAT, "float64", [1.5, None]),
        (np.array([0.1], np.float32), Kind.FLOAT, "float32", [float(np.float32(0.1))]),
        (np.array([0.5], np.float16), Kind.FLOAT, "float16", [0.5]),
        (np.array([1.5], ">f8"), Kind.FLOAT, "float64", [1.5]),
        (np.array([7], ">i4"), Kind.INT, "int32", [7]),
        (np.array([2**63 - 1], np.uint64), Kind.INT, "uint64", [2**63 - 1]),
        (np.array([True]), Kind.BOOL, "bool", [True]),
        (np.array(["x", "ü"]), Kind.STRING, "object", ["x", "ü"]),
        (np.array(["x"], np.dtypes.StringDType()), Kind.STRING, "object", ["x"]),
        (np.array([b"x"]), Kind.BINARY, "object", [b"x"]),
        (np.array(["x", None], object), Kind.STRING, "object", ["x", None]),
        (np.array(["1970-01-02", "NaT"], "datetime64[D]"), Kind.DATE, "datetime64[D]", [1, None]),
        (np.array(["1970-02"], "datetime64[M]"), Kind.DATE, "datetime64[M]", [31]),
        (np.array([1, "NaT"], "datetime64[ms]"), Kind.TIMESTAMP, "datetime64[ms]", [1000, None]),
        (np.array([-1], "datetime64[ns]"), Kind.TIMESTAMP, "datetime64[ns]", [-1]),
        (np.ones((1, 2)), Kind.TENSOR, "float64", [[1.0, 1.0]]),
    ],
)
def test_every_dtype_has_its_kind(array: Any, kind: Kind, dtype: str, plain: list[Any]) -> None:
    column = from_array("a", array)
    assert (column.kind, column.dtype) == (kind, dtype)
    assert column.to_list() == plain


def test_a_marker_is_told_only_where_it_was_seen() -> None:
    assert from_array("a", np.array([1.0, np.nan])).missing is Missing.NAN
    assert from_array("a", np.array([np.nan])).missing is Missing.NAN
    assert from_array("a", np.array([1.0])).missing is None
    assert from_array("a", np.array([])).missing is None


@pytest.mark.parametrize(
    "array",
    [
        np.array([1], "timedelta64[s]"),
        np.array([1j]),
        np.ma.array([1, 2], mask=[0, 1]),
        np.array([2**63], np.uint64),
        np.array([[b"x"]]),
        np.array(["NaT"], "datetime64"),
    ],
)
def test_what_has_no_kind_is_refused(array: Any) -> None:
    with pytest.raises(InputError):
        from_array("a", array)


def test_the_columns_of_a_matrix_are_shared() -> None:
    matrix = np.arange(6.0).reshape(3, 2)
    assert np.shares_memory(from_numpy(matrix)["x1"].values, matrix)


def test_a_structured_array_names_its_own_columns() -> None:
    batch = from_numpy(np.array([(1, "x")], [("a", "i4"), ("b", "U3")]))
    assert [batch[name].kind for name in ("a", "b")] == [Kind.INT, Kind.STRING]


@pytest.mark.parametrize("array", [np.ones(3), np.ones((2, 2, 2)), np.array(1.0)])
def test_other_dimensions_than_two_are_refused_with_the_way_out(array: Any) -> None:
    with pytest.raises(InputError, match="two dimensions") as caught:
        from_numpy(array)
    assert "reshape" in str(caught.value.hint)


def test_a_tensor_is_the_one_column_that_a_single_name_names() -> None:
    assert from_numpy(np.ones((2, 3, 3)), ["image"])["image"].values.shape == (2, 3, 3)


def test_the_answer_is_a_structured_array_in_which_nulls_are_seen() -> None:
    mask = np.array([False, True])
    batch = Batch(
        {
            "text": Column(Kind.STRING, np.array(["ünï", "x"], object)),
            "text_null": Column(Kind.STRING, np.array(["y", ""], object), mask),
            "int_null": Column(Kind.INT, np.array([1, 0]), mask),
            "bool_null": Column(Kind.BOOL, np.array([True, False]), mask),
            "date": Column(Kind.DATE, np.array([1, 0]), mask),
            "list": Column(Kind.LIST, ragged([np.array([1.0]), np.array([1.0, 2.0])])),
            "tensor": Column(Kind.TENSOR, np.ones((2, 3))),
        },
        2,
    )
    answer = to_numpy(batch)
    assert answer.dtype["text"] == np.dtype("U3")
    assert answer["text"].tolist() == ["ünï", "x"]
    assert answer["text_null"].tolist() == ["y", None]
    assert np.isnan(answer["int_null"][1])
    assert answer["bool_null"].tolist() == [True, None]
    assert np.isnat(answer["date"][1])
    assert answer["list"][1].tolist() == [1.0, 2.0]
    assert answer["tensor"].shape == (2, 3)


def test_a_batch_without_columns_has_its_rows() -> None:
    assert to_numpy(Batch({}, 3)).shape == (3,)
