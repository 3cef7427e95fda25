"""What the model accepts is asked of the model, not guessed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from holdall.columns.batch import Batch, Column
from holdall.packing.probing import FINITE, SINGLE, probe
from holdall.spec.schema import Field, Kind, Schema

ROW = Batch(
    {
        "age": Column(Kind.INT, np.array([40], np.int64)),
        "income": Column(Kind.FLOAT, np.array([1.5])),
        "town": Column(Kind.STRING, np.array(["Ulm"], object)),
        "member": Column(Kind.BOOL, np.array([True])),
    },
    1,
)
SCHEMA = Schema(inputs=tuple(Field(name=name, kind=ROW[name].kind) for name in ROW), outputs=())


def probed(refuses: Callable[[Batch], bool], big: frozenset[str] = frozenset()) -> tuple[Schema, int]:
    calls = 0

    def live_of(schema: Schema) -> Callable[[Batch], Batch]:
        def live(batch: Batch) -> Batch:
            nonlocal calls
            calls += 1
            if refuses(batch):
                raise ValueError("no")
            return batch

        return live

    return probe(SCHEMA, ROW, live_of, big), calls


def test_a_model_that_accepts_everything_is_asked_once_for_each_question() -> None:
    schema, calls = probed(lambda _: False)
    assert all(field.nullable and field.unseen and field.limit is None for field in schema.inputs)
    assert schema.input("age").fractions
    assert calls == 4


def test_only_the_columns_whose_null_is_refused_are_not_nullable() -> None:
    schema, _ = probed(lambda batch: bool(batch["town"].null_mask().any()))
    assert [field.name for field in schema.inputs if not field.nullable] == ["town"]


def test_a_model_that_refuses_unseen_text_says_so() -> None:
    schema, _ = probed(lambda batch: batch["town"].values[0] not in ("Ulm", ""))
    assert not schema.input("town").unseen
    assert schema.input("age").unseen


@pytest.mark.parametrize(
    ("largest", "limit"),
    [(float("inf"), None), (FINITE, FINITE), (SINGLE, SINGLE)],
)
def test_the_largest_number_that_is_accepted_is_found(largest: float, limit: float | None) -> None:
    schema, _ = probed(lambda batch: bool((np.abs(batch["income"].values) > largest).any()))
    assert schema.input("income").limit == limit


def test_integers_that_a_double_cannot_hold_stay_integers() -> None:
    schema, _ = probed(lambda _: False, frozenset({"age"}))
    assert not schema.input("age").fractions
    assert schema.input("age").carrier is Kind.INT


def test_fractions_are_refused_where_the_model_refuses_them() -> None:
    schema, _ = probed(lambda batch: bool((batch["age"].values % 1 != 0).any()))
    assert not schema.input("age").fractions
