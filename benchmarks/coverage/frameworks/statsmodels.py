"""statsmodels: what people regress with, by matrix and by formula, on a table with jobs, gaps and extremes among its rows."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.coverage.trial import Case, Trial

JOBS = ("farmer", "teacher", "doctor", "office")


def people(rows: int, seed: int) -> Any:
    """rows people: three numbers and a job. The targets hang on them."""
    import pandas as pd

    random = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "age": random.uniform(18, 80, rows).round(1),
            "income": random.lognormal(10, 0.5, rows).round(),
            "children": random.integers(0, 6, rows),
            "job": random.choice(JOBS, rows),
        }
    )
    drive = 0.03 * (table["age"] - 45) + 0.4 * (table["job"] == "doctor") + 0.2 * table["children"]
    table["amount"] = drive + 0.2 * np.log(table["income"]) + random.normal(0, 0.5, rows)
    table["bought"] = (drive + random.logistic(0, 1, rows) > 0.5).astype(int)
    table["count"] = random.poisson(np.exp(drive.clip(-2, 2)))
    table["plan"] = np.where(drive + random.normal(0, 1, rows) > 1, "gold", np.where(drive > 0, "silver", "bronze"))
    table["high"] = (4 + 0.02 * table["age"] + 0.3 * table["children"]) * random.gamma(20.0, 0.05, rows)
    table["rare"] = (random.uniform(size=rows) < 0.02 + 0.001 * table["age"]).astype(int)
    return table


def unseen(rows: int, columns: list[str]) -> Any:
    """Other people; one in forty without an age, one in forty of an age that no one has."""
    table = people(rows, 7)[columns].copy()
    table["age"] = table["age"].astype(float)
    table.loc[::40, "age"] = np.nan
    table.loc[13::40, "age"] = 1e6
    return table


def formula(name: str, text: str, **how: Any) -> Callable[[int], Trial]:
    """A formula of the formula API; how: its further arguments."""

    def make(rows: int) -> Trial:
        import statsmodels.formula.api as smf

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            table = people(1_500, 3)
            extra = {key: value() if callable(value) else value for key, value in how.items()}
            quiet = {"disp": 0} if name in ("logit", "probit", "poisson", "mnlogit", "negativebinomial") else {}
            results = getattr(smf, name)(text, table, **extra).fit(**quiet)
        columns = ["age", "income", "children", "job"]
        asked = unseen(rows, columns)
        if "bs(" in text:
            asked["age"] = asked["age"].clip(table["age"].min(), table["age"].max())
        return Trial(results, table[columns], asked)

    return make


def matrix(kind: str, target: str, **how: Any) -> Callable[[int], Trial]:
    """A model of statsmodels.api on a frame with add_constant."""

    def make(rows: int) -> Trial:
        import statsmodels.api as sm

        columns = ["age", "income", "children"]
        scale = np.array([50.0, 30_000.0, 3.0])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            table = people(1_500, 3)
            X = table[columns] / scale
            extra = {key: value() for key, value in how.items()}
            results = getattr(sm, kind)(table[target], sm.add_constant(X), **extra)
            results = results.fit(disp=0) if kind in QUIET else results.fit()
        return Trial(results, X, unseen(rows, columns) / scale)

    return make


def ordered(rows: int) -> Trial:
    import pandas as pd
    from statsmodels.miscmodels.ordinal_model import OrderedModel

    columns = ["age", "children"]
    table = people(1_500, 3)
    target = pd.Series(pd.Categorical(table["plan"], ["bronze", "silver", "gold"], ordered=True))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = OrderedModel(target, table[columns], distr="logit").fit(method="bfgs", disp=0)
    return Trial(results, table[columns], unseen(rows, columns))


def forecast(rows: int) -> Trial:
    from statsmodels.tsa.arima.model import ARIMA

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = ARIMA(people(200, 3)["amount"].to_numpy(), order=(1, 0, 0)).fit()
    return Trial(results, people(20, 3)[["age"]], unseen(rows, ["age"]))


def binomial(link: str) -> Callable[[], Any]:
    def family() -> Any:
        import statsmodels.api as sm

        return sm.families.Binomial(getattr(sm.families.links, link)())

    return family


def family(name: str, link: str, *arguments: float) -> Callable[[], Any]:
    def made() -> Any:
        import statsmodels.api as sm

        return getattr(sm.families, name)(getattr(sm.families.links, link)(*arguments))

    return made


def column(name: str) -> Callable[[], Any]:
    """A column of the table that is fitted on."""
    return lambda: people(1_500, 3)[name]


def weights() -> Any:
    return 1.0 + people(1_500, 3)["children"]


def beta(rows: int) -> Trial:
    import statsmodels.api as sm
    from statsmodels.othermod.betareg import BetaModel

    table, columns = people(1_500, 3), ["age", "children"]
    share = table["count"].clip(1, 40) / 50
    scale = np.array([50.0, 3.0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = BetaModel(share, sm.add_constant(table[columns] / scale)).fit(disp=0)
    return Trial(results, table[columns] / scale, unseen(rows, columns) / scale)


QUIET = (
    *("Logit", "Probit", "Poisson", "NegativeBinomial", "NegativeBinomialP", "GeneralizedPoisson", "MNLogit"),
    *("ZeroInflatedPoisson", "ZeroInflatedGeneralizedPoisson", "ZeroInflatedNegativeBinomialP"),
)
REMEMBERED = "bought ~ job * center(age) + standardize(income) + np.log1p(children)"
BOUNDS = (
    "amount ~ np.maximum(age, 40) + np.clip(income, 9e3, 4e4) + pow(children, 2) + np.minimum(age, income) % 7 + job"
)
CONTRASTS = "amount ~ C(job, Sum) * age + C(children, Treatment(2)) + np.log(income) + I(age ** 2)"


def _case(model: str, task: str, make: Callable[[int], Trial], expected: str = "portable") -> Case:
    return Case("statsmodels", model, task, make, expected)


CASES = (
    _case("OLS", "regression", matrix("OLS", "amount")),
    _case("WLS", "regression", matrix("WLS", "amount", weights=weights)),
    _case("GLS", "regression", matrix("GLS", "amount", sigma=weights)),
    _case("GLSAR", "regression", matrix("GLSAR", "amount")),
    _case("QuantReg", "regression", matrix("QuantReg", "amount")),
    _case("RLM", "regression", matrix("RLM", "amount")),
    _case("Logit", "regression", matrix("Logit", "bought")),
    _case("Probit", "regression", matrix("Probit", "bought")),
    _case("Poisson", "regression", matrix("Poisson", "count")),
    _case("NegativeBinomial", "regression", matrix("NegativeBinomial", "count")),
    _case("GeneralizedPoisson", "regression", matrix("GeneralizedPoisson", "count")),
    _case("NegativeBinomialP", "regression", matrix("NegativeBinomialP", "count")),
    _case("ZeroInflatedPoisson", "regression", matrix("ZeroInflatedPoisson", "count")),
    _case("ZeroInflatedGeneralizedPoisson", "regression", matrix("ZeroInflatedGeneralizedPoisson", "count")),
    _case("ZeroInflatedNegativeBinomialP", "regression", matrix("ZeroInflatedNegativeBinomialP", "count")),
    _case("BetaModel", "regression", beta),
    _case("GEE Poisson", "regression", matrix("GEE", "count", groups=column("job"), family=family("Poisson", "Log"))),
    _case(
        "GEE binomial, Probit link",
        "regression",
        matrix("GEE", "bought", groups=column("job"), family=binomial("Probit")),
    ),
    *(
        _case(f"GLM binomial, {link} link", "regression", matrix("GLM", "bought", family=binomial(link)))
        for link in ("Logit", "Probit", "Cauchy", "CLogLog", "LogLog")
    ),
    _case("GLM binomial, LogC link", "regression", matrix("GLM", "rare", family=binomial("LogC"))),
    _case("GLM Gaussian, identity link", "regression", matrix("GLM", "amount", family=family("Gaussian", "Identity"))),
    _case("GLM Tweedie, power link", "regression", matrix("GLM", "high", family=family("Tweedie", "Power", 0.5))),
    _case("GLM gamma, inverse link", "regression", matrix("GLM", "high", family=family("Gamma", "InversePower"))),
    _case("GLM gamma, log link", "regression", matrix("GLM", "high", family=family("Gamma", "Log"))),
    _case(
        "GLM inverse Gaussian, inverse squared link",
        "regression",
        matrix("GLM", "high", family=family("InverseGaussian", "InverseSquared")),
    ),
    _case(
        "GLM negative binomial, its own link",
        "regression",
        matrix("GLM", "count", family=family("NegativeBinomial", "NegativeBinomial")),
    ),
    _case("GLM Poisson, square root link", "regression", matrix("GLM", "count", family=family("Poisson", "Sqrt"))),
    _case("GLM Tweedie, log link", "regression", matrix("GLM", "count", family=family("Tweedie", "Log"))),
    _case("ols formula, contrasts and interactions", "regression", formula("ols", CONTRASTS)),
    _case("logit formula, transforms that remember", "regression", formula("logit", REMEMBERED)),
    _case("quantreg formula, bs()", "regression", formula("quantreg", "amount ~ bs(age, df=5) + job")),
    _case("ols formula, cr()", "regression", formula("ols", "amount ~ cr(age, df=4, constraints='center') + job")),
    _case("ols formula, bounds and remainders", "regression", formula("ols", BOUNDS)),
    _case("mixedlm formula", "regression", formula("mixedlm", "amount ~ age + np.log(income)", groups="job")),
    _case("mnlogit formula", "classification", formula("mnlogit", "children ~ age + job")),
    _case("OrderedModel", "classification", ordered),
    _case("ARIMA", "regression", forecast, "refused"),
)
