"""The Python inside a formula as graph operators: `np.log(income)`, `I(age ** 2)`, `bs(age, df=4)`, `region == "north"`.

The expression's own syntax tree is walked. What holds no column is asked of Python as patsy asks it and becomes a constant;
a function is known by what its name stands for, not by the name. A user's own functions cannot be looked into.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import spox.opset.ai.onnx.v21 as op
from spox import Var

from holdall.errors import NotPortable
from holdall.graph import value
from holdall.graph.conversion import Conversion
from holdall.graph.value import Block, constant
from holdall.spec.schema import Kind


@dataclass(frozen=True, eq=False)
class Value:
    """[N, k] of one kind: FLOAT double, BOOL bool, STRING text. nulls: where a text or truth value is missing.

    column: the input column that this is, untouched.
    """

    kind: Kind
    values: Var
    nulls: Var | None = None
    column: str | None = None


class Expressions:
    """Turns the factors of one design into values. columns: the input columns, as blocks of one column each."""

    def __init__(self, columns: Mapping[str, Block], conversion: Conversion) -> None:
        self._columns = columns
        self._conversion = conversion

    def value(self, factor: Any, state: Mapping[str, Any]) -> Value:
        """The factor's value before its levels are looked up. Raises NotPortable, naming the term."""
        walk = _Walk(self._columns, self._conversion, factor.code, state)
        return walk.value(ast.parse(state["eval_code"], mode="eval").body)


def names(state: Mapping[str, Any]) -> set[str]:
    """The names in a factor, by its state, that may be columns; those inside Q() too."""
    found = set()
    for node in ast.walk(ast.parse(state["eval_code"], mode="eval")):
        if isinstance(node, ast.Name) and node.id not in state["transforms"]:
            found.add(node.id)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "Q" and isinstance(node.args[0], ast.Constant):
            found.add(str(node.args[0].value))
    return found


class _Walk:
    def __init__(
        self, columns: Mapping[str, Block], conversion: Conversion, code: str, state: Mapping[str, Any]
    ) -> None:
        self._columns = columns
        self._conversion = conversion
        self._path = f"formula term {code}"
        self._state = state

    def value(self, node: ast.expr) -> Value:
        if not self._has_columns(node):
            return self._number(self._ask(node))
        match node:
            case ast.Name(id=name):
                return self._column(name)
            case ast.UnaryOp(op=operator, operand=operand):
                return self._unary(operator, self.value(operand))
            case ast.BinOp(left=left, op=operator, right=right):
                return self._binary(operator, left, right)
            case ast.Compare(left=left, ops=[operator], comparators=[right]):
                return self._compared(operator, left, right)
            case ast.Call():
                return self._call(node)
        raise self._unknown(ast.unparse(node))

    def _unknown(self, what: str) -> NotPortable:
        raised = NotPortable(self._path, f"{what} has no exact form as graph operators")
        raised.hint = "write the term with NumPy's functions, or pack a function of your own that asks the results"
        return raised

    def _has_columns(self, node: ast.expr) -> bool:
        for inner in ast.walk(node):
            if isinstance(inner, ast.Name) and inner.id in self._columns:
                return True
            if isinstance(inner, ast.Call) and self._quoted(inner) is not None:
                return True
        return False

    def _quoted(self, node: ast.Call) -> str | None:
        if isinstance(node.func, ast.Name) and node.func.id == "Q" and isinstance(node.args[0], ast.Constant):
            return str(node.args[0].value)
        return None

    def _ask(self, node: ast.expr) -> Any:
        """What Python makes of it where the formula was written."""
        try:
            return self._state["eval_env"].eval(ast.unparse(node), inner_namespace=self._state["transforms"])
        except Exception as error:  # what a formula names may raise anything
            raise NotPortable(self._path, f"{ast.unparse(node)}: {type(error).__name__}: {error}") from error

    def _number(self, found: Any) -> Value:
        if isinstance(found, str):
            return Value(Kind.STRING, constant(found, np.str_))
        if isinstance(found, (bool, int, float, np.number, np.bool_)):
            return Value(Kind.FLOAT, constant(float(found)))
        raise self._unknown(f"a {type(found).__name__}")

    def _column(self, name: str) -> Value:
        block = self._columns[name]
        if block.kind in (Kind.STRING, Kind.BOOL):
            return Value(block.kind, block.values, block.nulls, name)
        if block.kind not in (Kind.FLOAT, Kind.INT):
            raise self._unknown(f"the {block.kind.value} column {name}")
        return Value(Kind.FLOAT, value.numeric((block,)).values, None, name)

    def _double(self, given: Value) -> Var:
        if given.kind is Kind.STRING or (given.kind is Kind.BOOL and given.nulls is not None):
            raise self._unknown("arithmetic with text or missing truth values")
        return op.cast(given.values, to=np.float64) if given.kind is Kind.BOOL else given.values

    def _unary(self, operator: ast.unaryop, given: Value) -> Value:
        if isinstance(operator, ast.Invert) and given.kind is Kind.BOOL and given.nulls is None:
            return Value(Kind.BOOL, op.not_(given.values))
        if isinstance(operator, ast.USub):
            return Value(Kind.FLOAT, op.neg(self._double(given)))
        if isinstance(operator, ast.UAdd):
            return Value(Kind.FLOAT, self._double(given))
        raise self._unknown(type(operator).__name__)

    def _binary(self, operator: ast.operator, left: ast.expr, right: ast.expr) -> Value:
        a, b = self.value(left), self.value(right)
        if isinstance(operator, (ast.BitAnd, ast.BitOr)):
            if a.kind is not Kind.BOOL or b.kind is not Kind.BOOL or a.nulls is not None or b.nulls is not None:
                raise self._unknown("& or | of anything but comparisons")
            joined = op.and_ if isinstance(operator, ast.BitAnd) else op.or_
            return Value(Kind.BOOL, joined(a.values, b.values))
        found = _OPERATORS.get(type(operator))
        if found is None:
            raise self._unknown(f"{ast.unparse(left)} {type(operator).__name__} {ast.unparse(right)}")
        return Value(Kind.FLOAT, found(self._double(a), self._double(b)))

    def _compared(self, operator: ast.cmpop, left: ast.expr, right: ast.expr) -> Value:
        a, b = self.value(left), self.value(right)
        text = Kind.STRING in (a.kind, b.kind)
        if text and (a.kind is not b.kind or not isinstance(operator, (ast.Eq, ast.NotEq))):
            raise self._unknown("a comparison of text other than == and != with text")
        x, y = (a.values, b.values) if text else (self._double(a), self._double(b))
        found = _COMPARISONS.get(type(operator))
        if found is None:
            raise self._unknown(type(operator).__name__)
        result = found(x, y)
        nulls = [given.nulls for given in (a, b) if given.nulls is not None]
        for mask in nulls:
            # Nothing equals a missing value, and every value differs from it.
            result = op.or_(result, mask) if isinstance(operator, ast.NotEq) else op.and_(result, op.not_(mask))
        return Value(Kind.BOOL, result)

    def _call(self, node: ast.Call) -> Value:
        quoted = self._quoted(node)
        if quoted is not None:
            return self._column(quoted)
        if isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name):
            memory = self._state["transforms"].get(node.func.value.id)
            if memory is not None:
                return self._remembered(memory, node)
        function = self._ask(node.func)
        name, module = getattr(function, "__name__", ""), str(getattr(function, "__module__", ""))
        if module.startswith("patsy") and name in ("I", "C"):
            return self.value(node.args[0])  # the levels and the contrast are in the design already
        if function is np.isnan:
            return Value(Kind.BOOL, op.isnan(self._double(self.value(node.args[0]))))
        if function is np.clip and len(node.args) == 3 and not node.keywords and all(map(_is_number, node.args[1:])):
            x, low, high = (self._double(self.value(part)) for part in node.args)
            return Value(Kind.FLOAT, _smaller(_larger(x, low), high))
        if isinstance(function, np.ufunc) and not node.keywords:
            found = _UFUNCS.get(name)
            if found is not None:
                return Value(Kind.FLOAT, found(*[self._double(self.value(part)) for part in node.args]))
        if function is np.where and len(node.args) == 3:
            chosen = self.value(node.args[0])
            if chosen.kind is Kind.BOOL and chosen.nulls is None:
                parts = [self._double(self.value(part)) for part in node.args[1:]]
                return Value(Kind.FLOAT, op.where(chosen.values, *parts))
        if function is abs:
            return Value(Kind.FLOAT, op.abs(self._double(self.value(node.args[0]))))
        if function is pow and len(node.args) == 2:
            return Value(Kind.FLOAT, op.pow(*[self._double(self.value(part)) for part in node.args]))
        raise self._unknown(f"{ast.unparse(node.func)}()")

    def _remembered(self, memory: Any, node: ast.Call) -> Value:
        """One of patsy's transforms that remember what they were fitted on."""
        given = self.value(node.args[0])
        x = self._double(given)
        settings = self._settings(memory, node)
        match type(memory).__name__:
            case "Center":
                return Value(Kind.FLOAT, op.sub(x, constant(np.asarray(memory._sum / memory._count, np.float64))))
            case "Standardize":
                return Value(Kind.FLOAT, _standardized(memory, x, settings))
            case "BS":
                knots = np.asarray(memory._all_knots, np.float64)
                beyond = op.or_(op.less(x, constant(knots[0])), op.greater(x, constant(knots[-1])))
                self._conversion.refuse(
                    beyond, self._path, "a number beyond the knots that the spline was fitted on", [given.column]
                )
                basis = _basis(x, knots, int(memory._degree))
                if not settings.get("include_intercept", False):
                    basis = op.gather(basis, constant(range(1, len(knots) - memory._degree - 1), np.int64), axis=1)
                return Value(Kind.FLOAT, basis)
            case "CR" | "CC":
                return Value(Kind.FLOAT, _cubic(x, memory))
        raise self._unknown(f"{type(memory).__name__.lower()}()")

    def _settings(self, memory: Any, node: ast.Call) -> dict[str, Any]:
        """The arguments by name; those by position are named in patsy's order."""
        order = {
            "Standardize": ("x", "center", "rescale", "ddof"),
            "BS": ("x", "df", "knots", "degree", "include_intercept", "lower_bound", "upper_bound"),
        }
        found = {
            name: self._ask(part)
            for name, part in zip(order.get(type(memory).__name__, ())[1:], node.args[1:], strict=False)
        }
        return found | {keyword.arg or "": self._ask(keyword.value) for keyword in node.keywords}


def _standardized(memory: Any, x: Var, settings: Mapping[str, Any]) -> Var:
    result = x
    if settings.get("center", True):
        result = op.sub(result, constant(np.asarray(memory.current_mean, np.float64)))
    if settings.get("rescale", True):
        spread = np.sqrt(memory.current_M2 / (memory.current_n - settings.get("ddof", 0)))
        result = op.div(result, constant(np.asarray(spread, np.float64)))
    return result


def _basis(x: Var, knots: Any, degree: int) -> Var:
    """[N, 1] → [N, len(knots) - degree - 1]: de Boor's recursion; the last knot belongs to the interval before it."""
    low, high = knots[:-1], knots[1:]
    ends = high == knots[-1]
    inside = op.and_(op.greater_or_equal(x, constant(low)), op.less(x, constant(high)))
    at_end = op.and_(op.equal(x, constant(knots[-1])), constant(ends & (low < high), np.bool_))
    heights = op.cast(op.or_(inside, at_end), to=np.float64)
    for order in range(1, degree + 1):
        count = len(knots) - 1 - order
        widths = knots[order:-1] - knots[:count]
        rising = op.mul(op.sub(x, constant(knots[:count])), constant(_inverse(widths)))
        widths = knots[order + 1 :] - knots[1 : count + 1]
        falling = op.mul(op.sub(constant(knots[order + 1 :]), x), constant(_inverse(widths)))
        first = op.gather(heights, constant(range(count), np.int64), axis=1)
        second = op.gather(heights, constant(range(1, count + 1), np.int64), axis=1)
        heights = op.add(op.mul(rising, first), op.mul(falling, second))
    return op.where(op.isnan(x), constant(np.nan), heights)


def _cubic(x: Var, memory: Any) -> Var:
    """patsy's cr() and cc(): a cubic between its knots by value and second derivative, constraints taken in."""
    from patsy import mgcv_cubic_splines as patsys

    knots, cyclic = np.asarray(memory._all_knots, np.float64), bool(memory._cyclic)
    curvature = patsys._get_cyclic_f(knots) if cyclic else patsys._get_natural_f(knots)
    heights = np.identity(len(curvature))
    if memory._constraints is not None:
        heights, curvature = (patsys._absorb_constraints(part, memory._constraints) for part in (heights, curvature))
    low, high = constant(knots[0]), constant(knots[-1])
    if cyclic:
        around = constant(knots[-1] - knots[0])
        above = op.add(low, op.mod(op.sub(x, high), around, fmod=1))
        below = op.sub(high, op.mod(op.sub(low, x), around, fmod=1))
        x = op.where(op.greater(x, high), above, op.where(op.less(x, low), below, x))
    passed = op.cast(op.less(constant(knots[1:-1]), x), to=np.int64)
    place = op.reduce_sum(passed, constant([1], np.int64), keepdims=0)
    following = op.add(place, constant(1, np.int64))
    start, end = (op.unsqueeze(op.gather(constant(knots), at), constant([1], np.int64)) for at in (place, following))
    width, before, behind = op.sub(end, start), op.sub(end, x), op.sub(x, start)
    sixth = op.mul(constant(6.0), width)
    none = constant(0.0)

    def bend(distance: Var, outside: Var) -> Var:
        cube = op.div(op.mul(op.mul(distance, distance), distance), sixth)
        return op.sub(op.where(outside, none, cube), op.div(op.mul(width, distance), constant(6.0)))

    following = op.mod(following, constant(len(heights) if not cyclic else len(knots) - 1, np.int64))

    def at(table: Any, row: Var) -> Var:
        return op.gather(constant(table), row, axis=0)

    straight = op.add(
        op.mul(op.div(before, width), at(heights, place)), op.mul(op.div(behind, width), at(heights, following))
    )
    bent = op.add(
        op.mul(bend(before, op.greater(x, high)), at(curvature, place)),
        op.mul(bend(behind, op.less(x, low)), at(curvature, following)),
    )
    return op.where(op.isnan(x), constant(np.nan), op.add(straight, bent))


def _inverse(widths: Any) -> Any:
    return np.divide(1.0, widths, out=np.zeros_like(widths), where=widths > 0)


def _log1p(x: Var) -> Var:
    """log(1 + x) with its digits kept near zero."""
    one = constant(1.0)
    grown = op.add(one, x)
    step = op.sub(grown, one)
    small, infinite = op.equal(step, constant(0.0)), op.isinf(x)
    safe = op.where(op.or_(small, infinite), one, step)
    return op.where(small, x, op.where(infinite, op.log(grown), op.mul(op.log(grown), op.div(x, safe))))


def _is_number(node: ast.expr) -> bool:
    return isinstance(node.operand if isinstance(node, ast.UnaryOp) else node, ast.Constant)


def _larger(a: Var, b: Var) -> Var:
    """NumPy's maximum: a NaN on either side is the answer."""
    return op.where(op.or_(op.greater_or_equal(a, b), op.isnan(a)), a, b)


def _smaller(a: Var, b: Var) -> Var:
    return op.where(op.or_(op.less_or_equal(a, b), op.isnan(a)), a, b)


def _rest(a: Var, b: Var) -> Var:
    """NumPy's remainder, which has the divisor's sign."""
    rest = op.mod(a, b, fmod=1)
    other = op.less(op.mul(rest, op.sign(b)), constant(0.0))
    return op.where(other, op.add(rest, b), rest)


_OPERATORS: dict[type, Callable[[Var, Var], Var]] = {
    ast.Add: op.add,
    ast.Sub: op.sub,
    ast.Mult: op.mul,
    ast.Div: op.div,
    ast.Pow: op.pow,
    ast.Mod: _rest,
}
_COMPARISONS: dict[type, Callable[[Var, Var], Var]] = {
    ast.Eq: op.equal,
    ast.NotEq: lambda a, b: op.not_(op.equal(a, b)),
    ast.Lt: op.less,
    ast.LtE: op.less_or_equal,
    ast.Gt: op.greater,
    ast.GtE: op.greater_or_equal,
}
_UFUNCS: dict[str, Callable[..., Var]] = {
    "absolute": op.abs,
    "add": op.add,
    "ceil": op.ceil,
    "divide": op.div,
    "exp": op.exp,
    "fabs": op.abs,
    "float_power": op.pow,
    "floor": op.floor,
    "log": op.log,
    "log10": lambda x: op.mul(op.log(x), constant(1 / math.log(10))),
    "log1p": _log1p,
    "log2": lambda x: op.mul(op.log(x), constant(1 / math.log(2))),
    "maximum": _larger,
    "minimum": _smaller,
    "multiply": op.mul,
    "negative": op.neg,
    "power": op.pow,
    "reciprocal": lambda x: op.div(constant(1.0), x),
    "remainder": _rest,
    "sign": op.sign,
    "sin": op.sin,
    "sqrt": op.sqrt,
    "square": lambda x: op.mul(x, x),
    "subtract": op.sub,
}
"""By the ufunc's own name, which is that of what the formula's name stands for."""
