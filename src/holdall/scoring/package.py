"""A package that is open for reading: everything about it, and nothing of it run."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from typing import Any

import msgspec

from holdall.columns import recorded
from holdall.columns.batch import Batch
from holdall.content import media
from holdall.content.package import Content
from holdall.scoring.trust import Level, level_of
from holdall.spec import digest as digests
from holdall.spec.manifest import Manifest
from holdall.spec.report import Parity
from holdall.spec.schema import Schema
from holdall.spec.steps import Step

_DISTRIBUTION = re.compile(r"[^A-Za-z0-9._-]")
"""What ends the name at the start of a requirement."""


class Package:
    """One sealed package, wherever it lies.

    reference: as it was asked for, or `name:version`; reused: whether `pack` found the same content there already;
    sealed_here: this user sealed it in this store; aliases: what points to it now.
    """

    def __init__(
        self,
        reference: str,
        content: Content,
        *,
        sealed_here: bool = False,
        aliases: Sequence[str] = (),
        reused: bool = False,
        notes: Sequence[str] = (),
    ) -> None:
        self.reference = reference
        self.content = content
        self.sealed_here = sealed_here
        self.aliases = tuple(aliases)
        self.reused = reused
        self.notes = tuple(notes)

    @property
    def digest(self) -> str:
        return self.content.digest

    @property
    def manifest(self) -> Manifest:
        return self.content.manifest

    @property
    def name(self) -> str:
        return self.manifest.release.name

    @property
    def version(self) -> str:
        return self.manifest.release.version

    @property
    def schema(self) -> Schema:
        return self.manifest.schema

    @property
    def steps(self) -> tuple[Step, ...]:
        return self.manifest.steps

    @property
    def samples(self) -> tuple[Batch, Batch] | None:
        """The recorded examples (inputs, outputs); None where none were recorded or they were erased.

        Raises DigestMismatch where what is attached is not what the manifest names.
        """
        examples = self.manifest.examples
        if examples is None:
            return None
        for attached in self.content.referrers():
            if attached.artifact_type == media.EXAMPLES:
                payload = self.content.payload(attached)
                if digests.of(payload) == examples.digest:
                    return recorded.decode(payload, self.schema)
        return None

    def report(self) -> dict[str, Any]:
        """Everything measured that is attached: artifact type → its newest payload."""
        found: dict[str, Any] = {}
        for attached in self.content.referrers():
            if attached.artifact_type != media.EXAMPLES:
                found[attached.artifact_type] = msgspec.json.decode(self.content.payload(attached))
        return found

    def parity(self) -> Parity | None:
        """The parity measured when it was packed; None where the report is not attached."""
        plain = self.report().get(media.PARITY)
        return None if plain is None else msgspec.convert(plain["parity"], Parity)

    def trust(self) -> tuple[Level, dict[str, str]]:
        """The level that loading needs, computed from the files, and by file the reason."""
        return level_of(self.manifest, self.content.read)

    @property
    def size(self) -> int:
        """Bytes of all its files."""
        return sum(layer.size for layer in self.content.layers)

    def to_json(self) -> dict[str, Any]:
        """What `holdall pack --json` prints."""
        manifest, parity = self.manifest, self.parity()
        packages = sorted({_DISTRIBUTION.split(line, maxsplit=1)[0] for line in manifest.environment.requires})
        return {
            "reference": f"{self.name}:{self.version}",
            "name": self.name,
            "version": self.version,
            "digest": self.digest,
            "fingerprint": manifest.fingerprint(),
            "reused": self.reused,
            "size": self.size,
            "engine": manifest.model.engine,
            "trust": self.trust()[0].word,
            "row_wise": manifest.row_wise,
            "task": manifest.task,
            "schema": msgspec.to_builtins(manifest.schema),
            "parity": None if parity is None else msgspec.to_builtins(parity),
            "portable": manifest.portable,
            "blockers": msgspec.to_builtins(manifest.blockers),
            "environment": {
                "python": manifest.environment.python,
                "packages": packages,
                "requires": list(manifest.environment.requires),
                "locked": manifest.environment.locked,
            },
            "notes": list(self.notes),
        }

    def show(self) -> dict[str, Any]:
        """What `holdall show --json` prints: the manifest, and all that is known beside it."""
        plain: dict[str, Any] = msgspec.to_builtins(self.manifest)
        return {
            **self.to_json(),
            **plain,
            "environment": self.to_json()["environment"],
            "layers": [msgspec.to_builtins(layer) for layer in self.content.layers],
            "referrers": [msgspec.to_builtins(attached) for attached in self.content.referrers()],
            "aliases": list(self.aliases),
            "sealed_here": self.sealed_here,
        }

    def __repr__(self) -> str:
        manifest, parity = self.manifest, self.parity()
        lines = [
            f"<holdall.Package {self.name}:{self.version} · {self.digest[:19]}"
            + (" · same content as before" if self.reused else ""),
            f"  {manifest.task}, {len(self.schema.inputs)} columns → {_shown(self.schema)}",
            f"  {_engine(manifest)}, {self.size:,} bytes, trust {self.trust()[0].word}",
        ]
        if parity is not None:
            lines.append(f"  parity {parity_line(parity)}")
        lines += [f"  not portable: {blocker.step}: {blocker.cause}" for blocker in manifest.blockers]
        lines += [f"  note: {note}" for note in self.notes]
        lines.append(f"  next: holdall.load({self.reference!r}).predict(table)>")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        manifest, parity = self.manifest, self.parity()
        facts = [
            ("digest", self.digest[:19] + "…"),
            ("engine", _engine(manifest)),
            ("answers", _shown(self.schema)),
            ("parity", "not attached" if parity is None else parity_line(parity)),
            *(("not portable", f"{blocker.step}: {blocker.cause}") for blocker in manifest.blockers),
            *(("note", note) for note in self.notes),
            ("next", f"holdall.load({self.reference!r}).predict(table)"),
        ]
        rows = "".join(f"<tr><th style='text-align:left'>{k}</th><td>{escape(v)}</td></tr>" for k, v in facts)
        return f"<b>{escape(self.name)}:{escape(self.version)}</b><table>{rows}</table>"


def parity_line(parity: Parity) -> str:
    """The figures of a parity report in one line."""
    verdict = "passed" if parity.passed else "FAILED"
    return (
        f"{verdict}: {parity.rows:,} rows, {parity.label_flips} label flips, {parity.ties} ties, "
        f"largest error {parity.max_abs_error:.1e} absolute, {parity.max_rel_error:.1e} relative"
    )


def _engine(manifest: Manifest) -> str:
    engine = manifest.model.engine
    return f"{engine}, portable" if manifest.portable else f"{engine}, needs Python"


def _shown(schema: Schema) -> str:
    names = [field.name for field in schema.outputs]
    return ", ".join(names[:5]) + (f" … ({len(names)})" if len(names) > 5 else "")
