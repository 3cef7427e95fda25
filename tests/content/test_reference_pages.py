"""The pages about the format say what the code does."""

from __future__ import annotations

import json
import re
import runpy
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from holdall.content import media, oci
from holdall.content.archive import open_archive
from holdall.spec.manifest import FORMAT
from tests.golden import make

from .samples import sealed

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
SCHEMA = json.loads((REFERENCE / "holdall.schema.json").read_text(encoding="utf-8"))
PAGE = (REFERENCE / "format.md").read_text(encoding="utf-8")


def test_the_published_schema_is_current() -> None:
    current = runpy.run_path(str(REFERENCE.parents[1] / "scripts" / "schema_page.py"))["text"]()
    assert (REFERENCE / "holdall.schema.json").read_text(encoding="utf-8") == current


def test_the_published_schema_is_a_schema_and_takes_what_is_sealed() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    for document in (open_archive(make.PATH).read("holdall.json"), sealed().blobs[sealed().layers[0].digest]):
        jsonschema.Draft202012Validator(SCHEMA).validate(json.loads(document))


@pytest.mark.parametrize(
    "change",
    [{"format": FORMAT + 1}, {"more": 1}, {"row_wise": "yes"}, {"files": None}, {"release": {"name": "tiny"}}],
    ids=str,
)
def test_the_published_schema_refuses_what_a_reader_refuses(change: dict[str, Any]) -> None:
    document = json.loads(open_archive(make.PATH).read("holdall.json"))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(SCHEMA).validate({**document, **change})


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


def test_the_example_of_the_page_is_the_golden_package() -> None:
    content = open_archive(make.PATH)
    manifest, config = (json.loads(block) for block in blocks("json"))
    raw = {blob.name: b"".join(content.stream(blob)) for blob in content.reachable()}
    assert manifest == json.loads(raw["the OCI manifest"])
    assert config == json.loads(raw["the config"])


def test_the_listing_of_the_page_is_the_golden_archive() -> None:
    content = open_archive(make.PATH)
    lines = [line.split()[:2] for line in blocks("text")[0].splitlines()]
    expected = [["oci-layout", "30"], ["index.json", str(len(_index()))]]
    expected += [[f"blobs/sha256/{blob.digest[7:15]}…", str(blob.size)] for blob in content.reachable()]
    assert lines == expected


def _index() -> bytes:
    data = make.PATH.read_bytes()
    return data[1536 : 1536 + int(data[1024 + 124 : 1024 + 135], 8)]


def test_every_name_and_every_bound_is_on_the_page() -> None:
    names = [value for key, value in vars(media).items() if key.isupper() and isinstance(value, str)]
    for name in [*names, *(media.layer(role) for role in media.ROLES)]:
        assert f"`{name}`" in PAGE
    for bound in ("LARGEST_BLOB", "LARGEST_MANIFEST", "LARGEST_INDEX", "LARGEST_HOLDALL_JSON", "MOST_REFERRERS"):
        assert f"{getattr(oci, bound):,}" in PAGE


def test_the_page_names_the_number_of_the_format() -> None:
    assert f"The format's number is **{FORMAT}**" in PAGE
