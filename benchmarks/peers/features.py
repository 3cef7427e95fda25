"""A preprocessing function as people write it, for the package with a Python step and for the app by hand alike."""

import numpy as np
import pandas as pd


def prepare(df: pd.DataFrame) -> pd.DataFrame:
    df = df.copy()
    numbers = [name for name in df.columns if name.startswith("n")]
    df[numbers] = df[numbers].clip(-5, 5)
    df["n0"] = np.where(df["n1"] > 4, df["n0"] / 2, df["n0"])
    df["c0"] = df["c0"].str.strip().str.lower()
    return df
