"""What the third model is given beyond the measurements: the same function in training and in the package."""

import pandas as pd


def shapes(penguins: pd.DataFrame) -> pd.DataFrame:
    penguins = penguins.copy()
    penguins["bill_ratio"] = penguins["bill_length_mm"] / penguins["bill_depth_mm"]
    penguins["mass_per_mm"] = penguins["body_mass_g"] / penguins["flipper_length_mm"]
    penguins["sex"] = penguins["sex"].fillna("unknown").str.lower()
    return penguins
