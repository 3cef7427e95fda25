"""The manifest, `holdall.json`: what a package is. Its JSON schema is published in `docs/reference/holdall.schema.json`.

Nothing measured and no fact of the packing machine is in it: those are referrers, so that adding one never changes the
digest. `FORMAT` is 0 while the format may still break.
"""

from __future__ import annotations

from typing import Any

import msgspec

from holdall.errors import ManifestInvalid, UsageError
from holdall.spec import canonical
from holdall.spec import digest as digests
from holdall.spec.digest import Digest
from holdall.spec.environment import Environment
from holdall.spec.reference import Version, check_name
from holdall.spec.schema import Schema
from holdall.spec.steps import PYTHON, Role, Step

FORMAT = 0
PATH = "holdall.json"


class Release(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the fingerprint leaves out: how this content was released. Metrics are those the user stated."""

    name: str
    version: str
    metrics: dict[str, float] = {}
    metadata: dict[str, str] = {}


class File(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One file of the package. role: 'weight', 'weight.config', 'code', 'doc' or 'dataset', as ModelPack names them."""

    path: str
    digest: str
    size: int
    role: str
    chunks: str | None = None


class Examples(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The recorded examples, a referrer. record: 'synthetic' or 'real'."""

    digest: str
    rows: int
    record: str


class Tolerance(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Values a and b agree where |a - b| <= absolute + relative * |b|, as `numpy.isclose` has it."""

    relative: float
    absolute: float


class Blocker(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why a step is not portable. step: its path in the model, for instance 'pipeline.text (TfidfVectorizer)'."""

    step: str
    cause: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole of `holdall.json`.

    task: 'classification', 'regression', 'clustering', 'outliers', 'transform' or 'function'.
    classes: the class labels in the order of the probabilities, for one-output classifiers; else None.
    row_wise: proved when packed: a row's answer does not depend on the other rows of its batch.
    portable: every step runs in a data-only engine, without Python.
    """

    format: int
    release: Release
    task: str
    classes: tuple[str | int | float | bool, ...] | None
    schema: Schema
    steps: tuple[Step, ...]
    row_wise: bool
    portable: bool
    blockers: tuple[Blocker, ...]
    tolerance: Tolerance
    examples: Examples | None
    environment: Environment
    files: tuple[File, ...]

    @property
    def model(self) -> Step:
        """The step that is the model itself."""
        return next(step for step in self.steps if step.role is Role.MODEL)

    def fingerprint(self) -> Digest:
        """The digest of the canonical manifest without `release`: the same for the same content under any version."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        del plain["release"]
        return digests.of(canonical.encode(plain))


def encode(manifest: Manifest) -> bytes:
    """The canonical bytes of `holdall.json`. decode(encode(m)) == m."""
    return canonical.encode(manifest)


def decode(data: bytes, path: str = PATH) -> Manifest:
    """The manifest in `data`. Raises ManifestInvalid, also for every spelling that `encode` would not have written."""
    plain = canonical.decode(data, path)
    number = plain.get("format") if isinstance(plain, dict) else None
    if number != FORMAT:
        raise ManifestInvalid(path, f"format {number!r} is not known to this holdall, which reads format {FORMAT}")
    try:
        manifest = msgspec.convert(plain, Manifest)
    except msgspec.ValidationError as error:
        raise ManifestInvalid(path, str(error)) from None
    if encode(manifest) != data:
        raise ManifestInvalid(path, "it is not spelled as holdall writes it")
    _check(manifest, path)
    return manifest


def _check(manifest: Manifest, path: str) -> None:
    """What the types cannot say: names are unique, paths are plain, steps name files and columns that exist."""
    try:
        check_name(manifest.release.name)
        Version.parse(manifest.release.version)
    except UsageError as error:
        raise ManifestInvalid(path, error.message) from None
    files = {file.path for file in manifest.files}
    if len(files) != len(manifest.files) or [f.path for f in manifest.files] != sorted(files):
        raise ManifestInvalid(path, "its files are not sorted by path, or one is named twice")
    for file in manifest.files:
        if not digests.PATTERN.fullmatch(file.digest):
            raise ManifestInvalid(path, f"{file.digest!r} is not a digest")
        check_path(file.path, path)
    inputs = {field.name for field in manifest.schema.inputs}
    outputs = {field.name for field in manifest.schema.outputs}
    if len(inputs) != len(manifest.schema.inputs) or len(outputs) != len(manifest.schema.outputs):
        raise ManifestInvalid(path, "a column is named twice in its schema")
    for step in manifest.steps:
        for name in step.files:
            if name not in files:
                raise ManifestInvalid(path, f"a step names the file {name!r}, which the package does not hold")
        if (step.engine == PYTHON) != bool(step.functions):
            raise ManifestInvalid(path, f"a step of {step.engine!r} names the functions {list(step.functions)}")
    order = [list(Role).index(step.role) for step in manifest.steps]
    if order != sorted(order) or order.count(list(Role).index(Role.MODEL)) != 1:
        raise ManifestInvalid(path, "its steps are not preprocess, one model, postprocess")
    if any(step.role is not Role.MODEL and step.engine != PYTHON for step in manifest.steps):
        raise ManifestInvalid(path, "a step before or after the model is no function")


def check_path(name: str, where: str) -> str:
    """`name`, if it is a plain relative path: parts of [A-Za-z0-9._+-], none of them '.' or '..'. Else ManifestInvalid."""
    parts = name.split("/")
    plain = all(
        part not in ("", ".", "..") and all(c.isascii() and (c.isalnum() or c in "._+-") for c in part)
        for part in parts
    )
    if not plain or len(name) > 240:
        raise ManifestInvalid(where, f"{name!r} is not a plain relative path")
    return name
