"""A function's code with every step of it given to a guard, so that one step that cannot be recorded does not hide the rest.

`a.b(c)`, `a + b`, `a[b]` and `a[b] = c` become calls of the names below, which whoever runs the code puts among its builtins.
Lines stay where they are. What has no source, or code of another shape than it, is left as it is.
"""

from __future__ import annotations

import ast
import copy
import functools
import linecache
import types
from collections.abc import Callable

from holdall.graph.tracing.rewriting import Rewriting

CALL, METHOD, ATTRIBUTE, BINARY, UNARY, ITEM, SET, SET_ATTRIBUTE, ITERATE, SLICE = (
    f"__holdall_{name}__"
    for name in (
        "call", "method", "attribute", "binary", "unary", "item", "set", "set_attribute", "iterate", "slice",
    )
)  # fmt: skip
OWN_FRAME = frozenset(["super", "locals", "globals", "vars", "dir", "eval", "exec"])
"""Builtins that look at the frame that calls them."""

_FACTORY, LAMBDA = "__holdall_factory__", "__holdall_lambda__"


def instrumented(function: types.FunctionType) -> types.CodeType:
    """The function's code, rewritten and guarded; its own where that cannot be done."""
    return _remade(function, lambda node: _Guarding().visit(Rewriting().visit(node)))


def rewritten(function: types.FunctionType) -> types.CodeType:
    """The function's code as `rewriting` has it; its own where there is nothing to rewrite, or that cannot be done."""
    rewriting = Rewriting()

    def change(node: ast.FunctionDef) -> ast.AST | None:
        made: ast.AST = rewriting.visit(node)
        return made if rewriting.changed else None

    return _remade(function, change)


def _remade(function: types.FunctionType, change: Callable[[ast.FunctionDef], ast.AST | None]) -> types.CodeType:
    code = function.__code__
    if "__class__" in code.co_freevars:
        return code
    found = _definition(code)
    changed = None if found is None else change(found)
    if not isinstance(changed, ast.FunctionDef):
        return code
    made = _compiled(ast.fix_missing_locations(changed), code)
    return code if made is None or made.co_freevars != code.co_freevars else made


def _definition(code: types.CodeType) -> ast.FunctionDef | None:
    """The function as it is written, without its decorators; a lambda as a function that returns what it gives. None unless
    it is found, and nothing else could be it."""
    linecache.checkcache(code.co_filename)
    written = _definitions("".join(linecache.getlines(code.co_filename)))
    names = list(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount])
    found = [
        node
        for node in written.get((code.co_name, code.co_firstlineno), ())
        if names == [one.arg for one in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
        and (isinstance(node, ast.FunctionDef) or _names(node) >= set(code.co_names))
    ]
    if len(found) != 1:
        return None
    node = copy.deepcopy(found[0])
    if isinstance(node, ast.FunctionDef):
        node.decorator_list, node.returns = [], None
        return node
    made = ast.parse(f"def {LAMBDA}(): pass").body[0]
    assert isinstance(made, ast.FunctionDef)  # noqa: S101 — it was just written as one
    made.args, made.body = node.args, [ast.copy_location(ast.Return(node.body), node.body)]
    return ast.copy_location(made, node)


def _names(node: ast.AST) -> set[str]:
    """The names that an expression uses, of variables and of attributes."""
    walked = list(ast.walk(node))
    variables = {one.id for one in walked if isinstance(one, ast.Name)}
    return variables | {one.attr for one in walked if isinstance(one, ast.Attribute)}


@functools.lru_cache(16)
def _definitions(source: str) -> dict[tuple[str, int], list[ast.FunctionDef | ast.Lambda]]:
    """The functions and lambdas of a file by name and first line, that of a decorator where there is one."""
    found: dict[tuple[str, int], list[ast.FunctionDef | ast.Lambda]] = {}
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return found
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            found.setdefault((node.name, first), []).append(node)
        elif isinstance(node, ast.Lambda):
            found.setdefault(("<lambda>", node.lineno), []).append(node)
    return found


def _compiled(node: ast.FunctionDef, code: types.CodeType) -> types.CodeType | None:
    """The code of a definition whose free names are those of a function around it."""
    free = "".join(f"    {name} = None\n" for name in code.co_freevars)
    module = ast.parse(f"def {_FACTORY}():\n{free}    pass\n")
    factory = module.body[0]
    assert isinstance(factory, ast.FunctionDef)  # noqa: S101 — it was just written as one
    factory.body.append(node)
    try:
        whole = compile(module, code.co_filename, "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        return None
    for outer in whole.co_consts:
        if isinstance(outer, types.CodeType):
            for inner in outer.co_consts:
                if isinstance(inner, types.CodeType) and inner.co_name in (code.co_name, LAMBDA):
                    return inner
    return None


def _name(name: str) -> ast.Name:
    return ast.Name(name, ast.Load())


class _Guarding(ast.NodeTransformer):
    """The expressions of a function, each through its guard."""

    def _call(self, node: ast.AST, name: str, *arguments: ast.expr) -> ast.Call:
        return ast.copy_location(ast.Call(_name(name), list(arguments), []), node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if isinstance(node.func, ast.Name) and node.func.id in OWN_FRAME:
            return self.generic_visit(node)
        arguments = [self.visit(one) for one in node.args]
        keywords = [ast.keyword(one.arg, self.visit(one.value)) for one in node.keywords]
        if isinstance(node.func, ast.Attribute):
            head: list[ast.expr] = [self.visit(node.func.value), ast.Constant(node.func.attr)]
            return ast.copy_location(ast.Call(_name(METHOD), [*head, *arguments], keywords), node)
        return ast.copy_location(ast.Call(_name(CALL), [self.visit(node.func), *arguments], keywords), node)

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        self.generic_visit(node)
        if not isinstance(node.ctx, ast.Load):
            return node
        return self._call(node, ATTRIBUTE, node.value, ast.Constant(node.attr))

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        return self._call(node, BINARY, ast.Constant(type(node.op).__name__), node.left, node.right)

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        self.generic_visit(node)
        if len(node.ops) > 1 or isinstance(node.ops[0], ast.Is | ast.IsNot):
            return node
        name = type(node.ops[0]).__name__
        return self._call(node, BINARY, ast.Constant(name), node.left, node.comparators[0])

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.op, ast.Not):
            return node
        return self._call(node, UNARY, ast.Constant(type(node.op).__name__), node.operand)

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        self.generic_visit(node)
        if not isinstance(node.ctx, ast.Load):
            return node
        return self._call(node, ITEM, node.value, self._key(node.slice))

    def _key(self, key: ast.expr) -> ast.expr:
        """What stands in the brackets, as an expression of its own."""
        if isinstance(key, ast.Slice):
            ends = [one if one is not None else ast.Constant(None) for one in (key.lower, key.upper, key.step)]
            return ast.copy_location(ast.Call(_name(SLICE), ends, []), key)
        if isinstance(key, ast.Tuple):
            return ast.copy_location(ast.Tuple([self._key(one) for one in key.elts], ast.Load()), key)
        return key

    def visit_Assign(self, node: ast.Assign) -> ast.AST:
        self.generic_visit(node)
        if len(node.targets) != 1:
            return node
        return self._stored(node, node.targets[0], node.value) or node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        # What is annotated is a name of the function's own.
        if node.value is not None:
            node.value = self.visit(node.value)
        return node

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        self.generic_visit(node)
        name = ast.Constant("I" + type(node.op).__name__)
        target = node.target
        if isinstance(target, ast.Name):
            value = self._call(node, BINARY, name, ast.Name(target.id, ast.Load()), node.value)
            return ast.copy_location(ast.Assign([target], value), node)
        if isinstance(target, ast.Subscript):
            old = self._call(node, ITEM, target.value, self._key(target.slice))
        else:
            old = self._call(node, ATTRIBUTE, target.value, ast.Constant(target.attr))
        stored = self._stored(node, target, self._call(node, BINARY, name, old, node.value))
        return stored or node

    def _stored(self, node: ast.stmt, target: ast.expr, value: ast.expr) -> ast.stmt | None:
        if isinstance(target, ast.Subscript):
            call = self._call(node, SET, value, target.value, self._key(target.slice))
        elif isinstance(target, ast.Attribute):
            call = self._call(node, SET_ATTRIBUTE, value, target.value, ast.Constant(target.attr))
        else:
            return None
        return ast.copy_location(ast.Expr(call), node)

    def visit_For(self, node: ast.For) -> ast.AST:
        self.generic_visit(node)
        node.iter = self._call(node.iter, ITERATE, node.iter)
        return node

    def visit_comprehension(self, node: ast.comprehension) -> ast.AST:
        self.generic_visit(node)
        node.iter = self._call(node.iter, ITERATE, node.iter)
        return node

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.AST:
        # Formats are no expressions of their own.
        for part in node.values:
            if isinstance(part, ast.FormattedValue):
                part.value = self.visit(part.value)
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.body = [self.visit(statement) for statement in node.body]
        node.args.defaults = [self.visit(one) for one in node.args.defaults]
        node.args.kw_defaults = [None if one is None else self.visit(one) for one in node.args.kw_defaults]
        return node
