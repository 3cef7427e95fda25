"""What a notebook does before the model: twenty lines of pandas and NumPy over the workload's table."""

import numpy as np
import pandas as pd


def features(table: pd.DataFrame) -> pd.DataFrame:
    table = table.copy()
    table["ratio"] = table["n0"] / (table["n1"].abs() + 1.0)
    table["product"] = table["n1"] * table["n2"]
    table["wave"] = np.sin(2 * table["n3"])
    table["log"] = np.log1p(table["n4"].abs())
    table["capped"] = table["n5"].clip(-1.5, 1.5)
    table["missing"] = table["n6"].isna().astype(int)
    table["n6"] = table["n6"].fillna(0.0)
    table["high"] = np.where(table["n7"] > 0.5, 1, 0)
    table["band"] = np.select([table["n8"] < -1, table["n8"] < 1], ["low", "middle"], default="high")
    table["rounded"] = table["n9"].round(1)
    table["total"] = table[["n10", "n11", "n12"]].sum(axis=1)
    table["largest"] = table[["n13", "n14", "n15"]].max(axis=1)
    table["c0"] = table["c0"].str.upper().str.replace("_LEVEL_", "-", regex=False)
    table["level"] = table["c1"].str.split("_").str.get(2).fillna("none")
    table["even"] = table["c2"].str.endswith(("0", "2", "4", "6", "8")).astype(int)
    table["common"] = table["c3"].isin(["c3_level_1", "c3_level_2", "c3_level_3"]).astype(int)
    table["long"] = table["c3"].str.len()
    table["group"] = table["c4"].map({"c4_level_0": "a", "c4_level_1": "a", "c4_level_2": "b"}).fillna("other")
    return table.drop(columns=["n19"])
