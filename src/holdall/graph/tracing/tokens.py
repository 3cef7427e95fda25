"""Text cut by regular expressions of RE2, by onnxruntime's own operator com.microsoft.Tokenizer.

One operator where the same by single characters takes forty and a loop. A match is the longest one at the leftmost place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import spox.opset.ai.onnx.v21 as op
from spox import Tensor, Var
from spox._attributes import AttrInt64, AttrString, AttrStrings
from spox._fields import BaseAttributes, BaseInputs, BaseOutputs
from spox._node import Node, OpType
from spox._var import _VarInfo, unwrap_vars

from holdall.graph.value import constant


class _Tokenizer(Node):
    @dataclass
    class Attributes(BaseAttributes):
        mark: AttrInt64
        mincharnum: AttrInt64
        pad_value: AttrString
        separators: AttrStrings | None
        tokenexp: AttrString | None

    @dataclass
    class Inputs(BaseInputs):
        X: _VarInfo

    @dataclass
    class Outputs(BaseOutputs):
        Y: _VarInfo

    op_type = OpType("Tokenizer", "com.microsoft", 1)

    attrs: Attributes
    inputs: Inputs
    outputs: Outputs

    def infer_output_types(self, input_prop_values: Any) -> dict[str, Any]:
        return {"Y": Tensor(np.str_, (None, None))}


def tokens(text: Var, separators: Sequence[str] = (), *, expression: str | None = None, sentinel: str) -> Var:
    """[N] → [N + 1, K], padded with '': what lies between separators, or what matches an expression, never ''.

    With '' as the only separator: code point after code point. sentinel: the last row's text, of which something must be
    left, so that no dimension is ever 0.
    """
    rows = op.concat([text, constant([sentinel], np.str_)], axis=0)
    node = _Tokenizer(
        _Tokenizer.Attributes(
            AttrInt64(0, "mark"),
            AttrInt64(1, "mincharnum"),
            AttrString("", "pad_value"),
            AttrStrings(tuple(separators), "separators") if separators else None,
            None if expression is None else AttrString(expression, "tokenexp"),
        ),
        _Tokenizer.Inputs(unwrap_vars(rows)),
    )
    made = node.get_output_vars(input_prop_values={}).Y
    assert isinstance(made, Var)  # noqa: S101 — for the type checker: this output is one
    return made


def remaining(text: Var, separators: Sequence[str], sentinel: str) -> Var:
    """[N] → [N]: each text without what the separators match, which is at its ends."""
    return _first(tokens(text, separators, sentinel=sentinel))


def found(text: Var, expression: str, sentinel: str) -> Var:
    """[N] → [N]: the first match in each text, '' where there is none. sentinel: a text with a match."""
    return _first(tokens(text, expression=expression, sentinel=sentinel))


def _first(cells: Var) -> Var:
    zero, one = constant([0, 0], np.int64), constant([-1, 1], np.int64)
    return op.reshape(op.slice(cells, zero, one), constant([-1], np.int64))


def count(cells: Var) -> Var:
    """[N + 1, K] → int64 [N]: how many tokens each row has."""
    there = op.cast(op.not_(op.equal(cells, constant("", np.str_))), to=np.int64)
    counts = op.reduce_sum(there, constant([1], np.int64), keepdims=0)
    return op.slice(counts, constant([0], np.int64), constant([-1], np.int64))


def chained(cells: Var) -> Var:
    """[N + 1, K] → [N]: the few cells of each row, one after the other."""
    one, flat = constant(1, np.int64), constant([-1], np.int64)
    rounds = op.sub(op.gather(op.shape(cells), one), one)

    def body(place: Var, going: Var, text: Var) -> Sequence[Var]:
        piece = op.reshape(op.gather(cells, op.add(place, one), axis=1), flat)
        return [going, op.reshape(op.string_concat(text, piece), flat)]

    (whole,) = op.loop(rounds, v_initial=[op.gather(cells, constant(0, np.int64), axis=1)], body=body)
    return op.slice(whole, constant([0], np.int64), constant([-1], np.int64))
