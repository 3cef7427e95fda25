"""Dates: orders, trips, contracts, births."""

from __future__ import annotations

import numpy as np
import pandas as pd

REFERENCE = pd.Timestamp("2024-03-01")
HOLIDAYS = ["2023-12-25", "2024-01-01", "2024-05-01"]
SEASONS = {
    12: "winter",
    1: "winter",
    2: "winter",
    3: "spring",
    4: "spring",
    5: "spring",
    6: "summer",
    7: "summer",
    8: "summer",
    9: "autumn",
    10: "autumn",
    11: "autumn",
}


def table(rows: int, seed: int = 0) -> pd.DataFrame:
    """Trips and contracts: times with and without gaps, ISO text, year and month numbers, before 1970, leap days."""
    r = np.random.default_rng(seed)
    start = pd.Timestamp("2023-01-01") + pd.to_timedelta(r.integers(0, 63_072_000, rows), unit="s")
    start = pd.Series(start).astype("datetime64[us]")
    start.iloc[: min(rows, 2)] = pd.Timestamp("2024-02-29 23:59:59")
    end = start + pd.to_timedelta(r.integers(30, 20_000, rows), unit="s")
    end = end.mask(r.random(rows) < 0.05)
    birth = pd.Series(pd.Timestamp("1930-01-01") + pd.to_timedelta(r.integers(0, 28_000, rows), unit="D"))
    text = start.dt.strftime("%Y-%m-%d %H:%M:%S").astype(object)
    text[r.random(rows) < 0.03] = None
    return pd.DataFrame(
        {
            "pickup": start,
            "dropoff": end,
            "birth": birth.astype("datetime64[us]"),
            "ordered": text,
            "day_text": start.dt.strftime("%Y-%m-%d"),
            "month": r.integers(1, 13, rows),
            "hour": r.integers(0, 24, rows),
            "year_built": r.integers(1900, 2024, rows),
            "year_sold": r.integers(2006, 2025, rows),
            "distance": np.round(r.gamma(2, 2.5, rows), 3),
            "epoch": r.integers(0, 2_000_000_000, rows),
        }
    )


def parts(df):
    df = df.copy()
    df["hour"] = df["pickup"].dt.hour
    df["day"] = df["pickup"].dt.day
    df["month"] = df["pickup"].dt.month
    df["year"] = df["pickup"].dt.year
    df["weekday"] = df["pickup"].dt.dayofweek
    return df[["hour", "day", "month", "year", "weekday"]]


def weekend(df):
    d = pd.to_datetime(df["pickup"])
    return pd.DataFrame(
        {
            "weekend": (d.dt.weekday >= 5).astype(int),
            "friday": d.dt.day_name() == "Friday",
            "month_end": d.dt.is_month_end,
        }
    )


def duration(df):
    df = df.copy()
    df["minutes"] = (df["dropoff"] - df["pickup"]).dt.total_seconds() / 60
    df["speed"] = df["distance"] / (df["minutes"] / 60)
    df["long"] = df["minutes"] > 60
    return df[["minutes", "speed", "long"]]


def cyclical(df):
    df = df.copy()
    df["hour_sin"] = np.sin(2 * np.pi * df["hour"] / 24)
    df["hour_cos"] = np.cos(2 * np.pi * df["hour"] / 24)
    df["month_sin"] = np.sin(2 * np.pi * (df["month"] - 1) / 12)
    return df[["hour_sin", "hour_cos", "month_sin"]]


def parse_text(df):
    d = pd.to_datetime(df["ordered"])
    return pd.DataFrame({"dow": d.dt.dayofweek, "hour": d.dt.hour, "missing": d.isna()})


def parse_day(df):
    d = pd.to_datetime(df["day_text"], format="%Y-%m-%d")
    return pd.DataFrame({"doy": d.dt.dayofyear, "quarter": d.dt.quarter, "days_in_month": d.dt.days_in_month})


def since_reference(df):
    days = (REFERENCE - df["pickup"]).dt.days
    return df.assign(days=days, recent=days < 30, months=days / 30.44)[["days", "recent", "months"]]


def age_years(df):
    age = (pd.Timestamp("2025-01-01") - df["birth"]).dt.days // 365.25
    return pd.DataFrame({"age": age, "minor": age < 18, "decade": (df["birth"].dt.year // 10) * 10})


def now_based(df):
    age = pd.Timestamp.now().year - df["birth"].dt.year
    return pd.DataFrame({"age": age})


def rush_hour(df):
    h, w = df["pickup"].dt.hour, df["pickup"].dt.weekday
    rush = (((h >= 7) & (h <= 9)) | ((h >= 16) & (h <= 19))) & (w < 5)
    night = (h >= 22) | (h < 6)
    return pd.DataFrame({"rush": rush.astype(int), "night": night.astype(int)})


def day_part(df):
    def part(h):
        if 5 <= h < 12:
            return "morning"
        if 12 <= h < 17:
            return "afternoon"
        if 17 <= h < 22:
            return "evening"
        return "night"

    return pd.DataFrame({"part": df["pickup"].dt.hour.apply(part)})


def season(df):
    return pd.DataFrame({"season": df["month"].map(SEASONS), "summer": df["month"].isin([6, 7, 8])})


def holiday(df):
    day = df["pickup"].dt.normalize()
    return pd.DataFrame({"holiday": day.isin(pd.to_datetime(HOLIDAYS)), "day": day})


def house_age(df):
    df = df.copy()
    df["age"] = df["year_sold"] - df["year_built"]
    df["is_new"] = (df["age"] <= 1).astype(int)
    df["built_decade"] = (df["year_built"] // 10 * 10).astype(str) + "s"
    return df[["age", "is_new", "built_decade"]]


def epoch(df):
    t = pd.to_datetime(df["epoch"], unit="s")
    return pd.DataFrame({"hour": t.dt.hour, "minute": t.dt.minute, "year": t.dt.year})


def between_dates(df):
    p = df["pickup"]
    return pd.DataFrame(
        {
            "q1": (p >= "2024-01-01") & (p < "2024-04-01"),
            "h2": p.between("2024-07-01", "2024-12-31"),
            "after": p > REFERENCE,
        }
    )


def iso_week(df):
    return pd.DataFrame(
        {
            "week": df["pickup"].dt.isocalendar().week.astype(int),
            "minute_of_day": df["pickup"].dt.hour * 60 + df["pickup"].dt.minute,
        }
    )


def month_text(df):
    return pd.DataFrame({"ym": df["pickup"].dt.strftime("%Y-%m"), "name": df["pickup"].dt.month_name()})


def first_order_age(df):
    first = df["pickup"].min()
    return pd.DataFrame({"days": (df["pickup"] - first).dt.days})


FUNCTIONS = (
    parts, weekend, duration, cyclical, parse_text, parse_day, since_reference, age_years, now_based, rush_hour, day_part,
    season, holiday, house_age, epoch, between_dates, iso_week, month_text, first_order_age,
)  # fmt: skip
