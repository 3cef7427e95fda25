"""The registry in a folder: names, immutable versions, aliases that move, and every move kept.

It knows digests, not models; the bytes lie beside it in the blob store. Laws:

    a version never changes         add(r) twice is once; another digest under the same name and version is refused
    an alias is an undo stack       promote pushes what was live before; rollback takes it back, one further each time
    history is append-only          `at` says of any moment what was live
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec

from holdall.errors import InvalidReference, InvalidVersion, NotFound, NothingEarlier, VersionExists
from holdall.registry import moment
from holdall.registry.database import Database
from holdall.registry.records import Action, AliasMove, VersionRecord
from holdall.spec import canonical
from holdall.spec import digest as digests
from holdall.spec.digest import Digest
from holdall.spec.reference import PackageReference, Version, check_alias, check_name

FILE = "registry.sqlite"
FIRST_VERSION = "1.0.0"
_RECORD = ", ".join(VersionRecord.__struct_fields__)


class LocalRegistry:
    """The registry in the folder `home`, made on first use. One for each thread; any number of processes.

    Every method may raise StorageFailed or StoreUnreadable. What a method that changes something has returned from
    is on the disk.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self._database = Database(home / FILE)

    def __enter__(self) -> LocalRegistry:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Gives the database back."""
        self._database.close()

    # Versions

    def next_version(self, name: str) -> str:
        """The version taken when none is given: the next patch after the highest there is, 1.0.0 for a new name."""
        check_name(name)
        taken = self._version_numbers(name)
        return str(Version.parse(str(max(taken).next_patch()))) if taken else FIRST_VERSION

    def add(self, record: VersionRecord) -> VersionRecord:
        """Keeps a version; returns what is kept. The same digest again changes nothing.

        Raises VersionExists where this name and version hold another digest.
        """
        check_name(record.name)
        if str(Version.parse(record.version)) != record.version:
            raise InvalidVersion(record.version, "it is not in its shortest form")
        digests.parse(record.digest)
        with self._database.changing():
            there = self._find("name = ? AND version = ?", record.name, record.version)
            if there is None:
                values = msgspec.structs.asdict(record) | {"metrics": canonical.encode(record.metrics).decode()}
                marks = ", ".join("?" * len(values))
                self._database.run(f"INSERT INTO versions ({_RECORD}) VALUES ({marks})", *values.values())  # noqa: S608
            elif there.digest != record.digest:
                raise VersionExists(record.name, record.version)
        return record if there is None else there

    def add_next(self, name: str, seal: Callable[[str], VersionRecord]) -> VersionRecord:
        """Adds what `seal` makes for the next free version.

        The version is part of the sealed bytes, so where another process takes it first, `seal` is called again with
        the one after. It writes blobs only; those of a version that was lost name nothing.
        """
        while True:
            version = self.next_version(name)
            try:
                return self.add(seal(version))
            except VersionExists:
                if self._find("name = ? AND version = ?", name, version) is None:
                    raise

    def resolve(self, reference: PackageReference) -> VersionRecord:
        """The version that the reference means now. Raises NotFound, with near names or what there is as the hint."""
        name = reference.name
        if reference.version is not None:
            found = self._find("name = ? AND version = ?", name, reference.version)
        elif reference.digest is not None:
            found = self._find("name = ? AND digest = ?", name, reference.digest)
        elif reference.alias is not None:
            found = self._live(name, reference.alias)
        else:
            found = self.newest(name)
        if found is None:
            raise self._not_found(reference)
        return found

    def newest(self, name: str) -> VersionRecord | None:
        """The highest version that is no pre-release; where there are only pre-releases, the highest of them."""
        taken = self._version_numbers(name)
        if not taken:
            return None
        highest = max(taken, key=lambda version: (not version.pre, version))
        return self._find("name = ? AND version = ?", name, str(highest))

    def by_fingerprint(self, name: str, fingerprint: Digest) -> VersionRecord | None:
        """The newest version of `name` with this content, in the sense of `newest`."""
        found = self._records("name = ? AND fingerprint = ?", name, fingerprint)
        return max(found, key=_release_order, default=None)

    def by_digest(self, digest: Digest) -> VersionRecord | None:
        """The version with this digest."""
        return self._find("digest = ?", digest)

    def versions(self, name: str | None = None) -> list[VersionRecord]:
        """All versions, or those of one name, by name and then from the lowest to the highest. Raises NotFound."""
        if name is None:
            found = self._records("1")
        else:
            found = self._records("name = ?", name)
            if not found:
                raise self._not_found(PackageReference(name))
        return sorted(found, key=lambda record: (record.name, Version.parse(record.version)))

    # Aliases

    def aliases(self, name: str) -> dict[str, str]:
        """The version that each alias of `name` points to now, sorted by alias."""
        statement = (
            "SELECT alias, version FROM moves WHERE number IN (SELECT max(number) FROM moves WHERE name = ? GROUP BY alias)"
            " ORDER BY alias"
        )
        return dict(self._database.rows(statement, name))

    def aliases_of(self, digest: Digest) -> list[str]:
        """The aliases that point to this digest now, sorted."""
        statement = (
            "SELECT alias FROM moves JOIN versions USING (name, version) WHERE digest = ?"
            " AND number IN (SELECT max(number) FROM moves GROUP BY name, alias) ORDER BY alias"
        )
        return [alias for (alias,) in self._database.rows(statement, digest)]

    def promote(
        self, reference: PackageReference, alias: str, reason: str | None = None, actor: str | None = None
    ) -> AliasMove:
        """Points the alias to the version that `reference` means.

        Promoting what is live already is kept in the history too, but adds nothing to go back to: a command that was
        sent twice does not make the next rollback do nothing. Raises NotFound, InvalidName.
        """
        check_alias(alias)
        with self._database.changing():
            to = self.resolve(reference)
            last = self._last_move(to.name, alias)
            number, live, beneath = last or (None, None, None)
            under = beneath if live == to.version else number
            return self._move(
                *(to.name, alias, Action.PROMOTE, to.version),
                from_version=live,
                beneath=under,
                reason=reason,
                actor=actor,
            )

    def rollback(self, name: str, alias: str, reason: str | None = None, actor: str | None = None) -> AliasMove:
        """Points the alias to what was live before the newest promotion that has not been taken back.

        Raises NotFound where there is no such alias, NothingEarlier after the first promotion was reached.
        """
        with self._database.changing():
            last = self._last_move(name, alias)
            if last is None:
                raise self._not_found(PackageReference(name, alias=alias))
            _, live, beneath = last
            if beneath is None:
                raise NothingEarlier(name, alias)
            state = self._database.row("SELECT version, beneath FROM moves WHERE number = ?", beneath)
            if state is None:
                raise self._database.damaged(f"move {beneath} is missing")
            version, under = state
            return self._move(
                *(name, alias, Action.ROLLBACK, version), from_version=live, beneath=under, reason=reason, actor=actor
            )

    def history(self, name: str, alias: str | None = None) -> list[AliasMove]:
        """Every move of the name's aliases, or of one, oldest first. Raises NotFound for an unknown name or alias."""
        if alias is None:
            moves = self._moves("moves.name = ?", name)
        else:
            moves = self._moves("moves.name = ? AND alias = ?", name, alias)
        if not moves and (alias is not None or not self._version_numbers(name)):
            raise self._not_found(PackageReference(name, alias=alias))
        return moves

    def at(self, name: str, alias: str, time: str) -> VersionRecord | None:
        """What was live under the alias at `time` (as `moment.parse` reads it); None before its first promotion.

        Raises NotFound for an alias that never was, UsageError for what is not a time.
        """
        if self._last_move(name, alias) is None:
            raise self._not_found(PackageReference(name, alias=alias))
        state = self._database.row(
            "SELECT version FROM moves WHERE name = ? AND alias = ? AND time <= ? ORDER BY number DESC",
            name,
            alias,
            moment.parse(time),
        )
        return None if state is None else self._find("name = ? AND version = ?", name, state[0])

    # Referrers

    def attach(self, subject: Digest, referrer: Digest, artifact_type: str) -> None:
        """Keeps that `referrer` speaks of `subject`. Twice is once. May come before the subject's version is added."""
        digests.parse(subject)
        digests.parse(referrer)
        with self._database.changing():
            self._database.run(
                "INSERT OR IGNORE INTO referrers (subject, digest, artifact_type) VALUES (?, ?, ?)",
                subject,
                referrer,
                artifact_type,
            )

    def referrers(self, subject: Digest, artifact_type: str | None = None) -> list[Digest]:
        """What speaks of this digest, oldest first; all of it, or of one artifact type."""
        statement = (
            "SELECT digest FROM referrers WHERE subject = ? AND (? IS NULL OR artifact_type = ?) ORDER BY number"
        )
        return [Digest(digest) for (digest,) in self._database.rows(statement, subject, artifact_type, artifact_type)]

    def artifact_types(self, subject: Digest) -> list[str]:
        """The artifact types of what speaks of this digest, each once, sorted."""
        statement = "SELECT DISTINCT artifact_type FROM referrers WHERE subject = ? ORDER BY artifact_type"
        return [kind for (kind,) in self._database.rows(statement, subject)]

    # Rows

    def _records(self, where: str, *values: Any) -> list[VersionRecord]:
        rows = self._database.rows(f"SELECT {_RECORD} FROM versions WHERE {where} ORDER BY rowid", *values)  # noqa: S608
        return [self._record(row) for row in rows]

    def _find(self, where: str, *values: Any) -> VersionRecord | None:
        found = self._records(where, *values)
        return found[0] if found else None

    def _record(self, row: tuple[Any, ...]) -> VersionRecord:
        plain = dict(zip(VersionRecord.__struct_fields__, row, strict=True))
        try:
            plain |= {
                "metrics": msgspec.json.decode(plain["metrics"]),
                "sealed_here": plain["sealed_here"] == 1,
                "portable": plain["portable"] == 1,
            }
            Version.parse(plain["version"])
            digests.parse(plain["digest"])
            digests.parse(plain["fingerprint"])
            return msgspec.convert(plain, VersionRecord)
        except (ValueError, TypeError, InvalidReference, InvalidVersion) as error:
            raise self._database.damaged(str(error)) from error

    def _version_numbers(self, name: str) -> list[Version]:
        rows = self._database.rows("SELECT version FROM versions WHERE name = ?", name)
        try:
            return [Version.parse(version) for (version,) in rows]
        except (TypeError, InvalidVersion) as error:
            raise self._database.damaged(str(error)) from error

    def _last_move(self, name: str, alias: str) -> tuple[int, str, int | None] | None:
        """(number, version that is live, number of the state to go back to)."""
        row = self._database.row(
            "SELECT number, version, beneath FROM moves WHERE name = ? AND alias = ? ORDER BY number DESC", name, alias
        )
        return None if row is None else (row[0], row[1], row[2])

    def _live(self, name: str, alias: str) -> VersionRecord | None:
        last = self._last_move(name, alias)
        return None if last is None else self._find("name = ? AND version = ?", name, last[1])

    def _move(self, name: str, alias: str, action: Action, to: str, **details: str | int | None) -> AliasMove:
        """Appends a move; `details` are the columns from_version, beneath, reason and actor."""
        # A clock that was set back must not put a move before the one that it followed: `at` would answer wrongly.
        latest = self._database.row("SELECT time FROM moves ORDER BY number DESC")
        time = max(moment.now(), latest[0] if latest else "")
        values = {"name": name, "alias": alias, "action": action.value, "version": to, "time": time, **details}
        columns, marks = ", ".join(values), ", ".join("?" * len(values))
        self._database.run(f"INSERT INTO moves ({columns}) VALUES ({marks})", *values.values())  # noqa: S608
        return self._moves("moves.number = last_insert_rowid()")[0]

    def _moves(self, where: str, *values: Any) -> list[AliasMove]:
        statement = f"""
            SELECT moves.name, alias, from_version, moves.version, before.digest, after.digest,
                action, reason, moves.actor, time
            FROM moves
            JOIN versions AS after ON after.name = moves.name AND after.version = moves.version
            LEFT JOIN versions AS before ON before.name = moves.name AND before.version = moves.from_version
            WHERE {where} ORDER BY number"""  # noqa: S608
        fields = AliasMove.__struct_fields__
        try:
            return [
                msgspec.convert(dict(zip(fields, row, strict=True)), AliasMove)
                for row in self._database.rows(statement, *values)
            ]
        except msgspec.ValidationError as error:
            raise self._database.damaged(str(error)) from error

    # What is not here

    def _not_found(self, reference: PackageReference) -> NotFound:
        name = reference.name
        taken = sorted(self._version_numbers(name))
        if not taken:
            return NotFound(
                f"there is no package named {name!r} here", hint=self._near_names(name), reference=str(reference)
            )
        if reference.alias is not None:
            there: Iterable[str] = (f"{name}@{alias}" for alias in self.aliases(name))
            instead = f"`holdall promote {name} {reference.alias}` makes it"
            what = f"{name} has no alias {reference.alias!r}"
        else:
            there = (f"{name}:{version}" for version in reversed(taken[-5:]))
            instead = f"`holdall list {name}` shows every version"
            what = (
                f"{name} has no version with digest {reference.digest}"
                if reference.digest
                else f"there is no {reference}"
            )
        listed = ", ".join(there)
        return NotFound(what, hint=f"there is {listed}; {instead}" if listed else instead, reference=str(reference))

    def _near_names(self, name: str) -> str:
        import difflib

        names: Sequence[str] = [
            row[0] for row in self._database.rows("SELECT DISTINCT name FROM versions ORDER BY name")
        ]
        if not names:
            return "the store is empty: `holdall pack MODEL --name NAME` puts the first package in"
        near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
        near += [other for other in names if other.rpartition("/")[2] == name.rpartition("/")[2] and other not in near]
        return f"did you mean {' or '.join(near[:3])}?" if near else "`holdall list` shows what is here"


def _release_order(record: VersionRecord) -> tuple[bool, Version]:
    version = Version.parse(record.version)
    return (not version.pre, version)
