"""Passengers, houses, shops and taxis, as in Titanic, Ames, Rossmann, Instacart, M5 and New York taxis."""

from __future__ import annotations

import numpy as np
import pandas as pd

from benchmarks.features.gaps import gaps_of

STORE_TYPES = ["a", "b", "c", "d"]
MONTHS = {
    1: "Jan",
    2: "Feb",
    3: "Mar",
    4: "Apr",
    5: "May",
    6: "Jun",
    7: "Jul",
    8: "Aug",
    9: "Sept",
    10: "Oct",
    11: "Nov",
    12: "Dec",
}


def table(rows: int, seed: int = 0) -> pd.DataFrame:
    """Rows of it."""
    r = np.random.default_rng(seed)

    gaps = gaps_of(r)
    names = [
        "Braund, Mr. Owen Harris",
        "Cumings, Mrs. John Bradley (Florence Briggs Thayer)",
        "Heikkinen, Miss. Laina",
        "Palsson, Master. Gosta Leonard",
        "Uruchurtu, Don. Manuel E",
        "Rothes, the Countess. of (Lucy Noel Martha Dyer-Edwards)",
        "Minahan, Dr. William Edward",
        "Sagesser, Mlle. Emma",
    ]
    return pd.DataFrame(
        {
            "Date": pd.Timestamp("2013-01-01") + pd.to_timedelta(r.integers(0, 900, rows), unit="D"),
            "Open": gaps(r.integers(0, 2, rows), 0.01),
            "Promo": r.integers(0, 2, rows),
            "StateHoliday": r.choice(["0", "a", "b", "c"], rows, p=[0.9, 0.05, 0.03, 0.02]),
            "StoreType": r.choice(STORE_TYPES, rows),
            "CompetitionDistance": gaps(np.round(r.gamma(1, 5000, rows), -1), 0.03),
            "CompetitionOpenSinceYear": gaps(r.integers(1998, 2015, rows), 0.3),
            "CompetitionOpenSinceMonth": gaps(r.integers(1, 13, rows), 0.3),
            "PromoInterval": gaps(r.choice(["Jan,Apr,Jul,Oct", "Feb,May,Aug,Nov", "Mar,Jun,Sept,Dec"], rows), 0.5),
            "GrLivArea": r.integers(400, 4000, rows),
            "TotalBsmtSF": gaps(r.integers(0, 2500, rows), 0.02),
            "1stFlrSF": r.integers(400, 3000, rows),
            "2ndFlrSF": r.integers(0, 2000, rows),
            "YearBuilt": r.integers(1880, 2010, rows),
            "YrSold": r.integers(2006, 2011, rows),
            "YearRemodAdd": r.integers(1950, 2010, rows),
            "FullBath": r.integers(0, 4, rows),
            "HalfBath": r.integers(0, 3, rows),
            "ExterQual": r.choice(["Ex", "Gd", "TA", "Fa"], rows),
            "BsmtQual": gaps(r.choice(["Ex", "Gd", "TA", "Fa"], rows), 0.03),
            "GarageCars": gaps(r.integers(0, 5, rows), 0.01),
            "PoolArea": r.choice([0, 512], rows, p=[0.95, 0.05]),
            "Neighborhood": r.choice(["NAmes", "CollgCr", "OldTown", "Veenker"], rows),
            "MSSubClass": r.choice([20, 60, 120, 190], rows),
            "LotFrontage": gaps(np.round(r.gamma(10, 7, rows)), 0.17),
            "Alley": gaps(r.choice(["Grvl", "Pave"], rows), 0.9),
            "Name": r.choice(names, rows),
            "Sex": r.choice(["male", "female"], rows),
            "Age": gaps(np.round(r.uniform(0.4, 80, rows), 1), 0.2),
            "SibSp": r.poisson(0.5, rows),
            "Parch": r.poisson(0.4, rows),
            "Fare": gaps(np.round(r.lognormal(3, 1, rows), 4), 0.01),
            "Cabin": gaps(r.choice(["C85", "E46", "B57 B59 B63 B66", "G6", "D", "T"], rows), 0.7),
            "Embarked": gaps(r.choice(["S", "C", "Q"], rows), 0.02),
            "Ticket": r.choice(["A/5 21171", "PC 17599", "STON/O2. 3101282", "113803", "LINE"], rows),
            "Pclass": r.integers(1, 4, rows),
            "order_hour_of_day": r.integers(0, 24, rows),
            "order_dow": r.integers(0, 7, rows),
            "days_since_prior_order": gaps(r.integers(0, 31, rows), 0.06),
            "department": r.choice(["produce", "dairy eggs", "frozen", "pets"], rows),
            "reordered": r.random(rows) < 0.6,
            "item_id": r.choice(["HOBBIES_1_001", "FOODS_3_090", "HOUSEHOLD_2_516"], rows),
            "sell_price": gaps(np.round(r.lognormal(1, 0.6, rows), 2), 0.1),
            "snap_CA": r.integers(0, 2, rows),
            "event_name_1": gaps(r.choice(["SuperBowl", "Easter", "Christmas"], rows), 0.9),
            "season": r.integers(1, 5, rows),
            "weather": r.integers(1, 5, rows),
            "temp": np.round(r.uniform(0, 41, rows), 2),
            "humidity": r.integers(0, 101, rows),
            "windspeed": np.round(r.gamma(3, 4, rows), 4),
            "pickup_longitude": r.normal(-73.97, 0.05, rows),
            "pickup_latitude": r.normal(40.75, 0.04, rows),
            "dropoff_longitude": r.normal(-73.97, 0.05, rows),
            "dropoff_latitude": r.normal(40.75, 0.04, rows),
            "passenger_count": r.integers(0, 7, rows),
            "store_and_fwd_flag": r.choice(["N", "Y"], rows),
            "vendor_id": r.integers(1, 3, rows),
            "pickup_datetime": pd.Timestamp("2016-01-01") + pd.to_timedelta(r.integers(0, 180 * 86400, rows), unit="s"),
        }
    )


def haversine_array(lat1, lng1, lat2, lng2):
    lat1, lng1, lat2, lng2 = map(np.radians, (lat1, lng1, lat2, lng2))
    AVG_EARTH_RADIUS = 6371  # in km
    lat = lat2 - lat1
    lng = lng2 - lng1
    d = np.sin(lat * 0.5) ** 2 + np.cos(lat1) * np.cos(lat2) * np.sin(lng * 0.5) ** 2
    h = 2 * AVG_EARTH_RADIUS * np.arcsin(np.sqrt(d))
    return h  # noqa: RET504


def bearing_array(lat1, lng1, lat2, lng2):
    lng_delta_rad = np.radians(lng2 - lng1)
    lat1, lng1, lat2, lng2 = map(np.radians, (lat1, lng1, lat2, lng2))
    y = np.sin(lng_delta_rad) * np.cos(lat2)
    x = np.cos(lat1) * np.sin(lat2) - np.sin(lat1) * np.cos(lat2) * np.cos(lng_delta_rad)
    return np.degrees(np.arctan2(y, x))


def rossmann_is_promo_month(data):
    data["monthStr"] = data.Date.dt.month.map(MONTHS)
    data.loc[data.PromoInterval.isna(), "PromoInterval"] = ""
    data["IsPromoMonth"] = 0
    for interval in ["Jan,Apr,Jul,Oct", "Feb,May,Aug,Nov", "Mar,Jun,Sept,Dec"]:
        for month in interval.split(","):
            data.loc[(data.monthStr == month) & (data.PromoInterval == interval), "IsPromoMonth"] = 1
    return data[["IsPromoMonth", "monthStr"]]


def ames_fill_object_loop(df):
    for c in df.columns:
        if df[c].dtype == "object" or str(df[c].dtype) == "str":
            df[c] = df[c].fillna("missing")
        elif df[c].dtype.kind == "f":
            df[c] = df[c].fillna(-999)
    return df[["Alley", "Cabin", "LotFrontage", "Age", "YearBuilt"]]


def titanic_family(df):
    df["FamilySize"] = df["SibSp"] + df["Parch"] + 1
    df["IsAlone"] = 0
    df.loc[df["FamilySize"] == 1, "IsAlone"] = 1
    df["Sex"] = df["Sex"].map({"female": 1, "male": 0}).astype(int)
    df["Embarked"] = df["Embarked"].fillna("S").map({"S": 0, "C": 1, "Q": 2}).astype(int)
    df["Has_Cabin"] = df["Cabin"].apply(lambda x: 0 if type(x) == float else 1)  # noqa: E721
    df["Deck"] = df["Cabin"].str[0].fillna("U")
    return df[["FamilySize", "IsAlone", "Sex", "Embarked", "Has_Cabin", "Deck"]]


def titanic_ticket(df):
    def clean(t):
        t = t.replace(".", "").replace("/", "").split()
        t = [x for x in t if not x.isdigit()]
        return t[0] if len(t) > 0 else "XXX"

    df["TicketPrefix"] = df["Ticket"].map(clean)
    df["is_num"] = df["Ticket"].str.isdigit().astype(int)
    return df[["TicketPrefix", "is_num"]]


def titanic_women_children(df):
    def who(passenger):
        age, sex = passenger
        if age < 16:
            return "child"
        return sex

    df["person"] = df[["Age", "Sex"]].apply(who, axis=1)
    df["fare_pp"] = df["Fare"] / (df["SibSp"] + df["Parch"] + 1)
    return df[["person", "fare_pp"]]


def m5_ids(df):
    df[["cat_id", "dept_no", "item_no"]] = df["item_id"].str.split("_", expand=True)
    df["dept_no"] = df["dept_no"].astype(int)
    df["item_no"] = df["item_no"].astype(np.int16)
    df["price_cents"] = (df["sell_price"] * 100).round() % 100
    df["ends_99"] = ((df["sell_price"] * 100).round() % 100 == 99).astype("int")
    df["has_event"] = df["event_name_1"].notnull().astype("int8")
    return df[["cat_id", "dept_no", "item_no", "price_cents", "ends_99", "has_event"]]


def taxi_distances(train):
    train.loc[:, "distance_haversine"] = haversine_array(
        train["pickup_latitude"].values,
        train["pickup_longitude"].values,
        train["dropoff_latitude"].values,
        train["dropoff_longitude"].values,
    )
    train.loc[:, "direction"] = bearing_array(
        train["pickup_latitude"].values,
        train["pickup_longitude"].values,
        train["dropoff_latitude"].values,
        train["dropoff_longitude"].values,
    )
    train.loc[:, "center_latitude"] = (train["pickup_latitude"].values + train["dropoff_latitude"].values) / 2
    train["manhattan"] = np.abs(train.pickup_latitude - train.dropoff_latitude) + np.abs(
        train.pickup_longitude - train.dropoff_longitude
    )
    return train[["distance_haversine", "direction", "center_latitude", "manhattan"]]


FUNCTIONS = (
    rossmann_is_promo_month,
    ames_fill_object_loop,
    titanic_family,
    titanic_ticket,
    titanic_women_children,
    m5_ids,
    taxi_distances,
)
