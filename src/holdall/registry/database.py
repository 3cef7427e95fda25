"""The SQLite file below the local registry: opened privately, changed all or nothing, and durable before it answers.

Write-ahead log with `synchronous=FULL`: a commit that returned has been synced to the disk. Every change is one
IMMEDIATE transaction, so that what it read is still true when it writes. Whatever SQLite complains of leaves here as
an error of `holdall.errors`.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from holdall.content.durable import make_folder, opened_folder
from holdall.errors import StorageFailed, StoreUnreadable

BUSY_SECONDS = 30.0
APPLICATION = 0x686F6C64  # 'hold', in the file's header: tells our database from a stranger's

# One entry for each version of the schema; `PRAGMA user_version` counts those that were run. Entries are never edited.
MIGRATIONS = (
    """
    CREATE TABLE versions (
        name        TEXT NOT NULL,
        version     TEXT NOT NULL,
        digest      TEXT NOT NULL,
        fingerprint TEXT NOT NULL,
        size        INTEGER NOT NULL,
        created     TEXT NOT NULL,
        sealed_here INTEGER NOT NULL,
        engine      TEXT NOT NULL,
        portable    INTEGER NOT NULL,
        metrics     TEXT NOT NULL,
        actor       TEXT,
        PRIMARY KEY (name, version)
    );
    CREATE INDEX versions_by_digest ON versions (digest);
    CREATE INDEX versions_by_fingerprint ON versions (name, fingerprint);

    -- A row is one move and the state after it: `version` is live, and going back leads to the state `beneath`.
    CREATE TABLE moves (
        number       INTEGER PRIMARY KEY,
        name         TEXT NOT NULL,
        alias        TEXT NOT NULL,
        action       TEXT NOT NULL CHECK (action IN ('promote', 'rollback')),
        from_version TEXT,
        version      TEXT NOT NULL,
        beneath      INTEGER REFERENCES moves (number),
        reason       TEXT,
        actor        TEXT,
        time         TEXT NOT NULL,
        FOREIGN KEY (name, from_version) REFERENCES versions (name, version),
        FOREIGN KEY (name, version) REFERENCES versions (name, version)
    );
    CREATE INDEX moves_by_alias ON moves (name, alias, number);

    CREATE TABLE referrers (
        number        INTEGER PRIMARY KEY,
        subject       TEXT NOT NULL,
        digest        TEXT NOT NULL,
        artifact_type TEXT NOT NULL,
        UNIQUE (subject, digest)
    );

    CREATE TRIGGER versions_stay BEFORE UPDATE ON versions BEGIN SELECT RAISE(ABORT, 'a version never changes'); END;
    CREATE TRIGGER versions_last BEFORE DELETE ON versions BEGIN SELECT RAISE(ABORT, 'a version is never deleted'); END;
    CREATE TRIGGER moves_stay BEFORE UPDATE ON moves BEGIN SELECT RAISE(ABORT, 'history is append-only'); END;
    CREATE TRIGGER moves_last BEFORE DELETE ON moves BEGIN SELECT RAISE(ABORT, 'history is append-only'); END;
    """,
)


class Database:
    """One connection, for one thread. Opening makes the folder (0700) and the file (0600) where they are missing.

    On a read-only file system what is there can be read; a change then fails with StorageFailed.
    Raises StoreUnreadable for a damaged, foreign or newer database, StorageFailed where it cannot be made or opened.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._translated():
            fixed = path.exists() and not _can_write(path)
            if not fixed:
                _make_private_file(path)
            mode = _reading_mode(path) if fixed else "mode=rw"
            self._connection = sqlite3.connect(
                f"{path.absolute().as_uri()}?{mode}", timeout=BUSY_SECONDS, isolation_level=None, uri=True
            )
            try:
                self._prepare(fixed)
            except BaseException:
                self._connection.close()
                raise

    def close(self) -> None:
        """Closes the connection. What was acknowledged is on the disk already."""
        self._connection.close()

    def rows(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """The rows of one SELECT, from one consistent state."""
        with self._translated():
            return self._connection.execute(statement, values).fetchall()

    def row(self, statement: str, *values: Any) -> tuple[Any, ...] | None:
        """The first row of one SELECT, or None."""
        found = self.rows(statement + " LIMIT 1", *values)
        return found[0] if found else None

    def run(self, statement: str, *values: Any) -> None:
        """One statement that changes something. Only inside `changing`."""
        with self._translated():
            self._connection.execute(statement, values)

    @contextmanager
    def changing(self) -> Iterator[None]:
        """One IMMEDIATE transaction: committed and synced when the block ends, rolled back if it raises."""
        with self._translated():
            self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            with self._translated():
                self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    def damaged(self, why: str) -> StoreUnreadable:
        """The error for content that SQLite reads but holdall would never have written."""
        return StoreUnreadable(
            str(self.path), f"it is damaged ({why})", "put a backup in its place; the packages' own files are untouched"
        )

    def _prepare(self, fixed: bool) -> None:
        connection = self._connection
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA recursive_triggers = ON")  # else INSERT OR REPLACE would pass by the delete triggers
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA cell_size_check = ON")
        self._check_ours()
        if fixed:
            return
        self._use_log()
        connection.execute("PRAGMA synchronous = FULL")
        if self._number("user_version") < len(MIGRATIONS):
            self._migrate()

    def _check_ours(self) -> None:
        version, application = self._number("user_version"), self._number("application_id")
        tables = self._connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if application != APPLICATION and (application or version or tables):
            raise StoreUnreadable(
                str(self.path), "it is another program's database", "set HOLDALL_HOME to a folder of its own"
            )
        if version > len(MIGRATIONS):
            raise StoreUnreadable(
                str(self.path),
                f"it was written by a newer holdall (schema {version}; this one knows {len(MIGRATIONS)})",
                "upgrade with `pip install -U holdall`; nothing was changed",
            )

    def _use_log(self) -> None:
        """SQLite does not wait by itself when two processes turn the log on at the same moment."""
        give_up = time.monotonic() + BUSY_SECONDS
        while True:
            try:
                if self._connection.execute("PRAGMA journal_mode = WAL").fetchone()[0] == "wal":
                    return
                raise StorageFailed(str(self.path), "its file system cannot hold a write-ahead log")
            except sqlite3.OperationalError as error:
                if _primary_code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > give_up:
                    raise
            time.sleep(0.01)

    def _migrate(self) -> None:
        with self.changing():
            for number in range(self._number("user_version"), len(MIGRATIONS)):
                for statement in _statements(MIGRATIONS[number]):
                    self._connection.execute(statement)
                self._connection.execute(f"PRAGMA user_version = {number + 1}")
            self._connection.execute(f"PRAGMA application_id = {APPLICATION}")

    def _number(self, pragma: str) -> int:
        return int(self._connection.execute(f"PRAGMA {pragma}").fetchone()[0])

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise self._error(error) from error
        except OSError as error:
            raise StorageFailed(str(error.filename or self.path), error.strerror or str(error)) from error
        except UnicodeDecodeError as error:
            raise self.damaged(str(error)) from error

    def _error(self, error: sqlite3.Error) -> StorageFailed | StoreUnreadable:
        code = _primary_code(error)
        if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            return self.damaged(str(error))
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return StorageFailed(str(self.path), f"another process has held it for {BUSY_SECONDS:.0f} seconds")
        if code in (sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH) or code is None:
            # Our statements fit our schema: a missing table or column, or text that is not UTF-8, was not written by us.
            return self.damaged(str(error))
        return StorageFailed(str(self.path), str(error))


def _primary_code(error: sqlite3.Error) -> int | None:
    code = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


def _can_write(path: Path) -> bool:
    return os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)


def _reading_mode(path: Path) -> str:
    """Beside a file that cannot be written no log can be set up: `immutable` reads without, unless one holds changes."""
    log = path.with_name(path.name + "-wal")
    return "mode=ro" if log.exists() and log.stat().st_size else "immutable=1"


def _statements(script: str) -> Iterator[str]:
    """The statements one by one: `executescript` would commit before it begins."""
    pending = ""
    for line in script.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            yield pending
            pending = ""


def _make_private_file(path: Path) -> None:
    if path.exists():
        return
    make_folder(path.parent, 0o700)
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        return
    with opened_folder(path.parent) as folder:
        os.fsync(folder)
