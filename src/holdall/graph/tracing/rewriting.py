"""A function's own text with what Python does not let an object decide handed to the tracer.

`[f(x) for x in column]`, `x in {'a', 'b'}`, `table[value]`, `value is None`, f-strings: Python asks real lists, sets and texts
there, which know nothing of a column. Each becomes a call of a name below, which does what Python does with all that is not
traced. Lines stay where they are.
"""

from __future__ import annotations

import ast

COLLECT, GENERATE, CONTAINS, ITEM, GET, IS_NONE, FORMATTED, JOIN, UNPACK = (
    f"__holdall_{name}__"
    for name in ("collect", "generate", "contains", "item_of", "get", "is_none", "formatted", "join", "unpack")
)


def _call(node: ast.AST, name: str, *arguments: ast.expr) -> ast.Call:
    return ast.copy_location(ast.Call(ast.Name(name, ast.Load()), list(arguments), []), node)


class Rewriting(ast.NodeTransformer):
    """Expressions of a function, handed over. changed: whether there was one."""

    def __init__(self) -> None:
        self.changed = False

    def _handed(self, node: ast.AST, name: str, *arguments: ast.expr) -> ast.Call:
        self.changed = True
        return _call(node, name, *arguments)

    def visit_ListComp(self, node: ast.ListComp) -> ast.AST:
        return self._comprehension(node, COLLECT)

    def visit_GeneratorExp(self, node: ast.GeneratorExp) -> ast.AST:
        return self._comprehension(node, GENERATE)

    def _comprehension(self, node: ast.ListComp | ast.GeneratorExp, name: str) -> ast.AST:
        self.generic_visit(node)
        (first, *others) = node.generators
        names = _names(first.target)
        inside = [one for part in (node.elt, *first.ifs) for one in ast.walk(part)]
        if (
            others
            or first.is_async
            or names is None
            or any(isinstance(one, ast.NamedExpr | ast.Await) for one in inside)
        ):
            return node
        condition: ast.expr = ast.Constant(None)
        if first.ifs:
            test = first.ifs[0] if len(first.ifs) == 1 else ast.BoolOp(ast.And(), first.ifs)
            condition = _function(names, test)
        several = ast.Constant(isinstance(first.target, ast.Tuple))
        return self._handed(node, name, first.iter, _function(names, node.elt), condition, several)

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        self.generic_visit(node)
        if len(node.ops) != 1:
            return node
        (kind,), (other,) = node.ops, node.comparators
        if isinstance(kind, ast.In | ast.NotIn):
            return self._handed(node, CONTAINS, node.left, other, ast.Constant(isinstance(kind, ast.NotIn)))
        if isinstance(kind, ast.Is | ast.IsNot) and isinstance(other, ast.Constant) and other.value is None:
            return self._handed(node, IS_NONE, node.left, ast.Constant(isinstance(kind, ast.IsNot)))
        return node

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        self.generic_visit(node)
        plain = isinstance(node.slice, ast.Constant | ast.Slice | ast.List | ast.Tuple | ast.UnaryOp)
        if plain or not isinstance(node.ctx, ast.Load):
            return node
        return self._handed(node, ITEM, node.value, node.slice)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if (
            not isinstance(node.func, ast.Attribute)
            or node.keywords
            or any(isinstance(one, ast.Starred) for one in node.args)
        ):
            return node
        if node.func.attr == "get" and len(node.args) in (1, 2) and not isinstance(node.args[0], ast.Constant):
            return self._handed(node, GET, node.func.value, *node.args)
        if node.func.attr == "join" and len(node.args) == 1:
            return self._handed(node, JOIN, node.func.value, node.args[0])
        return node

    def visit_Assign(self, node: ast.Assign) -> ast.AST:
        self.generic_visit(node)
        target = node.targets[0]
        if len(node.targets) != 1 or not isinstance(target, ast.Tuple | ast.List):
            return node
        if not isinstance(node.value, ast.Tuple | ast.List) and not any(
            isinstance(one, ast.Starred) for one in target.elts
        ):
            node.value = self._handed(node.value, UNPACK, node.value, ast.Constant(len(target.elts)))
        return node

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.AST:
        self.generic_visit(node)
        parts: list[ast.expr] = []
        for part in node.values:
            if not isinstance(part, ast.FormattedValue):
                parts.append(part)
            elif part.conversion == -1 and part.format_spec is None:
                parts.append(part.value)
            else:
                return node
        return self._handed(node, FORMATTED, *parts)


def _names(target: ast.expr) -> list[str] | None:
    if isinstance(target, ast.Name):
        return [target.id]
    if isinstance(target, ast.Tuple) and all(isinstance(one, ast.Name) for one in target.elts):
        return [one.id for one in target.elts if isinstance(one, ast.Name)]
    return None


def _function(names: list[str], body: ast.expr) -> ast.Lambda:
    arguments = ast.arguments([], [ast.arg(name) for name in names], None, [], [], None, [])
    return ast.copy_location(ast.Lambda(arguments, body), body)
