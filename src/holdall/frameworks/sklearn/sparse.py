"""Which steps hand their columns on in a sparse matrix.

To scikit-learn a number that is not stored there is zero. To XGBoost it is missing, so that a model behind an encoder of
categories answers otherwise than behind the same columns in an array.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from holdall.graph.value import Table

ASKED = {
    "ColumnTransformer": "sparse_output_",
    "OneHotEncoder": "sparse_output",
    "RandomTreesEmbedding": "sparse_output",
    "SplineTransformer": "sparse_output",
}
"""Class → the attribute that says whether its answer is sparse."""

KEEPING = frozenset(
    {
        *("Binarizer", "MaxAbsScaler", "Normalizer", "PolynomialFeatures", "RobustScaler", "SimpleImputer"),
        *("StandardScaler", "TfidfTransformer"),
    }
)
"""Classes that answer a sparse matrix with one; so do those that choose columns. All others answer with an array."""


def gives_sparse(model: Any, given: bool) -> bool:
    """Whether `model.transform` answers with a sparse matrix. given: whether it is given one."""
    if model is None or isinstance(model, str):
        return given
    name = type(model).__name__
    if name in ASKED:
        return bool(getattr(model, ASKED[name], False))
    if name == "KBinsDiscretizer":
        return bool(model.encode == "onehot")
    if name == "Pipeline":
        for _, step in model.steps:
            given = gives_sparse(step, given)
        return given
    if name == "FeatureUnion":
        return any(gives_sparse(step, given) for _, step in model.transformer_list)
    return given and (name in KEEPING or hasattr(model, "get_support"))


def marked(model: Any, given: Table, made: Table) -> Table:
    """What a step made of `given`, told apart by whether it is sparse there."""
    sparse = gives_sparse(model, any(block.sparse for block in given))
    return tuple(
        block if block.sparse == sparse else replace(block, sparse=sparse, base=None, places=()) for block in made
    )
