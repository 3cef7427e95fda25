"""Applications and transactions, as in Home Credit, Give Me Some Credit, Lending Club and IEEE fraud."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pandas as pd

from benchmarks.features.gaps import gaps_of

EDU = {
    "Lower secondary": 0,
    "Secondary / secondary special": 1,
    "Incomplete higher": 2,
    "Higher education": 3,
    "Academic degree": 4,
}
EMAIL_BIN = {
    "gmail": "google",
    "att.net": "att",
    "hotmail.com": "microsoft",
    "outlook.com": "microsoft",
    "yahoo.com": "yahoo",
}
ORG_RISK = defaultdict(lambda: 0.08, {"Self-employed": 0.102, "School": 0.059, "Military": 0.051})
INCOME_TYPES = ["Working", "Pensioner", "State servant", "Commercial associate"]
CONTRACTS = ["Cash loans", "Revolving loans"]


def table(rows: int, seed: int = 0) -> pd.DataFrame:
    """Rows of it."""
    r = np.random.default_rng(seed)

    gaps = gaps_of(r)
    return pd.DataFrame(
        {
            "AMT_CREDIT": np.round(r.gamma(3, 200000, rows), 1),
            "AMT_INCOME_TOTAL": np.round(r.lognormal(12, 0.5, rows), 1),
            "AMT_ANNUITY": gaps(np.round(r.gamma(4, 7000, rows), 1), 0.03),
            "AMT_GOODS_PRICE": gaps(np.round(r.gamma(3, 180000, rows), 0), 0.05),
            "DAYS_BIRTH": -r.integers(7000, 25000, rows),
            "DAYS_EMPLOYED": np.where(r.random(rows) < 0.18, 365243, -r.integers(0, 15000, rows)),
            "EXT_SOURCE_1": gaps(r.random(rows), 0.5),
            "EXT_SOURCE_2": gaps(r.random(rows), 0.05),
            "EXT_SOURCE_3": gaps(r.random(rows), 0.2),
            "CODE_GENDER": r.choice(["M", "F", "XNA"], rows, p=[0.4, 0.59, 0.01]),
            "FLAG_OWN_CAR": r.choice(["Y", "N"], rows),
            "FLAG_OWN_REALTY": r.choice(["Y", "N"], rows),
            "NAME_EDUCATION_TYPE": r.choice(list(EDU), rows),
            "NAME_INCOME_TYPE": gaps(r.choice(INCOME_TYPES + ["Student"], rows), 0.03),  # noqa: RUF005
            "NAME_CONTRACT_TYPE": r.choice(CONTRACTS, rows),
            "ORGANIZATION_TYPE": r.choice(
                ["Self-employed", "School", "Military", "XNA", "Business Entity Type 3"], rows
            ),
            "OWN_CAR_AGE": gaps(r.integers(0, 60, rows), 0.6),
            "CNT_CHILDREN": r.poisson(0.5, rows),
            "CNT_FAM_MEMBERS": gaps(r.integers(1, 6, rows), 0.02),
            "FLAG_DOCUMENT_2": r.integers(0, 2, rows),
            "FLAG_DOCUMENT_3": r.integers(0, 2, rows),
            "FLAG_DOCUMENT_4": r.integers(0, 2, rows),
            "RevolvingUtilizationOfUnsecuredLines": np.round(r.exponential(0.6, rows), 4),
            "NumberOfTimes90DaysLate": r.choice([0, 1, 2, 3, 96, 98], rows, p=[0.8, 0.1, 0.05, 0.03, 0.01, 0.01]),
            "NumberOfTime30-59DaysPastDueNotWorse": r.choice([0, 1, 2, 98], rows, p=[0.85, 0.1, 0.04, 0.01]),
            "DebtRatio": np.round(r.lognormal(-1, 2, rows), 4),
            "MonthlyIncome": gaps(np.round(r.lognormal(8.5, 0.7, rows)), 0.2),
            "TransactionAmt": np.round(r.lognormal(4, 1, rows), 3),
            "TransactionDT": r.integers(86400, 15811131, rows),
            "P_emaildomain": gaps(
                r.choice(
                    ["gmail.com", "yahoo.com", "hotmail.com", "anonymous.com", "att.net", "outlook.com", "yahoo.co.jp"],
                    rows,
                ),
                0.15,
            ),
            "R_emaildomain": gaps(r.choice(["gmail.com", "yahoo.com", "hotmail.com"], rows), 0.6),
            "card4": gaps(r.choice(["visa", "mastercard", "discover", "american express"], rows), 0.02),
            "DeviceInfo": gaps(
                r.choice(
                    [
                        "SAMSUNG SM-G892A Build/NRD90M",
                        "iOS Device",
                        "Windows",
                        "rv:57.0",
                        "Moto G",
                        "LG-D320",
                        "hi6210sft Build/MRA58K",
                    ],
                    rows,
                ),
                0.4,
            ),
            "id_31": gaps(
                r.choice(
                    ["chrome 62.0", "mobile safari 11.0", "samsung browser 6.2", "ie 11.0 for desktop", "firefox 57.0"],
                    rows,
                ),
                0.3,
            ),
            "term": r.choice([" 36 months", " 60 months"], rows),
            "int_rate": np.char.add(np.round(r.uniform(5, 30, rows), 2).astype(str), "%"),
            "emp_length": gaps(r.choice(["10+ years", "< 1 year", "1 year", "3 years", "9 years", "n/a"], rows), 0.05),
            "sub_grade": r.choice([a + str(b) for a in "ABCDEFG" for b in range(1, 6)], rows),
            "zip_code": r.choice(["941xx", "100xx", "606xx", "770xx"], rows),
            "earliest_cr_line": r.choice(["Jan-1985", "Aug-2003", "Dec-1999", "May-2011"], rows),
            "fico_range_low": r.integers(600, 840, rows),
            "fico_range_high": r.integers(604, 850, rows),
        }
    )


def hc_ext_sources_plain(df):
    cols = [c for c in df.columns if c.startswith("EXT_SOURCE")]
    df["NULLS"] = df[cols].isnull().sum(axis=1)
    df["EXT_MIN"] = df[cols].min(axis=1)
    df["EXT_MAX"] = df[cols].max(axis=1)
    df["EXT_MED"] = df[cols].median(axis=1)
    df["EXT_VAR"] = df[cols].var(axis=1)
    return df[["NULLS", "EXT_MIN", "EXT_MAX", "EXT_MED", "EXT_VAR"]]


def hc_edu_ordinal(df):
    return df.assign(
        edu=lambda d: d["NAME_EDUCATION_TYPE"].map(EDU).fillna(-1).astype(int),
        org=lambda d: d.ORGANIZATION_TYPE.map(ORG_RISK),
        pensioner=lambda d: d["NAME_INCOME_TYPE"].eq("Pensioner").astype(int),
    )[["edu", "org", "pensioner"]]


def hc_dummies_reindexed(df):
    d = pd.get_dummies(df["NAME_INCOME_TYPE"], prefix="inc").reindex(
        columns=[f"inc_{t}" for t in INCOME_TYPES], fill_value=0
    )
    return pd.concat([df[["AMT_CREDIT"]], d], axis=1)


def gmsc_debt_rowwise(df):
    def debt(row):
        if pd.isnull(row["MonthlyIncome"]) or row["MonthlyIncome"] == 0:
            return row["DebtRatio"]
        return row["DebtRatio"] * row["MonthlyIncome"]

    df["debt"] = df.apply(debt, axis=1)
    df["is_late"] = df.apply(
        lambda r: int(r["NumberOfTimes90DaysLate"] > 0 or r["NumberOfTime30-59DaysPastDueNotWorse"] > 1), axis=1
    )
    return df[["debt", "is_late"]]


def ieee_email(df):
    us_emails = ["gmail", "net", "edu"]
    for c in ["P_emaildomain", "R_emaildomain"]:
        df[c + "_bin"] = df[c].map(EMAIL_BIN)
        df[c + "_suffix"] = df[c].map(lambda x: str(x).split(".")[-1])
        df[c + "_suffix"] = df[c + "_suffix"].map(lambda x: x if str(x) not in us_emails else "us")
    return df[[c for c in df.columns if c.endswith("_bin") or c.endswith("_suffix")]]  # noqa: PIE810


def ieee_cat_codes(df):
    cats = ["american express", "discover", "mastercard", "visa"]
    out = pd.DataFrame()
    out["card4"] = df["card4"].astype(pd.CategoricalDtype(cats)).cat.codes
    out["amt"] = df["TransactionAmt"]
    return out


def lc_parse(loans):
    loans["term"] = loans["term"].apply(lambda s: np.int8(s.split()[0]))
    loans["int_rate"] = loans["int_rate"].apply(lambda x: float(x.replace("%", "")))
    loans["emp_length"] = loans["emp_length"].replace({"10+ years": "10 years", "< 1 year": "0 years", "n/a": np.nan})

    def emp_length_to_int(s):
        if pd.isnull(s):
            return s
        return np.int8(s.split()[0])

    loans["emp_length"] = loans["emp_length"].apply(emp_length_to_int)
    return loans[["term", "int_rate", "emp_length"]]


def hc_eval(df):
    df = df.eval("CREDIT_TERM = AMT_ANNUITY / AMT_CREDIT")
    df = df.eval("LTV = AMT_CREDIT / AMT_GOODS_PRICE")
    return df[["CREDIT_TERM", "LTV"]]


FUNCTIONS = (
    hc_ext_sources_plain,
    hc_edu_ordinal,
    hc_dummies_reindexed,
    gmsc_debt_rowwise,
    ieee_email,
    ieee_cat_codes,
    lc_parse,
    hc_eval,
)
