"""100,000 unseen rows against the live pipeline: the sealed graph, and what plain float32 conversion makes of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.setting import Row, packed, workload


def figures() -> Iterator[Row]:
    import holdall

    pipeline, unseen = workload()
    expected = pipeline.predict_proba(unseen)
    answer = holdall.load(packed()).predict(unseen)
    ours = answer[["probability_0", "probability_1"]].to_numpy()
    other = _float32(pipeline, unseen)
    ours_error, other_error = np.abs(ours - expected).max(), np.abs(other - expected).max()
    flips = [int((values.argmax(1) != expected.argmax(1)).sum()) for values in (ours, other)]
    yield (
        "largest probability error, 100,000 rows",
        f"{ours_error:.0e}, {flips[0]} flips",
        f"skl2onnx in float32 {other_error:.0e}, {flips[1]} flips",
        f"{other_error / max(ours_error, 1e-17):.0e} times smaller",
    )


def _float32(pipeline: Any, unseen: Any) -> np.ndarray:
    import onnxruntime
    import skl2onnx.common._container as container
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType, StringTensorType

    made = container.make_node

    def with_whole_numbers(*parts: Any, **attributes: Any) -> Any:
        # skl2onnx puts truth values where newer protobufs take only integers.
        for name, values in attributes.items():
            if isinstance(values, list):
                attributes[name] = [int(v) if isinstance(v, bool | np.bool_ | np.integer) else v for v in values]
        return made(*parts, **attributes)

    container.make_node = with_whole_numbers
    numbers = [name for name in unseen if name.startswith("n")]
    types = [(name, FloatTensorType([None, 1]) if name in numbers else StringTensorType([None, 1])) for name in unseen]
    model = to_onnx(pipeline, initial_types=types, options={id(pipeline): {"zipmap": False}})
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    feeds = {name: unseen[[name]].to_numpy(np.float32 if name in numbers else object) for name in unseen}
    answer: np.ndarray = session.run(["probabilities"], feeds)[0]
    return answer
