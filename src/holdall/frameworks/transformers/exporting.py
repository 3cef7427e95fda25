"""A torch module → one ONNX graph over tokens, [rows, tokens] in each input; the same bytes for the same module."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from holdall.errors import MissingDependency, NotPortable
from holdall.frameworks.onnx.exporters import quiet, without_origin

LARGEST = 2**31 - 2**20
"""Bytes of weights that one ONNX file can hold."""


def library() -> Any:
    """torch itself. Raises MissingDependency."""
    try:
        import torch
    except ModuleNotFoundError:
        raise MissingDependency("torch", "holdall[transformers]", "packing a model of Transformers") from None
    return torch


def ready(module: Any) -> Any:
    """The module in evaluation mode, in float32, on the CPU.

    It is never the module itself, which a reading must not hold (see `framework.Transformers`), but shares its parts where
    it is so already.
    """
    torch = library()
    parts = (*module.parameters(), *module.buffers())
    plain = all(
        part.device.type == "cpu" and (not part.is_floating_point() or part.dtype == torch.float32) for part in parts
    )
    if plain and not any(part.training for part in module.modules()):
        return copy.copy(module)
    return copy.deepcopy(module).cpu().float().eval()


def changed(module: Any, *, evaluates: bool) -> tuple[str, ...]:
    """What `ready` does to it, in sentences. evaluates: its own code goes into evaluation mode before it answers."""
    notes = []
    dtype = next((str(part.dtype) for part in module.parameters() if part.is_floating_point()), "torch.float32")
    if dtype != "torch.float32":
        notes.append(f"its weights are {dtype.removeprefix('torch.')}; they are sealed, and compared, as float32")
    if not evaluates and any(part.training for part in module.modules() if not list(part.children())):
        notes.append("the model was in training mode; it is sealed in evaluation mode, as model.eval() makes it")
    return tuple(notes)


def export(module: Any, feeds: Sequence[str], outputs: Sequence[str], path: str) -> bytes:
    """The bytes of the graph. module: takes `feeds` by name, each [rows, tokens] int64, and returns a tensor for each output.

    path: what a refusal calls the model. Raises NotPortable with the cause.
    """
    torch = library()
    weight = sum(part.numel() * part.element_size() for part in (*module.parameters(), *module.buffers()))
    if weight > LARGEST:
        raise NotPortable(path, f"its weights take {weight / 2**30:.1f} GiB, and one ONNX file holds less than 2")
    rows, tokens = torch.export.Dim("rows"), torch.export.Dim("tokens")
    # Lengths that stand for nothing else, so that no number of the model's own is taken for one of them.
    given = {name: torch.full((2, 7), 1 if name != "token_type_ids" else 0, dtype=torch.int64) for name in feeds}
    shapes = {name: {0: rows, 1: tokens} for name in feeds}
    try:
        with quiet(), torch.no_grad():
            program = torch.onnx.export(
                module,
                (),
                kwargs=given,
                dynamo=True,
                input_names=list(feeds),
                output_names=[f"holdall_{name}" for name in outputs],
                dynamic_shapes=shapes,
                verbose=False,
                optimize=True,
            )
    except Exception as error:  # the exporter raises whatever the module's code makes it raise
        words = str(error.__cause__ or error).strip().splitlines() or [type(error).__name__]
        raise NotPortable(path, f"torch.onnx.export cannot write it: {words[0][:300]}") from error
    return _clean(program.model_proto, {f"holdall_{name}": name for name in outputs})


def _clean(model: Any, names: Mapping[str, str]) -> bytes:
    """The bytes of the graph with its outputs' own names, without where and by what it was written."""
    without_origin(model)
    del model.graph.value_info[:]
    taken = {name for node in model.graph.node for name in (*node.input, *node.output)}
    for output in model.graph.output:
        wanted = names[output.name]
        if wanted in taken:
            # The module has a value of that name inside; the output stays the only one that is called so.
            _rename(model.graph, wanted, f"inner_{wanted}")
        _rename(model.graph, output.name, wanted)
        output.name = wanted
    return bytes(model.SerializeToString(deterministic=True))


def _rename(graph: Any, old: str, new: str) -> None:
    for node in graph.node:
        for places in (node.input, node.output):
            for index, name in enumerate(places):
                if name == old:
                    places[index] = new
    for value in (*graph.initializer, *graph.input):
        if value.name == old:
            value.name = new
