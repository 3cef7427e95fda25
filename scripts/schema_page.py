"""Writes docs/reference/holdall.schema.json from the manifest as the code has it."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

import msgspec

from holdall.spec.manifest import FORMAT, Manifest

PATH = Path(__file__).parents[1] / "docs" / "reference" / "holdall.schema.json"


def text() -> str:
    """The schema as it is published. It is the same from every Python, though newer ones unindent docstrings."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"holdall.json, format {FORMAT}",
        **msgspec.json.schema(Manifest),
    }
    schema["$defs"]["Manifest"]["properties"]["format"] = {"const": FORMAT}
    return json.dumps(_unindented(schema), indent=2, ensure_ascii=False) + "\n"


def _unindented(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: inspect.cleandoc(each) if key == "description" and isinstance(each, str) else _unindented(each)
            for key, each in value.items()
        }
    if isinstance(value, list):
        return [_unindented(each) for each in value]
    return value


if __name__ == "__main__":
    PATH.write_text(text(), encoding="utf-8")
