"""CatBoost's own format, cbm: numbers and class labels only, run by CatBoost itself where no graph holds the model exactly.

A step's outputs have the names of CatBoost's prediction types, which say how the file's sums become answers.
"""

from __future__ import annotations

import json
import struct
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from holdall.columns.batch import Array, Batch
from holdall.engines.engine import Files
from holdall.engines.frames import KINDS, frame
from holdall.errors import ManifestInvalid, MissingDependency, PackageDamaged
from holdall.spec.manifest import PATH
from holdall.spec.schema import Schema
from holdall.spec.steps import Step

CLASS, PROBABILITY, RAW, EXPONENT, UNCERTAIN = (
    "Class",
    "Probability",
    "RawFormulaVal",
    "Exponent",
    "RMSEWithUncertainty",
)
TYPES = frozenset({CLASS, PROBABILITY, RAW, EXPONENT, UNCERTAIN})
"""The prediction types that may be asked for."""


HEAD = struct.Struct("<4sI")
"""What a file begins with: four letters, and the size of the model that follows."""

ACCIDENTS = frozenset({"model_guid", "train_finish_time"})
"""What a file tells of one fitting of a model and not of another."""

SETTINGS = frozenset({"output_options", "params"})
"""What it tells in JSON, in any order."""


def saved(model: Any) -> bytes:
    """The model as cbm: the same bytes for the same model, whenever it was fitted."""
    with tempfile.TemporaryDirectory(prefix="holdall-") as folder:
        path = Path(folder) / "model.cbm"
        model.save_model(str(path), format="cbm")
        kept = type(model)().load_model(str(path))
        told = kept.get_metadata()
        for key in ACCIDENTS & set(told.keys()):
            del told[key]
        for key in SETTINGS & set(told.keys()):
            told[key] = json.dumps(json.loads(told[key]), sort_keys=True)
        kept.save_model(str(path), format="cbm")
        return path.read_bytes()


def load(data: bytes, path: str, kind: str | None = None) -> Any:
    """The model in a file, as the wrapper that its target calls for. Raises PackageDamaged, MissingDependency.

    kind: the class that it is to be of in any case: 'CatBoostRanker'.
    """
    try:
        import catboost
    except ModuleNotFoundError:
        raise MissingDependency("catboost", "holdall[catboost]", f"the model in {path}") from None
    if len(data) < HEAD.size or len(data) < HEAD.size + HEAD.unpack_from(data)[1]:
        # CatBoost reads on beyond the end.
        raise PackageDamaged(f"{path} cannot be loaded: it is cut off", path=path)
    try:
        bare = catboost.CatBoost().load_model(blob=data)
        if kind is not None:
            settings = _settings(bare) if kind in ("CatBoostRanker", "CatBoostRegressor") else {}
            return getattr(catboost, kind)(**settings).load_model(blob=data)
        # A file says which classes it has, and by that which wrapper it was saved from.
        if len(bare.classes_):
            return catboost.CatBoostClassifier().load_model(blob=data)
        # A regressor's answer is an exponential under some losses, which it asks its own settings for.
        return catboost.CatBoostRegressor(**_settings(bare)).load_model(blob=data)
    except (catboost.CatBoostError, ValueError) as error:
        raise PackageDamaged(
            f"{path} cannot be loaded: {str(error).strip().partition(chr(10))[0]}",
            hint="`holdall env REF --check` compares the versions here with those that it was sealed with",
            path=path,
        ) from error


def _settings(bare: Any) -> dict[str, Any]:
    loss = bare.get_all_params().get("loss_function")
    return {"loss_function": loss} if isinstance(loss, str) else {}


class _Opened:
    """An opened model."""

    def __init__(self, model: Any, step: Step, schema: Schema, threads: int) -> None:
        """Raises ManifestInvalid for a prediction type or a kind of table that there is not."""
        columns = {output.name: output.columns for output in step.outputs}
        if not columns or set(columns) - TYPES or step.table not in KINDS:
            raise ManifestInvalid(
                PATH, f"a CatBoost model is not asked for {', '.join(columns)} with a {step.table} table"
            )
        self._model = model
        self._schema = schema
        self._table = step.table
        self._columns = columns
        self._threads = threads or -1

    def run(self, batch: Batch) -> dict[str, Array]:
        """StepOutput name → vector [rows] or matrix [rows, k]. Raises what CatBoost raises for rows that it refuses."""
        if not batch.rows:
            return {name: np.empty((0, len(columns))) for name, columns in self._columns.items()}
        table = frame(batch, self._schema, self._table)
        return {name: self._ask(table, name) for name in self._columns}

    def _ask(self, table: Any, name: str) -> Array:
        answer = np.asarray(self._model.predict(table, prediction_type=name, thread_count=self._threads))
        return answer[:, 0] if answer.ndim == 2 and answer.shape[1] == 1 else answer


def open_step(step: Step, schema: Schema, files: Files, threads: int) -> _Opened:
    """Open a model. Raises PackageDamaged, MissingDependency."""
    path = step.files[0]
    return _Opened(load(files.read(path), path), step, schema, threads)
