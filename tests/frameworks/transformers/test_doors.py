"""A text model through the doors: the same answers from a server, from a batch and in one's own process."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

import holdall
from tests.frameworks.transformers.texts import TEXTS, pipeline
from tests.serve.serving import JSON, serving

pytestmark = [
    pytest.mark.networks,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # torch's and Transformers' own
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]


def test_classes_come_out_of_every_door_alike_and_a_missing_text_is_refused_by_its_row(tmp_path: Path) -> None:
    holdall.pack(pipeline("text-classification"), name="mood", sample=TEXTS)
    rows = [{"text": text} for text in TEXTS]
    wanted = holdall.load("mood").predict(rows)
    with serving(["mood"]) as server:
        status, answer, _ = server.ask("/predict", json.dumps({"rows": rows}), JSON)
        assert status == 200
        _same(answer["predictions"], wanted)
        status, answer, _ = server.ask("/predict", json.dumps([rows[0], {"text": None}]), JSON)
        assert status == 422
        assert "rows[1].text" in json.dumps(answer)
        status, answer, _ = server.ask("/predict", json.dumps([rows[0], {"text": "word " * 200}]), JSON)
        assert status == 422
        assert "tokens" in json.dumps(answer)
    pd.DataFrame(rows).to_parquet(tmp_path / "in.parquet")
    report = holdall.batch("mood", tmp_path / "in.parquet", tmp_path / "out.parquet", keep=["text"])
    assert (report["rows"], report["rejected"]) == (len(rows), 0)
    found = pd.read_parquet(tmp_path / "out.parquet")
    assert found.pop("text").tolist() == TEXTS
    _same(found.to_dict("records"), wanted)


def test_entities_are_lists_in_answers_and_in_tables(tmp_path: Path) -> None:
    holdall.pack(pipeline("token-classification", ignore_labels=[]), name="entities", sample=TEXTS[:7])
    rows = [{"text": text} for text in ("I love it", "", "Ünïcödé 😀 wörds")]
    wanted = [{name: list(value) for name, value in row.items()} for row in holdall.load("entities").predict(rows)]
    assert [len(row["entity"]) for row in wanted][1] == 0
    assert wanted[0]["start"][0] == 0
    with serving(["entities"]) as server:
        status, answer, _ = server.ask("/predict", json.dumps({"rows": rows}), JSON)
        assert status == 200
        assert [row["entity"] for row in answer["predictions"]] == [row["entity"] for row in wanted]
        assert [row["end"] for row in answer["predictions"]] == [row["end"] for row in wanted]
    pd.DataFrame(rows).to_json(tmp_path / "in.jsonl", orient="records", lines=True)
    holdall.batch("entities", tmp_path / "in.jsonl", tmp_path / "out.parquet")
    found = pd.read_parquet(tmp_path / "out.parquet")
    assert [list(value) for value in found["entity"]] == [row["entity"] for row in wanted]
    assert [list(value) for value in found["start"]] == [row["start"] for row in wanted]


def _same(found: list[dict[str, object]], wanted: list[dict[str, object]]) -> None:
    assert [row["prediction"] for row in found] == [row["prediction"] for row in wanted]
    for one, other in zip(found, wanted, strict=True):
        scores = {name: value for name, value in other.items() if name != "prediction"}
        assert {name: one[name] for name in scores} == pytest.approx(scores, abs=1e-6)
