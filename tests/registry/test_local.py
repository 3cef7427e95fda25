"""The registry in a folder: what each verb promises, one by one."""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from holdall.errors import (
    InvalidName,
    InvalidReference,
    InvalidVersion,
    NotFound,
    NothingEarlier,
    StorageFailed,
    StoreUnreadable,
    UsageError,
    VersionExists,
)
from holdall.registry import database, moment
from holdall.registry.local import FILE, LocalRegistry
from holdall.registry.records import VersionRecord
from holdall.spec.digest import Digest
from holdall.spec.reference import PackageReference, parse_package
from tests.registry.records import digest, record


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[LocalRegistry]:
    with LocalRegistry(tmp_path / "home") as opened:
        yield opened


def add_all(registry: LocalRegistry, *versions: str, name: str = "churn") -> None:
    for version in versions:
        registry.add(record(name, version))


class TestVersions:
    def test_a_version_is_given_back_as_it_was_kept(self, registry: LocalRegistry) -> None:
        kept = registry.add(record())
        assert kept == record()
        assert registry.resolve(parse_package("churn:1.0.0")) == record()
        assert registry.by_digest(record().digest) == record()
        assert registry.versions() == [record()]

    def test_the_same_digest_again_changes_nothing(self, registry: LocalRegistry) -> None:
        registry.add(record())
        again = msgspec.structs.replace(record(), created="2030-01-01T00:00:00.000000Z", actor="grace")
        assert registry.add(again) == record()
        assert registry.versions() == [record()]

    def test_another_digest_under_a_taken_version_is_refused(self, registry: LocalRegistry) -> None:
        registry.add(record())
        with pytest.raises(VersionExists):
            registry.add(record(content="other"))
        assert registry.versions() == [record()]

    @pytest.mark.parametrize("version", ["1.0", "01.0.0", "1.0.0+build", "latest", "1.0.0\n"])
    def test_what_is_not_a_version_is_refused(self, registry: LocalRegistry, version: str) -> None:
        with pytest.raises(InvalidVersion):
            registry.add(record(version=version))

    @pytest.mark.parametrize("name", ["", "Churn", "../churn", "a//b", "churn;drop", "a" * 129])
    def test_what_is_not_a_name_is_refused(self, registry: LocalRegistry, name: str) -> None:
        with pytest.raises(InvalidName):
            registry.add(record(name))
        with pytest.raises(InvalidName):
            registry.next_version(name)

    def test_what_is_not_a_digest_is_refused(self, registry: LocalRegistry) -> None:
        with pytest.raises(InvalidReference):
            registry.add(msgspec.structs.replace(record(), digest=Digest("sha256:../../x")))

    def test_metrics_that_are_no_numbers_are_refused_before_anything_is_kept(self, registry: LocalRegistry) -> None:
        with pytest.raises(ValueError, match="Out of range"):
            registry.add(msgspec.structs.replace(record(), metrics={"auc": float("nan")}))
        assert registry.versions() == []

    @pytest.mark.parametrize(
        ("taken", "following"),
        [
            ([], "1.0.0"),
            (["1.0.0"], "1.0.1"),
            (["1.0.9", "1.0.10"], "1.0.11"),
            (["1.0.0", "2.0.0-rc.1"], "2.0.0"),
            (["2.0.0", "2.0.0-rc.1"], "2.0.1"),
        ],
    )
    def test_the_next_version_follows_the_highest(
        self, registry: LocalRegistry, taken: list[str], following: str
    ) -> None:
        add_all(registry, *taken)
        assert registry.next_version("churn") == following

    @pytest.mark.parametrize(
        ("taken", "expected"),
        [
            (["1.0.9", "1.0.10"], "1.0.10"),
            (["1.0.0", "2.0.0-rc.1"], "1.0.0"),
            (["2.0.0-rc.2", "2.0.0-rc.10", "2.0.0-alpha"], "2.0.0-rc.10"),
        ],
    )
    def test_the_newest_is_the_highest_that_is_no_pre_release(
        self, registry: LocalRegistry, taken: list[str], expected: str
    ) -> None:
        add_all(registry, *taken)
        assert registry.resolve(parse_package("churn")).version == expected

    def test_by_fingerprint_finds_the_newest_release_of_that_content_under_that_name(
        self, registry: LocalRegistry
    ) -> None:
        registry.add(record(version="1.0.0", content="same"))
        registry.add(record(version="1.0.1", content="same"))
        registry.add(record(version="2.0.0-rc.1", content="same"))
        registry.add(record(version="3.0.0", content="other"))
        registry.add(record("fraud", version="9.0.0", content="same"))
        found = registry.by_fingerprint("churn", digest("same"))
        assert found is not None
        assert found.version == "1.0.1"
        assert registry.by_fingerprint("churn", digest("none")) is None

    def test_a_list_goes_from_low_to_high(self, registry: LocalRegistry) -> None:
        add_all(registry, "1.0.10", "1.0.9", "1.0.10-rc.1")
        add_all(registry, "0.1.0", name="abacus")
        assert [found.version for found in registry.versions("churn")] == ["1.0.9", "1.0.10-rc.1", "1.0.10"]
        assert [found.name for found in registry.versions()] == ["abacus", "churn", "churn", "churn"]

    def test_a_seal_that_lost_its_version_to_another_is_done_again_for_the_next(
        self, registry: LocalRegistry, tmp_path: Path
    ) -> None:
        asked: list[str] = []

        def seal(version: str) -> VersionRecord:
            if not asked:
                with LocalRegistry(tmp_path / "home") as other:
                    other.add(record(version=version, content="another's"))
            asked.append(version)
            return record(version=version, content="mine")

        assert registry.add_next("churn", seal).version == "1.0.1"
        assert asked == ["1.0.0", "1.0.1"]

    def test_a_seal_that_keeps_answering_with_a_taken_version_is_an_error_not_a_loop(
        self, registry: LocalRegistry
    ) -> None:
        add_all(registry, "1.0.0")
        with pytest.raises(VersionExists):
            registry.add_next("churn", lambda _: record(version="1.0.0", content="mine"))


class TestNotFound:
    def test_a_misspelled_name_is_answered_with_near_ones(self, registry: LocalRegistry) -> None:
        add_all(registry, "1.0.0", name="churn")
        add_all(registry, "1.0.0", name="fraud")
        with pytest.raises(NotFound) as caught:
            registry.resolve(parse_package("chrun"))
        assert caught.value.hint == "did you mean churn?"
        assert caught.value.facts == {"reference": "chrun"}

    def test_a_name_without_its_namespace_is_answered_with_the_full_one(self, registry: LocalRegistry) -> None:
        add_all(registry, "1.0.0", name="team-of-many-people/churn")
        with pytest.raises(NotFound) as caught:
            registry.resolve(parse_package("churn"))
        assert caught.value.hint == "did you mean team-of-many-people/churn?"

    def test_an_empty_store_says_how_to_fill_it(self, registry: LocalRegistry) -> None:
        with pytest.raises(NotFound) as caught:
            registry.resolve(parse_package("churn"))
        assert "holdall pack" in (caught.value.hint or "")

    def test_an_unknown_version_is_answered_with_those_there_are(self, registry: LocalRegistry) -> None:
        add_all(registry, "1.0.0", "1.1.0")
        with pytest.raises(NotFound) as caught:
            registry.resolve(parse_package("churn:1.2.0"))
        assert "churn:1.1.0, churn:1.0.0" in (caught.value.hint or "")

    def test_an_unknown_alias_is_answered_with_those_there_are(self, registry: LocalRegistry) -> None:
        add_all(registry, "1.0.0")
        registry.promote(parse_package("churn"), "production")
        for ask in (
            lambda: registry.resolve(parse_package("churn@prod")),
            lambda: registry.rollback("churn", "prod"),
            lambda: registry.history("churn", "prod"),
            lambda: registry.at("churn", "prod", "2026-01-01"),
        ):
            with pytest.raises(NotFound) as caught:
                ask()
            assert "churn@production" in (caught.value.hint or "")

    def test_a_digest_is_found_under_its_own_name_only(self, registry: LocalRegistry) -> None:
        add_all(registry, "1.0.0")
        add_all(registry, "1.0.0", name="fraud")
        reference = PackageReference("fraud", digest=record("churn").digest)
        with pytest.raises(NotFound):
            registry.resolve(reference)

    def test_history_of_an_unknown_name_is_not_found_and_of_a_name_without_aliases_empty(
        self, registry: LocalRegistry
    ) -> None:
        add_all(registry, "1.0.0")
        assert registry.history("churn") == []
        for ask in (registry.history, registry.versions):
            with pytest.raises(NotFound):
                ask("fraud")


class TestAliases:
    def test_rollback_goes_one_promotion_back_each_time_until_nothing_is_earlier(self, registry: LocalRegistry) -> None:
        add_all(registry, "1.0.0", "1.0.1", "1.0.2", "1.0.3")
        for version in ("1.0.0", "1.0.1", "1.0.2"):
            registry.promote(parse_package(f"churn:{version}"), "production")
        assert registry.rollback("churn", "production").to_version == "1.0.1"
        registry.promote(parse_package("churn:1.0.3"), "production")
        back = [registry.rollback("churn", "production").to_version for _ in range(2)]
        assert back == ["1.0.1", "1.0.0"]
        with pytest.raises(NothingEarlier):
            registry.rollback("churn", "production")
        assert registry.resolve(parse_package("churn@production")).version == "1.0.0"

    def test_promoting_what_is_live_is_kept_but_does_not_swallow_the_next_rollback(
        self, registry: LocalRegistry
    ) -> None:
        add_all(registry, "1.0.0", "1.0.1")
        for version in ("1.0.0", "1.0.1", "1.0.1"):
            registry.promote(parse_package(f"churn:{version}"), "production")
        assert len(registry.history("churn", "production")) == 3
        assert registry.rollback("churn", "production").to_version == "1.0.0"

    def test_a_move_says_all_that_was_asked_of_it(self, registry: LocalRegistry) -> None:
        add_all(registry, "1.0.0", "1.0.1")
        before = moment.now()
        first = registry.promote(parse_package("churn:1.0.0"), "production")
        move = registry.promote(parse_package("churn:1.0.1"), "production", reason="better auc", actor="ada")
        assert (first.from_version, first.from_digest) == (None, None)
        assert (move.name, move.alias, move.action) == ("churn", "production", "promote")
        assert (move.from_version, move.to_version) == ("1.0.0", "1.0.1")
        assert (move.from_digest, move.to_digest) == (record().digest, record(version="1.0.1").digest)
        assert (move.reason, move.actor) == ("better auc", "ada")
        assert before <= first.time <= move.time <= moment.now()
        assert registry.history("churn") == [first, move]

    def test_an_alias_can_be_promoted_from_an_alias_and_then_goes_its_own_way(self, registry: LocalRegistry) -> None:
        add_all(registry, "1.0.0", "1.0.1")
        registry.promote(parse_package("churn:1.0.0"), "staging")
        registry.promote(parse_package("churn@staging"), "production")
        registry.promote(parse_package("churn:1.0.1"), "staging")
        assert registry.aliases("churn") == {"production": "1.0.0", "staging": "1.0.1"}
        assert registry.aliases_of(record(version="1.0.1").digest) == ["staging"]
        assert registry.aliases_of(record(version="1.0.0").digest) == ["production"]

    def test_aliases_of_two_names_do_not_meet(self, registry: LocalRegistry) -> None:
        add_all(registry, "1.0.0", "1.0.1")
        add_all(registry, "5.0.0", name="fraud")
        registry.promote(parse_package("churn:1.0.0"), "production")
        registry.promote(parse_package("fraud"), "production")
        registry.promote(parse_package("churn:1.0.1"), "production")
        assert registry.aliases("churn") == {"production": "1.0.1"}
        assert registry.aliases("fraud") == {"production": "5.0.0"}
        with pytest.raises(NothingEarlier):
            registry.rollback("fraud", "production")

    @pytest.mark.parametrize("alias", ["sha256", "Production", "", "a b", "1st", "a" * 64])
    def test_what_is_not_an_alias_is_refused(self, registry: LocalRegistry, alias: str) -> None:
        add_all(registry, "1.0.0")
        with pytest.raises(InvalidName):
            registry.promote(parse_package("churn"), alias)

    def test_at_tells_what_was_live(self, registry: LocalRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
        add_all(registry, "1.0.0", "1.0.1")
        for day, version in (("2026-03-01", "1.0.0"), ("2026-03-05", "1.0.1")):
            monkeypatch.setattr(moment, "now", lambda day=day: moment.parse(day))
            registry.promote(parse_package(f"churn:{version}"), "production")
        asked = {day: registry.at("churn", "production", day) for day in ("2026-02-28", "2026-03-04", "2026-03-05")}
        assert {day: found and found.version for day, found in asked.items()} == {
            "2026-02-28": None,
            "2026-03-04": "1.0.0",
            "2026-03-05": "1.0.1",
        }
        with pytest.raises(UsageError):
            registry.at("churn", "production", "last tuesday")

    def test_a_clock_that_was_set_back_does_not_reorder_history(
        self, registry: LocalRegistry, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        add_all(registry, "1.0.0", "1.0.1")
        for day, version in (("2026-03-05", "1.0.0"), ("2026-03-01", "1.0.1")):
            monkeypatch.setattr(moment, "now", lambda day=day: moment.parse(day))
            registry.promote(parse_package(f"churn:{version}"), "production")
        times = [move.time for move in registry.history("churn")]
        assert times == sorted(times)
        found = registry.at("churn", "production", "2026-03-06")
        assert found is not None
        assert found.version == "1.0.1"


class TestReferrers:
    def test_referrers_are_listed_in_order_and_twice_is_once(self, registry: LocalRegistry) -> None:
        subject = record().digest
        registry.attach(subject, digest("a"), "application/parity")
        registry.attach(subject, digest("b"), "application/examples")
        registry.attach(subject, digest("a"), "application/parity")
        assert registry.referrers(subject) == [digest("a"), digest("b")]
        assert registry.referrers(subject, "application/examples") == [digest("b")]
        assert registry.artifact_types(subject) == ["application/examples", "application/parity"]
        assert registry.referrers(digest("other")) == []

    def test_what_is_not_a_digest_is_refused(self, registry: LocalRegistry) -> None:
        with pytest.raises(InvalidReference):
            registry.attach(record().digest, Digest("sha256:1"), "application/parity")


class TestTheFile:
    def test_it_is_private_whatever_the_umask(self, tmp_path: Path) -> None:
        before = os.umask(0)
        try:
            with LocalRegistry(tmp_path / "a" / "home") as registry:
                add_all(registry, "1.0.0")
                modes = {
                    path.name: stat.S_IMODE(path.stat().st_mode)
                    for path in (tmp_path / "a" / "home", *(tmp_path / "a" / "home").iterdir())
                }
        finally:
            os.umask(before)
        assert modes == {"home": 0o700, FILE: 0o600, f"{FILE}-wal": 0o600, f"{FILE}-shm": 0o600}

    def test_what_is_acknowledged_is_synced(self, registry: LocalRegistry) -> None:
        connection = registry._database._connection
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
        assert connection.execute("PRAGMA foreign_keys").fetchone() == (1,)

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE versions SET digest = 'x'",
            "DELETE FROM versions",
            "INSERT OR REPLACE INTO versions SELECT * FROM versions",
            "UPDATE moves SET version = '1.0.1'",
            "DELETE FROM moves",
        ],
    )
    def test_not_even_a_mistake_of_ours_changes_the_past(self, registry: LocalRegistry, statement: str) -> None:
        add_all(registry, "1.0.0")
        registry.promote(parse_package("churn"), "production")
        with pytest.raises(StoreUnreadable, match=r"never|append-only"), registry._database.changing():
            registry._database.run(statement)
        assert registry.versions() == [record()]
        assert len(registry.history("churn")) == 1

    def test_a_change_that_fails_half_way_leaves_nothing(self, registry: LocalRegistry) -> None:
        def fail_half_way() -> None:
            with registry._database.changing():
                registry._database.run("INSERT INTO referrers (subject, digest, artifact_type) VALUES ('a', 'b', 'c')")
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            fail_half_way()
        assert registry._database.rows("SELECT * FROM referrers") == []
        add_all(registry, "1.0.0")

    def test_a_newer_database_is_left_alone(self, tmp_path: Path) -> None:
        with LocalRegistry(tmp_path) as registry:
            add_all(registry, "1.0.0")
            registry._database._connection.execute("PRAGMA user_version = 99")
        content = (tmp_path / FILE).read_bytes()
        with pytest.raises(StoreUnreadable, match="newer holdall") as caught:
            LocalRegistry(tmp_path)
        assert "pip install -U holdall" in (caught.value.hint or "")
        assert (tmp_path / FILE).read_bytes() == content

    def test_a_strangers_database_is_left_alone(self, tmp_path: Path) -> None:
        other = sqlite3.connect(tmp_path / FILE)
        other.execute("CREATE TABLE notes (text)")
        other.close()
        content = (tmp_path / FILE).read_bytes()
        with pytest.raises(StoreUnreadable, match="another program's"):
            LocalRegistry(tmp_path)
        assert (tmp_path / FILE).read_bytes() == content

    @pytest.mark.parametrize(
        "content", [b"not a database, but longer than its header is" * 9, b"SQLite format 3\0" * 300]
    )
    def test_a_file_that_is_no_database_is_a_clear_error(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / FILE).write_bytes(content)
        with pytest.raises(StoreUnreadable):
            LocalRegistry(tmp_path)

    def test_a_schema_that_is_half_there_is_a_clear_error(self, tmp_path: Path) -> None:
        with LocalRegistry(tmp_path) as registry:
            registry._database._connection.execute("DROP TABLE moves")
        with LocalRegistry(tmp_path) as registry, pytest.raises(StoreUnreadable, match="no such table"):
            registry.aliases("churn")

    def test_a_folder_in_the_files_place_is_a_clear_error(self, tmp_path: Path) -> None:
        (tmp_path / FILE).mkdir()
        with pytest.raises(StorageFailed):
            LocalRegistry(tmp_path)

    def test_a_file_in_the_folders_place_is_a_clear_error(self, tmp_path: Path) -> None:
        (tmp_path / "home").touch()
        with pytest.raises(StorageFailed):
            LocalRegistry(tmp_path / "home")

    def test_another_that_holds_it_too_long_is_a_clear_error(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(database, "BUSY_SECONDS", 0.05)
        with LocalRegistry(tmp_path) as registry, LocalRegistry(tmp_path) as other, other._database.changing():
            with pytest.raises(StorageFailed, match="another process"):
                add_all(registry, "1.0.0")
            assert registry.versions() == []

    def test_where_nothing_can_be_written_it_is_still_read(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with LocalRegistry(tmp_path) as registry:
            add_all(registry, "1.0.0")
        monkeypatch.setattr(database, "_can_write", lambda _: False)
        with LocalRegistry(tmp_path) as registry:
            assert registry.versions() == [record()]
            with pytest.raises(StorageFailed, match="readonly"):
                add_all(registry, "1.0.1")
        assert [path.name for path in tmp_path.iterdir()] == [FILE]

    def test_the_home_may_hold_any_character(self, tmp_path: Path) -> None:
        home = tmp_path / "with space?#%20&é"
        with LocalRegistry(home) as registry:
            add_all(registry, "1.0.0")
        with LocalRegistry(home) as registry:
            assert registry.versions() == [record()]
