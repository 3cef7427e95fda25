"""`DataFrame.eval`: an expression in text, over the columns of the table, as pandas reads it."""

from __future__ import annotations

import ast
import io
import operator
import re
import sys
import tokenize
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any

import numpy as np

from holdall.graph.tracing.untraceable import HERE, Untraceable

_LOCAL = "__local_"
_FUNCTIONS = (
    "sin", "cos", "tan", "arcsin", "arctan", "arctan2", "exp", "expm1", "log", "log1p", "log10", "sqrt", "abs", "tanh",
    "floor", "ceil",
)  # fmt: skip
_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod, ast.Pow: operator.pow,
}  # fmt: skip
_COMPARED: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}  # fmt: skip


def evaluated(frame: Any, expression: str) -> Any:
    """What the expression gives: a column, or for assignments the table with the new columns. Raises Untraceable."""
    names: dict[str, str] = {}
    lines = [line for line in expression.strip().splitlines() if line.strip()]
    parsed = [_parsed(line.strip(), names) for line in lines]
    outside = _outside()
    if all(isinstance(one, ast.Assign) for one in parsed):
        result = frame.copy()
        for one in parsed:
            (target,) = one.targets
            if not isinstance(target, ast.Name):
                raise Untraceable(f"DataFrame.eval of {expression!r}")
            result[names.get(target.id, target.id)] = _Evaluation(result, outside, names).value(one.value)
        return result
    if len(parsed) != 1 or not isinstance(parsed[0], ast.Expr):
        raise Untraceable(f"DataFrame.eval of {expression!r}")
    return _Evaluation(frame, outside, names).value(parsed[0].value)


def _parsed(line: str, names: dict[str, str]) -> Any:
    def quoted(found: re.Match[str]) -> str:
        name = f"__column_{len(names)}"
        names[name] = found.group(1)
        return name

    plain = re.sub(r"`([^`]*)`", quoted, line)
    plain = re.sub(r"@(?=[A-Za-z_])", _LOCAL, plain)
    words = []
    for token in tokenize.generate_tokens(io.StringIO(plain).readline):
        # `&` and `|` bind as weakly there as `and` and `or`.
        word = {"&": "and", "|": "or"}.get(token.string, token.string) if token.type == tokenize.OP else token.string
        words.append((token.type if word == token.string else tokenize.NAME, word))
    try:
        return ast.parse(tokenize.untokenize(words).strip()).body[0]
    except (SyntaxError, IndexError):
        raise Untraceable(f"DataFrame.eval of {line!r}") from None


def _outside() -> Mapping[str, Any]:
    """The variables where the expression was written."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and (
        frame.f_code.co_filename.startswith(HERE) or "site-packages" in frame.f_code.co_filename
    ):
        frame = frame.f_back
    return {} if frame is None else {**frame.f_globals, **frame.f_locals}


class _Evaluation:
    """A walk over one expression."""

    def __init__(self, frame: Any, outside: Mapping[str, Any], names: Mapping[str, str]) -> None:
        self._frame = frame
        self._outside = outside
        self._names = names

    def value(self, node: ast.expr) -> Any:
        if isinstance(node, ast.Constant):
            return node.value
        if isinstance(node, ast.Name):
            return self._name(node.id)
        if isinstance(node, ast.BinOp) and type(node.op) in _BINARY:
            return _BINARY[type(node.op)](self.value(node.left), self.value(node.right))
        if isinstance(node, ast.UnaryOp):
            inner = self.value(node.operand)
            return -inner if isinstance(node.op, ast.USub) else inner if isinstance(node.op, ast.UAdd) else ~inner
        if isinstance(node, ast.BoolOp):
            first, *rest = [self.value(one) for one in node.values]
            for one in rest:
                first = first & one if isinstance(node.op, ast.And) else first | one
            return first
        if isinstance(node, ast.Compare):
            return self._compared(node)
        if isinstance(node, ast.List | ast.Tuple):
            return [self.value(one) for one in node.elts]
        if isinstance(node, ast.Call):
            return self._call(node)
        if isinstance(node, ast.Attribute):
            return getattr(self.value(node.value), node.attr)
        raise Untraceable(f"{ast.unparse(node)!r} in DataFrame.eval", "write it in Python")

    def _name(self, name: str) -> Any:
        if name.startswith(_LOCAL):
            wanted = name.removeprefix(_LOCAL)
            if wanted not in self._outside:
                raise NameError(f"local variable {wanted!r} is not defined")
            return self._outside[wanted]
        column = self._names.get(name, name)
        if column in self._frame:
            return self._frame[column]
        raise NameError(f"name {column!r} is not defined")

    def _compared(self, node: ast.Compare) -> Any:
        left, result = self.value(node.left), None
        for kind, other in zip(node.ops, node.comparators, strict=True):
            right = self.value(other)
            if isinstance(kind, ast.In | ast.NotIn):
                made = left.isin(right)
                made = made if isinstance(kind, ast.In) else ~made
            elif isinstance(right, list):
                # A list beside == is meant as `in`.
                made = left.isin(right) if isinstance(kind, ast.Eq) else ~left.isin(right)
            elif type(kind) in _COMPARED:
                made = _COMPARED[type(kind)](left, right)
            else:
                raise Untraceable(f"{ast.unparse(node)!r} in DataFrame.eval", "write it in Python")
            result = made if result is None else result & made
            left = right
        return result

    def _call(self, node: ast.Call) -> Any:
        arguments = [self.value(one) for one in node.args]
        options = {one.arg: self.value(one.value) for one in node.keywords if one.arg is not None}
        if isinstance(node.func, ast.Name) and node.func.id in _FUNCTIONS and not options:
            return getattr(np, node.func.id)(*arguments)
        return self.value(node.func)(*arguments, **options)
