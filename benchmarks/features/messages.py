"""Tweets, mails, addresses, titles and prices as text."""

from __future__ import annotations

import re
import string

import numpy as np
import pandas as pd

STOP = {"the", "a", "and", "is", "to", "of"}


def table(rows: int, seed: int = 0) -> pd.DataFrame:
    """Rows of it."""
    r = np.random.default_rng(seed)

    def gaps(v, share):
        v = np.array(v, dtype=object)
        v[r.random(rows) < share] = None
        return v

    tweets = [
        "RT @bob: LOVE this!!! #happy #sun http://t.co/abc",
        "can't believe it... :( @alice",
        "Forest fire near La Ronge Sask. Canada",
        "",
        "I won't go  there, is it 100% safe?",
        "ÜBER cool café ☕ #yum",
        "Win $1000 NOW!!! click https://win.example.com",
        "hello world",
        "WHAT?!",
        "the cat and the dog",
    ]
    return pd.DataFrame(
        {
            "text": r.choice(tweets, rows),
            "keyword": gaps(r.choice(["fire", "body%20bag", "wild%20fires"], rows), 0.1),
            "email": gaps(
                r.choice(["Bob.Smith@Gmail.com", "x@acme.co.uk", "jane+spam@yahoo.com", "not-an-email", "a@b"], rows),
                0.05,
            ),
            "url": r.choice(
                [
                    "https://www.example.com/a/b?x=1",
                    "http://foo.org",
                    "www.bar.net/index.html",
                    "https://shop.example.co.uk/p/123#top",
                    "ftp://old.host/file.tar.gz",
                ],
                rows,
            ),
            "title": r.choice(
                [
                    "Apple iPhone 12 (64GB) - Black",
                    "Samsung Galaxy S21 128GB",
                    "USB-C Cable 2m, 3-pack",
                    "Mens T-Shirt XL Blue",
                    "Kettle 1.7L",
                ],
                rows,
            ),
            "address": gaps(
                r.choice(
                    [
                        "12 High Street, Leeds, LS1 4AP",
                        "Flat 3, 77 Rue de l'Eglise, Paris",
                        "1600 Pennsylvania Ave NW, Washington, DC 20500",
                    ],
                    rows,
                ),
                0.05,
            ),
            "phone": gaps(r.choice(["+1 (415) 555-0100", "+44 20 7946 0958", "0151 1234567", "555.0199"], rows), 0.05),
            "brand": gaps(r.choice(["Apple", "samsung ", " SONY", "n/a"], rows), 0.1),
            "price": r.choice(["$1,299.00", "£20", "15.50 EUR", "free"], rows),
            "size": r.choice(["10 x 20 x 30 cm", "5x5x5cm", "n/a"], rows),
            "tags": gaps(r.choice(["a,b,c", "b", "c,d", ""], rows), 0.1),
            "ip": r.choice(["10.0.0.1", "192.168.1.77", "8.8.8.8"], rows),
            "gender": r.choice(["M", "male", "F", "Female", "f"], rows),
            "yesno": r.choice(["yes", "no", "Y", "N", "TRUE"], rows),
            "subject": r.choice(["Re: invoice #123", "FREE offer!!!", "Fwd: Re: hi", "Meeting at 10:30"], rows),
            "body_len": r.integers(0, 5000, rows),
            "first": r.choice(["Ann", "bob", "Zoë"], rows),
            "last": gaps(r.choice(["O'Neil", "smith", "van Dyk"], rows), 0.1),
            "json": r.choice(['{"a": 1}', '{"a": 22, "b": 3}'], rows),
            "salary": r.choice(["45K-60K", "100K-120K", "-1"], rows),
            "rating": r.choice(["4.1 out of 5 stars", "3.0 out of 5 stars"], rows),
            "pct": gaps(r.choice(["12.5%", "100 %", "3%"], rows), 0.1),
        }
    )


def tweet_counts(df):
    df["word_count"] = df["text"].apply(lambda x: len(str(x).split()))
    df["unique_word_count"] = df["text"].apply(lambda x: len(set(str(x).split())))
    df["stop_word_count"] = df["text"].apply(lambda x: len([w for w in str(x).lower().split() if w in STOP]))
    df["url_count"] = df["text"].apply(
        lambda x: len([w for w in str(x).lower().split() if "http" in w or "https" in w])
    )
    df["mean_word_length"] = df["text"].apply(lambda x: np.mean([len(w) for w in str(x).split()]))
    df["char_count"] = df["text"].apply(lambda x: len(str(x)))
    df["punctuation_count"] = df["text"].apply(lambda x: len([c for c in str(x) if c in string.punctuation]))
    df["hashtag_count"] = df["text"].apply(lambda x: len([c for c in str(x) if c == "#"]))
    return df.iloc[:, -8:]


def tweet_clean_func(df):
    def clean(s):
        s = s.lower()
        s = re.sub(r"@\w+", " ", s)
        s = re.sub(r"[^\w\s]", "", s)
        s = " ".join(s.split())
        return s  # noqa: RET504

    df["clean"] = df["text"].apply(clean)
    return df[["clean"]]


def email_apply(df):
    def domain(e):
        try:
            return e.split("@")[1].lower()
        except (AttributeError, IndexError):
            return "none"

    df["domain"] = df["email"].apply(domain)
    return df[["domain"]]


def url_features(df):
    df["url_length"] = df["url"].apply(len)
    df["https"] = df["url"].apply(lambda u: 1 if u.startswith("https") else 0)
    df["n_dots"] = df["url"].apply(lambda i: i.count("."))
    df["n_www"] = df["url"].apply(lambda i: i.count("www"))
    df["n_slash"] = df["url"].apply(lambda i: i.count("/"))
    df["has_q"] = df["url"].apply(lambda i: "?" in i)
    df["n_digits"] = df["url"].apply(lambda u: sum(c.isdigit() for c in u))
    df["n_letters"] = df["url"].apply(lambda u: sum(1 for c in u if c.isalpha()))
    return df[["url_length", "https", "n_dots", "n_www", "n_slash", "has_q", "n_digits", "n_letters"]]


def title_features(df):
    t = df["title"].str.lower()
    out = pd.DataFrame(index=df.index)
    for w in ["iphone", "galaxy", "cable", "shirt"]:
        out["has_" + w] = t.str.contains(w).astype(int)
    out["storage"] = t.str.extract(r"(\d+)\s*gb", expand=False).astype(float)
    out["brand"] = df["title"].str.split(" ").str[0]
    out["n_words"] = t.str.split(" ").apply(len)
    return out


def tags_dummies(df):
    out = df["tags"].str.get_dummies(sep=",")
    return out.reindex(columns=["a", "b", "c"], fill_value=0)


FUNCTIONS = (
    tweet_counts,
    tweet_clean_func,
    email_apply,
    url_features,
    title_features,
    tags_dummies,
)
