"""Two graphs, one after the other, as one.

The first gives, under the names of the second's inputs after a prefix, what the second takes. Both keep their refusals: the
fused graph's `refused` holds the columns of the first and then those of the second.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper
from onnx.compose import add_prefix

from holdall.graph.conversion import ELEMENT, REFUSED
from holdall.graph.tracing.untraceable import Untraceable
from holdall.spec.steps import GraphInput, StepOutput

BEFORE, AFTER = "before/", "after/"


def fused(first: bytes, second: bytes, prefix: str, kept: Sequence[str] = ()) -> bytes:
    """The graph that feeds the first one's outputs to the second one. The inputs are the first's, the outputs the second's.

    kept: outputs of the first that are outputs of the whole too.

    Raises Untraceable where the two do not fit together: another version of the operators, an input that is not given.
    """
    before = onnx.load_model_from_string(first)
    after = add_prefix(onnx.load_model_from_string(second), AFTER)
    versions = _together(before, after)
    inputs = [value.name for value in before.graph.input]
    before = add_prefix(before, BEFORE, rename_inputs=False)
    given = {value.name.removeprefix(BEFORE).removeprefix(prefix): value.name for value in before.graph.output}
    passed = [value for value in before.graph.output if value.name.removeprefix(BEFORE) in kept]
    taken = {value.name: value.name.removeprefix(AFTER) for value in after.graph.input}
    lacking = [name for name in taken.values() if name not in given]
    if lacking:
        raise Untraceable(f"a model that also takes {', '.join(lacking)}")
    nodes = [*before.graph.node]
    nodes += [helper.make_node("Identity", [given[name]], [prefixed]) for prefixed, name in taken.items()]
    nodes += [*after.graph.node]
    outputs, ends = [], {value.name.removeprefix(AFTER): value for value in after.graph.output}
    refusals = [
        names[REFUSED] for names in (given, {name: value.name for name, value in ends.items()}) if REFUSED in names
    ]
    for name, value in ends.items():
        if name == REFUSED:
            continue
        nodes.append(helper.make_node("Identity", [value.name], [name]))
        outputs.append(_renamed(value, name))
    for value in passed:
        nodes.append(helper.make_node("Identity", [value.name], [value.name.removeprefix(BEFORE)]))
        outputs.append(_renamed(value, value.name.removeprefix(BEFORE)))
    if refusals:
        nodes.append(helper.make_node("Concat", refusals, [REFUSED], axis=1))
        outputs.append(helper.make_tensor_value_info(REFUSED, TensorProto.BOOL, ["rows", None]))
    graph = helper.make_graph(
        nodes,
        "fused",
        [value for value in before.graph.input if value.name in inputs],
        outputs,
        [*before.graph.initializer, *after.graph.initializer],
        value_info=[],
        sparse_initializer=[*before.graph.sparse_initializer, *after.graph.sparse_initializer],
    )
    model = helper.make_model(
        graph,
        functions=[*before.functions, *after.functions],
        opset_imports=[helper.make_opsetid(domain, version) for domain, version in sorted(versions.items())],
        ir_version=max(before.ir_version, after.ir_version),
        producer_name=before.producer_name,
    )
    return bytes(model.SerializeToString(deterministic=True))


def bridged(model: bytes, outputs: Sequence[StepOutput], inputs: Sequence[GraphInput], prefix: str) -> bytes:
    """The graph with other outputs: the inputs of a graph that goes on from it, each name after `prefix`.

    outputs: the graph's own, by the columns that they hold. Refusals stay. Raises Untraceable for a column that it lacks.
    """
    proto = onnx.load_model_from_string(model)
    where = {name: (output, place) for output in outputs for place, name in enumerate(output.columns)}
    ranks = {value.name: len(value.type.tensor_type.shape.dim) for value in proto.graph.output}
    nodes: list[Any] = []
    ends = [value for value in proto.graph.output if value.name == REFUSED]

    def node(kind: str, given: Sequence[str], name: str, **attributes: Any) -> str:
        nodes.append(helper.make_node(kind, given, [name], **attributes))
        return name

    def constant(name: str, values: Sequence[int]) -> str:
        tensor = helper.make_tensor(name, TensorProto.INT64, [len(values)], list(values))
        return node("Constant", [], name, value=tensor)

    def column(result: str, place: int, name: str, element: int) -> str:
        """One column as a matrix of its own."""
        at = constant(f"{name}/at", [place if ranks[result] > 1 else 1])
        alone = (
            node("Gather", [result, at], f"{name}/one", axis=1)
            if ranks[result] > 1
            else node("Unsqueeze", [result, at], f"{name}/one")
        )
        return node("Cast", [alone], f"{name}/cast", to=element)

    def end(name: str, parts: Sequence[str], element: int) -> None:
        node("Concat", parts, name, axis=1)
        ends.append(helper.make_tensor_value_info(name, element, ["rows", len(parts)]))

    for group in inputs:
        values, masks = [], []
        for index, name in enumerate(group.columns):
            if name not in where:
                raise Untraceable(f"the column {name!r}, which the model does not give")
            output, place = where[name]
            own = f"{prefix}{group.name}/{index}"
            values.append(column(output.name, place, own, _ELEMENT[group.kind]))
            if group.mask is None:
                continue
            if output.mask is not None:
                masks.append(column(output.mask, place, f"{own}/mask", TensorProto.BOOL))
            else:
                same = node("Equal", [values[-1], values[-1]], f"{own}/same")
                masks.append(node("And", [same, node("Not", [same], f"{own}/other")], f"{own}/none"))
        end(f"{prefix}{group.name}", values, _ELEMENT[group.kind])
        if group.mask is not None:
            end(f"{prefix}{group.mask}", masks, TensorProto.BOOL)
    proto.graph.node.extend(nodes)
    del proto.graph.output[:]
    proto.graph.output.extend(ends)
    return bytes(proto.SerializeToString(deterministic=True))


_ELEMENT = {kind: helper.np_dtype_to_tensor_dtype(np.dtype(element)) for kind, element in ELEMENT.items()}


def _together(before: Any, after: Any) -> dict[str, int]:
    """The versions of the operators for both graphs: the newer one of each set, where no operator that the other graph uses
    has changed since. Raises Untraceable."""
    one, other = _versions(before), _versions(after)
    versions = {**one, **other}
    for domain in one.keys() & other.keys():
        versions[domain] = max(one[domain], other[domain])
        for model, version in ((before, one[domain]), (after, other[domain])):
            if version != versions[domain] and not _same(model, domain, version, versions[domain]):
                raise Untraceable("a model whose graph is written with other versions of the operators")
    return versions


def _same(model: Any, domain: str, version: int, newer: int) -> bool:
    """Whether all the operators of this set that the graph uses mean the same in the newer set."""
    used = {node.op_type for nodes in _all_nodes(model) for node in nodes if node.domain == domain}
    try:
        return all(
            onnx.defs.get_schema(name, version, domain).since_version
            == onnx.defs.get_schema(name, newer, domain).since_version
            for name in used
        )
    except onnx.defs.SchemaError:
        # An operator that onnx does not know: of onnxruntime's own sets there is but one version.
        return False


def _all_nodes(model: Any) -> Iterator[Iterable[Any]]:
    """The nodes of the graph, of its functions, and of the graphs within those."""
    pending = [model.graph.node, *(function.node for function in model.functions)]
    while pending:
        nodes = pending.pop()
        yield nodes
        for node in nodes:
            for attribute in node.attribute:
                pending += [graph.node for graph in (attribute.g, *attribute.graphs) if graph.node]


def _versions(model: Any) -> dict[str, int]:
    return {entry.domain: entry.version for entry in model.opset_import}


def _renamed(value: Any, name: str) -> Any:
    copy = onnx.ValueInfoProto()
    copy.CopyFrom(value)
    copy.name = name
    return copy
