"""A program as an ONNX graph: through torch.export, and through TorchScript where a module branches on its own numbers.

torch.export follows a module with numbers of no value, so a branch on them stops it; TorchScript compiles both branches.
Merely recording one call, as older exporters do, would keep the branch that was taken: that is never done here.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from holdall.columns.batch import Array
from holdall.errors import NotPortable
from holdall.frameworks.onnx.exporters import quiet, without_origin
from holdall.frameworks.torch.asking import Plan
from holdall.frameworks.torch.programs import Program, evaluating, library, named

OPSET = 20
LARGEST = 2**31 - 2**26
"""Bytes of weights that fit into one ONNX file beside the graph itself: protocol buffers end at 2 GiB."""


def export(program: Program, plan: Plan, feeds: Mapping[str, Array], outputs: int) -> Any:
    """The ModelProto with the plan's arguments as inputs, and out_0, out_1 … as outputs. feeds: for three rows, or one.

    Raises NotPortable with the cause, and the line of the module that it comes from.
    """
    step = f"model ({program.name})"
    if program.bytes > LARGEST:
        raise NotPortable(step, f"its weights have {program.bytes / 2**30:.1f} GiB, and an ONNX file holds less than 2")
    names = [port.name for port in plan.ports]
    given = program.tensors(feeds)
    answers = [f"out_{index}" for index in range(outputs)]
    with quiet(), evaluating(program.module), _plain_attention():
        if program.exported is not None:
            made = _through_export(program.exported, names, answers, step)
        elif program.scripted:
            made = _through_script(program.module, names, given, answers, step)
        else:
            made = _module(program, names, given, answers, step)
    if len(made.graph.output) != outputs:
        raise NotPortable(step, f"the export has {len(made.graph.output)} outputs, the module {outputs}")
    without_origin(made)
    return made


def _module(program: Program, names: list[str], given: Mapping[str, Any], answers: list[str], step: str) -> Any:
    torch = library()
    dynamic = ({0: torch.export.Dim.DYNAMIC},) * len(names)
    inputs = tuple(given[name] for name in names)
    try:
        exported = torch.export.export(_flat(program, names), inputs, dynamic_shapes=(dynamic,), strict=False)
        return _through_export(exported, names, answers, step)
    except Exception as error:  # noqa: BLE001 — as below
        cause = error.cause if isinstance(error, NotPortable) else _told(error)
        try:
            script = torch.jit.script(program.module)
            return _through_script(script, names, given, answers, step)
        except Exception:  # noqa: BLE001 — the second way is tried; what counts is why the first one failed
            raise NotPortable(step, cause) from error


def _flat(program: Program, names: list[str]) -> Any:
    """A module around it whose forward takes tensors in order and returns a tuple of tensors."""
    torch = library()

    base: Any = torch.nn.Module

    class Flat(base):  # type: ignore[misc] # a base that is known when it runs
        def __init__(self) -> None:
            super().__init__()
            self.inner = program.module

        def forward(self, *inputs: Any) -> Any:
            answer = self.inner(**dict(zip(names, inputs, strict=True)))
            return tuple(value for _, value in named(answer))

    return Flat().eval()


def _through_export(exported: Any, names: list[str], answers: list[str], step: str) -> Any:
    torch = library()
    try:
        program = torch.onnx.export(
            exported, (), dynamo=True, opset_version=OPSET, input_names=names, output_names=answers, verbose=False
        )
        return program.model_proto
    except Exception as error:  # the exporter raises whatever the module makes it raise
        raise NotPortable(step, f"no ONNX operators for it: {_told(error)}") from error


def _through_script(script: Any, names: list[str], given: Mapping[str, Any], answers: list[str], step: str) -> Any:
    import onnx

    torch = library()
    written = io.BytesIO()
    try:
        with _without_streams():
            torch.onnx.export(
                script,
                tuple(given[name] for name in names),
                written,
                dynamo=False,
                opset_version=OPSET,
                input_names=names,
                output_names=answers,
                dynamic_axes={name: {0: "rows"} for name in (*names, *answers)},
            )
    except Exception as error:  # the exporter raises whatever the module makes it raise
        raise NotPortable(step, f"no ONNX operators for it: {_told(error)}") from error
    return onnx.load_model_from_string(written.getvalue())


def _told(error: BaseException) -> str:
    """What went wrong in one line, with the line of the user's own code that it comes from."""
    while error.__cause__ is not None and not _own_line(error):
        error = error.__cause__
    message = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
    place = _own_line(error)
    return f"{message[:200]}{f' ({place})' if place else ''}"


def _own_line(error: BaseException) -> str | None:
    """`model.py:12: if x.sum() > 0:`, the last line of the traceback that is neither torch's nor holdall's."""
    ours = (str(Path(library().__file__).parent), str(Path(__file__).parents[2]))
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if not frame.filename.startswith((*ours, "<")) and "site-packages" not in frame.filename and frame.line:
            return f"{Path(frame.filename).name}:{frame.lineno}: {frame.line}"
    return None


@contextlib.contextmanager
def _without_streams() -> Iterator[None]:
    """TorchScript's exporter prints whole graphs from C++, past everything that Python can turn aside."""
    sys.stdout.flush()
    with open(os.devnull, "wb") as nowhere:
        kept = os.dup(1)
        os.dup2(nowhere.fileno(), 1)
        try:
            yield
        finally:
            os.dup2(kept, 1)
            os.close(kept)


@contextlib.contextmanager
def _plain_attention() -> Iterator[None]:
    """Transformer layers by their plain operators: the fused one of inference has no counterpart in ONNX."""
    attention = library().backends.mha
    before = attention.get_fastpath_enabled()
    attention.set_fastpath_enabled(False)
    try:
        yield
    finally:
        attention.set_fastpath_enabled(before)
