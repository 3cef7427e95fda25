"""ONNX in onnxruntime: the engine of every portable package."""

from __future__ import annotations

from collections.abc import Mapping

import onnxruntime

from holdall.columns.batch import Array
from holdall.engines.engine import Files
from holdall.errors import InputError, PackageDamaged
from holdall.spec.schema import Schema
from holdall.spec.steps import Step


class Session:
    """One opened graph. Calls are thread-safe, as onnxruntime's are."""

    def __init__(self, model: bytes, path: str, threads: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # What fails is raised; said on standard error as well it would be said twice.
        options.log_severity_level = 4
        # A spinning pool burns a core between two requests.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # noqa: BLE001 — onnxruntime raises a dozen types of its own for a bad model
            raise PackageDamaged(
                f"{path} is not a graph that onnxruntime {onnxruntime.__version__} can load: {_first_line(error)}",
                hint="`holdall doctor` shows the versions here; a newer onnxruntime may know the operators",
                path=path,
            ) from None
        self.outputs = [entry.name for entry in self._session.get_outputs()]
        self.inputs = frozenset(entry.name for entry in self._session.get_inputs())

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Graph output name → array. `feeds` may hold more than the graph takes.

        Raises InputError where the graph itself stops at what it is given, as graphs made elsewhere do.
        """
        if feeds.keys() != self.inputs:
            feeds = {name: feeds[name] for name in self.inputs}
        try:
            return dict(zip(self.outputs, self._session.run(self.outputs, feeds), strict=True))
        except Exception as error:  # noqa: BLE001 — as above
            raise InputError(f"the graph refuses it: {_reason(error)}") from None


def open_step(step: Step, schema: Schema, files: Files, threads: int) -> Session:  # noqa: ARG001 — the engine's seam
    """Open the graph of a step. Raises PackageDamaged."""
    path = step.files[0]
    return Session(files.read(path), path, threads)


def _reason(error: Exception) -> str:
    """What onnxruntime says of a failure, without the numbers around it."""
    return _first_line(error).rpartition("Status Message: ")[2]


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:200]
