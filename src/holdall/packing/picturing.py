"""A trace as a drawing: raw columns, the lines that they go through, and the columns that come out, from left to right.

Each line of the function is one box, with what it became in the graph; what stays Python is marked. Boxes lie in layers, one
after all that it takes from; edges that pass a layer have a place of their own in it, and each layer is put in the order of
what it is joined to. Nothing is fetched from anywhere: the page and the drawing hold all that they show.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import pairwise
from pathlib import PurePath

from holdall.spec.tracing import Obstacle, Recorded, Result, Tracing

_CHARACTER, _LINE = 7.3, 17
_PAD, _GAP, _ACROSS = 10, 14, 56
_LETTERS, _NAME = 38, 24
_SWEEPS = 6
_OPERATORS = 4

_COLOURS = """\
--paper: #fbfaf7; --ink: #23262b; --dim: #6b7078; --line: #cfcbc1; --field: #fff; --accent: #1f6f5c; --bad: #a8323a;"""
_DARK = """\
--paper: #16181b; --ink: #e4e4e0; --dim: #989da5; --line: #4a4f57; --field: #1f2226; --accent: #6cc3aa; --bad: #f08a90;"""

_DRAWING = """\
.edge { fill: none; stroke: var(--line); stroke-width: 1.4; }
.edge.stays { stroke: var(--bad); }
.box { fill: var(--field); stroke: var(--line); }
.box.column { fill: var(--paper); stroke: var(--accent); }
.box.stays { stroke: var(--bad); stroke-width: 1.6; }
text { font: 12px ui-monospace, Menlo, Consolas, monospace; fill: var(--ink); white-space: pre; }
text.dim { fill: var(--dim); }
text.stays { fill: var(--bad); }
"""

_PAGE = """\
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 72rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
h1 { font-size: 1.5rem; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1rem; margin: 2rem 0 .6rem; }
.verdict { margin: .25rem 0 0; color: var(--accent); }
.verdict.stays { color: var(--bad); }
.dim, small { color: var(--dim); }
.scroll { overflow-x: auto; border: 1px solid var(--line); border-radius: .4rem; background: var(--field); padding: .6rem; }
.scroll svg { display: block; }
.row { display: grid; grid-template-columns: 2.6rem minmax(0, 1fr); gap: .6rem; }
.row > span { text-align: right; color: var(--dim); font: .8rem/1.5 ui-monospace, monospace; }
.row code { display: block; font: .82rem/1.5 ui-monospace, Menlo, Consolas, monospace; }
.row code { white-space: pre-wrap; overflow-wrap: anywhere; }
.row small { display: block; margin: 0 0 .25rem; overflow-wrap: anywhere; }
.row.stays code, .row.stays small { color: var(--bad); }
.lines { background: var(--field); border: 1px solid var(--line); border-radius: .4rem; padding: .6rem .8rem .6rem 0; }
dt { font-weight: 600; margin-top: .8rem; overflow-wrap: anywhere; }
dd { margin: 0; color: var(--dim); overflow-wrap: anywhere; }
"""


class Shown(Tracing, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A trace as a prompt and a notebook show it."""

    def __repr__(self) -> str:
        verdict, _ = _verdict(self)
        lines = [f"{', '.join(self.functions)}: {verdict}"]
        for file in dict.fromkeys(file for file, _, _ in self.lines):
            lines.append(f"  {file}")
            of = [(number, source) for one, number, source in self.lines if one == file]
            width = max(len(source) for _, source in of)
            for number, source in of:
                words = _words(self, file, number)
                lines.append(f"  {number:>5}  {source:{width}}  {words}".rstrip())
        for instead, found in together(self).items():
            lines += [f"  {one.file}:{one.line}  {one.operation}" for one in found]
            lines.append(f"      instead: {instead}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        # In a frame of its own, so that neither's style reaches the other.
        return f'<iframe srcdoc="{escape(page(self))}" style="width: 100%; height: 36rem; border: 0"></iframe>'


def shown(told: Tracing) -> Shown:
    """The same, with a face."""
    return Shown(**{name: getattr(told, name) for name in Tracing.__struct_fields__})


@dataclass
class _Node:
    """A box, or a place where an edge passes a layer (without texts). texts: its lines, each with its class."""

    key: str
    kind: str
    title: str = ""
    texts: Sequence[tuple[str, str]] = ()
    layer: int = 0
    x: float = 0.0
    y: float = 0.0

    @property
    def width(self) -> float:
        return max((len(text) for text, _ in self.texts), default=0) * _CHARACTER + 2 * _PAD if self.texts else 0.0

    @property
    def height(self) -> float:
        return len(self.texts) * _LINE + _PAD if self.texts else 4.0


@dataclass
class _Drawing:
    """Boxes and edges. chains: each edge as the keys that it goes through, and whether it carries what stays Python."""

    nodes: dict[str, _Node] = field(default_factory=dict)
    edges: dict[tuple[str, str], bool] = field(default_factory=dict)
    chains: list[tuple[list[str], bool]] = field(default_factory=list)

    def join(self, before: Iterable[str], after: str, stays: bool = False) -> None:
        """Edges from these boxes to another. What is no box has none."""
        for key in before:
            if key != after and key in self.nodes and after in self.nodes:
                self.edges[key, after] = self.edges.get((key, after), False) or stays


def svg(told: Tracing) -> str:
    """The drawing, as a file of its own."""
    drawing = _drawn(told)
    return _svg(drawing, alone=True)


def page(told: Tracing) -> str:
    """The drawing, the lines and the reasons as a page of its own."""
    names = ", ".join(told.functions)
    verdict, stays = _verdict(told)
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">',
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
        f"<title>{escape(names)}</title>",
        f"<style>:root {{ {_COLOURS} }}\n@media (prefers-color-scheme: dark) {{ :root {{ {_DARK} }} }}",
        f"{_PAGE}{_DRAWING}</style>",
        f"</head><body><main><h1>{escape(names)}</h1>",
        f'<p class="verdict{" stays" if stays else ""}">{escape(verdict)}</p>',
    ]
    if told.results:
        parts += ["<h2>From column to column</h2>", f'<div class="scroll">{_svg(_drawn(told), alone=False)}</div>']
    if told.blockers:
        parts.append(f"<h2>{'Differs' if told.traced else 'Stays Python'}</h2><dl>")
        for instead, found in together(told).items():
            parts += [f"<dt>{escape(f'{one.file}:{one.line}  {one.operation}')}</dt>" for one in found]
            parts.append(f"<dd>instead: {escape(instead)}</dd>")
        parts.append("</dl>")
        if told.stopped:
            parts.append(
                '<p class="dim">After that the function could not be followed any further: there may be more.</p>'
            )
    if told.refuses:
        listed = "".join(f"<li>{escape(reason)}</li>" for reason in told.refuses)
        parts.append(f"<h2>Refused in the graph</h2><ul>{listed}</ul>")
    for file in dict.fromkeys(file for file, _, _ in told.lines):
        parts.append(f'<h2>{escape(file)}</h2><div class="lines">')
        parts += [_row(told, file, number, source) for of, number, source in told.lines if of == file]
        parts.append("</div>")
    parts.append("</main></body></html>\n")
    return "\n".join(parts)


def together(told: Tracing) -> dict[str, list[Obstacle]]:
    """The blockers by what would do instead of them."""
    found: dict[str, list[Obstacle]] = {}
    for one in told.blockers:
        found.setdefault(one.instead, []).append(one)
    return found


def _verdict(told: Tracing) -> tuple[str, bool]:
    if not told.traced:
        count = len(told.blockers)
        return f"stays Python, for {count} reason{'' if count == 1 else 's'}", True
    if not told.equal:
        return "stays Python: its graph gives something else", True
    return f"goes into the graph, which gives the same on {told.rows:,} rows", False


def _words(told: Tracing, file: str, number: int) -> str:
    """What a line became, or what of it stays Python."""
    reasons = [one.operation for one in told.blockers if (one.file, one.line) == (file, number)]
    return f"✗ {', '.join(reasons)}" if reasons else became(told, file, number)


def _row(told: Tracing, file: str, number: int, source: str) -> str:
    words = _words(told, file, number)
    reasons = words.startswith("✗")
    small = f"<small>{escape(words)}</small>" if words else ""
    kind = "row stays" if reasons else "row"
    return f'<div class="{kind}"><span>{number}</span><div><code>{escape(source) or " "}</code>{small}</div></div>'


def became(told: Tracing, file: str, number: int) -> str:
    """What a line became in the graph, in words; nothing for a line that does nothing there."""
    recorded = [one for one in told.operations if (one.file, one.line) == (file, number)]
    names = list(dict.fromkeys(one.operation for one in recorded))
    operators = list(dict.fromkeys(name for one in recorded for name in one.operators))
    if not operators:
        return ", ".join(names)
    more = len(operators) - _OPERATORS
    listed = ", ".join(operators[:_OPERATORS]) + (f" and {more} more" if more > 0 else "")
    return f"{', '.join(names)} → {listed}"


def _drawn(told: Tracing) -> _Drawing:
    """The boxes, laid out."""
    drawing = _boxes(told)
    _layer(drawing)
    columns = _columns(drawing)
    _order(drawing, columns)
    _place(columns)
    return drawing


def _boxes(told: Tracing) -> _Drawing:
    drawing = _Drawing()
    steps: list[Recorded | Obstacle] = [*told.operations, *told.blockers]
    used = {name for step in steps for name in step.columns} | {name for end in told.results for name in end.columns}
    for name in told.inputs:
        if name in used:
            drawing.nodes[_input(name)] = _Node(_input(name), "column", name, [(_cut(name, _NAME), "")])
    reasons: dict[str, list[str]] = {}
    for found in told.blockers:
        reasons.setdefault(_line(found.file, found.line), []).append(found.operation)
    taken = {place for step in steps for place in step.after} | {place for end in told.results for place in end.after}
    for place, step in enumerate(steps):
        key = _line(step.file, step.line)
        if key in drawing.nodes or not (isinstance(step, Obstacle) or place in taken or step.operators):
            continue
        why = reasons.get(key)
        words = became(told, step.file, step.line) if why is None else f"stays Python: {', '.join(why)}"
        drawing.nodes[key] = _box(key, step.file, step.line, step.source, words, stays=why is not None)
    lines = [_line(step.file, step.line) for step in told.operations]
    for step in steps:
        _join(drawing, told, lines, step, _line(step.file, step.line))
    for result in told.results:
        key = f"out {result.name}"
        drawing.nodes[key] = _Node(key, "column", result.name, [(_cut(result.name, _NAME), "")])
        _join(drawing, told, lines, result, key)
    return drawing


def _join(drawing: _Drawing, told: Tracing, lines: Sequence[str], step: Recorded | Obstacle | Result, key: str) -> None:
    """Edges from all that something took."""
    drawing.join([*map(_input, step.columns), *(lines[place] for place in step.after)], key)
    drawing.join([_line(told.blockers[place].file, told.blockers[place].line) for place in step.stays], key, stays=True)


def _box(key: str, file: str, line: int, source: str, words: str, *, stays: bool) -> _Node:
    shown = " ".join(source.split())
    texts = [(_cut(f"{line}  {shown}", _LETTERS), ""), (_cut(words, _LETTERS), "stays" if stays else "dim")]
    return _Node(key, "stays" if stays else "line", f"{PurePath(file).name}:{line}  {shown}\n{words}", texts)


def _input(name: str) -> str:
    return f"in {name}"


def _line(file: str, line: int) -> str:
    return f"line {file}:{line}"


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _layer(drawing: _Drawing) -> None:
    """Each box one layer after the last that it takes from. Where the code goes in a circle, an edge of it is left out."""
    before: dict[str, list[str]] = {key: [] for key in drawing.nodes}
    for a, b in drawing.edges:
        before[b].append(a)
    done: dict[str, int] = {}
    under: set[str] = set()

    def depth(key: str) -> int:
        if key in done:
            return done[key]
        under.add(key)
        deepest = -1
        for other in before[key]:
            if other in under:
                drawing.edges.pop((other, key), None)
            else:
                deepest = max(deepest, depth(other))
        under.discard(key)
        done[key] = deepest + 1
        return done[key]

    for key in drawing.nodes:
        depth(key)
    last = max(done.values(), default=0)
    joined = {key for edge in drawing.edges for key in edge}
    for key, node in drawing.nodes.items():
        node.layer = done[key] if key in joined or node.kind == "column" else 1
        if key.startswith("out "):
            node.layer = max(last, 1)


def _columns(drawing: _Drawing) -> list[list[_Node]]:
    """The layers, with a place in each for every edge that passes it."""
    for place, ((a, b), stays) in enumerate(list(drawing.edges.items())):
        chain = [a]
        for layer in range(drawing.nodes[a].layer + 1, drawing.nodes[b].layer):
            key = f"pass {place}:{layer}"
            drawing.nodes[key] = _Node(key, "pass", layer=layer)
            chain.append(key)
        drawing.chains.append(([*chain, b], stays))
    columns: list[list[_Node]] = [
        [] for _ in range(max((node.layer for node in drawing.nodes.values()), default=0) + 1)
    ]
    for node in drawing.nodes.values():
        columns[node.layer].append(node)
    return columns


def _order(drawing: _Drawing, columns: list[list[_Node]]) -> None:
    """Each layer in the order of the middle of what its boxes are joined to, forth and back."""
    near: dict[str, list[str]] = {key: [] for key in drawing.nodes}
    for chain, _ in drawing.chains:
        for a, b in pairwise(chain):
            near[a].append(b)
            near[b].append(a)
    rank = {node.key: place for column in columns for place, node in enumerate(column)}

    def middle(node: _Node, layer: int) -> float:
        ranks = [rank[key] for key in near[node.key] if drawing.nodes[key].layer == layer]
        return sum(ranks) / len(ranks) if ranks else float(rank[node.key])

    for sweep in range(_SWEEPS):
        forth = sweep % 2 == 0
        for layer in range(len(columns)) if forth else reversed(range(len(columns))):
            other = layer - 1 if forth else layer + 1
            if 0 <= other < len(columns):
                columns[layer].sort(key=lambda node, other=other: middle(node, other))  # type: ignore[misc] # mypy cannot tell a default's type
                rank.update({node.key: place for place, node in enumerate(columns[layer])})


def _place(columns: list[list[_Node]]) -> None:
    heights = [sum(node.height + _GAP for node in column) for column in columns]
    x = 1.0
    for column, height in zip(columns, heights, strict=True):
        y = 1 + (max(heights) - height) / 2
        for node in column:
            node.x, node.y = x, y
            y += node.height + _GAP
        x += max((node.width for node in column), default=0) + _ACROSS


def _svg(drawing: _Drawing, *, alone: bool) -> str:
    nodes = list(drawing.nodes.values())
    width = max((node.x + node.width for node in nodes), default=0) + 2
    height = max((node.y + node.height for node in nodes), default=0) + 2
    widest: dict[int, float] = {}
    for node in nodes:
        widest[node.layer] = max(widest.get(node.layer, 0.0), node.width)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" role="img">'
    ]
    if alone:
        dark = f"@media (prefers-color-scheme: dark) {{ svg {{ {_DARK} }} }}"
        parts.append(f"<style>svg {{ {_COLOURS} background: var(--paper); }}\n{dark}\n{_DRAWING}</style>")
    parts += [_edge(drawing.nodes, chain, widest, stays=stays) for chain, stays in drawing.chains]
    for node in nodes:
        if not node.texts:
            continue
        parts.append(f"<g><title>{escape(node.title)}</title>")
        parts.append(
            f'<rect class="box {node.kind}" x="{node.x:.1f}" y="{node.y:.1f}" width="{node.width:.1f}" '
            f'height="{node.height:.1f}" rx="{node.height / 2 if node.kind == "column" else 5:.1f}"/>'
        )
        for row, (text, kind) in enumerate(node.texts):
            y = node.y + _PAD / 2 + row * _LINE + 13
            parts.append(f'<text class="{kind}" x="{node.x + _PAD:.1f}" y="{y:.1f}">{escape(text)}</text>')
        parts.append("</g>")
    parts.append("</svg>")
    return "\n".join(parts) + "\n"


def _edge(nodes: Mapping[str, _Node], chain: Sequence[str], widest: Mapping[int, float], *, stays: bool) -> str:
    """A line from box to box, level through the layers that it passes."""
    first = nodes[chain[0]]
    level = first.y + first.height / 2
    path = [f"M{first.x + first.width:.1f} {level:.1f}", f"H{first.x + widest[first.layer]:.1f}"]
    for key in chain[1:]:
        node = nodes[key]
        bend, before, level = node.x - _ACROSS / 2, level, node.y + node.height / 2
        path.append(f"C{bend:.1f} {before:.1f} {bend:.1f} {level:.1f} {node.x:.1f} {level:.1f}")
        if not node.texts:
            path.append(f"H{node.x + widest[node.layer]:.1f}")
    return f'<path class="edge{" stays" if stays else ""}" d="{" ".join(path)}"/>'
