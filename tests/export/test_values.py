"""Every kind of value goes into an exported module, and comes out of it, as at every other door; what does not fit is refused
at the same place."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from holdall.columns.json import json_records
from holdall.columns.records import read_records
from holdall.errors import Error
from holdall.export import web
from holdall.export.runtime import Source
from holdall.spec.schema import Kind
from tests.export.kinds import FIELDS, package
from tests.export.serving import serving
from tests.serve.browser import Browser

pytestmark = pytest.mark.peer

GOOD: dict[str, Any] = {
    "float": 1.5,
    "fraction": 2.5,
    "finite": -1.0,
    "int": 3,
    "small": 4,
    "bool": True,
    "string": "Zürich",
    "__proto__": "own",
    "chosen": "ä",
    "ranged": 0.5,
    "timestamp": "2024-02-29T12:30:45.123456Z",
    "date": "2024-02-29",
    "tensor": [[1.0, 2.0], [3.0, 4.0]],
}
NUMBERS = [
    None,
    0,
    -0.0,
    1,
    1.5,
    -7,
    1e308,
    5e-324,
    2**53,
    2**53 + 1,
    -(2**63),
    2**63 - 1,
    2**63,
    2**70,
    math.inf,
    -math.inf,
]
ODD: list[Any] = [*NUMBERS, math.nan, True, "", "1", "text", [1.0], {}]
TEXTS = [None, "", " ", "a", "ä", "日本", "\U0001f600", "a\nb", "e\u0301", "x" * 5000, "null", "NaN", 1, True, [], {}]
MOMENTS = [
    None, "", "2024", "2024-05", "2024-05-01", "20240501", "2024-02-30", "2023-02-29", "2024-13-01", "0001-01-01", "0000-01-01",
    "9999-12-31T23:59:59.999999", "2024-05-01T12", "2024-05-01T12:30", "2024-05-01 12:30:45", "2024-05-01x12:30:45",
    "2024-05-01T12:30:45Z", "2024-05-01T12:30:45z", "2024-05-01T12:30:45.1", "2024-05-01T12:30:45,123456789Z", "2024-05-01T12:30:45.",
    "2024-05-01T123045", "2024-05-01T12304", "20240501T123045.5+0200", "2024-05-01T12:30:45+02:00", "2024-05-01T12:30:45-23:59",
    "2024-05-01T12:30:45+24:00", "2024-05-01T12:30:45+02:00:30", "2024-05-01T12:30:45+2", "2024-05-01T24:00:00", "2024-05-01T12:60",
    "2024-05-01T12:30:60", "0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00", "2024-W18", "2024-W18-3", "2024W183", "2024-W53",
    "2020-W53-5", "2024-W00", "2024-W18-8", "2024-W18-3T12:00", "1969-12-31T23:59:59.999999", "1900-02-28T01:02:03", "  2024-05-01 ",
    "٢٠٢٤-05-01", "2024-05-01T", "now", 5, True, [], "9999-W52-5", "2024-05-01T12:3045", "12:30",
]  # fmt: skip
TENSORS: list[Any] = [
    [[1, 2, 3], [4, 5, 6]], [[1.0], [2.0]], [[], []], [[1.0, 2.0]], [1.0, 2.0], [[1.0, 2.0], [3.0]], [[True, False], [1, 2.5]],
    [["1", "2"], ["3", "4"]], 1.0, "x", [[[1.0]], [[2.0]]], [[2**60, 1], [0, 0]],
]  # fmt: skip
TRIED: dict[str, list[Any]] = {
    "float": ODD,
    "fraction": ODD,
    "finite": ODD,
    "int": ODD,
    "small": [*ODD, 2**53 + 2],
    "bool": [None, True, False, 0, 1, 2, 1.0, 0.5, "true", [], math.nan],
    "string": TEXTS,
    "__proto__": TEXTS,
    "chosen": TEXTS,
    "ranged": [*ODD, -1.0, 2.5, 2.6, -1.1],
    "timestamp": MOMENTS,
    "date": MOMENTS,
    "tensor": TENSORS,
}

# Only text can carry what JSON has no form for; here a list of one text marks it.
REVIVE = """const revive = (value) => Array.isArray(value) ? value.map(revive)
  : value !== null && typeof value === "object" && "$" in value ? (value.big ? BigInt(value.$) : Number(value.$)) : value;
const plain = (key, value) => typeof value === "bigint" || (typeof value === "number" && !Number.isFinite(value)) ? { $: String(value) } : value;
const row = (pairs) => Object.fromEntries(pairs.map(([name, value]) => [name, revive(value)]));"""


def sent(value: Any) -> Any:
    """A value of Python as JavaScript has the like: whole numbers beyond 2^53 are big ones."""
    if isinstance(value, list):
        return [sent(part) for part in value]
    if isinstance(value, float) and not math.isfinite(value):
        return {"$": str(value).replace("inf", "Infinity").replace("nan", "NaN")}
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > 2**53 - 1:
        return {"$": str(value), "big": True}
    return value


def received(value: Any) -> Any:
    if isinstance(value, dict) and "$" in value:
        text = value["$"]
        return float(text.replace("Infinity", "inf")) if "Inf" in text or text == "NaN" else int(text)
    return [received(part) for part in value] if isinstance(value, list) else value


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, runtime_files: dict[str, bytes], cache: Path) -> Path:
    path = tmp_path_factory.mktemp("export") / "same"
    web.export(package()[0], path, source=Source(cache, ""), browser=None, say=lambda _: None)
    return path


@pytest.fixture
def loaded(browser: Browser, folder: Path) -> Iterator[Browser]:
    with serving(folder) as address:
        browser.problems.clear()
        browser.open(address)
        browser.wait("document.getElementById('message').textContent === 'Press Predict.'")
        browser.run(
            f"(async () => {{ {REVIVE} const {{ load }} = await import('./model.mjs'); const model = await load();"
            f" const good = row({json.dumps(list(GOOD.items()))}); Object.assign(globalThis, {{ model, good, plain, row }}); }})()"
        )
        yield browser
        assert not browser.problems


def asked(browser: Browser, rows: list[dict[str, Any]]) -> list[Any]:
    """For each row alone its prediction, or the path of what is wrong with it."""
    script = (
        f"(async (rows) => {{ const told = []; for (const pairs of rows) {{ try {{ told.push(Object.entries(await model.predict(row(pairs)))); }}"
        " catch (error) { told.push(error.code ? error.problems[0].path : `broken: ${error.stack}`); } }"
        f" return JSON.stringify(told, plain); }})({json.dumps([[[name, sent(value)] for name, value in one.items()] for one in rows])})"
    )
    told = json.loads(browser.run(script))
    return [
        one if isinstance(one, str) else {name: as_kind(name, received(value)) for name, value in one} for one in told
    ]


FLOATS = frozenset(field.name for field in FIELDS if field.carrier in (Kind.FLOAT, Kind.TENSOR))


def as_kind(name: str, value: Any) -> Any:
    """JavaScript writes a double without a fraction as if it were a whole number."""
    if isinstance(value, list):
        return [as_kind(name, part) for part in value]
    return float(value) if name in FLOATS and value is not None else value


def expected(row: dict[str, Any]) -> Any:
    sealed, scorer = package()
    try:
        (answer,) = json_records(scorer.score(read_records([row], sealed.schema)))
    except Error as error:
        return error.facts["path"]
    return answer


def test_a_value_is_taken_and_given_back_or_refused_as_everywhere(loaded: Browser) -> None:
    rows = [{**GOOD, name: value} for name, values in TRIED.items() for value in values]
    differing = []
    for row, told in zip(rows, asked(loaded, rows), strict=True):
        wanted = expected(row)
        if told != wanted:
            name = next((name for name in row if row[name] is not GOOD[name]), "")
            shown = (
                (told, wanted)
                if isinstance(told, str) or isinstance(wanted, str)
                else (told.get(name), wanted.get(name))
            )
            differing.append((name, repr(row.get(name))[:60], *shown))
    assert not differing, "\n".join(map(str, differing))


def test_text_that_the_runtime_would_change_is_refused(loaded: Browser) -> None:
    """It reads up to the first NUL, and has no form for half of a pair of surrogates."""
    rows = [{**GOOD, "string": "a\0b"}, {**GOOD, "string": "\ud83d"}]
    assert asked(loaded, rows) == ["rows[0].string"] * 2


def test_dates_are_taken_and_so_are_typed_arrays(loaded: Browser) -> None:
    told = loaded.run("""(async () => {
      const given = { ...good, timestamp: new Date(1714566645123), date: new Date(Date.UTC(2024, 1, 29)), tensor: [new Float64Array([1, 2]), [3n, 4]] };
      const told = await model.predict(given);
      try { await model.predict([{ ...given, timestamp: new Date(NaN), date: new Date(5) }]); } catch (error) { told.refused = error.problems[0].path; }
      return told;
    })()""")
    assert (told["timestamp"], told["date"]) == ("2024-05-01T12:30:45.123000Z", "2024-02-29")
    assert told["tensor"] == [[1, 2], [3, 4]]
    assert told["refused"] == "rows[0].date"


def test_all_that_is_wrong_is_told_at_once(loaded: Browser) -> None:
    told = loaded.run("""(async () => {
      const rows = Array.from({ length: 60 }, (_, place) => place % 2 ? good : { ...good, int: 'x', bool: 'x' }), told = [];
      delete rows[0].int;
      for (const given of [rows, [], [null], [{}], rows.map(({ float, ...rest }) => rest)]) {
        try { told.push(await model.predict(given)); } catch (error) { told.push([error.name, error.message, error.problems, error.total]); }
      }
      return told;
    })()""")
    many, nothing, none, empty, without = told
    assert many[:2] == [
        "SchemaMismatch",
        "rows[0].int: expected a whole number or null, got nothing (and 59 more)",
    ]
    assert [problem["path"] for problem in many[2][:4]] == [
        "rows[0].int",
        "rows[0].bool",
        "rows[2].int",
        "rows[2].bool",
    ]
    assert (len(many[2]), many[3]) == (20, 60)
    assert nothing == []
    assert none[1] == "rows[0]: expected an object with a value for each column, got null"
    assert empty[1] == "float: expected a column, got nothing (and 12 more)"
    assert without[1] == "float: expected a column, got nothing (and 60 more)"


def test_rows_that_the_model_refuses_are_named(loaded: Browser) -> None:
    told = loaded.run("""(async () => {
      const rows = Array.from({ length: 5000 }, () => good);
      rows[3] = { ...good, float: 2000 };
      rows[4500] = { ...good, float: 2000 };
      rows[4600] = { ...good, float: -2000 };
      try { await model.predict(rows); } catch (error) { return [error.name, error.message, error.problems, error.total]; }
    })()""")
    assert told[:2] == ["RowsRefused", "rows[3].float: a number above a thousand (and 2 more)"]
    assert told[2][2] == {"path": "rows[4600]", "reason": "a row that is far below zero", "step": "second"}


def test_calls_at_the_same_time_wait_for_each_other(loaded: Browser) -> None:
    told = loaded.run(
        """Promise.all([1, 2, 3].map((float) => model.predict({ ...good, float }))).then((all) => all.map((one) => one.float))"""
    )
    assert told == [1, 2, 3]
