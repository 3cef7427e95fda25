"""A Keras model as an ONNX graph: through tf2onnx from its traced function, or through PyTorch's exporter."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from holdall.errors import MissingDependency, NotPortable
from holdall.frameworks.keras.asking import ROWS, Asked
from holdall.frameworks.keras.lookups import handlers, tables
from holdall.frameworks.keras.programs import Program, graph_names, library
from holdall.frameworks.onnx.around import nodes_of
from holdall.frameworks.onnx.exporters import quiet, without_origin

OPSET = 18


def export(asked: Asked, outputs: int, step: str) -> Any:
    """The ModelProto whose inputs are called as the ports and whose outputs out_0, out_1 … Raises NotPortable."""
    program = asked.program
    try:
        with quiet():
            made = _through_torch(asked) if program.backend == "torch" else _through_tensorflow(asked)
    except MissingDependency:
        raise
    except Exception as error:  # three exporters, each with errors of its own
        words = next(iter(str(error).strip().splitlines()), "")
        raise NotPortable(step, f"{type(error).__name__}: {words[:300]}") from error
    lacking = _without_operator(made.graph)
    if lacking:
        raise NotPortable(step, f"ONNX has no operators for what it does inside: {', '.join(lacking)}")
    if len(made.graph.output) != outputs or len(made.graph.input) != len(asked.ports):
        raise NotPortable(
            step,
            f"its export has {len(made.graph.input)} inputs and {len(made.graph.output)} outputs, the model "
            f"{len(asked.ports)} and {outputs}",
        )
    _rename(made.graph, [port.name for port in asked.ports], [f"out_{place}" for place in range(outputs)])
    _call_constants(made.graph)
    without_origin(made)
    return made


def _through_tensorflow(asked: Asked) -> Any:
    try:
        import tf2onnx
    except ModuleNotFoundError:
        raise MissingDependency("tf2onnx", "holdall[tensorflow]", "a graph of a TensorFlow model") from None
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    # tf2onnx's own freezing loses constants that layers such as Normalization hold outside their weights.
    concrete = asked.program.function(asked.ports).get_concrete_function()
    frozen = convert_variables_to_constants_v2(concrete, lower_control_flow=False)
    definition = frozen.graph.as_graph_def()
    made, _ = tf2onnx.convert.from_graph_def(
        definition,
        input_names=[value.name for value in frozen.inputs if value.dtype.name != "resource"],
        output_names=[value.name for value in frozen.outputs],
        opset=OPSET,
        custom_op_handlers=handlers(tables(concrete, definition)),
    )
    order = {name: place for place, name in enumerate(graph_names(asked.ports))}
    inputs = sorted(made.graph.input, key=lambda value: order[value.name.removesuffix(":0")])
    del made.graph.input[:]
    made.graph.input.extend(inputs)
    _without_erfc(made.graph, np.float64 if asked.program.element == "float64" else np.float32)
    return made


def _without_erfc(graph: Any, dtype: Any) -> None:
    """1 - Erf in the place of Erfc, which tf2onnx writes for GELU and ONNX does not have."""
    import onnx

    if not any(node.op_type == "Erfc" for node in graph.node):
        return
    nodes = [
        onnx.helper.make_node("Constant", [], ["erfc_one"], value=onnx.numpy_helper.from_array(np.array(1, dtype)))
    ]
    for node in graph.node:
        if node.op_type != "Erfc":
            nodes.append(node)
            continue
        inner = f"{node.output[0]}_erf"
        nodes.append(onnx.helper.make_node("Erf", list(node.input), [inner]))
        nodes.append(onnx.helper.make_node("Sub", ["erfc_one", inner], list(node.output)))
    del graph.node[:]
    graph.node.extend(nodes)


def _without_operator(graph: Any) -> list[str]:
    """TensorFlow's operators that tf2onnx left as they are."""
    import onnx

    known = {schema.name for schema in onnx.defs.get_all_schemas()}
    return sorted({node.op_type for node in nodes_of(graph) if not node.domain and node.op_type not in known})


def _through_torch(asked: Asked) -> Any:
    """Through torch.export; where that cannot follow the model, as Keras itself writes it, from one recorded call."""
    import torch

    program = asked.program

    base: Any = torch.nn.Module

    class Flat(base):  # type: ignore[misc] # a base that is known when it runs
        def __init__(self) -> None:
            super().__init__()
            self.inner = program.model

        def forward(self, *inputs: Any) -> Any:
            return tuple(value for _, value in program.named(program.answer(asked.ports, inputs)))

    given = asked.feeds(asked.one.take(np.zeros(ROWS[-1], np.int64)))
    tensors = tuple(torch.from_numpy(np.ascontiguousarray(given[port.name])) for port in asked.ports)
    dynamic = ({0: torch.export.Dim.DYNAMIC},) * len(tensors)
    try:
        with torch.no_grad():
            exported = torch.export.export(Flat(), tensors, dynamic_shapes=(dynamic,), strict=False)
            return torch.onnx.export(exported, (), dynamo=True, opset_version=OPSET, verbose=False).model_proto
    except Exception:  # noqa: BLE001 — the exporter raises whatever the model makes it raise; the second way is tried
        return _as_keras_writes_it(asked)


def _as_keras_writes_it(asked: Asked) -> Any:
    import onnx

    keras = library()
    signature = [keras.InputSpec(dtype=port.element, shape=(None, *port.shape), name=port.name) for port in asked.ports]
    program: Program = asked.program
    packed: Any = signature
    declared = program.declared()
    if declared is not None:
        packed = [keras.tree.pack_sequence_as(declared, signature)] if not isinstance(declared, list) else [signature]
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "model.onnx")
        program.model.export(path, format="onnx", input_signature=packed, verbose=False)
        return onnx.load(path)


def _rename(graph: Any, inputs: list[str], outputs: list[str]) -> None:
    """Other names for the inputs and outputs, by operators that change nothing."""
    import onnx

    front, back = [], []
    for value, name in zip(graph.input, inputs, strict=True):
        if value.name != name:
            front.append(onnx.helper.make_node("Identity", [name], [value.name]))
            value.name = name
    for value, name in zip(graph.output, outputs, strict=True):
        back.append(onnx.helper.make_node("Identity", [value.name], [name]))
        value.name = name
    nodes = [*front, *graph.node, *back]
    del graph.node[:]
    graph.node.extend(nodes)


def _call_constants(graph: Any) -> None:
    """Constants by the order in which they are used: tf2onnx numbers them as the hashes of the process have it."""
    constants = {tensor.name: tensor for tensor in graph.initializer}
    names: dict[str, str] = {}

    def name(used: Any) -> None:
        for place, old in enumerate(used):
            if old in constants:
                used[place] = names.setdefault(old, f"constant_{len(names)}")

    pending = list(reversed(graph.node))
    while pending:
        node = pending.pop()
        name(node.input)
        for attribute in node.attribute:
            pending += reversed(attribute.g.node)
            for value in attribute.g.output:
                value.name = (
                    names.setdefault(value.name, f"constant_{len(names)}") if value.name in constants else value.name
                )
    kept = [constants[old] for old in names]
    for tensor in kept:
        tensor.name = names[tensor.name]
    kept = [type(tensor).FromString(tensor.SerializeToString()) for tensor in kept]
    del graph.initializer[:]
    graph.initializer.extend(kept)
