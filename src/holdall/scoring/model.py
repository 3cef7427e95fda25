"""A loaded package: tables in, tables of the caller's own kind out."""

from __future__ import annotations

from html import escape
from typing import Any

from holdall.columns.batch import Batch
from holdall.columns.tables import Form, find_form, from_table, to_table
from holdall.scoring.scorer import Scorer
from holdall.spec.manifest import Manifest
from holdall.spec.schema import Schema

FEW = 64
"""Up to so many records go straight to the engine's matrices; beyond, columns are built first."""


SINGLE = (float, int, str, bool, type(None))


class Model:
    """A package that is open and ready.

    reference: as it was asked for; digest: what was loaded. Safe to call from several threads.
    """

    def __init__(self, reference: str, digest: str, scorer: Scorer) -> None:
        self.reference = reference
        self.digest = digest
        self._scorer = scorer

    @property
    def manifest(self) -> Manifest:
        return self._scorer.manifest

    @property
    def schema(self) -> Schema:
        return self._scorer.schema

    def predict(self, table: Any) -> Any:
        """Every output of the model for every row, in the caller's kind of table.

        table: pandas, polars or pyarrow; a NumPy matrix in the schema's order; a dict of columns; a list of records; or
        one record, which is answered by one record. Raises SchemaMismatch, RowsRefused (both holdall.Error).
        """
        if isinstance(table, list) and 0 < len(table) <= FEW and isinstance(table[0], dict):
            return self._scorer.score_records(table)
        if isinstance(table, dict) and _is_record(table):
            return self._scorer.score_records([table])[0]
        batch, form = from_table(table, schema=self.schema)
        return to_table(self._scorer.score(batch), form, index=getattr(table, "index", None))

    def score(self, columns: Batch) -> Batch:
        """Columns in, columns out: `predict` without any table."""
        return self._scorer.score(columns)

    def __repr__(self) -> str:
        manifest = self.manifest
        inputs, outputs = len(manifest.schema.inputs), [field.name for field in manifest.schema.outputs]
        shown = ", ".join(outputs[:4]) + (" …" if len(outputs) > 4 else "")
        return f"<holdall.Model {self.reference} · {self.digest[:19]} · {inputs} columns → {shown}>"

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{escape(field.name)}</td><td>{field.kind}</td><td>{'accepted' if field.nullable else 'refused'}</td></tr>"
            for field in self.schema.inputs
        )
        outputs = ", ".join(escape(field.name) for field in self.schema.outputs)
        return (
            f"<b>{escape(self.reference)}</b> <code>{escape(self.digest[:19])}</code>"
            f"<table><thead><tr><th>column</th><th>kind</th><th>missing values</th></tr></thead><tbody>{rows}</tbody></table>"
            f"<p>answers: {outputs}</p>"
        )


def _is_record(table: dict[str, Any]) -> bool:
    """Whether a dict is one record; its first value nearly always tells, and asking each takes longer than the model."""
    for value in table.values():
        return type(value) in SINGLE or find_form(table) is Form.RECORD
    return False
