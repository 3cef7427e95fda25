"""Gates: what must be true of a package before an alias may move to it.

    test, sign, scan            a report of that kind is attached, and it passed
    metric:auc>=0.8             a number that the user stated when packing; `metric:sealed.auc>=0.8` says so in full
    metric:report.auc>=0.8      a number that holdall measured itself
    metric:live.auc>=0.8        a number from the outcomes fed back to a server

A gate whose report or number is absent holds: *not looked at* is never *passed*.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum

import msgspec

from holdall.errors import UsageError
from holdall.spec.report import Entry


class Source(StrEnum):
    """Where a metric comes from."""

    SEALED = "sealed"
    REPORT = "report"
    LIVE = "live"


class ReportGate(msgspec.Struct, frozen=True):
    """kind: 'test', 'sign' or 'scan'."""

    kind: str

    def __str__(self) -> str:
        return self.kind


class MetricGate(msgspec.Struct, frozen=True):
    """The metric compared with the bound must be true."""

    source: Source
    metric: str
    comparison: str
    bound: float

    def __str__(self) -> str:
        return f"metric:{self.source}.{self.metric}{self.comparison}{self.bound!r}"


Gate = ReportGate | MetricGate

_REPORTS = {
    "test": ("staging test", "holdall test {reference}"),
    "sign": ("signature", "holdall sign {reference} --key KEY"),
    "scan": ("scan", "holdall scan {reference}"),
}
_METRICS = {
    Source.SEALED: "holdall pack … --metric {metric}=VALUE",
    Source.REPORT: "holdall test {reference}",
    Source.LIVE: "holdall serve {reference}",
}
_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    ">": operator.gt,
    "<": operator.lt,
}
_METRIC = re.compile(r"metric:(?:(sealed|report|live)\.)?([^<>=,]+?)\s*(>=|<=|==|>|<)\s*([^<>=,]+)")


def parse(texts: str | Sequence[str]) -> tuple[Gate, ...]:
    """The gates in one or several comma-separated lists, each once, in order. parse(str(gate)) == (gate,).

    Raises UsageError.
    """
    listed = [texts] if isinstance(texts, str) else texts
    words = [word.strip() for text in listed for word in text.split(",")]
    return tuple(dict.fromkeys(_parse_one(word) for word in words if word))


def evaluate(
    gates: Sequence[Gate],
    *,
    reference: str,
    verdicts: Mapping[str, bool],
    metrics: Mapping[Source, Mapping[str, float]],
) -> list[Entry]:
    """The gates that hold, each with its reason; an empty list lets the alias move.

    reference: the package's, for the command that a message names. verdicts: for 'test', 'sign' and 'scan' whether the
    newest attached report of that kind passed; left out where there is none. metrics: by source, then by name.
    """
    failures = []
    for gate in gates:
        why = (
            _report_holds(gate, reference, verdicts)
            if isinstance(gate, ReportGate)
            else _metric_holds(gate, reference, metrics.get(gate.source, {}))
        )
        if why is not None:
            failures.append(Entry(check="gate", code=str(gate), message=why))
    return failures


def _parse_one(word: str) -> Gate:
    if word in _REPORTS:
        return ReportGate(word)
    match = _METRIC.fullmatch(word)
    if match is None:
        raise UsageError(f"{word!r} is not a gate", hint=_advice(word), gate=word)
    source, metric, comparison, bound = match.groups()
    try:
        number = float(bound)
    except ValueError:
        raise UsageError(f"{bound!r} in the gate {word!r} is not a number", hint=_advice(word), gate=word) from None
    if math.isnan(number):
        raise UsageError(f"nothing compares with NaN, as the gate {word!r} asks", hint=_advice(word), gate=word)
    return MetricGate(Source(source or Source.SEALED), metric, comparison, number)


def _advice(word: str) -> str:
    if word.startswith("metric:") and not any(sign in word for sign in "<>="):
        return "put it in quotes, for the shell reads > as a file: --require 'metric:auc>=0.8'"
    return "gates are test, sign, scan and metric:NAME>=NUMBER, with commas between"


def _report_holds(gate: ReportGate, reference: str, verdicts: Mapping[str, bool]) -> str | None:
    noun, command = _REPORTS[gate.kind]
    command = command.format(reference=reference)
    verdict = verdicts.get(gate.kind)
    if verdict is None:
        return f"no {noun} is attached to {reference}: `{command}` makes it"
    return None if verdict else f"the newest {noun} of {reference} did not pass: `{command}` looks again"


def _metric_holds(gate: MetricGate, reference: str, known: Mapping[str, float]) -> str | None:
    value = known.get(gate.metric)
    if value is None:
        command = _METRICS[gate.source].format(metric=gate.metric, reference=reference)
        there = f" (there is {', '.join(sorted(known))})" if known else ""
        return f"{reference} has no {gate.source} metric {gate.metric!r}{there}: `{command}` makes it"
    if _COMPARISONS[gate.comparison](value, gate.bound):
        return None
    return f"{gate.metric} is {value!r}, and must be {gate.comparison} {gate.bound!r}"
