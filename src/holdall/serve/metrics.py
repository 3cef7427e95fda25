"""What a server counted, in Prometheus' text form. Labels of every model figure: model, version, digest."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping

import msgspec

BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
Labels = tuple[str, str, str]
"""model, version, digest."""


class Figures(msgspec.Struct):
    """The figures of one version of a model. latencies: requests by bucket of BUCKETS, one more for all beyond."""

    answers: dict[int, int] = msgspec.field(default_factory=dict)
    latencies: list[int] = msgspec.field(default_factory=lambda: [0] * (len(BUCKETS) + 1))
    seconds: float = 0.0
    rows: int = 0
    runs: int = 0
    waiting: int = 0
    shed: int = 0

    def observe(self, status: int, seconds: float, rows: int) -> None:
        """One answered request."""
        self.answers[status] = self.answers.get(status, 0) + 1
        self.latencies[bisect_left(BUCKETS, seconds)] += 1
        self.seconds += seconds
        self.rows += rows


class Snapshot(msgspec.Struct):
    """All that one process counted."""

    models: dict[str, Figures] = {}
    others: dict[int, int] = {}
    connections: int = 0
    failures: int = 0


def key_of(labels: Labels) -> str:
    """The labels as one text, as a snapshot has them."""
    return "\n".join(labels)


def add(snapshots: Iterable[Snapshot]) -> Snapshot:
    """The sum of several processes' figures."""
    total = Snapshot({}, {})
    for snapshot in snapshots:
        total.connections += snapshot.connections
        total.failures += snapshot.failures
        for status, count in snapshot.others.items():
            total.others[status] = total.others.get(status, 0) + count
        for key, figures in snapshot.models.items():
            into = total.models.setdefault(key, Figures())
            for status, count in figures.answers.items():
                into.answers[status] = into.answers.get(status, 0) + count
            into.latencies = [mine + more for mine, more in zip(into.latencies, figures.latencies, strict=True)]
            into.seconds += figures.seconds
            into.rows += figures.rows
            into.runs += figures.runs
            into.waiting += figures.waiting
            into.shed += figures.shed
    return total


def to_text(snapshot: Snapshot) -> str:
    """The text form, version 0.0.4."""
    page = _Page()
    for key, figures in snapshot.models.items():
        labels = dict(zip(("model", "version", "digest"), key.split("\n"), strict=True))
        page.add("holdall_model_info", "gauge", "The versions that are or were served.", labels, 1)
        for status, count in sorted(figures.answers.items()):
            page.add(
                "holdall_requests_total",
                "counter",
                "Requests for predictions, by status.",
                {**labels, "status": str(status)},
                count,
            )
        page.add("holdall_rows_total", "counter", "Rows that were answered.", labels, figures.rows)
        page.add(
            "holdall_runs_total", "counter", "Calls of the model; rows by runs is the batch.", labels, figures.runs
        )
        page.add("holdall_shed_total", "counter", "Requests turned away early.", labels, figures.shed)
        page.add("holdall_waiting", "gauge", "Requests that wait or are scored now.", labels, figures.waiting)
        name, what = "holdall_request_seconds", "Seconds from a request's arrival to its answer."
        count = 0
        for bound, there in zip((*BUCKETS, float("inf")), figures.latencies, strict=True):
            count += there
            le = "+Inf" if bound == float("inf") else repr(bound)
            page.add(name, "histogram", what, {**labels, "le": le}, count, suffix="_bucket")
        page.add(name, "histogram", what, labels, figures.seconds, suffix="_sum")
        page.add(name, "histogram", what, labels, count, suffix="_count")
    for status, count in sorted(snapshot.others.items()):
        page.add(
            "holdall_other_requests_total", "counter", "All other requests, by status.", {"status": str(status)}, count
        )
    page.add("holdall_connections", "gauge", "Open connections.", {}, snapshot.connections)
    page.add("holdall_follow_failures_total", "counter", "Moves that could not be followed.", {}, snapshot.failures)
    return page.text()


class _Page:
    """Samples gathered by the family that they belong to, as the form wants them."""

    def __init__(self) -> None:
        self._families: dict[str, list[str]] = {}

    def add(
        self, name: str, kind: str, what: str, labels: Mapping[str, str], value: float, *, suffix: str = ""
    ) -> None:
        lines = self._families.setdefault(name, [f"# HELP {name} {what}", f"# TYPE {name} {kind}"])
        shown = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
        lines.append(f"{name}{suffix}{{{shown}}} {value!r}" if shown else f"{name}{suffix} {value!r}")

    def text(self) -> str:
        return "\n".join(line for lines in self._families.values() for line in lines) + "\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
