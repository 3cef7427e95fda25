from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.preprocessing import KBinsDiscretizer

from holdall.frameworks.sklearn import discretising  # noqa: F401
from tests.frameworks.sklearn import harness


def numbers(rows: int = 200) -> pd.DataFrame:
    random = np.random.default_rng(0)
    return pd.DataFrame(
        {"a": random.normal(size=rows), "b": random.integers(0, 9, rows), "c": random.normal(size=rows)}
    )


@pytest.mark.parametrize("encode", ["onehot", "onehot-dense", "ordinal"])
@pytest.mark.parametrize("strategy", ["uniform", "quantile", "kmeans"])
@pytest.mark.parametrize("dtype", [None, np.float32])
def test_every_number_falls_into_the_bin_of_the_live_model(encode: str, strategy: str, dtype: type | None) -> None:
    frame = numbers()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = KBinsDiscretizer([4, 3, 6], encode=encode, strategy=strategy, dtype=dtype).fit(frame)
    edges = np.column_stack([np.resize(edge, 8) for edge in model.bin_edges_])
    near = np.concatenate([edges, np.nextafter(edges, np.inf), np.nextafter(edges, -np.inf), edges * 5])
    rows = pd.concat([frame, pd.DataFrame(near, columns=frame.columns)]).astype(float)
    wanted = model.transform(rows)
    wanted = wanted.toarray() if hasattr(wanted, "toarray") else wanted
    convert_on = frame.astype(float)
    np.testing.assert_array_equal(harness.transform(model, rows, convert_on=convert_on), wanted)
    graph = harness.convert_transformer(model, convert_on)
    np.testing.assert_array_equal(graph.boundaries["a"], np.unique(model.bin_edges_[0][1:-1]))
    assert graph.outputs[0].columns == tuple(model.get_feature_names_out())


def test_an_empty_table_keeps_its_columns() -> None:
    frame = numbers()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = KBinsDiscretizer(4).fit(frame)
    assert harness.transform(model, frame.iloc[:0], convert_on=frame).shape == (0, 12)
