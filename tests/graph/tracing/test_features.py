"""Feature functions as people write them: what is traced is right on other rows, and the rest says why it is not."""

from __future__ import annotations

import pytest
from benchmarks.features.measuring import UNSEEN, Feature, Untraceable, differences, features, traced

STAY = {
    "credit.home_one_hot": "whatever values the table holds",
    "credit.fill_with_batch_median": "Series.median",
    "credit.zscore_over_batch": "DataFrame.mean",
    "retail.price_quantiles": "pandas.qcut",
    "retail.frequency_encoding": "Series.value_counts",
    "retail.group_mean_price": "DataFrame.groupby",
    "retail.channel_codes": "Series.cat.codes",
    "telemetry.rolling_mean": "Series.rolling",
    "telemetry.lag_difference": "Series.diff",
    "text.label_counts": "DataFrame.groupby",
    "dates.now_based": "Timestamp.now",
    "dates.first_order_age": "Series.min",
    "orders.tz_local": "dt.tz_convert of another zone",
}
"""What is not traced, and what stops it."""


@pytest.mark.parametrize("feature", features(), ids=lambda feature: feature.name)
def test_a_traced_function_gives_what_the_function_gives(feature: Feature) -> None:
    if feature.name in STAY:
        with pytest.raises(Untraceable, match=r".") as stopped:
            traced(feature)
        assert STAY[feature.name] in stopped.value.operation
        assert stopped.value.line is not None
        assert stopped.value.line.file.endswith(f"{feature.kind}.py")
        return
    made = traced(feature)
    assert differences(feature, made, feature.table(UNSEEN, 7)) == []
    for row in range(5):
        assert differences(feature, made, feature.table(20, 11).iloc[[row]].reset_index(drop=True)) == []


def test_four_fifths_of_the_functions_are_traced() -> None:
    assert len(STAY) <= len(features()) / 5
