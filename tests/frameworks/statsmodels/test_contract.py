"""statsmodels against its packages: what people fit, on the data sets that it ships, held to the suite of every framework."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import statsmodels.api as sm
import statsmodels.formula.api as smf
from statsmodels.miscmodels.ordinal_model import OrderedModel

from holdall.testing.frameworks import FrameworkCase, FrameworkTests, Given

FAMILIES = sm.families


def affairs() -> pd.DataFrame:
    """The survey of Fair, with jobs as words; every 41st age and every 53rd job is missing."""
    table = sm.datasets.fair.load_pandas().data.iloc[::8].reset_index(drop=True)
    jobs = {1: "student", 2: "farmer", 3: "office", 4: "teacher", 5: "manager", 6: "doctor"}
    table["job"] = table["occupation"].map(jobs)
    table["had"] = (table["affairs"] > 0).astype(int)
    table["town"] = table["religious"] > 2
    return table


TABLE = affairs()
ROWS = TABLE.drop(columns=["affairs", "had"]).iloc[5:405:3].reset_index(drop=True)
GAPS = ROWS.copy()
GAPS.loc[::41, "age"] = np.nan
GAPS.loc[::53, "job"] = None
MATRIX = sm.add_constant(TABLE[["age", "educ", "children"]])


def fitted(model: Any, **how: Any) -> Any:
    """The results, without what statsmodels says of its optimiser."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(**how)


def by_hand(results: Any, rows: Any, **aside: Any) -> np.ndarray[Any, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return np.asarray(results.predict(rows, **aside))


def formula(text: str, fit: Callable[..., Any], **how: Any) -> Callable[[], Given]:
    """A formula on the survey, asked for rows with gaps."""

    def make() -> Given:
        quiet = {"disp": 0} if fit in (smf.logit, smf.probit, smf.poisson) else {}
        results = fitted(fit(text, TABLE, **how), **quiet)
        refused = GAPS.iloc[[1]].assign(job="astronaut") if "job" in text else None
        return Given(results, ROWS, GAPS, {"prediction": by_hand(results, GAPS)}, refused)

    return make


def matrix(target: str, kind: Any, **how: Any) -> Callable[[], Given]:
    """A matrix with add_constant, packed without naming the constant."""

    def make() -> Given:
        fit = {"disp": 0} if kind.__module__.startswith("statsmodels.discrete") else {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = kind(TABLE[target].round(), MATRIX, **how)
        results = fitted(model, **fit)
        rows = MATRIX.iloc[1:200:5].reset_index(drop=True)
        return Given(results, MATRIX.drop(columns="const"), rows, {"prediction": by_hand(results, rows)})

    return make


def plain_array() -> Given:
    X = MATRIX.to_numpy()
    results = fitted(sm.OLS(TABLE["affairs"].to_numpy(), X))
    return Given(results, X, X[:40], {"prediction": by_hand(results, X[:40])})


def exposed() -> Given:
    columns = MATRIX[["const", "age"]]
    model = sm.GLM(
        TABLE["children"], columns, family=FAMILIES.Poisson(), exposure=TABLE["yrs_married"], offset=TABLE["educ"] / 20
    )
    results = fitted(model)
    rows = pd.DataFrame({"age": TABLE["age"], "offset": TABLE["educ"] / 20, "exposure": TABLE["yrs_married"]})
    few = rows.iloc[:50]
    answers = by_hand(results, columns.iloc[:50], offset=few["offset"], exposure=few["exposure"])
    return Given(results, rows, few, {"prediction": answers})


def several(text: str, target: str) -> Callable[[], Given]:
    def make() -> Given:
        results = fitted(smf.mnlogit(text, TABLE.assign(rate=TABLE[target])), disp=0)
        given = by_hand(results, ROWS)
        labels = [str(label).removesuffix(".0") for label in sorted(TABLE[target].unique())]
        answers = {f"probability_{label}": given[:, place] for place, label in enumerate(labels)}
        return Given(results, ROWS, ROWS, answers)

    return make


def in_order() -> Given:
    target = pd.Series(
        pd.Categorical(
            np.where(TABLE["educ"] > 16, "high", np.where(TABLE["educ"] > 14, "some", "low")),
            ["low", "some", "high"],
            ordered=True,
        )
    )
    columns = TABLE[["age", "children"]]
    results = fitted(OrderedModel(target, columns, distr="probit"), method="bfgs", disp=0)
    given = by_hand(results, columns.iloc[:40])
    answers = {f"probability_{label}": given[:, place] for place, label in enumerate(["low", "some", "high"])}
    return Given(results, columns, columns.iloc[:40], answers)


def linked(name: str) -> Callable[[], Given]:
    return matrix("had", sm.GLM, family=FAMILIES.Binomial(getattr(FAMILIES.links, name)()))


CONTRASTS = "affairs ~ 0 + C(job, Treatment('farmer')):age + C(job, Helmert):educ + C(job, Sum) + C(occupation, Poly)"
REMEMBERED = "had ~ job * center(age) + standardize(educ, ddof=1) + town + I(educ > 14) + np.log1p(children)"
SPLINES = "affairs ~ bs(yrs_married, df=5) + cr(age, df=4, constraints='center') + cc(educ, df=3, constraints='center')"
BOUNDS = "affairs ~ np.maximum(age, 30) + np.clip(educ, 12, 16) + pow(children, 2) + np.minimum(age, educ) % 3 + np.sign(age - 40)"

CASES = (
    FrameworkCase("contrasts and interactions", formula(CONTRASTS, smf.ols), "regression"),
    FrameworkCase("transforms that remember", formula(REMEMBERED, smf.logit), "regression"),
    FrameworkCase("splines", formula(SPLINES, smf.ols), "regression"),
    FrameworkCase("powers", formula("affairs ~ I(age ** 2) + np.sqrt(educ) + age:educ", smf.quantreg), "regression"),
    FrameworkCase("bounds and remainders", formula(BOUNDS, smf.ols), "regression"),
    FrameworkCase("OLS of a frame", matrix("affairs", sm.OLS), "regression"),
    FrameworkCase("OLS of an array", plain_array, "regression"),
    FrameworkCase("RLM", matrix("affairs", sm.RLM), "regression"),
    FrameworkCase("Probit", matrix("had", sm.Probit), "regression"),
    FrameworkCase("Poisson", matrix("children", sm.Poisson), "regression"),
    FrameworkCase("zero-inflated Poisson", matrix("children", sm.ZeroInflatedPoisson), "regression"),
    FrameworkCase("offset and exposure", exposed, "regression"),
    FrameworkCase("Cauchy link", linked("Cauchy"), "regression"),
    FrameworkCase("complementary log-log link", linked("CLogLog"), "regression"),
    FrameworkCase("MNLogit", several("rate ~ age + educ", "occupation"), "classification"),
    FrameworkCase("OrderedModel", in_order, "classification"),
)


class TestStatsmodels(FrameworkTests):
    framework = "statsmodels"
    libraries = ("statsmodels", "patsy")

    @classmethod
    def cases(cls) -> Sequence[FrameworkCase]:
        return CASES

    def unfitted(self) -> Any:
        return sm.OLS(TABLE["affairs"], MATRIX)

    def state(self, model: Any) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return np.asarray(model.params).tobytes(), np.asarray(model.model.exog).tobytes(), sorted(vars(model.model))
