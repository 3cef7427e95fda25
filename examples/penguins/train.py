"""Three models of the Palmer penguins: real measurements, with text columns and missing values.

python train.py            writes penguins.csv and penguins.parquet
import train; train.first  a small forest; train.second, the better one; train.third, with features of features.py
"""

from __future__ import annotations

import pandas as pd
from palmerpenguins import load_penguins
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from features import shapes

NUMBERS = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g", "year"]
WORDS = ["island", "sex"]

penguins: pd.DataFrame = load_penguins()
train, test = train_test_split(penguins, test_size=0.3, random_state=0, stratify=penguins["species"])


def encode(numbers: list[str] = NUMBERS) -> ColumnTransformer:
    """Numbers scaled, words one-hot; a missing sex is a category of its own."""
    return ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), numbers),
            ("words", OneHotEncoder(handle_unknown="ignore", sparse_output=False), WORDS),
        ]
    )


def fit(model: object) -> Pipeline:
    return Pipeline([("encode", encode()), ("model", model)]).fit(train[NUMBERS + WORDS], train["species"])


def fit_shapes(model: object) -> Pipeline:
    encoder = encode([*NUMBERS, "bill_ratio", "mass_per_mm"])
    return Pipeline([("encode", encoder), ("model", model)]).fit(shapes(train[NUMBERS + WORDS]), train["species"])


first = fit(RandomForestClassifier(n_estimators=5, max_depth=2, random_state=0))
second = fit(HistGradientBoostingClassifier(max_iter=60, random_state=0))
third = fit_shapes(HistGradientBoostingClassifier(max_iter=60, random_state=0))

if __name__ == "__main__":
    test.to_csv("penguins.csv", index=False)
    test.to_parquet("penguins.parquet", index=False)
    unseen = test[NUMBERS + WORDS]
    for name, model, table in (("first", first, unseen), ("second", second, unseen), ("third", third, shapes(unseen))):
        print(f"{name}: {model.score(table, test['species']):.3f} right on rows it has not seen")
