"""What is rounding is told apart from what is wrong."""

from __future__ import annotations

import numpy as np

from holdall.columns.batch import Batch, Column
from holdall.packing.rounding import settle
from holdall.spec.manifest import Tolerance
from holdall.spec.schema import Kind

TOLERANCE = Tolerance(relative=1e-9, absolute=1e-12)


def _batch(**columns) -> Batch:
    made = {
        name: Column(Kind.INT if np.asarray(values).dtype.kind == "i" else Kind.FLOAT, np.asarray(values))
        for name, values in columns.items()
    }
    return Batch(made, len(next(iter(columns.values()))))


def _cancelling(batch: Batch) -> Batch:
    """(x + 1) - x: nothing but rounding for a large x."""
    x = batch["x"].values
    return _batch(prediction=(x + 1.0) - x)


def test_what_cancels_beyond_all_measure_is_rounding():
    batch = _batch(x=[2.0**53 + 6, 3.0])
    actual = _batch(prediction=[1.5, 1.5])
    settled, ties = settle(_cancelling, batch, _cancelling(batch), actual, TOLERANCE, "regression", extreme=True)
    assert settled["prediction"].values.tolist() == [_cancelling(batch)["prediction"].values[0], 1.5]
    assert ties == 0


def test_rows_of_the_sample_are_not_nudged():
    batch = _batch(x=[2.0**53 + 6])
    actual = _batch(prediction=[1.5])
    settled, _ = settle(_cancelling, batch, _cancelling(batch), actual, TOLERANCE, "regression", extreme=False)
    assert settled["prediction"].values.tolist() == [1.5]


def test_a_model_that_answers_otherwise_alone_leaves_no_more_than_that_and_never_more_than_a_millionth():
    def live(batch: Batch) -> Batch:
        return _batch(prediction=np.full(batch.rows, 1.0 if batch.rows > 1 else 1.0 + 1e-7))

    batch = _batch(x=[1.0, 2.0, 3.0])
    actual = _batch(prediction=[1 + 5e-7, 1 + 2e-6, 1 + 1e-8])
    settled, _ = settle(live, batch, live(batch), actual, TOLERANCE, "regression", extreme=False)
    assert settled["prediction"].values.tolist() == [1.0, 1 + 2e-6, 1.0]


def test_a_label_on_a_row_of_the_sample_stays_wrong():
    def live(batch: Batch) -> Batch:
        return _batch(prediction=np.full(batch.rows, batch.rows))

    batch = _batch(x=[1.0, 2.0])
    actual = _batch(prediction=[1, 2])
    settled, ties = settle(live, batch, live(batch), actual, TOLERANCE, "clustering", extreme=False)
    assert settled["prediction"].values.tolist() == [1, 2]
    assert ties == 0


def test_a_label_that_moves_with_the_last_place_of_an_extreme_is_a_tie():
    def live(batch: Batch) -> Batch:
        return _batch(prediction=(batch["x"].values >= 1e18).astype(np.int64))

    batch = _batch(x=[1e18, 5.0])
    settled, ties = settle(live, batch, live(batch), _batch(prediction=[0, 1]), TOLERANCE, "clustering", extreme=True)
    assert settled["prediction"].values.tolist() == [1, 1]
    assert ties == 1


def test_a_row_between_two_clusters_is_a_tie_and_one_near_a_centre_is_not():
    def live(batch: Batch) -> Batch:
        x = batch["x"].values
        return _batch(prediction=(np.abs(x - 2) < np.abs(x)).astype(np.int64), to0=np.abs(x), to1=np.abs(x - 2))

    batch = _batch(x=[1.0 + 1e-13, 0.2])
    wrong = Batch({**live(batch).columns, "prediction": Column(Kind.INT, np.array([0, 1]))}, 2)
    settled, ties = settle(live, batch, live(batch), wrong, TOLERANCE, "clustering", extreme=False)
    assert settled["prediction"].values.tolist() == [1, 1]
    assert ties == 1
