"""One row through a loaded package against the fitted pipeline itself: as a record, and as a data frame of one row."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.setting import Row, interleaved, micro, packed, workload

CALLS = 50


def figures() -> Iterator[Row]:
    import holdall

    pipeline, unseen = workload()
    model = holdall.load(packed())
    frame = unseen.head(1)
    record = frame.to_dict("records")[0]

    def repeat(call: object, given: object) -> None:
        for _ in range(CALLS):
            call(given)  # type: ignore[operator]

    for name, given in (("record", record), ("data frame of one row", frame)):
        ours, other = interleaved(
            lambda given=given: repeat(model.predict, given), lambda: repeat(pipeline.predict_proba, frame)
        )
        yield f"one {name}", micro(ours / CALLS), f"pipeline {micro(other / CALLS)}", f"{other / ours:.0f} times faster"
    ours, other = interleaved(lambda: model.predict(unseen), lambda: pipeline.predict_proba(unseen), rounds=3)
    yield "100,000 rows in one frame", micro(ours), f"pipeline {micro(other)}", f"{other / ours:.1f} times faster"
