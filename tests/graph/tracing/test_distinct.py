"""What is made once for each text comes to the right rows, whether a column repeats itself or not."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pandas as pd
import pytest
import spox
import spox.opset.ai.onnx.v21 as op
from spox import Tensor

from holdall.graph.tracing import text
from holdall.graph.tracing.distinct import FEW
from holdall.graph.tracing.vector import Form, Vector

WORDS = ["Ann ", "BOB", "", " çé ", "ann "]


@pytest.fixture(scope="module")
def session() -> onnxruntime.InferenceSession:
    given, nulls = spox.argument(Tensor(np.str_, ("rows",))), spox.argument(Tensor(np.bool_, ("rows",)))
    vector = Vector(Form.STRING, given, pd.Series(WORDS, dtype=object), nulls)
    low = text.cased(text.stripped(vector, None, "lr", vector.live), "lower", vector.live)
    first = text.character(low, 0, vector.live)
    padded = text.padded(low, 5, vector.live)
    assert first.nulls is not None
    outputs = {
        "low": low.values, "size": text.size(low), "b": text.matches(low, "b.*"), "first": first.values,
        "short": first.nulls, "padded": padded.values,
    }  # fmt: skip
    outputs = {name: op.identity(values) for name, values in outputs.items()}
    built = spox.build({"text": given, "nulls": nulls}, outputs)
    return onnxruntime.InferenceSession(built.SerializeToString())


@pytest.mark.parametrize("rows", [0, 1, FEW - 1, FEW, 5000])
@pytest.mark.parametrize("kind", ["repeats", "never", "late"])
def test_every_row_gets_what_its_text_gives(session, rows, kind):
    random = np.random.default_rng(rows)
    words = random.choice(np.array(WORDS, object), rows)
    alone = np.array([f"{word}{place}" for place, word in enumerate(words)], object)
    texts = {"repeats": words, "never": alone, "late": np.concatenate([words[: rows // 2], alone[rows // 2 :]])}[kind]
    nulls = random.random(rows) < 0.2
    texts = np.where(nulls, "", texts)
    low, size, b, first, short, padded = session.run(
        ["low", "size", "b", "first", "short", "padded"], {"text": texts, "nulls": nulls}
    )
    expected = [one.strip().lower() for one in texts]
    assert low.tolist() == expected
    assert size.tolist() == [len(one) for one in expected]
    assert b.tolist() == [one.startswith("b") for one in expected]
    assert first.tolist() == [one[:1] for one in expected]
    assert short.tolist() == [not one for one in expected]
    assert padded.tolist() == ["" if null else one.zfill(5) for one, null in zip(expected, nulls, strict=True)]
