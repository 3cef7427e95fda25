"""Orders with dates of all sorts."""

from __future__ import annotations

import numpy as np
import pandas as pd

REF = pd.Timestamp("2024-06-30")


def table(rows: int, seed: int = 0) -> pd.DataFrame:
    """Rows of it."""
    r = np.random.default_rng(seed)

    def days(lo, hi):
        span = (pd.Timestamp(hi) - pd.Timestamp(lo)).days
        return pd.Series(pd.Timestamp(lo) + pd.to_timedelta(r.integers(0, span, rows), unit="D"))

    def gap(s, share):
        s = s.copy()
        s[r.random(rows) < share] = None
        return s

    order = days("2022-12-20", "2025-01-05") + pd.to_timedelta(r.integers(0, 86400, rows), unit="s")
    return pd.DataFrame(
        {
            "order_date": order,
            "ship_date": gap(order + pd.to_timedelta(r.integers(-1, 30 * 24, rows), unit="h"), 0.1),
            "birth": gap(days("1930-01-01", "2006-01-01"), 0.03),
            "signup": days("2015-01-01", "2024-06-01").dt.strftime("%Y-%m-%d"),
            "last_login": gap(
                (days("2023-01-01", "2024-06-29") + pd.to_timedelta(r.integers(0, 86400, rows), unit="s")).dt.strftime(
                    "%Y-%m-%d %H:%M:%S"
                ),
                0.1,
            ),
            "us_date": days("2015-01-01", "2024-06-01").dt.strftime("%m/%d/%Y"),
            "yyyymmdd": days("2015-01-01", "2024-06-01").dt.strftime("%Y%m%d").astype(int),
            "iso_z": (
                days("2023-01-01", "2024-06-29") + pd.to_timedelta(r.integers(0, 86400, rows), unit="s")
            ).dt.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "epoch_ms": r.integers(1_500_000_000_000, 1_700_000_000_000, rows),
            "hour": r.integers(0, 24, rows),
            "month": r.integers(1, 13, rows),
            "day": r.integers(1, 29, rows),
            "year": r.integers(1999, 2026, rows),
            "period": r.choice(["2023-Q1", "2023-Q4", "2024-Q2"], rows),
            "clock": r.choice(["08:30", "23:59", "00:05"], rows),
            "amount": np.round(r.gamma(2, 50, rows), 2),
            "tz": r.choice(["UTC", "CET"], rows),
            "month_name": r.choice(["jan", "feb", "dec"], rows),
        }
    )


def calendar(df):
    d = df["order_date"].dt
    df["year"], df["month"], df["day"] = d.year, d.month, d.day
    df["quarter"] = d.quarter
    df["dow"] = d.dayofweek
    df["doy"] = d.dayofyear
    df["is_month_end"] = d.is_month_end.astype(int)
    df["is_month_start"] = d.is_month_start
    df["is_q_end"] = d.is_quarter_end
    df["leap"] = d.is_leap_year
    df["dim"] = d.days_in_month
    return df[
        ["year", "month", "day", "quarter", "dow", "doy", "is_month_end", "is_month_start", "is_q_end", "leap", "dim"]
    ]


def age_apply(df):
    def age(b):
        if pd.isnull(b):
            return -1
        return REF.year - b.year - ((REF.month, REF.day) < (b.month, b.day))

    df["age"] = df["birth"].apply(age)
    return df[["age"]]


def iso_zulu(df):
    t = pd.to_datetime(df["iso_z"])
    df["h"] = t.dt.hour
    df["wk"] = t.dt.isocalendar().week.astype(int)
    df["is_weekend"] = (t.dt.dayofweek >= 5).astype(int)
    return df[["h", "wk", "is_weekend"]]


def business(df):
    df["weekend"] = df["order_date"].dt.weekday.apply(lambda x: 1 if x > 4 else 0)
    df["office"] = ((df["order_date"].dt.hour.between(9, 17)) & (df["order_date"].dt.dayofweek < 5)).astype(int)
    df["busday"] = np.is_busday(df["order_date"].values.astype("datetime64[D]"))
    return df[["weekend", "office", "busday"]]


def build_date(df):
    d = pd.to_datetime(df[["year", "month", "day"]])
    df["dow"] = d.dt.dayofweek
    df["d"] = (d - pd.Timestamp(1999, 1, 1)).dt.days
    return df[["dow", "d"]]


def tz_local(df):
    t = df["order_date"].dt.tz_localize("UTC").dt.tz_convert("America/New_York")
    df["ny_hour"] = t.dt.hour
    return df[["ny_hour"]]


FUNCTIONS = (
    calendar,
    age_apply,
    iso_zulu,
    business,
    build_date,
    tz_local,
)
