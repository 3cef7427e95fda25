"""Credit: applications, incomes, delinquencies, bureau scores."""

from __future__ import annotations

import numpy as np
import pandas as pd

GRADES = {"A": 1, "B": 2, "C": 3, "D": 4, "E": 5, "F": 6, "G": 7}
HOME_RISK = {"RENT": 0.21, "OWN": 0.17, "MORTGAGE": 0.14}
MEDIAN_INCOME = 52000.0
EMPLOYMENT_YEARS = {
    "< 1 year": 0, "1 year": 1, "2 years": 2, "3 years": 3, "4 years": 4, "5 years": 5,
    "6 years": 6, "7 years": 7, "8 years": 8, "9 years": 9, "10+ years": 10,
}  # fmt: skip
FEATURES = ["loan_amnt", "annual_inc", "dti", "open_acc", "revol_util"]


def table(rows: int, seed: int = 0) -> pd.DataFrame:
    """Applications: numbers with gaps, grades and purposes as text, whole numbers, flags."""
    r = np.random.default_rng(seed)

    def gaps(values: np.ndarray, share: float) -> np.ndarray:
        values = values.astype(object if values.dtype.kind in "UO" else float)
        values[r.random(rows) < share] = np.nan
        return values

    frame = pd.DataFrame(
        {
            "loan_amnt": np.round(r.gamma(3, 5000, rows), 2),
            "term": r.choice([" 36 months", " 60 months"], rows),
            "int_rate": np.char.add(np.round(r.uniform(5, 30, rows), 2).astype(str), "%"),
            "grade": r.choice(list("ABCDEFG"), rows),
            "emp_length": gaps(r.choice(list(EMPLOYMENT_YEARS), rows), 0.06),
            "home_ownership": r.choice(["RENT", "OWN", "MORTGAGE", "OTHER"], rows, p=[0.4, 0.1, 0.45, 0.05]),
            "annual_inc": gaps(np.round(r.lognormal(11, 0.6, rows)), 0.04),
            "purpose": r.choice(["debt_consolidation", "credit_card", "car", "small_business", "wedding"], rows),
            "dti": gaps(np.round(r.gamma(4, 5, rows), 2), 0.03),
            "delinq_2yrs": r.poisson(0.3, rows),
            "fico_low": r.integers(600, 850, rows),
            "open_acc": r.poisson(10, rows),
            "pub_rec": r.poisson(0.1, rows),
            "revol_bal": np.round(r.gamma(2, 8000, rows)),
            "revol_util": gaps(np.round(r.uniform(0, 120, rows), 1), 0.02),
            "total_acc": r.poisson(24, rows) + 1,
            "age": r.integers(18, 90, rows),
            "has_coapplicant": r.random(rows) < 0.2,
            "pay_0": r.integers(-2, 9, rows),
            "pay_2": r.integers(-2, 9, rows),
            "pay_3": r.integers(-2, 9, rows),
        }
    )
    for column in ("grade", "term", "int_rate", "emp_length", "home_ownership", "purpose"):
        frame[column] = frame[column].astype("str") if column != "emp_length" else frame[column]
    return frame


def ratios(df):
    df = df.copy()
    df["loan_to_income"] = df["loan_amnt"] / df["annual_inc"]
    df["bal_per_acc"] = df["revol_bal"] / (df["open_acc"] + 1)
    df["util"] = df["revol_util"] / 100
    return df[["loan_to_income", "bal_per_acc", "util", "dti"]]


def log_income(X):
    X = X.copy()
    X["log_income"] = np.log1p(X["annual_inc"].fillna(MEDIAN_INCOME))
    X["log_loan"] = np.log(X.loan_amnt + 1)
    X = X.drop(columns=["annual_inc", "loan_amnt"])
    return X.select_dtypes(include="number")


def grade_numeric(df):
    out = df[["dti", "fico_low"]].copy()
    out["grade_num"] = df["grade"].map(GRADES)
    out["is_low_grade"] = (out["grade_num"] >= 5).astype(int)
    return out


def clean_strings(data):
    data = data.assign(
        term=data["term"].str.strip().str.replace(" months", "").astype(int),
        int_rate=data["int_rate"].str.rstrip("%").astype(float),
    )
    return data[["term", "int_rate", "loan_amnt"]]


def employment(df):
    df = df.copy()
    df["emp_years"] = df["emp_length"].map(EMPLOYMENT_YEARS).fillna(-1)
    df["emp_missing"] = df["emp_length"].isnull().astype("int8")
    return df[["emp_years", "emp_missing", "age"]]


def home_one_hot(df):
    dummies = pd.get_dummies(df["home_ownership"], prefix="home")
    return pd.concat([df[["loan_amnt", "dti"]], dummies], axis=1)


def home_flags(df):
    result = pd.DataFrame(index=df.index)
    for kind in ["RENT", "OWN", "MORTGAGE"]:
        result[f"home_{kind.lower()}"] = (df["home_ownership"] == kind).astype(int)
    result["risk"] = df["home_ownership"].map(HOME_RISK).fillna(0.18)
    return result


def fico_band(df):
    df = df.copy()
    df["fico_band"] = pd.cut(df["fico_low"], bins=[0, 640, 680, 720, 760, 900], labels=False)
    df["age_band"] = pd.cut(
        df["age"], [0, 25, 35, 50, 65, 120], labels=["young", "early", "mid", "late", "senior"]
    ).astype(str)
    return df[["fico_band", "age_band"]]


def risk_select(df):
    conditions = [
        (df["dti"] > 30) & (df["revol_util"] > 80),
        (df["dti"] > 20) | (df["delinq_2yrs"] > 0),
        df["fico_low"] >= 740,
    ]
    df = df.copy()
    df["risk_band"] = np.select(conditions, ["high", "medium", "low"], default="normal")
    return df[["risk_band", "dti", "fico_low"]]


def where_and_clip(df):
    x = df.copy()
    x["inc_capped"] = x["annual_inc"].clip(upper=250_000)
    x["util_capped"] = np.clip(x["revol_util"], 0, 100)
    x["over_util"] = np.where(x["revol_util"] > 100, 1, 0)
    x["dti_filled"] = np.where(x["dti"].isna(), 18.5, x["dti"])
    return x[["inc_capped", "util_capped", "over_util", "dti_filled"]]


def payment_history(df):
    pays = ["pay_0", "pay_2", "pay_3"]
    out = pd.DataFrame()
    out["max_delay"] = df[pays].max(axis=1)
    out["mean_delay"] = df[pays].mean(axis=1)
    out["n_late"] = (df[pays] > 0).sum(axis=1)
    out["ever_late"] = (df[pays] > 0).any(axis=1)
    out["always_paid"] = (df[pays] <= 0).all(axis=1).astype(int)
    return out


def apply_row_rule(df):
    def rule(row):
        if row["fico_low"] < 660 and row["delinq_2yrs"] > 1:
            return "reject"
        if row["dti"] > 35:
            return "review"
        return "accept"

    df = df.copy()
    df["decision"] = df.apply(rule, axis=1)
    return df[["decision", "loan_amnt"]]


def apply_lambda_column(df):
    df = df.copy()
    df["acc_bucket"] = df["open_acc"].apply(lambda n: 0 if n < 5 else (1 if n < 15 else 2))
    df["has_pub_rec"] = df["pub_rec"].apply(lambda x: 1.0 if x > 0 else 0.0)
    return df[["acc_bucket", "has_pub_rec"]]


def missing_indicator_loop(df):
    df = df.copy()
    for col in FEATURES:
        df[col + "_na"] = df[col].isna()
        df[col] = df[col].fillna(0)
    return df[FEATURES + [c + "_na" for c in FEATURES]]


def fill_with_batch_median(df):
    df = df.copy()
    df["annual_inc"] = df["annual_inc"].fillna(df["annual_inc"].median())
    return df[["annual_inc", "dti"]]


def zscore_over_batch(df):
    x = df[["loan_amnt", "revol_bal"]]
    return (x - x.mean()) / x.std()


def interest_cost(df):
    rate = df["int_rate"].str.replace("%", "", regex=False).astype(float) / 100 / 12
    n = df["term"].str.extract(r"(\d+)", expand=False).astype(float)
    payment = df["loan_amnt"] * rate / (1 - (1 + rate) ** -n)
    return df.assign(payment=payment, total_interest=payment * n - df["loan_amnt"])[["payment", "total_interest"]]


def pipe_chain(df):
    def add_ratio(d):
        return d.assign(ratio=lambda t: t["open_acc"] / t["total_acc"])

    def keep(d, columns):
        return d.loc[:, columns]

    return df.pipe(add_ratio).pipe(keep, ["ratio", "fico_low"]).rename(columns={"ratio": "open_ratio"})


def age_group_isin(df):
    x = df.copy()
    x["risky_purpose"] = x["purpose"].isin(["small_business", "wedding"])
    x["prime"] = x["grade"].isin(["A", "B"]) & ~x["risky_purpose"]
    x["co"] = x["has_coapplicant"].astype(int) * x["prime"]
    x["adult"] = x["age"].between(25, 60).astype(int)
    return x[["risky_purpose", "prime", "co", "adult"]]


def loc_assignment(df):
    df = df.copy()
    df["segment"] = "standard"
    df.loc[df["annual_inc"] > 100000, "segment"] = "affluent"
    df.loc[df["annual_inc"].isna(), "segment"] = "unknown"
    df.loc[(df["fico_low"] > 780) & (df["dti"] < 10), "segment"] = "prime"
    return df[["segment", "fico_low"]]


FUNCTIONS = (
    ratios, log_income, grade_numeric, clean_strings, employment, home_one_hot, home_flags, fico_band, risk_select,
    where_and_clip, payment_history, apply_row_rule, apply_lambda_column, missing_indicator_loop, fill_with_batch_median,
    zscore_over_batch, interest_cost, pipe_chain, age_group_isin, loc_assignment,
)  # fmt: skip
