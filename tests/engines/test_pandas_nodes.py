"""pandas' objects through a skops file and back, and files that try to have them built in other ways."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import numpy as np
import pandas as pd
import pytest

from holdall.engines import skops as engine
from holdall.errors import NotPortable, PackageDamaged
from holdall.frameworks.sklearn.native import canonical_skops

MOMENTS = pd.to_datetime(["2024-02-29 12:00", None, "1969-12-31"], format="mixed")
SERIES = {
    "numbers": pd.Series([1.5, np.nan, -0.0], index=["a", "b", "c"], name="x"),
    "whole": pd.Series([1, 2, 3], dtype="int32", index=pd.RangeIndex(3, 9, 2)),
    "text": pd.Series(["ż", None, ""], dtype="str"),
    "objects": pd.Series(["a", None, np.nan, 3, True], dtype=object),
    "nullable": pd.Series([1, None, 3], dtype="Int16"),
    "truth": pd.Series([True, None, False], dtype="boolean"),
    "categories": pd.Series(pd.Categorical(["b", None, "a"], categories=["b", "a"], ordered=True)),
    "moments": pd.Series(MOMENTS),
    "moments of a zone": pd.Series(MOMENTS.tz_localize("Europe/Warsaw")),
    "spans": pd.Series(pd.to_timedelta([1, 2], unit="h")),
    "by category": pd.Series([1, 2], index=pd.CategoricalIndex(["u", "v"])),
    "by a missing value": pd.Series([1.0, 2.0], index=[np.nan, 7.0]),
}


class Holder:
    """Anything that keeps something."""

    def __init__(self, kept: Any) -> None:
        self.kept = kept


def through(kept: Any) -> Any:
    data = canonical_skops(Holder(kept))
    assert engine.audit(data).outside == ("tests.engines.test_pandas_nodes.Holder",)
    model, _ = engine.load(data, allowed=engine.audit(data).outside)
    return model.kept


@pytest.mark.parametrize("name", SERIES)
def test_a_series_comes_back_as_it_was(name: str) -> None:
    pd.testing.assert_series_equal(through(SERIES[name]), SERIES[name])


def test_a_frame_and_an_index_come_back_as_they_were() -> None:
    frame = pd.DataFrame({name: SERIES[name].array[:2] for name in ("numbers", "text", "categories", "moments")})
    frame.index = pd.Index([-2, 5], name="code")
    pd.testing.assert_frame_equal(through(frame), frame)
    pd.testing.assert_index_equal(through(frame.columns), frame.columns)
    assert through(frame.iloc[:0]).dtypes.tolist() == frame.dtypes.tolist()


@pytest.mark.parametrize("dtype", ["str", "Int64", "category", "datetime64[ns, UTC]"])
def test_a_dtype_comes_back_as_it_was(dtype: str) -> None:
    held = pd.Series([], dtype=dtype).dtype
    assert through([held, np.dtype("O")]) == [held, np.dtype("O")]


def test_lone_values_come_back_as_they_were() -> None:
    moment = pd.Timestamp("2024-02-29 12:00:00.123456789", tz="Asia/Tokyo")
    missing, none, back = through([pd.NA, pd.NaT, moment])
    assert missing is pd.NA
    assert none is pd.NaT
    assert back == moment


@pytest.mark.parametrize("kept", [pd.MultiIndex.from_tuples([(1, 2)]), pd.Series(pd.period_range("2024", periods=2))])
def test_what_has_no_form_is_named(kept: Any) -> None:
    with pytest.raises(NotPortable, match="has no form without a pickle"):
        canonical_skops(Holder(kept))


def changed(change: Any) -> bytes:
    data = canonical_skops(Holder(SERIES["numbers"]))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    tree = json.loads(members["schema.json"])
    change(tree["content"]["content"]["kept"])
    members["schema.json"] = json.dumps(tree).encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "change",
    [
        {"__loader__": "ObjectNode"},
        {"__loader__": "ConstructorFromReduceNode"},
        {"__class__": "read_pickle"},
        {"__class__": "system", "__module__": "os"},
        {"__loader__": "ObjectNode", "__class__": "Series", "__module__": "pandas.core.series"},
    ],
)
def test_pandas_is_built_by_its_own_node_only_and_that_node_builds_nothing_else(change: dict[str, str]) -> None:
    data = changed(lambda node: node.update(change))
    assert len(engine.audit(data).outside) >= 2


def test_parts_of_other_kinds_build_nothing() -> None:
    data = changed(lambda node: node["content"].update(dtype=node["content"]["index"]))
    with pytest.raises(PackageDamaged, match="cannot be built"):
        engine.load(data, allowed=engine.audit(data).outside)
