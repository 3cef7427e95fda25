"""What is called: a module, a script or an exported program, each with named arguments and named outputs.

All three are asked in the same way: without gradients, in evaluation mode, on their own device, with a seed of their own.
"""

from __future__ import annotations

import dataclasses
import inspect
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from holdall.columns.batch import Array
from holdall.errors import MissingDependency, UnsupportedModel

ROOT = "output"
"""What the only output of a module is called, which has no name of its own."""
_WRAPPERS = {"OptimizedModule": "_orig_mod", "DataParallel": "module", "DistributedDataParallel": "module"}
_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


@dataclass(frozen=True)
class Argument:
    """One argument of `forward`.

    needed: it has no default. element, shape: what an exported program was made for, its rows left out, None for a length
    that varies; None where nobody knows. alone: it was made for exactly one row.
    """

    name: str
    needed: bool = True
    element: str | None = None
    shape: tuple[int | None, ...] | None = None
    alone: bool = False


class Program:
    """A module, script or exported program that can be called. notes: what was taken off it."""

    def __init__(self, model: Any) -> None:
        """Raises UnsupportedModel for one that has not all its weights yet or whose arguments have no names."""
        torch = library()
        self.notes: tuple[str, ...] = ()
        self.exported = model if isinstance(model, torch.export.ExportedProgram) else None
        if self.exported is not None:
            self.module: Any = self.exported.module()
            self.arguments = _exported_arguments(self.exported)
            return
        self.module, self.notes = _unwrapped(model)
        if any(torch.nn.parameter.is_lazy(part) for part in (*self.module.parameters(), *self.module.buffers())):
            raise UnsupportedModel(
                f"the {type(self.module).__name__} does not know its own size yet",
                hint="call it once with a few rows, so that its lazy layers get their weights",
            )
        if any(part.is_meta for part in (*self.module.parameters(), *self.module.buffers())):
            raise UnsupportedModel(
                f"the {self.name} is on the device 'meta', where weights have a shape and no numbers",
                hint="module.to_empty(device='cpu'), then module.load_state_dict(torch.load(PATH))",
            )
        packed = next((part for part in self.module.modules() if _is_quantised(part)), None)
        if packed is not None:
            raise UnsupportedModel(
                f"the {self.name} is quantised: no graph holds the {type(packed).__name__} of torch.ao",
                hint="pack the module as it was before it was quantised",
            )
        if self.element not in ("float32", "float64"):
            raise UnsupportedModel(
                f"the {self.name} computes in {self.element}, which no other machine rounds in the same way",
                hint="give it in float32: model.float()",
            )
        self.arguments = _arguments(self.module)

    @property
    def scripted(self) -> bool:
        """Whether it is TorchScript."""
        return isinstance(self.module, library().jit.ScriptModule)

    @property
    def name(self) -> str:
        """The class, as messages call it."""
        if self.exported is not None:
            return "ExportedProgram"
        return str(getattr(self.module, "original_name", type(self.module).__name__))

    @property
    def element(self) -> str:
        """The kind of float that its weights are; float32 where it has none."""
        for part in (*self.module.parameters(), *self.module.buffers()):
            if part.dtype.is_floating_point:
                return str(part.dtype).removeprefix("torch.")
        return "float32"

    @property
    def bytes(self) -> int:
        """How much room its weights take."""
        return sum(part.numel() * part.element_size() for part in (*self.module.parameters(), *self.module.buffers()))

    def tensors(self, given: Mapping[str, Array]) -> dict[str, Any]:
        """These arrays as tensors on the program's device."""
        torch = library()
        parts = (*self.module.parameters(), *self.module.buffers())
        device = parts[0].device if parts else torch.device("cpu")
        return {name: torch.from_numpy(values).to(device) for name, values in given.items()}

    def call(self, given: Mapping[str, Any]) -> list[tuple[str, Any]]:
        """Its outputs by name, for tensors by the argument's name. Raises whatever it raises, and UnsupportedModel."""
        with evaluating(self.module), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return named(self.answer(given))

    def answer(self, given: Mapping[str, Any]) -> Any:
        """What the program returns, as it is."""
        if self.exported is not None:
            import torch.utils._pytree as pytree

            flat = [given[argument.name] for argument in self.arguments]
            args, kwargs = pytree.tree_unflatten(flat, self.exported.call_spec.in_spec)
            return self.module(*args, **kwargs)
        return self.module(**given)


def library() -> Any:
    """torch itself. Raises MissingDependency."""
    try:
        import torch
    except ModuleNotFoundError:
        raise MissingDependency("torch", "holdall[torch]", "packing a PyTorch model") from None
    return torch


@contextmanager
def evaluating(module: Any) -> Iterator[None]:
    """The module in evaluation mode, without gradients; its modes and the random generator are given back as they were."""
    torch = library()
    modes = [(part, part.training) for part in module.modules()]
    try:
        for part, _ in modes:
            part.training = False
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            yield
    finally:
        for part, mode in modes:
            part.training = mode


def named(answer: Any, name: str = "") -> list[tuple[str, Any]]:
    """The tensors in what a program returned, by name, in the order in which they stand.

    A dict, a dataclass and a named tuple have names; what stands in a tuple is numbered; None is left out.
    Raises UnsupportedModel for anything else.
    """
    torch = library()
    if isinstance(answer, torch.Tensor):
        return [(name or ROOT, answer)]
    if answer is None:
        return []
    parts: Sequence[tuple[str, Any]]
    if isinstance(answer, Mapping):
        parts = [(str(key), value) for key, value in answer.items()]
    elif dataclasses.is_dataclass(answer) and not isinstance(answer, type):
        parts = [(field.name, getattr(answer, field.name)) for field in dataclasses.fields(answer)]
    elif isinstance(answer, tuple) and hasattr(answer, "_fields"):
        parts = list(zip(answer._fields, answer, strict=True))
    elif isinstance(answer, tuple | list) and len(answer) == 1:
        return named(answer[0], name)
    elif isinstance(answer, tuple | list):
        parts = [(f"{name or ROOT}_{index}", value) for index, value in enumerate(answer)]
        return [found for key, value in parts for found in named(value, key)]
    else:
        raise UnsupportedModel(
            f"the output {name or ROOT!r} is of type {type(answer).__name__}, which no column can hold",
            hint="return tensors only, from a module around this one",
        )
    return [found for key, value in parts for found in named(value, f"{name}_{key}" if name else key)]


def _unwrapped(model: Any) -> tuple[Any, tuple[str, ...]]:
    notes = []
    while type(model).__name__ in _WRAPPERS and hasattr(model, _WRAPPERS[type(model).__name__]):
        inner = getattr(model, _WRAPPERS[type(model).__name__])
        notes.append(f"the {type(inner).__name__} was taken out of its {type(model).__name__}")
        model = inner
    if any(part.training for part in model.modules() if not list(part.children())):
        notes.append("the module was in training mode; it is sealed in evaluation mode, as model.eval() makes it")
    return model, tuple(notes)


def _is_quantised(part: Any) -> bool:
    return ".ao.nn.quantized" in type(part).__module__ or ".ao.nn.intrinsic.quantized" in type(part).__module__


def _arguments(module: Any) -> tuple[Argument, ...]:
    if isinstance(module, library().jit.ScriptModule):
        declared = module.forward.schema.arguments[1:] if hasattr(module, "forward") else ()
        found = [Argument(each.name, not each.has_default_value()) for each in declared]
    else:
        parameters = inspect.signature(module.forward).parameters.values()
        found = [
            Argument(each.name, each.default is inspect.Parameter.empty)
            for each in parameters
            if each.kind not in _VARIADIC
        ]
    if not found:
        raise UnsupportedModel(
            f"{type(module).__name__}.forward takes no argument by a name",
            hint="put a module around it whose forward names its inputs",
        )
    return tuple(found)


def _exported_arguments(program: Any) -> tuple[Argument, ...]:
    torch = library()
    values = {node.name: node.meta.get("val") for node in program.graph.nodes if node.op == "placeholder"}
    found = []
    for name in program.graph_signature.user_inputs:
        value = values.get(name)
        if not isinstance(value, torch.Tensor) or not value.ndim:
            raise UnsupportedModel(
                f"the exported program's input {name!r} is no tensor with rows", hint="export it with tensors only"
            )
        rows, *sides = value.shape
        if isinstance(rows, int) and rows != 1:
            raise UnsupportedModel(
                f"the program was exported for exactly {rows} rows",
                hint="export it with rows that may vary: dynamic_shapes={"
                + repr(name)
                + ": {0: torch.export.Dim.DYNAMIC}}",
            )
        shape = tuple(side if isinstance(side, int) else None for side in sides)
        element = str(value.dtype).removeprefix("torch.")
        found.append(Argument(name, True, element, shape, isinstance(rows, int)))
    return tuple(found)
