"""The types of an exported module, from the schema: what a row holds and what a prediction does."""

from __future__ import annotations

import json
from collections.abc import Sequence

from holdall.spec.manifest import Manifest
from holdall.spec.schema import Field, Kind

CATEGORIES = 50
"""So many known categories are listed for an editor to offer."""

_TAKES = {
    Kind.BOOL: "boolean",
    Kind.INT: "number | bigint",
    Kind.FLOAT: "number",
    Kind.STRING: "string",
    Kind.TIMESTAMP: "string | Date",
    Kind.DATE: "string | Date",
}
_GIVES = {
    Kind.BOOL: "boolean",
    Kind.INT: "number | bigint",
    Kind.FLOAT: "number",
    Kind.STRING: "string",
    Kind.TIMESTAMP: "string",
    Kind.DATE: "string",
}

_REST = """\
/** A value that does not fit, or a row that the model refuses. `path` reads `rows[3].age`. */
export interface Problem {
  path: string;
  expected?: string;
  got?: string;
  reason?: string;
  step?: string;
}

/** The rows do not fit the schema. `problems` are the first of them, `total` is how many there are. */
export declare class SchemaMismatch extends Error {
  readonly code: "schema_mismatch";
  readonly problems: Problem[];
  readonly total: number;
}

/** The model itself refuses these rows, as it did where it was trained. */
export declare class RowsRefused extends Error {
  readonly code: "rows_refused";
  readonly problems: Problem[];
  readonly total: number;
}

/** What there is to know of the model. */
export interface Description {
  readonly name: string;
  readonly version: string;
  readonly digest: string;
  readonly task: string;
}

/** The model, loaded. */
export interface Model extends Description {
  /** One prediction a row, in order. Throws SchemaMismatch, RowsRefused. */
  predict(rows: readonly Row[]): Promise<Prediction[]>;
  /** The prediction for one row. */
  predict(row: Row): Promise<Prediction>;
  /** Frees its memory. */
  close(): Promise<void>;
}

export declare const description: Description;

/** Loads the model and its runtime, which lie beside this module. */
export declare function load(): Promise<Model>;
"""


def declarations(manifest: Manifest) -> str:
    """The text of `model.d.ts`."""
    release, schema = manifest.release, manifest.schema
    return "\n".join(
        [
            f"// {release.name} {release.version}, sealed by holdall.",
            "",
            "/** What the model takes. Every column must be there; `null` is a missing value. */",
            _interface("Row", [(field, _taken(field)) for field in schema.inputs]),
            "/** What the model gives. */",
            _interface("Prediction", [(field, f"{_given(field, manifest)} | null") for field in schema.outputs]),
            _REST,
        ]
    )


def _interface(name: str, fields: Sequence[tuple[Field, str]]) -> str:
    lines = "".join(f"  {json.dumps(field.name)}: {type_};\n" for field, type_ in fields)
    return f"export interface {name} {{\n{lines}}}\n"


def _taken(field: Field) -> str:
    tensor = field.kind is Kind.TENSOR
    type_ = _nested("number", field) if tensor else _categories(field) or _TAKES[field.carrier]
    return f"{type_} | null" if field.nullable else type_


def _categories(field: Field) -> str | None:
    """The known texts, which an editor offers; others are taken too unless the schema is enforced."""
    seen = None if field.observed is None else field.observed.categories
    if field.kind is not Kind.STRING or not seen or len(seen) > CATEGORIES:
        return None
    listed = " | ".join(json.dumps(str(value)) for value in seen)
    closed = field.enforce and not (field.observed is not None and field.observed.other)
    return listed if closed else f"{listed} | (string & {{}})"


def _given(field: Field, manifest: Manifest) -> str:
    if field.kind is Kind.TENSOR:
        return _nested("number | bigint", field)
    if field.name == "prediction" and manifest.classes is not None and field.kind is Kind.STRING:
        return " | ".join(json.dumps(str(label)) for label in manifest.classes)
    return _GIVES[field.kind]


def _nested(type_: str, field: Field) -> str:
    for _ in field.shape:
        type_ = f"({type_})[]" if " " in type_ else f"{type_}[]"
    return type_
