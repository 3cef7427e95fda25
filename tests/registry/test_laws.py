"""The registry against a perfect one in memory: any order of verbs, reopened at any moment, gives the same answers."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from holdall.errors import NotFound, NothingEarlier, VersionExists
from holdall.registry.local import LocalRegistry
from holdall.registry.records import VersionRecord
from holdall.spec.reference import PackageReference, Version
from tests.registry.records import digest, record

NAMES = st.sampled_from(["churn", "team/churn", "fraud"])
ALIASES = st.sampled_from(["production", "staging"])
VERSIONS = st.sampled_from(["0.9.0", "1.0.0-rc.1", "1.0.0-rc.2", "1.0.0", "1.0.9", "1.0.10", "2.0.0-alpha"])
CONTENTS = st.sampled_from(["a", "b"])


class Perfect:
    """What the registry should be, as plain lists."""

    def __init__(self) -> None:
        self.records: dict[tuple[str, str], VersionRecord] = {}
        self.stacks: dict[tuple[str, str], list[str]] = {}
        self.moves: list[tuple[str, str, str, str | None, str]] = []
        self.referrers: dict[str, list[str]] = {}

    def of(self, name: str) -> list[VersionRecord]:
        found = [kept for (other, _), kept in self.records.items() if other == name]
        return sorted(found, key=lambda kept: Version.parse(kept.version))

    def newest(self, name: str) -> VersionRecord | None:
        found = self.of(name)
        released = [kept for kept in found if "-" not in kept.version]
        return (released or found or [None])[-1]

    def live(self, name: str, alias: str) -> VersionRecord | None:
        stack = self.stacks.get((name, alias))
        return self.records[name, stack[-1]] if stack else None


class RegistryMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.home = Path(tempfile.mkdtemp())
        self.registry = LocalRegistry(self.home)
        self.perfect = Perfect()
        self.live_at: list[tuple[str, str, str, VersionRecord]] = []

    def teardown(self) -> None:
        self.registry.close()
        shutil.rmtree(self.home)

    @rule()
    def reopen(self) -> None:
        self.registry.close()
        self.registry = LocalRegistry(self.home)

    @rule(name=NAMES, version=VERSIONS, content=CONTENTS)
    def add(self, name: str, version: str, content: str) -> None:
        new = record(name, version, content)
        there = self.perfect.records.get((name, version))
        if there is not None and there != new:
            with pytest.raises(VersionExists):
                self.registry.add(new)
        else:
            assert self.registry.add(new) == new
            self.perfect.records[name, version] = new

    @rule(name=NAMES, content=CONTENTS)
    def add_next(self, name: str, content: str) -> None:
        taken = self.perfect.of(name)
        new = self.registry.add_next(name, lambda version: record(name, version, content))
        assert all(Version.parse(kept.version) < Version.parse(new.version) for kept in taken)
        assert "-" not in new.version
        self.perfect.records[name, new.version] = new

    @rule(name=NAMES, version=st.none() | VERSIONS, alias=ALIASES, reason=st.none() | st.text(max_size=5))
    def promote(self, name: str, version: str | None, alias: str, reason: str | None) -> None:
        target = self.perfect.newest(name) if version is None else self.perfect.records.get((name, version))
        reference = PackageReference(name, version)
        if target is None:
            with pytest.raises(NotFound):
                self.registry.promote(reference, alias, reason)
            return
        move = self.registry.promote(reference, alias, reason)
        before = self.perfect.live(name, alias)
        stack = self.perfect.stacks.setdefault((name, alias), [])
        if before != target:
            stack.append(target.version)
        self._moved(move.time, name, alias, "promote", before)
        assert (move.to_digest, move.reason) == (target.digest, reason)

    @rule(name=NAMES, alias=ALIASES)
    def rollback(self, name: str, alias: str) -> None:
        stack = self.perfect.stacks.get((name, alias), [])
        before = self.perfect.live(name, alias)
        if len(stack) < 2:
            with pytest.raises(NothingEarlier if stack else NotFound):
                self.registry.rollback(name, alias)
            return
        move = self.registry.rollback(name, alias)
        stack.pop()
        assert move.to_version == stack[-1]
        self._moved(move.time, name, alias, "rollback", before)

    def _moved(self, time: str, name: str, alias: str, action: str, before: VersionRecord | None) -> None:
        live = self.perfect.live(name, alias)
        assert live is not None
        self.perfect.moves.append((name, alias, action, before and before.version, live.version))
        if self.live_at and self.live_at[-1][:3] == (time, name, alias):
            self.live_at.pop()  # two moves within one microsecond: the later one counts
        self.live_at.append((time, name, alias, live))

    @rule(name=NAMES, version=VERSIONS, referrer=CONTENTS)
    def attach(self, name: str, version: str, referrer: str) -> None:
        subject = record(name, version).digest
        self.registry.attach(subject, digest(referrer), "application/parity")
        kept = self.perfect.referrers.setdefault(subject, [])
        if digest(referrer) not in kept:
            kept.append(digest(referrer))

    @rule(name=NAMES, version=VERSIONS, content=CONTENTS)
    def find_by_content(self, name: str, version: str, content: str) -> None:
        same = [kept for kept in self.perfect.of(name) if kept.fingerprint == digest(content)]
        released = [kept for kept in same if "-" not in kept.version]
        assert self.registry.by_fingerprint(name, digest(content)) == (released or same or [None])[-1]
        kept = self.perfect.records.get((name, version))
        if kept is not None:
            assert self.registry.by_digest(kept.digest) == kept
            assert self.registry.resolve(PackageReference(name, digest=kept.digest)) == kept
            assert self.registry.resolve(PackageReference(name, version)) == kept
            aliases = [alias for alias in ("production", "staging") if self.perfect.live(name, alias) == kept]
            assert self.registry.aliases_of(kept.digest) == aliases
            assert self.registry.referrers(kept.digest) == self.perfect.referrers.get(kept.digest, [])

    @precondition(lambda self: self.live_at)
    @rule(data=st.data())
    def ask_what_was_live(self, data: st.DataObject) -> None:
        time, name, alias, live = data.draw(st.sampled_from(self.live_at))
        assert self.registry.at(name, alias, time) == live
        assert self.registry.at(name, alias, "1999-12-31") is None

    @invariant()
    def what_is_there_is_what_was_acknowledged(self) -> None:
        for name in ("churn", "team/churn", "fraud"):
            if not self.perfect.of(name):
                assert self.registry.newest(name) is None
                continue
            assert self.registry.versions(name) == self.perfect.of(name)
            assert self.registry.newest(name) == self.perfect.newest(name)
            live = {alias: self.perfect.live(name, alias) for alias in ("production", "staging")}
            assert self.registry.aliases(name) == {alias: kept.version for alias, kept in live.items() if kept}
            history = [
                (move.name, move.alias, str(move.action), move.from_version, move.to_version)
                for move in self.registry.history(name)
            ]
            assert history == [move for move in self.perfect.moves if move[0] == name]


TestRegistryMachine = RegistryMachine.TestCase
TestRegistryMachine.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
