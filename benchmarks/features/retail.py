"""Retail: baskets, prices, stores, promotions, customers."""

from __future__ import annotations

import numpy as np
import pandas as pd

STORE_SIZE = {"Small": 1, "Medium": 2, "High": 3}
TOP_CATEGORIES = ["Dairy", "Snacks", "Frozen", "Household"]
PRICE_BINS = [-np.inf, 5, 20, 50, 100, np.inf]
CATEGORY_MEANS = {"Dairy": 12.5, "Snacks": 4.75, "Frozen": 18.0, "Household": 9.9, "Fruit": 3.2}


def table(rows: int, seed: int = 0) -> pd.DataFrame:
    """Order lines: prices, quantities, categories with odd spellings, stores, vouchers, ratings."""
    r = np.random.default_rng(seed)
    sizes = r.choice(["Small", "Medium", "High"], rows).astype(object)
    sizes[r.random(rows) < 0.2] = np.nan
    weight = np.round(r.uniform(1, 25, rows), 2)
    weight[r.random(rows) < 0.15] = np.nan
    rating = pd.array(r.integers(1, 6, rows), dtype="Int64")
    rating[r.random(rows) < 0.1] = pd.NA
    voucher = r.choice(["SPRING10", "vip-20", "", "none"], rows).astype(object)
    voucher[r.random(rows) < 0.3] = None
    return pd.DataFrame(
        {
            "price": np.round(r.lognormal(2.5, 1, rows), 2),
            "quantity": r.integers(1, 20, rows),
            "discount": np.round(r.choice([0, 0, 0.05, 0.1, 0.25], rows), 2),
            "weight": weight,
            "fat": r.choice(["Low Fat", "low fat", "LF", "Regular", "reg"], rows),
            "category": r.choice(["Dairy", "Snacks", "Frozen", "Household", "Fruit", "Seafood"], rows),
            "size": sizes,
            "store": r.choice(["OUT049", "OUT018", "OUT010", "OUT027"], rows),
            "year": r.integers(1985, 2010, rows),
            "item": np.char.add(r.choice(["FD", "DR", "NC"], rows), r.integers(100, 999, rows).astype(str)),
            "returned": r.random(rows) < 0.07,
            "rating": rating,
            "voucher": voucher,
            "stock": r.integers(-3, 400, rows),
            "visits": r.poisson(3, rows),
            "channel": pd.Categorical(r.choice(["web", "shop", "app"], rows), categories=["app", "shop", "web"]),
        }
    )


def revenue(df):
    df["revenue"] = df["price"] * df["quantity"] * (1 - df["discount"])
    df["unit_after"] = df.price * (1 - df.discount)
    return df[["revenue", "unit_after", "quantity"]]


def fat_content(df):
    df = df.copy()
    df["fat"] = df["fat"].replace({"low fat": "Low Fat", "LF": "Low Fat", "reg": "Regular"})
    df["is_low_fat"] = (df["fat"] == "Low Fat").astype(int)
    return df[["fat", "is_low_fat"]]


def item_type(df):
    df = df.copy()
    df["prefix"] = df["item"].apply(lambda x: x[0:2])
    df["kind"] = df["prefix"].map({"FD": "Food", "NC": "Non-Consumable", "DR": "Drinks"})
    return df[["prefix", "kind"]]


def store_age(df):
    out = df.copy()
    out["store_age"] = 2013 - out["year"]
    out["decade"] = out["year"] // 10 * 10
    out["year_mod"] = out["year"] % 4
    return out[["store_age", "decade", "year_mod"]]


def size_map(df):
    df = df.copy()
    df["size"] = df["size"].fillna("Small")
    df["size_code"] = df["size"].map(STORE_SIZE).astype(int)
    return df[["size_code"]]


def price_bins(df):
    x = pd.DataFrame({"price": df["price"]})
    x["bin"] = pd.cut(df["price"], bins=PRICE_BINS, labels=["very low", "low", "mid", "high", "luxury"])
    x["bin"] = x["bin"].astype(str)
    x["cheap"] = df["price"].lt(5)
    return x


def price_quantiles(df):
    df = df.copy()
    df["q"] = pd.qcut(df["price"], 4, labels=False)
    return df[["q", "price"]]


def category_other(df):
    df = df.copy()
    df["category"] = df["category"].where(df["category"].isin(TOP_CATEGORIES), "Other")
    df["cat_mean"] = df["category"].map(CATEGORY_MEANS).fillna(np.mean(list(CATEGORY_MEANS.values())))
    return df[["category", "cat_mean"]]


def frequency_encoding(df):
    df = df.copy()
    df["category_freq"] = df["category"].map(df["category"].value_counts(normalize=True))
    return df[["category_freq", "price"]]


def group_mean_price(df):
    df = df.copy()
    df["vs_category"] = df["price"] / df.groupby("category")["price"].transform("mean")
    return df[["vs_category"]]


def voucher_flags(df):
    v = df["voucher"].fillna("").str.lower()
    return pd.DataFrame(
        {
            "has_voucher": (v != "") & (v != "none"),
            "is_vip": v.str.startswith("vip"),
            "length": v.str.len(),
            "digits": v.str.contains(r"\d"),
        }
    )


def stock_state(df):
    df = df.copy()
    df["stock"] = df["stock"].clip(lower=0)
    df["cover"] = df["stock"] / df["quantity"]
    df["state"] = np.where(df["stock"] == 0, "out", np.where(df["cover"] < 5, "low", "ok"))
    return df[["stock", "cover", "state"]]


def ratings(df):
    df = df.copy()
    df["rating"] = df["rating"].astype("float64")
    df["rating_missing"] = df["rating"].isna().astype(int)
    df["rating"] = df["rating"].fillna(3.0)
    df["good"] = df["rating"] >= 4
    return df[["rating", "rating_missing", "good"]]


def interactions(df):
    cols = ["price", "quantity", "visits"]
    out = df[cols].copy()
    for i, a in enumerate(cols):
        for b in cols[i + 1 :]:
            out[f"{a}_x_{b}"] = out[a] * out[b]
    return out


def polynomial(df):
    d = df[["price", "weight"]].fillna(0)
    d["price2"] = d["price"] ** 2
    d["price_sqrt"] = np.sqrt(d["price"])
    d["weight3"] = np.power(d["weight"], 3)
    d["inv"] = 1 / (1 + d["weight"])
    return d


def dummies_with_known(df):
    cat = pd.Categorical(df["category"], categories=["Dairy", "Frozen", "Snacks"])
    return pd.get_dummies(cat, prefix="cat").astype(float)


def channel_codes(df):
    out = df[["visits"]].copy()
    out["channel"] = df["channel"].cat.codes
    out["is_web"] = (df["channel"] == "web").astype(int)
    return out


def query_style(df):
    df = df.copy()
    df["flag"] = df.eval("price > 20 and quantity < 5")
    return df[["flag", "price"]]


def key_concat(df):
    df = df.copy()
    df["store_item"] = df["store"] + "_" + df["category"]
    df["bucket"] = df["store"].str.cat(df["quantity"].astype(str), sep=":")
    return df[["store_item", "bucket"]]


def to_numpy_matrix(df):
    x = df[["price", "quantity", "visits"]].to_numpy(dtype=float)
    return pd.DataFrame({"total": x.sum(axis=1), "largest": x.max(axis=1), "first": x[:, 0]}, index=df.index)


FUNCTIONS = (
    revenue, fat_content, item_type, store_age, size_map, price_bins, price_quantiles, category_other,
    frequency_encoding, group_mean_price, voucher_flags, stock_state, ratings, interactions, polynomial,
    dummies_with_known, channel_codes, query_style, key_concat, to_numpy_matrix,
)  # fmt: skip
