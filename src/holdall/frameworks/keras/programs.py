"""A Keras model that is called with arrays: its inputs by name, its outputs by name, on whichever backend it runs.

On TensorFlow it is called through a traced function, as `model.predict` does; on PyTorch without gradients.
"""

from __future__ import annotations

import re
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from holdall.columns.batch import Array
from holdall.errors import MissingDependency, UnsupportedModel
from holdall.frameworks.onnx.ports import Port

BACKENDS = ("tensorflow", "torch")
ROOT, ONLY = "output", "inputs"
_NAME = re.compile(r"[A-Za-z_]\w*")


@dataclass(frozen=True)
class Input:
    """One input of the model. shape: without its rows, None for a length that varies; None where nobody knows."""

    name: str
    element: str
    shape: tuple[int | None, ...] | None


class Program:
    """A model that can be called. It does not keep the model alive; whoever calls it does."""

    def __init__(self, model: Any) -> None:
        """Raises UnsupportedModel for a backend or numbers that cannot be sealed."""
        keras = library()
        self._model = weakref.ref(model)
        self.backend = str(keras.backend.backend())
        self.name = type(model).__name__
        if self.backend not in BACKENDS:
            raise UnsupportedModel(
                f"Keras runs on {self.backend} here, from which no ONNX graph comes",
                hint="model.save('model.keras'), then pack it in a process with KERAS_BACKEND=tensorflow or torch",
            )
        self.element = str(model.compute_dtype)
        half = next((each for each in _computed_in(model) if each not in ("float32", "float64")), None)
        if half is not None:
            raise UnsupportedModel(
                f"the {self.name} computes in {half}, which no other machine rounds in the same way",
                hint="build it with the dtype policy float32 and set its weights: they are kept in float32 already",
            )
        self.inputs = self._inputs()
        self.names: list[str] = []
        self._functions: dict[tuple[Any, ...], Any] = {}

    @property
    def model(self) -> Any:
        """The model itself. Raises ReferenceError once nobody else has it."""
        model = self._model()
        if model is None:
            raise ReferenceError(f"the {self.name} is gone")
        return model

    def _inputs(self) -> tuple[Input, ...]:
        """The declared inputs; none for a subclassed model, which does not say."""
        given = self.declared()
        if given is None:
            return ()
        flat = library().tree.flatten(given)
        named = list(given) if isinstance(given, Mapping) else [value.name for value in flat]
        if isinstance(given, Mapping):
            by_identity = {id(value): key for key, value in given.items()}
            named = [str(by_identity.get(id(value), value.name)) for value in flat]
        found = []
        for name, value in zip(named, flat, strict=True):
            rows, *sides = value.shape
            if rows is not None:
                raise UnsupportedModel(
                    f"the input {name!r} is made for exactly {rows} rows",
                    hint="build it with keras.Input(shape=…) without a batch size, and set its weights",
                )
            found.append(Input(name, str(value.dtype), tuple(sides)))
        return tuple(found)

    def declared(self) -> Any:
        """The declared inputs in the structure that the model takes them in; None where it does not say."""
        try:
            return self.model.input if self.model.inputs else None
        except (AttributeError, ValueError):
            return None

    def call(self, ports: Sequence[Port], feeds: Mapping[str, Array]) -> list[tuple[str, Array]]:
        """Its outputs by name. Raises whatever it raises."""
        given = [np.ascontiguousarray(feeds[port.name]) for port in ports]
        if self.backend == "torch":
            import torch

            with torch.no_grad():
                found = self.named(self.answer(ports, [self._tensor(values) for values in given]))
            return [(name, np.asarray(value.detach().cpu())) for name, value in found]
        answers = self.function(ports)(*given)
        return [(name, value.numpy()) for name, value in zip(self.names, answers, strict=True)]

    def _tensor(self, values: Array) -> Any:
        return library().ops.convert_to_tensor(values)

    def function(self, ports: Sequence[Port]) -> Any:
        """The traced TensorFlow function of tensors in the order of the ports, which returns a tuple of tensors."""
        import tensorflow as tf

        key = tuple((port.name, port.element, port.shape) for port in ports)
        if key not in self._functions:
            signature = [
                tf.TensorSpec((None, *port.shape), tf.string if port.element == "string" else port.element, name)
                for port, name in zip(ports, graph_names(ports), strict=True)
            ]

            def run(*given: Any) -> Any:
                found = self.named(self.answer(ports, given))
                self.names = [name for name, _ in found]
                return tuple(value for _, value in found)

            self._functions[key] = tf.function(run, input_signature=signature)
        return self._functions[key]

    def answer(self, ports: Sequence[Port], given: Sequence[Any]) -> Any:
        """What the model returns for tensors in the order of the ports."""
        declared = self.declared() if self.inputs else None
        if declared is not None:
            packed = library().tree.pack_sequence_as(declared, list(given))
        elif len(given) == 1:
            packed = given[0]
        else:
            packed = {port.name: value for port, value in zip(ports, given, strict=True)}
        return self.model(packed, training=False)

    def named(self, answer: Any) -> list[tuple[str, Any]]:
        """The tensors that a model returned, by name. Raises UnsupportedModel for two of one name."""
        tree = library().tree
        if isinstance(answer, Mapping):
            parts = [(str(key), value) for key, value in answer.items()]
        elif isinstance(answer, tuple | list):
            names = list(getattr(self.model, "output_names", None) or [])
            if len(names) != len(answer) or len(set(names)) != len(names):
                names = [f"{ROOT}_{index}" for index in range(len(answer))]
            parts = list(zip(names, answer, strict=True))
        else:
            parts = [(ROOT, answer)]
        if any(tree.is_nested(value) for _, value in parts):
            raise UnsupportedModel(
                f"the {self.name} returns structures inside structures", hint="return tensors, or a dict of tensors"
            )
        return parts


_PROGRAMS: WeakKeyDictionary[Any, Program] = WeakKeyDictionary()
"""A model's traced functions, which are dear to make, for as long as there is the model."""


def program_of(model: Any) -> Program:
    """The model's program, made once. Raises UnsupportedModel, MissingDependency."""
    found = _PROGRAMS.get(model)
    if found is None or found.inputs != Program(model).inputs:
        found = _PROGRAMS[model] = Program(model)
    return found


def graph_names(ports: Sequence[Port]) -> list[str]:
    """What the inputs are called in a graph, where not every name is allowed."""
    return [port.name if _NAME.fullmatch(port.name) else f"in_{place}" for place, port in enumerate(ports)]


def library() -> Any:
    """Keras itself. Raises MissingDependency."""
    try:
        import keras
    except ModuleNotFoundError:
        raise MissingDependency("keras", "holdall[keras]", "packing a Keras model") from None
    return keras


def _computed_in(model: Any) -> list[str]:
    layers = model._flatten_layers() if hasattr(model, "_flatten_layers") else [model]
    return [str(layer.compute_dtype) for layer in layers if str(layer.compute_dtype).startswith(("float", "bfloat"))]
