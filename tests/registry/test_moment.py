"""Moments as text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdall.errors import UsageError
from holdall.registry import moment

zones = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
moments = st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1), timezones=zones)


@given(moments, moments)
def test_the_order_as_text_is_the_order_in_time(first: datetime, second: datetime) -> None:
    assert (moment.parse(first.isoformat()) < moment.parse(second.isoformat())) == (first < second)


@given(moments)
def test_what_is_written_reads_back_to_the_same_moment(when: datetime) -> None:
    text = moment.parse(when.isoformat())
    assert datetime.fromisoformat(text) == when
    assert moment.parse(text) == text


def test_without_a_zone_it_is_utc_and_a_date_is_its_first_moment() -> None:
    assert moment.parse("2026-03-01") == "2026-03-01T00:00:00.000000Z"
    assert moment.parse(" 2026-03-01T12:30 ") == "2026-03-01T12:30:00.000000Z"
    assert moment.parse("2026-03-01T12:30+02:00") == "2026-03-01T10:30:00.000000Z"


def test_now_is_now() -> None:
    assert abs(datetime.fromisoformat(moment.now()) - datetime.now(UTC)) < timedelta(seconds=5)


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01", "0001-01-01T00:00+10:00", "1700000000 ms"])
def test_what_is_not_a_time_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError, match="is not a time"):
        moment.parse(text)
