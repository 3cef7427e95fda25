"""Rows read by the type that was made from the schema: what they feed is what the records feed, or they leave it to them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdall.errors import Error
from holdall.scoring.records import GROUPED, Feeds, Irregular, compile_groups
from holdall.serve.decoding import read_body
from holdall.serve.limits import Limits
from holdall.serve.rows import TypedRows, typed_rows
from holdall.spec.schema import Field, Kind, Missing, Observed, Schema
from holdall.spec.steps import GraphInput

FINITE = float(np.finfo(np.float64).max)
NUMBERS = ["0", "-0", "-0.0", "1", "41.0", "0.1", "1e3", "-7", "10.000000000000002", "10", "1E-400", "5e-324"]
LARGE = [
    "9007199254740993",
    "-9223372036854775808",
    "9223372036854775808",
    "18446744073709551617",
    "12345678901234567890123456789",
    "1.7976931348623157e308",
    "1e400",
    "1" + "0" * 400,
    "1.00000000000000011102230246251565404236316680908203125",
]
TEXTS = [
    '"x"',
    '"ü"',
    '""',
    '"\\u00fc\\n"',
    '"\\ud83d\\ude00"',
    '"\\ud800"',
    '"2020-01-01"',
    '"2020-01-01T12:00:00.5Z"',
]
OTHERS = ["null", "true", "false", "[]", "{}", "NaN", "-Infinity", "[1]", '{"a":1}', "01", "tru", ""]
REGULAR: dict[Kind, list[str]] = {
    Kind.FLOAT: [*NUMBERS, *LARGE[:6]],
    Kind.INT: ["0", "-0", "1", "10", "-11", "9007199254740993", "9223372036854775807"],
    Kind.BOOL: ["true", "false"],
    Kind.STRING: TEXTS[:5],
    Kind.TIMESTAMP: TEXTS[-2:],
    Kind.DATE: TEXTS[-2:-1],
}
ANY = st.sampled_from([*NUMBERS, *LARGE, *TEXTS, *OTHERS])
NAMES = ["a", "b", "rows", "id", "the plan", "ü", "class", "value_0"]


@st.composite
def schemas(draw: st.DrawFn) -> tuple[Schema, tuple[GraphInput, ...]]:
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=5, unique=True))
    fields = tuple(
        Field(
            name=name,
            kind=draw(st.sampled_from(GROUPED)),
            nullable=draw(st.booleans()),
            fractions=draw(st.booleans()),
            limit=draw(st.sampled_from([None, FINITE, 2.0**53, 10.0])),
            missing=draw(st.sampled_from(Missing)),
            enforce=draw(st.integers(0, 19)) == 0,
            observed=Observed(minimum=-5.0, maximum=5.0),
        )
        for name in names
    )
    inputs = []
    for kind in GROUPED:
        columns = tuple(field.name for field in fields if field.carrier is kind and draw(st.integers(0, 9)))
        if columns:
            mask = None if kind is Kind.FLOAT else f"{kind.value}_mask"
            inputs.append(GraphInput(name=kind.value, kind=kind, columns=columns, mask=mask))
    return Schema(inputs=fields, outputs=()), tuple(inputs)


@st.composite
def bodies(draw: st.DrawFn, schema: Schema) -> bytes:
    rows = []
    for _ in range(draw(st.integers(0, 3))):
        pairs = []
        for field in schema.inputs:
            odd = draw(st.integers(0, 14))
            if odd == 0:
                continue
            texts = ["null"] if odd == 1 else REGULAR[field.carrier]
            text = draw(ANY if odd == 2 else st.sampled_from(texts))
            pairs.append(f'"{field.name}":{text}')
            if odd == 3:
                pairs.append(pairs[-1])
        if draw(st.integers(0, 19)) == 0:
            pairs.append(f'"{draw(st.sampled_from([*NAMES, "other"]))}": {draw(ANY)}')
        rows.append("{" + draw(st.sampled_from([",", " , "])).join(pairs) + "}")
    listed = "[" + ",".join(rows) + "]"
    head = '"id":' + draw(st.sampled_from(['"mine"', "null", "3", '"' + "y" * 300 + '"']))
    form = draw(
        st.sampled_from(
            [
                listed,
                f" {listed}\n",
                f'{{"rows":{listed}}}',
                f'{{"rows":{listed},{head}}}',
                f'{{{head},"rows":{listed}}}',
            ]
        )
    )
    if rows and draw(st.integers(0, 9)) == 0:
        form = rows[0]
    if draw(st.integers(0, 29)) == 0:
        form = form[: draw(st.integers(0, len(form)))]
    return form.encode("utf-8", "surrogatepass")


def by_records(body: bytes, schema: Schema, inputs: tuple[GraphInput, ...]) -> tuple[Feeds, str | None]:
    asked = read_body(body, "application/json", schema, Limits())
    return compile_groups(schema, inputs)(asked.rows), asked.id  # type: ignore[arg-type] # JSON is records


def by_type(typed: TypedRows, body: bytes) -> tuple[Feeds, str | None] | None:
    found = typed.read(body)
    if found is None:
        return None
    try:
        return typed.feeds(found[0]), found[1]
    except (Irregular, TypeError, OverflowError):
        return None


def same(mine: Feeds, other: Feeds) -> bool:
    return mine.keys() == other.keys() and all(
        mine[name].dtype == other[name].dtype
        and mine[name].shape == other[name].shape
        and (
            mine[name].tolist() == other[name].tolist()
            if mine[name].dtype == object
            else mine[name].tobytes() == other[name].tobytes()
        )
        for name in mine
    )


@settings(max_examples=500, deadline=None)
@given(st.data())
def test_a_body_is_read_as_the_records_read_it_or_left_to_them(data: st.DataObject) -> None:
    schema, inputs = data.draw(schemas())
    typed = typed_rows(schema, inputs)
    if typed is None:
        return
    body = data.draw(bodies(schema))
    mine = by_type(typed, body)
    try:
        other = by_records(body, schema, inputs)
    except Error:
        assert mine is None
        return
    if mine is not None:
        assert mine[1] == other[1]
        assert same(mine[0], other[0])


SCHEMA = Schema(
    inputs=(
        Field(name="age", kind=Kind.FLOAT, limit=3.4e38),
        Field(name="my plan", kind=Kind.STRING, nullable=True),
        Field(name="visits", kind=Kind.INT, nullable=True, limit=100.0),
        Field(name="pay", kind=Kind.FLOAT, nullable=True),
    ),
    outputs=(),
)
INPUTS = (
    GraphInput(name="float", kind=Kind.FLOAT, columns=("pay", "age")),
    GraphInput(name="string", kind=Kind.STRING, columns=("my plan",), mask="string_mask"),
    GraphInput(name="int", kind=Kind.INT, columns=("visits",), mask="int_mask"),
)


def typed() -> TypedRows:
    found = typed_rows(SCHEMA, INPUTS)
    assert found is not None
    return found


@pytest.mark.parametrize(
    "body",
    [
        '[{"age":1,"my plan":"x","visits":3,"pay":2.5}]',
        ' {"rows":[{"pay":null,"visits":null,"my plan":null,"age":-1e38}], "key": "k", "id":"mine"}',
        '[{"age":1,"my plan":"x","visits":3,"pay":1e300},{"age":2,"my plan":"ü","visits":4,"pay":0}]',
    ],
)
def test_regular_bodies_need_no_records(body: str) -> None:
    mine = by_type(typed(), body.encode())
    assert mine is not None
    other = by_records(body.encode(), SCHEMA, INPUTS)
    assert same(mine[0], other[0])
    assert mine[1] == other[1]


@pytest.mark.parametrize(
    "body",
    [
        '[{"age":4e38,"my plan":"x","visits":3,"pay":2.5}]',
        '[{"age":1,"my plan":"x","visits":101,"pay":2.5}]',
        '[{"age":1,"my plan":"x","visits":3.0,"pay":2.5}]',
        '[{"age":null,"my plan":"x","visits":3,"pay":2.5}]',
        '[{"age":1,"my plan":"x","visits":3,"pay":2.5,"more":1}]',
        '{"age":1,"my plan":"x","visits":3,"pay":2.5}',
        '{"rows":[{"age":1,"my plan":"x","visits":3,"pay":2.5}],"other":1}',
        "[]",
    ],
)
def test_what_is_not_regular_is_left_to_the_records(body: str) -> None:
    assert by_type(typed(), body.encode()) is None


def test_where_a_column_is_called_rows_no_body_is_an_envelope() -> None:
    schema = Schema(inputs=(Field(name="rows", kind=Kind.FLOAT),), outputs=())
    found = typed_rows(schema, (GraphInput(name="float", kind=Kind.FLOAT, columns=("rows",)),))
    assert found is not None
    assert found.read(b'{"rows":[{"rows":1}]}') is None
    rows = found.read(b'[{"rows":1}]')
    assert rows is not None
    assert found.feeds(rows[0])["float"].tolist() == [[1.0]]


@pytest.mark.parametrize("kind", [Kind.TENSOR, Kind.LIST, Kind.BINARY])
def test_columns_without_a_regular_form_are_left_to_the_records(kind: Kind) -> None:
    fields: tuple[Any, ...] = (Field(name="a", kind=kind, shape=(2,) if kind is Kind.TENSOR else ()),)
    assert typed_rows(Schema(inputs=fields, outputs=()), (GraphInput(name="a", kind=kind, columns=("a",)),)) is None


def test_what_the_model_enforces_is_left_to_the_records() -> None:
    fields = (Field(name="a", kind=Kind.FLOAT, enforce=True, observed=Observed(maximum=math.pi)),)
    schema = Schema(inputs=fields, outputs=())
    assert typed_rows(schema, (GraphInput(name="float", kind=Kind.FLOAT, columns=("a",)),)) is None
