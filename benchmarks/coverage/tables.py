"""The tables that estimators are fitted on and asked about: by kind, several of each, the same on every machine.

A table is small, since what is measured is not learning but answering. `unseen` draws rows that the estimator was not
fitted on from around the fitted ones; the null, threshold and extreme rows are added where they are measured.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

Draw = Callable[[np.random.Generator, int], Any]


@dataclass(frozen=True)
class Table:
    """X: what is fitted on, a data frame (or documents); y: its truth; unseen: (generator, rows) → rows like X's."""

    name: str
    X: Any
    y: Any
    unseen: Draw


def _around(values: np.ndarray, *, whole: bool = False, low: float | None = None, high: float | None = None) -> Draw:
    """Rows between and around the rows of `values`: each a mix of two of them, moved by a part of the columns' spread."""
    columns = [f"x{index}" for index in range(values.shape[1])]

    def draw(generator: np.random.Generator, rows: int) -> pd.DataFrame:
        first, second = (values[generator.integers(0, len(values), rows)] for _ in range(2))
        share = generator.random((rows, 1)) * (generator.random((rows, 1)) < 0.5)
        given = first * (1 - share) + second * share
        given = given + generator.normal(size=given.shape) * values.std(axis=0) * 0.5
        if low is not None or high is not None:
            given = np.clip(given, low, high)
        return pd.DataFrame(np.rint(given) if whole else given, columns=columns)

    return draw


def _numeric(name: str, values: Any, y: Any, **around: Any) -> Table:
    matrix = np.asarray(values, np.float64)
    frame = pd.DataFrame(matrix, columns=[f"x{index}" for index in range(matrix.shape[1])])
    return Table(name, frame, y, _around(matrix, **around))


def _with_nulls(table: Table, share: float = 0.1) -> Table:
    """The same with missing values, fitted and asked."""

    def holes(generator: np.random.Generator, frame: pd.DataFrame) -> pd.DataFrame:
        return frame.mask(generator.random(frame.shape) < share)

    fitted = holes(np.random.default_rng(5), table.X)
    return Table(f"{table.name}, nulls", fitted, table.y, lambda g, rows: holes(g, table.unseen(g, rows)))


def _breast() -> tuple[np.ndarray, np.ndarray]:
    from sklearn.datasets import load_breast_cancer

    X, y = load_breast_cancer(return_X_y=True)
    return X[::2], y[::2]


def _iris() -> tuple[np.ndarray, np.ndarray]:
    from sklearn.datasets import load_iris

    return load_iris(return_X_y=True)  # type: ignore[no-any-return]


def _diabetes() -> tuple[np.ndarray, np.ndarray]:
    from sklearn.datasets import load_diabetes

    X, y = load_diabetes(return_X_y=True, scaled=False)
    return X, y


def _spread(classes: int = 0, targets: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Eight columns of sizes from 1e-3 to 1e3."""
    from sklearn.datasets import make_classification, make_regression

    if classes:
        X, y = make_classification(
            240, 8, n_informative=6, n_redundant=1, n_classes=classes, flip_y=0.05, random_state=11
        )
    else:
        X, y = make_regression(240, 8, n_informative=6, n_targets=targets, noise=5.0, random_state=12)
    return X * 10.0 ** np.linspace(-3, 3, 8), y


def _grid(classes: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Five columns of small whole numbers: equal rows, equal distances, values on thresholds."""
    generator = np.random.default_rng(13)
    X = generator.integers(0, 6, (220, 5)).astype(np.float64)
    total = X[:, 0] * 1.5 - X[:, 1] + (X[:, 2] > 2) * 3 + generator.normal(size=len(X))
    return X, np.digitize(total, np.quantile(total, np.linspace(0, 1, classes + 1)[1:-1])) if classes else total


NAMES = np.array(["żółw", "Ärger", "chat", "Zebra", "ant"])


def binary() -> list[Table]:
    X, y = _spread(2)
    grid, z = _grid(2)
    return [
        _numeric("breast cancer", *_breast()),
        _numeric("spread", X, NAMES[y]),
        _numeric("grid", grid, z, whole=True),
    ]


def classes() -> list[Table]:
    X, y = _spread(4)
    grid, z = _grid(3)
    return [
        _numeric("iris", *_iris()),
        _numeric("breast cancer", *_breast()),
        _numeric("spread", X, NAMES[y]),
        _numeric("grid", grid, z, whole=True),
    ]


def regression() -> list[Table]:
    grid, z = _grid()
    return [
        _numeric("diabetes", *_diabetes()),
        _numeric("spread", *_spread()),
        _numeric("grid", grid, z, whole=True),
    ]


def rows() -> list[Table]:
    """For what learns without a truth, or with one that it does not need."""
    X, y = _spread(3)
    grid, z = _grid(3)
    return [_numeric("iris", *_iris()), _numeric("spread", X, y), _numeric("grid", grid, z, whole=True)]


def targets() -> list[Table]:
    """Two numbers to predict."""
    X, y = _diabetes()
    return [
        _numeric("diabetes, two targets", X, np.column_stack([y, X[:, 2] * 2 + np.sqrt(y)])),
        _numeric("spread, two targets", *_spread(targets=2)),
    ]


def sets() -> list[Table]:
    """Three labels, each there or not."""
    X, y = _spread(4)
    z = np.column_stack([y > 0, y == 2, X[:, 0] > 0]).astype(int)
    grid, w = _grid(4)
    return [
        _numeric("spread, three labels", X, z),
        _numeric("grid, three labels", grid, np.column_stack([w > 0, w == 2, grid[:, 0] > 2]).astype(int), whole=True),
    ]


def positive() -> list[Table]:
    """Nothing below zero: counts, and numbers."""
    grid, z = _grid(3)
    X, y = _iris()
    return [_numeric("grid", grid, z, whole=True, low=0), _numeric("iris", X, y, low=0)]


def positive_regression() -> list[Table]:
    """A truth above zero."""
    X, y = _diabetes()
    grid, z = _grid()
    return [_numeric("diabetes", X, y), _numeric("grid", grid, np.exp(z / 4), whole=True)]


def column() -> list[Table]:
    """One number a row."""
    X, y = _diabetes()
    grid, z = _grid()
    return [_numeric("diabetes", X[:, [2]], y), _numeric("grid", grid[:, [0]], z, whole=True)]


def codes() -> list[Table]:
    """Whole numbers that stand for categories; only those that were there when fitted."""
    grid, z = _grid(3)
    return [_numeric("grid", grid, z, whole=True, low=0, high=5)]


def similarities() -> list[Table]:
    """A kernel between rows and the fitted ones."""
    X, y = _iris()
    X, y = X[::3], y[::3]
    kernel = np.exp(-0.5 * ((X[:, None] - X[None]) ** 2).sum(-1))
    return [_numeric("iris kernel", kernel, y, low=0, high=1)]


_CITIES = ("Kraków", "Zürich", "東京", "Reykjavík", "lima", "")
_SIZES = ("S", "M", "L", "XL")


def categories() -> list[Table]:
    """Text, text with gaps, and whole numbers, as categories."""

    def draw(generator: np.random.Generator, rows: int) -> pd.DataFrame:
        frame = pd.DataFrame(
            {
                "city": np.array(_CITIES, object)[generator.integers(0, len(_CITIES), rows)],
                "size": np.array(_SIZES, object)[generator.integers(0, len(_SIZES), rows)],
                "rooms": generator.integers(1, 7, rows),
            }
        )
        frame.loc[generator.random(rows) < 0.1, "size"] = None
        return frame

    X = draw(np.random.default_rng(21), 300)
    y = (X["city"] == "Zürich") * 3.0 + X["rooms"] + np.random.default_rng(22).normal(size=300)
    whole = X.assign(size=X["size"].fillna("M"))
    return [
        Table("flats", whole, y, lambda g, rows: draw(g, rows).fillna({"size": "M"})),
        Table("flats, nulls", X, y, draw),
    ]


def mixed() -> list[Table]:
    """Numbers with gaps beside text: what people put through a ColumnTransformer."""
    flats = categories()[1]

    def draw(generator: np.random.Generator, rows: int) -> pd.DataFrame:
        frame = flats.unseen(generator, rows)
        frame["area"] = np.where(generator.random(rows) < 0.1, np.nan, generator.lognormal(4, 0.5, rows))
        return frame

    X = draw(np.random.default_rng(23), 300)
    y = X["rooms"] * 2.0 + X["area"].fillna(50) / 20 > 9
    return [Table("flats with areas", X, y.to_numpy().astype(int), draw)]


def names() -> list[Table]:
    """One column of labels, as what codes a truth takes it."""

    def draw(generator: np.random.Generator, rows: int) -> pd.DataFrame:
        return pd.DataFrame({"label": NAMES.astype(object)[generator.integers(0, len(NAMES), rows)]})

    X = draw(np.random.default_rng(24), 100)
    return [Table("labels", X, None, draw)]


def name_sets() -> list[Table]:
    """Three labels a row, in a matrix of text."""

    def draw(generator: np.random.Generator, rows: int) -> np.ndarray:
        return np.array(NAMES.astype(object)[generator.integers(0, len(NAMES), (rows, 3))])

    return [Table("label sets", draw(np.random.default_rng(25), 100), None, draw)]


def dictionaries() -> list[Table]:
    """One dictionary a row; asked as the table of the same."""
    X = categories()[0].X
    return [Table("flats", X, None, categories()[0].unseen)]


def images() -> list[Table]:
    """Small pictures; asked as tables of their points."""
    X, _ = _spread()
    return [_numeric("pictures of 2 x 4", X, None)]


_WORDS = (
    *("the cat sat on a mat", "Der Hund läuft über die Straße", "İstanbul'da yağmur yağıyor", "naïve café déjà-vu"),
    *(
        "東京 は 雨 です",
        "ОДИН два три",
        "ﬁne ofﬁce ﬂow",
        "e\u0301te\u0301 x\u200dy",
        "ſtraße STRASSE Σίσυφος ΣΊΣΥΦΟΣ",
        "日本語テキスト",
    ),
    *(
        "a_b c-d 42 3.14 1,000",
        "emoji 🐧🐧 👩‍👩‍👧 ok",
        "",
        "   ",
        "tab\tand\nnew line",
        "don't can't won't",
        "MiXeD CaSe WORDS words",
    ),
)


def documents() -> list[Table]:
    """Documents in several scripts, with what trips up a tokenizer."""
    words = np.array(" ".join(_WORDS).split(" "), object)

    def draw(generator: np.random.Generator, rows: int) -> list[str]:
        return [" ".join(words[generator.integers(0, len(words), generator.integers(0, 12))]) for _ in range(rows)]

    fitted = [*_WORDS, *draw(np.random.default_rng(26), 100)]
    return [Table("documents", fitted, (np.arange(len(fitted)) % 2), draw)]


KINDS: Mapping[str, Callable[[], list[Table]]] = {
    function.__name__: function
    for function in (
        binary,
        categories,
        classes,
        codes,
        column,
        dictionaries,
        documents,
        images,
        mixed,
        name_sets,
        names,
        positive,
        positive_regression,
        regression,
        rows,
        sets,
        similarities,
        targets,
    )
}


def tables(kind: str, *, nulls: bool) -> list[Table]:
    """The tables of a kind; nulls: each number table with gaps too, for an estimator that takes them."""
    found = KINDS[kind]()
    if nulls:
        found += [_with_nulls(table) for table in found[:1] if not kind.startswith(("categories", "mixed"))]
    return found
