"""Labels that spread from labelled rows to others: a new row takes the mix of its kernel to all, or of its neighbours."""

from __future__ import annotations

from typing import Any

import spox.opset.ai.onnx.v21 as op
from spox import Var

from holdall.frameworks.sklearn.kernels import kernel
from holdall.frameworks.sklearn.matrices import dense, numbers
from holdall.frameworks.sklearn.neighbours import Search
from holdall.frameworks.sklearn.pairwise import by_row, column_sum
from holdall.frameworks.sklearn.registry import Outputs, predictor
from holdall.frameworks.sklearn.rows import projected
from holdall.graph import numerics
from holdall.graph.conversion import Conversion
from holdall.graph.value import Table, constant


@predictor("LabelPropagation", "LabelSpreading")
def label_propagation(model: Any, table: Table, conversion: Conversion, path: str) -> Outputs:
    """Far from all fitted rows nothing is known: the probabilities are no numbers and the first class is the answer."""
    values = numbers(table, path).values
    distributions = dense(model.label_distributions_)
    if model.kernel == "knn":
        nearest = Search(model.nn_fit, path).nearest(model.n_neighbors, distributions)

        def answer(row: Var) -> list[Var]:
            _, positions = nearest(row)
            return [column_sum(op.gather(constant(distributions), positions, axis=0))]

        (mixed,) = by_row(values, answer)
    else:
        mixed = projected(kernel(values, dense(model.X_), model.kernel, {"gamma": model.gamma}, path), distributions)
    probability = op.div(mixed, numerics.row_sum(mixed, keepdims=True))
    known = op.where(op.isnan(probability), constant(0.0), probability)
    return Outputs(labels=numerics.row_argmax(known), probability=probability)
