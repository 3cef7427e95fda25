"""Sensors of machines, cars and weather."""

from __future__ import annotations

import numpy as np
import pandas as pd

from benchmarks.features.gaps import gaps_of


def table(rows: int, seed: int = 0) -> pd.DataFrame:
    """Rows of it."""
    r = np.random.default_rng(seed)

    gaps = gaps_of(r)
    return pd.DataFrame(
        {
            "unit": r.integers(1, 101, rows),
            "cycle": r.integers(1, 363, rows),
            "sensor_2": np.round(r.normal(642.7, 0.5, rows), 2),
            "sensor_3": np.round(r.normal(1590, 6, rows), 2),
            "sensor_4": gaps(np.round(r.normal(1409, 9, rows), 2), 0.04),
            "sensor_11": gaps(np.round(r.normal(47.5, 0.3, rows), 2), 0.02),
            "setting_1": np.round(r.normal(0, 0.002, rows), 4),
            "temperature": gaps(np.round(r.normal(21, 9, rows), 1), 0.05),
            "humidity": np.round(r.uniform(0, 100, rows), 1),
            "pressure": gaps(np.round(r.normal(1013, 10, rows), 1), 0.02),
            "vibration_x": r.normal(0, 1, rows),
            "vibration_y": r.normal(0, 1, rows),
            "vibration_z": r.normal(9.81, 1, rows),
            "voltage": np.round(r.normal(3.7, 0.3, rows), 3),
            "current": np.round(r.normal(0, 1.2, rows), 3),
            "rpm": r.integers(0, 9000, rows),
            "error_code": r.choice([0, 0, 0, 17, 404, 1023], rows),
            "status": gaps(r.choice(["OK", "WARN", "FAIL", "ok "], rows), 0.03),
            "firmware": r.choice(["v1.2.3", "v1.10.0", "v2.0.1-beta"], rows),
            "device_id": r.choice(["dev-0001", "dev-0420", "gw-7"], rows),
            "is_charging": r.random(rows) < 0.3,
            "battery": gaps(r.integers(0, 101, rows), 0.05),
            "wind_deg": r.integers(0, 361, rows),
            "wind_speed": np.round(r.gamma(2, 3, rows), 1),
            "lat": r.uniform(-60, 70, rows),
            "lon": r.uniform(-180, 180, rows),
            "speed_kmh": np.round(r.uniform(0, 140, rows), 1),
            "gear": r.integers(0, 7, rows),
            "flags": r.integers(0, 256, rows),
            "ts": r.integers(1_600_000_000, 1_700_000_000, rows),
            "a1": r.normal(0, 1, rows),
            "a2": r.normal(0, 1, rows),
            "a3": r.normal(0, 1, rows),
            "mode": r.choice(["eco", "sport", "normal"], rows),
        }
    )


def magnitude_frame(df):
    xyz = df[["vibration_x", "vibration_y", "vibration_z"]]
    out = pd.DataFrame(
        {"mag": (xyz**2).sum(axis=1) ** 0.5, "peak": xyz.abs().max(axis=1), "axis": xyz.abs().idxmax(axis=1)}
    )
    return out  # noqa: RET504


def compass(df):
    names = ["N", "NE", "E", "SE", "S", "SW", "W", "NW"]
    df["dir"] = df["wind_deg"].apply(lambda d: names[int((d / 45) + 0.5) % 8])
    return df[["dir", "wind_speed"]]


def beaufort(df):
    edges = [0.3, 1.6, 3.4, 5.5, 8.0, 10.8, 13.9, 17.2, 20.8]
    df["bft"] = np.digitize(df["wind_speed"], edges)
    df["bft2"] = np.searchsorted(edges, df["wind_speed"].values, side="right")
    return df[["bft", "bft2"]]


def firmware_regex(df):
    v = df["firmware"].str.extract(r"v(?P<major>\d+)\.(?P<minor>\d+)\.(?P<patch>\d+)")
    return v.astype(int)


def softmax(df):
    e = np.exp(df[["a1", "a2", "a3"]])
    p = e.div(e.sum(axis=1), axis=0)
    p.columns = ["p1", "p2", "p3"]
    return p.round(4)


FUNCTIONS = (
    magnitude_frame,
    compass,
    beaufort,
    firmware_regex,
    softmax,
)
