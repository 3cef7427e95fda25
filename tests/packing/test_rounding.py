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


def _in_single_precision(batch: Batch) -> Batch:
    """A large sum, and one in which the same numbers cancel, as float32 adds them."""
    image = batch["image"].values.astype(np.float32)
    weights = np.linspace(-1, 1, image.shape[1], dtype=np.float32)
    return _batch(large=image.sum(axis=1).astype(float), small=(image @ weights).astype(float))


def test_what_cancels_in_float32_is_rounding_and_what_does_not_is_wrong():
    tolerance = Tolerance(relative=1e-4, absolute=1e-6)
    image = np.stack([np.full(256, 1000.1), np.linspace(0.1, 1, 256)])
    batch = Batch({"image": Column(Kind.TENSOR, image, None, "float32")}, 2)
    expected = _in_single_precision(batch)
    moved = expected["small"].values + np.array([3e-3, 5e-3])
    actual = Batch({**expected.columns, "small": Column(Kind.FLOAT, moved)}, 2)
    settled, _ = settle(_in_single_precision, batch, expected, actual, tolerance, "transform", extreme=False)
    assert settled["small"].values.tolist() == [expected["small"].values[0], moved[1]]


def test_a_step_of_a_model_in_float32_hides_no_wrong_answer():
    """The row lies on the step, so that the live model's own answer hangs on the last place; but it is no rounding."""

    def live(batch: Batch) -> Batch:
        return _batch(prediction=np.where(batch["x"].values >= 3.0, 5.0, 4.0))

    batch = _batch(x=[3.0, 1.0])
    actual = _batch(prediction=[4.0, 4.0])
    tolerance = Tolerance(relative=1e-4, absolute=1e-6)
    settled, _ = settle(live, batch, live(batch), actual, tolerance, "regression", extreme=False)
    assert settled["prediction"].values.tolist() == [4.0, 4.0]


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
