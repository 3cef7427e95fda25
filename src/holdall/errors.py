"""Everything that can go wrong, as one tree, so that a caller can tell tampering from a typo.

    Error
    ├── UsageError                  the caller can mend it
    │   ├── InvalidReference
    │   ├── InvalidName
    │   ├── InvalidVersion
    │   ├── SampleRequired
    │   ├── UnsupportedModel
    │   ├── UnreadableFile
    │   ├── MissingDependency
    │   └── InputError              the data does not fit
    │       ├── UnreadableTable
    │       ├── SchemaMismatch
    │       └── RowsRefused
    ├── PackageDamaged              the bytes are not what was sealed
    │   ├── DigestMismatch
    │   ├── NotCanonical
    │   └── ManifestInvalid
    ├── NotFound
    │   └── BlobMissing
    ├── Refused
    │   └── TrustRequired
    ├── Conflict
    │   ├── VersionExists
    │   └── NothingEarlier
    ├── CheckFailed                 it ran and the answer is no
    │   └── NotPortable
    └── Unavailable                 the other side failed: disk, network, server, a process of one's own
        ├── StorageFailed
        ├── StoreUnreadable
        └── WorkerDied
            └── WorkerTooSlow

An error holds facts (keyword arguments that `--json` prints), a stable `code` and a `hint`: what to do next.
It knows no exit code and no HTTP status; each door has one table for that.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar


class Error(Exception):
    """The root. `message` says what happened, `hint` what to do next, `facts` are plain JSON values."""

    code: ClassVar[str] = "error"

    def __init__(self, message: str, *, hint: str | None = None, **facts: Any) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.facts = facts

    def to_json(self) -> dict[str, Any]:
        """The object that `--json` prints and a server sends under `error`."""
        return {"code": self.code, "message": self.message, "hint": self.hint, **self.facts}


class UsageError(Error):
    """The caller asked for something that cannot be; the hint says what can."""

    code = "usage"


class InvalidReference(UsageError):
    code = "invalid_reference"

    def __init__(self, reference: str, why: str) -> None:
        super().__init__(
            f"{reference!r} is not a reference: {why}",
            hint="write NAME, NAME:VERSION, NAME@ALIAS, NAME@sha256:…, or a path that starts with ./ or /",
            reference=reference,
        )


class InvalidName(UsageError):
    code = "invalid_name"

    def __init__(self, name: str, why: str) -> None:
        super().__init__(
            f"{name!r} is not a name: {why}",
            hint="use lower-case letters, digits and single . _ - between them, for instance 'team/churn'",
            name=name,
        )


class InvalidVersion(UsageError):
    code = "invalid_version"

    def __init__(self, version: str, why: str) -> None:
        super().__init__(
            f"{version!r} is not a version: {why}", hint="use SemVer, for instance 1.4.0 or 2.0.0-rc.1", version=version
        )


class SampleRequired(UsageError):
    """The model's input types cannot be known without a sample."""

    code = "sample_required"

    def __init__(self, line: str) -> None:
        super().__init__("the model does not say which columns it takes; a sample of its raw input does", hint=line)


class UnsupportedModel(UsageError):
    code = "unsupported_model"


class UnreadableFile(UsageError):
    code = "unreadable_file"


class MissingDependency(UsageError):
    """An optional part is not installed. `extra` is the install line's extra, or a distribution's name."""

    code = "missing_dependency"

    def __init__(self, module: str, install: str, purpose: str) -> None:
        super().__init__(
            f"{purpose} needs {module}, which is not installed", hint=f"pip install '{install}'", module=module
        )


class InputError(UsageError):
    """The data does not fit the model."""

    code = "input"


class UnreadableTable(InputError):
    code = "unreadable_table"


class SchemaMismatch(InputError):
    """The batch does not fit the schema. `problems` are objects {path, expected, got}; paths read `rows[3].age`."""

    code = "schema_mismatch"

    def __init__(
        self, problems: Sequence[dict[str, str]], total: int | None = None, *, hint: str | None = None
    ) -> None:
        count = len(problems) if total is None else total
        first = problems[0]
        message = f"{first['path']}: expected {first['expected']}, got {first['got']}"
        if count > 1:
            message += f" (and {count - 1} more)"
        super().__init__(
            message,
            hint=hint or "`holdall show REF` prints the schema",
            path=first["path"],
            problems=list(problems),
            total=count,
        )


class RowsRefused(InputError):
    """The model itself refuses these rows, as the live one did. `problems` as in SchemaMismatch, plus `step`."""

    code = "rows_refused"

    def __init__(self, problems: Sequence[dict[str, str]], total: int | None = None) -> None:
        count = len(problems) if total is None else total
        first = problems[0]
        message = f"{first['path']}: {first['reason']}"
        if count > 1:
            message += f" (and {count - 1} more)"
        super().__init__(
            message,
            hint="the model that was packed refuses such rows too; mend or drop them",
            path=first["path"],
            problems=list(problems),
            total=count,
        )


class PackageDamaged(Error):
    """The bytes are not those that were sealed. Nothing of them was used."""

    code = "package_damaged"


class DigestMismatch(PackageDamaged):
    code = "digest_mismatch"

    def __init__(self, path: str, expected: str, actual: str) -> None:
        super().__init__(
            f"{path} is damaged: its digest is {actual}, sealed was {expected}",
            hint="fetch the package again from where it was stored",
            path=path,
            expected=expected,
            actual=actual,
        )


class NotCanonical(PackageDamaged):
    """An archive or layout whose bytes are not the one form that holdall writes."""

    code = "not_canonical"

    def __init__(self, path: str, why: str, offset: int | None = None) -> None:
        where = "" if offset is None else f" at byte {offset}"
        super().__init__(
            f"{path} is damaged or was not written by holdall: {why}{where}",
            hint="fetch it again, or bring a foreign archive in with `holdall import`",
            path=path,
            offset=offset,
        )


class ManifestInvalid(PackageDamaged):
    code = "manifest_invalid"

    def __init__(self, path: str, why: str) -> None:
        super().__init__(
            f"{path}: {why}", hint="the package was made by a newer holdall, or is damaged: `holdall doctor`", path=path
        )


class NotFound(Error):
    code = "not_found"


class BlobMissing(NotFound):
    code = "blob_missing"

    def __init__(self, digest: str) -> None:
        super().__init__(
            f"no blob {digest} here", hint="the package is incomplete: fetch or pack it again", digest=digest
        )


class Refused(Error):
    """Policy or access says no."""

    code = "refused"


class TrustRequired(Refused):
    """The package's files need more trust than whoever loads it gives. Levels: design of the trust ceiling."""

    code = "trust_required"

    def __init__(
        self,
        level: str,
        ceiling: str,
        files: Sequence[str],
        reasons: Sequence[str] = (),
        *,
        hint: str | None = None,
    ) -> None:
        listed = ", ".join(files)
        message = f"loading {listed} needs trust {level!r}; the ceiling here is {ceiling!r}"
        if reasons:
            message += f" ({'; '.join(reasons)})"
        super().__init__(
            message,
            hint=hint or f"if you know who made it, add --trust {level}",
            level=level,
            ceiling=ceiling,
            files=list(files),
            reasons=list(reasons),
        )


class Conflict(Error):
    code = "conflict"


class VersionExists(Conflict):
    code = "version_exists"

    def __init__(self, name: str, version: str) -> None:
        super().__init__(
            f"{name}:{version} exists already, and a version never changes",
            hint="leave --version out to take the next patch version",
            name=name,
            version=version,
        )


class NothingEarlier(Conflict):
    code = "nothing_earlier"

    def __init__(self, name: str, alias: str) -> None:
        super().__init__(
            f"{name}@{alias} has nothing earlier to go back to",
            hint=f"`holdall history {name}@{alias}` shows every move",
            name=name,
            alias=alias,
        )


class CheckFailed(Error):
    """It ran, and the answer is no."""

    code = "check_failed"


class NotPortable(CheckFailed):
    """A step has no exact portable form. Facts: `step` (its path in the model), `cause`. The native form is sealed instead."""

    code = "not_portable"

    def __init__(self, step: str, cause: str) -> None:
        super().__init__(f"{step}: {cause}", step=step, cause=cause)
        self.step = step
        self.cause = cause


class Unavailable(Error):
    code = "unavailable"


class StorageFailed(Unavailable):
    code = "storage_failed"

    def __init__(self, path: str, why: str) -> None:
        super().__init__(
            f"cannot write or read {path}: {why}",
            hint="nothing half-written was kept; free the disk or mend the permissions and run it again",
            path=path,
        )


class StoreUnreadable(Unavailable):
    """The registry's database is damaged, foreign, or written by a newer holdall. It was left as it is."""

    code = "store_unreadable"

    def __init__(self, path: str, why: str, hint: str) -> None:
        super().__init__(f"cannot use the store {path}: {why}", hint=hint, path=path)


class WorkerDied(Unavailable):
    """The process that runs the package's own functions ended in the middle of a call. The next call starts another."""

    code = "worker_died"

    def __init__(self, functions: Sequence[str], status: int | None) -> None:
        super().__init__(
            f"the process that runs {', '.join(functions)} ended (status {status}) before it answered",
            hint="what it printed stands in the standard error of this program; the next call starts it again",
            functions=list(functions),
            status=status,
        )


class WorkerTooSlow(WorkerDied):
    """The process of a package's own functions was ended, since it gave no answer in the time that it had."""

    code = "worker_too_slow"

    def __init__(self, functions: Sequence[str], seconds: float) -> None:
        super().__init__(functions, None)
        self.message = f"the functions {', '.join(functions)} gave no answer within {seconds:g} s, and were ended"
        self.args = (self.message,)
        self.hint = "send fewer rows; score large tables with `holdall batch`"
