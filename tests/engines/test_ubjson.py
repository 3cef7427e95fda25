"""UBJSON: what XGBoost writes is read as XGBoost's own JSON says it; whatever is cut off or changed is a ValueError."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import xgboost
from hypothesis import given
from hypothesis import strategies as st

from holdall.engines import ubjson
from holdall.engines.xgboost_trees import fault


@pytest.fixture(scope="module")
def booster() -> Any:
    rows = np.random.default_rng(0).normal(size=(80, 3))
    return xgboost.train({"max_depth": 3}, xgboost.DMatrix(rows, rows[:, 0] - rows[:, 1]), 4)


def alike(one: Any, other: Any) -> bool:
    if isinstance(other, dict):
        return one.keys() == other.keys() and all(alike(one[name], other[name]) for name in other)
    if isinstance(other, list):
        return len(one) == len(other) and all(alike(*pair) for pair in zip(one, other, strict=True))
    return bool(np.float32(one) == np.float32(other) if isinstance(other, float) else one == other)


def test_a_model_is_read_as_its_own_json_says(booster: Any) -> None:
    found = ubjson.decode(bytes(booster.save_raw("ubj")))
    expected = json.loads(bytes(booster.save_raw("json")))
    assert alike(found, expected)


def test_a_model_in_either_form_has_no_fault(booster: Any) -> None:
    assert fault(bytes(booster.save_raw("ubj"))) is None
    assert fault(bytes(booster.save_raw("json"))) is None


def test_a_model_that_is_cut_off_anywhere_or_goes_on_has_one(booster: Any) -> None:
    data = bytes(booster.save_raw("ubj"))
    assert all(fault(data[:size]) is not None for size in range(len(data)))
    assert fault(data + b"Z") is not None


@given(st.binary(max_size=40), st.sampled_from([b"", b"{", b"[", b"[$", b"[#", b"{U\x01a"]))
def test_any_bytes_are_a_value_or_a_value_error(data: bytes, start: bytes) -> None:
    try:
        ubjson.decode(start + data)
    except ValueError:
        return


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"i\xff", -1), (b"U\xff", 255), (b"I\x01\x00", 256), (b"l\x00\x01\x00\x00", 65536), (b"T", True), (b"Z", None),
        (b"SU\x02\xc3\xa4", "ä"), (b"[U\x01U\x02]", [1, 2]), (b"[#U\x02TF", [True, False]), (b"{U\x01ad?\x80\x00\x00}", {"a": 1.0}),
    ],
)  # fmt: skip
def test_each_type_is_read(data: bytes, value: Any) -> None:
    assert ubjson.decode(data) == value


@pytest.mark.parametrize(
    "data", [b"[" * 100 + b"]" * 100, b"[$U#L\x7f" + b"\xff" * 7, b"SL\xff" + b"\xff" * 7, b"{U\x01aTU\x01aT}"]
)
def test_what_would_never_end_or_holds_a_name_twice_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"it is|it has"):
        ubjson.decode(data)
