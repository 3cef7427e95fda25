"""The interface as an OpenAPI 3.1 document, made from the schemas of the models; and examples to try them with."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from sys import float_info
from typing import Any

from holdall.columns.json import json_records
from holdall.scoring.package import Package
from holdall.serve.limits import Limits
from holdall.spec.schema import Field, Kind, Schema

_TYPES: dict[Kind, dict[str, Any]] = {
    Kind.BOOL: {"type": "boolean"},
    Kind.INT: {"type": "integer"},
    Kind.FLOAT: {"type": "number"},
    Kind.STRING: {"type": "string"},
    Kind.TIMESTAMP: {"type": "string", "format": "date-time"},
    Kind.DATE: {"type": "string", "format": "date"},
    Kind.BINARY: {"type": "string", "contentEncoding": "base64"},
    Kind.LIST: {"type": "array", "items": {"type": ["number", "string"]}},
}
_SAMPLES: dict[Kind, Any] = {
    Kind.BOOL: True,
    Kind.INT: 1,
    Kind.FLOAT: 1.0,
    Kind.STRING: "text",
    Kind.TIMESTAMP: "2024-05-01T12:00:00Z",
    Kind.DATE: "2024-05-01",
    Kind.BINARY: "aGVsbG8=",
    Kind.LIST: [1.0],
}
EXAMPLES = 3
LARGEST = float_info.max
"""The greatest double is no bound to tell of: JSON has no number beyond it, only digits that are rounded to it."""


def describe(models: Mapping[str, tuple[Package, str]], limits: Limits, *, token: bool) -> dict[str, Any]:
    """The document. models: id → (package, reference). token: whether one is asked for."""
    paths: dict[str, Any] = {}
    schemas: dict[str, Any] = {"Error": _ERROR}
    for id, (package, reference) in models.items():  # noqa: A001
        schemas[f"{id}.row"] = row_schema(package.schema)
        schemas[f"{id}.prediction"] = prediction_schema(package.schema)
        operation = _predict(id, package, reference, limits)
        if len(models) == 1:
            paths["/predict"] = {"post": {**operation, "operationId": "predict"}}
        paths[f"/models/{id}/predict"] = {"post": {**operation, "operationId": f"predict_{id}"}}
        paths[f"/models/{id}"] = {"get": _get("What there is to know of the model.", f"model_{id}")}
    paths["/models"] = {"get": _get("The models that are served.", "models")}
    paths["/health/live"] = {"get": _get("Whether the process runs.", "live")}
    paths["/health/ready"] = {"get": _get("Whether it takes requests.", "ready", {"503": _failure("It is stopping.")})}
    paths["/metrics"] = {
        "get": {
            "summary": "What was counted, as Prometheus reads it.",
            "operationId": "metrics",
            "responses": {"200": {"description": "done", "content": {"text/plain": {"schema": {"type": "string"}}}}},
        }
    }
    document: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": "holdall", "version": version("holdall"), "summary": "Models that answer."},
        "paths": paths,
        "components": {"schemas": schemas},
    }
    if token:
        document["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        document["security"] = [{"token": []}]
    return document


def _predict(id: str, package: Package, reference: str, limits: Limits) -> dict[str, Any]:  # noqa: A002
    row = {"$ref": f"#/components/schemas/{id}.row"}
    several = {"type": "array", "items": row, "maxItems": limits.rows}
    forms: list[dict[str, Any]] = [several, row]
    envelope = all(field.name != "rows" for field in package.schema.inputs)
    if envelope:
        identity = {"type": "string", "maxLength": 256, "description": "Your own name for the request."}
        forms.insert(
            0, {"type": "object", "required": ["rows"], "properties": {"rows": several, "id": identity, "key": {}}}
        )
    example = example_of(package)
    answer = {
        "type": "object",
        "required": ["predictions", "model", "version", "digest", "id"],
        "properties": {
            "predictions": {"type": "array", "items": {"$ref": f"#/components/schemas/{id}.prediction"}},
            **{name: {"type": "string"} for name in ("model", "version", "digest", "id")},
        },
    }
    return {
        "summary": f"Score rows with {reference}.",
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {"anyOf": forms},
                    "example": {"rows": example[:1]} if envelope else example[:1],
                },
                "text/csv": {"schema": {"type": "string"}},
                "application/vnd.apache.arrow.stream": {"schema": {"type": "string", "format": "binary"}},
            },
        },
        "responses": {
            "200": {"description": "One prediction a row.", "content": {"application/json": {"schema": answer}}},
            "400": _failure("The body is malformed."),
            "413": _failure("The body is too large."),
            "415": _failure("The body is of a kind that is not read here."),
            "422": _failure("The rows do not fit; the path names the first cell that does not."),
            "503": _failure("Too much to do; Retry-After says when to come back."),
        },
    }


def _get(summary: str, operation: str, more: Mapping[str, Any] | None = None) -> dict[str, Any]:
    return {
        "summary": summary,
        "operationId": operation,
        "responses": {
            "200": {"description": "done", "content": {"application/json": {"schema": {"type": "object"}}}},
            **(more or {}),
        },
    }


_ERROR: dict[str, Any] = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message"],
            "properties": {name: {"type": "string"} for name in ("code", "message", "hint", "path")},
        }
    },
}


def _failure(description: str) -> dict[str, Any]:
    return {
        "description": description,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
    }


def row_schema(schema: Schema) -> dict[str, Any]:
    """The JSON schema of one row of inputs."""
    properties = {field.name: _input(field) for field in schema.inputs}
    return {"type": "object", "required": list(properties), "properties": properties}


def prediction_schema(schema: Schema) -> dict[str, Any]:
    """The JSON schema of one prediction; any value may be null, as NaN is."""
    properties = {field.name: _or_null(_type(field, field.kind)) for field in schema.outputs}
    return {"type": "object", "required": list(properties), "properties": properties}


def _input(field: Field) -> dict[str, Any]:
    described = _type(field, field.carrier)
    observed = field.observed
    if field.limit is not None and field.limit < LARGEST and field.carrier in (Kind.FLOAT, Kind.INT):
        described |= {"minimum": -field.limit, "maximum": field.limit}
    if observed is not None:
        facts = []
        if observed.categories is not None:
            more = " and others" if observed.other else ""
            facts.append(f"seen: {', '.join(map(str, observed.categories[:20]))}{more}")
        if observed.minimum is not None and observed.maximum is not None:
            facts.append(f"seen from {observed.minimum:g} to {observed.maximum:g}")
        if observed.times is not None:
            facts.append(f"times written as {observed.times.format}")
        elif observed.forms:
            facts.append(f"text like {', '.join(observed.forms[:3])}")
        if facts:
            described["description"] = "; ".join(facts)
    return _or_null(described) if field.nullable else described


def _type(field: Field, kind: Kind) -> dict[str, Any]:
    if kind is not Kind.TENSOR:
        return dict(_TYPES[kind])
    described: dict[str, Any] = {"type": "number"}
    for length in reversed(field.shape):
        exact = {"minItems": length, "maxItems": length} if isinstance(length, int) else {}
        described = {"type": "array", "items": described, **exact}
    return described


def _or_null(described: dict[str, Any]) -> dict[str, Any]:
    return {**described, "type": [described["type"], "null"]}


def example_of(package: Package) -> list[dict[str, Any]]:
    """A few rows to try the model with: those that were recorded, else one that is made from the schema."""
    samples = package.samples
    if samples is not None and len(samples[0]):
        return json_records(samples[0].take(slice(0, EXAMPLES)))
    return [{field.name: _made(field) for field in package.schema.inputs}]


def _made(field: Field) -> Any:
    observed = field.observed
    if observed is not None:
        if observed.categories:
            return observed.categories[0]
        if field.carrier in (Kind.FLOAT, Kind.INT) and observed.minimum is not None and observed.maximum is not None:
            middle = (observed.minimum + observed.maximum) / 2
            return round(middle) if field.kind is Kind.INT else middle
    if field.kind is Kind.TENSOR:
        made: Any = 0.0
        for length in reversed(field.shape):
            made = [made] * (length if isinstance(length, int) else 1)
        return made
    return _SAMPLES[field.carrier]
