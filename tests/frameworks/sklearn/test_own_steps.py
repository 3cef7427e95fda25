"""Functions and transformers of one's own inside pipelines: in the graph they answer as the pipeline does, or say why not."""

# ruff: noqa: ARG002 — scikit-learn's signatures, whether they are used or not

from __future__ import annotations

import functools
import warnings
from typing import Any

import msgspec
import numpy as np
import onnxruntime as ort
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, PolynomialFeatures, StandardScaler
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

import holdall
from holdall.columns.numpy import from_numpy
from holdall.columns.pandas import from_pandas
from holdall.errors import NotPortable
from holdall.frameworks.python.steps import OwnSteps
from holdall.frameworks.sklearn.framework import FRAMEWORK
from holdall.packing import inferring
from holdall.scoring.fit import fit
from holdall.scoring.records import group
from holdall.spec.schema import Schema


def table(rows: int, seed: int) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "age": random.integers(18, 90, rows),
            "income": random.lognormal(10, 1, rows),
            "debt": random.gamma(2, 3000, rows),
            "rooms": random.integers(0, 6, rows),
            "city": random.choice(["Lima", "Oslo ", "quito", "São Paulo"], rows),
            "name": random.choice(["Mr. A B", "Mrs. C", "Dr. D E F", ""], rows),
            "when": pd.Timestamp("2021-03-01") + pd.to_timedelta(random.integers(0, 9e7, rows), "s"),
        }
    )
    frame.loc[random.random(rows) < 0.1, "income"] = np.nan
    frame.loc[random.random(rows) < 0.1, "city"] = None
    return frame


X = table(200, 0)
y = (X["debt"] > 5000).to_numpy()
NUMBERS = ["age", "income", "debt", "rooms"]
WHOLE = ["age", "debt", "rooms"]


class Own(BaseEstimator, TransformerMixin):
    """Nothing learnt."""

    def fit(self, X: Any, y: Any = None) -> Any:
        return self


class Winsor(Own):
    def __init__(self, low: float = 0.05, high: float = 0.95) -> None:
        self.low, self.high = low, high

    def fit(self, X: Any, y: Any = None) -> Any:
        self.lower_, self.upper_ = X.quantile(self.low), X.quantile(self.high)
        return self

    def transform(self, X: Any) -> Any:
        return X.clip(self.lower_, self.upper_, axis=1)


class ArrayWinsor(Own):
    def fit(self, X: Any, y: Any = None) -> Any:
        X = check_array(X, ensure_all_finite="allow-nan")
        self.low_, self.high_ = np.nanpercentile(X, [5, 95], axis=0)
        return self

    def transform(self, X: Any) -> Any:
        check_is_fitted(self, "low_")
        X = check_array(X, ensure_all_finite="allow-nan")
        return np.clip(X, self.low_, self.high_)


class Largest(Own):
    def fit(self, X: Any, y: Any = None) -> Any:
        self.top_ = {name: X[name].value_counts().index[:2].tolist() for name in X.columns}
        return self

    def transform(self, X: Any) -> Any:
        X = X.copy()
        for name, kept in self.top_.items():
            X[name] = X[name].where(X[name].isin(kept), "other")
        return X


class Target(Own):
    def fit(self, X: Any, y: Any) -> Any:
        self.mean_ = float(np.mean(y))
        self.of_ = pd.Series(y, index=X.index).groupby(X["city"]).mean()
        return self

    def transform(self, X: Any) -> Any:
        return X.assign(city=X["city"].map(self.of_).fillna(self.mean_))


class Medians(Own):
    def fit(self, X: Any, y: Any = None) -> Any:
        self.of_ = X.groupby("rooms")["income"].median().to_dict()
        self.all_ = X["income"].median()
        return self

    def transform(self, X: Any) -> Any:
        X = X.copy()
        X["income"] = X["income"].fillna(X["rooms"].map(self.of_)).fillna(self.all_)
        return X


class Standing(Own):
    def __init__(self, most: float = 2) -> None:
        self.most = most

    def fit(self, X: Any, y: Any = None) -> Any:
        self.mean_, self.scale_ = X.mean(), X.std()
        return self

    def _one(self, column: Any) -> Any:
        return (column - self.mean_[column.name]) / self.scale_[column.name]

    @property
    def bound(self) -> float:
        return self.most

    def transform(self, X: Any) -> Any:
        made = pd.DataFrame(index=X.index)
        for name in X.columns:
            made[name + "_z"] = self._one(X[name]).clip(-self.bound, self.bound)
        return made


class Dates(Own):
    def fit(self, X: Any, y: Any = None) -> Any:
        self.start_ = X["when"].min()
        return self

    def transform(self, X: Any) -> Any:
        when = X["when"]
        return pd.DataFrame(
            {"hour": when.dt.hour, "days": (when - self.start_).dt.days, "weekend": when.dt.dayofweek >= 5}, X.index
        )


class Titles(Own):
    def transform(self, X: Any) -> Any:
        title = X["name"].str.split(" ").str[0].map({"Mr.": 0, "Mrs.": 1}).fillna(2)
        return np.column_stack([X["name"].str.len(), title])


class Ratios(Own):
    """From the book that everyone begins with."""

    def transform(self, X: Any) -> Any:
        return np.c_[X, X[:, 2] / (X[:, 0] + 1), X[:, 3] / (X[:, 0] + 1)]


class Filled(Own):
    def fit(self, X: Any, y: Any = None) -> Any:
        self.fill_ = np.nanmedian(np.asarray(X, float), axis=0)
        return self

    def transform(self, X: Any) -> Any:
        X = X.values.astype(float)
        for place in range(X.shape[1]):
            X[np.isnan(X[:, place]), place] = self.fill_[place]
        return X


class Scaled(Own):
    def fit(self, X: Any, y: Any = None) -> Any:
        self.scaler_ = StandardScaler().fit(X)
        self.model_ = LogisticRegression().fit(X, y)
        return self

    def transform(self, X: Any) -> Any:
        made = pd.DataFrame(self.scaler_.transform(X), columns=X.columns, index=X.index)
        return made.assign(likely=self.model_.predict_proba(X)[:, 1], yes=self.model_.predict(X).astype(int))


class Validated(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    def fit(self, X: Any, y: Any = None) -> Any:
        self.most_ = np.abs(validate_data(self, X)).max(axis=0)
        return self

    def transform(self, X: Any) -> Any:
        check_is_fitted(self)
        return validate_data(self, X, reset=False) / self.most_


class Plain:
    """Nothing of scikit-learn's."""

    def fit(self, X: Any, y: Any = None) -> Any:
        return self

    def fit_transform(self, X: Any, y: Any = None) -> Any:
        return self.transform(X)

    def transform(self, X: Any) -> Any:
        return X**2


class Bands(Own):
    def fit(self, X: Any, y: Any = None) -> Any:
        self.cut_ = 40_000.0
        return self

    def band(self, value: float) -> int:
        if pd.isna(value):
            return -1
        return 1 if value > self.cut_ else 0

    def transform(self, X: Any) -> Any:
        return X.assign(income=X["income"].apply(self.band))


class Distances(Own):
    def fit(self, X: Any, y: Any = None) -> Any:
        self.centres_ = np.asarray(X, float)[:3]
        return self

    def transform(self, X: Any) -> Any:
        X = np.asarray(X, float)
        return np.column_stack([np.sqrt(((X - centre) ** 2).sum(axis=1)) for centre in self.centres_])


class Counting(Own):
    def __init__(self) -> None:
        self.calls = 0

    def transform(self, X: Any) -> Any:
        self.calls += 1
        return X * self.calls


class Remembering(Own):
    def fit(self, X: Any, y: Any = None) -> Any:
        self.seen_: list[Any] = []
        return self

    def transform(self, X: Any) -> Any:
        self.seen_.append(1)
        return X * 2


class OfTheBatch(Own):
    def transform(self, X: Any) -> Any:
        return (X - X.mean()) / X.std()


class Writing(Own):
    def transform(self, X: Any) -> Any:
        X["debt"] = X["debt"] * 2
        return X


class Noisy(Own):
    def fit(self, X: Any, y: Any = None) -> Any:
        self.random_ = np.random.default_rng(0)
        return self

    def transform(self, X: Any) -> Any:
        return X + self.random_.normal()


def added(frame: Any) -> Any:
    return frame.assign(ratio=frame.debt / frame.age, old=frame.age > 60)


def powers(frame: Any, power: int = 1, names: tuple[str, ...] = ("debt",)) -> Any:
    frame = frame.copy()
    for name in names:
        frame[name] = frame[name] ** power
    return frame


def lower(frame: Any) -> Any:
    return frame.apply(lambda column: column.str.strip().str.lower())


F = FunctionTransformer
HOT = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
MATRIX = np.nan_to_num(X[NUMBERS].to_numpy(float), nan=3e4)
CASES: dict[str, tuple[Any, Any]] = {
    "a function": (make_pipeline(F(added), StandardScaler(), LogisticRegression()), X[WHOLE]),
    "a function alone": (F(added), X[WHOLE]),
    "arguments": (make_pipeline(F(powers, kw_args={"power": 2, "names": ["age"]}), StandardScaler()), X[WHOLE]),
    "a partial": (make_pipeline(F(functools.partial(powers, power=3)), StandardScaler()), X[WHOLE]),
    "names": (
        make_pipeline(F(lambda t: t * 2, feature_names_out="one-to-one"), StandardScaler()).set_output(
            transform="pandas"
        ),
        X[WHOLE],
    ),
    "validate": (make_pipeline(F(lambda Z: Z[:, :2] * 2, validate=True), LogisticRegression()), X[WHOLE]),
    "NumPy's own": (make_pipeline(F(np.arctan), StandardScaler()), X[WHOLE]),
    "arrays": (
        make_pipeline(SimpleImputer(), F(lambda Z: np.c_[Z, Z[:, 0] / (1 + Z[:, 1])]), RandomForestClassifier(3)),
        X[NUMBERS],
    ),
    "columns": (
        make_pipeline(
            make_column_transformer(
                (F(lambda t: np.log1p(t) / 2), ["debt"]),
                (make_pipeline(F(lower), HOT), ["city"]),
                (Dates(), ["when"]),
                (Titles(), ["name"]),
            ),
            LogisticRegression(),
        ),
        X[["debt", "city", "when", "name"]],
    ),
    "a union": (make_pipeline(make_union(F(lambda t: t[["age"]] ** 2), Plain()), StandardScaler()), X[WHOLE]),
    "one after the other": (
        make_pipeline(F(added), F(lambda t: t.drop(columns="age").to_numpy()), PolynomialFeatures(2), StandardScaler()),
        X[WHOLE],
    ),
    "a ratio that is missing": (
        make_pipeline(F(lambda t: t.assign(r=t.income / t.debt)), HistGradientBoostingClassifier(max_iter=3)),
        X[NUMBERS],
    ),
    "bounds": (make_pipeline(Winsor(), SimpleImputer(), LogisticRegression()), X[NUMBERS]),
    "bounds of an array": (make_pipeline(ArrayWinsor(), SimpleImputer(), LogisticRegression()), X[NUMBERS]),
    "the largest": (make_pipeline(Largest(), HOT, LogisticRegression()), X[["city", "name"]]),
    "a target": (make_pipeline(Target(), LogisticRegression()), X[["debt", "city"]]),
    "medians": (make_pipeline(Medians(), LogisticRegression(max_iter=20)), X[["rooms", "income"]]),
    "helpers": (make_pipeline(Standing(), LogisticRegression()), X[WHOLE]),
    "ratios": (make_pipeline(Ratios(), StandardScaler(), LogisticRegression()), MATRIX),
    "ratios behind": (make_pipeline(SimpleImputer(), Ratios(), StandardScaler(), Ridge()), X[NUMBERS]),
    "filled": (make_pipeline(Filled(), LogisticRegression(max_iter=20)), X[NUMBERS]),
    "estimators inside": (make_pipeline(Scaled(), LogisticRegression()), X[WHOLE]),
    "validated": (make_pipeline(Validated(), LogisticRegression()), X[WHOLE]),
    "a class of one's own only": (make_pipeline(Plain(), StandardScaler(), LogisticRegression()), X[WHOLE]),
    "applied": (make_pipeline(Bands(), StandardScaler(), LogisticRegression()), X[["income", "age"]]),
    "numbers beside text": (
        make_pipeline(F(lambda t: t.to_numpy()), F(lambda Z: Z[:, [0]].astype(float) * 2), LogisticRegression()),
        X[["debt", "city"]],
    ),
    "distances": (make_pipeline(Distances(), StandardScaler(), LogisticRegression()), X[WHOLE]),
}


def made(model: Any, given: Any) -> tuple[Any, Any, Schema]:
    """The framework, the portable artefact and the schema of a model that was fitted on this table."""
    numpy = isinstance(given, np.ndarray)
    batch = from_numpy(given) if numpy else from_pandas(given)
    named = getattr(model, "feature_names_in_", None) is not None
    framework = FRAMEWORK if named else OwnSteps("numpy" if numpy else "pandas")
    fields = tuple(
        msgspec.structs.replace(field, nullable=bool(batch[field.name].null_mask().any()))
        for field in inferring.infer(batch, framework.describe(model).missing)
    )
    some = fit(batch.take(slice(0, 2)), Schema(inputs=fields, outputs=()))
    schema = Schema(inputs=fields, outputs=framework.outputs(model, fields, some))
    return framework, framework.followed(model, schema, fit(batch, schema)), schema


def others(given: Any) -> list[Any]:
    if isinstance(given, np.ndarray):
        return [given * np.random.default_rng(5).choice([1, 2, -1], (len(given), 1)), given[:1]]
    fresh = table(150, 5)[list(given.columns)]
    strange = fresh.copy()
    for place, name in enumerate(strange.columns):
        if strange[name].dtype.kind == "f":
            strange.loc[::3, name] = [0.0, -5.0, 1e9, 1e-9][place % 4]
        elif name in ("city", "name"):
            strange.loc[::4, name] = "Ms. 漢字 Ü"
    return [fresh, strange, fresh.iloc[:1].reset_index(drop=True)]


def held(framework: Any, artefact: Any, schema: Schema, model: Any, given: Any) -> None:
    """The graph refuses what the model refuses, and answers the rest as the model does."""
    batch = from_numpy(given) if isinstance(given, np.ndarray) else from_pandas(given)
    batch = fit(batch.select([field.name for field in schema.inputs]), schema)
    ((_, data),) = artefact.files.items()
    options = ort.SessionOptions()
    options.log_severity_level = 4
    session = ort.InferenceSession(data, options)
    taken = {one.name for one in session.get_inputs()}
    feeds = {name: values for name, values in group(batch, artefact.inputs).items() if name in taken}
    answers = dict(zip([one.name for one in session.get_outputs()], session.run(None, feeds), strict=True))
    refused = answers["refused"].any(axis=1) if "refused" in answers else np.zeros(batch.rows, bool)
    live = framework.live(model, schema)
    for row in np.flatnonzero(refused)[:5]:
        with pytest.raises(Exception, match=r"."):
            live(batch.take(np.array([row])))
    kept = np.flatnonzero(~refused)
    wanted = live(batch.take(kept))
    for output in artefact.outputs:
        values = answers[output.name].reshape(batch.rows, -1)[kept]
        for place, name in enumerate(output.columns):
            if wanted[name].values.dtype.kind in "fiub":
                np.testing.assert_allclose(values[:, place], wanted[name].values, rtol=1e-9, atol=1e-12, err_msg=name)
            else:
                assert values[:, place].tolist() == wanted[name].values.tolist(), name


def fitted(model: Any, given: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(given, y)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.filterwarnings("ignore")
def test_a_followed_step_answers_as_the_pipeline_does(name: str) -> None:
    model, given = CASES[name]
    fitted(model, given)
    found = made(model, given)
    for rows in (given, *others(given)):
        held(*found, model, rows)


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (
            OfTheBatch(),
            r"test_own_steps.py:\d+: DataFrame.mean does not go into the graph.*rows that happen to be scored",
        ),
        (F(lambda t: t - t.mean()), r"test_own_steps.py:\d+: DataFrame.mean"),
        (Counting(), r"test_own_steps.py:\d+: self.calls, which transform sets.*calls before"),
        (Remembering(), r"test_own_steps.py:\d+: self.seen_, which transform sets"),
        (Noisy(), r"test_own_steps.py:\d+: numpy.random.*another each time"),
        (F(lambda t: t + np.random.normal()), r"numpy.random.*another each time"),
        (F(lambda t: t.rank()), r"DataFrame.rank"),
        (make_union(Writing(), F(lambda t: t[["debt"]] + 1)), r"writing \(Writing\): it writes into the table"),
        (F(lambda t: t.assign(size=len(t))), r"len\(DataFrame\)"),
        (F(lambda t: t.groupby("rooms").transform("mean")), r"DataFrame.groupby"),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_what_is_no_matter_of_one_row_stays_as_it_is_and_says_why(step: Any, words: str) -> None:
    model = fitted(make_pipeline(step, SimpleImputer(), LogisticRegression()), X[WHOLE])
    with pytest.raises(NotPortable, match=words):
        made(model, X[WHOLE])


def test_a_trace_leaves_the_model_as_it_was() -> None:
    step = fitted(Remembering(), X[WHOLE])
    model = make_pipeline(step, StandardScaler()).fit(X[WHOLE])
    kept = step.seen_
    with pytest.raises(NotPortable):
        made(model, X[WHOLE])
    assert step.seen_ is kept
    assert vars(step).keys() == {"seen_"}
    assert set(kept) == {1}


@pytest.mark.filterwarnings("ignore")
def test_a_pipeline_with_steps_of_ones_own_is_portable(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOLDALL_HOME", str(tmp_path))
    columns = make_column_transformer(
        (F(np.log1p), ["debt"]), (Dates(), ["when"]), (make_pipeline(Largest(), HOT), ["city"])
    )
    model = make_pipeline(columns, LogisticRegression()).fit(X, y)
    package = holdall.pack(model, name="own", sample=X)
    assert package.manifest.portable
    assert package.manifest.blockers == ()
    fresh = table(50, 9)
    answers = holdall.load("own").predict(fresh)
    np.testing.assert_array_equal(answers["prediction"], model.predict(fresh))
