"""Text: names, reviews, addresses, codes."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

TITLES = {"Mr": "Mr", "Miss": "Miss", "Mrs": "Mrs", "Master": "Master", "Dr": "Officer", "Rev": "Officer"}
POSITIVE = ["great", "love", "excellent", "good"]
NEGATIVE = ["bad", "awful", "broken", "refund"]
DIALS = {"+49": "DE", "+44": "GB", "+1": "US"}


def table(rows: int, seed: int = 0) -> pd.DataFrame:
    """People and what they write: accents, case, punctuation, gaps, empty text."""
    r = np.random.default_rng(seed)
    first = r.choice(["Anna", "Björn", "Chloë", "Dmitri", "Éva", "ßara", "İpek", "Zoë"], rows)
    last = r.choice(["Braund", "Müller", "O'Brien", "van der Berg", "Łukasz", "Ødegaard"], rows)
    title = r.choice(["Mr", "Miss", "Mrs", "Master", "Dr", "Rev", "Countess"], rows)
    review = r.choice(
        [
            "Great product, love it!",
            "awful. BROKEN on arrival",
            "ok",
            "",
            "Good value  ",
            "I want a refund!!!",
            "émoji 😀 good",
        ],
        rows,
    ).astype(object)
    review[r.random(rows) < 0.1] = np.nan
    cabin = r.choice(["C85", "E46", "B57 B59", "G6", "T"], rows).astype(object)
    cabin[r.random(rows) < 0.6] = None
    email = np.char.add(
        np.char.add(np.char.lower(r.choice(["ann", "bob", "Cy.d"], rows)), "@"),
        r.choice(["gmail.com", "Example.org", "uni-köln.de"], rows),
    )
    return pd.DataFrame(
        {
            "name": [f"{family}, {form}. {given}" for given, family, form in zip(first, last, title, strict=True)],
            "review": review,
            "cabin": cabin,
            "ticket": r.choice(["A/5 21171", "PC 17599", "113803", "STON/O2. 3101282", "LINE"], rows),
            "email": email,
            "phone": r.choice(["+49 151 123", "+44 20 7946", "+1 555-0100", "030 123"], rows),
            "postcode": r.choice(["D-50667", "10115", " 80331 ", "0815"], rows),
            "sex": r.choice(["male", "female"], rows),
            "embarked": pd.Series(r.choice(["S", "C", "Q", None], rows, p=[0.7, 0.18, 0.1, 0.02])),
            "price_text": r.choice(["1,200.50", "99", "7.25", "15,000"], rows),
            "yes_no": r.choice(["yes", "no", "Yes", "NO", "y"], rows),
            "siblings": r.integers(0, 6, rows),
            "parents": r.integers(0, 5, rows),
        }
    )


def titanic_title(df):
    df = df.copy()
    df["Title"] = df["name"].str.extract(r" ([A-Za-z]+)\.", expand=False)
    df["Title"] = df["Title"].map(TITLES).fillna("Rare")
    return df[["Title"]]


def title_by_split(df):
    df = df.copy()
    df["Title"] = df["name"].apply(lambda n: n.split(",")[1].split(".")[0].strip())
    df["IsMr"] = (df["Title"] == "Mr").astype(int)
    return df[["Title", "IsMr"]]


def family(df):
    df["FamilySize"] = df["siblings"] + df["parents"] + 1
    df["IsAlone"] = 0
    df.loc[df["FamilySize"] == 1, "IsAlone"] = 1
    return df[["FamilySize", "IsAlone"]]


def sex_embarked(df):
    df = df.copy()
    df["sex"] = df["sex"].map({"female": 1, "male": 0}).astype(int)
    df["embarked"] = df["embarked"].fillna("S").map({"S": 0, "C": 1, "Q": 2}).astype(int)
    return df[["sex", "embarked"]]


def deck(df):
    df = df.copy()
    df["has_cabin"] = df["cabin"].notnull().astype(int)
    df["deck"] = df["cabin"].fillna("U").str[0]
    df["n_cabins"] = df["cabin"].apply(lambda x: 0 if pd.isna(x) else len(x.split()))
    return df[["has_cabin", "deck", "n_cabins"]]


def review_length(df):
    r = df["review"].fillna("")
    out = pd.DataFrame({"n_chars": r.str.len(), "n_words": r.str.split().str.len()})
    out["exclaims"] = r.str.count("!")
    out["empty"] = r.str.strip() == ""
    return out


def review_words(df):
    r = df["review"].fillna("").str.lower()
    out = {f"w_{word}": r.str.contains(word, regex=False).astype(int) for word in POSITIVE + NEGATIVE}
    return pd.DataFrame(out)


def sentiment(df):
    text = df["review"].str.lower()
    pos = text.str.contains("|".join(POSITIVE), na=False)
    neg = text.str.contains("|".join(NEGATIVE), na=False)
    return pd.DataFrame({"sentiment": pos.astype(int) - neg.astype(int), "both": pos & neg})


def email_domain(df):
    parts = df["email"].str.split("@")
    domain = parts.str[1].str.lower()
    return pd.DataFrame(
        {"domain": domain, "free": domain.isin(["gmail.com", "yahoo.com"]), "tld": domain.str.split(".").str[-1]}
    )


def email_regex(df):
    df = df.copy()
    df["user"] = df["email"].str.replace(r"@.*$", "", regex=True)
    df["dots"] = df["user"].str.count(r"\.")
    return df[["user", "dots"]]


def phone_country(df):
    p = df["phone"]
    out = pd.DataFrame({"country": np.select([p.str.startswith(k) for k in DIALS], list(DIALS.values()), default="??")})
    out["n_digits"] = p.str.replace(r"\D", "", regex=True).str.len()
    return out


def postcode(df):
    c = df["postcode"].str.strip().str.removeprefix("D-")
    return pd.DataFrame({"region": c.str[:2], "padded": c.str.zfill(5), "numeric": pd.to_numeric(c, errors="coerce")})


def price_parse(df):
    df = df.copy()
    df["price"] = df["price_text"].str.replace(",", "").astype(float)
    df["expensive"] = df["price"] > 1000
    return df[["price", "expensive"]]


def yes_no(df):
    y = df["yes_no"].str.lower().str.strip()
    return pd.DataFrame({"flag": y.isin(["yes", "y", "true", "1"]).astype(int), "first": y.str.get(0).str.upper()})


def ticket_kind(df):
    t = df["ticket"]
    df = df.assign(is_digit=t.str.isdigit(), prefix=t.str.split(" ").str[0], size=t.map(len))
    df["prefix"] = df["prefix"].where(~df["is_digit"], "none")
    return df[["is_digit", "prefix", "size"]]


def slug(df):
    s = df["name"].str.lower().str.replace(" ", "-").str.replace("[^a-z-]", "", regex=True)
    return pd.DataFrame({"slug": s, "short": s.str.slice(0, 8), "ends": s.str.endswith("a")})


def caps_share(df):
    def share(text):
        if not isinstance(text, str) or not text:
            return 0.0
        return sum(1 for c in text if c.isupper()) / len(text)

    return pd.DataFrame({"caps": df["review"].apply(share)})


def compiled_regex(df):
    pattern = re.compile(r"[A-Z]\d+")
    return pd.DataFrame({"code": df["cabin"].fillna("").apply(lambda c: bool(pattern.match(c)))})


def label_counts(df):
    return pd.DataFrame({"ticket_freq": df.groupby("ticket")["ticket"].transform("count"), "sex": df["sex"]})


FUNCTIONS = (
    titanic_title, title_by_split, family, sex_embarked, deck, review_length, review_words, sentiment, email_domain,
    email_regex, phone_country, postcode, price_parse, yes_no, ticket_kind, slug, caps_share, compiled_regex, label_counts,
)  # fmt: skip
