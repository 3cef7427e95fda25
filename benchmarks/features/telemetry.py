"""Telemetry: sensors, engines, logins, networks."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

SENSORS = ["temp", "pressure", "vibration", "rpm"]
LIMITS = {"temp": (10.0, 90.0), "pressure": (0.8, 6.0), "vibration": (0.0, 4.5), "rpm": (300.0, 4200.0)}
MEANS = np.array([55.0, 3.1, 1.2, 1900.0])
SCALES = np.array([14.0, 0.9, 0.7, 620.0])
SEVERITY = {"INFO": 0, "WARN": 1, "ERROR": 2, "FATAL": 3}
KELVIN = 273.15


def table(rows: int, seed: int = 0) -> pd.DataFrame:
    """Readings: floats with gaps and spikes, single precision, angles, counters, levels, addresses, battery levels."""
    r = np.random.default_rng(seed)

    def gaps(values: np.ndarray, share: float = 0.05) -> np.ndarray:
        values = values.astype(float)
        values[r.random(rows) < share] = np.nan
        return values

    return pd.DataFrame(
        {
            "temp": gaps(r.normal(55, 14, rows)),
            "pressure": gaps(r.gamma(12, 0.26, rows)),
            "vibration": gaps(r.exponential(1.2, rows)),
            "rpm": gaps(np.round(r.normal(1900, 620, rows))),
            "amps": r.normal(12, 3, rows).astype(np.float32),
            "volts": np.round(r.normal(230, 4, rows), 1),
            "angle": r.uniform(-360, 720, rows),
            "x": r.normal(0, 1, rows),
            "y": r.normal(0, 1, rows),
            "z": r.normal(9.81, 0.3, rows),
            "lat": r.uniform(-90, 90, rows),
            "lon": r.uniform(-180, 180, rows),
            "errors": r.poisson(0.4, rows),
            "packets": r.integers(0, 10**9, rows),
            "lost": r.integers(0, 1000, rows),
            "level": r.choice(list(SEVERITY), rows, p=[0.7, 0.2, 0.08, 0.02]),
            "firmware": r.choice(["1.4.2", "1.5.0", "2.0.0-rc1", "2.1.3"], rows),
            "ip": [".".join(map(str, r.integers(0, 256, 4))) for _ in range(rows)],
            "online": r.random(rows) < 0.9,
            "battery": r.integers(0, 101, rows).astype(np.int16),
            "uptime": r.integers(0, 10**7, rows),
            "flags": r.integers(0, 256, rows),
        }
    )


def power(df):
    df = df.copy()
    df["watts"] = df["amps"] * df["volts"]
    df["kw"] = (df["watts"] / 1000).round(3)
    return df[["watts", "kw"]]


def magnitude(df):
    out = pd.DataFrame(index=df.index)
    out["norm"] = np.sqrt(df["x"] ** 2 + df["y"] ** 2 + df["z"] ** 2)
    out["tilt"] = np.arctan2(df["x"], df["z"])
    out["hypot"] = np.hypot(df.x, df.y)
    return out


def angles(df):
    a = np.deg2rad(df["angle"] % 360)
    return pd.DataFrame({"sin": np.sin(a), "cos": np.cos(a), "quadrant": (df["angle"] % 360 // 90).astype(int)})


def limits(df):
    out = df[SENSORS].copy()
    for name, (low, high) in LIMITS.items():
        out[name + "_out"] = ~df[name].between(low, high)
        out[name] = df[name].clip(low, high)
    return out


def standardise(df):
    return (df[SENSORS] - MEANS) / SCALES


def sentinel(df):
    d = df[SENSORS].fillna(-999)
    d["n_missing"] = df[SENSORS].isna().sum(axis=1)
    d["complete"] = df[SENSORS].notna().all(axis=1)
    return d


def kelvin(df):
    df = df.copy()
    df["temp_k"] = df["temp"] + KELVIN
    df["ideal"] = df["pressure"] * 101325 / (8.314 * df["temp_k"])
    df["log_p"] = np.log10(df["pressure"])
    return df[["temp_k", "ideal", "log_p"]]


def severity(df):
    s = df["level"].map(SEVERITY)
    return df.assign(severity=s, serious=s.ge(2), weight=s.pow(2) + 1)[["severity", "serious", "weight"]]


def loss_rate(df):
    df = df.copy()
    df["loss_rate"] = df["lost"] / df["packets"].replace(0, np.nan)
    df["loss_rate"] = df["loss_rate"].fillna(0.0).clip(0, 1)
    df["many"] = df["loss_rate"] > 1e-6
    return df[["loss_rate", "many"]]


def uptime_parts(df):
    days, rest = df["uptime"] // 86400, df["uptime"] % 86400
    return pd.DataFrame({"days": days, "hours": rest // 3600, "minutes": rest % 3600 // 60, "long": days > 30})


def battery_state(df):
    def state(level):
        if level >= 80:
            return "full"
        elif level >= 30:  # noqa: RET505 — as people write it
            return "ok"
        elif level >= 10:
            return "low"
        else:
            return "critical"

    return pd.DataFrame({"battery": df["battery"].map(state), "level": df["battery"] / 100.0})


def haversine(df):
    lat1, lon1 = np.radians(df["lat"]), np.radians(df["lon"])
    lat2, lon2 = np.radians(52.52), np.radians(13.405)
    a = np.sin((lat2 - lat1) / 2) ** 2 + np.cos(lat1) * np.cos(lat2) * np.sin((lon2 - lon1) / 2) ** 2
    return pd.DataFrame({"km": 6371 * 2 * np.arcsin(np.sqrt(a)), "north": df["lat"] > 0})


def version_major(df):
    v = df["firmware"].str.split(".", expand=True)
    out = pd.DataFrame({"major": v[0].astype(int), "minor": v[1].astype(int)})
    out["rc"] = df["firmware"].str.contains("rc", regex=False)
    return out


def private_address(df):
    ip = df["ip"]
    return pd.DataFrame(
        {
            "private": ip.str.startswith("10.") | ip.str.startswith("192.168."),
            "octet": ip.str.split(".").str[0].astype(int),
            "loop": ip.str.startswith(("127.", "0.")),
        }
    )


def bits(df):
    return pd.DataFrame({"overheat": (df["flags"] & 4) > 0, "door": df["flags"] // 2 & 1, "any": df["flags"] != 0})


def rolling_mean(df):
    df = df.copy()
    df["temp_ma"] = df["temp"].rolling(5, min_periods=1).mean()
    return df[["temp_ma"]]


def lag_difference(df):
    df = df.copy()
    df["d_rpm"] = df["rpm"].diff().fillna(0)
    return df[["d_rpm"]]


def health_score(df):
    score = 100 - 8 * df["errors"].clip(upper=5)
    score = score - np.where(df["temp"] > 80, 15, 0) - np.where(df["vibration"].fillna(0) > 3, 20, 0)
    score = score.mask(~df["online"], 0)
    return pd.DataFrame({"score": score, "bad": score < 60})


def math_apply(df):
    df = df.copy()
    df["log_uptime"] = df["uptime"].apply(lambda s: math.log(s + 1))
    df["octave"] = df["rpm"].apply(lambda v: math.floor(v / 500) if not pd.isna(v) else -1)
    return df[["log_uptime", "octave"]]


FUNCTIONS = (
    power, magnitude, angles, limits, standardise, sentinel, kelvin, severity, loss_rate, uptime_parts, battery_state,
    haversine, version_major, private_address, bits, rolling_mean, lag_difference, health_score, math_apply,
)  # fmt: skip
