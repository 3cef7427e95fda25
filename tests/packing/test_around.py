"""Functions before and after a model as one graph with it: thresholds, labels, rules over the answers and the rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import holdall
from holdall.errors import RowsRefused, UsageError

r = np.random.default_rng(0)
RAW = pd.DataFrame(
    {
        "a": r.normal(size=200),
        "b": r.uniform(1, 2, 200),
        "town": r.choice(["Ulm", "Köln"], 200),
        "vip": r.random(200) < 0.3,
    }
)


def ratios(df: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({"ratio": df.a / df.b, "big": (df.b > 1.5).astype(int)})


def ranked(df: pd.DataFrame) -> pd.DataFrame:
    return ratios(df).assign(ratio=df.a.rank() * 0 + df.a / df.b)


def decided(answers: pd.DataFrame) -> pd.DataFrame:
    out = answers.drop(columns="decision")
    out["sure"] = (answers.probability_yes - 0.5).abs() > 0.3
    out["label"] = np.where(
        answers.probability_yes > 0.7, "accept", np.where(answers.probability_yes < 0.2, "reject", "review")
    )
    out["score"] = (answers.probability_yes * 100).round(1).clip(1, 99)
    out["top"] = answers[["probability_no", "probability_yes"]].max(axis=1)
    out["answer"] = answers.prediction.map({"yes": 1, "no": 0}).astype(int)
    return out


def over_the_batch(answers: pd.DataFrame) -> pd.DataFrame:
    return answers.assign(sure=answers.probability_yes > answers.probability_yes.mean())


def ruled(answers: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    kept = np.where(rows.vip & (answers.probability_yes > 0.3), "accept", answers.prediction)
    return answers.assign(decision=kept, limit=np.where(rows.town == "Ulm", 10.0, rows.b * 5))


def ruled_by_ranks(answers: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    return answers.assign(limit=rows.a.rank())


@pytest.fixture(scope="module")
def model() -> Any:
    truth = np.where(RAW.a + RAW.b > 1.5, "yes", "no")
    return make_pipeline(StandardScaler(), LogisticRegression()).fit(ratios(RAW), truth)


def answers_of(model: Any, rows: pd.DataFrame) -> pd.DataFrame:
    given = ratios(rows)
    no, yes = model.predict_proba(given).T
    columns = {"prediction": model.predict(given), "probability_no": no, "probability_yes": yes}
    return pd.DataFrame({**columns, "decision": model.decision_function(given)})


def steps_of(package: Any) -> list[tuple[str, str]]:
    return [(step.role.value, step.engine) for step in package.manifest.steps]


def assert_same(actual: pd.DataFrame, expected: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(actual, expected, check_dtype=False, rtol=1e-9)


def test_a_model_with_functions_before_and_after_it_is_one_graph(model: Any) -> None:
    package = holdall.pack(model, name="both", sample=RAW, preprocess=ratios, postprocess=decided)
    assert package.manifest.portable
    assert package.manifest.row_wise
    assert steps_of(package) == [("model", "onnx")]
    assert not any(file.path == "code.tar" for file in package.manifest.files)
    assert package.trust()[0].name == "DATA"
    loaded = holdall.load("both")
    assert_same(loaded.predict(RAW), decided(answers_of(model, RAW)))
    one = loaded.predict(RAW.drop(columns=["town", "vip"]).iloc[3].to_dict())
    assert one["label"] == decided(answers_of(model, RAW))["label"].iloc[3]


def test_a_rule_over_answers_and_rows_is_in_the_graph(model: Any) -> None:
    package = holdall.pack(model, name="rule", sample=RAW, preprocess=ratios, postprocess=ruled)
    assert package.manifest.portable
    loaded = holdall.load("rule")
    assert_same(loaded.predict(RAW), ruled(answers_of(model, RAW), RAW))
    # What was never missing in the sample is no truth value where it is missing: told when packed, refused by name.
    assert any("vip is missing" in note for note in package.notes)
    with pytest.raises(RowsRefused, match="vip is missing"):
        loaded.predict(RAW[:3].assign(vip=[True, None, False]))


def test_a_rule_over_rows_that_the_model_never_sees_needs_no_function_before_it(model: Any) -> None:
    table = ratios(RAW).assign(town=RAW.town)

    def by_town(answers: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
        return answers[["prediction"]].assign(office=rows.town.map({"Ulm": "south", "Köln": "west"}).fillna("none"))

    package = holdall.pack(model, name="town", sample=table, postprocess=by_town)
    assert package.manifest.portable
    answers = holdall.load("town").predict(table[:4].assign(town=["Ulm", "Köln", "Bonn", "Ulm"]))
    assert answers["office"].tolist() == ["south", "west", "none", "south"]


def test_where_one_function_stays_python_the_other_is_in_the_graph(model: Any) -> None:
    late = holdall.pack(model, name="late", sample=RAW, preprocess=ratios, postprocess=over_the_batch)
    assert steps_of(late) == [("model", "onnx"), ("postprocess", "python")]
    (blocker,) = late.manifest.blockers
    assert blocker.step == "postprocess over_the_batch"
    assert "a batch statistic computed at prediction time is itself a bug" in blocker.cause
    assert_same(holdall.load("late").predict(RAW), over_the_batch(answers_of(model, RAW)))
    early = holdall.pack(model, name="early", sample=RAW, preprocess=ranked, postprocess=decided)
    assert steps_of(early) == [("preprocess", "python"), ("model", "onnx")]
    assert [blocker.step for blocker in early.manifest.blockers] == ["preprocess ranked"]
    assert_same(holdall.load("early").predict(RAW), decided(answers_of(model, RAW)))


def test_a_rule_over_rows_that_stays_python_is_refused_with_its_reason(model: Any) -> None:
    with pytest.raises(UsageError, match=r"test_around.py:\d+: Series.rank"):
        holdall.pack(model, name="never", sample=RAW, preprocess=ratios, postprocess=ruled_by_ranks)


def test_a_rule_over_answers_and_rows_is_traced_with_both_tables(model: Any) -> None:
    answers = answers_of(model, RAW)
    told = holdall.trace(ruled, sample=answers, rows=RAW)
    assert told.passed
    assert told.results[-1].name == "limit"
    stays = holdall.trace(ruled_by_ranks, sample=answers, rows=RAW)
    assert [blocker.operation for blocker in stays.blockers] == ["Series.rank"]
    with pytest.raises(UsageError, match="two tables"):
        holdall.trace(ruled, sample=answers)
    with pytest.raises(UsageError, match="199"):
        holdall.trace(ruled, sample=answers, rows=RAW[:199])
