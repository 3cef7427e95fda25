"""Gates before a promotion."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdall.checks.gates import Gate, MetricGate, ReportGate, Source, evaluate, parse
from holdall.errors import UsageError

metric_gates = st.builds(
    MetricGate,
    st.sampled_from(Source),
    st.from_regex(r"[a-z][a-z0-9_.-]{0,9}", fullmatch=True),
    st.sampled_from([">=", "<=", "==", ">", "<"]),
    st.floats(allow_nan=False),
)
report_gates = st.sampled_from(["test", "sign", "scan"]).map(ReportGate)


@given(metric_gates | report_gates)
def test_a_gate_reads_back_as_itself(gate: Gate) -> None:
    assert parse(str(gate)) == (gate,)


def test_a_list_is_read_in_order_each_gate_once() -> None:
    expected = (ReportGate("test"), MetricGate(Source.SEALED, "auc", ">=", 0.8), ReportGate("scan"))
    assert parse(["test, metric:auc>=0.8", "scan,test,", "metric:sealed.auc >= 0.80"]) == expected
    assert parse(()) == ()
    assert parse("") == ()


def test_a_metric_may_have_a_dot_in_its_name() -> None:
    assert parse("metric:report.auc.macro<1") == (MetricGate(Source.REPORT, "auc.macro", "<", 1.0),)
    assert parse("metric:auc.macro<1") == (MetricGate(Source.SEALED, "auc.macro", "<", 1.0),)


@pytest.mark.parametrize(
    "text",
    [
        "tests",
        "metric:",
        "metric:auc",
        "metric:auc>=",
        "metric:auc>=high",
        "metric:auc=>1",
        "auc>=0.8",
        "metric:a>=nan",
    ],
)
def test_what_is_not_a_gate_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError):
        parse(text)


def test_a_comparison_that_the_shell_swallowed_is_explained() -> None:
    with pytest.raises(UsageError) as caught:
        parse("metric:auc")
    assert "quotes" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("kind", "command"),
    [
        ("test", "holdall test churn:1.0.0"),
        ("sign", "holdall sign churn:1.0.0 --key KEY"),
        ("scan", "holdall scan churn:1.0.0"),
    ],
)
def test_an_absent_report_holds_and_says_which_command_makes_it(kind: str, command: str) -> None:
    (failure,) = evaluate(parse(kind), reference="churn:1.0.0", verdicts={}, metrics={})
    assert command in failure.message
    assert failure.code == kind


def test_a_report_that_did_not_pass_holds_and_one_that_passed_does_not() -> None:
    failures = evaluate(
        parse("test,scan,sign"), reference="churn", verdicts={"test": True, "scan": False, "sign": True}, metrics={}
    )
    assert [failure.code for failure in failures] == ["scan"]
    assert "did not pass" in failures[0].message


@pytest.mark.parametrize(
    ("gate", "holds"),
    [
        ("metric:auc>=0.8", False),
        ("metric:auc>0.8", True),
        ("metric:auc<=0.8", False),
        ("metric:auc<0.8", True),
        ("metric:auc==0.8", False),
        ("metric:auc>=0.81", True),
        ("metric:report.auc>=0.8", True),
        ("metric:live.auc>=0.6", False),
    ],
)
def test_metrics_are_compared_with_their_own_source(gate: str, holds: bool) -> None:
    metrics = {Source.SEALED: {"auc": 0.8}, Source.REPORT: {"auc": 0.7}, Source.LIVE: {"auc": 0.6}}
    assert bool(evaluate(parse(gate), reference="churn", verdicts={}, metrics=metrics)) is holds


def test_an_absent_metric_holds_and_says_what_there_is() -> None:
    (failure,) = evaluate(
        parse("metric:auc>=0.8"), reference="churn", verdicts={}, metrics={Source.SEALED: {"f1": 0.9, "accuracy": 0.8}}
    )
    assert "accuracy, f1" in failure.message
    assert "--metric auc=VALUE" in failure.message


def test_a_metric_that_is_nan_holds_every_gate() -> None:
    gates = parse(["metric:auc>=0", "metric:auc<0", "metric:auc==0"])
    failures = evaluate(gates, reference="churn", verdicts={}, metrics={Source.SEALED: {"auc": math.nan}})
    assert len(failures) == 3
